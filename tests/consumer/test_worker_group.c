/* SPDX-License-Identifier: MIT
 * A worker and its group: partitions that come and go, and the end. */
#include "consumer/status.h"
#include "tests/consumer/worker_test.h"

/* ---- moving ---- */

static void partitions_move_with_a_drain_and_nothing_twice(world *of, bool eager)
{
    append(of, 0, 5);
    append(of, 1, 5);
    stele_worker *first = new_worker_with(of, (stele_worker_options){.eager = eager});
    turn_until_running(first);
    turns(first, 10);

    stele_worker *second = new_worker_with(of, (stele_worker_options){.eager = eager});
    for (int i = 0; i < 200; i++) {
        turn(first);
        turn(second);
    }
    append(of, 0, 5);
    append(of, 1, 5);
    for (int i = 0; i < 50; i++) {
        turn(first);
        turn(second);
    }

    for (int32_t i = 0; i < PARTITIONS; i++) {
        bool first_has = state_of(first, i) == STELE_STATE_RUNNING;
        bool second_has = state_of(second, i) == STELE_STATE_RUNNING;
        assert_true(first_has != second_has);
        assert_int_equal(of->taken[i], 10);
        assert_int_equal(of->lost[i], 0);
    }
    assert_int_equal(of->drained[0] + of->drained[1], eager ? 2 : 1);
}

static void cooperative_partitions_move_with_a_drain(void **state)
{
    partitions_move_with_a_drain_and_nothing_twice(*state, false);
}

static void eager_partitions_move_with_a_drain(void **state)
{
    partitions_move_with_a_drain_and_nothing_twice(*state, true);
}

static void a_rebalance_ends_the_wait_of_a_worker(void **state)
{
    world *of = *state;
    stele_worker *first = new_worker(of);
    stele_worker *second = new_worker(of);
    turn_until_running(first);
    turns(first, 20);
    pass(of, first, 7000); /* it is at rest */
    int64_t begun_ns = stele_clock_monotonic_ns(stele_clock_manual(&of->time));

    while (stele_worker_member(second) == NULL)
        turn(second);
    turn(second);
    assert_int_equal(stele_worker_step(first, 60000, NULL), STELE_OK);
    assert_int_equal(stele_worker_step(first, 1, NULL), STELE_OK);

    int64_t waited_ns = stele_clock_monotonic_ns(stele_clock_manual(&of->time)) - begun_ns;
    assert_true(waited_ns < INT64_C(1000000000));
    turn_until(second, 1, STELE_STATE_RUNNING);
}

static void take_waiting(void *context, const stele_status_line *line)
{
    *(int *)context += line->state == STELE_STATE_WAITING && strstr(line->reason, "assign") != NULL;
}

static void a_worker_that_is_not_let_into_the_group_says_why(void **state)
{
    world *of = *state;
    const char *const topics[] = {TOPIC, NULL};
    stele_log_member *other;
    stele_log_member_options foreign = {
        .group = GROUP, .topics = topics, .eager = true, .session_timeout_ms = 900000};
    assert_int_equal(stele_log_member_open(of->log, &foreign, &other, NULL), STELE_OK);
    assert_int_equal(stele_log_member_poll(other, 0, NULL), STELE_OK);
    stele_worker_options options = {.name = GROUP, .topic = TOPIC, .ops = &task_ops, .self = of};
    stele_worker *worker;
    assert_int_equal(stele_worker_open(of->log, &options, &worker, NULL), STELE_OK);
    of->workers[of->worker_count++] = worker;

    int waiting = 0;
    stele_deadline until = stele_deadline_after(stele_clock_system(), 20000);
    while (waiting < PARTITIONS) {
        assert_false(stele_deadline_passed(until));
        pass(of, worker, 1000);
        waiting = 0;
        assert_int_equal(stele_status_read(of->log, GROUP,
                                           stele_deadline_after(stele_clock_system(), 20000),
                                           take_waiting, &waiting, NULL),
                         STELE_OK);
    }

    stele_log_member_close(other, 1000);
    turn_until_running(worker);
}

static void what_is_lost_is_not_drained(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 10);

    stele_manual_clock_advance(&of->time, 10 * SESSION_MS); /* stopped, as by SIGSTOP */
    turns(worker, 10);

    assert_int_equal(of->lost[0], 1);
    assert_int_equal(of->drained[0], 0);
    turn_until_running(worker); /* it joins again */
    assert_int_equal(of->opened[0], 2);
}

