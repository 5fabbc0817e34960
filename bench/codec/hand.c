/* SPDX-License-Identifier: MIT
 * Codecs as one writes them for a single schema when speed matters. */
#include "hand.h"

#include <string.h>

/* How far decoding has come. */
typedef struct input {
    const uint8_t *at;
    const uint8_t *end;
} input;

static bool get_long(input *in, int64_t *out)
{
    uint64_t raw = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (in->at == in->end) return false;
        uint8_t byte = *in->at++;
        raw |= (uint64_t)(byte & 0x7f) << (shift & 63);
        if (byte < 0x80) {
            *out = (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
            return true;
        }
    }
    return false;
}

/* The same with the short cases first. */
static inline bool get_short_long(input *in, int64_t *out)
{
    if (in->end - in->at < 2) return get_long(in, out);
    uint64_t raw = in->at[0];
    if (raw >= 0x80) {
        if (in->at[1] >= 0x80) return get_long(in, out);
        raw = (raw & 0x7f) | (uint64_t)in->at[1] << 7;
        in->at++;
    }
    in->at++;
    *out = (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
    return true;
}

static inline bool get_int(input *in, int32_t *out)
{
    int64_t wide;
    if (!get_short_long(in, &wide) || wide < INT32_MIN || wide > INT32_MAX) return false;
    *out = (int32_t)wide;
    return true;
}

static inline bool get_double(input *in, double *out)
{
    if (in->end - in->at < 8) return false;
    memcpy(out, in->at, 8); /* on a little-endian machine */
    in->at += 8;
    return true;
}

static inline bool get_float(input *in, float *out)
{
    if (in->end - in->at < 4) return false;
    memcpy(out, in->at, 4);
    in->at += 4;
    return true;
}

static inline bool get_boolean(input *in, bool *out)
{
    if (in->at == in->end || *in->at > 1) return false;
    *out = *in->at++ != 0;
    return true;
}

/* The strings of these shapes are ASCII in nearly every case. */
static inline bool is_utf8(const uint8_t *data, size_t size)
{
    uint64_t high = 0;
    uint64_t word;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        memcpy(&word, data + i, 8);
        high |= word;
    }
    for (; i < size; i++)
        high |= data[i];
    return (high & UINT64_C(0x8080808080808080)) == 0 || stele_utf8_valid_slow(data, size);
}

static inline bool get_string(input *in, stele_bytes *out)
{
    int64_t size;
    if (!get_short_long(in, &size) || size < 0 || size > in->end - in->at) return false;
    out->data = in->at;
    out->size = (size_t)size;
    in->at += size;
    return is_utf8(out->data, out->size);
}

static inline bool get_optional_string(input *in, bool *has, stele_bytes *out)
{
    if (in->at == in->end) return false;
    uint8_t branch = *in->at++;
    *has = branch == 2;
    *out = stele_bytes_of(NULL, 0);
    return branch == 0 || (branch == 2 && get_string(in, out));
}

/* The count of a block; items take at least `item_min` bytes. */
static inline bool get_block(input *in, int64_t item_min, size_t *count)
{
    int64_t items;
    int64_t size;
    if (!get_short_long(in, &items)) return false;
    if (items < 0) {
        if (items == INT64_MIN || !get_long(in, &size)) return false;
        items = -items;
    }
    *count = (size_t)items;
    return items <= (in->end - in->at) / item_min;
}

static bool get_item(input *in, bench_item *item)
{
    return get_string(in, &item->sku) && get_int(in, &item->quantity) &&
           get_short_long(in, &item->cents);
}

/* Room for `more` items behind `count`. */
static void *more_room(stele_arena *arena, const void *items, size_t count, size_t more,
                       size_t size)
{
    void *room = stele_arena_take(arena, (count + more) * size);
    if (count != 0) memcpy(room, items, count * size);
    return room;
}

static bool get_items(input *in, bench_order_placed_items *array, stele_arena *arena)
{
    size_t more;
    array->count = 0;
    array->items = NULL;
    for (;;) {
        if (!get_block(in, 3, &more)) return false;
        if (more == 0) return true;
        array->items = more_room(arena, array->items, array->count, more, sizeof *array->items);
        for (size_t i = 0; i < more; i++) {
            if (!get_item(in, &array->items[array->count++])) return false;
        }
    }
}

