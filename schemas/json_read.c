/* SPDX-License-Identifier: MIT
 * JSON to values, walking the layout and the document side by side. One reader for three forms: the
 * two of json.h and that of a field's default, in which a union is not tagged. */
#include <stele/json.h>

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "core/alloc.h"
#include "core/text.h"
#include "schemas/json_form.h"
#include "schemas/scalar_text.h"
#include "schemas/scopes.h"
#include "schemas/text_value.h"
#include "schemas/value_path.h"

enum { DEPTH_MAX = 64, ITEMS_MAX = 1000000, MEMORY_MAX = 64 * 1024 * 1024 };

/* How a scalar and a union are written. */
typedef enum form { FORM_PLAIN = STELE_JSON_PLAIN, FORM_AVRO = STELE_JSON_AVRO, FORM_DEFAULT } form;

typedef struct reader {
    form form;
    stele_arena *arena;
    stele_error *err;
    unsigned depth_left;
    size_t items_left;
    size_t memory_max; /* of the arena, with what it held before */
} reader;

/* Where in the value we are: a chain through the callers. */
typedef struct path {
    const struct path *outer;
    const char *name; /* of a field; NULL: an item */
    const char *key;  /* of a map's item; NULL: an array's, at `index` */
    size_t index;
} path;

/* Put the path before what `err` says. */
static stele_status at_path(reader *r, const path *p, stele_status status)
{
    if (status == STELE_OK) return STELE_OK;
    stele_value_path where = {.size = 0};
    for (; p != NULL; p = p->outer) {
        if (p->name != NULL) {
            stele_value_path_field(&where, p->name);
        } else if (p->key != NULL) {
            stele_value_path_key(&where, stele_text(p->key));
        } else {
            stele_value_path_index(&where, p->index);
        }
    }
    stele_error inner = *r->err;
    return stele_value_path_fail(&where, status, inner.text, r->err);
}

static const char *what_is(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "a whole number";
    case JSON_REAL:
        return "a number with a fraction";
    case JSON_NULL:
        return "null";
    default:
        return "a boolean";
    }
}

static stele_status mismatch(reader *r, const path *p, const char *wanted, const json_t *json)
{
    return at_path(r, p,
                   stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT, "expected %s, found %s",
                              wanted, what_is(json)));
}

static stele_status check_memory(reader *r, const path *p)
{
    if (stele_arena_used(r->arena) <= r->memory_max) return STELE_OK;
    return at_path(r, p,
                   stele_fail(r->err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                              "the value needs more memory than the limit"));
}

static stele_bytes string_view(const json_t *json)
{
    return stele_bytes_of(json_string_value(json), json_string_length(json));
}

/* Scalars. */

static stele_status read_text(reader *r, const stele_layout *layout, stele_bytes text,
                              const path *p, void *value)
{
    return at_path(r, p, stele_scalar_read(layout, text, value, r->arena, r->err));
}

static stele_status read_integer(reader *r, const stele_layout *layout, const json_t *json,
                                 const path *p, void *value)
{
    bool narrow = layout->kind == STELE_KIND_INT;
    int64_t number;
    if (json_is_integer(json)) {
        number = json_integer_value(json);
    } else if (json_is_real(json) && json_real_value(json) == floor(json_real_value(json)) &&
               fabs(json_real_value(json)) <= 9007199254740992.0) {
        number = (int64_t)json_real_value(json);
    } else {
        return mismatch(r, p, "a whole number", json);
    }
    if (narrow && (number < INT32_MIN || number > INT32_MAX)) {
        return at_path(r, p,
                       stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                                  "%" PRId64 " is out of range of an int", number));
    }
    if (narrow) {
        *(int32_t *)value = (int32_t)number;
    } else {
        *(int64_t *)value = number;
    }
    return STELE_OK;
}

static stele_status read_real(reader *r, const stele_layout *layout, const json_t *json,
                              const path *p, void *value)
{
    double number;
    if (json_is_number(json)) {
        number = json_number_value(json);
    } else if (!json_is_string(json)) {
        return mismatch(r, p, "a number", json);
    } else if (stele_bytes_equal(string_view(json), stele_text("NaN"))) {
        number = (double)NAN;
    } else if (stele_bytes_equal(string_view(json), stele_text("Infinity"))) {
        number = (double)INFINITY;
    } else if (stele_bytes_equal(string_view(json), stele_text("-Infinity"))) {
        number = -(double)INFINITY;
    } else {
        return mismatch(r, p, "a number, \"NaN\", \"Infinity\" or \"-Infinity\"", json);
    }
    if (layout->kind == STELE_KIND_DOUBLE) {
        *(double *)value = number;
        return STELE_OK;
    }
    *(float *)value = (float)number;
    if (isfinite(number) && !isfinite((float)number)) {
        return at_path(r, p,
                       stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                                  "%g is out of range of a float", number));
    }
    return STELE_OK;
}

