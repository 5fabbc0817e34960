/* SPDX-License-Identifier: MIT
 * Values of any type at random, from a seed: what round trips are tried with. */
#ifndef STELE_TESTS_SCHEMAS_RANDOM_VALUE_H
#define STELE_TESTS_SCHEMAS_RANDOM_VALUE_H

#include <stele/type.h>

/** A seeded source of numbers; any state but 0. */
typedef struct random_source {
    uint64_t state;
} random_source;

uint64_t random_below(random_source *source, uint64_t below);

/**
 * Fill `value`, a struct of this type. Numbers are small and large, strings have characters of all
 * lengths, optional values and branches come in all forms; recursion ends after a few levels.
 */
void random_value(random_source *source, const stele_type *type, void *value, stele_arena *arena);

#endif
