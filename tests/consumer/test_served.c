/* SPDX-License-Identifier: MIT
 * Which version is served: the record's value, and what is read of the log in memory. */
#include "consumer/served.h"

#include "consumer/status.h"
#include "core/alloc.h"
#include "core/names.h"
#include "kafka/memory_log.h"
#include "tests/support/test.h"

enum { WAIT_MS = 20000 };
#define NOW_MS INT64_C(1700000000000)

typedef struct desk {
    stele_manual_clock time;
    stele_log *log;
} desk;

static desk *new_desk(void)
{
    desk *made = stele_alloc(sizeof *made);
    stele_manual_clock_set(&made->time, NOW_MS);
    stele_log_memory_options log = {.runtime = stele_runtime_manual(&made->time)};
    assert_int_equal(stele_log_memory_new(&log, &made->log, NULL), STELE_OK);
    return made;
}

static void end_desk(desk *of)
{
    stele_log_free(of->log);
    free(of);
}

static stele_deadline soon(void)
{
    return stele_deadline_after(stele_clock_system(), WAIT_MS);
}

static void make_topic(desk *of, const char *name)
{
    const stele_header settings[] = {{"cleanup.policy", stele_text("delete")},
                                     {"retention.ms", stele_text("-1")},
                                     {"retention.bytes", stele_text("-1")}};
    const stele_log_topic_options options = {
        .name = name, .partitions = 1, .settings = settings, .setting_count = 3};
    assert_int_equal(stele_log_topic_create(of->log, &options, WAIT_MS, NULL), STELE_OK);
}

