/* SPDX-License-Identifier: MIT
 * Commands by way of their topic, in virtual time: whatever befalls the owner, each has one effect
 * or one dead letter. */
#include <stele/sender.h>

#include <stele/generated.h>

#include "aggregates/commands_topic.h"
#include "core/alloc.h"
#include "core/names.h"
#include "kafka/partitioner.h"
#include "office.h"
#include "sending.h"
#include "tests/support/test.h"

#define COMMANDS "account.commands"

enum { ASK_MS = 10000 };

static void must(const office *of, const char *what, stele_status status, const stele_error *err)
{
    if (status < 0) office_fail(of, __FILE__, __LINE__, what, err->text);
}

static void put_raw(const sending *self, stele_bytes key, stele_bytes value, int32_t partition)
{
    stele_log_producer *producer;
    stele_error err;
    must(self->of, "open",
         stele_log_producer_open(self->of->log, &(stele_log_producer_options){0}, &producer, &err),
         &err);
    stele_header header = {"ce_correlationid", stele_text("raw")};
    stele_log_entry entry = {.partition = {COMMANDS, partition},
                             .key = key,
                             .value = value,
                             .headers = &header,
                             .header_count = 1};
    must(self->of, "put", stele_log_producer_put(producer, &entry, &err), &err);
    must(self->of, "flush", stele_log_producer_flush(producer, ASK_MS, &err), &err);
    stele_log_producer_close(producer);
}

/* ---- what becomes of them ---- */

static void play_commands(office *of)
{
    sending by = sending_begin(of);
    sending_send(&by, "a", 50, STELE_EXPECT_NEW, NULL); /* nobody owns yet */
    sending_send(&by, "a", -80, STELE_EXPECT_ANY, NULL);
    sending_send(&by, "a", -20, 1, NULL);
    sending_send(&by, "a", 5, 1, NULL);
    sending_send(&by, "a", 7, 2, NULL);

    instance *bank = office_start(of);

    post found = sending_await(&by, 5);
    OFFICE_EQUAL(of, found.done, 3);
    OFFICE_EQUAL(of, found.dead, 2);
    OFFICE_EQUAL(of, found.missing + found.twice, 0);
    OFFICE_CHECK(of, strcmp(found.code, "conflict") == 0);
    OFFICE_CHECK(of, strstr(found.reason, "is at version 2, not 1") != NULL);
    OFFICE_CHECK(of, strncmp(found.position, COMMANDS "/", strlen(COMMANDS "/")) == 0);
    int64_t version;
    OFFICE_EQUAL(of, office_load(bank, "a", &version), 37);
    office_close(bank);
    OFFICE_EQUAL(of, office_read(of, "a").count, 3);
    sending_end(&by);
}

static void each_command_is_carried_out_or_becomes_a_dead_letter(void **state)
{
    (void)state;
    office_play(play_commands, 0);
}

static void play_bad_records(office *of)
{
    sending by = sending_begin(of);
    static const uint8_t wire[] = {0, 0, 0, 0, 1, 0xff};
    const stele_bytes nothing = {0};
    const stele_bytes bad = stele_bytes_of(wire, sizeof wire);
    put_raw(&by, nothing, bad, 0);
    put_raw(&by, nothing, nothing, 1);
    for (int32_t i = 0; i < OFFICE_PARTITIONS; i++) { /* one of them is wrong */
        put_raw(&by, stele_text("a"), stele_text("no wire format"), i);
        put_raw(&by, stele_text("a"), nothing, i);
        put_raw(&by, stele_text("a"), bad, i);
    }
    put_raw(&by, stele_text("stele:a"), bad, 0);
    instance *bank = office_start(of);

    sending_send(&by, "a", 1, STELE_EXPECT_ANY, NULL);
    sending_send(&by, "b", 2, STELE_EXPECT_ANY, NULL);
    sending_send(&by, "c", 3, STELE_EXPECT_ANY, NULL);

    post found = sending_await(&by, 12);
    OFFICE_EQUAL(of, found.done, 3);
    OFFICE_EQUAL(of, found.dead, 9);
    OFFICE_EQUAL(of, found.missing + found.twice, 0);
    office_close(bank);
    sending_end(&by);
}

