/* SPDX-License-Identifier: MIT
 * Open addressing in 256 shards that grow one at a time, so that growing needs little on top. */
#include "core/fingerprints.h"

#include <stdlib.h>

#include "core/alloc.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { SHARDS = 256, SHARD_MIN = 16 };

typedef struct shard {
    uint64_t *slots; /* 0: free */
    uint32_t count, capacity;
} shard;

struct stele_fingerprints {
    shard shards[SHARDS];
    size_t count;
};

uint64_t stele_fingerprint(stele_bytes text, uint64_t seed)
{
    return XXH64(text.size > 0 ? (const void *)text.data : "", text.size, seed);
}

stele_fingerprints *stele_fingerprints_new(void)
{
    return stele_alloc(sizeof(stele_fingerprints));
}

void stele_fingerprints_free(stele_fingerprints *set)
{
    if (set == NULL) return;
    for (size_t i = 0; i < SHARDS; i++)
        free(set->shards[i].slots);
    free(set);
}

/* Where it is, or the free slot where it goes. The shard is not full. */
static uint64_t *find_slot(const shard *in, uint64_t fingerprint)
{
    uint32_t at = (uint32_t)((fingerprint & UINT32_MAX) * in->capacity >> 32);
    while (in->slots[at] != 0 && in->slots[at] != fingerprint)
        at = at + 1 == in->capacity ? 0 : at + 1;
    return &in->slots[at];
}

/* Seven of eight slots are used at most, and half as many again come with each step. */
static void make_room(shard *in)
{
    if (in->count < in->capacity - in->capacity / 8) return;
    shard grown = {.count = in->count,
                   .capacity = in->capacity == 0 ? SHARD_MIN : in->capacity + in->capacity / 2};
    grown.slots = stele_alloc_array(grown.capacity, sizeof *grown.slots);
    for (uint32_t i = 0; i < in->capacity; i++)
        if (in->slots[i] != 0) *find_slot(&grown, in->slots[i]) = in->slots[i];
    free(in->slots);
    *in = grown;
}

/* 0 marks a free slot, so it stands for another one. */
static uint64_t told_from_free(uint64_t fingerprint)
{
    return fingerprint == 0 ? 1 : fingerprint;
}

bool stele_fingerprints_add(stele_fingerprints *set, uint64_t fingerprint)
{
    fingerprint = told_from_free(fingerprint);
    shard *in = &set->shards[fingerprint >> 56];
    make_room(in);
    uint64_t *slot = find_slot(in, fingerprint);
    if (*slot != 0) return false;
    *slot = fingerprint;
    in->count++;
    set->count++;
    return true;
}

bool stele_fingerprints_has(const stele_fingerprints *set, uint64_t fingerprint)
{
    fingerprint = told_from_free(fingerprint);
    const shard *in = &set->shards[fingerprint >> 56];
    return in->capacity > 0 && *find_slot(in, fingerprint) != 0;
}

size_t stele_fingerprints_count(const stele_fingerprints *set)
{
    return set->count;
}

size_t stele_fingerprints_memory_bytes(const stele_fingerprints *set)
{
    size_t bytes = sizeof *set;
    for (size_t i = 0; i < SHARDS; i++)
        bytes += set->shards[i].capacity * sizeof(uint64_t);
    return bytes;
}
