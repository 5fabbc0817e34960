/* SPDX-License-Identifier: MIT
 * The fold on the log in memory: what it applies, what it writes, what it goes on from, and what it
 * refuses. */
#include "bank.h"

#include <stele/codec.h>

#include "registry/wire.h"
#include "tests/support/shelf.h"

static void assert_written(bank *of)
{
    char *states = bank_states(of, BANK_SNAPSHOTS);
    char *replayed = bank_replay(of, &bank_balances);
    assert_string_equal(states, replayed);
    free(states);
    free(replayed);
}

static void assert_snapshots(bank *of, const char *expected)
{
    char *found = bank_snapshots(of, BANK_SNAPSHOTS);
    assert_string_equal(found, expected);
    free(found);
}

/* Run until the partition is stopped; its reason begins or reads so. */
static void assert_stops(bank *of, const char *reason)
{
    char *found = bank_run_to_stop(of, (teller_options){0}, 0);
    if (strstr(found, reason) == NULL) fail_msg("\"%s\" is not in \"%s\"", reason, found);
    free(found);
}

/* ---- writing ---- */

static void snapshots_are_the_states_of_a_replay(void **state)
{
    (void)state;
    bank *of = bank_new(2);
    bank_deposit(of, 0, "a", 5, "x");
    bank_name(of, 0, "a", "Ann");
    bank_deposit(of, 1, "d", 7, "y");
    bank_deposit(of, 0, "c", 1, "x");
    bank_deposit(of, 0, "a", 2, "x");

    bank_run(of, (teller_options){0});

    /* balance, owner, memos: zigzag longs, then a map in one block */
    char *states = bank_states(of, BANK_SNAPSHOTS);
    assert_string_equal(states, "0/a v3 o4 0e06416e6e0202780400\n"
                                "0/c v1 o3 02000202780200\n"
                                "1/d v1 o1 0e000202790200\n");
    free(states);
    assert_written(of);
    assert_int_equal(bank_group_offset(of, 0), 4);
    assert_int_equal(bank_group_offset(of, 1), 1);
    bank_free(of);
}

static void a_checkpoint_says_what_stands(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    bank_deposit(of, 0, "b", 5, "x");
    bank_close(of, 0, "b");

    bank_run(of, (teller_options){0});

    char *found = bank_snapshots(of, BANK_SNAPSHOTS);
    assert_non_null(strstr(found, "0/b v2 o3 tombstone\n"));
    const char *checkpoint =
        strstr(found, "0/stele:checkpoint:account.events/0 next=3 last=2 hash=");
    assert_non_null(checkpoint);
    assert_non_null(strstr(checkpoint, " partitions=1 aggregates=1 finished=1\n"));
    free(found);
    bank_free(of);
}

static void snapshots_follow_events_and_time(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    teller worker =
        teller_open(of, (teller_options){.snapshot_events = 4, .snapshot_interval_ms = 5000});
    for (int i = 0; i < 3; i++)
        bank_deposit(of, 0, "a", 1, "x");
    teller_catch_up(&worker);
    for (int i = 0; i < 50; i++)
        teller_turn(&worker);
    assert_int_equal(bank_group_offset(of, 0), STELE_OFFSET_NONE); /* 3 events, 250 ms */

    bank_deposit(of, 0, "a", 1, "x");
    while (bank_group_offset(of, 0) != 4)
        teller_turn(&worker);

    bank_deposit(of, 0, "a", 1, "x");
    teller_catch_up(&worker);
    stele_manual_clock_advance(&of->time, 5000);
    while (bank_group_offset(of, 0) != 5)
        teller_turn(&worker);
    teller_close(&worker);
    assert_written(of);
    bank_free(of);
}

static void only_what_changed_is_written(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    for (int i = 0; i < 20; i++) {
        char id[16];
        snprintf(id, sizeof id, "a%d", i);
        bank_deposit(of, 0, id, 1, "x");
    }
    bank_run(of, (teller_options){0});
    stele_partition snapshots = {BANK_SNAPSHOTS, 0};
    int64_t before = bank_count(of, snapshots, STELE_READ_UNCOMMITTED);

    bank_deposit(of, 0, "a7", 1, "x");
    bank_run(of, (teller_options){0});

    assert_int_equal(bank_count(of, snapshots, STELE_READ_UNCOMMITTED), before + 2);
    bank_run(of, (teller_options){0}); /* nothing happened, nothing is written */
    assert_int_equal(bank_count(of, snapshots, STELE_READ_UNCOMMITTED), before + 2);
    assert_written(of);
    bank_free(of);
}

