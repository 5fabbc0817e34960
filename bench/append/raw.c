/* SPDX-License-Identifier: MIT
 * The limits, on librdkafka by hand, with the same records, headers and settings as Stele's:
 * idempotent produce, in which no one decides and no one is fenced; and a loop of transactions with
 * one id, group commit and a reader that follows, which answers when records are visible. */
#include "append.h"

#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/uuid.h"

enum { VALUE_MAX = 256, BATCH_MAX = 8192, CAP = 4096, WAIT_MS = 10000 };

typedef struct caller {
    double begun;
    int account;
} caller;

/* Who waits for a transaction to be visible. */
typedef struct group {
    caller *callers[CAP];
    int count;
    int64_t last; /* offset; -1: not committed yet */
} group;

typedef struct loop {
    const append_run *run;
    append_result *result;
    char topic[64];
    rd_kafka_t *producer;
    rd_kafka_topic_t *to;
    stele_uuid_source ids;
    int64_t versions[ACCOUNTS];
    int64_t cents[ACCOUNTS];
    int64_t last_offset; /* delivered */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    caller *waiting[CALLERS_MAX];
    int count;
    group flying;
    bool is_flying;
    int64_t visible; /* up to here, not included */
    bool follows;    /* the reader is there */
    bool ends;
} loop;

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        append_die(name, why);
}

static void check(const char *what, rd_kafka_error_t *error)
{
    if (error != NULL) append_die(what, rd_kafka_error_string(error));
}

/* ---- records ---- */

static uint8_t *write_long(uint8_t *at, int64_t value)
{
    uint64_t raw = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    for (; raw >= 0x80; raw >>= 7)
        *at++ = (uint8_t)(raw | 0x80);
    *at = (uint8_t)raw;
    return at + 1;
}

static size_t encode(int64_t cents, uint8_t *value)
{
    static const uint8_t wire[] = {0, 0, 0, 0, 2};
    size_t size = strlen(append_purpose);
    memcpy(value, wire, sizeof wire);
    uint8_t *at = write_long(value + sizeof wire, cents);
    at = write_long(at, (int64_t)size);
    memcpy(at, append_purpose, size);
    return (size_t)(at + size - value);
}

static void add_id(loop *self, rd_kafka_headers_t *headers, const char *name)
{
    char text[STELE_UUID_TEXT_SIZE + 1];
    stele_uuid id = stele_uuid_source_next(&self->ids);
    stele_uuid_format(&id, text);
    rd_kafka_header_add(headers, name, -1, text, STELE_UUID_TEXT_SIZE);
}

static void produce(loop *self, caller *by)
{
    char key[16], version[24];
    uint8_t value[VALUE_MAX];
    int account = by->account;
    size_t size = encode(1, value);
    self->cents[account]++;
    int key_size = snprintf(key, sizeof key, "a-%06d", account);
    int version_size =
        snprintf(version, sizeof version, "%lld", (long long)++self->versions[account]);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(3);
    add_id(self, headers, "ce_id");
    rd_kafka_header_add(headers, "ce_aggregateversion", -1, version, version_size);
    add_id(self, headers, "ce_causationid");
    rd_kafka_resp_err_t code =
        rd_kafka_producev(self->producer, RD_KAFKA_V_RKT(self->to), RD_KAFKA_V_PARTITION(0),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_KEY(key, (size_t)key_size), RD_KAFKA_V_VALUE(value, size),
                          RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(by), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) append_die("produce", rd_kafka_err2str(code));
}

/* ---- opening ---- */

static rd_kafka_conf_t *make_conf(const append_run *run)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", run->brokers);
    set(conf, "socket.nagle.disable", "true");
    return conf;
}

