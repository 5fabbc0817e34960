/* SPDX-License-Identifier: MIT
 * Fields of a record from text, as it is in the cells of a CSV file. */
#ifndef STELE_SCHEMAS_TEXT_VALUE_H
#define STELE_SCHEMAS_TEXT_VALUE_H

#include <stele/type.h>

/** The field of a record type with this name, or NULL. */
const stele_member *stele_text_value_find(const stele_type *type, stele_bytes name);

/**
 * Set a field of a record from a cell.
 *
 * Numbers, decimals with a point, dates and times in ISO 8601, true and false in any case or 1 and
 * 0, enums by symbol, bytes in base64. Where null is allowed an empty cell and `NA` are null; in
 * quotes they are that text where the field can be text. In a union with several other branches the
 * first that the text fits is taken.
 *
 * @param member  a field of the record's type
 * @param quoted  was the cell in quotes?
 * @param record  of its layout; what the field held is overwritten, not released
 * @param arena   strings and bytes are copied into it
 * @return STELE_E_INVALID  the cell does not fit; the text names the field (next = REJECT)
 */
stele_status stele_text_value_set(const stele_member *member, stele_bytes cell, bool quoted,
                                  void *record, stele_arena *arena, stele_error *err);

/**
 * Set a field of a record to the default that its schema gives, for a column that is not there.
 *
 * @return STELE_E_INVALID  it has none (next = REJECT)
 */
stele_status stele_text_value_default(const stele_member *member, void *record, stele_arena *arena,
                                      stele_error *err);

#endif