static void a_restart_goes_on_from_the_snapshots(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_name(of, 0, "a", "Ann");
    for (int i = 0; i < 25; i++)
        bank_deposit(of, 0, i % 2 == 0 ? "a" : "b", i, "x");
    bank_run(of, (teller_options){0});
    bank_deposit(of, 0, "a", 1000, "y");

    teller worker = teller_open(of, (teller_options){0});
    teller_catch_up(&worker);
    /* Two states and a checkpoint were restored or read again, one event was applied. */
    assert_in_range(stele_worker_progress(worker.worker, 0).applied, 3, 25);
    teller_close(&worker);

    assert_written(of);
    bank_free(of);
}

static void ignored_events_count_as_versions(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_note(of, 0, "a");
    bank_deposit(of, 0, "a", 5, "x");
    bank_note(of, 0, "b");

    bank_run(of, (teller_options){0});

    char *states = bank_states(of, BANK_SNAPSHOTS);
    assert_string_equal(states, "0/a v2 o2 0a000202780200\n0/b v1 o3 000000\n");
    free(states);
    bank_free(of);
}

static void two_versions_run_side_by_side(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    stele_projection second = bank_balances;
    second.version = 2;
    teller one = teller_open(of, (teller_options){0});
    teller two = teller_open(of, (teller_options){.projection = &second});
    teller_catch_up(&one);
    teller_catch_up(&two);
    bank_deposit(of, 0, "b", 6, "x");
    teller_catch_up(&one);
    teller_catch_up(&two);
    teller_close(&one);
    teller_close(&two);

    char *v1 = bank_states(of, "balances.v1.snapshots");
    char *v2 = bank_states(of, "balances.v2.snapshots");
    assert_string_equal(v1, v2);
    assert_string_equal(v1, "0/a v1 o1 0a000202780200\n0/b v1 o2 0c000202780200\n");
    free(v1);
    free(v2);
    bank_free(of);
}

static void a_version_that_begins_later_replays_all(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    for (int i = 0; i < 30; i++)
        bank_deposit(of, 0, "a", 1, "x");
    bank_run(of, (teller_options){0});
    stele_projection second = bank_balances;
    second.version = 2;

    bank_run(of, (teller_options){.projection = &second});

    char *v1 = bank_states(of, "balances.v1.snapshots");
    char *v2 = bank_states(of, "balances.v2.snapshots");
    assert_string_equal(v1, v2);
    free(v1);
    free(v2);
    bank_free(of);
}

/* ---- finished ---- */

static void finished_is_final_also_after_a_restart_and_a_compaction(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    bank_close(of, 0, "a");
    bank_deposit(of, 0, "b", 5, "x");
    bank_run(of, (teller_options){0});
    assert_written(of);
    assert_int_equal(stele_log_memory_compact(of->log, BANK_SNAPSHOTS, NULL), STELE_OK);
    bank_run(of, (teller_options){0});

    bank_deposit(of, 0, "a", 1, "x");
    assert_stops(of,
                 "account.events/0/3: an event of \"a\", which was finished by the event before "
                 "offset 2: finished is final; to pass over such events set on_finished = ignore "
                 "in [projection balances]");
    bank_free(of);
}

static void late_events_of_what_is_finished_may_be_passed_over(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    stele_projection patient = bank_balances;
    patient.on_finished = STELE_ON_FINISHED_IGNORE;
    teller_options options = {.projection = &patient};
    bank_deposit(of, 0, "a", 5, "x");
    bank_close(of, 0, "a");
    bank_deposit(of, 0, "a", 1, "late, before any snapshot");
    bank_deposit(of, 0, "b", 5, "x");
    teller worker = teller_open(of, options);
    teller_catch_up(&worker);
    assert_int_equal(stele_worker_progress(worker.worker, 0).late, 1);
    teller_close(&worker);
    assert_int_equal(stele_log_memory_compact(of->log, BANK_SNAPSHOTS, NULL), STELE_OK);

    bank_deposit(of, 0, "a", 1, "late, after the tombstone");
    bank_close(of, 0, "a");
    bank_deposit(of, 0, "b", 7, "x");
    worker = teller_open(of, options);
    teller_catch_up(&worker);
    assert_int_equal(stele_worker_progress(worker.worker, 0).late, 2);
    teller_close(&worker);

    char *states = bank_states(of, BANK_SNAPSHOTS);
    char *replay = bank_replay(of, &patient);
    assert_string_equal(states, replay);
    assert_string_equal(states, "0/a v2 o2 tombstone\n0/b v2 o7 18000202780400\n");
    free(states);
    free(replay);
    bank_free(of);
}

