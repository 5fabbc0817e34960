/* SPDX-License-Identifier: MIT
 * The publisher on the log in memory: what is written, and that nothing is lost or doubled when its
 * producer dies. */
#include <stele/publisher.h>

#include "core/alloc.h"
#include "core/deadline.h"
#include "core/uuid.h"
#include "kafka/log_port.h"
#include "kafka/memory_log.h"
#include "producer/publisher_inside.h"
#include "registry/client.h"
#include "registry/wire.h"
#include "schemas/scopes.h"
#include "tests/support/counted_log.h"
#include "tests/support/test.h"

enum { WAIT_MS = 20000, PARTITIONS = 3 };
#define TOPIC "note.events"

/* As the type made from the schema lays it out. */
typedef struct note {
    int64_t number;
    stele_bytes text;
} note;

static const char note_schema[] = "{\"type\":\"record\",\"name\":\"desk.Note\",\"fields\":[{"
                                  "\"name\":\"number\",\"type\":\"long\"},"
                                  "{\"name\":\"text\",\"type\":\"string\"}]}";

typedef struct desk {
    stele_log *log;
    stele_client *client;
    stele_type *type;
    stele_publisher *publisher;
    size_t delivered;
    size_t failed;
    stele_error failure;
    int64_t last_number[PARTITIONS]; /* + 1 of the last one delivered, by partition */
    bool in_order;
} desk;

static void on_delivered(void *context, const stele_delivery *delivery)
{
    desk *own = context;
    if (delivery->failure != NULL) {
        own->failed++;
        own->failure = *delivery->failure;
        assert_int_equal(delivery->offset, -1);
        return;
    }
    int64_t number = (int64_t)(intptr_t)delivery->opaque;
    own->in_order = own->in_order && number >= own->last_number[delivery->partition];
    own->last_number[delivery->partition] = number + 1;
    own->delivered++;
}

static void publisher_opened(desk *own, stele_publisher_options options)
{
    stele_error err = {0};
    options.aggregate = "note";
    options.delivered = on_delivered;
    options.context = own;
    if (stele_publisher_open(own->client, &options, &own->publisher, &err) < 0)
        fail_msg("%s", err.text);
}

static int desk_opened(void **state)
{
    desk *own = stele_alloc(sizeof *own);
    stele_error err;
    stele_schema *schema;
    stele_log_memory_options memory = {.message_max_bytes = 10000};
    stele_log_topic_options topic = {.name = TOPIC, .partitions = PARTITIONS};
    assert_int_equal(stele_log_memory_new(&memory, &own->log, &err), STELE_OK);
    assert_int_equal(stele_log_topic_create(own->log, &topic, WAIT_MS, &err), STELE_OK);
    assert_int_equal(stele_client_open_on(own->log, NULL, "my desk", &own->client, &err), STELE_OK);
    assert_int_equal(stele_schema_parse(stele_text(note_schema), NULL, &schema, &err), STELE_OK);
    assert_int_equal(stele_type_new(schema, &own->type, &err), STELE_OK);
    assert_int_equal(own->type->layout->size, sizeof(note));
    stele_schema_free(schema);
    own->in_order = true;
    *state = own;
    return 0;
}

static int desk_closed(void **state)
{
    desk *own = *state;
    stele_publisher_close(own->publisher, 0, NULL);
    stele_client_close(own->client);
    stele_type_free(own->type);
    stele_log_free(own->log);
    free(own);
    return 0;
}

static stele_status try_publish(desk *own, const char *id, int64_t number,
                                const stele_publish_options *options, stele_error *err)
{
    note event = {.number = number, .text = stele_text("hello")};
    stele_publish_options given = options == NULL ? (stele_publish_options){0} : *options;
    given.opaque = (void *)(intptr_t)number;
    return stele_publisher_publish(own->publisher, stele_text(id), own->type, &event, &given, err);
}

/* Publish events 0 to count - 1 of some aggregates, serving deliveries where the queue is full. */
static void publish_many(desk *own, int64_t from, int64_t count)
{
    for (int64_t i = from; i < from + count; i++) {
        char id[16];
        stele_error err = {0};
        stele_status status;
        snprintf(id, sizeof id, "note-%d", (int)(i % 7));
        while ((status = try_publish(own, id, i, NULL, &err)) == STELE_E_FULL)
            assert_int_equal(stele_publisher_poll(own->publisher, 100, &err), STELE_OK);
        if (status < 0) fail_msg("%s", err.text);
    }
}

