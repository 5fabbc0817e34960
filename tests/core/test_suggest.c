/* SPDX-License-Identifier: MIT
 * core/suggest.c: the nearest word. */
#include "tests/support/test.h"

#include "core/suggest.h"

static const char *nearest(const char *word)
{
    static const char *const candidates[] = {"threads", "instance", "assignment", "url", "publish"};
    stele_suggestion suggestion = {.word = stele_text(word)};
    for (size_t i = 0; i < COUNT_OF(candidates); i++) {
        stele_suggestion_offer(&suggestion, candidates[i]);
    }
    return suggestion.best == NULL ? "nothing" : suggestion.best;
}

static void the_nearest_word_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *word, *expected;
    } cases[] = {
        {"thread", "threads"},
        {"tread", "threads"},
        {"htreads", "threads"},
        {"instnace", "instance"},
        {"publsh", "publish"},
        {"ulr", "url"},
        {"zzzzzzzz", "nothing"},
        {"", "nothing"},
        {"ur", "url"},
        {"th", "nothing"},
        {"assignement", "assignment"},
        {"a word that is much too long to be a key of anything here, really, is it not", "nothing"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_string_equal(nearest(cases[i].word), cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_nearest_word_is_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
