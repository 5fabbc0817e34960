/* SPDX-License-Identifier: MIT
 * Which instance has a partition of a projection, by what workers report in `_stele.status`. It is
 * a hint: whoever is asked says whether it has it, and no answer is wrong because of it. */
#ifndef STELE_SERVER_PROJECTION_PLACES_H
#define STELE_SERVER_PROJECTION_PLACES_H

#include <stele/error.h>

#include "core/scope.h"
#include "kafka/log.h"

enum { STELE_PLACE_ADDRESS_MAX = 300 };

/** Any thread may use it. */
typedef struct stele_places stele_places;

/** @param log  borrowed, outlives it @return never NULL; caller owns */
stele_places *stele_places_new(stele_log *log);
void stele_places_free(stele_places *places);
STELE_SCOPE(stele_places, stele_places_free);

/** Where a partition is. */
typedef struct stele_place {
    char address[STELE_PLACE_ADDRESS_MAX]; /* "10.0.0.7:8080" */
    bool is_stopped;                       /* a person has to do something first; no address */
    char reason[STELE_ERROR_TEXT_MAX];     /* why it is stopped */
} stele_place;

/**
 * Where is it? The topic is read at first, and again, once a second at most, where nothing is
 * known, there was a doubt, or the partition is stopped; that takes two seconds at most.
 *
 * @param group  "<projection>.v<n>"
 * @return false: no one has reported on it lately, or he has no address, or does not answer
 */
bool stele_places_find(stele_places *places, const char *group, stele_partition source,
                       stele_place *out);

/** Someone was not where he was said to be. */
void stele_places_doubt(stele_places *places);

/** Whoever is at that address does not answer: for five seconds no one is sent there. */
void stele_places_shun(stele_places *places, const char *address);

#endif
