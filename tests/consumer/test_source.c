/* SPDX-License-Identifier: MIT
 * The question for a worker's topic, on the log in memory: when it is asked, and when again. */
#include "consumer/source.h"

#include "core/alloc.h"
#include "core/monitor.h"
#include "kafka/memory_log.h"
#include "tests/support/test.h"

enum { WAIT_MS = 10000 };

typedef struct world {
    stele_manual_clock clock;
    stele_log *log;
    stele_monitor bell;
    bool rung; /* an answer came */
    stele_asker *asker;
    source source;
} world;

static void wake(void *context)
{
    world *w = context;
    stele_monitor_lock(&w->bell);
    w->rung = true;
    stele_monitor_wake(&w->bell);
    stele_monitor_unlock(&w->bell);
}

static int set_up(void **state)
{
    stele_error err;
    world *w = stele_alloc(sizeof *w);
    stele_log_memory_options options = {.runtime = stele_runtime_manual(&w->clock)};
    assert_int_equal(stele_log_memory_new(&options, &w->log, &err), STELE_OK);
    stele_monitor_init(&w->bell, stele_runtime_system());
    w->asker = stele_asker_open(w->log, wake, w);
    source_init(&w->source, w->asker, "account.events");
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    source_clear(&w->source);
    stele_asker_close(w->asker);
    stele_log_free(w->log);
    stele_monitor_clear(&w->bell);
    free(w);
    return 0;
}

static void make_topic(world *w, int32_t partitions)
{
    stele_error err;
    stele_log_topic_options options = {.name = "account.events", .partitions = partitions};
    assert_int_equal(stele_log_topic_create(w->log, &options, 0, &err), STELE_OK);
}

/* Ask, and wait for what comes. */
static void ask(world *w, stele_log_topic *found, stele_error *failure)
{
    w->rung = false;
    assert_false(source_ask(&w->source, true, found, failure));
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    stele_monitor_lock(&w->bell);
    while (!w->rung)
        assert_true(stele_monitor_wait(&w->bell, until));
    stele_monitor_unlock(&w->bell);
    assert_true(source_ask(&w->source, false, found, failure));
}

static bool is_asked(world *w)
{
    stele_log_topic found;
    stele_error failure;
    source_ask(&w->source, true, &found, &failure);
    return w->source.question != NULL &&
           stele_asker_state(w->asker, (stele_question *)w->source.question) != STELE_QUESTION_IDLE;
}

static void an_answer_comes_once_and_is_new_for_a_while(void **state)
{
    world *w = *state;
    stele_log_topic found = {0};
    stele_error failure;
    make_topic(w, 3);
    assert_true(source_is_old(&w->source));

    ask(w, &found, &failure);

    assert_int_equal(failure.status, STELE_OK);
    assert_int_equal(found.partitions, 3);
    assert_false(source_ask(&w->source, false, &found, &failure));
    assert_false(source_is_old(&w->source));
    stele_manual_clock_advance(&w->clock, 30000);
    assert_true(source_is_old(&w->source));
}

static void a_topic_that_is_not_there_is_asked_for_again_after_a_pause(void **state)
{
    world *w = *state;
    stele_log_topic found;
    stele_error failure;

    ask(w, &found, &failure);

    assert_int_equal(failure.status, STELE_E_NOT_FOUND);
    assert_false(is_asked(w));
    stele_manual_clock_advance(&w->clock, 499);
    assert_false(is_asked(w));
    stele_manual_clock_advance(&w->clock, 1);
    assert_true(is_asked(w));
}

static void what_is_not_due_is_not_asked(void **state)
{
    world *w = *state;
    stele_log_topic found;
    stele_error failure;

    assert_false(source_ask(&w->source, false, &found, &failure));

    assert_int_equal(stele_asker_state(w->asker, (stele_question *)w->source.question),
                     STELE_QUESTION_IDLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_comes_once_and_is_new_for_a_while, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_topic_that_is_not_there_is_asked_for_again_after_a_pause,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_due_is_not_asked, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
