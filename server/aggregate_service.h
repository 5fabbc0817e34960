/* SPDX-License-Identifier: MIT
 * The port to whoever serves an aggregate: the writer of this process, or a test's. */
#ifndef STELE_SERVER_AGGREGATE_SERVICE_H
#define STELE_SERVER_AGGREGATE_SERVICE_H

#include <stele/writer.h>

#include "aggregates/owners.h"

/** @param state  borrowed for the call; NULL: the aggregate's life has ended */
typedef void stele_aggregate_loaded(void *context, const void *state);

/** None of the calls waits; what they are told they are told in any thread, also within the call.
 */
typedef struct stele_aggregate_service_ops {
    /** As stele_writer_execute. */
    stele_status (*execute)(void *self, const stele_call *call, int hops, stele_executed *done,
                            void *context, stele_error *err);
    /** The state as the owner has it: `loaded`, then `done`; or `done` alone with a failure. */
    stele_status (*load)(void *self, stele_bytes id, int timeout_ms, int hops,
                         stele_aggregate_loaded *loaded, stele_executed *done, void *context,
                         stele_error *err);
    /** Who owns the aggregate's partition? @return false: that is not known */
    bool (*find_owner)(void *self, stele_bytes id, stele_owner *out);
} stele_aggregate_service_ops;

/** Passed by value; `self` is borrowed and outlives every copy. Any thread may use it. */
typedef struct stele_aggregate_service {
    const stele_aggregate_service_ops *ops;
    void *self;
} stele_aggregate_service;

#endif
