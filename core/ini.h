/* SPDX-License-Identifier: MIT
 * The form of a configuration file: sections, keys, values and the lines they are on. What they
 * mean is core/config.h's.
 *
 *     # comment                     a whole line; so is ; comment
 *     [worker]
 *     threads = 4                   indented or not; the value is the rest of the line, trimmed
 *     [projection customers]        a section that is there once for each name
 *
 * Not inih: the one of Debian cuts lines at 199 bytes and sections at 49 without a word, takes an
 * indented line for a part of the one before, and cuts a value (a password) at " ;". */
#ifndef STELE_CORE_INI_H
#define STELE_CORE_INI_H

#include <stele/bytes.h>
#include <stele/error.h>

enum { STELE_INI_SIZE_MAX = 1024 * 1024 };

/** One line that says something; views into the text. */
typedef struct stele_ini_line {
    int number;          /* from 1 */
    stele_bytes section; /* the word of the section */
    stele_bytes name;    /* its second word; null if there is none */
    stele_bytes key;     /* null: the line that opens the section */
    stele_bytes value;   /* may be empty */
} stele_ini_line;

/** Called for each line; a failure ends the parse with it. */
typedef stele_status stele_ini_visit(void *context, const stele_ini_line *line, stele_error *err);

/**
 * Take `text` apart.
 *
 * @param file  its name, for messages
 * @return STELE_E_INVALID  a line is neither comment, section nor key = value, or not UTF-8, or has
 *                          control characters (next = STOP); the text names file and line
 *         STELE_E_LIMIT    longer than STELE_INI_SIZE_MAX (next = STOP)
 *         what `visit` returned
 */
stele_status stele_ini_parse(stele_bytes text, const char *file, stele_ini_visit *visit,
                             void *context, stele_error *err);

#endif
