/* SPDX-License-Identifier: MIT
 * May a registry be begun? Where events or snapshots hold schema ids already, they are those of
 * another registry, lost or elsewhere, and in a new one they would mean something else. */
#include "core/alloc.h"
#include "core/names.h"
#include "registry/kafka_inside.h"
#include "registry/wire.h"

enum { ASK_MS = 5000, LOOK_MS = 100 };

static int time_left_ms(stele_deadline until)
{
    return stele_deadline_remaining_ms(until, ASK_MS);
}

/* Is a topic's name one of those that hold ids? */
static bool may_hold_ids(const char *topic)
{
    stele_bytes aggregate;
    return stele_events_topic_parse(topic, &aggregate) ||
           stele_snapshots_topic_parse(topic, NULL).data != NULL;
}

static bool holds_id(const stele_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        int32_t id;
        stele_bytes payload;
        if (stele_wire_split(batch->records[i].value, &id, &payload)) return true;
    }
    return false;
}

/* The first batch of each partition that is read; other programs may have topics of such a name,
 * with other values. */
static stele_status look_at(stele_log_reader *reader, size_t count, stele_deadline until,
                            bool *holds_ids, stele_error *err)
{
    while (count > 0 && !*holds_ids) {
        STELE_AUTO_VALUE(stele_batch) batch = {0};
        int wait_ms = stele_deadline_remaining_ms(until, LOOK_MS);
        stele_status status = stele_log_reader_next(reader, wait_ms, &batch, err);
        if (status == STELE_E_TIMED_OUT && !stele_deadline_passed(until)) continue;
        if (status == STELE_E_TIMED_OUT)
            return stele_fail(err, status, STELE_NEXT_RETRY,
                              "no time to look whether events hold ids of another registry");
        if (status < 0) return status;
        if (batch.count == 0 && !batch.at_end && batch.status == STELE_OK) continue;
        *holds_ids = holds_id(&batch);
        stele_log_reader_stop(reader, batch.partition);
        count--;
    }
    return STELE_OK;
}

static stele_status look_at_topic(stele_log *log, const char *name, stele_deadline until,
                                  bool *holds_ids, stele_error *err)
{
    stele_log_topic topic;
    stele_status status = stele_log_topic_describe(log, name, time_left_ms(until), &topic, err);
    if (status == STELE_E_NOT_FOUND) return STELE_OK;
    if (status < 0) return status;
    STELE_AUTO(stele_log_reader) reader = NULL;
    size_t count = 0;
    for (int32_t i = 0; i < topic.partitions; i++) {
        stele_partition partition = {name, i};
        int64_t start;
        int64_t end;
        status =
            stele_log_bounds_by(log, partition, STELE_READ_UNCOMMITTED, until, &start, &end, err);
        if (status < 0) return status;
        if (start == end) continue;
        stele_log_reader_options options = {.isolation = STELE_READ_UNCOMMITTED};
        if (reader == NULL && (status = stele_log_reader_open(log, &options, &reader, err)) < 0)
            return status;
        if ((status = stele_log_reader_start(reader, partition, start, err)) < 0) return status;
        count++;
    }
    return look_at(reader, count, until, holds_ids, err);
}

static stele_status fail_other(const char *topic, stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "%s does not exist, and %s holds schema ids of another registry: bring its "
                      "topic back from a backup, or point [registry] url at it; to give up what is "
                      "there: registry create --despite-events",
                      STELE_REGISTRY_TOPIC, topic);
}

/* Someone else may have begun it between the question whether it is there and this look: then the
 * ids are its own. */
static stele_status fail_unless_begun(stele_log *log, const char *topic, stele_deadline until,
                                      stele_error *err)
{
    stele_log_topic found;
    stele_status status =
        stele_log_topic_describe(log, STELE_REGISTRY_TOPIC, time_left_ms(until), &found, err);
    return status == STELE_E_NOT_FOUND ? fail_other(topic, err) : status;
}

stele_status stele_kafka_may_begin(stele_log *log, stele_deadline until, stele_error *err)
{
    char **topics = NULL;
    stele_status status = stele_log_topics(log, "", time_left_ms(until), &topics, err);
    for (char **topic = topics; status == STELE_OK && *topic != NULL; topic++) {
        bool holds_ids = false;
        if (!may_hold_ids(*topic)) continue;
        status = look_at_topic(log, *topic, until, &holds_ids, err);
        if (status == STELE_E_NOT_FOUND) status = STELE_OK; /* it went, with what it held */
        if (holds_ids) {
            status = fail_unless_begun(log, *topic, until, err);
            break;
        }
    }
    free(topics);
    return status;
}

/* ---- replication ---- */

stele_status stele_kafka_replication(stele_log *log, stele_deadline until, int16_t *out,
                                     stele_error *err)
{
    char **topics = NULL;
    *out = 0;
    stele_status status = stele_log_topics(log, "", time_left_ms(until), &topics, err);
    for (char **name = topics; status == STELE_OK && *name != NULL; name++) {
        stele_log_topic topic;
        if (!may_hold_ids(*name)) continue;
        status = stele_log_topic_describe(log, *name, time_left_ms(until), &topic, err);
        if (status == STELE_E_NOT_FOUND)
            status = STELE_OK;
        else if (status == STELE_OK && topic.replication > *out)
            *out = topic.replication;
    }
    free(topics);
    return status;
}
