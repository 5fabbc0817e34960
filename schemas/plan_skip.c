/* SPDX-License-Identifier: MIT
 * Ops that pass over what the writer has and the reader does not want. */

#include "schemas/plan_compiler.h"

static void skip_record(stele_compiler *c, stele_code *to, const stele_node *writer)
{
    bool is_new;
    stele_routine *made = stele_compiler_routine(c, writer, NULL, &is_new);
    if (is_new) {
        stele_code inner = {0};
        for (size_t i = 0; i < writer->count; i++) {
            inner.name = writer->fields[i].name;
            stele_compile_skip(c, &inner, writer->fields[i].type);
        }
        inner.name = NULL;
        stele_code_finish(c, &inner, made->program);
        made->open = false;
    }
    stele_code_emit(c, to, made->open ? STELE_OP_RECURSE : STELE_OP_RECORD, 0)->program =
        made->program;
}

static void skip_list(stele_compiler *c, stele_code *to, const stele_node *writer)
{
    bool map = writer->kind == STELE_KIND_MAP;
    stele_list_plan *list = stele_compiler_take(c, 1, sizeof *list);
    stele_program *program = stele_compiler_take(c, 1, sizeof *program);
    *list = (stele_list_plan){.item = program,
                              .wire_min = stele_compiler_wire_min(writer->item) + (map ? 1 : 0)};
    stele_code_emit(c, to, STELE_OP_SKIP_LIST, 0)->list = list;
    stele_code item = {0};
    if (map) stele_code_emit(c, &item, STELE_OP_SKIP_BYTES, 0);
    stele_compile_skip(c, &item, writer->item);
    stele_code_finish(c, &item, program);
}

static void skip_union(stele_compiler *c, stele_code *to, const stele_node *writer)
{
    stele_program *programs = stele_compiler_take(c, writer->count, sizeof *programs);
    const stele_program **table = stele_compiler_take(c, writer->count, sizeof *table);
    for (size_t i = 0; i < writer->count; i++) {
        stele_code branch = {0};
        stele_compile_skip(c, &branch, writer->branches[i]);
        stele_code_finish(c, &branch, &programs[i]);
        table[i] = &programs[i];
    }
    stele_op *op = stele_code_emit(c, to, STELE_OP_UNION, 0);
    op->size = (uint32_t)writer->count;
    op->programs = table;
}

void stele_compile_skip(stele_compiler *c, stele_code *to, const stele_node *writer)
{
    if (!stele_compiler_enter(c)) return;
    switch (writer->kind) {
    case STELE_KIND_NULL:
        break;
    case STELE_KIND_BOOLEAN:
        stele_code_emit(c, to, STELE_OP_SKIP_BOOLEAN, 0);
        break;
    case STELE_KIND_INT:
        stele_code_emit(c, to, STELE_OP_SKIP_INT, 0);
        break;
    case STELE_KIND_LONG:
        stele_code_emit(c, to, STELE_OP_SKIP_LONG, 0);
        break;
    case STELE_KIND_FLOAT:
        stele_code_emit(c, to, STELE_OP_SKIP_FIXED, 0)->size = 4;
        break;
    case STELE_KIND_DOUBLE:
        stele_code_emit(c, to, STELE_OP_SKIP_FIXED, 0)->size = 8;
        break;
    case STELE_KIND_FIXED:
        stele_code_emit(c, to, STELE_OP_SKIP_FIXED, 0)->size = writer->fixed_size;
        break;
    case STELE_KIND_ENUM:
        stele_code_emit(c, to, STELE_OP_SKIP_ENUM, 0)->size = (uint32_t)writer->count;
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
        stele_code_emit(c, to, STELE_OP_SKIP_BYTES, 0);
        break;
    }
    stele_compiler_leave(c);
}
