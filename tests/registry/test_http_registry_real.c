/* SPDX-License-Identifier: MIT
 * The `http(s):` registry before a real one: Apicurio, at STELE_REGISTRY_URL, its certificate
 * signed by STELE_REGISTRY_CA. Started by tests/registry/apicurio. */
#include "registry/entry.h"

#include "core/alloc.h"
#include "registry_cases.h"
#include "tests/support/test.h"

static stele_registry *open_real(void *context)
{
    (void)context;
    stele_registry *registry;
    stele_error err = {0};
    stele_registry_options options = {.url = getenv("STELE_REGISTRY_URL"),
                                      .ca_file = getenv("STELE_REGISTRY_CA"),
                                      .timeout_ms = REGISTRY_WAIT_MS};
    if (stele_registry_open(&options, &registry, &err) < 0) fail_msg("%s", err.text);
    return registry;
}

static void what_is_registered_can_be_listed(void **state)
{
    (void)state;
    STELE_AUTO(stele_registry) registry = open_real(NULL);
    STELE_AUTO(char) subject = registry_new_subject("list/ed é");
    int32_t id = registry_registered(registry, subject, "\"int\"");
    char **subjects;
    int32_t *versions;
    size_t count;
    stele_registry_entry entry = {0};
    stele_error err = {0};
    bool found = false;

    assert_int_equal(stele_registry_subjects(registry, REGISTRY_WAIT_MS, &subjects, &err),
                     STELE_OK);
    for (size_t i = 0; subjects[i] != NULL; i++)
        found = found || strcmp(subjects[i], subject) == 0;
    assert_true(found);
    assert_int_equal(
        stele_registry_versions(registry, subject, REGISTRY_WAIT_MS, &versions, &count, &err),
        STELE_OK);
    assert_int_equal(count, 1);
    assert_int_equal(
        stele_registry_version(registry, subject, versions[0], REGISTRY_WAIT_MS, &entry, &err),
        STELE_OK);
    assert_int_equal(entry.id, id);
    assert_int_equal(stele_registry_version(registry, subject, 7, REGISTRY_WAIT_MS, &entry, &err),
                     STELE_E_NOT_FOUND);

    stele_registry_entry_clear(&entry);
    free(subjects);
    free(versions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_registered_can_be_listed)};
    registry_fixture fixture = {.open = open_real, .is_remote = true, .keeps_layout = true};
    int failed = cmocka_run_group_tests_name("registry/http, Apicurio", tests, NULL, NULL);
    return failed + registry_cases_run("registry/http, Apicurio, contract", &fixture);
}
