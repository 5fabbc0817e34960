/* SPDX-License-Identifier: MIT
 * An event as an application sees it. */
#ifndef STELE_EVENT_H
#define STELE_EVENT_H

#include <stele/header.h>
#include <stele/type.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One event of an aggregate, decoded. All of it is valid during the call it is handed to. */
typedef struct stele_event {
    const stele_type *type;   /* the reader's type: one that the aggregate lists */
    const void *data;         /* the struct of that type */
    stele_bytes aggregate_id; /* the record's key */
    int64_t version;          /* of the aggregate after this event; the first event makes 1 */
    int64_t time_ms;          /* the record's timestamp, Unix */
    const char *topic;
    int32_t partition;
    int64_t offset;      /* -1: it was decided on and is not in the log yet (aggregate.h) */
    const void *context; /* of the projection or aggregate whose apply function gets the event */
    const void *source;  /* where the calls below find the headers; NULL: there are none */
} stele_event;

/*
 * What is in the headers of an event's record. Read when it is asked for, at the cost of a parse,
 * so that an event whose headers no one wants pays nothing. All views are valid during the call
 * that the event is handed to; what the record does not have is null.
 */

/** The id of the event, a UUID as text: `ce_id`. Two records with one id are one event. */
STELE_API stele_bytes stele_event_id(const stele_event *event);

/** What it belongs to: `ce_correlationid`. */
STELE_API stele_bytes stele_event_correlation_id(const stele_event *event);

/** The id of the event or command that caused it: `ce_causationid`. */
STELE_API stele_bytes stele_event_causation_id(const stele_event *event);

/** W3C Trace Context: `traceparent`. */
STELE_API stele_bytes stele_event_traceparent(const stele_event *event);

/** The value of the last header of that name. */
STELE_API stele_bytes stele_event_header(const stele_event *event, const char *name);

/** All headers in their order. @return how many there are, of which at most `max` are in `out` */
STELE_API size_t stele_event_headers(const stele_event *event, stele_header *out, size_t max);

#ifdef __cplusplus
}
#endif

#endif
