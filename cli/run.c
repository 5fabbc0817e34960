/* SPDX-License-Identifier: MIT
 * The workers of an application's projections and the writers of its aggregates, each a thread,
 * until they are asked to stop or all that they own is stopped. */
#include "cli/run.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aggregates/aggregate.h"
#include "aggregates/dispatch.h"
#include "aggregates/reactor.h"
#include "aggregates/rules.h"
#include "aggregates/writer_inside.h"
#include "cli/serve.h"
#include "cli/sql.h"
#include "cli/stop.h"
#include "core/alloc.h"
#include "core/config.h"
#include "core/logger.h"
#include "core/monitor.h"
#include "projections/configured.h"
#include "projections/fold.h"
#include "registry/client.h"

/* One thread: one projection and one worker, or one writer. */
typedef struct runner {
    const char *name; /* of the projection, the aggregate or the reactions */
    stele_client *client;
    stele_stop *stop;
    struct crew *crew;
    size_t memory_max;
    const char *address;              /* of the process's HTTP; "": it has none */
    stele_projection projection;      /* with what the configuration says of it */
    const stele_fold_table *table;    /* of the projection's states; NULL: they are in snapshots */
    stele_sql_crew *sql;              /* NULL: it is a fold, or no projection */
    size_t sql_index;                 /* which of the crew's workers it is */
    stele_writer *writer;             /* owned; NULL: it is none */
    const stele_reactions *reactions; /* NULL: it is none of them */
    size_t source;                    /* which of theirs */
    const stele_logger *logger;
    stele_worker *worker; /* under the crew's monitor; borrowed; NULL: not open, or of a writer */
    stele_thread thread;
    bool started;
    stele_status status;
    stele_error error;
} runner;

typedef struct crew {
    runner *runners;
    size_t count;
    size_t memory_share;
    atomic_size_t at_work; /* runners that may own something */
    stele_monitor monitor;
    stele_sql_crew *sql;
    stele_app_server *server; /* NULL: nothing is served */
    stele_dispatch *dispatch; /* NULL: there is no writer */
} crew;

static void crew_clear(crew *c)
{
    if (c->dispatch != NULL) stele_dispatch_stop(c->dispatch); /* its callers are the server's */
    stele_app_server_close(c->server);
    for (size_t i = 0; i < c->count; i++)
        stele_writer_close(c->runners[i].writer);
    stele_sql_crew_close(c->sql);
    stele_dispatch_close(c->dispatch);
    stele_monitor_clear(&c->monitor);
    free(c->runners);
}
STELE_VALUE_SCOPE(crew, crew_clear);

static int config_int(const stele_config *config, const char *section, const char *name,
                      const char *key)
{
    return (int)stele_config_int(config, section, name, key);
}

static stele_status open_fold(const runner *r, const stele_config *config, stele_fold **out,
                              stele_error *err)
{
    const char *name = r->projection.name;
    stele_fold_options options = {
        .projection = &r->projection,
        .registry = stele_client_registry(r->client),
        .snapshot_events = stele_config_int(config, "projection", name, "snapshot_events"),
        .snapshot_interval_ms = config_int(config, "projection", name, "snapshot_interval_ms"),
        .transaction_timeout_ms = config_int(config, "projection", name, "transaction_timeout_ms"),
        .parks = stele_projection_parks(&r->projection, config),
        .park_attempts = config_int(config, "projection", name, "park_attempts"),
        .parked_max = (size_t)stele_config_int(config, "projection", name, "parked_max"),
        .parked_size_max = (size_t)stele_config_int(config, "projection", name, "parked_max_mb")
                           << 20,
        .post = stele_client_post(r->client),
        .table = r->table,
    };
    return stele_fold_open(&options, out, err);
}

static size_t count_projections(const stele_app *app)
{
    size_t count = 0;
    while (app->projections != NULL && app->projections[count] != NULL)
        count++;
    return count;
}

static size_t count_writers(const stele_app *app)
{
    size_t count = 0;
    for (size_t i = 0; app->aggregates != NULL && app->aggregates[i] != NULL; i++)
        count += stele_aggregate_decides(app->aggregates[i]);
    return count;
}

/* One for each source. */
static size_t count_reactions(const stele_app *app)
{
    size_t count = 0;
    for (size_t i = 0; app->reactions != NULL && app->reactions[i] != NULL; i++)
        count += stele_aggregates_count(app->reactions[i]->sources);
    return count;
}

static size_t count_all(const stele_app *app)
{
    return count_projections(app) + count_writers(app) + count_reactions(app);
}

bool stele_app_runs(const stele_app *app, const stele_config *config)
{
    size_t index = 0;
    return count_all(app) > 0 || stele_sql_next(config, &index) != NULL;
}

