/* SPDX-License-Identifier: MIT
 * The producer's queue: records in, deliveries out, and how it ends. Transactions are in
 * rdkafka_transaction.c. */
#include "kafka/rdkafka_producer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/alloc.h"
#include "core/clock.h"
#include "core/message.h"

enum {
    QUEUE_DEFAULT = 64 << 20,
    RECORD_COST = 128, /* bounds the count of queued records: about what librdkafka adds to each */
    DELIVERY_MS = 30000,
    TRANSACTION_MS = 10000,
    LINGER_MS = 5,
    REQUEST_MAX_MS = 300000, /* librdkafka's limit of socket.timeout.ms */
    ABORT_MS = 500,
    GAP_NS = 2000000, /* the markers take about 1.6 ms; too early costs 20 ms */
    PURGE_MS = 1000,  /* deliveries of purged records come at once; not waited for longer */
    RETRY_BACKOFF_MAX_VERSION = 0x02030000, /* librdkafka 2.3: retry.backoff.max.ms */
    INVALID_DIFFERENT_RECORD = -138         /* newer than the header of 2.0.2: not this record */
};

/* ---- deliveries ---- */

/* What the broker refuses for what is in a record: it takes or refuses a batch as a whole, so the
 * one at fault may be any of its batch. */
static bool is_refused(rd_kafka_resp_err_t code)
{
    static const rd_kafka_resp_err_t refusals[] = {
        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,
        RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
        RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
        RD_KAFKA_RESP_ERR_INVALID_RECORD,
        RD_KAFKA_RESP_ERR_INVALID_MSG,
        RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
        RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (refusals[i] == code) return true;
    return false;
}

/* Not sent, or dropped with the producer: nothing is wrong with the record. */
static bool may_be_put_again(rd_kafka_resp_err_t code, stele_status status)
{
    return status == STELE_E_TIMED_OUT || status == STELE_E_UNAVAILABLE ||
           status == STELE_E_INTERRUPTED || code == RD_KAFKA_RESP_ERR__FATAL ||
           code == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE || (int)code == INVALID_DIFFERENT_RECORD;
}

static void fail_delivery(stele_error *failure, const rd_kafka_message_t *message)
{
    stele_status status = stele_rdkafka_status(message->err);
    stele_next next = STELE_NEXT_STOP;
    if (is_refused(message->err))
        next = STELE_NEXT_REJECT;
    else if (rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED &&
             may_be_put_again(message->err, status))
        next = STELE_NEXT_RETRY;
    stele_fail_cause(failure, status, next, (int)message->err,
                     "%s/%d: a record of %zu bytes was not delivered: %s%s",
                     rd_kafka_topic_name(message->rkt), (int)message->partition,
                     message->len + message->key_len, rd_kafka_err2str(message->err),
                     stele_rdkafka_way_out(message->err));
}

/* @locality the owner's thread, within poll, flush, commit, abort and close */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    rdkafka_producer *self = ((rdkafka_client *)opaque)->owner;
    if (self->delivered == NULL) return;

    bool failed = message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
    stele_error failure;
    if (failed) fail_delivery(&failure, message);
    stele_position position = {
        .partition = {rd_kafka_topic_name(message->rkt), message->partition},
        .offset = failed ? STELE_OFFSET_NONE : message->offset,
    };
    self->delivered(self->context, message->_private, position, failed ? &failure : NULL);
}

/* ---- opening ---- */

