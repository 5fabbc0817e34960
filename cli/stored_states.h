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
#include "snapshots/past.h"

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
    int patience_ms; /* how long a read may stand still; 0: as long as the deadline has */
    const atomic_bool *stop;
    stele_status (*each)(void *context, const stele_stored_state *state, stele_error *err);
    stele_past_left_out *left_out; /* all: of partitions that could not be read */
    void *context;                 /* of both */
} stele_stored_options;

/** @return STELE_E_NOT_FOUND  there is no snapshots topic of that projection, or no such aggregate
 */
stele_status stele_stored_states(const stele_stored_options *options, stele_error *err);

/** The past of a projection that the program need not have. Owns its parts. */
typedef struct stele_stored_past {
    char *topic; /* the snapshots' */
    char *projection;
    char *source; /* the events' topic, by the checkpoints; NULL: none was written yet */
    stele_past *past;
} stele_stored_past;

/**
 * Find it by a name as in stele_stored_options.
 *
 * @param how  log, registry, deadline, patience, stop; the rest is found
 * @param out  cleared by the caller
 * @return as stele_past_open; STELE_E_NOT_FOUND: there is no snapshots topic of that projection
 */
stele_status stele_stored_past_open(const stele_past_options *how, const char *name,
                                    stele_stored_past *out, stele_error *err);
void stele_stored_past_clear(stele_stored_past *stored);
STELE_VALUE_SCOPE(stele_stored_past, stele_stored_past_clear);

/** The snapshots topic of a projection, of its highest version if the name has none; else that of
 * the writer of the aggregate of that name. Caller frees. */
stele_status stele_stored_topic(stele_log *log, const char *projection, int timeout_ms, char **out,
                                stele_error *err);

#endif
