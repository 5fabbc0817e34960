/* SPDX-License-Identifier: MIT
 * Deciding: a call, the state with all that is on its way, and out come events for the transaction
 * that is being built, or a refusal. */
#include "aggregates/ownership_inside.h"

#include <assert.h>
#include <inttypes.h>

#include "aggregates/aggregate.h"
#include "consumer/event.h"
#include "core/alloc.h"
#include "core/bug.h"
#include "core/text.h"
#include "producer/event_headers.h"
#include "registry/wire.h"

enum {
    TAKE_MAX = 64,     /* from the desk at a time */
    PIECE_NS = 5000000 /* how long the worker stands still for deciding at a time */
};

/* What a call is decided on. */
typedef struct subject {
    stele_entry *entry;        /* as it is committed; NULL: it has no events */
    stele_overlay_entry *over; /* with what is on its way; NULL: nothing is */
    const void *state;
    int64_t version;
    bool is_finished;
    int64_t time_ms;
} subject;

static subject look_up(const owner_task *self, const stele_ticket *ticket)
{
    subject of = {.entry = owner_find_entry(self, ticket->aggregate_id),
                  .over = stele_overlay_find(self->overlay, ticket->aggregate_id),
                  .state = stele_decider_blank(self->of->decider),
                  .time_ms = stele_clock_now_ms(stele_worker_clock(self->worker))};
    if (of.over != NULL) {
        of.state = stele_overlay_state(of.over);
        of.version = of.over->version;
        of.is_finished = of.over->is_finished;
    } else if (of.entry != NULL) {
        of.state = stele_entry_state(of.entry);
        of.version = of.entry->version;
        of.is_finished = (of.entry->flags & STELE_ENTRY_FINISHED) != 0;
    }
    return of;
}

/* ---- answers without events ---- */

/* What comes of a record of the commands topic is in the transaction that goes past it, whatever it
 * is. */
static bool is_mail(const stele_ticket *ticket)
{
    return owner_mail_of(ticket) != NULL;
}

static batch *batch_of(owner_task *self, const stele_ticket *ticket, const subject *of)
{
    return is_mail(ticket) ? owner_building(self) : of->over->last_batch;
}

/* It may rest on what is in flight, and then it waits for that. */
static void refuse(owner_task *self, stele_ticket *ticket, const subject *of, const char *code,
                   const stele_error *failure)
{
    bool waits = of->over != NULL && !STELE_BUG("refusal rests on what may be aborted");
    if (!waits && !is_mail(ticket)) {
        owner_tell_refusal(self, ticket, of->version, code, failure);
        stele_ticket_free(ticket);
        return;
    }
    unit *waiting = owner_add_unit(self, batch_of(self, ticket, of), ticket);
    waiting->as.version = of->version;
    waiting->failure = stele_alloc(sizeof *failure);
    *waiting->failure = *failure;
    memcpy(waiting->code, code, strlen(code) + 1);
}

static void accept_unchanged(owner_task *self, stele_ticket *ticket, const subject *of)
{
    const stele_remembered_command as = {.version = of->version};
    if (of->over == NULL && !is_mail(ticket)) {
        owner_tell_result(self, ticket, &as, false);
        stele_ticket_free(ticket);
        return;
    }
    owner_add_unit(self, batch_of(self, ticket, of), ticket)->as = as;
}

/* Its caller may have been told of what is committed and not visible yet; and no one is told of a
 * part of what was decided as one. */
static void load(owner_task *self, stele_ticket *ticket, const subject *of)
{
    bool waits = of->over != NULL && (self->of->options.answers_committed ||
                                      owner_is_within_unit(self, of->over, of->entry));
    if (waits) {
        owner_add_unit(self, of->over->last_batch, ticket);
        return;
    }
    owner_tell_state(self, ticket);
    stele_ticket_free(ticket);
}

/* ---- repeats ---- */

