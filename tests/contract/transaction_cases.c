/* SPDX-License-Identifier: MIT
 * What kafka/log.h promises of transactions: what is seen of them, and who may end them. */
#include "log_contract.h"

static void put_and_flush(stele_log_producer *producer, const char *topic, const char *text)
{
    put_text(producer, topic, text);
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));
}

static void abort_text(stele_log_producer *producer, const char *topic, const char *text)
{
    MUST(stele_log_producer_begin(producer, &err));
    put_and_flush(producer, topic, text);
    MUST(stele_log_producer_abort(producer, PATIENCE_MS, &err));
}

/* A producer in a transaction of one record, which has reached the log. */
static stele_log_producer *open_in_transaction(const char *id, const char *topic, const char *text)
{
    stele_log_producer *producer = open_producer(the_log, id, topic);
    MUST(stele_log_producer_begin(producer, &err));
    put_and_flush(producer, topic, text);
    return producer;
}

void a_committed_transaction_is_seen(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_producer *producer = open_producer(the_log, topic, topic);
    MUST(stele_log_producer_begin(producer, &err));
    put_text(producer, topic, "a");
    put_text(producer, topic, "b");
    MUST(stele_log_producer_commit(producer, PATIENCE_MS, &err));
    append(producer, topic, "c");
    stele_log_producer_close(producer);

    expect_texts(topic, STELE_READ_COMMITTED, "a,b,c,");
    expect_bounds(topic, STELE_READ_COMMITTED, 0, 5);
}

void an_aborted_transaction_is_hidden_from_committed_readers_only(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_producer *producer = open_producer(the_log, topic, topic);
    append(producer, topic, "a");
    abort_text(producer, topic, "b");
    append(producer, topic, "c");
    abort_text(producer, topic, "d");
    stele_log_producer_close(producer);

    expect_bounds(topic, STELE_READ_COMMITTED, 0, 8);
    expect_texts(topic, STELE_READ_COMMITTED, "a,c,");
    expect_texts(topic, STELE_READ_UNCOMMITTED, "a,b,c,d,");
}

void an_open_transaction_bounds_committed_readers_only(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_producer *plain = open_plain(topic);
    put_and_flush(plain, topic, "before");
    stele_log_producer *producer = open_in_transaction(topic, topic, "within");
    put_and_flush(plain, topic, "behind");

    expect_bounds(topic, STELE_READ_COMMITTED, 0, 1);
    expect_bounds(topic, STELE_READ_UNCOMMITTED, 0, 3);
    expect_texts(topic, STELE_READ_COMMITTED, "before,");
    expect_texts(topic, STELE_READ_UNCOMMITTED, "before,within,behind,");

    stele_log_reader *reader = open_reader(topic, STELE_READ_COMMITTED);
    read_to(reader, 1);
    MUST(stele_log_producer_commit(producer, PATIENCE_MS, &err));
    read_to(reader, 4);
    stele_log_reader_close(reader);
    expect_texts(topic, STELE_READ_COMMITTED, "before,within,behind,");
    stele_log_producer_close(producer);
    stele_log_producer_close(plain);
}

void a_transaction_spans_partitions(void)
{
    const char *topic = make_topic(the_log, 2);
    const char *other = make_topic(the_log, 1);
    stele_log_producer *producer = open_producer(the_log, topic, topic);
    MUST(stele_log_producer_begin(producer, &err));
    put_text(producer, topic, "a");
    put_text(producer, other, "b");
    stele_log_entry entry = {.partition = {topic, 1}, .value = stele_text("c")};
    MUST(stele_log_producer_put(producer, &entry, &err));
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));
    expect_bounds(topic, STELE_READ_COMMITTED, 0, 0);
    expect_bounds(other, STELE_READ_COMMITTED, 0, 0);

    MUST(stele_log_producer_commit(producer, PATIENCE_MS, &err));

    expect_bounds(topic, STELE_READ_COMMITTED, 0, 2);
    expect_bounds(other, STELE_READ_COMMITTED, 0, 2);
    stele_log_producer_close(producer);
}

void an_empty_transaction_commits_and_aborts(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_producer *producer = open_producer(the_log, topic, topic);
    MUST(stele_log_producer_begin(producer, &err));
    MUST(stele_log_producer_commit(producer, PATIENCE_MS, &err));
    MUST(stele_log_producer_begin(producer, &err));
    MUST(stele_log_producer_abort(producer, PATIENCE_MS, &err));
    append(producer, topic, "a");
    stele_log_producer_close(producer);

    expect_bounds(topic, STELE_READ_COMMITTED, 0, 2);
}

/* A call that the state of a producer does not allow is a mistake in the program. */
static void expect_refused(stele_status status)
{
    assert_true(status < 0);
    assert_int_equal(err.next, STELE_NEXT_STOP);
}

