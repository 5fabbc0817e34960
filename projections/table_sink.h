/* SPDX-License-Identifier: MIT
 * States as rows of a table (projections/state_table.h): transactions of bounded size, one at a
 * time, in the database's thread. The last one of a cycle moves the position to the mark, with the
 * rows that it has; those before leave the position where it is. */
#ifndef STELE_PROJECTIONS_TABLE_SINK_H
#define STELE_PROJECTIONS_TABLE_SINK_H

#include "projections/sql_desk.h"
#include "projections/state_table.h"

typedef struct stele_table_sink_options {
    const stele_state_table *table; /* borrowed, like all of this; it outlives the sink */
    stele_sql_desk *desk;           /* that has admitted the table's file */
    stele_sql_caller caller;        /* what wakes the owner */
    stele_clock clock;
    int32_t schema;   /* the id of the state's schema */
    int64_t term;     /* of the claim */
    stele_mark mark;  /* where the database stands; position -1: nothing was stored yet */
    size_t chunk_max; /* rows in one transaction, at most; 0: 10,000 */
} stele_table_sink_options;

/** @return caller owns; release with stele_sink_free before the desk */
stele_sink *stele_table_sink_new(const stele_table_sink_options *options);

#endif
