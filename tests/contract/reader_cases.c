/* SPDX-License-Identifier: MIT
 * What kafka/log.h promises of readers. */
#include "log_contract.h"

#include "core/alloc.h"

static void put_many(const char *topic, int32_t partition, int count)
{
    stele_log_producer *producer = open_plain(topic);
    for (int i = 0; i < count; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        stele_log_entry entry = {.partition = {topic, partition}, .value = stele_text(text)};
        MUST(stele_log_producer_put(producer, &entry, &err));
    }
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));
    stele_log_producer_close(producer);
}

static void put_one(const stele_log_entry *entry)
{
    stele_log_producer *producer = open_plain(entry->partition.topic);
    MUST(stele_log_producer_put(producer, entry, &err));
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));
    stele_log_producer_close(producer);
}

/* The first batch with records. */
static stele_batch next_records(stele_log_reader *reader)
{
    stele_batch batch = next_batch(reader);
    while (batch.count == 0) {
        stele_log_batch_release(&batch);
        batch = next_batch(reader);
    }
    return batch;
}

void records_come_in_the_order_in_which_they_were_put(void)
{
    const char *topic = make_topic(the_log, 1);
    put_many(topic, 0, 3000);

    stele_log_reader *reader = open_reader(topic, STELE_READ_COMMITTED);
    int64_t expected = 0;
    while (expected < 3000) {
        stele_batch batch = next_records(reader);
        assert_string_equal(batch.partition.topic, topic);
        assert_int_equal(batch.partition.index, 0);
        for (size_t i = 0; i < batch.count; i++, expected++) {
            char text[24];
            snprintf(text, sizeof text, "%lld", (long long)expected);
            assert_int_equal(batch.records[i].offset, expected);
            assert_true(stele_bytes_equal(batch.records[i].value, stele_text(text)));
        }
        assert_int_equal(batch.next_offset, expected);
        stele_log_batch_release(&batch);
    }
    stele_log_reader_close(reader);
}

/* Each record after the end was told of the ones before, so that a reader of each kind goes on. */
void whatever_its_haste_a_reader_goes_on_behind_the_end(void)
{
    static const stele_reader_haste all[] = {STELE_READER_CALM, STELE_READER_HASTY,
                                             STELE_READER_HASTY_ONCE};
    for (size_t k = 0; k < COUNT_OF(all); k++) {
        const char *topic = make_topic(the_log, 1);
        stele_log_reader *reader = NULL;
        const stele_log_reader_options options = {.haste = all[k]};
        MUST(stele_log_reader_open(the_log, &options, &reader, &err));
        MUST(stele_log_reader_start(reader, (stele_partition){topic, 0}, 0, &err));
        for (int64_t i = 0; i < 4; i++) {
            put_many(topic, 0, 2);
            int64_t seen = 2 * i;
            for (bool at_end = false; !at_end || seen < 2 * i + 2;) {
                stele_batch batch = next_batch(reader);
                for (size_t r = 0; r < batch.count; r++)
                    assert_int_equal(batch.records[r].offset, seen++);
                at_end = batch.at_end;
                stele_log_batch_release(&batch);
            }
        }
        stele_log_reader_close(reader);
    }
}

void a_record_comes_with_all_that_was_put(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_header header = {"name", stele_text("header")};
    put_one(&(stele_log_entry){.partition = {topic, 0},
                               .key = stele_text("key"),
                               .value = stele_text("value"),
                               .headers = &header,
                               .header_count = 1,
                               .timestamp_ms = 1234567890123});

    stele_log_reader *reader = open_reader(topic, STELE_READ_COMMITTED);
    stele_batch batch = next_records(reader);
    const stele_record *record = &batch.records[0];
    stele_bytes value;

    assert_int_equal(batch.count, 1);
    assert_int_equal(record->offset, 0);
    assert_int_equal(record->timestamp_ms, 1234567890123);
    assert_true(stele_bytes_equal(record->key, stele_text("key")));
    assert_true(stele_bytes_equal(record->value, stele_text("value")));
    assert_true(stele_log_batch_header(&batch, record, "name", &value));
    assert_true(stele_bytes_equal(value, stele_text("header")));
    assert_false(stele_log_batch_header(&batch, record, "nam", &value));
    stele_log_batch_release(&batch);
    stele_log_reader_close(reader);
}

