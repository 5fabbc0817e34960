/* SPDX-License-Identifier: MIT
 * Which instance has a partition of a projection, by what workers report in `_stele.status`. It is
 * a hint: whoever is asked says whether it has it, and no answer is wrong because of it. */
#ifndef STELE_SERVER_PROJECTION_PLACES_H
#define STELE_SERVER_PROJECTION_PLACES_H

#include "core/scope.h"
#include "kafka/log.h"

enum { STELE_PLACE_ADDRESS_MAX = 300 };

/** Any thread may use it. */
typedef struct stele_places stele_places;

/** @param log  borrowed, outlives it @return never NULL; caller owns */
stele_places *stele_places_new(stele_log *log);
void stele_places_free(stele_places *places);
STELE_SCOPE(stele_places, stele_places_free);

/**
 * Where is it? The topic is read at first, and again, once a second at most, where nothing is known
 * or there was a doubt; that takes two seconds at most.
 *
 * @param group  "<projection>.v<n>"
 * @param out    "10.0.0.7:8080"
 * @return false: no one has reported on it lately, or he has no address, or does not answer
 */
bool stele_places_find(stele_places *places, const char *group, stele_partition source,
                       char out[STELE_PLACE_ADDRESS_MAX]);

/** Someone was not where he was said to be. */
void stele_places_doubt(stele_places *places);

/** Whoever is at that address does not answer: for five seconds no one is sent there. */
void stele_places_shun(stele_places *places, const char *address);

#endif
