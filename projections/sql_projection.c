/* SPDX-License-Identifier: MIT
 * The tasks of a SQL projection: events to rows in the worker's thread, parcels of rows to the
 * database's. One parcel is under way, and the next one fills meanwhile. */
#include "projections/sql_task.h"

#include "consumer/event.h"
#include "core/alloc.h"
#include "core/bug.h"
#include "core/names.h"
#include "kafka/partitioner.h"
#include "projections/sql_resume.h"
#include "snapshots/format.h"
#include "snapshots/last_event.h"
#include "snapshots/restore.h"

enum {
    COMMIT_ROWS = 10000,
    COMMIT_INTERVAL_MS = 100,
    PARK_ATTEMPTS = 3,
    PARKED_MAX = 1000,
    PARKED_SIZE_MAX = 64 << 20,
    ASK_MS = 1000
};

/* ---- the projection ---- */

stele_sql_projection *stele_sql_projection_open(const stele_sql_projection_options *options)
{
    stele_sql_projection *self = stele_alloc(sizeof *self);
    self->options = *options;
    if (self->options.commit_rows == 0) self->options.commit_rows = COMMIT_ROWS;
    if (self->options.commit_interval_ms == 0)
        self->options.commit_interval_ms = COMMIT_INTERVAL_MS;
    if (self->options.park_attempts == 0) self->options.park_attempts = PARK_ATTEMPTS;
    if (self->options.parked_max == 0) self->options.parked_max = PARKED_MAX;
    if (self->options.parked_size_max == 0) self->options.parked_size_max = PARKED_SIZE_MAX;
    self->source = stele_sql_program_source(options->program, options->source);
    stele_registry *registry = stele_sql_program_options_of(options->program)->registry;
    stele_decoder_new(&(stele_decoder_options){.registry = registry,
                                               .types = self->source->types,
                                               .by_name = self->source->ignored},
                      &self->decoder);
    self->others = stele_value_reader_new(registry, 0);
    return self;
}

void stele_sql_projection_close(stele_sql_projection *self)
{
    if (self == NULL) return;
    stele_decoder_free(self->decoder);
    stele_value_reader_free(self->others);
    free(self);
}

const char *stele_sql_projection_group(const stele_sql_projection *self)
{
    return stele_sql_program_group(self->options.program);
}

const char *stele_sql_projection_topic(const stele_sql_projection *self)
{
    return self->source->topic;
}

int stele_sql_projection_sources(const stele_sql_projection *self)
{
    return (int)stele_sql_program_source_count(self->options.program);
}

/* ---- taking a partition ---- */

static stele_status open_task(void *self, stele_worker *worker, stele_partition source,
                              stele_task **out, stele_error *err)
{
    (void)err;
    sql_task *task = stele_alloc(sizeof *task);
    task->base.ops = &stele_sql_tasks;
    task->self = self;
    task->worker = worker;
    task->source = (stele_partition){task->self->source->topic, source.index};
    task->at = task->stored = (stele_mark){.position = -1, .last_offset = -1};
    task->done = task->followed = -1;
    task->filling = stele_sql_parcel_new();
    sql_park_open(task);
    *out = &task->base;
    return STELE_OK;
}

static stele_status claim(sql_task *task, stele_error *err)
{
    stele_sql_answer answer;
    if (task->request == NULL) {
        if (!sql_task_may_send(task)) return sql_task_still_waits(task, err);
        const stele_sql_program *program = task->self->options.program;
        stele_sql_caller caller = sql_task_caller(task);
        task->request = stele_sql_desk_claim(sql_task_desk(task), &caller,
                                             stele_worker_partition_count(task->worker),
                                             stele_sql_program_genesis(program));
        task->sent_ns = sql_task_now(task);
    }
    if (!stele_sql_request_take(&task->request, &answer, NULL)) {
        stele_status status = sql_task_still_waits(task, err);
        return status < 0 ? status : stele_task_not_yet(err);
    }
    if (answer.error.status < 0) return sql_task_pause(task, &answer.error, err);
    sql_task_go_on(task);
    task->claim = answer.claim;
    task->opening = answer.opening;
    task->is_claimed = true;
    return STELE_OK;
}

static stele_status restore_letters(sql_task *task, stele_error *err)
{
    stele_sql_answer answer;
    stele_sql_parcel *found = NULL;
    if (task->request == NULL) {
        if (!sql_task_may_send(task)) return sql_task_still_waits(task, err);
        stele_sql_caller caller = sql_task_caller(task);
        task->request = stele_sql_desk_letters(sql_task_desk(task), &caller);
        task->sent_ns = sql_task_now(task);
    }
    if (!stele_sql_request_take(&task->request, &answer, &found)) {
        stele_status status = sql_task_still_waits(task, err);
        return status < 0 ? status : stele_task_not_yet(err);
    }
    stele_status status = answer.error.status < 0 ? sql_task_pause(task, &answer.error, err)
                          : answer.opening != task->opening
                              ? stele_sql_fail_opened(err, task->source)
                              : sql_park_restore(task, found, err);
    stele_sql_parcel_free(found);
    if (status < 0) return status;
    sql_task_go_on(task);
    task->is_restored = true;
    return STELE_OK;
}

