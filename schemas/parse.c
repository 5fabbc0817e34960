/* SPDX-License-Identifier: MIT
 * From the JSON of a schema to its tree, strictly (specification, "Schema Declaration" and
 * "Names"). Checks that need the whole tree come after: parse_groups.c, parse_defaults.c. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/alloc.h"
#include "core/text.h"
#include "schemas/schema_object.h"

enum { NAME_MAX_BYTES = 1024 };

static const stele_node primitives[] = {
    {.kind = STELE_KIND_NULL},  {.kind = STELE_KIND_BOOLEAN}, {.kind = STELE_KIND_INT},
    {.kind = STELE_KIND_LONG},  {.kind = STELE_KIND_FLOAT},   {.kind = STELE_KIND_DOUBLE},
    {.kind = STELE_KIND_BYTES}, {.kind = STELE_KIND_STRING},
};

static bool is_array(const stele_tree *json)
{
    return stele_tree_is(json, STELE_TREE_ARRAY);
}

static bool is_object(const stele_tree *json)
{
    return stele_tree_is(json, STELE_TREE_OBJECT);
}

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
        if (word[size] == '\0') return true;
        word += size + 1;
    }
}

/* The name of a type, with its namespace or without, or behind a dot: then it is in none. */
static bool is_type_name(const char *text)
{
    return text[0] == '.' ? is_word(text + 1, strlen(text + 1)) : is_dotted(text);
}

static const char *copy_text(stele_parser *p, const char *text, size_t size)
{
    char *copy = stele_parser_take(p, size + 1, 1);
    memcpy(copy, text, size);
    return copy;
}

/* `name` as it is if it has a dot, else within `space`; without the dot if that is in front. */
static const char *full_name(stele_parser *p, const char *name, const char *space)
{
    bool is_full = strchr(name, '.') != NULL;
    name += name[0] == '.';
    if (space[0] == '\0' || is_full) return copy_text(p, name, strlen(name));
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

static stele_status refer(stele_parser *p, const stele_tree *at, const char *name,
                          const char *space, const stele_node **out)
{
    if ((*out = find_primitive(name)) != NULL) return STELE_OK;
    if (is_type_name(name)) {
        if ((*out = find_name(p, full_name(p, name, space))) != NULL) return STELE_OK;
        /* Within a namespace a name without one is still found, as Avro Java does. */
        if (strchr(name, '.') == NULL && (*out = find_name(p, name)) != NULL) return STELE_OK;
    }
    return stele_parser_fail(p, STELE_E_INVALID, at, NULL,
                             "no type is called %s here; define it before it is used, or bring the "
                             "schema that does (--with FILE; \"references\" in a registry)",
                             stele_quote(stele_text(name)).text);
}

/* The "doc", in which U+FFFD takes the place of half a surrogate pair; NULL if there is none. */
static const char *read_doc(stele_parser *p, const stele_tree *json)
{
    const char *text = stele_tree_string(stele_tree_get(json, "doc"));
    if (text == NULL || stele_utf8_is_valid(stele_text(text))) return text;
    char *doc = stele_parser_take(p, strlen(text) + 1, 1);
    for (size_t i = 0; text[i] != '\0';) {
        size_t size = stele_utf8_size(stele_text(text), i);
        memcpy(doc + i, size == 0 ? "\xef\xbf\xbd" : text + i, size == 0 ? 3 : size);
        i += size == 0 ? 3 : size;
    }
    return doc;
}

static stele_status refuse_long_name(stele_parser *p, const stele_tree *json, const char *key,
                                     const char *name)
{
    return stele_parser_fail(p, STELE_E_LIMIT, json, key,
                             "the name %s has %zu bytes, the limit is %d; shorten it%s",
                             stele_quote(stele_text(name)).text, strlen(name), NAME_MAX_BYTES,
                             strchr(name, '.') == NULL ? "" : " or its namespace");
}

/* The namespace that a definition gives to a name without one; without it, or with null for it, it
 * is that of the type around it. */
static stele_status read_namespace(stele_parser *p, const stele_tree *json, const char *name,
                                   const char **space)
{
    const stele_tree *given = stele_tree_get(json, "namespace");
    if (strchr(name, '.') != NULL || given == NULL || stele_tree_is(given, STELE_TREE_NULL)) {
        return STELE_OK;
    }
    const char *text = stele_tree_string(given);
    if (text == NULL || (text[0] != '\0' && !is_dotted(text))) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "namespace",
                                 "the namespace %s of %s is not names with dots between them",
                                 stele_quote(text == NULL ? given->text : stele_text(text)).text,
                                 stele_quote(stele_text(name)).text);
    }
    *space = text;
    return STELE_OK;
}

