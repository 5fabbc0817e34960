/* SPDX-License-Identifier: MIT
 * Decisions: what comes out of a decide function, right or wrong, and what its events make of a
 * state. */
#include "aggregates/decision.h"

#include <stele/codec.h>

#include "account.h"
#include "consumer/event.h"
#include "core/alloc.h"
#include "schemas/scopes.h"
#include "tests/support/test.h"

typedef struct desk {
    account_context context;
    stele_aggregate table;
    stele_decider *decider;
    stele_decided outcome;
    stele_error err;
} desk;

static desk *open_desk(void)
{
    desk *own = stele_alloc(sizeof *own);
    own->table = account_table(&own->context);
    assert_int_equal(stele_decider_new(&own->table, &own->decider, &own->err), STELE_OK);
    return own;
}

static void close_desk(desk *own)
{
    stele_decider_free(own->decider);
    free(own);
}

static stele_status decide(desk *own, size_t command, const void *data, const void *state)
{
    memset(&own->outcome, 0xee, sizeof own->outcome);
    stele_to_decide what = {.index = command,
                            .command = data,
                            .state = state,
                            .aggregate_id = stele_text("a1"),
                            .version = 3,
                            .time_ms = 1700000000000,
                            .command_id = "c1"};
    return stele_decider_decide(own->decider, &what, &own->outcome, &own->err);
}

static stele_status book(desk *own, int64_t cents, int32_t times, const void *state)
{
    return decide(own, BOOK, &(test_commands_book){.cents = cents, .times = times}, state);
}

static stele_status do_it(desk *own, const char *what)
{
    return decide(own, DO, &(test_commands_do){.what = stele_text(what)}, NULL);
}

static void accepted_events_are_avro_in_order(void **state)
{
    (void)state;
    desk *own = open_desk();

    assert_int_equal(book(own, 5, 3, NULL), STELE_OK);

    assert_int_equal(own->outcome.count, 3);
    assert_string_equal(own->outcome.code, "");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(own->outcome.events[i].index, BOOKED);
        assert_true(stele_bytes_equal(own->outcome.events[i].data, stele_bytes_of("\x0a\0", 2)));
    }
    close_desk(own);
}

static void the_function_is_told_what_is_known(void **state)
{
    (void)state;
    desk *own = open_desk();

    book(own, 5, 1, NULL);

    const stele_decision *told = &own->context.last;
    assert_true(stele_bytes_equal(told->aggregate_id, stele_text("a1")));
    assert_int_equal(told->version, 3);
    assert_int_equal(told->time_ms, 1700000000000);
    assert_string_equal(told->command_id, "c1");
    assert_ptr_equal(told->context, &own->context);
    close_desk(own);
}

static void without_a_state_it_decides_on_a_new_one(void **state)
{
    (void)state;
    desk *own = stele_alloc(sizeof *own);
    own->context.init_cents = 10;
    own->table = account_table(&own->context);
    assert_int_equal(stele_decider_new(&own->table, &own->decider, &own->err), STELE_OK);

    assert_int_equal(book(own, -10, 1, NULL), STELE_OK);
    assert_int_equal(book(own, -11, 1, NULL), STELE_E_REJECTED);
    assert_int_equal(book(own, -11, 1, &(test_account){.cents = 11}), STELE_OK);
    assert_int_equal(((const test_account *)stele_decider_blank(own->decider))->cents, 10);
    close_desk(own);
}

static void a_rejection_has_code_and_reason_and_no_events(void **state)
{
    (void)state;
    desk *own = open_desk();

    assert_int_equal(book(own, -5, 1, &(test_account){.cents = 3}), STELE_E_REJECTED);

    assert_string_equal(own->outcome.code, "insufficient_funds");
    assert_string_equal(own->err.text, "Insufficient funds: 3 cents");
    assert_int_equal(own->err.next, STELE_NEXT_REJECT);
    assert_int_equal(own->outcome.count, 0);

    assert_int_equal(do_it(own, "yield and reject"), STELE_E_REJECTED);
    assert_string_equal(own->outcome.code, "no.longer-so_2");
    assert_int_equal(own->outcome.count, 0);
    close_desk(own);
}

static void neither_events_nor_a_rejection_is_accepted(void **state)
{
    (void)state;
    desk *own = open_desk();

    assert_int_equal(do_it(own, "nothing"), STELE_OK);
    assert_int_equal(own->outcome.count, 0);

    assert_int_equal(do_it(own, "close"), STELE_OK); /* an event without bytes */
    assert_int_equal(own->outcome.count, 1);
    assert_non_null(own->outcome.events[0].data.data);
    assert_int_equal(own->outcome.events[0].data.size, 0);
    close_desk(own);
}

