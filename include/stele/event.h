/* SPDX-License-Identifier: MIT
 * An event as an application sees it, and what it says about its aggregates. */
#ifndef STELE_EVENT_H
#define STELE_EVENT_H

#include <stele/type.h>
#include <stele/upcaster.h>

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
    int64_t offset;
} stele_event;

/** A kind of aggregate: which events it may have. A constant of the application. */
typedef struct stele_aggregate {
    const char *name;                /* the events' topic is "<name>.events" */
    const stele_type *const *events; /* NULL-terminated: current versions of its event types */
    const stele_upcaster *upcasters; /* NULL, or a table that ends with .from == NULL */
} stele_aggregate;

#ifdef __cplusplus
}
#endif

#endif