/* What is in flight comes first: a part of it may be applied, and is remembered as if it were all.
 * @return true: it is answered, or will be with the unit that it repeats */
static bool answer_repeat(owner_task *self, stele_ticket *ticket, const subject *of)
{
    if (!ticket->is_named && !ticket->is_tried) return false;
    unit *in_flight = ticket->is_named ? owner_find_named(self, ticket) : NULL;
    const stele_remembered_command *found = owner_find_remembered(self, of->entry, ticket);
    if (is_mail(ticket)) {
        if (found == NULL && in_flight == NULL) return false;
        if (in_flight == NULL && STELE_BUG("command of the topic is not recognised")) return false;
        owner_add_unit(self, owner_building(self), ticket)->is_repeat = true;
        return true;
    }
    if (in_flight != NULL && !STELE_BUG("repeat in flight is not recognised")) {
        stele_ticket_list_add(&in_flight->repeats, ticket);
        return true;
    }
    if (found == NULL) return false;
    owner_tell_result(self, ticket, found, ticket->is_named);
    stele_ticket_free(ticket);
    return true;
}

/* ---- checks ---- */

static stele_status check_version(const stele_ticket *ticket, const subject *of, stele_error *err)
{
    int64_t expected = ticket->expected_version;
    if (expected == STELE_EXPECT_ANY) return STELE_OK;
    if (expected == (of->version == 0 ? STELE_EXPECT_NEW : of->version)) return STELE_OK;
    if (expected == STELE_EXPECT_NEW)
        return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_REJECT,
                          "%s was to be new, and is at version %" PRId64,
                          stele_quote(ticket->aggregate_id).text, of->version);
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_REJECT,
                      "%s is at version %" PRId64 ", not %" PRId64 ": load it and decide again",
                      stele_quote(ticket->aggregate_id).text, of->version, expected);
}

/* ---- deciding ---- */

static stele_status decide(owner_task *self, const stele_ticket *ticket, const subject *of,
                           stele_decided *out, stele_error *err)
{
    const stele_ownership *shared = self->of;
    const stele_aggregate *aggregate = shared->options.aggregate;
    stele_to_decide what = {.state = of->state,
                            .aggregate_id = ticket->aggregate_id,
                            .version = of->version,
                            .time_ms = of->time_ms,
                            .command_id = ticket->command_id,
                            .is_due = ticket->kind == STELE_TICKET_DUE};
    if (what.is_due) return stele_decider_decide(shared->decider, &what, out, err);
    bool is_known = stele_aggregate_find_command(aggregate, ticket->data[0].type, &what.index);
    assert(is_known);
    (void)is_known;
    stele_status status = stele_decider_read_command(shared->decider, what.index,
                                                     ticket->data[0].avro, &what.command, err);
    if (status < 0) return status;
    return stele_decider_decide(shared->decider, &what, out, err);
}

/* The events of an append, which were encoded when it was called. */
static void take_given(owner_task *self, const stele_ticket *ticket, stele_decided *out)
{
    stele_ownership *shared = self->of;
    shared->given = stele_realloc_array(shared->given, ticket->count, sizeof *shared->given);
    for (size_t i = 0; i < ticket->count; i++) {
        bool is_known = stele_aggregate_find_event(shared->options.aggregate, ticket->data[i].type,
                                                   &shared->given[i].index);
        assert(is_known);
        (void)is_known;
        shared->given[i].data = ticket->data[i].avro;
    }
    *out = (stele_decided){.events = shared->given, .count = ticket->count};
}

/* ---- events ---- */

