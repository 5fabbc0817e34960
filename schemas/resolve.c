/* SPDX-License-Identifier: MIT
 * The decisions of schema resolution. Where Avro Java 1.11.4 and the specification differ, this is
 * as Avro Java: records are read whatever their names are, a record in a reader's union may match
 * by its fields alone. */
#include "schemas/resolve.h"

#include <string.h>

#include "core/alloc.h"

/* A look at two types is a step, one into two records so many. */
enum { STEPS_MAX = 4000000, STEPS_OF_RECORD = 20, DEPTH_MAX = 200 };

/* Aliases. */

static stele_bytes pair_of(const void *const pair[2])
{
    return stele_bytes_of(pair, 2 * sizeof pair[0]);
}

/* The key of an alias within a record. */
static void put_key(stele_buffer *key, const stele_node *record, const char *alias)
{
    stele_buffer_reset(key);
    stele_buffer_append(key, stele_bytes_of(&record, sizeof record));
    stele_buffer_append(key, stele_text(alias));
}

static void put_node(stele_table *table, const char *name, const stele_node *node)
{
    *(const stele_node **)stele_table_insert(table, stele_text(name), NULL) = node;
}

static const stele_node *find_node(const stele_table *table, const char *name)
{
    const stele_node **found = stele_table_find(table, stele_text(name));
    return found == NULL ? NULL : *found;
}

static void collect_field(stele_resolver *r, const stele_node *record, size_t index)
{
    const stele_field *field = &record->fields[index];
    if (field->alias_count == 0) return;
    put_node(r->alias_records, record->name, record);
    STELE_AUTO_VALUE(stele_buffer) key = {0};
    for (size_t i = 0; i < field->alias_count; i++) {
        put_key(&key, record, field->aliases[i]);
        *(size_t *)stele_table_insert(r->alias_fields, stele_buffer_view(&key), NULL) = index;
    }
}

/* The parser has limited how deep this goes. */
static void collect(stele_resolver *r, stele_table *seen, const stele_node *node)
{
    for (size_t i = 0; i < node->alias_count; i++)
        put_node(r->types, node->aliases[i], node);
    if (node->kind == STELE_KIND_ARRAY || node->kind == STELE_KIND_MAP) {
        collect(r, seen, node->item);
    } else if (node->kind == STELE_KIND_UNION) {
        for (size_t i = 0; i < node->count; i++)
            collect(r, seen, node->branches[i]);
    } else if (node->kind == STELE_KIND_RECORD) {
        bool is_new;
        stele_table_insert(seen, stele_bytes_of(&node, sizeof node), &is_new);
        if (!is_new) return;
        for (size_t i = 0; i < node->count; i++) {
            collect_field(r, node, i);
            collect(r, seen, node->fields[i].type);
        }
        if (find_node(r->alias_records, node->name) != node) return;
        for (size_t i = 0; i < node->alias_count; i++)
            put_node(r->alias_records, node->aliases[i], node);
    }
}

void stele_resolver_init(stele_resolver *resolver, const stele_node *reader)
{
    *resolver = (stele_resolver){
        .types = stele_table_new(sizeof(stele_node *), 0),
        .alias_records = stele_table_new(sizeof(stele_node *), 0),
        .alias_fields = stele_table_new(sizeof(size_t), 0),
        .matches = stele_table_new(sizeof(bool), 0),
        .steps_left = STEPS_MAX,
        .depth_left = DEPTH_MAX,
    };
    STELE_AUTO(stele_table) seen = stele_table_new(1, 0);
    if (reader != NULL) collect(resolver, seen, reader);
}

void stele_resolver_clear(stele_resolver *resolver)
{
    stele_table_free(resolver->types);
    stele_table_free(resolver->alias_records);
    stele_table_free(resolver->alias_fields);
    stele_table_free(resolver->matches);
    stele_table_free(resolver->alike);
    *resolver = (stele_resolver){0};
}

bool stele_resolver_is_spent(const stele_resolver *resolver)
{
    return resolver->steps_left == 0;
}

static bool step(stele_resolver *resolver)
{
    if (resolver->steps_left == 0) return false;
    resolver->steps_left--;
    return true;
}

/* One record deeper; past the limit the resolver is spent. */
static bool enter(stele_resolver *resolver)
{
    if (resolver->depth_left == 0 || resolver->steps_left < STEPS_OF_RECORD) {
        resolver->steps_left = 0;
        return false;
    }
    resolver->steps_left -= STEPS_OF_RECORD;
    resolver->depth_left--;
    return true;
}

static void leave(stele_resolver *resolver)
{
    resolver->depth_left++;
}

void stele_resolver_drop_aliases(stele_resolver *resolver)
{
    stele_resolver_clear(resolver);
    stele_resolver_init(resolver, NULL);
}

