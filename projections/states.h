/* SPDX-License-Identifier: MIT
 * The states of one partition's aggregates, in memory, and how an event changes them. Knows neither
 * groups nor transactions: fed in log order from wherever, it comes to the same states. */
#ifndef STELE_PROJECTIONS_STATES_H
#define STELE_PROJECTIONS_STATES_H

#include <stele/projection.h>

#include <stdatomic.h>

#include "core/clock.h"
#include "core/table.h"
#include "projections/parked.h"
#include "registry/registry.h"
#include "snapshots/companion.h"
#include "snapshots/format.h"

typedef struct stele_states stele_states;

enum {
    STELE_ENTRY_DIRTY = 1,    /* in a list of what is to be written */
    STELE_ENTRY_FINISHED = 2, /* its life has ended: no event may follow */
    STELE_ENTRY_STORED = 4,   /* a snapshot of it is in the topic */
    STELE_ENTRY_SEALED = 8,   /* … which says that it is finished */
    STELE_ENTRY_BURIED = 16   /* a tombstone of it is in the topic */
};

/** One aggregate; its state follows in memory, and its companion. Never moves and is never removed:
 * that an aggregate is finished must be known for ever. */
typedef struct stele_entry {
    int64_t offset;  /* in the events, after the last one applied: what is below it was applied */
    int64_t version; /* how many events it has had */
    struct stele_entry *next; /* in the list that it is in, if it is dirty */
    uint8_t flags;
} stele_entry;

static inline void *stele_entry_state(stele_entry *entry)
{
    return entry + 1;
}

typedef struct stele_states_options {
    const stele_projection *projection; /* borrowed, outlives the states */
    stele_registry *registry;           /* likewise */
    int32_t partition;                  /* whose states they are … */
    int32_t partitions;      /* … among so many; 0: ids are not checked against their partition */
    int take_max_ms;         /* a call of _take gives the thread back after that long; 0: never */
    const atomic_bool *stop; /* and before the next event once this is set; NULL: never */
    const stele_companion *companion; /* borrowed, outlives the states; NULL: none */
    stele_parked *parked; /* what was set aside; borrowed, outlives the states; NULL: nothing is */
    bool refuses;         /* every apply function may refuse, where the projection does not say
                             which */
    bool parks;           /* what is refused is set aside at once, in memory only; with `parked` */
} stele_states_options;

/**
 * No aggregates yet.
 *
 * @param out  caller owns; release with stele_states_free
 * @return STELE_E_INVALID  the projection's tables cannot be right (next = STOP)
 */
stele_status stele_states_new(const stele_states_options *options, stele_states **out,
                              stele_error *err);
void stele_states_free(stele_states *states);
STELE_SCOPE(stele_states, stele_states_free);

/**
 * Apply the events of a batch from `*position` on, one after the other; an event that a state has
 * already is passed over. Also after a failure `*position` is the offset of the next event.
 *
 * @param position  in and out; past the batch when all of it is done
 * @param last      the last record below *position in this batch; untouched if there is none
 * @return next = RETRY  waiting for a schema, or (empty text) the time is up, or it is to stop: the
 *                       same call again, or none
 *         next = REJECT this event cannot be applied, and may be set aside: nothing was changed
 *         next = STOP   this event cannot be applied; the text has its position and the way out
 */
stele_status stele_states_take(stele_states *states, const stele_batch *batch, int64_t *position,
                               const stele_record **last, stele_error *err);

/** Has an apply function that does not work on a copy refused an event? Then no state is to be
 * trusted, and none to be written. */
bool stele_states_is_spoilt(const stele_states *states);

/** Was it an apply function that refused the event, in the call of _take that failed last? */
bool stele_states_was_refused(const stele_states *states);

/**
 * Apply the first letter of an aggregate, or pass over one that is discarded; then it is in the set
 * no more. One that is refused again stays, and the aggregate is not due any more.
 *
 * @param of  gone if that was its last letter
 * @return next = RETRY  waiting for a schema: the same call again
 */
stele_status stele_states_redrive(stele_states *states, stele_partition source,
                                  stele_parked_key *of, stele_error *err);

/** Does the state of its aggregate have what the letter is about? Then it is still there because
 * whoever applied it has not removed it yet. Never of one that is discarded: it stays. */
bool stele_states_have(const stele_states *states, const stele_dead_event *letter);

/** States and letters are restored: letters whose events are in a state are dropped, those below
 * `position` that are discarded have their turn. */
void stele_states_settle(stele_states *states, int64_t position);

/**
 * Take a snapshot as the state of its aggregate, in place of what was there.
 *
 * @return RETRY: waiting for a schema
 *         STELE_E_INCOMPATIBLE  this program cannot read the state (next = STOP)
 *         STELE_E_HOLE          it is behind the one that it would replace (next = STOP)
 *         STELE_E_INVALID       damaged, or in a partition where its id does not belong
 */
stele_status stele_states_restore(stele_states *states, const stele_snapshot *snapshot,
                                  stele_error *err);

/** Take away the list of entries that have changed since it was taken last; they stay dirty. */
stele_entry *stele_states_take_dirty(stele_states *states);

/** How many there are in that list. */
size_t stele_states_dirty_count(const stele_states *states);

/** Put an entry into that list (again). */
void stele_states_add_dirty(stele_states *states, stele_entry *entry);

/** How many snapshots and tombstones are in the topic, by the flags of the entries. */
typedef struct stele_states_stored {
    int64_t aggregates;
    int64_t finished;
    int64_t furthest; /* the highest offset of all */
    stele_bytes furthest_id;
} stele_states_stored;

stele_states_stored stele_states_count_stored(const stele_states *states);

/** Events applied and passed over since the beginning. */
int64_t stele_states_applied(const stele_states *states);

/** Events of aggregates that had ended, passed over since the beginning (on_finished = ignore). */
int64_t stele_states_late(const stele_states *states);

/** What is kept beside the state of an entry; NULL: the states have no companions. */
void *stele_states_companion(const stele_states *states, stele_entry *entry);

/** The table of entries: to find one, to walk over all. */
stele_table *stele_states_table(stele_states *states);

#endif
