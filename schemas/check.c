/* SPDX-License-Identifier: MIT
 * Compatibility of schemas, with every finding, as SchemaCompatibility of Avro Java 1.11.4 decides
 * it but for a few that it lacks; and the seven modes of schema registries. */
#include <stele/schema.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/message.h"
#include "core/table.h"
#include "core/text.h"
#include "schemas/resolve.h"

/* A look at two types is a step, one into them so many. Schemas from outside choose how many. */
enum {
    STEPS_MAX = 4000000,
    STEPS_OF_PAIR = 20,
    STEPS_OF_REASONS = 1000000,
    STEPS_OF_REASON = 20000,
    DEPTH_MAX = 1000,
    SYMBOLS_NAMED_MAX = 200
};

typedef enum verdict { OPEN = 1, COMPATIBLE, INCOMPATIBLE, REPORTED } verdict;

/** One direction of one pair of schemas. */
typedef struct check {
    stele_finding_each *each;
    void *context;
    size_t version;
    bool forward;
    size_t count;
    stele_table *verdicts;   /* pair of nodes -> verdict */
    stele_resolver resolver; /* with the reader's aliases */
    stele_buffer path;
    unsigned silent; /* within a trial, whose findings do not count */
    unsigned depth_left;
    size_t steps_left;
    size_t reason_steps_left; /* for saying why a branch does not do */
} check;

static bool reads(check *c, const stele_node *reader, const stele_node *writer);

static const char *reader_name(const check *c)
{
    return c->forward ? "the old schema" : "the new schema";
}

static const char *writer_name(const check *c)
{
    return c->forward ? "the new one" : "the old one";
}

/* Report a finding at the path; always false, as its pair is incompatible. */
static STELE_PRINTF(3, 4) bool find(check *c, const char *kind, const char *format, ...)
{
    if (c->silent > 0 || c->steps_left == 0) return false;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    stele_message_vformat(text, sizeof text, format, arguments);
    va_end(arguments);
    c->count++;
    if (c->each == NULL) return false;
    stele_finding finding = {.kind = kind,
                             .path = c->path.size == 0 ? "" : stele_buffer_text(&c->path),
                             .text = text,
                             .version = c->version,
                             .forward = c->forward};
    c->each(c->context, &finding);
    return false;
}

static bool find_mismatch(check *c, const stele_node *reader, const stele_node *writer)
{
    return find(c, "TYPE_MISMATCH",
                "%s has %s where %s has %s, which it cannot be read from; keep the type, or take "
                "another name for the field",
                reader_name(c), stele_node_name(reader), writer_name(c), stele_node_name(writer));
}

static bool check_decimals(check *c, const stele_node *reader, const stele_node *writer)
{
    if (!stele_resolve_decimals_differ(writer, reader)) return true;
    return find(c, "DECIMAL_MISMATCH",
                "%s has decimal(%" PRIu32 ", %" PRIu32 ") where %s has decimal(%" PRIu32
                ", %" PRIu32 "); decimals match by precision and scale only",
                reader_name(c), reader->precision, reader->scale, writer_name(c), writer->precision,
                writer->scale);
}

/* The same name without the namespace, or one of the reader's aliases. */
static bool names_match(const stele_node *reader, const stele_node *writer)
{
    if (strcmp(reader->short_name, writer->short_name) == 0) return true;
    for (size_t i = 0; i < reader->alias_count; i++) {
        if (strcmp(reader->aliases[i], writer->name) == 0) return true;
    }
    return false;
}

static bool check_names(check *c, const stele_node *reader, const stele_node *writer)
{
    return names_match(reader, writer) ||
           find(c, "NAME_MISMATCH", "%s has %s where %s has %s; keep the name, or add an alias",
                reader_name(c), reader->name, writer_name(c), writer->name);
}

static bool check_size(check *c, const stele_node *reader, const stele_node *writer)
{
    if (reader->fixed_size == writer->fixed_size) return true;
    return find(
        c, "FIXED_SIZE_MISMATCH",
        "%s has %" PRIu32 " bytes for %s, %s has %" PRIu32 "; a fixed cannot change its size",
        reader_name(c), reader->fixed_size, reader->name, writer_name(c), writer->fixed_size);
}

static bool check_symbols(check *c, const stele_node *reader, const stele_node *writer)
{
    if (reader->standard >= 0) return true;
    STELE_AUTO_VALUE(stele_buffer) missing = {0};
    size_t count = 0;
    for (size_t i = 0; i < writer->count; i++) {
        if (stele_node_find(reader, writer->symbols[i]) >= 0) continue;
        if (missing.size < SYMBOLS_NAMED_MAX) {
            stele_buffer_format(&missing, "%s%s", count == 0 ? "" : ", ", writer->symbols[i]);
        }
        count++;
    }
    if (count == 0) return true;
    return find(c, "MISSING_ENUM_SYMBOLS",
                "%s lacks %zu of the symbols of %s that %s has: %s; keep them, or give the enum a "
                "default",
                reader_name(c), count, reader->name, writer_name(c), stele_buffer_text(&missing));
}

