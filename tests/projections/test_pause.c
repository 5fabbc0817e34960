/* SPDX-License-Identifier: MIT
 * A projection that is paused by an order in its control topic. */
#include "bank.h"

#include "core/names.h"
#include "projections/orders.h"

enum { WAIT_TURNS = 3000 };

static void make_control(bank *of, int32_t partitions)
{
    stele_log_topic_options topic = {.name = BANK_GROUP ".control", .partitions = partitions};
    assert_int_equal(stele_log_topic_create(of->log, &topic, 1000, NULL), STELE_OK);
}

static void give(bank *of, int32_t partition, const char *value, const char *reason)
{
    const stele_header headers[] = {{STELE_ORDER_REASON, stele_text(reason)},
                                    {STELE_ORDER_SINCE, stele_text("1000")}};
    bank_append(of, BANK_GROUP ".control", partition, stele_text(STELE_PAUSE_KEY),
                value == NULL ? (stele_bytes){0} : stele_text(value), headers, 2);
}

static void turn(teller *worker, int times)
{
    for (int i = 0; i < times; i++)
        teller_turn(worker);
}

static void a_worker_that_takes_a_paused_partition_applies_nothing(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    make_control(of, 1);
    bank_deposit(of, 0, "a", 5, "x");
    give(of, 0, "pause", "the address service is moved");
    teller worker = teller_open(of, (teller_options){0});

    teller_until(&worker, 0, STELE_STATE_PAUSED);
    turn(&worker, 200);

    assert_int_equal(teller_state(&worker, 0), STELE_STATE_PAUSED);
    assert_string_equal(teller_reason(&worker, 0), "the address service is moved");
    assert_int_equal(stele_worker_progress(worker.worker, 0).position, 0);
    give(of, 0, NULL, "");
    teller_catch_up(&worker);
    assert_int_equal(teller_state(&worker, 0), STELE_STATE_RUNNING);
    teller_close(&worker);
    bank_free(of);
}

static void a_worker_that_runs_hears_of_the_first_order_and_loses_no_event(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    teller worker = teller_open(of, (teller_options){0});
    teller_catch_up(&worker);

    make_control(of, 1);
    give(of, 0, "pause", "");
    teller_until(&worker, 0, STELE_STATE_PAUSED);
    bank_deposit(of, 0, "a", 3, "y");
    bank_deposit(of, 0, "b", 1, "z");
    turn(&worker, 200);
    assert_int_equal(stele_worker_progress(worker.worker, 0).position, 1);
    give(of, 0, NULL, "");
    teller_catch_up(&worker);
    teller_close(&worker);

    char *replayed = bank_replay(of, &bank_balances);
    char *states = bank_states(of, BANK_SNAPSHOTS);
    assert_string_equal(states, replayed);
    free(replayed);
    free(states);
    bank_free(of);
}

static void a_paused_partition_is_not_stalled(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    make_control(of, 1);
    bank_deposit(of, 0, "a", 5, "x");
    give(of, 0, "pause", "");
    teller worker = teller_open(of, (teller_options){0});
    teller_until(&worker, 0, STELE_STATE_PAUSED);

    for (int i = 0; i < 100; i++) { /* far longer than a stall */
        stele_manual_clock_advance(&of->time, 1000);
        teller_turn(&worker);
    }

    assert_int_equal(teller_state(&worker, 0), STELE_STATE_PAUSED);
    teller_close(&worker);
    bank_free(of);
}

static void each_partition_follows_its_own_order(void **state)
{
    (void)state;
    bank *of = bank_new(2);
    make_control(of, 2);
    bank_deposit(of, 0, "a", 5, "x");
    bank_deposit(of, 1, "b", 5, "x");
    give(of, 1, "pause", "");
    teller worker = teller_open(of, (teller_options){0});

    teller_until(&worker, 1, STELE_STATE_PAUSED);
    for (int i = 0; i < WAIT_TURNS && stele_worker_progress(worker.worker, 0).position < 1; i++)
        teller_turn(&worker);

    assert_int_equal(stele_worker_progress(worker.worker, 0).position, 1);
    assert_int_equal(stele_worker_progress(worker.worker, 1).position, 0);
    teller_close(&worker);
    bank_free(of);
}

static void what_is_no_order_that_it_knows_is_passed_over(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    make_control(of, 1);
    bank_deposit(of, 0, "a", 5, "x");
    give(of, 0, "dance", "");
    bank_append(of, BANK_GROUP ".control", 0, stele_text("stele:other"), stele_text("pause"), NULL,
                0);
    teller worker = teller_open(of, (teller_options){0});

    teller_catch_up(&worker);

    assert_int_equal(teller_state(&worker, 0), STELE_STATE_RUNNING);
    teller_close(&worker);
    bank_free(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_that_takes_a_paused_partition_applies_nothing),
        cmocka_unit_test(a_worker_that_runs_hears_of_the_first_order_and_loses_no_event),
        cmocka_unit_test(a_paused_partition_is_not_stalled),
        cmocka_unit_test(each_partition_follows_its_own_order),
        cmocka_unit_test(what_is_no_order_that_it_knows_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
