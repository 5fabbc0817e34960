/* SPDX-License-Identifier: MIT
 * Questions to the broker that many threads ask at about the same time, and that become one request
 * for all of them: 64 partitions that are taken together ask for 64 offsets once.
 *
 * Who asks while no other request of the kind is under way asks at once. Who asks while one is
 * waits for its end, and goes with the next one, which is for all who wait by then. So no answer is
 * older than its question: a request is for those who had asked before it was sent. That is what
 * lets a partition ask for its ends after its fence, and be sure of them.
 *
 * No one pays for another one's trouble for long. A request that lasts does not hold up the next
 * one; where one for many fails as a whole, each asks by itself in what time it has left; and where
 * it was not answered at all, all do so for a while. */
#ifndef STELE_KAFKA_ROUNDS_H
#define STELE_KAFKA_ROUNDS_H

#include <stele/error.h>

#include "core/deadline.h"
#include "core/monitor.h"

typedef struct stele_asked stele_asked;

/** What kind of question it is. */
typedef struct stele_round_kind {
    /** May two of this kind be one request? It is so for any two of those that may. */
    bool (*joins)(const stele_asked *a, const stele_asked *b);
    /**
     * Send one request for all in the list, by `next`, and wait for its answer: of each, `error` is
     * set if its own part of the answer is a failure.
     *
     * @return a failure: the request as a whole has failed, and no one has an answer
     */
    stele_status (*ask)(stele_asked *first, int timeout_ms, stele_error *err);
} stele_round_kind;

typedef enum stele_asked_state {
    STELE_ASKED_WAITS = 0, /* for a request that it goes with */
    STELE_ASKED_SENT,
    STELE_ASKED_ANSWERED,
    STELE_ASKED_ALONE /* it has to ask by itself */
} stele_asked_state;

/** The head of a question; what is asked, and room for the answer, follow in the same memory. */
struct stele_asked {
    const stele_round_kind *kind;
    stele_asked *next;
    stele_error error;

    /* Of the rounds. */
    stele_asked_state state;
    stele_deadline until;
    uint64_t process;
};

/** Set by stele_rounds_init. */
typedef struct stele_rounds {
    stele_monitor monitor;
    struct waiter *waiting; /* in order */
    struct round *open;     /* requests under way */
    stele_deadline apart_until;
} stele_rounds;

void stele_rounds_init(stele_rounds *rounds, stele_runtime runtime);

/** No one asks. */
void stele_rounds_clear(stele_rounds *rounds);

/**
 * Ask, and wait for the answer; from any thread.
 *
 * @param mine  with its kind and what is asked; borrowed for the call
 * @return the status of its answer
 *         STELE_E_TIMED_OUT  no request could be sent for it in time (next = RETRY)
 */
stele_status stele_rounds_ask(stele_rounds *rounds, stele_asked *mine, int timeout_ms,
                              stele_error *err);

#endif
