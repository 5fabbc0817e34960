/* SPDX-License-Identifier: MIT
 * The worker loop on the log in memory, with tasks that do as they are told: reading, waiting,
 * stopping. */
#include <unistd.h>

#include "consumer/status.h"
#include "core/alloc.h"
#include "registry/registry_port.h"
#include "tests/consumer/worker_test.h"

/* ---- reading ---- */

static void each_partition_is_read_from_where_its_task_says(void **state)
{
    world *of = *state;
    append(of, 0, 3000);
    append(of, 1, 10);
    of->position[1] = 4;
    stele_worker *worker = new_worker(of);

    turn_until_running(worker);
    turns(worker, 20);

    assert_int_equal(of->taken[0], 3000);
    assert_int_equal(of->taken[1], 6);
    assert_int_equal(stele_worker_progress(worker, 1).position, 10);
}

static void a_batch_that_cannot_be_taken_yet_is_offered_again_whole(void **state)
{
    world *of = *state;
    append(of, 0, 10);
    of->take = (order){STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "schema 7: registry is away", false};
    stele_worker *worker = new_worker(of);

    turn_until(worker, 0, STELE_STATE_WAITING);
    assert_string_equal(reason_of(worker, 0), "schema 7: registry is away");
    turn_until(worker, 1, STELE_STATE_WAITING); /* its end of partition */
    int calls = of->take_calls;
    turns(worker, 50);
    assert_int_equal(of->take_calls, calls); /* not before the back-off is over */

    append(of, 1, 5);
    of->take = (order){0};
    pass(of, worker, 10000);
    assert_int_equal(of->taken[0], 10);
    assert_int_equal(of->taken[1], 5);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
    assert_string_equal(reason_of(worker, 0), "");
}

static void a_task_that_wants_its_thread_given_back_is_called_again_at_once(void **state)
{
    world *of = *state;
    append(of, 0, 10);
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 10);
    append(of, 0, 1);
    of->take = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", true};

    turns(worker, 3);

    assert_int_equal(of->taken[0], 11);
}

/* ---- stopping ---- */

static void one_stopped_partition_leaves_the_others_running(void **state)
{
    world *of = *state;
    append(of, 0, 1);
    of->take = (order){STELE_E_INVALID, STELE_NEXT_REJECT, "account.events/0/0: bad bytes", true};
    stele_worker *worker = new_worker(of);

    for (int i = 0; i < TURNS_MAX && of->take_calls == 0; i++)
        turn(worker);
    int32_t stopped = state_of(worker, 0) == STELE_STATE_STOPPED ? 0 : 1;
    int32_t other = 1 - stopped;
    append(of, other, 5);
    turns(worker, 20);

    assert_int_equal(state_of(worker, stopped), STELE_STATE_STOPPED);
    assert_string_equal(reason_of(worker, stopped), "account.events/0/0: bad bytes");
    assert_int_equal(of->closed[stopped], 1);
    assert_int_equal(state_of(worker, other), STELE_STATE_RUNNING);
    assert_true(of->taken[other] >= 5);
    assert_false(stele_worker_is_stopped(worker));
}

static void a_worker_ends_when_every_partition_is_stopped(void **state)
{
    world *of = *state;
    of->prepare = (order){STELE_E_HOLE, STELE_NEXT_STOP, "offset reset", false};
    stele_worker *worker = new_worker(of);
    atomic_bool stop = false;
    stele_error err;

    assert_int_equal(stele_worker_run(worker, &stop, &err), STELE_E_STOPPED);

    assert_non_null(strstr(err.text, "every partition is stopped: offset reset"));
}

static void take_stopped(void *context, const stele_status_line *line)
{
    *(int *)context += line->state == STELE_STATE_STOPPED && strcmp(line->reason, "a hole") == 0;
}

static void why_a_worker_ended_stands_in_its_status(void **state)
{
    world *of = *state;
    of->prepare = (order){STELE_E_HOLE, STELE_NEXT_STOP, "a hole", false};
    stele_worker_options options = {.name = GROUP, .topic = TOPIC, .ops = &task_ops, .self = of};
    stele_worker *worker;
    assert_int_equal(stele_worker_open(of->log, &options, &worker, NULL), STELE_OK);
    atomic_bool stop = false;

    assert_int_equal(stele_worker_run(worker, &stop, NULL), STELE_E_STOPPED);
    stele_worker_close(worker);

    int stopped = 0;
    assert_int_equal(stele_status_read(of->log, GROUP,
                                       stele_deadline_after(stele_clock_system(), 20000),
                                       take_stopped, &stopped, NULL),
                     STELE_OK);
    assert_int_equal(stopped, PARTITIONS);
}

