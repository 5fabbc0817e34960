/* SPDX-License-Identifier: MIT
 * core/text.c: UTF-8, quoting, numbers, decimals, durations. */
#include "tests/support/test.h"

#include <float.h>
#include <locale.h>
#include <math.h>

#include "core/alloc.h"
#include "core/text.h"

static void utf8_is_checked_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_valid;
    } cases[] = {
        {"", true},
        {"plain", true},
        {"\x7F", true},
        {"é€𝄞", true},
        {"\xC2\x80", true},
        {"\xDF\xBF", true},
        {"\xE0\xA0\x80", true},
        {"\xED\x9F\xBF", true},
        {"\xEE\x80\x80", true},
        {"\xF0\x90\x80\x80", true},
        {"\xF4\x8F\xBF\xBF", true},
        {"\x80", false},
        {"\xC0\x80", false},         /* overlong */
        {"\xC1\xBF", false},         /* overlong */
        {"\xE0\x9F\xBF", false},     /* overlong */
        {"\xF0\x8F\xBF\xBF", false}, /* overlong */
        {"\xED\xA0\x80", false},     /* surrogate */
        {"\xF4\x90\x80\x80", false}, /* past U+10FFFF */
        {"\xF5\x80\x80\x80", false},
        {"\xFF", false},
        {"\xC3", false}, /* cut */
        {"\xE2\x82", false},
        {"\xF0\x9D\x84", false},
        {"\xE2\x82z", false},
        {"\xF0\x9D\x84z", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(stele_utf8_is_valid(stele_text(cases[i].text)), cases[i].is_valid);
    }
    assert_int_equal(stele_utf8_size(stele_text("a€"), 0), 1);
    assert_int_equal(stele_utf8_size(stele_text("a€"), 1), 3);
    assert_int_equal(stele_utf8_size(stele_text("a€"), 2), 0);
    assert_int_equal(stele_utf8_size(stele_text("a€"), 4), 0);
}

static void quoted_text_is_safe_in_a_message(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {NULL, "null"},
        {"", "\"\""},
        {"Zürich", "\"Zürich\""},
        {"a\nb\x1b[31m", "\"a\\x0ab\\x1b[31m\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"\xFF\xC3", "\"\\xff\\xc3\""},
        {"\\xff", "\"\\\\xff\""},
        {"a\xE2\x80\xAE"
         "b",
         "\"a\\xe2\\x80\\xaeb\""},
        {"1234567890123456789012345678901234567890123456789012345678901234567890123456789",
         "\"1234567890123456789012345678901234567…3456789012345678901234567890123456789\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_string_equal(stele_quote(stele_text(cases[i].text)).text, cases[i].expected);
    }
}

static void long_texts_that_differ_at_either_end_are_quoted_differently(void **state)
{
    (void)state;
    char a[300], b[300];
    memset(a, 'x', sizeof a);
    memcpy(b, a, sizeof a);
    b[sizeof b - 1] = 'y';
    stele_quoted last_differs = stele_quote(stele_bytes_of(b, sizeof b));
    memcpy(b, a, sizeof a);
    b[0] = '\xFF';
    stele_quoted first_differs = stele_quote(stele_bytes_of(b, sizeof b));
    stele_quoted plain = stele_quote(stele_bytes_of(a, sizeof a));

    assert_string_not_equal(plain.text, last_differs.text);
    assert_string_not_equal(plain.text, first_differs.text);
}

static void what_people_see_can_do_nothing_to_a_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"Zürich \\ \"x\" €𝄞", "Zürich \\ \"x\" €𝄞"},
        {"a\x1b]0;x\x07", "a\\x1b]0;x\\x07"},
        {"one\ntwo\r\t\x7f", "one\\x0atwo\\x0d\\x09\\x7f"},
        {"\xC2\x9B"
         "31m",
         "\\xc2\\x9b31m"}, /* CSI in one character */
        {"\xE2\x80\x8B\xEF\xBB\xBF",
         "\\xe2\\x80\\x8b\\xef\\xbb\\xbf"}, /* no width, a mark of order */
        {"\xE2\x81\xA6\xE2\x80\xA8",
         "\\xe2\\x81\\xa6\\xe2\\x80\\xa8"}, /* direction, line separator */
        {"\xFF\xC3", "\\xff\\xc3"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(stele_buffer) shown = {0};
        stele_show(&shown, stele_text(cases[i].text));
        assert_string_equal(stele_buffer_text(&shown), cases[i].expected);
    }
}

