/* SPDX-License-Identifier: MIT
 * kafka/rdkafka_member.c on a real broker: members that close at any moment. */
#include "kafka_test.h"

static int open_real(void **state)
{
    *state = open_log(NULL);
    return 0;
}

static int close_real(void **state)
{
    stele_log_free(*state);
    return 0;
}

static void count_assigned(void *context, const stele_partition *partitions, size_t count)
{
    (void)partitions;
    *(size_t *)context += count;
}

static void count_revoked(void *context, const stele_partition *partitions, size_t count, bool lost)
{
    (void)partitions, (void)lost;
    *(size_t *)context -= count;
}

/* Before its mending, librdkafka's 4381 ended the process here: closed after joining, before the
 * first assignment. */
static void a_member_can_close_at_any_moment_of_joining(void **state)
{
    stele_log *log = *state;
    const char *topic = make_topic(log, 2);
    const char *topics[] = {topic, NULL};
    for (int polls = 0; polls < 16; polls += 2) {
        size_t owned = 0;
        stele_log_member *members[2] = {NULL, NULL};
        for (size_t i = 0; i < COUNT_OF(members); i++) {
            stele_log_member_options options = {.group = topic,
                                                .topics = topics,
                                                .eager = polls % 8 == 6,
                                                .events = {count_assigned, count_revoked, &owned}};
            MUST(stele_log_member_open(log, &options, &members[i], &err));
        }

        for (int i = 0; i < polls; i++)
            MUST(stele_log_member_poll(members[i % 2], 10, &err));
        int64_t started = now_ms();
        for (size_t i = 0; i < COUNT_OF(members); i++)
            stele_log_member_close(members[i], 500);

        assert_int_equal(owned, 0);
        assert_true(now_ms() - started < 2 * (500 + 2500));
    }
}

static void a_member_without_a_partition_closes_at_once(void **state)
{
    stele_log *log = *state;
    const char *topic = make_topic(log, 1);
    const char *topics[] = {topic, NULL};
    size_t owned = 0;
    stele_log_member *members[2] = {NULL, NULL};
    stele_log_member_options options = {
        .group = topic, .topics = topics, .events = {count_assigned, count_revoked, &owned}};
    for (size_t i = 0; i < COUNT_OF(members); i++)
        MUST(stele_log_member_open(log, &options, &members[i], &err));
    int64_t deadline = now_ms() + 6000;
    while (now_ms() < deadline)
        for (size_t i = 0; i < COUNT_OF(members); i++)
            MUST(stele_log_member_poll(members[i], 50, &err));
    assert_int_equal(owned, 1);

    for (size_t i = 0; i < COUNT_OF(members); i++) {
        int64_t started = now_ms();
        stele_log_member_close(members[i], 5000);
        assert_true(now_ms() - started < 3000);
    }

    assert_int_equal(owned, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_can_close_at_any_moment_of_joining),
        cmocka_unit_test(a_member_without_a_partition_closes_at_once),
    };
    return cmocka_run_group_tests(tests, open_real, close_real);
}
