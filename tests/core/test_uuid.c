/* SPDX-License-Identifier: MIT
 * core/uuid.c: version 7 ids and their text. */
#include "tests/support/test.h"

#include "core/uuid.h"

static int64_t time_of(const stele_uuid *uuid)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | uuid->bytes[i];
    return ms;
}

static void an_id_has_time_version_and_variant(void **state)
{
    (void)state;
    stele_manual_clock manual = {.now_ms = 0x017F22E279B0}; /* the example of RFC 9562, A.6 */
    stele_uuid_source source;
    stele_uuid_source_init(&source, stele_clock_manual(&manual).runtime);

    stele_uuid uuid = stele_uuid_source_next(&source);

    assert_int_equal(time_of(&uuid), 0x017F22E279B0);
    assert_int_equal(uuid.bytes[6] >> 4, 7);
    assert_int_equal(uuid.bytes[8] >> 6, 2);
}

static void ids_grow_while_the_clock_stands(void **state)
{
    (void)state;
    stele_manual_clock manual = {.now_ms = 1700000000000};
    stele_uuid_source source;
    stele_uuid_source_init(&source, stele_clock_manual(&manual).runtime);
    stele_uuid last = stele_uuid_source_next(&source);

    for (int i = 0; i < 20000; i++) {
        stele_uuid next = stele_uuid_source_next(&source);
        assert_true(memcmp(&next, &last, sizeof next) > 0);
        last = next;
    }
    assert_in_range(time_of(&last), 1700000000004, 1700000000010);
}

static void ids_grow_while_the_clock_jumps(void **state)
{
    (void)state;
    stele_manual_clock manual = {0};
    stele_uuid_source source;
    stele_uuid_source_init(&source, stele_clock_manual(&manual).runtime);
    stele_uuid last = stele_uuid_source_next(&source);

    static const int64_t times[] = {5, 4, 3, 1000, 999, 1000, 1001, 0, 5000};
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        stele_manual_clock_set(&manual, times[i]);
        for (int n = 0; n < 100; n++) {
            stele_uuid next = stele_uuid_source_next(&source);
            assert_true(memcmp(&next, &last, sizeof next) > 0);
            last = next;
        }
    }
    assert_int_equal(time_of(&last), 5000);
}

static void two_sources_do_not_make_the_same_ids(void **state)
{
    (void)state;
    stele_manual_clock manual = {.now_ms = 1};
    stele_uuid_source a, b;
    stele_uuid_source_init(&a, stele_clock_manual(&manual).runtime);
    stele_uuid_source_init(&b, stele_clock_manual(&manual).runtime);

    for (int i = 0; i < 100; i++) {
        stele_uuid one = stele_uuid_source_next(&a);
        stele_uuid other = stele_uuid_source_next(&b);
        assert_memory_not_equal(one.bytes + 8, other.bytes + 8, 8);
    }
}

static void the_text_goes_both_ways(void **state)
{
    (void)state;
    static const char text[] = "01afbfe2-79b0-7cc3-98c4-dc0c0c0f39a6";
    stele_uuid uuid, upper;
    char back[STELE_UUID_TEXT_SIZE + 1];

    assert_int_equal(stele_uuid_parse(stele_text(text), &uuid, NULL), STELE_OK);
    assert_int_equal(
        stele_uuid_parse(stele_text("01AFBFE2-79B0-7CC3-98C4-DC0C0C0F39A6"), &upper, NULL),
        STELE_OK);
    stele_uuid_format(&uuid, back);

    static const uint8_t bytes[] = {0x01, 0xAF, 0xBF, 0xE2, 0x79, 0xB0, 0x7C, 0xC3,
                                    0x98, 0xC4, 0xDC, 0x0C, 0x0C, 0x0F, 0x39, 0xA6};
    assert_memory_equal(uuid.bytes, bytes, 16);
    assert_memory_equal(upper.bytes, bytes, 16);
    assert_string_equal(back, text);
}

static void the_one_after_it_differs_in_the_last_62_bits(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "0", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"},
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "1", "017f22e2-79b0-7cc3-98c4-dc0c0c073990"},
        {"017f22e2-79b0-7cc3-98c4-ffffffffffff", "2", "017f22e2-79b0-7cc3-98c5-000000000001"},
        {"017f22e2-79b0-7cc3-bfff-ffffffffffff", "1", "017f22e2-79b0-7cc3-8000-000000000000"},
        {"017f22e2-79b0-7cc3-bfff-ffffffffffff", "1000", "017f22e2-79b0-7cc3-8000-0000000003e7"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_uuid first;
        char text[STELE_UUID_TEXT_SIZE + 1];
        assert_int_equal(stele_uuid_parse(stele_text(cases[i][0]), &first, NULL), STELE_OK);

        stele_uuid next = stele_uuid_plus(&first, strtoull(cases[i][1], NULL, 10));

        stele_uuid_format(&next, text);
        assert_string_equal(text, cases[i][2]);
    }
}

static void what_is_not_a_uuid_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "01afbfe2-79b0-7cc3-98c4-dc0c0c0f39a6f",
        "017f22e279b07cc398c4dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e-279b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2_79b0-7cc3-98c4-dc0c0c07398f",
        "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398 ",
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_uuid uuid;
        memset(&uuid, 0xEE, sizeof uuid);
        stele_error err = {0};

        assert_int_equal(stele_uuid_parse(stele_text(cases[i]), &uuid, &err), STELE_E_INVALID);

        assert_int_equal(err.next, STELE_NEXT_REJECT);
        assert_int_equal(uuid.bytes[0], 0xEE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_has_time_version_and_variant),
        cmocka_unit_test(ids_grow_while_the_clock_stands),
        cmocka_unit_test(ids_grow_while_the_clock_jumps),
        cmocka_unit_test(two_sources_do_not_make_the_same_ids),
        cmocka_unit_test(the_text_goes_both_ways),
        cmocka_unit_test(the_one_after_it_differs_in_the_last_62_bits),
        cmocka_unit_test(what_is_not_a_uuid_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
