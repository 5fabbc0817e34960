/* SPDX-License-Identifier: MIT
 * Values to JSON, walking the layout. One writer for both forms: they differ in scalars and in how
 * a union says which branch it holds. */
#include <stele/json.h>

#include <inttypes.h>
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"
#include "schemas/json_form.h"
#include "schemas/scalar_text.h"
#include "schemas/tree.h"

enum { DEPTH_MAX = 1000 }; /* of a value in memory, which only its program can make */

typedef struct writer {
    stele_json_form form;
    stele_buffer *out;
    stele_buffer room; /* for the bytes of decimals */
    stele_error *err;
    unsigned depth;
} writer;

static void put(writer *w, const char *text)
{
    stele_buffer_append(w->out, stele_text(text));
}

static void put_quoted(writer *w, stele_bytes text)
{
    stele_tree_write_string(text, w->out);
}

/* Bytes as a string of the code points 0 to 255. */
static void put_code_points(writer *w, stele_bytes bytes)
{
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = bytes.data[i];
        if (c >= 0x80) stele_buffer_push(&text, (uint8_t)(0xc0 | c >> 6));
        stele_buffer_push(&text, c < 0x80 ? c : (uint8_t)(0x80 | (c & 0x3f)));
    }
    put_quoted(w, stele_buffer_view(&text));
}

static stele_status put_string(writer *w, stele_bytes text)
{
    if (!stele_utf8_is_valid(text)) {
        return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s is not UTF-8",
                          stele_quote(text).text);
    }
    put_quoted(w, text);
    return STELE_OK;
}

/* A number, which JSON does not have a word for if it is none. */
static void put_real(writer *w, const char *text)
{
    bool quoted = text[0] == 'N' || text[0] == 'I' || text[1] == 'I';
    put(w, quoted ? "\"" : "");
    put(w, text);
    put(w, quoted ? "\"" : "");
}

static stele_status put_avro_bytes(writer *w, const stele_layout *layout, const void *value)
{
    stele_bytes bytes = stele_scalar_bytes(layout, value, &w->room);
    if (bytes.data == NULL) {
        return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "a decimal of more than %" PRIu32 " digits", layout->precision);
    }
    put_code_points(w, bytes);
    return STELE_OK;
}

static stele_status put_plain_text(writer *w, const stele_layout *layout, const void *value)
{
    stele_buffer_push(w->out, '"'); /* nothing that is written here needs an escape */
    stele_status status = stele_scalar_write(layout, value, w->out, w->err);
    stele_buffer_push(w->out, '"');
    return status;
}

static stele_status write_scalar(writer *w, const stele_layout *layout, const void *value)
{
    char text[32];
    bool plain = w->form == STELE_JSON_PLAIN;
    switch (layout->kind) {
    case STELE_KIND_NULL:
        put(w, "null");
        return STELE_OK;
    case STELE_KIND_BOOLEAN:
        put(w, *(const bool *)value ? "true" : "false");
        return STELE_OK;
    case STELE_KIND_FLOAT:
        stele_float_format(*(const float *)value, text);
        put_real(w, text);
        return STELE_OK;
    case STELE_KIND_DOUBLE:
        stele_double_format(*(const double *)value, text);
        put_real(w, text);
        return STELE_OK;
    case STELE_KIND_INT:
        if (plain && stele_scalar_is_text(layout)) return put_plain_text(w, layout, value);
        stele_buffer_format(w->out, "%" PRId32, *(const int32_t *)value);
        return STELE_OK;
    case STELE_KIND_LONG:
        if (plain && stele_scalar_is_text(layout)) return put_plain_text(w, layout, value);
        stele_buffer_format(w->out, "%" PRId64, *(const int64_t *)value);
        return STELE_OK;
    case STELE_KIND_STRING:
        return put_string(w, stele_scalar_bytes(layout, value, &w->room));
    case STELE_KIND_ENUM:
        return put_plain_text(w, layout, value);
    default:
        return plain ? put_plain_text(w, layout, value) : put_avro_bytes(w, layout, value);
    }
}

static stele_status write_value(writer *w, const stele_layout *layout, const void *value);

