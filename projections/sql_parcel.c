/* SPDX-License-Identifier: MIT
 * Rows that come together for one transaction. */
#include "projections/sql_parcel.h"

#include "core/alloc.h"

stele_sql_parcel *stele_sql_parcel_new(void)
{
    stele_sql_parcel *parcel = stele_alloc(sizeof *parcel);
    parcel->arena = stele_arena_new();
    return parcel;
}

void stele_sql_parcel_free(stele_sql_parcel *parcel)
{
    if (parcel == NULL) return;
    stele_arena_free(parcel->arena);
    free(parcel->rows);
    free(parcel->steps);
    free(parcel);
}

void stele_sql_parcel_add_row(stele_sql_parcel *parcel, const stele_sql_row *row)
{
    if (parcel->row_count == parcel->row_max) {
        parcel->row_max = parcel->row_max == 0 ? 256 : 2 * parcel->row_max;
        parcel->rows = stele_realloc_array(parcel->rows, parcel->row_max, sizeof *parcel->rows);
    }
    parcel->rows[parcel->row_count++] = *row;
}

void stele_sql_parcel_end_event(stele_sql_parcel *parcel, const stele_mark *mark)
{
    if (parcel->step_count == parcel->step_max) {
        parcel->step_max = parcel->step_max == 0 ? 256 : 2 * parcel->step_max;
        parcel->steps = stele_realloc_array(parcel->steps, parcel->step_max, sizeof *parcel->steps);
    }
    parcel->steps[parcel->step_count++] = (stele_sql_step){*mark, parcel->row_count};
}

void stele_sql_parcel_drop_rest(stele_sql_parcel *parcel)
{
    parcel->row_count =
        parcel->step_count == 0 ? 0 : parcel->steps[parcel->step_count - 1].rows_end;
}

void stele_sql_parcel_reset(stele_sql_parcel *parcel)
{
    stele_arena_reset(parcel->arena);
    parcel->row_count = parcel->step_count = 0;
}
