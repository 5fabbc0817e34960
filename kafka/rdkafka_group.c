/* SPDX-License-Identifier: MIT
 * Groups on Kafka, asked and set from outside: their offsets and who is in them. */
#include <stdio.h>
#include <time.h>

#include "core/alloc.h"
#include "core/deadline.h"
#include "core/message.h"
#include "kafka/rdkafka_admin.h"

enum { MOVES_PAUSE_MS = 20 }; /* between two looks at a group whose coordinator moves */

/* ---- offsets of groups ---- */

/* The partitions of the one group that was asked for; NULL: *code is its failure. */
static const rd_kafka_topic_partition_list_t *
read_group_answer(const rd_kafka_group_result_t **groups, size_t count, rd_kafka_resp_err_t *code)
{
    *code = RD_KAFKA_RESP_ERR_UNKNOWN;
    if (count != 1) return NULL;
    const rd_kafka_error_t *error = rd_kafka_group_result_error(groups[0]);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(groups[0]);
    if (error != NULL) *code = rd_kafka_error_code(error);
    if (error != NULL || list == NULL) return NULL;
    *code = RD_KAFKA_RESP_ERR_NO_ERROR;
    return list;
}

/* Said while __consumer_offsets is made, loaded, or moves to another broker. */
static bool coordinator_moves(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
}

static stele_status fail_offset(stele_error *err, rdkafka_log *log, rd_kafka_resp_err_t code,
                                const char *group, stele_partition partition)
{
    char what[200];
    stele_message_format(what, sizeof what, "offset of group %s in %s/%d", group, partition.topic,
                         (int)partition.index);
    return stele_rdkafka_fail_question(err, log, code, NULL, what);
}

/* What the answer says of one of them. */
static void read_offset(rdkafka_log *log, const char *group,
                        const rd_kafka_topic_partition_list_t *list, stele_asked_partition *out)
{
    const rd_kafka_topic_partition_t *found =
        rd_kafka_topic_partition_list_find((rd_kafka_topic_partition_list_t *)(uintptr_t)list,
                                           out->partition.topic, out->partition.index);
    out->error = (stele_error){0};
    rd_kafka_resp_err_t code = found == NULL ? RD_KAFKA_RESP_ERR_UNKNOWN : found->err;
    if (code == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT)
        stele_log_fail_pending(&out->error, group, out->partition);
    else if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail_offset(&out->error, log, code, group, out->partition);
    else
        out->offset = found->offset < 0 ? STELE_OFFSET_NONE : found->offset;
}

/* @param code  what the coordinator says of the group */
static stele_status ask_offsets(rdkafka_log *log, const char *group,
                                stele_asked_partition *partitions, size_t count, int timeout_ms,
                                rd_kafka_resp_err_t *code, stele_error *err)
{
    STELE_AUTO_VALUE(rdkafka_request) ask = {0};
    stele_status status = stele_rdkafka_request_prepare_group(
        log, group, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, &ask, err);
    if (status < 0) return status;
    rd_kafka_error_t *error = rd_kafka_AdminOptions_set_require_stable_offsets(ask.options, 1);
    if (error != NULL) return stele_rdkafka_fail_error(err, error, group);

    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, partitions[i].partition.topic,
                                          partitions[i].partition.index);
    rd_kafka_ListConsumerGroupOffsets_t *question =
        rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_ListConsumerGroupOffsets(ask.rk, &question, 1, ask.options, ask.queue);
    rd_kafka_ListConsumerGroupOffsets_destroy(question);
    status = stele_rdkafka_request_await(log, &ask, timeout_ms, group, err);
    *code = ask.answer != NULL ? rd_kafka_event_error(ask.answer) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (coordinator_moves(*code)) return STELE_OK;
    if (status < 0) return status;

    size_t groups_count;
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(ask.answer), &groups_count);
    const rd_kafka_topic_partition_list_t *answers = read_group_answer(groups, groups_count, code);
    for (size_t i = 0; answers != NULL && i < count; i++)
        read_offset(log, group, answers, &partitions[i]);
    return STELE_OK;
}

static stele_status group_offsets(stele_log *base, const char *group,
                                  stele_asked_partition *partitions, size_t count, int timeout_ms,
                                  stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    stele_deadline deadline = stele_deadline_after(stele_clock_system(), timeout_ms);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    /* As the last answer had it; the deadline may cut the next question off. */
    bool again = false;
    do {
        if (again) nanosleep(&(struct timespec){.tv_nsec = MOVES_PAUSE_MS * 1000000L}, NULL);
        int left_ms = stele_deadline_remaining_ms(deadline, 1 << 30);
        rd_kafka_resp_err_t said = RD_KAFKA_RESP_ERR_NO_ERROR;
        stele_status status = ask_offsets(log, group, partitions, count, left_ms, &said, err);
        if (status < 0 && !again) return status;
        if (status == STELE_OK) code = said;
        again = coordinator_moves(code);
    } while (again && !stele_deadline_passed(deadline));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STELE_OK;
    return fail_offset(err, log, code, group, partitions[0].partition);
}

