/* SPDX-License-Identifier: MIT
 * What the cleaner and an administrator do to the log in memory. */
#include "kafka_test.h"

#include "kafka/memory_log.h"

static stele_manual_clock time_of_log;

static int set_up(void **state)
{
    stele_log *log = NULL;
    stele_log_memory_options options = {.runtime = stele_runtime_manual(&time_of_log)};
    MUST(stele_log_memory_new(&options, &log, &err));
    *state = log;
    return 0;
}

static int tear_down(void **state)
{
    stele_log_free(*state);
    return 0;
}

/* One record for each "key=value"; "key" alone is a tombstone. */
static void put_pair(stele_log_producer *producer, const char *topic, const char *pair)
{
    size_t size = strcspn(pair, "=");
    stele_log_entry entry = {.partition = {topic, 0}, .key = stele_bytes_of(pair, size)};
    if (pair[size] == '=') entry.value = stele_text(pair + size + 1);
    MUST(stele_log_producer_put(producer, &entry, &err));
    MUST(stele_log_producer_flush(producer, 0, &err));
}

static void put_pairs(stele_log *log, const char *topic, const char *const *pairs, size_t count)
{
    stele_log_producer *producer = open_producer(log, NULL, topic);
    for (size_t i = 0; i < count; i++)
        put_pair(producer, topic, pairs[i]);
    stele_log_producer_close(producer);
}

/* All records as "offset:key=value ", by uncommitted reading. */
static void expect_records(stele_log *log, const char *topic, int64_t start, const char *expected)
{
    char found[256] = "";
    size_t size = 0;
    stele_log_reader *reader = NULL;
    stele_log_reader_options options = {.isolation = STELE_READ_UNCOMMITTED};
    MUST(stele_log_reader_open(log, &options, &reader, &err));
    MUST(stele_log_reader_start(reader, (stele_partition){topic, 0}, start, &err));
    stele_batch batch = {0};
    MUST(stele_log_reader_next(reader, 0, &batch, &err));
    for (size_t i = 0; i < batch.count; i++) {
        const stele_record *it = &batch.records[i];
        size += (size_t)snprintf(found + size, sizeof found - size, "%lld:%.*s=%.*s ",
                                 (long long)it->offset, (int)it->key.size, (char *)it->key.data,
                                 (int)it->value.size, (char *)it->value.data);
    }
    stele_log_batch_release(&batch);
    stele_log_reader_close(reader);
    assert_string_equal(found, expected);
}

static void compaction_keeps_the_last_of_each_key_at_its_offset(void **state)
{
    static const char *const pairs[] = {"a=1", "b=1", "a=2", "c=1", "b=2", "a=3"};
    const char *topic = make_topic(*state, 1);
    put_pairs(*state, topic, pairs, COUNT_OF(pairs));

    MUST(stele_log_memory_compact(*state, topic, &err));

    expect_records(*state, topic, 0, "3:c=1 4:b=2 5:a=3 ");
    int64_t start;
    int64_t end;
    MUST(stele_log_bounds(*state, (stele_partition){topic, 0}, STELE_READ_COMMITTED, 0, &start,
                          &end, &err));
    assert_int_equal(start, 0);
    assert_int_equal(end, 6);
}

static void a_tombstone_goes_its_retention_after_the_first_compaction(void **state)
{
    static const char *const pairs[] = {"a=1", "b=1", "a"};
    const char *topic = make_topic(*state, 1);
    put_pairs(*state, topic, pairs, COUNT_OF(pairs));

    stele_manual_clock_advance(&time_of_log, 86400000);
    MUST(stele_log_memory_compact(*state, topic, &err));
    expect_records(*state, topic, 0, "1:b=1 2:a= ");
    stele_manual_clock_advance(&time_of_log, 86399999);
    MUST(stele_log_memory_compact(*state, topic, &err));
    expect_records(*state, topic, 0, "1:b=1 2:a= ");
    stele_manual_clock_advance(&time_of_log, 1);
    MUST(stele_log_memory_compact(*state, topic, &err));
    expect_records(*state, topic, 0, "1:b=1 ");
}

