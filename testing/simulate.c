/* SPDX-License-Identifier: MIT
 * A history played in virtual time: two workers for each projection, which crash, come back and
 * give partitions to each other; then what they wrote is compared with one replay. */
#include <stele/publisher.h>
#include <stele/stele_test.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/names.h"
#include "kafka/memory_log.h"
#include "projections/fold.h"
#include "projections/verify.h"
#include "registry/client.h"
#include "testing/fibers.h"

enum {
    PARTITIONS = 2,
    WORKERS = 2, /* of each projection */
    PROJECTIONS_MAX = (STELE_DOMAINS - 1) / WORKERS,
    PATIENCE_MS = 300000, /* virtual: more than every time-out of the product together */
    ASK_MS = 10000,
    STEP_MS = 100,
    SESSION_MS = 4000,
    LIFE_MAX = 60 /* turns of a worker until it crashes, at most */
};

/* One simulation; one for each process of the operating system. */
typedef struct play {
    const stele_app *app;
    const stele_simulated_event *events;
    stele_fibers *fibers;
    stele_runtime runtime;
    stele_log *log;
    stele_stream stream;
    bool resting;  /* no one crashes any more */
    bool stopping; /* all workers end */
} play;

/* A process of one worker. */
typedef struct process {
    play *of;
    const stele_projection *projection;
    int domain;
    stele_stream stream;
} process;

static _Noreturn void fail(const char *name, const char *text)
{
    fprintf(stderr, "%s: simulated: %s\n", name, text);
    _exit(1);
}

/* ---- workers ---- */

static void check_partitions(const process *self, const stele_worker *worker)
{
    for (int32_t i = 0; i < PARTITIONS; i++) {
        stele_partition_state state;
        const char *reason;
        if (stele_worker_state(worker, i, &state, &reason) && state == STELE_STATE_STOPPED)
            fail(self->projection->name, reason);
    }
}

static void work(process *self)
{
    play *of = self->of;
    stele_error err;
    stele_registry *registry;
    stele_fold *fold;
    stele_worker *worker;
    stele_registry_options where = {.log = of->log};
    if (stele_registry_open(&where, &registry, &err) < 0) fail(self->projection->name, err.text);
    stele_fold_options options = {
        .projection = self->projection,
        .registry = registry,
        .transaction_timeout_ms = SESSION_MS + 1000,
        .snapshot_events = 1 + stele_stream_below(&self->stream, 10),
        .snapshot_interval_ms = 1 + (int)stele_stream_below(&self->stream, 2000),
        .transaction_snapshots = 1 + stele_stream_below(&self->stream, 4)};
    if (stele_fold_open(&options, &fold, &err) < 0) fail(self->projection->name, err.text);
    stele_worker_options working = {.name = stele_fold_group(fold),
                                    .topic = stele_fold_topic(fold),
                                    .session_timeout_ms = SESSION_MS,
                                    .no_status = true,
                                    .registry = registry,
                                    .ops = &stele_fold_tasks,
                                    .self = fold};
    if (stele_worker_open(of->log, &working, &worker, &err) < 0)
        fail(self->projection->name, err.text);
    bool crashes = stele_stream_below(&self->stream, 2) == 0; /* or ends in order */
    uint32_t left = 1 + stele_stream_below(&self->stream, LIFE_MAX);
    while (!of->stopping && (of->resting || left-- > 0)) {
        if (stele_worker_step(worker, STEP_MS, &err) < 0) fail(self->projection->name, err.text);
        check_partitions(self, worker);
    }
    if (crashes && !of->stopping) stele_fibers_die(of->fibers);
    stele_worker_close(worker);
    stele_fold_close(fold);
    stele_registry_close(registry);
}

static void run_worker(void *context)
{
    process *self = context;
    work(self);
    free(self);
}

static void start_workers(play *of)
{
    for (int i = 0; of->app->projections[i] != NULL; i++) {
        for (int k = 0; k < WORKERS; k++) {
            int domain = 1 + i * WORKERS + k;
            if (stele_fibers_is_running(of->fibers, domain)) continue;
            process *made = stele_alloc(sizeof *made);
            *made =
                (process){of, of->app->projections[i], domain, {stele_stream_next(&of->stream)}};
            stele_fibers_start(of->fibers, domain, "worker", run_worker, made);
        }
    }
}

static void stop_workers(play *of)
{
    of->stopping = true;
    for (int domain = 1; domain < STELE_DOMAINS; domain++)
        while (stele_fibers_is_running(of->fibers, domain))
            stele_sleep_ms(of->runtime, STEP_MS);
}

/* ---- events ---- */

static bool has_event(const stele_aggregate *aggregate, const stele_type *type)
{
    for (size_t i = 0; aggregate->events[i] != NULL; i++)
        if (aggregate->events[i] == type) return true;
    return false;
}

/* Of the first projection that reads such events. */
static const stele_aggregate *source_of(const play *of, const stele_type *type)
{
    for (size_t i = 0; of->app->projections[i] != NULL; i++)
        if (has_event(of->app->projections[i]->source, type))
            return of->app->projections[i]->source;
    fail(of->app->name, "an event of a type that no projection's aggregate has");
}

