/* SPDX-License-Identifier: MIT
 * Timers at work. When one is due is a function of its aggregate's state, as the fold has it: what
 * is restored has its timers, what is aborted never had any. One that is due is decided on like a
 * command, at the state with all that is on its way, at that version and no other; its events make
 * another version, in which it is put off, so that it cannot fire twice. */
#include "aggregates/ownership_inside.h"

#include <inttypes.h>

#include "core/alloc.h"
#include "core/bug.h"
#include "core/names.h"
#include "core/text.h"

enum {
    SAME_MS = 1000,     /* it has fired, and is not put off */
    REFUSED_MS = 60000, /* it was decided on, and there are no events */
    SAY_MS = 10000,
    FIRE_MAX = 64 /* in a turn, beside as many calls */
};

static int64_t now_ms(const owner_task *self)
{
    return stele_clock_now_ms(stele_worker_clock(self->worker));
}

static int64_t after(const owner_task *self, int64_t ms)
{
    return stele_worker_now_ns(self->worker) + ms * 1000000;
}

static void say(owner_task *self, stele_bytes id, const char *message, const char *reason)
{
    if (stele_worker_now_ns(self->worker) < self->timers_said_ns + (int64_t)SAY_MS * 1000000)
        return;
    self->timers_said_ns = stele_worker_now_ns(self->worker);
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_buffer_format(&text, "%s %s: %s", self->of->options.aggregate->name, stele_quote(id).text,
                        reason);
    stele_worker_warn(self->worker, self->source.index, -1, message, stele_buffer_text(&text));
}

/* ---- when ---- */

static int64_t due_of(const owner_task *self, stele_entry *entry)
{
    const stele_aggregate *aggregate = self->of->options.aggregate;
    if ((entry->flags & STELE_ENTRY_FINISHED) != 0) return 0;
    return aggregate->due(stele_entry_state(entry), aggregate->context);
}

/* With what is on its way. */
static int64_t due_over(const owner_task *self, stele_overlay_entry *over)
{
    const stele_aggregate *aggregate = self->of->options.aggregate;
    return over->is_finished ? 0 : aggregate->due(stele_overlay_state(over), aggregate->context);
}

/* One that has fired may be put off by the next of its events. */
static void see(owner_task *self, stele_bytes id, stele_entry *entry)
{
    stele_timer *timer = stele_timers_set(self->timers, id, due_of(self, entry));
    if (timer == NULL || timer->fired_ms == 0) return;
    if (timer->due_ms > timer->fired_ms)
        timer->fired_ms = 0;
    else
        stele_timers_park(self->timers, timer, after(self, SAME_MS));
}

void owner_timers_begin(owner_task *self)
{
    uint64_t seed;
    if (self->of->options.aggregate->due == NULL) return;
    stele_random_bytes(stele_registry_runtime(self->of->options.registry), &seed, sizeof seed);
    self->timers = stele_timers_new(seed);
    self->timers_said_ns = INT64_MIN / 2;
    if (STELE_BUG("timers are not restored")) return;
    stele_table *states = stele_states_table(self->states);
    stele_table_cursor cursor = {0};
    for (stele_entry *each; (each = stele_table_next(states, &cursor)) != NULL;)
        see(self, stele_table_key(states, each), each);
}

void owner_timers_see(owner_task *self, const stele_batch *records, int64_t from)
{
    if (self->timers == NULL) return;
    int64_t position = stele_fold_position(self->fold);
    for (size_t i = 0; i < records->count; i++) {
        const stele_record *record = &records->records[i];
        if (record->offset < from || record->offset >= position) continue;
        stele_entry *entry = owner_find_entry(self, record->key);
        if (STELE_BUG("timer is set too late") && stele_overlay_find(self->overlay, record->key))
            continue;
        if (entry != NULL) see(self, record->key, entry);
    }
}

/* ---- firing ---- */

/* @locality within serving, or when what it yields is visible */
static void on_fired(void *context, const stele_result *result, const stele_error *failure)
{
    owner_task *self = context;
    (void)result;
    if (failure != NULL) self->not_fired = *failure;
}

