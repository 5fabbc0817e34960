/* SPDX-License-Identifier: MIT
 * The API of aggregates that decide: commands in, states and events out, and what all of it looks
 * like as an OpenAPI document. docs/http.md describes it for its callers. */
#ifndef STELE_SERVER_AGGREGATE_API_H
#define STELE_SERVER_AGGREGATE_API_H

#include <stele/projection.h>

#include "core/scope.h"
#include "kafka/log.h"
#include "registry/registry.h"
#include "server/aggregate_service.h"
#include "server/feeds.h"
#include "server/router.h"

/** An aggregate and who serves it. */
typedef struct stele_served_aggregate {
    const stele_aggregate *aggregate; /* one that decides; borrowed */
    stele_aggregate_service service;
} stele_served_aggregate;

/** Borrowed, and all they point to: they outlive the API, but for the list itself. */
typedef struct stele_aggregate_api_options {
    const char *name; /* the application's */
    const stele_served_aggregate *aggregates;
    size_t count;
    const stele_aggregate *const *all; /* all of the application's, for streams of their events;
                                          NULL-terminated; NULL: none */
    const stele_projection *const *projections; /* that the same server answers for, for the
                                                   document; NULL-terminated; NULL: none */
    stele_log *log;                             /* events, and states of the past */
    stele_registry *registry;
    stele_feeds *feeds; /* streams of events */
    int timeout_ms;     /* for one request; 0: 30,000 */
} stele_aggregate_api_options;

typedef struct stele_aggregate_api stele_aggregate_api;

/**
 * @param out  caller owns; release with stele_aggregate_api_free, after the server and after those
 *             who serve the aggregates
 * @return STELE_E_INVALID  the schema of a type cannot be parsed (next = STOP)
 */
stele_status stele_aggregate_api_new(const stele_aggregate_api_options *options,
                                     stele_aggregate_api **out, stele_error *err);
void stele_aggregate_api_free(stele_aggregate_api *api);
STELE_SCOPE(stele_aggregate_api, stele_aggregate_api_free);

/** For a server, whose `refuse` should be stele_http_problem_refuse. */
stele_http_api stele_aggregate_api_routes(stele_aggregate_api *api);

#endif
