/* SPDX-License-Identifier: MIT
 * stele_simulate: a fold that depends on its arguments alone passes with every seed, one that
 * depends on more is found. */
#include <stele/stele_test.h>

#include "account.h"
#include "closed.h"
#include "deposited.h"
#include "tests/support/test.h"

enum { EVENTS = 40 };

static stele_status add(void *state, const void *data, const stele_event *event, stele_error *err)
{
    (void)event, (void)err;
    ((test_account *)state)->balance += ((const test_deposited *)data)->amount;
    return STELE_OK;
}

static int64_t applied;

/* It counts in a variable that is no state, and a restart does not bring back. */
static stele_status add_and_count(void *state, const void *data, const stele_event *event,
                                  stele_error *err)
{
    add(state, data, event, err);
    ((test_account *)state)->balance += ++applied;
    return STELE_OK;
}

static stele_status refuse_the_last(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    if (((const test_deposited *)data)->amount == EVENTS)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "too much");
    return add(state, data, event, err);
}

static stele_status close_account(void *state, const void *data, const stele_event *event,
                                  stele_error *err)
{
    (void)state, (void)data, (void)event, (void)err;
    return STELE_FINISHED;
}

static const stele_aggregate account = {
    .name = "account",
    .events = (const stele_type *const[]){&test_deposited_type, &test_closed_type, NULL}};

static int simulate(stele_apply *apply, uint64_t seed)
{
    const stele_handler handlers[] = {
        {&test_deposited_type, apply}, {&test_closed_type, close_account}, {NULL, NULL}};
    const stele_projection accounts = {.name = "accounts",
                                       .version = 1,
                                       .source = &account,
                                       .state = &test_account_type,
                                       .handlers = handlers};
    const stele_projection *const projections[] = {&accounts, NULL};
    const stele_app app = {.name = "bank", .projections = projections};
    static const char *const ids[] = {"a", "b", "c", "d", "e"};
    static const test_closed closed;
    test_deposited deposits[EVENTS];
    stele_simulated_event events[EVENTS + 2] = {{0}};
    for (int i = 0; i < EVENTS; i++) {
        deposits[i] = (test_deposited){.amount = i + 1, .memo = stele_text("memo")};
        events[i] = (stele_simulated_event){ids[i % 5], &test_deposited_type, &deposits[i]};
    }
    events[EVENTS] = (stele_simulated_event){"c", &test_closed_type, &closed};
    return stele_simulate(&app, events, seed);
}

static void a_fold_of_its_arguments_passes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++)
        assert_int_equal(simulate(add, seed), 0);
}

static void a_fold_that_depends_on_more_is_found(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        assert_int_equal(simulate(add_and_count, seed), 1);
}

static void an_event_that_is_refused_is_a_failure(void **state)
{
    (void)state;
    assert_int_equal(simulate(refuse_the_last, 1), 1);
}

static void an_app_without_projections_is_refused(void **state)
{
    (void)state;
    const stele_app app = {.name = "bank"};
    const stele_simulated_event none[] = {{0}};
    assert_int_equal(stele_simulate(&app, none, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fold_of_its_arguments_passes),
        cmocka_unit_test(a_fold_that_depends_on_more_is_found),
        cmocka_unit_test(an_event_that_is_refused_is_a_failure),
        cmocka_unit_test(an_app_without_projections_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
