/* SPDX-License-Identifier: MIT
 * Compiles a plan: walks the writer's schema, the reader's schema and the reader's layout side by
 * side and writes the ops that decode one into the other. What cannot be read becomes an op that
 * fails, because data that would get there may never come; a pair whose every datum would fail is
 * refused. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "schemas/default.h"
#include "schemas/plan.h"
#include "schemas/resolve.h"
#include "schemas/schema_object.h"
#include "schemas/scopes.h"

enum {
    OPS_MAX = 1000000,
    NESTING_MAX = 1000,
    DEPTH_DEFAULT = 64,
    ITEMS_DEFAULT = 1000000,
    MEMORY_DEFAULT = 64 * 1024 * 1024,
};

/* Where the reader keeps a value: the node that says what it is, and its place in the struct. */
typedef struct slot {
    const stele_node *node;
    const stele_layout *layout; /* of null|T that of T */
    uint32_t offset;
    uint32_t flag;
    bool pointer;
} slot;

/* A program while it grows. */
typedef struct code {
    stele_op *ops;
    const char **names;
    size_t count;
    size_t room;
    const char *name; /* the field that the next ops read; NULL: none */
} code;

/* A program that is compiled once for a pair, and maybe called while it is being compiled. */
typedef struct routine {
    stele_program *program;
    const char *refusal; /* why no datum can be read; NULL: some can */
    bool open;
} routine;

/* A default whose image is filled in when all programs are there. */
typedef struct pending {
    const stele_field *field;
    uint8_t *image;
    slot place;
} pending;

typedef struct compiler {
    stele_plan *plan;
    stele_resolver resolver;
    stele_table *routines; /* pair of nodes -> routine */
    pending *pendings;
    size_t pending_count;
    size_t ops_left;
    unsigned nesting_left;
    stele_buffer path;
    const char *refusal; /* of what was compiled last, if no datum can be read */
    stele_status status;
    stele_error *err;
} compiler;

static bool compile_value(compiler *c, code *to, const stele_node *writer, const slot *place);
static void compile_skip(compiler *c, code *to, const stele_node *writer);

static void *take(compiler *c, size_t count, size_t size)
{
    void *memory = stele_arena_take(c->plan->memory, count * size);
    memset(memory, 0, count * size);
    return memory;
}

/* Give up; the rest of the compilation is worthless but harmless. */
static void give_up(compiler *c, stele_status status, const char *why)
{
    if (c->status < 0) return;
    c->status = stele_fail(c->err, status, STELE_NEXT_REJECT, "%s", why);
}

static bool enter(compiler *c)
{
    if (c->nesting_left == 0 || c->ops_left == 0 || stele_resolver_is_spent(&c->resolver)) {
        give_up(c, STELE_E_LIMIT, "these two schemas take too much work to resolve");
    }
    if (c->status < 0) return false;
    c->nesting_left--;
    return true;
}

static void leave(compiler *c)
{
    c->nesting_left++;
}

/* Ops. */

static stele_op *emit(compiler *c, code *to, stele_op_code op, uint32_t offset)
{
    if (to->count == to->room) {
        to->room = to->room == 0 ? 16 : 2 * to->room;
        to->ops = stele_realloc_array(to->ops, to->room, sizeof *to->ops);
        to->names = stele_realloc_array(to->names, to->room, sizeof *to->names);
    }
    if (c->ops_left > 0) c->ops_left--;
    stele_op *made = &to->ops[to->count];
    *made = (stele_op){.code = (uint8_t)op, .run = 1, .offset = offset, .flag = STELE_NO_FLAG};
    to->names[to->count++] = to->name;
    return made;
}

/* Note runs: from each scalar op, how many of its code follow. Those that an OPTIONAL may pass
 * stand alone. */
static void note_runs(code *from)
{
    for (size_t i = from->count; i-- > 0;) {
        stele_op *op = &from->ops[i];
        if (op->code == STELE_OP_OPTIONAL) {
            for (size_t k = i + 1; k <= i + op->run; k++) {
                if (from->ops[k].code <= STELE_OP_RUN_LAST) from->ops[k].run = 1;
            }
        } else if (op->code <= STELE_OP_RUN_LAST && op->code != STELE_OP_END) {
            const stele_op *next = op + 1;
            if (next->code == op->code && next->run < UINT16_MAX) {
                op->run = (uint16_t)(next->run + 1);
            }
        }
    }
}

