/* SPDX-License-Identifier: MIT
 * The fold on a real broker: what the tests on the log in memory prove holds there too, as far as
 * no process has to die for it. */
#include "bank.h"

#include "tests/kafka/kafka_test.h"

static bank *kafka_bank(int32_t partitions)
{
    const stele_log_setting settings[] = {{"bootstrap.servers", start_broker()}};
    stele_log *log;
    MUST(stele_log_kafka_new(settings, 1, &log, &err));
    return bank_new_on(log, partitions);
}

static void end_bank(bank *of)
{
    bank_free(of);
    stop_broker();
}

static void assert_written(bank *of)
{
    char *states = bank_states(of, BANK_SNAPSHOTS);
    char *replayed = bank_replay(of, &bank_balances);
    assert_string_equal(states, replayed);
    free(states);
    free(replayed);
}

static void deposit_to_many(bank *of, int32_t partitions, int count)
{
    for (int i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof id, "a%05d", i);
        bank_deposit(of, i % partitions, id, i, "x");
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

static void partitions_move_and_snapshots_are_those_of_a_replay(bool eager)
{
    bank *of = kafka_bank(2);
    teller_options options = {.snapshot_events = 100,
                              .snapshot_interval_ms = 100,
                              .transaction_snapshots = 9,
                              .eager = eager};
    teller first = teller_open(of, options);
    deposit_to_many(of, 2, 300);
    teller_catch_up(&first);
    teller second = teller_open(of, options);
    turn_both_until_moved(&first, &second);
    deposit_to_many(of, 2, 100);
    bank_close(of, 0, "a00002");
    bank_name(of, 1, "a00001", "Ann");
    for (int i = 0; i < 200; i++) {
        teller_turn(&first);
        teller_turn(&second);
    }
    teller_close(&first);
    teller_catch_up(&second);
    teller_close(&second);

    assert_written(of);
    assert_int_equal(bank_group_offset(of, 0), 201);
    assert_int_equal(bank_group_offset(of, 1), 201);
    bank_run(of, (teller_options){0}); /* and all of it can be gone on from */
    assert_written(of);
    end_bank(of);
}

static void partitions_move_cooperative(void **state)
{
    (void)state;
    partitions_move_and_snapshots_are_those_of_a_replay(false);
}

static void partitions_move_eager(void **state)
{
    (void)state;
    partitions_move_and_snapshots_are_those_of_a_replay(true);
}

/* Within the rebalance, so that the next owner has nothing to apply again. */
static void a_partition_moves_with_its_last_snapshot(void **state)
{
    (void)state;
    bank *of = kafka_bank(2);
    const bool assignors[] = {false, true};
    for (size_t i = 0; i < 2; i++) {
        stele_projection projection = bank_balances;
        projection.name = assignors[i] ? "eager" : "cooperative";
        teller_options options = {.projection = &projection,
                                  .snapshot_events = 1000000,
                                  .snapshot_interval_ms = 100000000,
                                  .eager = assignors[i]};
        deposit_to_many(of, 2, 40);
        teller first = teller_open(of, options);
        teller_catch_up(&first);
        teller second = teller_open(of, options);
        turn_both_until_moved(&first, &second);

        int32_t moved = teller_state(&second, 0) == STELE_STATE_RUNNING ? 0 : 1;
        teller_catch_up(&second);
        assert_int_equal(stele_worker_progress(second.worker, moved).position, 20 * ((int)i + 1));
        assert_int_equal(stele_worker_progress(second.worker, moved).applied, 20); /* snapshots */
        teller_close(&first);
        teller_close(&second);
    }
    end_bank(of);
}

static void whoever_was_fenced_writes_nothing_and_joins_anew(void **state)
{
    (void)state;
    bank *of = kafka_bank(1);
    teller worker = teller_open(of, (teller_options){.snapshot_interval_ms = 1000000});
    deposit_to_many(of, 1, 5);
    teller_catch_up(&worker);
    stele_log_producer *thief;
    stele_log_producer_options options = {.transactional_id = BANK_GROUP "-" BANK_EVENTS "-0"};
    MUST(stele_log_producer_open(of->log, &options, &thief, &err));
    MUST(stele_log_producer_init(thief, BANK_SNAPSHOTS, PATIENCE_MS, &err));
    stele_manual_clock_advance(&of->time, 1000000);

    teller_until(&worker, 0, STELE_STATE_WAITING);
    assert_int_equal(bank_group_offset(of, 0), STELE_OFFSET_NONE);
    assert_int_equal(bank_count(of, (stele_partition){BANK_SNAPSHOTS, 0}, STELE_READ_COMMITTED), 0);

    stele_log_producer_close(thief);
    stele_manual_clock_advance(&of->time, 10000);
    teller_until(&worker, 0, STELE_STATE_RUNNING);
    teller_catch_up(&worker);
    teller_close(&worker);
    assert_written(of);
    end_bank(of);
}

static void a_group_offset_that_was_reset_stops_the_partition(void **state)
{
    (void)state;
    bank *of = kafka_bank(1);
    deposit_to_many(of, 1, 20);
    bank_run(of, (teller_options){0});
    MUST(stele_log_group_offset_set(of->log, BANK_GROUP, (stele_partition){BANK_EVENTS, 0}, 3,
                                    PATIENCE_MS, &err));
    char *reason = bank_run_to_stop(of, (teller_options){0}, 0);
    assert_non_null(strstr(reason, "offset reset: group balances.v1 is at 3"));
    free(reason);
    end_bank(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partitions_move_cooperative),
        cmocka_unit_test(partitions_move_eager),
        cmocka_unit_test(a_partition_moves_with_its_last_snapshot),
        cmocka_unit_test(whoever_was_fenced_writes_nothing_and_joins_anew),
        cmocka_unit_test(a_group_offset_that_was_reset_stops_the_partition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
