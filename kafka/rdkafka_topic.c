/* SPDX-License-Identifier: MIT
 * Topics on Kafka: made, deleted, described, and where their partitions begin and end. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/alloc.h"
#include "core/deadline.h"
#include "core/message.h"
#include "kafka/rdkafka_admin.h"

enum {
    MOST_MS = 60000,  /* of one question */
    NEW_PAUSE_MS = 20 /* between two looks at a topic that was just made */
};

/* ---- questions ---- */

typedef const struct rd_kafka_metadata metadata;

static void metadata_free(metadata *answer)
{
    rd_kafka_metadata_destroy(answer);
}
STELE_SCOPE(metadata, metadata_free);

/* Metadata of one topic, or of all with name NULL, as the handle of that isolation gets to know it.
 */
static stele_status ask_metadata(rdkafka_log *log, stele_isolation isolation, const char *name,
                                 int timeout_ms, metadata **out, const char *what, stele_error *err)
{
    rd_kafka_t *rk;
    stele_status status = stele_rdkafka_admin(log, isolation, &rk, err);
    if (status < 0) return status;

    rd_kafka_topic_t *topic = name == NULL ? NULL : rd_kafka_topic_new(rk, name, NULL);
    if (name != NULL && topic == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "\"%s\" cannot be a topic", name);
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(rk, name == NULL, topic, out, stele_rdkafka_bounded(timeout_ms));
    if (topic != NULL) rd_kafka_topic_destroy(topic);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STELE_OK;
    return stele_rdkafka_fail_question(err, log, code, NULL, what);
}

static stele_status topic_describe(stele_log *base, const char *name, int timeout_ms,
                                   stele_log_topic *out, stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    char what[160];
    stele_message_format(what, sizeof what, "topic %s", name);
    STELE_AUTO(metadata) answer = NULL;
    stele_status status =
        ask_metadata(log, STELE_READ_COMMITTED, name, timeout_ms, &answer, what, err);
    if (status < 0) return status;

    const struct rd_kafka_metadata_topic *topic = answer->topics;
    rd_kafka_resp_err_t code =
        answer->topic_cnt == 1 ? topic->err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (stele_rdkafka_status(code) == STELE_E_NOT_FOUND)
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, (int)code,
                                "there is no topic %s", name);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && topic->partition_cnt < 1)
        code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return stele_rdkafka_fail_question(err, log, code, NULL, what);
    *out = (stele_log_topic){
        .partitions = topic->partition_cnt,
        .replication = (int16_t)topic->partitions[0].replica_cnt,
    };
    return STELE_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One block: the pointers, then the texts that they point to. */
static char **copy_names(metadata *answer, const char *prefix)
{
    size_t prefix_size = strlen(prefix);
    size_t count = 0;
    size_t text_size = 0;
    for (int i = 0; i < answer->topic_cnt; i++) {
        if (strncmp(answer->topics[i].topic, prefix, prefix_size) != 0) continue;
        count++;
        text_size += strlen(answer->topics[i].topic) + 1;
    }

    char **names = stele_alloc((count + 1) * sizeof *names + text_size);
    char *text = (char *)(names + count + 1);
    size_t filled = 0;
    for (int i = 0; i < answer->topic_cnt; i++) {
        const char *name = answer->topics[i].topic;
        if (strncmp(name, prefix, prefix_size) != 0) continue;
        size_t size = strlen(name) + 1;
        names[filled++] = memcpy(text, name, size);
        text += size;
    }
    qsort(names, count, sizeof *names, by_name);
    return names;
}

static stele_status topics(stele_log *base, const char *prefix, int timeout_ms, char ***out,
                           stele_error *err)
{
    STELE_AUTO(metadata) answer = NULL;
    stele_status status = ask_metadata((rdkafka_log *)base, STELE_READ_COMMITTED, NULL, timeout_ms,
                                       &answer, "list of topics", err);
    if (status < 0) return status;
    *out = copy_names(answer, prefix == NULL ? "" : prefix);
    return STELE_OK;
}

static const char *find_setting(const rd_kafka_ConfigResource_t *resource, const char *name)
{
    size_t count;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0)
            return rd_kafka_ConfigEntry_value(entries[i]);
    return NULL;
}

static stele_status topic_setting(stele_log *base, const char *name, const char *setting,
                                  int timeout_ms, char **out, stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    char what[160];
    stele_message_format(what, sizeof what, "settings of topic %s", name);
    STELE_AUTO_VALUE(rdkafka_request) ask = {0};
    stele_status status = stele_rdkafka_request_prepare(log, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
                                                        timeout_ms, &ask, err);
    if (status < 0) return status;

    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);
    rd_kafka_DescribeConfigs(ask.rk, &resource, 1, ask.options, ask.queue);
    rd_kafka_ConfigResource_destroy(resource);
    if ((status = stele_rdkafka_request_await(log, &ask, timeout_ms, what, err)) < 0) return status;

    size_t count;
    const rd_kafka_ConfigResource_t **found = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(ask.answer), &count);
    rd_kafka_resp_err_t code =
        count == 1 ? rd_kafka_ConfigResource_error(found[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;
    if (stele_rdkafka_status(code) == STELE_E_NOT_FOUND)
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, (int)code,
                                "there is no topic %s", name);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return stele_rdkafka_fail_question(err, log, code, NULL, what);
    const char *value = find_setting(found[0], setting);
    if (value == NULL)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, "topic %s has no setting \"%s\"",
                          name, setting);
    *out = stele_strdup(value);
    return STELE_OK;
}