/* Close the code with an END and keep it in the plan's memory. */
static void finish(compiler *c, code *from, stele_program *program)
{
    emit(c, from, STELE_OP_END, 0);
    note_runs(from);
    stele_op *ops = take(c, from->count, sizeof *ops);
    const char **names = take(c, from->count, sizeof *names);
    memcpy(ops, from->ops, from->count * sizeof *ops);
    memcpy(names, from->names, from->count * sizeof *names);
    program->ops = ops;
    program->names = names;
    free(from->ops);
    free(from->names);
    *from = (code){0};
}

/* Refusals. */

static STELE_PRINTF(2, 3) const char *keep_text(compiler *c, const char *format, ...)
{
    char text[sizeof c->err->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char *kept = take(c, strlen(text) + 1, 1);
    memcpy(kept, text, strlen(text));
    return kept;
}

static const char *at_path(compiler *c, const char *why)
{
    if (c->path.size == 0) return why;
    return keep_text(c, "%s: %s", stele_buffer_text(&c->path), why);
}

/* Data that get here fail with `why`; false, as what cannot be read. */
static bool emit_fail(compiler *c, code *to, const char *why)
{
    emit(c, to, STELE_OP_FAIL, 0)->why = why;
    c->refusal = at_path(c, why);
    return false;
}

/* How a type is called in a message: "enum shop.State", "long". */
static const char *call(compiler *c, const stele_node *node)
{
    if (node->logical == STELE_LOGICAL_DECIMAL) {
        return keep_text(c, "%s decimal(%" PRIu32 ", %" PRIu32 ")", stele_kind_name(node->kind),
                         node->precision, node->scale);
    }
    if (node->kind == STELE_KIND_FIXED) {
        return keep_text(c, "fixed %s of %" PRIu32 " bytes", node->name, node->fixed_size);
    }
    if (stele_node_is_named(node)) {
        return keep_text(c, "%s %s", stele_kind_name(node->kind), node->name);
    }
    return stele_kind_name(node->kind);
}

static bool emit_mismatch(compiler *c, code *to, const stele_node *writer, const stele_node *reader)
{
    return emit_fail(c, to,
                     keep_text(c, "the writer has %s, which %s cannot be read from",
                               call(c, writer), call(c, reader)));
}

static size_t push_path(compiler *c, const char *text, bool name)
{
    size_t before = c->path.size;
    stele_buffer_format(&c->path, "%s%s", name && before > 0 ? "." : "", text);
    return before;
}

/* Places. */

static slot slot_of_member(const stele_node *node, const stele_member *member, uint32_t base)
{
    bool optional = member->flag_offset != STELE_NO_FLAG;
    return (slot){.node = node,
                  .layout = member->layout,
                  .offset = base + member->offset,
                  .flag = optional ? base + member->flag_offset : STELE_NO_FLAG,
                  .pointer = member->pointer};
}

static uint32_t size_of(const slot *place)
{
    return place->pointer ? (uint32_t)sizeof(void *) : place->layout->size;
}

/* The place of a branch, once the union is marked as holding it. */
static slot slot_of_branch(const slot *place, size_t branch)
{
    const stele_node *node = place->node->branches[branch];
    if (place->flag == STELE_NO_FLAG) {
        return slot_of_member(node, &place->layout->members[branch], place->offset);
    }
    slot inner = *place;
    inner.node = node;
    inner.flag = STELE_NO_FLAG;
    return inner;
}

/* Mark the reader's union as holding a branch. */
static void emit_branch(compiler *c, code *to, const slot *place, size_t branch)
{
    if (place->flag == STELE_NO_FLAG) {
        stele_op *op = emit(c, to, STELE_OP_BRANCH, place->offset);
        op->size = place->layout->size;
        op->branch = (int64_t)branch;
    } else if (place->node->branches[branch]->kind == STELE_KIND_NULL) {
        stele_op *op = emit(c, to, STELE_OP_CLEAR, place->offset);
        op->size = size_of(place);
        op->flag = place->flag;
    } else {
        emit(c, to, STELE_OP_FLAG, 0)->flag = place->flag;
    }
}

/* A null that has a place of its own; as a union's branch it has none. */
static void emit_null(compiler *c, code *to, const slot *place, bool in_union)
{
    if (!in_union) emit(c, to, STELE_OP_NULL, place->offset);
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

static bool is_decimal64(const stele_node *node)
{
    return node->logical == STELE_LOGICAL_DECIMAL && node->precision <= 18;
}

static bool compile_text(compiler *c, code *to, const slot *place)
{
    stele_op_code op = STELE_OP_BYTES;
    if (place->node->kind == STELE_KIND_STRING && !c->plan->limits.utf8_unchecked) {
        op = STELE_OP_STRING;
    } else if (is_decimal64(place->node)) {
        op = STELE_OP_DECIMAL;
    }
    emit(c, to, op, place->offset);
    return true;
}

static bool compile_fixed(compiler *c, code *to, const slot *place)
{
    stele_op_code op = is_decimal64(place->node)                        ? STELE_OP_DECIMAL_FIXED
                       : place->node->logical == STELE_LOGICAL_DURATION ? STELE_OP_DURATION
                                                                        : STELE_OP_FIXED;
    emit(c, to, op, place->offset)->size = place->node->fixed_size;
    return true;
}

/* A symbol that the reader lacks is its default's, or an error when it comes. */
static bool compile_enum(compiler *c, code *to, const stele_node *writer, const slot *place)
{
    int32_t *map = take(c, writer->count, sizeof *map);
    bool same = true;
    for (size_t i = 0; i < writer->count; i++) {
        int64_t index = stele_node_find(place->node, writer->symbols[i]);
        map[i] = (int32_t)(index < 0 ? place->node->standard : index);
        same = same && map[i] == (int32_t)i;
    }
    stele_op *op = emit(c, to, STELE_OP_ENUM, place->offset);
    op->size = (uint32_t)writer->count;
    if (!same) op->symbols = map;
    return true;
}

static bool compile_scalar(compiler *c, code *to, const slot *place)
{
    switch (place->node->kind) {
    case STELE_KIND_BOOLEAN:
        emit(c, to, STELE_OP_BOOLEAN, place->offset);
        return true;
    case STELE_KIND_INT:
        emit(c, to, STELE_OP_INT, place->offset);
        return true;
    case STELE_KIND_LONG:
        emit(c, to, STELE_OP_LONG, place->offset);
        return true;
    case STELE_KIND_FLOAT:
        emit(c, to, STELE_OP_FLOAT, place->offset);
        return true;
    case STELE_KIND_DOUBLE:
        emit(c, to, STELE_OP_DOUBLE, place->offset);
        return true;
    case STELE_KIND_FIXED:
        return compile_fixed(c, to, place);
    default:
        return compile_text(c, to, place);
    }
}

/* Records. */

static routine *find_routine(compiler *c, const stele_node *writer, const stele_node *reader,
                             bool *is_new)
{
    const void *pair[2] = {writer, reader};
    routine **found = stele_table_insert(c->routines, stele_bytes_of(pair, sizeof pair), is_new);
    if (*is_new) {
        *found = take(c, 1, sizeof **found);
        (*found)->program = take(c, 1, sizeof *(*found)->program);
        (*found)->open = true;
    }
    return *found;
}

static void add_pending(compiler *c, const stele_field *field, uint8_t *image, slot place)
{
    size_t count = c->pending_count;
    if ((count & (count - 1)) == 0) {
        c->pendings =
            stele_realloc_array(c->pendings, count == 0 ? 1 : 2 * count, sizeof *c->pendings);
    }
    c->pendings[c->pending_count++] = (pending){field, image, place};
}

/* The image has the value at its beginning and behind it the byte of `has_x`. */
static void emit_default(compiler *c, code *to, const stele_field *field, slot place)
{
    uint32_t size = size_of(&place);
    uint8_t *image = take(c, (size_t)size + 1, 1);
    stele_op *op = emit(c, to, STELE_OP_DEFAULT, place.offset);
    op->size = size;
    op->flag = place.flag;
    op->image = image;
    place.offset = 0;
    if (place.flag != STELE_NO_FLAG) place.flag = size;
    add_pending(c, field, image, place);
}

/* The writer's field that each of the reader's is read from; false if two are. */
static bool match_fields(compiler *c, const stele_node *writer, const stele_node *reader,
                         int64_t *reader_index, bool *found)
{
    for (size_t i = 0; i < writer->count; i++) {
        const char *name = stele_resolve_field_name(&c->resolver, writer, i);
        int64_t index = stele_node_find(reader, name);
        reader_index[i] = index;
        if (index < 0) continue;
        if (found[index]) {
            give_up(c, STELE_E_INCOMPATIBLE,
                    at_path(c, keep_text(c,
                                         "the writer has two fields that %s of %s could be read "
                                         "from; take one of its aliases out",
                                         name, reader->name)));
            return false;
        }
        found[index] = true;
    }
    return true;
}

static void compile_fields(compiler *c, code *to, const stele_node *writer, const slot *place,
                           const int64_t *reader_index, const bool *found, const char **refusal)
{
    const stele_node *reader = place->node;
    for (size_t i = 0; i < writer->count; i++) {
        to->name = writer->fields[i].name;
        if (reader_index[i] < 0) {
            compile_skip(c, to, writer->fields[i].type);
            continue;
        }
        const stele_field *field = &reader->fields[reader_index[i]];
        slot inner = slot_of_member(field->type, &place->layout->members[reader_index[i]], 0);
        to->name = field->name;
        size_t before = push_path(c, field->name, true);
        bool possible = compile_value(c, to, writer->fields[i].type, &inner);
        c->path.size = before;
        if (!possible && *refusal == NULL) *refusal = c->refusal;
    }
    for (size_t i = 0; i < reader->count; i++) {
        if (found[i]) continue;
        to->name = reader->fields[i].name;
        slot inner = slot_of_member(reader->fields[i].type, &place->layout->members[i], 0);
        emit_default(c, to, &reader->fields[i], inner);
    }
    to->name = NULL;
}

static void compile_record(compiler *c, code *to, const stele_node *writer, const slot *place,
                           const char **refusal)
{
    int64_t missing = stele_resolve_missing_field(&c->resolver, writer, place->node);
    if (missing >= 0) {
        emit_fail(c, to,
                  keep_text(c, "the writer's %s has no field %s, and %s has no default for it",
                            call(c, writer), place->node->fields[missing].name,
                            call(c, place->node)));
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

/* The routine of a pair of records, compiled if it is new. */
static routine *compile_routine(compiler *c, const stele_node *writer, const slot *place)
{
    bool is_new;
    routine *made = find_routine(c, writer, place->node, &is_new);
    if (!is_new) return made;
    code inner = {0};
    slot top = {.node = place->node, .layout = place->layout, .flag = STELE_NO_FLAG};
    if (enter(c)) {
        compile_record(c, &inner, writer, &top, &made->refusal);
        leave(c);
    }
    finish(c, &inner, made->program);
    made->open = false;
    return made;
}

static bool call_routine(compiler *c, code *to, const stele_node *writer, const slot *place)
{
    routine *called = compile_routine(c, writer, place);
    stele_op_code op = place->pointer ? STELE_OP_POINTER
                       : called->open ? STELE_OP_RECURSE
                                      : STELE_OP_RECORD;
    stele_op *made = emit(c, to, op, place->offset);
    made->size = place->layout->size;
    made->program = called->program;
    c->refusal = called->refusal;
    return called->refusal == NULL;
}

/* Lists. */

/* The fewest bytes that a datum takes; a record's is not looked into deeper than pays off. */
static uint32_t wire_min(const stele_node *node, unsigned left)
{
    uint32_t sum = 0;
    switch (node->kind) {
    case STELE_KIND_NULL:
        return 0;
    case STELE_KIND_FLOAT:
        return 4;
    case STELE_KIND_DOUBLE:
        return 8;
    case STELE_KIND_FIXED:
        return node->fixed_size;
    case STELE_KIND_RECORD:
        for (size_t i = 0; i < node->count && left > 0 && sum < 4096; i++)
            sum += wire_min(node->fields[i].type, left - 1);
        return sum;
    default:
        return 1;
    }
}

enum { WIRE_MIN_DEPTH = 3 };

/* An array's or map's items have no refusal of their own: an empty one can be read. */
static bool compile_list(compiler *c, code *to, const stele_node *writer, const slot *place)
{
    bool map = writer->kind == STELE_KIND_MAP;
    const stele_layout *layout = place->layout;
    stele_list_plan *list = take(c, 1, sizeof *list);
    stele_program *program = take(c, 1, sizeof *program);
    *list = (stele_list_plan){.item = program,
                              .stride = layout->stride,
                              .wire_min = wire_min(writer->item, WIRE_MIN_DEPTH) + (map ? 1 : 0)};
    stele_op *op = emit(c, to, map ? STELE_OP_MAP : STELE_OP_ARRAY, place->offset);
    op->list = list;

    code item = {0};
    if (map) emit(c, &item, c->plan->limits.utf8_unchecked ? STELE_OP_BYTES : STELE_OP_STRING, 0);
    if (enter(c)) {
        size_t before = push_path(c, map ? "{}" : "[]", false);
        slot inner = slot_of_member(place->node->item, layout->item, 0);
        compile_value(c, &item, writer->item, &inner);
        c->path.size = before;
        leave(c);
    }
    /* An item that is a record lies as its own program expects it. */
    const stele_op *only = item.count == 1 ? &item.ops[0] : NULL;
    if (only != NULL && only->code == STELE_OP_RECORD && only->offset == 0) {
        list->item = only->program;
    }
    finish(c, &item, program);
    return true;
}

/* Unions. */

/* null|T onto null|T, the case that deserves its own op; false if it is not that. */
static bool compile_optional(compiler *c, code *to, const stele_node *writer, const slot *place,
                             bool *possible)
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
    stele_op *op = emit(c, to, STELE_OP_OPTIONAL, place->offset);
    op->branch8 = (uint8_t)null_index;
    op->size = size_of(place);
    op->flag = place->flag;
    slot inner = slot_of_branch(place, 1 - reader_null);
    compile_value(c, to, value, &inner);
    size_t passed = to->count - start - 1;
    if (passed > UINT16_MAX) give_up(c, STELE_E_LIMIT, "a value of too many parts");
    to->ops[start].run = (uint16_t)passed;
    *possible = true; /* null can be read */
    return true;
}

/* A union of the writer's: one program for each of its branches. */
static bool compile_writer_union(compiler *c, code *to, const stele_node *writer, const slot *place)
{
    bool possible = false;
    if (compile_optional(c, to, writer, place, &possible)) return possible;

    bool alike = stele_resolve_unions_alike(&c->resolver, writer, place->node);
    stele_program *programs = take(c, writer->count, sizeof *programs);
    const stele_program **table = take(c, writer->count, sizeof *table);
    const char *refusal = NULL;
    for (size_t i = 0; i < writer->count; i++) {
        code branch = {0};
        bool readable;
        if (alike) {
            emit_branch(c, &branch, place, i);
            slot inner = slot_of_branch(place, i);
            readable = writer->branches[i]->kind == STELE_KIND_NULL ||
                       compile_value(c, &branch, writer->branches[i], &inner);
        } else {
            readable = compile_value(c, &branch, writer->branches[i], place);
        }
        finish(c, &branch, &programs[i]);
        table[i] = &programs[i];
        possible = possible || readable;
        if (!readable) refusal = c->refusal;
    }
    stele_op *op = emit(c, to, STELE_OP_UNION, 0);
    op->size = (uint32_t)writer->count;
    op->programs = table;
    c->refusal = refusal;
    return possible;
}

/* A union of the reader's only: its branch is known now. */
static bool compile_reader_union(compiler *c, code *to, const stele_node *writer, const slot *place)
{
    int64_t branch = stele_resolve_branch(&c->resolver, writer, place->node);
    if (branch < 0) {
        return emit_fail(c, to,
                         keep_text(c,
                                   "the writer has %s, which is none of the %zu branches "
                                   "of the reader's union",
                                   call(c, writer), place->node->count));
    }
    emit_branch(c, to, place, (size_t)branch);
    if (writer->kind == STELE_KIND_NULL) return true;
    slot inner = slot_of_branch(place, (size_t)branch);
    return compile_value(c, to, writer, &inner);
}

/* Any value. */

static bool compile_same_kind(compiler *c, code *to, const stele_node *writer, const slot *place)
{
    switch (writer->kind) {
    case STELE_KIND_NULL:
        emit_null(c, to, place, false);
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

static bool compile_value(compiler *c, code *to, const stele_node *writer, const slot *place)
{
    if (!enter(c)) return true;
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
        emit(c, to, promotion(writer->kind, reader), place->offset);
        possible = true;
    }
    leave(c);
    return possible;
}

/* Skips. */

static void skip_record(compiler *c, code *to, const stele_node *writer)
{
    bool is_new;
    routine *made = find_routine(c, writer, NULL, &is_new);
    if (is_new) {
        code inner = {0};
        for (size_t i = 0; i < writer->count; i++) {
            inner.name = writer->fields[i].name;
            compile_skip(c, &inner, writer->fields[i].type);
        }
        inner.name = NULL;
        finish(c, &inner, made->program);
        made->open = false;
    }
    emit(c, to, made->open ? STELE_OP_RECURSE : STELE_OP_RECORD, 0)->program = made->program;
}

static void skip_list(compiler *c, code *to, const stele_node *writer)
{
    bool map = writer->kind == STELE_KIND_MAP;
    stele_list_plan *list = take(c, 1, sizeof *list);
    stele_program *program = take(c, 1, sizeof *program);
    *list = (stele_list_plan){.item = program,
                              .wire_min = wire_min(writer->item, WIRE_MIN_DEPTH) + (map ? 1 : 0)};
    emit(c, to, STELE_OP_SKIP_LIST, 0)->list = list;
    code item = {0};
    if (map) emit(c, &item, STELE_OP_SKIP_BYTES, 0);
    compile_skip(c, &item, writer->item);
    finish(c, &item, program);
}

static void skip_union(compiler *c, code *to, const stele_node *writer)
{
    stele_program *programs = take(c, writer->count, sizeof *programs);
    const stele_program **table = take(c, writer->count, sizeof *table);
    for (size_t i = 0; i < writer->count; i++) {
        code branch = {0};
        compile_skip(c, &branch, writer->branches[i]);
        finish(c, &branch, &programs[i]);
        table[i] = &programs[i];
    }
    stele_op *op = emit(c, to, STELE_OP_UNION, 0);
    op->size = (uint32_t)writer->count;
    op->programs = table;
}

static void compile_skip(compiler *c, code *to, const stele_node *writer)
{
    if (!enter(c)) return;
    switch (writer->kind) {
    case STELE_KIND_NULL:
        break;
    case STELE_KIND_BOOLEAN:
        emit(c, to, STELE_OP_SKIP_BOOLEAN, 0);
        break;
    case STELE_KIND_INT:
        emit(c, to, STELE_OP_SKIP_INT, 0);
        break;
    case STELE_KIND_LONG:
        emit(c, to, STELE_OP_SKIP_LONG, 0);
        break;
    case STELE_KIND_FLOAT:
        emit(c, to, STELE_OP_SKIP_FIXED, 0)->size = 4;
        break;
    case STELE_KIND_DOUBLE:
        emit(c, to, STELE_OP_SKIP_FIXED, 0)->size = 8;
        break;
    case STELE_KIND_FIXED:
        emit(c, to, STELE_OP_SKIP_FIXED, 0)->size = writer->fixed_size;
        break;
    case STELE_KIND_ENUM:
        emit(c, to, STELE_OP_SKIP_ENUM, 0)->size = (uint32_t)writer->count;
        break;
    case STELE_KIND_ARRAY:
    case STELE_KIND_MAP:
        skip_list(c, to, writer);
        break;
    case STELE_KIND_RECORD:
        skip_record(c, to, writer);
        break;
    case STELE_KIND_UNION:
        skip_union(c, to, writer);
        break;
    default:
        emit(c, to, STELE_OP_SKIP_BYTES, 0);
        break;
    }
    leave(c);
}

/* Defaults: each is encoded, and decoded into its image by a program of its own type. */

static stele_status fill_image(compiler *c, const pending *p, size_t *steps_left)
{
    STELE_AUTO_VALUE(stele_buffer) datum = {0};
    stele_status status =
        stele_default_encode(p->field->type, p->field->standard, steps_left, &datum, c->err);
    if (status < 0) return status;
    /* Views in the image point into this copy. */
    uint8_t *kept = take(c, datum.size + 1, 1);
    if (datum.size > 0) memcpy(kept, datum.data, datum.size);

    code own = {0};
    stele_program *program = take(c, 1, sizeof *program);
    compile_value(c, &own, p->field->type, &p->place);
    finish(c, &own, program);
    if (c->status < 0) return c->status;
    return stele_program_run(program, &c->plan->limits, stele_bytes_of(kept, datum.size), p->image,
                             c->plan->memory, c->err);
}

static stele_status fill_images(compiler *c)
{
    size_t steps_left = STELE_DEFAULT_STEPS_MAX;
    stele_resolver_drop_aliases(&c->resolver);
    for (size_t i = 0; i < c->pending_count; i++) {
        stele_status status = fill_image(c, &c->pendings[i], &steps_left);
        if (status < 0) return status;
    }
    return STELE_OK;
}

static stele_status compile(compiler *c)
{
    stele_plan *plan = c->plan;
    slot top = {.node = stele_schema_root(plan->reader),
                .layout = plan->type->layout,
                .flag = STELE_NO_FLAG};
    const stele_node *writer = stele_schema_root(plan->writer);
    bool possible;
    if (writer->kind == STELE_KIND_RECORD && top.node->kind == STELE_KIND_RECORD) {
        routine *whole = compile_routine(c, writer, &top);
        plan->program = whole->program;
        possible = whole->refusal == NULL;
        c->refusal = whole->refusal;
    } else {
        code whole = {0};
        stele_program *program = take(c, 1, sizeof *program);
        possible = compile_value(c, &whole, writer, &top);
        finish(c, &whole, program);
        plan->program = program;
    }
    if (c->status < 0) return c->status;
    if (!possible) {
        return stele_fail(c->err, STELE_E_INCOMPATIBLE, STELE_NEXT_REJECT, "%s", c->refusal);
    }
    return fill_images(c);
}

static stele_codec_limits limits_of(const stele_codec_limits *given)
{
    stele_codec_limits limits = given == NULL ? (stele_codec_limits){0} : *given;
    if (limits.depth_max == 0) limits.depth_max = DEPTH_DEFAULT;
    if (limits.items_max == 0) limits.items_max = ITEMS_DEFAULT;
    if (limits.memory_max == 0) limits.memory_max = MEMORY_DEFAULT;
    return limits;
}

/* Generated code has the default limits compiled in. */
static bool has_default_limits(const stele_codec_limits *limits)
{
    return limits->depth_max == DEPTH_DEFAULT && limits->items_max == ITEMS_DEFAULT &&
           limits->memory_max == MEMORY_DEFAULT && !limits->utf8_unchecked;
}

stele_status stele_plan_new(const stele_schema *writer, const stele_type *reader,
                            const stele_codec_limits *limits, stele_plan **out, stele_error *err)
{
    stele_error ignored;
    if (err == NULL) err = &ignored;
    STELE_AUTO(stele_plan) plan = stele_alloc(sizeof *plan);
    plan->memory = stele_arena_new();
    plan->type = reader;
    plan->limits = limits_of(limits);
    plan->writer = stele_schema_retain(writer);
    /* It was parsed before, maybe in parts and with other limits. */
    stele_schema_options options = {.name = reader->name,
                                    .text_max = SIZE_MAX,
                                    .nodes_max = SIZE_MAX,
                                    .depth_max = NESTING_MAX};
    stele_status status =
        stele_schema_parse(stele_text(reader->schema), &options, &plan->reader, err);
    if (status < 0) return status;
    /* Aliases say how to read other schemas; one that is the same needs none. */
    bool equal =
        stele_node_equal(stele_schema_root(writer), stele_schema_root(plan->reader), false);
    plan->direct = equal && reader->decode != NULL && has_default_limits(&plan->limits);

    if (plan->direct) {
        *out = plan;
        plan = NULL;
        return STELE_OK;
    }
    compiler c = {.plan = plan,
                  .routines = stele_table_new(sizeof(routine *), 0),
                  .ops_left = OPS_MAX,
                  .nesting_left = NESTING_MAX,
                  .err = err};
    stele_resolver_init(&c.resolver, equal ? NULL : stele_schema_root(plan->reader));
    status = compile(&c);
    stele_resolver_clear(&c.resolver);
    stele_table_free(c.routines);
    stele_buffer_clear(&c.path);
    free(c.pendings);
    if (status < 0) return status;

    *out = plan;
    plan = NULL;
    return STELE_OK;
}

void stele_plan_free(stele_plan *plan)
{
    if (plan == NULL) return;
    stele_arena_free(plan->memory);
    stele_schema_free(plan->writer);
    stele_schema_free(plan->reader);
    free(plan);
}
