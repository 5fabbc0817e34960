/* SPDX-License-Identifier: MIT
 * A fold projection at work: what the tasks of a worker do with their partitions. Restores states
 * from snapshots, applies events, writes snapshots and checkpoints through the fenced transaction.
 *
 * Threads and memory: a partition has the fenced writer's thread and its producer's, and one more
 * while it is taken; states live in
 * memory, sizeof(stele_entry) and the table's own cost above key and struct. */
#ifndef STELE_PROJECTIONS_FOLD_H
#define STELE_PROJECTIONS_FOLD_H

#include <stele/projection.h>

#include "consumer/worker.h"
#include "registry/registry.h"

typedef struct stele_fold stele_fold;

typedef struct stele_fold_options {
    const stele_projection *projection; /* borrowed, outlives the fold */
    stele_registry *registry;           /* likewise */
    int64_t snapshot_events;            /* events between snapshots; 0: 10,000. While further behind
                                           than that, 100 for each snapshot to be written, too */
    int snapshot_interval_ms;           /* and at most so long; 0: 10,000 */
    size_t transaction_snapshots;       /* in one transaction, at most; 0: 4,000 */
    int transaction_timeout_ms;         /* 0: 10,000 */
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
const char *stele_fold_group(const stele_fold *fold); /* "<projection>.v<n>" */
const char *stele_fold_topic(const stele_fold *fold); /* "<aggregate>.events" */
extern const stele_task_ops stele_fold_tasks;

#endif
