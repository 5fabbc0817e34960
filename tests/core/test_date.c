/* SPDX-License-Identifier: MIT
 * core/date.c: the calendar, against known days, a walk day by day and the edges of the numbers. */
#include "tests/support/test.h"

#include "core/alloc.h"
#include "core/date.h"
#include "core/text.h"
#include "tests/support/random.h"

static void known_dates_go_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t days;
    } cases[] = {
        {"1970-01-01", 0},
        {"1970-01-02", 1},
        {"1969-12-31", -1},
        {"1997-01-18", 9879},
        {"2000-02-28", 11015},
        {"2000-02-29", 11016},
        {"2000-03-01", 11017},
        {"1900-02-28", -25509},
        {"1900-03-01", -25508},
        {"2024-02-29", 19782},
        {"2024-12-31", 20088},
        {"1582-10-15", -141427},
        {"0001-01-01", -719162},
        {"0000-01-01", -719528},
        {"0000-02-29", -719469},
        {"-0001-12-31", -719529},
        {"9999-12-31", 2932896},
        {"+10000-01-01", 2932897},
        {"-10000-01-01", -4371953},
        {"+5881580-07-11", INT32_MAX},
        {"-5877641-06-23", INT32_MIN},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int32_t days = 77;
        char text[STELE_DATE_TEXT_MAX + 1];
        assert_int_equal(stele_parse_date(stele_text(cases[i].text), &days, NULL), STELE_OK);
        assert_int_equal(days, cases[i].days);
        stele_format_date(days, text);
        assert_string_equal(text, cases[i].text);
    }
}

/* 800 years one day after the other, counted here by hand. */
static void every_day_follows_the_one_before(void **state)
{
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int32_t expected = -135140; /* 1600-01-01 */
    for (int year = 1600; year < 2400; year++) {
        int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; month++) {
            int length = lengths[month - 1] + (month == 2 ? is_leap : 0);
            for (int day = 1; day <= length; day++, expected++) {
                char text[STELE_DATE_TEXT_MAX + 1], formatted[STELE_DATE_TEXT_MAX + 1];
                snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
                int32_t days = 0;
                assert_int_equal(stele_parse_date(stele_text(text), &days, NULL), STELE_OK);
                assert_int_equal(days, expected);
                stele_format_date(days, formatted);
                assert_string_equal(formatted, text);
            }
        }
    }
}

static void what_is_no_date_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "1997",
        "1997-01",
        "1997-1-18",
        "97-01-18",
        "1997-01-32",
        "1997-13-01",
        "1997-00-01",
        "1997-01-00",
        "1997-02-29",
        "1900-02-29",
        "2023-02-29",
        "1997-04-31",
        "19970118",
        "1997/01/18",
        "18.01.1997",
        " 1997-01-18",
        "1997-01-18 ",
        "1997-01-18T00",
        "10000-01-01",
        "+1-01-01",
        "--001-01-01",
        "1997-01-18Z",
        "+5881580-07-12",
        "-5877641-06-22",
        "+9999999999-01-01",
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int32_t days = 77;
        stele_error err = {0};
        assert_int_equal(stele_parse_date(stele_text(cases[i]), &days, &err), STELE_E_INVALID);
        assert_int_equal(days, 77);
        assert_int_equal(err.next, STELE_NEXT_REJECT);
        assert_non_null(strstr(err.text, stele_quote(stele_text(cases[i])).text));
    }
    assert_int_equal(stele_parse_date(stele_bytes_of(NULL, 0), &(int32_t){0}, NULL),
                     STELE_E_INVALID);
}

static void times_of_day_go_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        stele_time_unit unit;
        int64_t value;
        const char *formatted;
    } cases[] = {
        {"00:00", STELE_TIME_MILLIS, 0, "00:00:00.000"},
        {"09:30", STELE_TIME_MILLIS, 34200000, "09:30:00.000"},
        {"09:30:15", STELE_TIME_MILLIS, 34215000, "09:30:15.000"},
        {"09:30:15.25", STELE_TIME_MILLIS, 34215250, "09:30:15.250"},
        {"09:30:15.250000000000", STELE_TIME_MILLIS, 34215250, "09:30:15.250"},
        {"23:59:59.999", STELE_TIME_MILLIS, 86399999, "23:59:59.999"},
        {"23:59:59.999999", STELE_TIME_MICROS, 86399999999, "23:59:59.999999"},
        {"23:59:59.999999999", STELE_TIME_NANOS, 86399999999999, "23:59:59.999999999"},
        {"00:00:00.000001", STELE_TIME_MICROS, 1, "00:00:00.000001"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t value = 77;
        char text[STELE_DATE_TEXT_MAX + 1];
        assert_int_equal(stele_parse_time(stele_text(cases[i].text), cases[i].unit, &value, NULL),
                         STELE_OK);
        assert_int_equal(value, cases[i].value);
        stele_format_time(value, cases[i].unit, text);
        assert_string_equal(text, cases[i].formatted);
    }
}

