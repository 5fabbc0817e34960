/* SPDX-License-Identifier: MIT
 * What a feed keeps, and what its streams get of it. */
#include "server/feed.h"

#include <string.h>

#include "core/alloc.h"
#include "core/text.h"
#include "server/event_stream.h"

enum { FETCH_MIN = 64 << 10, FETCH_MAX = 1 << 20 };

/* ---- waking ---- */

void stele_feed_ring(stele_feed_bell *bell)
{
    stele_monitor_lock(&bell->monitor);
    bell->rings++;
    if (bell->reader != NULL) stele_log_reader_wake(bell->reader);
    stele_monitor_wake(&bell->monitor);
    stele_monitor_unlock(&bell->monitor);
}

uint64_t stele_feed_rings(stele_feed_bell *bell)
{
    stele_monitor_lock(&bell->monitor);
    uint64_t rings = bell->rings;
    stele_monitor_unlock(&bell->monitor);
    return rings;
}

void stele_feed_await(stele_feed_bell *bell, uint64_t heard, int timeout_ms)
{
    stele_monitor *monitor = &bell->monitor;
    stele_deadline until = stele_deadline_after(stele_runtime_clock(monitor->runtime), timeout_ms);
    stele_monitor_lock(monitor);
    while (bell->rings == heard && stele_monitor_wait(monitor, until)) {
    }
    stele_monitor_unlock(monitor);
}

void stele_feed_wakes(stele_feed_bell *bell, stele_log_reader *reader)
{
    stele_monitor_lock(&bell->monitor);
    bell->reader = reader;
    stele_monitor_unlock(&bell->monitor);
}

/* ---- one stream ---- */

bool stele_feed_stream_reads(const stele_feed_stream *stream, int32_t partition)
{
    return stream->cursor.only < 0 || stream->cursor.only == partition;
}

bool stele_feed_stream_wants(const stele_feed_stream *stream, int32_t partition, int64_t offset,
                             stele_bytes key)
{
    return stele_feed_stream_reads(stream, partition) &&
           offset >= stream->cursor.offsets[partition] &&
           (stream->id == NULL || stele_bytes_equal(key, stele_text(stream->id)));
}

void stele_feed_stream_pass(stele_feed_stream *stream, int32_t partition, int64_t next)
{
    if (!stele_feed_stream_reads(stream, partition) || stream->cursor.offsets[partition] >= next)
        return;
    stream->cursor.offsets[partition] = next;
    stream->has_moved = true;
}

static void write_id(const stele_feed_stream *stream, stele_buffer *out)
{
    const stele_cursor *cursor = &stream->cursor;
    stele_buffer_append(out, stele_text("id: "));
    if (cursor->only < 0) {
        stele_cursor_write(cursor, out);
    } else {
        const stele_cursor one = {.version = cursor->version,
                                  .only = cursor->only,
                                  .count = 1,
                                  .offsets = {cursor->offsets[cursor->only]}};
        stele_cursor_write(&one, out);
    }
    stele_buffer_push(out, '\n');
}

static void put_off_beat(stele_feed_stream *stream, int beat_ms)
{
    stream->beat = stele_deadline_after(stream->beat.clock, beat_ms);
}

void stele_feed_stream_begin(stele_feed_stream *stream, int retry_ms)
{
    STELE_AUTO_VALUE(stele_buffer) piece = {0};
    stele_buffer_format(&piece, "retry: %d\n", retry_ms);
    write_id(stream, &piece);
    stele_event_stream_end(&piece);
    stele_http_stream_put(stream->stream, stele_buffer_view(&piece));
}

bool stele_feed_stream_give(stele_feed_stream *stream, int32_t partition, int64_t offset,
                            stele_bytes text, int beat_ms)
{
    if (text.size == 0) {
        stele_feed_stream_pass(stream, partition, offset + 1);
        return true;
    }
    if (!stele_http_stream_has_room(stream->stream)) return false;
    STELE_AUTO_VALUE(stele_buffer) piece = {0};
    stele_feed_stream_pass(stream, partition, offset + 1);
    stream->has_moved = false;
    write_id(stream, &piece);
    stele_buffer_append(&piece, text);
    stele_event_stream_end(&piece);
    stele_http_stream_put(stream->stream, stele_buffer_view(&piece));
    put_off_beat(stream, beat_ms);
    return true;
}

