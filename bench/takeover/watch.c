/* SPDX-License-Identifier: MIT
 * A thread that reads /proc/self/status. */
#include "watch.h"

#include <time.h>

#include "replay/memory.h"

enum { PAUSE_NS = 5000000 };

static void look(watch *self)
{
    long threads = memory_status("Threads") - 1;
    long rss_kib = memory_status("VmRSS");
    if (threads > self->threads_max) self->threads_max = threads;
    if (rss_kib > self->rss_max_kib) self->rss_max_kib = rss_kib;
}

static void *run(void *argument)
{
    watch *self = argument;
    while (!atomic_load(&self->stop)) {
        look(self);
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
    return NULL;
}

bool watch_begin(watch *self)
{
    *self = (watch){0};
    return pthread_create(&self->thread, NULL, run, self) == 0;
}

void watch_end(watch *self)
{
    atomic_store(&self->stop, true);
    pthread_join(self->thread, NULL);
}
