/* SPDX-License-Identifier: MIT
 * The thread behind a fenced writer, and the messages to and from it. It knows transactions, not
 * what is in them. */
#include "producer/fenced.h"

#include <assert.h>
#include <inttypes.h>

#include "core/bug.h"
#include "core/alloc.h"
#include "core/monitor.h"
#include "core/retire.h"
#include "producer/aborted.h"
#include "producer/committed.h"
#include "producer/lanes.h"
#include "producer/transaction.h"

enum {
    STEP_MS = 500,   /* longest call that a close has to wait for, but for a commit under way */
    FENCE_MS = 60,   /* the first attempt to fence, and four times that the next one, … */
    FENCE_CROWD = 8, /* … and as much longer for each so many that are opened together … */
    FENCE_PRODUCERS_MAX = 3, /* … each with a producer of its own */
    PAUSE_MIN_MS = 20,
    PAUSE_MAX_MS = 1000,
    GAP_MS = 2,       /* for an end to come to partitions of which no one tells */
    VISIBLE_MS = 20,  /* for the owner to see what was committed; then on without it */
    OFFSET_MS = 1500, /* for an end to come to the group; a busy broker takes its time */
    SETTLE_MS = 1000, /* for an end to come to all replicas, likewise */
    IDLE_MS = 1000,   /* after a transaction: then it is looked for where no one tells */
    DEFAULT_TIMEOUT_MS = 10000,
    DEFAULT_PATIENCE_MS = 5000
};

struct stele_fenced {
    stele_thread thread;
    int timeout_ms;
    int patience_ms;
    int fence_ms;
    char *topic;
    void (*wake)(void *context);
    void *context;

    /* Of the thread. */
    stele_log *log;
    char *id;
    size_t batch_max;
    bool no_gap;
    stele_log_producer *producer;
    stele_retirement replaced; /* producers */
    size_t replaced_count;
    stele_transaction *current; /* whose records are being delivered; NULL: none */
    char **others;              /* NULL-terminated */
    char *group;                /* NULL: none */
    bool open; /* a transaction was begun, and its end was not asked for or was answered */
    bool must_not_abort; /* an abort would take away what was committed before */
    bool record_failed;
    size_t failed_index;
    stele_error failed_error;

    /* Under the monitor. */
    stele_monitor monitor;
    stele_committed committed;
    stele_deadline begins_at;  /* the next one; and not before */
    stele_deadline visible_by; /* then it begins all the same, */
    stele_deadline settles_by; /* or, where there is none, it is looked for, */
    stele_deadline looks_at;   /* and elsewhere then */
    stele_fenced_state state;
    stele_error failure;
    stele_lanes lanes;
    bool closing;
    stele_deadline closing_by;
    bool ended;
    bool abandoned; /* closed before it ended: the thread releases it */
};

void stele_fenced_visible(stele_fenced *fenced, stele_partition partition, int64_t offset)
{
    stele_committed_see(&fenced->committed, partition, offset);
}

static void release(stele_fenced *fenced)
{
    stele_lanes_clear(&fenced->lanes);
    stele_committed_clear(&fenced->committed);
    stele_monitor_clear(&fenced->monitor);
    for (size_t i = 0; fenced->others != NULL && fenced->others[i] != NULL; i++)
        free(fenced->others[i]);
    free(fenced->others);
    free(fenced->group);
    free(fenced->topic);
    free(fenced->id);
    free(fenced);
}

/* ---- outcomes; the monitor is held ---- */

/* Something is new for the owner, and for whoever waits within a call. */
static void announce(stele_fenced *fenced)
{
    stele_monitor_wake(&fenced->monitor);
    if (fenced->wake != NULL && !fenced->closing) fenced->wake(fenced->context);
}

static void die(stele_fenced *fenced, const stele_error *failure)
{
    assert(fenced->state != STELE_FENCED_DEAD);
    fenced->state = STELE_FENCED_DEAD;
    fenced->failure = *failure;
    fenced->failure.next = STELE_NEXT_STOP;
    stele_lanes_fail(&fenced->lanes, &fenced->failure);
    announce(fenced);
}

/* ---- the thread ---- */

