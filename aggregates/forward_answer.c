/* SPDX-License-Identifier: MIT
 * Answers, read. */
#include "aggregates/forward_answer.h"

#include <stele/json.h>

#include <jansson.h>
#include <string.h>

#include "aggregates/courier.h"
#include "core/alloc.h"
#include "core/text.h"
#include "core/uuid.h"

enum {
    OK = 200,
    NOT_FOUND = 404,
    CONFLICT = 409,
    GONE = 410,
    TOO_LARGE = 413,
    REJECTED = 422,
    TOO_MANY = 429,
    CLIENT = 400,
    SERVER = 500
};

STELE_SCOPE(json_t, json_decref);

static json_t *parse(const stele_agent_answer *answer)
{
    return json_loadb((const char *)answer->body.data, answer->body.size, 0, NULL);
}

static const char *text_at(const json_t *of, const char *name)
{
    const char *text = json_string_value(json_object_get(of, name));
    return text == NULL ? "" : text;
}

static stele_status not_understood(const stele_agent_answer *answer, stele_error *err)
{
    return stele_fail(err, STELE_E_INTERNAL, STELE_NEXT_REJECT,
                      "the owner's answer, with status %ld, cannot be understood: is another "
                      "program at its address?",
                      answer->code);
}

/* ---- what was carried out ---- */

static bool read_number(stele_bytes text, int64_t max, int64_t *out)
{
    return stele_parse_int64(text, 0, max, out, NULL) == STELE_OK;
}

/* "account.events/3/1042" */
static bool read_position(const char *text, stele_result *out)
{
    const char *offset = strrchr(text, '/');
    const char *partition = offset;
    while (partition != NULL && partition > text && partition[-1] != '/')
        partition--;
    if (partition == NULL || partition == text) return false;
    size_t size = (size_t)(partition - text) - 1;
    int64_t index;
    if (size == 0 || size >= sizeof out->topic ||
        !read_number(stele_bytes_of(partition, (size_t)(offset - partition)), INT32_MAX, &index) ||
        !read_number(stele_text(offset + 1), INT64_MAX, &out->offset))
        return false;
    memcpy(out->topic, text, size);
    out->topic[size] = '\0';
    out->partition = (int32_t)index;
    return true;
}

static bool read_events(const json_t *events, stele_result *out)
{
    stele_uuid id;
    if (!json_is_array(events)) return false;
    out->event_count = json_array_size(events);
    if (out->event_count == 0) return true;
    const char *first = text_at(json_array_get(events, 0), "id");
    if (stele_uuid_parse(stele_text(first), &id, NULL) < 0) return false;
    stele_uuid_format(&id, out->first_event_id);
    return true;
}

static stele_status read_done(const stele_agent_answer *answer, const json_t *body,
                              stele_result *result, stele_error *err)
{
    stele_result read = {.offset = -1};
    stele_bytes replayed;
    const json_t *version = json_object_get(body, "version");
    const json_t *position = json_object_get(body, "position");
    read.version = json_integer_value(version);
    if (!json_is_integer(version) || read.version < 0 ||
        !read_events(json_object_get(body, "events"), &read) ||
        (read.event_count > 0 && !json_is_string(position)) ||
        (json_is_string(position) && !read_position(json_string_value(position), &read)))
        return not_understood(answer, err);
    read.repeated = stele_agent_field(answer, "Idempotent-Replayed", &replayed);
    *result = read;
    return STELE_OK;
}

/* ---- what was not ---- */

typedef struct meaning {
    stele_status status;
    stele_next next;
} meaning;

static meaning meaning_of(long status, const char *code)
{
    switch (status) {
    case CONFLICT:
        return (meaning){STELE_E_CONFLICT, STELE_NEXT_REJECT};
    case REJECTED:
        return (meaning){STELE_E_REJECTED, STELE_NEXT_REJECT};
    case TOO_MANY:
        return (meaning){STELE_E_FULL, STELE_NEXT_RETRY};
    case TOO_LARGE:
        return (meaning){STELE_E_LIMIT, STELE_NEXT_REJECT};
    default:
        break;
    }
    if (strcmp(code, STELE_STOPPED_CODE) == 0) return (meaning){STELE_E_STOPPED, STELE_NEXT_STOP};
    if (strcmp(code, "too_large") == 0) return (meaning){STELE_E_LIMIT, STELE_NEXT_REJECT};
    if (status >= CLIENT && status < SERVER) return (meaning){STELE_E_INVALID, STELE_NEXT_REJECT};
    return (meaning){STELE_E_INTERNAL, STELE_NEXT_REJECT};
}