static void a_hole_stops_the_partition_and_names_the_offset(void **state)
{
    world *of = *state;
    append(of, 0, 10);
    of->position[0] = 3;
    assert_int_equal(stele_log_memory_delete_records(of->log, (stele_partition){TOPIC, 0}, 5, NULL),
                     STELE_OK);
    stele_worker *worker = new_worker(of);

    turn_until(worker, 0, STELE_STATE_STOPPED);

    assert_non_null(strstr(reason_of(worker, 0), TOPIC "/0"));
    assert_non_null(strstr(reason_of(worker, 0), "3"));
    assert_int_equal(of->taken[0], 0);
}

static void another_partition_count_stops_all_partitions(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);

    assert_int_equal(stele_log_memory_partitions_raise(of->log, TOPIC, 4, NULL), STELE_OK);
    turn_until(worker, 0, STELE_STATE_STOPPED);
    turn_until(worker, 1, STELE_STATE_STOPPED);
    turns(worker, 20);

    for (int32_t i = 0; i < 4; i++) {
        if (state_of(worker, i) != STELE_STATE_UNKNOWN)
            assert_int_equal(state_of(worker, i), STELE_STATE_STOPPED);
    }
    assert_string_equal(
        reason_of(worker, 0),
        "account.events had 2 partitions and has 4: keys have moved to other partitions, so states "
        "would be split in two; copy its events to a new topic with that many");
    assert_true(stele_worker_is_stopped(worker));
}

/* ---- waiting ---- */

static void a_worker_waits_for_a_topic_that_is_not_there(void **state)
{
    world *of = *state;
    int pipe_ends[2];
    assert_int_equal(pipe(pipe_ends), 0);
    static stele_logger logger; /* outlives the worker */
    logger = (stele_logger){.clock = stele_clock_manual(&of->time), .fd = pipe_ends[1]};
    stele_worker *worker = new_worker_with(of, (stele_worker_options){.logger = &logger});

    pass(of, worker, 25000);
    close(pipe_ends[1]);
    char text[4096] = {0};
    size_t size = 0;
    ssize_t more;
    while ((more = read(pipe_ends[0], text + size, sizeof text - 1 - size)) > 0)
        size += (size_t)more;
    close(pipe_ends[0]);
    size_t lines = 0;
    for (const char *at = text; (at = strstr(at, "waiting for the topic")) != NULL; at++)
        lines++;
    assert_in_range(lines, 2, 3); /* every ten seconds, and not each time that it asked */

    logger.fd = -1;
    make_topic(of);
    append(of, 0, 1);
    pass(of, worker, 10000);
    assert_int_equal(of->taken[0], 1);
}

static void a_broker_that_is_away_is_waited_for(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);

    stele_log_memory_set_up(of->log, false);
    turn_until(worker, 0, STELE_STATE_WAITING);
    assert_string_equal(reason_of(worker, 0), "no broker answers");
    pass(of, worker, 60000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING);

    stele_log_memory_set_up(of->log, true);
    append(of, 0, 1);
    turn_until_running(worker);
    turns(worker, 20);
    assert_int_equal(of->taken[0], 1);
}

static void a_worker_that_waits_for_a_schema_is_called_when_one_comes(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    stele_registry *registry;
    stele_registry_options where = {.log = of->log};
    assert_int_equal(stele_registry_open(&where, &registry, NULL), STELE_OK);
    of->take = (order){STELE_E_NOT_FOUND, STELE_NEXT_RETRY,
                       "the registry does not know schema id 7 yet", false};
    stele_worker *worker = new_worker_with(of, (stele_worker_options){.registry = registry});
    turn_until(worker, 0, STELE_STATE_WAITING);
    turn(worker);
    assert_int_equal(of->taken[0], 0);

    of->take = (order){0};
    stele_registry_tell(registry);
    turn(worker);

    assert_int_equal(of->taken[0], 5);
    of->worker_count = 0;
    stele_worker_close(worker);
    stele_registry_close(registry);
}

