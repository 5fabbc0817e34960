/* SPDX-License-Identifier: MIT
 * Events of a SQL projection that are set aside: what cannot be bound when it comes, what the
 * database refuses, and all later ones of their aggregates. Each change of the set is a step of a
 * parcel, so that letters, rows and position are one transaction, in the order of the events. */
#include "projections/sql_task.h"

#include <string.h>

#include "core/alloc.h"
#include "core/bug.h"
#include "projections/sql_value.h"
#include "snapshots/format.h"

enum {
    WARN_MS = 1000,         /* between two lines of the log about it */
    LETTERS_OF_PARCEL = 100 /* that are tried again in one transaction */
};

static int64_t unix_ms(const sql_task *task)
{
    return stele_clock_now_ms(stele_worker_clock(task->worker));
}

static const char *name_of(const sql_task *task)
{
    return stele_sql_program_file(task->self->options.program)->name;
}

void sql_park_open(sql_task *task)
{
    uint64_t seed;
    stele_log *log = stele_worker_log(task->worker);
    stele_random_bytes(stele_log_runtime(log), &seed, sizeof seed);
    const stele_sql_projection_options *options = &task->self->options;
    task->parked = stele_parked_new(&(stele_parked_limits){.projection = name_of(task),
                                                           .key_max = options->parked_max,
                                                           .size_max = options->parked_size_max},
                                    seed);
    task->orders = stele_orders_new(stele_sql_projection_group(task->self), task->source,
                                    &task->self->lookout);
}

/* ---- restoring ---- */

/* Those that are discarded have had their turn, for there is no state that counts them; one that is
 * behind nothing has lost what it waited for. */
static void settle(stele_parked *parked, stele_parked_key *of)
{
    for (size_t left = of->count; left > 0; left--) {
        if (of->first->state != STELE_DEAD_STATE_DISCARDED) break;
        stele_parked_settle_first(parked, of);
        if (left == 1) return;
    }
    if (of->first->state == STELE_DEAD_STATE_BEHIND) stele_parked_set_due(parked, of, true);
}

stele_status sql_park_restore(sql_task *task, const stele_sql_parcel *found, stele_error *err)
{
    stele_status status = STELE_OK;
    for (size_t i = 0; i < found->step_count && status == STELE_OK; i++) {
        stele_dead_event *letter;
        const stele_sql_step *step = &found->steps[i];
        status = stele_dead_event_read(step->offset, step->kept, &letter, err);
        if (status == STELE_OK) stele_parked_restore(task->parked, step->offset, letter);
    }
    if (status < 0) return status;
    stele_parked_restored(task->parked);
    stele_table_cursor cursor = {0};
    stele_parked_key *of;
    while ((of = stele_table_next(task->parked->keys, &cursor)) != NULL)
        settle(task->parked, of);
    return STELE_OK;
}

/* ---- to the database ---- */

static stele_bytes bytes_of(const stele_dead_event *letter, stele_arena *arena)
{
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    stele_dead_event_write(letter, 0, &bytes);
    return stele_sql_value_keep(arena, STELE_SQL_BYTES, stele_buffer_view(&bytes)).as.bytes;
}

static void add_pressing(sql_task *task, int64_t offset, stele_bytes value)
{
    if (task->pressing == NULL) task->pressing = stele_sql_parcel_new();
    stele_sql_parcel_add_letter(
        task->pressing, &task->stored, offset,
        stele_sql_value_keep(task->pressing->arena, STELE_SQL_BYTES, value).as.bytes);
}

static void add_new(sql_task *task, const stele_mark *mark, const stele_dead_event *letter)
{
    stele_sql_parcel *into = task->filling;
    if (into->step_count == 0) task->since_ns = sql_task_now(task);
    stele_sql_parcel_add_letter(into, mark, letter->offset, bytes_of(letter, into->arena));
}

static void add_changed(sql_task *task, const stele_dead_event *letter)
{
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    stele_dead_event_write(letter, 0, &bytes);
    add_pressing(task, letter->offset, stele_buffer_view(&bytes));
}

/* What has changed in the set becomes steps. A new letter comes with its event, after what has come
 * until now. One that is another by now does not wait for events that may be refused; but its first
 * form has to be there. */
