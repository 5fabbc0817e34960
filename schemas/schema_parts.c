/* SPDX-License-Identifier: MIT
 * Looks up and cuts out the definitions of single types. Works on the document, not on the parsed
 * tree, so that docs, defaults and properties of any kind come along as they were written. */
#include "schemas/schema_parts.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "core/alloc.h"

struct stele_schema_parts {
    json_t *document;
    json_t *types; /* full name: its definition, borrowed into an object that owns it too */
};

/* The namespace of a full name; caller owns; "" for none. */
static char *namespace_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot == NULL ? stele_strdup("") : stele_strndup(name, (size_t)(dot - name));
}

static char *join(const char *space, const char *name)
{
    if (strchr(name, '.') != NULL || space[0] == '\0') return stele_strdup(name);
    return stele_strdup_format("%s.%s", space, name);
}

/* The full name of a definition (specification, "Names"); caller owns; NULL if it is unnamed. */
static char *defined_name(const json_t *type, const char *space)
{
    const char *name = json_string_value(json_object_get(type, "name"));
    const char *own = json_string_value(json_object_get(type, "namespace"));
    bool named = name != NULL && (json_object_get(type, "fields") != NULL ||
                                  json_object_get(type, "symbols") != NULL ||
                                  json_object_get(type, "size") != NULL);
    return named ? join(own == NULL ? space : own, name) : NULL;
}

static const char *const inside[] = {"type", "items", "values"};

static void collect(stele_schema_parts *parts, json_t *type, const char *space)
{
    size_t i;
    json_t *each;
    if (json_is_array(type)) {
        json_array_foreach(type, i, each) collect(parts, each, space);
        return;
    }
    if (!json_is_object(type)) return;
    STELE_AUTO(char) name = defined_name(type, space);
    if (name == NULL) {
        for (i = 0; i < 3; i++)
            collect(parts, json_object_get(type, inside[i]), space);
        return;
    }
    json_object_set(parts->types, name, type);
    STELE_AUTO(char) own = namespace_of(name);
    json_array_foreach(json_object_get(type, "fields"), i, each)
        collect(parts, json_object_get(each, "type"), own);
}

stele_schema_parts *stele_schema_parts_new(const char *schema)
{
    stele_schema_parts *parts = stele_alloc(sizeof *parts);
    parts->document = json_loads(schema, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    parts->types = json_object();
    collect(parts, parts->document, "");
    return parts;
}

void stele_schema_parts_free(stele_schema_parts *parts)
{
    if (parts == NULL) return;
    json_decref(parts->types);
    json_decref(parts->document);
    free(parts);
}

static json_t *cut(const stele_schema_parts *parts, json_t *type, const char *space, json_t *seen);

/* A definition with its full name, its own types in place. */
static json_t *cut_definition(const stele_schema_parts *parts, json_t *type, const char *name,
                              json_t *seen)
{
    json_object_set_new(seen, name, json_true());
    STELE_AUTO(char) space = namespace_of(name);
    json_t *copy = json_copy(type);
    json_object_set_new(copy, "name", json_string(name));
    json_object_del(copy, "namespace");
    if (space[0] == '\0') json_object_set_new(copy, "namespace", json_string(""));

    json_t *fields = json_object_get(type, "fields");
    if (fields == NULL) return copy;
    json_t *copies = json_array();
    size_t i;
    json_t *field;
    json_array_foreach(fields, i, field)
    {
        json_t *one = json_copy(field);
        json_object_set_new(one, "type", cut(parts, json_object_get(field, "type"), space, seen));
        json_array_append_new(copies, one);
    }
    json_object_set_new(copy, "fields", copies);
    return copy;
}

/* A name: of a type that is written out the first time. */
static json_t *cut_name(const stele_schema_parts *parts, const char *name, const char *space,
                        json_t *seen)
{
    STELE_AUTO(char) full = join(space, name);
    json_t *definition = json_object_get(parts->types, full);
    const char *found = full;
    if (definition == NULL) {
        definition = json_object_get(parts->types, name);
        found = name;
    }
    if (definition == NULL || json_object_get(seen, found) != NULL) {
        return json_string(definition == NULL ? name : found);
    }
    return cut_definition(parts, definition, found, seen);
}

static json_t *cut(const stele_schema_parts *parts, json_t *type, const char *space, json_t *seen)
{
    size_t i;
    json_t *each;
    if (json_is_string(type)) return cut_name(parts, json_string_value(type), space, seen);
    if (json_is_array(type)) {
        json_t *branches = json_array();
        json_array_foreach(type, i, each)
            json_array_append_new(branches, cut(parts, each, space, seen));
        return branches;
    }
    STELE_AUTO(char) name = defined_name(type, space);
    if (name != NULL) {
        if (json_object_get(seen, name) != NULL) return json_string(name);
        return cut_definition(parts, type, name, seen);
    }
    json_t *copy = json_copy(type);
    for (i = 0; i < 3; i++) {
        each = json_object_get(type, inside[i]);
        if (each != NULL) json_object_set_new(copy, inside[i], cut(parts, each, space, seen));
    }
    return copy;
}

void stele_schema_parts_write(const stele_schema_parts *parts, const char *name, stele_buffer *out)
{
    json_t *seen = json_object();
    json_t *type = cut_name(parts, name, "", seen);
    char *text = json_dumps(type, JSON_COMPACT | JSON_ENCODE_ANY);
    stele_buffer_append(out, stele_text(text));
    free(text);
    json_decref(type);
    json_decref(seen);
}

static json_t *find_field(const stele_schema_parts *parts, const char *record, const char *field)
{
    size_t i;
    json_t *each;
    json_t *type = json_object_get(parts->types, record);
    json_array_foreach(json_object_get(type, "fields"), i, each)
    {
        const char *found = json_string_value(json_object_get(each, "name"));
        if (found != NULL && strcmp(found, field) == 0) return each;
    }
    return NULL;
}

const char *stele_schema_parts_doc(const stele_schema_parts *parts, const char *name,
                                   const char *field)
{
    json_t *owner =
        field == NULL ? json_object_get(parts->types, name) : find_field(parts, name, field);
    return json_string_value(json_object_get(owner, "doc"));
}
