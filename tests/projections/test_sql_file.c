/* SPDX-License-Identifier: MIT
 * Files of SQL projections taken apart, and what is wrong with others. */
#include "core/alloc.h"
#include "projections/sql_file.h"
#include "tests/support/test.h"

static stele_sql_file *parse(const char *text)
{
    stele_sql_file *file;
    stele_error err;
    if (stele_sql_file_parse("t.sql", stele_text(text), STELE_SQL_SQLITE, &file, &err) < 0)
        fail_msg("%s", err.text);
    return file;
}

#define HEAD "-- source: a.events\n"

static void a_file_is_taken_apart(void **state)
{
    (void)state;
    STELE_AUTO(stele_sql_file)
    file = parse("-- A file like those in the documentation.\n"
                 "-- projection: order_summary\n"
                 "--version: 3\n"
                 "-- source: order.events, refund.events\n"
                 "-- repeatable: yes\n"
                 "-- setup\n"
                 "CREATE TABLE a (x);\n"
                 "CREATE TABLE b (y);\n"
                 "-- on shop.OrderPlaced\n"
                 "INSERT INTO a VALUES (:id, :customer.name, :id);\n"
                 "\n"
                 "-- a comment\n"
                 "UPDATE b SET y = :$time\n"
                 "  WHERE z = :id;\n"
                 "-- on shop.OrderPlaced each items\n"
                 "INSERT INTO b VALUES (:items.sku);\n"
                 "-- on shop.Noted\n"
                 "-- teardown\n"
                 "DROP TABLE a; DROP TABLE b;\n");

    assert_string_equal(file->name, "order_summary");
    assert_int_equal(file->version, 3);
    assert_string_equal(file->topics[0], "order.events");
    assert_string_equal(file->topics[1], "refund.events");
    assert_null(file->topics[2]);
    assert_true(file->is_repeatable);
    assert_string_equal(file->setup.text, "CREATE TABLE a (x);\nCREATE TABLE b (y);\n");
    assert_int_equal(file->setup.line, 7);
    assert_string_equal(file->teardown.text, "DROP TABLE a; DROP TABLE b;\n");
    assert_int_equal(file->block_count, 3);

    const stele_sql_block *placed = &file->blocks[0];
    assert_string_equal(placed->type, "shop.OrderPlaced");
    assert_null(placed->each);
    assert_int_equal(placed->line, 9);
    assert_int_equal(placed->statement_count, 2);
    assert_string_equal(placed->statements[0].text, "INSERT INTO a VALUES ($1, $2, $1)");
    assert_int_equal(placed->statements[0].line, 10);
    assert_int_equal(placed->statements[0].parameter_count, 2);
    assert_string_equal(placed->statements[0].parameters[1].path, "customer.name");
    assert_string_equal(placed->statements[1].text, "UPDATE b SET y = $1\n  WHERE z = $2");
    assert_int_equal(placed->statements[1].line, 13);
    assert_string_equal(placed->statements[1].parameters[0].path, "$time");
    assert_int_equal(placed->statements[1].parameters[1].line, 14);

    assert_string_equal(file->blocks[1].each, "items");
    assert_int_equal(file->blocks[2].statement_count, 0);
}

static void what_is_in_quotes_or_comments_is_no_parameter(void **state)
{
    (void)state;
    STELE_AUTO(stele_sql_file)
    file = parse(HEAD "-- on a.B\n"
                      "INSERT INTO \"odd :name; it is\" VALUES (':no; it''s not', `:x`, [:y], "
                      "/* :z; */ :yes::text, -- :w;\n"
                      "  1);\n");

    const stele_sql_statement *only = &file->blocks[0].statements[0];
    assert_int_equal(file->blocks[0].statement_count, 1);
    assert_int_equal(only->parameter_count, 1);
    assert_string_equal(only->parameters[0].path, "yes");
    assert_string_equal(only->text, "INSERT INTO \"odd :name; it is\" VALUES (':no; it''s not', "
                                    "`:x`, [:y], /* :z; */ $1::text, -- :w;\n  1)");
}

static void comments_are_comments(void **state)
{
    (void)state;
    STELE_AUTO(stele_sql_file)
    file = parse(HEAD "-- One row for each. Only of those that are paid.\n-- on a.B\n"
                      "-- of a.C we know nothing\n-- the version is that of the table\n"
                      "-- or a.B and a.C\nSELECT a$b, '?', '$x'; -- once a.B\n");

    assert_int_equal(file->block_count, 1);
    assert_string_equal(file->blocks[0].statements[0].text, "SELECT a$b, '?', '$x'");
}

static void a_directive_in_a_text_is_a_part_of_it(void **state)
{
    (void)state;
    STELE_AUTO(stele_sql_file)
    file = parse(HEAD "-- on a.B\nINSERT INTO t VALUES ('\n-- on c.D\n');\n");

    assert_int_equal(file->block_count, 1);
    assert_string_equal(file->blocks[0].statements[0].text,
                        "INSERT INTO t VALUES ('\n-- on c.D\n')");
}

