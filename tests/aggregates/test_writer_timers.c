/* SPDX-License-Identifier: MIT
 * Timers in virtual time: an account with N cents is to be emptied N ms after the clock began. */
#include "office.h"

#include "core/alloc.h"
#include "tests/support/test.h"

enum { MINUTE_MS = 60000 };

static int64_t begin_ms; /* of the clock */
static int asked;        /* how often on_due was */

static int64_t due(const void *state, const void *context)
{
    (void)context;
    const test_account *account = state;
    return account->cents > 0 ? begin_ms + account->cents : 0;
}

static stele_status empty(const void *state, const void *command, stele_decision *decision,
                          stele_error *err)
{
    (void)err;
    const test_account *account = state;
    asked++;
    assert_null(command);
    assert_true(decision->time_ms >= due(state, NULL));
    return stele_yield(decision, &test_booked_type, &(test_booked){.cents = -account->cents});
}

static stele_status do_nothing(const void *state, const void *command, stele_decision *decision,
                               stele_error *err)
{
    (void)state, (void)command, (void)decision, (void)err;
    asked++;
    return STELE_OK;
}

static stele_status change_nothing(const void *state, const void *command, stele_decision *decision,
                                   stele_error *err)
{
    (void)state, (void)command, (void)err;
    asked++;
    return stele_yield(decision, &test_booked_type, &(test_booked){.cents = 0});
}

/* In two events, and only the second one puts it off. */
static stele_status empty_in_two(const void *state, const void *command, stele_decision *decision,
                                 stele_error *err)
{
    (void)command, (void)err;
    const test_account *account = state;
    asked++;
    stele_status status =
        stele_yield(decision, &test_opened_type, &(test_opened){.owner = stele_text("empty")});
    if (status < 0) return status;
    return stele_yield(decision, &test_booked_type, &(test_booked){.cents = -account->cents});
}

/* It is due at the same time after both. */
static stele_status change_nothing_twice(const void *state, const void *command,
                                         stele_decision *decision, stele_error *err)
{
    stele_status status = change_nothing(state, command, decision, err);
    return status < 0 ? status
                      : stele_yield(decision, &test_booked_type, &(test_booked){.cents = 0});
}

static void begin(office *of, stele_decide *on_due)
{
    begin_ms = stele_clock_now_ms(stele_runtime_clock(of->runtime));
    asked = 0;
    of->table.due = due;
    of->table.on_due = on_due;
}

static void book(instance *bank, const char *id, int64_t cents)
{
    stele_result result;
    stele_error err;
    OFFICE_EQUAL(bank->of, office_book(bank, id, cents, STELE_EXPECT_ANY, NULL, &result, &err), 0);
}

/* ---- once, and in time ---- */

static void play_timers(office *of)
{
    begin(of, empty);
    instance *bank = office_start(of);
    book(bank, "a", 2000);
    book(bank, "b", 3000);
    book(bank, "c", 3000);
    book(bank, "c", 9000);  /* puts it off */
    book(bank, "b", -3000); /* ends it */
    office_sleep(of, 1900 - (int)(stele_clock_now_ms(stele_runtime_clock(of->runtime)) - begin_ms));
    OFFICE_EQUAL(of, office_read(of, "a").count, 1);
    office_sleep(of, 150);
    OFFICE_EQUAL(of, office_read(of, "a").count, 2); /* sooner than at the next look by chance */
    OFFICE_EQUAL(of, office_read(of, "a").cents, 0);
    office_sleep(of, 8000);
    OFFICE_EQUAL(of, office_read(of, "c").cents, 12000);
    office_sleep(of, 10000);
    OFFICE_EQUAL(of, office_read(of, "c").cents, 0);
    office_sleep(of, MINUTE_MS);
    OFFICE_EQUAL(of, office_read(of, "a").count, 2);
    OFFICE_EQUAL(of, office_read(of, "b").count, 2);
    OFFICE_EQUAL(of, office_read(of, "c").count, 3);
    OFFICE_EQUAL(of, asked, 2);
    book(bank, "a", 5); /* due in the past: at once */
    office_sleep(of, 100);
    OFFICE_EQUAL(of, office_read(of, "a").count, 4);
    office_close(bank);
}

