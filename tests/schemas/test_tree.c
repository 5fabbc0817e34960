/* SPDX-License-Identifier: MIT
 * schemas/tree.c and tree_parse.c: JSON that libraries refuse, the lines of values, and a written
 * form that is jansson's, byte for byte, because the ids of schemas rest on it. */
#include "schemas/tree.h"

#include <jansson.h>
#include <math.h>

#include "core/alloc.h"
#include "tests/support/random.h"
#include "tests/support/test.h"

STELE_SCOPE(json_t, json_decref);

static const stele_tree *parsed(stele_arena *arena, const char *text)
{
    stele_tree_problem problem;
    const stele_tree *tree = stele_tree_parse(
        stele_text(text), &(stele_tree_options){.comments = true}, arena, &problem);
    if (tree == NULL)
        fail_msg("%s: line %zu, byte %zu: %s", text, problem.line, problem.byte, problem.why);
    return tree;
}

static char *written(const stele_tree *tree, bool sorted)
{
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    stele_tree_write(tree, sorted, &out);
    return stele_strdup(stele_buffer_text(&out));
}

static void numbers_of_any_size_are_read_and_kept(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool fits;
        int64_t integer;
        double real;
        const char *written;
    } cases[] = {
        {"0", true, 0, 0, "0"},
        {"-0", true, 0, 0, "0"},
        {"9223372036854775807", true, INT64_MAX, 9223372036854775807.0, "9223372036854775807"},
        {"-9223372036854775808", true, INT64_MIN, -9223372036854775808.0, "-9223372036854775808"},
        {"9223372036854775808", false, 0, 9223372036854775808.0, "9223372036854775808"},
        {"100000000000000000000", false, 0, 1e20, "100000000000000000000"},
        {"1.50", false, 0, 1.5, "1.5"},
        {"1.0", false, 0, 1, "1.0"},
        {"-0.0", false, 0, 0, "-0.0"},
        {"1E+05", false, 0, 1e5, "100000.0"},
        {"1e25", false, 0, 1e25, "1.0000000000000001e25"},
        {"1e-07", false, 0, 1e-7, "9.9999999999999995e-8"},
        {"1e400", false, 0, (double)INFINITY, "1e400"},
        {"-1e400", false, 0, -(double)INFINITY, "-1e400"},
        {"1e-400", false, 0, 0, "0.0"},
    };
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const stele_tree *tree = parsed(arena, cases[i].text);
        int64_t integer = 0;
        assert_int_equal(stele_tree_integer(tree, &integer), cases[i].fits);
        assert_true(integer == cases[i].integer);
        assert_true(stele_tree_real(tree) == cases[i].real);
        STELE_AUTO(char) text = written(tree, false);
        assert_string_equal(text, cases[i].written);
    }
}

static void strings_hold_what_json_can_say(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *value;
        size_t size;
        const char *written;
    } cases[] = {
        {"\"\"", "", 0, "\"\""},
        {"\"a\\u0000b\"", "a\0b", 3, "\"a\\u0000b\""},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8, "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
        {"\"\\u00e4\\u20ac\\ud83d\\ude00\"", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9,
         "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\"\\ud83d\"", "\xed\xa0\xbd", 3, "\"\\uD83D\""},
        {"\"\\ud83dx\\udE00\"", "\xed\xa0\xbdx\xed\xb8\x80", 7, "\"\\uD83Dx\\uDE00\""},
        {"\"\\ud83d\\ud83d\\ude00\"", "\xed\xa0\xbd\xf0\x9f\x98\x80", 7,
         "\"\\uD83D\xf0\x9f\x98\x80\""},
    };
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const stele_tree *tree = parsed(arena, cases[i].text);
        assert_true(stele_tree_is(tree, STELE_TREE_STRING));
        assert_true(stele_bytes_equal(tree->text, stele_bytes_of(cases[i].value, cases[i].size)));
        assert_int_equal(stele_tree_string(tree) == NULL, strlen(cases[i].value) != cases[i].size);
        STELE_AUTO(char) text = written(tree, false);
        assert_string_equal(text, cases[i].written);
    }
}