static void lines_may_end_as_on_windows(void **state)
{
    (void)state;
    STELE_AUTO(stele_sql_file)
    file =
        parse("-- source: a.events\r\n-- on a.B\r\nSELECT :x;\r\n-- on a.C each d.e\r\nSELECT 1");

    assert_string_equal(file->topics[0], "a.events");
    assert_string_equal(file->blocks[0].type, "a.B");
    assert_string_equal(file->blocks[1].each, "d.e");
    assert_string_equal(file->blocks[1].statements[0].text, "SELECT 1");
}

static void what_a_file_leaves_out_has_a_default(void **state)
{
    (void)state;
    STELE_AUTO(stele_sql_file) file = parse(HEAD "-- on *\nSELECT :$data");

    assert_null(file->name);
    assert_int_equal(file->version, 1);
    assert_string_equal(file->setup.text, "");
    assert_string_equal(file->blocks[0].type, "*");
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", "t.sql:1: no source"},
        {"-- on a.B\nSELECT 1;\n", "t.sql:1: no source"},
        {HEAD, "t.sql:2: no block"},
        {HEAD "SELECT 1;\n-- on a.B\n", "t.sql:2: a statement in front of the first block"},
        {"-- source: accounts\n", "t.sql:1: \"accounts\" is no topic of events"},
        {"-- source: a.events b.events\n", "t.sql:1: \"a.events b.events\" is no topic"},
        {HEAD "-- version: 0\n", "t.sql:2: a projection has one version"},
        {HEAD "-- version: 1\n-- version: 2\n", "t.sql:3: a projection has one version"},
        {"-- projection:\n", "t.sql:1: a projection has one name"},
        {HEAD "-- repeatable: maybe\n", "t.sql:2: `-- repeatable: yes` says that statements may"},
        {HEAD "\n-- on a.B eahc items\n", "t.sql:3: this is neither `-- on TYPE`"},
        {HEAD "-- on each day the rows go\n", "t.sql:2: this is neither `-- on TYPE`"},
        {HEAD "-- on\n", "t.sql:2: this is neither `-- on TYPE`"},
        {HEAD "-- on a..B\n", "t.sql:2: this is neither `-- on TYPE`"},
        {HEAD "-- on * each items\n", "t.sql:2: `-- on *` stands for events of any type"},
        {HEAD "-- on a.B each items\n-- on a.C\n", "t.sql:2: this block has no statement"},
        {HEAD "-- setpu\nCREATE TABLE t (x);\n", "did you mean `-- setup`"},
        {HEAD "-- sorce: b.events\n", "did you mean `-- source:`"},
        {HEAD "-- On a.B\n",
         "t.sql:2: \"On\" is no word of a SQL projection; did you mean `-- on`"},
        {HEAD "-- ON *\n", "did you mean `-- on`"},
        {HEAD "-- on: a.B each items\n", "did you mean `-- on`"},
        {HEAD "-- onn a.B\n", "did you mean `-- on`"},
        {HEAD "-- version 2\n", "did you mean `-- version:`"},
        {HEAD "-- Source a.events\n", "did you mean `-- source:`"},
        {HEAD "-- SETUP\n", "did you mean `-- setup`"},
        {HEAD "-- on a.B\nSELECT :a,\n  $key;\n", "t.sql:4: parameters are written :field"},
        {HEAD "-- on a.B\nSELECT ?;\n", "t.sql:3: parameters are written :field"},
        {HEAD "-- on a.B\nSELECT ?1;\n", "t.sql:3: parameters are written :field"},
        {HEAD "-- on a.B\nSELECT @a;\n", "t.sql:3: parameters are written :field"},
        {HEAD "-- on a.B\nSELECT :1;\n", "t.sql:3: parameters are written :field"},
        {HEAD "-- setup\n-- setup\n", "t.sql:3: there is one such block already"},
        {HEAD "-- setup of the tables\n", "t.sql:2: nothing may follow on this line"},
        {HEAD "-- on a.B\nSELECT 1;\nSELECT 'x;\n", "t.sql:4: a text or a comment begins here"},
        {HEAD "-- on a.B\n/* SELECT 1;\n", "t.sql:3: a text or a comment begins here"},
        {HEAD "-- on a.B\nSELECT '\xff';\n", "t.sql:1: the file is not text in UTF-8"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_sql_file *file = NULL;
        stele_error err = {0};
        if (stele_sql_file_parse("t.sql", stele_text(cases[i].text), STELE_SQL_SQLITE, &file,
                                 &err) == STELE_OK)
            fail_msg("taken: %s", cases[i].text);
        assert_int_equal(err.next, STELE_NEXT_STOP);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("%s\nsays: %s\nwanted: %s", cases[i].text, err.text, cases[i].says);
    }
}

static void the_journal_is_such_a_file(void **state)
{
    (void)state;
    STELE_AUTO(char) text = stele_sql_journal("account.events", STELE_SQL_SQLITE);
    STELE_AUTO(stele_sql_file) file = parse(text);

    assert_string_equal(file->topics[0], "account.events");
    assert_string_equal(file->blocks[0].type, "*");
    assert_int_equal(file->blocks[0].statement_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_taken_apart),
        cmocka_unit_test(what_is_in_quotes_or_comments_is_no_parameter),
        cmocka_unit_test(comments_are_comments),
        cmocka_unit_test(a_directive_in_a_text_is_a_part_of_it),
        cmocka_unit_test(lines_may_end_as_on_windows),
        cmocka_unit_test(what_a_file_leaves_out_has_a_default),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(the_journal_is_such_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
