/* SPDX-License-Identifier: MIT
 * One HTTP request and its answer, with libcurl: authentication, TLS, time-outs, a cap on the size.
 * Knows nothing of schemas. */
#ifndef STELE_REGISTRY_HTTP_EXCHANGE_H
#define STELE_REGISTRY_HTTP_EXCHANGE_H

#include <stele/buffer.h>

#include "core/deadline.h"
#include "core/scope.h"
#include "registry/registry.h"

enum { STELE_CONFLUENT_ANSWER_MAX = 1 << 20 }; /* bytes */

/** A connection that is kept open between requests. Used by one thread at a time, but for _cancel.
 */
typedef struct stele_confluent stele_confluent;

/** @param options  borrowed; must outlive it. @return caller owns; release with
 * stele_confluent_free */
stele_confluent *stele_confluent_new(const stele_registry_options *options);
void stele_confluent_free(stele_confluent *http);
STELE_SCOPE(stele_confluent, stele_confluent_free);

/**
 * Send one request and wait for the whole answer, whatever its status code.
 *
 * @param method  GET, POST, PUT or DELETE
 * @param path    what follows registry.url, beginning with '/', percent-encoded
 * @param body    JSON for POST and PUT; null for the others
 * @param answer  cleared by the caller; what it held is dropped
 * @param code    HTTP status code
 * @return STELE_E_UNAVAILABLE, STELE_E_TIMED_OUT  no answer; the text says why (next = RETRY)
 *         STELE_E_LIMIT        the answer is too large (next = STOP)
 *         STELE_E_INTERRUPTED  cancelled (next = STOP)
 *         STELE_E_INVALID      TLS or URL are not as they must be (next = STOP)
 */
stele_status stele_confluent_ask(stele_confluent *http, const char *method, const char *path,
                                 stele_bytes body, stele_deadline until, stele_buffer *answer,
                                 long *code, stele_error *err);

/** End the request in flight, and every later one at once. Any thread. */
void stele_confluent_cancel(stele_confluent *http);

/** registry.url, for messages. */
const char *stele_confluent_url(const stele_confluent *http);

#endif
