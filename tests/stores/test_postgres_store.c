/* SPDX-License-Identifier: MIT
 * The SQL port's contract in a PostgreSQL of the test's own, and what is PostgreSQL's own: types,
 * servers that die or hang, sessions that do not go on, and what a statement of a file may not do.
 */
#include "sql_cases.h"

#include <math.h>
#include <pthread.h>

#include "core/alloc.h"
#include "stores/postgres_store.h"
#include "tests/support/postgres.h"

/* A schema for each case. */
typedef struct schema {
    char name[32];
    char conninfo[320];
} schema;

static int count_rows(void *self)
{
    STELE_AUTO(char) text = postgres_ask(((schema *)self)->conninfo, "SELECT count(*) FROM r");
    return (int)strtol(text, NULL, 10);
}

static stele_sql_store *connect_to(const char *conninfo)
{
    stele_sql_store *store;
    stele_error err;
    if (stele_postgres_store_new(stele_runtime_system(), conninfo, &store, &err) < 0)
        fail_msg("%s", err.text);
    return store;
}

static stele_sql_store *connect_store(void *self)
{
    return connect_to(((schema *)self)->conninfo);
}

static sql_stage begin(void)
{
    static int number;
    char text[64];
    schema *made = stele_alloc(sizeof *made);
    snprintf(made->name, sizeof made->name, "s%d", ++number);
    snprintf(text, sizeof text, "CREATE SCHEMA %s", made->name);
    postgres_run(postgres_conninfo, text);
    snprintf(made->conninfo, sizeof made->conninfo, "%s options=-csearch_path=%s",
             postgres_conninfo, made->name);
    return (sql_stage){.self = made, .connect = connect_store, .count = count_rows};
}

static void end(void *self)
{
    char text[64];
    snprintf(text, sizeof text, "DROP SCHEMA %s CASCADE", ((schema *)self)->name);
    postgres_run(postgres_conninfo, text);
    free(self);
}

/* ---- what is PostgreSQL's own ---- */

typedef struct scene {
    sql_stage stage;
    const char *conninfo;
    stele_sql_store *store;
    int64_t term;
    int64_t at;
} scene;

static void open_store(stele_sql_store *store)
{
    stele_error err;
    if (stele_sql_store_open(store, &err) < 0) fail_msg("%s", err.text);
}