static void a_tombstone_that_is_gone_is_noticed(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    const stele_header settings[] = {{"cleanup.policy", stele_text("compact")},
                                     {"min.compaction.lag.ms", stele_text("3600000")},
                                     {"delete.retention.ms", stele_text("86400000")}};
    stele_log_topic_options topic = {
        .name = BANK_SNAPSHOTS, .partitions = 1, .settings = settings, .setting_count = 3};
    assert_int_equal(stele_log_topic_create(of->log, &topic, 5000, NULL), STELE_OK);
    bank_deposit(of, 0, "a", 5, "x");
    bank_close(of, 0, "a");
    bank_run(of, (teller_options){0});
    assert_int_equal(stele_log_memory_compact(of->log, BANK_SNAPSHOTS, NULL), STELE_OK);
    stele_manual_clock_advance(&of->time, 86400000);
    assert_int_equal(stele_log_memory_compact(of->log, BANK_SNAPSHOTS, NULL), STELE_OK);

    assert_stops(of,
                 "balances.v1.snapshots/0 has a checkpoint of 1 finished aggregates and holds 0 "
                 "tombstones");
    bank_free(of);
}

static void an_event_after_the_end_stops_at_once(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_close(of, 0, "a");
    bank_note(of, 0, "a");

    assert_stops(of, "account.events/0/1: an event of \"a\", which was finished");
    bank_free(of);
}

/* ---- events that stop a partition ---- */

typedef struct poison {
    const char *what;
    stele_bytes key;
    stele_bytes value;
    const char *reason;
} poison;

static void what_cannot_be_applied_stops_the_partition_with_its_position(void **state)
{
    (void)state;
    static const uint8_t unknown_magic[] = {1, 0, 0, 0, 1, 0};
    const poison cases[] = {
        {"null key", {0}, stele_text("v"), "account.events/0/1: the record has no key"},
        {"null value", stele_text("a"), {0}, "account.events/0/1: the record has no value"},
        {"reserved key", stele_text("stele:x"), {0}, "account.events/0/1: the record has no value"},
        {"short", stele_text("a"), stele_text("v"),
         "account.events/0/1: a value of 1 bytes is not"},
        {"magic", stele_text("a"), stele_bytes_of(unknown_magic, sizeof unknown_magic),
         "account.events/0/1: a value that begins with 0x01 is not in the wire format"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bank *of = bank_new(1);
        bank_deposit(of, 0, "a", 5, "x");
        bank_append(of, BANK_EVENTS, 0, cases[i].key, cases[i].value, NULL, 0);
        assert_stops(of, cases[i].reason);
        bank_free(of);
    }
}

static void a_reserved_id_stops_the_partition(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "stele:checkpoint:account.events/0", 5, "x");
    assert_stops(of,
                 "account.events/0/0: the key \"stele:checkpoint:account.events/0\" begins with "
                 "\"stele:\", which is reserved");
    bank_free(of);
}

static void append_undecodable(bank *of)
{
    stele_buffer value = {0};
    stele_wire_begin(&value, of->deposited);
    stele_buffer_append(&value, stele_text("\x02\x50only")); /* a memo of 40 bytes */
    bank_append(of, BANK_EVENTS, 0, stele_text("a"), stele_buffer_view(&value), NULL, 0);
    stele_buffer_clear(&value);
}

static void an_undecodable_record_stops_the_partition(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    append_undecodable(of);
    bank_deposit(of, 0, "a", 6, "x");

    assert_stops(of, "account.events/0/1: memo");
    assert_stops(of, "account.events/0/1: memo"); /* a restart changes nothing */
    assert_int_equal(bank_group_offset(of, 0), STELE_OFFSET_NONE);
    bank_free(of);
}

