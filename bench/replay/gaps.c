/* SPDX-License-Identifier: MIT
 * A histogram of gaps. Knows nothing of events. */
#include "gaps.h"

#include <inttypes.h>
#include <stdio.h>

static int bucket_of(int64_t gap_ns)
{
    uint64_t gap = gap_ns < 16 ? 16 : (uint64_t)gap_ns;
    int power = 63 - __builtin_clzll(gap);
    return power * 16 + (int)(gap >> (power - 4) & 15);
}

void gaps_add(gap_histogram *gaps, int64_t gap_ns)
{
    gaps->count++;
    gaps->buckets[bucket_of(gap_ns)]++;
    if (gap_ns > gaps->longest_ns) gaps->longest_ns = gap_ns;
}

/* Upper bound of the bucket below which this share of the gaps lies, in microseconds. */
static double percentile_us(const gap_histogram *gaps, double share)
{
    int64_t left = (int64_t)((double)gaps->count * share);
    for (int i = 0; i < GAP_BUCKETS; i++) {
        left -= gaps->buckets[i];
        if (left < 0) return (double)((UINT64_C(17) + (uint64_t)(i & 15)) << (i / 16 - 4)) / 1000;
    }
    return (double)gaps->longest_ns / 1000;
}

void gaps_print(const gap_histogram *gaps)
{
    printf("gaps events=%" PRId64 " p50_us=%.2f p99_us=%.2f p99.99_us=%.1f max_us=%.0f\n",
           gaps->count, percentile_us(gaps, 0.5), percentile_us(gaps, 0.99),
           percentile_us(gaps, 0.9999), (double)gaps->longest_ns / 1000);
}
