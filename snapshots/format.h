/* SPDX-License-Identifier: MIT
 * The records of a snapshots topic: states of aggregates, tombstones of finished ones, checkpoints.
 *
 *   key                                  value                 headers
 *   <aggregate id>                       state, wire format    stele_version, stele_offset
 *   <aggregate id>                       null: finished        stele_version, stele_offset
 *   stele:checkpoint:<topic>/<partition> stele.Checkpoint
 *
 * A state may carry `stele_finished` too: the aggregate is finished, and its tombstone follows with
 * the checkpoint that is past it. Header values are ASCII decimals. Both may carry what is kept
 * beside the state, in a header that its owner names (snapshots/companion.h). */
#ifndef STELE_SNAPSHOTS_FORMAT_H
#define STELE_SNAPSHOTS_FORMAT_H

#include <checkpoint.h> /* generated from schemas/stele/checkpoint.avsc */

#include "core/names.h"
#include "kafka/log.h"

/** What a checkpoint says of its last event: XXH64 of timestamp, sizes, key and value. */
int64_t stele_event_hash(const stele_record *record);

/** A record of an aggregate, taken apart. Views into the record. */
typedef struct stele_snapshot {
    stele_bytes id;
    stele_bytes value; /* wire format; null: a tombstone */
    int64_t version;   /* of the aggregate */
    int64_t offset;    /* in the events, after the last one that is in it */
    bool finished;
    stele_bytes companion; /* of the header that is asked for; null: it has none */
} stele_snapshot;

/**
 * Take a record of `batch` apart that is no checkpoint.
 * @param companion  the header of what is kept beside the state; NULL: no one wants it
 * @return STELE_E_INVALID  headers are missing or not numbers (next = STOP)
 */
stele_status stele_snapshot_read(const stele_batch *batch, const stele_record *record,
                                 const char *companion, stele_snapshot *out, stele_error *err);

/**
 * May this snapshot come after one of the same aggregate at that version and offset? Later ones are
 * never behind: else the log lost events, or something else writes there.
 * @return STELE_E_HOLE (next = STOP)
 */
stele_status stele_snapshot_check_order(const stele_snapshot *snapshot, int64_t version,
                                        int64_t offset, stele_error *err);

/** The headers of a record to be written. Points into itself: not to be copied. */
typedef struct stele_snapshot_headers {
    stele_header list[4];
    size_t count;
    char version[20];
    char offset[20];
} stele_snapshot_headers;

void stele_snapshot_headers_set(stele_snapshot_headers *headers, int64_t version, int64_t offset,
                                bool finished);

/** Add what is kept beside the state; once. Both are borrowed. */
void stele_snapshot_headers_add(stele_snapshot_headers *headers, const char *name,
                                stele_bytes companion);

#endif
