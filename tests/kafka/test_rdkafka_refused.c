/* SPDX-License-Identifier: MIT
 * kafka/rdkafka_member.c and kafka/rdkafka_group.c over librdkafka's mock cluster, which refuses
 * what it is told to: a member that the broker does not let in says why, until it is let in, and a
 * question for the offset of a group goes on while its coordinator is made or moves. And a question
 * that nobody answers ends. */
#include "kafka_test.h"

#include <semaphore.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "kafka/rdkafka_log.h"

enum { OFFSET_FETCH = 9, JOIN_GROUP = 11 };

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

static void an_offset_is_asked_for_again_while_the_coordinator_is_made_or_moves(void **state)
{
    mock *own = *state;
    static const rd_kafka_resp_err_t codes[] = {RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
                                                RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
                                                RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS};
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        int64_t offset = 7;
        rd_kafka_mock_push_request_errors(own->cluster, OFFSET_FETCH, 2, codes[i], codes[i]);
        MUST(stele_log_group_offset(own->log, "g", (stele_partition){"t", 0}, PATIENCE_MS, &offset,
                                    &err));
        assert_int_equal(offset, STELE_OFFSET_NONE);
    }
}

static void a_coordinator_that_is_away_throughout_is_said(void **state)
{
    mock *own = *state;
    int64_t offset = 7;
    for (int i = 0; i < 500; i++)
        rd_kafka_mock_push_request_errors(own->cluster, OFFSET_FETCH, 1,
                                          RD_KAFKA_RESP_ERR_NOT_COORDINATOR);
    MUST_FAIL(stele_log_group_offset(own->log, "g", (stele_partition){"t", 0}, 300, &offset, &err),
              STELE_E_UNAVAILABLE, STELE_NEXT_RETRY);
    assert_int_equal(offset, 7);
    assert_non_null(strstr(err.text, "offset of group g in t/0"));
}

typedef struct stuck {
    sem_t go;
    sem_t gone;
} stuck;

static void wait_to_go(void *self)
{
    stuck *of = self;
    sem_wait(&of->go);
    sem_post(&of->gone);
}

static void a_consumer_that_never_closes_holds_nobody_up(void **state)
{
    (void)state;
    stuck of;
    sem_init(&of.go, 0, 0);
    sem_init(&of.gone, 0, 0);

    stele_rdkafka_release(wait_to_go, &of, 0); /* returns, or the test hangs */

    assert_int_equal(sem_trywait(&of.gone), -1);
    sem_post(&of.go);
    sem_wait(&of.gone);
    sem_destroy(&of.go);
    sem_destroy(&of.gone);
}

/* It was there, so the question is sent, and nobody answers. */
static void a_question_for_bounds_ends_in_time_where_the_broker_has_gone(void **state)
{
    mock *own = *state;
    stele_partition partition = {"t", 0};
    int64_t start;
    int64_t end;
    MUST(stele_log_bounds(own->log, partition, STELE_READ_COMMITTED, PATIENCE_MS, &start, &end,
                          &err));
    assert_int_equal(start, 0);
    assert_int_equal(end, 0);
    rd_kafka_mock_broker_set_down(own->cluster, 1);
    int64_t asked_ms = now_ms();

    stele_error failure = {0};
    assert_true(stele_log_bounds(own->log, partition, STELE_READ_COMMITTED, 500, &start, &end,
                                 &failure) < 0);

    assert_int_equal(failure.next, STELE_NEXT_RETRY);
    assert_true(now_ms() - asked_ms < 5000);
    rd_kafka_mock_broker_set_up(own->cluster, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_consumer_that_never_closes_holds_nobody_up),
        cmocka_unit_test_setup_teardown(a_member_that_is_not_let_in_says_why_until_it_is,
                                        mock_opened, mock_closed),
        cmocka_unit_test_setup_teardown(
            an_offset_is_asked_for_again_while_the_coordinator_is_made_or_moves, mock_opened,
            mock_closed),
        cmocka_unit_test_setup_teardown(a_coordinator_that_is_away_throughout_is_said, mock_opened,
                                        mock_closed),
        cmocka_unit_test_setup_teardown(
            a_question_for_bounds_ends_in_time_where_the_broker_has_gone, mock_opened, mock_closed),
    };
    return cmocka_run_group_tests_name("kafka/rdkafka_refused", tests, NULL, NULL);
}
