/* SPDX-License-Identifier: MIT
 * The `kafka:` registry on the log in memory: the contract, and what the Confluent API asks for
 * beyond it. */
#include "registry/kafka_registry.h"

#include "core/alloc.h"
#include "core/names.h"
#include "kafka/log_port.h"
#include "kafka/memory_log.h"
#include "registry/follower.h"
#include "registry_cases.h"
#include "schemas/scopes.h"
#include "tests/support/counted_log.h"
#include "tests/support/test.h"

enum { WAIT_MS = REGISTRY_WAIT_MS };

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define FIELD(name)    "{\"name\":\"" name "\",\"type\":\"int\",\"default\":0}"
#define BARE(name)     "{\"name\":\"" name "\",\"type\":\"int\"}"

static stele_log *new_log(void)
{
    stele_log *log;
    stele_error err;
    assert_int_equal(stele_log_memory_new(NULL, &log, &err), STELE_OK);
    return log;
}

static stele_registry *open_on(void *log)
{
    stele_registry *registry;
    stele_error err;
    stele_registry_options options = {.log = log, .timeout_ms = WAIT_MS};
    assert_int_equal(stele_registry_open(&options, &registry, &err), STELE_OK);
    return registry;
}

static stele_proposal proposal_of(const char *subject, const char *text)
{
    return (stele_proposal){.subject = subject, .text = stele_text(text)};
}

static int64_t end_of_topic(stele_log *log)
{
    int64_t start;
    int64_t end;
    stele_error err;
    assert_int_equal(stele_log_bounds(log, (stele_partition){STELE_REGISTRY_TOPIC, 0},
                                      STELE_READ_UNCOMMITTED, WAIT_MS, &start, &end, &err),
                     STELE_OK);
    return end;
}

static void what_is_registered_already_writes_nothing(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    STELE_AUTO(stele_registry) registry = open_on(log);
    int32_t id = registry_registered(registry, "s", RECORD(FIELD("a")));
    int64_t end = end_of_topic(log);
    STELE_AUTO(stele_registry) other = open_on(log);

    assert_int_equal(registry_registered(registry, "s", RECORD(FIELD("a"))), id);
    assert_int_equal(registry_registered(other, "s", RECORD(FIELD("a"))), id);

    assert_int_equal(end_of_topic(log), end);
    assert_int_equal(id, 2); /* genesis at 0, so 1 + 1 */
}

static void the_topic_is_made_to_keep_everything(void **state)
{
    (void)state;
    static const char *const settings[][2] = {
        {"cleanup.policy", "delete"}, {"retention.ms", "-1"}, {"retention.bytes", "-1"}};
    STELE_AUTO(stele_log) log = new_log();
    STELE_AUTO(stele_registry) registry = open_on(log);
    stele_error err;
    registry_registered(registry, "s", "\"int\"");
    for (size_t i = 0; i < 3; i++) {
        STELE_AUTO(char) value = NULL;
        assert_int_equal(stele_log_topic_setting(log, STELE_REGISTRY_TOPIC, settings[i][0], WAIT_MS,
                                                 &value, &err),
                         STELE_OK);
        assert_string_equal(value, settings[i][1]);
    }
}

static void looking_makes_no_topic(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    STELE_AUTO(stele_registry) registry = open_on(log);
    stele_schema *schema;
    stele_log_topic topic;
    stele_error err;

    assert_int_equal(stele_registry_schema(registry, 5, WAIT_MS, &schema, &err), STELE_E_NOT_FOUND);

    assert_int_equal(stele_log_topic_describe(log, STELE_REGISTRY_TOPIC, WAIT_MS, &topic, &err),
                     STELE_E_NOT_FOUND);
}

