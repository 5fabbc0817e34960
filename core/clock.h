/* SPDX-License-Identifier: MIT
 * The clock port: what time it is, from the system or from a test that moves it by hand. */
#ifndef STELE_CORE_CLOCK_H
#define STELE_CORE_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct stele_clock_ops {
    int64_t (*now_ms)(void *self);
    int64_t (*monotonic_ns)(void *self);
} stele_clock_ops;

/** A clock, passed by value; `self` is borrowed and outlives every copy. Any thread may read it. */
typedef struct stele_clock {
    const stele_clock_ops *ops;
    void *self;
} stele_clock;

/** Wall time in milliseconds since 1970-01-01T00:00:00Z. It may jump, also backwards. */
static inline int64_t stele_clock_now_ms(stele_clock clock)
{
    return clock.ops->now_ms(clock.self);
}

/** Nanoseconds from some fixed moment; never goes back. For durations and deadlines. */
static inline int64_t stele_clock_monotonic_ns(stele_clock clock)
{
    return clock.ops->monotonic_ns(clock.self);
}

/** The clock of the machine. */
stele_clock stele_clock_system(void);

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
