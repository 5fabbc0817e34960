/* SPDX-License-Identifier: MIT
 * The records of a snapshots topic, to the byte: what is written today is read for ever. */
#include "snapshots/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stele/codec.h>

#include "core/alloc.h"
#include "kafka/memory_log.h"

static void a_checkpoint_has_golden_bytes(void **state)
{
    (void)state;
    stele_checkpoint checkpoint = {.topic = stele_text("a.events"),
                                   .partitions = 4,
                                   .next_offset = 1042,
                                   .last_offset = 1040,
                                   .last_hash = -2,
                                   .version = 1,
                                   .genesis = stele_text("g"),
                                   .aggregates = 100,
                                   .finished = 3};
    stele_buffer bytes = {0};
    assert_int_equal(stele_encode(&stele_checkpoint_type, &checkpoint, &bytes, NULL), STELE_OK);
    static const uint8_t golden[] = {0x10, 'a',  '.',  'e',  'v',  'e',  'n',
                                     't',  's',  0x08, 0xa4, 0x10, 0xa0, 0x10,
                                     0x03, 0x02, 0x02, 'g',  0xc8, 0x01, 0x06};
    assert_int_equal(bytes.size, sizeof golden);
    assert_memory_equal(bytes.data, golden, sizeof golden);
    stele_buffer_clear(&bytes);
}

static void an_events_hash_takes_in_time_key_and_value(void **state)
{
    (void)state;
    const stele_record base = {.offset = 5,
                               .timestamp_ms = 1700000000000,
                               .key = stele_text("ab"),
                               .value = stele_text("c")};
    /* xxhsum -H1 of 0000018bcfe56800 0000000000000002 0000000000000001 "ab" "c" */
    assert_int_equal((uint64_t)stele_event_hash(&base), UINT64_C(0x95542711c40f9106));

    stele_record other = base;
    other.offset = 6;
    assert_int_equal(stele_event_hash(&other), stele_event_hash(&base));
    other = base;
    other.timestamp_ms++;
    assert_int_not_equal(stele_event_hash(&other), stele_event_hash(&base));
    other = base;
    other.key = stele_text("a"), other.value = stele_text("bc");
    assert_int_not_equal(stele_event_hash(&other), stele_event_hash(&base));
    other = base;
    other.value = stele_text("d");
    assert_int_not_equal(stele_event_hash(&other), stele_event_hash(&base));
}

/* ---- headers, through a log ---- */

#define TOPIC "p.v1.snapshots"

