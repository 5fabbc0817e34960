/* SPDX-License-Identifier: MIT
 * What kafka/log.h promises of topics, and of questions to the cluster. */
#include "log_contract.h"

/* A broker may hear of a new topic a moment after the one that made it. */
static stele_log_topic describe(const char *topic)
{
    stele_log_topic description;
    stele_status status;
    int64_t until = now_ms() + PATIENCE_MS;
    do {
        status = stele_log_topic_describe(the_log, topic, PATIENCE_MS, &description, &err);
    } while (status < 0 && err.next == STELE_NEXT_RETRY && now_ms() < until);
    if (status < 0) fail_msg("%s", err.text);
    return description;
}

void a_created_topic_is_described(void)
{
    stele_log_topic description = describe(make_topic(the_log, 3));
    assert_int_equal(description.partitions, 3);
    assert_int_equal(description.replication, 1);
}

void a_deleted_topic_is_gone(void)
{
    const char *topic = make_topic(the_log, 1);

    MUST(stele_log_topic_delete(the_log, topic, PATIENCE_MS, &err));

    assert_int_equal(stele_log_topic_delete(the_log, topic, PATIENCE_MS, &err), STELE_E_NOT_FOUND);
}

void a_topic_is_created_once(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_topic_options options = {.name = topic, .partitions = 2};
    assert_int_equal(stele_log_topic_create(the_log, &options, PATIENCE_MS, &err), STELE_E_EXISTS);

    assert_int_equal(describe(topic).partitions, 1);
}

void what_cannot_be_a_topic_is_refused(void)
{
    const char *name = fresh_name("topic");
    const stele_header unknown = {"cleanup.polizy", stele_text("compact")};
    const stele_log_topic_options options[] = {
        {.name = "with space", .partitions = 1},
        {.name = "..", .partitions = 1},
        {.name = name, .partitions = 0},
        {.name = name, .partitions = 1, .settings = &unknown, .setting_count = 1},
    };
    for (size_t i = 0; i < COUNT_OF(options); i++)
        MUST_FAIL(stele_log_topic_create(the_log, &options[i], PATIENCE_MS, &err), STELE_E_INVALID,
                  STELE_NEXT_STOP);
}

void an_unknown_topic_is_not_found(void)
{
    const char *name = fresh_name("unknown");
    stele_partition unknown = {name, 0};
    stele_partition beyond = {make_topic(the_log, 1), 1};
    stele_log_topic description;
    int64_t start;
    int64_t end;
    char *value;

    MUST_FAIL(stele_log_topic_describe(the_log, name, PATIENCE_MS, &description, &err),
              STELE_E_NOT_FOUND, STELE_NEXT_RETRY);
    assert_int_equal(
        stele_log_topic_setting(the_log, name, "retention.ms", PATIENCE_MS, &value, &err),
        STELE_E_NOT_FOUND);
    assert_int_equal(
        stele_log_bounds(the_log, unknown, STELE_READ_COMMITTED, 2000, &start, &end, &err),
        STELE_E_NOT_FOUND);
    assert_int_equal(
        stele_log_bounds(the_log, beyond, STELE_READ_COMMITTED, 2000, &start, &end, &err),
        STELE_E_NOT_FOUND);
}

static void expect_setting(const char *topic, const char *setting, const char *expected)
{
    char *value;
    MUST(stele_log_topic_setting(the_log, topic, setting, PATIENCE_MS, &value, &err));
    assert_string_equal(value, expected);
    free(value);
}

void settings_are_given_back_with_defaults(void)
{
    const char *topic = fresh_name("topic");
    const stele_header settings[] = {{"cleanup.policy", stele_text("compact")},
                                     {"min.compaction.lag.ms", stele_text("3600000")}};
    stele_log_topic_options options = {.name = topic,
                                       .partitions = 1,
                                       .replication = 1,
                                       .settings = settings,
                                       .setting_count = COUNT_OF(settings)};
    MUST(stele_log_topic_create(the_log, &options, PATIENCE_MS, &err));

    expect_setting(topic, "cleanup.policy", "compact");
    expect_setting(topic, "min.compaction.lag.ms", "3600000");
    expect_setting(topic, "retention.ms", "604800000");
    expect_setting(topic, "max.message.bytes", "1048588");
    expect_setting(topic, "message.timestamp.type", "CreateTime");
    char *value;
    assert_int_equal(
        stele_log_topic_setting(the_log, topic, "retention.mz", PATIENCE_MS, &value, &err),
        STELE_E_NOT_FOUND);
}

void topics_are_listed_by_prefix(void)
{
    char prefix[80];
    char names[2][96];
    snprintf(prefix, sizeof prefix, "%s.", fresh_name("list"));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(names[i], sizeof names[i], "%s%c", prefix, (char)('b' - i));
        stele_log_topic_options options = {.name = names[i], .partitions = 1};
        MUST(stele_log_topic_create(the_log, &options, PATIENCE_MS, &err));
    }

    char **found;
    MUST(stele_log_topics(the_log, prefix, PATIENCE_MS, &found, &err));
    assert_string_equal(found[0], names[1]);
    assert_string_equal(found[1], names[0]);
    assert_null(found[2]);
    free(found);
    MUST(stele_log_topics(the_log, fresh_name("none"), PATIENCE_MS, &found, &err));
    assert_null(found[0]);
    free(found);
}

void bounds_are_the_start_and_the_end(void)
{
    const char *topic = make_topic(the_log, 1);
    expect_bounds(topic, STELE_READ_COMMITTED, 0, 0);
    expect_bounds(topic, STELE_READ_UNCOMMITTED, 0, 0);
    stele_log_producer *producer = open_plain(topic);
    for (size_t i = 0; i < 3; i++)
        put_text(producer, topic, "value");
    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));
    stele_log_producer_close(producer);

    expect_bounds(topic, STELE_READ_COMMITTED, 0, 3);
    subject->delete_records(the_log, (stele_partition){topic, 0}, 2);
    expect_bounds(topic, STELE_READ_UNCOMMITTED, 2, 3);
}

void an_offset_is_found_by_time(void)
{
    const char *topic = make_topic(the_log, 1);
    stele_log_producer *producer = open_plain(topic);
    for (int64_t i = 1; i <= 3; i++) {
        stele_log_entry entry = {.partition = {topic, 0},
                                 .value = stele_text("value"),
                                 .timestamp_ms = 1000000000000 + i * 1000};
        MUST(stele_log_producer_put(producer, &entry, &err));
        MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));
    }
    stele_log_producer_close(producer);

    static const struct {
        int64_t time_ms;
        int64_t offset;
    } cases[] = {{0, 0},
                 {1000000001000, 0},
                 {1000000001001, 1},
                 {1000000003000, 2},
                 {1000000003001, STELE_OFFSET_NONE}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t offset = -5;
        MUST(stele_log_offset_at(the_log, (stele_partition){topic, 0}, cases[i].time_ms,
                                 PATIENCE_MS, &offset, &err));
        assert_int_equal(offset, cases[i].offset);
    }
}

void a_log_that_answered_is_up(void)
{
    make_topic(the_log, 1);
    assert_true(stele_log_is_up(the_log));
}
