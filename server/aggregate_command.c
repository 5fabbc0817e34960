/* SPDX-License-Identifier: MIT
 * From a request to a call of the writer. */
#include "server/aggregate_command.h"

#include <stele/json.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "aggregates/aggregate.h"
#include "aggregates/decision.h"
#include "aggregates/remembered.h"
#include "core/alloc.h"
#include "core/text.h"
#include "producer/event_headers.h"
#include "server/http_problem.h"

enum { BAD_REQUEST = 400, NOT_FOUND = 404, WRONG_TYPE = 415 };
enum { ID_AT = 2, COMMAND_AT = 4 }; /* segments of the path */

void stele_aggregate_command_clear(stele_aggregate_command *command)
{
    stele_arena_free(command->arena);
    free(command->command_id);
    *command = (stele_aggregate_command){0};
}

/* ---- header fields ---- */

static bool bad_text(stele_http_reply *reply, const char *name, const char *why)
{
    stele_http_problem(reply, BAD_REQUEST, "bad_request", "%s: %s", name, why);
    return false;
}

static bool bad_field(stele_http_reply *reply, const char *name, const char *value, const char *why)
{
    stele_http_problem(reply, BAD_REQUEST, "bad_request", "%s: %s: %s", name,
                       stele_quote(stele_text(value)).text, why);
    return false;
}

/* "…" → … */
static stele_bytes unquoted(const char *text)
{
    size_t size = strlen(text);
    bool is_quoted = size >= 2 && text[0] == '"' && text[size - 1] == '"';
    return is_quoted ? stele_bytes_of(text + 1, size - 2) : stele_bytes_of(text, size);
}

bool stele_aggregate_version_parse(const char *text, int64_t *out)
{
    stele_bytes digits = unquoted(text);
    return digits.size > 0 && digits.data[0] >= '0' && digits.data[0] <= '9' &&
           stele_parse_int64(digits, 0, INT64_MAX, out, NULL) == STELE_OK;
}

static bool read_expectation(const stele_http_request *request, stele_call *call,
                             stele_http_reply *reply)
{
    const char *match = stele_http_request_field(request, "If-Match");
    const char *none = stele_http_request_field(request, "If-None-Match");
    int64_t version = 0;
    if (match != NULL && !stele_aggregate_version_parse(match, &version))
        return bad_field(reply, "If-Match", match,
                         "expected one version, such as \"7\"; without the field any will do");
    if (none != NULL && strcmp(none, "*") != 0)
        return bad_field(reply, "If-None-Match", none,
                         "expected *, for an aggregate that has no event yet");
    if (none != NULL && version > 0)
        return bad_field(reply, "If-Match", match,
                         "together with If-None-Match: * nothing can match");
    call->expected_version = version > 0                     ? version
                             : match != NULL || none != NULL ? STELE_EXPECT_NEW
                                                             : STELE_EXPECT_ANY;
    return true;
}

static bool read_ids(const stele_http_request *request, stele_aggregate_command *out,
                     stele_http_reply *reply)
{
    const char *key = stele_http_request_field(request, "Idempotency-Key");
    const char *correlation = stele_http_request_field(request, "Stele-Correlation-Id");
    stele_error err = {0};
    if (key != NULL) {
        stele_bytes id = unquoted(key);
        if (stele_command_id_check(id, &err) < 0)
            return bad_text(reply, "Idempotency-Key", err.text);
        out->command_id = stele_strndup((const char *)id.data, id.size);
        out->call.command_id = out->command_id;
    }
    const stele_publish_options texts = {.correlation_id = correlation};
    if (stele_publish_options_check(&texts, &err) < 0)
        return bad_text(reply, "Stele-Correlation-Id", err.text);
    out->call.correlation_id = correlation;
    return true;
}

static void read_trace(const stele_http_request *request, stele_call *call)
{
    const char *trace = stele_http_request_field(request, "traceparent");
    if (trace != NULL && stele_traceparent_is_valid(trace)) call->traceparent = trace;
}

/* ---- the body ---- */

/* "application/json; charset=utf-8", "application/vnd.bank+json" */
static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    if (type == NULL) return true;
    size_t size = strcspn(type, "; \t");
    if (size == sizeof json - 1 && strncasecmp(type, json, size) == 0) return true;
    return size > 5 && strncasecmp(type, "application/", 12) == 0 &&
           strncasecmp(type + size - 5, "+json", 5) == 0;
}

static bool check_content(const stele_http_request *request, stele_http_reply *reply)
{
    const char *content = stele_http_request_field(request, "Content-Type");
    if (is_json(content)) return true;
    stele_http_problem(reply, WRONG_TYPE, "unsupported_media_type",
                       "%s: the body must be application/json",
                       stele_quote(stele_text(content)).text);
    return false;
}

