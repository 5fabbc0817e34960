/* SPDX-License-Identifier: MIT
 * States read from Kafka alone, without a running worker: from snapshots and the rest of the log,
 * as they are or as they were at a version or a time. Bounded: what was there when the query
 * began.
 *
 * A state of old is replayed from the nearest snapshot before it that the topic still has, else
 * from the aggregate's first event. What it was at a time is what its events made of it before the
 * first of them that is later. */
#ifndef STELE_PROJECTIONS_QUERY_H
#define STELE_PROJECTIONS_QUERY_H

#include <stdatomic.h>

#include <stele/projection.h>

#include "core/deadline.h"
#include "kafka/log.h"
#include "registry/registry.h"
#include "snapshots/past.h"
#include "projections/parked.h"

/** One state. Valid for the call. */
typedef struct stele_query_state {
    stele_bytes id;
    int64_t version;   /* events that are in it */
    int64_t offset;    /* in its partition, after the last of them */
    const void *state; /* of the projection's state type; NULL: the aggregate is finished */
} stele_query_state;

/** @return STELE_OK, or a failure, which ends the query */
typedef stele_status stele_query_each(void *context, const stele_query_state *state,
                                      stele_error *err);

/** All borrowed for the call. */
typedef struct stele_query_options {
    const stele_projection *projection;
    stele_log *log;
    stele_registry *registry;
    bool parks;                   /* its workers set aside what is refused: so does the query */
    stele_parked *const *letters; /* by partition, as they were restored; of a projection that has
                                     no snapshots, and keeps them elsewhere; NULL: none */
    stele_bytes id;               /* one aggregate; null: all */
    int64_t at_version;           /* with an id: after so many events; 0: all of them */
    int64_t
        at_time_ms; /* with an id and no version: before its first event that is later; 0: all */
    stele_deadline deadline; /* for all of it */
    const atomic_bool *stop; /* NULL: nothing ends it early */
    int patience_ms;         /* how long a read may stand still; 0: as long as the deadline has */
    stele_query_each *each;
    stele_past_left_out *left_out; /* all: of partitions that could not be read; NULL: such a one
                                      ends the query */
    void *context;                 /* of both */
} stele_query_options;

/**
 * Hand out the states asked for, in no order.
 *
 * @return STELE_E_NOT_FOUND  there is no events topic, or no such aggregate, or it has fewer events
 *                            than are asked for, or none up to that time
 *         STELE_E_HOLE, STELE_E_CONFLICT, STELE_E_INVALID  the state cannot be right, as a worker
 * would say it; and HOLE where the log does not reach back to what is asked for (next = STOP)
 *         STELE_E_TIMED_OUT, STELE_E_INTERRUPTED, failures of log and registry,
 * what `each` returned
 */
stele_status stele_query(const stele_query_options *options, stele_error *err);

#endif