static int begin_scene(void **state)
{
    scene *own = stele_alloc(sizeof *own);
    own->stage = begin();
    own->conninfo = ((schema *)own->stage.self)->conninfo;
    own->store = connect_store(own->stage.self);
    open_store(own->store);
    own->at = -1;
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

static size_t prepare(stele_sql_store *store, const char *text, const stele_sql_type *types,
                      size_t parameters)
{
    stele_error err;
    size_t statement = 0, at = 0;
    const stele_sql_query query = {text, types, parameters, strstr(text, "unnest") != NULL};
    if (stele_sql_store_prepare(store, &query, &statement, &at, &err) < 0) fail_msg("%s", err.text);
    return statement;
}

static const stele_sql_place place = {"sums.v1", {"account.events", 0}};

static stele_sql_claim claim_place(stele_sql_store *store)
{
    stele_sql_claim found;
    stele_error err;
    if (stele_sql_store_claim(store, &place, 1, "", &found, &err) < 0) fail_msg("%s", err.text);
    return found;
}

static void begin_next(scene *own)
{
    stele_error err;
    if (own->term == 0) {
        stele_sql_claim found = claim_place(own->store);
        own->term = found.term;
        own->at = found.mark.position;
    }
    stele_mark to = {.position = own->at + 1, .last_offset = own->at};
    if (stele_sql_store_begin(own->store, &place, own->term, own->at, &to, &err) < 0)
        fail_msg("%s", err.text);
}

static void commit(scene *own)
{
    stele_error err;
    if (stele_sql_store_commit(own->store, &err) < 0) fail_msg("%s", err.text);
    own->at++;
}

static const stele_sql_type one_long[] = {STELE_SQL_TYPE_LONG};

static stele_status insert(scene *own, size_t statement, int64_t number, stele_error *err)
{
    stele_sql_value value = {.kind = STELE_SQL_INTEGER, .as.integer = number};
    return stele_sql_store_execute(own->store, statement, &value, 1, err);
}

#define AS_TEXT(words)                                                                             \
    {                                                                                              \
        .kind = STELE_SQL_TEXT, .as.bytes = stele_text(words)                                      \
    }

static void values_are_of_the_tables_types(void **state)
{
    scene *own = *state;
    static const stele_sql_type types[] = {
        STELE_SQL_TYPE_BOOLEAN,  STELE_SQL_TYPE_INT,       STELE_SQL_TYPE_LONG,
        STELE_SQL_TYPE_DOUBLE,   STELE_SQL_TYPE_TEXT,      STELE_SQL_TYPE_BYTES,
        STELE_SQL_TYPE_DECIMAL,  STELE_SQL_TYPE_UUID,      STELE_SQL_TYPE_DATE,
        STELE_SQL_TYPE_TIME,     STELE_SQL_TYPE_TIMESTAMP, STELE_SQL_TYPE_LOCAL_TIMESTAMP,
        STELE_SQL_TYPE_DURATION, STELE_SQL_TYPE_JSON,      STELE_SQL_TYPE_FLOAT,
        STELE_SQL_TYPE_ANY,      STELE_SQL_TYPE_ANY,       STELE_SQL_TYPE_DOUBLE};
    const stele_sql_value values[] = {
        {.kind = STELE_SQL_BOOLEAN, .as.integer = 1},
        {.kind = STELE_SQL_INTEGER, .as.integer = -7},
        {.kind = STELE_SQL_INTEGER, .as.integer = INT64_MIN},
        {.kind = STELE_SQL_REAL, .as.real = -INFINITY},
        AS_TEXT("caf\xc3\xa9"),
        {.kind = STELE_SQL_BYTES, .as.bytes = stele_bytes_of("a\0b", 3)},
        AS_TEXT("88.60"),
        AS_TEXT("01890a5d-ac96-774b-bcce-b302099a8057"),
        AS_TEXT("2026-11-28"),
        AS_TEXT("09:30:00.123"),
        AS_TEXT("2026-11-28T09:30:00.123Z"),
        AS_TEXT("2026-11-28T09:30:00.123"),
        AS_TEXT("P1M2DT3.004S"),
        AS_TEXT("{\"b\":[1,null]}"),
        {.kind = STELE_SQL_REAL, .as.real = 0.5},
        {.kind = STELE_SQL_INTEGER, .as.integer = 12},
        {.kind = STELE_SQL_NULL},
        AS_TEXT("NaN")};
    set_up(own, "CREATE TABLE r (a boolean, b int, c bigint, d float8, e text, f bytea, g numeric,"
                " h uuid, i date, j time, k timestamptz, l timestamp, m interval, n jsonb,"
                " o float4, p numeric, q text, s float8)");
    size_t statement = prepare(own->store,
                               "INSERT INTO r VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
                               "$11, $12, $13, $14, $15, $16, $17, $18)",
                               types, COUNT_OF(types));

    begin_next(own);
    assert_int_equal(stele_sql_store_execute(own->store, statement, values, COUNT_OF(values), NULL),
                     STELE_OK);
    commit(own);

    STELE_AUTO(char)
    row = postgres_ask(own->conninfo, "SET timezone = 'UTC'; SELECT r::text FROM r");
    assert_string_equal(row, "(t,-7,-9223372036854775808,-Infinity,caf\xc3\xa9,\"\\\\x610062\","
                             "88.60,01890a5d-ac96-774b-bcce-b302099a8057,2026-11-28,09:30:00.123,"
                             "\"2026-11-28 09:30:00.123+00\",\"2026-11-28 09:30:00.123\","
                             "\"1 mon 2 days 00:00:03.004\",\"{\"\"b\"\": [1, null]}\",0.5,12,,"
                             "NaN)");
}

static void many_rows_go_as_one_statement(void **state)
{
    scene *own = *state;
    static const stele_sql_type types[] = {STELE_SQL_TYPE_LONG,    STELE_SQL_TYPE_TEXT,
                                           STELE_SQL_TYPE_BYTES,   STELE_SQL_TYPE_JSON,
                                           STELE_SQL_TYPE_DECIMAL, STELE_SQL_TYPE_DOUBLE,
                                           STELE_SQL_TYPE_ANY,     STELE_SQL_TYPE_BOOLEAN};
    enum { COLUMNS = COUNT_OF(types) };
    const stele_sql_value rows[][COLUMNS] = {
        {{.kind = STELE_SQL_INTEGER, .as.integer = -1},
         AS_TEXT("it's {\"a\",\\b}"),
         {.kind = STELE_SQL_BYTES, .as.bytes = stele_bytes_of("a\0\\", 3)},
         AS_TEXT("{\"k\":\"\\\"x\\\\,\"}"),
         AS_TEXT("88.60"),
         AS_TEXT("NaN"),
         {.kind = STELE_SQL_INTEGER, .as.integer = 12},
         {.kind = STELE_SQL_BOOLEAN, .as.integer = 1}},
        {{.kind = STELE_SQL_INTEGER, .as.integer = 2}, AS_TEXT("NULL")},
        {{.kind = STELE_SQL_INTEGER, .as.integer = 3}, AS_TEXT("")},
    };
    const stele_sql_value *const list[] = {rows[0], rows[1], rows[2]};
    stele_error err = {0};
    set_up(own, "CREATE TABLE r (a bigint PRIMARY KEY, b text, c bytea, d jsonb, e numeric,"
                " f float8, g text, h boolean)");
    size_t statement =
        prepare(own->store, "INSERT INTO r SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)",
                types, COLUMNS);

    begin_next(own);
    assert_int_equal(stele_sql_store_execute_many(own->store, statement, list, 3, COLUMNS, &err),
                     STELE_OK);
    commit(own);

    STELE_AUTO(char)
    row = postgres_ask(own->conninfo, "SELECT string_agg(r::text, ' ' ORDER BY a) FROM r");
    assert_string_equal(row, "(-1,\"it's {\"\"a\"\",\\\\b}\",\"\\\\x61005c\","
                             "\"{\"\"k\"\": \"\"\\\\\"\"x\\\\\\\\,\"\"}\",88.60,NaN,12,t)"
                             " (2,NULL,,,,,,) (3,\"\",,,,,,)");
    begin_next(own);
    assert_int_equal(stele_sql_store_execute_many(own->store, statement, list, 3, COLUMNS, &err),
                     STELE_OK);
    assert_int_equal(stele_sql_store_commit(own->store, &err), STELE_E_INVALID);
    assert_in_range(own->store->failed, 0, 2);
}

static void a_text_with_a_nul_byte_is_refused(void **state)
{
    scene *own = *state;
    static const stele_sql_type types[] = {STELE_SQL_TYPE_TEXT, STELE_SQL_TYPE_ANY};
    const stele_sql_value nul[] = {{.kind = STELE_SQL_TEXT, .as.bytes = stele_bytes_of("a\0b", 3)},
                                   AS_TEXT("b")};
    const stele_sql_value any_nul[] = {nul[1], nul[0]};
    stele_error err = {0};
    set_up(own, "CREATE TABLE r (a text, b varchar)");
    size_t statement = prepare(own->store, "INSERT INTO r VALUES ($1, $2)", types, 2);

    begin_next(own);
    assert_int_equal(stele_sql_store_execute(own->store, statement, any_nul, 2, &err),
                     STELE_E_INVALID);
    assert_int_equal(own->store->failed, 0);
    stele_sql_store_rollback(own->store);
    begin_next(own);
    assert_int_equal(stele_sql_store_execute(own->store, statement, nul, 2, &err), STELE_OK);
    assert_int_equal(stele_sql_store_commit(own->store, &err), STELE_E_INVALID);

    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_int_equal(own->store->failed, 0);
    assert_int_equal(count_rows(own->stage.self), 0);
}

static void a_mistake_is_found_where_it_is(void **state)
{
    scene *own = *state;
    static const struct {
        const char *text;
        size_t at;
        const char *says;
    } cases[] = {
        {"INSERT INTO nowhere VALUES (1)", 12, "relation \"nowhere\" does not exist"},
        {"INSERT INTO r VALEUS (1)", 14, "syntax error"},
        {"SELECT '\xc3\xa9\xc3\xa9', z FROM r", 15, "column \"z\" does not exist"},
        {"INSERT INTO r (a, z)\nVALUES (1, 2)", 18, "column \"z\""},
        {"COMMIT", 0, "may not begin or end transactions"},
        {"set search_path = x", 0, "may not begin or end transactions"},
        {"UPDATE stele_positions SET next = 0", 0, "Stele's own tables"},
        {"DELETE FROM public.\"stele_projections\"", 0, "Stele's own tables"},
        {"SELECT 1; SELECT 2", 0, "multiple commands"},
    };
    set_up(own, "CREATE TABLE r (a int)");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_error err = {0};
        size_t statement, at = 0;
        const stele_sql_query query = {.text = cases[i].text};
        assert_int_equal(stele_sql_store_prepare(own->store, &query, &statement, &at, &err),
                         STELE_E_INVALID);
        assert_int_equal(err.next, STELE_NEXT_STOP);
        if (strstr(err.text, cases[i].says) == NULL) fail_msg("%s: %s", cases[i].text, err.text);
        assert_int_equal(at, cases[i].at);
    }
    prepare(own->store, "INSERT INTO r VALUES ($1)", one_long, 1);
}