static void what_is_no_time_of_day_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",       "9:30",    "24:00",    "23:60",     "23:59:60",      "09:30:15.",
        "09:30Z", "09:30:1", "09-30-15", "-09:30:15", "09:30:15.0001", "09:30:15,5",
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t value = 77;
        assert_int_equal(stele_parse_time(stele_text(cases[i]), STELE_TIME_MILLIS, &value, NULL),
                         STELE_E_INVALID);
        assert_int_equal(value, 77);
    }
}

static void moments_go_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        stele_time_unit unit;
        int64_t value;
        const char *formatted;
    } cases[] = {
        {"1970-01-01T00:00:00Z", STELE_TIME_MILLIS, 0, "1970-01-01T00:00:00.000Z"},
        {"1969-12-31T23:59:59.999Z", STELE_TIME_MILLIS, -1, "1969-12-31T23:59:59.999Z"},
        {"2024-05-01T09:30:00Z", STELE_TIME_MILLIS, 1714555800000, "2024-05-01T09:30:00.000Z"},
        {"2024-05-01 11:30:00.5+02:00", STELE_TIME_MILLIS, 1714555800500,
         "2024-05-01T09:30:00.500Z"},
        {"2024-05-01T00:30:00-09:00", STELE_TIME_MICROS, 1714555800000000,
         "2024-05-01T09:30:00.000000Z"},
        {"2024-01-01T00:30+01:00", STELE_TIME_MILLIS, 1704065400000, "2023-12-31T23:30:00.000Z"},
        {"2024-05-01T09:30:00-00:00", STELE_TIME_MILLIS, 1714555800000, "2024-05-01T09:30:00.000Z"},
        {"2262-04-11T23:47:16.854775807Z", STELE_TIME_NANOS, INT64_MAX,
         "2262-04-11T23:47:16.854775807Z"},
        {"1677-09-21T00:12:43.145224192Z", STELE_TIME_NANOS, INT64_MIN,
         "1677-09-21T00:12:43.145224192Z"},
        {"+292278994-08-17T07:12:55.807Z", STELE_TIME_MILLIS, INT64_MAX,
         "+292278994-08-17T07:12:55.807Z"},
        {"-292275055-05-16T16:47:04.192Z", STELE_TIME_MILLIS, INT64_MIN,
         "-292275055-05-16T16:47:04.192Z"},
        {"+294247-01-10T04:00:54.775807Z", STELE_TIME_MICROS, INT64_MAX,
         "+294247-01-10T04:00:54.775807Z"},
        {"-290308-12-21T19:59:05.224192Z", STELE_TIME_MICROS, INT64_MIN,
         "-290308-12-21T19:59:05.224192Z"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t value = 77;
        char text[STELE_DATE_TEXT_MAX + 1];
        assert_int_equal(
            stele_parse_timestamp(stele_text(cases[i].text), cases[i].unit, &value, NULL),
            STELE_OK);
        assert_int_equal(value, cases[i].value);
        stele_format_timestamp(value, cases[i].unit, text);
        assert_string_equal(text, cases[i].formatted);
    }
}

static void what_is_no_moment_is_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        stele_time_unit unit;
        const char *reason;
    } cases[] = {
        {"", STELE_TIME_MILLIS, "is not a moment"},
        {"2024-05-01", STELE_TIME_MILLIS, "is not a moment"},
        {"2024-05-01T09:30:00", STELE_TIME_MILLIS, "has no offset"},
        {"2024-05-01T09:30:00z", STELE_TIME_MILLIS, "is not a moment"},
        {"2024-05-01t09:30:00Z", STELE_TIME_MILLIS, "is not a moment"},
        {"2024-05-01T09:30:00ZZ", STELE_TIME_MILLIS, "is not a moment"},
        {"2024-05-01T09:30:00+2", STELE_TIME_MILLIS, "is not a moment"},
        {"2024-05-01T09:30:00+0200", STELE_TIME_MILLIS, "is not a moment"},
        {"2024-05-01T09:30:00+24:00", STELE_TIME_MILLIS, "is not a moment"},
        {"2024-02-30T09:30:00Z", STELE_TIME_MILLIS, "is not a moment"},
        {"2024-05-01T24:00:00Z", STELE_TIME_MILLIS, "is not a moment"},
        {"2024-05-01T09:30:00.1234Z", STELE_TIME_MILLIS, "more than 3 digits"},
        {"2262-04-11T23:47:16.854775808Z", STELE_TIME_NANOS, "range of 64 bits"},
        {"1677-09-21T00:12:43.145224191Z", STELE_TIME_NANOS, "range of 64 bits"},
        {"+292278994-08-17T07:12:55.808Z", STELE_TIME_MILLIS, "range of 64 bits"},
        {"-999999999-01-01T00:00:00Z", STELE_TIME_MILLIS, "range of 64 bits"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t value = 77;
        stele_error err = {0};
        assert_int_equal(
            stele_parse_timestamp(stele_text(cases[i].text), cases[i].unit, &value, &err),
            STELE_E_INVALID);
        assert_non_null(strstr(err.text, cases[i].reason));
        assert_int_equal(value, 77);
    }
}

