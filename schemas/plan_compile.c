/* SPDX-License-Identifier: MIT
 * Compiles values: walks the writer's schema, the reader's schema and the reader's layout side by
 * side and writes the ops that decode one into the other. What cannot be read becomes an op that
 * fails, because data that would get there may never come. */
#include <inttypes.h>
#include <stdlib.h>

#include "core/text.h"
#include "schemas/plan_compiler.h"

static const char *at_path(stele_compiler *c, const char *why)
{
    if (c->path.size == 0) return why;
    return stele_compiler_text(c, "%s: %s", stele_buffer_text(&c->path), why);
}

/* Data that get here fail with `why`; false, as what cannot be read. */
static bool emit_fail(stele_compiler *c, stele_code *to, const char *why)
{
    stele_code_emit(c, to, STELE_OP_FAIL, 0)->why = why;
    c->refusal = at_path(c, why);
    return false;
}

/* How a type is called in a message: "enum shop.State", "long". */
static const char *call(stele_compiler *c, const stele_node *node)
{
    if (node->logical == STELE_LOGICAL_DECIMAL) {
        return stele_compiler_text(c, "%s decimal(%" PRIu32 ", %" PRIu32 ")",
                                   stele_kind_name(node->kind), node->precision, node->scale);
    }
    if (node->kind == STELE_KIND_FIXED) {
        return stele_compiler_text(c, "fixed %s of %" PRIu32 " bytes", node->name,
                                   node->fixed_size);
    }
    if (stele_node_is_named(node)) {
        return stele_compiler_text(c, "%s %s", stele_kind_name(node->kind), node->name);
    }
    return stele_kind_name(node->kind);
}

static bool emit_mismatch(stele_compiler *c, stele_code *to, const stele_node *writer,
                          const stele_node *reader)
{
    return emit_fail(c, to,
                     stele_compiler_text(c, "the writer has %s, which %s cannot be read from",
                                         call(c, writer), call(c, reader)));
}

static size_t push_path(stele_compiler *c, const char *text, bool name)
{
    size_t before = c->path.size;
    stele_buffer_format(&c->path, "%s%s", name && before > 0 ? "." : "", text);
    return before;
}

/* Places. */

static stele_slot slot_of_member(const stele_node *node, const stele_member *member, uint32_t base)
{
    bool optional = member->flag_offset != STELE_NO_FLAG;
    return (stele_slot){.node = node,
                        .layout = member->layout,
                        .offset = base + member->offset,
                        .flag = optional ? base + member->flag_offset : STELE_NO_FLAG,
                        .pointer = member->pointer};
}

static uint32_t size_of(const stele_slot *place)
{
    return place->pointer ? (uint32_t)sizeof(void *) : place->layout->size;
}

/* The place of a branch, once the union is marked as holding it. */
static stele_slot slot_of_branch(const stele_slot *place, size_t branch)
{
    const stele_node *node = place->node->branches[branch];
    if (place->flag == STELE_NO_FLAG) {
        return slot_of_member(node, &place->layout->members[branch], place->offset);
    }
    stele_slot inner = *place;
    inner.node = node;
    inner.flag = STELE_NO_FLAG;
    return inner;
}

/* Mark the reader's union as holding a branch. */
static void emit_branch(stele_compiler *c, stele_code *to, const stele_slot *place, size_t branch)
{
    if (place->flag == STELE_NO_FLAG) {
        stele_op *op = stele_code_emit(c, to, STELE_OP_BRANCH, place->offset);
        op->size = place->layout->size;
        op->branch = (int64_t)branch;
    } else if (place->node->branches[branch]->kind == STELE_KIND_NULL) {
        stele_op *op = stele_code_emit(c, to, STELE_OP_CLEAR, place->offset);
        op->size = size_of(place);
        op->flag = place->flag;
    } else {
        stele_code_emit(c, to, STELE_OP_FLAG, 0)->flag = place->flag;
    }
}

/* Scalars. */

