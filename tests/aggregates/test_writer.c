/* SPDX-License-Identifier: MIT
 * The writer in virtual time: what callers are told, and what is in the log. */
#include "office.h"

#include <stele/generated.h>

#include "aggregates/owners.h"
#include "core/alloc.h"
#include "tests/support/test.h"

/* ---- one instance ---- */

static void play_execution(office *of)
{
    stele_result result;
    stele_error err;
    instance *bank = office_start(of);

    OFFICE_EQUAL(of, office_book(bank, "a", 50, STELE_EXPECT_ANY, "first", &result, &err), 0);

    OFFICE_EQUAL(of, result.version, 1);
    OFFICE_EQUAL(of, result.event_count, 1);
    OFFICE_CHECK(of, strcmp(result.topic, "account.events") == 0);
    OFFICE_CHECK(of, result.offset >= 0 && !result.repeated);
    OFFICE_EQUAL(of, strlen(result.first_event_id), 36);
    OFFICE_EQUAL(of, office_book(bank, "a", 20, 1, NULL, &result, &err), 0);
    OFFICE_EQUAL(of, result.version, 2);
    int64_t version;
    OFFICE_EQUAL(of, office_load(bank, "a", &version), 70);
    OFFICE_EQUAL(of, version, 2);
    office_close(bank);
    OFFICE_EQUAL(of, office_read(of, "a").cents, 70);
}

static void a_command_is_carried_out_and_visible_when_it_is_answered(void **state)
{
    (void)state;
    office_play(play_execution, 0);
}

static void play_refusals(office *of)
{
    stele_result result;
    stele_error err;
    instance *bank = office_start(of);

    OFFICE_EQUAL(of, office_book(bank, "a", -1, STELE_EXPECT_ANY, NULL, &result, &err),
                 STELE_E_REJECTED);
    OFFICE_CHECK(of, strcmp(result.code, "insufficient_funds") == 0);
    OFFICE_CHECK(of, strstr(err.text, "Insufficient funds: 0 cents") != NULL);
    OFFICE_EQUAL(of, err.next, STELE_NEXT_REJECT);

    OFFICE_EQUAL(of, office_book(bank, "a", 5, STELE_EXPECT_NEW, NULL, &result, &err), 0);
    OFFICE_EQUAL(of, office_book(bank, "a", 5, STELE_EXPECT_NEW, NULL, &result, &err),
                 STELE_E_CONFLICT);
    OFFICE_EQUAL(of, result.version, 1);
    OFFICE_EQUAL(of, office_book(bank, "a", 5, 7, NULL, &result, &err), STELE_E_CONFLICT);
    OFFICE_EQUAL(of, result.version, 1);
    OFFICE_EQUAL(of, office_book(bank, "b", 5, 1, NULL, &result, &err), STELE_E_CONFLICT);
    OFFICE_EQUAL(of, result.version, 0);
    OFFICE_EQUAL(of, office_book(bank, "a", 13, STELE_EXPECT_ANY, NULL, &result, &err),
                 STELE_E_INTERNAL); /* its own handler refuses the event */
    office_close(bank);
    OFFICE_EQUAL(of, office_read(of, "a").count, 1);
    OFFICE_EQUAL(of, office_read(of, "b").count, 0);
}

static void what_is_refused_leaves_nothing(void **state)
{
    (void)state;
    office_play(play_refusals, 0);
}

static void play_append(office *of)
{
    stele_result result;
    stele_error err;
    instance *bank = office_start(of);
    const test_opened opened = {.owner = stele_text("Ann")};
    const test_booked booked = {.cents = 7};
    const stele_new_event events[] = {{&test_opened_type, &opened}, {&test_booked_type, &booked}};
    stele_call call = {.aggregate_id = stele_text("a"),
                       .events = events,
                       .event_count = 2,
                       .expected_version = STELE_EXPECT_NEW,
                       .correlation_id = "order 7"};

    OFFICE_EQUAL(of, stele_execute(bank->writer, &call, &result, &err), 0);

    OFFICE_EQUAL(of, result.version, 2);
    OFFICE_EQUAL(of, result.event_count, 2);
    OFFICE_EQUAL(of, stele_execute(bank->writer, &call, &result, &err), STELE_E_CONFLICT);
    int64_t version;
    OFFICE_EQUAL(of, office_load(bank, "a", &version), 7);
    OFFICE_EQUAL(of, office_load(bank, "unknown", &version), 0);
    OFFICE_EQUAL(of, version, 0);
    office_close(bank);
    OFFICE_EQUAL(of, office_read(of, "a").count, 2);
}

