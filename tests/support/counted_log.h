/* SPDX-License-Identifier: MIT
 * How many questions of each kind a log is asked: what is asked of each partition for all the
 * others costs little in a test with two of them. And a log of which some are not answered. */
#ifndef STELE_TESTS_COUNTED_LOG_H
#define STELE_TESTS_COUNTED_LOG_H

#include <stdatomic.h>

#include "kafka/log_port.h"

typedef struct counted_log {
    atomic_int describes;
    atomic_int bounds;
    atomic_int leaderless; /* so many of the next questions for bounds find no leader */
} counted_log;

/** Count from zero what this log is asked from now on; one log at a time.
 * @param topic  of this one only; borrowed; NULL: of all */
counted_log *counted_log_begin(stele_log *log, const char *topic);

#endif