static stele_op_code promotion(stele_kind writer, stele_kind reader)
{
    switch (reader) {
    case STELE_KIND_LONG:
        return STELE_OP_INT_TO_LONG;
    case STELE_KIND_FLOAT:
        return writer == STELE_KIND_INT ? STELE_OP_INT_TO_FLOAT : STELE_OP_LONG_TO_FLOAT;
    default:
        return writer == STELE_KIND_INT    ? STELE_OP_INT_TO_DOUBLE
               : writer == STELE_KIND_LONG ? STELE_OP_LONG_TO_DOUBLE
                                           : STELE_OP_FLOAT_TO_DOUBLE;
    }
}

static void emit_decimal(stele_compiler *c, stele_code *to, const stele_slot *place)
{
    bool wide = place->node->precision > STELE_DECIMAL_PRECISION_MAX;
    bool fixed = place->node->kind == STELE_KIND_FIXED;
    stele_op_code op = fixed ? (wide ? STELE_OP_WIDE_DECIMAL_FIXED : STELE_OP_DECIMAL_FIXED)
                             : (wide ? STELE_OP_WIDE_DECIMAL : STELE_OP_DECIMAL);
    stele_op *emitted = stele_code_emit(c, to, op, place->offset);
    emitted->size = place->node->fixed_size;
    emitted->precision = place->node->precision;
}

static bool compile_text(stele_compiler *c, stele_code *to, const stele_slot *place)
{
    bool checked = place->node->kind == STELE_KIND_STRING && !c->plan->limits.utf8_unchecked;
    if (place->node->logical == STELE_LOGICAL_DECIMAL) {
        emit_decimal(c, to, place);
    } else {
        stele_code_emit(c, to, checked ? STELE_OP_STRING : STELE_OP_BYTES, place->offset);
    }
    return true;
}

static bool compile_fixed(stele_compiler *c, stele_code *to, const stele_slot *place)
{
    if (place->node->logical == STELE_LOGICAL_DECIMAL) {
        emit_decimal(c, to, place);
        return true;
    }
    bool duration = place->node->logical == STELE_LOGICAL_DURATION;
    stele_op_code op = duration ? STELE_OP_DURATION : STELE_OP_FIXED;
    stele_code_emit(c, to, op, place->offset)->size = place->node->fixed_size;
    return true;
}

/* A symbol that the reader lacks is its default's, or an error when it comes. */
static bool compile_enum(stele_compiler *c, stele_code *to, const stele_node *writer,
                         const stele_slot *place)
{
    int32_t *map = stele_compiler_take(c, writer->count, sizeof *map);
    bool same = true;
    for (size_t i = 0; i < writer->count; i++) {
        int64_t index = stele_node_find(place->node, writer->symbols[i]);
        map[i] = (int32_t)(index < 0 ? place->node->standard : index);
        same = same && map[i] == (int32_t)i;
    }
    stele_op *op = stele_code_emit(c, to, STELE_OP_ENUM, place->offset);
    op->size = (uint32_t)writer->count;
    if (!same) op->symbols = map;
    return true;
}

static bool compile_scalar(stele_compiler *c, stele_code *to, const stele_slot *place)
{
    switch (place->node->kind) {
    case STELE_KIND_BOOLEAN:
        stele_code_emit(c, to, STELE_OP_BOOLEAN, place->offset);
        return true;
    case STELE_KIND_INT:
        stele_code_emit(c, to, STELE_OP_INT, place->offset);
        return true;
    case STELE_KIND_LONG:
        stele_code_emit(c, to, STELE_OP_LONG, place->offset);
        return true;
    case STELE_KIND_FLOAT:
        stele_code_emit(c, to, STELE_OP_FLOAT, place->offset);
        return true;
    case STELE_KIND_DOUBLE:
        stele_code_emit(c, to, STELE_OP_DOUBLE, place->offset);
        return true;
    case STELE_KIND_FIXED:
        return compile_fixed(c, to, place);
    default:
        return compile_text(c, to, place);
    }
}

/* Records. */

static void add_pending(stele_compiler *c, const stele_field *field, uint8_t *image,
                        stele_slot place)
{
    size_t count = c->pending_count;
    if ((count & (count - 1)) == 0) {
        c->pendings =
            stele_realloc_array(c->pendings, count == 0 ? 1 : 2 * count, sizeof *c->pendings);
    }
    c->pendings[c->pending_count++] = (stele_pending){field, image, place};
}

