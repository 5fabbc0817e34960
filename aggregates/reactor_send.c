/* SPDX-License-Identifier: MIT
 * From an event to its commands in a transaction; what became of that; and the position behind it.
 */
#include "aggregates/reactor_inside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "aggregates/commands_topic.h"
#include "consumer/event.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/partitioner.h"
#include "producer/event_headers.h"
#include "registry/wire.h"
#include "stores/kafka_sink.h"

enum {
    COUNT_MAX = 4096, /* commands in a transaction, or a batch's more; then nothing is read */
    BYTES_MAX = 1 << 20,
    MOVE_MS = 1000, /* an offset by itself is moved that often */
    HEADERS_MAX = 5
};

/* ---- commands ---- */

/* All that is known of one while it is put. */
typedef struct command {
    const stele_event *event;
    const stele_sending *sending;
    size_t number; /* of those of its event */
} command;

static int32_t schema_of(const stele_reactor *of, const stele_sending *sending)
{
    size_t at = sending->command;
    for (size_t i = 0; i < sending->target; i++)
        for (const stele_command *each = of->options.reactions->targets[i]->commands;
             each->type != NULL; each++)
            at++;
    return of->schemas[at];
}

/* Whoever published the event may have written anything there, and an id of an aggregate may be too
 * long: what a command cannot have is left out. */
static void add_given(stele_buffer *scratch, const char *name, stele_bytes value,
                      stele_header *headers, size_t *count)
{
    if (value.data == NULL || memchr(value.data, 0, value.size) != NULL) return;
    stele_buffer_reset(scratch);
    stele_buffer_append(scratch, value);
    stele_buffer_push(scratch, 0);
    const char *text = (const char *)scratch->data;
    bool is_trace = strcmp(name, STELE_COMMAND_TRACEPARENT) == 0;
    const stele_publish_options options = {.correlation_id = is_trace ? NULL : text,
                                           .traceparent = is_trace ? text : NULL};
    if (stele_publish_options_check(&options, NULL) == STELE_OK)
        headers[(*count)++] = (stele_header){name, value};
}

/* The event's id and the command's number among its own; where the event has none, its position. */
static void name_command(const command *what, char out[])
{
    const stele_event *event = what->event;
    stele_bytes id = stele_event_id(event);
    bool is_named =
        id.data != NULL && id.size > 0 && id.size <= 100 && memchr(id.data, 0, id.size) == NULL;
    if (is_named)
        snprintf(out, 129, "%.*s/%zu", (int)id.size, (const char *)id.data, what->number);
    else
        snprintf(out, 129, "%.80s/%d/%" PRId64 "/%zu", event->topic, (int)event->partition,
                 event->offset, what->number);
}

static void put(reactor_task *self, const command *what)
{
    stele_reactor *of = self->of;
    const stele_sending *sending = what->sending;
    char id[129];
    char sequence[24];
    name_command(what, id);
    snprintf(sequence, sizeof sequence, "%" PRId64,
             what->event->offset * STELE_SENT_MAX + (int64_t)what->number);
    stele_header headers[HEADERS_MAX] = {{STELE_COMMAND_ID, stele_text(id)},
                                         {STELE_COMMAND_SENDER, stele_text(self->sender)},
                                         {STELE_COMMAND_SEQUENCE, stele_text(sequence)}};
    size_t count = 3;
    add_given(&of->text, STELE_COMMAND_CORRELATION, stele_rules_correlation(what->event), headers,
              &count);
    add_given(&of->text, STELE_COMMAND_TRACEPARENT, stele_event_traceparent(what->event), headers,
              &count);
    stele_buffer_reset(&of->value);
    stele_wire_begin(&of->value, schema_of(of, sending));
    stele_buffer_append(&of->value, sending->data);
    int32_t index = stele_log_partition_of(sending->id, of->partitions[sending->target]);
    if (self->built == NULL) self->built = stele_transaction_new();
    stele_transaction_put(self->built, (stele_partition){of->commands[sending->target], index},
                          sending->id, stele_buffer_view(&of->value), headers, count);
}

/* ---- events ---- */

void reactor_name_sender(reactor_task *self, const char *first)
{
    free(self->sender);
    self->sender = stele_strdup_format("%s/%s/%d/%s", self->of->group, self->source.topic,
                                       (int)self->source.index, first);
}

