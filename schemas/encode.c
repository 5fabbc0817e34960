/* SPDX-License-Identifier: MIT
 * Values to Avro binary by the layout (specification, "Binary Encoding"). Equal values make equal
 * bytes: map keys sorted, one block per array or map, NaN normalised. */
#include <stele/codec.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include <stele/generated.h>

#include "core/alloc.h"
#include "core/message.h"
#include "core/text.h"
#include "schemas/layout.h"
#include "schemas/value_path.h"

#define COLD __attribute__((cold, noinline))

/* HEAD_MAX is the room that whoever writes a value finds: for a run of numbers, or for what stands
 * before all else, which is a branch, a length, a count. Who writes more makes room for it. */
enum {
    DEPTH_MAX = 64,
    VARINT_MAX = 10,
    NUMBER_MAX = 12, /* a varint is stored four bytes at a time */
    HEAD_MAX = STELE_RUN_MAX * NUMBER_MAX,
};

typedef struct writer {
    stele_buffer *out;
    const uint8_t *end;  /* of the buffer's memory */
    const uint8_t *last; /* HEAD_MAX before the end */
    unsigned depth_left;
    stele_status status;
    char why[STELE_VALUE_WHY_MAX];
    stele_value_path path;
} writer;

/* Each function that writes takes the place in the buffer, and returns the place behind what it
 * wrote; or NULL, and has said why. */

static uint8_t *put_value(writer *w, uint8_t *at, const stele_layout *layout, const uint8_t *value);
static uint8_t *put_record(writer *w, uint8_t *at, const stele_layout *layout,
                           const uint8_t *value);
static uint8_t *put_array(writer *w, uint8_t *at, const stele_layout *layout, const uint8_t *value);

/* Failures. Each returns NULL. */

/* Say why, once; the callers add the path. */
static COLD STELE_PRINTF(3, 4) uint8_t *refuse(writer *w, stele_status status, const char *format,
                                               ...)
{
    va_list arguments;
    va_start(arguments, format);
    stele_message_vformat(w->why, sizeof w->why, format, arguments);
    va_end(arguments);
    w->status = status;
    return NULL;
}

static COLD uint8_t *refuse_text(writer *w, stele_bytes text)
{
    return refuse(w, STELE_E_INVALID, "string that is not UTF-8: %s", stele_quote(text).text);
}

static COLD uint8_t *fail_in(writer *w, const stele_member *member)
{
    stele_value_path_field(&w->path, member->name);
    return NULL;
}

/* Room. The buffer may move. */

static void take_memory(writer *w)
{
    w->end = w->out->data + w->out->capacity;
    w->last = w->end - HEAD_MAX;
}

static COLD uint8_t *grow(writer *w, uint8_t *at, size_t more)
{
    w->out->size = (size_t)(at - w->out->data);
    at = stele_buffer_reserve(w->out, HEAD_MAX + more);
    take_memory(w);
    return at;
}

static inline uint8_t *room(writer *w, uint8_t *at, size_t more)
{
    return (size_t)(w->end - at) < more ? grow(w, at, more) : at;
}

static inline uint8_t *room_for_head(writer *w, uint8_t *at)
{
    return at > w->last ? grow(w, at, 0) : at;
}

/* Numbers. */

/* The lowest 28 bits, seven to a byte. */
static inline uint32_t spread(uint64_t raw)
{
    uint32_t low = (uint32_t)raw;
    return (low & 0x7f) | (low << 1 & 0x7f00) | (low << 2 & 0x7f0000) | (low << 3 & 0x7f000000);
}

/* What stele_write_varint writes, in steps of up to four bytes. */
static inline uint8_t *put_varint(uint8_t *at, uint64_t raw)
{
    for (; raw >= UINT64_C(1) << 28; raw >>= 28)
        at = stele_store_le(at, spread(raw) | 0x80808080, 4);
    uint32_t bytes = spread(raw);
    unsigned size = 1;
    if (raw >= 1 << 21) {
        bytes |= 0x808080;
        size = 4;
    } else if (raw >= 1 << 14) {
        bytes |= 0x8080;
        size = 3;
    } else if (raw >= 1 << 7) {
        bytes |= 0x80;
        size = 2;
    }
    stele_store_le(at, bytes, 4);
    return at + size;
}

