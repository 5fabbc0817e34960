/* SPDX-License-Identifier: MIT
 * One run of the replay benchmark: fill a topic, or rebuild the balances in one of the ways and
 * print what it took. bench/replay/run interleaves the ways and takes medians. */
#include "replay.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "fill.h"

typedef replay_result replay_way(const replay_share *share);

typedef struct worker {
    pthread_t thread;
    replay_share share;
    replay_way *way;
    replay_result result;
} worker;

double replay_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void replay_die(const char *what, const char *why)
{
    fprintf(stderr, "replay: %s: %s\n", what, why);
    exit(1);
}

static void *run_worker(void *argument)
{
    worker *w = argument;
    w->result = w->way(&w->share);
    return NULL;
}

static replay_way *find_way(const char *name)
{
    if (strcmp(name, "count") == 0) return replay_count;
    if (strcmp(name, "hand") == 0) return replay_by_hand;
    if (strcmp(name, "fold") == 0) return replay_by_fold;
    if (strcmp(name, "stele") == 0) return replay_by_stele;
    if (strcmp(name, "timed") == 0) return replay_timed;
    if (strcmp(name, "timed-snapshots") == 0) return replay_timed_with_snapshots;
    replay_die(name, "expected fill, count, hand, fold or stele");
}

static void print_result(const char *way, const worker *workers, int threads)
{
    replay_result all = {0};
    for (int i = 0; i < threads; i++) {
        all.events += workers[i].result.events;
        all.sum_cents += workers[i].result.sum_cents;
        all.accounts += workers[i].result.accounts;
        if (workers[i].result.seconds > all.seconds) all.seconds = workers[i].result.seconds;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
                 (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
    printf("%s %d %" PRId64 " %" PRId64 " %" PRId64 " %.4f %.0f %.2f %ld\n", way, threads,
           all.events, all.accounts, all.sum_cents, all.seconds, (double)all.events / all.seconds,
           cpu, usage.ru_maxrss / 1024);
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[1], "fill") == 0)
        return replay_fill(argv[2], argv[3], argv[4], atol(argv[5]), strtoull(argv[6], NULL, 10));
    if (argc != 5) replay_die("usage", "replay WAY BROKERS TOPIC THREADS");
    int threads = argv[4][0] - '0';
    if (threads < 1 || threads > THREADS_MAX || PARTITIONS % threads != 0)
        replay_die("THREADS", "expected 1, 2 or 4");
    worker workers[THREADS_MAX] = {0};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    long long run = now.tv_sec * 1000000LL + now.tv_nsec / 1000;
    for (int i = 0; i < threads; i++) {
        workers[i].way = find_way(argv[1]);
        workers[i].share = (replay_share){argv[2], argv[3], i, threads, run};
        if (pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) != 0)
            replay_die("thread", "cannot be started");
    }
    for (int i = 0; i < threads; i++)
        pthread_join(workers[i].thread, NULL);
    print_result(argv[1], workers, threads);
    return 0;
}
