/* SPDX-License-Identifier: MIT
 * The gaps between one applied event and the next. */
#ifndef STELE_BENCH_GAPS_H
#define STELE_BENCH_GAPS_H

#include <stdint.h>

enum { GAP_BUCKETS = 64 * 16 };

/* Buckets of a sixteenth of a power of two: within 7 % of what was measured. */
typedef struct gap_histogram {
    int64_t last_ns;
    int64_t count;
    int64_t longest_ns;
    int64_t buckets[GAP_BUCKETS];
} gap_histogram;

void gaps_add(gap_histogram *gaps, int64_t gap_ns);

/** Percentiles and the longest gap, on one line. */
void gaps_print(const gap_histogram *gaps);

#endif
