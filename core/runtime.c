/* SPDX-License-Identifier: MIT
 * The runtime of the operating system: pthreads, the kernel's clocks and its randomness. */
#include "core/runtime.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "core/alloc.h"

enum { ENTROPY_MAX = 256 /* of one call of getentropy */ };

/* ---- threads ---- */

typedef struct thread_begin {
    const char *name;
    void (*run)(void *context);
    void *context;
} thread_begin;

static void *begin(void *context)
{
    thread_begin of = *(thread_begin *)context;
    free(context);
    prctl(PR_SET_NAME, of.name);
    of.run(of.context);
    return NULL;
}

static int thread_start(void *self, stele_thread *out, const char *name, void (*run)(void *),
                        void *context)
{
    thread_begin *of = stele_alloc(sizeof *of);
    *of = (thread_begin){name, run, context};
    pthread_t thread;
    int cause = pthread_create(&thread, NULL, begin, of);
    if (cause != 0) {
        free(of);
        return cause;
    }
    *out = (stele_thread){.runtime = stele_runtime_system(), .is = {.system = thread}};
    (void)self;
    return 0;
}

static void thread_join(stele_thread *thread)
{
    pthread_join(thread->is.system, NULL);
}

static void thread_detach(stele_thread *thread)
{
    pthread_detach(thread->is.system);
}

/* ---- monitors ---- */

/* Aborts if the system cannot, as nothing sensible can follow. */
static void monitor_init(stele_monitor *monitor)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0 ||
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) != 0 ||
        pthread_cond_init(&monitor->is.system.changed, &attributes) != 0 ||
        pthread_mutex_init(&monitor->is.system.mutex, NULL) != 0) {
        abort();
    }
    pthread_condattr_destroy(&attributes);
}

static void monitor_clear(stele_monitor *monitor)
{
    pthread_cond_destroy(&monitor->is.system.changed);
    pthread_mutex_destroy(&monitor->is.system.mutex);
}

static void monitor_lock(stele_monitor *monitor)
{
    pthread_mutex_lock(&monitor->is.system.mutex);
}

static void monitor_unlock(stele_monitor *monitor)
{
    pthread_mutex_unlock(&monitor->is.system.mutex);
}

static bool monitor_wait(stele_monitor *monitor, int64_t until_ns)
{
    pthread_cond_t *changed = &monitor->is.system.changed;
    pthread_mutex_t *mutex = &monitor->is.system.mutex;
    if (until_ns == INT64_MAX) {
        pthread_cond_wait(changed, mutex);
        return true;
    }
    struct timespec end = {.tv_sec = (time_t)(until_ns / 1000000000),
                           .tv_nsec = (long)(until_ns % 1000000000)};
    return pthread_cond_timedwait(changed, mutex, &end) == 0;
}

static void monitor_wake(stele_monitor *monitor)
{
    pthread_cond_broadcast(&monitor->is.system.changed);
}

/* ---- time and randomness ---- */

static int64_t read_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now); /* cannot fail for these ids */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t now_ms(void *self)
{
    (void)self;
    return read_ns(CLOCK_REALTIME) / 1000000;
}

static int64_t monotonic_ns(void *self)
{
    (void)self;
    return read_ns(CLOCK_MONOTONIC);
}

static void sleep_ns(void *self, int64_t ns)
{
    (void)self;
    nanosleep(
        &(struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)},
        NULL);
}

static bool socket_wait(void *self, int socket, bool writes, int64_t until_ns)
{
    struct pollfd of = {.fd = socket, .events = (short)(writes ? POLLIN | POLLOUT : POLLIN)};
    int64_t left_ns = until_ns - monotonic_ns(self);
    int64_t left_ms = left_ns <= 0 ? 0 : (left_ns - 1) / 1000000 + 1;
    return poll(&of, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms) != 0;
}

static void random_bytes(void *self, void *out, size_t size)
{
    (void)self;
    for (size_t done = 0, piece; done < size; done += piece) {
        piece = size - done < ENTROPY_MAX ? size - done : ENTROPY_MAX;
        if (getentropy((char *)out + done, piece) == 0) continue;
        perror("stele: the system has no randomness");
        abort();
    }
}

stele_runtime stele_runtime_system(void)
{
    static const stele_runtime_ops ops = {
        .thread_start = thread_start,
        .thread_join = thread_join,
        .thread_detach = thread_detach,
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
        .socket_wait = socket_wait,
    };
    return (stele_runtime){.ops = &ops};
}
