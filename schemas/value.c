/* SPDX-License-Identifier: MIT
 * Owned values: release, copy and compare, by the layout. Depth is that of values, which decoding
 * and JSON limit. */
#include <math.h>
#include <stdlib.h>

#include <stele/generated.h>

#include "core/alloc.h"
#include "schemas/big_decimal.h"
#include "schemas/layout.h"

static void clear(const stele_layout *layout, uint8_t *value);

static void clear_member(const stele_member *member, uint8_t *base)
{
    if (member->layout == NULL) return;
    uint8_t *value = base + member->offset;
    if (!member->pointer) {
        clear(member->layout, value);
        return;
    }
    void *pointed = stele_load_pointer(value);
    if (pointed == NULL) return;
    clear(member->layout, pointed);
    free(pointed);
}

static void clear_list(const stele_layout *layout, uint8_t *value)
{
    stele_array list;
    memcpy(&list, value, sizeof list);
    for (size_t i = 0; i < list.count; i++) {
        uint8_t *item = (uint8_t *)list.items + i * layout->stride;
        if (layout->kind == STELE_KIND_MAP) free((void *)stele_load_bytes(item).data);
        clear_member(layout->item, item);
    }
    free(list.items);
}

static void clear(const stele_layout *layout, uint8_t *value)
{
    if (stele_layout_is_bytes(layout)) {
        free((void *)stele_load_bytes(value).data);
    } else if (layout->kind == STELE_KIND_ARRAY || layout->kind == STELE_KIND_MAP) {
        clear_list(layout, value);
    } else if (layout->kind == STELE_KIND_RECORD) {
        for (uint32_t i = 0; i < layout->count; i++)
            clear_member(&layout->members[i], value);
    } else if (layout->kind == STELE_KIND_UNION) {
        uint32_t branch = stele_load_branch(value);
        if (branch < layout->count) clear_member(&layout->members[branch], value);
    }
}

void stele_value_clear(const stele_type *type, void *value)
{
    clear(type->layout, value);
    memset(value, 0, type->layout->size);
}

static stele_bytes copy_text(stele_bytes text)
{
    if (text.size == 0) return (stele_bytes){0};
    uint8_t *copy = stele_alloc(text.size);
    memcpy(copy, text.data, text.size);
    return stele_bytes_of(copy, text.size);
}

void stele_text_set(stele_bytes *field, stele_bytes text)
{
    stele_bytes copy = copy_text(text);
    free((void *)field->data);
    *field = copy;
}

static void copy(const stele_layout *layout, uint8_t *to, const uint8_t *from);

/* `to` is all zero. What is not there is not looked at: it may be uninitialised or dangle. */
static void copy_member(const stele_member *member, uint8_t *to, const uint8_t *from)
{
    if (member->flag_offset != STELE_NO_FLAG) {
        bool has = from[member->flag_offset] != 0;
        to[member->flag_offset] = has;
        if (!has) return;
    }
    if (member->layout == NULL) return;
    if (!member->pointer) {
        copy(member->layout, to + member->offset, from + member->offset);
        return;
    }
    const void *pointed = stele_load_pointer(from + member->offset);
    if (pointed == NULL) return;
    void *made = stele_alloc(member->layout->size);
    copy(member->layout, made, pointed);
    memcpy(to + member->offset, &made, sizeof made);
}

static void copy_list(const stele_layout *layout, uint8_t *to, const uint8_t *from)
{
    stele_array list;
    memcpy(&list, from, sizeof list);
    if (list.count == 0) return;
    /* A power of two, as stele_owned_grow expects it. */
    size_t room = 1;
    while (room < list.count)
        room *= 2;
    uint8_t *items = stele_alloc_array(room, layout->stride);
    for (size_t i = 0; i < list.count; i++) {
        uint8_t *item = items + i * layout->stride;
        const uint8_t *source = (const uint8_t *)list.items + i * layout->stride;
        if (layout->kind == STELE_KIND_MAP) {
            stele_bytes key = copy_text(stele_load_bytes(source));
            memcpy(item, &key, sizeof key);
        }
        copy_member(layout->item, item, source);
    }
    list.items = items;
    memcpy(to, &list, sizeof list);
}

static void copy(const stele_layout *layout, uint8_t *to, const uint8_t *from)
{
    if (stele_layout_is_bytes(layout)) {
        stele_bytes text = copy_text(stele_load_bytes(from));
        memcpy(to, &text, sizeof text);
    } else if (layout->kind == STELE_KIND_ARRAY || layout->kind == STELE_KIND_MAP) {
        copy_list(layout, to, from);
    } else if (layout->kind == STELE_KIND_RECORD) {
        for (uint32_t i = 0; i < layout->count; i++)
            copy_member(&layout->members[i], to, from);
    } else if (layout->kind == STELE_KIND_UNION) {
        uint32_t branch = stele_load_branch(from);
        memcpy(to, from, sizeof(int32_t));
        if (branch < layout->count) copy_member(&layout->members[branch], to, from);
    } else {
        memcpy(to, from, layout->size);
    }
}

