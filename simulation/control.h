/* SPDX-License-Identifier: MIT
 * A person, who is no process, and controls the projection: pauses it and lets it go on, while
 * workers come and go. Its orders and those about single events go the same way. */
#ifndef STELE_SIMULATION_CONTROL_H
#define STELE_SIMULATION_CONTROL_H

#include "simulation/world.h"

/** The seed has such a person: draw how busy it is. */
void sim_draw_control(void);

/** Put an order into a partition of the control topic. @param value  NULL: withdraw it
 * @param reason  NULL: none @return is it there? It may be lost, and then another one follows */
bool sim_put_order(int32_t partition, const char *key, const char *value, const char *reason);

/** Resets, too: of a fold's snapshots, or of tables. */
void sim_draw_resets(void);

/** One order, or none. */
void sim_control_now_and_then(void);

/** At rest: it goes on. */
void sim_control_rests(void);

/* ---- what is held against it ---- */

/** In a worker's process, after each turn. @param before_ns  when the turn began */
void sim_see_partition(sim_worker *self, int32_t partition, bool is_owned, int64_t before_ns);

/** Likewise: it says that a partition is paused, and why. */
void sim_see_paused(sim_worker *self, int32_t partition, const char *reason);

/** In a worker's process: an event is about to be applied. */
void sim_see_applied(int32_t partition);

#endif
