/* SPDX-License-Identifier: MIT
 * What the tests of the worker share: a log in memory with manual time, and tasks that do as they
 * are told. */
#ifndef STELE_TESTS_WORKER_TEST_H
#define STELE_TESTS_WORKER_TEST_H

#include "consumer/worker.h"
#include "kafka/memory_log.h"
#include "tests/support/test.h"

#define TOPIC "account.events"
#define GROUP "balances.v1"
enum { PARTITIONS = 2, TURNS_MAX = 2000, SESSION_MS = 6000 };

/* What a task is told to answer, once or until it is told otherwise. */
typedef struct order {
    stele_status status; /* STELE_OK: do it */
    stele_next next;
    const char *text;
    bool once;
} order;

/* What all tasks of a test share: a durable position for each partition, and what happened. */
typedef struct world {
    stele_log *log;
    stele_manual_clock time;
    int64_t position[8]; /* kept when a task closes, as by checkpoints */
    int64_t taken[8];    /* records, in order, none twice */
    int opened[8];
    int closed[8];
    int lost[8];
    int drained[8];
    int ended;
    int ended_before_close; /* how many had been asked to close when the first was waited for */
    bool closes_late;       /* each close takes all the time that it is given */
    int64_t closing_ms;     /* all closes together */
    order prepare;
    order take;
    order tick;
    order drain;
    int prepare_calls;
    int take_calls;
    int drain_calls;
    stele_worker *workers[2];
    int worker_count;
} world;

/** Its tasks' self is a world. */
extern const stele_task_ops task_ops;

/** A test whose state is a world, with that topic or without; `end` closes its workers. */
int begin(void **state);
int begin_without_topic(void **state);
int end(void **state);
#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

void make_topic(world *of);
void append(world *of, int32_t partition, int count);

/** Closed at the end of the test. */
stele_worker *new_worker(world *of);
stele_worker *new_worker_with(world *of, stele_worker_options options);

stele_partition_state state_of(const stele_worker *worker, int32_t partition);
const char *reason_of(const stele_worker *worker, int32_t partition);

/** Without time going by. */
void turn(stele_worker *worker);
void turns(stele_worker *worker, int count);

/** Turns without time going by, until a partition is in a state, or all are running. */
void turn_until(stele_worker *worker, int32_t partition, stele_partition_state state);
void turn_until_running(stele_worker *worker);

/** Time goes by in steps in which the group is served, and what a question was answered is heard.
 */
void pass(world *of, stele_worker *worker, int64_t elapsed_ms);

#endif
