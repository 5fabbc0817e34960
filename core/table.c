/* SPDX-License-Identifier: MIT
 * Extendible hashing over open-addressed segments; entries in slabs that never move.
 *
 *   directory[top bits of the hash] -> segment of slots {hash, entry} -> slab: value, size, key
 *
 * A slot keeps the 32 bits of the hash that place it, so splitting a segment touches no entry. */
#include "core/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/alloc.h"

enum {
    SEGMENT_SLOTS = 1024, /* 8 KiB; splitting one takes some microseconds */
    UNIT = 8,             /* entries are aligned to, and counted in, units of 8 bytes */
    SLAB_UNITS_LOG2 = 15, /* slabs of 256 KiB */
    SLAB_UNITS = 1 << SLAB_UNITS_LOG2,
    NO_ENTRY = 0,            /* unit 0 of slab 0 is left out, so that 0 is no entry */
    KEY_SIZE_FREED = 0xFFFF, /* in place of the size of a key: the entry is free */
    DEPTH_MAX = 31,
    DIRECTORY_SPARSE_LIMIT = 16 /* directory entries per segment, beyond it a segment grows */
};

/* An entry is the value, rounded up to units, then the size of the key in 2 bytes, then the key. */
typedef struct table_slot {
    uint32_t hash;
    uint32_t entry; /* number of its first unit over all slabs; NO_ENTRY if the slot is empty */
} table_slot;

typedef struct table_segment {
    table_slot *slots; /* owned; open addressing with linear probes */
    uint32_t mask;     /* slots - 1 */
    uint32_t count;    /* slots in use */
    uint32_t depth;    /* how many top bits of the hash all of its entries share */
} table_segment;

typedef struct directory_entry {
    table_slot *slots; /* the segment's, here to spare a find one step */
    uint32_t mask;     /* likewise */
    uint32_t segment;
} directory_entry;

/* What is in a free entry: a list of entries of the same size. */
typedef struct freed_entry {
    uint32_t next;
    uint32_t units;
} freed_entry;

typedef struct table_slab {
    uint8_t *memory;
    uint32_t units_used;
} table_slab;

struct stele_table {
    directory_entry *directory;
    uint32_t depth; /* the directory has 2^depth entries */
    table_segment *segments;
    uint32_t segment_count;
    uint32_t segment_capacity;

    uint64_t seed;
    uint32_t key_place; /* where in an entry the size of the key is */
    size_t count;

    table_slab *slabs;
    uint32_t slab_count;
    uint32_t slab_capacity;
    uint32_t *freed; /* by units: first free entry of that size */
    uint32_t freed_sizes;
};

/* Segments and the directory */

static table_segment segment_make(size_t slots, uint32_t depth)
{
    return (table_segment){.slots = stele_alloc_array(slots, sizeof(table_slot)),
                           .mask = (uint32_t)(slots - 1),
                           .depth = depth};
}

static void segment_clear(const table_segment *segment)
{
    free(segment->slots);
}

/* A number for one more segment, whose place is not filled yet. */
static uint32_t segment_number(stele_table *table)
{
    if (table->segment_count == table->segment_capacity) {
        table->segment_capacity = table->segment_capacity == 0 ? 4 : table->segment_capacity * 2;
        table->segments =
            stele_realloc_array(table->segments, table->segment_capacity, sizeof(table_segment));
    }
    return table->segment_count++;
}

static void segment_place(table_segment *segment, table_slot placed)
{
    uint32_t i = placed.hash & segment->mask;
    while (segment->slots[i].entry != NO_ENTRY)
        i = (i + 1) & segment->mask;
    segment->slots[i] = placed;
    segment->count++;
}

static bool segment_is_full(const table_segment *segment)
{
    uint32_t slots = segment->mask + 1;
    return segment->count >= slots - slots / 16 * 3; /* 13/16: probes stay short */
}

static uint32_t directory_index(const stele_table *table, uint32_t hash)
{
    return (uint32_t)((uint64_t)hash >> (32 - table->depth));
}

static const directory_entry *directory_of(const stele_table *table, uint32_t hash)
{
    return &table->directory[directory_index(table, hash)];
}

static table_segment *segment_of(const stele_table *table, uint32_t hash)
{
    return &table->segments[directory_of(table, hash)->segment];
}

