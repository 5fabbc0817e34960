/* SPDX-License-Identifier: MIT
 * The worker loop on the log in memory, with tasks that do as they are told. */
#include "consumer/worker.h"

#include <sched.h>
#include <unistd.h>

#include "consumer/asker.h"
#include "consumer/status.h"
#include "core/alloc.h"
#include "kafka/memory_log.h"
#include "registry/registry_port.h"
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

typedef struct task {
    stele_task base;
    world *of;
    int32_t index;
    int64_t position;
    bool ready;
} task;

static stele_status obey(order *given, stele_error *err)
{
    order now = *given;
    if (now.once) *given = (order){0};
    if (now.status == STELE_OK) return STELE_OK;
    return stele_fail(err, now.status, now.next, "%s", now.text);
}

static stele_status open_task(void *self, stele_worker *worker, stele_partition source,
                              stele_task **out, stele_error *err)
{
    (void)worker, (void)err;
    extern const stele_task_ops task_ops;
    task *opened = stele_alloc(sizeof *opened);
    opened->base.ops = &task_ops;
    opened->of = self;
    opened->index = source.index;
    opened->position = -1;
    opened->of->opened[source.index]++;
    *out = &opened->base;
    return STELE_OK;
}

static stele_status prepare_task(stele_task *base, int64_t *start, stele_error *err)
{
    task *self = (task *)base;
    self->of->prepare_calls++;
    stele_status status = obey(&self->of->prepare, err);
    if (status < 0) return status;
    self->ready = true;
    self->position = *start = self->of->position[self->index];
    return STELE_OK;
}

static stele_status take_batch(stele_task *base, const stele_batch *batch, stele_error *err)
{
    task *self = (task *)base;
    self->of->take_calls++;
    assert_true(self->ready);
    assert_string_equal(batch->partition.topic, TOPIC);
    assert_int_equal(batch->partition.index, self->index);
    stele_status status = obey(&self->of->take, err);
    if (status < 0) return status;
    for (size_t i = 0; i < batch->count; i++) {
        assert_true(batch->records[i].offset >= self->position);
        self->position = batch->records[i].offset + 1;
        self->of->taken[self->index]++;
    }
    if (batch->next_offset > self->position) self->position = batch->next_offset;
    return STELE_OK;
}

static stele_status tick_task(stele_task *base, stele_error *err)
{
    return obey(&((task *)base)->of->tick, err);
}

static stele_status drain_task(stele_task *base, stele_error *err)
{
    task *self = (task *)base;
    self->of->drain_calls++;
    stele_status status = obey(&self->of->drain, err);
    if (status < 0) return status;
    self->of->position[self->index] = self->position;
    self->of->drained[self->index]++;
    return STELE_OK;
}

static void end_task(stele_task *base, bool lost)
{
    task *self = (task *)base;
    self->of->ended++;
    if (lost) self->of->lost[self->index]++;
}

static void close_task(stele_task *base, stele_deadline by)
{
    task *self = (task *)base;
    int late_ms = self->of->closes_late ? stele_deadline_remaining_ms(by, 60000) : 0;
    stele_manual_clock_advance(&self->of->time, late_ms);
    self->of->closing_ms += late_ms;
    self->of->closed[self->index]++;
    if (self->of->ended_before_close == 0) self->of->ended_before_close = self->of->ended;
    free(self);
}

static stele_progress progress_of(const stele_task *base)
{
    const task *self = (const task *)base;
    return (stele_progress){.position = self->position, .applied = self->of->taken[self->index]};
}

extern const stele_task_ops task_ops;
const stele_task_ops task_ops = {.open = open_task,
                                 .prepare = prepare_task,
                                 .take = take_batch,
                                 .tick = tick_task,
                                 .drain = drain_task,
                                 .end = end_task,
                                 .close = close_task,
                                 .progress = progress_of};

/* ---- harness ---- */

static void make_topic(world *of)
{
    stele_log_topic_options options = {.name = TOPIC, .partitions = PARTITIONS};
    assert_int_equal(stele_log_topic_create(of->log, &options, 1000, NULL), STELE_OK);
}

static int begin_without_topic(void **state)
{
    world *of = stele_alloc(sizeof *of);
    stele_log_memory_options options = {.runtime = stele_runtime_manual(&of->time)};
    assert_int_equal(stele_log_memory_new(&options, &of->log, NULL), STELE_OK);
    *state = of;
    return 0;
}

static int begin(void **state)
{
    begin_without_topic(state);
    make_topic(*state);
    return 0;
}

static int end(void **state)
{
    world *of = *state;
    for (int i = 0; i < of->worker_count; i++)
        stele_worker_close(of->workers[i]);
    stele_log_free(of->log);
    free(of);
    return 0;
}