static void a_topic_that_loses_records_is_not_written_to(void **state)
{
    (void)state;
    static const struct {
        int32_t partitions;
        stele_header setting;
        const char *says;
    } cases[] = {
        {2, {"retention.ms", {(const uint8_t *)"-1", 2}}, "2 partitions"},
        {1, {"retention.ms", {(const uint8_t *)"1000", 4}}, "retention.ms=1000"},
        {1, {"cleanup.policy", {(const uint8_t *)"compact", 7}}, "cleanup.policy=compact"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        STELE_AUTO(stele_log) log = new_log();
        STELE_AUTO(stele_registry) registry = open_on(log);
        stele_log_topic_options options = {.name = STELE_REGISTRY_TOPIC,
                                           .partitions = cases[i].partitions,
                                           .settings = &cases[i].setting,
                                           .setting_count = 1};
        int32_t id;
        stele_error err;
        assert_int_equal(stele_log_topic_create(log, &options, WAIT_MS, &err), STELE_OK);

        assert_int_equal(stele_registry_register(registry, "s", stele_text("\"int\""), NULL, 0,
                                                 WAIT_MS, &id, &err),
                         STELE_E_INCOMPATIBLE);
        assert_int_equal(err.next, STELE_NEXT_STOP);
        assert_non_null(strstr(err.text, cases[i].says));
    }
}

static void a_log_that_is_away_is_said_and_waited_for(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    STELE_AUTO(stele_registry) writer = open_on(log);
    STELE_AUTO(stele_registry) registry = open_on(log);
    int32_t id = registry_registered(writer, "s", "\"int\"");
    STELE_AUTO(stele_schema) schema = NULL;
    stele_error err;
    stele_log_memory_set_up(log, false);

    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while (stele_registry_schema(registry, id, 0, &schema, &err) == STELE_E_TIMED_OUT)
        assert_false(stele_deadline_passed(until)); /* at first no one knows that it is away */
    assert_int_equal(err.status, STELE_E_UNAVAILABLE);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    assert_int_equal(stele_registry_schema(writer, id, 0, &schema, &err), STELE_OK);
    stele_log_memory_set_up(log, true);

    schema = (stele_schema_free(schema), NULL);
    assert_int_equal(stele_registry_schema(registry, id, WAIT_MS, &schema, &err), STELE_OK);
}

static void records_that_are_gone_are_a_hole(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    STELE_AUTO(stele_registry) writer = open_on(log);
    int32_t id = registry_registered(writer, "s", "\"int\"");
    stele_schema *schema;
    stele_error err;
    assert_int_equal(
        stele_log_memory_delete_records(log, (stele_partition){STELE_REGISTRY_TOPIC, 0}, 1, &err),
        STELE_OK);

    STELE_AUTO(stele_registry) registry = open_on(log);
    assert_int_equal(stele_registry_schema(registry, id, WAIT_MS, &schema, &err), STELE_E_HOLE);
    assert_int_equal(err.next, STELE_NEXT_STOP);
}

static void an_append_that_failed_is_made_again_or_found(void **state)
{
    (void)state;
    static const stele_log_memory_fault faults[] = {
        STELE_LOG_MEMORY_REFUSED, STELE_LOG_MEMORY_DIES_BEFORE, STELE_LOG_MEMORY_DIES_AFTER};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        STELE_AUTO(stele_log) log = new_log();
        STELE_AUTO(stele_registry) registry = open_on(log);
        registry_registered(registry, "s", "\"int\"");
        int64_t end = end_of_topic(log);
        int32_t id = 0;
        stele_error err;
        stele_log_memory_fail_append(log, 1, faults[i]);

        stele_status status;
        while ((status = stele_registry_register(registry, "t", stele_text("\"long\""), NULL, 0,
                                                 WAIT_MS, &id, &err)) < 0)
            assert_int_equal(err.next, STELE_NEXT_RETRY);

        assert_int_equal(end_of_topic(log), end + 1);
        assert_int_equal(id, end + 1);
    }
}

static void levels_decide_what_is_taken(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    STELE_AUTO(stele_registry) registry = open_on(log);
    stele_compatibility level;
    stele_compatibility none = STELE_COMPATIBILITY_NONE;
    stele_compatibility full = STELE_COMPATIBILITY_FULL;
    stele_error err;
    int32_t id;
    stele_bytes bare = stele_text(RECORD(BARE("b")));
    registry_registered(registry, "s", RECORD(BARE("a")));

    assert_int_equal(stele_kafka_registry_level(registry, NULL, false, WAIT_MS, &level, &err), 0);
    assert_int_equal(level, STELE_COMPATIBILITY_BACKWARD);
    assert_int_equal(stele_kafka_registry_level(registry, "s", false, WAIT_MS, &level, &err),
                     STELE_E_NOT_FOUND);
    assert_int_equal(err.cause, STELE_API_NO_LEVEL);
    assert_int_equal(stele_registry_register(registry, "s", bare, NULL, 0, WAIT_MS, &id, &err),
                     STELE_E_INCOMPATIBLE);
    assert_int_equal(err.cause, STELE_API_INCOMPATIBLE);

    assert_int_equal(stele_kafka_registry_set_level(registry, NULL, &full, WAIT_MS, &err), 0);
    assert_int_equal(stele_kafka_registry_set_level(registry, "s", &none, WAIT_MS, &err), 0);
    assert_int_equal(stele_kafka_registry_level(registry, "s", false, WAIT_MS, &level, &err), 0);
    assert_int_equal(level, STELE_COMPATIBILITY_NONE);
    assert_int_equal(stele_registry_register(registry, "s", bare, NULL, 0, WAIT_MS, &id, &err), 0);
    assert_int_equal(stele_kafka_registry_set_level(registry, "s", NULL, WAIT_MS, &err), 0);
    assert_int_equal(stele_kafka_registry_level(registry, "s", true, WAIT_MS, &level, &err), 0);
    assert_int_equal(level, STELE_COMPATIBILITY_FULL);
}

