/* SPDX-License-Identifier: MIT
 * What the APIs of an application share: how a request is read, and what a failure is in HTTP. */
#ifndef STELE_SERVER_API_SHARED_H
#define STELE_SERVER_API_SHARED_H

#include "server/http_reply.h"
#include "server/http_request.h"

/** Are there no parameters but these? Replies with 400. @param names  NULL-terminated */
bool stele_api_parameters(const stele_http_request *request, const char *const *names,
                          stele_http_reply *reply);

/** A parameter that is a whole number; replies with 400 if it is none.
 * @param out  left as it is where the parameter is absent */
bool stele_api_number(const stele_http_request *request, const char *name, int64_t min, int64_t max,
                      int64_t *out, stele_http_reply *reply);

/** How a request came. */
typedef struct stele_api_way {
    int hops;       /* how often instances have passed it on */
    int timeout_ms; /* that it has; at least 1 */
} stele_api_way;

/** Read it from the header; replies with 400 if it is none.
 * @param timeout_max_ms  what it has at most */
bool stele_api_way_read(const stele_http_request *request, int timeout_max_ms, stele_api_way *out,
                        stele_http_reply *reply);

/** What carrying something out failed with, and is not the caller's fault. */
void stele_api_fault(stele_http_reply *reply, const stele_error *err);

/** What a reading failed with: nothing was to be done, so it can be asked again. */
void stele_api_failure(stele_http_reply *reply, const stele_error *err);

#endif
