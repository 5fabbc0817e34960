/* SPDX-License-Identifier: MIT
 * cli/tally.c: what is printed, what is counted, and what counts as one reason. */
#include "cli/tally.h"

#include <string.h>

#include "core/alloc.h"
#include "tests/support/test.h"

static char *read_all(FILE *file)
{
    char *text = stele_alloc(100000);
    rewind(file);
    text[fread(text, 1, 99999, file)] = '\0';
    return text;
}

static size_t count(const char *text, const char *part)
{
    size_t found = 0;
    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        found++;
    return found;
}

static void the_first_twenty_are_printed_and_the_rest_is_counted_by_reason(void **state)
{
    (void)state;
    stele_tally tally = {0};
    FILE *file = tmpfile();
    assert_non_null(file);
    for (int line = 1; line <= 100000; line++) {
        STELE_AUTO(char)
        text = line % 10 == 0
                   ? stele_strdup_format("%d cells, and the header has 5 columns", line % 7)
                   : stele_strdup_format("column 2: \"x\\\"%d\" is not a date", line);
        stele_tally_add(&tally, file, "a.csv", line, text);
    }

    stele_tally_print(&tally, file, "a.csv");
    STELE_AUTO(char) text = read_all(file);

    assert_int_equal(count(text, "\n"), 20 + 1 + 2);
    assert_int_equal(count(text, "a.csv:20: 6 cells"), 1);
    assert_null(strstr(text, "a.csv:21:"));
    assert_non_null(strstr(text, "a.csv: and 99980 more lines:\n"));
    assert_non_null(strstr(text, "  89982 as line 21: column 2: \"x\\\"21\" is not a date\n"));
    assert_non_null(strstr(text, "  9998 as line 30: 2 cells, and the header has 5 columns\n"));
    stele_tally_clear(&tally);
    fclose(file);
}

static void reasons_without_number_are_counted_together(void **state)
{
    (void)state;
    stele_tally tally = {0};
    FILE *file = tmpfile();
    assert_non_null(file);
    for (int line = 1; line <= 1000; line++) {
        char text[] = "aaa";
        text[0] = (char)('a' + line % 26);
        text[1] = (char)('a' + line / 26 % 26);
        stele_tally_add(&tally, file, "a", line, text);
    }

    stele_tally_print(&tally, file, "a");
    STELE_AUTO(char) text = read_all(file);

    assert_in_range(count(text, "\n"), 20 + 1 + 50, 20 + 1 + 51);
    assert_non_null(strstr(text, "other reasons\n"));
    stele_tally_clear(&tally);
    fclose(file);
}

static void nothing_counted_is_nothing_printed(void **state)
{
    (void)state;
    stele_tally tally = {0};
    FILE *file = tmpfile();
    assert_non_null(file);
    stele_tally_print(&tally, file, "a");
    STELE_AUTO(char) text = read_all(file);
    assert_string_equal(text, "");
    stele_tally_clear(&tally);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_twenty_are_printed_and_the_rest_is_counted_by_reason),
        cmocka_unit_test(reasons_without_number_are_counted_together),
        cmocka_unit_test(nothing_counted_is_nothing_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
