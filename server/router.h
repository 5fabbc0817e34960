/* SPDX-License-Identifier: MIT
 * Which handler answers which request: tables of routes, one table for each API that a server
 * offers. */
#ifndef STELE_SERVER_ROUTER_H
#define STELE_SERVER_ROUTER_H

#include "server/http_reply.h"
#include "server/http_request.h"

/**
 * Answer a request, or promise an answer. Called in one of the server's threads; several threads
 * call it at the same time.
 *
 * @param context  that of the API
 * @param reply    not looked at where the handler has promised one
 */
typedef void stele_http_handler(void *context, const stele_http_request *request,
                                stele_http_reply *reply);

/** A promised answer: who holds it gives it, once. */
typedef struct stele_http_later {
    stele_http_asker asker;
} stele_http_later;

/**
 * Promise an answer, within the handler's call and once. Until it is given the request stays valid,
 * and occupies no thread.
 */
static inline stele_http_later stele_http_promise(const stele_http_request *request)
{
    request->asker.promise(request->asker.self);
    return (stele_http_later){request->asker};
}

/**
 * Give it. From any thread, also within the handler's call; when the client has gone away, when its
 * time was over and when the server is closed the answer is dropped.
 *
 * @param reply  taken over
 */
static inline void stele_http_later_answer(stele_http_later later, stele_http_reply *reply)
{
    later.asker.answer(later.asker.self, reply);
}

/** What a handler does while it answers. */
typedef enum stele_http_work {
    STELE_HTTP_COMPUTES = 0, /* in a worker */
    STELE_HTTP_WAITS,        /* for another system, as a write does, in a worker: some of them are
                                kept free of such work */
    STELE_HTTP_PROMISES      /* at once, in the loop's thread if the body is small: it does little
                                and never waits, and promises what takes longer */
} stele_http_work;

typedef struct stele_http_route {
    stele_http_method method;
    const char *segments[STELE_HTTP_SEGMENTS_MAX]; /* "*": any one segment that is not empty */
    stele_http_handler *handler;
    stele_http_work work;
} stele_http_route;

/** A part of what a server offers. Borrowed, must outlive the server. */
typedef struct stele_http_api {
    const stele_http_route *routes;
    size_t count;
    const char *content_type; /* of its answers; NULL: application/json */
    void *context;
    void (*interrupt)(void *context); /* make handlers that wait return soon; NULL: they do */
} stele_http_api;

/**
 * Find who answers.
 *
 * @param api      the one that has the path; NULL if none has
 * @param refusal  filled if no route is found: 404 or 405
 * @param allowed  the methods that the path has; 0 if it has none
 * @return NULL: see `refusal`
 */
const stele_http_route *stele_http_route_find(const stele_http_api *apis, size_t count,
                                              const stele_http_request *request,
                                              const stele_http_api **api,
                                              stele_http_refusal *refusal, unsigned *allowed);

#endif
