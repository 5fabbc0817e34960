/* SPDX-License-Identifier: MIT
 * What the tasks of a SQL projection ask of their database: one request at a time, letters before
 * events, and what failed for a while again after a pause. */
#include "projections/sql_task.h"

#include <inttypes.h>

#include "core/bug.h"

enum {
    PATIENCE_MS = 5000, /* a request that takes longer is a reason to wait */
    FOOTING_MS = 10000, /* how often a partition looks whether its last event is still there; */
    SURE_MS = 500,      /* and before it stores something, unless it was there so long ago */
    FOLLOW_MS = 200,    /* how often the group's offset follows at most, */
    REPEAT_MS = 10000,  /* and at least: whether it was taken is not told */
    PAUSE_MIN_MS = 50,  /* between two attempts of what failed and may pass */
    PAUSE_MAX_MS = 2000
};
#define PARCEL_SIZE_MAX ((size_t)16 << 20)

/* ---- requests ---- */

stele_sql_desk *sql_task_desk(const sql_task *task)
{
    return stele_sql_program_options_of(task->self->options.program)->desk;
}

/* @locality the desk's thread; not after the request was forgotten */
static void wake(void *worker)
{
    stele_worker_wake(worker);
}

stele_sql_caller sql_task_caller(const sql_task *task)
{
    return (stele_sql_caller){stele_sql_program_guest(task->self->options.program), task->source,
                              wake, task->worker};
}

/* What failed and may pass is tried again after a time that doubles. */
stele_status sql_task_pause(sql_task *task, const stele_error *why, stele_error *err)
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

void sql_task_go_on(sql_task *task)
{
    task->waits = (stele_error){0};
    task->pause_ms = 0;
}

bool sql_task_may_send(const sql_task *task)
{
    return task->waits.status == STELE_OK || sql_task_now(task) >= task->retry_ns;
}

stele_status sql_task_still_waits(const sql_task *task, stele_error *err)
{
    int64_t waited_ms = (sql_task_now(task) - task->sent_ns) / 1000000;
    if (task->request != NULL && waited_ms >= PATIENCE_MS)
        return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                          "the database has not answered for %" PRId64 " s", waited_ms / 1000);
    const stele_error *why = task->waits.status < 0 ? &task->waits : &task->unsure;
    if (why->status < 0 && err != NULL) *err = *why;
    return why->status;
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
    int64_t waited_ms = (sql_task_now(task) - task->since_ns) / 1000000;
    int64_t left_ms = task->self->options.commit_interval_ms - waited_ms;
    if (urgent || task->at_end || is_full(task) || left_ms <= 0) return true;
    stele_worker_call_within(task->worker, left_ms);
    return false;
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
    stele_sql_caller caller = sql_task_caller(task);
    task->request = stele_sql_desk_store(sql_task_desk(task), &caller, task->claim.term,
                                         task->stored.position, parcel);
    task->sent_ns = sql_task_now(task);
}

void sql_send(sql_task *task, bool urgent)
{
    if (task->request != NULL || !sql_task_may_send(task) || !is_sure(task)) return;
    /* Before events that may wait for room among the letters. */
    stele_sql_parcel *parcel = sql_park_press(task);
    task->is_pressing = parcel != NULL;
    bool is_paused = stele_orders_pause(task->orders) != NULL;
    if (parcel == NULL && !urgent && !is_paused) parcel = sql_park_redrive(task);
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

bool sql_send_is_done(const sql_task *task)
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
    if (!is_answer) return sql_task_pause(task, &answer->error, err);
    sql_task_go_on(task);
    return STELE_OK;
}

static stele_status take_pressed(sql_task *task, stele_sql_parcel *parcel,
                                 const stele_sql_answer *answer, stele_error *err)
{
    task->is_pressing = false;
    if (answer->error.status == STELE_OK) {
        stele_sql_parcel_free(parcel);
        sql_task_go_on(task);
        return STELE_OK;
    }
    if (answer->error.next == STELE_NEXT_RETRY)
        sql_park_press_again(task, parcel);
    else
        stele_sql_parcel_free(parcel);
    return sql_task_pause(task, &answer->error, err);
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
            sql_task_go_on(task);
            return STELE_OK;
        }
    }
    if (failure.next == STELE_NEXT_RETRY)
        task->unsent = parcel;
    else
        stele_sql_parcel_free(parcel);
    return sql_task_pause(task, &failure, err);
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
    sql_task_go_on(task);
    go_on_with(task, parcel);
    return STELE_OK;
}

/* What was not taken whole comes again by itself, and its partition is held until then. */
void sql_send_hold(sql_task *task)
{
    stele_log_reader *reader = stele_worker_reader(task->worker);
    bool is_paused = !task->unverified && stele_orders_pause(task->orders) != NULL;
    if (is_paused) return; /* it is held, as long as that lasts */
    bool wanted = is_full(task) && !sql_send_is_done(task) &&
                  (task->request != NULL || !sql_task_may_send(task) || !is_sure(task));
    if (reader == NULL || task->owes_batch || wanted == task->held) return;
    stele_log_reader_hold(reader, task->source, wanted);
    task->held = wanted;
}

/* For Kafka's own tools: whether it is taken does not matter. */
void sql_send_follow(sql_task *task, bool urgent)
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

stele_status sql_send_move_on(sql_task *task, bool urgent, stele_error *err)
{
    stele_status status = take_answer(task, err);
    if (status < 0 && err->next != STELE_NEXT_RETRY) return status;
    if ((status = check_footing(task, err)) < 0) return status;
    sql_send(task, urgent);
    if (sql_send_is_done(task) && task->at.position > task->done) task->done = task->at.position;
    return sql_task_still_waits(task, err);
}
