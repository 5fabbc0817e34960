/* SPDX-License-Identifier: MIT
 * Questions to the cluster and topics: asked over the log's own clients, which any thread may use.
 */
#include "core/message.h"
#include "kafka/rdkafka_log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/alloc.h"
#include "core/deadline.h"

enum {
    MOST_MS = 60000,       /* of one question */
    UNSTABLE_PAUSE_MS = 20 /* between two looks at an offset in an open transaction, or at a topic
                              that was just made */
};

/* What librdkafka takes: 0 means for ever in some of its calls, and more than an hour is refused.
 */
static int bounded(int timeout_ms)
{
    return timeout_ms < 1 ? 1 : timeout_ms > 3600000 ? 3600000 : timeout_ms;
}

/* ---- admin requests: one event answers one request ---- */

typedef struct request {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    rd_kafka_AdminOptions_t *options;
    rd_kafka_event_t *answer;
} request;

static void request_clear(request *self)
{
    if (self->answer != NULL) rd_kafka_event_destroy(self->answer);
    if (self->options != NULL) rd_kafka_AdminOptions_destroy(self->options);
    if (self->queue != NULL) rd_kafka_queue_destroy(self->queue);
}
STELE_VALUE_SCOPE(request, request_clear);

static void prepare_with(rd_kafka_t *rk, rd_kafka_admin_op_t kind, int timeout_ms, request *out)
{
    char text[128];
    out->rk = rk;
    out->queue = rd_kafka_queue_new(rk);
    out->options = rd_kafka_AdminOptions_new(rk, kind);
    rd_kafka_AdminOptions_set_request_timeout(out->options, bounded(timeout_ms), text, sizeof text);
}

static stele_status prepare(rdkafka_log *log, rd_kafka_admin_op_t kind, int timeout_ms,
                            request *out, stele_error *err)
{
    rd_kafka_t *rk;
    stele_status status = stele_rdkafka_admin(log, STELE_READ_COMMITTED, &rk, err);
    if (status == STELE_OK) prepare_with(rk, kind, timeout_ms, out);
    return status;
}

static stele_status await(rdkafka_log *log, request *self, int timeout_ms, const char *what,
                          stele_error *err)
{
    /* librdkafka's own time-out answers with what it was waiting for: let it come first. */
    self->answer = rd_kafka_queue_poll(self->queue, bounded(timeout_ms) + 500);
    if (self->answer == NULL)
        return stele_rdkafka_fail_question(err, log, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, what);
    rd_kafka_resp_err_t code = rd_kafka_event_error(self->answer);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STELE_OK;
    return stele_rdkafka_fail_question(err, log, code, rd_kafka_event_error_string(self->answer),
                                       what);
}

/* ---- topics ---- */

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
        stele_status status = stele_rdkafka_topic_describe(base, name, left_ms, &found, err);
        bool again = status < 0 && err->next == STELE_NEXT_RETRY;
        if (!again || stele_deadline_passed(until)) return status;
        nanosleep(&(struct timespec){.tv_nsec = UNSTABLE_PAUSE_MS * 1000000L}, NULL);
    }
}

