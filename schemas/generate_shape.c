/* SPDX-License-Identifier: MIT
 * Finding the named C types of a schema, giving them names that do not collide, and putting their
 * structs in an order in which each is complete where another one contains it. */
#include "schemas/generate_shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/table.h"
#include "schemas/generate_names.h"

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
                        const char *suffix)
{
    stele_shape *shape = stele_alloc(sizeof *shape);
    shape->layout = layout;
    shape->index = shapes->count;
    shape->parent = parent;
    shape->suffix = stele_strdup(suffix);
    if ((shapes->count & (shapes->count - 1)) == 0) {
        shapes->items = stele_realloc_array(
            shapes->items, shapes->count == 0 ? 1 : 2 * shapes->count, sizeof *shapes->items);
    }
    shapes->items[shapes->count++] = shape;
    return shape;
}

static stele_shape *discover(stele_shapes *shapes, const stele_layout *layout, stele_shape *parent,
                             const char *suffix);

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
        STELE_AUTO(char) suffix = stele_name_snake(member->name);
        shape->inner[i] = discover(shapes, member->layout, shape, suffix);
    }
}

/* Depth is that of the schema's nesting, which the parser limits. */
static stele_shape *discover(stele_shapes *shapes, const stele_layout *layout, stele_shape *parent,
                             const char *suffix)
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
        shape = add(shapes, layout, parent, suffix);
        shape->owner = parent->owner;
        discover_members(shapes, shape);
        break;
    case STELE_KIND_ARRAY:
    case STELE_KIND_MAP:
        shape = add(shapes, layout, parent, suffix);
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

static const char *const record_helpers[] = {"",       "_type",    "_clear",     "_copy",
                                             "_equal", "_to_json", "_from_json", NULL};
static const char *const enum_helpers[] = {"", "_name", NULL};
static const char *const fixed_helpers[] = {"", NULL};
static const char *const array_helpers[] = {"", "_add", "_remove", NULL};
static const char *const map_helpers[] = {"", "_add", "_find", "_remove", NULL};

static bool taken(const stele_shapes *shapes, const char *name, const char *helper)
{
    STELE_AUTO(char) full = stele_strdup_format("%s%s", name, helper);
    return stele_name_is_library(full) || stele_table_find(shapes->names, stele_text(full)) != NULL;
}

/* The first of name, name_, name__, … that is free together with all its helpers, now taken. */
static char *claim(stele_shapes *shapes, const char *wanted, const char *const *helpers)
{
    char *name = stele_strdup(wanted);
    for (size_t i = 0; helpers[i] != NULL;) {
        if (!taken(shapes, name, helpers[i++])) continue;
        char *longer = stele_strdup_format("%s_", name);
        free(name);
        name = longer;
        i = 0;
    }
    for (size_t i = 0; helpers[i] != NULL; i++) {
        STELE_AUTO(char) full = stele_strdup_format("%s%s", name, helpers[i]);
        stele_table_insert(shapes->names, stele_text(full), NULL);
    }
    return name;
}

static const char *const *helpers_of(const stele_shape *shape)
{
    switch (shape->layout->kind) {
    case STELE_KIND_RECORD:
        return record_helpers;
    case STELE_KIND_ENUM:
        return enum_helpers;
    case STELE_KIND_ARRAY:
        return array_helpers;
    case STELE_KIND_MAP:
        return map_helpers;
    default:
        return fixed_helpers;
    }
}

static void name_type(stele_shapes *shapes, stele_shape *shape)
{
    STELE_AUTO(char) wanted = NULL;
    if (stele_shape_is_named(shape)) {
        STELE_AUTO(char) snake = stele_name_snake(shape->layout->name);
        wanted = stele_strdup_format("%s%s", shapes->prefix, snake);
    } else {
        wanted = stele_strdup_format("%s_%s", shape->parent->name, shape->suffix);
    }
    shape->name = claim(shapes, wanted, helpers_of(shape));
    if (!stele_shape_is_list(shape)) return;

    bool map = shape->layout->kind == STELE_KIND_MAP;
    if (!map && shape->layout->item->flag_offset == STELE_NO_FLAG) return;
    STELE_AUTO(char) element = stele_strdup_format(map ? "%s_entry" : "%s_item", shape->name);
    shape->element = claim(shapes, element, fixed_helpers);
}

static bool has_word(char *const *words, uint32_t count, const char *word)
{
    for (uint32_t i = 0; i < count; i++) {
        if (words[i] != NULL && strcmp(words[i], word) == 0) return true;
    }
    return false;
}