/* ---- offsets ---- */

/* Those that are asked about, for people. */
static void name_partitions(char *what, size_t size, const char *question,
                            const stele_asked_partition *partitions, size_t count)
{
    if (count > 1)
        stele_message_format(what, size, "%s of %zu partitions", question, count);
    else
        stele_message_format(what, size, "%s of %s/%d", question, partitions[0].partition.topic,
                             (int)partitions[0].partition.index);
}

/* librdkafka goes by what it was told of a topic within `metadata.max.age.ms`, fifteen minutes,
 * also where that was that there is none (2.0.2): someone else may have made it since. */
static bool is_there_since(rdkafka_log *log, stele_isolation isolation, stele_partition partition,
                           int timeout_ms)
{
    STELE_AUTO(metadata) answer = NULL;
    return ask_metadata(log, isolation, partition.topic, timeout_ms, &answer, "", NULL) ==
               STELE_OK &&
           answer->topic_cnt == 1 && answer->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
           answer->topics[0].partition_cnt > partition.index;
}

/* Each topic is asked for once. @return are all of them there? */
static bool are_there_since(rdkafka_log *log, stele_isolation isolation,
                            const stele_asked_partition *partitions, size_t count, int timeout_ms)
{
    bool all = true;
    for (size_t i = 0; all && i < count; i++) {
        size_t before = 0;
        while (strcmp(partitions[before].partition.topic, partitions[i].partition.topic) != 0)
            before++;
        if (before < i) continue;
        stele_partition last = partitions[i].partition;
        for (size_t n = i + 1; n < count; n++)
            if (partitions[n].partition.index > last.index &&
                strcmp(partitions[n].partition.topic, last.topic) == 0)
                last = partitions[n].partition;
        all = is_there_since(log, isolation, last, timeout_ms);
    }
    return all;
}

static rd_kafka_resp_err_t ask_once(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                                    int64_t time, int timeout_ms)
{
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = time;
    rd_kafka_resp_err_t code =
        rd_kafka_offsets_for_times(rk, list, stele_rdkafka_bounded(timeout_ms));
    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++)
        code = list->elems[i].err;
    return code;
}

/* The offsets of a time, in one request to each leader; RD_KAFKA_OFFSET_BEGINNING and _END are
 * times, too. (librdkafka's question for both of these at once, rd_kafka_query_watermark_offsets,
 * waits for the broker however long it is away, whatever time it is given: 2.0.2.) librdkafka
 * answers for all of them or for none. */
static stele_status ask_offsets(rdkafka_log *log, stele_isolation isolation,
                                stele_asked_partition *partitions, size_t count, int64_t time,
                                int timeout_ms, const char *question, stele_error *err)
{
    rd_kafka_t *rk;
    stele_status status = stele_rdkafka_admin(log, isolation, &rk, err);
    if (status < 0) return status;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, partitions[i].partition.topic,
                                          partitions[i].partition.index);
    rd_kafka_resp_err_t code = ask_once(rk, list, time, timeout_ms);
    if (stele_rdkafka_status(code) == STELE_E_NOT_FOUND &&
        are_there_since(log, isolation, partitions, count, timeout_ms))
        code = ask_once(rk, list, time, timeout_ms);
    for (size_t i = 0; i < count; i++)
        partitions[i].offset = list->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STELE_OK;
    char what[160];
    name_partitions(what, sizeof what, question, partitions, count);
    return stele_rdkafka_fail_question(err, log, code, NULL, what);
}

static stele_status bounds(stele_log *base, stele_isolation isolation,
                           stele_asked_partition *partitions, size_t count, bool with_start,
                           int timeout_ms, stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    stele_deadline until = stele_deadline_after(stele_log_clock(base), timeout_ms);
    if (with_start) {
        stele_status status = ask_offsets(log, isolation, partitions, count,
                                          RD_KAFKA_OFFSET_BEGINNING, timeout_ms, "bounds", err);
        if (status < 0) return status;
        for (size_t i = 0; i < count; i++)
            partitions[i].start = partitions[i].offset;
    }
    return ask_offsets(log, isolation, partitions, count, RD_KAFKA_OFFSET_END,
                       stele_deadline_remaining_ms(until, timeout_ms), "bounds", err);
}

