/* SPDX-License-Identifier: MIT
 * kafka/rdkafka_transaction.c and the producer's queue on a real broker: fencing in each phase,
 * what a predecessor left open, records that are refused. */
#include "kafka_test.h"

#include "core/alloc.h"

static int open_real(void **state)
{
    *state = open_log(NULL);
    return 0;
}

static int close_real(void **state)
{
    stele_log_free(*state);
    return 0;
}

/* How far the first producer got before the second one took its id. */
typedef enum phase { INITIALISED, BEGUN, QUEUED, DELIVERED, OFFSET_SENT, COMMITTED } phase;

static void ignore_assigned(void *context, const stele_partition *partitions, size_t count)
{
    (void)partitions;
    *(size_t *)context += count;
}

static stele_log_group *join(stele_log *log, const char *topic, stele_log_member **out)
{
    size_t assigned = 0;
    const char *topics[] = {topic, NULL};
    stele_log_member_options options = {
        .group = topic, .topics = topics, .events = {ignore_assigned, NULL, &assigned}};
    MUST(stele_log_member_open(log, &options, out, &err));
    int64_t deadline = now_ms() + PATIENCE_MS;
    while (assigned == 0 && now_ms() < deadline)
        MUST(stele_log_member_poll(*out, 100, &err));
    assert_int_equal(assigned, 1);
    return stele_log_member_group(*out);
}

static void go_on_to(phase reached, stele_log_producer *producer, const char *topic,
                     const stele_log_group *group)
{
    if (reached >= BEGUN) MUST(stele_log_producer_begin(producer, &err));
    if (reached >= QUEUED) put_text(producer, topic, "zombie");
    if (reached >= DELIVERED) MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));
    if (reached >= OFFSET_SENT)
        MUST(stele_log_producer_send_offset(producer, group, (stele_partition){topic, 0}, 7,
                                            PATIENCE_MS, &err));
    if (reached >= COMMITTED) MUST(stele_log_producer_commit(producer, PATIENCE_MS, &err));
}

/* Whatever the first one still does, it ends in FENCED and STOP. */
static void must_be_fenced(phase reached, stele_log_producer *producer, const char *topic,
                           const stele_log_group *group)
{
    stele_status status = STELE_OK;
    if (reached == INITIALISED || reached == COMMITTED)
        status = stele_log_producer_begin(producer, &err);
    stele_log_entry entry = {.partition = {topic, 0}, .value = stele_text("zombie")};
    if (status == STELE_OK) status = stele_log_producer_put(producer, &entry, &err);
    if (status == STELE_OK)
        status = stele_log_producer_send_offset(producer, group, (stele_partition){topic, 0}, 9,
                                                PATIENCE_MS, &err);
    while (status == STELE_OK || err.next == STELE_NEXT_RETRY)
        status = stele_log_producer_commit(producer, PATIENCE_MS, &err);
    if (err.next == STELE_NEXT_ABORT)
        status = stele_log_producer_abort(producer, PATIENCE_MS, &err);

    if (status != STELE_E_FENCED || err.next != STELE_NEXT_STOP)
        fail_msg("phase %d: %s, next %d: %s", (int)reached, stele_status_name(status),
                 (int)err.next, err.text);
    /* It stays dead. */
    MUST_FAIL(stele_log_producer_begin(producer, &err), STELE_E_FENCED, STELE_NEXT_STOP);
    MUST_FAIL(stele_log_producer_put(producer, &entry, &err), STELE_E_FENCED, STELE_NEXT_STOP);
    MUST_FAIL(stele_log_producer_poll(producer, 0, &err), STELE_E_FENCED, STELE_NEXT_STOP);
    MUST_FAIL(stele_log_producer_abort(producer, 1000, &err), STELE_E_FENCED, STELE_NEXT_STOP);
}