/* The process' memory is divided by its projections, writers and reactions; the threads of one
 * share its part. */
static size_t memory_share(const stele_app *app, const stele_sql_crew *sql,
                           const stele_config *config)
{
    size_t whole = (size_t)stele_config_int(config, "worker", NULL, "memory_max_mb") << 20;
    return whole / (count_all(app) + stele_sql_crew_count(sql));
}

/* The worker that is to be woken when the end is asked for. */
static void show_worker(runner *r, stele_worker *worker)
{
    stele_monitor_lock(&r->crew->monitor);
    r->worker = worker;
    stele_monitor_unlock(&r->crew->monitor);
}

/* @param of  what is particular to the projection: name, topic, ops and self */
static stele_status run_worker(runner *r, const stele_worker_options *of, stele_error *err)
{
    const stele_config *config = stele_client_config(r->client);
    int drain_ms = config_int(config, "worker", NULL, "drain_timeout_ms");
    stele_worker_options options = {
        .name = of->name,
        .topic = of->topic,
        .instance = stele_client_instance(r->client),
        .address = r->address[0] == '\0' ? NULL : r->address,
        .sources = of->sources,
        .eager = stele_config_is(config, "worker", NULL, "assignment", "eager"),
        .session_timeout_ms = config_int(config, "kafka", NULL, "session.timeout.ms"),
        .stall_timeout_ms = config_int(config, "worker", NULL, "stall_timeout_ms"),
        .drain_timeout_ms = drain_ms > 0 ? drain_ms : -1, /* 0 is the struct's default */
        .memory_max = r->memory_max,
        .registry = stele_client_registry(r->client),
        .ops = of->ops,
        .self = of->self,
        .logger = r->logger,
    };
    stele_worker *worker = NULL;
    stele_status status = stele_worker_open(stele_client_log(r->client), &options, &worker, err);
    if (status < 0) return status;
    show_worker(r, worker);
    status = stele_worker_run(worker, &r->stop->asked, err);
    show_worker(r, NULL);
    stele_worker_close(worker);
    return status;
}

static stele_status run_fold(runner *r, stele_error *err)
{
    STELE_AUTO(stele_fold) fold = NULL;
    stele_status status = open_fold(r, stele_client_config(r->client), &fold, err);
    if (status < 0) return status;
    return run_worker(r,
                      &(stele_worker_options){.name = stele_fold_group(fold),
                                              .topic = stele_fold_topic(fold),
                                              .ops = &stele_fold_tasks,
                                              .self = fold},
                      err);
}

static stele_status run_sql(runner *r, stele_error *err)
{
    stele_status status =
        stele_sql_crew_load(r->sql, r->sql_index, &r->stop->asked, r->logger, err);
    if (status == STELE_E_INTERRUPTED) return STELE_OK;
    if (status < 0) return status;
    STELE_AUTO(stele_sql_projection) sql = stele_sql_crew_projection(r->sql, r->sql_index);
    return run_worker(r,
                      &(stele_worker_options){.name = stele_sql_projection_group(sql),
                                              .topic = stele_sql_projection_topic(sql),
                                              .sources = stele_sql_projection_sources(sql),
                                              .ops = &stele_sql_tasks,
                                              .self = sql},
                      err);
}

static stele_status run_reactions(runner *r, stele_error *err)
{
    STELE_AUTO(stele_reactor) reactor = NULL;
    const stele_reactor_options options = {.reactions = r->reactions,
                                           .source = r->source,
                                           .registry = stele_client_registry(r->client)};
    stele_status status = stele_reactor_open(&options, &reactor, err);
    if (status < 0) return status;
    return run_worker(r,
                      &(stele_worker_options){.name = stele_reactor_group(reactor),
                                              .topic = stele_reactor_topic(reactor),
                                              .ops = &stele_reactor_tasks,
                                              .self = reactor},
                      err);
}

static void log_end(const runner *r)
{
    bool writes = r->writer != NULL;
    const char *what = writes ? "aggregate" : r->reactions != NULL ? "reactions" : "projection";
    stele_logger_write(r->logger, STELE_LOGGER_ERROR, writes ? "writer ends" : "worker ends",
                       STELE_LOGGER_FIELDS(stele_logger_text(what, r->name),
                                           stele_logger_text("reason", r->error.text)));
}

/* Where all that one owned is stopped the others go on, and the calls of a writer go to whoever
 * owns its partitions by now. The process ends with the last one, or with a thread that died. */
