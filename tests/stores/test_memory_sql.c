/* SPDX-License-Identifier: MIT
 * The SQL port's contract in memory, and how that fails. */
#include "sql_cases.h"

#include "stores/memory_sql.h"

static stele_sql_store *connect_store(void *self)
{
    return stele_memory_sql_new(self);
}

static int count_rows(void *self)
{
    return (int)stele_memory_database_count(self);
}

static sql_stage begin(void)
{
    return (sql_stage){.self = stele_memory_database_new(stele_runtime_system()),
                       .connect = connect_store,
                       .count = count_rows};
}

static void end(void *self)
{
    stele_memory_database_free(self);
}

/* ---- what only this one can show at once ---- */

static const stele_sql_place place = {"sums.v1", {"account.events", 0}};

/* A transaction whose commit fails so. @return the commit's failure */
static stele_error fail_commit(stele_memory_database *database, stele_memory_fault fault)
{
    STELE_AUTO(stele_sql_store) store = stele_memory_sql_new(database);
    stele_sql_claim found;
    stele_error err = {0};
    stele_mark to = {.position = 1, .last_offset = 0};
    size_t statement, at;
    assert_int_equal(stele_sql_store_open(store, NULL), STELE_OK);
    assert_int_equal(
        stele_sql_store_prepare(store, &(stele_sql_query){.text = "x"}, &statement, &at, NULL),
        STELE_OK);
    assert_int_equal(stele_sql_store_claim(store, &place, 1, "", &found, NULL), STELE_OK);
    assert_int_equal(
        stele_sql_store_begin(store, &place, found.term, found.mark.position, &to, NULL), STELE_OK);
    assert_int_equal(stele_sql_store_execute(store, statement, NULL, 0, NULL), STELE_OK);
    stele_memory_database_fail(database, 1, fault);
    assert_true(stele_sql_store_commit(store, &err) < 0);
    return err;
}

static void a_fault_says_whether_something_was_committed(void **state)
{
    (void)state;
    static const struct {
        stele_memory_fault fault;
        stele_next next;
        size_t rows;
    } cases[] = {{STELE_MEMORY_SQL_REFUSED, STELE_NEXT_RETRY, 0},
                 {STELE_MEMORY_SQL_LOST_BEFORE, STELE_NEXT_ABORT, 0},
                 {STELE_MEMORY_SQL_LOST_AFTER, STELE_NEXT_ABORT, 1}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO(stele_memory_database)
        database = stele_memory_database_new(stele_runtime_system());

        stele_error err = fail_commit(database, cases[i].fault);

        assert_int_equal(err.next, cases[i].next);
        assert_int_equal(stele_memory_database_count(database), cases[i].rows);
    }
}

static void a_database_that_is_away_refuses_every_call(void **state)
{
    (void)state;
    STELE_AUTO(stele_memory_database) database = stele_memory_database_new(stele_runtime_system());
    STELE_AUTO(stele_sql_store) store = stele_memory_sql_new(database);
    stele_error err;
    stele_memory_database_set_away(database, true);
    assert_int_equal(stele_sql_store_open(store, &err), STELE_E_UNAVAILABLE);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    stele_memory_database_set_away(database, false);
    assert_int_equal(stele_sql_store_open(store, &err), STELE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_says_whether_something_was_committed),
        cmocka_unit_test(a_database_that_is_away_refuses_every_call),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + sql_cases_run(begin, end);
}
