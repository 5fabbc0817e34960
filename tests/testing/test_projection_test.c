/* SPDX-License-Identifier: MIT
 * Tests of tests: a history that is as said passes, each way in which it is not fails and says why.
 */
#include <stele/stele_test.h>

#include <inttypes.h>

#include "account.h"
#include "closed.h"
#include "deposited.h"
#include "named.h"
#include "tests/support/test.h"

static stele_status apply_deposited(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    test_account *account = state;
    const test_deposited *deposited = data;
    account->balance += deposited->amount;
    if (deposited->amount < 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "negative at %" PRId64,
                          event->time_ms);
    return STELE_OK;
}

static stele_status apply_named(void *state, const void *data, const stele_event *event,
                                stele_error *err)
{
    (void)event, (void)err;
    stele_text_set(&((test_account *)state)->owner, ((const test_named *)data)->owner);
    return STELE_OK;
}

static stele_status apply_closed(void *state, const void *data, const stele_event *event,
                                 stele_error *err)
{
    (void)state, (void)data, (void)event, (void)err;
    return STELE_FINISHED;
}

static const stele_aggregate account = {
    .name = "account",
    .events = (const stele_type *const[]){&test_deposited_type, &test_named_type, &test_closed_type,
                                          NULL},
};

static const stele_projection accounts = {
    .name = "accounts",
    .version = 1,
    .source = &account,
    .state = &test_account_type,
    .handlers = (const stele_handler[]){{&test_deposited_type, apply_deposited},
                                        {&test_named_type, apply_named},
                                        {&test_closed_type, apply_closed},
                                        {NULL, NULL}},
};

static bool deposit(stele_test *test, const char *id, int64_t amount)
{
    return stele_test_given(test, id, &test_deposited_type,
                            &(test_deposited){.amount = amount, .memo = stele_text("memo")});
}

