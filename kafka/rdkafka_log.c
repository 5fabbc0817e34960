/* SPDX-License-Identifier: MIT
 * The log on Kafka itself: its settings, and what its clients have heard of the brokers. */
#include "kafka/rdkafka_log.h"

#include <string.h>

#include "core/alloc.h"
#include "core/clock.h"
#include "kafka/rdkafka_admin.h"

enum {
    PROBLEM_FRESH_MS = 30000, /* librdkafka repeats a complaint at least that often */
    SILENCE_MS = 1000,        /* after a complaint, no answer for that long: the broker is away */
    SCRAM_MENDED = 0x02060100 /* librdkafka 2.6.1 */
};

static const stele_log_ops ops;

/* ---- what was heard ---- */

static int64_t now_ns(void)
{
    return stele_clock_monotonic_ns(stele_clock_system());
}

static bool is_up(stele_log *base)
{
    rdkafka_log *log = (rdkafka_log *)base;
    int64_t answered = atomic_load(&log->answered_ns);
    if (answered == 0) return false;
    return atomic_load(&log->complained_ns) < answered ||
           now_ns() - answered < (int64_t)SILENCE_MS * 1000000;
}

static stele_status last_problem(stele_log *base, stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    int64_t complained = atomic_load(&log->complained_ns);
    bool is_old = now_ns() - complained > (int64_t)PROBLEM_FRESH_MS * 1000000;
    if (complained == 0 || (is_old && complained < atomic_load(&log->answered_ns))) return STELE_OK;

    pthread_mutex_lock(&log->problem_lock);
    if (err != NULL) *err = log->problem;
    stele_status status = log->problem.status;
    pthread_mutex_unlock(&log->problem_lock);
    return status;
}

/* ---- the log ---- */

static void log_free(stele_log *base)
{
    rdkafka_log *log = (rdkafka_log *)base;
    stele_rdkafka_admin_close(log);
    stele_rdkafka_log_release(log);
}

static stele_status set_defaults(rdkafka_log *log, stele_error *err)
{
    static const char *const defaults[][2] = {
        {"client.id", "stele"},
        {"reconnect.backoff.ms", "50"},
        {"reconnect.backoff.max.ms", "1000"},
        {"socket.timeout.ms", "10000"},
        {"socket.nagle.disable", "true"},
        /* A stale view of the cluster mends itself within half a minute. */
        {"topic.metadata.refresh.interval.ms", "30000"},
    };
    rdkafka_settings own = {.log = log, .conf = log->conf};
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        stele_rdkafka_set_default(&own, defaults[i][0], defaults[i][1]);
    stele_rdkafka_set(&own, "allow.auto.create.topics", "false");
    stele_rdkafka_set(&own, "log_level", log->debug ? "7" : "6");
    stele_rdkafka_fit_poll_interval(&own);
    if (own.failure.status < 0 && err != NULL) *err = own.failure;
    return own.failure.status;
}

static void remember_names(rdkafka_log *log, const stele_log_setting *settings, size_t count)
{
    log->names = stele_alloc_array(count, sizeof *log->names);
    for (size_t i = 0; i < count; i++)
        log->names[log->name_count++] = stele_strdup(settings[i].name);
}

static bool uses_scram(const rd_kafka_conf_t *conf)
{
    char mechanism[64];
    size_t size = sizeof mechanism;
    return rd_kafka_conf_get(conf, "sasl.mechanism", mechanism, &size) == RD_KAFKA_CONF_OK &&
           strncmp(mechanism, "SCRAM", 5) == 0;
}

stele_status stele_log_kafka_new(const stele_log_setting *settings, size_t count, stele_log **out,
                                 stele_error *err)
{
    STELE_AUTO(stele_log) base = stele_alloc(sizeof(rdkafka_log));
    rdkafka_log *log = (rdkafka_log *)base;
    base->ops = &ops;
    base->runtime = stele_runtime_system();
    atomic_init(&log->holders, 1);
    stele_rounds_init(&base->rounds, base->runtime);
    pthread_mutex_init(&log->admin_lock, NULL);
    pthread_mutex_init(&log->problem_lock, NULL);

    log->conf = rd_kafka_conf_new();
    stele_status status = stele_rdkafka_settings_apply(log->conf, settings, count, err);
    if (status < 0) return status;
    remember_names(log, settings, count);
    log->debug = stele_rdkafka_is_set(log, "debug");
    log->old_scram = uses_scram(log->conf) && rd_kafka_version() < SCRAM_MENDED;
    if ((status = set_defaults(log, err)) < 0) return status;

    *out = base;
    base = NULL;
    return STELE_OK;
}

static const stele_log_ops ops = {
    .reader = &stele_rdkafka_reader_ops,
    .member = &stele_rdkafka_member_ops,
    .producer = &stele_rdkafka_producer_ops,
    .transaction = &stele_rdkafka_transaction_ops,
    .group = &stele_rdkafka_group_ops,
    .topic = &stele_rdkafka_topic_ops,
    .free = log_free,
    .is_up = is_up,
    .last_problem = last_problem,
};
