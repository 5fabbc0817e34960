/* SPDX-License-Identifier: MIT
 * schemas/text_value.c: cells of a CSV file as fields of every type. */
#include "tests/support/test.h"

#include "kinds.h"

#include <stele/json.h>

#include "core/alloc.h"
#include "schemas/text_value.h"

/* The field's value in plain JSON after the cell was put into it; "!" and the error if refused. */
static char *put_cell(const char *field, const char *cell, bool quoted)
{
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    STELE_AUTO_VALUE(stele_buffer) json = {0};
    kinds_everything value = {.flag = false};
    stele_error err;
    const stele_member *member = stele_text_value_find(&kinds_everything_type, stele_text(field));
    assert_non_null(member);
    memset(&value, 0, sizeof value);
    if (stele_text_value_set(member, stele_text(cell), quoted, &value, arena, &err) < 0) {
        assert_int_equal(err.status, STELE_E_INVALID);
        assert_int_equal(err.next, STELE_NEXT_REJECT);
        return stele_strdup_format("!%s", err.text);
    }
    assert_int_equal(kinds_everything_to_json(&value, &json, NULL), STELE_OK);

    STELE_AUTO(char) key = stele_strdup_format("\"%s\":", field);
    const char *begin = strstr(stele_buffer_text(&json), key);
    assert_non_null(begin);
    begin += strlen(key);
    return stele_strndup(begin, strcspn(begin, ",}"));
}

static const struct {
    const char *field;
    const char *cell;
    const char *json;
} cases[] = {
    {"flag", "true", "true"},
    {"flag", "TRUE", "true"},
    {"flag", "0", "false"},
    {"flag", "yes", "!flag: \"yes\" is not true or false"},
    {"small", "-7", "-7"},
    {"small", "2147483648", "!small: "},
    {"small", "7.0", "!small: "},
    {"small", " 7", "!small: "},
    {"small", "", "!small: the cell is empty and the field cannot be null"},
    {"small", "NA", "!small: "},
    {"large", "9223372036854775807", "9223372036854775807"},
    {"single", "0.1", "0.1"},
    {"twice", "1e300", "1e+300"},
    {"twice", "NaN", "\"NaN\""},
    {"text", "", "\"\""},
    {"text", "NA", "\"NA\""},
    {"text", "\xff", "!text: "},
    {"raw", "YWI=", "\"YWI=\""},
    {"raw", "", "\"\""},
    {"raw", "no base64", "!raw: "},
    {"digest", "YWJjZA==", "\"YWJjZA==\""},
    {"nothing", "", "null"},
    {"nothing", "x", "!nothing: \"x\" is not empty"},
    {"color", "lightBlue", "\"lightBlue\""},
    {"color", "blue", "!color: \"blue\" is not a symbol of kinds.Color"},
    {"price", "88.68", "\"88.68\""},
    {"price", "88.6", "\"88.60\""},
    {"price", "88.685", "!price: "},
    {"wide", "-12345678901234567890.125", "\"-12345678901234567890.125\""},
    {"day", "1997-01-18", "\"1997-01-18\""},
    {"day", "1997-02-29", "!day: "},
    {"time_ms", "09:30", "\"09:30:00.000\""},
    {"at_ms", "2024-05-01T11:30:00+02:00", "\"2024-05-01T09:30:00.000Z\""},
    {"at_ms", "2024-05-01", "!at_ms: "},
    {"local_us", "2024-05-01T09:30:00", "\"2024-05-01T09:30:00.000000\""},
    {"lasting", "P1M", "\"P1M0DT0.000S\""},
    {"lasting", "1M", "!lasting: "},
    {"maybe_text", "", "null"},
    {"maybe_text", "NA", "null"},
    {"maybe_text", "x", "\"x\""},
    {"text_maybe", "", "null"},
    {"choice", "", "null"},
    {"choice", "true", "{\"boolean\":true"},
    {"choice", "12", "{\"int\":12"},
    {"choice", "12345678901", "{\"long\":12345678901"},
    {"choice", "hello", "{\"string\":\"hello\""},
    {"numbers", "1", "!numbers: a cell cannot hold a value of type array; use JSON"},
    {"part", "x", "!part: a cell cannot hold a value of type kinds.Part; use JSON"},
};

static void cells_become_values_of_the_fields_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO(char) json = put_cell(cases[i].field, cases[i].cell, false);
        bool refusal = cases[i].json[0] == '!';
        bool same = refusal ? strncmp(json, cases[i].json, strlen(cases[i].json)) == 0
                            : strcmp(json, cases[i].json) == 0;
        if (!same) fail_msg("case %zu, %s \"%s\": %s", i, cases[i].field, cases[i].cell, json);
    }
}

/* What is not given is null; what is in quotes is text where it can be. */
static void a_cell_in_quotes_is_text_where_the_field_can_be_text(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        const char *cell;
        const char *json;
    } rows[] = {
        {"maybe_text", "NA", "\"NA\""},
        {"maybe_text", "", "\"\""},
        {"maybe_text", "x", "\"x\""},
        {"text_maybe", "NA", "\"NA\""},
        {"text_maybe", "", "\"\""},
        {"choice", "NA", "{\"string\":\"NA\""},
        {"choice", "", "{\"bytes\":\"\""},
        {"choice", "12", "{\"int\":12"},
        {"nothing", "", "null"},
        {"nothing", "NA", "null"},
        {"small", "7", "7"},
        {"text", "NA", "\"NA\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        STELE_AUTO(char) json = put_cell(rows[i].field, rows[i].cell, true);
        if (strcmp(json, rows[i].json) != 0)
            fail_msg("case %zu, %s \"%s\": %s", i, rows[i].field, rows[i].cell, json);
    }
}

static void a_column_that_is_not_there_takes_the_default(void **state)
{
    (void)state;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    kinds_everything value = {.flag = false};
    stele_error err;
    const stele_member *text = stele_text_value_find(&kinds_everything_type, stele_text("text"));
    const stele_member *flag = stele_text_value_find(&kinds_everything_type, stele_text("flag"));

    assert_int_equal(stele_text_value_default(text, &value, arena, &err), STELE_OK);
    assert_true(stele_bytes_equal(value.text, stele_text("say \"hi\" \\ \?\?= \xc3\xa9")));
    assert_int_equal(stele_text_value_default(flag, &value, arena, &err), STELE_E_INVALID);
    assert_string_equal(err.text, "flag: missing, and the field has no default");
}

static void a_name_that_no_field_has_is_not_found(void **state)
{
    (void)state;
    assert_null(stele_text_value_find(&kinds_everything_type, stele_text("Flag")));
    assert_null(stele_text_value_find(&kinds_everything_type, stele_text("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_become_values_of_the_fields_type),
        cmocka_unit_test(a_cell_in_quotes_is_text_where_the_field_can_be_text),
        cmocka_unit_test(a_column_that_is_not_there_takes_the_default),
        cmocka_unit_test(a_name_that_no_field_has_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
