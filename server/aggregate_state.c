/* SPDX-License-Identifier: MIT
 * States of aggregates: as the owner has it now, or as it was, from snapshots and the log. */
#include "server/aggregate_inside.h"

#include <stele/json.h>

#include "core/alloc.h"
#include "core/date.h"
#include "core/text.h"
#include "projections/query.h"
#include "server/state_reply.h"

/* ---- now ---- */

typedef struct asked_now {
    stele_http_later later;
    const stele_api_aggregate *of;
    const stele_http_request *request; /* valid until the answer */
    const stele_type *type;
    stele_buffer json;
    bool is_finished;
    stele_error failure; /* of writing it */
} asked_now;

static void take_now(void *context, const void *state)
{
    asked_now *asked = context;
    asked->is_finished = state == NULL;
    if (state != NULL)
        stele_json_write(asked->type, state, STELE_JSON_PLAIN, &asked->json, &asked->failure);
}

static void answer_now(void *context, const stele_result *result, const stele_error *failure)
{
    asked_now *asked = context;
    STELE_AUTO_VALUE(stele_http_reply) reply = {0};
    stele_bytes id = stele_text(asked->request->segments[STELE_API_ID_AT]);
    if (failure == NULL && asked->failure.status < 0) failure = &asked->failure;
    if (failure != NULL && failure->status == STELE_E_NOT_OWNER) {
        stele_aggregate_api_misdirected(asked->of, asked->request, failure, &reply);
    } else if (failure != NULL) {
        stele_api_failure(&reply, failure);
    } else if (result->version == 0) {
        stele_state_reply_none(&reply, id);
    } else if (asked->is_finished) {
        stele_state_reply_finished(0, id, result->version, &reply);
    } else {
        stele_state_reply(asked->request, 0, &asked->json, result->version, &reply);
    }
    stele_http_later_answer(asked->later, &reply);
    stele_buffer_clear(&asked->json);
    free(asked);
}

static void load_now(const stele_api_aggregate *of, const stele_http_request *request,
                     stele_api_way way)
{
    stele_error err = {0};
    asked_now *asked = stele_alloc(sizeof *asked);
    asked->later = stele_http_promise(request);
    asked->of = of;
    asked->request = request;
    asked->type = of->aggregate->state;
    if (of->service.ops->load(of->service.self, stele_text(request->segments[STELE_API_ID_AT]),
                              way.timeout_ms, way.hops, take_now, answer_now, asked, &err) < 0)
        answer_now(asked, &(stele_result){0}, &err);
}

/* ---- once ---- */

typedef struct asked_once {
    const stele_http_request *request;
    const stele_type *type;
    stele_http_reply *reply;
} asked_once;

static stele_status reply_once(void *context, const stele_query_state *state, stele_error *err)
{
    asked_once *asked = context;
    STELE_AUTO_VALUE(stele_buffer) json = {0};
    if (state->state == NULL) {
        stele_state_reply_finished(0, state->id, state->version, asked->reply);
        return STELE_OK;
    }
    stele_status status = stele_json_write(asked->type, state->state, STELE_JSON_PLAIN, &json, err);
    if (status == STELE_OK)
        stele_state_reply(asked->request, 0, &json, state->version, asked->reply);
    return status;
}

static void load_once(const stele_aggregate_api *api, const stele_api_aggregate *of,
                      const stele_http_request *request, int64_t version, int64_t time_ms,
                      stele_http_reply *reply)
{
    asked_once asked = {request, of->aggregate->state, reply};
    stele_error err = {0};
    stele_status status =
        stele_query(&(stele_query_options){.projection = of->projection,
                                           .log = api->log,
                                           .registry = api->registry,
                                           .id = stele_text(request->segments[STELE_API_ID_AT]),
                                           .at_version = version,
                                           .at_time_ms = time_ms,
                                           .deadline = stele_aggregate_api_deadline(api),
                                           .stop = &api->stops,
                                           .each = reply_once,
                                           .context = &asked},
                    &err);
    if (status < 0) stele_api_failure(reply, &err);
}

/* ---- the handler ---- */

static bool read_moment(const stele_http_request *request, int64_t *version, int64_t *time_ms,
                        stele_http_reply *reply)
{
    const char *at = stele_http_request_parameter(request, "at");
    stele_error err = {0};
    if (!stele_api_parameters(request, (const char *[]){"version", "at", NULL}, reply) ||
        !stele_api_number(request, "version", 1, INT64_MAX, version, reply))
        return false;
    if (at == NULL) return true;
    if (*version > 0) {
        stele_http_problem(reply, 400, "bad_request", "version and at exclude each other");
        return false;
    }
    if (stele_parse_timestamp(stele_text(at), STELE_TIME_MILLIS, time_ms, &err) == STELE_OK &&
        *time_ms > 0)
        return true;
    stele_http_problem(reply, 400, "bad_request",
                       "at=%s: expected a time since 1970 such as 2026-01-31T12:00:00Z",
                       stele_quote(stele_text(at)).text);
    return false;
}

void stele_aggregate_api_state(void *context, const stele_http_request *request,
                               stele_http_reply *reply)
{
    const stele_aggregate_api *api = context;
    int64_t version = 0;
    int64_t time_ms = 0;
    const stele_api_aggregate *of = stele_aggregate_api_find(api, request, reply);
    stele_api_way way;
    if (of == NULL || !read_moment(request, &version, &time_ms, reply) ||
        !stele_api_way_read(request, api->timeout_ms, &way, reply))
        return;
    if (version > 0 || time_ms > 0)
        load_once(api, of, request, version, time_ms, reply);
    else
        load_now(of, request, way);
}
