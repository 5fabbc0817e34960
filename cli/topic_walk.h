/* SPDX-License-Identifier: MIT
 * The events of parts of a topic, partition after partition: the same ones, in the same order,
 * however often it is walked. */
#ifndef STELE_CLI_TOPIC_WALK_H
#define STELE_CLI_TOPIC_WALK_H

#include "cli/event_file.h"

/** An event of a walk; views, valid during the call. @return a failure ends the walk */
typedef stele_status stele_moved_each(void *context, const stele_moved_event *event,
                                      stele_error *err);

/** All of it is borrowed. */
typedef struct stele_topic_walk {
    stele_log *log;
    const char *topic;
    const stele_event_range *ranges;
    size_t count;
    int patience_ms;
    const atomic_bool *stop;
} stele_topic_walk;

/** Committed events only. @return failures of a bounded read, and what `each` returned */
stele_status stele_walk_topic(const stele_topic_walk *walk, stele_moved_each *each, void *context,
                              stele_error *err);

#endif