static void events_are_appended_as_they_are(void **state)
{
    (void)state;
    office_play(play_append, 0);
}

static void play_end_of_life(office *of)
{
    stele_result result;
    stele_error err;
    instance *bank = office_start(of);
    OFFICE_EQUAL(of, office_book(bank, "a", 5, STELE_EXPECT_ANY, NULL, &result, &err), 0);
    const test_commands_do close = {.what = stele_text("close")};
    stele_call call = {
        .aggregate_id = stele_text("a"), .type = &test_commands_do_type, .command = &close};
    OFFICE_EQUAL(of, stele_execute(bank->writer, &call, &result, &err), 0);

    OFFICE_EQUAL(of, office_book(bank, "a", 5, STELE_EXPECT_ANY, NULL, &result, &err),
                 STELE_E_REJECTED);

    OFFICE_CHECK(of, strcmp(result.code, "finished") == 0);
    office_close(bank);
    bank = office_start(of);
    OFFICE_EQUAL(of, office_book(bank, "a", 5, STELE_EXPECT_ANY, NULL, &result, &err),
                 STELE_E_REJECTED);
    office_close(bank);
    OFFICE_EQUAL(of, office_read(of, "a").count, 2);
}

static void nothing_follows_the_end_of_a_life(void **state)
{
    (void)state;
    office_play(play_end_of_life, 0);
}

/* ---- many at a time ---- */

enum { CALLS = 60 };

static void play_many(office *of)
{
    instance *bank = office_start(of);
    office_call calls[CALLS];
    for (int i = 0; i < CALLS; i++) {
        test_commands_book command = {.cents = 1, .times = 1};
        stele_call call = office_booking(i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "c", &command);
        office_begin(bank, &calls[i], &call);
        if (i % 16 == 15) office_sleep(of, 1);
    }
    int64_t versions = 0;
    for (int i = 0; i < CALLS; i++) {
        office_await(of, &calls[i]);
        OFFICE_EQUAL(of, calls[i].status, STELE_OK);
        if (i % 3 == 0) versions += calls[i].result.version;
    }
    OFFICE_EQUAL(of, versions, 20 * 21 / 2);
    office_close(bank);
    OFFICE_EQUAL(of, office_read(of, "a").count, CALLS / 3);
    OFFICE_EQUAL(of, office_read(of, "b").count, CALLS / 3);
    OFFICE_EQUAL(of, office_read(of, "c").count, CALLS / 3);
}

static void commands_of_many_callers_are_decided_one_after_the_other(void **state)
{
    (void)state;
    office_play(play_many, 0);
}

/* ---- repeats ---- */

