/* SPDX-License-Identifier: MIT
 * The group worker loop: one thread, one member, one reader, a task per owned partition. It knows
 * membership, reading, waiting, stalling and stopping; what a partition's events do is the task's.
 */
#ifndef STELE_CONSUMER_WORKER_H
#define STELE_CONSUMER_WORKER_H

#include <stdatomic.h>

#include "consumer/asker.h"
#include "consumer/status.h"
#include "consumer/task.h"
#include "core/clock.h"
#include "core/logger.h"
#include "kafka/log.h"
#include "registry/registry.h"

typedef struct stele_worker_options {
    const char *name;     /* "<projection>.v<n>": the group, and the key in _stele.status */
    const char *topic;    /* the source: "<aggregate>.events" */
    const char *instance; /* shown in status */
    const char *address;  /* of its HTTP, told in status; NULL: it has none */
    int sources;          /* topics of the projection, told in status; 0: this one only */
    bool eager;
    int session_timeout_ms;   /* 0: 6,000 */
    int stall_timeout_ms;     /* 0: 30,000 */
    int drain_timeout_ms;     /* 0: 10,000; negative: no last snapshot */
    size_t memory_max;        /* bytes fetched ahead, if it owned all partitions; 0: 256 MiB */
    bool no_status;           /* do not write _stele.status */
    bool keeps_revoked;       /* what the group takes away in order is kept, until it is given away
                                 (stele_worker_give), or fenced by who has it now */
    stele_registry *registry; /* where its tasks find schemas: whoever waits for one is called when
                                 one comes; borrowed; NULL: none is waited for */
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
/** Now, on the clock that deadlines are of. */
int64_t stele_worker_now_ns(const stele_worker *worker);
/** For questions that block. */
stele_asker *stele_worker_asker(stele_worker *worker);
/** Of the source, as seen at start; -1: the topic was not seen yet. */
int32_t stele_worker_partition_count(const stele_worker *worker);

/** Call the worker's tasks again soon: something that one of them waits for is there. From any
 * thread, until the worker is closed. */
void stele_worker_wake(stele_worker *worker);

/** For a task, within a call: it has more to do, and is called again in the next turn, at once. */
void stele_worker_call_again(stele_worker *worker);

/** Likewise: it is called again after that long at the latest, if not sooner. */
void stele_worker_call_within(stele_worker *worker, int64_t ms);
/**
 * Take a partition that the group has not assigned, or of which this worker was fenced: it is
 * opened and served like others, and kept until it is given away, assigned and revoked, fenced, or
 * the worker leaves the group. In the worker's thread, in `turn` of its tasks.
 *
 * @return false: not now, for it is ours, or the worker is in no group yet
 */
bool stele_worker_take(stele_worker *worker, int32_t partition);

/** Give a partition away: it is drained, within two seconds, and no longer ours then, also if the
 * group has assigned it; but if it still is after a session time-out it is taken again. Likewise.
 */
void stele_worker_give(stele_worker *worker, int32_t partition);

/** Set when the worker is to stop: whatever takes long in a call looks at it and comes back. */
const atomic_bool *stele_worker_stop(const stele_worker *worker);

/** Log what an operator will wonder about. @param position  -1: none */
void stele_worker_warn(const stele_worker *worker, int32_t partition, int64_t position,
                       const char *message, const char *reason);

/** A task found out that the partition count is not what it was: stop all partitions, in this turn
 * of the loop, and all that come. */
void stele_worker_stop_all(stele_worker *worker, const stele_error *reason);

/**
 * One bounded turn of the loop: group, a batch, ticks, states. It waits for something to come, for
 * `timeout_ms` at most, and while something goes on for 100 ms at most: tasks look at clocks then.
 * While the broker or the topic is away it comes back with STELE_OK.
 * @return failures of the worker itself
 */
stele_status stele_worker_step(stele_worker *worker, int timeout_ms, stele_error *err);

/** Does it own partitions, and is each of them stopped? */
bool stele_worker_is_stopped(const stele_worker *worker);

/**
 * Step until `stop` is set, then drain within the deadline and leave the group. Whoever sets it
 * wakes the worker, or a worker at rest hears of it two seconds later.
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

/** Why a partition is stopped. Borrowed, until the next step. @return NULL: it is not, or not owned
 */
const stele_error *stele_worker_stopped(const stele_worker *worker, int32_t partition);

/** What a partition waits for now, however short a time it has; "": for nothing, or it is not
 * owned. Borrowed, until the next step. */
const char *stele_worker_hindrance(const stele_worker *worker, int32_t partition);

/** Wait, in the worker's thread and beside its loop, until it is woken or the time is over. */
void stele_worker_rest(stele_worker *worker, int timeout_ms);

/** How far a partition is; position -1 if it is not owned or not restored. */
stele_progress stele_worker_progress(const stele_worker *worker, int32_t partition);

#endif
