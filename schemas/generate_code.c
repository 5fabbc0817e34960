/* SPDX-License-Identifier: MIT
 * Straight-line code: for each shape a function that reads it, one that says how many bytes it can
 * take at most, and one that writes it. What they refuse is decided by the plan, which also says
 * why, so none of them carries a message. */
#include "schemas/generate_out.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"

/* A value in the code that is being written. */
typedef struct place {
    const stele_layout *layout;
    const stele_shape *shape; /* of the value; NULL for a scalar */
    const stele_shape *in;    /* whose function is being written */
    const char *text;         /* the value as a C expression that can be assigned to */
    int indent;
} place;

static const char *indent(int levels)
{
    static const char spaces[] = "                                ";
    size_t wanted = 4 * (size_t)levels;
    return spaces + sizeof spaces - 1 - (wanted < sizeof spaces ? wanted : sizeof spaces - 1);
}

/* The fewest bytes that a value takes on the wire: how many items can be in what is left. */
static size_t wire_min(const stele_member *member)
{
    const stele_layout *layout = member->layout;
    if (member->flag_offset != STELE_NO_FLAG) return 1;
    switch (layout->kind) {
    case STELE_KIND_NULL:
        return 0;
    case STELE_KIND_FLOAT:
        return 4;
    case STELE_KIND_DOUBLE:
        return 8;
    case STELE_KIND_FIXED:
        return layout->fixed_size;
    case STELE_KIND_RECORD: {
        size_t sum = 0;
        for (uint32_t i = 0; i < layout->count; i++) {
            /* Past a page the sum does not matter, and shared records cannot make it run away. */
            if (sum < 4096) sum += wire_min(&layout->members[i]);
        }
        return sum;
    }
    default:
        return 1;
    }
}

/* Reading. */

static const char *reader_of(const stele_layout *layout)
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
        return stele_layout_is_small_decimal(layout) ? "decimal" : "bytes";
    default:
        return "duration";
    }
}

static void read_value(stele_buffer *out, const place *p)
{
    const char *space = indent(p->indent);
    const stele_layout *layout = p->layout;
    if (layout->kind == STELE_KIND_NULL) {
        stele_buffer_format(out, "%s%s = 0;\n", space, p->text);
    } else if (layout->kind == STELE_KIND_ENUM) {
        stele_buffer_format(out,
                            "%sif ((at = stele_read_index(at, end, %" PRIu32
                            ", &index)) == NULL) return NULL;\n",
                            space, layout->count);
        stele_buffer_format(out, "%s%s = (%s)index;\n", space, p->text, p->shape->name);
    } else if (layout->kind == STELE_KIND_FIXED && p->shape != NULL) {
        stele_buffer_format(
            out, "%sif ((at = stele_read_raw(at, end, %s, %" PRIu32 ")) == NULL) return NULL;\n",
            space, p->text, layout->fixed_size);
    } else if (layout->kind == STELE_KIND_FIXED && stele_layout_is_small_decimal(layout)) {
        stele_buffer_format(out,
                            "%sif ((at = stele_read_decimal_fixed(at, end, %" PRIu32
                            ", &%s)) == NULL) return NULL;\n",
                            space, layout->fixed_size, p->text);
    } else if (p->shape != NULL) {
        stele_buffer_format(out, "%sif ((at = read_%s(reader, at, &%s)) == NULL) return NULL;\n",
                            space, p->shape->name, p->text);
    } else {
        stele_buffer_format(out, "%sif ((at = stele_read_%s(at, end, &%s)) == NULL) return NULL;\n",
                            space, reader_of(layout), p->text);
    }
}

static void read_pointed(stele_buffer *out, const stele_member *member, const place *p)
{
    if (!member->pointer) {
        read_value(out, p);
        return;
    }
    STELE_AUTO(char) pointed = stele_strdup_format("(*%s)", p->text);
    stele_buffer_format(out, "%s%s = stele_reader_take(reader, sizeof *%s);\n", indent(p->indent),
                        p->text, p->text);
    stele_buffer_format(out, "%sif (%s == NULL) return NULL;\n", indent(p->indent), p->text);
    place inner = *p;
    inner.text = pointed;
    read_value(out, &inner);
}