static stele_ticket *make_ticket(owner_task *self, stele_bytes id, int64_t version)
{
    char command_id[40];
    snprintf(command_id, sizeof command_id, STELE_RESERVED_PREFIX "due/%" PRId64, version);
    const stele_call call = {
        .aggregate_id = id, .expected_version = version, .command_id = command_id};
    stele_ticket *ticket = stele_ticket_new(&call, NULL, 0);
    ticket->kind = STELE_TICKET_DUE;
    ticket->deadline = stele_deadline_after(stele_worker_clock(self->worker), -1);
    ticket->done = on_fired;
    ticket->context = self;
    return ticket;
}

static void refuse(owner_task *self, stele_timer *timer)
{
    bool has_reason = self->not_fired.status < 0;
    timer->fired_ms = 0;
    stele_timers_park(self->timers, timer, after(self, REFUSED_MS));
    say(self, stele_timers_id(self->timers, timer), "a timer is due and nothing comes of it",
        has_reason ? self->not_fired.text
                   : "on_due yields nothing: it is asked again after a minute");
}

static void decide(owner_task *self, stele_timer *timer, int64_t due_ms, int64_t version)
{
    stele_bytes id = stele_timers_id(self->timers, timer);
    if (timer->fired_ms >= due_ms)
        say(self, id, "a timer is not put off",
            "it has fired, and what on_due yielded leaves it due at the same time: it fires again "
            "and again, once a second");
    self->not_fired = (stele_error){0};
    stele_ticket *ticket = make_ticket(self, id, version);
    if (!owner_serve_ticket(self, ticket)) {
        ticket->done = NULL;
        stele_ticket_free(ticket);
        self->inbox.window.holds_timers = true;
        return;
    }
    const stele_overlay_entry *over = stele_overlay_find(self->overlay, id);
    if (over == NULL || over->version == version) {
        refuse(self, timer);
        return;
    }
    timer->fired_ms = due_ms;
    bool is_forgotten = STELE_BUG("timer fires twice");
    stele_timers_park(self->timers, timer, is_forgotten ? 0 : after(self, SAME_MS));
}

/* What is on its way may have put it off. */
static void look_at(owner_task *self, stele_timer *timer)
{
    stele_bytes id = stele_timers_id(self->timers, timer);
    const stele_entry *entry = owner_find_entry(self, id);
    stele_overlay_entry *over = stele_overlay_find(self->overlay, id);
    int64_t due_ms = over == NULL ? timer->due_ms : due_over(self, over);
    if (STELE_BUG("timer fires twice")) due_ms = timer->due_ms;
    if (due_ms <= 0 || due_ms > now_ms(self))
        stele_timers_park(self->timers, timer, 0);
    else
        decide(self, timer, due_ms, over == NULL ? entry->version : over->version);
}

static void call_in_time(const owner_task *self)
{
    const stele_timer *next = stele_timers_first(self->timers);
    int64_t until_ns = stele_timers_parked_until(self->timers);
    if (next != NULL) stele_worker_call_within(self->worker, next->due_ms - now_ms(self));
    if (until_ns != INT64_MAX)
        stele_worker_call_within(self->worker,
                                 (until_ns - stele_worker_now_ns(self->worker)) / 1000000 + 1);
}

void owner_timers_fire(owner_task *self)
{
    stele_timer *next;
    self->inbox.window.holds_timers = false;
    if (self->timers == NULL || self->settles) return;
    if (stele_timers_parked_until(self->timers) <= stele_worker_now_ns(self->worker))
        owner_timers_again(self);
    for (int i = 0; (next = stele_timers_first(self->timers)) != NULL; i++) {
        if (next->due_ms > now_ms(self)) break;
        if (!owner_has_room(self)) return; /* when the one before it is done */
        if (i == FIRE_MAX) {
            stele_worker_call_again(self->worker);
            return;
        }
        look_at(self, next);
        if (self->inbox.window.holds_timers) return; /* when the record is visible */
    }
    call_in_time(self);
}

/* ---- what is not in flight any more ---- */

void owner_timers_take_back(owner_task *self, stele_ticket *ticket)
{
    bool is_refused = ticket->done == NULL; /* by the broker, for what is in its events */
    stele_timer *timer = stele_timers_find(self->timers, ticket->aggregate_id);
    if (timer != NULL) {
        timer->fired_ms = 0;
        if (is_refused)
            refuse(self, timer);
        else
            stele_timers_park(self->timers, timer, 0);
    }
    ticket->done = NULL;
    stele_ticket_free(ticket);
}

void owner_timers_again(owner_task *self)
{
    if (self->timers != NULL) stele_timers_unpark(self->timers, stele_worker_now_ns(self->worker));
}
