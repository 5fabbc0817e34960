/* SPDX-License-Identifier: MIT
 * Straight-line code that encodes: for each shape a function that says how many bytes it can take
 * at most, and one that writes it into that room, or returns NULL if it does not fit its type. */
#include "schemas/generate_place.h"

#include <inttypes.h>

#include "core/alloc.h"

/* The most bytes of a value that do not depend on what is in it; `open` if there are more. */
static size_t size_fixed(const stele_member *member, bool *open)
{
    const stele_layout *layout = member->layout;
    if (stele_layout_is_decimal64(layout)) {
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
static const char *depth_argument(const stele_place *p)
{
    if (!p->shape->recursive) return "";
    return p->in->recursive ? ", depth - 1" : ", STELE_DEPTH_MAX";
}

static void size_open(stele_buffer *out, const stele_member *member, const stele_place *p)
{
    const char *space = stele_place_indent(p->indent);
    if (p->shape == NULL) {
        stele_buffer_format(out, "%ssize += %s.size;\n", space, p->text);
        return;
    }
    if (member->pointer) stele_buffer_format(out, "%sif (%s != NULL) ", space, p->text);
    stele_buffer_format(out, "%ssize += %s__size(%s%s%s);\n", member->pointer ? "" : space,
                        p->shape->name, member->pointer ? "" : "&", p->text, depth_argument(p));
}

/* Adds code for what depends on the value, and returns the constant part. */
static size_t size_member(stele_buffer *out, const stele_member *member, const char *flag,
                          const stele_place *p)
{
    bool open = false;
    size_t fixed = size_fixed(member, &open);
    bool optional = member->flag_offset != STELE_NO_FLAG;
    if (!open) return fixed + (optional ? 1 : 0);
    if (!optional) {
        size_open(out, member, p);
        return fixed;
    }
    stele_buffer_format(out, "%sif (%s) ", stele_place_indent(p->indent), flag);
    stele_place inner = *p;
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
                             &(stele_place){member->layout, shape->inner[i], shape, text, 1});
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
                                   &(stele_place){member->layout, shape->inner[i], shape, text, 0});
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
    if (map) stele_buffer_format(&code, "        size += each->key.size;\n");
    size_t fixed =
        size_member(&code, item, "each->has_value",
                    &(stele_place){item->layout, shape->inner[0], shape,
                                   shape->element != NULL ? "each->value" : "(*each)", 2});
    stele_buffer_format(out, "    size += value->count * %zu;\n", fixed + (map ? 10 : 0));
    if (code.size == 0) return 11;
    const char *list = map ? "entries" : "items";
    stele_buffer_format(out,
                        "    for (size_t i = 0; i < value->count; i++) {\n"
                        "        const %s *each = &value->%s[i];\n",
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
    stele_buffer_format(out, "static size_t %s__size(const %s *value%s)\n{\n", shape->name,
                        shape->name, shape->recursive ? ", unsigned depth" : "");
    if (!stele_place_mentions(&body, "value->")) stele_buffer_format(out, "    (void)value;\n");
    if (shape->recursive) stele_buffer_format(out, "    if (depth == 0) return 0;\n");
    stele_buffer_format(out, "    size_t size = %zu;\n", fixed);
    stele_buffer_append(out, stele_buffer_view(&body));
    stele_buffer_format(out, "    return size;\n}\n\n");
}

/* Writing. */

static void write_decimal(stele_buffer *out, const stele_place *p)
{
    const stele_layout *layout = p->layout;
    bool wide = stele_layout_is_wide_decimal(layout);
    bool fixed = layout->kind == STELE_KIND_FIXED;
    stele_buffer_format(out, "%sif ((at = stele_write_%sdecimal%s(at, %s, ",
                        stele_place_indent(p->indent), wide ? "wide_" : "", fixed ? "_fixed" : "",
                        p->text);
    if (fixed) stele_buffer_format(out, "%" PRIu32 ", ", layout->fixed_size);
    stele_buffer_format(out, "%" PRIu32 ")) == NULL) return NULL;\n", layout->precision);
}

static void write_scalar(stele_buffer *out, const stele_place *p)
{
    const char *space = stele_place_indent(p->indent);
    const stele_layout *layout = p->layout;
    if (layout->logical == STELE_LOGICAL_DECIMAL) {
        write_decimal(out, p);
    } else if (layout->kind == STELE_KIND_STRING) {
        stele_buffer_format(out, "%sif ((at = stele_write_string(at, %s)) == NULL) return NULL;\n",
                            space, p->text);
    } else {
        stele_buffer_format(out, "%sat = stele_write_%s(at, %s);\n", space,
                            stele_place_scalar(layout), p->text);
    }
}

static void write_value(stele_buffer *out, const stele_member *member, const stele_place *p)
{
    const char *space = stele_place_indent(p->indent);
    const stele_layout *layout = p->layout;
    if (layout->kind == STELE_KIND_NULL) return;
    if (p->shape == NULL) {
        write_scalar(out, p);
    } else if (layout->kind == STELE_KIND_ENUM) {
        stele_buffer_format(out,
                            "%sif ((at = stele_write_index(at, (int32_t)%s, %" PRIu32
                            ")) == NULL) return NULL;\n",
                            space, p->text, layout->count);
    } else if (layout->logical == STELE_LOGICAL_DECIMAL) {
        write_decimal(out, p);
    } else if (layout->kind == STELE_KIND_FIXED) {
        stele_buffer_format(out, "%sat = stele_write_raw(at, %s, %" PRIu32 ");\n", space, p->text,
                            layout->fixed_size);
    } else {
        if (member->pointer) {
            stele_buffer_format(out, "%sif (%s == NULL) return NULL;\n", space, p->text);
        }
        stele_buffer_format(out, "%sif ((at = %s__write(at, %s%s%s)) == NULL) return NULL;\n",
                            space, p->shape->name, member->pointer ? "" : "&", p->text,
                            depth_argument(p));
    }
}

static void write_member(stele_buffer *out, const stele_member *member, const char *flag,
                         const stele_place *p)
{
    if (member->flag_offset == STELE_NO_FLAG) {
        write_value(out, member, p);
        return;
    }
    const char *space = stele_place_indent(p->indent);
    stele_buffer_format(out, "%s*at++ = %s ? %d : %d;\n", space, flag, member->null_first ? 2 : 0,
                        member->null_first ? 0 : 2);
    stele_buffer_format(out, "%sif (%s) {\n", space, flag);
    stele_place inner = *p;
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
        write_member(out, member, flag,
                     &(stele_place){member->layout, shape->inner[i], shape, text, 1});
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
        write_value(out, member, &(stele_place){member->layout, shape->inner[i], shape, text, 2});
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
    const char *text = shape->element != NULL ? "each->value"
                       : pointed              ? "(*each)"
                                              : "value->items[i]";
    STELE_AUTO_VALUE(stele_buffer) code = {0};
    write_member(&code, item, "each->has_value",
                 &(stele_place){item->layout, shape->inner[0], shape, text, 3});
    if (code.size != 0 && pointed) {
        stele_buffer_format(out, "            const %s *each = &value->items[i];\n",
                            stele_shape_element(shape));
    }
    stele_buffer_append(out, stele_buffer_view(&code));
    stele_buffer_format(out, "        }\n    }\n    *at++ = 0;\n");
}

static void write_entry_function(stele_buffer *out, const stele_shape *shape)
{
    const stele_member *item = shape->layout->item;
    stele_buffer_format(out,
                        "static uint8_t *%s__write(uint8_t *at, const %s *each%s)\n{\n"
                        "    if ((at = stele_write_string(at, each->key)) == NULL) return NULL;\n",
                        shape->element, shape->element, shape->recursive ? ", unsigned depth" : "");
    STELE_AUTO_VALUE(stele_buffer) code = {0};
    write_member(&code, item, "each->has_value",
                 &(stele_place){item->layout, shape->inner[0], shape, "each->value", 1});
    if (shape->recursive && !stele_place_mentions(&code, "depth")) {
        stele_buffer_format(out, "    (void)depth;\n");
    }
    stele_buffer_append(out, stele_buffer_view(&code));
    stele_buffer_format(out, "    return at;\n}\n\n");
}

static void write_map(stele_buffer *out, const stele_shape *shape)
{
    stele_buffer_format(
        out,
        "    size_t *sorted;\n"
        "    if (!stele_map_order(value->entries, value->count, sizeof *value->entries, &sorted)) "
        "return NULL;\n"
        "    if (value->count != 0) at = stele_write_long(at, (int64_t)value->count);\n"
        "    for (size_t i = 0; at != NULL && i < value->count; i++) {\n"
        "        at = %s__write(at, &value->entries[sorted == NULL ? i : sorted[i]]%s);\n"
        "    }\n"
        "    free(sorted);\n"
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
    stele_buffer_format(out, "static uint8_t *%s__write(uint8_t *at, const %s *value%s)\n{\n",
                        shape->name, shape->name, shape->recursive ? ", unsigned depth" : "");
    if (!stele_place_mentions(&body, "value->")) stele_buffer_format(out, "    (void)value;\n");
    if (shape->recursive) stele_buffer_format(out, "    if (depth == 0) return NULL;\n");
    stele_buffer_append(out, stele_buffer_view(&body));
    stele_buffer_format(out, "    return at;\n}\n\n");
}

void stele_generate_write(stele_buffer *out, const stele_shape *shape)
{
    write_size_function(out, shape);
    write_write_function(out, shape);
}
