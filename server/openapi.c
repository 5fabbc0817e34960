/* SPDX-License-Identifier: MIT
 * The OpenAPI document: what is the same for all as it stands, what is of an aggregate or a
 * projection from its table. */
#include "server/openapi.h"

#include <string.h>

#include "aggregates/aggregate.h"
#include "aggregates/courier.h"
#include "core/alloc.h"
#include "core/sha256.h"
#include "schemas/json_schema.h"
#include "server/event_stream.h"

#define SCHEMAS "#/components/schemas/"

/* ---- what is always the same ---- */

#define TEXT          "{\"type\":\"string\"}"
#define NUMBER(least) "{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":" least "}"
#define SHORT         "{\"type\":\"string\",\"minLength\":1,\"maxLength\":128}"

/* What an operation may be given: its name in the document, and its schema. */
static const struct {
    const char *key, *name, *in, *description, *schema;
} parameters[] = {
    {"id", "id", "path", "The aggregate.",
     "{\"type\":\"string\",\"minLength\":1,\"maxLength\":1024}"},
    {"key", "id", "path", "The aggregate whose state it is.",
     "{\"type\":\"string\",\"minLength\":1}"},
    {"if-match", "If-Match", "header",
     "The version that the aggregate must have, as an entity tag: \"7\".",
     "{\"type\":\"string\",\"pattern\":\"^\\\"?[0-9]+\\\"?$\"}"},
    {"if-new", "If-None-Match", "header", "The aggregate must have no event yet.",
     "{\"type\":\"string\",\"const\":\"*\"}"},
    {"if-none-match", "If-None-Match", "header",
     "Versions that the caller has, as entity tags: 304 if it is one of them.", TEXT},
    {"idempotency-key", "Idempotency-Key", "header",
     "The id of the command: a repeat of it gets the first result and adds nothing.", SHORT},
    {"correlation-id", "Stele-Correlation-Id", "header",
     "What the events belong to: their ce_correlationid.", SHORT},
    {"traceparent", "traceparent", "header", "W3C Trace Context.", TEXT},
    {"timeout", STELE_TIMEOUT_FIELD, "header", "How long the answer may take; at most 30,000.",
     "{\"type\":\"integer\",\"minimum\":1}"},
    {"version", "version", "query", "The state after so many events.", NUMBER("1")},
    {"at", "at", "query", "The state at that time.",
     "{\"type\":\"string\",\"format\":\"date-time\"}"},
    {"after", "after", "query", "Events behind this version; 0: all.", NUMBER("0")},
    {"limit", "limit", "query", "How many a page has at most; 100 if it is not given.",
     "{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000}"},
    {"from", "from", "query", "Where to begin to read, as `next` of the page before has it.",
     NUMBER("1")},
    {"wait", "wait", "query",
     "The position of an event, as the answer to a command has it: no older than that.", TEXT},
    {"prefix", "prefix", "query", "Only ids that begin with it.", TEXT},
    {"cursor", "cursor", "query", "Where the page begins, as `next` of the page before has it.",
     TEXT},
    {"begin", "from", "query",
     "Where the stream begins: `beginning`, `end`, or the id of an event of one before.", TEXT},
    {"one", "id", "query", "Of this aggregate only.", TEXT},
    {"last-event-id", "Last-Event-ID", "header",
     "The id of the last event that the client has: the stream goes on behind it.", TEXT},
};

/* Of an error: its name in the document, and what it means. */
typedef struct problem {
    const char *status, *name, *description;
    const char *field; /* of the header; NULL: none */
} problem;

static const problem problems[] = {
    {"400", "invalid", "What was sent is not what the schema says; the detail has the path.", NULL},
    {"404", "not-found", "There is no such thing: `code` says what.", NULL},
    {"406", "not-acceptable", "The answer is a stream, which `Accept` does not have.", NULL},
    {"409", "conflict", "The aggregate is at another version.", "ETag"},
    {"410", "gone", "Its life has ended, or the log does not reach back that far.", NULL},
    {"413", "too-large", "The body is too large.", NULL},
    {"415", "unsupported-media-type", "The body is not JSON.", NULL},
    {"422", "rejected", "The command was rejected: `code` and `reason` are the application's.",
     NULL},
    {"429", "too-many-requests", "Too many commands wait.", "Retry-After"},
    {"503", "unavailable", "No one can answer now. A command was not carried out.", "Retry-After"},
    {"504", "timed-out", "Whether it was done is not known: repeat it with its Idempotency-Key.",
     NULL},
};
enum { PROBLEMS = sizeof problems / sizeof problems[0] };