void stele_feed_stream_beat(stele_feed_stream *stream, int beat_ms)
{
    if (!stele_deadline_passed(stream->beat)) return;
    put_off_beat(stream, beat_ms);
    if (!stele_http_stream_has_room(stream->stream)) return;
    STELE_AUTO_VALUE(stele_buffer) piece = {0};
    stele_buffer_append(&piece, stele_text(":\n"));
    if (stream->has_moved) write_id(stream, &piece); /* an id without data moves the last id */
    stream->has_moved = false;
    stele_event_stream_end(&piece);
    stele_http_stream_put(stream->stream, stele_buffer_view(&piece));
}

void stele_feed_stream_tell_end(stele_feed_stream *stream, const stele_error *why)
{
    STELE_AUTO_VALUE(stele_buffer) piece = {0};
    STELE_AUTO_VALUE(stele_buffer) json = {0};
    stele_buffer_append(&json, stele_text("{\"reason\":"));
    stele_show_json(&json, stele_text(why->text));
    stele_buffer_push(&json, '}');
    stele_event_stream_field(&piece, "event", stele_text("end"));
    stele_event_stream_field(&piece, "data", stele_buffer_view(&json));
    stele_event_stream_end(&piece);
    stele_http_stream_put(stream->stream, stele_buffer_view(&piece));
    stream->is_over = true;
}

/* ---- what is kept ---- */

static stele_feed_kept **slot_of(stele_feed *feed, uint64_t number)
{
    return &feed->kept[number % STELE_FEED_KEPT_MAX];
}

static size_t size_of(const stele_feed_kept *kept)
{
    return sizeof *kept + kept->key.size + kept->text.size;
}

static void forget_first(stele_feed *feed)
{
    stele_feed_kept *kept = *slot_of(feed, feed->first);
    stele_bytes key = stele_buffer_view(&kept->key);
    feed->begins[kept->partition] = kept->offset + 1;
    feed->kept_size -= size_of(kept);
    if (feed->last != NULL && !kept->is_old) stele_table_remove(feed->last, key);
    feed->first++;
    stele_buffer_clear(&kept->key);
    stele_buffer_clear(&kept->text);
    free(kept);
}

void stele_feed_forget_all(stele_feed *feed)
{
    while (feed->first < feed->end)
        forget_first(feed);
}

static void note_last(stele_feed *feed, stele_feed_kept *kept)
{
    if (feed->last == NULL || kept->key.size > STELE_TABLE_KEY_MAX) return;
    bool is_new;
    uint64_t *number = stele_table_insert(feed->last, stele_buffer_view(&kept->key), &is_new);
    if (number == NULL) return;
    if (!is_new) (*slot_of(feed, *number))->is_old = true;
    *number = feed->end;
}

void stele_feed_keep(stele_feed *feed, stele_feed_kept *kept)
{
    feed->kept_size += size_of(kept);
    while (feed->first < feed->end && (feed->kept_size > feed->options->kept_max ||
                                       feed->end - feed->first == STELE_FEED_KEPT_MAX))
        forget_first(feed);
    note_last(feed, kept);
    *slot_of(feed, feed->end) = kept;
    feed->end++;
}

bool stele_feed_has(const stele_feed *feed, const stele_feed_stream *stream)
{
    for (int32_t i = 0; i < feed->partitions; i++)
        if (stele_feed_stream_reads(stream, i) && stream->cursor.offsets[i] < feed->begins[i])
            return false;
    return feed->is_following;
}

stele_log_reader_options stele_feed_reading(size_t bytes, int32_t partitions)
{
    size_t each = bytes / (size_t)partitions;
    if (each < FETCH_MIN) each = FETCH_MIN;
    return (stele_log_reader_options){.queue_max = each,
                                      .fetch_max = each < FETCH_MAX ? each : FETCH_MAX};
}

/* ---- all streams ---- */

