/* SPDX-License-Identifier: MIT
 * Strict parsing of numbers, and quoting for messages. */
#include "core/text.h"

#include <assert.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOUBLE_TEXT_MAX = 400 };

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static stele_status refuse(stele_bytes text, const char *what, stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s is not %s",
                      stele_quote(text).text, what);
}

/* UTF-8 (RFC 3629, section 4) */

static bool is_between(stele_bytes text, size_t at, uint8_t low, uint8_t high)
{
    return at < text.size && text.data[at] >= low && text.data[at] <= high;
}

size_t stele_utf8_size(stele_bytes text, size_t at)
{
    if (at >= text.size) return 0;
    uint8_t lead = text.data[at];
    if (lead < 0x80) return 1;

    size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4) return 0;
    /* The second byte rules out overlong forms, surrogates and what is past U+10FFFF. */
    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (!is_between(text, at + 1, low, high)) return 0;
    for (size_t i = 2; i < size; i++) {
        if (!is_between(text, at + i, 0x80, 0xBF)) return 0;
    }
    return size;
}

bool stele_utf8_is_valid(stele_bytes text)
{
    for (size_t at = 0; at < text.size;) {
        size_t size = stele_utf8_size(text, at);
        if (size == 0) return false;
        at += size;
    }
    return true;
}

/* Quoting */

/* `character` is one, and whole. */
static uint32_t code_point(stele_bytes character)
{
    static const uint8_t lead_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code = character.data[0] & lead_bits[character.size];
    for (size_t i = 1; i < character.size; i++)
        code = code << 6 | (character.data[i] & 0x3FU);
    return code;
}

/* False for what a terminal acts on or what hides other text: controls (C0, DEL, C1), marks that
 * turn the direction of writing, line separators, and what has no width. */
static bool is_visible(stele_bytes text, size_t at, size_t size)
{
    static const struct {
        uint32_t first, last;
    } hidden[] = {{0, 0x1F},        {0x7F, 0x9F},      {0xAD, 0xAD},     {0x61C, 0x61C},
                  {0x200B, 0x200F}, {0x2028, 0x202E},  {0x2060, 0x206F}, {0xFEFF, 0xFEFF},
                  {0xFFF9, 0xFFFB}, {0xE0000, 0xE0FFF}};
    uint32_t code = code_point(stele_bytes_of(text.data + at, size));
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        if (code >= hidden[i].first && code <= hidden[i].last) return false;
    return true;
}

enum { PIECE_MAX = 4 };

/* One character of `text` as people may see it; what they may not see, byte by byte as \xNN.
 * @param is_quoted  it is within quotes: `"` and `\` have a `\` before them */
static size_t show_character(stele_bytes text, size_t *at, bool is_quoted,
                             char piece[PIECE_MAX + 1])
{
    size_t size = stele_utf8_size(text, *at);
    uint8_t first = text.data[*at];
    if (size == 0 || !is_visible(text, *at, size)) {
        *at += 1;
        return (size_t)snprintf(piece, PIECE_MAX + 1, "\\x%02x", first);
    }
    *at += size;
    if (is_quoted && (first == '"' || first == '\\')) {
        memcpy(piece, (const char[]){'\\', (char)first}, 2);
        return 2;
    }
    memcpy(piece, text.data + *at - size, size);
    return size;
}

void stele_show(stele_buffer *out, stele_bytes text)
{
    for (size_t at = 0; at < text.size;) {
        char piece[PIECE_MAX + 1];
        size_t size = show_character(text, &at, false, piece);
        stele_buffer_append(out, stele_bytes_of(piece, size));
    }
}

/* A character, or where it is not to be seen, what stands for it in a JSON string. */
static void append_escaped(stele_buffer *out, stele_bytes character)
{
    if (is_visible(character, 0, character.size)) {
        stele_buffer_append(out, character);
        return;
    }
    uint32_t code = code_point(character);
    if (code < 0x10000)
        stele_buffer_format(out, "\\u%04" PRIx32, code);
    else
        stele_buffer_format(out, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xD7C0 + (code >> 10),
                            0xDC00 + (code & 0x3FF));
}

void stele_show_json(stele_buffer *out, stele_bytes text)
{
    stele_buffer_push(out, '"');
    for (size_t at = 0; at < text.size;) {
        uint8_t first = text.data[at];
        size_t size = stele_utf8_size(text, at);
        if (size == 0)
            stele_buffer_format(out, "\\\\x%02x", first);
        else if (first == '"' || first == '\\')
            stele_buffer_format(out, "\\%c", first);
        else if (first == '\n')
            stele_buffer_append(out, stele_text("\\n"));
        else
            append_escaped(out, stele_bytes_of(text.data + at, size));
        at += size == 0 ? 1 : size;
    }
    stele_buffer_push(out, '"');
}

