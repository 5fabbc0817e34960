/* SPDX-License-Identifier: MIT
 * What became of commands that were sent by way of the topic, read by someone who knows the promise
 * and not the writer: each has one effect or one dead letter. */
#ifndef STELE_TESTS_AGGREGATES_POST_H
#define STELE_TESTS_AGGREGATES_POST_H

#include "core/deadline.h"
#include "kafka/log.h"

typedef struct post {
    int64_t done; /* commands that have events */
    int64_t dead;
    int64_t missing;    /* of "c-0" to "c-<count - 1>" */
    int64_t twice;      /* those that have two dead letters, or one and events, or events of two
                           decisions */
    char code[64];      /* of the last dead letter read */
    char reason[256];   /* likewise */
    char position[300]; /* likewise */
} post;

/** Read the events and the dead letters of an aggregate. A command of these has one event. */
stele_status post_read(stele_log *log, const char *aggregate, int32_t partitions, int64_t count,
                       stele_deadline by, post *out, stele_error *err);

#endif
