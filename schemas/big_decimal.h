/* SPDX-License-Identifier: MIT
 * Decimals that do not fit an int64_t: two's complement, big-endian, to text and back. */
#ifndef STELE_SCHEMAS_BIG_DECIMAL_H
#define STELE_SCHEMAS_BIG_DECIMAL_H

#include <stdbool.h>

#include <stele/type.h>

/** Bytes of the longest one that is turned into text: the time grows with the square. */
enum { STELE_BIG_DECIMAL_SIZE_MAX = 4096 };

/**
 * Is it a decimal of at most `precision` digits? It has one byte at least, and no more than
 * STELE_BIG_DECIMAL_SIZE_MAX when the repeated sign in front is left out.
 */
bool stele_big_decimal_is_valid(stele_bytes digits, uint32_t precision);

/** The bytes of a value in memory: one that is all zero has none, and is 0. */
stele_bytes stele_big_decimal_or_zero(stele_bytes digits);

/**
 * Append the text with all digits of the scale. No bytes at all are 0.
 *
 * @return STELE_E_LIMIT  more than STELE_BIG_DECIMAL_SIZE_MAX bytes (next = REJECT)
 */
stele_status stele_big_decimal_write(stele_bytes digits, uint32_t scale, stele_buffer *out,
                                     stele_error *err);

/**
 * The bytes of a number such as -88.68, in `arena`: as many as a fixed has, else as few as it
 * needs.
 *
 * @return STELE_E_INVALID  it is not a number, or has too many digits (next = REJECT)
 */
stele_status stele_big_decimal_read(stele_bytes text, const stele_layout *layout,
                                    stele_arena *arena, stele_bytes *out, stele_error *err);

#endif
