/* SPDX-License-Identifier: MIT
 * One way to rebuild the balances, as the benchmark runs each: count only, hand-written, Stele. */
#ifndef STELE_BENCH_REPLAY_H
#define STELE_BENCH_REPLAY_H

#include <stdint.h>

enum { PARTITIONS = 4, THREADS_MAX = 4 };

/* The same fetch-ahead budget for all, per consumer: more than a second of data, so that librdkafka
 * 2.0.2 does not pause its fetches. */
#define QUEUE_KBYTES 262144

/** What a way found; compared with what was produced. */
typedef struct replay_result {
    int64_t events;
    int64_t sum_cents; /* over all balances; 0 where the way only counts */
    int64_t accounts;  /* states at the end; 0 where it only counts */
    double seconds;    /* from the start of reading to the last event */
} replay_result;

/** Read all of a topic's partitions that thread `thread` of `threads` has: index % threads ==
 * thread. */
typedef struct replay_share {
    const char *brokers;
    const char *topic;
    int thread;
    int threads;
    long long run; /* a number of this run, the same in all its threads; a process id comes again */
} replay_share;

replay_result replay_count(const replay_share *share);
replay_result replay_by_hand(const replay_share *share);
replay_result replay_by_fold(const replay_share *share);  /* no snapshot on the way, as by hand */
replay_result replay_by_stele(const replay_share *share); /* snapshots as configured by default */

/* The gaps between events measured, which costs some 50 ns an event, and the memory of the states;
 * without a snapshot on the way, and with one cycle of snapshots after the other. */
replay_result replay_timed(const replay_share *share);
replay_result replay_timed_with_snapshots(const replay_share *share);

double replay_now(void);
_Noreturn void replay_die(const char *what, const char *why);

#endif
