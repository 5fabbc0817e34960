/* SPDX-License-Identifier: MIT
 * Scalars to text and back, by type. Numbers and dates themselves are core's. */
#include "schemas/scalar_text.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/date.h"
#include "core/text.h"
#include "core/uuid.h"
#include "schemas/big_decimal.h"
#include "schemas/layout.h"

#include <stele/generated.h>

bool stele_scalar_is_text(const stele_layout *layout)
{
    switch (layout->kind) {
    case STELE_KIND_BOOLEAN:
    case STELE_KIND_FLOAT:
    case STELE_KIND_DOUBLE:
        return false;
    case STELE_KIND_INT:
    case STELE_KIND_LONG:
        return layout->logical != STELE_LOGICAL_NONE;
    default:
        return true;
    }
}

/* Numbers. */

/* printf and strtod take the point of the locale, which an application may have set. */
static void mend_point(char *text)
{
    bool marked = false;
    for (char *c = text; *c != '\0'; c++) {
        if (strchr("0123456789+-e", *c) == NULL) *c = '.';
        if (*c == '.' || *c == 'e') marked = true;
    }
    if (!marked) {
        size_t size = strlen(text);
        memcpy(text + size, ".0", 3);
    }
}

static bool format_special(double value, char text[32])
{
    const char *name = isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
    if (isfinite(value)) return false;
    snprintf(text, 32, "%s", name);
    return true;
}

