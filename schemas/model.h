/* SPDX-License-Identifier: MIT
 * The parsed tree of a schema. Nodes are constant once stele_schema_parse has returned; named types
 * are shared, so the tree is a graph that may have cycles. */
#ifndef STELE_SCHEMAS_MODEL_H
#define STELE_SCHEMAS_MODEL_H

#include <stele/codec.h>

#include "schemas/tree.h"

typedef struct stele_node stele_node;

/** A field of a record. */
typedef struct stele_field {
    const char *name;
    const char *doc; /* NULL: none */
    const stele_node *type;
    const stele_tree *standard; /* its "default", valid for `type`; NULL: none */
    const char *const *aliases;
    size_t alias_count;
    const stele_tree *source; /* the object it was read from, extra properties included */
} stele_field;

/** A type. What does not belong to its kind is zero. */
struct stele_node {
    stele_kind kind;
    stele_logical logical; /* NONE also where the one that was written is unknown or invalid */
    uint32_t precision;    /* decimal */
    uint32_t scale;

    /* record, enum, fixed */
    const char *name;       /* full: "shop.Order" */
    const char *short_name; /* "Order"; points into `name` */
    const char *doc;
    const char *const *aliases; /* full names */
    size_t alias_count;
    uint32_t fixed_size;

    /* record: fields; enum: symbols; union: branches */
    size_t count;
    const stele_field *fields;
    const char *const *symbols;
    const stele_node *const *branches;
    const uint32_t *sorted; /* indices of fields or symbols in order of name, for find */
    int64_t standard;       /* enum: index of its default symbol, -1: none */

    const stele_node *item; /* array: items; map: values */

    /* record: one record of the group whose values contain one another in place, not by way of an
     * array or map. A field whose record has the same group is held by pointer. */
    const stele_node *group;

    uint32_t serial;          /* record: its place among the records that its schema declares */
    const stele_tree *source; /* the object that declares it; NULL for a primitive by name */
};

/** The type at the top; valid as long as the schema. */
const stele_node *stele_schema_root(const stele_schema *schema);

/** "int", "array" …: the name of the kind in a schema's text. */
const char *stele_kind_name(stele_kind kind);

/** "shop.Order", "int", "array": how a type is called within a union. */
const char *stele_node_name(const stele_node *node);

/** The index of a record's field, or of an enum's symbol; -1 if there is none of this name. */
int64_t stele_node_find(const stele_node *node, const char *name);

/** Is it null|T or T|null? Then the index of null is stored, if `null_index` is not NULL. */
bool stele_node_is_optional(const stele_node *node, size_t *null_index);

/** The same names, shapes, defaults and logical types; with `reading`, also what says how to read
 * other schemas: aliases, defaults of enums. */
bool stele_node_equal(const stele_node *a, const stele_node *b, bool reading);

/** Record, enum or fixed? */
static inline bool stele_node_is_named(const stele_node *node)
{
    return node->kind == STELE_KIND_RECORD || node->kind == STELE_KIND_ENUM ||
           node->kind == STELE_KIND_FIXED;
}

#endif