static void append(world *of, int32_t partition, int count)
{
    stele_log_producer *producer;
    stele_log_producer_options options = {0};
    assert_int_equal(stele_log_producer_open(of->log, &options, &producer, NULL), STELE_OK);
    for (int i = 0; i < count; i++) {
        stele_log_entry entry = {
            .partition = {TOPIC, partition}, .key = stele_text("a"), .value = stele_text("v")};
        assert_int_equal(stele_log_producer_put(producer, &entry, NULL), STELE_OK);
    }
    assert_int_equal(stele_log_producer_flush(producer, 5000, NULL), STELE_OK);
    stele_log_producer_close(producer);
}

/* Closed at the end of the test. */
static stele_worker *new_worker_with(world *of, stele_worker_options options)
{
    stele_worker *worker;
    options.name = GROUP;
    options.topic = TOPIC;
    options.ops = &task_ops;
    options.self = of;
    options.no_status = true;
    assert_int_equal(stele_worker_open(of->log, &options, &worker, NULL), STELE_OK);
    of->workers[of->worker_count++] = worker;
    return worker;
}

static stele_worker *new_worker(world *of)
{
    return new_worker_with(of, (stele_worker_options){0});
}

static void turn(stele_worker *worker)
{
    stele_error err;
    if (stele_worker_step(worker, 1, &err) < 0) fail_msg("%s", err.text);
}

static void turns(stele_worker *worker, int count)
{
    for (int i = 0; i < count; i++)
        turn(worker);
}

static stele_partition_state state_of(const stele_worker *worker, int32_t partition)
{
    stele_partition_state state;
    if (!stele_worker_state(worker, partition, &state, NULL)) return STELE_STATE_UNKNOWN;
    return state;
}

static const char *reason_of(const stele_worker *worker, int32_t partition)
{
    stele_partition_state state;
    const char *reason = "";
    stele_worker_state(worker, partition, &state, &reason);
    return reason;
}

/* Turns without time going by, until a partition is in a state. */
static void turn_until(stele_worker *worker, int32_t partition, stele_partition_state state)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), 20000);
    while (!stele_deadline_passed(until)) {
        if (state_of(worker, partition) == state) return;
        turn(worker);
    }
    fail_msg("%d is %s (%s), not %s", (int)partition,
             stele_partition_state_name(state_of(worker, partition)), reason_of(worker, partition),
             stele_partition_state_name(state));
}

static void turn_until_running(stele_worker *worker)
{
    for (int32_t i = 0; i < PARTITIONS; i++)
        turn_until(worker, i, STELE_STATE_RUNNING);
}

static void ask_nothing(stele_question *question, stele_asker *asker)
{
    (void)question, (void)asker;
}

/* Questions are asked in order, on a thread: once this one is answered, so are those before it. */
static void wait_for_answers(stele_worker *worker)
{
    stele_asker *asker = stele_worker_asker(worker);
    stele_question last = {.ask = ask_nothing};
    stele_deadline until = stele_deadline_after(stele_clock_system(), 20000);
    stele_asker_ask(asker, &last);
    while (stele_asker_state(asker, &last) == STELE_QUESTION_WAITING) {
        if (stele_deadline_passed(until)) fail_msg("the asker does not answer");
        sched_yield();
    }
}

/* Time goes by in steps in which the group is served, and what a question was answered is heard. */
static void pass(world *of, stele_worker *worker, int64_t elapsed_ms)
{
    for (int64_t left = elapsed_ms; left > 0; left -= 1000) {
        stele_manual_clock_advance(&of->time, left < 1000 ? left : 1000);
        turn(worker);
        wait_for_answers(worker);
        turn(worker);
    }
}

/* ---- reading ---- */

static void each_partition_is_read_from_where_its_task_says(void **state)
{
    world *of = *state;
    append(of, 0, 3000);
    append(of, 1, 10);
    of->position[1] = 4;
    stele_worker *worker = new_worker(of);

    turn_until_running(worker);
    turns(worker, 20);

    assert_int_equal(of->taken[0], 3000);
    assert_int_equal(of->taken[1], 6);
    assert_int_equal(stele_worker_progress(worker, 1).position, 10);
}

static void a_batch_that_cannot_be_taken_yet_is_offered_again_whole(void **state)
{
    world *of = *state;
    append(of, 0, 10);
    of->take = (order){STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "schema 7: registry is away", false};
    stele_worker *worker = new_worker(of);

    turn_until(worker, 0, STELE_STATE_WAITING);
    assert_string_equal(reason_of(worker, 0), "schema 7: registry is away");
    turn_until(worker, 1, STELE_STATE_WAITING); /* its end of partition */
    int calls = of->take_calls;
    turns(worker, 50);
    assert_int_equal(of->take_calls, calls); /* not before the back-off is over */

    append(of, 1, 5);
    of->take = (order){0};
    pass(of, worker, 10000);
    assert_int_equal(of->taken[0], 10);
    assert_int_equal(of->taken[1], 5);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
    assert_string_equal(reason_of(worker, 0), "");
}

static void a_task_that_wants_its_thread_given_back_is_called_again_at_once(void **state)
{
    world *of = *state;
    append(of, 0, 10);
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 10);
    append(of, 0, 1);
    of->take = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", true};

    turns(worker, 3);

    assert_int_equal(of->taken[0], 11);
}

