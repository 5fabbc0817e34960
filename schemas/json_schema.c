/* SPDX-License-Identifier: MIT
 * From a schema's model to JSON Schema. What json_write.c writes fits it, and what fits it is read
 * by json_read.c, but for what JSON Schema has no word for: the range of a number, dates that are
 * none, digits past a decimal's scale. */
#include "schemas/json_schema.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/alloc.h"
#include "schemas/json_form.h"
#include "schemas/model.h"

typedef struct part {
    const stele_node *node;
    char *name;
} part;

struct stele_json_schemas {
    const char *place;
    part *parts; /* the first are those that were added, with their own parts behind each */
    size_t count;
    stele_schema **schemas; /* that the nodes belong to */
    size_t schema_count;
};

stele_json_schemas *stele_json_schemas_new(const char *place)
{
    stele_json_schemas *schemas = stele_alloc(sizeof *schemas);
    schemas->place = place;
    return schemas;
}

void stele_json_schemas_free(stele_json_schemas *schemas)
{
    if (schemas == NULL) return;
    for (size_t i = 0; i < schemas->count; i++)
        free(schemas->parts[i].name);
    for (size_t i = 0; i < schemas->schema_count; i++)
        stele_schema_free(schemas->schemas[i]);
    free(schemas->parts);
    free(schemas->schemas);
    free(schemas);
}

/* ---- which types there are ---- */

static const part *find_part(const stele_json_schemas *schemas, const stele_node *node)
{
    for (size_t i = 0; i < schemas->count; i++) {
        const part *known = &schemas->parts[i];
        if (known->node == node || (strcmp(known->node->name, node->name) == 0 &&
                                    stele_node_equal(known->node, node, true)))
            return known;
    }
    return NULL;
}

static void add_part(stele_json_schemas *schemas, const stele_node *node)
{
    size_t same = 0; /* types of this name */
    for (size_t i = 0; i < schemas->count; i++)
        same += strcmp(schemas->parts[i].node->name, node->name) == 0;
    schemas->parts =
        stele_realloc_array(schemas->parts, schemas->count + 1, sizeof *schemas->parts);
    schemas->parts[schemas->count++] =
        (part){node, same == 0 ? stele_strdup(node->name)
                               : stele_strdup_format("%s-%zu", node->name, same + 1)};
}

/* Add the named types that are in it but are not known; those behind a name come by its own turn.
 * Unnamed types are as deep as a schema's text may be. */
static void add_within(stele_json_schemas *schemas, const stele_node *node, bool is_part)
{
    if (stele_node_is_named(node) && !is_part) {
        if (find_part(schemas, node) == NULL) add_part(schemas, node);
        return;
    }
    if (node->item != NULL) add_within(schemas, node->item, false);
    if (node->kind == STELE_KIND_UNION) {
        for (size_t i = 0; i < node->count; i++)
            add_within(schemas, node->branches[i], false);
    }
    if (node->kind == STELE_KIND_RECORD) {
        for (size_t i = 0; i < node->count; i++)
            add_within(schemas, node->fields[i].type, false);
    }
}

const char *stele_json_schemas_add(stele_json_schemas *schemas, const stele_schema *schema)
{
    const stele_node *root = stele_schema_root(schema);
    schemas->schemas =
        stele_realloc_array(schemas->schemas, schemas->schema_count + 1, sizeof(stele_schema *));
    schemas->schemas[schemas->schema_count++] = stele_schema_retain(schema);
    size_t at = schemas->count;
    add_within(schemas, root, false);
    for (; at < schemas->count; at++)
        add_within(schemas, schemas->parts[at].node, true);
    return find_part(schemas, root)->name;
}

/* ---- one type ---- */

typedef struct writer {
    const stele_json_schemas *schemas;
    stele_buffer *out;
} writer;

static void put(const writer *w, const char *text)
{
    stele_buffer_append(w->out, stele_text(text));
}

static void put_text(const writer *w, const char *text)
{
    stele_tree_write_string(stele_text(text), w->out);
}

/* ,"key":"text" */
static void put_pair(const writer *w, const char *key, const char *text)
{
    stele_buffer_format(w->out, ",\"%s\":", key);
    put_text(w, text);
}

void stele_json_schemas_refer(const stele_json_schemas *schemas, const char *name,
                              stele_buffer *out)
{
    stele_buffer_format(out, "{\"$ref\":\"%s%s\"}", schemas->place, name);
}

