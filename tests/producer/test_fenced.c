/* SPDX-License-Identifier: MIT
 * The fenced transaction on the log in memory. */
#include "producer/fenced.h"

#include "core/alloc.h"
#include "kafka/log_port.h"
#include "kafka/memory_log.h"
#include "tests/producer/fenced_test.h"

static stele_fenced *opened_with_patience(stele_log *log, int patience_ms)
{
    stele_fenced *fenced;
    stele_error err;
    stele_fenced_options options = {.transactional_id = "balances.v1-account.events-0",
                                    .topic = TOPIC,
                                    .patience_ms = patience_ms};
    assert_int_equal(stele_fenced_open(log, &options, &fenced, &err), STELE_OK);
    return fenced;
}

static stele_fenced *opened(stele_log *log)
{
    return opened_with_patience(log, 0);
}

static void submit(stele_fenced *fenced, stele_transaction *transaction)
{
    stele_error err;
    assert_int_equal(stele_fenced_submit(fenced, 0, transaction, &err), STELE_OK);
}

/* The next outcome; its transaction is released. */
static stele_outcome outcome_of(stele_fenced *fenced)
{
    stele_outcome outcome;
    assert_true(stele_fenced_outcome(fenced, 0, WAIT_MS, &outcome));
    stele_transaction_free(outcome.transaction);
    return outcome;
}

static void what_is_submitted_before_the_fence_stands_is_committed(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened(log);

    submit(fenced, with_record("a", "1"));
    stele_outcome outcome = outcome_of(fenced);

    assert_int_equal(outcome.status, STELE_OK);
    assert_committed(log, "1 ");
    stele_fenced_close(fenced, WAIT_MS);
}

static void the_fence_waits_for_a_broker_that_is_away(void **state)
{
    stele_log *log = *state;
    stele_log_memory_set_up(log, false);
    stele_fenced *fenced = opened_with_patience(log, 1);
    stele_error failure = {0};

    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while (failure.status == STELE_OK && !stele_deadline_passed(until))
        assert_int_equal(stele_fenced_poll(fenced, &failure), STELE_FENCED_INIT);
    assert_int_equal(failure.next, STELE_NEXT_RETRY);
    stele_log_memory_set_up(log, true);

    wait_for_state(fenced, STELE_FENCED_READY, &failure);
    assert_int_equal(failure.status, STELE_OK);
    stele_fenced_close(fenced, WAIT_MS);
}

static void a_fence_in_progress_is_no_failure(void **state)
{
    stele_log *log = *state;
    stele_log_memory_set_up(log, false);
    stele_fenced *fenced = opened_with_patience(log, 60000);
    stele_error failure = {0};

    stele_deadline until = stele_deadline_after(stele_clock_system(), 100);
    while (!stele_deadline_passed(until)) {
        assert_int_equal(stele_fenced_poll(fenced, &failure), STELE_FENCED_INIT);
        assert_int_equal(failure.status, STELE_OK);
    }

    stele_log_memory_set_up(log, true);
    wait_for_state(fenced, STELE_FENCED_READY, &failure);
    stele_fenced_close(fenced, WAIT_MS);
}

static void a_fence_that_never_stood_is_closed_in_time(void **state)
{
    stele_log *log = *state;
    stele_log_memory_set_up(log, false);
    stele_fenced *fenced = opened(log);

    submit(fenced, with_record("a", "1"));
    stele_fenced_close(fenced, WAIT_MS);

    stele_log_memory_set_up(log, true);
    assert_committed(log, "");
}

