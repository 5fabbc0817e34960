/* SPDX-License-Identifier: MIT
 * Each cause of waiting, stalled and stopped, made and then read where an operator reads it: in
 * `_stele.status`. */
#include "bank.h"

#include <stele/codec.h>

#include "consumer/status.h"
#include "tests/support/shelf.h"

enum { WAIT_MS = 20000 };

/* ---- what an operator reads ---- */

typedef struct reading {
    int32_t partition;
    stele_partition_state state;
    char reason[240];
} reading;

static void read_one(void *context, const stele_status_line *line)
{
    reading *to = context;
    if (line->partition != to->partition) return;
    to->state = line->state;
    snprintf(to->reason, sizeof to->reason, "%s", line->reason);
}

static reading read_status(bank *of, int32_t partition)
{
    reading to = {.partition = partition, .state = STELE_STATE_UNKNOWN};
    assert_int_equal(stele_status_read(of->log, BANK_GROUP,
                                       stele_deadline_after(stele_clock_system(), WAIT_MS),
                                       read_one, &to, NULL),
                     STELE_OK);
    return to;
}

/* Turn the worker until its status reads so. */
static void await_status(teller *worker, int32_t partition, stele_partition_state state,
                         const char *reason)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    for (;;) {
        reading now = read_status(worker->of, partition);
        if (now.state == state && strstr(now.reason, reason) != NULL) return;
        if (stele_deadline_passed(until))
            fail_msg("%s (%s), not %s (%s)", stele_partition_state_name(now.state), now.reason,
                     stele_partition_state_name(state), reason);
        teller_turn(worker);
    }
}

/* ---- waiting ---- */

static void a_registry_that_is_away_at_the_start_is_waited_for(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    shelf_set_away(of->registry, true);
    bank_deposit(of, 0, "a", 5, "x");
    teller worker = teller_open(of, (teller_options){.status = true});

    await_status(&worker, 0, STELE_STATE_WAITING,
                 "registry http://registry:8081 is away: connection refused");
    shelf_set_away(of->registry, false);
    await_status(&worker, 0, STELE_STATE_RUNNING, "");
    teller_catch_up(&worker);
    teller_close(&worker);

    char *states = bank_states(of, BANK_SNAPSHOTS);
    assert_string_equal(states, "0/a v1 o1 0a000202780200\n");
    free(states);
    bank_free(of);
}

static void an_id_that_is_not_known_here_waits_for_a_registry_that_is_away(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    teller worker = teller_open(of, (teller_options){.status = true});
    await_status(&worker, 0, STELE_STATE_RUNNING, "");
    shelf_set_away(of->registry, true);
    bank_deposit(of, 0, "a", 5, "x");

    await_status(&worker, 0, STELE_STATE_WAITING,
                 "account.events/0/0: registry http://registry:8081 is away");
    for (int i = 0; i < 300; i++) { /* far longer than an id that is not known is waited for */
        stele_manual_clock_advance(&of->time, 1000);
        teller_turn(&worker);
    }
    await_status(&worker, 0, STELE_STATE_WAITING, "is away");

    shelf_set_away(of->registry, false);
    await_status(&worker, 0, STELE_STATE_RUNNING, "");
    teller_catch_up(&worker);
    teller_close(&worker);
    char *states = bank_states(of, BANK_SNAPSHOTS);
    assert_string_equal(states, "0/a v1 o1 0a000202780200\n");
    free(states);
    bank_free(of);
}

static void who_is_not_let_into_the_group_is_stalled_after_a_while(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    const char *const topics[] = {BANK_EVENTS, NULL};
    stele_log_member *other;
    stele_log_member_options options = {.group = BANK_GROUP, .topics = topics, .eager = true};
    assert_int_equal(stele_log_member_open(of->log, &options, &other, NULL), STELE_OK);
    assert_int_equal(stele_log_member_poll(other, 0, NULL), STELE_OK);
    teller worker = teller_open(of, (teller_options){.status = true});
    await_status(&worker, 0, STELE_STATE_WAITING, "assign");

    for (int i = 0; i < 40; i++) {
        stele_manual_clock_advance(&of->time, 1000);
        assert_int_equal(stele_log_member_poll(other, 0, NULL), STELE_OK);
        teller_turn(&worker);
    }
    await_status(&worker, 0, STELE_STATE_STALLED, "assign");

    stele_log_member_close(other, 1000);
    await_status(&worker, 0, STELE_STATE_RUNNING, "");
    teller_close(&worker);
    bank_free(of);
}

static void a_broker_that_is_away_leaves_a_status_that_grows_old(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    teller worker = teller_open(of, (teller_options){.status = true});
    await_status(&worker, 0, STELE_STATE_RUNNING, "");
    stele_log_memory_set_up(of->log, false);
    for (int i = 0; i < 20; i++) {
        stele_manual_clock_advance(&of->time, 1000);
        teller_turn(&worker);
    }
    assert_int_equal(teller_state(&worker, 0), STELE_STATE_WAITING);
    /* Its own words, or those of whoever asks the broker at that moment. */
    assert_non_null(strstr(teller_reason(&worker, 0), "broker"));

    stele_log_memory_set_up(of->log, true);
    await_status(&worker, 0, STELE_STATE_RUNNING, "");
    teller_close(&worker);
    bank_free(of);
}

