/* SPDX-License-Identifier: MIT
 * The worker's turn: connecting, the group, a batch, its tasks; and its beginning and end. */
#include "consumer/worker_inside.h"

#include <assert.h>
#include <limits.h>

#include "core/alloc.h"

enum {
    STALL_TIMEOUT_MS = 30000,
    DRAIN_TIMEOUT_MS = 10000,
    SESSION_TIMEOUT_MS = 6000,
    REST_MS = 2000 /* how long a worker at rest waits if no one wakes it */
};

/* An answer is there, also one that a worker at rest has asked for.
 * @locality any thread */
static void hear_answer(void *worker)
{
    worker_ring(worker);
}

/* @locality likewise */
static void hear_of_schemas(void *context)
{
    stele_worker *worker = context;
    atomic_store(&worker->schemas_came, true);
    stele_worker_wake(worker);
}

static int or_default(int value, int fallback)
{
    return value == 0 ? fallback : value;
}

stele_status stele_worker_open(stele_log *log, const stele_worker_options *options,
                               stele_worker **out, stele_error *err)
{
    (void)err; /* what can fail asks the broker, and comes in a step */
    stele_worker *worker = stele_alloc(sizeof *worker);
    worker->options = *options;
    worker->options.name = worker->name = stele_strdup(options->name);
    worker->options.topic = worker->topic = stele_strdup(options->topic);
    worker->options.instance = worker->instance =
        stele_strdup(options->instance == NULL ? "stele" : options->instance);
    worker->options.address = NULL; /* the board has it */
    worker->options.stall_timeout_ms = or_default(options->stall_timeout_ms, STALL_TIMEOUT_MS);
    worker->options.drain_timeout_ms = or_default(options->drain_timeout_ms, DRAIN_TIMEOUT_MS);
    worker->options.session_timeout_ms =
        or_default(options->session_timeout_ms, SESSION_TIMEOUT_MS);
    worker->partition_count = -1;
    worker->complained_ns = INT64_MIN;
    stele_monitor_init(&worker->bell, stele_log_runtime(log));
    worker->host = (slot_host){.worker = worker,
                               .log = log,
                               .name = worker->name,
                               .topic = worker->topic,
                               .stall_timeout_ms = worker->options.stall_timeout_ms,
                               .logger = options->logger,
                               .tasks = options->ops,
                               .self = options->self,
                               .within_ms = INT_MAX,
                               .stop = &worker->never};
    worker->host.asker = stele_asker_open(log, hear_answer, worker);
    source_init(&worker->source, worker->host.asker, worker->topic);
    if (!options->no_status) {
        worker->host.board = stele_status_board_open(
            log,
            &(stele_status_board_options){.name = worker->name,
                                          .topic = worker->topic,
                                          .instance = worker->instance,
                                          .address = options->address,
                                          .sources = options->sources,
                                          .stall_timeout_ms = worker->options.stall_timeout_ms});
    }
    worker->listener = (stele_registry_listener){.news = hear_of_schemas, .context = worker};
    if (options->registry != NULL) stele_registry_listen(options->registry, &worker->listener);
    *out = worker;
    return STELE_OK;
}

/* ---- connecting ---- */

static stele_status begin_with(stele_worker *worker, const stele_log_topic *topic, stele_error *err)
{
    stele_status status = STELE_OK;
    if (worker->partition_count < 0) worker->partition_count = topic->partitions;
    worker_compare_count(worker, topic->partitions);
    if (worker->host.reader == NULL) {
        stele_log_reader *opened = NULL;
        status = worker_open_reader(worker, &opened, err);
        worker_set_reader(worker, opened);
    }
    return status < 0 ? status : worker_join_group(worker, err);
}

/* @return are we in the group? If not, there is nothing to do but to wait. */
static stele_status connect(stele_worker *worker, bool *connected, stele_error *err)
{
    *connected = worker->membership != NULL;
    if (*connected) return STELE_OK;
    stele_log_topic found;
    stele_error failure;
    if (!source_ask(&worker->source, true, &found, &failure)) return STELE_OK;

    stele_status status = failure.status;
    if (status == STELE_OK) status = begin_with(worker, &found, &failure);
    *connected = status == STELE_OK;
    if (status == STELE_OK) return STELE_OK;
    source_pause(&worker->source);
    if (failure.next != STELE_NEXT_RETRY) {
        if (err != NULL) *err = failure;
        return status;
    }
    worker_complain(worker, "waiting for the topic", &failure);
    return STELE_OK;
}

