/* SPDX-License-Identifier: MIT
 * Reactions: when this event has happened, that command is to be sent. Rules without a memory of
 * their own, from events of some aggregates to commands of others; what a process has to remember
 * is the state of an aggregate, as `transfer` in examples/bank.
 *
 *     static stele_status on_requested(const void *data, stele_reaction *reaction,
 *                                      stele_error *err)
 *     {
 *         const bank_transfer_requested *requested = data;
 *         return stele_react_send(reaction, &account, requested->from, &bank_withdraw_type,
 *                                 &(bank_withdraw){.cents = requested->cents}, err);
 *     }
 *
 * Each event is reacted to in the order of its partition, and each command is carried out once. */
#ifndef STELE_REACTION_H
#define STELE_REACTION_H

#include <stele/aggregate.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a rule gets besides the event's data. Valid during the call. */
typedef struct stele_reaction {
    const stele_event *event;   /* all that is known of it */
    stele_bytes correlation_id; /* the event's, or the id of its aggregate where it has none; what
                                   is sent has it, too */
    const void *context;        /* of the table */
    void *inside;               /* the library's */
} stele_reaction;

/**
 * React to one event: send commands, or none. Called in a thread of the library. Must not block,
 * and must depend on nothing but its arguments: after a crash the last events are reacted to again,
 * and what is sent then has to be the same.
 *
 * @param data  the event's struct; borrowed, its texts are views
 * @return STELE_OK
 *         what stele_react_send returned
 *         stele_fail(…)  the partition of the event stops at it, and says so
 */
typedef stele_status stele_react(const void *data, stele_reaction *reaction, stele_error *err);

/**
 * Send a command.
 *
 * @param to       one of the targets of the table
 * @param id       of the aggregate
 * @param command  one of the commands of `to`
 * @param data     its struct; copied
 * @return STELE_OK
 *         STELE_E_INVALID, STELE_E_LIMIT  it cannot be sent; the text says why. A rule returns what
 *                                         it gets; the reaction fails in any case (next = STOP)
 */
STELE_API stele_status stele_react_send(stele_reaction *reaction, const stele_aggregate *to,
                                        stele_bytes id, const stele_type *command, const void *data,
                                        stele_error *err);

/** Which function reacts to which event. */
typedef struct stele_rule {
    const stele_type *event;
    stele_react *react;
} stele_rule;

/** Commands of one event, at most. */
enum { STELE_SENT_MAX = 1000 };

/** Rules that belong together. A constant of the application. */
typedef struct stele_reactions {
    const char *name;                      /* of the consumer groups "<name>.<source>.reactions" */
    const stele_aggregate *const *sources; /* NULL-terminated: whose events are read, from the
                                              first one on */
    const stele_aggregate *const *targets; /* NULL-terminated: to which commands are sent; their
                                              writers take them from "<aggregate>.commands" */
    const stele_rule *rules; /* ends with .event == NULL; other events are passed over */
    const void *context;     /* for the rules; constant */
} stele_reactions;

#ifdef __cplusplus
}
#endif

#endif