/* A decimal that was written as a number: its text is lost, so it must be short enough to be sure.
 */
static stele_status read_decimal_number(reader *r, const stele_layout *layout, const json_t *json,
                                        const path *p, void *value)
{
    char text[32];
    if (json_is_integer(json)) {
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
        return read_text(r, layout, stele_text(text), p, value);
    }
    stele_double_format(json_real_value(json), text);
    size_t digits = strspn(text, "-0123456789.");
    if (text[digits] != '\0' || digits > 16) {
        return at_path(r, p,
                       stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                                  "write a decimal of so many digits as a string"));
    }
    return read_text(r, layout, stele_text(text), p, value);
}

/* The code points 0 to 255 of UTF-8 text as bytes, in the arena; false if there are others. */
static bool bytes_of_code_points(reader *r, stele_bytes text, stele_bytes *out)
{
    uint8_t *bytes = stele_arena_take(r->arena, text.size);
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c >= 0x80) {
            if (c > 0xc3 || i + 1 == text.size) return false;
            c = (uint8_t)(c << 6 | (text.data[++i] & 0x3f));
        }
        bytes[size++] = c;
    }
    *out = stele_bytes_of(bytes, size);
    return true;
}

static stele_status read_code_points(reader *r, const stele_layout *layout, const json_t *json,
                                     const path *p, void *value)
{
    if (!json_is_string(json)) return mismatch(r, p, "a string", json);
    stele_bytes bytes;
    if (!bytes_of_code_points(r, string_view(json), &bytes)) {
        return at_path(r, p,
                       stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                                  "a character past U+00FF is not a byte"));
    }
    if (stele_scalar_set_bytes(layout, bytes, value)) return STELE_OK;
    if (layout->kind == STELE_KIND_FIXED && bytes.size != layout->fixed_size) {
        return at_path(r, p,
                       stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                                  "%zu bytes, %s has %" PRIu32, bytes.size, layout->name,
                                  layout->fixed_size));
    }
    return at_path(r, p,
                   stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                              "%zu bytes are no decimal of %" PRIu32 " digits", bytes.size,
                              layout->precision));
}

static stele_status read_scalar(reader *r, const stele_layout *layout, const json_t *json,
                                const path *p, void *value)
{
    bool plain = r->form == FORM_PLAIN;
    bool decimal = layout->logical == STELE_LOGICAL_DECIMAL;
    switch (layout->kind) {
    case STELE_KIND_NULL:
        return json_is_null(json) ? STELE_OK : mismatch(r, p, "null", json);
    case STELE_KIND_BOOLEAN:
        if (!json_is_boolean(json)) return mismatch(r, p, "true or false", json);
        *(bool *)value = json_is_true(json);
        return STELE_OK;
    case STELE_KIND_INT:
    case STELE_KIND_LONG:
        if (!plain || !json_is_string(json) || !stele_scalar_is_text(layout)) {
            return read_integer(r, layout, json, p, value);
        }
        break;
    case STELE_KIND_FLOAT:
    case STELE_KIND_DOUBLE:
        return read_real(r, layout, json, p, value);
    case STELE_KIND_STRING:
    case STELE_KIND_ENUM:
        break;
    default:
        if (!plain) return read_code_points(r, layout, json, p, value);
        if (decimal && json_is_number(json)) return read_decimal_number(r, layout, json, p, value);
        break;
    }
    if (!json_is_string(json)) return mismatch(r, p, "a string", json);
    return read_text(r, layout, string_view(json), p, value);
}

/* Containers. */

static stele_status read_value(reader *r, const stele_layout *layout, json_t *json, const path *p,
                               void *value);

/* A member's value, in place or behind a pointer. */
static stele_status read_place(reader *r, const stele_member *member, json_t *json, const path *p,
                               uint8_t *base)
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

/* null, or as Avro Java also reads it {"null": null}. */
static bool is_null(const reader *r, const json_t *json)
{
    if (json_is_null(json)) return true;
    return r->form == FORM_AVRO && json_object_size(json) == 1 &&
           json_is_null(json_object_get(json, "null"));
}

/* What stands behind a branch's name; NULL if the document is not {"name": value}. */
static json_t *untag(json_t *json, const stele_layout *layout)
{
    if (!json_is_object(json) || json_object_size(json) != 1) return NULL;
    return json_object_get(json, stele_json_branch_name(layout));
}