static void compaction_stops_at_the_last_stable_offset(void **state)
{
    static const char *const before[] = {"a=1", "a=2"};
    static const char *const behind[] = {"a=4"};
    const char *topic = make_topic(*state, 1);
    put_pairs(*state, topic, before, COUNT_OF(before));
    stele_log_producer *producer = open_producer(*state, "id", topic);
    MUST(stele_log_producer_begin(producer, &err));
    put_pair(producer, topic, "a=3");
    put_pairs(*state, topic, behind, COUNT_OF(behind));

    MUST(stele_log_memory_compact(*state, topic, &err));
    expect_records(*state, topic, 0, "1:a=2 2:a=3 3:a=4 ");

    MUST(stele_log_producer_abort(producer, 0, &err));
    stele_log_producer_close(producer);
    MUST(stele_log_memory_compact(*state, topic, &err));
    expect_records(*state, topic, 0, "3:a=4 ");
}

static void an_aborted_record_hides_no_committed_one(void **state)
{
    static const char *const before[] = {"a=1"};
    const char *topic = make_topic(*state, 1);
    put_pairs(*state, topic, before, COUNT_OF(before));
    stele_log_producer *producer = open_producer(*state, "id", topic);
    MUST(stele_log_producer_begin(producer, &err));
    put_pair(producer, topic, "a=2");
    MUST(stele_log_producer_abort(producer, 0, &err));
    stele_log_producer_close(producer);

    MUST(stele_log_memory_compact(*state, topic, &err));

    expect_records(*state, topic, 0, "0:a=1 ");
}

static void deleting_records_moves_the_start(void **state)
{
    static const char *const pairs[] = {"a=1", "b=1", "c=1"};
    const char *topic = make_topic(*state, 1);
    stele_partition partition = {topic, 0};
    put_pairs(*state, topic, pairs, COUNT_OF(pairs));

    MUST(stele_log_memory_delete_records(*state, partition, 2, &err));
    expect_records(*state, topic, 2, "2:c=1 ");
    MUST_FAIL(stele_log_memory_delete_records(*state, partition, 1, &err), STELE_E_INVALID,
              STELE_NEXT_STOP);
    MUST_FAIL(stele_log_memory_delete_records(*state, partition, 4, &err), STELE_E_INVALID,
              STELE_NEXT_STOP);
    MUST(stele_log_memory_delete_records(*state, partition, 3, &err));
    expect_records(*state, topic, 3, "");
}

static void a_topic_made_anew_is_another_one(void **state)
{
    static const char *const pairs[] = {"a=1", "b=1"};
    const char *topic = make_topic(*state, 1);
    stele_partition partition = {topic, 0};
    put_pairs(*state, topic, pairs, COUNT_OF(pairs));
    MUST(stele_log_group_offset_set(*state, "group", partition, 2, 0, &err));
    stele_log_producer *producer = open_producer(*state, "id", topic);
    MUST(stele_log_producer_begin(producer, &err));
    put_pair(producer, topic, "c=1");

    MUST(stele_log_topic_delete(*state, topic, 0, &err));
    stele_log_topic_options options = {.name = topic, .partitions = 1};
    MUST(stele_log_topic_create(*state, &options, 0, &err));
    MUST(stele_log_producer_commit(producer, 0, &err));
    stele_log_producer_close(producer);

    int64_t offset;
    int64_t start;
    int64_t end;
    MUST(stele_log_group_offset(*state, "group", partition, 0, &offset, &err));
    MUST(stele_log_bounds(*state, partition, STELE_READ_COMMITTED, 0, &start, &end, &err));
    assert_int_equal(offset, STELE_OFFSET_NONE);
    assert_int_equal(end, 0);
}

static void a_topic_that_is_not_there_cannot_be_cleaned(void **state)
{
    stele_partition partition = {"unknown", 0};
    assert_int_equal(stele_log_memory_compact(*state, "unknown", &err), STELE_E_NOT_FOUND);
    assert_int_equal(stele_log_topic_delete(*state, "unknown", 0, &err), STELE_E_NOT_FOUND);
    assert_int_equal(stele_log_memory_partitions_raise(*state, "unknown", 2, &err),
                     STELE_E_NOT_FOUND);
    assert_int_equal(stele_log_memory_delete_records(*state, partition, 0, &err),
                     STELE_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(compaction_keeps_the_last_of_each_key_at_its_offset, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_tombstone_goes_its_retention_after_the_first_compaction,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(compaction_stops_at_the_last_stable_offset, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_aborted_record_hides_no_committed_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(deleting_records_moves_the_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_topic_made_anew_is_another_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_topic_that_is_not_there_cannot_be_cleaned, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