static void what_cannot_be_a_command_stops_nothing(void **state)
{
    (void)state;
    office_play(play_bad_records, 0);
}

static void play_unknown_schemas(office *of)
{
    sending by = sending_begin(of);
    instance *bank = office_start(of);
    for (int32_t i = 0; i < OFFICE_PARTITIONS; i++) {
        const uint8_t wire[] = {0, 0, 0, 1, (uint8_t)i, 2};
        for (char id = 'a'; id < 'h'; id++) {
            stele_bytes key = stele_bytes_of((const uint8_t *)&id, 1);
            if (stele_log_partition_of(key, OFFICE_PARTITIONS) != i) continue;
            put_raw(&by, key, stele_bytes_of(wire, sizeof wire), i);
            break;
        }
    }
    sending_send(&by, "a", 1, STELE_EXPECT_ANY, NULL);
    sending_send(&by, "b", 2, STELE_EXPECT_ANY, NULL);
    sending_send(&by, "c", 3, STELE_EXPECT_ANY, NULL);

    post found = sending_await(&by, 5);
    OFFICE_EQUAL(of, found.done, 3);
    OFFICE_EQUAL(of, found.dead, 2);
    office_close(bank);
    sending_end(&by);
}

static void schemas_that_no_one_knows_are_waited_for_in_each_partition(void **state)
{
    (void)state;
    office_play(play_unknown_schemas, 0);
}

static void play_repeats(office *of)
{
    stele_result result;
    stele_error err;
    sending by = sending_begin(of);
    instance *bank = office_start(of);
    OFFICE_EQUAL(of, office_book(bank, "a", 5, STELE_EXPECT_NEW, "once", &result, &err), 0);

    sending_send(&by, "a", 5, STELE_EXPECT_NEW, "once");
    sending_send(&by, "a", 6, STELE_EXPECT_ANY, "twice");
    sending_send(&by, "a", 6, STELE_EXPECT_ANY, "twice");
    sending_send(&by, "a", 1, STELE_EXPECT_ANY, "last");

    post found = sending_await(&by, 3);
    OFFICE_EQUAL(of, found.dead + found.twice, 0);
    int64_t version;
    OFFICE_EQUAL(of, office_load(bank, "a", &version), 12);
    OFFICE_EQUAL(of, office_book(bank, "a", 6, STELE_EXPECT_ANY, "twice", &result, &err), 0);
    OFFICE_CHECK(of, result.repeated);
    office_close(bank);
    sending_end(&by);
}

static void a_repeat_adds_nothing_whichever_way_it_comes(void **state)
{
    (void)state;
    office_play(play_repeats, 0);
}

/* ---- many ---- */

enum { MANY = 1500 }; /* more than are read ahead */

static void play_many(office *of)
{
    sending by = sending_begin(of);
    for (int i = 0; i < MANY; i++)
        sending_send(&by, "a", 1, i == 0 ? STELE_EXPECT_NEW : i, NULL);

    instance *bank = office_start(of);

    post found = sending_await(&by, MANY);
    OFFICE_EQUAL(of, found.dead + found.missing + found.twice, 0); /* each in its turn */
    office_close(bank);
    OFFICE_EQUAL(of, office_read(of, "a").count, MANY);
    sending_end(&by);
}

static void more_than_fit_are_carried_out_in_their_order(void **state)
{
    (void)state;
    office_play(play_many, 0);
}

/* ---- whatever befalls the owner ---- */

enum { ROUNDS = 6, EACH = 20 };

static void send_some(sending *by)
{
    static const char *const ids[] = {"a", "b", "c"};
    for (int i = 0; i < EACH; i++) /* every fifth is rejected */
        sending_send(by, ids[i % 3], i % 5 == 4 ? -1000000 : 1, STELE_EXPECT_ANY, NULL);
}

