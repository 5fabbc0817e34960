/* SPDX-License-Identifier: MIT
 * The log on Kafka while no broker is there: what every call says, and that it ends. */
#include "kafka_test.h"

enum { SHORT_MS = 300, PROMPT_MS = 5000 };

/* No one listens on port 1. */
static int open_away(void **state)
{
    *state = open_log("127.0.0.1:1");
    return 0;
}

static int close_away(void **state)
{
    int64_t started = now_ms();
    stele_log_free(*state);
    assert_true(now_ms() - started < PROMPT_MS);
    return 0;
}

static void questions_end_in_time_and_say_that_nobody_answers(void **state)
{
    stele_log *log = *state;
    stele_partition partition = {"a", 0};
    stele_log_topic_options options = {.name = "a", .partitions = 1};
    stele_log_topic topic;
    char **names = NULL;
    char *value = NULL;
    int64_t start;
    int64_t end;
    int64_t started = now_ms();

    MUST_FAIL(stele_log_bounds(log, partition, STELE_READ_COMMITTED, SHORT_MS, &start, &end, &err),
              STELE_E_UNAVAILABLE, STELE_NEXT_RETRY);
    assert_non_null(strstr(err.text, "Connection refused"));
    MUST_FAIL(stele_log_topic_describe(log, "a", SHORT_MS, &topic, &err), STELE_E_UNAVAILABLE,
              STELE_NEXT_RETRY);
    MUST_FAIL(stele_log_topic_setting(log, "a", "retention.ms", SHORT_MS, &value, &err),
              STELE_E_UNAVAILABLE, STELE_NEXT_RETRY);
    MUST_FAIL(stele_log_topics(log, "", SHORT_MS, &names, &err), STELE_E_UNAVAILABLE,
              STELE_NEXT_RETRY);
    MUST_FAIL(stele_log_topic_create(log, &options, SHORT_MS, &err), STELE_E_UNAVAILABLE,
              STELE_NEXT_RETRY);
    MUST_FAIL(stele_log_offset_at(log, partition, 0, SHORT_MS, &start, &err), STELE_E_UNAVAILABLE,
              STELE_NEXT_RETRY);
    MUST_FAIL(stele_log_group_offset(log, "g", partition, SHORT_MS, &start, &err),
              STELE_E_UNAVAILABLE, STELE_NEXT_RETRY);
    MUST_FAIL(stele_log_group_offset_set(log, "g", partition, 1, SHORT_MS, &err),
              STELE_E_UNAVAILABLE, STELE_NEXT_RETRY);

    assert_true(now_ms() - started < 8 * (SHORT_MS + 1000));
    assert_null(names);
    assert_null(value);
}

static void the_log_is_not_up_and_says_why(void **state)
{
    stele_log *log = *state;
    stele_error problem = {0};
    stele_log_reader *reader = NULL;
    stele_batch batch;
    stele_log_reader_options options = {0};
    MUST(stele_log_reader_open(log, &options, &reader, &err));
    MUST(stele_log_reader_start(reader, (stele_partition){"a", 0}, 0, &err));

    assert_int_equal(stele_log_reader_next(reader, SHORT_MS, &batch, &problem), STELE_E_TIMED_OUT);

    assert_false(stele_log_is_up(log));
    assert_int_equal(stele_log_last_problem(log, &problem), STELE_E_UNAVAILABLE);
    assert_non_null(strstr(problem.text, "Connection refused"));
    stele_log_reader_close(reader);
}

static void a_member_polls_on_and_closes_in_time(void **state)
{
    stele_log_member *member = NULL;
    const char *topics[] = {"a", NULL};
    stele_log_member_options options = {.group = "g", .topics = topics};
    MUST(stele_log_member_open(*state, &options, &member, &err));

    for (int i = 0; i < 5; i++)
        MUST(stele_log_member_poll(member, 50, &err));

    assert_null(stele_log_member_group(member)); /* it has never joined */
    int64_t started = now_ms();
    stele_log_member_close(member, SHORT_MS);
    assert_true(now_ms() - started < PROMPT_MS);
}

typedef struct deliveries {
    size_t count;
    size_t failed;
    stele_error last;
} deliveries;

