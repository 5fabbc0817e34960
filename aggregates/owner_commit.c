/* SPDX-License-Identifier: MIT
 * Group commit: what has queued while a transaction was on its way is in the next one, which is
 * handed over when the last one is visible. And what becomes of transactions. */
#include "aggregates/ownership_inside.h"

#include <assert.h>
#include <inttypes.h>

#include "core/alloc.h"
#include "core/bug.h"
#include "stores/kafka_sink.h"

enum {
    VISIBLE_MS = 20, /* what was committed and takes longer does not hold up the next one */
    AGAIN_MS = 50,   /* after the second abort in a row; doubled with each one */
    AGAIN_MAX_MS = 5000,
    ABORTS_TO_TELL = 3,
    ABORTS_TO_REPLACE = 6 /* in a row, while a broker answers: the writer is replaced */
};

static stele_clock clock_of(const owner_task *self)
{
    return stele_worker_clock(self->worker);
}

static batch *find_submitted(const owner_task *self)
{
    batch *of = self->first;
    while (of != NULL && of->state != BATCH_SUBMITTED)
        of = of->next;
    return of;
}

/* @return STELE_OK: it is alive */
static stele_status fail_dead(const owner_task *self, stele_error *err)
{
    stele_error failure;
    if (stele_fenced_poll(self->fenced, &failure) != STELE_FENCED_DEAD) return STELE_OK;
    return stele_kafka_sink_fail_dead(&failure, err);
}

/* Those whose events it has. */
static void tell_committed(const owner_task *self, const batch *done)
{
    for (unit *each = done->first; each != NULL; each = each->next)
        if (each->as.count > 0 && each->ticket->done != NULL)
            owner_tell_result(self, each->ticket, &each->as, false);
}

/* ---- submitting ---- */

/* Are readers past all that is before it? */
static bool are_passed(const owner_task *self, const batch *last)
{
    bool found = true;
    for (const batch *before = self->first; before != last; before = before->next)
        found = found && (before->is_passed || owner_is_sure_of(before));
    return found;
}

/* What was committed last has its own time; if its markers are lost the next commit ends it, as
 * committed. */
static bool may_go_on(const owner_task *self)
{
    if (!stele_deadline_passed(self->again)) return false;
    for (const batch *of = self->first; of != self->last; of = of->next) {
        if (of->state == BATCH_SUBMITTED) return false;
        bool waits = of->next == self->last && !stele_deadline_passed(of->goes_on);
        if (waits && owner_has_room(self)) return false;
        /* It may rest on what is before it, which its own commit does not end. */
        if (self->last->steps > 0 && !self->last->has_events && !are_passed(self, self->last))
            return false;
    }
    return true;
}

stele_status owner_submit(owner_task *self, stele_error *err)
{
    batch *built = self->last;
    if (built == NULL || built->state != BATCH_BUILT || !may_go_on(self)) return STELE_OK;
    owner_inbox_seal(self, built);
    stele_status status = stele_fenced_submit(self->fenced, OWNER_LANE, built->transaction, err);
    if (status == STELE_E_FULL) return STELE_OK;
    if (status < 0) return fail_dead(self, err);
    built->transaction = NULL;
    built->state = BATCH_SUBMITTED;
    built->submitted_ns = stele_clock_monotonic_ns(clock_of(self));
    built->submitted_at = stele_fold_position(self->fold);
    built->is_behind_passed = are_passed(self, built);
    owner_say(self, "submits");
    if (STELE_BUG("answered before the commit")) tell_committed(self, built);
    for (unit *each = built->first; each != NULL; each = each->next)
        each->ticket->is_tried = each->as.count > 0;
    return STELE_OK;
}

/* ---- outcomes ---- */

/* Of a transaction that is done: where its events are. A broker that was asked twice to store the
 * same ones says only that it has them. */
static void take_positions(batch *done, const stele_transaction *transaction)
{
    for (unit *each = done->first; each != NULL; each = each->next) {
        if (each->as.count == 0) continue;
        size_t last = each->first_record + each->as.count - 1;
        each->as.offset = stele_transaction_position(transaction, last).offset;
        if (each->as.offset < 0) done->is_somewhere = true;
        if (each->as.offset > done->last_offset) done->last_offset = each->as.offset;
    }
}

/* Someone has deleted the topic and made it again: no state is what its events make. */
static stele_status check_positions(const owner_task *self, const batch *done, stele_error *err)
{
    for (const unit *each = done->first; each != NULL; each = each->next)
        if (each->as.count > 0 && each->as.offset >= 0 && each->as.offset < done->submitted_at)
            return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                              "%s/%d: an event was stored at offset %" PRId64
                              ", and its owner had read up to %" PRId64
                              " before: the topic was deleted and made again; raise the version "
                              "of aggregate %s to go on with what is there",
                              self->source.topic, (int)self->source.index, each->as.offset,
                              done->submitted_at, self->of->options.aggregate->name);
    return STELE_OK;
}

