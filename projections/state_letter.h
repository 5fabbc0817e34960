/* SPDX-License-Identifier: MIT
 * The letter in which a thread asks a running worker of its own process for states, and how a fold
 * answers it. A box has the name of the projection's group, and the partition's number; the kind is
 * the type of the state. */
#ifndef STELE_PROJECTIONS_STATE_LETTER_H
#define STELE_PROJECTIONS_STATE_LETTER_H

#include <stele/state.h>

#include "core/mailbox.h"

/** One state of several. In the worker's thread: it holds up the events meanwhile.
 * @param state  borrowed for the call */
typedef void stele_state_each(void *context, stele_bytes id, int64_t version, const void *state);

/** What is asked for of many: the first `limit` ids that begin with a prefix, in the order of their
 * bytes, behind one of them. Those whose life has ended are left out. */
typedef struct stele_state_page {
    stele_bytes prefix;
    stele_bytes after; /* no data: from the first one on */
    size_t limit;      /* at least 1 */
    stele_state_each *each;
    void *context;
} stele_state_page;

typedef struct stele_state_letter {
    stele_letter letter;          /* first. Its position: an offset of the source */
    const stele_state_page *page; /* NULL: one state is asked for, the rest of this */
    stele_bytes id;
    void *state;           /* the sender's value of the projection's state type, in and out */
    stele_state_info info; /* out */
    bool is_there;         /* out; false: no event of it, and nothing else is set */
} stele_state_letter;

#endif