static void a_timer_fires_once_when_it_is_due(void **state)
{
    (void)state;
    office_play(play_timers, 0);
}

static void play_failover(office *of)
{
    begin(of, empty);
    instance *bank = office_start(of);
    book(bank, "a", 20000);
    book(bank, "b", 40000);
    office_kill(bank);
    office_sleep(of, 30000); /* it is due while no one is there */
    bank = office_start(of);
    office_await_serving(bank, "a");
    office_await_serving(bank, "b");
    office_sleep(of, 200);
    OFFICE_EQUAL(of, office_read(of, "a").count, 2);
    OFFICE_EQUAL(of, office_read(of, "b").count, 1);
    office_close(bank);
    bank = office_start(of); /* from its snapshots */
    office_sleep(of, MINUTE_MS);
    OFFICE_EQUAL(of, office_read(of, "a").count, 2);
    OFFICE_EQUAL(of, office_read(of, "b").count, 2);
    office_close(bank);
}

static void a_timer_survives_its_owner(void **state)
{
    (void)state;
    office_play(play_failover, 0);
}

/* ---- transactions that do not commit ---- */

enum { TIMERS = 40 };

static void play_aborts(office *of)
{
    begin(of, empty);
    instance *bank = office_start(of);
    char id[8];
    for (int i = 0; i < TIMERS; i++) {
        snprintf(id, sizeof id, "t-%d", i);
        book(bank, id, 20000 + 10 * i);
    }
    office_sleep(of,
                 19000 - (int)(stele_clock_now_ms(stele_runtime_clock(of->runtime)) - begin_ms));
    for (int i = 0; i < 8; i++) {
        stele_log_memory_fail_append(of->log, 1 + (uint64_t)i % 3, STELE_LOG_MEMORY_REFUSED);
        book(bank, "other", 60000);
        office_sleep(of, 200);
    }
    office_sleep(of, MINUTE_MS);
    for (int i = 0; i < TIMERS; i++) {
        snprintf(id, sizeof id, "t-%d", i);
        OFFICE_EQUAL(of, office_read(of, id).count, 2);
        OFFICE_EQUAL(of, office_read(of, id).cents, 0);
    }
    office_close(bank);
}

static void a_timer_whose_transaction_is_aborted_fires_again(void **state)
{
    (void)state;
    office_play(play_aborts, 0);
}

static void play_lost_markers(office *of)
{
    begin(of, empty);
    instance *bank = office_start(of);
    book(bank, "a", 5000);
    office_sleep(of, 3000);
    stele_log_memory_lose_markers(of->log);
    office_sleep(of, MINUTE_MS);
    OFFICE_EQUAL(of, office_read(of, "a").count, 2);
    office_close(bank);
}

static void a_lost_marker_makes_a_timer_late_and_not_double(void **state)
{
    (void)state;
    office_play(play_lost_markers, 0);
}

/* ---- on_due that does not do what it has to ---- */

static void play_nothing(office *of)
{
    begin(of, do_nothing);
    instance *bank = office_start(of);
    book(bank, "a", 1000);
    office_sleep(of, 30000);
    OFFICE_EQUAL(of, asked, 1);
    office_sleep(of, MINUTE_MS);
    OFFICE_EQUAL(of, asked, 2);
    OFFICE_EQUAL(of, office_read(of, "a").count, 1);
    office_close(bank);
}

static void nothing_comes_of_it_and_it_is_asked_again_after_a_minute(void **state)
{
    (void)state;
    office_play(play_nothing, 0);
}

