/* SPDX-License-Identifier: MIT
 * The caller's settings for librdkafka: which are Stele's own, and what was meant by a name that
 * nobody knows. */
#include "kafka/rdkafka_log.h"

#include <stdio.h>
#include <string.h>

#include "core/suggest.h"

static const struct {
    const char *name;
    const char *why;
} owned[] = {
    {"acks", "an acknowledged event is on all in-sync replicas, so it is always all"},
    {"request.required.acks", "an acknowledged event is on all in-sync replicas: always all"},
    {"allow.auto.create.topics", "topics are made with checked settings, never by accident"},
    {"auto.commit.enable", "offsets move in a transaction with the state that they stand for"},
    {"auto.commit.interval.ms", "offsets move with the state that they stand for"},
    {"auto.offset.reset", "an offset that is gone stops the partition, nothing is skipped"},
    {"check.crcs", "checksums are always checked"},
    {"delivery.report.only.error", "every delivery is reported"},
    {"enable.auto.commit", "offsets move in a transaction with the state that they stand for"},
    {"enable.auto.offset.store", "offsets move with the state that they stand for"},
    {"enable.idempotence", "producers are always idempotent"},
    {"enable.partition.eof", "the end of a partition is how a restore knows that it is complete"},
    {"group.id", "it is made of the projection's name and version"},
    {"group.instance.id", "a static member leaves without saying so, its partitions would wait"},
    {"group.protocol", "workers take part with the classic protocol"},
    {"group.remote.assignor", "workers take part with the classic protocol"},
    {"isolation.level", "each reader sets its own"},
    {"log.queue", "the log port hears librdkafka's lines itself"},
    {"offset.store.method", "offsets move with the state that they stand for"},
    {"offset.store.path", "offsets move with the state that they stand for"},
    {"partition.assignment.strategy", "a worker is cooperative, or eager if it is told so"},
    {"partitioner", "it is murmur2_random, Java's default; another one would move keys"},
    {"queue.buffering.max.kbytes", "the producer's queue has a bound of its own"},
    {"queue.buffering.max.messages", "the producer's queue has a bound of its own"},
    {"queued.max.messages.kbytes", "the reader's memory budget sets it"},
    {"queued.min.messages", "the reader's memory budget sets it"},
    {"transaction.timeout.ms", "set transaction_timeout_ms of the worker instead"},
    {"transactional.id", "it is made of the projection's name, version and partition"},
};

const char *stele_log_kafka_owns(const char *name)
{
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        if (strcmp(owned[i].name, name) == 0) return owned[i].why;
    return NULL;
}

static void offer_all(stele_suggestion *suggestion, const char **pairs, size_t count)
{
    for (size_t i = 0; i + 1 < count; i += 2)
        stele_suggestion_offer(suggestion, pairs[i]);
}

/* The setting that was meant, in `near`; empty if none is near. */
static void find_near(const char *name, char *near, size_t size)
{
    /* librdkafka's list has no aliases. */
    static const char *const aliases[] = {"bootstrap.servers", "compression.type",
                                          "delivery.timeout.ms", "linger.ms", "sasl.mechanism"};
    stele_suggestion suggestion = {.word = stele_text(name)};
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        stele_suggestion_offer(&suggestion, aliases[i]);

    size_t count;
    size_t topic_count;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_conf_t *topic_conf = rd_kafka_topic_conf_new();
    const char **pairs = rd_kafka_conf_dump(conf, &count);
    const char **topic_pairs = rd_kafka_topic_conf_dump(topic_conf, &topic_count);
    offer_all(&suggestion, pairs, count);
    offer_all(&suggestion, topic_pairs, topic_count);
    snprintf(near, size, "%s", suggestion.best == NULL ? "" : suggestion.best);
    rd_kafka_conf_dump_free(topic_pairs, topic_count);
    rd_kafka_conf_dump_free(pairs, count);
    rd_kafka_topic_conf_destroy(topic_conf);
    rd_kafka_conf_destroy(conf);
}

static stele_status apply(rd_kafka_conf_t *conf, const stele_log_setting *setting, stele_error *err)
{
    const char *why = stele_log_kafka_owns(setting->name);
    if (why != NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "[kafka] %s is set by Stele: %s; remove the line", setting->name, why);

    char text[200];
    switch (rd_kafka_conf_set(conf, setting->name, setting->value, text, sizeof text)) {
    case RD_KAFKA_CONF_OK:
        return STELE_OK;
    case RD_KAFKA_CONF_INVALID:
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "[kafka] %s: %s", setting->name,
                          text);
    default:
        break;
    }
    char near[64];
    find_near(setting->name, near, sizeof near);
    if (near[0] != '\0')
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "[kafka] librdkafka %s knows no setting \"%s\"; is \"%s\" meant?",
                          rd_kafka_version_str(), setting->name, near);
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "[kafka] librdkafka %s knows no setting \"%s\"; see its CONFIGURATION.md",
                      rd_kafka_version_str(), setting->name);
}

static bool has_brokers(const stele_log_setting *settings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(settings[i].name, "bootstrap.servers") == 0 ||
            strcmp(settings[i].name, "metadata.broker.list") == 0)
            return settings[i].value[0] != '\0';
    return false;
}

stele_status stele_rdkafka_settings_apply(rd_kafka_conf_t *conf, const stele_log_setting *settings,
                                          size_t count, stele_error *err)
{
    stele_status status;
    for (size_t i = 0; i < count; i++)
        if ((status = apply(conf, &settings[i], err)) < 0) return status;
    if (has_brokers(settings, count)) return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "[kafka] bootstrap.servers is missing: name a broker, as localhost:9092");
}