static void open_producer(loop *self, const char *id,
                          void (*delivered)(rd_kafka_t *rk, const rd_kafka_message_t *message,
                                            void *opaque))
{
    char why[256];
    rd_kafka_conf_t *conf = make_conf(self->run);
    set(conf, "enable.idempotence", "true");
    set(conf, "compression.type", "lz4");
    set(conf, "linger.ms", "0");
    if (id != NULL) {
        set(conf, "transactional.id", id);
        set(conf, "transaction.timeout.ms", "10000");
        set(conf, "message.timeout.ms", "10000");
        set(conf, "retry.backoff.ms", "1");
    }
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_opaque(conf, self);
    self->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (self->producer == NULL) append_die("rd_kafka_new", why);
    if (id != NULL) check("init", rd_kafka_init_transactions(self->producer, WAIT_MS));
    self->to = rd_kafka_topic_new(self->producer, self->topic, NULL);
    const struct rd_kafka_metadata *metadata;
    if (rd_kafka_metadata(self->producer, 0, self->to, &metadata, WAIT_MS) != 0)
        append_die(self->topic, "no metadata");
    rd_kafka_metadata_destroy(metadata);
}

static loop *begin(const append_run *run, append_result *result)
{
    loop *self = calloc(1, sizeof *self);
    self->run = run;
    self->result = result;
    snprintf(self->topic, sizeof self->topic, "%s.events", run->aggregate);
    stele_uuid_source_init(&self->ids, stele_runtime_system());
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    result->under_way = run->callers;
    return self;
}

static void start_clock(const append_run *run, append_result *result)
{
    result->begin = append_now() + run->warm_up_s;
    result->end = result->begin + run->seconds;
}

static void end(loop *self)
{
    rd_kafka_topic_destroy(self->to);
    rd_kafka_destroy(self->producer);
    free(self);
}

/* ---- idempotent ---- */

static void on_stored(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    loop *self = opaque;
    caller *by = message->_private;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        append_die("delivery", rd_kafka_err2str(message->err));
    if (!append_answered(self->result, by->begun)) {
        self->result->under_way--;
        return;
    }
    by->begun = append_now();
    produce(self, by);
}

void append_idempotent(const append_run *run, append_result *result)
{
    loop *self = begin(run, result);
    open_producer(self, NULL, on_stored);
    start_clock(run, result);
    caller *callers = calloc((size_t)run->callers, sizeof *callers);
    for (int i = 0; i < run->callers; i++) {
        callers[i] = (caller){append_now(), i * 7919 % ACCOUNTS};
        produce(self, &callers[i]);
    }
    while (result->under_way > 0)
        rd_kafka_poll(self->producer, 100);
    end(self);
    free(callers);
}

/* ---- by hand ---- */

static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        append_die("delivery", rd_kafka_err2str(message->err));
    ((loop *)opaque)->last_offset = message->offset;
}

/* A broker that was asked twice to store the same record says only that it has it. No one else
 * writes there, so the last record is before the marker, which is the last one. */