static const char other_schema[] =
    "{\"type\": \"record\", \"name\": \"Moved\", \"namespace\": \"test\", \"fields\": []}";

/* A later schema of the note, which is ignored: none that this program could read. */
static const char later_note[] =
    "{\"type\": \"record\", \"name\": \"Noted\", \"namespace\": \"test\", \"fields\": ["
    "{\"name\": \"lines\", \"type\": {\"type\": \"array\", \"items\": \"string\"}}]}";
/* A later schema of the deposit: this program's reads nothing of it, it reads this program's. */
static const char later_deposit[] =
    "{\"type\": \"record\", \"name\": \"Deposited\", \"namespace\": \"test\", \"fields\": ["
    "{\"name\": \"amount\", \"type\": \"long\"}]}";

static void append_of(bank *of, const char *schema, stele_bytes payload)
{
    stele_buffer value = {0};
    stele_wire_begin(&value, bank_register(of, schema));
    stele_buffer_append(&value, payload);
    bank_append(of, BANK_EVENTS, 0, stele_text("a"), stele_buffer_view(&value), NULL, 0);
    stele_buffer_clear(&value);
}

static void an_event_that_is_ignored_is_not_decoded(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    append_of(of, later_note, stele_text("junk"));
    append_of(of, test_noted_type.schema, stele_text("\x50 cut"));
    bank_deposit(of, 0, "a", 5, "x");

    bank_run(of, (teller_options){0});

    char *states = bank_states(of, BANK_SNAPSHOTS);
    assert_string_equal(states, "0/a v3 o3 0a000202780200\n");
    free(states);
    bank_free(of);
}

static void an_event_of_a_later_schema_asks_for_a_newer_program(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    append_of(of, later_deposit, stele_text("\x02"));
    assert_stops(of, "account.events/0/0: run a newer program, this event's schema came after it: "
                     "test.Deposited of schema id ");
    bank_free(of);
}

static void append_other(bank *of)
{
    stele_buffer value = {0};
    stele_wire_begin(&value, bank_register(of, other_schema));
    bank_append(of, BANK_EVENTS, 0, stele_text("a"), stele_buffer_view(&value), NULL, 0);
    stele_buffer_clear(&value);
}

static void an_unknown_type_stops_the_partition(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    append_other(of);
    assert_stops(of,
                 "account.events/0/0: no handler for events of type test.Moved: give projection "
                 "balances one (with .apply = NULL to ignore it), or ignore all such events: "
                 "unknown_events = ignore in [projection balances]");
    bank_free(of);
}

static void an_unknown_type_is_ignored_by_declaration(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    append_other(of);
    bank_deposit(of, 0, "a", 5, "x");
    stele_projection lenient = bank_balances;
    lenient.ignore_other_events = true;

    bank_run(of, (teller_options){.projection = &lenient});

    char *states = bank_states(of, BANK_SNAPSHOTS);
    assert_string_equal(states, "0/a v2 o2 0a000202780200\n");
    free(states);
    bank_free(of);
}

static void an_event_that_is_refused_leaves_no_half_state(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    for (int i = 0; i < 12; i++)
        bank_deposit(of, 0, "a", 1, "x");
    bank_run(of, (teller_options){0});
    char *before = bank_snapshots(of, BANK_SNAPSHOTS);
    bank_deposit(of, 0, "a", 1, "x");
    bank_deposit(of, 0, "a", 1000, "bad");

    assert_stops(of, "account.events/0/13: balances refused test.Deposited: a bad deposit");

    assert_snapshots(of, before);
    assert_int_equal(bank_group_offset(of, 0), 12);
    free(before);
    bank_free(of);
}

static void one_bad_partition_leaves_the_others_running(void **state)
{
    (void)state;
    bank *of = bank_new(2);
    append_undecodable(of);
    bank_deposit(of, 1, "d", 5, "x");
    teller worker = teller_open(of, (teller_options){0});
    teller_until(&worker, 0, STELE_STATE_STOPPED);
    while (stele_worker_progress(worker.worker, 1).position != 1)
        teller_turn(&worker);

    assert_int_equal(teller_state(&worker, 1), STELE_STATE_RUNNING);
    teller_close(&worker);
    char *states = bank_states(of, BANK_SNAPSHOTS);
    assert_string_equal(states, "1/d v1 o1 0a000202780200\n");
    free(states);
    bank_free(of);
}

