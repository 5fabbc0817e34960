/* SPDX-License-Identifier: MIT
 * The header: enums, structs in an order in which they are complete, and what is compiled into the
 * caller. A type that several schemas contain is in the header of each, guarded by its name and
 * by a hash of its shape, so that they can be included together. */
#include "schemas/generate_out.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"

/* Shape hash: what two definitions of one name must have in common to be the same C type. */

static uint32_t mix(uint32_t hash, const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)data)[i]) * UINT32_C(16777619);
    return hash;
}

static uint32_t mix_text(uint32_t hash, const char *text)
{
    return text == NULL ? mix(hash, "\1", 1) : mix(hash, text, strlen(text) + 1);
}

static uint32_t mix_number(uint32_t hash, uint32_t number)
{
    uint8_t bytes[4] = {(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16),
                        (uint8_t)(number >> 24)};
    return mix(hash, bytes, sizeof bytes);
}

static uint32_t mix_member(uint32_t hash, const stele_member *member)
{
    hash = mix_text(hash, member->name);
    hash = mix_number(hash, (uint32_t)(member->flag_offset != STELE_NO_FLAG) << 2 |
                                (uint32_t)member->null_first << 1 | (uint32_t)member->pointer);
    if (member->layout == NULL) return hash;
    hash =
        mix_number(hash, (uint32_t)member->layout->kind << 8 | (uint32_t)member->layout->logical);
    hash = mix_number(hash, member->layout->precision);
    hash = mix_number(hash, member->layout->scale);
    return mix_text(hash, member->layout->name);
}

/* A shape without what it contains: names in Avro and in C, kind, members. */
static uint32_t hash_alone(const stele_shape *shape)
{
    const stele_layout *layout = shape->layout;
    uint32_t hash =
        mix_number(UINT32_C(2166136261), (uint32_t)layout->kind << 8 | (uint32_t)layout->logical);
    hash = mix_text(mix_text(hash, layout->name), shape->name);
    hash = mix_number(hash, layout->fixed_size);
    hash = mix_number(hash, layout->precision);
    hash = mix_number(hash, layout->scale);
    hash = mix_number(hash, layout->count);
    for (size_t i = 0; shape->words != NULL && i < stele_shape_word_count(shape); i++)
        hash = mix_text(hash, shape->words[i]);
    for (uint32_t i = 0; layout->symbols != NULL && i < layout->count; i++)
        hash = mix_text(hash, layout->symbols[i]);
    if (stele_shape_is_list(shape)) return mix_member(hash, layout->item);
    for (uint32_t i = 0; layout->members != NULL && i < layout->count; i++)
        hash = mix_member(hash, &layout->members[i]);
    return hash;
}

static size_t inner_count(const stele_shape *shape)
{
    if (shape->inner == NULL) return 0;
    return stele_shape_is_list(shape) ? 1 : shape->layout->count;
}

/* Over all that it reaches, in order of first use. */
static uint32_t hash_recursive(const stele_shape *from, const uint32_t *alone, size_t count)
{
    STELE_AUTO(uint8_t) seen = stele_alloc(count);
    const stele_shape **queue = stele_alloc_array(count, sizeof *queue);
    uint32_t hash = mix_number(UINT32_C(2166136261), 1);
    size_t size = 0;
    queue[size++] = from;
    seen[from->index] = 1;
    for (size_t at = 0; at < size; at++) {
        hash = mix_number(hash, alone[queue[at]->index]);
        for (size_t i = 0; i < inner_count(queue[at]); i++) {
            const stele_shape *inner = queue[at]->inner[i];
            if (inner == NULL || seen[inner->index] != 0) continue;
            seen[inner->index] = 1;
            queue[size++] = inner;
        }
    }
    free(queue);
    return hash;
}

/* By index; caller owns. What does not recur is hashed from the hashes of what it contains. */
static uint32_t *hashes_of(const stele_shapes *shapes)
{
    uint32_t *alone = stele_alloc_array(shapes->count, sizeof *alone);
    uint32_t *hashes = stele_alloc_array(shapes->count, sizeof *hashes);
    for (size_t i = 0; i < shapes->count; i++)
        alone[i] = hash_alone(shapes->items[i]);
    for (size_t rank = 0; rank < shapes->count; rank++) {
        const stele_shape *shape = shapes->by_rank[rank];
        uint32_t hash = alone[shape->index];
        if (shape->recursive) hash = hash_recursive(shape, alone, shapes->count);
        for (size_t i = 0; !shape->recursive && i < inner_count(shape); i++) {
            if (shape->inner[i] != NULL) hash = mix_number(hash, hashes[shape->inner[i]->index]);
        }
        hashes[shape->index] = hash;
    }
    free(alone);
    return hashes;
}

