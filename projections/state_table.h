/* SPDX-License-Identifier: MIT
 * The table that a fold's states are kept in: a column for each field of the state, for those who
 * read it, and those of Stele, from which the states are read back. Made from the state's type.
 *
 *   stele_id         the aggregate's id, the primary key
 *   stele_partition  of the events
 *   stele_version    of the aggregate
 *   stele_offset     in the events, after the last one that is in the state
 *   stele_finished   it is finished; once that is closed, its fields and its state are null
 *   stele_state      the state in wire format
 *   stele_topic      of the events
 *   …                the fields
 *
 * In LMDB (stores/lmdb_store.h) there are no fields, only Stele's own; in Redis
 * (stores/redis_store.h) the columns are the fields of a hash. */
#ifndef STELE_PROJECTIONS_STATE_TABLE_H
#define STELE_PROJECTIONS_STATE_TABLE_H

#include <stele/projection.h>

#include "projections/sql_file.h"
#include "snapshots/companion.h"
#include "snapshots/format.h"
#include "stores/sink.h"

typedef struct stele_state_table stele_state_table;

/**
 * @param projection  borrowed, outlives the table
 * @param companion   of the states, which has a column, too; NULL: none
 * @param out         caller owns; release with stele_state_table_free, after its desk
 * @return STELE_E_INVALID  the state cannot be a table (next = STOP)
 */
stele_status stele_state_table_new(const stele_projection *projection,
                                   const stele_companion *companion, stele_sql_dialect dialect,
                                   stele_state_table **out, stele_error *err);
void stele_state_table_free(stele_state_table *table);
STELE_SCOPE(stele_state_table, stele_state_table_free);

/** Its statements, for a desk: the block 0. */
const stele_sql_file *stele_state_table_file(const stele_state_table *table);
typedef enum stele_state_table_statement {
    STELE_STATE_TABLE_WRITE = 0,
    STELE_STATE_TABLE_READ,
    STELE_STATE_TABLE_CLEAR, /* the rows of a partition, and of those that there are no more */
    STELE_STATE_TABLE_STATEMENTS
} stele_state_table_statement;

/**
 * The values of an entry.
 *
 * @param schema     the id of the state's schema
 * @param is_gone    it is finished, and its state is not kept
 * @param arena      takes what the values point to, and the values
 * @param count      of the values
 * @return STELE_E_INVALID, STELE_E_LIMIT  the state cannot be stored (next = STOP)
 */
stele_status stele_state_table_values(const stele_state_table *table, const stele_sink_entry *entry,
                                      int32_t partition, int32_t schema, bool is_gone,
                                      stele_arena *arena, const stele_sql_value **out,
                                      size_t *count, stele_error *err);

/** The values of the query for what is in a partition behind that id; null: from the beginning. */
void stele_state_table_query(int32_t partition, stele_bytes after, stele_arena *arena,
                             const stele_sql_value **out, size_t *count);

/** The values for taking the rows of a partition away, and those of partitions from `partitions`
 * on, which the source does not have. */
void stele_state_table_clearing(int32_t partition, int32_t partitions, stele_arena *arena,
                                const stele_sql_value **out, size_t *count);

/** A row that the query has found, as a snapshot. Views into the values.
 * @return false: it is no such row */
bool stele_state_table_snapshot(const stele_sql_value *values, size_t count, stele_snapshot *out);

#endif
