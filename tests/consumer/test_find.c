/* SPDX-License-Identifier: MIT
 * Events with ids of the caller's, and which of a list of ids are in the log. */
#include <stele/publisher.h>

#include "core/alloc.h"
#include "deposited.h"
#include "kafka/memory_log.h"
#include "registry/client.h"
#include "tests/support/test.h"

enum { WAIT_MS = 20000, EVENTS = 12 };

typedef struct outbox {
    stele_log *log;
    stele_client *client;
    stele_publisher *publisher;
    char ids[EVENTS][40];
    const char *list[EVENTS];
} outbox;

static int outbox_opened(void **state)
{
    outbox *own = stele_alloc(sizeof *own);
    stele_log_topic_options topic = {.name = "account.events", .partitions = 3};
    stele_publisher_options options = {.aggregate = "account", .linger_ms = STELE_LINGER_NONE};
    assert_int_equal(stele_log_memory_new(NULL, &own->log, NULL), STELE_OK);
    assert_int_equal(stele_log_topic_create(own->log, &topic, WAIT_MS, NULL), STELE_OK);
    assert_int_equal(stele_client_open_on(own->log, NULL, NULL, &own->client, NULL), STELE_OK);
    assert_int_equal(stele_publisher_open(own->client, &options, &own->publisher, NULL), STELE_OK);
    for (int i = 0; i < EVENTS; i++) {
        snprintf(own->ids[i], sizeof own->ids[i], "0190a1b2-c3d4-7e5f-8a9b-%012d", i);
        own->list[i] = own->ids[i];
    }
    *state = own;
    return 0;
}

static int outbox_closed(void **state)
{
    outbox *own = *state;
    stele_publisher_close(own->publisher, WAIT_MS, NULL);
    stele_client_close(own->client);
    stele_log_free(own->log);
    free(own);
    return 0;
}

static stele_status publish(outbox *own, const char *event_id, int64_t time_ms, stele_error *err)
{
    const stele_publish_options options = {.event_id = event_id, .time_ms = time_ms};
    const test_deposited event = {.amount = 1, .memo = stele_text("m")};
    stele_status status = stele_publisher_publish(own->publisher, stele_text(event_id),
                                                  &test_deposited_type, &event, &options, err);
    if (status == STELE_OK) status = stele_publisher_flush(own->publisher, WAIT_MS, err);
    return status;
}

static stele_status find(outbox *own, int64_t since_ms, bool *found, stele_error *err)
{
    const stele_find_options options = {
        .aggregate = "account", .ids = own->list, .count = EVENTS, .since_ms = since_ms};
    return stele_events_find(own->client, &options, found, err);
}

static void what_was_published_is_found_and_nothing_else(void **state)
{
    outbox *own = *state;
    bool found[EVENTS];
    for (int i = 0; i < EVENTS; i += 2)
        assert_int_equal(publish(own, own->ids[i], 0, NULL), STELE_OK);

    assert_int_equal(find(own, 0, found, NULL), STELE_OK);

    for (int i = 0; i < EVENTS; i++)
        assert_int_equal(found[i], i % 2 == 0);
}

static void an_id_in_capitals_or_twice_is_the_same_id(void **state)
{
    outbox *own = *state;
    bool found[EVENTS];
    assert_int_equal(publish(own, "0190A1B2-C3D4-7E5F-8A9B-000000000000", 0, NULL), STELE_OK);
    own->list[1] = own->ids[0];

    assert_int_equal(find(own, 0, found, NULL), STELE_OK);

    assert_true(found[0]);
    assert_true(found[1]);
    assert_false(found[2]);
}

static void what_is_older_than_asked_for_is_not_looked_at(void **state)
{
    outbox *own = *state;
    bool found[EVENTS];
    assert_int_equal(publish(own, own->ids[0], 1, NULL), STELE_OK);
    assert_int_equal(publish(own, own->ids[1], 0, NULL), STELE_OK);

    assert_int_equal(find(own, 1000, found, NULL), STELE_OK);
    assert_false(found[0]);
    assert_true(found[1]);
    assert_int_equal(find(own, INT64_C(32503680000000), found, NULL), STELE_OK);
    assert_false(found[1]);
}

static void ids_that_are_none_are_refused(void **state)
{
    outbox *own = *state;
    bool found[EVENTS] = {true};
    stele_error err;

    assert_int_equal(publish(own, "order-7", 0, &err), STELE_E_INVALID);
    assert_non_null(strstr(err.text, "event_id \"order-7\""));
    own->list[3] = "order-7";
    assert_int_equal(find(own, 0, found, &err), STELE_E_INVALID);
    assert_non_null(strstr(err.text, "id 3 is \"order-7\""));
    assert_true(found[0]); /* untouched */
    const stele_find_options many = {.aggregate = "account", .ids = own->list, .count = 1000001};
    assert_int_equal(stele_events_find(own->client, &many, found, &err), STELE_E_LIMIT);
    const stele_find_options other = {.aggregate = "nobody", .ids = own->list, .count = 1};
    assert_int_equal(stele_events_find(own->client, &other, found, &err), STELE_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_published_is_found_and_nothing_else, outbox_opened,
                                        outbox_closed),
        cmocka_unit_test_setup_teardown(an_id_in_capitals_or_twice_is_the_same_id, outbox_opened,
                                        outbox_closed),
        cmocka_unit_test_setup_teardown(what_is_older_than_asked_for_is_not_looked_at,
                                        outbox_opened, outbox_closed),
        cmocka_unit_test_setup_teardown(ids_that_are_none_are_refused, outbox_opened,
                                        outbox_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