static void a_restore_that_waits_says_for_what(void **state)
{
    world *of = *state;
    of->prepare = (order){STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "registry is away", false};
    stele_worker *worker = new_worker(of);

    turn_until(worker, 0, STELE_STATE_WAITING);
    assert_string_equal(reason_of(worker, 0), "registry is away");
    pass(of, worker, 120000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING); /* not stalled: it has a reason */

    of->prepare = (order){0};
    pass(of, worker, 6000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
}

static void an_answer_on_its_way_is_said_when_it_takes_long(void **state)
{
    static const char *const why = "registry: no answer yet what schema 7 is";
    world *of = *state;
    append(of, 0, 5);
    of->take = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, why, false};
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);

    pass(of, worker, 4000);
    assert_int_equal(of->taken[0], 0);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
    assert_string_equal(reason_of(worker, 0), "");
    pass(of, worker, 2000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING);
    assert_string_equal(reason_of(worker, 0), why);

    of->take = (order){0};
    pass(of, worker, 6000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
    assert_int_equal(of->taken[0], 5);
}

static void what_failed_is_said_at_once_also_after_an_answer_on_its_way(void **state)
{
    world *of = *state;
    of->prepare = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "no answer yet", true};
    stele_worker *worker = new_worker(of);
    for (int i = 0; i < TURNS_MAX && of->prepare_calls == 0; i++)
        turn(worker);
    of->prepare = (order){STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "registry is away", false};

    pass(of, worker, 1000);

    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING);
    assert_string_equal(reason_of(worker, 0), "registry is away");
}

static void a_call_that_waits_is_not_hidden_by_another_that_does_not(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    of->take = (order){STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "schema 7: registry is away", false};
    of->tick = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", false};
    stele_worker *worker = new_worker(of);
    turn_until(worker, 0, STELE_STATE_WAITING);
    turn_until(worker, 1, STELE_STATE_WAITING);

    int calls = of->take_calls;
    turns(worker, 200);
    assert_true(of->take_calls - calls < 10); /* after a back-off each, and not in each turn */

    pass(of, worker, 40000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING); /* not stalled: it has a reason */
    assert_string_equal(reason_of(worker, 0), "schema 7: registry is away");
}

static void what_cannot_be_written_is_shown_while_events_are_applied(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    of->tick =
        (order){STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "snapshots cannot be committed", false};

    for (int i = 0; i < 20; i++) {
        append(of, 0, 1);
        turn(worker);
        assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING);
        assert_string_equal(reason_of(worker, 0), "snapshots cannot be committed");
    }

    assert_true(of->taken[0] >= 10);
    of->tick = (order){0};
    turns(worker, 2);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
}

/* ---- at rest ---- */

enum { QUIET_MS = 7000, LONG_MS = 400 };

/* How long a turn lasts to which nothing comes. */
static int64_t turn_lasts_ms(world *of, stele_worker *worker)
{
    int64_t begun_ns = stele_clock_monotonic_ns(stele_clock_manual(&of->time));
    assert_int_equal(stele_worker_step(worker, LONG_MS, NULL), STELE_OK);
    return (stele_clock_monotonic_ns(stele_clock_manual(&of->time)) - begun_ns) / 1000000;
}

static void a_worker_at_rest_sleeps_until_something_comes(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 20);
    assert_int_equal(turn_lasts_ms(of, worker), 100);

    pass(of, worker, QUIET_MS);
    assert_int_equal(turn_lasts_ms(of, worker), LONG_MS);
    stele_worker_wake(worker);
    assert_int_equal(turn_lasts_ms(of, worker), 0);
    assert_int_equal(turn_lasts_ms(of, worker), 100); /* it may be under way */

    pass(of, worker, QUIET_MS);
    append(of, 0, 1);
    turns(worker, 2);
    assert_int_equal(of->taken[0], 1);
    assert_int_equal(turn_lasts_ms(of, worker), 100);
}

static void a_worker_at_rest_comes_when_a_task_has_said(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 20);
    pass(of, worker, QUIET_MS);

    stele_worker_call_within(worker, 250);
    assert_int_equal(turn_lasts_ms(of, worker), 250);
    assert_int_equal(turn_lasts_ms(of, worker), LONG_MS);
}

