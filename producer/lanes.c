/* SPDX-License-Identifier: MIT
 * The lanes of a fenced writer. What is in one lane rests on what was before it in that lane, and
 * on nothing that is in another one. */
#include "producer/lanes.h"

#include <assert.h>

#include "core/alloc.h"
#include "producer/transaction.h"

void stele_lanes_init(stele_lanes *lanes, int count)
{
    *lanes = (stele_lanes){.count = count == 0 ? 1 : count};
    lanes->taken = lanes->count - 1;
    lanes->list = stele_alloc_array((size_t)lanes->count, sizeof *lanes->list);
    for (int i = 0; i < lanes->count; i++)
        lanes->list[i].outcomes_end = &lanes->list[i].outcomes;
}

void stele_lanes_clear(stele_lanes *lanes)
{
    for (int i = 0; i < lanes->count; i++) {
        stele_transaction *next;
        for (stele_transaction *it = lanes->list[i].outcomes; it != NULL; it = next) {
            next = it->next;
            stele_transaction_free(it);
        }
        stele_transaction_free(lanes->list[i].waiting);
    }
    free(lanes->list);
    *lanes = (stele_lanes){0};
}

static stele_lane *lane_at(const stele_lanes *lanes, int lane)
{
    assert(lane >= 0 && lane < lanes->count);
    return &lanes->list[lane];
}

static void add_outcome(stele_lane *lane, stele_transaction *transaction,
                        const stele_error *failure, size_t rejected)
{
    transaction->outcome = (stele_outcome){.transaction = transaction,
                                           .status = failure == NULL ? STELE_OK : failure->status,
                                           .error = failure == NULL ? (stele_error){0} : *failure,
                                           .rejected = rejected};
    transaction->next = NULL;
    *lane->outcomes_end = transaction;
    lane->outcomes_end = &transaction->next;
    if (failure != NULL) lane->not_committed++;
}

/* What was built while the one before was in flight may rest on it: versions, offsets, keys that
 * were taken for clean. So it is not begun once that one has failed. */
static void hand_back_unbegun(stele_lane *lane, stele_transaction *transaction)
{
    stele_error before;
    stele_fail(&before, STELE_E_CONFLICT, STELE_NEXT_ABORT,
               "not begun, because the transaction before it did not commit");
    add_outcome(lane, transaction, &before, 0);
}

stele_status stele_lanes_submit(stele_lanes *lanes, int lane, stele_transaction *transaction,
                                stele_error *err)
{
    stele_lane *into = lane_at(lanes, lane);
    if (into->waiting != NULL)
        return stele_fail(err, STELE_E_FULL, STELE_NEXT_RETRY,
                          "a transaction is in flight and another one is waiting");
    if (into->not_committed > 0)
        hand_back_unbegun(into, transaction);
    else
        into->waiting = transaction;
    return STELE_OK;
}

bool stele_lanes_waits(const stele_lanes *lanes)
{
    for (int i = 0; i < lanes->count; i++)
        if (lanes->list[i].waiting != NULL) return true;
    return false;
}

bool stele_lanes_waits_for(const stele_lanes *lanes, const stele_partition *partition)
{
    for (int i = 0; i < lanes->count; i++) {
        const stele_transaction *waiting = lanes->list[i].waiting;
        if (waiting != NULL && !waiting->aborts && stele_transaction_goes_to(waiting, *partition))
            return true;
    }
    return false;
}

stele_transaction *stele_lanes_take(stele_lanes *lanes)
{
    assert(!lanes->busy);
    for (int i = 1; i <= lanes->count; i++) {
        int at = (lanes->taken + i) % lanes->count;
        stele_transaction *transaction = lanes->list[at].waiting;
        if (transaction == NULL) continue;
        lanes->list[at].waiting = NULL;
        lanes->taken = at;
        lanes->busy = true;
        return transaction;
    }
    return NULL;
}

void stele_lanes_end(stele_lanes *lanes, stele_transaction *transaction, const stele_error *failure,
                     size_t rejected)
{
    stele_lane *of = lane_at(lanes, lanes->taken);
    assert(lanes->busy);
    lanes->busy = false;
    add_outcome(of, transaction, failure, rejected);
    if (failure == NULL || of->waiting == NULL) return;
    hand_back_unbegun(of, of->waiting);
    of->waiting = NULL;
}

void stele_lanes_fail(stele_lanes *lanes, const stele_error *failure)
{
    for (int i = 0; i < lanes->count; i++) {
        stele_lane *of = &lanes->list[i];
        if (of->waiting != NULL) add_outcome(of, of->waiting, failure, 0);
        of->waiting = NULL;
    }
}

bool stele_lanes_has_outcome(const stele_lanes *lanes, int lane)
{
    return lane_at(lanes, lane)->outcomes != NULL;
}

bool stele_lanes_may_end(const stele_lanes *lanes, int lane)
{
    return lane_at(lanes, lane)->waiting != NULL || (lanes->busy && lanes->taken == lane);
}

bool stele_lanes_outcome(stele_lanes *lanes, int lane, stele_outcome *out)
{
    stele_lane *of = lane_at(lanes, lane);
    stele_transaction *transaction = of->outcomes;
    if (transaction == NULL) return false;
    of->outcomes = transaction->next;
    if (of->outcomes == NULL) of->outcomes_end = &of->outcomes;
    *out = transaction->outcome;
    if (out->status < 0) of->not_committed--;
    return true;
}
