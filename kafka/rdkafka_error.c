/* SPDX-License-Identifier: MIT
 * librdkafka's errors as Stele's. What comes next is read from the flags alone; the code only
 * names the status and the text. */
#include "kafka/rdkafka_log.h"

/* Newer than the header of librdkafka 2.0.2. */
enum { LOG_TRUNCATION = -139 };

static const struct {
    int code;
    stele_status status;
} statuses[] = {
    {RD_KAFKA_RESP_ERR__FENCED, STELE_E_FENCED},
    {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, STELE_E_FENCED},
    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, STELE_E_FENCED},
    {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, STELE_E_FENCED},
    {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, STELE_E_NOT_OWNER},
    {RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, STELE_E_NOT_OWNER},
    {RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, STELE_E_NOT_OWNER},
    {RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST, STELE_E_NOT_OWNER},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, STELE_E_TIMED_OUT},
    {RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, STELE_E_TIMED_OUT},
    {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, STELE_E_TIMED_OUT},
    {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, STELE_E_TIMED_OUT},
    {RD_KAFKA_RESP_ERR__TRANSPORT, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR__RESOLVE, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR__SSL, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR__WAIT_COORD, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR__WAIT_CACHE, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR_NOT_CONTROLLER, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, STELE_E_NOT_FOUND},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, STELE_E_NOT_FOUND},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, STELE_E_NOT_FOUND},
    {RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, STELE_E_EXISTS},
    {RD_KAFKA_RESP_ERR_GROUP_SUBSCRIBED_TO_TOPIC, STELE_E_CONFLICT},
    {RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP, STELE_E_CONFLICT},
    {RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, STELE_E_CONFLICT},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, STELE_E_LIMIT},
    {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, STELE_E_LIMIT},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, STELE_E_LIMIT},
    {RD_KAFKA_RESP_ERR__QUEUE_FULL, STELE_E_FULL},
    {RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED, STELE_E_LIMIT},
    {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, STELE_E_HOLE},
    {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, STELE_E_HOLE},
    {LOG_TRUNCATION, STELE_E_HOLE},
    {RD_KAFKA_RESP_ERR__BAD_MSG, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR__BAD_COMPRESSION, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR_INVALID_MSG, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR__INVALID_ARG, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR_INVALID_REQUEST, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, STELE_E_FORBIDDEN},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, STELE_E_FORBIDDEN},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, STELE_E_FORBIDDEN},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, STELE_E_FORBIDDEN},
    {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, STELE_E_INVALID},
    {RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, STELE_E_UNAVAILABLE},
    {RD_KAFKA_RESP_ERR__PURGE_QUEUE, STELE_E_INTERRUPTED},
    {RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, STELE_E_INTERRUPTED},
};

stele_status stele_rdkafka_status(rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].code == (int)code) return statuses[i].status;
    return STELE_E_INTERNAL;
}

const char *stele_rdkafka_way_out(rd_kafka_resp_err_t code)
{
    static const struct {
        rd_kafka_resp_err_t code;
        const char *text;
    } ways[] = {
        {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "; raise the topic's max.message.bytes"},
        {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, "; raise the topic's max.message.bytes"},
        {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, "; raise the topic's segment.bytes"},
        {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
         "; its time is outside of the topic's message.timestamp.before.max.ms and "
         "message.timestamp.after.max.ms"},
        {RD_KAFKA_RESP_ERR_INVALID_RECORD,
         "; in a compacted topic each record needs a key, and its time must be within the topic's "
         "message.timestamp.*.max.ms"},
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
         "; this user lacks the right: grant READ, WRITE and DESCRIBE on the topic"},
        {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
         "; this user lacks the right: grant READ and DESCRIBE on the group"},
        {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
         "; this user lacks the right: grant WRITE and DESCRIBE on the transactional id"},
        {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT,
         "; lower transaction_timeout_ms of the projection, or raise the broker's "
         "transaction.max.timeout.ms"},
        {RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED,
         "; start fewer workers and threads, or raise the broker's group.max.size"},
        {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
         "; this user lacks the right on the cluster: CREATE to make topics, IDEMPOTENT_WRITE to "
         "write to a broker before Kafka 2.8"},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (ways[i].code == code) return ways[i].text;
    return "";
}

static stele_next next_of(rdkafka_verdict verdict)
{
    if (verdict.fatal) return STELE_NEXT_STOP;
    if (verdict.abortable) return STELE_NEXT_ABORT;
    if (verdict.retriable) return STELE_NEXT_RETRY;
    return STELE_NEXT_STOP;
}

stele_status stele_rdkafka_fail(stele_error *err, rdkafka_verdict verdict, const char *what)
{
    const char *text = verdict.text != NULL ? verdict.text : rd_kafka_err2str(verdict.code);
    return stele_fail_cause(err, stele_rdkafka_status(verdict.code), next_of(verdict),
                            (int)verdict.code, "%s: %s (%s)%s", what, text,
                            rd_kafka_err2name(verdict.code), stele_rdkafka_way_out(verdict.code));
}

stele_status stele_rdkafka_fail_error(stele_error *err, rd_kafka_error_t *error, const char *what)
{
    if (error == NULL) return STELE_OK;

    stele_status status =
        stele_rdkafka_fail(err,
                           (rdkafka_verdict){.code = rd_kafka_error_code(error),
                                             .fatal = rd_kafka_error_is_fatal(error),
                                             .abortable = rd_kafka_error_txn_requires_abort(error),
                                             .retriable = rd_kafka_error_is_retriable(error),
                                             .text = rd_kafka_error_string(error)},
                           what);
    rd_kafka_error_destroy(error);
    return status;
}

stele_status stele_rdkafka_fail_question(stele_error *err, rdkafka_log *log,
                                         rd_kafka_resp_err_t code, const char *text,
                                         const char *what)
{
    stele_status status = stele_rdkafka_status(code);
    if (status != STELE_E_TIMED_OUT && status != STELE_E_UNAVAILABLE)
        return stele_rdkafka_fail(err, (rdkafka_verdict){.code = code, .text = text}, what);

    stele_error problem;
    if (stele_log_is_up(&log->base) || stele_log_last_problem(&log->base, &problem) == STELE_OK)
        return stele_rdkafka_fail(
            err, (rdkafka_verdict){.code = code, .retriable = true, .text = text}, what);
    return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, (int)code, "%s: %s", what,
                            problem.text);
}
