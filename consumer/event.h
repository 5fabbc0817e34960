/* SPDX-License-Identifier: MIT
 * What an event's `source` points to: its record, whose headers are read when they are asked for;
 * or the headers that a record is to have. */
#ifndef STELE_CONSUMER_EVENT_H
#define STELE_CONSUMER_EVENT_H

#include <stele/event.h>

#include "kafka/log.h"

/** Borrowed, for as long as the event. */
typedef struct stele_event_record {
    const stele_batch *batch; /* NULL: the event is not in the log yet, and has the headers below */
    const stele_record *record;
    const stele_header *headers;
    size_t header_count;
} stele_event_record;

/** Say that a record without a key, or without a value, is no event. @return STELE_E_INVALID
 * (next = REJECT) */
stele_status stele_event_fail_no_key(stele_error *err);
stele_status stele_event_fail_no_value(stele_error *err);

#endif
