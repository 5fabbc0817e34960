/* SPDX-License-Identifier: MIT
 * Timers of one partition's aggregates: which one is to be looked at next. Made from the states
 * alone, one for each aggregate that has one: whoever has the states can make them again. It knows
 * neither aggregates nor clocks. */
#ifndef STELE_AGGREGATES_TIMERS_H
#define STELE_AGGREGATES_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stele/bytes.h>

#include "core/scope.h"

typedef struct stele_timers stele_timers;

/** Of one aggregate. Valid until its timer is set to 0. */
typedef struct stele_timer {
    int64_t due_ms;   /* as its state has it */
    int64_t look_ms;  /* it is looked at then: not before it is due */
    int64_t fired_ms; /* it was decided on when this was due, and the state has not changed since;
                         0: it was not */
    bool is_parked;   /* it is looked at when all that are parked are taken back, or its state
                         changes */
    size_t at;        /* where it is: among those that are parked, or the others */
} stele_timer;

/** None. Caller owns; release with stele_timers_free. @param seed  of the table of ids */
stele_timers *stele_timers_new(uint64_t seed);
void stele_timers_free(stele_timers *timers);
STELE_SCOPE(stele_timers, stele_timers_free);

/**
 * The state of an aggregate has changed, and says when its timer is due.
 *
 * @param due_ms  0 or less: it has none
 * @return the timer, to be looked at when it is due. NULL: it has none
 */
stele_timer *stele_timers_set(stele_timers *timers, stele_bytes id, int64_t due_ms);

/** @return NULL: it has none */
stele_timer *stele_timers_find(const stele_timers *timers, stele_bytes id);

/** The one that is to be looked at first. @return NULL: there is none that is not parked */
stele_timer *stele_timers_first(const stele_timers *timers);

/** Of which aggregate it is; a view, valid as long as the timer. */
stele_bytes stele_timers_id(const stele_timers *timers, const stele_timer *timer);

/** Look at it not before then, whatever it is due. */
void stele_timers_hold(stele_timers *timers, stele_timer *timer, int64_t until_ms);

/** Something is in flight for it. */
void stele_timers_park(stele_timers *timers, stele_timer *timer);

/** What was in flight is not any more: those that are parked are looked at when they are due. */
void stele_timers_unpark(stele_timers *timers);

/** How many there are. */
size_t stele_timers_count(const stele_timers *timers);

#endif
