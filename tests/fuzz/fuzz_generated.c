/* SPDX-License-Identifier: MIT
 * Avro binary to structs, by generated code and by a plan: both refuse it, or both read the same
 * value, whose encodings are the same. The first byte says of which type the rest is. */
#include "kinds.h"
#include "names.h"
#include "shared_cart.h"

#include "core/alloc.h"
#include "schemas/scopes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TYPES = 5 };

static const stele_type *const types[TYPES] = {&kinds_everything_type, &kinds_node_type,
                                               &kinds_chicken_type, &shared_cart_type,
                                               &names_names_type};

static const stele_plan *plan_of(size_t index)
{
    static stele_type slow[TYPES];
    static stele_plan *plans[TYPES];
    if (plans[index] != NULL) return plans[index];
    STELE_AUTO(stele_schema) schema = NULL;
    slow[index] = *types[index];
    slow[index].encode = NULL;
    slow[index].decode = NULL;
    if (stele_schema_parse(stele_text(slow[index].schema), NULL, &schema, NULL) < 0 ||
        stele_plan_new(schema, &slow[index], NULL, &plans[index], NULL) < 0) {
        abort();
    }
    return plans[index];
}

static void check_encodings(const stele_type *type, const void *value)
{
    STELE_AUTO_VALUE(stele_buffer) fast = {0};
    STELE_AUTO_VALUE(stele_buffer) slow = {0};
    stele_type without_code = *type;
    without_code.encode = NULL;
    stele_status status = stele_encode(type, value, &fast, NULL);
    if (stele_encode(&without_code, value, &slow, NULL) != status) abort();
    if (!stele_bytes_equal(stele_buffer_view(&fast), stele_buffer_view(&slow))) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    size_t index = data[0] % TYPES;
    const stele_type *type = types[index];
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    STELE_AUTO(uint8_t) fast = stele_alloc(type->layout->size);
    STELE_AUTO(uint8_t) slow = stele_alloc(type->layout->size);
    stele_error err;
    stele_bytes bytes = stele_bytes_of(data + 1, size - 1);
    stele_status status = type->decode(bytes, fast, arena, &err);
    if (stele_plan_decode(plan_of(index), bytes, slow, arena, &err) != status) abort();
    if (status < 0) return 0;
    if (!stele_value_equal(type, fast, slow)) abort();
    check_encodings(type, fast);
    return 0;
}
