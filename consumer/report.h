/* SPDX-License-Identifier: MIT
 * What a worker says about its partitions: a log line for each change of state, and the lines in
 * `_stele.status`. Reads slots, and changes none. */
#ifndef STELE_CONSUMER_REPORT_H
#define STELE_CONSUMER_REPORT_H

#include "consumer/slot.h"

/** What was reported last of one partition. */
typedef struct report_line {
    bool is_known;
    stele_partition_state state;
    stele_progress progress;
    int64_t paused_ms;  /* of the order; 0: it is not paused */
    stele_error reason; /* its text */
    int64_t logged_ns;
} report_line;

typedef struct report {
    report_line *lines; /* by partition; owned */
    int32_t count;
} report;

void report_clear(report *self);

/** Report what has changed of a partition. One that is free is passed over. */
void report_slot(report *self, const slot_host *host, const slot *of);

/** The partition is no longer ours. */
void report_gone(report *self, const slot_host *host, const slot *of);

#endif