static stele_status fail_at(const reactor_task *self, int64_t offset, const stele_error *why,
                            stele_error *err)
{
    return stele_fail_cause(
        err, why->status, why->next, why->cause, "%s: %s",
        stele_position_format(self->source.topic, self->source.index, offset).text, why->text);
}

static int64_t version_of(const stele_event *event)
{
    int64_t version = 0;
    stele_bytes digits = stele_event_header(event, "ce_aggregateversion");
    if (digits.data != NULL) stele_parse_int64(digits, 1, INT64_MAX, &version, NULL);
    return version;
}

static stele_status run_rule(reactor_task *self, const stele_batch *batch,
                             const stele_record *record, const stele_decoded *decoded,
                             stele_error *err)
{
    stele_reactor *of = self->of;
    const stele_event_record source = {.batch = batch, .record = record};
    stele_event event = {.type = decoded->type,
                         .data = decoded->data,
                         .aggregate_id = record->key,
                         .time_ms = record->timestamp_ms,
                         .topic = self->source.topic,
                         .partition = self->source.index,
                         .offset = record->offset,
                         .source = &source};
    event.version = version_of(&event);
    const stele_sending *sendings;
    size_t count;
    stele_status status = stele_rules_react(of->rules, stele_rules_find(of->rules, decoded->type),
                                            &event, &sendings, &count, err);
    for (size_t i = 0; status == STELE_OK && i < count; i++)
        put(self, &(command){&event, &sendings[i], i});
    return status;
}

static stele_status react_to(reactor_task *self, const stele_batch *batch,
                             const stele_record *record, stele_error *err)
{
    stele_decoded decoded;
    if (record->key.data == NULL || record->value.data == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "the record has no %s",
                          record->key.data == NULL ? "key" : "value");
    stele_status status = stele_decoder_decode(self->of->decoder, record->value, &decoded, err);
    if (status < 0 && err->next != STELE_NEXT_RETRY) err->next = STELE_NEXT_STOP;
    if (status < 0 || decoded.type == NULL) return status;
    return run_rule(self, batch, record, &decoded, err);
}

static bool is_full(const reactor_task *self)
{
    return self->built != NULL && (stele_transaction_count(self->built) >= COUNT_MAX ||
                                   stele_transaction_size(self->built) >= BYTES_MAX);
}

stele_status reactor_take(reactor_task *self, const stele_batch *batch, stele_error *err)
{
    stele_error why;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        char first[48];
        if (record->offset < self->position) continue;
        if (self->sender == NULL) {
            reactor_name_first(batch, record, first);
            reactor_name_sender(self, first);
        }
        stele_status status = react_to(self, batch, record, &why);
        if (status < 0) return fail_at(self, record->offset, &why, err);
        self->position = record->offset + 1;
        self->applied++;
    }
    if (batch->next_offset > self->position) self->position = batch->next_offset;
    if (!is_full(self)) return STELE_OK;
    self->holds = stele_worker_reader(self->worker);
    stele_log_reader_hold(self->holds, self->source, true);
    return STELE_OK;
}

static void read_on(reactor_task *self)
{
    if (self->holds == NULL || is_full(self)) return;
    if (self->holds == stele_worker_reader(self->worker))
        stele_log_reader_hold(self->holds, self->source, false);
    self->holds = NULL;
}

/* ---- what was committed ---- */

static reactor_place *place_of(reactor_task *self, stele_partition partition)
{
    size_t target = 0;
    while (strcmp(self->of->commands[target], partition.topic) != 0)
        target++;
    for (size_t i = 0; i < self->place_count; i++)
        if (self->places[i].target == target && self->places[i].index == partition.index)
            return &self->places[i];
    self->places = stele_realloc_array(self->places, self->place_count + 1, sizeof *self->places);
    reactor_place *added = &self->places[self->place_count++];
    *added = (reactor_place){.target = target, .index = partition.index, .offset = -1};
    return added;
}

/* A broker that was asked twice to store the same says only that it has it. Where that is cannot be
 * proven then, and it is sent again. */
static stele_status commit(reactor_task *self, const stele_transaction *done, stele_error *err)
{
    for (size_t i = 0; i < stele_transaction_count(done); i++) {
        stele_position at = stele_transaction_position(done, i);
        if (at.offset < 0)
            return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_ABORT,
                              "commands are in %s/%d, and the broker does not say where: they are "
                              "sent again",
                              at.partition.topic, (int)at.partition.index);
        reactor_place *place = place_of(self, at.partition);
        if (at.offset > place->offset) place->offset = at.offset;
        place->is_new = true;
    }
    self->committed_next = self->sent_next;
    self->offset = self->sent_offset;
    return STELE_OK;
}