static void a_fenced_producer_adds_nothing_in_any_phase(void **state)
{
    stele_log *log = *state;
    for (phase reached = INITIALISED; reached <= COMMITTED; reached++) {
        const char *topic = make_topic(log, 1);
        stele_log_member *member = NULL;
        stele_log_group *group = join(log, topic, &member);
        stele_log_producer *first = open_producer(log, topic, topic);
        go_on_to(reached, first, topic, group);

        stele_log_producer *second = open_producer(log, topic, topic);
        append(second, topic, "owner");
        must_be_fenced(reached, first, topic, group);

        char *texts = read_texts(log, topic, STELE_READ_COMMITTED);
        assert_string_equal(texts, reached == COMMITTED ? "zombie,owner," : "owner,");
        free(texts);
        int64_t offset;
        MUST(stele_log_group_offset(log, topic, (stele_partition){topic, 0}, PATIENCE_MS, &offset,
                                    &err));
        assert_int_equal(offset, reached == COMMITTED ? 7 : STELE_OFFSET_NONE);
        append(second, topic, "again");

        stele_log_producer_close(first);
        stele_log_producer_close(second);
        stele_log_group_free(group);
        stele_log_member_close(member, PATIENCE_MS);
    }
}

static void a_transaction_left_open_is_aborted_by_the_next_holder(void **state)
{
    stele_log *log = *state;
    const char *topic = make_topic(log, 1);
    stele_partition partition = {topic, 0};
    stele_log_producer *first = open_producer(log, topic, topic);
    append(first, topic, "a");
    go_on_to(DELIVERED, first, topic, NULL);
    int64_t start;
    int64_t stable;
    int64_t end;
    MUST(
        stele_log_bounds(log, partition, STELE_READ_COMMITTED, PATIENCE_MS, &start, &stable, &err));
    MUST(stele_log_bounds(log, partition, STELE_READ_UNCOMMITTED, PATIENCE_MS, &start, &end, &err));
    assert_true(stable < end);

    stele_log_producer_close(first); /* leaves it open, as a killed process does */

    stele_log_producer *second = open_producer(log, topic, topic);
    MUST(stele_log_bounds(log, partition, STELE_READ_UNCOMMITTED, PATIENCE_MS, &start, &end, &err));
    char *texts = read_texts(log, topic, STELE_READ_COMMITTED);
    char *all = read_texts(log, topic, STELE_READ_UNCOMMITTED);

    assert_string_equal(texts, "a,");
    assert_string_equal(all, "a,zombie,");
    append(second, topic, "b");
    free(texts);
    texts = read_texts(log, topic, STELE_READ_COMMITTED);
    assert_string_equal(texts, "a,b,");
    free(texts);
    free(all);
    stele_log_producer_close(second);
}

/* librdkafka ends the process if a partition is still to be added when its handle is destroyed. */
static void a_producer_can_close_right_after_a_put(void **state)
{
    stele_log *log = *state;
    const char *topic = make_topic(log, 1);
    for (int i = 0; i < 30; i++) {
        stele_log_producer *producer = open_producer(log, topic, topic);
        MUST(stele_log_producer_begin(producer, &err));
        put_text(producer, topic, "dropped");
        if (i % 3 == 1) MUST(stele_log_producer_poll(producer, 1, &err));
        stele_log_producer_close(producer);
    }

    char *texts = read_texts(log, topic, STELE_READ_COMMITTED);
    assert_string_equal(texts, "");
    free(texts);
}

static void what_the_group_no_longer_knows_is_aborted_not_fatal(void **state)
{
    stele_log *log = *state;
    const char *topic = make_topic(log, 1);
    stele_log_member *member = NULL;
    stele_log_group *group = join(log, topic, &member);
    stele_log_member_close(member, PATIENCE_MS);
    stele_log_producer *producer = open_producer(log, topic, topic);
    MUST(stele_log_producer_begin(producer, &err));
    put_text(producer, topic, "a");

    MUST_FAIL(stele_log_producer_send_offset(producer, group, (stele_partition){topic, 0}, 1,
                                             PATIENCE_MS, &err),
              STELE_E_NOT_OWNER, STELE_NEXT_ABORT);

    MUST(stele_log_producer_abort(producer, PATIENCE_MS, &err));
    append(producer, topic, "b");
    char *texts = read_texts(log, topic, STELE_READ_COMMITTED);
    assert_string_equal(texts, "b,");
    free(texts);
    stele_log_group_free(group);
    stele_log_producer_close(producer);
}