static void play_deaths(office *of)
{
    sending by = sending_begin(of);
    instance *bank = office_start(of);
    for (int i = 0; i < ROUNDS; i++) {
        send_some(&by);
        office_sleep(of, (int)(of->seed * 7 + (uint64_t)i * 13) % 60);
        office_kill(bank);
        bank = office_start(of);
        if (i % 2 == 0) office_await_serving(bank, "a");
    }
    post found = sending_await(&by, by.count);
    OFFICE_EQUAL(of, found.missing, 0);
    OFFICE_EQUAL(of, found.twice, 0);
    OFFICE_EQUAL(of, found.dead, ROUNDS * EACH / 5);
    office_close(bank);
    bank = office_start(of); /* and nothing is taken again */
    office_await_serving(bank, "a");
    office_sleep(of, 3000);
    found = sending_look(&by);
    OFFICE_EQUAL(of, found.done + found.dead, by.count);
    office_close(bank);
    sending_end(&by);
}

static void an_owner_that_is_killed_neither_loses_nor_repeats_one(void **state)
{
    (void)state;
    office_play(play_deaths, 0);
}

static void befall(const office *of, int what)
{
    switch (what % 6) {
    case 0:
        stele_log_memory_lose_markers(of->log);
        break;
    case 1:
        stele_log_memory_lose_half_the_markers(of->log);
        break;
    case 2:
        stele_log_memory_doubt_commit(of->log, STELE_LOG_MEMORY_NOT_DONE);
        break;
    case 3:
        stele_log_memory_doubt_commit(of->log, STELE_LOG_MEMORY_DONE);
        break;
    case 4:
        stele_log_memory_lose_some_markers(of->log, 1 + (of->seed + (uint64_t)what) % 15);
        break;
    default:
        stele_log_memory_fail_append(of->log, 1 + of->seed % 5, STELE_LOG_MEMORY_REFUSED);
        break;
    }
}

static void play_transactions(office *of)
{
    sending by = sending_begin(of);
    instance *bank = office_start(of);
    office_await_serving(bank, "a");
    for (int i = 0; i < 5; i++) {
        send_some(&by);
        befall(of, i + (int)of->seed);
        send_some(&by);
        office_sleep(of, 30);
        if (i % 2 == 1) {
            office_kill(bank);
            bank = office_start(of);
        }
        sending_await(&by, by.count);
    }
    post found = sending_look(&by);
    OFFICE_EQUAL(of, found.missing, 0);
    OFFICE_EQUAL(of, found.twice, 0);
    OFFICE_EQUAL(of, found.dead, by.count / 5);
    office_close(bank);
    sending_end(&by);
}

static void a_transaction_that_is_lost_or_aborted_takes_no_command_along(void **state)
{
    (void)state;
    office_play(play_transactions, 0);
}

/* ---- the topic itself ---- */

static void make_topic(const office *of, int32_t partitions)
{
    stele_error err;
    const stele_log_topic_options topic = {.name = COMMANDS, .partitions = partitions};
    must(of, "topic", stele_log_topic_create(of->log, &topic, ASK_MS, &err), &err);
}

static void delete_topic(const office *of)
{
    stele_error err;
    must(of, "delete", stele_log_topic_delete(of->log, COMMANDS, ASK_MS, &err), &err);
}

static void play_wrong_count(office *of)
{
    stele_result result;
    stele_error err;
    make_topic(of, OFFICE_PARTITIONS + 1);
    of->takes_commands = true;
    instance *bank = office_start(of);

    OFFICE_EQUAL(of, office_book(bank, "a", 5, STELE_EXPECT_NEW, "call", &result, &err), 0);
    delete_topic(of);
    sending by = sending_begin(of);
    sending_send(&by, "a", 6, STELE_EXPECT_ANY, NULL);

    post found = sending_await(&by, 2);
    OFFICE_EQUAL(of, found.done, 2);
    office_close(bank);
    sending_end(&by);
}

static void a_topic_with_another_partition_count_holds_up_commands_only(void **state)
{
    (void)state;
    office_play(play_wrong_count, 0);
}

