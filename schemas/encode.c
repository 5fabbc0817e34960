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

static bool put_record(writer *w, const stele_layout *layout, const uint8_t *value)
{
    for (uint32_t i = 0; i < layout->count; i++) {
        if (put_member(w, &layout->members[i], value)) continue;
        stele_value_path_field(&w->path, layout->members[i].name);
        return false;
    }
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

static bool put_entries(writer *w, const stele_layout *layout, const stele_array *list,
                        const size_t *order)
{
    bool map = layout->kind == STELE_KIND_MAP;
    for (size_t i = 0; i < list->count; i++) {
        size_t index = order == NULL ? i : order[i];
        const uint8_t *item = (const uint8_t *)list->items + index * layout->stride;
        if (map && !put_string(w, stele_load_bytes(item))) return false;
        if (put_member(w, layout->item, item)) continue;
        if (map) {
            stele_value_path_key(&w->path, stele_load_bytes(item));
        } else {
            stele_value_path_index(&w->path, index);
        }
        return false;
    }
    return true;
}

static bool put_list(writer *w, const stele_layout *layout, const uint8_t *value)
{
    stele_array list;
    memcpy(&list, value, sizeof list);
    room(w, VARINT_MAX);
    if (list.count > 0) {
        w->at = stele_write_long(w->at, (int64_t)list.count);
        size_t *order = NULL;
        if (layout->kind == STELE_KIND_MAP &&
            !stele_map_order(list.items, list.count, layout->stride, &order)) {
            return refuse(w, STELE_E_INVALID, "a map that holds a key twice");
        }
        bool done = put_entries(w, layout, &list, order);
        free(order);
        if (!done) return false;
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
    case STELE_KIND_BOOLEAN:
        *w->at++ = *value != 0;
        return true;
    case STELE_KIND_INT: {
        int32_t number;
        memcpy(&number, value, sizeof number);
        w->at = stele_write_int(w->at, number);
        return true;
    }
    case STELE_KIND_LONG: {
        int64_t number;
        memcpy(&number, value, sizeof number);
        w->at = stele_write_long(w->at, number);
        return true;
    }
    case STELE_KIND_FLOAT: {
        float number;
        memcpy(&number, value, sizeof number);
        w->at = stele_write_float(w->at, number);
        return true;
    }
    case STELE_KIND_DOUBLE: {
        double number;
        memcpy(&number, value, sizeof number);
        w->at = stele_write_double(w->at, number);
        return true;
    }
    case STELE_KIND_BYTES:
        return put_bytes(w, layout, value);
    case STELE_KIND_STRING:
        return put_string(w, stele_load_bytes(value));
    case STELE_KIND_FIXED:
        return put_fixed(w, layout, value);
    case STELE_KIND_ENUM:
        return put_enum(w, layout, value);
    case STELE_KIND_ARRAY:
    case STELE_KIND_MAP:
        return put_list(w, layout, value);
    case STELE_KIND_RECORD:
        return put_record(w, layout, value);
    case STELE_KIND_UNION:
        return put_union(w, layout, value);
    }
    return refuse(w, STELE_E_INTERNAL, "a layout of kind %d", (int)layout->kind);
}

stele_status stele_encode(const stele_type *type, const void *value, stele_buffer *out,
                          stele_error *err)
{
    if (type->encode != NULL) return type->encode(value, out, err);
    size_t before = out->size;
    writer w = {.out = out, .depth_left = DEPTH_MAX};
    w.at = stele_buffer_reserve(out, VARINT_MAX);
    w.end = out->data + out->capacity;
    if (put(&w, type->layout, value)) {
        out->size = (size_t)(w.at - out->data);
        return STELE_OK;
    }
    out->size = before;
    return stele_value_path_fail(&w.path, w.status, w.why, err);
}