static void many_transactions_follow_each_other(void **state)
{
    stele_log *log = *state;
    const char *topic = make_topic(log, 1);
    stele_log_producer *producer = open_producer(log, topic, topic);
    stele_buffer expected = {0};

    for (int i = 0; i < 100; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        append(producer, topic, text);
        stele_buffer_format(&expected, "%s,", text);
    }

    char *texts = read_texts(log, topic, STELE_READ_COMMITTED);
    assert_string_equal(texts, stele_buffer_text(&expected));
    free(texts);
    stele_buffer_clear(&expected);
    stele_log_producer_close(producer);
}

typedef struct seen {
    size_t count;
    stele_error failure;
} seen;

static void remember(void *context, void *opaque, stele_position position,
                     const stele_error *failure)
{
    (void)opaque, (void)position;
    seen *last = context;
    last->count++;
    last->failure = failure == NULL ? (stele_error){0} : *failure;
}

static void a_record_too_large_is_refused_with_its_size_and_the_limit(void **state)
{
    stele_log *log = *state;
    const char *topic = make_topic(log, 1);
    seen last = {0};
    stele_log_producer *producer = NULL;
    stele_log_producer_options options = {.delivered = remember, .context = &last};
    MUST(stele_log_producer_open(log, &options, &producer, &err));
    MUST(stele_log_producer_init(producer, topic, PATIENCE_MS, &err));
    size_t size = 1200000;
    uint8_t *large = stele_alloc(size);
    stele_log_entry entry = {.partition = {topic, 0}, .value = {large, size}};

    MUST_FAIL(stele_log_producer_put(producer, &entry, &err), STELE_E_LIMIT, STELE_NEXT_REJECT);

    assert_non_null(strstr(err.text, "1200000 bytes"));
    assert_non_null(strstr(err.text, "message.max.bytes=1000000"));
    free(large);
    put_text(producer, topic, "small");
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));
    assert_int_equal(last.count, 1);
    assert_int_equal(last.failure.status, STELE_OK);
    stele_log_producer_close(producer);
}

/* The topic's limit is the broker's to check: it is told by the delivery. */
static void a_record_too_large_for_its_topic_is_reported_by_the_delivery(void **state)
{
    stele_log *log = *state;
    const char *topic = fresh_name("small");
    stele_header setting = {"max.message.bytes", stele_text("1000")};
    stele_log_topic_options topic_options = {
        .name = topic, .partitions = 1, .settings = &setting, .setting_count = 1};
    MUST(stele_log_topic_create(log, &topic_options, PATIENCE_MS, &err));
    seen last = {0};
    stele_log_producer *producer = NULL;
    stele_log_producer_options options = {
        .delivered = remember, .context = &last, .compression = "none"};
    MUST(stele_log_producer_open(log, &options, &producer, &err));
    MUST(stele_log_producer_init(producer, topic, PATIENCE_MS, &err));
    uint8_t value[2000] = {0};
    stele_log_entry entry = {.partition = {topic, 0}, .value = {value, sizeof value}};

    MUST(stele_log_producer_put(producer, &entry, &err));
    stele_log_producer_flush(producer, PATIENCE_MS, &err);

    assert_int_equal(last.count, 1);
    assert_int_equal(last.failure.status, STELE_E_LIMIT);
    assert_int_equal(last.failure.next, STELE_NEXT_REJECT);
    stele_log_producer_close(producer);
}