/* What is behind an aborted transaction may be built on it: all is reacted to again. */
static stele_status give_up(const reactor_task *self, const stele_outcome *outcome,
                            stele_error *err)
{
    switch (outcome->error.next) {
    case STELE_NEXT_REJECT:
        return stele_fail(err, outcome->status, STELE_NEXT_STOP,
                          "%s/%d: the commands of an event before %" PRId64 " are refused: %s",
                          self->source.topic, (int)self->source.index, self->sent_next,
                          outcome->error.text);
    case STELE_NEXT_ABORT:
    case STELE_NEXT_RETRY:
        *err = outcome->error;
        err->next = STELE_NEXT_ABORT;
        return err->status;
    case STELE_NEXT_STOP:
        break;
    }
    return stele_kafka_sink_fail_dead(&outcome->error, err);
}

static stele_status collect(reactor_task *self, stele_error *err)
{
    stele_outcome outcome;
    stele_status status = STELE_OK;
    if (self->is_sent && stele_fenced_outcome(self->fenced, 0, 0, &outcome)) {
        self->is_sent = false;
        status = outcome.status == STELE_OK ? commit(self, outcome.transaction, err)
                                            : give_up(self, &outcome, err);
        stele_transaction_free(outcome.transaction);
    }
    if (status < 0) return status;
    stele_error failure;
    if (stele_fenced_poll(self->fenced, &failure) != STELE_FENCED_DEAD) return STELE_OK;
    return stele_kafka_sink_fail_dead(&failure, err);
}

/* ---- the position ---- */

static bool is_in_doubt(const reactor_task *self)
{
    for (size_t i = 0; i < self->place_count; i++)
        if (self->places[i].is_new) return true;
    return false;
}

static stele_status prove(reactor_task *self, stele_error *err)
{
    if (!self->is_sent && self->built == NULL) self->committed_next = self->position;
    if (!is_in_doubt(self) && self->proof == NULL) {
        self->proven = self->committed_next;
        return STELE_OK;
    }
    int64_t next;
    stele_status status = reactor_ask_proof(self, &next, err);
    if (status == STELE_OK && next > self->proven) self->proven = next;
    if (status == STELE_OK && !is_in_doubt(self)) self->proven = self->committed_next;
    return status < 0 && err->next == STELE_NEXT_RETRY ? STELE_OK : status;
}

static bool is_to_send(const reactor_task *self, bool urgent)
{
    if (self->is_sent) return false;
    if (self->built != NULL) return true;
    if (self->proven <= self->offset) return false;
    int64_t now_ns = stele_worker_now_ns(self->worker);
    return urgent || now_ns >= self->moved_ns + (int64_t)MOVE_MS * 1000000;
}

static stele_status submit(reactor_task *self, stele_error *err)
{
    stele_log_group *group = stele_log_member_group(stele_worker_member(self->worker));
    if (group == NULL) return STELE_OK; /* it is about to hear why */
    stele_transaction *sent = self->built == NULL ? stele_transaction_new() : self->built;
    int64_t offset = self->proven;
    stele_transaction_offset(sent, group, self->source, offset);
    stele_status status = stele_fenced_submit(self->fenced, 0, sent, err);
    if (status < 0) {
        if (sent != self->built) stele_transaction_free(sent);
        stele_error failure;
        if (status == STELE_E_FULL) return STELE_OK;
        stele_fenced_poll(self->fenced, &failure);
        return stele_kafka_sink_fail_dead(&failure, err);
    }
    self->built = NULL;
    self->is_sent = true;
    self->sent_next = self->position;
    self->sent_offset = offset;
    self->moved_ns = stele_worker_now_ns(self->worker);
    return STELE_OK;
}

bool reactor_is_done(const reactor_task *self)
{
    return !self->is_sent && self->built == NULL && self->proven == self->position &&
           self->offset == self->position;
}

stele_status reactor_go_on(reactor_task *self, bool urgent, stele_error *err)
{
    stele_status status = collect(self, err);
    if (status == STELE_OK) status = prove(self, err);
    if (status == STELE_OK && is_to_send(self, urgent)) status = submit(self, err);
    read_on(self);
    return status;
}