static void play_repeats(office *of)
{
    stele_result first, second;
    stele_error err;
    instance *bank = office_start(of);
    OFFICE_EQUAL(of, office_book(bank, "a", 5, STELE_EXPECT_NEW, "once", &first, &err), 0);

    OFFICE_EQUAL(of, office_book(bank, "a", 5, STELE_EXPECT_NEW, "once", &second, &err), 0);

    OFFICE_CHECK(of, second.repeated && second.version == 1 && second.offset == first.offset);
    OFFICE_CHECK(of, strcmp(second.first_event_id, first.first_event_id) == 0);
    office_close(bank);
    bank = office_start(of); /* from snapshots */
    OFFICE_EQUAL(of, office_book(bank, "a", 5, STELE_EXPECT_NEW, "once", &second, &err), 0);
    OFFICE_CHECK(of, second.repeated && second.version == 1 && second.offset == first.offset);
    OFFICE_CHECK(of, strcmp(second.first_event_id, first.first_event_id) == 0);

    office_call calls[4];
    test_commands_book command = {.cents = 9, .times = 2};
    stele_call call = office_booking("a", &command);
    call.command_id = "again";
    for (int i = 0; i < 4; i++)
        office_begin(bank, &calls[i], &call);
    int repeated = 0;
    for (int i = 0; i < 4; i++) {
        office_await(of, &calls[i]);
        OFFICE_EQUAL(of, calls[i].status, STELE_OK);
        OFFICE_EQUAL(of, calls[i].result.version, 3);
        repeated += calls[i].result.repeated;
    }
    OFFICE_EQUAL(of, repeated, 3);
    office_close(bank);
    OFFICE_EQUAL(of, office_read(of, "a").count, 3);
}

static void a_repeat_gets_the_first_result_and_adds_nothing(void **state)
{
    (void)state;
    office_play(play_repeats, 0);
}

/* Readers get a transaction in pieces, and so does the owner. */
static void play_units(office *of)
{
    enum { TIMES = 100, REPEATS = 40 };
    office_call calls[REPEATS];
    instance *bank = office_start(of);
    office_await_serving(bank, "a");
    test_commands_book command = {.cents = 1, .times = TIMES};
    stele_call call = office_booking("a", &command);
    call.command_id = "once";
    for (int i = 0; i < REPEATS; i++) {
        int64_t version;
        office_begin(bank, &calls[i], &call);
        int64_t cents = office_load(bank, "a", &version);
        OFFICE_CHECK(of, version == 0 || version == TIMES);
        OFFICE_EQUAL(of, cents, version);
    }
    for (int i = 0; i < REPEATS; i++) {
        office_await(of, &calls[i]);
        OFFICE_EQUAL(of, calls[i].status, STELE_OK);
        OFFICE_EQUAL(of, calls[i].result.version, TIMES);
        OFFICE_EQUAL(of, calls[i].result.event_count, TIMES);
    }
    office_close(bank);
    OFFICE_EQUAL(of, office_read(of, "a").count, TIMES);
}

static void what_was_decided_as_one_is_told_as_one(void **state)
{
    (void)state;
    office_play(play_units, 0);
}

/* ---- transactions that do not commit ---- */

static void play_aborts(office *of)
{
    instance *bank = office_start(of);
    office_await_serving(bank, "a");
    office_call calls[CALLS];
    for (int i = 0; i < CALLS; i++) {
        test_commands_book command = {.cents = 1, .times = 1};
        stele_call call = office_booking("a", &command);
        if (i % 20 == 5)
            stele_log_memory_fail_append(of->log, 1 + (uint64_t)i % 3, STELE_LOG_MEMORY_REFUSED);
        office_begin(bank, &calls[i], &call);
        if (i % 10 == 9) office_sleep(of, 2);
    }
    int64_t versions = 0;
    for (int i = 0; i < CALLS; i++) {
        office_await(of, &calls[i]);
        OFFICE_EQUAL(of, calls[i].status, STELE_OK);
        versions += calls[i].result.version;
    }
    OFFICE_EQUAL(of, versions, CALLS * (CALLS + 1) / 2);
    office_close(bank);
    OFFICE_EQUAL(of, office_read(of, "a").count, CALLS);
}

static void what_is_aborted_is_decided_again(void **state)
{
    (void)state;
    office_play(play_aborts, 0);
}

