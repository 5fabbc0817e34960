/* SPDX-License-Identifier: MIT
 * What a state rests on, taken away while it is used: topics that are deleted under a running
 * worker, or made again with other records at the same offsets. */
#include "bank.h"

#include "snapshots/topic.h"

enum { WAIT_MS = 20000, ASK_MS = 10000 };

static void delete_topic(bank *of, const char *name)
{
    assert_int_equal(stele_log_topic_delete(of->log, name, ASK_MS, NULL), STELE_OK);
}

static void make_events_again(bank *of, int32_t partitions)
{
    stele_log_topic_options topic = {.name = BANK_EVENTS, .partitions = partitions};
    delete_topic(of, BANK_EVENTS);
    assert_int_equal(stele_log_topic_create(of->log, &topic, ASK_MS, NULL), STELE_OK);
}

static void deposit(bank *of, const char *id, int count)
{
    for (int i = 0; i < count; i++)
        bank_deposit(of, 0, id, 1, "x");
}

static void turn_until_offset(teller *worker, int64_t offset)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while (bank_group_offset(worker->of, 0) != offset) {
        if (stele_deadline_passed(until)) fail_msg("stuck: %s", teller_reason(worker, 0));
        teller_turn(worker);
    }
}

static void turn_until_snapshots(teller *worker)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    for (;;) {
        char *found = bank_states(worker->of, BANK_SNAPSHOTS);
        bool there = found[0] != '\0';
        free(found);
        if (there) return;
        if (stele_deadline_passed(until)) fail_msg("stuck: %s", teller_reason(worker, 0));
        teller_turn(worker);
    }
}

static void assert_written(bank *of)
{
    char *states = bank_states(of, BANK_SNAPSHOTS);
    char *replayed = bank_replay(of, &bank_balances);
    assert_string_equal(states, replayed);
    free(states);
    free(replayed);
}

/* ---- the events ---- */

static void events_made_again_are_noticed_before_a_checkpoint(int64_t written)
{
    bank *of = bank_new(1);
    deposit(of, "a", 5);
    teller worker =
        teller_open(of, (teller_options){.snapshot_events = 1000000, .snapshot_interval_ms = 1000});
    teller_catch_up(&worker);
    if (written > 0) turn_until_offset(&worker, written);

    make_events_again(of, 1);
    deposit(of, "b", 10); /* past the worker's position, between two fetches */
    teller_until(&worker, 0, STELE_STATE_STOPPED);

    assert_non_null(strstr(teller_reason(&worker, 0), "another record than the one"));
    /* Deleted with the topic, and not written since. */
    assert_int_equal(bank_group_offset(of, 0), STELE_OFFSET_NONE);
    teller_close(&worker);
    bank_free(of);
}

static void events_made_again_stop_the_partition_before_a_checkpoint_is_committed(void **state)
{
    (void)state;
    events_made_again_are_noticed_before_a_checkpoint(5);
}

static void so_they_do_before_the_first_checkpoint(void **state)
{
    (void)state;
    events_made_again_are_noticed_before_a_checkpoint(0);
}

static void events_that_retention_took_are_no_hole(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    deposit(of, "a", 5);
    teller worker =
        teller_open(of, (teller_options){.snapshot_events = 1000000, .snapshot_interval_ms = 1000});
    teller_catch_up(&worker);
    turn_until_offset(&worker, 5);

    deposit(of, "a", 5);
    teller_catch_up(&worker);
    assert_int_equal(
        stele_log_memory_delete_records(of->log, (stele_partition){BANK_EVENTS, 0}, 7, NULL),
        STELE_OK);
    turn_until_offset(&worker, 10);

    assert_int_equal(teller_state(&worker, 0), STELE_STATE_RUNNING);
    teller_close(&worker);
    bank_free(of);
}

/* ---- the snapshots ---- */