static void text_becomes_a_json_string(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"a \"quote\" and a \\", "\"a \\\"quote\\\" and a \\\\\""},
        {"a\tb\nc", "\"a\\u0009b\\nc\""},
        {"\x1F\x7F\xC2\x9B", "\"\\u001f\\u007f\\u009b\""},
        {"Zürich € 🚀", "\"Zürich € 🚀\""},
        {"a\xE2\x80\xAE\xF3\xA0\x80\x81", "\"a\\u202e\\udb40\\udc01\""},
        {"a\xFFz", "\"a\\\\xffz\""},
        {"\xC3", "\"\\\\xc3\""},
        {"\xC0\xAF", "\"\\\\xc0\\\\xaf\""},            /* overlong */
        {"\xED\xA0\x80", "\"\\\\xed\\\\xa0\\\\x80\""}, /* a surrogate */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(stele_buffer) out = {0};
        stele_show_json(&out, stele_text(cases[i].text));
        assert_string_equal(stele_buffer_text(&out), cases[i].expected);
    }
    STELE_AUTO_VALUE(stele_buffer) with_nul = {0};
    stele_show_json(&with_nul, stele_bytes_of("a\0b", 3));
    assert_string_equal(stele_buffer_text(&with_nul), "\"a\\u0000b\"");
}

static void json_is_made_safe_to_look_at(void **state)
{
    (void)state;
    static const char json[] = "{\"a\":\"Zürich \xC2\x9B"
                               "31m\",\"b\":\"\xE2\x80\xAE\x7F\"}";
    STELE_AUTO_VALUE(stele_buffer) out = {0};

    stele_show_in_json(&out, stele_text(json));

    assert_string_equal(stele_buffer_text(&out),
                        "{\"a\":\"Zürich \\u009b31m\",\"b\":\"\\u202e\\u007f\"}");
}

static void quoted_text_of_any_length_is_whole_utf8(void **state)
{
    (void)state;
    char text[400] = "";
    for (size_t at = 0; at + 4 < sizeof text; at += 4)
        memcpy(text + at, "\xF0\x9D\x84\x9E", 4);

    for (size_t size = 0; size < 390; size++) {
        stele_quoted quoted = stele_quote(stele_bytes_of(text, size));
        stele_bytes view = stele_text(quoted.text);
        assert_true(stele_utf8_is_valid(view));
        assert_true(view.size <= STELE_QUOTED_MAX);
        assert_int_equal(view.data[view.size - 1], '"');
    }
}

static void whole_numbers_are_parsed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t expected;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"+7", 7},
        {"007", 7},
        {"-42", -42},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"+000000000000000000000000000000000000009223372036854775807", INT64_MAX},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t value = 99;
        assert_int_equal(
            stele_parse_int64(stele_text(cases[i].text), INT64_MIN, INT64_MAX, &value, NULL),
            STELE_OK);
        assert_int_equal(value, cases[i].expected);
    }
}

static void what_is_no_whole_number_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "\"\" is not a whole number"},
        {NULL, "null is not a whole number"},
        {"-", "\"-\" is not a whole number"},
        {" 1", "\" 1\" is not a whole number"},
        {"1 ", "\"1 \" is not a whole number"},
        {"1.0", "\"1.0\" is not a whole number"},
        {"0x10", "\"0x10\" is not a whole number"},
        {"1e3", "\"1e3\" is not a whole number"},
        {"--1", "\"--1\" is not a whole number"},
        {"\xD9\xA1", "\"\xD9\xA1\" is not a whole number"},
        {"-11", "\"-11\" is not between -10 and 10"},
        {"11", "\"11\" is not between -10 and 10"},
        {"9223372036854775808", "\"9223372036854775808\" is not between -10 and 10"},
        {"-9223372036854775809", "\"-9223372036854775809\" is not between -10 and 10"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t value = 99;
        stele_error err = {0};
        assert_int_equal(stele_parse_int64(stele_text(cases[i].text), -10, 10, &value, &err),
                         STELE_E_INVALID);
        assert_int_equal(value, 99);
        assert_int_equal(err.next, STELE_NEXT_REJECT);
        assert_string_equal(err.text, cases[i].expected);
    }
}

