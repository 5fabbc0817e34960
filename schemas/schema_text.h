/* SPDX-License-Identifier: MIT
 * A schema as text that needs no other one. */
#ifndef STELE_SCHEMAS_SCHEMA_TEXT_H
#define STELE_SCHEMAS_SCHEMA_TEXT_H

#include <stele/schema.h>

#include "core/scope.h"
#include "schemas/model.h"

/** The JSON of a schema's text, comments passed over. As stele_tree_parse. */
const stele_tree *stele_schema_tree(stele_bytes text, stele_arena *arena,
                                    stele_tree_problem *problem);

/** Append the text of a schema with all that it says; names of other schemas are written out where
 * they are first used. Without other schemas it is the text as given. */
void stele_schema_write(const stele_schema *schema, stele_buffer *out);

/** The same of one type, whatever schema it is of. */
void stele_schema_write_type(const stele_node *node, stele_buffer *out);

/** Several schemas as parts of one document, in which a name means one type. */
typedef struct stele_schema_document stele_schema_document;

/** No schema yet; caller owns. */
stele_schema_document *stele_schema_document_new(void);
void stele_schema_document_free(stele_schema_document *document);
STELE_SCOPE(stele_schema_document, stele_schema_document_free);

/** A name that the document itself uses. */
void stele_schema_document_reserve(stele_schema_document *document, const char *name);

/**
 * Append a schema as the next part. A named type that is there already is referred to. Where one of
 * the same name is there that differs, or the schema's own, `prefix` is put in front of all names
 * of this schema: two versions of an event are two types.
 *
 * @param schema  of a named type; must outlive the document
 * @param prefix  "schema7."; another one for each schema
 */
void stele_schema_document_write(stele_schema_document *document, const stele_schema *schema,
                                 const char *prefix, stele_buffer *out);

#endif
