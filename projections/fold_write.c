/* SPDX-License-Identifier: MIT
 * Snapshots and checkpoints, in cycles of transactions (see fold_writing). Every transaction holds
 * a checkpoint that says how many snapshots and tombstones stand after it, so that a topic from
 * which some are missing is noticed. */
#include "projections/fold_internal.h"

#include <assert.h>
#include <inttypes.h>

#include <stele/codec.h>

#include "core/text.h"
#include "registry/wire.h"

enum {
    CHUNK_BYTES = 1 << 20,
    PIECE_NS = 1000000,         /* how long a worker stands still for writing at a time */
    URGENT_PIECE_NS = 20000000, /* while draining */
    LOOK_AT_CLOCK = 16,         /* states between two looks */
    BEHIND_EVENTS = 100,        /* for each state to be written, while behind */
    AGAIN_MS = 100,             /* between an abort and the next attempt; doubled each time */
    AGAIN_MAX_MS = 5000,
    ABORTS_TO_TELL = 3,
    ABORTS_TO_REPLACE = 6 /* one after the other, while a broker answers: the writer is replaced */
};

static int64_t now_of(const fold_task *task)
{
    return stele_clock_monotonic_ns(stele_worker_clock(task->worker));
}

void fold_writing_begin(fold_task *task)
{
    fold_writing *writing = &task->writing;
    writing->committed = task->at;
    writing->cycle_ns = now_of(task);
    writing->cycle_events = stele_states_applied(task->states);
}

static void clear_chunk(fold_chunk *chunk)
{
    stele_transaction_free(chunk->transaction);
    chunk->transaction = NULL;
    chunk->count = 0;
    chunk->closing = false;
}

void fold_end_cycle(fold_task *task)
{
    assert(!task->writing.active || task->fold->cycles > 0);
    if (task->writing.active) task->fold->cycles--;
    task->writing.active = false;
}

void fold_writing_clear(fold_task *task)
{
    fold_writing *writing = &task->writing;
    fold_end_cycle(task);
    clear_chunk(&writing->building);
    if (!writing->in_flight) clear_chunk(&writing->flying);
    free(writing->building.entries);
    free(writing->flying.entries);
    stele_buffer_clear(&writing->scratch);
}

/* ---- building a transaction ---- */

static stele_status fail_entry(const fold_task *task, const stele_entry *entry, const char *what,
                               const stele_error *why, stele_error *err)
{
    stele_bytes id = stele_table_key(stele_states_table(task->states), entry);
    return stele_fail_cause(err, why->status, STELE_NEXT_STOP, why->cause,
                            "%s/%d/%" PRId64 ": after this event the state of %s %s: %s",
                            task->source.topic, (int)task->source.index, entry->offset - 1,
                            stele_quote(id).text, what, why->text);
}

static void remember(fold_chunk *chunk, stele_entry *entry)
{
    if (chunk->count == chunk->capacity) {
        chunk->capacity = chunk->capacity == 0 ? 256 : 2 * chunk->capacity;
        chunk->entries =
            stele_realloc_array(chunk->entries, chunk->capacity, sizeof(stele_entry *));
    }
    chunk->entries[chunk->count++] = entry;
}

static void put(fold_task *task, stele_entry *entry, stele_bytes value, bool finished)
{
    fold_chunk *chunk = &task->writing.building;
    stele_snapshot_headers headers;
    stele_snapshot_headers_set(&headers, entry->version, entry->offset, finished);
    stele_bytes id = stele_table_key(stele_states_table(task->states), entry);
    stele_transaction_put(chunk->transaction, task->snapshots, id, value, headers.list,
                          headers.count);
    remember(chunk, entry);
}

static stele_status put_state(fold_task *task, stele_entry *entry, stele_error *err)
{
    fold_writing *writing = &task->writing;
    bool finished = (entry->flags & STELE_ENTRY_FINISHED) != 0;
    stele_buffer_reset(&writing->scratch);
    stele_wire_begin(&writing->scratch, task->fold->state_schema);
    stele_error why;
    if (stele_encode(task->fold->options.projection->state, stele_entry_state(entry),
                     &writing->scratch, &why) < 0)
        return fail_entry(task, entry, "cannot be encoded", &why, err);
    put(task, entry, stele_buffer_view(&writing->scratch), finished);
    if ((entry->flags & STELE_ENTRY_STORED) == 0) writing->stored.aggregates++;
    entry->flags |= STELE_ENTRY_STORED;
    entry->flags &= (uint8_t)~STELE_ENTRY_DIRTY;
    return STELE_OK;
}