void null_is_not_empty(void)
{
    const char *topic = make_topic(the_log, 1);
    const stele_bytes null = {0};
    const stele_bytes empty = stele_text("");
    const stele_bytes pairs[][2] = {{null, empty}, {empty, null}, {null, null}, {empty, empty}};
    stele_log_producer *producer = open_plain(topic);
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        stele_log_entry entry = {.partition = {topic, 0}, .key = pairs[i][0], .value = pairs[i][1]};
        MUST(stele_log_producer_put(producer, &entry, &err));
    }
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));
    stele_log_producer_close(producer);

    stele_log_reader *reader = open_reader(topic, STELE_READ_COMMITTED);
    for (size_t seen = 0; seen < COUNT_OF(pairs);) {
        stele_batch batch = next_records(reader);
        for (size_t i = 0; i < batch.count; i++, seen++) {
            assert_true(stele_bytes_equal(batch.records[i].key, pairs[seen][0]));
            assert_true(stele_bytes_equal(batch.records[i].value, pairs[seen][1]));
        }
        stele_log_batch_release(&batch);
    }
    stele_log_reader_close(reader);
}

void headers_keep_their_order_and_the_last_of_a_name_is_found(void)
{
    const char *topic = make_topic(the_log, 1);
    const stele_header headers[] = {
        {"a", stele_text("1")}, {"b", {0}}, {"a", stele_text("2")}, {"c", stele_text("")}};
    put_one(&(stele_log_entry){.partition = {topic, 0},
                               .value = stele_text("value"),
                               .headers = headers,
                               .header_count = COUNT_OF(headers)});

    stele_log_reader *reader = open_reader(topic, STELE_READ_COMMITTED);
    stele_batch batch = next_records(reader);
    stele_header found[COUNT_OF(headers)];
    stele_bytes value;

    assert_int_equal(stele_log_batch_headers(&batch, batch.records, found, 1), COUNT_OF(headers));
    assert_int_equal(stele_log_batch_headers(&batch, batch.records, found, COUNT_OF(found)),
                     COUNT_OF(headers));
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        assert_string_equal(found[i].name, headers[i].name);
        assert_true(stele_bytes_equal(found[i].value, headers[i].value));
    }
    assert_true(stele_log_batch_header(&batch, batch.records, "a", &value));
    assert_true(stele_bytes_equal(value, stele_text("2")));
    stele_log_batch_release(&batch);
    stele_log_reader_close(reader);
}

void what_is_put_is_copied(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_producer *producer = open_plain(topic);
    char name[] = "name";
    char bytes[] = "bytes";
    stele_header header = {name, stele_text(bytes)};
    stele_log_entry entry = {.partition = {topic, 0},
                             .key = stele_text(bytes),
                             .value = stele_text(bytes),
                             .headers = &header,
                             .header_count = 1};

    MUST(stele_log_producer_put(producer, &entry, &err));
    memset(name, 'x', sizeof name - 1);
    memset(bytes, 'x', sizeof bytes - 1);
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));
    stele_log_producer_close(producer);

    stele_log_reader *reader = open_reader(topic, STELE_READ_COMMITTED);
    stele_batch batch = next_records(reader);
    stele_bytes value;
    assert_true(stele_bytes_equal(batch.records[0].key, stele_text("bytes")));
    assert_true(stele_bytes_equal(batch.records[0].value, stele_text("bytes")));
    assert_true(stele_log_batch_header(&batch, batch.records, "name", &value));
    assert_true(stele_bytes_equal(value, stele_text("bytes")));
    stele_log_batch_release(&batch);
    stele_log_reader_close(reader);
}

