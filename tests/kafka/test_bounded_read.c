/* SPDX-License-Identifier: MIT
 * Bounded reads on the log in memory. */
#include "kafka/bounded_read.h"

#include "core/alloc.h"
#include "kafka/memory_log.h"
#include "tests/support/test.h"

#define TOPIC "account.events"

static stele_log *new_log(void)
{
    stele_log *log;
    assert_int_equal(stele_log_memory_new(NULL, &log, NULL), STELE_OK);
    stele_log_topic_options topic = {.name = TOPIC, .partitions = 2};
    assert_int_equal(stele_log_topic_create(log, &topic, 1000, NULL), STELE_OK);
    return log;
}

static stele_log_producer *new_producer(stele_log *log, const char *transactional_id)
{
    stele_log_producer *producer;
    stele_log_producer_options options = {.transactional_id = transactional_id};
    assert_int_equal(stele_log_producer_open(log, &options, &producer, NULL), STELE_OK);
    if (transactional_id != NULL)
        assert_int_equal(stele_log_producer_init(producer, NULL, 1000, NULL), STELE_OK);
    return producer;
}

static void put(stele_log_producer *producer, int32_t partition, int count)
{
    for (int i = 0; i < count; i++) {
        stele_log_entry entry = {
            .partition = {TOPIC, partition}, .key = stele_text("k"), .value = stele_text("v")};
        assert_int_equal(stele_log_producer_put(producer, &entry, NULL), STELE_OK);
    }
    assert_int_equal(stele_log_producer_flush(producer, 1000, NULL), STELE_OK);
}

static void append(stele_log *log, int32_t partition, int count)
{
    stele_log_producer *producer = new_producer(log, NULL);
    put(producer, partition, count);
    stele_log_producer_close(producer);
}

/* What a read handed out. */
typedef struct seen {
    stele_log *log;
    int64_t count[2];
    int64_t first[2];
    int64_t last[2];
    int answer;
    bool appends; /* while it reads */
} seen;

static int take(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    seen *of = context;
    int32_t index = batch->partition.index;
    assert_true(batch->count > 0);
    if (of->count[index] == 0) of->first[index] = batch->records[0].offset;
    of->count[index] += (int64_t)batch->count;
    of->last[index] = batch->records[batch->count - 1].offset;
    if (of->appends) append(of->log, index, 1);
    return of->answer;
}

static stele_status read_with(seen *of, stele_bounded_read_options options, int timeout_ms,
                              stele_error *err)
{
    options.deadline = stele_deadline_after(stele_clock_system(), timeout_ms);
    options.take = take;
    options.context = of;
    return stele_bounded_read(of->log, &options, err);
}

static const stele_bounded_read_start both[] = {{{TOPIC, 0}, STELE_OFFSET_NONE},
                                                {{TOPIC, 1}, STELE_OFFSET_NONE}};

static void all_that_stands_is_read_and_then_it_ends(void **state)
{
    (void)state;
    seen of = {.log = new_log(), .first = {-1, -1}};
    append(of.log, 0, 5000);
    append(of.log, 1, 3);

    assert_int_equal(
        read_with(&of, (stele_bounded_read_options){.starts = both, .count = 2}, 10000, NULL),
        STELE_OK);

    assert_int_equal(of.count[0], 5000);
    assert_int_equal(of.count[1], 3);
    stele_log_free(of.log);
}

static void nothing_is_an_end_too(void **state)
{
    (void)state;
    seen of = {.log = new_log()};
    assert_int_equal(
        read_with(&of, (stele_bounded_read_options){.starts = both, .count = 2}, 10000, NULL),
        STELE_OK);
    assert_int_equal(of.count[0] + of.count[1], 0);
    stele_log_free(of.log);
}

static void what_comes_later_is_not_part_of_it(void **state)
{
    (void)state;
    seen of = {.log = new_log(), .appends = true};
    append(of.log, 0, 3000);
    assert_int_equal(
        read_with(&of, (stele_bounded_read_options){.starts = both, .count = 1}, 10000, NULL),
        STELE_OK);
    assert_int_equal(of.count[0], 3000);
    assert_int_equal(of.last[0], 2999);
    stele_log_free(of.log);
}

static void a_read_begins_where_it_is_told(void **state)
{
    (void)state;
    seen of = {.log = new_log()};
    append(of.log, 0, 10);
    const stele_bounded_read_start start = {{TOPIC, 0}, 7};
    assert_int_equal(
        read_with(&of, (stele_bounded_read_options){.starts = &start, .count = 1}, 10000, NULL),
        STELE_OK);
    assert_int_equal(of.first[0], 7);
    assert_int_equal(of.count[0], 3);
    stele_log_free(of.log);
}

static void aborted_records_and_markers_at_the_end_are_read_past(void **state)
{
    (void)state;
    seen of = {.log = new_log()};
    append(of.log, 0, 2);
    stele_log_producer *producer = new_producer(of.log, "t");
    assert_int_equal(stele_log_producer_begin(producer, NULL), STELE_OK);
    put(producer, 0, 3);
    assert_int_equal(stele_log_producer_abort(producer, 1000, NULL), STELE_OK);
    stele_log_producer_close(producer);

    assert_int_equal(
        read_with(&of, (stele_bounded_read_options){.starts = both, .count = 1}, 10000, NULL),
        STELE_OK);

    assert_int_equal(of.count[0], 2);
    stele_log_free(of.log);
}

/* Three records in partition 0 that no one has committed. */
static stele_log_producer *with_open_transaction(stele_log *log)
{
    stele_log_producer *producer = new_producer(log, "t");
    assert_int_equal(stele_log_producer_begin(producer, NULL), STELE_OK);
    put(producer, 0, 3);
    return producer;
}

