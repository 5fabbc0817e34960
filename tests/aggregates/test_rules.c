/* SPDX-License-Identifier: MIT
 * Tables of reactions that cannot be right, and what comes of one event. */
#include "aggregates/rules.h"

#include "account.h"
#include "consumer/event.h"
#include "tests/support/test.h"

static stele_aggregate account;
static stele_aggregate other;

/* What a rule does is said by the owner's name in the event. */
static stele_status react(const void *data, stele_reaction *reaction, stele_error *err)
{
    stele_bytes what = ((const test_opened *)data)->owner;
    const test_commands_book book = {.cents = 5, .times = 1};
    if (stele_bytes_equal(what, stele_text("nothing"))) return STELE_OK;
    if (stele_bytes_equal(what, stele_text("fail")))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_RETRY, "no such currency");
    if (stele_bytes_equal(what, stele_text("elsewhere")))
        return stele_react_send(reaction, &other, stele_text("b"), &test_commands_book_type, &book,
                                err);
    if (stele_bytes_equal(what, stele_text("event")))
        return stele_react_send(reaction, &account, stele_text("b"), &test_opened_type, data, err);
    if (stele_bytes_equal(what, stele_text("id"))) {
        stele_react_send(reaction, &account, stele_text("stele:b"), &test_commands_book_type, &book,
                         err);
        return STELE_OK;
    }
    stele_status status = stele_react_send(reaction, &account, reaction->correlation_id,
                                           &test_commands_book_type, &book, err);
    if (status < 0) return status;
    return stele_react_send(reaction, &account, stele_text("c"), &test_commands_do_type,
                            &(test_commands_do){.what = what}, err);
}

static const stele_rule rules_of_opened[] = {{&test_opened_type, react}, {NULL, NULL}};
static const stele_aggregate *const one[] = {&account, NULL};
static const stele_aggregate *const two[] = {&account, &account, NULL};
static const stele_aggregate *const without_commands[] = {&other, NULL};

static stele_reactions table(void)
{
    return (stele_reactions){
        .name = "welcome", .sources = one, .targets = one, .rules = rules_of_opened};
}

static void expect_refusal(const stele_reactions *wrong, const char *text)
{
    stele_error err;
    assert_int_equal(stele_reactions_check(wrong, &err), STELE_E_INVALID);
    if (strstr(err.text, text) == NULL) fail_msg("\"%s\" does not say \"%s\"", err.text, text);
    assert_int_equal(err.next, STELE_NEXT_STOP);
}

static void a_table_that_cannot_be_right_is_refused_with_the_way_out(void **state)
{
    (void)state;
    static const stele_rule none[] = {{NULL, NULL}};
    static const stele_rule empty[] = {{&test_opened_type, NULL}, {NULL, NULL}};
    static const stele_rule twice[] = {
        {&test_opened_type, react}, {&test_opened_type, react}, {NULL, NULL}};
    static const stele_rule foreign[] = {{&test_commands_do_type, react}, {NULL, NULL}};
    stele_reactions wrong = table();
    assert_int_equal(stele_reactions_check(&wrong, NULL), STELE_OK);
    wrong.name = "a.b";
    expect_refusal(&wrong, "\"a.b\" is no name of reactions");
    wrong = table();
    wrong.targets = NULL;
    expect_refusal(&wrong, "reactions welcome: sources, targets and rules are all needed");
    wrong = table();
    wrong.rules = none;
    expect_refusal(&wrong, "are all needed");
    wrong.rules = empty;
    expect_refusal(&wrong, "the rule for test.Opened has no function");
    wrong.rules = twice;
    expect_refusal(&wrong, "two rules for test.Opened");
    wrong.rules = foreign;
    expect_refusal(&wrong, "a rule for test.commands.Do, which is an event of none of its sources");
    wrong = table();
    wrong.sources = two;
    expect_refusal(&wrong, "the source account is listed twice");
    wrong = table();
    wrong.targets = without_commands;
    expect_refusal(&wrong, "the target other takes no commands");
}

static stele_status run(stele_rules *rules, const char *what, const stele_sending **out,
                        size_t *count, stele_error *err)
{
    static const stele_event_record record = {0};
    const test_opened opened = {.owner = stele_text(what)};
    const stele_event event = {.type = &test_opened_type,
                               .data = &opened,
                               .aggregate_id = stele_text("a"),
                               .source = &record};
    return stele_rules_react(rules, stele_rules_find(rules, &test_opened_type), &event, out, count,
                             err);
}

static void a_rule_sends_commands_in_their_order(void **state)
{
    (void)state;
    stele_error err;
    const stele_sending *sent;
    size_t count;
    stele_rules *made;
    const stele_reactions of = table();
    assert_int_equal(stele_rules_new(&of, &made, &err), STELE_OK);
    STELE_AUTO(stele_rules) rules = made;

    assert_int_equal(run(rules, "welcome", &sent, &count, &err), STELE_OK);

    assert_int_equal(count, 2);
    assert_true(stele_bytes_equal(sent[0].id, stele_text("a"))); /* no correlation but its own id */
    assert_int_equal(sent[0].command, BOOK);
    assert_true(stele_bytes_equal(sent[1].id, stele_text("c")));
    assert_int_equal(sent[1].command, DO);
    assert_int_equal(sent[1].data.size, 8);
    assert_int_equal(run(rules, "nothing", &sent, &count, &err), STELE_OK);
    assert_int_equal(count, 0);
    assert_null(stele_rules_find(rules, &test_booked_type));
}

static void a_rule_that_fails_stops_and_says_which(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"fail", "reactions welcome, rule for test.Opened: no such currency"},
        {"elsewhere", "other is none of the targets: list it there"},
        {"event", "account has no command test.Opened"},
        {"id", "aggregate id \"stele:b\": the beginning stele: is reserved"}};
    stele_error err;
    const stele_sending *sent;
    size_t count;
    stele_rules *made;
    const stele_reactions of = table();
    assert_int_equal(stele_rules_new(&of, &made, &err), STELE_OK);
    STELE_AUTO(stele_rules) rules = made;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(run(rules, cases[i][0], &sent, &count, &err) < 0);
        if (strstr(err.text, cases[i][1]) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i][1]);
        assert_int_equal(err.next, STELE_NEXT_STOP);
    }
}

int main(void)
{
    account = account_table(NULL);
    other = account_table(NULL);
    other.name = "other";
    other.commands = NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_that_cannot_be_right_is_refused_with_the_way_out),
        cmocka_unit_test(a_rule_sends_commands_in_their_order),
        cmocka_unit_test(a_rule_that_fails_stops_and_says_which),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
