/* SPDX-License-Identifier: MIT
 * Tables that cannot be right are refused with the way out; what is in one is found. */
#include "aggregates/aggregate.h"

#include "account.h"
#include "tests/support/test.h"

static stele_aggregate table;

/* ---- tables with one thing wrong ---- */

static stele_status decide_nothing(const void *state, const void *command, stele_decision *decision,
                                   stele_error *err)
{
    (void)state, (void)command, (void)decision, (void)err;
    return STELE_OK;
}

static const stele_type *const no_events[] = {NULL};
static const stele_type *const two_events[] = {&test_opened_type, &test_booked_type, NULL};
static const stele_handler few_handlers[] = {{&test_opened_type, NULL}, {NULL, NULL}};
static const stele_handler doubled_handlers[] = {
    {&test_opened_type, NULL}, {&test_opened_type, NULL}, {NULL, NULL}};
static const stele_command no_function[] = {{&test_commands_do_type, NULL}, {NULL, NULL}};
static const stele_layout an_int = {.kind = STELE_KIND_INT, .size = 4, .align = 4};
static const stele_type no_record = {.name = "int", .layout = &an_int};
static const stele_command no_record_command[] = {{&no_record, decide_nothing}, {NULL, NULL}};
static const stele_layout a_record = {.kind = STELE_KIND_RECORD, .size = 1, .align = 1};
static const stele_type other_do = {.name = "other.Do", .layout = &a_record};
static const stele_command one_name[] = {
    {&test_commands_do_type, decide_nothing}, {&other_do, decide_nothing}, {NULL, NULL}};

static void set_name(stele_aggregate *of)
{
    of->name = "bank/account";
}

static void set_no_name(stele_aggregate *of)
{
    of->name = NULL;
}

static void set_own_name(stele_aggregate *of)
{
    of->name = "_stele";
}

static void set_version(stele_aggregate *of)
{
    of->version = 0;
}

static void set_state(stele_aggregate *of)
{
    of->state = &no_record;
}

static void set_no_state(stele_aggregate *of)
{
    of->state = NULL;
}

static void set_no_events(stele_aggregate *of)
{
    of->events = no_events;
}

static void set_few_events(stele_aggregate *of)
{
    of->events = two_events;
}

static void set_few_handlers(stele_aggregate *of)
{
    of->handlers = few_handlers;
}

static void set_doubled_handlers(stele_aggregate *of)
{
    of->handlers = doubled_handlers;
}

static void set_no_function(stele_aggregate *of)
{
    of->commands = no_function;
}

static void set_no_record_command(stele_aggregate *of)
{
    of->commands = no_record_command;
}

static void set_one_name(stele_aggregate *of)
{
    of->commands = one_name;
}

static void set_remembered(stele_aggregate *of)
{
    of->remembered = 1001;
}

static void set_remembered_ms(stele_aggregate *of)
{
    of->remembered_ms = -1;
}

static int64_t never_due(const void *state, const void *context)
{
    (void)state, (void)context;
    return 0;
}

static void set_due(stele_aggregate *of)
{
    of->due = never_due;
}

static void set_on_due(stele_aggregate *of)
{
    of->on_due = decide_nothing;
}

static void set_timer_of_facts(stele_aggregate *of)
{
    *of = (stele_aggregate){.name = "customer", .due = never_due, .on_due = decide_nothing};
}

static void a_table_that_cannot_be_right_is_refused_with_the_way_out(void **state)
{
    (void)state;
    static const struct {
        void (*set)(stele_aggregate *of);
        stele_status status;
        const char *text;
    } cases[] = {
        {set_name, STELE_E_INVALID, "\"bank/account\" is no name of an aggregate: it is 1 to 200"},
        {set_no_name, STELE_E_INVALID, "null is no name of an aggregate"},
        {set_own_name, STELE_E_INVALID, "\"_stele\" is no name of an aggregate"},
        {set_version, STELE_E_INVALID, "aggregate account: its version is 0"},
        {set_state, STELE_E_INVALID, "aggregate account: its state is a record, and int is none"},
        {set_no_state, STELE_E_INVALID, "aggregate account: it has commands and no state: give it"},
        {set_no_events, STELE_E_INVALID, "so it needs events and a handler for each"},
        {set_few_events, STELE_E_INVALID, "a handler for test.Closed, which is not among its"},
        {set_few_handlers, STELE_E_INVALID, "no handler for its event test.Booked: give it one"},
        {set_doubled_handlers, STELE_E_INVALID, "two handlers for test.Opened"},
        {set_no_function, STELE_E_INVALID, "its command test.commands.Do has no decide function"},
        {set_no_record_command, STELE_E_INVALID, "a command is a record, and int is none"},
        {set_one_name, STELE_E_INVALID,
         "two commands are called Do (test.commands.Do and other.Do)"},
        {set_remembered, STELE_E_LIMIT, "remembered is 1001; it is 0 (64 commands) or 1 to 1000"},
        {set_remembered_ms, STELE_E_INVALID, "remembered_ms is negative"},
        {set_due, STELE_E_INVALID, "it has due and no on_due; a timer needs both"},
        {set_on_due, STELE_E_INVALID, "it has on_due and no due; a timer needs both"},
        {set_timer_of_facts, STELE_E_INVALID, "aggregate customer: it has a timer and no state"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_error err;
        stele_aggregate wrong = table;
        cases[i].set(&wrong);

        assert_int_equal(stele_aggregate_check(&wrong, &err), cases[i].status);

        if (strstr(err.text, cases[i].text) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i].text);
        assert_int_equal(err.next, STELE_NEXT_STOP);
    }
}

