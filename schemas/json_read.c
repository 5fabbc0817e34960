/* SPDX-License-Identifier: MIT
 * JSON to values, walking the layout and the document side by side. One reader for three forms: the
 * two of json.h and that of a field's default, in which a union is not tagged. */
#include "schemas/json_reader.h"

#include <string.h>

#include "core/alloc.h"
#include "core/text.h"
#include "schemas/json_form.h"
#include "schemas/scopes.h"
#include "schemas/text_value.h"

enum { DEPTH_MAX = 64, ITEMS_MAX = 1000000, MEMORY_MAX = 64 * 1024 * 1024 };

static stele_status check_memory(stele_json_reader *r, const stele_json_path *p)
{
    if (stele_arena_used(r->arena) <= r->memory_max) return STELE_OK;
    return stele_json_at_path(r, p,
                              stele_fail(r->err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                                         "the value needs more memory than the limit"));
}

static stele_status read_value(stele_json_reader *r, const stele_layout *layout,
                               const stele_tree *json, const stele_json_path *p, void *value);

/* A member's value, in place or behind a pointer. */
static stele_status read_place(stele_json_reader *r, const stele_member *member,
                               const stele_tree *json, const stele_json_path *p, uint8_t *base)
{
    void *place = base + member->offset;
    if (member->pointer) {
        void *pointed = stele_arena_take(r->arena, member->layout->size);
        memset(pointed, 0, member->layout->size);
        memcpy(place, &pointed, sizeof pointed);
        place = pointed;
    }
    return read_value(r, member->layout, json, p, place);
}

static bool is_json_null(const stele_tree *json)
{
    return stele_tree_is(json, STELE_TREE_NULL);
}

/* null, or as Avro Java also reads it {"null": null}. */
static bool is_null(const stele_json_reader *r, const stele_tree *json)
{
    if (is_json_null(json)) return true;
    return r->form == STELE_JSON_FORM_AVRO && json->count == 1 &&
           is_json_null(stele_tree_get(json, "null"));
}

/* What stands behind a branch's name; NULL if the document is not {"name": value}. */
static const stele_tree *untag(const stele_tree *json, const stele_layout *layout)
{
    if (!stele_tree_is(json, STELE_TREE_OBJECT) || json->count != 1) return NULL;
    return stele_tree_get(json, stele_json_branch_name(layout));
}

static stele_status read_member(stele_json_reader *r, const stele_member *member,
                                const stele_tree *json, const stele_json_path *p, uint8_t *base)
{
    if (member->flag_offset == STELE_NO_FLAG) return read_place(r, member, json, p, base);
    bool present = !is_null(r, json);
    *(bool *)(base + member->flag_offset) = present;
    if (!present) return STELE_OK;
    if (r->form == STELE_JSON_FORM_AVRO) {
        const stele_tree *inner = untag(json, member->layout);
        if (inner == NULL) {
            STELE_AUTO(char)
            wanted =
                stele_strdup_format("null or {\"%s\": …}", stele_json_branch_name(member->layout));
            return stele_json_mismatch(r, p, wanted, json);
        }
        json = inner;
    }
    return read_place(r, member, json, p, base);
}

static stele_status parse(stele_bytes text, stele_arena *trees, const stele_tree **out,
                          stele_error *err)
{
    stele_tree_problem problem;
    const stele_tree *tree = stele_tree_parse(text, NULL, trees, &problem);
    if (tree == NULL) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "not JSON: %s, at byte %zu",
                          problem.why, problem.byte);
    }
    *out = tree;
    return STELE_OK;
}

static stele_status read_default(stele_json_reader *r, const stele_member *member,
                                 const stele_json_path *p, uint8_t *base)
{
    if (member->standard == NULL) {
        return stele_json_at_path(r, p,
                                  stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                                             "missing, and the field has no default"));
    }
    const stele_tree *json;
    stele_status status = parse(stele_text(member->standard), r->trees, &json, r->err);
    if (status < 0) return stele_json_at_path(r, p, status);
    stele_json_read_form outer = r->form;
    r->form = STELE_JSON_FORM_DEFAULT;
    status = read_member(r, member, json, p, base);
    r->form = outer;
    return status;
}

static stele_status unknown_field(stele_json_reader *r, const stele_layout *layout,
                                  const stele_tree *json, const stele_json_path *p)
{
    for (size_t k = 0; k < json->count; k++) {
        uint32_t i = 0;
        while (i < layout->count &&
               !stele_bytes_equal(stele_text(layout->members[i].name), json->names[k]))
            i++;
        if (i < layout->count) continue;
        return stele_json_at_path(r, p,
                                  stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                                             "%s has no field %s", layout->name,
                                             stele_quote(json->names[k]).text));
    }
    return STELE_OK;
}

