/* SPDX-License-Identifier: MIT
 * A kind of aggregate: which events it may have; and, where it decides, its state, how events
 * change that, and which commands it takes.
 *
 *     static stele_status withdraw(const void *state, const void *command,
 *                                  stele_decision *decision, stele_error *err)
 *     {
 *         const bank_account *account = state;
 *         const bank_withdraw *wanted = command;
 *         if (account->cents < wanted->cents)
 *             return stele_reject(decision, "insufficient_funds",
 *                                 "Insufficient funds: %" PRId64 " cents", account->cents);
 *         return stele_yield(decision, &bank_withdrawn_type,
 *                            &(bank_withdrawn){.cents = wanted->cents});
 *     }
 */
#ifndef STELE_AGGREGATE_H
#define STELE_AGGREGATE_H

#include <stele/fold.h>
#include <stele/upcaster.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a decide function gets besides state and command, and where its answer goes. Valid
 * during the call. */
typedef struct stele_decision {
    stele_bytes aggregate_id;
    int64_t version;        /* events that the aggregate has; 0: it has none, it is new */
    int64_t time_ms;        /* now, Unix: the time of the events that are yielded, and the only
                               clock that a decide function reads */
    const char *command_id; /* a repeat has the same one, and is not decided again */
    const void *context;    /* of the aggregate */
    void *inside;           /* the library's */
} stele_decision;

/**
 * Decide on one command: yield events, or reject it, or neither, and then it is accepted and
 * changes nothing. Called in a thread of the library. Must not block, and must depend on nothing
 * but its arguments: after a crash, or where a transaction was aborted, it is called again with the
 * same command, and a test calls it twice and compares.
 *
 * @param state    of the aggregate, of its state type; borrowed. Without events: all zero, or what
 *                 `init` made of it
 * @param command  of the command's type; borrowed, its texts are views
 * @param err      for stele_fail, where the command can neither be accepted nor rejected. It fails
 *                 then, nothing is appended, and its caller gets the text
 * @return STELE_OK  accepted: the events that were yielded are appended, all of them or none
 *         what stele_yield or stele_reject returned
 *         stele_fail(…)
 */
typedef stele_status stele_decide(const void *state, const void *command, stele_decision *decision,
                                  stele_error *err);

/**
 * Add an event to the decision.
 *
 * @param event  one of the types that the aggregate lists
 * @param data   its struct; copied
 * @return STELE_OK
 *         STELE_E_INVALID  no such event of this aggregate, or data that do not fit the type
 *         STELE_E_LIMIT    more than 1,000 events, or larger than a record or all of them may be.
 *                          A decide function returns what it gets; the command fails in any case
 */
STELE_API stele_status stele_yield(stele_decision *decision, const stele_type *event,
                                   const void *data);

/**
 * Reject the command. What was yielded is dropped.
 *
 * @param code    for programs: 1 to 63 characters of a-z, 0-9, `_`, `.` and `-`, such as
 *                "insufficient_funds"; part of what the aggregate promises its callers
 * @param format  for people: the reason; what follows printf's rules
 * @return STELE_E_REJECTED, for the decide function to return
 */
STELE_API stele_status stele_reject(stele_decision *decision, const char *code, const char *format,
                                    ...) STELE_PRINTF(3, 4);

/** A command and the function that decides on it. */
typedef struct stele_command {
    const stele_type *type; /* a record; its name without the namespace is what callers write */
    stele_decide *decide;
} stele_command;

/** An event to be appended without a decide function: one of the aggregate's types, and its struct.
 */
typedef struct stele_new_event {
    const stele_type *type;
    const void *data;
} stele_new_event;

/** How many commands of an aggregate are remembered, if nothing is said, and at most. */
enum { STELE_REMEMBERED = 64, STELE_REMEMBERED_MAX = 1000 };

/**
 * A kind of aggregate. A constant of the application.
 *
 * With `state` it *decides*: its events are appended by its writer alone (<stele/writer.h>), which
 * owns the topic, and which keeps for each aggregate one state, made from all its events. Without,
 * its events are facts, which anyone may publish.
 */
typedef struct stele_aggregate {
    const char *name;                /* the events' topic is "<name>.events" */
    const stele_type *const *events; /* NULL-terminated: current versions of its event types */
    const stele_upcaster *upcasters; /* NULL, or a table that ends with .from == NULL */

    int version;             /* of state and handlers: raise it when their meaning changes; from 1.
                                Where it does not decide: 0 */
    const stele_type *state; /* NULL: it does not decide, and all below is zero */
    const stele_handler *handlers; /* one for each of its events; ends with .event == NULL */
    /** Make a new state, which is all zero; depends on nothing but its arguments. NULL: it stays
     * all zero. */
    void (*init)(void *state, const void *context);
    const stele_command *commands; /* ends with .type == NULL. NULL: events are appended without a
                                      decide function */
    const void *context; /* for `init`, and as decision->context and event->context: what the
                            functions need besides their arguments, such as a table of limits.
                            Constant; where a handler reads it, another one is a new version */
    int remembered; /* ids of commands that are kept with each state: a repeat of one gets the first
                       result and adds nothing. 0: 64; at most 1,000 */
    int64_t remembered_ms; /* and for how long after the command; 0: until newer ones take their
                              places */
    /**
     * When its timer fires: Unix, in milliseconds; 0: it has none. Depends on nothing but its
     * arguments, so that the timer is as old as the events, and survives what they survive. NULL:
     * no aggregate of this kind has a timer.
     *
     * @param state    of the aggregate, as its events have made it
     * @param context  of the table
     */
    int64_t (*due)(const void *state, const void *context);
    /** Decides when that time has come, by the owner's clock; as a decide function, in the writer's
     * thread, the command is NULL. What it yields has to put the timer off, or end it: else it is
     * asked again after a second. There is no one to be told of a rejection: where nothing is
     * yielded it is asked again after a minute. */
    stele_decide *on_due;
} stele_aggregate;

#ifdef __cplusplus
}
#endif

#endif