static void play_writers_that_die(office *of)
{
    instance *bank = office_start(of);
    office_await_serving(bank, "a");
    static const stele_log_memory_doubt doubts[] = {STELE_LOG_MEMORY_DONE,
                                                    STELE_LOG_MEMORY_NOT_DONE};
    for (int i = 0; i < 4; i++) {
        office_call calls[2];
        test_commands_book command = {.cents = 1, .times = 1};
        stele_call call = office_booking("a", &command);
        stele_log_memory_doubt_commit(of->log, doubts[i % 2]);
        office_begin(bank, &calls[0], &call);
        office_begin(bank, &calls[1], &call);
        office_await(of, &calls[0]);
        office_await(of, &calls[1]);
        OFFICE_EQUAL(of, calls[0].status, STELE_OK);
        OFFICE_EQUAL(of, calls[1].status, STELE_OK);
        OFFICE_EQUAL(of, calls[1].result.version, 2 * i + 2);
    }
    office_close(bank);
    OFFICE_EQUAL(of, office_read(of, "a").count, 8);
}

static void an_outcome_that_is_not_known_is_found_out(void **state)
{
    (void)state;
    office_play(play_writers_that_die, 0);
}

static void play_lost_markers(office *of)
{
    stele_result result;
    stele_error err;
    instance *bank = office_start(of);
    OFFICE_EQUAL(of, office_book(bank, "a", 1, STELE_EXPECT_ANY, NULL, &result, &err), 0);
    for (int i = 0; i < 2; i++) {
        office_call calls[2];
        test_commands_book command = {.cents = 1, .times = 1};
        stele_call call = office_booking("a", &command);
        stele_log_memory_lose_markers(of->log);
        office_begin(bank, &calls[0], &call);
        if (i == 1) { /* and one more comes while it hangs; else its owner has nothing to write */
            office_sleep(of, 15);
            office_begin(bank, &calls[1], &call);
            office_await(of, &calls[1]);
            OFFICE_EQUAL(of, calls[1].status, STELE_OK);
        }
        office_await(of, &calls[0]);
        OFFICE_EQUAL(of, calls[0].status, STELE_OK);
    }
    office_close(bank);
    OFFICE_EQUAL(of, office_read(of, "a").count, 4);
}

static void a_lost_marker_is_latency_only(void **state)
{
    (void)state;
    office_play(play_lost_markers, 0);
}

enum { MESSAGE_MAX = 2000 };

static void play_one_too_large(office *of)
{
    instance *bank = office_start(of);
    office_await_serving(bank, "a");
    char *name = stele_alloc(MESSAGE_MAX + 1);
    memset(name, 'x', MESSAGE_MAX);
    const test_opened opened = {.owner = stele_text(name)};
    const test_booked booked = {.cents = 7};
    const stele_new_event large = {&test_opened_type, &opened};
    const stele_new_event small = {&test_booked_type, &booked};
    stele_call call = {
        .aggregate_id = stele_text("a"), .event_count = 1, .expected_version = STELE_EXPECT_NEW};
    office_call calls[4];
    call.events = &large;
    office_begin(bank, &calls[0], &call);
    call.events = &small; /* it is new only if the one before it fails */
    office_begin(bank, &calls[1], &call);
    office_begin(bank, &calls[2], &call);
    call.aggregate_id = stele_text("b");
    office_begin(bank, &calls[3], &call);

    for (int i = 0; i < 4; i++)
        office_await(of, &calls[i]);

    OFFICE_EQUAL(of, calls[0].status, STELE_E_LIMIT);
    OFFICE_EQUAL(of, calls[1].status, STELE_OK);
    OFFICE_EQUAL(of, calls[2].status, STELE_E_CONFLICT);
    OFFICE_EQUAL(of, calls[3].status, STELE_OK);
    office_close(bank);
    OFFICE_EQUAL(of, office_read(of, "a").count, 1);
    free(name);
}

static void one_that_is_too_large_fails_alone_and_no_answer_rests_on_it(void **state)
{
    (void)state;
    office_play(play_one_too_large, MESSAGE_MAX);
}

/* ---- more than one instance ---- */

