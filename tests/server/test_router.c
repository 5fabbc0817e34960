/* SPDX-License-Identifier: MIT
 * Which route has a path, over several tables. */
#include "server/router.h"

#include "core/alloc.h"
#include "tests/support/test.h"

static void say_nothing(void *context, const stele_http_request *request, stele_http_reply *reply)
{
    (void)context, (void)request, (void)reply;
}

static const stele_http_route first[] = {
    {STELE_HTTP_GET, {NULL}, say_nothing, STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET, {"a"}, say_nothing, STELE_HTTP_COMPUTES},
    {STELE_HTTP_PUT, {"a"}, say_nothing, STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET, {"a", "*"}, say_nothing, STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET, {"a", "*", "b"}, say_nothing, STELE_HTTP_COMPUTES},
};
static const stele_http_route second[] = {
    {STELE_HTTP_POST, {"c", "*"}, say_nothing, STELE_HTTP_COMPUTES},
    {STELE_HTTP_DELETE, {"a"}, say_nothing, STELE_HTTP_COMPUTES},
};
static const stele_http_api apis[] = {{.routes = first, .count = COUNT_OF(first)},
                                      {.routes = second, .count = COUNT_OF(second)}};

static void a_path_has_its_route_in_one_of_the_tables(void **state)
{
    (void)state;
    static const struct {
        stele_http_method method;
        const char *target;
        const stele_http_route *route;
        unsigned code;
    } cases[] = {
        {STELE_HTTP_GET, "/", &first[0], 0},
        {STELE_HTTP_GET, "/a", &first[1], 0},
        {STELE_HTTP_PUT, "/a", &first[2], 0},
        {STELE_HTTP_DELETE, "/a", &second[1], 0},
        {STELE_HTTP_GET, "/a/x", &first[3], 0},
        {STELE_HTTP_GET, "/a/%2A", &first[3], 0},
        {STELE_HTTP_GET, "/a/x/b", &first[4], 0},
        {STELE_HTTP_POST, "/c/x", &second[0], 0},
        {STELE_HTTP_POST, "/a", NULL, 405},
        {STELE_HTTP_GET, "/c/x", NULL, 405},
        {STELE_HTTP_GET, "/b", NULL, 404},
        {STELE_HTTP_GET, "/a/x/c", NULL, 404},
        {STELE_HTTP_GET, "/a/x/b/x", NULL, 404},
        {STELE_HTTP_GET, "/a/", NULL, 404}, /* an empty segment is one, and no name */
        {STELE_HTTP_GET, "//a", NULL, 404},
        {STELE_HTTP_GET, "/a//b", NULL, 404},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(stele_http_request) request = {0};
        stele_http_refusal refusal = {0};
        unsigned allowed;
        const stele_http_api *api;
        stele_error err = {0};
        assert_int_equal(stele_http_request_parse(cases[i].method, cases[i].target, &request, &err),
                         STELE_OK);

        const stele_http_route *route =
            stele_http_route_find(apis, COUNT_OF(apis), &request, &api, &refusal, &allowed);

        if (route != cases[i].route || refusal.code != cases[i].code)
            fail_msg("%s: %u %s", cases[i].target, refusal.code, refusal.text);
    }
}

static void a_method_that_a_path_has_not_is_answered_with_those_that_it_has(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_http_request) request = {0};
    STELE_AUTO_VALUE(stele_http_reply) reply = {0};
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    stele_http_refusal refusal = {0};
    const stele_http_api *api;
    stele_error err = {0};
    assert_int_equal(stele_http_request_parse(STELE_HTTP_POST, "/a", &request, &err), STELE_OK);
    assert_null(
        stele_http_route_find(apis, COUNT_OF(apis), &request, &api, &refusal, &reply.allowed));
    reply.code = refusal.code;

    stele_http_reply_write(&reply, &(stele_http_sending){.now_s = 784111777}, &out);

    const char *text = stele_buffer_text(&out);
    assert_non_null(strstr(text, "HTTP/1.1 405 Method Not Allowed\r\n"));
    assert_non_null(strstr(text, "\r\nAllow: GET, HEAD, PUT, DELETE\r\n"));
    assert_non_null(strstr(text, "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_has_its_route_in_one_of_the_tables),
        cmocka_unit_test(a_method_that_a_path_has_not_is_answered_with_those_that_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
