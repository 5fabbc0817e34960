/* SPDX-License-Identifier: MIT
 * What an instance knows of the version that readers have, and that someone writes it down. */
#include "consumer/served_versions.h"

#include "consumer/served.h"
#include "core/alloc.h"
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
    const stele_log_topic_options events = {.name = "customer.events", .partitions = 1};
    assert_int_equal(stele_log_memory_new(&log, &made->log, NULL), STELE_OK);
    assert_int_equal(stele_log_topic_create(made->log, &events, WAIT_MS, NULL), STELE_OK);
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

static void choose(desk *of, int version, int64_t after)
{
    const stele_served_choice choice = {
        .projection = "customers", .version = version, .after = after, .since_ms = NOW_MS};
    stele_served now;
    assert_int_equal(stele_served_choose(of->log, &choice, soon(), &now, NULL), STELE_OK);
}

static void what_is_known_is_a_second_old_at_most(void **state)
{
    (void)state;
    desk *of = new_desk();
    STELE_AUTO(stele_served_versions) versions = stele_served_versions_new(of->log, NULL, 0);
    assert_int_equal(stele_served_versions_find(versions, "customers"), 0);
    choose(of, 1, -1);
    assert_int_equal(stele_served_versions_find(versions, "customers"), 0);

    stele_manual_clock_advance(&of->time, 1000);

    assert_int_equal(stele_served_versions_find(versions, "customers"), 1);
    choose(of, 2, 0);
    stele_manual_clock_advance(&of->time, 999);
    assert_int_equal(stele_served_versions_find(versions, "customers"), 1);
    stele_manual_clock_advance(&of->time, 1);
    assert_int_equal(stele_served_versions_find(versions, "customers"), 2);
    stele_served_versions_free(versions);
    versions = NULL;
    end_desk(of);
}

static void what_is_known_stays_while_the_broker_is_away(void **state)
{
    (void)state;
    desk *of = new_desk();
    STELE_AUTO(stele_served_versions) versions = stele_served_versions_new(of->log, NULL, 0);
    choose(of, 2, -1);
    assert_int_equal(stele_served_versions_find(versions, "customers"), 2);

    stele_log_memory_set_up(of->log, false);
    stele_manual_clock_advance(&of->time, 5000);

    assert_int_equal(stele_served_versions_find(versions, "customers"), 2);
    stele_log_memory_set_up(of->log, true);
    stele_served_versions_free(versions);
    versions = NULL;
    end_desk(of);
}

static int written_down(desk *of)
{
    stele_served served;
    assert_int_equal(stele_served_read(of->log, "customers", soon(), &served, NULL), STELE_OK);
    return served.version;
}

static void the_version_that_is_there_first_is_written_down(void **state)
{
    (void)state;
    desk *of = new_desk();
    const stele_own_version first = {"customers", 1, "customer.events"};
    const stele_own_version second = {"customers", 2, "customer.events"};
    stele_deadline until = soon();

    STELE_AUTO(stele_served_versions) versions = stele_served_versions_new(of->log, &first, 1);

    while (written_down(of) != 1)
        assert_false(stele_deadline_passed(until));
    stele_served_versions_free(versions);
    versions = stele_served_versions_new(of->log, &second, 1);
    assert_int_equal(stele_served_versions_find(versions, "customers"), 1);
    stele_served_versions_free(versions); /* once it has come to its end */
    versions = NULL;
    assert_int_equal(written_down(of), 1);
    end_desk(of);
}

static void a_broker_that_is_away_is_asked_again(void **state)
{
    (void)state;
    desk *of = new_desk();
    const stele_own_version first = {"customers", 1, "customer.events"};
    stele_deadline until = soon();
    stele_log_memory_set_up(of->log, false);
    STELE_AUTO(stele_served_versions) versions = stele_served_versions_new(of->log, &first, 1);
    stele_manual_clock_advance(&of->time, 5000);

    stele_log_memory_set_up(of->log, true);

    while (written_down(of) != 1) {
        stele_manual_clock_advance(&of->time, 100);
        assert_false(stele_deadline_passed(until));
    }
    stele_served_versions_free(versions);
    versions = NULL;
    end_desk(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_is_a_second_old_at_most),
        cmocka_unit_test(what_is_known_stays_while_the_broker_is_away),
        cmocka_unit_test(the_version_that_is_there_first_is_written_down),
        cmocka_unit_test(a_broker_that_is_away_is_asked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
