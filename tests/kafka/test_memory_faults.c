/* SPDX-License-Identifier: MIT
 * The bad days that the log in memory plays: a broker that is away, commits and appends that no one
 * answers, time that passes. */
#include "kafka_test.h"

#include "kafka/memory_log.h"

typedef struct world {
    stele_manual_clock clock;
    stele_log *log;
    const char *topic;
    size_t delivered;
    size_t failed;
    stele_error failure; /* the last one */
} world;

static int set_up(void **state)
{
    static world fresh;
    fresh = (world){0};
    stele_manual_clock_set(&fresh.clock, 1000000);
    stele_log_memory_options options = {.runtime = stele_runtime_manual(&fresh.clock)};
    MUST(stele_log_memory_new(&options, &fresh.log, &err));
    fresh.topic = make_topic(fresh.log, 2);
    *state = &fresh;
    return 0;
}

static int tear_down(void **state)
{
    stele_log_free(((world *)*state)->log);
    return 0;
}

static void on_delivered(void *context, void *opaque, stele_position position,
                         const stele_error *failure)
{
    (void)opaque, (void)position;
    world *w = context;
    if (failure == NULL) {
        w->delivered++;
        return;
    }
    w->failed++;
    w->failure = *failure;
}

static stele_log_producer *open_heard(world *w, const char *id)
{
    stele_log_producer *producer = NULL;
    stele_log_producer_options options = {
        .transactional_id = id, .delivered = on_delivered, .context = w};
    MUST(stele_log_producer_open(w->log, &options, &producer, &err));
    MUST(stele_log_producer_init(producer, w->topic, 0, &err));
    return producer;
}

static void expect_texts(world *w, const char *texts)
{
    char *read = read_texts(w->log, w->topic, STELE_READ_COMMITTED);
    assert_string_equal(read, texts);
    free(read);
}

/* ---- a broker that is away ---- */

static void records_wait_for_the_broker(void **state)
{
    world *w = *state;
    stele_log_producer *producer = open_heard(w, NULL);
    stele_log_memory_set_up(w->log, false);
    put_text(producer, w->topic, "a");
    put_text(producer, w->topic, "b");

    assert_false(stele_log_is_up(w->log));
    assert_int_equal(stele_log_last_problem(w->log, &err), STELE_E_UNAVAILABLE);
    MUST_FAIL(stele_log_producer_flush(producer, 0, &err), STELE_E_TIMED_OUT, STELE_NEXT_RETRY);
    assert_int_equal(w->delivered, 0);

    stele_log_memory_set_up(w->log, true);
    assert_true(stele_log_is_up(w->log));
    assert_int_equal(stele_log_last_problem(w->log, &err), STELE_OK);
    MUST(stele_log_producer_flush(producer, 0, &err));
    assert_int_equal(w->delivered, 2);
    expect_texts(w, "a,b,");
    stele_log_producer_close(producer);
}

static void records_that_wait_too_long_fail_and_may_be_put_again(void **state)
{
    world *w = *state;
    stele_log_producer *producer = open_heard(w, NULL);
    stele_log_memory_set_up(w->log, false);
    put_text(producer, w->topic, "a");
    stele_manual_clock_advance(&w->clock, 30000);

    MUST(stele_log_producer_flush(producer, 0, &err));

    assert_int_equal(w->failed, 1);
    assert_int_equal(w->failure.status, STELE_E_TIMED_OUT);
    assert_int_equal(w->failure.next, STELE_NEXT_RETRY);
    stele_log_memory_set_up(w->log, true);
    put_text(producer, w->topic, "a");
    MUST(stele_log_producer_flush(producer, 0, &err));
    expect_texts(w, "a,");
    stele_log_producer_close(producer);
}

