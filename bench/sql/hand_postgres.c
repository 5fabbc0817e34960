/* SPDX-License-Identifier: MIT
 * PostgreSQL by hand: libpq's pipeline mode for rows, and balances as arrays for unnest. */
#include "hand.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARRAYS = 4, ARRAY_ROWS = 500, TEXT_MAX = 24, PIPELINE_MAX = 500 };

typedef struct postgres_db {
    hand_db base;
    PGconn *conn;
    int sent; /* commands without an answer */
    char *arrays[ARRAYS];
    size_t sizes[ARRAYS];
    int rows; /* in the arrays */
} postgres_db;

static const char schema[] =
    "CREATE TABLE moves (part integer, off bigint, account text, cents bigint, sequence bigint,"
    " PRIMARY KEY (part, off));"
    "CREATE TABLE balances (account text PRIMARY KEY, cents bigint, movements bigint,"
    " last_booked_at bigint);"
    "CREATE TABLE positions (part integer PRIMARY KEY, next bigint);"
    "INSERT INTO positions VALUES (0, 0), (1, 0), (2, 0), (3, 0);";

static void prepare(postgres_db *self, const char *name, const char *text)
{
    PGresult *result = PQprepare(self->conn, name, text, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) sql_die(text, PQerrorMessage(self->conn));
    PQclear(result);
}

/* All answers so far: a synchronisation is asked for, and waited for. */
static void drain(postgres_db *self)
{
    if (PQpipelineSync(self->conn) != 1) sql_die("sync", PQerrorMessage(self->conn));
    for (ExecStatusType status = PGRES_EMPTY_QUERY; status != PGRES_PIPELINE_SYNC;) {
        PGresult *result = PQgetResult(self->conn);
        if (result == NULL) continue;
        status = PQresultStatus(result);
        if (status == PGRES_FATAL_ERROR) sql_die("postgres", PQresultErrorMessage(result));
        PQclear(result);
    }
    self->sent = 0;
}

static void send(postgres_db *self, const char *name, int count, const char *const *values)
{
    if (PQsendQueryPrepared(self->conn, name, count, values, NULL, NULL, 0) != 1)
        sql_die(name, PQerrorMessage(self->conn));
    if (++self->sent == PIPELINE_MAX) drain(self);
}

static void begin(hand_db *base)
{
    send((postgres_db *)base, "begin", 0, NULL);
}

static void row(hand_db *base, int32_t partition, int64_t offset, const movement *of)
{
    char numbers[4][TEXT_MAX], account[TEXT_MAX];
    snprintf(numbers[0], TEXT_MAX, "%" PRId32, partition);
    snprintf(numbers[1], TEXT_MAX, "%" PRId64, offset);
    snprintf(account, TEXT_MAX, "%.*s", (int)of->account_size, (const char *)of->account);
    snprintf(numbers[2], TEXT_MAX, "%" PRId64, of->amount_cents);
    snprintf(numbers[3], TEXT_MAX, "%" PRId64, of->sequence);
    const char *const values[] = {numbers[0], numbers[1], account, numbers[2], numbers[3]};
    send((postgres_db *)base, "row", 5, values);
}

static void send_arrays(postgres_db *self)
{
    if (self->rows == 0) return;
    for (int i = 0; i < ARRAYS; i++)
        memcpy(self->arrays[i] + self->sizes[i], "}", 2);
    send(self, "state", ARRAYS, (const char *const *)self->arrays);
    self->rows = 0;
    memset(self->sizes, 0, sizeof self->sizes);
}

static void add(postgres_db *self, int array, const char *text)
{
    char *at = self->arrays[array] + self->sizes[array];
    self->sizes[array] += (size_t)snprintf(at, TEXT_MAX, "%c%s", self->rows == 0 ? '{' : ',', text);
}

static void state(hand_db *base, const balance *of)
{
    postgres_db *self = (postgres_db *)base;
    const int64_t numbers[] = {of->cents, of->movements, of->last_booked_at};
    add(self, 0, of->account);
    for (int i = 0; i < 3; i++) {
        char text[TEXT_MAX];
        snprintf(text, sizeof text, "%" PRId64, numbers[i]);
        add(self, 1 + i, text);
    }
    if (++self->rows == ARRAY_ROWS) send_arrays(self);
}

static void commit(hand_db *base, const int64_t positions[PARTITIONS])
{
    postgres_db *self = (postgres_db *)base;
    send_arrays(self);
    for (int i = 0; i < PARTITIONS; i++) {
        char next[TEXT_MAX], part[TEXT_MAX];
        snprintf(next, sizeof next, "%" PRId64, positions[i]);
        snprintf(part, sizeof part, "%d", i);
        send(self, "move", 2, (const char *const[]){next, part});
    }
    send(self, "commit", 0, NULL);
    drain(self);
}

static void close_db(hand_db *base)
{
    postgres_db *self = (postgres_db *)base;
    PQfinish(self->conn);
    for (int i = 0; i < ARRAYS; i++)
        free(self->arrays[i]);
    free(self);
}

hand_db *hand_postgres_open(const char *conninfo)
{
    postgres_db *self = calloc(1, sizeof *self);
    if (self == NULL) sql_die("memory", "out");
    self->base = (hand_db){begin, row, state, commit, close_db};
    self->conn = PQconnectdb(conninfo);
    PGresult *result = PQexec(self->conn, schema);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) sql_die("postgres", PQerrorMessage(self->conn));
    PQclear(result);
    for (int i = 0; i < ARRAYS; i++)
        self->arrays[i] = calloc(ARRAY_ROWS + 1, TEXT_MAX);
    prepare(self, "begin", "BEGIN");
    prepare(self, "commit", "COMMIT");
    prepare(self, "row", "INSERT INTO moves VALUES ($1, $2, $3, $4, $5)");
    prepare(self, "move", "UPDATE positions SET next = $1 WHERE part = $2");
    prepare(self, "state",
            "INSERT INTO balances SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[],"
            " $4::bigint[]) ON CONFLICT (account) DO UPDATE SET cents = excluded.cents,"
            " movements = excluded.movements, last_booked_at = excluded.last_booked_at");
    if (PQenterPipelineMode(self->conn) != 1) sql_die("pipeline", PQerrorMessage(self->conn));
    return &self->base;
}