static void a_state_too_large_for_a_record_stops_its_partition_and_is_named(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "small", 5, "x");
    char *owner = stele_alloc(600001);
    memset(owner, 'o', 600000);
    bank_name(of, 0, "large", owner);
    char *memo = stele_alloc(600001);
    memset(memo, 'm', 600000);
    bank_deposit(of, 0, "large", 1, memo);

    assert_stops(of,
                 "account.events/0/2: after this event the state of \"large\" is too large for a "
                 "record");
    free(owner);
    free(memo);
    bank_free(of);
}

/* ---- schemas that are not here ---- */

static void append_with_schema(bank *of, int32_t id)
{
    stele_buffer value = {0};
    test_deposited event = {.amount = 5, .memo = stele_text("x")};
    stele_wire_begin(&value, id);
    assert_int_equal(stele_encode(&test_deposited_type, &event, &value, NULL), STELE_OK);
    bank_append(of, BANK_EVENTS, 0, stele_text("a"), stele_buffer_view(&value), NULL, 0);
    stele_buffer_clear(&value);
}

static void an_unknown_schema_id_is_waited_for_and_then_stops(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    append_with_schema(of, 99999);
    teller worker = teller_open(of, (teller_options){0});

    teller_until(&worker, 0, STELE_STATE_WAITING);
    assert_non_null(strstr(teller_reason(&worker, 0), "account.events/0/0: "));
    stele_deadline until = stele_deadline_after(stele_clock_system(), 30000);
    while (teller_state(&worker, 0) != STELE_STATE_STOPPED) {
        assert_false(stele_deadline_passed(until));
        stele_manual_clock_advance(&of->time, 500);
        teller_turn(&worker);
    }
    assert_non_null(strstr(teller_reason(&worker, 0), "account.events/0/0: the registry has not "
                                                      "known schema id 99999 for 6"));
    teller_close(&worker);
    bank_free(of);
}

/* ---- states of another schema ---- */

/* A projection of the same name and version that keeps a state of this schema, and ignores all. */
typedef struct changed {
    stele_type *type;
    stele_projection projection;
} changed;

static const stele_handler no_handlers[] = {{NULL, NULL}};

static changed with_state(const char *schema_text)
{
    changed made = {.projection = bank_balances};
    stele_schema *schema;
    assert_int_equal(stele_schema_parse(stele_text(schema_text), NULL, &schema, NULL), STELE_OK);
    assert_int_equal(stele_type_new(schema, &made.type, NULL), STELE_OK);
    stele_schema_free(schema);
    made.projection.state = made.type;
    made.projection.handlers = no_handlers;
    made.projection.ignore_other_events = true;
    return made;
}

static void a_state_that_avro_can_resolve_is_gone_on_with(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    bank_name(of, 0, "a", "Ann");
    bank_run(of, (teller_options){0});
    bank_deposit(of, 0, "a", 6, "x"); /* ignored by what comes now, but counted */

    changed now = with_state("{\"type\":\"record\",\"name\":\"test.Account\",\"fields\":["
                             "{\"name\":\"owner\",\"type\":\"string\"},"
                             "{\"name\":\"limit\",\"type\":\"long\",\"default\":3}]}");
    bank_run(of, (teller_options){.projection = &now.projection});

    char *states = bank_states(of, BANK_SNAPSHOTS);
    assert_string_equal(states, "0/a v3 o3 06416e6e06\n"); /* "Ann", 3 */
    free(states);
    stele_type_free(now.type);
    bank_free(of);
}