bool hand_decode_event(stele_bytes data, void *value, stele_arena *arena)
{
    input in = {data.data, data.data + data.size};
    bench_order_placed *event = value;
    int64_t channel;
    if (!get_string(&in, &event->order_id) || !get_string(&in, &event->customer) ||
        !get_string(&in, &event->currency) || !get_short_long(&in, &event->number) ||
        !get_short_long(&in, &event->total_cents) || !get_long(&in, &event->placed_at) ||
        !get_short_long(&in, &channel) || channel < 0 || channel > BENCH_CHANNEL_PHONE) {
        return false;
    }
    event->channel = (bench_channel)channel;
    return get_optional_string(&in, &event->has_note, &event->note) &&
           get_optional_string(&in, &event->has_coupon, &event->coupon) &&
           get_items(&in, &event->items, arena) && get_string(&in, &event->address.street) &&
           get_string(&in, &event->address.city) && get_string(&in, &event->address.zip) &&
           in.at == in.end;
}

bool hand_decode_numbers(stele_bytes data, void *value, stele_arena *arena)
{
    (void)arena;
    input in = {data.data, data.data + data.size};
    bench_numbers *n = value;
    return get_int(&in, &n->sensor) && get_int(&in, &n->channel) &&
           get_short_long(&in, &n->sequence) && get_long(&in, &n->at) && get_double(&in, &n->x) &&
           get_double(&in, &n->y) && get_double(&in, &n->z) && get_double(&in, &n->weight) &&
           get_float(&in, &n->humidity) && get_float(&in, &n->pressure) &&
           get_boolean(&in, &n->valid) && get_boolean(&in, &n->alarm) && get_int(&in, &n->low) &&
           get_int(&in, &n->high) && get_short_long(&in, &n->sum) &&
           get_short_long(&in, &n->count) && in.at == in.end;
}

bool hand_decode_strings(stele_bytes data, void *value, stele_arena *arena)
{
    (void)arena;
    input in = {data.data, data.data + data.size};
    bench_strings *s = value;
    return get_string(&in, &s->a) && get_string(&in, &s->b) && get_string(&in, &s->c) &&
           get_string(&in, &s->d) && get_string(&in, &s->e) && get_string(&in, &s->f) &&
           get_string(&in, &s->g) && get_string(&in, &s->h) && get_string(&in, &s->i) &&
           get_string(&in, &s->j) && get_string(&in, &s->k) && get_string(&in, &s->l) &&
           get_string(&in, &s->m) && get_string(&in, &s->n) && get_string(&in, &s->o) &&
           get_string(&in, &s->p) && in.at == in.end;
}

static bool get_marks(input *in, bench_point_marks *array, stele_arena *arena)
{
    size_t more;
    array->count = 0;
    array->items = NULL;
    for (;;) {
        if (!get_block(in, 1, &more)) return false;
        if (more == 0) return true;
        array->items = more_room(arena, array->items, array->count, more, sizeof *array->items);
        for (size_t i = 0; i < more; i++) {
            if (!get_short_long(in, &array->items[array->count++])) return false;
        }
    }
}

static bool get_points(input *in, bench_drawing_layers_item *array, stele_arena *arena)
{
    size_t more;
    array->count = 0;
    array->items = NULL;
    for (;;) {
        if (!get_block(in, 3, &more)) return false;
        if (more == 0) return true;
        array->items = more_room(arena, array->items, array->count, more, sizeof *array->items);
        for (size_t i = 0; i < more; i++) {
            bench_point *point = &array->items[array->count++];
            if (!get_int(in, &point->x) || !get_int(in, &point->y) ||
                !get_marks(in, &point->marks, arena)) {
                return false;
            }
        }
    }
}

bool hand_decode_nested(stele_bytes data, void *value, stele_arena *arena)
{
    input in = {data.data, data.data + data.size};
    bench_drawing_layers *array = &((bench_drawing *)value)->layers;
    size_t more;
    array->count = 0;
    array->items = NULL;
    for (;;) {
        if (!get_block(&in, 1, &more)) return false;
        if (more == 0) return in.at == in.end;
        array->items = more_room(arena, array->items, array->count, more, sizeof *array->items);
        for (size_t i = 0; i < more; i++) {
            if (!get_points(&in, &array->items[array->count++], arena)) return false;
        }
    }
}

/* Both fields have the same branches in the same order, but two C types. */
static bool get_branch(input *in, bench_change_before *u)
{
    int64_t branch;
    if (!get_short_long(in, &branch)) return false;
    memset(u, 0, sizeof *u);
    u->branch = (int32_t)branch;
    switch (branch) {
    case BENCH_CHANGE_BEFORE_NULL:
        return true;
    case BENCH_CHANGE_BEFORE_BOOLEAN:
        return get_boolean(in, &u->as.boolean);
    case BENCH_CHANGE_BEFORE_INT:
        return get_int(in, &u->as.int_);
    case BENCH_CHANGE_BEFORE_LONG:
        return get_short_long(in, &u->as.long_);
    case BENCH_CHANGE_BEFORE_DOUBLE:
        return get_double(in, &u->as.double_);
    case BENCH_CHANGE_BEFORE_STRING:
        return get_string(in, &u->as.string);
    case BENCH_CHANGE_BEFORE_MOVED:
        return get_double(in, &u->as.moved.x) && get_double(in, &u->as.moved.y);
    case BENCH_CHANGE_BEFORE_RENAMED:
        return get_string(in, &u->as.renamed.name) &&
               get_optional_string(in, &u->as.renamed.has_language, &u->as.renamed.language);
    case BENCH_CHANGE_BEFORE_PRICED:
        return get_short_long(in, &u->as.priced.cents) && get_string(in, &u->as.priced.currency);
    default:
        return false;
    }
}