static json_t *parse(stele_bytes text)
{
    json_t *json = json_loadb((const char *)text.data, text.size, 0, NULL);
    if (json == NULL) stele_out_of_memory(0);
    return json;
}

static json_t *all_parameters(void)
{
    json_t *all = json_object();
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
        bool is_required = strcmp(parameters[i].in, "path") == 0;
        json_object_set_new(all, parameters[i].key,
                            json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", parameters[i].name, "in",
                                      parameters[i].in, "required", is_required, "description",
                                      parameters[i].description, "schema",
                                      parse(stele_text(parameters[i].schema))));
    }
    return all;
}

static json_t *number_schema(const char *description)
{
    return json_pack("{s:s, s:s, s:s}", "type", "integer", "format", "int64", "description",
                     description);
}

static json_t *text_schema(const char *description)
{
    return json_pack("{s:s, s:s}", "type", "string", "description", description);
}

static json_t *problem_schema(void)
{
    return json_pack("{s:s, s:s, s:{s:o, s:o, s:o, s:o, s:o, s:o}, s:[s, s, s, s]}", "type",
                     "object", "description", "RFC 9457", "properties", "status",
                     number_schema("Of HTTP."), "title", text_schema("Of the status."), "code",
                     text_schema("For programs."), "detail", text_schema("For people."), "version",
                     number_schema("The one that the aggregate has."), "reason",
                     text_schema("Why the command was rejected."), "required", "status", "title",
                     "code", "detail");
}

static json_t *result_schema(void)
{
    json_t *event = json_pack("{s:s, s:{s:{s:s, s:s}, s:o}, s:[s, s]}", "type", "object",
                              "properties", "id", "type", "string", "format", "uuid", "version",
                              number_schema("The one that it made."), "required", "id", "version");
    return json_pack(
        "{s:s, s:{s:o, s:{s:[s, s], s:s}, s:{s:s, s:o}}, s:[s, s, s]}", "type", "object",
        "properties", "version", number_schema("Of the aggregate, after the command."), "position",
        "type", "string", "null", "description",
        "Of the last event: topic/partition/offset; null where there is none.", "events", "type",
        "array", "items", event, "required", "version", "position", "events");
}

static json_t *problem_responses(void)
{
    json_t *all = json_object();
    for (size_t i = 0; i < PROBLEMS; i++) {
        json_t *one =
            json_pack("{s:s, s:{s:{s:{s:s}}}}", "description", problems[i].description, "content",
                      "application/problem+json", "schema", "$ref", SCHEMAS "stele.Problem");
        if (problems[i].field != NULL)
            json_object_set_new(
                one, "headers",
                json_pack("{s:{s:{s:s}}}", problems[i].field, "schema", "type",
                          strcmp(problems[i].field, "ETag") == 0 ? "string" : "integer"));
        json_object_set_new(all, problems[i].name, one);
    }
    return all;
}

/* ---- operations ---- */

static json_t *refer(const char *place, const char *name)
{
    STELE_AUTO(char) text = stele_strdup_format("#/components/%s/%s", place, name);
    return json_pack("{s:s}", "$ref", text);
}

/* @param names  NULL-terminated */
static json_t *refer_parameters(const char *const *names)
{
    json_t *list = json_array();
    for (; *names != NULL; names++)
        json_array_append_new(list, refer("parameters", *names));
    return list;
}

/* @param success    {"200": …}, taken over
 * @param statuses  of problems, separated by blanks */
static json_t *responses(json_t *success, const char *statuses)
{
    for (size_t i = 0; i < PROBLEMS; i++) {
        if (strstr(statuses, problems[i].status) != NULL)
            json_object_set_new(success, problems[i].status, refer("responses", problems[i].name));
    }
    return success;
}

