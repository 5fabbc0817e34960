/* SPDX-License-Identifier: MIT
 * The last event that a checkpoint was made after. While it is in the log, unchanged, the log is
 * the one that the states were made from. */
#ifndef STELE_SNAPSHOTS_LAST_EVENT_H
#define STELE_SNAPSHOTS_LAST_EVENT_H

#include <stdatomic.h>

#include "core/deadline.h"
#include "kafka/log.h"

/** Texts are borrowed. */
typedef struct stele_last_event {
    stele_partition source;
    int64_t offset;    /* -1: there was none */
    int64_t hash;      /* stele_event_hash */
    const char *group; /* "<projection>.v<n>", for messages */
} stele_last_event;

/**
 * Compare it with the first batch that was read from its offset on.
 *
 * @param compared  set once that batch, or its end, has told
 * @return STELE_E_HOLE  another record is there, or none (next = STOP)
 */
stele_status stele_last_event_check(const stele_last_event *last, const stele_batch *batch,
                                    bool *compared, stele_error *err);

/**
 * Read it from the log again and compare. One record is read, by a reader that is opened and closed
 * for it. Where there was none, or retention has deleted it, there is nothing to compare.
 *
 * @return STELE_E_HOLE  another record is there, or the log ends before it (next = STOP)
 *         STELE_E_TIMED_OUT, STELE_E_INTERRUPTED, and failures of the log
 */
stele_status stele_last_event_read(stele_log *log, const stele_last_event *last,
                                   stele_deadline deadline, const atomic_bool *stop,
                                   stele_error *err);

#endif
