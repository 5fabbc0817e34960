/* SPDX-License-Identifier: MIT
 * Events that cannot be applied: tried again for a while, then set aside, if the projection says
 * so; and what people have ordered about them. */
#include "core/bug.h"
#include "projections/fold_internal.h"

enum {
    ATTEMPTS = 3,
    WARN_MS = 1000,    /* between two lines of the log about it */
    PIECE_NS = 1000000 /* how long a worker stands still for letters at a time */
};

static int64_t unix_ms(const fold_task *task)
{
    return stele_clock_now_ms(stele_worker_clock(task->worker));
}

/* ---- restoring ---- */

stele_status fold_park_restore(void *context, int64_t offset, stele_bytes stored, stele_error *err)
{
    fold_task *task = context;
    stele_dead_event *letter = NULL;
    if (task->parked == NULL) return STELE_OK;
    stele_status status =
        stored.data == NULL ? STELE_OK : stele_dead_event_read(offset, stored, &letter, err);
    if (status < 0) return status;
    /* There may be many of them, for they stay for ever. */
    if (letter != NULL && letter->state == STELE_DEAD_STATE_DISCARDED)
        stele_dead_event_drop_value(letter);
    stele_parked_restore(task->parked, offset, letter);
    return STELE_OK;
}

void fold_park_begin(fold_task *task)
{
    if (task->parked == NULL) return;
    stele_parked_restored(task->parked);
    stele_states_settle(task->states, task->at.position);
}

/* ---- events ---- */

static const stele_record *find_refused(const fold_task *task, const stele_batch *batch)
{
    size_t at = 0;
    while (batch->records[at].offset < task->at.position)
        at++;
    return &batch->records[at];
}

/* What failed was not to be applied again and again, unless it says that it is away for a while. */
static stele_status try_again(fold_task *task, const stele_error *why, stele_error *err)
{
    return stele_fail_cause(err, why->status, STELE_NEXT_RETRY, why->cause,
                            "tried %d times of %d, then it is set aside: %s",
                            task->refused.attempts, task->fold->options.park_attempts, why->text);
}

static void warn(fold_task *task, int64_t offset, const stele_error *why)
{
    int64_t now_ns = stele_worker_now_ns(task->worker);
    if (task->warned_ns != 0 && now_ns - task->warned_ns < (int64_t)WARN_MS * 1000000) return;
    task->warned_ns = now_ns;
    STELE_AUTO(char)
    text = stele_strdup_format("%zu events of %zu aggregates are, `dlq list %s` shows them: %s",
                               task->parked->letter_count, stele_parked_keys(task->parked),
                               task->fold->options.projection->name, why->text);
    stele_worker_warn(task->worker, task->source.index, offset, "event set aside", text);
}

static stele_status set_aside(fold_task *task, const stele_batch *batch, const stele_record *record,
                              const stele_error *why, stele_error *err)
{
    stele_dead_event *letter = stele_dead_event_new(batch, record);
    stele_dead_event_say(letter, STELE_DEAD_STATE_REFUSED, why->text);
    letter->attempts = task->refused.attempts;
    letter->first_failed_ms = task->refused.first_ms;
    letter->last_failed_ms = unix_ms(task);
    stele_error full;
    stele_status status = stele_parked_add(task->parked, letter, &full);
    if (status == STELE_OK) {
        warn(task, record->offset, why);
        return status;
    }
    stele_dead_event_free(letter);
    /* Orders are read and carried out meanwhile, and then there is room. */
    return stele_fail(err, full.status, full.next, "%s: %s", full.text, why->text);
}

stele_status fold_park_refused(fold_task *task, const stele_batch *batch, stele_error *err)
{
    stele_error why = *err;
    const stele_fold_options *options = &task->fold->options;
    err->next = STELE_NEXT_STOP;
    if (task->parked == NULL) return why.status;
    if (!options->parks || stele_states_is_spoilt(task->states))
        return stele_fail_cause(err, why.status, STELE_NEXT_STOP, why.cause,
                                "%s; or set it aside: `dlq park`, and start the worker again",
                                why.text);
    const stele_record *record = find_refused(task, batch);
    if (task->refused.attempts == 0 || task->refused.offset != record->offset)
        task->refused = (fold_refused){.offset = record->offset, .first_ms = unix_ms(task)};
    task->refused.attempts++;
    if (stele_states_was_refused(task->states) && task->refused.attempts < options->park_attempts)
        return try_again(task, &why, err);
    stele_status status = set_aside(task, batch, record, &why, err);
    if (status == STELE_OK) task->refused = (fold_refused){0};
    return status;
}