/* ---- stalled ---- */

static bank *hanging_in; /* NULL: no one hangs any more */

/* An apply function that does not come back for 31 seconds: until an operator has read it. */
static stele_status apply_slowly(void *state, const void *data, const stele_event *event,
                                 stele_error *err)
{
    (void)data, (void)event, (void)err;
    ((test_account *)state)->balance++;
    if (hanging_in == NULL) return STELE_OK;
    stele_manual_clock_advance(&hanging_in->time, 31000);
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    for (;;) {
        reading now = read_status(hanging_in, 0);
        if (now.state == STELE_STATE_STALLED) {
            assert_string_equal(
                now.reason,
                "the worker has been busy with one batch of account.events/0/0 for 31 s");
            hanging_in = NULL;
            return STELE_OK;
        }
        if (stele_deadline_passed(until))
            fail_msg("%s (%s)", stele_partition_state_name(now.state), now.reason);
    }
}

static void an_apply_function_that_hangs_is_stalled(void **state)
{
    (void)state;
    const stele_handler handlers[] = {{&test_deposited_type, apply_slowly}, {NULL, NULL}};
    stele_projection slow = bank_balances;
    slow.handlers = handlers;
    bank *of = hanging_in = bank_new(1);
    teller worker = teller_open(of, (teller_options){.projection = &slow, .status = true});
    await_status(&worker, 0, STELE_STATE_RUNNING, "");
    bank_deposit(of, 0, "a", 5, "x");

    teller_catch_up(&worker);

    stele_manual_clock_advance(&of->time, 1000);
    await_status(&worker, 0, STELE_STATE_RUNNING, "");
    teller_close(&worker);
    bank_free(of);
}

static void an_event_that_does_not_come_is_stalled(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    teller worker = teller_open(of, (teller_options){.status = true});
    await_status(&worker, 0, STELE_STATE_RUNNING, "");
    teller_catch_up(&worker);
    stele_partition source = {BANK_EVENTS, 0};
    for (int i = 0; i < 32; i++) { /* a fetch that is forgotten, again and again */
        stele_log_reader_hold(stele_worker_reader(worker.worker), source, true);
        if (i == 0) bank_deposit(of, 0, "a", 5, "x");
        stele_manual_clock_advance(&of->time, 1000);
        stele_error err;
        assert_int_equal(stele_worker_step(worker.worker, 5, &err), STELE_OK);
        if (teller_state(&worker, 0) == STELE_STATE_STALLED) break;
    }
    reading now = {0};
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while ((now = read_status(of, 0)).state != STELE_STATE_STALLED)
        assert_false(stele_deadline_passed(until));
    assert_non_null(strstr(now.reason, "no event came for 30 s at account.events/0/0, the log ends "
                                       "at 1; reading again"));
    await_status(&worker, 0, STELE_STATE_RUNNING, ""); /* the new reader reads */
    teller_catch_up(&worker);
    teller_close(&worker);
    bank_free(of);
}

/* ---- stopped ---- */

static void a_hole_is_stopped(void **state)
{
    (void)state;
    bank *of = bank_new(2);
    for (int i = 0; i < 5; i++)
        bank_deposit(of, 1, "d", 1, "x");
    assert_int_equal(
        stele_log_memory_delete_records(of->log, (stele_partition){BANK_EVENTS, 1}, 2, NULL),
        STELE_OK);
    teller worker = teller_open(of, (teller_options){.status = true});

    await_status(&worker, 1, STELE_STATE_STOPPED,
                 "account.events/1 begins at offset 2 and balances.v1 has no checkpoint");
    await_status(&worker, 0, STELE_STATE_RUNNING, "");
    teller_close(&worker);
    assert_int_equal(read_status(of, 1).state, STELE_STATE_STOPPED); /* it stays so */
    assert_int_equal(read_status(of, 0).state, STELE_STATE_STOPPING);
    bank_free(of);
}

static void an_undecodable_event_is_stopped(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_append(of, BANK_EVENTS, 0, stele_text("a"), stele_text("junk!"), NULL, 0);
    teller worker = teller_open(of, (teller_options){.status = true});

    await_status(&worker, 0, STELE_STATE_STOPPED, "account.events/0/0: a value that begins with");
    teller_close(&worker);
    bank_free(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_registry_that_is_away_at_the_start_is_waited_for),
        cmocka_unit_test(an_id_that_is_not_known_here_waits_for_a_registry_that_is_away),
        cmocka_unit_test(who_is_not_let_into_the_group_is_stalled_after_a_while),
        cmocka_unit_test(a_broker_that_is_away_leaves_a_status_that_grows_old),
        cmocka_unit_test(an_apply_function_that_hangs_is_stalled),
        cmocka_unit_test(an_event_that_does_not_come_is_stalled),
        cmocka_unit_test(a_hole_is_stopped),
        cmocka_unit_test(an_undecodable_event_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
