/* SPDX-License-Identifier: MIT
 * The life of one partition. Each failure of a task is judged here, and nowhere else. */
#include "core/bug.h"
#include "consumer/slot.h"

#include <assert.h>
#include <limits.h>

enum {
    BACKOFF_MIN_MS = 50,
    BACKOFF_MAX_MS = 5000,
    RECOVERED_MS = 30000, /* what was opened again that long ago is well */
    PATIENCE_MS = 5000,   /* an answer on its way is a wait when it takes longer */
    CLOSE_MS = 1000       /* for all that close at once */
};

static stele_partition source_of(const slot_host *host, const slot *self)
{
    return (stele_partition){host->topic, self->index};
}

void slot_warn(const slot_host *host, int32_t partition, int64_t position, const char *message,
               const char *reason)
{
    stele_logger_write(host->logger, STELE_LOGGER_WARN, message,
                       STELE_LOGGER_FIELDS(stele_logger_text("worker", host->name),
                                           stele_logger_text("topic", host->topic),
                                           stele_logger_int("partition", partition),
                                           stele_logger_int("position", position),
                                           stele_logger_text("reason", reason)));
}

void slot_drop_batch(slot *self)
{
    if (self->has_batch) stele_log_batch_release(&self->batch);
    self->batch = (stele_batch){0};
    self->has_batch = false;
}

/* ---- failures ---- */

slot_verdict slot_judge(const stele_error *failure)
{
    if (failure->status == STELE_E_FENCED) return SLOT_GIVE_WAY;
    switch (failure->next) {
    case STELE_NEXT_RETRY:
        return failure->text[0] == '\0' ? SLOT_ON_ITS_WAY : SLOT_WAIT;
    case STELE_NEXT_ABORT:
        return SLOT_REOPEN;
    case STELE_NEXT_REJECT:
    case STELE_NEXT_STOP:
        break;
    }
    return SLOT_GIVE_UP;
}

static void go_on(slot *self, slot_call call)
{
    self->waits[call] = (slot_wait){0};
}

/* Call again after a time that doubles, as long as it comes no further. */
static void back_off(const slot_host *host, slot *self, slot_call call, const stele_error *why)
{
    slot_wait *wait = &self->waits[call];
    bool is_on_its_way = why->status == STELE_E_TIMED_OUT && why->next == STELE_NEXT_RETRY;
    if (!is_on_its_way)
        wait->reported_ns = 0;
    else if (wait->why.status == STELE_OK)
        wait->reported_ns = after_ms(slot_now(host), PATIENCE_MS);
    wait->why = *why;
    int64_t position = slot_progress(self).position;
    if (position > wait->position) wait->backoff_ms = 0; /* it is about something else */
    wait->position = position;
    wait->backoff_ms = wait->backoff_ms == 0 ? BACKOFF_MIN_MS : 2 * wait->backoff_ms;
    if (wait->backoff_ms > BACKOFF_MAX_MS) wait->backoff_ms = BACKOFF_MAX_MS;
    wait->retry_ns = after_ms(slot_now(host), wait->backoff_ms);
}

static bool may_call(const slot_host *host, const slot *self, slot_call call)
{
    return self->waits[call].why.status == STELE_OK || slot_now(host) >= self->waits[call].retry_ns;
}

bool slot_is_served(const slot *self)
{
    return (self->phase == SLOT_PREPARING || self->phase == SLOT_RUNNING) && !self->is_given;
}

bool slot_is_at_rest(const slot *self)
{
    if (self->is_given) return false;
    if (self->phase != SLOT_RUNNING) return self->phase == SLOT_FREE || self->phase == SLOT_STOPPED;
    for (int i = 0; i < SLOT_CALLS; i++)
        if (self->waits[i].why.status < 0) return false;
    return !self->draining && (!self->has_batch || slot_pause(self) != NULL);
}

int64_t slot_due_in_ms(const slot_host *host, const slot *self)
{
    int64_t due_ns = INT64_MAX;
    int64_t now_ns = slot_now(host);
    for (int i = 0; i < SLOT_CALLS; i++) {
        const slot_wait *wait = &self->waits[i];
        if (wait->why.status < 0 && wait->retry_ns > now_ns && wait->retry_ns < due_ns)
            due_ns = wait->retry_ns;
    }
    return due_ns == INT64_MAX ? INT_MAX : (due_ns - now_ns - 1) / 1000000 + 1;
}

