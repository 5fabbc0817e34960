/* SPDX-License-Identifier: MIT
 * Views of memory that someone else owns. Passed by value, never freed. */
#ifndef STELE_BYTES_H
#define STELE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A view of bytes, or of UTF-8 text without a final NUL.
 *
 * `data == NULL` is null (a null key, an absent value); an empty view has size 0 and data != NULL.
 * How long it is valid is written where it is handed out.
 */
typedef struct stele_bytes {
    const uint8_t *data;
    size_t size;
} stele_bytes;

/** A view of `size` bytes at `data`. */
static inline stele_bytes stele_bytes_of(const void *data, size_t size)
{
    stele_bytes view = {(const uint8_t *)data, size};
    return view;
}

/** A view of a C string, without its NUL; null for NULL. */
static inline stele_bytes stele_text(const char *text)
{
    return stele_bytes_of(text, text == NULL ? 0 : strlen(text));
}

/** The same bytes? Null equals null only. */
static inline bool stele_bytes_equal(stele_bytes a, stele_bytes b)
{
    if (a.data == NULL || b.data == NULL) return a.data == b.data;
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

#ifdef __cplusplus
}
#endif

#endif
