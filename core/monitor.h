/* SPDX-License-Identifier: MIT
 * A lock with a condition: how two threads hand messages to each other. Waits take a deadline of
 * the runtime's monotonic clock. */
#ifndef STELE_CORE_MONITOR_H
#define STELE_CORE_MONITOR_H

#include "core/deadline.h"
#include "core/runtime.h"

/** Make it ready, for the threads of `runtime`. Release with stele_monitor_clear. */
static inline void stele_monitor_init(stele_monitor *monitor, stele_runtime runtime)
{
    monitor->runtime = runtime;
    runtime.ops->monitor_init(monitor);
}

/** Release it; no one holds it or waits. */
static inline void stele_monitor_clear(stele_monitor *monitor)
{
    monitor->runtime.ops->monitor_clear(monitor);
}

static inline void stele_monitor_lock(stele_monitor *monitor)
{
    monitor->runtime.ops->monitor_lock(monitor);
}

static inline void stele_monitor_unlock(stele_monitor *monitor)
{
    monitor->runtime.ops->monitor_unlock(monitor);
}

/** Wake all who wait. Call it with the lock held. */
static inline void stele_monitor_wake(stele_monitor *monitor)
{
    monitor->runtime.ops->monitor_wake(monitor);
}

/**
 * Give up the lock until someone wakes, then hold it again. May return for no reason: look again
 * at what is waited for.
 *
 * @param until  of the clock of the monitor's runtime
 * @return false: the deadline has passed
 */
static inline bool stele_monitor_wait(stele_monitor *monitor, stele_deadline until)
{
    return monitor->runtime.ops->monitor_wait(monitor, until.end_ns);
}

#endif