/* {"200": …} with the version as its tag. */
static json_t *success(const char *description, const char *schema)
{
    return json_pack("{s:{s:s, s:{s:{s:{s:s}}}, s:{s:{s:o}}}}", "200", "description", description,
                     "headers", "ETag", "schema", "type", "string", "content", "application/json",
                     "schema", refer("schemas", schema));
}

static json_t *operation(const char *kind, const char *of, const char *summary,
                         const char *const *parameters_of, json_t *answers, const char *tag)
{
    STELE_AUTO(char) id = stele_strdup_format("%s.%s", kind, of);
    return json_pack("{s:s, s:s, s:[s], s:o, s:o}", "operationId", id, "summary", summary, "tags",
                     tag, "parameters", refer_parameters(parameters_of), "responses", answers);
}

static json_t *execute_operation(const stele_aggregate *aggregate, const stele_type *type,
                                 const char *schema)
{
    static const char *const names[] = {
        "id",          "if-match", "if-new", "idempotency-key", "correlation-id",
        "traceparent", "timeout",  NULL};
    const char *name = stele_type_short_name(type);
    STELE_AUTO(char) of = stele_strdup_format("%s.%s", aggregate->name, name);
    STELE_AUTO(char) summary = stele_strdup_format("%s, decided on by %s", name, aggregate->name);
    json_t *post = operation(
        "execute", of, summary, names,
        responses(success("It was carried out, now or when it was sent first.", "stele.Result"),
                  "400 404 409 413 415 422 429 503 504"),
        aggregate->name);
    json_object_set_new(post, "requestBody",
                        json_pack("{s:b, s:{s:{s:o}}}", "required", 1, "content",
                                  "application/json", "schema", refer("schemas", schema)));
    return json_pack("{s:o}", "post", post);
}

static json_t *state_answers(const char *schema)
{
    json_t *answers = success("Its state.", schema);
    json_object_set_new(answers, "304",
                        json_pack("{s:s}", "description", "The caller has this version."));
    return answers;
}

static json_t *page_answers(const char *description, const char *schema)
{
    return json_pack("{s:{s:s, s:{s:{s:o}}}}", "200", "description", description, "content",
                     "application/json", "schema", refer("schemas", schema));
}

static json_t *state_operation(const stele_aggregate *aggregate, const char *schema)
{
    static const char *const names[] = {"id", "version", "at", "if-none-match", NULL};
    json_t *answers = state_answers(schema);
    STELE_AUTO(char) summary = stele_strdup_format("The state of one %s", aggregate->name);
    return json_pack("{s:o}", "get",
                     operation("state", aggregate->name, summary, names,
                               responses(answers, "400 404 410 429 503"), aggregate->name));
}

static json_t *events_operation(const stele_aggregate *aggregate, const char *schema)
{
    static const char *const names[] = {"id", "after", "limit", "from", NULL};
    STELE_AUTO(char) summary = stele_strdup_format("The events of one %s", aggregate->name);
    json_t *answers = page_answers("A page of them, in order.", schema);
    return json_pack("{s:o}", "get",
                     operation("events", aggregate->name, summary, names,
                               responses(answers, "400 404 410 503"), aggregate->name));
}

static json_t *projected_operation(const stele_projection *projection, const char *schema)
{
    static const char *const names[] = {"key", "wait", "if-none-match", "timeout", NULL};
    json_t *answers = state_answers(schema);
    STELE_AUTO(char) summary = stele_strdup_format("One state of %s", projection->name);
    return json_pack("{s:o}", "get",
                     operation("projection", projection->name, summary, names,
                               responses(answers, "400 404 410 503"), projection->name));
}

static json_t *projected_page_operation(const stele_projection *projection, const char *schema)
{
    static const char *const names[] = {"prefix", "limit", "cursor", "wait", "timeout", NULL};
    STELE_AUTO(char) summary = stele_strdup_format("The states of %s", projection->name);
    json_t *answers =
        page_answers("A page of them; in the order of the ids within each partition.", schema);
    return json_pack("{s:o}", "get",
                     operation("projections", projection->name, summary, names,
                               responses(answers, "400 404 503"), projection->name));
}

/* ---- one aggregate, one projection ---- */

typedef struct document {
    json_t *paths;
    json_t *own; /* schemas of pages */
    stele_json_schemas *types;
} document;

