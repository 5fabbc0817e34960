/* SPDX-License-Identifier: MIT
 * Taking a partition: fence first, end what hangs, ask for ends and offsets, restore the snapshots
 * up to the high watermark that they had after the fence, then the checks. Straight-line code in
 * the partition's own thread, so that many partitions are taken in the time of one. */
#include "core/names.h"
#include "core/bug.h"
#include "projections/fold_internal.h"

enum {
    PAUSE_MIN_MS = 20, /* between two attempts of a question */
    PAUSE_MAX_MS = 2000,
    LOOK_MS = 100 /* how often a fence that lasts is looked at */
};

stele_status fold_fail_cancelled(stele_error *err)
{
    return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_ABORT, "the partition is given up");
}

/* ---- waiting ---- */

static stele_deadline after(const fold_task *task, int timeout_ms)
{
    return stele_deadline_after(stele_log_clock(task->taking.log), timeout_ms);
}

/* The monitor is held. */
static void wake_worker(fold_task *task)
{
    if (!task->taking.abandoned && !task->taking.cancelled) stele_worker_wake(task->worker);
}

static void set_waits(fold_task *task, const stele_error *why)
{
    fold_taking *self = &task->taking;
    stele_monitor_lock(&self->monitor);
    bool is_new = why == NULL ? self->waits.status < 0 : self->waits.status == STELE_OK;
    self->waits = why == NULL ? (stele_error){0} : *why;
    if (is_new) wake_worker(task);
    stele_monitor_unlock(&self->monitor);
}

bool fold_pause(fold_task *task, int timeout_ms)
{
    fold_taking *self = &task->taking;
    stele_deadline until = after(task, timeout_ms);
    stele_monitor_lock(&self->monitor);
    while (!self->cancelled && stele_monitor_wait(&self->monitor, until)) {
    }
    bool goes_on = !self->cancelled;
    stele_monitor_unlock(&self->monitor);
    return goes_on;
}

stele_status fold_insist(fold_task *task, fold_question *ask, stele_error *err)
{
    int pause_ms = PAUSE_MIN_MS;
    stele_error failure;
    stele_status status;
    while ((status = ask(task, &failure)) < 0 && failure.next == STELE_NEXT_RETRY) {
        if (failure.text[0] != '\0') set_waits(task, &failure);
        if (!fold_pause(task, pause_ms)) return fold_fail_cancelled(err);
        pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
    }
    set_waits(task, NULL);
    if (status < 0) *err = failure;
    return status;
}

bool fold_want_of_worker(fold_task *task, fold_want want)
{
    fold_taking *self = &task->taking;
    stele_monitor_lock(&self->monitor);
    self->want = want;
    wake_worker(task);
    while (!self->cancelled && self->want != FOLD_WANTS_NOTHING)
        stele_monitor_wait(&self->monitor, after(task, -1));
    bool goes_on = !self->cancelled;
    stele_monitor_unlock(&self->monitor);
    return goes_on;
}

char *fold_id(const fold_task *task)
{
    const stele_fold *fold = task->fold;
    if (fold->options.owner != NULL)
        return stele_writer_transactional_id(fold->options.projection->source->name,
                                             task->source.index);
    return stele_transactional_id(fold->group, task->source.topic, task->source.index);
}

void fold_tell(const fold_task *task, const char *what, int64_t value)
{
    STELE_AUTO(char) id = fold_id(task);
    stele_fact fact = {what, id, task->snapshots.topic, task->snapshots.index, value};
    stele_probe(stele_log_runtime(task->taking.log), &fact);
}

/* ---- what all partitions share ---- */

