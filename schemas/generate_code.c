/* SPDX-License-Identifier: MIT
 * The codecs of all shapes, in an order in which each calls those before it. What their code
 * refuses is decided by the plan, which also says why, so none of it carries a message. */
#include "schemas/generate_out.h"

#include <string.h>

#include "core/alloc.h"
#include "schemas/generate_place.h"

const char *stele_place_indent(int levels)
{
    static const char spaces[] = "                                ";
    size_t wanted = 4 * (size_t)levels;
    return spaces + sizeof spaces - 1 - (wanted < sizeof spaces ? wanted : sizeof spaces - 1);
}

const char *stele_place_scalar(const stele_layout *layout)
{
    switch (layout->kind) {
    case STELE_KIND_BOOLEAN:
        return "boolean";
    case STELE_KIND_INT:
        return "int";
    case STELE_KIND_LONG:
        return "long";
    case STELE_KIND_FLOAT:
        return "float";
    case STELE_KIND_DOUBLE:
        return "double";
    case STELE_KIND_STRING:
        return "string";
    case STELE_KIND_BYTES:
        return "bytes";
    default:
        return "duration";
    }
}

bool stele_place_mentions(stele_buffer *body, const char *word)
{
    return strstr(stele_buffer_text(body), word) != NULL;
}

/* What a stele_type points to. */
static void write_type_functions(stele_buffer *out, const stele_shape *shape)
{
    const char *name = shape->name;
    stele_buffer_format(out,
                        "static stele_status %s__decode(stele_bytes data, void *value, stele_arena "
                        "*arena, stele_error *err)\n{\n"
                        "    stele_reader reader = stele_reader_of(data, arena);\n"
                        "    const uint8_t *at = %s__read(&reader, data.data, value);\n"
                        "    if (at != NULL && at == reader.end) return STELE_OK;\n"
                        "    return stele_generated_decode(&%s_type, data, value, arena, err);\n"
                        "}\n\n",
                        name, name, name);
    const char *depth = shape->recursive ? ", STELE_DEPTH_MAX" : "";
    stele_buffer_format(out,
                        "static stele_status %s__encode(const void *value, stele_buffer *out, "
                        "stele_error *err)\n{\n"
                        "    uint8_t *at = stele_buffer_reserve(out, %s__size(value%s));\n"
                        "    if ((at = %s__write(at, value%s)) == NULL) {\n"
                        "        return stele_generated_encode(&%s_type, value, out, err);\n"
                        "    }\n"
                        "    out->size = (size_t)(at - out->data);\n"
                        "    return STELE_OK;\n"
                        "}\n\n",
                        name, name, depth, name, depth, name);
}

static bool has_functions(const stele_shape *shape)
{
    return shape->layout->kind != STELE_KIND_ENUM && shape->layout->kind != STELE_KIND_FIXED;
}

static void declare_recursive(stele_buffer *out, const stele_shape *shape)
{
    stele_buffer_format(
        out,
        "static const uint8_t *%s__read(stele_reader *reader, const uint8_t *at, %s "
        "*value);\n"
        "static size_t %s__size(const %s *value, unsigned depth);\n"
        "static uint8_t *%s__write(uint8_t *at, const %s *value, unsigned depth);\n",
        shape->name, shape->name, shape->name, shape->name, shape->name, shape->name);
}

void stele_generate_code(const stele_shapes *shapes, stele_buffer *out)
{
    size_t before = out->size;
    for (size_t i = 0; i < shapes->count; i++) {
        const stele_shape *shape = shapes->by_rank[i];
        if (shape->recursive) declare_recursive(out, shape);
    }
    if (out->size != before) stele_buffer_format(out, "\n");
    for (size_t i = 0; i < shapes->count; i++) {
        const stele_shape *shape = shapes->by_rank[i];
        if (!has_functions(shape)) continue;
        stele_generate_read(out, shape);
        stele_generate_write(out, shape);
        if (shape->layout->kind == STELE_KIND_RECORD) write_type_functions(out, shape);
    }
}
