/* SPDX-License-Identifier: MIT
 * The limit: a loop on librdkafka that counts, and one with a decoder and a fold written by hand
 * for this very event. What a good programmer writes without Stele. */
#include "by_hand.h"
#include "replay.h"

#include <librdkafka/rdkafka.h>

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    BATCH = 4096,
    WAIT_MS = 10, /* a batch that is not full is waited for that long: the last one is not */
    SLOTS = 65536,
    KEY_MAX = 16
};

typedef struct balance {
    uint8_t key[KEY_MAX];
    size_t key_size;
    int64_t cents;
    int64_t movements;
    int64_t last_booked_at;
} balance;

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        replay_die(name, why);
}

static rd_kafka_t *open_consumer(const char *brokers)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];
    char kbytes[16];
    snprintf(kbytes, sizeof kbytes, "%d", QUEUE_KBYTES);
    set(conf, "bootstrap.servers", brokers);
    set(conf, "group.id", "bench");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.auto.offset.store", "false");
    set(conf, "fetch.wait.max.ms", "50");
    set(conf, "socket.nagle.disable", "true");
    set(conf, "check.crcs", "true");
    set(conf, "isolation.level", "read_committed");
    set(conf, "queued.min.messages", "4194304");
    set(conf, "queued.max.messages.kbytes", kbytes);
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (consumer == NULL) replay_die("rd_kafka_new", why);
    rd_kafka_poll_set_consumer(consumer);
    return consumer;
}

/* How far each partition goes, and how many are not read to there. */
typedef struct progress {
    int64_t ends[PARTITIONS];
    int left;
} progress;

/* Absolute offsets: a logical one costs half a second before the first batch. */
static rd_kafka_topic_partition_list_t *find_partitions(rd_kafka_t *consumer,
                                                        const replay_share *share, progress *out)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int32_t i = share->thread; i < PARTITIONS; i += share->threads) {
        int64_t low;
        if (rd_kafka_query_watermark_offsets(consumer, share->topic, i, &low, &out->ends[i],
                                             10000) != 0)
            replay_die(share->topic, "no watermarks");
        rd_kafka_topic_partition_list_add(list, share->topic, i)->offset = low;
        out->left += out->ends[i] > low;
    }
    return list;
}

static balance *find_balance(balance *table, const void *key, size_t size, int64_t *accounts)
{
    if (size > KEY_MAX) replay_die("key", "longer than 16 bytes");
    size_t slot = (size_t)XXH3_64bits(key, size) & (SLOTS - 1);
    while (table[slot].key_size != 0 &&
           (table[slot].key_size != size || memcmp(table[slot].key, key, size) != 0))
        slot = (slot + 1) & (SLOTS - 1);
    if (table[slot].key_size == 0) {
        memcpy(table[slot].key, key, size);
        table[slot].key_size = size;
        ++*accounts;
    }
    return &table[slot];
}

static void fold(balance *table, const rd_kafka_message_t *message, int64_t *accounts)
{
    movement m;
    if (!decode_movement(message->payload, message->len, &m)) replay_die("event", "undecodable");
    balance *b = find_balance(table, message->key, message->key_len, accounts);
    b->cents += m.amount_cents;
    b->movements++;
    b->last_booked_at = m.booked_at;
}

static replay_result replay(const replay_share *share, balance *table)
{
    static _Thread_local rd_kafka_message_t *batch[BATCH];
    rd_kafka_t *consumer = open_consumer(share->brokers);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    replay_result result = {0};
    progress reading = {0};
    rd_kafka_topic_partition_list_t *list = find_partitions(consumer, share, &reading);
    double began = replay_now();
    rd_kafka_assign(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    while (reading.left > 0) {
        ssize_t got = rd_kafka_consume_batch_queue(queue, WAIT_MS, batch, BATCH);
        for (ssize_t i = 0; i < got; i++) {
            if (batch[i]->err != 0) replay_die("consume", rd_kafka_message_errstr(batch[i]));
            if (table != NULL) fold(table, batch[i], &result.accounts);
            result.events++;
            reading.left -= batch[i]->offset + 1 == reading.ends[batch[i]->partition];
            rd_kafka_message_destroy(batch[i]);
        }
    }
    result.seconds = replay_now() - began;
    for (size_t i = 0; table != NULL && i < SLOTS; i++)
        result.sum_cents += table[i].cents;
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return result;
}

replay_result replay_count(const replay_share *share)
{
    return replay(share, NULL);
}

replay_result replay_by_hand(const replay_share *share)
{
    balance *table = calloc(SLOTS, sizeof *table);
    if (table == NULL) replay_die("memory", "out");
    replay_result result = replay(share, table);
    free(table);
    return result;
}