stele_status stele_rdkafka_topic_create(stele_log *base, const stele_log_topic_options *options,
                                        int timeout_ms, stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    char what[160];
    stele_message_format(what, sizeof what, "creating topic %s", options->name);
    stele_deadline until = stele_deadline_after(stele_clock_system(), bounded(timeout_ms));
    stele_error own;
    if (err == NULL) err = &own;

    STELE_AUTO_VALUE(request) ask = {0};
    stele_status status = prepare(log, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms, &ask, err);
    if (status < 0) return status;
    /* Until the controller has it on its brokers, so that it can be used at once. */
    char text[128];
    rd_kafka_AdminOptions_set_operation_timeout(ask.options, bounded(timeout_ms), text,
                                                sizeof text);
    rd_kafka_NewTopic_t *topic;
    if ((status = describe_new_topic(options, &topic, err)) < 0) return status;
    rd_kafka_CreateTopics(ask.rk, &topic, 1, ask.options, ask.queue);
    rd_kafka_NewTopic_destroy(topic);
    if ((status = await(log, &ask, timeout_ms, what, err)) < 0) return status;

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

stele_status stele_rdkafka_topic_delete(stele_log *base, const char *name, int timeout_ms,
                                        stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    char what[160];
    stele_message_format(what, sizeof what, "deleting topic %s", name);
    STELE_AUTO_VALUE(request) ask = {0};
    stele_status status = prepare(log, RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout_ms, &ask, err);
    if (status < 0) return status;
    rd_kafka_DeleteTopic_t *order = rd_kafka_DeleteTopic_new(name);
    rd_kafka_DeleteTopics(ask.rk, &order, 1, ask.options, ask.queue);
    rd_kafka_DeleteTopic_destroy(order);
    if ((status = await(log, &ask, timeout_ms, what, err)) < 0) return status;

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

typedef const struct rd_kafka_metadata metadata;

static void metadata_free(metadata *answer)
{
    rd_kafka_metadata_destroy(answer);
}
STELE_SCOPE(metadata, metadata_free);

/* Metadata of one topic, or of all with name NULL. */
static stele_status ask_metadata(rdkafka_log *log, const char *name, int timeout_ms, metadata **out,
                                 const char *what, stele_error *err)
{
    rd_kafka_t *rk;
    stele_status status = stele_rdkafka_admin(log, STELE_READ_COMMITTED, &rk, err);
    if (status < 0) return status;

    rd_kafka_topic_t *topic = name == NULL ? NULL : rd_kafka_topic_new(rk, name, NULL);
    if (name != NULL && topic == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "\"%s\" cannot be a topic", name);
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, name == NULL, topic, out, bounded(timeout_ms));
    if (topic != NULL) rd_kafka_topic_destroy(topic);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STELE_OK;
    return stele_rdkafka_fail_question(err, log, code, NULL, what);
}

stele_status stele_rdkafka_topic_describe(stele_log *base, const char *name, int timeout_ms,
                                          stele_log_topic *out, stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    char what[160];
    stele_message_format(what, sizeof what, "topic %s", name);
    STELE_AUTO(metadata) answer = NULL;
    stele_status status = ask_metadata(log, name, timeout_ms, &answer, what, err);
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

stele_status stele_rdkafka_topics(stele_log *base, const char *prefix, int timeout_ms, char ***out,
                                  stele_error *err)
{
    STELE_AUTO(metadata) answer = NULL;
    stele_status status =
        ask_metadata((rdkafka_log *)base, NULL, timeout_ms, &answer, "list of topics", err);
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

stele_status stele_rdkafka_topic_setting(stele_log *base, const char *name, const char *setting,
                                         int timeout_ms, char **out, stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    char what[160];
    stele_message_format(what, sizeof what, "settings of topic %s", name);
    STELE_AUTO_VALUE(request) ask = {0};
    stele_status status = prepare(log, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms, &ask, err);
    if (status < 0) return status;

    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);
    rd_kafka_DescribeConfigs(ask.rk, &resource, 1, ask.options, ask.queue);
    rd_kafka_ConfigResource_destroy(resource);
    if ((status = await(log, &ask, timeout_ms, what, err)) < 0) return status;

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

static void name_partition(char *what, size_t size, const char *question, stele_partition partition)
{
    stele_message_format(what, size, "%s of %s/%d", question, partition.topic,
                         (int)partition.index);
}

stele_status stele_rdkafka_bounds(stele_log *base, stele_partition partition,
                                  stele_isolation isolation, int timeout_ms, int64_t *start,
                                  int64_t *end, stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    rd_kafka_t *rk;
    stele_status status = stele_rdkafka_admin(log, isolation, &rk, err);
    if (status < 0) return status;

    int64_t low;
    int64_t high;
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        rk, partition.topic, partition.index, &low, &high, bounded(timeout_ms));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        char what[160];
        name_partition(what, sizeof what, "bounds", partition);
        return stele_rdkafka_fail_question(err, log, code, NULL, what);
    }
    *start = low;
    *end = high;
    return STELE_OK;
}

stele_status stele_rdkafka_offset_at(stele_log *base, stele_partition partition, int64_t time_ms,
                                     int timeout_ms, int64_t *out, stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    rd_kafka_t *rk;
    stele_status status = stele_rdkafka_admin(log, STELE_READ_UNCOMMITTED, &rk, err);
    if (status < 0) return status;

    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *asked =
        rd_kafka_topic_partition_list_add(list, partition.topic, partition.index);
    asked->offset = time_ms;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(rk, list, bounded(timeout_ms));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) code = asked->err;
    int64_t offset = asked->offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        char what[160];
        name_partition(what, sizeof what, "offset by time", partition);
        return stele_rdkafka_fail_question(err, log, code, NULL, what);
    }
    *out = offset < 0 ? STELE_OFFSET_NONE : offset;
    return STELE_OK;
}

