/* SPDX-License-Identifier: MIT
 * A clock that is moved by hand. */
#include "core/clock.h"

static int64_t manual_now_ms(void *self)
{
    return atomic_load(&((stele_manual_clock *)self)->now_ms);
}

static int64_t manual_monotonic_ns(void *self)
{
    return atomic_load(&((stele_manual_clock *)self)->monotonic_ns);
}

static void manual_random(void *self, void *out, size_t size)
{
    (void)self;
    stele_random_bytes(stele_runtime_system(), out, size);
}

stele_clock stele_clock_manual(stele_manual_clock *manual)
{
    static const stele_runtime_ops ops = {
        .now_ms = manual_now_ms, .monotonic_ns = manual_monotonic_ns, .random = manual_random};
    return stele_runtime_clock((stele_runtime){.ops = &ops, .self = manual});
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
