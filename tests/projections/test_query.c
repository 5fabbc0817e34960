/* SPDX-License-Identifier: MIT
 * States read without a worker: those of the log, however much of it snapshots stand for. */
#include "bank.h"

#include <inttypes.h>

#include "projections/query.h"

/* What a query handed out, as lines sorted by nothing: one aggregate in most tests. */
static stele_status add_line(void *context, const stele_query_state *found, stele_error *err)
{
    (void)err;
    stele_buffer *lines = context;
    const test_account *account = found->state;
    stele_buffer_format(lines, "%.*s v%" PRId64 " o%" PRId64, (int)found->id.size,
                        (const char *)found->id.data, found->version, found->offset);
    if (account == NULL)
        stele_buffer_format(lines, " finished\n");
    else
        stele_buffer_format(lines, " %" PRId64 "\n", account->balance);
    return STELE_OK;
}

static stele_status ask(bank *of, stele_query_options options, stele_buffer *lines,
                        stele_error *err)
{
    options.projection = &bank_balances;
    options.log = of->log;
    options.registry = of->registry;
    options.deadline = stele_deadline_after(stele_clock_system(), 20000);
    options.each = add_line;
    options.context = lines;
    stele_buffer_reset(lines);
    return stele_query(&options, err);
}

static void assert_answer(bank *of, stele_query_options options, const char *expected)
{
    stele_buffer lines = {0};
    stele_error err;
    if (ask(of, options, &lines, &err) < 0) fail_msg("%s", err.text);
    assert_string_equal(stele_buffer_text(&lines), expected);
    stele_buffer_clear(&lines);
}

static void assert_refused(bank *of, stele_query_options options, stele_status status,
                           const char *text)
{
    stele_buffer lines = {0};
    stele_error err = {0};
    assert_int_equal(ask(of, options, &lines, &err), status);
    if (strstr(err.text, text) == NULL) fail_msg("\"%s\" is not in \"%s\"", text, err.text);
    stele_buffer_clear(&lines);
}

#define ID(text) ((stele_query_options){.id = stele_text(text)})

static void a_state_is_the_same_with_and_without_snapshots(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    bank_deposit(of, 0, "b", 1, "x");
    bank_deposit(of, 0, "a", 6, "x");
    assert_answer(of, ID("a"), "a v2 o3 11\n");

    bank_run(of, (teller_options){0});
    assert_answer(of, ID("a"), "a v2 o3 11\n");

    bank_deposit(of, 0, "a", 7, "x");
    assert_answer(of, ID("a"), "a v3 o4 18\n");
    bank_free(of);
}

static void all_states_are_handed_out(void **state)
{
    (void)state;
    bank *of = bank_new(2);
    bank_deposit(of, 0, "a", 5, "x");
    bank_run(of, (teller_options){0});
    bank_deposit(of, 1, "d", 1, "x");
    assert_answer(of, (stele_query_options){0}, "a v1 o1 5\nd v1 o1 1\n");
    bank_free(of);
}

static void a_state_of_old_is_replayed(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    for (int i = 1; i <= 20; i++) {
        bank_deposit(of, 0, "a", i, "x");
        bank_deposit(of, 0, "b", 1, "x");
    }
    bank_run(of, (teller_options){0});
    assert_answer(of, (stele_query_options){.id = stele_text("a"), .at_version = 3}, "a v3 o5 6\n");
    assert_answer(of, (stele_query_options){.id = stele_text("a"), .at_version = 99},
                  "a v20 o39 210\n");
    bank_free(of);
}

static void a_finished_aggregate_has_no_state(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    bank_close(of, 0, "a");
    assert_answer(of, ID("a"), "a v2 o2 finished\n");
    bank_run(of, (teller_options){0});
    assert_answer(of, ID("a"), "a v2 o2 finished\n");
    bank_free(of);
}

static void an_aggregate_without_events_is_not_found(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    assert_refused(of, ID("b"), STELE_E_NOT_FOUND, "account.events has no event of \"b\"");
    bank_free(of);
}

static void snapshots_that_are_missing_are_noticed_for_one_and_for_all(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    for (int i = 0; i < 12; i++)
        bank_deposit(of, 0, i % 2 == 0 ? "a" : "b", 1, "x");
    bank_run(of, (teller_options){0});
    stele_partition snapshots = {BANK_SNAPSHOTS, 0};
    int64_t start;
    int64_t end;
    assert_int_equal(
        stele_log_bounds(of->log, snapshots, STELE_READ_UNCOMMITTED, 5000, &start, &end, NULL),
        STELE_OK);
    assert_int_equal(stele_log_memory_delete_records(of->log, snapshots, end - 2, NULL), STELE_OK);

    assert_refused(of, ID("a"), STELE_E_INVALID, "has a checkpoint of 2 aggregates and holds ");
    assert_refused(of, (stele_query_options){0}, STELE_E_INVALID, "snapshots are missing");
    bank_free(of);
}

static void a_cycle_under_way_is_no_contradiction(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    for (int i = 0; i < 30; i++) {
        char id[8];
        snprintf(id, sizeof id, "a%02d", i);
        bank_deposit(of, 0, id, i, "x");
    }
    teller worker =
        teller_open(of, (teller_options){.snapshot_events = 30, .transaction_snapshots = 4});
    teller_catch_up(&worker);
    bank_close(of, 0, "a07");
    for (int i = 0; i < 30; i++) {
        teller_turn(&worker);
        assert_answer(of, ID("a03"), "a03 v1 o4 3\n");
        assert_answer(of, ID("a07"), "a07 v2 o31 finished\n");
    }
    teller_close(&worker);
    bank_free(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_is_the_same_with_and_without_snapshots),
        cmocka_unit_test(all_states_are_handed_out),
        cmocka_unit_test(a_state_of_old_is_replayed),
        cmocka_unit_test(a_finished_aggregate_has_no_state),
        cmocka_unit_test(an_aggregate_without_events_is_not_found),
        cmocka_unit_test(snapshots_that_are_missing_are_noticed_for_one_and_for_all),
        cmocka_unit_test(a_cycle_under_way_is_no_contradiction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
