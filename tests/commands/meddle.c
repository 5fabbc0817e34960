/* SPDX-License-Identifier: MIT
 * What other tools do to a broker behind Stele's back: odd records, deleted ones, more partitions,
 * moved offsets. A raw client, which knows nothing of Stele.
 *
 * usage: meddle BROKERS put TOPIC PARTITION KEY VALUE [HEADER=TEXT…]    '-' is null, '=TEXT' text,
 *                                                 else hex
 *        meddle BROKERS open TOPIC PARTITION KEY VALUE [HEADER=TEXT…]   in a transaction that it
 *                                                 leaves open, for a minute
 *        meddle BROKERS abort TOPIC PARTITION KEY VALUE [HEADER=TEXT…]  in one that it aborts
 *        meddle BROKERS cut TOPIC PARTITION OFFSET       delete the records before it
 *        meddle BROKERS widen TOPIC PARTITIONS           raise the partition count
 *        meddle BROKERS move GROUP TOPIC PARTITION OFFSET   of a group without members
 *        meddle BROKERS set TOPIC NAME VALUE NAME VALUE  all settings that a topic is to have
 *        meddle BROKERS create TOPIC PARTITIONS
 *        meddle BROKERS delete TOPIC */
#include <librdkafka/rdkafka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 30000, ROOM = 4096 };

static void die(const char *what, const char *why)
{
    fprintf(stderr, "meddle: %s: %s\n", what, why);
    exit(1);
}

static void check(rd_kafka_resp_err_t code, const char *what)
{
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) die(what, rd_kafka_err2str(code));
}

static int32_t number(const char *text)
{
    return (int32_t)strtol(text, NULL, 10);
}

static rd_kafka_t *open_client(rd_kafka_type_t type, const char *brokers, const char *group)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why);
    if (group != NULL) rd_kafka_conf_set(conf, "group.id", group, why, sizeof why);
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (client == NULL) die("client", why);
    return client;
}

static int nibble(char digit)
{
    const char *digits = "0123456789abcdef";
    const char *at = strchr(digits, digit);
    if (digit == '\0' || at == NULL) die("hex", "want 0-9 and a-f");
    return (int)(at - digits);
}

/* @return the bytes, in `room`; NULL for null */
static const void *parse_bytes(const char *text, uint8_t room[ROOM], size_t *size)
{
    *size = 0;
    if (strcmp(text, "-") == 0) return NULL;
    if (text[0] == '=') {
        *size = strlen(text + 1);
        return text + 1;
    }
    for (; text[0] != '\0' && *size < ROOM; text += 2)
        room[(*size)++] = (uint8_t)(nibble(text[0]) << 4 | nibble(text[1]));
    return room;
}

static rd_kafka_headers_t *parse_headers(char **words, int count)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new((size_t)count);
    for (int i = 0; i < count; i++) {
        const char *value = strchr(words[i], '=');
        if (value == NULL) die(words[i], "want HEADER=TEXT");
        check(rd_kafka_header_add(headers, words[i], value - words[i], value + 1, -1), "header");
    }
    return headers;
}

static void produce(rd_kafka_t *client, char **words, int count)
{
    uint8_t key_room[ROOM], value_room[ROOM];
    size_t key_size, value_size;
    const void *key = parse_bytes(words[2], key_room, &key_size);
    const void *value = parse_bytes(words[3], value_room, &value_size);
    check(rd_kafka_producev(client, RD_KAFKA_V_TOPIC(words[0]),
                            RD_KAFKA_V_PARTITION(number(words[1])), RD_KAFKA_V_KEY(key, key_size),
                            RD_KAFKA_V_VALUE((void *)(uintptr_t)value, value_size),
                            RD_KAFKA_V_HEADERS(parse_headers(words + 4, count - 4)),
                            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
          "produce");
    check(rd_kafka_flush(client, TIMEOUT_MS), "flush");
}

static void put(const char *brokers, char **words, int count)
{
    rd_kafka_t *client = open_client(RD_KAFKA_PRODUCER, brokers, NULL);
    produce(client, words, count);
    rd_kafka_destroy(client);
}

static void check_error(rd_kafka_error_t *error, const char *what)
{
    if (error != NULL) die(what, rd_kafka_error_string(error));
}

static rd_kafka_t *open_transaction(const char *brokers, const char *topic)
{
    char why[512], id[300];
    snprintf(id, sizeof id, "meddle-%s", topic);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why);
    rd_kafka_conf_set(conf, "transactional.id", id, why, sizeof why);
    rd_kafka_conf_set(conf, "transaction.timeout.ms", "60000", why, sizeof why);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (client == NULL) die("client", why);
    check_error(rd_kafka_init_transactions(client, TIMEOUT_MS), "init");
    check_error(rd_kafka_begin_transaction(client), "begin");
    return client;
}

static void transact(const char *brokers, char **words, int count, bool abort)
{
    rd_kafka_t *client = open_transaction(brokers, words[0]);
    produce(client, words, count);
    if (abort) check_error(rd_kafka_abort_transaction(client, TIMEOUT_MS), "abort");
    rd_kafka_destroy(client);
}