static void put(desk *of, const char *value)
{
    STELE_AUTO(stele_log_producer) producer = NULL;
    const stele_log_producer_options options = {0};
    const stele_log_entry entry = {.partition = {"customers.control", 0},
                                   .key = stele_text(STELE_SERVED_KEY),
                                   .value = value == NULL ? (stele_bytes){0} : stele_text(value)};
    assert_int_equal(stele_log_producer_open(of->log, &options, &producer, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_put(producer, &entry, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_flush(producer, WAIT_MS, NULL), STELE_OK);
}

static void a_value_is_a_version_and_a_time_and_nothing_else_is(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "2",
        "[]",
        "{}",
        "{\"version\":2}",
        "{\"version\":0,\"after\":-1,\"since\":\"2026-01-31T12:00:00Z\"}",
        "{\"version\":-1,\"after\":-1,\"since\":\"2026-01-31T12:00:00Z\"}",
        "{\"version\":2147483648,\"after\":-1,\"since\":\"2026-01-31T12:00:00Z\"}",
        "{\"version\":\"2\",\"after\":-1,\"since\":\"2026-01-31T12:00:00Z\"}",
        "{\"version\":2,\"after\":-1,\"since\":\"yesterday\"}",
        "{\"version\":2,\"after\":-1,\"since\":7}",
        "{\"version\":2,\"since\":\"2026-01-31T12:00:00Z\"}",
        "{\"version\":2,\"after\":-2,\"since\":\"2026-01-31T12:00:00Z\"}",
        "{\"version\":2,\"after\":\"0\",\"since\":\"2026-01-31T12:00:00Z\"}",
        "{\"version\":2,\"version\":3,\"after\":-1,\"since\":\"2026-01-31T12:00:00Z\"}"};
    stele_served served = {0};
    int64_t after = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(stele_served_parse(stele_text(wrong[i]), &served, &after, NULL),
                         STELE_E_INVALID);
    assert_int_equal(served.version, 0);

    assert_int_equal(after, 7);

    assert_int_equal(
        stele_served_parse(
            stele_text("{\"version\":2,\"after\":3,\"since\":\"2023-11-14T22:13:20.000Z\"}"),
            &served, &after, NULL),
        STELE_OK);

    assert_int_equal(after, 3);
    assert_int_equal(served.version, 2);
    assert_int_equal(served.since_ms, NOW_MS);
    assert_true(served.is_chosen);
}

static void a_value_that_is_too_long_is_not_read(void **state)
{
    (void)state;
    char value[STELE_SERVED_VALUE_MAX + 100];
    snprintf(value, sizeof value,
             "{\"version\":2,\"after\":-1,\"since\":\"2026-01-31T12:00:00Z\"%*s}",
             STELE_SERVED_VALUE_MAX, "");
    stele_served served;
    int64_t after;

    assert_int_equal(stele_served_parse(stele_text(value), &served, &after, NULL), STELE_E_INVALID);
}

static void without_a_topic_no_one_has_chosen(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_served served = {.version = 7};

    assert_int_equal(stele_served_read(of->log, "customers", soon(), &served, NULL), STELE_OK);

    assert_int_equal(served.version, 0);
    assert_false(served.is_chosen);
    end_desk(of);
}

static stele_status choose(desk *of, int version, int64_t after, stele_error *err)
{
    const stele_served_choice choice = {.projection = "customers",
                                        .version = version,
                                        .after = after,
                                        .since_ms = NOW_MS + version};
    stele_served now;
    return stele_served_choose(of->log, &choice, soon(), &now, err);
}

static stele_served chosen(desk *of)
{
    stele_served served;
    assert_int_equal(stele_served_read(of->log, "customers", soon(), &served, NULL), STELE_OK);
    return served;
}

static void each_choice_takes_the_place_of_the_one_before(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_served served;
    for (int version = 1; version <= 3; version++)
        assert_int_equal(choose(of, version, version - 2, NULL), STELE_OK);

    assert_int_equal(
        stele_served_find(of->log, "customers", STELE_SERVED_BY_ANY, soon(), &served, NULL),
        STELE_OK);

    assert_int_equal(served.version, 3);
    assert_int_equal(served.since_ms, NOW_MS + 3);
    assert_int_equal(served.offset, 2);
    end_desk(of);
}

static void whoever_has_not_seen_the_last_choice_changes_nothing(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_error err = {0};
    assert_int_equal(choose(of, 1, -1, NULL), STELE_OK);
    assert_int_equal(choose(of, 2, 0, NULL), STELE_OK);

    assert_int_equal(choose(of, 1, -1, &err), STELE_E_CONFLICT); /* it slept meanwhile */
    assert_non_null(strstr(err.text, "readers of customers have version 2"));
    assert_int_equal(choose(of, 3, 0, &err), STELE_E_CONFLICT);

    assert_int_equal(chosen(of).version, 2);
    assert_int_equal(chosen(of).offset, 1);
    assert_int_equal(choose(of, 3, 1, NULL), STELE_OK);
    assert_int_equal(chosen(of).offset, 4);
    end_desk(of);
}

static void a_choice_that_is_not_understood_is_named_and_one_behind_it_counts(void **state)
{
    (void)state;
    desk *of = new_desk();
    make_topic(of, "customers.control");
    put(of, "two");
    stele_served served = {0};
    stele_error err = {0};

    assert_int_equal(stele_served_read(of->log, "customers", soon(), &served, &err),
                     STELE_E_INVALID);

    assert_non_null(strstr(err.text, "customers.control/0/0: expected {\"version\": N"));
    assert_non_null(strstr(err.text, "`switch` writes it again"));
    assert_int_equal(choose(of, 2, served.offset, &err), STELE_OK);
    assert_int_equal(chosen(of).version, 2);
    put(of, NULL);
    assert_int_equal(stele_served_read(of->log, "customers", soon(), &served, NULL),
                     STELE_E_INVALID);
    end_desk(of);
}

static stele_status_board *report(desk *of, const char *name, const char *address)
{
    const stele_status_board_options options = {.name = name,
                                                .topic = "customer.events",
                                                .instance = name,
                                                .address = address,
                                                .stall_timeout_ms = WAIT_MS};
    stele_status_board *board = stele_status_board_open(of->log, &options);
    assert_non_null(board);
    stele_status_board_set(board, 0, STELE_STATE_RUNNING, "", 1, 1);
    return board;
}

static int found(desk *of)
{
    stele_served served;
    assert_int_equal(
        stele_served_find(of->log, "customers", STELE_SERVED_BY_ANY, soon(), &served, NULL),
        STELE_OK);
    return served.version;
}

static int found_over_http(desk *of)
{
    stele_served served;
    assert_int_equal(
        stele_served_find(of->log, "customers", STELE_SERVED_BY_HTTP, soon(), &served, NULL),
        STELE_OK);
    return served.version;
}

static void where_no_one_has_chosen_it_is_the_lowest_version_that_lives(void **state)
{
    (void)state;
    desk *of = new_desk();
    assert_int_equal(found(of), 0);
    stele_status_board *third = report(of, "customers.v3", "10.0.0.7:8080");
    stele_status_board *second = report(of, "customers.v2", NULL);
    stele_status_board *other = report(of, "customers-of-old.v1", NULL);
    stele_deadline until = soon();
    while (found(of) != 2 || found_over_http(of) != 3)
        assert_false(stele_deadline_passed(until));

    stele_status_board_close(second);

    while (found(of) != 3)
        assert_false(stele_deadline_passed(until));
    stele_status_board_close(third);
    stele_status_board_close(other);
    end_desk(of);
}

static stele_status settle(desk *of, int version)
{
    return stele_served_settle(of->log, "customers", version, "customer.events", soon(), NULL);
}

static void the_first_version_is_written_down_once(void **state)
{
    (void)state;
    desk *of = new_desk();
    assert_int_equal(settle(of, 1), STELE_E_NOT_FOUND); /* of the events, which are made later */
    make_topic(of, "customer.events");

    assert_int_equal(settle(of, 1), STELE_OK);
    assert_int_equal(settle(of, 2), STELE_OK);
    assert_int_equal(settle(of, 1), STELE_OK);

    assert_int_equal(chosen(of).version, 1);
    assert_int_equal(chosen(of).offset, 0);
    end_desk(of);
}

static void a_version_that_is_started_beside_another_writes_that_one_down(void **state)
{
    (void)state;
    desk *of = new_desk();
    make_topic(of, "customer.events");
    stele_status_board *unasked = report(of, "customers.v1", NULL);
    stele_status_board *second = report(of, "customers.v2", "10.0.0.7:8080");
    stele_deadline until = soon();
    while (found_over_http(of) != 2)
        assert_false(stele_deadline_passed(until));

    assert_int_equal(settle(of, 3), STELE_OK);

    assert_int_equal(chosen(of).version, 2);
    stele_status_board_close(unasked);
    stele_status_board_close(second);
    end_desk(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_a_version_and_a_time_and_nothing_else_is),
        cmocka_unit_test(a_value_that_is_too_long_is_not_read),
        cmocka_unit_test(without_a_topic_no_one_has_chosen),
        cmocka_unit_test(each_choice_takes_the_place_of_the_one_before),
        cmocka_unit_test(whoever_has_not_seen_the_last_choice_changes_nothing),
        cmocka_unit_test(a_choice_that_is_not_understood_is_named_and_one_behind_it_counts),
        cmocka_unit_test(where_no_one_has_chosen_it_is_the_lowest_version_that_lives),
        cmocka_unit_test(the_first_version_is_written_down_once),
        cmocka_unit_test(a_version_that_is_started_beside_another_writes_that_one_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
