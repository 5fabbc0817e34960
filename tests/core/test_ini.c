/* SPDX-License-Identifier: MIT
 * core/ini.c: lines, sections, keys; what is no INI is refused with its line. */
#include "tests/support/test.h"

#include "core/alloc.h"
#include "core/ini.h"
#include "tests/support/random.h"

/* Writes each line as "number [section|name] key=value;". */
static stele_status record(void *context, const stele_ini_line *line, stele_error *err)
{
    (void)err;
    stele_buffer_format(context, "%d [%.*s", line->number, (int)line->section.size,
                        (const char *)line->section.data);
    if (line->name.data != NULL) {
        stele_buffer_format(context, "|%.*s", (int)line->name.size, (const char *)line->name.data);
    }
    stele_buffer_format(context, "]");
    if (line->key.data != NULL) {
        stele_buffer_format(context, " %.*s=%.*s", (int)line->key.size,
                            (const char *)line->key.data, (int)line->value.size,
                            (const char *)line->value.data);
    }
    stele_buffer_push(context, ';');
    return STELE_OK;
}

static void lines_say_where_they_stand(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"\xEF\xBB\xBF", ""},
        {"\n\n# c\n; c\n   # c", ""},
        {"[worker]\nthreads=4", "1 [worker];2 [worker] threads=4;"},
        {"[worker]\r\n\r\nthreads = 4\r\n", "1 [worker];3 [worker] threads=4;"},
        {"  [ worker ]\n\tthreads\t=\t4  \n   instance = a b\n",
         "1 [worker];2 [worker] threads=4;3 [worker] instance=a b;"},
        {"[projection customers]\nx=1\n[projection  a.b-c ]",
         "1 [projection|customers];2 [projection|customers] x=1;3 [projection|a.b-c];"},
        {"[k]\npassword = a;b # c ; d = \"e\"\n", "1 [k];2 [k] password=a;b # c ; d = \"e\";"},
        {"[k]\nempty =\n", "1 [k];2 [k] empty=;"},
        {"\xEF\xBB\xBF[k]\nname = Zürich", "1 [k];2 [k] name=Zürich;"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(stele_buffer) seen = {0};
        assert_int_equal(stele_ini_parse(stele_text(cases[i].text), "a.ini", record, &seen, NULL),
                         STELE_OK);
        assert_string_equal(stele_buffer_text(&seen), cases[i].expected);
    }
}

static void a_long_line_is_whole(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) text = {0}, seen = {0};
    stele_buffer_format(&text, "[kafka]\nbootstrap.servers = ");
    for (int i = 0; i < 1000; i++)
        stele_buffer_format(&text, "broker-%04d:9092,", i);

    assert_int_equal(stele_ini_parse(stele_buffer_view(&text), "a.ini", record, &seen, NULL),
                     STELE_OK);

    assert_non_null(strstr(stele_buffer_text(&seen), "broker-0999:9092,"));
}

static void what_is_no_ini_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"x = 1", "a.ini:1: a section such as [worker] must come before this"},
        {"\n[a]\nx", "a.ini:3: key = value is expected"},
        {"[a]\n= 1", "a.ini:2: key = value is expected"},
        {"[a", "a.ini:1: a section is written [worker] or [projection NAME]"},
        {"[]", "a.ini:1: a section is written [worker] or [projection NAME]"},
        {"[", "a.ini:1: a section is written [worker] or [projection NAME]"},
        {"[a] ; comment", "a.ini:1: a section is written [worker] or [projection NAME]"},
        {"[a]\nx = \xFF", "a.ini:2: this line is not plain UTF-8 text"},
        {"[a]\nx = \x1b[1m", "a.ini:2: this line is not plain UTF-8 text"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(stele_buffer) seen = {0};
        stele_error err = {0};
        assert_int_equal(stele_ini_parse(stele_text(cases[i].text), "a.ini", record, &seen, &err),
                         STELE_E_INVALID);
        assert_string_equal(err.text, cases[i].expected);
        assert_int_equal(err.next, STELE_NEXT_STOP);
    }
    static const char with_nul[] = "[a]\nx = a\0b\n";
    STELE_AUTO_VALUE(stele_buffer) seen = {0};
    assert_int_equal(stele_ini_parse(stele_bytes_of(with_nul, sizeof with_nul - 1), "a.ini", record,
                                     &seen, NULL),
                     STELE_E_INVALID);
}

static void a_huge_text_is_refused(void **state)
{
    (void)state;
    STELE_AUTO(char) huge = stele_alloc(STELE_INI_SIZE_MAX + 1);
    memset(huge, '\n', STELE_INI_SIZE_MAX + 1);
    STELE_AUTO_VALUE(stele_buffer) seen = {0};

    assert_int_equal(
        stele_ini_parse(stele_bytes_of(huge, STELE_INI_SIZE_MAX + 1), "a.ini", record, &seen, NULL),
        STELE_E_LIMIT);
    assert_int_equal(
        stele_ini_parse(stele_bytes_of(huge, STELE_INI_SIZE_MAX), "a.ini", record, &seen, NULL),
        STELE_OK);
}

static stele_status refuse(void *context, const stele_ini_line *line, stele_error *err)
{
    (void)context;
    (void)line;
    return stele_fail(err, STELE_E_EXISTS, STELE_NEXT_STOP, "enough");
}

static void a_visitor_that_fails_ends_the_parse(void **state)
{
    (void)state;
    stele_error err = {0};
    assert_int_equal(stele_ini_parse(stele_text("[a]\nnonsense"), "a.ini", refuse, NULL, &err),
                     STELE_E_EXISTS);
    assert_string_equal(err.text, "enough");
}

/* Nothing to assert but that the sanitizers stay quiet. */
static void random_bytes_do_no_harm(void **state)
{
    (void)state;
    static const char alphabet[] = "[]=;# \t\r\nab.\xC3\xA9\xEF\xBB\xBF";
    stele_random random = stele_random_from_environment();

    for (int i = 0; i < 20000; i++) {
        size_t size = stele_random_below(&random, 40);
        STELE_AUTO(char) text = stele_alloc(size); /* exactly this large, for AddressSanitizer */
        for (size_t at = 0; at < size; at++) {
            text[at] = alphabet[stele_random_below(&random, sizeof alphabet)];
        }
        STELE_AUTO_VALUE(stele_buffer) seen = {0};
        stele_status status =
            stele_ini_parse(stele_bytes_of(text, size), "a.ini", record, &seen, NULL);
        assert_true(status == STELE_OK || status == STELE_E_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_say_where_they_stand),
        cmocka_unit_test(a_long_line_is_whole),
        cmocka_unit_test(what_is_no_ini_is_refused_with_its_line),
        cmocka_unit_test(a_huge_text_is_refused),
        cmocka_unit_test(a_visitor_that_fails_ends_the_parse),
        cmocka_unit_test(random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