/* The image has the value at its beginning and behind it the byte of `has_x`. */
static void emit_default(stele_compiler *c, stele_code *to, const stele_field *field,
                         stele_slot place)
{
    uint32_t size = size_of(&place);
    uint8_t *image = stele_compiler_take(c, (size_t)size + 1, 1);
    stele_op *op = stele_code_emit(c, to, STELE_OP_DEFAULT, place.offset);
    op->size = size;
    op->flag = place.flag;
    op->image = image;
    place.offset = 0;
    if (place.flag != STELE_NO_FLAG) place.flag = size;
    add_pending(c, field, image, place);
}

/* The writer's field that each of the reader's is read from; false if two are. */
static bool match_fields(stele_compiler *c, const stele_node *writer, const stele_node *reader,
                         int64_t *reader_index, bool *found)
{
    for (size_t i = 0; i < writer->count; i++) {
        const char *name = stele_resolve_field_name(&c->resolver, writer, i);
        int64_t index = stele_node_find(reader, name);
        reader_index[i] = index;
        if (index < 0) continue;
        if (found[index]) {
            stele_compiler_give_up(
                c, STELE_E_INCOMPATIBLE,
                at_path(c,
                        stele_compiler_text(c,
                                            "the writer has two fields that %s of %s could be read "
                                            "from; take one of its aliases out",
                                            name, reader->name)));
            return false;
        }
        found[index] = true;
    }
    return true;
}

static void compile_fields(stele_compiler *c, stele_code *to, const stele_node *writer,
                           const stele_slot *place, const int64_t *reader_index, const bool *found,
                           const char **refusal)
{
    const stele_node *reader = place->node;
    for (size_t i = 0; i < writer->count; i++) {
        to->name = writer->fields[i].name;
        if (reader_index[i] < 0) {
            stele_compile_skip(c, to, writer->fields[i].type);
            continue;
        }
        const stele_field *field = &reader->fields[reader_index[i]];
        stele_slot inner = slot_of_member(field->type, &place->layout->members[reader_index[i]], 0);
        to->name = field->name;
        size_t before = push_path(c, field->name, true);
        bool possible = stele_compile_value(c, to, writer->fields[i].type, &inner);
        c->path.size = before;
        if (!possible && *refusal == NULL) *refusal = c->refusal;
    }
    for (size_t i = 0; i < reader->count; i++) {
        if (found[i]) continue;
        to->name = reader->fields[i].name;
        stele_slot inner = slot_of_member(reader->fields[i].type, &place->layout->members[i], 0);
        emit_default(c, to, &reader->fields[i], inner);
    }
    to->name = NULL;
}

static void compile_record(stele_compiler *c, stele_code *to, const stele_node *writer,
                           const stele_slot *place, const char **refusal)
{
    int64_t missing = stele_resolve_missing_field(&c->resolver, writer, place->node);
    if (missing >= 0) {
        emit_fail(c, to,
                  stele_compiler_text(
                      c, "the writer's %s has no field %s, and %s has no default for it",
                      call(c, writer), place->node->fields[missing].name, call(c, place->node)));
        *refusal = c->refusal;
        return;
    }
    int64_t *reader_index = stele_alloc_array(writer->count + 1, sizeof *reader_index);
    bool *found = stele_alloc_array(place->node->count + 1, sizeof *found);
    if (match_fields(c, writer, place->node, reader_index, found)) {
        compile_fields(c, to, writer, place, reader_index, found, refusal);
    }
    free(reader_index);
    free(found);
}

stele_routine *stele_compile_records(stele_compiler *c, const stele_node *writer,
                                     const stele_slot *place)
{
    bool is_new;
    stele_routine *made = stele_compiler_routine(c, writer, place->node, &is_new);
    if (!is_new) return made;
    stele_code inner = {0};
    stele_slot top = {.node = place->node, .layout = place->layout, .flag = STELE_NO_FLAG};
    if (stele_compiler_enter(c)) {
        compile_record(c, &inner, writer, &top, &made->refusal);
        stele_compiler_leave(c);
    }
    stele_code_finish(c, &inner, made->program);
    made->open = false;
    return made;
}