/* A value in a union: behind the name of its branch where the form wants it. */
static stele_status write_branch(writer *w, const stele_layout *layout, const void *value,
                                 bool tagged)
{
    if (!tagged) return write_value(w, layout, value);
    put(w, "{");
    put_quoted(w, stele_text(stele_json_branch_name(layout)));
    put(w, ":");
    stele_status status = write_value(w, layout, value);
    put(w, "}");
    return status;
}

static stele_status write_member(writer *w, const stele_member *member, const uint8_t *base)
{
    bool optional = member->flag_offset != STELE_NO_FLAG;
    if (optional && !*(const bool *)(base + member->flag_offset)) {
        put(w, "null");
        return STELE_OK;
    }
    return write_branch(w, member->layout, stele_json_member(member, base),
                        optional && w->form == STELE_JSON_AVRO);
}

static stele_status write_record(writer *w, const stele_layout *layout, const uint8_t *value)
{
    put(w, "{");
    for (uint32_t i = 0; i < layout->count; i++) {
        const stele_member *member = &layout->members[i];
        stele_buffer_format(w->out, i == 0 ? "\"%s\":" : ",\"%s\":", member->name);
        stele_status status = write_member(w, member, value);
        if (status < 0) return status;
    }
    put(w, "}");
    return STELE_OK;
}

static stele_status write_union(writer *w, const stele_layout *layout, const uint8_t *value)
{
    int32_t branch;
    memcpy(&branch, value, sizeof branch);
    if ((uint32_t)branch >= layout->count) {
        return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "the union has no branch with index %" PRId32, branch);
    }
    const stele_member *member = &layout->members[branch];
    if (member->layout == NULL) {
        put(w, "null");
        return STELE_OK;
    }
    const void *inner = stele_json_member(member, value);
    bool tagged = w->form == STELE_JSON_AVRO || stele_json_is_tagged(layout, member->layout, inner);
    return write_branch(w, member->layout, inner, tagged);
}

static stele_status write_items(writer *w, const stele_layout *layout, const uint8_t *value)
{
    stele_array array; /* a map is the same: a count and a pointer */
    memcpy(&array, value, sizeof array);
    bool map = layout->kind == STELE_KIND_MAP;
    put(w, map ? "{" : "[");
    for (size_t i = 0; i < array.count; i++) {
        const uint8_t *item = (const uint8_t *)array.items + i * layout->stride;
        stele_status status = STELE_OK;
        if (i != 0) put(w, ",");
        if (map) {
            stele_bytes key;
            memcpy(&key, item, sizeof key);
            status = put_string(w, key);
            put(w, ":");
        }
        if (status == STELE_OK) status = write_member(w, layout->item, item);
        if (status < 0) return status;
    }
    put(w, map ? "}" : "]");
    return STELE_OK;
}

static stele_status write_value(writer *w, const stele_layout *layout, const void *value)
{
    if (w->depth == 0) {
        return stele_fail(w->err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                          "the value is nested more than %d deep", DEPTH_MAX);
    }
    /* A pointer that is NULL stands for a value that is all zero. */
    STELE_AUTO(uint8_t) zero = value == NULL ? stele_alloc(layout->size) : NULL;
    if (value == NULL) value = zero;
    w->depth--;
    stele_status status;
    switch (layout->kind) {
    case STELE_KIND_RECORD:
        status = write_record(w, layout, value);
        break;
    case STELE_KIND_UNION:
        status = write_union(w, layout, value);
        break;
    case STELE_KIND_ARRAY:
    case STELE_KIND_MAP:
        status = write_items(w, layout, value);
        break;
    default:
        status = write_scalar(w, layout, value);
        break;
    }
    w->depth++;
    return status;
}

stele_status stele_json_write(const stele_type *type, const void *value, stele_json_form form,
                              stele_buffer *out, stele_error *err)
{
    writer w = {.form = form, .out = out, .err = err, .depth = DEPTH_MAX};
    size_t before = out->size;
    stele_status status = write_value(&w, type->layout, value);
    if (status < 0) out->size = before;
    stele_buffer_clear(&w.room);
    return status;
}
