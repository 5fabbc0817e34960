/* SPDX-License-Identifier: MIT
 * Fills the topic that the replay benchmark reads, through Stele's own publisher. */
#ifndef STELE_BENCH_FILL_H
#define STELE_BENCH_FILL_H

#include <stdint.h>

/** Publish `count` movements of `accounts` accounts to "<aggregate>.events", which exists.
 * @return exit code */
int replay_fill(const char *brokers, const char *aggregate, const char *compression, long count,
                uint64_t accounts);

#endif