static void play_failover(office *of)
{
    stele_result result;
    stele_error err;
    instance *first = office_start(of);
    OFFICE_EQUAL(of, office_book(first, "a", 1, STELE_EXPECT_ANY, "c0", &result, &err), 0);
    office_call lost[3];
    for (int i = 0; i < 3; i++) {
        char id[8];
        snprintf(id, sizeof id, "c%d", i + 1);
        test_commands_book command = {.cents = 1, .times = 1};
        stele_call call = office_booking("a", &command);
        call.command_id = id;
        office_begin(first, &lost[i], &call);
    }
    office_sleep(of, (int)(of->seed % 8)); /* whether they are in the log by now or not */
    office_kill(first);

    instance *second = office_start(of);
    for (int i = 0; i < 4; i++) {
        char id[8];
        snprintf(id, sizeof id, "c%d", i);
        OFFICE_EQUAL(of, office_book(second, "a", 1, STELE_EXPECT_ANY, id, &result, &err), 0);
        OFFICE_EQUAL(of, result.version, i + 1);
    }
    office_close(second);
    OFFICE_EQUAL(of, office_read(of, "a").count, 4);
}

static void who_takes_over_knows_what_was_carried_out(void **state)
{
    (void)state;
    office_play(play_failover, 0);
}

static void play_terms(office *of)
{
    int64_t terms[OFFICE_PARTITIONS]; /* of "a" and of "d" */
    stele_error err;
    for (int64_t term = 1; term <= 3; term++) {
        if (term == 2) stele_log_memory_fail_append(of->log, 1, STELE_LOG_MEMORY_REFUSED);
        instance *bank = office_start(of);
        office_await_serving(bank, "a");
        office_await_serving(bank, "d");
        stele_result result;
        OFFICE_EQUAL(of, office_book(bank, "a", 1, STELE_EXPECT_ANY, NULL, &result, &err), 0);
        OFFICE_EQUAL(of, office_book(bank, "d", 1, STELE_EXPECT_ANY, NULL, &result, &err), 0);
        if (of->seed % 2 == 0)
            office_close(bank);
        else
            office_kill(bank);
        stele_deadline by = stele_deadline_after(stele_runtime_clock(of->runtime), OFFICE_WAIT_MS);
        OFFICE_EQUAL(
            of,
            stele_owners_read_terms(of->log, "account.events", by, terms, OFFICE_PARTITIONS, &err),
            0);
        OFFICE_EQUAL(of, terms[0], term);
        OFFICE_EQUAL(of, terms[1], term);
    }
}

static void each_owner_says_that_it_is_the_next_one(void **state)
{
    (void)state;
    office_play(play_terms, 0);
}

static void play_late_wakening(office *of)
{
    stele_result result;
    stele_error err;
    instance *first = office_start(of);
    OFFICE_EQUAL(of, office_book(first, "a", 1, STELE_EXPECT_ANY, NULL, &result, &err), 0);
    instance *second = office_start(of);
    office_call late;
    test_commands_book command = {.cents = 10, .times = 1};
    stele_call call = office_booking("a", &command);
    call.timeout_ms = 100;
    office_begin(first, &late, &call);
    office_freeze(first, 20000);

    OFFICE_EQUAL(of, office_book(second, "a", 1, STELE_EXPECT_ANY, NULL, &result, &err), 0);
    OFFICE_EQUAL(of, office_book(second, "a", 1, STELE_EXPECT_ANY, NULL, &result, &err), 0);

    office_await(of, &late);
    ledger found = office_read(of, "a");
    OFFICE_EQUAL(of, found.count, late.status == STELE_OK || found.cents > 3 ? 4 : 3);
    office_close(first);
    office_close(second);
    OFFICE_EQUAL(of, office_read(of, "a").count, found.count);
}

static void an_owner_that_wakes_up_late_adds_nothing(void **state)
{
    (void)state;
    office_play(play_late_wakening, 0);
}

