/* SPDX-License-Identifier: MIT
 * JSON Schemas (draft 2020-12, as in OpenAPI 3.1) of values in the plain form of <stele/json.h>:
 * one for each record, enum and fixed, called by its full name, which refer to one another. */
#ifndef STELE_SCHEMAS_JSON_SCHEMA_H
#define STELE_SCHEMAS_JSON_SCHEMA_H

#include <stele/schema.h>

#include "core/scope.h"

typedef struct stele_json_schemas stele_json_schemas;

/** None yet; caller owns. @param place  where they will be in the document,
 * "#/components/schemas/"; borrowed, must outlive it */
stele_json_schemas *stele_json_schemas_new(const char *place);
void stele_json_schemas_free(stele_json_schemas *schemas);
STELE_SCOPE(stele_json_schemas, stele_json_schemas_free);

/**
 * Add a schema, and all named types that it is made of. Types of one name that differ get names of
 * their own: "shop.Order", "shop.Order-2".
 *
 * @param schema  of a named type; retained
 * @return its name; valid as long as the schemas
 */
const char *stele_json_schemas_add(stele_json_schemas *schemas, const stele_schema *schema);

/** Append {"shop.Order": {…}, …}, in the order in which they were added. */
void stele_json_schemas_write(const stele_json_schemas *schemas, stele_buffer *out);

/** Append {"$ref": "…"} to one by its name. */
void stele_json_schemas_refer(const stele_json_schemas *schemas, const char *name,
                              stele_buffer *out);

#endif
