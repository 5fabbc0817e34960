/* SPDX-License-Identifier: MIT
 * Which handler answers which request: tables of routes, one table for each API that a server
 * offers. */
#ifndef STELE_SERVER_ROUTER_H
#define STELE_SERVER_ROUTER_H

#include "server/http_reply.h"
#include "server/http_request.h"

/**
 * Answer a request. Called in one of the server's worker threads, where it may wait; several
 * threads call it at the same time.
 *
 * @param context  that of the API
 */
typedef void stele_http_handler(void *context, const stele_http_request *request,
                                stele_http_reply *reply);

typedef struct stele_http_route {
    stele_http_method method;
    const char *segments[STELE_HTTP_SEGMENTS_MAX]; /* "*": any one segment that is not empty */
    stele_http_handler *handler;
    bool waits; /* it usually waits for another system, as a write does: some threads are kept free
                   of such work */
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
 * @param api    the one that has the path; NULL if none has
 * @param reply  filled if no route is found: 404, or 405 with the methods that there are
 * @return NULL: see `reply`
 */
const stele_http_route *stele_http_route_find(const stele_http_api *apis, size_t count,
                                              const stele_http_request *request,
                                              const stele_http_api **api, stele_http_reply *reply);

#endif
