/* SPDX-License-Identifier: MIT
 * A lock with a condition: how two threads hand messages to each other. Waits take a deadline of
 * the system's monotonic clock. */
#ifndef STELE_CORE_MONITOR_H
#define STELE_CORE_MONITOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "core/deadline.h"

typedef struct stele_monitor {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
} stele_monitor;

/** Make it ready. Aborts if the system cannot, as nothing sensible can follow. */
static inline void stele_monitor_init(stele_monitor *monitor)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0 ||
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) != 0 ||
        pthread_cond_init(&monitor->changed, &attributes) != 0 ||
        pthread_mutex_init(&monitor->mutex, NULL) != 0) {
        abort();
    }
    pthread_condattr_destroy(&attributes);
}

/** Release it; nobody holds it or waits. */
static inline void stele_monitor_clear(stele_monitor *monitor)
{
    pthread_cond_destroy(&monitor->changed);
    pthread_mutex_destroy(&monitor->mutex);
}

static inline void stele_monitor_lock(stele_monitor *monitor)
{
    pthread_mutex_lock(&monitor->mutex);
}

static inline void stele_monitor_unlock(stele_monitor *monitor)
{
    pthread_mutex_unlock(&monitor->mutex);
}

/** Wake all who wait. Call it with the lock held. */
static inline void stele_monitor_wake(stele_monitor *monitor)
{
    pthread_cond_broadcast(&monitor->changed);
}

/**
 * Give up the lock until somebody wakes, then hold it again. May return for no reason: look again
 * at what is waited for.
 *
 * @param until  of the system clock
 * @return false: the deadline has passed
 */
static inline bool stele_monitor_wait(stele_monitor *monitor, stele_deadline until)
{
    if (until.end_ns == INT64_MAX) {
        pthread_cond_wait(&monitor->changed, &monitor->mutex);
        return true;
    }
    struct timespec end = {.tv_sec = (time_t)(until.end_ns / 1000000000),
                           .tv_nsec = (long)(until.end_ns % 1000000000)};
    return pthread_cond_timedwait(&monitor->changed, &monitor->mutex, &end) == 0;
}

#endif
