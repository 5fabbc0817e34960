/* SPDX-License-Identifier: MIT
 * The fold on a real broker: what the tests on the log in memory prove holds there too, as far as
 * no process has to die for it. One broker and one events topic for all; each test has a projection
 * of its own, and begins with what the tests before it have appended. */
#include "bank.h"

#include "kafka/partitioner.h"

#include "tests/kafka/kafka_test.h"

enum { PARTITIONS = 2, EACH = 40 };

static int open_bank(void **state)
{
    const stele_log_setting settings[] = {{.name = "bootstrap.servers", .value = start_broker()}};
    stele_log *log;
    MUST(stele_log_kafka_new(settings, 1, &log, &err));
    *state = bank_new_on(log, PARTITIONS);
    return 0;
}

static int end_bank(void **state)
{
    bank_free(*state);
    stop_broker();
    return 0;
}

/* A projection with names of its own. */
typedef struct view {
    stele_projection projection;
    char group[40];
    char snapshots[60];
} view;

static view new_view(const char *name)
{
    view made = {.projection = bank_balances};
    made.projection.name = name;
    snprintf(made.group, sizeof made.group, "%s.v1", name);
    snprintf(made.snapshots, sizeof made.snapshots, "%s.snapshots", made.group);
    return made;
}

static void assert_written(bank *of, const view *by)
{
    char *states = bank_states(of, by->snapshots);
    char *replayed = bank_replay(of, &by->projection);
    assert_string_equal(states, replayed);
    free(states);
    free(replayed);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        int64_t start;
        int64_t end;
        MUST(stele_log_bounds(of->log, (stele_partition){BANK_EVENTS, i}, STELE_READ_COMMITTED,
                              PATIENCE_MS, &start, &end, &err));
        assert_int_equal(bank_offset_of(of, by->group, i), end);
    }
}

static int32_t partition_of(const char *id)
{
    return stele_log_partition_of(stele_text(id), PARTITIONS);
}

static void deposit_to_many(bank *of, const char *prefix)
{
    for (int i = 0; i < EACH; i++) {
        char id[24];
        snprintf(id, sizeof id, "%s%02d", prefix, i);
        bank_deposit(of, partition_of(id), id, i, "x");
        bank_deposit(of, partition_of(id), id, i, "again"); /* fewer snapshots than events */
    }
}

static void turn_both_until_moved(teller *first, teller *second)
{
    int64_t end_ms = now_ms() + PATIENCE_MS;
    while (teller_state(second, 0) != STELE_STATE_RUNNING &&
           teller_state(second, 1) != STELE_STATE_RUNNING) {
        if (now_ms() > end_ms) fail_msg("no partition has moved");
        teller_turn(first);
        teller_turn(second);
    }
}

static void partitions_move_while_events_come(bank *of, const char *name, bool eager)
{
    view by = new_view(name);
    teller_options options = {.projection = &by.projection,
                              .snapshot_events = 20,
                              .snapshot_interval_ms = 100,
                              .transaction_snapshots = 3,
                              .eager = eager};
    teller first = teller_open(of, options);
    deposit_to_many(of, eager ? "e" : "c");
    teller_catch_up(&first);
    teller second = teller_open(of, options);
    turn_both_until_moved(&first, &second);
    deposit_to_many(of, name);
    const char *closed = eager ? "e02" : "c02";
    const char *named = eager ? "e01" : "c01";
    bank_close(of, partition_of(closed), closed);
    bank_name(of, partition_of(named), named, "Ann");
    for (int i = 0; i < 200; i++) {
        teller_turn(&first);
        teller_turn(&second);
    }
    teller_close(&first);
    teller_catch_up(&second);
    teller_close(&second);

    assert_written(of, &by);
    bank_run(of, options); /* and all of it can be gone on from */
    assert_written(of, &by);
}

static void partitions_move_cooperative(void **state)
{
    partitions_move_while_events_come(*state, "cooperative", false);
}

/* Within the rebalance, so that the next owner has nothing to apply again. */
static void a_partition_moves_with_its_last_snapshot(void **state)
{
    bank *of = *state;
    const bool assignors[] = {false, true};
    for (size_t i = 0; i < 2; i++) {
        view by = new_view(assignors[i] ? "last_eager" : "last_cooperative");
        teller_options options = {.projection = &by.projection,
                                  .snapshot_events = 1000000,
                                  .snapshot_interval_ms = 100000000,
                                  .eager = assignors[i]};
        teller first = teller_open(of, options);
        teller_catch_up(&first);
        int64_t applied[PARTITIONS];
        for (int32_t p = 0; p < PARTITIONS; p++)
            applied[p] = stele_worker_progress(first.worker, p).applied;
        teller second = teller_open(of, options);
        turn_both_until_moved(&first, &second);

        int32_t moved = teller_state(&second, 0) == STELE_STATE_RUNNING ? 0 : 1;
        teller_catch_up(&second);
        stele_progress there = stele_worker_progress(second.worker, moved);
        assert_int_equal(bank_offset_of(of, by.group, moved), there.position);
        assert_true(there.applied < applied[moved]); /* snapshots, and no event */
        teller_close(&first);
        teller_close(&second);
        assert_written(of, &by);
    }
}

static void whoever_was_fenced_writes_nothing_and_joins_anew(void **state)
{
    bank *of = *state;
    view by = new_view("fenced");
    teller worker = teller_open(of, (teller_options){.projection = &by.projection,
                                                     .snapshot_events = 1000000,
                                                     .snapshot_interval_ms = 1000000});
    teller_catch_up(&worker);
    stele_log_producer *thief;
    stele_log_producer_options options = {.transactional_id = "fenced.v1-" BANK_EVENTS "-0"};
    MUST(stele_log_producer_open(of->log, &options, &thief, &err));
    MUST(stele_log_producer_init(thief, by.snapshots, PATIENCE_MS, &err));
    stele_manual_clock_advance(&of->time, 1000000);

    teller_until(&worker, 0, STELE_STATE_WAITING);
    assert_int_equal(bank_offset_of(of, by.group, 0), STELE_OFFSET_NONE);
    assert_int_equal(bank_count(of, (stele_partition){by.snapshots, 0}, STELE_READ_COMMITTED), 0);

    stele_log_producer_close(thief);
    stele_manual_clock_advance(&of->time, 10000);
    teller_until(&worker, 0, STELE_STATE_RUNNING);
    teller_catch_up(&worker);
    teller_close(&worker);
    assert_written(of, &by);
}

static void a_group_offset_that_was_reset_stops_the_partition(void **state)
{
    bank *of = *state;
    view by = new_view("reset");
    teller_options options = {.projection = &by.projection};
    bank_run(of, options);
    MUST(stele_log_group_offset_set(of->log, by.group, (stele_partition){BANK_EVENTS, 0}, 3,
                                    PATIENCE_MS, &err));
    char *reason = bank_run_to_stop(of, options, 0);
    assert_non_null(strstr(reason, "offset reset: group reset.v1 is at 3"));
    free(reason);
}

static void partitions_move_eager(void **state)
{
    partitions_move_while_events_come(*state, "eager", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partitions_move_cooperative),
        cmocka_unit_test(a_partition_moves_with_its_last_snapshot),
        cmocka_unit_test(whoever_was_fenced_writes_nothing_and_joins_anew),
        cmocka_unit_test(a_group_offset_that_was_reset_stops_the_partition),
        cmocka_unit_test(partitions_move_eager),
    };
    return cmocka_run_group_tests(tests, open_bank, end_bank);
}