static void write_format(const writer *w, const char *format)
{
    stele_buffer_format(w->out, "\"type\":\"string\",\"format\":\"%s\"", format);
}

static void write_pattern(const writer *w, const char *pattern)
{
    put(w, "\"type\":\"string\"");
    put_pair(w, "pattern", pattern);
}

/* @return false: it has no logical type that changes its form */
static bool write_logical(const writer *w, const stele_node *node)
{
    switch (node->logical) {
    case STELE_LOGICAL_DECIMAL:
        write_pattern(w, "^[+-]?[0-9]+(\\.[0-9]+)?$");
        return true;
    case STELE_LOGICAL_UUID:
        write_format(w, "uuid");
        return true;
    case STELE_LOGICAL_DATE:
        write_format(w, "date");
        return true;
    case STELE_LOGICAL_DURATION:
        write_format(w, "duration");
        return true;
    case STELE_LOGICAL_TIME_MILLIS:
    case STELE_LOGICAL_TIME_MICROS:
        write_pattern(w, "^[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]+)?)?$");
        return true;
    case STELE_LOGICAL_TIMESTAMP_MILLIS:
    case STELE_LOGICAL_TIMESTAMP_MICROS:
    case STELE_LOGICAL_TIMESTAMP_NANOS:
        write_format(w, "date-time");
        return true;
    case STELE_LOGICAL_LOCAL_TIMESTAMP_MILLIS:
    case STELE_LOGICAL_LOCAL_TIMESTAMP_MICROS:
    case STELE_LOGICAL_LOCAL_TIMESTAMP_NANOS:
        write_pattern(w, "^[+-]?[0-9]{4,}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"
                         "(:[0-9]{2}(\\.[0-9]+)?)?$");
        return true;
    default:
        return false;
    }
}

static void write_value(const writer *w, const stele_node *node);

/* Is a value of this union behind the name of its branch? As json_form.h has it, which asks for
 * layouts; of each it looks at kind and logical type. */
static bool is_tagged(const stele_node *node)
{
    stele_layout *layouts = stele_alloc_array(node->count, sizeof *layouts);
    stele_member *members = stele_alloc_array(node->count, sizeof *members);
    for (size_t i = 0; i < node->count; i++) {
        const stele_node *branch = node->branches[i];
        layouts[i] = (stele_layout){.kind = branch->kind, .logical = branch->logical};
        members[i].layout = branch->kind == STELE_KIND_NULL ? NULL : &layouts[i];
    }
    bool tagged = stele_json_is_ambiguous(
        &(stele_layout){.count = (uint32_t)node->count, .members = members});
    free(members);
    free(layouts);
    return tagged;
}

static void write_branch(const writer *w, const stele_node *branch, bool tagged)
{
    if (!tagged || branch->kind == STELE_KIND_NULL) {
        write_value(w, branch);
        return;
    }
    put(w, "{\"type\":\"object\",\"properties\":{");
    put_text(w, stele_node_name(branch));
    put(w, ":");
    write_value(w, branch);
    put(w, "},\"required\":[");
    put_text(w, stele_node_name(branch));
    put(w, "],\"additionalProperties\":false}");
}

static void write_union(const writer *w, const stele_node *node)
{
    bool tagged = !stele_node_is_optional(node, NULL) && is_tagged(node);
    put(w, "\"anyOf\":[");
    for (size_t i = 0; i < node->count; i++) {
        put(w, i == 0 ? "" : ",");
        write_branch(w, node->branches[i], tagged);
    }
    put(w, "]");
}

/* Base64 of so many bytes. */
static void write_fixed(const writer *w, const stele_node *node)
{
    uint64_t size = ((uint64_t)node->fixed_size + 2) / 3 * 4;
    stele_buffer_format(w->out,
                        "\"type\":\"string\",\"contentEncoding\":\"base64\",\"minLength\":%" PRIu64
                        ",\"maxLength\":%" PRIu64,
                        size, size);
}

static void write_symbols(const writer *w, const stele_node *node)
{
    put(w, "\"type\":\"string\",\"enum\":[");
    for (size_t i = 0; i < node->count; i++) {
        put(w, i == 0 ? "" : ",");
        put_text(w, node->symbols[i]);
    }
    put(w, "]");
}