static void a_state_that_avro_cannot_resolve_asks_for_another_version(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    bank_deposit(of, 0, "a", 5, "x");
    bank_run(of, (teller_options){0});

    const struct {
        const char *schema;
        const char *reason;
    } cases[] = {
        {"{\"type\":\"record\",\"name\":\"test.Account\",\"fields\":["
         "{\"name\":\"limit\",\"type\":\"long\"}]}",
         "raise the version of projection balances, its state cannot be read any more"},
        {"{\"type\":\"record\",\"name\":\"test.Wallet\",\"fields\":[]}",
         "raise the version of projection balances: the snapshot is a test.Account, the state now "
         "a "
         "test.Wallet"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        changed now = with_state(cases[i].schema);
        char *reason = bank_run_to_stop(of, (teller_options){.projection = &now.projection}, 0);
        if (strstr(reason, cases[i].reason) == NULL) fail_msg("%s", reason);
        assert_non_null(strstr(reason, BANK_SNAPSHOTS "/0/0: "));
        free(reason);
        stele_type_free(now.type);
    }
    bank_free(of);
}

/* ---- what a checkpoint is compared with ---- */

static bank *bank_with_snapshots(void)
{
    bank *of = bank_new(1);
    for (int i = 0; i < 12; i++)
        bank_deposit(of, 0, i % 2 == 0 ? "a" : "b", 1, "x");
    bank_run(of, (teller_options){0});
    return of;
}

static void a_log_that_begins_past_the_checkpoint_stops_the_partition(void **state)
{
    (void)state;
    bank *of = bank_with_snapshots();
    for (int i = 0; i < 5; i++)
        bank_deposit(of, 0, "a", 1, "x");
    assert_int_equal(
        stele_log_memory_delete_records(of->log, (stele_partition){BANK_EVENTS, 0}, 14, NULL),
        STELE_OK);
    assert_stops(of,
                 "account.events/0 begins at offset 14, past the checkpoint of balances.v1 at 12: "
                 "the events between were deleted before they were applied");
    bank_free(of);
}

static void a_log_whose_applied_events_were_deleted_goes_on(void **state)
{
    (void)state;
    bank *of = bank_with_snapshots();
    assert_int_equal(
        stele_log_memory_delete_records(of->log, (stele_partition){BANK_EVENTS, 0}, 12, NULL),
        STELE_OK);
    bank_deposit(of, 0, "a", 1, "x");

    bank_run(of, (teller_options){0});

    char *states = bank_states(of, BANK_SNAPSHOTS);
    assert_string_equal(states, "0/a v7 o13 0e000202780e00\n0/b v6 o12 0c000202780c00\n");
    free(states);
    bank_free(of);
}

static void a_log_that_is_cut_off_at_its_beginning_needs_a_checkpoint(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    for (int i = 0; i < 5; i++)
        bank_deposit(of, 0, "a", 1, "x");
    assert_int_equal(
        stele_log_memory_delete_records(of->log, (stele_partition){BANK_EVENTS, 0}, 2, NULL),
        STELE_OK);
    assert_stops(of, "account.events/0 begins at offset 2 and balances.v1 has no checkpoint");
    bank_free(of);
}

static void an_offset_that_somebody_reset_stops_the_partition(void **state)
{
    (void)state;
    bank *of = bank_with_snapshots();
    assert_int_equal(stele_log_group_offset_set(of->log, BANK_GROUP,
                                                (stele_partition){BANK_EVENTS, 0}, 3, 5000, NULL),
                     STELE_OK);
    assert_stops(of,
                 "offset reset: group balances.v1 is at 3 in account.events/0 and its checkpoint "
                 "at 12; set the group's offset to that again, or raise the version of projection "
                 "balances");
    bank_free(of);
}

static void an_offset_without_a_checkpoint_replays_a_whole_log(void **state)
{
    (void)state;
    bank *of = bank_with_snapshots();
    assert_int_equal(stele_log_topic_delete(of->log, BANK_SNAPSHOTS, 5000, NULL), STELE_OK);
    assert_int_equal(bank_group_offset(of, 0), 12);

    bank_run(of, (teller_options){0});

    assert_written(of);
    bank_free(of);
}

static void a_topic_that_was_made_anew_stops_the_partition(void **state)
{
    (void)state;
    bank *of = bank_with_snapshots();
    assert_int_equal(stele_log_topic_delete(of->log, BANK_EVENTS, 5000, NULL), STELE_OK);
    stele_log_topic_options topic = {.name = BANK_EVENTS, .partitions = 1};
    assert_int_equal(stele_log_topic_create(of->log, &topic, 5000, NULL), STELE_OK);
    bank_deposit(of, 0, "a", 1, "x");
    assert_stops(of,
                 "account.events/0 ends at offset 1, before the checkpoint of balances.v1 at 12");

    for (int i = 0; i < 20; i++)
        bank_deposit(of, 0, "a", 1, "x");
    assert_stops(of, "account.events/0/11: another record than the one that the checkpoint of "
                     "balances.v1 was made after");
    bank_free(of);
}

static void a_checkpoint_without_its_snapshots_stops_the_partition(void **state)
{
    (void)state;
    bank *of = bank_with_snapshots();
    int64_t start;
    int64_t end;
    stele_partition snapshots = {BANK_SNAPSHOTS, 0};
    assert_int_equal(
        stele_log_bounds(of->log, snapshots, STELE_READ_UNCOMMITTED, 5000, &start, &end, NULL),
        STELE_OK);
    assert_int_equal(stele_log_memory_delete_records(of->log, snapshots, end - 2, NULL), STELE_OK);
    assert_stops(of, "balances.v1.snapshots/0 has a checkpoint of 2 aggregates and holds ");
    bank_free(of);
}

static void snapshots_without_a_checkpoint_stop_the_partition(void **state)
{
    (void)state;
    bank *of = bank_new(1);
    stele_log_topic_options topic = {.name = BANK_SNAPSHOTS,
                                     .partitions = 1,
                                     .settings =
                                         (const stele_header[]){
                                             {"cleanup.policy", stele_text("compact")},
                                             {"min.compaction.lag.ms", stele_text("3600000")},
                                         },
                                     .setting_count = 2};
    assert_int_equal(stele_log_topic_create(of->log, &topic, 5000, NULL), STELE_OK);
    const stele_header headers[] = {{"stele_version", stele_text("1")},
                                    {"stele_offset", stele_text("1")}};
    bank_append(of, BANK_SNAPSHOTS, 0, stele_text("a"), (stele_bytes){0}, headers, 2);
    assert_stops(of, "balances.v1.snapshots/0 holds 1 snapshots and no checkpoint");
    bank_free(of);
}

static void a_partition_count_that_changed_while_nobody_ran_stops_all(void **state)
{
    (void)state;
    bank *of = bank_with_snapshots();
    assert_int_equal(stele_log_memory_partitions_raise(of->log, BANK_EVENTS, 2, NULL), STELE_OK);
    teller worker = teller_open(of, (teller_options){0});
    teller_until(&worker, 0, STELE_STATE_STOPPED);
    teller_until(&worker, 1, STELE_STATE_STOPPED);
    assert_non_null(strstr(teller_reason(&worker, 1),
                           "balances.v1.snapshots has 1 partitions and account.events has 2"));
    teller_close(&worker);

    /* The way that hides it: the snapshots topic was raised too. */
    assert_int_equal(stele_log_memory_partitions_raise(of->log, BANK_SNAPSHOTS, 2, NULL), STELE_OK);
    worker = teller_open(of, (teller_options){0});
    teller_until(&worker, 0, STELE_STATE_STOPPED);
    teller_until(&worker, 1, STELE_STATE_STOPPED);
    assert_non_null(
        strstr(teller_reason(&worker, 1),
               "account.events had 1 partitions at the checkpoint of balances.v1 and has "
               "2: keys have moved"));
    teller_close(&worker);
    bank_free(of);
}

/* Two workers, so that one of them owns none but a partition that came later. */
static void a_worker_of_new_partitions_alone_stops_too(void **state)
{
    (void)state;
    bank *of = bank_with_snapshots();
    assert_int_equal(stele_log_memory_partitions_raise(of->log, BANK_EVENTS, 2, NULL), STELE_OK);
    assert_int_equal(stele_log_memory_partitions_raise(of->log, BANK_SNAPSHOTS, 2, NULL), STELE_OK);
    bank_deposit(of, 1, "a", 1, "an account of partition 0 before");
    teller first = teller_open(of, (teller_options){0});
    teller second = teller_open(of, (teller_options){0});

    for (int i = 0; i < 2000; i++) {
        teller_turn(&first);
        teller_turn(&second);
    }

    for (int32_t i = 0; i < 2; i++) {
        bool of_first = teller_state(&first, i) != STELE_STATE_UNKNOWN;
        assert_int_equal(teller_state(of_first ? &first : &second, i), STELE_STATE_STOPPED);
    }
    teller_close(&first);
    teller_close(&second);
    bank_free(of);
}

static void a_snapshots_topic_with_settings_that_lose_keys_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *policy;
        const char *lag;
        const char *reason;
    } cases[] = {
        {"delete", "3600000", "balances.v1.snapshots has cleanup.policy=delete"},
        {"compact", "0", "balances.v1.snapshots has min.compaction.lag.ms=0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bank *of = bank_new(1);
        const stele_header settings[] = {{"cleanup.policy", stele_text(cases[i].policy)},
                                         {"min.compaction.lag.ms", stele_text(cases[i].lag)}};
        stele_log_topic_options topic = {
            .name = BANK_SNAPSHOTS, .partitions = 1, .settings = settings, .setting_count = 2};
        assert_int_equal(stele_log_topic_create(of->log, &topic, 5000, NULL), STELE_OK);
        assert_stops(of, cases[i].reason);
        bank_free(of);
    }
}

