/* SPDX-License-Identifier: MIT
 * Randomness of tests that can be repeated: the seed is printed, STELE_SEED gives it again. */
#ifndef STELE_TESTS_SUPPORT_RANDOM_H
#define STELE_TESTS_SUPPORT_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct stele_random {
    uint64_t state;
} stele_random;

/** Seeded from STELE_SEED, or from the clock; says on stdout which. */
static inline stele_random stele_random_from_environment(void)
{
    const char *text = getenv("STELE_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10)
                                 : (uint64_t)now.tv_sec * 1000000007 + (uint64_t)now.tv_nsec;
    printf("STELE_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout); /* whoever does not end is killed, and is to be played again */
    return (stele_random){seed};
}

/** SplitMix64. */
static inline uint64_t stele_random_next(stele_random *random)
{
    uint64_t z = random->state += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

/** From 0 up to, not including, `limit`. */
static inline uint32_t stele_random_below(stele_random *random, uint32_t limit)
{
    return (uint32_t)(stele_random_next(random) % limit);
}

#endif
