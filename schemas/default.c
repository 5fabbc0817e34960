/* SPDX-License-Identifier: MIT
 * Defaults from JSON to Avro binary. One function both checks a default and makes it. */
#include "schemas/default.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include <stele/generated.h>

#include "core/alloc.h"
#include "core/text.h"

/* A default may stand for the defaults of the records in it, so a short text can be a large datum.
 */
enum { BYTES_MAX = 1024 * 1024, NESTING_MAX = 64 };

typedef struct writer {
    stele_buffer *out;
    size_t start;
    size_t *steps_left;
    unsigned depth;
    stele_error *err;
} writer;

static stele_status put(writer *w, const stele_node *node, const json_t *json);

static stele_status refuse(writer *w, const stele_node *node)
{
    return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT, "not a value of type %s",
                      stele_node_name(node));
}

static void put_long(writer *w, int64_t value)
{
    uint8_t *at = stele_buffer_reserve(w->out, 10);
    w->out->size += (size_t)(stele_write_long(at, value) - at);
}

static void put_bytes(writer *w, stele_bytes bytes)
{
    put_long(w, (int64_t)bytes.size);
    stele_buffer_append(w->out, bytes);
}

static stele_status put_whole(writer *w, const stele_node *node, const json_t *json)
{
    json_int_t value = json_integer_value(json);
    if (!json_is_integer(json)) return refuse(w, node);
    if (node->kind == STELE_KIND_INT && (value < INT32_MIN || value > INT32_MAX)) {
        return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT, "%" PRId64 " is not an int",
                          (int64_t)value);
    }
    put_long(w, value);
    return STELE_OK;
}

static float narrow(double value)
{
    if (value > (double)FLT_MAX) return INFINITY;
    if (value < -(double)FLT_MAX) return -INFINITY;
    return (float)value;
}

/* A number, or as Avro Java takes it, the text of one: JSON has no NaN and no Infinity. */
static stele_status put_real(writer *w, const stele_node *node, const json_t *json)
{
    double value = json_number_value(json);
    if (json_is_string(json)) {
        stele_bytes text = stele_bytes_of(json_string_value(json), json_string_length(json));
        if (stele_parse_double(text, &value, NULL) < 0) return refuse(w, node);
    } else if (!json_is_number(json)) {
        return refuse(w, node);
    }
    uint8_t *at = stele_buffer_reserve(w->out, 8);
    uint8_t *end = node->kind == STELE_KIND_FLOAT ? stele_write_float(at, narrow(value))
                                                  : stele_write_double(at, value);
    w->out->size += (size_t)(end - at);
    return STELE_OK;
}

/* Code points 0 to 255 are the bytes. */
static bool bytes_of(const json_t *json, stele_buffer *out)
{
    const uint8_t *text = (const uint8_t *)json_string_value(json);
    size_t size = json_string_length(json);
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = text[i];
        if (byte >= 0xc4) return false;
        if (byte >= 0x80) byte = (uint8_t)((byte & 3) << 6 | (text[++i] & 0x3f));
        stele_buffer_push(out, byte);
    }
    return true;
}

static stele_status put_binary(writer *w, const stele_node *node, const json_t *json)
{
    if (!json_is_string(json)) return refuse(w, node);
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    if (!bytes_of(json, &bytes)) {
        return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "the bytes of a default are characters up to \\u00ff");
    }
    int64_t number;
    if (node->logical == STELE_LOGICAL_DECIMAL && node->precision <= 18 &&
        !stele_decimal_of_bytes(bytes.data, bytes.size, &number)) {
        return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "these %zu bytes are not a decimal of %" PRIu32 " digits", bytes.size,
                          node->precision);
    }
    if (node->kind == STELE_KIND_BYTES) {
        put_bytes(w, stele_buffer_view(&bytes));
        return STELE_OK;
    }
    if (bytes.size != node->fixed_size) {
        return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "%zu bytes, but %s has %" PRIu32, bytes.size, node->name,
                          node->fixed_size);
    }
    stele_buffer_append(w->out, stele_buffer_view(&bytes));
    return STELE_OK;
}

static stele_status put_symbol(writer *w, const stele_node *node, const json_t *json)
{
    const char *symbol = json_string_value(json);
    int64_t index = symbol == NULL ? -1 : stele_node_find(node, symbol);
    if (index < 0) {
        return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT, "not a symbol of %s",
                          node->name);
    }
    put_long(w, index);
    return STELE_OK;
}

