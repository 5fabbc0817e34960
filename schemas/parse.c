/* SPDX-License-Identifier: MIT
 * From the JSON of a schema to its tree, strictly (specification, "Schema Declaration" and
 * "Names"). Checks that need the whole tree come after: parse_groups.c, parse_defaults.c. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"
#include "schemas/schema_object.h"

enum { NAME_MAX_BYTES = 1024 };

static const stele_node primitives[] = {
    {.kind = STELE_KIND_NULL},  {.kind = STELE_KIND_BOOLEAN}, {.kind = STELE_KIND_INT},
    {.kind = STELE_KIND_LONG},  {.kind = STELE_KIND_FLOAT},   {.kind = STELE_KIND_DOUBLE},
    {.kind = STELE_KIND_BYTES}, {.kind = STELE_KIND_STRING},
};

static const stele_node *find_primitive(const char *name)
{
    for (size_t i = 0; i < sizeof primitives / sizeof primitives[0]; i++) {
        if (strcmp(name, stele_kind_name(primitives[i].kind)) == 0) return &primitives[i];
    }
    return NULL;
}

/* Names. */

static bool is_word(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9')) return false;
    }
    return size > 0;
}

/* Words with dots between them; a namespace may also be empty. */
static bool is_dotted(const char *text)
{
    for (const char *word = text;;) {
        size_t size = strcspn(word, ".");
        if (!is_word(word, size)) return false;
        if (word[size] == '\0') return strlen(text) <= NAME_MAX_BYTES;
        word += size + 1;
    }
}

/* A JSON string without NUL, or NULL. */
static const char *text_of(const json_t *json)
{
    const char *text = json_string_value(json);
    return text == NULL || strlen(text) != json_string_length(json) ? NULL : text;
}

static const char *copy_text(stele_parser *p, const char *text, size_t size)
{
    char *copy = stele_parser_take(p, size + 1, 1);
    memcpy(copy, text, size);
    return copy;
}

/* `name` as it is if it has a dot, else within `space`. */
static const char *full_name(stele_parser *p, const char *name, const char *space)
{
    if (space[0] == '\0' || strchr(name, '.') != NULL) return copy_text(p, name, strlen(name));
    size_t size = strlen(space) + 1 + strlen(name);
    char *full = stele_parser_take(p, size + 1, 1);
    memcpy(full, space, strlen(space));
    full[strlen(space)] = '.';
    memcpy(full + strlen(space) + 1, name, strlen(name));
    return full;
}

/* The namespace that a full name is in. */
static const char *space_of(stele_parser *p, const char *full)
{
    const char *dot = strrchr(full, '.');
    return dot == NULL ? "" : copy_text(p, full, (size_t)(dot - full));
}

static const stele_node *find_name(const stele_parser *p, const char *full)
{
    const stele_node **found = stele_table_find(p->schema->names, stele_text(full));
    return found == NULL ? NULL : *found;
}

static stele_status refer(stele_parser *p, const json_t *at, const char *name, const char *space,
                          const stele_node **out)
{
    if ((*out = find_primitive(name)) != NULL) return STELE_OK;
    if (is_dotted(name)) {
        if ((*out = find_name(p, full_name(p, name, space))) != NULL) return STELE_OK;
        /* Within a namespace a name without one is still found, as Avro Java does. */
        if (strchr(name, '.') == NULL && (*out = find_name(p, name)) != NULL) return STELE_OK;
    }
    return stele_parser_fail(p, STELE_E_INVALID, at, NULL,
                             "no type is called %s here; define it before it is used, or bring the "
                             "schema that does (--with)",
                             stele_quote(stele_text(name)).text);
}

/* Read and check the name of a record, enum or fixed, and make it known. */
static stele_status declare(stele_parser *p, const json_t *json, const char *space,
                            stele_node *node)
{
    const char *kind = stele_kind_name(node->kind);
    const char *name = text_of(json_object_get(json, "name"));
    if (name == NULL) {
        return stele_parser_fail(p, STELE_E_INVALID, json, NULL,
                                 "this %s has no \"name\"; give it one", kind);
    }
    if (!is_dotted(name)) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "name",
                                 "%s cannot be the name of a type; take letters, digits and _, not "
                                 "a digit first",
                                 stele_quote(stele_text(name)).text);
    }
    const json_t *given = json_object_get(json, "namespace");
    if (given != NULL) {
        space = text_of(given);
        if (space == NULL || (space[0] != '\0' && !is_dotted(space))) {
            return stele_parser_fail(p, STELE_E_INVALID, json, "namespace",
                                     "the namespace of %s is not names with dots between them",
                                     name);
        }
    }
    node->name = full_name(p, name, space);
    const char *dot = strrchr(node->name, '.');
    node->short_name = dot == NULL ? node->name : dot + 1;
    if (strlen(node->name) > NAME_MAX_BYTES) {
        return stele_parser_fail(p, STELE_E_LIMIT, json, "name",
                                 "a name of %zu bytes, the limit is %d", strlen(node->name),
                                 NAME_MAX_BYTES);
    }
    if (find_primitive(node->short_name) != NULL) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "name",
                                 "%s is the name of a primitive type; choose another one",
                                 node->name);
    }
    bool is_new;
    const stele_node **place =
        stele_table_insert(p->schema->names, stele_text(node->name), &is_new);
    if (!is_new) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "name",
                                 "%s is defined already; refer to it by its name, or choose "
                                 "another one",
                                 node->name);
    }
    *place = node;
    node->doc = text_of(json_object_get(json, "doc"));
    return STELE_OK;
}