/* A default that is written the same in the plain form. */
static bool is_plain_default(const stele_field *field)
{
    const stele_node *node = field->type;
    if (field->standard == NULL) return false;
    if (node->kind == STELE_KIND_UNION) node = node->branches[0];
    if (node->logical != STELE_LOGICAL_NONE) return false;
    bool is_empty = field->standard->count == 0;
    switch (node->kind) {
    case STELE_KIND_NULL:
    case STELE_KIND_BOOLEAN:
    case STELE_KIND_INT:
    case STELE_KIND_LONG:
    case STELE_KIND_STRING:
    case STELE_KIND_ENUM:
        return true;
    case STELE_KIND_ARRAY:
    case STELE_KIND_MAP:
        return is_empty;
    default:
        return false;
    }
}

static void write_field(const writer *w, const stele_field *field)
{
    put_text(w, field->name);
    put(w, ":");
    write_value(w, field->type);
    if (field->doc == NULL && !is_plain_default(field)) return;
    w->out->size--; /* go on before the brace */
    if (field->doc != NULL) put_pair(w, "description", field->doc);
    if (is_plain_default(field)) {
        put(w, ",\"default\":");
        stele_tree_write(field->standard, false, w->out);
    }
    put(w, "}");
}

static void write_record(const writer *w, const stele_node *node)
{
    const char *separator = "";
    put(w, "\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; i < node->count; i++) {
        put(w, i == 0 ? "" : ",");
        write_field(w, &node->fields[i]);
    }
    put(w, "},\"required\":[");
    for (size_t i = 0; i < node->count; i++) {
        if (node->fields[i].standard != NULL) continue;
        put(w, separator);
        put_text(w, node->fields[i].name);
        separator = ",";
    }
    put(w, "],\"additionalProperties\":false");
}

static void write_items(const writer *w, const stele_node *node)
{
    put(w, node->kind == STELE_KIND_ARRAY ? "\"type\":\"array\",\"items\":"
                                          : "\"type\":\"object\",\"additionalProperties\":");
    write_value(w, node->item);
}

/* What is between the braces. */
static void write_kind(const writer *w, const stele_node *node)
{
    if (write_logical(w, node)) return;
    switch (node->kind) {
    case STELE_KIND_NULL:
        put(w, "\"type\":\"null\"");
        return;
    case STELE_KIND_BOOLEAN:
        put(w, "\"type\":\"boolean\"");
        return;
    case STELE_KIND_INT:
        put(w, "\"type\":\"integer\",\"format\":\"int32\"");
        return;
    case STELE_KIND_LONG:
        put(w, "\"type\":\"integer\",\"format\":\"int64\"");
        return;
    case STELE_KIND_FLOAT:
    case STELE_KIND_DOUBLE:
        stele_buffer_format(w->out,
                            "\"anyOf\":[{\"type\":\"number\",\"format\":\"%s\"},"
                            "{\"enum\":[\"NaN\",\"Infinity\",\"-Infinity\"]}]",
                            stele_kind_name(node->kind));
        return;
    case STELE_KIND_BYTES:
        put(w, "\"type\":\"string\",\"contentEncoding\":\"base64\"");
        return;
    case STELE_KIND_STRING:
        put(w, "\"type\":\"string\"");
        return;
    case STELE_KIND_FIXED:
        write_fixed(w, node);
        return;
    case STELE_KIND_ENUM:
        write_symbols(w, node);
        return;
    case STELE_KIND_RECORD:
        write_record(w, node);
        return;
    case STELE_KIND_UNION:
        write_union(w, node);
        return;
    default:
        write_items(w, node);
    }
}

static void write_value(const writer *w, const stele_node *node)
{
    if (stele_node_is_named(node)) {
        stele_json_schemas_refer(w->schemas, find_part(w->schemas, node)->name, w->out);
        return;
    }
    put(w, "{");
    write_kind(w, node);
    put(w, "}");
}

void stele_json_schemas_write(const stele_json_schemas *schemas, stele_buffer *out)
{
    writer w = {schemas, out};
    put(&w, "{");
    for (size_t i = 0; i < schemas->count; i++) {
        const stele_node *node = schemas->parts[i].node;
        put(&w, i == 0 ? "" : ",");
        put_text(&w, schemas->parts[i].name);
        put(&w, ":{");
        write_kind(&w, node);
        if (node->doc != NULL) put_pair(&w, "description", node->doc);
        put(&w, "}");
    }
    put(&w, "}");
}
