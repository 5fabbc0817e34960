/* SPDX-License-Identifier: MIT
 * Allocation that aborts instead of failing. */
#include "core/alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

_Noreturn void stele_out_of_memory(size_t size)
{
    fprintf(stderr, "stele: out of memory (%zu bytes asked for)\n", size);
    abort();
}

static size_t array_size(size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) stele_out_of_memory(SIZE_MAX);
    return count * size;
}

void *stele_alloc(size_t size)
{
    void *memory = calloc(1, size == 0 ? 1 : size);
    if (memory == NULL) stele_out_of_memory(size);
    return memory;
}

void *stele_alloc_array(size_t count, size_t size)
{
    return stele_alloc(array_size(count, size));
}

void *stele_realloc(void *memory, size_t size)
{
    void *moved = realloc(memory, size == 0 ? 1 : size);
    if (moved == NULL) stele_out_of_memory(size);
    return moved;
}

void *stele_realloc_array(void *memory, size_t count, size_t size)
{
    return stele_realloc(memory, array_size(count, size));
}

char *stele_strdup(const char *text)
{
    return text == NULL ? NULL : stele_strndup(text, strlen(text));
}

char *stele_strndup(const char *text, size_t size)
{
    if (size == SIZE_MAX) stele_out_of_memory(size);
    char *copy = stele_alloc(size + 1);
    if (size > 0) memcpy(copy, text, size);
    return copy;
}

char *stele_strdup_vformat(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (size < 0) stele_out_of_memory(0); /* only a broken locale or format gets here */

    char *text = stele_alloc((size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, arguments);
    return text;
}

char *stele_strdup_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = stele_strdup_vformat(format, arguments);
    va_end(arguments);
    return text;
}
