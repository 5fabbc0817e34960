/* SPDX-License-Identifier: MIT
 * A growing run of bytes that owns its memory: what encoders and writers of text append to. */
#ifndef STELE_BUFFER_H
#define STELE_BUFFER_H

#include <stele/bytes.h>
#include <stele/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

/** All zero is an empty buffer. Owns `data`; release with stele_buffer_clear. */
typedef struct stele_buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
} stele_buffer;

/** Release the memory; the buffer is empty and may be used again. */
STELE_API void stele_buffer_clear(stele_buffer *buffer);

/** Make room for `more` bytes after `size` and return where they go. Aborts when memory is out. */
STELE_API uint8_t *stele_buffer_reserve(stele_buffer *buffer, size_t more);

/** Append a copy of `bytes`. */
STELE_API void stele_buffer_append(stele_buffer *buffer, stele_bytes bytes);

/** Append text; what follows printf's rules. */
STELE_API void stele_buffer_format(stele_buffer *buffer, const char *format, ...)
    STELE_PRINTF(2, 3);

/** Append one byte. */
static inline void stele_buffer_push(stele_buffer *buffer, uint8_t byte)
{
    *stele_buffer_reserve(buffer, 1) = byte;
    buffer->size++;
}

/** Empty it, keep the memory for the next use. */
static inline void stele_buffer_reset(stele_buffer *buffer)
{
    buffer->size = 0;
}

/** What it holds, as a view; valid until the buffer changes. Never null. */
static inline stele_bytes stele_buffer_view(const stele_buffer *buffer)
{
    return stele_bytes_of(buffer->data == NULL ? (const void *)"" : buffer->data, buffer->size);
}

/** What it holds as a C string (a NUL is kept behind the end); valid until the buffer changes. */
STELE_API const char *stele_buffer_text(stele_buffer *buffer);

#ifdef __cplusplus
}
#endif

#endif