static void a_table_of_facts_needs_a_name_only(void **state)
{
    (void)state;
    stele_error err;
    stele_aggregate facts = {.name = "customer"};

    assert_int_equal(stele_aggregate_check(&facts, &err), STELE_OK);
    assert_false(stele_aggregate_decides(&facts));
    assert_int_equal(stele_aggregate_check(&table, &err), STELE_OK);
    assert_true(stele_aggregate_decides(&table));

    facts.version = 2;
    assert_int_equal(stele_aggregate_check(&facts, &err), STELE_E_INVALID);
    assert_non_null(strstr(err.text, "it has a version and no state"));
}

static void a_wrong_upcaster_is_found_with_the_table(void **state)
{
    (void)state;
    stele_error err;
    const stele_upcaster upcasters[] = {{.from = &test_opened_type, .to = &test_booked_type}, {0}};
    stele_aggregate wrong = table;
    wrong.upcasters = upcasters;

    assert_int_equal(stele_aggregate_check(&wrong, &err), STELE_E_INVALID);

    assert_non_null(
        strstr(err.text, "aggregate account: test.Opened is a current type and has an"));
}

static void events_and_commands_are_found_by_type(void **state)
{
    (void)state;
    size_t index = 99;

    assert_true(stele_aggregate_find_event(&table, &test_booked_type, &index));
    assert_int_equal(index, BOOKED);
    assert_false(stele_aggregate_find_event(&table, &test_account_type, &index));
    assert_true(stele_aggregate_find_command(&table, &test_commands_do_type, &index));
    assert_int_equal(index, DO);
    assert_false(stele_aggregate_find_command(&table, &test_booked_type, &index));
}

static void a_command_is_found_by_either_name(void **state)
{
    (void)state;
    size_t index = 99;
    stele_error err;

    assert_int_equal(stele_aggregate_name_command(&table, stele_text("Do"), &index, &err),
                     STELE_OK);
    assert_int_equal(index, DO);
    assert_int_equal(
        stele_aggregate_name_command(&table, stele_text("test.commands.Book"), &index, &err),
        STELE_OK);
    assert_int_equal(index, BOOK);

    assert_int_equal(stele_aggregate_name_command(&table, stele_text("Bok"), &index, &err),
                     STELE_E_NOT_FOUND);
    assert_string_equal(err.text, "aggregate account has no command \"Bok\"; did you mean Book?");
    assert_int_equal(err.next, STELE_NEXT_REJECT);
    assert_int_equal(stele_aggregate_name_command(&table, stele_text("Withdraw"), &index, &err),
                     STELE_E_NOT_FOUND);
    assert_string_equal(err.text,
                        "aggregate account has no command \"Withdraw\"; it has: Book, Do");
    assert_int_equal(index, BOOK);
}

static void the_writers_projection_is_the_fold_of_the_table(void **state)
{
    (void)state;
    stele_projection *projection = stele_writer_projection_new(&table);

    assert_string_equal(projection->name, "account.writer");
    assert_int_equal(projection->version, 1);
    assert_ptr_equal(projection->source, &table);
    assert_ptr_equal(projection->state, table.state);
    assert_ptr_equal(projection->handlers, table.handlers);
    assert_ptr_equal(projection->init, table.init);
    stele_writer_projection_free(projection);
}

int main(void)
{
    table = account_table(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_that_cannot_be_right_is_refused_with_the_way_out),
        cmocka_unit_test(a_table_of_facts_needs_a_name_only),
        cmocka_unit_test(a_wrong_upcaster_is_found_with_the_table),
        cmocka_unit_test(events_and_commands_are_found_by_type),
        cmocka_unit_test(a_command_is_found_by_either_name),
        cmocka_unit_test(the_writers_projection_is_the_fold_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
