/* SPDX-License-Identifier: MIT
 * From a ticket to an errand, and from its outcome to the ticket's answer. */
#include "aggregates/forward.h"

#include <stele/json.h>

#include <inttypes.h>

#include "aggregates/aggregate.h"
#include "aggregates/decision.h"
#include "aggregates/forward_answer.h"
#include "core/alloc.h"
#include "core/names.h"
#include "http/url.h"

enum { FIELDS_MAX = 6 };

struct stele_forwarding {
    stele_forwarder port;
    const stele_aggregate *aggregate;
    stele_courier *courier;
    stele_writer *writer;
    stele_decider *decider; /* of the writer's thread */
    char *topic;
};

/* A ticket on its way. */
typedef struct carried {
    stele_forwarding *of;
    stele_ticket *ticket;
    int32_t partition;
} carried;

/* ---- the request ---- */

/* {"type": …, "data": …} of each */
static stele_status write_events(const stele_forwarding *of, const stele_ticket *ticket,
                                 stele_buffer *out, stele_error *err)
{
    stele_status status = STELE_OK;
    for (size_t i = 0; i < ticket->count && status == STELE_OK; i++) {
        const stele_ticket_datum *datum = &ticket->data[i];
        stele_decided_event event = {.data = datum->avro};
        const void *value;
        stele_aggregate_find_event(of->aggregate, datum->type, &event.index);
        status = stele_decider_read_event(of->decider, &event, &value, err);
        if (status < 0) return status;
        stele_buffer_format(out, "%s{\"type\":\"%s\",\"data\":", i == 0 ? "[" : ",",
                            datum->type->name);
        status = stele_json_write(datum->type, value, STELE_JSON_PLAIN, out, err);
        stele_buffer_append(out, stele_text(i + 1 == ticket->count ? "}]" : "}"));
    }
    return status;
}

static stele_status write_command(const stele_forwarding *of, const stele_ticket *ticket,
                                  stele_buffer *out, stele_error *err)
{
    const stele_ticket_datum *datum = &ticket->data[0];
    size_t index;
    const void *value;
    stele_aggregate_find_command(of->aggregate, datum->type, &index);
    stele_status status = stele_decider_read_command(of->decider, index, datum->avro, &value, err);
    if (status < 0) return status;
    return stele_json_write(datum->type, value, STELE_JSON_PLAIN, out, err);
}

static char *path_of(const stele_forwarding *of, const stele_ticket *ticket)
{
    STELE_AUTO(char) id = stele_url_segment(ticket->aggregate_id);
    STELE_AUTO(char) name = stele_url_segment(stele_text(of->aggregate->name));
    switch (ticket->kind) {
    case STELE_TICKET_EXECUTE:
        return stele_strdup_format("/aggregates/%s/%s/commands/%s", name, id,
                                   ticket->data[0].type->name);
    case STELE_TICKET_APPEND:
        return stele_strdup_format("/aggregates/%s/%s/events", name, id);
    case STELE_TICKET_LOAD:
    case STELE_TICKET_DUE: /* is never passed on */
        break;
    }
    return stele_strdup_format("/aggregates/%s/%s", name, id);
}

static void add_field(char **fields, size_t *count, const char *name, const char *value)
{
    if (value != NULL) fields[(*count)++] = stele_strdup_format("%s: %s", name, value);
}

static size_t write_fields(const stele_ticket *ticket, char **fields)
{
    size_t count = 0;
    if (ticket->kind == STELE_TICKET_LOAD) return count;
    fields[count++] = stele_strdup("Content-Type: application/json");
    fields[count++] = stele_strdup_format("Idempotency-Key: \"%s\"", ticket->command_id);
    if (ticket->expected_version > 0)
        fields[count++] =
            stele_strdup_format("If-Match: \"%" PRId64 "\"", ticket->expected_version);
    if (ticket->expected_version == STELE_EXPECT_NEW)
        fields[count++] = stele_strdup("If-None-Match: *");
    add_field(fields, &count, "Stele-Correlation-Id", ticket->correlation_id);
    add_field(fields, &count, "traceparent", ticket->traceparent);
    return count;
}

static stele_status write_body(const stele_forwarding *of, const stele_ticket *ticket,
                               stele_buffer *out, stele_error *err)
{
    switch (ticket->kind) {
    case STELE_TICKET_EXECUTE:
        return write_command(of, ticket, out, err);
    case STELE_TICKET_APPEND:
        return write_events(of, ticket, out, err);
    case STELE_TICKET_LOAD:
    case STELE_TICKET_DUE: /* is never passed on */
        break;
    }
    return STELE_OK;
}