static void play_not_put_off(office *of)
{
    begin(of, change_nothing);
    instance *bank = office_start(of);
    book(bank, "a", 1000);
    office_sleep(of, 11000);
    OFFICE_CHECK(of, asked >= 8 && asked <= 11);
    OFFICE_EQUAL(of, office_read(of, "a").count, 1 + asked);
    office_close(bank);
}

static void play_not_put_off_by_two(office *of)
{
    begin(of, change_nothing_twice);
    instance *bank = office_start(of);
    book(bank, "a", 1000);
    office_sleep(of, 11000);
    OFFICE_CHECK(of, asked >= 8 && asked <= 11);
    OFFICE_EQUAL(of, office_read(of, "a").count, 1 + 2 * asked);
    office_close(bank);
}

static void one_that_is_not_put_off_fires_once_a_second(void **state)
{
    (void)state;
    office_play(play_not_put_off, 0);
    office_play(play_not_put_off_by_two, 0);
}

static void play_put_off_by_the_second(office *of)
{
    begin(of, empty_in_two);
    instance *bank = office_start(of);
    book(bank, "a", 3000);
    office_sleep(of, 3500);
    book(bank, "a", 100); /* due in the past: at once, and not after a second */
    office_sleep(of, 300);
    OFFICE_EQUAL(of, asked, 2);
    OFFICE_EQUAL(of, office_read(of, "a").cents, 0);
    office_sleep(of, MINUTE_MS);
    OFFICE_EQUAL(of, asked, 2);
    office_close(bank);
}

static void the_last_of_its_events_may_put_it_off(void **state)
{
    (void)state;
    office_play(play_put_off_by_the_second, 0);
}

/* ---- beside calls ---- */

enum { BUSY = 4 };

/* Something of it is always on its way. */
static void play_busy(office *of)
{
    begin(of, empty);
    instance *bank = office_start(of);
    office_call calls[BUSY] = {{0}};
    test_commands_book command = {.cents = 0, .times = 1};
    stele_call call = office_booking("a", &command);
    office_await_serving(bank, "a");
    book(bank, "a", stele_clock_now_ms(stele_runtime_clock(of->runtime)) - begin_ms + 200);
    for (int i = 0; i < BUSY; i++)
        office_begin(bank, &calls[i], &call);
    for (int ms = 0; ms < 500; ms++) {
        for (int i = 0; i < BUSY; i++)
            if (calls[i].is_done) office_begin(bank, &calls[i], &call);
        office_sleep(of, 1);
    }
    OFFICE_CHECK(of, asked > 0);
    for (int i = 0; i < BUSY; i++)
        office_await(of, &calls[i]);
    office_close(bank);
}

static void a_timer_of_a_busy_aggregate_fires(void **state)
{
    (void)state;
    office_play(play_busy, 0);
}

enum { MANY = 100 };

static void play_many(office *of)
{
    begin(of, empty);
    instance *bank = office_start(of);
    char id[8];
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "m-%d", i);
        book(bank, id, 60000);
    }
    office_kill(bank);
    office_sleep(of, 70000);
    bank = office_start(of); /* all are due at once */
    book(bank, "other", 90000);
    office_sleep(of, 5000);
    OFFICE_EQUAL(of, asked, MANY);
    office_close(bank);
}

static void many_that_are_due_at_once_fire_once_each(void **state)
{
    (void)state;
    office_play(play_many, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_fires_once_when_it_is_due),
        cmocka_unit_test(a_timer_survives_its_owner),
        cmocka_unit_test(a_timer_whose_transaction_is_aborted_fires_again),
        cmocka_unit_test(a_lost_marker_makes_a_timer_late_and_not_double),
        cmocka_unit_test(nothing_comes_of_it_and_it_is_asked_again_after_a_minute),
        cmocka_unit_test(one_that_is_not_put_off_fires_once_a_second),
        cmocka_unit_test(the_last_of_its_events_may_put_it_off),
        cmocka_unit_test(a_timer_of_a_busy_aggregate_fires),
        cmocka_unit_test(many_that_are_due_at_once_fire_once_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