/* @locality the asker's thread */
static void ask_bounds(stele_question *base, stele_asker *asker)
{
    bounds_question *self = (bounds_question *)base;
    stele_error failure = {0};
    stele_log_bounds(stele_asker_log(asker), self->source, STELE_READ_UNCOMMITTED, ASK_MS,
                     &self->start, &self->end, &failure);
    self->error = failure;
    self->followed = STELE_OFFSET_NONE;
    if (failure.status == STELE_OK)
        stele_log_group_offset(stele_asker_log(asker), self->group, self->source, ASK_MS,
                               &self->followed, NULL);
}

static stele_status find_bounds(sql_task *task, stele_error *err)
{
    stele_asker *asker = stele_worker_asker(task->worker);
    if (task->bounds == NULL) {
        task->bounds = stele_alloc(sizeof *task->bounds);
        task->bounds->base.ask = ask_bounds;
        task->bounds->source = task->source;
        task->bounds->group = stele_sql_projection_group(task->self);
    }
    stele_question_state state = stele_asker_state(asker, &task->bounds->base);
    if (state == STELE_QUESTION_IDLE && sql_task_may_send(task))
        stele_asker_ask(asker, &task->bounds->base);
    if (state != STELE_QUESTION_ANSWERED) {
        stele_status status = sql_task_still_waits(task, err);
        return status < 0 ? status : stele_task_not_yet(err);
    }
    task->bounds->base.state = STELE_QUESTION_IDLE;
    if (task->bounds->error.status < 0) return sql_task_pause(task, &task->bounds->error, err);
    sql_task_go_on(task);
    return STELE_OK;
}

static stele_status validate(sql_task *task, stele_resume *out, stele_error *err)
{
    const stele_sql_program *program = task->self->options.program;
    const stele_sql_file *file = stele_sql_program_file(program);
    stele_restore_facts facts = {.projection = file->name,
                                 .version = file->version,
                                 .store = stele_sql_desk_shown(sql_task_desk(task)),
                                 .source = task->source,
                                 .partitions = stele_worker_partition_count(task->worker),
                                 .genesis = stele_sql_program_genesis(program),
                                 .log_start = task->bounds->start,
                                 .log_end = task->bounds->end,
                                 .group_offset = STELE_OFFSET_NONE};
    stele_status status = stele_sql_resume(&task->claim, &facts, out, err);
    if (status == STELE_E_CONFLICT) stele_worker_stop_all(task->worker, err);
    return status;
}

/* The group was further, and this database has nothing: it was removed, or it is another machine's
 * own. */
static void warn_of_another_database(const sql_task *task)
{
    bool was_reset = stele_orders_reset_ms(task->orders) > 0;
    if (task->claim.mark.position >= 0 || task->bounds->followed <= 0 || was_reset) return;
    stele_worker_warn(task->worker, task->source.index, 0, "the database has nothing of it",
                      "the group has been further: if the database was removed it is made again; "
                      "if other workers have a file of their own, each has a part of the rows: let "
                      "all of them name one database");
}

static stele_status prepare(stele_task *base, int64_t *start, stele_error *err)
{
    sql_task *task = (sql_task *)base;
    stele_resume resume;
    stele_error own;
    stele_status status = STELE_OK;
    if (err == NULL) err = &own;
    if (!task->is_ready) {
        if (!task->is_claimed &&
            (status = stele_orders_prepare(task->orders, task->worker, err)) < 0)
            return status;
        if (!task->is_claimed && (status = claim(task, err)) < 0) return status;
        if (!task->is_restored && (status = restore_letters(task, err)) < 0) return status;
        if ((status = find_bounds(task, err)) < 0) return status;
        if ((status = validate(task, &resume, err)) < 0) return status;
        task->at = (stele_mark){resume.position, resume.last_offset, resume.last_hash};
        task->stored = task->claim.mark;
        warn_of_another_database(task);
        task->done = resume.position;
        task->verify_from = resume.read_from;
        task->unverified =
            resume.read_from < resume.position && !STELE_BUG("topic made anew is not noticed");
        task->is_ready = true;
    }
    *start = task->unverified ? task->verify_from : task->done;
    return stele_orders_check(task->orders, err);
}

/* ---- events to rows ---- */