static int64_t or_default(int64_t value, int64_t usual)
{
    return value == 0 ? usual : value;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void set_queue(rdkafka_settings *settings, size_t queue_max)
{
    int64_t bytes = (int64_t)or_default((int64_t)queue_max, QUEUE_DEFAULT);
    int64_t records = least(bytes / RECORD_COST, 10000000);
    int64_t kilobytes = least(bytes / 1024, 2097151);
    stele_rdkafka_set_number(settings, "queue.buffering.max.messages", records < 1 ? 1 : records);
    stele_rdkafka_set_number(settings, "queue.buffering.max.kbytes", kilobytes < 1 ? 1 : kilobytes);
}

/* A request must end within its transaction: librdkafka refuses more. The caller's own stays where
 * it is shorter. */
static void set_request_timeout(rdkafka_settings *settings, int64_t transaction_ms)
{
    int64_t most_ms = least(transaction_ms > 1000 ? transaction_ms - 100 : 900, REQUEST_MAX_MS);
    if (stele_rdkafka_is_set(settings->log, "socket.timeout.ms") &&
        stele_rdkafka_get_number(settings, "socket.timeout.ms", most_ms) <= most_ms)
        return;
    stele_rdkafka_set_number(settings, "socket.timeout.ms", most_ms);
}

static void set_transactional(rdkafka_settings *settings, const stele_log_producer_options *options)
{
    int64_t timeout_ms = or_default(options->transaction_timeout_ms, TRANSACTION_MS);
    stele_rdkafka_set(settings, "transactional.id", options->transactional_id);
    stele_rdkafka_set_number(settings, "transaction.timeout.ms", timeout_ms);
    set_request_timeout(settings, timeout_ms);
    /* A transaction is several requests in a row, each retried once while the broker settles the
     * one before: with the default of 100 ms there are ten transactions a second. */
    stele_rdkafka_set_default(settings, "retry.backoff.ms", "1");
    if (rd_kafka_version() >= RETRY_BACKOFF_MAX_VERSION)
        stele_rdkafka_set_default(settings, "retry.backoff.max.ms", "20");
}

static void set_compression(rdkafka_settings *settings, const char *compression)
{
    if (compression != NULL)
        stele_rdkafka_set(settings, "compression.type", compression);
    else if (!stele_rdkafka_is_set(settings->log, "compression.codec"))
        stele_rdkafka_set_default(settings, "compression.type", "lz4");
}

/* The broker takes or refuses a batch as a whole. */
static void set_batch(rdkafka_settings *settings, size_t batch_max)
{
    if (batch_max > 0 &&
        (int64_t)batch_max < stele_rdkafka_get_number(settings, "batch.size", INT64_MAX))
        stele_rdkafka_set_number(settings, "batch.size", (int64_t)batch_max);
}

static void set_linger(rdkafka_settings *settings, const stele_log_producer_options *options)
{
    bool is_set = stele_rdkafka_is_set(settings->log, "linger.ms") ||
                  stele_rdkafka_is_set(settings->log, "queue.buffering.max.ms");
    int64_t usual = options->transactional_id == NULL ? LINGER_MS : 0;
    if (options->linger_ms < 0)
        stele_rdkafka_set_number(settings, "linger.ms", 0);
    else if (options->linger_ms != 0 || !is_set)
        stele_rdkafka_set_number(settings, "linger.ms", or_default(options->linger_ms, usual));
}

static void set_delivery(rdkafka_settings *settings, const stele_log_producer_options *options)
{
    int64_t delivery_ms = or_default(options->delivery_timeout_ms, DELIVERY_MS);
    if (options->transactional_id != NULL)
        delivery_ms =
            least(delivery_ms, or_default(options->transaction_timeout_ms, TRANSACTION_MS));
    stele_rdkafka_set_number(settings, "delivery.timeout.ms", delivery_ms);
}

static rdkafka_settings make_settings(const rdkafka_log *log,
                                      const stele_log_producer_options *options)
{
    rdkafka_settings settings = stele_rdkafka_settings_begin(log);
    if (options->transactional_id != NULL) set_transactional(&settings, options);
    stele_rdkafka_set(&settings, "enable.idempotence", "true");
    if (options->gapless) stele_rdkafka_set(&settings, "enable.gapless.guarantee", "true");
    stele_rdkafka_set(&settings, "partitioner", "murmur2_random");
    /* A topic that is not there is an error before a record's own time is up. */
    stele_rdkafka_set_default(&settings, "topic.metadata.propagation.max.ms", "5000");
    set_delivery(&settings, options);
    set_queue(&settings, options->queue_max);
    set_batch(&settings, options->batch_max);
    set_compression(&settings, options->compression);
    set_linger(&settings, options);
    /* Without it, flush and commit look for deliveries every 10 ms only. */
    rd_kafka_conf_set_dr_msg_cb(settings.conf, on_delivery);
    return settings;
}

static stele_status producer_open(stele_log *base, const stele_log_producer_options *options,
                                  stele_log_producer **out, stele_error *err)
{
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    rdkafka_log *log = (rdkafka_log *)base;
    bool is_codec = options->compression == NULL;
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        is_codec = is_codec || strcmp(options->compression, codecs[i]) == 0;
    if (!is_codec)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "compression is none, gzip, snappy, lz4 or zstd, not \"%s\"",
                          options->compression);

    rdkafka_producer *self = stele_alloc(sizeof *self);
    STELE_AUTO(stele_log_producer) guard = &self->base;
    self->base.ops = base->ops->producer;
    self->base.transaction = base->ops->transaction;
    self->delivered = options->delivered;
    self->context = options->context;
    self->no_gap = options->no_gap;
    self->transactional_id = stele_strdup(options->transactional_id);
    rdkafka_settings settings = make_settings(log, options);
    stele_status status =
        stele_rdkafka_client_open(log, RD_KAFKA_PRODUCER, &settings, self, &self->client, err);
    if (status < 0) return status;
    *out = guard;
    guard = NULL;
    return STELE_OK;
}