/* Order: one entry for each struct, in which those that stand in place inside come before it. */

typedef struct piece {
    const stele_shape *shape;
    bool element; /* the struct of a map's entry or of an array's optional item */
} piece;

typedef struct order {
    const stele_shapes *shapes;
    piece *items;
    size_t count;
    bool *placed;   /* by shape */
    bool *elements; /* by shape */
} order;

static void place(order *o, const stele_shape *shape);

static void place_inner(order *o, const stele_shape *inner)
{
    if (inner == NULL) return;
    if (inner->layout->kind == STELE_KIND_ENUM || inner->layout->kind == STELE_KIND_FIXED) return;
    place(o, inner);
}

static void place(order *o, const stele_shape *shape)
{
    if (o->placed[shape->index]) return;
    o->placed[shape->index] = true;
    if (!stele_shape_is_list(shape)) {
        for (uint32_t i = 0; i < shape->layout->count; i++) {
            const stele_shape *inner = shape->inner[i];
            if (!shape->layout->members[i].pointer) place_inner(o, inner);
        }
    }
    o->items[o->count++] = (piece){shape, false};
}

static void place_element(order *o, const stele_shape *list)
{
    if (list->element == NULL || o->elements[list->index]) return;
    o->elements[list->index] = true;
    place_inner(o, list->inner[0]);
    o->items[o->count++] = (piece){list, true};
}

static bool is_struct(const stele_shape *shape)
{
    return shape->layout->kind != STELE_KIND_ENUM && shape->layout->kind != STELE_KIND_FIXED;
}

static void order_init(order *o, const stele_shapes *shapes)
{
    *o = (order){.shapes = shapes};
    o->items = stele_alloc_array(2 * shapes->count, sizeof *o->items);
    o->placed = stele_alloc_array(shapes->count, sizeof *o->placed);
    o->elements = stele_alloc_array(shapes->count, sizeof *o->elements);
    for (size_t i = 0; i < shapes->count; i++) {
        const stele_shape *record = shapes->by_rank[i];
        if (record->layout->kind != STELE_KIND_RECORD) continue;
        place(o, record);
        for (size_t k = 0; k < shapes->count; k++) {
            const stele_shape *part = shapes->by_rank[k];
            if (part->owner != record || !is_struct(part)) continue;
            place(o, part);
            place_element(o, part);
        }
    }
}

static void order_clear(order *o)
{
    free(o->items);
    free(o->placed);
    free(o->elements);
}

/* Structs. */

static void put_record(stele_buffer *out, const stele_shape *shape, const stele_schema_parts *parts)
{
    const char *full_name = shape->layout->name;
    stele_generate_comment(out, stele_schema_parts_doc(parts, full_name, NULL), "");
    stele_buffer_format(out, "struct %s {\n", shape->name);
    for (uint32_t i = 0; i < shape->layout->count; i++) {
        const char *name = shape->layout->members[i].name;
        stele_generate_comment(out, stele_schema_parts_doc(parts, full_name, name), "    ");
        if (shape->flags[i] != NULL) stele_buffer_format(out, "    bool %s;\n", shape->flags[i]);
        stele_buffer_format(out, "    ");
        stele_shape_declare(shape, i, out);
        stele_buffer_format(out, ";\n");
    }
    if (shape->layout->count == 0) {
        stele_buffer_format(out, "    uint8_t empty; /* C has no struct without a member */\n");
    }
    stele_buffer_format(out, "};\n");
}

static void put_union(stele_buffer *out, const stele_shape *shape)
{
    bool any = false;
    bool branches = shape->layout->count > 0; /* C has no enum without a name in it */
    if (branches) stele_buffer_format(out, "enum {\n");
    for (uint32_t i = 0; i < shape->layout->count; i++) {
        stele_buffer_format(out, "    %s = %" PRIu32 ",\n", shape->flags[i], i);
        any = any || shape->layout->members[i].layout != NULL;
    }
    if (branches) stele_buffer_format(out, "};\n");
    stele_buffer_format(out, "struct %s {\n    int32_t branch;\n", shape->name);
    if (any) stele_buffer_format(out, "    union {\n");
    for (uint32_t i = 0; i < shape->layout->count; i++) {
        if (shape->layout->members[i].layout == NULL) continue;
        stele_buffer_format(out, "        ");
        stele_shape_declare(shape, i, out);
        stele_buffer_format(out, ";\n");
    }
    if (any) stele_buffer_format(out, "    } as;\n");
    stele_buffer_format(out, "};\n");
}

