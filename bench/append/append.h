/* SPDX-License-Identifier: MIT
 * One way to append the events of the benchmark: callers in a closed loop, each of which has one
 * command under way and sends the next one when it is answered. */
#ifndef STELE_BENCH_APPEND_H
#define STELE_BENCH_APPEND_H

#include <stddef.h>
#include <stdint.h>

enum { ACCOUNTS = 1000, CALLERS_MAX = 4096, SAMPLES_MAX = 1 << 20 };

typedef struct append_run {
    const char *brokers;
    const char *aggregate; /* the topic "<aggregate>.events" exists, with one partition */
    int callers;
    double warm_up_s;
    double seconds;
} append_run;

/** What was measured; filled by append_answered. One thread at a time. */
typedef struct append_result {
    double begin; /* of the measurement; before it nothing is counted */
    double end;   /* of it: no command is sent any more */
    int64_t answered;
    int under_way;
    size_t samples;
    float *latencies_ms; /* of SAMPLES_MAX */
} append_result;

void append_idempotent(const append_run *run, append_result *result); /* no one decides or fences */
void append_by_hand(const append_run *run, append_result *result);
void append_stele(const append_run *run, append_result *result);

/** A caller that began at `begun` is answered. @return false: it is to send no other command */
int append_answered(append_result *result, double begun);

/** What a command books, and for what. */
extern const char append_purpose[];

double append_now(void);
_Noreturn void append_die(const char *what, const char *why);

#endif