static void snapshots_that_were_deleted_are_made_again_from_the_events(void **state)
{
    (void)state;
    bank *of = bank_new(2);
    deposit(of, "a", 5);
    bank_deposit(of, 1, "d", 1, "x");
    teller worker =
        teller_open(of, (teller_options){.snapshot_events = 1000000, .snapshot_interval_ms = 1000});
    teller_catch_up(&worker);
    turn_until_offset(&worker, 5);

    delete_topic(of, BANK_SNAPSHOTS);
    deposit(of, "a", 3);
    turn_until_snapshots(&worker);
    turn_until_offset(&worker, 8);

    for (int32_t i = 0; i < 2; i++)
        teller_until(&worker, i, STELE_STATE_RUNNING);
    teller_catch_up(&worker);
    teller_close(&worker);
    assert_written(of); /* of both partitions, though one of them had nothing to write */
    bank_free(of);
}

static void snapshots_that_were_deleted_while_nothing_happens_are_made_again_too(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    deposit(of, "a", 5);
    teller worker =
        teller_open(of, (teller_options){.snapshot_events = 1000000, .snapshot_interval_ms = 1000});
    teller_catch_up(&worker);
    turn_until_offset(&worker, 5);

    delete_topic(of, BANK_SNAPSHOTS);
    stele_manual_clock_advance(&of->time, 30000);
    turn_until_snapshots(&worker);

    teller_close(&worker);
    assert_written(of);
    bank_free(of);
}

/* By another program, before the worker looks. */
static void make_snapshots_anew(bank *of, int32_t partitions)
{
    stele_error err;
    delete_topic(of, BANK_SNAPSHOTS);
    if (stele_snapshots_ensure(of->log, BANK_SNAPSHOTS, BANK_EVENTS, partitions, ASK_MS, &err) < 0)
        fail_msg("%s", err.text);
}

static void turn_until_written(teller *worker)
{
    char *replayed = bank_replay(worker->of, &bank_balances);
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    for (bool written = false; !written;) {
        char *states = bank_states(worker->of, BANK_SNAPSHOTS);
        written = strcmp(states, replayed) == 0;
        free(states);
        if (stele_deadline_passed(until)) fail_msg("stuck: %s", teller_reason(worker, 0));
        teller_turn(worker);
    }
    free(replayed);
}

static void snapshots_that_were_made_again_by_another_program_are_written_whole(void **state)
{
    (void)state;
    bank *of = bank_new(2);
    deposit(of, "a", 5);
    bank_deposit(of, 0, "c", 1, "x");
    bank_deposit(of, 1, "d", 1, "x");
    teller worker =
        teller_open(of, (teller_options){.snapshot_events = 1000000, .snapshot_interval_ms = 1000});
    teller_catch_up(&worker);
    turn_until_offset(&worker, 6);

    make_snapshots_anew(of, 2);
    deposit(of, "a", 3); /* the others have not changed */
    turn_until_written(&worker);

    for (int32_t i = 0; i < 2; i++)
        teller_until(&worker, i, STELE_STATE_RUNNING);
    teller_close(&worker);
    bank_run(of, (teller_options){0}); /* all that a checkpoint says is there */
    assert_written(of);
    bank_free(of);
}

static void so_they_are_while_nothing_happens(void **state)
{
    (void)state;
    bank *of = bank_new(2);
    bank_deposit(of, 1, "d", 1, "x"); /* nothing was ever written of the first partition */
    teller worker =
        teller_open(of, (teller_options){.snapshot_events = 1000000, .snapshot_interval_ms = 1000});
    teller_catch_up(&worker);
    turn_until_snapshots(&worker);

    make_snapshots_anew(of, 2);
    stele_manual_clock_advance(&of->time, 30000);
    turn_until_written(&worker);

    teller_close(&worker);
    assert_written(of);
    bank_free(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_made_again_stop_the_partition_before_a_checkpoint_is_committed),
        cmocka_unit_test(so_they_do_before_the_first_checkpoint),
        cmocka_unit_test(events_that_retention_took_are_no_hole),
        cmocka_unit_test(snapshots_that_were_deleted_are_made_again_from_the_events),
        cmocka_unit_test(snapshots_that_were_deleted_while_nothing_happens_are_made_again_too),
        cmocka_unit_test(snapshots_that_were_made_again_by_another_program_are_written_whole),
        cmocka_unit_test(so_they_are_while_nothing_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
