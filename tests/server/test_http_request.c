/* SPDX-License-Identifier: MIT
 * Targets of requests, taken apart. */
#include "server/http_request.h"

#include "core/alloc.h"
#include "tests/support/test.h"

/* "a|b?name=value&" */
static char *dump(const stele_http_request *request)
{
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    for (size_t i = 0; i < request->segment_count; i++)
        stele_buffer_format(&out, "%s%s", i == 0 ? "" : "|", request->segments[i]);
    for (size_t i = 0; i < request->parameter_count; i++) {
        stele_buffer_format(&out, "?%s=%s", request->parameters[i].name,
                            request->parameters[i].value);
    }
    return stele_strdup(stele_buffer_text(&out));
}

static void a_target_is_taken_apart_before_it_is_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *target, *parts;
    } cases[] = {
        {"/", ""},
        {"/subjects", "subjects"},
        {"/subjects/", "subjects|"},
        {"//subjects//a", "|subjects||a"},
        {"//", "|"},
        {"/?", ""},
        {"/subjects/a%2Fb/versions", "subjects|a/b|versions"},
        {"/subjects/a%3Fb", "subjects|a?b"},
        {"/subjects/a+b", "subjects|a+b"},
        {"/subjects/%e2%82%ac", "subjects|€"},
        {"/subjects?deleted=true", "subjects?deleted=true"},
        {"/subjects?deleted=true&normalize", "subjects?deleted=true?normalize="},
        {"/subjects?a=b+c&d=%26%3D", "subjects?a=b c?d=&="},
        {"/subjects?&&a=1=2&", "subjects?a=1=2"},
        {"/subjects?", "subjects"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(stele_http_request) request = {0};
        stele_error err = {0};
        if (stele_http_request_parse(STELE_HTTP_GET, cases[i].target, &request, &err) < 0)
            fail_msg("%s: %s", cases[i].target, err.text);
        STELE_AUTO(char) parts = dump(&request);
        assert_string_equal(parts, cases[i].parts);
    }
}

static void a_target_that_is_not_encoded_rightly_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"/a%",  "/a%4",  "/a%4x",    "/a%00b",
                                      "/%ff", "/a?%x", "/a?b=%00", "/%c0%af.."};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        stele_http_request request = {0};
        stele_error err = {0};
        assert_int_equal(stele_http_request_parse(STELE_HTTP_GET, bad[i], &request, &err),
                         STELE_E_INVALID);
        assert_int_equal(request.segment_count, 0);
    }
}

static void more_parts_than_any_path_has_are_refused(void **state)
{
    (void)state;
    stele_http_request request = {0};
    stele_error err = {0};

    assert_int_equal(stele_http_request_parse(STELE_HTTP_GET, "/1/2/3/4/5/6/7/8/9", &request, &err),
                     STELE_E_LIMIT);
    assert_int_equal(stele_http_request_parse(STELE_HTTP_GET,
                                              "/?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17",
                                              &request, &err),
                     STELE_E_LIMIT);
}

static void only_true_is_true(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_http_request) request = {0};
    stele_error err = {0};
    assert_int_equal(
        stele_http_request_parse(STELE_HTTP_GET, "/?a=true&b=True&c=1&d=false&e", &request, &err),
        STELE_OK);

    assert_true(stele_http_request_is_true(&request, "a"));
    assert_true(stele_http_request_is_true(&request, "b")); /* as Python writes it */
    assert_false(stele_http_request_is_true(&request, "c"));
    assert_false(stele_http_request_is_true(&request, "d"));
    assert_false(stele_http_request_is_true(&request, "e"));
    assert_false(stele_http_request_is_true(&request, "f"));
    assert_null(stele_http_request_parameter(&request, "f"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_is_taken_apart_before_it_is_decoded),
        cmocka_unit_test(a_target_that_is_not_encoded_rightly_is_refused),
        cmocka_unit_test(more_parts_than_any_path_has_are_refused),
        cmocka_unit_test(only_true_is_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
