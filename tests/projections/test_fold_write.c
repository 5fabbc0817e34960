/* SPDX-License-Identifier: MIT
 * Writing snapshots under trouble: transactions that abort, die or go unanswered, owners that wake
 * up too late, cycles that are cut in the middle, aggregates that end while one is under way. */
#include "bank.h"

#include "core/names.h"

enum { SESSION_MS = 6000, MANY = 60 };

static void assert_written(bank *of)
{
    char *states = bank_states(of, BANK_SNAPSHOTS);
    char *replayed = bank_replay(of, &bank_balances);
    assert_string_equal(states, replayed);
    free(states);
    free(replayed);
}

static void deposit_to_many(bank *of, int count)
{
    for (int i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof id, "a%03d", i);
        bank_deposit(of, 0, id, i, "x");
    }
}

static void turn_until_offset(teller *worker, int64_t offset)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), 20000);
    while (bank_group_offset(worker->of, 0) != offset) {
        if (stele_deadline_passed(until)) fail_msg("stuck: %s", teller_reason(worker, 0));
        teller_turn(worker);
    }
}

static bool has(bank *of, const char *text)
{
    char *found = bank_snapshots(of, BANK_SNAPSHOTS);
    bool yes = strstr(found, text) != NULL;
    free(found);
    return yes;
}

static void turn_until_has(teller *worker, const char *text)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), 20000);
    while (!has(worker->of, text)) {
        if (stele_deadline_passed(until)) fail_msg("never came: %s", text);
        teller_turn(worker);
    }
}

/* The session of a worker that is not turned runs out. */
static void let_session_end(bank *of)
{
    stele_manual_clock_advance(&of->time, 2 * SESSION_MS);
}

/* ---- transactions that fail ---- */

static void an_aborted_transaction_is_written_again_from_the_same_states(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    teller worker =
        teller_open(of, (teller_options){.snapshot_events = 1000000, .snapshot_interval_ms = 1000});
    deposit_to_many(of, 20);
    teller_catch_up(&worker);
    stele_log_memory_fail_append(of->log, 5, STELE_LOG_MEMORY_REFUSED);
    stele_manual_clock_advance(&of->time, 1000);

    turn_until_offset(&worker, 20);

    assert_int_equal(teller_state(&worker, 0), STELE_STATE_RUNNING);
    assert_int_equal(stele_worker_progress(worker.worker, 0).applied, 20); /* never restored */
    assert_true(bank_count(of, (stele_partition){BANK_SNAPSHOTS, 0}, STELE_READ_UNCOMMITTED) > 21);
    teller_close(&worker);
    assert_written(of);
    bank_free(of);
}

static void what_changes_while_its_snapshot_is_in_doubt_is_written_too(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    teller worker = teller_open(of, (teller_options){.snapshot_interval_ms = 1000});
    deposit_to_many(of, 5);
    teller_catch_up(&worker);
    stele_log_memory_fail_append(of->log, 2, STELE_LOG_MEMORY_REFUSED);
    stele_manual_clock_advance(&of->time, 1000);
    teller_turn(&worker);
    bank_deposit(of, 0, "a001", 100, "y");
    teller_catch_up(&worker);
    teller_close(&worker);

    assert_written(of);
    assert_int_equal(bank_group_offset(of, 0), 6);
    bank_free(of);
}

static void an_end_that_nobody_answered_opens_the_partition_anew(void **state)
{
    (void)state;
    const stele_log_memory_doubt doubts[] = {STELE_LOG_MEMORY_DONE, STELE_LOG_MEMORY_NOT_DONE};
    for (size_t i = 0; i < 2; i++) {
        bank *of = bank_new(1);
        teller worker = teller_open(of, (teller_options){.snapshot_interval_ms = 1000});
        deposit_to_many(of, 5);
        teller_catch_up(&worker);
        stele_log_memory_doubt_commit(of->log, doubts[i]);
        stele_manual_clock_advance(&of->time, 1000);
        teller_until(&worker, 0, STELE_STATE_WAITING);
        bank_deposit(of, 0, "a001", 100, "y");
        teller_until(&worker, 0, STELE_STATE_RUNNING);
        teller_catch_up(&worker);

        /* Restored what was committed, or replayed all. */
        assert_int_equal(stele_worker_progress(worker.worker, 0).applied, 6);
        teller_close(&worker);
        assert_written(of);
        bank_free(of);
    }
}

