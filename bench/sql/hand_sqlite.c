/* SPDX-License-Identifier: MIT
 * SQLite by hand: prepared statements in one transaction, in write-ahead mode. */
#include "hand.h"

#include <sqlite3.h>
#include <stdlib.h>

enum { ROW = 0, STATE, MOVE, BEGIN, COMMIT, STATEMENTS };

typedef struct sqlite_db {
    hand_db base;
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
} sqlite_db;

static const char schema[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
    "CREATE TABLE moves (part INTEGER, off INTEGER, account TEXT, cents INTEGER, sequence INTEGER,"
    " PRIMARY KEY (part, off));"
    "CREATE TABLE balances (account TEXT PRIMARY KEY, cents INTEGER, movements INTEGER,"
    " last_booked_at INTEGER);"
    "CREATE TABLE positions (part INTEGER PRIMARY KEY, next INTEGER);"
    "INSERT INTO positions VALUES (0, 0), (1, 0), (2, 0), (3, 0);";

static const char *const texts[STATEMENTS] = {
    [ROW] = "INSERT INTO moves VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATE] = "INSERT INTO balances VALUES (?1, ?2, ?3, ?4) ON CONFLICT (account) DO UPDATE SET"
              " cents = excluded.cents, movements = excluded.movements,"
              " last_booked_at = excluded.last_booked_at",
    [MOVE] = "UPDATE positions SET next = ?1 WHERE part = ?2",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT"};

static void step(sqlite_db *self, int which)
{
    if (sqlite3_step(self->statements[which]) != SQLITE_DONE)
        sql_die("sqlite", sqlite3_errmsg(self->db));
    sqlite3_reset(self->statements[which]);
}

static void begin(hand_db *base)
{
    step((sqlite_db *)base, BEGIN);
}

static void row(hand_db *base, int32_t partition, int64_t offset, const movement *of)
{
    sqlite_db *self = (sqlite_db *)base;
    sqlite3_stmt *statement = self->statements[ROW];
    sqlite3_bind_int(statement, 1, partition);
    sqlite3_bind_int64(statement, 2, offset);
    sqlite3_bind_text(statement, 3, (const char *)of->account, (int)of->account_size,
                      SQLITE_STATIC);
    sqlite3_bind_int64(statement, 4, of->amount_cents);
    sqlite3_bind_int64(statement, 5, of->sequence);
    step(self, ROW);
}

static void state(hand_db *base, const balance *of)
{
    sqlite_db *self = (sqlite_db *)base;
    sqlite3_stmt *statement = self->statements[STATE];
    sqlite3_bind_text(statement, 1, of->account, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, of->cents);
    sqlite3_bind_int64(statement, 3, of->movements);
    sqlite3_bind_int64(statement, 4, of->last_booked_at);
    step(self, STATE);
}

static void commit(hand_db *base, const int64_t positions[PARTITIONS])
{
    sqlite_db *self = (sqlite_db *)base;
    for (int i = 0; i < PARTITIONS; i++) {
        sqlite3_bind_int64(self->statements[MOVE], 1, positions[i]);
        sqlite3_bind_int(self->statements[MOVE], 2, i);
        step(self, MOVE);
    }
    step(self, COMMIT);
}

static void close_db(hand_db *base)
{
    sqlite_db *self = (sqlite_db *)base;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(self->statements[i]);
    sqlite3_close(self->db);
    free(self);
}

hand_db *hand_sqlite_open(const char *path)
{
    sqlite_db *self = calloc(1, sizeof *self);
    if (self == NULL) sql_die("memory", "out");
    self->base = (hand_db){begin, row, state, commit, close_db};
    if (sqlite3_open(path, &self->db) != SQLITE_OK ||
        sqlite3_exec(self->db, schema, NULL, NULL, NULL) != SQLITE_OK)
        sql_die(path, sqlite3_errmsg(self->db));
    for (int i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v2(self->db, texts[i], -1, &self->statements[i], NULL) != SQLITE_OK)
            sql_die(texts[i], sqlite3_errmsg(self->db));
    return &self->base;
}