/* Aliases of a type are in its namespace if they have none; those of a field are words. */
static stele_status parse_aliases(stele_parser *p, const json_t *json, const char *space,
                                  const char *const **out, size_t *count)
{
    const json_t *aliases = json_object_get(json, "aliases");
    if (aliases == NULL) return STELE_OK;
    size_t size = json_array_size(aliases);
    const char **names = stele_parser_take(p, size + 1, sizeof *names);
    bool valid = json_is_array(aliases);
    for (size_t i = 0; i < size && valid; i++) {
        const char *name = text_of(json_array_get(aliases, i));
        valid = name != NULL && strlen(name) <= NAME_MAX_BYTES &&
                (space == NULL ? is_word(name, strlen(name)) : is_dotted(name));
        if (valid) names[i] = space == NULL ? name : full_name(p, name, space);
    }
    if (!valid) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "aliases",
                                 "\"aliases\" is not an array of names");
    }
    *out = names;
    *count = size;
    return STELE_OK;
}

/* Order of names, with their places, for stele_node_find. */
typedef struct placed {
    const char *name;
    uint32_t index;
} placed;

static int compare_placed(const void *a, const void *b)
{
    return strcmp(((const placed *)a)->name, ((const placed *)b)->name);
}

/* Sort the names; if two are the same, its index, else `count`. */
static size_t sort_names(stele_parser *p, placed *names, size_t count, const uint32_t **out)
{
    qsort(names, count, sizeof *names, compare_placed);
    uint32_t *sorted = stele_parser_take(p, count + 1, sizeof *sorted);
    size_t twice = count;
    for (size_t i = 0; i < count; i++) {
        sorted[i] = names[i].index;
        if (i > 0 && strcmp(names[i - 1].name, names[i].name) == 0) {
            twice = names[i].index > names[i - 1].index ? names[i].index : names[i - 1].index;
        }
    }
    *out = sorted;
    return twice;
}

/* Types. */

static stele_status parse_field(stele_parser *p, const json_t *json, const char *space,
                                stele_field *field)
{
    field->source = json;
    field->name = text_of(json_object_get(json, "name"));
    if (!json_is_object(json) || field->name == NULL) {
        return stele_parser_fail(p, STELE_E_INVALID, json, NULL,
                                 "a field is an object with a \"name\" and a \"type\"");
    }
    size_t size = strlen(field->name);
    if (!is_word(field->name, size) || size > NAME_MAX_BYTES) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "name",
                                 "%s cannot be the name of a field; take letters, digits and _, "
                                 "not a digit first",
                                 stele_quote(stele_text(field->name)).text);
    }
    size_t before = p->path.size;
    stele_buffer_format(&p->path, "%s%s", before == 0 ? "" : ".", field->name);
    const json_t *type = json_object_get(json, "type");
    if (type == NULL) {
        return stele_parser_fail(p, STELE_E_INVALID, json, NULL,
                                 "this field has no \"type\"; give it one");
    }
    stele_status status = parse_aliases(p, json, NULL, &field->aliases, &field->alias_count);
    if (status < 0) return status;
    const json_t *order = json_object_get(json, "order");
    const char *word = text_of(order);
    if (order != NULL &&
        (word == NULL || (strcmp(word, "ascending") != 0 && strcmp(word, "descending") != 0 &&
                          strcmp(word, "ignore") != 0))) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "order",
                                 "\"order\" is ascending, descending or ignore");
    }
    field->doc = text_of(json_object_get(json, "doc"));
    field->standard = json_object_get(json, "default");
    if ((status = stele_parse_type(p, type, space, &field->type)) < 0) return status;
    p->path.size = before;
    return STELE_OK;
}

static void remember_record(stele_parser *p, stele_node *node)
{
    stele_schema *schema = p->schema;
    size_t count = schema->record_count;
    if ((count & (count - 1)) == 0) {
        schema->records =
            stele_realloc_array(schema->records, count == 0 ? 1 : 2 * count, sizeof(stele_node *));
    }
    node->serial = (uint32_t)count;
    schema->records[schema->record_count++] = node;
}