/* Whoever sees its end sees that of those before it; and whoever can commit it was the owner when
 * it was submitted. */
static void make_sure(const owner_task *self, const batch *done)
{
    for (batch *before = self->first; before != done; before = before->next)
        before->is_seen = before->is_seen || done->is_seen || done->is_behind_passed;
}

static stele_status commit(owner_task *self, batch *done, const stele_transaction *transaction,
                           stele_error *err)
{
    done->state = BATCH_COMMITTED;
    done->goes_on = stele_deadline_after(clock_of(self), VISIBLE_MS);
    if (done->submitted_ns > self->proven_ns) self->proven_ns = done->submitted_ns;
    self->abort_count = 0;
    self->aborted = (stele_error){0};
    owner_say(self, "commits");
    take_positions(done, transaction);
    done->is_seen = done->last_offset >= 0 && self->seen_end == done->last_offset + 1;
    make_sure(self, done);
    stele_status status = check_positions(self, done, err);
    if (status < 0) return status;
    if (done->is_sealed) owner_inbox_commit(self, done, transaction);
    if (self->of->options.answers_committed || STELE_BUG("answered before it is visible"))
        tell_committed(self, done);
    return STELE_OK;
}

static unit *find_record(const batch *of, size_t record)
{
    unit *each = of->first;
    while (each != NULL && (record < each->first_record ||
                            record - each->first_record >= (each->is_buried ? 1 : each->as.count)))
        each = each->next;
    return each;
}

/* Its events are too large: a dead letter, then. Or that is, and goes without its value; and
 * without its key and headers, if they are what is. */
static void reject_mail(mail *of, bool is_buried, const stele_error *why)
{
    if (is_buried) {
        of->left_out++;
        return;
    }
    of->failure = stele_alloc(sizeof *why);
    *of->failure = *why;
}

/* One record is refused by the broker for what is in it: its unit fails, the others are decided
 * again. */
static stele_status reject(owner_task *self, batch *failed, const stele_outcome *outcome,
                           stele_error *err)
{
    unit *of = find_record(failed, outcome->rejected);
    if (of == NULL) {
        *err = outcome->error;
        err->next = STELE_NEXT_ABORT;
        return outcome->status;
    }
    mail *command = owner_mail_of(of->ticket);
    if (command != NULL)
        reject_mail(command, of->is_buried, &outcome->error);
    else if (of->ticket->done != NULL)
        owner_tell_refusal(self, of->ticket, of->as.version - of->as.count, "", &outcome->error);
    owner_give_back(self, false);
    return STELE_OK;
}

static void pause(owner_task *self)
{
    int pause_ms = self->abort_count < 2 ? 0 : AGAIN_MS;
    for (int i = 2; i < self->abort_count && pause_ms < AGAIN_MAX_MS; i++)
        pause_ms *= 2;
    self->again = stele_deadline_after(clock_of(self), pause_ms);
}

static stele_status abandon(owner_task *self, const stele_error *why, stele_error *err)
{
    self->abort_count++;
    self->aborted = *why;
    pause(self);
    owner_give_back(self, false);
    if (self->abort_count < ABORTS_TO_REPLACE || !stele_log_is_up(stele_worker_log(self->worker)))
        return STELE_OK;
    return stele_fail_cause(err, why->status, STELE_NEXT_ABORT, why->cause,
                            "the writer cannot commit, another one takes its place: %s", why->text);
}

static stele_status take(owner_task *self, const stele_outcome *outcome, stele_error *err)
{
    batch *of = find_submitted(self);
    assert(of != NULL);
    if (outcome->status == STELE_OK) return commit(self, of, outcome->transaction, err);
    switch (outcome->error.next) {
    case STELE_NEXT_REJECT:
        return reject(self, of, outcome, err);
    case STELE_NEXT_ABORT:
    case STELE_NEXT_RETRY:
        return abandon(self, &outcome->error, err);
    case STELE_NEXT_STOP:
        break;
    }
    return stele_kafka_sink_fail_dead(&outcome->error, err);
}

stele_status owner_collect(owner_task *self, stele_error *err)
{
    stele_status status = STELE_OK;
    stele_outcome outcome;
    while (status == STELE_OK && stele_fenced_outcome(self->fenced, OWNER_LANE, 0, &outcome)) {
        status = take(self, &outcome, err);
        stele_transaction_free(outcome.transaction);
    }
    return status < 0 ? status : fail_dead(self, err);
}

stele_status owner_complain(const owner_task *self, stele_error *err)
{
    if (self->abort_count < ABORTS_TO_TELL) {
        if (self->doubt.status < 0) *err = self->doubt;
        return self->doubt.status;
    }
    return stele_fail(err, self->aborted.status, STELE_NEXT_RETRY,
                      "events cannot be committed, trying again: %s", self->aborted.text);
}