/* A member, with its `has_x` at `flag` if it has one. */
static void read_member(stele_buffer *out, const stele_member *member, const char *flag,
                        const place *p)
{
    if (member->flag_offset == STELE_NO_FLAG) {
        read_pointed(out, member, p);
        return;
    }
    const char *space = indent(p->indent);
    stele_buffer_format(
        out, "%sif ((at = stele_read_index(at, end, 2, &index)) == NULL) return NULL;\n", space);
    stele_buffer_format(out, "%s%s = index == %d;\n", space, flag, member->null_first ? 1 : 0);
    stele_buffer_format(out, "%sif (%s) {\n", space, flag);
    place inner = *p;
    inner.indent++;
    read_pointed(out, member, &inner);
    stele_buffer_format(out, "%s} else {\n%s    memset(&%s, 0, sizeof %s);\n%s}\n", space, space,
                        p->text, p->text, space);
}

static void read_fields(stele_buffer *out, const stele_shape *shape)
{
    for (uint32_t i = 0; i < shape->layout->count; i++) {
        const stele_member *member = &shape->layout->members[i];
        STELE_AUTO(char) text = stele_strdup_format("value->%s", shape->words[i]);
        STELE_AUTO(char)
        flag = shape->flags[i] == NULL ? NULL : stele_strdup_format("value->%s", shape->flags[i]);
        read_member(out, member, flag, &(place){member->layout, shape->inner[i], shape, text, 1});
    }
}

static void read_branches(stele_buffer *out, const stele_shape *shape)
{
    stele_buffer_format(out,
                        "    memset(value, 0, sizeof *value);\n"
                        "    if ((at = stele_read_index(at, end, %" PRIu32
                        ", &value->branch)) == NULL) return NULL;\n"
                        "    switch (value->branch) {\n",
                        shape->layout->count);
    for (uint32_t i = 0; i < shape->layout->count; i++) {
        const stele_member *member = &shape->layout->members[i];
        if (member->layout == NULL) continue;
        STELE_AUTO(char) text = stele_strdup_format("value->as.%s", shape->words[i]);
        stele_buffer_format(out, "    case %s:\n", shape->flags[i]);
        read_pointed(out, member, &(place){member->layout, shape->inner[i], shape, text, 2});
        stele_buffer_format(out, "        break;\n");
    }
    stele_buffer_format(out, "    default: break;\n    }\n");
}

static void read_items(stele_buffer *out, const stele_shape *shape)
{
    const stele_member *item = shape->layout->item;
    bool map = shape->layout->kind == STELE_KIND_MAP;
    const char *list = map ? "entries" : "items";
    const char *element = stele_shape_element(shape);
    stele_buffer_format(out,
                        "    value->count = 0;\n"
                        "    value->%s = NULL;\n"
                        "    for (;;) {\n"
                        "        size_t more;\n"
                        "        if ((at = stele_read_block(reader, at, %zu, &more)) == NULL) "
                        "return NULL;\n",
                        list, wire_min(item) + (map ? 1 : 0));
    stele_buffer_format(out,
                        "        if (more == 0) break;\n"
                        "        %s *grown = stele_reader_grow(reader, value->%s, value->count, "
                        "more, sizeof *grown);\n"
                        "        if (grown == NULL) return NULL;\n"
                        "        value->%s = grown;\n",
                        element, list, list);
    stele_buffer_format(out,
                        "        const size_t count = value->count + more;\n"
                        "        for (size_t i = value->count; i < count; i++) {\n"
                        "            %s *item = &grown[i];\n",
                        element);
    if (map) {
        stele_buffer_format(out, "            if ((at = stele_read_string(at, end, &item->key)) == "
                                 "NULL) return NULL;\n");
    }
    read_member(out, item, "item->has_value",
                &(place){item->layout, shape->inner[0], shape,
                         shape->element != NULL ? "item->value" : "(*item)", 3});
    stele_buffer_format(out, "        }\n        value->count = count;\n    }\n");
    if (map) {
        stele_buffer_format(out, "    if (!stele_map_is_unique(value->entries, value->count, "
                                 "sizeof *value->entries)) return NULL;\n");
    }
}

static bool mentions(stele_buffer *body, const char *word)
{
    return strstr(stele_buffer_text(body), word) != NULL;
}

