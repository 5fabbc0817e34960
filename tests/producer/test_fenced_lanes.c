/* SPDX-License-Identifier: MIT
 * Two lanes of one fenced writer, as an aggregate's owner has them: events and snapshots. */
#include "producer/fenced.h"

#include <stdatomic.h>

#include "kafka/log_port.h"
#include "kafka/memory_log.h"
#include "tests/producer/fenced_test.h"
#include "tests/support/manual_time.h"

enum { EVENT_LANE = 0, SNAPSHOT_LANE = 1 };

/* An aggregate's: events in one lane, which it follows, and snapshots in the other. */
static stele_fenced *opened_with_lanes(stele_log *log)
{
    static const char *const others[] = {EVENTS, NULL};
    stele_fenced *fenced;
    stele_error err;
    stele_fenced_options options = {.transactional_id = "account.events-0",
                                    .topic = TOPIC,
                                    .others = others,
                                    .lanes = 2,
                                    .follows = {EVENTS, 0}};
    assert_int_equal(stele_fenced_open(log, &options, &fenced, &err), STELE_OK);
    wait_for_state(fenced, STELE_FENCED_READY, NULL);
    return fenced;
}

static stele_transaction *with_event(const char *value)
{
    stele_transaction *transaction = stele_transaction_new();
    stele_transaction_put(transaction, (stele_partition){EVENTS, 0}, stele_text("a"),
                          stele_text(value), NULL, 0);
    return transaction;
}

static void submit_in(stele_fenced *fenced, int lane, stele_transaction *transaction)
{
    stele_error err;
    assert_int_equal(stele_fenced_submit(fenced, lane, transaction, &err), STELE_OK);
}

static stele_outcome outcome_in(stele_fenced *fenced, int lane)
{
    stele_outcome outcome;
    assert_true(stele_fenced_outcome(fenced, lane, WAIT_MS, &outcome));
    stele_transaction_free(outcome.transaction);
    return outcome;
}

static void see_all_events(stele_log *log, stele_fenced *fenced)
{
    stele_error err;
    int64_t start;
    int64_t end;
    stele_partition events = {EVENTS, 0};
    assert_int_equal(
        stele_log_bounds(log, events, STELE_READ_COMMITTED, WAIT_MS, &start, &end, &err), STELE_OK);
    stele_fenced_visible(fenced, events, end);
}

static void each_lane_has_its_turn_and_its_own_outcomes(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened_with_lanes(log);
    stele_outcome outcome;

    for (int i = 0; i < 3; i++) {
        submit_in(fenced, SNAPSHOT_LANE, with_record("a", "s"));
        submit_in(fenced, EVENT_LANE, with_event("e"));
        assert_int_equal(outcome_in(fenced, EVENT_LANE).status, STELE_OK);
        assert_int_equal(outcome_in(fenced, SNAPSHOT_LANE).status, STELE_OK);
        see_all_events(log, fenced);
    }
    assert_false(stele_fenced_outcome(fenced, EVENT_LANE, WAIT_MS, &outcome));
    assert_false(stele_fenced_outcome(fenced, SNAPSHOT_LANE, WAIT_MS, &outcome));

    assert_committed(log, "s s s ");
    stele_fenced_close(fenced, WAIT_MS);
}

/* Two that are never empty: whoever has just had its turn waits for the other one. */
static void a_lane_that_is_always_full_does_not_keep_another_from_its_turn(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened_with_lanes(log);
    stele_error err;
    int events = 0;
    bool is_snapshot_done = false;
    stele_outcome outcome;

    submit_in(fenced, EVENT_LANE, with_event("e"));
    submit_in(fenced, SNAPSHOT_LANE, with_record("a", "s"));
    while (!is_snapshot_done) {
        stele_transaction *next = with_event("e");
        if (stele_fenced_submit(fenced, EVENT_LANE, next, &err) < 0) stele_transaction_free(next);
        assert_int_equal(outcome_in(fenced, EVENT_LANE).status, STELE_OK);
        see_all_events(log, fenced);
        events++;
        is_snapshot_done = stele_fenced_outcome(fenced, SNAPSHOT_LANE, 0, &outcome);
        if (is_snapshot_done) stele_transaction_free(outcome.transaction);
    }

    assert_true(events <= 3);
    stele_fenced_close(fenced, WAIT_MS);
}