static void questions_and_ends_of_transactions_may_be_asked_again(void **state)
{
    world *w = *state;
    stele_log_topic topic;
    int64_t offset;
    stele_log_producer *producer = open_heard(w, "id");
    MUST(stele_log_producer_begin(producer, &err));
    put_text(producer, w->topic, "a");
    MUST(stele_log_producer_flush(producer, 0, &err));
    stele_log_memory_set_up(w->log, false);

    MUST_FAIL(stele_log_producer_commit(producer, 0, &err), STELE_E_UNAVAILABLE, STELE_NEXT_RETRY);
    MUST_FAIL(stele_log_topic_describe(w->log, w->topic, 0, &topic, &err), STELE_E_UNAVAILABLE,
              STELE_NEXT_RETRY);
    MUST_FAIL(
        stele_log_group_offset(w->log, "group", (stele_partition){w->topic, 0}, 0, &offset, &err),
        STELE_E_UNAVAILABLE, STELE_NEXT_RETRY);

    stele_log_memory_set_up(w->log, true);
    MUST(stele_log_producer_commit(producer, 0, &err));
    expect_texts(w, "a,");
    stele_log_producer_close(producer);
}

static void nothing_is_read_while_the_broker_is_away(void **state)
{
    world *w = *state;
    stele_log_reader *reader = NULL;
    MUST(stele_log_reader_open(w->log, NULL, &reader, &err));
    MUST(stele_log_reader_start(reader, (stele_partition){w->topic, 0}, 0, &err));
    stele_log_memory_set_up(w->log, false);
    stele_batch batch = {0};

    assert_int_equal(stele_log_reader_next(reader, 0, &batch, &err), STELE_E_TIMED_OUT);
    stele_log_memory_set_up(w->log, true);
    MUST(stele_log_reader_next(reader, 0, &batch, &err));
    assert_true(batch.at_end);
    stele_log_batch_release(&batch);
    stele_log_reader_close(reader);
}

/* ---- commits that no one answers ---- */

static void expect_doubt(world *w, stele_log_memory_doubt outcome, const char *texts)
{
    stele_log_producer *producer = open_heard(w, "id");
    MUST(stele_log_producer_begin(producer, &err));
    put_text(producer, w->topic, "a");
    stele_log_memory_doubt_commit(w->log, outcome);

    MUST_FAIL(stele_log_producer_commit(producer, 0, &err), STELE_E_TIMED_OUT, STELE_NEXT_STOP);
    MUST_FAIL(stele_log_producer_begin(producer, &err), STELE_E_TIMED_OUT, STELE_NEXT_STOP);
    stele_log_producer_close(producer);

    producer = open_heard(w, "id");
    expect_texts(w, texts);
    append(producer, w->topic, "b");
    stele_log_producer_close(producer);
}

static void an_unanswered_commit_may_have_happened(void **state)
{
    expect_doubt(*state, STELE_LOG_MEMORY_DONE, "a,");
    expect_texts(*state, "a,b,");
}

static void an_unanswered_commit_may_not_have_happened(void **state)
{
    expect_doubt(*state, STELE_LOG_MEMORY_NOT_DONE, "");
    expect_texts(*state, "b,");
}

/* ---- ends that partitions are not told of ---- */

/* As a broker's: its producer hears that it was committed. */
static void hang(world *w, const char *text)
{
    stele_log_producer *producer = open_heard(w, "id");
    stele_log_memory_lose_markers(w->log);
    append(producer, w->topic, text);
    stele_log_producer_close(producer);
}

static int64_t end_of(world *w, stele_isolation isolation)
{
    int64_t start;
    int64_t end;
    MUST(
        stele_log_bounds(w->log, (stele_partition){w->topic, 0}, isolation, 0, &start, &end, &err));
    return end;
}

static void a_transaction_without_markers_hangs_whoever_comes_next(void **state)
{
    world *w = *state;
    hang(w, "a");

    stele_log_producer_close(open_heard(w, "id"));

    assert_int_equal(end_of(w, STELE_READ_COMMITTED), 0);
    assert_int_equal(end_of(w, STELE_READ_UNCOMMITTED), 1);
}

