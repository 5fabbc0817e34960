/* SPDX-License-Identifier: MIT
 * Pages of states: in order, each id once, whatever its bytes are. */
#include "bank.h"

#include "kafka/bounded_read.h"
#include "projections/state_page.h"

enum { WAIT_MS = 20000, ACCOUNTS = 200 };

static int take(void *context, const stele_batch *batch, stele_error *err)
{
    int64_t position = 0;
    const stele_record *last = NULL;
    return stele_states_take(context, batch, &position, &last, err);
}

static stele_states *replay(bank *of)
{
    stele_states *states;
    stele_error err;
    stele_states_options options = {.projection = &bank_balances, .registry = of->registry};
    assert_int_equal(stele_states_new(&options, &states, &err), STELE_OK);
    stele_bounded_read_start start = {{BANK_EVENTS, 0}, STELE_OFFSET_NONE};
    stele_bounded_read_options read = {.starts = &start,
                                       .count = 1,
                                       .deadline =
                                           stele_deadline_after(stele_clock_system(), WAIT_MS),
                                       .take = take,
                                       .context = states};
    assert_int_equal(stele_bounded_read(of->log, &read, &err), STELE_OK);
    return states;
}

typedef struct seen {
    stele_buffer ids; /* a blank behind each */
    stele_buffer last;
    size_t count;
} seen;

static void see(void *context, stele_bytes id, int64_t version, const void *state)
{
    seen *of = context;
    assert_true(version > 0 && state != NULL);
    stele_buffer_append(&of->ids, id);
    stele_buffer_push(&of->ids, ' ');
    stele_buffer_reset(&of->last);
    stele_buffer_append(&of->last, id);
    of->count++;
}

static void assert_page(stele_states *states, const char *prefix, const char *after, size_t limit,
                        const char *expected)
{
    seen all = {0};
    stele_state_page page = {.prefix = stele_text(prefix),
                             .after = stele_text(after),
                             .limit = limit,
                             .each = see,
                             .context = &all};
    stele_state_page_fill(states, &page);
    assert_string_equal(stele_buffer_text(&all.ids), expected);
    stele_buffer_clear(&all.ids);
    stele_buffer_clear(&all.last);
}

static void a_page_has_the_first_ids_behind_one_of_them(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    static const char *const ids[] = {"b", "ab", "a", "\xff", "abc", "ac", "\x01"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        bank_deposit(of, 0, ids[i], 1, "");
    bank_deposit(of, 0, "closed", 1, "");
    bank_close(of, 0, "closed");
    stele_states *states = replay(of);

    assert_page(states, "", NULL, 100, "\x01 a ab abc ac b \xff ");
    assert_page(states, "", NULL, 3, "\x01 a ab ");
    assert_page(states, "", "ab", 2, "abc ac ");
    assert_page(states, "", "aa", 1, "ab "); /* one that is not there */
    assert_page(states, "ab", NULL, 100, "ab abc ");
    assert_page(states, "ab", "ab", 1, "abc ");
    assert_page(states, "abcd", NULL, 100, "");
    assert_page(states, "", "\xff", 100, "");
    stele_states_free(states);
    bank_free(of);
}

static void page_after_page_has_every_id_once(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    char id[16];
    for (int i = 0; i < ACCOUNTS; i++) {
        snprintf(id, sizeof id, "%d", i * 7919 % ACCOUNTS);
        bank_deposit(of, 0, id, 1, "");
    }
    stele_states *states = replay(of);
    for (size_t limit = 1; limit < 20; limit += 6) {
        seen all = {0};
        stele_buffer after = {0};
        size_t before;
        do {
            stele_state_page page = {.prefix = stele_text(""),
                                     .after = all.count == 0 ? stele_bytes_of(NULL, 0)
                                                             : stele_buffer_view(&after),
                                     .limit = limit,
                                     .each = see,
                                     .context = &all};
            before = all.count;
            stele_state_page_fill(states, &page);
            assert_true(all.count - before <= limit);
            stele_buffer_reset(&after);
            stele_buffer_append(&after, stele_buffer_view(&all.last));
        } while (all.count > before);
        assert_int_equal(all.count, ACCOUNTS);
        stele_buffer_clear(&all.ids);
        stele_buffer_clear(&all.last);
        stele_buffer_clear(&after);
    }
    stele_states_free(states);
    bank_free(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_has_the_first_ids_behind_one_of_them),
        cmocka_unit_test(page_after_page_has_every_id_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
