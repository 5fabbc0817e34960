/* SPDX-License-Identifier: MIT
 * What stores/sql_store.h promises, as cases that every implementation runs. */
#ifndef STELE_TESTS_SQL_CASES_H
#define STELE_TESTS_SQL_CASES_H

#include "stores/sql_store.h"
#include "tests/support/test.h"

/** An implementation: a database, and ways to connect to it and to look at it. */
typedef struct sql_stage {
    void *self;
    /** A connection, not opened yet; the case releases it. */
    stele_sql_store *(*connect)(void *self);
    /** Rows of the table `r`. */
    int (*count)(void *self);
    bool has_no_sql; /* it takes states of folds only: stores/lmdb_store.h */
    bool has_fields; /* … whose fields have names: stores/redis_store.h */
} sql_stage;

/** Each case begins with an empty database: made by `begin`, released by `end`. */
int sql_cases_run(sql_stage (*begin)(void), void (*end)(void *self));

#endif
