/* SPDX-License-Identifier: MIT
 * Topics made to a specification: what differs is found, named, and comes with the command that
 * sets it. */
#include "kafka/topic_spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "kafka/memory_log.h"

static const stele_topic_setting settings[] = {
    {.name = "cleanup.policy", .value = "compact", .danger = "all would be lost"},
    {.name = "min.compaction.lag.ms", .value = "1000", .danger = "some would", .at_least = true},
    {.name = "segment.ms", .value = "60000"},
};
static const stele_topic_spec spec = {
    .name = "t", .partitions = 3, .settings = settings, .setting_count = 3};

static stele_log *new_log(void)
{
    stele_log *log;
    assert_int_equal(stele_log_memory_new(NULL, &log, NULL), STELE_OK);
    return log;
}

static void a_topic_is_made_once_and_then_compared(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    stele_log_topic topic = {0};

    assert_int_equal(stele_topic_ensure(log, &spec, 1000, &topic, NULL), STELE_OK);
    assert_int_equal(topic.partitions, 3);
    assert_int_equal(stele_topic_ensure(log, &spec, 1000, &topic, NULL), STELE_OK);
    assert_int_equal(stele_topic_create(log, &spec, 1000, NULL), STELE_E_EXISTS);
}

static void what_would_do_harm_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *policy, *lag, *segment;
        const char *found; /* in the message; NULL: fine */
    } cases[] = {
        {"compact", "1000", "60000", NULL},
        {"compact", "1001", "1", NULL},
        {"delete", "1000", "60000", "t has cleanup.policy=delete: all would be lost"},
        {"compact", "999", "60000", "t has min.compaction.lag.ms=999: some would"},
        {"compact", "many", "60000", "--add-config min.compaction.lag.ms=1000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        STELE_AUTO(stele_log) log = new_log();
        const stele_topic_setting has[] = {
            {.name = "cleanup.policy", .value = cases[i].policy},
            {.name = "min.compaction.lag.ms", .value = cases[i].lag},
            {.name = "segment.ms", .value = cases[i].segment},
        };
        stele_topic_spec made = {.name = "t", .partitions = 1, .settings = has, .setting_count = 3};
        stele_log_topic topic;
        stele_error err = {0};
        assert_int_equal(stele_topic_create(log, &made, 1000, NULL), STELE_OK);
        stele_status status = stele_topic_ensure(log, &spec, 1000, &topic, &err);
        assert_int_equal(status, cases[i].found == NULL ? STELE_OK : STELE_E_INCOMPATIBLE);
        if (cases[i].found != NULL) assert_non_null(strstr(err.text, cases[i].found));
    }
}

static void one_setting_is_compared(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    const stele_topic_setting other = {.name = "segment.ms", .value = "1"};
    char *found = NULL;
    assert_int_equal(stele_topic_create(log, &spec, 1000, NULL), STELE_OK);

    assert_int_equal(stele_topic_compare(log, "t", &settings[2], 1000, &found, NULL), STELE_OK);
    assert_null(found);
    assert_int_equal(stele_topic_compare(log, "t", &other, 1000, &found, NULL), STELE_OK);
    assert_string_equal(found, "60000");
    free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topic_is_made_once_and_then_compared),
        cmocka_unit_test(what_would_do_harm_is_refused),
        cmocka_unit_test(one_setting_is_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