static void a_broker_that_goes_while_snapshots_are_written_loses_nothing(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    teller worker =
        teller_open(of, (teller_options){.snapshot_interval_ms = 1000, .transaction_snapshots = 3});
    deposit_to_many(of, 10);
    teller_catch_up(&worker);
    stele_manual_clock_advance(&of->time, 1000);
    teller_turn(&worker);
    stele_log_memory_set_up(of->log, false);
    for (int i = 0; i < 20; i++)
        teller_turn(&worker);
    assert_int_equal(teller_state(&worker, 0), STELE_STATE_WAITING);
    stele_log_memory_set_up(of->log, true);

    turn_until_offset(&worker, 10);

    teller_close(&worker);
    assert_written(of);
    bank_free(of);
}

/* ---- transactions that hang ---- */

static void what_hangs_is_ended_by_whoever_takes_the_partition(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    deposit_to_many(of, 5);
    bank_run(of, (teller_options){0});
    bank_deposit(of, 0, "a001", 100, "y");
    stele_log_memory_lose_markers(of->log);
    teller first = teller_open(of, (teller_options){0});
    teller_catch_up(&first);
    teller_close(&first); /* its last snapshot is committed, and no one is told */
    teller second = teller_open(of, (teller_options){0});
    teller_catch_up(&second);
    /* Five states restored, and the event applied again whose snapshot was aborted. */
    assert_int_equal(stele_worker_progress(second.worker, 0).applied, 6);
    teller_close(&second);

    assert_written(of);
    assert_int_equal(bank_group_offset(of, 0), 6);
    bank_free(of);
}

/* The group has heard of the commit and the snapshots have not: their abort takes half away. */
static void after_half_a_commit_was_aborted_the_checkpoint_decides(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    deposit_to_many(of, 5);
    bank_run(of, (teller_options){0});
    bank_deposit(of, 0, "a001", 100, "y");
    stele_log_memory_lose_half_the_markers(of->log);
    bank_run(of, (teller_options){0});
    assert_int_equal(bank_group_offset(of, 0), 6);

    teller worker = teller_open(of, (teller_options){.snapshot_interval_ms = 1000000});
    teller_until(&worker, 0, STELE_STATE_RUNNING);
    turn_until_has(&worker, "next=6 "); /* at once: whoever comes next must not find two answers */
    teller_close(&worker);

    assert_int_equal(bank_group_offset(of, 0), 6);
    assert_written(of);
    bank_run(of, (teller_options){0});
    bank_free(of);
}

static void a_drain_that_is_refused_pauses_between_attempts(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    teller worker = teller_open(of, (teller_options){.snapshot_interval_ms = 1000000});
    deposit_to_many(of, 5);
    teller_catch_up(&worker);
    stele_log_memory_refuse_appends(of->log, true);

    teller_close(&worker); /* two seconds */

    stele_partition snapshots = {BANK_SNAPSHOTS, 0};
    int64_t start;
    int64_t end;
    assert_int_equal(
        stele_log_bounds(of->log, snapshots, STELE_READ_UNCOMMITTED, 1000, &start, &end, NULL),
        STELE_OK);
    assert_true(end <= 2 * 2000 / 100); /* a marker for each attempt, or two */
    stele_log_memory_refuse_appends(of->log, false);
    bank_free(of);
}

