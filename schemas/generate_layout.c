/* SPDX-License-Identifier: MIT
 * The layouts of a schema's types as constants, with offsets and sizes that the C compiler fills
 * in. */
#include "schemas/generate_out.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"

static const char *const kinds[] = {
    "NULL",   "BOOLEAN", "INT",  "LONG",  "FLOAT", "DOUBLE", "BYTES",
    "STRING", "FIXED",   "ENUM", "ARRAY", "MAP",   "RECORD", "UNION",
};

static const char *const logicals[] = {
    "NONE",
    "DECIMAL",
    "UUID",
    "DATE",
    "TIME_MILLIS",
    "TIME_MICROS",
    "TIMESTAMP_MILLIS",
    "TIMESTAMP_MICROS",
    "TIMESTAMP_NANOS",
    "LOCAL_TIMESTAMP_MILLIS",
    "LOCAL_TIMESTAMP_MICROS",
    "LOCAL_TIMESTAMP_NANOS",
    "DURATION",
};

/* Scalars have no C name of their own: equal ones share a table, called by its number. */
typedef struct scalars {
    const stele_layout **items;
    size_t count;
} scalars;

static bool same_name(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_scalar(const stele_layout *a, const stele_layout *b)
{
    return a->kind == b->kind && a->logical == b->logical && same_name(a->name, b->name) &&
           a->fixed_size == b->fixed_size && a->precision == b->precision && a->scale == b->scale;
}

static size_t scalar_index(const scalars *set, const stele_layout *layout)
{
    size_t i = 0;
    while (i < set->count && !same_scalar(set->items[i], layout))
        i++;
    return i;
}

static void collect(scalars *set, const stele_layout *layout, const stele_shape *shape)
{
    if (shape != NULL || layout == NULL || scalar_index(set, layout) < set->count) return;
    set->items = stele_realloc_array(set->items, set->count + 1, sizeof *set->items);
    set->items[set->count++] = layout;
}

static void collect_all(scalars *set, const stele_shapes *shapes)
{
    for (size_t i = 0; i < shapes->count; i++) {
        const stele_shape *shape = shapes->by_rank[i];
        if (stele_shape_is_list(shape)) {
            collect(set, shape->layout->item->layout, shape->inner[0]);
        } else if (shape->inner != NULL) {
            for (uint32_t k = 0; k < shape->layout->count; k++)
                collect(set, shape->layout->members[k].layout, shape->inner[k]);
        }
    }
}

/* What every layout begins with. */
static void put_common(stele_buffer *out, const stele_layout *layout, const char *type)
{
    stele_buffer_format(out, "    .kind = STELE_KIND_%s,\n", kinds[layout->kind]);
    if (layout->logical != STELE_LOGICAL_NONE) {
        stele_buffer_format(out, "    .logical = STELE_LOGICAL_%s,\n", logicals[layout->logical]);
    }
    stele_buffer_format(out, "    .size = sizeof(%s),\n    .align = _Alignof(%s),\n", type, type);
    if (layout->name != NULL) stele_buffer_format(out, "    .name = \"%s\",\n", layout->name);
    if (layout->kind == STELE_KIND_FIXED) {
        stele_buffer_format(out, "    .fixed_size = %" PRIu32 ",\n", layout->fixed_size);
    }
    if (layout->logical == STELE_LOGICAL_DECIMAL) {
        stele_buffer_format(out, "    .precision = %" PRIu32 ",\n    .scale = %" PRIu32 ",\n",
                            layout->precision, layout->scale);
    }
}

static void put_layout_name(stele_buffer *out, const scalars *set, const stele_layout *layout,
                            const stele_shape *shape)
{
    if (layout == NULL) {
        stele_buffer_format(out, "NULL");
    } else if (shape != NULL) {
        stele_buffer_format(out, "&%s__layout", shape->name);
    } else {
        stele_buffer_format(out, "&stele_scalar_%zu", scalar_index(set, layout));
    }
}

/* One stele_member; `offset` and `flag_offset` are C expressions. */
static void put_member(stele_buffer *out, const scalars *set, const stele_member *member,
                       const stele_shape *inner, const char *offset, const char *flag_offset)
{
    stele_buffer_format(out, "{.layout = ");
    put_layout_name(out, set, member->layout, inner);
    if (member->name != NULL) stele_buffer_format(out, ", .name = \"%s\"", member->name);
    stele_buffer_format(out, ", .offset = %s, .flag_offset = %s", offset, flag_offset);
    if (member->null_first) stele_buffer_format(out, ", .null_first = true");
    if (member->pointer) stele_buffer_format(out, ", .pointer = true");
    if (member->recurs) stele_buffer_format(out, ", .recurs = true");
    if (member->plain != STELE_KIND_NULL) {
        stele_buffer_format(out, ", .plain = STELE_KIND_%s", kinds[member->plain]);
    }
    stele_buffer_format(out, ", .run = %d", member->run);
    if (member->standard != NULL) {
        stele_buffer_format(out, ", .standard = ");
        stele_generate_literal(out, stele_text(member->standard));
    }
    stele_buffer_format(out, "}");
}

static void put_members(stele_buffer *out, const scalars *set, const stele_shape *shape)
{
    const stele_layout *layout = shape->layout;
    bool record = layout->kind == STELE_KIND_RECORD;
    stele_buffer_format(out, "static const stele_member %s__members[] = {\n", shape->name);
    for (uint32_t i = 0; i < layout->count; i++) {
        const stele_member *member = &layout->members[i];
        STELE_AUTO(char)
        offset = record ? stele_strdup_format("offsetof(%s, %s)", shape->name, shape->words[i])
                 : member->layout == NULL
                     ? stele_strdup("0")
                     : stele_strdup_format("offsetof(%s, as.%s)", shape->name, shape->words[i]);
        STELE_AUTO(char)
        flag = record && shape->flags[i] != NULL
                   ? stele_strdup_format("offsetof(%s, %s)", shape->name, shape->flags[i])
                   : stele_strdup("STELE_NO_FLAG");
        stele_buffer_format(out, "    ");
        put_member(out, set, member, shape->inner[i], offset, flag);
        stele_buffer_format(out, ",\n");
    }
    stele_buffer_format(out, "};\n\n");
}

static void put_item(stele_buffer *out, const scalars *set, const stele_shape *shape)
{
    const stele_member *item = shape->layout->item;
    STELE_AUTO(char)
    offset = shape->element == NULL ? stele_strdup("0")
                                    : stele_strdup_format("offsetof(%s, value)", shape->element);
    STELE_AUTO(char)
    flag = item->flag_offset == STELE_NO_FLAG
               ? stele_strdup("STELE_NO_FLAG")
               : stele_strdup_format("offsetof(%s, has_value)", shape->element);
    stele_buffer_format(out, "static const stele_member %s__item = ", shape->name);
    put_member(out, set, item, shape->inner[0], offset, flag);
    stele_buffer_format(out, ";\n\n");
}

static void put_symbols(stele_buffer *out, const stele_shape *shape)
{
    stele_buffer_format(out, "static const char *const %s__symbols[] = {\n", shape->name);
    for (uint32_t i = 0; i < shape->layout->count; i++)
        stele_buffer_format(out, "    \"%s\",\n", shape->layout->symbols[i]);
    stele_buffer_format(out, "};\n\n");
}

static void put_shape(stele_buffer *out, const scalars *set, const stele_shape *shape)
{
    const stele_layout *layout = shape->layout;
    bool has_members = (layout->kind == STELE_KIND_RECORD || layout->kind == STELE_KIND_UNION) &&
                       layout->count != 0;
    if (has_members) put_members(out, set, shape);
    if (stele_shape_is_list(shape)) put_item(out, set, shape);
    bool has_symbols = layout->kind == STELE_KIND_ENUM && layout->count != 0;
    if (has_symbols) put_symbols(out, shape);

    stele_buffer_format(out, "static const stele_layout %s__layout = {\n", shape->name);
    put_common(out, layout, shape->name);
    if (!stele_shape_is_list(shape) && layout->kind != STELE_KIND_FIXED) {
        stele_buffer_format(out, "    .count = %" PRIu32 ",\n", layout->count);
    }
    if (has_members) stele_buffer_format(out, "    .members = %s__members,\n", shape->name);
    if (has_symbols) {
        stele_buffer_format(out, "    .symbols = %s__symbols,\n", shape->name);
    }
    if (stele_shape_is_list(shape)) {
        stele_buffer_format(out, "    .item = &%s__item,\n    .stride = sizeof(%s),\n", shape->name,
                            stele_shape_element(shape));
    }
    stele_buffer_format(out, "};\n\n");
}

void stele_generate_layouts(const stele_shapes *shapes, stele_buffer *out)
{
    scalars set = {0};
    collect_all(&set, shapes);
    for (size_t i = 0; i < set.count; i++) {
        stele_buffer_format(out, "static const stele_layout stele_scalar_%zu = {\n", i);
        put_common(out, set.items[i], stele_shape_type(set.items[i], NULL));
        stele_buffer_format(out, "};\n\n");
    }

    size_t before = out->size;
    for (size_t i = 0; i < shapes->count; i++) {
        if (!shapes->by_rank[i]->recursive) continue;
        stele_buffer_format(out, "static const stele_layout %s__layout;\n",
                            shapes->by_rank[i]->name);
    }
    if (out->size != before) stele_buffer_format(out, "\n");
    for (size_t i = 0; i < shapes->count; i++)
        put_shape(out, &set, shapes->by_rank[i]);
    free(set.items);
}