static stele_status read_failure(const stele_agent_answer *answer, const json_t *problem,
                                 stele_result *result, stele_error *err)
{
    const char *code = text_at(problem, "code");
    if (code[0] == '\0') return not_understood(answer, err);
    meaning means = meaning_of(answer->code, code);
    if (means.status == STELE_E_REJECTED) snprintf(result->code, sizeof result->code, "%s", code);
    if (means.status == STELE_E_CONFLICT)
        result->version = json_integer_value(json_object_get(problem, "version"));
    return stele_fail(err, means.status, means.next, "%s", text_at(problem, "detail"));
}

stele_status stele_forward_result(const stele_agent_answer *answer, stele_result *result,
                                  stele_error *err)
{
    STELE_AUTO(json_t) body = parse(answer);
    *result = (stele_result){.offset = -1};
    if (answer->code == OK) return read_done(answer, body, result, err);
    return read_failure(answer, body, result, err);
}

/* ---- states ---- */

static bool read_tag(const stele_agent_answer *answer, int64_t *version)
{
    stele_bytes tag;
    return stele_agent_field(answer, "ETag", &tag) && tag.size > 2 && tag.data[0] == '"' &&
           tag.data[tag.size - 1] == '"' &&
           read_number(stele_bytes_of(tag.data + 1, tag.size - 2), INT64_MAX, version);
}

static stele_status read_state(const stele_aggregate *aggregate, const stele_ticket *ticket,
                               const stele_agent_answer *answer, int64_t *version, stele_error *err)
{
    const stele_type *type = aggregate->state;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    void *state = stele_arena_take(arena, type->layout->size);
    memset(state, 0, type->layout->size);
    if (!read_tag(answer, version)) return not_understood(answer, err);
    stele_status status =
        stele_json_read(type, answer->body, STELE_JSON_PLAIN, NULL, state, arena, err);
    if (status == STELE_OK) ticket->loaded(ticket->context, state);
    return status;
}

static stele_status take_state(const stele_aggregate *aggregate, const stele_ticket *ticket,
                               const stele_agent_answer *answer, stele_result *result,
                               stele_error *err)
{
    STELE_AUTO(json_t) problem = answer->code == OK ? NULL : parse(answer);
    const char *code = text_at(problem, "code");
    if (answer->code == OK) return read_state(aggregate, ticket, answer, &result->version, err);
    if (answer->code == GONE && strcmp(code, "finished") == 0) {
        result->version = json_integer_value(json_object_get(problem, "version"));
        ticket->loaded(ticket->context, NULL);
        return STELE_OK;
    }
    if (answer->code == NOT_FOUND && strcmp(code, "not_found") == 0) {
        void *blank = stele_alloc(aggregate->state->layout->size);
        if (aggregate->init != NULL) aggregate->init(blank, aggregate->context);
        ticket->loaded(ticket->context, blank);
        stele_value_clear(aggregate->state, blank);
        free(blank);
        return STELE_OK;
    }
    return read_failure(answer, problem, result, err);
}

/* ---- tickets ---- */

void stele_forward_answer(const stele_aggregate *aggregate, stele_ticket *ticket,
                          const stele_agent_answer *answer)
{
    stele_result result = {.offset = -1};
    stele_error failure;
    stele_status status = ticket->kind == STELE_TICKET_LOAD
                              ? take_state(aggregate, ticket, answer, &result, &failure)
                              : stele_forward_result(answer, &result, &failure);
    if (!ticket->is_named) result.repeated = false; /* it was this call that was asked twice */
    stele_ticket_answer(ticket, &result, status < 0 ? &failure : NULL);
}
