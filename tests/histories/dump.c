/* SPDX-License-Identifier: MIT
 * A topic of text keys as JSON lines, as a plain Kafka client sees it: {"partition", "offset",
 * "key", "headers", "value" in hex}. For checker.py, which is to have nothing in common with what
 * it judges.
 *
 * usage: dump BROKERS TOPIC committed|all
 * To the end that each partition has when it is begun. */
#include <librdkafka/rdkafka.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 30000, PARTITIONS_MAX = 1024 };

static void die(const char *what, const char *why)
{
    fprintf(stderr, "dump: %s: %s\n", what, why);
    exit(1);
}

static void check(rd_kafka_resp_err_t code, const char *what)
{
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) die(what, rd_kafka_err2str(code));
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) die(name, why);
}

static void print_text(const char *text, size_t size)
{
    putchar('"');
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '"' || byte == '\\' || byte < ' ')
            printf("\\u%04x", (unsigned)byte);
        else
            putchar(byte);
    }
    putchar('"');
}

static void print_headers(const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL;
    const char *name;
    const void *value;
    size_t size;
    rd_kafka_message_headers(message, &headers);
    for (size_t i = 0;
         headers != NULL && rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0; i++) {
        if (i > 0) putchar(',');
        print_text(name, strlen(name));
        putchar(':');
        print_text(value, size);
    }
}

static void print_record(const rd_kafka_message_t *message)
{
    printf("{\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"key\":", message->partition,
           message->offset);
    print_text(message->key, message->key_len);
    printf(",\"headers\":{");
    print_headers(message);
    printf("},\"value\":");
    if (message->payload == NULL) {
        printf("null}\n");
        return;
    }
    putchar('"');
    for (size_t i = 0; i < message->len; i++)
        printf("%02x", ((const uint8_t *)message->payload)[i]);
    printf("\"}\n");
}

static int32_t count_partitions(rd_kafka_t *client, const char *topic)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    const struct rd_kafka_metadata *metadata;
    check(rd_kafka_metadata(client, 0, handle, &metadata, TIMEOUT_MS), "metadata");
    check(metadata->topics[0].err, topic);
    if (metadata->topics[0].partition_cnt > PARTITIONS_MAX) die(topic, "too many partitions");
    int32_t count = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    return count;
}

/* @return how many of the partitions have something in them */
static int assign(rd_kafka_t *client, const char *topic)
{
    int left = 0;
    int32_t count = count_partitions(client, topic);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int32_t i = 0; i < count; i++) {
        int64_t low;
        int64_t high;
        check(rd_kafka_query_watermark_offsets(client, topic, i, &low, &high, TIMEOUT_MS), "end");
        if (low == high) continue;
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = low;
        left++;
    }
    check(rd_kafka_assign(client, list), "assign");
    rd_kafka_topic_partition_list_destroy(list);
    return left;
}

int main(int argc, char **argv)
{
    char why[512];
    if (argc != 4) die("usage", "dump BROKERS TOPIC committed|all");
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argv[1]);
    set(conf, "group.id", "dump");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.partition.eof", "true");
    set(conf, "check.crcs", "true");
    set(conf, "isolation.level",
        strcmp(argv[3], "all") == 0 ? "read_uncommitted" : "read_committed");
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (client == NULL) die("client", why);
    rd_kafka_poll_set_consumer(client);
    bool ended[PARTITIONS_MAX] = {false};
    int left = assign(client, argv[2]);
    while (left > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, TIMEOUT_MS);
        if (message == NULL) die("read", "nothing comes");
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            left -= !ended[message->partition];
            ended[message->partition] = true;
        } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            die("read", rd_kafka_message_errstr(message));
        else if (!ended[message->partition])
            print_record(message);
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    return fflush(stdout) == 0 ? 0 : 1;
}
