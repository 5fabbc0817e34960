/* SPDX-License-Identifier: MIT
 * Scalars from JSON, in each form. */
#include "schemas/json_reader.h"

#include <inttypes.h>
#include <math.h>
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
            stele_value_path_key(&where, *p->key);
        } else {
            stele_value_path_index(&where, p->index);
        }
    }
    stele_error inner = *r->err;
    return stele_value_path_fail(&where, status, inner.text, r->err);
}

static const char *what_is(const stele_tree *json)
{
    switch (json->kind) {
    case STELE_TREE_OBJECT:
        return "an object";
    case STELE_TREE_ARRAY:
        return "an array";
    case STELE_TREE_STRING:
        return "a string";
    case STELE_TREE_NUMBER:
        return stele_tree_is_whole(json) ? "a whole number" : "a number with a fraction";
    case STELE_TREE_NULL:
        return "null";
    default:
        return "a boolean";
    }
}

stele_status stele_json_mismatch(stele_json_reader *r, const stele_json_path *p, const char *wanted,
                                 const stele_tree *json)
{
    return stele_json_at_path(r, p,
                              stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                                         "expected %s, found %s", wanted, what_is(json)));
}

static stele_status read_text(stele_json_reader *r, const stele_layout *layout, stele_bytes text,
                              const stele_json_path *p, void *value)
{
    return stele_json_at_path(r, p, stele_scalar_read(layout, text, value, r->arena, r->err));
}

static stele_status out_of_range(stele_json_reader *r, const stele_tree *json, const char *kind,
                                 const stele_json_path *p)
{
    return stele_json_at_path(
        r, p,
        stele_fail(r->err, STELE_E_INVALID, STELE_NEXT_REJECT, "%.40s%s is out of range of %s",
                   (const char *)json->text.data, json->text.size > 40 ? "…" : "", kind));
}

static stele_status read_integer(stele_json_reader *r, const stele_layout *layout,
                                 const stele_tree *json, const stele_json_path *p, void *value)
{
    bool narrow = layout->kind == STELE_KIND_INT;
    int64_t number = 0;
    bool fits = stele_tree_integer(json, &number);
    if (!fits && !stele_tree_is_whole(json)) {
        double real = stele_tree_real(json);
        fits = stele_tree_is(json, STELE_TREE_NUMBER) && real == floor(real) &&
               fabs(real) <= 9007199254740992.0;
        if (!fits) return stele_json_mismatch(r, p, "a whole number", json);
        number = (int64_t)real;
    }
    if (!fits || (narrow && (number < INT32_MIN || number > INT32_MAX))) {
        return out_of_range(r, json, narrow ? "an int" : "a long", p);
    }
    if (narrow) {
        *(int32_t *)value = (int32_t)number;
    } else {
        *(int64_t *)value = number;
    }
    return STELE_OK;
}

static stele_status read_real(stele_json_reader *r, const stele_layout *layout,
                              const stele_tree *json, const stele_json_path *p, void *value)
{
    double number;
    if (stele_tree_is(json, STELE_TREE_NUMBER)) {
        number = stele_tree_real(json);
        if (isinf(number)) return out_of_range(r, json, "a double", p);
    } else if (!stele_tree_is(json, STELE_TREE_STRING)) {
        return stele_json_mismatch(r, p, "a number", json);
    } else if (stele_bytes_equal(json->text, stele_text("NaN"))) {
        number = (double)NAN;
    } else if (stele_bytes_equal(json->text, stele_text("Infinity"))) {
        number = (double)INFINITY;
    } else if (stele_bytes_equal(json->text, stele_text("-Infinity"))) {
        number = -(double)INFINITY;
    } else {
        return stele_json_mismatch(r, p, "a number, \"NaN\", \"Infinity\" or \"-Infinity\"", json);
    }
    if (layout->kind == STELE_KIND_DOUBLE) {
        *(double *)value = number;
        return STELE_OK;
    }
    *(float *)value = (float)number;
    if (isfinite(number) && !isfinite((float)number)) return out_of_range(r, json, "a float", p);
    return STELE_OK;
}

/* A decimal that is written as a number. With an exponent it goes by way of a double, and must be
 * short enough for it. */
static stele_status read_decimal_number(stele_json_reader *r, const stele_layout *layout,
                                        const stele_tree *json, const stele_json_path *p,
                                        void *value)
{
    char text[32];
    if (strpbrk((const char *)json->text.data, "eE") == NULL) {
        return read_text(r, layout, json->text, p, value);
    }
    stele_double_format(stele_tree_real(json), text);
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

stele_status stele_json_read_key(stele_json_reader *r, const stele_json_path *p, stele_bytes *key)
{
    static const stele_layout string = {.kind = STELE_KIND_STRING};
    return read_text(r, &string, *key, p, key);
}

static stele_status read_code_points(stele_json_reader *r, const stele_layout *layout,
                                     const stele_tree *json, const stele_json_path *p, void *value)
{
    if (!stele_tree_is(json, STELE_TREE_STRING)) return stele_json_mismatch(r, p, "a string", json);
    stele_bytes bytes;
    if (!bytes_of_code_points(r, json->text, &bytes)) {
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
                                    const stele_tree *json, const stele_json_path *p, void *value)
{
    bool plain = r->form == STELE_JSON_FORM_PLAIN;
    bool decimal = layout->logical == STELE_LOGICAL_DECIMAL;
    switch (layout->kind) {
    case STELE_KIND_NULL:
        return stele_tree_is(json, STELE_TREE_NULL) ? STELE_OK
                                                    : stele_json_mismatch(r, p, "null", json);
    case STELE_KIND_BOOLEAN:
        if (json->kind != STELE_TREE_TRUE && json->kind != STELE_TREE_FALSE)
            return stele_json_mismatch(r, p, "true or false", json);
        *(bool *)value = json->kind == STELE_TREE_TRUE;
        return STELE_OK;
    case STELE_KIND_INT:
    case STELE_KIND_LONG:
        if (!plain || !stele_tree_is(json, STELE_TREE_STRING) || !stele_scalar_is_text(layout)) {
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
        if (decimal && stele_tree_is(json, STELE_TREE_NUMBER))
            return read_decimal_number(r, layout, json, p, value);
        break;
    }
    if (!stele_tree_is(json, STELE_TREE_STRING)) return stele_json_mismatch(r, p, "a string", json);
    return read_text(r, layout, json->text, p, value);
}