static void members_are_found_by_name_in_objects_of_any_size(void **state)
{
    (void)state;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    for (int count = 0; count < 40; count++) {
        STELE_AUTO_VALUE(stele_buffer) text = {0};
        for (int i = 0; i < count; i++)
            stele_buffer_format(&text, "%s\"%d\":%d", i == 0 ? "{" : ",", i * 7 % 41, i);
        stele_buffer_format(&text, count == 0 ? "{}" : "}");
        const stele_tree *tree = parsed(arena, stele_buffer_text(&text));
        assert_int_equal(tree->count, count);
        for (int i = 0; i < count; i++) {
            char name[8];
            int64_t value = -1;
            snprintf(name, sizeof name, "%d", i * 7 % 41);
            assert_true(stele_tree_integer(stele_tree_get(tree, name), &value));
            assert_int_equal(value, i);
        }
        assert_null(stele_tree_get(tree, "99"));
    }
    assert_null(stele_tree_get(NULL, "a"));
    assert_null(stele_tree_get(parsed(arena, "[1]"), "a"));
    assert_null(stele_tree_at(parsed(arena, "[1]"), 1));
    assert_null(stele_tree_string(parsed(arena, "1")));
}

static void each_value_knows_its_line(void **state)
{
    (void)state;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    const stele_tree *tree =
        parsed(arena, "// one\n/* two\n three */ {\"a\":\r\n [1,\n2], // x\n\"b\"\n:3}");
    assert_int_equal(tree->line, 3);
    assert_int_equal(stele_tree_get(tree, "a")->line, 4);
    assert_int_equal(stele_tree_at(stele_tree_get(tree, "a"), 1)->line, 5);
    assert_int_equal(stele_tree_get(tree, "b")->line, 7);
}

static void what_is_not_json_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t line;
        const char *why;
    } cases[] = {
        {"", 1, "it ends where a value was expected"},
        {" \n ", 2, "it ends where a value was expected"},
        {"{", 1, "it ends where a name in quotes was expected"},
        {"[1,\n]", 2, "a value was expected, not \"]\""},
        {"[1 2]", 1, "a comma or ] was expected, not \"2]\""},
        {"[,1]", 1, "a value was expected"},
        {"{\"a\"}", 1, "a colon was expected"},
        {"{\"a\":1,}", 1, "a name in quotes was expected"},
        {"{a:1}", 1, "a name in quotes was expected"},
        {"{\"a\":1 \"b\":2}", 1, "a comma or } was expected"},
        {"{\"a\":1,\n\"a\":2}", 2, "the name \"a\" is there twice"},
        {"{\"\\u0061\":1,\"a\":2}", 1, "the name \"a\" is there twice"},
        {"1 1", 1, "the end was expected, not \"1\""},
        {"01", 1, "a number that begins with 0"},
        {"1.", 1, "without digits behind its point"},
        {"1e+", 1, "without digits behind its e"},
        {"-", 1, "a value was expected"},
        {"+1", 1, "a value was expected"},
        {"NaN", 1, "a value was expected"},
        {"nul", 1, "a value was expected"},
        {"'a'", 1, "a value was expected"},
        {"\"a", 1, "a string without its closing quote"},
        {"\"a\nb\"", 1, "the control character \\x0a"},
        {"\"\\x\"", 1, "a \\ is not followed by what JSON knows"},
        {"\"\\u12g4\"", 1, "\\u is not followed by four"},
        {"\n\"\xff\"", 2, "it is not UTF-8"},
        {"\"\xed\xa0\xbd\"", 1, "it is not UTF-8"},
        {"\xef\xbb\xbf{}", 1, "a byte order mark"},
        {"/* never\n ends", 1, "a comment without its end"},
        {"/ 1", 1, "a lone /"},
        {"1 # no", 1, "the end was expected"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO(stele_arena) arena = stele_arena_new();
        stele_tree_problem problem = {0};
        const stele_tree *tree = stele_tree_parse(
            stele_text(cases[i].text), &(stele_tree_options){.comments = true}, arena, &problem);
        assert_null(tree);
        if (problem.line != cases[i].line || strstr(problem.why, cases[i].why) == NULL)
            fail_msg("%s: line %zu: %s", cases[i].text, problem.line, problem.why);
    }
}

static void comments_are_no_json_where_they_are_not_asked_for(void **state)
{
    (void)state;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    stele_tree_problem problem;
    assert_null(stele_tree_parse(stele_text("1 // one"), NULL, arena, &problem));
    assert_null(stele_tree_parse(stele_text("/**/1"), NULL, arena, &problem));
    assert_non_null(stele_tree_parse(stele_text("\"// no comment\""), NULL, arena, &problem));
    assert_string_equal(stele_tree_string(parsed(arena, "/**/\"/*a*/\"/***/")), "/*a*/");
}