static void put_list(stele_buffer *out, const stele_shape *shape)
{
    bool map = shape->layout->kind == STELE_KIND_MAP;
    stele_buffer_format(out, "struct %s {\n    size_t count;\n    %s *%s;\n};\n", shape->name,
                        stele_shape_element(shape), map ? "entries" : "items");
}

static void put_element(stele_buffer *out, const stele_shape *shape)
{
    const stele_member *item = shape->layout->item;
    stele_buffer_format(out, "struct %s {\n", shape->element);
    if (shape->layout->kind == STELE_KIND_MAP) stele_buffer_format(out, "    stele_bytes key;\n");
    if (item->flag_offset != STELE_NO_FLAG) stele_buffer_format(out, "    bool has_value;\n");
    stele_buffer_format(out, "    %s %svalue;\n};\n",
                        stele_shape_type(item->layout, shape->inner[0]), item->pointer ? "*" : "");
}

static void put_piece(stele_buffer *out, const piece *p, const stele_schema_parts *parts)
{
    if (p->element) {
        put_element(out, p->shape);
    } else if (stele_shape_is_list(p->shape)) {
        put_list(out, p->shape);
    } else if (p->shape->layout->kind == STELE_KIND_UNION) {
        put_union(out, p->shape);
    } else {
        put_record(out, p->shape, parts);
    }
}

/* Guards. No constant is called as one of them: a type's name has a small letter. */

static void open_guard(stele_buffer *out, const char *name, uint32_t hash)
{
    stele_buffer_format(out, "#ifndef STELE_SHAPE_%s\n#define STELE_SHAPE_%s 0x%08" PRIx32 "\n",
                        name, name, hash);
}

static void close_guard(stele_buffer *out, const char *name, const char *full_name, uint32_t hash)
{
    stele_buffer_format(out,
                        "#elif STELE_SHAPE_%s != 0x%08" PRIx32 "\n"
                        "#error \"%s: a header that was included before has another type of this "
                        "name in C; give one of the two a prefix\"\n"
                        "#endif\n\n",
                        name, hash, full_name);
}

static void put_enum(stele_buffer *out, const stele_shape *shape)
{
    const stele_layout *layout = shape->layout;
    stele_buffer_format(out, "typedef enum %s {\n", shape->name);
    if (layout->count == 0) {
        stele_buffer_format(out,
                            "    %s /* it has no symbols, and C no enum without constants */\n",
                            shape->words[0]);
    }
    for (uint32_t i = 0; i < layout->count; i++)
        stele_buffer_format(out, "    %s = %" PRIu32 ",\n", shape->words[i], i);
    stele_buffer_format(out,
                        "} %s;\n\n"
                        "static inline const char *%s_name(%s value)\n{\n",
                        shape->name, shape->name, shape->name);
    stele_buffer_format(out, layout->count == 0 ? "    (void)value;\n" : "    switch (value) {\n");
    for (uint32_t i = 0; i < layout->count; i++) {
        stele_buffer_format(out, "    case %s: return \"%s\";\n", shape->words[i],
                            layout->symbols[i]);
    }
    stele_buffer_format(out, "%s    return \"?\";\n}\n", layout->count == 0 ? "" : "    }\n");
}

static void put_enums_and_fixeds(const stele_shapes *shapes, const uint32_t *hashes,
                                 const stele_schema_parts *parts, stele_buffer *out)
{
    for (size_t i = 0; i < shapes->count; i++) {
        const stele_shape *shape = shapes->by_rank[i];
        if (is_struct(shape)) continue;
        uint32_t hash = hashes[shape->index];
        open_guard(out, shape->name, hash);
        stele_generate_comment(out, stele_schema_parts_doc(parts, shape->layout->name, NULL), "");
        if (shape->layout->kind == STELE_KIND_ENUM) {
            put_enum(out, shape);
        } else {
            stele_buffer_format(out, "typedef uint8_t %s[%" PRIu32 "];\n", shape->name,
                                shape->layout->size);
        }
        close_guard(out, shape->name, shape->layout->name, hash);
    }
}

