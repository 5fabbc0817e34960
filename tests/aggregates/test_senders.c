/* SPDX-License-Identifier: MIT
 * Which commands were sent before: while they are read, and by whoever restores. */
#include "aggregates/senders.h"

#include "aggregates/inbox.h"
#include "core/alloc.h"
#include "tests/support/random.h"
#include "tests/support/test.h"

static bool see(stele_senders *senders, const char *name, int64_t number, int64_t offset)
{
    return stele_senders_see(senders, stele_text(name), number, offset);
}

static void what_is_not_above_the_last_one_of_its_sender_was_sent_before(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_senders) senders = {0};
    assert_true(see(&senders, "a", 0, 10));
    assert_true(see(&senders, "a", 7, 11));
    assert_true(see(&senders, "b", 3, 12));

    assert_false(see(&senders, "a", 0, 13));
    assert_false(see(&senders, "a", 7, 14));
    assert_true(see(&senders, "a", 8, 15));
    assert_false(see(&senders, "b", 3, 16));
}

static void it_is_written_down_with_the_position_that_it_is_of(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_inbox) inbox = {.next = 14};
    STELE_AUTO_VALUE(stele_inbox) read = {0};
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    const stele_inbox none = {0};
    see(&inbox.senders, "x/\"1\"", 5, 10);
    see(&inbox.senders, "y", 6, 11);
    see(&inbox.senders, "x/\"1\"", 7, 12);
    see(&inbox.senders, "z", 8, 13);

    stele_senders_begin_at(&inbox.senders, 12);
    stele_inbox_write(&inbox, &none, &text);

    assert_string_equal(
        stele_buffer_text(&text),
        "{\"next\":14,\"dead_from\":0,\"events_from\":0,\"steps\":[],\"senders_from\":12,"
        "\"senders\":{\"x/\\\"1\\\"\":5,\"y\":6}}");
    assert_true(stele_inbox_read(stele_buffer_view(&text), &read));
    assert_int_equal(stele_inbox_from(&read), 14);
    assert_int_equal(stele_inbox_read_from(&read), 12);
    assert_true(see(&read.senders, "x/\"1\"", 7, 12)); /* as the one before saw it, at that point */
    assert_true(see(&read.senders, "z", 8, 13));
    assert_false(see(&read.senders, "y", 6, 14));
}

/* Whoever begins at any point that was written down comes to the same answers. */
static void who_restores_comes_to_the_same(void **state)
{
    (void)state;
    enum { COUNT = 400, SENDERS = 3 };
    stele_random random = stele_random_from_environment();
    static const char *const names[SENDERS] = {"a", "b", "c"};
    size_t sender[COUNT];
    int64_t number[COUNT];
    bool is_new[COUNT];
    int64_t from = 0;
    STELE_AUTO_VALUE(stele_senders) whole = {0};
    for (int64_t i = 0; i < COUNT; i++) {
        sender[i] = stele_random_below(&random, SENDERS);
        number[i] = i / 2 + stele_random_below(&random, 20);
        is_new[i] = see(&whole, names[sender[i]], number[i], i);
        if (stele_random_below(&random, 10) > 0) continue;
        from += stele_random_below(&random, (uint32_t)(i + 1 - from) + 1);
        stele_senders_begin_at(&whole, from);
        STELE_AUTO_VALUE(stele_inbox) inbox = {0};
        STELE_AUTO_VALUE(stele_inbox) read = {0};
        STELE_AUTO_VALUE(stele_buffer) text = {0};
        inbox.senders = whole;
        stele_inbox_write(&inbox, &(stele_inbox){0}, &text);
        inbox.senders = (stele_senders){0};
        assert_true(stele_inbox_read(stele_buffer_view(&text), &read));
        for (int64_t k = from; k <= i; k++)
            assert_int_equal(see(&read.senders, names[sender[k]], number[k], k), is_new[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_above_the_last_one_of_its_sender_was_sent_before),
        cmocka_unit_test(it_is_written_down_with_the_position_that_it_is_of),
        cmocka_unit_test(who_restores_comes_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
