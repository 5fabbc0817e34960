/* SPDX-License-Identifier: MIT
 * Calls of a writer, from any thread: checked, copied, and put on the desk of their partition. */
#include "aggregates/writer_self.h"

#include <stele/codec.h>

#include "aggregates/aggregate.h"
#include "aggregates/call.h"
#include "aggregates/decision.h"
#include "core/alloc.h"
#include "producer/event_headers.h"

enum { TIMEOUT_MS = 30000 };

/* ---- calls ---- */

static stele_status encode_command(const stele_writer *writer, const stele_call *call,
                                   stele_ticket_datum *datum, stele_buffer *bytes, stele_error *err)
{
    size_t index;
    stele_status status = stele_call_find_command(writer->aggregate, call->type, &index, err);
    if (status == STELE_OK) status = stele_encode(call->type, call->command, bytes, err);
    if (status == STELE_OK)
        status = stele_call_check_size(call->type, bytes->size, STELE_NEXT_REJECT, err);
    if (status < 0) return status;
    *datum = (stele_ticket_datum){call->type, stele_buffer_view(bytes)};
    return STELE_OK;
}

static stele_status encode_event(const stele_writer *writer, const stele_new_event *event,
                                 stele_ticket_datum *datum, stele_buffer *bytes, stele_error *err)
{
    size_t index;
    if (event->type == NULL || !stele_aggregate_find_event(writer->aggregate, event->type, &index))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s has no event %s",
                          writer->aggregate->name,
                          event->type == NULL ? "(NULL)" : event->type->name);
    size_t before = bytes->size;
    stele_status status = stele_encode(event->type, event->data, bytes, err);
    if (status < 0) return status;
    size_t size = bytes->size - before;
    if (size > STELE_DECIDED_EVENT_MAX || bytes->size > STELE_DECIDED_BYTES_MAX)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                          "an event %s of %zu bytes: one may have %d, and all of a call %d",
                          event->type->name, size, STELE_DECIDED_EVENT_MAX,
                          STELE_DECIDED_BYTES_MAX);
    *datum =
        (stele_ticket_datum){event->type, {NULL, size}}; /* where it is comes when all are there */
    return STELE_OK;
}

static stele_status encode_events(const stele_writer *writer, const stele_call *call,
                                  stele_ticket_datum *data, stele_buffer *bytes, stele_error *err)
{
    for (size_t i = 0; i < call->event_count; i++) {
        stele_status status = encode_event(writer, &call->events[i], &data[i], bytes, err);
        if (status < 0) return status;
    }
    const uint8_t *at = stele_buffer_view(bytes).data;
    for (size_t i = 0; i < call->event_count; at += data[i].avro.size, i++)
        data[i].avro.data = at;
    return STELE_OK;
}

static stele_status check_call(const stele_writer *writer, const stele_call *call, stele_error *err)
{
    stele_status status = stele_call_check(call, err);
    if (status < 0) return status;
    if (call->type != NULL || (call->event_count > 0 && call->event_count <= STELE_DECIDED_MAX))
        return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "a call of %s has a command, or 1 to %d events", writer->aggregate->name,
                      STELE_DECIDED_MAX);
}

static stele_ticket *make_ticket(stele_writer *writer, const stele_call *call,
                                 const stele_ticket_datum *data, size_t count)
{
    stele_call named = *call;
    char id[STELE_UUID_TEXT_SIZE + 1];
    if (call->command_id == NULL) {
        stele_monitor_lock(&writer->monitor);
        stele_uuid made = stele_uuid_source_next(&writer->ids);
        stele_monitor_unlock(&writer->monitor);
        stele_uuid_format(&made, id);
        named.command_id = id;
    }
    stele_ticket *ticket = stele_ticket_new(&named, data, count);
    ticket->is_named = call->command_id != NULL;
    int timeout_ms = call->timeout_ms == 0 ? TIMEOUT_MS : call->timeout_ms;
    ticket->deadline = stele_deadline_after(writer_clock(writer), timeout_ms);
    return ticket;
}

/* @param ticket  taken over on success only */
static stele_status add(stele_writer *writer, stele_ticket *ticket, stele_error *err)
{
    stele_monitor_lock(&writer->monitor);
    stele_status status = writer->ended.status;
    if (status == STELE_OK)
        status = stele_desk_add(writer_desk_of(writer, ticket->aggregate_id), ticket, err);
    else if (err != NULL)
        *err = writer->ended;
    stele_monitor_unlock(&writer->monitor);
    if (status == STELE_OK && !atomic_exchange(&writer->is_rung, true))
        stele_worker_wake(writer->worker);
    return status;
}

/* @param ticket  filled if it was taken or not; released in the latter case */
static stele_status add_call(stele_writer *writer, stele_ticket *ticket, stele_executed *done,
                             void *context, stele_error *err)
{
    ticket->done = done;
    ticket->context = context;
    stele_status status = add(writer, ticket, err);
    if (status < 0) {
        ticket->done = NULL;
        stele_ticket_free(ticket);
    }
    return status;
}