/* Put `placed` at `number` and let the directory point to it for all hashes that share its top bits
 * with `hash`. */
static void directory_point(stele_table *table, uint32_t hash, uint32_t number,
                            table_segment placed)
{
    table->segments[number] = placed;
    uint32_t span = 1U << (table->depth - placed.depth);
    uint32_t first = directory_index(table, hash) & ~(span - 1);
    for (uint32_t i = first; i < first + span; i++) {
        table->directory[i] =
            (directory_entry){.slots = placed.slots, .mask = placed.mask, .segment = number};
    }
}

static void directory_double(stele_table *table)
{
    size_t size = (size_t)1 << table->depth;
    table->directory = stele_realloc_array(table->directory, size * 2, sizeof *table->directory);
    for (size_t i = size * 2; i-- > 0;)
        table->directory[i] = table->directory[i / 2];
    table->depth++;
}

static void segment_split(stele_table *table, uint32_t hash)
{
    if (segment_of(table, hash)->depth == table->depth) directory_double(table);

    uint32_t number = directory_of(table, hash)->segment;
    table_segment old = table->segments[number];
    uint32_t depth = old.depth + 1;
    uint32_t bit = 1U << (32 - depth);
    table_segment zero = segment_make((size_t)old.mask + 1, depth);
    table_segment one = segment_make((size_t)old.mask + 1, depth);
    for (uint32_t i = 0; i <= old.mask; i++) {
        table_slot moved = old.slots[i];
        if (moved.entry != NO_ENTRY) segment_place(moved.hash & bit ? &one : &zero, moved);
    }
    directory_point(table, hash & ~bit, number, zero);
    directory_point(table, hash | bit, segment_number(table), one);
    segment_clear(&old);
}

static void segment_grow(stele_table *table, uint32_t hash)
{
    uint32_t number = directory_of(table, hash)->segment;
    table_segment old = table->segments[number];
    table_segment grown = segment_make(((size_t)old.mask + 1) * 2, old.depth);
    for (uint32_t i = 0; i <= old.mask; i++) {
        if (old.slots[i].entry != NO_ENTRY) segment_place(&grown, old.slots[i]);
    }
    directory_point(table, hash, number, grown);
    segment_clear(&old);
}

/* Splitting is right for every fair hash. Where thousands of keys share their top bits (chosen to
 * collide) it would only double the directory, so the segment gets larger instead. */
static table_segment *make_room(stele_table *table, uint32_t hash)
{
    table_segment *place;
    while (place = segment_of(table, hash), segment_is_full(place)) {
        bool is_sparse = (1U << table->depth) >= table->segment_count * DIRECTORY_SPARSE_LIMIT;
        if (place->depth == table->depth && (is_sparse || table->depth == DEPTH_MAX)) {
            segment_grow(table, hash);
        } else {
            segment_split(table, hash);
        }
    }
    return place;
}

/* Entries */

static uint8_t *entry_at(const stele_table *table, uint32_t entry)
{
    return table->slabs[entry >> SLAB_UNITS_LOG2].memory +
           (size_t)(entry & (SLAB_UNITS - 1)) * UNIT;
}

static uint16_t key_size_of(const stele_table *table, const uint8_t *entry)
{
    uint16_t size;
    memcpy(&size, entry + table->key_place, sizeof size);
    return size;
}

static void set_key_size(const stele_table *table, uint8_t *entry, uint16_t size)
{
    memcpy(entry + table->key_place, &size, sizeof size);
}

static stele_bytes key_of(const stele_table *table, const uint8_t *entry)
{
    return stele_bytes_of(entry + table->key_place + sizeof(uint16_t), key_size_of(table, entry));
}

static uint32_t entry_units(const stele_table *table, size_t key_size)
{
    return (uint32_t)((table->key_place + sizeof(uint16_t) + key_size + UNIT - 1) / UNIT);
}

