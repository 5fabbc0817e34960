/* SPDX-License-Identifier: MIT
 * What generated code calls and is not worth compiling into it: the rare paths of reading and
 * writing, and owned arrays and maps. */
#include <stele/generated.h>

#include <stdlib.h>

#include "core/alloc.h"
#include "core/text.h"
#include "schemas/big_decimal.h"

const uint8_t *stele_read_block_slow(stele_reader *reader, const uint8_t *at, size_t item_min,
                                     size_t *count)
{
    int64_t items;
    if ((at = stele_read_long(at, reader->end, &items)) == NULL) return NULL;
    if (items < 0) {
        int64_t size;
        if (items == INT64_MIN) return NULL;
        items = -items;
        if ((at = stele_read_long(at, reader->end, &size)) == NULL) return NULL;
        if (size < 0 || size > reader->end - at) return NULL;
    }
    if ((uint64_t)items > reader->items_left) return NULL;
    if ((uint64_t)items * item_min > (uint64_t)(reader->end - at)) return NULL;
    reader->items_left -= (size_t)items;
    *count = (size_t)items;
    return at;
}

static bool within_precision(int64_t value, uint32_t precision)
{
    static const uint64_t powers[] = {1,
                                      10,
                                      100,
                                      1000,
                                      10000,
                                      100000,
                                      1000000,
                                      10000000,
                                      100000000,
                                      1000000000,
                                      10000000000,
                                      100000000000,
                                      1000000000000,
                                      10000000000000,
                                      100000000000000,
                                      1000000000000000,
                                      10000000000000000,
                                      100000000000000000,
                                      1000000000000000000};
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    return precision < sizeof powers / sizeof powers[0] && magnitude < powers[precision];
}

bool stele_decimal_of_bytes(const uint8_t *data, size_t size, uint32_t precision, int64_t *out)
{
    if (size == 0) return false;
    uint8_t sign = data[0] & 0x80 ? 0xff : 0;
    for (; size > sizeof *out; data++, size--) {
        if (data[0] != sign) return false;
    }
    if ((data[0] & 0x80) != (sign & 0x80)) return false;

    uint64_t raw = sign == 0 ? 0 : UINT64_MAX;
    for (size_t i = 0; i < size; i++)
        raw = raw << 8 | data[i];
    if (!within_precision((int64_t)raw, precision)) return false;
    *out = (int64_t)raw;
    return true;
}

const uint8_t *stele_read_decimal(const uint8_t *at, const uint8_t *end, uint32_t precision,
                                  int64_t *out)
{
    stele_bytes digits;
    if ((at = stele_read_bytes(at, end, &digits)) == NULL) return NULL;
    return stele_decimal_of_bytes(digits.data, digits.size, precision, out) ? at : NULL;
}

const uint8_t *stele_read_wide_decimal(const uint8_t *at, const uint8_t *end, uint32_t precision,
                                       stele_bytes *out)
{
    stele_bytes digits;
    at = stele_read_bytes(at, end, &digits);
    if (at == NULL || !stele_big_decimal_is_valid(digits, precision)) return NULL;
    *out = digits;
    return at;
}

const uint8_t *stele_read_wide_decimal_fixed(const uint8_t *at, const uint8_t *end, size_t size,
                                             uint32_t precision, uint8_t *out)
{
    if ((size_t)(end - at) < size) return NULL;
    if (!stele_big_decimal_is_valid(stele_bytes_of(at, size), precision)) return NULL;
    memcpy(out, at, size);
    return at + size;
}

bool stele_utf8_valid_slow(const uint8_t *data, size_t size)
{
    return stele_utf8_is_valid(stele_bytes_of(data, size));
}

/* Without its fast code the type is read and written by the plan, which says what is wrong. */
static stele_type without_code(const stele_type *type)
{
    stele_type slow = *type;
    slow.encode = NULL;
    slow.decode = NULL;
    return slow;
}

stele_status stele_generated_decode(const stele_type *type, stele_bytes data, void *value,
                                    stele_arena *arena, stele_error *err)
{
    stele_type slow = without_code(type);
    stele_schema *schema = NULL;
    stele_status status = stele_schema_parse(stele_text(type->schema), NULL, &schema, err);
    if (status < 0) return status;
    stele_plan *plan = NULL;
    status = stele_plan_new(schema, &slow, NULL, &plan, err);
    stele_schema_free(schema);
    if (status < 0) return status;
    status = stele_plan_decode(plan, data, value, arena, err);
    stele_plan_free(plan);
    return status;
}

stele_status stele_generated_encode(const stele_type *type, const void *value, stele_buffer *out,
                                    stele_error *err)
{
    stele_type slow = without_code(type);
    return stele_encode(&slow, value, out, err);
}

/* The bytes of the shortest two's complement form of `value`. */
static size_t decimal_size(int64_t value)
{
    size_t size = 1;
    for (int64_t rest = value >= 0 ? value : ~value; rest > 0x7f; rest /= 256)
        size++;
    return size;
}

