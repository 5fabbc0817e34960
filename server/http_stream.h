/* SPDX-License-Identifier: MIT
 * A reply whose body comes piece by piece, for as long as both ends want it. Its maker puts pieces
 * in, from any thread; the server's loop takes them out and sends them. What the client does not
 * take stays here, up to a limit, and the maker is told when there is room again. Knows neither
 * sockets nor what the pieces mean. */
#ifndef STELE_SERVER_HTTP_STREAM_H
#define STELE_SERVER_HTTP_STREAM_H

#include <stdbool.h>

#include <stele/buffer.h>

#include "core/scope.h"

typedef struct stele_http_stream stele_http_stream;

typedef struct stele_http_stream_options {
    const char *content_type; /* a constant */
    const char *farewell;     /* a constant: the last piece where the server ends; NULL: none */
    size_t room;              /* bytes that wait for the client; one piece more may begin in it */
    /** The client is gone, or there is room after a piece was refused. Called in the server's
     * thread, with locks held: it records and wakes, and calls nothing of the stream. */
    void (*changed)(void *context);
    void *context;
} stele_http_stream_options;

/**
 * For a reply, which takes over one of its two ends.
 * @return never NULL; the maker's end is released with stele_http_stream_end
 */
stele_http_stream *stele_http_stream_new(const stele_http_stream_options *options);

/* ---- the maker's end ---- */

/** Put a piece in, whole. @return false: there is no room, or no one takes it any more */
bool stele_http_stream_put(stele_http_stream *stream, stele_bytes piece);

/** Is there room for a piece? Where there is none, `changed` is called when there is. */
bool stele_http_stream_has_room(stele_http_stream *stream);

/** Is the client there? */
bool stele_http_stream_is_open(stele_http_stream *stream);

/** The last piece has been put in: the client gets the rest and the end. Releases the maker's end;
 * `changed` is not called any more. NULL is fine. */
void stele_http_stream_end(stele_http_stream *stream);

/* ---- the other end, of a reply and then of the loop ---- */

/** How the loop is told that a stream has something for it. Called with the stream's lock held. */
typedef struct stele_http_stream_taker {
    void (*tell)(void *self, stele_http_stream *stream);   /* also when it was told already */
    void (*forget)(void *self, stele_http_stream *stream); /* it is not told of any more */
    void *self;
} stele_http_stream_taker;

/** Tell the taker from now on. @param client  given back by stele_http_stream_client */
void stele_http_stream_attach(stele_http_stream *stream, stele_http_stream_taker taker,
                              void *client);
void *stele_http_stream_client(const stele_http_stream *stream);

/** Take out what is there. @return false: that was all, and the maker has ended it */
bool stele_http_stream_take(stele_http_stream *stream, stele_buffer *out);

const char *stele_http_stream_content_type(const stele_http_stream *stream);
const char *stele_http_stream_farewell(const stele_http_stream *stream);

/** The client takes no more. Releases this end. NULL is fine. */
void stele_http_stream_leave(stele_http_stream *stream);

/** A place in the list of a taker, whose lock guards it. */
typedef struct stele_http_stream_place {
    stele_http_stream *previous, *next;
    bool is_taken; /* it is in the list */
} stele_http_stream_place;

stele_http_stream_place *stele_http_stream_place_of(stele_http_stream *stream);

#endif