void calls_out_of_order_are_refused(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_entry entry = {.partition = {topic, 0}, .value = stele_text("value")};
    stele_log_producer *producer = NULL;
    stele_log_producer_options options = {.transactional_id = topic};
    MUST(stele_log_producer_open(the_log, &options, &producer, &err));
    expect_refused(stele_log_producer_begin(producer, &err)); /* before init */
    stele_log_producer_close(producer);

    producer = open_producer(the_log, topic, topic);
    expect_refused(stele_log_producer_put(producer, &entry, &err)); /* before begin */
    stele_log_producer_close(producer);

    producer = open_producer(the_log, topic, topic);
    expect_refused(stele_log_producer_commit(producer, PATIENCE_MS, &err)); /* before begin */
    stele_log_producer_close(producer);

    producer = open_producer(the_log, topic, topic);
    MUST(stele_log_producer_begin(producer, &err));
    expect_refused(stele_log_producer_begin(producer, &err)); /* within a transaction */
    stele_log_producer_close(producer);

    producer = open_plain(topic);
    expect_refused(stele_log_producer_begin(producer, &err)); /* without a transactional id */
    stele_log_producer_close(producer);
    expect_bounds(topic, STELE_READ_UNCOMMITTED, 0, 0);
}

void init_again_is_fine_and_fences_nobody(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_producer *producer = open_producer(the_log, topic, topic);
    append(producer, topic, "a");
    MUST(stele_log_producer_init(producer, topic, PATIENCE_MS, &err));
    append(producer, topic, "b");
    stele_log_producer_close(producer);

    expect_texts(topic, STELE_READ_COMMITTED, "a,b,");
}

/* ---- fencing ---- */

/* Somebody else takes the id over, and writes. */
static void take_over(const char *id, const char *topic)
{
    stele_log_producer *successor = open_producer(the_log, id, topic);
    append(successor, topic, "successor");
    stele_log_producer_close(successor);
}

#define MUST_BE_FENCED(call) MUST_FAIL(call, STELE_E_FENCED, STELE_NEXT_STOP)

void a_producer_fenced_before_begin_cannot_commit(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_producer *producer = open_producer(the_log, topic, topic);
    take_over(topic, topic);

    stele_log_entry entry = {.partition = {topic, 0}, .value = stele_text("fenced")};
    stele_status status = stele_log_producer_begin(producer, &err);
    if (status == STELE_OK) status = stele_log_producer_put(producer, &entry, &err);
    if (status == STELE_OK) status = stele_log_producer_commit(producer, PATIENCE_MS, &err);
    MUST_BE_FENCED(status);
    stele_log_producer_close(producer);
    expect_texts(topic, STELE_READ_COMMITTED, "successor,");
}

void a_producer_fenced_after_put_cannot_commit(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_producer *producer = open_in_transaction(topic, topic, "fenced");
    take_over(topic, topic);

    MUST_BE_FENCED(stele_log_producer_commit(producer, PATIENCE_MS, &err));
    stele_log_producer_close(producer);
    expect_texts(topic, STELE_READ_COMMITTED, "successor,");
}

void a_producer_fenced_within_a_transaction_cannot_put(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_producer *producer = open_in_transaction(topic, topic, "fenced");
    take_over(topic, topic);

    stele_log_entry entry = {.partition = {topic, 0}, .value = stele_text("zombie")};
    stele_status status = stele_log_producer_put(producer, &entry, &err);
    if (status == STELE_OK) status = stele_log_producer_flush(producer, PATIENCE_MS, &err);
    if (status == STELE_OK) status = stele_log_producer_commit(producer, PATIENCE_MS, &err);
    MUST_BE_FENCED(status);
    stele_log_producer_close(producer);
    expect_texts(topic, STELE_READ_COMMITTED, "successor,");
    expect_texts(topic, STELE_READ_UNCOMMITTED, "fenced,successor,");
}

void a_producer_fenced_within_a_transaction_cannot_send_offsets(void)
{
    const char *topic = make_topic(the_log, 1);
    const char *const topics[] = {topic, NULL};
    const char *group_name = fresh_name("group");
    stele_log_member *member = NULL;
    stele_log_member_options options = {.group = group_name, .topics = topics};
    MUST(stele_log_member_open(the_log, &options, &member, &err));
    stele_log_group *group;
    while ((group = stele_log_member_group(member)) == NULL)
        MUST(stele_log_member_poll(member, 100, &err));
    stele_log_producer *producer = open_in_transaction(topic, topic, "fenced");
    take_over(topic, topic);

    MUST_BE_FENCED(stele_log_producer_send_offset(producer, group, (stele_partition){topic, 0}, 1,
                                                  PATIENCE_MS, &err));
    stele_log_producer_close(producer);
    stele_log_group_free(group);
    stele_log_member_close(member, PATIENCE_MS);
    int64_t offset;
    MUST(stele_log_group_offset(the_log, group_name, (stele_partition){topic, 0}, PATIENCE_MS,
                                &offset, &err));
    assert_int_equal(offset, STELE_OFFSET_NONE);
}

