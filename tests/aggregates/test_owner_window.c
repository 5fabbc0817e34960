/* SPDX-License-Identifier: MIT
 * What may be taken again stays remembered, in virtual time: the record of how far the commands are
 * is lost with the end of its partition, again and again, the owner dies, and each command has one
 * effect all the same, even where an aggregate remembers one. */
#include <stele/generated.h>

#include "sending.h"
#include "tests/support/test.h"

enum { EVENTS = 1, SECOND = 2, FEW = 6 }; /* of a transaction, in turn */

/* Of the next transaction, the end in its second partition: behind the events it has the record. */
static void lose_record(const office *of)
{
    stele_log_memory_lose_some_markers(of->log, SECOND | STELE_LOG_MEMORY_GROUP);
}

static instance *start(office *of)
{
    instance *made = office_start(of);
    office_await_serving(made, "a");
    office_sleep(of, 3000); /* all is written down */
    return made;
}

static instance *replace(office *of, instance *killed)
{
    office_kill(killed);
    stele_log_memory_forget_faults(of->log);
    return start(of);
}

static void check(const sending *by, int64_t done, int64_t dead)
{
    post found = sending_look(by);
    OFFICE_EQUAL(by->of, found.done, done);
    OFFICE_EQUAL(by->of, found.dead, dead);
    OFFICE_EQUAL(by->of, found.missing + found.twice, 0);
}

static void play_commands(office *of)
{
    of->table.remembered = 1 + (int)(of->seed % 2);
    sending by = sending_begin(of);
    instance *bank = start(of);
    for (int i = 0; i < FEW; i++) {
        lose_record(of);
        sending_send(&by, "a", 1, STELE_EXPECT_ANY, NULL);
        office_sleep(of, 1 << (of->seed + (uint64_t)i) % 6);
    }
    bank = replace(of, bank);
    sending_await(&by, FEW);
    check(&by, FEW, 0);
    office_close(bank);
    sending_end(&by);
}

static void commands_do_not_push_out_what_may_be_taken_again(void **state)
{
    (void)state;
    office_play(play_commands, 0);
}

/* They are in the same aggregate, and come into transactions of their own. */
static void play_calls(office *of)
{
    of->table.remembered = 1 + (int)(of->seed % 2);
    test_commands_book one = {.cents = 1, .times = 1};
    stele_call call = office_booking("a", &one);
    office_call calls[FEW] = {{.is_done = false}};
    sending by = sending_begin(of);
    instance *bank = start(of);
    lose_record(of);
    sending_send(&by, "a", 1, STELE_EXPECT_ANY, NULL);
    sending_await(&by, 1);
    for (int i = 0; i < FEW; i++) {
        lose_record(of);
        office_begin(bank, &calls[i], &call);
        office_await(of, &calls[i]);
        OFFICE_EQUAL(of, calls[i].status, STELE_OK);
    }
    bank = replace(of, bank);
    sending_send(&by, "a", 1, STELE_EXPECT_ANY, NULL);
    sending_await(&by, 2 + FEW);
    check(&by, 2 + FEW, 0);
    office_close(bank);
    sending_end(&by);
}

static void calls_do_not_push_out_what_may_be_taken_again(void **state)
{
    (void)state;
    office_play(play_calls, 0);
}

/* One that was proven long ago, and keeps its repeat from being carried out. */
static void play_repeats(office *of)
{
    of->table.remembered = 1;
    test_commands_book one = {.cents = 1, .times = 1};
    stele_call call = office_booking("a", &one);
    office_call called = {.is_done = false};
    sending by = sending_begin(of);
    instance *bank = start(of);
    sending_send(&by, "a", 1, STELE_EXPECT_ANY, "c-0");
    sending_await(&by, 1);
    office_sleep(of, 3000);
    /* Of a transaction without events the record is in the first partition. */
    stele_log_memory_lose_some_markers(of->log, EVENTS | STELE_LOG_MEMORY_GROUP);
    sending_send(&by, "a", 1, STELE_EXPECT_ANY, "c-0");
    office_sleep(of, 30);
    lose_record(of);
    office_begin(bank, &called, &call);
    office_await(of, &called);
    bank = replace(of, bank);
    by.count = 1; /* one id */
    check(&by, 2, 0);
    office_close(bank);
    sending_end(&by);
}

static void what_a_repeat_is_recognised_by_is_not_pushed_out(void **state)
{
    (void)state;
    office_play(play_repeats, 0);
}

static void play_time(office *of)
{
    of->table.remembered_ms = 100;
    sending by = sending_begin(of);
    instance *bank = start(of);
    lose_record(of);
    sending_send(&by, "a", 1, STELE_EXPECT_ANY, NULL);
    sending_await(&by, 1);
    office_kill(bank);
    office_sleep(of, 5000); /* no one is there for longer than it is remembered */
    bank = start(of);
    check(&by, 1, 0);
    for (int i = 2; i <= FEW; i++) {
        lose_record(of);
        sending_send(&by, "a", 1, STELE_EXPECT_ANY, NULL);
        sending_await(&by, i);
        office_sleep(of, 200);
    }
    bank = replace(of, bank);
    check(&by, FEW, 0);
    office_close(bank);
    sending_end(&by);
}

static void time_takes_nothing_away_that_may_be_taken_again(void **state)
{
    (void)state;
    office_play(play_time, 0);
}

/* It was refused, and all that says so is lost; what comes next would have made it possible. */
static void play_refused(office *of)
{
    sending by = sending_begin(of);
    instance *bank = start(of);
    stele_log_memory_lose_markers(of->log);
    sending_send(&by, "a", -1, STELE_EXPECT_ANY, NULL);
    office_sleep(of, 5);
    lose_record(of);
    sending_send(&by, "a", 1, STELE_EXPECT_ANY, NULL);
    office_sleep(of, 1 << of->seed % 8);
    bank = replace(of, bank);
    sending_await(&by, 2);
    check(&by, 1, 1);
    office_close(bank);
    sending_end(&by);
}

static void what_was_refused_is_not_decided_on_again_after_what_came_next(void **state)
{
    (void)state;
    office_play(play_refused, 0);
}

/* By owners that die, one after the other. */
static void play_many(office *of)
{
    enum { MANY = 300 };
    of->table.remembered = 1;
    sending by = sending_begin(of);
    for (int i = 0; i < MANY; i++)
        sending_send(&by, i % 3 == 0 ? "a" : "b", i % 7 == 6 ? -1000000 : 1, STELE_EXPECT_ANY,
                     NULL);
    for (int i = 0; i < FEW; i++) {
        instance *bank = office_start(of);
        office_await_serving(bank, "a");
        lose_record(of);
        office_sleep(of, (int)(of->seed * 7 % 40));
        lose_record(of);
        office_sleep(of, 10);
        office_kill(bank);
    }
    instance *bank = start(of);
    sending_await(&by, MANY);
    check(&by, MANY - MANY / 7, MANY / 7);
    office_close(bank);
    sending_end(&by);
}

static void an_aggregate_that_remembers_one_is_enough(void **state)
{
    (void)state;
    office_play(play_many, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_do_not_push_out_what_may_be_taken_again),
        cmocka_unit_test(calls_do_not_push_out_what_may_be_taken_again),
        cmocka_unit_test(what_a_repeat_is_recognised_by_is_not_pushed_out),
        cmocka_unit_test(time_takes_nothing_away_that_may_be_taken_again),
        cmocka_unit_test(what_was_refused_is_not_decided_on_again_after_what_came_next),
        cmocka_unit_test(an_aggregate_that_remembers_one_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
