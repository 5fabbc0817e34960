/* SPDX-License-Identifier: MIT
 * The threads that feed streams from the log: those that begin early, and those whose clients are
 * slow. One stream at a time, each for a while, until it has come to what is kept. */

#include "core/alloc.h"
#include "server/feed.h"

enum {
    LOOK_MS = 100,        /* a read looks that often at what else there is */
    TURN_MS = 2000,       /* then another stream has its turn */
    BEGIN_MS = 30000,     /* a connection may take as long, before anything has come */
    ROOM_MS = 500,        /* for the client to take something */
    AGAIN_MS = 1000,      /* where the broker does not answer */
    PAUSE_MS = 200,       /* before the registry is asked again */
    QUEUE_BYTES = 4 << 20 /* fetched ahead */
};

typedef struct feeder {
    stele_feed *feed;
    stele_feed_stream *stream;
    stele_log_reader *reader;
    stele_feed_teller teller;
    stele_deadline turn;
    bool has_begun; /* something was read … */
    bool has_moved; /* … and in this turn, too */
} feeder;

static bool is_over(const feeder *f)
{
    return atomic_load(&f->feed->stops) || f->stream->is_over ||
           !stele_http_stream_is_open(f->stream->stream);
}

/* ---- turns ---- */

/* With the lock. */
static bool is_late(const stele_feed *feed, stele_feed_stream *stream)
{
    return feed->is_following && !stream->is_taken && !stream->is_over &&
           !stele_feed_has(feed, stream) && stele_http_stream_has_room(stream->stream);
}

static void begin_turn(feeder *f, int ms)
{
    f->turn = stele_deadline_after(stele_log_clock(f->feed->options->log), ms);
}

/* Is its turn over? Not while something comes and no other one waits. */
static bool is_turn_over(feeder *f)
{
    if (!stele_deadline_passed(f->turn)) return false;
    bool is_over = !f->has_moved;
    f->has_moved = false;
    stele_monitor_lock(&f->feed->monitor);
    for (stele_feed_stream *at = f->feed->streams; at != NULL && !is_over; at = at->next)
        is_over = is_late(f->feed, at);
    stele_monitor_unlock(&f->feed->monitor);
    begin_turn(f, TURN_MS);
    return is_over;
}

/* ---- one stream ---- */

/* @return false: the client has taken nothing for a while */
static bool await_room(const feeder *f)
{
    stele_clock clock = stele_log_clock(f->feed->options->log);
    stele_deadline until = stele_deadline_after(clock, ROOM_MS);
    for (;;) {
        uint64_t heard = stele_feed_rings(&f->feed->late);
        if (is_over(f)) return false;
        if (stele_http_stream_has_room(f->stream->stream)) return true;
        if (stele_deadline_passed(until)) return false;
        stele_feed_await(&f->feed->late, heard, stele_deadline_remaining_ms(until, ROOM_MS));
    }
}

/* @return false: its turn is over */
static bool tell(feeder *f, const stele_batch *batch, const stele_record *record)
{
    int beat_ms = f->feed->options->beat_ms;
    stele_error err = {0};
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    while (stele_feed_tell(&f->teller, batch, record, &text, &err) < 0) {
        stele_buffer_reset(&text);
        stele_feed_stream_beat(f->stream, beat_ms);
        stele_feed_await(&f->feed->late, stele_feed_rings(&f->feed->late), PAUSE_MS);
        if (is_over(f) || is_turn_over(f)) return false;
    }
    while (!stele_feed_stream_give(f->stream, batch->partition.index, record->offset,
                                   stele_buffer_view(&text), beat_ms))
        if (!await_room(f)) return false;
    return true;
}

static bool take(feeder *f, const stele_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        bool is_wanted =
            stele_feed_stream_wants(f->stream, batch->partition.index, record->offset, record->key);
        if (is_wanted && !tell(f, batch, record)) return false;
    }
    stele_feed_stream_pass(f->stream, batch->partition.index, batch->next_offset);
    return true;
}

