/* SPDX-License-Identifier: MIT
 * The hash table of states: keys are bytes (aggregate ids), values are structs of one fixed size.
 *
 * Growing never stops the caller: the table is cut into segments of 1024 slots (extendible
 * hashing), and an insert splits at most one of them. A value stays at its address until its key is
 * removed. Used by one thread at a time. */
#ifndef STELE_CORE_TABLE_H
#define STELE_CORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stele/bytes.h>

#include "core/scope.h"

enum {
    STELE_TABLE_KEY_MAX = 65534,   /* bytes of a key */
    STELE_TABLE_VALUE_MAX = 131072 /* bytes of a value */
};

typedef struct stele_table stele_table;

/**
 * A new, empty table; caller owns, release with stele_table_free.
 *
 * @param value_size  bytes of each value, at most STELE_TABLE_VALUE_MAX
 * @param seed        of the hash: a random one where keys come from strangers, who could otherwise
 *                    choose ids that collide; a fixed one where a run must repeat
 */
stele_table *stele_table_new(size_t value_size, uint64_t seed);

/** Release the table with its keys and values; what a value owns is the caller's. NULL is fine. */
void stele_table_free(stele_table *table);

STELE_SCOPE(stele_table, stele_table_free);

/** How many keys there are. */
size_t stele_table_count(const stele_table *table);

/** The hash of a key in this table, for the _hashed calls: computed once, used for all of them. */
uint32_t stele_table_hash(const stele_table *table, stele_bytes key);

/**
 * Start fetching what a find of this hash will look at first, some events ahead of it. Then, closer
 * to the find, stele_table_prefetch_entry fetches the entry itself. Both are hints.
 */
void stele_table_prefetch(const stele_table *table, uint32_t hash);
void stele_table_prefetch_entry(const stele_table *table, uint32_t hash);

/**
 * The value of `key`, or NULL.
 *
 * @return borrowed, aligned to 8 bytes, valid until the key is removed or the table is freed
 */
void *stele_table_find(const stele_table *table, stele_bytes key);
void *stele_table_find_hashed(const stele_table *table, stele_bytes key, uint32_t hash);

/**
 * The value of `key`; a new one is all zero. The key is copied.
 *
 * @param is_new  set if the key was not there; NULL if that does not matter
 * @return borrowed as from find; NULL only if the key is longer than STELE_TABLE_KEY_MAX
 */
void *stele_table_insert(stele_table *table, stele_bytes key, bool *is_new);
void *stele_table_insert_hashed(stele_table *table, stele_bytes key, uint32_t hash, bool *is_new);

/** Remove `key` and its value. False if it was not there. The memory serves later keys. */
bool stele_table_remove(stele_table *table, stele_bytes key);
bool stele_table_remove_hashed(stele_table *table, stele_bytes key, uint32_t hash);

/** The key that `value`, a value of this table, belongs to; a view valid as long as the value. */
stele_bytes stele_table_key(const stele_table *table, const void *value);

/** Where a walk over the table is; all zero is the beginning. */
typedef struct stele_table_cursor {
    uint32_t slab;
    uint32_t unit;
} stele_table_cursor;

/**
 * The next value of a walk, NULL at the end. Keys may be inserted and removed during the walk: each
 * key that is there throughout comes exactly once, one that comes or goes meanwhile at most once
 * for each time it was inserted. The order is that of insertion until keys are removed.
 */
void *stele_table_next(const stele_table *table, stele_table_cursor *cursor);

#endif