/* All that is kept and new to it, as far as it has room. */
static void give_kept(stele_feed *feed, stele_feed_stream *stream)
{
    for (; stream->at < feed->end; stream->at++) {
        const stele_feed_kept *kept = *slot_of(feed, stream->at);
        bool is_wanted = stele_feed_stream_wants(stream, kept->partition, kept->offset,
                                                 stele_buffer_view(&kept->key));
        if (is_wanted && !kept->is_old &&
            !stele_feed_stream_give(stream, kept->partition, kept->offset,
                                    stele_buffer_view(&kept->text), feed->options->beat_ms))
            return;
        stele_feed_stream_pass(stream, kept->partition, kept->offset + 1);
    }
    for (int32_t i = 0; i < feed->partitions; i++)
        stele_feed_stream_pass(stream, i, feed->live[i]);
}

static void tend_one(stele_feed *feed, stele_feed_stream *stream)
{
    bool was_live = stream->is_live;
    stream->is_live = stele_feed_has(feed, stream);
    if (stream->is_live) {
        if (!was_live || stream->at < feed->first) stream->at = feed->first;
        give_kept(feed, stream);
    }
    stele_feed_stream_beat(stream, feed->options->beat_ms);
}

static void release(stele_feed *feed, stele_feed_stream *stream)
{
    atomic_fetch_sub(feed->streams_count, 1);
    stele_http_stream_end(stream->stream);
    free(stream->id);
    free(stream);
}

void stele_feed_tend(stele_feed *feed)
{
    bool has_late = false;
    for (stele_feed_stream **at = &feed->streams; *at != NULL;) {
        stele_feed_stream *stream = *at;
        bool is_over = stream->is_over || !stele_http_stream_is_open(stream->stream);
        if (is_over && !stream->is_taken) {
            *at = stream->next;
            release(feed, stream);
            continue;
        }
        if (!stream->is_taken) {
            tend_one(feed, stream);
            has_late = has_late || (feed->is_following && !stream->is_live &&
                                    stele_http_stream_has_room(stream->stream));
        }
        at = &stream->next;
    }
    if (has_late) stele_feed_ring(&feed->late);
}

/* ---- beginning and end ---- */

static stele_status start_threads(stele_feed *feed, stele_error *err)
{
    for (; feed->thread_count < 1 + STELE_FEED_PASTS; feed->thread_count++) {
        bool follows = feed->thread_count == 0;
        int code = stele_thread_start(stele_log_runtime(feed->options->log),
                                      &feed->threads[feed->thread_count],
                                      follows ? "feed-end" : "feed-past",
                                      follows ? stele_feed_follow : stele_feed_catch_up, feed);
        if (code != 0)
            return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, code,
                                    "no thread is left for a stream: %s", strerror(code));
    }
    return STELE_OK;
}

stele_status stele_feed_new(const stele_feeds_options *options, atomic_size_t *streams_count,
                            const stele_feed_subject *subject, int32_t partitions, stele_feed **out,
                            stele_error *err)
{
    stele_feed *feed = stele_alloc(sizeof *feed);
    feed->options = options;
    feed->streams_count = streams_count;
    feed->subject = *subject;
    feed->subject.id = NULL;
    feed->subject.topic = stele_strdup(subject->topic);
    feed->subject.events = stele_strdup(subject->events);
    feed->partitions = partitions;
    stele_monitor_init(&feed->monitor, stele_log_runtime(options->log));
    stele_monitor_init(&feed->bell.monitor, stele_log_runtime(options->log));
    stele_monitor_init(&feed->late.monitor, stele_log_runtime(options->log));
    if (subject->kind == STELE_FEED_STATES) feed->last = stele_table_new(sizeof(uint64_t), 0);
    stele_status status = start_threads(feed, err);
    if (status < 0) {
        stele_feed_free(feed);
        return status;
    }
    *out = feed;
    return STELE_OK;
}

void stele_feed_free(stele_feed *feed)
{
    if (feed == NULL) return;
    atomic_store(&feed->stops, true);
    stele_feed_ring(&feed->bell);
    stele_feed_ring(&feed->late);
    for (size_t i = 0; i < feed->thread_count; i++)
        stele_thread_join(feed->threads[i]);
    for (stele_feed_stream *at = feed->streams; at != NULL; at = at->next)
        at->is_over = true;
    stele_feed_tend(feed);
    stele_feed_forget_all(feed);
    stele_table_free(feed->last);
    stele_monitor_clear(&feed->bell.monitor);
    stele_monitor_clear(&feed->late.monitor);
    stele_monitor_clear(&feed->monitor);
    free((char *)feed->subject.topic);
    free((char *)feed->subject.events);
    free(feed);
}
