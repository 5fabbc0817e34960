/* SPDX-License-Identifier: MIT
 * kafka/rdkafka_member.c over librdkafka's mock cluster, which refuses what it is told to: a member
 * that the broker does not let in says why, until it is let in. */
#include "kafka_test.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

enum { JOIN_GROUP = 11 };

typedef struct mock {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
    stele_log *log;
} mock;

static int mock_opened(void **state)
{
    static mock own;
    char text[200];
    own.rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof text);
    assert_non_null(own.rk);
    own.cluster = rd_kafka_mock_cluster_new(own.rk, 1);
    rd_kafka_mock_topic_create(own.cluster, "t", 2, 1);
    own.log = open_log(rd_kafka_mock_cluster_bootstraps(own.cluster));
    *state = &own;
    return 0;
}

static int mock_closed(void **state)
{
    mock *own = *state;
    stele_log_free(own->log);
    rd_kafka_mock_cluster_destroy(own->cluster);
    rd_kafka_destroy(own->rk);
    return 0;
}

static void count_assigned(void *context, const stele_partition *partitions, size_t count)
{
    (void)partitions;
    *(size_t *)context += count;
}

static void a_member_that_is_not_let_in_says_why_until_it_is(void **state)
{
    mock *own = *state;
    static const struct {
        rd_kafka_resp_err_t code;
        stele_status status;
        const char *says;
    } cases[] = {
        {RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, STELE_E_CONFLICT, "worker.assignment"},
        {RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, STELE_E_INVALID, "session.timeout.ms"},
        {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, STELE_E_FORBIDDEN, "grant READ"},
        {RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED, STELE_E_LIMIT, "group.max.size"},
        {RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, STELE_E_INVALID, "group"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t owned = 0;
        stele_log_member *member = NULL;
        const char *topics[] = {"t", NULL};
        const char *group = fresh_name("group");
        stele_log_member_options options = {
            .group = group, .topics = topics, .events = {count_assigned, NULL, &owned}};
        for (int n = 0; n < 3; n++)
            rd_kafka_mock_push_request_errors(own->cluster, JOIN_GROUP, 1, cases[i].code);
        MUST(stele_log_member_open(own->log, &options, &member, &err));
        err.status = STELE_OK;
        for (int64_t until = now_ms() + PATIENCE_MS;
             stele_log_member_problem(member, &err) == STELE_OK && now_ms() < until;)
            MUST(stele_log_member_poll(member, 50, &err));

        assert_int_equal(err.status, cases[i].status);
        assert_int_equal(err.next, STELE_NEXT_RETRY);
        if (strstr(err.text, cases[i].says) == NULL) fail_msg("%s", err.text);
        assert_non_null(strstr(err.text, group));
        for (int64_t until = now_ms() + PATIENCE_MS; owned == 0 && now_ms() < until;)
            MUST(stele_log_member_poll(member, 50, &err));
        assert_int_equal(owned, 2);
        assert_int_equal(stele_log_member_problem(member, &err), STELE_OK);
        stele_log_member_close(member, 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_member_that_is_not_let_in_says_why_until_it_is,
                                        mock_opened, mock_closed),
    };
    return cmocka_run_group_tests_name("kafka/rdkafka_refused", tests, NULL, NULL);
}