const char *stele_resolve_full_name(const stele_resolver *resolver, const stele_node *writer)
{
    const stele_node *reader = find_node(resolver->types, writer->name);
    return reader == NULL ? writer->name : reader->name;
}

const char *stele_resolve_short_name(const stele_resolver *resolver, const stele_node *writer)
{
    const stele_node *reader = find_node(resolver->types, writer->name);
    return reader == NULL ? writer->short_name : reader->short_name;
}

const char *stele_resolve_field_name(const stele_resolver *resolver, const stele_node *writer,
                                     size_t field)
{
    const char *name = writer->fields[field].name;
    if (stele_table_count(resolver->alias_records) == 0) return name;
    const stele_node *record =
        find_node(resolver->alias_records, stele_resolve_full_name(resolver, writer));
    if (record == NULL) return name;
    STELE_AUTO_VALUE(stele_buffer) key = {0};
    put_key(&key, record, name);
    const size_t *index = stele_table_find(resolver->alias_fields, stele_buffer_view(&key));
    return index == NULL ? name : record->fields[*index].name;
}

/* Matching. */

bool stele_resolve_promotes(stele_kind writer, stele_kind reader)
{
    switch (reader) {
    case STELE_KIND_LONG:
        return writer == STELE_KIND_INT;
    case STELE_KIND_FLOAT:
        return writer == STELE_KIND_INT || writer == STELE_KIND_LONG;
    case STELE_KIND_DOUBLE:
        return writer == STELE_KIND_INT || writer == STELE_KIND_LONG || writer == STELE_KIND_FLOAT;
    case STELE_KIND_BYTES:
        return writer == STELE_KIND_STRING;
    case STELE_KIND_STRING:
        return writer == STELE_KIND_BYTES;
    default:
        return false;
    }
}

bool stele_resolve_names_match(const stele_resolver *resolver, const stele_node *writer,
                               const stele_node *reader)
{
    return strcmp(stele_resolve_short_name(resolver, writer), reader->short_name) == 0 &&
           (writer->kind != STELE_KIND_FIXED || writer->fixed_size == reader->fixed_size);
}

bool stele_resolve_decimals_differ(const stele_node *writer, const stele_node *reader)
{
    return writer->logical == STELE_LOGICAL_DECIMAL && reader->logical == STELE_LOGICAL_DECIMAL &&
           (writer->scale != reader->scale || writer->precision != reader->precision);
}

/* The writer's field that has this name after aliases; one that is renamed hides its old name. */
static bool has_field(const stele_resolver *resolver, const stele_node *writer, const char *name)
{
    int64_t found = stele_node_find(writer, name);
    if (found >= 0 &&
        strcmp(stele_resolve_field_name(resolver, writer, (size_t)found), name) == 0) {
        return true;
    }
    const stele_node *record =
        find_node(resolver->alias_records, stele_resolve_full_name(resolver, writer));
    int64_t index = record == NULL ? -1 : stele_node_find(record, name);
    if (index < 0) return false;
    const stele_field *field = &record->fields[index];
    for (size_t i = 0; i < field->alias_count; i++) {
        found = stele_node_find(writer, field->aliases[i]);
        if (found >= 0 &&
            strcmp(stele_resolve_field_name(resolver, writer, (size_t)found), name) == 0) {
            return true;
        }
    }
    return false;
}

int64_t stele_resolve_missing_field(const stele_resolver *resolver, const stele_node *writer,
                                    const stele_node *reader)
{
    for (size_t i = 0; i < reader->count; i++) {
        const stele_field *field = &reader->fields[i];
        if (field->standard == NULL && !has_field(resolver, writer, field->name)) {
            return (int64_t)i;
        }
    }
    return -1;
}

/* Would Avro Java's Resolver answer with an ErrorAction for this very pair? Unions of the writer
 * and containers answer for themselves later, datum by datum. */
static bool is_error(stele_resolver *resolver, const stele_node *writer, const stele_node *reader)
{
    if (writer->kind == STELE_KIND_UNION) return false;
    if (writer->kind != reader->kind) {
        if (reader->kind == STELE_KIND_UNION) {
            return stele_resolve_branch(resolver, writer, reader) < 0;
        }
        return !stele_resolve_promotes(writer->kind, reader->kind);
    }
    if (writer->kind == STELE_KIND_RECORD) {
        return stele_resolve_missing_field(resolver, writer, reader) >= 0;
    }
    if (stele_node_is_named(writer)) return !stele_resolve_names_match(resolver, writer, reader);
    return false;
}

static bool fields_match(stele_resolver *resolver, const stele_node *writer,
                         const stele_node *reader)
{
    if (stele_resolve_missing_field(resolver, writer, reader) >= 0) return false;
    for (size_t i = 0; i < writer->count; i++) {
        int64_t index = stele_node_find(reader, stele_resolve_field_name(resolver, writer, i));
        if (index >= 0 && is_error(resolver, writer->fields[i].type, reader->fields[index].type)) {
            return false;
        }
    }
    return true;
}

