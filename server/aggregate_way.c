/* SPDX-License-Identifier: MIT
 * Requests that come from other instances: how far they have come, how long they will wait, and
 * who is to be asked instead of this instance. */
#include "server/aggregate_inside.h"

#include <inttypes.h>

#include "aggregates/courier.h"
#include "core/alloc.h"
#include "core/text.h"

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

bool stele_aggregate_api_way(const stele_aggregate_api *api, const stele_http_request *request,
                             stele_api_way *out, stele_http_reply *reply)
{
    *out = (stele_api_way){.timeout_ms = api->timeout_ms};
    if (!read_field(request, STELE_HOPS_FIELD, 0, HOPS_LIMIT, &out->hops, reply) ||
        !read_field(request, STELE_TIMEOUT_FIELD, 0, INT32_MAX, &out->timeout_ms, reply))
        return false;
    if (out->timeout_ms > api->timeout_ms) out->timeout_ms = api->timeout_ms;
    if (out->timeout_ms == 0) out->timeout_ms = 1; /* 0 is the default's */
    return true;
}

void stele_aggregate_api_misdirected(const stele_api_aggregate *of,
                                     const stele_http_request *request, const stele_error *failure,
                                     stele_http_reply *reply)
{
    stele_owner owner;
    STELE_AUTO_VALUE(stele_buffer) json = {0};
    stele_bytes id = stele_text(request->segments[STELE_API_ID_AT]);
    stele_http_problem(reply, STELE_MISDIRECTED, "not_owner", "%s", failure->text);
    if (!of->service.ops->find_owner(of->service.self, id, &owner)) return;
    stele_owner_write(&owner, &json);
    stele_http_problem_add(reply, "owner", json_loads(stele_buffer_text(&json), 0, NULL));
}
