/* SPDX-License-Identifier: MIT
 * The topic that a worker reads, as a question: is it there, and how many partitions has it? Asked
 * in the background, for no one waits for a broker here. */
#ifndef STELE_CONSUMER_SOURCE_H
#define STELE_CONSUMER_SOURCE_H

#include "consumer/asker.h"
#include "kafka/log.h"

typedef struct source_question source_question;

typedef struct source {
    stele_asker *asker;
    source_question *question; /* owned until it is forgotten */
    int64_t next_ns;           /* no question before it */
    int64_t refresh_ns;        /* then the last answer is old */
} source;

/** Both are borrowed. Release with source_clear. */
void source_init(source *self, stele_asker *asker, const char *topic);

void source_clear(source *self);

/**
 * Take the answer that came, or ask if it is due and no question is on its way.
 *
 * @param out      filled if the failure is STELE_OK
 * @param failure  filled; why there is no answer
 * @return false: nothing came
 */
bool source_ask(source *self, bool is_due, stele_log_topic *out, stele_error *failure);

/** Is it time to look whether the last answer still holds? */
bool source_is_old(const source *self);

/** The answer was of no use: ask again after a pause. */
void source_pause(source *self);

#endif
