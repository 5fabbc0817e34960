/* SPDX-License-Identifier: MIT
 * Two schemas and bytes, with a zero byte between them: the writer's, the reader's, a datum. What
 * the reader sees can be written, and read again as the same. */
#include <stele/codec.h>

#include "core/alloc.h"
#include "schemas/scopes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The part up to the next zero byte; `rest` goes behind it. */
static stele_bytes next_part(stele_bytes *rest)
{
    const uint8_t *zero = rest->size == 0 ? NULL : memchr(rest->data, 0, rest->size);
    size_t size = zero == NULL ? rest->size : (size_t)(zero - rest->data);
    stele_bytes part = stele_bytes_of(rest->data, size);
    size_t used = zero == NULL ? size : size + 1;
    *rest = stele_bytes_of(rest->data + used, rest->size - used);
    return part;
}

static void check_again(const stele_type *type, const void *value, stele_arena *arena)
{
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    STELE_AUTO_VALUE(stele_buffer) second = {0};
    STELE_AUTO(stele_schema) schema = NULL;
    STELE_AUTO(stele_plan) plan = NULL;
    STELE_AUTO(uint8_t) again = stele_alloc(type->layout->size);
    STELE_AUTO(uint8_t) copy = stele_alloc(type->layout->size);
    stele_error err;
    if (stele_encode(type, value, &bytes, &err) < 0) return; /* a decimal past its digits */
    if (stele_schema_parse(stele_text(type->schema), NULL, &schema, &err) < 0) abort();
    if (stele_plan_new(schema, type, NULL, &plan, &err) < 0) abort();
    stele_status status = stele_plan_decode(plan, stele_buffer_view(&bytes), again, arena, &err);
    if (status == STELE_E_LIMIT) return; /* defaults may take what the datum did not */
    if (status < 0 || !stele_value_equal(type, value, again)) abort();
    stele_value_copy(type, copy, again);
    if (stele_encode(type, copy, &second, &err) < 0) abort();
    if (!stele_bytes_equal(stele_buffer_view(&bytes), stele_buffer_view(&second))) abort();
    stele_value_clear(type, copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    stele_bytes rest = stele_bytes_of(data, size);
    stele_bytes writer_text = next_part(&rest);
    stele_bytes reader_text = next_part(&rest);
    STELE_AUTO(stele_schema) writer = NULL;
    STELE_AUTO(stele_schema) reader = NULL;
    STELE_AUTO(stele_type) type = NULL;
    STELE_AUTO(stele_plan) plan = NULL;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    stele_error err;
    if (stele_schema_parse(writer_text, NULL, &writer, &err) < 0) return 0;
    if (stele_schema_parse(reader_text, NULL, &reader, &err) < 0) return 0;
    const stele_schema *const old[] = {writer};
    stele_schema_check(reader, old, 1, STELE_COMPATIBILITY_FULL, NULL, NULL);
    if (stele_type_new(reader, &type, &err) < 0) return 0;
    if (stele_plan_new(writer, type, NULL, &plan, &err) < 0) return 0;
    STELE_AUTO(uint8_t) value = stele_alloc(type->layout->size);
    if (stele_plan_decode(plan, rest, value, arena, &err) == STELE_OK) {
        check_again(type, value, arena);
    }
    return 0;
}
