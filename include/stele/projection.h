/* SPDX-License-Identifier: MIT
 * A fold projection: a state per aggregate, kept by apply functions, snapshotted to Kafka. */
#ifndef STELE_PROJECTION_H
#define STELE_PROJECTION_H

#include <stele/aggregate.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What an event does that comes after the end of its aggregate. Finished is final either way. */
typedef enum stele_on_finished {
    STELE_ON_FINISHED_STOP = 0, /* it stops the partition: there should be none */
    STELE_ON_FINISHED_IGNORE    /* it is passed over and counted: late events are normal here */
} stele_on_finished;

/** A read model kept by a fold. A constant of the application. */
typedef struct stele_projection {
    const char *name;
    int version; /* raise it when apply functions or the state change their meaning; from 1 */
    const stele_aggregate *source;
    const stele_type *state;
    const stele_handler *handlers; /* ends with .event == NULL */
    bool ignore_other_events;      /* false: an event type without a handler stops the partition */
    /** Make a new state, which is all zero; as an apply function it depends on nothing but its
     * arguments. NULL: it stays all zero. */
    void (*init)(void *state, const void *context);
    stele_on_finished on_finished;
    /** Events whose apply function may refuse, ends with NULL: it works on a copy of the state, so
     * that an event that it refuses changes nothing. NULL: none may; one that does all the same
     * leaves its state as it made it, which is never written. */
    const stele_type *const *may_refuse;
    const void
        *context; /* for `init` and, as event->context, for the apply functions: what they need
                     besides the event, such as a table of prices. Constant while workers run,
                     and part of the projection's meaning: when it changes, raise the version */
} stele_projection;

#ifdef __cplusplus
}
#endif

#endif
