/* SPDX-License-Identifier: MIT
 * Rows for a database, or from it: those of some events, in their order, with where the partition
 * is after each. */
#ifndef STELE_PROJECTIONS_SQL_PARCEL_H
#define STELE_PROJECTIONS_SQL_PARCEL_H

#include <stele/arena.h>

#include "snapshots/dead_letter.h"
#include "stores/sql_store.h"

/** A statement to be executed; or what was read. */
typedef struct stele_sql_row {
    size_t block; /* of the file */
    size_t statement;
    const stele_sql_value *values;
    size_t count;
} stele_sql_row;

/** What a step does with the letter of an event. */
typedef enum stele_sql_letter_kind {
    STELE_SQL_LETTER_NONE = 0,
    STELE_SQL_LETTER_KEEP,
    STELE_SQL_LETTER_REMOVE
} stele_sql_letter_kind;

/** An event: where the partition stands after it, and how many rows there are up to it; or a letter
 * that is kept or removed, with rows or without. */
typedef struct stele_sql_step {
    stele_mark mark;
    size_t rows_end;
    stele_sql_letter_kind letter;
    int64_t offset;                /* of the letter's event */
    stele_bytes kept;              /* as it is stored; in the arena */
    const stele_dead_event *event; /* what would be set aside; in the arena; NULL: nothing is */
} stele_sql_step;

/** The rows of some events, in their order. All zero but the arena is an empty one. */
typedef struct stele_sql_parcel {
    stele_arena *arena; /* owned: the values */
    stele_sql_row *rows;
    size_t row_count, row_max;
    stele_sql_step *steps;
    size_t step_count, step_max;
    size_t first; /* of the steps that are to be stored … */
    size_t end;   /* … and where they end; 0: all */
} stele_sql_parcel;

stele_sql_parcel *stele_sql_parcel_new(void);
void stele_sql_parcel_free(stele_sql_parcel *parcel);
void stele_sql_parcel_add_row(stele_sql_parcel *parcel, const stele_sql_row *row);
void stele_sql_parcel_end_event(stele_sql_parcel *parcel, const stele_mark *mark);
/** A letter that is kept, or removed where `value` is null, as a step without rows. */
void stele_sql_parcel_add_letter(stele_sql_parcel *parcel, const stele_mark *mark, int64_t offset,
                                 stele_bytes value);
/** The rows of a step are not stored: it keeps that letter in their place. */
void stele_sql_parcel_set_aside(stele_sql_parcel *parcel, size_t step, stele_bytes value);
/** Rows that were added since the last event ended are dropped. */
void stele_sql_parcel_drop_rest(stele_sql_parcel *parcel);
/** Empty it, keep the memory. */
void stele_sql_parcel_reset(stele_sql_parcel *parcel);

#endif
