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
    int64_t due_ms;   /* as its state has it; it is looked at then */
    int64_t fired_ms; /* it was decided on when this was due, and has not been put off since; 0: it
                         was not */
    int64_t until_ns; /* while it is parked: not before then, by the monotonic clock */
    bool is_parked;   /* it is looked at when those that are parked are taken back */
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

/** Look at it again when those that are parked are taken back, and not before then: by the
 * monotonic clock; 0: at any time. */
void stele_timers_park(stele_timers *timers, stele_timer *timer, int64_t until_ns);

/** Take back those that are parked and whose time has come. */
void stele_timers_unpark(stele_timers *timers, int64_t now_ns);

/** When the first of those that are parked until some time is to be taken back; INT64_MAX: there is
 * none. */
int64_t stele_timers_parked_until(const stele_timers *timers);

/** How many there are. */
size_t stele_timers_count(const stele_timers *timers);

#endif
