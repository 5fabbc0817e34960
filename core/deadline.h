/* SPDX-License-Identifier: MIT
 * A moment on the monotonic clock by which something must be done. Passed down by value, so that
 * every wait below one call shares its time. */
#ifndef STELE_CORE_DEADLINE_H
#define STELE_CORE_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"

typedef struct stele_deadline {
    stele_clock clock;
    int64_t end_ns; /* INT64_MAX: never */
} stele_deadline;

/** `timeout_ms` from now; a negative one never passes, 0 has passed already. */
stele_deadline stele_deadline_after(stele_clock clock, int64_t timeout_ms);

/** Has it passed? */
bool stele_deadline_passed(stele_deadline deadline);

/**
 * Milliseconds left, rounded up so that a wait of that length does not end before it; 0 if it has
 * passed. Never more than `most_ms`: what a loop that also looks at a stop flag waits at once.
 */
int stele_deadline_remaining_ms(stele_deadline deadline, int most_ms);

#endif