/* The event number `at` of a unit. */
static void make_headers(const owner_task *self, const stele_ticket *ticket, const subject *of,
                         const stele_decided_event *event, const stele_uuid *first_id, size_t at,
                         stele_written_headers *out)
{
    stele_uuid id = stele_uuid_plus(first_id, at);
    const stele_ownership_options *options = &self->of->options;
    stele_written_headers_make(
        &(stele_written_event){.id = &id,
                               .version = of->version + 1 + (int64_t)at,
                               .correlation = stele_text(ticket->correlation_id),
                               .causation = stele_text(ticket->command_id),
                               .traceparent = stele_text(ticket->traceparent),
                               .source = options->source,
                               .type = options->aggregate->events[event->index],
                               .subject = ticket->aggregate_id,
                               .time_ms = of->time_ms},
        out);
}

/* Try the events on a copy of the state, for nothing may come into the log that cannot be applied.
 * @param is_finished  the last one ends the aggregate's life: there is no state */
static stele_status try_events(owner_task *self, const stele_ticket *ticket, const subject *of,
                               const stele_decided *decided, const stele_uuid *first_id,
                               bool *is_finished, stele_error *err)
{
    stele_ownership *shared = self->of;
    const stele_type *type = shared->options.aggregate->state;
    *is_finished = false;
    stele_value_copy(type, shared->state, of->state);
    for (size_t i = 0; i < decided->count; i++) {
        const stele_decided_event *event = &decided->events[i];
        if (*is_finished)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                              "event %zu of %zu comes after the end of the life of %s", i + 1,
                              decided->count, stele_quote(ticket->aggregate_id).text);
        stele_written_headers headers;
        make_headers(self, ticket, of, event, first_id, i, &headers);
        const stele_event_record record = {.headers = headers.headers,
                                           .header_count = headers.count};
        const stele_event about = {.aggregate_id = ticket->aggregate_id,
                                   .version = of->version + 1 + (int64_t)i,
                                   .time_ms = of->time_ms,
                                   .topic = self->source.topic,
                                   .partition = self->source.index,
                                   .offset = STELE_OFFSET_NONE,
                                   .source = &record};
        stele_status status =
            stele_decider_apply(shared->decider, event, &about, shared->state, err);
        if (status < 0) return status;
        *is_finished = status == STELE_FINISHED;
    }
    return STELE_OK;
}

static void put_events(owner_task *self, const stele_ticket *ticket, const subject *of,
                       const stele_decided *decided, const stele_uuid *first_id,
                       stele_transaction *to)
{
    stele_ownership *shared = self->of;
    stele_transaction_time(to, of->time_ms);
    for (size_t i = 0; i < decided->count; i++) {
        const stele_decided_event *event = &decided->events[i];
        stele_written_headers headers;
        make_headers(self, ticket, of, event, first_id, i, &headers);
        stele_buffer_reset(&shared->value);
        stele_wire_begin(&shared->value, shared->schemas[event->index]);
        stele_buffer_append(&shared->value, event->data);
        stele_transaction_put(to, self->source, ticket->aggregate_id,
                              stele_buffer_view(&shared->value), headers.headers, headers.count);
    }
}

static void add_events(owner_task *self, stele_ticket *ticket, const subject *of,
                       const stele_decided *decided, const stele_uuid *first_id, bool is_finished)
{
    batch *to = owner_building(self);
    unit *made = owner_add_unit(self, to, ticket);
    made->first_record = stele_transaction_count(to->transaction);
    made->as = (stele_remembered_command){.first_id = *first_id,
                                          .version = of->version + (int64_t)decided->count,
                                          .offset = STELE_OFFSET_NONE,
                                          .time_ms = of->time_ms,
                                          .count = (uint32_t)decided->count};
    to->has_events = true;
    put_events(self, ticket, of, decided, first_id, to->transaction);
    made->entry = stele_overlay_add(self->overlay, ticket->aggregate_id,
                                    is_finished ? NULL : self->of->state, made->as.version, to);
    if (made->entry->units == 1) made->entry->since_ms = of->time_ms;
    if (ticket->is_named && !STELE_BUG("repeat in flight is not recognised"))
        owner_add_named(self, made);
    owner_say(self, "decides");
}