static void transactions_are_committed_in_the_order_of_their_submission(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened(log);
    stele_error err;

    for (int i = 0; i < 20; i++) {
        char value[8];
        snprintf(value, sizeof value, "%d", i);
        stele_transaction *transaction = with_record("a", value);
        stele_status status;
        while ((status = stele_fenced_submit(fenced, 0, transaction, &err)) == STELE_E_FULL) {
            assert_int_equal(err.next, STELE_NEXT_RETRY);
            assert_int_equal(outcome_of(fenced).status, STELE_OK);
        }
        assert_int_equal(status, STELE_OK);
    }
    stele_outcome outcome;
    while (stele_fenced_outcome(fenced, 0, WAIT_MS, &outcome)) {
        assert_int_equal(outcome.status, STELE_OK);
        stele_transaction_free(outcome.transaction);
    }

    assert_int_equal(stele_fenced_poll(fenced, NULL), STELE_FENCED_READY);
    assert_committed(log, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 ");
    stele_fenced_close(fenced, WAIT_MS);
}

static void a_record_keeps_its_key_headers_time_and_tombstone(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened(log);
    stele_transaction *transaction = stele_transaction_new();
    stele_header headers[] = {{"stele_version", stele_text("7")}, {"none", {0}}};
    stele_transaction_time(transaction, INT64_C(1600000000000));
    stele_transaction_put(transaction, (stele_partition){TOPIC, 1}, stele_text("k"),
                          (stele_bytes){0}, headers, 2);
    assert_true(stele_transaction_size(transaction) > 2);

    submit(fenced, transaction);
    assert_int_equal(outcome_of(fenced).status, STELE_OK);

    stele_error err;
    stele_batch batch;
    stele_log_reader *reader;
    stele_header found[3];
    assert_int_equal(stele_log_reader_open(log, &(stele_log_reader_options){0}, &reader, &err), 0);
    assert_int_equal(stele_log_reader_start(reader, (stele_partition){TOPIC, 1}, 0, &err), 0);
    assert_int_equal(stele_log_reader_next(reader, WAIT_MS, &batch, &err), STELE_OK);
    assert_int_equal(batch.count, 1);
    assert_true(stele_bytes_equal(batch.records[0].key, stele_text("k")));
    assert_null(batch.records[0].value.data);
    assert_true(batch.records[0].timestamp_ms == INT64_C(1600000000000));
    assert_int_equal(stele_log_batch_headers(&batch, &batch.records[0], found, 3), 2);
    assert_string_equal(found[0].name, "stele_version");
    assert_true(stele_bytes_equal(found[0].value, stele_text("7")));
    assert_string_equal(found[1].name, "none");
    stele_log_batch_release(&batch);
    stele_log_reader_close(reader);
    stele_fenced_close(fenced, WAIT_MS);
}

static void ignore_assigned(void *context, const stele_partition *partitions, size_t count)
{
    (void)partitions;
    *(size_t *)context += count;
}

static void ignore_revoked(void *context, const stele_partition *partitions, size_t count,
                           bool lost)
{
    (void)context, (void)partitions, (void)count, (void)lost;
}

static stele_log_member *member_with_partitions(stele_log *log, size_t *owned)
{
    static const char *const topics[] = {"account.events", NULL};
    stele_log_member *member;
    stele_error err;
    stele_log_member_options options = {.group = "balances.v1",
                                        .topics = topics,
                                        .events = {ignore_assigned, ignore_revoked, owned}};
    assert_int_equal(stele_log_member_open(log, &options, &member, &err), STELE_OK);
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while (*owned < 2 && !stele_deadline_passed(until))
        assert_int_equal(stele_log_member_poll(member, 10, &err), STELE_OK);
    assert_int_equal(*owned, 2);
    return member;
}

static void the_offset_moves_with_the_records(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened(log);
    size_t owned = 0;
    stele_log_member *member = member_with_partitions(log, &owned);
    stele_partition source = {"account.events", 0};
    stele_transaction *transaction = with_record("a", "1");
    stele_transaction_offset(transaction, stele_log_member_group(member), source, 42);

    submit(fenced, transaction);
    assert_int_equal(outcome_of(fenced).status, STELE_OK);

    int64_t offset;
    stele_error err;
    assert_int_equal(stele_log_group_offset(log, "balances.v1", source, WAIT_MS, &offset, &err), 0);
    assert_int_equal(offset, 42);
    stele_fenced_close(fenced, WAIT_MS);
    stele_log_member_close(member, WAIT_MS);
}

static void a_generation_that_has_passed_aborts(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened(log);
    size_t owned = 0;
    stele_log_member *member = member_with_partitions(log, &owned);
    stele_log_group *group = stele_log_member_group(member);
    stele_log_member_close(member, WAIT_MS);
    stele_transaction *transaction = with_record("a", "1");
    stele_transaction_offset(transaction, group, (stele_partition){"account.events", 0}, 42);

    submit(fenced, transaction);
    stele_outcome outcome = outcome_of(fenced);

    assert_true(outcome.status < 0);
    assert_int_equal(outcome.error.next, STELE_NEXT_ABORT);
    assert_committed(log, "");
    submit(fenced, with_record("a", "2"));
    assert_int_equal(outcome_of(fenced).status, STELE_OK);
    assert_committed(log, "2 ");
    stele_fenced_close(fenced, WAIT_MS);
}

static void the_holder_before_is_fenced_and_its_transaction_aborted(void **state)
{
    stele_log *log = *state;
    stele_fenced *first = opened(log);
    submit(first, with_record("a", "1"));
    assert_int_equal(outcome_of(first).status, STELE_OK);

    stele_fenced *second = opened(log);
    wait_for_state(second, STELE_FENCED_READY, NULL);
    submit(first, with_record("a", "zombie"));
    stele_outcome outcome = outcome_of(first);

    assert_int_equal(outcome.status, STELE_E_FENCED);
    assert_int_equal(outcome.error.next, STELE_NEXT_STOP);
    stele_error failure;
    wait_for_state(first, STELE_FENCED_DEAD, &failure);
    assert_int_equal(failure.status, STELE_E_FENCED);
    stele_transaction *late = with_record("a", "late");
    assert_int_equal(stele_fenced_submit(first, 0, late, &failure), STELE_E_FENCED);
    stele_transaction_free(late);
    submit(second, with_record("a", "2"));
    assert_int_equal(outcome_of(second).status, STELE_OK);
    assert_committed(log, "1 2 ");
    stele_fenced_close(first, WAIT_MS);
    stele_fenced_close(second, WAIT_MS);
}

static void a_record_too_large_is_named_and_nothing_else_is_written(void **state)
{
    (void)state;
    stele_log *log;
    stele_error err;
    stele_log_memory_options memory = {.message_max_bytes = 100};
    assert_int_equal(stele_log_memory_new(&memory, &log, &err), STELE_OK);
    stele_log_topic_options topic = {.name = TOPIC, .partitions = 1};
    assert_int_equal(stele_log_topic_create(log, &topic, WAIT_MS, &err), STELE_OK);
    stele_fenced *fenced = opened(log);
    char large[200] = {0};
    memset(large, 'x', sizeof large - 1);
    stele_transaction *transaction = with_record("a", "1");
    stele_transaction_put(transaction, (stele_partition){TOPIC, 0}, stele_text("b"),
                          stele_text(large), NULL, 0);

    submit(fenced, transaction);
    stele_outcome outcome = outcome_of(fenced);

    assert_int_equal(outcome.status, STELE_E_LIMIT);
    assert_int_equal(outcome.error.next, STELE_NEXT_REJECT);
    assert_int_equal(outcome.rejected, 1);
    assert_committed(log, "");
    submit(fenced, with_record("a", "2"));
    assert_int_equal(outcome_of(fenced).status, STELE_OK);
    assert_committed(log, "2 ");
    stele_fenced_close(fenced, WAIT_MS);
    stele_log_free(log);
}

static void a_record_that_was_not_delivered_aborts_and_can_be_submitted_again(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened(log);
    wait_for_state(fenced, STELE_FENCED_READY, NULL);
    stele_log_memory_fail_append(log, 1, STELE_LOG_MEMORY_REFUSED);

    submit(fenced, with_record("a", "1"));
    stele_outcome outcome;
    assert_true(stele_fenced_outcome(fenced, 0, WAIT_MS, &outcome));

    assert_int_equal(outcome.error.next, STELE_NEXT_ABORT);
    assert_committed(log, "");
    submit(fenced, outcome.transaction);
    assert_int_equal(outcome_of(fenced).status, STELE_OK);
    assert_committed(log, "1 ");
    stele_fenced_close(fenced, WAIT_MS);
}

static void what_waits_behind_a_failure_is_handed_back_unbegun(void **state)
{
    stele_log *log = *state;
    stele_log_memory_set_up(log, false); /* so that none begins before all are submitted */
    stele_fenced *fenced = opened(log);
    submit(fenced, with_record("a", "1"));
    stele_log_memory_fail_append(log, 1, STELE_LOG_MEMORY_REFUSED);
    stele_log_memory_set_up(log, true);
    stele_error err;
    stele_transaction *second = with_record("a", "2");
    while (stele_fenced_submit(fenced, 0, second, &err) == STELE_E_FULL) {
    }

    stele_outcome first = outcome_of(fenced);
    stele_outcome behind = outcome_of(fenced);

    assert_int_equal(first.error.next, STELE_NEXT_ABORT);
    assert_int_equal(behind.status, STELE_E_CONFLICT);
    assert_int_equal(behind.error.next, STELE_NEXT_ABORT);
    assert_committed(log, "");
    submit(fenced, with_record("a", "3"));
    assert_int_equal(outcome_of(fenced).status, STELE_OK);
    assert_committed(log, "3 ");
    stele_fenced_close(fenced, WAIT_MS);
}

static void an_outcome_that_is_not_known_ends_the_writer(void **state)
{
    (void)state;
    static const struct {
        stele_log_memory_doubt doubt;
        const char *committed;
    } cases[] = {{STELE_LOG_MEMORY_DONE, "1 2 "}, {STELE_LOG_MEMORY_NOT_DONE, "2 "}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stele_log *log = log_with_topics(stele_runtime_system());
        stele_fenced *fenced = opened(log);
        wait_for_state(fenced, STELE_FENCED_READY, NULL);
        stele_log_memory_doubt_commit(log, cases[i].doubt);

        submit(fenced, with_record("a", "1"));
        stele_outcome outcome = outcome_of(fenced);

        assert_int_equal(outcome.status, STELE_E_TIMED_OUT);
        assert_int_equal(outcome.error.next, STELE_NEXT_STOP);
        wait_for_state(fenced, STELE_FENCED_DEAD, NULL);
        stele_fenced_close(fenced, WAIT_MS);

        stele_fenced *next = opened(log);
        submit(next, with_record("a", "2"));
        assert_int_equal(outcome_of(next).status, STELE_OK);
        assert_committed(log, cases[i].committed);
        stele_fenced_close(next, WAIT_MS);
        stele_log_free(log);
    }
}

static void no_outcome_is_waited_for_that_cannot_come(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened(log);
    wait_for_state(fenced, STELE_FENCED_READY, NULL);

    stele_outcome outcome;
    int64_t before = stele_clock_monotonic_ns(stele_clock_system());
    assert_false(stele_fenced_outcome(fenced, 0, WAIT_MS, &outcome));

    assert_true(stele_clock_monotonic_ns(stele_clock_system()) - before <
                WAIT_MS * INT64_C(500000));
    stele_fenced_close(fenced, WAIT_MS);
    stele_fenced_close(NULL, 0);
}

/* ---- what hangs ---- */

/* Committed, as the writer hears, and its partition is not told. */
static void commit_without_markers(stele_log *log, stele_fenced *fenced, const char *value)
{
    wait_for_state(fenced, STELE_FENCED_READY, NULL);
    stele_log_memory_lose_markers(log);
    submit(fenced, with_record("a", value));
    assert_int_equal(outcome_of(fenced).status, STELE_OK);
}

static void what_is_written_to_be_aborted_is_never_seen_and_ends_what_hangs(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened(log);
    commit_without_markers(log, fenced, "1");
    stele_fenced_close(fenced, WAIT_MS);

    fenced = opened(log);
    stele_transaction *transaction = with_record("a", "2");
    stele_transaction_abort(transaction);
    submit(fenced, transaction);
    assert_int_equal(outcome_of(fenced).status, STELE_OK);
    submit(fenced, with_record("a", "3"));
    assert_int_equal(outcome_of(fenced).status, STELE_OK);

    assert_committed(log, "3 ");
    stele_fenced_close(fenced, WAIT_MS);
}

static void an_abort_that_would_take_a_commit_along_ends_the_writer(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened(log);
    commit_without_markers(log, fenced, "1");

    stele_log_memory_fail_append(log, 1, STELE_LOG_MEMORY_REFUSED);
    submit(fenced, with_record("a", "2"));
    stele_outcome outcome = outcome_of(fenced);

    assert_int_equal(outcome.status, STELE_E_CONFLICT);
    assert_int_equal(outcome.error.next, STELE_NEXT_STOP);
    wait_for_state(fenced, STELE_FENCED_DEAD, NULL);
    stele_fenced_close(fenced, WAIT_MS);
}

static unsigned ends; /* that were asked for */
static unsigned abandoned;
static const stele_log_ops *real_ops;

static stele_status counted_abort(stele_log_producer *producer, int timeout_ms, stele_error *err)
{
    ends++;
    return real_ops->transaction->abort(producer, timeout_ms, err);
}

static void counted_close(stele_log_producer *producer)
{
    ends++;
    real_ops->producer->close(producer);
}

static void counted_abandon(stele_log_producer *producer)
{
    abandoned++;
    real_ops->producer->abandon(producer);
}

static void an_abort_that_was_refused_is_not_made_by_closing_either(void **state)
{
    stele_log *log = *state;
    real_ops = log->ops;
    stele_producer_ops producer = *real_ops->producer;
    stele_transaction_ops transaction = *real_ops->transaction;
    stele_log_ops with_ours = *real_ops;
    with_ours.producer = &producer;
    with_ours.transaction = &transaction;
    transaction.abort = counted_abort;
    producer.close = counted_close;
    producer.abandon = counted_abandon;
    log->ops = &with_ours;
    stele_fenced *fenced = opened(log);
    commit_without_markers(log, fenced, "1");
    stele_log_memory_fail_append(log, 1, STELE_LOG_MEMORY_REFUSED);
    submit(fenced, with_record("a", "2"));
    outcome_of(fenced);

    stele_fenced_close(fenced, WAIT_MS);

    assert_int_equal(ends, 0);
    assert_int_equal(abandoned, 1);
    log->ops = real_ops;
}

static void a_commit_that_hangs_is_seen_with_the_next_one(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened(log);
    commit_without_markers(log, fenced, "1");

    submit(fenced, with_record("a", "2"));
    assert_int_equal(outcome_of(fenced).status, STELE_OK);

    assert_committed(log, "1 2 ");
    stele_fenced_close(fenced, WAIT_MS);
}

static void an_idle_writer_hears_that_its_last_commit_hangs(void **state)
{
    (void)state;
    stele_manual_clock time = {0};
    stele_log *log = log_with_topics(stele_runtime_manual(&time));
    stele_error failure;
    stele_fenced *fenced = opened(log);
    commit_without_markers(log, fenced, "1");

    stele_manual_clock_advance(&time, 1000);

    wait_for_state(fenced, STELE_FENCED_DEAD, &failure);
    assert_int_equal(failure.status, STELE_E_CONFLICT);
    assert_non_null(strstr(failure.text, "still open there"));
    stele_fenced_close(fenced, WAIT_MS);
    stele_log_free(log);
}

static void an_idle_writer_whose_last_commit_is_seen_lives_on(void **state)
{
    (void)state;
    stele_manual_clock time = {0};
    stele_log *log = log_with_topics(stele_runtime_manual(&time));
    stele_fenced *fenced = opened(log);
    wait_for_state(fenced, STELE_FENCED_READY, NULL);
    submit(fenced, with_record("a", "1"));
    assert_int_equal(outcome_of(fenced).status, STELE_OK);

    stele_manual_clock_advance(&time, 1000);

    submit(fenced, with_record("a", "2"));
    assert_int_equal(outcome_of(fenced).status, STELE_OK);
    stele_fenced_close(fenced, WAIT_MS);
    stele_log_free(log);
}

static void an_outcome_carries_the_positions_of_its_records(void **state)
{
    stele_log *log = *state;
    const char *others[] = {"account.events", NULL};
    stele_fenced *fenced;
    stele_error err;
    stele_outcome outcome;
    stele_fenced_options options = {
        .transactional_id = "balances.v1-account.events-0", .topic = TOPIC, .others = others};
    assert_int_equal(stele_fenced_open(log, &options, &fenced, &err), STELE_OK);
    stele_transaction *transaction = with_record("a", "1");
    stele_transaction_put(transaction, (stele_partition){"account.events", 1}, stele_text("b"),
                          stele_text("2"), NULL, 0);
    stele_transaction_put(transaction, (stele_partition){TOPIC, 0}, stele_text("c"),
                          stele_text("3"), NULL, 0);
    assert_int_equal(stele_transaction_position(transaction, 0).offset, STELE_OFFSET_NONE);
    submit(fenced, transaction);

    assert_true(stele_fenced_outcome(fenced, 0, WAIT_MS, &outcome));

    assert_int_equal(outcome.status, STELE_OK);
    static const struct {
        const char *topic;
        int32_t index;
        int64_t offset;
    } expected[] = {{TOPIC, 0, 0}, {"account.events", 1, 0}, {TOPIC, 0, 1}};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        stele_position found = stele_transaction_position(outcome.transaction, i);
        assert_string_equal(found.partition.topic, expected[i].topic);
        assert_int_equal(found.partition.index, expected[i].index);
        assert_int_equal(found.offset, expected[i].offset);
    }
    stele_transaction_free(outcome.transaction);
    stele_fenced_close(fenced, WAIT_MS);
}

