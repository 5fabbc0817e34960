/* SPDX-License-Identifier: MIT
 * What answers of owners mean, and what is none. */
#include "aggregates/forward_answer.h"

#include "tests/support/test.h"

#define HEAD  "HTTP/1.1 200 OK\r\n"
#define ID    "01932c07-209c-7dd4-bfff-ffffffffffff"
#define EVENT "[{\"id\":\"" ID "\",\"version\":7}]"

static stele_status read(long code, const char *head, const char *body, stele_result *result,
                         stele_error *err)
{
    const stele_agent_answer answer = {
        .code = code, .head = stele_text(head), .body = stele_text(body)};
    return stele_forward_result(&answer, result, err);
}

static void a_result_is_read(void **state)
{
    (void)state;
    stele_result result;
    stele_error err;
    const char *body =
        "{\"version\":7,\"position\":\"account.events/3/1042\",\"events\":" EVENT "}";

    assert_int_equal(read(200, HEAD, body, &result, &err), STELE_OK);
    assert_int_equal(result.version, 7);
    assert_string_equal(result.topic, "account.events");
    assert_int_equal(result.partition, 3);
    assert_int_equal(result.offset, 1042);
    assert_int_equal(result.event_count, 1);
    assert_string_equal(result.first_event_id, ID);
    assert_false(result.repeated);

    assert_int_equal(read(200, HEAD "Idempotent-Replayed: true\r\n", body, &result, &err),
                     STELE_OK);
    assert_true(result.repeated);

    assert_int_equal(
        read(200, HEAD, "{\"version\":7,\"position\":null,\"events\":[]}", &result, &err),
        STELE_OK);
    assert_int_equal(result.offset, -1);
    assert_int_equal(result.event_count, 0);
    assert_string_equal(result.first_event_id, "");
}

static void a_failure_has_its_status(void **state)
{
    (void)state;
    static const struct {
        long code;
        const char *name;
        stele_status status;
        stele_next next;
    } cases[] = {
        {400, "invalid", STELE_E_INVALID, STELE_NEXT_REJECT},
        {400, "bad_request", STELE_E_INVALID, STELE_NEXT_REJECT},
        {400, "too_large", STELE_E_LIMIT, STELE_NEXT_REJECT},
        {404, "unknown_command", STELE_E_INVALID, STELE_NEXT_REJECT},
        {409, "conflict", STELE_E_CONFLICT, STELE_NEXT_REJECT},
        {413, "content_too_large", STELE_E_LIMIT, STELE_NEXT_REJECT},
        {422, "insufficient_funds", STELE_E_REJECTED, STELE_NEXT_REJECT},
        {429, "too_many_requests", STELE_E_FULL, STELE_NEXT_RETRY},
        {500, "internal_server_error", STELE_E_INTERNAL, STELE_NEXT_REJECT},
        {503, "stopped", STELE_E_STOPPED, STELE_NEXT_STOP},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_result result;
        stele_error err;
        char body[200];
        snprintf(body, sizeof body, "{\"code\":\"%s\",\"detail\":\"why\",\"version\":9}",
                 cases[i].name);
        assert_int_equal(read(cases[i].code, HEAD, body, &result, &err), cases[i].status);
        assert_int_equal(err.next, cases[i].next);
        assert_string_equal(err.text, "why");
        assert_int_equal(result.version, cases[i].status == STELE_E_CONFLICT ? 9 : 0);
        assert_string_equal(result.code,
                            cases[i].status == STELE_E_REJECTED ? "insufficient_funds" : "");
    }
}

static void what_is_no_answer_of_an_instance_is_not_believed(void **state)
{
    (void)state;
    static const struct {
        long code;
        const char *body;
    } cases[] = {
        {200, ""},
        {200, "[]"},
        {200, "{\"version\":\"7\",\"position\":null,\"events\":[]}"},
        {200, "{\"version\":-1,\"position\":null,\"events\":[]}"},
        {200, "{\"version\":7,\"position\":null,\"events\":7}"},
        {200, "{\"version\":7,\"position\":null,\"events\":" EVENT "}"},
        {200, "{\"version\":7,\"position\":\"1042\",\"events\":" EVENT "}"},
        {200, "{\"version\":7,\"position\":\"3/1042\",\"events\":" EVENT "}"},
        {200, "{\"version\":7,\"position\":\"/3/1042\",\"events\":" EVENT "}"},
        {200, "{\"version\":7,\"position\":\"a/x/1042\",\"events\":" EVENT "}"},
        {200, "{\"version\":7,\"position\":\"a/3/-1\",\"events\":" EVENT "}"},
        {200, "{\"version\":7,\"position\":\"a/3/\",\"events\":" EVENT "}"},
        {200, "{\"version\":7,\"position\":\"a/4294967296/1\",\"events\":" EVENT "}"},
        {200, "{\"version\":7,\"position\":\"a/3/1\",\"events\":[{\"id\":\"x\"}]}"},
        {409, "conflict"},
        {422, "{\"code\":7}"},
        {500, "<html>"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_result result;
        stele_error err;
        if (read(cases[i].code, HEAD, cases[i].body, &result, &err) != STELE_E_INTERNAL)
            fail_msg("%s", cases[i].body);
        assert_int_equal(result.version, 0);
        assert_int_equal(result.offset, -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_is_read),
        cmocka_unit_test(a_failure_has_its_status),
        cmocka_unit_test(what_is_no_answer_of_an_instance_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