static void what_another_program_left_open_is_said_and_waited_for(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_run(of, (teller_options){0});
    bank_deposit(of, 0, "a001", 100, "y");
    stele_log_producer *other;
    stele_log_entry entry = {
        .partition = {BANK_SNAPSHOTS, 0}, .key = stele_text("x"), .value = stele_text("x")};
    stele_log_producer_options options = {.transactional_id = "other",
                                          .transaction_timeout_ms = 1000000};
    assert_int_equal(stele_log_producer_open(of->log, &options, &other, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_init(other, BANK_SNAPSHOTS, 1000, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_begin(other, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_put(other, &entry, NULL), STELE_OK);

    teller worker = teller_open(of, (teller_options){0});
    teller_until(&worker, 0, STELE_STATE_WAITING);
    for (int i = 0; i < 300; i++) { /* and that stays so: nothing is ended, nothing begins again */
        assert_int_equal(teller_state(&worker, 0), STELE_STATE_WAITING);
        assert_non_null(strstr(teller_reason(&worker, 0),
                               BANK_SNAPSHOTS "/0: an open transaction of another program"));
        assert_non_null(strstr(teller_reason(&worker, 0), "find-hanging` and `abort`"));
        teller_turn(&worker);
    }
    assert_int_equal(stele_log_producer_abort(other, 1000, NULL), STELE_OK);
    teller_catch_up(&worker);

    stele_log_producer_close(other);
    teller_close(&worker);
    assert_written(of);
    bank_free(of);
}

static void a_commit_that_hangs_is_not_built_upon_after_an_abort(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    teller worker =
        teller_open(of, (teller_options){.snapshot_interval_ms = 1000, .transaction_snapshots = 3});
    deposit_to_many(of, 10);
    teller_catch_up(&worker);
    stele_log_memory_lose_markers(of->log); /* of the first transaction, and the second fails */
    stele_log_memory_fail_append(of->log, 6, STELE_LOG_MEMORY_REFUSED);
    stele_manual_clock_advance(&of->time, 1000);

    teller_until(&worker, 0, STELE_STATE_WAITING); /* it is begun again */
    teller_until(&worker, 0, STELE_STATE_RUNNING);
    teller_catch_up(&worker);

    teller_close(&worker);
    assert_written(of);
    assert_int_equal(bank_group_offset(of, 0), 10);
    bank_free(of);
}

/* ---- owners that wake up too late ---- */

static void an_owner_that_slept_writes_neither_snapshot_nor_offset(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    teller sleeper = teller_open(of, (teller_options){.snapshot_interval_ms = 1000});
    deposit_to_many(of, 5);
    teller_catch_up(&sleeper);
    let_session_end(of); /* and its snapshot is due by now */
    bank_run(of, (teller_options){0});
    bank_deposit(of, 0, "a001", 100, "y");
    bank_run(of, (teller_options){0});
    char *before = bank_snapshots(of, BANK_SNAPSHOTS);
    stele_partition snapshots = {BANK_SNAPSHOTS, 0};
    int64_t records = bank_count(of, snapshots, STELE_READ_UNCOMMITTED);

    stele_error err;
    for (int i = 0; i < 3; i++)
        assert_int_equal(stele_worker_step(sleeper.worker, 1, &err), STELE_OK);

    char *after = bank_snapshots(of, BANK_SNAPSHOTS);
    assert_string_equal(before, after);
    assert_int_equal(bank_count(of, snapshots, STELE_READ_UNCOMMITTED), records);
    assert_int_equal(bank_group_offset(of, 0), 6);
    free(before);
    free(after);
    teller_catch_up(&sleeper); /* it joins again, restores, and goes on */
    teller_close(&sleeper);
    assert_written(of);
    bank_free(of);
}

static void a_transaction_of_a_fenced_owner_is_refused_and_its_partition_waits(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    teller worker = teller_open(of, (teller_options){.snapshot_interval_ms = 1000});
    deposit_to_many(of, 5);
    teller_catch_up(&worker);
    /* Somebody takes the partition's id, though the group knows nothing of it. */
    stele_log_producer *thief;
    stele_log_producer_options options = {.transactional_id = "balances.v1-account.events-0"};
    assert_int_equal(stele_log_producer_open(of->log, &options, &thief, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_init(thief, NULL, 5000, NULL), STELE_OK);
    stele_manual_clock_advance(&of->time, 1000);

    teller_until(&worker, 0, STELE_STATE_WAITING);
    assert_int_equal(bank_group_offset(of, 0), STELE_OFFSET_NONE);
    assert_int_equal(bank_count(of, (stele_partition){BANK_SNAPSHOTS, 0}, STELE_READ_COMMITTED), 0);

    stele_log_producer_close(thief);
    for (int i = 0; i < 2 * SESSION_MS / 1000; i++) {
        stele_manual_clock_advance(&of->time, 1000);
        teller_turn(&worker);
    }
    teller_until(&worker, 0, STELE_STATE_RUNNING); /* it has joined again */
    teller_catch_up(&worker);
    teller_close(&worker);
    assert_written(of);
    bank_free(of);
}

/* ---- partitions that move ---- */

static void a_partition_moves_with_its_last_snapshot(bool eager)
{
    bank *of = bank_new(2);
    for (int i = 0; i < 10; i++) {
        bank_deposit(of, 0, "a", 1, "x");
        bank_deposit(of, 1, "d", 1, "x");
    }
    teller_options options = {
        .snapshot_events = 1000000, .snapshot_interval_ms = 1000000, .eager = eager};
    teller first = teller_open(of, options);
    teller_catch_up(&first);
    teller second = teller_open(of, options);
    stele_deadline until = stele_deadline_after(stele_clock_system(), 20000);
    while (teller_state(&second, 0) != STELE_STATE_RUNNING &&
           teller_state(&second, 1) != STELE_STATE_RUNNING) {
        assert_false(stele_deadline_passed(until));
        teller_turn(&first);
        teller_turn(&second);
    }
    int32_t moved = teller_state(&second, 0) == STELE_STATE_RUNNING ? 0 : 1;

    assert_int_equal(bank_group_offset(of, moved), 10);
    teller_turn(&second);
    assert_int_equal(stele_worker_progress(second.worker, moved).position, 10);
    assert_int_equal(stele_worker_progress(second.worker, moved).applied, 1); /* one snapshot */
    teller_close(&first);
    teller_close(&second);
    assert_written(of);
    bank_free(of);
}

static void a_partition_moves_with_its_last_snapshot_cooperative(void **state)
{
    (void)state;
    a_partition_moves_with_its_last_snapshot(false);
}

static void a_partition_moves_with_its_last_snapshot_eager(void **state)
{
    (void)state;
    a_partition_moves_with_its_last_snapshot(true);
}

static void a_rebalance_that_leaves_the_partition_does_not_keep_it_from_writing(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    teller first = teller_open(of, (teller_options){.snapshot_interval_ms = 2000});
    deposit_to_many(of, 5);
    teller_catch_up(&first);
    teller second = teller_open(of, (teller_options){0}); /* of one partition it gets none */
    for (int i = 0; i < 20; i++) {
        teller_turn(&second);
        teller_turn(&first);
    }
    stele_manual_clock_advance(&of->time, 2000);
    stele_deadline until = stele_deadline_after(stele_clock_system(), 20000);
    while (bank_group_offset(of, 0) != 5) {
        assert_false(stele_deadline_passed(until));
        teller_turn(&second);
        teller_turn(&first);
    }
    teller_close(&second);
    teller_close(&first);
    assert_written(of);
    bank_free(of);
}

/* ---- cycles ---- */

static void the_checkpoint_moves_with_the_last_transaction_of_a_cycle(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    deposit_to_many(of, MANY);
    teller_options options = {.snapshot_events = MANY, .transaction_snapshots = 7};
    teller worker = teller_open(of, options);
    turn_until_has(&worker, "next=0 last=-1 ");
    assert_int_equal(bank_group_offset(of, 0), 0); /* each transaction repeats it */

    turn_until_has(&worker, "next=60 last=59 ");
    assert_true(has(of, "aggregates=60 "));
    assert_int_equal(bank_group_offset(of, 0), MANY);
    teller_close(&worker);
    assert_written(of);
    bank_free(of);
}

static void a_cycle_that_was_cut_is_gone_on_from_without_doubling(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    deposit_to_many(of, MANY);
    deposit_to_many(of, MANY);
    teller_options options = {.snapshot_events = 2 * MANY, .transaction_snapshots = 7};
    teller dead = teller_open(of, options);
    turn_until_has(&dead, "next=0 last=-1 ");
    let_session_end(of);

    bank_run(of, (teller_options){0}); /* some states are ahead of the checkpoint */

    assert_written(of);
    char *states = bank_states(of, BANK_SNAPSHOTS);
    assert_non_null(strstr(states, "0/a003 v2 "));
    free(states);
    teller_close(&dead);
    assert_written(of);
    bank_free(of);
}

/* Five batches, so that the worker is behind after the first; one event in turn for each aggregate.
 */
enum { BEHIND = 5 * 1024 };

static void deposit_behind(bank *of, int aggregates)
{
    for (int i = 0; i < BEHIND; i += aggregates)
        deposit_to_many(of, aggregates);
}

static void turn_until_position(teller *worker, int64_t position)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), 20000);
    while (stele_worker_progress(worker->worker, 0).position < position) {
        if (stele_deadline_passed(until)) fail_msg("stuck: %s", teller_reason(worker, 0));
        teller_turn(worker);
    }
}

/* Turn until there is a first checkpoint. @return where it is */
static int64_t first_checkpoint(teller *worker)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), 20000);
    int64_t offset;
    while ((offset = bank_first_checkpoint(worker->of)) == STELE_OFFSET_NONE) {
        if (stele_deadline_passed(until)) fail_msg("stuck: %s", teller_reason(worker, 0));
        teller_turn(worker);
    }
    return offset;
}