/* ---- its life ---- */

stele_status stele_rdkafka_producer_check(rdkafka_producer *self, stele_error *err)
{
    if (self->death.status == STELE_OK) {
        char text[200];
        rd_kafka_resp_err_t code = rd_kafka_fatal_error(self->client.rk, text, sizeof text);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STELE_OK;
        stele_rdkafka_fail(&self->death,
                           (rdkafka_verdict){.code = code, .fatal = true, .text = text},
                           self->transactional_id != NULL ? self->transactional_id : "producer");
    }
    if (err != NULL) *err = self->death;
    return self->death.status;
}

static rd_kafka_headers_t *make_headers(const stele_log_entry *entry)
{
    if (entry->header_count == 0) return NULL;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(entry->header_count);
    for (size_t i = 0; i < entry->header_count; i++) {
        const stele_header *header = &entry->headers[i];
        rd_kafka_header_add(headers, header->name, -1, header->value.data,
                            (ssize_t)header->value.size);
    }
    return headers;
}

/* producev with headers that are ours: 2.0.2's produceva frees them twice if the partition is
 * unknown. */
static rd_kafka_resp_err_t produce(rdkafka_producer *self, rd_kafka_topic_t *topic,
                                   const stele_log_entry *entry)
{
    rd_kafka_headers_t *headers = make_headers(entry);
    rd_kafka_resp_err_t code = rd_kafka_producev(
        self->client.rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(entry->partition.index),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(entry->key.data, entry->key.size),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)entry->value.data, entry->value.size),
        RD_KAFKA_V_TIMESTAMP(entry->timestamp_ms), RD_KAFKA_V_OPAQUE(entry->opaque),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && headers != NULL) rd_kafka_headers_destroy(headers);
    return code;
}

/* Not even into an empty queue? (The length of librdkafka's out queue would not tell: it counts
 * errors that no one has taken yet, too.) */
static bool is_larger_than_queue(const rdkafka_producer *self, const stele_log_entry *entry)
{
    char kilobytes[24] = "";
    size_t size = sizeof kilobytes;
    rd_kafka_conf_get(rd_kafka_conf(self->client.rk), "queue.buffering.max.kbytes", kilobytes,
                      &size);
    return entry->key.size + entry->value.size > (size_t)strtoull(kilobytes, NULL, 10) * 1024;
}

static stele_status fail_put(rdkafka_producer *self, const stele_log_entry *entry,
                             rd_kafka_resp_err_t code, stele_error *err)
{
    stele_status status = stele_rdkafka_producer_check(self, err);
    if (status < 0) return status;

    const char *topic = entry->partition.topic;
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && is_larger_than_queue(self, entry))
        return stele_fail_cause(err, STELE_E_LIMIT, STELE_NEXT_REJECT, (int)code,
                                "%s: a record of %zu bytes does not fit into the producer's empty "
                                "queue; raise queue_max",
                                topic, entry->key.size + entry->value.size);
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return stele_fail_cause(err, STELE_E_FULL, STELE_NEXT_RETRY, (int)code,
                                "%s: the producer's queue is full: serve deliveries, then again",
                                topic);
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        char limit[24] = "?";
        size_t size = sizeof limit;
        rd_kafka_conf_get(rd_kafka_conf(self->client.rk), "message.max.bytes", limit, &size);
        return stele_fail_cause(err, STELE_E_LIMIT, STELE_NEXT_REJECT, (int)code,
                                "%s: a record of %zu bytes is larger than message.max.bytes=%s "
                                "allows; raise it in [kafka] and max.message.bytes of the topic",
                                topic, entry->key.size + entry->value.size, limit);
    }
    if (code == RD_KAFKA_RESP_ERR__STATE && self->in_transaction)
        return stele_fail_cause(err, STELE_E_CONFLICT, STELE_NEXT_ABORT, (int)code,
                                "%s: the transaction has failed and can only be aborted",
                                self->transactional_id);
    char what[160];
    stele_message_format(what, sizeof what, "%s/%d", topic, (int)entry->partition.index);
    return stele_rdkafka_fail(err, (rdkafka_verdict){.code = code}, what);
}

