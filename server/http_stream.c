/* SPDX-License-Identifier: MIT
 * Two ends and a buffer between them. */
#include "server/http_stream.h"

#include "core/alloc.h"
#include "core/monitor.h"

struct stele_http_stream {
    stele_http_stream_options options;
    stele_monitor monitor;
    stele_buffer pieces; /* put in and not taken out */
    int ends;            /* that hold it */
    bool is_left;        /* no one takes anything */
    bool is_ended;       /* nothing more is put in */
    bool wants_room;     /* the maker waits for it */
    bool is_told;        /* since it took something */
    stele_http_stream_taker taker;
    void *client;
    stele_http_stream_place place;
};

stele_http_stream *stele_http_stream_new(const stele_http_stream_options *options)
{
    stele_http_stream *stream = stele_alloc(sizeof *stream);
    stream->options = *options;
    stream->ends = 2;
    stele_monitor_init(&stream->monitor, stele_runtime_system());
    return stream;
}

/* With the lock held, which is released. */
static void release_end(stele_http_stream *stream)
{
    bool is_last = --stream->ends == 0;
    stele_monitor_unlock(&stream->monitor);
    if (!is_last) return;
    stele_buffer_clear(&stream->pieces);
    stele_monitor_clear(&stream->monitor);
    free(stream);
}

/* With the lock held. */
static void tell(stele_http_stream *stream)
{
    if (stream->is_told || stream->taker.tell == NULL) return;
    stream->is_told = true;
    stream->taker.tell(stream->taker.self, stream);
}

/* ---- the maker's end ---- */

static bool has_room(stele_http_stream *stream)
{
    bool is_there = !stream->is_left && stream->pieces.size < stream->options.room;
    stream->wants_room = !is_there;
    return is_there;
}

bool stele_http_stream_put(stele_http_stream *stream, stele_bytes piece)
{
    stele_monitor_lock(&stream->monitor);
    bool is_taken = has_room(stream);
    if (is_taken) {
        stele_buffer_append(&stream->pieces, piece);
        tell(stream);
    }
    stele_monitor_unlock(&stream->monitor);
    return is_taken;
}

bool stele_http_stream_has_room(stele_http_stream *stream)
{
    stele_monitor_lock(&stream->monitor);
    bool is_there = has_room(stream);
    stele_monitor_unlock(&stream->monitor);
    return is_there;
}

bool stele_http_stream_is_open(stele_http_stream *stream)
{
    stele_monitor_lock(&stream->monitor);
    bool is_open = !stream->is_left;
    stele_monitor_unlock(&stream->monitor);
    return is_open;
}

void stele_http_stream_end(stele_http_stream *stream)
{
    if (stream == NULL) return;
    stele_monitor_lock(&stream->monitor);
    stream->is_ended = true;
    stream->options.changed = NULL;
    tell(stream);
    release_end(stream);
}

/* ---- the other end ---- */

void stele_http_stream_attach(stele_http_stream *stream, stele_http_stream_taker taker,
                              void *client)
{
    stele_monitor_lock(&stream->monitor);
    stream->taker = taker;
    stream->client = client;
    stele_monitor_unlock(&stream->monitor);
}

void *stele_http_stream_client(const stele_http_stream *stream)
{
    return stream->client;
}

static void tell_maker(const stele_http_stream *stream)
{
    if (stream->options.changed != NULL) stream->options.changed(stream->options.context);
}

bool stele_http_stream_take(stele_http_stream *stream, stele_buffer *out)
{
    stele_monitor_lock(&stream->monitor);
    bool goes_on = !stream->is_ended;
    stele_buffer_append(out, stele_buffer_view(&stream->pieces));
    stele_buffer_clear(&stream->pieces);
    stream->is_told = false;
    if (stream->wants_room) tell_maker(stream);
    stream->wants_room = false;
    stele_monitor_unlock(&stream->monitor);
    return goes_on;
}

const char *stele_http_stream_content_type(const stele_http_stream *stream)
{
    return stream->options.content_type;
}

const char *stele_http_stream_farewell(const stele_http_stream *stream)
{
    return stream->options.farewell == NULL ? "" : stream->options.farewell;
}

void stele_http_stream_leave(stele_http_stream *stream)
{
    if (stream == NULL) return;
    stele_monitor_lock(&stream->monitor);
    stream->is_left = true;
    if (stream->taker.forget != NULL) stream->taker.forget(stream->taker.self, stream);
    stream->taker = (stele_http_stream_taker){0};
    tell_maker(stream);
    release_end(stream);
}

stele_http_stream_place *stele_http_stream_place_of(stele_http_stream *stream)
{
    return &stream->place;
}
