/* SPDX-License-Identifier: MIT
 * Values to Avro binary by the layout (specification, "Binary Encoding"). Equal values make equal
 * bytes: map keys sorted, one block per array or map, NaN normalised. */
#include <stele/codec.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <stele/generated.h>

#include "core/alloc.h"
#include "core/text.h"
#include "schemas/layout.h"
#include "schemas/value_path.h"

enum { DEPTH_MAX = 64, VARINT_MAX = 10 };

typedef struct writer {
    stele_buffer *out;
    uint8_t *at;  /* within the buffer's memory */
    uint8_t *end; /* of the buffer's memory */
    unsigned depth_left;
    stele_status status;
    char why[STELE_VALUE_WHY_MAX];
    stele_value_path path;
} writer;

static bool put(writer *w, const stele_layout *layout, const uint8_t *value);

/* Say why, once; the callers add the path. Always false. */
static STELE_PRINTF(3, 4) bool refuse(writer *w, stele_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(w->why, sizeof w->why, format, arguments);
    va_end(arguments);
    w->status = status;
    return false;
}

static void grow(writer *w, size_t more)
{
    w->out->size = (size_t)(w->at - w->out->data);
    w->at = stele_buffer_reserve(w->out, more);
    w->end = w->out->data + w->out->capacity;
}

static inline void room(writer *w, size_t more)
{
    if ((size_t)(w->end - w->at) < more) grow(w, more);
}

static void put_text(writer *w, stele_bytes text)
{
    room(w, VARINT_MAX + text.size);
    w->at = stele_write_bytes(w->at, text);
}

static bool put_string(writer *w, stele_bytes text)
{
    if (!stele_utf8_valid(text.data, text.size)) {
        return refuse(w, STELE_E_INVALID, "string that is not UTF-8: %s", stele_quote(text).text);
    }
    put_text(w, text);
    return true;
}

static bool put_decimal(writer *w, const stele_layout *layout, const uint8_t *value)
{
    int64_t unscaled;
    memcpy(&unscaled, value, sizeof unscaled);
    bool fixed = layout->kind == STELE_KIND_FIXED;
    room(w, VARINT_MAX + (fixed ? layout->fixed_size : sizeof unscaled));
    uint8_t *at =
        fixed ? stele_write_decimal_fixed(w->at, unscaled, layout->precision, layout->fixed_size)
              : stele_write_decimal(w->at, unscaled, layout->precision);
    if (at == NULL) {
        return refuse(w, STELE_E_INVALID, "decimal %" PRId64 " has more than %" PRIu32 " digits",
                      unscaled, layout->precision);
    }
    w->at = at;
    return true;
}

static bool put_bytes(writer *w, const stele_layout *layout, const uint8_t *value)
{
    if (stele_layout_is_decimal64(layout)) return put_decimal(w, layout, value);
    put_text(w, stele_load_bytes(value));
    return true;
}

static bool put_fixed(writer *w, const stele_layout *layout, const uint8_t *value)
{
    if (stele_layout_is_decimal64(layout)) return put_decimal(w, layout, value);
    room(w, layout->fixed_size);
    if (layout->logical == STELE_LOGICAL_DURATION) {
        stele_duration duration;
        memcpy(&duration, value, sizeof duration);
        w->at = stele_write_duration(w->at, duration);
    } else {
        w->at = stele_write_raw(w->at, value, layout->fixed_size);
    }
    return true;
}

static bool put_enum(writer *w, const stele_layout *layout, const uint8_t *value)
{
    int32_t index;
    memcpy(&index, value, sizeof index);
    room(w, VARINT_MAX);
    uint8_t *at = stele_write_index(w->at, index, layout->count);
    if (at == NULL) {
        return refuse(w, STELE_E_INVALID, "symbol %" PRId32 " of %s, which has %" PRIu32, index,
                      layout->name, layout->count);
    }
    w->at = at;
    return true;
}

/* A pointer that is NULL stands for a value that is all zero. */
static bool put_pointed(writer *w, const stele_layout *layout, const uint8_t *value)
{
    if (w->depth_left == 0) {
        return refuse(w, STELE_E_LIMIT, "values are nested more than %d deep", DEPTH_MAX);
    }
    w->depth_left--;
    const uint8_t *pointed = stele_load_pointer(value);
    STELE_AUTO(uint8_t) zero = pointed == NULL ? stele_alloc(layout->size) : NULL;
    bool done = put(w, layout, pointed == NULL ? zero : pointed);
    w->depth_left++;
    return done;
}

/* A value with its `has_x` or pointer, but not its branch. */
static inline bool put_member(writer *w, const stele_member *member, const uint8_t *base)
{
    if (member->flag_offset != STELE_NO_FLAG) {
        bool has = base[member->flag_offset] != 0;
        room(w, 1);
        *w->at++ = has == member->null_first ? 2 : 0;
        if (!has) return true;
    }
    if (member->layout == NULL) return true;
    if (member->pointer) return put_pointed(w, member->layout, base + member->offset);
    return put(w, member->layout, base + member->offset);
}

/* The kinds of number, which most members are, without a call; NULL for any other. There is room.
 */
static inline uint8_t *put_number(uint8_t *at, const stele_layout *layout, const uint8_t *value)
{
    switch (layout->kind) {
    case STELE_KIND_BOOLEAN:
        *at = *value != 0;
        return at + 1;
    case STELE_KIND_INT: {
        int32_t number;
        memcpy(&number, value, sizeof number);
        return stele_write_int(at, number);
    }
    case STELE_KIND_LONG: {
        int64_t number;
        memcpy(&number, value, sizeof number);
        return stele_write_long(at, number);
    }
    case STELE_KIND_FLOAT: {
        float number;
        memcpy(&number, value, sizeof number);
        return stele_write_float(at, number);
    }
    case STELE_KIND_DOUBLE: {
        double number;
        memcpy(&number, value, sizeof number);
        return stele_write_double(at, number);
    }
    default:
        return NULL;
    }
}