static uint8_t *write_digits(uint8_t *at, int64_t value, size_t size)
{
    uint64_t raw = (uint64_t)value;
    uint64_t sign = value < 0 ? UINT64_C(0xff) << 56 : 0;
    for (size_t i = size; i-- > 0;) {
        at[i] = (uint8_t)raw;
        raw = raw >> 8 | sign;
    }
    return at + size;
}

uint8_t *stele_write_decimal(uint8_t *at, int64_t value, uint32_t precision)
{
    if (!within_precision(value, precision)) return NULL;
    size_t size = decimal_size(value);
    at = stele_write_varint(at, (uint64_t)size << 1);
    return write_digits(at, value, size);
}

uint8_t *stele_write_decimal_fixed(uint8_t *at, int64_t value, size_t size, uint32_t precision)
{
    if (!within_precision(value, precision) || decimal_size(value) > size) return NULL;
    return write_digits(at, value, size);
}

uint8_t *stele_write_wide_decimal(uint8_t *at, stele_bytes value, uint32_t precision)
{
    value = stele_big_decimal_or_zero(value);
    return stele_big_decimal_is_valid(value, precision) ? stele_write_bytes(at, value) : NULL;
}

uint8_t *stele_write_wide_decimal_fixed(uint8_t *at, const uint8_t *value, size_t size,
                                        uint32_t precision)
{
    if (!stele_big_decimal_is_valid(stele_bytes_of(value, size), precision)) return NULL;
    return stele_write_raw(at, value, size);
}

static stele_bytes key_at(const void *entries, size_t stride, size_t index)
{
    stele_bytes key;
    memcpy(&key, (const uint8_t *)entries + index * stride, sizeof key);
    return key;
}

static int compare_keys(stele_bytes a, stele_bytes b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0) return order;
    return (a.size > b.size) - (a.size < b.size);
}

/* qsort has no context, so what is sorted carries the key. */
typedef struct keyed {
    stele_bytes key;
    size_t index;
} keyed;

static int compare_keyed(const void *a, const void *b)
{
    return compare_keys(((const keyed *)a)->key, ((const keyed *)b)->key);
}

static bool in_order(const void *entries, size_t count, size_t stride)
{
    for (size_t i = 1; i < count; i++) {
        if (compare_keys(key_at(entries, stride, i - 1), key_at(entries, stride, i)) >= 0) {
            return false;
        }
    }
    return true;
}

bool stele_map_order(const void *entries, size_t count, size_t stride, size_t **out)
{
    *out = NULL;
    if (in_order(entries, count, stride)) return true;

    keyed *sort = stele_alloc_array(count, sizeof *sort);
    for (size_t i = 0; i < count; i++)
        sort[i] = (keyed){key_at(entries, stride, i), i};
    qsort(sort, count, sizeof *sort, compare_keyed);
    bool unique = true;
    for (size_t i = 1; i < count && unique; i++)
        unique = compare_keys(sort[i - 1].key, sort[i].key) != 0;
    if (unique) {
        size_t *order = stele_alloc_array(count, sizeof *order);
        for (size_t i = 0; i < count; i++)
            order[i] = sort[i].index;
        *out = order;
    }
    free(sort);
    return unique;
}

enum { FEW_KEYS = 8 };

bool stele_map_is_unique(const void *entries, size_t count, size_t stride)
{
    if (count > FEW_KEYS) {
        size_t *order;
        bool unique = stele_map_order(entries, count, stride, &order);
        free(order);
        return unique;
    }
    for (size_t i = 1; i < count; i++) {
        if (stele_map_find(entries, i, stride, key_at(entries, stride, i)) < i) return false;
    }
    return true;
}

/* Capacity is not stored: it is the next power of two, whoever made the array. Asking realloc for
 * the size that a block already has is cheap, so each call may ask. */
void *stele_owned_grow(void *items, size_t count, size_t size)
{
    size_t capacity = 1;
    while (capacity <= count)
        capacity *= 2;
    uint8_t *grown = stele_realloc_array(items, capacity, size);
    memset(grown + count * size, 0, size);
    return grown;
}

size_t stele_map_find(const void *entries, size_t count, size_t stride, stele_bytes key)
{
    size_t i = 0;
    while (i < count && !stele_bytes_equal(key_at(entries, stride, i), key))
        i++;
    return i;
}

void stele_owned_remove(const stele_layout *layout, void *items, size_t count, size_t index)
{
    uint8_t *item = (uint8_t *)items + index * layout->stride;
    stele_type part = {.layout = layout->item->layout};
    stele_value_clear(&part, item + layout->item->offset);
    if (layout->kind == STELE_KIND_MAP) free((void *)(uintptr_t)key_at(item, 0, 0).data);
    memmove(item, item + layout->stride, (count - 1 - index) * layout->stride);
}