static void nesting_has_a_limit(void **state)
{
    (void)state;
    for (size_t depth = 2048; depth <= 2049; depth++) {
        STELE_AUTO(stele_arena) arena = stele_arena_new();
        STELE_AUTO(char) text = stele_alloc(2 * depth + 1);
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        stele_tree_problem problem;
        const stele_tree *tree = stele_tree_parse(stele_text(text), NULL, arena, &problem);
        assert_int_equal(tree != NULL, depth == 2048);
        if (tree == NULL) assert_non_null(strstr(problem.why, "nested more than 2048 deep"));
    }
}

static void equal_values_are_equal_whatever_their_text(void **state)
{
    (void)state;
    static const struct {
        const char *one;
        const char *other;
        bool equal;
    } cases[] = {
        {"{\"a\":1,\"b\":[2.50]}", " {\"b\" : [25e-1], \"a\":1} ", true},
        {"1", "1.0", false},
        {"\"\\u0061\"", "\"a\"", true},
        {"100000000000000000000", "100000000000000000001", false},
        {"{\"a\":null}", "{\"b\":null}", false},
        {"[1,2]", "[2,1]", false},
        {"true", "false", false},
    };
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(
            stele_tree_equal(parsed(arena, cases[i].one), parsed(arena, cases[i].other)),
            cases[i].equal);
    }
}

/* A random value of JSON that jansson reads, too. */
static void put_random(stele_random *random, unsigned depth, stele_buffer *out)
{
    static const char *const scalars[] = {"null",
                                          "true",
                                          "false",
                                          "\"\\ud83d\\ude00\\u0000\\u001f\"",
                                          "\"\\u007f/\\/\xc3\xa4\"",
                                          "\"\\\"\\\\\"",
                                          "-0",
                                          "0.1"};
    uint32_t choice = stele_random_below(random, depth == 0 ? 4 : 6);
    if (choice < 2) {
        stele_buffer_append(out, stele_text(scalars[stele_random_below(random, 8)]));
    } else if (choice == 2) {
        stele_buffer_format(
            out, "%lld",
            (long long)(stele_random_next(random) >> stele_random_below(random, 60)) - 500);
    } else if (choice == 3) {
        stele_buffer_format(out, "%s%u.%06ue%d", stele_random_below(random, 2) ? "-" : "",
                            stele_random_below(random, 1000), stele_random_below(random, 1000000),
                            (int)stele_random_below(random, 600) - 300);
    } else {
        size_t count = stele_random_below(random, 12);
        stele_buffer_push(out, choice == 4 ? '[' : '{');
        for (size_t i = 0; i < count; i++) {
            if (i > 0) stele_buffer_format(out, " ,\n");
            if (choice == 5)
                stele_buffer_format(out,
                                    "\"%c%zu\" : ", (int)('A' + stele_random_below(random, 60)), i);
            put_random(random, depth - 1, out);
        }
        stele_buffer_push(out, choice == 4 ? ']' : '}');
    }
}

static void what_is_written_is_what_jansson_writes(void **state)
{
    (void)state;
    stele_random random = {20261128};
    for (int round = 0; round < 3000; round++) {
        STELE_AUTO(stele_arena) arena = stele_arena_new();
        STELE_AUTO_VALUE(stele_buffer) text = {0};
        put_random(&random, 4, &text);
        const char *source = stele_buffer_text(&text);
        json_error_t problem;
        STELE_AUTO(json_t)
        json = json_loadb(source, text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
        stele_tree_problem ours;
        const stele_tree *tree = stele_tree_parse(stele_buffer_view(&text), NULL, arena, &ours);
        if ((json == NULL) != (tree == NULL)) fail_msg("%s: %s", source, problem.text);
        if (json == NULL) continue; /* a name twice */
        for (int sorted = 0; sorted <= 1; sorted++) {
            STELE_AUTO(char)
            theirs = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17) |
                                          (sorted ? JSON_SORT_KEYS : 0));
            STELE_AUTO(char) own = written(tree, sorted);
            assert_string_equal(own, theirs);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_any_size_are_read_and_kept),
        cmocka_unit_test(strings_hold_what_json_can_say),
        cmocka_unit_test(members_are_found_by_name_in_objects_of_any_size),
        cmocka_unit_test(each_value_knows_its_line),
        cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
        cmocka_unit_test(comments_are_no_json_where_they_are_not_asked_for),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(equal_values_are_equal_whatever_their_text),
        cmocka_unit_test(what_is_written_is_what_jansson_writes),
    };
    return cmocka_run_group_tests_name("schemas/tree", tests, NULL, NULL);
}
