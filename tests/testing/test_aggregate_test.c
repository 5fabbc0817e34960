/* SPDX-License-Identifier: MIT
 * Tests of tests of an aggregate: commands as said pass, each way in which they are not fails and
 * says why. */
#include <stele/stele_test.h>

#include "tests/aggregates/account.h"
#include "tests/support/test.h"

static stele_aggregate account; /* without a context: a function of the tests may have one */

static stele_test *open_test(const stele_aggregate *aggregate)
{
    stele_test *test = stele_test_aggregate(aggregate);
    assert_string_equal(stele_test_failure(test), "");
    return test;
}

static bool given(stele_test *test, int64_t cents)
{
    return stele_test_given(test, "a", &test_booked_type, &(test_booked){.cents = cents});
}

static bool book(stele_test *test, int64_t cents, int32_t times)
{
    return stele_test_when(test, "a", &test_commands_book_type,
                           &(test_commands_book){.cents = cents, .times = times});
}

static bool do_it(stele_test *test, const char *what)
{
    return stele_test_when(test, "a", &test_commands_do_type,
                           &(test_commands_do){.what = stele_text(what)});
}

static bool then_booked(stele_test *test, int64_t cents)
{
    return stele_test_then_event(test, &test_booked_type, &(test_booked){.cents = cents});
}

