/* SPDX-License-Identifier: MIT
 * Taking a partition whose states are in a table: claim it in the database, so that whoever had it
 * commits nothing more, read its states, and go on from its position. In the partition's thread. */
#include "projections/fold_internal.h"
#include "projections/sql_resume.h"

enum {
    REPEAT_MS = 10000 /* how often the group's offset is set again: whether it was is not told */
};

/* ---- asking the database ---- */

/* @locality the desk's thread, which holds its monitor */
static void ring(void *context)
{
    fold_task *task = context;
    stele_monitor_lock(&task->taking.monitor);
    task->taking.rung = true;
    stele_monitor_wake(&task->taking.monitor);
    stele_monitor_unlock(&task->taking.monitor);
}

static stele_sql_caller caller_of(fold_task *task)
{
    return (stele_sql_caller){task->fold->guest, task->source, ring, task};
}

/* @return false: the task ends */
static bool await_ring(fold_task *task)
{
    fold_taking *self = &task->taking;
    stele_deadline never = stele_deadline_after(stele_log_clock(self->log), -1);
    stele_monitor_lock(&self->monitor);
    while (!self->cancelled && !self->rung)
        stele_monitor_wait(&self->monitor, never);
    self->rung = false;
    bool goes_on = !self->cancelled;
    stele_monitor_unlock(&self->monitor);
    return goes_on;
}

/* @param parcel  what came with the answer; owned */
static stele_status await_answer(fold_task *task, stele_sql_request *request, stele_sql_answer *out,
                                 stele_sql_parcel **parcel, stele_error *err)
{
    while (!stele_sql_request_take(&request, out, parcel)) {
        if (await_ring(task)) continue;
        stele_sql_request_forget(request);
        return fold_fail_cancelled(err);
    }
    if (out->error.status < 0) *err = out->error;
    return out->error.status;
}

/* The same of what comes after the claim: it is of no use from a database that was opened since. */
static stele_status await_more(fold_task *task, stele_sql_request *request,
                               stele_sql_parcel **parcel, stele_error *err)
{
    stele_sql_answer answer;
    stele_status status = await_answer(task, request, &answer, parcel, err);
    if (status < 0 || answer.opening == task->taking.opening) return status;
    return stele_sql_fail_opened(err, task->source);
}

/* ---- what all partitions share ---- */

static stele_status ask_shared(fold_task *task, stele_error *err)
{
    stele_fold *fold = task->fold;
    const stele_fold_table *table = fold->options.table;
    stele_status status =
        stele_registry_genesis(fold->options.registry, ASK_MS, fold->genesis, err);
    if (status < 0) return status;
    status = fold_register_type(task, fold->options.projection->state, &fold->state_schema, err);
    if (status < 0) return status;
    status =
        stele_sql_desk_admit(table->desk, stele_state_table_file(table->table), &fold->guest, err);
    if (status < 0 && err->next == STELE_NEXT_ABORT) err->next = STELE_NEXT_RETRY; /* it is away */
    task->taking.stops_all = status < 0 && err->next == STELE_NEXT_STOP;
    return status;
}

static stele_status prepare_shared(fold_task *task, stele_error *err)
{
    return fold_ask_once(task, &task->fold->prepared, ask_shared, err);
}

/* ---- its own ---- */

static stele_status claim(fold_task *task, stele_error *err)
{
    stele_sql_answer answer;
    stele_sql_caller caller = caller_of(task);
    stele_sql_request *request = stele_sql_desk_claim(task->fold->options.table->desk, &caller,
                                                      task->taking.partitions, task->fold->genesis);
    stele_status status = await_answer(task, request, &answer, NULL, err);
    if (status < 0) return status;
    task->taking.claim = answer.claim;
    task->taking.opening = answer.opening;
    return STELE_OK;
}

static stele_status ask_bounds(fold_task *task, stele_error *err)
{
    stele_restore_facts *facts = &task->taking.facts;
    return stele_log_bounds(task->taking.log, task->source, STELE_READ_UNCOMMITTED, ASK_MS,
                            &facts->log_start, &facts->log_end, err);
}

static stele_status read_letters(fold_task *task, stele_sql_parcel **out, stele_error *err)
{
    stele_sql_caller caller = caller_of(task);
    *out = NULL;
    return await_more(task, stele_sql_desk_letters(task->fold->options.table->desk, &caller), out,
                      err);
}

/* Rows go to the table before the position that they belong to. Where nothing has moved that yet,
 * there is no last event to compare with the log, and they may be of another topic of this name:
 * all of them are made again. */
static stele_status clear(fold_task *task, stele_error *err)
{
    const stele_mark nowhere = task->taking.claim.mark;
    bool is_claimed = task->taking.claim.partitions == task->taking.partitions;
    if (nowhere.position >= 0 || !is_claimed) return STELE_OK;
    stele_sql_parcel *letters = NULL;
    stele_status status = read_letters(task, &letters, err);
    stele_sql_parcel *parcel = stele_sql_parcel_new();
    stele_sql_row row = {.statement = STELE_STATE_TABLE_CLEAR};
    stele_state_table_clearing(task->source.index, task->taking.partitions, parcel->arena,
                               &row.values, &row.count);
    stele_sql_parcel_add_row(parcel, &row);
    stele_sql_parcel_end_event(parcel, &nowhere);
    for (size_t i = 0; status == STELE_OK && i < letters->step_count; i++)
        stele_sql_parcel_add_letter(parcel, &nowhere, letters->steps[i].offset, (stele_bytes){0});
    stele_sql_parcel_free(letters);
    if (status == STELE_OK) {
        stele_sql_caller caller = caller_of(task);
        stele_sql_request *request =
            stele_sql_desk_store(task->fold->options.table->desk, &caller, task->taking.claim.term,
                                 nowhere.position, parcel);
        parcel = NULL;
        status = await_more(task, request, &parcel, err);
    }
    stele_sql_parcel_free(parcel);
    return status;
}