static void document_clear(document *d)
{
    json_decref(d->paths);
    json_decref(d->own);
    stele_json_schemas_free(d->types);
}
STELE_VALUE_SCOPE(document, document_clear);

static stele_status add_type(document *d, const stele_type *type, const char **name,
                             stele_error *err)
{
    stele_schema *schema;
    stele_schema_options options = {.name = type->name};
    stele_status status = stele_schema_parse(stele_text(type->schema), &options, &schema, err);
    if (status < 0) return status;
    *name = stele_json_schemas_add(d->types, schema);
    stele_schema_free(schema);
    return STELE_OK;
}

static void add_path(document *d, const stele_aggregate *aggregate, const char *rest, json_t *item)
{
    STELE_AUTO(char) path = stele_strdup_format("/aggregates/%s/{id}%s", aggregate->name, rest);
    json_object_set_new(d->paths, path, item);
}

static stele_status add_commands(document *d, const stele_aggregate *aggregate, stele_error *err)
{
    for (const stele_command *at = aggregate->commands; at != NULL && at->type != NULL; at++) {
        const char *schema = NULL;
        stele_status status = add_type(d, at->type, &schema, err);
        if (status < 0) return status;
        STELE_AUTO(char)
        rest = stele_strdup_format("/commands/%s", stele_type_short_name(at->type));
        add_path(d, aggregate, rest, execute_operation(aggregate, at->type, schema));
    }
    return STELE_OK;
}

/* Events are shown by the schemas that they were written with, so one may be older than these. */
static stele_status add_page(document *d, const stele_aggregate *aggregate, const char *name,
                             stele_error *err)
{
    STELE_AUTO(json_t) data = json_array();
    for (const stele_type *const *at = aggregate->events; *at != NULL; at++) {
        const char *schema = NULL;
        stele_status status = add_type(d, *at, &schema, err);
        if (status < 0) return status;
        json_array_append_new(data, refer("schemas", schema));
    }
    json_array_append_new(data, json_pack("{s:s, s:s}", "type", "object", "description",
                                          "As an earlier version of its type has it."));
    json_t *event = json_pack(
        "{s:s, s:{s:{s:s}, s:{s:s, s:s}, s:{s:s}, s:{s:s, s:s}, s:{s:s, s:s}, s:{s:s}, s:{s:O}}, "
        "s:[s, s, s, s, s, s, s]}",
        "type", "object", "properties", "type", "type", "string", "event_id", "type", "string",
        "format", "uuid", "id", "type", "string", "version", "type", "integer", "format", "int64",
        "time", "type", "string", "format", "date-time", "position", "type", "string", "data",
        "anyOf", data, "required", "type", "event_id", "id", "version", "time", "position", "data");
    json_object_set_new(d->own, name,
                        json_pack("{s:s, s:{s:{s:s, s:o}, s:{s:s, s:s}}, s:[s]}", "type", "object",
                                  "properties", "events", "type", "array", "items", event, "next",
                                  "type", "string", "description",
                                  "Path of the next page; absent where there is none.", "required",
                                  "events"));
    return STELE_OK;
}

static stele_status add_aggregate(document *d, const stele_aggregate *aggregate, stele_error *err)
{
    const char *state = NULL;
    STELE_AUTO(char) page = stele_strdup_format("stele.Events.%s", aggregate->name);
    stele_status status = add_commands(d, aggregate, err);
    if (status == STELE_OK) status = add_type(d, aggregate->state, &state, err);
    if (status == STELE_OK) status = add_page(d, aggregate, page, err);
    if (status < 0) return status;
    add_path(d, aggregate, "", state_operation(aggregate, state));
    add_path(d, aggregate, "/events", events_operation(aggregate, page));
    return STELE_OK;
}

static void add_projected_page(document *d, const char *name, const char *state)
{
    json_t *one =
        json_pack("{s:s, s:{s:{s:s}, s:{s:s, s:s}, s:o}, s:[s, s, s]}", "type", "object",
                  "properties", "id", "type", "string", "version", "type", "integer", "format",
                  "int64", "data", refer("schemas", state), "required", "id", "version", "data");
    json_object_set_new(
        d->own, name,
        json_pack("{s:s, s:{s:{s:s, s:o}, s:{s:s, s:s}}, s:[s]}", "type", "object", "properties",
                  "states", "type", "array", "items", one, "next", "type", "string", "description",
                  "Path of the next page; absent where there is none.", "required", "states"));
}

