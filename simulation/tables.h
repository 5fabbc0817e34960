/* SPDX-License-Identifier: MIT
 * Workers that keep tables in a database, in place of folds. */
#ifndef STELE_SIMULATION_TABLES_H
#define STELE_SIMULATION_TABLES_H

#include "projections/fold.h"
#include "simulation/world.h"

/** The seed's workers keep tables: draw how their database fails, if it does. */
void sim_draw_tables(bool fails);

/** Where a worker's fold keeps its states; NULL: in snapshots. Release with sim_close_table after
 * the fold. */
const stele_fold_table *sim_open_table(void);
void sim_close_table(const stele_fold_table *table);

/** What is in the table of states, in the order in which it was stored. @return false: no more */
bool sim_table_state(size_t index, int32_t *partition, stele_snapshot *out);

/** A worker's process. @param context  sim_worker */
void sim_table_worker_main(void *context);

/** Let the projection begin again, as `reset` does. @return was it? */
bool sim_reset_tables(void);

/** Are there as many rows as events? */
bool sim_tables_caught_up(void);

/** Is each event a row, once and in order? */
void sim_check_tables(void);

/** A letter that the database has. */
typedef void sim_table_letter(int32_t partition, int64_t offset, stele_bytes value);
void sim_each_table_letter(sim_table_letter *each);

#endif
