/* SPDX-License-Identifier: MIT
 * The publisher on a real broker, while the broker is killed and while producers die underneath:
 * nothing is lost or doubled, and each aggregate's events stay in order. */
#include <stele/publisher.h>

#include "core/alloc.h"
#include "kafka/rdkafka_producer.h"
#include "producer/publisher_inside.h"
#include "registry/client.h"
#include "registry/wire.h"
#include "schemas/scopes.h"
#include "tests/kafka/kafka_test.h"

enum { PARTITIONS = 4, AGGREGATES = 50, EVENTS = 200000, DEATHS_EVERY = 20011 };

static const char *address; /* of the broker that may be killed */

typedef struct note {
    int64_t number;
} note;

static const char note_schema[] = "{\"type\":\"record\",\"name\":\"desk.Note\",\"fields\":["
                                  "{\"name\":\"number\",\"type\":\"long\"}]}";

typedef struct tally {
    size_t delivered;
    size_t failed;
    uint8_t *seen; /* times that an event was delivered */
} tally;

static void on_delivered(void *context, const stele_delivery *delivery)
{
    tally *own = context;
    own->seen[(uintptr_t)delivery->opaque]++;
    if (delivery->failure == NULL) {
        own->delivered++;
    } else {
        own->failed++;
    }
}

static stele_client *client_of_broker(void)
{
    stele_client *client;
    STELE_AUTO(char) servers = stele_strdup_format("kafka.bootstrap.servers=%s", address);
    const char *const overrides[] = {servers, "kafka.reconnect.backoff.max.ms=500", NULL};
    stele_client_options options = {.overrides = overrides, .name = "desk"};
    MUST(stele_client_open(&options, &client, &err));
    return client;
}

static stele_type *note_type(void)
{
    stele_type *type;
    STELE_AUTO(stele_schema) schema = NULL;
    MUST(stele_schema_parse(stele_text(note_schema), NULL, &schema, &err));
    MUST(stele_type_new(schema, &type, &err));
    return type;
}

static void publish_one(stele_publisher *publisher, const stele_type *type, int64_t number)
{
    char id[16];
    note event = {number};
    stele_publish_options options = {.opaque = (void *)(uintptr_t)number};
    snprintf(id, sizeof id, "note-%d", (int)(number % AGGREGATES));
    for (;;) {
        stele_status status =
            stele_publisher_publish(publisher, stele_text(id), type, &event, &options, &err);
        if (status == STELE_OK) return;
        if (err.next != STELE_NEXT_RETRY) fail_msg("%s", err.text);
        MUST(stele_publisher_poll(publisher, 100, &err));
    }
}

/* What is in the log of each event, and whether an aggregate's are in order. */
static void assert_each_once_in_order(stele_log *log, const char *name)
{
    STELE_AUTO(uint8_t) seen = stele_alloc(EVENTS);
    int64_t last[AGGREGATES] = {0};
    size_t total = 0;
    stele_log_reader *reader;
    MUST(stele_log_reader_open(log, &(stele_log_reader_options){0}, &reader, &err));
    for (int32_t i = 0; i < PARTITIONS; i++) {
        int64_t start;
        int64_t end;
        stele_partition partition = {name, i};
        MUST(stele_log_bounds(log, partition, STELE_READ_UNCOMMITTED, PATIENCE_MS, &start, &end,
                              &err));
        MUST(stele_log_reader_start(reader, partition, start, &err));
        for (int64_t at = start; at < end;) {
            stele_batch batch;
            MUST(stele_log_reader_next(reader, PATIENCE_MS, &batch, &err));
            assert_int_equal(batch.status, STELE_OK);
            for (size_t n = 0; n < batch.count; n++) {
                stele_bytes value = batch.records[n].value;
                uint64_t raw = 0; /* the one field: a zigzag varint */
                for (size_t k = value.size; k-- > STELE_WIRE_HEADER_SIZE;)
                    raw = raw << 7 | (value.data[k] & 0x7f);
                int64_t number = (int64_t)(raw >> 1);
                assert_in_range(number, 0, EVENTS - 1);
                assert_true(number >= last[number % AGGREGATES]);
                last[number % AGGREGATES] = number + 1;
                seen[number]++;
                total++;
            }
            at = batch.next_offset;
            stele_log_batch_release(&batch);
        }
        stele_log_reader_stop(reader, partition);
    }
    stele_log_reader_close(reader);
    for (size_t i = 0; i < EVENTS; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(total, EVENTS);
}

/* Publish all events to a new aggregate, with `disturb` called before each. */
static void publish_all(void (*disturb)(stele_publisher *, int64_t))
{
    stele_client *client = client_of_broker();
    stele_type *type = note_type();
    stele_publisher *publisher;
    STELE_AUTO(uint8_t) delivered = stele_alloc(EVENTS);
    tally own = {.seen = delivered};
    const char *aggregate = fresh_name("note");
    STELE_AUTO(char) name = stele_strdup_format("%s.events", aggregate);
    stele_publisher_options options = {.aggregate = aggregate,
                                       .queue_max = 4 << 20,
                                       .timeout_ms = PATIENCE_MS,
                                       .delivered = on_delivered,
                                       .context = &own};
    stele_log_topic_options topic = {.name = name, .partitions = PARTITIONS};
    MUST(stele_log_topic_create(stele_client_log(client), &topic, PATIENCE_MS, &err));
    MUST(stele_publisher_open(client, &options, &publisher, &err));

    for (int64_t i = 0; i < EVENTS; i++) {
        disturb(publisher, i);
        publish_one(publisher, type, i);
    }
    MUST(stele_publisher_close(publisher, 2 * PATIENCE_MS, &err));

    assert_int_equal(own.delivered, EVENTS);
    assert_int_equal(own.failed, 0);
    for (size_t i = 0; i < EVENTS; i++)
        assert_int_equal(delivered[i], 1);
    assert_each_once_in_order(stele_client_log(client), name);
    stele_client_close(client);
    stele_type_free(type);
}

static void kill_broker(stele_publisher *publisher, int64_t number)
{
    (void)publisher;
    if (number == EVENTS / 3) {
        broker("kill", NULL);
        broker("start", NULL);
    } else if (number == EVENTS * 2 / 3) {
        broker("restart", NULL);
    }
}

static void a_broker_killed_while_publishing_loses_and_doubles_nothing(void **state)
{
    (void)state;
    publish_all(kill_broker);
}

/* As librdkafka does when the broker's idea of the sequence is another one. */
static void kill_producer(stele_publisher *publisher, int64_t number)
{
    if (number % DEATHS_EVERY != DEATHS_EVERY - 1 || publisher->producer == NULL) return;
    rd_kafka_t *rk = ((rdkafka_producer *)publisher->producer)->client.rk;
    rd_kafka_test_fatal_error(rk, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "by the test");
}

static void a_producer_that_dies_while_publishing_loses_and_doubles_nothing(void **state)
{
    (void)state;
    publish_all(kill_producer);
}

static int broker_started(void **state)
{
    (void)state;
    address = start_broker();
    return 0;
}

static int broker_stopped(void **state)
{
    (void)state;
    stop_broker();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_producer_that_dies_while_publishing_loses_and_doubles_nothing),
        cmocka_unit_test(a_broker_killed_while_publishing_loses_and_doubles_nothing),
    };
    return cmocka_run_group_tests_name("producer/publisher on a broker", tests, broker_started,
                                       broker_stopped);
}