static void create_topics(const play *of)
{
    for (size_t i = 0; of->app->projections[i] != NULL; i++) {
        stele_error err;
        STELE_AUTO(char) name = stele_events_topic(of->app->projections[i]->source->name);
        stele_log_topic_options topic = {.name = name, .partitions = PARTITIONS};
        stele_status status = stele_log_topic_create(of->log, &topic, ASK_MS, &err);
        if (status < 0 && status != STELE_E_EXISTS) fail(of->app->name, err.text);
    }
}

static void publish(const play *of, stele_client *client, const stele_simulated_event *event)
{
    stele_publisher *publisher;
    stele_error err;
    stele_publisher_options options = {.aggregate = source_of(of, event->type)->name};
    if (stele_publisher_open(client, &options, &publisher, &err) < 0) fail(of->app->name, err.text);
    if (stele_publisher_publish(publisher, stele_text(event->id), event->type, event->event, NULL,
                                &err) < 0 ||
        stele_publisher_close(publisher, ASK_MS, &err) < 0)
        fail(of->app->name, err.text);
}

static void publish_all(play *of)
{
    stele_client *client;
    stele_error err;
    if (stele_client_open_on(of->log, NULL, of->app->name, &client, &err) < 0)
        fail(of->app->name, err.text);
    for (const stele_simulated_event *event = of->events; event->type != NULL; event++) {
        publish(of, client, event);
        stele_sleep_ms(of->runtime, stele_stream_below(&of->stream, 1000));
        if (stele_stream_below(&of->stream, 3) == 0) start_workers(of);
    }
    stele_client_close(client);
}

/* ---- the end ---- */

static bool is_caught_up(const play *of, const stele_projection *projection)
{
    STELE_AUTO(char) group = stele_projection_group(projection->name, projection->version);
    STELE_AUTO(char) topic = stele_events_topic(projection->source->name);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        int64_t start;
        int64_t end;
        int64_t offset;
        stele_partition at = {topic, i};
        if (stele_log_bounds(of->log, at, STELE_READ_COMMITTED, ASK_MS, &start, &end, NULL) < 0 ||
            stele_log_group_offset(of->log, group, at, STEP_MS, &offset, NULL) < 0)
            return false;
        if (end > 0 && offset != end) return false;
    }
    return true;
}

static void await_rest(const play *of)
{
    stele_deadline until = stele_deadline_after(stele_runtime_clock(of->runtime), PATIENCE_MS);
    for (size_t i = 0; of->app->projections[i] != NULL; i++) {
        while (!is_caught_up(of, of->app->projections[i])) {
            if (stele_deadline_passed(until))
                fail(of->app->projections[i]->name, "not all events were applied in five minutes");
            stele_sleep_ms(of->runtime, STEP_MS);
        }
    }
}

static void on_finding(void *context, const stele_verify_finding *finding)
{
    const stele_projection *projection = context;
    fprintf(stderr, "%s: simulated: the state of \"%.*s\" is not what one replay makes: %s\n",
            projection->name, (int)finding->id.size, (const char *)finding->id.data, finding->text);
    _exit(1);
}

static void compare(const play *of)
{
    stele_registry *registry;
    stele_error err;
    stele_registry_options where = {.log = of->log};
    if (stele_registry_open(&where, &registry, &err) < 0) fail(of->app->name, err.text);
    for (size_t i = 0; of->app->projections[i] != NULL; i++) {
        stele_verify_counts counts;
        stele_verify_options options = {
            .projection = of->app->projections[i],
            .log = of->log,
            .registry = registry,
            .deadline = stele_deadline_after(stele_runtime_clock(of->runtime), PATIENCE_MS),
            .each = on_finding,
            .context = (void *)(uintptr_t)of->app->projections[i]};
        if (stele_verify(&options, &counts, &err) < 0)
            fail(of->app->projections[i]->name, err.text);
    }
    stele_registry_close(registry);
}

static _Noreturn void run(const stele_app *app, const stele_simulated_event *events, uint64_t seed)
{
    play of = {.app = app, .events = events, .stream = stele_stream_of(seed, 3)};
    stele_error err;
    of.fibers = stele_fibers_new(&(stele_fibers_options){
        .seed = seed, .switch_one_in = 8, .spurious_one_in = 50, .step_max_ns = 1 << 14});
    of.runtime = stele_fibers_runtime(of.fibers);
    stele_log_memory_options options = {.runtime = of.runtime};
    if (stele_log_memory_new(&options, &of.log, &err) < 0) fail(app->name, err.text);
    create_topics(&of);
    start_workers(&of);
    publish_all(&of);
    of.resting = true;
    start_workers(&of);
    await_rest(&of);
    stop_workers(&of);
    compare(&of);
    _exit(0);
}

int stele_simulate(const stele_app *app, const stele_simulated_event *events, uint64_t seed)
{
    size_t count = 0;
    while (app->projections != NULL && app->projections[count] != NULL)
        count++;
    if (count == 0 || count > PROJECTIONS_MAX) {
        fprintf(stderr, "%s: simulated: 1 to %d projections, not %zu\n", app->name,
                (int)PROJECTIONS_MAX, count);
        return 1;
    }
    /* What a process that crashes has allocated is gone with it: so is this one's. */
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        perror("stele_simulate");
        return 1;
    }
    if (child == 0) run(app, events, seed);
    int status = 0;
    pid_t ended;
    do {
        ended = waitpid(child, &status, 0);
    } while (ended < 0 && errno == EINTR);
    if (ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    fprintf(stderr, "%s: simulated with seed %" PRIu64 ": failed; the same seed repeats it\n",
            app->name, seed);
    return 1;
}
