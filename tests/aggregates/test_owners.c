/* SPDX-License-Identifier: MIT
 * The records of owners: written, read, and the topic that they are in. */
#include "aggregates/owners.h"

#include "core/alloc.h"
#include "core/names.h"
#include "kafka/memory_log.h"
#include "tests/support/test.h"

enum { WAIT_MS = 10000 };

static void a_record_is_read_as_it_was_written(void **state)
{
    (void)state;
    stele_owner owner = {.term = 7,
                         .instance = "bank-1 \"north\"\n",
                         .address = "[2001:db8::17]:8080",
                         .time_ms = INT64_C(1700000000123)};
    stele_owner found;
    STELE_AUTO_VALUE(stele_buffer) json = {0};

    stele_owner_write(&owner, &json);

    assert_string_equal(stele_buffer_text(&json),
                        "{\"term\":7,\"instance\":\"bank-1 \\\"north\\\"\\n\",\"address\":"
                        "\"[2001:db8::17]:8080\",\"time\":\"2023-11-14T22:13:20.123Z\"}");
    assert_true(stele_owner_read(stele_buffer_view(&json), &found));
    assert_int_equal(found.term, 7);
    assert_string_equal(found.instance, owner.instance);
    assert_string_equal(found.address, owner.address);
    assert_true(found.time_ms == owner.time_ms);
}

static void what_is_no_record_is_not_read(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"term\":0,\"instance\":\"a\",\"address\":\"\",\"time\":\"2023-11-14T22:13:20.123Z\"}",
        "{\"term\":\"1\",\"instance\":\"a\",\"address\":\"\",\"time\":\"2023-11-14T22:13:20Z\"}",
        "{\"term\":1,\"instance\":1,\"address\":\"\",\"time\":\"2023-11-14T22:13:20.123Z\"}",
        "{\"term\":1,\"instance\":\"a\",\"time\":\"2023-11-14T22:13:20.123Z\"}",
        "{\"term\":1,\"instance\":\"a\",\"address\":\"\",\"time\":\"yesterday\"}",
        "{\"term\":1,\"instance\":\"a\",\"address\":\"\"}",
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_owner found = {.term = 99};
        if (stele_owner_read(stele_text(cases[i]), &found)) fail_msg("%s", cases[i]);
        assert_int_equal(found.term, 99);
    }
}

static stele_log *log_with_events(void)
{
    stele_log *log;
    assert_int_equal(stele_log_memory_new(NULL, &log, NULL), STELE_OK);
    stele_log_topic_options topic = {.name = "account.events", .partitions = 3};
    assert_int_equal(stele_log_topic_create(log, &topic, WAIT_MS, NULL), STELE_OK);
    return log;
}

static void put(stele_log_producer *producer, const char *key, const char *value)
{
    stele_log_entry entry = {
        .partition = {STELE_OWNERS_TOPIC, 0}, .key = stele_text(key), .value = stele_text(value)};
    assert_int_equal(stele_log_producer_put(producer, &entry, NULL), STELE_OK);
}

static void put_owner(stele_log_producer *producer, const char *key, int64_t term)
{
    STELE_AUTO_VALUE(stele_buffer) json = {0};
    stele_owner_write(&(stele_owner){.term = term, .instance = "a"}, &json);
    put(producer, key, stele_buffer_text(&json));
}

static void the_topic_is_made_and_tells_the_last_terms(void **state)
{
    (void)state;
    stele_log *log = log_with_events();
    stele_error err;
    stele_log_topic topic;
    int64_t terms[3] = {9, 9, 9};
    stele_deadline by = stele_deadline_after(stele_clock_system(), WAIT_MS);
    assert_int_equal(stele_owners_ensure(log, "account.events", WAIT_MS, &err), STELE_OK);
    assert_int_equal(stele_owners_ensure(log, "account.events", WAIT_MS, &err), STELE_OK);
    assert_int_equal(stele_log_topic_describe(log, STELE_OWNERS_TOPIC, WAIT_MS, &topic, &err),
                     STELE_OK);
    assert_int_equal(topic.partitions, 1);
    assert_int_equal(stele_owners_read_terms(log, "account.events", by, terms, 3, &err), STELE_OK);
    assert_int_equal(terms[0] + terms[1] + terms[2], 0);
    stele_log_producer *producer;
    assert_int_equal(
        stele_log_producer_open(log, &(stele_log_producer_options){0}, &producer, &err), STELE_OK);

    put_owner(producer, "account.events/0", 4);
    put_owner(producer, "account.events/2", 5);
    put_owner(producer, "account.events/2", 6);
    put_owner(producer, "order.events/1", 8);
    put_owner(producer, "account.events/3", 8); /* more partitions than it was asked for */
    put(producer, "account.events/1", "nonsense");
    assert_int_equal(stele_log_producer_flush(producer, WAIT_MS, &err), STELE_OK);

    assert_int_equal(stele_owners_read_terms(log, "account.events", by, terms, 3, &err), STELE_OK);
    assert_int_equal(terms[0], 4);
    assert_int_equal(terms[1], 0);
    assert_int_equal(terms[2], 6);
    stele_log_producer_close(producer);
    stele_log_free(log);
}

/* What an owner has written and not ended, or no one has heard the end of, keeps no one from
 * becoming an owner: the next terms are past it, whatever becomes of it. */
static void terms_are_read_over_a_transaction_that_hangs(void **state)
{
    (void)state;
    stele_log *log = log_with_events();
    stele_error err;
    int64_t terms[3];
    stele_deadline by = stele_deadline_after(stele_clock_system(), WAIT_MS);
    assert_int_equal(stele_owners_ensure(log, "account.events", WAIT_MS, &err), STELE_OK);
    stele_log_producer_options options = {.transactional_id = "account.events-1"};
    stele_log_producer *producer;
    assert_int_equal(stele_log_producer_open(log, &options, &producer, &err), STELE_OK);
    assert_int_equal(stele_log_producer_init(producer, STELE_OWNERS_TOPIC, WAIT_MS, &err),
                     STELE_OK);

    assert_int_equal(stele_log_producer_begin(producer, &err), STELE_OK);
    put_owner(producer, "account.events/1", 3);
    stele_log_memory_lose_markers(log);
    assert_int_equal(stele_log_producer_commit(producer, WAIT_MS, &err), STELE_OK);
    assert_int_equal(stele_log_producer_begin(producer, &err), STELE_OK);
    put_owner(producer, "account.events/1", 4);

    assert_int_equal(stele_owners_read_terms(log, "account.events", by, terms, 3, &err), STELE_OK);
    assert_int_equal(terms[1], 4);
    assert_int_equal(stele_log_producer_abort(producer, WAIT_MS, &err), STELE_OK);
    assert_int_equal(stele_owners_read_terms(log, "account.events", by, terms, 3, &err), STELE_OK);
    assert_int_equal(terms[1], 4);
    stele_log_producer_close(producer);
    stele_log_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_read_as_it_was_written),
        cmocka_unit_test(what_is_no_record_is_not_read),
        cmocka_unit_test(the_topic_is_made_and_tells_the_last_terms),
        cmocka_unit_test(terms_are_read_over_a_transaction_that_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