static void put_tombstone(fold_task *task, stele_entry *entry)
{
    fold_writing *writing = &task->writing;
    put(task, entry, (stele_bytes){0}, false);
    stele_value_clear(task->fold->options.projection->state, stele_entry_state(entry));
    if ((entry->flags & STELE_ENTRY_STORED) != 0) writing->stored.aggregates--;
    assert(writing->stored.aggregates >= 0);
    writing->stored.finished++;
    entry->flags = STELE_ENTRY_FINISHED | STELE_ENTRY_BURIED;
}

/* One entry of the cycle's list. A tombstone waits for the checkpoint that is past it: the cycle's
 * last transaction, or, if it was finished after the cycle began, the next cycle's; then the state
 * is written for now, and says that it is finished. */
static stele_status write_entry(fold_task *task, stele_entry *entry, stele_error *err)
{
    fold_writing *writing = &task->writing;
    bool finished = (entry->flags & STELE_ENTRY_FINISHED) != 0;
    if (finished && entry->offset <= writing->mark.position) {
        entry->next = writing->buried;
        writing->buried = entry;
        return STELE_OK;
    }
    stele_status status = put_state(task, entry, err);
    if (status == STELE_OK && finished) stele_states_add_dirty(task->states, entry);
    return status;
}

static bool is_full(const fold_task *task)
{
    const fold_chunk *chunk = &task->writing.building;
    return chunk->count >= task->fold->options.transaction_snapshots ||
           stele_transaction_size(chunk->transaction) >= CHUNK_BYTES;
}

/* Go on with the cycle's list until the chunk is full or the time is up. */
static stele_status fill(fold_task *task, int64_t piece_ns, stele_error *err)
{
    fold_writing *writing = &task->writing;
    stele_clock clock = stele_log_clock(stele_worker_log(task->worker));
    int64_t end_ns = stele_clock_monotonic_ns(clock) + piece_ns;
    if (writing->building.transaction == NULL)
        writing->building.transaction = stele_transaction_new();
    for (int i = 1; writing->list != NULL && !is_full(task); i++) {
        stele_entry *entry = writing->list;
        stele_entry *rest = entry->next;
        stele_status status = write_entry(task, entry, err);
        if (status < 0) return status;
        writing->list = rest;
        if (i % LOOK_AT_CLOCK == 0 && stele_clock_monotonic_ns(clock) >= end_ns) break;
    }
    return STELE_OK;
}

static stele_status put_checkpoint(fold_task *task, const fold_mark *mark, stele_error *err)
{
    fold_writing *writing = &task->writing;
    const stele_fold *fold = task->fold;
    stele_checkpoint checkpoint = {
        .topic = stele_text(task->source.topic),
        .partitions = stele_worker_partition_count(task->worker),
        .next_offset = mark->position,
        .last_offset = mark->last_offset,
        .last_hash = mark->last_hash,
        .version = fold->options.projection->version,
        .genesis = stele_text(fold->genesis),
        .aggregates = writing->stored.aggregates,
        .finished = writing->stored.finished,
    };
    stele_buffer_reset(&writing->scratch);
    stele_wire_begin(&writing->scratch, fold->checkpoint_schema);
    stele_status status = stele_encode(&stele_checkpoint_type, &checkpoint, &writing->scratch, err);
    if (status < 0) return status;
    STELE_AUTO(char) key = stele_checkpoint_key(task->source.topic, task->source.index);
    stele_transaction_put(writing->building.transaction, task->snapshots, stele_text(key),
                          stele_buffer_view(&writing->scratch), NULL, 0);
    return STELE_OK;
}

/* ---- submitting ---- */

stele_status fold_fail_dead(const stele_error *why, stele_error *err)
{
    if (err != NULL) *err = *why;
    if (err != NULL && why->status != STELE_E_FENCED) err->next = STELE_NEXT_ABORT;
    return why->status;
}

/* Every transaction carries the group's offset, so that the group is a second fence for each; it
 * moves with the checkpoint only. Its metadata is that of this moment: the events below the mark
 * were taken in this thread, and the group has not been served since the last of them, or the
 * partition is still ours after it was. The first fence is the transactional id, which is the
 * partition's: it does not know of a session that was over while nobody else came.
 * @return false: it is in no group at this moment */
