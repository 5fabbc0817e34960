/* SPDX-License-Identifier: MIT
 * What a handler sees of a request: method, path segments and query, percent-decoded, header fields
 * and the body. Knows neither sockets nor who answers. */
#ifndef STELE_SERVER_HTTP_REQUEST_H
#define STELE_SERVER_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include <stele/bytes.h>
#include <stele/error.h>

#include "core/scope.h"
#include "server/http_head.h"

typedef enum stele_http_method {
    STELE_HTTP_GET = 1, /* and HEAD */
    STELE_HTTP_POST = 2,
    STELE_HTTP_PUT = 4,
    STELE_HTTP_DELETE = 8
} stele_http_method;

/** The method of a name, "HEAD" being a GET. @return false: there is none */
bool stele_http_method_parse(const char *name, stele_http_method *out);

/** "GET, HEAD", "POST", … */
const char *stele_http_method_name(stele_http_method method);

enum { STELE_HTTP_SEGMENTS_MAX = 8, STELE_HTTP_PARAMETERS_MAX = 16 };

typedef struct stele_http_parameter {
    char *name;
    char *value;
} stele_http_parameter;

struct stele_http_reply;

/** Where an answer goes to that comes later; router.h has its calls. */
typedef struct stele_http_asker {
    void (*promise)(void *self);
    void (*answer)(void *self, struct stele_http_reply *reply);
    void *self;
} stele_http_asker;

/** Owns its texts; fields and body are borrowed. All zero is valid. */
typedef struct stele_http_request {
    stele_http_method method;
    char *segments[STELE_HTTP_SEGMENTS_MAX]; /* "/subjects/a%2Fb" → "subjects", "a/b" */
    size_t segment_count;
    stele_http_parameter parameters[STELE_HTTP_PARAMETERS_MAX];
    size_t parameter_count;
    const stele_http_field *fields;
    size_t field_count; /* at most STELE_HTTP_FIELDS_MAX */
    stele_bytes body;
    stele_http_asker asker;
} stele_http_request;

/**
 * Take a target apart. The path "/" has no segments; elsewhere an empty segment is one.
 *
 * @param target  as it came: "/subjects/a%2Fb/versions?deleted=true"
 * @param out     caller owns; release with stele_http_request_clear
 * @return STELE_E_INVALID  an escape that is none, an escaped NUL, or bytes that are not UTF-8
 *         STELE_E_LIMIT    too many segments or parameters
 */
stele_status stele_http_request_parse(stele_http_method method, const char *target,
                                      stele_http_request *out, stele_error *err);

/** Release what it points to, and make it all zero. */
void stele_http_request_clear(stele_http_request *request);
STELE_VALUE_SCOPE(stele_http_request, stele_http_request_clear);

/** The value of a query parameter; NULL if it is not there. Borrowed. */
const char *stele_http_request_parameter(const stele_http_request *request, const char *name);

/** The value of the first header field of that name, in any case; NULL if it is not there.
 * Borrowed. A field that the server takes once only (see http_head.c) is there once. */
const char *stele_http_request_field(const stele_http_request *request, const char *name);

/** Is a query parameter "true"? */
bool stele_http_request_is_true(const stele_http_request *request, const char *name);

#endif