/* The end of its transaction is lost, it sleeps past its session, and its successor aborts that. */
static void play_late_reading(office *of)
{
    stele_result result;
    stele_error err;
    instance *first = office_start(of);
    OFFICE_EQUAL(of, office_book(first, "a", 1, STELE_EXPECT_ANY, NULL, &result, &err), 0);
    instance *second = office_start(of);
    office_call late;
    test_commands_book command = {.cents = 10, .times = 1};
    stele_call call = office_booking("a", &command);
    call.timeout_ms = 30000;
    stele_log_memory_lose_markers(of->log);
    office_begin(first, &late, &call);
    office_sleep(of, 1 + (int)(of->seed % 6));
    office_freeze(first, 20000);

    OFFICE_EQUAL(of, office_book(second, "a", 1, STELE_EXPECT_ANY, NULL, &result, &err), 0);

    office_await(of, &late);
    OFFICE_CHECK(of, late.status < 0 || office_read(of, "a").cents == 12);
    office_close(first);
    office_close(second);
}

static void an_owner_that_wakes_up_late_answers_for_nothing_that_was_aborted(void **state)
{
    (void)state;
    office_play(play_late_reading, 0);
}

static void load_if_it_answers(instance *self, int64_t least)
{
    test_account account = {0};
    stele_error err;
    int64_t version;
    if (stele_writer_load(self->writer, stele_text("a"), 100, &account, &version, &err) == STELE_OK)
        OFFICE_CHECK(self->of, version >= least);
    stele_value_clear(&test_account_type, &account);
}

static void play_late_answers(office *of)
{
    stele_result result;
    stele_error err;
    instance *first = office_start(of);
    OFFICE_EQUAL(of, office_book(first, "a", 1, STELE_EXPECT_ANY, NULL, &result, &err), 0);
    instance *second = office_start(of);
    office_freeze(first, 20000);
    OFFICE_EQUAL(of, office_book(second, "a", 1, STELE_EXPECT_ANY, NULL, &result, &err), 0);
    office_call stale;
    test_commands_book command = {.cents = 10, .times = 1};
    stele_call call = office_booking("a", &command);
    call.timeout_ms = 30000;
    call.expected_version = 2; /* as the second answered */
    office_begin(first, &stale, &call);
    while (!stale.is_done) {
        load_if_it_answers(first, 2);
        office_sleep(of, 1);
    }
    OFFICE_CHECK(of, stale.status != STELE_E_CONFLICT);
    office_close(first);
    office_close(second);
}

static void an_owner_that_wakes_up_late_tells_nothing_old(void **state)
{
    (void)state;
    office_play(play_late_answers, 0);
}

static void play_handover(office *of)
{
    instance *banks[2] = {office_start(of), NULL};
    office_await_serving(banks[0], "a");
    office_call calls[CALLS];
    static const char *const ids[] = {"a", "b", "c", "d"};
    for (int i = 0; i < CALLS; i++) {
        test_commands_book command = {.cents = 1, .times = 1};
        stele_call call = office_booking(ids[i % 4], &command);
        call.timeout_ms = 2000;
        if (i == CALLS / 3) banks[1] = office_start(of); /* takes one of the partitions over */
        office_begin(banks[0], &calls[i], &call);
        office_sleep(of, 7);
    }
    int done[4] = {0};
    int unknown = 0;
    for (int i = 0; i < CALLS; i++) {
        office_await(of, &calls[i]);
        if (calls[i].status == STELE_OK)
            done[i % 4]++;
        else if (calls[i].status == STELE_E_TIMED_OUT)
            unknown++;
        else
            OFFICE_EQUAL(of, calls[i].status, STELE_E_UNAVAILABLE); /* it is elsewhere now */
    }
    OFFICE_EQUAL(of, unknown, 0); /* in good order all that is begun is finished */
    for (int i = 0; i < 4; i++)
        OFFICE_EQUAL(of, office_read(of, ids[i]).count, done[i]);
    office_close(banks[0]);
    office_close(banks[1]);
}

static void a_partition_that_is_handed_over_finishes_what_it_has_begun(void **state)
{
    (void)state;
    office_play(play_handover, 0);
}

/* ---- what is stopped ---- */

