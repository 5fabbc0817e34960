/* SPDX-License-Identifier: MIT
 * What the log port costs: records counted through its reader, and by librdkafka alone with the
 * same settings, in turn; then appends in transactions. Run by bench/log/run. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <librdkafka/rdkafka.h>

#include "core/alloc.h"
#include "core/clock.h"
#include "kafka/log.h"

enum {
    PARTITIONS = 4,
    KEYS = 20000,
    VALUE_SIZE = 150,
    BATCH = 1024,
    QUEUE_MAX = 64 << 20,
    PATIENCE_MS = 30000,
    TRANSACTIONS = 200
};

static stele_error err;

static void must(stele_status status)
{
    if (status >= 0) return;
    fprintf(stderr, "bench-log: %s\n", err.text);
    exit(1);
}

static double seconds(void)
{
    return (double)stele_clock_monotonic_ns(stele_clock_system()) / 1e9;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Records of 150 bytes that compress about as events do: half of it is different each time. */
static void fill(stele_log *log, const char *topic, const char *compression, long count)
{
    stele_log_producer *producer = NULL;
    stele_log_topic_options topic_options = {.name = topic, .partitions = PARTITIONS};
    stele_log_producer_options options = {.compression = compression};
    must(stele_log_topic_create(log, &topic_options, PATIENCE_MS, &err));
    must(stele_log_producer_open(log, &options, &producer, &err));
    must(stele_log_producer_init(producer, topic, PATIENCE_MS, &err));
    char value[VALUE_SIZE + 1];
    memset(value, '.', sizeof value);
    for (long i = 0; i < count; i++) {
        char key[16];
        uint64_t random = (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15);
        snprintf(key, sizeof key, "account-%05ld", i % KEYS);
        for (int at = 0; at < 64; at += 16)
            snprintf(value + at, sizeof value - (size_t)at, "%016" PRIx64, random *= 31);
        stele_log_entry entry = {.partition = {topic, STELE_PARTITION_BY_KEY},
                                 .key = stele_text(key),
                                 .value = stele_bytes_of(value, VALUE_SIZE)};
        stele_status status;
        while ((status = stele_log_producer_put(producer, &entry, &err)) == STELE_E_FULL)
            must(stele_log_producer_poll(producer, 100, &err));
        must(status);
        if (i % BATCH == 0) must(stele_log_producer_poll(producer, 0, &err));
    }
    must(stele_log_producer_flush(producer, 10 * PATIENCE_MS, &err));
    stele_log_producer_close(producer);
}

static long count_by_port(stele_log *log, const char *topic)
{
    stele_log_reader *reader = NULL;
    stele_log_reader_options options = {.queue_max = QUEUE_MAX, .batch_max = BATCH};
    must(stele_log_reader_open(log, &options, &reader, &err));
    for (int32_t i = 0; i < PARTITIONS; i++)
        must(stele_log_reader_start(reader, (stele_partition){topic, i}, 0, &err));
    size_t size = 0;
    long count = 0;
    for (int ends = 0; ends < PARTITIONS;) {
        stele_batch batch = {0};
        must(stele_log_reader_next(reader, PATIENCE_MS, &batch, &err));
        for (size_t i = 0; i < batch.count; i++)
            size += batch.records[i].value.size;
        count += (long)batch.count;
        ends += batch.at_end;
        stele_log_batch_release(&batch);
    }
    stele_log_reader_close(reader);
    return size == (size_t)count * VALUE_SIZE ? count : -1;
}

