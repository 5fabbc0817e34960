/* SPDX-License-Identifier: MIT
 * Ending a transaction that hangs. Once the fence stands, nothing of this partition's transactional
 * id is open: its coordinator has said so. What is held open all the same, in the group or in a
 * partition that the id writes to (the snapshots', and of an owner that of its source), was ended
 * without their being told, or is another program's. Apache Kafka 4.3.0 takes a partition that has
 * no leader at that moment, as after a crash of its only broker, for a deleted one, and leaves it
 * out (KRaftMetadataCache.getPartitionLeaderEndpoint). No one else ends it, ever: the committed
 * offset cannot be asked for, and nothing behind it can be read.
 *
 * The next end of a transaction of the same id ends it too. It is an abort, for what hangs may be a
 * part of a transaction. What goes with it are snapshots, and the events that they were made from
 * are applied again; or events that no one was told of, for they were not visible. What is open
 * after that is another program's. */
#include "core/bug.h"
#include "projections/fold_internal.h"

#include <inttypes.h>

enum {
    SETTLE_MS = 300,        /* for an end to come to all replicas */
    ANOTHERS_END_MS = 10000 /* for another program's; then this partition's may be what is open */
};

/* What hangs where, by the answers to all questions together. */
typedef struct ends {
    fold_place *own; /* the first of those that hang and are this id's alone; NULL: none */
    bool shared;
    bool group;
} ends;

/* A client that had asked for a shared topic before someone made it does not know of it for a
 * moment; and that it is there was looked at before. */
static stele_status ask_bounds(const fold_task *task, const fold_place *place,
                               stele_isolation isolation, int64_t *start, int64_t *end,
                               stele_error *err)
{
    stele_status status =
        stele_log_bounds(task->taking.log, place->partition, isolation, ASK_MS, start, end, err);
    if (status == STELE_E_NOT_FOUND && place->is_shared) err->next = STELE_NEXT_RETRY;
    return status;
}

/* What one of the id's left open is below the end that a shared place had after the fence. */
static stele_status ask_place(fold_task *task, fold_place *place, stele_error *err)
{
    int64_t end;
    stele_status status =
        ask_bounds(task, place, STELE_READ_COMMITTED, NULL, &place->stable_end, err);
    if (status == STELE_OK)
        status = ask_bounds(task, place, STELE_READ_UNCOMMITTED, &place->start, &end, err);
    if (status < 0 || (place->is_shared && place->has_end)) return status;
    place->end = end;
    place->has_end = true;
    if (STELE_BUG("restored to the last stable offset only")) place->end = place->stable_end;
    return STELE_OK;
}

static bool is_hanging(const fold_place *place)
{
    return place->stable_end < place->end;
}

/* Of an owner that takes commands from their topic: is their offset held? */
static bool holds_commands(const fold_task *task)
{
    const stele_fold_owner *owner = task->fold->options.owner;
    if (owner == NULL || owner->commands == NULL) return false;
    int64_t offset;
    stele_error why;
    return stele_log_group_offset(task->taking.log, task->fold->group,
                                  (stele_partition){owner->commands, task->source.index}, ASK_MS,
                                  &offset, &why) == STELE_E_CONFLICT;
}

/* After the fence no one adds to what is this id's alone, so these ends are the ends. */
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
    found->group = status == STELE_E_CONFLICT || holds_commands(task);
    if (status < 0 && status != STELE_E_CONFLICT) return status;
    for (size_t i = 0; i < self->place_count; i++) {
        fold_place *place = &self->places[i];
        if ((status = ask_place(task, place, err)) < 0) return status;
        if (!is_hanging(place)) continue;
        if (place->is_shared)
            found->shared = true;
        else if (found->own == NULL)
            found->own = place;
    }
    return STELE_OK;
}

static stele_status fail_hanging(const fold_task *task, const ends *found, stele_error *err)
{
    if (found->own == NULL && !found->group)
        return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_RETRY, "%s", "");
    if (found->own == NULL)
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
                      found->own->partition.topic, (int)found->own->partition.index,
                      found->own->stable_end);
}

/* @return next = RETRY, STELE_E_CONFLICT: something hangs */
static stele_status ask_for_an_end(fold_task *task, stele_error *err)
{
    ends found = {0};
    stele_status status = ask_ends(task, &found, err);
    if (status < 0) return fold_judge_gone(task, status, err);
    if (found.own == NULL && !found.group && !found.shared) return STELE_OK;
    task->taking.hangs_alone = found.own != NULL || found.group;
    return fail_hanging(task, &found, err);
}

/* Something hangs: it may be on its way to its end still, which is written, and not on all replicas
 * yet. What hangs longer than that is an answer, too. */
static stele_status ask_until_settled(fold_task *task, stele_error *err)
{
    fold_taking *self = &task->taking;
    stele_status status = ask_for_an_end(task, err);
    if (status == STELE_OK) self->hangs = false; /* it has come to its end */
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

static int lane_of(const fold_task *task)
{
    const stele_fold_owner *owner = task->fold->options.owner;
    return owner == NULL ? 0 : owner->lane;
}

/* The transaction that is written to be aborted. */
static stele_status submit(fold_task *task, stele_error *err)
{
    if (!fold_want_of_worker(task, FOLD_WANTS_GROUP)) return fold_fail_cancelled(err);
    STELE_AUTO(stele_transaction) transaction = stele_transaction_new();
    STELE_AUTO(char) key = stele_checkpoint_key(task->source.topic, task->source.index);
    for (size_t i = 0; i < task->taking.place_count; i++) {
        const fold_place *place = &task->taking.places[i];
        if (is_hanging(place) || i == 0) /* it has to go somewhere */
            stele_transaction_put(transaction, place->partition, stele_text(key), (stele_bytes){0},
                                  NULL, 0);
    }
    stele_transaction_offset(transaction, task->taking.group, task->source, 0);
    task->taking.group = NULL;
    stele_transaction_abort(transaction);
    stele_status status = stele_fenced_submit(task->fenced, lane_of(task), transaction, err);
    if (status == STELE_OK) transaction = NULL;
    return status;
}

static stele_status abort_what_hangs(fold_task *task, stele_error *err)
{
    stele_status status = submit(task, err);
    if (status == STELE_E_INTERRUPTED) return status;
    if (status < 0) return stele_kafka_sink_fail_dead(err, err);
    stele_outcome outcome;
    while (!stele_fenced_outcome(task->fenced, lane_of(task), ASK_MS, &outcome)) {
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
    self->hangs = status == STELE_E_CONFLICT && self->hangs_alone;
    if (status == STELE_E_CONFLICT && !self->hangs) return STELE_OK;
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
    /* What hangs where others write, too, is theirs: it holds back who reads there, not this. */
    return hangs && task->taking.hangs_alone ? await_another(task, err) : STELE_OK;
}
