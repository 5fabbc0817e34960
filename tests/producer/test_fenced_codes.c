/* SPDX-License-Identifier: MIT
 * Every error that a broker can answer a transaction with, by librdkafka's mock cluster: what the
 * fenced writer does next. The cluster proves no guarantee of Kafka's; it answers as it is told. */
#include "producer/fenced.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "tests/kafka/kafka_test.h"

/* Kafka's ApiKeys. */
enum {
    PRODUCE = 0,
    INIT = 22,
    ADD_PARTITIONS = 24,
    ADD_OFFSETS = 25,
    END = 26,
    OFFSET_COMMIT = 28,
    OUTCOME_MS = 20000
};

typedef enum next {
    COMMITS, /* as if nothing had been: it was tried again below */
    ABORTS,  /* aborted; the same writer commits the next one */
    DIES     /* a new writer commits the next one */
} next;

typedef struct mock {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
    stele_log *log;
    stele_log_member *member;
} mock;

static void count_assigned(void *context, const stele_partition *partitions, size_t count)
{
    (void)partitions;
    *(size_t *)context += count;
}

static int mock_opened(void **state)
{
    static mock own;
    static size_t owned;
    char text[200];
    const char *topics[] = {"events", NULL};
    own.rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof text);
    assert_non_null(own.rk);
    own.cluster = rd_kafka_mock_cluster_new(own.rk, 1);
    rd_kafka_mock_topic_create(own.cluster, "events", 1, 1);
    rd_kafka_mock_topic_create(own.cluster, "snapshots", 1, 1);
    own.log = open_log(rd_kafka_mock_cluster_bootstraps(own.cluster));
    stele_log_member_options joining = {
        .group = "g", .topics = topics, .events = {count_assigned, NULL, &owned}};
    MUST(stele_log_member_open(own.log, &joining, &own.member, &err));
    while (owned == 0)
        MUST(stele_log_member_poll(own.member, 50, &err));
    *state = &own;
    return 0;
}

static int mock_closed(void **state)
{
    mock *own = *state;
    stele_log_member_close(own->member, 1000);
    stele_log_free(own->log);
    rd_kafka_mock_cluster_destroy(own->cluster);
    rd_kafka_destroy(own->rk);
    return 0;
}

static stele_fenced *opened(mock *own)
{
    stele_fenced *fenced;
    stele_fenced_options options = {.transactional_id = "g-events-0", .topic = "snapshots"};
    MUST(stele_fenced_open(own->log, &options, &fenced, &err));
    return fenced;
}

/* One transaction of a record and an offset. */
static stele_outcome write_one(mock *own, stele_fenced *fenced)
{
    stele_outcome outcome = {.status = STELE_E_FENCED};
    MUST(stele_log_member_poll(own->member, 0, &err));
    stele_transaction *transaction = stele_transaction_new();
    stele_transaction_put(transaction, (stele_partition){"snapshots", 0}, stele_text("k"),
                          stele_text("v"), NULL, 0);
    stele_transaction_offset(transaction, stele_log_member_group(own->member),
                             (stele_partition){"events", 0}, 1);
    if (stele_fenced_submit(fenced, 0, transaction, &err) < 0) {
        stele_transaction_free(transaction);
        return outcome;
    }
    if (!stele_fenced_outcome(fenced, 0, OUTCOME_MS, &outcome)) fail_msg("no outcome");
    stele_transaction_free(outcome.transaction);
    return outcome;
}

/* Until one is committed: after a refused record the broker misses a sequence number, which costs
 * one more abort; a dead writer is replaced. @return the writer that has committed */
static stele_fenced *commit_eventually(mock *own, stele_fenced *fenced)
{
    stele_outcome outcome = {0};
    for (int tries = 0; tries < 4; tries++) {
        if (stele_fenced_poll(fenced, NULL) == STELE_FENCED_DEAD) {
            stele_fenced_close(fenced, 1000);
            fenced = opened(own);
        }
        outcome = write_one(own, fenced);
        if (outcome.status == STELE_OK) return fenced;
    }
    fail_msg("nothing is committed any more: %s", outcome.error.text);
    return fenced;
}

static next next_of(const stele_outcome *outcome)
{
    if (outcome->status == STELE_OK) return COMMITS;
    return outcome->error.next == STELE_NEXT_STOP ? DIES : ABORTS;
}

