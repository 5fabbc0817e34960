/* SPDX-License-Identifier: MIT
 * Schema text. What is a schema has a canonical form that is one too and has itself for its form;
 * it can be checked, and has a type whose empty value goes through a plan unchanged. */
#include <stele/codec.h>

#include "core/alloc.h"
#include "schemas/scopes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A name without a namespace within one that has one is written as it is, by the specification, and
 * then means another type. So the form of the form is compared where there are no namespaces. */
static void check_form(const stele_schema *schema)
{
    STELE_AUTO_VALUE(stele_buffer) form = {0};
    STELE_AUTO(stele_schema) again = NULL;
    stele_error err;
    stele_schema_options options = {.text_max = SIZE_MAX};
    stele_schema_canonical(schema, &form);
    stele_status status = stele_schema_parse(stele_buffer_view(&form), &options, &again, &err);
    if (memchr(form.data, '.', form.size) != NULL) return;
    if (status < 0) abort();
    if (!stele_schema_same_canonical(schema, again)) abort();
    if (stele_schema_crc64(schema) != stele_schema_crc64(again)) abort();
}

/* A value that is all zero may be none that can be written: a union's first branch may recur. */
static void check_value(const stele_type *type, const stele_plan *plan)
{
    STELE_AUTO(uint8_t) value = stele_alloc(type->layout->size);
    STELE_AUTO(uint8_t) decoded = stele_alloc(type->layout->size);
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    stele_error err;
    if (stele_encode(type, value, &bytes, &err) < 0) return;
    if (stele_plan_decode(plan, stele_buffer_view(&bytes), decoded, arena, &err) < 0) abort();
    STELE_AUTO_VALUE(stele_buffer) again = {0};
    if (stele_encode(type, decoded, &again, &err) < 0) abort();
    if (!stele_bytes_equal(stele_buffer_view(&bytes), stele_buffer_view(&again))) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    STELE_AUTO(stele_schema) schema = NULL;
    STELE_AUTO(stele_type) type = NULL;
    STELE_AUTO(stele_plan) plan = NULL;
    stele_error err;
    if (stele_schema_parse(stele_bytes_of(data, size), NULL, &schema, &err) < 0) return 0;
    check_form(schema);
    const stele_schema *const old[] = {schema};
    stele_schema_check(schema, old, 1, STELE_COMPATIBILITY_FULL, NULL, NULL);
    if (stele_type_new(schema, &type, &err) < 0) return 0;
    if (stele_plan_new(schema, type, NULL, &plan, &err) < 0) return 0;
    check_value(type, plan);
    return 0;
}