/* The test has failed, and says so. */
static void expect_failure(stele_test *test, const char *text)
{
    if (strstr(stele_test_failure(test), text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", stele_test_failure(test), text);
    assert_false(given(test, 1));
    assert_false(book(test, 1, 1));
    assert_int_equal(stele_test_end(test), 1);
}

static void commands_as_said_pass(void **state)
{
    (void)state;
    stele_test *test = open_test(&account);
    assert_true(stele_test_given_json(test, "a", &test_opened_type, "{\"owner\": \"Ann\"}"));
    assert_true(given(test, 10));
    assert_true(book(test, -4, 2));
    assert_true(then_booked(test, -4));
    assert_true(stele_test_then_event_json(test, &test_booked_type, "{\"cents\": -4}"));
    assert_true(stele_test_then_nothing(test));
    assert_true(stele_test_then_json(
        test, "a", "{\"owner\": \"Ann\", \"cents\": 2, \"bookings\": [10, -4, -4]}"));

    assert_true(stele_test_when_json(test, "a", &test_commands_book_type, "{\"cents\": -3}"));
    assert_true(stele_test_then_rejected(test, "insufficient_funds"));
    assert_true(do_it(test, "nothing"));
    assert_true(stele_test_then_nothing(test));
    assert_true(do_it(test, "fail"));
    assert_true(stele_test_then_failed(test, "no such currency"));

    assert_true(stele_test_when_json(test, "b", &test_commands_book_type, "{\"cents\": 3}"));
    assert_true(stele_test_then_json(test, "b", "{\"cents\": 3, \"bookings\": [3]}"));
    assert_true(stele_test_then_none(test, "c"));
    assert_string_equal(stele_test_failure(test), "");
    assert_int_equal(stele_test_end(test), 0);
}

static void what_a_decide_function_is_told_can_be_said(void **state)
{
    (void)state;
    account_context context = {.init_cents = 5};
    stele_aggregate table = account_table(&context);
    const stele_publish_options with = {.correlation_id = "order 1"};
    stele_test *test = open_test(&table);
    given(test, 10);
    stele_test_at(test, 1800000000000);
    stele_test_with(test, &with);
    assert_true(book(test, -15, 1)); /* what init made of it counts */

    assert_int_equal(context.last.time_ms, 1800000000000);
    assert_int_equal(context.last.version, 1);
    assert_string_equal(context.applied.topic, "account.events");
    assert_int_equal(context.applied.time_ms, 1800000000000);
    assert_int_equal(context.applied.version, 2);
    assert_int_equal(stele_test_end(test), 0);
}

static void an_aggregate_that_is_finished_takes_no_command(void **state)
{
    (void)state;
    stele_test *test = open_test(&account);
    given(test, 10);
    assert_true(do_it(test, "close"));
    assert_true(stele_test_then_event(test, &test_closed_type, &(test_closed){0}));
    assert_true(stele_test_then_finished(test, "a"));
    assert_true(book(test, 1, 1));
    assert_true(stele_test_then_rejected(test, "finished"));
    assert_int_equal(stele_test_end(test), 0);
}

static void another_outcome_fails_with_both(void **state)
{
    (void)state;
    stele_test *test = open_test(&account);
    book(test, 5, 1);
    assert_false(then_booked(test, 6));
    expect_failure(test,
                   "event 1 of test.commands.Book is test.Booked {\"cents\":5,\"memos\":[]}\n  "
                   "expected: test.Booked {\"cents\":6,\"memos\":[]}");

    test = open_test(&account);
    book(test, 5, 1);
    then_booked(test, 5);
    assert_false(then_booked(test, 5));
    expect_failure(test, "yields 1 events; expected another one, test.Booked {\"cents\":5");

    test = open_test(&account);
    book(test, 5, 2);
    then_booked(test, 5);
    assert_false(stele_test_then_nothing(test));
    expect_failure(test, "event 2 of test.commands.Book is test.Booked {\"cents\":5,\"memos\":[]}, "
                         "expected nothing");

    test = open_test(&account);
    book(test, 5, 1);
    assert_false(stele_test_then_rejected(test, "no"));
    expect_failure(test, "was accepted, expected that it is rejected; it yields: test.Booked {");

    test = open_test(&account);
    book(test, 5, 0);
    assert_false(stele_test_then_failed(test, "no"));
    expect_failure(test, "was accepted, expected that it fails; it yields: nothing");

    test = open_test(&account);
    book(test, -5, 1);
    assert_false(stele_test_then_rejected(test, "no"));
    expect_failure(test, "was rejected with insufficient_funds (Insufficient funds: 0 cents), "
                         "expected no");
}

static void what_has_to_be_expected_is_not_passed_over(void **state)
{
    (void)state;
    stele_test *test = open_test(&account);
    assert_true(book(test, -5, 1));
    assert_false(stele_test_then_none(test, "a"));
    expect_failure(test, "test.commands.Book was rejected with insufficient_funds: Insufficient");

    test = open_test(&account);
    assert_true(do_it(test, "fail"));
    assert_false(book(test, 5, 1));
    expect_failure(test, "test.commands.Do failed: account cannot decide on test.commands.Do: no "
                         "such currency");

    test = open_test(&account);
    do_it(test, "fail");
    assert_false(stele_test_then_rejected(test, "no"));
    expect_failure(test, "test.commands.Do failed: ");

    test = open_test(&account);
    book(test, 5, 2);
    then_booked(test, 5);
    assert_false(book(test, 5, 1));
    expect_failure(test, "event 2 of test.commands.Book is test.Booked");

    test = open_test(&account);
    book(test, -5, 1);
    assert_int_equal(stele_test_end(test), 1);

    test = open_test(&account);
    book(test, 5, 2);
    then_booked(test, 5);
    assert_int_equal(stele_test_end(test), 1);
}

/* ---- functions that depend on more than their arguments ---- */

static int calls;

static stele_status book_by_count(const void *state, const void *command, stele_decision *decision,
                                  stele_error *err)
{
    (void)state, (void)command, (void)err;
    return stele_yield(decision, &test_booked_type, &(test_booked){.cents = calls++});
}

static stele_status reject_by_count(const void *state, const void *command,
                                    stele_decision *decision, stele_error *err)
{
    (void)state, (void)command, (void)err;
    return stele_reject(decision, "no", "for the %dth time", calls++);
}

static void a_decision_that_is_another_one_the_second_time_fails(void **state)
{
    (void)state;
    static stele_decide *const functions[] = {book_by_count, reject_by_count};
    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        stele_aggregate table = account;
        const stele_command commands[] = {{&test_commands_book_type, functions[i]}, {NULL, NULL}};
        table.commands = commands;
        calls = 0;
        stele_test *test = open_test(&table);
        assert_false(book(test, 1, 1));
        expect_failure(test, "a second time the decision on test.commands.Book is another one: its "
                             "function depends on something besides its arguments\n  first: ");
    }
}

/* What it has been given depends on the address of the state, as of a cache beside it. */
static stele_status book_by_address(const void *state, const void *command,
                                    stele_decision *decision, stele_error *err)
{
    (void)command, (void)err;
    static const void *first;
    if (first == NULL) first = state;
    return stele_yield(decision, &test_booked_type, &(test_booked){.cents = first == state});
}

static void a_decision_that_is_another_one_after_a_restart_fails(void **state)
{
    (void)state;
    stele_aggregate table = account;
    const stele_command commands[] = {{&test_commands_book_type, book_by_address}, {NULL, NULL}};
    table.commands = commands;
    stele_test *test = open_test(&table);
    given(test, 1);
    assert_false(book(test, 1, 1));
    expect_failure(test, "after a restart the decision on test.commands.Book is another one");
}

static stele_status apply_by_offset(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    (void)data, (void)err;
    ((test_account *)state)->cents = event->offset;
    return STELE_OK;
}

static void an_apply_function_that_depends_on_the_offset_fails(void **state)
{
    (void)state;
    stele_aggregate table = account;
    const stele_handler handlers[] = {{&test_opened_type, NULL},
                                      {&test_booked_type, apply_by_offset},
                                      {&test_closed_type, NULL},
                                      {NULL, NULL}};
    table.handlers = handlers;
    stele_test *test = open_test(&table);
    assert_false(book(test, 1, 1));
    expect_failure(test, "is another one before its events are in the log: an apply function");
}

static stele_status close_twice(const void *state, const void *command, stele_decision *decision,
                                stele_error *err)
{
    (void)state, (void)command, (void)err;
    stele_status status = stele_yield(decision, &test_closed_type, &(test_closed){0});
    return status < 0 ? status : stele_yield(decision, &test_closed_type, &(test_closed){0});
}

static void what_a_fold_refuses_is_not_appended(void **state)
{
    (void)state;
    stele_test *test = open_test(&account);
    assert_false(book(test, 13, 1));
    expect_failure(test, "account refuses its own event test.Booked, so it is not appended: "
                         "thirteen brings bad luck");

    stele_aggregate table = account;
    const stele_command commands[] = {{&test_commands_book_type, close_twice}, {NULL, NULL}};
    table.commands = commands;
    test = open_test(&table);
    assert_false(book(test, 1, 1));
    expect_failure(test, "event 2 of test.commands.Book comes after the one that finishes a");
}

/* ---- misuse ---- */

static void what_cannot_be_a_command_fails(void **state)
{
    (void)state;
    stele_test *test = open_test(&account);
    assert_false(stele_test_when(test, "a", &test_booked_type, &(test_booked){0}));
    expect_failure(test, "test.Booked is none of its commands");

    test = open_test(&account);
    assert_false(do_it(test, "\xff"));
    expect_failure(test, "this cannot be a test.commands.Do: what: string that is not UTF-8");

    test = open_test(&account);
    assert_false(stele_test_when_json(test, "a", &test_commands_do_type, "{\"what\": 1}"));
    expect_failure(test, "the JSON of a test.commands.Do: what: expected a string");

    test = open_test(&account);
    assert_false(then_booked(test, 1));
    expect_failure(test, "no command has come: stele_test_when");
}

static void a_table_that_cannot_be_right_fails(void **state)
{
    (void)state;
    stele_aggregate table = account;
    table.version = 0;
    stele_test *test = stele_test_aggregate(&table);
    expect_failure(test, "cannot be tested: aggregate account: its version is 0");

    const stele_aggregate facts = {.name = "customer"};
    test = stele_test_aggregate(&facts);
    expect_failure(test, "cannot be tested: aggregate customer has no state");
}

static void a_projection_takes_no_commands(void **state)
{
    (void)state;
    const stele_projection accounts = {.name = "accounts",
                                       .version = 1,
                                       .source = &account,
                                       .state = account.state,
                                       .handlers = account.handlers};
    stele_test *test = stele_test_projection(&accounts);
    assert_true(given(test, 1));
    assert_false(book(test, 1, 1));
    expect_failure(test, "a projection takes no commands: stele_test_aggregate");
}

static void the_name_of_a_writer_is_not_for_projections(void **state)
{
    (void)state;
    const stele_handler handlers[] = {{&test_booked_type, NULL}, {NULL, NULL}};
    const stele_aggregate facts = {.name = "account", .events = account.events};
    const struct {
        const char *name;
        const stele_aggregate *source;
        const stele_handler *handlers;
    } cases[] = {{"account.writer", &account, handlers},
                 {"accounts.writer", &account, account.handlers},
                 {"account.writer", &facts, account.handlers}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const stele_projection wrong = {.name = cases[i].name,
                                        .version = 1,
                                        .source = cases[i].source,
                                        .state = account.state,
                                        .handlers = cases[i].handlers};
        expect_failure(stele_test_projection(&wrong),
                       "a name that ends in .writer is that of an aggregate's writer");
    }
}

/* ---- timers ---- */

/* Whoever has ten cents or more has them taken away, ten at a time, at second 1, 2, 3 … of 2001. */
enum { FIRST_DUE_S = 978307201 };

static int64_t due(const void *state, const void *context)
{
    (void)context;
    const test_account *own = state;
    return own->cents < 10 ? 0 : (int64_t)(FIRST_DUE_S + own->bookings.count) * 1000;
}

static stele_status take_ten(const void *state, const void *command, stele_decision *decision,
                             stele_error *err)
{
    (void)state, (void)err;
    assert_null(command);
    return stele_yield(decision, &test_booked_type, &(test_booked){.cents = -10});
}

static stele_status take_none(const void *state, const void *command, stele_decision *decision,
                              stele_error *err)
{
    (void)state, (void)command, (void)err;
    return stele_reject(decision, "later", "Not now");
}

static void a_timer_fires_when_it_is_due(void **state)
{
    (void)state;
    stele_aggregate table = account_table(NULL);
    table.due = due;
    table.on_due = take_ten;
    stele_test *test = open_test(&table);
    assert_true(stele_test_then_due(test, "a", 0));
    assert_true(given(test, 25));
    assert_true(stele_test_then_due(test, "a", (FIRST_DUE_S + 1) * 1000LL));

    assert_true(stele_test_when_due(test, "a"));
    assert_true(then_booked(test, -10));
    assert_true(stele_test_then_nothing(test));
    assert_true(stele_test_then_due(test, "a", (FIRST_DUE_S + 2) * 1000LL));
    stele_test_at(test, 1800000000000); /* no one was there in time */
    assert_true(stele_test_when_due(test, "a"));
    assert_true(stele_test_then_json(test, "a", "{\"cents\": 5, \"bookings\": [25, -10, -10]}"));
    assert_true(stele_test_then_due(test, "a", 0));
    assert_false(stele_test_when_due(test, "a"));
    expect_failure(test, "a has no timer that could be due");
}

static void a_timer_that_is_not_put_off_fails(void **state)
{
    (void)state;
    stele_aggregate table = account_table(NULL);
    table.due = due;
    table.on_due = take_none;
    stele_test *test = open_test(&table);
    given(test, 10);
    assert_false(stele_test_when_due(test, "a"));
    expect_failure(test, "the timer of a has fired and is still due at 978307202000");

    test = open_test(&table);
    assert_false(stele_test_then_due(test, "a", 5));
    expect_failure(test, "the timer of a is due at 0, expected 5");
}

int main(void)
{
    account = account_table(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_as_said_pass),
        cmocka_unit_test(what_a_decide_function_is_told_can_be_said),
        cmocka_unit_test(an_aggregate_that_is_finished_takes_no_command),
        cmocka_unit_test(another_outcome_fails_with_both),
        cmocka_unit_test(what_has_to_be_expected_is_not_passed_over),
        cmocka_unit_test(a_decision_that_is_another_one_the_second_time_fails),
        cmocka_unit_test(a_decision_that_is_another_one_after_a_restart_fails),
        cmocka_unit_test(an_apply_function_that_depends_on_the_offset_fails),
        cmocka_unit_test(what_a_fold_refuses_is_not_appended),
        cmocka_unit_test(what_cannot_be_a_command_fails),
        cmocka_unit_test(a_table_that_cannot_be_right_fails),
        cmocka_unit_test(a_projection_takes_no_commands),
        cmocka_unit_test(the_name_of_a_writer_is_not_for_projections),
        cmocka_unit_test(a_timer_fires_when_it_is_due),
        cmocka_unit_test(a_timer_that_is_not_put_off_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
