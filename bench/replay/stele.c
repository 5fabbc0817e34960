/* SPDX-License-Identifier: MIT
 * Stele's way: the worker and the fold as `run` has them, one worker per thread, with a projection
 * name of its own per run, so that there is nothing to restore and every event is applied. */
#include "replay.h"

#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "balance.h"
#include "core/alloc.h"
#include "core/config.h"
#include "gaps.h"
#include "memory.h"
#include "movement.h"
#include "projections/fold.h"
#include "registry/client.h"
#include "snapshots/format.h"

/* Of the run, written by whichever thread owns the partition. */
static _Atomic int64_t positions[PARTITIONS];
static int64_t ends[PARTITIONS];

static _Thread_local replay_result found;
static _Thread_local gap_histogram gaps;
static _Thread_local int64_t key_bytes; /* of all accounts found */

static stele_status apply_movement(void *state, const void *data, const stele_event *event,
                                   stele_error *err)
{
    (void)event, (void)err;
    bench_balance *balance = state;
    const bench_movement *movement = data;
    if (balance->movements++ == 0) found.accounts++;
    balance->balance_cents += movement->amount_cents;
    balance->last_booked_at = movement->booked_at;
    found.events++;
    found.sum_cents += movement->amount_cents;
    return STELE_OK;
}

/* The same, and how long ago the event before it was. */
static stele_status apply_timed(void *state, const void *data, const stele_event *event,
                                stele_error *err)
{
    int64_t now_ns = stele_clock_monotonic_ns(stele_clock_system());
    if (gaps.last_ns != 0) gaps_add(&gaps, now_ns - gaps.last_ns);
    const bench_balance *balance = state;
    if (balance->movements == 0) key_bytes += (int64_t)event->aggregate_id.size;
    int result = apply_movement(state, data, event, err);
    gaps.last_ns = stele_clock_monotonic_ns(stele_clock_system());
    return result;
}

static const stele_handler handlers[] = {{&bench_movement_type, apply_movement}, {NULL, NULL}};
static const stele_handler timed[] = {{&bench_movement_type, apply_timed}, {NULL, NULL}};

static void check(stele_status status, const stele_error *err)
{
    if (status < 0) replay_die("stele", err->text);
}

static stele_client *open_client(const char *brokers)
{
    char servers[256];
    snprintf(servers, sizeof servers, "kafka.bootstrap.servers=%s", brokers);
    stele_error err = {0};
    stele_client *client = NULL;
    const stele_client_options options = {.overrides = (const char *const[]){servers, NULL}};
    check(stele_client_open(&options, &client, &err), &err);
    return client;
}

static void find_ends(stele_log *log, const char *topic)
{
    for (int32_t i = 0; i < PARTITIONS; i++) {
        stele_error err = {0};
        int64_t start, end;
        check(stele_log_bounds(log, (stele_partition){topic, i}, STELE_READ_COMMITTED, 10000,
                               &start, &end, &err),
              &err);
        ends[i] = end;
    }
}

/* ---- the group ---- */

/* The loops by hand take their partitions, a group has to agree on them: no one restores or reads
 * before each thread has its share. How many partitions each has: */
static _Atomic int owned[THREADS_MAX];
static atomic_bool has_settled;

static _Thread_local replay_share mine;
static _Thread_local stele_task_ops tasks; /* the fold's, and the wait */

static bool is_settled(void)
{
    for (int i = 0; i < mine.threads; i++)
        if (atomic_load(&owned[i]) != PARTITIONS / mine.threads) return false;
    return true;
}

static stele_status open_task(void *self, stele_worker *worker, stele_partition source,
                              stele_task **out, stele_error *err)
{
    stele_status status = stele_fold_tasks.open(self, worker, source, out, err);
    if (status < 0) return status;
    (*out)->ops = &tasks;
    atomic_fetch_add(&owned[mine.thread], 1);
    return status;
}

static stele_status prepare_task(stele_task *task, int64_t *start, stele_error *err)
{
    if (is_settled()) atomic_store(&has_settled, true);
    if (!atomic_load(&has_settled))
        return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "%s", "");
    return stele_fold_tasks.prepare(task, start, err);
}

static void close_task(stele_task *task, stele_deadline by)
{
    atomic_fetch_sub(&owned[mine.thread], 1);
    stele_fold_tasks.close(task, by);
}

static void set_tasks(const replay_share *share)
{
    mine = *share;
    tasks = stele_fold_tasks;
    tasks.open = open_task;
    tasks.prepare = prepare_task;
    tasks.close = close_task;
}

/* ---- the run ---- */