static void play_deleted(office *of)
{
    stele_result result;
    stele_error err;
    sending by = sending_begin(of);
    instance *bank = office_start(of);
    for (int i = 0; i < 4; i++)
        sending_send(&by, "a", i == 3 ? -1000000 : 1, STELE_EXPECT_ANY, NULL);
    sending_await(&by, 4);

    delete_topic(of);
    OFFICE_EQUAL(of, office_book(bank, "a", 5, STELE_EXPECT_ANY, "call", &result, &err), 0);
    sending_end(&by);
    office_sleep(of, 2000);
    int64_t sent = by.count;
    by = sending_begin(of);
    by.count = sent;
    sending_send(&by, "a", 6, STELE_EXPECT_ANY, NULL);

    post found = sending_await(&by, 6);
    OFFICE_EQUAL(of, found.done, 5);
    OFFICE_EQUAL(of, found.dead, 1);
    office_kill(bank); /* dead letters of the topic before are no one's */
    for (int i = 0; i < 5; i++)
        sending_send(&by, "a", 1, STELE_EXPECT_ANY, NULL);
    bank = office_start(of);
    found = sending_await(&by, 11);
    OFFICE_EQUAL(of, found.done, 10);
    office_close(bank);
    sending_end(&by);
}

static void a_topic_that_is_deleted_is_made_again(void **state)
{
    (void)state;
    office_play(play_deleted, 0);
}

static void play_raised_version(office *of)
{
    enum { COUNT = 20 };
    of->table.remembered = 2;
    sending by = sending_begin(of);
    instance *bank = office_start(of);
    for (int i = 0; i < COUNT; i++)
        sending_send(&by, "a", i % 5 == 4 ? -1000000 : 1, STELE_EXPECT_ANY, NULL);
    sending_await(&by, COUNT);
    office_sleep(of, 3000);
    office_close(bank);

    of->table.version++;
    bank = office_start(of);
    office_await_serving(bank, "a");
    sending_send(&by, "a", 1, STELE_EXPECT_ANY, NULL);
    sending_await(&by, COUNT + 1);
    office_sleep(of, 3000);

    post found = sending_look(&by);
    OFFICE_EQUAL(of, found.done + found.dead, COUNT + 1);
    OFFICE_EQUAL(of, found.twice, 0);
    office_close(bank);
    sending_end(&by);
}

static void a_raised_version_takes_no_command_again(void **state)
{
    (void)state;
    office_play(play_raised_version, 0);
}

static void play_large(office *of)
{
    const stele_header settings[] = {{"cleanup.policy", stele_text("delete")},
                                     {"max.message.bytes", stele_text("700")}};
    static uint8_t large[800];
    const stele_log_topic_options topic = {.name = COMMANDS ".dead",
                                           .partitions = OFFICE_PARTITIONS,
                                           .settings = settings,
                                           .setting_count = 2};
    stele_error err;
    must(of, "topic", stele_log_topic_create(of->log, &topic, ASK_MS, &err), &err);
    sending by = sending_begin(of);
    instance *bank = office_start(of);
    put_raw(&by, stele_text("a"), stele_bytes_of(large, sizeof large),
            stele_log_partition_of(stele_text("a"), OFFICE_PARTITIONS));
    put_raw(&by, stele_bytes_of(large, sizeof large), stele_text("b"), 0);
    sending_send(&by, "a", 1, STELE_EXPECT_ANY, NULL);

    post found = sending_await(&by, 3);
    OFFICE_EQUAL(of, found.done, 1);
    OFFICE_EQUAL(of, found.dead, 2);
    office_close(bank);
    sending_end(&by);
}

static void a_dead_letter_that_would_be_too_large_goes_without_its_value(void **state)
{
    (void)state;
    office_play(play_large, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_command_is_carried_out_or_becomes_a_dead_letter),
        cmocka_unit_test(what_cannot_be_a_command_stops_nothing),
        cmocka_unit_test(schemas_that_no_one_knows_are_waited_for_in_each_partition),
        cmocka_unit_test(a_repeat_adds_nothing_whichever_way_it_comes),
        cmocka_unit_test(more_than_fit_are_carried_out_in_their_order),
        cmocka_unit_test(an_owner_that_is_killed_neither_loses_nor_repeats_one),
        cmocka_unit_test(a_transaction_that_is_lost_or_aborted_takes_no_command_along),
        cmocka_unit_test(a_topic_with_another_partition_count_holds_up_commands_only),
        cmocka_unit_test(a_topic_that_is_deleted_is_made_again),
        cmocka_unit_test(a_raised_version_takes_no_command_again),
        cmocka_unit_test(a_dead_letter_that_would_be_too_large_goes_without_its_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