/* ---- offsets of groups ---- */

/* The one partition of the one group that was asked for. */
static rd_kafka_resp_err_t read_group_answer(const rd_kafka_group_result_t **groups, size_t count,
                                             int64_t *offset)
{
    if (count != 1) return RD_KAFKA_RESP_ERR_UNKNOWN;
    const rd_kafka_error_t *error = rd_kafka_group_result_error(groups[0]);
    if (error != NULL) return rd_kafka_error_code(error);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(groups[0]);
    if (list == NULL || list->cnt != 1) return RD_KAFKA_RESP_ERR_UNKNOWN;
    *offset = list->elems[0].offset;
    return list->elems[0].err;
}

/* Said while __consumer_offsets is made, loaded, or moves to another broker. */
static bool coordinator_moves(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
}

static stele_status ask_group_offset(rdkafka_log *log, const char *group, stele_partition partition,
                                     int timeout_ms, int64_t *offset, rd_kafka_resp_err_t *code,
                                     stele_error *err)
{
    STELE_AUTO_VALUE(request) ask = {0};
    rd_kafka_t *rk;
    stele_status status = stele_rdkafka_group_admin(log, group, &rk, err);
    if (status < 0) return status;
    prepare_with(rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, timeout_ms, &ask);
    rd_kafka_error_t *error = rd_kafka_AdminOptions_set_require_stable_offsets(ask.options, 1);
    if (error != NULL) return stele_rdkafka_fail_error(err, error, group);

    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, partition.topic, partition.index);
    rd_kafka_ListConsumerGroupOffsets_t *question =
        rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_ListConsumerGroupOffsets(ask.rk, &question, 1, ask.options, ask.queue);
    rd_kafka_ListConsumerGroupOffsets_destroy(question);
    status = await(log, &ask, timeout_ms, group, err);
    *code = ask.answer != NULL ? rd_kafka_event_error(ask.answer) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (coordinator_moves(*code)) return STELE_OK;
    if (status < 0) return status;

    size_t count;
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(ask.answer), &count);
    *code = read_group_answer(groups, count, offset);
    return STELE_OK;
}

static bool is_passing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT || coordinator_moves(code);
}

stele_status stele_rdkafka_group_offset(stele_log *base, const char *group,
                                        stele_partition partition, int timeout_ms, int64_t *out,
                                        stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    stele_deadline deadline = stele_deadline_after(stele_clock_system(), timeout_ms);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    int64_t offset = STELE_OFFSET_NONE;
    /* As the last answer had it; the deadline may cut the next question off. */
    bool again = false;
    do {
        if (again) nanosleep(&(struct timespec){.tv_nsec = UNSTABLE_PAUSE_MS * 1000000L}, NULL);
        int left_ms = stele_deadline_remaining_ms(deadline, 1 << 30);
        rd_kafka_resp_err_t said = RD_KAFKA_RESP_ERR_NO_ERROR;
        stele_status status = ask_group_offset(log, group, partition, left_ms, &offset, &said, err);
        if (status < 0 && !again) return status;
        if (status == STELE_OK) code = said;
        again = is_passing(code);
    } while (again && !stele_deadline_passed(deadline));

    if (code == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT)
        return stele_log_fail_pending(err, group, partition);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        char what[200];
        stele_message_format(what, sizeof what, "offset of group %s in %s/%d", group,
                             partition.topic, (int)partition.index);
        return stele_rdkafka_fail_question(err, log, code, NULL, what);
    }
    *out = offset < 0 ? STELE_OFFSET_NONE : offset;
    return STELE_OK;
}

