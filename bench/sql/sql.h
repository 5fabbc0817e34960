/* SPDX-License-Identifier: MIT
 * Events into a database: a row for each, or the balances that a fold makes of them, by hand and by
 * Stele. */
#ifndef STELE_BENCH_SQL_H
#define STELE_BENCH_SQL_H

#include <stdint.h>

enum { PARTITIONS = 4, COMMIT_EVENTS = 10000, COMMIT_MS = 1000 };

typedef struct sql_run {
    const char *brokers;
    const char *topic;
    const char *url; /* "sqlite:PATH", "postgres:CONNINFO", "lmdb:PATH", "redis:HOST:PORT" */
} sql_run;

/** @return seconds from the first event that is read until all is committed */
double sql_rows_by_hand(const sql_run *run);
double sql_fold_by_hand(const sql_run *run);
double sql_rows_by_stele(const sql_run *run);
double sql_fold_by_stele(const sql_run *run);
/** A fold of one name: the first run fills the store, the next one finds it filled. @return seconds
 * from the first step until all partitions are at their ends */
double sql_restart_of_stele(const sql_run *run);

double sql_now(void);
_Noreturn void sql_die(const char *what, const char *why);

#endif
