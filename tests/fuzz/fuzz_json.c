/* SPDX-License-Identifier: MIT
 * JSON text to values. The first byte says which form and type. What is read must be written, and
 * read again as the same value. */
#include "kinds.h"
#include "shared_cart.h"

#include "core/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const stele_type *const types[] = {&kinds_everything_type, &kinds_node_type,
                                          &kinds_chicken_type, &shared_cart_type};

static void check_again(const stele_type *type, stele_json_form form, const void *value,
                        stele_arena *arena)
{
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    STELE_AUTO(uint8_t) again = stele_alloc(type->layout->size);
    if (stele_json_write(type, value, form, &text, NULL) < 0)
        return; /* a decimal past its digits */
    if (stele_json_read(type, stele_buffer_view(&text), form, NULL, again, arena, NULL) < 0)
        abort();
    if (!stele_value_equal(type, value, again)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    const stele_type *type = types[data[0] / 2 % 4];
    stele_json_form form = data[0] % 2 == 0 ? STELE_JSON_PLAIN : STELE_JSON_AVRO;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    STELE_AUTO(uint8_t) value = stele_alloc(type->layout->size);
    stele_error err;
    stele_bytes text = stele_bytes_of(data + 1, size - 1);
    if (stele_json_read(type, text, form, NULL, value, arena, &err) == STELE_OK) {
        check_again(type, form, value, arena);
    }
    return 0;
}
