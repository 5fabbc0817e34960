/* SPDX-License-Identifier: MIT
 * Log, writer and topic for the tests of the fenced transaction. */
#include "tests/producer/fenced_test.h"

#include "core/alloc.h"
#include "kafka/memory_log.h"

stele_log *log_with_topics(stele_runtime runtime)
{
    stele_log *log;
    stele_error err;
    stele_log_memory_options of_log = {.runtime = runtime};
    assert_int_equal(stele_log_memory_new(&of_log, &log, &err), STELE_OK);
    const char *names[] = {TOPIC, EVENTS};
    for (size_t i = 0; i < 2; i++) {
        stele_log_topic_options options = {.name = names[i], .partitions = 2};
        assert_int_equal(stele_log_topic_create(log, &options, WAIT_MS, &err), STELE_OK);
    }
    return log;
}

int begin_log(void **state)
{
    *state = log_with_topics(stele_runtime_system());
    return 0;
}

int end_log(void **state)
{
    stele_log_free(*state);
    return 0;
}

void wait_for_state(stele_fenced *fenced, stele_fenced_state state, stele_error *failure)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while (stele_fenced_poll(fenced, failure) != state)
        assert_false(stele_deadline_passed(until));
}

stele_transaction *with_record(const char *key, const char *value)
{
    stele_transaction *transaction = stele_transaction_new();
    stele_transaction_put(transaction, (stele_partition){TOPIC, 0}, stele_text(key),
                          stele_text(value), NULL, 0);
    return transaction;
}

/* All values of partition 0, committed or not, as one text. */
static char *values_of(stele_log *log, stele_isolation isolation)
{
    stele_error err;
    int64_t start;
    int64_t end;
    stele_log_reader *reader;
    stele_buffer text = {0};
    stele_partition partition = {TOPIC, 0};
    stele_log_reader_options options = {.isolation = isolation};
    assert_int_equal(stele_log_bounds(log, partition, isolation, WAIT_MS, &start, &end, &err),
                     STELE_OK);
    assert_int_equal(stele_log_reader_open(log, &options, &reader, &err), STELE_OK);
    assert_int_equal(stele_log_reader_start(reader, partition, start, &err), STELE_OK);
    for (int64_t at = start; at < end;) {
        stele_batch batch;
        assert_int_equal(stele_log_reader_next(reader, WAIT_MS, &batch, &err), STELE_OK);
        for (size_t i = 0; i < batch.count; i++) {
            stele_buffer_append(&text, batch.records[i].value);
            stele_buffer_push(&text, ' ');
        }
        at = batch.next_offset;
        stele_log_batch_release(&batch);
    }
    stele_log_reader_close(reader);
    char *copy = stele_strdup(stele_buffer_text(&text));
    stele_buffer_clear(&text);
    return copy;
}

void assert_committed(stele_log *log, const char *expected)
{
    char *values = values_of(log, STELE_READ_COMMITTED);
    assert_string_equal(values, expected);
    free(values);
}