/* The rows of an event that come together. */
typedef struct gathering {
    stele_sql_parcel *parcel;
    size_t block;
} gathering;

static void add_row(void *context, size_t statement, const stele_sql_value *values, size_t count)
{
    gathering *g = context;
    stele_sql_row row = {g->block, statement, values, count};
    stele_sql_parcel_add_row(g->parcel, &row);
}

static stele_status bind_all(const stele_sql_use *uses, size_t count, size_t type,
                             const stele_sql_event *event, stele_sql_parcel *into, stele_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (uses[i].type != type) continue;
        gathering g = {into, uses[i].block};
        stele_status status =
            stele_sql_bind_event(uses[i].bind, event, into->arena, add_row, &g, err);
        if (status < 0) return status;
    }
    return STELE_OK;
}

static stele_status take_other(sql_task *task, const char *type, stele_sql_event *event,
                               stele_sql_parcel *into, stele_error *err)
{
    const stele_sql_source *source = task->self->source;
    const stele_sql_program_options *options =
        stele_sql_program_options_of(task->self->options.program);
    if (source->other_count > 0) {
        stele_status status = stele_value_reader_read(task->self->others, event->record->value,
                                                      &event->type, &event->data, err);
        if (status < 0) return status;
        return bind_all(source->others, source->other_count, 0, event, into, err);
    }
    if (options->ignore_others) return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "no block for events of type %s: give %s one (`-- on %s`, with no statement "
                      "to pass them over), or pass all such events over: unknown_events = ignore "
                      "in [projection %s]",
                      type, options->file, type, options->name);
}

static stele_status check_record(const sql_task *task, const stele_record *record, stele_error *err)
{
    if (record->key.data == NULL) return stele_event_fail_no_key(err);
    if (record->value.data == NULL) return stele_event_fail_no_value(err);
    return stele_log_check_partition(record->key, task->source.index,
                                     stele_worker_partition_count(task->worker), err);
}

static stele_status fail_incompatible(const sql_task *task, stele_error *err)
{
    stele_error why = *err;
    if (!stele_decoder_met_newer(task->self->decoder)) {
        err->next = STELE_NEXT_REJECT;
        return why.status;
    }
    return stele_fail(err, why.status, STELE_NEXT_STOP,
                      "start the worker again, so that it reads events as the schema that was "
                      "registered since: %s",
                      why.text);
}

stele_status sql_task_bind(sql_task *task, stele_sql_event *event, stele_sql_parcel *into,
                           stele_error *err)
{
    stele_decoded decoded;
    const stele_sql_source *source = task->self->source;
    stele_status status = check_record(task, event->record, err);
    if (status < 0) return status;
    status = stele_decoder_decode(task->self->decoder, event->record->value, &decoded, err);
    if (status == STELE_E_INCOMPATIBLE) return fail_incompatible(task, err);
    /* No one knows its schema, and the time to wait for it is over. */
    if (status == STELE_E_NOT_FOUND && err->next == STELE_NEXT_STOP) err->next = STELE_NEXT_REJECT;
    if (status < 0) return status;
    event->type = decoded.type;
    event->data = decoded.data;
    if (decoded.type == NULL) return take_other(task, decoded.name, event, into, err);
    if (source->ignored[decoded.index]) return STELE_OK;
    return bind_all(source->uses, source->use_count, decoded.index, event, into, err);
}

static stele_status fail_at(const stele_batch *batch, const stele_record *record,
                            const stele_error *why, stele_error *err)
{
    return stele_fail_cause(
        err, why->status, why->next, why->cause, "%s: %s",
        stele_position_format(batch->partition.topic, batch->partition.index, record->offset).text,
        why->text);
}

static stele_status take_record(sql_task *task, const stele_batch *batch,
                                const stele_record *record, stele_error *err)
{
    bool applies = true;
    stele_sql_event event = {.record = record, .source = task->source, .batch = batch};
    stele_status status = sql_park_consult(task, batch, record, &applies, err);
    if (status < 0 || !applies) return status;
    status = sql_task_bind(task, &event, task->filling, err);
    if (status < 0) {
        stele_sql_parcel_drop_rest(task->filling);
        return err->next == STELE_NEXT_REJECT ? sql_park_refused(task, batch, record, err) : status;
    }
    stele_mark after = {record->offset + 1, record->offset, stele_event_hash(record)};
    stele_sql_parcel_end_event(task->filling, &after);
    sql_park_keep_event(task, batch, record);
    return STELE_OK;
}

