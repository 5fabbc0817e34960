/* SPDX-License-Identifier: MIT
 * Looks up and cuts out the definitions of single types, with docs, defaults and properties of any
 * kind as they were written. */
#include "schemas/schema_parts.h"

#include <limits.h>
#include <stdlib.h>

#include "core/alloc.h"
#include "schemas/schema_object.h"
#include "schemas/schema_text.h"

struct stele_schema_parts {
    stele_schema *schema;
};

stele_schema_parts *stele_schema_parts_new(const char *schema)
{
    stele_schema_parts *parts = stele_alloc(sizeof *parts);
    /* It is the text of a type, so it was parsed before, perhaps in several pieces. */
    stele_schema_options options = {
        .text_max = SIZE_MAX, .nodes_max = SIZE_MAX, .depth_max = UINT_MAX};
    stele_schema_parse(stele_text(schema), &options, &parts->schema, NULL);
    return parts;
}

void stele_schema_parts_free(stele_schema_parts *parts)
{
    if (parts == NULL) return;
    stele_schema_free(parts->schema);
    free(parts);
}

static const stele_node *find_type(const stele_schema_parts *parts, const char *name)
{
    if (parts->schema == NULL) return NULL;
    const stele_node **found = stele_table_find(parts->schema->names, stele_text(name));
    return found == NULL ? NULL : *found;
}

void stele_schema_parts_write(const stele_schema_parts *parts, const char *name, stele_buffer *out)
{
    const stele_node *type = find_type(parts, name);
    if (type == NULL) {
        stele_buffer_format(out, "\"%s\"", name);
    } else {
        stele_schema_write_type(type, out);
    }
}

const char *stele_schema_parts_doc(const stele_schema_parts *parts, const char *name,
                                   const char *field)
{
    const stele_node *type = find_type(parts, name);
    if (type == NULL || field == NULL) return type == NULL ? NULL : type->doc;
    int64_t index = type->kind == STELE_KIND_RECORD ? stele_node_find(type, field) : -1;
    return index < 0 ? NULL : type->fields[index].doc;
}
