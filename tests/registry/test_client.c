/* SPDX-License-Identifier: MIT
 * A client: what its configuration says, and that nothing is asked of the network to open it. */
#include "registry/client.h"

#include "core/alloc.h"
#include "kafka/memory_log.h"
#include "tests/support/test.h"

static void it_opens_while_everything_is_away(void **state)
{
    (void)state;
    const char *const overrides[] = {"kafka.bootstrap.servers=127.0.0.1:1", NULL};
    stele_client_options options = {.overrides = overrides, .name = "bank"};
    STELE_AUTO(stele_client) client = NULL;
    stele_error err = {0};

    if (stele_client_open(&options, &client, &err) < 0) fail_msg("%s", err.text);

    assert_string_equal(stele_client_name(client), "bank");
    assert_non_null(stele_client_log(client));
    assert_non_null(stele_client_registry(client));
    assert_string_equal(stele_config_text(stele_client_config(client), "registry", NULL, "url"),
                        "kafka:");
}

static void what_is_wrong_in_its_configuration_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *override;
        const char *says;
    } cases[] = {{"registry.url=ftp://x", "ftp://x"},
                 {"registry.url=dir:/nowhere/at/all", "/nowhere/at/all"},
                 {"registry.timeout_ms=soon", "soon"},
                 {"kafka.enable.idempotence=false", "enable.idempotence"},
                 {"kafka.no.such.key=1", "no.such.key"},
                 {"nothing.key=1", "nothing"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const overrides[] = {cases[i].override, NULL};
        stele_client_options options = {.overrides = overrides};
        stele_client *client = NULL;
        stele_error err;
        assert_true(stele_client_open(&options, &client, &err) < 0);
        assert_null(client);
        assert_non_null(strstr(err.text, cases[i].says));
    }
}

static void it_may_stand_on_a_log_that_is_there(void **state)
{
    (void)state;
    stele_error err;
    STELE_AUTO(stele_log) log = NULL;
    STELE_AUTO(stele_client) client = NULL;
    assert_int_equal(stele_log_memory_new(NULL, &log, &err), STELE_OK);

    assert_int_equal(stele_client_open_on(log, NULL, NULL, &client, &err), STELE_OK);

    assert_ptr_equal(stele_client_log(client), log);
    assert_string_equal(stele_client_name(client), "stele");
    stele_client_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_while_everything_is_away),
        cmocka_unit_test(what_is_wrong_in_its_configuration_is_named),
        cmocka_unit_test(it_may_stand_on_a_log_that_is_there),
    };
    return cmocka_run_group_tests_name("registry/client", tests, NULL, NULL);
}
