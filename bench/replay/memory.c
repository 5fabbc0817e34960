/* SPDX-License-Identifier: MIT
 * The allocator's own count, jemalloc's or glibc's, and the kernel's. */
#include "memory.h"

#include <stdio.h>
#include <string.h>

#ifdef BENCH_JEMALLOC
#include <jemalloc/jemalloc.h>

int64_t memory_allocated(void)
{
    uint64_t epoch = 1;
    size_t size = sizeof epoch;
    size_t allocated = 0;
    mallctl("epoch", &epoch, &size, &epoch, size); /* the figures are of the last one */
    size = sizeof allocated;
    mallctl("stats.allocated", &allocated, &size, NULL, 0);
    return (int64_t)allocated;
}
#else
#include <malloc.h>

int64_t memory_allocated(void)
{
    struct mallinfo2 info = mallinfo2();
    return (int64_t)(info.uordblks + info.hblkhd);
}
#endif

long memory_status(const char *name)
{
    char line[160];
    long number = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, name, strlen(name)) == 0) sscanf(line + strlen(name), ": %ld", &number);
    if (status != NULL) fclose(status);
    return number;
}