stele_status fold_register_type(const fold_task *task, const stele_type *type, int32_t *id,
                                stele_error *err)
{
    const stele_fold *fold = task->fold;
    STELE_AUTO(char) subject = stele_registry_subject(fold->snapshots, type->name);
    stele_error why;
    stele_status status = stele_registry_register(
        fold->options.registry, subject, stele_text(type->schema), NULL, 0, ASK_MS, id, &why);
    if (status == STELE_E_INCOMPATIBLE) {
        STELE_AUTO(char) owner = stele_version_owner(fold->options.projection->name);
        return stele_fail(err, status, STELE_NEXT_STOP,
                          "raise the version of %s, its state has changed too much: %s", owner,
                          why.text);
    }
    if (status < 0) *err = why;
    return status;
}

/* What all topics that it writes to take as one batch. */
static stele_status ask_batch_max(fold_task *task, stele_error *err)
{
    stele_fold *fold = task->fold;
    stele_status status =
        stele_log_topic_batch_max(task->taking.log, fold->snapshots, ASK_MS, &fold->batch_max, err);
    for (size_t i = 0; status == STELE_OK && i < fold->other_count; i++) {
        size_t batch_max = 0;
        status =
            stele_log_topic_batch_max(task->taking.log, fold->others[i], ASK_MS, &batch_max, err);
        if (batch_max > 0 && (batch_max < fold->batch_max || fold->batch_max == 0))
            fold->batch_max = batch_max;
    }
    return status;
}

static stele_status ask_shared(fold_task *task, stele_error *err)
{
    stele_fold *fold = task->fold;
    fold_taking *self = &task->taking;
    const stele_fold_owner *owner = fold->options.owner;
    stele_status status = stele_snapshots_ensure(self->log, fold->snapshots, fold->events,
                                                 self->partitions, ASK_MS, err);
    if (status == STELE_E_CONFLICT && STELE_BUG("partition count is not compared"))
        status = STELE_OK;
    self->stops_all = status == STELE_E_CONFLICT;
    if (status < 0) return status;
    if (owner != NULL && owner->ensure != NULL &&
        (status = owner->ensure(owner->context, self->log, ASK_MS, err)) < 0)
        return status;
    if ((status = ask_batch_max(task, err)) < 0) return status;
    status = stele_registry_genesis(fold->options.registry, ASK_MS, fold->genesis, err);
    if (status < 0) return status;
    status = fold_register_type(task, fold->options.projection->state, &fold->state_schema, err);
    if (status < 0) return status;
    return fold_register_type(task, &stele_checkpoint_type, &fold->checkpoint_schema, err);
}

stele_status fold_ask_once(fold_task *task, fold_once *once, fold_question *ask, stele_error *err)
{
    stele_fold *fold = task->fold;
    stele_deadline until = after(task, ASK_MS);
    stele_monitor_lock(&fold->monitor);
    while (once->asking && stele_monitor_wait(&fold->monitor, until)) {
    }
    bool known = once->known;
    bool mine = !known && !once->asking;
    if (mine) once->asking = true;
    stele_monitor_unlock(&fold->monitor);
    if (known) return STELE_OK;
    if (!mine) return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "%s", "");

    stele_status status = ask(task, err);
    stele_monitor_lock(&fold->monitor);
    once->asking = false;
    once->known = status == STELE_OK;
    once->times++;
    stele_monitor_wake(&fold->monitor);
    stele_monitor_unlock(&fold->monitor);
    return status;
}

/* The snapshots topic may have been deleted since another partition was taken; that it was not
 * there before somebody made it is nothing new. */
static stele_status prepare_shared(fold_task *task, stele_error *err)
{
    stele_fold *fold = task->fold;
    stele_log_topic snapshots;
    stele_monitor_lock(&fold->monitor);
    int times = fold->prepared.times;
    stele_monitor_unlock(&fold->monitor);
    if (stele_log_topic_describe(task->taking.log, fold->snapshots, ASK_MS, &snapshots, NULL) ==
        STELE_E_NOT_FOUND) {
        stele_monitor_lock(&fold->monitor);
        if (fold->prepared.times == times) fold->prepared.known = fold->count.known = false;
        stele_monitor_unlock(&fold->monitor);
    }
    return fold_ask_once(task, &fold->prepared, ask_shared, err);
}

/* ---- fence ---- */