/* ---- stopping ---- */

static void one_stopped_partition_leaves_the_others_running(void **state)
{
    world *of = *state;
    append(of, 0, 1);
    of->take = (order){STELE_E_INVALID, STELE_NEXT_REJECT, "account.events/0/0: bad bytes", true};
    stele_worker *worker = new_worker(of);

    for (int i = 0; i < TURNS_MAX && of->take_calls == 0; i++)
        turn(worker);
    int32_t stopped = state_of(worker, 0) == STELE_STATE_STOPPED ? 0 : 1;
    int32_t other = 1 - stopped;
    append(of, other, 5);
    turns(worker, 20);

    assert_int_equal(state_of(worker, stopped), STELE_STATE_STOPPED);
    assert_string_equal(reason_of(worker, stopped), "account.events/0/0: bad bytes");
    assert_int_equal(of->closed[stopped], 1);
    assert_int_equal(state_of(worker, other), STELE_STATE_RUNNING);
    assert_true(of->taken[other] >= 5);
    assert_false(stele_worker_is_stopped(worker));
}

static void a_worker_ends_when_every_partition_is_stopped(void **state)
{
    world *of = *state;
    of->prepare = (order){STELE_E_HOLE, STELE_NEXT_STOP, "offset reset", false};
    stele_worker *worker = new_worker(of);
    atomic_bool stop = false;
    stele_error err;

    assert_int_equal(stele_worker_run(worker, &stop, &err), STELE_E_STOPPED);

    assert_non_null(strstr(err.text, "every partition is stopped: offset reset"));
}

static void take_stopped(void *context, const stele_status_line *line)
{
    *(int *)context += line->state == STELE_STATE_STOPPED && strcmp(line->reason, "a hole") == 0;
}

static void why_a_worker_ended_stands_in_its_status(void **state)
{
    world *of = *state;
    of->prepare = (order){STELE_E_HOLE, STELE_NEXT_STOP, "a hole", false};
    stele_worker_options options = {.name = GROUP, .topic = TOPIC, .ops = &task_ops, .self = of};
    stele_worker *worker;
    assert_int_equal(stele_worker_open(of->log, &options, &worker, NULL), STELE_OK);
    atomic_bool stop = false;

    assert_int_equal(stele_worker_run(worker, &stop, NULL), STELE_E_STOPPED);
    stele_worker_close(worker);

    int stopped = 0;
    assert_int_equal(stele_status_read(of->log, GROUP,
                                       stele_deadline_after(stele_clock_system(), 20000),
                                       take_stopped, &stopped, NULL),
                     STELE_OK);
    assert_int_equal(stopped, PARTITIONS);
}

static void a_hole_stops_the_partition_and_names_the_offset(void **state)
{
    world *of = *state;
    append(of, 0, 10);
    of->position[0] = 3;
    assert_int_equal(stele_log_memory_delete_records(of->log, (stele_partition){TOPIC, 0}, 5, NULL),
                     STELE_OK);
    stele_worker *worker = new_worker(of);

    turn_until(worker, 0, STELE_STATE_STOPPED);

    assert_non_null(strstr(reason_of(worker, 0), TOPIC "/0"));
    assert_non_null(strstr(reason_of(worker, 0), "3"));
    assert_int_equal(of->taken[0], 0);
}

static void another_partition_count_stops_all_partitions(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);

    assert_int_equal(stele_log_memory_partitions_raise(of->log, TOPIC, 4, NULL), STELE_OK);
    turn_until(worker, 0, STELE_STATE_STOPPED);
    turn_until(worker, 1, STELE_STATE_STOPPED);
    turns(worker, 20);

    for (int32_t i = 0; i < 4; i++) {
        if (state_of(worker, i) != STELE_STATE_UNKNOWN)
            assert_int_equal(state_of(worker, i), STELE_STATE_STOPPED);
    }
    assert_string_equal(
        reason_of(worker, 0),
        "account.events had 2 partitions and has 4: keys have moved to other partitions, so states "
        "would be split in two; copy its events to a new topic with that many");
    assert_true(stele_worker_is_stopped(worker));
}

/* ---- waiting ---- */

static void a_worker_waits_for_a_topic_that_is_not_there(void **state)
{
    world *of = *state;
    int pipe_ends[2];
    assert_int_equal(pipe(pipe_ends), 0);
    static stele_logger logger; /* outlives the worker */
    logger = (stele_logger){.clock = stele_clock_manual(&of->time), .fd = pipe_ends[1]};
    stele_worker *worker = new_worker_with(of, (stele_worker_options){.logger = &logger});

    pass(of, worker, 25000);
    close(pipe_ends[1]);
    char text[4096] = {0};
    size_t size = 0;
    ssize_t more;
    while ((more = read(pipe_ends[0], text + size, sizeof text - 1 - size)) > 0)
        size += (size_t)more;
    close(pipe_ends[0]);
    size_t lines = 0;
    for (const char *at = text; (at = strstr(at, "waiting for the topic")) != NULL; at++)
        lines++;
    assert_in_range(lines, 2, 3); /* every ten seconds, and not each time that it asked */

    logger.fd = -1;
    make_topic(of);
    append(of, 0, 1);
    pass(of, worker, 10000);
    assert_int_equal(of->taken[0], 1);
}

