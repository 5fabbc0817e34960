/* SPDX-License-Identifier: MIT
 * What a worker has done with and what takes long to close: members that it has left, readers that
 * were replaced. */
#include "core/monitor.h"
#include "kafka/log_port.h"
#include "tests/consumer/worker_test.h"

/* What stands between the worker and the log: closing waits at a door. */
static struct {
    const stele_log_ops *log;
    stele_log_ops ops;
    stele_reader_ops reader;
    stele_member_ops member;
    bool member_is_dead; /* the next poll says so */
    stele_monitor monitor;
    bool is_shut;
    int waiting;
    int closed;
} door;

static void pass_door(void)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), 20000);
    stele_monitor_lock(&door.monitor);
    door.waiting++;
    stele_monitor_wake(&door.monitor);
    while (door.is_shut && stele_monitor_wait(&door.monitor, until)) {
    }
    door.waiting--;
    door.closed++;
    stele_monitor_unlock(&door.monitor);
}

static void close_reader(stele_log_reader *reader)
{
    pass_door();
    door.log->reader->close(reader);
}

static void close_member(stele_log_member *member, int timeout_ms)
{
    pass_door();
    door.log->member->close(member, timeout_ms);
}

static stele_status poll_member(stele_log_member *member, int timeout_ms, stele_error *err)
{
    if (!door.member_is_dead) return door.log->member->poll(member, timeout_ms, err);
    door.member_is_dead = false;
    return stele_fail(err, STELE_E_INTERNAL, STELE_NEXT_STOP, "group member: it is dead");
}

static void shut(bool is_shut)
{
    stele_monitor_lock(&door.monitor);
    door.is_shut = is_shut;
    stele_monitor_wake(&door.monitor);
    stele_monitor_unlock(&door.monitor);
}

static void wait_for_one_at_the_door(void)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), 20000);
    stele_monitor_lock(&door.monitor);
    while (door.waiting == 0 && stele_monitor_wait(&door.monitor, until)) {
    }
    assert_int_equal(door.waiting, 1);
    assert_int_equal(door.closed, 0);
    stele_monitor_unlock(&door.monitor);
}

static int begin_with_door(void **state)
{
    begin(state);
    world *of = *state;
    memset(&door, 0, sizeof door);
    stele_monitor_init(&door.monitor, stele_runtime_system());
    door.log = of->log->ops;
    door.ops = *door.log;
    door.reader = *door.log->reader;
    door.reader.close = close_reader;
    door.member = *door.log->member;
    door.member.close = close_member;
    door.member.poll = poll_member;
    door.ops.reader = &door.reader;
    door.ops.member = &door.member;
    of->log->ops = &door.ops;
    return 0;
}

static int end_with_door(void **state)
{
    shut(false);
    end(state);
    stele_monitor_clear(&door.monitor);
    return 0;
}

/* What is open as the worker is closed, and its end waits for: its member and its reader. */
static void assert_closed_with_the_worker(world *of, int before)
{
    shut(false);
    stele_worker_close(of->workers[0]);
    of->worker_count = 0;
    assert_int_equal(door.waiting, 0);
    assert_int_equal(door.closed, before + 2);
}

static void a_member_that_died_is_closed_beside_the_worker(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    shut(true);

    door.member_is_dead = true;
    turn(worker);
    wait_for_one_at_the_door();
    assert_int_equal(of->lost[0] + of->lost[1], PARTITIONS);
    assert_int_equal(of->closed[0] + of->closed[1], PARTITIONS);
    while (stele_worker_member(worker) == NULL) /* it joins again meanwhile */
        turn(worker);

    assert_closed_with_the_worker(of, 1);
}

static void what_a_member_that_was_left_gives_back_is_not_taken_from_the_next_one(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    shut(true);
    door.member_is_dead = true;
    turn(worker);
    wait_for_one_at_the_door();

    stele_manual_clock_advance(&of->time, 2 * SESSION_MS); /* the group waits for it no more */
    turn_until_running(worker);
    shut(false);
    turns(worker, 50);

    assert_int_equal(of->opened[0], 2);
    turn_until_running(worker);
    assert_int_equal(of->opened[0], 2);
}

static void a_worker_that_joins_again_drains_before_it_leaves(void **state)
{
    world *of = *state;
    append(of, 1, 5);
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 10);
    shut(true);

    of->tick = (order){STELE_E_FENCED, STELE_NEXT_STOP, "another owner has taken over", true};
    turns(worker, 3);
    pass(of, worker, SESSION_MS + 1000);
    turn_until_running(worker);
    of->tick = (order){STELE_E_FENCED, STELE_NEXT_STOP, "another owner has taken over", true};
    turns(worker, 3);
    pass(of, worker, SESSION_MS + 1000);
    wait_for_one_at_the_door();

    assert_int_equal(of->drained[1], 1);
    assert_int_equal(of->lost[1], 0);
    assert_int_equal(of->position[1], 5);
}

static void a_reader_that_is_replaced_is_closed_beside_the_worker(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 10);
    append(of, 0, 5);
    stele_log_reader_hold(stele_worker_reader(worker), (stele_partition){TOPIC, 0}, true);
    shut(true);

    pass(of, worker, 32000);
    wait_for_one_at_the_door();

    assert_int_equal(of->taken[0], 10); /* read by the next one */
    assert_closed_with_the_worker(of, 1);
}

#define AT_DOOR(test) cmocka_unit_test_setup_teardown(test, begin_with_door, end_with_door)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_DOOR(a_member_that_died_is_closed_beside_the_worker),
        AT_DOOR(what_a_member_that_was_left_gives_back_is_not_taken_from_the_next_one),
        AT_DOOR(a_worker_that_joins_again_drains_before_it_leaves),
        AT_DOOR(a_reader_that_is_replaced_is_closed_beside_the_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
