/* SPDX-License-Identifier: MIT
 * The API of an application's projections: states, one or page by page. Any instance is asked; it
 * passes the question on to the one whose worker has the state in memory, and where there is none
 * reads the topics. docs/http.md describes it for its callers. */
#ifndef STELE_SERVER_PROJECTION_API_H
#define STELE_SERVER_PROJECTION_API_H

#include <stele/client.h>
#include <stele/projection.h>

#include "core/scope.h"
#include "http/agent.h"
#include "server/feeds.h"
#include "server/router.h"

/** Borrowed, and all they point to: they outlive the API, but for the list itself. */
typedef struct stele_projection_api_options {
    const stele_projection *const *projections; /* NULL-terminated; NULL: none */
    stele_client *client;
    const char *address; /* of this instance; it is not asked over HTTP */
    stele_agent agent;   /* asks the others */
    stele_feeds *feeds;  /* streams of changes */
    int timeout_ms;      /* for one request; 0: 30,000 */
} stele_projection_api_options;

typedef struct stele_projection_api stele_projection_api;

/** @return never NULL; caller owns; release with stele_projection_api_free, after the server */
stele_projection_api *stele_projection_api_new(const stele_projection_api_options *options);
void stele_projection_api_free(stele_projection_api *api);
STELE_SCOPE(stele_projection_api, stele_projection_api_free);

/** For a server, whose `refuse` should be stele_http_problem_refuse. */
stele_http_api stele_projection_api_routes(stele_projection_api *api);

#endif