static void a_broker_that_is_away_is_waited_for(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);

    stele_log_memory_set_up(of->log, false);
    turn_until(worker, 0, STELE_STATE_WAITING);
    assert_string_equal(reason_of(worker, 0), "no broker answers");
    pass(of, worker, 60000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING);

    stele_log_memory_set_up(of->log, true);
    append(of, 0, 1);
    turn_until_running(worker);
    turns(worker, 20);
    assert_int_equal(of->taken[0], 1);
}

static void a_worker_that_waits_for_a_schema_is_called_when_one_comes(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    stele_registry *registry;
    stele_registry_options where = {.log = of->log};
    assert_int_equal(stele_registry_open(&where, &registry, NULL), STELE_OK);
    of->take = (order){STELE_E_NOT_FOUND, STELE_NEXT_RETRY,
                       "the registry does not know schema id 7 yet", false};
    stele_worker *worker = new_worker_with(of, (stele_worker_options){.registry = registry});
    turn_until(worker, 0, STELE_STATE_WAITING);
    turn(worker);
    assert_int_equal(of->taken[0], 0);

    of->take = (order){0};
    stele_registry_tell(registry);
    turn(worker);

    assert_int_equal(of->taken[0], 5);
    of->worker_count = 0;
    stele_worker_close(worker);
    stele_registry_close(registry);
}

static void a_restore_that_waits_says_for_what(void **state)
{
    world *of = *state;
    of->prepare = (order){STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "registry is away", false};
    stele_worker *worker = new_worker(of);

    turn_until(worker, 0, STELE_STATE_WAITING);
    assert_string_equal(reason_of(worker, 0), "registry is away");
    pass(of, worker, 120000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING); /* not stalled: it has a reason */

    of->prepare = (order){0};
    pass(of, worker, 6000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
}

static void an_answer_on_its_way_is_said_when_it_takes_long(void **state)
{
    static const char *const why = "registry: no answer yet what schema 7 is";
    world *of = *state;
    append(of, 0, 5);
    of->take = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, why, false};
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);

    pass(of, worker, 4000);
    assert_int_equal(of->taken[0], 0);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
    assert_string_equal(reason_of(worker, 0), "");
    pass(of, worker, 2000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING);
    assert_string_equal(reason_of(worker, 0), why);

    of->take = (order){0};
    pass(of, worker, 6000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
    assert_int_equal(of->taken[0], 5);
}

static void what_failed_is_said_at_once_also_after_an_answer_on_its_way(void **state)
{
    world *of = *state;
    of->prepare = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "no answer yet", true};
    stele_worker *worker = new_worker(of);
    for (int i = 0; i < TURNS_MAX && of->prepare_calls == 0; i++)
        turn(worker);
    of->prepare = (order){STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "registry is away", false};

    pass(of, worker, 1000);

    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING);
    assert_string_equal(reason_of(worker, 0), "registry is away");
}

static void a_call_that_waits_is_not_hidden_by_another_that_does_not(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    of->take = (order){STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "schema 7: registry is away", false};
    of->tick = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", false};
    stele_worker *worker = new_worker(of);
    turn_until(worker, 0, STELE_STATE_WAITING);
    turn_until(worker, 1, STELE_STATE_WAITING);

    int calls = of->take_calls;
    turns(worker, 200);
    assert_true(of->take_calls - calls < 10); /* after a back-off each, and not in each turn */

    pass(of, worker, 40000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING); /* not stalled: it has a reason */
    assert_string_equal(reason_of(worker, 0), "schema 7: registry is away");
}

static void what_cannot_be_written_is_shown_while_events_are_applied(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    of->tick =
        (order){STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "snapshots cannot be committed", false};

    for (int i = 0; i < 20; i++) {
        append(of, 0, 1);
        turn(worker);
        assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING);
        assert_string_equal(reason_of(worker, 0), "snapshots cannot be committed");
    }

    assert_true(of->taken[0] >= 10);
    of->tick = (order){0};
    turns(worker, 2);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
}

/* ---- stalling ---- */

static void a_restore_without_progress_is_stalled_and_begun_again(void **state)
{
    world *of = *state;
    of->prepare = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", false};
    stele_worker *worker = new_worker(of);
    turn_until(worker, 0, STELE_STATE_RESTORING);

    pass(of, worker, 31000);

    assert_int_equal(state_of(worker, 0), STELE_STATE_STALLED);
    assert_non_null(strstr(reason_of(worker, 0), "restoring has made no progress for 30 s"));
    turns(worker, 2);
    assert_int_equal(of->opened[0], 2);
    of->prepare = (order){0};
    turn_until(worker, 0, STELE_STATE_RUNNING);
}

