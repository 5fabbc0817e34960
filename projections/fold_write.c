/* SPDX-License-Identifier: MIT
 * When states are written, and which: the cycles (see fold_writing). Where they are written to, and
 * how, is the sink's. */
#include "core/bug.h"
#include "projections/fold_internal.h"
#include "projections/table_sink.h"

#include <assert.h>

enum {
    PIECE_NS = 1000000,         /* how long a worker stands still for writing at a time */
    URGENT_PIECE_NS = 20000000, /* while draining */
    LOOK_AT_CLOCK = 16,         /* states between two looks */
    BEHIND_EVENTS = 100         /* for each state to be written, while behind */
};

/* ---- beginning and end ---- */

static stele_log_group *take_group(void *context)
{
    const fold_task *task = context;
    return stele_log_member_group(stele_worker_member(task->worker));
}

static stele_sink *open_table(const fold_task *task)
{
    const stele_fold *fold = task->fold;
    const stele_fold_table *table = fold->options.table;
    return stele_table_sink_new(
        &(stele_table_sink_options){.table = table->table,
                                    .desk = table->desk,
                                    .caller = fold_table_caller(task),
                                    .clock = stele_log_clock(task->taking.log),
                                    .schema = fold->state_schema,
                                    .term = task->taking.claim.term,
                                    .mark = task->taking.claim.mark,
                                    .chunk_max = fold->options.transaction_snapshots});
}

static stele_sink *open_snapshots(fold_task *task)
{
    const stele_fold *fold = task->fold;
    const stele_fold_owner *owner = fold->options.owner;
    return stele_kafka_sink_new(
        &(stele_kafka_sink_options){.log = task->taking.log,
                                    .fenced = task->fenced,
                                    .lane = owner == NULL ? 0 : owner->lane,
                                    .companion = owner == NULL ? NULL : owner->companion,
                                    .type = fold->options.projection->state,
                                    .source = task->source,
                                    .snapshots = task->snapshots,
                                    .group = fold->group,
                                    .version = fold->options.projection->version,
                                    .partitions = task->taking.partitions,
                                    .genesis = fold->genesis,
                                    .state_schema = fold->state_schema,
                                    .checkpoint_schema = fold->checkpoint_schema,
                                    .transaction_max = fold->options.transaction_snapshots,
                                    .committed = task->at,
                                    .aggregates = task->taking.stored.aggregates,
                                    .finished = task->taking.stored.finished,
                                    .end = task->taking.places[0].end,
                                    .take_group = take_group,
                                    .context = task});
}

void fold_writing_begin(fold_task *task)
{
    fold_writing *writing = &task->writing;
    bool is_table = task->fold->options.table != NULL;
    writing->sink = is_table ? open_table(task) : open_snapshots(task);
    writing->followed = -1;
    writing->committed = task->at;
    writing->cycle_ns = stele_worker_now_ns(task->worker);
    writing->cycle_events = stele_states_applied(task->states);
}

void fold_end_cycle(fold_task *task)
{
    assert(!task->writing.active || task->fold->cycles > 0);
    if (task->writing.active) task->fold->cycles--;
    task->writing.active = false;
}

void fold_writing_clear(fold_task *task)
{
    fold_end_cycle(task);
    stele_sink_free(task->writing.sink);
    task->writing.sink = NULL;
}

/* ---- putting ---- */

static stele_sink_entry entry_of(const fold_task *task, stele_entry *entry)
{
    return (stele_sink_entry){
        .id = stele_table_key(stele_states_table(task->states), entry),
        .state = stele_entry_state(entry),
        .companion = stele_states_companion(task->states, entry),
        .version = entry->version,
        .offset = entry->offset,
        .is_finished = (entry->flags & STELE_ENTRY_FINISHED) != 0,
        .is_stored = (entry->flags & STELE_ENTRY_STORED) != 0,
    };
}

/* Can what is finished be removed with this cycle's close? Not if it was finished after the cycle
 * began; nor if the close, which is one transaction, has enough to remove; nor where letters are to
 * be removed, which may be gone before the close: an event of theirs would be nowhere. */