void stele_show_in_json(stele_buffer *out, stele_bytes json)
{
    size_t plain = 0; /* from here on, nothing was appended yet */
    size_t at = 0;
    while (at < json.size) {
        size_t size = stele_utf8_size(json, at);
        bool is_shown = json.data[at] < 0x7F || (size > 1 && is_visible(json, at, size));
        if (!is_shown && size > 0) {
            stele_buffer_append(out, stele_bytes_of(json.data + plain, at - plain));
            append_escaped(out, stele_bytes_of(json.data + at, size));
            plain = at + size;
        }
        at += size == 0 ? 1 : size;
    }
    stele_buffer_append(out, stele_bytes_of(json.data + plain, json.size - plain));
}

/* Bytes that `text` takes in quotes from `at` on; counting stops past `limit`. */
static size_t quoted_size(stele_bytes text, size_t at, size_t limit)
{
    size_t size = 0;
    char piece[PIECE_MAX + 1];
    while (at < text.size && size <= limit)
        size += show_character(text, &at, true, piece);
    return size;
}

/* Where the last characters of `text` begin that take at most `room` bytes in quotes. */
static size_t find_tail(stele_bytes text, size_t room)
{
    size_t at = text.size > room ? text.size - room : 0;
    for (int i = 0; i < 3 && at < text.size && stele_utf8_size(text, at) == 0; i++)
        at++;
    char piece[PIECE_MAX + 1];
    while (quoted_size(text, at, room) > room)
        show_character(text, &at, true, piece);
    return at;
}

stele_quoted stele_quote(stele_bytes text)
{
    stele_quoted quoted = {"null"};
    if (text.data == NULL) return quoted;

    static const char cut[] = "…";
    const size_t most = STELE_QUOTED_MAX - 2;
    const size_t half = (most - (sizeof cut - 1)) / 2;
    bool fits = quoted_size(text, 0, most) <= most;
    size_t tail = fits ? text.size : find_tail(text, half);
    size_t used = 0;
    quoted.text[used++] = '"';
    for (size_t at = 0; at < text.size;) {
        char piece[PIECE_MAX + 1];
        size_t size = show_character(text, &at, true, piece);
        if (!fits && used - 1 + size > half && at < tail) {
            memcpy(quoted.text + used, cut, sizeof cut - 1);
            used += sizeof cut - 1;
            at = tail;
            fits = true;
            continue;
        }
        memcpy(quoted.text + used, piece, size);
        used += size;
    }
    memcpy(quoted.text + used, "\"", 2);
    return quoted;
}

/* Numbers */

/* Takes digits from `*at` on as a negative number, which reaches one further than a positive one.
 * False if there are none or they overflow; then `*at` tells which. */
static bool take_digits(stele_bytes text, size_t *at, int64_t *negative)
{
    int64_t value = 0;
    size_t first = *at;
    for (; *at < text.size && is_digit(text.data[*at]); ++*at) {
        if (__builtin_mul_overflow(value, 10, &value)) return false;
        if (__builtin_sub_overflow(value, text.data[*at] - '0', &value)) return false;
    }
    *negative = value;
    return *at > first;
}

static bool is_whole_number(stele_bytes text)
{
    size_t at = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    if (at == text.size) return false;
    while (at < text.size && is_digit(text.data[at]))
        at++;
    return at == text.size;
}

stele_status stele_parse_int64(stele_bytes text, int64_t min, int64_t max, int64_t *value,
                               stele_error *err)
{
    if (!is_whole_number(text)) return refuse(text, "a whole number", err);

    size_t at = is_digit(text.data[0]) ? 0 : 1;
    bool is_negative = text.data[0] == '-';
    int64_t parsed;
    bool fits = take_digits(text, &at, &parsed) && (is_negative || parsed != INT64_MIN);
    if (fits && !is_negative) parsed = -parsed;
    if (!fits || parsed < min || parsed > max) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "%s is not between %" PRId64 " and %" PRId64, stele_quote(text).text, min,
                          max);
    }
    *value = parsed;
    return STELE_OK;
}

static size_t skip_digits(stele_bytes text, size_t at)
{
    while (at < text.size && is_digit(text.data[at]))
        at++;
    return at;
}

static size_t skip_sign(stele_bytes text, size_t at)
{
    return at < text.size && (text.data[at] == '-' || text.data[at] == '+') ? at + 1 : at;
}