static bool is_closing(stele_fenced *fenced, stele_deadline *by)
{
    stele_monitor_lock(&fenced->monitor);
    bool closing = fenced->closing;
    if (closing && by != NULL) *by = fenced->closing_by;
    stele_monitor_unlock(&fenced->monitor);
    return closing;
}

/* Wait before the same call is made again; a close that comes meanwhile ends the wait.
 * @return false: closing */
static bool pause_before_retry(stele_fenced *fenced, int *pause_ms)
{
    stele_monitor_lock(&fenced->monitor);
    bool closing = fenced->closing;
    if (closing) *pause_ms = PAUSE_MIN_MS;
    stele_deadline until = stele_deadline_after(stele_log_clock(fenced->log), *pause_ms);
    while (fenced->closing == closing && stele_monitor_wait(&fenced->monitor, until)) {
    }
    closing = fenced->closing;
    stele_monitor_unlock(&fenced->monitor);
    *pause_ms = *pause_ms * 2 < PAUSE_MAX_MS ? *pause_ms * 2 : PAUSE_MAX_MS;
    return !closing;
}

/* Within a poll, a flush or a commit of this thread. */
static void on_delivered(void *context, void *opaque, stele_position position,
                         const stele_error *failure)
{
    stele_fenced *fenced = context;
    assert(fenced->current == NULL || (size_t)(uintptr_t)opaque < fenced->current->count);
    if (failure == NULL && fenced->current != NULL)
        fenced->current->records[(size_t)(uintptr_t)opaque].offset = position.offset;
    if (failure == NULL || fenced->record_failed || !fenced->open) return;
    fenced->record_failed = true;
    fenced->failed_index = (size_t)(uintptr_t)opaque;
    fenced->failed_error = *failure;
}

static void become(stele_fenced *fenced, stele_fenced_state state, const stele_error *failure)
{
    stele_monitor_lock(&fenced->monitor);
    assert(fenced->state != STELE_FENCED_DEAD);
    if (state == STELE_FENCED_DEAD) {
        die(fenced, failure);
    } else {
        fenced->state = state;
        fenced->failure = failure == NULL ? (stele_error){0} : *failure;
        announce(fenced);
    }
    stele_monitor_unlock(&fenced->monitor);
}

/* What is in progress is no failure until it lasts. */
static void say_what_lasts(stele_fenced *fenced, stele_deadline patience, const stele_error *why)
{
    if (!stele_deadline_passed(patience)) return;
    if (why->status == STELE_E_NOT_FOUND) { /* fenced, but there is nowhere to write to */
        become(fenced, STELE_FENCED_INIT, why);
        return;
    }
    stele_error lasting;
    stele_fail_cause(&lasting, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, why->cause,
                     "for more than %d ms the broker has not ended what earlier owners left open: "
                     "%s",
                     fenced->patience_ms, why->text);
    become(fenced, STELE_FENCED_INIT, &lasting);
}

static stele_status open_producer(stele_fenced *fenced, stele_log_producer **out, stele_error *err)
{
    stele_log_producer_options options = {.transactional_id = fenced->id,
                                          .transaction_timeout_ms = fenced->timeout_ms,
                                          .delivery_timeout_ms = fenced->timeout_ms,
                                          .no_gap = fenced->no_gap,
                                          .batch_max = fenced->batch_max,
                                          .delivered = on_delivered,
                                          .context = fenced};
    return stele_log_producer_open(fenced->log, &options, out, err);
}

static void close_producer(void *producer)
{
    stele_log_producer_close(producer);
}

/* Where the holder before has left a transaction open, the broker aborts it first, in some
 * milliseconds; and librdkafka asks again after half a second. Another producer asks at once. It
 * is dear: five threads and a connection, which others wait for who fence at the same time. */
static void replace_producer(stele_fenced *fenced)
{
    stele_error ignored;
    stele_log_producer *other;
    assert(fenced->replaced_count < FENCE_PRODUCERS_MAX);
    if (open_producer(fenced, &other, &ignored) < 0) return;
    if (!stele_retire(&fenced->replaced, stele_log_runtime(fenced->log), close_producer,
                      fenced->producer)) {
        stele_log_producer_close(other);
        return;
    }
    fenced->replaced_count++;
    fenced->producer = other;
}

