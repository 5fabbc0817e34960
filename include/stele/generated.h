/* SPDX-License-Identifier: MIT
 * What the code made by `stele schema generate` stands on: bounds-checked reading and writing of
 * Avro binary, small enough to be compiled into it. For generated code, not for people: it may
 * change together with the generator, whose output is made again at every build. */
#ifndef STELE_GENERATED_H
#define STELE_GENERATED_H

#include <stdlib.h>

#include <stele/codec.h>
#include <stele/json.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A type that several schemas contain is generated with each of them; the linker keeps one. */
#if defined(__GNUC__)
#define STELE_WEAK              __attribute__((weak))
#define STELE_LIKELY(condition) __builtin_expect((condition) != 0, 1)
#define STELE_INLINE            __attribute__((always_inline)) static inline
#define STELE_LOCAL             __attribute__((noinline, unused)) static
#else
#define STELE_WEAK
#define STELE_LIKELY(condition) (condition)
#define STELE_INLINE            static inline
#define STELE_LOCAL             static inline
#endif

/*
 * Reading. Each function takes the place where a value begins and returns the place behind it, or
 * NULL if the bytes are not such a value. Why not is found out by decoding again, slowly.
 */

/** The default limits of codec.h, which are those of generated code. */
enum { STELE_DEPTH_MAX = 64, STELE_ITEMS_MAX = 1000000, STELE_MEMORY_MAX = 64 * 1024 * 1024 };

/** One message while it is decoded. */
typedef struct stele_reader {
    const uint8_t *end;
    stele_arena *arena;
    size_t items_left;
    size_t memory_left;
    unsigned depth_left;
} stele_reader;

STELE_INLINE stele_reader stele_reader_of(stele_bytes data, stele_arena *arena)
{
    stele_reader reader = {data.data + data.size, arena, STELE_ITEMS_MAX, STELE_MEMORY_MAX,
                           STELE_DEPTH_MAX};
    return reader;
}

/** `size` bytes of the arena, or NULL past the limit. Not cleared. */
STELE_INLINE void *stele_reader_take(stele_reader *reader, uint64_t size)
{
    if (size > reader->memory_left) return NULL;
    reader->memory_left -= (size_t)size;
    return stele_arena_take(reader->arena, (size_t)size);
}

/** Room for `more` items of `size` bytes behind the `count` at `items`, which may move. */
STELE_INLINE void *stele_reader_grow(stele_reader *reader, const void *items, size_t count,
                                     size_t more, size_t size)
{
    /* Both counts are within STELE_ITEMS_MAX, and a size is of 32 bits: no overflow. */
    void *grown = stele_reader_take(reader, (uint64_t)(count + more) * size);
    if (grown != NULL && count != 0) memcpy(grown, items, count * size);
    return grown;
}

/** The head of a block that has items. */
STELE_API const uint8_t *stele_read_block_slow(stele_reader *reader, const uint8_t *at,
                                               size_t item_min, size_t *count);

/* Decimals: a number of at most `precision` digits, in one byte or more. Those of up to 18 digits
 * are an int64_t in C, wider ones stay bytes. */
STELE_API const uint8_t *stele_read_decimal(const uint8_t *at, const uint8_t *end,
                                            uint32_t precision, int64_t *out);
STELE_API bool stele_decimal_of_bytes(const uint8_t *data, size_t size, uint32_t precision,
                                      int64_t *out);
STELE_API const uint8_t *stele_read_wide_decimal(const uint8_t *at, const uint8_t *end,
                                                 uint32_t precision, stele_bytes *out);
STELE_API const uint8_t *stele_read_wide_decimal_fixed(const uint8_t *at, const uint8_t *end,
                                                       size_t size, uint32_t precision,
                                                       uint8_t *out);
STELE_API bool stele_map_is_unique(const void *entries, size_t count, size_t stride);
STELE_API bool stele_utf8_valid_slow(const uint8_t *data, size_t size);

