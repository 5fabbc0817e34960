/* SPDX-License-Identifier: MIT
 * The states of a projection, read by a program of one's own. */
#ifndef STELE_STATE_H
#define STELE_STATE_H

#include <stele/client.h>
#include <stele/projection.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What else is known of a state. */
typedef struct stele_state_info {
    int64_t version; /* how many events are in it */
    int64_t offset;  /* in its partition of the events topic, after the last of them */
    bool finished;   /* the aggregate's life has ended: there is no state */
} stele_state_info;

/**
 * Read the state of one aggregate, as it is after all events that the log has when the call begins.
 *
 * Where stele_run runs a worker of this projection with the same client, and that worker owns the
 * aggregate's partition, the state is copied from its memory: the broker is asked where the
 * partition ends, and the worker copies the state once it has applied all events before that. Which
 * thread has the partition does not matter. Else, and when the worker stops or loses the partition
 * meanwhile, the state comes from the topics: the snapshot and the events after it, as `stele
 * state` reads it. That takes milliseconds where snapshots are recent, and as long as a replay
 * where there are none. Both give the same state. A worker of a projection that is paused gives the
 * one that it has.
 *
 * May be called by several threads, but not by an apply function.
 *
 * @param projection  borrowed for the call; the table with the apply functions
 * @param timeout_ms  for all of it; 0: 30,000
 * @param state       owned value of the projection's state type, all zero or filled: what it held
 * is released, and it is all zero if the aggregate is finished; release it with stele_value_clear
 * @param info        NULL: not wanted
 * @return STELE_E_NOT_FOUND  there is no such aggregate, or no events topic
 *         STELE_E_HOLE, STELE_E_CONFLICT, STELE_E_INVALID  a worker would stop there; the text says
 *                            why (next = STOP)
 *         STELE_E_TIMED_OUT, STELE_E_UNAVAILABLE  broker or registry away, or the worker has not
 *                            come so far in time (next = RETRY)
 */
STELE_API stele_status stele_state_get(stele_client *client, const stele_projection *projection,
                                       stele_bytes id, int timeout_ms, void *state,
                                       stele_state_info *info, stele_error *err);

/** A moment of an aggregate's past. All zero: now. */
typedef struct stele_moment {
    int64_t version; /* after so many events; 0: not by version */
    int64_t time_ms; /* Unix; before the first of its events that is later than that, by the events'
                        own times; 0: not by time */
} stele_moment;

/**
 * The same as it was. It is replayed from the nearest snapshot before that moment that the
 * snapshots topic still has, else from the aggregate's first event. A snapshot was written by the
 * fold as it was then; `snapshots verify` says whether it is what the fold of today makes.
 *
 * @param moment  a version or a time, not both
 * @return as stele_state_get, and
 *         STELE_E_NOT_FOUND  it has not had so many events, or none up to that time
 *         STELE_E_HOLE       retention has deleted events that this needs (next = STOP)
 *         STELE_E_INVALID    no such moment can be (next = REJECT)
 */
STELE_API stele_status stele_state_at(stele_client *client, const stele_projection *projection,
                                      stele_bytes id, stele_moment moment, int timeout_ms,
                                      void *state, stele_state_info *info, stele_error *err);

#ifdef __cplusplus
}
#endif

#endif
