/* SPDX-License-Identifier: MIT
 * What time it is: the two clocks of a runtime, for what needs no more of it. */
#ifndef STELE_CORE_CLOCK_H
#define STELE_CORE_CLOCK_H

#include <stdatomic.h>

#include "core/runtime.h"

/** The clocks of a runtime, passed by value. Any thread may read them. */
typedef struct stele_clock {
    stele_runtime runtime;
} stele_clock;

static inline stele_clock stele_runtime_clock(stele_runtime runtime)
{
    return (stele_clock){.runtime = runtime};
}

/** Wall time in milliseconds since 1970-01-01T00:00:00Z. It may jump, also backwards. */
static inline int64_t stele_clock_now_ms(stele_clock clock)
{
    return clock.runtime.ops->now_ms(clock.runtime.self);
}

/** Nanoseconds from some fixed moment; never goes back. For durations and deadlines. */
static inline int64_t stele_clock_monotonic_ns(stele_clock clock)
{
    return clock.runtime.ops->monotonic_ns(clock.runtime.self);
}

/** The clocks of the machine. */
static inline stele_clock stele_clock_system(void)
{
    return stele_runtime_clock(stele_runtime_system());
}

/** A clock that stands still until it is moved. All zero is valid. For tests and simulation. */
typedef struct stele_manual_clock {
    _Atomic int64_t now_ms;
    _Atomic int64_t monotonic_ns;
} stele_manual_clock;

/** The port of a manual clock; `manual` is borrowed and outlives every copy. */
stele_clock stele_clock_manual(stele_manual_clock *manual);

/** Let time pass on both of its scales; `elapsed_ms` is not negative. */
void stele_manual_clock_advance(stele_manual_clock *manual, int64_t elapsed_ms);

/** Jump the wall time only, as an administrator or NTP does. */
void stele_manual_clock_set(stele_manual_clock *manual, int64_t now_ms);

#endif
