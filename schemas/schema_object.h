/* SPDX-License-Identifier: MIT
 * What a stele_schema holds, and what parsing it passes from file to file. */
#ifndef STELE_SCHEMAS_SCHEMA_OBJECT_H
#define STELE_SCHEMAS_SCHEMA_OBJECT_H

#include <stdatomic.h>

#include "core/table.h"
#include "schemas/model.h"

struct stele_schema {
    atomic_size_t owners;
    char *name; /* for messages */
    char *text; /* as given */
    size_t text_size;
    stele_arena *memory; /* nodes, their names, and the tree of the text that they point into */
    const stele_tree *document;
    stele_table *names;   /* full name -> const stele_node *, those of `with` included */
    stele_node **records; /* that it declares, in order */
    size_t record_count;
    const stele_node *root;
    stele_schema **with; /* retained, because nodes point into them */
    size_t with_count;
};

/** One parse; lives on the stack of stele_schema_parse. */
typedef struct stele_parser {
    stele_schema *schema;
    size_t nodes_max;
    size_t nodes;
    unsigned depth_max;
    unsigned depth;
    stele_buffer path; /* where the parser is: "items[].sku" */
    stele_error *err;
} stele_parser;

/** Memory of the schema, zeroed. */
void *stele_parser_take(stele_parser *parser, size_t count, size_t size);

/** Fail with name, line and path. The place is `at` itself, or what `at` holds under `key`. */
stele_status stele_parser_fail(stele_parser *parser, stele_status status, const stele_tree *at,
                               const char *key, const char *format, ...) STELE_PRINTF(5, 6);

/** Parse a type. `space` is the namespace around it, "" for none. */
stele_status stele_parse_type(stele_parser *parser, const stele_tree *json, const char *space,
                              const stele_node **out);

/** Set the logical type of a node from its properties; what is unknown or invalid is ignored. */
void stele_parse_logical(stele_node *node, const stele_tree *properties);

/** Group the records that contain one another, and refuse what contains itself without end. */
stele_status stele_parse_groups(stele_parser *parser);

/** Check every default of the schema's records. */
stele_status stele_parse_defaults(stele_parser *parser);

#endif
