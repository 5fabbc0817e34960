/* SPDX-License-Identifier: MIT
 * The tasks of a fold: opened, fed, ticked, drained and closed by the worker. */
#include "core/names.h"
#include "core/bug.h"
#include "projections/fold_internal.h"

enum {
    SNAPSHOT_EVENTS = 10000,
    SNAPSHOT_INTERVAL_MS = 10000,
    TRANSACTION_SNAPSHOTS = 4000,
    PARK_ATTEMPTS = 3,
    PARKED_MAX = 1000,
    PARKED_SIZE_MAX = 64 << 20,
    TAKE_MAX_MS = 100 /* the worker gets its thread back for the group that often */
};

static const stele_companion *companion_of(const stele_fold_options *options)
{
    return options->owner == NULL ? NULL : options->owner->companion;
}

/* A name that says whose fold it is. Which projections may have a writer's is known already. */
static stele_status check_name(const stele_fold_options *options, stele_error *err)
{
    const char *name = options->projection->name;
    if (stele_writer_name_parse(name, NULL) == (options->owner != NULL)) return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      options->owner == NULL
                          ? "projection %s is what the aggregate's writer keeps: run that"
                          : "projection %s owns its events: its name has to end in .writer",
                      name);
}

static size_t count_names(const char *const *names)
{
    size_t count = 0;
    while (names != NULL && names[count] != NULL)
        count++;
    return count;
}

/* What the id writes to beside the snapshots. */
static void list_others(stele_fold *fold)
{
    const stele_fold_owner *owner = fold->options.owner;
    if (owner == NULL) {
        fold->others = stele_alloc_array(1, sizeof *fold->others);
        return;
    }
    size_t own = count_names(owner->own);
    size_t shared = count_names(owner->shared);
    fold->own_count = 1 + own;
    fold->other_count = fold->own_count + shared;
    fold->others = stele_alloc_array(fold->other_count + 1, sizeof *fold->others);
    fold->others[0] = fold->events;
    for (size_t i = 0; i < own; i++)
        fold->others[1 + i] = owner->own[i];
    for (size_t i = 0; i < shared; i++)
        fold->others[fold->own_count + i] = owner->shared[i];
}

stele_status stele_fold_open(const stele_fold_options *options, stele_fold **out, stele_error *err)
{
    /* Made and thrown away: what is wrong with the tables is said before a worker starts. */
    STELE_AUTO(stele_states) trial = NULL;
    stele_status status =
        stele_states_new(&(stele_states_options){.projection = options->projection,
                                                 .registry = options->registry,
                                                 .companion = companion_of(options)},
                         &trial, err);
    if (status == STELE_OK) status = check_name(options, err);
    if (status < 0) return status;
    stele_fold *fold = stele_alloc(sizeof *fold);
    const stele_projection *projection = options->projection;
    fold->options = *options;
    if (fold->options.snapshot_events == 0) fold->options.snapshot_events = SNAPSHOT_EVENTS;
    if (fold->options.snapshot_interval_ms == 0)
        fold->options.snapshot_interval_ms = SNAPSHOT_INTERVAL_MS;
    if (fold->options.transaction_snapshots == 0)
        fold->options.transaction_snapshots = TRANSACTION_SNAPSHOTS;
    if (fold->options.park_attempts == 0) fold->options.park_attempts = PARK_ATTEMPTS;
    if (fold->options.parked_max == 0) fold->options.parked_max = PARKED_MAX;
    if (fold->options.parked_size_max == 0) fold->options.parked_size_max = PARKED_SIZE_MAX;
    fold->group = stele_projection_group(projection->name, projection->version);
    fold->snapshots = stele_snapshots_topic(projection->name, projection->version);
    stele_monitor_init(&fold->monitor, stele_registry_runtime(options->registry));
    fold->events = stele_events_topic(projection->source->name);
    list_others(fold);
    *out = fold;
    return STELE_OK;
}

void stele_fold_close(stele_fold *fold)
{
    if (fold == NULL) return;
    stele_deadline never = stele_deadline_after(stele_registry_clock(fold->options.registry), -1);
    stele_monitor_lock(&fold->monitor);
    while (fold->left_behind > 0)
        stele_monitor_wait(&fold->monitor, never);
    stele_monitor_unlock(&fold->monitor);
    stele_monitor_clear(&fold->monitor);
    free(fold->group);
    free(fold->events);
    free(fold->snapshots);
    free(fold->others);
    free(fold);
}

const char *stele_fold_group(const stele_fold *fold)
{
    return fold->group;
}

const char *stele_fold_snapshots(const stele_fold *fold)
{
    return fold->snapshots;
}

const char *stele_fold_topic(const stele_fold *fold)
{
    return fold->events;
}

/* ---- the task ---- */