static stele_status read_record(stele_json_reader *r, const stele_layout *layout,
                                const stele_tree *json, const stele_json_path *p, uint8_t *value)
{
    if (!stele_tree_is(json, STELE_TREE_OBJECT))
        return stele_json_mismatch(r, p, "an object", json);
    size_t found = 0;
    for (uint32_t i = 0; i < layout->count; i++) {
        const stele_member *member = &layout->members[i];
        stele_json_path inner = {.outer = p, .name = member->name};
        const stele_tree *field = stele_tree_get(json, member->name);
        stele_status status;
        if (field != NULL) {
            found++;
            status = read_member(r, member, field, &inner, value);
        } else if (r->form != STELE_JSON_FORM_AVRO) {
            status = read_default(r, member, &inner, value);
        } else {
            status = stele_json_at_path(
                r, &inner, stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT, "missing"));
        }
        if (status < 0) return status;
    }
    /* Avro Java passes over a field that it does not know. People mistype names. */
    if (r->form == STELE_JSON_FORM_AVRO || found == json->count) return STELE_OK;
    return unknown_field(r, layout, json, p);
}

static stele_status read_branch(stele_json_reader *r, const stele_layout *layout, uint32_t branch,
                                const stele_tree *json, const stele_json_path *p, uint8_t *value)
{
    int32_t index = (int32_t)branch;
    memcpy(value, &index, sizeof index);
    if (layout->members[branch].layout == NULL) return STELE_OK;
    return read_place(r, &layout->members[branch], json, p, value);
}

static bool looks_like(const stele_layout *layout, const stele_tree *json)
{
    stele_json_look look = stele_json_look_of(layout);
    switch (json->kind) {
    case STELE_TREE_OBJECT:
        return look == STELE_JSON_LOOK_OBJECT;
    case STELE_TREE_ARRAY:
        return look == STELE_JSON_LOOK_ARRAY;
    case STELE_TREE_STRING:
        return look == STELE_JSON_LOOK_STRING;
    case STELE_TREE_NUMBER:
        return look == STELE_JSON_LOOK_NUMBER;
    case STELE_TREE_NULL:
        return look == STELE_JSON_LOOK_NULL;
    default:
        return look == STELE_JSON_LOOK_BOOLEAN;
    }
}

/* A default is that of the first branch; of any branch since Avro 1.12. The first that fits. */
static stele_status read_default_union(stele_json_reader *r, const stele_layout *layout,
                                       const stele_tree *json, const stele_json_path *p,
                                       uint8_t *value)
{
    stele_status status = STELE_E_INVALID;
    for (uint32_t i = 0; i < layout->count; i++) {
        const stele_layout *branch = layout->members[i].layout;
        if ((branch == NULL) != is_json_null(json)) continue;
        memset(value, 0, layout->size);
        unsigned depth_left = r->depth_left;
        status = read_branch(r, layout, i, json, p, value);
        if (status == STELE_OK) return STELE_OK;
        r->depth_left = depth_left;
    }
    return status;
}

/* A NaN or an infinity, which is a string, or behind the branch's name where strings have one; NULL
 * if it cannot be one. */
static const stele_tree *not_finite(const stele_layout *branch, const stele_tree *json)
{
    if (branch == NULL) return NULL;
    if (branch->kind != STELE_KIND_FLOAT && branch->kind != STELE_KIND_DOUBLE) return NULL;
    return stele_tree_is(json, STELE_TREE_STRING) ? json : untag(json, branch);
}

static stele_status read_union(stele_json_reader *r, const stele_layout *layout,
                               const stele_tree *json, const stele_json_path *p, uint8_t *value)
{
    if (r->form == STELE_JSON_FORM_DEFAULT) return read_default_union(r, layout, json, p, value);
    bool tagged = r->form == STELE_JSON_FORM_AVRO || stele_json_is_ambiguous(layout);
    for (uint32_t i = 0; i < layout->count; i++) {
        const stele_layout *branch = layout->members[i].layout;
        const stele_tree *inner = branch == NULL ? (is_null(r, json) ? json : NULL)
                                  : tagged       ? untag(json, branch)
                                                 : (looks_like(branch, json) ? json : NULL);
        if (inner != NULL) return read_branch(r, layout, i, inner, p, value);
    }
    for (uint32_t i = 0; i < layout->count && !tagged; i++) {
        const stele_tree *inner = not_finite(layout->members[i].layout, json);
        if (inner != NULL) return read_branch(r, layout, i, inner, p, value);
    }
    return stele_json_mismatch(
        r, p, tagged ? "a branch of the union as {\"type\": …}" : "a branch of the union", json);
}