static void hand_over(sql_task *task, const stele_mark *mark)
{
    stele_parked *parked = task->parked;
    for (size_t i = 0; i < parked->changed_count;) {
        const stele_dead_event *letter = parked->changed[i];
        if (letter->is_stored && letter->offset >= task->stored.position) {
            i++;
            continue;
        }
        if (letter->is_stored)
            add_changed(task, letter);
        else
            add_new(task, mark, letter);
        stele_parked_stored_one(parked, i);
    }
}

/* The position is what it is when they are sent. */
stele_sql_parcel *sql_park_press(sql_task *task)
{
    hand_over(task, &task->at);
    stele_sql_parcel *parcel = task->pressing;
    for (size_t i = 0; parcel != NULL && i < parcel->step_count; i++)
        parcel->steps[i].mark = task->stored;
    task->pressing = NULL;
    return parcel;
}

void sql_park_press_again(sql_task *task, stele_sql_parcel *parcel)
{
    stele_sql_parcel *later = task->pressing;
    task->pressing = parcel;
    for (size_t i = 0; later != NULL && i < later->step_count; i++)
        add_pressing(task, later->steps[i].offset, later->steps[i].kept);
    stele_sql_parcel_free(later);
}

static void warn(sql_task *task, int64_t offset, const char *why)
{
    int64_t now_ns = sql_task_now(task);
    if (task->warned_ns != 0 && now_ns - task->warned_ns < (int64_t)WARN_MS * 1000000) return;
    task->warned_ns = now_ns;
    STELE_AUTO(char)
    text = stele_strdup_format("%zu events of %zu aggregates are, `dlq list %s` shows them: %s",
                               task->parked->letter_count, stele_parked_keys(task->parked),
                               name_of(task), why);
    stele_worker_warn(task->worker, task->source.index, offset, "event set aside", text);
}

/* ---- as they come ---- */

/* @param attempts  that have failed */
static stele_status set_aside(sql_task *task, const stele_batch *batch, const stele_record *record,
                              stele_dead_state state, const char *reason, int attempts,
                              stele_error *err)
{
    stele_dead_event *letter = stele_dead_event_new(batch, record);
    stele_dead_event_say(letter, state, reason);
    letter->attempts = attempts;
    letter->first_failed_ms = letter->last_failed_ms = unix_ms(task);
    if (state == STELE_DEAD_STATE_DISCARDED) { /* it takes no room, for it has its turn at once */
        stele_parked_add_always(task->parked, letter);
        stele_parked_settle_first(task->parked, stele_parked_find(task->parked, record->key));
    } else {
        stele_status status = stele_parked_add(task->parked, letter, err);
        if (status < 0) {
            stele_dead_event_free(letter);
            return status;
        }
    }
    stele_mark after = {record->offset + 1, record->offset, stele_event_hash(record)};
    hand_over(task, &after);
    return STELE_OK;
}

stele_status sql_park_consult(sql_task *task, const stele_batch *batch, const stele_record *record,
                              bool *applies, stele_error *err)
{
    stele_parked *parked = task->parked;
    const stele_order *order = NULL;
    *applies = true;
    if (parked->watched == 0) return STELE_OK;
    stele_parked_verdict verdict = stele_parked_judge(parked, record->key, record->offset);
    *applies = verdict == STELE_PARKED_APPLY;
    switch (verdict) {
    case STELE_PARKED_APPLY:
    case STELE_PARKED_PASS:
        break;
    case STELE_PARKED_BEHIND:
        return set_aside(task, batch, record, STELE_DEAD_STATE_BEHIND, "", 0, err);
    case STELE_PARKED_ORDERED:
    case STELE_PARKED_DISCARDED:
        order = stele_parked_order(parked, record->offset);
        return set_aside(task, batch, record,
                         verdict == STELE_PARKED_ORDERED ? STELE_DEAD_STATE_REFUSED
                                                         : STELE_DEAD_STATE_DISCARDED,
                         order == NULL ? "" : order->reason, 0, err);
    }
    return STELE_OK;
}

static stele_status fail_stopped(const stele_error *why, stele_error *err)
{
    return stele_fail_cause(err, why->status, STELE_NEXT_STOP, why->cause,
                            "%s; or set it aside: `dlq park`, and start the worker again",
                            why->text);
}

stele_status sql_park_refused(sql_task *task, const stele_batch *batch, const stele_record *record,
                              stele_error *err)
{
    stele_error why = *err;
    if (!task->self->options.parks) return fail_stopped(&why, err);
    stele_error full;
    stele_status status =
        set_aside(task, batch, record, STELE_DEAD_STATE_REFUSED, why.text, 1, &full);
    if (status < 0) return stele_fail(err, full.status, full.next, "%s: %s", full.text, why.text);
    warn(task, record->offset, why.text);
    return STELE_OK;
}