/* @locality the writer's thread; not after the writer was asked to end */
static void on_outcome(void *context)
{
    fold_task *task = context;
    stele_monitor_lock(&task->taking.monitor);
    wake_worker(task);
    stele_monitor_unlock(&task->taking.monitor);
}

/* @return how many tasks of the fold are taking their partitions now */
static int change_taking(stele_fold *fold, int change)
{
    stele_monitor_lock(&fold->monitor);
    int taking = fold->taking += change;
    stele_monitor_unlock(&fold->monitor);
    return taking;
}

static stele_status open_fence(fold_task *task, stele_error *err)
{
    fold_taking *self = &task->taking;
    const stele_fold_owner *owner = task->fold->options.owner;
    STELE_AUTO(char) id = fold_id(task);
    stele_fenced_options options = {.transactional_id = id,
                                    .group = task->fold->group,
                                    .topic = task->fold->snapshots,
                                    .others = task->fold->others,
                                    .lanes = owner == NULL ? 1 : owner->lanes,
                                    .together = change_taking(task->fold, 0),
                                    .batch_max = task->fold->batch_max,
                                    .timeout_ms = task->fold->options.transaction_timeout_ms,
                                    .wake = on_outcome,
                                    .context = task};
    if (owner != NULL) options.follows = task->source;
    stele_fenced *fenced;
    stele_status status = stele_fenced_open(self->log, &options, &fenced, err);
    if (status < 0) return status;
    stele_monitor_lock(&self->monitor);
    task->fenced = fenced;
    bool cancelled = self->cancelled;
    stele_monitor_unlock(&self->monitor);
    if (cancelled) stele_fenced_end(fenced, CLOSE_MS);
    return STELE_OK;
}

static bool is_cancelled(fold_task *task)
{
    stele_monitor_lock(&task->taking.monitor);
    bool cancelled = task->taking.cancelled;
    stele_monitor_unlock(&task->taking.monitor);
    return cancelled;
}

/* Another one asks for it again. */
static void forget_shared(stele_fold *fold)
{
    stele_monitor_lock(&fold->monitor);
    fold->prepared.known = fold->count.known = false;
    stele_monitor_unlock(&fold->monitor);
}

void fold_forget_snapshots(stele_fold *fold)
{
    fold->generation++;
    forget_shared(fold);
}

stele_status fold_judge_gone(fold_task *task, stele_status status, stele_error *err)
{
    if (status != STELE_E_NOT_FOUND && status != STELE_E_HOLE) return status;
    forget_shared(task->fold);
    err->next = STELE_NEXT_ABORT;
    return status;
}

