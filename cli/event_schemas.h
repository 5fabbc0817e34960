/* SPDX-License-Identifier: MIT
 * The schemas that events were written with, by id: where the events come from, and where they go
 * to. */
#ifndef STELE_CLI_EVENT_SCHEMAS_H
#define STELE_CLI_EVENT_SCHEMAS_H

#include <stdatomic.h>

#include <stele/codec.h>

#include "core/deadline.h"
#include "core/scope.h"
#include "registry/registry.h"

typedef struct stele_event_schema {
    int32_t id;           /* where its events come from */
    int32_t target;       /* where they go to; 0: not known yet */
    int32_t branch;       /* of its events in a file; 0: they are bytes there */
    stele_schema *schema; /* NULL: the registry does not know it */
    stele_type *type;
    stele_plan *plan; /* NULL: no event can be read with it */
} stele_event_schema;

/** All zero is none. Release with stele_event_schemas_clear. */
typedef struct stele_event_schemas {
    stele_event_schema **items; /* in the order of their ids */
    size_t count;
    stele_arena *arena;
    void *value; /* what an event is read into */
    size_t value_size;
} stele_event_schemas;

void stele_event_schemas_clear(stele_event_schemas *schemas);
STELE_VALUE_SCOPE(stele_event_schemas, stele_event_schemas_clear);

/** @return NULL: there is none of this id */
stele_event_schema *stele_event_schemas_find(const stele_event_schemas *schemas, int32_t id);

/** Add a schema. @param schema  taken over; NULL: the registry does not know it */
stele_event_schema *stele_event_schemas_add(stele_event_schemas *schemas, int32_t id,
                                            stele_schema *schema);

/**
 * The schema of an id, asked of the registry when it is met first. One that is not there is waited
 * for, for two seconds, and is known then as one without a schema.
 *
 * @param until  how long the registry may be away
 * @param stop   ends the wait
 * @param is_new set if it was not known before; NULL if that does not matter
 */
stele_status stele_event_schemas_ask(stele_event_schemas *schemas, stele_registry *registry,
                                     int32_t id, stele_deadline until, const atomic_bool *stop,
                                     stele_event_schema **out, bool *is_new, stele_error *err);

/** Are these the bytes of exactly one event of that schema? @return next = REJECT: they are not */
stele_status stele_event_schemas_check(stele_event_schemas *schemas,
                                       const stele_event_schema *schema, stele_bytes payload,
                                       stele_error *err);

/**
 * Register a schema under the subject of a topic's events, as a text that needs no other, and set
 * its `target`.
 * @return STELE_E_INCOMPATIBLE  the subject has others, and a level that refuses it
 */
stele_status stele_event_schemas_register(stele_event_schema *schema, stele_registry *registry,
                                          const char *topic, int timeout_ms, stele_error *err);

#endif
