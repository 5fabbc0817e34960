/* SPDX-License-Identifier: MIT
 * Reading one partition of a snapshots topic, and deciding whether what is there may be gone on
 * from. Where the records come from is the caller's: a worker's reader after the fence, or a
 * bounded read. */
#ifndef STELE_SNAPSHOTS_RESTORE_H
#define STELE_SNAPSHOTS_RESTORE_H

#include "consumer/decoder.h"
#include "snapshots/format.h"

typedef struct stele_restore stele_restore;

typedef struct stele_restore_options {
    stele_registry *registry;
    stele_partition snapshots; /* the partition that is read; names are copied */
    stele_partition source;    /* the events' partition of the same number */
    const char *genesis;   /* of the registry; borrowed, outlives the restore. NULL: not compared */
    const char *companion; /* the header of what is kept beside the states; likewise; or NULL */
    const char *kept; /* a reserved key, besides the checkpoint's: its last value is kept; or NULL;
                         copied */
    /**
     * One record of an aggregate; a later one of the same id replaces it. Not kept after the call.
     *
     * A record that cannot be taken is kept here until a later one replaces it; if none does, it is
     * offered again by stele_restore_finish. STELE_E_HOLE ends the restore at once.
     * @return RETRY, but for STELE_E_NOT_FOUND: the same record comes again later
     */
    stele_status (*each)(void *context, const stele_snapshot *snapshot, stele_error *err);
    /** An event that was set aside (snapshots/dead_letter.h), or null: it is no more. NULL: no one
     * wants them. */
    stele_status (*letter)(void *context, int64_t offset, stele_bytes stored, stele_error *err);
    void *context;
} stele_restore_options;

/** @param out  caller owns; release with stele_restore_free */
void stele_restore_new(const stele_restore_options *options, stele_restore **out);
void stele_restore_free(stele_restore *restore);
STELE_SCOPE(stele_restore, stele_restore_free);

/**
 * Take the records of a batch. After a failure with next = RETRY the whole batch may come again:
 * what was taken is skipped. Messages name the record's place.
 */
stele_status stele_restore_take(stele_restore *restore, const stele_batch *batch, stele_error *err);

/**
 * All records were taken. Says what is last in the partition and cannot be read.
 *
 * @return RETRY: a schema is waited for, the same call again
 *         STELE_E_INVALID, STELE_E_INCOMPATIBLE, …  with the record's place and the way out (STOP)
 */
stele_status stele_restore_finish(stele_restore *restore, stele_error *err);

/** The last checkpoint that could be read, or NULL. Valid until the next take. */
const stele_checkpoint *stele_restore_checkpoint(const stele_restore *restore);

/** The last value of the key that is kept; null: there was none. Valid until the next take. */
stele_bytes stele_restore_kept(const stele_restore *restore);

/** The first reserved key that this version does not know, quoted, or NULL. Its record, and others
 * of its kind, were passed over: a newer version has written them. */
const char *stele_restore_unknown_key(const stele_restore *restore);

/** What is true now, to be compared with what the checkpoint says. Borrowed. */
typedef struct stele_restore_facts {
    const char *projection;
    int version;
    const char *store; /* where the states are, for messages; NULL: in the snapshots topic */
    stele_partition source;
    int32_t partitions; /* of the source topic */
    const char *genesis;
    int64_t log_start;    /* of the source partition */
    int64_t log_end;      /* its high watermark */
    int64_t group_offset; /* STELE_OFFSET_NONE: none is committed */
    int64_t aggregates;   /* snapshots that were found */
    int64_t finished;     /* tombstones that were found */
    int64_t furthest;     /* the highest stele_offset among them */
    stele_bytes furthest_id;
} stele_restore_facts;

/** Where to go on. */
typedef struct stele_resume {
    int64_t position;    /* the first event to be applied */
    int64_t read_from;   /* position, or last_offset, which is read again to be compared */
    int64_t last_offset; /* as in the checkpoint; -1 */
    int64_t last_hash;
} stele_resume;

/**
 * May it be gone on from here? Whatever would skip or double an event is
 * refused, with what to do.
 *
 * @param checkpoint  NULL: there is none
 * @return STELE_E_CONFLICT  another partition count (all partitions have to stop)
 *         STELE_E_HOLE      events that are needed are gone from the log
 *         STELE_E_INVALID   checkpoint, snapshots and group offset do not belong together
 *         next = STOP in all cases
 */
stele_status stele_restore_validate(const stele_checkpoint *checkpoint,
                                    const stele_restore_facts *facts, stele_resume *out,
                                    stele_error *err);

/** Say that a projection was written with another schema registry. `group` is "<projection>.v<n>".
 * @return STELE_E_INVALID (next = STOP) */
stele_status stele_restore_fail_genesis(stele_error *err, stele_bytes group, stele_bytes then,
                                        const char *now);

#endif
