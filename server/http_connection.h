/* SPDX-License-Identifier: MIT
 * One connection of the server: requests in, replies out, one after the other. Used by the thread
 * of the server's loop only; it knows neither epoll nor the other connections. */
#ifndef STELE_SERVER_HTTP_CONNECTION_H
#define STELE_SERVER_HTTP_CONNECTION_H

#include "server/http_reader.h"
#include "server/http_reply.h"

typedef enum stele_http_stage {
    STELE_HTTP_IDLE = 0,  /* nothing of a request has come */
    STELE_HTTP_READING,   /* a part of a request has come */
    STELE_HTTP_ANSWERING, /* a handler has the request, or has promised an answer */
    STELE_HTTP_WRITING,
    STELE_HTTP_STREAMING, /* the reply comes piece by piece */
    STELE_HTTP_LINGERING, /* all is written and nothing more is sent; what still comes is dropped,
                             as closing at once would take the reply away from a client that sends
                           */
    STELE_HTTP_CLOSED
} stele_http_stage;

/** Who is at the other end: an IPv4 address, or the first 64 bits of an IPv6 address. */
typedef struct stele_http_peer {
    uint8_t bytes[9];
} stele_http_peer;

typedef struct stele_http_connection {
    int fd;
    stele_http_peer peer;
    stele_http_stage stage;
    int64_t until_ns; /* when the stage has lasted too long */
    stele_http_reader reader;
    stele_buffer input;  /* come and not yet used */
    stele_buffer output; /* to be written */
    size_t written;      /* of it */
    size_t dropped;      /* bytes, while lingering */
    bool head_only;      /* the reply has no body: HEAD was asked for */
    bool closes;         /* the reply is the last one */
    bool takes_chunks;   /* the client knows them */
    bool at_end;         /* the client sends nothing more */
    bool is_refused;     /* over a limit: it gets its reply and does not count */
} stele_http_connection;

/** Release all it has, and close its socket. */
void stele_http_connection_clear(stele_http_connection *connection);

/** Read what has come. @return false: the connection is broken */
bool stele_http_connection_receive(stele_http_connection *connection);

/** Write what can be written. @return false: the connection is broken */
bool stele_http_connection_send(stele_http_connection *connection);

/** Take a step in the request that is coming, as stele_http_reader_step. */
stele_http_progress stele_http_connection_step(stele_http_connection *connection,
                                               stele_http_refusal *refusal);

/** Queue a reply to the request at hand. */
void stele_http_connection_reply(stele_http_connection *connection, const stele_http_reply *reply,
                                 const char *content_type, int64_t now_s);

/** Queue the head of a reply whose body comes piece by piece, the last one of the connection. */
void stele_http_connection_begin(stele_http_connection *connection, const stele_http_reply *reply,
                                 int64_t now_s);

/** Queue a piece of it, or, if it is empty, the end. */
void stele_http_connection_piece(stele_http_connection *connection, stele_bytes piece);

#endif