static void a_subject_that_is_read_only_takes_nothing(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    STELE_AUTO(stele_registry) registry = open_on(log);
    stele_registry_mode read_only = STELE_MODE_READONLY;
    stele_registry_mode mode;
    int32_t *versions;
    size_t count;
    int32_t id;
    stele_error err;
    int32_t first = registry_registered(registry, "s", RECORD(FIELD("a")));
    assert_int_equal(stele_kafka_registry_set_mode(registry, "s", &read_only, WAIT_MS, &err), 0);

    assert_int_equal(stele_kafka_registry_mode(registry, "s", false, WAIT_MS, &mode, &err), 0);
    assert_int_equal(mode, STELE_MODE_READONLY);
    assert_int_equal(stele_registry_register(registry, "s", stele_text(RECORD(FIELD("b"))), NULL, 0,
                                             WAIT_MS, &id, &err),
                     STELE_E_INVALID);
    assert_int_equal(err.cause, STELE_API_READ_ONLY);
    assert_int_equal(
        stele_kafka_registry_delete(registry, "s", 0, false, WAIT_MS, &versions, &count, &err),
        STELE_E_INVALID);
    assert_int_equal(registry_registered(registry, "s", RECORD(FIELD("a"))), first);
}

static void assert_deleted(stele_registry *registry, int32_t version, bool permanent, size_t count)
{
    int32_t *versions = NULL;
    size_t found;
    stele_error err = {0};
    if (stele_kafka_registry_delete(registry, "s", version, permanent, WAIT_MS, &versions, &found,
                                    &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(found, count);
    free(versions);
}

static void assert_not_deleted(stele_registry *registry, int32_t version, bool permanent, int code)
{
    int32_t *versions;
    size_t found;
    stele_error err = {0};
    assert_true(stele_kafka_registry_delete(registry, "s", version, permanent, WAIT_MS, &versions,
                                            &found, &err) < 0);
    assert_int_equal(err.cause, code);
}

static void deleting_is_soft_first_and_never_takes_an_id(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    STELE_AUTO(stele_registry) registry = open_on(log);
    STELE_AUTO(stele_schema) schema = NULL;
    stele_registered found;
    const char **subjects;
    stele_error err;
    int32_t first = registry_registered(registry, "s", RECORD(FIELD("a")));
    int32_t second = registry_registered(registry, "s", RECORD(FIELD("a") "," FIELD("b")));

    assert_not_deleted(registry, 1, true, STELE_API_VERSION_NOT_DELETED);
    assert_not_deleted(registry, 0, true, STELE_API_SUBJECT_NOT_DELETED);
    assert_not_deleted(registry, 3, false, STELE_API_NO_VERSION);
    assert_deleted(registry, 1, false, 1);
    assert_not_deleted(registry, 1, false, STELE_API_VERSION_DELETED);
    assert_int_equal(stele_kafka_registry_version(registry, "s", 1, false, WAIT_MS, &found, &err),
                     STELE_E_NOT_FOUND);
    assert_int_equal(stele_kafka_registry_version(registry, "s", 1, true, WAIT_MS, &found, &err),
                     STELE_OK);
    assert_true(found.is_deleted);
    assert_int_equal(found.id, first);
    assert_deleted(registry, 0, false, 1);
    assert_not_deleted(registry, 0, false, STELE_API_SUBJECT_DELETED);
    assert_int_equal(
        stele_kafka_registry_subjects(registry, STELE_REGISTRY_LIVE, WAIT_MS, &subjects, &err), 0);
    assert_null(subjects[0]);
    free(subjects);
    assert_deleted(registry, 0, true, 2);
    assert_not_deleted(registry, 0, true, STELE_API_NO_SUBJECT);

    STELE_AUTO(stele_registry) later = open_on(log);
    assert_int_equal(stele_registry_schema(later, first, WAIT_MS, &schema, &err), STELE_OK);
    schema = (stele_schema_free(schema), NULL);
    assert_int_equal(stele_registry_schema(later, second, WAIT_MS, &schema, &err), STELE_OK);
    assert_int_equal(registry_registered(later, "s", RECORD(FIELD("a"))), first);
    assert_int_equal(stele_kafka_registry_version(later, "s", 0, false, WAIT_MS, &found, &err), 0);
    assert_int_equal(found.version, 3);
}

static void assert_subjects(stele_registry *registry, stele_registry_filter filter,
                            const char *first, const char *second)
{
    const char **names;
    const char *const expected[] = {first, second, NULL};
    stele_error err;
    assert_int_equal(stele_kafka_registry_subjects(registry, filter, WAIT_MS, &names, &err),
                     STELE_OK);
    size_t i = 0;
    for (; expected[i] != NULL; i++)
        assert_string_equal(names[i], expected[i]);
    assert_null(names[i]);
    free(names);
}

static void assert_versions(stele_registry *registry, stele_registry_filter filter, size_t count,
                            int32_t first)
{
    int32_t *versions = NULL;
    size_t found = 0;
    stele_error err;
    stele_status status =
        stele_kafka_registry_versions(registry, "s", filter, WAIT_MS, &versions, &found, &err);
    assert_int_equal(status, count == 0 ? STELE_E_NOT_FOUND : STELE_OK);
    assert_int_equal(found, count);
    if (count > 0) assert_int_equal(versions[0], first);
    free(versions);
}

static void what_is_deleted_can_be_listed_alone(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    STELE_AUTO(stele_registry) registry = open_on(log);
    registry_registered(registry, "s", RECORD(FIELD("a")));
    registry_registered(registry, "s", RECORD(FIELD("a") "," FIELD("b")));
    registry_registered(registry, "t", RECORD(FIELD("a")));

    assert_versions(registry, STELE_REGISTRY_DELETED_ONLY, 0, 0);
    assert_deleted(registry, 1, false, 1);
    assert_versions(registry, STELE_REGISTRY_LIVE, 1, 2);
    assert_versions(registry, STELE_REGISTRY_ALL, 2, 1);
    assert_versions(registry, STELE_REGISTRY_DELETED_ONLY, 1, 1);
    assert_subjects(registry, STELE_REGISTRY_DELETED_ONLY, NULL, NULL); /* one version is left */
    assert_deleted(registry, 0, false, 1);
    assert_versions(registry, STELE_REGISTRY_DELETED_ONLY, 2, 1);
    assert_subjects(registry, STELE_REGISTRY_DELETED_ONLY, "s", NULL);
    assert_subjects(registry, STELE_REGISTRY_LIVE, "t", NULL);
    assert_subjects(registry, STELE_REGISTRY_ALL, "s", "t");
    assert_deleted(registry, 0, true, 2);
    assert_versions(registry, STELE_REGISTRY_DELETED_ONLY, 0, 0);
    assert_subjects(registry, STELE_REGISTRY_DELETED_ONLY, NULL, NULL);
}

static void a_reference_to_version_minus_one_is_to_the_latest_that_there_is(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    STELE_AUTO(stele_registry) registry = open_on(log);
    const char *user =
        "{\"type\":\"record\",\"name\":\"U\",\"fields\":[{\"name\":\"r\",\"type\":\"R\"}]}";
    stele_registry_reference latest = {"R", "s", -1};
    stele_registered found;
    int32_t id;
    stele_error err;
    assert_int_equal(
        stele_registry_register(registry, "user", stele_text(user), &latest, 1, WAIT_MS, &id, &err),
        STELE_E_INVALID);
    registry_registered(registry, "s", RECORD(FIELD("a")));
    int32_t second = registry_registered(registry, "s", RECORD(FIELD("a") "," FIELD("b")));
    registry_registered(registry, "s", RECORD(FIELD("a") "," FIELD("b") "," FIELD("c")));
    assert_deleted(registry, 3, false, 1);

    assert_int_equal(
        stele_registry_register(registry, "user", stele_text(user), &latest, 1, WAIT_MS, &id, &err),
        STELE_OK);

    assert_int_equal(stele_kafka_registry_by_id(registry, id, WAIT_MS, &found, &err), STELE_OK);
    assert_int_equal(found.references[0].version, 2);
    assert_int_equal(found.references[0].id, second);
    for (int32_t version = -2; version <= 0; version += 2) {
        latest.version = version;
        assert_int_equal(stele_registry_register(registry, "user", stele_text(user), &latest, 1,
                                                 WAIT_MS, &id, &err),
                         STELE_E_INVALID);
    }
}

static void what_is_referred_to_is_not_deleted(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    STELE_AUTO(stele_registry) registry = open_on(log);
    stele_registry_reference reference = {"R", "s", 1};
    int32_t id;
    int32_t *ids;
    size_t count;
    stele_error err;
    registry_registered(registry, "s", RECORD(FIELD("a")));
    const char *user =
        "{\"type\":\"record\",\"name\":\"U\",\"fields\":[{\"name\":\"r\",\"type\":\"R\"}]}";
    assert_int_equal(stele_registry_register(registry, "user", stele_text(user), &reference, 1,
                                             WAIT_MS, &id, &err),
                     STELE_OK);

    assert_not_deleted(registry, 1, false, STELE_API_REFERENCED);
    assert_not_deleted(registry, 0, false, STELE_API_REFERENCED);
    assert_int_equal(stele_kafka_registry_referrers(registry, "s", 1, WAIT_MS, &ids, &count, &err),
                     STELE_OK);
    assert_int_equal(count, 1);
    assert_int_equal(ids[0], id);
    free(ids);
    int32_t *versions;
    assert_int_equal(
        stele_kafka_registry_delete(registry, "user", 0, false, WAIT_MS, &versions, &count, &err),
        STELE_OK);
    free(versions);
    assert_deleted(registry, 0, false, 1);
}

static void count_finding(void *context, const stele_finding *finding)
{
    assert_true(finding->text[0] != '\0');
    ++*(size_t *)context;
}

static void a_schema_is_checked_and_found_without_being_registered(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    STELE_AUTO(stele_registry) registry = open_on(log);
    stele_registered found;
    stele_registered *uses;
    size_t reported = 0;
    size_t findings;
    size_t count;
    stele_error err;
    int32_t id = registry_registered(registry, "s", RECORD(FIELD("a")));
    registry_registered(registry, "t", RECORD(FIELD("a")));
    int64_t end = end_of_topic(log);
    stele_proposal same = proposal_of("s", RECORD(FIELD("a")));
    stele_proposal bad = proposal_of("s", RECORD(BARE("b") "," BARE("c")));
    stele_proposal unknown = proposal_of("nothing", RECORD(FIELD("a")));

    assert_int_equal(stele_kafka_registry_check(registry, &bad, 0, WAIT_MS, count_finding,
                                                &reported, &findings, &err),
                     STELE_OK);
    assert_int_equal(findings, 2);
    assert_int_equal(reported, 2);
    assert_int_equal(
        stele_kafka_registry_check(registry, &same, 1, WAIT_MS, NULL, NULL, &findings, &err),
        STELE_OK);
    assert_int_equal(findings, 0);
    assert_int_equal(
        stele_kafka_registry_check(registry, &same, 2, WAIT_MS, NULL, NULL, &findings, &err),
        STELE_E_NOT_FOUND);
    assert_int_equal(err.cause, STELE_API_NO_VERSION);
    assert_int_equal(stele_kafka_registry_find(registry, &same, false, WAIT_MS, &found, &err), 0);
    assert_int_equal(found.id, id);
    assert_int_equal(found.version, 1);
    assert_int_equal(stele_kafka_registry_find(registry, &bad, false, WAIT_MS, &found, &err),
                     STELE_E_NOT_FOUND);
    assert_int_equal(err.cause, STELE_API_NO_SCHEMA);
    assert_int_equal(stele_kafka_registry_find(registry, &unknown, false, WAIT_MS, &found, &err),
                     STELE_E_NOT_FOUND);
    assert_int_equal(err.cause, STELE_API_NO_SUBJECT);
    assert_int_equal(stele_kafka_registry_uses(registry, id, false, WAIT_MS, &uses, &count, &err),
                     STELE_OK);
    assert_int_equal(count, 2);
    assert_string_equal(uses[1].subject, "t");
    free(uses);
    assert_int_equal(end_of_topic(log), end);
}

static void a_url_that_names_nothing_is_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {"", "kafka", "kafka:x", "ftp://x"};
    STELE_AUTO(stele_log) log = new_log();
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        stele_registry *registry;
        stele_error err;
        stele_registry_options options = {.url = urls[i], .log = log};
        assert_int_equal(stele_registry_open(&options, &registry, &err), STELE_E_INVALID);
    }
    stele_registry *registry;
    assert_int_equal(stele_registry_open(&(stele_registry_options){0}, &registry, NULL),
                     STELE_E_INVALID);
    stele_registry_close(NULL);
}