/** A varint of any size; in each caller's own file, as a call that is not exported is faster. */
STELE_LOCAL const uint8_t *stele_read_varint_slow(const uint8_t *at, const uint8_t *end,
                                                  uint64_t *out)
{
    uint64_t raw = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        if (at == end) return NULL;
        uint64_t byte = *at++;
        raw |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = raw;
            return at;
        }
    }
    if (at == end || *at > 1) return NULL; /* the tenth byte has one bit of the 64 */
    *out = raw | (uint64_t)*at << 63;
    return at + 1;
}

STELE_INLINE const uint8_t *stele_read_varint(const uint8_t *at, const uint8_t *end, uint64_t *out)
{
    if (STELE_LIKELY(end - at >= 2)) {
        if (STELE_LIKELY(at[0] < 0x80)) {
            *out = at[0];
            return at + 1;
        }
        if (at[1] < 0x80) {
            *out = (uint64_t)(at[0] & 0x7f) | (uint64_t)at[1] << 7;
            return at + 2;
        }
    }
    return stele_read_varint_slow(at, end, out);
}

STELE_INLINE const uint8_t *stele_read_long(const uint8_t *at, const uint8_t *end, int64_t *out)
{
    uint64_t raw;
    if ((at = stele_read_varint(at, end, &raw)) == NULL) return NULL;
    *out = (int64_t)(raw >> 1 ^ (0 - (raw & 1)));
    return at;
}

STELE_INLINE const uint8_t *stele_read_int(const uint8_t *at, const uint8_t *end, int32_t *out)
{
    uint64_t raw;
    if ((at = stele_read_varint(at, end, &raw)) == NULL || raw > UINT32_MAX) return NULL;
    *out = (int32_t)((uint32_t)raw >> 1 ^ (0 - ((uint32_t)raw & 1)));
    return at;
}

/** The index of a union's branch or an enum's symbol, below `count`. */
STELE_INLINE const uint8_t *stele_read_index(const uint8_t *at, const uint8_t *end, uint32_t count,
                                             int32_t *out)
{
    uint64_t raw;
    if ((at = stele_read_varint(at, end, &raw)) == NULL || (raw & 1) != 0) return NULL;
    if (raw >> 1 >= count) return NULL;
    *out = (int32_t)(raw >> 1);
    return at;
}

STELE_INLINE const uint8_t *stele_read_boolean(const uint8_t *at, const uint8_t *end, bool *out)
{
    if (at == end || *at > 1) return NULL;
    *out = *at == 1;
    return at + 1;
}

STELE_INLINE const uint8_t *stele_read_raw(const uint8_t *at, const uint8_t *end, void *out,
                                           size_t size)
{
    if ((size_t)(end - at) < size) return NULL;
    memcpy(out, at, size);
    return at + size;
}

/* Avro is little-endian; where the machine is too, a number is copied as it lies. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define STELE_LITTLE_ENDIAN 1
#else
#define STELE_LITTLE_ENDIAN 0
#endif

STELE_INLINE uint64_t stele_load_bytes_le(const uint8_t *at, size_t size)
{
    uint64_t raw = 0;
    for (size_t i = size; i-- > 0;)
        raw = raw << 8 | at[i];
    return raw;
}

STELE_INLINE uint32_t stele_load_u32(const uint8_t *at)
{
    uint32_t raw;
    if (!STELE_LITTLE_ENDIAN) return (uint32_t)stele_load_bytes_le(at, 4);
    memcpy(&raw, at, sizeof raw);
    return raw;
}

STELE_INLINE uint64_t stele_load_u64(const uint8_t *at)
{
    uint64_t raw;
    if (!STELE_LITTLE_ENDIAN) return stele_load_bytes_le(at, 8);
    memcpy(&raw, at, sizeof raw);
    return raw;
}

STELE_INLINE const uint8_t *stele_read_float(const uint8_t *at, const uint8_t *end, float *out)
{
    if (end - at < 4) return NULL;
    uint32_t raw = stele_load_u32(at);
    memcpy(out, &raw, sizeof raw);
    return at + 4;
}

STELE_INLINE const uint8_t *stele_read_double(const uint8_t *at, const uint8_t *end, double *out)
{
    if (end - at < 8) return NULL;
    uint64_t raw = stele_load_u64(at);
    memcpy(out, &raw, sizeof raw);
    return at + 8;
}

STELE_INLINE const uint8_t *stele_read_duration(const uint8_t *at, const uint8_t *end,
                                                stele_duration *out)
{
    if (end - at < 12) return NULL;
    out->months = stele_load_u32(at);
    out->days = stele_load_u32(at + 4);
    out->millis = stele_load_u32(at + 8);
    return at + 12;
}

/** A decimal that is a fixed of `size` bytes. */
STELE_INLINE const uint8_t *stele_read_decimal_fixed(const uint8_t *at, const uint8_t *end,
                                                     size_t size, uint32_t precision, int64_t *out)
{
    if ((size_t)(end - at) < size || !stele_decimal_of_bytes(at, size, precision, out)) return NULL;
    return at + size;
}