/* Do two records go together by their fields? A pair that is being looked at does, until it is
 * found not to. */
static bool records_match(stele_resolver *resolver, const stele_node *writer,
                          const stele_node *reader)
{
    const void *pair[2] = {writer, reader};
    bool is_new;
    bool *place = stele_table_insert(resolver->matches, pair_of(pair), &is_new);
    if (!is_new) return *place;
    *place = true;
    if (!enter(resolver)) return false;
    bool match = fields_match(resolver, writer, reader);
    leave(resolver);
    *place = match;
    return match;
}

/* A branch of the writer's own kind: a named type by its full name, or a record by its fields. */
static int64_t exact_branch(stele_resolver *resolver, const stele_node *writer,
                            const stele_node *reader_union)
{
    bool named = stele_node_is_named(writer);
    const char *full = named ? stele_resolve_full_name(resolver, writer) : NULL;
    const char *brief = named ? stele_resolve_short_name(resolver, writer) : NULL;
    int64_t by_fields = -1;
    for (size_t i = 0; i < reader_union->count && step(resolver); i++) {
        const stele_node *branch = reader_union->branches[i];
        if (branch->kind != writer->kind) continue;
        if (stele_resolve_decimals_differ(writer, branch)) continue;
        if (!named || strcmp(full, branch->name) == 0) return (int64_t)i;
        if (branch->kind == STELE_KIND_RECORD && records_match(resolver, writer, branch) &&
            (by_fields < 0 || strcmp(brief, branch->short_name) == 0)) {
            by_fields = (int64_t)i;
        }
    }
    return by_fields;
}

int64_t stele_resolve_branch(stele_resolver *resolver, const stele_node *writer,
                             const stele_node *reader_union)
{
    int64_t exact = exact_branch(resolver, writer, reader_union);
    if (exact >= 0) return exact;
    for (size_t i = 0; i < reader_union->count; i++) {
        stele_kind kind = reader_union->branches[i]->kind;
        if (stele_resolve_promotes(writer->kind, kind)) return (int64_t)i;
    }
    return -1;
}

/* Equality but for namespaces, defaults and aliases (Resolver.unionEquiv). */

static bool alike(stele_resolver *resolver, const stele_node *writer, const stele_node *reader);

static bool fields_alike(stele_resolver *resolver, const stele_node *writer,
                         const stele_node *reader)
{
    const void *pair[2] = {writer, reader};
    bool is_new;
    if (resolver->alike == NULL) resolver->alike = stele_table_new(sizeof(bool), 0);
    bool *place = stele_table_insert(resolver->alike, pair_of(pair), &is_new);
    if (!is_new) return *place;
    *place = true;
    if (!enter(resolver)) return false;
    bool same = writer->count == reader->count;
    for (size_t i = 0; i < writer->count && same; i++) {
        same = strcmp(stele_resolve_field_name(resolver, writer, i), reader->fields[i].name) == 0 &&
               alike(resolver, writer->fields[i].type, reader->fields[i].type);
    }
    leave(resolver);
    *place = same;
    return same;
}

static bool branches_alike(stele_resolver *resolver, const stele_node *writer,
                           const stele_node *reader)
{
    if (writer->count != reader->count) return false;
    for (size_t i = 0; i < writer->count; i++) {
        if (!alike(resolver, writer->branches[i], reader->branches[i])) return false;
    }
    return true;
}

static bool symbols_alike(const stele_node *writer, const stele_node *reader)
{
    if (writer->count != reader->count) return false;
    for (size_t i = 0; i < writer->count; i++) {
        if (strcmp(writer->symbols[i], reader->symbols[i]) != 0) return false;
    }
    return true;
}

static bool alike(stele_resolver *resolver, const stele_node *writer, const stele_node *reader)
{
    if (!step(resolver) || writer->kind != reader->kind) return false;
    if (stele_node_is_named(writer) && !stele_resolve_names_match(resolver, writer, reader)) {
        return false;
    }
    switch (writer->kind) {
    case STELE_KIND_ARRAY:
    case STELE_KIND_MAP:
        return alike(resolver, writer->item, reader->item);
    case STELE_KIND_UNION:
        return branches_alike(resolver, writer, reader);
    case STELE_KIND_ENUM:
        return symbols_alike(writer, reader);
    case STELE_KIND_RECORD:
        return fields_alike(resolver, writer, reader);
    default:
        return true;
    }
}

bool stele_resolve_unions_alike(stele_resolver *resolver, const stele_node *writer,
                                const stele_node *reader)
{
    if (reader->kind != STELE_KIND_UNION) return false;
    bool same = branches_alike(resolver, writer, reader);
    stele_table_free(resolver->alike);
    resolver->alike = NULL;
    return same;
}
