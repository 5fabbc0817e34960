/* SPDX-License-Identifier: MIT
 * How the compiler of plans writes ops, and what keeps it within bounds. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/message.h"
#include "schemas/plan_compiler.h"

enum { WIRE_MIN_DEPTH = 3 };

void *stele_compiler_take(stele_compiler *c, size_t count, size_t size)
{
    void *memory = stele_arena_take(c->plan->memory, count * size);
    memset(memory, 0, count * size);
    return memory;
}

void stele_compiler_give_up(stele_compiler *c, stele_status status, const char *why)
{
    if (c->status < 0) return;
    c->status = stele_fail(c->err, status, STELE_NEXT_REJECT, "%s", why);
}

bool stele_compiler_enter(stele_compiler *c)
{
    if (c->nesting_left == 0 || c->ops_left == 0 || stele_resolver_is_spent(&c->resolver)) {
        stele_compiler_give_up(c, STELE_E_LIMIT, "these two schemas take too much work to resolve");
    }
    if (c->status < 0) return false;
    c->nesting_left--;
    return true;
}

void stele_compiler_leave(stele_compiler *c)
{
    c->nesting_left++;
}

stele_op *stele_code_emit(stele_compiler *c, stele_code *to, stele_op_code op, uint32_t offset)
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
static void note_runs(stele_code *from)
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

void stele_code_finish(stele_compiler *c, stele_code *from, stele_program *program)
{
    stele_code_emit(c, from, STELE_OP_END, 0);
    note_runs(from);
    stele_op *ops = stele_compiler_take(c, from->count, sizeof *ops);
    const char **names = stele_compiler_take(c, from->count, sizeof *names);
    memcpy(ops, from->ops, from->count * sizeof *ops);
    memcpy(names, from->names, from->count * sizeof *names);
    program->ops = ops;
    program->names = names;
    free(from->ops);
    free(from->names);
    *from = (stele_code){0};
}

const char *stele_compiler_text(stele_compiler *c, const char *format, ...)
{
    char text[sizeof c->err->text];
    va_list arguments;
    va_start(arguments, format);
    stele_message_vformat(text, sizeof text, format, arguments);
    va_end(arguments);
    char *kept = stele_compiler_take(c, strlen(text) + 1, 1);
    memcpy(kept, text, strlen(text));
    return kept;
}

stele_routine *stele_compiler_routine(stele_compiler *c, const stele_node *writer,
                                      const stele_node *reader, bool *is_new)
{
    const void *pair[2] = {writer, reader};
    stele_routine **found =
        stele_table_insert(c->routines, stele_bytes_of(pair, sizeof pair), is_new);
    if (*is_new) {
        *found = stele_compiler_take(c, 1, sizeof **found);
        (*found)->program = stele_compiler_take(c, 1, sizeof *(*found)->program);
        (*found)->open = true;
    }
    return *found;
}

/* The fewest bytes that a datum takes; a record's is not looked into deeper than pays off. */
static uint32_t least(const stele_node *node, unsigned left)
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
            sum += least(node->fields[i].type, left - 1);
        return sum;
    default:
        return 1;
    }
}

uint32_t stele_compiler_wire_min(const stele_node *node)
{
    return least(node, WIRE_MIN_DEPTH);
}
