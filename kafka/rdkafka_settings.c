/* SPDX-License-Identifier: MIT
 * The caller's settings for librdkafka: which of them are taken, and what was meant by a name that
 * no one knows. */
#include "core/message.h"
#include "kafka/rdkafka_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/config_keys.h"
#include "core/suggest.h"
#include "core/text.h"
#include "kafka/brokers.h"

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

static stele_status fail_setting(const stele_log_setting *setting, const char *what,
                                 const char *way_out, stele_error *err)
{
    const char *origin = setting->origin;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s%s[kafka] %s: %s%s",
                      origin == NULL ? "" : origin, origin == NULL ? "" : ": ", setting->name, what,
                      way_out);
}

static stele_status fail_unknown(const stele_log_setting *setting, stele_error *err)
{
    char near[64];
    char what[80];
    char way_out[96] = "; see its CONFIGURATION.md";
    find_near(setting->name, near, sizeof near);
    stele_message_format(what, sizeof what, "librdkafka %s has no such key",
                         rd_kafka_version_str());
    if (near[0] != '\0') snprintf(way_out, sizeof way_out, "; did you mean %s?", near);
    return fail_setting(setting, what, way_out, err);
}

static stele_status apply(rd_kafka_conf_t *conf, const stele_log_setting *setting, stele_error *err)
{
    const char *owned = stele_config_owned_reason(setting->name);
    if (owned != NULL) return fail_setting(setting, "Stele sets it itself: ", owned, err);

    char text[200];
    switch (rd_kafka_conf_set(conf, setting->name, setting->value, text, sizeof text)) {
    case RD_KAFKA_CONF_OK:
        return STELE_OK;
    case RD_KAFKA_CONF_INVALID:
        return fail_setting(setting, text, "", err);
    default:
        return fail_unknown(setting, err);
    }
}

static const stele_log_setting *find_brokers(const stele_log_setting *settings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(settings[i].name, "bootstrap.servers") == 0) return &settings[i];
    return NULL;
}

/* Once all others are known: a list may repeat the protocol. */
static stele_status check_brokers(rd_kafka_conf_t *conf, const stele_log_setting *brokers,
                                  stele_error *err)
{
    char protocol[32] = "plaintext";
    char text[160];
    size_t size = sizeof protocol;
    stele_error failure;
    STELE_AUTO_VALUE(stele_buffer) list = {0};
    rd_kafka_conf_get(conf, "security.protocol", protocol, &size);
    if (stele_brokers_parse(brokers->value, protocol, &list, &failure) < 0)
        return fail_setting(brokers, failure.text, "", err);
    rd_kafka_conf_set(conf, brokers->name, stele_buffer_text(&list), text, sizeof text);
    return STELE_OK;
}

stele_status stele_rdkafka_settings_apply(rd_kafka_conf_t *conf, const stele_log_setting *settings,
                                          size_t count, stele_error *err)
{
    stele_status status;
    for (size_t i = 0; i < count; i++)
        if ((status = apply(conf, &settings[i], err)) < 0) return status;
    const stele_log_setting *brokers = find_brokers(settings, count);
    if (brokers != NULL && brokers->value[0] != '\0') return check_brokers(conf, brokers, err);
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "[kafka] bootstrap.servers is missing: name a broker, as localhost:9092");
}

/* ---- settings of a client ---- */

rdkafka_settings stele_rdkafka_settings_begin(const rdkafka_log *log)
{
    return (rdkafka_settings){.log = log, .conf = rd_kafka_conf_dup(log->conf)};
}

void stele_rdkafka_set(rdkafka_settings *settings, const char *name, const char *value)
{
    char text[160];
    if (rd_kafka_conf_set(settings->conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK ||
        settings->failure.status < 0)
        return;
    stele_fail(&settings->failure, STELE_E_INVALID, STELE_NEXT_STOP,
               "librdkafka %s does not take %s=%s: %s", rd_kafka_version_str(), name, value, text);
}

void stele_rdkafka_set_number(rdkafka_settings *settings, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    stele_rdkafka_set(settings, name, text);
}

int64_t stele_rdkafka_get_number(const rdkafka_settings *settings, const char *name,
                                 int64_t otherwise)
{
    char text[24];
    size_t size = sizeof text;
    int64_t value;
    if (rd_kafka_conf_get(settings->conf, name, text, &size) != RD_KAFKA_CONF_OK) return otherwise;
    return stele_parse_int64(stele_text(text), INT64_MIN, INT64_MAX, &value, NULL) < 0 ? otherwise
                                                                                       : value;
}

bool stele_rdkafka_is_set(const rdkafka_log *log, const char *name)
{
    for (size_t i = 0; i < log->name_count; i++)
        if (strcmp(log->names[i], name) == 0) return true;
    return false;
}

void stele_rdkafka_set_default(rdkafka_settings *settings, const char *name, const char *value)
{
    char text[240];
    if (!stele_rdkafka_is_set(settings->log, name))
        rd_kafka_conf_set(settings->conf, name, value, text, sizeof text);
}

void stele_rdkafka_fit_poll_interval(rdkafka_settings *settings)
{
    int64_t session_ms = stele_rdkafka_get_number(settings, "session.timeout.ms", 0);
    int64_t poll_ms = stele_rdkafka_get_number(settings, "max.poll.interval.ms", session_ms);
    if (session_ms > poll_ms && !stele_rdkafka_is_set(settings->log, "max.poll.interval.ms"))
        stele_rdkafka_set_number(settings, "max.poll.interval.ms", session_ms);
}
