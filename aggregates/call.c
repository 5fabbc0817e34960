/* SPDX-License-Identifier: MIT
 * Checks of calls. */
#include "aggregates/call.h"

#include "aggregates/aggregate.h"
#include "aggregates/remembered.h"
#include "producer/event_headers.h"

stele_status stele_call_check(const stele_call *call, stele_error *err)
{
    const stele_publish_options texts = {.correlation_id = call->correlation_id,
                                         .traceparent = call->traceparent};
    stele_status status = stele_aggregate_id_check(call->aggregate_id, err);
    if (status == STELE_OK && call->command_id != NULL)
        status = stele_command_id_check(stele_text(call->command_id), err);
    if (status == STELE_OK) status = stele_publish_options_check(&texts, err);
    if (status < 0 || call->expected_version >= STELE_EXPECT_NEW) return status;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "expected_version is %lld: it is a count of events, STELE_EXPECT_ANY or "
                      "STELE_EXPECT_NEW",
                      (long long)call->expected_version);
}

stele_status stele_call_find_command(const stele_aggregate *aggregate, const stele_type *type,
                                     size_t *index, stele_error *err)
{
    if (type != NULL && stele_aggregate_find_command(aggregate, type, index)) return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s has no command %s",
                      aggregate->name, type == NULL ? "(NULL)" : type->name);
}

stele_status stele_call_check_size(const stele_type *command, size_t size, stele_next next,
                                   stele_error *err)
{
    if (size <= STELE_COMMAND_MAX) return STELE_OK;
    return stele_fail(err, STELE_E_LIMIT, next, "a %s of %zu bytes, the limit is %d", command->name,
                      size, STELE_COMMAND_MAX);
}