static void a_partition_that_is_behind_and_does_not_move_is_stalled(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 10);
    append(of, 0, 5);
    of->take = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", false};

    pass(of, worker, 31000);

    turn_until(worker, 0, STELE_STATE_STALLED);
    assert_string_equal(reason_of(worker, 0),
                        "no event was applied for 30 s at account.events/0/5, "
                        "the log ends at 10");
    assert_int_equal(state_of(worker, 1), STELE_STATE_RUNNING); /* nothing to do is no stall */
    of->take = (order){0};
    turns(worker, 5);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
    assert_string_equal(reason_of(worker, 0), "");
    assert_int_equal(of->taken[0], 10);
}

static void a_reader_that_gives_nothing_is_replaced(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 10);
    append(of, 0, 5);
    /* As a fetch does that has been forgotten. */
    stele_log_reader_hold(stele_worker_reader(worker), (stele_partition){TOPIC, 0}, true);

    pass(of, worker, 30000);
    assert_int_equal(of->taken[0], 5);
    pass(of, worker, 2000);

    assert_int_equal(of->taken[0], 10);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
    assert_int_equal(of->opened[0], 1);
}

static void a_reader_that_cannot_be_replaced_serves_on(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 10);
    append(of, 0, 5);
    stele_log_reader_hold(stele_worker_reader(worker), (stele_partition){TOPIC, 0}, true);
    stele_log_memory_refuse_readers(of->log, true);

    pass(of, worker, 32000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_STALLED);
    append(of, 1, 5);
    turns(worker, 10);
    assert_int_equal(of->taken[1], 5); /* the others go on */

    stele_log_memory_refuse_readers(of->log, false);
    pass(of, worker, 32000);
    assert_int_equal(of->taken[0], 10);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
}

static void a_worker_that_gets_no_reader_ends_its_process(void **state)
{
    world *of = *state;
    stele_log_memory_refuse_readers(of->log, true);
    stele_worker *worker = new_worker(of);
    atomic_bool stop = false;
    stele_error err;

    stele_status status = stele_worker_run(worker, &stop, &err);

    assert_int_equal(status, STELE_E_INTERNAL); /* which is not STELE_E_STOPPED */
    assert_string_equal(err.text, "too many open files");
}

static void records_that_a_transaction_holds_back_are_a_reason(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    stele_log_producer *other;
    stele_log_producer_options options = {.transactional_id = "other",
                                          .transaction_timeout_ms = 900000};
    assert_int_equal(stele_log_producer_open(of->log, &options, &other, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_init(other, TOPIC, 1000, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_begin(other, NULL), STELE_OK);
    stele_log_entry entry = {
        .partition = {TOPIC, 0}, .key = stele_text("a"), .value = stele_text("v")};
    assert_int_equal(stele_log_producer_put(other, &entry, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_flush(other, 1000, NULL), STELE_OK);
    append(of, 0, 2);

    pass(of, worker, 15000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING);
    assert_non_null(strstr(reason_of(worker, 0), "3 records from offset 0 on are held back"));
    pass(of, worker, 17000);

    assert_int_equal(state_of(worker, 0), STELE_STATE_STALLED);
    assert_non_null(strstr(reason_of(worker, 0), "3 records from offset 0 on are held back"));
    assert_int_equal(state_of(worker, 1), STELE_STATE_RUNNING);
    assert_int_equal(stele_log_producer_abort(other, 1000, NULL), STELE_OK);
    stele_log_producer_close(other);
    pass(of, worker, 2000);
    assert_int_equal(of->taken[0], 2);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
}

/* ---- tasks that die ---- */

static void a_task_whose_state_cannot_be_trusted_is_opened_anew(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 10);
    of->tick = (order){STELE_E_TIMED_OUT, STELE_NEXT_ABORT, "commit: outcome unknown", true};

    turn(worker);
    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING);
    assert_string_equal(reason_of(worker, 0), "commit: outcome unknown");
    pass(of, worker, 1000);

    assert_int_equal(of->opened[0], 2);
    assert_int_equal(of->lost[0], 1);
    assert_int_equal(of->taken[0], 10); /* from where it was durable */
}

static void a_fenced_partition_that_the_group_leaves_here_is_opened_again(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    of->tick = (order){STELE_E_FENCED, STELE_NEXT_STOP, "another owner has taken over", true};

    turn(worker);
    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING);
    assert_int_equal(of->lost[0], 1);
    pass(of, worker, SESSION_MS - 1000);
    assert_int_equal(of->opened[0], 1);
    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING);

    pass(of, worker, 3000); /* a session is over, and the group did not take it away */
    assert_int_equal(of->opened[0], 2);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
    assert_int_equal(of->opened[1], 1); /* it did not leave */
}

static void a_partition_that_is_fenced_again_makes_its_worker_join_again(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    for (int i = 0; i < 2; i++) {
        of->tick = (order){STELE_E_FENCED, STELE_NEXT_STOP, "another owner has taken over", true};
        turn(worker);
        pass(of, worker, SESSION_MS + 5000);
    }

    assert_int_equal(of->opened[1], 2);
    turn_until_running(worker);
}

