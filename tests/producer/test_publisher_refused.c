/* SPDX-License-Identifier: MIT
 * The publisher over librdkafka while the broker (its mock cluster, which answers as it is told)
 * refuses what is sent: no event is lost, doubled or overtaken, and none is tried forever. */
#include <stele/publisher.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <unistd.h>

#include "core/alloc.h"
#include "kafka/log_port.h"
#include "producer/publisher_inside.h"
#include "registry/client.h"
#include "registry/wire.h"
#include "schemas/scopes.h"
#include "tests/kafka/kafka_test.h"

enum { PRODUCE = 0, PARTITIONS = 1, AGGREGATES = 5, MOST = 400 };
#define TOPIC "note.events"

typedef struct note {
    int64_t number;
} note;

static const char note_schema[] = "{\"type\":\"record\",\"name\":\"desk.Note\",\"fields\":["
                                  "{\"name\":\"number\",\"type\":\"long\"}]}";

static char folder[] = "/tmp/stele-refused-XXXXXX"; /* the registry */
static char file[64];

typedef struct desk {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
    stele_client *client;
    stele_type *type;
    stele_publisher *publisher;
    size_t delivered;
    size_t failed;
    stele_error failure;
    bool has_failed[MOST];
} desk;

static void on_delivered(void *context, const stele_delivery *delivery)
{
    desk *own = context;
    if (delivery->failure == NULL) {
        own->delivered++;
        return;
    }
    own->failed++;
    own->failure = *delivery->failure;
    own->has_failed[(intptr_t)delivery->opaque] = true;
}

static void make_type(desk *own)
{
    STELE_AUTO(stele_schema) schema = NULL;
    MUST(stele_schema_parse(stele_text(note_schema), NULL, &schema, &err));
    MUST(stele_type_new(schema, &own->type, &err));
}

static int folder_made(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/1-desk.Note.avsc", folder);
    FILE *schema = fopen(file, "w");
    assert_non_null(schema);
    fputs(note_schema, schema);
    fclose(schema);
    return 0;
}

static int folder_removed(void **state)
{
    (void)state;
    unlink(file);
    rmdir(folder);
    return 0;
}

/* The mock cluster answers no question for settings. */
static stele_status know_no_setting(stele_log *log, const char *name, const char *setting,
                                    int timeout_ms, char **out, stele_error *error)
{
    (void)log, (void)timeout_ms, (void)out;
    return stele_fail(error, STELE_E_NOT_FOUND, STELE_NEXT_STOP, "%s has no %s", name, setting);
}

static int desk_opened(void **state)
{
    desk *own = stele_alloc(sizeof *own);
    char text[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    own->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    assert_non_null(own->rk);
    own->cluster = rd_kafka_mock_cluster_new(own->rk, 1);
    rd_kafka_mock_topic_create(own->cluster, TOPIC, PARTITIONS, 1);

    STELE_AUTO(char)
    servers = stele_strdup_format("kafka.bootstrap.servers=%s",
                                  rd_kafka_mock_cluster_bootstraps(own->cluster));
    STELE_AUTO(char) registry = stele_strdup_format("registry.url=dir:%s", folder);
    const char *const overrides[] = {servers, registry, NULL};
    stele_client_options options = {.overrides = overrides, .name = "desk"};
    MUST(stele_client_open(&options, &own->client, &err));
    static stele_log_ops ops;
    static stele_topic_ops topics;
    ops = *stele_client_log(own->client)->ops;
    topics = *ops.topic;
    topics.setting = know_no_setting;
    ops.topic = &topics;
    stele_client_log(own->client)->ops = &ops;
    make_type(own);
    stele_publisher_options publishing = {
        .aggregate = "note", .timeout_ms = 5000, .delivered = on_delivered, .context = own};
    MUST(stele_publisher_open(own->client, &publishing, &own->publisher, &err));
    *state = own;
    return 0;
}

static int desk_closed(void **state)
{
    desk *own = *state;
    stele_publisher_close(own->publisher, 0, NULL);
    stele_client_close(own->client);
    stele_type_free(own->type);
    rd_kafka_mock_cluster_destroy(own->cluster);
    rd_kafka_destroy(own->rk);
    free(own);
    return 0;
}

static stele_status try_publish(desk *own, int64_t number)
{
    char id[16];
    note event = {number};
    stele_publish_options options = {.opaque = (void *)(intptr_t)number};
    snprintf(id, sizeof id, "note-%d", (int)(number % AGGREGATES));
    return stele_publisher_publish(own->publisher, stele_text(id), own->type, &event, &options,
                                   &err);
}

static void publish(desk *own, int64_t from, int64_t count)
{
    for (int64_t i = from; i < from + count; i++) {
        stele_status status;
        while ((status = try_publish(own, i)) < 0 && err.next == STELE_NEXT_RETRY)
            MUST(stele_publisher_poll(own->publisher, 100, &err));
        MUST(status);
    }
}

static void refuse(desk *own, rd_kafka_resp_err_t code, size_t times)
{
    for (size_t i = 0; i < times; i++)
        rd_kafka_mock_push_request_errors(own->cluster, PRODUCE, 1, code);
}

/* Events 0 to count - 1 are in the log once each and in order, but for those that failed. */
static void assert_stored(desk *own, int64_t count)
{
    bool seen[MOST] = {false};
    int64_t last = -1;
    size_t stored = 0;
    int64_t start;
    int64_t end;
    stele_log *log = stele_client_log(own->client);
    stele_log_reader *reader;
    stele_partition partition = {TOPIC, 0};
    MUST(stele_log_bounds(log, partition, STELE_READ_UNCOMMITTED, PATIENCE_MS, &start, &end, &err));
    MUST(stele_log_reader_open(log, NULL, &reader, &err));
    MUST(stele_log_reader_start(reader, partition, start, &err));
    for (int64_t at = start; at < end;) {
        stele_batch batch;
        MUST(stele_log_reader_next(reader, PATIENCE_MS, &batch, &err));
        for (size_t n = 0; n < batch.count; n++) {
            stele_bytes value = batch.records[n].value;
            uint64_t raw = 0; /* the one field: a zigzag varint */
            for (size_t k = value.size; k-- > STELE_WIRE_HEADER_SIZE;)
                raw = raw << 7 | (value.data[k] & 0x7f);
            int64_t number = (int64_t)(raw >> 1);
            assert_in_range(number, 0, count - 1);
            assert_false(seen[number]);
            assert_true(number > last);
            last = number;
            seen[number] = true;
            stored++;
        }
        at = batch.next_offset;
        stele_log_batch_release(&batch);
    }
    stele_log_reader_close(reader);
    for (int64_t i = 0; i < count; i++)
        assert_true(seen[i] != own->has_failed[i]);
    assert_int_equal(stored + own->failed, count);
}

static void a_refused_batch_is_tried_in_halves_and_only_the_guilty_fail(void **state)
{
    (void)state;
    static const rd_kafka_resp_err_t refusals[] = {
        RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,  RD_KAFKA_RESP_ERR_INVALID_RECORD,
        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
        RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,   RD_KAFKA_RESP_ERR_INVALID_MSG,
        RD_KAFKA_RESP_ERR_POLICY_VIOLATION,   RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
    };
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        void *opened;
        desk_opened(&opened);
        desk *own = opened;
        publish(own, 0, 1);
        MUST(stele_publisher_flush(own->publisher, PATIENCE_MS, &err));
        /* Of 64: a batch, then halves, down to one that is refused alone. */
        refuse(own, refusals[i], 9);

        publish(own, 1, 64);
        MUST(stele_publisher_flush(own->publisher, PATIENCE_MS, &err));

        assert_in_range(own->failed, 1, 3);
        assert_int_equal(own->failure.cause, (int)refusals[i]);
        assert_int_equal(own->failure.next, STELE_NEXT_REJECT);
        assert_int_equal(own->delivered + own->failed, 65);
        assert_stored(own, 65);
        desk_closed(&opened);
    }
}