static bool call_routine(stele_compiler *c, stele_code *to, const stele_node *writer,
                         const stele_slot *place)
{
    stele_routine *called = stele_compile_records(c, writer, place);
    stele_op_code op = place->pointer ? STELE_OP_POINTER
                       : called->open ? STELE_OP_RECURSE
                                      : STELE_OP_RECORD;
    stele_op *made = stele_code_emit(c, to, op, place->offset);
    made->size = place->layout->size;
    made->program = called->program;
    c->refusal = called->refusal;
    return called->refusal == NULL;
}

/* Lists. */

/* An array's or map's items have no refusal of their own: an empty one can be read. */
static bool compile_list(stele_compiler *c, stele_code *to, const stele_node *writer,
                         const stele_slot *place)
{
    bool map = writer->kind == STELE_KIND_MAP;
    const stele_layout *layout = place->layout;
    stele_list_plan *list = stele_compiler_take(c, 1, sizeof *list);
    stele_program *program = stele_compiler_take(c, 1, sizeof *program);
    *list = (stele_list_plan){.item = program,
                              .stride = layout->stride,
                              .wire_min = stele_compiler_wire_min(writer->item) + (map ? 1 : 0)};
    stele_op *op = stele_code_emit(c, to, map ? STELE_OP_MAP : STELE_OP_ARRAY, place->offset);
    op->list = list;

    stele_code item = {0};
    if (map)
        stele_code_emit(c, &item, c->plan->limits.utf8_unchecked ? STELE_OP_BYTES : STELE_OP_STRING,
                        0);
    if (stele_compiler_enter(c)) {
        size_t before = push_path(c, map ? "{}" : "[]", false);
        stele_slot inner = slot_of_member(place->node->item, layout->item, 0);
        stele_compile_value(c, &item, writer->item, &inner);
        c->path.size = before;
        stele_compiler_leave(c);
    }
    /* An item that is a record lies as its own program expects it. */
    const stele_op *only = item.count == 1 ? &item.ops[0] : NULL;
    if (only != NULL && only->code == STELE_OP_RECORD && only->offset == 0) {
        list->item = only->program;
    }
    stele_code_finish(c, &item, program);
    return true;
}

/* Unions. */

/* null|T onto null|T, the case that deserves its own op; false if it is not that. */
static bool compile_optional(stele_compiler *c, stele_code *to, const stele_node *writer,
                             const stele_slot *place, bool *possible)
{
    size_t null_index;
    if (place->flag == STELE_NO_FLAG || !stele_node_is_optional(writer, &null_index)) return false;
    size_t reader_null;
    stele_node_is_optional(place->node, &reader_null);
    const stele_node *value = writer->branches[1 - null_index];
    bool straight =
        stele_resolve_unions_alike(&c->resolver, writer, place->node) ||
        stele_resolve_branch(&c->resolver, value, place->node) == (int64_t)(1 - reader_null);
    if (!straight) return false;

    size_t start = to->count;
    stele_op *op = stele_code_emit(c, to, STELE_OP_OPTIONAL, place->offset);
    op->branch8 = (uint8_t)null_index;
    op->size = size_of(place);
    op->flag = place->flag;
    stele_slot inner = slot_of_branch(place, 1 - reader_null);
    stele_compile_value(c, to, value, &inner);
    size_t passed = to->count - start - 1;
    if (passed > UINT16_MAX) stele_compiler_give_up(c, STELE_E_LIMIT, "a value of too many parts");
    to->ops[start].run = (uint16_t)passed;
    *possible = true; /* null can be read */
    return true;
}