/* ---- moving ---- */

static void partitions_move_with_a_drain_and_nothing_twice(world *of, bool eager)
{
    append(of, 0, 5);
    append(of, 1, 5);
    stele_worker *first = new_worker_with(of, (stele_worker_options){.eager = eager});
    turn_until_running(first);
    turns(first, 10);

    stele_worker *second = new_worker_with(of, (stele_worker_options){.eager = eager});
    for (int i = 0; i < 200; i++) {
        turn(first);
        turn(second);
    }
    append(of, 0, 5);
    append(of, 1, 5);
    for (int i = 0; i < 50; i++) {
        turn(first);
        turn(second);
    }

    for (int32_t i = 0; i < PARTITIONS; i++) {
        bool first_has = state_of(first, i) == STELE_STATE_RUNNING;
        bool second_has = state_of(second, i) == STELE_STATE_RUNNING;
        assert_true(first_has != second_has);
        assert_int_equal(of->taken[i], 10);
        assert_int_equal(of->lost[i], 0);
    }
    assert_int_equal(of->drained[0] + of->drained[1], eager ? 2 : 1);
}

static void cooperative_partitions_move_with_a_drain(void **state)
{
    partitions_move_with_a_drain_and_nothing_twice(*state, false);
}

static void eager_partitions_move_with_a_drain(void **state)
{
    partitions_move_with_a_drain_and_nothing_twice(*state, true);
}

static void a_rebalance_ends_the_wait_of_a_worker(void **state)
{
    world *of = *state;
    stele_worker *first = new_worker(of);
    stele_worker *second = new_worker(of);
    turn_until_running(first);
    turns(first, 20);
    int64_t begun_ns = stele_clock_monotonic_ns(stele_clock_manual(&of->time));

    while (stele_worker_member(second) == NULL)
        turn(second);
    turn(second);
    assert_int_equal(stele_worker_step(first, 60000, NULL), STELE_OK);
    assert_int_equal(stele_worker_step(first, 1, NULL), STELE_OK);

    int64_t waited_ns = stele_clock_monotonic_ns(stele_clock_manual(&of->time)) - begun_ns;
    assert_true(waited_ns < INT64_C(1000000000));
    turn_until(second, 1, STELE_STATE_RUNNING);
}

static void take_waiting(void *context, const stele_status_line *line)
{
    *(int *)context += line->state == STELE_STATE_WAITING && strstr(line->reason, "assign") != NULL;
}

static void a_worker_that_is_not_let_into_the_group_says_why(void **state)
{
    world *of = *state;
    const char *const topics[] = {TOPIC, NULL};
    stele_log_member *other;
    stele_log_member_options foreign = {
        .group = GROUP, .topics = topics, .eager = true, .session_timeout_ms = 900000};
    assert_int_equal(stele_log_member_open(of->log, &foreign, &other, NULL), STELE_OK);
    assert_int_equal(stele_log_member_poll(other, 0, NULL), STELE_OK);
    stele_worker_options options = {.name = GROUP, .topic = TOPIC, .ops = &task_ops, .self = of};
    stele_worker *worker;
    assert_int_equal(stele_worker_open(of->log, &options, &worker, NULL), STELE_OK);
    of->workers[of->worker_count++] = worker;

    int waiting = 0;
    stele_deadline until = stele_deadline_after(stele_clock_system(), 20000);
    while (waiting < PARTITIONS) {
        assert_false(stele_deadline_passed(until));
        pass(of, worker, 1000);
        waiting = 0;
        assert_int_equal(stele_status_read(of->log, GROUP,
                                           stele_deadline_after(stele_clock_system(), 20000),
                                           take_waiting, &waiting, NULL),
                         STELE_OK);
    }

    stele_log_member_close(other, 1000);
    turn_until_running(worker);
}

static void what_is_lost_is_not_drained(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 10);

    stele_manual_clock_advance(&of->time, 10 * SESSION_MS); /* stopped, as by SIGSTOP */
    turns(worker, 10);

    assert_int_equal(of->lost[0], 1);
    assert_int_equal(of->drained[0], 0);
    turn_until_running(worker); /* it joins again */
    assert_int_equal(of->opened[0], 2);
}

static void all_are_asked_to_close_before_one_is_waited_for(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);

    stele_manual_clock_advance(&of->time, 10 * SESSION_MS);
    turn(worker);

    assert_int_equal(of->lost[0] + of->lost[1], PARTITIONS);
    assert_int_equal(of->ended_before_close, PARTITIONS);
}

static void assert_closed_together(const world *of)
{
    assert_int_equal(of->ended, PARTITIONS);
    assert_int_equal(of->ended_before_close, PARTITIONS);
    assert_int_equal(of->closing_ms, 1000);
    for (int i = 0; i < PARTITIONS; i++)
        assert_int_equal(of->closed[i], 1);
}

