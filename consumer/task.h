/* SPDX-License-Identifier: MIT
 * What a worker does with a partition: a task, opened when the partition becomes ours. The worker
 * knows when, and the task what. */
#ifndef STELE_CONSUMER_TASK_H
#define STELE_CONSUMER_TASK_H

#include "core/deadline.h"
#include "kafka/log.h"

typedef struct stele_worker stele_worker;
typedef struct stele_task stele_task;

/** How far a task is. The position is the offset of the next event to be applied. */
typedef struct stele_progress {
    int64_t position;      /* -1 while it is not restored */
    int64_t applied;       /* events applied, or records restored, since the task was opened */
    int64_t late;          /* events of what had ended, passed over since then */
    int64_t parked_keys;   /* aggregates with events that are set aside … */
    int64_t parked_events; /* … and how many those are */
    int64_t reset_ms;      /* it has begun after the reset of that time; 0: there was none */
    bool settles;          /* what it has taken is on its way to where it is stored */
} stele_progress;

/** Someone has ordered that no event is applied for now. */
typedef struct stele_pause {
    int64_t since_ms; /* Unix time of the order */
    char reason[240]; /* "": none was given */
} stele_pause;

/**
 * What a partition's task does. All calls come from the worker's thread, and none asks a broker or
 * a registry anything that blocks: for that a task has a thread. What a failure means:
 *
 *   next = RETRY         the partition waits (reason: the error's text); with an empty text nothing
 *                        is wrong. The call is made again: a batch is offered again whole, after a
 *                        back-off or (empty text) at once, and the task skips what it has done;
 *                        the other calls are made in each turn, and a task that waits for something
 *                        wakes its worker. Each of `prepare`, `take` and `tick` waits by itself
 *   next = ABORT         the state can no longer be trusted: the task is closed and opened again
 *   STELE_E_FENCED       another owner wrote: the task is closed, and opened again when the group
 *                        assigns the partition again, or has not taken it away for a whole session
 *   next = STOP, REJECT  the partition stops with the error's text; the others go on
 */
typedef struct stele_task_ops {
    /** A partition of the source topic became ours. Local and quick. A failure that passes is tried
     * again after a back-off. */
    stele_status (*open)(void *self, stele_worker *worker, stele_partition source, stele_task **out,
                         stele_error *err);
    /**
     * Fence and restore; not to be waited for. It may start other topics' partitions of the same
     * number in the worker's reader: their batches are handed to `take`.
     * @param start  the offset to read the source from, when it returns STELE_OK
     */
    stele_status (*prepare)(stele_task *task, int64_t *start, stele_error *err);
    /** A batch of the source, or of a topic that the task reads. Not kept after the call. */
    stele_status (*take)(stele_task *task, const stele_batch *batch, stele_error *err);
    /** After each batch, whenever the worker is woken, and at least every 100 ms while something
     * goes on, as records that come, and six seconds longer: snapshot policy, outcomes of
     * transactions. Of a worker at rest every two seconds: what is due by a clock then says so
     * (stele_worker_call_within). */
    stele_status (*tick)(stele_task *task, stele_error *err);
    /** Shutdown or an orderly revoke: write the last snapshot, a bounded piece per call; RETRY
     * until it is done. Called once the task is prepared only, also in the rebalance callback. */
    stele_status (*drain)(stele_task *task, stele_error *err);
    /** The partition is no longer ours, or is opened again: begin to abort what is open, and wait
     * for nothing. Only `close` follows. */
    void (*end)(stele_task *task, bool lost);
    /** Wait until what `end` began is done, or left behind when `by` has passed; release. */
    void (*close)(stele_task *task, stele_deadline by);
    stele_progress (*progress)(const stele_task *task);
    /** Why no events are to be applied now: none are offered meanwhile, all other calls are made.
     * Valid until the next call. NULL: they are; or, of the operation, it is never so. */
    const stele_pause *(*pause)(const stele_task *task);
    /** In each turn of the loop, before the ticks, also while no partition is ours: for what the
     * worker's self has to do besides. NULL: nothing. */
    void (*turn)(void *self, stele_worker *worker);
} stele_task_ops;

struct stele_task {
    const stele_task_ops *ops;
};

/** Say that nothing is wrong, and the call is to be made again. @return STELE_E_TIMED_OUT (next =
 * RETRY, with an empty text) */
static inline stele_status stele_task_not_yet(stele_error *err)
{
    return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "%s", "");
}

#endif