static stele_status put_array(writer *w, const stele_node *node, const json_t *json)
{
    if (!json_is_array(json)) return refuse(w, node);
    size_t count = json_array_size(json);
    if (count > 0) put_long(w, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        stele_status status = put(w, node->item, json_array_get(json, i));
        if (status < 0) return status;
    }
    put_long(w, 0);
    return STELE_OK;
}

static stele_status put_map(writer *w, const stele_node *node, const json_t *json)
{
    if (!json_is_object(json)) return refuse(w, node);
    size_t count = json_object_size(json);
    if (count > 0) put_long(w, (int64_t)count);
    void *place = json_object_iter((json_t *)json);
    for (; place != NULL; place = json_object_iter_next((json_t *)json, place)) {
        put_bytes(w, stele_text(json_object_iter_key(place)));
        stele_status status = put(w, node->item, json_object_iter_value(place));
        if (status < 0) return status;
    }
    put_long(w, 0);
    return STELE_OK;
}

/* A field that the default leaves out takes its own default, as in Avro Java. */
static stele_status put_record(writer *w, const stele_node *node, const json_t *json)
{
    if (!json_is_object(json)) return refuse(w, node);
    for (size_t i = 0; i < node->count; i++) {
        const stele_field *field = &node->fields[i];
        const json_t *value = json_object_get(json, field->name);
        if (value == NULL) value = field->standard;
        if (value == NULL) {
            return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                              "it lacks the field %s of %s", field->name, node->name);
        }
        stele_status status = put(w, field->type, value);
        if (status < 0) return status;
    }
    return STELE_OK;
}

static stele_status put_union(writer *w, const stele_node *node, const json_t *json)
{
    size_t before = w->out->size;
    for (size_t i = 0; i < node->count; i++) {
        put_long(w, (int64_t)i);
        stele_status status = put(w, node->branches[i], json);
        if (status == STELE_OK || status == STELE_E_LIMIT) return status;
        w->out->size = before;
    }
    return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "it fits no branch of the union, the first of which is %s",
                      stele_node_name(node->branches[0]));
}

static stele_status put_kind(writer *w, const stele_node *node, const json_t *json)
{
    switch (node->kind) {
    case STELE_KIND_NULL:
        return json_is_null(json) ? STELE_OK : refuse(w, node);
    case STELE_KIND_BOOLEAN:
        if (!json_is_boolean(json)) return refuse(w, node);
        stele_buffer_push(w->out, json_is_true(json));
        return STELE_OK;
    case STELE_KIND_INT:
    case STELE_KIND_LONG:
        return put_whole(w, node, json);
    case STELE_KIND_FLOAT:
    case STELE_KIND_DOUBLE:
        return put_real(w, node, json);
    case STELE_KIND_STRING:
        if (!json_is_string(json)) return refuse(w, node);
        put_bytes(w, stele_bytes_of(json_string_value(json), json_string_length(json)));
        return STELE_OK;
    case STELE_KIND_BYTES:
    case STELE_KIND_FIXED:
        return put_binary(w, node, json);
    case STELE_KIND_ENUM:
        return put_symbol(w, node, json);
    case STELE_KIND_ARRAY:
        return put_array(w, node, json);
    case STELE_KIND_MAP:
        return put_map(w, node, json);
    case STELE_KIND_RECORD:
        return put_record(w, node, json);
    case STELE_KIND_UNION:
        return put_union(w, node, json);
    }
    return refuse(w, node);
}

static stele_status put(writer *w, const stele_node *node, const json_t *json)
{
    if (*w->steps_left == 0 || w->out->size - w->start > BYTES_MAX || w->depth >= NESTING_MAX) {
        return stele_fail(w->err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                          "with the defaults that it stands for it is too large");
    }
    --*w->steps_left;
    w->depth++;
    stele_status status = put_kind(w, node, json);
    w->depth--;
    return status;
}

stele_status stele_default_encode(const stele_node *node, const json_t *json, size_t *steps_left,
                                  stele_buffer *out, stele_error *err)
{
    writer w = {.out = out, .start = out->size, .steps_left = steps_left, .err = err};
    stele_status status = put(&w, node, json);
    if (status < 0) out->size = w.start;
    return status;
}
