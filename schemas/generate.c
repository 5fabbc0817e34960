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

static bool is_c_name(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && *c != '_') return false;
    }
    return !isdigit((unsigned char)name[0]);
}

/* The type at the top is defined by this file alone; the others may stand in other files too. */
static void put_type(stele_buffer *out, const stele_shape *shape, stele_bytes schema, bool top)
{
    const char *n = shape->name;
    stele_buffer_format(out, "%sconst stele_type %s_type = {\n    .name = \"%s\",\n    .schema =\n",
                        top ? "" : "STELE_WEAK ", n, shape->layout->name);
    stele_buffer_format(out, "    ");
    stele_generate_literal(out, schema);
    stele_buffer_format(out,
                        ",\n    .layout = &layout_%s,\n    .encode = encode_%s,\n"
                        "    .decode = decode_%s,\n};\n\n",
                        n, n, n);
}

static void put_types(stele_buffer *out, const stele_shapes *shapes,
                      const stele_schema_parts *parts, const char *top_schema)
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
    }
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
                          "prefix \"%s\" is not the beginning of a C name", options->prefix);
    }
    return STELE_OK;
}

stele_status stele_generate(const stele_schema *schema, const stele_generate_options *options,
                            stele_buffer *header, stele_buffer *source, stele_error *err)
{
    stele_status status;
    if ((status = check_options(options, err)) < 0) return status;
    STELE_AUTO(stele_type) type = NULL;
    if ((status = stele_type_new(schema, &type, err)) < 0) return status;

    stele_kind kind = type->layout->kind;
    if (kind != STELE_KIND_RECORD && kind != STELE_KIND_ENUM && kind != STELE_KIND_FIXED) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "code is generated for a record, an enum or a fixed; the top of the "
                          "schema is of type %s",
                          type->name);
    }

    STELE_AUTO_VALUE(stele_shapes) shapes = {0};
    stele_shapes_init(&shapes, type->layout, options->prefix);
    STELE_AUTO(stele_schema_parts) parts = stele_schema_parts_new(type->schema);
    stele_generate_header(&shapes, parts, options->name, header);

    stele_buffer_format(source,
                        "/* Made by `stele schema generate` from the schema of %s.\n"
                        " * A change here is lost: change the schema. */\n"
                        "#include \"%s.h\"\n\n#include <stddef.h>\n\n"
                        /* Schemas are longer than the literals that C asks compilers to take. */
                        "#if defined(__GNUC__)\n"
                        "#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n"
                        "#endif\n\n",
                        type->name, options->name);
    if (kind != STELE_KIND_RECORD) return STELE_OK; /* the header is all there is to it */
    stele_generate_layouts(&shapes, source);
    stele_generate_code(&shapes, source);
    put_types(source, &shapes, parts, type->schema);
    return STELE_OK;
}
