/* SPDX-License-Identifier: MIT
 * Following the topic. What it holds at a moment is known from its high watermark: once that is
 * reached, every question asked before it was looked up is answered. */
#include "registry/follower.h"

#include <assert.h>

#include "core/alloc.h"
#include "core/monitor.h"
#include "core/names.h"
#include "registry/catalog.h"

#include <stdatomic.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    CALL_MS = 500,   /* longest call, so longest wait of a free */
    ABSENT_MS = 500, /* between two looks for a topic that does not exist; doubled … */
    PAUSE_MIN_MS = 50,
    PAUSE_MAX_MS = 2000,
    LOOK_MS = 500,   /* between two looks whether it is still the same topic, while it is in use */
    IDLE_MS = 30000, /* … and of both looks, while no one asks or relies on anything */
    QUEUE_MAX = 8 << 20
};

struct stele_follower {
    stele_log *log;
    void (*news)(void *context);
    void *context;
    stele_thread thread;

    /* Of the thread. */
    stele_log_reader *reader; /* NULL: the topic was not seen yet; set under the monitor, too */
    int absent_ms;            /* the next pause before a topic that does not exist is looked for */
    int64_t target;           /* high watermark that answers `target_question` */
    int64_t target_question;  /* 0: nothing is asked */
    int64_t looked_ns;        /* when it was looked whether it is the same topic */
    int64_t first_ms;         /* time of the first record */
    uint64_t *hashes;         /* of the records that were read, by offset; 0: there was none */
    size_t hash_count;
    size_t hash_max;
    bool comparing;  /* with what is there; `position` stands still meanwhile */
    size_t compared; /* records that were the same */
    size_t to_compare;

    /* Under the monitor. */
    stele_monitor monitor;
    stele_catalog *catalog;
    int64_t position; /* next offset */
    int64_t asked;    /* monotonic time of the last question */
    int64_t answered; /* questions up to this one are */
    stele_error trouble;
    bool started;
    bool dead;
    bool closing;
    atomic_bool doubtful; /* dead, or comparing; written under the monitor */
    atomic_bool relied;   /* someone has relied on what was read since it was looked at */
};

stele_follower *stele_follower_new(stele_log *log, void (*news)(void *context), void *context)
{
    stele_follower *follower = stele_alloc(sizeof *follower);
    follower->log = log;
    follower->news = news;
    follower->context = context;
    follower->catalog = stele_catalog_new();
    follower->looked_ns = stele_log_now_ns(log);
    follower->absent_ms = ABSENT_MS;
    atomic_init(&follower->doubtful, false);
    atomic_init(&follower->relied, false);
    stele_monitor_init(&follower->monitor, stele_log_runtime(log));
    return follower;
}

/* Whatever the thread waits for, and whoever waits for it; the lock is held. */
static void wake(stele_follower *follower)
{
    stele_monitor_wake(&follower->monitor);
    if (follower->reader != NULL) stele_log_reader_wake(follower->reader);
}

void stele_follower_interrupt(stele_follower *follower)
{
    stele_monitor_lock(&follower->monitor);
    follower->closing = true;
    wake(follower);
    stele_monitor_unlock(&follower->monitor);
}

void stele_follower_free(stele_follower *follower)
{
    if (follower == NULL) return;
    stele_follower_interrupt(follower);
    if (follower->started) stele_thread_join(follower->thread);
    stele_log_reader_close(follower->reader);
    stele_catalog_free(follower->catalog);
    free(follower->hashes);
    stele_monitor_clear(&follower->monitor);
    free(follower);
}

/* ---- the thread ---- */

static const stele_partition partition = {STELE_REGISTRY_TOPIC, 0};

/* @return the reader that there was */
static stele_log_reader *set_reader(stele_follower *follower, stele_log_reader *reader)
{
    stele_monitor_lock(&follower->monitor);
    stele_log_reader *before = follower->reader;
    follower->reader = reader;
    stele_monitor_unlock(&follower->monitor);
    return before;
}

static int64_t last_question(stele_follower *follower)
{
    stele_monitor_lock(&follower->monitor);
    int64_t asked = follower->asked;
    stele_monitor_unlock(&follower->monitor);
    return asked;
}

/* Wait for a question later than `asked`, or a close. */
static void rest(stele_follower *follower, int64_t asked, int pause_ms)
{
    stele_deadline until = stele_deadline_after(stele_log_clock(follower->log), pause_ms);
    stele_monitor_lock(&follower->monitor);
    while (!follower->closing && follower->asked == asked &&
           stele_monitor_wait(&follower->monitor, until)) {
    }
    stele_monitor_unlock(&follower->monitor);
}

