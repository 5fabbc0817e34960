/* SPDX-License-Identifier: MIT
 * Text that people type or read: numbers and decimals, parsed strictly, and foreign text
 * made safe for messages. What is accepted does not depend on the locale. Dates: core/date.h. */
#ifndef STELE_CORE_TEXT_H
#define STELE_CORE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <stele/buffer.h>
#include <stele/bytes.h>
#include <stele/error.h>

/*
 * Every parse takes the whole text or nothing: no blanks around it, no empty text. Unless said
 * otherwise it returns STELE_E_INVALID with next = REJECT, saying what was there and what is
 * accepted, and leaves the output untouched.
 */

/** Bytes of the UTF-8 character at `text.data[at]`; 0 if the bytes there are none, or at the end.
 */
size_t stele_utf8_size(stele_bytes text, size_t at);

/** Is all of it UTF-8? (No surrogates, no overlong forms, nothing past U+10FFFF.) */
bool stele_utf8_is_valid(stele_bytes text);

enum { STELE_QUOTED_MAX = 80 };

/** Text from outside in a form that is safe within a message. */
typedef struct stele_quoted {
    char text[STELE_QUOTED_MAX + 1];
} stele_quoted;

/**
 * `text` in double quotes, as stele_show has it and with `"` and `\` escaped, so that two texts
 * that differ are shown differently; without its middle ("cust…4711") if it is long; null without
 * quotes for a null view. Use at once: stele_quote(cell).text.
 */
stele_quoted stele_quote(stele_bytes text);

/**
 * Append `text` as it may be printed for people, on one line: what a terminal acts on (escape
 * sequences, line feeds, other control characters), what hides or turns other text, and bytes that
 * are not UTF-8 appear as \xNN. For everything from outside that is printed or logged and is not
 * quoted: names of topics, reasons, what a broker says.
 */
void stele_show(stele_buffer *out, stele_bytes text);

/**
 * Append `text` as a JSON string with its quotes (RFC 8259, section 7). What stele_show does not
 * show is escaped as \uNNNN and so kept; a byte that is not UTF-8 becomes the four characters \xNN.
 */
void stele_show_json(stele_buffer *out, stele_bytes text);

/** Append JSON that is valid already: characters that stele_show does not show, which JSON has in
 * its strings only, are escaped as \uNNNN. */
void stele_show_in_json(stele_buffer *out, stele_bytes json);

/** A whole number from `min` to `max`: digits with an optional sign. */
stele_status stele_parse_int64(stele_bytes text, int64_t min, int64_t max, int64_t *value,
                               stele_error *err);

/**
 * A number like -12.5e3, or NaN, Infinity, -Infinity. The nearest double; what is too large for one
 * is refused, what is too small becomes zero.
 */
stele_status stele_parse_double(stele_bytes text, double *value, stele_error *err);

enum { STELE_DECIMAL_PRECISION_MAX = 18, STELE_DECIMAL_TEXT_MAX = 22 };

/**
 * A decimal number like 88.68 as its unscaled value (8868 for scale 2).
 *
 * @param precision  digits that it may have in all, 1 to STELE_DECIMAL_PRECISION_MAX
 * @param scale      of them after the point, 0 to `precision`; more are accepted only if they are 0
 */
stele_status stele_parse_decimal(stele_bytes text, int precision, int scale, int64_t *unscaled,
                                 stele_error *err);

/** An unscaled value with all digits of its scale: 8800 and 2 give 88.00. */
void stele_format_decimal(int64_t unscaled, int scale, char text[STELE_DECIMAL_TEXT_MAX + 1]);

#endif