static void an_open_transaction_is_waited_for_until_the_deadline(void **state)
{
    (void)state;
    seen of = {.log = new_log()};
    append(of.log, 0, 2);
    stele_log_producer *producer = with_open_transaction(of.log);
    stele_error err;

    assert_int_equal(
        read_with(&of, (stele_bounded_read_options){.starts = both, .count = 1}, 50, &err),
        STELE_E_TIMED_OUT);

    assert_int_equal(err.next, STELE_NEXT_RETRY);
    assert_string_equal(err.text, "account.events/0: read to offset 2 of 5 in time; if it stands "
                                  "still, an open transaction holds it back");
    assert_int_equal(read_with(&of,
                               (stele_bounded_read_options){
                                   .starts = both, .count = 1, .isolation = STELE_READ_UNCOMMITTED},
                               10000, &err),
                     STELE_OK);
    stele_log_producer_close(producer);
    stele_log_free(of.log);
}

static void what_is_stable_is_read_without_a_wait(void **state)
{
    (void)state;
    seen of = {.log = new_log()};
    append(of.log, 0, 2);
    stele_log_producer *producer = with_open_transaction(of.log);
    append(of.log, 0, 2);

    assert_int_equal(
        read_with(&of, (stele_bounded_read_options){.starts = both, .count = 1, .stable = true},
                  10000, NULL),
        STELE_OK);

    assert_int_equal(of.count[0], 2);
    stele_log_producer_close(producer);
    stele_log_free(of.log);
}

static void a_read_without_a_deadline_ends_when_it_stands_still(void **state)
{
    (void)state;
    seen of = {.log = new_log()};
    append(of.log, 0, 2);
    stele_log_producer *producer = with_open_transaction(of.log);
    stele_error err;

    assert_int_equal(
        read_with(&of, (stele_bounded_read_options){.starts = both, .count = 1, .patience_ms = 50},
                  -1, &err),
        STELE_E_TIMED_OUT);

    assert_int_equal(of.count[0], 2);
    assert_non_null(strstr(err.text, "read to offset 2 of 5 in time"));
    stele_log_producer_close(producer);
    stele_log_free(of.log);
}

static void enough_of_one_partition_is_not_enough_of_the_others(void **state)
{
    (void)state;
    seen of = {.log = new_log(), .answer = STELE_BOUNDED_READ_ENOUGH};
    append(of.log, 0, 5000);
    append(of.log, 1, 5000);
    assert_int_equal(
        read_with(&of, (stele_bounded_read_options){.starts = both, .count = 2}, 10000, NULL),
        STELE_OK);
    assert_in_range(of.count[0], 1, 4999);
    assert_in_range(of.count[1], 1, 4999);
    stele_log_free(of.log);
}

static void a_failure_ends_it(void **state)
{
    (void)state;
    seen of = {.log = new_log(), .answer = STELE_E_INVALID};
    append(of.log, 0, 1);
    assert_int_equal(
        read_with(&of, (stele_bounded_read_options){.starts = both, .count = 1}, 10000, NULL),
        STELE_E_INVALID);
    stele_log_free(of.log);
}

static void a_stop_ends_it(void **state)
{
    (void)state;
    seen of = {.log = new_log()};
    append(of.log, 0, 1);
    atomic_bool stop = true;
    stele_error err;
    assert_int_equal(
        read_with(&of, (stele_bounded_read_options){.starts = both, .count = 1, .stop = &stop},
                  10000, &err),
        STELE_E_INTERRUPTED);
    stele_log_free(of.log);
}

static void a_start_that_is_gone_is_a_hole(void **state)
{
    (void)state;
    seen of = {.log = new_log()};
    append(of.log, 0, 10);
    assert_int_equal(stele_log_memory_delete_records(of.log, (stele_partition){TOPIC, 0}, 5, NULL),
                     STELE_OK);
    const stele_bounded_read_start start = {{TOPIC, 0}, 2};
    stele_error err;
    assert_int_equal(
        read_with(&of, (stele_bounded_read_options){.starts = &start, .count = 1}, 10000, &err),
        STELE_E_HOLE);
    assert_int_equal(
        read_with(&of, (stele_bounded_read_options){.starts = both, .count = 1}, 10000, &err),
        STELE_OK); /* where it begins now */
    assert_int_equal(of.count[0], 5);
    stele_log_free(of.log);
}

static void a_broker_that_is_away_is_told_at_the_deadline(void **state)
{
    (void)state;
    seen of = {.log = new_log()};
    append(of.log, 0, 1);
    stele_log_memory_set_up(of.log, false);
    stele_error err;
    stele_status status =
        read_with(&of, (stele_bounded_read_options){.starts = both, .count = 1}, 50, &err);
    assert_true(status == STELE_E_TIMED_OUT || status == STELE_E_UNAVAILABLE);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    stele_log_free(of.log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_stands_is_read_and_then_it_ends),
        cmocka_unit_test(nothing_is_an_end_too),
        cmocka_unit_test(what_comes_later_is_not_part_of_it),
        cmocka_unit_test(a_read_begins_where_it_is_told),
        cmocka_unit_test(aborted_records_and_markers_at_the_end_are_read_past),
        cmocka_unit_test(an_open_transaction_is_waited_for_until_the_deadline),
        cmocka_unit_test(what_is_stable_is_read_without_a_wait),
        cmocka_unit_test(a_read_without_a_deadline_ends_when_it_stands_still),
        cmocka_unit_test(enough_of_one_partition_is_not_enough_of_the_others),
        cmocka_unit_test(a_failure_ends_it),
        cmocka_unit_test(a_stop_ends_it),
        cmocka_unit_test(a_start_that_is_gone_is_a_hole),
        cmocka_unit_test(a_broker_that_is_away_is_told_at_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