/* How many of the writer's fields a field could be read from, by its name or an alias; aliases may
 * repeat one another and the name. */
static size_t count_writer_fields(const stele_field *field, const stele_node *writer,
                                  int64_t *found)
{
    size_t count = 0;
    for (size_t i = 0; i <= field->alias_count; i++) {
        const char *name = i == 0 ? field->name : field->aliases[i - 1];
        int64_t index = stele_node_find(writer, name);
        if (index < 0 || index == *found) continue;
        *found = index;
        count++;
    }
    return count;
}

/* A field that is found by its alias is read from there only where the record has the writer's full
 * name, or that for an alias; else it would silently be its default. Avro Java's check does not
 * look at namespaces. What it decides about the types stays as it is, so that a trial is no reason
 * to keep silent. */
static void check_alias(check *c, const stele_field *field, const stele_node *reader,
                        const stele_node *writer, size_t found)
{
    const char *name = writer->fields[found].name;
    /* An alias without a dot would be in the namespace of the reader's record. */
    bool dot = writer->name == writer->short_name && reader->name != reader->short_name;
    if (strcmp(name, field->name) == 0) return;
    if (strcmp(stele_resolve_field_name(&c->resolver, writer, found), name) != 0) return;
    unsigned silent = c->silent;
    c->silent = 0;
    find(c, "FIELD_ALIAS_UNUSED",
         "%s has field \"%s\" of %s as \"%s\", but would not read it: the record was %s and is %s; "
         "add \"%s%s\" to the aliases of the record, or keep its namespace",
         reader_name(c), name, writer_name(c), field->name, writer->name, reader->name,
         dot ? "." : "", writer->name);
    c->silent = silent;
}

static bool check_field(check *c, const stele_field *field, const stele_node *reader,
                        const stele_node *writer)
{
    int64_t found = -1;
    size_t count = count_writer_fields(field, writer, &found);
    if (count > 1) {
        return find(c, "AMBIGUOUS_FIELD",
                    "%s could read it from %zu fields of %s; take one of its aliases out",
                    reader_name(c), count, writer_name(c));
    }
    if (count == 1) {
        check_alias(c, field, reader, writer, (size_t)found);
        return reads(c, field->type, writer->fields[found].type);
    }
    if (field->standard != NULL) return true;
    /* Avro Java takes the default of the enum for a hint and then finds two types that differ. */
    bool hint = field->type->kind == STELE_KIND_ENUM && field->type->standard >= 0;
    return find(c, hint ? "TYPE_MISMATCH" : "READER_FIELD_MISSING_DEFAULT_VALUE",
                "field \"%s\" of %s has no default, so %s cannot read data without it; add a "
                "default%s",
                field->name, reader_name(c), reader_name(c),
                hint ? " to the field: that of its enum is for unknown symbols" : "");
}

static bool check_fields(check *c, const stele_node *reader, const stele_node *writer)
{
    bool compatible = true;
    for (size_t i = 0; i < reader->count; i++) {
        size_t before = c->path.size;
        stele_buffer_format(&c->path, "%s%s", before == 0 ? "" : ".", reader->fields[i].name);
        compatible = check_field(c, &reader->fields[i], reader, writer) && compatible;
        c->path.size = before;
    }
    return compatible;
}

static bool check_item(check *c, const stele_node *reader, const stele_node *writer)
{
    size_t before = c->path.size;
    stele_buffer_format(&c->path, reader->kind == STELE_KIND_ARRAY ? "[]" : "{}");
    bool compatible = reads(c, reader->item, writer->item);
    c->path.size = before;
    return compatible;
}

static bool try_read(check *c, const stele_node *reader, const stele_node *writer)
{
    c->silent++;
    bool compatible = reads(c, reader, writer);
    c->silent--;
    return compatible;
}

/* The branch that was meant for it, though it does not read it; NULL if there is none. */
static const stele_node *find_namesake(const stele_node *reader, const stele_node *writer)
{
    for (size_t i = 0; i < reader->count; i++) {
        const stele_node *branch = reader->branches[i];
        if (branch->kind != writer->kind) continue;
        if (!stele_node_is_named(branch) || names_match(branch, writer)) return branch;
    }
    return NULL;
}

typedef struct first_reason {
    bool has;
    char text[400];
} first_reason;