/* ---- the turn ---- */

static void tell(stele_worker *worker)
{
    for (int32_t i = 0; i < worker->slot_count; i++)
        report_slot(&worker->told, &worker->host, worker->slots[i]);
}

static stele_status read_batch(stele_worker *worker, int timeout_ms, stele_error *err)
{
    stele_batch batch;
    if (worker->host.reader == NULL) { /* nor is there a member: only time can pass */
        stele_worker_rest(worker, timeout_ms);
        return STELE_OK;
    }
    stele_status status = stele_log_reader_next(worker->host.reader, timeout_ms, &batch, err);
    if (status == STELE_E_TIMED_OUT) return STELE_OK;
    if (status < 0) return status;
    assert(worker_slot(worker, batch.partition.index) != NULL);
    if (batch.count > 0) worker->busy_ns = stele_worker_now_ns(worker);
    slot_offer(&worker->host, worker_slot(worker, batch.partition.index), &batch);
    return STELE_OK;
}

stele_status stele_worker_step(stele_worker *worker, int timeout_ms, stele_error *err)
{
    slot_host *host = &worker->host;
    stele_error own;
    if (err == NULL) err = &own;
    bool connected;
    stele_status status = connect(worker, &connected, err);
    if (status < 0) return status;
    if (connected) worker_serve_group(worker);
    if (worker->membership != NULL) worker_check_count(worker);

    worker_stop_if_asked(worker);
    worker_await_closed(worker);
    bool schemas_came = atomic_exchange(&worker->schemas_came, false);
    for (int32_t i = 0; i < worker->slot_count; i++) {
        slot *each = worker->slots[i];
        if (schemas_came) slot_call_now(host, each);
        if (!worker->count_unconfirmed) slot_prepare(host, each);
        if (each->phase == SLOT_RUNNING) slot_offer_again(host, each);
    }
    if ((status = read_batch(worker, worker_turn_ms(worker, timeout_ms), err)) < 0) {
        worker_await_closed(worker);
        return status;
    }
    const stele_task_ops *ops = worker->options.ops;
    if (ops->turn != NULL) ops->turn(worker->options.self, worker);
    for (int32_t i = 0; i < worker->slot_count; i++)
        if (!worker->slots[i]->is_given) slot_tick(host, worker->slots[i]);
    worker_serve_given(worker);
    worker_stop_if_asked(worker);
    worker_watch(worker);
    worker_await_closed(worker);
    tell(worker);
    return STELE_OK;
}

/* ---- the end ---- */

bool stele_worker_is_stopped(const stele_worker *worker)
{
    bool owns = false;
    for (int32_t i = 0; i < worker->slot_count; i++) {
        if (worker->slots[i]->phase == SLOT_FREE) continue;
        if (worker->slots[i]->phase != SLOT_STOPPED) return false;
        owns = true;
    }
    return owns;
}

static stele_status fail_stopped(const stele_worker *worker, stele_error *err)
{
    for (int32_t i = 0; i < worker->slot_count; i++) {
        if (worker->slots[i]->phase != SLOT_STOPPED) continue;
        return stele_fail(err, STELE_E_STOPPED, STELE_NEXT_STOP,
                          "%s: every partition is stopped: %s", worker->name,
                          worker->slots[i]->ended.text);
    }
    return STELE_OK;
}

/* Write the last snapshots while we are still a member, then leave. */
static void shut_down(stele_worker *worker)
{
    int64_t begun_ns = stele_worker_now_ns(worker);
    worker->host.stopping = true;
    for (int32_t i = 0; i < worker->slot_count; i++)
        worker->slots[i]->draining = worker->slots[i]->phase == SLOT_RUNNING;
    tell(worker);
    worker_drain(worker, false);
    size_t cut_off = 0;
    for (int32_t i = 0; i < worker->slot_count; i++)
        cut_off += worker->slots[i]->draining && worker->slots[i]->phase == SLOT_RUNNING;
    worker_leave_group(worker, false);
    stele_retirement_await(&worker->replaced);
    stele_logger_write(
        worker->options.logger, cut_off == 0 ? STELE_LOGGER_INFO : STELE_LOGGER_WARN,
        "worker ended",
        STELE_LOGGER_FIELDS(
            stele_logger_text("worker", worker->name),
            stele_logger_int("duration_ms", (stele_worker_now_ns(worker) - begun_ns) / 1000000),
            stele_logger_int("partitions_without_last_snapshot", (int64_t)cut_off)));
}

