/* SPDX-License-Identifier: MIT
 * Whoever waits for a stop hears of it at once, also from a signal handler. */
#include "cli/stop.h"

#include <errno.h>
#include <signal.h>

#include "core/clock.h"
#include "tests/support/test.h"

static stele_stop stop;

static int stop_opened(void **state)
{
    (void)state;
    stele_stop_init(&stop);
    return 0;
}

static int stop_closed(void **state)
{
    (void)state;
    stele_stop_clear(&stop);
    return 0;
}

static void await(void *context)
{
    (void)context;
    stele_stop_await(&stop, stele_runtime_system());
}

static void all_who_wait_hear_of_it(void **state)
{
    (void)state;
    stele_thread threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            stele_thread_start(stele_runtime_system(), &threads[i], "waits", await, NULL), 0);

    stele_stop_ask(&stop);

    for (int i = 0; i < 3; i++)
        stele_thread_join(threads[i]);
    await(NULL); /* and whoever waits later */
}

static void it_may_be_asked_more_than_once(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        stele_stop_ask(&stop);
    await(NULL);
}

static void on_signal(int number)
{
    (void)number;
    stele_stop_ask(&stop);
}

static void a_signal_handler_may_ask(void **state)
{
    (void)state;
    stele_thread thread;
    struct sigaction before;
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, &before);
    assert_int_equal(stele_thread_start(stele_runtime_system(), &thread, "waits", await, NULL), 0);

    errno = ENOENT;
    raise(SIGUSR1);

    assert_int_equal(errno, ENOENT);
    stele_thread_join(thread);
    sigaction(SIGUSR1, &before, NULL);
}

static void without_a_descriptor_it_is_looked_for(void **state)
{
    (void)state;
    stele_thread thread;
    stele_stop_clear(&stop); /* as where none was to be had */
    assert_int_equal(stele_thread_start(stele_runtime_system(), &thread, "waits", await, NULL), 0);

    stele_stop_ask(&stop);

    stele_thread_join(thread);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, stop_opened, stop_closed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(all_who_wait_hear_of_it),
        CASE(it_may_be_asked_more_than_once),
        CASE(a_signal_handler_may_ask),
        CASE(without_a_descriptor_it_is_looked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
