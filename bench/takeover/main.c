/* SPDX-License-Identifier: MIT
 * One run of the takeover benchmark: a worker takes all partitions of a topic, restores what an
 * earlier run has left, applies what is left, and is closed. Run by bench/takeover/run. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "balance.h"
#include "core/alloc.h"
#include "movement.h"
#include "projections/fold.h"
#include "registry/client.h"
#include "replay/memory.h"
#include "takeover/watch.h"

enum { PATIENCE_MS = 10000, STEP_MS = 10, REST_MS = 300 };

static int64_t assigned_ns; /* when the first partition came; 0: none has */
static int64_t accounts;

static void must(stele_status status, const stele_error *err)
{
    if (status >= 0) return;
    fprintf(stderr, "bench-takeover: %s\n", err->text);
    exit(1);
}

static int64_t now_ns(void)
{
    return stele_clock_monotonic_ns(stele_clock_system());
}

static double milliseconds(int64_t from_ns, int64_t to_ns)
{
    return (double)(to_ns - from_ns) / 1e6;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static stele_status apply_movement(void *state, const void *data, const stele_event *event,
                                   stele_error *err)
{
    (void)event, (void)err;
    bench_balance *balance = state;
    const bench_movement *movement = data;
    if (balance->movements++ == 0) accounts++;
    balance->balance_cents += movement->amount_cents;
    balance->last_booked_at = movement->booked_at;
    return STELE_OK;
}

static const stele_handler handlers[] = {{&bench_movement_type, apply_movement}, {NULL, NULL}};

static stele_task_ops tasks; /* the fold's, and a look at the clock */

static stele_status open_task(void *self, stele_worker *worker, stele_partition source,
                              stele_task **out, stele_error *err)
{
    if (assigned_ns == 0) assigned_ns = now_ns();
    return stele_fold_tasks.open(self, worker, source, out, err);
}

static int64_t *find_ends(stele_log *log, const char *topic, int32_t partitions)
{
    int64_t *ends = stele_alloc_array((size_t)partitions, sizeof *ends);
    for (int32_t i = 0; i < partitions; i++) {
        stele_error err = {0};
        int64_t start;
        must(stele_log_bounds(log, (stele_partition){topic, i}, STELE_READ_COMMITTED, PATIENCE_MS,
                              &start, &ends[i], &err),
             &err);
    }
    return ends;
}

static bool is_done(const stele_worker *worker, const int64_t *ends, int32_t partitions)
{
    for (int32_t i = 0; i < partitions; i++)
        if (stele_worker_progress(worker, i).position < ends[i]) return false;
    return true;
}

static _Noreturn void die_stopped(const stele_worker *worker)
{
    stele_partition_state state;
    const char *reason = "";
    for (int32_t i = 0; !stele_worker_state(worker, i, &state, &reason); i++) {
    }
    fprintf(stderr, "bench-takeover: stopped: %s\n", reason);
    exit(1);
}

static void step_until(stele_worker *worker, int64_t end_ns)
{
    while (now_ns() < end_ns) {
        stele_error err = {0};
        must(stele_worker_step(worker, STEP_MS, &err), &err);
    }
}

static void run(stele_client *client, stele_fold *fold, int32_t partitions)
{
    stele_log *log = stele_client_log(client);
    int64_t *ends = find_ends(log, stele_fold_topic(fold), partitions);
    tasks = stele_fold_tasks;
    tasks.open = open_task;
    stele_error err = {0};
    stele_worker *worker = NULL;
    stele_worker_options options = {.name = stele_fold_group(fold),
                                    .topic = stele_fold_topic(fold),
                                    .ops = &tasks,
                                    .self = fold};
    watch seen;
    if (!watch_begin(&seen)) must(stele_fail(&err, STELE_E_INTERNAL, 0, "no thread"), &err);
    must(stele_worker_open(log, &options, &worker, &err), &err);
    do {
        must(stele_worker_step(worker, STEP_MS, &err), &err);
        if (stele_worker_is_stopped(worker)) die_stopped(worker);
    } while (!is_done(worker, ends, partitions));
    int64_t taken_ns = now_ns();
    step_until(worker, taken_ns + INT64_C(1000000) * REST_MS); /* what taking began may end */
    long threads = memory_status("Threads") - 1;
    double cpu = cpu_seconds();
    int64_t closing_ns = now_ns();
    stele_worker_close(worker);
    int64_t closed_ns = now_ns();
    watch_end(&seen);
    printf("%.1f %.1f %ld %ld %ld %.3f %.3f %" PRId64 "\n", milliseconds(assigned_ns, taken_ns),
           milliseconds(closing_ns, closed_ns), threads, seen.threads_max, seen.rss_max_kib / 1024,
           cpu, cpu_seconds() - cpu, accounts);
    free(ends);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: bench-takeover BROKERS AGGREGATE PARTITIONS NAME\n");
        return 2;
    }
    char servers[256];
    snprintf(servers, sizeof servers, "kafka.bootstrap.servers=%s", argv[1]);
    const stele_aggregate aggregate = {
        .name = argv[2], .events = (const stele_type *const[]){&bench_movement_type, NULL}};
    const stele_projection projection = {.name = argv[4],
                                         .version = 1,
                                         .source = &aggregate,
                                         .state = &bench_balance_type,
                                         .handlers = handlers};
    stele_error err = {0};
    stele_client *client = NULL;
    stele_fold *fold = NULL;
    const stele_client_options options = {.overrides = (const char *const[]){servers, NULL}};
    must(stele_client_open(&options, &client, &err), &err);
    /* No snapshot before the last ones, so that each run has the same to write. */
    const stele_fold_options fold_options = {.projection = &projection,
                                             .registry = stele_client_registry(client),
                                             .snapshot_events = INT64_MAX,
                                             .snapshot_interval_ms = INT_MAX};
    must(stele_fold_open(&fold_options, &fold, &err), &err);
    run(client, fold, (int32_t)strtol(argv[3], NULL, 10));
    stele_fold_close(fold);
    stele_client_close(client);
    return 0;
}
