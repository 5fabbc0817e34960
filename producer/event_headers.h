/* SPDX-License-Identifier: MIT
 * What every event that is written has in common, whoever writes it: its headers, and what its
 * aggregate's id and the texts in them may be. */
#ifndef STELE_PRODUCER_EVENT_HEADERS_H
#define STELE_PRODUCER_EVENT_HEADERS_H

#include <stele/header.h>
#include <stele/publisher.h>

#include "core/uuid.h"

enum { STELE_WRITTEN_HEADERS_MAX = 11 };

/** What is known of an event. Texts are null where they are not given. */
typedef struct stele_written_event {
    const stele_uuid *id;
    int64_t version; /* of its aggregate; 0: no writer owns that */
    stele_bytes correlation;
    stele_bytes causation;
    stele_bytes traceparent;
    const char *source; /* ce_source, and then all that makes a CloudEvent; NULL: only the above */
    const stele_type *type;
    stele_bytes subject; /* the aggregate's id */
    int64_t time_ms;
} stele_written_event;

/** The headers of its record, and what they point to. */
typedef struct stele_written_headers {
    char id[STELE_UUID_TEXT_SIZE + 1];
    char version[24];
    char time[48];
    stele_header headers[STELE_WRITTEN_HEADERS_MAX];
    size_t count;
} stele_written_headers;

/** Write them, as views into `out` and what `event` points to. */
void stele_written_headers_make(const stele_written_event *event, stele_written_headers *out);

/** Can these options be headers? @return STELE_E_INVALID (next = REJECT) */
stele_status stele_publish_options_check(const stele_publish_options *options, stele_error *err);

/** Is it a traceparent of W3C Trace Context? */
bool stele_traceparent_is_valid(const char *text);

/** Can an aggregate have this id? @return STELE_E_INVALID (next = REJECT) */
stele_status stele_aggregate_id_check(stele_bytes id, stele_error *err);

/** ce_source of an application: "/stele/<name>", what a URI does not take percent-encoded. */
char *stele_event_source(const char *name);

#endif
