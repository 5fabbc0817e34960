/* SPDX-License-Identifier: MIT
 * What the files of the HTTP server share. All of it belongs to the loop's thread, except
 * where a comment says otherwise. */
#ifndef STELE_SERVER_HTTP_INSIDE_H
#define STELE_SERVER_HTTP_INSIDE_H

#include "core/monitor.h"
#include "server/http_connection.h"
#include "server/http_server.h"
#include "server/listen.h"
#include "server/work_pool.h"

/** A connection in the server's list, which is in the order of their last request. */
typedef struct stele_http_client {
    stele_http_connection connection;
    struct stele_http_client *previous, *next;
    struct stele_http_asked *asked; /* what a worker has of it; NULL: nothing */
    stele_http_stream *stream;      /* that is written to it; NULL: none */
    size_t body_counted;            /* of the server's body_size */
    uint32_t events;                /* that epoll is asked for */
} stele_http_client;

/** How answered requests come back to the loop from other threads. It outlives the server for as
 * long as someone holds a promise. */
typedef struct stele_http_mailbox {
    stele_monitor monitor;
    int wake; /* eventfd: something below the lock has changed */
    struct stele_http_asked *answered;
    stele_http_stream *told, *told_last; /* streams that have something, the first one first */
    size_t users;                        /* the server, and each promise */
    bool is_closed;                      /* the server is gone */
} stele_http_mailbox;

/** A request that is with its handler, or promised, or on its way there or back. */
typedef struct stele_http_asked {
    stele_work work;
    stele_http_mailbox *mailbox;
    stele_http_client *client; /* NULL: it is closed, and no one waits for the reply */
    const stele_http_route *route;
    const stele_http_api *api;
    stele_http_request request;
    stele_http_reply reply; /* the handler's */
    stele_http_head head;
    stele_buffer body;

    /* Below the mailbox's lock, for as long as it has users. */
    int users;                 /* the handler, and who has promised */
    bool is_promised;          /* the handler's reply does not count */
    stele_http_reply promised; /* that of who has promised */
    struct stele_http_asked *next;
} stele_http_asked;

/** Failures of one kind, of which one line is logged in a while: clients may cause any number. */
typedef struct stele_http_failures {
    int64_t logged_ns; /* the last line; 0: none yet */
    size_t unlogged;   /* since then */
} stele_http_failures;

enum { STELE_HTTP_LOG_EVERY_S = 10, STELE_HTTP_FAILURE_CODES = 6 /* 500 to 505 */ };

/** @return may a line be logged now? Counts the failure in any case */
bool stele_http_failures_count(stele_http_failures *of);

struct stele_http_server {
    stele_http_server_options options; /* defaults filled in */
    stele_listener listener;
    int epoll;
    stele_thread thread;
    stele_work_pool *pool;

    stele_http_client *first, *last;
    stele_http_client *doomed; /* closed; freed at the end of a turn, as events may still name it */
    size_t count;              /* connections, those that were refused apart */
    size_t refused_count;
    size_t busy_count;           /* with a worker or being written */
    size_t streaming_count;      /* with a stream */
    size_t body_size;            /* bytes of bodies in memory */
    int64_t look_ns;             /* when to look at the stages' ends again */
    int64_t accept_ns;           /* when to accept again; 0: now */
    stele_http_failures refused; /* connections */
    stele_http_failures failed[STELE_HTTP_FAILURE_CODES]; /* requests */

    stele_http_mailbox *mailbox; /* its lock is for the rest */
    bool is_stopping;
    stele_deadline stop_until;
};

/** The loop: serves until it is stopped. @param server  a stele_http_server */
void stele_http_loop(void *server);

/** What has come on a connection, or can be written: go on with it as far as it goes. */
void stele_http_advance(stele_http_server *server, stele_http_client *client);

/** Send the reply of a request to its client, and release the request. */
void stele_http_finish(stele_http_server *server, stele_http_asked *asked);

/** @return NULL: the system gives no eventfd; errno says why */
stele_http_mailbox *stele_http_mailbox_new(void);

/** The server does not take anything out any more; what is in it is dropped. */
void stele_http_mailbox_close(stele_http_mailbox *mailbox);

/** Take out what has been answered, in any order. */
stele_http_asked *stele_http_mailbox_take(stele_http_mailbox *mailbox);

/** Take out the stream that has had something, or has ended, for longest. @return NULL: there is
 * none */
stele_http_stream *stele_http_mailbox_take_stream(stele_http_mailbox *mailbox);

/** How a stream says that it has something. */
stele_http_stream_taker stele_http_mailbox_taker(stele_http_mailbox *mailbox);

/* ---- http_streaming.c ---- */

/** Begin to write the stream of a reply, which is taken over. Streams may have three quarters of
 * all connections. @return false: there are too many */
bool stele_http_stream_begin(stele_http_server *server, stele_http_client *client,
                             stele_http_reply *reply);

/** Go on with it. @return false: nothing more can be done now */
bool stele_http_stream_on(stele_http_server *server, stele_http_client *client);

/** Say farewell, and end it. */
void stele_http_stream_stop(stele_http_server *server, stele_http_client *client);

/** A request with its handler, whose body and head are taken over from the client. */
stele_http_asked *stele_http_asked_new(stele_http_server *server, stele_http_client *client,
                                       const stele_http_api *api, const stele_http_route *route,
                                       stele_http_request *request);
void stele_http_asked_free(stele_http_asked *asked);

/** The reply of one that has been answered. */
stele_http_reply *stele_http_asked_reply(stele_http_asked *asked);

/** Call the handler. @return true: the reply is there; false: it is promised, and comes by way of
 * the mailbox */
bool stele_http_asked_run(stele_http_asked *asked);

/** Answer with an error, the last reply of the connection. */
void stele_http_deny(stele_http_server *server, stele_http_client *client, unsigned code,
                     const char *text);

/** Accept the connections that are waiting. */
void stele_http_accept(stele_http_server *server);

/** Close a connection. The reply to what a worker has of it is dropped. */
void stele_http_drop(stele_http_server *server, stele_http_client *client);

/** Enter a stage, with its end. */
void stele_http_enter(stele_http_server *server, stele_http_client *client, stele_http_stage stage);

/** Tell epoll what the stage waits for. While an answer is made that is nothing, but epoll is told
 * so only when there is something: see stele_http_mute. */
void stele_http_watch(stele_http_server *server, stele_http_client *client);

/** What a client says before it has its answer, or its end, is left for later. */
void stele_http_mute(stele_http_server *server, stele_http_client *client);

#endif
