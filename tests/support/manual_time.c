/* SPDX-License-Identifier: MIT
 * Manual clocks over the operating system's runtime. Who waits looks at them every few
 * milliseconds, so that a test that moves them need not know who waits. */
#include "tests/support/manual_time.h"

enum { LOOK_NS = 2000000 };

static const stele_runtime_ops *real(void)
{
    return stele_runtime_system().ops;
}

/* ---- time ---- */

static int64_t now_ms(void *self)
{
    return atomic_load(&((stele_manual_clock *)self)->now_ms);
}

static int64_t monotonic_ns(void *self)
{
    return atomic_load(&((stele_manual_clock *)self)->monotonic_ns);
}

/* A wait has come to its end: so have the clocks, if they are not past it. */
static void reach(stele_manual_clock *manual, int64_t end_ns)
{
    int64_t seen = atomic_load(&manual->monotonic_ns);
    while (seen < end_ns) {
        if (!atomic_compare_exchange_weak(&manual->monotonic_ns, &seen, end_ns)) continue;
        atomic_fetch_add(&manual->now_ms, (end_ns - seen) / 1000000);
        return;
    }
}

static void sleep_ns(void *self, int64_t ns)
{
    int64_t end_ns = monotonic_ns(self) + ns;
    real()->sleep_ns(NULL, ns);
    reach(self, end_ns);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool monitor_wait(stele_monitor *monitor, int64_t until_ns)
{
    if (until_ns == INT64_MAX) return real()->monitor_wait(monitor, until_ns);
    stele_manual_clock *manual = monitor->runtime.self;
    int64_t begun_ns = real()->monotonic_ns(NULL);
    int64_t end_ns = begun_ns + (until_ns - monotonic_ns(manual)); /* of the real clock */
    for (;;) {
        if (monotonic_ns(manual) >= until_ns) return false;
        int64_t real_ns = real()->monotonic_ns(NULL);
        if (real_ns >= end_ns) {
            reach(manual, until_ns);
            return false;
        }
        if (real()->monitor_wait(monitor, earlier(real_ns + LOOK_NS, end_ns))) return true;
    }
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

/* ---- the rest ---- */

static int thread_start(void *self, stele_thread *out, const char *name, void (*run)(void *),
                        void *context)
{
    (void)self;
    return real()->thread_start(NULL, out, name, run, context);
}

static void monitor_init(stele_monitor *monitor)
{
    real()->monitor_init(monitor);
}

static void monitor_clear(stele_monitor *monitor)
{
    real()->monitor_clear(monitor);
}

static void monitor_lock(stele_monitor *monitor)
{
    real()->monitor_lock(monitor);
}

static void monitor_unlock(stele_monitor *monitor)
{
    real()->monitor_unlock(monitor);
}

static void monitor_wake(stele_monitor *monitor)
{
    real()->monitor_wake(monitor);
}

static void random_bytes(void *self, void *out, size_t size)
{
    (void)self;
    real()->random(NULL, out, size);
}

stele_runtime stele_runtime_manual(stele_manual_clock *manual)
{
    static const stele_runtime_ops ops = {
        .thread_start = thread_start,
        .monitor_init = monitor_init,
        .monitor_clear = monitor_clear,
        .monitor_lock = monitor_lock,
        .monitor_unlock = monitor_unlock,
        .monitor_wait = monitor_wait,
        .monitor_wake = monitor_wake,
        .now_ms = now_ms,
        .monotonic_ns = monotonic_ns,
        .sleep_ns = sleep_ns,
        .random = random_bytes,
    };
    return (stele_runtime){.ops = &ops, .self = manual};
}
