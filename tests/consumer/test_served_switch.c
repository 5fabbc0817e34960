/* SPDX-License-Identifier: MIT
 * Letting readers have another version, in a log in memory. Workers are rows of the status, which
 * are written again whenever the command sleeps, as far as the case wants it. */
#include "consumer/served_switch.h"

#include <inttypes.h>

#include "core/alloc.h"
#include "core/date.h"
#include "core/names.h"
#include "kafka/memory_log.h"
#include "tests/support/test.h"

enum { WAIT_MS = 20000, ROWS_MAX = 8 };
#define NOW_MS INT64_C(1700000000000)

/* What a worker reports. */
typedef struct row {
    const char *group;
    const char *topic; /* NULL: "customer.events" */
    const char *state; /* NULL: "running" */
    const char *address;
    int64_t position;
    int64_t parked;
    int sources;
    bool is_dead; /* it has reported once */
} row;

typedef struct desk {
    stele_manual_clock time;
    stele_runtime_ops ops;
    stele_log *log;
    row rows[ROWS_MAX];
    size_t count;
    void (*on_sleep)(struct desk *of); /* what else happens meanwhile; NULL: nothing */
    int64_t slept_ms;
} desk;

static void put(desk *of, const char *topic, const char *key, const char *value)
{
    STELE_AUTO(stele_log_producer) producer = NULL;
    const stele_log_producer_options options = {0};
    const stele_log_entry entry = {
        .partition = {topic, 0}, .key = stele_text(key), .value = stele_text(value)};
    assert_int_equal(stele_log_producer_open(of->log, &options, &producer, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_put(producer, &entry, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_flush(producer, WAIT_MS, NULL), STELE_OK);
}

static void report(desk *of, const row *line)
{
    char time[STELE_DATE_TEXT_MAX + 1];
    stele_format_timestamp(stele_clock_now_ms(stele_clock_manual(&of->time)), STELE_TIME_MILLIS,
                           time);
    STELE_AUTO(char)
    key = stele_status_key(line->group, line->topic == NULL ? "customer.events" : line->topic, 0);
    STELE_AUTO(char)
    value = stele_strdup_format(
        "{\"instance\":\"host-1\",\"state\":\"%s\",\"reason\":\"\",\"position\":%" PRId64
        ",\"rate\":0,\"since\":\"%s\",\"time\":\"%s\",\"address\":\"%s\",\"sources\":%d,"
        "\"parked\":{\"aggregates\":%" PRId64 ",\"events\":%" PRId64 "}}",
        line->state == NULL ? "running" : line->state, line->position, time, time,
        line->address == NULL ? "" : line->address, line->sources, line->parked, line->parked);
    put(of, STELE_STATUS_TOPIC, key, value);
}

/* Time passes, and whoever lives reports again. */
static void sleep_ns(void *self, int64_t ns)
{
    desk *of = self; /* the clock is its first member */
    stele_manual_clock_advance(&of->time, ns / 1000000);
    of->slept_ms += ns / 1000000;
    if (of->on_sleep != NULL) of->on_sleep(of);
    for (size_t i = 0; i < of->count; i++)
        if (!of->rows[i].is_dead) report(of, &of->rows[i]);
}

static void make_topic(desk *of, const char *name, int events)
{
    const stele_header settings[] = {{"cleanup.policy", stele_text("delete")},
                                     {"retention.ms", stele_text("-1")},
                                     {"retention.bytes", stele_text("-1")}};
    const stele_log_topic_options options = {
        .name = name, .partitions = 1, .settings = settings, .setting_count = 3};
    assert_int_equal(stele_log_topic_create(of->log, &options, WAIT_MS, NULL), STELE_OK);
    for (int i = 0; i < events; i++)
        put(of, name, "a", "event");
}

/* Ten events, and what workers report. */
static desk *new_desk(const row *rows, size_t count)
{
    desk *made = stele_alloc(sizeof *made);
    *made = (desk){0};
    stele_manual_clock_set(&made->time, NOW_MS);
    stele_runtime runtime = stele_runtime_manual(&made->time);
    made->ops = *runtime.ops;
    made->ops.sleep_ns = sleep_ns;
    runtime.ops = &made->ops;
    stele_log_memory_options log = {.runtime = runtime};
    assert_int_equal(stele_log_memory_new(&log, &made->log, NULL), STELE_OK);
    make_topic(made, "customer.events", 10);
    make_topic(made, STELE_STATUS_TOPIC, 0);
    for (size_t i = 0; i < count; i++) {
        made->rows[made->count++] = rows[i];
        report(made, &rows[i]);
    }
    return made;
}

static void end_desk(desk *of)
{
    stele_log_free(of->log);
    free(of);
}

static const char *const sources[] = {"customer.events"};

static stele_switch_options options_of(desk *of, int version)
{
    return (stele_switch_options){.projection = "customers",
                                  .version = version,
                                  .of = {.log = of->log,
                                         .group = version == 1 ? "customers.v1" : "customers.v2",
                                         .sources = sources,
                                         .source_count = 1,
                                         .timeout_ms = WAIT_MS},
                                  .timeout_ms = WAIT_MS};
}

static stele_status switch_to(desk *of, int version, stele_switch_outcome *out, stele_error *err)
{
    const stele_switch_options options = options_of(of, version);
    return stele_served_switch(&options, out, err);
}

static stele_served chosen(desk *of)
{
    stele_served served;
    assert_int_equal(stele_served_read(of->log, "customers",
                                       stele_deadline_after(stele_clock_manual(&of->time), WAIT_MS),
                                       &served, NULL),
                     STELE_OK);
    return served;
}

/* ---- what is switched ---- */

static void a_version_that_is_there_is_served_and_back_again(void **state)
{
    (void)state;
    const row rows[] = {
        {.group = "customers.v1", .address = "10.0.0.1:80", .position = 10},
        {.group = "customers.v2", .address = "10.0.0.2:80", .position = 10},
    };
    desk *of = new_desk(rows, 2);
    stele_switch_outcome outcome;

    assert_int_equal(switch_to(of, 2, &outcome, NULL), STELE_OK);

    assert_int_equal(chosen(of).version, 2);
    assert_int_equal(outcome.before, 1);
    assert_false(outcome.was_already);
    assert_true(outcome.has_http);
    assert_true(of->slept_ms >= 4000); /* by then all have heard of it */
    assert_int_equal(switch_to(of, 1, &outcome, NULL), STELE_OK);
    assert_int_equal(chosen(of).version, 1);
    assert_int_equal(outcome.before, 2);
    end_desk(of);
}

static void go_on(desk *of)
{
    for (size_t i = 0; i < of->count; i++)
        if (of->rows[i].position < 10) of->rows[i].position++;
}

static void it_is_waited_for(void **state)
{
    (void)state;
    const row rows[] = {{.group = "customers.v2", .address = "10.0.0.2:80"}};
    desk *of = new_desk(rows, 1);
    stele_switch_outcome outcome;
    of->on_sleep = go_on;

    assert_int_equal(switch_to(of, 2, &outcome, NULL), STELE_OK);

    assert_int_equal(of->rows[0].position, 10);
    assert_int_equal(chosen(of).version, 2);
    end_desk(of);
}

static void a_version_that_readers_have_is_waited_for_again(void **state)
{
    (void)state;
    const row rows[] = {{.group = "customers.v2", .address = "10.0.0.2:80", .position = 10}};
    desk *of = new_desk(rows, 1);
    stele_switch_outcome outcome;
    stele_error err = {0};
    assert_int_equal(switch_to(of, 2, &outcome, NULL), STELE_OK);

    assert_int_equal(switch_to(of, 2, &outcome, NULL), STELE_OK);

    assert_true(outcome.was_already);
    assert_int_equal(chosen(of).offset,
                     1); /* whatever came late behind the first one is passed over */
    of->rows[0].position = 9;
    assert_int_equal(switch_to(of, 2, &outcome, &err), STELE_E_CONFLICT);
    assert_non_null(strstr(err.text, "readers have it already: 1 of 1 partitions: "
                                     "customer.events/0 (at 9 of 10, host-1: running)"));
    end_desk(of);
}

static void a_choice_that_is_not_understood_is_replaced(void **state)
{
    (void)state;
    const row rows[] = {{.group = "customers.v2", .address = "10.0.0.2:80", .position = 10}};
    desk *of = new_desk(rows, 1);
    stele_switch_outcome outcome;
    make_topic(of, "customers.control", 0);
    put(of, "customers.control", "stele:served", "two");

    assert_int_equal(switch_to(of, 2, &outcome, NULL), STELE_OK);

    assert_int_equal(outcome.before, 0);
    assert_int_equal(chosen(of).version, 2);
    end_desk(of);
}

/* ---- what is not ---- */

static void what_cannot_serve_is_not_switched_to(void **state)
{
    (void)state;
    static const struct {
        row row;
        const char *why;
    } cases[] = {
        {{.group = "customers.v2", .address = "10.0.0.2:80", .position = 9},
         "customers.v2 is not where the log ends, and nothing was switched: 1 of 1 partitions: "
         "customer.events/0 (at 9 of 10, host-1: running)"},
        {{.group = "customers.v2", .address = "10.0.0.2:80", .position = 10, .is_dead = true},
         "customer.events/0 (no worker reports on it)"},
        {{.group = "customers.v2", .address = "10.0.0.2:80", .position = 10, .state = "stopped"},
         "stopped"},
        {{.group = "customers.v2", .address = "10.0.0.2:80", .position = 10, .state = "paused"},
         "paused"},
        {{.group = "customers.v2", .address = "10.0.0.2:80", .position = 10, .sources = 2},
         "1 of 2 sources (no worker reports on them)"},
        {{.group = "customers.v2", .position = 10},
         "customers.v2: host-1, which has customer.events/0, has no http.listen"},
        {{.group = "customers.v2", .address = "10.0.0.2:80", .position = 10, .parked = 3},
         "has set aside 3 events of 3 aggregates, and the version that readers have 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const row rows[] = {
            {.group = "customers.v1", .address = "10.0.0.1:80", .position = 10, .parked = 1},
            cases[i].row};
        desk *of = new_desk(rows, 2);
        stele_switch_outcome outcome;
        stele_error err = {0};

        assert_int_equal(switch_to(of, 2, &outcome, &err), STELE_E_CONFLICT);

        if (strstr(err.text, cases[i].why) == NULL) fail_msg("case %zu: %s", i, err.text);
        assert_non_null(strstr(err.text, "nothing was switched"));
        assert_false(chosen(of).is_chosen);
        end_desk(of);
    }
}

static void what_it_has_set_aside_can_be_taken(void **state)
{
    (void)state;
    const row rows[] = {
        {.group = "customers.v1", .address = "10.0.0.1:80", .position = 10},
        {.group = "customers.v2", .address = "10.0.0.2:80", .position = 10, .parked = 3},
    };
    desk *of = new_desk(rows, 2);
    stele_switch_outcome outcome;
    stele_switch_options options = options_of(of, 2);
    options.takes_parked = true;

    assert_int_equal(stele_served_switch(&options, &outcome, NULL), STELE_OK);

    assert_int_equal(chosen(of).version, 2);
    end_desk(of);
}

static void no_one_asks_for_http_where_there_is_none(void **state)
{
    (void)state;
    const row rows[] = {{.group = "customers.v1", .position = 10},
                        {.group = "customers.v2", .position = 10}};
    desk *of = new_desk(rows, 2);
    stele_switch_outcome outcome;

    assert_int_equal(switch_to(of, 2, &outcome, NULL), STELE_OK);

    assert_false(outcome.has_http);
    assert_int_equal(chosen(of).version, 2);
    end_desk(of);
}

/* Someone else's choice, once. */
static void choose_three(desk *of)
{
    const stele_served_choice choice = {
        .projection = "customers", .version = 3, .after = -1, .since_ms = NOW_MS};
    stele_served now;
    of->on_sleep = NULL;
    assert_int_equal(stele_served_choose(
                         of->log, &choice,
                         stele_deadline_after(stele_clock_manual(&of->time), WAIT_MS), &now, NULL),
                     STELE_OK);
}

static void of_two_who_switch_at_once_the_first_one_counts(void **state)
{
    (void)state;
    const row rows[] = {{.group = "customers.v2", .address = "10.0.0.2:80", .position = 10}};
    desk *of = new_desk(rows, 1);
    stele_switch_outcome outcome;
    stele_error err = {0};
    of->on_sleep = choose_three;

    assert_int_equal(switch_to(of, 2, &outcome, &err), STELE_E_CONFLICT);

    assert_non_null(strstr(err.text, "someone else has let readers of customers have version 3"));
    assert_int_equal(chosen(of).version, 3);
    end_desk(of);
}

static void a_signal_ends_it(void **state)
{
    (void)state;
    const row rows[] = {{.group = "customers.v2", .address = "10.0.0.2:80", .position = 9}};
    desk *of = new_desk(rows, 1);
    atomic_bool stop = true;
    stele_switch_outcome outcome;
    stele_switch_options options = options_of(of, 2);
    options.stop = &stop;

    assert_int_equal(stele_served_switch(&options, &outcome, NULL), STELE_E_INTERRUPTED);

    assert_false(chosen(of).is_chosen);
    end_desk(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_that_is_there_is_served_and_back_again),
        cmocka_unit_test(it_is_waited_for),
        cmocka_unit_test(a_version_that_readers_have_is_waited_for_again),
        cmocka_unit_test(a_choice_that_is_not_understood_is_replaced),
        cmocka_unit_test(what_cannot_serve_is_not_switched_to),
        cmocka_unit_test(what_it_has_set_aside_can_be_taken),
        cmocka_unit_test(no_one_asks_for_http_where_there_is_none),
        cmocka_unit_test(of_two_who_switch_at_once_the_first_one_counts),
        cmocka_unit_test(a_signal_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
