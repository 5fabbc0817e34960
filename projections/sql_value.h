/* SPDX-License-Identifier: MIT
 * From an Avro value to a value of the SQL port.
 *
 * Avro                                  SQL
 * null, an absent field                 NULL
 * boolean                               boolean
 * int, long                             integer
 * float, double                         real; NaN, which databases do not agree on, as text
 * string, uuid                          text
 * enum                                  text: the symbol
 * decimal                               text with its full scale, "88.60"
 * date, time, timestamp, duration       text, ISO 8601
 * bytes, fixed                          bytes
 * record, array, map                    text: JSON, as `tail` shows it
 * a union                               the value of the branch that it holds */
#ifndef STELE_PROJECTIONS_SQL_VALUE_H
#define STELE_PROJECTIONS_SQL_VALUE_H

#include <stele/arena.h>
#include <stele/buffer.h>
#include <stele/type.h>

#include "stores/sql_store.h"

/** What values of that layout are; NULL: always null. */
stele_sql_type stele_sql_type_of(const stele_layout *layout);

/** What is at `member` of the struct at `base`. @return NULL: it is null */
const uint8_t *stele_sql_load(const stele_member *member, const uint8_t *base);

/** A copy in the arena, as a text or as bytes. */
stele_sql_value stele_sql_value_keep(stele_arena *arena, stele_sql_kind kind, stele_bytes bytes);

/**
 * @param value  NULL: null
 * @param arena  takes what the value points to
 * @param room   is overwritten
 * @return STELE_E_INVALID  it has no text form (next = REJECT)
 */
stele_status stele_sql_value_make(const stele_layout *layout, const uint8_t *value,
                                  stele_arena *arena, stele_buffer *room, stele_sql_value *out,
                                  stele_error *err);

#endif