static void all_are_asked_to_close_before_one_is_waited_for(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);

    stele_manual_clock_advance(&of->time, 10 * SESSION_MS);
    turn(worker);

    assert_int_equal(of->lost[0] + of->lost[1], PARTITIONS);
    assert_int_equal(of->ended_before_close, PARTITIONS);
}

static void assert_closed_together(const world *of)
{
    assert_int_equal(of->ended, PARTITIONS);
    assert_int_equal(of->ended_before_close, PARTITIONS);
    assert_int_equal(of->closing_ms, 1000);
    for (int i = 0; i < PARTITIONS; i++)
        assert_int_equal(of->closed[i], 1);
}

static void all_that_stop_are_waited_for_together(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    of->closes_late = true;

    assert_int_equal(stele_log_memory_partitions_raise(of->log, TOPIC, 4, NULL), STELE_OK);
    turn_until(worker, 0, STELE_STATE_STOPPED);

    assert_closed_together(of);
}

static void all_that_are_fenced_are_waited_for_together(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    of->closes_late = true;

    of->tick = (order){STELE_E_FENCED, STELE_NEXT_STOP, "another owner has taken over", false};
    turn(worker);

    assert_closed_together(of);
}

static void all_that_begin_again_with_another_reader_are_waited_for_together(void **state)
{
    world *of = *state;
    of->prepare = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", false};
    stele_worker *worker = new_worker(of);
    turn_until(worker, 0, STELE_STATE_RESTORING);
    turn_until(worker, 1, STELE_STATE_RESTORING);
    of->closes_late = true;

    for (int i = 0; i < 40 && of->closing_ms == 0; i++)
        pass(of, worker, 1000);

    assert_closed_together(of);
}

static void a_stop_drains_and_leaves(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 10);
    atomic_bool stop = true;

    assert_int_equal(stele_worker_run(worker, &stop, NULL), STELE_OK);

    assert_int_equal(of->drained[0], 1);
    assert_int_equal(of->closed[0], 1);
    assert_int_equal(of->lost[0], 0);
    assert_int_equal(of->position[0], 5);
}

static void a_drain_that_does_not_end_is_cut_off(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker_with(of, (stele_worker_options){.drain_timeout_ms = 30});
    turn_until_running(worker);
    of->drain = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", false};
    atomic_bool stop = true;

    assert_int_equal(stele_worker_run(worker, &stop, NULL), STELE_OK);

    assert_int_equal(of->drained[0], 0);
    assert_int_equal(of->closed[0], 1);
}

static void a_worker_that_is_to_write_no_last_snapshot_drains_nothing(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker_with(of, (stele_worker_options){.drain_timeout_ms = -1});
    turn_until_running(worker);
    of->drain = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", false};
    atomic_bool stop = true;

    assert_int_equal(stele_worker_run(worker, &stop, NULL), STELE_OK);

    assert_int_equal(of->drain_calls, 0);
    assert_int_equal(of->closed[0], 1);
}

/* ---- outside of the assignment ---- */

/* Two of them, each with a partition. @return the number of the second one's */
static int32_t share(stele_worker *first, stele_worker *second)
{
    for (int i = 0; i < 200; i++) {
        turn(first);
        turn(second);
    }
    int32_t of_second = state_of(second, 0) == STELE_STATE_RUNNING ? 0 : 1;
    turn_until(first, 1 - of_second, STELE_STATE_RUNNING);
    turn_until(second, of_second, STELE_STATE_RUNNING);
    return of_second;
}

static void a_partition_is_taken_that_the_group_has_not_assigned(void **state)
{
    world *of = *state;
    stele_worker *first = new_worker(of);
    stele_worker *second = new_worker(of);
    assert_false(stele_worker_take(first, 0)); /* it is in no group yet */
    int32_t taken = share(first, second);

    append(of, taken, 5);
    assert_true(stele_worker_take(first, taken));
    assert_false(stele_worker_take(first, taken)); /* it is ours */
    turn_until(first, taken, STELE_STATE_RUNNING);
    turns(first, 10);

    assert_int_equal(stele_worker_progress(first, taken).position, 5);
}

