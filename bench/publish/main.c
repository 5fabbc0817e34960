/* SPDX-License-Identifier: MIT
 * One run of the publish benchmark: prints events per second and CPU seconds.
 * bench/publish/run interleaves the ways and takes medians. */
#include "publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

const char publish_purpose[] =
    "invoice 2024-000000 of the household, thank you for your patience, paid in "
    "full by standing order";

void publish_make(int64_t number, publish_movement *out)
{
    out->account_size = (size_t)snprintf(out->account, sizeof out->account, "a-%06d",
                                         (int)(number * 7919 % ACCOUNTS));
    out->sequence = number;
    out->amount_cents = number * 31 % 100000 - 50000;
    out->booked_at = 1700000000000 + number;
    out->kind = (int32_t)(number % 3);
    out->counterparty_size = (size_t)snprintf(out->counterparty, sizeof out->counterparty, "a-%06d",
                                              (int)(number * 104729 % ACCOUNTS));
}

double publish_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void publish_die(const char *what, const char *why)
{
    fprintf(stderr, "publish: %s: %s\n", what, why);
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 7)
        publish_die("usage",
                    "bench-publish raw|stele BROKERS AGGREGATE CODEC minimal|cloudevents EVENTS");
    publish_run run = {.brokers = argv[2],
                       .aggregate = argv[3],
                       .codec = argv[4],
                       .cloudevents = strcmp(argv[5], "cloudevents") == 0,
                       .events = strtoll(argv[6], NULL, 10)};
    publish_result result = strcmp(argv[1], "raw") == 0 ? publish_raw(&run) : publish_stele(&run);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
                 (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
    if (result.delivered != run.events) publish_die("delivered", "not all events");
    printf("%s %s %s %.0f %.2f %ld\n", run.codec, argv[5], argv[1],
           (double)run.events / result.seconds, cpu, usage.ru_maxrss / 1024);
    return 0;
}
