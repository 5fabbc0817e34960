/* SPDX-License-Identifier: MIT
 * Straight-line code that decodes: for each shape a function that reads it from bytes, checked, or
 * returns NULL. */
#include "schemas/generate_place.h"

#include <inttypes.h>

#include "core/alloc.h"

/* The fewest bytes of an item on the wire: how many can be in what is left. */
static size_t item_min(const stele_shape *list)
{
    return stele_member_min(list->layout->item, list->inner[0]) +
           (list->layout->kind == STELE_KIND_MAP ? 1 : 0);
}

static void read_decimal(stele_buffer *out, const stele_place *p)
{
    const stele_layout *layout = p->layout;
    bool wide = stele_layout_is_wide_decimal(layout);
    bool fixed = layout->kind == STELE_KIND_FIXED;
    stele_buffer_format(out, "%sif ((at = stele_read_%sdecimal%s(at, end, ",
                        stele_place_indent(p->indent), wide ? "wide_" : "", fixed ? "_fixed" : "");
    if (fixed) stele_buffer_format(out, "%" PRIu32 ", ", layout->fixed_size);
    stele_buffer_format(out, "%" PRIu32 ", %s%s)) == NULL) return NULL;\n", layout->precision,
                        fixed && wide ? "" : "&", p->text);
}

static void read_value(stele_buffer *out, const stele_place *p)
{
    const char *space = stele_place_indent(p->indent);
    const stele_layout *layout = p->layout;
    if (layout->kind == STELE_KIND_NULL) {
        stele_buffer_format(out, "%s%s = 0;\n", space, p->text);
    } else if (layout->kind == STELE_KIND_ENUM) {
        stele_buffer_format(out,
                            "%sif ((at = stele_read_index(at, end, %" PRIu32
                            ", &index)) == NULL) return NULL;\n",
                            space, layout->count);
        stele_buffer_format(out, "%s%s = (%s)index;\n", space, p->text, p->shape->name);
    } else if (layout->logical == STELE_LOGICAL_DECIMAL) {
        read_decimal(out, p);
    } else if (layout->kind == STELE_KIND_FIXED && p->shape != NULL) {
        stele_buffer_format(
            out, "%sif ((at = stele_read_raw(at, end, %s, %" PRIu32 ")) == NULL) return NULL;\n",
            space, p->text, layout->fixed_size);
    } else if (p->shape != NULL) {
        stele_buffer_format(out, "%sif ((at = %s__read(reader, at, &%s)) == NULL) return NULL;\n",
                            space, p->shape->name, p->text);
    } else {
        stele_buffer_format(out, "%sif ((at = stele_read_%s(at, end, &%s)) == NULL) return NULL;\n",
                            space, stele_place_scalar(layout), p->text);
    }
}

static void read_pointed(stele_buffer *out, const stele_member *member, const stele_place *p)
{
    if (!member->pointer) {
        read_value(out, p);
        return;
    }
    STELE_AUTO(char) pointed = stele_strdup_format("(*%s)", p->text);
    stele_buffer_format(out, "%s%s = stele_reader_take(reader, sizeof *%s);\n",
                        stele_place_indent(p->indent), p->text, p->text);
    stele_buffer_format(out, "%sif (%s == NULL) return NULL;\n", stele_place_indent(p->indent),
                        p->text);
    stele_place inner = *p;
    inner.text = pointed;
    read_value(out, &inner);
}

/* A member, with its `has_x` at `flag` if it has one. */
static void read_member(stele_buffer *out, const stele_member *member, const char *flag,
                        const stele_place *p)
{
    if (member->flag_offset == STELE_NO_FLAG) {
        read_pointed(out, member, p);
        return;
    }
    const char *space = stele_place_indent(p->indent);
    stele_buffer_format(
        out, "%sif ((at = stele_read_index(at, end, 2, &index)) == NULL) return NULL;\n", space);
    stele_buffer_format(out, "%s%s = index == %d;\n", space, flag, member->null_first ? 1 : 0);
    stele_buffer_format(out, "%sif (%s) {\n", space, flag);
    stele_place inner = *p;
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
        read_member(out, member, flag,
                    &(stele_place){member->layout, shape->inner[i], shape, text, 1});
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
        read_pointed(out, member, &(stele_place){member->layout, shape->inner[i], shape, text, 2});
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
                        list, item_min(shape));
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
                        "            %s *each = &grown[i];\n",
                        element);
    if (map) {
        stele_buffer_format(out, "            if ((at = stele_read_string(at, end, &each->key)) == "
                                 "NULL) return NULL;\n");
    }
    read_member(out, item, "each->has_value",
                &(stele_place){item->layout, shape->inner[0], shape,
                               shape->element != NULL ? "each->value" : "(*each)", 3});
    stele_buffer_format(out, "        }\n        value->count = count;\n    }\n");
    if (map) {
        stele_buffer_format(out, "    if (!stele_map_is_unique(value->entries, value->count, "
                                 "sizeof *value->entries)) return NULL;\n");
    }
}

void stele_generate_read(stele_buffer *out, const stele_shape *shape)
{
    STELE_AUTO_VALUE(stele_buffer) body = {0};
    if (stele_shape_is_list(shape)) {
        read_items(&body, shape);
    } else if (shape->layout->kind == STELE_KIND_UNION) {
        read_branches(&body, shape);
    } else {
        read_fields(&body, shape);
    }
    stele_buffer_format(
        out,
        "static const uint8_t *%s__read(stele_reader *reader, const uint8_t *at, %s "
        "*value)\n{\n",
        shape->name, shape->name);
    if (stele_place_mentions(&body, " end,")) {
        stele_buffer_format(out, "    const uint8_t *const end = reader->end;\n");
    } else if (!stele_place_mentions(&body, "reader") && !shape->recursive) {
        stele_buffer_format(out, "    (void)reader;\n");
    }
    if (body.size == 0) stele_buffer_format(out, "    memset(value, 0, sizeof *value);\n");
    if (stele_place_mentions(&body, "&index")) stele_buffer_format(out, "    int32_t index;\n");
    if (shape->recursive) {
        stele_buffer_format(out, "    if (reader->depth_left-- == 0) return NULL;\n");
    }
    stele_buffer_append(out, stele_buffer_view(&body));
    if (shape->recursive) stele_buffer_format(out, "    reader->depth_left++;\n");
    stele_buffer_format(out, "    return at;\n}\n\n");
}