static rd_kafka_t *open_raw(const char *brokers)
{
    char queue[16];
    char records[16];
    char text[256];
    snprintf(queue, sizeof queue, "%d", QUEUE_MAX / 1024);
    snprintf(records, sizeof records, "%d",
             QUEUE_MAX / (rd_kafka_version() >= 0x02020000 ? 256 : 64));
    const char *const settings[][2] = {
        {"bootstrap.servers", brokers},
        {"enable.partition.eof", "true"},
        {"check.crcs", "true"},
        {"isolation.level", "read_committed"},
        {"enable.auto.offset.store", "false"},
        {"fetch.wait.max.ms", "50"},
        {"queued.max.messages.kbytes", queue},
        {"queued.min.messages", records},
        {"socket.nagle.disable", "true"},
        {"fetch.queue.backoff.ms", "1"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        rd_kafka_conf_set(conf, settings[i][0], settings[i][1], text, sizeof text);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (rk == NULL) {
        fprintf(stderr, "bench-log: %s\n", text);
        exit(1);
    }
    return rk;
}

static long count_raw(const char *brokers, const char *topic)
{
    rd_kafka_t *rk = open_raw(brokers);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    for (int32_t i = 0; i < PARTITIONS; i++)
        rd_kafka_consume_start_queue(handle, i, 0, queue);
    static rd_kafka_message_t *messages[BATCH];
    size_t size = 0;
    long count = 0;
    for (int ends = 0; ends < PARTITIONS;) {
        ssize_t polled = rd_kafka_consume_batch_queue(queue, 100, messages, BATCH);
        for (ssize_t i = 0; i < polled; i++) {
            if (messages[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
                ends++;
            else
                size += messages[i]->len, count++;
            rd_kafka_message_destroy(messages[i]);
        }
    }
    for (int32_t i = 0; i < PARTITIONS; i++)
        rd_kafka_consume_stop(handle, i);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_destroy(handle);
    rd_kafka_destroy(rk);
    return size == (size_t)count * VALUE_SIZE ? count : -1;
}

static int by_size(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return difference < 0 ? -1 : difference > 0;
}

static void transact(stele_log *log, const char *topic, int records)
{
    stele_log_producer *producer = NULL;
    stele_log_producer_options options = {.transactional_id = topic};
    must(stele_log_producer_open(log, &options, &producer, &err));
    must(stele_log_producer_init(producer, topic, PATIENCE_MS, &err));
    uint8_t value[200] = {0};
    stele_log_entry entry = {.partition = {topic, 0}, .value = {value, sizeof value}};
    double took[TRANSACTIONS];
    double started = seconds();
    for (int i = 0; i < TRANSACTIONS; i++) {
        double begun = seconds();
        must(stele_log_producer_begin(producer, &err));
        for (int j = 0; j < records; j++)
            must(stele_log_producer_put(producer, &entry, &err));
        must(stele_log_producer_commit(producer, PATIENCE_MS, &err));
        took[i] = seconds() - begun;
    }
    double rate = (double)records * TRANSACTIONS / (seconds() - started);
    qsort(took, TRANSACTIONS, sizeof *took, by_size);
    printf("transactions of %4d records: %8.0f records/s, p50 %.1f ms, p99 %.1f ms\n", records,
           rate, took[TRANSACTIONS / 2] * 1e3, took[TRANSACTIONS * 99 / 100] * 1e3);
    stele_log_producer_close(producer);
}

static void compare(stele_log *log, const char *brokers, const char *codec, long records,
                    int rounds)
{
    char topic[64];
    double rates[2][64];
    double cpu[2] = {0};
    snprintf(topic, sizeof topic, "bench-log-%s-%" PRId64, codec,
             stele_clock_now_ms(stele_clock_system()));
    fill(log, topic, codec, records);
    for (int run = 0; run < 2 * rounds; run++) {
        int way = run % 2;
        double cpu_before = cpu_seconds();
        double started = seconds();
        long count = way == 0 ? count_raw(brokers, topic) : count_by_port(log, topic);
        rates[way][run / 2] = (double)count / (seconds() - started);
        cpu[way] += cpu_seconds() - cpu_before;
        if (count == records) continue;
        fprintf(stderr, "bench-log: counted %ld of %ld records\n", count, records);
        exit(1);
    }
    for (int way = 0; way < 2; way++)
        qsort(rates[way], (size_t)rounds, sizeof(double), by_size);
    double raw = rates[0][rounds / 2];
    double port = rates[1][rounds / 2];
    printf(
        "%-4s  librdkafka %.2f M/s, %.2f s of CPU   reader %.2f M/s, %.2f s of CPU   ratio %.2f\n",
        codec, raw / 1e6, cpu[0] / rounds, port / 1e6, cpu[1] / rounds, port / raw);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bench-log BROKERS RECORDS ROUNDS\n");
        return 2;
    }
    long records = strtol(argv[2], NULL, 10);
    int rounds = (int)strtol(argv[3], NULL, 10);
    if (records < 1 || rounds < 1 || rounds > 64) return 2;

    stele_log *log = NULL;
    stele_log_setting setting = {.name = "bootstrap.servers", .value = argv[1]};
    must(stele_log_kafka_new(&setting, 1, &log, &err));
    compare(log, argv[1], "none", records, rounds);
    compare(log, argv[1], "lz4", records, rounds);
    char topic[64];
    snprintf(topic, sizeof topic, "bench-log-%" PRId64, stele_clock_now_ms(stele_clock_system()));
    stele_log_topic_options options = {.name = topic, .partitions = 1};
    must(stele_log_topic_create(log, &options, PATIENCE_MS, &err));
    for (int size = 1; size <= 1024; size *= 32)
        transact(log, topic, size);
    stele_log_free(log);
    return 0;
}
