/* SPDX-License-Identifier: MIT
 * The worker's side of taking a partition: what the partition's thread wants of it, the snapshots
 * that its reader hands out, and the beginning when all is there. */
#include "projections/fold_internal.h"

#include <assert.h>

/* ---- snapshots ---- */

void fold_stop_reading(fold_task *task)
{
    stele_log_reader *reader = stele_worker_reader(task->worker);
    if (task->taking.reading && reader != NULL) stele_log_reader_stop(reader, task->snapshots);
    task->taking.reading = false;
}

/* What the partition's thread wanted is done. */
static void give(fold_task *task)
{
    fold_taking *self = &task->taking;
    stele_monitor_lock(&self->monitor);
    self->want = FOLD_WANTS_NOTHING;
    stele_monitor_wake(&self->monitor);
    stele_monitor_unlock(&self->monitor);
}

stele_status fold_take_snapshots(fold_task *task, const stele_batch *batch, stele_error *err)
{
    fold_taking *self = &task->taking;
    if (!self->reading) return STELE_OK;
    stele_status status = stele_restore_take(self->restore, batch, err);
    if (status < 0) return batch->status < 0 ? fold_judge_gone(task, status, err) : status;
    if (batch->next_offset < self->places[0].end) return STELE_OK;
    fold_stop_reading(task);
    give(task);
    return STELE_OK;
}

/* ---- what the thread wants ---- */

static stele_status read_snapshots(fold_task *task, stele_error *err)
{
    fold_taking *self = &task->taking;
    if (self->reading) return STELE_OK;
    stele_status status = stele_log_reader_start(stele_worker_reader(task->worker), task->snapshots,
                                                 self->places[0].start, err);
    self->reading = status == STELE_OK;
    return fold_judge_gone(task, status, err);
}

/* It is in no group at this moment? A poll of the member says why, and then there may be one. */
static void give_group(fold_task *task)
{
    stele_log_group *group = stele_log_member_group(stele_worker_member(task->worker));
    if (group == NULL) return;
    task->taking.group = group;
    give(task);
}

static void warn_of_mending(fold_task *task)
{
    if (!task->taking.ended_hanging) return;
    task->taking.ended_hanging = false;
    stele_worker_warn(task->worker, task->source.index, -1, "hanging transaction ended",
                      "an earlier owner's transaction had ended, but its partitions were not told "
                      "(a crash of their broker does that): it is aborted, and the events behind "
                      "the checkpoint are applied again");
}

static void warn_of_unknown(const fold_task *task)
{
    const stele_restore *restore = task->taking.restore;
    const char *key = restore == NULL ? NULL : stele_restore_unknown_key(restore);
    if (key == NULL || task->fold->warned_of_unknown) return;
    task->fold->warned_of_unknown = true; /* once for all partitions */
    STELE_AUTO(char)
    text = stele_strdup_format("%s holds records with keys like %s, which a newer version of Stele "
                               "has written: they are passed over",
                               task->snapshots.topic, key);
    stele_worker_warn(task->worker, task->source.index, -1, "unknown records", text);
}

/* ---- the beginning ---- */

static void begin(fold_task *task)
{
    const fold_taking *self = &task->taking;
    const stele_resume *resume = &self->resume;
    assert(resume->read_from <= resume->position);
    task->writing.owes_offset = self->owes_offset;
    task->at = (stele_mark){resume->position, resume->last_offset, resume->last_hash};
    /* Where retention has deleted it there is nothing to compare. */
    if (resume->read_from < resume->position) task->witness = task->at;
    task->generation = task->fold->generation;
    task->fold->looked_ns = stele_worker_now_ns(task->worker);
    task->verify_from = resume->read_from;
    task->unverified = resume->read_from < resume->position;
    fold_writing_begin(task);
    fold_park_begin(task);
    warn_of_unknown(task);
    stele_bytes commands = {0};
    if (self->restore != NULL) commands = stele_restore_kept(self->restore);
    task->has_commands = commands.data != NULL;
    stele_buffer_append(&task->commands, commands);
    stele_restore_free(task->taking.restore);
    task->taking.restore = NULL;
    task->is_ours = true;
}

/* The thread has ended, one way or the other. */
static stele_status finish(fold_task *task, stele_error *err)
{
    bool joined = fold_take_join(task, stele_deadline_after(stele_log_clock(task->taking.log), -1));
    assert(joined);
    (void)joined;
    warn_of_mending(task);
    const fold_taking *self = &task->taking;
    if (self->result.status < 0) {
        if (self->stops_all) stele_worker_stop_all(task->worker, &self->result);
        if (err != NULL) *err = self->result;
        return self->result.status;
    }
    begin(task);
    return STELE_OK;
}

stele_status fold_prepare(fold_task *task, int64_t *start, stele_error *err)
{
    fold_taking *self = &task->taking;
    stele_status status;
    if (!task->is_ours) {
        if (!self->started && task->orders != NULL &&
            (status = stele_orders_prepare(task->orders, task->worker, err)) < 0)
            return status;
        if (!self->started && (status = fold_take_start(task, err)) < 0) return status;
        stele_monitor_lock(&self->monitor);
        bool ended = self->ended;
        fold_want want = self->want;
        stele_error waits = self->waits;
        stele_monitor_unlock(&self->monitor);

        if (want == FOLD_WANTS_SNAPSHOTS && (status = read_snapshots(task, err)) < 0) return status;
        if (want == FOLD_WANTS_GROUP) give_group(task);
        if (!ended && waits.status < 0 && err != NULL) *err = waits;
        if (!ended) return waits.status < 0 ? waits.status : stele_task_not_yet(err);
        if ((status = finish(task, err)) < 0) return status;
    }
    *start = task->verify_from;
    return stele_orders_check(task->orders, err);
}
