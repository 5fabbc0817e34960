/* SPDX-License-Identifier: MIT
 * The headers of an event, read from its record when an application asks for them. */
#include "consumer/event.h"

size_t stele_event_headers(const stele_event *event, stele_header *out, size_t max)
{
    const stele_event_source *source = event->source;
    return source == NULL ? 0 : stele_log_batch_headers(source->batch, source->record, out, max);
}

stele_bytes stele_event_header(const stele_event *event, const char *name)
{
    const stele_event_source *source = event->source;
    stele_bytes value = {NULL, 0};
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