/* Its first record is there, the second is refused, and the end of it all is lost: a commit of the
 * next one would commit the first, too. */
static void an_abort_that_hangs_ends_the_writer_before_it_is_committed(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened(log);
    wait_for_state(fenced, STELE_FENCED_READY, NULL);
    stele_transaction *two = with_record("a", "1");
    stele_transaction_put(two, (stele_partition){TOPIC, 0}, stele_text("a"), stele_text("2"), NULL,
                          0);
    stele_log_memory_fail_append(log, 2, STELE_LOG_MEMORY_REFUSED);
    stele_log_memory_lose_markers(log);

    submit(fenced, two);
    stele_outcome outcome = outcome_of(fenced);

    assert_int_equal(outcome.status, STELE_E_CONFLICT);
    assert_int_equal(outcome.error.next, STELE_NEXT_STOP);
    stele_fenced_close(fenced, WAIT_MS);
    fenced = opened(log);
    stele_transaction *transaction = with_record("a", "3");
    stele_transaction_abort(transaction);
    submit(fenced, transaction); /* as whoever takes the partition does */
    assert_int_equal(outcome_of(fenced).status, STELE_OK);
    submit(fenced, with_record("a", "4"));
    assert_int_equal(outcome_of(fenced).status, STELE_OK);
    assert_committed(log, "4 ");
    stele_fenced_close(fenced, WAIT_MS);
}