/* Fence. @return STELE_E_TIMED_OUT: the same again (next = RETRY) */
static stele_status init_id(stele_fenced *fenced, stele_error *err)
{
    int timeout_ms = fenced->fence_ms;
    for (size_t i = 0; i < fenced->replaced_count && timeout_ms < STEP_MS; i++)
        timeout_ms *= 4;
    if (timeout_ms > STEP_MS) timeout_ms = STEP_MS;
    stele_status status = stele_log_producer_init(fenced->producer, NULL, timeout_ms, err);
    if (status == STELE_E_TIMED_OUT && timeout_ms < STEP_MS &&
        fenced->replaced_count + 1 < FENCE_PRODUCERS_MAX)
        replace_producer(fenced);
    return status;
}

/* Fence, and know all topics before the first record. */
static stele_status init(stele_fenced *fenced, stele_error *err)
{
    stele_status status = init_id(fenced, err);
    if (status == STELE_OK)
        status = stele_log_producer_init(fenced->producer, fenced->topic, STEP_MS, err);
    for (size_t i = 0; status == STELE_OK && fenced->others[i] != NULL; i++)
        status = stele_log_producer_init(fenced->producer, fenced->others[i], STEP_MS, err);
    return status;
}

/* Fence the holder before. @return false: dead, or closing */
static bool fence(stele_fenced *fenced)
{
    if (STELE_BUG("fence before the first write only") && fenced->state == STELE_FENCED_INIT) {
        become(fenced, STELE_FENCED_READY, NULL);
        return true;
    }
    int pause_ms = PAUSE_MIN_MS;
    stele_error failure;
    stele_deadline patience =
        stele_deadline_after(stele_log_clock(fenced->log), fenced->patience_ms);
    while (init(fenced, &failure) < 0) {
        bool again = failure.next == STELE_NEXT_RETRY;
        if (again)
            say_what_lasts(fenced, patience, &failure);
        else
            become(fenced, STELE_FENCED_DEAD, &failure);
        if (!again || !pause_before_retry(fenced, &pause_ms)) return false;
    }
    become(fenced, STELE_FENCED_READY, NULL);
    return true;
}

/* May the call that failed be made again? @return false: *err says what to do instead */
static bool may_retry(stele_fenced *fenced, stele_deadline by, stele_next otherwise, int *pause_ms,
                      stele_error *err)
{
    if (err->next != STELE_NEXT_RETRY) return false;
    bool again = !stele_deadline_passed(by);
    if (again) pause_before_retry(fenced, pause_ms);
    if (again && !(otherwise == STELE_NEXT_ABORT && is_closing(fenced, NULL))) return true;
    err->next = otherwise;
    return false;
}

static stele_status send_offset(stele_fenced *fenced, const stele_transaction *transaction,
                                stele_deadline by, stele_error *err)
{
    stele_status status = STELE_OK;
    for (size_t i = 0; status == STELE_OK && i < transaction->source_count; i++) {
        const transaction_source *source = &transaction->sources[i];
        int pause_ms = PAUSE_MIN_MS;
        do {
            status = stele_log_producer_send_offset(fenced->producer, transaction->group,
                                                    (stele_partition){source->topic, source->index},
                                                    source->offset, STEP_MS, err);
        } while (status < 0 && may_retry(fenced, by, STELE_NEXT_ABORT, &pause_ms, err));
    }
    return status;
}

static stele_status put(stele_fenced *fenced, const stele_log_entry *entry, stele_deadline by,
                        stele_error *err)
{
    stele_status status;
    while ((status = stele_log_producer_put(fenced->producer, entry, err)) < 0 &&
           err->next == STELE_NEXT_RETRY) {
        if (stele_deadline_passed(by) || is_closing(fenced, NULL)) {
            err->next = STELE_NEXT_ABORT;
            return status;
        }
        stele_error dead;
        stele_status polled = stele_log_producer_poll(fenced->producer, PAUSE_MIN_MS, &dead);
        if (polled < 0 && dead.next != STELE_NEXT_RETRY) {
            *err = dead;
            return polled;
        }
    }
    return status;
}