stele_status stele_worker_run(stele_worker *worker, const atomic_bool *stop, stele_error *err)
{
    stele_status status = STELE_OK;
    worker->host.stop = stop;
    while (status == STELE_OK && !atomic_load(stop)) {
        status = stele_worker_step(worker, REST_MS, err);
        if (status == STELE_OK && stele_worker_is_stopped(worker))
            status = fail_stopped(worker, err);
    }
    if (worker->membership != NULL) shut_down(worker);
    return status;
}

void stele_worker_close(stele_worker *worker)
{
    if (worker == NULL) return;
    if (worker->options.registry != NULL)
        stele_registry_unlisten(worker->options.registry, &worker->listener);
    if (worker->membership != NULL) shut_down(worker);
    stele_retirement_await(&worker->replaced);
    for (int32_t i = 0; i < worker->slot_count; i++) {
        assert(worker->slots[i]->phase == SLOT_FREE && worker->slots[i]->task == NULL);
        stele_asker_forget(worker->host.asker, worker->slots[i]->question);
        free(worker->slots[i]);
    }
    source_clear(&worker->source);
    stele_asker_close(worker->host.asker);
    stele_log_reader_close(worker->host.reader);
    stele_status_board_close(worker->host.board);
    free(worker->slots);
    report_clear(&worker->told);
    stele_monitor_clear(&worker->bell);
    free(worker->name);
    free(worker->topic);
    free(worker->instance);
    free(worker);
}

/* ---- what others ask ---- */

stele_log *stele_worker_log(stele_worker *worker)
{
    return worker->host.log;
}

stele_log_reader *stele_worker_reader(stele_worker *worker)
{
    return worker->host.reader;
}

stele_log_member *stele_worker_member(stele_worker *worker)
{
    return worker->membership == NULL ? NULL : worker->membership->member;
}

stele_asker *stele_worker_asker(stele_worker *worker)
{
    return worker->host.asker;
}

const atomic_bool *stele_worker_stop(const stele_worker *worker)
{
    return worker->host.stop;
}

stele_clock stele_worker_clock(const stele_worker *worker)
{
    return stele_log_clock(worker->host.log);
}

int64_t stele_worker_now_ns(const stele_worker *worker)
{
    return stele_log_now_ns(worker->host.log);
}

void stele_worker_warn(const stele_worker *worker, int32_t partition, int64_t position,
                       const char *message, const char *reason)
{
    slot_warn(&worker->host, partition, position, message, reason);
}

int32_t stele_worker_partition_count(const stele_worker *worker)
{
    return worker->partition_count;
}

bool stele_worker_state(const stele_worker *worker, int32_t partition, stele_partition_state *state,
                        const char **reason)
{
    const slot *of = worker_slot(worker, partition);
    if (of == NULL || of->phase == SLOT_FREE) return false;
    const char *why;
    *state = slot_state(&worker->host, of, &why);
    if (reason != NULL) *reason = why;
    return true;
}

const stele_error *stele_worker_stopped(const stele_worker *worker, int32_t partition)
{
    const slot *of = worker_slot(worker, partition);
    return of == NULL || of->phase != SLOT_STOPPED ? NULL : &of->ended;
}

const char *stele_worker_hindrance(const stele_worker *worker, int32_t partition)
{
    const slot *of = worker_slot(worker, partition);
    return of == NULL || of->phase == SLOT_FREE ? "" : slot_hindrance(&worker->host, of);
}

stele_progress stele_worker_progress(const stele_worker *worker, int32_t partition)
{
    const slot *of = worker_slot(worker, partition);
    if (of == NULL || of->phase == SLOT_FREE) return (stele_progress){.position = -1};
    return slot_progress(of);
}