static void a_local_time_has_no_offset(void **state)
{
    (void)state;
    int64_t value = 0;
    char text[STELE_DATE_TEXT_MAX + 1];

    assert_int_equal(stele_parse_local_timestamp(stele_text("2024-05-01T09:30:00"),
                                                 STELE_TIME_MILLIS, &value, NULL),
                     STELE_OK);
    assert_int_equal(value, 1714555800000);
    stele_format_local_timestamp(value, STELE_TIME_MILLIS, text);
    assert_string_equal(text, "2024-05-01T09:30:00.000");
    assert_int_equal(stele_parse_local_timestamp(stele_text("2024-05-01T09:30:00Z"),
                                                 STELE_TIME_MILLIS, &value, NULL),
                     STELE_E_INVALID);
}

static void any_number_has_a_text(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        stele_time_unit unit;
        const char *expected;
    } cases[] = {
        {INT64_MIN, STELE_TIME_MILLIS, "-2562047788015:12:55.808"},
        {INT64_MAX, STELE_TIME_NANOS, "2562047:47:16.854775807"},
        {86400000, STELE_TIME_MILLIS, "24:00:00.000"},
        {-1, STELE_TIME_MILLIS, "-00:00:00.001"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[STELE_DATE_TEXT_MAX + 1];
        stele_format_time(cases[i].value, cases[i].unit, text);
        assert_string_equal(text, cases[i].expected);
    }
}

/* Any number: its text is parsed to the same number. */
static void random_numbers_come_back(void **state)
{
    (void)state;
    static const stele_time_unit units[] = {STELE_TIME_MILLIS, STELE_TIME_MICROS, STELE_TIME_NANOS};
    stele_random random = stele_random_from_environment();

    for (int i = 0; i < 30000; i++) {
        char text[STELE_DATE_TEXT_MAX + 1];
        int64_t value =
            (int64_t)(stele_random_next(&random) >> (1 + stele_random_below(&random, 63)));
        if (i % 2 == 0) value = -value;
        stele_time_unit unit = units[i % 3];
        int64_t moment, since_midnight;
        int32_t days;

        stele_format_timestamp(value, unit, text);
        assert_int_equal(stele_parse_timestamp(stele_text(text), unit, &moment, NULL), STELE_OK);
        assert_int_equal(moment, value);

        stele_format_date((int32_t)(value % INT32_MAX), text);
        assert_int_equal(stele_parse_date(stele_text(text), &days, NULL), STELE_OK);
        assert_int_equal(days, value % INT32_MAX);

        int64_t time = (value & INT64_MAX) % 86400000;
        stele_format_time(time, STELE_TIME_MILLIS, text);
        assert_int_equal(
            stele_parse_time(stele_text(text), STELE_TIME_MILLIS, &since_midnight, NULL), STELE_OK);
        assert_int_equal(since_midnight, time);
    }
}

/* Texts that are nearly right; AddressSanitizer watches the end, as each is exactly its size. */
static void random_text_does_no_harm(void **state)
{
    (void)state;
    static const char model[] = "2024-05-01T09:30:00.123+02:00";
    static const char alphabet[] = "0123456789-:TZ+. ";
    stele_random random = stele_random_from_environment();

    for (int i = 0; i < 30000; i++) {
        size_t size = stele_random_below(&random, sizeof model);
        STELE_AUTO(char) text = stele_strndup(model, size);
        STELE_AUTO(uint8_t) exact = stele_alloc(size);
        if (size > 0) {
            text[stele_random_below(&random, (uint32_t)size)] =
                alphabet[stele_random_below(&random, sizeof alphabet - 1)];
            memcpy(exact, text, size);
        }
        stele_bytes view = stele_bytes_of(exact, size);
        int64_t number = 0;
        int32_t days = 0;
        stele_parse_timestamp(view, STELE_TIME_NANOS, &number, NULL);
        stele_parse_local_timestamp(view, STELE_TIME_MICROS, &number, NULL);
        stele_parse_time(view, STELE_TIME_MILLIS, &number, NULL);
        if (stele_parse_date(view, &days, NULL) == STELE_OK) {
            char back[STELE_DATE_TEXT_MAX + 1];
            stele_format_date(days, back);
            assert_string_equal(back, text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_dates_go_both_ways),
        cmocka_unit_test(every_day_follows_the_one_before),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(times_of_day_go_both_ways),
        cmocka_unit_test(what_is_no_time_of_day_is_refused),
        cmocka_unit_test(moments_go_both_ways),
        cmocka_unit_test(what_is_no_moment_is_refused_with_the_reason),
        cmocka_unit_test(a_local_time_has_no_offset),
        cmocka_unit_test(any_number_has_a_text),
        cmocka_unit_test(random_numbers_come_back),
        cmocka_unit_test(random_text_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