static stele_status read_member(reader *r, const stele_member *member, json_t *json, const path *p,
                                uint8_t *base)
{
    if (member->flag_offset == STELE_NO_FLAG) return read_place(r, member, json, p, base);
    bool present = !is_null(r, json);
    *(bool *)(base + member->flag_offset) = present;
    if (!present) return STELE_OK;
    if (r->form == FORM_AVRO) {
        json_t *inner = untag(json, member->layout);
        if (inner == NULL) {
            STELE_AUTO(char)
            wanted =
                stele_strdup_format("null or {\"%s\": …}", stele_json_branch_name(member->layout));
            return mismatch(r, p, wanted, json);
        }
        json = inner;
    }
    return read_place(r, member, json, p, base);
}

static stele_status parse(stele_bytes text, json_t **out, stele_error *err);

static stele_status read_default(reader *r, const stele_member *member, const path *p,
                                 uint8_t *base)
{
    if (member->standard == NULL) {
        return at_path(r, p,
                       stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                                  "missing, and the field has no default"));
    }
    STELE_AUTO(json_t) json = NULL;
    stele_status status = parse(stele_text(member->standard), &json, r->err);
    if (status < 0) return at_path(r, p, status);
    form outer = r->form;
    r->form = FORM_DEFAULT;
    status = read_member(r, member, json, p, base);
    r->form = outer;
    return status;
}

static stele_status unknown_field(reader *r, const stele_layout *layout, json_t *json,
                                  const path *p)
{
    const char *name;
    json_t *ignored;
    json_object_foreach(json, name, ignored)
    {
        uint32_t i = 0;
        while (i < layout->count && strcmp(layout->members[i].name, name) != 0)
            i++;
        if (i < layout->count) continue;
        return at_path(r, p,
                       stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s has no field %s",
                                  layout->name, stele_quote(stele_text(name)).text));
    }
    return STELE_OK;
}

static stele_status read_record(reader *r, const stele_layout *layout, json_t *json, const path *p,
                                uint8_t *value)
{
    if (!json_is_object(json)) return mismatch(r, p, "an object", json);
    size_t found = 0;
    for (uint32_t i = 0; i < layout->count; i++) {
        const stele_member *member = &layout->members[i];
        path inner = {.outer = p, .name = member->name};
        json_t *field = json_object_get(json, member->name);
        stele_status status;
        if (field != NULL) {
            found++;
            status = read_member(r, member, field, &inner, value);
        } else if (r->form != FORM_AVRO) {
            status = read_default(r, member, &inner, value);
        } else {
            status = at_path(r, &inner,
                             stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT, "missing"));
        }
        if (status < 0) return status;
    }
    /* Avro Java passes over a field that it does not know. People mistype names. */
    if (r->form == FORM_AVRO || found == json_object_size(json)) return STELE_OK;
    return unknown_field(r, layout, json, p);
}

static stele_status read_branch(reader *r, const stele_layout *layout, uint32_t branch,
                                json_t *json, const path *p, uint8_t *value)
{
    int32_t index = (int32_t)branch;
    memcpy(value, &index, sizeof index);
    if (layout->members[branch].layout == NULL) return STELE_OK;
    return read_place(r, &layout->members[branch], json, p, value);
}

static bool looks_like(const stele_layout *layout, const json_t *json)
{
    stele_json_look look = stele_json_look_of(layout);
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return look == STELE_JSON_LOOK_OBJECT;
    case JSON_ARRAY:
        return look == STELE_JSON_LOOK_ARRAY;
    case JSON_STRING:
        return look == STELE_JSON_LOOK_STRING;
    case JSON_INTEGER:
    case JSON_REAL:
        return look == STELE_JSON_LOOK_NUMBER;
    case JSON_NULL:
        return look == STELE_JSON_LOOK_NULL;
    default:
        return look == STELE_JSON_LOOK_BOOLEAN;
    }
}

