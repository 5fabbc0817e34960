/* SPDX-License-Identifier: MIT
 * SQL taken apart in two dialects. */
#include "stores/sql_text.h"

#include "core/alloc.h"
#include "tests/support/test.h"

/* Each token as one letter: a blank, text, parameter, foreign parameter, semicolon. Blanks
 * that follow one another are one, and so is text. */
static char *shape_of(const char *text, stele_sql_dialect dialect)
{
    static const char letters[] = {[STELE_SQL_TOKEN_BLANK] = '_',
                                   [STELE_SQL_TOKEN_TEXT] = 't',
                                   [STELE_SQL_TOKEN_PARAMETER] = 'p',
                                   [STELE_SQL_TOKEN_FOREIGN] = 'f',
                                   [STELE_SQL_TOKEN_SEMICOLON] = ';'};
    stele_sql_lexer l = {stele_text(text), 0, dialect};
    stele_sql_token kind;
    size_t begin, size = 0;
    char *shape = stele_alloc(strlen(text) + 2);
    bool ends;
    while ((ends = stele_sql_lexer_next(&l, &kind, &begin)) && kind != STELE_SQL_TOKEN_END)
        if (size == 0 || kind > STELE_SQL_TOKEN_TEXT || shape[size - 1] != letters[kind])
            shape[size++] = letters[kind];
    if (!ends) shape[size] = '!';
    return shape;
}

static void dialects_differ_in_quotes_and_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *sqlite;
        const char *postgres;
    } cases[] = {
        {"a :b c", "t_p_t", "t_p_t"},
        {":a::text;", "pt;", "pt;"},
        {":$key :a.b.c :a.", "p_p_pt", "p_p_pt"},
        {"'a;''b' \"c;\"", "t_t", "t_t"},
        {"a -- :b\n/* ; */ c", "t_t", "t_t"},
        {"/* /* */ a */", "_t_t", "_"},
        {"[:a]", "t", "tpt"},
        {"a[1:2]", "t", "t"},
        {"`:a;`", "t", "tp;t"},
        {"data ? 'x'", "t_f_t", "t_t_t"},
        {"data @> :a", "t_t_p", "t_t_p"},
        {"$1 $a ?1 @a :1", "ft_ft_ft_ft_ft", "ft_t_t_t_t"},
        {"a$b $$;$$ $x$ :a $$; $x$", "t_ft;ft_ft_p_ft;_ft", "t_t_t"},
        {"E'a\\';' e'\\\\' '\\'", "t;t!", "t_t_t"},
        {"type'\\'", "t", "t"},
        {"'a", "!", "!"},
        {"/* a", "!", "!"},
        {"$$ a", "ft_t", "!"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO(char) sqlite = shape_of(cases[i].text, STELE_SQL_SQLITE);
        STELE_AUTO(char) postgres = shape_of(cases[i].text, STELE_SQL_POSTGRES);
        if (strcmp(sqlite, cases[i].sqlite) != 0 || strcmp(postgres, cases[i].postgres) != 0)
            fail_msg("%s: %s and %s", cases[i].text, sqlite, postgres);
    }
}

static int64_t hash_of(const char *script)
{
    return stele_sql_script_hash(stele_text(script), STELE_SQL_POSTGRES);
}

static void a_script_is_the_same_in_other_white_space_and_comments(void **state)
{
    (void)state;
    static const char *const same[] = {"CREATE TABLE r (a  int);\n", "\tCREATE TABLE r (a\nint);",
                                       "CREATE /* r */ TABLE r (a int -- a number\n);",
                                       "CREATE TABLE r (a int);-- the end"};
    static const char *const other[] = {"CREATE TABLE r (b int);", "CREATE TABLE r (a int, b int);",
                                        "CREATETABLE r (a int);", "CREATE TABLE r ('a  int');"};
    int64_t hash = hash_of("CREATE TABLE r (a int);");
    for (size_t i = 0; i < COUNT_OF(same); i++)
        if (hash_of(same[i]) != hash) fail_msg("%s", same[i]);
    for (size_t i = 0; i < COUNT_OF(other); i++)
        assert_true(hash_of(other[i]) != hash);
    assert_true(hash_of("SELECT 'a  b'") != hash_of("SELECT 'a b'"));
}

static void statements_begin_behind_blanks(void **state)
{
    (void)state;
    static const char text[] = " -- a\n ;; /* b */ SELECT";
    stele_bytes all = stele_text(text);
    assert_int_equal(stele_sql_skip_blanks(all, 0, STELE_SQL_SQLITE), all.size - 6);
    assert_int_equal(stele_sql_skip_blanks(all, all.size, STELE_SQL_SQLITE), all.size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dialects_differ_in_quotes_and_parameters),
        cmocka_unit_test(a_script_is_the_same_in_other_white_space_and_comments),
        cmocka_unit_test(statements_begin_behind_blanks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
