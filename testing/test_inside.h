/* SPDX-License-Identifier: MIT
 * What the files of a test share: one history, and how it fails. */
#ifndef STELE_TESTING_TEST_INSIDE_H
#define STELE_TESTING_TEST_INSIDE_H

#include <stele/publisher.h>
#include <stele/stele_test.h>

#include "kafka/memory_log.h"
#include "projections/states.h"

/** What the commands of an aggregate's test need: aggregate_test.c. */
typedef struct stele_test_commands stele_test_commands;
/** What those of reactions need: reaction_test.c. */
typedef struct stele_test_rules stele_test_rules;

struct stele_test {
    const stele_projection *projection;
    const char *name; /* of the projection or the aggregate */
    int64_t time_ms;
    const stele_publish_options *with; /* of the events that follow; NULL: nothing */
    char *topic;
    stele_log *log;
    stele_client *client;
    stele_publisher *publisher;
    stele_log_reader *reader;
    stele_states *states;    /* as a worker that is never stopped has them */
    stele_states *restarted; /* as one that is stopped before each event */
    int32_t state_schema;
    int64_t position;
    stele_error stopped;           /* by the last event; status OK: it was not */
    bool ended;                    /* that was expected */
    stele_test_commands *commands; /* owned; NULL: of a projection, or of reactions */
    stele_test_rules *rules;       /* owned; NULL: it is none of reactions, which have no log */
    char failure[1024];            /* "": none */
};

/* ---- projection_test.c ---- */

/** A history of the projection, on which everything is opened; a failure is the test's. */
stele_test *stele_test_open(const stele_projection *projection, const char *name);

bool stele_test_fail(stele_test *test, const char *format, ...) STELE_PRINTF(2, 3);

/** What every call asks first: has nothing failed, and was each stop and each rejection expected?
 */
bool stele_test_goes_on(stele_test *test);

/** An event with the options of a publisher, but for its time. */
bool stele_test_publish(stele_test *test, const char *id, const stele_type *type, const void *event,
                        const stele_publish_options *options);

/** Let the restarted states have of this aggregate what a snapshot of it would hold. */
bool stele_test_restart(stele_test *test, stele_bytes id);

stele_entry *stele_test_find(stele_states *states, stele_bytes id);

/** @param value  memory for a value of the type; its parts lie in the arena */
bool stele_test_read_json(stele_test *test, const stele_type *type, const char *text, void *value,
                          stele_arena *arena);

/** A value as JSON for a message; "no valid value". Valid until the buffer changes. */
const char *stele_test_text(const stele_type *type, const void *value, stele_buffer *into);

/* ---- aggregate_test.c ---- */

/** Was the rejection or the failure of the last command expected, if it had one? */
bool stele_test_commands_go_on(stele_test *test);

/** Before another event or command, and at the end: were all events of the last one named? */
bool stele_test_commands_settled(stele_test *test);

void stele_test_commands_free(stele_test_commands *commands);

/* ---- reaction_test.c ---- */

/** Give an event to its rule. */
bool stele_test_react(stele_test *test, const char *id, const stele_type *type, const void *event);

/** Before another event, and at the end: were all commands of the last one named? */
bool stele_test_rules_settled(stele_test *test);

void stele_test_rules_free(stele_test_rules *rules);

#endif
