/* SPDX-License-Identifier: MIT
 * The cases of registry_cases.h. */
#include "registry_cases.h"

#include <pthread.h>

#include "core/alloc.h"
#include "core/deadline.h"
#include "core/uuid.h"
#include "schemas/scopes.h"
#include "tests/support/test.h"

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"shop.Order\",\"fields\":[" fields "]}"
#define ID_FIELD       "{\"name\":\"id\",\"type\":\"string\"}"
#define V1             RECORD(ID_FIELD)
#define V2             RECORD(ID_FIELD ",{\"name\":\"total\",\"type\":\"long\",\"default\":0}")
#define NOT_BACKWARD   RECORD(ID_FIELD ",{\"name\":\"total\",\"type\":\"long\"}")

char *registry_new_subject(const char *word)
{
    stele_uuid_source source;
    char text[STELE_UUID_TEXT_SIZE + 1];
    stele_uuid_source_init(&source, stele_runtime_system());
    stele_uuid uuid = stele_uuid_source_next(&source);
    stele_uuid_format(&uuid, text);
    return stele_strdup_format("%s-%s", text, word);
}

static stele_registry *opened(void **state)
{
    registry_fixture *fixture = *state;
    return fixture->open(fixture->context);
}

static stele_status try_register(stele_registry *registry, const char *subject, const char *text,
                                 int32_t *id, stele_error *err)
{
    return stele_registry_register(registry, subject, stele_text(text), NULL, 0, REGISTRY_WAIT_MS,
                                   id, err);
}

int32_t registry_registered(stele_registry *registry, const char *subject, const char *text)
{
    int32_t id = 0;
    stele_error err = {0};
    if (try_register(registry, subject, text, &id, &err) < 0) fail_msg("%s", err.text);
    assert_true(id > 0);
    return id;
}

static void assert_schema(stele_registry *registry, int32_t id, const char *text)
{
    STELE_AUTO(stele_schema) schema = NULL;
    stele_error err = {0};
    if (stele_registry_schema(registry, id, REGISTRY_WAIT_MS, &schema, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(stele_bytes_equal(stele_schema_source(schema), stele_text(text)));
}

static void what_is_registered_is_found_by_its_id_everywhere(void **state)
{
    STELE_AUTO(stele_registry) writer = opened(state);
    STELE_AUTO(stele_registry) reader = opened(state);
    STELE_AUTO(char) subject = registry_new_subject("found");

    int32_t first = registry_registered(writer, subject, V1);
    assert_schema(reader, first, V1);
    int32_t second = registry_registered(writer, subject, V2);
    assert_schema(reader, second, V2);

    assert_int_not_equal(first, second);
    assert_schema(writer, first, V1);
    STELE_AUTO(stele_registry) later = opened(state);
    assert_schema(later, first, V1);
    assert_schema(later, second, V2);
}

static void the_same_schema_has_one_id(void **state)
{
    STELE_AUTO(stele_registry) registry = opened(state);
    STELE_AUTO(stele_registry) other = opened(state);
    STELE_AUTO(char) subject = registry_new_subject("same");
    STELE_AUTO(char) another = registry_new_subject("same");

    int32_t id = registry_registered(registry, subject, V1);

    assert_int_equal(registry_registered(registry, subject, V1), id);
    assert_int_equal(registry_registered(other, subject, V1), id);
    assert_int_equal(registry_registered(other, another, V1), id);
    if (((const registry_fixture *)*state)->keeps_layout) return;
    assert_int_equal(registry_registered(registry, subject,
                                         "{ \"name\": \"shop.Order\", \"type\": \"record\",\n"
                                         "  \"fields\": [ " ID_FIELD " ] }"),
                     id);
}

static void an_incompatible_schema_is_refused_with_the_reason(void **state)
{
    STELE_AUTO(stele_registry) registry = opened(state);
    STELE_AUTO(char) subject = registry_new_subject("incompatible");
    int32_t first = registry_registered(registry, subject, V1);
    int32_t id = 0;
    stele_error err;

    assert_int_equal(try_register(registry, subject, NOT_BACKWARD, &id, &err),
                     STELE_E_INCOMPATIBLE);

    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_int_equal(id, 0);
    assert_int_equal(registry_registered(registry, subject, V1), first);
}

static void what_is_no_schema_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "{",
                                      "{}",
                                      "\"nothing\"",
                                      "{\"type\":\"record\"}",
                                      "{\"type\":\"record\",\"name\":\"A\",\"fields\":0}"};
    STELE_AUTO(stele_registry) registry = opened(state);
    STELE_AUTO(char) subject = registry_new_subject("bad");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int32_t id;
        stele_error err;
        assert_int_equal(try_register(registry, subject, bad[i], &id, &err), STELE_E_INVALID);
        assert_true(err.text[0] != '\0');
    }
}