static void count_delivery(void *context, void *opaque, stele_position position,
                           const stele_error *failure)
{
    deliveries *seen = context;
    assert_ptr_equal(opaque, seen);
    assert_int_equal(position.offset, STELE_OFFSET_NONE);
    seen->count++;
    if (failure == NULL) return;
    seen->failed++;
    seen->last = *failure;
}

static void what_a_producer_queued_is_reported_when_it_closes(void **state)
{
    deliveries seen = {0};
    stele_log_producer *producer = NULL;
    stele_log_producer_options options = {.delivered = count_delivery, .context = &seen};
    MUST(stele_log_producer_open(*state, &options, &producer, &err));
    stele_log_entry entry = {.partition = {"a", STELE_PARTITION_BY_KEY},
                             .key = stele_text("k"),
                             .value = stele_text("v"),
                             .opaque = &seen};
    MUST(stele_log_producer_put(producer, &entry, &err));
    MUST(stele_log_producer_put(producer, &entry, &err));

    MUST_FAIL(stele_log_producer_flush(producer, SHORT_MS, &err), STELE_E_TIMED_OUT,
              STELE_NEXT_RETRY);
    int64_t started = now_ms();
    stele_log_producer_close(producer);

    assert_true(now_ms() - started < PROMPT_MS);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.failed, 2);
    assert_int_equal(seen.last.status, STELE_E_INTERRUPTED);
    assert_int_equal(seen.last.next, STELE_NEXT_RETRY);
}

static void a_full_queue_says_so_and_loses_nothing(void **state)
{
    deliveries seen = {0};
    stele_log_producer *producer = NULL;
    stele_log_producer_options options = {
        .delivered = count_delivery, .context = &seen, .queue_max = 64 * 1024};
    MUST(stele_log_producer_open(*state, &options, &producer, &err));
    char value[4096] = {0};
    stele_log_entry entry = {
        .partition = {"a", 0}, .value = stele_bytes_of(value, sizeof value), .opaque = &seen};

    size_t accepted = 0;
    while (stele_log_producer_put(producer, &entry, &err) == STELE_OK)
        accepted++;

    assert_int_equal(err.status, STELE_E_FULL);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    assert_in_range(accepted, 1, 17);
    stele_log_producer_close(producer);
    assert_int_equal(seen.count, accepted);
}

static void a_record_that_no_empty_queue_holds_is_refused_for_good(void **state)
{
    stele_log_producer *producer = NULL;
    stele_log_producer_options options = {.queue_max = 64 * 1024};
    MUST(stele_log_producer_open(*state, &options, &producer, &err));
    static uint8_t value[100000];
    stele_log_entry entry = {.partition = {"a", 0}, .value = {value, sizeof value}};

    MUST_FAIL(stele_log_producer_put(producer, &entry, &err), STELE_E_LIMIT, STELE_NEXT_REJECT);

    assert_non_null(strstr(err.text, "100000 bytes"));
    stele_log_producer_close(producer);
}

static void initialising_a_transactional_id_can_be_tried_again(void **state)
{
    stele_log_producer *producer = NULL;
    stele_log_producer_options options = {.transactional_id = "away-0"};
    MUST(stele_log_producer_open(*state, &options, &producer, &err));

    for (int i = 0; i < 2; i++) {
        stele_status status = stele_log_producer_init(producer, "a", SHORT_MS, &err);
        assert_true(status == STELE_E_TIMED_OUT || status == STELE_E_UNAVAILABLE);
        assert_int_equal(err.next, STELE_NEXT_RETRY);
    }

    stele_log_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(questions_end_in_time_and_say_that_nobody_answers,
                                        open_away, close_away),
        cmocka_unit_test_setup_teardown(the_log_is_not_up_and_says_why, open_away, close_away),
        cmocka_unit_test_setup_teardown(a_member_polls_on_and_closes_in_time, open_away,
                                        close_away),
        cmocka_unit_test_setup_teardown(what_a_producer_queued_is_reported_when_it_closes,
                                        open_away, close_away),
        cmocka_unit_test_setup_teardown(a_full_queue_says_so_and_loses_nothing, open_away,
                                        close_away),
        cmocka_unit_test_setup_teardown(a_record_that_no_empty_queue_holds_is_refused_for_good,
                                        open_away, close_away),
        cmocka_unit_test_setup_teardown(initialising_a_transactional_id_can_be_tried_again,
                                        open_away, close_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