static void each_answer_has_its_consequence(void **state)
{
    mock *own = *state;
    static const struct {
        int key;
        rd_kafka_resp_err_t code;
        next expected;
    } cases[] = {
        {INIT, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, COMMITS},
        {INIT, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, COMMITS},
        {INIT, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, COMMITS},
        {INIT, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, COMMITS},
        {INIT, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, DIES},
        {INIT, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, DIES},
        {INIT, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, DIES},
        {INIT, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, DIES},
        {INIT, RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, DIES},
        {INIT, RD_KAFKA_RESP_ERR_UNKNOWN, COMMITS},
        {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, COMMITS},
        {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, COMMITS},
        {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, COMMITS},
        {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, COMMITS},
        {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, DIES},
        {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, DIES},
        {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, DIES},
        {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, DIES},
        {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, DIES},
        {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ABORTS},
        {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, COMMITS},
        {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_OPERATION_NOT_ATTEMPTED, ABORTS},
        {ADD_PARTITIONS, RD_KAFKA_RESP_ERR_UNKNOWN, ABORTS},
        {ADD_OFFSETS, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, COMMITS},
        {ADD_OFFSETS, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, COMMITS},
        {ADD_OFFSETS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, COMMITS},
        {ADD_OFFSETS, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, COMMITS},
        {ADD_OFFSETS, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, DIES},
        {ADD_OFFSETS, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, ABORTS},
        {ADD_OFFSETS, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, DIES},
        {ADD_OFFSETS, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, DIES},
        {ADD_OFFSETS, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, DIES},
        {ADD_OFFSETS, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ABORTS},
        {ADD_OFFSETS, RD_KAFKA_RESP_ERR_UNKNOWN, ABORTS},
        {OFFSET_COMMIT, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, COMMITS},
        {OFFSET_COMMIT, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, COMMITS},
        {OFFSET_COMMIT, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, COMMITS},
        {OFFSET_COMMIT, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, ABORTS},
        {OFFSET_COMMIT, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, ABORTS},
        {OFFSET_COMMIT, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, ABORTS},
        {OFFSET_COMMIT, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, DIES},
        {OFFSET_COMMIT, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, ABORTS},
        {OFFSET_COMMIT, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, ABORTS},
        {OFFSET_COMMIT, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ABORTS},
        {OFFSET_COMMIT, RD_KAFKA_RESP_ERR_UNKNOWN, ABORTS},
        {PRODUCE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, COMMITS},
        {PRODUCE, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, COMMITS},
        {PRODUCE, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, COMMITS},
        {PRODUCE, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, COMMITS},
        {PRODUCE, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, COMMITS},
        {PRODUCE, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, COMMITS},
        {PRODUCE, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, COMMITS},
        {PRODUCE, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, DIES},
        {PRODUCE, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, ABORTS},
        {PRODUCE, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, DIES},
        {PRODUCE, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, ABORTS},
        {PRODUCE, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, ABORTS},
        {PRODUCE, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ABORTS},
        {PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ABORTS},
        {PRODUCE, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, ABORTS},
        {PRODUCE, RD_KAFKA_RESP_ERR_INVALID_RECORD, ABORTS},
        {PRODUCE, RD_KAFKA_RESP_ERR_UNKNOWN, ABORTS},
        {END, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, COMMITS},
        {END, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, COMMITS},
        {END, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, COMMITS},
        {END, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, COMMITS},
        {END, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, DIES},
        {END, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, DIES},
        {END, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, DIES},
        {END, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, DIES},
        {END, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, DIES},
        {END, RD_KAFKA_RESP_ERR_UNKNOWN, ABORTS},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_fenced *fenced = NULL;
        if (cases[i].key != INIT) fenced = commit_eventually(own, opened(own));
        rd_kafka_mock_push_request_errors(own->cluster, (int16_t)cases[i].key, 1, cases[i].code);
        if (cases[i].key == INIT) fenced = opened(own);

        stele_outcome outcome = write_one(own, fenced);

        next found = next_of(&outcome);
        rd_kafka_mock_clear_request_errors(own->cluster, (int16_t)cases[i].key);
        if (found != cases[i].expected)
            fail_msg("api %d, %s: %d instead of %d: %s", cases[i].key,
                     rd_kafka_err2name(cases[i].code), (int)found, (int)cases[i].expected,
                     outcome.error.text);
        if (found == DIES) assert_int_equal(stele_fenced_poll(fenced, NULL), STELE_FENCED_DEAD);
        fenced = commit_eventually(own, fenced);
        stele_fenced_close(fenced, 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_answer_has_its_consequence, mock_opened, mock_closed),
    };
    return cmocka_run_group_tests_name("producer/fenced_codes", tests, NULL, NULL);
}