static stele_status parse_record(stele_parser *p, const json_t *json, const char *space,
                                 stele_node *node)
{
    remember_record(p, node);
    const json_t *list = json_object_get(json, "fields");
    if (!json_is_array(list)) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "fields",
                                 "the record %s has no array of \"fields\"", node->name);
    }
    size_t count = json_array_size(list);
    if ((p->nodes += count) > p->nodes_max) {
        return stele_parser_fail(p, STELE_E_LIMIT, json, "fields", "more than %zu types and fields",
                                 p->nodes_max);
    }
    stele_field *fields = stele_parser_take(p, count, sizeof *fields);
    for (size_t i = 0; i < count; i++) {
        stele_status status = parse_field(p, json_array_get(list, i), space, &fields[i]);
        if (status < 0) return status;
    }

    placed *names = stele_alloc_array(count, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = (placed){fields[i].name, (uint32_t)i};
    size_t twice = sort_names(p, names, count, &node->sorted);
    free(names);
    if (twice < count) {
        return stele_parser_fail(p, STELE_E_INVALID, fields[twice].source, "name",
                                 "%s has two fields called %s; rename one of them", node->name,
                                 fields[twice].name);
    }
    node->fields = fields;
    node->count = count;
    return STELE_OK;
}

static stele_status parse_enum(stele_parser *p, const json_t *json, stele_node *node)
{
    const json_t *list = json_object_get(json, "symbols");
    if (!json_is_array(list)) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "symbols",
                                 "the enum %s has no array of \"symbols\"", node->name);
    }
    size_t count = json_array_size(list);
    const char **symbols = stele_parser_take(p, count, sizeof *symbols);
    placed *names = stele_alloc_array(count, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        symbols[i] = text_of(json_array_get(list, i));
        if (symbols[i] == NULL || !is_word(symbols[i], strlen(symbols[i]))) {
            free(names);
            return stele_parser_fail(p, STELE_E_INVALID, json_array_get(list, i), NULL,
                                     "a symbol of %s is not a name: take letters, digits and _, "
                                     "not a digit first",
                                     node->name);
        }
        names[i] = (placed){symbols[i], (uint32_t)i};
    }
    size_t twice = sort_names(p, names, count, &node->sorted);
    free(names);
    if (twice < count) {
        return stele_parser_fail(p, STELE_E_INVALID, json_array_get(list, twice), NULL,
                                 "%s has the symbol %s twice; take one out", node->name,
                                 symbols[twice]);
    }
    node->symbols = symbols;
    node->count = count;
    node->standard = -1;

    const json_t *standard = json_object_get(json, "default");
    if (standard == NULL) return STELE_OK;
    const char *symbol = text_of(standard);
    if (symbol == NULL || (node->standard = stele_node_find(node, symbol)) < 0) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "default",
                                 "the default of %s is not one of its symbols", node->name);
    }
    return STELE_OK;
}

static stele_status parse_fixed(stele_parser *p, const json_t *json, stele_node *node)
{
    const json_t *size = json_object_get(json, "size");
    json_int_t value = json_integer_value(size);
    if (!json_is_integer(size) || value < 0 || value > INT32_MAX) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "size",
                                 "the fixed %s has no \"size\" that is a whole number from 0 to "
                                 "2147483647",
                                 node->name);
    }
    node->fixed_size = (uint32_t)value;
    return STELE_OK;
}

static stele_status parse_named(stele_parser *p, const json_t *json, const char *space,
                                stele_node *node)
{
    stele_status status = declare(p, json, space, node);
    if (status < 0) return status;
    const char *inner = space_of(p, node->name);
    status = parse_aliases(p, json, inner, &node->aliases, &node->alias_count);
    if (status < 0) return status;
    if (node->kind == STELE_KIND_RECORD) return parse_record(p, json, inner, node);
    if (node->kind == STELE_KIND_ENUM) return parse_enum(p, json, node);
    if ((status = parse_fixed(p, json, node)) < 0) return status;
    stele_parse_logical(node, json);
    return STELE_OK;
}

static stele_status parse_item(stele_parser *p, const json_t *json, const char *key,
                               const char *space, stele_node *node)
{
    const json_t *item = json_object_get(json, key);
    if (item == NULL) {
        return stele_parser_fail(p, STELE_E_INVALID, json, NULL,
                                 "this %s has no \"%s\"; say what it holds",
                                 stele_kind_name(node->kind), key);
    }
    size_t before = p->path.size;
    stele_buffer_format(&p->path, node->kind == STELE_KIND_ARRAY ? "[]" : "{}");
    stele_status status = stele_parse_type(p, item, space, &node->item);
    if (status < 0) return status;
    p->path.size = before;
    return STELE_OK;
}

