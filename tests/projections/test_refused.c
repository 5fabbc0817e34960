/* SPDX-License-Identifier: MIT
 * Apply functions that refuse an event. */
#include "bank.h"

#include "kafka/bounded_read.h"
#include "projections/states.h"

enum { WAIT_MS = 20000 };

/* Changes the state, and refuses then. */
static stele_status apply_half(void *state, const void *data, const stele_event *event,
                               stele_error *err)
{
    (void)event;
    test_account *account = state;
    const test_deposited *deposited = data;
    account->balance += deposited->amount;
    stele_text_set(&account->owner, deposited->memo);
    if (deposited->amount < 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "it is less than nothing");
    return STELE_OK;
}

static void take_owner(void *state, const void *context)
{
    (void)context;
    stele_text_set(&((test_account *)state)->owner, stele_text("nobody"));
}

static int take(void *context, const stele_batch *batch, stele_error *err)
{
    int64_t position = 0;
    const stele_record *last = NULL;
    return stele_states_take(context, batch, &position, &last, err);
}

/* Apply what there is. @return the states, which the caller frees */
static stele_states *replay(bank *of, const stele_projection *projection, stele_status expected)
{
    stele_states *states;
    stele_error err;
    stele_states_options options = {.projection = projection, .registry = of->registry};
    assert_int_equal(stele_states_new(&options, &states, &err), STELE_OK);
    stele_bounded_read_start start = {{BANK_EVENTS, 0}, STELE_OFFSET_NONE};
    stele_bounded_read_options read = {.starts = &start,
                                       .count = 1,
                                       .deadline =
                                           stele_deadline_after(stele_clock_system(), WAIT_MS),
                                       .take = take,
                                       .context = states};
    assert_int_equal(stele_bounded_read(of->log, &read, &err), expected);
    return states;
}

static void a_refused_event_changes_nothing(void **state)
{
    (void)state;
    const stele_handler handlers[] = {
        {&test_deposited_type, apply_half},
        {NULL, NULL},
    };
    stele_projection projection = bank_balances;
    projection.handlers = handlers;
    projection.may_refuse = (const stele_type *const[]){&test_deposited_type, NULL};
    projection.init = take_owner;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "first");
    bank_deposit(of, 0, "a", 2, "second");
    bank_deposit(of, 0, "a", -1, "refused");

    stele_states *states = replay(of, &projection, STELE_E_INVALID);
    const stele_entry *entry = stele_table_find(stele_states_table(states), stele_text("a"));
    assert_non_null(entry);
    const test_account *account = stele_entry_state((stele_entry *)entry);
    assert_int_equal(account->balance, 7);
    assert_true(stele_bytes_equal(account->owner, stele_text("second")));
    assert_int_equal(entry->version, 2);
    assert_int_equal(entry->offset, 2);
    stele_states_free(states);
    bank_free(of);
}

static void an_aggregate_whose_first_event_is_refused_is_not_there(void **state)
{
    (void)state;
    const stele_handler handlers[] = {{&test_deposited_type, apply_half}, {NULL, NULL}};
    stele_projection projection = bank_balances;
    projection.handlers = handlers;
    projection.may_refuse = (const stele_type *const[]){&test_deposited_type, NULL};
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", -1, "refused");

    stele_states *states = replay(of, &projection, STELE_E_INVALID);

    assert_null(stele_table_find(stele_states_table(states), stele_text("a")));
    assert_int_equal(stele_states_dirty_count(states), 0);
    stele_states_free(states);
    bank_free(of);
}

static void what_may_be_refused_and_is_not_comes_to_the_same_states(void **state)
{
    (void)state;
    stele_projection careful = bank_balances;
    careful.may_refuse = bank_account.events;
    bank *of = bank_new(1);
    for (int i = 0; i < 20; i++)
        bank_deposit(of, 0, i % 2 == 0 ? "a" : "b", i, i % 3 == 0 ? "x" : "y");
    bank_name(of, 0, "a", "Ada");
    bank_close(of, 0, "b");

    char *plain = bank_replay(of, &bank_balances);
    char *copied = bank_replay(of, &careful);

    assert_string_equal(copied, plain);
    free(plain);
    free(copied);
    bank_free(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_event_changes_nothing),
        cmocka_unit_test(an_aggregate_whose_first_event_is_refused_is_not_there),
        cmocka_unit_test(what_may_be_refused_and_is_not_comes_to_the_same_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
