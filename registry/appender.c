/* SPDX-License-Identifier: MIT
 * Writing to _stele.schemas. */
#include "registry/appender.h"

#include <stdatomic.h>

#include "core/alloc.h"
#include "core/names.h"
#include "kafka/topic_spec.h"
#include "registry/follower.h"
#include "registry/kafka_inside.h"

enum { CALL_MS = 200, PAUSE_MS = 20 }; /* longest call, so longest wait of an interruption */

struct stele_appender {
    stele_log *log;
    int replication;
    bool is_prepared;
    atomic_bool is_interrupted;
    stele_log_producer *producer; /* NULL: none yet, or the last one died */

    bool delivered; /* of the record under way */
    int64_t offset;
    stele_error failure;
};

stele_appender *stele_appender_new(stele_log *log, int replication)
{
    stele_appender *appender = stele_alloc(sizeof *appender);
    appender->log = log;
    appender->replication = replication;
    return appender;
}

void stele_appender_free(stele_appender *appender)
{
    if (appender == NULL) return;
    stele_log_producer_close(appender->producer);
    free(appender);
}

void stele_appender_interrupt(stele_appender *appender)
{
    atomic_store(&appender->is_interrupted, true);
}

/* May a call that timed out be made again? @return its status, or that of the interruption */
static stele_status try_again(stele_appender *appender, stele_status status, stele_deadline until,
                              bool *again, stele_error *err)
{
    *again = false;
    if (atomic_load(&appender->is_interrupted))
        return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP,
                          "the registry is being closed");
    *again = !stele_deadline_passed(until);
    return status;
}

/* ---- the topic ---- */

#define LOST "schemas would be deleted"

static const stele_topic_setting settings[] = {
    {.name = "cleanup.policy", .value = "delete", .danger = LOST},
    {.name = "retention.ms", .value = "-1", .danger = LOST},
    {.name = "retention.bytes", .value = "-1", .danger = LOST},
};

/* A topic just made is not known to every broker at once. */
static stele_status ensure_topic(stele_appender *appender, stele_deadline until,
                                 stele_log_topic *topic, stele_error *err)
{
    stele_topic_spec spec = {.name = STELE_REGISTRY_TOPIC,
                             .partitions = 1,
                             .replication = (int16_t)appender->replication,
                             .settings = settings,
                             .setting_count = sizeof settings / sizeof settings[0]};
    /* To ask all topics of a cluster takes long, so it is done only for one that has to be made. */
    stele_status status = stele_log_topic_describe(
        appender->log, spec.name, stele_deadline_remaining_ms(until, CALL_MS), topic, NULL);
    if (status < 0 && spec.replication == 0 &&
        (status = stele_kafka_replication(appender->log, until, &spec.replication, err)) < 0)
        return status;
    for (;;) {
        bool again;
        status = stele_topic_ensure(appender->log, &spec,
                                    stele_deadline_remaining_ms(until, CALL_MS), topic, err);
        if (status != STELE_E_NOT_FOUND && status != STELE_E_TIMED_OUT) return status;
        status = try_again(appender, status, until, &again, err);
        if (!again) return status;
        if (status == STELE_E_NOT_FOUND) stele_sleep_ms(stele_log_runtime(appender->log), PAUSE_MS);
    }
}

stele_status stele_appender_prepare(stele_appender *appender, stele_deadline until,
                                    stele_error *err)
{
    if (appender->is_prepared) return STELE_OK;
    stele_log_topic topic;
    stele_status status = ensure_topic(appender, until, &topic, err);
    if (status < 0) return status;
    if (topic.partitions != 1) {
        return stele_fail(err, STELE_E_INCOMPATIBLE, STELE_NEXT_STOP,
                          "%s has %d partitions, but ids come from the order of one",
                          STELE_REGISTRY_TOPIC, (int)topic.partitions);
    }
    appender->is_prepared = true;
    return STELE_OK;
}

/* ---- the record ---- */

static void on_delivered(void *context, void *opaque, stele_position position,
                         const stele_error *failure)
{
    (void)opaque;
    stele_appender *appender = context;
    appender->delivered = true;
    appender->offset = position.offset;
    appender->failure = failure == NULL ? (stele_error){0} : *failure;
}

static stele_status open_producer(stele_appender *appender, stele_error *err)
{
    if (appender->producer != NULL) return STELE_OK;
    stele_log_producer_options options = {
        .linger_ms = 1, .delivered = on_delivered, .context = appender};
    return stele_log_producer_open(appender->log, &options, &appender->producer, err);
}

/* A producer whose record has an unknown fate is not asked again. */
static void drop_producer(stele_appender *appender)
{
    stele_log_producer_close(appender->producer);
    appender->producer = NULL;
}

static stele_status flush(stele_appender *appender, stele_deadline until, stele_error *err)
{
    bool again = true;
    stele_status status = STELE_OK;
    while (again) {
        status = stele_log_producer_flush(appender->producer,
                                          stele_deadline_remaining_ms(until, CALL_MS), err);
        if (status != STELE_E_TIMED_OUT) return status;
        status = try_again(appender, status, until, &again, err);
    }
    return status;
}

static stele_status append(stele_appender *appender, const char *key, stele_bytes value,
                           stele_deadline until, stele_error *err)
{
    stele_log_entry entry = {
        .partition = {STELE_REGISTRY_TOPIC, 0}, .key = stele_text(key), .value = value};
    appender->delivered = false;
    stele_status status = stele_log_producer_put(appender->producer, &entry, err);
    if (status < 0) return status;
    if ((status = flush(appender, until, err)) < 0) return status;
    if (!appender->delivered) {
        return stele_fail(err, STELE_E_INTERNAL, STELE_NEXT_STOP,
                          "a record of the registry was flushed without a delivery");
    }
    if (appender->failure.status < 0 && err != NULL) *err = appender->failure;
    return appender->failure.status;
}

stele_status stele_appender_append(stele_appender *appender, const char *key, stele_bytes value,
                                   stele_deadline until, int64_t *offset, stele_error *err)
{
    stele_error failure;
    stele_status status;
    if ((status = open_producer(appender, err)) < 0) return status;
    if ((status = append(appender, key, value, until, &failure)) == STELE_OK) {
        *offset = appender->offset;
        return STELE_OK;
    }
    drop_producer(appender);
    if (failure.next == STELE_NEXT_REJECT || status == STELE_E_INTERRUPTED) {
        return stele_fail_cause(err, status, failure.next, failure.cause, "%s", failure.text);
    }
    /* Whatever became of it, the caller reads the log and decides again. */
    if (status != STELE_E_TIMED_OUT) status = STELE_E_UNAVAILABLE;
    return stele_fail_cause(err, status, STELE_NEXT_RETRY, failure.cause,
                            "%s did not take a record: %s", STELE_REGISTRY_TOPIC, failure.text);
}