static stele_sql_parcel *make_query(const fold_task *task)
{
    stele_sql_parcel *parcel = stele_sql_parcel_new();
    stele_sql_row row = {.statement = STELE_STATE_TABLE_READ};
    stele_bytes after = stele_buffer_view(&task->taking.after);
    if (task->restored == 0)
        after = stele_bytes_of(NULL, 0);
    else if (after.data == NULL)
        after = stele_text(""); /* an id like any other */
    stele_state_table_query(task->source.index, after, parcel->arena, &row.values, &row.count);
    stele_sql_parcel_add_row(parcel, &row);
    return parcel;
}

static stele_status restore_row(fold_task *task, const stele_sql_row *row, stele_error *err)
{
    stele_snapshot snapshot;
    stele_error why;
    if (!stele_state_table_snapshot(row->values, row->count, &snapshot))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "the table of %s has a row that Stele has not written",
                          task->fold->options.projection->name);
    stele_status status = stele_states_restore(task->states, &snapshot, &why);
    if (status < 0)
        return stele_fail_cause(err, status, why.next, why.cause, "the table of %s: %s",
                                task->fold->options.projection->name, why.text);
    task->restored++;
    stele_buffer_reset(&task->taking.after);
    stele_buffer_append(&task->taking.after, snapshot.id);
    return STELE_OK;
}

/* States behind the last one that was read, until there are none. What was read is not read again.
 */
static stele_status read_states(fold_task *task, stele_error *err)
{
    for (bool goes_on = true; goes_on;) {
        stele_sql_parcel *found = NULL;
        stele_sql_caller caller = caller_of(task);
        stele_sql_request *request =
            stele_sql_desk_read(task->fold->options.table->desk, &caller, make_query(task));
        stele_status status = await_more(task, request, &found, err);
        goes_on = status == STELE_OK && found->row_count > 0;
        for (size_t i = 0; goes_on && status == STELE_OK && i < found->row_count; i++)
            status = restore_row(task, &found->rows[i], err);
        stele_sql_parcel_free(found);
        if (status < 0) return status;
    }
    return STELE_OK;
}

static stele_status restore_letters(fold_task *task, stele_error *err)
{
    stele_sql_parcel *found = NULL;
    stele_status status = read_letters(task, &found, err);
    for (size_t i = 0; status == STELE_OK && i < found->step_count; i++)
        status = fold_park_restore(task, found->steps[i].offset, found->steps[i].kept, err);
    stele_sql_parcel_free(found);
    return status;
}

static stele_status check(fold_task *task, stele_error *err)
{
    fold_taking *self = &task->taking;
    stele_restore_facts *facts = &self->facts;
    stele_states_stored stored = stele_states_count_stored(task->states);
    facts->projection = task->fold->options.projection->name;
    facts->version = task->fold->options.projection->version;
    facts->store = stele_sql_desk_shown(task->fold->options.table->desk);
    facts->source = task->source;
    facts->partitions = self->partitions;
    facts->genesis = task->fold->genesis;
    facts->furthest = stored.furthest;
    facts->furthest_id = stored.furthest_id;
    facts->group_offset = STELE_OFFSET_NONE; /* it follows */
    stele_status status = stele_sql_resume(&self->claim, facts, &self->resume, err);
    self->stops_all = status == STELE_E_CONFLICT;
    if (status < 0) return status;
    fold_mark_unburied(task);
    return STELE_OK;
}

stele_status fold_table_take(fold_task *task, stele_error *err)
{
    stele_status status;
    if ((status = fold_insist(task, prepare_shared, err)) < 0) return status;
    if ((status = fold_insist(task, claim, err)) < 0) return status;
    if ((status = fold_insist(task, clear, err)) < 0) return status;
    if ((status = fold_insist(task, ask_bounds, err)) < 0) return status;
    if ((status = fold_insist(task, read_states, err)) < 0) return status;
    if ((status = fold_insist(task, restore_letters, err)) < 0) return status;
    return check(task, err);
}

/* ---- the worker's thread ---- */

static void wake(void *worker)
{
    stele_worker_wake(worker);
}

stele_sql_caller fold_table_caller(const fold_task *task)
{
    return (stele_sql_caller){task->fold->guest, task->source, wake, task->worker};
}

void fold_table_follow(fold_task *task)
{
    fold_writing *writing = &task->writing;
    stele_log_member *member = stele_worker_member(task->worker);
    int64_t position = writing->committed.position;
    if (task->fold->options.table == NULL || member == NULL || position < 0) return;
    int64_t now_ns = stele_worker_now_ns(task->worker);
    bool is_due = now_ns - writing->followed_ns >= (int64_t)REPEAT_MS * 1000000;
    if (position == writing->followed && !is_due) return;
    if (stele_log_member_commit(member, task->source, position, NULL) < 0) return;
    writing->followed = position;
    writing->followed_ns = now_ns;
}