static void put_forwards(const order *o, stele_buffer *out)
{
    for (size_t i = 0; i < o->count; i++) {
        const piece *p = &o->items[i];
        const char *name = p->element ? p->shape->element : p->shape->name;
        stele_buffer_format(out, "typedef struct %s %s;\n", name, name);
    }
    stele_buffer_format(out, "\n");
}

/* Of a run of structs of one record: the record's if it is among them, else the first one's. */
static const char *guard_name(const order *o, size_t first)
{
    const stele_shape *owner = o->items[first].shape->owner;
    for (size_t i = first; i < o->count && o->items[i].shape->owner == owner; i++) {
        if (o->items[i].shape == owner) return owner->name;
    }
    return o->items[first].element ? o->items[first].shape->element : o->items[first].shape->name;
}

/* Structs of one record that follow one another share a guard; mostly that is all of them. */
static void put_structs(const order *o, const uint32_t *hashes, const stele_schema_parts *parts,
                        stele_buffer *out)
{
    for (size_t i = 0; i < o->count;) {
        const stele_shape *owner = o->items[i].shape->owner;
        const char *name = guard_name(o, i);
        uint32_t hash = hashes[owner->index];
        open_guard(out, name, hash);
        for (bool first = true; i < o->count && o->items[i].shape->owner == owner; i++) {
            if (!first) stele_buffer_format(out, "\n");
            first = false;
            put_piece(out, &o->items[i], parts);
        }
        close_guard(out, name, owner->layout->name, hash);
    }
}

/* Functions. */

static void put_record_functions(stele_buffer *out, const stele_shape *shape)
{
    const char *n = shape->name;
    stele_buffer_format(out, "extern const stele_type %s_type;\n\n", n);
    stele_buffer_format(out,
                        "/** Release what an owned value owns, and make it all zero. */\n"
                        "static inline void %s_clear(%s *value)\n{\n"
                        "    stele_value_clear(&%s_type, value);\n}\n\n",
                        n, n, n);
    stele_buffer_format(out,
                        "/** Make `to` an owned copy of `from`. What `to` held is released. */\n"
                        "static inline void %s_copy(%s *to, const %s *from)\n{\n"
                        "    stele_value_copy(&%s_type, to, from);\n}\n\n",
                        n, n, n, n);
    stele_buffer_format(out,
                        "static inline bool %s_equal(const %s *a, const %s *b)\n{\n"
                        "    return stele_value_equal(&%s_type, a, b);\n}\n\n",
                        n, n, n, n);
    stele_buffer_format(
        out,
        "/** Append it as one line of plain JSON. */\n"
        "static inline stele_status %s_to_json(const %s *value, stele_buffer *out, "
        "stele_error *err)\n{\n"
        "    return stele_json_write(&%s_type, value, STELE_JSON_PLAIN, out, err);\n"
        "}\n\n",
        n, n, n);
    stele_buffer_format(
        out,
        "/** From plain JSON; the value is not owned, it is valid as long as `arena`. */\n"
        "static inline stele_status %s_from_json(stele_bytes text, %s *value, stele_arena *arena, "
        "stele_error *err)\n{\n"
        "    return stele_json_read(&%s_type, text, STELE_JSON_PLAIN, NULL, value, arena, err);\n"
        "}\n\n",
        n, n, n);
}

/* The layout of a part of a record, as an expression over its stele_type. */
static char *layout_path(const stele_shape *shape)
{
    if (stele_shape_is_named(shape)) return stele_strdup_format("%s_type.layout", shape->name);
    STELE_AUTO(char) outer = layout_path(shape->parent);
    if (stele_shape_is_list(shape->parent)) return stele_strdup_format("%s->item->layout", outer);
    size_t i = 0;
    while (shape->parent->inner[i] != shape)
        i++;
    return stele_strdup_format("%s->members[%zu].layout", outer, i);
}

static void put_array_functions(stele_buffer *out, const stele_shape *shape)
{
    const char *n = shape->name;
    const char *element = stele_shape_element(shape);
    STELE_AUTO(char) layout = layout_path(shape);
    stele_buffer_format(out,
                        "/** A new item at the end of an owned array, all zero; valid until the "
                        "next one. */\n"
                        "static inline %s *%s_add(%s *array)\n{\n"
                        "    array->items = (%s *)stele_owned_grow(array->items, array->count, "
                        "sizeof *array->items);\n"
                        "    return &array->items[array->count++];\n}\n\n",
                        element, n, n, element);
    stele_buffer_format(out,
                        "/** Remove an item of an owned array; those behind it move up. */\n"
                        "static inline void %s_remove(%s *array, size_t index)\n{\n"
                        "    stele_owned_remove(%s, array->items, array->count, index);\n"
                        "    array->count--;\n}\n\n",
                        n, n, layout);
}

