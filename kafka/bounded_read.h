/* SPDX-License-Identifier: MIT
 * The bounded read: everything that was in some partitions when the read began, and then the end.
 * For all that is not a worker: histories, states, restores by hand, checks. */
#ifndef STELE_KAFKA_BOUNDED_READ_H
#define STELE_KAFKA_BOUNDED_READ_H

#include <stdatomic.h>

#include "core/deadline.h"
#include "kafka/log.h"

/** What `take` returns when it needs no more of a batch's partition. */
#define STELE_BOUNDED_READ_ENOUGH 1

/**
 * A batch of one partition, in offset order within the partition. Views are valid during the call.
 * @return STELE_OK, STELE_BOUNDED_READ_ENOUGH, or a failure, which ends the read
 */
typedef int stele_bounded_read_take(void *context, const stele_batch *batch, stele_error *err);

/** Where one partition's part of a read begins. */
typedef struct stele_bounded_read_start {
    stele_partition partition;
    int64_t offset; /* STELE_OFFSET_NONE: where the partition begins */
} stele_bounded_read_start;

typedef struct stele_bounded_read_options {
    const stele_bounded_read_start *starts;
    size_t count;
    /**
     * Committed (the default) shows no record that could still be aborted. Either way the read is
     * done at the high watermark of its beginning, so with an open transaction it waits.
     */
    stele_isolation isolation;
    bool stable; /* committed only: done at the last stable offset, and waits for no transaction */
    size_t queue_max;        /* bytes fetched ahead, per partition; 0: the port's default */
    stele_deadline deadline; /* for all of it */
    int patience_ms;         /* how long it may stand still; 0: as long as the deadline has */
    const atomic_bool *stop; /* ends it when it becomes true; NULL: nothing does */
    stele_bounded_read_take *take;
    void *context;
} stele_bounded_read_options;

/**
 * Read each partition from its start to the high watermark that it had when the read began.
 *
 * @param options  borrowed for the call
 * @return STELE_OK             all of it was handed to `take`, or `take` had enough
 *         STELE_E_TIMED_OUT    no time is left; the text says how far it got (next = RETRY)
 *         STELE_E_INTERRUPTED  `stop` was set (next = STOP)
 *         STELE_E_HOLE         a start is not in the log (next = STOP)
 *         what `take` returned, and failures of the log
 */
stele_status stele_bounded_read(stele_log *log, const stele_bounded_read_options *options,
                                stele_error *err);

/**
 * For a `take` that met something which is on its way, a schema say: wait a moment for it.
 *
 * @param stop  NULL: nothing ends it early
 * @return false: what failed is no wait (its next is not RETRY), the deadline has passed, or `stop`
 * is set
 */
bool stele_bounded_read_wait_to_retry(stele_deadline deadline, const atomic_bool *stop,
                                      const stele_error *failure);

#endif
