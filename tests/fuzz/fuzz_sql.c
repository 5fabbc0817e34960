/* SPDX-License-Identifier: MIT
 * Files of SQL projections: whatever comes is taken apart into blocks and statements that can be
 * run, or refused with a line. */
#include <stdio.h>

#include "core/alloc.h"
#include "projections/sql_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
    if (!is_so) abort();
}

static void check_statement(const stele_sql_statement *statement, int line)
{
    must(statement->text[0] != '\0');
    must(statement->line > line);
    for (size_t i = 0; i < statement->parameter_count; i++) {
        char number[24];
        snprintf(number, sizeof number, "$%zu", i + 1);
        must(strstr(statement->text, number) != NULL);
        must(statement->parameters[i].path[0] != '\0');
        must(statement->parameters[i].line >= statement->line);
    }
}

static void parse(stele_bytes text, stele_sql_dialect dialect)
{
    stele_sql_file *file = NULL;
    stele_error err = {0};
    if (stele_sql_file_parse("f", text, dialect, &file, &err) < 0) {
        must(strncmp(err.text, "f:", 2) == 0 && err.next == STELE_NEXT_STOP);
        return;
    }
    must(file->topics[0] != NULL && file->block_count > 0 && file->version > 0);
    for (size_t i = 0; i < file->block_count; i++)
        for (size_t k = 0; k < file->blocks[i].statement_count; k++)
            check_statement(&file->blocks[i].statements[k], file->blocks[i].line);
    stele_sql_file_free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    parse(stele_bytes_of(data, size), STELE_SQL_SQLITE);
    parse(stele_bytes_of(data, size), STELE_SQL_POSTGRES);
    return 0;
}