static void an_id_that_nobody_has_is_not_found(void **state)
{
    STELE_AUTO(stele_registry) registry = opened(state);
    static const int32_t ids[] = {INT32_MAX, INT32_MAX - 1, INT32_MAX - 256};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        stele_schema *schema;
        stele_error err;
        assert_int_equal(stele_registry_schema(registry, ids[i], REGISTRY_WAIT_MS, &schema, &err),
                         STELE_E_NOT_FOUND);
        assert_int_equal(err.next, STELE_NEXT_RETRY);
    }
}

static void a_caller_that_does_not_wait_gets_its_answer_later(void **state)
{
    STELE_AUTO(stele_registry) writer = opened(state);
    STELE_AUTO(stele_registry) reader = opened(state);
    STELE_AUTO(char) subject = registry_new_subject("later");
    int32_t id = registry_registered(writer, subject, V1);
    stele_deadline until = stele_deadline_after(stele_clock_system(), REGISTRY_WAIT_MS);
    STELE_AUTO(stele_schema) schema = NULL;
    stele_error err;
    stele_status status;

    while ((status = stele_registry_schema(reader, id, 0, &schema, &err)) < 0 &&
           !stele_deadline_passed(until)) {
        assert_int_equal(status, STELE_E_TIMED_OUT);
        assert_int_equal(err.next, STELE_NEXT_RETRY);
    }
    assert_int_equal(status, STELE_OK);

    schema = (stele_schema_free(schema), NULL);
    until = stele_deadline_after(stele_clock_system(), REGISTRY_WAIT_MS);
    while ((status = stele_registry_schema(reader, INT32_MAX, 0, &schema, &err)) ==
               STELE_E_TIMED_OUT &&
           !stele_deadline_passed(until)) {
    }
    assert_int_equal(status, STELE_E_NOT_FOUND);
}

static void a_schema_may_refer_to_a_version_of_another_subject(void **state)
{
    static const char line[] = "{\"type\":\"record\",\"name\":\"shop.Line\",\"fields\":["
                               "{\"name\":\"sku\",\"type\":\"string\"}]}";
    static const char order[] = RECORD("{\"name\":\"line\",\"type\":\"shop.Line\"}");
    STELE_AUTO(stele_registry) registry = opened(state);
    STELE_AUTO(stele_registry) reader = opened(state);
    STELE_AUTO(char) lines = registry_new_subject("line");
    STELE_AUTO(char) orders = registry_new_subject("order");
    registry_registered(registry, lines, line);
    stele_registry_reference reference = {"shop.Line", lines, 1};
    int32_t id = 0;
    stele_error err = {0};

    assert_int_equal(stele_registry_register(registry, orders, stele_text(order), &reference, 1,
                                             REGISTRY_WAIT_MS, &id, &err),
                     STELE_OK);
    assert_schema(reader, id, order);
    int32_t again;
    assert_int_equal(stele_registry_register(reader, orders, stele_text(order), &reference, 1,
                                             REGISTRY_WAIT_MS, &again, &err),
                     STELE_OK);
    assert_int_equal(again, id);

    reference.version = 2;
    assert_int_equal(stele_registry_register(registry, orders, stele_text(order), &reference, 1,
                                             REGISTRY_WAIT_MS, &id, &err),
                     STELE_E_INVALID);
    assert_int_equal(try_register(registry, orders, order, &id, &err), STELE_E_INVALID);
}

static void everybody_reads_one_genesis(void **state)
{
    STELE_AUTO(stele_registry) registry = opened(state);
    STELE_AUTO(stele_registry) other = opened(state);
    char first[37];
    char second[37];
    stele_error err;

    assert_int_equal(stele_registry_genesis(registry, REGISTRY_WAIT_MS, first, &err), STELE_OK);
    assert_int_equal(stele_registry_genesis(other, REGISTRY_WAIT_MS, second, &err), STELE_OK);

    assert_string_equal(first, second);
}

/* ---- several writers ---- */

