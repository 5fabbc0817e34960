/* SPDX-License-Identifier: MIT
 * Taking a partition: fence first, then the snapshots up to the high watermark that they had after
 * the fence, then the checks. In pieces, for the worker's thread has other partitions too. */
#include "core/names.h"
#include "projections/fold_internal.h"

#include <stdio.h>

stele_status fold_not_yet(stele_error *err)
{
    return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "%s", "");
}

/* ---- what all partitions share ---- */

static stele_status register_type(stele_fold *fold, const stele_type *type, int32_t *id,
                                  stele_error *err)
{
    STELE_AUTO(char) subject = stele_registry_subject(fold->snapshots, type->name);
    stele_error why;
    stele_status status = stele_registry_register(
        fold->options.registry, subject, stele_text(type->schema), NULL, 0, ASK_MS, id, &why);
    if (status == STELE_E_INCOMPATIBLE)
        return stele_fail(err, status, STELE_NEXT_STOP,
                          "raise the version of projection %s, its state has changed too much: %s",
                          fold->options.projection->name, why.text);
    if (status < 0 && err != NULL) *err = why;
    return status;
}

static stele_status prepare_shared(fold_task *task, stele_error *err)
{
    stele_fold *fold = task->fold;
    if (fold->prepared) return STELE_OK;
    stele_log *log = stele_worker_log(task->worker);
    int32_t partitions = stele_worker_partition_count(task->worker);
    stele_status status =
        stele_snapshots_ensure(log, fold->snapshots, fold->events, partitions, ASK_MS, err);
    if (status == STELE_E_CONFLICT) stele_worker_stop_all(task->worker, err);
    if (status < 0) return status;
    status = stele_log_topic_batch_max(log, fold->snapshots, ASK_MS, &fold->batch_max, err);
    if (status < 0) return status;
    status = stele_registry_genesis(fold->options.registry, ASK_MS, fold->genesis, err);
    if (status < 0) return status;
    status = register_type(fold, fold->options.projection->state, &fold->state_schema, err);
    if (status < 0) return status;
    status = register_type(fold, &stele_checkpoint_type, &fold->checkpoint_schema, err);
    if (status < 0) return status;
    fold->prepared = true;
    return STELE_OK;
}

/* ---- fence ---- */

static stele_status open_fence(fold_task *task, stele_error *err)
{
    STELE_AUTO(char)
    id = stele_transactional_id(task->fold->group, task->source.topic, task->source.index);
    stele_fenced_options options = {.transactional_id = id,
                                    .topic = task->fold->snapshots,
                                    .batch_max = task->fold->batch_max,
                                    .timeout_ms = task->fold->options.transaction_timeout_ms};
    return stele_fenced_open(stele_worker_log(task->worker), &options, &task->fenced, err);
}

static stele_status await_fence(fold_task *task, stele_error *err)
{
    stele_status status;
    if (task->fenced == NULL && (status = open_fence(task, err)) < 0) return status;
    stele_error failure;
    stele_fenced_state state = stele_fenced_poll(task->fenced, &failure);
    if (state == STELE_FENCED_INIT && failure.status == STELE_OK) return fold_not_yet(err);
    if (state != STELE_FENCED_INIT && state != STELE_FENCED_DEAD) return STELE_OK;
    if (state == STELE_FENCED_INIT) failure.next = STELE_NEXT_RETRY;
    /* Dead without an answer: it has written nothing, so another one may try. */
    if (state == STELE_FENCED_DEAD && failure.status == STELE_E_TIMED_OUT)
        failure.next = STELE_NEXT_ABORT;
    if (err != NULL) *err = failure;
    return failure.status;
}

/* ---- snapshots ---- */

static stele_status restore_one(void *context, const stele_snapshot *snapshot, stele_error *err)
{
    fold_task *task = context;
    stele_status status = stele_states_restore(task->states, snapshot, err);
    if (status == STELE_OK) task->restored++;
    return status;
}

static void begin_restore(fold_task *task)
{
    stele_restore_new(&(stele_restore_options){.log = stele_worker_log(task->worker),
                                               .registry = task->fold->options.registry,
                                               .snapshots = task->snapshots,
                                               .source = task->source,
                                               .each = restore_one,
                                               .context = task},
                      &task->restore);
}

/* After the fence nobody adds to the snapshots, so this end is the end.
 * @param hangs  there is something that would never be seen */
static stele_status ask_snapshots(fold_task *task, int64_t *start, bool *hangs, stele_error *err)
{
    stele_log *log = stele_worker_log(task->worker);
    int64_t stable_end;
    stele_status status = stele_log_bounds(log, task->snapshots, STELE_READ_COMMITTED, ASK_MS,
                                           start, &stable_end, err);
    if (status < 0) return status;
    status = stele_log_bounds(log, task->snapshots, STELE_READ_UNCOMMITTED, ASK_MS, start,
                              &task->snapshots_end, err);
    *hangs = status == STELE_OK && stable_end < task->snapshots_end;
    return status;
}

static stele_status ask_group(fold_task *task, bool *hangs, stele_error *err)
{
    stele_status status =
        stele_log_group_offset(stele_worker_log(task->worker), task->fold->group, task->source,
                               ASK_MS, &task->facts.group_offset, err);
    *hangs = status == STELE_E_CONFLICT;
    return *hangs ? STELE_OK : status;
}

