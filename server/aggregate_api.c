/* SPDX-License-Identifier: MIT
 * Routes, commands, and what all handlers need. */
#include "server/aggregate_inside.h"

#include <inttypes.h>
#include <string.h>

#include "aggregates/aggregate.h"
#include "aggregates/courier.h"
#include "core/alloc.h"
#include "core/text.h"
#include "core/uuid.h"
#include "server/aggregate_command.h"
#include "server/openapi.h"

enum { TIMEOUT_MS = 30000 };

/* ---- what all handlers need ---- */

const stele_api_aggregate *stele_aggregate_api_find(const stele_aggregate_api *api,
                                                    const stele_http_request *request,
                                                    stele_http_reply *reply)
{
    const char *name = request->segments[STELE_API_TYPE_AT];
    for (size_t i = 0; i < api->count; i++) {
        if (strcmp(api->aggregates[i].aggregate->name, name) == 0) return &api->aggregates[i];
    }
    STELE_AUTO_VALUE(stele_buffer) names = {0};
    for (size_t i = 0; i < api->count; i++)
        stele_buffer_format(&names, "%s%s", i == 0 ? "" : ", ", api->aggregates[i].aggregate->name);
    stele_http_problem(reply, 404, "unknown_aggregate", "there is no aggregate %s, there is: %s",
                       stele_quote(stele_text(name)).text, stele_buffer_text(&names));
    return NULL;
}

void stele_aggregate_api_misdirected(const stele_api_aggregate *of,
                                     const stele_http_request *request, const stele_error *failure,
                                     stele_http_reply *reply)
{
    stele_owner owner;
    STELE_AUTO_VALUE(stele_buffer) json = {0};
    stele_bytes id = stele_text(request->segments[STELE_API_ID_AT]);
    stele_http_problem(reply, STELE_MISDIRECTED, "not_owner", "%s", failure->text);
    if (!of->service.ops->find_owner(of->service.self, id, &owner)) return;
    stele_owner_write(&owner, &json);
    stele_http_problem_add(reply, "owner", json_loads(stele_buffer_text(&json), 0, NULL));
}

stele_deadline stele_aggregate_api_deadline(const stele_aggregate_api *api)
{
    return stele_deadline_after(stele_log_clock(api->log), api->timeout_ms);
}

/* ---- failures ---- */

static void reply_refused(stele_http_reply *reply, const stele_result *result,
                          const stele_error *failure)
{
    switch (failure->status) {
    case STELE_E_CONFLICT:
        stele_http_problem(reply, 409, "conflict", "%s", failure->text);
        stele_http_problem_add(reply, "version", json_integer(result->version));
        stele_http_reply_field(reply, "ETag", "\"%" PRId64 "\"", result->version);
        return;
    case STELE_E_REJECTED:
        stele_http_problem(reply, 422, result->code[0] == '\0' ? "rejected" : result->code, "%s",
                           failure->text);
        stele_http_problem_add(reply, "reason", json_string(failure->text));
        return;
    case STELE_E_INVALID:
        stele_http_problem(reply, 400, "invalid", "%s", failure->text);
        return;
    case STELE_E_LIMIT:
        stele_http_problem(reply, 400, "too_large", "%s", failure->text);
        return;
    default:
        stele_api_fault(reply, failure);
    }
}

/* ---- commands ---- */

/* Their ids count up from the first, and their versions up to the last. */
static void write_events(const stele_result *result, stele_buffer *out)
{
    stele_uuid first;
    char text[STELE_UUID_TEXT_SIZE + 1];
    if (stele_uuid_parse(stele_text(result->first_event_id), &first, NULL) < 0) return;
    for (size_t i = 0; i < result->event_count; i++) {
        stele_uuid id = stele_uuid_plus(&first, i);
        stele_uuid_format(&id, text);
        stele_buffer_format(out, "%s{\"id\":\"%s\",\"version\":%" PRId64 "}", i == 0 ? "" : ",",
                            text, result->version - (int64_t)(result->event_count - 1 - i));
    }
}

void stele_aggregate_api_result(stele_http_reply *reply, const stele_result *result,
                                const stele_error *failure)
{
    STELE_AUTO_VALUE(stele_buffer) body = {0};
    if (failure != NULL) {
        reply_refused(reply, result, failure);
        return;
    }
    stele_buffer_format(&body, "{\"version\":%" PRId64 ",\"position\":", result->version);
    if (result->event_count > 0)
        stele_buffer_format(&body, "\"%s/%" PRId32 "/%" PRId64 "\"", result->topic,
                            result->partition, result->offset);
    else
        stele_buffer_append(&body, stele_text("null"));
    stele_buffer_append(&body, stele_text(",\"events\":["));
    write_events(result, &body);
    stele_buffer_append(&body, stele_text("]}"));
    stele_http_reply_text(reply, stele_buffer_text(&body), body.size);
    stele_http_reply_field(reply, "ETag", "\"%" PRId64 "\"", result->version);
    if (result->repeated) stele_http_reply_field(reply, "Idempotent-Replayed", "true");
}

