/* SPDX-License-Identifier: MIT
 * What the handlers of the projections' API share. segments[1] is the projection's name,
 * segments[2] an id. */
#ifndef STELE_SERVER_PROJECTION_INSIDE_H
#define STELE_SERVER_PROJECTION_INSIDE_H

#include <stdatomic.h>

#include "consumer/served_versions.h"
#include "projections/state_ask.h"
#include "server/api_shared.h"
#include "server/projection_api.h"
#include "server/projection_places.h"

/** One projection of the API. */
typedef struct stele_api_projection {
    stele_projection projection; /* as it is configured */
    char *group;                 /* owned */
    char *events;                /* owned: its source */
    char *snapshots;             /* owned: the topic of its states; NULL: they are in a table */
} stele_api_projection;

struct stele_projection_api {
    stele_api_projection *projections;
    size_t count;
    stele_client *client;
    char *address;
    stele_agent agent;
    stele_places *places;
    stele_served_versions *served;
    stele_feeds *feeds;
    int timeout_ms;
    atomic_bool stops;
    atomic_int pages; /* that are made now */
};

enum { STELE_API_PROJECTION_AT = 1, STELE_API_PROJECTION_ID_AT = 2 };

/** What is asked, as far as it is the same for one state and for many. */
typedef struct stele_api_question {
    const stele_projection_api *api;
    const stele_api_projection *of;
    int version; /* that answers: the one that readers have, which may be another than `of` */
    const stele_http_request *request;
    stele_api_way way;
    stele_deadline until;
    stele_deadline worker_until; /* a worker has so long; then there is time to see why */
    int32_t partitions;
    int32_t waits_for; /* partition of `wait`; -1: there is none */
    int64_t position;  /* behind the event that `wait` names */
} stele_api_question;

/** @param names  of the parameters, beside those that are always there; replies if it is wrong */
bool stele_projection_api_read(const stele_projection_api *api, const stele_http_request *request,
                               const char *const *names, stele_api_question *out,
                               stele_http_reply *reply);

/** Where a partition is to be asked for. */
stele_state_place stele_projection_api_place(const stele_api_question *question, int32_t partition);

/** Is there an event at the position that `wait` names? Asks the broker; replies with 400 if there
 * is none. */
bool stele_projection_api_can_come(const stele_api_question *question, stele_http_reply *reply);

/** Say which projection has answered, for the instance that has passed the question on. */
void stele_projection_api_sign(const stele_api_question *question, stele_http_reply *reply);

/**
 * Pass a question on to whoever has the partition, unless it was passed on before. Where nothing
 * but an instance of another version can answer it is passed on again, while one of its workers
 * begins, or another one takes the partition.
 *
 * @param target  path and parameters
 * @return false: no one else has it, or he does not answer
 */
bool stele_projection_api_pass(const stele_api_question *question, int32_t partition,
                               const char *target, stele_http_reply *reply);

/** Reply with 421: the instance that passed it on is to see for itself. */
void stele_projection_api_misdirected(const stele_api_question *question, int32_t partition,
                                      stele_http_reply *reply);

/**
 * The projection that the path names; replies with 404 if there is none.
 *
 * @param version  the one that readers have; where this program has another one only, that one is
 *                 returned
 */
const stele_api_projection *stele_projection_api_find(const stele_projection_api *api,
                                                      const stele_http_request *request,
                                                      int *version, stele_http_reply *reply);

/** Does another version answer than the one that this program has? */
bool stele_projection_api_is_elsewhere(const stele_api_question *question);

/** Reply with 503: no instance of the version that readers have can be asked. */
void stele_projection_api_absent(const stele_api_question *question, int32_t partition,
                                 stele_http_reply *reply);

stele_http_handler stele_projection_api_state;   /* GET /projections/P/ID */
stele_http_handler stele_projection_api_states;  /* GET /projections/P */
stele_http_handler stele_projection_api_changes; /* GET /projections/P/changes */

#endif
