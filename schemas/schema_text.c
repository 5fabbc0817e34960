/* SPDX-License-Identifier: MIT
 * Writes a schema that was parsed with the help of others as one document: each named type in full
 * where it is first used, with every property that it came with. */
#include "schemas/schema_text.h"

#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "schemas/schema_object.h"
#include "schemas/scopes.h"

static json_t *write_node(stele_table *seen, const stele_node *node);

static json_t *write_fields(stele_table *seen, const stele_node *node)
{
    json_t *fields = json_array();
    for (size_t i = 0; i < node->count; i++) {
        json_t *field = json_copy((json_t *)node->fields[i].source);
        json_object_set_new(field, "type", write_node(seen, node->fields[i].type));
        json_array_append_new(fields, field);
    }
    return fields;
}

static json_t *write_named(stele_table *seen, const stele_node *node)
{
    bool is_new;
    stele_table_insert(seen, stele_text(node->name), &is_new);
    if (!is_new) return json_string(node->name);
    json_t *json = json_copy((json_t *)node->source);
    json_object_set_new(json, "name", json_string(node->name));
    json_object_del(json, "namespace");
    /* Without one it would inherit that of the type around it. */
    if (node->name == node->short_name) json_object_set_new(json, "namespace", json_string(""));
    if (node->kind == STELE_KIND_RECORD) {
        json_object_set_new(json, "fields", write_fields(seen, node));
    }
    return json;
}

/* The parser has limited how deep this goes. */
static json_t *write_node(stele_table *seen, const stele_node *node)
{
    if (stele_node_is_named(node)) return write_named(seen, node);
    if (node->kind == STELE_KIND_UNION) {
        json_t *branches = json_array();
        for (size_t i = 0; i < node->count; i++)
            json_array_append_new(branches, write_node(seen, node->branches[i]));
        return branches;
    }
    if (node->source == NULL) return json_string(stele_kind_name(node->kind));
    json_t *json = json_copy((json_t *)node->source);
    if (node->item != NULL) {
        const char *key = node->kind == STELE_KIND_ARRAY ? "items" : "values";
        json_object_set_new(json, key, write_node(seen, node->item));
    }
    return json;
}

void stele_schema_write(const stele_schema *schema, stele_buffer *out)
{
    if (schema->with_count == 0) {
        stele_buffer_append(out, stele_schema_source(schema));
        return;
    }
    STELE_AUTO(stele_table) seen = stele_table_new(1, 0);
    STELE_AUTO(json_t) json = write_node(seen, schema->root);
    STELE_AUTO(char) text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text == NULL) stele_out_of_memory(0);
    stele_buffer_append(out, stele_text(text));
}
