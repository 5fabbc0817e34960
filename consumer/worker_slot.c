/* SPDX-License-Identifier: MIT
 * The life of one partition in a worker: opened, prepared, fed, waiting, stopped, drained, closed.
 * Each failure of a task is answered here, and nowhere else. */
#include "consumer/worker_internal.h"
#include "core/message.h"

#include <inttypes.h>
#include <stdio.h>

slot *worker_slot(stele_worker *worker, int32_t partition)
{
    if (partition < 0 || partition >= worker->slot_count) return NULL;
    return &worker->slots[partition];
}

static stele_partition source_of(const stele_worker *worker, const slot *self)
{
    return (stele_partition){worker->topic, self->index};
}

static void drop_batch(slot *self)
{
    if (self->has_batch) stele_log_batch_release(&self->batch);
    self->batch = (stele_batch){0};
    self->has_batch = false;
}

/* ---- waiting ---- */

static void set_reason(slot *self, const char *text)
{
    stele_message_format(self->reason, sizeof self->reason, "%s", text);
}

static void go_on(slot *self)
{
    self->backoff_ms = 0;
    self->retry_ns = self->said_ns = INT64_MIN;
    self->reason[0] = '\0';
}

/* Call again: soon if nothing is wrong, else after a time that doubles. */
static void wait_for_retry(stele_worker *worker, slot *self, const stele_error *why)
{
    if (why->text[0] == '\0') {
        go_on(self);
        worker->soon = true;
        return;
    }
    bool is_on_its_way = why->status == STELE_E_TIMED_OUT && why->next == STELE_NEXT_RETRY;
    if (!is_on_its_way)
        self->said_ns = INT64_MIN;
    else if (self->reason[0] == '\0')
        self->said_ns = after_ms(worker_now(worker), PATIENCE_MS);
    set_reason(self, why->text);
    self->backoff_ms = self->backoff_ms == 0 ? BACKOFF_MIN_MS : 2 * self->backoff_ms;
    if (self->backoff_ms > BACKOFF_MAX_MS) self->backoff_ms = BACKOFF_MAX_MS;
    self->retry_ns = after_ms(worker_now(worker), self->backoff_ms);
}

static bool may_call(const stele_worker *worker, const slot *self)
{
    return self->retry_ns == INT64_MIN || worker_now(worker) >= self->retry_ns;
}

/* ---- beginning and end ---- */

static void close_task(stele_worker *worker, slot *self, bool lost)
{
    drop_batch(self);
    if (worker->reader != NULL) stele_log_reader_stop(worker->reader, source_of(worker, self));
    if (self->task != NULL) self->task->ops->close(self->task, lost);
    self->task = NULL;
}

static void begin(stele_worker *worker, slot *self)
{
    self->phase = SLOT_PREPARING;
    self->prepared_once = false;
    self->draining = false;
    self->stalled[0] = '\0';
    self->progress = (stele_progress){.position = -1};
    self->progress_ns = worker_now(worker);
    go_on(self);
}

void slot_assign(stele_worker *worker, slot *self)
{
    if (self->phase != SLOT_FREE) close_task(worker, self, true);
    begin(worker, self);
    if (worker->stop_reason.status < 0) slot_stop(worker, self, &worker->stop_reason);
}

/* Said once, for whoever wonders why a worker that was frozen begins anew. */
static void tell_lost(const stele_worker *worker, const slot *self)
{
    if (self->task == NULL) return;
    stele_worker_warn(worker, self->index, self->task->ops->progress(self->task).position,
                      "partition lost",
                      "this member's session was over, another may own it: what was not written is "
                      "dropped, its owner applies it again");
}

void slot_release(stele_worker *worker, slot *self, bool lost)
{
    if (lost) tell_lost(worker, self);
    close_task(worker, self, lost);
    /* A worker that ends has said so, or why: that word is not to be taken back before it was
     * written. */
    bool is_last_word = worker->stopping && (!lost || self->phase == SLOT_STOPPED);
    self->phase = SLOT_FREE;
    self->told = false;
    go_on(self);
    if (!is_last_word) stele_status_board_drop(worker->board, self->index);
}

void slot_stop(stele_worker *worker, slot *self, const stele_error *why)
{
    if (self->task != NULL) self->progress = self->task->ops->progress(self->task);
    close_task(worker, self, false);
    self->phase = SLOT_STOPPED;
    set_reason(self, why->text);
}

void slot_reopen(stele_worker *worker, slot *self)
{
    close_task(worker, self, true);
    begin(worker, self);
}

static void fence_off(stele_worker *worker, slot *self, const stele_error *why)
{
    close_task(worker, self, true);
    self->phase = SLOT_FENCED;
    self->fenced_ns = worker_now(worker);
    set_reason(self, why->text);
}

