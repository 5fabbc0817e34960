/* SPDX-License-Identifier: MIT
 * One state for a program of one's own: a query of one aggregate, copied into the caller's value.
 */
#include <stele/state.h>

#include "core/text.h"
#include "projections/configured.h"
#include "projections/query.h"
#include "registry/client.h"

enum { TIMEOUT_MS = 30000 };

typedef struct taken {
    const stele_type *type;
    void *state;
    stele_state_info info;
    bool found;
} taken;

static stele_status take(void *context, const stele_query_state *state, stele_error *err)
{
    (void)err;
    taken *to = context;
    to->found = true;
    to->info = (stele_state_info){state->version, state->offset, state->state == NULL};
    stele_value_clear(to->type, to->state);
    if (state->state != NULL) stele_value_copy(to->type, to->state, state->state);
    return STELE_OK;
}

stele_status stele_state_get(stele_client *client, const stele_projection *projection,
                             stele_bytes id, int timeout_ms, void *state, stele_state_info *info,
                             stele_error *err)
{
    if (id.data == NULL || id.size == 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "an aggregate's id is not empty");
    stele_log *log = stele_client_log(client);
    stele_projection configured =
        stele_projection_configured(projection, stele_client_config(client));
    taken to = {.type = projection->state, .state = state};
    stele_query_options options = {
        .projection = &configured,
        .log = log,
        .registry = stele_client_registry(client),
        .id = id,
        .deadline =
            stele_deadline_after(stele_log_clock(log), timeout_ms == 0 ? TIMEOUT_MS : timeout_ms),
        .each = take,
        .context = &to,
    };
    stele_status status = stele_query(&options, err);
    if (status < 0) return status;
    if (!to.found)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, "%s: there is no aggregate %s",
                          projection->name, stele_quote(id).text);
    if (info != NULL) *info = to.info;
    return STELE_OK;
}
