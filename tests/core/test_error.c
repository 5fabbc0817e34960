/* SPDX-License-Identifier: MIT
 * core/error.c: filling error values. */
#include "tests/support/test.h"

#include <stele/error.h>

static void a_failure_is_kept_by_the_caller(void **state)
{
    (void)state;
    stele_error err = {0};

    stele_status status =
        stele_fail(&err, STELE_E_LIMIT, STELE_NEXT_REJECT, "payload is %d bytes", 7);

    assert_int_equal(status, STELE_E_LIMIT);
    assert_int_equal(err.status, STELE_E_LIMIT);
    assert_int_equal(err.next, STELE_NEXT_REJECT);
    assert_int_equal(err.cause, 0);
    assert_string_equal(err.text, "payload is 7 bytes");
}

static void the_cause_of_a_system_call_is_kept(void **state)
{
    (void)state;
    stele_error err = {0};

    stele_fail_cause(&err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, 111, "no %s", "broker");

    assert_int_equal(err.cause, 111);
    assert_string_equal(err.text, "no broker");
}

static void no_error_value_is_fine(void **state)
{
    (void)state;
    assert_int_equal(stele_fail(NULL, STELE_E_HOLE, STELE_NEXT_STOP, "x"), STELE_E_HOLE);
}

static void the_text_of_the_same_error_may_be_an_argument(void **state)
{
    (void)state;
    stele_error err = {0};
    stele_fail(&err, STELE_E_INVALID, STELE_NEXT_REJECT, "bad date");

    stele_fail(&err, STELE_E_INVALID, STELE_NEXT_REJECT, "line 3: %s", err.text);

    assert_string_equal(err.text, "line 3: bad date");
}

static void a_long_name_loses_its_middle_and_the_way_out_stays(void **state)
{
    (void)state;
    char name[4000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    stele_error err;

    stele_fail(&err, STELE_E_INVALID, STELE_NEXT_STOP, "topic %s is not there: make it", name);
    stele_fail(&err, STELE_E_INVALID, STELE_NEXT_STOP, "%s: %s", name, err.text);

    assert_true(strlen(err.text) >= STELE_ERROR_TEXT_MAX - 3);
    assert_non_null(strstr(err.text, "…"));
    assert_string_equal(err.text + strlen(err.text) - 23, "n is not there: make it");
}

static void every_status_has_its_own_name(void **state)
{
    (void)state;
    for (int a = STELE_E_STOPPED; a <= 0; a++) {
        const char *name = stele_status_name((stele_status)a);
        assert_string_not_equal(name, "unknown");
        for (int b = STELE_E_STOPPED; b < a; b++) {
            assert_string_not_equal(name, stele_status_name((stele_status)b));
        }
    }
    assert_string_equal(stele_status_name((stele_status)-99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_kept_by_the_caller),
        cmocka_unit_test(the_cause_of_a_system_call_is_kept),
        cmocka_unit_test(no_error_value_is_fine),
        cmocka_unit_test(the_text_of_the_same_error_may_be_an_argument),
        cmocka_unit_test(a_long_name_loses_its_middle_and_the_way_out_stays),
        cmocka_unit_test(every_status_has_its_own_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
