/* SPDX-License-Identifier: MIT
 * Addresses of a Redis. */
#include "stores/redis_address.h"

#include "core/alloc.h"
#include "stores/redis_store.h"
#include "tests/support/test.h"

static void addresses_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        int port, database;
        const char *user, *password, *shown;
    } cases[] = {
        {"localhost", "localhost", 6379, 0, NULL, NULL, "redis:localhost:6379/0"},
        {"localhost:7000", "localhost", 7000, 0, NULL, NULL, "redis:localhost:7000/0"},
        {"10.0.0.1:7000/3", "10.0.0.1", 7000, 3, NULL, NULL, "redis:10.0.0.1:7000/3"},
        {"localhost/", "localhost", 6379, 0, NULL, NULL, "redis:localhost:6379/0"},
        {"[::1]:7000/2", "::1", 7000, 2, NULL, NULL, "redis:::1:7000/2"},
        {"[::1]", "::1", 6379, 0, NULL, NULL, "redis:::1:6379/0"},
        {"//h:1/2", "h", 1, 2, NULL, NULL, "redis:h:1/2"},
        {"//:secret@h", "h", 6379, 0, NULL, "secret", "redis:h:6379/0"},
        {"//me:s%40%3a%2Fx@h:1/2", "h", 1, 2, "me", "s@:/x", "redis:h:1/2"},
        {"//me:a@b@h", "h", 6379, 0, "me", "a@b", "redis:h:6379/0"},
        {"//me@h", "h", 6379, 0, "me", NULL, "redis:h:6379/0"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(redis_address) found = {0};
        stele_error err;
        STELE_AUTO(char) shown = stele_redis_shown(cases[i].text);
        if (redis_address_parse(cases[i].text, &found, &err) < 0) fail_msg("%s", cases[i].text);
        assert_string_equal(found.host, cases[i].host);
        assert_int_equal(found.port, cases[i].port);
        assert_int_equal(found.database, cases[i].database);
        assert_string_equal(found.user == NULL ? "" : found.user,
                            cases[i].user == NULL ? "" : cases[i].user);
        assert_string_equal(found.password == NULL ? "" : found.password,
                            cases[i].password == NULL ? "" : cases[i].password);
        assert_string_equal(shown, cases[i].shown);
    }
}

static void what_is_none_is_refused_and_not_shown(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",     ":1",     "h:x",       "h:70000",  "h:1:2",     "h/x",    "h:1/2/3",
        "[::1", "[::1]x", "//u:%zz@h", "//u:%0@h", "//u:%00@h", "//u:p@", "h/9999999999"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        STELE_AUTO_VALUE(redis_address) found = {0};
        stele_error err = {0};
        STELE_AUTO(char) shown = stele_redis_shown(texts[i]);
        if (redis_address_parse(texts[i], &found, &err) != STELE_E_INVALID)
            fail_msg("%s", texts[i]);
        assert_int_equal(err.next, STELE_NEXT_STOP);
        assert_non_null(strstr(err.text, "it is no address of a Redis"));
        assert_string_equal(shown, "redis:");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(what_is_none_is_refused_and_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
