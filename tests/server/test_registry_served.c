/* SPDX-License-Identifier: MIT
 * The registry's API on a real socket, with Stele's own HTTP client in front of it: the contract
 * suite of registries, and that it is the same registry. */
#include "server/registry_api.h"

#include "core/alloc.h"
#include "kafka/memory_log.h"
#include "registry/entry.h"
#include "schemas/scopes.h"
#include "server/http_server.h"
#include "tests/registry/registry_cases.h"
#include "tests/support/test.h"

enum { CLOSE_MS = 10000 };

typedef struct stage {
    stele_log *log;
    stele_registry *registry;
    stele_http_api api;
    stele_http_server *server;
} stage;

static void stage_open(stage *s)
{
    stele_error err = {0};
    assert_int_equal(stele_log_memory_new(NULL, &s->log, &err), STELE_OK);
    stele_registry_options options = {.log = s->log, .timeout_ms = REGISTRY_WAIT_MS};
    assert_int_equal(stele_registry_open(&options, &s->registry, &err), STELE_OK);
    s->api = stele_registry_api(s->registry);
    stele_http_server_options served = {.listen = "127.0.0.1:0", .apis = &s->api, .api_count = 1};
    if (stele_http_server_open(&served, &s->server, &err) < 0) fail_msg("%s", err.text);
}

static void stage_close(stage *s)
{
    stele_http_server_close(s->server, CLOSE_MS);
    stele_registry_close(s->registry);
    stele_log_free(s->log);
    *s = (stage){0};
}
STELE_VALUE_SCOPE(stage, stage_close);

static stele_registry *open_remote(void *context)
{
    const stage *s = context;
    stele_registry *registry;
    stele_error err = {0};
    STELE_AUTO(char)
    url = stele_strdup_format("http://%s/", stele_http_server_address(s->server));
    stele_registry_options options = {.url = url, .timeout_ms = REGISTRY_WAIT_MS};
    if (stele_registry_open(&options, &registry, &err) < 0) fail_msg("%s", err.text);
    return registry;
}

static void over_http_it_is_the_same_registry(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    STELE_AUTO(stele_registry) remote = open_remote(&s);
    char near[37];
    char far[37] = "";
    stele_error err = {0};

    assert_int_equal(stele_registry_genesis(remote, REGISTRY_WAIT_MS, far, &err), STELE_OK);

    assert_int_equal(stele_registry_genesis(s.registry, REGISTRY_WAIT_MS, near, &err), STELE_OK);
    assert_string_equal(near, far);
    assert_int_equal(strlen(far), 36);
}

#define REFERRING(name, fields)                                                                    \
    "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":\"" type "\"}"

/* D refers to B, C and A; B and C both refer to A. */
static void schemas_that_meet_again_below_are_resolved(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        size_t count;
        const char *references[3];
    } schemas[] = {
        {"A", REFERRING("A", FIELD("n", "int")), 0, {NULL}},
        {"B", REFERRING("B", FIELD("a", "A")), 1, {"A"}},
        {"C", REFERRING("C", FIELD("a", "A")), 1, {"A"}},
        {"D",
         REFERRING("D", FIELD("b", "B") "," FIELD("c", "C") "," FIELD("a", "A")),
         3,
         {"B", "C", "A"}},
    };
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    STELE_AUTO(stele_registry) writer = open_remote(&s);
    int32_t id = 0;
    stele_error err = {0};
    for (size_t i = 0; i < COUNT_OF(schemas); i++) {
        stele_registry_reference references[3];
        for (size_t n = 0; n < schemas[i].count; n++) {
            const char *name = schemas[i].references[n];
            references[n] = (stele_registry_reference){name, name, 1};
        }
        if (stele_registry_register(writer, schemas[i].name, stele_text(schemas[i].text),
                                    references, schemas[i].count, REGISTRY_WAIT_MS, &id, &err) < 0)
            fail_msg("%s: %s", schemas[i].name, err.text);
    }

    STELE_AUTO(stele_registry) reader = open_remote(&s);
    STELE_AUTO(stele_schema) far = NULL;
    STELE_AUTO(stele_schema) near = NULL;
    if (stele_registry_schema(reader, id, REGISTRY_WAIT_MS, &far, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(stele_registry_schema(s.registry, id, REGISTRY_WAIT_MS, &near, &err),
                     STELE_OK);

    assert_true(stele_schema_equal(near, far));
}

static void what_is_registered_can_be_listed(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    STELE_AUTO(stele_registry) remote = open_remote(&s);
    int32_t id = registry_registered(remote, "a/b", "\"int\"");
    assert_int_equal(registry_registered(remote, "c", "\"int\""), id);
    stele_error err = {0};

    stele_registry *both[] = {remote, s.registry};
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        char **subjects;
        int32_t *versions;
        size_t count;
        STELE_AUTO_VALUE(stele_registry_entry) entry = {0};
        assert_int_equal(stele_registry_subjects(both[i], REGISTRY_WAIT_MS, &subjects, &err),
                         STELE_OK);
        assert_string_equal(subjects[0], "a/b");
        assert_string_equal(subjects[1], "c");
        assert_null(subjects[2]);
        assert_int_equal(
            stele_registry_versions(both[i], "a/b", REGISTRY_WAIT_MS, &versions, &count, &err),
            STELE_OK);
        assert_int_equal(count, 1);
        assert_int_equal(versions[0], 1);
        assert_int_equal(stele_registry_version(both[i], "a/b", 0, REGISTRY_WAIT_MS, &entry, &err),
                         STELE_OK);
        assert_int_equal(entry.id, id);
        assert_int_equal(entry.version, 1);
        assert_string_equal(entry.text, "\"int\"");
        assert_int_equal(
            stele_registry_versions(both[i], "d", REGISTRY_WAIT_MS, &versions, &count, &err),
            STELE_E_NOT_FOUND);
        free(subjects);
        free(versions);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_http_it_is_the_same_registry),
        cmocka_unit_test(schemas_that_meet_again_below_are_resolved),
        cmocka_unit_test(what_is_registered_can_be_listed),
    };
    int failed = cmocka_run_group_tests_name("registry, served", tests, NULL, NULL);
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    registry_fixture fixture = {.open = open_remote, .context = &s, .is_remote = true};
    return failed + registry_cases_run("registry/http, contract", &fixture);
}