void stele_double_format(double value, char text[32])
{
    if (format_special(value, text)) return;
    /* Of 15 digits none is too many, but in the smallest numbers, which have fewer. */
    int fewest = fabs(value) < DBL_MIN ? 1 : DBL_DIG;
    for (int digits = fewest; digits <= DBL_DECIMAL_DIG; digits++) {
        snprintf(text, 30, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    mend_point(text);
}

void stele_float_format(float value, char text[32])
{
    if (format_special((double)value, text)) return;
    int fewest = fabsf(value) < FLT_MIN ? 1 : FLT_DIG;
    for (int digits = fewest; digits <= FLT_DECIMAL_DIG; digits++) {
        snprintf(text, 30, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) break;
    }
    mend_point(text);
}

/* Bytes of the wire. */

stele_bytes stele_scalar_bytes(const stele_layout *layout, const void *value, stele_buffer *room)
{
    stele_bytes view;
    stele_buffer_reset(room);
    if (stele_layout_is_decimal64(layout)) {
        int64_t unscaled;
        memcpy(&unscaled, value, sizeof unscaled);
        bool fixed = layout->kind == STELE_KIND_FIXED;
        size_t skip = fixed ? 0 : 1; /* the length before bytes */
        uint8_t *at = stele_buffer_reserve(room, fixed ? layout->fixed_size : 9);
        uint8_t *end =
            fixed ? stele_write_decimal_fixed(at, unscaled, layout->fixed_size, layout->precision)
                  : stele_write_decimal(at, unscaled, layout->precision);
        return end == NULL ? stele_bytes_of(NULL, 0)
                           : stele_bytes_of(at + skip, (size_t)(end - at) - skip);
    }
    if (layout->logical == STELE_LOGICAL_DURATION) {
        stele_duration duration;
        memcpy(&duration, value, sizeof duration);
        uint8_t *at = stele_buffer_reserve(room, 12);
        stele_write_duration(at, duration);
        return stele_bytes_of(at, 12);
    }
    if (stele_layout_is_wide_decimal(layout)) {
        view = layout->kind == STELE_KIND_FIXED
                   ? stele_bytes_of(value, layout->fixed_size)
                   : stele_big_decimal_or_zero(stele_load_bytes(value));
        return stele_big_decimal_is_valid(view, layout->precision) ? view : stele_bytes_of(NULL, 0);
    }
    if (layout->kind == STELE_KIND_FIXED) return stele_bytes_of(value, layout->fixed_size);
    memcpy(&view, value, sizeof view);
    return stele_bytes_of(view.data == NULL ? (const void *)"" : view.data, view.size);
}

bool stele_scalar_set_bytes(const stele_layout *layout, stele_bytes bytes, void *value)
{
    if (layout->kind == STELE_KIND_FIXED && bytes.size != layout->fixed_size) return false;
    if (stele_layout_is_decimal64(layout)) {
        return stele_decimal_of_bytes(bytes.data, bytes.size, layout->precision, value);
    }
    if (stele_layout_is_wide_decimal(layout) &&
        !stele_big_decimal_is_valid(bytes, layout->precision))
        return false;
    if (layout->logical == STELE_LOGICAL_DURATION) {
        return stele_read_duration(bytes.data, bytes.data + bytes.size, value) != NULL;
    }
    if (layout->kind == STELE_KIND_FIXED) {
        memcpy(value, bytes.data, bytes.size);
    } else {
        memcpy(value, &bytes, sizeof bytes);
    }
    return true;
}

/* Base64 of RFC 4648, section 4, with padding. */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void write_base64(stele_bytes bytes, stele_buffer *out)
{
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        if (left > 1) group |= (uint32_t)bytes.data[i + 1] << 8;
        if (left > 2) group |= bytes.data[i + 2];
        char text[4] = {base64_digits[group >> 18], base64_digits[group >> 12 & 63],
                        left > 1 ? base64_digits[group >> 6 & 63] : '=',
                        left > 2 ? base64_digits[group & 63] : '='};
        stele_buffer_append(out, stele_bytes_of(text, sizeof text));
    }
}

static int base64_value(uint8_t digit)
{
    const char *at = digit == '\0' ? NULL : strchr(base64_digits, digit);
    return at == NULL ? -1 : (int)(at - base64_digits);
}

static stele_status read_base64(stele_bytes text, stele_arena *arena, stele_bytes *out,
                                stele_error *err)
{
    size_t padding = 0;
    while (padding < 2 && padding < text.size && text.data[text.size - 1 - padding] == '=')
        padding++;
    bool good = text.size % 4 == 0;
    uint8_t *bytes = stele_arena_take(arena, text.size / 4 * 3);
    size_t size = 0;
    for (size_t i = 0; good && i < text.size; i += 4) {
        uint32_t group = 0;
        for (size_t k = 0; k < 4; k++) {
            int digit = i + k >= text.size - padding ? 0 : base64_value(text.data[i + k]);
            good = good && digit >= 0;
            group = group << 6 | ((uint32_t)digit & 63);
        }
        bytes[size++] = (uint8_t)(group >> 16);
        bytes[size++] = (uint8_t)(group >> 8);
        bytes[size++] = (uint8_t)group;
    }
    if (!good) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s is not base64",
                          stele_quote(text).text);
    }
    *out = stele_bytes_of(bytes, size - padding);
    return STELE_OK;
}

/* Durations of ISO 8601 in Avro's three numbers: P1M2DT3.004S. */

static void write_duration(const stele_duration *d, stele_buffer *out)
{
    stele_buffer_format(out, "P%" PRIu32 "M%" PRIu32 "DT%" PRIu32 ".%03" PRIu32 "S", d->months,
                        d->days, d->millis / 1000, d->millis % 1000);
}

/* The digits at `*at` up to `mark` as a number of 32 bits; `*at` is moved behind the mark. */
static bool read_part(stele_bytes text, size_t *at, char mark, uint32_t *out)
{
    uint64_t number = 0;
    size_t i = *at;
    while (i < text.size && text.data[i] >= '0' && text.data[i] <= '9' && number <= UINT32_MAX)
        number = number * 10 + (uint64_t)(text.data[i++] - '0');
    if (i == *at || i == text.size || text.data[i] != (uint8_t)mark || number > UINT32_MAX) {
        return false;
    }
    *out = (uint32_t)number;
    *at = i + 1;
    return true;
}

static bool read_seconds(stele_bytes text, size_t *at, uint32_t *millis)
{
    uint32_t seconds;
    uint32_t fraction = 0;
    if (!read_part(text, at, '.', &seconds)) {
        if (!read_part(text, at, 'S', &seconds)) return false;
    } else {
        size_t digits = *at;
        if (!read_part(text, at, 'S', &fraction)) return false;
        digits = *at - digits - 1;
        if (digits > 3) return false;
        for (; digits < 3; digits++)
            fraction *= 10;
    }
    uint64_t sum = (uint64_t)seconds * 1000 + fraction;
    *millis = (uint32_t)sum;
    return sum <= UINT32_MAX;
}