static stele_status ask_bounds(fold_task *task, stele_error *err)
{
    stele_restore_facts *facts = &task->facts;
    int64_t start;
    bool group_hangs;
    bool snapshots_hang;
    stele_status status =
        stele_log_bounds(stele_worker_log(task->worker), task->source, STELE_READ_UNCOMMITTED,
                         ASK_MS, &facts->log_start, &facts->log_end, err);
    if (status < 0) return status;
    if ((status = ask_group(task, &group_hangs, err)) < 0) return status;
    if ((status = ask_snapshots(task, &start, &snapshots_hang, err)) < 0) return status;
    if (group_hangs || snapshots_hang) return fold_hangs(task, err);
    begin_restore(task);
    if (start >= task->snapshots_end) return STELE_OK;
    status = stele_log_reader_start(stele_worker_reader(task->worker), task->snapshots, start, err);
    task->reading = status == STELE_OK;
    return status;
}

void fold_stop_reading(fold_task *task)
{
    stele_log_reader *reader = stele_worker_reader(task->worker);
    if (task->reading && reader != NULL) stele_log_reader_stop(reader, task->snapshots);
    task->reading = false;
}

stele_status fold_take_snapshots(fold_task *task, const stele_batch *batch, stele_error *err)
{
    if (!task->reading) return STELE_OK;
    stele_status status = stele_restore_take(task->restore, batch, err);
    if (status < 0) return status;
    if (batch->next_offset >= task->snapshots_end) fold_stop_reading(task);
    return STELE_OK;
}

/* ---- checks ---- */

/* Aggregates whose tombstone was still to be written are dirty again. */
static void mark_unburied(fold_task *task)
{
    stele_table *table = stele_states_table(task->states);
    stele_table_cursor cursor = {0};
    stele_entry *entry;
    while ((entry = stele_table_next(table, &cursor)) != NULL) {
        if ((entry->flags & STELE_ENTRY_FINISHED) != 0 && (entry->flags & STELE_ENTRY_BURIED) == 0)
            stele_states_add_dirty(task->states, entry);
    }
}

/* A partition that came later has no checkpoint to tell of it, but others have. Asked for once. */
static stele_status check_count(fold_task *task, stele_error *err)
{
    stele_fold *fold = task->fold;
    if (fold->count_checked) return STELE_OK;
    const stele_projection *projection = fold->options.projection;
    stele_count_options options = {.log = stele_worker_log(task->worker),
                                   .registry = fold->options.registry,
                                   .snapshots = fold->snapshots,
                                   .events = fold->events,
                                   .partitions = stele_worker_partition_count(task->worker),
                                   .timeout_ms = ASK_MS};
    int32_t count;
    stele_status status = stele_snapshots_count(&options, &count, err);
    if (status < 0) return status;
    fold->count_checked = count == 0 || count == options.partitions;
    if (fold->count_checked) return STELE_OK;
    status = stele_snapshots_fail_count(err, fold->events, projection->name, projection->version,
                                        count, options.partitions);
    stele_worker_stop_all(task->worker, err);
    return status;
}

static stele_status finish(fold_task *task, stele_error *err)
{
    const stele_checkpoint *checkpoint = stele_restore_checkpoint(task->restore);
    stele_status status = checkpoint == NULL ? check_count(task, err) : STELE_OK;
    if (status < 0) return status;
    stele_states_stored stored = stele_states_count_stored(task->states);
    stele_restore_facts *facts = &task->facts;
    facts->projection = task->fold->options.projection->name;
    facts->version = task->fold->options.projection->version;
    facts->source = task->source;
    facts->partitions = stele_worker_partition_count(task->worker);
    facts->genesis = task->fold->genesis;
    facts->aggregates = stored.aggregates;
    facts->finished = stored.finished;
    int64_t group_offset = facts->group_offset;
    /* Of a commit that was half ended the group may have heard and the snapshots not, or the other
     * way round. The abort took one half away; the checkpoint decides, and the group follows it. */
    if (task->mend.done) facts->group_offset = STELE_OFFSET_NONE;
    status = stele_restore_validate(checkpoint, facts, &task->resume, err);
    if (status == STELE_E_CONFLICT) stele_worker_stop_all(task->worker, err);
    if (status < 0) return status;

    mark_unburied(task);
    task->writing.stored = stored;
    task->writing.owes_offset = task->mend.done && group_offset != STELE_OFFSET_NONE &&
                                group_offset != task->resume.position;
    task->at = (fold_mark){task->resume.position, task->resume.last_offset, task->resume.last_hash};
    task->unverified = task->resume.read_from < task->resume.position;
    fold_writing_begin(task);
    stele_restore_free(task->restore);
    task->restore = NULL;
    return STELE_OK;
}

stele_status fold_prepare(fold_task *task, int64_t *start, stele_error *err)
{
    stele_status status;
    switch (task->step) {
    case FOLD_SHARED:
        if ((status = prepare_shared(task, err)) < 0) return status;
        task->step = FOLD_FENCE;
        /* fall through */
    case FOLD_FENCE:
        if ((status = await_fence(task, err)) < 0) return status;
        task->step = FOLD_BOUNDS;
        /* fall through */
    case FOLD_BOUNDS:
        if ((status = ask_bounds(task, err)) < 0) return status;
        task->step = FOLD_READ;
        /* fall through */
    case FOLD_READ:
        if (task->reading) return fold_not_yet(err);
        if ((status = finish(task, err)) < 0) return status;
        task->step = FOLD_READY;
        break;
    case FOLD_MEND:
        if ((status = fold_mend(task, err)) < 0) return status;
        task->step = FOLD_BOUNDS;
        return fold_not_yet(err);
    case FOLD_READY:
        break;
    }
    *start = task->resume.read_from;
    return STELE_OK;
}
