/* SPDX-License-Identifier: MIT
 * What kafka/log.h promises of producers without transactions. */
#include "log_contract.h"

#include "core/alloc.h"
#include "kafka/partitioner.h"

enum { REPORTS_MAX = 4000 };

/* What `delivered` said. */
typedef struct reports {
    size_t count;
    size_t failures;
    stele_error failure; /* the last one */
    void *opaques[REPORTS_MAX];
    int64_t offsets[REPORTS_MAX];
    int32_t partitions[REPORTS_MAX];
} reports;

static void on_delivered(void *context, void *opaque, stele_position position,
                         const stele_error *failure)
{
    reports *heard = context;
    assert_true(heard->count < REPORTS_MAX);
    heard->opaques[heard->count] = opaque;
    heard->offsets[heard->count] = position.offset;
    heard->partitions[heard->count] = position.partition.index;
    heard->count++;
    if (failure == NULL) return;
    heard->failures++;
    heard->failure = *failure;
}

static stele_log_producer *open_with(reports *heard, size_t queue_max)
{
    stele_log_producer *producer = NULL;
    stele_log_producer_options options = {
        .queue_max = queue_max, .delivered = on_delivered, .context = heard};
    MUST(stele_log_producer_open(the_log, &options, &producer, &err));
    return producer;
}

void each_record_is_reported_once_with_its_position(void)
{
    static int places[1000];
    const char *topic = make_topic(the_log, 1);
    reports *heard = stele_alloc(sizeof *heard);
    stele_log_producer *producer = open_with(heard, 0);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        stele_log_entry entry = {
            .partition = {topic, 0}, .value = stele_text("value"), .opaque = &places[i]};
        MUST(stele_log_producer_put(producer, &entry, &err));
    }
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));

    assert_int_equal(heard->count, COUNT_OF(places));
    assert_int_equal(heard->failures, 0);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        assert_ptr_equal(heard->opaques[i], &places[i]);
        assert_int_equal(heard->offsets[i], i);
        assert_int_equal(heard->partitions[i], 0);
    }
    MUST(stele_log_producer_poll(producer, 0, &err));
    stele_log_producer_close(producer);
    assert_int_equal(heard->count, COUNT_OF(places));
    free(heard);
}

void a_full_queue_takes_more_once_deliveries_are_served(void)
{
    const char *topic = make_topic(the_log, 1);
    reports *heard = stele_alloc(sizeof *heard);
    stele_log_producer *producer = open_with(heard, 16384);
    char value[400] = {0};
    stele_log_entry entry = {.partition = {topic, 0}, .value = stele_bytes_of(value, sizeof value)};
    size_t count = 0;
    while (count < 100 && stele_log_producer_put(producer, &entry, &err) == STELE_OK)
        count++;

    assert_in_range(count, 10, 99);
    assert_int_equal(err.status, STELE_E_FULL);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    assert_int_equal(heard->count, 0);
    for (size_t more = 0; more < 100; more++, count++)
        while (stele_log_producer_put(producer, &entry, &err) < 0) {
            assert_int_equal(err.next, STELE_NEXT_RETRY);
            MUST(stele_log_producer_poll(producer, PATIENCE_MS, &err));
        }
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));
    assert_int_equal(heard->count, count);
    assert_int_equal(heard->failures, 0);
    stele_log_producer_close(producer);
    free(heard);
}

void a_record_too_large_is_rejected_and_the_rest_goes_on(void)
{
    const char *topic = make_topic(the_log, 1);
    reports *heard = stele_alloc(sizeof *heard);
    stele_log_producer *producer = open_with(heard, 0);
    size_t size = 1000001;
    STELE_AUTO(char) value = stele_alloc(size);
    stele_log_entry entry = {.partition = {topic, 0}, .value = stele_bytes_of(value, size)};

    MUST_FAIL(stele_log_producer_put(producer, &entry, &err), STELE_E_LIMIT, STELE_NEXT_REJECT);
    put_text(producer, topic, "small");
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));

    assert_int_equal(heard->count, 1);
    stele_log_producer_close(producer);
    expect_texts(topic, STELE_READ_COMMITTED, "small,");
    free(heard);
}

static const char *make_topic_with(const char *setting, const char *value)
{
    const char *topic = fresh_name("topic");
    stele_header settings = {setting, stele_text(value)};
    stele_log_topic_options options = {
        .name = topic, .partitions = 1, .settings = &settings, .setting_count = 1};
    MUST(stele_log_topic_create(the_log, &options, PATIENCE_MS, &err));
    return topic;
}