static void keep_first(void *context, const stele_finding *finding)
{
    first_reason *first = context;
    if (first->has || strcmp(finding->kind, "FIELD_ALIAS_UNUSED") == 0) return;
    first->has = true;
    snprintf(first->text, sizeof first->text, "%s%s%s", finding->path,
             finding->path[0] == '\0' ? "" : ": ", finding->text);
}

/* Why a branch does not read what it was meant for: looked up apart, so that what is reported
 * elsewhere stays as it is. */
static first_reason find_reason(check *c, const stele_node *reader, const stele_node *writer)
{
    first_reason first = {0};
    size_t steps = c->reason_steps_left < STEPS_OF_REASON ? c->reason_steps_left : STEPS_OF_REASON;
    check apart = {.each = keep_first,
                   .context = &first,
                   .forward = c->forward,
                   .verdicts = stele_table_new(sizeof(verdict), 0),
                   .resolver = c->resolver,
                   .steps_left = steps,
                   .reason_steps_left = c->reason_steps_left - steps,
                   .depth_left = c->depth_left};
    reads(&apart, reader, writer);
    c->reason_steps_left = apart.reason_steps_left + apart.steps_left;
    stele_table_free(apart.verdicts);
    stele_buffer_clear(&apart.path);
    return first;
}

static bool find_missing_branch(check *c, const stele_node *reader, const stele_node *writer)
{
    const stele_node *namesake = c->silent > 0 ? NULL : find_namesake(reader, writer);
    if (namesake != NULL) {
        first_reason why = find_reason(c, namesake, writer);
        if (why.has) {
            return find(c, "MISSING_UNION_BRANCH",
                        "the branch %s of the union in %s does not read that of %s: %s",
                        stele_node_name(namesake), reader_name(c), writer_name(c), why.text);
        }
    }
    return find(c, "MISSING_UNION_BRANCH",
                "no branch of the union in %s reads the %s of %s; add it as a branch",
                reader_name(c), stele_node_name(writer), writer_name(c));
}

/* Each branch of the writer must be read by the reader's union as a whole. */
static bool check_unions(check *c, const stele_node *reader, const stele_node *writer)
{
    bool compatible = true;
    for (size_t i = 0; i < writer->count; i++) {
        if (try_read(c, reader, writer->branches[i])) continue;
        compatible = find_missing_branch(c, reader, writer->branches[i]);
    }
    return compatible;
}

static bool check_writer_union(check *c, const stele_node *reader, const stele_node *writer)
{
    bool compatible = true;
    for (size_t i = 0; i < writer->count; i++)
        compatible = reads(c, reader, writer->branches[i]) && compatible;
    return compatible;
}

/* Can a branch be told not to fit by a glance? Most cannot fit, in unions of many. */
static bool is_out_of_question(check *c, const stele_node *reader, const stele_node *writer)
{
    if (c->steps_left > 0) c->steps_left--;
    if (c->steps_left == 0) return true;
    if (reader->kind != writer->kind) return !stele_resolve_promotes(writer->kind, reader->kind);
    if (!stele_node_is_named(reader) || names_match(reader, writer)) return false;
    /* A pair of records that is being looked at counts as compatible whatever its names are. */
    const void *pair[2] = {reader, writer};
    return reader->kind != STELE_KIND_RECORD ||
           stele_table_find(c->verdicts, stele_bytes_of(pair, sizeof pair)) == NULL;
}

static bool check_reader_union(check *c, const stele_node *reader, const stele_node *writer)
{
    for (size_t i = 0; i < reader->count; i++) {
        if (is_out_of_question(c, reader->branches[i], writer)) continue;
        if (try_read(c, reader->branches[i], writer)) return true;
    }
    return find_missing_branch(c, reader, writer);
}

static bool check_same_kind(check *c, const stele_node *reader, const stele_node *writer)
{
    switch (reader->kind) {
    case STELE_KIND_ARRAY:
    case STELE_KIND_MAP:
        return check_item(c, reader, writer);
    case STELE_KIND_FIXED: {
        bool named = check_names(c, reader, writer);
        bool sized = check_size(c, reader, writer);
        return check_decimals(c, reader, writer) && named && sized;
    }
    case STELE_KIND_ENUM: {
        bool named = check_names(c, reader, writer);
        return check_symbols(c, reader, writer) && named;
    }
    case STELE_KIND_RECORD: {
        bool named = check_names(c, reader, writer);
        return check_fields(c, reader, writer) && named;
    }
    case STELE_KIND_UNION:
        return check_unions(c, reader, writer);
    default:
        return check_decimals(c, reader, writer);
    }
}

