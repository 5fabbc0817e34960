/* SPDX-License-Identifier: MIT
 * Texts as parts of a URL. */
#include "http/url.h"

#include "core/alloc.h"
#include "tests/support/test.h"

static void a_segment_has_no_byte_with_a_meaning(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"", ""},
        {"ada", "ada"},
        {"A-Z_a.z~09", "A-Z_a.z~09"},
        {"a/b?c#d%e f", "a%2Fb%3Fc%23d%25e%20f"},
        {"\r\n\x7f", "%0D%0A%7F"},
        {"\xc3\xa4", "%C3%A4"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO(char) found = stele_url_segment(stele_text(cases[i].text));
        assert_string_equal(found, cases[i].expected);
    }
    STELE_AUTO(char) found = stele_url_segment(stele_bytes_of("a\0b", 3));
    assert_string_equal(found, "a%00b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_segment_has_no_byte_with_a_meaning)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
