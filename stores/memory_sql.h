/* SPDX-License-Identifier: MIT
 * A database in memory behind the SQL port, for tests: it knows no SQL, and keeps each statement
 * that was executed, with its values, as a row. But it knows two of a state's table
 * (projections/state_table.h): the query, with a partition and a key, reads, of the last row of
 * each key, all values but the second, which is the partition, in the order of the keys, from
 * behind that one on; and the one that clears a partition takes its rows away. It outlives its
 * stores, as a database does, and fails where it is told to. */
#ifndef STELE_STORES_MEMORY_SQL_H
#define STELE_STORES_MEMORY_SQL_H

#include "core/runtime.h"
#include "stores/sql_store.h"

typedef struct stele_memory_database stele_memory_database;

/** A statement that was executed, and committed. */
typedef struct stele_memory_row {
    const char *text;              /* as it was prepared */
    const stele_sql_value *values; /* owned by the database */
    size_t count;
} stele_memory_row;

/**
 * @param runtime  of the threads that use it; all zero: one thread runs at a time, as in a
 *                 simulation, in which whoever is killed would keep a lock
 * @return caller owns; release after its stores
 */
stele_memory_database *stele_memory_database_new(stele_runtime runtime);
void stele_memory_database_free(stele_memory_database *database);
STELE_SCOPE(stele_memory_database, stele_memory_database_free);

/** A connection. @return caller owns; release with stele_sql_store_free */
stele_sql_store *stele_memory_sql_new(stele_memory_database *database);

/** What is in it, in the order of the commits. Valid until the next commit. */
size_t stele_memory_database_count(stele_memory_database *database);
stele_memory_row stele_memory_database_row(stele_memory_database *database, size_t index);

/** How a call fails. In each case its transaction is over. */
typedef enum stele_memory_fault {
    STELE_MEMORY_SQL_REFUSED = 1, /* locked or full: nothing was changed */
    STELE_MEMORY_SQL_LOST_BEFORE, /* the connection was lost before the call was heard */
    STELE_MEMORY_SQL_LOST_AFTER,  /* and after it: a commit is made, and its answer lost */
    STELE_MEMORY_SQL_AWAY         /* it is away from this call on (…_set_away) */
} stele_memory_fault;

/** Let the nth call from now on (1: the next) fail so, of whichever connection. Once. */
void stele_memory_database_fail(stele_memory_database *database, uint64_t nth,
                                stele_memory_fault fault);

/** Let every call wait from now on, or go on again. Only where there are threads. */
void stele_memory_database_hold(stele_memory_database *database, bool held);

/** Refuse every call from now on, or none again: it is away, or its disk is full. */
void stele_memory_database_set_away(stele_memory_database *database, bool away);

#endif