static void await_stopped(instance *self, const char *id)
{
    office *of = self->of;
    stele_deadline by = stele_deadline_after(stele_runtime_clock(of->runtime), OFFICE_WAIT_MS);
    int32_t partition = stele_writer_partition_of(self->writer, stele_text(id));
    while (stele_writer_desk_state(self->writer, partition) != STELE_DESK_STOPPED) {
        OFFICE_CHECK(of, !stele_deadline_passed(by));
        office_sleep(of, 1);
    }
}

static void play_stop(office *of)
{
    stele_result result;
    stele_error err;
    instance *bank = office_start(of);
    OFFICE_EQUAL(of, office_book(bank, "a", 1, STELE_EXPECT_ANY, NULL, &result, &err), 0);
    OFFICE_EQUAL(of, office_book(bank, "d", 1, STELE_EXPECT_ANY, NULL, &result, &err), 0);

    office_spoil(of, "a");
    await_stopped(bank, "a");

    int64_t before_ns = stele_fibers_now_ns(of->fibers);
    OFFICE_EQUAL(of, office_book(bank, "a", 1, STELE_EXPECT_ANY, NULL, &result, &err),
                 STELE_E_STOPPED);
    OFFICE_CHECK(of, stele_fibers_now_ns(of->fibers) - before_ns < 1000000000);
    OFFICE_EQUAL(of, err.next, STELE_NEXT_STOP);
    OFFICE_CHECK(of, strstr(err.text, "is stopped, nothing was appended: account.events/") != NULL);
    OFFICE_CHECK(of, strstr(err.text, "no value") != NULL);
    OFFICE_EQUAL(of, office_book(bank, "d", 1, STELE_EXPECT_ANY, NULL, &result, &err), 0);
    office_close(bank);
}

static void a_partition_that_is_stopped_answers_at_once_with_its_reason(void **state)
{
    (void)state;
    office_play(play_stop, 0);
}

static void play_stop_while_calls_wait(office *of)
{
    enum { WAITING = 20 };
    stele_result result;
    stele_error err;
    office_call calls[WAITING];
    test_commands_book command = {.cents = 1, .times = 1};
    stele_call call = office_booking("a", &command);
    instance *bank = office_start(of);
    OFFICE_EQUAL(of, office_book(bank, "a", 1, STELE_EXPECT_ANY, NULL, &result, &err), 0);
    office_spoil(of, "a");
    for (int i = 0; i < WAITING; i++) {
        office_try(bank, &calls[i], &call);
        office_sleep(of, 1);
    }
    int done = 1;
    for (int i = 0; i < WAITING; i++) {
        office_await(of, &calls[i]);
        done += calls[i].status == STELE_OK;
        OFFICE_CHECK(of, calls[i].status == STELE_OK || calls[i].status == STELE_E_STOPPED ||
                             calls[i].status == STELE_E_TIMED_OUT);
    }
    OFFICE_EQUAL(of, office_book(bank, "a", 1, STELE_EXPECT_ANY, NULL, &result, &err),
                 STELE_E_STOPPED);
    OFFICE_CHECK(of, done <= WAITING);
    office_close(bank);
}

static void calls_that_wait_when_it_stops_are_answered(void **state)
{
    (void)state;
    office_play(play_stop_while_calls_wait, 0);
}

/* ---- waiting ---- */

static void play_waiting(office *of)
{
    stele_error err;
    stele_log_memory_set_up(of->log, false);
    instance *bank = office_start_with(of, STELE_ACKNOWLEDGE_VISIBLE, 2);
    office_call calls[3];
    test_commands_book command = {.cents = 1, .times = 1};
    stele_call call = office_booking("a", &command);
    call.timeout_ms = 500;
    office_begin(bank, &calls[0], &call);
    call.timeout_ms = 0;
    office_begin(bank, &calls[1], &call);

    OFFICE_EQUAL(of, stele_execute(bank->writer, &call, NULL, &err), STELE_E_FULL);

    OFFICE_EQUAL(of, err.next, STELE_NEXT_RETRY);
    office_await(of, &calls[0]);
    OFFICE_EQUAL(of, calls[0].status, STELE_E_UNAVAILABLE);
    OFFICE_EQUAL(of, calls[0].failure.next, STELE_NEXT_RETRY);
    stele_log_memory_set_up(of->log, true);
    office_await(of, &calls[1]);
    OFFICE_EQUAL(of, calls[1].status, STELE_OK);
    OFFICE_EQUAL(of, calls[1].result.version, 1);
    office_close(bank);
}