/* A union of the writer's: one program for each of its branches. */
static bool compile_writer_union(stele_compiler *c, stele_code *to, const stele_node *writer,
                                 const stele_slot *place)
{
    bool possible = false;
    if (compile_optional(c, to, writer, place, &possible)) return possible;

    bool alike = stele_resolve_unions_alike(&c->resolver, writer, place->node);
    stele_program *programs = stele_compiler_take(c, writer->count, sizeof *programs);
    const stele_program **table = stele_compiler_take(c, writer->count, sizeof *table);
    const char *refusal = NULL;
    for (size_t i = 0; i < writer->count; i++) {
        stele_code branch = {0};
        bool readable;
        if (alike) {
            emit_branch(c, &branch, place, i);
            stele_slot inner = slot_of_branch(place, i);
            readable = writer->branches[i]->kind == STELE_KIND_NULL ||
                       stele_compile_value(c, &branch, writer->branches[i], &inner);
        } else {
            readable = stele_compile_value(c, &branch, writer->branches[i], place);
        }
        stele_code_finish(c, &branch, &programs[i]);
        table[i] = &programs[i];
        possible = possible || readable;
        if (!readable) refusal = c->refusal;
    }
    stele_op *op = stele_code_emit(c, to, STELE_OP_UNION, 0);
    op->size = (uint32_t)writer->count;
    op->programs = table;
    c->refusal = refusal;
    return possible;
}

/* A union of the reader's only: its branch is known now. */
static bool compile_reader_union(stele_compiler *c, stele_code *to, const stele_node *writer,
                                 const stele_slot *place)
{
    int64_t branch = stele_resolve_branch(&c->resolver, writer, place->node);
    if (branch < 0) {
        return emit_fail(c, to,
                         stele_compiler_text(c,
                                             "the writer has %s, which is none of the %zu branches "
                                             "of the reader's union",
                                             call(c, writer), place->node->count));
    }
    emit_branch(c, to, place, (size_t)branch);
    if (writer->kind == STELE_KIND_NULL) return true;
    stele_slot inner = slot_of_branch(place, (size_t)branch);
    return stele_compile_value(c, to, writer, &inner);
}

/* Any value. */

static bool compile_same_kind(stele_compiler *c, stele_code *to, const stele_node *writer,
                              const stele_slot *place)
{
    switch (writer->kind) {
    case STELE_KIND_NULL:
        stele_code_emit(c, to, STELE_OP_NULL, place->offset);
        return true;
    case STELE_KIND_FIXED:
        if (!stele_resolve_names_match(&c->resolver, writer, place->node) ||
            stele_resolve_decimals_differ(writer, place->node)) {
            return emit_mismatch(c, to, writer, place->node);
        }
        return compile_fixed(c, to, place);
    case STELE_KIND_ENUM:
        if (!stele_resolve_names_match(&c->resolver, writer, place->node)) {
            return emit_mismatch(c, to, writer, place->node);
        }
        return compile_enum(c, to, writer, place);
    case STELE_KIND_RECORD:
        return call_routine(c, to, writer, place);
    case STELE_KIND_ARRAY:
    case STELE_KIND_MAP:
        return compile_list(c, to, writer, place);
    default:
        if (stele_resolve_decimals_differ(writer, place->node)) {
            return emit_mismatch(c, to, writer, place->node);
        }
        return compile_scalar(c, to, place);
    }
}

bool stele_compile_value(stele_compiler *c, stele_code *to, const stele_node *writer,
                         const stele_slot *place)
{
    if (!stele_compiler_enter(c)) return true;
    bool possible;
    stele_kind reader = place->node->kind;
    if (writer->kind == STELE_KIND_UNION) {
        possible = compile_writer_union(c, to, writer, place);
    } else if (writer->kind == reader) {
        possible = compile_same_kind(c, to, writer, place);
    } else if (reader == STELE_KIND_UNION) {
        possible = compile_reader_union(c, to, writer, place);
    } else if (!stele_resolve_promotes(writer->kind, reader)) {
        possible = emit_mismatch(c, to, writer, place->node);
    } else if (reader == STELE_KIND_STRING || reader == STELE_KIND_BYTES) {
        possible = compile_text(c, to, place);
    } else {
        stele_code_emit(c, to, promotion(writer->kind, reader), place->offset);
        possible = true;
    }
    stele_compiler_leave(c);
    return possible;
}
