/* SPDX-License-Identifier: MIT
 * A reply: a status code, JSON, header fields, and how it is written on a connection. */
#ifndef STELE_SERVER_HTTP_REPLY_H
#define STELE_SERVER_HTTP_REPLY_H

#include <jansson.h>

#include <stele/buffer.h>
#include <stele/error.h>

#include "core/scope.h"
#include "server/http_head.h"
#include "server/http_stream.h"

STELE_SCOPE(json_t, json_decref);

/** Owns its body; all zero is valid. Release with stele_http_reply_clear. */
typedef struct stele_http_reply {
    unsigned code;             /* HTTP status */
    char *body;                /* JSON; by malloc; NULL: none */
    unsigned allowed;          /* methods of the path, for 405 */
    int retry_after_s;         /* for 429 and 503; 0: no Retry-After */
    const char *content_type;  /* a constant; NULL: that of the API */
    stele_buffer fields;       /* further header fields, as lines */
    stele_http_stream *stream; /* the body, piece by piece, in place of `body`; NULL: none. Its
                                  other end is its maker's */
} stele_http_reply;

void stele_http_reply_clear(stele_http_reply *reply);
STELE_VALUE_SCOPE(stele_http_reply, stele_http_reply_clear);

/** "Not Found" of 404; "" of a code that is not used here. */
const char *stele_http_phrase(unsigned code);

/** 200 with this JSON. @param json  taken over */
void stele_http_reply_json(stele_http_reply *reply, json_t *json);

/** 200 with this text, which is JSON already. */
void stele_http_reply_text(stele_http_reply *reply, const char *text, size_t size);

/** 200 with a body that comes piece by piece. @param stream  this end of it is taken over */
void stele_http_reply_stream(stele_http_reply *reply, stele_http_stream *stream);

/** Add a header field, after the body is there. @param value  by printf's rules; what cannot be in
 * one becomes "?" */
void stele_http_reply_field(stele_http_reply *reply, const char *name, const char *value, ...)
    STELE_PRINTF(3, 4);

/** {"error_code": …, "message": …}; the HTTP status is `error_code`, or its first three digits. */
void stele_http_reply_error(stele_http_reply *reply, int error_code, const char *format, ...)
    STELE_PRINTF(3, 4);

/** The same, of a request that is refused. */
void stele_http_reply_refuse(stele_http_reply *reply, const stele_http_refusal *refusal);

/** How it goes out. */
typedef struct stele_http_sending {
    const char *content_type; /* where the reply has none; NULL: application/json */
    int64_t now_s;            /* since 1970, for the Date field */
    bool head_only;           /* an answer to HEAD */
    bool closes;              /* the connection ends behind it */
    bool is_chunked;          /* of a stream: its pieces are chunks */
} stele_http_sending;

/** Append the reply as it is written on a connection. */
void stele_http_reply_write(const stele_http_reply *reply, const stele_http_sending *sending,
                            stele_buffer *out);

#endif