void fold_free_task(fold_task *task, int timeout_ms)
{
    stele_fenced_close(task->fenced, timeout_ms);
    fold_writing_clear(task);
    stele_log_group_free(task->taking.group);
    stele_restore_free(task->taking.restore);
    free(task->taking.places);
    stele_states_free(task->states);
    stele_parked_free(task->parked);
    stele_buffer_clear(&task->commands);
    stele_buffer_clear(&task->taking.after);
    stele_monitor_clear(&task->taking.monitor);
    free(task);
}

static void end_task(stele_task *base, bool lost)
{
    fold_task *task = (fold_task *)base;
    fold_answer_end(task);
    (void)lost; /* either way, what is open is aborted and the states are dropped */
    fold_stop_reading(task);
    stele_orders_end(task->orders, task->worker);
    task->orders = NULL;
    fold_take_cancel(task);
}

static void close_task(stele_task *base, stele_deadline by)
{
    fold_task *task = (fold_task *)base;
    fold_end_cycle(task);
    fold_footing_forget(task);
    fold_fetch_forget(task);
    if (fold_take_join(task, by)) fold_free_task(task, stele_deadline_remaining_ms(by, CLOSE_MS));
}

static void list_places(fold_task *task)
{
    const stele_fold *fold = task->fold;
    fold_taking *taking = &task->taking;
    if (fold->options.table != NULL) return; /* it writes to no topic */
    taking->place_count = 1 + fold->other_count;
    taking->places = stele_alloc_array(taking->place_count, sizeof *taking->places);
    taking->places[0].partition = task->snapshots;
    for (size_t i = 0; i < fold->other_count; i++) {
        bool is_own = i < fold->own_count;
        taking->places[1 + i] = (fold_place){
            .partition = {fold->others[i], is_own ? task->source.index : 0}, .is_shared = !is_own};
    }
}

static stele_status open_task(void *self, stele_worker *worker, stele_partition source,
                              stele_task **out, stele_error *err)
{
    stele_fold *fold = self;
    fold_task *task = stele_alloc(sizeof *task);
    task->base.ops = &stele_fold_tasks;
    task->fold = fold;
    task->worker = worker;
    task->witness = (stele_mark){.position = -1, .last_offset = -1};
    task->source = (stele_partition){fold->events, source.index};
    task->snapshots = (stele_partition){fold->snapshots, source.index};
    task->at = (stele_mark){.position = -1, .last_offset = -1};
    uint64_t seed;
    stele_random_bytes(stele_registry_runtime(fold->options.registry), &seed, sizeof seed);
    if (fold->options.owner == NULL)
        task->parked =
            stele_parked_new(&(stele_parked_limits){.projection = fold->options.projection->name,
                                                    .key_max = fold->options.parked_max,
                                                    .size_max = fold->options.parked_size_max},
                             seed);
    stele_status status =
        stele_states_new(&(stele_states_options){.projection = fold->options.projection,
                                                 .registry = fold->options.registry,
                                                 .parked = task->parked,
                                                 .refuses = fold->options.parks,
                                                 .partition = source.index,
                                                 .partitions = stele_worker_partition_count(worker),
                                                 .take_max_ms = TAKE_MAX_MS,
                                                 .companion = companion_of(&fold->options),
                                                 .stop = stele_worker_stop(worker)},
                         &task->states, err);
    if (status < 0) {
        stele_parked_free(task->parked);
        free(task);
        return status;
    }
    if (fold->options.owner == NULL)
        task->orders = stele_orders_new(fold->group, task->source, &fold->lookout);
    fold_taking *taking = &task->taking;
    taking->log = stele_worker_log(worker);
    taking->partitions = stele_worker_partition_count(worker);
    list_places(task);
    stele_monitor_init(&taking->monitor, stele_log_runtime(taking->log));
    *out = &task->base;
    return STELE_OK;
}

static stele_status prepare_task(stele_task *base, int64_t *start, stele_error *err)
{
    stele_status status = fold_prepare((fold_task *)base, start, err);
    if (status == STELE_OK) fold_answer_begin((fold_task *)base);
    return status;
}

static stele_status verify_last(fold_task *task, const stele_batch *batch, stele_error *err)
{
    stele_last_event last = {.source = task->source,
                             .offset = task->at.last_offset,
                             .hash = task->at.last_hash,
                             .group = task->fold->group};
    bool compared = false;
    stele_status status = stele_last_event_check(&last, batch, &compared, err);
    if (compared) task->unverified = false;
    return status;
}

static stele_status take_some(fold_task *task, const stele_batch *batch, stele_error *err)
{
    const stele_record *last = NULL;
    int64_t position = task->at.position;
    stele_status status = stele_states_take(task->states, batch, &position, &last, err);
    if (position > task->at.position) {
        task->at.position = position;
        if (last != NULL) {
            task->at.last_offset = last->offset;
            task->at.last_hash = stele_event_hash(last);
        }
    }
    return status;
}