stele_status stele_rdkafka_group_offset_set(stele_log *base, const char *group,
                                            stele_partition partition, int64_t offset,
                                            int timeout_ms, stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    char what[200];
    stele_message_format(what, sizeof what, "setting the offset of group %s in %s/%d", group,
                         partition.topic, (int)partition.index);
    STELE_AUTO_VALUE(request) ask = {0};
    stele_status status =
        prepare(log, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, timeout_ms, &ask, err);
    if (status < 0) return status;

    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, partition.topic, partition.index)->offset = offset;
    rd_kafka_AlterConsumerGroupOffsets_t *order =
        rd_kafka_AlterConsumerGroupOffsets_new(group, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_AlterConsumerGroupOffsets(ask.rk, &order, 1, ask.options, ask.queue);
    rd_kafka_AlterConsumerGroupOffsets_destroy(order);
    if ((status = await(log, &ask, timeout_ms, what, err)) < 0) return status;

    size_t count;
    const rd_kafka_group_result_t **groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(ask.answer), &count);
    rd_kafka_resp_err_t code = read_group_answer(groups, count, &offset);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STELE_OK;
    /* What the broker says to somebody who is no member of a group that has members. */
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID)
        return stele_fail_cause(err, STELE_E_CONFLICT, STELE_NEXT_STOP, (int)code,
                                "%s: the group has members; stop them first", what);
    return stele_rdkafka_fail_question(err, log, code, NULL, what);
}

/* ---- members of groups ---- */

static void tell_member(const rd_kafka_MemberDescription_t *described,
                        void (*each)(void *, const stele_log_group_member *), void *context)
{
    const rd_kafka_MemberAssignment_t *assignment =
        rd_kafka_MemberDescription_assignment(described);
    const rd_kafka_topic_partition_list_t *list =
        assignment == NULL ? NULL : rd_kafka_MemberAssignment_partitions(assignment);
    size_t count = list == NULL ? 0 : (size_t)list->cnt;
    stele_partition *partitions = stele_alloc_array(count + 1, sizeof *partitions);
    for (size_t i = 0; i < count; i++)
        partitions[i] = (stele_partition){list->elems[i].topic, list->elems[i].partition};
    stele_log_group_member member = {.client = rd_kafka_MemberDescription_client_id(described),
                                     .host = rd_kafka_MemberDescription_host(described),
                                     .partitions = partitions,
                                     .partition_count = count};
    each(context, &member);
    free(partitions);
}

stele_status stele_rdkafka_group_describe(stele_log *base, const char *group, int timeout_ms,
                                          void (*each)(void *, const stele_log_group_member *),
                                          void *context, stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    char what[200];
    snprintf(what, sizeof what, "members of group %s", group);
    STELE_AUTO_VALUE(request) ask = {0};
    stele_status status =
        prepare(log, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout_ms, &ask, err);
    if (status < 0) return status;
    rd_kafka_DescribeConsumerGroups(ask.rk, &group, 1, ask.options, ask.queue);
    if ((status = await(log, &ask, timeout_ms, what, err)) < 0) return status;

    size_t count;
    const rd_kafka_ConsumerGroupDescription_t **groups =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(ask.answer), &count);
    const rd_kafka_error_t *error =
        count == 1 ? rd_kafka_ConsumerGroupDescription_error(groups[0]) : NULL;
    rd_kafka_resp_err_t code =
        error == NULL ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(error);
    if (count != 1) code = RD_KAFKA_RESP_ERR_UNKNOWN;
    if (code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) return STELE_OK;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return stele_rdkafka_fail_question(
            err, log, code, error == NULL ? NULL : rd_kafka_error_string(error), what);
    size_t members = rd_kafka_ConsumerGroupDescription_member_count(groups[0]);
    for (size_t i = 0; i < members; i++)
        tell_member(rd_kafka_ConsumerGroupDescription_member(groups[0], i), each, context);
    return STELE_OK;
}
