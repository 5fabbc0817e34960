/* SPDX-License-Identifier: MIT
 * What stores/sink.h promises, as cases that every implementation runs. */
#ifndef STELE_TESTS_SINK_CASES_H
#define STELE_TESTS_SINK_CASES_H

#include "snapshots/companion.h"
#include "stores/sink.h"
#include "tests/support/test.h"

#include "account.h"

enum { SINK_QUEUE_MAX = 10 }; /* states that a sink takes between two outcomes */

/** What is kept beside the states: a text, which its bytes are. */
typedef struct sink_beside {
    char text[16];
} sink_beside;

extern const stele_companion sink_companion;

/** A state as the store has it. */
typedef struct stored {
    int64_t balance;
    int64_t version;
    int64_t offset;
    bool is_finished;
    sink_beside beside;
} stored;

/** What a store has beside a state. */
sink_beside sink_beside_of(stele_bytes bytes);

/** An implementation: a store, and a way to open and to look at it. */
typedef struct sink_stage {
    void *self;
    /** Open it, for states with sink_companion, fencing whoever had it; `let_go` releases the sink.
     */
    stele_sink *(*open)(void *self);
    /** Let go of the sink that was opened last, as its owner does. */
    void (*let_go)(void *self);
    /** @return false: it is not there, or is removed; then of `out` only what was kept beside it is
     * set */
    bool (*find)(void *self, const char *id, stored *out);
    int64_t (*position)(void *self);
    bool has_letters; /* it stores events that were set aside, too */
} sink_stage;

/** Each case begins with an empty store: made by `begin`, released by `end`. */
int sink_cases_run(sink_stage (*begin)(void), void (*end)(void *self));

#endif