static void what_the_group_takes_away_is_kept_until_it_is_given_away(void **state)
{
    world *of = *state;
    stele_worker *first = new_worker_with(of, (stele_worker_options){.keeps_revoked = true});
    turn_until_running(first);
    stele_worker *second = new_worker(of);
    int32_t moved = share(first, second);

    assert_int_equal(state_of(first, moved), STELE_STATE_RUNNING);
    assert_int_equal(of->drained[moved], 0);
    stele_worker_give(first, moved);
    turns(first, 5);

    assert_int_equal(state_of(first, moved), STELE_STATE_UNKNOWN);
    assert_int_equal(of->drained[moved], 1);
    assert_int_equal(of->lost[moved], 0);
    for (int i = 0; i < 8; i++) {
        pass(of, first, 1000);
        turn(second);
    }
    assert_int_equal(state_of(first, moved), STELE_STATE_UNKNOWN); /* it is not assigned */
}

static void what_does_not_drain_is_given_away_after_two_seconds(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    of->drain = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", false};

    stele_worker_give(worker, 0);
    turns(worker, 5);
    assert_int_equal(of->closed[0], 0);
    pass(of, worker, 2000);

    assert_int_equal(of->closed[0], 1);
    assert_int_equal(of->drained[0], 0);
}

static void what_was_given_away_and_stays_assigned_is_taken_again_after_a_session(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);

    stele_worker_give(worker, 0);
    pass(of, worker, SESSION_MS - 1000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_UNKNOWN);
    pass(of, worker, 2000);

    assert_int_equal(of->opened[0], 2);
    turn_until_running(worker);
}

static void what_is_kept_and_assigned_again_goes_on(void **state)
{
    world *of = *state;
    stele_worker *first = new_worker_with(of, (stele_worker_options){.keeps_revoked = true});
    turn_until_running(first);
    stele_worker *second = new_worker(of);
    int32_t moved = share(first, second);
    atomic_bool stop = true;

    assert_int_equal(stele_worker_run(second, &stop, NULL), STELE_OK); /* it leaves */
    turns(first, 200);
    of->opened[moved] = 0;
    pass(of, first, SESSION_MS + 2000);

    assert_int_equal(state_of(first, moved), STELE_STATE_RUNNING);
    assert_int_equal(of->opened[moved], 0);
}

static void what_is_kept_and_fenced_is_no_longer_ours(void **state)
{
    world *of = *state;
    stele_worker *first = new_worker_with(of, (stele_worker_options){.keeps_revoked = true});
    turn_until_running(first);
    int32_t moved = share(first, new_worker(of));
    stele_worker_give(first, 1 - moved); /* the one that is ticked is the one that was kept */
    turns(first, 5);
    of->tick = (order){STELE_E_FENCED, STELE_NEXT_STOP, "another owner has taken over", true};
    turns(first, 3);

    assert_int_equal(state_of(first, moved), STELE_STATE_UNKNOWN);
    assert_int_equal(of->lost[moved], 1);
}

static void a_stop_drains_what_is_kept_too(void **state)
{
    world *of = *state;
    stele_worker *first = new_worker_with(of, (stele_worker_options){.keeps_revoked = true});
    turn_until_running(first);
    share(first, new_worker(of));
    atomic_bool stop = true;

    assert_int_equal(stele_worker_run(first, &stop, NULL), STELE_OK);

    assert_int_equal(of->drained[0], 1);
    assert_int_equal(of->drained[1], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(cooperative_partitions_move_with_a_drain),
        CASE(eager_partitions_move_with_a_drain),
        CASE(a_rebalance_ends_the_wait_of_a_worker),
        CASE(a_worker_that_is_not_let_into_the_group_says_why),
        CASE(what_is_lost_is_not_drained),
        CASE(all_are_asked_to_close_before_one_is_waited_for),
        CASE(all_that_stop_are_waited_for_together),
        CASE(all_that_are_fenced_are_waited_for_together),
        CASE(all_that_begin_again_with_another_reader_are_waited_for_together),
        CASE(a_stop_drains_and_leaves),
        CASE(a_worker_that_is_to_write_no_last_snapshot_drains_nothing),
        CASE(a_drain_that_does_not_end_is_cut_off),
        CASE(a_partition_is_taken_that_the_group_has_not_assigned),
        CASE(what_the_group_takes_away_is_kept_until_it_is_given_away),
        CASE(what_does_not_drain_is_given_away_after_two_seconds),
        CASE(what_was_given_away_and_stays_assigned_is_taken_again_after_a_session),
        CASE(what_is_kept_and_assigned_again_goes_on),
        CASE(what_is_kept_and_fenced_is_no_longer_ours),
        CASE(a_stop_drains_what_is_kept_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