void slot_call_now(const slot_host *host, slot *self)
{
    for (int i = 0; i < SLOT_CALLS; i++) {
        slot_wait *wait = &self->waits[i];
        if (wait->why.next == STELE_NEXT_RETRY) wait->retry_ns = slot_now(host);
    }
}

/* ---- beginning and end ---- */

static void end_reading(const slot_host *host, slot *self)
{
    slot_drop_batch(self);
    if (host->reader != NULL) stele_log_reader_stop(host->reader, source_of(host, self));
}

/* The first step of closing; waits for nothing. slots_await_closed is the second. */
static void ask_to_close(const slot_host *host, slot *self, bool lost)
{
    end_reading(host, self);
    if (self->task == NULL) return;
    assert(self->closing == NULL);
    self->progress = self->task->ops->progress(self->task);
    self->task->ops->end(self->task, lost);
    self->closing = self->task;
    self->task = NULL;
}

void slots_await_closed(const slot_host *host, slot *const *slots, size_t count)
{
    stele_deadline by = stele_deadline_after(stele_log_clock(host->log), CLOSE_MS);
    for (size_t i = 0; i < count; i++) {
        stele_task *closing = slots[i]->closing;
        slots[i]->closing = NULL;
        if (closing != NULL) closing->ops->close(closing, by);
    }
}

static void begin(const slot_host *host, slot *self)
{
    assert(self->task == NULL && !self->has_batch);
    self->phase = SLOT_PREPARING;
    self->prepared_once = false;
    self->draining = self->is_given = false;
    self->stalled = self->held_back = self->ended = (stele_error){0};
    self->progress = (stele_progress){.position = -1};
    self->progress_ns = self->looked_ns = slot_now(host);
    for (int i = 0; i < SLOT_CALLS; i++)
        go_on(self, (slot_call)i);
}

void slot_assign(slot_host *host, slot *self)
{
    if (self->phase != SLOT_FREE) ask_to_close(host, self, true);
    self->fenced_before = false;
    self->is_kept = false;
    self->reopened_ms = 0;
    begin(host, self);
}

void slot_confirm(slot *self)
{
    assert(self->phase == SLOT_PREPARING || self->phase == SLOT_RUNNING);
    self->fenced_before = false;
    self->is_kept = false;
}

void slot_stop(slot_host *host, slot *self, const stele_error *why)
{
    assert(self->phase != SLOT_FREE);
    ask_to_close(host, self, false);
    self->phase = SLOT_STOPPED;
    self->draining = false;
    self->ended = *why;
}

void slot_reopen(slot_host *host, slot *self)
{
    assert(self->phase != SLOT_FREE && self->phase != SLOT_STOPPED);
    ask_to_close(host, self, true);
    begin(host, self);
}

static void give_way(slot_host *host, slot *self, const stele_error *why)
{
    ask_to_close(host, self, true);
    self->phase = SLOT_FENCED;
    self->draining = false;
    self->fenced_ns = slot_now(host);
    self->ended = *why;
}

/* Logged once, for whoever wonders why a worker that was frozen begins again. */
static void warn_of_loss(const slot_host *host, const slot *self)
{
    if (self->task == NULL) return;
    slot_warn(host, self->index, self->task->ops->progress(self->task).position, "partition lost",
              "this member's session was over, another may own it: what was not written is "
              "dropped, its owner applies it again");
}

void slots_release(slot_host *host, slot *const *slots, size_t count, bool lost)
{
    for (size_t i = 0; i < count; i++) {
        if (lost) warn_of_loss(host, slots[i]);
        ask_to_close(host, slots[i], lost);
    }
    slots_await_closed(host, slots, count);
    for (size_t i = 0; i < count; i++) {
        slots[i]->phase = SLOT_FREE;
        slots[i]->draining = slots[i]->is_given = slots[i]->is_kept = false;
    }
}