static void slab_add(stele_table *table)
{
    if (table->slab_count == 1U << (32 - SLAB_UNITS_LOG2)) stele_out_of_memory(SLAB_UNITS * UNIT);
    if (table->slab_count == table->slab_capacity) {
        table->slab_capacity = table->slab_capacity == 0 ? 4 : table->slab_capacity * 2;
        table->slabs = stele_realloc_array(table->slabs, table->slab_capacity, sizeof(table_slab));
    }
    table->slabs[table->slab_count] = (table_slab){
        .memory = stele_realloc(NULL, (size_t)SLAB_UNITS * UNIT),
        .units_used = table->slab_count == 0 ? 1 : 0,
    };
    table->slab_count++;
}

static uint32_t entry_take(stele_table *table, uint32_t units)
{
    if (units < table->freed_sizes && table->freed[units] != NO_ENTRY) {
        uint32_t entry = table->freed[units];
        freed_entry list;
        memcpy(&list, entry_at(table, entry), sizeof list);
        table->freed[units] = list.next;
        return entry;
    }
    if (table->slab_count == 0 ||
        units > SLAB_UNITS - table->slabs[table->slab_count - 1].units_used) {
        slab_add(table);
    }
    table_slab *last = &table->slabs[table->slab_count - 1];
    uint32_t entry = (table->slab_count - 1) << SLAB_UNITS_LOG2 | last->units_used;
    last->units_used += units;
    return entry;
}

static void entry_give_back(stele_table *table, uint32_t entry)
{
    uint8_t *memory = entry_at(table, entry);
    uint32_t units = entry_units(table, key_size_of(table, memory));
    if (units >= table->freed_sizes) {
        table->freed = stele_realloc_array(table->freed, units + 1, sizeof *table->freed);
        memset(table->freed + table->freed_sizes, 0,
               (units + 1 - table->freed_sizes) * sizeof *table->freed);
        table->freed_sizes = units + 1;
    }
    freed_entry list = {.next = table->freed[units], .units = units};
    memcpy(memory, &list, sizeof list);
    set_key_size(table, memory, KEY_SIZE_FREED);
    table->freed[units] = entry;
}

static uint32_t entry_new(stele_table *table, stele_bytes key)
{
    uint32_t entry = entry_take(table, entry_units(table, key.size));
    uint8_t *memory = entry_at(table, entry);
    memset(memory, 0, table->key_place);
    set_key_size(table, memory, (uint16_t)key.size);
    if (key.size > 0) memcpy(memory + table->key_place + sizeof(uint16_t), key.data, key.size);
    return entry;
}

static bool entry_has_key(const stele_table *table, uint32_t entry, stele_bytes key)
{
    stele_bytes held = key_of(table, entry_at(table, entry));
    return held.size == key.size && (key.size == 0 || memcmp(held.data, key.data, key.size) == 0);
}

/* The table */

stele_table *stele_table_new(size_t value_size, uint64_t seed)
{
    assert(value_size <= STELE_TABLE_VALUE_MAX);

    stele_table *table = stele_alloc(sizeof *table);
    table->seed = seed;
    /* A free entry keeps its list where the value was, so there is room for that at least. */
    size_t place = value_size < sizeof(freed_entry) ? sizeof(freed_entry) : value_size;
    table->key_place = (uint32_t)(place + (place & 1));
    table->directory = stele_alloc(sizeof *table->directory);
    directory_point(table, 0, segment_number(table), segment_make(SEGMENT_SLOTS, 0));
    return table;
}

void stele_table_free(stele_table *table)
{
    if (table == NULL) return;

    for (uint32_t i = 0; i < table->segment_count; i++)
        free(table->segments[i].slots);
    for (uint32_t i = 0; i < table->slab_count; i++)
        free(table->slabs[i].memory);
    free(table->directory);
    free(table->segments);
    free(table->slabs);
    free(table->freed);
    free(table);
}

size_t stele_table_count(const stele_table *table)
{
    return table->count;
}

uint32_t stele_table_hash(const stele_table *table, stele_bytes key)
{
    return (uint32_t)XXH3_64bits_withSeed(key.data, key.size, table->seed);
}

void stele_table_prefetch(const stele_table *table, uint32_t hash)
{
    const directory_entry *place = directory_of(table, hash);
    __builtin_prefetch(&place->slots[hash & place->mask]);
}