bool hand_decode_union(stele_bytes data, void *value, stele_arena *arena)
{
    (void)arena;
    input in = {data.data, data.data + data.size};
    bench_change *change = value;
    bench_change_before after;
    if (!get_branch(&in, &change->before) || !get_branch(&in, &after)) return false;
    memcpy(&change->after, &after, sizeof after);
    return in.at == in.end;
}

/* Encoding: room for the largest size first, then without checks of it. */

static inline uint8_t *put_long(uint8_t *at, int64_t value)
{
    uint64_t raw = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    while (raw >= 0x80) {
        *at++ = (uint8_t)(raw | 0x80);
        raw >>= 7;
    }
    *at++ = (uint8_t)raw;
    return at;
}

static inline uint8_t *put_string(uint8_t *at, stele_bytes text, bool *good)
{
    *good = *good && is_utf8(text.data, text.size);
    at = put_long(at, (int64_t)text.size);
    if (text.size != 0) memcpy(at, text.data, text.size);
    return at + text.size;
}

static inline uint8_t *put_double(uint8_t *at, double value)
{
    if (value != value) {
        const uint64_t nan = UINT64_C(0x7ff8000000000000);
        memcpy(at, &nan, 8);
    } else {
        memcpy(at, &value, 8);
    }
    return at + 8;
}

static inline uint8_t *put_float(uint8_t *at, float value)
{
    if (value != value) {
        const uint32_t nan = UINT32_C(0x7fc00000);
        memcpy(at, &nan, 4);
    } else {
        memcpy(at, &value, 4);
    }
    return at + 4;
}

static inline uint8_t *put_optional_string(uint8_t *at, bool has, stele_bytes text, bool *good)
{
    *at++ = has ? 2 : 0;
    return has ? put_string(at, text, good) : at;
}

static bool finish(stele_buffer *out, const uint8_t *at, bool good)
{
    if (good) out->size = (size_t)(at - out->data);
    return good;
}

bool hand_encode_event(const void *value, stele_buffer *out)
{
    const bench_order_placed *e = value;
    size_t room = 200 + e->order_id.size + e->customer.size + e->currency.size + e->note.size +
                  e->coupon.size + e->address.street.size + e->address.city.size +
                  e->address.zip.size + e->items.count * 30;
    for (size_t i = 0; i < e->items.count; i++)
        room += e->items.items[i].sku.size;
    uint8_t *at = stele_buffer_reserve(out, room);
    bool good = (unsigned)e->channel <= BENCH_CHANNEL_PHONE;

    at = put_string(at, e->order_id, &good);
    at = put_string(at, e->customer, &good);
    at = put_string(at, e->currency, &good);
    at = put_long(at, e->number);
    at = put_long(at, e->total_cents);
    at = put_long(at, e->placed_at);
    at = put_long(at, (int64_t)e->channel);
    at = put_optional_string(at, e->has_note, e->note, &good);
    at = put_optional_string(at, e->has_coupon, e->coupon, &good);
    if (e->items.count != 0) at = put_long(at, (int64_t)e->items.count);
    for (size_t i = 0; i < e->items.count; i++) {
        const bench_item *item = &e->items.items[i];
        at = put_string(at, item->sku, &good);
        at = put_long(at, item->quantity);
        at = put_long(at, item->cents);
    }
    *at++ = 0;
    at = put_string(at, e->address.street, &good);
    at = put_string(at, e->address.city, &good);
    at = put_string(at, e->address.zip, &good);
    return finish(out, at, good);
}

bool hand_encode_numbers(const void *value, stele_buffer *out)
{
    const bench_numbers *n = value;
    uint8_t *at = stele_buffer_reserve(out, 120);
    at = put_long(at, n->sensor);
    at = put_long(at, n->channel);
    at = put_long(at, n->sequence);
    at = put_long(at, n->at);
    at = put_double(at, n->x);
    at = put_double(at, n->y);
    at = put_double(at, n->z);
    at = put_double(at, n->weight);
    at = put_float(at, n->humidity);
    at = put_float(at, n->pressure);
    *at++ = n->valid;
    *at++ = n->alarm;
    at = put_long(at, n->low);
    at = put_long(at, n->high);
    at = put_long(at, n->sum);
    at = put_long(at, n->count);
    return finish(out, at, true);
}