void registry_write_conflicting(stele_registry *registry, const char *prefix, unsigned writer,
                                unsigned count, unsigned *taken)
{
    enum { SUBJECTS = 5 };
    *taken = 0;
    for (unsigned i = 0; i < count; i++) {
        STELE_AUTO(char) subject = stele_strdup_format("%s-%u", prefix, i % SUBJECTS);
        /* Optional in every second one: so of two that meet, some pairs go together. */
        STELE_AUTO(char)
        text = stele_strdup_format(
            "{\"type\":\"record\",\"name\":\"Conflict\",\"fields\":[{\"name\":\"w%u_%u\","
            "\"type\":\"%s\"%s}]}",
            writer, i, i % 3 == 0 ? "int" : "string",
            i % 2 == 0   ? ""
            : i % 3 == 0 ? ",\"default\":0"
                         : ",\"default\":\"\"");
        int32_t id;
        stele_error err = {0};
        stele_status status = try_register(registry, subject, text, &id, &err);
        if (status == STELE_OK) {
            ++*taken;
        } else if (status != STELE_E_INCOMPATIBLE) {
            fail_msg("%s", err.text);
        }
    }
}

static void dump_version(stele_registry *registry, const char *subject, int32_t version,
                         stele_buffer *out)
{
    stele_registered found;
    stele_error err;
    assert_int_equal(stele_kafka_registry_version(registry, subject, version, true,
                                                  REGISTRY_WAIT_MS, &found, &err),
                     STELE_OK);
    stele_buffer_format(out, "%s %d id %d%s ", subject, (int)version, (int)found.id,
                        found.is_deleted ? " deleted" : "");
    stele_buffer_append(out, found.text);
    for (size_t i = 0; i < found.reference_count; i++) {
        const stele_registry_link *link = &found.references[i];
        stele_buffer_format(out, " %s=%s/%d/%d", link->name, link->subject, (int)link->version,
                            (int)link->id);
    }
    stele_buffer_push(out, '\n');
}

char *registry_dump(stele_registry *registry, const char *prefix)
{
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    const char **subjects;
    stele_schema *none;
    stele_error err;
    /* Asking for what is not there reads to the end. */
    stele_status status =
        stele_registry_schema(registry, INT32_MAX - 7, REGISTRY_WAIT_MS, &none, &err);
    assert_int_equal(status, STELE_E_NOT_FOUND);
    assert_int_equal(stele_kafka_registry_subjects(registry, STELE_REGISTRY_ALL, REGISTRY_WAIT_MS,
                                                   &subjects, &err),
                     STELE_OK);
    for (size_t i = 0; subjects[i] != NULL; i++) {
        int32_t *versions;
        size_t count;
        if (strncmp(subjects[i], prefix, strlen(prefix)) != 0) continue;
        assert_int_equal(stele_kafka_registry_versions(registry, subjects[i], STELE_REGISTRY_ALL,
                                                       REGISTRY_WAIT_MS, &versions, &count, &err),
                         STELE_OK);
        for (size_t n = 0; n < count; n++)
            dump_version(registry, subjects[i], versions[n], &out);
        free(versions);
    }
    free(subjects);
    return stele_strdup(stele_buffer_text(&out));
}

enum { WRITERS = 8, SCHEMAS_EACH = 25 };

typedef struct writer {
    pthread_t thread;
    stele_registry *registry;
    const char *prefix;
    unsigned number;
    unsigned taken;
} writer;

static void *write_conflicting(void *self)
{
    writer *own = self;
    registry_write_conflicting(own->registry, own->prefix, own->number, SCHEMAS_EACH, &own->taken);
    return NULL;
}

static void writers_at_the_same_time_end_with_one_catalog(void **state)
{
    if (((const registry_fixture *)*state)->is_remote) skip();
    STELE_AUTO(char) prefix = registry_new_subject("conflict");
    writer writers[WRITERS];
    unsigned taken = 0;
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (writer){.registry = opened(state), .prefix = prefix, .number = i};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_conflicting, &writers[i]),
                         0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
        taken += writers[i].taken;
    }

    STELE_AUTO(stele_registry) later = opened(state);
    STELE_AUTO(char) expected = registry_dump(later, prefix);
    unsigned versions = 0;
    for (const char *at = expected; (at = strchr(at, '\n')) != NULL; at++)
        versions++;
    assert_int_equal(versions, taken);
    assert_true(taken >= 5);
    for (unsigned i = 0; i < WRITERS; i++) {
        STELE_AUTO(char) dump = registry_dump(writers[i].registry, prefix);
        assert_string_equal(dump, expected);
        stele_registry_close(writers[i].registry);
    }
}