static stele_status put_records(stele_fenced *fenced, stele_transaction *transaction,
                                stele_deadline by, stele_error *err)
{
    for (size_t i = 0; i < transaction->count; i++) {
        stele_log_entry entry = stele_transaction_entry(transaction, i);
        stele_status status = put(fenced, &entry, by, err);
        if (status == STELE_OK) continue;
        /* One before it may be what the broker refuses: its delivery says so. */
        if (err->next == STELE_NEXT_ABORT) stele_log_producer_poll(fenced->producer, 0, NULL);
        if (err->next == STELE_NEXT_ABORT && fenced->record_failed &&
            fenced->failed_error.next == STELE_NEXT_REJECT) {
            *err = fenced->failed_error;
            return err->status;
        }
        fenced->record_failed = true;
        fenced->failed_index = i;
        return status;
    }
    return STELE_OK;
}

static stele_deadline after(const stele_fenced *fenced, int timeout_ms)
{
    return stele_deadline_after(stele_log_clock(fenced->log), timeout_ms);
}

/* Of what was just committed, and where. The monitor is held. */
static void set_deadlines(stele_fenced *fenced, int where)
{
    if ((where & STELE_COMMITTED_FOLLOWED) != 0) {
        fenced->visible_by = after(fenced, VISIBLE_MS);
        fenced->settles_by = after(fenced, SETTLE_MS);
    }
    if ((where & STELE_COMMITTED_ELSEWHERE) != 0) {
        fenced->begins_at = after(fenced, GAP_MS);
        fenced->looks_at = after(fenced, IDLE_MS);
    }
}

static stele_status flush(stele_fenced *fenced, stele_deadline by, stele_error *err)
{
    stele_status status;
    int pause_ms = PAUSE_MIN_MS;
    do {
        status = stele_log_producer_flush(fenced->producer, STEP_MS, err);
    } while (status < 0 && may_retry(fenced, by, STELE_NEXT_ABORT, &pause_ms, err));
    return status;
}

/* Where the records are is known before the commit: what is written on top of what is no more must
 * not be seen. What was committed in a partition that is gone cannot hang there. */
static stele_status check_floor(stele_fenced *fenced, const stele_transaction *transaction,
                                stele_deadline by, stele_error *err)
{
    const transaction_source *floor = &transaction->floor;
    if (floor->topic == NULL || STELE_BUG("snapshots made anew are not noticed")) return STELE_OK;
    stele_status status = flush(fenced, by, err);
    if (status < 0 || fenced->record_failed || !stele_transaction_is_below(transaction))
        return status; /* what has failed the commit says */
    stele_partition partition = {floor->topic, floor->index};
    stele_committed_see(&fenced->committed, partition, INT64_MAX);
    return stele_fail(err, STELE_E_HOLE, STELE_NEXT_ABORT,
                      "%s/%d: a record was stored before offset %" PRId64
                      ", where the partition ended",
                      floor->topic, (int)floor->index, floor->offset);
}

static stele_status commit(stele_fenced *fenced, const stele_transaction *transaction,
                           stele_deadline by, stele_error *err)
{
    assert(fenced->open && fenced->current == transaction);
    if (is_closing(fenced, NULL)) {
        return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_ABORT,
                          "closed before the transaction was committed");
    }
    stele_status status = check_floor(fenced, transaction, by, err);
    if (status < 0) return status;
    int pause_ms = PAUSE_MIN_MS;
    do {
        status = stele_log_producer_commit(fenced->producer, fenced->timeout_ms, err);
    } while (status < 0 && may_retry(fenced, by, STELE_NEXT_STOP, &pause_ms, err));
    if (status < 0 && err->next != STELE_NEXT_STOP && fenced->record_failed &&
        fenced->failed_error.next == STELE_NEXT_REJECT) {
        *err = fenced->failed_error; /* why it could not be committed */
        return err->status;
    }
    if (status == STELE_OK || err->next == STELE_NEXT_STOP) fenced->open = false;
    if (status == STELE_OK) {
        stele_monitor_lock(&fenced->monitor);
        set_deadlines(fenced, stele_committed_add(&fenced->committed, transaction));
        stele_monitor_unlock(&fenced->monitor);
    }
    return status;
}

