/* SPDX-License-Identifier: MIT
 * What an event's `source` points to: its record, whose headers are read when they are asked for.
 */
#ifndef STELE_CONSUMER_EVENT_H
#define STELE_CONSUMER_EVENT_H

#include <stele/event.h>

#include "kafka/log.h"

/** Borrowed, for as long as the event. */
typedef struct stele_event_source {
    const stele_batch *batch;
    const stele_record *record;
} stele_event_source;

#endif
