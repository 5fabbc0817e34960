/* SPDX-License-Identifier: MIT
 * What time it is: the two clocks of a runtime, for what needs no more of it. */
#ifndef STELE_CORE_CLOCK_H
#define STELE_CORE_CLOCK_H

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

#endif
