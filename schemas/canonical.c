/* SPDX-License-Identifier: MIT
 * Parsing Canonical Form (specification, "Transforming into Parsing Canonical Form"). It is written
 * from the tree, so that seven of its rules hold by construction: names are full, only what reading
 * needs is written, in the order name, type, fields, symbols, items, values, size, without blanks
 * or escapes; names are ASCII. */
#include <inttypes.h>

#include "core/alloc.h"
#include "core/table.h"
#include "schemas/model.h"

static void put_text(stele_buffer *out, const char *text)
{
    stele_buffer_append(out, stele_text(text));
}

static void put_node(stele_buffer *out, stele_table *seen, const stele_node *node);

static void put_quoted(stele_buffer *out, const char *text)
{
    stele_buffer_push(out, '"');
    put_text(out, text);
    stele_buffer_push(out, '"');
}

static void put_fields(stele_buffer *out, stele_table *seen, const stele_node *node)
{
    put_text(out, ",\"fields\":[");
    for (size_t i = 0; i < node->count; i++) {
        put_text(out, i == 0 ? "{\"name\":" : ",{\"name\":");
        put_quoted(out, node->fields[i].name);
        put_text(out, ",\"type\":");
        put_node(out, seen, node->fields[i].type);
        stele_buffer_push(out, '}');
    }
    stele_buffer_push(out, ']');
}

static void put_symbols(stele_buffer *out, const stele_node *node)
{
    put_text(out, ",\"symbols\":[");
    for (size_t i = 0; i < node->count; i++) {
        if (i > 0) stele_buffer_push(out, ',');
        put_quoted(out, node->symbols[i]);
    }
    stele_buffer_push(out, ']');
}

static void put_named(stele_buffer *out, stele_table *seen, const stele_node *node)
{
    bool is_new;
    stele_table_insert(seen, stele_text(node->name), &is_new);
    if (!is_new) {
        put_quoted(out, node->name);
        return;
    }
    put_text(out, "{\"name\":");
    put_quoted(out, node->name);
    put_text(out, ",\"type\":");
    put_quoted(out, stele_kind_name(node->kind));
    if (node->kind == STELE_KIND_RECORD) {
        put_fields(out, seen, node);
    } else if (node->kind == STELE_KIND_ENUM) {
        put_symbols(out, node);
    } else {
        stele_buffer_format(out, ",\"size\":%" PRIu32, node->fixed_size);
    }
    stele_buffer_push(out, '}');
}

static void put_union(stele_buffer *out, stele_table *seen, const stele_node *node)
{
    stele_buffer_push(out, '[');
    for (size_t i = 0; i < node->count; i++) {
        if (i > 0) stele_buffer_push(out, ',');
        put_node(out, seen, node->branches[i]);
    }
    stele_buffer_push(out, ']');
}

/* The parser has limited how deep this goes. */
static void put_node(stele_buffer *out, stele_table *seen, const stele_node *node)
{
    if (stele_node_is_named(node)) {
        put_named(out, seen, node);
    } else if (node->kind == STELE_KIND_UNION) {
        put_union(out, seen, node);
    } else if (node->kind == STELE_KIND_ARRAY) {
        put_text(out, "{\"type\":\"array\",\"items\":");
        put_node(out, seen, node->item);
        stele_buffer_push(out, '}');
    } else if (node->kind == STELE_KIND_MAP) {
        put_text(out, "{\"type\":\"map\",\"values\":");
        put_node(out, seen, node->item);
        stele_buffer_push(out, '}');
    } else {
        put_quoted(out, stele_kind_name(node->kind));
    }
}

void stele_schema_canonical(const stele_schema *schema, stele_buffer *out)
{
    STELE_AUTO(stele_table) seen = stele_table_new(1, 0);
    put_node(out, seen, stele_schema_root(schema));
}

bool stele_schema_same_canonical(const stele_schema *a, const stele_schema *b)
{
    if (a == b) return true;
    STELE_AUTO_VALUE(stele_buffer) one = {0};
    STELE_AUTO_VALUE(stele_buffer) other = {0};
    stele_schema_canonical(a, &one);
    stele_schema_canonical(b, &other);
    return stele_bytes_equal(stele_buffer_view(&one), stele_buffer_view(&other));
}