void a_record_too_large_for_its_topic_is_rejected_in_delivery(void)
{
    const char *topic = make_topic_with("max.message.bytes", "1000");
    reports *heard = stele_alloc(sizeof *heard);
    stele_log_producer *producer = open_with(heard, 0);
    char value[2000];
    for (uint32_t i = 0, noise = 1; i < sizeof value; i++) {
        noise = noise * 1664525 + 1013904223; /* nothing that could be compressed */
        value[i] = (char)(noise >> 24);
    }
    stele_log_entry entry = {.partition = {topic, 0}, .value = stele_bytes_of(value, sizeof value)};

    MUST(stele_log_producer_put(producer, &entry, &err));
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));

    assert_int_equal(heard->count, 1);
    assert_int_equal(heard->offsets[0], STELE_OFFSET_NONE);
    assert_int_equal(heard->failure.status, STELE_E_LIMIT);
    assert_int_equal(heard->failure.next, STELE_NEXT_REJECT);
    put_text(producer, topic, "small");
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));
    assert_int_equal(heard->failures, 1);
    stele_log_producer_close(producer);
    free(heard);
}

void a_compacted_topic_takes_no_record_without_a_key(void)
{
    const char *topic = make_topic_with("cleanup.policy", "compact");
    reports *heard = stele_alloc(sizeof *heard);
    stele_log_producer *producer = open_with(heard, 0);
    stele_log_entry entry = {.partition = {topic, 0}, .value = stele_text("value")};

    MUST(stele_log_producer_put(producer, &entry, &err));
    stele_log_producer_flush(producer, PATIENCE_MS, &err);

    assert_int_equal(heard->failures, 1);
    assert_int_equal(heard->offsets[0], STELE_OFFSET_NONE);
    stele_log_producer_close(producer);
    expect_bounds(topic, STELE_READ_UNCOMMITTED, 0, 0);
    free(heard);
}

/* Somewhere it is said that the place is not there. */
static void expect_no_place(stele_partition partition)
{
    reports *heard = stele_alloc(sizeof *heard);
    stele_log_producer *producer = open_with(heard, 0);
    stele_log_entry entry = {.partition = partition, .value = stele_text("value")};
    stele_status status = stele_log_producer_put(producer, &entry, &err);
    if (status == STELE_OK) {
        stele_log_producer_flush(producer, PATIENCE_MS, &err);
        assert_int_equal(heard->failures, 1);
        err = heard->failure;
    }
    assert_int_equal(err.status, STELE_E_NOT_FOUND);
    stele_log_producer_close(producer);
    free(heard);
}

void an_unknown_topic_is_told_by_put_or_by_delivery(void)
{
    expect_no_place((stele_partition){fresh_name("unknown"), 0});
}

void an_unknown_partition_is_told_by_put_or_by_delivery(void)
{
    expect_no_place((stele_partition){make_topic(the_log, 2), 2});
}

void a_key_chooses_its_partition_as_in_java(void)
{
    enum { KEYS = 200, PARTITIONS = 7 };
    const char *topic = make_topic(the_log, PARTITIONS);
    reports *heard = stele_alloc(sizeof *heard);
    stele_log_producer *producer = open_with(heard, 0);
    int32_t expected[KEYS];
    for (size_t i = 0; i < KEYS; i++) {
        char key[64];
        int size = snprintf(key, sizeof key, "%.*s%zu", (int)(i % 9), "customer-", i);
        stele_bytes view = stele_bytes_of(key, i == 0 ? 0 : (size_t)size);
        expected[i] = stele_log_partition_of(view, PARTITIONS);
        stele_log_entry entry = {.partition = {topic, STELE_PARTITION_BY_KEY},
                                 .key = view,
                                 .value = stele_text("value"),
                                 .opaque = &expected[i]};
        MUST(stele_log_producer_put(producer, &entry, &err));
    }
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));

    assert_int_equal(heard->count, KEYS);
    for (size_t i = 0; i < KEYS; i++)
        assert_int_equal(heard->partitions[i], *(int32_t *)heard->opaques[i]);
    stele_log_producer_close(producer);
    free(heard);
}

void records_without_a_key_go_somewhere(void)
{
    const char *topic = make_topic(the_log, 3);
    reports *heard = stele_alloc(sizeof *heard);
    stele_log_producer *producer = open_with(heard, 0);
    stele_log_entry entry = {.partition = {topic, STELE_PARTITION_BY_KEY},
                             .value = stele_text("value")};
    for (size_t i = 0; i < 20; i++)
        MUST(stele_log_producer_put(producer, &entry, &err));
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));

    assert_int_equal(heard->count, 20);
    for (size_t i = 0; i < 20; i++) {
        assert_in_range(heard->partitions[i], 0, 2);
        assert_true(heard->offsets[i] >= 0);
    }
    stele_log_producer_close(producer);
    free(heard);
}

void closing_reports_what_is_queued(void)
{
    const char *topic = make_topic(the_log, 1);
    reports *heard = stele_alloc(sizeof *heard);
    stele_log_producer *producer = open_with(heard, 0);
    for (size_t i = 0; i < 50; i++)
        put_text(producer, topic, "value");

    stele_log_producer_close(producer);

    assert_int_equal(heard->count, 50);
    if (heard->failures > 0) assert_int_equal(heard->failure.status, STELE_E_INTERRUPTED);
    free(heard);
}