static bool add_offset(fold_task *task)
{
    fold_writing *writing = &task->writing;
    stele_log_group *group = stele_log_member_group(stele_worker_member(task->worker));
    if (group == NULL) return false;
    const fold_mark *mark = writing->flying.closing ? &writing->mark : &writing->committed;
    stele_transaction_offset(writing->flying.transaction, group, task->source, mark->position);
    return true;
}

/* By the log's clock, as a drain has no other one. */
static stele_deadline in_a_while(const fold_task *task)
{
    int pause_ms = AGAIN_MS;
    for (int i = 1; i < task->writing.abort_count && pause_ms < AGAIN_MAX_MS; i++)
        pause_ms *= 2;
    return stele_deadline_after(stele_log_clock(stele_worker_log(task->worker)), pause_ms);
}

static stele_status submit(fold_task *task, bool urgent, stele_error *err)
{
    fold_writing *writing = &task->writing;
    if (!add_offset(task)) { /* the group is about to say why: this may be nobody's any more */
        writing->again = in_a_while(task);
        if (!urgent) return STELE_OK;
        /* A drain is the last chance, and while it lasts nobody joins. */
        return stele_fail(err, STELE_E_NOT_OWNER, STELE_NEXT_ABORT,
                          "%s: no last snapshot, for this worker is in no group any more",
                          task->fold->group);
    }
    stele_status status = stele_fenced_submit(task->fenced, writing->flying.transaction, err);
    writing->in_flight = status == STELE_OK;
    if (status == STELE_OK) return STELE_OK;
    stele_error failure;
    stele_fenced_poll(task->fenced, &failure); /* one at a time, so it is not full: it is dead */
    return fold_fail_dead(&failure, err);
}

/* Complete the chunk that was built, and let it go. */
static stele_status submit_built(fold_task *task, bool urgent, stele_error *err)
{
    fold_writing *writing = &task->writing;
    fold_chunk *built = &writing->building;
    built->closing = writing->list == NULL;
    if (built->closing) {
        for (stele_entry *entry = writing->buried, *next; entry != NULL; entry = next) {
            next = entry->next;
            put_tombstone(task, entry);
        }
        writing->buried = NULL;
    }
    const fold_mark *mark = built->closing ? &writing->mark : &writing->committed;
    stele_status status = put_checkpoint(task, mark, err);
    if (status < 0) return status;
    fold_chunk empty = writing->flying;
    writing->flying = *built;
    *built = empty;
    writing->abort_count = 0;
    return submit(task, urgent, err);
}

/* ---- outcomes ---- */

static void end_chunk(fold_task *task)
{
    fold_writing *writing = &task->writing;
    if (writing->flying.closing) {
        assert(writing->mark.position >= writing->committed.position);
        writing->committed = writing->mark;
        if (writing->mark.last_offset >= 0) task->witness = writing->mark;
        writing->owes_offset = false;
        fold_end_cycle(task);
    }
    writing->abort_count = 0;
    clear_chunk(&writing->flying);
}

static stele_status fail_too_large(const fold_task *task, const stele_outcome *outcome,
                                   stele_error *err)
{
    const fold_chunk *chunk = &task->writing.flying;
    if (outcome->rejected >= chunk->count) {
        if (err != NULL) *err = outcome->error;
        return outcome->status;
    }
    return fail_entry(task, chunk->entries[outcome->rejected],
                      "is too large for a record; make it smaller, or raise message.max.bytes",
                      &outcome->error, err);
}

/* A producer that cannot commit although a broker answers may never be able to: after seven days
 * without a transaction Kafka forgets its id (transactional.id.expiration.ms), and that ends with
 * another init only. */
static bool may_go_on(const fold_task *task)
{
    return task->writing.abort_count < ABORTS_TO_REPLACE ||
           !stele_log_is_up(stele_worker_log(task->worker));
}

static stele_status fail_useless(const fold_task *task, stele_error *err)
{
    const stele_error *why = &task->writing.aborted;
    return stele_fail_cause(err, why->status, STELE_NEXT_ABORT, why->cause,
                            "the writer cannot commit, another one takes its place: %s", why->text);
}

