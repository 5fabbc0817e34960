/* SPDX-License-Identifier: MIT
 * The events of one partition that were set aside, and what was ordered about events.
 *
 * What it is: for each aggregate one of whose events could not be applied, that event and all later
 * ones of it, in order, as letters (snapshots/dead_letter.h). Nothing of such an aggregate is
 * applied until the first of its letters is: so order within an aggregate holds, and others go on.
 * Where it lives: in memory with the partition's owner, and in the store that has the states and
 * the position. Who writes it: the owner, in the transactions that move the position.
 *
 * A letter is stored before or with the position that is past its event, and removed with or after
 * the state that it was applied to. Between the two it may be there too early, or still: whoever
 * restores passes over an event whose letter is there, and drops a letter that the state has.
 * One that is discarded stays in the store for ever, so that a replay leaves its event out, too.
 *
 * Knows neither states nor stores. */
#ifndef STELE_PROJECTIONS_PARKED_H
#define STELE_PROJECTIONS_PARKED_H

#include "core/table.h"
#include "snapshots/dead_letter.h"

typedef struct stele_parked stele_parked;

/** An aggregate with letters: a value of the set's table, whose key is its id; "" where an event
 * had none. */
typedef struct stele_parked_key {
    stele_dead_event *first, *last;
    size_t count;
    bool is_due; /* its first letter is to be tried again … */
    bool waits;  /* … and was, in this turn, and waits for something */
} stele_parked_key;

/** What someone has ordered about an event. */
typedef enum stele_order_kind {
    STELE_ORDER_REDRIVE =
        0,               /* try the letters of its aggregate again, if it is the first of them */
    STELE_ORDER_DISCARD, /* it is not to be applied */
    STELE_ORDER_PARK     /* set it aside, and all that come after it */
} stele_order_kind;

typedef struct stele_order {
    int64_t offset; /* of the event */
    stele_order_kind kind;
    char *reason; /* owned */
} stele_order;

/** How much may be set aside. All zero: as much as there is. */
typedef struct stele_parked_limits {
    const char *projection; /* for messages; borrowed, outlives the set */
    size_t key_max;         /* aggregates */
    size_t size_max;        /* bytes of all letters, as they are in memory */
} stele_parked_limits;

struct stele_parked {
    size_t watched; /* 0: no event concerns it */
    stele_table *keys;
    stele_parked_limits limits;
    size_t due_count;
    size_t waiting_count;
    size_t letter_count;
    size_t letter_size;         /* of all of them, in bytes */
    stele_dead_event **changed; /* to be stored */
    size_t changed_count, changed_max;
    int64_t *gone; /* to be removed: offsets */
    size_t gone_count, gone_max;
    stele_order *orders; /* about what has not come yet, or is to be carried out */
    size_t order_count, order_max;
};

/** @param limits  copied; NULL: none
 * @return caller owns; release with stele_parked_free */
stele_parked *stele_parked_new(const stele_parked_limits *limits, uint64_t seed);
void stele_parked_free(stele_parked *parked);
STELE_SCOPE(stele_parked, stele_parked_free);

/** What is to be done with an event. */
typedef enum stele_parked_verdict {
    STELE_PARKED_APPLY = 0, /* it does not concern the set */
    STELE_PARKED_PASS,      /* it is in the set */
    STELE_PARKED_BEHIND,    /* an earlier one of its aggregate is: it goes behind that */
    STELE_PARKED_ORDERED,  /* someone wants it to be set aside: stele_parked_order has the reason */
    STELE_PARKED_DISCARDED /* someone has decided that it is not applied */
} stele_parked_verdict;

stele_parked_verdict stele_parked_judge(const stele_parked *parked, stele_bytes key,
                                        int64_t offset);

/** The order about that event; NULL: there is none. Valid until the next call that changes them. */
const stele_order *stele_parked_order(const stele_parked *parked, int64_t offset);

/** The aggregate whose first letter is about that event; NULL: there is none. */
stele_parked_key *stele_parked_find_first(const stele_parked *parked, int64_t offset);

/** By which id a key is in the set. What can be no id, for there is none or it is too long, has one
 * list. */