static stele_status answer_call(owner_task *self, stele_ticket *ticket, const subject *of,
                                stele_decided *decided, stele_error *err)
{
    if (of->is_finished)
        return stele_decider_reject_finished(self->of->decider, ticket->aggregate_id, decided, err);
    stele_status status = check_version(ticket, of, err);
    if (status < 0) return status;
    if (ticket->kind != STELE_TICKET_APPEND) return decide(self, ticket, of, decided, err);
    take_given(self, ticket, decided);
    return STELE_OK;
}

bool owner_would_append(owner_task *self, stele_ticket *ticket)
{
    stele_error failure;
    stele_decided decided = {0};
    subject of = look_up(self, ticket);
    return answer_call(self, ticket, &of, &decided, &failure) == STELE_OK && decided.count > 0;
}

bool owner_serve_ticket(owner_task *self, stele_ticket *ticket)
{
    stele_error failure;
    subject of = look_up(self, ticket);
    if (ticket->kind == STELE_TICKET_LOAD) {
        load(self, ticket, &of);
        return true;
    }
    if (answer_repeat(self, ticket, &of)) return true;
    if (!owner_window_has_room(self, ticket, of.entry, of.over, of.time_ms)) return false;
    ticket->is_tried = false; /* it is not in the log */
    stele_decided decided = {0};
    stele_status status = answer_call(self, ticket, &of, &decided, &failure);
    if (status == STELE_OK && decided.count == 0) {
        accept_unchanged(self, ticket, &of);
        return true;
    }
    stele_uuid first_id;
    bool is_finished = false;
    if (status == STELE_OK) {
        first_id = stele_uuid_source_next(&self->of->ids);
        status = try_events(self, ticket, &of, &decided, &first_id, &is_finished, &failure);
    }
    if (status == STELE_OK)
        add_events(self, ticket, &of, &decided, &first_id, is_finished);
    else
        refuse(self, ticket, &of, decided.code, &failure);
    stele_value_clear(self->of->options.aggregate->state, self->of->state);
    return true;
}

/* Those behind one that waits for the window wait, too, and are taken again in the next turn.
 * @return how many there were */
static size_t serve_calls(owner_task *self)
{
    size_t count = 0;
    bool waits = false;
    stele_ticket_list back = {0};
    stele_ticket_list taken = stele_desk_take(self->desk, TAKE_MAX);
    for (stele_ticket *each; (each = stele_ticket_list_take(&taken)) != NULL;) {
        waits = waits || !owner_serve_ticket(self, each);
        if (waits)
            stele_ticket_list_add(&back, each);
        else
            count++;
    }
    if (waits) stele_desk_return(self->desk, &back);
    self->inbox.window.holds_calls = waits;
    return count;
}

/* Do calls wait, and may they be answered? If not, whoever asks is told why. */
static bool may_answer(owner_task *self)
{
    bool waits = stele_desk_count(self->desk) > 0;
    bool is_proven = waits && owner_prove(self, &self->doubt) == STELE_OK;
    if (!waits || is_proven) self->doubt = (stele_error){0};
    self->doubt.next = STELE_NEXT_RETRY; /* whatever it is: nothing is said meanwhile */
    return is_proven;
}

/* Commands of the topic are not answered: what comes of them is appended, or not. */
bool owner_serve(owner_task *self)
{
    bool answers = may_answer(self);
    self->inbox.window.holds_calls = false;
    if (!answers && self->inbox.waiting.first == NULL) return true;
    stele_clock clock = stele_worker_clock(self->worker);
    int64_t end_ns = stele_clock_monotonic_ns(clock) + PIECE_NS;
    while (!self->settles && owner_has_room(self)) {
        size_t calls = answers ? serve_calls(self) : 0;
        if (owner_inbox_serve(self, TAKE_MAX) == 0 && calls == 0) return true;
        if (stele_clock_monotonic_ns(clock) >= end_ns) {
            stele_worker_call_again(self->worker);
            return false;
        }
    }
    return true;
}