/* Is what was committed last to be seen there, in the partitions and in the group? An abort of the
 * next one would take along what is not (projections/fold_mend.c has the story). A partition hears
 * of an end before the next transaction can come to it, but for its replicas. */
static stele_status check_committed(stele_fenced *fenced, int where, int settle_ms,
                                    stele_error *err)
{
    stele_status status;
    int pause_ms = PAUSE_MIN_MS;
    stele_deadline by = after(fenced, settle_ms);
    while ((status = stele_committed_check_places(&fenced->committed, where, STEP_MS, err)) ==
               STELE_E_CONFLICT &&
           !stele_deadline_passed(by))
        pause_before_retry(fenced, &pause_ms);
    if (status == STELE_OK && !fenced->open && (where & STELE_COMMITTED_ELSEWHERE) != 0)
        status = stele_committed_check_offset(&fenced->committed, OFFSET_MS, err);
    if (status == STELE_E_CONFLICT) fenced->must_not_abort = true;
    return status;
}

/* Abort what is open, again while that may be, until a close has no more time. */
static stele_status abort_open(stele_fenced *fenced, stele_error *err)
{
    stele_status status = STELE_OK;
    int pause_ms = PAUSE_MIN_MS;
    while (fenced->open) {
        if (!STELE_BUG("abort takes a lost commit along"))
            status = check_committed(fenced, STELE_COMMITTED_FOLLOWED | STELE_COMMITTED_ELSEWHERE,
                                     SETTLE_MS, err);
        if (status == STELE_OK) status = stele_log_producer_abort(fenced->producer, STEP_MS, err);
        if (status == STELE_OK || err->next != STELE_NEXT_RETRY) {
            fenced->open = false;
            break;
        }
        stele_deadline by;
        if (is_closing(fenced, &by) && stele_deadline_passed(by)) break;
        pause_before_retry(fenced, &pause_ms);
    }
    return status;
}

/* As it was asked for. The flush is what brings its partitions into the transaction. */
static stele_status write_off(stele_fenced *fenced, stele_deadline by, stele_error *err)
{
    stele_status status = flush(fenced, by, err);
    if (status == STELE_OK && fenced->record_failed) {
        *err = fenced->failed_error;
        return err->status;
    }
    if (status == STELE_OK && (status = abort_open(fenced, err)) < 0) err->next = STELE_NEXT_STOP;
    return status;
}

/* One transaction, up to its end or to what went wrong. */
static stele_status write_transaction(stele_fenced *fenced, stele_transaction *transaction,
                                      stele_error *err)
{
    stele_deadline by = stele_deadline_after(stele_log_clock(fenced->log), fenced->timeout_ms);
    stele_status status;
    assert(!fenced->open && !fenced->must_not_abort && fenced->current == NULL);
    fenced->record_failed = false;
    fenced->current = transaction;
    for (size_t i = 0; i < transaction->count; i++)
        transaction->records[i].offset = STELE_OFFSET_NONE;
    if ((status = stele_log_producer_begin(fenced->producer, err)) < 0) return status;
    fenced->open = true;
    if ((status = send_offset(fenced, transaction, by, err)) < 0) return status;
    if ((status = put_records(fenced, transaction, by, err)) < 0) return status;
    return transaction->aborts ? write_off(fenced, by, err) : commit(fenced, transaction, by, err);
}

/* The next commit would take along what an abort has not ended everywhere.
 * @param by  for a broker that is away meanwhile */
static stele_status await_abort(stele_fenced *fenced, const stele_transaction *transaction,
                                stele_deadline by, stele_error *err)
{
    STELE_AUTO_VALUE(stele_aborted) aborted = {0};
    stele_aborted_add(&aborted, transaction);
    stele_status status;
    int pause_ms = PAUSE_MIN_MS;
    stele_deadline settles_by = after(fenced, SETTLE_MS);
    while ((status = stele_aborted_check(&aborted, fenced->log, STEP_MS, err)) < 0) {
        bool is_open = status == STELE_E_CONFLICT;
        if ((!is_open && err->next != STELE_NEXT_RETRY) || is_closing(fenced, NULL) ||
            stele_deadline_passed(is_open ? settles_by : by))
            break;
        pause_before_retry(fenced, &pause_ms);
    }
    return status;
}