typedef struct asked {
    stele_http_later later;
    const stele_http_request *request; /* valid until the answer */
    const stele_api_aggregate *of;
} asked;

/* In any thread. */
static void tell_result(void *context, const stele_result *result, const stele_error *failure)
{
    asked *self = context;
    STELE_AUTO_VALUE(stele_http_reply) reply = {0};
    if (failure != NULL && failure->status == STELE_E_NOT_OWNER)
        stele_aggregate_api_misdirected(self->of, self->request, failure, &reply);
    else
        stele_aggregate_api_result(&reply, result, failure);
    stele_http_later_answer(self->later, &reply);
    free(self);
}

/* @param read  what the body is: a command, or events */
static void carry_out(const stele_aggregate_api *api, const stele_http_request *request,
                      stele_aggregate_command_reader *read, stele_http_reply *reply)
{
    STELE_AUTO_VALUE(stele_aggregate_command) command = {0};
    stele_api_way way;
    stele_error err = {0};
    const stele_api_aggregate *of = stele_aggregate_api_find(api, request, reply);
    if (of == NULL || !stele_api_parameters(request, (const char *[]){NULL}, reply) ||
        !stele_api_way_read(request, api->timeout_ms, &way, reply) ||
        !read(of->aggregate, request, &command, reply))
        return;
    command.call.timeout_ms = way.timeout_ms;
    asked *self = stele_alloc(sizeof *self);
    *self = (asked){stele_http_promise(request), request, of};
    if (of->service.ops->execute(of->service.self, &command.call, way.hops, tell_result, self,
                                 &err) < 0)
        tell_result(self, &(stele_result){0}, &err);
}

static void execute(void *context, const stele_http_request *request, stele_http_reply *reply)
{
    carry_out(context, request, stele_aggregate_command_read, reply);
}

static void append(void *context, const stele_http_request *request, stele_http_reply *reply)
{
    carry_out(context, request, stele_aggregate_append_read, reply);
}

/* ---- the document ---- */

static void give_document(void *context, const stele_http_request *request, stele_http_reply *reply)
{
    (void)request;
    const stele_aggregate_api *api = context;
    stele_http_reply_text(reply, api->document, strlen(api->document));
}

/* ---- the API ---- */

static const stele_http_route routes[] = {
    {STELE_HTTP_GET, {"openapi.json"}, give_document, STELE_HTTP_COMPUTES},
    {STELE_HTTP_POST, {"aggregates", "*", "*", "commands", "*"}, execute, STELE_HTTP_PROMISES},
    {STELE_HTTP_POST, {"aggregates", "*", "*", "events"}, append, STELE_HTTP_PROMISES},
    {STELE_HTTP_GET, {"aggregates", "*", "events"}, stele_aggregate_api_stream, STELE_HTTP_WAITS},
    {STELE_HTTP_GET, {"aggregates", "*", "*"}, stele_aggregate_api_state, STELE_HTTP_WAITS},
    {STELE_HTTP_GET,
     {"aggregates", "*", "*", "events"},
     stele_aggregate_api_events,
     STELE_HTTP_WAITS},
};

static void interrupt(void *context)
{
    stele_aggregate_api *api = context;
    atomic_store(&api->stops, true);
    stele_feeds_interrupt(api->feeds);
}

stele_http_api stele_aggregate_api_routes(stele_aggregate_api *api)
{
    return (stele_http_api){.routes = routes,
                            .count = sizeof routes / sizeof routes[0],
                            .context = api,
                            .interrupt = interrupt};
}

stele_status stele_aggregate_api_new(const stele_aggregate_api_options *options,
                                     stele_aggregate_api **out, stele_error *err)
{
    STELE_AUTO(stele_aggregate_api) api = stele_alloc(sizeof *api);
    api->log = options->log;
    api->registry = options->registry;
    api->feeds = options->feeds;
    api->all = options->all;
    api->timeout_ms = options->timeout_ms == 0 ? TIMEOUT_MS : options->timeout_ms;
    api->aggregates = stele_alloc_array(options->count, sizeof *api->aggregates);
    for (size_t i = 0; i < options->count; i++) {
        const stele_served_aggregate *served = &options->aggregates[i];
        api->aggregates[api->count++] =
            (stele_api_aggregate){.aggregate = served->aggregate,
                                  .service = served->service,
                                  .projection = stele_writer_projection_new(served->aggregate)};
    }
    stele_status status = stele_openapi(options, &api->document, err);
    if (status < 0) return status;
    *out = api;
    api = NULL;
    return STELE_OK;
}

void stele_aggregate_api_free(stele_aggregate_api *api)
{
    if (api == NULL) return;
    for (size_t i = 0; i < api->count; i++)
        stele_writer_projection_free(api->aggregates[i].projection);
    free(api->aggregates);
    free(api->document);
    free(api);
}
