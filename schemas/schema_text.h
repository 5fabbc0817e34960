/* SPDX-License-Identifier: MIT
 * A schema as text that needs no other one. */
#ifndef STELE_SCHEMAS_SCHEMA_TEXT_H
#define STELE_SCHEMAS_SCHEMA_TEXT_H

#include <stele/schema.h>

#include "schemas/model.h"

/** The JSON of a schema's text, comments passed over. As stele_tree_parse. */
const stele_tree *stele_schema_tree(stele_bytes text, stele_arena *arena,
                                    stele_tree_problem *problem);

/** Append the text of a schema with all that it says; names of other schemas are written out where
 * they are first used. Without other schemas it is the text as given. */
void stele_schema_write(const stele_schema *schema, stele_buffer *out);

/** The same of one type, whatever schema it is of. */
void stele_schema_write_type(const stele_node *node, stele_buffer *out);

#endif