static void an_abort_is_refused_if_any_partition_lost_its_end(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened(log);
    stele_transaction *two = with_record("a", "1");
    stele_transaction_put(two, (stele_partition){TOPIC, 1}, stele_text("b"), stele_text("1"), NULL,
                          0);
    wait_for_state(fenced, STELE_FENCED_READY, NULL);
    stele_log_memory_lose_markers(log);
    submit(fenced, two);
    assert_int_equal(outcome_of(fenced).status, STELE_OK);

    /* Fails in the first partition; what hangs in the second is looked at, too. */
    stele_log_memory_fail_append(log, 1, STELE_LOG_MEMORY_REFUSED);
    submit(fenced, with_record("a", "2"));

    assert_int_equal(outcome_of(fenced).status, STELE_E_CONFLICT);
    stele_fenced_close(fenced, WAIT_MS);
}

static void offsets_of_several_sources_move_together(void **state)
{
    stele_log *log = *state;
    const char *topics[] = {"account.events", NULL};
    size_t owned = 0;
    stele_log_member *member;
    stele_error err;
    stele_log_member_options joining = {.group = "balances.v1",
                                        .topics = topics,
                                        .events = {ignore_assigned, ignore_revoked, &owned}};
    assert_int_equal(stele_log_member_open(log, &joining, &member, &err), STELE_OK);
    while (owned < 2)
        assert_int_equal(stele_log_member_poll(member, 10, &err), STELE_OK);
    stele_fenced *fenced = opened(log);
    stele_transaction *transaction = with_record("a", "1");
    for (int32_t i = 0; i < 2; i++)
        stele_transaction_offset(transaction, stele_log_member_group(member),
                                 (stele_partition){"account.events", i}, 5);
    stele_transaction_offset(transaction, stele_log_member_group(member),
                             (stele_partition){"account.events", 1}, 7);
    submit(fenced, transaction);
    assert_int_equal(outcome_of(fenced).status, STELE_OK);

    const int64_t expected[] = {5, 7};
    for (int32_t i = 0; i < 2; i++) {
        int64_t offset;
        assert_int_equal(stele_log_group_offset(log, "balances.v1",
                                                (stele_partition){"account.events", i}, WAIT_MS,
                                                &offset, &err),
                         STELE_OK);
        assert_int_equal(offset, expected[i]);
    }
    stele_fenced_close(fenced, WAIT_MS);
    stele_log_member_close(member, WAIT_MS);
}

