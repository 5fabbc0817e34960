/* SPDX-License-Identifier: MIT
 * A PostgreSQL of a test's own: scripts/postgres. Tests run in the root of the tree. */
#ifndef STELE_TESTS_SUPPORT_POSTGRES_H
#define STELE_TESTS_SUPPORT_POSTGRES_H

#include <libpq-fe.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/alloc.h"
#include "tests/support/test.h"

static char postgres_conninfo[256];

/** A command of scripts/postgres; what it prints last is kept for `start`. */
static inline void postgres_call(const char *command)
{
    char line[128];
    snprintf(line, sizeof line, "scripts/postgres %s --name unit-%d 2>/dev/null", command,
             (int)getpid());
    FILE *from = popen(line, "r");
    assert_non_null(from);
    char said[256] = "";
    if (fgets(said, sizeof said, from) != NULL) {
        said[strcspn(said, "\n")] = '\0';
        memcpy(postgres_conninfo, said, sizeof said);
    }
    int code = pclose(from);
    if (code != 0) fail_msg("%s: exit %d", line, code);
}

static inline void postgres_stop(void)
{
    postgres_call("stop");
}

/** Start it; it goes away with the test. */
static inline void postgres_start(void)
{
    atexit(postgres_stop);
    postgres_call("start");
}

static inline void postgres_ignore(void *context, const char *message)
{
    (void)context, (void)message;
}

static inline void postgres_run(const char *conninfo, const char *text)
{
    PGconn *conn = PQconnectdb(conninfo);
    PQsetNoticeProcessor(conn, postgres_ignore, NULL);
    PGresult *result = PQexec(conn, text);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQerrorMessage(conn));
    PQclear(result);
    PQfinish(conn);
}

/** The only value of a query as text. Caller frees. */
static inline char *postgres_ask(const char *conninfo, const char *query)
{
    PGconn *conn = PQconnectdb(conninfo);
    PGresult *result = PQexec(conn, query);
    if (PQntuples(result) != 1) fail_msg("%s: %s", query, PQerrorMessage(conn));
    char *copied = stele_strdup(PQgetisnull(result, 0, 0) ? "NULL" : PQgetvalue(result, 0, 0));
    PQclear(result);
    PQfinish(conn);
    return copied;
}

#endif
