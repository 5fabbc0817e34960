/* SPDX-License-Identifier: MIT
 * What the process has in memory. */
#ifndef STELE_BENCH_MEMORY_H
#define STELE_BENCH_MEMORY_H

#include <stdint.h>

/** Bytes that the allocator has handed out, rounded up as it does, over all threads. */
int64_t memory_allocated(void);

/** A number of /proc/self/status: "VmRSS" in KiB, "Threads"; -1 if there is none. */
long memory_status(const char *name);

#endif