static stele_bytes keep_bytes(stele_arena *arena, stele_bytes of)
{
    return of.data == NULL ? of : stele_sql_value_keep(arena, STELE_SQL_BYTES, of).as.bytes;
}

void sql_park_keep_event(sql_task *task, const stele_batch *batch, const stele_record *record)
{
    stele_sql_parcel *parcel = task->filling;
    if (!task->self->options.parks) return;
    stele_arena *arena = parcel->arena;
    stele_dead_event *event = stele_arena_take(arena, sizeof *event);
    size_t count = stele_log_batch_headers(batch, record, NULL, 0);
    stele_header *headers = stele_arena_take(arena, (count + 1) * sizeof *headers);
    stele_log_batch_headers(batch, record, headers, count);
    for (size_t i = 0; i < count; i++) {
        char *header = stele_arena_take(arena, strlen(headers[i].name) + 1);
        memcpy(header, headers[i].name, strlen(headers[i].name) + 1);
        headers[i] = (stele_header){header, keep_bytes(arena, headers[i].value)};
    }
    *event = (stele_dead_event){.offset = record->offset,
                                .timestamp_ms = record->timestamp_ms,
                                .key = keep_bytes(arena, record->key),
                                .value = keep_bytes(arena, record->value),
                                .headers = headers,
                                .header_count = count};
    parcel->steps[parcel->step_count - 1].event = event;
}

/* ---- what the database refuses ---- */

/* Later events of an aggregate that are on their way go behind the one that was set aside. */
static void set_aside_rest(sql_task *task, stele_sql_parcel *parcel, size_t from, stele_bytes key)
{
    for (size_t i = from; i < parcel->step_count; i++) {
        const stele_sql_step *step = &parcel->steps[i];
        if (step->event == NULL || step->letter != STELE_SQL_LETTER_NONE ||
            !stele_bytes_equal(step->event->key, key))
            continue;
        if (STELE_BUG("a parked key whose later event is applied")) continue;
        stele_dead_event *letter = stele_dead_event_copy(step->event);
        stele_dead_event_say(letter, STELE_DEAD_STATE_BEHIND, "");
        letter->first_failed_ms = letter->last_failed_ms = unix_ms(task);
        stele_sql_parcel_set_aside(parcel, i, bytes_of(letter, parcel->arena));
        stele_parked_add_always(task->parked, letter);
    }
}

/* Is there a letter about which someone can give an order, because it is in the database? Others
 * are on their way there, behind the event that is refused now. */
static bool has_visible(const sql_task *task)
{
    stele_table_cursor cursor = {0};
    const stele_parked_key *of;
    while ((of = stele_table_next(task->parked->keys, &cursor)) != NULL)
        if (of->first->offset < task->stored.position) return true;
    return false;
}

stele_status sql_park_failed(sql_task *task, stele_sql_parcel *parcel,
                             const stele_sql_answer *answer, stele_error *err)
{
    const stele_sql_step *step = &parcel->steps[parcel->first];
    if (!task->self->options.parks || step->event == NULL) return fail_stopped(&answer->error, err);
    if (task->attempts == 0) task->refused_ms = unix_ms(task);
    task->attempts++;
    parcel->end = parcel->first + 1; /* only this one is tried again */
    if (task->attempts < task->self->options.park_attempts)
        return stele_fail_cause(err, answer->why.status, STELE_NEXT_RETRY, answer->why.cause,
                                "tried %d times of %d, then it is set aside: %s", task->attempts,
                                task->self->options.park_attempts, answer->why.text);
    size_t before = task->parked->changed_count;
    stele_dead_event *letter = stele_dead_event_copy(step->event);
    stele_dead_event_say(letter, STELE_DEAD_STATE_REFUSED, answer->why.text);
    letter->attempts = task->attempts;
    letter->first_failed_ms = task->refused_ms;
    letter->last_failed_ms = unix_ms(task);
    stele_error full;
    if (stele_parked_add(task->parked, letter, &full) < 0) {
        if (has_visible(task)) {
            stele_dead_event_free(letter);
            return stele_fail(err, full.status, full.next, "%s: %s", full.text, answer->why.text);
        }
        stele_parked_add_always(task->parked, letter);
    }
    stele_sql_parcel_set_aside(parcel, parcel->first, bytes_of(letter, parcel->arena));
    set_aside_rest(task, parcel, parcel->first + 1, step->event->key);
    set_aside_rest(task, task->filling, 0, step->event->key);
    while (task->parked->changed_count > before) /* their steps have them */
        stele_parked_stored_one(task->parked, task->parked->changed_count - 1);
    warn(task, letter->offset, answer->why.text);
    task->attempts = 0;
    parcel->end = 0;
    return STELE_OK;
}

