/* SPDX-License-Identifier: MIT
 * The thread that reads the end of a topic for all its streams. Without a stream it reads nothing.
 */
#include <inttypes.h>

#include "core/alloc.h"
#include "server/feed.h"

enum {
    ASK_MS = 2000,   /* one question to the broker */
    AGAIN_MS = 1000, /* where it did not work */
    LOOK_MS = 10000, /* between two looks whether there is more than what comes */
    TOGETHER_MS = 500,
    PAUSE_MS = 200 /* before the registry is asked again */
};

typedef struct follower {
    stele_feed *feed;
    stele_log_reader *reader; /* NULL: it reads nothing */
    stele_feed_teller teller;
    stele_deadline look;                         /* when to look again … */
    int64_t behind[STELE_CURSOR_PARTITIONS_MAX]; /* … and where it was behind the last time; -1:
                                                    it was not */
} follower;

/* ---- with the lock ---- */

static bool has_streams(stele_feed *feed)
{
    stele_monitor_lock(&feed->monitor);
    bool has_some = feed->streams != NULL;
    stele_monitor_unlock(&feed->monitor);
    return has_some;
}

static void tend(stele_feed *feed)
{
    stele_monitor_lock(&feed->monitor);
    stele_feed_tend(feed);
    stele_monitor_unlock(&feed->monitor);
}

/* Until a stream has to say something; those of about the same time say it together. */
static int pause_ms(stele_feed *feed)
{
    int beat_ms = feed->options->beat_ms;
    int together_ms = beat_ms < 4 * TOGETHER_MS ? beat_ms / 4 : TOGETHER_MS;
    int least_ms = beat_ms;
    stele_monitor_lock(&feed->monitor);
    for (const stele_feed_stream *at = feed->streams; at != NULL; at = at->next)
        if (!at->is_taken) least_ms = stele_deadline_remaining_ms(at->beat, least_ms);
    stele_monitor_unlock(&feed->monitor);
    return least_ms > together_ms ? least_ms : together_ms;
}

static void end_all(stele_feed *feed, const stele_error *why)
{
    stele_monitor_lock(&feed->monitor);
    for (stele_feed_stream *at = feed->streams; at != NULL; at = at->next) {
        if (at->is_taken)
            at->is_over = true;
        else if (!at->is_over)
            stele_feed_stream_tell_end(at, why);
    }
    stele_monitor_unlock(&feed->monitor);
}

static void let_go(follower *f)
{
    if (f->reader == NULL) return;
    stele_feed_wakes(&f->feed->bell, NULL);
    stele_log_reader_close(f->reader);
    f->reader = NULL;
    stele_monitor_lock(&f->feed->monitor);
    f->feed->is_following = false;
    stele_feed_forget_all(f->feed);
    stele_monitor_unlock(&f->feed->monitor);
}

/* ---- the beginning ---- */

static stele_status start(const stele_feed *feed, stele_log_reader *reader, int64_t *ends,
                          stele_error *err)
{
    stele_status status = STELE_OK;
    for (int32_t i = 0; i < feed->partitions && status == STELE_OK; i++) {
        int64_t first;
        const stele_partition source = {feed->subject.topic, i};
        if (atomic_load(&feed->stops))
            return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_RETRY, "it ends");
        status = stele_log_bounds(feed->options->log, source, STELE_READ_COMMITTED, ASK_MS, &first,
                                  &ends[i], err);
        if (status == STELE_OK) status = stele_log_reader_start(reader, source, ends[i], err);
    }
    return status;
}

static stele_status begin(follower *f, stele_error *err)
{
    stele_feed *feed = f->feed;
    int64_t ends[STELE_CURSOR_PARTITIONS_MAX];
    STELE_AUTO(stele_log_reader) reader = NULL;
    stele_log_reader_options options =
        stele_feed_reading(feed->options->kept_max, feed->partitions);
    stele_status status = stele_log_reader_open(feed->options->log, &options, &reader, err);
    if (status == STELE_OK) status = start(feed, reader, ends, err);
    if (status < 0) return status;
    stele_monitor_lock(&feed->monitor);
    for (int32_t i = 0; i < feed->partitions; i++)
        feed->live[i] = feed->begins[i] = ends[i];
    feed->is_following = true;
    stele_monitor_unlock(&feed->monitor);
    f->reader = reader;
    reader = NULL;
    f->look = stele_deadline_after(stele_log_clock(feed->options->log), LOOK_MS);
    for (int32_t i = 0; i < feed->partitions; i++)
        f->behind[i] = -1;
    stele_feed_wakes(&feed->bell, f->reader);
    return STELE_OK;
}

/* ---- what comes ---- */