/* A default is that of the first branch; of any branch since Avro 1.12. The first that fits. */
static stele_status read_default_union(reader *r, const stele_layout *layout, json_t *json,
                                       const path *p, uint8_t *value)
{
    stele_status status = STELE_E_INVALID;
    for (uint32_t i = 0; i < layout->count; i++) {
        const stele_layout *branch = layout->members[i].layout;
        if ((branch == NULL) != json_is_null(json)) continue;
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
static json_t *not_finite(const stele_layout *branch, json_t *json)
{
    if (branch == NULL) return NULL;
    if (branch->kind != STELE_KIND_FLOAT && branch->kind != STELE_KIND_DOUBLE) return NULL;
    return json_is_string(json) ? json : untag(json, branch);
}

static stele_status read_union(reader *r, const stele_layout *layout, json_t *json, const path *p,
                               uint8_t *value)
{
    if (r->form == FORM_DEFAULT) return read_default_union(r, layout, json, p, value);
    bool tagged = r->form == FORM_AVRO || stele_json_is_ambiguous(layout);
    for (uint32_t i = 0; i < layout->count; i++) {
        const stele_layout *branch = layout->members[i].layout;
        json_t *inner = branch == NULL ? (is_null(r, json) ? json : NULL)
                        : tagged       ? untag(json, branch)
                                       : (looks_like(branch, json) ? json : NULL);
        if (inner != NULL) return read_branch(r, layout, i, inner, p, value);
    }
    for (uint32_t i = 0; i < layout->count && !tagged; i++) {
        json_t *inner = not_finite(layout->members[i].layout, json);
        if (inner != NULL) return read_branch(r, layout, i, inner, p, value);
    }
    return mismatch(
        r, p, tagged ? "a branch of the union as {\"type\": …}" : "a branch of the union", json);
}

static stele_status start_items(reader *r, const stele_layout *layout, size_t count, const path *p,
                                stele_array *array)
{
    if (count > r->items_left) {
        return at_path(r, p,
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

static stele_status read_array(reader *r, const stele_layout *layout, json_t *json, const path *p,
                               void *value)
{
    if (!json_is_array(json)) return mismatch(r, p, "an array", json);
    stele_array array;
    stele_status status;
    if ((status = start_items(r, layout, json_array_size(json), p, &array)) < 0) return status;
    memcpy(value, &array, sizeof array);
    for (size_t i = 0; i < array.count; i++) {
        path inner = {.outer = p, .index = i};
        uint8_t *item = (uint8_t *)array.items + i * layout->stride;
        status = read_member(r, layout->item, json_array_get(json, i), &inner, item);
        if (status < 0) return status;
    }
    return STELE_OK;
}

static stele_status read_map(reader *r, const stele_layout *layout, json_t *json, const path *p,
                             void *value)
{
    if (!json_is_object(json)) return mismatch(r, p, "an object", json);
    stele_array entries;
    stele_status status;
    if ((status = start_items(r, layout, json_object_size(json), p, &entries)) < 0) return status;
    memcpy(value, &entries, sizeof entries);
    uint8_t *entry = entries.items;
    const char *name;
    json_t *item;
    json_object_foreach(json, name, item)
    {
        path inner = {.outer = p, .key = name};
        size_t size = strlen(name);
        uint8_t *copy = stele_arena_take(r->arena, size);
        memcpy(copy, name, size);
        stele_bytes key = stele_bytes_of(copy, size);
        memcpy(entry, &key, sizeof key);
        if ((status = read_member(r, layout->item, item, &inner, entry)) < 0) return status;
        entry += layout->stride;
    }
    return STELE_OK;
}

static stele_status read_value(reader *r, const stele_layout *layout, json_t *json, const path *p,
                               void *value)
{
    if (r->depth_left == 0) {
        return at_path(
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
        status = read_scalar(r, layout, json, p, value);
        break;
    }
    if (status == STELE_OK) status = check_memory(r, p);
    r->depth_left++;
    return status;
}

static stele_status parse(stele_bytes text, json_t **out, stele_error *err)
{
    json_error_t problem;
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES;
    const char *data = text.data == NULL ? "" : (const char *)text.data;
    json_t *json = json_loadb(data, text.size, flags, &problem);
    if (json == NULL) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "not JSON: %s, at byte %d",
                          problem.text, problem.position);
    }
    *out = json;
    return STELE_OK;
}

stele_status stele_json_read(const stele_type *type, stele_bytes text, stele_json_form json_form,
                             const stele_codec_limits *limits, void *value, stele_arena *arena,
                             stele_error *err)
{
    static const stele_codec_limits defaults = {0};
    if (limits == NULL) limits = &defaults;
    stele_error ignored;
    stele_status status;
    STELE_AUTO(json_t) json = NULL;
    if ((status = parse(text, &json, err)) < 0) return status;

    size_t memory_max = limits->memory_max == 0 ? MEMORY_MAX : limits->memory_max;
    reader r = {
        .form = (form)json_form,
        .arena = arena,
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
    reader r = {
        .arena = arena,
        .err = err == NULL ? &ignored : err,
        .depth_left = DEPTH_MAX,
        .items_left = ITEMS_MAX,
        .memory_max = stele_arena_used(arena) + MEMORY_MAX,
    };
    path p = {.name = member->name};
    return read_default(&r, member, &p, record);
}
