/* SPDX-License-Identifier: MIT
 * The letter in which a thread asks a running worker of its own process for a state, and how a fold
 * answers it. A box has the name of the projection's group, and the partition's number; the kind is
 * the type of the state. */
#ifndef STELE_PROJECTIONS_STATE_LETTER_H
#define STELE_PROJECTIONS_STATE_LETTER_H

#include <stele/state.h>

#include "core/mailbox.h"

typedef struct stele_state_letter {
    stele_letter letter; /* first. Its position: an offset of the source */
    stele_bytes id;
    void *state;           /* the sender's value of the projection's state type, in and out */
    stele_state_info info; /* out */
    bool is_there;         /* out; false: no event of it, and nothing else is set */
} stele_state_letter;

#endif
