/* SPDX-License-Identifier: MIT
 * The headers of an event, read from its record when an application asks for them. */
#include "consumer/event.h"

#include <string.h>

static size_t copy_headers(const stele_event_record *source, stele_header *out, size_t max)
{
    for (size_t i = 0; i < source->header_count && i < max; i++)
        out[i] = source->headers[i];
    return source->header_count;
}

size_t stele_event_headers(const stele_event *event, stele_header *out, size_t max)
{
    const stele_event_record *source = event->source;
    if (source == NULL) return 0;
    if (source->batch == NULL) return copy_headers(source, out, max);
    return stele_log_batch_headers(source->batch, source->record, out, max);
}

static stele_bytes find_last(const stele_event_record *source, const char *name)
{
    for (size_t i = source->header_count; i > 0; i--)
        if (strcmp(source->headers[i - 1].name, name) == 0) return source->headers[i - 1].value;
    return (stele_bytes){NULL, 0};
}

stele_bytes stele_event_header(const stele_event *event, const char *name)
{
    const stele_event_record *source = event->source;
    stele_bytes value = {NULL, 0};
    if (source != NULL && source->batch == NULL) return find_last(source, name);
    if (source != NULL) stele_log_batch_header(source->batch, source->record, name, &value);
    return value;
}

stele_bytes stele_event_id(const stele_event *event)
{
    return stele_event_header(event, "ce_id");
}

stele_bytes stele_event_correlation_id(const stele_event *event)
{
    return stele_event_header(event, "ce_correlationid");
}

stele_bytes stele_event_causation_id(const stele_event *event)
{
    return stele_event_header(event, "ce_causationid");
}

stele_bytes stele_event_traceparent(const stele_event *event)
{
    return stele_event_header(event, "traceparent");
}

stele_status stele_event_fail_no_key(stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "the record has no key, so it belongs to no aggregate: its producer must "
                      "write the aggregate id as the key, and the events have to be copied to a "
                      "new topic without it");
}

stele_status stele_event_fail_no_value(stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "the record has no value: a tombstone is no event, and an events topic is "
                      "not compacted; copy the events to a new topic without it");
}