static void append(stele_log *log, stele_bytes value, const stele_header *headers, size_t count)
{
    stele_log_producer *producer;
    stele_log_producer_options options = {0};
    assert_int_equal(stele_log_producer_open(log, &options, &producer, NULL), STELE_OK);
    stele_log_entry entry = {.partition = {TOPIC, 0},
                             .key = stele_text("id"),
                             .value = value,
                             .headers = headers,
                             .header_count = count};
    assert_int_equal(stele_log_producer_put(producer, &entry, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_flush(producer, 1000, NULL), STELE_OK);
    stele_log_producer_close(producer);
}

static stele_log *new_log(void)
{
    stele_log *log;
    assert_int_equal(stele_log_memory_new(NULL, &log, NULL), STELE_OK);
    stele_log_topic_options topic = {.name = TOPIC, .partitions = 1};
    assert_int_equal(stele_log_topic_create(log, &topic, 1000, NULL), STELE_OK);
    return log;
}

/* Read the only record back. */
static stele_status read_back(stele_log *log, stele_snapshot *out, stele_batch *batch,
                              stele_log_reader **reader, stele_error *err)
{
    stele_log_reader_options options = {0};
    assert_int_equal(stele_log_reader_open(log, &options, reader, NULL), STELE_OK);
    assert_int_equal(stele_log_reader_start(*reader, (stele_partition){TOPIC, 0}, 0, NULL),
                     STELE_OK);
    assert_int_equal(stele_log_reader_next(*reader, 5000, batch, NULL), STELE_OK);
    assert_int_equal(batch->count, 1);
    return stele_snapshot_read(batch, &batch->records[0], "stele_beside", out, err);
}

static void headers_come_back(void **state)
{
    (void)state;
    const struct {
        int64_t version;
        int64_t offset;
        bool finished;
        stele_bytes value;
    } cases[] = {
        {1, 1, false, stele_text("v")},
        {INT64_MAX, INT64_MAX, false, stele_text("v")},
        {0, 0, true, stele_text("v")},
        {12, 1042, true, {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stele_log *log = new_log();
        stele_snapshot_headers headers;
        stele_snapshot_headers_set(&headers, cases[i].version, cases[i].offset, cases[i].finished);
        append(log, cases[i].value, headers.list, headers.count);

        stele_snapshot snapshot;
        stele_batch batch;
        stele_log_reader *reader;
        assert_int_equal(read_back(log, &snapshot, &batch, &reader, NULL), STELE_OK);
        assert_int_equal(snapshot.version, cases[i].version);
        assert_int_equal(snapshot.offset, cases[i].offset);
        assert_int_equal(snapshot.finished, cases[i].finished);
        assert_true(stele_bytes_equal(snapshot.value, cases[i].value));
        stele_log_batch_release(&batch);
        stele_log_reader_close(reader);
        stele_log_free(log);
    }
}

static void what_is_kept_beside_a_state_comes_back_by_the_name_of_its_header(void **state)
{
    (void)state;
    const struct {
        const char *name;
        stele_bytes companion;
        stele_bytes expected;
        bool finished;
    } cases[] = {
        {"stele_beside", stele_bytes_of("\0\1", 2), stele_bytes_of("\0\1", 2), false},
        {"stele_beside", stele_bytes_of("x", 1), stele_bytes_of("x", 1), true},
        {"stele_besides", stele_bytes_of("x", 1), {0}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stele_log *log = new_log();
        stele_snapshot_headers headers;
        stele_snapshot_headers_set(&headers, 1, 2, cases[i].finished);
        stele_snapshot_headers_add(&headers, cases[i].name, cases[i].companion);
        append(log, stele_text("v"), headers.list, headers.count);

        stele_snapshot snapshot;
        stele_batch batch;
        stele_log_reader *reader;
        assert_int_equal(read_back(log, &snapshot, &batch, &reader, NULL), STELE_OK);
        assert_true(stele_bytes_equal(snapshot.companion, cases[i].expected));
        assert_int_equal(snapshot.companion.data == NULL, cases[i].expected.data == NULL);
        assert_int_equal(snapshot.finished, cases[i].finished);
        stele_log_batch_release(&batch);
        stele_log_reader_close(reader);
        stele_log_free(log);
    }
}

static void headers_are_ascii_decimals(void **state)
{
    (void)state;
    stele_snapshot_headers headers;
    stele_snapshot_headers_set(&headers, 7, 1042, false);
    assert_int_equal(headers.count, 2);
    assert_string_equal(headers.list[0].name, "stele_version");
    assert_true(stele_bytes_equal(headers.list[0].value, stele_text("7")));
    assert_string_equal(headers.list[1].name, "stele_offset");
    assert_true(stele_bytes_equal(headers.list[1].value, stele_text("1042")));
}

static void a_snapshot_without_its_headers_is_refused(void **state)
{
    (void)state;
    const stele_header version = {"stele_version", stele_text("1")};
    const stele_header cases[][2] = {
        {version, {"other", stele_text("1")}},
        {version, {"stele_offset", stele_text("x")}},
        {version, {"stele_offset", stele_text("-1")}},
        {version, {"stele_offset", {0}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stele_log *log = new_log();
        append(log, stele_text("v"), cases[i], 2);
        stele_snapshot snapshot;
        stele_batch batch;
        stele_log_reader *reader;
        stele_error err;
        assert_int_equal(read_back(log, &snapshot, &batch, &reader, &err), STELE_E_INVALID);
        assert_string_equal(
            err.text, "snapshot of \"id\" without the headers stele_version and stele_offset");
        stele_log_batch_release(&batch);
        stele_log_reader_close(reader);
        stele_log_free(log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_has_golden_bytes),
        cmocka_unit_test(an_events_hash_takes_in_time_key_and_value),
        cmocka_unit_test(headers_come_back),
        cmocka_unit_test(what_is_kept_beside_a_state_comes_back_by_the_name_of_its_header),
        cmocka_unit_test(headers_are_ascii_decimals),
        cmocka_unit_test(a_snapshot_without_its_headers_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
