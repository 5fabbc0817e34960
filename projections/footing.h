/* SPDX-License-Identifier: MIT
 * The question whether a partition's work stands on what it stood on: the record that it goes on
 * behind is still in the log, the snapshots topic is there, and the registry is the same. Somebody
 * may have deleted a topic and made it again, with other records at the same offsets, between two
 * fetches. Asked in the worker's asker, for all partitions together that ask at the same time. */
#ifndef STELE_PROJECTIONS_FOOTING_H
#define STELE_PROJECTIONS_FOOTING_H

#include "consumer/asker.h"
#include "registry/registry.h"
#include "snapshots/last_event.h"
#include "stores/sink.h"

typedef struct stele_footing stele_footing;

/** All of it is borrowed, and the same for all that ask in one worker but for the source. */
typedef struct stele_footing_options {
    stele_registry *registry;
    stele_partition source;
    const char *group;         /* for messages */
    stele_partition snapshots; /* topic NULL: it has none */
} stele_footing_options;

/** @return caller owns; release with stele_footing_forget */
stele_footing *stele_footing_new(const stele_footing_options *options);

/**
 * Ask, unless it is being asked.
 *
 * @param witness        its last event must be there; last_offset -1: none
 * @param snapshots_end  the partition of the snapshots must be as long; 0: nothing was written yet
 * @return false: it is being asked
 */
bool stele_footing_ask(stele_footing *footing, stele_asker *asker, const stele_mark *witness,
                       int64_t snapshots_end);

/**
 * The answer, once.
 *
 * @param answer  STELE_OK      it is all there
 *                next = RETRY  it could not be found out
 *                next = ABORT  the snapshots topic is gone
 *                STELE_E_HOLE  another record is there, or none (next = STOP)
 *                failures of the registry
 * @return false: there is none
 */
bool stele_footing_take(stele_footing *footing, stele_asker *asker, stele_error *answer);

/** Release it, now or when its answer has come. NULL is fine. */
void stele_footing_forget(stele_footing *footing, stele_asker *asker);

#endif