static void the_next_end_of_the_same_id_ends_what_hangs(void **state)
{
    world *w = *state;
    hang(w, "a");
    stele_log_producer *producer = open_heard(w, "id");
    append(producer, w->topic, "b");
    expect_texts(w, "a,b,");
    stele_log_producer_close(producer);

    hang(w, "c");
    producer = open_heard(w, "id");
    MUST(stele_log_producer_begin(producer, &err));
    put_text(producer, w->topic, "d");
    MUST(stele_log_producer_flush(producer, 0, &err));
    MUST(stele_log_producer_abort(producer, 0, &err));

    expect_texts(w, "a,b,");
    assert_int_equal(end_of(w, STELE_READ_COMMITTED), end_of(w, STELE_READ_UNCOMMITTED));
    stele_log_producer_close(producer);
}

/* ---- appends that fail ---- */

static void the_nth_append_is_refused_once(void **state)
{
    world *w = *state;
    stele_log_producer *producer = open_heard(w, NULL);
    stele_log_memory_fail_append(w->log, 2, STELE_LOG_MEMORY_REFUSED);
    for (size_t i = 0; i < 3; i++)
        put_text(producer, w->topic, (const char *[]){"a", "b", "c"}[i]);
    MUST(stele_log_producer_flush(producer, 0, &err));

    assert_int_equal(w->delivered, 2);
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->failure.next, STELE_NEXT_RETRY);
    expect_texts(w, "a,c,");
    stele_log_producer_close(producer);
}

static void a_transaction_with_a_refused_append_is_aborted(void **state)
{
    world *w = *state;
    stele_log_producer *producer = open_heard(w, "id");
    stele_log_memory_fail_append(w->log, 1, STELE_LOG_MEMORY_REFUSED);
    MUST(stele_log_producer_begin(producer, &err));
    put_text(producer, w->topic, "a");

    MUST_FAIL(stele_log_producer_commit(producer, 0, &err), STELE_E_TIMED_OUT, STELE_NEXT_ABORT);
    MUST(stele_log_producer_abort(producer, 0, &err));
    append(producer, w->topic, "b");
    expect_texts(w, "b,");
    stele_log_producer_close(producer);
}

static void expect_death(world *w, stele_log_memory_fault fault, const char *texts)
{
    stele_log_producer *producer = open_heard(w, NULL);
    put_text(producer, w->topic, "a");
    stele_log_memory_fail_append(w->log, 1, fault);
    put_text(producer, w->topic, "b");

    stele_log_entry entry = {.partition = {w->topic, 0}, .value = stele_text("c")};
    MUST_FAIL(stele_log_producer_put(producer, &entry, &err), STELE_E_INTERNAL, STELE_NEXT_STOP);
    stele_log_producer_close(producer);
    assert_int_equal(w->delivered, 1);
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->failure.next, STELE_NEXT_STOP);
    expect_texts(w, texts);
}

static void a_producer_dies_before_its_record_is_in_the_log(void **state)
{
    expect_death(*state, STELE_LOG_MEMORY_DIES_BEFORE, "a,");
}

static void a_producer_dies_after_its_record_is_in_the_log(void **state)
{
    expect_death(*state, STELE_LOG_MEMORY_DIES_AFTER, "a,b,");
}

/* ---- time ---- */

static void records_carry_the_time_of_the_clock(void **state)
{
    world *w = *state;
    stele_manual_clock_set(&w->clock, 1234567890123);
    stele_log_producer *producer = open_heard(w, NULL);
    put_text(producer, w->topic, "a");
    MUST(stele_log_producer_flush(producer, 0, &err));
    stele_log_producer_close(producer);

    int64_t offset;
    stele_partition partition = {w->topic, 0};
    MUST(stele_log_offset_at(w->log, partition, 1234567890123, 0, &offset, &err));
    assert_int_equal(offset, 0);
    MUST(stele_log_offset_at(w->log, partition, 1234567890124, 0, &offset, &err));
    assert_int_equal(offset, STELE_OFFSET_NONE);
}

static void a_transaction_times_out_by_the_clock(void **state)
{
    world *w = *state;
    stele_log_producer *producer = open_heard(w, "id");
    MUST(stele_log_producer_begin(producer, &err));
    put_text(producer, w->topic, "a");
    stele_manual_clock_advance(&w->clock, 9999);
    MUST(stele_log_producer_flush(producer, 0, &err));

    stele_manual_clock_advance(&w->clock, 1);

    int64_t start;
    int64_t end;
    MUST(stele_log_bounds(w->log, (stele_partition){w->topic, 0}, STELE_READ_COMMITTED, 0, &start,
                          &end, &err));
    assert_int_equal(end, 2);
    MUST_FAIL(stele_log_producer_commit(producer, 0, &err), STELE_E_FENCED, STELE_NEXT_STOP);
    stele_log_producer_close(producer);
    expect_texts(w, "");
}

