/* SPDX-License-Identifier: MIT
 * Text as JSON strings: what must be escaped is, and what comes out is always JSON. */
#include "cli/json_text.h"

#include "core/alloc.h"
#include "tests/support/test.h"

static void assert_becomes(stele_bytes text, const char *wanted)
{
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    stele_json_text(&out, text);
    assert_string_equal(stele_buffer_text(&out), wanted);
}

static void text_is_escaped_as_json_asks(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"a \"quote\" and a \\", "\"a \\\"quote\\\" and a \\\\\""},
        {"a\tb\nc", "\"a\\u0009b\\u000ac\""},
        {"\x1F\x7F", "\"\\u001f\\u007f\""},
        {"Z\xC3\xBCrich \xE2\x82\xAC \xF0\x9F\x9A\x80",
         "\"Z\xC3\xBCrich \xE2\x82\xAC \xF0\x9F\x9A\x80\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_becomes(stele_text(cases[i].text), cases[i].wanted);
}

static void bytes_that_are_no_utf8_are_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"a\xFFz", "\"a\xEF\xBF\xBDz\""},
        {"\xC3", "\"\xEF\xBF\xBD\""},                                 /* cut off */
        {"\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},                 /* overlong */
        {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* a surrogate */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_becomes(stele_text(cases[i].text), cases[i].wanted);
}

static void a_nul_is_a_character(void **state)
{
    (void)state;
    assert_becomes(stele_bytes_of("a\0b", 3), "\"a\\u0000b\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped_as_json_asks),
        cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
        cmocka_unit_test(a_nul_is_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