static void doubles_are_parsed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double expected;
    } cases[] = {
        {"0", 0.0},
        {"-1", -1.0},
        {"12.5", 12.5},
        {"+12.5e3", 12500.0},
        {"1E-2", 0.01},
        {"0.1", 0.1},
        {"1.7976931348623157e308", DBL_MAX},
        {"2.2250738585072014e-308", DBL_MIN},
        {"4.9406564584124654e-324", 4.9406564584124654e-324},
        {"1e-999", 0.0},
        {"-Infinity", -HUGE_VAL},
        {"Infinity", HUGE_VAL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double value = 99;
        assert_int_equal(stele_parse_double(stele_text(cases[i].text), &value, NULL), STELE_OK);
        assert_true(memcmp(&value, &cases[i].expected, sizeof value) == 0);
    }
    double nan_value = 0;
    assert_int_equal(stele_parse_double(stele_text("NaN"), &nan_value, NULL), STELE_OK);
    assert_true(isnan(nan_value));
}

static void what_is_no_double_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",    "-",   ".5",  "5.",    "1.e3", "1e",    "1e+",    "0x1p3", "nan",
        "inf", "1,5", "1 2", "1.2.3", "e5",   "1e400", "-1e400", "1_000", "+Infinity",
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double value = 99;
        stele_error err = {0};
        assert_int_equal(stele_parse_double(stele_text(cases[i]), &value, &err), STELE_E_INVALID);
        assert_true(value > 98 && value < 100);
        assert_non_null(strstr(err.text, cases[i]));
    }
    char huge[2000];
    memset(huge, '1', sizeof huge);
    double value;
    assert_int_equal(stele_parse_double(stele_bytes_of(huge, sizeof huge), &value, NULL),
                     STELE_E_INVALID);
}

static void doubles_do_not_depend_on_the_locale(void **state)
{
    (void)state;
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL) skip();

    double value = 0;
    stele_status status = stele_parse_double(stele_text("12.5"), &value, NULL);
    setlocale(LC_NUMERIC, "C");

    assert_int_equal(status, STELE_OK);
    assert_true(value > 12.4 && value < 12.6);
}

static void decimals_are_parsed_and_formatted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int precision, scale;
        int64_t unscaled;
        const char *formatted;
    } cases[] = {
        {"88.68", 10, 2, 8868, "88.68"},
        {"88", 10, 2, 8800, "88.00"},
        {"88.6", 10, 2, 8860, "88.60"},
        {"88.6800", 10, 2, 8868, "88.68"},
        {"-0.01", 10, 2, -1, "-0.01"},
        {"+0.99", 10, 2, 99, "0.99"},
        {"-0", 10, 2, 0, "0.00"},
        {"0", 1, 0, 0, "0"},
        {"9", 1, 0, 9, "9"},
        {"0.5", 1, 1, 5, "0.5"},
        {"007.50", 3, 2, 750, "7.50"},
        {"99999999.99", 10, 2, 9999999999, "99999999.99"},
        {"-99999999.99", 10, 2, -9999999999, "-99999999.99"},
        {"999999999999999999", 18, 0, 999999999999999999, "999999999999999999"},
        {"-0.999999999999999999", 18, 18, -999999999999999999, "-0.999999999999999999"},
        {"0.000000000000000001", 18, 18, 1, "0.000000000000000001"},
        {"1.00000000000000000000000000000000", 2, 1, 10, "1.0"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t value = 77;
        char text[STELE_DECIMAL_TEXT_MAX + 1];
        assert_int_equal(stele_parse_decimal(stele_text(cases[i].text), cases[i].precision,
                                             cases[i].scale, &value, NULL),
                         STELE_OK);
        assert_int_equal(value, cases[i].unscaled);
        stele_format_decimal(value, cases[i].scale, text);
        assert_string_equal(text, cases[i].formatted);
    }
}

