/* SPDX-License-Identifier: MIT
 * A request to the REST API, taken apart: path segments and query, percent-decoded; a body. Knows
 * neither sockets nor schemas. */
#ifndef STELE_SERVER_REST_REQUEST_H
#define STELE_SERVER_REST_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include <stele/bytes.h>
#include <stele/error.h>

#include "core/scope.h"

typedef enum stele_rest_method {
    STELE_REST_GET = 1,
    STELE_REST_POST = 2,
    STELE_REST_PUT = 4,
    STELE_REST_DELETE = 8
} stele_rest_method;

enum { STELE_REST_SEGMENTS_MAX = 8, STELE_REST_PARAMETERS_MAX = 16 };

typedef struct stele_rest_parameter {
    char *name;
    char *value;
} stele_rest_parameter;

/** Owns its texts; the body is borrowed. All zero is valid. */
typedef struct stele_rest_request {
    stele_rest_method method;
    char *segments[STELE_REST_SEGMENTS_MAX]; /* "/subjects/a%2Fb" → "subjects", "a/b" */
    size_t segment_count;
    stele_rest_parameter parameters[STELE_REST_PARAMETERS_MAX];
    size_t parameter_count;
    stele_bytes body;
} stele_rest_request;

/**
 * Take a request line's target apart.
 *
 * @param target  as it came: "/subjects/a%2Fb/versions?deleted=true"
 * @param out     caller owns; release with stele_rest_request_clear
 * @return STELE_E_INVALID  an escape that is none, an escaped NUL, or bytes that are not UTF-8
 *         STELE_E_LIMIT    too many segments or parameters
 */
stele_status stele_rest_request_parse(stele_rest_method method, const char *target,
                                      stele_rest_request *out, stele_error *err);

/** Release what it points to, and make it all zero. */
void stele_rest_request_clear(stele_rest_request *request);
STELE_VALUE_SCOPE(stele_rest_request, stele_rest_request_clear);

/** The value of a query parameter; NULL if it is not there. Borrowed. */
const char *stele_rest_parameter_of(const stele_rest_request *request, const char *name);

/** Is a query parameter "true"? */
bool stele_rest_is_true(const stele_rest_request *request, const char *name);

#endif
