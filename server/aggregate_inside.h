/* SPDX-License-Identifier: MIT
 * What the handlers of the aggregates' API share. segments[1] is the aggregate's name, segments[2]
 * an id. */
#ifndef STELE_SERVER_AGGREGATE_INSIDE_H
#define STELE_SERVER_AGGREGATE_INSIDE_H

#include <stdatomic.h>

#include <stele/projection.h>

#include "core/deadline.h"
#include "server/aggregate_api.h"
#include "server/api_shared.h"
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
    const stele_aggregate *const *all;
    stele_log *log;
    stele_registry *registry;
    stele_feeds *feeds;
    int timeout_ms;
    char *document; /* the OpenAPI one */
    atomic_bool stops;
};

enum { STELE_API_TYPE_AT = 1, STELE_API_ID_AT = 2 };

/** The aggregate that the path names; replies with 404 if there is none. */
const stele_api_aggregate *stele_aggregate_api_find(const stele_aggregate_api *api,
                                                    const stele_http_request *request,
                                                    stele_http_reply *reply);

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
stele_http_handler stele_aggregate_api_stream; /* GET /aggregates/T/events */

#endif
