/* SPDX-License-Identifier: MIT
 * Writes a schema that was parsed with the help of others as one document: each named type in full
 * where it is first used, with every property that it came with. */
#include "schemas/schema_text.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "schemas/schema_object.h"

typedef struct writer {
    stele_table *seen;  /* full names that are written out, each with its node */
    const char *prefix; /* in front of every name of a type */
    stele_buffer *out;
} writer;

static void write_node(writer *w, const stele_node *node);

static void write_string(writer *w, const char *text)
{
    stele_tree_write_string(stele_text(text), w->out);
}

/* The name of an object's member, with what is around it. */
static void begin_member(writer *w, stele_bytes name, bool *is_first)
{
    stele_buffer_push(w->out, *is_first ? '{' : ',');
    stele_tree_write_string(name, w->out);
    stele_buffer_push(w->out, ':');
    *is_first = false;
}

static bool is_called(const stele_tree *object, size_t member, const char *name)
{
    return stele_bytes_equal(object->names[member], stele_text(name));
}

/* An object as it was written, but for the type that it holds under this name. */
static void write_around(writer *w, const stele_tree *object, const char *name,
                         const stele_node *type)
{
    bool is_first = true;
    for (size_t i = 0; i < object->count; i++) {
        begin_member(w, object->names[i], &is_first);
        if (type != NULL && is_called(object, i, name)) {
            write_node(w, type);
        } else {
            stele_tree_write(&object->items[i], false, w->out);
        }
    }
    stele_buffer_push(w->out, '}');
}

static void write_fields(writer *w, const stele_node *node)
{
    stele_buffer_push(w->out, '[');
    for (size_t i = 0; i < node->count; i++) {
        if (i > 0) stele_buffer_push(w->out, ',');
        write_around(w, node->fields[i].source, "type", node->fields[i].type);
    }
    stele_buffer_push(w->out, ']');
}

static void write_named(writer *w, const stele_node *node)
{
    bool is_new;
    STELE_AUTO(char) name = stele_strdup_format("%s%s", w->prefix, node->name);
    const stele_node **seen = stele_table_insert(w->seen, stele_text(name), &is_new);
    if (!is_new) {
        write_string(w, name);
        return;
    }
    if (seen != NULL) *seen = node;
    const stele_tree *source = node->source;
    bool is_first = true;
    for (size_t i = 0; i < source->count; i++) {
        if (is_called(source, i, "namespace")) continue;
        begin_member(w, source->names[i], &is_first);
        if (is_called(source, i, "name")) {
            write_string(w, name);
        } else if (is_called(source, i, "fields") && node->kind == STELE_KIND_RECORD) {
            write_fields(w, node);
        } else {
            stele_tree_write(&source->items[i], false, w->out);
        }
    }
    /* Without one it would inherit that of the type around it. */
    if (node->name == node->short_name && w->prefix[0] == '\0') {
        begin_member(w, stele_text("namespace"), &is_first);
        write_string(w, "");
    }
    stele_buffer_push(w->out, '}');
}

/* The parser has limited how deep this goes. */
static void write_node(writer *w, const stele_node *node)
{
    if (stele_node_is_named(node)) {
        write_named(w, node);
    } else if (node->kind == STELE_KIND_UNION) {
        stele_buffer_push(w->out, '[');
        for (size_t i = 0; i < node->count; i++) {
            if (i > 0) stele_buffer_push(w->out, ',');
            write_node(w, node->branches[i]);
        }
        stele_buffer_push(w->out, ']');
    } else if (node->source == NULL) {
        write_string(w, stele_kind_name(node->kind));
    } else {
        write_around(w, node->source, node->kind == STELE_KIND_ARRAY ? "items" : "values",
                     node->item);
    }
}

void stele_schema_write_type(const stele_node *node, stele_buffer *out)
{
    STELE_AUTO(stele_table) seen = stele_table_new(sizeof(const stele_node *), 0);
    writer w = {.seen = seen, .prefix = "", .out = out};
    write_node(&w, node);
}

/* ---- several schemas in one document ---- */

struct stele_schema_document {
    stele_table *names; /* what they are written as: const stele_node *, NULL: the document's own */
};

stele_schema_document *stele_schema_document_new(void)
{
    stele_schema_document *document = stele_alloc(sizeof *document);
    document->names = stele_table_new(sizeof(const stele_node *), 0);
    return document;
}

void stele_schema_document_free(stele_schema_document *document)
{
    if (document == NULL) return;
    stele_table_free(document->names);
    free(document);
}

void stele_schema_document_reserve(stele_schema_document *document, const char *name)
{
    stele_table_insert(document->names, stele_text(name), NULL);
}

/* Is there a type of the same name that it cannot stand for? */
static bool clashes(const stele_schema_document *document, const stele_schema *schema)
{
    if (stele_table_find(document->names, stele_text(schema->root->name)) != NULL) return true;
    stele_table_cursor cursor = {0};
    const stele_node **node;
    while ((node = stele_table_next(schema->names, &cursor)) != NULL) {
        const stele_node **other = stele_table_find(document->names, stele_text((*node)->name));
        if (other != NULL && (*other == NULL || !stele_node_equal(*other, *node, true)))
            return true;
    }
    return false;
}

void stele_schema_document_write(stele_schema_document *document, const stele_schema *schema,
                                 const char *prefix, stele_buffer *out)
{
    writer w = {
        .seen = document->names, .prefix = clashes(document, schema) ? prefix : "", .out = out};
    write_node(&w, schema->root);
}

void stele_schema_write(const stele_schema *schema, stele_buffer *out)
{
    if (schema->with_count == 0) {
        stele_buffer_append(out, stele_schema_source(schema));
    } else {
        stele_schema_write_type(schema->root, out);
    }
}
