/* SPDX-License-Identifier: MIT
 * Workers that keep tables in a database, in place of folds. */
#ifndef STELE_SIMULATION_TABLES_H
#define STELE_SIMULATION_TABLES_H

#include "simulation/world.h"

/** The seed's workers keep tables: draw how their database fails, if it does. */
void sim_draw_tables(bool fails);

/** A worker's process. @param context  sim_worker */
void sim_table_worker_main(void *context);

/** Are there as many rows as events? */
bool sim_tables_caught_up(void);

/** Is each event a row, once and in order? */
void sim_check_tables(void);

#endif
