/* SPDX-License-Identifier: MIT
 * The SQL port's contract in SQLite, and what is SQLite's own: files, locks, full disks, and what a
 * statement of a file may not do. */
#include "sql_cases.h"

#include <math.h>
#include <sqlite3.h>

#include "core/alloc.h"
#include "stores/sqlite_store.h"
#include "tests/support/temporary.h"

typedef struct file_stage {
    temporary folder;
    char path[300];
} file_stage;

static stele_sql_store *connect_store(void *self)
{
    return stele_sqlite_store_new(((file_stage *)self)->path);
}

static sqlite3 *look(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    return db;
}

static void run_sql(sqlite3 *db, const char *text)
{
    char *why = NULL;
    if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s: %s", text, why);
}

/* The only value of a query as text. Caller frees. */
static char *ask(const char *path, const char *query)
{
    sqlite3 *db = look(path);
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    char *copied = stele_strdup(text == NULL ? "NULL" : text);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return copied;
}

static int count_rows(void *self)
{
    STELE_AUTO(char) text = ask(((file_stage *)self)->path, "SELECT count(*) FROM r");
    return (int)strtol(text, NULL, 10);
}

static sql_stage begin(void)
{
    file_stage *made = stele_alloc(sizeof *made);
    made->folder = temporary_folder();
    snprintf(made->path, sizeof made->path, "%s/t.db", made->folder.path);
    return (sql_stage){.self = made, .connect = connect_store, .count = count_rows};
}

static void end(void *self)
{
    file_stage *made = self;
    static const char *const suffixes[] = {"", "-wal", "-shm", ".old", ".old-wal", ".old-shm"};
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        char path[320];
        snprintf(path, sizeof path, "%s%s", made->path, suffixes[i]);
        unlink(path);
    }
    rmdir(made->folder.path);
    free(made);
}

/* ---- what is SQLite's own ---- */

typedef struct scene {
    sql_stage stage;
    const char *path;
    stele_sql_store *store;
} scene;

static int begin_scene(void **state)
{
    scene *own = stele_alloc(sizeof *own);
    own->stage = begin();
    own->path = ((file_stage *)own->stage.self)->path;
    own->store = connect_store(own->stage.self);
    stele_error err;
    if (stele_sql_store_open(own->store, &err) < 0) fail_msg("%s", err.text);
    *state = own;
    return 0;
}

static int end_scene(void **state)
{
    scene *own = *state;
    stele_sql_store_free(own->store);
    end(own->stage.self);
    free(own);
    return 0;
}

static void set_up(scene *own, const char *script)
{
    stele_error err;
    size_t at = 0;
    stele_sql_setup setup = {"sums", 1, script};
    if (stele_sql_store_setup(own->store, &setup, &at, &err) < 0) fail_msg("%s", err.text);
}

static size_t prepare(scene *own, const char *text, size_t parameters)
{
    stele_error err;
    size_t statement = 0, at = 0;
    const stele_sql_query query = {.text = text, .parameters = parameters};
    if (stele_sql_store_prepare(own->store, &query, &statement, &at, &err) < 0)
        fail_msg("%s", err.text);
    return statement;
}

static const stele_sql_place place = {"sums.v1", {"account.events", 0}};

static stele_sql_claim claim_place(scene *own)
{
    stele_sql_claim found;
    stele_error err;
    if (stele_sql_store_claim(own->store, &place, 1, "", &found, &err) < 0)
        fail_msg("%s", err.text);
    return found;
}

static void begin_first(scene *own)
{
    stele_error err;
    stele_sql_claim found = claim_place(own);
    stele_mark to = {.position = 1, .last_offset = 0};
    if (stele_sql_store_begin(own->store, &place, found.term, -1, &to, &err) < 0)
        fail_msg("%s", err.text);
}

static void values_keep_their_types(void **state)
{
    scene *own = *state;
    set_up(own, "CREATE TABLE r (a, b, c, d, e, f, g)");
    size_t statement = prepare(own, "INSERT INTO r VALUES ($1, $2, $3, $4, $5, $6, $7)", 7);
    const stele_sql_value values[] = {
        {.kind = STELE_SQL_NULL},
        {.kind = STELE_SQL_BOOLEAN, .as.integer = 1},
        {.kind = STELE_SQL_INTEGER, .as.integer = INT64_MIN},
        {.kind = STELE_SQL_REAL, .as.real = INFINITY},
        {.kind = STELE_SQL_TEXT, .as.bytes = stele_text("caf\xc3\xa9")},
        {.kind = STELE_SQL_TEXT, .as.bytes = {NULL, 0}},
        {.kind = STELE_SQL_BYTES, .as.bytes = stele_bytes_of("a\0b", 3)}};

    begin_first(own);
    assert_int_equal(stele_sql_store_execute(own->store, statement, values, 7, NULL), STELE_OK);
    assert_int_equal(stele_sql_store_commit(own->store, NULL), STELE_OK);

    STELE_AUTO(char)
    types = ask(own->path, "SELECT typeof(a) || ' ' || typeof(b) || ' ' || typeof(c) || ' ' || "
                           "typeof(d) || ' ' || typeof(e) || ' ' || typeof(f) || ' ' || "
                           "typeof(g) || ' ' || length(g) || ' ' || e || c FROM r");
    assert_string_equal(types, "null integer integer real text text blob 3 "
                               "caf\xc3\xa9-9223372036854775808");
}

