/* SPDX-License-Identifier: MIT
 * `_stele.status` written by a board and read back, on the log in memory. The board has a thread of
 * its own: what it writes is waited for. */
#include "consumer/status.h"

#include "core/alloc.h"
#include "core/names.h"
#include "kafka/memory_log.h"
#include "tests/support/test.h"

#define NAME  "balances.v1"
#define TOPIC "account.events"
enum { WAIT_MS = 20000, STALL_MS = 30000 };

typedef struct desk {
    stele_manual_clock time;
    stele_log *log;
    stele_status_board *board;
} desk;

static desk *new_desk(void)
{
    desk *made = stele_alloc(sizeof *made);
    stele_manual_clock_set(&made->time, INT64_C(1700000000000));
    stele_log_memory_options log = {.runtime = stele_runtime_manual(&made->time)};
    assert_int_equal(stele_log_memory_new(&log, &made->log, NULL), STELE_OK);
    stele_status_board_options options = {
        .name = NAME, .topic = TOPIC, .instance = "host-1", .stall_timeout_ms = STALL_MS};
    made->board = stele_status_board_open(made->log, &options);
    assert_non_null(made->board);
    return made;
}

static void end_desk(desk *of)
{
    stele_status_board_close(of->board);
    stele_log_free(of->log);
    free(of);
}

/* The line of one partition, its texts copied. */
typedef struct found {
    int32_t partition;
    bool is_there;
    stele_status_line line;
    char name[64];
    char topic[64];
    char instance[64];
    char reason[240];
} found;

static void keep(void *context, const stele_status_line *line)
{
    found *of = context;
    if (line->partition != of->partition) return;
    of->is_there = true;
    of->line = *line;
    snprintf(of->name, sizeof of->name, "%s", line->name);
    snprintf(of->topic, sizeof of->topic, "%s", line->topic);
    snprintf(of->instance, sizeof of->instance, "%s", line->instance);
    snprintf(of->reason, sizeof of->reason, "%s", line->reason);
}

static found read_line(desk *of, const char *name, int32_t partition)
{
    found result = {.partition = partition};
    assert_int_equal(stele_status_read(of->log, name,
                                       stele_deadline_after(stele_clock_system(), WAIT_MS), keep,
                                       &result, NULL),
                     STELE_OK);
    return result;
}

/* Wait for the board's thread to have written that state. */
static found await(desk *of, int32_t partition, stele_partition_state state)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    for (;;) {
        found result = read_line(of, NAME, partition);
        if (result.is_there && result.line.state == state) return result;
        if (stele_deadline_passed(until)) fail_msg("never %s", stele_partition_state_name(state));
    }
}

static void a_change_is_written_with_all_that_is_known(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_status_board_parked(of->board, 3, 2, 5);
    stele_status_board_set(of->board, 3, STELE_STATE_STOPPED, "account.events/3/7: \"bad\" bytes",
                           7, 100);

    found line = await(of, 3, STELE_STATE_STOPPED);

    assert_string_equal(line.name, NAME);
    assert_string_equal(line.topic, TOPIC);
    assert_string_equal(line.instance, "host-1");
    assert_string_equal(line.reason, "account.events/3/7: \"bad\" bytes");
    assert_int_equal(line.line.position, 7);
    assert_int_equal(line.line.parked_aggregates, 2);
    assert_int_equal(line.line.parked_events, 5);
    assert_int_equal(line.line.time_ms, INT64_C(1700000000000));
    assert_int_equal(line.line.since_ms, INT64_C(1700000000000));
    end_desk(of);
}

static void lines_are_repeated_and_say_since_when(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_status_board_set(of->board, 0, STELE_STATE_RUNNING, "", 1, 1);
    await(of, 0, STELE_STATE_RUNNING);
    stele_manual_clock_advance(&of->time, 6000);

    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    found line;
    while ((line = read_line(of, NAME, 0)).line.time_ms < INT64_C(1700000006000))
        assert_false(stele_deadline_passed(until));
    assert_true(line.line.since_ms < INT64_C(1700000006000)); /* waits move the clock a little */
    end_desk(of);
}

static void a_rate_is_measured(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_status_board_set(of->board, 0, STELE_STATE_RUNNING, "", 0, 0);
    await(of, 0, STELE_STATE_RUNNING);
    stele_manual_clock_advance(&of->time, 2000);
    stele_status_board_set(of->board, 0, STELE_STATE_RUNNING, "", 500, 500);

    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    found line;
    while ((line = read_line(of, NAME, 0)).line.position != 500)
        assert_false(stele_deadline_passed(until));
    assert_true(line.line.rate > 249 && line.line.rate < 251);
    end_desk(of);
}