static void calls_wait_for_their_owner_up_to_their_time(void **state)
{
    (void)state;
    office_play(play_waiting, 0);
}

static void play_close(office *of)
{
    instance *bank = office_start(of);
    office_await_serving(bank, "a");
    office_call calls[20];
    for (int i = 0; i < 20; i++) {
        test_commands_book command = {.cents = 1, .times = 1};
        stele_call call = office_booking("a", &command);
        office_begin(bank, &calls[i], &call);
        if (i == 10) office_sleep(of, 1);
    }
    office_close(bank);

    int carried_out = 0;
    for (int i = 0; i < 20; i++) {
        OFFICE_CHECK(of, calls[i].is_done);
        carried_out += calls[i].status == STELE_OK;
        if (calls[i].status < 0) OFFICE_EQUAL(of, calls[i].status, STELE_E_UNAVAILABLE);
    }
    OFFICE_EQUAL(of, office_read(of, "a").count, carried_out);
}

static void a_close_answers_every_call(void **state)
{
    (void)state;
    office_play(play_close, 0);
}

static void play_committed(office *of)
{
    instance *bank = office_start_with(of, STELE_ACKNOWLEDGE_COMMITTED, 0);
    stele_result result;
    stele_error err;
    for (int i = 0; i < 10; i++) {
        int64_t version;
        OFFICE_EQUAL(
            of, office_book(bank, "a", 1, i == 0 ? STELE_EXPECT_NEW : i, NULL, &result, &err), 0);
        OFFICE_EQUAL(of, result.version, i + 1);
        OFFICE_EQUAL(of, office_load(bank, "a", &version), i + 1);
    }
    office_close(bank);
}

static void who_is_answered_at_the_commit_reads_what_it_wrote(void **state)
{
    (void)state;
    office_play(play_committed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_carried_out_and_visible_when_it_is_answered),
        cmocka_unit_test(what_is_refused_leaves_nothing),
        cmocka_unit_test(events_are_appended_as_they_are),
        cmocka_unit_test(nothing_follows_the_end_of_a_life),
        cmocka_unit_test(commands_of_many_callers_are_decided_one_after_the_other),
        cmocka_unit_test(a_repeat_gets_the_first_result_and_adds_nothing),
        cmocka_unit_test(what_was_decided_as_one_is_told_as_one),
        cmocka_unit_test(what_is_aborted_is_decided_again),
        cmocka_unit_test(an_outcome_that_is_not_known_is_found_out),
        cmocka_unit_test(a_lost_marker_is_latency_only),
        cmocka_unit_test(one_that_is_too_large_fails_alone_and_no_answer_rests_on_it),
        cmocka_unit_test(who_takes_over_knows_what_was_carried_out),
        cmocka_unit_test(each_owner_says_that_it_is_the_next_one),
        cmocka_unit_test(an_owner_that_wakes_up_late_adds_nothing),
        cmocka_unit_test(an_owner_that_wakes_up_late_answers_for_nothing_that_was_aborted),
        cmocka_unit_test(an_owner_that_wakes_up_late_tells_nothing_old),
        cmocka_unit_test(a_partition_that_is_handed_over_finishes_what_it_has_begun),
        cmocka_unit_test(a_partition_that_is_stopped_answers_at_once_with_its_reason),
        cmocka_unit_test(calls_that_wait_when_it_stops_are_answered),
        cmocka_unit_test(calls_wait_for_their_owner_up_to_their_time),
        cmocka_unit_test(a_close_answers_every_call),
        cmocka_unit_test(who_is_answered_at_the_commit_reads_what_it_wrote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