/* 2.0.2's produceva frees the headers twice here. */
static void an_unknown_partition_is_refused_with_headers(void **state)
{
    stele_log *log = *state;
    const char *topic = make_topic(log, 2);
    stele_log_producer *producer = open_producer(log, NULL, topic);
    stele_header headers[] = {{"a", stele_text("1")}, {"b", {0}}};
    stele_log_entry entry = {
        .partition = {topic, 2}, .value = stele_text("v"), .headers = headers, .header_count = 2};

    for (int i = 0; i < 100; i++)
        MUST_FAIL(stele_log_producer_put(producer, &entry, &err), STELE_E_NOT_FOUND,
                  STELE_NEXT_STOP);

    entry.partition.index = 1;
    MUST(stele_log_producer_put(producer, &entry, &err));
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));
    stele_log_producer_close(producer);
}

static void a_topic_that_is_not_there_is_found_missing_by_init(void **state)
{
    stele_log_producer *producer = NULL;
    stele_log_producer_options options = {.transactional_id = fresh_name("id")};
    MUST(stele_log_producer_open(*state, &options, &producer, &err));

    MUST_FAIL(stele_log_producer_init(producer, fresh_name("none"), PATIENCE_MS, &err),
              STELE_E_NOT_FOUND, STELE_NEXT_RETRY);

    stele_log_producer_close(producer);
}

/* librdkafka keeps "there is none" for as long as it keeps what there is. */
static void a_topic_that_someone_else_makes_is_found_by_whoever_missed_it(void **state)
{
    stele_log *log = *state;
    stele_log *other = open_log(NULL);
    static const stele_isolation isolations[] = {STELE_READ_COMMITTED, STELE_READ_UNCOMMITTED};
    for (size_t i = 0; i < 2; i++) {
        const char *topic = fresh_name("late");
        stele_partition partition = {topic, 1};
        int64_t start, end, offset;
        MUST_FAIL(stele_log_bounds(log, partition, isolations[i], PATIENCE_MS, &start, &end, &err),
                  STELE_E_NOT_FOUND, STELE_NEXT_STOP);
        MUST(stele_log_topic_create(
            other, &(stele_log_topic_options){.name = topic, .partitions = 2}, PATIENCE_MS, &err));
        int64_t deadline = now_ms() + PATIENCE_MS; /* a new partition has no leader for a moment */
        while (stele_log_bounds(log, partition, isolations[i], PATIENCE_MS, &start, &end, &err) < 0)
            assert_true(now_ms() < deadline);
        assert_int_equal(end, 0);
        MUST(stele_log_offset_at(log, partition, 1, PATIENCE_MS, &offset, &err));
        assert_int_equal(offset, STELE_OFFSET_NONE);
        partition.index = 2;
        MUST_FAIL(stele_log_bounds(log, partition, isolations[i], PATIENCE_MS, &start, &end, &err),
                  STELE_E_NOT_FOUND, STELE_NEXT_STOP);
    }
    stele_log_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fenced_producer_adds_nothing_in_any_phase),
        cmocka_unit_test(a_transaction_left_open_is_aborted_by_the_next_holder),
        cmocka_unit_test(a_producer_can_close_right_after_a_put),
        cmocka_unit_test(what_the_group_no_longer_knows_is_aborted_not_fatal),
        cmocka_unit_test(many_transactions_follow_each_other),
        cmocka_unit_test(a_record_too_large_is_refused_with_its_size_and_the_limit),
        cmocka_unit_test(a_record_too_large_for_its_topic_is_reported_by_the_delivery),
        cmocka_unit_test(an_unknown_partition_is_refused_with_headers),
        cmocka_unit_test(a_topic_that_is_not_there_is_found_missing_by_init),
        cmocka_unit_test(a_topic_that_someone_else_makes_is_found_by_whoever_missed_it),
    };
    return cmocka_run_group_tests(tests, open_real, close_real);
}