/* Read and check the name of a record, enum or fixed, and make it known. */
static stele_status declare(stele_parser *p, const stele_tree *json, const char *space,
                            stele_node *node)
{
    const char *kind = stele_kind_name(node->kind);
    const char *name = stele_tree_string(stele_tree_get(json, "name"));
    if (name == NULL) {
        if (stele_tree_get(json, "name") != NULL)
            return stele_parser_fail(p, STELE_E_INVALID, json, "name",
                                     "the \"name\" of this %s is no string, or has a NUL in it",
                                     kind);
        return stele_parser_fail(p, STELE_E_INVALID, json, NULL,
                                 "this %s has no \"name\"; give it one", kind);
    }
    if (!is_type_name(name)) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "name",
                                 "%s cannot be the name of a type; take letters, digits and _, not "
                                 "a digit first",
                                 stele_quote(stele_text(name)).text);
    }
    stele_status status = read_namespace(p, json, name, &space);
    if (status < 0) return status;
    node->name = full_name(p, name, space);
    const char *dot = strrchr(node->name, '.');
    node->short_name = dot == NULL ? node->name : dot + 1;
    if (strlen(node->name) > NAME_MAX_BYTES) return refuse_long_name(p, json, "name", node->name);
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
    node->doc = read_doc(p, json);
    return STELE_OK;
}

static stele_status parse_alias(stele_parser *p, const stele_tree *json, const char *space,
                                const char **out)
{
    const char *name = stele_tree_string(json);
    if (name == NULL || !(space == NULL ? is_word(name, strlen(name)) : is_type_name(name))) {
        return stele_parser_fail(p, STELE_E_INVALID, json, NULL,
                                 "%s cannot be an alias; take letters, digits and _, not a digit "
                                 "first",
                                 name == NULL ? "what is no string"
                                              : stele_quote(stele_text(name)).text);
    }
    const char *full = space == NULL ? name : full_name(p, name, space);
    if (strlen(full) > NAME_MAX_BYTES) return refuse_long_name(p, json, NULL, full);
    *out = full;
    return STELE_OK;
}

/* Aliases of a type are in its namespace if they have none; those of a field are words. */
static stele_status parse_aliases(stele_parser *p, const stele_tree *json, const char *space,
                                  const char *const **out, size_t *count)
{
    const stele_tree *aliases = stele_tree_get(json, "aliases");
    if (aliases == NULL) return STELE_OK;
    if (!is_array(aliases)) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "aliases",
                                 "\"aliases\" is not an array of names");
    }
    const char **names = stele_parser_take(p, aliases->count + 1, sizeof *names);
    for (size_t i = 0; i < aliases->count; i++) {
        stele_status status = parse_alias(p, &aliases->items[i], space, &names[i]);
        if (status < 0) return status;
    }
    *out = names;
    *count = aliases->count;
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

static stele_status parse_field(stele_parser *p, const stele_tree *json, const char *space,
                                stele_field *field)
{
    field->source = json;
    field->name = stele_tree_string(stele_tree_get(json, "name"));
    if (!is_object(json) || field->name == NULL) {
        return stele_parser_fail(p, STELE_E_INVALID, json, NULL,
                                 "a field is an object with a \"name\" and a \"type\"");
    }
    size_t size = strlen(field->name);
    if (size > NAME_MAX_BYTES) return refuse_long_name(p, json, "name", field->name);
    if (!is_word(field->name, size)) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "name",
                                 "%s cannot be the name of a field; take letters, digits and _, "
                                 "not a digit first",
                                 stele_quote(stele_text(field->name)).text);
    }
    size_t before = p->path.size;
    stele_buffer_format(&p->path, "%s%s", before == 0 ? "" : ".", field->name);
    const stele_tree *type = stele_tree_get(json, "type");
    if (type == NULL) {
        return stele_parser_fail(p, STELE_E_INVALID, json, NULL,
                                 "this field has no \"type\"; give it one");
    }
    stele_status status = parse_aliases(p, json, NULL, &field->aliases, &field->alias_count);
    if (status < 0) return status;
    const stele_tree *order = stele_tree_get(json, "order");
    const char *word = stele_tree_string(order);
    if (order != NULL && (word == NULL || (strcasecmp(word, "ascending") != 0 &&
                                           strcasecmp(word, "descending") != 0 &&
                                           strcasecmp(word, "ignore") != 0))) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "order",
                                 "\"order\" is ascending, descending or ignore");
    }
    field->doc = read_doc(p, json);
    field->standard = stele_tree_get(json, "default");
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