/* Do what a failure of `call` asks for. */
static void answer(slot_host *host, slot *self, slot_call call, const stele_error *failure)
{
    switch (slot_judge(failure)) {
    case SLOT_ON_ITS_WAY:
        go_on(self, call);
        break;
    case SLOT_WAIT:
        back_off(host, self, call, failure);
        break;
    case SLOT_REOPEN:
        if (slot_now(host) >= after_ms(self->reopened_ns, RECOVERED_MS)) self->reopened_ms = 0;
        slot_reopen(host, self);
        self->waits[SLOT_PREPARE].backoff_ms = self->reopened_ms;
        back_off(host, self, SLOT_PREPARE, failure);
        self->reopened_ms = self->waits[SLOT_PREPARE].backoff_ms;
        self->reopened_ns = slot_now(host);
        break;
    case SLOT_GIVE_WAY:
        give_way(host, self, failure);
        break;
    case SLOT_GIVE_UP:
        slot_stop(host, self, failure);
        break;
    }
}

/* ---- preparing ---- */

static stele_status open_task(slot_host *host, slot *self, stele_error *err)
{
    if (self->task != NULL) return STELE_OK;
    return host->tasks->open(host->self, host->worker, source_of(host, self), &self->task, err);
}

void slot_prepare(slot_host *host, slot *self)
{
    if (self->phase != SLOT_PREPARING) return;
    if (self->has_batch) slot_offer_again(host, self); /* of what it restores from */
    if (self->phase != SLOT_PREPARING || self->has_batch || self->closing != NULL) return;
    if (self->task == NULL && !may_call(host, self, SLOT_PREPARE)) return;

    stele_error failure = {0};
    int64_t start;
    stele_status status = open_task(host, self, &failure);
    if (status == STELE_OK) {
        self->prepared_once = true;
        status = self->task->ops->prepare(self->task, &start, &failure);
    }
    if (status == STELE_OK)
        status = stele_log_reader_start(host->reader, source_of(host, self), start, &failure);
    if (status < 0) {
        answer(host, self, SLOT_PREPARE, &failure);
        return;
    }
    assert(self->task->ops->progress(self->task).position >= 0);
    self->phase = SLOT_RUNNING;
    self->progress_ns = self->looked_ns = slot_now(host);
    for (int i = 0; i < SLOT_CALLS; i++)
        go_on(self, (slot_call)i);
    host->at_once = true;
}

/* ---- feeding ---- */

static bool is_source(const slot_host *host, const stele_batch *batch)
{
    return strcmp(batch->partition.topic, host->topic) == 0;
}

static stele_status take(slot_host *host, slot *self, const stele_batch *batch,
                         stele_error *failure)
{
    if (batch->status < 0 && is_source(host, batch)) {
        *failure = batch->error;
        failure->next = STELE_NEXT_STOP;
        if (batch->status == STELE_E_NOT_FOUND)
            stele_fail(failure, batch->status, STELE_NEXT_STOP,
                       "%s was deleted while its events were applied (%s): bring it back, or make "
                       "it again and raise the version of what is made of it",
                       host->topic, batch->error.text);
        return batch->status;
    }
    stele_status_board_busy(host->board, self->index);
    stele_status status = self->task->ops->take(self->task, batch, failure);
    stele_status_board_busy(host->board, -1);
    return status;
}

static void keep_batch(slot_host *host, slot *self, const stele_batch *batch)
{
    assert(!self->has_batch);
    self->batch = *batch;
    self->has_batch = true;
    stele_log_reader_hold(host->reader, batch->partition, true);
}

/* Events wait while they are not to be applied. */
static bool is_paused(const slot_host *host, const slot *self, const stele_batch *batch)
{
    return slot_pause(self) != NULL && is_source(host, batch);
}

void slot_offer(slot_host *host, slot *self, stele_batch *batch)
{
    bool wanted = self != NULL && self->task != NULL &&
                  (self->phase == SLOT_RUNNING || !is_source(host, batch));
    if (!wanted) {
        stele_log_batch_release(batch);
        return;
    }
    if (batch->status == STELE_OK && is_paused(host, self, batch)) {
        keep_batch(host, self, batch);
        return;
    }
    stele_error failure = {0};
    if (take(host, self, batch, &failure) == STELE_OK) {
        stele_log_batch_release(batch);
        go_on(self, SLOT_TAKE);
        return;
    }
    slot_verdict verdict = slot_judge(&failure);
    bool comes_again = verdict == SLOT_ON_ITS_WAY || verdict == SLOT_WAIT;
    if (comes_again && !STELE_BUG("batch is skipped after a retry"))
        keep_batch(host, self, batch);
    else
        stele_log_batch_release(batch);
    answer(host, self, SLOT_TAKE, &failure);
    if (verdict == SLOT_ON_ITS_WAY) host->at_once = true;
}