void stele_value_copy(const stele_type *type, void *to, const void *from)
{
    if (to == from) return;
    stele_value_clear(type, to);
    copy(type->layout, to, from);
}

static bool equal(const stele_layout *layout, const uint8_t *a, const uint8_t *b);

static bool equal_member(const stele_member *member, const uint8_t *a, const uint8_t *b)
{
    if (member->flag_offset != STELE_NO_FLAG) {
        bool has = a[member->flag_offset] != 0;
        if (has != (b[member->flag_offset] != 0)) return false;
        if (!has) return true;
    }
    if (member->layout == NULL) return true;
    a += member->offset;
    b += member->offset;
    if (!member->pointer) return equal(member->layout, a, b);
    const void *one = stele_load_pointer(a);
    const void *other = stele_load_pointer(b);
    if (one == NULL && other == NULL) return true;
    if (one != NULL && other != NULL) return equal(member->layout, one, other);
    /* A pointer that is NULL stands for a value that is all zero, as in encoding. */
    STELE_AUTO(uint8_t) zero = stele_alloc(member->layout->size);
    return equal(member->layout, one == NULL ? zero : one, other == NULL ? zero : other);
}

static bool same_text(stele_bytes a, stele_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool equal_list(const stele_layout *layout, const uint8_t *a, const uint8_t *b)
{
    stele_array one;
    stele_array other;
    memcpy(&one, a, sizeof one);
    memcpy(&other, b, sizeof other);
    if (one.count != other.count) return false;

    bool map = layout->kind == STELE_KIND_MAP;
    size_t *one_order = NULL;
    size_t *other_order = NULL;
    bool same = true;
    if (map) {
        same = stele_map_order(one.items, one.count, layout->stride, &one_order) ==
               stele_map_order(other.items, other.count, layout->stride, &other_order);
    }
    for (size_t i = 0; i < one.count && same; i++) {
        size_t k = one_order == NULL ? i : one_order[i];
        size_t m = other_order == NULL ? i : other_order[i];
        const uint8_t *left = (const uint8_t *)one.items + k * layout->stride;
        const uint8_t *right = (const uint8_t *)other.items + m * layout->stride;
        if (map) same = same_text(stele_load_bytes(left), stele_load_bytes(right));
        same = same && equal_member(layout->item, left, right);
    }
    free(one_order);
    free(other_order);
    return same;
}

static bool equal_record(const stele_layout *layout, const uint8_t *a, const uint8_t *b)
{
    for (uint32_t i = 0; i < layout->count; i++) {
        if (!equal_member(&layout->members[i], a, b)) return false;
    }
    return true;
}

/* By their bits, so that 0 and -0 differ as their encodings do; but every NaN is the same. */
static bool equal_real(const stele_layout *layout, const uint8_t *a, const uint8_t *b)
{
    if (memcmp(a, b, layout->size) == 0) return true;
    if (layout->kind == STELE_KIND_FLOAT) {
        float one;
        float other;
        memcpy(&one, a, sizeof one);
        memcpy(&other, b, sizeof other);
        return isnan(one) && isnan(other);
    }
    double one;
    double other;
    memcpy(&one, a, sizeof one);
    memcpy(&other, b, sizeof other);
    return isnan(one) && isnan(other);
}

/* Of a decimal in bytes, where none at all are 0. */
static bool equal_decimal(const uint8_t *a, const uint8_t *b)
{
    return stele_bytes_equal(stele_big_decimal_or_zero(stele_load_bytes(a)),
                             stele_big_decimal_or_zero(stele_load_bytes(b)));
}

static bool equal(const stele_layout *layout, const uint8_t *a, const uint8_t *b)
{

    switch (layout->kind) {
    case STELE_KIND_NULL:
        return true;
    case STELE_KIND_FLOAT:
    case STELE_KIND_DOUBLE:
        return equal_real(layout, a, b);
    case STELE_KIND_RECORD:
        return equal_record(layout, a, b);
    case STELE_KIND_UNION: {
        uint32_t branch = stele_load_branch(a);
        if (branch != stele_load_branch(b)) return false;
        return branch >= layout->count || equal_member(&layout->members[branch], a, b);
    }
    case STELE_KIND_ARRAY:
    case STELE_KIND_MAP:
        return equal_list(layout, a, b);
    default:
        if (stele_layout_is_bytes(layout)) {
            if (stele_layout_is_wide_decimal(layout)) return equal_decimal(a, b);
            return same_text(stele_load_bytes(a), stele_load_bytes(b));
        }
        if (layout->kind == STELE_KIND_FIXED && layout->fixed_size == 0) return true;
        return memcmp(a, b, layout->size) == 0;
    }
}

bool stele_value_equal(const stele_type *type, const void *a, const void *b)
{
    return equal(type->layout, a, b);
}