static stele_status read_duration(stele_bytes text, stele_duration *out, stele_error *err)
{
    stele_duration d = {0};
    size_t at = 1;
    bool good = text.size > 2 && text.data[0] == 'P';
    if (good) {
        read_part(text, &at, 'M', &d.months);
        read_part(text, &at, 'D', &d.days);
        if (at < text.size && text.data[at] == 'T') {
            at++;
            good = read_seconds(text, &at, &d.millis);
        }
    }
    if (!good || at != text.size) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "%s is not a duration such as P1M2DT3.004S", stele_quote(text).text);
    }
    *out = d;
    return STELE_OK;
}

/* Writing by type. */

static stele_time_unit unit_of(stele_logical logical)
{
    switch (logical) {
    case STELE_LOGICAL_TIME_MILLIS:
    case STELE_LOGICAL_TIMESTAMP_MILLIS:
    case STELE_LOGICAL_LOCAL_TIMESTAMP_MILLIS:
        return STELE_TIME_MILLIS;
    case STELE_LOGICAL_TIMESTAMP_NANOS:
    case STELE_LOGICAL_LOCAL_TIMESTAMP_NANOS:
        return STELE_TIME_NANOS;
    default:
        return STELE_TIME_MICROS;
    }
}

static void write_integer(const stele_layout *layout, int64_t value, stele_buffer *out)
{
    char text[STELE_DATE_TEXT_MAX + 1];
    switch (layout->logical) {
    case STELE_LOGICAL_DATE:
        stele_format_date((int32_t)value, text);
        break;
    case STELE_LOGICAL_TIME_MILLIS:
    case STELE_LOGICAL_TIME_MICROS:
        stele_format_time(value, unit_of(layout->logical), text);
        break;
    case STELE_LOGICAL_TIMESTAMP_MILLIS:
    case STELE_LOGICAL_TIMESTAMP_MICROS:
    case STELE_LOGICAL_TIMESTAMP_NANOS:
        stele_format_timestamp(value, unit_of(layout->logical), text);
        break;
    case STELE_LOGICAL_LOCAL_TIMESTAMP_MILLIS:
    case STELE_LOGICAL_LOCAL_TIMESTAMP_MICROS:
    case STELE_LOGICAL_LOCAL_TIMESTAMP_NANOS:
        stele_format_local_timestamp(value, unit_of(layout->logical), text);
        break;
    default:
        snprintf(text, sizeof text, "%" PRId64, value);
        break;
    }
    stele_buffer_append(out, stele_text(text));
}

static stele_status write_decimal(const stele_layout *layout, const void *value, stele_buffer *out,
                                  stele_error *err)
{
    STELE_AUTO_VALUE(stele_buffer) room = {0};
    stele_bytes bytes = stele_scalar_bytes(layout, value, &room);
    if (bytes.data == NULL) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "a decimal of more than %" PRIu32 " digits", layout->precision);
    }
    if (!stele_layout_is_decimal64(layout)) {
        return stele_big_decimal_write(bytes, layout->scale, out, err);
    }
    char text[STELE_DECIMAL_TEXT_MAX + 1];
    int64_t unscaled;
    memcpy(&unscaled, value, sizeof unscaled);
    stele_format_decimal(unscaled, (int)layout->scale, text);
    stele_buffer_append(out, stele_text(text));
    return STELE_OK;
}

static void write_uuid(stele_bytes bytes, stele_buffer *out)
{
    stele_uuid uuid;
    char text[STELE_UUID_TEXT_SIZE + 1];
    memcpy(uuid.bytes, bytes.data, sizeof uuid.bytes);
    stele_uuid_format(&uuid, text);
    stele_buffer_append(out, stele_text(text));
}

