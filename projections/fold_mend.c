/* SPDX-License-Identifier: MIT
 * Ending a transaction that hangs. Once the fence stands, nothing of this partition's transactional
 * id is open: its coordinator has said so. What the snapshots partition or the group holds open all
 * the same was ended without their being told, or is another program's. Apache Kafka 4.3.0 takes a
 * partition that has no leader at that moment, as after a crash of its only broker, for a deleted
 * one, and leaves it out (KRaftMetadataCache.getPartitionLeaderEndpoint). Nobody else ends it,
 * ever: the committed offset cannot be asked for, and nothing behind it can be read.
 *
 * The next end of a transaction of the same id ends it too. It is an abort, for what hangs may be a
 * part of a transaction; what goes with it are snapshots, and the events that they were made from
 * are applied again. What is open after that is another program's. */
#include "core/bug.h"
#include "projections/fold_internal.h"

#include <inttypes.h>

enum {
    SETTLE_MS = 300,        /* for an end to come to all replicas */
    ANOTHERS_END_MS = 10000 /* for another program's; then this partition's may be what is open */
};

/* What the answers to all questions together say. */
typedef struct ends {
    bool snapshots_hang;
    bool group_hangs;
    int64_t stable_end; /* of the snapshots */
} ends;

/* After the fence nobody adds to the snapshots, so this end is the end. */
static stele_status ask_ends(fold_task *task, ends *found, stele_error *err)
{
    fold_taking *self = &task->taking;
    stele_restore_facts *facts = &self->facts;
    fold_tell(task, "asks for ends", stele_fenced_poll(task->fenced, NULL));
    stele_status status = stele_log_bounds(self->log, task->source, STELE_READ_UNCOMMITTED, ASK_MS,
                                           &facts->log_start, &facts->log_end, err);
    if (status < 0) return status;
    status = stele_log_group_offset(self->log, task->fold->group, task->source, ASK_MS,
                                    &facts->group_offset, err);
    found->group_hangs = status == STELE_E_CONFLICT;
    if (status < 0 && !found->group_hangs) return status;
    status = stele_log_bounds(self->log, task->snapshots, STELE_READ_COMMITTED, ASK_MS,
                              &self->snapshots_start, &found->stable_end, err);
    if (status < 0) return status;
    status = stele_log_bounds(self->log, task->snapshots, STELE_READ_UNCOMMITTED, ASK_MS,
                              &self->snapshots_start, &self->snapshots_end, err);
    if (status == STELE_OK && STELE_BUG("restored to the last stable offset only"))
        self->snapshots_end = found->stable_end;
    found->snapshots_hang = status == STELE_OK && found->stable_end < self->snapshots_end;
    return status;
}

static stele_status fail_hanging(const fold_task *task, const ends *found, stele_error *err)
{
    if (!found->snapshots_hang)
        return stele_fail(
            err, STELE_E_CONFLICT, STELE_NEXT_RETRY,
            "the offset of group %s in %s/%d is held by an open transaction of another "
            "program: it ends with that program's time-out, or by "
            "`kafka-transactions.sh find-hanging` and `abort`",
            task->fold->group, task->source.topic, (int)task->source.index);
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_RETRY,
                      "%s/%d: an open transaction of another program holds back what is behind "
                      "offset %" PRId64 ": it ends with that program's time-out, or by "
                      "`kafka-transactions.sh find-hanging` and `abort`",
                      task->snapshots.topic, (int)task->snapshots.index, found->stable_end);
}

/* @return next = RETRY, STELE_E_CONFLICT: something hangs */
static stele_status ask_for_an_end(fold_task *task, stele_error *err)
{
    ends found = {0};
    stele_status status = ask_ends(task, &found, err);
    if (status < 0) return status;
    if (!found.snapshots_hang && !found.group_hangs) return STELE_OK;
    return fail_hanging(task, &found, err);
}

/* Something hangs: it may be on its way to its end still, which is written, and not on all replicas
 * yet. What hangs longer than that is an answer, too. */
static stele_status ask_until_settled(fold_task *task, stele_error *err)
{
    fold_taking *self = &task->taking;
    stele_status status = ask_for_an_end(task, err);
    if (status != STELE_E_CONFLICT) return status;
    if (!self->hangs) self->settles = stele_deadline_after(stele_log_clock(self->log), SETTLE_MS);
    self->hangs = true;
    if (stele_deadline_passed(self->settles)) return STELE_OK;
    return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "%s", "");
}

static stele_status settle(fold_task *task, bool *hangs, stele_error *err)
{
    task->taking.hangs = false;
    stele_status status = fold_insist(task, ask_until_settled, err);
    *hangs = status == STELE_OK && task->taking.hangs;
    return status;
}

/* The transaction that is written to be aborted. */
static stele_status submit(fold_task *task, stele_error *err)
{
    if (!fold_want_of_worker(task, FOLD_WANTS_GROUP)) return fold_fail_cancelled(err);
    STELE_AUTO(stele_transaction) transaction = stele_transaction_new();
    STELE_AUTO(char) key = stele_checkpoint_key(task->source.topic, task->source.index);
    stele_transaction_put(transaction, task->snapshots, stele_text(key), (stele_bytes){0}, NULL, 0);
    stele_transaction_offset(transaction, task->taking.group, task->source, 0);
    task->taking.group = NULL;
    stele_transaction_abort(transaction);
    stele_status status = stele_fenced_submit(task->fenced, 0, transaction, err);
    if (status == STELE_OK) transaction = NULL;
    return status;
}

static stele_status abort_what_hangs(fold_task *task, stele_error *err)
{
    stele_status status = submit(task, err);
    if (status == STELE_E_INTERRUPTED) return status;
    if (status < 0) return stele_kafka_sink_fail_dead(err, err);
    stele_outcome outcome;
    while (!stele_fenced_outcome(task->fenced, 0, ASK_MS, &outcome)) {
        if (!fold_pause(task, SETTLE_MS)) return fold_fail_cancelled(err);
    }
    stele_transaction_free(outcome.transaction);
    if (outcome.status < 0) return stele_kafka_sink_fail_dead(&outcome.error, err);
    task->taking.is_mended = true;
    return STELE_OK;
}

/* For a while; what hangs after that is an answer, too. */
static stele_status ask_patiently(fold_task *task, stele_error *err)
{
    fold_taking *self = &task->taking;
    stele_status status = ask_for_an_end(task, err);
    self->hangs = status == STELE_E_CONFLICT;
    return self->hangs && stele_deadline_passed(self->settles) ? STELE_OK : status;
}

/* What is open after an abort is another program's, or the abort has lost its markers like the end
 * before it: so there is one more from time to time. */
static stele_status await_another(fold_task *task, stele_error *err)
{
    fold_taking *self = &task->taking;
    for (;;) {
        self->settles = stele_deadline_after(stele_log_clock(self->log), ANOTHERS_END_MS);
        stele_status status = fold_insist(task, ask_patiently, err);
        if (status < 0 || !self->hangs) return status;
        if ((status = abort_what_hangs(task, err)) < 0) return status;
    }
}

stele_status fold_agree_on_ends(fold_task *task, stele_error *err)
{
    bool hangs;
    stele_status status = settle(task, &hangs, err);
    if (status < 0 || !hangs) return status;
    if ((status = abort_what_hangs(task, err)) < 0) return status;
    if ((status = settle(task, &hangs, err)) < 0) return status;
    task->taking.ended_hanging = !hangs;
    return hangs ? await_another(task, err) : STELE_OK;
}
