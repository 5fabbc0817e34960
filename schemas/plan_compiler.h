/* SPDX-License-Identifier: MIT
 * What the files that compile a plan share: its state, and how ops are written. */
#ifndef STELE_SCHEMAS_PLAN_COMPILER_H
#define STELE_SCHEMAS_PLAN_COMPILER_H

#include "core/alloc.h"
#include "schemas/plan.h"
#include "schemas/resolve.h"

/** Where the reader keeps a value: the node that says what it is, and its place in the struct. */
typedef struct stele_slot {
    const stele_node *node;
    const stele_layout *layout; /* of null|T that of T */
    uint32_t offset;
    uint32_t flag;
    bool pointer;
} stele_slot;

/** A program while it grows. */
typedef struct stele_code {
    stele_op *ops;
    const char **names;
    size_t count;
    size_t room;
    const char *name; /* the field that the next ops read; NULL: none */
} stele_code;

/** A program that is compiled once for a pair, and maybe called while it is being compiled. */
typedef struct stele_routine {
    stele_program *program;
    const char *refusal; /* why no datum can be read; NULL: some can */
    bool open;
} stele_routine;

/** A default whose image is filled in when all programs are there. */
typedef struct stele_pending {
    const stele_field *field;
    uint8_t *image;
    stele_slot place;
} stele_pending;

/** One compilation; lives on the stack of stele_plan_new. */
typedef struct stele_compiler {
    stele_plan *plan;
    stele_resolver resolver;
    stele_table *routines; /* pair of nodes -> stele_routine */
    stele_pending *pendings;
    size_t pending_count;
    size_t ops_left;
    unsigned nesting_left;
    stele_buffer path;
    const char *refusal; /* of what was compiled last, if no datum can be read */
    stele_status status;
    stele_error *err;
} stele_compiler;

/* Building blocks (plan_code.c). */

/** Memory of the plan, zeroed. */
void *stele_compiler_take(stele_compiler *c, size_t count, size_t size);

/** A text by printf's rules, kept as long as the plan. */
const char *stele_compiler_text(stele_compiler *c, const char *format, ...) STELE_PRINTF(2, 3);

/** Give up; the rest of the compilation is worthless but harmless. */
void stele_compiler_give_up(stele_compiler *c, stele_status status, const char *why);

/** One level deeper; false if that is too deep, or it was given up. */
bool stele_compiler_enter(stele_compiler *c);
void stele_compiler_leave(stele_compiler *c);

/** Append an op; valid until the next one. */
stele_op *stele_code_emit(stele_compiler *c, stele_code *to, stele_op_code op, uint32_t offset);

/** Close the code with an END and keep it in the plan's memory; `from` is empty then. */
void stele_code_finish(stele_compiler *c, stele_code *from, stele_program *program);

/** The routine of a pair, `reader` NULL where it is skipped; a new one is open and empty. */
stele_routine *stele_compiler_routine(stele_compiler *c, const stele_node *writer,
                                      const stele_node *reader, bool *is_new);

/** The fewest bytes that a datum takes on the wire, or less. */
uint32_t stele_compiler_wire_min(const stele_node *node);

/* Compiling. */

/** Ops that read a writer's value into a place; false if no datum can be read (c->refusal). */
bool stele_compile_value(stele_compiler *c, stele_code *to, const stele_node *writer,
                         const stele_slot *place);

/** The routine of two records, compiled if it is new. */
stele_routine *stele_compile_records(stele_compiler *c, const stele_node *writer,
                                     const stele_slot *place);

/** Ops that pass over a writer's value. */
void stele_compile_skip(stele_compiler *c, stele_code *to, const stele_node *writer);

#endif
