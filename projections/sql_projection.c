/* SPDX-License-Identifier: MIT
 * The tasks of a SQL projection: events to rows in the worker's thread, parcels of rows to the
 * database's. One parcel is under way, and the next one fills meanwhile. */
#include "projections/sql_task.h"

#include <inttypes.h>

#include "consumer/event.h"
#include "core/alloc.h"
#include "core/bug.h"
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
    ASK_MS = 1000,
    PATIENCE_MS = 5000, /* a request that takes longer is a reason to wait */
    FOOTING_MS = 10000, /* how often a partition looks whether its last event is still there; */
    SURE_MS = 500,      /* and before it stores something, unless it was there so long ago */
    FOLLOW_MS = 200,    /* how often the group's offset follows at most, */
    REPEAT_MS = 10000,  /* and at least: whether it was taken is not told */
    PAUSE_MIN_MS = 50,  /* between two attempts of what failed and may pass */
    PAUSE_MAX_MS = 2000
};
#define PARCEL_SIZE_MAX ((size_t)16 << 20)

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

static stele_sql_desk *desk_of(const sql_task *task)
{
    return stele_sql_program_options_of(task->self->options.program)->desk;
}

/* ---- requests ---- */

/* @locality the desk's thread; not after the request was forgotten */
static void wake(void *worker)
{
    stele_worker_wake(worker);
}

static stele_sql_caller caller_of(const sql_task *task)
{
    return (stele_sql_caller){stele_sql_program_guest(task->self->options.program), task->source,
                              wake, task->worker};
}

/* What failed and may pass is tried again after a time that doubles. */
static stele_status pause_after(sql_task *task, const stele_error *why, stele_error *err)
{
    if (why->next == STELE_NEXT_RETRY) {
        task->waits = *why;
        task->pause_ms = task->pause_ms == 0 ? PAUSE_MIN_MS : 2 * task->pause_ms;
        if (task->pause_ms > PAUSE_MAX_MS) task->pause_ms = PAUSE_MAX_MS;
        task->retry_ns = sql_task_now(task) + (int64_t)task->pause_ms * 1000000;
    }
    if (err != NULL) *err = *why;
    return why->status;
}

static void go_on(sql_task *task)
{
    task->waits = (stele_error){0};
    task->pause_ms = 0;
}

static bool may_send(const sql_task *task)
{
    return task->waits.status == STELE_OK || sql_task_now(task) >= task->retry_ns;
}

static stele_status still_waits(const sql_task *task, stele_error *err)
{
    int64_t waited_ms = (sql_task_now(task) - task->sent_ns) / 1000000;
    if (task->request != NULL && waited_ms >= PATIENCE_MS)
        return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                          "the database has not answered for %" PRId64 " s", waited_ms / 1000);
    const stele_error *why = task->waits.status < 0 ? &task->waits : &task->unsure;
    if (why->status < 0 && err != NULL) *err = *why;
    return why->status;
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
        if (!may_send(task)) return still_waits(task, err);
        const stele_sql_program *program = task->self->options.program;
        stele_sql_caller caller = caller_of(task);
        task->request =
            stele_sql_desk_claim(desk_of(task), &caller, stele_worker_partition_count(task->worker),
                                 stele_sql_program_genesis(program));
        task->sent_ns = sql_task_now(task);
    }
    if (!stele_sql_request_take(&task->request, &answer, NULL)) {
        stele_status status = still_waits(task, err);
        return status < 0 ? status : stele_task_not_yet(err);
    }
    if (answer.error.status < 0) return pause_after(task, &answer.error, err);
    go_on(task);
    task->claim = answer.claim;
    task->is_claimed = true;
    return STELE_OK;
}

