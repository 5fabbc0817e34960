/* SPDX-License-Identifier: MIT
 * Parameters, fields of instances, and what failures are in HTTP. */
#include "server/api_shared.h"

#include <inttypes.h>
#include <string.h>

#include "aggregates/courier.h"
#include "core/text.h"
#include "server/http_problem.h"

/* ---- what is asked ---- */

bool stele_api_parameters(const stele_http_request *request, const char *const *names,
                          stele_http_reply *reply)
{
    for (size_t i = 0; i < request->parameter_count; i++) {
        const char *name = request->parameters[i].name;
        const char *const *known = names;
        while (*known != NULL && strcmp(*known, name) != 0)
            known++;
        if (*known != NULL) continue;
        stele_http_problem(reply, 400, "bad_request", "there is no parameter %s here",
                           stele_quote(stele_text(name)).text);
        return false;
    }
    return true;
}

bool stele_api_number(const stele_http_request *request, const char *name, int64_t min, int64_t max,
                      int64_t *out, stele_http_reply *reply)
{
    const char *text = stele_http_request_parameter(request, name);
    if (text == NULL || stele_parse_int64(stele_text(text), min, max, out, NULL) == STELE_OK)
        return true;
    stele_http_problem(reply, 400, "bad_request",
                       "%s=%s: expected a whole number from %" PRId64 " to %" PRId64, name,
                       stele_quote(stele_text(text)).text, min, max);
    return false;
}

enum { HOPS_LIMIT = 100 };

static bool read_field(const stele_http_request *request, const char *name, int64_t min,
                       int64_t max, int *out, stele_http_reply *reply)
{
    const char *text = stele_http_request_field(request, name);
    int64_t number;
    if (text == NULL) return true;
    if (stele_parse_int64(stele_text(text), min, max, &number, NULL) == STELE_OK) {
        *out = (int)number;
        return true;
    }
    stele_http_problem(reply, 400, "bad_request",
                       "%s: %s: expected a whole number from %" PRId64 " to %" PRId64, name,
                       stele_quote(stele_text(text)).text, min, max);
    return false;
}

bool stele_api_way_read(const stele_http_request *request, int timeout_max_ms, stele_api_way *out,
                        stele_http_reply *reply)
{
    *out = (stele_api_way){.timeout_ms = timeout_max_ms};
    if (!read_field(request, STELE_HOPS_FIELD, 0, HOPS_LIMIT, &out->hops, reply) ||
        !read_field(request, STELE_TIMEOUT_FIELD, 0, INT32_MAX, &out->timeout_ms, reply))
        return false;
    if (out->timeout_ms > timeout_max_ms) out->timeout_ms = timeout_max_ms;
    if (out->timeout_ms == 0) out->timeout_ms = 1; /* 0 is the default's */
    return true;
}

/* ---- failures ---- */

typedef struct meaning {
    unsigned status; /* of HTTP */
    const char *code;
} meaning;

/* A failure that is not the caller's. */
static meaning meaning_of(const stele_error *err)
{
    switch (err->status) {
    case STELE_E_TIMED_OUT:
        return (meaning){504, "timed_out"};
    case STELE_E_FULL:
        return (meaning){429, "too_many_requests"};
    case STELE_E_UNAVAILABLE:
    case STELE_E_INTERRUPTED:
    case STELE_E_NOT_OWNER:
    case STELE_E_FENCED:
        return (meaning){503, "unavailable"};
    case STELE_E_STOPPED:
        return (meaning){503, STELE_STOPPED_CODE};
    default:
        return (meaning){500, "internal_server_error"};
    }
}

static void reply_meaning(stele_http_reply *reply, meaning means, const stele_error *err)
{
    stele_http_problem(reply, means.status, means.code, "%s", err->text);
    bool is_passing = means.status == 429 || means.status == 503;
    /* What is stopped needs a person first. */
    if (is_passing && err->status != STELE_E_STOPPED) reply->retry_after_s = 1;
}

void stele_api_fault(stele_http_reply *reply, const stele_error *err)
{
    reply_meaning(reply, meaning_of(err), err);
}

void stele_api_failure(stele_http_reply *reply, const stele_error *err)
{
    meaning means = meaning_of(err);
    if (err->status == STELE_E_NOT_FOUND) means = (meaning){404, "not_found"};
    if (err->status == STELE_E_HOLE) means = (meaning){410, "gone"};
    if (err->status == STELE_E_TIMED_OUT) means = (meaning){503, "unavailable"};
    if (err->status == STELE_E_INVALID && err->next == STELE_NEXT_REJECT)
        means = (meaning){400, "invalid"};
    reply_meaning(reply, means, err);
}