static void a_mistake_is_found_where_it_is(void **state)
{
    scene *own = *state;
    static const struct {
        const char *text;
        size_t at;
        const char *says;
    } cases[] = {
        {"INSERT INTO nowhere VALUES (1)", 0, "no such table: nowhere"},
        {"INSERT INTO r VALEUS (1)", 14, "syntax error"},
        {"INSERT INTO r (a, z)\nVALUES (1, 2)", 0, "no column named z"},
        {"INSERT INTO r VALUES ($a)", 0, "the parameter $a is none"},
        {"INSERT INTO r VALUES (?)", 0, "the parameter ? is none"},
        {"COMMIT", 0, "may not begin or end transactions"},
        {"PRAGMA journal_mode = DELETE", 0, "may not begin or end transactions"},
        {"ATTACH 'x' AS y", 0, "may not begin or end transactions"},
        {"UPDATE stele_positions SET next = 0", 0, "Stele's own tables"},
        {"DELETE FROM Stele_Projections", 0, "Stele's own tables"},
        {"CREATE TRIGGER t BEFORE UPDATE ON stele_positions BEGIN SELECT RAISE(IGNORE); END", 0,
         "Stele's own tables"},
        {"CREATE TEMP TABLE stele_positions (x)", 0, "Stele's own tables"},
        {"SELECT 1; SELECT 2", 0, "not one statement"},
    };
    set_up(own, "CREATE TABLE r (a)");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_error err = {0};
        size_t statement, at = 0; /* where it is not told */
        const stele_sql_query query = {.text = cases[i].text};
        assert_int_equal(stele_sql_store_prepare(own->store, &query, &statement, &at, &err),
                         STELE_E_INVALID);
        assert_int_equal(err.next, STELE_NEXT_STOP);
        if (strstr(err.text, cases[i].says) == NULL) fail_msg("%s: %s", cases[i].text, err.text);
        assert_int_equal(at, cases[i].at);
    }
}

static void a_mistake_in_a_setup_undoes_all_of_it(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    size_t at = 0;
    stele_sql_setup setup = {"sums", 1, "CREATE TABLE a (x);\n\nCREATE TABLE b (y z w, ;\n"};

    assert_int_equal(stele_sql_store_setup(own->store, &setup, &at, &err), STELE_E_INVALID);

    assert_in_range(at, 21, 44);
    STELE_AUTO(char)
    tables = ask(own->path, "SELECT count(*) FROM sqlite_schema WHERE name IN ('a', 'b')");
    assert_string_equal(tables, "0");
    set_up(own, "CREATE TABLE a (x);");
}

static void triggers_are_statements_of_a_setup(void **state)
{
    scene *own = *state;
    set_up(own, "CREATE TABLE r (a);\nCREATE TABLE s (a);\n"
                "CREATE TRIGGER t AFTER INSERT ON r BEGIN INSERT INTO s VALUES (1); END;\n"
                "-- the last line is a comment");
    size_t statement = prepare(own, "INSERT INTO r VALUES (1)", 0);
    begin_first(own);
    assert_int_equal(stele_sql_store_execute(own->store, statement, NULL, 0, NULL), STELE_OK);
    assert_int_equal(stele_sql_store_commit(own->store, NULL), STELE_OK);
    STELE_AUTO(char) rows = ask(own->path, "SELECT count(*) FROM s");
    assert_string_equal(rows, "1");
}

static void a_row_that_is_refused_says_why_and_is_undone(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    set_up(own, "CREATE TABLE r (a PRIMARY KEY)");
    size_t statement = prepare(own, "INSERT INTO r VALUES (1)", 0);
    begin_first(own);
    assert_int_equal(stele_sql_store_execute(own->store, statement, NULL, 0, NULL), STELE_OK);

    assert_int_equal(stele_sql_store_execute(own->store, statement, NULL, 0, &err),
                     STELE_E_INVALID);

    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_non_null(strstr(err.text, "UNIQUE constraint failed: r.a"));
    stele_sql_store_rollback(own->store);
    assert_int_equal(count_rows(own->stage.self), 0);
    begin_first(own);
    assert_int_equal(stele_sql_store_execute(own->store, statement, NULL, 0, NULL), STELE_OK);
    assert_int_equal(stele_sql_store_commit(own->store, NULL), STELE_OK);
}