/* `word`, with underscores behind it until none of the `count` words and flags is the same. */
static char *unlike(const stele_shape *shape, char *word)
{
    uint32_t count = shape->layout->count;
    while (stele_name_is_reserved(word) || has_word(shape->words, count, word) ||
           (shape->flags != NULL && has_word(shape->flags, count, word))) {
        char *longer = stele_strdup_format("%s_", word);
        free(word);
        word = longer;
    }
    return word;
}

static void name_fields(stele_shape *record)
{
    const stele_layout *layout = record->layout;
    record->words = stele_alloc_array(layout->count, sizeof *record->words);
    record->flags = stele_alloc_array(layout->count, sizeof *record->flags);
    /* Fields that keep their names come first, so that no other one takes it from them. */
    for (uint32_t i = 0; i < layout->count; i++) {
        const char *name = layout->members[i].name;
        if (!stele_name_is_reserved(name)) record->words[i] = stele_strdup(name);
    }
    for (uint32_t i = 0; i < layout->count; i++) {
        if (record->words[i] == NULL) {
            record->words[i] = unlike(record, stele_strdup(layout->members[i].name));
        }
    }
    for (uint32_t i = 0; i < layout->count; i++) {
        if (layout->members[i].flag_offset == STELE_NO_FLAG) continue;
        record->flags[i] = unlike(record, stele_strdup_format("has_%s", layout->members[i].name));
    }
}

/* A branch is called after its type, without the namespace: `as.string`, `as.order_placed`. */
static void name_branches(stele_shapes *shapes, stele_shape *shape)
{
    const stele_layout *layout = shape->layout;
    shape->words = stele_alloc_array(layout->count, sizeof *shape->words);
    char **constants = stele_alloc_array(layout->count, sizeof *constants);
    for (uint32_t i = 0; i < layout->count; i++) {
        const char *name = layout->members[i].name;
        const char *dot = strrchr(name, '.');
        char *snake = stele_name_snake(dot == NULL ? name : dot + 1);
        STELE_AUTO(char) constant = stele_name_constant(shape->name, snake);
        constants[i] = claim(shapes, constant, fixed_helpers);
        shape->words[i] = unlike(shape, snake);
    }
    shape->flags = constants;
}

static void name_symbols(stele_shapes *shapes, stele_shape *shape)
{
    const stele_layout *layout = shape->layout;
    shape->words = stele_alloc_array(layout->count, sizeof *shape->words);
    for (uint32_t i = 0; i < layout->count; i++) {
        STELE_AUTO(char) constant = stele_name_constant(shape->name, layout->symbols[i]);
        shape->words[i] = claim(shapes, constant, fixed_helpers);
    }
}

static void name_members(stele_shapes *shapes, stele_shape *shape)
{
    switch (shape->layout->kind) {
    case STELE_KIND_RECORD:
        name_fields(shape);
        break;
    case STELE_KIND_UNION:
        name_branches(shapes, shape);
        break;
    case STELE_KIND_ENUM:
        name_symbols(shapes, shape);
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

void stele_shapes_init(stele_shapes *shapes, const stele_layout *top, const char *prefix)
{
    *shapes = (stele_shapes){.prefix = prefix == NULL ? "" : prefix};
    shapes->names = stele_table_new(1, 0);
    discover(shapes, top, NULL, NULL);
    for (size_t i = 0; i < shapes->count; i++) {
        if (stele_shape_is_named(shapes->items[i])) name_type(shapes, shapes->items[i]);
    }
    for (size_t i = 0; i < shapes->count; i++) {
        if (!stele_shape_is_named(shapes->items[i])) name_type(shapes, shapes->items[i]);
    }
    for (size_t i = 0; i < shapes->count; i++)
        name_members(shapes, shapes->items[i]);
    find_recursion(shapes);
    sort_by_rank(shapes);
}

static void free_words(char **words, uint32_t count)
{
    for (uint32_t i = 0; words != NULL && i < count; i++)
        free(words[i]);
    free(words);
}

void stele_shapes_clear(stele_shapes *shapes)
{
    for (size_t i = 0; i < shapes->count; i++) {
        stele_shape *shape = shapes->items[i];
        free_words(shape->words, shape->layout->count);
        free_words(shape->flags, shape->layout->count);
        free(shape->inner);
        free(shape->suffix);
        free(shape->name);
        free(shape->element);
        free(shape);
    }
    free(shapes->items);
    free(shapes->by_rank);
    stele_table_free(shapes->names);
    *shapes = (stele_shapes){0};
}