stele_bytes stele_parked_id(stele_bytes key);

/** The letters of an aggregate; NULL: it has none. */
stele_parked_key *stele_parked_find(const stele_parked *parked, stele_bytes key);

/**
 * Add a letter, behind those of its aggregate, to be stored. The limits hold where an order can
 * make room: while there is a letter below its offset.
 *
 * @param letter  taken over on success only
 * @return STELE_E_LIMIT  it would be one aggregate too many, or the letters too large (next =
 *                        RETRY: until there is room again)
 */
stele_status stele_parked_add(stele_parked *parked, stele_dead_event *letter, stele_error *err);

/** The value of a letter that was left out where it is stored, as the log has it. */
void stele_parked_fill(stele_parked *parked, stele_dead_event *letter, stele_bytes value);

/** The first letter of an aggregate was applied: it is dropped, and removed from the store. */
void stele_parked_drop_first(stele_parked *parked, stele_parked_key *of);

/** The first letter of an aggregate was tried, and refused again: it stays, and is not due. */
void stele_parked_refused_again(stele_parked *parked, stele_parked_key *of, const char *reason,
                                int64_t now_ms);

/** The first letter, which is discarded, had its turn: it is dropped, and stays in the store. */
void stele_parked_settle_first(stele_parked *parked, stele_parked_key *of);

/** An aggregate is to be tried again, or not. */
void stele_parked_set_due(stele_parked *parked, stele_parked_key *of, bool is_due);

/** The first letter of an aggregate that is due can not be tried yet: the others are, meanwhile. */
void stele_parked_set_waiting(stele_parked *parked, stele_parked_key *of);
/** It is tried in the next turn again; so are all others. */
void stele_parked_end_turn(stele_parked *parked);

/**
 * The next aggregate to be tried again that does not wait; NULL: none. Only where all events before
 * its first letter have come (again): a letter may be stored before the position is there.
 *
 * @param position  of the next event
 */
stele_parked_key *stele_parked_next_due(const stele_parked *parked, int64_t position);

/** Likewise, however much there is already. `letter` is taken over. */
void stele_parked_add_always(stele_parked *parked, stele_dead_event *letter);

/** Say that a letter is discarded. @return false: there is none at that offset */
bool stele_parked_discard(stele_parked *parked, const stele_order *order, int64_t now_ms);

/** Say that a letter, which may be behind others, is set aside on purpose: when its turn comes it
 * is not tried until someone wants it to be. @return false: there is none at that offset */
bool stele_parked_park(stele_parked *parked, const stele_order *order, int64_t now_ms);

/* ---- restoring ---- */

/** A letter as the store has it; later ones of the same offset replace it. @param letter  taken
 * over; NULL: it was removed */
void stele_parked_restore(stele_parked *parked, int64_t offset, stele_dead_event *letter);

/** All of it was restored: letters come into the order of their events. */
void stele_parked_restored(stele_parked *parked);

/* ---- storing ---- */

/** Is there anything to be stored, or removed? */
static inline bool stele_parked_is_dirty(const stele_parked *parked)
{
    return parked->changed_count > 0 || parked->gone_count > 0;
}

/** What was changed is with the store. */
void stele_parked_stored(stele_parked *parked, size_t count);
/** The same of one of them. */
void stele_parked_stored_one(stele_parked *parked, size_t index);

/** The last `count` of what was to be removed are with the store. */
void stele_parked_removed(stele_parked *parked, size_t count);

/* ---- orders ---- */

/** An order has come; a later one about the same event takes its place. `reason` is copied. */
void stele_parked_set_order(stele_parked *parked, int64_t offset, stele_order_kind kind,
                            const char *reason);
void stele_parked_drop_order(stele_parked *parked, size_t index);

/**
 * Carry out all orders that are about letters, or about events below `position`, for which they are
 * too late; those about events to come stay.
 *
 * @return was there any?
 */
bool stele_parked_carry_out(stele_parked *parked, int64_t position, int64_t now_ms);

/** How many aggregates have letters. */
static inline size_t stele_parked_keys(const stele_parked *parked)
{
    return stele_table_count(parked->keys);
}

#endif