static void answer(stele_follower *follower, int64_t question)
{
    stele_monitor_lock(&follower->monitor);
    assert(question <= follower->asked);
    if (question > follower->answered) follower->answered = question;
    follower->trouble = (stele_error){0};
    stele_monitor_wake(&follower->monitor);
    stele_monitor_unlock(&follower->monitor);
}

static int64_t open_question(stele_follower *follower)
{
    stele_monitor_lock(&follower->monitor);
    int64_t question = follower->asked > follower->answered ? follower->asked : 0;
    stele_monitor_unlock(&follower->monitor);
    return question;
}

/* ---- is it the same topic? ---- */

static uint64_t hash_of(stele_bytes value)
{
    uint64_t hash = XXH64(value.data == NULL ? "" : (const char *)value.data, value.size, 0);
    return hash == 0 ? 1 : hash;
}

static void remember(stele_follower *follower, const stele_record *record)
{
    size_t index = (size_t)record->offset;
    if (index >= follower->hash_max) {
        follower->hash_max = index < 512 ? 1024 : 2 * index;
        follower->hashes =
            stele_realloc_array(follower->hashes, follower->hash_max, sizeof *follower->hashes);
    }
    assert(follower->hash_count <= index);
    while (follower->hash_count < index)
        follower->hashes[follower->hash_count++] = 0;
    follower->hashes[follower->hash_count++] = hash_of(record->value);
    if (index == 0) follower->first_ms = record->timestamp_ms;
    follower->to_compare++;
}

static void set_doubtful(stele_follower *follower, bool doubtful)
{
    stele_monitor_lock(&follower->monitor);
    atomic_store(&follower->doubtful, doubtful);
    stele_monitor_unlock(&follower->monitor);
}

/* What was read has to be compared with what is there before anybody relies on it again. */
static stele_status doubt(stele_follower *follower, const char *why, stele_error *err)
{
    stele_log_reader_close(set_reader(follower, NULL));
    follower->target_question = 0;
    follower->comparing = follower->to_compare > 0;
    follower->compared = 0;
    if (follower->comparing) set_doubtful(follower, true);
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "%s %s", STELE_REGISTRY_TOPIC,
                      why);
}

/* Time left until it has to be looked whether it is the same topic. */
static int until_look_ms(const stele_follower *follower)
{
    int64_t apart_ms = atomic_load(&follower->relied) ? LOOK_MS : IDLE_MS;
    int64_t left_ms = apart_ms - (stele_log_now_ns(follower->log) - follower->looked_ns) / 1000000;
    return left_ms < 0 ? 0 : (int)left_ms;
}

/* A topic that was made again is younger than the first record that was read. One question, which
 * any broker answers from its index. */
static stele_status look_again(stele_follower *follower, stele_error *err)
{
    follower->looked_ns = stele_log_now_ns(follower->log);
    atomic_store(&follower->relied, false);
    if (follower->to_compare == 0) return STELE_OK;
    int64_t later;
    stele_status status =
        stele_log_offset_at(follower->log, partition, follower->first_ms + 1, CALL_MS, &later, err);
    if (status == STELE_E_NOT_FOUND) return doubt(follower, "was deleted", err);
    if (status == STELE_OK && later == 0) return doubt(follower, "was made again", err);
    return status;
}

static stele_status fail_another(stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "%s was deleted and made again: it is another registry, and the schema ids "
                      "that this process holds mean something else in it; bring the first one back "
                      "from a backup, and start again",
                      STELE_REGISTRY_TOPIC);
}

/* @return STELE_OK  also where there is more to compare */
static stele_status compare(stele_follower *follower, const stele_batch *batch, stele_error *err)
{
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        if (record->offset >= follower->position) break;
        if ((size_t)record->offset >= follower->hash_count ||
            follower->hashes[record->offset] != hash_of(record->value))
            return fail_another(err);
        if (record->offset == 0) follower->first_ms = record->timestamp_ms;
        follower->compared++;
    }
    if (batch->next_offset < follower->position)
        return batch->at_end ? stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                                          "%s has lost its last records: bring them back from a "
                                          "backup",
                                          STELE_REGISTRY_TOPIC)
                             : STELE_OK;
    if (follower->compared != follower->to_compare) return fail_another(err);
    stele_log_reader_stop(follower->reader, partition);
    stele_status status =
        stele_log_reader_start(follower->reader, partition, follower->position, err);
    if (status < 0) return status;
    follower->comparing = false;
    set_doubtful(follower, false);
    return STELE_OK;
}

/* ---- reading ---- */

