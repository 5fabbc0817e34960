/* SPDX-License-Identifier: MIT
 * Listening sockets from text. */
#include "server/listen.h"
#include "tests/support/test.h"

#include <unistd.h>

static void an_address_of_this_machine_is_listened_to(void **state)
{
    (void)state;
    static const struct {
        const char *text, *begins;
        bool is_loopback;
    } cases[] = {{"127.0.0.1:0", "127.0.0.1:", true},
                 {"localhost:0", "localhost:", true},
                 {"0.0.0.0:0", "0.0.0.0:", false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_listener listener;
        stele_error err = {0};
        if (stele_listen(cases[i].text, &listener, &err) < 0) fail_msg("%s", err.text);
        assert_memory_equal(listener.address, cases[i].begins, strlen(cases[i].begins));
        assert_string_not_equal(strrchr(listener.address, ':'), ":0");
        assert_int_equal(listener.is_loopback, cases[i].is_loopback);
        close(listener.socket);
    }
}

static void a_port_that_is_taken_is_said(void **state)
{
    (void)state;
    stele_listener first;
    stele_listener second;
    stele_error err = {0};
    assert_int_equal(stele_listen("127.0.0.1:0", &first, &err), STELE_OK);

    assert_int_equal(stele_listen(first.address, &second, &err), STELE_E_EXISTS);

    assert_non_null(strstr(err.text, "taken"));
    assert_non_null(strstr(err.text, first.address));
    close(first.socket);
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           "8081",        ":8081",    "127.0.0.1",
                                      "localhost:", "localhost:x", "::1:8081", "127.0.0.1:70000",
                                      "[]:1",       "[::1:8081"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        stele_listener listener;
        stele_error err = {0};
        assert_int_equal(stele_listen(bad[i], &listener, &err), STELE_E_INVALID);
        assert_int_equal(err.next, STELE_NEXT_STOP);
    }
}

static void an_address_of_another_machine_is_refused(void **state)
{
    (void)state;
    stele_listener listener;
    stele_error err = {0};

    assert_int_equal(stele_listen("192.0.2.1:0", &listener, &err), STELE_E_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_of_this_machine_is_listened_to),
        cmocka_unit_test(a_port_that_is_taken_is_said),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(an_address_of_another_machine_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