static void all_that_stop_are_waited_for_together(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    of->closes_late = true;

    assert_int_equal(stele_log_memory_partitions_raise(of->log, TOPIC, 4, NULL), STELE_OK);
    turn_until(worker, 0, STELE_STATE_STOPPED);

    assert_closed_together(of);
}

static void all_that_are_fenced_are_waited_for_together(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    of->closes_late = true;

    of->tick = (order){STELE_E_FENCED, STELE_NEXT_STOP, "another owner has taken over", false};
    turn(worker);

    assert_closed_together(of);
}

static void all_that_begin_again_with_another_reader_are_waited_for_together(void **state)
{
    world *of = *state;
    of->prepare = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", false};
    stele_worker *worker = new_worker(of);
    turn_until(worker, 0, STELE_STATE_RESTORING);
    turn_until(worker, 1, STELE_STATE_RESTORING);
    of->closes_late = true;

    for (int i = 0; i < 40 && of->closing_ms == 0; i++)
        pass(of, worker, 1000);

    assert_closed_together(of);
}

static void a_stop_drains_and_leaves(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 10);
    atomic_bool stop = true;

    assert_int_equal(stele_worker_run(worker, &stop, NULL), STELE_OK);

    assert_int_equal(of->drained[0], 1);
    assert_int_equal(of->closed[0], 1);
    assert_int_equal(of->lost[0], 0);
    assert_int_equal(of->position[0], 5);
}

static void a_drain_that_does_not_end_is_cut_off(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker_with(of, (stele_worker_options){.drain_timeout_ms = 30});
    turn_until_running(worker);
    of->drain = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", false};
    atomic_bool stop = true;

    assert_int_equal(stele_worker_run(worker, &stop, NULL), STELE_OK);

    assert_int_equal(of->drained[0], 0);
    assert_int_equal(of->closed[0], 1);
}

static void a_worker_that_is_to_write_no_last_snapshot_drains_nothing(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker_with(of, (stele_worker_options){.drain_timeout_ms = -1});
    turn_until_running(worker);
    of->drain = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", false};
    atomic_bool stop = true;

    assert_int_equal(stele_worker_run(worker, &stop, NULL), STELE_OK);

    assert_int_equal(of->drain_calls, 0);
    assert_int_equal(of->closed[0], 1);
}

/* ---- outside of the assignment ---- */

/* Two of them, each with a partition. @return the number of the second one's */
static int32_t share(stele_worker *first, stele_worker *second)
{
    for (int i = 0; i < 200; i++) {
        turn(first);
        turn(second);
    }
    int32_t of_second = state_of(second, 0) == STELE_STATE_RUNNING ? 0 : 1;
    turn_until(first, 1 - of_second, STELE_STATE_RUNNING);
    turn_until(second, of_second, STELE_STATE_RUNNING);
    return of_second;
}

static void a_partition_is_taken_that_the_group_has_not_assigned(void **state)
{
    world *of = *state;
    stele_worker *first = new_worker(of);
    stele_worker *second = new_worker(of);
    assert_false(stele_worker_take(first, 0)); /* it is in no group yet */
    int32_t taken = share(first, second);

    append(of, taken, 5);
    assert_true(stele_worker_take(first, taken));
    assert_false(stele_worker_take(first, taken)); /* it is ours */
    turn_until(first, taken, STELE_STATE_RUNNING);
    turns(first, 10);

    assert_int_equal(stele_worker_progress(first, taken).position, 5);
}

static void what_the_group_takes_away_is_kept_until_it_is_given_away(void **state)
{
    world *of = *state;
    stele_worker *first = new_worker_with(of, (stele_worker_options){.keeps_revoked = true});
    turn_until_running(first);
    stele_worker *second = new_worker(of);
    int32_t moved = share(first, second);

    assert_int_equal(state_of(first, moved), STELE_STATE_RUNNING);
    assert_int_equal(of->drained[moved], 0);
    stele_worker_give(first, moved);
    turns(first, 5);

    assert_int_equal(state_of(first, moved), STELE_STATE_UNKNOWN);
    assert_int_equal(of->drained[moved], 1);
    assert_int_equal(of->lost[moved], 0);
    for (int i = 0; i < 8; i++) {
        pass(of, first, 1000);
        turn(second);
    }
    assert_int_equal(state_of(first, moved), STELE_STATE_UNKNOWN); /* it is not assigned */
}

static void what_does_not_drain_is_given_away_after_two_seconds(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    of->drain = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", false};

    stele_worker_give(worker, 0);
    turns(worker, 5);
    assert_int_equal(of->closed[0], 0);
    pass(of, worker, 2000);

    assert_int_equal(of->closed[0], 1);
    assert_int_equal(of->drained[0], 0);
}

static void what_was_given_away_and_stays_assigned_is_taken_again_after_a_session(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);

    stele_worker_give(worker, 0);
    pass(of, worker, SESSION_MS - 1000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_UNKNOWN);
    pass(of, worker, 2000);

    assert_int_equal(of->opened[0], 2);
    turn_until_running(worker);
}

