/* SPDX-License-Identifier: MIT
 * Who stands still, and who is told: the state of each partition, the watch for silent stalls, the
 * lines in log and status. */
#include "consumer/worker_internal.h"
#include "core/message.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- states ---- */

stele_partition_state slot_state(const stele_worker *worker, const slot *self, const char **reason)
{
    *reason = self->reason;
    if (self->phase == SLOT_STOPPED) return STELE_STATE_STOPPED;
    bool waits = self->reason[0] != '\0' && worker_now(worker) >= self->said_ns;
    if (self->phase == SLOT_FENCED || waits) return STELE_STATE_WAITING;
    if (!stele_log_is_up(worker->log)) {
        *reason = "no broker answers";
        return STELE_STATE_WAITING;
    }
    *reason = self->stalled;
    if (self->stalled[0] != '\0') return STELE_STATE_STALLED;
    if (self->phase == SLOT_RUNNING)
        return worker->stopping ? STELE_STATE_STOPPING : STELE_STATE_RUNNING;
    return self->prepared_once ? STELE_STATE_RESTORING : STELE_STATE_STARTING;
}

/* ---- the watch ---- */

stele_status worker_open_reader(stele_worker *worker, stele_error *err)
{
    /* It may come to own every partition, and each has a queue of its own. */
    size_t memory =
        worker->options.memory_max == 0 ? (size_t)MEMORY_MAX : worker->options.memory_max;
    stele_log_reader_options options = {.queue_max = memory / (size_t)worker->partition_count};
    return stele_log_reader_open(worker->log, &options, &worker->reader, err);
}

/* What it restores is read by the reader too. It stays stalled until something comes. */
static void begin_again(stele_worker *worker, slot *self)
{
    char stalled[sizeof self->stalled];
    memcpy(stalled, self->stalled, sizeof stalled);
    slot_reopen(worker, self);
    memcpy(self->stalled, stalled, sizeof stalled);
}

/* A reader that gives nothing although there is something is replaced: what it had fetched ahead is
 * read again, from where each task stands. */
static stele_status replace_reader(stele_worker *worker, stele_error *err)
{
    for (int32_t i = 0; i < worker->slot_count; i++) {
        slot *each = &worker->slots[i];
        if (each->phase == SLOT_PREPARING && each->task != NULL) begin_again(worker, each);
        if (each->has_batch) stele_log_batch_release(&each->batch);
        each->batch = (stele_batch){0};
        each->has_batch = false;
    }
    stele_log_reader_close(worker->reader);
    worker->reader = NULL;
    stele_status status = worker_open_reader(worker, err);
    if (status < 0) return status;
    for (int32_t i = 0; i < worker->slot_count; i++) {
        slot *each = &worker->slots[i];
        if (each->phase != SLOT_RUNNING) continue;
        stele_error failure;
        stele_progress progress = each->task->ops->progress(each->task);
        if (stele_log_reader_start(worker->reader, (stele_partition){worker->topic, i},
                                   progress.position, &failure) < 0)
            slot_stop(worker, each, &failure);
    }
    return STELE_OK;
}

/* Did it move, or is there nothing that it could do? */
static bool has_moved(slot *self)
{
    stele_progress now =
        self->task == NULL ? self->progress : self->task->ops->progress(self->task);
    bool moved = now.position != self->progress.position || now.applied != self->progress.applied;
    self->progress = now;
    return moved;
}

/* Asked only of a partition that has not moved for a long time. */
static bool is_behind(const stele_worker *worker, const slot *self, int64_t *end)
{
    int64_t start;
    return stele_log_bounds(worker->log, (stele_partition){worker->topic, self->index},
                            STELE_READ_COMMITTED, ASK_MS, &start, end, NULL) == STELE_OK &&
           *end > self->progress.position;
}

static void set_stalled(stele_worker *worker, slot *self, int64_t end)
{
    int stalled_s = worker->options.stall_timeout_ms / 1000;
    if (self->phase == SLOT_PREPARING)
        stele_message_format(self->stalled, sizeof self->stalled,
                             "restoring has made no progress for %d s; beginning again", stalled_s);
    else
        stele_message_format(
            self->stalled, sizeof self->stalled,
            "no event %s for %d s at %s/%d/%" PRId64 ", the log ends at %" PRId64 "%s",
            self->has_batch ? "was applied" : "came", stalled_s, worker->topic, (int)self->index,
            self->progress.position, end, self->has_batch ? "" : "; reading anew");
}

/* @return does it need another reader? */
static bool watch_slot(stele_worker *worker, slot *self)
{
    int64_t now_ns = worker_now(worker);
    bool watched = self->phase == SLOT_RUNNING || self->phase == SLOT_PREPARING;
    if (!watched || has_moved(self)) {
        self->stalled[0] = '\0';
        self->progress_ns = now_ns;
        return false;
    }
    /* What waits has said why; a wait is not a stall. */
    bool waits = self->reason[0] != '\0' || !stele_log_is_up(worker->log);
    if (waits) self->progress_ns = now_ns;
    if (now_ns < after_ms(self->progress_ns, worker->options.stall_timeout_ms)) return false;

    int64_t end = 0;
    self->progress_ns = now_ns; /* the next look is a time-out later */
    if (self->phase == SLOT_RUNNING && !is_behind(worker, self, &end)) {
        self->stalled[0] = '\0';
        return false;
    }
    set_stalled(worker, self, end);
    return !self->has_batch;
}

stele_status worker_watch(stele_worker *worker, stele_error *err)
{
    bool replace = false;
    for (int32_t i = 0; i < worker->slot_count; i++)
        replace = watch_slot(worker, &worker->slots[i]) || replace;
    return replace ? replace_reader(worker, err) : STELE_OK;
}

/* ---- telling ---- */

static void log_state(const stele_worker *worker, const slot *self, stele_partition_state state,
                      const char *reason)
{
    bool is_bad = state == STELE_STATE_STALLED || state == STELE_STATE_WAITING;
    stele_logger_level level = state == STELE_STATE_STOPPED ? STELE_LOGGER_ERROR
                               : is_bad                     ? STELE_LOGGER_WARN
                                                            : STELE_LOGGER_INFO;
    stele_logger_write(worker->options.logger, level, stele_partition_state_name(state),
                       STELE_LOGGER_FIELDS(stele_logger_text("worker", worker->name),
                                           stele_logger_text("topic", worker->topic),
                                           stele_logger_int("partition", self->index),
                                           stele_logger_int("position", self->progress.position),
                                           stele_logger_text("reason", reason)));
}

static void tell_slot(stele_worker *worker, slot *self)
{
    if (self->phase == SLOT_FREE) return;
    const char *reason;
    stele_partition_state state = slot_state(worker, self, &reason);
    bool is_new =
        !self->told || state != self->told_state || strcmp(reason, self->told_reason) != 0;
    bool has_progress = self->progress.position != self->told_progress.position ||
                        self->progress.applied != self->told_progress.applied;
    if (!is_new && !has_progress) return;
    if (is_new) log_state(worker, self, state, reason);
    self->told = true;
    self->told_state = state;
    self->told_progress = self->progress;
    stele_message_format(self->told_reason, sizeof self->told_reason, "%s", reason);
    stele_status_board_set(worker->board, self->index, state, reason, self->progress.position,
                           self->progress.applied);
}

void worker_tell(stele_worker *worker)
{
    for (int32_t i = 0; i < worker->slot_count; i++)
        tell_slot(worker, &worker->slots[i]);
}