static void far_behind_snapshots_wait_until_they_are_worth_it(void **state)
{
    (void)state;
    static const struct {
        int aggregates;
        int64_t checkpoint;
    } cases[] = {
        {10, 1024},     /* 102 events for each: after the first batch */
        {20, 2048},     /* 51, then 102 */
        {128, BEHIND},  /* never 100: at the end of the log */
        {1024, BEHIND}, /* one in each batch */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bank *of = bank_new(1);
        deposit_behind(of, cases[i].aggregates);
        teller worker = teller_open(
            of, (teller_options){.snapshot_events = 100, .snapshot_interval_ms = 1000000});

        assert_int_equal(first_checkpoint(&worker), cases[i].checkpoint);

        teller_catch_up(&worker);
        teller_close(&worker);
        assert_written(of);
        bank_free(of);
    }
}

static void the_interval_holds_far_behind_too(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    deposit_behind(of, 1024);
    teller worker =
        teller_open(of, (teller_options){.snapshot_events = 100, .snapshot_interval_ms = 3000});
    turn_until_position(&worker, 1024);
    stele_manual_clock_advance(&of->time, 3000);

    assert_int_equal(first_checkpoint(&worker), 2048);

    teller_catch_up(&worker);
    teller_close(&worker);
    assert_written(of);
    bank_free(of);
}

