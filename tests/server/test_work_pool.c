/* SPDX-License-Identifier: MIT
 * Work in other threads: bounded, and never all of it waiting. */
#include "server/work_pool.h"

#include "core/monitor.h"
#include "tests/support/test.h"

enum { THREADS = 4, QUEUE = 8 };

typedef struct gate {
    stele_monitor monitor;
    bool is_open;
    int begun;
    int done;
} gate;

typedef struct job {
    stele_work work;
    gate *gate;
} job;

static const stele_deadline never = {.end_ns = INT64_MAX};

static void pass(stele_work *work)
{
    gate *g = ((job *)work)->gate;
    stele_monitor_lock(&g->monitor);
    g->begun++;
    stele_monitor_wake(&g->monitor);
    while (work->waits && !g->is_open)
        stele_monitor_wait(&g->monitor, never);
    g->done++;
    stele_monitor_wake(&g->monitor);
    stele_monitor_unlock(&g->monitor);
}

static void await(gate *g, const int *count, int wanted)
{
    stele_monitor_lock(&g->monitor);
    while (*count < wanted)
        stele_monitor_wait(&g->monitor, never);
    stele_monitor_unlock(&g->monitor);
}

static void open_gate(gate *g)
{
    stele_monitor_lock(&g->monitor);
    g->is_open = true;
    stele_monitor_wake(&g->monitor);
    stele_monitor_unlock(&g->monitor);
}

static void quick_work_passes_work_that_waits_and_both_are_bounded(void **state)
{
    (void)state;
    gate g = {0};
    stele_monitor_init(&g.monitor, stele_runtime_system());
    job slow[THREADS + QUEUE] = {0};
    job quick = {.work = {.run = pass}, .gate = &g};
    stele_work_pool *pool = stele_work_pool_new(THREADS, QUEUE);
    assert_non_null(pool);
    int added = 0;
    for (size_t i = 0; i < COUNT_OF(slow); i++) {
        slow[i] = (job){.work = {.run = pass, .waits = true}, .gate = &g};
        if (i == THREADS - 1) await(&g, &g.begun, THREADS - 1); /* the queue is empty again */
        added += stele_work_pool_add(pool, &slow[i].work);
    }
    assert_int_equal(added, THREADS - 1 + QUEUE * 3 / 4);

    assert_true(stele_work_pool_add(pool, &quick.work));

    await(&g, &g.done, 1); /* while three threads wait and six pieces are queued */
    open_gate(&g);
    await(&g, &g.done, added + 1);
    stele_work_pool_close(pool);
    stele_monitor_clear(&g.monitor);
}

static void what_nobody_has_begun_can_be_taken_back(void **state)
{
    (void)state;
    gate g = {0};
    stele_monitor_init(&g.monitor, stele_runtime_system());
    job jobs[5] = {0};
    stele_work_pool *pool = stele_work_pool_new(THREADS, QUEUE);
    for (size_t i = 0; i < COUNT_OF(jobs); i++) {
        jobs[i] = (job){.work = {.run = pass, .waits = true}, .gate = &g};
        assert_true(stele_work_pool_add(pool, &jobs[i].work));
        if (i == THREADS - 2) await(&g, &g.begun, THREADS - 1);
    }

    assert_ptr_equal(stele_work_pool_take_back(pool), &jobs[3].work);
    assert_ptr_equal(stele_work_pool_take_back(pool), &jobs[4].work);
    assert_null(stele_work_pool_take_back(pool));

    open_gate(&g);
    stele_work_pool_close(pool);
    assert_int_equal(g.done, 3);
    stele_monitor_clear(&g.monitor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quick_work_passes_work_that_waits_and_both_are_bounded),
        cmocka_unit_test(what_nobody_has_begun_can_be_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
