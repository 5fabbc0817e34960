/* SPDX-License-Identifier: MIT
 * The group worker loop: one thread, one member, one reader, a task per owned partition. It knows
 * membership, reading, waiting, stalling and stopping; what a partition's events do is the task's.
 */
#ifndef STELE_CONSUMER_WORKER_H
#define STELE_CONSUMER_WORKER_H

#include <stdatomic.h>

#include "consumer/asker.h"
#include "consumer/status.h"
#include "core/clock.h"
#include "core/logger.h"
#include "kafka/log.h"

typedef struct stele_worker stele_worker;
typedef struct stele_task stele_task;

/** How far a task is. The position is the offset of the next event to be applied. */
typedef struct stele_progress {
    int64_t position; /* -1 while it is not restored */
    int64_t applied;  /* events applied, or records restored, since the task was opened */
    int64_t late;     /* events of what had ended, passed over since then */
} stele_progress;

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
    /** After each batch, and at least every 100 ms: snapshot policy, outcomes of transactions. */
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
} stele_task_ops;

struct stele_task {
    const stele_task_ops *ops;
};

typedef struct stele_worker_options {
    const char *name;     /* "<projection>.v<n>": the group, and the key in _stele.status */
    const char *topic;    /* the source: "<aggregate>.events" */
    const char *instance; /* shown in status */
    bool eager;
    int session_timeout_ms; /* 0: 6,000 */
    int stall_timeout_ms;   /* 0: 30,000 */
    int drain_timeout_ms;   /* 0: 10,000; negative: no last snapshot */
    size_t memory_max;      /* bytes fetched ahead, if it owned all partitions; 0: 256 MiB */
    bool no_status;         /* do not write _stele.status */
    const stele_task_ops *ops;
    void *self;                 /* handed to ops->open; borrowed */
    const stele_logger *logger; /* NULL: silent */
} stele_worker_options;

/**
 * Make a worker. Nothing is asked of the network yet.
 *
 * @param options  borrowed for the call; the texts in it are copied
 * @param out      caller owns; release with stele_worker_close; `log` is borrowed
 */
stele_status stele_worker_open(stele_log *log, const stele_worker_options *options,
                               stele_worker **out, stele_error *err);

/** What tasks may use. */
stele_log *stele_worker_log(stele_worker *worker);
stele_log_reader *stele_worker_reader(stele_worker *worker);
stele_log_member *stele_worker_member(stele_worker *worker);
stele_clock stele_worker_clock(const stele_worker *worker);
/** For questions that block. */
stele_asker *stele_worker_asker(stele_worker *worker);
int32_t
stele_worker_partition_count(const stele_worker *worker); /* of the source, as seen at start */

/** Call the worker's tasks again soon: something that one of them waits for is there. From any
 * thread, until the worker is closed. */
void stele_worker_wake(stele_worker *worker);

/** For a task, within a call: it has more to do, and is called again in the next turn, at once. */
void stele_worker_call_again(stele_worker *worker);

/** Set when the worker is to stop: whatever takes long in a call looks at it and comes back. */
const atomic_bool *stele_worker_stop(const stele_worker *worker);

/** Log what an operator will wonder about. @param position  -1: none */
void stele_worker_warn(const stele_worker *worker, int32_t partition, int64_t position,
                       const char *message, const char *reason);

/** A task found out that the partition count is not what it was: stop all partitions, in this turn
 * of the loop, and all that come. */
void stele_worker_stop_all(stele_worker *worker, const stele_error *reason);

/**
 * One bounded turn of the loop: group, a batch, ticks, states. While the broker or the topic is
 * away it comes back after `timeout_ms` with STELE_OK.
 * @return failures of the worker itself
 */
stele_status stele_worker_step(stele_worker *worker, int timeout_ms, stele_error *err);

/** Does it own partitions, and is each of them stopped? */
bool stele_worker_is_stopped(const stele_worker *worker);

/**
 * Step until `stop` is set, then drain within the deadline and leave the group.
 *
 * @return STELE_OK after a stop
 *         STELE_E_STOPPED  every partition that it owns is stopped; the text has the first reason
 *         else a failure of the worker itself: its process has to end
 */
stele_status stele_worker_run(stele_worker *worker, const atomic_bool *stop, stele_error *err);

/** Drain all tasks within the drain time-out, leave the group, release. NULL is fine. */
void stele_worker_close(stele_worker *worker);

/** A partition's state as the worker sees it, for tests and status.
 * @param reason  why; "" where there is nothing to say; valid until the next step
 * @return false: not owned */
bool stele_worker_state(const stele_worker *worker, int32_t partition, stele_partition_state *state,
                        const char **reason);

/** How far a partition is; position -1 if it is not owned or not restored. */
stele_progress stele_worker_progress(const stele_worker *worker, int32_t partition);

#endif