static void what_a_function_does_wrong_fails_the_command(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        stele_status status;
        const char *text;
    } cases[] = {
        {"fail", STELE_E_INVALID, "account cannot decide on test.commands.Do: no such currency"},
        {"wait", STELE_E_INTERNAL, "account cannot decide on test.commands.Do: the rates are away"},
        {"bare failure", STELE_E_LIMIT, "cannot decide on test.commands.Do: no reason given"},
        {"bare code", STELE_E_INTERNAL, "returned STELE_E_REJECTED without stele_reject"},
        {"finish", STELE_E_INTERNAL, "returned what means nothing"},
        {"strange", STELE_E_INVALID, "aggregate account has no event test.Strange: list it"},
        {"bad code", STELE_E_INTERNAL, "stele_reject: \"Insufficient funds\" is no code"},
        {"not UTF-8", STELE_E_INVALID, "the event test.Opened: owner: "},
        {"go on after a rejection", STELE_E_INTERNAL, "went on after stele_reject"},
        {"go on after a bad event", STELE_E_INVALID, "has no event without a type"},
    };
    desk *own = open_desk();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(do_it(own, cases[i].what), cases[i].status);

        if (strstr(own->err.text, cases[i].text) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", own->err.text, cases[i].text);
        assert_int_equal(own->err.next, STELE_NEXT_REJECT);
        assert_int_equal(own->outcome.count, 0);
        assert_string_equal(own->outcome.code, "");
        assert_int_equal(book(own, 1, 1, NULL), STELE_OK); /* and it is forgotten */
    }
    close_desk(own);
}

static void too_many_and_too_large_events_fail_the_command(void **state)
{
    (void)state;
    desk *own = open_desk();
    assert_int_equal(book(own, 1, STELE_DECIDED_MAX, NULL), STELE_OK);
    assert_int_equal(own->outcome.count, STELE_DECIDED_MAX);

    assert_int_equal(book(own, 1, STELE_DECIDED_MAX + 1, NULL), STELE_E_LIMIT);
    assert_non_null(strstr(own->err.text, "more than 1000 events of one decision"));

    STELE_AUTO(char) memo = stele_alloc(STELE_DECIDED_EVENT_MAX + 1);
    memset(memo, 'm', STELE_DECIDED_EVENT_MAX);
    stele_bytes memos[] = {stele_text(memo)};
    test_commands_book large = {.cents = 1, .times = 1, .memos = {.count = 1, .items = memos}};
    assert_int_equal(decide(own, BOOK, &large, NULL), STELE_E_LIMIT);
    assert_non_null(strstr(own->err.text, "a record of this topic takes 1044480"));

    memos[0].size = 1000 * 1000;
    large.times = 8;
    assert_int_equal(decide(own, BOOK, &large, NULL), STELE_OK);
    large.times = 9;
    assert_int_equal(decide(own, BOOK, &large, NULL), STELE_E_LIMIT);
    assert_non_null(strstr(own->err.text, "the limit is 8388608"));
    close_desk(own);
}

static void a_command_is_read_from_its_bytes(void **state)
{
    (void)state;
    desk *own = open_desk();
    const void *command = NULL;
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    stele_bytes memos[] = {stele_text("rent")};
    test_commands_book sent = {.cents = 7, .times = 1, .memos = {.count = 1, .items = memos}};
    assert_int_equal(stele_encode(&test_commands_book_type, &sent, &bytes, NULL), STELE_OK);

    assert_int_equal(stele_decider_read_command(own->decider, BOOK, stele_buffer_view(&bytes),
                                                &command, &own->err),
                     STELE_OK);
    assert_true(stele_value_equal(&test_commands_book_type, command, &sent));
    assert_int_equal(decide(own, BOOK, command, NULL), STELE_OK);

    bytes.size--;
    assert_int_equal(stele_decider_read_command(own->decider, BOOK, stele_buffer_view(&bytes),
                                                &command, &own->err),
                     STELE_E_INVALID);
    assert_non_null(strstr(own->err.text, "the command test.commands.Book: memos"));
    assert_int_equal(own->err.next, STELE_NEXT_REJECT);
    close_desk(own);
}

static void events_without_a_function_are_checked_alike(void **state)
{
    (void)state;
    desk *own = open_desk();
    stele_new_event events[] = {
        {&test_opened_type, &(test_opened){.owner = stele_text("Ann")}},
        {&test_booked_type, &(test_booked){.cents = 5}},
    };

    assert_int_equal(stele_decider_take(own->decider, events, 2, 0, &own->outcome, &own->err),
                     STELE_OK);
    assert_int_equal(own->outcome.count, 2);
    assert_int_equal(own->outcome.events[0].index, OPENED);
    assert_true(stele_bytes_equal(own->outcome.events[0].data, stele_text("\x06"
                                                                          "Ann")));
    assert_int_equal(stele_decider_take(own->decider, events, 2, 3, &own->outcome, &own->err),
                     STELE_E_LIMIT);
    events[1].type = &test_account_type;
    assert_int_equal(stele_decider_take(own->decider, events, 2, 0, &own->outcome, &own->err),
                     STELE_E_INVALID);
    assert_int_equal(own->outcome.count, 0);
    close_desk(own);
}

/* ---- applying ---- */

static const stele_header headers[] = {{"ce_id", {(const uint8_t *)"e1", 2}},
                                       {"ce_causationid", {(const uint8_t *)"c0", 2}},
                                       {"ce_causationid", {(const uint8_t *)"c1", 2}}};

