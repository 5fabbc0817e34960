/* SPDX-License-Identifier: MIT
 * A schema as an object: parsing from text, shared ownership, its text and its name. */
#include <stele/schema.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/message.h"
#include "schemas/schema_object.h"
#include "schemas/schema_text.h"
#include "schemas/scopes.h"

enum { TEXT_MAX = 1024 * 1024, NODES_MAX = 100000, DEPTH_MAX = 64 };

const stele_node *stele_schema_root(const stele_schema *schema)
{
    return schema->root;
}

stele_bytes stele_schema_source(const stele_schema *schema)
{
    return stele_bytes_of(schema->text, schema->text_size);
}

const char *stele_schema_name(const stele_schema *schema)
{
    return stele_node_name(schema->root);
}

stele_schema *stele_schema_retain(const stele_schema *schema)
{
    stele_schema *shared = (stele_schema *)schema; /* only the count of owners changes */
    atomic_fetch_add_explicit(&shared->owners, 1, memory_order_relaxed);
    return shared;
}

void stele_schema_free(stele_schema *schema)
{
    if (schema == NULL) return;
    if (atomic_fetch_sub_explicit(&schema->owners, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < schema->with_count; i++)
        stele_schema_free(schema->with[i]);
    free(schema->with);
    free(schema->records);
    stele_table_free(schema->names);
    stele_arena_free(schema->memory);
    free(schema->text);
    free(schema->name);
    free(schema);
}

void *stele_parser_take(stele_parser *parser, size_t count, size_t size)
{
    /* Counts are those of the document's parts, so the product is bounded by the text's limit. */
    void *memory = stele_arena_take(parser->schema->memory, count * size);
    memset(memory, 0, count * size);
    return memory;
}

stele_status stele_parser_fail(stele_parser *parser, stele_status status, const stele_tree *at,
                               const char *key, const char *format, ...)
{
    char text[sizeof parser->err->text];
    va_list arguments;
    va_start(arguments, format);
    stele_message_vformat(text, sizeof text, format, arguments);
    va_end(arguments);

    const stele_schema *schema = parser->schema;
    const stele_tree *member = key == NULL ? NULL : stele_tree_get(at, key);
    size_t line = member != NULL ? member->line : at != NULL ? at->line : 1;
    const char *path = parser->path.size == 0 ? "" : stele_buffer_text(&parser->path);
    return stele_fail(parser->err, status, STELE_NEXT_REJECT, "%s:%zu: %s%s%s", schema->name, line,
                      path, path[0] == '\0' ? "" : ": ", text);
}

/* Names of `with`, and what those schemas refer to themselves. Two files may bring the same type.
 */
static stele_status take_names(stele_parser *parser, const stele_schema *with)
{
    stele_table *names = parser->schema->names;
    stele_table_cursor cursor = {0};
    const stele_node **from;
    while ((from = stele_table_next(with->names, &cursor)) != NULL) {
        bool is_new;
        const stele_node **to =
            stele_table_insert(names, stele_table_key(with->names, from), &is_new);
        if (is_new) {
            *to = *from;
        } else if (*to != *from && !stele_node_equal(*to, *from, true)) {
            return stele_fail(parser->err, STELE_E_INVALID, STELE_NEXT_REJECT,
                              "%s: %s is defined in two of the schemas that come with it, and not "
                              "alike; leave one of them out",
                              parser->schema->name, (*from)->name);
        }
    }
    return STELE_OK;
}

static stele_status take_with(stele_parser *parser, const stele_schema *const *with)
{
    size_t count = 0;
    while (with != NULL && with[count] != NULL)
        count++;
    stele_schema *schema = parser->schema;
    schema->with = stele_alloc_array(count + 1, sizeof(stele_schema *));
    for (size_t i = 0; i < count; i++) {
        schema->with[schema->with_count++] = stele_schema_retain(with[i]);
        stele_status status = take_names(parser, with[i]);
        if (status < 0) return status;
    }
    return STELE_OK;
}

const stele_tree *stele_schema_tree(stele_bytes text, stele_arena *arena,
                                    stele_tree_problem *problem)
{
    return stele_tree_parse(text, &(stele_tree_options){.comments = true}, arena, problem);
}

static stele_status load(stele_schema *schema, stele_error *err)
{
    stele_tree_problem problem;
    schema->document = stele_schema_tree(stele_schema_source(schema), schema->memory, &problem);
    if (schema->document != NULL) return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s:%zu: not JSON: %s", schema->name,
                      problem.line, problem.why);
}

static stele_status parse(stele_parser *parser, const stele_schema *const *with)
{
    stele_schema *schema = parser->schema;
    stele_status status;
    if ((status = load(schema, parser->err)) < 0) return status;
    if ((status = take_with(parser, with)) < 0) return status;
    if ((status = stele_parse_type(parser, schema->document, "", &schema->root)) < 0) return status;
    if ((status = stele_parse_groups(parser)) < 0) return status;
    return stele_parse_defaults(parser);
}

stele_status stele_schema_parse(stele_bytes text, const stele_schema_options *options,
                                stele_schema **out, stele_error *err)
{
    static const stele_schema_options defaults;
    if (options == NULL) options = &defaults;
    const char *name = options->name == NULL ? "schema" : options->name;
    size_t text_max = options->text_max == 0 ? TEXT_MAX : options->text_max;
    if (text.size > text_max) {
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                          "%s: a schema of %zu bytes, the limit is %zu", name, text.size, text_max);
    }

    STELE_AUTO(stele_schema) schema = stele_alloc(sizeof *schema);
    atomic_init(&schema->owners, 1);
    schema->name = stele_strdup(name);
    schema->text = stele_strndup(text.size == 0 ? "" : (const char *)text.data, text.size);
    schema->text_size = text.size;
    schema->memory = stele_arena_new();
    schema->names = stele_table_new(sizeof(stele_node *), 0);

    stele_error ignored;
    stele_parser parser = {
        .schema = schema,
        .nodes_max = options->nodes_max == 0 ? NODES_MAX : options->nodes_max,
        .depth_max = options->depth_max == 0 ? DEPTH_MAX : options->depth_max,
        .err = err == NULL ? &ignored : err,
    };
    stele_status status = parse(&parser, options->with);
    stele_buffer_clear(&parser.path);
    if (status < 0) return status;

    *out = schema;
    schema = NULL;
    return STELE_OK;
}
