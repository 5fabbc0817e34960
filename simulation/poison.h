/* SPDX-License-Identifier: MIT
 * Events that cannot be applied, for a while or for ever, and a person who gives orders about
 * them. */
#ifndef STELE_SIMULATION_POISON_H
#define STELE_SIMULATION_POISON_H

#include "simulation/world.h"

#define SIM_CONTROL "accounts.v1.control"

/** The seed has such events: draw how many. */
void sim_draw_poison(void);

/** In an apply function: is the event refused now? @param err  filled then */
bool sim_refuses(int64_t number, stele_error *err);

/** One order, or none. */
void sim_give_order(void);

enum { SIM_LETTERS_UNKNOWN = INT32_MAX };

/** At rest: an order about each letter that is there. @return so many are left */
int sim_clear_letters(void);

/* ---- what the checker sees in the snapshots ---- */

/** A letter, or the end of one. */
void sim_take_letter_record(const stele_batch *batch, const stele_record *record);
/** Is there a letter of that event now? */
bool sim_has_letter(int32_t partition, int64_t offset);
/** Is it left out for ever, as someone has ordered? Read before the rest is checked. */
bool sim_is_discarded(int32_t partition, int64_t offset);
/** Read which are. */
void sim_read_discarded(void);

#endif