static stele_status start_items(stele_json_reader *r, const stele_layout *layout, size_t count,
                                const stele_json_path *p, stele_array *array)
{
    if (count > r->items_left) {
        return stele_json_at_path(r, p,
                                  stele_fail(r->err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                                             "more array and map items than the limit"));
    }
    r->items_left -= count;
    array->count = count;
    array->items = NULL;
    if (count == 0) return STELE_OK;
    array->items = stele_arena_take(r->arena, count * layout->stride);
    memset(array->items, 0, count * layout->stride);
    return check_memory(r, p);
}

static stele_status read_array(stele_json_reader *r, const stele_layout *layout,
                               const stele_tree *json, const stele_json_path *p, void *value)
{
    if (!stele_tree_is(json, STELE_TREE_ARRAY)) return stele_json_mismatch(r, p, "an array", json);
    stele_array array;
    stele_status status;
    if ((status = start_items(r, layout, json->count, p, &array)) < 0) return status;
    memcpy(value, &array, sizeof array);
    for (size_t i = 0; i < array.count; i++) {
        stele_json_path inner = {.outer = p, .index = i};
        uint8_t *item = (uint8_t *)array.items + i * layout->stride;
        status = read_member(r, layout->item, stele_tree_at(json, i), &inner, item);
        if (status < 0) return status;
    }
    return STELE_OK;
}

static stele_status read_map(stele_json_reader *r, const stele_layout *layout,
                             const stele_tree *json, const stele_json_path *p, void *value)
{
    if (!stele_tree_is(json, STELE_TREE_OBJECT))
        return stele_json_mismatch(r, p, "an object", json);
    stele_array entries;
    stele_status status;
    if ((status = start_items(r, layout, json->count, p, &entries)) < 0) return status;
    memcpy(value, &entries, sizeof entries);
    uint8_t *entry = entries.items;
    for (size_t i = 0; i < entries.count; i++) {
        stele_bytes key = json->names[i];
        stele_json_path inner = {.outer = p, .key = &json->names[i]};
        if ((status = stele_json_read_key(r, &inner, &key)) < 0) return status;
        memcpy(entry, &key, sizeof key);
        status = read_member(r, layout->item, &json->items[i], &inner, entry);
        if (status < 0) return status;
        entry += layout->stride;
    }
    return STELE_OK;
}

static stele_status read_value(stele_json_reader *r, const stele_layout *layout,
                               const stele_tree *json, const stele_json_path *p, void *value)
{
    if (r->depth_left == 0) {
        return stele_json_at_path(
            r, p,
            stele_fail(r->err, STELE_E_LIMIT, STELE_NEXT_REJECT, "nested deeper than the limit"));
    }
    r->depth_left--;
    stele_status status;
    switch (layout->kind) {
    case STELE_KIND_RECORD:
        status = read_record(r, layout, json, p, value);
        break;
    case STELE_KIND_UNION:
        status = read_union(r, layout, json, p, value);
        break;
    case STELE_KIND_ARRAY:
        status = read_array(r, layout, json, p, value);
        break;
    case STELE_KIND_MAP:
        status = read_map(r, layout, json, p, value);
        break;
    default:
        status = stele_json_read_scalar(r, layout, json, p, value);
        break;
    }
    if (status == STELE_OK) status = check_memory(r, p);
    r->depth_left++;
    return status;
}

stele_status stele_json_read(const stele_type *type, stele_bytes text, stele_json_form json_form,
                             const stele_codec_limits *limits, void *value, stele_arena *arena,
                             stele_error *err)
{
    static const stele_codec_limits defaults = {0};
    if (limits == NULL) limits = &defaults;
    stele_error ignored;
    stele_status status;
    STELE_AUTO(stele_arena) trees = stele_arena_new();
    const stele_tree *json;
    if ((status = parse(text, trees, &json, err)) < 0) return status;

    size_t memory_max = limits->memory_max == 0 ? MEMORY_MAX : limits->memory_max;
    stele_json_reader r = {
        .form = (stele_json_read_form)json_form,
        .arena = arena,
        .trees = trees,
        .err = err == NULL ? &ignored : err,
        .depth_left = limits->depth_max == 0 ? DEPTH_MAX : limits->depth_max,
        .items_left = limits->items_max == 0 ? ITEMS_MAX : limits->items_max,
        .memory_max = stele_arena_used(arena) + memory_max,
    };
    memset(value, 0, type->layout->size);
    return read_value(&r, type->layout, json, NULL, value);
}

stele_status stele_text_value_default(const stele_member *member, void *record, stele_arena *arena,
                                      stele_error *err)
{
    stele_error ignored;
    STELE_AUTO(stele_arena) trees = stele_arena_new();
    stele_json_reader r = {
        .arena = arena,
        .trees = trees,
        .err = err == NULL ? &ignored : err,
        .depth_left = DEPTH_MAX,
        .items_left = ITEMS_MAX,
        .memory_max = stele_arena_used(arena) + MEMORY_MAX,
    };
    stele_json_path p = {.name = member->name};
    return read_default(&r, member, &p, record);
}
