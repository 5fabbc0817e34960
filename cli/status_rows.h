/* SPDX-License-Identifier: MIT
 * Rows of `_stele.status` that are over, for the commands that end something. */
#ifndef STELE_CLI_STATUS_ROWS_H
#define STELE_CLI_STATUS_ROWS_H

#include "cli/command.h"
#include "consumer/status.h"
#include "core/scope.h"

typedef struct stele_status_rows {
    stele_status_row *over; /* no one reports on them; owned, with their texts */
    size_t count;
    size_t living_count; /* rows that someone reports on */
    char *living; /* "customers.v1 is reported on by host-1", of the first; NULL: none; owned */
} stele_status_rows;

void stele_status_rows_clear(stele_status_rows *rows);
STELE_VALUE_SCOPE(stele_status_rows, stele_status_rows_clear);

/** @param projection, topic  NULL: any. The client must be open. @param out  cleared by the caller
 */
stele_status stele_status_rows_find(stele_cli *cli, const char *projection, const char *topic,
                                    stele_status_rows *out, stele_error *err);

/** Drop those that are over, and say how many. @return STELE_EXIT_FAILED, and has said why */
stele_exit stele_status_rows_drop(stele_cli *cli, const stele_status_rows *rows);

#endif