static void a_mistake_in_a_setup_undoes_all_of_it(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    size_t at = 0;
    stele_sql_setup setup = {"sums", 1, "CREATE TABLE a (x int);\n-- b\nCREATE TABLE b (y z);\n"};

    assert_int_equal(stele_sql_store_setup(own->store, &setup, &at, &err), STELE_E_INVALID);

    assert_int_equal(at, 47);
    assert_non_null(strstr(err.text, "type \"z\" does not exist"));
    setup.script = "CREATE TABLE a (x int);\nCOMMIT;";
    assert_int_equal(stele_sql_store_setup(own->store, &setup, &at, &err), STELE_E_INVALID);
    assert_int_equal(at, 24);
    set_up(own, "CREATE TABLE a (x int);");
}

static void functions_are_statements_of_a_setup(void **state)
{
    scene *own = *state;
    set_up(own, "CREATE TABLE r (a bigint);\nCREATE TABLE s (a bigint); /* a; /* b; */ c; */\n"
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $body$\n"
                "BEGIN INSERT INTO s VALUES (new.a); RETURN new; END $body$;\n"
                "CREATE TRIGGER t AFTER INSERT ON r FOR EACH ROW EXECUTE FUNCTION f();\n"
                "INSERT INTO s VALUES (length(E'it\\'s;'));\n"
                "-- the last line is a comment");
    size_t statement = prepare(own->store, "INSERT INTO r VALUES ($1)", one_long, 1);
    begin_next(own);
    assert_int_equal(insert(own, statement, 7, NULL), STELE_OK);
    commit(own);
    STELE_AUTO(char) rows = postgres_ask(own->conninfo, "SELECT sum(a) FROM s");
    assert_string_equal(rows, "12");
}

