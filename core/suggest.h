/* SPDX-License-Identifier: MIT
 * "Did you mean": the nearest of the words that would have been right. */
#ifndef STELE_CORE_SUGGEST_H
#define STELE_CORE_SUGGEST_H

#include <stddef.h>

#include <stele/bytes.h>

/** The search for the word that is nearest to `word`; fill in `word`, the rest is zero. */
typedef struct stele_suggestion {
    stele_bytes word; /* borrowed: what someone typed */
    const char *best; /* NULL: nothing is near */
    size_t best_distance;
} stele_suggestion;

/** Offer a word that would have been right; it is borrowed. */
void stele_suggestion_offer(stele_suggestion *suggestion, const char *candidate);

#endif