/* It is within a flush or a commit, in a thread of its own that no one joins. */
static void a_log_outlives_a_writer_that_was_abandoned(void **state)
{
    (void)state;
    stele_log *log = log_with_topics(stele_runtime_system());
    stele_fenced *fenced = opened(log);
    wait_for_state(fenced, STELE_FENCED_READY, NULL);
    stele_log_memory_set_up(log, false);
    submit(fenced, with_record("a", "1"));
    stele_fenced_close(fenced, 1);

    stele_log_free(log); /* a use after free, where it did not wait */
}

/* One that follows waits for the word, or for a moment; and both are written. */
static void who_follows_begins_the_next_when_the_last_is_visible(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced;
    stele_error err;
    stele_fenced_options options = {
        .transactional_id = "balances.v1-account.events-0", .topic = TOPIC, .follows = {TOPIC, 0}};
    assert_int_equal(stele_fenced_open(log, &options, &fenced, &err), STELE_OK);
    wait_for_state(fenced, STELE_FENCED_READY, NULL);
    int64_t begun_ns = stele_clock_monotonic_ns(stele_log_clock(log));
    submit(fenced, with_record("a", "1"));
    assert_int_equal(outcome_of(fenced).status, STELE_OK);
    /* Of another partition, and not far enough. */
    stele_fenced_visible(fenced, (stele_partition){TOPIC, 1}, 100);
    stele_fenced_visible(fenced, (stele_partition){TOPIC, 0}, 0);
    submit(fenced, with_record("a", "2")); /* no word: all the same, after a moment */
    assert_int_equal(outcome_of(fenced).status, STELE_OK);
    assert_true(stele_clock_monotonic_ns(stele_log_clock(log)) - begun_ns >= 20000000);

    stele_fenced_visible(fenced, (stele_partition){TOPIC, 0}, 10);
    submit(fenced, with_record("a", "3"));
    assert_int_equal(outcome_of(fenced).status, STELE_OK);
    assert_committed(log, "1 2 3 ");
    stele_fenced_close(fenced, WAIT_MS);
}

