/* SPDX-License-Identifier: MIT
 * The group worker loop: one thread, one member, one reader, a task per owned partition. It knows
 * membership, reading, waiting, stalling and stopping; what a partition's events do is the task's.
 */
#ifndef STELE_CONSUMER_WORKER_H
#define STELE_CONSUMER_WORKER_H

#include <stdatomic.h>

#include "core/clock.h"
#include "core/logger.h"
#include "kafka/log.h"

typedef struct stele_worker stele_worker;
typedef struct stele_task stele_task;

/** How far a task is. The position is the offset of the next event to be applied. */
typedef struct stele_progress {
    int64_t position; /* -1 while it is not restored */
    int64_t applied;  /* events applied since the task was opened */
} stele_progress;

/**
 * What a partition's task does. All calls come from the worker's thread; none may block for longer
 * than its argument says. A task is told to wait by the failure it returns:
 *
 *   next = RETRY   the partition waits (reason: the error's text) and the call is made again after
 * a back-off; a batch is offered again whole, and the task skips what it has applied next = ABORT
 * the state can no longer be trusted: the task is closed and opened anew (fence, restore) next =
 * STOP, REJECT  the partition stops with the error's text; the others go on
 */
typedef struct stele_task_ops {
    /** A partition of the source topic became ours. Local and quick. */
    stele_status (*open)(void *self, stele_worker *worker, stele_partition source, stele_task **out,
                         stele_error *err);
    /**
     * Fence and restore, a bounded piece per call (it may read by the worker's reader: batches of
     * other topics are handed to `take` too).
     * @param start  the offset to read the source from, when it returns STELE_OK
     * @return STELE_E_TIMED_OUT, next = RETRY and an empty text: not done yet, nothing is wrong
     */
    stele_status (*prepare)(stele_task *task, int64_t *start, stele_error *err);
    /** A batch of the source, or of a topic that the task reads to restore. Not kept after the
     * call. */
    stele_status (*take)(stele_task *task, const stele_batch *batch, stele_error *err);
    /** Between batches, and at least every 100 ms: snapshot policy, outcomes of transactions. */
    stele_status (*tick)(stele_task *task, stele_error *err);
    /** Shutdown or an orderly revoke: write the last snapshot, a bounded piece per call.
     * @return STELE_E_TIMED_OUT, next = RETRY: not done yet */
    stele_status (*drain)(stele_task *task, stele_error *err);
    /** The partition is no longer ours, or is opened anew: abort what is open, release. */
    void (*close)(stele_task *task, bool lost);
    stele_progress (*progress)(const stele_task *task);
} stele_task_ops;

struct stele_task {
    const stele_task_ops *ops;
};

typedef enum stele_partition_state {
    STELE_STATE_STARTING = 0,
    STELE_STATE_RESTORING,
    STELE_STATE_RUNNING,
    STELE_STATE_WAITING, /* for something that may come back; the reason says what */
    STELE_STATE_STALLED, /* behind, and no progress for stall_timeout_ms */
    STELE_STATE_STOPPED, /* it needs a person; the reason says what to do */
    STELE_STATE_STOPPING
} stele_partition_state;

const char *stele_partition_state_name(stele_partition_state state);

typedef struct stele_worker_options {
    const char *name;     /* "<projection>.v<n>": the group, and the key in _stele.status */
    const char *topic;    /* the source: "<aggregate>.events" */
    const char *instance; /* shown in status */
    bool eager;
    int session_timeout_ms; /* 0: 6,000 */
    int stall_timeout_ms;   /* 0: 30,000 */
    int drain_timeout_ms;   /* 0: 10,000 */
    size_t queue_max;       /* bytes fetched ahead, per partition */
    const stele_task_ops *ops;
    void *self; /* handed to ops->open; borrowed */
    stele_clock clock;
    stele_logger *logger; /* NULL: silent */
} stele_worker_options;

/** @param out caller owns; release with stele_worker_close; `log` is borrowed */
stele_status stele_worker_open(stele_log *log, const stele_worker_options *options,
                               stele_worker **out, stele_error *err);

/** What tasks may use. */
stele_log *stele_worker_log(stele_worker *worker);
stele_log_reader *stele_worker_reader(stele_worker *worker);
stele_log_member *stele_worker_member(stele_worker *worker);
stele_clock *stele_worker_clock(stele_worker *worker);
int32_t
stele_worker_partition_count(const stele_worker *worker); /* of the source, as seen at start */

/** One bounded turn of the loop: group, batches, ticks, status. @return failures of the worker
 * itself */
stele_status stele_worker_step(stele_worker *worker, int timeout_ms, stele_error *err);

/**
 * Step until `stop` is set, then drain within the deadline and leave the group.
 *
 * @return STELE_OK after a stop; STELE_E_INTERNAL if every partition is stopped
 */
stele_status stele_worker_run(stele_worker *worker, const atomic_bool *stop, stele_error *err);

void stele_worker_close(stele_worker *worker);

/** A partition's state as the worker sees it, for tests and status. @return false: not owned */
bool stele_worker_state(const stele_worker *worker, int32_t partition, stele_partition_state *state,
                        const char **reason);

#endif
