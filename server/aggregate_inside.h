/* SPDX-License-Identifier: MIT
 * What the handlers of the aggregates' API share. segments[1] is the aggregate's name, segments[2]
 * an id. */
#ifndef STELE_SERVER_AGGREGATE_INSIDE_H
#define STELE_SERVER_AGGREGATE_INSIDE_H

#include <stdatomic.h>

#include <stele/projection.h>

#include "core/deadline.h"
#include "server/aggregate_api.h"
#include "server/http_problem.h"

/** One aggregate of the API. */
typedef struct stele_api_aggregate {
    const stele_aggregate *aggregate;
    stele_aggregate_service service;
    stele_projection *projection; /* that its writer keeps */
} stele_api_aggregate;

struct stele_aggregate_api {
    stele_api_aggregate *aggregates;
    size_t count;
    stele_log *log;
    stele_registry *registry;
    int timeout_ms;
    char *document; /* the OpenAPI one */
    atomic_bool stops;
};

enum { STELE_API_TYPE_AT = 1, STELE_API_ID_AT = 2 };

/** The aggregate that the path names; replies with 404 if there is none. */
const stele_api_aggregate *stele_aggregate_api_find(const stele_aggregate_api *api,
                                                    const stele_http_request *request,
                                                    stele_http_reply *reply);

/** Are there no parameters but these? Replies with 400. @param names  NULL-terminated */
bool stele_aggregate_api_parameters(const stele_http_request *request, const char *const *names,
                                    stele_http_reply *reply);

/** A parameter that is a whole number; replies with 400 if it is none.
 * @param out  left as it is where the parameter is absent */
bool stele_aggregate_api_number(const stele_http_request *request, const char *name, int64_t min,
                                int64_t max, int64_t *out, stele_http_reply *reply);

/** What a reading failed with. */
void stele_aggregate_api_failure(stele_http_reply *reply, const stele_error *err);

/** How a request came. */
typedef struct stele_api_way {
    int hops;       /* how often instances have passed it on */
    int timeout_ms; /* that it has */
} stele_api_way;

/** Read it from the header; replies with 400 if it is none. */
bool stele_aggregate_api_way(const stele_aggregate_api *api, const stele_http_request *request,
                             stele_api_way *out, stele_http_reply *reply);

/** Reply with 421, and who is to be asked instead. */
void stele_aggregate_api_misdirected(const stele_api_aggregate *of,
                                     const stele_http_request *request, const stele_error *failure,
                                     stele_http_reply *reply);

/** The reply to what a call came to. @param failure  NULL: it was carried out */
void stele_aggregate_api_result(stele_http_reply *reply, const stele_result *result,
                                const stele_error *failure);

stele_deadline stele_aggregate_api_deadline(const stele_aggregate_api *api);

stele_http_handler stele_aggregate_api_state;  /* GET /aggregates/T/ID */
stele_http_handler stele_aggregate_api_events; /* GET /aggregates/T/ID/events */

#endif