static void what_fails_in_one_lane_takes_nothing_of_another_along(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened_with_lanes(log);
    stele_log_memory_set_up(log, false); /* so that none begins before all are submitted */
    stele_log_memory_fail_append(log, 1, STELE_LOG_MEMORY_REFUSED);
    submit_in(fenced, EVENT_LANE, with_event("1"));
    submit_in(fenced, SNAPSHOT_LANE, with_record("a", "s"));
    stele_transaction *second = with_event("2");
    stele_error err;
    while (stele_fenced_submit(fenced, EVENT_LANE, second, &err) == STELE_E_FULL) {
    }
    stele_log_memory_set_up(log, true);

    assert_int_equal(outcome_in(fenced, EVENT_LANE).error.next, STELE_NEXT_ABORT);
    assert_int_equal(outcome_in(fenced, EVENT_LANE).status, STELE_E_CONFLICT);
    assert_int_equal(outcome_in(fenced, SNAPSHOT_LANE).status, STELE_OK);

    assert_committed(log, "s ");
    submit_in(fenced, EVENT_LANE, with_event("3"));
    assert_int_equal(outcome_in(fenced, EVENT_LANE).status, STELE_OK);
    stele_fenced_close(fenced, WAIT_MS);
}

static void death_ends_all_lanes(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened_with_lanes(log);
    stele_error err;
    stele_fenced *next = opened_with_lanes(log);

    submit_in(fenced, EVENT_LANE, with_event("zombie"));
    stele_transaction *snapshot = with_record("a", "zombie");
    bool is_taken = stele_fenced_submit(fenced, SNAPSHOT_LANE, snapshot, &err) == STELE_OK;

    assert_int_equal(outcome_in(fenced, EVENT_LANE).status, STELE_E_FENCED);
    if (is_taken)
        assert_int_equal(outcome_in(fenced, SNAPSHOT_LANE).status, STELE_E_FENCED);
    else
        stele_transaction_free(snapshot);
    wait_for_state(fenced, STELE_FENCED_DEAD, NULL);
    for (int lane = EVENT_LANE; lane <= SNAPSHOT_LANE; lane++) {
        stele_transaction *late = with_event("late");
        assert_int_equal(stele_fenced_submit(fenced, lane, late, &err), STELE_E_FENCED);
        stele_transaction_free(late);
    }
    stele_fenced_close(fenced, WAIT_MS);
    stele_fenced_close(next, WAIT_MS);
}

/* All values of the events' partition 0 that are committed. */
static int64_t visible_events(stele_log *log)
{
    stele_error err;
    int64_t start;
    int64_t end;
    assert_int_equal(stele_log_bounds(log, (stele_partition){EVENTS, 0}, STELE_READ_COMMITTED,
                                      WAIT_MS, &start, &end, &err),
                     STELE_OK);
    return end;
}

/* No word comes of the first one: the second begins all the same, and its commit ends both. */
static void a_lost_marker_is_ended_by_the_next_commit_of_its_lane(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened_with_lanes(log);
    stele_log_memory_lose_markers(log);
    submit_in(fenced, EVENT_LANE, with_event("1"));
    assert_int_equal(outcome_in(fenced, EVENT_LANE).status, STELE_OK);
    assert_int_equal(visible_events(log), 0);

    submit_in(fenced, EVENT_LANE, with_event("2"));
    assert_int_equal(outcome_in(fenced, EVENT_LANE).status, STELE_OK);

    assert_true(visible_events(log) > 1);
    assert_int_equal(stele_fenced_poll(fenced, NULL), STELE_FENCED_READY);
    stele_fenced_close(fenced, WAIT_MS);
}

/* A commit elsewhere does not end it, and does not make the writer forget it. */
static void a_lost_marker_that_no_commit_ends_kills_its_writer(void **state)
{
    (void)state;
    stele_manual_clock time = {0};
    stele_log *log = log_with_topics(stele_runtime_manual(&time));
    stele_fenced *fenced = opened_with_lanes(log);
    stele_error failure;
    stele_log_memory_lose_markers(log);
    submit_in(fenced, EVENT_LANE, with_event("1"));
    assert_int_equal(outcome_in(fenced, EVENT_LANE).status, STELE_OK);
    stele_manual_clock_advance(&time, 20);
    submit_in(fenced, SNAPSHOT_LANE, with_record("a", "s"));
    assert_int_equal(outcome_in(fenced, SNAPSHOT_LANE).status, STELE_OK);
    assert_int_equal(stele_fenced_poll(fenced, &failure), STELE_FENCED_READY);

    stele_manual_clock_advance(&time, 300);

    wait_for_state(fenced, STELE_FENCED_DEAD, &failure);
    assert_int_equal(failure.status, STELE_E_CONFLICT);
    assert_non_null(strstr(failure.text, EVENTS "/0: "));
    stele_fenced_close(fenced, WAIT_MS);
    stele_fenced *next = opened_with_lanes(log);
    stele_transaction *mends = with_event("ends it");
    stele_transaction_abort(mends);
    submit_in(next, EVENT_LANE, mends);
    assert_int_equal(outcome_in(next, EVENT_LANE).status, STELE_OK);
    assert_true(visible_events(log) > 1);
    stele_fenced_close(next, WAIT_MS);
    stele_log_free(log);
}

