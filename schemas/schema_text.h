/* SPDX-License-Identifier: MIT
 * A schema as text that needs no other one. */
#ifndef STELE_SCHEMAS_SCHEMA_TEXT_H
#define STELE_SCHEMAS_SCHEMA_TEXT_H

#include <stele/schema.h>

/** Append the text of a schema with all that it says; names of other schemas are written out where
 * they are first used. Without other schemas it is the text as given. */
void stele_schema_write(const stele_schema *schema, stele_buffer *out);

#endif