/* [sign] digits [. digits] [e [sign] digits]; `*point` is where the point is, or the size. */
static bool is_number(stele_bytes text, size_t *point)
{
    size_t first = skip_sign(text, 0);
    size_t at = skip_digits(text, first);
    if (at == first) return false;
    *point = text.size;
    if (at < text.size && text.data[at] == '.') {
        *point = at;
        at = skip_digits(text, at + 1);
        if (at == *point + 1) return false;
    }
    if (at < text.size && (text.data[at] == 'e' || text.data[at] == 'E')) {
        first = skip_sign(text, at + 1);
        at = skip_digits(text, first);
        if (at == first) return false;
    }
    return at == text.size;
}

static bool is_text(stele_bytes text, const char *expected)
{
    return stele_bytes_equal(text, stele_text(expected));
}

/* strtod reads the point of the locale, which an application may have set. */
static double convert_double(stele_bytes text, size_t point)
{
    char copy[DOUBLE_TEXT_MAX + 32];
    int whole = (int)(point < text.size ? point : text.size);
    int rest = (int)text.size - whole - (point < text.size ? 1 : 0);
    snprintf(copy, sizeof copy, "%.*s%s%.*s", whole, (const char *)text.data,
             point < text.size ? localeconv()->decimal_point : "", rest,
             (const char *)text.data + text.size - rest);
    return strtod(copy, NULL);
}

stele_status stele_parse_double(stele_bytes text, double *value, stele_error *err)
{
    size_t point;
    double parsed;
    if (is_text(text, "NaN")) {
        parsed = (double)NAN;
    } else if (is_text(text, "Infinity")) {
        parsed = HUGE_VAL;
    } else if (is_text(text, "-Infinity")) {
        parsed = -HUGE_VAL;
    } else {
        if (!is_number(text, &point)) return refuse(text, "a number", err);
        if (text.size > DOUBLE_TEXT_MAX) return refuse(text, "shorter than 400 characters", err);
        parsed = convert_double(text, point);
        if (isinf(parsed)) return refuse(text, "in the range of a double", err);
    }
    *value = parsed;
    return STELE_OK;
}

/* Decimals */

static uint64_t power_of_ten(int exponent)
{
    uint64_t power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

static stele_status too_large(stele_bytes text, int precision, int scale, stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "%s does not fit decimal(%d,%d): at most %d digits before the point",
                      stele_quote(text).text, precision, scale, precision - scale);
}

stele_status stele_parse_decimal(stele_bytes text, int precision, int scale, int64_t *unscaled,
                                 stele_error *err)
{
    assert(precision >= 1 && precision <= STELE_DECIMAL_PRECISION_MAX);
    assert(scale >= 0 && scale <= precision);

    size_t point;
    if (!is_number(text, &point) || memchr(text.data, 'e', text.size) != NULL ||
        memchr(text.data, 'E', text.size) != NULL) {
        return refuse(text, "a decimal number such as 12.50", err);
    }
    bool is_negative = text.data[0] == '-';
    uint64_t limit = power_of_ten(precision); /* ten times that still fits */
    uint64_t value = 0;
    int fraction = 0;
    for (size_t at = skip_sign(text, 0); at < text.size; at++) {
        if (at == point) continue;
        unsigned digit = (unsigned)(text.data[at] - '0');
        if (at > point && ++fraction > scale) {
            if (digit == 0) continue;
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                              "%s has more than %d digits after the point, which decimal(%d,%d) "
                              "cannot hold",
                              stele_quote(text).text, scale, precision, scale);
        }
        value = value * 10 + digit;
        if (value >= limit) return too_large(text, precision, scale, err);
    }
    for (; fraction < scale; fraction++) {
        value *= 10;
        if (value >= limit) return too_large(text, precision, scale, err);
    }
    *unscaled = is_negative ? -(int64_t)value : (int64_t)value;
    return STELE_OK;
}

void stele_format_decimal(int64_t unscaled, int scale, char text[STELE_DECIMAL_TEXT_MAX + 1])
{
    assert(scale >= 0 && scale <= STELE_DECIMAL_PRECISION_MAX);

    uint64_t left = unscaled < 0 ? 0 - (uint64_t)unscaled : (uint64_t)unscaled;
    char reversed[STELE_DECIMAL_TEXT_MAX];
    int size = 0;
    for (int digits = 0; left > 0 || digits <= scale; digits++, left /= 10) {
        if (digits == scale && scale > 0) reversed[size++] = '.';
        reversed[size++] = (char)('0' + left % 10);
    }
    if (unscaled < 0) reversed[size++] = '-';
    while (size > 0)
        *text++ = reversed[--size];
    *text = '\0';
}