/* ---- another registry ---- */

static void assert_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static void put(stele_log *log, const char *topic, const char *key, stele_bytes value)
{
    stele_log_producer *producer;
    stele_error err;
    stele_log_producer_options options = {0};
    stele_log_entry entry = {.partition = {topic, 0}, .key = stele_text(key), .value = value};
    assert_int_equal(stele_log_producer_open(log, &options, &producer, &err), STELE_OK);
    assert_int_equal(stele_log_producer_put(producer, &entry, &err), STELE_OK);
    assert_int_equal(stele_log_producer_flush(producer, WAIT_MS, &err), STELE_OK);
    stele_log_producer_close(producer);
}

static void make_topic(stele_log *log, const char *name)
{
    stele_log_topic_options options = {.name = name, .partitions = 1, .replication = 1};
    assert_int_equal(stele_log_topic_create(log, &options, WAIT_MS, NULL), STELE_OK);
}

/* Until the registry says so of what it holds; it looks twice a second. */
static stele_error await_check(stele_registry *registry, stele_status wanted)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    stele_error err = {0};
    while (stele_registry_check(registry, &err) != wanted) {
        if (stele_deadline_passed(until)) fail_msg("not %d: %s", (int)wanted, err.text);
        stele_sleep_ms(stele_runtime_system(), 10);
    }
    return err;
}

