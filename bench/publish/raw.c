/* SPDX-License-Identifier: MIT
 * The limit: a loop on librdkafka with an encoder written by hand for this very event. The same
 * settings, the same bytes, the same headers. */
#include "publish.h"

#include <librdkafka/rdkafka.h>

#include <stdio.h>
#include <string.h>

#include "core/date.h"
#include "core/uuid.h"

enum { VALUE_MAX = 256, HEADERS_MAX = 7, POLL_EVERY = 256 };

typedef struct raw_headers {
    char id[STELE_UUID_TEXT_SIZE + 1];
    char time[STELE_DATE_TEXT_MAX + 1];
} raw_headers;

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        publish_die(name, why);
}

static void set_number(rd_kafka_conf_t *conf, const char *name, int value)
{
    char text[16];
    snprintf(text, sizeof text, "%d", value);
    set(conf, name, text);
}

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        publish_die("delivery", rd_kafka_err2str(message->err));
    ++*(int64_t *)opaque;
}

static rd_kafka_t *open_producer(const publish_run *run, int64_t *delivered)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", run->brokers);
    set(conf, "enable.idempotence", "true");
    set(conf, "partitioner", "murmur2_random");
    set(conf, "compression.type", run->codec);
    set(conf, "socket.nagle.disable", "true");
    set_number(conf, "linger.ms", LINGER_MS);
    set_number(conf, "queue.buffering.max.kbytes", QUEUE_MIB * 1024);
    set_number(conf, "queue.buffering.max.messages", QUEUE_MIB * 8192);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, delivered);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (producer == NULL) publish_die("rd_kafka_new", why);
    return producer;
}

static uint8_t *write_long(uint8_t *at, int64_t value)
{
    uint64_t raw = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    for (; raw >= 0x80; raw >>= 7)
        *at++ = (uint8_t)(raw | 0x80);
    *at = (uint8_t)raw;
    return at + 1;
}

static uint8_t *write_text(uint8_t *at, const char *text, size_t size)
{
    at = write_long(at, (int64_t)size);
    memcpy(at, text, size);
    return at + size;
}

static size_t encode(const publish_movement *movement, size_t purpose_size, uint8_t *value)
{
    static const uint8_t wire[] = {0, 0, 0, 0, 2};
    memcpy(value, wire, sizeof wire);
    uint8_t *at = value + sizeof wire;
    at = write_text(at, movement->account, movement->account_size);
    at = write_long(at, movement->sequence);
    at = write_long(at, movement->amount_cents);
    at = write_long(at, movement->booked_at);
    at = write_long(at, movement->kind);
    at = write_long(at, 1);
    at = write_text(at, movement->counterparty, movement->counterparty_size);
    at = write_text(at, publish_purpose, purpose_size);
    return (size_t)(at - value);
}

static rd_kafka_headers_t *make_headers(const publish_run *run, const publish_movement *movement,
                                        int64_t now_ms, stele_uuid_source *ids)
{
    raw_headers own;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(run->cloudevents ? HEADERS_MAX : 1);
    stele_uuid id = stele_uuid_source_next(ids);
    stele_uuid_format(&id, own.id);
    rd_kafka_header_add(headers, "ce_id", -1, own.id, STELE_UUID_TEXT_SIZE);
    if (!run->cloudevents) return headers;

    stele_format_timestamp(now_ms, STELE_TIME_MILLIS, own.time);
    rd_kafka_header_add(headers, "ce_specversion", -1, "1.0", -1);
    rd_kafka_header_add(headers, "ce_source", -1, "/stele/bench", -1);
    rd_kafka_header_add(headers, "ce_type", -1, "bench.Movement", -1);
    rd_kafka_header_add(headers, "ce_subject", -1, movement->account,
                        (ssize_t)movement->account_size);
    rd_kafka_header_add(headers, "ce_time", -1, own.time, -1);
    rd_kafka_header_add(headers, "content-type", -1, "application/avro", -1);
    return headers;
}

static void publish_one(rd_kafka_t *producer, rd_kafka_topic_t *topic, const publish_run *run,
                        const publish_movement *movement, size_t purpose_size,
                        stele_uuid_source *ids)
{
    uint8_t value[VALUE_MAX];
    size_t size = encode(movement, purpose_size, value);
    int64_t now_ms = stele_clock_now_ms(stele_clock_system());
    rd_kafka_headers_t *headers = make_headers(run, movement, now_ms, ids);
    rd_kafka_resp_err_t code;
    while ((code = rd_kafka_producev(
                producer, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                RD_KAFKA_V_KEY(movement->account, movement->account_size),
                RD_KAFKA_V_VALUE(value, size), RD_KAFKA_V_TIMESTAMP(now_ms),
                RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(producer, 100);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) publish_die("produce", rd_kafka_err2str(code));
}

publish_result publish_raw(const publish_run *run)
{
    int64_t delivered = 0;
    char name[64];
    snprintf(name, sizeof name, "%s.events", run->aggregate);
    size_t purpose_size = strlen(publish_purpose);
    rd_kafka_t *producer = open_producer(run, &delivered);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, name, NULL);
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(producer, 0, topic, &metadata, 10000) != 0)
        publish_die(name, "no metadata");
    rd_kafka_metadata_destroy(metadata);
    stele_uuid_source ids;
    stele_uuid_source_init(&ids, stele_runtime_system());

    double begin = publish_now();
    for (int64_t i = 0; i < run->events; i++) {
        publish_movement movement;
        publish_make(i, &movement);
        publish_one(producer, topic, run, &movement, purpose_size, &ids);
        if (i % POLL_EVERY == 0) rd_kafka_poll(producer, 0);
    }
    while (rd_kafka_flush(producer, 1000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    }
    publish_result result = {delivered, publish_now() - begin};
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
    return result;
}