static void any_unscaled_value_has_a_text(void **state)
{
    (void)state;
    char text[STELE_DECIMAL_TEXT_MAX + 1];

    stele_format_decimal(INT64_MIN, 2, text);
    assert_string_equal(text, "-92233720368547758.08");
    stele_format_decimal(INT64_MIN, 18, text);
    assert_string_equal(text, "-9.223372036854775808");
    stele_format_decimal(INT64_MIN, 0, text);
    assert_string_equal(text, "-9223372036854775808");
    stele_format_decimal(INT64_MAX, 1, text);
    assert_string_equal(text, "922337203685477580.7");
}

static void a_digit_too_many_for_the_largest_decimal_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int scale;
    } cases[] = {
        {"9999999999999999999", 0}, /* past 2^63 before it is compared */
        {"-9999999999999999999", 0},
        {"999999999999999999", 1},
        {"9.99999999999999999", 18},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t value = 77;
        stele_error err = {0};
        assert_int_equal(
            stele_parse_decimal(stele_text(cases[i].text), 18, cases[i].scale, &value, &err),
            STELE_E_INVALID);
        assert_non_null(strstr(err.text, "does not fit decimal(18,"));
        assert_int_equal(value, 77);
    }
}

static void what_a_decimal_cannot_hold_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "\"\" is not a decimal number such as 12.50"},
        {".5", "\".5\" is not a decimal number such as 12.50"},
        {"5.", "\"5.\" is not a decimal number such as 12.50"},
        {"1e2", "\"1e2\" is not a decimal number such as 12.50"},
        {"1,5", "\"1,5\" is not a decimal number such as 12.50"},
        {"NaN", "\"NaN\" is not a decimal number such as 12.50"},
        {"12.345",
         "\"12.345\" has more than 2 digits after the point, which decimal(5,2) cannot hold"},
        {"1.001",
         "\"1.001\" has more than 2 digits after the point, which decimal(5,2) cannot hold"},
        {"1000", "\"1000\" does not fit decimal(5,2): at most 3 digits before the point"},
        {"-1000.00", "\"-1000.00\" does not fit decimal(5,2): at most 3 digits before the point"},
        {"99999999999999999999999999",
         "\"99999999999999999999999999\" does not fit decimal(5,2): at most 3 digits before the "
         "point"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t value = 77;
        stele_error err = {0};
        assert_int_equal(stele_parse_decimal(stele_text(cases[i].text), 5, 2, &value, &err),
                         STELE_E_INVALID);
        assert_string_equal(err.text, cases[i].expected);
        assert_int_equal(value, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_checked_strictly),
        cmocka_unit_test(quoted_text_is_safe_in_a_message),
        cmocka_unit_test(long_texts_that_differ_at_either_end_are_quoted_differently),
        cmocka_unit_test(what_people_see_can_do_nothing_to_a_terminal),
        cmocka_unit_test(text_becomes_a_json_string),
        cmocka_unit_test(json_is_made_safe_to_look_at),
        cmocka_unit_test(quoted_text_of_any_length_is_whole_utf8),
        cmocka_unit_test(whole_numbers_are_parsed),
        cmocka_unit_test(what_is_no_whole_number_is_refused),
        cmocka_unit_test(doubles_are_parsed),
        cmocka_unit_test(what_is_no_double_is_refused),
        cmocka_unit_test(doubles_do_not_depend_on_the_locale),
        cmocka_unit_test(decimals_are_parsed_and_formatted),
        cmocka_unit_test(any_unscaled_value_has_a_text),
        cmocka_unit_test(a_digit_too_many_for_the_largest_decimal_is_refused),
        cmocka_unit_test(what_a_decimal_cannot_hold_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