/* @return NULL: it is given up */
static stele_feed_kept *tell(follower *f, const stele_batch *batch, const stele_record *record)
{
    stele_feed *feed = f->feed;
    stele_error err = {0};
    stele_feed_kept *kept = stele_alloc(sizeof *kept);
    kept->partition = batch->partition.index;
    kept->offset = record->offset;
    stele_buffer_append(&kept->key, record->key);
    while (stele_feed_tell(&f->teller, batch, record, &kept->text, &err) < 0) {
        stele_buffer_reset(&kept->text);
        tend(feed);
        if (atomic_load(&feed->stops) || !has_streams(feed)) {
            stele_buffer_clear(&kept->key);
            stele_buffer_clear(&kept->text);
            free(kept);
            return NULL;
        }
        stele_feed_await(&feed->bell, stele_feed_rings(&feed->bell), PAUSE_MS);
    }
    return kept;
}

/* @return false: it is given up */
static bool take(follower *f, const stele_batch *batch)
{
    stele_feed *feed = f->feed;
    for (size_t i = 0; i < batch->count; i++) {
        stele_feed_kept *kept = tell(f, batch, &batch->records[i]);
        if (kept == NULL) return false;
        stele_monitor_lock(&feed->monitor);
        stele_feed_keep(feed, kept);
        feed->live[kept->partition] = kept->offset + 1;
        stele_monitor_unlock(&feed->monitor);
    }
    stele_monitor_lock(&feed->monitor);
    feed->live[batch->partition.index] = batch->next_offset;
    stele_monitor_unlock(&feed->monitor);
    return true;
}

/* Keys move with more partitions, so each stream begins anew. @return false: it has others now */
static bool look_at_count(const stele_feed *feed, stele_error *err)
{
    stele_log_topic topic;
    if (stele_log_topic_describe(feed->options->log, feed->subject.topic, ASK_MS, &topic, NULL) < 0)
        return true; /* it is away, or gone, which the reader tells */
    if (topic.partitions == feed->partitions) return true;
    stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
               "%s has %" PRId32 " partitions now, and had %" PRId32 ": begin the stream again",
               feed->subject.topic, topic.partitions, feed->partitions);
    return false;
}

/* Is there more in a partition than what the reader gives, and was it so at the last look? It
 * happens to clients whose broker has begun again. Only this thread moves `live`. */
static bool is_stuck(follower *f)
{
    const stele_feed *feed = f->feed;
    bool is_so = false;
    for (int32_t i = 0; i < feed->partitions && !atomic_load(&feed->stops); i++) {
        int64_t first, end;
        stele_error err;
        const stele_partition source = {feed->subject.topic, i};
        if (stele_log_bounds(feed->options->log, source, STELE_READ_COMMITTED, ASK_MS, &first, &end,
                             &err) < 0)
            return false; /* it is away, which is another matter */
        bool is_behind = end > feed->live[i];
        is_so = is_so || (is_behind && f->behind[i] == feed->live[i]);
        f->behind[i] = is_behind ? feed->live[i] : -1;
    }
    return is_so;
}

/* What a reader does not tell, now and then, and where a new stream has found another count. */
static stele_status look(follower *f, stele_error *err)
{
    stele_feed *feed = f->feed;
    bool is_asked = atomic_exchange(&feed->is_doubted, false);
    if (!is_asked && !stele_deadline_passed(f->look)) return STELE_OK;
    f->look = stele_deadline_after(stele_log_clock(feed->options->log), LOOK_MS);
    if (!look_at_count(feed, err)) return err->status;
    if (is_stuck(f)) let_go(f);
    return STELE_OK;
}

static stele_status step(follower *f, stele_error *err)
{
    STELE_AUTO_VALUE(stele_batch) batch = {0};
    int most_ms = stele_deadline_remaining_ms(f->look, pause_ms(f->feed));
    stele_status status = stele_log_reader_next(f->reader, most_ms, &batch, err);
    if (status == STELE_E_TIMED_OUT) return look(f, err);
    if (status < 0) return status;
    if (batch.status < 0) {
        *err = batch.error;
        return batch.status;
    }
    bool is_kept = take(f, &batch);
    stele_log_batch_release(&batch);
    if (!is_kept) let_go(f); /* what was read and not kept is read again */
    return is_kept ? look(f, err) : STELE_OK;
}

static bool goes_on(const follower *f)
{
    return !atomic_load(&f->feed->stops);
}

void stele_feed_follow(void *context)
{
    follower f = {.feed = context};
    stele_feed *feed = f.feed;
    f.teller = (stele_feed_teller){.subject = &feed->subject, .registry = feed->options->registry};
    uint64_t heard = stele_feed_rings(&feed->bell); /* before the look at what it rings for */
    while (goes_on(&f)) {
        stele_error err = {0};
        stele_status status = STELE_OK;
        if (!has_streams(feed)) {
            let_go(&f);
            stele_feed_await(&feed->bell, heard, -1);
        } else if (f.reader == NULL) {
            status = begin(&f, &err);
        } else {
            status = step(&f, &err);
        }
        if (status < 0 && (err.next != STELE_NEXT_RETRY || status == STELE_E_NOT_FOUND)) {
            end_all(feed, &err);
            let_go(&f);
        } else if (status < 0) {
            stele_feed_await(&feed->bell, heard, AGAIN_MS);
        }
        tend(feed);
        heard = stele_feed_rings(&feed->bell);
    }
    let_go(&f);
    stele_feed_teller_clear(&f.teller);
}
