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

#define ID(text)            ((stele_query_options){.id = stele_text(text)})
#define AT_VERSION(text, n) ((stele_query_options){.id = stele_text(text), .at_version = (n)})
#define AT_TIME(text, moment)                                                                      \
    ((stele_query_options){.id = stele_text(text), .at_time_ms = (moment)})

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
    assert_answer(of, AT_VERSION("a", 3), "a v3 o5 6\n");
    assert_answer(of, AT_VERSION("a", 20), "a v20 o39 210\n");
    assert_refused(of, AT_VERSION("a", 21), STELE_E_NOT_FOUND,
                   "\"a\" has had 20 events, so it has no version 21");
    bank_free(of);
}

/* What is left of the log does not reach back to the first event, but a snapshot does. */
static void a_state_of_old_goes_on_from_the_nearest_snapshot(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    const stele_partition events = {BANK_EVENTS, 0};
    for (int i = 1; i <= 10; i++)
        bank_deposit(of, 0, "a", 1, "x");
    bank_run(of, (teller_options){0});
    for (int i = 1; i <= 10; i++)
        bank_deposit(of, 0, i == 4 ? "b" : "a", 1, "x");
    bank_run(of, (teller_options){0});
    bank_deposit(of, 0, "a", 1, "x");
    assert_int_equal(stele_log_memory_delete_records(of->log, events, 10, NULL), STELE_OK);

    assert_refused(of, AT_VERSION("a", 9), STELE_E_HOLE, "before its snapshot of version 10");
    assert_answer(of, AT_VERSION("a", 10), "a v10 o10 10\n");
    assert_answer(of, AT_VERSION("a", 14), "a v14 o15 14\n");
    assert_answer(of, AT_VERSION("a", 20), "a v20 o21 20\n");
    assert_answer(of, AT_VERSION("b", 1), "b v1 o14 1\n");

    /* Between the two snapshots something is missing now. */
    assert_int_equal(stele_log_memory_delete_records(of->log, events, 12, NULL), STELE_OK);
    assert_answer(of, AT_VERSION("a", 10), "a v10 o10 10\n");
    assert_refused(of, AT_VERSION("a", 14), STELE_E_HOLE, "before its snapshot of version 19");
    assert_answer(of, AT_VERSION("a", 19), "a v19 o20 19\n");
    bank_free(of);
}

/* What a model makes of the same events: amounts by time, until the first that is later. */
typedef struct past {
    int64_t time_ms[64];
    int64_t amount[64];
    int64_t offset[64];
    int count;
} past;

static void past_answer(const past *of, int64_t version, int64_t time_ms, char line[64])
{
    int64_t sum = 0;
    int64_t taken = 0;
    for (int i = 0; i < of->count; i++) {
        if (version > 0 ? i == version : of->time_ms[i] > time_ms) break;
        sum += of->amount[i];
        taken = i + 1;
    }
    if (taken == 0) {
        line[0] = '\0';
        return;
    }
    snprintf(line, 64, "a v%" PRId64 " o%" PRId64 " %" PRId64 "\n", taken,
             of->offset[taken - 1] + 1, sum);
}

/* The times of events are their producers', so they may go back; then a snapshot must not count
 * that has an event in it which is later than what is asked for. */
static void every_moment_is_the_same_with_and_without_snapshots(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    const int steps[] = {7, 0, 50, -90, 40, 3, 200, -20, 1, 1, 60, 30, -150, 400, 5, 0};
    past model = {0};
    int64_t now = INT64_C(1700000000000);
    int64_t offset = 0;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++, offset++) {
            now += steps[i];
            stele_manual_clock_set(&of->time, now);
            bank_deposit(of, 0, i % 3 == 2 ? "b" : "a", 1 + (int)i, "x");
            if (i % 3 == 2) continue;
            model.time_ms[model.count] = now;
            model.offset[model.count] = offset;
            model.amount[model.count++] = 1 + (int)i;
        }
        bank_run(of, (teller_options){.snapshot_events = 4});
    }
    char line[64];
    for (int version = 1; version <= model.count; version++) {
        past_answer(&model, version, 0, line);
        assert_answer(of, AT_VERSION("a", version), line);
    }
    for (int i = 0; i < 2 * model.count; i++) {
        int64_t time = model.time_ms[i / 2] - i % 2;
        past_answer(&model, 0, time, line);
        if (line[0] != '\0')
            assert_answer(of, AT_TIME("a", time), line);
        else
            assert_refused(of, AT_TIME("a", time), STELE_E_NOT_FOUND, "up to that time");
    }
    bank_free(of);
}

static void a_time_before_what_is_left_of_the_log_is_not_known(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    int64_t times[4];
    for (int i = 0; i < 4; i++) {
        times[i] = stele_clock_now_ms(bank_clock(of));
        bank_deposit(of, 0, "a", 1, "x");
        stele_manual_clock_advance(&of->time, 1000);
        if (i == 1) bank_run(of, (teller_options){0});
    }
    assert_int_equal(
        stele_log_memory_delete_records(of->log, (stele_partition){BANK_EVENTS, 0}, 2, NULL),
        STELE_OK);

    assert_refused(of, AT_TIME("a", times[1]), STELE_E_HOLE, "before its snapshot of version 2");
    assert_answer(of, AT_TIME("a", times[2]), "a v3 o3 3\n");
    assert_answer(of, AT_TIME("a", times[3]), "a v4 o4 4\n");
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
        cmocka_unit_test(a_state_of_old_goes_on_from_the_nearest_snapshot),
        cmocka_unit_test(every_moment_is_the_same_with_and_without_snapshots),
        cmocka_unit_test(a_time_before_what_is_left_of_the_log_is_not_known),
        cmocka_unit_test(a_finished_aggregate_has_no_state),
        cmocka_unit_test(an_aggregate_without_events_is_not_found),
        cmocka_unit_test(snapshots_that_are_missing_are_noticed_for_one_and_for_all),
        cmocka_unit_test(a_cycle_under_way_is_no_contradiction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
