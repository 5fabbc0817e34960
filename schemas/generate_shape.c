/* SPDX-License-Identifier: MIT
 * Finding the named C types of a schema, giving them names that do not collide, and putting their
 * structs in an order in which each is complete where another one contains it. */
#include "schemas/generate_shape.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"

bool stele_shape_is_named(const stele_shape *shape)
{
    stele_kind kind = shape->layout->kind;
    return kind == STELE_KIND_RECORD || kind == STELE_KIND_ENUM || kind == STELE_KIND_FIXED;
}

bool stele_shape_is_list(const stele_shape *shape)
{
    return shape->layout->kind == STELE_KIND_ARRAY || shape->layout->kind == STELE_KIND_MAP;
}

const char *stele_shape_type(const stele_layout *layout, const stele_shape *shape)
{
    if (shape != NULL) return shape->name;
    if (stele_layout_is_decimal64(layout)) return "int64_t";
    switch (layout->kind) {
    case STELE_KIND_NULL:
        return "uint8_t";
    case STELE_KIND_BOOLEAN:
        return "bool";
    case STELE_KIND_INT:
        return "int32_t";
    case STELE_KIND_LONG:
        return "int64_t";
    case STELE_KIND_FLOAT:
        return "float";
    case STELE_KIND_DOUBLE:
        return "double";
    case STELE_KIND_FIXED:
        return "stele_duration";
    default:
        return "stele_bytes";
    }
}

const char *stele_shape_element(const stele_shape *list)
{
    if (list->element != NULL) return list->element;
    return stele_shape_type(list->layout->item->layout, list->inner[0]);
}

size_t stele_shape_word_count(const stele_shape *shape)
{
    uint32_t count = shape->layout->count;
    return shape->layout->kind == STELE_KIND_ENUM && count == 0 ? 1 : count;
}

static bool is_member(const stele_shape *shape, const char *word)
{
    for (uint32_t i = 0; i < shape->layout->count; i++) {
        if (strcmp(shape->words[i], word) == 0) return true;
        if (shape->layout->kind == STELE_KIND_RECORD && shape->flags[i] != NULL &&
            strcmp(shape->flags[i], word) == 0) {
            return true;
        }
    }
    return false;
}

void stele_shape_declare(const stele_shape *shape, uint32_t member, stele_buffer *out)
{
    const stele_layout *layout = shape->layout->members[member].layout;
    const stele_shape *inner = shape->inner[member];
    const char *type = stele_shape_type(layout, inner);
    const char *star = shape->layout->members[member].pointer ? "*" : "";
    const char *word = shape->words[member];
    if (inner == NULL || !is_member(shape, type)) {
        stele_buffer_format(out, "%s %s%s", type, star, word);
    } else if (inner->layout->kind == STELE_KIND_FIXED) {
        stele_buffer_format(out, "uint8_t %s[%" PRIu32 "]", word, layout->size);
    } else {
        const char *tag = inner->layout->kind == STELE_KIND_ENUM ? "enum" : "struct";
        stele_buffer_format(out, "%s %s %s%s", tag, type, star, word);
    }
}

/* Finding. */

static stele_shape *find(const stele_shapes *shapes, const stele_layout *layout)
{
    for (size_t i = 0; i < shapes->count; i++) {
        stele_shape *shape = shapes->items[i];
        if (stele_shape_is_named(shape) && strcmp(shape->layout->name, layout->name) == 0) {
            return shape;
        }
    }
    return NULL;
}

static stele_shape *add(stele_shapes *shapes, const stele_layout *layout, stele_shape *parent,
                        const char *within)
{
    stele_shape *shape = stele_alloc(sizeof *shape);
    shape->layout = layout;
    shape->index = shapes->count;
    shape->parent = parent;
    shape->within = within;
    if ((shapes->count & (shapes->count - 1)) == 0) {
        shapes->items = stele_realloc_array(
            shapes->items, shapes->count == 0 ? 1 : 2 * shapes->count, sizeof *shapes->items);
    }
    shapes->items[shapes->count++] = shape;
    return shape;
}

