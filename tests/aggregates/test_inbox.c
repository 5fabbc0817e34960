/* SPDX-License-Identifier: MIT
 * How far commands are carried out: written down, read, and what is taken again. */
#include "aggregates/inbox.h"

#include "core/alloc.h"

#include "tests/support/test.h"

static void add_step(stele_inbox *to, int64_t from, int64_t next, const char *witness, int64_t dead)
{
    stele_inbox_step *step = stele_inbox_add(to, from);
    stele_inbox_extend(step, next - 1);
    if (witness != NULL) {
        stele_buffer_append(&step->witness, stele_text(witness));
        step->version = from + 100;
        step->event.bytes[0] = (uint8_t)from;
    }
    if (dead >= 0) stele_inbox_add_dead(step, dead);
    to->next = next;
}

static stele_inbox example(void)
{
    stele_inbox made = {.dead_from = 3, .events_from = 7};
    add_step(&made, 10, 14, "a \"1\"", 12);
    add_step(&made, 16, 18, NULL, 17);
    add_step(&made, 18, 20, "b", -1);
    return made;
}

static const char *const text =
    "{\"next\":20,\"dead_from\":3,\"events_from\":7,\"steps\":["
    "{\"from\":10,\"next\":14,\"aggregate\":\"a \\\"1\\\"\",\"version\":110,"
    "\"event\":\"0a000000-0000-0000-0000-000000000000\",\"dead\":[12]},"
    "{\"from\":16,\"next\":18,\"dead\":[17]},"
    "{\"from\":18,\"next\":20,\"aggregate\":\"b\",\"version\":118,"
    "\"event\":\"12000000-0000-0000-0000-000000000000\"}]}";

static void what_is_written_down_is_read_again(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_inbox) made = example();
    STELE_AUTO_VALUE(stele_inbox) read = {0};
    STELE_AUTO_VALUE(stele_buffer) written = {0};
    STELE_AUTO_VALUE(stele_buffer) again = {0};
    const stele_inbox none = {0};

    stele_inbox_write(&made, &none, &written);

    assert_string_equal(stele_buffer_text(&written), text);
    assert_true(stele_inbox_read(stele_text(text), &read));
    stele_inbox_write(&read, &none, &again);
    assert_string_equal(stele_buffer_text(&again), text);
    assert_int_equal(stele_inbox_from(&read), 10);
}

static void what_is_none_is_not_read(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "{}",
        "[]",
        "{\"next\":-1,\"dead_from\":0,\"steps\":[]}",
        "{\"next\":1,\"dead_from\":0}",
        "{\"next\":1,\"dead_from\":0,\"steps\":[{}]}",
        "{\"next\":1,\"dead_from\":0,\"steps\":[{\"from\":1,\"next\":1}]}",
        "{\"next\":1,\"dead_from\":0,\"steps\":[{\"from\":0,\"next\":1,\"aggregate\":7}]}",
        "{\"next\":1,\"dead_from\":0,\"steps\":[{\"from\":0,\"next\":1,\"aggregate\":\"a\"}]}",
        "{\"next\":1,\"dead_from\":0,\"steps\":[{\"from\":0,\"next\":1,\"aggregate\":\"a\","
        "\"version\":1,\"event\":\"x\"}]}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        stele_inbox read = {0};
        assert_false(stele_inbox_read(stele_text(wrong[i]), &read));
        assert_int_equal(read.count, 0);
    }
}

static void only_what_is_not_there_is_taken_again(void **state)
{
    (void)state;
    enum { OPEN = STELE_INBOX_OPEN, TAKEN = STELE_INBOX_TAKEN, REFUSED = STELE_INBOX_REFUSED };
    STELE_AUTO_VALUE(stele_inbox) of = example();
    const int64_t found[] = {12, 99};
    static const struct {
        int64_t offset;
        bool is_lost;
        size_t found;
        int verdict;
    } cases[] = {
        {9, false, 0, TAKEN},    {10, false, 0, TAKEN}, {10, true, 0, OPEN},
        {12, false, 0, REFUSED}, {12, false, 1, TAKEN}, {12, true, 1, TAKEN},
        {12, true, 0, OPEN},     {14, true, 0, TAKEN},  {16, false, 0, TAKEN},
        {17, false, 0, REFUSED}, {19, false, 0, TAKEN}, {20, false, 0, OPEN},
        {99, false, 1, OPEN},    {99, false, 2, TAKEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        of.steps[0].is_lost = cases[i].is_lost;
        assert_int_equal(stele_inbox_judge(&of, cases[i].offset, found, cases[i].found),
                         cases[i].verdict);
    }
}

static void what_is_still_to_be_taken_again_goes_on_to_be_known(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_inbox) rest = example();
    STELE_AUTO_VALUE(stele_inbox) at = {.next = 13, .dead_from = 3, .events_from = 7};
    STELE_AUTO_VALUE(stele_buffer) written = {0};
    rest.steps[0].is_lost = true;
    add_step(&at, 10, 13, "a", -1);

    stele_inbox_write(&at, &rest, &written);

    assert_string_equal(
        stele_buffer_text(&written),
        "{\"next\":20,\"dead_from\":3,\"events_from\":7,\"steps\":["
        "{\"from\":10,\"next\":13,\"aggregate\":\"a\",\"version\":110,"
        "\"event\":\"0a000000-0000-0000-0000-000000000000\"},"
        "{\"from\":13,\"next\":14,\"aggregate\":\"a \\\"1\\\"\",\"version\":9223372036854775807,"
        "\"event\":\"0a000000-0000-0000-0000-000000000000\"},"
        "{\"from\":16,\"next\":18,\"dead\":[17]},"
        "{\"from\":18,\"next\":20,\"aggregate\":\"b\",\"version\":118,"
        "\"event\":\"12000000-0000-0000-0000-000000000000\"}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_down_is_read_again),
        cmocka_unit_test(what_is_none_is_not_read),
        cmocka_unit_test(only_what_is_not_there_is_taken_again),
        cmocka_unit_test(what_is_still_to_be_taken_again_goes_on_to_be_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