/* What no waiting ends, for no event at all. */
static void an_event_that_is_refused_forever_fails_and_does_not_hold_the_others(void **state)
{
    desk *own = *state;
    publish(own, 0, 1);
    MUST(stele_publisher_flush(own->publisher, PATIENCE_MS, &err));
    refuse(own, RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, 30);

    publish(own, 1, 1);
    while (own->failed + own->delivered == 1) {
        own->publisher->replace_at_ns = 0; /* as if the pause between two attempts were over */
        MUST(stele_publisher_poll(own->publisher, 50, &err));
    }

    assert_int_equal(own->failed, 1);
    assert_int_equal(own->failure.next, STELE_NEXT_REJECT);
    assert_int_equal(own->failure.cause, RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE);
    rd_kafka_mock_clear_request_errors(own->cluster, PRODUCE);
    publish(own, 2, 1);
    MUST(stele_publisher_flush(own->publisher, PATIENCE_MS, &err));
    assert_stored(own, 3);
}

/* An unknown refusal that passes: no event is given up for it. */
static void a_refusal_that_passes_costs_no_event(void **state)
{
    desk *own = *state;
    publish(own, 0, 1);
    MUST(stele_publisher_flush(own->publisher, PATIENCE_MS, &err));
    refuse(own, RD_KAFKA_RESP_ERR_UNKNOWN, 3);

    publish(own, 1, 20);
    MUST(stele_publisher_flush(own->publisher, PATIENCE_MS, &err));

    assert_int_equal(own->failed, 0);
    assert_stored(own, 21);
}

static void a_missing_right_is_said_and_waited_for(void **state)
{
    desk *own = *state;
    publish(own, 0, 1);
    MUST(stele_publisher_flush(own->publisher, PATIENCE_MS, &err));
    refuse(own, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 12);
    publish(own, 1, 1);
    stele_status status;
    do {
        MUST(stele_publisher_poll(own->publisher, 50, &err));
        status = try_publish(own, 2);
    } while (status == STELE_OK && own->failed == 0);

    assert_int_equal(status, STELE_E_FORBIDDEN);

    assert_int_equal(err.next, STELE_NEXT_RETRY);
    assert_non_null(strstr(err.text, "grant"));
    assert_int_equal(stele_publisher_flush(own->publisher, 1000, &err), STELE_E_TIMED_OUT);
    assert_non_null(strstr(err.text, "grant"));
    rd_kafka_mock_clear_request_errors(own->cluster, PRODUCE);
    MUST(stele_publisher_flush(own->publisher, PATIENCE_MS, &err));
    assert_int_equal(own->failed, 0);
}

#define DESK(test) cmocka_unit_test_setup_teardown(test, desk_opened, desk_closed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK(an_event_that_is_refused_forever_fails_and_does_not_hold_the_others),
        DESK(a_refusal_that_passes_costs_no_event),
        DESK(a_missing_right_is_said_and_waited_for),
        cmocka_unit_test(a_refused_batch_is_tried_in_halves_and_only_the_guilty_fail),
    };
    return cmocka_run_group_tests_name("producer/publisher refused", tests, folder_made,
                                       folder_removed);
}