static stele_status parse_object(stele_parser *p, const json_t *json, const char *space,
                                 const stele_node **out)
{
    const char *type = text_of(json_object_get(json, "type"));
    if (type == NULL) {
        bool nested = json_object_get(json, "type") != NULL;
        return stele_parser_fail(p, STELE_E_INVALID, json, nested ? "type" : NULL,
                                 nested ? "\"type\" is not a name; put what it holds in place of "
                                          "the object around it"
                                        : "a type has no \"type\"; give it one");
    }
    static const struct {
        const char *name;
        stele_kind kind;
    } complex[] = {
        {"record", STELE_KIND_RECORD}, {"error", STELE_KIND_RECORD}, {"enum", STELE_KIND_ENUM},
        {"fixed", STELE_KIND_FIXED},   {"array", STELE_KIND_ARRAY},  {"map", STELE_KIND_MAP},
    };
    stele_node *node = stele_parser_take(p, 1, sizeof *node);
    node->source = json;
    *out = node;
    for (size_t i = 0; i < sizeof complex / sizeof complex[0]; i++) {
        if (strcmp(type, complex[i].name) != 0) continue;
        node->kind = complex[i].kind;
        if (node->kind == STELE_KIND_ARRAY) return parse_item(p, json, "items", space, node);
        if (node->kind == STELE_KIND_MAP) return parse_item(p, json, "values", space, node);
        return parse_named(p, json, space, node);
    }
    const stele_node *primitive = find_primitive(type);
    if (primitive == NULL) return refer(p, json, type, space, out);
    node->kind = primitive->kind;
    stele_parse_logical(node, json);
    return STELE_OK;
}

/* The index of a branch whose name is there before it, or the count. */
static size_t find_twice(stele_parser *p, const stele_node *node)
{
    placed *names = stele_alloc_array(node->count, sizeof *names);
    for (size_t i = 0; i < node->count; i++)
        names[i] = (placed){stele_node_name(node->branches[i]), (uint32_t)i};
    const uint32_t *unused;
    size_t twice = sort_names(p, names, node->count, &unused);
    free(names);
    return twice;
}

static stele_status parse_union(stele_parser *p, const json_t *json, const char *space,
                                const stele_node **out)
{
    size_t count = json_array_size(json);
    if (count == 0) {
        return stele_parser_fail(p, STELE_E_INVALID, json, NULL,
                                 "a union without branches can hold nothing; give it one");
    }
    stele_node *node = stele_parser_take(p, 1, sizeof *node);
    const stele_node **branches = stele_parser_take(p, count, sizeof *branches);
    *node = (stele_node){.kind = STELE_KIND_UNION, .branches = branches, .source = json};
    for (size_t i = 0; i < count; i++) {
        const json_t *at = json_array_get(json, i);
        stele_status status = stele_parse_type(p, at, space, &branches[i]);
        if (status < 0) return status;
        if (branches[i]->kind == STELE_KIND_UNION) {
            return stele_parser_fail(p, STELE_E_INVALID, at, NULL,
                                     "a union directly within a union; put its branches into the "
                                     "outer one");
        }
    }
    node->count = count;
    size_t twice = find_twice(p, node);
    if (twice < count) {
        return stele_parser_fail(p, STELE_E_INVALID, json_array_get(json, twice), NULL,
                                 "two branches of this union are %s; take one out, or wrap it in a "
                                 "record",
                                 stele_node_name(branches[twice]));
    }
    *out = node;
    return STELE_OK;
}

static stele_status parse_any(stele_parser *p, const json_t *json, const char *space,
                              const stele_node **out)
{
    if (json_is_array(json)) return parse_union(p, json, space, out);
    if (json_is_object(json)) return parse_object(p, json, space, out);
    const char *name = text_of(json);
    if (name != NULL) return refer(p, json, name, space, out);
    return stele_parser_fail(p, STELE_E_INVALID, json, NULL,
                             "a type is a name, an object or an array of types");
}

stele_status stele_parse_type(stele_parser *p, const json_t *json, const char *space,
                              const stele_node **out)
{
    if (++p->nodes > p->nodes_max) {
        return stele_parser_fail(p, STELE_E_LIMIT, json, NULL, "more than %zu types and fields",
                                 p->nodes_max);
    }
    if (p->depth >= p->depth_max) {
        return stele_parser_fail(p, STELE_E_LIMIT, json, NULL, "types are nested more than %u deep",
                                 p->depth_max);
    }
    p->depth++;
    stele_status status = parse_any(p, json, space, out);
    p->depth--;
    return status;
}
