/* SPDX-License-Identifier: MIT
 * A set of 64-bit fingerprints, for "was this seen before?" over many millions of ids: 9 to 14
 * bytes of memory for each. Two texts may have one fingerprint (any two of a hundred million have,
 * in one of 3,700 such sets), so whoever must know looks at the texts again. */
#ifndef STELE_CORE_FINGERPRINTS_H
#define STELE_CORE_FINGERPRINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stele/bytes.h>

#include "core/scope.h"

/** XXH64 of the bytes. @param seed  a fingerprint goes on from another, of a text before it */
uint64_t stele_fingerprint(stele_bytes text, uint64_t seed);

typedef struct stele_fingerprints stele_fingerprints;

/** An empty set; caller owns, release with stele_fingerprints_free. Used by one thread. */
stele_fingerprints *stele_fingerprints_new(void);
void stele_fingerprints_free(stele_fingerprints *set);
STELE_SCOPE(stele_fingerprints, stele_fingerprints_free);

/** @return false: it was there already */
bool stele_fingerprints_add(stele_fingerprints *set, uint64_t fingerprint);
bool stele_fingerprints_has(const stele_fingerprints *set, uint64_t fingerprint);

size_t stele_fingerprints_count(const stele_fingerprints *set);

/** Bytes that the set holds, free places included. */
size_t stele_fingerprints_memory_bytes(const stele_fingerprints *set);

#endif
