/* SPDX-License-Identifier: MIT
 * Random values, by the layout. */
#include "tests/schemas/random_value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct maker {
    random_source *source;
    stele_arena *arena;
    unsigned depth;
} maker;

uint64_t random_below(random_source *source, uint64_t below)
{
    source->state ^= source->state << 13;
    source->state ^= source->state >> 7;
    source->state ^= source->state << 17;
    return source->state % below;
}

static uint64_t draw(maker *m, uint64_t below)
{
    return random_below(m->source, below);
}

static uint64_t bits(maker *m)
{
    return draw(m, UINT64_MAX) ^ draw(m, UINT64_MAX) << 32;
}

static int64_t number(maker *m, int64_t min, int64_t max)
{
    switch (draw(m, 6)) {
    case 0:
        return min;
    case 1:
        return max;
    case 2:
        return (int64_t)draw(m, 3) - 1;
    case 3:
        return (int64_t)draw(m, 20000) - 10000;
    default: {
        uint64_t span = (uint64_t)max - (uint64_t)min;
        return (int64_t)((uint64_t)min + (span == UINT64_MAX ? bits(m) : bits(m) % (span + 1)));
    }
    }
}

static double real(maker *m)
{
    switch (draw(m, 8)) {
    case 0:
        return (double)NAN;
    case 1:
        return (double)INFINITY;
    case 2:
        return -(double)INFINITY;
    case 3:
        return 0.0;
    case 4:
        return 1e-310;
    case 5:
        return 1.7976931348623157e308;
    default:
        return ((double)draw(m, 2000001) - 1e6) / 97.0;
    }
}

static float real_float(maker *m)
{
    double value = real(m);
    return isfinite(value) && fabs(value) > 3e38 ? 3.4028235e38f : (float)value;
}

static stele_bytes raw(maker *m, size_t size)
{
    uint8_t *data = stele_arena_take(m->arena, size);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)draw(m, 256);
    return stele_bytes_of(data, size);
}

static stele_bytes text(maker *m)
{
    static const char *const characters[] = {
        "a", "Z", "\"", "\\", "\n", "\x01", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\xa3", " "};
    size_t count = (size_t)draw(m, 12);
    uint8_t *data = stele_arena_take(m->arena, 4 * count);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        const char *character = characters[draw(m, 10)];
        memcpy(data + size, character, strlen(character));
        size += strlen(character);
    }
    return stele_bytes_of(data, size);
}

static void fill(maker *m, const stele_layout *layout, uint8_t *value);

static void fill_member(maker *m, const stele_member *member, uint8_t *base)
{
    if (member->flag_offset != STELE_NO_FLAG) {
        base[member->flag_offset] = m->depth < 6 && draw(m, 2) == 0;
        if (base[member->flag_offset] == 0) return;
    }
    if (member->layout == NULL) return;
    uint8_t *place = base + member->offset;
    if (member->pointer) {
        uint8_t *pointed = stele_arena_take(m->arena, member->layout->size);
        memset(pointed, 0, member->layout->size);
        memcpy(place, &pointed, sizeof pointed);
        place = pointed;
    }
    fill(m, member->layout, place);
}

static void fill_union(maker *m, const stele_layout *layout, uint8_t *value)
{
    int32_t branch = (int32_t)draw(m, layout->count);
    if (m->depth >= 6) branch = 0;
    memcpy(value, &branch, sizeof branch);
    fill_member(m, &layout->members[branch], value);
}

static void fill_list(maker *m, const stele_layout *layout, uint8_t *value)
{
    stele_array list = {m->depth >= 4 ? 0 : (size_t)draw(m, 4), NULL};
    if (list.count != 0) list.items = stele_arena_take(m->arena, list.count * layout->stride);
    for (size_t i = 0; i < list.count; i++) {
        uint8_t *item = (uint8_t *)list.items + i * layout->stride;
        memset(item, 0, layout->stride);
        if (layout->kind == STELE_KIND_MAP) {
            char *key = stele_arena_take(m->arena, 16);
            snprintf(key, 16, "%c%u", "ab\xc3"[draw(m, 2)], (unsigned)(list.count - i));
            stele_bytes view = stele_text(key);
            memcpy(item, &view, sizeof view);
        }
        fill_member(m, layout->item, item);
    }
    memcpy(value, &list, sizeof list);
}

