/* SPDX-License-Identifier: MIT
 * Errors as problem details (RFC 9457): {"status", "title", "code", "detail"} and what a code adds,
 * as application/problem+json. `code` is for programs, `detail` for people. */
#ifndef STELE_SERVER_HTTP_PROBLEM_H
#define STELE_SERVER_HTTP_PROBLEM_H

#include "server/http_head.h"
#include "server/http_reply.h"

/** Reply with a problem; stele_http_reply_field may add to it. */
void stele_http_problem(stele_http_reply *reply, unsigned status, const char *code,
                        const char *format, ...) STELE_PRINTF(4, 5);

/** Put a member into the problem that the reply is. */
void stele_http_problem_add(stele_http_reply *reply, const char *name, json_t *value);

/** What the server refuses; for stele_http_server_options. The code is the title's: "not_found". */
void stele_http_problem_refuse(stele_http_reply *reply, const stele_http_refusal *refusal);

#endif
