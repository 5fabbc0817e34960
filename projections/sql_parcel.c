/* SPDX-License-Identifier: MIT
 * Rows that come together for one transaction. */
#include "projections/sql_parcel.h"

#include <string.h>

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
    parcel->steps[parcel->step_count++] =
        (stele_sql_step){.mark = *mark, .rows_end = parcel->row_count};
}

void stele_sql_parcel_drop_rest(stele_sql_parcel *parcel)
{
    parcel->row_count =
        parcel->step_count == 0 ? 0 : parcel->steps[parcel->step_count - 1].rows_end;
}

void stele_sql_parcel_reset(stele_sql_parcel *parcel)
{
    stele_arena_reset(parcel->arena);
    parcel->row_count = parcel->step_count = parcel->first = parcel->end = 0;
}

void stele_sql_parcel_add_letter(stele_sql_parcel *parcel, const stele_mark *mark, int64_t offset,
                                 stele_bytes value)
{
    stele_sql_parcel_end_event(parcel, mark);
    stele_sql_step *step = &parcel->steps[parcel->step_count - 1];
    step->letter = value.data == NULL ? STELE_SQL_LETTER_REMOVE : STELE_SQL_LETTER_KEEP;
    step->offset = offset;
    step->kept = value;
}

void stele_sql_parcel_set_aside(stele_sql_parcel *parcel, size_t at, stele_bytes value)
{
    stele_sql_step *step = &parcel->steps[at];
    size_t from = at == 0 ? 0 : parcel->steps[at - 1].rows_end;
    size_t count = step->rows_end - from;
    memmove(parcel->rows + from, parcel->rows + step->rows_end,
            (parcel->row_count - step->rows_end) * sizeof *parcel->rows);
    parcel->row_count -= count;
    for (size_t i = at; i < parcel->step_count; i++)
        parcel->steps[i].rows_end -= count;
    step->letter = STELE_SQL_LETTER_KEEP;
    step->offset = step->mark.last_offset;
    step->kept = value;
}