/* Write one, and say what became of it. @return false: this writer is dead */
static bool serve(stele_fenced *fenced, stele_transaction *transaction)
{
    stele_error failure;
    if (STELE_BUG("fence before the first write only")) fence(fenced);
    stele_status status = write_transaction(fenced, transaction, &failure);
    if (status < 0 && failure.next != STELE_NEXT_STOP) {
        if (failure.next != STELE_NEXT_REJECT) failure.next = STELE_NEXT_ABORT;
        stele_error not_aborted;
        bool was_open = fenced->open;
        if (abort_open(fenced, &not_aborted) < 0 ||
            (was_open && await_abort(fenced, transaction, after(fenced, fenced->timeout_ms),
                                     &not_aborted) < 0)) {
            failure = not_aborted;
            failure.next = STELE_NEXT_STOP;
        }
    }
    bool alive = status == STELE_OK || failure.next != STELE_NEXT_STOP;
    bool rejected = status < 0 && failure.next == STELE_NEXT_REJECT;
    fenced->current = NULL;
    stele_monitor_lock(&fenced->monitor);
    fenced->state = STELE_FENCED_READY;
    if (status < 0 || transaction->aborts) fenced->begins_at = after(fenced, GAP_MS);
    stele_lanes_end(&fenced->lanes, transaction, status == STELE_OK ? NULL : &failure,
                    rejected ? fenced->failed_index : 0);
    if (alive)
        announce(fenced);
    else
        die(fenced, &failure);
    stele_monitor_unlock(&fenced->monitor);
    return alive;
}

/* The next one begins once the last is visible, where someone tells. */
static bool may_begin(const stele_fenced *fenced)
{
    if (!stele_lanes_waits(&fenced->lanes)) return false;
    if (!stele_committed_follows(&fenced->committed)) return true;
    return stele_deadline_passed(fenced->begins_at) &&
           (stele_committed_is_visible(&fenced->committed) ||
            stele_deadline_passed(fenced->visible_by));
}

/* Where what was committed has to be looked for, because it may hang and nothing that waits would
 * end it. @return 0: nowhere. @param by  when that changes by itself */
static int find_doubt(const stele_fenced *fenced, stele_deadline *by)
{
    const stele_committed *committed = &fenced->committed;
    int where = 0;
    *by = after(fenced, -1);
    if (!stele_committed_is_visible(committed) &&
        !stele_lanes_waits_for(&fenced->lanes, &committed->follows)) {
        *by = fenced->settles_by;
        if (stele_deadline_passed(*by)) where |= STELE_COMMITTED_FOLLOWED;
    }
    if (stele_committed_is_in_doubt(committed) &&
        (stele_committed_follows(committed) || !stele_lanes_waits(&fenced->lanes))) {
        if (fenced->looks_at.end_ns < by->end_ns) *by = fenced->looks_at;
        if (stele_deadline_passed(fenced->looks_at)) where |= STELE_COMMITTED_ELSEWHERE;
    }
    return where;
}

/* When to look whether one may begin. */
static stele_deadline begin_by(const stele_fenced *fenced, stele_deadline doubt_by)
{
    if (!stele_lanes_waits(&fenced->lanes)) return doubt_by;
    return stele_deadline_passed(fenced->begins_at) ? fenced->visible_by : fenced->begins_at;
}

/* @return NULL: closing; or what was committed is to be looked for at `*where` first */
static stele_transaction *take_waiting(stele_fenced *fenced, int *where)
{
    stele_transaction *transaction = NULL;
    stele_deadline doubt_by;
    stele_monitor_lock(&fenced->monitor);
    while ((*where = find_doubt(fenced, &doubt_by)) == 0 && !fenced->closing && !may_begin(fenced))
        stele_monitor_wait(&fenced->monitor, begin_by(fenced, doubt_by));
    if (fenced->closing) *where = 0;
    if (*where == 0 && !fenced->closing) transaction = stele_lanes_take(&fenced->lanes);
    if (transaction != NULL) {
        assert(fenced->state == STELE_FENCED_READY);
        fenced->state = STELE_FENCED_BUSY;
        stele_monitor_wake(&fenced->monitor);
    }
    stele_monitor_unlock(&fenced->monitor);
    return transaction;
}