STELE_INLINE const uint8_t *stele_read_bytes(const uint8_t *at, const uint8_t *end,
                                             stele_bytes *out)
{
    uint64_t raw;
    if ((at = stele_read_varint(at, end, &raw)) == NULL || (raw & 1) != 0) return NULL;
    if (raw >> 1 > (uint64_t)(end - at)) return NULL;
    out->data = at;
    out->size = (size_t)(raw >> 1);
    return at + out->size;
}

/** Is it UTF-8? ASCII is found out eight bytes at a time. */
STELE_INLINE bool stele_utf8_valid(const uint8_t *data, size_t size)
{
    uint64_t high = 0;
    uint64_t word;
    if (size >= 8) {
        for (size_t i = 0; i + 8 < size; i += 8) {
            memcpy(&word, data + i, 8);
            high |= word;
        }
        memcpy(&word, data + size - 8, 8);
        high |= word;
    } else if (size >= 4) {
        uint32_t head;
        uint32_t tail;
        memcpy(&head, data, 4);
        memcpy(&tail, data + size - 4, 4);
        high = (uint64_t)(head | tail);
    } else if (size != 0) {
        high = (uint64_t)(data[0] | data[size / 2] | data[size - 1]);
    }
    return (high & UINT64_C(0x8080808080808080)) == 0 || stele_utf8_valid_slow(data, size);
}

STELE_INLINE const uint8_t *stele_read_string(const uint8_t *at, const uint8_t *end,
                                              stele_bytes *out)
{
    at = stele_read_bytes(at, end, out);
    if (at == NULL || !stele_utf8_valid(out->data, out->size)) return NULL;
    return at;
}

/** The head of a block of an array or map whose items take at least `item_min` bytes each; 0 items
 * are its end. */
STELE_INLINE const uint8_t *stele_read_block(stele_reader *reader, const uint8_t *at,
                                             size_t item_min, size_t *count)
{
    if (at == reader->end) return NULL;
    size_t items = *at >> 1;
    if ((*at & 0x81) != 0 || items > reader->items_left) {
        return stele_read_block_slow(reader, at, item_min, count);
    }
    at++;
    if (items * item_min > (size_t)(reader->end - at)) return NULL;
    reader->items_left -= items;
    *count = items;
    return at;
}

/** Decode with all checks and say what is wrong; the verdict on what the fast code refused. */
STELE_API stele_status stele_generated_decode(const stele_type *type, stele_bytes data, void *value,
                                              stele_arena *arena, stele_error *err);

/*
 * Writing, into room that was made for the largest size that the value can take. Each function
 * returns the place behind what it wrote; those that check return NULL if the value does not fit.
 */

STELE_INLINE uint8_t *stele_write_varint(uint8_t *at, uint64_t raw)
{
    while (raw >= 0x80) {
        *at++ = (uint8_t)(raw | 0x80);
        raw >>= 7;
    }
    *at = (uint8_t)raw;
    return at + 1;
}

STELE_INLINE uint8_t *stele_write_long(uint8_t *at, int64_t value)
{
    return stele_write_varint(at, (uint64_t)value << 1 ^ (0 - ((uint64_t)value >> 63)));
}

STELE_INLINE uint8_t *stele_write_int(uint8_t *at, int32_t value)
{
    return stele_write_long(at, value);
}