static void run_thread(void *argument)
{
    runner *r = argument;
    r->status = r->writer != NULL      ? stele_writer_run(r->writer, &r->stop->asked, &r->error)
                : r->reactions != NULL ? run_reactions(r, &r->error)
                : r->sql != NULL       ? run_sql(r, &r->error)
                                       : run_fold(r, &r->error);
    bool is_stopped = r->status == STELE_E_STOPPED;
    bool is_last = atomic_fetch_sub(&r->crew->at_work, 1) == 1;
    if (r->status < 0) log_end(r);
    if (r->status < 0 && (is_last || !is_stopped)) stele_stop_ask(r->stop);
    if (is_stopped && r->writer != NULL) stele_writer_pass_on(r->writer, &r->stop->asked);
}

static runner *add_runner(crew *c, stele_client *client, stele_stop *stop, const char *name,
                          const stele_logger *logger)
{
    c->runners = stele_realloc_array(c->runners, c->count + 1, sizeof *c->runners);
    c->runners[c->count] = (runner){.name = name,
                                    .client = client,
                                    .stop = stop,
                                    .memory_max = c->memory_share,
                                    .address = stele_app_server_address(c->server),
                                    .logger = logger};
    return &c->runners[c->count++];
}

static stele_status add_projections(crew *c, stele_client *client, const stele_app *app,
                                    stele_stop *stop, const stele_logger *logger, stele_error *err)
{
    const stele_config *config = stele_client_config(client);
    int threads = config_int(config, "worker", NULL, "threads");
    for (size_t i = 0; i < count_projections(app); i++)
        for (int k = 0; k < threads; k++) {
            const stele_projection *projection = app->projections[i];
            const stele_fold_table *table;
            stele_status status = stele_sql_crew_table(c->sql, projection, &table, err);
            if (status < 0) return status;
            runner *r = add_runner(c, client, stop, projection->name, logger);
            r->projection = stele_projection_configured(projection, config);
            r->table = table;
        }
    for (size_t i = 0; i < stele_sql_crew_count(c->sql); i++)
        for (int k = 0; k < threads; k++) {
            runner *r = add_runner(c, client, stop, stele_sql_crew_name(c->sql, i), logger);
            r->sql = c->sql;
            r->sql_index = i;
        }
    return STELE_OK;
}

static stele_status add_reactions(crew *c, stele_client *client, stele_stop *stop,
                                  const stele_reactions *reactions, const stele_logger *logger,
                                  stele_error *err)
{
    stele_status status = stele_reactions_check(reactions, err);
    if (status < 0) return status;
    for (size_t i = 0; i < stele_aggregates_count(reactions->sources); i++) {
        runner *r = add_runner(c, client, stop, reactions->name, logger);
        r->reactions = reactions;
        r->source = i;
    }
    return STELE_OK;
}

/* Do reactions of the application send it commands? */
static bool is_target(const stele_app *app, const stele_aggregate *aggregate)
{
    for (size_t i = 0; app->reactions != NULL && app->reactions[i] != NULL; i++) {
        const stele_aggregate *const *at = app->reactions[i]->targets;
        for (; at != NULL && *at != NULL; at++)
            if (*at == aggregate) return true;
    }
    return false;
}

/* A writer decides in one thread, which owns partitions as a worker does; more of them are more
 * processes. */
static stele_status add_writer(crew *c, stele_client *client, const stele_app *app,
                               stele_stop *stop, const stele_aggregate *aggregate,
                               const stele_logger *logger, stele_error *err)
{
    const char *address = stele_app_server_address(c->server);
    const stele_writer_options options = {.aggregate = aggregate,
                                          .takes_commands = is_target(app, aggregate)};
    stele_forwarding *forwarding = NULL;
    stele_status status = STELE_OK;
    if (c->dispatch == NULL)
        status = stele_dispatch_open(stele_client_log(client), address, &c->dispatch, err);
    if (status == STELE_OK) status = stele_dispatch_add(c->dispatch, aggregate, &forwarding, err);
    if (status < 0) return status;
    const stele_writer_setting setting = {.logger = logger,
                                          .address = address,
                                          .forwarder = stele_forwarding_port(forwarding),
                                          .memory_max = c->memory_share};
    stele_writer *writer;
    status = stele_writer_new(client, &options, &setting, &writer, err);
    if (status < 0) return status;
    stele_forwarding_bind(forwarding, writer);
    add_runner(c, client, stop, aggregate->name, logger)->writer = writer;
    stele_app_server_add(c->server, writer, stele_dispatch_table(c->dispatch));
    return STELE_OK;
}

