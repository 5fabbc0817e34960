/* SPDX-License-Identifier: MIT
 * core/clock.c: the machine's clock and the one that a test moves. */
#include "tests/support/test.h"

#include <time.h>

#include "core/clock.h"

static void the_system_clock_is_unix_time(void **state)
{
    (void)state;
    int64_t before = (int64_t)time(NULL);
    int64_t now_ms = stele_clock_now_ms(stele_clock_system());

    assert_true(now_ms / 1000 >= before - 1 && now_ms / 1000 <= before + 60);
}

static void the_system_monotonic_clock_does_not_go_back(void **state)
{
    (void)state;
    stele_clock clock = stele_clock_system();
    int64_t last = stele_clock_monotonic_ns(clock);

    for (int i = 0; i < 1000; i++) {
        int64_t now = stele_clock_monotonic_ns(clock);
        assert_true(now >= last);
        last = now;
    }
}

static void a_manual_clock_stands_until_it_is_moved(void **state)
{
    (void)state;
    stele_manual_clock manual = {0};
    stele_clock clock = stele_clock_manual(&manual);
    assert_int_equal(stele_clock_now_ms(clock), 0);

    stele_manual_clock_set(&manual, 1700000000000);
    stele_manual_clock_advance(&manual, 250);

    assert_int_equal(stele_clock_now_ms(clock), 1700000000250);
    assert_int_equal(stele_clock_monotonic_ns(clock), 250000000);
}

static void a_wall_clock_that_jumps_leaves_durations_alone(void **state)
{
    (void)state;
    stele_manual_clock manual = {0};
    stele_clock clock = stele_clock_manual(&manual);
    stele_manual_clock_advance(&manual, 1000);

    stele_manual_clock_set(&manual, -5);

    assert_int_equal(stele_clock_now_ms(clock), -5);
    assert_int_equal(stele_clock_monotonic_ns(clock), 1000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_system_clock_is_unix_time),
        cmocka_unit_test(the_system_monotonic_clock_does_not_go_back),
        cmocka_unit_test(a_manual_clock_stands_until_it_is_moved),
        cmocka_unit_test(a_wall_clock_that_jumps_leaves_durations_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
