/* SPDX-License-Identifier: MIT
 * Where calls wait: order, bounds, deadlines, and what comes back. */
#include "aggregates/desk.h"

#include "tests/support/test.h"

static stele_manual_clock clock_of_test;

static stele_desk *desk_of(size_t count_max, size_t size_max)
{
    return stele_desk_new(&(stele_desk_options){.runtime = stele_runtime_manual(&clock_of_test),
                                                .topic = "account.events",
                                                .partition = 3,
                                                .count_max = count_max,
                                                .size_max = size_max});
}

static void on_done(void *context, const stele_result *result, const stele_error *failure)
{
    (void)result, (void)failure;
    if (context != NULL) ++*(int *)context;
}

static stele_ticket *ticket(const char *command_id, int timeout_ms)
{
    stele_ticket_datum datum = {NULL, stele_text("avro")};
    stele_call call = {.aggregate_id = stele_text("17"), .command_id = command_id};
    stele_ticket *made = stele_ticket_new(&call, &datum, 1);
    made->done = on_done;
    made->deadline = stele_deadline_after(stele_clock_manual(&clock_of_test), timeout_ms);
    return made;
}

static void add(stele_desk *desk, const char *command_id)
{
    assert_int_equal(stele_desk_add(desk, ticket(command_id, 1000), NULL), STELE_OK);
}

static void answer_all(stele_ticket_list *list)
{
    for (stele_ticket *each; (each = stele_ticket_list_take(list)) != NULL;)
        stele_ticket_answer(each, &(stele_result){0}, NULL);
}

/* All that is there, answered, as one text. */
static void assert_waiting(stele_desk *desk, const char *expected)
{
    char found[64] = "";
    stele_ticket_list all = stele_desk_take(desk, 100);
    for (const stele_ticket *each = all.first; each != NULL; each = each->next)
        strncat(found, each->command_id, sizeof found - strlen(found) - 1);
    answer_all(&all);
    assert_string_equal(found, expected);
}

static void a_ticket_has_copies_of_all_that_is_given(void **state)
{
    (void)state;
    char id[] = "17";
    char avro[] = "one";
    stele_ticket_datum data[] = {{NULL, stele_bytes_of(avro, 3)}, {NULL, stele_text("two")}};
    stele_call call = {.aggregate_id = stele_bytes_of(id, 2),
                       .command_id = "c",
                       .correlation_id = "corr",
                       .expected_version = 7};

    stele_ticket *made = stele_ticket_new(&call, data, 2);
    memset(id, 'x', sizeof id - 1);
    memset(avro, 'x', sizeof avro - 1);

    assert_true(stele_bytes_equal(made->aggregate_id, stele_text("17")));
    assert_string_equal(made->command_id, "c");
    assert_string_equal(made->correlation_id, "corr");
    assert_null(made->traceparent);
    assert_int_equal(made->expected_version, 7);
    assert_int_equal(made->count, 2);
    assert_true(stele_bytes_equal(made->data[0].avro, stele_text("one")));
    assert_true(stele_bytes_equal(made->data[1].avro, stele_text("two")));
    int told = 0;
    made->done = on_done;
    made->context = &told;
    stele_ticket_answer(made, &(stele_result){0}, NULL);
    assert_int_equal(told, 1);
}

static void calls_come_out_as_they_went_in(void **state)
{
    (void)state;
    stele_desk *desk = desk_of(10, 100000);
    for (const char *const *id = (const char *const[]){"a", "b", "c", "d", NULL}; *id != NULL; id++)
        add(desk, *id);

    stele_ticket_list first = stele_desk_take(desk, 3);

    assert_int_equal(first.count, 3);
    assert_string_equal(first.first->command_id, "a");
    assert_string_equal(first.last->command_id, "c");
    assert_null(first.last->next);
    answer_all(&first);
    assert_waiting(desk, "d");
    stele_desk_free(desk);
}

static void what_comes_back_is_at_the_front_in_its_order(void **state)
{
    (void)state;
    stele_desk *desk = desk_of(3, 100000);
    add(desk, "a");
    add(desk, "b");
    stele_ticket_list taken = stele_desk_take(desk, 10);
    add(desk, "c");
    add(desk, "d");
    add(desk, "e");

    stele_desk_return(desk, &taken); /* however full it is */

    assert_int_equal(taken.count, 0);
    assert_int_equal(stele_desk_count(desk), 5);
    assert_waiting(desk, "abcde");
    stele_desk_return(desk, &taken);
    assert_waiting(desk, "");
    stele_desk_free(desk);
}

static void a_full_desk_takes_no_more(void **state)
{
    (void)state;
    stele_desk *desk = desk_of(2, 100000);
    stele_error err;
    add(desk, "a");
    add(desk, "b");
    stele_ticket *third = ticket("c", 1000);

    assert_int_equal(stele_desk_add(desk, third, &err), STELE_E_FULL);

    assert_int_equal(err.next, STELE_NEXT_RETRY);
    assert_string_equal(err.text, "2 calls wait for account.events/3 already: again in a moment, "
                                  "or raise queue_max of the aggregate");
    stele_ticket_list taken = stele_desk_take(desk, 1);
    answer_all(&taken);
    assert_int_equal(stele_desk_add(desk, third, &err), STELE_OK);
    assert_waiting(desk, "bc");
    stele_desk_free(desk);
}

