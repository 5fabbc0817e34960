/* SPDX-License-Identifier: MIT
 * A database's own thread: what blocks there keeps no worker from its group. Projections that use
 * the same database share it, and so do their partitions: one request at a time, in order. */
#ifndef STELE_PROJECTIONS_SQL_DESK_H
#define STELE_PROJECTIONS_SQL_DESK_H

#include "core/runtime.h"
#include "projections/sql_file.h"
#include "projections/sql_parcel.h"
#include "stores/sql_store.h"

typedef struct stele_sql_desk stele_sql_desk;
typedef struct stele_sql_request stele_sql_request;

/**
 * Open one. The thread starts with the first request.
 *
 * @param store  taken over
 * @return caller owns; release with stele_sql_desk_close
 */
stele_sql_desk *stele_sql_desk_open(stele_runtime runtime, stele_sql_store *store);

/** Finish the request that is under way, or give it up where the database does not answer; drop the
 * others, disconnect, release. NULL is fine. */
void stele_sql_desk_close(stele_sql_desk *desk);
STELE_SCOPE(stele_sql_desk, stele_sql_desk_close);

/** What messages call its database. */
const char *stele_sql_desk_shown(const stele_sql_desk *desk);

/** What a desk knows of a projection: its file, which is borrowed, and its statements. */
typedef struct stele_sql_guest stele_sql_guest;

/**
 * Set a projection up in the database and prepare its statements. Waits for the answer: as long as
 * the store waits for its database at most.
 *
 * @param out  owned by the desk
 * @return STELE_E_INVALID, STELE_E_CONFLICT  the text says file and line (next = STOP)
 *         STELE_E_UNAVAILABLE  the database is away (next = RETRY)
 */
stele_status stele_sql_desk_admit(stele_sql_desk *desk, const stele_sql_file *file,
                                  stele_sql_guest **out, stele_error *err);

/** Take a projection out of the database: the teardown of its file, and its positions. Likewise. */
stele_status stele_sql_desk_dismiss(stele_sql_desk *desk, const stele_sql_file *file,
                                    stele_error *err);

/**
 * Let a projection begin again, as stele_sql_store_reset does. Likewise.
 *
 * @param returns    where its partitions go back to
 * @param rows_stay  its rows are kept, and only these partitions go back; else all of them begin
 * with the first event, with tables that are made again
 */
stele_status stele_sql_desk_reset(stele_sql_desk *desk, const stele_sql_file *file, bool rows_stay,
                                  const stele_sql_return *returns, size_t count, stele_error *err);

/* ---- requests of a partition's task ---- */

/** What a request is answered with. */
typedef struct stele_sql_answer {
    stele_error error;     /* STELE_OK; or why not */
    stele_sql_claim claim; /* of a claim */
    int64_t opening;       /* of the database that has answered, from 1: what another opening has
                              answered may be of another database */
    size_t steps;       /* of a parcel: events that are stored, also where one behind them failed */
    bool is_about_step; /* the error is about the step behind those … */
    stele_error why;    /* … and this is what the database says of it, with its line */
} stele_sql_answer;

/** For whom requests are. */
typedef struct stele_sql_caller {
    stele_sql_guest *guest;
    stele_partition source;      /* borrowed, outlives the request */
    void (*wake)(void *context); /* from the desk's thread, with each answer */
    void *context;
} stele_sql_caller;

/** Ask to claim the partition. */
stele_sql_request *stele_sql_desk_claim(stele_sql_desk *desk, const stele_sql_caller *caller,
                                        int32_t partitions, const char *genesis);

/**
 * Read what a query of the file finds.
 *
 * @param parcel  one row: the query and its values; taken over. With the answer comes one that has
 *                the rows that were found
 */
stele_sql_request *stele_sql_desk_read(stele_sql_desk *desk, const stele_sql_caller *caller,
                                       stele_sql_parcel *parcel);

/** Read the letters of the partition. With the answer comes a parcel, whose steps have them. */
stele_sql_request *stele_sql_desk_letters(stele_sql_desk *desk, const stele_sql_caller *caller);

/** Store a parcel: the steps that it says. @param parcel  taken over until the answer is taken */
stele_sql_request *stele_sql_desk_store(stele_sql_desk *desk, const stele_sql_caller *caller,
                                        int64_t term, int64_t from, stele_sql_parcel *parcel);

/**
 * The answer, if it is there. Then the request is gone.
 *
 * @param parcel  of a request to store one: back to the caller; NULL: of a claim
 * @return false: not yet
 */
bool stele_sql_request_take(stele_sql_request **request, stele_sql_answer *out,
                            stele_sql_parcel **parcel);

/** No one waits for the answer: the request is done or not, and released with what it has. NULL is
 * fine. */
void stele_sql_request_forget(stele_sql_request *request);

#endif
