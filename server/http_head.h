/* SPDX-License-Identifier: MIT
 * The head of an HTTP/1.x request: request line and header fields, read strictly by RFC 9112. Pure:
 * bytes in, a head or a refusal out; it knows no sockets.
 *
 * Written here because the HTTP library of Debian 12 (libmicrohttpd 0.9.75) accepts, in its
 * strictest mode, what two servers in a row can understand differently: Content-Length with
 * Transfer-Encoding, two lengths, a line feed alone as the end of a line, folded lines, two Hosts,
 * a NUL in a field or a target. Its callbacks show parsed text only, so most of these cannot be
 * refused behind it; and its own errors are pages of HTML. */
#ifndef STELE_SERVER_HTTP_HEAD_H
#define STELE_SERVER_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stele/bytes.h>
#include <stele/visibility.h>

#include "core/scope.h"

enum {
    STELE_HTTP_LINE_MAX = 8192,  /* bytes of the request line */
    STELE_HTTP_HEAD_MAX = 16384, /* bytes of the whole head */
    STELE_HTTP_FIELDS_MAX = 64
};

/** Why a request is refused. The connection is closed behind it: where the next request would begin
 * is not known. */
typedef struct stele_http_refusal {
    unsigned code;  /* HTTP status */
    char text[160]; /* ""; the status says it all */
} stele_http_refusal;

/** Fill a refusal. @return false, so that refusing is one line */
bool stele_http_refuse(stele_http_refusal *out, unsigned code, const char *format, ...)
    STELE_PRINTF(3, 4);

typedef enum stele_http_progress {
    STELE_HTTP_REFUSED = -1,
    STELE_HTTP_MORE = 0, /* more bytes are needed */
    STELE_HTTP_HEAD,     /* the head is complete */
    STELE_HTTP_DONE      /* the request is complete */
} stele_http_progress;

/** Looks for the end of a head while its bytes come. All zero at the beginning of a request. */
typedef struct stele_http_scan {
    size_t at;         /* how many bytes have been looked at */
    size_t first;      /* where the request line begins: one empty line may come before it */
    size_t line;       /* where the line at `at` begins */
    size_t line_count; /* lines before it, the empty one before the request line apart */
    bool after_return; /* the byte before `at` is a carriage return */
} stele_http_scan;

/**
 * Go on with what has come. Refuses as early as it can: at the first byte that cannot be in a head,
 * and at the end of a request line that is none.
 *
 * @param input  the bytes of the request from its beginning; those looked at before, unchanged
 * @return STELE_HTTP_HEAD when it is complete; scan->at is its size then
 */
stele_http_progress stele_http_scan_on(stele_http_scan *scan, stele_bytes input,
                                       stele_http_refusal *refusal);

typedef struct stele_http_field {
    const char *name;
    const char *value; /* without blanks around it */
} stele_http_field;

typedef enum stele_http_framing {
    STELE_HTTP_NO_BODY = 0,
    STELE_HTTP_LENGTH,
    STELE_HTTP_CHUNKED
} stele_http_framing;

/** A head. Owns its texts; release with stele_http_head_clear. All zero is valid. */
typedef struct stele_http_head {
    char *text; /* what the fields below point into */
    const char *method;
    char *target; /* path and query, from its "/" on; owned */
    char *host;   /* of the target where it has one, else of the Host field; NULL in HTTP/1.0 */
    stele_http_field fields[STELE_HTTP_FIELDS_MAX];
    size_t field_count;
    stele_http_framing framing;
    uint64_t length; /* of the body, where framing is STELE_HTTP_LENGTH */
    bool keeps_alive;
    bool takes_chunks; /* HTTP/1.1 */
    bool expects_continue;
} stele_http_head;

void stele_http_head_clear(stele_http_head *head);
STELE_VALUE_SCOPE(stele_http_head, stele_http_head_clear);

/**
 * Parse a head that stele_http_scan_on has found complete.
 *
 * @param input  from the request line to the empty line, both with their ends
 * @param out    caller owns; untouched if it is refused
 */
bool stele_http_head_parse(stele_bytes input, stele_http_head *out, stele_http_refusal *refusal);

/** The value of the first of some fields that has the name, in any case. @return borrowed, or NULL
 */
const char *stele_http_field_find(const stele_http_field *fields, size_t count, const char *name);

/** The value of a field of a head. @return borrowed, or NULL */
const char *stele_http_head_field(const stele_http_head *head, const char *name);

/** Is it a byte of a token (RFC 9110 §5.6.2)? Names of fields and methods are made of them. */
bool stele_http_is_token_byte(uint8_t byte);

/** Can it be within the value of a field: a tab, or no control character? */
bool stele_http_is_value_byte(uint8_t byte);

#endif
