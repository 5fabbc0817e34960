/* SPDX-License-Identifier: MIT
 * libpq without blocking: its socket is waited for, its results are taken when they are there. */
#include "stores/postgres_link.h"

#include <string.h>

#include "core/alloc.h"
#include "core/clock.h"
#include "core/deadline.h"
#include "core/text.h"
#include "stores/postgres_error.h"

enum {
    CONNECT_MS = 15000, /* all hosts of the connection string together */
    SLICE_MS = 200,     /* how often a wait looks whether it shall end */
    EMPTY_MAX = 3       /* ends of answers in a row: more is no pipeline any more */
};

static stele_status fail_lost(postgres_link *link, stele_error *err)
{
    const char *said = link->conn == NULL ? "" : PQerrorMessage(link->conn);
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_show(&text, stele_bytes_of(said, strcspn(said, "\n")));
    link->is_lost = true;
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_ABORT, "%s: the connection was lost: %s",
                      link->label, stele_buffer_text(&text));
}

static stele_deadline after(const postgres_link *link, int64_t ms)
{
    return stele_deadline_after(stele_runtime_clock(link->runtime), ms);
}

/* @return STELE_OK  something may be there, or may be written; or it is time to look again */
static stele_status wait_until(postgres_link *link, bool writes, stele_deadline by,
                               stele_error *err)
{
    stele_deadline slice = after(link, SLICE_MS);
    if (slice.end_ns > by.end_ns) slice = by;
    if (stele_socket_wait(link->runtime, PQsocket(link->conn), writes, slice.end_ns))
        return STELE_OK;
    if (atomic_load(link->ends)) {
        link->is_lost = true;
        return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_ABORT,
                          "%s has not answered before the end", link->label);
    }
    if (!stele_deadline_passed(by)) return STELE_OK;
    link->is_lost = true;
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_ABORT,
                      "%s has not answered for %d s: the connection is given up", link->label,
                      link->patience_ms / 1000);
}

/* ---- opening ---- */

static void ignore_notice(void *context, const PGresult *notice)
{
    (void)context, (void)notice;
}

/* What the user's connection string says counts more than what stands in front of it. */
static PGconn *start(const postgres_link *link)
{
    static const char *const keys[] = {"fallback_application_name", "tcp_user_timeout",
                                       "keepalives_idle",           "dbname",
                                       "client_encoding",           NULL};
    const char *const values[] = {"stele", "10000", "10", link->conninfo, "UTF8", NULL};
    return PQconnectStartParams(keys, values, 1);
}

static stele_status finish(postgres_link *link, stele_error *err)
{
    stele_deadline by = after(link, CONNECT_MS);
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK) {
        stele_deadline slice = after(link, SLICE_MS);
        bool is_there = stele_socket_wait(link->runtime, PQsocket(link->conn),
                                          state == PGRES_POLLING_WRITING, slice.end_ns);
        if (stele_deadline_passed(by) || atomic_load(link->ends))
            return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                              "%s has not answered for %d s", link->label, CONNECT_MS / 1000);
        if (!is_there) continue;
        state = PQconnectPoll(link->conn);
        if (state == PGRES_POLLING_FAILED)
            return postgres_fail_connect(link->label, link->conn, link->was_open, err);
    }
    return STELE_OK;
}

stele_status postgres_link_open(postgres_link *link, stele_error *err)
{
    stele_status status = STELE_OK;
    link->is_lost = false;
    link->pending = 0;
    link->conn = start(link);
    if (link->conn == NULL) stele_out_of_memory(0);
    PQsetErrorVerbosity(link->conn, PQERRORS_VERBOSE); /* for the SQLSTATE of a refusal */
    PQsetNoticeReceiver(link->conn, ignore_notice, NULL);
    if (PQstatus(link->conn) == CONNECTION_BAD)
        status = postgres_fail_connect(link->label, link->conn, link->was_open, err);
    if (status == STELE_OK) status = finish(link, err);
    if (status == STELE_OK &&
        (PQsetnonblocking(link->conn, 1) != 0 || PQenterPipelineMode(link->conn) != 1))
        status = fail_lost(link, err);
    if (status < 0) postgres_link_close(link);
    return status;
}

void postgres_link_close(postgres_link *link)
{
    PQfinish(link->conn);
    link->conn = NULL;
    link->pending = 0;
}

/* ---- asking ---- */

static stele_status sent(postgres_link *link, int code, stele_error *err)
{
    if (code != 1) return fail_lost(link, err);
    link->pending++;
    return STELE_OK;
}

static bool is_usable(const postgres_link *link)
{
    return link->conn != NULL && !link->is_lost;
}

stele_status postgres_send(postgres_link *link, const char *text, stele_error *err)
{
    if (!is_usable(link)) return fail_lost(link, err);
    return sent(link, PQsendQueryParams(link->conn, text, 0, NULL, NULL, NULL, NULL, 0), err);
}

stele_status postgres_send_prepare(postgres_link *link, const char *name, const char *text,
                                   int count, const Oid *types, stele_error *err)
{
    if (!is_usable(link)) return fail_lost(link, err);
    return sent(link, PQsendPrepare(link->conn, name, text, count, types), err);
}

stele_status postgres_send_prepared(postgres_link *link, const char *name,
                                    const postgres_values *of, stele_error *err)
{
    if (!is_usable(link)) return fail_lost(link, err);
    return sent(link,
                PQsendQueryPrepared(link->conn, name, of->count, of->values, of->sizes, of->formats,
                                    of->wants_binary),
                err);
}

stele_status postgres_send_sync(postgres_link *link, stele_error *err)
{
    if (!is_usable(link)) return fail_lost(link, err);
    return sent(link, PQpipelineSync(link->conn), err);
}

stele_status postgres_send_flush(postgres_link *link, stele_error *err)
{
    if (!is_usable(link) || PQsendFlushRequest(link->conn) != 1) return fail_lost(link, err);
    return STELE_OK;
}

/* ---- answers ---- */

stele_status postgres_push(postgres_link *link, stele_error *err)
{
    stele_deadline by = after(link, link->patience_ms);
    int left;
    if (!is_usable(link)) return fail_lost(link, err);
    while ((left = PQflush(link->conn)) == 1) {
        stele_status status = wait_until(link, true, by, err);
        if (status < 0) return status;
        /* The server may wait until its answers are read. */
        if (PQconsumeInput(link->conn) != 1) return fail_lost(link, err);
    }
    return left == 0 && PQconsumeInput(link->conn) == 1 ? STELE_OK : fail_lost(link, err);
}

stele_status postgres_take(postgres_link *link, bool waits, PGresult **out, stele_error *err)
{
    stele_deadline by = after(link, link->patience_ms);
    int empty = 0;
    *out = NULL;
    if (!is_usable(link)) return fail_lost(link, err);
    while (*out == NULL) {
        if (!PQisBusy(link->conn)) {
            *out = PQgetResult(link->conn);
            bool is_over = PQstatus(link->conn) == CONNECTION_BAD || ++empty > EMPTY_MAX;
            if (*out == NULL && is_over) return fail_lost(link, err);
            continue;
        }
        if (!waits) return STELE_OK;
        stele_status status = wait_until(link, PQflush(link->conn) == 1, by, err);
        if (status < 0) return status;
        if (PQconsumeInput(link->conn) != 1) return fail_lost(link, err);
    }
    link->pending--;
    return STELE_OK;
}

bool postgres_is_failure(const PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_PIPELINE_SYNC:
    case PGRES_PIPELINE_ABORTED:
        return false;
    default:
        return true;
    }
}
