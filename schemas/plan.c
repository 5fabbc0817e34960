/* SPDX-License-Identifier: MIT
 * A plan as an object: resolving a writer's schema against a type, the images of defaults, limits.
 */
#include <stdlib.h>
#include <string.h>

#include "schemas/default.h"
#include "schemas/plan_compiler.h"
#include "schemas/schema_object.h"
#include "schemas/scopes.h"

enum {
    OPS_MAX = 1000000,
    NESTING_MAX = 1000,
    DEPTH_DEFAULT = 64,
    ITEMS_DEFAULT = 1000000,
    MEMORY_DEFAULT = 64 * 1024 * 1024,
};

static stele_codec_limits limits_of(const stele_codec_limits *given)
{
    stele_codec_limits limits = given == NULL ? (stele_codec_limits){0} : *given;
    if (limits.depth_max == 0) limits.depth_max = DEPTH_DEFAULT;
    if (limits.items_max == 0) limits.items_max = ITEMS_DEFAULT;
    if (limits.memory_max == 0) limits.memory_max = MEMORY_DEFAULT;
    return limits;
}

/* Defaults: each is encoded, and decoded into its image by a program of its own type. */

static stele_status fill_image(stele_compiler *c, const stele_pending *p, size_t *steps_left)
{
    STELE_AUTO_VALUE(stele_buffer) datum = {0};
    stele_status status =
        stele_default_encode(p->field->type, p->field->standard, steps_left, &datum, c->err);
    if (status < 0) return status;
    /* Views in the image point into this copy. */
    uint8_t *kept = stele_compiler_take(c, datum.size + 1, 1);
    if (datum.size > 0) memcpy(kept, datum.data, datum.size);

    stele_code own = {0};
    stele_program *program = stele_compiler_take(c, 1, sizeof *program);
    stele_compile_value(c, &own, p->field->type, &p->place);
    stele_code_finish(c, &own, program);
    if (c->status < 0) return c->status;
    /* The caller's limits are for what comes from outside. */
    const stele_codec_limits limits = limits_of(NULL);
    return stele_program_run(program, &limits, stele_bytes_of(kept, datum.size), p->image,
                             c->plan->memory, c->err);
}

static stele_status fill_images(stele_compiler *c)
{
    size_t steps_left = STELE_DEFAULT_STEPS_MAX;
    stele_resolver_drop_aliases(&c->resolver);
    for (size_t i = 0; i < c->pending_count; i++) {
        stele_status status = fill_image(c, &c->pendings[i], &steps_left);
        if (status < 0) return status;
    }
    return STELE_OK;
}

static stele_status compile(stele_compiler *c)
{
    stele_plan *plan = c->plan;
    stele_slot top = {.node = stele_schema_root(plan->reader),
                      .layout = plan->type->layout,
                      .flag = STELE_NO_FLAG};
    const stele_node *writer = stele_schema_root(plan->writer);
    bool possible;
    if (writer->kind == STELE_KIND_RECORD && top.node->kind == STELE_KIND_RECORD) {
        stele_routine *whole = stele_compile_records(c, writer, &top);
        plan->program = whole->program;
        possible = whole->refusal == NULL;
        c->refusal = whole->refusal;
    } else {
        stele_code whole = {0};
        stele_program *program = stele_compiler_take(c, 1, sizeof *program);
        possible = stele_compile_value(c, &whole, writer, &top);
        stele_code_finish(c, &whole, program);
        plan->program = program;
    }
    if (c->status < 0) return c->status;
    if (!possible) {
        return stele_fail(c->err, STELE_E_INCOMPATIBLE, STELE_NEXT_REJECT, "%s", c->refusal);
    }
    return fill_images(c);
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
    stele_compiler c = {.plan = plan,
                        .routines = stele_table_new(sizeof(stele_routine *), 0),
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