static stele_status write_symbol(const stele_layout *layout, const void *value, stele_buffer *out,
                                 stele_error *err)
{
    int32_t index;
    memcpy(&index, value, sizeof index);
    if ((uint32_t)index >= layout->count) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "%s has no symbol with index %" PRId32, layout->name, index);
    }
    stele_buffer_append(out, stele_text(layout->symbols[index]));
    return STELE_OK;
}

static bool is_uuid_fixed(const stele_layout *layout)
{
    return layout->kind == STELE_KIND_FIXED && layout->logical == STELE_LOGICAL_UUID;
}

stele_status stele_scalar_write(const stele_layout *layout, const void *value, stele_buffer *out,
                                stele_error *err)
{
    char text[32];
    STELE_AUTO_VALUE(stele_buffer) room = {0};
    if (layout->logical == STELE_LOGICAL_DECIMAL) return write_decimal(layout, value, out, err);
    if (layout->logical == STELE_LOGICAL_DURATION) {
        write_duration(value, out);
        return STELE_OK;
    }
    switch (layout->kind) {
    case STELE_KIND_BOOLEAN:
        stele_buffer_append(out, stele_text(*(const bool *)value ? "true" : "false"));
        return STELE_OK;
    case STELE_KIND_INT:
        write_integer(layout, *(const int32_t *)value, out);
        return STELE_OK;
    case STELE_KIND_LONG:
        write_integer(layout, *(const int64_t *)value, out);
        return STELE_OK;
    case STELE_KIND_FLOAT:
        stele_float_format(*(const float *)value, text);
        stele_buffer_append(out, stele_text(text));
        return STELE_OK;
    case STELE_KIND_DOUBLE:
        stele_double_format(*(const double *)value, text);
        stele_buffer_append(out, stele_text(text));
        return STELE_OK;
    case STELE_KIND_ENUM:
        return write_symbol(layout, value, out, err);
    case STELE_KIND_STRING:
        stele_buffer_append(out, stele_scalar_bytes(layout, value, &room));
        return STELE_OK;
    default:
        if (is_uuid_fixed(layout)) {
            write_uuid(stele_scalar_bytes(layout, value, &room), out);
        } else {
            write_base64(stele_scalar_bytes(layout, value, &room), out);
        }
        return STELE_OK;
    }
}

/* Reading by type. */

static stele_status read_integer(const stele_layout *layout, stele_bytes text, int64_t *out,
                                 stele_error *err)
{
    stele_status status;
    int32_t days;
    switch (layout->logical) {
    case STELE_LOGICAL_DATE:
        if ((status = stele_parse_date(text, &days, err)) == STELE_OK) *out = days;
        return status;
    case STELE_LOGICAL_TIME_MILLIS:
    case STELE_LOGICAL_TIME_MICROS:
        return stele_parse_time(text, unit_of(layout->logical), out, err);
    case STELE_LOGICAL_TIMESTAMP_MILLIS:
    case STELE_LOGICAL_TIMESTAMP_MICROS:
    case STELE_LOGICAL_TIMESTAMP_NANOS:
        return stele_parse_timestamp(text, unit_of(layout->logical), out, err);
    case STELE_LOGICAL_LOCAL_TIMESTAMP_MILLIS:
    case STELE_LOGICAL_LOCAL_TIMESTAMP_MICROS:
    case STELE_LOGICAL_LOCAL_TIMESTAMP_NANOS:
        return stele_parse_local_timestamp(text, unit_of(layout->logical), out, err);
    default:
        break;
    }
    bool narrow = layout->kind == STELE_KIND_INT;
    return stele_parse_int64(text, narrow ? INT32_MIN : INT64_MIN, narrow ? INT32_MAX : INT64_MAX,
                             out, err);
}

static stele_status read_decimal(const stele_layout *layout, stele_bytes text, void *value,
                                 stele_arena *arena, stele_error *err)
{
    stele_status status;
    if (stele_layout_is_decimal64(layout)) {
        int64_t unscaled;
        status =
            stele_parse_decimal(text, (int)layout->precision, (int)layout->scale, &unscaled, err);
        if (status < 0) return status;
        memcpy(value, &unscaled, sizeof unscaled);
        return STELE_OK;
    }
    stele_bytes bytes;
    status = stele_big_decimal_read(text, layout, arena, &bytes, err);
    if (status < 0) return status;
    stele_scalar_set_bytes(layout, bytes, value);
    return STELE_OK;
}