static int64_t digits(maker *m, uint32_t precision)
{
    int64_t bound = 1;
    for (uint32_t i = 0; i < precision; i++)
        bound *= 10;
    return number(m, 1 - bound, bound - 1);
}

static void fill_wide_decimal(maker *m, const stele_layout *layout, uint8_t *value)
{
    /* 12 bytes are fewer than 30 digits; a first byte that is no repeated sign is the only form. */
    uint8_t *data = stele_arena_take(m->arena, 16);
    bool negative = draw(m, 2) == 0;
    memset(data, negative ? 0xff : 0, 16);
    for (size_t i = 4; i < 16; i++)
        data[i] = (uint8_t)draw(m, 256);
    data[4] = negative ? 0x80 : 0x7f;
    stele_bytes view = stele_bytes_of(data + 4, 12);
    if (layout->kind == STELE_KIND_FIXED) {
        memcpy(value, data, layout->fixed_size);
    } else {
        memcpy(value, &view, sizeof view);
    }
}

static void fill_integer(maker *m, const stele_layout *layout, uint8_t *value)
{
    bool narrow = layout->kind == STELE_KIND_INT;
    int64_t wide = number(m, narrow ? INT32_MIN : INT64_MIN, narrow ? INT32_MAX : INT64_MAX);
    if (layout->logical == STELE_LOGICAL_TIME_MILLIS) wide = (int64_t)draw(m, 86400000);
    if (layout->logical == STELE_LOGICAL_TIME_MICROS) wide = (int64_t)draw(m, 86400000000);
    int32_t small = (int32_t)wide;
    memcpy(value, narrow ? (void *)&small : (void *)&wide, narrow ? sizeof small : sizeof wide);
}

static void fill_bytes(maker *m, const stele_layout *layout, uint8_t *value)
{
    if (layout->logical == STELE_LOGICAL_DECIMAL && layout->precision <= 18) {
        int64_t unscaled = digits(m, layout->precision);
        memcpy(value, &unscaled, sizeof unscaled);
    } else if (layout->logical == STELE_LOGICAL_DECIMAL) {
        fill_wide_decimal(m, layout, value);
    } else if (layout->logical == STELE_LOGICAL_DURATION) {
        stele_duration duration = {(uint32_t)bits(m), (uint32_t)bits(m), (uint32_t)bits(m)};
        memcpy(value, &duration, sizeof duration);
    } else if (layout->kind == STELE_KIND_FIXED) {
        stele_bytes content = raw(m, layout->fixed_size);
        if (content.size != 0) memcpy(value, content.data, content.size);
    } else {
        stele_bytes content = layout->kind == STELE_KIND_STRING ? text(m) : raw(m, draw(m, 20));
        memcpy(value, &content, sizeof content);
    }
}

static void fill(maker *m, const stele_layout *layout, uint8_t *value)
{
    m->depth++;
    switch (layout->kind) {
    case STELE_KIND_NULL:
        break;
    case STELE_KIND_BOOLEAN:
        *value = (uint8_t)draw(m, 2);
        break;
    case STELE_KIND_INT:
    case STELE_KIND_LONG:
        fill_integer(m, layout, value);
        break;
    case STELE_KIND_FLOAT:
        *(float *)(void *)value = real_float(m);
        break;
    case STELE_KIND_DOUBLE:
        *(double *)(void *)value = real(m);
        break;
    case STELE_KIND_ENUM:
        *(int32_t *)(void *)value = (int32_t)draw(m, layout->count);
        break;
    case STELE_KIND_RECORD:
        for (uint32_t i = 0; i < layout->count; i++)
            fill_member(m, &layout->members[i], value);
        break;
    case STELE_KIND_UNION:
        fill_union(m, layout, value);
        break;
    case STELE_KIND_ARRAY:
    case STELE_KIND_MAP:
        fill_list(m, layout, value);
        break;
    default:
        fill_bytes(m, layout, value);
        break;
    }
    m->depth--;
}

void random_value(random_source *source, const stele_type *type, void *value, stele_arena *arena)
{
    maker m = {.source = source, .arena = arena};
    memset(value, 0, type->layout->size);
    fill(&m, type->layout, value);
}
