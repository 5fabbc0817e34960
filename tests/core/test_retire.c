/* SPDX-License-Identifier: MIT
 * What takes long to close is closed beside its owner. */
#include "core/retire.h"

#include "core/monitor.h"
#include "tests/support/test.h"

/* A door that things wait at while they are closed. */
typedef struct door {
    stele_monitor monitor;
    bool is_open;
    int closed;
} door;

static void close_at_door(void *what)
{
    door *of = what;
    stele_deadline never = stele_deadline_after(stele_clock_system(), -1);
    stele_monitor_lock(&of->monitor);
    while (!of->is_open)
        stele_monitor_wait(&of->monitor, never);
    of->closed++;
    stele_monitor_unlock(&of->monitor);
}

static void open_door(door *of)
{
    stele_monitor_lock(&of->monitor);
    of->is_open = true;
    stele_monitor_wake(&of->monitor);
    stele_monitor_unlock(&of->monitor);
}

static void whoever_retires_something_does_not_wait_for_it(void **state)
{
    (void)state;
    door of = {0};
    stele_retirement retirement = {0};
    stele_monitor_init(&of.monitor, stele_runtime_system());

    assert_true(stele_retire(&retirement, stele_runtime_system(), close_at_door, &of));
    assert_int_equal(of.closed, 0);
    open_door(&of);
    stele_retirement_await(&retirement);

    assert_int_equal(of.closed, 1);
    stele_monitor_clear(&of.monitor);
}

static void no_more_than_eight_are_closed_at_a_time(void **state)
{
    (void)state;
    door of = {0};
    stele_retirement retirement = {0};
    stele_monitor_init(&of.monitor, stele_runtime_system());

    for (int i = 0; i < 8; i++)
        assert_true(stele_retire(&retirement, stele_runtime_system(), close_at_door, &of));
    assert_false(stele_retire(&retirement, stele_runtime_system(), close_at_door, &of));
    open_door(&of);
    stele_retirement_await(&retirement);
    assert_int_equal(of.closed, 8);

    assert_true(stele_retire(&retirement, stele_runtime_system(), close_at_door, &of));
    stele_retirement_await(&retirement);
    assert_int_equal(of.closed, 9);
    stele_monitor_clear(&of.monitor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_retires_something_does_not_wait_for_it),
        cmocka_unit_test(no_more_than_eight_are_closed_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