/* What a task's failure means for its partition. */
static void answer(stele_worker *worker, slot *self, const stele_error *failure)
{
    if (failure->status == STELE_E_FENCED) {
        fence_off(worker, self, failure);
    } else if (failure->next == STELE_NEXT_RETRY) {
        wait_for_retry(worker, self, failure);
    } else if (failure->next == STELE_NEXT_ABORT) {
        int backoff_ms = self->backoff_ms;
        slot_reopen(worker, self);
        self->backoff_ms = backoff_ms;
        wait_for_retry(worker, self, failure);
    } else {
        slot_stop(worker, self, failure);
    }
}

/* ---- preparing ---- */

static stele_status open_task(stele_worker *worker, slot *self, stele_error *err)
{
    if (self->task != NULL) return STELE_OK;
    return worker->options.ops->open(worker->options.self, worker, source_of(worker, self),
                                     &self->task, err);
}

void slot_prepare(stele_worker *worker, slot *self)
{
    if (self->phase != SLOT_PREPARING) return;
    if (self->has_batch) slot_offer_again(worker, self); /* of what it restores from */
    if (self->phase != SLOT_PREPARING || self->has_batch || !may_call(worker, self)) return;

    stele_error failure = {0};
    int64_t start;
    stele_status status = open_task(worker, self, &failure);
    if (status == STELE_OK) {
        self->prepared_once = true;
        status = self->task->ops->prepare(self->task, &start, &failure);
    }
    if (status == STELE_OK)
        status = stele_log_reader_start(worker->reader, source_of(worker, self), start, &failure);
    if (status < 0) {
        answer(worker, self, &failure);
        return;
    }
    self->phase = SLOT_RUNNING;
    self->progress_ns = worker_now(worker);
    go_on(self);
    worker->at_once = true;
}

/* ---- feeding ---- */

static bool is_source(const stele_worker *worker, const stele_batch *batch)
{
    return strcmp(batch->partition.topic, worker->topic) == 0;
}

static stele_status take(stele_worker *worker, slot *self, const stele_batch *batch,
                         stele_error *failure)
{
    if (batch->status < 0 && is_source(worker, batch)) {
        *failure = batch->error;
        failure->next = STELE_NEXT_STOP;
        return batch->status;
    }
    stele_status_board_busy(worker->board, self->index);
    stele_status status = self->task->ops->take(self->task, batch, failure);
    stele_status_board_busy(worker->board, -1);
    return status;
}

/* Takes over the batch. */
void slot_offer(stele_worker *worker, slot *self, stele_batch *batch)
{
    bool wanted = self != NULL && self->task != NULL &&
                  (self->phase == SLOT_RUNNING || !is_source(worker, batch));
    if (!wanted) {
        stele_log_batch_release(batch);
        return;
    }
    stele_error failure = {0};
    stele_status status = take(worker, self, batch, &failure);
    bool again = status < 0 && status != STELE_E_FENCED && failure.next == STELE_NEXT_RETRY;
    if (again) {
        self->batch = *batch;
        self->has_batch = true;
        stele_log_reader_hold(worker->reader, batch->partition, true);
        wait_for_retry(worker, self, &failure);
        if (failure.text[0] == '\0') worker->at_once = true;
        return;
    }
    stele_log_batch_release(batch);
    if (status < 0)
        answer(worker, self, &failure);
    else
        go_on(self);
}

void slot_offer_again(stele_worker *worker, slot *self)
{
    if (!self->has_batch || !may_call(worker, self)) return;
    stele_batch batch = self->batch;
    self->batch = (stele_batch){0};
    self->has_batch = false;
    stele_log_reader_hold(worker->reader, batch.partition, false);
    slot_offer(worker, self, &batch);
}

void slot_tick(stele_worker *worker, slot *self)
{
    if (self->phase != SLOT_RUNNING) return;
    stele_error failure = {0};
    if (self->task->ops->tick(self->task, &failure) < 0) answer(worker, self, &failure);
}

/* ---- draining ---- */

/* One piece of it; the mark goes when it is done. */
static void drain_piece(stele_worker *worker, slot *self)
{
    stele_error failure = {0};
    drop_batch(self);
    stele_log_reader_stop(worker->reader, source_of(worker, self));
    stele_status status = self->task->ops->drain(self->task, &failure);
    if (status < 0 && status != STELE_E_FENCED && failure.next == STELE_NEXT_RETRY) return;
    self->draining = false;
    if (status < 0) answer(worker, self, &failure);
}

void worker_drain(stele_worker *worker)
{
    /* By the log's clock: the threads that write do not follow another one. */
    stele_deadline deadline =
        stele_deadline_after(stele_log_clock(worker->log), worker->options.drain_timeout_ms);
    bool left;
    do {
        left = false;
        for (int32_t i = 0; i < worker->slot_count; i++) {
            slot *each = &worker->slots[i];
            if (!each->draining || each->phase != SLOT_RUNNING) continue;
            drain_piece(worker, each);
            left = left || each->draining;
        }
    } while (left && !stele_deadline_passed(deadline));
}
