/* SPDX-License-Identifier: MIT
 * core/deadline.c: time that is left. */
#include "tests/support/test.h"

#include <limits.h>

#include "core/deadline.h"

static void a_deadline_counts_down_and_passes(void **state)
{
    (void)state;
    stele_manual_clock manual = {0};
    stele_deadline deadline = stele_deadline_after(stele_clock_manual(&manual), 100);

    assert_int_equal(stele_deadline_remaining_ms(deadline, INT_MAX), 100);
    stele_manual_clock_advance(&manual, 40);
    assert_int_equal(stele_deadline_remaining_ms(deadline, INT_MAX), 60);
    assert_false(stele_deadline_passed(deadline));
    stele_manual_clock_advance(&manual, 60);
    assert_int_equal(stele_deadline_remaining_ms(deadline, INT_MAX), 0);
    assert_true(stele_deadline_passed(deadline));
    stele_manual_clock_advance(&manual, 1000);
    assert_int_equal(stele_deadline_remaining_ms(deadline, INT_MAX), 0);
}

static void part_of_a_millisecond_is_waited_for(void **state)
{
    (void)state;
    stele_manual_clock manual = {.monotonic_ns = 1};
    stele_deadline deadline = stele_deadline_after(stele_clock_manual(&manual), 1);
    manual.monotonic_ns = 1000000;

    assert_int_equal(stele_deadline_remaining_ms(deadline, INT_MAX), 1);
    assert_false(stele_deadline_passed(deadline));
}

static void a_wait_is_never_longer_than_asked(void **state)
{
    (void)state;
    stele_manual_clock manual = {0};
    stele_clock clock = stele_clock_manual(&manual);

    assert_int_equal(stele_deadline_remaining_ms(stele_deadline_after(clock, 5000), 100), 100);
    assert_int_equal(stele_deadline_remaining_ms(stele_deadline_after(clock, -1), 100), 100);
}

static void a_negative_or_endless_time_never_passes(void **state)
{
    (void)state;
    stele_manual_clock manual = {.monotonic_ns = 77};
    stele_clock clock = stele_clock_manual(&manual);
    stele_deadline never = stele_deadline_after(clock, -1);
    stele_deadline endless = stele_deadline_after(clock, INT64_MAX);

    stele_manual_clock_advance(&manual, 1000LL * 3600 * 24 * 365 * 200);

    assert_false(stele_deadline_passed(never));
    assert_false(stele_deadline_passed(endless));
}

static void zero_has_passed(void **state)
{
    (void)state;
    stele_manual_clock manual = {0};
    assert_true(stele_deadline_passed(stele_deadline_after(stele_clock_manual(&manual), 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_counts_down_and_passes),
        cmocka_unit_test(part_of_a_millisecond_is_waited_for),
        cmocka_unit_test(a_wait_is_never_longer_than_asked),
        cmocka_unit_test(a_negative_or_endless_time_never_passes),
        cmocka_unit_test(zero_has_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