static stele_shape *discover(stele_shapes *shapes, const stele_layout *layout, stele_shape *parent,
                             const char *within);

static void discover_item(stele_shapes *shapes, stele_shape *list)
{
    const stele_member *item = list->layout->item;
    bool plain = list->layout->kind == STELE_KIND_ARRAY && item->flag_offset == STELE_NO_FLAG;
    list->inner = stele_alloc_array(1, sizeof *list->inner);
    list->inner[0] = discover(shapes, item->layout, list, plain ? "item" : "value");
}

static void discover_members(stele_shapes *shapes, stele_shape *shape)
{
    const stele_layout *layout = shape->layout;
    shape->inner = stele_alloc_array(layout->count, sizeof *shape->inner);
    for (uint32_t i = 0; i < layout->count; i++) {
        const stele_member *member = &layout->members[i];
        if (member->layout == NULL) continue;
        shape->inner[i] = discover(shapes, member->layout, shape, member->name);
    }
}

/* Depth is that of the schema's nesting, which the parser limits. */
static stele_shape *discover(stele_shapes *shapes, const stele_layout *layout, stele_shape *parent,
                             const char *within)
{
    if (stele_layout_is_decimal64(layout) || layout->logical == STELE_LOGICAL_DURATION) {
        return NULL;
    }
    stele_shape *shape = NULL;
    switch (layout->kind) {
    case STELE_KIND_RECORD:
    case STELE_KIND_ENUM:
    case STELE_KIND_FIXED:
        if ((shape = find(shapes, layout)) != NULL) return shape;
        shape = add(shapes, layout, NULL, NULL);
        shape->owner = shape;
        if (layout->kind == STELE_KIND_RECORD) discover_members(shapes, shape);
        break;
    case STELE_KIND_UNION:
        shape = add(shapes, layout, parent, within);
        shape->owner = parent->owner;
        discover_members(shapes, shape);
        break;
    case STELE_KIND_ARRAY:
    case STELE_KIND_MAP:
        shape = add(shapes, layout, parent, within);
        shape->owner = parent->owner;
        discover_item(shapes, shape);
        break;
    default:
        return NULL;
    }
    shape->rank = shapes->ranked++;
    return shape;
}

/* Naming. */

/* What stands behind the name of a type, in the header or, with two underscores, in the source. */
static const char *const record_tails[] = {
    "",          "_type",  "_clear", "_copy",   "_equal",   "_to_json", "_from_json", "__layout",
    "__members", "__read", "__size", "__write", "__encode", "__decode", NULL};
static const char *const enum_tails[] = {"", "_name", "__layout", "__symbols", NULL};
static const char *const fixed_tails[] = {"", "__layout", NULL};
static const char *const array_tails[] = {"",       "_add",   "_remove", "__layout", "__item",
                                          "__read", "__size", "__write", NULL};
static const char *const map_tails[] = {"",       "_add",   "_find",  "_remove", "__layout",
                                        "__item", "__read", "__size", "__write", NULL};
static const char *const union_tails[] = {"",       "__layout", "__members", "__read",
                                          "__size", "__write",  NULL};
static const char *const element_tails[] = {"", "__write", NULL};

static const char *const *tails_of(const stele_shape *shape)
{
    switch (shape->layout->kind) {
    case STELE_KIND_RECORD:
        return record_tails;
    case STELE_KIND_ENUM:
        return enum_tails;
    case STELE_KIND_ARRAY:
        return array_tails;
    case STELE_KIND_MAP:
        return map_tails;
    case STELE_KIND_UNION:
        return union_tails;
    default:
        return fixed_tails;
    }
}