/* Numbers are written here, from one to the next in registers; put_member does the rest. */
static bool put_record(writer *w, const stele_layout *layout, const uint8_t *value)
{
    const stele_member *member = layout->members;
    uint8_t *at = w->at;
    const uint8_t *end = w->end;
    for (uint32_t left = layout->count; left > 0; left--, member++) {
        if (member->flag_offset == STELE_NO_FLAG && end - at >= VARINT_MAX) {
            uint8_t *next = put_number(at, member->layout, value + member->offset);
            if (next != NULL) {
                at = next;
                continue;
            }
        }
        w->at = at;
        if (!put_member(w, member, value)) {
            stele_value_path_field(&w->path, member->name);
            return false;
        }
        at = w->at;
        end = w->end;
    }
    w->at = at;
    return true;
}

static bool put_union(writer *w, const stele_layout *layout, const uint8_t *value)
{
    uint32_t branch = stele_load_branch(value);
    if (branch >= layout->count) {
        return refuse(w, STELE_E_INVALID, "branch %" PRId32 " of a union of %" PRIu32,
                      (int32_t)branch, layout->count);
    }
    room(w, VARINT_MAX);
    w->at = stele_write_varint(w->at, (uint64_t)branch << 1);
    return put_member(w, &layout->members[branch], value);
}

/* One item behind the other, where no key comes before it. */
static bool put_items(writer *w, const stele_layout *layout, const stele_array *list)
{
    const uint8_t *item = list->items;
    bool record = layout->item->layout->kind == STELE_KIND_RECORD &&
                  layout->item->flag_offset == STELE_NO_FLAG;
    for (size_t i = 0; i < list->count; i++, item += layout->stride) {
        bool done = record ? put_record(w, layout->item->layout, item + layout->item->offset)
                           : put_member(w, layout->item, item);
        if (done) continue;
        stele_value_path_index(&w->path, i);
        return false;
    }
    return true;
}

static bool put_entries(writer *w, const stele_layout *layout, const stele_map *map,
                        const size_t *order)
{
    for (size_t i = 0; i < map->count; i++) {
        size_t index = order == NULL ? i : order[i];
        const uint8_t *entry = (const uint8_t *)map->entries + index * layout->stride;
        if (put_string(w, stele_load_bytes(entry)) && put_member(w, layout->item, entry)) continue;
        stele_value_path_key(&w->path, stele_load_bytes(entry));
        return false;
    }
    return true;
}

/* Keys in order, so that equal maps are equal bytes. */
static bool put_sorted(writer *w, const stele_layout *layout, const stele_map *map)
{
    size_t *order;
    if (!stele_map_order(map->entries, map->count, layout->stride, &order)) {
        return refuse(w, STELE_E_INVALID, "a map that holds a key twice");
    }
    bool done = put_entries(w, layout, map, order);
    free(order);
    return done;
}

static bool put_array(writer *w, const stele_layout *layout, const uint8_t *value)
{
    stele_array array;
    memcpy(&array, value, sizeof array);
    if (array.count > 0) {
        w->at = stele_write_long(w->at, (int64_t)array.count);
        if (!put_items(w, layout, &array)) return false;
        room(w, 1);
    }
    *w->at++ = 0;
    return true;
}

static bool put_map(writer *w, const stele_layout *layout, const uint8_t *value)
{
    stele_map map;
    memcpy(&map, value, sizeof map);
    if (map.count > 0) {
        w->at = stele_write_long(w->at, (int64_t)map.count);
        if (!put_sorted(w, layout, &map)) return false;
        room(w, 1);
    }
    *w->at++ = 0;
    return true;
}

static bool put(writer *w, const stele_layout *layout, const uint8_t *value)
{
    room(w, VARINT_MAX);
    switch (layout->kind) {
    case STELE_KIND_NULL:
        return true;
    case STELE_KIND_BYTES:
        return put_bytes(w, layout, value);
    case STELE_KIND_STRING:
        return put_string(w, stele_load_bytes(value));
    case STELE_KIND_FIXED:
        return put_fixed(w, layout, value);
    case STELE_KIND_ENUM:
        return put_enum(w, layout, value);
    case STELE_KIND_ARRAY:
        return put_array(w, layout, value);
    case STELE_KIND_MAP:
        return put_map(w, layout, value);
    case STELE_KIND_RECORD:
        return put_record(w, layout, value);
    case STELE_KIND_UNION:
        return put_union(w, layout, value);
    default:
        w->at = put_number(w->at, layout, value);
        return true;
    }
}

stele_status stele_encode(const stele_type *type, const void *value, stele_buffer *out,
                          stele_error *err)
{
    if (type->encode != NULL) return type->encode(value, out, err);
    size_t before = out->size;
    writer w; /* without its texts, which only a failure fills */
    w.out = out;
    w.at = stele_buffer_reserve(out, VARINT_MAX);
    w.end = out->data + out->capacity;
    w.depth_left = DEPTH_MAX;
    w.path.size = 0;
    if (put(&w, type->layout, value)) {
        out->size = (size_t)(w.at - out->data);
        return STELE_OK;
    }
    out->size = before;
    return stele_value_path_fail(&w.path, w.status, w.why, err);
}
