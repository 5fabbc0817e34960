/* SPDX-License-Identifier: MIT
 * The world of the worker's tests. */
#include "tests/consumer/worker_test.h"

#include <sched.h>

#include "consumer/asker.h"
#include "core/alloc.h"

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

const stele_task_ops task_ops = {.open = open_task,
                                 .prepare = prepare_task,
                                 .take = take_batch,
                                 .tick = tick_task,
                                 .drain = drain_task,
                                 .end = end_task,
                                 .close = close_task,
                                 .progress = progress_of};

/* ---- harness ---- */

void make_topic(world *of)
{
    stele_log_topic_options options = {.name = TOPIC, .partitions = PARTITIONS};
    assert_int_equal(stele_log_topic_create(of->log, &options, 1000, NULL), STELE_OK);
}

int begin_without_topic(void **state)
{
    world *of = stele_alloc(sizeof *of);
    stele_log_memory_options options = {.runtime = stele_runtime_manual(&of->time)};
    assert_int_equal(stele_log_memory_new(&options, &of->log, NULL), STELE_OK);
    *state = of;
    return 0;
}

int begin(void **state)
{
    begin_without_topic(state);
    make_topic(*state);
    return 0;
}

int end(void **state)
{
    world *of = *state;
    for (int i = 0; i < of->worker_count; i++)
        stele_worker_close(of->workers[i]);
    stele_log_free(of->log);
    free(of);
    return 0;
}

void append(world *of, int32_t partition, int count)
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
stele_worker *new_worker_with(world *of, stele_worker_options options)
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

stele_worker *new_worker(world *of)
{
    return new_worker_with(of, (stele_worker_options){0});
}

void turn(stele_worker *worker)
{
    stele_error err;
    if (stele_worker_step(worker, 1, &err) < 0) fail_msg("%s", err.text);
}

void turns(stele_worker *worker, int count)
{
    for (int i = 0; i < count; i++)
        turn(worker);
}

stele_partition_state state_of(const stele_worker *worker, int32_t partition)
{
    stele_partition_state state;
    if (!stele_worker_state(worker, partition, &state, NULL)) return STELE_STATE_UNKNOWN;
    return state;
}

const char *reason_of(const stele_worker *worker, int32_t partition)
{
    stele_partition_state state;
    const char *reason = "";
    stele_worker_state(worker, partition, &state, &reason);
    return reason;
}

/* Turns without time going by, until a partition is in a state. */
void turn_until(stele_worker *worker, int32_t partition, stele_partition_state state)
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

void turn_until_running(stele_worker *worker)
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
void pass(world *of, stele_worker *worker, int64_t elapsed_ms)
{
    for (int64_t left = elapsed_ms; left > 0; left -= 1000) {
        stele_manual_clock_advance(&of->time, left < 1000 ? left : 1000);
        turn(worker);
        wait_for_answers(worker);
        turn(worker);
    }
}
