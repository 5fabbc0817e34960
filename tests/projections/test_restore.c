/* SPDX-License-Identifier: MIT
 * Restoring from snapshots that something has gone wrong with: what is replaced by a later record
 * does no harm, what counts and is wrong stops the partition with the way out. */
#include "bank.h"

#include <stele/codec.h>

#include "registry/wire.h"
#include "snapshots/past.h"

/* A snapshot as a worker writes it, but at a version and an offset that the test chooses. */
static void put_snapshot(bank *of, const char *id, int64_t balance, int64_t version, int64_t offset)
{
    int32_t schema;
    assert_int_equal(stele_registry_register(of->registry, "x",
                                             stele_text(test_account_type.schema), NULL, 0, 1000,
                                             &schema, NULL),
                     STELE_OK);
    test_account account = {.balance = balance};
    stele_buffer value = {0};
    stele_wire_begin(&value, schema);
    assert_int_equal(stele_encode(&test_account_type, &account, &value, NULL), STELE_OK);
    stele_snapshot_headers headers;
    stele_snapshot_headers_set(&headers, version, offset, false);
    bank_append(of, BANK_SNAPSHOTS, 0, stele_text(id), stele_buffer_view(&value), headers.list,
                headers.count);
    stele_buffer_clear(&value);
}

static void put_value(bank *of, const char *id, stele_bytes value)
{
    stele_snapshot_headers headers;
    stele_snapshot_headers_set(&headers, 1, 1, false);
    bank_append(of, BANK_SNAPSHOTS, 0, stele_text(id), value, headers.list, headers.count);
}

/* Two accounts, "a" and "b", two events each, and their snapshots. */
static bank *bank_with_two(void)
{
    bank *of = bank_new(1);
    for (int i = 1; i <= 2; i++) {
        bank_deposit(of, 0, "a", i, "x");
        bank_deposit(of, 0, "b", 10 * i, "x");
    }
    bank_run(of, (teller_options){0});
    return of;
}

static void assert_stops(bank *of, const char *text)
{
    char *reason = bank_run_to_stop(of, (teller_options){0}, 0);
    if (strstr(reason, text) == NULL) fail_msg("\"%s\" is not in \"%s\"", text, reason);
    free(reason);
    bank_free(of);
}

static void assert_goes_on(bank *of)
{
    bank_deposit(of, 0, "b", 5, "x");
    bank_run(of, (teller_options){0});
    char *replay = bank_replay(of, &bank_balances);
    char *states = bank_states(of, BANK_SNAPSHOTS);
    assert_string_equal(states, replay);
    free(states);
    free(replay);
    bank_free(of);
}

/* Records of one id that a worker cannot take. */
typedef struct damage {
    const char *what;
    void (*put)(bank *of, const char *id);
    const char *text;
} damage;

static void put_without_headers(bank *of, const char *id)
{
    bank_append(of, BANK_SNAPSHOTS, 0, stele_text(id), stele_text("x"), NULL, 0);
}

static void put_junk(bank *of, const char *id)
{
    put_value(of, id, stele_text("junk!"));
}

static void put_nothing(bank *of, const char *id)
{
    put_value(of, id, stele_bytes_of("", 0));
}

static void put_cut(bank *of, const char *id)
{
    uint8_t cut[] = {0, 0, 0, 0, 0, 0x80};
    int32_t schema;
    assert_int_equal(stele_registry_register(of->registry, "x",
                                             stele_text(test_account_type.schema), NULL, 0, 1000,
                                             &schema, NULL),
                     STELE_OK);
    cut[4] = (uint8_t)schema;
    put_value(of, id, stele_bytes_of(cut, sizeof cut));
}

static void put_event(bank *of, const char *id)
{
    uint8_t event[] = {0, 0, 0, 0, 0, 2, 0};
    event[4] = (uint8_t)of->deposited;
    put_value(of, id, stele_bytes_of(event, sizeof event));
}

static void put_unknown_schema(bank *of, const char *id)
{
    static const uint8_t unknown[] = {0, 0, 1, 0, 0, 2};
    put_value(of, id, stele_bytes_of(unknown, sizeof unknown));
}

static const damage damages[] = {
    {"no headers", put_without_headers, "without the headers stele_version and stele_offset"},
    {"not the wire format", put_junk, "begins with 0x6a is not in the wire format"},
    {"empty", put_nothing, "a value of 0 bytes is not in the wire format"},
    {"cut", put_cut, "balance"},
    {"another type", put_event, "the snapshot is a test.Deposited"},
    {"unknown schema", put_unknown_schema, "schema id 65536"},
};
enum { DAMAGES = sizeof damages / sizeof damages[0] };

static void a_damaged_snapshot_that_a_later_one_replaces_does_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < DAMAGES; i++) {
        bank *of = bank_with_two();
        damages[i].put(of, "a");
        put_snapshot(of, "a", 3, 2, 3);
        bank_deposit(of, 0, "a", 4, "x");
        teller worker = teller_open(of, (teller_options){0});
        teller_catch_up(&worker);
        assert_int_equal(teller_state(&worker, 0), STELE_STATE_RUNNING);
        teller_close(&worker);
        bank_free(of);
    }
}