static stele_status start_reading(stele_follower *follower, stele_error *err)
{
    int64_t start;
    int64_t end;
    stele_status status = stele_log_bounds(follower->log, partition, STELE_READ_UNCOMMITTED,
                                           CALL_MS, &start, &end, err);
    if (status < 0) return status;
    if (start > 0) {
        return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                          "the first %lld records of %s are gone, and schemas with them: it wants "
                          "cleanup.policy=delete, retention.ms=-1, retention.bytes=-1",
                          (long long)start, STELE_REGISTRY_TOPIC);
    }
    /* Uncommitted: the order of the log alone decides, for every reader alike. */
    stele_log_reader_options options = {.isolation = STELE_READ_UNCOMMITTED,
                                        .queue_max = QUEUE_MAX};
    STELE_AUTO(stele_log_reader) reader = NULL;
    if ((status = stele_log_reader_open(follower->log, &options, &reader, err)) < 0) return status;
    if ((status = stele_log_reader_start(reader, partition, 0, err)) < 0) return status;
    set_reader(follower, reader);
    reader = NULL;
    follower->absent_ms = ABSENT_MS;
    return STELE_OK;
}

/* Look for the topic. Without one, questions are answered: there is nothing. */
static stele_status find_topic(stele_follower *follower, stele_error *err)
{
    int64_t asked = last_question(follower);
    int64_t question = open_question(follower);
    stele_log_topic topic;
    stele_status status =
        stele_log_topic_describe(follower->log, STELE_REGISTRY_TOPIC, CALL_MS, &topic, err);
    if (status == STELE_E_NOT_FOUND && follower->comparing)
        return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                          "%s was deleted: bring it back from a backup", STELE_REGISTRY_TOPIC);
    if (status == STELE_E_NOT_FOUND) {
        if (question != 0) {
            follower->absent_ms = ABSENT_MS;
            answer(follower, question);
        }
        rest(follower, asked, follower->absent_ms);
        follower->absent_ms = 2 * follower->absent_ms < IDLE_MS ? 2 * follower->absent_ms : IDLE_MS;
        return STELE_OK;
    }
    if (status < 0) return status;
    return start_reading(follower, err);
}

/* What has to be read before the questions asked so far are answered. */
static stele_status set_target(stele_follower *follower, stele_error *err)
{
    int64_t question = open_question(follower);
    bool is_new = question != 0 && question != follower->target_question;
    stele_status status = STELE_OK;
    if (is_new || until_look_ms(follower) == 0) status = look_again(follower, err);
    if (status < 0 || !is_new) return status;
    int64_t start;
    status = stele_log_bounds(follower->log, partition, STELE_READ_UNCOMMITTED, CALL_MS, &start,
                              &follower->target, err);
    if (status == STELE_E_NOT_FOUND) return doubt(follower, "was deleted", err);
    if (status < 0) return status;
    if (start > 0 || follower->target < follower->position)
        return doubt(follower, "has lost records", err);
    follower->target_question = question;
    return STELE_OK;
}

static stele_status apply(stele_follower *follower, const stele_batch *batch, stele_error *err)
{
    stele_status status = STELE_OK;
    stele_monitor_lock(&follower->monitor);
    for (size_t i = 0; status == STELE_OK && i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        status = stele_catalog_apply(follower->catalog, record->offset, record->value, NULL, err);
        if (status == STELE_OK) remember(follower, record);
    }
    assert(follower->position <= batch->next_offset);
    if (status == STELE_OK) follower->position = batch->next_offset;
    follower->trouble = (stele_error){0};
    stele_monitor_wake(&follower->monitor);
    stele_monitor_unlock(&follower->monitor);
    if (status == STELE_OK && batch->count > 0) follower->news(follower->context);
    return status;
}

/* @param is_gone  the topic, or what was to come next in it */
static stele_status take_batch(stele_follower *follower, bool *is_gone, stele_error *err)
{
    STELE_AUTO_VALUE(stele_batch) batch = {0};
    stele_status status = stele_log_reader_next(
        follower->reader, follower->comparing ? CALL_MS : until_look_ms(follower), &batch, err);
    if (status == STELE_E_TIMED_OUT) return STELE_OK;
    if (status < 0) return status;
    *is_gone = batch.status == STELE_E_NOT_FOUND || batch.status == STELE_E_HOLE;
    if (*is_gone) return STELE_OK;
    if (batch.status < 0) {
        return stele_fail_cause(err, batch.status, STELE_NEXT_STOP, batch.error.cause,
                                "%s can no longer be followed: %s", STELE_REGISTRY_TOPIC,
                                batch.error.text);
    }
    return follower->comparing ? compare(follower, &batch, err) : apply(follower, &batch, err);
}

static stele_status read_on(stele_follower *follower, stele_error *err)
{
    bool is_gone = false;
    stele_status status = take_batch(follower, &is_gone, err);
    return is_gone ? doubt(follower, "was deleted, or has lost records", err) : status;
}

