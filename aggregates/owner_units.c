/* SPDX-License-Identifier: MIT
 * What is in flight: batches and their units, until they are visible or go back to the desk. */
#include "aggregates/ownership_inside.h"

#include <assert.h>

#include "core/alloc.h"
#include "core/bug.h"

enum {
    UNITS_MAX = 4096, /* in one transaction */
    BYTES_MAX = 1 << 20
};

/* ---- batches ---- */

static batch *add_batch(owner_task *self)
{
    batch *made = stele_alloc(sizeof *made);
    made->transaction = stele_transaction_new();
    made->end = &made->first;
    made->last_offset = STELE_OFFSET_NONE;
    if (self->last == NULL)
        self->first = made;
    else
        self->last->next = made;
    self->last = made;
    return made;
}

static void free_batch(batch *of)
{
    assert(of->first == NULL);
    stele_transaction_free(of->transaction);
    free(of);
}

batch *owner_building(owner_task *self)
{
    if (self->last != NULL && self->last->state == BATCH_BUILT) return self->last;
    return add_batch(self);
}

bool owner_has_room(const owner_task *self)
{
    const batch *of = self->last;
    return of == NULL || of->state != BATCH_BUILT ||
           (!of->is_sealed && of->count < UNITS_MAX &&
            stele_transaction_size(of->transaction) < BYTES_MAX);
}

/* ---- commands in flight ---- */

/* No command's id has a zero in it, so that the last one parts the two. */
static stele_bytes named_key(const owner_task *self, const stele_ticket *ticket)
{
    stele_buffer *key = &self->of->key;
    stele_buffer_reset(key);
    stele_buffer_append(key, ticket->aggregate_id);
    stele_buffer_push(key, 0);
    stele_buffer_append(key, stele_text(ticket->command_id));
    return stele_buffer_view(key);
}

unit *owner_find_named(const owner_task *self, const stele_ticket *ticket)
{
    if (stele_table_count(self->named) == 0) return NULL;
    unit **place = stele_table_find(self->named, named_key(self, ticket));
    return place == NULL ? NULL : *place;
}

void owner_add_named(owner_task *self, unit *of)
{
    unit **place = stele_table_insert(self->named, named_key(self, of->ticket), NULL);
    assert(place != NULL && *place == NULL);
    *place = of;
    of->is_named = true;
}

bool owner_is_within_unit(const owner_task *self, const stele_overlay_entry *over,
                          const stele_entry *entry)
{
    if (entry == NULL) return false;
    for (const batch *of = self->first; of != NULL; of = of->next)
        for (const unit *each = of->first; each != NULL; each = each->next)
            if (each->entry == over && entry->version < each->as.version)
                return entry->version > each->as.version - each->as.count;
    return false;
}

/* ---- units ---- */

unit *owner_add_unit(owner_task *self, batch *to, stele_ticket *ticket)
{
    unit *made = stele_alloc(sizeof *made);
    made->ticket = ticket;
    *to->end = made;
    to->end = &made->next;
    to->count++;
    if (ticket->deadline.end_ns < self->earliest_ns) self->earliest_ns = ticket->deadline.end_ns;
    return made;
}

static unit *take_unit(batch *from)
{
    unit *taken = from->first;
    if (taken == NULL) return NULL;
    from->first = taken->next;
    if (from->first == NULL) from->end = &from->first;
    from->count--;
    return taken;
}

static void forget_named(owner_task *self, unit *of)
{
    if (!of->is_named) return;
    bool was_there = stele_table_remove(self->named, named_key(self, of->ticket));
    assert(was_there);
    (void)was_there;
}

static void free_unit(unit *of)
{
    assert(of->repeats.first == NULL);
    free(of->failure);
    free(of);
}

static void end_unit(owner_task *self, unit *of)
{
    if (of->as.count > 0 && of->as.offset < 0) owner_find_offset(self, of);
    forget_named(self, of);
    if (of->entry != NULL) stele_overlay_release(self->overlay, of->entry);
    owner_say(self, "answers");
    owner_tell_unit(self, of);
    stele_ticket_free(of->ticket);
    free_unit(of);
}

/* Has the fold applied all of it? */
static bool is_visible(const owner_task *self, const batch *of, int64_t position)
{
    if (of->state != BATCH_COMMITTED || of->last_offset >= position || !owner_is_sure_of(of))
        return false;
    for (const unit *each = of->first; each != NULL && of->is_somewhere; each = each->next) {
        const stele_entry *entry = owner_find_entry(self, each->ticket->aggregate_id);
        if (each->as.count > 0 && (entry == NULL || entry->version < each->as.version))
            return false;
    }
    return true;
}

