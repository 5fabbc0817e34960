/* SPDX-License-Identifier: MIT
 * Questions that block, on a thread of their own: the worker's thread asks a broker nothing that it
 * would have to wait for. Questions are asked in order, one at a time, but those that can be asked
 * together. */
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
    bool together; /* `ask` gets a list by `next`: all that wait in a row with the same `ask` */
    stele_question *next;
    stele_question_state state;
    bool is_asked; /* it is with `ask` */
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

/** The head of a question of which a task wants the answer, and which is asked until it has come.
 */
typedef struct stele_asking {
    stele_question base;
    int64_t again_ns;  /* not before then */
    stele_error error; /* of the answer: `ask` sets it; STELE_OK: it is there */
} stele_asking;

/**
 * Ask it, if it is time to: at once, and half a second after a failure.
 *
 * @return STELE_OK   it is answered, and may be asked again
 *         next = RETRY with an empty text: not yet; else the failure of the last time
 */
stele_status stele_asker_insist(stele_asker *asker, stele_asking *asking, stele_error *err);

/* ---- for questions, in the asker's thread ---- */

stele_log *stele_asker_log(stele_asker *asker);

/** One look at a partition, and what came of it. */
typedef struct stele_look {
    stele_partition partition;
    int64_t offset;
    /** Called with the first batch from there on: one record, or the end of the partition. */
    void (*take)(void *context, const stele_batch *batch);
    void *context;
    bool is_done;
    /**
     * STELE_OK           it was taken
     * STELE_E_HOLE       the offset is not in the log: below its start or past its end
     * STELE_E_NOT_FOUND  the topic or partition is gone
     * STELE_E_TIMED_OUT  no answer (next = RETRY)
     */
    stele_error error;
} stele_look;

/** Look at all of them at once, each partition once at most. The reader is kept for the next time.
 */
void stele_asker_look(stele_asker *asker, stele_look *looks, size_t count, int timeout_ms);

#endif
