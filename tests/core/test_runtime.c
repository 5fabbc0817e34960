/* SPDX-License-Identifier: MIT
 * core/runtime.c: threads, monitors, sleep and randomness of the operating system. */
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/test.h"

#include "core/monitor.h"

typedef struct box {
    stele_monitor monitor;
    int filled;
    bool taken;
} box;

static void fill(void *context)
{
    box *of = context;
    stele_monitor_lock(&of->monitor);
    of->filled = 42;
    stele_monitor_wake(&of->monitor);
    while (!of->taken)
        stele_monitor_wait(&of->monitor, stele_deadline_after(stele_clock_system(), -1));
    stele_monitor_unlock(&of->monitor);
}

static void two_threads_wake_each_other(void **state)
{
    (void)state;
    box of = {.filled = 0};
    stele_thread thread;
    stele_monitor_init(&of.monitor, stele_runtime_system());

    assert_int_equal(stele_thread_start(stele_runtime_system(), &thread, "box", fill, &of), 0);
    stele_monitor_lock(&of.monitor);
    while (of.filled == 0)
        stele_monitor_wait(&of.monitor, stele_deadline_after(stele_clock_system(), -1));
    of.taken = true;
    stele_monitor_wake(&of.monitor);
    stele_monitor_unlock(&of.monitor);
    stele_thread_join(thread);

    assert_int_equal(of.filled, 42);
    stele_monitor_clear(&of.monitor);
}

static void a_wait_that_no_one_ends_lasts_until_its_deadline(void **state)
{
    (void)state;
    stele_monitor monitor;
    stele_monitor_init(&monitor, stele_runtime_system());
    stele_deadline until = stele_deadline_after(stele_clock_system(), 20);

    stele_monitor_lock(&monitor);
    while (stele_monitor_wait(&monitor, until))
        assert_false(stele_deadline_passed(until)); /* it returned for no reason */
    stele_monitor_unlock(&monitor);

    assert_true(stele_deadline_passed(until));
    stele_monitor_clear(&monitor);
}

static void a_sleep_lasts_as_long_as_it_is_told_to(void **state)
{
    (void)state;
    stele_deadline until = stele_deadline_after(stele_clock_system(), 10);

    stele_sleep_ms(stele_runtime_system(), 10);

    assert_true(stele_deadline_passed(until));
}

static void random_bytes_fill_all_of_a_long_buffer(void **state)
{
    (void)state;
    unsigned char seen[1000] = {0};

    /* A place that is zero each time is not filled: once in 256^8 it is chance. */
    for (int round = 0; round < 8; round++) {
        unsigned char bytes[1000] = {0};
        stele_random_bytes(stele_runtime_system(), bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++)
            seen[i] |= bytes[i];
    }

    for (size_t i = 0; i < sizeof seen; i++)
        assert_int_not_equal(seen[i], 0);
}

static void a_socket_is_waited_for(void **state)
{
    (void)state;
    stele_runtime system = stele_runtime_system();
    int64_t now_ns = stele_clock_monotonic_ns(stele_clock_system());
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);

    assert_false(stele_socket_wait(system, ends[0], false, now_ns));
    assert_false(stele_socket_wait(system, ends[0], false, now_ns + 20000000));
    assert_true(stele_clock_monotonic_ns(stele_clock_system()) >= now_ns + 20000000);
    assert_true(stele_socket_wait(system, ends[0], true, INT64_MAX));
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_true(stele_socket_wait(system, ends[0], false, INT64_MAX));

    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_threads_wake_each_other),
        cmocka_unit_test(a_wait_that_no_one_ends_lasts_until_its_deadline),
        cmocka_unit_test(a_sleep_lasts_as_long_as_it_is_told_to),
        cmocka_unit_test(random_bytes_fill_all_of_a_long_buffer),
        cmocka_unit_test(a_socket_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
