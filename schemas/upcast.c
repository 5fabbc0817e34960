/* SPDX-License-Identifier: MIT
 * Chains of upcasters. Which type reads a writer is decided here once per schema; an event then
 * costs its decoding and the convert functions of its chain. */
#include "schemas/upcast.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "schemas/model.h"
#include "schemas/scopes.h"

struct stele_upcast {
    stele_plan *plan; /* NULL: the type's own code reads the writer */
    const stele_type *first;
    const stele_upcaster **steps; /* in order */
    size_t step_count;
    size_t index;
};

static size_t count_of(const stele_upcaster *upcasters)
{
    size_t count = 0;
    while (upcasters != NULL && upcasters[count].from != NULL)
        count++;
    return count;
}

static const stele_upcaster *find_from(const stele_upcaster *upcasters, const stele_type *type)
{
    for (size_t i = 0; i < count_of(upcasters); i++) {
        if (upcasters[i].from == type) return &upcasters[i];
    }
    return NULL;
}

static bool find_current(const stele_type *const *types, const stele_type *type, size_t *index)
{
    for (size_t i = 0; types[i] != NULL; i++) {
        if (types[i] != type) continue;
        *index = i;
        return true;
    }
    return false;
}

/* Follow the chain from a type to a current one; `steps` has room for all upcasters. */
static stele_status follow(const stele_type *const *types, const stele_upcaster *upcasters,
                           const stele_type *type, const stele_upcaster **steps, size_t *step_count,
                           size_t *index, stele_error *err)
{
    const stele_type *first = type;
    size_t step_max = count_of(upcasters);
    for (*step_count = 0; !find_current(types, type, index);) {
        const stele_upcaster *next = find_from(upcasters, type);
        if (next == NULL) {
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "the upcasters lead from %s to %s, which is no current type and has "
                              "no upcaster",
                              first->name, type->name);
        }
        if (*step_count == step_max) {
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "the upcasters from %s go in a circle", first->name);
        }
        steps[(*step_count)++] = next;
        type = next->to;
    }
    return STELE_OK;
}

stele_status stele_upcasters_check(const stele_type *const *types, const stele_upcaster *upcasters,
                                   stele_error *err)
{
    size_t count = count_of(upcasters);
    const stele_upcaster **steps = stele_alloc_array(count + 1, sizeof *steps);
    stele_status status = STELE_OK;
    for (size_t i = 0; i < count && status == STELE_OK; i++) {
        size_t step_count;
        size_t index;
        if (find_from(upcasters, upcasters[i].from) != &upcasters[i]) {
            status = stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                                "two upcasters convert from %s", upcasters[i].from->name);
        } else if (find_current(types, upcasters[i].from, &index)) {
            status =
                stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                           "%s is a current type and has an upcaster", upcasters[i].from->name);
        } else {
            status = follow(types, upcasters, upcasters[i].from, steps, &step_count, &index, err);
        }
    }
    free(steps);
    return status;
}

/* How a type suits a writer. Less is better. */
typedef enum fit { FIT_SAME = 0, FIT_DIFFERENCES = 1, FIT_NONE = INT32_MAX } fit;

static bool has_alias(const char *const *aliases, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(aliases[i], name) == 0) return true;
    }
    return false;
}

static bool is_written(const stele_node *writer, const stele_field *field)
{
    if (stele_node_find(writer, field->name) >= 0) return true;
    for (size_t i = 0; i < field->alias_count; i++) {
        if (stele_node_find(writer, field->aliases[i]) >= 0) return true;
    }
    return false;
}

/* Fields that one has and the other lacks. */
static size_t differences(const stele_node *writer, const stele_node *reader)
{
    size_t both = 0;
    for (size_t i = 0; i < reader->count; i++)
        both += is_written(writer, &reader->fields[i]) ? 1 : 0;
    size_t written = writer->count > both ? writer->count - both : 0;
    return written + (reader->count - both);
}

static int64_t fit_of(const stele_schema *writer, const stele_type *type)
{
    const stele_node *from = stele_schema_root(writer);
    STELE_AUTO(stele_schema) schema = NULL;
    if (stele_schema_parse(stele_text(type->schema), NULL, &schema, NULL) < 0) return FIT_NONE;
    const stele_node *to = stele_schema_root(schema);
    if (from->kind != STELE_KIND_RECORD) return FIT_NONE;
    if (strcmp(from->name, to->name) != 0 && !has_alias(to->aliases, to->alias_count, from->name)) {
        return FIT_NONE;
    }
    if (stele_schema_equal(writer, schema)) return FIT_SAME;
    return FIT_DIFFERENCES + (int64_t)differences(from, to);
}