void a_producer_fenced_within_a_transaction_cannot_abort(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_producer *producer = open_in_transaction(topic, topic, "fenced");
    take_over(topic, topic);

    MUST_BE_FENCED(stele_log_producer_abort(producer, PATIENCE_MS, &err));
    stele_log_producer_close(producer);
    expect_texts(topic, STELE_READ_COMMITTED, "successor,");
}

void a_fenced_producer_stays_dead(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_entry entry = {.partition = {topic, 0}, .value = stele_text("zombie")};
    stele_log_producer *producer = open_in_transaction(topic, topic, "fenced");
    take_over(topic, topic);
    MUST_BE_FENCED(stele_log_producer_commit(producer, PATIENCE_MS, &err));

    MUST_BE_FENCED(stele_log_producer_commit(producer, PATIENCE_MS, &err));
    MUST_BE_FENCED(stele_log_producer_abort(producer, PATIENCE_MS, &err));
    MUST_BE_FENCED(stele_log_producer_begin(producer, &err));
    MUST_BE_FENCED(stele_log_producer_put(producer, &entry, &err));
    MUST_BE_FENCED(stele_log_producer_init(producer, topic, PATIENCE_MS, &err));
    MUST_BE_FENCED(stele_log_producer_poll(producer, 0, &err));
    MUST_BE_FENCED(stele_log_producer_flush(producer, 0, &err));
    stele_log_producer_close(producer);
    expect_texts(topic, STELE_READ_COMMITTED, "successor,");
}

void init_aborts_what_a_dead_predecessor_left_open(void)
{
    const char *topic = make_topic(the_log, 1);
    /* Not closed: newer librdkafkas end a transaction then. */
    stele_log_producer *dead = open_in_transaction(topic, topic, "left");
    expect_bounds(topic, STELE_READ_COMMITTED, 0, 0);

    stele_log_producer *producer = open_producer(the_log, topic, topic);
    expect_bounds(topic, STELE_READ_COMMITTED, 0, 2);
    append(producer, topic, "a");
    stele_log_producer_close(producer);
    stele_log_producer_close(dead);
    expect_texts(topic, STELE_READ_COMMITTED, "a,");
    expect_texts(topic, STELE_READ_UNCOMMITTED, "left,a,");
}

/* Kafka looks every ten seconds. */
void a_transaction_open_for_too_long_is_aborted(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_producer *producer = NULL;
    stele_log_producer_options options = {.transactional_id = topic,
                                          .transaction_timeout_ms = 1000};
    MUST(stele_log_producer_open(the_log, &options, &producer, &err));
    MUST(stele_log_producer_init(producer, topic, PATIENCE_MS, &err));
    MUST(stele_log_producer_begin(producer, &err));
    put_and_flush(producer, topic, "slow");

    stele_log_reader *reader = open_reader(topic, STELE_READ_COMMITTED);
    read_to(reader, 2);
    stele_log_reader_close(reader);
    MUST_BE_FENCED(stele_log_producer_commit(producer, PATIENCE_MS, &err));
    stele_log_producer_close(producer);
    expect_texts(topic, STELE_READ_COMMITTED, "");
}

void a_transaction_that_lost_a_record_can_only_be_aborted(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_header compact = {"cleanup.policy", stele_text("compact")};
    stele_log_topic_options options = {
        .name = fresh_name("compact"), .partitions = 1, .settings = &compact, .setting_count = 1};
    MUST(stele_log_topic_create(the_log, &options, PATIENCE_MS, &err));
    stele_log_producer *producer = open_producer(the_log, topic, topic);
    MUST(stele_log_producer_begin(producer, &err));
    put_and_flush(producer, topic, "a");
    stele_log_entry entry = {.partition = {options.name, 0}, .value = stele_text("no key")};
    MUST(stele_log_producer_put(producer, &entry, &err));
    stele_log_producer_flush(producer, PATIENCE_MS, &err);

    assert_true(stele_log_producer_put(producer, &entry, &err) < 0);
    assert_int_equal(err.next, STELE_NEXT_ABORT);
    assert_true(stele_log_producer_commit(producer, PATIENCE_MS, &err) < 0);
    assert_int_equal(err.next, STELE_NEXT_ABORT);
    MUST(stele_log_producer_abort(producer, PATIENCE_MS, &err));
    append(producer, topic, "b");
    stele_log_producer_close(producer);
    expect_texts(topic, STELE_READ_COMMITTED, "b,");
}
