/* SPDX-License-Identifier: MIT
 * Deciding: state and command in, events or a rejection out; and what an event that was decided on
 * makes of a state, before it is in the log. Knows neither log nor clock, and keeps nothing of a
 * decision but the memory for its answer. */
#ifndef STELE_AGGREGATES_DECISION_H
#define STELE_AGGREGATES_DECISION_H

#include <stele/aggregate.h>

#include "core/scope.h"

enum {
    STELE_DECIDED_MAX = 1000,                    /* events of one decision */
    STELE_DECIDED_BYTES_MAX = 8 * 1024 * 1024,   /* all of them together, as Avro */
    STELE_DECIDED_EVENT_MAX = 1024 * 1024 - 4096 /* one of them, where the topic takes 1 MiB */
};

/** Decides for one aggregate. Used by one thread at a time. */
typedef struct stele_decider stele_decider;

/**
 * @param aggregate  one that decides; borrowed, must outlive the decider
 * @param out        caller owns; release with stele_decider_free
 * @return as stele_aggregate_check
 */
stele_status stele_decider_new(const stele_aggregate *aggregate, stele_decider **out,
                               stele_error *err);
void stele_decider_free(stele_decider *decider);
STELE_SCOPE(stele_decider, stele_decider_free);

/** The state of an aggregate without events; borrowed. */
const void *stele_decider_blank(const stele_decider *decider);

/**
 * Read a command from its Avro binary, as stele_encode made it of the same type.
 *
 * @param index  among the aggregate's commands
 * @param data   views of it are in the command
 * @param out    valid as long as `data`, and until the next call of this function
 * @return STELE_E_INVALID, STELE_E_LIMIT  these bytes are no such command (next = REJECT)
 */
stele_status stele_decider_read_command(stele_decider *decider, size_t index, stele_bytes data,
                                        const void **out, stele_error *err);

/** What is decided on. All borrowed for the call. */
typedef struct stele_to_decide {
    size_t index; /* of the command among the aggregate's */
    const void *command;
    bool is_due;       /* no command has come: its timer is due */
    const void *state; /* NULL: a new aggregate's */
    stele_bytes aggregate_id;
    int64_t version;
    int64_t time_ms;
    const char *command_id;
    size_t event_max; /* bytes of one event's Avro; 0: STELE_DECIDED_EVENT_MAX */
} stele_to_decide;

/** An event that is to be appended. */
typedef struct stele_decided_event {
    size_t index;     /* of its type among the aggregate's events */
    stele_bytes data; /* Avro binary, without a schema's id */
} stele_decided_event;

enum { STELE_REJECT_CODE_MAX = 63 };

/** The answer. */
typedef struct stele_decided {
    const stele_decided_event *events;    /* borrowed; valid until the next decision */
    size_t count;                         /* 0: accepted, and nothing changes */
    char code[STELE_REJECT_CODE_MAX + 1]; /* of a rejection; else "" */
} stele_decided;

/**
 * Run the decide function.
 *
 * @param out  filled whatever is returned
 * @return STELE_OK          accepted
 *         STELE_E_REJECTED  the function rejected it; *err has the reason (next = REJECT)
 *         other failures    it can neither be accepted nor rejected, and would not be if it was
 *                           decided again: what the function's stele_fail said, or INTERNAL where
 *                           the function is wrong (next = REJECT)
 */
stele_status stele_decider_decide(stele_decider *decider, const stele_to_decide *what,
                                  stele_decided *out, stele_error *err);

/**
 * What a command gets whose aggregate's life has ended (STELE_FINISHED): it is rejected, with the
 * code "finished", and its decide function is not asked.
 *
 * @return STELE_E_REJECTED
 */
stele_status stele_decider_reject_finished(const stele_decider *decider, stele_bytes aggregate_id,
                                           stele_decided *out, stele_error *err);

/**
 * Encode events that a caller wants to append as they are, checked as those of a decide function.
 *
 * @param events  borrowed for the call
 * @param out     filled whatever is returned; its events are valid until the next decision
 * @return STELE_E_INVALID, STELE_E_LIMIT  as stele_yield (next = REJECT)
 */
stele_status stele_decider_take(stele_decider *decider, const stele_new_event *events, size_t count,
                                size_t event_max, stele_decided *out, stele_error *err);

/**
 * Read an event that was decided on.
 *
 * @param out  its struct; valid as long as the event, and until the next call of this function or
 *             of stele_decider_apply
 */
stele_status stele_decider_read_event(stele_decider *decider, const stele_decided_event *event,
                                      const void **out, stele_error *err);

/**
 * Apply an event that was decided on, as a replay will: decoded from its bytes, by the aggregate's
 * handler. Do so for each of them before anything is appended: a log with an event that its own
 * handler refuses can not be replayed.
 *
 * @param about  all but type, data and context; its source may have the headers that the record
 *               will have (consumer/event.h)
 * @param state  owned value of the state type; undefined after a failure
 * @return STELE_OK
 *         STELE_FINISHED    the aggregate's life has ended: no event may follow
 *         STELE_E_INTERNAL  the handler refused it, or the bytes are none of its (next = REJECT)
 */
stele_status stele_decider_apply(stele_decider *decider, const stele_decided_event *event,
                                 const stele_event *about, void *state, stele_error *err);

#endif
