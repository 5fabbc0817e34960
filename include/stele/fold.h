/* SPDX-License-Identifier: MIT
 * How an event changes a state: what projections and aggregates that decide have in common. */
#ifndef STELE_FOLD_H
#define STELE_FOLD_H

#include <stele/event.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Apply one event to the state of its aggregate. Called in the worker's thread, in log order; must
 * not block and must depend on nothing but its arguments, or a replay gives another result.
 *
 * @param state  owned value of the state type; all zero before the first event (or what `init`
 *               made of it)
 * @param data   the event's struct, as event->data
 * @param event  what else is known of it; event->context is that of the projection or aggregate
 * @return STELE_OK
 *         STELE_FINISHED  the aggregate's life has ended: its state is dropped, and its snapshot
 *                         becomes a tombstone; what a later event of it does is for `on_finished`
 *                         of a projection to say, and an aggregate that decides takes no command
 *                         any more
 *         stele_fail(…)   a projection's partition stops at this event and says so; a command that
 *                         yields such an event fails, and nothing is appended
 */
typedef stele_status stele_apply(void *state, const void *data, const stele_event *event,
                                 stele_error *err);

/** Which function applies which event. */
typedef struct stele_handler {
    const stele_type *event;
    stele_apply *apply; /* NULL: this event is ignored by declaration */
} stele_handler;

#ifdef __cplusplus
}
#endif

#endif