static stele_fenced *_Atomic asking; /* it is given an event while it asks for bounds */
static const stele_topic_ops *real_topic;

static stele_status bounds_with_an_event(stele_log *log, stele_isolation isolation,
                                         stele_asked_partition *partitions, size_t count,
                                         bool with_start, int timeout_ms, stele_error *err)
{
    stele_fenced *fenced = atomic_exchange(&asking, NULL);
    if (fenced != NULL) submit_in(fenced, EVENT_LANE, with_event("2"));
    return real_topic->bounds(log, isolation, partitions, count, with_start, timeout_ms, err);
}

static void what_comes_while_a_lost_marker_is_looked_for_ends_it(void **state)
{
    (void)state;
    stele_manual_clock time = {0};
    stele_log *log = log_with_topics(stele_runtime_manual(&time));
    const stele_log_ops *real = log->ops;
    stele_log_ops with_ours = *real;
    stele_topic_ops topic = *real->topic;
    real_topic = real->topic;
    topic.bounds = bounds_with_an_event;
    with_ours.topic = &topic;
    log->ops = &with_ours;
    stele_fenced *fenced = opened_with_lanes(log);
    stele_log_memory_lose_markers(log);
    submit_in(fenced, EVENT_LANE, with_event("1"));
    assert_int_equal(outcome_in(fenced, EVENT_LANE).status, STELE_OK);
    atomic_store(&asking, fenced);

    stele_manual_clock_advance(&time, 300);

    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    stele_outcome outcome;
    while (!stele_fenced_outcome(fenced, EVENT_LANE, 10, &outcome))
        assert_false(stele_deadline_passed(until));
    stele_transaction_free(outcome.transaction);
    assert_int_equal(outcome.status, STELE_OK);
    assert_true(visible_events(log) > 1);
    assert_int_equal(stele_fenced_poll(fenced, NULL), STELE_FENCED_READY);
    stele_fenced_close(fenced, WAIT_MS);
    log->ops = real;
    stele_log_free(log);
}

/* Where no one tells it is looked for, also while there is always something to write elsewhere. */
static void a_busy_writer_hears_that_what_it_wrote_elsewhere_hangs(void **state)
{
    (void)state;
    stele_manual_clock time = {0};
    stele_log *log = log_with_topics(stele_runtime_manual(&time));
    stele_fenced *fenced = opened_with_lanes(log);
    stele_error failure;
    stele_log_memory_lose_markers(log);
    submit_in(fenced, SNAPSHOT_LANE, with_record("a", "s"));
    assert_int_equal(outcome_in(fenced, SNAPSHOT_LANE).status, STELE_OK);

    int events = 0;
    for (; stele_fenced_poll(fenced, &failure) != STELE_FENCED_DEAD && events < 1000; events++) {
        stele_manual_clock_advance(&time, 20);
        stele_transaction *next = with_event("e");
        if (stele_fenced_submit(fenced, EVENT_LANE, next, &failure) < 0) {
            stele_transaction_free(next);
            break;
        }
        outcome_in(fenced, EVENT_LANE);
        see_all_events(log, fenced);
    }

    wait_for_state(fenced, STELE_FENCED_DEAD, &failure);
    assert_in_range(events, 40, 60);
    assert_non_null(strstr(failure.text, TOPIC "/0: "));
    stele_fenced_close(fenced, WAIT_MS);
    stele_log_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_LOG(each_lane_has_its_turn_and_its_own_outcomes),
        ON_A_LOG(a_lane_that_is_always_full_does_not_keep_another_from_its_turn),
        ON_A_LOG(what_fails_in_one_lane_takes_nothing_of_another_along),
        ON_A_LOG(death_ends_all_lanes),
        ON_A_LOG(a_lost_marker_is_ended_by_the_next_commit_of_its_lane),
        cmocka_unit_test(a_lost_marker_that_no_commit_ends_kills_its_writer),
        cmocka_unit_test(what_comes_while_a_lost_marker_is_looked_for_ends_it),
        cmocka_unit_test(a_busy_writer_hears_that_what_it_wrote_elsewhere_hangs),
    };
    return cmocka_run_group_tests_name("producer/fenced lanes", tests, NULL, NULL);
}
