/* SPDX-License-Identifier: MIT
 * Comma-separated values (RFC 4180), read a record at a time from a file descriptor: what has
 * arrived is handed out at once, so a pipe that goes on forever is fine. Knows nothing of types.
 */
#ifndef STELE_CORE_CSV_H
#define STELE_CORE_CSV_H

#include <stdbool.h>

#include <stele/bytes.h>
#include <stele/error.h>

#include "core/scope.h"

/** What is said of a file that begins with the byte order mark of UTF-16. */
#define STELE_CSV_IS_UTF16                                                                         \
    "the file is UTF-16; convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8)"

/** All zero means the defaults. */
typedef struct stele_csv_options {
    char delimiter;      /* 0: ',' */
    size_t record_max;   /* bytes of one record; 0: 1 MiB */
    unsigned fields_max; /* cells of one record; 0: 10,000 */
} stele_csv_options;

typedef struct stele_csv stele_csv;

/** One record. Valid until the next call. */
typedef struct stele_csv_record {
    const stele_bytes *cells; /* views, without the quotes; NULL at the end of the file */
    const bool *quoted;       /* of each cell: was it in quotes? */
    size_t count;
    uint64_t line; /* on which it began, from 1 */
} stele_csv_record;

/**
 * A reader of `fd`; caller owns, release with stele_csv_free.
 *
 * A byte order mark of UTF-8 is passed over. Lines end with LF or CRLF, the last one may lack it;
 * empty lines are passed over. A quote within a cell that does not begin with one is a character.
 *
 * @param fd       borrowed; read from where it is, further than the records handed out
 * @param options  NULL for the defaults
 */
stele_csv *stele_csv_new(int fd, const stele_csv_options *options);

void stele_csv_free(stele_csv *csv);

STELE_SCOPE(stele_csv, stele_csv_free);

/**
 * The next record.
 *
 * @return STELE_E_INVALID, STELE_E_LIMIT  this record is bad; stele_csv_line says where. With
 *                                         next = REJECT the following call goes on with the line
 *                                         after the one on which it began.
 *         STELE_E_INTERRUPTED             a signal came first; call again (next = RETRY)
 */
stele_status stele_csv_next(stele_csv *csv, stele_csv_record *out, stele_error *err);

/** The line on which the last record began, good or bad. */
uint64_t stele_csv_line(const stele_csv *csv);

#endif