void stele_table_prefetch_entry(const stele_table *table, uint32_t hash)
{
    const directory_entry *place = directory_of(table, hash);
    const table_slot *slots = place->slots;
    for (uint32_t i = hash & place->mask; slots[i].entry != NO_ENTRY; i = (i + 1) & place->mask) {
        if (slots[i].hash != hash) continue;
        const uint8_t *entry = entry_at(table, slots[i].entry);
        __builtin_prefetch(entry);
        __builtin_prefetch(entry + table->key_place);
        return;
    }
}

/* The slot of `key`, or the empty one that ends its probe. */
static table_slot *find_slot(const stele_table *table, stele_bytes key, uint32_t hash)
{
    const directory_entry *place = directory_of(table, hash);
    table_slot *slots = place->slots;
    uint32_t i = hash & place->mask;
    while (slots[i].entry != NO_ENTRY) {
        if (slots[i].hash == hash && entry_has_key(table, slots[i].entry, key)) break;
        i = (i + 1) & place->mask;
    }
    return &slots[i];
}

void *stele_table_find_hashed(const stele_table *table, stele_bytes key, uint32_t hash)
{
    const table_slot *found = find_slot(table, key, hash);
    return found->entry == NO_ENTRY ? NULL : entry_at(table, found->entry);
}

void *stele_table_find(const stele_table *table, stele_bytes key)
{
    return stele_table_find_hashed(table, key, stele_table_hash(table, key));
}

void *stele_table_insert_hashed(stele_table *table, stele_bytes key, uint32_t hash, bool *is_new)
{
    if (key.size > STELE_TABLE_KEY_MAX) return NULL;

    uint32_t entry = find_slot(table, key, hash)->entry;
    if (is_new != NULL) *is_new = entry == NO_ENTRY;
    if (entry != NO_ENTRY) return entry_at(table, entry);

    entry = entry_new(table, key);
    segment_place(make_room(table, hash), (table_slot){.hash = hash, .entry = entry});
    table->count++;
    return entry_at(table, entry);
}

void *stele_table_insert(stele_table *table, stele_bytes key, bool *is_new)
{
    return stele_table_insert_hashed(table, key, stele_table_hash(table, key), is_new);
}

/* Closes the gap at slot `gap`: each later slot of the run that may be there moves up. */
static void segment_remove(table_segment *segment, uint32_t gap)
{
    table_slot *slots = segment->slots;
    for (uint32_t i = (gap + 1) & segment->mask; slots[i].entry != NO_ENTRY;
         i = (i + 1) & segment->mask) {
        uint32_t distance = (i - slots[i].hash) & segment->mask;
        if (distance < ((i - gap) & segment->mask)) continue;
        slots[gap] = slots[i];
        gap = i;
    }
    slots[gap] = (table_slot){.entry = NO_ENTRY};
    segment->count--;
}

bool stele_table_remove(stele_table *table, stele_bytes key)
{
    return stele_table_remove_hashed(table, key, stele_table_hash(table, key));
}

bool stele_table_remove_hashed(stele_table *table, stele_bytes key, uint32_t hash)
{
    const table_slot *found = find_slot(table, key, hash);
    if (found->entry == NO_ENTRY) return false;

    table_segment *segment = segment_of(table, hash);
    entry_give_back(table, found->entry);
    segment_remove(segment, (uint32_t)(found - segment->slots));
    table->count--;
    return true;
}

stele_bytes stele_table_key(const stele_table *table, const void *value)
{
    return key_of(table, value);
}

void *stele_table_next(const stele_table *table, stele_table_cursor *cursor)
{
    if (cursor->slab == 0 && cursor->unit == 0) cursor->unit = 1;

    while (cursor->slab < table->slab_count) {
        while (cursor->unit < table->slabs[cursor->slab].units_used) {
            uint8_t *entry = table->slabs[cursor->slab].memory + (size_t)cursor->unit * UNIT;
            uint16_t key_size = key_size_of(table, entry);
            if (key_size != KEY_SIZE_FREED) {
                cursor->unit += entry_units(table, key_size);
                return entry;
            }
            freed_entry list;
            memcpy(&list, entry, sizeof list);
            cursor->unit += list.units;
        }
        if (cursor->slab + 1 == table->slab_count) break;
        *cursor = (stele_table_cursor){.slab = cursor->slab + 1};
    }
    return NULL;
}
