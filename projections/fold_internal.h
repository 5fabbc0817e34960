/* SPDX-License-Identifier: MIT
 * What the files of the fold share: one task for each partition. */
#ifndef STELE_PROJECTIONS_FOLD_INTERNAL_H
#define STELE_PROJECTIONS_FOLD_INTERNAL_H

#include "core/alloc.h"
#include "producer/fenced.h"
#include "projections/fold.h"
#include "projections/states.h"
#include "snapshots/count.h"
#include "snapshots/restore.h"
#include "snapshots/topic.h"

enum { ASK_MS = 1000 /* one question to broker or registry, in the worker's thread */ };

struct stele_fold {
    stele_fold_options options;
    char *group;
    char *events;    /* the source topic */
    char *snapshots; /* the snapshots topic */
    /* Asked for once, before the first partition is restored. */
    bool prepared;
    size_t batch_max; /* what the snapshots topic takes as one batch; 0: not known */
    int32_t state_schema;
    int32_t checkpoint_schema;
    char genesis[37];
    bool count_checked; /* of partitions, for those without a checkpoint */
    int cycles;         /* of its tasks that are under way: they share the time for writing */
};

/** A place in the events, and what stands before it. */
typedef struct fold_mark {
    int64_t position;
    int64_t last_offset; /* of the last event below it; -1 */
    int64_t last_hash;
} fold_mark;

/** A transaction under construction or in flight, with the aggregates of its records in order. */
typedef struct fold_chunk {
    stele_transaction *transaction; /* NULL: none */
    stele_entry **entries;          /* owned */
    size_t count;
    size_t capacity;
    bool closing; /* it ends the cycle: it moves the checkpoint to `mark` */
} fold_chunk;

/**
 * Writing what has changed, in cycles. A cycle begins at a mark and writes all that is dirty then,
 * in transactions of bounded size, one at a time. Meanwhile the fold goes on, so a state may be
 * written that is ahead of the mark. Only when all the others are committed, the last transaction
 * moves checkpoint and group offset to the mark.
 */
typedef struct fold_writing {
    bool active;
    fold_mark mark;
    stele_entry *list;   /* to be written */
    stele_entry *buried; /* finished before the mark: tombstones, for the last transaction */
    fold_chunk building;
    fold_chunk flying; /* submitted, or aborted and to be submitted again */
    bool in_flight;
    int abort_count;      /* of `flying`, one after the other */
    stele_deadline again; /* when it is submitted again */
    stele_error aborted;

    fold_mark committed; /* where the last checkpoint is */
    bool owes_offset;    /* the group stands elsewhere: it hears of `committed` at once */
    stele_states_stored stored;
    int64_t cycle_ns;     /* when the last cycle began */
    int64_t cycle_events; /* applied until then */
    stele_buffer scratch;
} fold_writing;

typedef enum fold_step {
    FOLD_SHARED = 0, /* topics, schemas, genesis */
    FOLD_FENCE,
    FOLD_BOUNDS,
    FOLD_MEND, /* a transaction hangs; then the bounds again */
    FOLD_READ,
    FOLD_READY
} fold_step;

/** Ending a transaction that hangs (fold_mend.c). */
typedef struct fold_mending {
    bool seen;            /* something is open, */
    stele_deadline until; /* and it may be on its way until then */
    bool in_flight;
    bool done;
} fold_mending;

typedef struct fold_task {
    stele_task base;
    stele_fold *fold;
    stele_worker *worker;
    stele_partition source;
    stele_partition snapshots;
    stele_fenced *fenced;
    stele_states *states;

    fold_step step;
    fold_mending mend;
    stele_restore *restore; /* until READY */
    bool reading;           /* the snapshots are read by the worker's reader */
    int64_t snapshots_end;  /* their high watermark after the fence */
    int64_t restored;
    stele_restore_facts facts;
    stele_resume resume;
    bool unverified; /* the checkpoint's last event is to be compared first */

    fold_mark at;    /* where it stands */
    int64_t log_end; /* as the last batch had it */
    fold_writing writing;
} fold_task;

/* ---- fold_restore.c ---- */
stele_status fold_prepare(fold_task *task, int64_t *start, stele_error *err);
stele_status fold_take_snapshots(fold_task *task, const stele_batch *batch, stele_error *err);
void fold_stop_reading(fold_task *task);
/* Nothing is wrong: call again soon. */
stele_status fold_not_yet(stele_error *err);

/* ---- fold_mend.c ---- */
/* Something is open that nobody has open. @return a failure: call again, for the bounds or to mend
 */
stele_status fold_hangs(fold_task *task, stele_error *err);
/* End it. @return STELE_OK: look again whether it is gone */
stele_status fold_mend(fold_task *task, stele_error *err);

/* ---- fold_write.c ---- */
void fold_writing_begin(fold_task *task);
/* One bounded piece; `urgent` while draining. */
stele_status fold_write(fold_task *task, bool urgent, stele_error *err);
/* Is all that was applied committed? */
bool fold_is_written(const fold_task *task);
/* A writer that cannot go on: fenced by another owner, or else the partition is begun anew. */
stele_status fold_fail_dead(const stele_error *why, stele_error *err);
void fold_writing_clear(fold_task *task);

#endif