static void not_further_behind_than_the_events_between_snapshots_each_counts(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    deposit_behind(of, 1024);
    teller worker = teller_open(
        of, (teller_options){.snapshot_events = 2 * 1024, .snapshot_interval_ms = 1000000});

    assert_int_equal(first_checkpoint(&worker), 3 * 1024); /* 2,048 more to come */

    teller_catch_up(&worker);
    teller_close(&worker);
    assert_written(of);
    bank_free(of);
}

/* The second half of a cycle's aggregates is closed while the first half is written. */
static teller close_within_a_cycle(bank *of)
{
    deposit_to_many(of, MANY);
    teller worker =
        teller_open(of, (teller_options){.snapshot_events = MANY, .transaction_snapshots = 7});
    turn_until_has(&worker, "next=0 last=-1 ");
    for (int i = MANY / 2; i < MANY; i++) {
        char id[16];
        snprintf(id, sizeof id, "a%03d", i);
        bank_close(of, 0, id);
    }
    return worker;
}

static void an_aggregate_that_ends_within_a_cycle_gets_its_tombstone_from_the_next(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    teller worker = close_within_a_cycle(of);

    turn_until_has(&worker, "next=60 last=59 ");
    assert_true(has(of, "finished=0\n")); /* no tombstone before a checkpoint past it */
    assert_false(has(of, "tombstone"));
    assert_true(has(of, "aggregates=60 "));

    teller_close(&worker);
    assert_true(has(of, "next=90 last=89 "));
    assert_true(has(of, "aggregates=30 finished=30\n"));
    assert_written(of);
    bank_free(of);
}