static inline uint8_t *put_long(uint8_t *at, int64_t value)
{
    uint64_t raw = (uint64_t)value << 1 ^ (0 - ((uint64_t)value >> 63));
    if (raw >= 0x4000) return put_varint(at, raw);
    if (raw < 0x80) {
        *at = (uint8_t)raw;
        return at + 1;
    }
    at[0] = (uint8_t)(raw | 0x80);
    at[1] = (uint8_t)(raw >> 7);
    return at + 2;
}

static inline uint8_t *put_int(uint8_t *at, int32_t value)
{
    return put_long(at, value);
}

static inline uint8_t *put_boolean(uint8_t *at, uint8_t value)
{
    return stele_write_boolean(at, value != 0);
}

/* The other kinds. */

static inline uint8_t *put_text(writer *w, uint8_t *at, stele_bytes text)
{
    return stele_write_bytes(room(w, at, VARINT_MAX + text.size), text);
}

static inline uint8_t *put_string(writer *w, uint8_t *at, stele_bytes text)
{
    if (!stele_utf8_valid(text.data, text.size)) return refuse_text(w, text);
    return put_text(w, at, text);
}

static uint8_t *put_decimal(writer *w, uint8_t *at, const stele_layout *layout,
                            const uint8_t *value)
{
    int64_t unscaled;
    memcpy(&unscaled, value, sizeof unscaled);
    bool fixed = layout->kind == STELE_KIND_FIXED;
    at = room(w, at, VARINT_MAX + (fixed ? layout->fixed_size : sizeof unscaled));
    at = fixed ? stele_write_decimal_fixed(at, unscaled, layout->fixed_size, layout->precision)
               : stele_write_decimal(at, unscaled, layout->precision);
    if (at == NULL) {
        return refuse(w, STELE_E_INVALID, "decimal %" PRId64 " has more than %" PRIu32 " digits",
                      unscaled, layout->precision);
    }
    return at;
}

static COLD uint8_t *refuse_digits(writer *w, const stele_layout *layout, size_t size)
{
    return refuse(w, STELE_E_INVALID, "decimal of more than %" PRIu32 " digits, in %zu bytes",
                  layout->precision, size);
}

static uint8_t *put_wide_decimal(writer *w, uint8_t *at, const stele_layout *layout,
                                 stele_bytes digits)
{
    at = room(w, at, VARINT_MAX + 1 + digits.size);
    at = stele_write_wide_decimal(at, digits, layout->precision);
    return at == NULL ? refuse_digits(w, layout, digits.size) : at;
}

static uint8_t *put_bytes(writer *w, uint8_t *at, const stele_layout *layout, const uint8_t *value)
{
    if (stele_layout_is_decimal64(layout)) return put_decimal(w, at, layout, value);
    if (stele_layout_is_wide_decimal(layout))
        return put_wide_decimal(w, at, layout, stele_load_bytes(value));
    return put_text(w, at, stele_load_bytes(value));
}

static uint8_t *put_fixed(writer *w, uint8_t *at, const stele_layout *layout, const uint8_t *value)
{
    if (stele_layout_is_decimal64(layout)) return put_decimal(w, at, layout, value);
    at = room(w, at, layout->fixed_size);
    if (stele_layout_is_wide_decimal(layout)) {
        at = stele_write_wide_decimal_fixed(at, value, layout->fixed_size, layout->precision);
        return at == NULL ? refuse_digits(w, layout, layout->fixed_size) : at;
    }
    if (layout->logical == STELE_LOGICAL_DURATION) {
        stele_duration duration;
        memcpy(&duration, value, sizeof duration);
        return stele_write_duration(at, duration);
    }
    return stele_write_raw(at, value, layout->fixed_size);
}

static uint8_t *put_enum(writer *w, uint8_t *at, const stele_layout *layout, const uint8_t *value)
{
    int32_t index;
    memcpy(&index, value, sizeof index);
    at = stele_write_index(at, index, layout->count);
    if (at == NULL) {
        return refuse(w, STELE_E_INVALID, "symbol %" PRId32 " of %s, which has %" PRIu32, index,
                      layout->name, layout->count);
    }
    return at;
}

static uint8_t *put_deeper(writer *w, uint8_t *at, const stele_layout *layout, const uint8_t *value)
{
    if (w->depth_left == 0) {
        return refuse(w, STELE_E_LIMIT, "values are nested more than %d deep", DEPTH_MAX);
    }
    w->depth_left--;
    at = put_record(w, at, layout, value);
    w->depth_left++;
    return at;
}

