/* SPDX-License-Identifier: MIT
 * CSV to records and their cells to fields. Lines only go forward, and the end comes. */
#include <fcntl.h>
#include <unistd.h>

#include "kinds.h"

#include "core/alloc.h"
#include "core/csv.h"
#include "schemas/text_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MAX_BYTES = 32768 }; /* less than a pipe holds */

static void set_fields(const stele_csv_record *record, stele_arena *arena)
{
    kinds_everything value = {.flag = false};
    const stele_layout *layout = kinds_everything_type.layout;
    for (size_t i = 0; i < record->count && i < layout->count; i++) {
        stele_error err;
        stele_text_value_set(&layout->members[i], record->cells[i], record->quoted[i], &value,
                             arena, &err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int ends[2];
    if (size > SIZE_MAX_BYTES) return 0;
    if (pipe(ends) != 0) abort();
    if (write(ends[1], data, size) != (ssize_t)size) abort();
    close(ends[1]);
    const stele_csv_options options = {.record_max = 1000, .fields_max = 50};
    STELE_AUTO(stele_csv) csv = stele_csv_new(ends[0], &options);
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    for (uint64_t line = 0;;) {
        stele_csv_record record;
        stele_error err;
        stele_status status = stele_csv_next(csv, &record, &err);
        if (status < 0 && err.next == STELE_NEXT_STOP) break;
        if (status == STELE_OK && record.cells == NULL) break;
        if (stele_csv_line(csv) <= line) abort();
        line = stele_csv_line(csv);
        if (status == STELE_OK) set_fields(&record, arena);
    }
    close(ends[0]);
    return 0;
}
