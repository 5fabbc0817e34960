/* SPDX-License-Identifier: MIT
 * The snapshots topic: made with the events' shape, refused where snapshots would be lost. */
#include "snapshots/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "kafka/memory_log.h"

#define EVENTS    "account.events"
#define SNAPSHOTS "balances.v1.snapshots"

static stele_log *new_log(int32_t partitions)
{
    stele_log *log;
    assert_int_equal(stele_log_memory_new(NULL, &log, NULL), STELE_OK);
    stele_log_topic_options topic = {.name = EVENTS, .partitions = partitions};
    assert_int_equal(stele_log_topic_create(log, &topic, 1000, NULL), STELE_OK);
    return log;
}

static void assert_setting(stele_log *log, const char *name, const char *expected)
{
    char *value;
    assert_int_equal(stele_log_topic_setting(log, SNAPSHOTS, name, 1000, &value, NULL), STELE_OK);
    assert_string_equal(value, expected);
    free(value);
}

static void it_is_made_with_the_events_shape_and_safe_settings(void **state)
{
    (void)state;
    stele_log *log = new_log(5);
    assert_int_equal(stele_snapshots_ensure(log, SNAPSHOTS, EVENTS, 5, 1000, NULL), STELE_OK);

    stele_log_topic topic;
    assert_int_equal(stele_log_topic_describe(log, SNAPSHOTS, 1000, &topic, NULL), STELE_OK);
    assert_int_equal(topic.partitions, 5);
    assert_setting(log, "cleanup.policy", "compact");
    assert_setting(log, "min.compaction.lag.ms", "3600000");
    assert_setting(log, "delete.retention.ms", "3155760000000"); /* a hundred years */
    assert_int_equal(stele_snapshots_ensure(log, SNAPSHOTS, EVENTS, 5, 1000, NULL), STELE_OK);
    stele_log_free(log);
}

static void another_partition_count_is_a_conflict(void **state)
{
    (void)state;
    stele_log *log = new_log(2);
    assert_int_equal(stele_snapshots_ensure(log, SNAPSHOTS, EVENTS, 2, 1000, NULL), STELE_OK);
    stele_error err;
    assert_int_equal(stele_snapshots_ensure(log, SNAPSHOTS, EVENTS, 4, 1000, &err),
                     STELE_E_CONFLICT);
    assert_int_equal(err.next, STELE_NEXT_STOP);
    stele_log_free(log);
}

static void settings_that_lose_snapshots_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *policy;
        const char *lag;
        stele_status status;
    } cases[] = {
        {"compact", "3600000", STELE_OK},
        {"compact", "7200000", STELE_OK},
        {"compact", "3599999", STELE_E_INCOMPATIBLE},
        {"delete", "3600000", STELE_E_INCOMPATIBLE},
        {"compact,delete", "3600000", STELE_E_INCOMPATIBLE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stele_log *log = new_log(1);
        const stele_header settings[] = {{"cleanup.policy", stele_text(cases[i].policy)},
                                         {"min.compaction.lag.ms", stele_text(cases[i].lag)}};
        stele_log_topic_options topic = {
            .name = SNAPSHOTS, .partitions = 1, .settings = settings, .setting_count = 2};
        assert_int_equal(stele_log_topic_create(log, &topic, 1000, NULL), STELE_OK);
        stele_error err = {0};
        assert_int_equal(stele_snapshots_ensure(log, SNAPSHOTS, EVENTS, 1, 1000, &err),
                         cases[i].status);
        assert_int_equal(err.next, STELE_NEXT_STOP);
        stele_log_free(log);
    }
}

static void a_broker_that_is_away_is_asked_again(void **state)
{
    (void)state;
    stele_log *log = new_log(1);
    stele_log_memory_set_up(log, false);
    stele_error err;
    assert_true(stele_snapshots_ensure(log, SNAPSHOTS, EVENTS, 1, 20, &err) < 0);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    stele_log_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_made_with_the_events_shape_and_safe_settings),
        cmocka_unit_test(another_partition_count_is_a_conflict),
        cmocka_unit_test(settings_that_lose_snapshots_are_refused),
        cmocka_unit_test(a_broker_that_is_away_is_asked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