/* It hangs where the owner looks, and by now one waits whose commit ends it there. */
static bool is_about_to_end(stele_fenced *fenced, int where)
{
    stele_monitor_lock(&fenced->monitor);
    bool waits = where == STELE_COMMITTED_FOLLOWED &&
                 stele_lanes_waits_for(&fenced->lanes, &fenced->committed.follows);
    stele_monitor_unlock(&fenced->monitor);
    return waits;
}

/* A writer that writes nothing there finds an end that got lost only if it asks. @return false:
 * this writer is dead */
static bool look_back(stele_fenced *fenced, int where)
{
    stele_error failure;
    stele_status status = check_committed(fenced, where, 0, &failure);
    if (status == STELE_E_CONFLICT && is_about_to_end(fenced, where)) {
        fenced->must_not_abort = false;
    } else if (status < 0 && failure.next != STELE_NEXT_RETRY) {
        become(fenced, STELE_FENCED_DEAD, &failure);
        return false;
    }
    stele_monitor_lock(&fenced->monitor); /* what was not answered is asked again */
    if ((where & STELE_COMMITTED_FOLLOWED) != 0) fenced->settles_by = after(fenced, IDLE_MS);
    if ((where & STELE_COMMITTED_ELSEWHERE) != 0) fenced->looks_at = after(fenced, IDLE_MS);
    stele_monitor_unlock(&fenced->monitor);
    return true;
}

static void run(void *self)
{
    stele_fenced *fenced = self;
    if (fence(fenced)) {
        int where;
        bool alive = true;
        stele_transaction *transaction;
        while (alive && ((transaction = take_waiting(fenced, &where)) != NULL || where != 0))
            alive = where != 0 ? look_back(fenced, where) : serve(fenced, transaction);
    }
    stele_error ignored; /* what is left open is the broker's to abort, or the next holder's */
    abort_open(fenced, &ignored);
    if (fenced->must_not_abort)
        stele_log_producer_abandon(fenced->producer);
    else
        stele_log_producer_close(fenced->producer);
    stele_retirement_await(&fenced->replaced);

    stele_monitor_lock(&fenced->monitor);
    bool abandoned = fenced->abandoned;
    assert(!fenced->ended && (fenced->closing || fenced->state == STELE_FENCED_DEAD));
    fenced->ended = true;
    stele_monitor_wake(&fenced->monitor);
    stele_monitor_unlock(&fenced->monitor);
    if (abandoned) release(fenced);
}

/* ---- the owner ---- */

static void copy_others(stele_fenced *fenced, const char *const *topics)
{
    size_t count = 0;
    while (topics != NULL && topics[count] != NULL)
        count++;
    fenced->others = stele_alloc_array(count + 1, sizeof *fenced->others);
    for (size_t i = 0; i < count; i++)
        fenced->others[i] = stele_strdup(topics[i]);
}

stele_status stele_fenced_open(stele_log *log, const stele_fenced_options *options,
                               stele_fenced **out, stele_error *err)
{
    stele_fenced *fenced = stele_alloc(sizeof *fenced);
    fenced->timeout_ms = options->timeout_ms == 0 ? DEFAULT_TIMEOUT_MS : options->timeout_ms;
    fenced->patience_ms = options->patience_ms == 0 ? DEFAULT_PATIENCE_MS : options->patience_ms;
    fenced->fence_ms = FENCE_MS * (1 + options->together / FENCE_CROWD);
    fenced->log = log;
    fenced->topic = stele_strdup(options->topic);
    fenced->id = stele_strdup(options->transactional_id);
    fenced->batch_max = options->batch_max;
    fenced->no_gap = options->follows.topic != NULL;
    fenced->group = stele_strdup(options->group);
    copy_others(fenced, options->others);
    fenced->wake = options->wake;
    fenced->context = options->context;
    stele_lanes_init(&fenced->lanes, options->lanes);
    stele_monitor_init(&fenced->monitor, stele_log_runtime(log));
    stele_committed_init(&fenced->committed, log, fenced->group, &options->follows,
                         &fenced->monitor);
    fenced->begins_at = fenced->visible_by = fenced->settles_by = fenced->looks_at =
        after(fenced, 0);

    stele_status status = open_producer(fenced, &fenced->producer, err);
    if (status == STELE_OK) {
        int cause =
            stele_thread_start(stele_log_runtime(log), &fenced->thread, "writer", run, fenced);
        if (cause != 0) {
            stele_log_producer_close(fenced->producer);
            status = stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, cause,
                                      "no thread for the writer %s: raise the limit of threads",
                                      options->transactional_id);
        }
    }
    if (status < 0) {
        release(fenced);
        return status;
    }
    *out = fenced;
    return STELE_OK;
}