/* Until what it is to go on with was compared with the log, events are taken for that. */
const stele_pause *fold_pause_of(const stele_task *base)
{
    const fold_task *task = (const fold_task *)base;
    return task->unverified ? NULL : stele_orders_pause(task->orders);
}

static stele_status take_events(fold_task *task, const stele_batch *batch, stele_error *err)
{
    stele_status status;
    if (task->fold->options.owner != NULL)
        stele_fenced_visible(task->fenced, task->source, batch->next_offset);
    if (STELE_BUG("topic made anew is not noticed")) task->unverified = false;
    if (task->unverified) {
        if ((status = verify_last(task, batch, err)) < 0) return status;
        if (task->unverified) return STELE_OK;
        if (fold_pause_of(&task->base) != NULL) return stele_task_not_yet(err);
    }
    if (batch->count > 0) fold_footing_see(task, &batch->records[0]);
    task->log_end = batch->log_end;
    stele_error failure;
    do {
        status = take_some(task, batch, &failure);
        if (status == STELE_OK) return status;
        if (failure.next == STELE_NEXT_REJECT) status = fold_park_refused(task, batch, &failure);
    } while (status == STELE_OK);
    if (err != NULL) *err = failure;
    return status;
}

static stele_status take_batch(stele_task *base, const stele_batch *batch, stele_error *err)
{
    fold_task *task = (fold_task *)base;
    if (strcmp(batch->partition.topic, task->source.topic) == 0)
        return take_events(task, batch, err);
    if (task->orders != NULL && stele_orders_are(task->orders, batch)) {
        stele_orders_take(task->orders, batch, task->parked);
        return STELE_OK;
    }
    return fold_take_snapshots(task, batch, err);
}

static stele_status tick_task(stele_task *base, stele_error *err)
{
    fold_task *task = (fold_task *)base;
    fold_answer(task);
    if (task->orders != NULL) stele_orders_follow(task->orders, task->worker);
    stele_status status = stele_orders_check(task->orders, err);
    if (status < 0) return status;
    if (task->unverified)
        return STELE_OK; /* nothing was applied, and nothing is to be said of it */
    status = fold_write(task, false, err);
    fold_table_follow(task);
    return status < 0 ? status : fold_park_turn(task, err);
}

static stele_status drain_task(stele_task *base, stele_error *err)
{
    fold_task *task = (fold_task *)base;
    fold_answer(task);
    fold_answer_end(task);                 /* it reads nothing more */
    if (task->unverified) return STELE_OK; /* nothing was applied */
    stele_status status = fold_write(task, true, err);
    if (status < 0) return status;
    if (!fold_is_written(task)) return stele_task_not_yet(err);
    /* In a rebalance the member is not to be spoken to. */
    if (atomic_load(stele_worker_stop(task->worker))) fold_table_follow(task);
    return STELE_OK;
}

static stele_progress progress_of(const stele_task *base)
{
    const fold_task *task = (const fold_task *)base;
    /* Until the last event is compared, reading has to begin with it. */
    int64_t position = task->unverified ? task->verify_from : task->at.position;
    return (stele_progress){
        .position = position,
        .settles = task->fold->options.table != NULL && task->is_ours && !fold_is_written(task),
        .reset_ms = stele_orders_reset_ms(task->orders),
        .applied = task->restored + stele_states_applied(task->states),
        .late = stele_states_late(task->states),
        .parked_keys = task->parked == NULL ? 0 : (int64_t)stele_parked_keys(task->parked),
        .parked_events = task->parked == NULL ? 0 : (int64_t)task->parked->letter_count};
}

/* ---- for an owner ---- */

stele_fenced *stele_fold_fenced(const stele_task *base)
{
    const fold_task *task = (const fold_task *)base;
    return task->is_ours ? task->fenced : NULL;
}

stele_states *stele_fold_states(stele_task *base)
{
    return ((fold_task *)base)->states;
}

stele_bytes stele_fold_commands(const stele_task *base)
{
    const fold_task *task = (const fold_task *)base;
    return task->has_commands ? stele_buffer_view(&task->commands) : (stele_bytes){0};
}

int64_t stele_fold_position(const stele_task *base)
{
    return ((const fold_task *)base)->at.position;
}

bool stele_fold_is_current(const stele_task *base)
{
    const fold_task *task = (const fold_task *)base;
    return task->is_ours && !task->unverified && task->at.position >= task->taking.facts.log_end;
}

const stele_task_ops stele_fold_tasks = {
    .open = open_task,
    .prepare = prepare_task,
    .take = take_batch,
    .tick = tick_task,
    .drain = drain_task,
    .end = end_task,
    .close = close_task,
    .progress = progress_of,
    .pause = fold_pause_of,
};