bool hand_encode_strings(const void *value, stele_buffer *out)
{
    const bench_strings *s = value;
    const stele_bytes *const fields[] = {&s->a, &s->b, &s->c, &s->d, &s->e, &s->f, &s->g, &s->h,
                                         &s->i, &s->j, &s->k, &s->l, &s->m, &s->n, &s->o, &s->p};
    size_t room = 160;
    for (size_t i = 0; i < 16; i++)
        room += fields[i]->size;
    uint8_t *at = stele_buffer_reserve(out, room);
    bool good = true;
    for (size_t i = 0; i < 16; i++)
        at = put_string(at, *fields[i], &good);
    return finish(out, at, good);
}

static size_t nested_room(const bench_drawing *drawing)
{
    size_t room = 20;
    for (size_t i = 0; i < drawing->layers.count; i++) {
        const bench_drawing_layers_item *points = &drawing->layers.items[i];
        room += 20 + points->count * 40;
        for (size_t k = 0; k < points->count; k++)
            room += points->items[k].marks.count * 10;
    }
    return room;
}

static uint8_t *put_point(uint8_t *at, const bench_point *point)
{
    at = put_long(at, point->x);
    at = put_long(at, point->y);
    if (point->marks.count != 0) at = put_long(at, (int64_t)point->marks.count);
    for (size_t i = 0; i < point->marks.count; i++)
        at = put_long(at, point->marks.items[i]);
    *at++ = 0;
    return at;
}

bool hand_encode_nested(const void *value, stele_buffer *out)
{
    const bench_drawing *drawing = value;
    uint8_t *at = stele_buffer_reserve(out, nested_room(drawing));
    if (drawing->layers.count != 0) at = put_long(at, (int64_t)drawing->layers.count);
    for (size_t i = 0; i < drawing->layers.count; i++) {
        const bench_drawing_layers_item *points = &drawing->layers.items[i];
        if (points->count != 0) at = put_long(at, (int64_t)points->count);
        for (size_t k = 0; k < points->count; k++)
            at = put_point(at, &points->items[k]);
        *at++ = 0;
    }
    *at++ = 0;
    return finish(out, at, true);
}

static uint8_t *put_branch(uint8_t *at, const bench_change_before *u, bool *good)
{
    at = put_long(at, u->branch);
    switch (u->branch) {
    case BENCH_CHANGE_BEFORE_NULL:
        return at;
    case BENCH_CHANGE_BEFORE_BOOLEAN:
        *at = u->as.boolean;
        return at + 1;
    case BENCH_CHANGE_BEFORE_INT:
        return put_long(at, u->as.int_);
    case BENCH_CHANGE_BEFORE_LONG:
        return put_long(at, u->as.long_);
    case BENCH_CHANGE_BEFORE_DOUBLE:
        return put_double(at, u->as.double_);
    case BENCH_CHANGE_BEFORE_STRING:
        return put_string(at, u->as.string, good);
    case BENCH_CHANGE_BEFORE_MOVED:
        return put_double(put_double(at, u->as.moved.x), u->as.moved.y);
    case BENCH_CHANGE_BEFORE_RENAMED:
        at = put_string(at, u->as.renamed.name, good);
        return put_optional_string(at, u->as.renamed.has_language, u->as.renamed.language, good);
    case BENCH_CHANGE_BEFORE_PRICED:
        return put_string(put_long(at, u->as.priced.cents), u->as.priced.currency, good);
    default:
        *good = false;
        return at;
    }
}

static size_t branch_room(const bench_change_before *u)
{
    switch (u->branch) {
    case BENCH_CHANGE_BEFORE_STRING:
        return 20 + u->as.string.size;
    case BENCH_CHANGE_BEFORE_RENAMED:
        return 40 + u->as.renamed.name.size + u->as.renamed.language.size;
    case BENCH_CHANGE_BEFORE_PRICED:
        return 30 + u->as.priced.currency.size;
    default:
        return 30;
    }
}

bool hand_encode_union(const void *value, stele_buffer *out)
{
    const bench_change *change = value;
    bench_change_before after;
    memcpy(&after, &change->after, sizeof after);
    uint8_t *at = stele_buffer_reserve(out, branch_room(&change->before) + branch_room(&after));
    bool good = true;
    at = put_branch(at, &change->before, &good);
    at = put_branch(at, &after, &good);
    return finish(out, at, good);
}
