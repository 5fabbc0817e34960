/* SPDX-License-Identifier: MIT
 * States of a projection as they change, out of the topic that its workers write them to. That is
 * right whoever has a partition: what is committed there is what a worker that owned it had. */
#include "core/alloc.h"
#include "core/names.h"
#include "server/http_problem.h"
#include "server/projection_inside.h"

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
    if (of->snapshots == NULL) {
        stele_http_problem(reply, 404, "no_changes",
                           "the states of %s are in a table (projection.%s.store), which has no "
                           "stream of changes: the database is asked",
                           of->projection.name, of->projection.name);
        return;
    }
    STELE_AUTO(char) topic = stele_snapshots_topic(of->projection.name, version);
    stele_feeds_reply(api->feeds,
                      &(stele_feed_subject){.kind = STELE_FEED_STATES,
                                            .topic = topic,
                                            .events = of->events,
                                            .version = version,
                                            .id = stele_http_request_parameter(request, "id")},
                      request, reply);
}