static stele_status open_reader(feeder *f, stele_error *err)
{
    const stele_feed_stream *stream = f->stream;
    const stele_feed *feed = f->feed;
    stele_log_reader_options options = stele_feed_reading(QUEUE_BYTES, stream->partitions);
    options.haste = STELE_READER_HASTY;
    stele_status status = stele_log_reader_open(feed->options->log, &options, &f->reader, err);
    for (int32_t i = 0; i < stream->partitions && status == STELE_OK; i++) {
        if (stele_feed_stream_reads(stream, i))
            status = stele_log_reader_start(f->reader, (stele_partition){feed->subject.topic, i},
                                            stream->cursor.offsets[i], err);
    }
    return status;
}

/* Is all that comes next kept? */
static bool has_come(const feeder *f)
{
    stele_monitor_lock(&f->feed->monitor);
    bool has = stele_feed_has(f->feed, f->stream);
    stele_monitor_unlock(&f->feed->monitor);
    return has;
}

/* @param goes_on  false: its turn is over */
static stele_status step(feeder *f, bool *goes_on, stele_error *err)
{
    STELE_AUTO_VALUE(stele_batch) batch = {0};
    stele_status status = stele_log_reader_next(f->reader, LOOK_MS, &batch, err);
    stele_feed_stream_beat(f->stream, f->feed->options->beat_ms);
    if (status == STELE_E_TIMED_OUT) return STELE_OK;
    if (status < 0) return status;
    if (batch.status < 0) {
        *err = batch.error;
        return batch.status;
    }
    if (!f->has_begun) begin_turn(f, TURN_MS);
    f->has_begun = f->has_moved = true;
    *goes_on = take(f, &batch);
    return STELE_OK;
}

/* One stream for a while. */
static void feed_one(feeder *f)
{
    stele_error err = {0};
    stele_status status = open_reader(f, &err);
    bool goes_on = true;
    f->has_begun = f->has_moved = false;
    begin_turn(f, BEGIN_MS);
    while (status == STELE_OK && goes_on && !is_over(f) && !has_come(f) && !is_turn_over(f))
        status = step(f, &goes_on, &err);
    stele_log_reader_close(f->reader);
    f->reader = NULL;
    if (status < 0 && err.next != STELE_NEXT_RETRY)
        stele_feed_stream_tell_end(f->stream, &err);
    else if (status < 0)
        stele_feed_await(&f->feed->late, stele_feed_rings(&f->feed->late), AGAIN_MS);
}

/* ---- whose turn it is ---- */

/* The first one that is late; it becomes the last one of all. @return NULL: there is none */
static stele_feed_stream *find_late(stele_feed *feed)
{
    stele_monitor_lock(&feed->monitor);
    stele_feed_stream **at = &feed->streams;
    while (*at != NULL && !is_late(feed, *at))
        at = &(*at)->next;
    stele_feed_stream *found = *at;
    if (found != NULL) {
        *at = found->next;
        while (*at != NULL)
            at = &(*at)->next;
        *at = found;
        found->next = NULL;
        found->is_taken = true;
        found->is_live = false;
    }
    stele_monitor_unlock(&feed->monitor);
    return found;
}

static void give_back(stele_feed *feed, stele_feed_stream *stream)
{
    stele_monitor_lock(&feed->monitor);
    stream->is_taken = false;
    stele_monitor_unlock(&feed->monitor);
    stele_feed_ring(&feed->bell);
}

void stele_feed_catch_up(void *context)
{
    feeder f = {.feed = context};
    stele_feed *feed = f.feed;
    f.teller = (stele_feed_teller){.subject = &feed->subject, .registry = feed->options->registry};
    uint64_t heard = stele_feed_rings(&feed->late); /* before the look at what it rings for */
    while (!atomic_load(&feed->stops)) {
        f.stream = find_late(feed);
        if (f.stream == NULL) {
            stele_feed_await(&feed->late, heard, -1);
        } else {
            feed_one(&f);
            give_back(feed, f.stream);
        }
        heard = stele_feed_rings(&feed->late);
    }
    stele_feed_teller_clear(&f.teller);
}