/* A record by pointer. NULL stands for a value that is all zero. */
static uint8_t *put_pointed(writer *w, uint8_t *at, const stele_layout *layout,
                            const uint8_t *value)
{
    const uint8_t *pointed = stele_load_pointer(value);
    STELE_AUTO(uint8_t) zero = pointed == NULL ? stele_alloc(layout->size) : NULL;
    return put_deeper(w, at, layout, pointed == NULL ? zero : pointed);
}

/* A value with its `has_x` or pointer, but not its branch. */
static uint8_t *put_member(writer *w, uint8_t *at, const stele_member *member, const uint8_t *base)
{
    if (member->flag_offset != STELE_NO_FLAG) {
        bool has = base[member->flag_offset] != 0;
        *at++ = has == member->null_first ? 2 : 0;
        if (!has) return at;
    }
    if (member->layout == NULL) return at;
    if (member->pointer) return put_pointed(w, at, member->layout, base + member->offset);
    if (member->recurs) return put_deeper(w, at, member->layout, base + member->offset);
    return put_value(w, at, member->layout, base + member->offset);
}

static uint8_t *put_union(writer *w, uint8_t *at, const stele_layout *layout, const uint8_t *value)
{
    uint32_t branch = stele_load_branch(value);
    if (branch >= layout->count) {
        return refuse(w, STELE_E_INVALID, "branch %" PRId32 " of a union of %" PRIu32,
                      (int32_t)branch, layout->count);
    }
    at = stele_write_varint(at, (uint64_t)branch << 1);
    return put_member(w, at, &layout->members[branch], value);
}

/* The cases below differ in a type and a function only; these keep each to what is its own. */

/* Numbers in a row, for which there is room. */
#define PUT_RUN(type, function)                                                                    \
    {                                                                                              \
        const stele_member *const last = member + member->run;                                     \
        do {                                                                                       \
            type number;                                                                           \
            memcpy(&number, base + member->offset, sizeof number);                                 \
            at = function(at, number);                                                             \
        } while (++member < last);                                                                 \
        break;                                                                                     \
    }

/* One member; what fails has said why. */
#define PUT(expression)                                                                            \
    {                                                                                              \
        uint8_t *next = expression;                                                                \
        if (next == NULL) return fail_in(w, member);                                               \
        at = next;                                                                                 \
        member++;                                                                                  \
        break;                                                                                     \
    }

/* Members one after the other. Compiled into both callers, for which it is most of the work. */
STELE_INLINE uint8_t *put_members(writer *w, uint8_t *at, const stele_member *member,
                                  uint32_t count, const uint8_t *base)
{
    if (count == 0) return at;
    const stele_member *const end = member + count;
    while (member < end) {
        at = room_for_head(w, at);
        switch (member->plain) {
        case STELE_KIND_BOOLEAN:
            PUT_RUN(uint8_t, put_boolean)
        case STELE_KIND_INT:
            PUT_RUN(int32_t, put_int)
        case STELE_KIND_LONG:
            PUT_RUN(int64_t, put_long)
        case STELE_KIND_FLOAT:
            PUT_RUN(float, stele_write_float)
        case STELE_KIND_DOUBLE:
            PUT_RUN(double, stele_write_double)
        case STELE_KIND_STRING:
            PUT(put_string(w, at, stele_load_bytes(base + member->offset)))
        case STELE_KIND_ARRAY:
            PUT(put_array(w, at, member->layout, base + member->offset))
        default:
            PUT(put_member(w, at, member, base))
        }
    }
    return at;
}

static uint8_t *put_record(writer *w, uint8_t *at, const stele_layout *layout, const uint8_t *value)
{
    return put_members(w, at, layout->members, layout->count, value);
}

static uint8_t *put_items(writer *w, uint8_t *at, const stele_layout *layout,
                          const stele_array *array)
{
    const stele_member *members = layout->item;
    uint32_t count = 1;
    const uint8_t *item = array->items;
    if (members->plain == STELE_KIND_RECORD &&
        !members->recurs) { /* its fields, without a call for each item */
        const stele_layout *record = members->layout;
        item += members->offset;
        members = record->members;
        count = record->count;
    }
    for (size_t i = 0; i < array->count; i++, item += layout->stride) {
        at = put_members(w, at, members, count, item);
        if (at == NULL) {
            stele_value_path_index(&w->path, i);
            return NULL;
        }
    }
    return at;
}

