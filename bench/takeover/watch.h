/* SPDX-License-Identifier: MIT
 * The most threads and memory that the process had, looked at every few milliseconds. */
#ifndef STELE_BENCH_WATCH_H
#define STELE_BENCH_WATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

typedef struct watch {
    pthread_t thread;
    atomic_bool stop;
    long threads_max; /* without the watch's own */
    long rss_max_kib;
} watch;

/** @return false: there is no thread for it. It does not move until watch_end. */
bool watch_begin(watch *self);

/** What it found may be read afterwards. */
void watch_end(watch *self);

#endif