static stele_status take_records(sql_task *task, const stele_batch *batch, stele_error *err)
{
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        stele_error failure;
        if (record->offset < task->at.position) continue;
        if (task->filling->step_count == 0) task->since_ns = sql_task_now(task);
        if (take_record(task, batch, record, &failure) < 0)
            return fail_at(batch, record, &failure, err);
        task->at = (stele_mark){record->offset + 1, record->offset, stele_event_hash(record)};
    }
    if (batch->next_offset > task->at.position) task->at.position = batch->next_offset;
    return STELE_OK;
}

/* ---- the worker's calls ---- */

static stele_status verify_last(sql_task *task, const stele_batch *batch, stele_error *err)
{
    stele_last_event last = {.source = task->source,
                             .offset = task->at.last_offset,
                             .hash = task->at.last_hash,
                             .group = stele_sql_projection_group(task->self)};
    bool compared = false;
    stele_status status = stele_last_event_check(&last, batch, &compared, err);
    if (compared) task->unverified = false;
    return status;
}

/* Until the last event was compared with the log, events are taken for that. */
static const stele_pause *pause_of(const stele_task *base)
{
    const sql_task *task = (const sql_task *)base;
    return task->unverified ? NULL : stele_orders_pause(task->orders);
}

static stele_status take(stele_task *base, const stele_batch *batch, stele_error *err)
{
    sql_task *task = (sql_task *)base;
    if (stele_orders_are(task->orders, batch)) {
        stele_orders_take(task->orders, batch, task->parked);
        return STELE_OK;
    }
    stele_registry *registry = stele_sql_program_options_of(task->self->options.program)->registry;
    task->held = false; /* or it would not have come */
    task->owes_batch = false;
    stele_status status = stele_registry_check(registry, err);
    if (status == STELE_OK && task->unverified) {
        status = verify_last(task, batch, err);
        if (status == STELE_OK && task->unverified) return STELE_OK;
        if (status == STELE_OK && pause_of(base) != NULL) status = stele_task_not_yet(err);
    }
    if (status == STELE_OK) status = take_records(task, batch, err);
    task->at_end = batch->at_end;
    task->owes_batch = status < 0;
    if (status == STELE_OK && task->waits.status == STELE_OK) sql_send(task, false);
    sql_send_hold(task);
    return status;
}

static stele_status tick(stele_task *base, stele_error *err)
{
    sql_task *task = (sql_task *)base;
    stele_error own;
    stele_orders_follow(task->orders, task->worker);
    if (err == NULL) err = &own;
    stele_status status = stele_orders_check(task->orders, err);
    if (status < 0 || task->unverified) return status;
    sql_park_turn(task);
    status = sql_send_move_on(task, false, err);
    sql_send_hold(task);
    sql_send_follow(task, false);
    return status;
}

/* In a rebalance the member is not to be spoken to. */
static stele_status drain(stele_task *base, stele_error *err)
{
    sql_task *task = (sql_task *)base;
    stele_error own;
    if (task->unverified) return STELE_OK;
    stele_status status = sql_send_move_on(task, true, err == NULL ? &own : err);
    if (status < 0) return status;
    if (!sql_send_is_done(task)) return stele_task_not_yet(err);
    if (atomic_load(stele_worker_stop(task->worker))) sql_send_follow(task, true);
    return STELE_OK;
}

/* What is under way is stored or not: the next owner asks the database. */
static void end(stele_task *base, bool lost)
{
    (void)lost;
    sql_task *task = (sql_task *)base;
    stele_sql_request_forget(task->request);
    task->request = NULL;
    if (task->bounds != NULL)
        stele_asker_forget(stele_worker_asker(task->worker), &task->bounds->base);
    task->bounds = NULL;
    stele_footing_forget(task->footing, stele_worker_asker(task->worker));
    task->footing = NULL;
    stele_orders_end(task->orders, task->worker);
    task->orders = NULL;
}

static void close_task(stele_task *base, stele_deadline by)
{
    (void)by;
    sql_task *task = (sql_task *)base;
    stele_sql_parcel_free(task->filling);
    stele_sql_parcel_free(task->unsent);
    stele_sql_parcel_free(task->pressing);
    stele_parked_free(task->parked);
    free(task);
}

static stele_progress progress(const stele_task *base)
{
    const sql_task *task = (const sql_task *)base;
    return (stele_progress){.position = task->unverified ? task->verify_from : task->done,
                            .applied = task->applied,
                            .parked_keys = (int64_t)stele_parked_keys(task->parked),
                            .parked_events = (int64_t)task->parked->letter_count,
                            .reset_ms = stele_orders_reset_ms(task->orders),
                            .settles = !sql_send_is_done(task)};
}

const stele_task_ops stele_sql_tasks = {.open = open_task,
                                        .prepare = prepare,
                                        .take = take,
                                        .tick = tick,
                                        .drain = drain,
                                        .end = end,
                                        .close = close_task,
                                        .progress = progress,
                                        .pause = pause_of};
