/* SPDX-License-Identifier: MIT
 * Questions that block, on a thread of their own: the worker's thread asks a broker nothing that it
 * would have to wait for. Questions are asked in order, one at a time. */
#ifndef STELE_CONSUMER_ASKER_H
#define STELE_CONSUMER_ASKER_H

#include "kafka/log.h"

typedef struct stele_asker stele_asker;
typedef struct stele_question stele_question;

typedef enum stele_question_state {
    STELE_QUESTION_IDLE = 0, /* may be asked (again) */
    STELE_QUESTION_WAITING,  /* its turn comes, or it is being asked */
    STELE_QUESTION_ANSWERED
} stele_question_state;

/** The head of a question; what is asked and the answer follow in the same memory, which is freed
 * as a whole: they own nothing. */
struct stele_question {
    /** In the asker's thread; may block for a few seconds. */
    void (*ask)(stele_question *question, stele_asker *asker);
    stele_question *next;
    stele_question_state state;
    bool forgotten;
};

/**
 * Open one. Its thread starts with the first question.
 *
 * @param log   borrowed
 * @param wake  called from its thread after each answer; until the asker is closed
 * @return      caller owns; release with stele_asker_close
 */
stele_asker *stele_asker_open(stele_log *log, void (*wake)(void *context), void *context);

/** Drop what was not asked yet, wait for the question that is being asked, release. NULL is fine.
 */
void stele_asker_close(stele_asker *asker);

/** Ask it, unless it is waiting already. Without a thread to be had it stays idle. */
void stele_asker_ask(stele_asker *asker, stele_question *question);

/** Where a question stands. An answer may be read while it is ANSWERED. */
stele_question_state stele_asker_state(stele_asker *asker, const stele_question *question);

/** Free a question, now or when its answer has come. NULL is fine. */
void stele_asker_forget(stele_asker *asker, stele_question *question);

/* ---- for questions, in the asker's thread ---- */

stele_log *stele_asker_log(stele_asker *asker);

/**
 * The first batch from an offset on: one record, or the end of the partition. The reader is kept
 * for the next question.
 *
 * @param take  called with it, for the call
 * @return STELE_E_HOLE       the offset is not in the log: below its start or past its end
 *         STELE_E_NOT_FOUND  the topic or partition is gone
 *         STELE_E_TIMED_OUT  no answer (next = RETRY)
 */
stele_status stele_asker_read(stele_asker *asker, stele_partition partition, int64_t offset,
                              int timeout_ms, void (*take)(void *context, const stele_batch *batch),
                              void *context, stele_error *err);

#endif
