/* SPDX-License-Identifier: MIT
 * core/alloc.c: zeroed memory, copies of text. */
#include "tests/support/test.h"

#include "core/alloc.h"

static void memory_is_zero(void **state)
{
    (void)state;
    STELE_AUTO(uint8_t) memory = stele_alloc_array(100, 7);

    for (size_t i = 0; i < 700; i++)
        assert_int_equal(memory[i], 0);
}

static void nothing_is_still_an_address(void **state)
{
    (void)state;
    STELE_AUTO(char) none = stele_alloc(0);
    STELE_AUTO(char) shrunk = stele_realloc(stele_alloc(10), 0);

    assert_non_null(none);
    assert_non_null(shrunk);
}

static void text_is_copied(void **state)
{
    (void)state;
    STELE_AUTO(char) whole = stele_strdup("stele");
    STELE_AUTO(char) part = stele_strndup("stele", 3);
    STELE_AUTO(char) made = stele_strdup_format("%s/%d", "events", 7);

    assert_string_equal(whole, "stele");
    assert_string_equal(part, "ste");
    assert_string_equal(made, "events/7");
    assert_null(stele_strdup(NULL));
}

static void an_array_grows(void **state)
{
    (void)state;
    uint8_t *grown = stele_realloc_array(NULL, 3, 4);
    memset(grown, 0xAB, 12);
    grown = stele_realloc_array(grown, 300, 4);

    for (size_t i = 0; i < 12; i++)
        assert_int_equal(grown[i], 0xAB);
    free(grown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zero),
        cmocka_unit_test(nothing_is_still_an_address),
        cmocka_unit_test(text_is_copied),
        cmocka_unit_test(an_array_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