static int64_t find_last(loop *self)
{
    int64_t start;
    int64_t end = 0;
    if (self->last_offset >= 0) return self->last_offset;
    while (rd_kafka_query_watermark_offsets(self->producer, self->topic, 0, &start, &end,
                                            WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        usleep(1000);
    return end - 2;
}

/* The lock is held. Whoever is answered sends the next command. */
static void answer(loop *self)
{
    if (!self->is_flying || self->flying.last < 0 || self->flying.last >= self->visible) return;
    for (int i = 0; i < self->flying.count; i++) {
        caller *by = self->flying.callers[i];
        if (!append_answered(self->result, by->begun)) {
            self->result->under_way--;
            continue;
        }
        by->begun = append_now();
        self->waiting[self->count++] = by;
    }
    self->is_flying = false;
    pthread_cond_broadcast(&self->changed);
}

static void see(loop *self, int64_t position)
{
    pthread_mutex_lock(&self->lock);
    self->visible = position;
    answer(self);
    pthread_mutex_unlock(&self->lock);
}

static int64_t take(rd_kafka_message_t **messages, ssize_t count, int64_t position)
{
    for (ssize_t i = 0; i < count; i++) {
        if (messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) position = messages[i]->offset + 1;
        rd_kafka_message_destroy(messages[i]);
    }
    return position;
}

static void *follow(void *context)
{
    loop *self = context;
    char why[256];
    rd_kafka_conf_t *conf = make_conf(self->run);
    set(conf, "group.id", "bench-append");
    set(conf, "enable.auto.commit", "false");
    set(conf, "isolation.level", "read_committed");
    set(conf, "fetch.wait.max.ms", "50");
    rd_kafka_t *reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (reader == NULL) append_die("rd_kafka_new", why);
    int64_t start;
    int64_t position;
    while (rd_kafka_query_watermark_offsets(reader, self->topic, 0, &start, &position, WAIT_MS) !=
           RD_KAFKA_RESP_ERR_NO_ERROR)
        usleep(1000); /* the topic is new */
    rd_kafka_topic_t *topic = rd_kafka_topic_new(reader, self->topic, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(reader);
    int ends[2];
    if (pipe(ends) != 0) append_die("pipe", "none is left");
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    rd_kafka_queue_io_event_enable(queue, ends[1], "x", 1);
    rd_kafka_consume_start_queue(topic, 0, position, queue);
    rd_kafka_message_t **messages = calloc(BATCH_MAX, sizeof *messages);
    pthread_mutex_lock(&self->lock);
    self->follows = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    for (bool goes_on = true; goes_on;) {
        char bytes[64];
        poll(&(struct pollfd){.fd = ends[0], .events = POLLIN}, 1, 50);
        while (read(ends[0], bytes, sizeof bytes) > 0) {
        }
        ssize_t count;
        while ((count = rd_kafka_consume_batch_queue(queue, 0, messages, BATCH_MAX)) > 0) {
            position = take(messages, count, position);
            see(self, position);
        }
        pthread_mutex_lock(&self->lock);
        goes_on = !self->ends;
        pthread_mutex_unlock(&self->lock);
    }
    rd_kafka_consume_stop(topic, 0);
    rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(reader);
    free(messages);
    return NULL;
}

/* All that waits, once what was committed last is visible. @return false: no caller is left */
static bool take_group(loop *self)
{
    pthread_mutex_lock(&self->lock);
    while (self->result->under_way > 0 && (self->is_flying || self->count == 0))
        pthread_cond_wait(&self->changed, &self->lock);
    self->flying.count = self->count < CAP ? self->count : CAP;
    self->flying.last = -1;
    memcpy(self->flying.callers, self->waiting, (size_t)self->flying.count * sizeof(caller *));
    self->count -= self->flying.count;
    memmove(self->waiting, self->waiting + self->flying.count,
            (size_t)self->count * sizeof(caller *));
    self->is_flying = self->flying.count > 0;
    bool is_left = self->is_flying;
    pthread_mutex_unlock(&self->lock);
    return is_left;
}

void append_by_hand(const append_run *run, append_result *result)
{
    char id[80];
    loop *self = begin(run, result);
    snprintf(id, sizeof id, "%s-0", self->topic);
    open_producer(self, id, on_delivered);
    pthread_t follower;
    pthread_create(&follower, NULL, follow, self);
    pthread_mutex_lock(&self->lock);
    while (!self->follows)
        pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
    start_clock(run, result);
    caller *callers = calloc((size_t)run->callers, sizeof *callers);
    for (int i = 0; i < run->callers; i++) {
        callers[i] = (caller){append_now(), i * 7919 % ACCOUNTS};
        self->waiting[self->count++] = &callers[i];
    }
    while (take_group(self)) {
        check("begin", rd_kafka_begin_transaction(self->producer));
        for (int i = 0; i < self->flying.count; i++)
            produce(self, self->flying.callers[i]);
        check("commit", rd_kafka_commit_transaction(self->producer, WAIT_MS));
        int64_t last = find_last(self);
        pthread_mutex_lock(&self->lock);
        self->flying.last = last;
        answer(self); /* it may be visible already */
        pthread_mutex_unlock(&self->lock);
    }
    pthread_mutex_lock(&self->lock);
    self->ends = true;
    pthread_mutex_unlock(&self->lock);
    pthread_join(follower, NULL);
    end(self);
    free(callers);
}