static stele_status apply(desk *own, size_t at, test_account *account)
{
    static const stele_event_record record = {.headers = headers, .header_count = 3};
    stele_event about = {.aggregate_id = stele_text("a1"),
                         .version = 4,
                         .time_ms = 1700000000000,
                         .topic = "account.events",
                         .partition = 2,
                         .offset = -1,
                         .source = &record};
    return stele_decider_apply(own->decider, &own->outcome.events[at], &about, account, &own->err);
}

static void a_decided_event_is_applied_as_a_replay_will(void **state)
{
    (void)state;
    desk *own = open_desk();
    test_account account = {0};
    book(own, 5, 2, NULL);

    assert_int_equal(apply(own, 0, &account), STELE_OK);
    assert_int_equal(apply(own, 1, &account), STELE_OK);

    assert_int_equal(account.cents, 10);
    assert_int_equal(account.bookings.count, 2);
    const stele_event *seen = &own->context.applied;
    assert_ptr_equal(seen->type, &test_booked_type);
    assert_ptr_equal(seen->context, &own->context);
    assert_int_equal(seen->version, 4);
    assert_int_equal(seen->offset, -1);
    assert_true(stele_bytes_equal(stele_event_id(seen), stele_text("e1")));
    assert_true(stele_bytes_equal(stele_event_causation_id(seen), stele_text("c1")));
    assert_null(stele_event_traceparent(seen).data);
    stele_header all[4];
    assert_int_equal(stele_event_headers(seen, all, 4), 3);
    assert_string_equal(all[2].name, "ce_causationid");
    stele_value_clear(&test_account_type, &account);
    close_desk(own);
}

static void an_event_that_its_own_handler_refuses_is_found_before_it_is_appended(void **state)
{
    (void)state;
    desk *own = open_desk();
    test_account account = {0};
    book(own, 13, 1, NULL);

    assert_int_equal(apply(own, 0, &account), STELE_E_INTERNAL);

    assert_string_equal(own->err.text, "account refuses its own event test.Booked, so it is not "
                                       "appended: thirteen brings bad luck");
    assert_int_equal(own->err.next, STELE_NEXT_REJECT);
    close_desk(own);
}

static void the_end_of_a_life_is_told(void **state)
{
    (void)state;
    desk *own = open_desk();
    test_account account = {0};
    do_it(own, "close");

    assert_int_equal(apply(own, 0, &account), STELE_FINISHED);
    close_desk(own);
}

static void types_without_generated_code_will_do(void **state)
{
    (void)state;
    desk *own = stele_alloc(sizeof *own);
    STELE_AUTO(stele_schema) schema = NULL;
    stele_type *booked = NULL;
    assert_int_equal(stele_schema_parse(stele_text(test_booked_type.schema), NULL, &schema, NULL),
                     STELE_OK);
    assert_int_equal(stele_type_new(schema, &booked, NULL), STELE_OK);
    own->table = account_table(&own->context);
    const stele_type *events[] = {booked, NULL};
    const stele_handler handlers[] = {{booked, own->table.handlers[BOOKED].apply}, {NULL, NULL}};
    own->table.events = events;
    own->table.handlers = handlers;
    assert_int_equal(stele_decider_new(&own->table, &own->decider, &own->err), STELE_OK);
    test_account account = {0};

    stele_new_event event = {booked, &(test_booked){.cents = 9}};
    assert_int_equal(stele_decider_take(own->decider, &event, 1, 0, &own->outcome, &own->err),
                     STELE_OK);
    assert_int_equal(apply(own, 0, &account), STELE_OK);

    assert_int_equal(account.cents, 9);
    stele_value_clear(&test_account_type, &account);
    close_desk(own);
    stele_type_free(booked);
}

static void facts_have_no_decider(void **state)
{
    (void)state;
    stele_error err;
    stele_decider *decider = NULL;
    const stele_aggregate facts = {.name = "customer"};

    assert_int_equal(stele_decider_new(&facts, &decider, &err), STELE_E_INVALID);
    assert_non_null(strstr(err.text, "aggregate customer has no state, so its events are facts"));
    assert_null(decider);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_events_are_avro_in_order),
        cmocka_unit_test(the_function_is_told_what_is_known),
        cmocka_unit_test(without_a_state_it_decides_on_a_new_one),
        cmocka_unit_test(a_rejection_has_code_and_reason_and_no_events),
        cmocka_unit_test(neither_events_nor_a_rejection_is_accepted),
        cmocka_unit_test(what_a_function_does_wrong_fails_the_command),
        cmocka_unit_test(too_many_and_too_large_events_fail_the_command),
        cmocka_unit_test(a_command_is_read_from_its_bytes),
        cmocka_unit_test(events_without_a_function_are_checked_alike),
        cmocka_unit_test(a_decided_event_is_applied_as_a_replay_will),
        cmocka_unit_test(an_event_that_its_own_handler_refuses_is_found_before_it_is_appended),
        cmocka_unit_test(the_end_of_a_life_is_told),
        cmocka_unit_test(types_without_generated_code_will_do),
        cmocka_unit_test(facts_have_no_decider),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
