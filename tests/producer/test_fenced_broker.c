/* SPDX-License-Identifier: MIT
 * The fenced transaction on a real broker: two holders of one id, and a broker that is killed. */
#include "producer/fenced.h"

#include "core/alloc.h"
#include "core/deadline.h"
#include "tests/kafka/kafka_test.h"
#include "tests/support/random.h"

enum { NUMBERS = 1000 };

static stele_fenced *opened(stele_log *log, const char *id, const char *topic)
{
    stele_fenced *fenced;
    stele_fenced_options options = {.transactional_id = id, .topic = topic};
    MUST(stele_fenced_open(log, &options, &fenced, &err));
    return fenced;
}

static stele_transaction *with_number(const char *topic, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    stele_transaction *transaction = stele_transaction_new();
    stele_transaction_put(transaction, (stele_partition){topic, 0}, stele_text("k"),
                          stele_text(text), NULL, 0);
    return transaction;
}

/* Hand it over; a transaction that a dead writer did not take is released. */
static void submit(stele_fenced *fenced, stele_transaction *transaction)
{
    if (stele_fenced_submit(fenced, 0, transaction, &err) < 0) {
        assert_int_equal(err.status, STELE_E_FENCED);
        stele_transaction_free(transaction);
    }
}

static stele_outcome outcome_of(stele_fenced *fenced)
{
    stele_outcome outcome;
    assert_true(stele_fenced_outcome(fenced, 0, 2 * PATIENCE_MS, &outcome));
    stele_transaction_free(outcome.transaction);
    return outcome;
}

static void wait_for_fence(stele_fenced *fenced)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), PATIENCE_MS);
    while (stele_fenced_poll(fenced, &err) == STELE_FENCED_INIT)
        assert_false(stele_deadline_passed(until));
    assert_int_equal(stele_fenced_poll(fenced, &err), STELE_FENCED_READY);
}

static void of_two_holders_the_first_writes_no_more(void **state)
{
    (void)state;
    stele_log *log = open_log(NULL);
    const char *topic = make_topic(log, 1);
    const char *id = fresh_name("fenced");
    stele_fenced *first = opened(log, id, topic);
    submit(first, with_number(topic, 1));
    assert_int_equal(outcome_of(first).status, STELE_OK);

    stele_fenced *second = opened(log, id, topic);
    wait_for_fence(second);
    submit(first, with_number(topic, 2));
    stele_outcome outcome = outcome_of(first);

    assert_int_equal(outcome.status, STELE_E_FENCED);
    assert_int_equal(outcome.error.next, STELE_NEXT_STOP);
    assert_int_equal(stele_fenced_poll(first, NULL), STELE_FENCED_DEAD);
    submit(second, with_number(topic, 3));
    assert_int_equal(outcome_of(second).status, STELE_OK);
    STELE_AUTO(char) texts = read_texts(log, topic, STELE_READ_COMMITTED);
    assert_string_equal(texts, "1,3,");
    stele_fenced_close(first, PATIENCE_MS);
    stele_fenced_close(second, PATIENCE_MS);
    stele_log_free(log);
}

static void a_record_too_large_is_named(void **state)
{
    (void)state;
    stele_log *log = open_log(NULL);
    const char *topic = make_topic(log, 1);
    stele_fenced *fenced = opened(log, fresh_name("fenced"), topic);
    STELE_AUTO(char) large = stele_alloc(3000000);
    memset(large, 'x', 2999999);
    stele_transaction *transaction = with_number(topic, 1);
    stele_transaction_put(transaction, (stele_partition){topic, 0}, stele_text("k"),
                          stele_text(large), NULL, 0);

    submit(fenced, transaction);
    stele_outcome outcome = outcome_of(fenced);

    assert_int_equal(outcome.status, STELE_E_LIMIT);
    assert_int_equal(outcome.error.next, STELE_NEXT_REJECT);
    assert_int_equal(outcome.rejected, 1);
    submit(fenced, with_number(topic, 2));
    assert_int_equal(outcome_of(fenced).status, STELE_OK);
    STELE_AUTO(char) texts = read_texts(log, topic, STELE_READ_COMMITTED);
    assert_string_equal(texts, "2,");
    stele_fenced_close(fenced, PATIENCE_MS);
    stele_log_free(log);
}