stele_fenced_state stele_fenced_poll(stele_fenced *fenced, stele_error *failure)
{
    stele_monitor_lock(&fenced->monitor);
    stele_fenced_state state = fenced->state;
    if (state == STELE_FENCED_READY && stele_lanes_waits(&fenced->lanes)) state = STELE_FENCED_BUSY;
    if (failure != NULL) *failure = fenced->failure;
    stele_monitor_unlock(&fenced->monitor);
    return state;
}

stele_fenced_state stele_fenced_await(stele_fenced *fenced, int timeout_ms, stele_error *failure)
{
    stele_deadline until = stele_deadline_after(stele_log_clock(fenced->log), timeout_ms);
    stele_monitor_lock(&fenced->monitor);
    while (fenced->state == STELE_FENCED_INIT && fenced->failure.status == STELE_OK &&
           !fenced->closing && stele_monitor_wait(&fenced->monitor, until)) {
    }
    stele_monitor_unlock(&fenced->monitor);
    return stele_fenced_poll(fenced, failure);
}

stele_status stele_fenced_submit(stele_fenced *fenced, int lane, stele_transaction *transaction,
                                 stele_error *err)
{
    stele_monitor_lock(&fenced->monitor);
    stele_status status =
        fenced->state == STELE_FENCED_DEAD
            ? stele_fail(err, STELE_E_FENCED, STELE_NEXT_STOP, "%s", fenced->failure.text)
            : stele_lanes_submit(&fenced->lanes, lane, transaction, err);
    if (status == STELE_OK) stele_monitor_wake(&fenced->monitor);
    stele_monitor_unlock(&fenced->monitor);
    return status;
}

bool stele_fenced_outcome(stele_fenced *fenced, int lane, int timeout_ms, stele_outcome *out)
{
    stele_deadline until = stele_deadline_after(stele_log_clock(fenced->log), timeout_ms);
    stele_monitor_lock(&fenced->monitor);
    while (!stele_lanes_has_outcome(&fenced->lanes, lane) &&
           stele_lanes_may_end(&fenced->lanes, lane) &&
           stele_monitor_wait(&fenced->monitor, until)) {
    }
    bool found = stele_lanes_outcome(&fenced->lanes, lane, out);
    stele_monitor_unlock(&fenced->monitor);
    return found;
}

/* The monitor is held. */
static void begin_to_close(stele_fenced *fenced, int timeout_ms)
{
    if (fenced->closing) return;
    fenced->closing = true;
    fenced->closing_by = stele_deadline_after(stele_log_clock(fenced->log), timeout_ms);
    stele_monitor_wake(&fenced->monitor);
}

void stele_fenced_end(stele_fenced *fenced, int timeout_ms)
{
    if (fenced == NULL) return;
    stele_monitor_lock(&fenced->monitor);
    begin_to_close(fenced, timeout_ms);
    stele_monitor_unlock(&fenced->monitor);
}

void stele_fenced_close(stele_fenced *fenced, int timeout_ms)
{
    if (fenced == NULL) return;
    stele_monitor_lock(&fenced->monitor);
    begin_to_close(fenced, timeout_ms);
    while (!fenced->ended && stele_monitor_wait(&fenced->monitor, fenced->closing_by)) {
    }
    bool ended = fenced->ended;
    stele_thread thread = fenced->thread;
    if (!ended) fenced->abandoned = true;
    stele_monitor_unlock(&fenced->monitor);

    if (!ended) {
        stele_thread_detach(thread);
        return;
    }
    stele_thread_join(thread);
    release(fenced);
}