static void a_call_that_failed_is_made_again_when_its_back_off_is_over(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 20);
    pass(of, worker, QUIET_MS);
    of->take = (order){STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "registry is away", false};
    append(of, 0, 1);
    turns(worker, 2);
    int calls = of->take_calls;

    assert_true(turn_lasts_ms(of, worker) <= 50);
    turn(worker);

    assert_int_equal(of->take_calls, calls + 1);
}

/* ---- stalling ---- */

static void a_restore_without_progress_is_stalled_and_begun_again(void **state)
{
    world *of = *state;
    of->prepare = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", false};
    stele_worker *worker = new_worker(of);
    turn_until(worker, 0, STELE_STATE_RESTORING);

    pass(of, worker, 31000);

    assert_int_equal(state_of(worker, 0), STELE_STATE_STALLED);
    assert_non_null(strstr(reason_of(worker, 0), "restoring has made no progress for 30 s"));
    turns(worker, 2);
    assert_int_equal(of->opened[0], 2);
    of->prepare = (order){0};
    turn_until(worker, 0, STELE_STATE_RUNNING);
}

static void a_partition_that_is_behind_and_does_not_move_is_stalled(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 10);
    append(of, 0, 5);
    of->take = (order){STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", false};

    pass(of, worker, 31000);

    turn_until(worker, 0, STELE_STATE_STALLED);
    assert_string_equal(reason_of(worker, 0),
                        "no event was applied for 30 s at account.events/0/5, "
                        "the log ends at 10");
    assert_int_equal(state_of(worker, 1), STELE_STATE_RUNNING); /* nothing to do is no stall */
    of->take = (order){0};
    turns(worker, 5);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
    assert_string_equal(reason_of(worker, 0), "");
    assert_int_equal(of->taken[0], 10);
}

static void a_reader_that_gives_nothing_is_replaced(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 10);
    append(of, 0, 5);
    /* As a fetch does that has been forgotten. */
    stele_log_reader_hold(stele_worker_reader(worker), (stele_partition){TOPIC, 0}, true);

    pass(of, worker, 30000);
    assert_int_equal(of->taken[0], 5);
    pass(of, worker, 2000);

    assert_int_equal(of->taken[0], 10);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
    assert_int_equal(of->opened[0], 1);
}

static void a_reader_that_cannot_be_replaced_serves_on(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 10);
    append(of, 0, 5);
    stele_log_reader_hold(stele_worker_reader(worker), (stele_partition){TOPIC, 0}, true);
    stele_log_memory_refuse_readers(of->log, true);

    pass(of, worker, 32000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_STALLED);
    append(of, 1, 5);
    turns(worker, 10);
    assert_int_equal(of->taken[1], 5); /* the others go on */

    stele_log_memory_refuse_readers(of->log, false);
    pass(of, worker, 32000);
    assert_int_equal(of->taken[0], 10);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
}

static void a_worker_that_gets_no_reader_ends_its_process(void **state)
{
    world *of = *state;
    stele_log_memory_refuse_readers(of->log, true);
    stele_worker *worker = new_worker(of);
    atomic_bool stop = false;
    stele_error err;

    stele_status status = stele_worker_run(worker, &stop, &err);

    assert_int_equal(status, STELE_E_INTERNAL); /* which is not STELE_E_STOPPED */
    assert_string_equal(err.text, "too many open files");
}