/* ---- the outcome ---- */

static void fail_late(const carried *self, const stele_errand_outcome *outcome, stele_error *err)
{
    const stele_ticket *ticket = self->ticket;
    bool is_stopped = outcome->end == STELE_ERRAND_STOPPED;
    if (ticket->is_tried && ticket->kind != STELE_TICKET_LOAD)
        stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                   "%s/%d: whether command %s was carried out is not known yet: the same call "
                   "again, with this command id, says it; %s",
                   self->of->topic, (int)self->partition, ticket->command_id, outcome->text);
    else if (is_stopped)
        stele_fail(err, STELE_E_STOPPED, STELE_NEXT_STOP,
                   "%s/%d is stopped, nothing was appended: %s", self->of->topic,
                   (int)self->partition, outcome->text);
    else
        stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                   "the call was not begun in its time, nothing was appended; of %s/%d: %s",
                   self->of->topic, (int)self->partition, outcome->text);
}

/* @locality the courier's thread */
static void on_done(void *context, const stele_errand_outcome *outcome)
{
    carried *self = context;
    stele_ticket *ticket = self->ticket;
    stele_result result = {.offset = STELE_OFFSET_NONE};
    stele_error failure;
    if (outcome->may_be_done) ticket->is_tried = true;
    switch (outcome->end) {
    case STELE_ERRAND_ANSWERED:
        stele_forward_answer(self->of->aggregate, ticket, outcome->answer);
        break;
    case STELE_ERRAND_HERE:
        stele_writer_return(self->of->writer, self->partition, ticket);
        break;
    case STELE_ERRAND_STOPPED:
    case STELE_ERRAND_LATE:
    case STELE_ERRAND_ENDED:
        fail_late(self, outcome, &failure);
        stele_ticket_answer(ticket, &result, &failure);
        break;
    }
    free(self);
}

/* @locality the courier's thread */
static bool is_here(void *context)
{
    const carried *self = context;
    return stele_writer_desk_state(self->of->writer, self->partition) != STELE_DESK_ELSEWHERE;
}

/* ---- the port ---- */

/* @locality the writer's thread */
static bool forward(void *context, int32_t partition, stele_ticket *ticket)
{
    stele_forwarding *of = context;
    STELE_AUTO_VALUE(stele_buffer) body = {0};
    stele_error err;
    if (write_body(of, ticket, &body, &err) < 0) {
        stele_ticket_answer(ticket, &(stele_result){.offset = STELE_OFFSET_NONE}, &err);
        return true;
    }
    carried *self = stele_alloc(sizeof *self);
    *self = (carried){of, ticket, partition};
    STELE_AUTO(char) path = path_of(of, ticket);
    char *fields[FIELDS_MAX + 1] = {NULL};
    size_t count = write_fields(ticket, fields);
    bool loads = ticket->kind == STELE_TICKET_LOAD;
    stele_courier_send(of->courier, &(stele_errand){.partition = {of->topic, partition},
                                                    .method = loads ? "GET" : "POST",
                                                    .path = path,
                                                    .fields = (const char *const *)fields,
                                                    .body = loads ? stele_bytes_of(NULL, 0)
                                                                  : stele_buffer_view(&body),
                                                    .hops = ticket->hops,
                                                    .deadline = ticket->deadline,
                                                    .is_here = is_here,
                                                    .done = on_done,
                                                    .context = self});
    for (size_t i = 0; i < count; i++)
        free(fields[i]);
    return true;
}

stele_status stele_forwarding_new(const stele_aggregate *aggregate, stele_courier *courier,
                                  stele_forwarding **out, stele_error *err)
{
    stele_decider *decider;
    stele_status status = stele_decider_new(aggregate, &decider, err);
    if (status < 0) return status;
    stele_forwarding *made = stele_alloc(sizeof *made);
    made->port = (stele_forwarder){.forward = forward, .context = made};
    made->aggregate = aggregate;
    made->courier = courier;
    made->decider = decider;
    made->topic = stele_events_topic(aggregate->name);
    *out = made;
    return STELE_OK;
}

void stele_forwarding_free(stele_forwarding *forwarding)
{
    if (forwarding == NULL) return;
    stele_decider_free(forwarding->decider);
    free(forwarding->topic);
    free(forwarding);
}

const stele_forwarder *stele_forwarding_port(const stele_forwarding *forwarding)
{
    return &forwarding->port;
}

void stele_forwarding_bind(stele_forwarding *forwarding, stele_writer *writer)
{
    forwarding->writer = writer;
}
