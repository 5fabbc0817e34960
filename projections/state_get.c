/* SPDX-License-Identifier: MIT
 * One state for a program of one's own, of now or of old: a query of one aggregate, copied into the
 * caller's value. */
#include <stele/state.h>

#include "projections/configured.h"
#include "projections/query.h"
#include "registry/client.h"

enum { TIMEOUT_MS = 30000 };

typedef struct taken {
    const stele_type *type;
    void *state;
    stele_state_info info;
} taken;

static stele_status take(void *context, const stele_query_state *state, stele_error *err)
{
    (void)err;
    taken *to = context;
    to->info = (stele_state_info){state->version, state->offset, state->state == NULL};
    stele_value_clear(to->type, to->state);
    if (state->state != NULL) stele_value_copy(to->type, to->state, state->state);
    return STELE_OK;
}

static stele_status check(stele_bytes id, stele_moment moment, stele_error *err)
{
    if (id.data == NULL || id.size == 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "an aggregate's id is not empty");
    if (moment.version < 0 || moment.time_ms < 0 || (moment.version > 0 && moment.time_ms > 0))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "a moment is a version from 1 on, or a time after 1970, not both");
    return STELE_OK;
}

stele_status stele_state_at(stele_client *client, const stele_projection *projection,
                            stele_bytes id, stele_moment moment, int timeout_ms, void *state,
                            stele_state_info *info, stele_error *err)
{
    stele_status status = check(id, moment, err);
    if (status < 0) return status;
    stele_log *log = stele_client_log(client);
    stele_projection configured =
        stele_projection_configured(projection, stele_client_config(client));
    taken to = {.type = projection->state, .state = state};
    stele_query_options options = {
        .projection = &configured,
        .log = log,
        .registry = stele_client_registry(client),
        .id = id,
        .at_version = moment.version,
        .at_time_ms = moment.time_ms,
        .deadline =
            stele_deadline_after(stele_log_clock(log), timeout_ms == 0 ? TIMEOUT_MS : timeout_ms),
        .each = take,
        .context = &to,
    };
    if ((status = stele_query(&options, err)) < 0) return status;
    if (info != NULL) *info = to.info;
    return STELE_OK;
}

stele_status stele_state_get(stele_client *client, const stele_projection *projection,
                             stele_bytes id, int timeout_ms, void *state, stele_state_info *info,
                             stele_error *err)
{
    return stele_state_at(client, projection, id, (stele_moment){0}, timeout_ms, state, info, err);
}