static void records_that_fit_a_small_topic_each_are_written(void **state)
{
    (void)state;
    stele_log *log = open_log(NULL);
    const char *topic = fresh_name("small");
    stele_header limit = {"max.message.bytes", stele_text("2000")};
    stele_log_topic_options made = {
        .name = topic, .partitions = 1, .settings = &limit, .setting_count = 1};
    MUST(stele_log_topic_create(log, &made, PATIENCE_MS, &err));
    stele_fenced_options options = {.transactional_id = fresh_name("fenced"), .topic = topic};
    MUST(stele_log_topic_batch_max(log, topic, PATIENCE_MS, &options.batch_max, &err));
    assert_int_equal(options.batch_max, 2000);
    stele_fenced *fenced;
    MUST(stele_fenced_open(log, &options, &fenced, &err));
    stele_random random = stele_random_from_environment();
    stele_transaction *transaction = stele_transaction_new();
    for (int i = 0; i < 100; i++) {
        uint64_t value[20]; /* nothing that could be compressed */
        for (size_t n = 0; n < COUNT_OF(value); n++)
            value[n] = stele_random_next(&random);
        stele_transaction_put(transaction, (stele_partition){topic, 0}, stele_text("k"),
                              stele_bytes_of(value, sizeof value), NULL, 0);
    }

    submit(fenced, transaction);
    stele_outcome outcome = outcome_of(fenced);

    if (outcome.status < 0) fail_msg("%s", outcome.error.text);
    stele_fenced_close(fenced, PATIENCE_MS);
    stele_log_free(log);
}

/* As an owner does: fence, read to the high watermark what was committed, go on from there. */
static int restored(stele_log *log, const char *topic)
{
    int next = 0;
    int64_t start;
    int64_t high;
    int64_t stable;
    stele_partition partition = {topic, 0};
    stele_deadline until = stele_deadline_after(stele_clock_system(), PATIENCE_MS);
    MUST(
        stele_log_bounds(log, partition, STELE_READ_UNCOMMITTED, PATIENCE_MS, &start, &high, &err));
    do {
        MUST(stele_log_bounds(log, partition, STELE_READ_COMMITTED, PATIENCE_MS, &start, &stable,
                              &err));
        assert_false(stele_deadline_passed(until));
    } while (stable < high);
    STELE_AUTO(char) texts = read_texts(log, topic, STELE_READ_COMMITTED);
    for (char *at = texts; *at != '\0'; next++) {
        char *end;
        assert_int_equal(strtol(at, &end, 10), next); /* dense: none lost, none twice */
        at = end + 1;
    }
    return next;
}

static void numbers_stay_dense_while_the_broker_is_killed(void **state)
{
    (void)state;
    stele_log *log = open_log(start_broker());
    const char *topic = make_topic(log, 1);
    const char *id = fresh_name("fenced");
    stele_fenced *fenced = opened(log, id, topic);
    bool killed = false;
    int number = 0;
    while (number < NUMBERS) {
        submit(fenced, with_number(topic, number));
        if (number == NUMBERS / 2 && !killed) {
            broker("kill", NULL); /* a transaction is in flight, somewhere */
            broker("start", NULL);
            killed = true;
        }
        stele_outcome outcome;
        bool known = stele_fenced_outcome(fenced, 0, 2 * PATIENCE_MS, &outcome);
        if (known) stele_transaction_free(outcome.transaction);
        if (known && outcome.status == STELE_OK) {
            number++;
        } else if (!known || outcome.error.next == STELE_NEXT_STOP) {
            assert_int_equal(stele_fenced_poll(fenced, &err), STELE_FENCED_DEAD);
            stele_fenced_close(fenced, PATIENCE_MS);
            fenced = opened(log, id, topic);
            wait_for_fence(fenced);
            number = restored(log, topic);
        } else {
            assert_int_equal(outcome.error.next, STELE_NEXT_ABORT);
        }
    }
    stele_fenced_close(fenced, PATIENCE_MS);
    assert_int_equal(restored(log, topic), NUMBERS);
    assert_true(killed);
    stele_log_free(log);
    stop_broker();
}

