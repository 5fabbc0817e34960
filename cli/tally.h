/* SPDX-License-Identifier: MIT
 * Complaints about the lines of a file: the first ones as they come, then a count for each reason,
 * so that a file that is wrong throughout can still be read about. */
#ifndef STELE_CLI_TALLY_H
#define STELE_CLI_TALLY_H

#include <stdint.h>
#include <stdio.h>

#include "core/table.h"

/** All zero is empty. */
typedef struct stele_tally {
    stele_table *reasons; /* of complaints that were not printed; NULL: none yet */
    int64_t printed;
    int64_t counted; /* not printed */
} stele_tally;

void stele_tally_clear(stele_tally *tally);

/**
 * "FILE:LINE: TEXT" on `out`, or counted. Two texts have one reason if they differ in numbers and
 * in what is in quotes only.
 */
void stele_tally_add(stele_tally *tally, FILE *out, const char *file, int64_t line,
                     const char *text);

/** What was counted: a line for each reason, with its first line as an example. */
void stele_tally_print(const stele_tally *tally, FILE *out, const char *file);

#endif
