/* SPDX-License-Identifier: MIT
 * The port to other HTTP servers: a request is asked, and its answer is told, whenever it comes;
 * no one waits meanwhile. The implementation here is libcurl's, in a thread of its own, whose
 * connections stay open for the next requests. */
#ifndef STELE_HTTP_AGENT_H
#define STELE_HTTP_AGENT_H

#include <stdbool.h>

#include <stele/bytes.h>
#include <stele/error.h>

#include "core/runtime.h"
#include "core/scope.h"

/** A request. Borrowed for the call of `ask`, but for the body: until the answer. */
typedef struct stele_agent_request {
    const char *method;
    const char *url;           /* "http://…" */
    const char *const *fields; /* "Name: value"; NULL-terminated; NULL: none */
    stele_bytes body;          /* no data: none */
    int timeout_ms;
} stele_agent_request;

/** What came of it. */
typedef struct stele_agent_answer {
    long code;        /* HTTP status; 0: there is none, the failure says why */
    stele_bytes body; /* views for the call */
    stele_bytes head; /* header fields as lines */
    bool was_sent;    /* something of the request may have come to the server */
} stele_agent_answer;

/** Called once for each request, in any thread but that of `ask`. It must not block; it may ask. */
typedef void stele_agent_answered(void *context, const stele_agent_answer *answer,
                                  const stele_error *failure);

typedef struct stele_agent_ops {
    /** @return its number, for `cancel`; never 0 */
    uint64_t (*ask)(void *self, const stele_agent_request *request, stele_agent_answered *answered,
                    void *context);
    /** Give it up: it is answered soon, with STELE_E_INTERRUPTED if not otherwise. */
    void (*cancel)(void *self, uint64_t number);
} stele_agent_ops;

/** Passed by value; `self` is borrowed and outlives every copy. Any thread may use it. */
typedef struct stele_agent {
    const stele_agent_ops *ops;
    void *self;
} stele_agent;

/** The value of a header field, in any case of its name. @return false: it is not there */
bool stele_agent_field(const stele_agent_answer *answer, const char *name, stele_bytes *out);

/* ---- libcurl's ---- */

typedef struct stele_curl_agent stele_curl_agent;

/**
 * @param runtime  the operating system's
 * @param out      caller owns; release with stele_curl_agent_free
 * @return STELE_E_UNAVAILABLE  no thread is left (next = RETRY)
 */
stele_status stele_curl_agent_new(stele_runtime runtime, stele_curl_agent **out, stele_error *err);

/** Gives up what is under way, and answers it. No one asks any more. */
void stele_curl_agent_free(stele_curl_agent *agent);
STELE_SCOPE(stele_curl_agent, stele_curl_agent_free);

stele_agent stele_curl_agent_port(stele_curl_agent *agent);

#endif
