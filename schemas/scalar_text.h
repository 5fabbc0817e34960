/* SPDX-License-Identifier: MIT
 * Scalars as the text that people read: decimals with their scale, dates and times in ISO 8601,
 * bytes in base64, enums by symbol. The plain JSON form and the cells of a CSV file share it. */
#ifndef STELE_SCHEMAS_SCALAR_TEXT_H
#define STELE_SCHEMAS_SCALAR_TEXT_H

#include <stele/type.h>

/**
 * Append the text of a scalar, without quotes.
 *
 * @param layout  not of a record, union, array, map or null
 * @return STELE_E_INVALID  the value does not fit its type (next = REJECT)
 */
stele_status stele_scalar_write(const stele_layout *layout, const void *value, stele_buffer *out,
                                stele_error *err);

/**
 * Read a scalar from the whole of a text. Strings and bytes are copied into `arena`.
 *
 * @param text    must be UTF-8 where the value is a string
 * @return STELE_E_INVALID  it is no such text (next = REJECT)
 */
stele_status stele_scalar_read(const stele_layout *layout, stele_bytes text, void *value,
                               stele_arena *arena, stele_error *err);

/** Is the value written as a quoted JSON string in the plain form? */
bool stele_scalar_is_text(const stele_layout *layout);

/**
 * The bytes of a value of bytes, fixed, string or decimal type as Avro has them on the wire.
 *
 * @return a view into `value` or into `room`; null if a decimal has too many digits for its type
 */
stele_bytes stele_scalar_bytes(const stele_layout *layout, const void *value, stele_buffer *room);

/** The other way: false if they do not fit the type. Bytes are borrowed, not copied. */
bool stele_scalar_set_bytes(const stele_layout *layout, stele_bytes bytes, void *value);

/** The shortest text that reads back as the same number, with a point or an exponent; "NaN",
 * "Infinity", "-Infinity". */
void stele_double_format(double value, char text[32]);
void stele_float_format(float value, char text[32]);

#endif