/* As an aggregate's owner: events in one lane, which it follows, snapshots in the other. */
static void two_lanes_are_written_in_turn_and_one_is_followed(void **state)
{
    (void)state;
    enum { EVENTS = 60, EACH_SNAPSHOT = 10, SNAPSHOT_LANE = 1 };
    stele_log *log = open_log(NULL);
    const char *events = make_topic(log, 1);
    const char *snapshots = make_topic(log, 1);
    const char *others[] = {snapshots, NULL};
    stele_fenced *fenced;
    stele_log_reader *reader;
    stele_fenced_options options = {.transactional_id = fresh_name("fenced"),
                                    .topic = events,
                                    .others = others,
                                    .lanes = 2,
                                    .follows = {events, 0}};
    stele_log_reader_options reading = {.isolation = STELE_READ_COMMITTED};
    MUST(stele_fenced_open(log, &options, &fenced, &err));
    wait_for_fence(fenced);
    MUST(stele_log_reader_open(log, &reading, &reader, &err));
    MUST(stele_log_reader_start(reader, (stele_partition){events, 0}, 0, &err));
    int64_t seen = 0;
    for (int i = 0; i < EVENTS; i++) {
        bool has_snapshot = i % EACH_SNAPSHOT == 0;
        if (has_snapshot)
            MUST(stele_fenced_submit(fenced, SNAPSHOT_LANE, with_number(snapshots, i), &err));
        submit(fenced, with_number(events, i));
        stele_outcome outcome;
        assert_true(stele_fenced_outcome(fenced, 0, PATIENCE_MS, &outcome));
        assert_int_equal(outcome.status, STELE_OK);
        int64_t last = stele_transaction_position(outcome.transaction, 0).offset;
        stele_transaction_free(outcome.transaction);
        while (seen <= last) {
            stele_batch batch;
            MUST(stele_log_reader_next(reader, PATIENCE_MS, &batch, &err));
            seen = batch.next_offset;
            stele_fenced_visible(fenced, batch.partition, seen);
            stele_log_batch_release(&batch);
        }
        if (!has_snapshot) continue;
        assert_true(stele_fenced_outcome(fenced, SNAPSHOT_LANE, PATIENCE_MS, &outcome));
        assert_int_equal(outcome.status, STELE_OK);
        stele_transaction_free(outcome.transaction);
    }
    STELE_AUTO(char) texts = read_texts(log, snapshots, STELE_READ_COMMITTED);
    assert_string_equal(texts, "0,10,20,30,40,50,");
    assert_int_equal(restored(log, events), EVENTS);
    stele_log_reader_close(reader);
    stele_fenced_close(fenced, PATIENCE_MS);
    stele_log_free(log);
}

/* librdkafka asks for an id again after half a second, where it was told to wait for the end of
 * what is open; the broker takes some milliseconds for that. */
static void an_open_transaction_of_the_holder_before_is_not_waited_for(void **state)
{
    (void)state;
    stele_log *log = open_log(NULL);
    const char *topic = make_topic(log, 1);
    const char *id = fresh_name("fenced");
    const stele_log_producer_options options = {.transactional_id = id};
    stele_log_producer *before;
    MUST(stele_log_producer_open(log, &options, &before, &err));
    MUST(stele_log_producer_init(before, topic, PATIENCE_MS, &err));
    MUST(stele_log_producer_begin(before, &err));
    const stele_log_entry entry = {.partition = {topic, 0}, .value = stele_text("open")};
    MUST(stele_log_producer_put(before, &entry, &err));
    MUST(stele_log_producer_flush(before, PATIENCE_MS, &err));

    stele_fenced *next = opened(log, id, topic);
    wait_for_fence(next);
    submit(next, with_number(topic, 1));

    assert_int_equal(outcome_of(next).status, STELE_OK);
    STELE_AUTO(char) texts = read_texts(log, topic, STELE_READ_COMMITTED);
    assert_string_equal(texts, "1,");
    stele_fenced_close(next, PATIENCE_MS);
    stele_log_producer_close(before);
    stele_log_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_transaction_of_the_holder_before_is_not_waited_for),
        cmocka_unit_test(of_two_holders_the_first_writes_no_more),
        cmocka_unit_test(a_record_too_large_is_named),
        cmocka_unit_test(records_that_fit_a_small_topic_each_are_written),
        cmocka_unit_test(two_lanes_are_written_in_turn_and_one_is_followed),
        cmocka_unit_test(numbers_stay_dense_while_the_broker_is_killed),
    };
    return cmocka_run_group_tests_name("producer/fenced on a broker", tests, NULL, NULL);
}
