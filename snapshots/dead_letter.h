/* SPDX-License-Identifier: MIT
 * A dead letter of a projection: an event that was set aside, with its record as it was, and why.
 *
 * Where it is kept it is one value, `stele.DeadLetter` in Avro's single-object encoding; in a
 * snapshots topic under the key stele:dead:<topic>/<partition>/<offset>. */
#ifndef STELE_SNAPSHOTS_DEAD_LETTER_H
#define STELE_SNAPSHOTS_DEAD_LETTER_H

#include <stele/buffer.h>

#include "kafka/log.h"

/** The last header of a letter that was too large: how many bytes its value has. The value is where
 * it always was, in the log. */
#define STELE_DEAD_VALUE_LEFT_OUT "stele_dead_value_left_out"

typedef enum stele_dead_state {
    STELE_DEAD_STATE_REFUSED = 0, /* it could not be applied, or someone has set it aside */
    STELE_DEAD_STATE_BEHIND,      /* an earlier event of its aggregate could not */
    STELE_DEAD_STATE_DISCARDED    /* someone has decided that it is not applied */
} stele_dead_state;

/** "refused", "behind", "discarded". */
const char *stele_dead_state_name(stele_dead_state state);

/** One letter. It owns what it points to. */
typedef struct stele_dead_event {
    struct stele_dead_event *next; /* of the same aggregate, in order; whose list it is knows */
    int64_t offset;                /* of the event in its partition */
    int64_t timestamp_ms;
    stele_bytes key;   /* null: it had none */
    stele_bytes value; /* likewise */
    stele_header *headers;
    size_t header_count;
    stele_dead_state state;
    char *reason;
    int32_t attempts;
    int64_t first_failed_ms; /* Unix time */
    int64_t last_failed_ms;
    size_t left_out; /* bytes that its value has, which is not here; 0: it is */
    bool is_stored;  /* it is in the store, or on its way there */
    bool is_changed; /* and is to be stored (again) */
} stele_dead_event;

/** A letter of a record, whose headers are read from its batch. @return caller owns; release with
 * stele_dead_event_free */
stele_dead_event *stele_dead_event_new(const stele_batch *batch, const stele_record *record);
/** The same of an event that is there already. */
stele_dead_event *stele_dead_event_copy(const stele_dead_event *of);
void stele_dead_event_free(stele_dead_event *letter);
STELE_SCOPE(stele_dead_event, stele_dead_event_free);

/** What it needs in memory, about. */
size_t stele_dead_event_size(const stele_dead_event *letter);

/** What became of it, and why; `reason` is copied. */
void stele_dead_event_say(stele_dead_event *letter, stele_dead_state state, const char *reason);

/** Append it as it is stored.
 * @param size_max  what is larger leaves out its value; 0: nothing is too large */
void stele_dead_event_write(const stele_dead_event *letter, size_t size_max, stele_buffer *out);

/** The value that was left out, as the log has it; copied. */
void stele_dead_event_fill(stele_dead_event *letter, stele_bytes value);

/** No one applies it, nor writes it again: its value is released. */
void stele_dead_event_drop_value(stele_dead_event *letter);

/**
 * @param out  caller owns
 * @return STELE_E_INVALID  it is damaged, or a newer version of Stele has written it (next = STOP)
 */
stele_status stele_dead_event_read(int64_t offset, stele_bytes stored, stele_dead_event **out,
                                   stele_error *err);

#endif