static void a_file_that_is_locked_is_waited_for(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    stele_sql_claim found;
    sqlite3 *other = look(own->path);
    run_sql(other, "BEGIN IMMEDIATE");

    assert_int_equal(stele_sql_store_claim(own->store, &place, 1, "", &found, &err),
                     STELE_E_UNAVAILABLE);

    assert_int_equal(err.next, STELE_NEXT_RETRY);
    assert_non_null(strstr(err.text, "is locked by another program"));
    run_sql(other, "ROLLBACK");
    sqlite3_close(other);
    claim_place(own);
}

static void a_full_disk_is_waited_for(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    set_up(own, "CREATE TABLE r (a)");
    size_t statement = prepare(own, "INSERT INTO r VALUES (zeroblob(1000000))", 0);
    stele_sqlite_store_limit_pages(own->store, 40);
    stele_mark to = {.position = 1, .last_offset = 0};
    int64_t term = claim_place(own).term;
    assert_int_equal(stele_sql_store_begin(own->store, &place, term, -1, &to, &err), STELE_OK);

    assert_int_equal(stele_sql_store_execute(own->store, statement, NULL, 0, &err),
                     STELE_E_UNAVAILABLE);

    assert_int_equal(err.next, STELE_NEXT_RETRY);
    assert_non_null(strstr(err.text, "the disk is full"));
    stele_sql_store_rollback(own->store);
    stele_sqlite_store_limit_pages(own->store, 100000);
    assert_int_equal(stele_sql_store_begin(own->store, &place, term, -1, &to, &err), STELE_OK);
    assert_int_equal(stele_sql_store_execute(own->store, statement, NULL, 0, &err), STELE_OK);
    assert_int_equal(stele_sql_store_commit(own->store, &err), STELE_OK);
}

static void a_file_that_is_replaced_is_opened_again(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    stele_sql_claim found;
    char old[320];
    snprintf(old, sizeof old, "%s.old", own->path);
    set_up(own, "CREATE TABLE r (a)");
    claim_place(own);
    assert_int_equal(rename(own->path, old), 0);

    assert_int_equal(stele_sql_store_claim(own->store, &place, 1, "", &found, &err),
                     STELE_E_UNAVAILABLE);

    assert_int_equal(err.next, STELE_NEXT_ABORT);
    stele_sql_store_close(own->store);
    assert_int_equal(stele_sql_store_open(own->store, &err), STELE_OK);
    set_up(own, "CREATE TABLE r (a)");
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    (void)state;
    stele_error err;
    STELE_AUTO(stele_sql_store) store = stele_sqlite_store_new("/nowhere/at/all/t.db");
    assert_int_equal(stele_sql_store_open(store, &err), STELE_E_NOT_FOUND);
    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_non_null(strstr(err.text, "/nowhere/at/all/t.db"));
}

static void what_is_no_database_is_named(void **state)
{
    (void)state;
    stele_error err;
    static const char text[] = "this is a file of text, and longer than a header of a database is, "
                               "which has one hundred bytes";
    temporary file = temporary_write(text, sizeof text);
    STELE_AUTO(stele_sql_store) store = stele_sqlite_store_new(file.path);
    assert_int_equal(stele_sql_store_open(store, &err), STELE_E_INVALID);
    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_non_null(strstr(err.text, "not a database"));
    temporary_clear(&file);
}

static void a_database_in_memory_is_none(void **state)
{
    (void)state;
    stele_error err;
    STELE_AUTO(stele_sql_store) store = stele_sqlite_store_new(":memory:");
    assert_int_equal(stele_sql_store_open(store, &err), STELE_E_INVALID);
    assert_non_null(strstr(err.text, "no write-ahead log (its mode is memory)"));
}

static void urls_name_a_kind_of_database(void **state)
{
    (void)state;
    stele_error err;
    stele_sql_store *store;
    static const char *const wrong[] = {"carriers.db", "sqlite:", "mysql://localhost"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(stele_sql_store_new(stele_runtime_system(), wrong[i], &store, &err),
                         STELE_E_INVALID);
        assert_non_null(strstr(err.text, "sqlite:PATH"));
    }
    assert_int_equal(stele_sql_store_new(stele_runtime_system(), "sqlite:x.db", &store, &err),
                     STELE_OK);
    stele_sql_store_free(store);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin_scene, end_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(values_keep_their_types),
        CASE(a_mistake_is_found_where_it_is),
        CASE(a_mistake_in_a_setup_undoes_all_of_it),
        CASE(triggers_are_statements_of_a_setup),
        CASE(a_row_that_is_refused_says_why_and_is_undone),
        CASE(a_file_that_is_locked_is_waited_for),
        CASE(a_full_disk_is_waited_for),
        CASE(a_file_that_is_replaced_is_opened_again),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
        cmocka_unit_test(what_is_no_database_is_named),
        cmocka_unit_test(a_database_in_memory_is_none),
        cmocka_unit_test(urls_name_a_kind_of_database),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + sql_cases_run(begin, end);
}
