/* SPDX-License-Identifier: MIT
 * The program by hand: one consumer of librdkafka, a decoder for this very event, and a transaction
 * every so many events. */
#include "hand.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { BATCH = 4096, WAIT_MS = 10, SLOTS = 65536 };

typedef struct hand {
    hand_db *db;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *queue;
    int64_t ends[PARTITIONS];
    int64_t positions[PARTITIONS];
    balance *table; /* NULL: a row for each event */
    balance **dirty;
    size_t dirty_count;
} hand;

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        sql_die(name, why);
}

static void open_consumer(hand *self, const sql_run *run)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];
    set(conf, "bootstrap.servers", run->brokers);
    set(conf, "group.id", "bench-sql");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.auto.offset.store", "false");
    set(conf, "fetch.wait.max.ms", "50");
    set(conf, "check.crcs", "true");
    set(conf, "isolation.level", "read_committed");
    set(conf, "queued.min.messages", "4194304");
    set(conf, "queued.max.messages.kbytes", "262144");
    self->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (self->consumer == NULL) sql_die("rd_kafka_new", why);
    rd_kafka_poll_set_consumer(self->consumer);
    self->queue = rd_kafka_queue_get_consumer(self->consumer);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        int64_t low;
        if (rd_kafka_query_watermark_offsets(self->consumer, run->topic, i, &low, &self->ends[i],
                                             10000) != 0)
            sql_die(run->topic, "no watermarks");
        rd_kafka_topic_partition_list_add(list, run->topic, i)->offset = low;
    }
    rd_kafka_assign(self->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static void close_consumer(hand *self)
{
    rd_kafka_queue_destroy(self->queue);
    rd_kafka_consumer_close(self->consumer);
    rd_kafka_destroy(self->consumer);
}

static balance *find_balance(balance *table, const uint8_t *key, size_t size)
{
    size_t slot = (size_t)XXH3_64bits(key, size) & (SLOTS - 1);
    if (size >= sizeof table->account) sql_die("key", "longer than 16 bytes");
    while (table[slot].movements != 0 &&
           (strlen(table[slot].account) != size || memcmp(table[slot].account, key, size) != 0))
        slot = (slot + 1) & (SLOTS - 1);
    memcpy(table[slot].account, key, size);
    return &table[slot];
}

static void fold(hand *self, const movement *of)
{
    balance *b = find_balance(self->table, of->account, of->account_size);
    b->cents += of->amount_cents;
    b->movements++;
    b->last_booked_at = of->booked_at;
    if (!b->is_dirty) self->dirty[self->dirty_count++] = b;
    b->is_dirty = true;
}

static void take(hand *self, const rd_kafka_message_t *message)
{
    movement of;
    if (message->err != 0) sql_die("consume", rd_kafka_message_errstr(message));
    if (!decode_movement(message->payload, message->len, &of)) sql_die("event", "undecodable");
    if (self->table != NULL)
        fold(self, &of);
    else
        self->db->row(self->db, message->partition, message->offset, &of);
    self->positions[message->partition] = message->offset + 1;
}

static void store_states(hand *self)
{
    for (size_t i = 0; i < self->dirty_count; i++) {
        self->db->state(self->db, self->dirty[i]);
        self->dirty[i]->is_dirty = false;
    }
    self->dirty_count = 0;
}

static bool is_done(const hand *self)
{
    for (int i = 0; i < PARTITIONS; i++)
        if (self->positions[i] < self->ends[i]) return false;
    return true;
}

/* Rows are committed every so many events, states after a time: they are worth more then. */
static double run_to_end(hand *self)
{
    static rd_kafka_message_t *batch[BATCH];
    double began = sql_now(), committed = began;
    int64_t pending = 0;
    self->db->begin(self->db);
    while (!is_done(self)) {
        ssize_t got = rd_kafka_consume_batch_queue(self->queue, WAIT_MS, batch, BATCH);
        for (ssize_t i = 0; i < got; i++) {
            take(self, batch[i]);
            rd_kafka_message_destroy(batch[i]);
        }
        pending += got > 0 ? got : 0;
        bool is_due = self->table == NULL ? pending >= COMMIT_EVENTS
                                          : sql_now() - committed >= COMMIT_MS / 1000.0;
        if (!is_due && !is_done(self)) continue;
        store_states(self);
        self->db->commit(self->db, self->positions);
        self->db->begin(self->db);
        pending = 0;
        committed = sql_now();
    }
    self->db->commit(self->db, self->positions);
    return sql_now() - began;
}

static double run_by_hand(const sql_run *run, bool folds)
{
    hand self = {0};
    if (strncmp(run->url, "postgres:", 9) == 0)
        self.db = hand_postgres_open(run->url + 9);
    else if (strncmp(run->url, "lmdb:", 5) == 0)
        self.db = hand_lmdb_open(run->url + 5);
    else if (strncmp(run->url, "redis:", 6) == 0)
        self.db = hand_redis_open(run->url + 6);
    else
        self.db = hand_sqlite_open(run->url + 7);
    if (folds) {
        self.table = calloc(SLOTS, sizeof *self.table);
        self.dirty = calloc(SLOTS, sizeof *self.dirty);
    }
    open_consumer(&self, run);
    double seconds = run_to_end(&self);
    close_consumer(&self);
    self.db->close(self.db);
    free(self.table);
    free(self.dirty);
    return seconds;
}

double sql_rows_by_hand(const sql_run *run)
{
    return run_by_hand(run, false);
}

double sql_fold_by_hand(const sql_run *run)
{
    return run_by_hand(run, true);
}
