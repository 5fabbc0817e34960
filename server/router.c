/* SPDX-License-Identifier: MIT
 * Paths against patterns. */
#include "server/router.h"

#include <string.h>

enum { NOT_FOUND = 404, NOT_ALLOWED = 405 };

static bool fits(const char *const *pattern, const stele_http_request *request)
{
    for (size_t i = 0; i < STELE_HTTP_SEGMENTS_MAX; i++) {
        if (i == request->segment_count) return pattern[i] == NULL;
        if (pattern[i] == NULL) return false;
        bool is_any = strcmp(pattern[i], "*") == 0 && request->segments[i][0] != '\0';
        if (!is_any && strcmp(pattern[i], request->segments[i]) != 0) return false;
    }
    return true;
}

static bool has_empty_segment(const stele_http_request *request)
{
    for (size_t i = 0; i < request->segment_count; i++) {
        if (request->segments[i][0] == '\0') return true;
    }
    return false;
}

const stele_http_route *stele_http_route_find(const stele_http_api *apis, size_t count,
                                              const stele_http_request *request,
                                              const stele_http_api **api,
                                              stele_http_refusal *refusal, unsigned *allowed)
{
    *allowed = 0;
    *api = NULL;
    for (size_t i = 0; i < count; i++) {
        for (size_t n = 0; n < apis[i].count; n++) {
            const stele_http_route *route = &apis[i].routes[n];
            if (!fits(route->segments, request)) continue;
            *api = &apis[i];
            if (route->method == request->method) return route;
            *allowed |= route->method;
        }
    }
    if (*allowed != 0) {
        stele_http_refuse(refusal, NOT_ALLOWED, "%s", "");
    } else if (has_empty_segment(request)) {
        stele_http_refuse(refusal, NOT_FOUND, "the path has an empty segment");
    } else {
        stele_http_refuse(refusal, NOT_FOUND, "%s", "");
    }
    return NULL;
}