static stele_status fence(fold_task *task, stele_error *err)
{
    stele_status status = fold_insist(task, open_fence, err);
    if (status < 0) return status;
    if (STELE_BUG("bounds before the fence")) return STELE_OK;
    stele_error failure;
    stele_fenced_state state;
    while ((state = stele_fenced_await(task->fenced, LOOK_MS, &failure)) == STELE_FENCED_INIT) {
        if (is_cancelled(task)) return fold_fail_cancelled(err);
        if (failure.status == STELE_E_NOT_FOUND) {
            *err = failure;
            return fold_judge_gone(task, failure.status, err);
        }
        failure.next = STELE_NEXT_RETRY;
        set_waits(task, failure.status < 0 ? &failure : NULL);
        if (failure.status < 0 && !fold_pause(task, LOOK_MS)) return fold_fail_cancelled(err);
    }
    set_waits(task, NULL);
    if (state != STELE_FENCED_DEAD) return STELE_OK;
    /* Dead without an answer: it has written nothing, so another one may try. */
    if (failure.status == STELE_E_TIMED_OUT) failure.next = STELE_NEXT_ABORT;
    *err = failure;
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

static const char *header_of_companion(const stele_fold *fold)
{
    const stele_fold_owner *owner = fold->options.owner;
    return owner == NULL || owner->companion == NULL ? NULL : owner->companion->header;
}

static stele_status restore(fold_task *task, stele_error *err)
{
    fold_taking *self = &task->taking;
    const stele_fold_owner *owner = task->fold->options.owner;
    const char *commands = owner == NULL ? NULL : owner->commands;
    STELE_AUTO(char)
    kept = commands == NULL ? NULL : stele_commands_key(commands, task->source.index);
    stele_restore_new(&(stele_restore_options){.registry = task->fold->options.registry,
                                               .snapshots = task->snapshots,
                                               .source = task->source,
                                               .genesis = task->fold->genesis,
                                               .companion = header_of_companion(task->fold),
                                               .kept = kept,
                                               .each = restore_one,
                                               .letter = fold_park_restore,
                                               .context = task},
                      &self->restore);
    if (self->places[0].start >= self->places[0].end) return STELE_OK;
    if (!fold_want_of_worker(task, FOLD_WANTS_SNAPSHOTS)) return fold_fail_cancelled(err);
    return STELE_OK;
}

/* ---- checks ---- */

void fold_mark_unburied(fold_task *task)
{
    stele_table *table = stele_states_table(task->states);
    stele_table_cursor cursor = {0};
    stele_entry *entry;
    while ((entry = stele_table_next(table, &cursor)) != NULL) {
        if ((entry->flags & STELE_ENTRY_FINISHED) != 0 && (entry->flags & STELE_ENTRY_BURIED) == 0)
            stele_states_add_dirty(task->states, entry);
    }
}

/* What is damaged and was not replaced; a schema that is on its way is waited for. */
static stele_status finish_restore(fold_task *task, stele_error *err)
{
    return stele_restore_finish(task->taking.restore, err);
}

/* A partition that came later has no checkpoint to tell of it, but others have. */
static stele_status check_count(fold_task *task, stele_error *err)
{
    const stele_fold *fold = task->fold;
    fold_taking *self = &task->taking;
    const stele_projection *projection = fold->options.projection;
    stele_count_options options = {.log = self->log,
                                   .registry = fold->options.registry,
                                   .snapshots = fold->snapshots,
                                   .events = fold->events,
                                   .partitions = self->partitions,
                                   .timeout_ms = ASK_MS};
    int32_t count;
    stele_status status = stele_snapshots_count(&options, &count, err);
    if (STELE_BUG("partition count is not compared")) count = self->partitions;
    if (status < 0) return fold_judge_gone(task, status, err);
    if (count == 0 || count == self->partitions) return status;
    self->stops_all = true;
    return stele_snapshots_fail_count(err, fold->events, projection->name, projection->version,
                                      NULL, count, self->partitions);
}

static stele_status check_count_once(fold_task *task, stele_error *err)
{
    return fold_ask_once(task, &task->fold->count, check_count, err);
}

/* Whoever checks knows whether this is all that there is, and no one else adds to it. Whoever was
 * given up in the meantime claims nothing: its partition may have a new owner in this process.
 * @return false: given up */
static bool tell_restored(fold_task *task)
{
    fold_taking *self = &task->taking;
    stele_monitor_lock(&self->monitor);
    bool goes_on = !self->cancelled;
    if (goes_on) fold_tell(task, "restored", self->places[0].end);
    stele_monitor_unlock(&self->monitor);
    return goes_on;
}

static stele_status check(fold_task *task, stele_error *err)
{
    fold_taking *self = &task->taking;
    stele_status status = fold_insist(task, finish_restore, err);
    if (status < 0) return status;
    const stele_checkpoint *checkpoint = stele_restore_checkpoint(self->restore);
    if (checkpoint == NULL && (status = fold_insist(task, check_count_once, err)) < 0)
        return status;
    self->stored = stele_states_count_stored(task->states);
    stele_restore_facts *facts = &self->facts;
    facts->projection = task->fold->options.projection->name;
    facts->version = task->fold->options.projection->version;
    facts->source = task->source;
    facts->partitions = self->partitions;
    facts->genesis = task->fold->genesis;
    facts->aggregates = self->stored.aggregates;
    facts->finished = self->stored.finished;
    facts->furthest = self->stored.furthest;
    facts->furthest_id = self->stored.furthest_id;
    int64_t group_offset = facts->group_offset;
    /* Of a commit that was half ended the group may have heard and the snapshots not, or the other
     * way round. The abort took one half away; the checkpoint decides, and the group follows it.
     * Of an owner's it follows in any case. */
    bool is_owner = task->fold->options.owner != NULL;
    if (self->is_mended || is_owner) facts->group_offset = STELE_OFFSET_NONE;
    status = stele_restore_validate(checkpoint, facts, &self->resume, err);
    self->stops_all = status == STELE_E_CONFLICT;
    if (status < 0) return status;
    self->owes_offset = self->is_mended && !is_owner && group_offset != STELE_OFFSET_NONE &&
                        group_offset != self->resume.position;
    fold_mark_unburied(task);
    return tell_restored(task) ? STELE_OK : fold_fail_cancelled(err);
}

/* ---- the thread ---- */

static stele_status take(fold_task *task, stele_error *err)
{
    stele_status status;
    if (task->fold->options.table != NULL) return fold_table_take(task, err);
    if ((status = fold_insist(task, prepare_shared, err)) < 0) return status;
    if ((status = fence(task, err)) < 0) return status;
    if ((status = fold_agree_on_ends(task, err)) < 0) return status;
    if ((status = restore(task, err)) < 0) return status;
    return check(task, err);
}

static void leave(fold_task *task)
{
    stele_fold *fold = task->fold;
    fold_free_task(task, CLOSE_MS);
    stele_monitor_lock(&fold->monitor);
    fold->left_behind--;
    stele_monitor_wake(&fold->monitor);
    stele_monitor_unlock(&fold->monitor);
}

static void run(void *context)
{
    fold_task *task = context;
    fold_taking *self = &task->taking;
    stele_error failure = {0};
    take(task, &failure);
    change_taking(task->fold, -1);
    stele_monitor_lock(&self->monitor);
    self->result = failure;
    self->ended = true;
    stele_monitor_wake(&self->monitor);
    wake_worker(task);
    bool abandoned = self->abandoned;
    stele_monitor_unlock(&self->monitor);
    if (abandoned) leave(task);
}

stele_status fold_take_start(fold_task *task, stele_error *err)
{
    fold_taking *self = &task->taking;
    change_taking(task->fold, 1);
    int cause =
        stele_thread_start(stele_log_runtime(self->log), &self->thread, "stele-take", run, task);
    if (cause != 0) {
        change_taking(task->fold, -1);
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, cause,
                                "no thread to take %s/%d: raise the limit of threads",
                                task->source.topic, (int)task->source.index);
    }
    self->started = true;
    return STELE_OK;
}

void fold_take_cancel(fold_task *task)
{
    fold_taking *self = &task->taking;
    stele_monitor_lock(&self->monitor);
    self->cancelled = true;
    stele_monitor_wake(&self->monitor);
    stele_fenced *fenced = task->fenced;
    stele_monitor_unlock(&self->monitor);
    stele_fenced_end(fenced, CLOSE_MS); /* its thread holds its own monitor when it wakes us */
}

bool fold_take_join(fold_task *task, stele_deadline by)
{
    fold_taking *self = &task->taking;
    if (!self->started) return true;
    stele_monitor_lock(&self->monitor);
    while (!self->ended && stele_monitor_wait(&self->monitor, by)) {
    }
    bool ended = self->ended;
    stele_thread thread = self->thread;
    if (!ended) {
        self->abandoned = true;
        stele_monitor_lock(&task->fold->monitor);
        task->fold->left_behind++;
        stele_monitor_unlock(&task->fold->monitor);
    }
    stele_monitor_unlock(&self->monitor);
    if (!ended) {
        stele_thread_detach(thread);
        return false;
    }
    stele_thread_join(thread);
    self->started = false;
    return true;
}
