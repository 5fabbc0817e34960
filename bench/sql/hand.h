/* SPDX-License-Identifier: MIT
 * What the program by hand asks of a database: rows, balances, and the positions with them. */
#ifndef STELE_BENCH_SQL_HAND_H
#define STELE_BENCH_SQL_HAND_H

#include "bench/replay/by_hand.h"
#include "sql.h"

typedef struct balance {
    char account[17];
    int64_t cents;
    int64_t movements;
    int64_t last_booked_at;
    bool is_dirty;
} balance;

typedef struct hand_db {
    void (*begin)(struct hand_db *db);
    void (*row)(struct hand_db *db, int32_t partition, int64_t offset, const movement *of);
    void (*state)(struct hand_db *db, const balance *of);
    void (*commit)(struct hand_db *db, const int64_t positions[PARTITIONS]);
    void (*close)(struct hand_db *db);
} hand_db;

/** Empty tables. */
hand_db *hand_sqlite_open(const char *path);
/** For balances only. */
hand_db *hand_lmdb_open(const char *path);
hand_db *hand_redis_open(const char *address);
hand_db *hand_postgres_open(const char *conninfo);

#endif