static void write_read_function(stele_buffer *out, const stele_shape *shape)
{
    STELE_AUTO_VALUE(stele_buffer) body = {0};
    if (stele_shape_is_list(shape)) {
        read_items(&body, shape);
    } else if (shape->layout->kind == STELE_KIND_UNION) {
        read_branches(&body, shape);
    } else {
        read_fields(&body, shape);
    }
    stele_buffer_format(out,
                        "static const uint8_t *read_%s(stele_reader *reader, const uint8_t *at, %s "
                        "*value)\n{\n",
                        shape->name, shape->name);
    if (mentions(&body, " end,")) {
        stele_buffer_format(out, "    const uint8_t *const end = reader->end;\n");
    } else if (!mentions(&body, "reader") && !shape->recursive) {
        stele_buffer_format(out, "    (void)reader;\n");
    }
    if (body.size == 0) stele_buffer_format(out, "    memset(value, 0, sizeof *value);\n");
    if (mentions(&body, "&index")) stele_buffer_format(out, "    int32_t index;\n");
    if (shape->recursive) {
        stele_buffer_format(out, "    if (reader->depth_left-- == 0) return NULL;\n");
    }
    stele_buffer_append(out, stele_buffer_view(&body));
    if (shape->recursive) stele_buffer_format(out, "    reader->depth_left++;\n");
    stele_buffer_format(out, "    return at;\n}\n\n");
}

/* Sizes. */

/* The most bytes of a value that do not depend on what is in it; `open` if there are more. */
static size_t size_fixed(const stele_member *member, bool *open)
{
    const stele_layout *layout = member->layout;
    if (stele_layout_is_small_decimal(layout)) {
        return layout->kind == STELE_KIND_FIXED ? layout->fixed_size : 9;
    }
    switch (layout->kind) {
    case STELE_KIND_NULL:
        return 0;
    case STELE_KIND_BOOLEAN:
        return 1;
    case STELE_KIND_INT:
    case STELE_KIND_ENUM:
        return 5;
    case STELE_KIND_LONG:
        return 10;
    case STELE_KIND_FLOAT:
        return 4;
    case STELE_KIND_DOUBLE:
        return 8;
    case STELE_KIND_FIXED:
        return layout->fixed_size;
    case STELE_KIND_BYTES:
    case STELE_KIND_STRING:
        *open = true;
        return 10;
    default:
        *open = true;
        return 0;
    }
}

/* The argument that carries how deep a value may still be nested. */
static const char *depth_argument(const place *p)
{
    if (!p->shape->recursive) return "";
    return p->in->recursive ? ", depth - 1" : ", STELE_DEPTH_MAX";
}

static void size_open(stele_buffer *out, const stele_member *member, const place *p)
{
    const char *space = indent(p->indent);
    if (p->shape == NULL) {
        stele_buffer_format(out, "%ssize += %s.size;\n", space, p->text);
        return;
    }
    if (member->pointer) stele_buffer_format(out, "%sif (%s != NULL) ", space, p->text);
    stele_buffer_format(out, "%ssize += size_%s(%s%s%s);\n", member->pointer ? "" : space,
                        p->shape->name, member->pointer ? "" : "&", p->text, depth_argument(p));
}

/* Adds code for what depends on the value, and returns the constant part. */
static size_t size_member(stele_buffer *out, const stele_member *member, const char *flag,
                          const place *p)
{
    bool open = false;
    size_t fixed = size_fixed(member, &open);
    bool optional = member->flag_offset != STELE_NO_FLAG;
    if (!open) return fixed + (optional ? 1 : 0);
    if (!optional) {
        size_open(out, member, p);
        return fixed;
    }
    stele_buffer_format(out, "%sif (%s) ", indent(p->indent), flag);
    place inner = *p;
    inner.indent = 0;
    size_open(out, member, &inner);
    return fixed + 1;
}

static size_t size_fields(stele_buffer *out, const stele_shape *shape)
{
    size_t fixed = 0;
    for (uint32_t i = 0; i < shape->layout->count; i++) {
        const stele_member *member = &shape->layout->members[i];
        STELE_AUTO(char) text = stele_strdup_format("value->%s", shape->words[i]);
        STELE_AUTO(char)
        flag = shape->flags[i] == NULL ? NULL : stele_strdup_format("value->%s", shape->flags[i]);
        fixed += size_member(out, member, flag,
                             &(place){member->layout, shape->inner[i], shape, text, 1});
    }
    return fixed;
}

