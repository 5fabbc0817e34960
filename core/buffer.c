/* SPDX-License-Identifier: MIT
 * A growing run of bytes. Doubles, so that appending n bytes costs O(n). */
#include <stele/buffer.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"

enum { CAPACITY_MIN = 64 };

void stele_buffer_clear(stele_buffer *buffer)
{
    free(buffer->data);
    *buffer = (stele_buffer){0};
}

static void grow(stele_buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity < CAPACITY_MIN ? CAPACITY_MIN : buffer->capacity;
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    buffer->data = stele_realloc(buffer->data, capacity);
    buffer->capacity = capacity;
}

uint8_t *stele_buffer_reserve(stele_buffer *buffer, size_t more)
{
    if (more > SIZE_MAX - buffer->size) stele_out_of_memory(more);
    size_t needed = buffer->size + more;
    if (buffer->data == NULL || needed > buffer->capacity) grow(buffer, needed);
    return buffer->data + buffer->size;
}

void stele_buffer_append(stele_buffer *buffer, stele_bytes bytes)
{
    if (bytes.size == 0) return;
    memcpy(stele_buffer_reserve(buffer, bytes.size), bytes.data, bytes.size);
    buffer->size += bytes.size;
}

void stele_buffer_format(stele_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *place = (char *)stele_buffer_reserve(buffer, CAPACITY_MIN);
    size_t room = buffer->capacity - buffer->size;
    int size = vsnprintf(place, room, format, arguments);
    va_end(arguments);
    if (size < 0) return; /* an encoding error of the C library: nothing sensible to append */

    if ((size_t)size >= room) {
        place = (char *)stele_buffer_reserve(buffer, (size_t)size + 1);
        va_start(arguments, format);
        vsnprintf(place, (size_t)size + 1, format, arguments);
        va_end(arguments);
    }
    buffer->size += (size_t)size;
}

const char *stele_buffer_text(stele_buffer *buffer)
{
    *stele_buffer_reserve(buffer, 1) = '\0';
    return (const char *)buffer->data;
}
