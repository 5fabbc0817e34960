/* SPDX-License-Identifier: MIT
 * A fold projection at work: what the tasks of a worker do with their partitions. Restores states
 * from snapshots, applies events, writes snapshots and checkpoints through the fenced transaction.
 *
 * Threads and memory: a partition has the fenced writer's thread and its producer's, and one more
 * while it is taken; states live in
 * memory, sizeof(stele_entry) and the table's own cost above key and struct.
 *
 * An aggregate's writer is built on it, too: there the fold owns what it reads. What decides, and
 * writes the events, is a task around the fold's, which has access to its fenced writer and its
 * states. The fold knows nothing of it. */
#ifndef STELE_PROJECTIONS_FOLD_H
#define STELE_PROJECTIONS_FOLD_H

#include <stele/projection.h>

#include "consumer/worker.h"
#include "core/mailbox.h"
#include "producer/fenced.h"
#include "projections/sql_desk.h"
#include "projections/state_table.h"
#include "projections/states.h"
#include "registry/registry.h"
#include "snapshots/companion.h"

typedef struct stele_fold stele_fold;

/**
 * A fold that owns its source, as that of an aggregate's writer. Its projection's name is
 * stele_writer_name. All borrowed; it outlives the fold.
 *
 * One transactional id, stele_writer_transactional_id, writes to a partition of the source, to its
 * snapshots and to the shared topics. Taking the partition ends what hangs of it in all of them.
 * The group's offset is moved for tools only, and not compared when a partition is restored.
 */
typedef struct stele_fold_owner {
    /** Topics to whose partition 0 all owners write, each with its own id; NULL-terminated; or
     * NULL. What another one has open there keeps no partition from being taken. */
    const char *const *shared;
    /** Topics with as many partitions as the source, to whose partition of the same number the id
     * writes, and no one else; NULL-terminated; or NULL. */
    const char *const *own;
    /** The topic of the commands, where it takes them there: how far they are read is kept beside
     * the snapshots (stele_fold_commands); NULL: it does not. */
    const char *commands;
    int lanes; /* of the fenced writer, which follows the source; the fold writes in `lane` */
    int lane;
    const stele_companion *companion; /* of the states; or NULL */
    /**
     * See to it that the shared topics are there. Called before the first partition is taken, and
     * again when a topic was gone, in a partition's thread: it may block. NULL: they are.
     * @return next = RETRY  it is called again
     */
    stele_status (*ensure)(void *context, stele_log *log, int timeout_ms, stele_error *err);
    void *context;
} stele_fold_owner;

/** The table that states are kept in, instead of in snapshots. All of it is borrowed and outlives
 * the fold; the table outlives its desk. */
typedef struct stele_fold_table {
    const stele_state_table *table;
    stele_sql_desk *desk;
} stele_fold_table;

typedef struct stele_fold_options {
    const stele_projection *projection; /* borrowed, outlives the fold */
    stele_registry *registry;           /* likewise */
    int64_t snapshot_events;            /* events between snapshots; 0: 10,000. While further behind
                                           than that, 100 for each snapshot to be written, too */
    int snapshot_interval_ms;           /* and at most so long; 0: 10,000 */
    size_t transaction_snapshots;       /* in one transaction, at most; 0: 4,000 */
    int transaction_timeout_ms;         /* 0: 10,000 */
    bool parks; /* an event that cannot be applied is set aside; false: it stops its partition */
    int park_attempts;      /* before it is; 0: 3 */
    size_t parked_max;      /* aggregates of a partition with such events, at most; 0: 1,000 */
    size_t parked_size_max; /* bytes of these events; 0: 64 MiB */
    const stele_fold_owner *owner; /* NULL: it only reads its source */
    const stele_fold_table *table; /* NULL: states are kept in snapshots; not of an owner */
    stele_post *post; /* whose threads may ask for states, projections/state_letter.h; borrowed,
                         outlives the fold's tasks; NULL: none */
} stele_fold_options;

/**
 * What a worker needs to run a projection; one fold for each worker. Nothing is asked yet.
 *
 * @param out  caller owns; release with stele_fold_close after the worker
 * @return STELE_E_INVALID  the projection's tables cannot be right (next = STOP)
 */
stele_status stele_fold_open(const stele_fold_options *options, stele_fold **out, stele_error *err);
void stele_fold_close(stele_fold *fold);
STELE_SCOPE(stele_fold, stele_fold_close);

/** What stele_worker_options take: name, topic, ops and self. Borrowed from the fold. */
const char *stele_fold_group(const stele_fold *fold);     /* stele_projection_group */
const char *stele_fold_topic(const stele_fold *fold);     /* "<aggregate>.events" */
const char *stele_fold_snapshots(const stele_fold *fold); /* its snapshots topic */
extern const stele_task_ops stele_fold_tasks;

/*
 * For the task of an owner, which wraps one of stele_fold_tasks: it opens it with the fold as
 * `self`, and calls it in each call of its own. From the worker's thread, between `open` and `end`.
 */

/** The partition's fenced writer, once `prepare` has returned STELE_OK; NULL before. Its outcomes
 * wake the worker. The fold tells it what is visible in the source, with each batch that it takes.
 */
stele_fenced *stele_fold_fenced(const stele_task *task);

/** The states of all that is visible, below the task's position. */
stele_states *stele_fold_states(stele_task *task);

/** The last value of stele_commands_key in the snapshots when the partition was taken; null: none,
 * or no topic of commands. Valid until `close`. */
stele_bytes stele_fold_commands(const stele_task *task);

/** The offset of the next event to be applied; -1 before `prepare` has returned STELE_OK. */
int64_t stele_fold_position(const stele_task *task);

/**
 * Is all in the states that was written before the fence? Not when `prepare` has returned STELE_OK,
 * but once the events behind the snapshots are applied, too: up to the source's high watermark
 * after the fence and after the end of what hung. Before, nothing is to be decided.
 */
bool stele_fold_is_current(const stele_task *task);

#endif
