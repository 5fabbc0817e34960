/* SPDX-License-Identifier: MIT
 * The parts of a dispatch. */
#include "aggregates/dispatch.h"

#include "core/alloc.h"

struct stele_dispatch {
    stele_owner_table *table;
    stele_curl_agent *agent;
    stele_courier *courier;
    stele_forwarding **all;
    size_t count;
};

stele_status stele_dispatch_open(stele_log *log, const char *address, stele_dispatch **out,
                                 stele_error *err)
{
    stele_runtime runtime = stele_log_runtime(log);
    STELE_AUTO(stele_dispatch) made = stele_alloc(sizeof *made);
    stele_status status = stele_owner_table_open(log, &made->table, err);
    if (status == STELE_OK) status = stele_curl_agent_new(runtime, &made->agent, err);
    if (status < 0) return status;
    const stele_courier_options options = {.runtime = runtime,
                                           .table = made->table,
                                           .agent = stele_curl_agent_port(made->agent),
                                           .address = address,
                                           .log = log};
    if ((status = stele_courier_new(&options, &made->courier, err)) < 0) return status;
    *out = made;
    made = NULL;
    return STELE_OK;
}

stele_status stele_dispatch_add(stele_dispatch *dispatch, const stele_aggregate *aggregate,
                                stele_forwarding **out, stele_error *err)
{
    stele_forwarding *made;
    stele_status status = stele_forwarding_new(aggregate, dispatch->courier, &made, err);
    if (status < 0) return status;
    dispatch->all = stele_realloc_array(dispatch->all, dispatch->count + 1, sizeof *dispatch->all);
    dispatch->all[dispatch->count++] = made;
    *out = made;
    return STELE_OK;
}

stele_owner_table *stele_dispatch_table(const stele_dispatch *dispatch)
{
    return dispatch->table;
}

stele_courier *stele_dispatch_courier(const stele_dispatch *dispatch)
{
    return dispatch->courier;
}

void stele_dispatch_stop(stele_dispatch *dispatch)
{
    stele_courier_free(dispatch->courier);
    dispatch->courier = NULL;
}

void stele_dispatch_close(stele_dispatch *dispatch)
{
    if (dispatch == NULL) return;
    stele_dispatch_stop(dispatch);
    stele_curl_agent_free(dispatch->agent);
    stele_owner_table_close(dispatch->table);
    for (size_t i = 0; i < dispatch->count; i++)
        stele_forwarding_free(dispatch->all[i]);
    free(dispatch->all);
    free(dispatch);
}
