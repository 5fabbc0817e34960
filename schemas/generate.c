/* SPDX-License-Identifier: MIT
 * The code generator: puts the parts of its output together. The memory that it lays out is that of
 * stele_type_new, so generated and run-time types are the same to all that works on layouts. */
#include "schemas/generate.h"

#include <ctype.h>
#include <string.h>

#include "core/alloc.h"
#include "schemas/generate_names.h"
#include "schemas/generate_out.h"
#include "schemas/scopes.h"

enum { OUTPUT_MAX = 64 * 1024 * 1024 };

/* With an underscore in front it would be the C library's. */
static bool is_c_name(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && *c != '_') return false;
    }
    return !isdigit((unsigned char)name[0]) && name[0] != '_';
}

/* The type at the top is defined by this file alone; the others may be in other files too. */
static void put_type(stele_buffer *out, const stele_shape *shape, stele_bytes schema, bool top)
{
    const char *n = shape->name;
    stele_buffer_format(out, "%sconst stele_type %s_type = {\n    .name = \"%s\",\n    .schema =\n",
                        top ? "" : "STELE_WEAK ", n, shape->layout->name);
    stele_buffer_format(out, "    ");
    stele_generate_literal(out, schema);
    stele_buffer_format(out,
                        ",\n    .layout = &%s__layout,\n    .encode = %s__encode,\n"
                        "    .decode = %s__decode,\n    .abi = &stele_abi_1,\n};\n\n",
                        n, n, n);
}

static stele_status put_types(stele_buffer *out, const stele_shapes *shapes,
                              const stele_schema_parts *parts, const char *top_schema,
                              stele_error *err)
{
    for (size_t i = 0; i < shapes->count; i++) {
        const stele_shape *shape = shapes->items[i];
        if (shape->layout->kind != STELE_KIND_RECORD) continue;
        STELE_AUTO_VALUE(stele_buffer) text = {0};
        if (i == 0) {
            stele_buffer_append(&text, stele_text(top_schema));
        } else {
            stele_schema_parts_write(parts, shape->layout->name, &text);
        }
        put_type(out, shape, stele_buffer_view(&text), i == 0);
        /* Each record carries its own schema, so the sum can be the square of the schema's size. */
        if (out->size > OUTPUT_MAX) {
            return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP,
                              "the code of %s would be longer than %d MiB: each record in it "
                              "carries its schema; take it apart into several files",
                              shapes->items[0]->layout->name, OUTPUT_MAX / 1024 / 1024);
        }
    }
    return STELE_OK;
}

static stele_status check_options(const stele_generate_options *options, stele_error *err)
{
    if (options->name == NULL || options->name[0] == '\0' || strpbrk(options->name, "/\"\\\n")) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "the generated files need a name without slashes and quotes");
    }
    if (stele_name_is_header(options->name)) {
        return stele_fail(
            err, STELE_E_INVALID, STELE_NEXT_STOP,
            "%s.h is a header of the system, which the generated one would hide; call "
            "the schema's file otherwise",
            options->name);
    }
    if (options->prefix != NULL && !is_c_name(options->prefix)) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "prefix \"%s\" is not the beginning of a C name: letters, digits and "
                          "underscores, a letter first",
                          options->prefix);
    }
    return STELE_OK;
}

static bool has_code(stele_kind kind)
{
    return kind == STELE_KIND_RECORD || kind == STELE_KIND_ENUM || kind == STELE_KIND_FIXED;
}

/* Their names are given in the order in which their files are made, so they are the same there. */
static stele_status give_names_before(stele_names *names, const stele_generate_options *options,
                                      stele_error *err)
{
    for (size_t i = 0; options->before != NULL && options->before[i] != NULL; i++) {
        STELE_AUTO(stele_type) type = NULL;
        stele_status status = stele_type_new(options->before[i], &type, err);
        if (status < 0) return status;
        if (!has_code(type->layout->kind)) continue;
        STELE_AUTO_VALUE(stele_shapes) shapes = {0};
        stele_shapes_init(&shapes, type->layout, names, options->prefix);
    }
    return STELE_OK;
}

static void put_source_head(stele_buffer *out, const char *schema, const char *file)
{
    stele_buffer_format(out,
                        "/* Made by `stele schema generate` from the schema of %s.\n"
                        " * A change here is lost: change the schema. */\n"
                        "#include \"%s.h\"\n\n#include <stddef.h>\n\n"
                        /* Schemas are longer than the literals that C asks compilers to take. */
                        "#if defined(__GNUC__)\n"
                        "#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n"
                        "#endif\n\n",
                        schema, file);
}

stele_status stele_generate(const stele_schema *schema, const stele_generate_options *options,
                            stele_buffer *header, stele_buffer *source, stele_error *err)
{
    stele_status status;
    if ((status = check_options(options, err)) < 0) return status;
    STELE_AUTO(stele_type) type = NULL;
    if ((status = stele_type_new(schema, &type, err)) < 0) return status;
    if (!has_code(type->layout->kind)) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "code is generated for a record, an enum or a fixed; the top of the "
                          "schema is of type %s",
                          type->name);
    }

    STELE_AUTO(stele_names) names = stele_names_new(STELE_NAMES_OF_FILE);
    if ((status = give_names_before(names, options, err)) < 0) return status;
    STELE_AUTO_VALUE(stele_shapes) shapes = {0};
    stele_shapes_init(&shapes, type->layout, names, options->prefix);
    STELE_AUTO(stele_schema_parts) parts = stele_schema_parts_new(type->schema);

    STELE_AUTO_VALUE(stele_buffer) code = {0};
    put_source_head(&code, type->name, options->name);
    if (type->layout->kind == STELE_KIND_RECORD) { /* of others the header is all there is to it */
        stele_generate_layouts(&shapes, &code);
        stele_generate_code(&shapes, &code);
        if ((status = put_types(&code, &shapes, parts, type->schema, err)) < 0) return status;
    }
    stele_generate_header(&shapes, parts, header);
    stele_buffer_append(source, stele_buffer_view(&code));
    return STELE_OK;
}
