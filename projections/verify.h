/* SPDX-License-Identifier: MIT
 * Are the snapshots what a replay of the log makes? Every snapshot is compared, byte by byte, with
 * the state after the event that it says it is behind; or those of a sample of the aggregates,
 * which reads as much and decodes less. */
#ifndef STELE_PROJECTIONS_VERIFY_H
#define STELE_PROJECTIONS_VERIFY_H

#include "projections/query.h"
#include "snapshots/companion.h"

/** A difference. Texts are valid for the call. */
typedef struct stele_verify_finding {
    int32_t partition;
    stele_bytes id;      /* null: of the partition */
    const char *text;    /* what is there and what a replay makes */
    stele_bytes changes; /* of a state, from the snapshot's to the replay's: JSON
                            (schemas/json_diff.h); null: it is not about values */
} stele_verify_finding;

typedef void stele_verify_each(void *context, const stele_verify_finding *finding);

typedef struct stele_verify_options {
    const stele_projection *projection;
    stele_log *log;
    stele_registry *registry;
    bool
        parks; /* its workers set events aside: those behind the checkpoint may not be stored yet */
    const stele_companion *companion; /* of its states, which is compared, too; NULL: none */
    uint32_t one_in;         /* only one aggregate in so many, drawn by chance; 0, 1: all */
    stele_deadline deadline; /* for all of it */
    int patience_ms;         /* how long a read may stand still; 0: as long as the deadline has */
    const atomic_bool *stop;
    stele_verify_each *each;
    stele_past_left_out *left_out; /* of partitions that could not be verified; NULL: such a one
                                      ends it */
    void *context;                 /* of both */
} stele_verify_options;

typedef struct stele_verify_counts {
    int64_t snapshots; /* compared */
    int64_t events;    /* replayed: of those aggregates that are compared */
    int64_t set_aside; /* of the events: they are in no state */
    int64_t findings;
} stele_verify_counts;

/**
 * Replay every partition from its first event and compare. Workers may run meanwhile.
 *
 * @param out  also filled as far as it got where the replay fails
 * @return failures of log, registry and fold; differences are findings, not failures
 */
stele_status stele_verify(const stele_verify_options *options, stele_verify_counts *out,
                          stele_error *err);

#endif
