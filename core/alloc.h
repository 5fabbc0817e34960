/* SPDX-License-Identifier: MIT
 * Memory that is always there: these calls abort with a message when memory is out, so no caller
 * has an untested path for it. Sizes from outside are checked against a limit before they come
 * here. Everything is released with free(). */
#ifndef STELE_CORE_ALLOC_H
#define STELE_CORE_ALLOC_H

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <stele/arena.h>
#include <stele/buffer.h>

#include "core/scope.h"

/** `size` bytes of zero. Never NULL, also for size 0. Caller owns; release with free. */
void *stele_alloc(size_t size);

/** `count` elements of `size` bytes, all zero; aborts if the product overflows. */
void *stele_alloc_array(size_t count, size_t size);

/** Resize what stele_alloc gave (or NULL); added bytes are not cleared. Never NULL. */
void *stele_realloc(void *memory, size_t size);

/** Resize to `count` elements of `size` bytes; aborts if the product overflows. */
void *stele_realloc_array(void *memory, size_t count, size_t size);

/** A copy of a C string; caller owns. NULL gives NULL, as an absent text stays absent. */
char *stele_strdup(const char *text);

/** A copy of `size` bytes at `text` with a NUL behind them; caller owns. */
char *stele_strndup(const char *text, size_t size);

/** A C string made by printf's rules; caller owns. */
char *stele_strdup_format(const char *format, ...) STELE_PRINTF(1, 2);

/** The same for a function that has such arguments itself; `arguments` is used up. */
char *stele_strdup_vformat(const char *format, va_list arguments);

/** Say on stderr that memory is out and abort; for allocators of other libraries. */
_Noreturn void stele_out_of_memory(size_t size);

/* Locals that own: STELE_AUTO(char) text = stele_strdup(…); STELE_AUTO_VALUE(stele_buffer) b = {0};
 * STELE_AUTO(void) is not possible: give the memory its type. */
STELE_SCOPE(char, free);
STELE_SCOPE(uint8_t, free);
STELE_SCOPE(stele_arena, stele_arena_free);
STELE_VALUE_SCOPE(stele_buffer, stele_buffer_clear);

#endif