static bool may_bury(fold_task *task, const stele_entry *entry)
{
    fold_writing *writing = &task->writing;
    if (entry->offset > writing->mark.position) return false;
    if (writing->buried_count < task->fold->options.transaction_snapshots &&
        (task->parked == NULL || task->parked->gone_count == 0 ||
         STELE_BUG("tombstone behind its letters")))
        return true;
    writing->owes_tombstones = true;
    return false;
}

/* One entry of the cycle's list. What is finished is removed with a close that is past it: if that
 * is not this cycle's, the state is written for now, and says that it is finished. */
static stele_status write_entry(fold_task *task, stele_entry *entry, stele_error *err)
{
    fold_writing *writing = &task->writing;
    bool finished = (entry->flags & STELE_ENTRY_FINISHED) != 0;
    if (finished && STELE_BUG("tombstone ahead of its checkpoint")) {
        stele_sink_entry removed = entry_of(task, entry);
        entry->flags = STELE_ENTRY_FINISHED | STELE_ENTRY_BURIED;
        return stele_sink_remove(writing->sink, &removed, err);
    }
    if (finished && may_bury(task, entry)) {
        entry->next = writing->buried;
        writing->buried = entry;
        writing->buried_count++;
        return STELE_OK;
    }
    if ((entry->flags & STELE_ENTRY_SEALED) == 0) {
        stele_sink_entry put = entry_of(task, entry);
        stele_status status = stele_sink_put(writing->sink, &put, err);
        if (status < 0) return status;
        entry->flags |= STELE_ENTRY_STORED;
    }
    entry->flags &= (uint8_t)~STELE_ENTRY_DIRTY;
    if (!finished) return STELE_OK;
    entry->flags |= STELE_ENTRY_SEALED;
    stele_states_add_dirty(task->states, entry);
    return STELE_OK;
}

/* Go on with the cycle's list until the sink is full or the time is up. @param full  it is */
static stele_status fill(fold_task *task, int64_t piece_ns, bool *full, stele_error *err)
{
    fold_writing *writing = &task->writing;
    stele_clock clock = stele_log_clock(task->taking.log);
    int64_t end_ns = stele_clock_monotonic_ns(clock) + piece_ns;
    *full = false;
    for (int i = 1; writing->list != NULL; i++) {
        stele_entry *entry = writing->list;
        stele_entry *rest = entry->next;
        stele_status status = write_entry(task, entry, err);
        *full = status == STELE_E_FULL;
        if (status < 0) return *full ? STELE_OK : status;
        writing->list = rest;
        if (i % LOOK_AT_CLOCK == 0 && stele_clock_monotonic_ns(clock) >= end_ns) break;
    }
    return STELE_OK;
}

static stele_status bury(fold_task *task, stele_error *err)
{
    fold_writing *writing = &task->writing;
    for (stele_entry *entry = writing->buried, *next; entry != NULL; entry = next) {
        next = entry->next;
        stele_sink_entry removed = entry_of(task, entry);
        stele_status status = stele_sink_remove(writing->sink, &removed, err);
        if (status < 0) return status;
        stele_value_clear(task->fold->options.projection->state, stele_entry_state(entry));
        entry->flags = STELE_ENTRY_FINISHED | STELE_ENTRY_BURIED;
        writing->buried = next;
        writing->buried_count--;
    }
    return STELE_OK;
}

/* ---- policy ---- */

bool fold_is_written(const fold_task *task)
{
    const fold_writing *writing = &task->writing;
    return !writing->active && !writing->owes_offset &&
           stele_states_dirty_count(task->states) == 0 &&
           (task->parked == NULL || !stele_parked_is_dirty(task->parked)) &&
           task->at.position == writing->committed.position;
}

/* What a snapshot saves is the events that a restore need not apply again. At the end of the log
 * there is one every so many events, as it is configured. A partition that is further behind than
 * that reads at full speed, and would write its busy aggregates over and over for no one: there the
 * events have to be worth what writing costs. The time holds always. */