void markers_take_offsets_and_are_never_seen(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_producer *producer = open_producer(the_log, topic, topic);
    append(producer, topic, "a");
    append(producer, topic, "b");
    stele_log_producer_close(producer);
    expect_bounds(topic, STELE_READ_COMMITTED, 0, 4);

    static const stele_isolation both[] = {STELE_READ_COMMITTED, STELE_READ_UNCOMMITTED};
    for (size_t k = 0; k < COUNT_OF(both); k++) {
        stele_log_reader *reader = open_reader(topic, both[k]);
        int64_t offsets[2] = {-1, -1};
        int64_t next_offset = 0;
        size_t seen = 0;
        while (next_offset < 4) {
            stele_batch batch = next_batch(reader);
            for (size_t i = 0; i < batch.count; i++, seen++) {
                assert_true(seen < 2);
                offsets[seen] = batch.records[i].offset;
            }
            next_offset = batch.next_offset;
            assert_true(batch.at_end || next_offset == offsets[seen - 1] + 1);
            stele_log_batch_release(&batch);
        }
        assert_int_equal(offsets[0], 0);
        assert_int_equal(offsets[1], 2);
        stele_log_reader_close(reader);
    }
}

void the_end_is_told_once_each_time_it_is_reached(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_reader *reader = open_reader(topic, STELE_READ_COMMITTED);
    read_to(reader, 0);
    for (int64_t round = 1; round <= 3; round++) {
        stele_batch batch = {0};
        assert_int_equal(stele_log_reader_next(reader, 200, &batch, &err), STELE_E_TIMED_OUT);

        put_many(topic, 0, 1);
        read_to(reader, round);
    }
    stele_log_reader_close(reader);
}

void the_end_of_an_empty_partition_is_told(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_reader *reader = open_reader(topic, STELE_READ_UNCOMMITTED);
    expect_end(reader, 0);
    stele_log_reader_close(reader);
}

void a_batch_holds_no_more_than_batch_max(void)
{
    const char *topic = make_topic(the_log, 1);
    put_many(topic, 0, 10);

    stele_log_reader *reader = NULL;
    stele_log_reader_options options = {.batch_max = 3};
    MUST(stele_log_reader_open(the_log, &options, &reader, &err));
    MUST(stele_log_reader_start(reader, (stele_partition){topic, 0}, 0, &err));
    for (size_t seen = 0; seen < 10;) {
        stele_batch batch = next_records(reader);
        assert_in_range(batch.count, 1, 3);
        seen += batch.count;
        assert_int_equal(batch.next_offset, seen);
        if (seen < 10) assert_false(batch.at_end);
        stele_log_batch_release(&batch);
    }
    stele_log_reader_close(reader);
}

void a_batch_knows_how_far_the_log_goes(void)
{
    const char *topic = make_topic(the_log, 1);
    put_many(topic, 0, 10);

    stele_log_reader *reader = NULL;
    stele_log_reader_options options = {.batch_max = 3};
    MUST(stele_log_reader_open(the_log, &options, &reader, &err));
    MUST(stele_log_reader_start(reader, (stele_partition){topic, 0}, 0, &err));
    for (int64_t end = 10; end <= 11; end++) {
        for (bool at_end = false; !at_end;) {
            stele_batch batch = next_batch(reader);
            assert_int_equal(batch.log_end, end);
            at_end = batch.at_end && batch.next_offset == end;
            stele_log_batch_release(&batch);
        }
        put_many(topic, 0, 1);
    }
    stele_log_reader_close(reader);
}

void a_reader_starts_in_the_middle(void)
{
    const char *topic = make_topic(the_log, 1);
    put_many(topic, 0, 10);

    stele_log_reader *reader = NULL;
    MUST(stele_log_reader_open(the_log, NULL, &reader, &err));
    MUST(stele_log_reader_start(reader, (stele_partition){topic, 0}, 7, &err));
    stele_batch batch = next_records(reader);
    assert_int_equal(batch.records[0].offset, 7);
    stele_log_batch_release(&batch);
    stele_log_reader_close(reader);
}

void nothing_to_read_times_out(void)
{
    stele_log_reader *reader = NULL;
    MUST(stele_log_reader_open(the_log, NULL, &reader, &err));
    stele_batch batch = {0};
    int64_t begin = now_ms();

    assert_int_equal(stele_log_reader_next(reader, 50, &batch, &err), STELE_E_TIMED_OUT);

    assert_in_range(now_ms() - begin, 49, 5000);
    stele_log_reader_close(reader);
}

