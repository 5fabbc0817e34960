/* SPDX-License-Identifier: MIT
 * One run of the append benchmark: prints events per second and the latency of a command.
 * bench/append/run interleaves the ways and takes medians. */
#include "append.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

const char append_purpose[] = "invoice 2024-000000 of the household, thank you for your patience, "
                              "paid in full by standing order";

double append_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void append_die(const char *what, const char *why)
{
    fprintf(stderr, "append: %s: %s\n", what, why);
    exit(1);
}

int append_answered(append_result *result, double begun)
{
    double now = append_now();
    if (begun >= result->begin && now < result->end) {
        result->answered++;
        if (result->samples < SAMPLES_MAX)
            result->latencies_ms[result->samples++] = (float)((now - begun) * 1e3);
    }
    return now < result->end;
}

static int compare(const void *a, const void *b)
{
    float one = *(const float *)a;
    float other = *(const float *)b;
    return (one > other) - (one < other);
}

static double percentile(const append_result *result, double part)
{
    return result->samples == 0
               ? 0
               : result->latencies_ms[(size_t)(part * (double)(result->samples - 1))];
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
           (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*append)(const append_run *run, append_result *result);
    } ways[] = {
        {"idempotent", append_idempotent}, {"hand", append_by_hand}, {"stele", append_stele}};
    if (argc != 6)
        append_die("usage", "bench-append idempotent|hand|stele BROKERS AGGREGATE CALLERS SECONDS");
    append_run run = {.brokers = argv[2],
                      .aggregate = argv[3],
                      .callers = (int)strtol(argv[4], NULL, 10),
                      .warm_up_s = 0.7,
                      .seconds = strtod(argv[5], NULL)};
    if (run.callers < 1 || run.callers > CALLERS_MAX) append_die(argv[4], "no count of callers");
    append_result result = {.latencies_ms = malloc(SAMPLES_MAX * sizeof(float))};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (strcmp(argv[1], ways[i].name) == 0) ways[i].append(&run, &result);
    if (result.answered == 0) append_die(argv[1], "nothing was answered");
    qsort(result.latencies_ms, result.samples, sizeof(float), compare);
    printf("%d %s %.0f %.2f %.2f %.2f\n", run.callers, argv[1],
           (double)result.answered / run.seconds, percentile(&result, 0.5),
           percentile(&result, 0.99), cpu_seconds() * 1e6 / (double)result.answered);
    free(result.latencies_ms);
    return 0;
}
