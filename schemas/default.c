/* SPDX-License-Identifier: MIT
 * Defaults from JSON to Avro binary. One function both checks a default and makes it. */
#include "schemas/default.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

#include <stele/generated.h>

#include "core/alloc.h"
#include "core/text.h"
#include "schemas/big_decimal.h"

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

static stele_status put(writer *w, const stele_node *node, const stele_tree *json);

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

/* Half a surrogate pair, which JSON can hold, is no character. */
static stele_status put_string(writer *w, stele_bytes text)
{
    if (!stele_utf8_is_valid(text)) {
        return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "half a surrogate pair in %s is no character", stele_quote(text).text);
    }
    put_bytes(w, text);
    return STELE_OK;
}

static bool is_boolean(const stele_tree *json)
{
    return json->kind == STELE_TREE_TRUE || json->kind == STELE_TREE_FALSE;
}

static stele_status put_whole(writer *w, const stele_node *node, const stele_tree *json)
{
    int64_t value;
    if (!stele_tree_is_whole(json)) return refuse(w, node);
    if (!stele_tree_integer(json, &value) ||
        (node->kind == STELE_KIND_INT && (value < INT32_MIN || value > INT32_MAX))) {
        return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s is out of range of %s",
                          stele_quote(json->text).text,
                          node->kind == STELE_KIND_INT ? "an int" : "a long");
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
static stele_status put_real(writer *w, const stele_node *node, const stele_tree *json)
{
    double value = stele_tree_real(json);
    if (stele_tree_is(json, STELE_TREE_STRING)) {
        if (stele_parse_double(json->text, &value, NULL) < 0) return refuse(w, node);
    } else if (!stele_tree_is(json, STELE_TREE_NUMBER)) {
        return refuse(w, node);
    }
    uint8_t *at = stele_buffer_reserve(w->out, 8);
    uint8_t *end = node->kind == STELE_KIND_FLOAT ? stele_write_float(at, narrow(value))
                                                  : stele_write_double(at, value);
    w->out->size += (size_t)(end - at);
    return STELE_OK;
}

/* Code points 0 to 255 are the bytes. */
static bool bytes_of(stele_bytes text, stele_buffer *out)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte >= 0xc4) return false;
        if (byte >= 0x80) byte = (uint8_t)((byte & 3) << 6 | (text.data[++i] & 0x3f));
        stele_buffer_push(out, byte);
    }
    return true;
}

static stele_status put_binary(writer *w, const stele_node *node, const stele_tree *json)
{
    if (!stele_tree_is(json, STELE_TREE_STRING)) return refuse(w, node);
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    if (!bytes_of(json->text, &bytes)) {
        return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "the bytes of a default are characters up to \\u00ff");
    }
    if (node->logical == STELE_LOGICAL_DECIMAL &&
        !stele_big_decimal_is_valid(stele_buffer_view(&bytes), node->precision)) {
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

static stele_status put_symbol(writer *w, const stele_node *node, const stele_tree *json)
{
    const char *symbol = stele_tree_string(json);
    int64_t index = symbol == NULL ? -1 : stele_node_find(node, symbol);
    if (index < 0) {
        return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT, "not a symbol of %s",
                          node->name);
    }
    put_long(w, index);
    return STELE_OK;
}

static stele_status put_array(writer *w, const stele_node *node, const stele_tree *json)
{
    if (!stele_tree_is(json, STELE_TREE_ARRAY)) return refuse(w, node);
    size_t count = json->count;
    if (count > 0) put_long(w, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        stele_status status = put(w, node->item, stele_tree_at(json, i));
        if (status < 0) return status;
    }
    put_long(w, 0);
    return STELE_OK;
}

static stele_status put_map(writer *w, const stele_node *node, const stele_tree *json)
{
    if (!stele_tree_is(json, STELE_TREE_OBJECT)) return refuse(w, node);
    size_t count = json->count;
    if (count > 0) put_long(w, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        stele_status status = put_string(w, json->names[i]);
        if (status == STELE_OK) status = put(w, node->item, &json->items[i]);
        if (status < 0) return status;
    }
    put_long(w, 0);
    return STELE_OK;
}

/* A field that the default leaves out takes its own default, as in Avro Java. */
static stele_status put_record(writer *w, const stele_node *node, const stele_tree *json)
{
    if (!stele_tree_is(json, STELE_TREE_OBJECT)) return refuse(w, node);
    for (size_t i = 0; i < node->count; i++) {
        const stele_field *field = &node->fields[i];
        const stele_tree *value = stele_tree_get(json, field->name);
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

static stele_status put_union(writer *w, const stele_node *node, const stele_tree *json)
{
    size_t before = w->out->size;
    for (size_t i = 0; i < node->count; i++) {
        put_long(w, (int64_t)i);
        stele_status status = put(w, node->branches[i], json);
        if (status == STELE_OK || status == STELE_E_LIMIT) return status;
        w->out->size = before;
    }
    if (node->count == 0) {
        return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "a union without branches has no values");
    }
    return stele_fail(w->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "it fits no branch of the union, the first of which is %s",
                      stele_node_name(node->branches[0]));
}

static stele_status put_kind(writer *w, const stele_node *node, const stele_tree *json)
{
    switch (node->kind) {
    case STELE_KIND_NULL:
        return stele_tree_is(json, STELE_TREE_NULL) ? STELE_OK : refuse(w, node);
    case STELE_KIND_BOOLEAN:
        if (!is_boolean(json)) return refuse(w, node);
        stele_buffer_push(w->out, stele_tree_is(json, STELE_TREE_TRUE));
        return STELE_OK;
    case STELE_KIND_INT:
    case STELE_KIND_LONG:
        return put_whole(w, node, json);
    case STELE_KIND_FLOAT:
    case STELE_KIND_DOUBLE:
        return put_real(w, node, json);
    case STELE_KIND_STRING:
        if (!stele_tree_is(json, STELE_TREE_STRING)) return refuse(w, node);
        return put_string(w, json->text);
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

static stele_status put(writer *w, const stele_node *node, const stele_tree *json)
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

stele_status stele_default_encode(const stele_node *node, const stele_tree *json,
                                  size_t *steps_left, stele_buffer *out, stele_error *err)
{
    writer w = {.out = out, .start = out->size, .steps_left = steps_left, .err = err};
    stele_status status = put(&w, node, json);
    if (status < 0) out->size = w.start;
    return status;
}