static bool check_pair(check *c, const stele_node *reader, const stele_node *writer)
{
    if (reader->kind == writer->kind) return check_same_kind(c, reader, writer);
    if (writer->kind == STELE_KIND_UNION) return check_writer_union(c, reader, writer);
    if (reader->kind == STELE_KIND_UNION) return check_reader_union(c, reader, writer);
    return stele_resolve_promotes(writer->kind, reader->kind) || find_mismatch(c, reader, writer);
}

/* A pair is looked at once, and once more if only a trial has seen that it does not fit. One that
 * is being looked at counts as compatible: if it is not, that is found where it came up first. */
static bool reads(check *c, const stele_node *reader, const stele_node *writer)
{
    const void *pair[2] = {reader, writer};
    verdict *known = stele_table_insert(c->verdicts, stele_bytes_of(pair, sizeof pair), NULL);
    if (*known == OPEN || *known == COMPATIBLE) return true;
    if (*known == REPORTED || (*known == INCOMPATIBLE && c->silent > 0)) return false;
    if (c->steps_left < STEPS_OF_PAIR || c->depth_left == 0) {
        c->steps_left = 0;
        return false;
    }
    c->steps_left -= STEPS_OF_PAIR;
    c->depth_left--;
    *known = OPEN;
    bool compatible = check_pair(c, reader, writer);
    *known = compatible ? COMPATIBLE : c->silent > 0 ? INCOMPATIBLE : REPORTED;
    c->depth_left++;
    return compatible;
}

static size_t check_direction(const stele_schema *reader, const stele_schema *writer, check *c)
{
    if (stele_schema_equal(reader, writer)) return 0;
    c->verdicts = stele_table_new(sizeof(verdict), 0);
    c->steps_left = STEPS_MAX;
    c->reason_steps_left = STEPS_OF_REASONS;
    c->depth_left = DEPTH_MAX;
    stele_resolver_init(&c->resolver, stele_schema_root(reader));
    reads(c, stele_schema_root(reader), stele_schema_root(writer));
    if (c->steps_left == 0) {
        c->path.size = 0;
        c->steps_left = 1; /* enough to say so */
        find(c, "TOO_COMPLEX", "these two schemas take too much work to compare");
    }
    stele_resolver_clear(&c->resolver);
    stele_table_free(c->verdicts);
    stele_buffer_clear(&c->path);
    return c->count;
}

size_t stele_schema_check(const stele_schema *next, const stele_schema *const *old, size_t count,
                          stele_compatibility mode, stele_finding_each *each, void *context)
{
    bool backward = mode == STELE_COMPATIBILITY_BACKWARD || mode == STELE_COMPATIBILITY_FULL ||
                    mode == STELE_COMPATIBILITY_BACKWARD_TRANSITIVE ||
                    mode == STELE_COMPATIBILITY_FULL_TRANSITIVE;
    bool forward = mode == STELE_COMPATIBILITY_FORWARD || mode == STELE_COMPATIBILITY_FULL ||
                   mode == STELE_COMPATIBILITY_FORWARD_TRANSITIVE ||
                   mode == STELE_COMPATIBILITY_FULL_TRANSITIVE;
    bool transitive = mode >= STELE_COMPATIBILITY_BACKWARD_TRANSITIVE;
    size_t found = 0;
    for (size_t i = transitive || count == 0 ? 0 : count - 1; i < count; i++) {
        check one = {.each = each, .context = context, .version = i};
        check other = {.each = each, .context = context, .version = i, .forward = true};
        if (backward) found += check_direction(next, old[i], &one);
        if (forward) found += check_direction(old[i], next, &other);
    }
    return found;
}

static const char *const modes[] = {
    "NONE",
    "BACKWARD",
    "FORWARD",
    "FULL",
    "BACKWARD_TRANSITIVE",
    "FORWARD_TRANSITIVE",
    "FULL_TRANSITIVE",
};

const char *stele_compatibility_name(stele_compatibility mode)
{
    return modes[mode];
}

static bool is_mode(stele_bytes text, const char *mode)
{
    if (text.size != strlen(mode)) return false;
    for (size_t i = 0; i < text.size; i++) {
        int c = text.data[i] == '-' ? '_' : toupper(text.data[i]);
        if (c != mode[i]) return false;
    }
    return true;
}

stele_status stele_compatibility_parse(stele_bytes text, stele_compatibility *out, stele_error *err)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (!is_mode(text, modes[i])) continue;
        *out = (stele_compatibility)i;
        return STELE_OK;
    }
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "%s is no compatibility mode; take NONE, BACKWARD, FORWARD, FULL, "
                      "BACKWARD_TRANSITIVE, FORWARD_TRANSITIVE or FULL_TRANSITIVE",
                      stele_quote(text).text);
}
