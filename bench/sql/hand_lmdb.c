/* SPDX-License-Identifier: MIT
 * LMDB by hand: balances as they are in memory, and positions, in one transaction. */
#include "hand.h"

#include <lmdb.h>
#include <stdlib.h>
#include <string.h>

#define MAP_SIZE ((size_t)1 << 30)

typedef struct lmdb_db {
    hand_db base;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi balances;
    MDB_dbi positions;
} lmdb_db;

static void check(int code)
{
    if (code != 0) sql_die("lmdb", mdb_strerror(code));
}

static void begin(hand_db *base)
{
    lmdb_db *self = (lmdb_db *)base;
    check(mdb_txn_begin(self->env, NULL, 0, &self->txn));
}

static void row(hand_db *base, int32_t partition, int64_t offset, const movement *of)
{
    (void)base, (void)partition, (void)offset, (void)of;
    sql_die("lmdb", "it has no rows");
}

static void state(hand_db *base, const balance *of)
{
    lmdb_db *self = (lmdb_db *)base;
    int64_t fields[] = {of->cents, of->movements, of->last_booked_at};
    balance copy = *of;
    MDB_val key = {strlen(copy.account), copy.account}, value = {sizeof fields, fields};
    check(mdb_put(self->txn, self->balances, &key, &value, 0));
}

static void commit(hand_db *base, const int64_t positions[PARTITIONS])
{
    lmdb_db *self = (lmdb_db *)base;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        int64_t next = positions[i];
        MDB_val key = {sizeof i, &i}, value = {sizeof next, &next};
        check(mdb_put(self->txn, self->positions, &key, &value, 0));
    }
    check(mdb_txn_commit(self->txn));
    self->txn = NULL;
}

static void close_db(hand_db *base)
{
    lmdb_db *self = (lmdb_db *)base;
    MDB_stat stat;
    if (self->txn != NULL) mdb_txn_abort(self->txn);
    check(mdb_txn_begin(self->env, NULL, MDB_RDONLY, &self->txn));
    check(mdb_stat(self->txn, self->balances, &stat));
    if (stat.ms_entries == 0) sql_die("lmdb", "nothing is in it");
    mdb_txn_abort(self->txn);
    mdb_env_close(self->env);
    free(self);
}

hand_db *hand_lmdb_open(const char *path)
{
    lmdb_db *self = calloc(1, sizeof *self);
    MDB_txn *txn;
    if (self == NULL) sql_die("memory", "out");
    self->base = (hand_db){begin, row, state, commit, close_db};
    check(mdb_env_create(&self->env));
    check(mdb_env_set_mapsize(self->env, MAP_SIZE));
    check(mdb_env_set_maxdbs(self->env, 2));
    check(mdb_env_open(self->env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOMETASYNC, 0644));
    check(mdb_txn_begin(self->env, NULL, 0, &txn));
    check(mdb_dbi_open(txn, "balances", MDB_CREATE, &self->balances));
    check(mdb_dbi_open(txn, "positions", MDB_CREATE, &self->positions));
    check(mdb_txn_commit(txn));
    return &self->base;
}