/* ---- orders ---- */

/* @return next = RETRY: not yet; whatever else has come of it is told in its letter */
static stele_status redrive_first(fold_task *task, stele_parked_key *of, stele_error *err)
{
    if (of->first->left_out > 0 && of->first->state != STELE_DEAD_STATE_DISCARDED) {
        stele_status found = fold_fetch_value(task, of->first, err);
        if (found < 0 && err->next != STELE_NEXT_RETRY)
            stele_parked_refused_again(task->parked, of, err->text, unix_ms(task));
        if (found < 0) return found;
    }
    return stele_states_redrive(task->states, task->source, of, err);
}

/* @return why one waits, if any does */
static stele_status redrive(fold_task *task, stele_error *err)
{
    int64_t end_ns = stele_worker_now_ns(task->worker) + PIECE_NS;
    stele_parked_key *of;
    stele_status waits = STELE_OK;
    while ((of = stele_parked_next_due(task->parked, task->at.position)) != NULL) {
        task->owes_letters = true;
        stele_error failure;
        stele_status status = redrive_first(task, of, &failure);
        if (status < 0 && failure.next == STELE_NEXT_RETRY) {
            stele_parked_set_waiting(task->parked, of);
            if (err != NULL && waits == STELE_OK) *err = failure;
            waits = status;
        }
        if (stele_worker_now_ns(task->worker) < end_ns) continue;
        stele_worker_call_again(task->worker);
        break;
    }
    stele_parked_end_turn(task->parked);
    return waits;
}

/* While a cycle is under way nothing is taken out of the set: a state that is written then may be
 * ahead of what is said of its letters. */
stele_status fold_park_turn(fold_task *task, stele_error *err)
{
    if (task->parked == NULL) return STELE_OK;
    if (task->writing.active || task->parked->watched == 0 || fold_pause_of(&task->base) != NULL)
        return STELE_OK;
    if (stele_parked_carry_out(task->parked, task->at.position, unix_ms(task)))
        task->owes_letters = true;
    return redrive(task, err);
}

/* ---- storing ---- */

/* What a record of the snapshots may have as its value; a table takes whatever comes. A topic may
 * take more than librdkafka sends (message.max.bytes). */
static size_t letter_max(const fold_task *task)
{
    enum { RECORD_MAX = 1000000, BESIDE = 1024 /* key, and what a batch has besides */ };
    size_t batch_max = task->fold->batch_max;
    if (task->fold->options.table != NULL) return 0;
    if (batch_max == 0 || batch_max > RECORD_MAX) batch_max = RECORD_MAX;
    return batch_max > 2 * (size_t)BESIDE ? batch_max - BESIDE : BESIDE;
}

stele_status fold_put_letters(fold_task *task, bool *full, stele_error *err)
{
    *full = false;
    if (task->parked == NULL || task->parked->changed_count == 0) return STELE_OK;
    stele_parked *parked = task->parked;
    STELE_AUTO_VALUE(stele_buffer) value = {0};
    stele_status status = STELE_OK;
    size_t put = 0;
    for (; put < parked->changed_count && status == STELE_OK; put++) {
        if (STELE_BUG("the parked set is written after the position") &&
            parked->changed[put]->offset >= task->writing.committed.position)
            break;
        stele_buffer_reset(&value);
        stele_dead_event_write(parked->changed[put], letter_max(task), &value);
        stele_sink_letter letter = {parked->changed[put]->offset, stele_buffer_view(&value)};
        status = stele_sink_keep(task->writing.sink, &letter, err);
    }
    *full = status == STELE_E_FULL;
    stele_parked_stored(parked, status < 0 ? put - 1 : put);
    return *full ? STELE_OK : status;
}

stele_status fold_remove_letters(fold_task *task, bool *full, stele_error *err)
{
    *full = false;
    if (task->parked == NULL) return STELE_OK;
    stele_parked *parked = task->parked;
    while (parked->gone_count > 0) {
        stele_sink_letter letter = {.offset = parked->gone[parked->gone_count - 1]};
        stele_status status = stele_sink_keep(task->writing.sink, &letter, err);
        *full = status == STELE_E_FULL;
        if (status < 0) return *full ? STELE_OK : status;
        stele_parked_removed(parked, 1);
    }
    return STELE_OK;
}
