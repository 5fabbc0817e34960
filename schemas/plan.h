/* SPDX-License-Identifier: MIT
 * The program of a plan: what the compiler writes (plan_compile.c) and the decoder runs
 * (plan_decode.c). */
#ifndef STELE_SCHEMAS_PLAN_H
#define STELE_SCHEMAS_PLAN_H

#include <stele/codec.h>

#include "schemas/model.h"

typedef enum stele_op_code {
    STELE_OP_END = 0,

    /* One value of the wire into the struct. Equal ones in a row form a run. */
    STELE_OP_BOOLEAN,
    STELE_OP_INT,
    STELE_OP_LONG,
    STELE_OP_FLOAT,
    STELE_OP_DOUBLE,
    STELE_OP_BYTES,
    STELE_OP_STRING,
    STELE_OP_RUN_LAST = STELE_OP_STRING,
    STELE_OP_NULL,
    STELE_OP_DECIMAL,       /* bytes to int64_t */
    STELE_OP_DECIMAL_FIXED, /* `size` bytes to int64_t */
    STELE_OP_WIDE_DECIMAL,  /* bytes that stay bytes */
    STELE_OP_WIDE_DECIMAL_FIXED,
    STELE_OP_FIXED, /* `size` bytes */
    STELE_OP_DURATION,
    STELE_OP_ENUM, /* `size` symbols; `symbols` maps them, NULL: as they are */

    /* Promotions. */
    STELE_OP_INT_TO_LONG,
    STELE_OP_INT_TO_FLOAT,
    STELE_OP_INT_TO_DOUBLE,
    STELE_OP_LONG_TO_FLOAT,
    STELE_OP_LONG_TO_DOUBLE,
    STELE_OP_FLOAT_TO_DOUBLE,

    /* Structure. */
    STELE_OP_RECORD,   /* `program` at the offset */
    STELE_OP_RECURSE,  /* the same, one level deeper */
    STELE_OP_POINTER,  /* `size` bytes of the arena, `program` there, one level deeper */
    STELE_OP_ARRAY,    /* `list` */
    STELE_OP_MAP,      /* `list`, whose items begin with a key */
    STELE_OP_OPTIONAL, /* branch `branch` is null: clear `size` bytes and pass `run` ops; else they
                          are the value's; `flag` is set */
    STELE_OP_UNION,    /* `size` branches, each with its program of `programs` */

    /* What the writer does not say. */
    STELE_OP_FLAG,    /* set `flag` */
    STELE_OP_CLEAR,   /* `size` bytes of zero, and clear `flag` if there is one */
    STELE_OP_BRANCH,  /* `size` bytes of zero, then the union's branch `branch` */
    STELE_OP_DEFAULT, /* `size` bytes of `image`, and `flag` from the byte behind them */
    STELE_OP_FAIL,    /* data that get here cannot be read: `why` */

    /* What the reader does not want. */
    STELE_OP_SKIP_BOOLEAN,
    STELE_OP_SKIP_INT,
    STELE_OP_SKIP_LONG,
    STELE_OP_SKIP_BYTES,
    STELE_OP_SKIP_FIXED,
    STELE_OP_SKIP_ENUM,
    STELE_OP_SKIP_LIST
} stele_op_code;

typedef struct stele_program stele_program;

/** Items of an array or entries of a map. */
typedef struct stele_list_plan {
    const stele_program *item; /* runs once for each item */
    uint32_t stride;
    uint32_t wire_min; /* the fewest bytes that an item takes */
} stele_list_plan;

typedef struct stele_op {
    uint8_t code;
    uint8_t branch8; /* OPTIONAL: the index of null */
    uint16_t run;    /* scalars: how many ops of this code follow one another, this one included */
    uint32_t offset; /* of the value in the struct */
    uint32_t size;
    uint32_t flag; /* offset of `has_x` in the struct, or STELE_NO_FLAG */
    union {
        const stele_program *program;
        const stele_program *const *programs;
        const stele_list_plan *list;
        const int32_t *symbols;
        const uint8_t *image;
        const char *why;
        int64_t branch;
        uint32_t precision;
    };
} stele_op;

/** Ops up to an END. */
struct stele_program {
    const stele_op *ops;
    const char *const *names; /* by op: the field that it reads, for messages; or NULL */
};

struct stele_plan {
    stele_arena *memory; /* programs and images */
    const stele_program *program;
    const stele_type *type;
    bool direct; /* the writer's schema is the type's own: its generated code decodes */
    stele_codec_limits limits;
    stele_schema *writer; /* what the messages of FAIL and the names point into */
    stele_schema *reader;
};

/**
 * Run a program over one datum, all of which must be used. As stele_plan_decode.
 *
 * @param limits  no zeros for defaults here
 */
stele_status stele_program_run(const stele_program *program, const stele_codec_limits *limits,
                               stele_bytes data, void *value, stele_arena *arena, stele_error *err);

#endif