static stele_status parse_record(stele_parser *p, const stele_tree *json, const char *space,
                                 stele_node *node)
{
    remember_record(p, node);
    const stele_tree *list = stele_tree_get(json, "fields");
    if (!is_array(list)) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "fields",
                                 "the record %s has no array of \"fields\"", node->name);
    }
    size_t count = list->count;
    if ((p->nodes += count) > p->nodes_max) {
        return stele_parser_fail(p, STELE_E_LIMIT, json, "fields", "more than %zu types and fields",
                                 p->nodes_max);
    }
    stele_field *fields = stele_parser_take(p, count, sizeof *fields);
    for (size_t i = 0; i < count; i++) {
        stele_status status = parse_field(p, stele_tree_at(list, i), space, &fields[i]);
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

static stele_status parse_enum(stele_parser *p, const stele_tree *json, stele_node *node)
{
    const stele_tree *list = stele_tree_get(json, "symbols");
    if (!is_array(list)) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "symbols",
                                 "the enum %s has no array of \"symbols\"", node->name);
    }
    size_t count = list->count;
    const char **symbols = stele_parser_take(p, count, sizeof *symbols);
    placed *names = stele_alloc_array(count, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        symbols[i] = stele_tree_string(stele_tree_at(list, i));
        if (symbols[i] == NULL || !is_word(symbols[i], strlen(symbols[i]))) {
            free(names);
            return stele_parser_fail(p, STELE_E_INVALID, stele_tree_at(list, i), NULL,
                                     "%s cannot be a symbol of %s; take letters, digits and _, "
                                     "not a digit first",
                                     symbols[i] == NULL ? "what is no string"
                                                        : stele_quote(stele_text(symbols[i])).text,
                                     node->name);
        }
        names[i] = (placed){symbols[i], (uint32_t)i};
    }
    size_t twice = sort_names(p, names, count, &node->sorted);
    free(names);
    if (twice < count) {
        return stele_parser_fail(p, STELE_E_INVALID, stele_tree_at(list, twice), NULL,
                                 "%s has the symbol %s twice; take one out", node->name,
                                 symbols[twice]);
    }
    node->symbols = symbols;
    node->count = count;
    node->standard = -1;

    const stele_tree *standard = stele_tree_get(json, "default");
    if (standard == NULL || stele_tree_is(standard, STELE_TREE_NULL)) return STELE_OK;
    const char *symbol = stele_tree_string(standard);
    if (symbol == NULL || (node->standard = stele_node_find(node, symbol)) < 0) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "default",
                                 "the default of %s is not one of its symbols", node->name);
    }
    return STELE_OK;
}

static stele_status parse_fixed(stele_parser *p, const stele_tree *json, stele_node *node)
{
    int64_t value;
    if (!stele_tree_integer(stele_tree_get(json, "size"), &value) || value < 0 ||
        value > INT32_MAX) {
        return stele_parser_fail(p, STELE_E_INVALID, json, "size",
                                 "the fixed %s has no \"size\" that is a whole number from 0 to "
                                 "2147483647",
                                 node->name);
    }
    node->fixed_size = (uint32_t)value;
    return STELE_OK;
}

static stele_status parse_named(stele_parser *p, const stele_tree *json, const char *space,
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

static stele_status parse_item(stele_parser *p, const stele_tree *json, const char *key,
                               const char *space, stele_node *node)
{
    const stele_tree *item = stele_tree_get(json, key);
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

static stele_status parse_object(stele_parser *p, const stele_tree *json, const char *space,
                                 const stele_node **out)
{
    const char *type = stele_tree_string(stele_tree_get(json, "type"));
    if (type == NULL) {
        bool nested = stele_tree_get(json, "type") != NULL;
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

static stele_status parse_union(stele_parser *p, const stele_tree *json, const char *space,
                                const stele_node **out)
{
    size_t count = json->count;
    stele_node *node = stele_parser_take(p, 1, sizeof *node);
    const stele_node **branches = stele_parser_take(p, count, sizeof *branches);
    *node = (stele_node){.kind = STELE_KIND_UNION, .branches = branches, .source = json};
    for (size_t i = 0; i < count; i++) {
        const stele_tree *at = stele_tree_at(json, i);
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
        return stele_parser_fail(p, STELE_E_INVALID, stele_tree_at(json, twice), NULL,
                                 "two branches of this union are %s; take one out, or wrap it in a "
                                 "record",
                                 stele_node_name(branches[twice]));
    }
    *out = node;
    return STELE_OK;
}

static stele_status parse_any(stele_parser *p, const stele_tree *json, const char *space,
                              const stele_node **out)
{
    if (is_array(json)) return parse_union(p, json, space, out);
    if (is_object(json)) return parse_object(p, json, space, out);
    const char *name = stele_tree_string(json);
    if (name != NULL) return refer(p, json, name, space, out);
    return stele_parser_fail(p, STELE_E_INVALID, json, NULL,
                             "a type is a name, an object or an array of types");
}

stele_status stele_parse_type(stele_parser *p, const stele_tree *json, const char *space,
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