static size_t size_branches(stele_buffer *out, const stele_shape *shape)
{
    size_t fixed_max = 0;
    STELE_AUTO_VALUE(stele_buffer) cases = {0};
    for (uint32_t i = 0; i < shape->layout->count; i++) {
        const stele_member *member = &shape->layout->members[i];
        if (member->layout == NULL) continue;
        STELE_AUTO(char) text = stele_strdup_format("value->as.%s", shape->words[i]);
        STELE_AUTO_VALUE(stele_buffer) code = {0};
        size_t fixed = size_member(&code, member, NULL,
                                   &(place){member->layout, shape->inner[i], shape, text, 0});
        if (fixed > fixed_max) fixed_max = fixed;
        if (code.size == 0) continue;
        stele_buffer_format(&cases, "    case %s: %.*s break;\n", shape->flags[i],
                            (int)code.size - 1, stele_buffer_text(&code));
    }
    if (cases.size != 0) {
        stele_buffer_format(out, "    switch (value->branch) {\n");
        stele_buffer_append(out, stele_buffer_view(&cases));
        stele_buffer_format(out, "    default: break;\n    }\n");
    }
    return 5 + fixed_max;
}

static size_t size_items(stele_buffer *out, const stele_shape *shape)
{
    const stele_member *item = shape->layout->item;
    bool map = shape->layout->kind == STELE_KIND_MAP;
    STELE_AUTO_VALUE(stele_buffer) code = {0};
    if (map) stele_buffer_format(&code, "        size += item->key.size;\n");
    size_t fixed = size_member(&code, item, "item->has_value",
                               &(place){item->layout, shape->inner[0], shape,
                                        shape->element != NULL ? "item->value" : "(*item)", 2});
    stele_buffer_format(out, "    size += value->count * %zu;\n", fixed + (map ? 10 : 0));
    if (code.size == 0) return 11;
    const char *list = map ? "entries" : "items";
    stele_buffer_format(out,
                        "    for (size_t i = 0; i < value->count; i++) {\n"
                        "        const %s *item = &value->%s[i];\n",
                        stele_shape_element(shape), list);
    stele_buffer_append(out, stele_buffer_view(&code));
    stele_buffer_format(out, "    }\n");
    return 11;
}

static void write_size_function(stele_buffer *out, const stele_shape *shape)
{
    STELE_AUTO_VALUE(stele_buffer) body = {0};
    size_t fixed = stele_shape_is_list(shape)                ? size_items(&body, shape)
                   : shape->layout->kind == STELE_KIND_UNION ? size_branches(&body, shape)
                                                             : size_fields(&body, shape);
    stele_buffer_format(out, "static size_t size_%s(const %s *value%s)\n{\n", shape->name,
                        shape->name, shape->recursive ? ", unsigned depth" : "");
    if (!mentions(&body, "value->")) stele_buffer_format(out, "    (void)value;\n");
    if (shape->recursive) stele_buffer_format(out, "    if (depth == 0) return 0;\n");
    stele_buffer_format(out, "    size_t size = %zu;\n", fixed);
    stele_buffer_append(out, stele_buffer_view(&body));
    stele_buffer_format(out, "    return size;\n}\n\n");
}

/* Writing. */

static void write_scalar(stele_buffer *out, const place *p)
{
    const char *space = indent(p->indent);
    const stele_layout *layout = p->layout;
    if (stele_layout_is_small_decimal(layout)) {
        bool fixed = layout->kind == STELE_KIND_FIXED;
        stele_buffer_format(out, "%sif ((at = stele_write_decimal%s(at, %s, %" PRIu32, space,
                            fixed ? "_fixed" : "", p->text, layout->precision);
        if (fixed) stele_buffer_format(out, ", %" PRIu32, layout->fixed_size);
        stele_buffer_format(out, ")) == NULL) return NULL;\n");
    } else if (layout->kind == STELE_KIND_STRING) {
        stele_buffer_format(out, "%sif ((at = stele_write_string(at, %s)) == NULL) return NULL;\n",
                            space, p->text);
    } else {
        stele_buffer_format(out, "%sat = stele_write_%s(at, %s);\n", space, reader_of(layout),
                            p->text);
    }
}