/* The kind is part of the key: two files may disagree on it, and then on the tails. */
static void name_type(stele_names *names, const char *prefix, stele_shape *shape)
{
    bool named = stele_shape_is_named(shape);
    STELE_AUTO(char) snake = stele_name_snake(named ? shape->layout->name : shape->within);
    STELE_AUTO(char)
    wanted = named ? stele_strdup_format("%s%s", prefix, snake)
                   : stele_strdup_format("%s_%s", shape->parent->name, snake);
    shape->key = named ? stele_strdup_format("%d:%s", (int)shape->layout->kind, shape->layout->name)
                       : stele_strdup_format("%s/%d:%s", shape->parent->key,
                                             (int)shape->layout->kind, shape->within);
    shape->name = stele_names_give(names, shape->key, wanted, tails_of(shape));
    if (!stele_shape_is_list(shape)) return;

    bool map = shape->layout->kind == STELE_KIND_MAP;
    if (!map && shape->layout->item->flag_offset == STELE_NO_FLAG) return;
    STELE_AUTO(char) element = stele_strdup_format(map ? "%s_entry" : "%s_item", shape->name);
    STELE_AUTO(char) key = stele_strdup_format("%s/", shape->key);
    shape->element = stele_names_give(names, key, element, element_tails);
}

static void name_fields(stele_shape *record)
{
    const stele_layout *layout = record->layout;
    STELE_AUTO(stele_names) names = stele_names_new(STELE_NAMES_OF_MEMBERS);
    record->words = stele_alloc_array(layout->count, sizeof *record->words);
    record->flags = stele_alloc_array(layout->count, sizeof *record->flags);
    /* Fields that keep their names come first, so that no other one takes it from them. */
    for (uint32_t i = 0; i < layout->count; i++) {
        const char *name = layout->members[i].name;
        if (!stele_names_keeps(names, name)) continue;
        record->words[i] = stele_names_give_one(names, NULL, name);
    }
    for (uint32_t i = 0; i < layout->count; i++) {
        if (record->words[i] != NULL) continue;
        record->words[i] = stele_names_give_one(names, NULL, layout->members[i].name);
    }
    for (uint32_t i = 0; i < layout->count; i++) {
        if (layout->members[i].flag_offset == STELE_NO_FLAG) continue;
        STELE_AUTO(char) flag = stele_strdup_format("has_%s", layout->members[i].name);
        record->flags[i] = stele_names_give_one(names, NULL, flag);
    }
}

static char *give_constant(stele_names *names, const stele_shape *shape, const char *symbol,
                           const char *word)
{
    STELE_AUTO(char) constant = stele_name_constant(shape->name, word);
    STELE_AUTO(char) key = stele_strdup_format("%s#%s", shape->key, symbol);
    return stele_names_give_one(names, key, constant);
}

/* A branch is called after its type, without the namespace: `as.string`, `as.order_placed`. */
static void name_branches(stele_names *names, stele_shape *shape)
{
    const stele_layout *layout = shape->layout;
    STELE_AUTO(stele_names) members = stele_names_new(STELE_NAMES_OF_MEMBERS);
    shape->words = stele_alloc_array(layout->count, sizeof *shape->words);
    shape->flags = stele_alloc_array(layout->count, sizeof *shape->flags);
    for (uint32_t i = 0; i < layout->count; i++) {
        const char *name = layout->members[i].name;
        const char *dot = strrchr(name, '.');
        STELE_AUTO(char) snake = stele_name_snake(dot == NULL ? name : dot + 1);
        shape->flags[i] = give_constant(names, shape, name, snake);
        shape->words[i] = stele_names_give_one(members, NULL, snake);
    }
}

static void name_symbols(stele_names *names, stele_shape *shape)
{
    const stele_layout *layout = shape->layout;
    shape->words = stele_alloc_array(stele_shape_word_count(shape), sizeof *shape->words);
    for (uint32_t i = 0; i < layout->count; i++)
        shape->words[i] = give_constant(names, shape, layout->symbols[i], layout->symbols[i]);
    if (layout->count == 0) shape->words[0] = give_constant(names, shape, "", "none");
}

static void name_members(stele_names *names, stele_shape *shape)
{
    switch (shape->layout->kind) {
    case STELE_KIND_RECORD:
        name_fields(shape);
        break;
    case STELE_KIND_UNION:
        name_branches(names, shape);
        break;
    case STELE_KIND_ENUM:
        name_symbols(names, shape);
        break;
    default:
        break;
    }
}

