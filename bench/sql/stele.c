/* SPDX-License-Identifier: MIT
 * Stele's ways: a SQL projection and a fold with a table, with one worker, as `run` has them, and
 * with a name of their own per run. */
#include "sql.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "balance.h"
#include "core/alloc.h"
#include "movement.h"
#include "projections/fold.h"
#include "projections/sql_projection.h"
#include "registry/client.h"

enum { ASK_MS = 10000, QUEUE_BYTES = 262144 * 1024 };

static void check(stele_status status, const stele_error *err)
{
    if (status < 0) sql_die("stele", err->text);
}

static stele_client *open_client(const char *brokers)
{
    STELE_AUTO(char) servers = stele_strdup_format("kafka.bootstrap.servers=%s", brokers);
    stele_error err = {0};
    stele_client *client = NULL;
    const stele_client_options options = {.overrides = (const char *const[]){servers, NULL}};
    check(stele_client_open(&options, &client, &err), &err);
    return client;
}

static stele_sql_desk *open_desk(stele_client *client, const char *url)
{
    stele_sql_store *store;
    stele_error err = {0};
    stele_runtime runtime = stele_log_runtime(stele_client_log(client));
    check(stele_sql_store_new(runtime, url, &store, &err), &err);
    return stele_sql_desk_open(runtime, store);
}

/* Is every partition at its end? The clock begins when the first is read. */
static bool is_done(stele_worker *worker, const int64_t ends[PARTITIONS], double *began)
{
    bool done = true;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        int64_t position = stele_worker_progress(worker, i).position;
        if (position >= 0 && *began == 0) *began = sql_now();
        done = done && position >= ends[i];
    }
    return done;
}

/* Closing it stores what is left. */
static double work(stele_client *client, const char *topic, stele_worker_options options,
                   bool restarts)
{
    int64_t ends[PARTITIONS];
    stele_error err = {0};
    stele_worker *worker;
    double began = restarts ? sql_now() : 0;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        int64_t start;
        check(stele_log_bounds(stele_client_log(client), (stele_partition){topic, i},
                               STELE_READ_COMMITTED, ASK_MS, &start, &ends[i], &err),
              &err);
    }
    options.topic = topic;
    options.memory_max = QUEUE_BYTES;
    options.no_status = true;
    check(stele_worker_open(stele_client_log(client), &options, &worker, &err), &err);
    while (!is_done(worker, ends, &began))
        check(stele_worker_step(worker, 10, &err), &err);
    double ready = sql_now();
    stele_worker_close(worker);
    return (restarts ? ready : sql_now()) - began;
}

/* ---- a row for each event ---- */

static const char rows_file[] =
    "-- source: %s\n"
    "-- setup\n"
    "CREATE TABLE moves (part INTEGER, off BIGINT, account TEXT, cents BIGINT, sequence BIGINT,\n"
    "    PRIMARY KEY (part, off));\n"
    "-- on bench.Movement\n"
    "INSERT INTO moves VALUES (:$partition, :$offset, :account, :amount_cents, :sequence);\n";

double sql_rows_by_stele(const sql_run *run)
{
    STELE_AUTO(char) name = stele_strdup_format("moves-%ld", (long)getpid());
    STELE_AUTO(char) path = stele_strdup_format("/tmp/stele-bench-%ld.sql", (long)getpid());
    stele_error err = {0};
    stele_client *client = open_client(run->brokers);
    stele_sql_desk *desk = open_desk(client, run->url);
    stele_sql_program *program;
    FILE *file = fopen(path, "w");
    if (file == NULL || fprintf(file, rows_file, run->topic) < 0 || fclose(file) != 0)
        sql_die(path, "cannot be written");
    stele_sql_program_options options = {.name = name,
                                         .file = path,
                                         .dialect = stele_sql_dialect_of(run->url),
                                         .registry = stele_client_registry(client),
                                         .desk = desk};
    check(stele_sql_program_open(&options, &program, &err), &err);
    check(stele_sql_program_load(program, ASK_MS, &err), &err);
    stele_sql_projection *sql = stele_sql_projection_open(
        &(stele_sql_projection_options){.program = program, .commit_rows = COMMIT_EVENTS});
    double seconds =
        work(client, run->topic,
             (stele_worker_options){
                 .name = stele_sql_projection_group(sql), .ops = &stele_sql_tasks, .self = sql},
             false);
    stele_sql_projection_close(sql);
    stele_sql_desk_close(desk);
    stele_sql_program_free(program);
    stele_client_close(client);
    unlink(path);
    return seconds;
}

/* ---- balances ---- */

static stele_status apply_movement(void *state, const void *data, const stele_event *event,
                                   stele_error *err)
{
    (void)event, (void)err;
    bench_balance *balance = state;
    const bench_movement *movement = data;
    balance->movements++;
    balance->balance_cents += movement->amount_cents;
    balance->last_booked_at = movement->booked_at;
    return STELE_OK;
}

static double run_fold(const sql_run *run, const char *name, bool restarts)
{
    static const stele_handler handlers[] = {{&bench_movement_type, apply_movement}, {NULL, NULL}};
    STELE_AUTO(char) of = stele_strndup(run->topic, strlen(run->topic) - strlen(".events"));
    const stele_aggregate aggregate = {
        .name = of, .events = (const stele_type *const[]){&bench_movement_type, NULL}};
    const stele_projection projection = {.name = name,
                                         .version = 1,
                                         .source = &aggregate,
                                         .state = &bench_balance_type,
                                         .handlers = handlers};
    stele_error err = {0};
    stele_client *client = open_client(run->brokers);
    stele_sql_desk *desk = open_desk(client, run->url);
    stele_state_table *table;
    stele_fold *fold;
    check(stele_state_table_new(&projection, NULL, stele_sql_dialect_of(run->url), &table, &err),
          &err);
    const stele_fold_table place = {table, desk};
    const stele_fold_options options = {.projection = &projection,
                                        .registry = stele_client_registry(client),
                                        .snapshot_interval_ms = COMMIT_MS,
                                        .table = &place};
    check(stele_fold_open(&options, &fold, &err), &err);
    double seconds =
        work(client, run->topic,
             (stele_worker_options){
                 .name = stele_fold_group(fold), .ops = &stele_fold_tasks, .self = fold},
             restarts);
    stele_fold_close(fold);
    stele_sql_desk_close(desk);
    stele_state_table_free(table);
    stele_client_close(client);
    return seconds;
}

double sql_fold_by_stele(const sql_run *run)
{
    STELE_AUTO(char) name = stele_strdup_format("balances-%ld", (long)getpid());
    return run_fold(run, name, false);
}

double sql_restart_of_stele(const sql_run *run)
{
    return run_fold(run, "balances-again", true);
}
