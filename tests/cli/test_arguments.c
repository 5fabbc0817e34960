/* SPDX-License-Identifier: MIT
 * What a person may type, and what is said of what they may not. */
#include "cli/arguments.h"

#include "tests/support/test.h"

static const char *const colours[] = {"red", "green", NULL};
static const stele_option own[] = {
    {.name = "follow", .letter = 'f', .kind = STELE_OPTION_FLAG},
    {.name = "count", .letter = 'n', .kind = STELE_OPTION_INT, .value = "N", .min = 1, .max = 9},
    {.name = "colour", .kind = STELE_OPTION_TEXT, .value = "NAME", .choices = colours},
    {.name = "with", .kind = STELE_OPTION_LIST, .value = "FILE"},
    {0}};
static const stele_option common[] = {
    {.name = "config", .letter = 'c', .kind = STELE_OPTION_TEXT, .value = "FILE"}, {0}};

static stele_status parse(const char *line, stele_arguments **out, stele_error *err)
{
    static char words[256];
    static char *list[32];
    int count = 0;
    snprintf(words, sizeof words, "%s", line);
    char *save = NULL;
    for (char *word = strtok_r(words, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
        list[count++] = word;
    return stele_arguments_parse(count, list, own, common, out, err);
}

static void options_and_operands_stand_in_any_order(void **state)
{
    (void)state;
    STELE_AUTO(stele_arguments) arguments = NULL;
    stele_error err = {0};

    assert_int_equal(parse("a --count 3 b -f --colour=green -c x.ini c", &arguments, &err), 0);

    assert_int_equal(stele_arguments_count(arguments), 3);
    assert_string_equal(stele_arguments_operand(arguments, 2), "c");
    assert_null(stele_arguments_operand(arguments, 3));
    assert_true(stele_arguments_flag(arguments, "follow"));
    assert_int_equal(stele_arguments_int(arguments, "count", 7), 3);
    assert_string_equal(stele_arguments_text(arguments, "colour", ""), "green");
    assert_string_equal(stele_arguments_text(arguments, "config", ""), "x.ini");
}

static void what_is_not_given_has_its_fallback(void **state)
{
    (void)state;
    STELE_AUTO(stele_arguments) arguments = NULL;
    stele_error err = {0};

    assert_int_equal(parse("", &arguments, &err), 0);

    assert_false(stele_arguments_flag(arguments, "follow"));
    assert_int_equal(stele_arguments_int(arguments, "count", 7), 7);
    assert_string_equal(stele_arguments_text(arguments, "colour", "red"), "red");
}

static void the_last_value_counts_and_a_list_keeps_all(void **state)
{
    (void)state;
    STELE_AUTO(stele_arguments) arguments = NULL;
    stele_error err = {0};

    assert_int_equal(parse("-n1 --with a -n 2 --with b", &arguments, &err), 0);
    const char **with = stele_arguments_list(arguments, "with");

    assert_int_equal(stele_arguments_int(arguments, "count", 0), 2);
    assert_string_equal(with[0], "a");
    assert_string_equal(with[1], "b");
    assert_null(with[2]);
    free(with);
}

static void two_dashes_end_the_options_and_one_is_an_operand(void **state)
{
    (void)state;
    STELE_AUTO(stele_arguments) arguments = NULL;
    stele_error err = {0};

    assert_int_equal(parse("- -- -f --count", &arguments, &err), 0);

    assert_int_equal(stele_arguments_count(arguments), 3);
    assert_string_equal(stele_arguments_operand(arguments, 0), "-");
    assert_string_equal(stele_arguments_operand(arguments, 1), "-f");
    assert_false(stele_arguments_flag(arguments, "follow"));
}

static void wrong_words_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *text;
    } cases[] = {
        {"--fellow", "no option --fellow here; see --help"},
        {"-x", "no option -x here; see --help"},
        {"--count", "--count needs a value: --count N"},
        {"--count ten", "--count ten: expected a whole number from 1 to 9"},
        {"--count 10", "--count 10: expected a whole number from 1 to 9"},
        {"--count 3x", "--count 3x: expected a whole number from 1 to 9"},
        {"--count 99999999999999999999",
         "--count 99999999999999999999: expected a whole number from 1 to 9"},
        {"--colour blue", "--colour blue: expected one of red, green"},
        {"--follow=yes", "--follow=yes: --follow takes no value"},
        {"-fn", "-fn: --follow takes no value"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_arguments *arguments = NULL;
        stele_error err = {0};

        assert_int_equal(parse(cases[i].line, &arguments, &err), STELE_E_INVALID);

        assert_string_equal(err.text, cases[i].text);
        assert_null(arguments);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_operands_stand_in_any_order),
        cmocka_unit_test(what_is_not_given_has_its_fallback),
        cmocka_unit_test(the_last_value_counts_and_a_list_keeps_all),
        cmocka_unit_test(two_dashes_end_the_options_and_one_is_an_operand),
        cmocka_unit_test(wrong_words_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