static void records_that_a_transaction_holds_back_are_a_reason(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    stele_log_producer *other;
    stele_log_producer_options options = {.transactional_id = "other",
                                          .transaction_timeout_ms = 900000};
    assert_int_equal(stele_log_producer_open(of->log, &options, &other, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_init(other, TOPIC, 1000, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_begin(other, NULL), STELE_OK);
    stele_log_entry entry = {
        .partition = {TOPIC, 0}, .key = stele_text("a"), .value = stele_text("v")};
    assert_int_equal(stele_log_producer_put(other, &entry, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_flush(other, 1000, NULL), STELE_OK);
    append(of, 0, 2);

    pass(of, worker, 15000);
    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING);
    assert_non_null(strstr(reason_of(worker, 0), "3 records from offset 0 on are held back"));
    pass(of, worker, 17000);

    assert_int_equal(state_of(worker, 0), STELE_STATE_STALLED);
    assert_non_null(strstr(reason_of(worker, 0), "3 records from offset 0 on are held back"));
    assert_int_equal(state_of(worker, 1), STELE_STATE_RUNNING);
    assert_int_equal(stele_log_producer_abort(other, 1000, NULL), STELE_OK);
    stele_log_producer_close(other);
    pass(of, worker, 2000);
    assert_int_equal(of->taken[0], 2);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
}

/* ---- tasks that die ---- */

static void a_task_whose_state_cannot_be_trusted_is_opened_anew(void **state)
{
    world *of = *state;
    append(of, 0, 5);
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    turns(worker, 10);
    of->tick = (order){STELE_E_TIMED_OUT, STELE_NEXT_ABORT, "commit: outcome unknown", true};

    turn(worker);
    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING);
    assert_string_equal(reason_of(worker, 0), "commit: outcome unknown");
    pass(of, worker, 1000);

    assert_int_equal(of->opened[0], 2);
    assert_int_equal(of->lost[0], 1);
    assert_int_equal(of->taken[0], 10); /* from where it was durable */
}

static void a_fenced_partition_that_the_group_leaves_here_is_opened_again(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    of->tick = (order){STELE_E_FENCED, STELE_NEXT_STOP, "another owner has taken over", true};

    turn(worker);
    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING);
    assert_int_equal(of->lost[0], 1);
    pass(of, worker, SESSION_MS - 1000);
    assert_int_equal(of->opened[0], 1);
    assert_int_equal(state_of(worker, 0), STELE_STATE_WAITING);

    pass(of, worker, 3000); /* a session is over, and the group did not take it away */
    assert_int_equal(of->opened[0], 2);
    assert_int_equal(state_of(worker, 0), STELE_STATE_RUNNING);
    assert_int_equal(of->opened[1], 1); /* it did not leave */
}

static void a_partition_that_is_fenced_again_makes_its_worker_join_again(void **state)
{
    world *of = *state;
    stele_worker *worker = new_worker(of);
    turn_until_running(worker);
    for (int i = 0; i < 2; i++) {
        of->tick = (order){STELE_E_FENCED, STELE_NEXT_STOP, "another owner has taken over", true};
        turn(worker);
        pass(of, worker, SESSION_MS + 5000);
    }

    assert_int_equal(of->opened[1], 2);
    turn_until_running(worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_partition_is_read_from_where_its_task_says),
        CASE(a_batch_that_cannot_be_taken_yet_is_offered_again_whole),
        CASE(a_task_that_wants_its_thread_given_back_is_called_again_at_once),
        CASE(one_stopped_partition_leaves_the_others_running),
        CASE(a_worker_ends_when_every_partition_is_stopped),
        CASE(why_a_worker_ended_stands_in_its_status),
        CASE(a_hole_stops_the_partition_and_names_the_offset),
        CASE(another_partition_count_stops_all_partitions),
        cmocka_unit_test_setup_teardown(a_worker_waits_for_a_topic_that_is_not_there,
                                        begin_without_topic, end),
        CASE(a_broker_that_is_away_is_waited_for),
        CASE(a_worker_that_waits_for_a_schema_is_called_when_one_comes),
        CASE(a_restore_that_waits_says_for_what),
        CASE(an_answer_on_its_way_is_said_when_it_takes_long),
        CASE(what_failed_is_said_at_once_also_after_an_answer_on_its_way),
        CASE(a_call_that_waits_is_not_hidden_by_another_that_does_not),
        CASE(what_cannot_be_written_is_shown_while_events_are_applied),
        CASE(a_worker_at_rest_sleeps_until_something_comes),
        CASE(a_worker_at_rest_comes_when_a_task_has_said),
        CASE(a_call_that_failed_is_made_again_when_its_back_off_is_over),
        CASE(a_restore_without_progress_is_stalled_and_begun_again),
        CASE(a_partition_that_is_behind_and_does_not_move_is_stalled),
        CASE(a_reader_that_gives_nothing_is_replaced),
        CASE(a_reader_that_cannot_be_replaced_serves_on),
        CASE(a_worker_that_gets_no_reader_ends_its_process),
        CASE(records_that_a_transaction_holds_back_are_a_reason),
        CASE(a_task_whose_state_cannot_be_trusted_is_opened_anew),
        CASE(a_fenced_partition_that_the_group_leaves_here_is_opened_again),
        CASE(a_partition_that_is_fenced_again_makes_its_worker_join_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