static void write_value(stele_buffer *out, const stele_member *member, const place *p)
{
    const char *space = indent(p->indent);
    const stele_layout *layout = p->layout;
    if (layout->kind == STELE_KIND_NULL) return;
    if (p->shape == NULL) {
        write_scalar(out, p);
    } else if (layout->kind == STELE_KIND_ENUM) {
        stele_buffer_format(out,
                            "%sif ((at = stele_write_index(at, (int32_t)%s, %" PRIu32
                            ")) == NULL) return NULL;\n",
                            space, p->text, layout->count);
    } else if (layout->kind == STELE_KIND_FIXED) {
        stele_buffer_format(out, "%sat = stele_write_raw(at, %s, %" PRIu32 ");\n", space, p->text,
                            layout->fixed_size);
    } else {
        if (member->pointer) {
            stele_buffer_format(out, "%sif (%s == NULL) return NULL;\n", space, p->text);
        }
        stele_buffer_format(out, "%sif ((at = write_%s(at, %s%s%s)) == NULL) return NULL;\n", space,
                            p->shape->name, member->pointer ? "" : "&", p->text, depth_argument(p));
    }
}

static void write_member(stele_buffer *out, const stele_member *member, const char *flag,
                         const place *p)
{
    if (member->flag_offset == STELE_NO_FLAG) {
        write_value(out, member, p);
        return;
    }
    const char *space = indent(p->indent);
    stele_buffer_format(out, "%s*at++ = %s ? %d : %d;\n", space, flag, member->null_first ? 2 : 0,
                        member->null_first ? 0 : 2);
    stele_buffer_format(out, "%sif (%s) {\n", space, flag);
    place inner = *p;
    inner.indent++;
    write_value(out, member, &inner);
    stele_buffer_format(out, "%s}\n", space);
}

static void write_fields(stele_buffer *out, const stele_shape *shape)
{
    for (uint32_t i = 0; i < shape->layout->count; i++) {
        const stele_member *member = &shape->layout->members[i];
        STELE_AUTO(char) text = stele_strdup_format("value->%s", shape->words[i]);
        STELE_AUTO(char)
        flag = shape->flags[i] == NULL ? NULL : stele_strdup_format("value->%s", shape->flags[i]);
        write_member(out, member, flag, &(place){member->layout, shape->inner[i], shape, text, 1});
    }
}

static void write_branches(stele_buffer *out, const stele_shape *shape)
{
    stele_buffer_format(out,
                        "    if ((at = stele_write_index(at, value->branch, %" PRIu32
                        ")) == NULL) return NULL;\n"
                        "    switch (value->branch) {\n",
                        shape->layout->count);
    for (uint32_t i = 0; i < shape->layout->count; i++) {
        const stele_member *member = &shape->layout->members[i];
        if (member->layout == NULL) continue;
        STELE_AUTO(char) text = stele_strdup_format("value->as.%s", shape->words[i]);
        stele_buffer_format(out, "    case %s:\n", shape->flags[i]);
        write_value(out, member, &(place){member->layout, shape->inner[i], shape, text, 2});
        stele_buffer_format(out, "        break;\n");
    }
    stele_buffer_format(out, "    default: break;\n    }\n");
}

/* Array: in the order of memory. Map: an item's function, so that the order is freed on each way.
 */
static void write_array(stele_buffer *out, const stele_shape *shape)
{
    const stele_member *item = shape->layout->item;
    stele_buffer_format(out, "    if (value->count != 0) {\n"
                             "        at = stele_write_long(at, (int64_t)value->count);\n"
                             "        for (size_t i = 0; i < value->count; i++) {\n");
    /* C has no pointer to a constant array, so an item that is one is not pointed to. */
    bool pointed = item->layout->kind != STELE_KIND_FIXED || shape->element != NULL;
    const char *text = shape->element != NULL ? "item->value"
                       : pointed              ? "(*item)"
                                              : "value->items[i]";
    STELE_AUTO_VALUE(stele_buffer) code = {0};
    write_member(&code, item, "item->has_value",
                 &(place){item->layout, shape->inner[0], shape, text, 3});
    if (code.size != 0 && pointed) {
        stele_buffer_format(out, "            const %s *item = &value->items[i];\n",
                            stele_shape_element(shape));
    }
    stele_buffer_append(out, stele_buffer_view(&code));
    stele_buffer_format(out, "        }\n    }\n    *at++ = 0;\n");
}

