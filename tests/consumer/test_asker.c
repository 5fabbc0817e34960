/* SPDX-License-Identifier: MIT
 * Questions in a thread of their own. */
#include "consumer/asker.h"

#include <stdatomic.h>

#include "core/alloc.h"
#include "core/monitor.h"
#include "kafka/memory_log.h"
#include "tests/support/test.h"

#define TOPIC "account.events"

enum { PARTITIONS = 4, WAIT_MS = 20000, LOOK_MS = 5000 };

/* The asker's thread waits in a question until it may go on. */
typedef struct gate {
    stele_monitor monitor;
    bool entered;
    bool open;
    int calls;
    int asked; /* questions, in all calls */
} gate;

typedef struct question {
    stele_question base;
    gate *at;
} question;

static void ask(stele_question *list, stele_asker *asker)
{
    (void)asker;
    gate *at = ((question *)list)->at;
    stele_monitor_lock(&at->monitor);
    at->calls++;
    for (; list != NULL; list = list->next)
        at->asked++;
    at->entered = true;
    stele_monitor_wake(&at->monitor);
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while (!at->open && stele_monitor_wait(&at->monitor, until)) {
    }
    stele_monitor_unlock(&at->monitor);
}

static void await_entered(gate *at)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    stele_monitor_lock(&at->monitor);
    while (!at->entered && stele_monitor_wait(&at->monitor, until)) {
    }
    assert_true(at->entered);
    stele_monitor_unlock(&at->monitor);
}

static void let_in(gate *at)
{
    stele_monitor_lock(&at->monitor);
    at->open = true;
    stele_monitor_wake(&at->monitor);
    stele_monitor_unlock(&at->monitor);
}

static void await_answer(stele_asker *asker, const stele_question *asked)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while (stele_asker_state(asker, asked) != STELE_QUESTION_ANSWERED) {
        assert_false(stele_deadline_passed(until));
        stele_sleep_ms(stele_runtime_system(), 1);
    }
}

static void count_wake(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

static stele_log *new_log(void)
{
    stele_log *log;
    assert_int_equal(stele_log_memory_new(NULL, &log, NULL), STELE_OK);
    stele_log_topic_options topic = {.name = TOPIC, .partitions = PARTITIONS};
    assert_int_equal(stele_log_topic_create(log, &topic, WAIT_MS, NULL), STELE_OK);
    return log;
}

/* @return how often `ask` was called for the four that came while the first was being asked */
static int calls_for_four(bool together)
{
    STELE_AUTO(stele_log) log = new_log();
    atomic_int wakes = 0;
    stele_asker *asker = stele_asker_open(log, count_wake, &wakes);
    gate at = {0};
    stele_monitor_init(&at.monitor, stele_runtime_system());
    question *all[5];
    for (int i = 0; i < 5; i++) {
        all[i] = stele_alloc(sizeof *all[i]);
        *all[i] = (question){.base = {.ask = ask, .together = together}, .at = &at};
        stele_asker_ask(asker, &all[i]->base);
        if (i == 0) await_entered(&at);
    }
    let_in(&at);
    for (int i = 0; i < 5; i++)
        await_answer(asker, &all[i]->base);
    assert_int_equal(together ? at.asked : at.calls, 5);
    assert_true(atomic_load(&wakes) >= 1);
    for (int i = 0; i < 5; i++)
        stele_asker_forget(asker, &all[i]->base);
    stele_asker_close(asker);
    stele_monitor_clear(&at.monitor);
    return at.calls - 1;
}

static void questions_are_asked_one_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(calls_for_four(false), 4);
}

static void those_that_go_together_are_asked_at_once(void **state)
{
    (void)state;
    assert_int_equal(calls_for_four(true), 1);
}

static void one_that_is_forgotten_while_it_is_asked_is_freed_afterwards(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    atomic_int wakes = 0;
    stele_asker *asker = stele_asker_open(log, count_wake, &wakes);
    gate at = {0};
    stele_monitor_init(&at.monitor, stele_runtime_system());
    question *asked = stele_alloc(sizeof *asked);
    *asked = (question){.base = {.ask = ask, .together = true}, .at = &at};
    stele_asker_ask(asker, &asked->base);
    await_entered(&at);

    stele_asker_forget(asker, &asked->base);
    let_in(&at);
    stele_asker_close(asker); /* a leak or a use after free is the sanitizer's to find */

    assert_int_equal(at.asked, 1);
    stele_monitor_clear(&at.monitor);
}

/* ---- looks ---- */

typedef struct looking {
    stele_question base;
    stele_look looks[PARTITIONS];
    int64_t offsets[PARTITIONS]; /* of the record that came; -1: the end */
} looking;

static void take(void *context, const stele_batch *batch)
{
    *(int64_t *)context = batch->count == 0 ? -1 : batch->records[0].offset;
}

static void ask_looks(stele_question *base, stele_asker *asker)
{
    looking *self = (looking *)base;
    stele_asker_look(asker, self->looks, PARTITIONS, LOOK_MS);
}

static void put(stele_log *log, int32_t partition, int count)
{
    STELE_AUTO(stele_log_producer) producer = NULL;
    stele_log_producer_options options = {0};
    assert_int_equal(stele_log_producer_open(log, &options, &producer, NULL), STELE_OK);
    for (int i = 0; i < count; i++) {
        stele_log_entry entry = {.partition = {TOPIC, partition}, .value = stele_text("x")};
        assert_int_equal(stele_log_producer_put(producer, &entry, NULL), STELE_OK);
    }
    assert_int_equal(stele_log_producer_flush(producer, WAIT_MS, NULL), STELE_OK);
}

static void partitions_are_looked_at_together_and_each_has_its_own_answer(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    for (int32_t i = 0; i < 3; i++)
        put(log, i, 3);
    atomic_int wakes = 0;
    stele_asker *asker = stele_asker_open(log, count_wake, &wakes);
    looking *self = stele_alloc(sizeof *self);
    self->base.ask = ask_looks;
    static const stele_partition partitions[PARTITIONS] = {
        {TOPIC, 0}, {TOPIC, 1}, {TOPIC, 3}, {"nowhere", 0}};
    static const int64_t offsets[PARTITIONS] = {1, 17, 0, 0};
    for (int i = 0; i < PARTITIONS; i++)
        self->looks[i] = (stele_look){.partition = partitions[i],
                                      .offset = offsets[i],
                                      .take = take,
                                      .context = &self->offsets[i]};
    stele_asker_ask(asker, &self->base);
    await_answer(asker, &self->base);

    assert_int_equal(self->looks[0].error.status, STELE_OK);
    assert_int_equal(self->offsets[0], 1);
    assert_int_equal(self->looks[1].error.status, STELE_E_HOLE);
    assert_int_equal(self->looks[2].error.status, STELE_OK);
    assert_int_equal(self->offsets[2], -1);
    assert_int_equal(self->looks[3].error.status, STELE_E_NOT_FOUND);
    stele_asker_forget(asker, &self->base);
    stele_asker_close(asker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_are_asked_one_at_a_time),
        cmocka_unit_test(those_that_go_together_are_asked_at_once),
        cmocka_unit_test(one_that_is_forgotten_while_it_is_asked_is_freed_afterwards),
        cmocka_unit_test(partitions_are_looked_at_together_and_each_has_its_own_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