static stele_status answer(fold_task *task, const stele_outcome *outcome, stele_error *err)
{
    fold_writing *writing = &task->writing;
    writing->in_flight = false;
    if (outcome->status == STELE_OK) {
        end_chunk(task);
        return STELE_OK;
    }
    switch (outcome->error.next) {
    case STELE_NEXT_REJECT:
        return fail_too_large(task, outcome, err);
    case STELE_NEXT_ABORT:
    case STELE_NEXT_RETRY:
        /* Nothing of it is visible, and we still own the partition: the very same records again. */
        writing->aborted = outcome->error;
        writing->abort_count++;
        fold_footing_ask(task); /* the topic may be gone */
        writing->again = in_a_while(task);
        return may_go_on(task) ? STELE_OK : fail_useless(task, err);
    case STELE_NEXT_STOP:
        break;
    }
    return fold_fail_dead(&outcome->error, err);
}

static stele_status collect(fold_task *task, stele_error *err)
{
    stele_outcome outcome;
    if (task->writing.in_flight && stele_fenced_outcome(task->fenced, 0, &outcome))
        return answer(task, &outcome, err);
    stele_error failure;
    if (stele_fenced_poll(task->fenced, &failure) != STELE_FENCED_DEAD) return STELE_OK;
    return fold_fail_dead(&failure, err);
}

/* ---- policy ---- */

bool fold_is_written(const fold_task *task)
{
    const fold_writing *writing = &task->writing;
    return !writing->active && !writing->owes_offset &&
           stele_states_dirty_count(task->states) == 0 &&
           task->at.position == writing->committed.position;
}

/* What a snapshot saves is the events that a restore need not apply again. At the end of the log
 * there is one every so many events, as it is configured. A partition that is further behind than
 * that reads at full speed, and would write its busy aggregates over and over for nobody: there the
 * events have to be worth what writing costs. The time holds always. */
static bool is_due(const fold_task *task)
{
    const fold_writing *writing = &task->writing;
    const stele_fold_options *options = &task->fold->options;
    int64_t elapsed_ms = (now_of(task) - writing->cycle_ns) / 1000000;
    if (writing->owes_offset) return true;
    if (elapsed_ms >= options->snapshot_interval_ms) return true;
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
    task->fold->cycles++;
    writing->mark = task->at;
    fold_footing_ask(task); /* of the log that all below the mark came from */
    writing->list = stele_states_take_dirty(task->states);
    writing->cycle_ns = now_of(task);
    writing->cycle_events = stele_states_applied(task->states);
}

static bool is_built(const fold_task *task)
{
    const fold_writing *writing = &task->writing;
    return writing->building.transaction != NULL && (writing->list == NULL || is_full(task));
}

/* One piece of the cycle that is under way, or the beginning of one that is due. */
static stele_status go_on(fold_task *task, bool urgent, stele_error *err)
{
    fold_writing *writing = &task->writing;
    stele_status status = collect(task, err);
    if (status < 0) return status;
    if ((status = fold_footing_check(task, err)) < 0) return status;
    if (writing->flying.transaction != NULL && !writing->in_flight)
        return stele_deadline_passed(writing->again) ? submit(task, urgent, err) : STELE_OK;
    if (!writing->active) {
        if (fold_is_written(task) || !(urgent || is_due(task))) return STELE_OK;
        begin_cycle(task);
    }
    if (writing->flying.transaction != NULL && writing->flying.closing) return STELE_OK;
    if (!is_built(task)) {
        status = fill(task, urgent ? URGENT_PIECE_NS : PIECE_NS / task->fold->cycles, err);
        if (status < 0) return status;
    }
    /* What is in flight wakes the worker; for the rest there is no reason to wait. */
    bool waits = is_built(task) && (writing->in_flight || !task->is_sure);
    if (!waits) stele_worker_call_again(task->worker);
    if (!is_built(task) || writing->in_flight) return STELE_OK;
    bool closes = writing->list == NULL;
    if (closes && !task->is_sure) return STELE_OK; /* the answer wakes the worker */
    return submit_built(task, urgent, err);
}

stele_status fold_write(fold_task *task, bool urgent, stele_error *err)
{
    const fold_writing *writing = &task->writing;
    stele_status status = go_on(task, urgent, err);
    if (status < 0 || writing->abort_count < ABORTS_TO_TELL) return status;
    /* Also while the next attempt is in flight: the reason stays until one succeeds. */
    return stele_fail(err, writing->aborted.status, STELE_NEXT_RETRY,
                      "snapshots cannot be committed, trying again: %s", writing->aborted.text);
}
