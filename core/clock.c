/* SPDX-License-Identifier: MIT
 * The two clocks behind the port. */
#include "core/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t read_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now); /* cannot fail for these ids */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t system_now_ms(void *self)
{
    (void)self;
    return read_ns(CLOCK_REALTIME) / 1000000;
}

static int64_t system_monotonic_ns(void *self)
{
    (void)self;
    return read_ns(CLOCK_MONOTONIC);
}

stele_clock stele_clock_system(void)
{
    static const stele_clock_ops ops = {.now_ms = system_now_ms,
                                        .monotonic_ns = system_monotonic_ns};
    return (stele_clock){.ops = &ops, .self = NULL};
}

static int64_t manual_now_ms(void *self)
{
    return atomic_load(&((stele_manual_clock *)self)->now_ms);
}

static int64_t manual_monotonic_ns(void *self)
{
    return atomic_load(&((stele_manual_clock *)self)->monotonic_ns);
}

stele_clock stele_clock_manual(stele_manual_clock *manual)
{
    static const stele_clock_ops ops = {.now_ms = manual_now_ms,
                                        .monotonic_ns = manual_monotonic_ns};
    return (stele_clock){.ops = &ops, .self = manual};
}

void stele_manual_clock_advance(stele_manual_clock *manual, int64_t elapsed_ms)
{
    atomic_fetch_add(&manual->now_ms, elapsed_ms);
    atomic_fetch_add(&manual->monotonic_ns, elapsed_ms * 1000000);
}

void stele_manual_clock_set(stele_manual_clock *manual, int64_t now_ms)
{
    atomic_store(&manual->now_ms, now_ms);
}
