/* SPDX-License-Identifier: MIT
 * States from the memory of a worker of this process, if one has the partition. The client's worker
 * answers between two batches of events; the calls wait, and may be made by several threads. */
#ifndef STELE_PROJECTIONS_STATE_ASK_H
#define STELE_PROJECTIONS_STATE_ASK_H

#include <stdatomic.h>

#include <stele/client.h>

#include "projections/state_letter.h"

/** Of which partition, and how new. */
typedef struct stele_state_place {
    int32_t partition;
    int64_t position; /* all events before this offset are applied; STELE_OFFSET_NONE: all that the
                         log has when the call begins, for which the broker is asked; or, while the
                         projection is paused, what it has */
    const atomic_bool *stop; /* ends that question early; NULL: nothing does */
} stele_state_place;

/**
 * One state, as stele_state_get gives it.
 *
 * @param is_here  out; false: no worker here has the partition, and the call returns STELE_OK
 * @return STELE_E_NOT_FOUND  there is no event of it
 *         STELE_E_TIMED_OUT  the worker has not come so far (next = RETRY)
 *         failures of the log
 */
stele_status stele_state_ask(stele_client *client, const stele_projection *projection,
                             const stele_state_place *place, stele_bytes id, stele_deadline until,
                             void *state, stele_state_info *info, bool *is_here, stele_error *err);

/** A page of them. @param page  what it points to is used in the worker's thread, during the call
 */
stele_status stele_states_ask(stele_client *client, const stele_projection *projection,
                              const stele_state_place *place, const stele_state_page *page,
                              stele_deadline until, bool *is_here, stele_error *err);

#endif
