/* SPDX-License-Identifier: MIT
 * A schema's document, looked up by the names of its types: what the parsed tree does not keep as
 * text. */
#ifndef STELE_SCHEMAS_SCHEMA_PARTS_H
#define STELE_SCHEMAS_SCHEMA_PARTS_H

#include <stele/buffer.h>

#include "core/scope.h"

/** A schema's document with its named types. */
typedef struct stele_schema_parts stele_schema_parts;

/** From a valid, self-contained schema; caller owns. */
stele_schema_parts *stele_schema_parts_new(const char *schema);

void stele_schema_parts_free(stele_schema_parts *parts);

STELE_SCOPE(stele_schema_parts, stele_schema_parts_free);

/** Append the schema of the type with this full name; all types in it are written out where they
 * are first used. */
void stele_schema_parts_write(const stele_schema_parts *parts, const char *name, stele_buffer *out);

/** The "doc" of a named type, or of one of its fields if `field` is not NULL; NULL if it has none.
 */
const char *stele_schema_parts_doc(const stele_schema_parts *parts, const char *name,
                                   const char *field);

#endif
