/* SPDX-License-Identifier: MIT
 * Two JSON trees side by side. Where both have an object or an array it is looked into; all else is
 * a leaf. */
#include "schemas/json_diff.h"

#include "core/text.h"
#include "schemas/tree.h"

typedef struct difference {
    stele_buffer *out;
    stele_buffer path;
    size_t count;
} difference;

static void compare(difference *d, const stele_tree *from, const stele_tree *to);

static void report(difference *d, const stele_tree *from, const stele_tree *to)
{
    stele_buffer_append(d->out, stele_text(d->count++ > 0 ? ",{\"path\":" : "{\"path\":"));
    stele_show_json(d->out, stele_buffer_view(&d->path));
    if (from != NULL) {
        stele_buffer_append(d->out, stele_text(",\"from\":"));
        stele_tree_write(from, false, d->out);
    }
    if (to != NULL) {
        stele_buffer_append(d->out, stele_text(",\"to\":"));
        stele_tree_write(to, false, d->out);
    }
    stele_buffer_push(d->out, '}');
}

/* By its names in order: a map may have many. */
static const stele_tree *find_member(const stele_tree *object, stele_bytes name)
{
    size_t low = 0;
    size_t high = object->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        size_t at = object->sorted[middle];
        int order = stele_tree_compare(object->names[at], name);
        if (order == 0) return &object->items[at];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void compare_member(difference *d, stele_bytes name, const stele_tree *from,
                           const stele_tree *to)
{
    size_t size = d->path.size;
    if (size > 0) stele_buffer_push(&d->path, '.');
    stele_buffer_append(&d->path, name);
    compare(d, from, to);
    d->path.size = size;
}

/* Members of both in the order of `from`, and then what only `to` has. */
static void compare_objects(difference *d, const stele_tree *from, const stele_tree *to)
{
    for (size_t i = 0; i < from->count; i++)
        compare_member(d, from->names[i], &from->items[i], find_member(to, from->names[i]));
    for (size_t i = 0; i < to->count; i++)
        if (find_member(from, to->names[i]) == NULL)
            compare_member(d, to->names[i], NULL, &to->items[i]);
}

static void compare_arrays(difference *d, const stele_tree *from, const stele_tree *to)
{
    size_t size = d->path.size;
    for (size_t i = 0; i < from->count || i < to->count; i++) {
        stele_buffer_format(&d->path, "[%zu]", i);
        compare(d, stele_tree_at(from, i), stele_tree_at(to, i));
        d->path.size = size;
    }
}

/* The depth is that of a state's type, which is limited. */
static void compare(difference *d, const stele_tree *from, const stele_tree *to)
{
    if (stele_tree_is(from, STELE_TREE_OBJECT) && stele_tree_is(to, STELE_TREE_OBJECT))
        compare_objects(d, from, to);
    else if (stele_tree_is(from, STELE_TREE_ARRAY) && stele_tree_is(to, STELE_TREE_ARRAY))
        compare_arrays(d, from, to);
    else if (from == NULL || to == NULL || !stele_tree_equal(from, to))
        report(d, from, to);
}

void stele_json_diff(stele_bytes from, stele_bytes to, stele_buffer *out)
{
    stele_arena *arena = stele_arena_new();
    difference d = {.out = out};
    stele_tree_problem problem;
    const stele_tree *before =
        from.size == 0 ? NULL : stele_tree_parse(from, NULL, arena, &problem);
    const stele_tree *after = to.size == 0 ? NULL : stele_tree_parse(to, NULL, arena, &problem);
    stele_buffer_push(out, '[');
    if (before != NULL || after != NULL) compare(&d, before, after);
    stele_buffer_push(out, ']');
    stele_buffer_clear(&d.path);
    stele_arena_free(arena);
}
