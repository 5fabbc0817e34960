/* SPDX-License-Identifier: MIT
 * Schoolbook arithmetic on magnitudes: bytes, big-endian. */
#include "schemas/big_decimal.h"

#include <inttypes.h>
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"

enum { LIMBS_MAX = STELE_BIG_DECIMAL_SIZE_MAX / 4 + 1 };

static void negate(uint8_t *bytes, size_t size)
{
    unsigned carry = 1;
    for (size_t i = size; i-- > 0;) {
        carry += (uint8_t)~bytes[i];
        bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

/* Divide by 10 in place and return the remainder. */
static unsigned divide(uint8_t *bytes, size_t size)
{
    unsigned rest = 0;
    for (size_t i = 0; i < size; i++) {
        rest = rest << 8 | bytes[i];
        bytes[i] = (uint8_t)(rest / 10);
        rest %= 10;
    }
    return rest;
}

/* Multiply by 10 and add a digit, in place; false if it does not fit. */
static bool multiply(uint8_t *bytes, size_t size, unsigned digit)
{
    for (size_t i = size; i-- > 0;) {
        digit += bytes[i] * 10u;
        bytes[i] = (uint8_t)digit;
        digit >>= 8;
    }
    return digit == 0;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

stele_bytes stele_big_decimal_or_zero(stele_bytes digits)
{
    static const uint8_t zero[] = {0};
    return digits.size == 0 ? stele_bytes_of(zero, sizeof zero) : digits;
}

/* Without the bytes in front that only repeat the sign. */
static stele_bytes without_sign(stele_bytes digits)
{
    size_t skip = 0;
    while (skip + 1 < digits.size && digits.data[skip] == (digits.data[skip + 1] & 0x80 ? 0xff : 0))
        skip++;
    return stele_bytes_of(digits.data + skip, digits.size - skip);
}

/* floor(bits * log10(2)): the digits of a number of so many bits, but for one. */
static uint64_t digits_of_bits(uint64_t bits)
{
    return bits * UINT64_C(301029995663) / UINT64_C(1000000000000);
}

/* The magnitude in limbs of 32 bits, the highest first; how many. */
static size_t limbs_of(stele_bytes digits, uint32_t limbs[LIMBS_MAX])
{
    uint8_t magnitude[STELE_BIG_DECIMAL_SIZE_MAX + 4] = {0};
    size_t size = (digits.size + 3) / 4 * 4;
    memcpy(magnitude + size - digits.size, digits.data, digits.size);
    if (digits.data[0] & 0x80) {
        memset(magnitude, 0xff, size - digits.size);
        negate(magnitude, size);
    }
    for (size_t i = 0; i < size / 4; i++) {
        const uint8_t *at = magnitude + 4 * i;
        limbs[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    }
    return size / 4;
}

/* Is there nothing left when so many digits are taken off? Nine at a time. */
static bool ends_within(stele_bytes digits, uint32_t precision)
{
    uint32_t limbs[LIMBS_MAX];
    size_t count = limbs_of(digits, limbs);
    size_t front = 0;
    for (uint32_t left = precision; left > 0;) {
        uint32_t divisor = 1;
        for (; divisor < 1000000000 && left > 0; left--)
            divisor *= 10;
        uint64_t rest = 0;
        for (size_t i = front; i < count; i++) {
            rest = rest << 32 | limbs[i];
            limbs[i] = (uint32_t)(rest / divisor);
            rest %= divisor;
        }
        while (front < count && limbs[front] == 0)
            front++;
        if (front == count) return true;
    }
    return false;
}

bool stele_big_decimal_is_valid(stele_bytes digits, uint32_t precision)
{
    if (digits.size == 0) return false;
    digits = without_sign(digits);
    if (digits.size > STELE_BIG_DECIMAL_SIZE_MAX) return false;
    /* The size decides, but for numbers near the limit. */
    if (digits_of_bits(8 * digits.size - 1) + 1 <= precision) return true;
    if (digits.size > 1 && digits_of_bits(8 * (digits.size - 1) - 1) + 1 > precision) return false;
    return ends_within(digits, precision);
}

stele_status stele_big_decimal_write(stele_bytes digits, uint32_t scale, stele_buffer *out,
                                     stele_error *err)
{
    digits = stele_big_decimal_or_zero(digits);
    if (digits.size > STELE_BIG_DECIMAL_SIZE_MAX || scale > 3 * STELE_BIG_DECIMAL_SIZE_MAX) {
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                          "a decimal of %zu bytes and scale %" PRIu32 " is too long for text",
                          digits.size, scale);
    }
    uint8_t magnitude[STELE_BIG_DECIMAL_SIZE_MAX];
    char text[6 * STELE_BIG_DECIMAL_SIZE_MAX + 4];
    bool negative = (digits.data[0] & 0x80) != 0;
    memcpy(magnitude, digits.data, digits.size);
    if (negative) negate(magnitude, digits.size);

    size_t at = sizeof text;
    size_t front = 0;
    for (uint32_t written = 0; written <= scale || !is_zero(magnitude, digits.size); written++) {
        if (written == scale && scale != 0) text[--at] = '.';
        text[--at] = (char)('0' + divide(magnitude + front, digits.size - front));
        while (front + 1 < digits.size && magnitude[front] == 0)
            front++;
    }
    if (negative) text[--at] = '-';
    stele_buffer_append(out, stele_bytes_of(text + at, sizeof text - at));
    return STELE_OK;
}

/* A number as text, taken apart. */
typedef struct parts {
    bool negative;
    stele_bytes whole;
    stele_bytes fraction;
} parts;

static bool all_digits(stele_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
    }
    return true;
}

static bool take_apart(stele_bytes text, parts *out)
{
    *out = (parts){0};
    if (text.size != 0 && (text.data[0] == '-' || text.data[0] == '+')) {
        out->negative = text.data[0] == '-';
        text = stele_bytes_of(text.data + 1, text.size - 1);
    }
    const uint8_t *point = text.size == 0 ? NULL : memchr(text.data, '.', text.size);
    out->whole = stele_bytes_of(text.data, point == NULL ? text.size : (size_t)(point - text.data));
    out->fraction = stele_bytes_of(text.data, 0);
    if (point != NULL) {
        out->fraction = stele_bytes_of(point + 1, text.size - out->whole.size - 1);
        if (out->fraction.size == 0) return false;
    }
    while (out->whole.size > 1 && out->whole.data[0] == '0')
        out->whole = stele_bytes_of(out->whole.data + 1, out->whole.size - 1);
    return out->whole.size != 0 && all_digits(out->whole) && all_digits(out->fraction);
}

/* Digits past the scale are fine if they are 0. */
static bool fits(parts *number, const stele_layout *layout)
{
    while (number->fraction.size > layout->scale &&
           number->fraction.data[number->fraction.size - 1] == '0')
        number->fraction.size--;
    bool zero = number->whole.size == 1 && number->whole.data[0] == '0';
    return number->fraction.size <= layout->scale &&
           (zero ? 0 : number->whole.size) + layout->scale <= layout->precision;
}

static bool append_digits(uint8_t *magnitude, size_t size, stele_bytes digits, size_t zeros)
{
    for (size_t i = 0; i < digits.size; i++) {
        if (!multiply(magnitude, size, (unsigned)(digits.data[i] - '0'))) return false;
    }
    for (size_t i = 0; i < zeros; i++) {
        if (!multiply(magnitude, size, 0)) return false;
    }
    return true;
}

stele_status stele_big_decimal_read(stele_bytes text, const stele_layout *layout,
                                    stele_arena *arena, stele_bytes *out, stele_error *err)
{
    parts number;
    if (!take_apart(text, &number)) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "%s is not a number such as -88.68", stele_quote(text).text);
    }
    if (!fits(&number, layout)) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "%s has more than %" PRIu32 " digits, %" PRIu32
                          " of them after the point",
                          stele_quote(text).text, layout->precision, layout->scale);
    }
    size_t digits = number.whole.size + layout->scale;
    bool fixed = layout->kind == STELE_KIND_FIXED;
    size_t size =
        fixed ? layout->fixed_size : digits / 2 + 2; /* a digit is less than half a byte */
    if (size > STELE_BIG_DECIMAL_SIZE_MAX) {
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT, "%zu digits are too many", digits);
    }
    uint8_t *bytes = stele_arena_take(arena, size);
    memset(bytes, 0, size);
    bool good = append_digits(bytes, size, number.whole, 0) &&
                append_digits(bytes, size, number.fraction, layout->scale - number.fraction.size) &&
                (bytes[0] & 0x80) == 0;
    if (!good) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s does not fit %zu bytes",
                          stele_quote(text).text, size);
    }
    if (number.negative) negate(bytes, size);
    while (!fixed && size > 1 && bytes[0] == (bytes[1] & 0x80 ? 0xff : 0))
        bytes++, size--;
    *out = stele_bytes_of(bytes, size);
    return STELE_OK;
}
