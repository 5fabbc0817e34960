/* SPDX-License-Identifier: MIT
 * Scalars from JSON, in each form. */
#include "schemas/json_reader.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "schemas/scalar_text.h"
#include "schemas/value_path.h"

/* Put the path before what `err` says. */
stele_status stele_json_at_path(stele_json_reader *r, const stele_json_path *p, stele_status status)
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

stele_status stele_json_mismatch(stele_json_reader *r, const stele_json_path *p, const char *wanted,
                                 const json_t *json)
{
    return stele_json_at_path(r, p,
                              stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                                         "expected %s, found %s", wanted, what_is(json)));
}

static stele_bytes string_view(const json_t *json)
{
    return stele_bytes_of(json_string_value(json), json_string_length(json));
}

static stele_status read_text(stele_json_reader *r, const stele_layout *layout, stele_bytes text,
                              const stele_json_path *p, void *value)
{
    return stele_json_at_path(r, p, stele_scalar_read(layout, text, value, r->arena, r->err));
}

static stele_status read_integer(stele_json_reader *r, const stele_layout *layout,
                                 const json_t *json, const stele_json_path *p, void *value)
{
    bool narrow = layout->kind == STELE_KIND_INT;
    int64_t number;
    if (json_is_integer(json)) {
        number = json_integer_value(json);
    } else if (json_is_real(json) && json_real_value(json) == floor(json_real_value(json)) &&
               fabs(json_real_value(json)) <= 9007199254740992.0) {
        number = (int64_t)json_real_value(json);
    } else {
        return stele_json_mismatch(r, p, "a whole number", json);
    }
    if (narrow && (number < INT32_MIN || number > INT32_MAX)) {
        return stele_json_at_path(r, p,
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

static stele_status read_real(stele_json_reader *r, const stele_layout *layout, const json_t *json,
                              const stele_json_path *p, void *value)
{
    double number;
    if (json_is_number(json)) {
        number = json_number_value(json);
    } else if (!json_is_string(json)) {
        return stele_json_mismatch(r, p, "a number", json);
    } else if (stele_bytes_equal(string_view(json), stele_text("NaN"))) {
        number = (double)NAN;
    } else if (stele_bytes_equal(string_view(json), stele_text("Infinity"))) {
        number = (double)INFINITY;
    } else if (stele_bytes_equal(string_view(json), stele_text("-Infinity"))) {
        number = -(double)INFINITY;
    } else {
        return stele_json_mismatch(r, p, "a number, \"NaN\", \"Infinity\" or \"-Infinity\"", json);
    }
    if (layout->kind == STELE_KIND_DOUBLE) {
        *(double *)value = number;
        return STELE_OK;
    }
    *(float *)value = (float)number;
    if (isfinite(number) && !isfinite((float)number)) {
        return stele_json_at_path(r, p,
                                  stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                                             "%g is out of range of a float", number));
    }
    return STELE_OK;
}

/* A decimal that was written as a number: its text is lost, so it must be short enough to be sure.
 */
static stele_status read_decimal_number(stele_json_reader *r, const stele_layout *layout,
                                        const json_t *json, const stele_json_path *p, void *value)
{
    char text[32];
    if (json_is_integer(json)) {
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
        return read_text(r, layout, stele_text(text), p, value);
    }
    stele_double_format(json_real_value(json), text);
    size_t digits = strspn(text, "-0123456789.");
    if (text[digits] != '\0' || digits > 16) {
        return stele_json_at_path(r, p,
                                  stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                                             "write a decimal of so many digits as a string"));
    }
    return read_text(r, layout, stele_text(text), p, value);
}

/* The code points 0 to 255 of UTF-8 text as bytes, in the arena; false if there are others. */
static bool bytes_of_code_points(stele_json_reader *r, stele_bytes text, stele_bytes *out)
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

static stele_status read_code_points(stele_json_reader *r, const stele_layout *layout,
                                     const json_t *json, const stele_json_path *p, void *value)
{
    if (!json_is_string(json)) return stele_json_mismatch(r, p, "a string", json);
    stele_bytes bytes;
    if (!bytes_of_code_points(r, string_view(json), &bytes)) {
        return stele_json_at_path(r, p,
                                  stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                                             "a character past U+00FF is not a byte"));
    }
    if (stele_scalar_set_bytes(layout, bytes, value)) return STELE_OK;
    if (layout->kind == STELE_KIND_FIXED && bytes.size != layout->fixed_size) {
        return stele_json_at_path(r, p,
                                  stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                                             "%zu bytes, %s has %" PRIu32, bytes.size, layout->name,
                                             layout->fixed_size));
    }
    return stele_json_at_path(r, p,
                              stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                                         "%zu bytes are no decimal of %" PRIu32 " digits",
                                         bytes.size, layout->precision));
}

stele_status stele_json_read_scalar(stele_json_reader *r, const stele_layout *layout,
                                    const json_t *json, const stele_json_path *p, void *value)
{
    bool plain = r->form == STELE_JSON_FORM_PLAIN;
    bool decimal = layout->logical == STELE_LOGICAL_DECIMAL;
    switch (layout->kind) {
    case STELE_KIND_NULL:
        return json_is_null(json) ? STELE_OK : stele_json_mismatch(r, p, "null", json);
    case STELE_KIND_BOOLEAN:
        if (!json_is_boolean(json)) return stele_json_mismatch(r, p, "true or false", json);
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
    if (!json_is_string(json)) return stele_json_mismatch(r, p, "a string", json);
    return read_text(r, layout, string_view(json), p, value);
}