static void flush(desk *own)
{
    stele_error err = {0};
    if (stele_publisher_flush(own->publisher, WAIT_MS, &err) < 0) fail_msg("%s", err.text);
}

typedef void each_record(void *context, const stele_batch *batch, const stele_record *record,
                         int32_t partition);

static void read_all(stele_log *log, each_record *each, void *context)
{
    for (int32_t i = 0; i < PARTITIONS; i++) {
        int64_t start;
        int64_t end;
        stele_error err;
        stele_log_reader *reader;
        stele_partition partition = {TOPIC, i};
        assert_int_equal(
            stele_log_bounds(log, partition, STELE_READ_UNCOMMITTED, WAIT_MS, &start, &end, &err),
            STELE_OK);
        assert_int_equal(stele_log_reader_open(log, &(stele_log_reader_options){0}, &reader, &err),
                         STELE_OK);
        assert_int_equal(stele_log_reader_start(reader, partition, start, &err), STELE_OK);
        for (int64_t at = start; at < end;) {
            stele_batch batch;
            assert_int_equal(stele_log_reader_next(reader, WAIT_MS, &batch, &err), STELE_OK);
            for (size_t n = 0; n < batch.count; n++)
                each(context, &batch, &batch.records[n], i);
            at = batch.next_offset;
            stele_log_batch_release(&batch);
        }
        stele_log_reader_close(reader);
    }
}

typedef struct counted {
    stele_plan *plan;
    size_t count;
    size_t out_of_order;
    uint8_t *seen;
    int64_t last[7]; /* + 1, by aggregate */
} counted;

static void count_record(void *context, const stele_batch *batch, const stele_record *record,
                         int32_t partition)
{
    (void)batch, (void)partition;
    counted *own = context;
    int32_t id;
    stele_bytes payload;
    note event;
    stele_error err;
    assert_true(stele_wire_split(record->value, &id, &payload));
    assert_int_equal(stele_plan_decode(own->plan, payload, &event, NULL, &err), STELE_OK);
    own->seen[event.number]++;
    own->out_of_order += event.number < own->last[event.number % 7];
    own->last[event.number % 7] = event.number + 1;
    own->count++;
}

/* Events 0 to count - 1 are in the log once each. @return how many are behind a later one of
 * their aggregate */
