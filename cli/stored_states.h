/* SPDX-License-Identifier: MIT
 * States as snapshots topics hold them, for a program that has not got the fold: each is decoded by
 * the schema that it was written with. */
#ifndef STELE_CLI_STORED_STATES_H
#define STELE_CLI_STORED_STATES_H

#include <stdatomic.h>

#include <stele/type.h>

#include "core/deadline.h"
#include "kafka/log.h"
#include "registry/registry.h"

/** One aggregate's last snapshot. Valid for the call. */
typedef struct stele_stored_state {
    stele_bytes id;
    int64_t version;
    int64_t offset;
    const stele_type *type; /* of the value */
    const void *value;      /* NULL: the aggregate is finished */
    int64_t behind;         /* events in its partition that are not in the snapshots yet */
} stele_stored_state;

typedef struct stele_stored_options {
    const char *projection; /* "customers", its highest version; or "customers.v1" */
    stele_log *log;
    stele_registry *registry;
    stele_bytes id; /* null: all */
    stele_deadline deadline;
    const atomic_bool *stop;
    stele_status (*each)(void *context, const stele_stored_state *state, stele_error *err);
    void *context;
} stele_stored_options;

/** @return STELE_E_NOT_FOUND  there is no snapshots topic of that projection, or no such aggregate
 */
stele_status stele_stored_states(const stele_stored_options *options, stele_error *err);

/** The snapshots topic of a projection: of its highest version, if the name has none. Caller frees.
 */
stele_status stele_stored_topic(stele_log *log, const char *projection, int timeout_ms, char **out,
                                stele_error *err);

#endif
