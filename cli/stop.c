/* SPDX-License-Identifier: MIT
 * A flag and a bell that a signal handler may ring: it may write to a descriptor, and wake no
 * monitor. */
#include "cli/stop.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/clock.h"

enum { LOOK_MS = 50 }; /* where there is no bell */

void stele_stop_init(stele_stop *stop)
{
    atomic_init(&stop->asked, false);
    stop->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

void stele_stop_clear(stele_stop *stop)
{
    if (stop->bell >= 0) close(stop->bell);
    stop->bell = -1;
}

stele_stop *stele_stop_new(void)
{
    stele_stop *stop = stele_alloc(sizeof *stop);
    stele_stop_init(stop);
    return stop;
}

void stele_stop_free(stele_stop *stop)
{
    if (stop == NULL) return;
    stele_stop_clear(stop);
    free(stop);
}

/* @locality also a signal handler */
void stele_stop_ask(stele_stop *stop)
{
    static const uint64_t one = 1;
    int before = errno;
    atomic_store(&stop->asked, true);
    /* It fails only where it was asked more often than one can count, or there is no bell. */
    ssize_t written = write(stop->bell, &one, sizeof one);
    (void)written;
    errno = before;
}

/* No one reads what was written, so that all who wait see it. */
void stele_stop_await(const stele_stop *stop, stele_runtime runtime)
{
    stele_clock clock = stele_runtime_clock(runtime);
    while (!atomic_load(&stop->asked)) {
        int64_t until_ns = stop->bell >= 0
                               ? INT64_MAX
                               : stele_clock_monotonic_ns(clock) + LOOK_MS * INT64_C(1000000);
        stele_socket_wait(runtime, stop->bell, false, until_ns);
    }
}