static void start_two(stele_log_reader *reader, const char *topic)
{
    MUST(stele_log_reader_start(reader, (stele_partition){topic, 0}, 0, &err));
    MUST(stele_log_reader_start(reader, (stele_partition){topic, 1}, 0, &err));
}

void a_held_partition_is_not_handed_out_and_loses_nothing(void)
{
    const char *topic = make_topic(the_log, 2);
    put_many(topic, 0, 5);
    put_many(topic, 1, 5);
    stele_log_reader *reader = NULL;
    MUST(stele_log_reader_open(the_log, NULL, &reader, &err));
    start_two(reader, topic);
    stele_log_reader_hold(reader, (stele_partition){topic, 0}, true);

    for (size_t seen = 0; seen < 5;) {
        stele_batch batch = next_batch(reader);
        assert_int_equal(batch.partition.index, 1);
        seen += batch.count;
        stele_log_batch_release(&batch);
    }
    stele_log_reader_hold(reader, (stele_partition){topic, 0}, false);
    for (size_t seen = 0; seen < 5;) {
        stele_batch batch = next_batch(reader);
        if (batch.partition.index == 0) {
            for (size_t i = 0; i < batch.count; i++)
                assert_int_equal(batch.records[i].offset, (int64_t)seen++);
        }
        stele_log_batch_release(&batch);
    }
    stele_log_reader_close(reader);
}

void several_batches_may_be_held(void)
{
    enum { HELD = 5 };
    const char *topic = make_topic(the_log, 1);
    put_many(topic, 0, HELD);
    stele_log_reader *reader = NULL;
    stele_log_reader_options options = {.batch_max = 1};
    MUST(stele_log_reader_open(the_log, &options, &reader, &err));
    MUST(stele_log_reader_start(reader, (stele_partition){topic, 0}, 0, &err));

    stele_batch batches[HELD];
    for (size_t i = 0; i < HELD; i++)
        batches[i] = next_records(reader);
    static const size_t order[HELD] = {3, 0, 4, 2, 1};
    for (size_t i = 0; i < HELD; i++) {
        stele_batch *batch = &batches[order[i]];
        char text[16];
        snprintf(text, sizeof text, "%zu", order[i]);
        assert_true(stele_bytes_equal(batch->records[0].value, stele_text(text)));
        stele_log_batch_release(batch);
        assert_null(batch->records);
    }
    stele_log_reader_close(reader);
}

/* Once both have come, none comes twice in a row while the other has records. */
void partitions_take_turns(void)
{
    enum { EACH = 20 };
    const char *topic = make_topic(the_log, 2);
    put_many(topic, 0, EACH);
    put_many(topic, 1, EACH);
    stele_log_reader *reader = NULL;
    stele_log_reader_options options = {.batch_max = 1};
    MUST(stele_log_reader_open(the_log, &options, &reader, &err));
    start_two(reader, topic);

    size_t seen[2] = {0};
    int32_t before = -1;
    while (seen[0] + seen[1] < 2 * (size_t)EACH) {
        stele_batch batch = next_records(reader);
        int32_t index = batch.partition.index;
        bool both_came = seen[0] > 0 && seen[1] > 0;
        if (both_came && seen[1 - index] < EACH) assert_int_not_equal(index, before);
        seen[index] += batch.count;
        before = index;
        stele_log_batch_release(&batch);
    }
    stele_log_reader_close(reader);
}

void a_stopped_partition_can_be_started_elsewhere(void)
{
    const char *topic = make_topic(the_log, 1);
    put_many(topic, 0, 10);
    stele_log_reader *reader = open_reader(topic, STELE_READ_COMMITTED);
    stele_batch batch = next_records(reader);

    stele_log_reader_stop(reader, batch.partition);
    stele_log_reader_stop(reader, (stele_partition){topic, 3});
    assert_int_equal(batch.records[0].offset, 0);
    stele_log_batch_release(&batch);
    assert_int_equal(stele_log_reader_next(reader, 100, &batch, &err), STELE_E_TIMED_OUT);
    MUST(stele_log_reader_start(reader, (stele_partition){topic, 0}, 4, &err));

    batch = next_records(reader);
    assert_int_equal(batch.records[0].offset, 4);
    stele_log_batch_release(&batch);
    stele_log_reader_close(reader);
}

