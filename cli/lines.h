/* SPDX-License-Identifier: MIT
 * Lines of a file or a pipe, of a bounded size: what has arrived is handed out at once, and a line
 * that never ends is an error and no loss of memory. */
#ifndef STELE_CLI_LINES_H
#define STELE_CLI_LINES_H

#include <stdint.h>
#include <stdio.h>

#include <stele/bytes.h>
#include <stele/error.h>

#include "core/scope.h"

typedef struct stele_lines stele_lines;

/** @param file  borrowed; read by its descriptor, so no one else may have read from it */
stele_lines *stele_lines_new(FILE *file);
void stele_lines_free(stele_lines *lines);
STELE_SCOPE(stele_lines, stele_lines_free);

/**
 * The next line, without its LF or CRLF, and the first one without a byte order mark.
 *
 * @param line  view, valid until the next call
 * @return 1    *line is filled
 *         0    the end
 *         STELE_E_LIMIT        longer than 16 MiB; next = REJECT: the next call gives the line
 * after it, STOP: it does not end STELE_E_INTERRUPTED  a signal came first (next = STOP)
 *         STELE_E_INVALID      it cannot be read, or is UTF-16 (next = STOP)
 */
int stele_lines_next(stele_lines *lines, stele_bytes *line, stele_error *err);

/** The number of the last line, from 1. */
int64_t stele_lines_number(const stele_lines *lines);

#endif