STELE_INLINE uint8_t *stele_write_boolean(uint8_t *at, bool value)
{
    *at = value ? 1 : 0;
    return at + 1;
}

STELE_INLINE uint8_t *stele_write_raw(uint8_t *at, const void *data, size_t size)
{
    memcpy(at, data, size);
    return at + size;
}

STELE_INLINE uint8_t *stele_store_le(uint8_t *at, uint64_t raw, size_t size)
{
    if (STELE_LITTLE_ENDIAN) {
        memcpy(at, &raw, size);
    } else {
        for (size_t i = 0; i < size; i++, raw >>= 8)
            at[i] = (uint8_t)raw;
    }
    return at + size;
}

STELE_INLINE uint8_t *stele_write_float(uint8_t *at, float value)
{
    uint32_t raw = UINT32_C(0x7fc00000); /* every NaN is this one */
    if (value == value) memcpy(&raw, &value, sizeof raw);
    return stele_store_le(at, raw, 4);
}

STELE_INLINE uint8_t *stele_write_double(uint8_t *at, double value)
{
    uint64_t raw = UINT64_C(0x7ff8000000000000);
    if (value == value) memcpy(&raw, &value, sizeof raw);
    return stele_store_le(at, raw, 8);
}

STELE_INLINE uint8_t *stele_write_duration(uint8_t *at, stele_duration value)
{
    at = stele_store_le(at, value.months, 4);
    at = stele_store_le(at, value.days, 4);
    return stele_store_le(at, value.millis, 4);
}

STELE_INLINE uint8_t *stele_write_bytes(uint8_t *at, stele_bytes value)
{
    at = stele_write_varint(at, (uint64_t)value.size << 1);
    if (value.size != 0) memcpy(at, value.data, value.size);
    return at + value.size;
}

STELE_INLINE uint8_t *stele_write_string(uint8_t *at, stele_bytes value)
{
    if (!stele_utf8_valid(value.data, value.size)) return NULL;
    return stele_write_bytes(at, value);
}

/** An enum's symbol or a union's branch, below `count`. */
STELE_INLINE uint8_t *stele_write_index(uint8_t *at, int32_t index, uint32_t count)
{
    if ((uint32_t)index >= count) return NULL;
    return stele_write_varint(at, (uint64_t)(uint32_t)index << 1);
}

/** A decimal of at most `precision` digits, in as few bytes as it needs. */
STELE_API uint8_t *stele_write_decimal(uint8_t *at, int64_t value, uint32_t precision);

/** The same in `size` bytes. */
STELE_API uint8_t *stele_write_decimal_fixed(uint8_t *at, int64_t value, size_t size,
                                             uint32_t precision);

/** A wider decimal as it is; no bytes at all, as in a value all zero, are written as 0. */
STELE_API uint8_t *stele_write_wide_decimal(uint8_t *at, stele_bytes value, uint32_t precision);
STELE_API uint8_t *stele_write_wide_decimal_fixed(uint8_t *at, const uint8_t *value, size_t size,
                                                  uint32_t precision);

/**
 * The order in which a map's entries are written: by key, so that equal maps are equal bytes.
 *
 * @param out  NULL if they lie in that order; else an array of indices: release with free
 * @return false if a key is there twice
 */
STELE_API bool stele_map_order(const void *entries, size_t count, size_t stride, size_t **out);

/** Encode with all checks and say what is wrong; the verdict on what the fast code refused. */
STELE_API stele_status stele_generated_encode(const stele_type *type, const void *value,
                                              stele_buffer *out, stele_error *err);

/*
 * Owned arrays and maps.
 */

/** `items`, which holds `count` of `size` bytes each, with room for one more, zeroed. */
STELE_API void *stele_owned_grow(void *items, size_t count, size_t size);

/** Release item `index` and close the gap. `layout` is the array's or the map's. */
STELE_API void stele_owned_remove(const stele_layout *layout, void *items, size_t count,
                                  size_t index);

/** The index of the entry with this key, or `count`. */
STELE_API size_t stele_map_find(const void *entries, size_t count, size_t stride, stele_bytes key);

#ifdef __cplusplus
}
#endif

#endif
