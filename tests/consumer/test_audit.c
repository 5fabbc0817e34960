/* SPDX-License-Identifier: MIT
 * The audit on the log in memory: each kind of fault is planted and found where it is, and nothing
 * else is. */
#include "consumer/audit.h"

#include <inttypes.h>

#include <stele/codec.h>

#include "core/alloc.h"
#include "core/text.h"
#include "deposited.h"
#include "kafka/memory_log.h"
#include "kafka/partitioner.h"
#include "named.h"
#include "registry/wire.h"
#include "tests/support/shelf.h"
#include "tests/support/test.h"

#define TOPIC "account.events"

enum { PARTITIONS = 2, WAIT_MS = 10000, BY_KEY = -1 };

/* These are in partition 0, and these in 1. */
#define A "a"
#define D "d"

typedef struct ledger {
    stele_log *log;
    stele_manual_clock time;
    stele_registry *registry;
    stele_log_producer *producer;
    int32_t deposited;
    int events; /* so far: each has an id of its own */

    stele_buffer found; /* a line for each finding */
    stele_buffer notes;
    stele_audit_counts counts;
} ledger;

static int ledger_opened(void **state)
{
    ledger *own = stele_alloc(sizeof *own);
    stele_manual_clock_set(&own->time, INT64_C(1700000000000));
    stele_log_memory_options memory = {.runtime = stele_runtime_manual(&own->time)};
    stele_log_topic_options topic = {.name = TOPIC, .partitions = PARTITIONS};
    stele_log_producer_options producer = {0};
    assert_int_equal(stele_log_memory_new(&memory, &own->log, NULL), STELE_OK);
    assert_int_equal(stele_log_topic_create(own->log, &topic, WAIT_MS, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_open(own->log, &producer, &own->producer, NULL), STELE_OK);
    own->registry = shelf_new("8d4f3c52-0000-7000-8000-000000000001", memory.runtime);
    assert_int_equal(stele_registry_register(own->registry, TOPIC "-test.Deposited",
                                             stele_text(test_deposited_type.schema), NULL, 0,
                                             WAIT_MS, &own->deposited, NULL),
                     STELE_OK);
    assert_int_equal(stele_log_partition_of(stele_text(A), PARTITIONS), 0);
    assert_int_equal(stele_log_partition_of(stele_text(D), PARTITIONS), 1);
    *state = own;
    return 0;
}

static int ledger_closed(void **state)
{
    ledger *own = *state;
    stele_log_producer_close(own->producer);
    stele_registry_close(own->registry);
    stele_log_free(own->log);
    stele_buffer_clear(&own->found);
    stele_buffer_clear(&own->notes);
    free(own);
    return 0;
}

/* An event; what is NULL it does not have. */
typedef struct planted {
    int32_t partition; /* BY_KEY */
    const char *key;
    const char *version;
    const char *id; /* NULL: one of its own */
    const char *command;
} planted;

static void add_header(stele_log_entry *entry, stele_header *headers, const char *name,
                       const char *value)
{
    if (value == NULL) return;
    headers[entry->header_count++] = (stele_header){name, stele_text(value)};
    entry->headers = headers;
}

static void put(ledger *own, stele_log_producer *producer, planted event, stele_bytes value)
{
    char id[40];
    snprintf(id, sizeof id, "0190a1b2-c3d4-7e5f-8a9b-%08x0000", ++own->events);
    stele_header headers[3];
    int32_t partition = event.partition;
    if (partition == BY_KEY) partition = stele_log_partition_of(stele_text(event.key), PARTITIONS);
    stele_log_entry entry = {
        .partition = {TOPIC, partition}, .key = stele_text(event.key), .value = value};
    add_header(&entry, headers, "ce_id", event.id == NULL ? id : event.id);
    add_header(&entry, headers, "ce_aggregateversion", event.version);
    add_header(&entry, headers, "ce_causationid", event.command);
    assert_int_equal(stele_log_producer_put(producer, &entry, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_flush(producer, WAIT_MS, NULL), STELE_OK);
}

static void plant_with(ledger *own, stele_log_producer *producer, planted event)
{
    stele_buffer value = {0};
    const test_deposited data = {.amount = 5, .memo = stele_text("m")};
    stele_wire_begin(&value, own->deposited);
    assert_int_equal(stele_encode(&test_deposited_type, &data, &value, NULL), STELE_OK);
    put(own, producer, event, stele_buffer_view(&value));
    stele_buffer_clear(&value);
}

static void plant(ledger *own, planted event)
{
    plant_with(own, own->producer, event);
}

/* What a writer appends: an event with a version and the command that made it. */
static void append(ledger *own, const char *key, const char *version, const char *command)
{
    plant(own, (planted){BY_KEY, key, version, NULL, command});
}

static void take_finding(void *context, const stele_audit_finding *finding)
{
    ledger *own = context;
    assert_string_equal(finding->partition.topic, TOPIC);
    stele_buffer_format(&own->found, "%s %d/%" PRId64, stele_audit_kind_name(finding->kind),
                        (int)finding->partition.index, finding->offset);
    if (finding->id.data != NULL)
        stele_buffer_format(&own->found, " %.*s", (int)finding->id.size,
                            (const char *)finding->id.data);
    stele_buffer_format(&own->found, ": %s\n", finding->text);
}

static void take_note(void *context, const char *type, int64_t count)
{
    ledger *own = context;
    stele_buffer_format(&own->notes, "%" PRId64 " %s\n", count, type);
}

static void audit_with(ledger *own, stele_audit_options options)
{
    stele_error err;
    options.log = own->log;
    options.registry = own->registry;
    options.topic = TOPIC;
    options.each = take_finding;
    options.note = take_note;
    options.context = own;
    stele_buffer_reset(&own->found);
    if (stele_audit(&options, &own->counts, &err) < 0) fail_msg("%s", err.text);
}

static void audit(ledger *own)
{
    audit_with(own, (stele_audit_options){.partition = STELE_AUDIT_ALL});
}

/* Each line of what was found begins with one of these, in this order. */
static void assert_found(ledger *own, const char *const *beginnings)
{
    const char *text = stele_buffer_text(&own->found);
    const char *at = text;
    for (; *beginnings != NULL; beginnings++) {
        const char *end = strchr(at, '\n');
        if (end == NULL || strncmp(at, *beginnings, strlen(*beginnings)) != 0)
            fail_msg("wanted a line \"%s…\", found:\n%s", *beginnings, text);
        at = end + 1;
    }
    if (*at != '\0') fail_msg("found more than was planted:\n%s", text);
}

#define FOUND(own, ...) assert_found(own, (const char *const[]){__VA_ARGS__, NULL})

static void assert_clean(ledger *own)
{
    assert_string_equal(stele_buffer_text(&own->found), "");
}

static void what_writers_and_publishers_do_is_clean(void **state)
{
    ledger *own = *state;
    append(own, A, "1", "c1");
    append(own, D, "1", "c1"); /* another aggregate's command */
    append(own, A, "2", "c2");
    append(own, A, "3", NULL);
    plant(own, (planted){BY_KEY, "b", NULL, NULL, NULL}); /* facts: no version, any cause */
    plant(own, (planted){BY_KEY, "b", NULL, NULL, "c2"});
    plant(own, (planted){BY_KEY, "b", NULL, NULL, "c2"});

    audit(own);

    assert_clean(own);
    assert_int_equal(own->counts.events, 7);
    assert_int_equal(own->counts.aggregates, 3);
    assert_int_equal(own->counts.unversioned, 3);
    assert_int_equal(own->counts.no_id, 0);
    assert_int_equal(own->counts.partitions, 2);
    assert_int_equal(own->counts.aborted, 0);
}

static void nothing_is_clean(void **state)
{
    ledger *own = *state;
    audit(own);
    assert_clean(own);
    assert_int_equal(own->counts.partitions, 2);
}

static void a_version_that_is_missing_is_a_hole(void **state)
{
    ledger *own = *state;
    append(own, A, "1", "c1");
    append(own, A, "4", "c2");
    append(own, A, "5", "c3");
    append(own, D, "2", "c1");

    audit(own);

    FOUND(own,
          "hole 0/1 a: version 4 comes after version 1 at offset 0: those between them are missing",
          "hole 1/0 d: its first event has version 2: those before it are missing");
}

static void a_log_that_begins_later_is_a_hole_and_its_versions_go_on(void **state)
{
    ledger *own = *state;
    append(own, A, "1", "c1");
    append(own, A, "2", "c2");
    append(own, A, "3", "c3");
    append(own, A, "5", "c5");
    assert_int_equal(
        stele_log_memory_delete_records(own->log, (stele_partition){TOPIC, 0}, 1, NULL), STELE_OK);

    audit(own);

    FOUND(own, "hole 0/1: the log begins here", "hole 0/3 a: version 5 comes after version 3");
}

static void two_events_of_one_version_are_a_fork(void **state)
{
    ledger *own = *state;
    append(own, A, "1", "c1");
    append(own, A, "2", "c2");
    append(own, A, "3", "c3");
    append(own, A, "2", "z1"); /* a zombie, which had seen version 1 */
    append(own, A, "3", "z2");
    append(own, A, "4", "c4");

    audit(own);

    FOUND(own,
          "fork 0/3 a: version 2 again: the event at offset 2 has made version 3, so two have "
          "appended to one place",
          "fork 0/4 a: version 3 again");
}

static void an_event_without_a_version_among_a_writers_is_foreign(void **state)
{
    ledger *own = *state;
    plant(own, (planted){BY_KEY, A, NULL, NULL, NULL}); /* before a writer took the topic over */
    append(own, A, "2", "c1");
    plant(own, (planted){BY_KEY, A, NULL, NULL, NULL});
    append(own, A, "4", "c2");
    append(own, A, "x", "c3");
    append(own, A, "6", "c4");

    audit(own);

    FOUND(own, "foreign 0/2 a: it has no version, and the event at offset 1 has one",
          "bad-version 0/4 a: ");
}

static void an_aggregate_that_decides_has_no_facts(void **state)
{
    ledger *own = *state;
    const stele_aggregate account = {.name = "account",
                                     .events =
                                         (const stele_type *const[]){&test_deposited_type, NULL},
                                     .version = 1,
                                     .state = &test_deposited_type};
    plant(own, (planted){BY_KEY, A, NULL, NULL, NULL});

    audit_with(own, (stele_audit_options){.partition = STELE_AUDIT_ALL, .aggregate = &account});

    FOUND(own, "foreign 0/0 a: it has no version, and account decides: ");
    assert_int_equal(own->counts.unversioned, 0);
}

static void an_event_id_that_is_there_twice_is_named_at_the_second(void **state)
{
    ledger *own = *state;
    const char *id = "0190a1b2-c3d4-7e5f-8a9b-0123456789ab";
    plant(own, (planted){BY_KEY, A, NULL, id, NULL});
    plant(own, (planted){BY_KEY, D, NULL, NULL, NULL});
    plant(own, (planted){BY_KEY, A, NULL, id, NULL});
    plant(own, (planted){BY_KEY, D, NULL, "0190A1B2-C3D4-7E5F-8A9B-0123456789AB", NULL});
    plant(own, (planted){BY_KEY, D, NULL, "order-7", NULL});

    audit(own);

    FOUND(own,
          "duplicate-id 0/1 a: the event id 0190a1b2-c3d4-7e5f-8a9b-0123456789ab is that of "
          "account.events/0/0, too",
          "duplicate-id 1/1 d: the event id 0190a1b2-c3d4-7e5f-8a9b-0123456789ab is that of "
          "account.events/0/0, too");
    assert_int_equal(own->counts.no_id, 1);
    assert_int_equal(own->counts.events, 5); /* although it was read twice */
    audit_with(own, (stele_audit_options){.partition = STELE_AUDIT_ALL, .skip_ids = true});
    assert_clean(own);
}

static void a_command_in_two_units_was_carried_out_twice(void **state)
{
    ledger *own = *state;
    append(own, A, "1", "c1");
    append(own, A, "2", "c2");
    append(own, A, "3", "c1");
    append(own, D, "1", "c1");
    append(own, D, "2", "c1"); /* at once, and yet not one unit: their ids have nothing in common */

    audit(own);

    FOUND(own,
          "command-twice 0/2 a: the command \"c1\" has made events at account.events/0/0 before",
          "command-twice 1/1 d: ");
}

static void the_events_of_one_unit_are_one(void **state)
{
    ledger *own = *state;
    const char *const ids[] = {"0190a1b2-c3d4-7e5f-8a9b-0123456789fe",
                               "0190a1b2-c3d4-7e5f-8a9b-0123456789ff",
                               "0190a1b2-c3d4-7e5f-8a9b-012345678a00"};
    const char *const versions[] = {"1", "2", "3"};
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        plant(own, (planted){BY_KEY, A, versions[i], ids[i], "c1"});
    /* 62 bits that are full go on from nought. */
    plant(own, (planted){BY_KEY, A, "4", "0190a1b2-c3d4-7e5f-bfff-ffffffffffff", "c2"});
    plant(own, (planted){BY_KEY, A, "5", "0190a1b2-c3d4-7e5f-8000-000000000000", "c2"});

    audit(own);

    assert_clean(own);
}

static void a_key_in_another_partition_is_named(void **state)
{
    ledger *own = *state;
    append(own, A, "1", "c1");
    plant(own, (planted){1, A, "1", NULL, "c1"});

    audit(own);

    FOUND(own, "wrong-partition 1/0 a: the key \"a\" belongs to partition 0 of 2");
}

static void what_is_no_event_of_an_aggregate_is_named(void **state)
{
    ledger *own = *state;
    char long_key[1100];
    memset(long_key, 'k', sizeof long_key - 1);
    long_key[sizeof long_key - 1] = '\0';
    plant(own, (planted){0, NULL, NULL, NULL, NULL});
    plant(own, (planted){0, "", NULL, NULL, NULL});
    plant(own, (planted){0, "stele:x", NULL, NULL, NULL});
    plant(own, (planted){0, long_key, NULL, NULL, NULL});
    put(own, own->producer, (planted){0, A, NULL, NULL, NULL}, (stele_bytes){NULL, 0});

    audit(own);

    FOUND(own, "no-key 0/0: ", "reserved-id 0/1 : its key has 0 bytes",
          "reserved-id 0/2 stele:x: ", "reserved-id 0/3 kkk", "no-value 0/4 a: ");
}

static void what_cannot_be_decoded_is_named_with_the_reason(void **state)
{
    ledger *own = *state;
    const uint8_t cut[] = {0, 0, 0, 0, (uint8_t)own->deposited, 10, 40, 'x'};
    const uint8_t unknown[] = {0, 0, 0, 1, 0, 10};
    planted event = {BY_KEY, A, NULL, NULL, NULL};
    put(own, own->producer, event, stele_text("{}"));
    put(own, own->producer, event, stele_bytes_of(cut, sizeof cut));
    put(own, own->producer, event, stele_bytes_of(unknown, sizeof unknown));
    put(own, own->producer, event, stele_bytes_of(unknown, sizeof unknown));

    audit(own);

    FOUND(own,
          "undecodable 0/0 a: ", "undecodable 0/1 a: memo: ", "undecodable 0/2 a: no schema id",
          "undecodable 0/3 a: no schema id");
}

static void the_programs_own_types_are_tried_and_others_are_noted(void **state)
{
    ledger *own = *state;
    const stele_aggregate account = {
        .name = "account", .events = (const stele_type *const[]){&test_deposited_type, NULL}};
    const char *other = "{\"type\":\"record\",\"name\":\"Deposited\",\"namespace\":\"test\","
                        "\"fields\":[{\"name\":\"amount\",\"type\":\"string\"}]}";
    int32_t incompatible, named;
    assert_int_equal(stele_registry_register(own->registry, "x", stele_text(other), NULL, 0,
                                             WAIT_MS, &incompatible, NULL),
                     STELE_OK);
    assert_int_equal(stele_registry_register(own->registry, "y", stele_text(test_named_type.schema),
                                             NULL, 0, WAIT_MS, &named, NULL),
                     STELE_OK);
    const uint8_t strange[] = {0, 0, 0, 0, (uint8_t)incompatible, 2, 'x'};
    const uint8_t listed_nowhere[] = {0, 0, 0, 0, (uint8_t)named, 2, 'x'};
    append(own, A, "1", "c1");
    put(own, own->producer, (planted){BY_KEY, A, "2", NULL, "c2"}, stele_bytes_of(strange, 7));
    put(own, own->producer, (planted){BY_KEY, A, "3", NULL, "c3"},
        stele_bytes_of(listed_nowhere, 7));

    audit_with(own, (stele_audit_options){.partition = STELE_AUDIT_ALL, .aggregate = &account});
    FOUND(own, "unreadable 0/1 a: test.Deposited of schema id ");
    assert_string_equal(stele_buffer_text(&own->notes), "1 test.Named\n");

    audit(own); /* who does not know the types finds nothing */
    assert_clean(own);
}

static stele_log_producer *begin(ledger *own, const char *transactional_id)
{
    stele_log_producer *producer;
    stele_log_producer_options options = {.transactional_id = transactional_id,
                                          .transaction_timeout_ms = 600000};
    assert_int_equal(stele_log_producer_open(own->log, &options, &producer, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_init(producer, TOPIC, WAIT_MS, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_begin(producer, NULL), STELE_OK);
    return producer;
}

static void what_was_aborted_is_counted_and_nothing_of_it_found(void **state)
{
    ledger *own = *state;
    append(own, A, "1", "c1");
    stele_log_producer *writer = begin(own, "account.events-0");
    plant_with(own, writer, (planted){BY_KEY, A, "2", NULL, "c2"});
    plant_with(own, writer, (planted){BY_KEY, A, "3", NULL, "c2"});
    assert_int_equal(stele_log_producer_abort(writer, WAIT_MS, NULL), STELE_OK);
    append(own, A, "2", "c2");
    stele_log_producer_close(writer);

    audit(own);

    assert_clean(own);
    assert_int_equal(own->counts.aborted, 2);
    assert_int_equal(own->counts.events, 2);
}

static void a_transaction_that_does_not_end_hangs(void **state)
{
    ledger *own = *state;
    append(own, A, "1", "c1");
    stele_log_producer *writer = begin(own, "account.events-0");
    plant_with(own, writer, (planted){BY_KEY, A, "2", NULL, "c2"});
    append(own, A, "2", "c2");

    audit_with(own, (stele_audit_options){.partition = STELE_AUDIT_ALL, .settle_ms = 300});

    FOUND(own, "hanging 0/1 a: a transaction is open since 2023-11-14T22:13:20.000Z and does not "
               "end: it holds back 2 records");
    assert_int_equal(own->counts.events, 1);
    assert_int_equal(own->counts.held_back, 2);
    stele_log_producer_close(writer);
}

typedef struct ending {
    ledger *own;
    stele_log_producer *writer;
} ending;

/* It ends while the audit goes on. */
static void end_it(void *context, int64_t done, int64_t total)
{
    ending *of = context;
    assert_true(done <= total);
    if (of->writer != NULL)
        assert_int_equal(stele_log_producer_commit(of->writer, WAIT_MS, NULL), STELE_OK);
    stele_log_producer_close(of->writer);
    of->writer = NULL;
}

static void a_transaction_that_ends_meanwhile_is_no_finding(void **state)
{
    ledger *own = *state;
    append(own, A, "1", "c1");
    ending of = {own, begin(own, "account.events-0")};
    plant_with(own, of.writer, (planted){BY_KEY, A, "2", NULL, "c2"});
    stele_audit_options options = {.log = own->log,
                                   .registry = own->registry,
                                   .topic = TOPIC,
                                   .partition = STELE_AUDIT_ALL,
                                   .progress = end_it,
                                   .context = &of};

    assert_int_equal(stele_audit(&options, &own->counts, NULL), STELE_OK);

    for (int kind = 0; kind < STELE_AUDIT_KINDS; kind++)
        assert_int_equal(own->counts.findings[kind], 0);
}

static void one_partition_can_be_asked_for(void **state)
{
    ledger *own = *state;
    append(own, A, "2", "c1");
    append(own, D, "2", "c1");

    audit_with(own, (stele_audit_options){.partition = 1});
    FOUND(own, "hole 1/0 d: ");
    assert_int_equal(own->counts.partitions, 1);

    stele_audit_options options = {
        .log = own->log, .registry = own->registry, .topic = TOPIC, .partition = 2};
    stele_error err;
    assert_int_equal(stele_audit(&options, &own->counts, &err), STELE_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "account.events has 2 partitions, from 0 on: there is no 2"));
}

static void a_registry_that_is_away_is_no_finding(void **state)
{
    ledger *own = *state;
    stele_error err;
    append(own, A, "1", "c1");
    shelf_set_away(own->registry, true);
    stele_audit_options options = {.log = own->log,
                                   .registry = own->registry,
                                   .topic = TOPIC,
                                   .partition = STELE_AUDIT_ALL,
                                   .patience_ms = 500};

    assert_int_equal(stele_audit(&options, &own->counts, &err), STELE_E_UNAVAILABLE);
    assert_int_equal(own->counts.findings[STELE_AUDIT_UNDECODABLE], 0);
}

static void it_ends_when_it_is_asked_to(void **state)
{
    ledger *own = *state;
    const atomic_bool stop = true;
    stele_error err;
    append(own, A, "1", "c1");
    stele_audit_options options = {.log = own->log,
                                   .registry = own->registry,
                                   .topic = TOPIC,
                                   .partition = STELE_AUDIT_ALL,
                                   .stop = &stop};

    assert_int_equal(stele_audit(&options, &own->counts, &err), STELE_E_INTERRUPTED);
}

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, ledger_opened, ledger_closed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(what_writers_and_publishers_do_is_clean),
        LEDGER_TEST(nothing_is_clean),
        LEDGER_TEST(a_version_that_is_missing_is_a_hole),
        LEDGER_TEST(a_log_that_begins_later_is_a_hole_and_its_versions_go_on),
        LEDGER_TEST(two_events_of_one_version_are_a_fork),
        LEDGER_TEST(an_event_without_a_version_among_a_writers_is_foreign),
        LEDGER_TEST(an_aggregate_that_decides_has_no_facts),
        LEDGER_TEST(an_event_id_that_is_there_twice_is_named_at_the_second),
        LEDGER_TEST(a_command_in_two_units_was_carried_out_twice),
        LEDGER_TEST(the_events_of_one_unit_are_one),
        LEDGER_TEST(a_key_in_another_partition_is_named),
        LEDGER_TEST(what_is_no_event_of_an_aggregate_is_named),
        LEDGER_TEST(what_cannot_be_decoded_is_named_with_the_reason),
        LEDGER_TEST(the_programs_own_types_are_tried_and_others_are_noted),
        LEDGER_TEST(what_was_aborted_is_counted_and_nothing_of_it_found),
        LEDGER_TEST(a_transaction_that_does_not_end_hangs),
        LEDGER_TEST(a_transaction_that_ends_meanwhile_is_no_finding),
        LEDGER_TEST(one_partition_can_be_asked_for),
        LEDGER_TEST(a_registry_that_is_away_is_no_finding),
        LEDGER_TEST(it_ends_when_it_is_asked_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