/* Before the first record of a transaction: let the markers of the last one be written. */
static void await_markers(rdkafka_producer *self)
{
    self->needs_gap = false;
    int64_t now_ns = stele_clock_monotonic_ns(stele_clock_system());
    int64_t wait_ns = self->committed_ns + GAP_NS - now_ns;
    if (wait_ns > 0 && wait_ns <= GAP_NS) nanosleep(&(struct timespec){.tv_nsec = wait_ns}, NULL);
}

static stele_status put(stele_log_producer *base, const stele_log_entry *entry, stele_error *err)
{
    rdkafka_producer *self = (rdkafka_producer *)base;
    if (self->death.status != STELE_OK) return stele_rdkafka_producer_check(self, err);

    rd_kafka_topic_t *topic = stele_rdkafka_client_topic(&self->client, entry->partition.topic);
    if (topic == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "\"%s\" cannot be a topic",
                          entry->partition.topic);
    if (self->needs_gap) await_markers(self);
    rd_kafka_resp_err_t code = produce(self, topic, entry);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? STELE_OK : fail_put(self, entry, code, err);
}

static stele_status producer_poll(stele_log_producer *base, int timeout_ms, stele_error *err)
{
    rdkafka_producer *self = (rdkafka_producer *)base;
    rd_kafka_poll(self->client.rk, timeout_ms);
    return stele_rdkafka_producer_check(self, err);
}

stele_status stele_rdkafka_producer_flush(rdkafka_producer *self, int timeout_ms, stele_error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(self->client.rk, timeout_ms);
    stele_status status = stele_rdkafka_producer_check(self, err);
    if (status < 0 || code == RD_KAFKA_RESP_ERR_NO_ERROR) return status;
    return stele_fail_cause(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY, (int)code,
                            "%d records are not delivered yet", rd_kafka_outq_len(self->client.rk));
}

static stele_status flush(stele_log_producer *base, int timeout_ms, stele_error *err)
{
    return stele_rdkafka_producer_flush((rdkafka_producer *)base, timeout_ms, err);
}

/* librdkafka, up to 2.15 at least, ends the process by an assertion if the partition of a record is
 * still to be added to the transaction when the handle is destroyed. An abort takes it off the
 * list. */
static void abort_what_is_queued(rdkafka_producer *self)
{
    if (!self->in_transaction || rd_kafka_outq_len(self->client.rk) == 0) return;
    rd_kafka_error_t *error = rd_kafka_abort_transaction(self->client.rk, ABORT_MS);
    if (error != NULL) rd_kafka_error_destroy(error);
}

static void drop_queue(rdkafka_producer *self)
{
    rd_kafka_purge(self->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    stele_deadline deadline = stele_deadline_after(stele_clock_system(), PURGE_MS);
    while (rd_kafka_outq_len(self->client.rk) > 0 && !stele_deadline_passed(deadline))
        rd_kafka_poll(self->client.rk, 10);
}

static void release(rdkafka_producer *self)
{
    stele_rdkafka_client_close(&self->client);
    free(self->transactional_id);
    free(self);
}

static void producer_close(stele_log_producer *base)
{
    rdkafka_producer *self = (rdkafka_producer *)base;
    if (self->client.rk != NULL) {
        abort_what_is_queued(self);
        drop_queue(self);
    }
    release(self);
}

/* The queue is emptied by sending it, as an abort is what is to be avoided. A handle that cannot
 * send is left behind: librdkafka would end the process. */
static void producer_abandon(stele_log_producer *base)
{
    rdkafka_producer *self = (rdkafka_producer *)base;
    if (self->in_transaction && rd_kafka_flush(self->client.rk, ABORT_MS) != 0) {
        self->delivered = NULL;
        return;
    }
    self->in_transaction = false;
    producer_close(base);
}

const stele_producer_ops stele_rdkafka_producer_ops = {
    .open = producer_open,
    .close = producer_close,
    .abandon = producer_abandon,
    .put = put,
    .poll = producer_poll,
    .flush = flush,
};
