/* SPDX-License-Identifier: MIT
 * A connection to PostgreSQL in pipeline mode: what is asked goes out, the answers come back in
 * order. Calls wait for the server, with a deadline; no call of libpq blocks. After a failure that
 * is the connection's, and not one statement's, it can only be closed. */
#ifndef STELE_STORES_POSTGRES_LINK_H
#define STELE_STORES_POSTGRES_LINK_H

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <stele/error.h>

#include "core/runtime.h"

typedef struct postgres_link {
    stele_runtime runtime;
    const atomic_bool *ends; /* whoever waits gives up */
    const char *conninfo;    /* borrowed, like the label */
    const char *label;       /* of the database, for messages */
    int patience_ms;         /* how long the server may keep silent */
    PGconn *conn;            /* NULL: not open */
    bool was_open;
    bool is_lost;
    size_t pending; /* answers that are to come */
} postgres_link;

/** @return next = RETRY it is away; next = STOP it will not have us */
stele_status postgres_link_open(postgres_link *link, stele_error *err);
void postgres_link_close(postgres_link *link);

/* ---- what is asked; each has one answer ---- */

/** One statement without parameters. */
stele_status postgres_send(postgres_link *link, const char *text, stele_error *err);
stele_status postgres_send_prepare(postgres_link *link, const char *name, const char *text,
                                   int count, const Oid *types, stele_error *err);

/** The values of a prepared statement's parameters, as libpq takes them. */
typedef struct postgres_values {
    int count;
    const char *const *values; /* NULL among them: null */
    const int *sizes;          /* NULL: all are texts */
    const int *formats;
    bool wants_binary; /* so the answer has its values */
} postgres_values;

stele_status postgres_send_prepared(postgres_link *link, const char *name,
                                    const postgres_values *values, stele_error *err);
/** The end of what belongs together: after an error the server goes on behind it. */
stele_status postgres_send_sync(postgres_link *link, stele_error *err);
/** Let the server answer what was asked so far, without an end. */
stele_status postgres_send_flush(postgres_link *link, stele_error *err);

/* ---- the answers ---- */

/** Hand all to the network that was asked. */
stele_status postgres_push(postgres_link *link, stele_error *err);

/**
 * The next answer, in the order of what was asked.
 *
 * @param waits  for it; else NULL is fine
 * @param out    caller owns; release with PQclear
 */
stele_status postgres_take(postgres_link *link, bool waits, PGresult **out, stele_error *err);

/** Is it a failure, and the statement's own? What was passed over behind one is none. */
bool postgres_is_failure(const PGresult *result);

#endif