static stele_status restore_letters(sql_task *task, stele_error *err)
{
    stele_sql_answer answer;
    stele_sql_parcel *found = NULL;
    if (task->request == NULL) {
        if (!may_send(task)) return still_waits(task, err);
        stele_sql_caller caller = caller_of(task);
        task->request = stele_sql_desk_letters(desk_of(task), &caller);
        task->sent_ns = sql_task_now(task);
    }
    if (!stele_sql_request_take(&task->request, &answer, &found)) {
        stele_status status = still_waits(task, err);
        return status < 0 ? status : stele_task_not_yet(err);
    }
    stele_status status = answer.error.status < 0 ? pause_after(task, &answer.error, err)
                                                  : sql_park_restore(task, found, err);
    stele_sql_parcel_free(found);
    if (status < 0) return status;
    go_on(task);
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
    if (state == STELE_QUESTION_IDLE && may_send(task)) stele_asker_ask(asker, &task->bounds->base);
    if (state != STELE_QUESTION_ANSWERED) {
        stele_status status = still_waits(task, err);
        return status < 0 ? status : stele_task_not_yet(err);
    }
    task->bounds->base.state = STELE_QUESTION_IDLE;
    if (task->bounds->error.status < 0) return pause_after(task, &task->bounds->error, err);
    go_on(task);
    return STELE_OK;
}