static void what_is_old_reads_as_unknown(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_status_board_set(of->board, 0, STELE_STATE_WAITING, "registry is away", 1, 1);
    await(of, 0, STELE_STATE_WAITING);
    stele_status_board_drop(of->board, 0); /* somebody else's, who is dead */

    stele_manual_clock_advance(&of->time, STELE_STATUS_AGE_MS);
    assert_int_equal(read_line(of, NAME, 0).line.state, STELE_STATE_WAITING);
    stele_manual_clock_advance(&of->time, 1);
    found line = read_line(of, NAME, 0);
    assert_int_equal(line.line.state, STELE_STATE_UNKNOWN);
    assert_string_equal(line.reason, "last said: waiting: registry is away");
    end_desk(of);
}

static void a_worker_that_hangs_in_one_batch_is_stalled(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_status_board_set(of->board, 0, STELE_STATE_RUNNING, "", 42, 1);
    stele_status_board_set(of->board, 1, STELE_STATE_STOPPED, "bad bytes", 7, 1);
    await(of, 0, STELE_STATE_RUNNING);
    stele_status_board_busy(of->board, 0);

    stele_manual_clock_advance(&of->time, STALL_MS + 1000);

    found line = await(of, 0, STELE_STATE_STALLED);
    assert_string_equal(line.reason,
                        "the worker has been busy with one batch of account.events/0/42 for 31 s");
    assert_int_equal(await(of, 1, STELE_STATE_STOPPED).line.position, 7);
    stele_status_board_busy(of->board, -1);
    stele_status_board_set(of->board, 0, STELE_STATE_RUNNING, "", 43, 2);
    stele_manual_clock_advance(&of->time, 5000);
    await(of, 0, STELE_STATE_RUNNING);
    end_desk(of);
}

static void the_last_word_is_written_when_the_board_closes(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_status_board_set(of->board, 0, STELE_STATE_STOPPING, "", 1, 1);
    stele_status_board_close(of->board);
    of->board = NULL;
    found line = read_line(of, NAME, 0);
    assert_int_equal(line.line.state, STELE_STATE_STOPPING);
    assert_true(line.line.is_over);
    end_desk(of);
}

static void a_broker_that_is_away_holds_nobody_up(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_log_memory_set_up(of->log, false);
    for (int i = 0; i < 1000; i++)
        stele_status_board_set(of->board, i % 8, STELE_STATE_RUNNING, "", i, i);
    end_desk(of);
}

static stele_status_board *open_board(desk *of, const char *instance)
{
    stele_status_board_options options = {
        .name = NAME, .topic = TOPIC, .instance = instance, .stall_timeout_ms = STALL_MS};
    stele_status_board *board = stele_status_board_open(of->log, &options);
    assert_non_null(board);
    return board;
}

static void await_position(desk *of, int64_t position)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while (read_line(of, NAME, 0).line.position != position) {
        assert_false(stele_deadline_passed(until));
        stele_manual_clock_advance(&of->time, 1000);
    }
}

static void the_word_of_an_earlier_owner_does_not_stand_over_the_owners(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_status_board_set(of->board, 0, STELE_STATE_RUNNING, "", 1, 1);
    await_position(of, 1);
    stele_manual_clock_advance(&of->time, 6000);
    stele_status_board *owner = open_board(of, "host-2");
    stele_status_board_set(owner, 0, STELE_STATE_RUNNING, "", 7, 1);
    await_position(of, 7);

    /* The one before goes on, as it has not heard of that. */
    for (int i = 0; i < 40; i++) {
        stele_manual_clock_advance(&of->time, 500);
        stele_status_board_set(of->board, 0, STELE_STATE_RUNNING, "", 2 + i % 3, 1);
        stele_status_board_set(owner, 0, STELE_STATE_RUNNING, "", 8 + i, 1);
        assert_true(read_line(of, NAME, 0).line.position >= 7);
    }

    stele_status_board_close(owner);
    end_desk(of);
}

static void who_is_not_let_in_is_read_where_no_one_owns(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_status_board_refused(of->board, 0, STELE_STATE_WAITING, "members with another assignor");
    found line = await(of, 0, STELE_STATE_WAITING);
    assert_string_equal(line.reason, "members with another assignor");

    stele_status_board *owner = open_board(of, "host-2");
    stele_status_board_set(owner, 0, STELE_STATE_RUNNING, "", 7, 1);
    await(of, 0, STELE_STATE_RUNNING);
    for (int i = 0; i < 20; i++) {
        stele_manual_clock_advance(&of->time, 500);
        stele_status_board_refused(of->board, 0, STELE_STATE_WAITING,
                                   i % 2 == 0 ? "a reason" : "another");
        stele_status_board_set(owner, 0, STELE_STATE_RUNNING, "", 8 + i, 1);
        assert_int_equal(read_line(of, NAME, 0).line.state, STELE_STATE_RUNNING);
    }

    stele_status_board_close(owner);
    end_desk(of);
}