/* @param what  begins the message of what is wrong with it */
static bool read_datum(const stele_type *type, stele_bytes json, const char *what,
                       stele_arena *arena, const void **out, stele_http_reply *reply)
{
    stele_error err = {0};
    void *value = stele_arena_take(arena, type->layout->size);
    memset(value, 0, type->layout->size);
    if (stele_json_read(type, json, STELE_JSON_PLAIN, NULL, value, arena, &err) < 0) {
        stele_http_problem(reply, BAD_REQUEST, "invalid", "%s%s: %s", what,
                           stele_type_short_name(type), err.text);
        return false;
    }
    *out = value;
    return true;
}

static bool read_body(const stele_http_request *request, const stele_type *type,
                      stele_aggregate_command *out, stele_http_reply *reply)
{
    stele_bytes body = request->body.size > 0 ? request->body : stele_text("{}");
    if (!check_content(request, reply)) return false;
    out->arena = stele_arena_new();
    out->call.type = type;
    return read_datum(type, body, "", out->arena, &out->call.command, reply);
}

static const stele_type *find_type(const stele_aggregate *aggregate, const char *name,
                                   stele_http_reply *reply)
{
    size_t index;
    stele_error err = {0};
    if (stele_aggregate_name_command(aggregate, stele_text(name), &index, &err) == STELE_OK)
        return aggregate->commands[index].type;
    stele_http_problem(reply, NOT_FOUND, "unknown_command", "%s", err.text);
    return NULL;
}

/* Without what the body says. */
static bool read_head(const stele_http_request *request, stele_aggregate_command *out,
                      stele_http_reply *reply)
{
    out->call.aggregate_id = stele_text(request->segments[ID_AT]);
    if (!read_expectation(request, &out->call, reply) || !read_ids(request, out, reply))
        return false;
    read_trace(request, &out->call);
    return true;
}

bool stele_aggregate_command_read(const stele_aggregate *aggregate,
                                  const stele_http_request *request, stele_aggregate_command *out,
                                  stele_http_reply *reply)
{
    STELE_AUTO_VALUE(stele_aggregate_command) command = {0};
    const stele_type *type = find_type(aggregate, request->segments[COMMAND_AT], reply);
    if (type == NULL || !read_head(request, &command, reply) ||
        !read_body(request, type, &command, reply))
        return false;
    *out = command;
    command = (stele_aggregate_command){0};
    return true;
}

/* ---- events ---- */

static const stele_type *find_event(const stele_aggregate *aggregate, const char *name)
{
    const stele_type *const *at = aggregate->events;
    while (*at != NULL && (name == NULL || strcmp((*at)->name, name) != 0))
        at++;
    return *at;
}

static bool read_event(const stele_aggregate *aggregate, const json_t *item, size_t index,
                       stele_arena *arena, stele_new_event *out, stele_http_reply *reply)
{
    const char *name = json_string_value(json_object_get(item, "type"));
    const json_t *data = json_object_get(item, "data");
    char what[40];
    snprintf(what, sizeof what, "[%zu].data: ", index);
    out->type = find_event(aggregate, name);
    if (out->type == NULL || data == NULL) {
        stele_http_problem(reply, BAD_REQUEST, "invalid",
                           "[%zu]: expected {\"type\", \"data\"}, with a type of %s's events",
                           index, aggregate->name);
        return false;
    }
    STELE_AUTO(char) text = json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text == NULL) stele_out_of_memory(0);
    return read_datum(out->type, stele_text(text), what, arena, &out->data, reply);
}

static bool read_events(const stele_aggregate *aggregate, const stele_http_request *request,
                        stele_aggregate_command *out, stele_http_reply *reply)
{
    if (!check_content(request, reply)) return false;
    STELE_AUTO(json_t)
    list = json_loadb((const char *)request->body.data, request->body.size, 0, NULL);
    size_t count = json_array_size(list);
    if (count == 0 || count > STELE_DECIDED_MAX) {
        stele_http_problem(reply, BAD_REQUEST, "invalid", "expected a JSON list of 1 to %d events",
                           STELE_DECIDED_MAX);
        return false;
    }
    out->arena = stele_arena_new();
    stele_new_event *events = stele_arena_take(out->arena, count * sizeof *events);
    for (size_t i = 0; i < count; i++) {
        events[i] = (stele_new_event){0};
        if (!read_event(aggregate, json_array_get(list, i), i, out->arena, &events[i], reply))
            return false;
    }
    out->call.events = events;
    out->call.event_count = count;
    return true;
}

bool stele_aggregate_append_read(const stele_aggregate *aggregate,
                                 const stele_http_request *request, stele_aggregate_command *out,
                                 stele_http_reply *reply)
{
    STELE_AUTO_VALUE(stele_aggregate_command) command = {0};
    if (!read_head(request, &command, reply) || !read_events(aggregate, request, &command, reply))
        return false;
    *out = command;
    command = (stele_aggregate_command){0};
    return true;
}