static void a_row_that_is_refused_is_named_among_many(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    set_up(own, "CREATE TABLE r (a bigint PRIMARY KEY)");
    size_t statement = prepare(own->store, "INSERT INTO r VALUES ($1)", one_long, 1);
    begin_next(own);
    stele_status status = STELE_OK;
    for (int i = 0; i < 1000 && status == STELE_OK; i++)
        status = insert(own, statement, i == 500 ? 499 : i, &err);
    if (status == STELE_OK)
        status = stele_sql_store_commit(own->store, &err);
    else
        stele_sql_store_rollback(own->store);

    assert_int_equal(status, STELE_E_INVALID);
    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_int_equal(own->store->failed, 500);
    assert_non_null(strstr(err.text, "violates unique constraint \"r_pkey\": Key (a)=(499)"));
    assert_int_equal(count_rows(own->stage.self), 0);
    begin_next(own);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(insert(own, statement, i, NULL), STELE_OK);
    commit(own);
    assert_int_equal(count_rows(own->stage.self), 1000);
}

static void what_is_refused_at_the_commit_is_undone(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    set_up(own, "CREATE TABLE r (a bigint UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    size_t statement = prepare(own->store, "INSERT INTO r VALUES ($1)", one_long, 1);
    begin_next(own);
    assert_int_equal(insert(own, statement, 1, NULL), STELE_OK);
    assert_int_equal(insert(own, statement, 1, NULL), STELE_OK);

    assert_int_equal(stele_sql_store_commit(own->store, &err), STELE_E_INVALID);

    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_int_equal(own->store->failed, STELE_SQL_NO_STATEMENT);
    begin_next(own);
    assert_int_equal(insert(own, statement, 1, NULL), STELE_OK);
    commit(own);
}

static void a_session_that_is_ended_commits_nothing(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    set_up(own, "CREATE TABLE r (a bigint)");
    size_t statement = prepare(own->store, "INSERT INTO r VALUES ($1)", one_long, 1);
    begin_next(own);
    assert_int_equal(insert(own, statement, 1, NULL), STELE_OK);
    postgres_run(postgres_conninfo, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                    " WHERE application_name = 'stele'");

    assert_true(stele_sql_store_commit(own->store, &err) < 0);

    assert_int_equal(err.next, STELE_NEXT_ABORT);
    stele_sql_store_close(own->store);
    open_store(own->store);
    assert_int_equal(claim_place(own->store).mark.position, -1);
    assert_int_equal(count_rows(own->stage.self), 0);
}

static void a_server_that_dies_is_waited_for(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    set_up(own, "CREATE TABLE r (a bigint)");
    size_t statement = prepare(own->store, "INSERT INTO r VALUES ($1)", one_long, 1);
    begin_next(own);
    assert_int_equal(insert(own, statement, 1, NULL), STELE_OK);
    commit(own);
    begin_next(own);
    postgres_call("kill");

    insert(own, statement, 2, &err);
    assert_true(stele_sql_store_commit(own->store, &err) < 0);
    assert_int_equal(err.next, STELE_NEXT_ABORT);
    stele_sql_store_close(own->store);
    assert_int_equal(stele_sql_store_open(own->store, &err), STELE_E_UNAVAILABLE);
    assert_int_equal(err.next, STELE_NEXT_RETRY);

    postgres_call("start");
    open_store(own->store);
    assert_int_equal(claim_place(own->store).mark.position, 0);
    assert_int_equal(count_rows(own->stage.self), 1);
}

static void a_server_that_hangs_meets_a_limit(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    stele_sql_claim found;
    claim_place(own->store);
    stele_postgres_store_set_patience(own->store, 300);
    postgres_call("pause");

    stele_status status = stele_sql_store_claim(own->store, &place, 1, "", &found, &err);

    postgres_call("resume");
    assert_int_equal(status, STELE_E_UNAVAILABLE);
    assert_int_equal(err.next, STELE_NEXT_ABORT);
    assert_non_null(strstr(err.text, "has not answered"));
    stele_sql_store_close(own->store);
    stele_postgres_store_set_patience(own->store, 20000);
    open_store(own->store);
    claim_place(own->store);
}

static void whoever_waits_is_told_of_the_end(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    stele_sql_claim found;
    postgres_call("pause");
    stele_sql_store_end(own->store);

    stele_status status = stele_sql_store_claim(own->store, &place, 1, "", &found, &err);

    postgres_call("resume");
    assert_int_equal(status, STELE_E_INTERRUPTED);
}

static void a_session_that_does_not_go_on_is_ended(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    stele_sql_claim found;
    stele_sql_store *other = connect_store(own->stage.self);
    open_store(other);
    set_up(own, "CREATE TABLE r (a bigint)");
    size_t statement = prepare(own->store, "INSERT INTO r VALUES ($1)", one_long, 1);
    begin_next(own);

    assert_int_equal(stele_sql_store_claim(other, &place, 1, "", &found, &err),
                     STELE_E_UNAVAILABLE);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    assert_non_null(strstr(err.text, "it was ended"));
    assert_true(claim_place(other).term > own->term);

    insert(own, statement, 1, NULL);
    assert_true(stele_sql_store_commit(own->store, &err) < 0);
    assert_int_equal(err.next, STELE_NEXT_ABORT);
    assert_int_equal(count_rows(own->stage.self), 0);
    stele_sql_store_free(other);
}

static void *set_up_in_thread(void *context)
{
    stele_error err;
    stele_sql_store *store = connect_to(context);
    static const stele_sql_setup setup = {"sums", 1, "CREATE TABLE r (a bigint)"};
    size_t at = 0;
    stele_status status = stele_sql_store_open(store, &err);
    if (status == STELE_OK) status = stele_sql_store_setup(store, &setup, &at, &err);
    if (status < 0) fprintf(stderr, "%s\n", err.text);
    stele_sql_store_free(store);
    return status == STELE_OK ? NULL : context;
}

static void two_workers_begin_at_once(void **state)
{
    scene *own = *state;
    enum { WORKERS = 6 };
    pthread_t threads[WORKERS];
    postgres_run(own->conninfo, "DROP TABLE stele_positions, stele_projections");
    for (int i = 0; i < WORKERS; i++)
        pthread_create(&threads[i], NULL, set_up_in_thread, (void *)own->conninfo);
    for (int i = 0; i < WORKERS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(count_rows(own->stage.self), 0);
}

static void what_cannot_be_reached_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *conninfo;
        stele_next next;
        const char *says;
    } cases[] = {
        {"dbname=nowhere", STELE_NEXT_STOP, "database \"nowhere\" does not exist; createdb"},
        {"user=nobody", STELE_NEXT_STOP, "role \"nobody\" does not exist"},
        {"port=1", STELE_NEXT_RETRY, "Connection refused"},
        {"sslmode=require", STELE_NEXT_RETRY, "SSL"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char conninfo[400];
        stele_error err = {0};
        snprintf(conninfo, sizeof conninfo, "%s %s password=hidden", postgres_conninfo,
                 cases[i].conninfo);
        STELE_AUTO(stele_sql_store) store = connect_to(conninfo);
        assert_true(stele_sql_store_open(store, &err) < 0);
        if (strstr(err.text, cases[i].says) == NULL) fail_msg("%s", err.text);
        assert_int_equal(err.next, cases[i].next);
        assert_null(strstr(err.text, "hidden"));
    }
}

static void a_password_is_never_shown(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *shown;
    } cases[] = {
        {"postgres:host=db password=hidden dbname=shop", "postgres:dbname=shop host=db"},
        {"postgres://ann:hidden@db:5433/shop?sslmode=require",
         "postgres:user=ann dbname=shop host=db port=5433"},
        {"postgresql://ann:hidden@db/shop", "postgres:user=ann dbname=shop host=db"},
        {"postgres:", "postgres:"},
        {"sqlite:a.db", "sqlite:a.db"},
    };
    static const char *const wrong[] = {"postgres:hidden", "postgres://ann:hid%zzden@db",
                                        "postgres:pasword=hidden", "hidden:hidden@db",
                                        "host=db password=hidden dbname=shop"};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO(char) shown = stele_sql_url_shown(cases[i].url);
        assert_string_equal(shown, cases[i].shown);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        stele_sql_store *store;
        stele_error err = {0};
        assert_int_equal(stele_sql_store_new(stele_runtime_system(), wrong[i], &store, &err),
                         STELE_E_INVALID);
        assert_null(strstr(err.text, "hid"));
        const char *says = i < 3 ? "no connection string" : "it names no database";
        assert_non_null(strstr(err.text, says));
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin_scene, end_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(values_are_of_the_tables_types),
        CASE(many_rows_go_as_one_statement),
        CASE(a_text_with_a_nul_byte_is_refused),
        CASE(a_mistake_is_found_where_it_is),
        CASE(a_mistake_in_a_setup_undoes_all_of_it),
        CASE(functions_are_statements_of_a_setup),
        CASE(a_row_that_is_refused_is_named_among_many),
        CASE(what_is_refused_at_the_commit_is_undone),
        CASE(a_session_that_is_ended_commits_nothing),
        CASE(a_server_that_dies_is_waited_for),
        CASE(a_server_that_hangs_meets_a_limit),
        CASE(whoever_waits_is_told_of_the_end),
        CASE(a_session_that_does_not_go_on_is_ended),
        CASE(two_workers_begin_at_once),
        cmocka_unit_test(what_cannot_be_reached_is_named),
        cmocka_unit_test(a_password_is_never_shown),
    };
    postgres_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + sql_cases_run(begin, end);
}