static void a_topic_that_was_deleted_is_made_again(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_status_board_set(of->board, 0, STELE_STATE_RUNNING, "", 1, 1);
    await(of, 0, STELE_STATE_RUNNING);

    assert_int_equal(stele_log_topic_delete(of->log, STELE_STATUS_TOPIC, 1000, NULL), STELE_OK);
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while (!read_line(of, NAME, 0).is_there) {
        assert_false(stele_deadline_passed(until));
        stele_manual_clock_advance(&of->time, 1000);
    }

    end_desk(of);
}

static void only_the_projection_that_is_asked_for_is_read(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_status_board_set(of->board, 0, STELE_STATE_RUNNING, "", 1, 1);
    await(of, 0, STELE_STATE_RUNNING);
    assert_true(read_line(of, NULL, 0).is_there);
    assert_false(read_line(of, "balances.v2", 0).is_there);
    end_desk(of);
}

/* As another program would write it. @param value  NULL: a tombstone */
static void put(desk *of, const char *key, const char *value)
{
    stele_log_topic_options topic = {.name = STELE_STATUS_TOPIC, .partitions = 1};
    stele_log_topic_create(of->log, &topic, 1000, NULL); /* if the board has not been so far yet */
    stele_log_producer *producer;
    stele_log_producer_options options = {0};
    assert_int_equal(stele_log_producer_open(of->log, &options, &producer, NULL), STELE_OK);
    stele_log_entry entry = {
        .partition = {STELE_STATUS_TOPIC, 0}, .key = stele_text(key), .value = stele_text(value)};
    assert_int_equal(stele_log_producer_put(producer, &entry, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_flush(producer, 1000, NULL), STELE_OK);
    stele_log_producer_close(producer);
}

static void put_line(desk *of, int partition, const char *instance, const char *time)
{
    STELE_AUTO(char) key = stele_status_key(NAME, TOPIC, partition);
    STELE_AUTO(char)
    json = stele_strdup_format("{\"instance\":\"%s\",\"state\":\"running\",\"reason\":\"\","
                               "\"position\":1,\"rate\":0,\"since\":\"%s\",\"time\":\"%s\"}",
                               instance, time, time);
    put(of, key, json);
}

static void what_is_not_understood_spoils_its_own_row_only(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_status_board_set(of->board, 0, STELE_STATE_RUNNING, "", 1, 1);
    await(of, 0, STELE_STATE_RUNNING);
    static const char *const cases[][2] = {
        {"x", "{}"},
        {"balances.v1/account.events/1", "not json"},
        {"balances.v1/account.events/2", "{\"state\":\"dancing\"}"},
        {"balances.v1/account.events/3",
         "{\"instance\":\"i\",\"state\":\"running\",\"reason\":\"\",\"position\":1,\"rate\":1e300,"
         "\"since\":\"2023-11-14T22:13:20Z\",\"time\":\"2023-11-14T22:13:20Z\"}"},
        {"balances.v1/account.events/-4", "{}"},
        {"balances.v1", "{}"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        put(of, cases[i][0], cases[i][1]);

    assert_int_equal(read_line(of, NAME, 0).line.state, STELE_STATE_RUNNING);
    for (int partition = 1; partition <= 3; partition++) {
        found line = read_line(of, NAME, partition);
        assert_int_equal(line.line.state, STELE_STATE_UNKNOWN);
        assert_true(line.line.is_over);
        assert_non_null(strstr(line.reason, "not understood"));
    }
    assert_false(read_line(of, NAME, -4).is_there);
    end_desk(of);
}

static void the_old_word_of_a_frozen_worker_does_not_stand_over_the_owners(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_manual_clock_set(&of->time, INT64_C(1700000000000)); /* 2023-11-14T22:13:20Z */
    put_line(of, 3, "owner", "2023-11-14T22:13:19Z");

    put_line(of, 3, "frozen", "2023-11-14T22:12:50Z");
    found line = read_line(of, NAME, 3);

    assert_string_equal(line.instance, "owner");
    assert_int_equal(line.line.state, STELE_STATE_RUNNING);
    end_desk(of);
}

static void a_clock_that_is_ahead_stands_in_nobodys_way(void **state)
{
    (void)state;
    desk *of = new_desk();
    put_line(of, 3, "ahead", "2023-11-14T23:13:20Z");
    found line = read_line(of, NAME, 3);
    assert_int_equal(line.line.state, STELE_STATE_UNKNOWN);
    assert_string_equal(line.reason, "its worker's clock is 3600 s ahead of this one");

    put_line(of, 3, "right", "2023-11-14T22:13:20Z");

    assert_string_equal(read_line(of, NAME, 3).instance, "right");
    end_desk(of);
}

static void a_reason_that_is_not_utf8_is_shown(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_status_board_set(of->board, 0, STELE_STATE_STOPPED, "key \xFF\x1b[2J", 1, 1);
    found line = await(of, 0, STELE_STATE_STOPPED);
    assert_string_equal(line.reason, "key \\xff\\x1b[2J");
    end_desk(of);
}

static void rows_are_forgotten(void **state)
{
    (void)state;
    desk *of = new_desk();
    put_line(of, 3, "gone", "2023-11-14T20:00:00Z");
    put_line(of, 4, "gone", "2023-11-14T20:00:00Z");
    const stele_status_row rows[] = {{NAME, TOPIC, 3}};

    assert_int_equal(stele_status_forget(of->log, rows, 1, 1000, NULL), STELE_OK);

    assert_false(read_line(of, NAME, 3).is_there);
    assert_true(read_line(of, NAME, 4).is_there);
    end_desk(of);
}

static void an_open_transaction_of_another_program_holds_no_row_back(void **state)
{
    (void)state;
    desk *of = new_desk();
    stele_log_producer *stranger;
    stele_log_producer_options options = {.transactional_id = "stranger"};
    stele_log_entry odd = {
        .partition = {STELE_STATUS_TOPIC, 0}, .key = stele_text("odd"), .value = stele_text("odd")};
    stele_status_board_set(of->board, 0, STELE_STATE_RUNNING, "", 1, 1);
    await(of, 0, STELE_STATE_RUNNING);
    assert_int_equal(stele_log_producer_open(of->log, &options, &stranger, NULL), STELE_OK);

    assert_int_equal(stele_log_producer_init(stranger, STELE_STATUS_TOPIC, WAIT_MS, NULL),
                     STELE_OK);
    assert_int_equal(stele_log_producer_begin(stranger, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_put(stranger, &odd, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_flush(stranger, WAIT_MS, NULL), STELE_OK);
    stele_status_board_set(of->board, 0, STELE_STATE_STOPPED, "why", 1, 1);

    await(of, 0, STELE_STATE_STOPPED);

    stele_log_producer_close(stranger);
    end_desk(of);
}

static void nobody_has_written_is_no_failure(void **state)
{
    (void)state;
    stele_log *log;
    found none = {0};
    assert_int_equal(stele_log_memory_new(NULL, &log, NULL), STELE_OK);
    assert_int_equal(stele_status_read(log, NULL, stele_deadline_after(stele_clock_system(), 1000),
                                       keep, &none, NULL),
                     STELE_OK);
    assert_false(none.is_there);
    stele_log_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_written_with_all_that_is_known),
        cmocka_unit_test(lines_are_repeated_and_say_since_when),
        cmocka_unit_test(a_rate_is_measured),
        cmocka_unit_test(what_is_old_reads_as_unknown),
        cmocka_unit_test(a_worker_that_hangs_in_one_batch_is_stalled),
        cmocka_unit_test(the_last_word_is_written_when_the_board_closes),
        cmocka_unit_test(a_broker_that_is_away_holds_nobody_up),
        cmocka_unit_test(the_word_of_an_earlier_owner_does_not_stand_over_the_owners),
        cmocka_unit_test(who_is_not_let_in_is_read_where_no_one_owns),
        cmocka_unit_test(a_topic_that_was_deleted_is_made_again),
        cmocka_unit_test(only_the_projection_that_is_asked_for_is_read),
        cmocka_unit_test(what_is_not_understood_spoils_its_own_row_only),
        cmocka_unit_test(the_old_word_of_a_frozen_worker_does_not_stand_over_the_owners),
        cmocka_unit_test(a_clock_that_is_ahead_stands_in_nobodys_way),
        cmocka_unit_test(a_reason_that_is_not_utf8_is_shown),
        cmocka_unit_test(rows_are_forgotten),
        cmocka_unit_test(an_open_transaction_of_another_program_holds_no_row_back),
        cmocka_unit_test(nobody_has_written_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