/* ---- orders, and what is tried again ---- */

void sql_park_turn(sql_task *task)
{
    bool is_paused = stele_orders_pause(task->orders) != NULL;
    if (task->parked->watched == 0 || task->redriven != NULL || is_paused) return;
    stele_parked_carry_out(task->parked, task->at.position, unix_ms(task));
    hand_over(task, &task->at);
}

/* @return next = RETRY: not yet */
static stele_status bind_letter(sql_task *task, const stele_dead_event *letter,
                                stele_sql_parcel *into, stele_error *err)
{
    const stele_record record = {.offset = letter->offset,
                                 .timestamp_ms = letter->timestamp_ms,
                                 .key = letter->key,
                                 .value = letter->value};
    stele_sql_event event = {.record = &record,
                             .source = task->source,
                             .headers = letter->headers,
                             .header_count = letter->header_count};
    stele_status status = sql_task_bind(task, &event, into, err);
    if (status < 0) stele_sql_parcel_drop_rest(into);
    return status;
}

/* What is not to be tried with those before it: it has a reason of its own to wait, or its letter
 * is still on its way to the database. */
static bool ends_before(const sql_task *task, const stele_dead_event *letter)
{
    return letter->state == STELE_DEAD_STATE_REFUSED || letter->offset >= task->stored.position;
}

/* One step: its rows, and it is removed; or, of one that is discarded, that it is. */
static stele_status add_letter(sql_task *task, const stele_dead_event *letter,
                               stele_sql_parcel *into, stele_error *err)
{
    stele_bytes kept = {0};
    if (letter->state == STELE_DEAD_STATE_DISCARDED) {
        kept = bytes_of(letter, into->arena);
    } else {
        bool is_wrong = letter->next != NULL && STELE_BUG("a redrive out of order");
        stele_status status = bind_letter(task, is_wrong ? letter->next : letter, into, err);
        if (status < 0) return status;
    }
    stele_sql_parcel_add_letter(into, &task->stored, letter->offset, kept);
    return STELE_OK;
}

/* The first letters of an aggregate, in order, as far as they can be bound. */
static stele_sql_parcel *make_redrive(sql_task *task, const stele_parked_key *of,
                                      stele_error *failure)
{
    stele_sql_parcel *parcel = stele_sql_parcel_new();
    for (const stele_dead_event *each = of->first;
         each != NULL && parcel->step_count < LETTERS_OF_PARCEL; each = each->next) {
        if (each != of->first && ends_before(task, each)) break;
        if (add_letter(task, each, parcel, failure) < 0) break;
    }
    if (parcel->step_count > 0) return parcel;
    stele_sql_parcel_free(parcel);
    return NULL;
}

stele_sql_parcel *sql_park_redrive(sql_task *task)
{
    stele_parked *parked = task->parked;
    stele_sql_parcel *made = NULL;
    stele_parked_key *of;
    while (made == NULL && (of = stele_parked_next_due(parked, task->stored.position)) != NULL) {
        stele_error failure = {0};
        made = make_redrive(task, of, &failure);
        if (made != NULL)
            task->redriven = of;
        else if (failure.next == STELE_NEXT_RETRY) /* a schema is on its way */
            stele_parked_set_waiting(parked, of);
        else
            stele_parked_refused_again(parked, of, failure.text, unix_ms(task));
    }
    stele_parked_end_turn(parked);
    return made;
}

/* The transaction has removed their letters, up to the first that the database refuses again. */
void sql_park_redriven(sql_task *task, const stele_sql_answer *answer)
{
    stele_parked *parked = task->parked;
    for (size_t i = 0; i < answer->steps; i++) {
        if (task->redriven->first->state == STELE_DEAD_STATE_DISCARDED)
            stele_parked_settle_first(parked, task->redriven);
        else
            stele_parked_drop_first(parked, task->redriven);
    }
    stele_parked_removed(parked, parked->gone_count);
    if (answer->error.status == STELE_OK) return;
    stele_parked_refused_again(parked, task->redriven, answer->why.text, unix_ms(task));
}