static void check_each(const rd_kafka_topic_result_t **results, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(rd_kafka_topic_result_error(results[i]), rd_kafka_topic_result_name(results[i]));
}

static rd_kafka_event_t *await(rd_kafka_queue_t *queue, const char *what)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
    if (event == NULL) die(what, "no answer");
    if (rd_kafka_event_error(event) != 0) die(what, rd_kafka_event_error_string(event));
    return event;
}

static void cut(rd_kafka_t *client, rd_kafka_queue_t *queue, char **words)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, words[0], number(words[1]))->offset = number(words[2]);
    rd_kafka_DeleteRecords_t *ask = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(client, &ask, 1, NULL, queue);
    rd_kafka_event_t *event = await(queue, "cut");
    const rd_kafka_topic_partition_list_t *done =
        rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
    check(done->elems[0].err, "cut");
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteRecords_destroy(ask);
    rd_kafka_topic_partition_list_destroy(list);
}

static void widen(rd_kafka_t *client, rd_kafka_queue_t *queue, char **words)
{
    char why[512];
    rd_kafka_NewPartitions_t *ask =
        rd_kafka_NewPartitions_new(words[0], (size_t)number(words[1]), why, sizeof why);
    if (ask == NULL) die("widen", why);
    rd_kafka_CreatePartitions(client, &ask, 1, NULL, queue);
    rd_kafka_event_t *event = await(queue, "widen");
    size_t count;
    const rd_kafka_topic_result_t **results = rd_kafka_CreatePartitions_result_topics(
        rd_kafka_event_CreatePartitions_result(event), &count);
    check_each(results, count);
    rd_kafka_event_destroy(event);
    rd_kafka_NewPartitions_destroy(ask);
}

static void delete (rd_kafka_t *client, rd_kafka_queue_t *queue, char **words)
{
    rd_kafka_DeleteTopic_t *ask = rd_kafka_DeleteTopic_new(words[0]);
    rd_kafka_DeleteTopics(client, &ask, 1, NULL, queue);
    rd_kafka_event_t *event = await(queue, "delete");
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
    check_each(results, count);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteTopic_destroy(ask);
}

static void create(rd_kafka_t *client, rd_kafka_queue_t *queue, char **words)
{
    char why[512];
    rd_kafka_NewTopic_t *ask =
        rd_kafka_NewTopic_new(words[0], number(words[1]), 1, why, sizeof why);
    if (ask == NULL) die("create", why);
    rd_kafka_CreateTopics(client, &ask, 1, NULL, queue);
    rd_kafka_event_t *event = await(queue, "create");
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    check_each(results, count);
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(ask);
}

static void set(rd_kafka_t *client, rd_kafka_queue_t *queue, char **words)
{
    rd_kafka_ConfigResource_t *ask = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, words[0]);
    for (char **pair = words + 1; pair < words + 5; pair += 2)
        check(rd_kafka_ConfigResource_set_config(ask, pair[0], pair[1]), "set");
    rd_kafka_AlterConfigs(client, &ask, 1, NULL, queue);
    rd_kafka_event_t *event = await(queue, "set");
    size_t count;
    const rd_kafka_ConfigResource_t **results =
        rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
    for (size_t i = 0; i < count; i++)
        check(rd_kafka_ConfigResource_error(results[i]), "set");
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(ask);
}

static void move(const char *brokers, char **words)
{
    rd_kafka_t *client = open_client(RD_KAFKA_CONSUMER, brokers, words[0]);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, words[1], number(words[2]))->offset = number(words[3]);
    check(rd_kafka_commit(client, list, false), "move");
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
}

typedef struct action {
    const char *name;
    int words;
    void (*run)(rd_kafka_t *client, rd_kafka_queue_t *queue, char **words);
} action;

static const action actions[] = {{"cut", 3, cut},
                                 {"widen", 2, widen},
                                 {"create", 2, create},
                                 {"set", 5, set},
                                 {"delete", 1, delete}};

static void administer(const action *chosen, const char *brokers, char **words)
{
    rd_kafka_t *client = open_client(RD_KAFKA_PRODUCER, brokers, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    chosen->run(client, queue, words);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
}

int main(int argc, char **argv)
{
    if (argc < 3) die("usage", "meddle BROKERS put|open|abort|cut|widen|move|set|create|delete …");
    const char *brokers = argv[1], *name = argv[2];
    char **words = argv + 3;
    int count = argc - 3;
    if (strcmp(name, "put") == 0 && count >= 4) {
        put(brokers, words, count);
        return 0;
    }
    if ((strcmp(name, "open") == 0 || strcmp(name, "abort") == 0) && count >= 4) {
        transact(brokers, words, count, name[0] == 'a');
        return 0;
    }
    if (strcmp(name, "move") == 0 && count == 4) {
        move(brokers, words);
        return 0;
    }
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(name, actions[i].name) != 0 || count != actions[i].words) continue;
        administer(&actions[i], brokers, words);
        return 0;
    }
    die(name, "no such action, or another number of words");
    return 2;
}