static void write_entry_function(stele_buffer *out, const stele_shape *shape)
{
    const stele_member *item = shape->layout->item;
    stele_buffer_format(out,
                        "static uint8_t *write_%s(uint8_t *at, const %s *item%s)\n{\n"
                        "    if ((at = stele_write_string(at, item->key)) == NULL) return NULL;\n",
                        shape->element, shape->element, shape->recursive ? ", unsigned depth" : "");
    STELE_AUTO_VALUE(stele_buffer) code = {0};
    write_member(&code, item, "item->has_value",
                 &(place){item->layout, shape->inner[0], shape, "item->value", 1});
    if (shape->recursive && !mentions(&code, "depth")) {
        stele_buffer_format(out, "    (void)depth;\n");
    }
    stele_buffer_append(out, stele_buffer_view(&code));
    stele_buffer_format(out, "    return at;\n}\n\n");
}

static void write_map(stele_buffer *out, const stele_shape *shape)
{
    stele_buffer_format(
        out,
        "    size_t *order;\n"
        "    if (!stele_map_order(value->entries, value->count, sizeof *value->entries, &order)) "
        "return NULL;\n"
        "    if (value->count != 0) at = stele_write_long(at, (int64_t)value->count);\n"
        "    for (size_t i = 0; at != NULL && i < value->count; i++) {\n"
        "        at = write_%s(at, &value->entries[order == NULL ? i : order[i]]%s);\n"
        "    }\n"
        "    free(order);\n"
        "    if (at == NULL) return NULL;\n"
        "    *at++ = 0;\n",
        shape->element, shape->recursive ? ", depth" : "");
}

static void write_write_function(stele_buffer *out, const stele_shape *shape)
{
    STELE_AUTO_VALUE(stele_buffer) body = {0};
    switch (shape->layout->kind) {
    case STELE_KIND_ARRAY:
        write_array(&body, shape);
        break;
    case STELE_KIND_MAP:
        write_entry_function(out, shape);
        write_map(&body, shape);
        break;
    case STELE_KIND_UNION:
        write_branches(&body, shape);
        break;
    default:
        write_fields(&body, shape);
        break;
    }
    stele_buffer_format(out, "static uint8_t *write_%s(uint8_t *at, const %s *value%s)\n{\n",
                        shape->name, shape->name, shape->recursive ? ", unsigned depth" : "");
    if (!mentions(&body, "value->")) stele_buffer_format(out, "    (void)value;\n");
    if (shape->recursive) stele_buffer_format(out, "    if (depth == 0) return NULL;\n");
    stele_buffer_append(out, stele_buffer_view(&body));
    stele_buffer_format(out, "    return at;\n}\n\n");
}

/* What a stele_type points to. */
static void write_type_functions(stele_buffer *out, const stele_shape *shape)
{
    const char *name = shape->name;
    stele_buffer_format(out,
                        "static stele_status decode_%s(stele_bytes data, void *value, stele_arena "
                        "*arena, stele_error *err)\n{\n"
                        "    stele_reader reader = stele_reader_of(data, arena);\n"
                        "    const uint8_t *at = read_%s(&reader, data.data, value);\n"
                        "    if (at != NULL && at == reader.end) return STELE_OK;\n"
                        "    return stele_generated_decode(&%s_type, data, value, arena, err);\n"
                        "}\n\n",
                        name, name, name);
    const char *depth = shape->recursive ? ", STELE_DEPTH_MAX" : "";
    stele_buffer_format(out,
                        "static stele_status encode_%s(const void *value, stele_buffer *out, "
                        "stele_error *err)\n{\n"
                        "    uint8_t *at = stele_buffer_reserve(out, size_%s(value%s));\n"
                        "    if ((at = write_%s(at, value%s)) == NULL) {\n"
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
    stele_buffer_format(out,
                        "static const uint8_t *read_%s(stele_reader *reader, const uint8_t *at, %s "
                        "*value);\n"
                        "static size_t size_%s(const %s *value, unsigned depth);\n"
                        "static uint8_t *write_%s(uint8_t *at, const %s *value, unsigned depth);\n",
                        shape->name, shape->name, shape->name, shape->name, shape->name,
                        shape->name);
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
        write_read_function(out, shape);
        write_size_function(out, shape);
        write_write_function(out, shape);
        if (shape->layout->kind == STELE_KIND_RECORD) write_type_functions(out, shape);
    }
}
