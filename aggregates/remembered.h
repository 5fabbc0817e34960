/* SPDX-License-Identifier: MIT
 * The commands that an aggregate remembers: of each of the last N the result, so that a repeat gets
 * that and adds nothing. Made from the events alone, whose header `ce_causationid` is the command's
 * id, and so the same after any replay; stored beside the state in its snapshot.
 *
 * As bytes, version 1: 01, count, and for each command, oldest first: 16 bytes of key, 16 of the
 * first event's id, then what has been added since the command before it (the first: since 0) to
 * version, offset and time, and the count of events. Numbers are Avro's longs. */
#ifndef STELE_AGGREGATES_REMEMBERED_H
#define STELE_AGGREGATES_REMEMBERED_H

#include <stele/aggregate.h>
#include <stele/buffer.h>

#include "core/scope.h"
#include "core/uuid.h"

enum { STELE_COMMAND_ID_MAX = 128 };

/**
 * Can this be the id of a command? It becomes a header of its events.
 *
 * @return STELE_E_INVALID  it is not 1 to 128 bytes of UTF-8 without control characters
 *                          (next = REJECT)
 */
stele_status stele_command_id_check(stele_bytes id, stele_error *err);

/** What is kept of a command's id: the bytes of a UUID, which is the same in either case; of any
 * other text, the first 16 of its SHA-256. */
typedef struct stele_command_key {
    uint8_t bytes[16];
} stele_command_key;

stele_command_key stele_command_key_of(stele_bytes id);

/** A command and its result. */
typedef struct stele_remembered_command {
    stele_command_key key;
    stele_uuid first_id; /* of its events, which follow one another: stele_uuid_plus */
    int64_t version;     /* of the aggregate after its last event */
    int64_t offset;      /* of that event */
    int64_t time_ms;     /* of that event */
    uint32_t count;      /* of its events */
} stele_remembered_command;

/** Of one aggregate. All zero is empty, and has no memory of its own; it grows by doubling to 64
 * bytes for each command. May be moved by copying its bytes. Release with stele_remembered_clear.
 */
typedef struct stele_remembered {
    struct stele_remembered_ring *ring;
} stele_remembered;

/** How many are kept, and how long; of the aggregate's table. */
typedef struct stele_remembered_limits {
    uint32_t count_max;
    int64_t age_max_ms; /* 0: any */
} stele_remembered_limits;

stele_remembered_limits stele_remembered_limits_of(const stele_aggregate *aggregate);

void stele_remembered_clear(stele_remembered *remembered);

/**
 * An event was applied. One that has no command's id and no id of its own is passed over; one that
 * goes on where its command's last event was belongs to that; else its command is a new one. At the
 * limits the oldest go.
 */
void stele_remembered_see(stele_remembered *remembered, const stele_remembered_limits *limits,
                          const stele_event *event);

/** The same for whoever has the event's parts. @param first_id  of `command`'s `count` events */
void stele_remembered_add(stele_remembered *remembered, const stele_remembered_limits *limits,
                          const stele_remembered_command *command);

/**
 * Find a command's result.
 *
 * @param now_ms  the time at which a repeat would be decided
 * @return borrowed, valid until the next event; NULL: there was none, or it is too long ago
 */
const stele_remembered_command *stele_remembered_find(const stele_remembered *remembered,
                                                      const stele_remembered_limits *limits,
                                                      const stele_command_key *key, int64_t now_ms);

/** The one of which an event made this version. @return NULL: it is not known, or too long ago */
const stele_remembered_command *stele_remembered_at(const stele_remembered *remembered,
                                                    int64_t version);

size_t stele_remembered_count(const stele_remembered *remembered);

/**
 * What would be forgotten if so many more commands came, all at that time?
 *
 * @return the offset of the newest of those that are remembered now; -1: none is forgotten;
 *         INT64_MAX: some of the new ones are, too
 */
int64_t stele_remembered_forgets(const stele_remembered *remembered,
                                 const stele_remembered_limits *limits, size_t more,
                                 int64_t time_ms);

/** Append the bytes; nothing where there is nothing. */
void stele_remembered_write(const stele_remembered *remembered, stele_buffer *out);

/**
 * Read what was written. Only the newest are kept of more than the limit.
 *
 * @param bytes  empty or null: there is nothing
 * @param out    what it held is released; unchanged on failure
 * @return STELE_E_INCOMPATIBLE  of a newer version of these bytes (next = STOP)
 *         STELE_E_INVALID       damaged (next = STOP)
 */
stele_status stele_remembered_read(stele_remembered *out, const stele_remembered_limits *limits,
                                   stele_bytes bytes, stele_error *err);

STELE_VALUE_SCOPE(stele_remembered, stele_remembered_clear);

#endif
