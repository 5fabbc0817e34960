/* SPDX-License-Identifier: MIT
 * A runtime whose clocks a test moves. Threads, monitors and randomness are the operating
 * system's. The clocks stand still until they are moved, or until a sleep or a wait has lasted its
 * whole time without being woken: then they are where it ends. */
#ifndef STELE_TESTS_SUPPORT_MANUAL_TIME_H
#define STELE_TESTS_SUPPORT_MANUAL_TIME_H

#include <stdatomic.h>

#include "core/clock.h"

/** All zero is valid. */
typedef struct stele_manual_clock {
    _Atomic int64_t now_ms;
    _Atomic int64_t monotonic_ns;
} stele_manual_clock;

/** The runtime of a manual clock; `manual` is borrowed and outlives every copy. */
stele_runtime stele_runtime_manual(stele_manual_clock *manual);

/** Its clocks. */
static inline stele_clock stele_clock_manual(stele_manual_clock *manual)
{
    return stele_runtime_clock(stele_runtime_manual(manual));
}

/** Let time pass on both of its scales; `elapsed_ms` is not negative. */
void stele_manual_clock_advance(stele_manual_clock *manual, int64_t elapsed_ms);

/** Jump the wall time only, as an administrator or NTP does. */
void stele_manual_clock_set(stele_manual_clock *manual, int64_t now_ms);

#endif