/* Recursion: which shapes a value can contain again, found by one walk from each. */

static void reach(const stele_shape *from, bool *seen, const stele_shape **stack)
{
    size_t depth = 0;
    stack[depth++] = from;
    while (depth > 0) {
        const stele_shape *shape = stack[--depth];
        uint32_t count = stele_shape_is_list(shape) ? 1 : shape->layout->count;
        if (shape->inner == NULL) continue;
        for (uint32_t i = 0; i < count; i++) {
            const stele_shape *next = shape->inner[i];
            if (next == NULL || seen[next->index]) continue;
            seen[next->index] = true;
            stack[depth++] = next;
        }
    }
}

static void find_recursion(stele_shapes *shapes)
{
    bool *seen = stele_alloc_array(shapes->count, sizeof *seen);
    const stele_shape **stack = stele_alloc_array(shapes->count + 1, sizeof *stack);
    for (size_t i = 0; i < shapes->count; i++) {
        memset(seen, 0, shapes->count * sizeof *seen);
        reach(shapes->items[i], seen, stack);
        shapes->items[i]->recursive = seen[i];
    }
    free(stack);
    free(seen);
}

/* Items are in order of first use; put those that others contain before them. */
static void sort_by_rank(stele_shapes *shapes)
{
    shapes->by_rank = stele_alloc_array(shapes->count, sizeof *shapes->by_rank);
    for (size_t i = 0; i < shapes->count; i++)
        shapes->by_rank[shapes->items[i]->rank] = shapes->items[i];
}

/* What a shape contains comes before it, but for recursion: then 0 is fewer than it takes. */
size_t stele_member_min(const stele_member *member, const stele_shape *inner)
{
    const stele_layout *layout = member->layout;
    if (layout == NULL || member->flag_offset != STELE_NO_FLAG) return 1;
    switch (layout->kind) {
    case STELE_KIND_NULL:
        return 0;
    case STELE_KIND_FLOAT:
        return 4;
    case STELE_KIND_DOUBLE:
        return 8;
    case STELE_KIND_FIXED:
        return layout->fixed_size;
    case STELE_KIND_RECORD:
        return inner->wire_min;
    default:
        return 1;
    }
}

static void measure(stele_shape *shape)
{
    if (shape->layout->kind != STELE_KIND_RECORD) return;
    for (uint32_t i = 0; i < shape->layout->count; i++) {
        /* Past a page the sum does not matter, and shared records cannot make it run away. */
        if (shape->wire_min >= 4096) break;
        shape->wire_min += stele_member_min(&shape->layout->members[i], shape->inner[i]);
    }
}

void stele_shapes_init(stele_shapes *shapes, const stele_layout *top, stele_names *names,
                       const char *prefix)
{
    *shapes = (stele_shapes){0};
    discover(shapes, top, NULL, NULL);
    for (int named = 1; named >= 0; named--) {
        for (size_t i = 0; i < shapes->count; i++) {
            if (stele_shape_is_named(shapes->items[i]) == (named == 1)) {
                name_type(names, prefix == NULL ? "" : prefix, shapes->items[i]);
            }
        }
    }
    for (size_t i = 0; i < shapes->count; i++)
        name_members(names, shapes->items[i]);
    find_recursion(shapes);
    sort_by_rank(shapes);
    for (size_t i = 0; i < shapes->count; i++)
        measure(shapes->by_rank[i]);
}

static void free_words(char **words, size_t count)
{
    for (size_t i = 0; words != NULL && i < count; i++)
        free(words[i]);
    free(words);
}

void stele_shapes_clear(stele_shapes *shapes)
{
    for (size_t i = 0; i < shapes->count; i++) {
        stele_shape *shape = shapes->items[i];
        free_words(shape->words, stele_shape_word_count(shape));
        free_words(shape->flags, shape->layout->count);
        free(shape->inner);
        free(shape->key);
        free(shape->name);
        free(shape->element);
        free(shape);
    }
    free(shapes->items);
    free(shapes->by_rank);
    *shapes = (stele_shapes){0};
}