static void copy_topic(stele_log *log, stele_record *out, stele_batch *batch)
{
    stele_log_reader *reader;
    assert_int_equal(stele_log_reader_open(log, NULL, &reader, NULL), STELE_OK);
    assert_int_equal(
        stele_log_reader_start(reader, (stele_partition){STELE_REGISTRY_TOPIC, 0}, 0, NULL),
        STELE_OK);
    assert_int_equal(stele_log_reader_next(reader, WAIT_MS, batch, NULL), STELE_OK);
    for (size_t i = 0; i < batch->count; i++) {
        out[i] = batch->records[i];
        out[i].value =
            stele_text(stele_strndup((const char *)out[i].value.data, out[i].value.size));
    }
    size_t count = batch->count;
    stele_log_batch_release(batch);
    batch->count = count;
    stele_log_reader_close(reader);
}

static void note_news(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

static void whoever_listens_is_told_of_what_another_registers(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    STELE_AUTO(stele_registry) reading = open_on(log);
    STELE_AUTO(stele_registry) writing = open_on(log);
    registry_registered(writing, "s", RECORD(FIELD("a")));
    assert_int_equal(stele_registry_confirm(reading, WAIT_MS, NULL), STELE_OK);
    atomic_int told = 0;
    stele_registry_listener listener = {.news = note_news, .context = &told};
    stele_registry_listen(reading, &listener);

    registry_registered(writing, "s", RECORD(FIELD("b")));

    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while (atomic_load(&told) == 0) {
        assert_false(stele_deadline_passed(until));
        stele_sleep_ms(stele_runtime_system(), 1);
    }
    stele_registry_unlisten(reading, &listener);
}

static void one_that_is_made_again_is_noticed_by_whoever_holds_ids(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    STELE_AUTO(stele_registry) holder = open_on(log);
    int32_t id = registry_registered(holder, "s", RECORD(FIELD("a")));
    stele_error err;
    assert_int_equal(stele_registry_check(holder, &err), STELE_OK);
    assert_int_equal(stele_registry_confirm(holder, WAIT_MS, &err), STELE_OK);

    assert_int_equal(stele_log_topic_delete(log, STELE_REGISTRY_TOPIC, WAIT_MS, &err), STELE_OK);
    err = await_check(holder, STELE_E_UNAVAILABLE);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    stele_schema *schema;
    assert_true(stele_registry_schema(holder, id, 0, &schema, &err) < 0);
    assert_true(stele_registry_confirm(holder, 100, &err) < 0);

    stele_sleep_ms(stele_runtime_system(), 2); /* records of another millisecond */
    STELE_AUTO(stele_registry) other = open_on(log);
    for (int i = 0; i < 5; i++) { /* as many as there were, and more */
        STELE_AUTO(char) text = stele_strdup_format(RECORD(FIELD("b%d")), i);
        registry_registered(other, "t", text);
    }
    err = await_check(holder, STELE_E_INVALID);
    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_contains(err.text, "_stele.schemas was deleted and made again: it is another registry");
    assert_int_equal(stele_registry_schema(holder, id, WAIT_MS, &schema, &err), STELE_E_INVALID);
    assert_int_equal(stele_registry_confirm(holder, WAIT_MS, &err), STELE_E_INVALID);
    assert_int_equal(stele_registry_register(holder, "s", stele_text(RECORD(FIELD("a"))), NULL, 0,
                                             WAIT_MS, &id, &err),
                     STELE_E_INVALID);
}

static void one_that_is_brought_back_is_the_same(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    STELE_AUTO(stele_registry) holder = open_on(log);
    int32_t id = registry_registered(holder, "s", RECORD(FIELD("a")));
    stele_record records[8];
    stele_batch batch;
    copy_topic(log, records, &batch);
    assert_int_equal(stele_log_topic_delete(log, STELE_REGISTRY_TOPIC, WAIT_MS, NULL), STELE_OK);
    await_check(holder, STELE_E_UNAVAILABLE);

    make_topic(log, STELE_REGISTRY_TOPIC);
    for (size_t i = 0; i < batch.count; i++) {
        if (i == 1) { /* not yet all of it */
            stele_error err;
            assert_int_equal(stele_registry_confirm(holder, 1500, &err), STELE_E_UNAVAILABLE);
        }
        put(log, STELE_REGISTRY_TOPIC, "x", records[i].value);
        free((void *)(uintptr_t)records[i].value.data);
    }

    await_check(holder, STELE_OK);
    stele_schema *schema;
    stele_error err;
    if (stele_registry_schema(holder, id, WAIT_MS, &schema, &err) < 0) fail_msg("%s", err.text);
    stele_schema_free(schema);
}

static void none_is_begun_where_ids_of_another_are(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        const char *value;
        size_t size;
        bool hinders;
    } cases[] = {
        {"account.events", "\0\0\0\0\2x", 6, true},
        {"accounts.v2.snapshots", "\0\0\0\0\2x", 6, true},
        {"other.events", "{\"json\":1}", 10, false},
        {"account.other", "\0\0\0\0\2x", 6, false},
        {"empty.events", NULL, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        STELE_AUTO(stele_log) log = new_log();
        STELE_AUTO(stele_registry) registry = open_on(log);
        make_topic(log, cases[i].topic);
        if (cases[i].size > 0)
            put(log, cases[i].topic, "a", stele_bytes_of(cases[i].value, cases[i].size));
        int32_t id;
        char genesis[37];
        stele_error err = {0};
        stele_status status = stele_registry_register(registry, "s", stele_text("\"int\""), NULL, 0,
                                                      WAIT_MS, &id, &err);
        if (!cases[i].hinders) {
            if (status < 0) fail_msg("%s: %s", cases[i].topic, err.text);
            continue;
        }
        assert_int_equal(status, STELE_E_INVALID);
        assert_int_equal(err.next, STELE_NEXT_STOP);
        assert_contains(err.text, cases[i].topic);
        assert_contains(err.text, "registry create --despite-events");
        assert_int_equal(stele_registry_genesis(registry, WAIT_MS, genesis, &err), STELE_E_INVALID);
        stele_log_topic topic;
        assert_int_equal(stele_log_topic_describe(log, STELE_REGISTRY_TOPIC, WAIT_MS, &topic, &err),
                         STELE_E_NOT_FOUND);

        assert_int_equal(stele_kafka_registry_create(registry, false, WAIT_MS, genesis, &err),
                         STELE_E_INVALID);
        assert_int_equal(stele_kafka_registry_create(registry, true, WAIT_MS, genesis, &err),
                         STELE_OK);
        assert_int_equal(stele_kafka_registry_create(registry, true, WAIT_MS, genesis, &err),
                         STELE_E_EXISTS);
        registry_registered(registry, "s", "\"int\"");
    }
}

/* Another process begins the registry and publishes, just when this one has seen that there is no
 * registry and is about to look for events. */
static struct {
    const stele_log_ops *inner;
    stele_log_ops ops;
    stele_topic_ops topic;
    bool done;
} other_process;

static stele_status topics_after_another_process(stele_log *log, const char *prefix, int timeout_ms,
                                                 char ***out, stele_error *err)
{
    if (!other_process.done) {
        other_process.done = true;
        STELE_AUTO(stele_registry) other = open_on(log);
        registry_registered(other, "s", "\"string\"");
        put(log, "account.events", "a", stele_bytes_of("\0\0\0\0\2x", 6));
    }
    return other_process.inner->topic->list(log, prefix, timeout_ms, out, err);
}

static void one_that_another_process_begins_meanwhile_is_joined(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    make_topic(log, "account.events");
    other_process.inner = log->ops;
    other_process.ops = *log->ops;
    other_process.topic = *log->ops->topic;
    other_process.topic.list = topics_after_another_process;
    other_process.ops.topic = &other_process.topic;
    log->ops = &other_process.ops;
    STELE_AUTO(stele_registry) registry = open_on(log);
    char mine[37];
    char others[37];

    registry_registered(registry, "t", "\"int\"");

    STELE_AUTO(stele_registry) third = open_on(log);
    assert_int_equal(stele_registry_genesis(registry, WAIT_MS, mine, NULL), STELE_OK);
    assert_int_equal(stele_registry_genesis(third, WAIT_MS, others, NULL), STELE_OK);
    assert_true(other_process.done);
    assert_string_equal(mine, others);
}

static void it_has_the_replication_of_the_events(void **state)
{
    (void)state;
    STELE_AUTO(stele_log) log = new_log();
    STELE_AUTO(stele_registry) registry = open_on(log);
    static const int16_t replications[] = {1, 3, 2};
    for (int i = 0; i < 3; i++) {
        STELE_AUTO(char) name = stele_strdup_format("a%d.events", i);
        stele_log_topic_options options = {
            .name = name, .partitions = 1, .replication = replications[i]};
        assert_int_equal(stele_log_topic_create(log, &options, WAIT_MS, NULL), STELE_OK);
    }
    registry_registered(registry, "s", "\"int\"");
    stele_log_topic topic;
    assert_int_equal(stele_log_topic_describe(log, STELE_REGISTRY_TOPIC, WAIT_MS, &topic, NULL),
                     STELE_OK);
    assert_int_equal(topic.replication, 3);
}

static void one_that_is_there_is_written_to_without_a_look_at_other_topics(void **state)
{
    (void)state;
    enum { OTHERS = 50 };
    STELE_AUTO(stele_log) log = new_log();
    for (int i = 0; i < OTHERS; i++) {
        STELE_AUTO(char) name = stele_strdup_format("a%d.events", i);
        stele_log_topic_options options = {.name = name, .partitions = 1};
        assert_int_equal(stele_log_topic_create(log, &options, WAIT_MS, NULL), STELE_OK);
    }
    STELE_AUTO(stele_registry) first = open_on(log);
    registry_registered(first, "s", "\"int\"");
    counted_log *asked = counted_log_begin(log, NULL);

    STELE_AUTO(stele_registry) second = open_on(log);
    registry_registered(second, "t", "\"string\"");

    assert_in_range(atomic_load(&asked->describes), 1, OTHERS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_registered_already_writes_nothing),
        cmocka_unit_test(whoever_listens_is_told_of_what_another_registers),
        cmocka_unit_test(one_that_is_made_again_is_noticed_by_whoever_holds_ids),
        cmocka_unit_test(one_that_is_brought_back_is_the_same),
        cmocka_unit_test(none_is_begun_where_ids_of_another_are),
        cmocka_unit_test(it_has_the_replication_of_the_events),
        cmocka_unit_test(one_that_is_there_is_written_to_without_a_look_at_other_topics),
        cmocka_unit_test(the_topic_is_made_to_keep_everything),
        cmocka_unit_test(looking_makes_no_topic),
        cmocka_unit_test(a_topic_that_loses_records_is_not_written_to),
        cmocka_unit_test(a_log_that_is_away_is_said_and_waited_for),
        cmocka_unit_test(records_that_are_gone_are_a_hole),
        cmocka_unit_test(an_append_that_failed_is_made_again_or_found),
        cmocka_unit_test(levels_decide_what_is_taken),
        cmocka_unit_test(a_subject_that_is_read_only_takes_nothing),
        cmocka_unit_test(deleting_is_soft_first_and_never_takes_an_id),
        cmocka_unit_test(what_is_deleted_can_be_listed_alone),
        cmocka_unit_test(one_that_another_process_begins_meanwhile_is_joined),
        cmocka_unit_test(a_reference_to_version_minus_one_is_to_the_latest_that_there_is),
        cmocka_unit_test(what_is_referred_to_is_not_deleted),
        cmocka_unit_test(a_schema_is_checked_and_found_without_being_registered),
        cmocka_unit_test(a_url_that_names_nothing_is_refused),
    };
    int failed = cmocka_run_group_tests_name("registry/kafka", tests, NULL, NULL);
    STELE_AUTO(stele_log) log = new_log();
    registry_fixture fixture = {.open = open_on, .context = log};
    return failed + registry_cases_run("registry/kafka, contract", &fixture);
}