static uint8_t *put_array(writer *w, uint8_t *at, const stele_layout *layout, const uint8_t *value)
{
    stele_array array;
    memcpy(&array, value, sizeof array);
    if (array.count > 0) {
        at = put_long(at, (int64_t)array.count);
        at = put_items(w, at, layout, &array);
        if (at == NULL) return NULL;
        at = room_for_head(w, at);
    }
    *at = 0;
    return at + 1;
}

static uint8_t *put_entries(writer *w, uint8_t *at, const stele_layout *layout,
                            const stele_map *map, const size_t *order)
{
    for (size_t i = 0; i < map->count; i++) {
        size_t index = order == NULL ? i : order[i];
        const uint8_t *entry = (const uint8_t *)map->entries + index * layout->stride;
        stele_bytes key = stele_load_bytes(entry);
        at = put_string(w, at, key);
        if (at != NULL) at = put_member(w, room_for_head(w, at), layout->item, entry);
        if (at == NULL) {
            stele_value_path_key(&w->path, key);
            return NULL;
        }
    }
    return at;
}

/* Keys in order, so that equal maps are equal bytes. */
static uint8_t *put_map(writer *w, uint8_t *at, const stele_layout *layout, const uint8_t *value)
{
    stele_map map;
    memcpy(&map, value, sizeof map);
    if (map.count > 0) {
        size_t *order;
        if (!stele_map_order(map.entries, map.count, layout->stride, &order)) {
            return refuse(w, STELE_E_INVALID, "a map that holds a key twice");
        }
        at = stele_write_long(at, (int64_t)map.count);
        at = put_entries(w, at, layout, &map, order);
        free(order);
        if (at == NULL) return NULL;
        at = room_for_head(w, at);
    }
    *at = 0;
    return at + 1;
}

#define PUT_NUMBER(type, function)                                                                 \
    {                                                                                              \
        type number;                                                                               \
        memcpy(&number, value, sizeof number);                                                     \
        return function(at, number);                                                               \
    }

/* One value that is there and in place. */
static uint8_t *put_value(writer *w, uint8_t *at, const stele_layout *layout, const uint8_t *value)
{
    switch (layout->kind) {
    case STELE_KIND_NULL:
        return at;
    case STELE_KIND_BOOLEAN:
        PUT_NUMBER(uint8_t, put_boolean)
    case STELE_KIND_INT:
        PUT_NUMBER(int32_t, put_int)
    case STELE_KIND_LONG:
        PUT_NUMBER(int64_t, put_long)
    case STELE_KIND_FLOAT:
        PUT_NUMBER(float, stele_write_float)
    case STELE_KIND_DOUBLE:
        PUT_NUMBER(double, stele_write_double)
    case STELE_KIND_BYTES:
        return put_bytes(w, at, layout, value);
    case STELE_KIND_STRING:
        return put_string(w, at, stele_load_bytes(value));
    case STELE_KIND_FIXED:
        return put_fixed(w, at, layout, value);
    case STELE_KIND_ENUM:
        return put_enum(w, at, layout, value);
    case STELE_KIND_ARRAY:
        return put_array(w, at, layout, value);
    case STELE_KIND_MAP:
        return put_map(w, at, layout, value);
    case STELE_KIND_RECORD:
        return put_record(w, at, layout, value);
    case STELE_KIND_UNION:
        return put_union(w, at, layout, value);
    }
    return at;
}

stele_status stele_encode(const stele_type *type, const void *value, stele_buffer *out,
                          stele_error *err)
{
    if (type->encode != NULL) return type->encode(value, out, err);
    size_t before = out->size;
    if (out->capacity - before < HEAD_MAX) stele_buffer_reserve(out, HEAD_MAX);
    writer w; /* without its texts, which only a failure fills */
    w.out = out;
    take_memory(&w);
    w.depth_left = DEPTH_MAX;
    w.status = STELE_OK;
    w.path.size = 0;
    const stele_layout *layout = type->layout;
    uint8_t *at = out->data + before;
    at = layout->kind == STELE_KIND_RECORD ? put_record(&w, at, layout, value)
                                           : put_value(&w, at, layout, value);
    if (at == NULL) {
        out->size = before;
        return stele_value_path_fail(&w.path, w.status, w.why, err);
    }
    out->size = (size_t)(at - out->data);
    return STELE_OK;
}