static void a_damaged_snapshot_that_is_the_last_stops_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < DAMAGES; i++) {
        bank *of = bank_with_two();
        damages[i].put(of, "a");
        teller worker = teller_open(of, (teller_options){0});
        for (int turn = 0; turn < 100 && teller_state(&worker, 0) != STELE_STATE_STOPPED; turn++) {
            teller_turn(&worker);
            stele_manual_clock_advance(&of->time, 5000); /* a schema is waited for */
        }
        const char *reason = teller_reason(&worker, 0);
        if (strstr(reason, damages[i].text) == NULL || strstr(reason, BANK_SNAPSHOTS "/0/") == NULL)
            fail_msg("%s: %s", damages[i].what, reason);
        assert_int_equal(teller_state(&worker, 0), STELE_STATE_STOPPED);
        teller_close(&worker);
        bank_free(of);
    }
}

static void a_damaged_checkpoint_that_a_later_one_replaces_does_no_harm(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 1, "x");
    bank_run(of, (teller_options){0});
    bank_deposit(of, 0, "b", 1, "x");
    teller worker = teller_open(of, (teller_options){0});
    teller_catch_up(&worker);
    bank_append(of, BANK_SNAPSHOTS, 0, stele_text("stele:checkpoint:account.events/0"),
                stele_text("junk"), NULL, 0);
    teller_close(&worker); /* writes another one */
    assert_goes_on(of);
}

static void a_damaged_checkpoint_that_is_the_last_stops(void **state)
{
    (void)state;
    bank *of = bank_with_two();
    bank_append(of, BANK_SNAPSHOTS, 0, stele_text("stele:checkpoint:account.events/0"),
                stele_text("junk!"), NULL, 0);
    assert_stops(of, "is not in the wire format (0x00, schema id, Avro); delete the topic to "
                     "replay all events");
}

static void a_snapshot_of_events_that_are_not_in_the_log_stops(void **state)
{
    (void)state;
    bank *of = bank_with_two();
    put_snapshot(of, "a", 77, 3, 5);
    assert_stops(of, "balances.v1.snapshots/0 holds a snapshot of \"a\" behind offset 5, and "
                     "account.events/0 ends at 4: events were lost");
}