/* The test has failed, and says so. */
static void expect_failure(stele_test *test, const char *text)
{
    if (strstr(stele_test_failure(test), text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", stele_test_failure(test), text);
    assert_false(deposit(test, "a", 1));
    assert_int_equal(stele_test_end(test), 1);
}

static void a_history_as_said_passes(void **state)
{
    (void)state;
    stele_test *test = stele_test_projection(&accounts);
    assert_true(deposit(test, "a", 5));
    assert_true(deposit(test, "b", 1));
    assert_true(deposit(test, "a", 6));
    assert_true(stele_test_given_json(test, "a", &test_named_type, "{\"owner\": \"Ann\"}"));

    assert_true(
        stele_test_then(test, "a", &(test_account){.balance = 11, .owner = stele_text("Ann")}));
    assert_true(
        stele_test_then_json(test, "b", "{\"balance\": 1, \"owner\": \"\", \"memos\": {}}"));
    assert_true(stele_test_then_none(test, "c"));

    assert_true(stele_test_given(test, "a", &test_closed_type, &(test_closed){0}));
    assert_true(stele_test_then_finished(test, "a"));
    assert_string_equal(stele_test_failure(test), "");
    assert_int_equal(stele_test_end(test), 0);
}

static void another_state_fails_with_both(void **state)
{
    (void)state;
    stele_test *test = stele_test_projection(&accounts);
    deposit(test, "a", 5);
    assert_false(stele_test_then(test, "a", &(test_account){.balance = 6}));
    assert_non_null(strstr(stele_test_failure(test), "\"balance\":5"));
    expect_failure(test, "\"balance\":6");

    test = stele_test_projection(&accounts);
    assert_false(stele_test_then(test, "a", &(test_account){.balance = 6}));
    expect_failure(test, "no event of it was applied");

    test = stele_test_projection(&accounts);
    deposit(test, "a", 5);
    assert_false(stele_test_then_none(test, "a"));
    expect_failure(test, "has had 1 events");

    test = stele_test_projection(&accounts);
    deposit(test, "a", 5);
    assert_false(stele_test_then_finished(test, "a"));
    expect_failure(test, "not finished");
}

static void a_stop_is_expected_or_a_failure(void **state)
{
    (void)state;
    stele_test *test = stele_test_projection(&accounts);
    assert_true(stele_test_at(test, 1234));
    assert_true(deposit(test, "a", -1));
    assert_true(stele_test_then_stopped(test, "negative at 1234"));
    assert_int_equal(stele_test_end(test), 0);

    test = stele_test_projection(&accounts);
    assert_true(deposit(test, "a", -1));
    assert_false(stele_test_then_stopped(test, "too large"));
    expect_failure(test, "negative");

    test = stele_test_projection(&accounts);
    assert_true(deposit(test, "a", -1));
    assert_int_equal(stele_test_end(test), 1);

    test = stele_test_projection(&accounts);
    assert_true(deposit(test, "a", -1));
    assert_true(stele_test_then_stopped(test, "negative at 946684800000"));
    assert_int_equal(stele_test_end(test), 0);

    test = stele_test_projection(&accounts);
    assert_true(deposit(test, "a", 1));
    assert_false(stele_test_then_stopped(test, "negative"));
    expect_failure(test, "did not stop");

    test = stele_test_projection(&accounts);
    assert_true(deposit(test, "a", -1));
    assert_true(stele_test_then_stopped(test, "negative"));
    assert_false(deposit(test, "a", 1));
    expect_failure(test, "nothing may follow");
}

static void what_a_worker_refuses_stops_it(void **state)
{
    (void)state;
    stele_test *test = stele_test_projection(&accounts);
    stele_test_given(test, "a", &test_closed_type, &(test_closed){0});
    assert_true(deposit(test, "a", 1));
    assert_true(stele_test_then_stopped(test, "finished"));
    assert_int_equal(stele_test_end(test), 0);

    test = stele_test_projection(&accounts);
    stele_test_given(test, "a", &test_account_type, &(test_account){.balance = 1});
    assert_true(stele_test_then_stopped(test, "no handler for events of type test.Account"));
    assert_int_equal(stele_test_end(test), 0);
}

static void what_is_no_event_fails(void **state)
{
    (void)state;
    stele_test *late = stele_test_projection(&accounts);
    assert_false(stele_test_at(late, 0));
    expect_failure(late, "no time");

    stele_test *test = stele_test_projection(&accounts);
    assert_false(deposit(test, "stele:a", 1));
    expect_failure(test, "stele:");

    test = stele_test_projection(&accounts);
    assert_false(stele_test_given_json(test, "a", &test_named_type, "{\"owner\": 1}"));
    expect_failure(test, "the JSON of a test.Named: owner");
}

/* ---- folds that no worker could keep ---- */

static stele_status apply_by_memory(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    (void)data, (void)event, (void)err;
    static int64_t calls;
    ((test_account *)state)->balance = ++calls;
    return STELE_OK;
}

static stele_status apply_not_utf8(void *state, const void *data, const stele_event *event,
                                   stele_error *err)
{
    (void)data, (void)event, (void)err;
    stele_text_set(&((test_account *)state)->owner, stele_text("\xff"));
    return STELE_OK;
}

static stele_test *test_with(stele_apply *apply)
{
    static stele_handler handlers[2];
    static stele_projection bad;
    handlers[0] = (stele_handler){&test_deposited_type, apply};
    bad = accounts;
    bad.handlers = handlers;
    return stele_test_projection(&bad);
}

static void a_fold_with_a_memory_of_its_own_fails(void **state)
{
    (void)state;
    stele_test *test = test_with(apply_by_memory);
    assert_false(deposit(test, "a", 1));
    expect_failure(test, "depends on something besides its arguments");
}

static void a_state_that_no_snapshot_holds_fails(void **state)
{
    (void)state;
    stele_test *test = test_with(apply_not_utf8);
    assert_false(deposit(test, "a", 1));
    expect_failure(test, "no snapshot can hold");
}

/* ---- what an apply function gets besides the event ---- */

static void init_with_bonus(void *state, const void *context)
{
    ((test_account *)state)->balance = *(const int64_t *)context;
}

static stele_status apply_times(void *state, const void *data, const stele_event *event,
                                stele_error *err)
{
    (void)err;
    ((test_account *)state)->balance +=
        ((const test_deposited *)data)->amount * *(const int64_t *)event->context;
    return STELE_OK;
}

static void the_context_reaches_init_and_apply(void **state)
{
    (void)state;
    static const int64_t three = 3;
    static const stele_handler handlers[] = {{&test_deposited_type, apply_times}, {NULL, NULL}};
    stele_projection times = accounts;
    times.handlers = handlers;
    times.init = init_with_bonus;
    times.context = &three;
    stele_test *test = stele_test_projection(&times);

    deposit(test, "a", 5);
    stele_test_then_json(test, "a", "{\"balance\": 18, \"owner\": \"\", \"memos\": {}}");

    assert_int_equal(stele_test_end(test), 0);
}

/* The owner is what the headers say. */
static stele_status apply_headers(void *state, const void *data, const stele_event *event,
                                  stele_error *err)
{
    (void)data, (void)err;
    stele_header headers[8];
    stele_bytes cause = stele_event_causation_id(event);
    char text[200];
    snprintf(text, sizeof text, "%zu headers, id of %zu, %.*s, %s, %.*s",
             stele_event_headers(event, headers, COUNT_OF(headers)), stele_event_id(event).size,
             (int)stele_event_correlation_id(event).size,
             (const char *)stele_event_correlation_id(event).data,
             cause.data == NULL ? "no cause" : "a cause", 10,
             (const char *)stele_event_traceparent(event).data);
    assert_string_equal(headers[0].name, "ce_id");
    assert_null(stele_event_header(event, "none").data);
    stele_text_set(&((test_account *)state)->owner, stele_text(text));
    return STELE_OK;
}

static void headers_are_read_when_they_are_asked_for(void **state)
{
    (void)state;
    stele_test *test = test_with(apply_headers);
    const stele_publish_options options = {
        .correlation_id = "order 7",
        .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"};

    stele_test_with(test, &options);
    deposit(test, "a", 1);
    stele_test_then_json(test, "a",
                         "{\"balance\": 0, \"owner\": \"3 headers, id of 36, order 7, no cause, "
                         "00-0af7651\", \"memos\": {}}");

    assert_int_equal(stele_test_end(test), 0);
    const stele_event without = {.version = 1};
    assert_null(stele_event_id(&without).data);
    assert_int_equal(stele_event_headers(&without, NULL, 0), 0);
}

static void a_table_that_cannot_be_right_fails(void **state)
{
    (void)state;
    stele_projection bad = accounts;
    bad.version = 0;
    expect_failure(stele_test_projection(&bad), "cannot be tested");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_history_as_said_passes),
        cmocka_unit_test(another_state_fails_with_both),
        cmocka_unit_test(a_stop_is_expected_or_a_failure),
        cmocka_unit_test(what_a_worker_refuses_stops_it),
        cmocka_unit_test(what_is_no_event_fails),
        cmocka_unit_test(a_fold_with_a_memory_of_its_own_fails),
        cmocka_unit_test(a_state_that_no_snapshot_holds_fails),
        cmocka_unit_test(the_context_reaches_init_and_apply),
        cmocka_unit_test(headers_are_read_when_they_are_asked_for),
        cmocka_unit_test(a_table_that_cannot_be_right_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
