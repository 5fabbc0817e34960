/* SPDX-License-Identifier: MIT
 * A page of a partition's states, in the order of the ids. */
#ifndef STELE_PROJECTIONS_STATE_PAGE_H
#define STELE_PROJECTIONS_STATE_PAGE_H

#include "projections/state_letter.h"
#include "projections/states.h"

/** Hand out what is asked for. Looks at every state once, and orders those of the page. */
void stele_state_page_fill(stele_states *states, const stele_state_page *page);

#endif
