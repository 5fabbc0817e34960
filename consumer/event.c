/* SPDX-License-Identifier: MIT
 * The headers of an event, read from its record when an application asks for them. */
#include "consumer/event.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"

size_t stele_event_headers(const stele_event *event, stele_header *out, size_t max)
{
    const stele_event_source *source = event->source;
    return source == NULL ? 0 : stele_log_batch_headers(source->batch, source->record, out, max);
}

stele_bytes stele_event_header(const stele_event *event, const char *name)
{
    enum { USUAL = 16 };
    stele_header few[USUAL];
    stele_header *many = NULL;
    const stele_header *headers = few;
    size_t count = stele_event_headers(event, few, USUAL);
    if (count > USUAL) {
        headers = many = stele_alloc_array(count, sizeof *many);
        stele_event_headers(event, many, count);
    }
    stele_bytes value = {NULL, 0};
    for (size_t i = 0; i < count; i++) {
        if (strcmp(headers[i].name, name) == 0) value = headers[i].value;
    }
    free(many);
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