void slot_offer_again(slot_host *host, slot *self)
{
    if (!self->has_batch || !may_call(host, self, SLOT_TAKE)) return;
    if (is_paused(host, self, &self->batch)) return;
    stele_batch batch = self->batch;
    self->batch = (stele_batch){0};
    self->has_batch = false;
    stele_log_reader_hold(host->reader, batch.partition, false);
    slot_offer(host, self, &batch);
}

void slot_tick(slot_host *host, slot *self)
{
    if (self->phase != SLOT_RUNNING) return;
    stele_error failure = {0};
    if (self->task->ops->tick(self->task, &failure) < 0)
        answer(host, self, SLOT_TICK, &failure);
    else
        go_on(self, SLOT_TICK);
}

void slot_drain(slot_host *host, slot *self)
{
    assert(self->phase == SLOT_RUNNING);
    stele_error failure = {0};
    end_reading(host, self);
    stele_status status = self->task->ops->drain(self->task, &failure);
    if (status < 0) {
        slot_verdict verdict = slot_judge(&failure);
        if (verdict == SLOT_ON_ITS_WAY || verdict == SLOT_WAIT) return;
    }
    self->draining = false;
    if (status < 0) answer(host, self, SLOT_TICK, &failure);
}

/* ---- what others ask ---- */

const stele_pause *slot_pause(const slot *self)
{
    if (self->task == NULL || self->phase != SLOT_RUNNING) return NULL;
    const stele_task_ops *ops = self->task->ops;
    return ops->pause == NULL ? NULL : ops->pause(self->task);
}

stele_progress slot_progress(const slot *self)
{
    return self->task == NULL ? self->progress : self->task->ops->progress(self->task);
}

/* Why events are not applied comes before why snapshots are not written. */
static const char *reason_to_wait(const slot_host *host, const slot *self)
{
    int64_t now_ns = slot_now(host);
    for (int i = 0; i < SLOT_CALLS; i++) {
        const slot_wait *wait = &self->waits[i];
        if (i == SLOT_TAKE && slot_pause(self) != NULL) continue; /* no one tries it */
        if (wait->why.status < 0 && now_ns >= wait->reported_ns) return wait->why.text;
    }
    return NULL;
}

const char *slot_hindrance(const slot_host *host, const slot *self)
{
    for (int i = 0; i < SLOT_CALLS; i++)
        if (self->waits[i].why.status < 0) return self->waits[i].why.text;
    const char *reason;
    slot_state(host, self, &reason);
    return reason;
}

stele_partition_state slot_state(const slot_host *host, const slot *self, const char **reason)
{
    *reason = self->ended.text;
    if (self->phase == SLOT_STOPPED) return STELE_STATE_STOPPED;
    if (self->phase == SLOT_FENCED) return STELE_STATE_WAITING;
    const char *why = reason_to_wait(host, self);
    if (why == NULL && !stele_log_is_up(host->log)) why = "no broker answers";
    if (why != NULL) {
        *reason = why;
        return STELE_STATE_WAITING;
    }
    const stele_pause *pause = slot_pause(self);
    if (pause != NULL && !host->stopping && !slot_progress(self).settles) {
        *reason = pause->reason;
        return STELE_STATE_PAUSED;
    }
    *reason = self->stalled.text;
    if (self->stalled.status < 0) return STELE_STATE_STALLED;
    *reason = self->held_back.text;
    if (self->held_back.status < 0) return STELE_STATE_WAITING;
    if (self->phase == SLOT_RUNNING)
        return host->stopping ? STELE_STATE_STOPPING : STELE_STATE_RUNNING;
    return self->prepared_once ? STELE_STATE_RESTORING : STELE_STATE_STARTING;
}
