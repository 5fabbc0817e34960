/* SPDX-License-Identifier: MIT
 * A set of fingerprints: what was added is there, and little memory is used. */
#include "core/fingerprints.h"

#include "tests/support/test.h"

static uint64_t number(uint64_t n)
{
    return stele_fingerprint(stele_bytes_of(&n, sizeof n), 0);
}

static void what_was_added_is_there_and_nothing_else(void **state)
{
    (void)state;
    enum { COUNT = 300000 };
    stele_fingerprints *set = stele_fingerprints_new();
    assert_false(stele_fingerprints_has(set, number(1)));

    for (uint64_t n = 0; n < COUNT; n++)
        assert_true(stele_fingerprints_add(set, number(n)));

    for (uint64_t n = 0; n < COUNT; n++) {
        assert_false(stele_fingerprints_add(set, number(n)));
        assert_true(stele_fingerprints_has(set, number(n)));
        assert_false(stele_fingerprints_has(set, number(COUNT + n)));
    }
    assert_int_equal(stele_fingerprints_count(set), COUNT);
    stele_fingerprints_free(set);
}

static void each_takes_less_than_fourteen_bytes_and_a_bit(void **state)
{
    (void)state;
    stele_fingerprints *set = stele_fingerprints_new();
    for (uint64_t n = 0; n < 1000000; n++) {
        stele_fingerprints_add(set, number(n));
        if (n < 100000) continue;
        assert_true(stele_fingerprints_memory_bytes(set) < 15 * n);
    }
    stele_fingerprints_free(set);
}

static void numbers_that_are_alike_or_nought_are_told_apart(void **state)
{
    (void)state;
    stele_fingerprints *set = stele_fingerprints_new();
    assert_true(stele_fingerprints_add(set, 0));
    assert_true(stele_fingerprints_has(set, 0));
    for (uint64_t n = 2; n < 5000; n++) /* all in one shard, all in one place */
        assert_true(stele_fingerprints_add(set, n << 40));
    for (uint64_t n = 2; n < 5000; n++)
        assert_false(stele_fingerprints_add(set, n << 40));
    assert_int_equal(stele_fingerprints_count(set), 4999);
    stele_fingerprints_free(set);
}

static void a_text_behind_another_is_another_text(void **state)
{
    (void)state;
    uint64_t first = stele_fingerprint(stele_text("a"), 1);
    assert_int_not_equal(stele_fingerprint(stele_text("b"), first),
                         stele_fingerprint(stele_text("b"), 1));
    assert_int_equal(stele_fingerprint(stele_text(""), 7),
                     stele_fingerprint((stele_bytes){NULL, 0}, 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_there_and_nothing_else),
        cmocka_unit_test(each_takes_less_than_fourteen_bytes_and_a_bit),
        cmocka_unit_test(numbers_that_are_alike_or_nought_are_told_apart),
        cmocka_unit_test(a_text_behind_another_is_another_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
