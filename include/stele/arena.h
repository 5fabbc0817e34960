/* SPDX-License-Identifier: MIT
 * Memory that is given back all at once: arrays and maps of decoded events live here until the
 * batch ends. */
#ifndef STELE_ARENA_H
#define STELE_ARENA_H

#include <stddef.h>

#include <stele/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stele_arena stele_arena;

/** A new, empty arena; caller owns, release with stele_arena_free. Used by one thread at a time. */
STELE_API stele_arena *stele_arena_new(void);

/** Release the arena and all that was taken from it. NULL is fine. */
STELE_API void stele_arena_free(stele_arena *arena);

/** `size` bytes, not cleared, aligned for any type; valid until the next reset. Size 0 is fine. */
STELE_API void *stele_arena_take(stele_arena *arena, size_t size);

/** Give back all that was taken; blocks are kept for the next use. */
STELE_API void stele_arena_reset(stele_arena *arena);

/** Bytes taken since the last reset: what a cap is compared with. */
STELE_API size_t stele_arena_used(const stele_arena *arena);

#ifdef __cplusplus
}
#endif

#endif