static stele_status offset_at(stele_log *base, stele_partition partition, int64_t time_ms,
                              int timeout_ms, int64_t *out, stele_error *err)
{
    stele_asked_partition asked = {.partition = partition};
    stele_status status = ask_offsets((rdkafka_log *)base, STELE_READ_UNCOMMITTED, &asked, 1,
                                      time_ms, timeout_ms, "offset by time", err);
    if (status == STELE_OK) *out = asked.offset < 0 ? STELE_OFFSET_NONE : asked.offset;
    return status;
}

/* ---- making and deleting ---- */

static stele_status describe_new_topic(const stele_log_topic_options *options,
                                       rd_kafka_NewTopic_t **out, stele_error *err)
{
    char text[160];
    *out = rd_kafka_NewTopic_new(options->name, options->partitions,
                                 options->replication == 0 ? -1 : options->replication, text,
                                 sizeof text);
    if (*out == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "topic %s: %s", options->name,
                          text);

    for (size_t i = 0; i < options->setting_count; i++) {
        const stele_header *setting = &options->settings[i];
        STELE_AUTO(char)
        value = stele_strndup((const char *)setting->value.data, setting->value.size);
        rd_kafka_NewTopic_set_config(*out, setting->name, value);
    }
    return STELE_OK;
}

/* The controller has made it; a broker that is asked next may learn of it a moment later. */
static stele_status await_topic(stele_log *base, const char *name, stele_deadline until,
                                stele_error *err)
{
    for (;;) {
        stele_log_topic found;
        int left_ms = stele_deadline_remaining_ms(until, MOST_MS);
        stele_status status = topic_describe(base, name, left_ms, &found, err);
        bool again = status < 0 && err->next == STELE_NEXT_RETRY;
        if (!again || stele_deadline_passed(until)) return status;
        nanosleep(&(struct timespec){.tv_nsec = NEW_PAUSE_MS * 1000000L}, NULL);
    }
}

static stele_status topic_create(stele_log *base, const stele_log_topic_options *options,
                                 int timeout_ms, stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    char what[160];
    stele_message_format(what, sizeof what, "creating topic %s", options->name);
    stele_deadline until =
        stele_deadline_after(stele_clock_system(), stele_rdkafka_bounded(timeout_ms));
    stele_error own;
    if (err == NULL) err = &own;

    STELE_AUTO_VALUE(rdkafka_request) ask = {0};
    stele_status status =
        stele_rdkafka_request_prepare(log, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms, &ask, err);
    if (status < 0) return status;
    /* Until the controller has it on its brokers, so that it can be used at once. */
    char text[128];
    rd_kafka_AdminOptions_set_operation_timeout(ask.options, stele_rdkafka_bounded(timeout_ms),
                                                text, sizeof text);
    rd_kafka_NewTopic_t *topic;
    if ((status = describe_new_topic(options, &topic, err)) < 0) return status;
    rd_kafka_CreateTopics(ask.rk, &topic, 1, ask.options, ask.queue);
    rd_kafka_NewTopic_destroy(topic);
    if ((status = stele_rdkafka_request_await(log, &ask, timeout_ms, what, err)) < 0) return status;

    size_t count;
    const rd_kafka_topic_result_t **topics =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(ask.answer), &count);
    if (count != 1)
        return stele_fail(err, STELE_E_INTERNAL, STELE_NEXT_STOP, "%s: no answer in the answer",
                          what);
    rd_kafka_resp_err_t code = rd_kafka_topic_result_error(topics[0]);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return await_topic(base, options->name, until, err);
    return stele_rdkafka_fail_question(err, log, code,
                                       rd_kafka_topic_result_error_string(topics[0]), what);
}

static stele_status topic_delete(stele_log *base, const char *name, int timeout_ms,
                                 stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    char what[160];
    stele_message_format(what, sizeof what, "deleting topic %s", name);
    STELE_AUTO_VALUE(rdkafka_request) ask = {0};
    stele_status status =
        stele_rdkafka_request_prepare(log, RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout_ms, &ask, err);
    if (status < 0) return status;
    rd_kafka_DeleteTopic_t *order = rd_kafka_DeleteTopic_new(name);
    rd_kafka_DeleteTopics(ask.rk, &order, 1, ask.options, ask.queue);
    rd_kafka_DeleteTopic_destroy(order);
    if ((status = stele_rdkafka_request_await(log, &ask, timeout_ms, what, err)) < 0) return status;

    size_t count;
    const rd_kafka_topic_result_t **topics =
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(ask.answer), &count);
    rd_kafka_resp_err_t code =
        count == 1 ? rd_kafka_topic_result_error(topics[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;
    if (stele_rdkafka_status(code) == STELE_E_NOT_FOUND)
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, (int)code,
                                "there is no topic %s", name);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STELE_OK;
    return stele_rdkafka_fail_question(
        err, log, code, count == 1 ? rd_kafka_topic_result_error_string(topics[0]) : NULL, what);
}

const stele_topic_ops stele_rdkafka_topic_ops = {
    .create = topic_create,
    .remove = topic_delete,
    .describe = topic_describe,
    .setting = topic_setting,
    .list = topics,
    .bounds = bounds,
    .offset_at = offset_at,
};