static stele_status group_offset_set(stele_log *base, const char *group, stele_partition partition,
                                     int64_t offset, int timeout_ms, stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    char what[200];
    stele_message_format(what, sizeof what, "setting the offset of group %s in %s/%d", group,
                         partition.topic, (int)partition.index);
    STELE_AUTO_VALUE(rdkafka_request) ask = {0};
    stele_status status = stele_rdkafka_request_prepare_group(
        log, group, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, &ask, err);
    if (status < 0) return status;

    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, partition.topic, partition.index)->offset = offset;
    rd_kafka_AlterConsumerGroupOffsets_t *order =
        rd_kafka_AlterConsumerGroupOffsets_new(group, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_AlterConsumerGroupOffsets(ask.rk, &order, 1, ask.options, ask.queue);
    rd_kafka_AlterConsumerGroupOffsets_destroy(order);
    if ((status = stele_rdkafka_request_await(log, &ask, timeout_ms, what, err)) < 0) return status;

    size_t count;
    const rd_kafka_group_result_t **groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(ask.answer), &count);
    rd_kafka_resp_err_t code;
    const rd_kafka_topic_partition_list_t *answer = read_group_answer(groups, count, &code);
    if (answer != NULL) code = answer->cnt == 1 ? answer->elems[0].err : RD_KAFKA_RESP_ERR_UNKNOWN;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STELE_OK;
    /* What the broker says to somebody who is no member of a group that has members. */
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID)
        return stele_fail_cause(err, STELE_E_CONFLICT, STELE_NEXT_STOP, (int)code,
                                "%s: the group has members; stop them first", what);
    return stele_rdkafka_fail_question(err, log, code, NULL, what);
}

/* ---- removing one ---- */

static stele_status group_remove(stele_log *base, const char *group, int timeout_ms,
                                 stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    char what[200];
    stele_message_format(what, sizeof what, "removing group %s", group);
    STELE_AUTO_VALUE(rdkafka_request) ask = {0};
    stele_status status =
        stele_rdkafka_request_prepare_group(log, group, RD_KAFKA_ADMIN_OP_DELETEGROUPS, &ask, err);
    if (status < 0) return status;
    rd_kafka_DeleteGroup_t *order = rd_kafka_DeleteGroup_new(group);
    rd_kafka_DeleteGroups(ask.rk, &order, 1, ask.options, ask.queue);
    rd_kafka_DeleteGroup_destroy(order);
    if ((status = stele_rdkafka_request_await(log, &ask, timeout_ms, what, err)) < 0) return status;

    size_t count;
    const rd_kafka_group_result_t **groups =
        rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(ask.answer), &count);
    const rd_kafka_error_t *error = count == 1 ? rd_kafka_group_result_error(groups[0]) : NULL;
    rd_kafka_resp_err_t code = count != 1      ? RD_KAFKA_RESP_ERR_UNKNOWN
                               : error == NULL ? RD_KAFKA_RESP_ERR_NO_ERROR
                                               : rd_kafka_error_code(error);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return STELE_OK;
    if (code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) return stele_log_fail_no_group(err, group);
    if (code == RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP) return stele_log_fail_members(err, group);
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

static stele_status group_describe(stele_log *base, const char *group, int timeout_ms,
                                   void (*each)(void *, const stele_log_group_member *),
                                   void *context, stele_error *err)
{
    rdkafka_log *log = (rdkafka_log *)base;
    char what[200];
    snprintf(what, sizeof what, "members of group %s", group);
    STELE_AUTO_VALUE(rdkafka_request) ask = {0};
    stele_status status = stele_rdkafka_request_prepare_group(
        log, group, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, &ask, err);
    if (status < 0) return status;
    rd_kafka_DescribeConsumerGroups(ask.rk, &group, 1, ask.options, ask.queue);
    if ((status = stele_rdkafka_request_await(log, &ask, timeout_ms, what, err)) < 0) return status;

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

const stele_group_ops stele_rdkafka_group_ops = {
    .offsets = group_offsets,
    .offset_set = group_offset_set,
    .describe = group_describe,
    .remove = group_remove,
};
