/* SPDX-License-Identifier: MIT
 * The values that are measured: the same ones in every run. */
#ifndef STELE_BENCH_CODEC_DATA_H
#define STELE_BENCH_CODEC_DATA_H

#include <stele/arena.h>

#include "event_old.h"
#include "hand.h"

/** A seeded source of numbers; any state but 0. */
typedef struct random_source {
    uint64_t state;
} random_source;

/** Fill a value of one shape; its strings and arrays lie in `arena`. */
typedef void make_value(random_source *random, void *value, stele_arena *arena);

make_value make_event, make_numbers, make_strings, make_nested, make_union;

/** The event as its older version would have it. */
void make_old_event(const bench_order_placed *event, bench_old_order_placed *old,
                    stele_arena *arena);

#endif
