/* SPDX-License-Identifier: MIT
 * Records from CSV and JSON lines. The columns of a CSV header are fields by name; a field without
 * a column takes its default. */
#include "cli/record_source.h"

#include <stele/json.h>

#include <stdlib.h>
#include <string.h>

#include "cli/lines.h"
#include "core/alloc.h"
#include "core/text.h"
#include "core/csv.h"
#include "schemas/text_value.h"

struct stele_record_source {
    const stele_type *type;
    stele_arena *arena;
    stele_lines *lines; /* NULL: CSV */

    stele_csv *csv; /* NULL: JSON lines */
    const stele_member **columns;
    size_t column_count;
    const stele_member **absent; /* fields without a column, which take their defaults */
    size_t absent_count;
};

static stele_record_source *source_new(const stele_type *type)
{
    stele_record_source *source = stele_alloc(sizeof *source);
    source->type = type;
    source->arena = stele_arena_new();
    return source;
}

void stele_record_source_free(stele_record_source *source)
{
    if (source == NULL) return;
    stele_csv_free(source->csv);
    stele_arena_free(source->arena);
    free(source->columns);
    free(source->absent);
    stele_lines_free(source->lines);
    free(source);
}

int64_t stele_record_source_line(const stele_record_source *source)
{
    return source->csv != NULL ? (int64_t)stele_csv_line(source->csv)
                               : stele_lines_number(source->lines);
}

static bool has_column(const stele_record_source *source, const stele_member *field)
{
    for (size_t i = 0; i < source->column_count; i++)
        if (source->columns[i] == field) return true;
    return false;
}

/* Why a header may not be understood at all: other files call themselves CSV, too. */
static const char *other_separator(const stele_csv_record *header)
{
    stele_bytes cell = header->cells[0];
    if (header->count > 1 || cell.size == 0) return "";
    if (memchr(cell.data, '\r', cell.size) != NULL) return "; lines end in a line feed";
    bool is_other = memchr(cell.data, ';', cell.size) != NULL ||
                    memchr(cell.data, '\t', cell.size) != NULL ||
                    memchr(cell.data, '|', cell.size) != NULL;
    return is_other ? "; columns are separated by commas" : "";
}

static stele_status read_columns(stele_record_source *source, const stele_csv_record *header,
                                 stele_error *err)
{
    source->columns = stele_alloc_array(header->count, sizeof *source->columns);
    for (size_t i = 0; i < header->count; i++) {
        const stele_member *field = stele_text_value_find(source->type, header->cells[i]);
        if (field == NULL)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "the header's column %zu is %s, and %s has no such field%s", i + 1,
                              stele_quote(header->cells[i]).text, source->type->name,
                              other_separator(header));
        if (has_column(source, field))
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "the header has the column %s twice", field->name);
        source->columns[source->column_count++] = field;
    }
    return STELE_OK;
}

/* Fields without a column must have a default, which is found out before the first record. */
static stele_status find_absent(stele_record_source *source, stele_error *err)
{
    const stele_layout *layout = source->type->layout;
    source->absent = stele_alloc_array((size_t)layout->count + 1, sizeof *source->absent);
    STELE_AUTO(char) scratch = stele_alloc(layout->size + 1);
    for (uint32_t i = 0; i < layout->count; i++) {
        const stele_member *field = &layout->members[i];
        if (has_column(source, field)) continue;
        stele_error none = {0};
        if (stele_text_value_default(field, scratch, source->arena, &none) < 0)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                              "the header has no column %s, and the field has no default",
                              field->name);
        source->absent[source->absent_count++] = field;
    }
    return STELE_OK;
}

stele_status stele_record_source_csv(FILE *file, const stele_type *type, stele_record_source **out,
                                     stele_error *err)
{
    STELE_AUTO(stele_record_source) source = source_new(type);
    source->csv = stele_csv_new(fileno(file), NULL);
    stele_csv_record header;
    stele_status status = stele_csv_next(source->csv, &header, err);
    if (status == STELE_OK && header.cells == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "the file is empty: its first line must name the columns");
    if (status == STELE_OK) status = read_columns(source, &header, err);
    if (status == STELE_OK) status = find_absent(source, err);
    if (status < 0) return status;
    *out = source;
    source = NULL;
    return STELE_OK;
}

stele_record_source *stele_record_source_json(FILE *file, const stele_type *type)
{
    stele_record_source *source = source_new(type);
    source->lines = stele_lines_new(file);
    return source;
}

static int next_csv(stele_record_source *source, void *value, stele_error *err)
{
    stele_csv_record record;
    stele_status status = stele_csv_next(source->csv, &record, err);
    if (status < 0) return status;
    if (record.cells == NULL) return 0;
    if (record.count != source->column_count)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "%zu cells, and the header has %zu columns", record.count,
                          source->column_count);
    for (size_t i = 0; i < record.count; i++) {
        status = stele_text_value_set(source->columns[i], record.cells[i], record.quoted[i], value,
                                      source->arena, err);
        if (status < 0) return status;
    }
    for (size_t i = 0; i < source->absent_count; i++) {
        status = stele_text_value_default(source->absent[i], value, source->arena, err);
        if (status < 0) return status;
    }
    return 1;
}

static bool is_blank(stele_bytes line)
{
    size_t i = 0;
    while (i < line.size && (line.data[i] == ' ' || line.data[i] == '\t' || line.data[i] == '\r'))
        i++;
    return i == line.size;
}

/* The next line that is more than blanks. @return 1, 0 at the end, or a failure */
static int next_line(stele_record_source *source, stele_bytes *line, stele_error *err)
{
    int got;
    do {
        got = stele_lines_next(source->lines, line, err);
    } while (got > 0 && is_blank(*line));
    return got;
}

int stele_record_source_next(stele_record_source *source, void *value, stele_error *err)
{
    stele_arena_reset(source->arena);
    if (source->csv != NULL) return next_csv(source, value, err);
    stele_bytes line;
    int got = next_line(source, &line, err);
    if (got <= 0) return got;
    stele_status status =
        stele_json_read(source->type, line, STELE_JSON_PLAIN, NULL, value, source->arena, err);
    return status < 0 ? (int)status : 1;
}
