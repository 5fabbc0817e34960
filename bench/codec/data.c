/* SPDX-License-Identifier: MIT
 * Values that look like those of an application: short ASCII strings with now and then an accent,
 * ids that count, amounts of a few digits, times of this decade. */
#include "data.h"

#include <string.h>

static uint64_t draw(random_source *random, uint64_t below)
{
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return random->state % below;
}

static stele_bytes word(random_source *random, stele_arena *arena, size_t min, size_t max)
{
    size_t size = min + (size_t)draw(random, max - min + 1);
    uint8_t *text = stele_arena_take(arena, size);
    for (size_t i = 0; i < size; i++)
        text[i] = (uint8_t) "abcdefghijklmnopqrstuvwxyz ABC0123456789"[draw(random, 40)];
    if (size > 4 && draw(random, 10) == 0) memcpy(text + 1, "\xc3\xa9", 2);
    return stele_bytes_of(text, size);
}

static int64_t time_ms(random_source *random)
{
    return 1600000000000 + (int64_t)draw(random, 200000000000);
}

static double real(random_source *random)
{
    return (double)draw(random, 1000000) / 997.0 - 400.0;
}

void make_event(random_source *random, void *value, stele_arena *arena)
{
    bench_order_placed *e = value;
    *e = (bench_order_placed){
        .order_id = word(random, arena, 36, 36),
        .customer = word(random, arena, 8, 16),
        .currency = word(random, arena, 3, 3),
        .number = (int64_t)draw(random, 10000000),
        .total_cents = (int64_t)draw(random, 100000),
        .placed_at = time_ms(random),
        .channel = (bench_channel)draw(random, 4),
        .has_note = draw(random, 2) == 0,
        .has_coupon = draw(random, 4) == 0,
        .address = {word(random, arena, 12, 24), word(random, arena, 6, 14),
                    word(random, arena, 5, 5)},
    };
    if (e->has_note) e->note = word(random, arena, 10, 40);
    if (e->has_coupon) e->coupon = word(random, arena, 6, 10);
    e->items.count = 1 + (size_t)draw(random, 5);
    e->items.items = stele_arena_take(arena, e->items.count * sizeof *e->items.items);
    for (size_t i = 0; i < e->items.count; i++) {
        e->items.items[i] = (bench_item){word(random, arena, 8, 12), 1 + (int32_t)draw(random, 9),
                                         (int64_t)draw(random, 20000)};
    }
}

void make_old_event(const bench_order_placed *event, bench_old_order_placed *old,
                    stele_arena *arena)
{
    *old = (bench_old_order_placed){
        .order_id = event->order_id,
        .customer = event->customer,
        .currency = event->currency,
        .number = event->number,
        .total_cents = event->total_cents,
        .placed_at = event->placed_at,
        .channel = (bench_old_channel)event->channel,
        .clerk = stele_text("Agnes"),
        .has_note = event->has_note,
        .note = event->note,
        .address = {event->address.street, event->address.city, event->address.zip},
    };
    old->items.count = event->items.count;
    old->items.items = stele_arena_take(arena, old->items.count * sizeof *old->items.items);
    for (size_t i = 0; i < old->items.count; i++) {
        const bench_item *item = &event->items.items[i];
        old->items.items[i] = (bench_old_item){item->sku, item->quantity, item->cents};
    }
}

void make_numbers(random_source *random, void *value, stele_arena *arena)
{
    (void)arena;
    *(bench_numbers *)value = (bench_numbers){
        .sensor = (int32_t)draw(random, 500),
        .channel = (int32_t)draw(random, 8),
        .sequence = (int64_t)draw(random, 1000000),
        .at = time_ms(random) * 1000,
        .x = real(random),
        .y = real(random),
        .z = real(random),
        .weight = real(random),
        .humidity = (float)real(random),
        .pressure = (float)real(random),
        .valid = draw(random, 2) == 0,
        .alarm = draw(random, 10) == 0,
        .low = -(int32_t)draw(random, 100),
        .high = (int32_t)draw(random, 100),
        .sum = (int64_t)draw(random, 100000000),
        .count = (int64_t)draw(random, 1000),
    };
}

void make_strings(random_source *random, void *value, stele_arena *arena)
{
    bench_strings *s = value;
    stele_bytes *const fields[] = {&s->a, &s->b, &s->c, &s->d, &s->e, &s->f, &s->g, &s->h,
                                   &s->i, &s->j, &s->k, &s->l, &s->m, &s->n, &s->o, &s->p};
    for (size_t i = 0; i < 16; i++)
        *fields[i] = word(random, arena, 0, 40);
}

void make_nested(random_source *random, void *value, stele_arena *arena)
{
    bench_drawing_layers *layers = &((bench_drawing *)value)->layers;
    layers->count = 1 + (size_t)draw(random, 4);
    layers->items = stele_arena_take(arena, layers->count * sizeof *layers->items);
    for (size_t i = 0; i < layers->count; i++) {
        bench_drawing_layers_item *points = &layers->items[i];
        points->count = (size_t)draw(random, 8);
        points->items = stele_arena_take(arena, points->count * sizeof *points->items);
        for (size_t k = 0; k < points->count; k++) {
            bench_point *point = &points->items[k];
            point->x = (int32_t)draw(random, 2000) - 1000;
            point->y = (int32_t)draw(random, 2000) - 1000;
            point->marks.count = (size_t)draw(random, 5);
            point->marks.items =
                stele_arena_take(arena, point->marks.count * sizeof *point->marks.items);
            for (size_t m = 0; m < point->marks.count; m++)
                point->marks.items[m] = (int64_t)draw(random, 1000000);
        }
    }
}

static void make_branch(random_source *random, bench_change_before *u, stele_arena *arena)
{
    memset(u, 0, sizeof *u);
    u->branch = (int32_t)draw(random, 9);
    switch (u->branch) {
    case BENCH_CHANGE_BEFORE_BOOLEAN:
        u->as.boolean = true;
        break;
    case BENCH_CHANGE_BEFORE_INT:
        u->as.int_ = (int32_t)draw(random, 1000);
        break;
    case BENCH_CHANGE_BEFORE_LONG:
        u->as.long_ = time_ms(random);
        break;
    case BENCH_CHANGE_BEFORE_DOUBLE:
        u->as.double_ = real(random);
        break;
    case BENCH_CHANGE_BEFORE_STRING:
        u->as.string = word(random, arena, 0, 40);
        break;
    case BENCH_CHANGE_BEFORE_MOVED:
        u->as.moved = (bench_moved){real(random), real(random)};
        break;
    case BENCH_CHANGE_BEFORE_RENAMED:
        u->as.renamed.name = word(random, arena, 4, 20);
        u->as.renamed.has_language = draw(random, 2) == 0;
        if (u->as.renamed.has_language) u->as.renamed.language = word(random, arena, 2, 2);
        break;
    case BENCH_CHANGE_BEFORE_PRICED:
        u->as.priced = (bench_priced){(int64_t)draw(random, 100000), word(random, arena, 3, 3)};
        break;
    default:
        break;
    }
}

void make_union(random_source *random, void *value, stele_arena *arena)
{
    bench_change *change = value;
    bench_change_before after;
    make_branch(random, &change->before, arena);
    make_branch(random, &after, arena);
    memcpy(&change->after, &after, sizeof after);
}