static void an_aggregate_that_ended_is_ended_for_whoever_comes_next(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    teller dead = close_within_a_cycle(of);
    turn_until_has(&dead, "next=60 last=59 ");
    let_session_end(of);

    bank_run(of, (teller_options){0});
    assert_true(has(of, "aggregates=30 finished=30\n"));
    assert_written(of);
    teller_close(&dead);
    bank_deposit(of, 0, "a045", 1, "x");
    char *reason = bank_run_to_stop(of, (teller_options){0}, 0);
    assert_non_null(
        strstr(reason, "account.events/0/90: an event of \"a045\", which was finished"));
    free(reason);
    bank_free(of);
}

typedef struct tombstones {
    int most, now;
} tombstones;

/* Each transaction ends with a checkpoint. */
static int count_tombstones(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    tombstones *of = context;
    for (size_t i = 0; i < batch->count; i++) {
        bool is_checkpoint = stele_id_is_reserved(batch->records[i].key);
        of->now = is_checkpoint ? 0 : of->now + (batch->records[i].value.data == NULL);
        if (of->now > of->most) of->most = of->now;
    }
    return STELE_OK;
}

static void many_that_end_at_once_are_removed_in_transactions_of_a_few(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    deposit_to_many(of, MANY);
    bank_run(of, (teller_options){.transaction_snapshots = 7});
    for (int i = 0; i < MANY; i++) {
        char id[16];
        snprintf(id, sizeof id, "a%03d", i);
        bank_close(of, 0, id);
    }

    bank_run(of, (teller_options){.transaction_snapshots = 7});

    tombstones found = {0};
    bank_read(of, BANK_SNAPSHOTS, count_tombstones, &found);
    assert_int_equal(found.most, 7);
    assert_true(has(of, "aggregates=0 finished=60\n"));
    assert_written(of);
    bank_free(of);
}

static void tombstones_and_states_survive_compaction(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    deposit_to_many(of, 20);
    bank_close(of, 0, "a003");
    bank_run(of, (teller_options){.transaction_snapshots = 3});
    deposit_to_many(of, 3);
    bank_run(of, (teller_options){.transaction_snapshots = 3});
    for (int i = 0; i < 3; i++)
        assert_int_equal(stele_log_memory_compact(of->log, BANK_SNAPSHOTS, NULL), STELE_OK);
    bank_deposit(of, 0, "a001", 5, "x");

    bank_run(of, (teller_options){0});

    assert_written(of);
    bank_free(of);
}

static void a_restore_reads_all_snapshots_there_are(void **state)
{
    (void)state;
    enum { COUNT = 3000 }; /* more than a batch */
    bank *of = bank_new(1);
    deposit_to_many(of, COUNT);
    bank_run(of, (teller_options){.snapshot_events = 100000, .snapshot_interval_ms = 100000});
    bank_deposit(of, 0, "a2999", 1, "x");

    teller worker = teller_open(of, (teller_options){0});
    teller_catch_up(&worker);

    assert_int_equal(stele_worker_progress(worker.worker, 0).applied, COUNT + 1);
    teller_close(&worker);
    assert_written(of);
    bank_free(of);
}