/* What this worker owns is told to all. @return is every partition at its end? */
static bool is_done(const stele_worker *worker, bool *began)
{
    bool done = true;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        int64_t position = stele_worker_progress(worker, i).position;
        if (position >= 0) atomic_store(&positions[i], position);
        *began = *began || position >= 0;
        done = done && atomic_load(&positions[i]) >= ends[i];
    }
    return done;
}

static void run_to_end(stele_worker *worker)
{
    bool began = false;
    double start = 0;
    stele_error err = {0};
    do {
        if (!began) start = replay_now();
        check(stele_worker_step(worker, 10, &err), &err);
    } while (!is_done(worker, &began));
    found.seconds = replay_now() - start;
}

/* What was fetched ahead is applied and given back by now. */
static void print_memory(void)
{
    printf("memory keys=%" PRId64 " allocated=%" PRId64 " key_bytes=%" PRId64
           " state_bytes=%" PRId64 " rss_mib=%ld threads=%ld\n",
           found.accounts, memory_allocated(), key_bytes,
           found.accounts * (int64_t)bench_balance_type.layout->size, memory_status("VmRSS") / 1024,
           memory_status("Threads"));
}

static void print_snapshots(stele_log *log, const stele_projection *projection)
{
    STELE_AUTO(char) topic = stele_snapshots_topic(projection->name, projection->version);
    int64_t records = 0;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        stele_error err = {0};
        int64_t start, end;
        check(stele_log_bounds(log, (stele_partition){topic, i}, STELE_READ_UNCOMMITTED, 10000,
                               &start, &end, &err),
              &err);
        records += end - start;
    }
    printf("snapshots records=%" PRId64 "\n", records);
}

/* When snapshots are written: never before the end, as configured by default, or without a pause.
 */
typedef enum snapshot_policy {
    SNAPSHOTS_NEVER,
    SNAPSHOTS_DEFAULT,
    SNAPSHOTS_ALWAYS
} snapshot_policy;

static void set_policy(stele_fold_options *options, snapshot_policy policy)
{
    if (policy == SNAPSHOTS_NEVER) {
        options->snapshot_events = INT64_MAX;
        options->snapshot_interval_ms = INT_MAX;
    } else if (policy == SNAPSHOTS_ALWAYS) {
        options->snapshot_interval_ms = 1;
    }
}

static replay_result replay(const replay_share *share, const stele_handler *handled,
                            snapshot_policy policy)
{
    char name[64], aggregate_name[64];
    snprintf(name, sizeof name, "balances-%lld", share->run);
    snprintf(aggregate_name, sizeof aggregate_name, "%.*s",
             (int)(strlen(share->topic) - strlen(".events")), share->topic);
    const stele_aggregate aggregate = {
        .name = aggregate_name, .events = (const stele_type *const[]){&bench_movement_type, NULL}};
    const stele_projection projection = {.name = name,
                                         .version = 1,
                                         .source = &aggregate,
                                         .state = &bench_balance_type,
                                         .handlers = handled};
    stele_client *client = open_client(share->brokers);
    find_ends(stele_client_log(client), share->topic);
    set_tasks(share);

    stele_fold_options fold_options = {
        .projection = &projection,
        .registry = stele_client_registry(client),
    };
    set_policy(&fold_options, policy);
    stele_error err = {0};
    stele_fold *fold = NULL;
    stele_worker *worker = NULL;
    check(stele_fold_open(&fold_options, &fold, &err), &err);
    stele_worker_options options = {.name = stele_fold_group(fold),
                                    .topic = stele_fold_topic(fold),
                                    .memory_max = (size_t)QUEUE_KBYTES * 1024,
                                    .no_status = true,
                                    .ops = &tasks,
                                    .self = fold};
    check(stele_worker_open(stele_client_log(client), &options, &worker, &err), &err);
    run_to_end(worker);
    if (handled == timed) {
        gaps_print(&gaps);
        print_memory();
        print_snapshots(stele_client_log(client), &projection);
    }
    stele_worker_close(worker);
    stele_fold_close(fold);
    stele_client_close(client);
    return found;
}

replay_result replay_by_stele(const replay_share *share)
{
    return replay(share, handlers, SNAPSHOTS_DEFAULT);
}

replay_result replay_by_fold(const replay_share *share)
{
    return replay(share, handlers, SNAPSHOTS_NEVER);
}

replay_result replay_timed(const replay_share *share)
{
    return replay(share, timed, SNAPSHOTS_NEVER);
}

replay_result replay_timed_with_snapshots(const replay_share *share)
{
    return replay(share, timed, SNAPSHOTS_ALWAYS);
}