/* @param summary  with %s for the name */
static void add_stream(document *d, const char *kind, const char *name, const char *what,
                       const char *summary)
{
    static const char *const names[] = {"begin", "one", "last-event-id", NULL};
    const char *mark = strstr(summary, "%s");
    STELE_AUTO(char) path = stele_strdup_format("/%s/%s/%s", kind, name, what);
    STELE_AUTO(char)
    text = stele_strdup_format("%.*s%s%s", (int)(mark - summary), summary, name, mark + 2);
    STELE_AUTO(char) operation_kind = stele_strdup_format("%s.stream", kind);
    json_t *answers = json_pack("{s:{s:s, s:{s:{s:{s:s, s:s}}}}}", "200", "description",
                                "Server-sent events, until either side ends them.", "content",
                                STELE_EVENT_STREAM_TYPE, "schema", "type", "string", "description",
                                "The data of each is a JSON object.");
    json_object_set_new(d->paths, path,
                        json_pack("{s:o}", "get",
                                  operation(operation_kind, name, text, names,
                                            responses(answers, "400 404 406 410 503"), name)));
}

static stele_status add_projection(document *d, const stele_projection *projection,
                                   stele_error *err)
{
    const char *state = NULL;
    stele_status status = add_type(d, projection->state, &state, err);
    if (status < 0) return status;
    STELE_AUTO(char) page = stele_strdup_format("stele.States.%s", projection->name);
    add_projected_page(d, page, state);
    STELE_AUTO(char) all = stele_strdup_format("/projections/%s", projection->name);
    STELE_AUTO(char) one = stele_strdup_format("%s/{id}", all);
    json_object_set_new(d->paths, all, projected_page_operation(projection, page));
    json_object_set_new(d->paths, one, projected_operation(projection, state));
    add_stream(d, "projections", projection->name, "changes",
               "The states of %s, as their changes are written");
    return STELE_OK;
}

/* ---- all of it ---- */

static json_t *assemble(const document *d, const char *name)
{
    STELE_AUTO_VALUE(stele_buffer) types = {0};
    stele_json_schemas_write(d->types, &types);
    json_t *all = parse(stele_buffer_view(&types));
    json_object_set_new(all, "stele.Problem", problem_schema());
    json_object_set_new(all, "stele.Result", result_schema());
    json_object_update(all, d->own);
    return json_pack("{s:s, s:{s:s, s:s}, s:O, s:{s:o, s:o, s:o}}", "openapi", "3.1.0", "info",
                     "title", name, "version", "", "paths", d->paths, "components", "schemas", all,
                     "parameters", all_parameters(), "responses", problem_responses());
}

static char *dump(const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    if (text == NULL) stele_out_of_memory(0);
    return text;
}

/* The document's version is another one when anything in it is. */
static void set_version(json_t *json)
{
    uint8_t digest[32];
    char text[2 * 6 + 1];
    STELE_AUTO(char) all = dump(json);
    stele_sha256(stele_text(all), digest);
    for (size_t i = 0; i < 6; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    json_object_set_new(json_object_get(json, "info"), "version", json_string(text));
}

stele_status stele_openapi(const stele_aggregate_api_options *of, char **out, stele_error *err)
{
    const stele_projection *const *projections = of->projections;
    STELE_AUTO_VALUE(document)
    d = {.paths = json_object(), .own = json_object(), .types = stele_json_schemas_new(SCHEMAS)};
    stele_status status = STELE_OK;
    for (size_t i = 0; i < of->count && status == STELE_OK; i++)
        status = add_aggregate(&d, of->aggregates[i].aggregate, err);
    for (const stele_aggregate *const *at = of->all; at != NULL && *at != NULL; at++)
        add_stream(&d, "aggregates", (*at)->name, "events", "The events of all %s, as they come");
    for (; projections != NULL && *projections != NULL && status == STELE_OK; projections++)
        status = add_projection(&d, *projections, err);
    if (status < 0) return status;
    STELE_AUTO(json_t) json = assemble(&d, of->name);
    set_version(json);
    *out = dump(json);
    return STELE_OK;
}