/* What Avro Java takes and JSON libraries refuse; who reads it gets the text as it was given. */
static void a_schema_may_hold_what_json_libraries_refuse(void **state)
{
    if (((const registry_fixture *)*state)->is_remote) skip();
    static const char *const texts[] = {
        "{\"type\":\"record\",\"name\":\"Odd\",\"fields\":[],\"x\":100000000000000000000}",
        "{\"type\":\"record\",\"name\":\"Odd\",\"fields\":[],\"x\":100000000000000000001}",
        "{\"type\":\"record\",\"name\":\"Odd\",\"fields\":[],\"x\":1e400}",
        "{\"type\":\"record\",\"name\":\"Odd\",\"fields\":[],\"doc\":\"\\ud83d\"}",
        "/* a licence */ {\"type\":\"record\",\"name\":\"Odd\",\"fields\":[] // none\n}"};
    STELE_AUTO(stele_registry) registry = opened(state);
    STELE_AUTO(stele_registry) reader = opened(state);
    STELE_AUTO(char) subject = registry_new_subject("odd");
    int32_t ids[sizeof texts / sizeof texts[0]];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        STELE_AUTO(stele_schema) schema = NULL;
        stele_error err = {0};
        ids[i] = registry_registered(registry, subject, texts[i]);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(ids[i], ids[k]);
        assert_int_equal(stele_registry_schema(reader, ids[i], REGISTRY_WAIT_MS, &schema, &err),
                         STELE_OK);
        assert_true(stele_bytes_equal(stele_schema_source(schema), stele_text(texts[i])));
    }
    assert_int_equal(registry_registered(reader, subject, texts[2]), ids[2]);
    /* Without its comments it is the same schema. */
    assert_int_equal(registry_registered(reader, subject,
                                         "{\"type\":\"record\",\"name\":\"Odd\",\"fields\":[]}"),
                     ids[4]);
}

static stele_compatibility level_of(stele_registry *registry, const char *subject, bool *is_own)
{
    stele_compatibility level = STELE_COMPATIBILITY_NONE;
    stele_error err = {0};
    if (stele_registry_level(registry, subject, REGISTRY_WAIT_MS, &level, is_own, &err) < 0)
        fail_msg("%s", err.text);
    return level;
}

static void a_level_of_its_own_decides_for_a_subject_until_it_is_taken_back(void **state)
{
    STELE_AUTO(stele_registry) registry = opened(state);
    STELE_AUTO(char) subject = registry_new_subject("level");
    static const stele_compatibility none = STELE_COMPATIBILITY_NONE;
    bool is_own = true;
    int32_t id;
    stele_error err = {0};
    stele_compatibility standard = level_of(registry, NULL, NULL);
    registry_registered(registry, subject, V1);

    assert_int_equal(level_of(registry, subject, &is_own), standard);
    assert_false(is_own);
    assert_int_equal(try_register(registry, subject, NOT_BACKWARD, &id, &err),
                     STELE_E_INCOMPATIBLE);
    assert_non_null(strstr(err.text, "stele schema level"));
    assert_int_equal(stele_registry_set_level(registry, subject, &none, REGISTRY_WAIT_MS, &err),
                     STELE_OK);
    assert_int_equal(level_of(registry, subject, &is_own), STELE_COMPATIBILITY_NONE);
    assert_true(is_own);
    registry_registered(registry, subject, NOT_BACKWARD);
    assert_int_equal(stele_registry_set_level(registry, subject, NULL, REGISTRY_WAIT_MS, &err),
                     STELE_OK);
    assert_int_equal(level_of(registry, subject, &is_own), standard);
    assert_false(is_own);
    assert_int_equal(stele_registry_set_level(registry, subject, NULL, REGISTRY_WAIT_MS, &err),
                     STELE_OK);
}

int registry_cases_run(const char *name, registry_fixture *fixture)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(what_is_registered_is_found_by_its_id_everywhere, fixture),
        cmocka_unit_test_prestate(the_same_schema_has_one_id, fixture),
        cmocka_unit_test_prestate(an_incompatible_schema_is_refused_with_the_reason, fixture),
        cmocka_unit_test_prestate(what_is_no_schema_is_refused, fixture),
        cmocka_unit_test_prestate(an_id_that_nobody_has_is_not_found, fixture),
        cmocka_unit_test_prestate(a_caller_that_does_not_wait_gets_its_answer_later, fixture),
        cmocka_unit_test_prestate(a_schema_may_refer_to_a_version_of_another_subject, fixture),
        cmocka_unit_test_prestate(everybody_reads_one_genesis, fixture),
        cmocka_unit_test_prestate(a_schema_may_hold_what_json_libraries_refuse, fixture),
        cmocka_unit_test_prestate(a_level_of_its_own_decides_for_a_subject_until_it_is_taken_back,
                                  fixture),
        cmocka_unit_test_prestate(writers_at_the_same_time_end_with_one_catalog, fixture),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