static void what_is_kept_and_assigned_again_goes_on(void **state)
{
    world *of = *state;
    stele_worker *first = new_worker_with(of, (stele_worker_options){.keeps_revoked = true});
    turn_until_running(first);
    stele_worker *second = new_worker(of);
    int32_t moved = share(first, second);
    atomic_bool stop = true;

    assert_int_equal(stele_worker_run(second, &stop, NULL), STELE_OK); /* it leaves */
    turns(first, 200);
    of->opened[moved] = 0;
    pass(of, first, SESSION_MS + 2000);

    assert_int_equal(state_of(first, moved), STELE_STATE_RUNNING);
    assert_int_equal(of->opened[moved], 0);
}

static void what_is_kept_and_fenced_is_no_longer_ours(void **state)
{
    world *of = *state;
    stele_worker *first = new_worker_with(of, (stele_worker_options){.keeps_revoked = true});
    turn_until_running(first);
    int32_t moved = share(first, new_worker(of));
    stele_worker_give(first, 1 - moved); /* the one that is ticked is the one that was kept */
    turns(first, 5);
    of->tick = (order){STELE_E_FENCED, STELE_NEXT_STOP, "another owner has taken over", true};
    turns(first, 3);

    assert_int_equal(state_of(first, moved), STELE_STATE_UNKNOWN);
    assert_int_equal(of->lost[moved], 1);
}

static void a_stop_drains_what_is_kept_too(void **state)
{
    world *of = *state;
    stele_worker *first = new_worker_with(of, (stele_worker_options){.keeps_revoked = true});
    turn_until_running(first);
    share(first, new_worker(of));
    atomic_bool stop = true;

    assert_int_equal(stele_worker_run(first, &stop, NULL), STELE_OK);

    assert_int_equal(of->drained[0], 1);
    assert_int_equal(of->drained[1], 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_partition_is_read_from_where_its_task_says),
        CASE(a_batch_that_cannot_be_taken_yet_is_offered_again_whole),
        CASE(a_task_that_wants_its_thread_given_back_is_called_again_at_once),
        CASE(one_stopped_partition_leaves_the_others_running),
        CASE(a_worker_ends_when_every_partition_is_stopped),
        CASE(why_a_worker_ended_stands_in_its_status),
        CASE(a_hole_stops_the_partition_and_names_the_offset),
        CASE(another_partition_count_stops_all_partitions),
        cmocka_unit_test_setup_teardown(a_worker_waits_for_a_topic_that_is_not_there,
                                        begin_without_topic, end),
        CASE(a_broker_that_is_away_is_waited_for),
        CASE(a_worker_that_waits_for_a_schema_is_called_when_one_comes),
        CASE(a_restore_that_waits_says_for_what),
        CASE(an_answer_on_its_way_is_said_when_it_takes_long),
        CASE(what_failed_is_said_at_once_also_after_an_answer_on_its_way),
        CASE(a_call_that_waits_is_not_hidden_by_another_that_does_not),
        CASE(what_cannot_be_written_is_shown_while_events_are_applied),
        CASE(a_restore_without_progress_is_stalled_and_begun_again),
        CASE(a_partition_that_is_behind_and_does_not_move_is_stalled),
        CASE(a_reader_that_gives_nothing_is_replaced),
        CASE(a_reader_that_cannot_be_replaced_serves_on),
        CASE(a_worker_that_gets_no_reader_ends_its_process),
        CASE(records_that_a_transaction_holds_back_are_a_reason),
        CASE(a_task_whose_state_cannot_be_trusted_is_opened_anew),
        CASE(a_fenced_partition_that_the_group_leaves_here_is_opened_again),
        CASE(a_partition_that_is_fenced_again_makes_its_worker_join_again),
        CASE(cooperative_partitions_move_with_a_drain),
        CASE(eager_partitions_move_with_a_drain),
        CASE(a_rebalance_ends_the_wait_of_a_worker),
        CASE(a_worker_that_is_not_let_into_the_group_says_why),
        CASE(what_is_lost_is_not_drained),
        CASE(all_are_asked_to_close_before_one_is_waited_for),
        CASE(all_that_stop_are_waited_for_together),
        CASE(all_that_are_fenced_are_waited_for_together),
        CASE(all_that_begin_again_with_another_reader_are_waited_for_together),
        CASE(a_stop_drains_and_leaves),
        CASE(a_worker_that_is_to_write_no_last_snapshot_drains_nothing),
        CASE(a_drain_that_does_not_end_is_cut_off),
        CASE(a_partition_is_taken_that_the_group_has_not_assigned),
        CASE(what_the_group_takes_away_is_kept_until_it_is_given_away),
        CASE(what_does_not_drain_is_given_away_after_two_seconds),
        CASE(what_was_given_away_and_stays_assigned_is_taken_again_after_a_session),
        CASE(what_is_kept_and_assigned_again_goes_on),
        CASE(what_is_kept_and_fenced_is_no_longer_ours),
        CASE(a_stop_drains_what_is_kept_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