static void events_in_transactions_and_markers_at_the_end_are_gone_past(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 1, "x");
    stele_log_producer *producer;
    stele_log_producer_options options = {.transactional_id = "facts"};
    assert_int_equal(stele_log_producer_open(of->log, &options, &producer, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_init(producer, NULL, 5000, NULL), STELE_OK);
    for (int i = 0; i < 2; i++) { /* one that is aborted, one that is committed */
        stele_log_entry entry = {.partition = {BANK_EVENTS, 0},
                                 .key = stele_text("a"),
                                 .value = stele_text("would stop it")};
        assert_int_equal(stele_log_producer_begin(producer, NULL), STELE_OK);
        if (i == 0) assert_int_equal(stele_log_producer_put(producer, &entry, NULL), STELE_OK);
        if (i == 0) assert_int_equal(stele_log_producer_flush(producer, 5000, NULL), STELE_OK);
        stele_status ended = i == 0 ? stele_log_producer_abort(producer, 5000, NULL)
                                    : stele_log_producer_commit(producer, 5000, NULL);
        assert_int_equal(ended, STELE_OK);
    }
    stele_log_producer_close(producer);

    bank_run(of, (teller_options){0});

    assert_int_equal(bank_group_offset(of, 0), 3); /* lag 0: event, aborted record, marker */
    assert_true(has(of, "next=3 last=0 "));
    bank_run(of, (teller_options){0});
    assert_written(of);
    bank_free(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_aborted_transaction_is_written_again_from_the_same_states),
        cmocka_unit_test(what_changes_while_its_snapshot_is_in_doubt_is_written_too),
        cmocka_unit_test(what_hangs_is_ended_by_whoever_takes_the_partition),
        cmocka_unit_test(after_half_a_commit_was_aborted_the_checkpoint_decides),
        cmocka_unit_test(a_drain_that_is_refused_pauses_between_attempts),
        cmocka_unit_test(what_another_program_left_open_is_said_and_waited_for),
        cmocka_unit_test(a_commit_that_hangs_is_not_built_upon_after_an_abort),
        cmocka_unit_test(an_end_that_nobody_answered_opens_the_partition_anew),
        cmocka_unit_test(a_broker_that_goes_while_snapshots_are_written_loses_nothing),
        cmocka_unit_test(an_owner_that_slept_writes_neither_snapshot_nor_offset),
        cmocka_unit_test(a_transaction_of_a_fenced_owner_is_refused_and_its_partition_waits),
        cmocka_unit_test(a_partition_moves_with_its_last_snapshot_cooperative),
        cmocka_unit_test(a_partition_moves_with_its_last_snapshot_eager),
        cmocka_unit_test(a_rebalance_that_leaves_the_partition_does_not_keep_it_from_writing),
        cmocka_unit_test(the_checkpoint_moves_with_the_last_transaction_of_a_cycle),
        cmocka_unit_test(a_cycle_that_was_cut_is_gone_on_from_without_doubling),
        cmocka_unit_test(far_behind_snapshots_wait_until_they_are_worth_it),
        cmocka_unit_test(the_interval_holds_far_behind_too),
        cmocka_unit_test(not_further_behind_than_the_events_between_snapshots_each_counts),
        cmocka_unit_test(an_aggregate_that_ends_within_a_cycle_gets_its_tombstone_from_the_next),
        cmocka_unit_test(an_aggregate_that_ended_is_ended_for_whoever_comes_next),
        cmocka_unit_test(many_that_end_at_once_are_removed_in_transactions_of_a_few),
        cmocka_unit_test(tombstones_and_states_survive_compaction),
        cmocka_unit_test(a_restore_reads_all_snapshots_there_are),
        cmocka_unit_test(events_in_transactions_and_markers_at_the_end_are_gone_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