void owner_settle(owner_task *self, int64_t position)
{
    while (self->first != NULL && is_visible(self, self->first, position)) {
        for (unit *each; (each = take_unit(self->first)) != NULL;)
            end_unit(self, each);
        batch *visible = self->first;
        owner_inbox_settle(self, visible);
        self->first = visible->next;
        if (self->first == NULL) self->last = NULL;
        free_batch(visible);
        owner_timers_again(self);
    }
    bool waits = self->first != NULL && self->first->state == BATCH_COMMITTED;
    if (!self->settles || waits) return;
    self->settles = false;
    stele_overlay_clear(self->overlay);
}

static void expire_unit(owner_task *self, unit *of)
{
    stele_error failure;
    stele_ticket *ticket = of->ticket;
    ticket->is_tried = true; /* or is about to be */
    stele_desk_fail_expired(self->desk, ticket, "", &failure);
    owner_tell_refusal(self, ticket, 0, "", &failure);
}

static void expire(owner_task *self, int64_t now_ns)
{
    self->earliest_ns = INT64_MAX;
    for (batch *of = self->first; of != NULL; of = of->next) {
        for (unit *each = of->first; each != NULL; each = each->next) {
            const stele_ticket *ticket = each->ticket;
            if (ticket->done == NULL) continue;
            if (now_ns >= ticket->deadline.end_ns)
                expire_unit(self, each);
            else if (ticket->deadline.end_ns < self->earliest_ns)
                self->earliest_ns = ticket->deadline.end_ns;
        }
    }
}

/* Repeats have deadlines of their own, but are answered with the unit that they repeat: nothing in
 * flight takes longer than a transaction's time-out. */
void owner_expire(owner_task *self)
{
    int64_t now_ns = stele_worker_now_ns(self->worker);
    if (now_ns >= self->earliest_ns) expire(self, now_ns);
    if (self->earliest_ns != INT64_MAX)
        stele_worker_call_within(self->worker, (self->earliest_ns - now_ns) / 1000000 + 1);
}

/* ---- back to the desk ---- */

static void give_back_unit(owner_task *self, unit *of, stele_ticket_list *to, mail_list *mails)
{
    forget_named(self, of);
    if (owner_mail_of(of->ticket) != NULL)
        owner_mail_list_add(mails, owner_mail_take_back(of->ticket));
    else if (of->ticket->kind == STELE_TICKET_DUE)
        owner_timers_take_back(self, of->ticket);
    else if (of->ticket->done == NULL)
        stele_ticket_free(of->ticket);
    else
        stele_ticket_list_add(to, of->ticket);
    stele_ticket_list_join(to, &of->repeats);
    free_unit(of);
}

static void take_loads(batch *from, stele_ticket_list *to)
{
    for (unit **at = &from->first; *at != NULL;) {
        unit *each = *at;
        if (each->ticket->kind != STELE_TICKET_LOAD) {
            at = &each->next;
            continue;
        }
        *at = each->next;
        if (from->end == &each->next) from->end = at;
        from->count--;
        if (each->ticket->done == NULL)
            stele_ticket_free(each->ticket);
        else
            stele_ticket_list_add(to, each->ticket);
        free_unit(each);
    }
}

void owner_return_loads(owner_task *self)
{
    stele_ticket_list back = {0};
    for (batch *each = self->first; each != NULL; each = each->next)
        take_loads(each, &back);
    stele_desk_return(self->desk, &back);
}

void owner_give_back(owner_task *self, bool committed_too)
{
    stele_ticket_list back = {0};
    mail_list mails = {0};
    size_t steps = 0;
    bool was_sealed = false;
    batch *kept = NULL;
    for (batch **at = &self->first; *at != NULL;) {
        batch *each = *at;
        if (each->state == BATCH_COMMITTED && !committed_too) {
            kept = each;
            at = &each->next;
            continue;
        }
        for (unit *of; (of = take_unit(each)) != NULL;)
            give_back_unit(self, of, &back, &mails);
        steps += each->steps;
        was_sealed = was_sealed || each->is_sealed;
        if (each->has_record) self->has_said_so = false;
        *at = each->next;
        free_batch(each);
    }
    self->last = kept;
    self->settles = kept != NULL;
    if (kept == NULL && !STELE_BUG("overlay is kept after an abort"))
        stele_overlay_clear(self->overlay);
    stele_desk_return(self->desk, &back);
    owner_inbox_drop(self, steps, was_sealed);
    owner_inbox_return(self, &mails);
    owner_timers_again(self);
}
