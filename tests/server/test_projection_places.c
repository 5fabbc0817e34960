/* SPDX-License-Identifier: MIT
 * Where partitions are, by the status on the log in memory: what is known stays until there is a
 * doubt, and who does not answer is left alone for a while. */
#include "server/projection_places.h"

#include "consumer/status.h"
#include "core/alloc.h"
#include "kafka/memory_log.h"
#include "tests/support/test.h"

#define GROUP "balances.v1"
#define TOPIC "account.events"
enum { WAIT_MS = 20000 };

typedef struct world {
    stele_manual_clock time;
    stele_log *log;
    stele_places *places;
} world;

static int world_opened(void **state)
{
    world *made = stele_alloc(sizeof *made);
    stele_manual_clock_set(&made->time, INT64_C(1700000000000));
    stele_log_memory_options log = {.runtime = stele_runtime_manual(&made->time)};
    assert_int_equal(stele_log_memory_new(&log, &made->log, NULL), STELE_OK);
    made->places = stele_places_new(made->log);
    *state = made;
    return 0;
}

static int world_closed(void **state)
{
    world *of = *state;
    stele_places_free(of->places);
    stele_log_free(of->log);
    free(of);
    return 0;
}

static void count_line(void *context, const stele_status_line *line)
{
    const char *address = ((const char **)context)[0];
    if (strcmp(line->address, address) == 0) ((const char **)context)[1] = address;
}

/* A worker at that address reports on partition 0. Caller closes the board, which is its end. */
static stele_status_board *report(world *of, const char *address)
{
    stele_status_board *board =
        stele_status_board_open(of->log, &(stele_status_board_options){.name = GROUP,
                                                                       .topic = TOPIC,
                                                                       .instance = "host-1",
                                                                       .address = address,
                                                                       .stall_timeout_ms = 30000});
    assert_non_null(board);
    stele_status_board_set(board, 0, STELE_STATE_RUNNING, "", 1, 1);
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    const char *seen[] = {address, NULL};
    while (seen[1] == NULL) {
        assert_int_equal(stele_status_read(of->log, GROUP, until, count_line, seen, NULL),
                         STELE_OK);
        assert_false(stele_deadline_passed(until));
    }
    return board;
}

static void note_state(void *context, const stele_status_line *line)
{
    *(stele_partition_state *)context = line->state;
}

/* Until the topic has it. */
static void await_row(const world *of, stele_partition_state wanted)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    for (stele_partition_state seen = STELE_STATE_STARTING; seen != wanted;) {
        assert_int_equal(stele_status_read(of->log, GROUP, until, note_state, &seen, NULL),
                         STELE_OK);
        assert_false(stele_deadline_passed(until));
    }
}

static const char *find(world *of, int32_t partition)
{
    static stele_place place;
    if (!stele_places_find(of->places, GROUP, (stele_partition){TOPIC, partition}, &place))
        return "nowhere";
    return place.is_stopped ? place.reason : place.address;
}

static void what_is_not_known_is_looked_for_once_a_second(void **state)
{
    world *of = *state;
    assert_string_equal(find(of, 0), "nowhere");
    stele_status_board *board = report(of, "10.0.0.1:80");
    assert_string_equal(find(of, 0), "nowhere");
    stele_manual_clock_advance(&of->time, 1000);
    assert_string_equal(find(of, 0), "10.0.0.1:80");
    assert_string_equal(find(of, 1), "nowhere");
    stele_status_board_close(board);
}

static void what_is_known_stays_until_there_is_a_doubt(void **state)
{
    world *of = *state;
    stele_status_board *first = report(of, "10.0.0.1:80");
    assert_string_equal(find(of, 0), "10.0.0.1:80");
    stele_status_board_close(first);
    stele_manual_clock_advance(&of->time, 1000);
    stele_status_board *second = report(of, "10.0.0.2:80");
    assert_string_equal(find(of, 0), "10.0.0.1:80");
    stele_places_doubt(of->places);
    assert_string_equal(find(of, 0), "10.0.0.2:80");
    stele_status_board_close(second);
    stele_places_doubt(of->places);
    stele_manual_clock_advance(&of->time, 1000);
    assert_string_equal(find(of, 0), "nowhere"); /* he has said that he ends */
}

static void who_does_not_answer_is_left_alone_for_five_seconds(void **state)
{
    world *of = *state;
    stele_status_board *board = report(of, "10.0.0.1:80");
    assert_string_equal(find(of, 0), "10.0.0.1:80");
    stele_places_shun(of->places, "10.0.0.1:80");
    assert_string_equal(find(of, 0), "nowhere");
    stele_manual_clock_advance(&of->time, 4999);
    assert_string_equal(find(of, 0), "nowhere");
    stele_manual_clock_advance(&of->time, 1);
    assert_string_equal(find(of, 0), "10.0.0.1:80");
    stele_status_board_close(board);
}

static void no_one_is_sent_anywhere_but_to_a_host_and_a_port(void **state)
{
    world *of = *state;
    static const char *const wrong[] = {"10.0.0.1:80/x?", "user@10.0.0.1:80", "a b:80"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        stele_status_board *board = report(of, wrong[i]);
        stele_manual_clock_advance(&of->time, 1000);
        assert_string_equal(find(of, 0), "nowhere");
        stele_status_board_close(board);
        stele_manual_clock_advance(&of->time, 1000);
    }
}

static void one_that_is_stopped_says_why_and_is_looked_for_again(void **state)
{
    world *of = *state;
    stele_status_board *board = report(of, "10.0.0.1:80");
    assert_string_equal(find(of, 0), "10.0.0.1:80");
    stele_status_board_set(board, 0, STELE_STATE_STOPPED, "a hole", 1, 0);
    stele_places_doubt(of->places);
    await_row(of, STELE_STATE_STOPPED);
    stele_manual_clock_advance(&of->time, 1000);
    assert_string_equal(find(of, 0), "a hole");

    stele_status_board_set(board, 0, STELE_STATE_RUNNING, "", 1, 1);
    await_row(of, STELE_STATE_RUNNING);
    stele_manual_clock_advance(&of->time, 1000);
    assert_string_equal(find(of, 0), "10.0.0.1:80"); /* nobody has to doubt it */
    stele_status_board_close(board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_known_is_looked_for_once_a_second, world_opened,
                                        world_closed),
        cmocka_unit_test_setup_teardown(what_is_known_stays_until_there_is_a_doubt, world_opened,
                                        world_closed),
        cmocka_unit_test_setup_teardown(who_does_not_answer_is_left_alone_for_five_seconds,
                                        world_opened, world_closed),
        cmocka_unit_test_setup_teardown(no_one_is_sent_anywhere_but_to_a_host_and_a_port,
                                        world_opened, world_closed),
        cmocka_unit_test_setup_teardown(one_that_is_stopped_says_why_and_is_looked_for_again,
                                        world_opened, world_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