static stele_status read_symbol(const stele_layout *layout, stele_bytes text, void *value,
                                stele_error *err)
{
    for (uint32_t i = 0; i < layout->count; i++) {
        if (!stele_bytes_equal(text, stele_text(layout->symbols[i]))) continue;
        int32_t index = (int32_t)i;
        memcpy(value, &index, sizeof index);
        return STELE_OK;
    }
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s is not a symbol of %s",
                      stele_quote(text).text, layout->name);
}

static stele_status read_string(stele_bytes text, stele_bytes *out, stele_arena *arena,
                                stele_error *err)
{
    if (!stele_utf8_is_valid(text)) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s is not UTF-8",
                          stele_quote(text).text);
    }
    uint8_t *copy = stele_arena_take(arena, text.size);
    if (text.size != 0) memcpy(copy, text.data, text.size);
    *out = stele_bytes_of(copy, text.size);
    return STELE_OK;
}

static stele_status read_bytes(const stele_layout *layout, stele_bytes text, void *value,
                               stele_arena *arena, stele_error *err)
{
    stele_status status;
    if (is_uuid_fixed(layout)) {
        stele_uuid uuid;
        if ((status = stele_uuid_parse(text, &uuid, err)) < 0) return status;
        memcpy(value, uuid.bytes, sizeof uuid.bytes);
        return STELE_OK;
    }
    stele_bytes bytes;
    if ((status = read_base64(text, arena, &bytes, err)) < 0) return status;
    if (!stele_scalar_set_bytes(layout, bytes, value)) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%zu bytes, %s has %" PRIu32,
                          bytes.size, layout->name, layout->fixed_size);
    }
    return STELE_OK;
}

static stele_status read_boolean(stele_bytes text, bool *out, stele_error *err)
{
    bool yes = stele_bytes_equal(text, stele_text("true"));
    if (!yes && !stele_bytes_equal(text, stele_text("false"))) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s is not true or false",
                          stele_quote(text).text);
    }
    *out = yes;
    return STELE_OK;
}

static stele_status read_number(const stele_layout *layout, stele_bytes text, void *value,
                                stele_error *err)
{
    stele_status status;
    int64_t integer;
    double real;
    switch (layout->kind) {
    case STELE_KIND_INT:
        if ((status = read_integer(layout, text, &integer, err)) < 0) return status;
        *(int32_t *)value = (int32_t)integer;
        return STELE_OK;
    case STELE_KIND_LONG:
        if ((status = read_integer(layout, text, &integer, err)) < 0) return status;
        *(int64_t *)value = integer;
        return STELE_OK;
    default:
        break;
    }
    if ((status = stele_parse_double(text, &real, err)) < 0) return status;
    if (layout->kind == STELE_KIND_FLOAT) {
        *(float *)value = (float)real;
    } else {
        *(double *)value = real;
    }
    return STELE_OK;
}

stele_status stele_scalar_read(const stele_layout *layout, stele_bytes text, void *value,
                               stele_arena *arena, stele_error *err)
{
    if (layout->logical == STELE_LOGICAL_DECIMAL) {
        return read_decimal(layout, text, value, arena, err);
    }
    if (layout->logical == STELE_LOGICAL_DURATION) return read_duration(text, value, err);
    switch (layout->kind) {
    case STELE_KIND_BOOLEAN:
        return read_boolean(text, value, err);
    case STELE_KIND_INT:
    case STELE_KIND_LONG:
    case STELE_KIND_FLOAT:
    case STELE_KIND_DOUBLE:
        return read_number(layout, text, value, err);
    case STELE_KIND_ENUM:
        return read_symbol(layout, text, value, err);
    case STELE_KIND_STRING:
        return read_string(text, value, arena, err);
    default:
        return read_bytes(layout, text, value, arena, err);
    }
}
