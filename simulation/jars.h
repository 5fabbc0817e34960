/* SPDX-License-Identifier: MIT
 * Reactions: bookings of wallets make drops in jars. Each instance has a writer of jars, which
 * takes commands from their topic, and a worker that reacts to the wallets' events. */
#ifndef STELE_SIMULATION_JARS_H
#define STELE_SIMULATION_JARS_H

#include <stdatomic.h>
#include <stdint.h>

#include <stele/client.h>

/** What one instance has of it. */
typedef struct sim_jars sim_jars;

/** Before the first instance: its topics. */
void sim_make_jars(void);

/** @param stop  of the instance @return NULL: the seed has no jars. Ends with sim_close_jars */
sim_jars *sim_open_jars(stele_client *client, const atomic_bool *stop);
void sim_close_jars(sim_jars *jars);

/** Wait until each booking has had its drops, once, in order; fail if it has not by then. */
void sim_check_jars(int64_t until_ns);

#endif