static void another_registry_behind_the_topics_is_noticed(void **state)
{
    (void)state;
    bank *of = bank_with_snapshots();
    stele_registry_close(of->registry);
    of->registry =
        shelf_new("8d4f3c52-0000-7000-8000-000000000002", stele_runtime_manual(&of->time));
    /* Ids that happen to be the same. */
    bank_register(of, test_deposited_type.schema);
    bank_register(of, test_named_type.schema);
    bank_register(of, test_closed_type.schema);
    bank_register(of, test_noted_type.schema);
    assert_stops(of, "balances.v1 was written with the schema registry ");
    bank_free(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_are_the_states_of_a_replay),
        cmocka_unit_test(a_checkpoint_says_what_stands),
        cmocka_unit_test(snapshots_follow_events_and_time),
        cmocka_unit_test(only_what_changed_is_written),
        cmocka_unit_test(a_restart_goes_on_from_the_snapshots),
        cmocka_unit_test(ignored_events_count_as_versions),
        cmocka_unit_test(two_versions_run_side_by_side),
        cmocka_unit_test(a_version_that_begins_later_replays_all),
        cmocka_unit_test(finished_is_final_also_after_a_restart_and_a_compaction),
        cmocka_unit_test(late_events_of_what_is_finished_may_be_passed_over),
        cmocka_unit_test(a_tombstone_that_is_gone_is_noticed),
        cmocka_unit_test(an_event_after_the_end_stops_at_once),
        cmocka_unit_test(what_cannot_be_applied_stops_the_partition_with_its_position),
        cmocka_unit_test(a_reserved_id_stops_the_partition),
        cmocka_unit_test(an_undecodable_record_stops_the_partition),
        cmocka_unit_test(an_unknown_type_stops_the_partition),
        cmocka_unit_test(an_event_that_is_ignored_is_not_decoded),
        cmocka_unit_test(an_event_of_a_later_schema_asks_for_a_newer_program),
        cmocka_unit_test(an_unknown_type_is_ignored_by_declaration),
        cmocka_unit_test(an_event_that_is_refused_leaves_no_half_state),
        cmocka_unit_test(one_bad_partition_leaves_the_others_running),
        cmocka_unit_test(a_state_too_large_for_a_record_stops_its_partition_and_is_named),
        cmocka_unit_test(an_unknown_schema_id_is_waited_for_and_then_stops),
        cmocka_unit_test(a_state_that_avro_can_resolve_is_gone_on_with),
        cmocka_unit_test(a_state_that_avro_cannot_resolve_asks_for_another_version),
        cmocka_unit_test(a_log_that_begins_past_the_checkpoint_stops_the_partition),
        cmocka_unit_test(a_log_whose_applied_events_were_deleted_goes_on),
        cmocka_unit_test(a_log_that_is_cut_off_at_its_beginning_needs_a_checkpoint),
        cmocka_unit_test(an_offset_that_somebody_reset_stops_the_partition),
        cmocka_unit_test(an_offset_without_a_checkpoint_replays_a_whole_log),
        cmocka_unit_test(a_topic_that_was_made_anew_stops_the_partition),
        cmocka_unit_test(a_checkpoint_without_its_snapshots_stops_the_partition),
        cmocka_unit_test(snapshots_without_a_checkpoint_stop_the_partition),
        cmocka_unit_test(a_partition_count_that_changed_while_nobody_ran_stops_all),
        cmocka_unit_test(a_worker_of_new_partitions_alone_stops_too),
        cmocka_unit_test(a_snapshots_topic_with_settings_that_lose_keys_is_refused),
        cmocka_unit_test(another_registry_behind_the_topics_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