static bool is_due(const fold_task *task)
{
    const fold_writing *writing = &task->writing;
    const stele_fold_options *options = &task->fold->options;
    int64_t left_ms = options->snapshot_interval_ms -
                      (stele_worker_now_ns(task->worker) - writing->cycle_ns) / 1000000;
    if (writing->owes_offset || writing->owes_tombstones || task->owes_letters) return true;
    if (left_ms <= 0) return true;
    stele_worker_call_within(task->worker, left_ms);
    /* Whoever has paused it wants the table to stay as it is. */
    if (options->table != NULL && fold_pause_of(&task->base) != NULL) return true;
    int64_t events = stele_states_applied(task->states) - writing->cycle_events;
    if (events < options->snapshot_events) return false;
    bool is_behind = task->log_end - task->at.position > options->snapshot_events;
    int64_t changed = (int64_t)stele_states_dirty_count(task->states);
    return !is_behind || events >= changed * BEHIND_EVENTS;
}

static void begin_cycle(fold_task *task)
{
    fold_writing *writing = &task->writing;
    writing->active = true;
    writing->closes = false;
    task->owes_letters = writing->owes_tombstones = false;
    task->fold->cycles++;
    writing->mark = task->at;
    stele_sink_begin(writing->sink, &writing->mark);
    fold_footing_ask(task); /* of the log that all below the mark came from */
    writing->list = stele_states_take_dirty(task->states);
    writing->cycle_ns = stele_worker_now_ns(task->worker);
    writing->cycle_events = stele_states_applied(task->states);
}

static void end_closed(fold_task *task)
{
    fold_writing *writing = &task->writing;
    assert(writing->mark.position >= writing->committed.position);
    writing->committed = writing->mark;
    if (writing->mark.last_offset >= 0) task->witness = writing->mark;
    writing->owes_offset = false;
    fold_end_cycle(task);
}

/* A drain is the last chance, and while it lasts no one joins. */
static stele_status check_member(const fold_task *task, stele_error *err)
{
    stele_log_group *group = stele_log_member_group(stele_worker_member(task->worker));
    if (group == NULL)
        return stele_fail(err, STELE_E_NOT_OWNER, STELE_NEXT_ABORT,
                          "%s: no last snapshot, for this worker is in no group any more",
                          task->fold->group);
    stele_log_group_free(group);
    return STELE_OK;
}

static stele_status check_sink(fold_task *task, stele_error *err)
{
    bool closed;
    stele_error failure;
    stele_status status = stele_sink_outcome(task->writing.sink, &closed, &failure);
    if (closed) end_closed(task);
    if (status == STELE_OK) return STELE_OK;
    fold_footing_ask(task); /* its topic may be gone */
    if (status == STELE_E_HOLE) fold_forget_snapshots(task->fold);
    *err = failure;
    return status;
}

/* Put what is left of the cycle's list, and close the cycle when all is put and what it rests on is
 * still there. */
static stele_status put_piece(fold_task *task, bool urgent, stele_error *err)
{
    fold_writing *writing = &task->writing;
    bool full;
    stele_status status = fold_put_letters(task, &full, err);
    if (status < 0 || full) return status;
    status = fill(task, urgent ? URGENT_PIECE_NS : PIECE_NS / task->fold->cycles, &full, err);
    if (status < 0) return status;
    if (writing->list != NULL) {
        if (!full) stele_worker_call_again(task->worker);
        return STELE_OK;
    }
    if (!task->is_sure) return STELE_OK; /* the answer wakes the worker */
    status = fold_remove_letters(task, &full, err);
    if (status < 0 || full) return status;
    if ((status = bury(task, err)) < 0) return status;
    stele_sink_close(writing->sink);
    writing->closes = true;
    return STELE_OK;
}

stele_status fold_write(fold_task *task, bool urgent, stele_error *err)
{
    fold_writing *writing = &task->writing;
    stele_status status;
    if ((status = fold_footing_check(task, err)) < 0) return status;
    if (!writing->active) {
        if (fold_is_written(task) || !(urgent || is_due(task))) return check_sink(task, err);
        if (urgent && (status = check_member(task, err)) < 0) return status;
        begin_cycle(task);
    }
    if (!writing->closes && (status = put_piece(task, urgent, err)) < 0) return status;
    return check_sink(task, err);
}
