/* SPDX-License-Identifier: MIT
 * The OpenAPI document of an application whose types have all that Avro has, and then values of
 * them as they are written: {"schema": NAME, "value": …}, a line each. For test_openapi.py, which
 * looks whether the values are what the document says. */
#include <stele/json.h>

#include <stdio.h>
#include <stdlib.h>

#include "core/alloc.h"
#include "server/openapi.h"
#include "tests/schemas/random_value.h"

#include "kinds.h"
#include "shared_cart.h"

enum { VALUES = 300, SEED = 20261128 };

static stele_status decide(const void *state, const void *command, stele_decision *decision,
                           stele_error *err)
{
    (void)state, (void)command, (void)decision, (void)err;
    return STELE_OK;
}

static void print_values(const stele_type *type, random_source *source)
{
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    stele_error err = {0};
    for (int i = 0; i < VALUES; i++) {
        stele_arena_reset(arena);
        void *value = stele_arena_take(arena, type->layout->size);
        random_value(source, type, value, arena);
        stele_buffer_reset(&out);
        if (stele_json_write(type, value, STELE_JSON_PLAIN, &out, &err) < 0) {
            fprintf(stderr, "%s\n", err.text);
            exit(1);
        }
        printf("{\"schema\":\"%s\",\"value\":%s}\n", type->name, stele_buffer_text(&out));
    }
}

int main(void)
{
    random_source source = {SEED};
    const stele_aggregate aggregate = {
        .name = "everything",
        .events = (const stele_type *const[]){&kinds_everything_type, NULL},
        .version = 1,
        .state = &shared_cart_type,
        .commands = (const stele_command[]){{&kinds_everything_type, decide}, {NULL, NULL}},
    };
    const stele_served_aggregate served = {.aggregate = &aggregate};
    const stele_projection carts = {
        .name = "carts", .source = &aggregate, .version = 1, .state = &shared_cart_type};
    const stele_projection *const projections[] = {&carts, NULL};
    stele_error err = {0};
    STELE_AUTO(char) document = NULL;
    const stele_aggregate *const all[] = {&aggregate, NULL};
    const stele_aggregate_api_options of = {.name = "everything",
                                            .aggregates = &served,
                                            .count = 1,
                                            .all = all,
                                            .projections = projections};
    if (stele_openapi(&of, &document, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    printf("%s\n", document);
    print_values(&kinds_everything_type, &source);
    print_values(&shared_cart_type, &source);
    return 0;
}