static stele_status add_all(crew *c, stele_client *client, const stele_app *app, stele_stop *stop,
                            const stele_logger *logger, stele_error *err)
{
    stele_status status = stele_sql_crew_open(client, app, &c->sql, err);
    if (status == STELE_OK) status = stele_sql_crew_check(c->sql, logger, err);
    if (status < 0) return status;
    c->memory_share = memory_share(app, c->sql, stele_client_config(client));
    if ((status = add_projections(c, client, app, stop, logger, err)) < 0) return status;
    const stele_aggregate *const *at = app->aggregates;
    for (; at != NULL && *at != NULL; at++) {
        if (!stele_aggregate_decides(*at)) continue;
        if ((status = add_writer(c, client, app, stop, *at, logger, err)) < 0) return status;
    }
    for (size_t i = 0; app->reactions != NULL && app->reactions[i] != NULL; i++) {
        status = add_reactions(c, client, stop, app->reactions[i], logger, err);
        if (status < 0) return status;
    }
    return STELE_OK;
}

/* Signals go to the main thread, which only waits. */
static stele_status start_all(crew *c, stele_runtime runtime, stele_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = 0;
    atomic_store(&c->at_work, c->count);
    for (size_t i = 0; i < c->count && code == 0; i++) {
        runner *r = &c->runners[i];
        r->crew = c;
        code = stele_thread_start(runtime, &r->thread, "stele-run", run_thread, r);
        r->started = code == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code == 0) return STELE_OK;
    return stele_fail_cause(err, STELE_E_INTERNAL, STELE_NEXT_STOP, code,
                            "a worker's thread cannot be started: %s", strerror(code));
}

/* The flag is up, and who waits for something to do hears of it at once. */
static void wake_all(crew *c)
{
    stele_monitor_lock(&c->monitor);
    for (size_t i = 0; i < c->count; i++) {
        const runner *r = &c->runners[i];
        if (r->writer != NULL) stele_writer_wake(r->writer);
        if (r->worker != NULL) stele_worker_wake(r->worker);
    }
    stele_monitor_unlock(&c->monitor);
}

/* @return what the first worker that failed ended with */
static stele_status join_all(crew *c, stele_error *err)
{
    stele_status status = STELE_OK;
    for (size_t i = 0; i < c->count; i++) {
        if (!c->runners[i].started) continue;
        stele_thread_join(c->runners[i].thread);
        if (c->runners[i].status >= 0 || status < 0) continue;
        status = c->runners[i].status;
        if (err != NULL) *err = c->runners[i].error;
    }
    return status;
}

static stele_logger make_logger(const stele_config *config)
{
    const char *level = stele_config_text(config, "worker", NULL, "log_level");
    stele_logger logger = {.clock = stele_clock_system(), .fd = STDERR_FILENO};
    for (stele_logger_level i = STELE_LOGGER_INFO; i <= STELE_LOGGER_ERROR; i++)
        if (strcmp(level, stele_logger_level_name(i)) == 0) logger.least = i;
    if (stele_config_is(config, "worker", NULL, "log_format", "json"))
        logger.format = STELE_LOGGER_JSON;
    return logger;
}

void stele_run_log_signal(const stele_client *client, int number, int sender)
{
    stele_logger logger = make_logger(stele_client_config(client));
    stele_logger_write(&logger, STELE_LOGGER_INFO, "ended by a signal",
                       STELE_LOGGER_FIELDS(stele_logger_text("signal", strsignal(number)),
                                           stele_logger_int("sender", sender)));
}

stele_status stele_run_workers(stele_client *client, const stele_app *app, stele_stop *stop,
                               bool *logged, stele_error *err)
{
    const stele_config *config = stele_client_config(client);
    stele_logger logger = make_logger(config);
    stele_runtime runtime = stele_log_runtime(stele_client_log(client));
    STELE_AUTO_VALUE(crew) c = {0};
    stele_monitor_init(&c.monitor, runtime);
    *logged = false;
    stele_status status = stele_app_server_open(client, app, &logger, &c.server, err);
    if (status == STELE_OK) status = add_all(&c, client, app, stop, &logger, err);
    if (status == STELE_OK) status = stele_app_server_start(c.server, err);
    if (status < 0) return status;
    stele_logger_write(
        &logger, STELE_LOGGER_INFO, "workers start",
        STELE_LOGGER_FIELDS(stele_logger_text("instance", stele_client_instance(client)),
                            stele_logger_int("threads", (int64_t)c.count)));
    status = start_all(&c, runtime, err);
    *logged = status == STELE_OK;
    if (status == STELE_OK)
        stele_stop_await(stop, runtime); /* whoever ends last asks, too */
    else
        stele_stop_ask(stop);
    wake_all(&c);
    stele_status ended = join_all(&c, status == STELE_OK ? err : NULL);
    return status < 0 ? status : ended;
}

stele_status stele_run(stele_client *client, const stele_app *app, stele_stop *stop,
                       stele_error *err)
{
    bool logged;
    if (!stele_app_runs(app, stele_client_config(client)))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s has no projection to run, and no aggregate that decides", app->name);
    return stele_run_workers(client, app, stop, &logged, err);
}