static stele_status validate(sql_task *task, stele_resume *out, stele_error *err)
{
    const stele_sql_program *program = task->self->options.program;
    const stele_sql_file *file = stele_sql_program_file(program);
    stele_restore_facts facts = {.projection = file->name,
                                 .version = file->version,
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
    if (task->claim.mark.position >= 0 || task->bounds->followed <= 0) return;
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
    if ((status = stele_orders_prepare(task->orders, task->worker, err)) < 0) return status;
    *start = task->unverified ? task->verify_from : task->done;
    return STELE_OK;
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
    return stele_fail_cause(err, why->status, why->next, why->cause, "%s/%d/%" PRId64 ": %s",
                            batch->partition.topic, (int)batch->partition.index, record->offset,
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

/* ---- rows to the database ---- */

static bool is_full(const sql_task *task)
{
    const stele_sql_parcel *parcel = task->filling;
    size_t max = task->self->options.commit_rows;
    return parcel->row_count >= max || parcel->step_count >= max ||
           stele_arena_used(parcel->arena) >= PARCEL_SIZE_MAX;
}

/* At the end of the log no more events are to be waited for. */
static bool is_due(const sql_task *task, bool urgent)
{
    if (task->filling->step_count == 0) return false;
    int64_t waited_ns = sql_task_now(task) - task->since_ns;
    return urgent || task->at_end || is_full(task) ||
           waited_ns >= (int64_t)task->self->options.commit_interval_ms * 1000000;
}

/* Is it known that the log and the registry are those that the rows come from? The topic may have
 * been deleted and made again while it was read, with other events at the same offsets. */
static bool is_sure(const sql_task *task)
{
    if (STELE_BUG("topic made anew is not noticed")) return true;
    return task->is_sure && sql_task_now(task) - task->looked_ns < (int64_t)SURE_MS * 1000000;
}

/* Ask before something is stored, and from time to time where there is nothing. */
static void ask_footing(sql_task *task)
{
    int64_t elapsed_ms = (sql_task_now(task) - task->looked_ns) / 1000000;
    bool wants = task->filling->step_count > 0 || task->unsent != NULL || task->pressing != NULL ||
                 stele_parked_is_dirty(task->parked) || task->parked->due_count > 0;
    int64_t pause_ms = !wants ? FOOTING_MS : task->is_sure ? SURE_MS : PAUSE_MIN_MS;
    if (elapsed_ms < pause_ms) return;
    const stele_sql_program *program = task->self->options.program;
    if (task->footing == NULL)
        task->footing = stele_footing_new(
            &(stele_footing_options){.registry = stele_sql_program_options_of(program)->registry,
                                     .source = task->source,
                                     .group = stele_sql_program_group(program)});
    if (!stele_footing_ask(task->footing, stele_worker_asker(task->worker), &task->stored, 0))
        return;
    task->is_sure = false;
    task->looked_ns = sql_task_now(task);
}

static stele_status check_footing(sql_task *task, stele_error *err)
{
    stele_error answer;
    if (STELE_BUG("topic made anew is not noticed")) return STELE_OK;
    ask_footing(task);
    if (task->footing == NULL ||
        !stele_footing_take(task->footing, stele_worker_asker(task->worker), &answer))
        return STELE_OK;
    task->is_sure = answer.status == STELE_OK;
    task->unsure = answer;
    if (task->is_sure || answer.next == STELE_NEXT_RETRY) return STELE_OK;
    *err = answer;
    return answer.status;
}

/* After one has failed few go together, so that the next one that fails takes few with it. */
static void limit(sql_task *task, stele_sql_parcel *parcel)
{
    size_t left = parcel->step_count - parcel->first;
    if (parcel->end == 0 && task->burst > 0 && task->burst < left)
        parcel->end = parcel->first + task->burst;
}

static void submit(sql_task *task, stele_sql_parcel *parcel)
{
    stele_sql_caller caller = caller_of(task);
    task->request = stele_sql_desk_store(desk_of(task), &caller, task->claim.term,
                                         task->stored.position, parcel);
    task->sent_ns = sql_task_now(task);
}

static void send(sql_task *task, bool urgent)
{
    if (task->request != NULL || !may_send(task) || !is_sure(task)) return;
    /* Before events that may wait for room among the letters. */
    stele_sql_parcel *parcel = sql_park_press(task);
    task->is_pressing = parcel != NULL;
    if (parcel == NULL && !urgent) parcel = sql_park_redrive(task);
    if (parcel != NULL) {
        submit(task, parcel);
        return;
    }
    parcel = task->unsent;
    if (parcel == NULL) {
        if (!is_due(task, urgent)) return;
        parcel = task->filling;
        task->filling = stele_sql_parcel_new();
    }
    task->unsent = NULL;
    limit(task, parcel);
    submit(task, parcel);
}

static bool is_stored(const sql_task *task)
{
    return task->request == NULL && task->unsent == NULL && task->filling->step_count == 0 &&
           task->pressing == NULL && !stele_parked_is_dirty(task->parked);
}

/* The memory of a parcel serves the next one. */
static void give_back(sql_task *task, stele_sql_parcel *parcel)
{
    stele_sql_parcel_reset(parcel);
    if (task->filling->step_count == 0) {
        stele_sql_parcel_free(task->filling);
        task->filling = parcel;
    } else {
        stele_sql_parcel_free(parcel);
    }
}

/* What was sent of it is stored; the rest follows. */
static void go_on_with(sql_task *task, stele_sql_parcel *parcel)
{
    task->attempts = 0;
    if (task->burst > 0) task->burst *= 2;
    if (task->burst >= task->self->options.commit_rows) task->burst = 0;
    if (parcel->end == 0 || parcel->end == parcel->step_count) {
        give_back(task, parcel);
        return;
    }
    parcel->first = parcel->end;
    parcel->end = 0;
    task->unsent = parcel;
}

static void note_stored(sql_task *task, const stele_sql_parcel *parcel, size_t steps)
{
    if (steps == 0) return;
    task->stored = parcel->steps[parcel->first + steps - 1].mark;
    task->applied += (int64_t)steps;
    if (task->stored.position > task->done) task->done = task->stored.position;
}

/* A redrive has an answer: also that of the first letter that is refused again. */
static stele_status take_redriven(sql_task *task, stele_sql_parcel *parcel,
                                  const stele_sql_answer *answer, stele_error *err)
{
    bool is_answer = answer->error.status == STELE_OK || answer->is_about_step;
    task->applied += (int64_t)answer->steps;
    if (is_answer) sql_park_redriven(task, answer);
    task->redriven = NULL;
    stele_sql_parcel_free(parcel); /* what failed for a while is made again */
    if (!is_answer) return pause_after(task, &answer->error, err);
    go_on(task);
    return STELE_OK;
}

static stele_status take_pressed(sql_task *task, stele_sql_parcel *parcel,
                                 const stele_sql_answer *answer, stele_error *err)
{
    task->is_pressing = false;
    if (answer->error.status == STELE_OK) {
        stele_sql_parcel_free(parcel);
        go_on(task);
        return STELE_OK;
    }
    if (answer->error.next == STELE_NEXT_RETRY)
        sql_park_press_again(task, parcel);
    else
        stele_sql_parcel_free(parcel);
    return pause_after(task, &answer->error, err);
}

static stele_status take_failure(sql_task *task, stele_sql_parcel *parcel,
                                 const stele_sql_answer *answer, stele_error *err)
{
    stele_error failure = answer->error;
    if (answer->is_about_step) {
        parcel->first += answer->steps;
        parcel->end = 0;
        if (answer->steps > 0) task->attempts = 0;
        task->burst = answer->steps < 8 ? 8 : answer->steps;
        if (sql_park_failed(task, parcel, answer, &failure) == STELE_OK) {
            task->unsent = parcel;
            go_on(task);
            return STELE_OK;
        }
    }
    if (failure.next == STELE_NEXT_RETRY)
        task->unsent = parcel;
    else
        stele_sql_parcel_free(parcel);
    return pause_after(task, &failure, err);
}

static stele_status take_answer(sql_task *task, stele_error *err)
{
    stele_sql_answer answer;
    stele_sql_parcel *parcel = NULL;
    if (task->request == NULL || !stele_sql_request_take(&task->request, &answer, &parcel))
        return STELE_OK;
    if (task->redriven != NULL) return take_redriven(task, parcel, &answer, err);
    if (task->is_pressing) return take_pressed(task, parcel, &answer, err);
    note_stored(task, parcel, answer.steps);
    if (answer.error.status < 0) return take_failure(task, parcel, &answer, err);
    go_on(task);
    go_on_with(task, parcel);
    return STELE_OK;
}

/* What was not taken whole comes again by itself, and its partition is held until then. */
static void hold(sql_task *task)
{
    stele_log_reader *reader = stele_worker_reader(task->worker);
    bool wanted = is_full(task) && !is_stored(task) &&
                  (task->request != NULL || !may_send(task) || !is_sure(task));
    if (reader == NULL || task->owes_batch || wanted == task->held) return;
    stele_log_reader_hold(reader, task->source, wanted);
    task->held = wanted;
}

/* For Kafka's own tools: whether it is taken does not matter. */
static void follow(sql_task *task, bool urgent)
{
    stele_log_member *member = stele_worker_member(task->worker);
    int64_t waited_ms = (sql_task_now(task) - task->followed_ns) / 1000000;
    bool is_new = task->done != task->followed;
    if (member == NULL || waited_ms < (is_new && !urgent ? FOLLOW_MS : is_new ? 0 : REPEAT_MS))
        return;
    if (stele_log_member_commit(member, task->source, task->done, NULL) < 0) return;
    task->followed = task->done;
    task->followed_ns = sql_task_now(task);
}

static stele_status move_on(sql_task *task, bool urgent, stele_error *err)
{
    stele_status status = take_answer(task, err);
    if (status < 0 && err->next != STELE_NEXT_RETRY) return status;
    if ((status = check_footing(task, err)) < 0) return status;
    send(task, urgent);
    if (is_stored(task) && task->at.position > task->done) task->done = task->at.position;
    return still_waits(task, err);
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
    }
    if (status == STELE_OK) status = take_records(task, batch, err);
    task->at_end = batch->at_end;
    task->owes_batch = status < 0;
    if (status == STELE_OK && task->waits.status == STELE_OK) send(task, false);
    hold(task);
    return status;
}

static stele_status tick(stele_task *base, stele_error *err)
{
    sql_task *task = (sql_task *)base;
    stele_error own;
    if (task->unverified) return STELE_OK;
    if (err == NULL) err = &own;
    sql_park_turn(task);
    stele_status status = move_on(task, false, err);
    hold(task);
    follow(task, false);
    return status;
}

/* In a rebalance the member is not to be spoken to. */
static stele_status drain(stele_task *base, stele_error *err)
{
    sql_task *task = (sql_task *)base;
    stele_error own;
    if (task->unverified) return STELE_OK;
    stele_status status = move_on(task, true, err == NULL ? &own : err);
    if (status < 0) return status;
    if (!is_stored(task)) return stele_task_not_yet(err);
    if (atomic_load(stele_worker_stop(task->worker))) follow(task, true);
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
                            .parked_events = (int64_t)task->parked->letter_count};
}

const stele_task_ops stele_sql_tasks = {.open = open_task,
                                        .prepare = prepare,
                                        .take = take,
                                        .tick = tick,
                                        .drain = drain,
                                        .end = end,
                                        .close = close_task,
                                        .progress = progress};