void a_partition_is_started_once_and_at_an_offset(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_reader *reader = open_reader(topic, STELE_READ_COMMITTED);

    MUST_FAIL(stele_log_reader_start(reader, (stele_partition){topic, 0}, 0, &err), STELE_E_EXISTS,
              STELE_NEXT_STOP);
    MUST_FAIL(stele_log_reader_start(reader, (stele_partition){topic, 1}, -2, &err),
              STELE_E_INVALID, STELE_NEXT_STOP);
    stele_log_reader_close(reader);
}

static void expect_failure_at(const char *topic, int32_t partition, int64_t offset,
                              stele_status status)
{
    stele_log_reader *reader = NULL;
    MUST(stele_log_reader_open(the_log, NULL, &reader, &err));
    MUST(stele_log_reader_start(reader, (stele_partition){topic, partition}, offset, &err));
    expect_failure(reader, status);
    stele_log_reader_close(reader);
}

void an_offset_past_the_end_is_a_hole(void)
{
    const char *topic = make_topic(the_log, 1);
    put_many(topic, 0, 3);
    expect_failure_at(topic, 0, 4, STELE_E_HOLE);
}

void an_offset_below_the_start_is_a_hole(void)
{
    const char *topic = make_topic(the_log, 1);
    put_many(topic, 0, 5);
    subject->delete_records(the_log, (stele_partition){topic, 0}, 3);
    expect_bounds(topic, STELE_READ_COMMITTED, 3, 5);

    expect_failure_at(topic, 0, 2, STELE_E_HOLE);

    stele_log_reader *reader = NULL;
    MUST(stele_log_reader_open(the_log, NULL, &reader, &err));
    MUST(stele_log_reader_start(reader, (stele_partition){topic, 0}, 3, &err));
    stele_batch batch = next_records(reader);
    assert_int_equal(batch.records[0].offset, 3);
    stele_log_batch_release(&batch);
    stele_log_reader_close(reader);
}

static void wake(void *reader)
{
    stele_log_reader_wake(reader);
}

void a_reader_that_waits_is_woken_by_another_thread(void)
{
    const char *topic = make_topic(the_log, 1);
    put_many(topic, 0, 1);
    stele_log_reader *reader = open_reader(topic, STELE_READ_COMMITTED);
    read_to(reader, 1);
    stele_clock clock = stele_log_clock(the_log);
    stele_thread waker;
    assert_int_equal(stele_thread_start(stele_log_runtime(the_log), &waker, "wake", wake, reader),
                     0);

    /* Whether it waits by then or not. */
    stele_batch batch;
    int64_t begun_ns = stele_clock_monotonic_ns(clock);
    while (stele_log_reader_next(reader, PATIENCE_MS, &batch, &err) == STELE_OK)
        stele_log_batch_release(&batch); /* the end of the partition, at most */
    assert_true(stele_clock_monotonic_ns(clock) - begun_ns < (int64_t)PATIENCE_MS * 900000);
    stele_thread_join(waker);

    put_many(topic, 0, 1); /* it reads as before */
    read_to(reader, 2);
    stele_log_reader_close(reader);
}

void an_unknown_topic_ends_the_reading(void)
{
    expect_failure_at(fresh_name("unknown"), 0, 0, STELE_E_NOT_FOUND);
    expect_failure_at(make_topic(the_log, 1), 1, 0, STELE_E_NOT_FOUND);
}

void a_deleted_topic_ends_the_reading(void)
{
    const char *topic = make_topic(the_log, 1);
    put_many(topic, 0, 3);
    stele_log_reader *reader = open_reader(topic, STELE_READ_COMMITTED);
    read_to(reader, 3);

    MUST(stele_log_topic_delete(the_log, topic, PATIENCE_MS, &err));

    expect_failure(reader, STELE_E_NOT_FOUND);
    stele_log_reader_close(reader);
}