static void make_again(stele_log *log, const char *topic)
{
    const stele_log_topic_options options = {.name = topic, .partitions = 2};
    assert_int_equal(stele_log_topic_delete(log, topic, WAIT_MS, NULL), STELE_OK);
    assert_int_equal(stele_log_topic_create(log, &options, WAIT_MS, NULL), STELE_OK);
}

static void nothing_is_committed_in_a_topic_that_was_made_again(void **state)
{
    stele_log *log = *state;
    stele_fenced *fenced = opened(log);
    submit(fenced, with_record("a", "1"));
    assert_int_equal(outcome_of(fenced).status, STELE_OK);
    stele_transaction *second = with_record("b", "2");
    stele_transaction_above(second, (stele_partition){TOPIC, 0}, 1);
    submit(fenced, second);
    assert_int_equal(outcome_of(fenced).status, STELE_OK);

    make_again(log, TOPIC);
    stele_transaction *third = with_record("c", "3");
    stele_transaction_above(third, (stele_partition){TOPIC, 0}, 3);
    submit(fenced, third);
    stele_outcome outcome = outcome_of(fenced);

    assert_int_equal(outcome.status, STELE_E_HOLE);
    assert_int_equal(outcome.error.next, STELE_NEXT_ABORT);
    assert_non_null(strstr(outcome.error.text, TOPIC "/0"));
    assert_committed(log, "");
    submit(fenced, with_record("d", "4")); /* it lives */
    assert_int_equal(outcome_of(fenced).status, STELE_OK);
    assert_committed(log, "4 ");
    stele_fenced_close(fenced, WAIT_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_LOG(what_is_submitted_before_the_fence_stands_is_committed),
        ON_A_LOG(the_fence_waits_for_a_broker_that_is_away),
        ON_A_LOG(a_fence_in_progress_is_no_failure),
        ON_A_LOG(a_fence_that_never_stood_is_closed_in_time),
        ON_A_LOG(transactions_are_committed_in_the_order_of_their_submission),
        ON_A_LOG(a_record_keeps_its_key_headers_time_and_tombstone),
        ON_A_LOG(the_offset_moves_with_the_records),
        ON_A_LOG(a_generation_that_has_passed_aborts),
        ON_A_LOG(the_holder_before_is_fenced_and_its_transaction_aborted),
        cmocka_unit_test(a_record_too_large_is_named_and_nothing_else_is_written),
        ON_A_LOG(a_record_that_was_not_delivered_aborts_and_can_be_submitted_again),
        ON_A_LOG(what_waits_behind_a_failure_is_handed_back_unbegun),
        cmocka_unit_test(an_outcome_that_is_not_known_ends_the_writer),
        ON_A_LOG(no_outcome_is_waited_for_that_cannot_come),
        ON_A_LOG(what_is_written_to_be_aborted_is_never_seen_and_ends_what_hangs),
        ON_A_LOG(an_abort_that_would_take_a_commit_along_ends_the_writer),
        ON_A_LOG(an_outcome_carries_the_positions_of_its_records),
        ON_A_LOG(an_abort_is_refused_if_any_partition_lost_its_end),
        ON_A_LOG(offsets_of_several_sources_move_together),
        ON_A_LOG(who_follows_begins_the_next_when_the_last_is_visible),
        ON_A_LOG(an_abort_that_hangs_ends_the_writer_before_it_is_committed),
        ON_A_LOG(an_abort_that_was_refused_is_not_made_by_closing_either),
        ON_A_LOG(a_commit_that_hangs_is_seen_with_the_next_one),
        cmocka_unit_test(a_log_outlives_a_writer_that_was_abandoned),
        ON_A_LOG(an_idle_writer_hears_that_its_last_commit_hangs),
        ON_A_LOG(nothing_is_committed_in_a_topic_that_was_made_again),
        ON_A_LOG(an_idle_writer_whose_last_commit_is_seen_lives_on),
    };
    return cmocka_run_group_tests_name("producer/fenced", tests, NULL, NULL);
}