stele_status stele_execute_async(stele_writer *writer, const stele_call *call, stele_executed *done,
                                 void *context, stele_error *err)
{
    return stele_writer_execute(writer, call, 0, done, context, err);
}

stele_status stele_writer_execute(stele_writer *writer, const stele_call *call, int hops,
                                  stele_executed *done, void *context, stele_error *err)
{
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    stele_ticket_datum command;
    stele_ticket_datum *data = &command;
    stele_status status = check_call(writer, call, err);
    if (status < 0) return status;
    bool appends = call->type == NULL;
    if (appends && call->event_count > 1) data = stele_alloc_array(call->event_count, sizeof *data);
    status = appends ? encode_events(writer, call, data, &bytes, err)
                     : encode_command(writer, call, data, &bytes, err);
    if (status == STELE_OK) {
        stele_ticket *ticket = make_ticket(writer, call, data, appends ? call->event_count : 1);
        ticket->kind = appends ? STELE_TICKET_APPEND : STELE_TICKET_EXECUTE;
        ticket->hops = hops;
        status = add_call(writer, ticket, done, context, err);
    }
    if (data != &command) free(data);
    return status;
}

stele_status stele_writer_load_async(stele_writer *writer, stele_bytes aggregate_id, int timeout_ms,
                                     int hops, void (*loaded)(void *context, const void *state),
                                     stele_executed *done, void *context, stele_error *err)
{
    stele_status status = stele_aggregate_id_check(aggregate_id, err);
    if (status < 0) return status;
    const stele_call call = {.aggregate_id = aggregate_id, .timeout_ms = timeout_ms};
    stele_ticket *ticket = make_ticket(writer, &call, NULL, 0);
    ticket->kind = STELE_TICKET_LOAD;
    ticket->hops = hops;
    ticket->loaded = loaded;
    return add_call(writer, ticket, done, context, err);
}

void stele_writer_return(stele_writer *writer, int32_t partition, stele_ticket *ticket)
{
    stele_ticket_list one = {0};
    stele_ticket_list_add(&one, ticket);
    stele_monitor_lock(&writer->monitor);
    stele_error ended = writer->ended;
    if (ended.status == STELE_OK) stele_desk_return(writer->desks[partition], &one);
    stele_monitor_unlock(&writer->monitor);
    if (ended.status == STELE_OK && !atomic_exchange(&writer->is_rung, true))
        stele_worker_wake(writer->worker);
    if (ended.status < 0)
        stele_ticket_answer(ticket, &(stele_result){.offset = STELE_OFFSET_NONE}, &ended);
}

/* ---- calls that wait ---- */

typedef struct waiting {
    stele_monitor monitor;
    bool is_done;
    const stele_type *type; /* of the state that is loaded */
    void *state;
    stele_result result;
    stele_error failure;
} waiting;

static void on_loaded(void *context, const void *state)
{
    const waiting *self = context;
    if (state == NULL)
        stele_value_clear(self->type, self->state);
    else
        stele_value_copy(self->type, self->state, state);
}

static void on_done(void *context, const stele_result *result, const stele_error *failure)
{
    waiting *self = context;
    stele_monitor_lock(&self->monitor);
    self->result = *result;
    if (failure != NULL) self->failure = *failure;
    self->is_done = true;
    stele_monitor_wake(&self->monitor);
    stele_monitor_unlock(&self->monitor);
}

static void begin_waiting(const stele_writer *writer, waiting *self)
{
    *self = (waiting){.result = {.offset = STELE_OFFSET_NONE}};
    stele_monitor_init(&self->monitor, stele_log_runtime(writer->log));
}

/* @param status  of the call: there is something to wait for */
static stele_status await_done(const stele_writer *writer, waiting *self, stele_status status,
                               stele_error *err)
{
    stele_deadline never = stele_deadline_after(writer_clock(writer), -1);
    stele_monitor_lock(&self->monitor);
    while (status == STELE_OK && !self->is_done)
        stele_monitor_wait(&self->monitor, never); /* each call is answered by its deadline */
    stele_monitor_unlock(&self->monitor);
    stele_monitor_clear(&self->monitor);
    if (status < 0 || self->failure.status == STELE_OK) return status;
    if (err != NULL) *err = self->failure;
    return self->failure.status;
}

stele_status stele_execute(stele_writer *writer, const stele_call *call, stele_result *result,
                           stele_error *err)
{
    waiting self;
    begin_waiting(writer, &self);
    stele_status status = stele_execute_async(writer, call, on_done, &self, err);
    status = await_done(writer, &self, status, err);
    if (result != NULL) *result = self.result;
    return status;
}

stele_status stele_writer_load(stele_writer *writer, stele_bytes aggregate_id, int timeout_ms,
                               void *state, int64_t *version, stele_error *err)
{
    waiting self;
    begin_waiting(writer, &self);
    self.type = writer->aggregate->state;
    self.state = state;
    stele_status status = stele_writer_load_async(writer, aggregate_id, timeout_ms, 0, on_loaded,
                                                  on_done, &self, err);
    status = await_done(writer, &self, status, err);
    if (status == STELE_OK) *version = self.result.version;
    return status;
}
