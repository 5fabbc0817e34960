/* SPDX-License-Identifier: MIT
 * What waits for a fenced writer's thread and what has become of it, for each lane. For fenced.c:
 * its monitor is held in every call, and it wakes who waits when there is something new. */
#ifndef STELE_PRODUCER_LANES_H
#define STELE_PRODUCER_LANES_H

#include "producer/fenced.h"

typedef struct stele_lane {
    stele_transaction *waiting;
    stele_transaction *outcomes; /* oldest first */
    stele_transaction **outcomes_end;
    size_t not_committed; /* of `outcomes` */
} stele_lane;

typedef struct stele_lanes {
    stele_lane *list; /* owned */
    int count;
    int taken; /* the lane that a transaction was taken from last */
    bool busy; /* that one has no outcome yet */
} stele_lanes;

/** @param count  0: 1 */
void stele_lanes_init(stele_lanes *lanes, int count);

/** Release it with all transactions that are in it. */
void stele_lanes_clear(stele_lanes *lanes);

/** As stele_fenced_submit, of a writer that is not dead. */
stele_status stele_lanes_submit(stele_lanes *lanes, int lane, stele_transaction *transaction,
                                stele_error *err);

/** Does a transaction wait, in any of them? */
bool stele_lanes_waits(const stele_lanes *lanes);

/** One that goes to a partition? Its commit ends whatever else of the writer is open there. */
bool stele_lanes_waits_for(const stele_lanes *lanes, const stele_partition *partition);

/** The transaction whose lane's turn it is, or NULL. It is in the caller's hands until _end. */
stele_transaction *stele_lanes_take(stele_lanes *lanes);

/**
 * What has become of the one that was taken last. What waits behind it in its lane goes back
 * unbegun, if it did not commit.
 *
 * @param failure  NULL: it was done as asked for
 */
void stele_lanes_end(stele_lanes *lanes, stele_transaction *transaction, const stele_error *failure,
                     size_t rejected);

/** Nothing is written any more: whatever waits, in any lane, fails with that. */
void stele_lanes_fail(stele_lanes *lanes, const stele_error *failure);

/** Is an outcome there, or may one come by itself? */
bool stele_lanes_has_outcome(const stele_lanes *lanes, int lane);
bool stele_lanes_may_end(const stele_lanes *lanes, int lane);

/** The oldest outcome of a lane. @return false: none is there */
bool stele_lanes_outcome(stele_lanes *lanes, int lane, stele_outcome *out);

#endif
