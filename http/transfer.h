/* SPDX-License-Identifier: MIT
 * One HTTP request and its answer, as a handle of libcurl: what is asked, what comes back, and what
 * a failure means. Whoever has the handle drives it. Knows nothing of who is asked, but for its
 * name in messages. */
#ifndef STELE_HTTP_TRANSFER_H
#define STELE_HTTP_TRANSFER_H

#include <curl/curl.h>

#include <stele/buffer.h>
#include <stele/error.h>

#include "core/scope.h"

/** How all requests of a handle are made. All borrowed while the handle is made. */
typedef struct stele_transfer_manner {
    const char *user; /* basic authentication; NULL: none */
    const char *password;
    const char *token;            /* bearer; NULL: none */
    const char *ca_file;          /* NULL: the system's */
    const char *certificate_file; /* NULL: none */
    const char *key_file;
    bool is_direct; /* no proxy, whatever the environment says */
} stele_transfer_manner;

/** A request, and where its answer goes. All borrowed until the transfer has ended. */
typedef struct stele_transfer_request {
    const char *name;     /* who is asked, in messages: "registry http://…" */
    const char *settings; /* what to look at where URL or TLS are wrong, in messages */
    const char *method;
    const char *url;
    const struct curl_slist *fields; /* of the header */
    stele_bytes body;                /* no data: none */
    int timeout_ms;
    size_t answer_max;    /* bytes */
    stele_buffer *answer; /* its body; what it held is dropped */
    stele_buffer *head;   /* its header fields as lines; NULL: not wanted */
} stele_transfer_request;

/** A handle; its connection may be used again. Used by one thread at a time. */
typedef struct stele_transfer stele_transfer;

/** Caller owns; release with stele_transfer_free. */
stele_transfer *stele_transfer_new(const stele_transfer_manner *manner);
void stele_transfer_free(stele_transfer *transfer);
STELE_SCOPE(stele_transfer, stele_transfer_free);

/** Borrowed; to be driven by curl_multi_…; CURLOPT_PRIVATE is the driver's. */
CURL *stele_transfer_handle(const stele_transfer *transfer);

/** Prepare the handle for a request. */
void stele_transfer_begin(stele_transfer *transfer, const stele_transfer_request *request);

/**
 * What became of it.
 *
 * @param result  as libcurl says
 * @param code    HTTP status
 * @return STELE_E_UNAVAILABLE, STELE_E_TIMED_OUT  no answer; the text says why (next = RETRY)
 *         STELE_E_LIMIT    the answer is too large (next = STOP)
 *         STELE_E_INVALID  TLS or URL are not as they must be (next = STOP)
 */
stele_status stele_transfer_end(stele_transfer *transfer, CURLcode result, long *code,
                                stele_error *err);

/** Could anyone have got anything of the request? */
bool stele_transfer_was_sent(const stele_transfer *transfer);

#endif