static stele_status step(stele_follower *follower, stele_error *err)
{
    stele_status status;
    if (follower->reader == NULL) return find_topic(follower, err);
    if (follower->comparing) return read_on(follower, err);
    if ((status = set_target(follower, err)) < 0) return status;
    bool is_asked = follower->target_question != 0;
    if (!is_asked || follower->position < follower->target) {
        if ((status = read_on(follower, err)) < 0) return status;
    }
    if (is_asked && follower->position >= follower->target) {
        answer(follower, follower->target_question);
        follower->target_question = 0;
    }
    return STELE_OK;
}

static bool is_closing(stele_follower *follower)
{
    stele_monitor_lock(&follower->monitor);
    bool closing = follower->closing;
    stele_monitor_unlock(&follower->monitor);
    return closing;
}

static void note_trouble(stele_follower *follower, const stele_error *trouble)
{
    stele_monitor_lock(&follower->monitor);
    follower->trouble = *trouble;
    follower->dead = trouble->next != STELE_NEXT_RETRY;
    if (follower->dead) atomic_store(&follower->doubtful, true);
    stele_monitor_wake(&follower->monitor);
    stele_monitor_unlock(&follower->monitor);
}

static void follow(void *self)
{
    stele_follower *follower = self;
    int pause_ms = PAUSE_MIN_MS;
    stele_error trouble;
    while (!is_closing(follower)) {
        if (step(follower, &trouble) == STELE_OK) {
            pause_ms = PAUSE_MIN_MS;
            continue;
        }
        note_trouble(follower, &trouble);
        if (trouble.next != STELE_NEXT_RETRY) break;
        rest(follower, last_question(follower), pause_ms);
        pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
    }
}

/* ---- everybody else ---- */

stele_catalog *stele_follower_lock(stele_follower *follower)
{
    stele_monitor_lock(&follower->monitor);
    return follower->catalog;
}

void stele_follower_unlock(stele_follower *follower)
{
    stele_monitor_unlock(&follower->monitor);
}

int64_t stele_follower_ask(stele_follower *follower)
{
    int64_t now = stele_log_now_ns(follower->log);
    follower->asked = now > follower->asked ? now : follower->asked + 1;
    if (!follower->started && !follower->closing) {
        int cause = stele_thread_start(stele_log_runtime(follower->log), &follower->thread,
                                       "registry", follow, follower);
        follower->started = cause == 0;
        if (cause != 0) {
            stele_fail_cause(&follower->trouble, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, cause,
                             "no thread for the registry: raise the limit of threads");
        }
    }
    wake(follower);
    return follower->asked;
}

void stele_follower_rely(stele_follower *follower)
{
    if (atomic_load_explicit(&follower->relied, memory_order_relaxed)) return;
    atomic_store(&follower->relied, true);
    stele_monitor_lock(&follower->monitor);
    wake(follower);
    stele_monitor_unlock(&follower->monitor);
}

bool stele_follower_is_doubtful(const stele_follower *follower)
{
    return atomic_load_explicit(&follower->doubtful, memory_order_relaxed);
}

bool stele_follower_is_answered(const stele_follower *follower, int64_t question)
{
    return follower->answered >= question;
}

/* Nothing more will be read? */
static bool is_over(const stele_follower *follower)
{
    return follower->dead || follower->closing;
}

static stele_status not_yet(const stele_follower *follower, stele_error *err)
{
    const stele_error *trouble = &follower->trouble;
    if (follower->closing) {
        return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP,
                          "the registry is being closed");
    }
    if (follower->dead) {
        return stele_fail_cause(err, trouble->status, STELE_NEXT_STOP, trouble->cause, "%s",
                                trouble->text);
    }
    if (trouble->status < 0) {
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, trouble->cause,
                                "the registry is away: %s", trouble->text);
    }
    return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                      "no answer from the registry (%s) yet", STELE_REGISTRY_TOPIC);
}

stele_status stele_follower_check(const stele_follower *follower, stele_error *err)
{
    return atomic_load(&follower->doubtful) ? not_yet(follower, err) : STELE_OK;
}

stele_status stele_follower_wait_answer(stele_follower *follower, int64_t question,
                                        stele_deadline until, stele_error *err)
{
    while (follower->answered < question) {
        if (is_over(follower) || !stele_monitor_wait(&follower->monitor, until)) break;
    }
    return follower->answered >= question ? STELE_OK : not_yet(follower, err);
}

stele_status stele_follower_wait_offset(stele_follower *follower, int64_t offset,
                                        stele_deadline until, stele_error *err)
{
    stele_follower_ask(follower); /* it may be resting */
    while (follower->position <= offset) {
        if (is_over(follower) || !stele_monitor_wait(&follower->monitor, until)) break;
    }
    return follower->position > offset ? STELE_OK : not_yet(follower, err);
}
