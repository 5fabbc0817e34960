/* SPDX-License-Identifier: MIT
 * A bump allocator over a chain of blocks that are kept from reset to reset. */
#include <stele/arena.h>

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/alloc.h"

/* Under AddressSanitizer what is not taken is poisoned, so that a view kept past a reset is found.
 */
#if defined(__SANITIZE_ADDRESS__)
#define STELE_ARENA_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STELE_ARENA_POISON 1
#endif
#endif
#ifdef STELE_ARENA_POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

enum { BLOCK_SIZE_MIN = 16 * 1024, BLOCK_SIZE_GROWTH_MAX = 1024 * 1024 };

typedef struct block {
    struct block *next;
    size_t size;
    alignas(max_align_t) uint8_t data[];
} block;

struct stele_arena {
    block *first;
    block *current; /* blocks after it are empty */
    size_t offset;  /* next free byte of the current block */
    size_t used;
};

stele_arena *stele_arena_new(void)
{
    return stele_alloc(sizeof(stele_arena));
}

void stele_arena_free(stele_arena *arena)
{
    if (arena == NULL) return;
    for (block *b = arena->first; b != NULL;) {
        block *next = b->next;
        ASAN_UNPOISON_MEMORY_REGION(b->data, b->size);
        free(b);
        b = next;
    }
    free(arena);
}

static block *block_new(size_t size)
{
    if (size > SIZE_MAX - sizeof(block)) stele_out_of_memory(size);
    block *b = stele_realloc(NULL, sizeof(block) + size);
    b->next = NULL;
    b->size = size;
    ASAN_POISON_MEMORY_REGION(b->data, b->size);
    return b;
}

/* Make `current` an empty block with room for `size`; kept blocks that are too small are passed. */
static void advance(stele_arena *arena, size_t size)
{
    block **link = arena->current == NULL ? &arena->first : &arena->current->next;
    while (*link != NULL && (*link)->size < size)
        link = &(*link)->next;

    if (*link == NULL) {
        size_t last = arena->current == NULL ? 0 : arena->current->size;
        size_t wanted = last < BLOCK_SIZE_GROWTH_MAX / 2 ? last * 2 : BLOCK_SIZE_GROWTH_MAX;
        if (wanted < BLOCK_SIZE_MIN) wanted = BLOCK_SIZE_MIN;
        *link = block_new(wanted < size ? size : wanted);
    }
    arena->current = *link;
    arena->offset = 0;
}

void *stele_arena_take(stele_arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX - align) stele_out_of_memory(size);
    size_t padded = (size + align - 1) & ~(align - 1);
    if (padded == 0) padded = align; /* two takes are never the same address */

    if (arena->current == NULL || padded > arena->current->size - arena->offset) {
        advance(arena, padded);
    }
    uint8_t *memory = arena->current->data + arena->offset;
    arena->offset += padded;
    arena->used += padded;
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
    return memory;
}

void stele_arena_reset(stele_arena *arena)
{
    for (block *b = arena->first; b != NULL; b = b->next) {
        ASAN_POISON_MEMORY_REGION(b->data, b->size);
    }
    arena->current = arena->first;
    arena->offset = 0;
    arena->used = 0;
}

size_t stele_arena_used(const stele_arena *arena)
{
    return arena->used;
}