static void a_snapshot_that_goes_back_stops(void **state)
{
    (void)state;
    static const struct {
        int64_t version, offset;
    } cases[] = {{1, 4}, {2, 2}, {1, 1}, {3, 1}, {0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bank *of = bank_with_two();
        put_snapshot(of, "a", 1, cases[i].version, cases[i].offset);
        put_snapshot(of, "a", 3, 2, 3); /* what has happened has happened */
        assert_stops(of, "and an earlier one at version 2, offset 3");
    }
}

static void records_of_a_later_stele_are_passed_over(void **state)
{
    (void)state;
    bank *of = bank_with_two();
    bank_append(of, BANK_SNAPSHOTS, 0, stele_text("stele:parked:a"), stele_text("x"), NULL, 0);
    bank_deposit(of, 0, "a", 1, "x");
    bank_run(of, (teller_options){0});
    char *states = bank_states(of, BANK_SNAPSHOTS);
    char *replayed = bank_replay(of, &bank_balances);
    assert_string_equal(states, replayed);
    free(states);
    free(replayed);
    bank_free(of);
}

/* @return how often; the file is read from its beginning */
static int count_lines_with(FILE *log, const char *text)
{
    char line[1024];
    int count = 0;
    rewind(log);
    while (fgets(line, sizeof line, log) != NULL)
        count += strstr(line, text) != NULL;
    return count;
}

static void that_records_are_of_a_later_stele_is_logged_once_for_all_partitions(void **state)
{
    (void)state;
    bank *of = bank_new(2);
    FILE *log = tmpfile();
    const stele_logger logger = {.clock = bank_clock(of), .fd = fileno(log)};
    bank_deposit(of, 0, "b", 1, "x");
    bank_run(of, (teller_options){0}); /* makes the topic */
    for (int32_t i = 0; i < 2; i++)
        bank_append(of, BANK_SNAPSHOTS, i, stele_text("stele:parked:a"), stele_text("x"), NULL, 0);

    bank_run(of, (teller_options){.logger = &logger});
    assert_int_equal(count_lines_with(log, "unknown records"), 1);
    assert_int_equal(count_lines_with(log, "stele:parked:a"), 1); /* which key, and … */
    assert_int_equal(count_lines_with(log, BANK_SNAPSHOTS), 1);   /* … where */

    bank_run(of, (teller_options){.logger = &logger}); /* of another process: it says so, too */
    assert_int_equal(count_lines_with(log, "unknown records"), 2);
    fclose(log);
    bank_free(of);
}

static void a_checkpoint_of_another_partition_is_not_passed_over(void **state)
{
    (void)state;
    bank *of = bank_with_two();
    bank_append(of, BANK_SNAPSHOTS, 0, stele_text("stele:checkpoint:account.events/7"),
                stele_text("x"), NULL, 0);
    assert_stops(of, "which is another partition's checkpoint");
}

static stele_status count_one(void *context, const stele_snapshot *snapshot, stele_error *err)
{
    (void)snapshot, (void)err;
    ++*(int *)context;
    return STELE_OK;
}

/* Who reads the states of a projection that it does not have looks for the source in a checkpoint.
 * The first one may come between that look and the reading. */
static void a_first_checkpoint_that_comes_while_it_is_read_does_no_harm(void **state)
{
    (void)state;
    bank *of = bank_with_two();
    stele_past_options options = {.log = of->log,
                                  .registry = of->registry,
                                  .projection = "balances",
                                  .version = 1,
                                  .deadline = stele_deadline_after(stele_log_clock(of->log), 5000)};
    stele_past *past;
    stele_past_partition found;
    stele_error err;
    int states = 0;
    assert_int_equal(stele_past_open(&options, &past, &err), STELE_OK);

    stele_status status = stele_past_read(past, 0, count_one, &states, &found, &err);

    if (status < 0) fail_msg("%s", err.text);
    assert_int_equal(states, 2);
    stele_past_close(past);
    bank_free(of);
}

static void a_checkpoint_of_another_registry_says_so(void **state)
{
    (void)state;
    bank *of = bank_with_two();
    /* Its ids mean other schemas here, and the checkpoint's own is of a type that is no checkpoint.
     */
    stele_checkpoint checkpoint = {.topic = stele_text(BANK_EVENTS),
                                   .partitions = 1,
                                   .next_offset = 4,
                                   .last_offset = 3,
                                   .version = 1,
                                   .genesis = stele_text("8d4f3c52-0000-7000-8000-000000000002"),
                                   .aggregates = 2};
    const int32_t ids[] = {of->deposited, 4000};
    for (size_t i = 0; i < 2; i++) {
        stele_buffer value = {0};
        stele_wire_begin(&value, ids[i]);
        assert_int_equal(stele_encode(&stele_checkpoint_type, &checkpoint, &value, NULL), STELE_OK);
        put_junk(of, "a");
        bank_append(of, BANK_SNAPSHOTS, 0, stele_text("stele:checkpoint:account.events/0"),
                    stele_buffer_view(&value), NULL, 0);
        stele_buffer_clear(&value);
        char *reason = bank_run_to_stop(of, (teller_options){0}, 0);
        if (strstr(reason,
                   "balances.v1 was written with the schema registry "
                   "\"8d4f3c52-0000-7000-8000-000000000002\", and this is another one") == NULL)
            fail_msg("%s", reason);
        free(reason);
    }
    bank_free(of);
}

/* ---- keys in partitions that are not theirs ---- */

static void an_event_of_another_partitioner_stops_its_partition_alone(void **state)
{
    (void)state;
    bank *of = bank_new(2);
    bank_deposit(of, 0, "a", 1, "x");
    bank_deposit(of, 1, "d", 1, "x");
    bank_deposit(of, 1, "a", 1, "half of an account");
    teller worker = teller_open(of, (teller_options){0});
    teller_until(&worker, 1, STELE_STATE_STOPPED);
    teller_until(&worker, 0, STELE_STATE_RUNNING);
    const char *reason = teller_reason(&worker, 1);
    if (strstr(reason,
               "account.events/1/1: the key \"a\" belongs to partition 0 of 2: its "
               "producer has another partitioner, or the topic was given more partitions") ==
            NULL ||
        strstr(reason, "set partitioner=murmur2_random there") == NULL)
        fail_msg("%s", reason);
    teller_close(&worker);
    bank_free(of);
}

static void a_snapshot_of_a_key_that_belongs_elsewhere_stops(void **state)
{
    (void)state;
    bank *of = bank_new(2);
    bank_deposit(of, 0, "a", 1, "x");
    bank_deposit(of, 1, "d", 1, "x");
    bank_run(of, (teller_options){0});
    put_snapshot(of, "d", 1, 1, 1); /* as a program without this check left it */
    assert_stops(of, "the key \"d\" belongs to partition 1 of 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_snapshot_that_a_later_one_replaces_does_no_harm),
        cmocka_unit_test(a_damaged_snapshot_that_is_the_last_stops_with_its_place),
        cmocka_unit_test(a_damaged_checkpoint_that_a_later_one_replaces_does_no_harm),
        cmocka_unit_test(a_damaged_checkpoint_that_is_the_last_stops),
        cmocka_unit_test(a_snapshot_of_events_that_are_not_in_the_log_stops),
        cmocka_unit_test(a_snapshot_that_goes_back_stops),
        cmocka_unit_test(records_of_a_later_stele_are_passed_over),
        cmocka_unit_test(that_records_are_of_a_later_stele_is_logged_once_for_all_partitions),
        cmocka_unit_test(a_checkpoint_of_another_partition_is_not_passed_over),
        cmocka_unit_test(a_first_checkpoint_that_comes_while_it_is_read_does_no_harm),
        cmocka_unit_test(a_checkpoint_of_another_registry_says_so),
        cmocka_unit_test(an_event_of_another_partitioner_stops_its_partition_alone),
        cmocka_unit_test(a_snapshot_of_a_key_that_belongs_elsewhere_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