static void a_desk_is_full_by_bytes_too_but_one_call_always_fits(void **state)
{
    (void)state;
    stele_desk *desk = desk_of(100, 1);
    add(desk, "a");
    stele_ticket *second = ticket("b", 1000);

    assert_int_equal(stele_desk_add(desk, second, NULL), STELE_E_FULL);

    assert_waiting(desk, "a");
    assert_int_equal(stele_desk_add(desk, second, NULL), STELE_OK);
    assert_waiting(desk, "b");
    stele_desk_free(desk);
}

static void who_waits_too_long_is_taken_out(void **state)
{
    (void)state;
    stele_desk *desk = desk_of(10, 100000);
    assert_int_equal(stele_desk_add(desk, ticket("a", 500), NULL), STELE_OK);
    assert_int_equal(stele_desk_add(desk, ticket("b", 2000), NULL), STELE_OK);
    assert_int_equal(stele_desk_add(desk, ticket("c", 100), NULL), STELE_OK);
    stele_ticket_list expired = stele_desk_expired(desk);
    assert_int_equal(expired.count, 0);

    stele_manual_clock_advance(&clock_of_test, 500);
    expired = stele_desk_expired(desk);

    assert_int_equal(expired.count, 2);
    assert_string_equal(expired.first->command_id, "a");
    assert_string_equal(expired.last->command_id, "c");
    answer_all(&expired);
    expired = stele_desk_expired(desk);
    assert_int_equal(expired.count, 0);
    assert_waiting(desk, "b");
    stele_desk_free(desk);
}

typedef struct expiry {
    stele_desk_state state;
    bool is_tried;
    const char *hindrance;
    stele_status status;
    const char *text;
} expiry;

static void the_reason_says_who_serves_and_whether_it_may_be_in_the_log(void **state)
{
    (void)state;
    const expiry cases[] = {
        {STELE_DESK_ELSEWHERE, false, "", STELE_E_UNAVAILABLE, "another instance owns it"},
        {STELE_DESK_ELSEWHERE, false, "no broker", STELE_E_UNAVAILABLE, "call that one, or again"},
        {STELE_DESK_TAKING, false, "", STELE_E_UNAVAILABLE, "has not restored its states yet"},
        {STELE_DESK_TAKING, false, "no broker", STELE_E_UNAVAILABLE,
         "cannot restore its states yet: no broker"},
        {STELE_DESK_SERVING, false, "", STELE_E_UNAVAILABLE, "had no time"},
        {STELE_DESK_SERVING, false, "no broker", STELE_E_UNAVAILABLE, "and waits: no broker"},
        {STELE_DESK_ELSEWHERE, true, "", STELE_E_TIMED_OUT, "whether command a was carried out"},
    };
    stele_desk *desk = desk_of(10, 100000);
    stele_ticket *late = ticket("a", 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_error err;
        late->is_tried = cases[i].is_tried;
        stele_desk_set_state(desk, cases[i].state);

        assert_int_equal(stele_desk_fail_expired(desk, late, cases[i].hindrance, &err),
                         cases[i].status);

        assert_int_equal(stele_desk_get_state(desk), cases[i].state);
        assert_int_equal(err.next, STELE_NEXT_RETRY);
        if (strstr(err.text, cases[i].text) == NULL) fail_msg("%s", err.text);
    }
    stele_ticket_answer(late, &(stele_result){0}, NULL);
    stele_desk_free(desk);
}

static void a_desk_that_is_stopped_takes_no_call_and_says_why(void **state)
{
    (void)state;
    stele_desk *desk = desk_of(10, 100000);
    stele_error why, err;
    stele_fail(&why, STELE_E_HOLE, STELE_NEXT_STOP, "records are missing: bring them back");
    add(desk, "a");

    stele_desk_stop(desk, &why);

    stele_ticket *second = ticket("b", 1000);
    assert_int_equal(stele_desk_add(desk, second, &err), STELE_E_STOPPED);
    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_string_equal(err.text, "account.events/3 is stopped, nothing was appended: records are "
                                  "missing: bring them back");
    second->is_tried = true;
    assert_int_equal(stele_desk_fail_stopped(desk, second, &err), STELE_E_TIMED_OUT);
    assert_non_null(strstr(err.text, "whether command b was carried out is not known yet"));
    assert_waiting(desk, "a"); /* what waits is there to be answered */

    stele_desk_set_state(desk, STELE_DESK_TAKING);
    assert_int_equal(stele_desk_add(desk, second, &err), STELE_OK);
    assert_waiting(desk, "b");
    stele_desk_free(desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_has_copies_of_all_that_is_given),
        cmocka_unit_test(calls_come_out_as_they_went_in),
        cmocka_unit_test(what_comes_back_is_at_the_front_in_its_order),
        cmocka_unit_test(a_full_desk_takes_no_more),
        cmocka_unit_test(a_desk_is_full_by_bytes_too_but_one_call_always_fits),
        cmocka_unit_test(who_waits_too_long_is_taken_out),
        cmocka_unit_test(a_desk_that_is_stopped_takes_no_call_and_says_why),
        cmocka_unit_test(the_reason_says_who_serves_and_whether_it_may_be_in_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
