/* SPDX-License-Identifier: MIT
 * States of a projection as they change, out of the topic that its workers write them to. That is
 * right whoever has a partition: what is committed there is what a worker that owned it had. */
#include "core/alloc.h"
#include "core/names.h"
#include "registry/client.h"
#include "server/http_problem.h"
#include "server/projection_inside.h"

enum { ASK_MS = 2000 };

/* This program's own version is made as its configuration says. How another one is made shows in
 * the topic that it has, or has not. */
static bool has_changes(const stele_projection_api *api, const stele_api_projection *of,
                        int version, const char *topic, stele_http_reply *reply)
{
    stele_error err = {0};
    stele_log_topic found;
    stele_status status = of->snapshots != NULL ? STELE_OK : STELE_E_NOT_FOUND;
    if (version != of->projection.version)
        status =
            stele_log_topic_describe(stele_client_log(api->client), topic, ASK_MS, &found, &err);
    if (status == STELE_E_NOT_FOUND)
        stele_http_problem(reply, 404, "no_changes",
                           "the states of %s.v%d are in a table (projection.%s.store), which has "
                           "no stream of changes: the database is asked",
                           of->projection.name, version, of->projection.name);
    else if (status < 0)
        stele_api_failure(reply, &err);
    return status == STELE_OK;
}

void stele_projection_api_changes(void *context, const stele_http_request *request,
                                  stele_http_reply *reply)
{
    const stele_projection_api *api = context;
    if (!stele_feeds_is_asked(request)) { /* `changes` may be an id, too */
        stele_projection_api_state(context, request, reply);
        return;
    }
    int version;
    const stele_api_projection *of = stele_projection_api_find(api, request, &version, reply);
    if (of == NULL) return;
    STELE_AUTO(char) topic = stele_snapshots_topic(of->projection.name, version);
    if (!has_changes(api, of, version, topic, reply)) return;
    stele_feeds_reply(api->feeds,
                      &(stele_feed_subject){.kind = STELE_FEED_STATES,
                                            .topic = topic,
                                            .events = of->events,
                                            .version = version,
                                            .id = stele_http_request_parameter(request, "id")},
                      request, reply);
}