static void put_map_functions(stele_buffer *out, const stele_shape *shape)
{
    const char *n = shape->name;
    const char *element = shape->element;
    STELE_AUTO(char) layout = layout_path(shape);
    stele_buffer_format(out,
                        "/** The entry with this key, or NULL; looks at one after another. */\n"
                        "static inline %s *%s_find(const %s *map, stele_bytes key)\n{\n"
                        "    size_t i = stele_map_find(map->entries, map->count, sizeof "
                        "*map->entries, key);\n"
                        "    return i == map->count ? NULL : &map->entries[i];\n}\n\n",
                        element, n, n);
    stele_buffer_format(
        out,
        "/** The entry with this key, in an owned map; a new one's value is all zero. */\n"
        "static inline %s *%s_add(%s *map, stele_bytes key)\n{\n"
        "    %s *found = %s_find(map, key);\n"
        "    if (found != NULL) return found;\n"
        "    map->entries = (%s *)stele_owned_grow(map->entries, map->count, sizeof "
        "*map->entries);\n"
        "    found = &map->entries[map->count++];\n"
        "    stele_text_set(&found->key, key);\n"
        "    return found;\n}\n\n",
        element, n, n, element, n, element);
    stele_buffer_format(out,
                        "/** Remove the entry with this key from an owned map; false if there is "
                        "none. */\n"
                        "static inline bool %s_remove(%s *map, stele_bytes key)\n{\n"
                        "    size_t i = stele_map_find(map->entries, map->count, sizeof "
                        "*map->entries, key);\n"
                        "    if (i == map->count) return false;\n"
                        "    stele_owned_remove(%s, map->entries, map->count, i);\n"
                        "    map->count--;\n"
                        "    return true;\n}\n\n",
                        n, n, layout);
}

static void put_functions(const stele_shapes *shapes, stele_buffer *out)
{
    for (size_t i = 0; i < shapes->count; i++) {
        const stele_shape *record = shapes->by_rank[i];
        if (record->layout->kind != STELE_KIND_RECORD) continue;
        stele_buffer_format(out, "#ifndef STELE_CALLS_%s\n#define STELE_CALLS_%s\n", record->name,
                            record->name);
        put_record_functions(out, record);
        for (size_t k = 0; k < shapes->count; k++) {
            const stele_shape *part = shapes->items[k];
            if (part->owner != record || part == record) continue;
            if (part->layout->kind == STELE_KIND_ARRAY) put_array_functions(out, part);
            if (part->layout->kind == STELE_KIND_MAP) put_map_functions(out, part);
        }
        stele_buffer_format(out, "#endif\n\n");
    }
}

/* Of its content: a header is skipped only if it is the very one that was included before. */
static uint64_t guard_of(stele_bytes body)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < body.size; i++)
        hash = (hash ^ body.data[i]) * UINT64_C(1099511628211);
    return hash;
}

void stele_generate_header(const stele_shapes *shapes, const stele_schema_parts *parts,
                           stele_buffer *out)
{
    STELE_AUTO_VALUE(stele_buffer) body = {0};
    uint32_t *hashes = hashes_of(shapes);
    order o;
    order_init(&o, shapes);
    put_forwards(&o, &body);
    put_enums_and_fixeds(shapes, hashes, parts, &body);
    put_structs(&o, hashes, parts, &body);
    put_functions(shapes, &body);
    order_clear(&o);
    free(hashes);

    uint64_t guard = guard_of(stele_buffer_view(&body));
    stele_buffer_format(out,
                        "/* Made by `stele schema generate` from the schema of %s.\n"
                        " * A change here is lost: change the schema. */\n"
                        "#ifndef STELE_GENERATED_%016" PRIX64 "\n"
                        "#define STELE_GENERATED_%016" PRIX64 "\n\n"
                        "#include <stele/generated.h>\n\n"
                        "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n",
                        shapes->items[0]->layout->name, guard, guard);
    stele_buffer_append(out, stele_buffer_view(&body));
    stele_buffer_format(out, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}