/* ---- members ---- */

static void poll_both(counted *a, counted *b)
{
    for (size_t i = 0; i < 6; i++) {
        MUST(stele_log_member_poll(a->member, 0, &err));
        MUST(stele_log_member_poll(b->member, 0, &err));
    }
}

static void a_member_is_lost_by_the_clock(void **state)
{
    world *w = *state;
    counted a;
    counted b;
    join_counted(w->log, &a, w->topic);
    join_counted(w->log, &b, w->topic);
    poll_both(&a, &b);
    assert_int_equal(a.owned, 1);
    assert_int_equal(b.owned, 1);

    stele_manual_clock_advance(&w->clock, 5999);
    MUST(stele_log_member_poll(b.member, 0, &err));
    stele_manual_clock_advance(&w->clock, 1);
    MUST(stele_log_member_poll(b.member, 0, &err));
    assert_int_equal(b.owned, 2);
    assert_int_equal(a.owned, 1);
    MUST(stele_log_member_poll(a.member, 0, &err));
    assert_true(a.lost);

    poll_both(&a, &b);
    assert_int_equal(a.owned, 1);
    assert_int_equal(b.owned, 1);
    stele_log_member_close(a.member, 0);
    stele_log_member_close(b.member, 0);
}

static void nobody_is_lost_while_the_broker_is_away(void **state)
{
    world *w = *state;
    counted a;
    join_counted(w->log, &a, w->topic);
    stele_log_memory_set_up(w->log, false);
    stele_manual_clock_advance(&w->clock, 60000);
    stele_log_memory_set_up(w->log, true);

    MUST(stele_log_member_poll(a.member, 0, &err));

    assert_int_equal(a.owned, 2);
    assert_false(a.lost);
    stele_log_member_close(a.member, 0);
}

static void members_get_partitions_that_come_later(void **state)
{
    world *w = *state;
    counted a;
    join_counted(w->log, &a, "later");
    assert_int_equal(a.owned, 0);

    stele_log_topic_options options = {.name = "later", .partitions = 2};
    MUST(stele_log_topic_create(w->log, &options, 0, &err));
    MUST(stele_log_member_poll(a.member, 0, &err));
    assert_int_equal(a.owned, 2);

    MUST(stele_log_memory_partitions_raise(w->log, "later", 5, &err));
    MUST(stele_log_member_poll(a.member, 0, &err));
    assert_int_equal(a.owned, 5);

    MUST(stele_log_topic_delete(w->log, "later", 0, &err));
    MUST(stele_log_member_poll(a.member, 0, &err));
    assert_int_equal(a.owned, 0);
    stele_log_member_close(a.member, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(records_wait_for_the_broker),
        CASE(records_that_wait_too_long_fail_and_may_be_put_again),
        CASE(questions_and_ends_of_transactions_may_be_asked_again),
        CASE(nothing_is_read_while_the_broker_is_away),
        CASE(an_unanswered_commit_may_have_happened),
        CASE(an_unanswered_commit_may_not_have_happened),
        CASE(a_transaction_without_markers_hangs_whoever_comes_next),
        CASE(the_next_end_of_the_same_id_ends_what_hangs),
        CASE(the_nth_append_is_refused_once),
        CASE(a_transaction_with_a_refused_append_is_aborted),
        CASE(a_producer_dies_before_its_record_is_in_the_log),
        CASE(a_producer_dies_after_its_record_is_in_the_log),
        CASE(records_carry_the_time_of_the_clock),
        CASE(a_transaction_times_out_by_the_clock),
        CASE(a_member_is_lost_by_the_clock),
        CASE(nobody_is_lost_while_the_broker_is_away),
        CASE(members_get_partitions_that_come_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
