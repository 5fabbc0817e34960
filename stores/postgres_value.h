/* SPDX-License-Identifier: MIT
 * Values of the SQL port as PostgreSQL's parameters. Numbers, texts and bytes go as they are in
 * memory; what comes as a text and is none (decimals, times, JSON) is read by the server. */
#ifndef STELE_STORES_POSTGRES_VALUE_H
#define STELE_STORES_POSTGRES_VALUE_H

#include <libpq-fe.h>

#include <stele/buffer.h>

#include "stores/sql_store.h"

/** PostgreSQL's type; 0: it is left to the statement. */
Oid postgres_type(stele_sql_type type);

/** Append the binary form of a value. @return false: it has none, or not as that type */
bool postgres_add_binary(stele_buffer *room, stele_sql_type type, const stele_sql_value *value);
/** Append its form as a text. @return as postgres_set_parameters */
stele_status postgres_add_text(stele_buffer *room, const stele_sql_value *value, stele_error *err);
/** Append a number, its first byte first. */
void postgres_add_number(stele_buffer *room, uint64_t bits, size_t size);

/** The parameters of one statement. All zero is an empty one; its memory is kept for the next. */
typedef struct postgres_parameters {
    const char **values;
    int *sizes;
    int *formats;
    size_t *places; /* of the values in `room` */
    size_t max;
    stele_buffer room;
} postgres_parameters;

/**
 * @return STELE_E_INVALID  a text with a NUL byte, which PostgreSQL does not take (next = STOP)
 */
stele_status postgres_set_parameters(postgres_parameters *parameters, const stele_sql_type *types,
                                     const stele_sql_value *values, size_t count, stele_error *err);

/** PostgreSQL's type for an array of these; 0: of text, for what is left to the statement. */
Oid postgres_array_type(stele_sql_type type);

/** Many rows as one: each parameter is the array of its column. @return as postgres_set_parameters
 */
stele_status postgres_set_arrays(postgres_parameters *parameters, const stele_sql_type *types,
                                 const stele_sql_value *const *rows, size_t row_count, size_t count,
                                 stele_error *err);

/** A value of a result in binary form. @return false: of another type than those that are read */
bool postgres_get_value(const PGresult *result, int row, int column, stele_sql_value *out);

/** Room for so many. */
void postgres_make_room(postgres_parameters *parameters, size_t count);
void postgres_clear_parameters(postgres_parameters *parameters);

#endif