static size_t assert_exactly(desk *own, size_t count)
{
    stele_error err;
    stele_schema *schema;
    counted found = {.seen = stele_alloc(count)};
    assert_int_equal(stele_schema_parse(stele_text(note_schema), NULL, &schema, &err), STELE_OK);
    assert_int_equal(stele_plan_new(schema, own->type, NULL, &found.plan, &err), STELE_OK);
    read_all(own->log, count_record, &found);
    assert_int_equal(found.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(found.seen[i], 1);
    stele_plan_free(found.plan);
    stele_schema_free(schema);
    free(found.seen);
    return found.out_of_order;
}

static void every_event_is_in_the_log_once_and_delivered_in_order(void **state)
{
    desk *own = *state;
    publisher_opened(own, (stele_publisher_options){0});

    publish_many(own, 0, 5000);
    flush(own);

    assert_int_equal(own->delivered, 5000);
    assert_int_equal(own->failed, 0);
    assert_true(own->in_order);
    assert_int_equal(assert_exactly(own, 5000), 0);
}

static void a_topic_that_was_just_made_is_waited_for(void **state)
{
    desk *own = *state;
    publisher_opened(own, (stele_publisher_options){0});
    counted_log *log = counted_log_begin(own->log, TOPIC);
    atomic_store(&log->leaderless, 2);

    publish_many(own, 0, 10);
    flush(own);

    assert_int_equal(atomic_load(&log->leaderless), 0);
    assert_int_equal(own->delivered, 10);
}

typedef struct expected_headers {
    const char *const (*pairs)[2]; /* NULL value: only that it is there */
    size_t count;
    size_t records;
} expected_headers;

static void check_headers(void *context, const stele_batch *batch, const stele_record *record,
                          int32_t partition)
{
    (void)partition;
    expected_headers *expected = context;
    stele_header found[16];
    size_t count = stele_log_batch_headers(batch, record, found, 16);
    assert_int_equal(count, expected->count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(found[i].name, expected->pairs[i][0]);
        if (expected->pairs[i][1] == NULL) continue;
        assert_true(stele_bytes_equal(found[i].value, stele_text(expected->pairs[i][1])));
    }
    stele_uuid uuid;
    assert_int_equal(stele_uuid_parse(found[0].value, &uuid, NULL), STELE_OK);
    assert_int_equal(uuid.bytes[6] >> 4, 7);
    assert_int_equal(record->timestamp_ms, 1700000000123);
    expected->records++;
}

static void headers_are_as_the_style_says(void **state)
{
    static const char *const minimal[][2] = {{"ce_id", NULL}};
    static const char *const given[][2] = {
        {"ce_id", NULL},
        {"ce_correlationid", "order-7"},
        {"ce_causationid", "cmd-1"},
        {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}};
    static const char *const cloudevent[][2] = {{"ce_id", NULL},
                                                {"ce_specversion", "1.0"},
                                                {"ce_source", "/stele/my%20desk"},
                                                {"ce_type", "desk.Note"},
                                                {"ce_subject", "\xc3\xa4-1"},
                                                {"ce_time", "2023-11-14T22:13:20.123Z"},
                                                {"content-type", "application/avro"},
                                                {"ce_correlationid", "order-7"}};
    static const struct {
        stele_header_style style;
        stele_publish_options options;
        expected_headers expected;
    } cases[] = {
        {STELE_HEADERS_MINIMAL, {.time_ms = 1700000000123}, {minimal, 1, 0}},
        {STELE_HEADERS_MINIMAL,
         {.time_ms = 1700000000123,
          .correlation_id = "order-7",
          .causation_id = "cmd-1",
          .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
         {given, 4, 0}},
        {STELE_HEADERS_CLOUDEVENTS,
         {.time_ms = 1700000000123, .correlation_id = "order-7"},
         {cloudevent, 8, 0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        void *opened;
        desk_opened(&opened);
        desk *own = opened;
        stele_error err = {0};
        expected_headers expected = cases[i].expected;
        publisher_opened(own, (stele_publisher_options){.headers = cases[i].style});

        if (try_publish(own, "\xc3\xa4-1", 1, &cases[i].options, &err) < 0)
            fail_msg("%s", err.text);
        flush(own);

        read_all(own->log, check_headers, &expected);
        assert_int_equal(expected.records, 1);
        desk_closed(&opened);
    }
}

static void without_a_style_headers_are_as_configured(void **state)
{
    (void)state;
    static const char *const overrides[] = {"kafka.bootstrap.servers=127.0.0.1:1",
                                            "aggregate.order.headers=cloudevents", NULL};
    static const struct {
        const char *aggregate;
        stele_header_style given, expected;
    } cases[] = {
        {"order", STELE_HEADERS_CONFIGURED, STELE_HEADERS_CLOUDEVENTS},
        {"order", STELE_HEADERS_MINIMAL, STELE_HEADERS_MINIMAL},
        {"note", STELE_HEADERS_CONFIGURED, STELE_HEADERS_MINIMAL},
        {"note", STELE_HEADERS_CLOUDEVENTS, STELE_HEADERS_CLOUDEVENTS},
    };
    stele_client *client;
    stele_error err;
    stele_client_options configured = {.overrides = overrides};
    assert_int_equal(stele_client_open(&configured, &client, &err), STELE_OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_publisher *publisher;
        stele_publisher_options options = {.aggregate = cases[i].aggregate,
                                           .headers = cases[i].given};

        assert_int_equal(stele_publisher_open(client, &options, &publisher, &err), STELE_OK);

        assert_int_equal(publisher->options.headers, cases[i].expected);
        assert_int_equal(stele_publisher_close(publisher, 0, &err), STELE_OK);
    }
    stele_client_close(client);
}

static void what_cannot_be_published_is_refused_and_the_rest_goes_on(void **state)
{
    desk *own = *state;
    publisher_opened(own, (stele_publisher_options){0});
    char longest[1026] = {0};
    memset(longest, 'k', 1025);
    const char *const ids[] = {"", "stele:x", "stele:", "\xff", longest};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        stele_error err;
        assert_int_equal(try_publish(own, ids[i], 0, NULL, &err), STELE_E_INVALID);
        assert_int_equal(err.next, STELE_NEXT_REJECT);
    }
    const stele_publish_options options[] = {{.time_ms = -1},
                                             {.correlation_id = ""},
                                             {.causation_id = "a\nb"},
                                             {.traceparent = "00-xyz"},
                                             {.traceparent = "00-0AF7651916cd43dd8448eb211c80319c-"
                                                             "b7ad6b7169203331-01"},
                                             {.traceparent = "00-0af7651916cd43dd8448eb211c80319c-"
                                                             "b7ad6b7169203331-01-more"},
                                             {.traceparent = "ff-0af7651916cd43dd8448eb211c80319c-"
                                                             "b7ad6b7169203331-01"},
                                             {.traceparent = "01-0af7651916cd43dd8448eb211c80319c-"
                                                             "b7ad6b7169203331-01-\n"}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        stele_error err;
        assert_int_equal(try_publish(own, "a", 0, &options[i], &err), STELE_E_INVALID);
        assert_int_equal(err.next, STELE_NEXT_REJECT);
    }
    stele_error err;
    note bad = {.number = 1, .text = stele_text("\xff")};
    assert_int_equal(
        stele_publisher_publish(own->publisher, stele_text("a"), own->type, &bad, NULL, &err),
        STELE_E_INVALID);
    char *large = stele_alloc(20001);
    memset(large, 'x', 20000);
    bad.text = stele_text(large);
    assert_int_equal(
        stele_publisher_publish(own->publisher, stele_text("a"), own->type, &bad, NULL, &err),
        STELE_E_LIMIT);
    assert_int_equal(err.next, STELE_NEXT_REJECT);
    free(large);

    longest[1024] = '\0';
    assert_int_equal(try_publish(own, longest, 0, NULL, &err), STELE_OK);
    publish_many(own, 1, 9);
    flush(own);
    assert_int_equal(own->delivered, 10);
}

static void a_full_queue_says_so_and_takes_more_once_served(void **state)
{
    desk *own = *state;
    publisher_opened(own, (stele_publisher_options){.queue_max = 4000});
    stele_error err;
    assert_int_equal(try_publish(own, "a", 0, NULL, &err), STELE_OK);
    flush(own);
    stele_log_memory_set_up(own->log, false);
    int64_t taken = 1;
    stele_status status;
    while ((status = try_publish(own, "a", taken, NULL, &err)) == STELE_OK)
        taken++;

    assert_int_equal(status, STELE_E_FULL);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    assert_in_range(taken, 10, 60);
    assert_int_equal(stele_publisher_flush(own->publisher, 50, &err), STELE_E_TIMED_OUT);
    assert_int_equal(own->delivered, 1);
    stele_log_memory_set_up(own->log, true);

    flush(own);
    assert_int_equal(own->delivered, taken);
    assert_int_equal(try_publish(own, "a", taken, NULL, &err), STELE_OK);
}

static void a_dead_producer_is_replaced_and_nothing_is_lost_or_doubled(void **state)
{
    (void)state;
    static const stele_log_memory_fault faults[] = {
        STELE_LOG_MEMORY_REFUSED, STELE_LOG_MEMORY_DIES_BEFORE, STELE_LOG_MEMORY_DIES_AFTER};
    static const uint64_t at[] = {1, 2, 50, 300};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        for (size_t n = 0; n < sizeof at / sizeof at[0]; n++) {
            void *opened;
            desk_opened(&opened);
            desk *own = opened;
            publisher_opened(own, (stele_publisher_options){0});
            publish_many(own, 0, 100);
            stele_log_memory_fail_append(own->log, at[n], faults[i]);

            publish_many(own, 100, 400);
            flush(own);

            assert_int_equal(own->delivered, 500);
            assert_int_equal(own->failed, 0);
            assert_int_equal(assert_exactly(own, 500), 0);
            desk_closed(&opened);
        }
    }
}

static void the_one_that_replaces_may_die_as_well(void **state)
{
    desk *own = *state;
    publisher_opened(own, (stele_publisher_options){0});
    publish_many(own, 0, 50);
    for (int64_t round = 0; round < 6; round++) {
        stele_log_memory_fault fault =
            round % 2 == 0 ? STELE_LOG_MEMORY_DIES_AFTER : STELE_LOG_MEMORY_DIES_BEFORE;
        stele_log_memory_fail_append(own->log, 20, fault);
        publish_many(own, 50 + round * 50, 50);
    }
    flush(own);

    assert_int_equal(own->delivered, 350);
    assert_int_equal(assert_exactly(own, 350), 0);
}

static void a_dead_producer_waits_for_a_broker_that_is_away(void **state)
{
    desk *own = *state;
    publisher_opened(own, (stele_publisher_options){0});
    publish_many(own, 0, 10);
    stele_log_memory_fail_append(own->log, 5, STELE_LOG_MEMORY_DIES_AFTER);
    publish_many(own, 10, 5); /* the fifth kills it */
    stele_log_memory_set_up(own->log, false);
    stele_error err;

    assert_int_equal(stele_publisher_flush(own->publisher, 300, &err), STELE_E_TIMED_OUT);
    stele_log_memory_set_up(own->log, true);
    flush(own);

    assert_int_equal(own->delivered, 15);
    assert_int_equal(assert_exactly(own, 15), 0);
}

/* Events 0 to count - 1, but for the bad ones, are in the log once each and in order. */
static void assert_all_but(desk *own, size_t count, const int64_t *bad, size_t bad_count)
{
    stele_error err;
    stele_schema *schema;
    counted found = {.seen = stele_alloc(count)};
    assert_int_equal(stele_schema_parse(stele_text(note_schema), NULL, &schema, &err), STELE_OK);
    assert_int_equal(stele_plan_new(schema, own->type, NULL, &found.plan, &err), STELE_OK);
    read_all(own->log, count_record, &found);
    for (size_t i = 0; i < bad_count; i++)
        assert_int_equal(found.seen[bad[i]]++, 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(found.seen[i], 1);
    assert_int_equal(found.count, count - bad_count);
    assert_int_equal(found.out_of_order, 0);
    stele_plan_free(found.plan);
    stele_schema_free(schema);
    free(found.seen);
}

static void what_the_broker_refuses_fails_and_the_rest_is_stored_in_order(void **state)
{
    (void)state;
    static const struct {
        int64_t bad[4];
        size_t count;
    } cases[] = {
        {{1}, 1}, {{499}, 1}, {{250}, 1}, {{7, 14, 21, 28}, 4}, {{1, 2, 3, 4}, 4}, {{3, 499}, 2},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        void *opened;
        desk_opened(&opened);
        desk *own = opened;
        publisher_opened(own, (stele_publisher_options){0});
        int64_t now = stele_clock_now_ms(stele_log_clock(own->log));
        size_t next_bad = 0;
        for (int64_t n = 0; n < 500; n++) {
            char id[16];
            stele_error err = {0};
            stele_publish_options options = {0};
            snprintf(id, sizeof id, "note-%d", (int)(n % 7));
            if (next_bad < cases[i].count && cases[i].bad[next_bad] == n) {
                options.time_ms = now + 86400000;
                next_bad++;
            }
            /* As if its own clock were a day ahead: only the broker knows better. */
            own->publisher->times.future_max_ms = INT64_MAX;
            stele_status status;
            while ((status = try_publish(own, id, n, &options, &err)) == STELE_E_FULL)
                assert_int_equal(stele_publisher_poll(own->publisher, 100, &err), STELE_OK);
            if (status < 0) fail_msg("%s", err.text);
        }
        flush(own);

        assert_int_equal(own->failed, cases[i].count);
        assert_int_equal(own->failure.status, STELE_E_INVALID);
        assert_int_equal(own->failure.next, STELE_NEXT_REJECT);
        assert_non_null(strstr(own->failure.text, "time"));
        assert_int_equal(own->delivered, 500 - cases[i].count);
        assert_all_but(own, 500, cases[i].bad, cases[i].count);
        desk_closed(&opened);
    }
}

static void a_time_that_the_topic_does_not_take_is_refused_at_once(void **state)
{
    desk *own = *state;
    publisher_opened(own, (stele_publisher_options){0});
    stele_error err;
    int64_t now = stele_clock_now_ms(stele_log_clock(own->log));
    const int64_t times[] = {-1, now * 1000, now * 1000000, now + 2 * 3600000, INT64_MAX};
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        stele_publish_options options = {.time_ms = times[i]};

        assert_int_equal(try_publish(own, "a", 0, &options, &err), STELE_E_INVALID);

        assert_int_equal(err.next, STELE_NEXT_REJECT);
    }
    assert_non_null(strstr(err.text, "message.timestamp.after.max.ms"));
    stele_publish_options fine = {.time_ms = now + 1800000};
    assert_int_equal(try_publish(own, "a", 0, &fine, &err), STELE_OK);
    fine.time_ms = 1;
    assert_int_equal(try_publish(own, "a", 1, &fine, &err), STELE_OK);
    flush(own);
    assert_int_equal(own->delivered, 2);
}

static stele_log_ops meddled; /* the log's own, with one of them replaced */
static stele_reader_ops meddled_reader;
static stele_topic_ops meddled_topic;
static const stele_log_ops *real_ops;

static void meddle_with(desk *own)
{
    real_ops = own->log->ops;
    meddled = *real_ops;
    meddled_reader = *real_ops->reader;
    meddled.reader = &meddled_reader;
    meddled_topic = *real_ops->topic;
    meddled.topic = &meddled_topic;
    own->log->ops = &meddled;
}

static unsigned batches_left; /* of the reader that was opened last */

static stele_status open_short_reader(stele_log *log, const stele_log_reader_options *options,
                                      stele_log_reader **out, stele_error *err)
{
    stele_log_reader_options small = *options;
    small.batch_max = 10;
    batches_left = 2;
    return real_ops->reader->open(log, &small, out, err);
}

static stele_status next_within_time(stele_log_reader *reader, int timeout_ms, stele_batch *out,
                                     stele_error *err)
{
    if (batches_left == 0) return STELE_E_TIMED_OUT;
    batches_left--;
    return real_ops->reader->next(reader, timeout_ms, out, err);
}

static void put_foreign(stele_log *log, int count)
{
    stele_error err;
    stele_log_producer *producer;
    stele_log_producer_options options = {0};
    assert_int_equal(stele_log_producer_open(log, &options, &producer, &err), STELE_OK);
    for (int i = 0; i < count; i++) {
        stele_log_entry entry = {.partition = {TOPIC, i % PARTITIONS},
                                 .key = stele_text("foreign"),
                                 .value = stele_text("foreign")};
        assert_int_equal(stele_log_producer_put(producer, &entry, &err), STELE_OK);
    }
    assert_int_equal(stele_log_producer_flush(producer, WAIT_MS, &err), STELE_OK);
    stele_log_producer_close(producer);
}

/* More foreign records than one attempt can read. */
static void reading_back_goes_on_where_the_last_attempt_ended(void **state)
{
    desk *own = *state;
    publisher_opened(own, (stele_publisher_options){0});
    publish_many(own, 0, 20);
    flush(own);
    put_foreign(own->log, 300);
    meddle_with(own);
    meddled_reader.open = open_short_reader;
    meddled_reader.next = next_within_time;
    stele_log_memory_fail_append(own->log, 3, STELE_LOG_MEMORY_DIES_AFTER);

    publish_many(own, 20, 5);
    flush(own);

    own->log->ops = real_ops;
    assert_int_equal(own->delivered, 25);
    assert_int_equal(own->failed, 0);
}

static stele_status bounds_of_a_busy_topic(stele_log *log, stele_isolation isolation,
                                           stele_asked_partition *partitions, size_t count,
                                           bool with_start, int timeout_ms, stele_error *err)
{
    put_foreign(log, PARTITIONS);
    return real_ops->topic->bounds(log, isolation, partitions, count, with_start, timeout_ms, err);
}

static void others_may_write_while_a_producer_is_replaced(void **state)
{
    desk *own = *state;
    publisher_opened(own, (stele_publisher_options){0});
    publish_many(own, 0, 20);
    flush(own);
    meddle_with(own);
    meddled_topic.bounds = bounds_of_a_busy_topic;
    stele_log_memory_fail_append(own->log, 3, STELE_LOG_MEMORY_DIES_AFTER);

    publish_many(own, 20, 5);
    flush(own);

    own->log->ops = real_ops;
    assert_int_equal(own->delivered, 25);
}

static void a_full_queue_says_what_holds_it_up(void **state)
{
    desk *own = *state;
    publisher_opened(own, (stele_publisher_options){0});
    publish_many(own, 0, 10);
    flush(own);
    stele_log_memory_fail_append(own->log, 1, STELE_LOG_MEMORY_DIES_BEFORE);
    publish_many(own, 10, 1);
    stele_error err;
    stele_log_memory_set_up(own->log, false);
    stele_publisher_poll(own->publisher, 0, &err);

    assert_int_equal(try_publish(own, "a", 11, NULL, &err), STELE_E_FULL);

    assert_int_equal(err.next, STELE_NEXT_RETRY);
    assert_non_null(strstr(err.text, "1 events wait for a new producer: "));
    stele_log_memory_set_up(own->log, true);
    flush(own);
    assert_int_equal(own->delivered, 11);
}

static void closing_says_what_was_not_delivered(void **state)
{
    desk *own = *state;
    publisher_opened(own, (stele_publisher_options){0});
    publish_many(own, 0, 5);
    flush(own);
    stele_log_memory_set_up(own->log, false);
    publish_many(own, 5, 3);
    stele_error err;

    assert_int_equal(stele_publisher_close(own->publisher, 50, &err), STELE_E_TIMED_OUT);
    own->publisher = NULL;

    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_non_null(strstr(err.text, "3 events"));
    assert_int_equal(own->delivered, 5);
    assert_int_equal(own->failed, 3);
    assert_int_equal(stele_publisher_close(NULL, 0, NULL), STELE_OK);
}

static void closing_flushes(void **state)
{
    desk *own = *state;
    publisher_opened(own, (stele_publisher_options){0});
    publish_many(own, 0, 100);
    stele_error err;

    assert_int_equal(stele_publisher_close(own->publisher, WAIT_MS, &err), STELE_OK);
    own->publisher = NULL;

    assert_int_equal(own->delivered, 100);
    assert_int_equal(assert_exactly(own, 100), 0);
}

static void a_topic_or_a_registry_that_is_not_there_is_said(void **state)
{
    desk *own = *state;
    stele_error err;
    stele_publisher_options options = {.aggregate = "nothing", .timeout_ms = 100};
    stele_publisher *publisher;
    note event = {.text = stele_text("x")};
    assert_int_equal(stele_publisher_open(own->client, &options, &publisher, &err), STELE_OK);
    assert_int_equal(
        stele_publisher_publish(publisher, stele_text("a"), own->type, &event, NULL, &err),
        STELE_E_NOT_FOUND);
    assert_int_equal(stele_publisher_close(publisher, 0, &err), STELE_OK);

    stele_log_memory_set_up(own->log, false);
    publisher_opened(own, (stele_publisher_options){.timeout_ms = 2000});
    stele_status status = try_publish(own, "a", 0, NULL, &err);
    assert_true(status == STELE_E_UNAVAILABLE || status == STELE_E_TIMED_OUT);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    stele_log_memory_set_up(own->log, true);
    publish_many(own, 0, 1);

    options.aggregate = NULL;
    assert_int_equal(stele_publisher_open(own->client, &options, &publisher, &err),
                     STELE_E_INVALID);
}

static void another_count_of_partitions_stops(void **state)
{
    desk *own = *state;
    publisher_opened(own, (stele_publisher_options){0});
    publish_many(own, 0, 10);
    flush(own);
    stele_error err;
    assert_int_equal(try_publish(own, "a", 10, NULL, &err), STELE_OK); /* delivered by close */
    assert_int_equal(stele_log_memory_partitions_raise(own->log, TOPIC, PARTITIONS + 1, &err),
                     STELE_OK);
    own->publisher->partitions_checked_ns -= INT64_C(3600000000000); /* an hour later */

    assert_int_equal(stele_publisher_poll(own->publisher, 0, &err), STELE_E_INCOMPATIBLE);
    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_int_equal(try_publish(own, "a", 10, NULL, &err), STELE_E_INCOMPATIBLE);
    assert_non_null(strstr(err.text, "keys have moved"));
    assert_int_equal(stele_publisher_close(own->publisher, WAIT_MS, &err), STELE_OK);
    own->publisher = NULL;
    assert_int_equal(own->delivered, 11);
}

static void events_of_a_writer_are_not_published(void **state)
{
    desk *own = *state;
    stele_error err;
    static const char *const others[] = {"note.v1.snapshots", "note.writer.snapshots",
                                         "note.writer.v1", "note.writers.v1.snapshots",
                                         "note.writer.writer.v1.snapshots"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        stele_log_topic_options topic = {.name = others[i], .partitions = 1};
        assert_int_equal(stele_log_topic_create(own->log, &topic, WAIT_MS, &err), STELE_OK);
    }
    publisher_opened(own, (stele_publisher_options){0});
    assert_int_equal(try_publish(own, "a", 0, NULL, &err), STELE_OK);
    flush(own);
    stele_publisher_close(own->publisher, WAIT_MS, NULL);

    stele_log_topic_options topic = {.name = "note.writer.v2.snapshots", .partitions = 1};
    assert_int_equal(stele_log_topic_create(own->log, &topic, WAIT_MS, &err), STELE_OK);
    publisher_opened(own, (stele_publisher_options){0});

    assert_int_equal(try_publish(own, "a", 1, NULL, &err), STELE_E_FORBIDDEN);

    assert_non_null(strstr(err.text, "aggregate note decides, so its events are appended by its "
                                     "writer alone (note.writer.v2.snapshots is there)"));
    assert_int_equal(err.next, STELE_NEXT_STOP);
}

static void an_incompatible_schema_stops(void **state)
{
    desk *own = *state;
    stele_error err;
    int32_t id;
    const char *other = "{\"type\":\"record\",\"name\":\"desk.Note\",\"fields\":["
                        "{\"name\":\"number\",\"type\":\"string\"}]}";
    assert_int_equal(stele_registry_register(stele_client_registry(own->client), TOPIC "-desk.Note",
                                             stele_text(other), NULL, 0, WAIT_MS, &id, &err),
                     STELE_OK);
    publisher_opened(own, (stele_publisher_options){0});

    assert_int_equal(try_publish(own, "a", 0, NULL, &err), STELE_E_INCOMPATIBLE);
    assert_int_equal(err.next, STELE_NEXT_STOP);
}

#define DESK(test) cmocka_unit_test_setup_teardown(test, desk_opened, desk_closed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK(a_topic_that_was_just_made_is_waited_for),
        DESK(every_event_is_in_the_log_once_and_delivered_in_order),
        cmocka_unit_test(headers_are_as_the_style_says),
        cmocka_unit_test(without_a_style_headers_are_as_configured),
        DESK(what_cannot_be_published_is_refused_and_the_rest_goes_on),
        DESK(a_full_queue_says_so_and_takes_more_once_served),
        cmocka_unit_test(a_dead_producer_is_replaced_and_nothing_is_lost_or_doubled),
        DESK(the_one_that_replaces_may_die_as_well),
        cmocka_unit_test(what_the_broker_refuses_fails_and_the_rest_is_stored_in_order),
        DESK(a_time_that_the_topic_does_not_take_is_refused_at_once),
        DESK(reading_back_goes_on_where_the_last_attempt_ended),
        DESK(others_may_write_while_a_producer_is_replaced),
        DESK(a_full_queue_says_what_holds_it_up),
        DESK(a_dead_producer_waits_for_a_broker_that_is_away),
        DESK(closing_says_what_was_not_delivered),
        DESK(closing_flushes),
        DESK(a_topic_or_a_registry_that_is_not_there_is_said),
        DESK(another_count_of_partitions_stops),
        DESK(events_of_a_writer_are_not_published),
        DESK(an_incompatible_schema_stops),
    };
    return cmocka_run_group_tests_name("producer/publisher", tests, NULL, NULL);
}
