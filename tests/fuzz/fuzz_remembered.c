/* SPDX-License-Identifier: MIT
 * The remembered commands of a snapshot, whatever bytes they are: read or refused, and what is read
 * is written and read back alike, within the limits. */
#include <stdlib.h>

#include "aggregates/remembered.h"
#include "core/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(stele_bytes bytes, const stele_remembered_limits *limits)
{
    STELE_AUTO_VALUE(stele_remembered) first = {NULL};
    STELE_AUTO_VALUE(stele_remembered) second = {NULL};
    STELE_AUTO_VALUE(stele_buffer) one = {0};
    STELE_AUTO_VALUE(stele_buffer) other = {0};
    if (stele_remembered_read(&first, limits, bytes, NULL) < 0) return;
    if (stele_remembered_count(&first) > limits->count_max) abort();
    stele_remembered_write(&first, &one);
    if (stele_remembered_read(&second, limits, stele_buffer_view(&one), NULL) < 0) abort();
    stele_remembered_write(&second, &other);
    if (!stele_bytes_equal(stele_buffer_view(&one), stele_buffer_view(&other))) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const stele_remembered_limits limits[] = {{.count_max = 1},
                                                     {.count_max = STELE_REMEMBERED_MAX}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        check(stele_bytes_of(data, size), &limits[i]);
    return 0;
}
