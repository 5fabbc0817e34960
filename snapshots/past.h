/* SPDX-License-Identifier: MIT
 * The past of a projection, opened for reading: what its snapshots topic holds, checked as a worker
 * checks it before it goes on from there. For all commands that read states without a worker. */
#ifndef STELE_SNAPSHOTS_PAST_H
#define STELE_SNAPSHOTS_PAST_H

#include <stdatomic.h>

#include "core/deadline.h"
#include "snapshots/restore.h"

typedef struct stele_past stele_past;

/** All borrowed; they outlive the past. */
typedef struct stele_past_options {
    stele_log *log;
    stele_registry *registry;
    const char *projection;
    int version;
    const char *events;    /* the source topic; NULL: not known, so that nothing can be checked */
    const char *companion; /* as in stele_restore_options */
    /** As in stele_restore_options, with the context of the read. */
    stele_status (*letter)(void *context, int64_t offset, stele_bytes stored, stele_error *err);
    stele_deadline deadline; /* for all of it */
    int patience_ms;         /* how long a read may stand still; 0: as long as the deadline has */
    const atomic_bool *stop; /* NULL: nothing ends it early */
} stele_past_options;

/** The deadline of one piece of work that begins now: that of all, or what patience there is. */
stele_deadline stele_past_piece(const stele_past_options *options);

/**
 * Look at the topics and at the registry. Without a snapshots topic there is a past of nothing.
 *
 * @param out  caller owns; release with stele_past_close
 * @return STELE_E_NOT_FOUND  there is no events topic
 *         STELE_E_CONFLICT   the two topics have different partition counts (next = STOP)
 */
stele_status stele_past_open(const stele_past_options *options, stele_past **out, stele_error *err);
void stele_past_close(stele_past *past);
STELE_SCOPE(stele_past, stele_past_close);

int32_t stele_past_partitions(const stele_past *past);

/** The same, of a past. */
stele_deadline stele_past_deadline(const stele_past *past);

/** What one partition holds. */
typedef struct stele_past_partition {
    bool is_read; /* all of the snapshots; the rest is filled in this order */
    bool has_checkpoint;
    int64_t next_offset; /* of the checkpoint; 0: none */
    int64_t aggregates;  /* snapshots that are there */
    int64_t finished;    /* tombstones */
    int64_t log_start;   /* of the events */
    int64_t log_end;     /* their high watermark */
    stele_resume resume; /* where the events go on behind the snapshots */
} stele_past_partition;

/** As in stele_restore_options. NULL: no one wants them. */
typedef stele_status stele_past_each(void *context, const stele_snapshot *snapshot,
                                     stele_error *err);

/**
 * Read the snapshots of a partition, and check that it can be gone on from.
 *
 * @param out  also filled, as far as it is known, where the check fails
 * @return STELE_E_HOLE, STELE_E_CONFLICT, STELE_E_INVALID, STELE_E_INCOMPATIBLE, STELE_E_LIMIT
 *         a worker would stop here, and says why with the same words (next = STOP)
 *         STELE_E_TIMED_OUT, STELE_E_INTERRUPTED, failures of log and registry
 */
stele_status stele_past_read(stele_past *past, int32_t partition, stele_past_each *each,
                             void *context, stele_past_partition *out, stele_error *err);

/** Told of a partition that could not be done, and why. */
typedef void stele_past_left_out(void *context, stele_partition partition, const stele_error *why);

/**
 * Call `one` for each partition. What stops one partition does not take the rest with it: that one
 * is left out. What concerns the broker, the registry or the whole projection ends the walk.
 *
 * @param left_out  NULL: the first failure ends it
 */
stele_status stele_past_walk(
    stele_past *past, stele_status (*one)(void *context, int32_t partition, stele_error *err),
    stele_past_left_out *left_out, void *one_context, void *left_out_context, stele_error *err);

/**
 * The events topic of a projection that this program does not know, by the checkpoints in its
 * snapshots topic.
 *
 * @param out  caller owns; NULL: no checkpoint was written yet
 */
stele_status stele_past_source(stele_log *log, const char *snapshots, int32_t partitions,
                               stele_deadline deadline, const atomic_bool *stop, char **out,
                               stele_error *err);

#endif
