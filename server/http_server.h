/* SPDX-License-Identifier: MIT
 * An HTTP/1.1 server: one thread with epoll has all connections, and a few workers answer what has
 * been asked. A connection that waits for its answer occupies no thread of its own. A client that
 * is slow, silent or hostile costs the others nothing: every request has a deadline, and clients,
 * bodies and waiting requests have limits. There is no TLS and no authentication: that is a
 * proxy's.
 */
#ifndef STELE_SERVER_HTTP_SERVER_H
#define STELE_SERVER_HTTP_SERVER_H

#include "core/logger.h"
#include "core/scope.h"
#include "server/listen.h"
#include "server/router.h"

typedef struct stele_http_server stele_http_server;

/** Zero means the default. */
typedef struct stele_http_server_options {
    const char *listen;             /* NULL: "127.0.0.1:8081"; port 0: any that is free */
    const stele_listener *listener; /* instead: where it listens already; the socket is taken over,
                                       also on failure */
    const stele_http_api *apis;     /* borrowed, as all they point to; must outlive the server */
    size_t api_count;
    const stele_logger *logger; /* NULL: nothing is logged; borrowed likewise */
    size_t body_max;            /* bytes of one body; 2 MiB */
    size_t bodies_max;          /* bytes of all bodies at one time; 64 MiB */
    size_t connections_max;     /* 4096, and never more than the file descriptors allow */
    size_t peer_max;  /* of them, those of one address that are within a request; a quarter */
    int request_ms;   /* for a whole request, head and body, and for taking its answer; 30,000 */
    int idle_ms;      /* between two requests; 60,000 */
    size_t workers;   /* threads that answer; 16 */
    size_t queue_max; /* requests that wait for one of them; 256 */
    int answer_ms;    /* for an answer, made by a worker or promised; then 504. 120,000 */
    /** How what the server itself refuses is written; NULL: stele_http_reply_error. */
    void (*refuse)(stele_http_reply *reply, const stele_http_refusal *refusal);
} stele_http_server_options;

/**
 * Start to serve; threads of its own answer.
 *
 * @param out  caller owns; release with stele_http_server_close
 * @return what stele_listen does
 *         STELE_E_UNAVAILABLE  no threads or file descriptors are left (next = STOP)
 */
stele_status stele_http_server_open(const stele_http_server_options *options,
                                    stele_http_server **out, stele_error *err);

/**
 * Accept nothing more, answer what has been asked within `timeout_ms` and the rest with 503, then
 * release it. Requests that have not come whole are dropped at once. Answers that were promised and
 * have not been given may be given later: they are dropped, and no API is called any more.
 */
void stele_http_server_close(stele_http_server *server, int timeout_ms);

/** Where it listens: "127.0.0.1:8081". Borrowed. */
const char *stele_http_server_address(const stele_http_server *server);

/** Can only this machine reach it? */
bool stele_http_server_is_local(const stele_http_server *server);

/** How many connections it will have at most, after looking at what the system allows. */
size_t stele_http_server_connections_max(const stele_http_server *server);

#endif