/* Current types come first, so they win where fits are equal. */
static const stele_type *best_type(const stele_schema *writer, const stele_type *const *types,
                                   const stele_upcaster *upcasters, int64_t *best_fit)
{
    const stele_type *best = NULL;
    *best_fit = FIT_NONE;
    for (size_t i = 0; types[i] != NULL; i++) {
        int64_t found = fit_of(writer, types[i]);
        if (found < *best_fit) best = types[i], *best_fit = found;
    }
    for (size_t i = 0; i < count_of(upcasters); i++) {
        int64_t found = fit_of(writer, upcasters[i].from);
        if (found < *best_fit) best = upcasters[i].from, *best_fit = found;
    }
    return best;
}

stele_status stele_upcast_new(const stele_schema *writer, const stele_type *const *types,
                              const stele_upcaster *upcasters, const stele_codec_limits *limits,
                              stele_upcast **out, stele_error *err)
{
    int64_t best_fit;
    const stele_type *first = best_type(writer, types, upcasters, &best_fit);
    if (first == NULL) {
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                          "no type and no upcaster reads %s", stele_schema_name(writer));
    }
    stele_status status;
    STELE_AUTO(stele_upcast) upcast = stele_alloc(sizeof *upcast);
    upcast->first = first;
    upcast->steps = stele_alloc_array(count_of(upcasters) + 1, sizeof *upcast->steps);
    status =
        follow(types, upcasters, first, upcast->steps, &upcast->step_count, &upcast->index, err);
    if (status < 0) return status;
    bool own_code = best_fit == FIT_SAME && first->decode != NULL && limits == NULL;
    if (!own_code && (status = stele_plan_new(writer, first, limits, &upcast->plan, err)) < 0) {
        return status;
    }
    *out = upcast;
    upcast = NULL;
    return STELE_OK;
}

static bool is_later(const stele_schema *writer, const stele_type *ours)
{
    STELE_AUTO(stele_schema) schema = NULL;
    if (stele_schema_parse(stele_text(ours->schema), NULL, &schema, NULL) < 0) return false;
    const stele_schema *const old[] = {schema};
    const stele_schema *const new[] = {writer};
    return stele_schema_check(writer, old, 1, STELE_COMPATIBILITY_BACKWARD, NULL, NULL) == 0 &&
           stele_schema_check(schema, new, 1, STELE_COMPATIBILITY_BACKWARD, NULL, NULL) > 0;
}

stele_status stele_upcast_find(const stele_schema *writer, const stele_type *const *types,
                               const stele_upcaster *upcasters, size_t *index, bool *is_newer,
                               stele_error *err)
{
    int64_t best_fit;
    size_t step_count;
    const stele_type *first = best_type(writer, types, upcasters, &best_fit);
    if (first == NULL)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                          "no type and no upcaster reads %s", stele_schema_name(writer));
    const stele_upcaster **steps = stele_alloc_array(count_of(upcasters) + 1, sizeof *steps);
    stele_status status = follow(types, upcasters, first, steps, &step_count, index, err);
    free(steps);
    if (status == STELE_OK && is_newer != NULL) *is_newer = is_later(writer, first);
    return status;
}

void stele_upcast_free(stele_upcast *upcast)
{
    if (upcast == NULL) return;
    stele_plan_free(upcast->plan);
    free(upcast->steps);
    free(upcast);
}

size_t stele_upcast_index(const stele_upcast *upcast)
{
    return upcast->index;
}

static stele_status decode_first(const stele_upcast *upcast, stele_bytes data, void *value,
                                 stele_arena *arena, stele_error *err)
{
    if (upcast->plan == NULL) return upcast->first->decode(data, value, arena, err);
    return stele_plan_decode(upcast->plan, data, value, arena, err);
}

static void *take_zeroed(stele_arena *arena, size_t size)
{
    void *memory = stele_arena_take(arena, size);
    memset(memory, 0, size);
    return memory;
}

stele_status stele_upcast_decode(const stele_upcast *upcast, stele_bytes data, void *value,
                                 stele_arena *arena, stele_error *err)
{
    if (upcast->step_count == 0) return decode_first(upcast, data, value, arena, err);

    void *from = take_zeroed(arena, upcast->first->layout->size);
    stele_status status = decode_first(upcast, data, from, arena, err);
    for (size_t i = 0; i < upcast->step_count && status == STELE_OK; i++) {
        const stele_upcaster *step = upcast->steps[i];
        size_t size = step->to->layout->size;
        bool last = i + 1 == upcast->step_count;
        void *to = last ? memset(value, 0, size) : take_zeroed(arena, size);
        status = step->convert(from, to, arena, step->context, err);
        from = to;
    }
    return status;
}
