/* SPDX-License-Identifier: MIT
 * Records that a person hands to `publish`: lines of CSV with a header, or of JSON in the plain
 * form. Each is read into a struct by the type's schema; a bad one is a failure of its line alone.
 */
#ifndef STELE_CLI_RECORD_SOURCE_H
#define STELE_CLI_RECORD_SOURCE_H

#include <stdio.h>

#include <stele/type.h>

#include "core/scope.h"

typedef struct stele_record_source stele_record_source;

/** @param file, type  borrowed; must outlive the source. @param out caller owns */
stele_status stele_record_source_csv(FILE *file, const stele_type *type, stele_record_source **out,
                                     stele_error *err);
stele_record_source *stele_record_source_json(FILE *file, const stele_type *type);
void stele_record_source_free(stele_record_source *source);
STELE_SCOPE(stele_record_source, stele_record_source_free);

/**
 * Read the next record.
 *
 * @param value  all of the type's layout; views are valid until the next call
 * @return 1     *value is filled
 *         0     the end
 *         STELE_E_INVALID, STELE_E_LIMIT  this record is bad; the text says column and reason (next
 * = REJECT), or the file cannot be read on (next = STOP)
 */
int stele_record_source_next(stele_record_source *source, void *value, stele_error *err);

/** Line of the file on which the last record began, from 1. */
int64_t stele_record_source_line(const stele_record_source *source);

#endif
