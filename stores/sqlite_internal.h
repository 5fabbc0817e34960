/* SPDX-License-Identifier: MIT
 * What the files of SQLite's store share. */
#ifndef STELE_STORES_SQLITE_INTERNAL_H
#define STELE_STORES_SQLITE_INTERNAL_H

#include <sqlite3.h>

#include "stores/sqlite_store.h"

/* Statements of the store's own, prepared when it is opened. */
typedef enum sqlite_own {
    SQLITE_OWN_BEGIN = 0,
    SQLITE_OWN_COMMIT,
    SQLITE_OWN_ROLLBACK,
    SQLITE_OWN_MOVE,
    SQLITE_OWN_CLAIM,
    SQLITE_OWN_WHERE,
    SQLITE_OWN_ADD,
    SQLITE_OWN_COUNT,
    SQLITE_OWN_KEEP,
    SQLITE_OWN_REMOVE,
    SQLITE_OWN_LETTERS,
    SQLITE_OWN_PLACES,
    SQLITE_OWN_STATEMENTS
} sqlite_own;

typedef struct sqlite_store {
    stele_sql_store base;
    char *path;
    sqlite3 *db; /* NULL: not open */
    sqlite3_stmt *own[SQLITE_OWN_STATEMENTS];
    sqlite3_stmt **statements;
    size_t statement_count;
    bool was_open;
    bool is_foreign; /* what is prepared or run now comes from the user */
} sqlite_store;

/* ---- sqlite_store.c ---- */

/* What SQLite's last failure means. */
stele_status sqlite_fail(const sqlite_store *self, stele_error *err);
stele_status sqlite_run(sqlite_store *self, sqlite3_stmt *statement, stele_error *err);
/* A statement of a file; SQLite may prepare it again, when tables have changed. */
stele_status sqlite_run_foreign(sqlite_store *self, sqlite3_stmt *statement, stele_error *err);
stele_status sqlite_begin_own(sqlite_store *self, stele_error *err);
/* A transaction that could not be committed is undone, so that it may be made again. */
stele_status sqlite_commit(stele_sql_store *base, stele_error *err);
/* @return `status`, after what was begun is undone */
stele_status sqlite_undo(sqlite_store *self, stele_status status);
void sqlite_roll_back(stele_sql_store *base);
void sqlite_bind_place(sqlite3_stmt *statement, int first, const stele_sql_place *place);

/* ---- sqlite_letters.c: what the port has ---- */
stele_status sqlite_keep(stele_sql_store *base, const stele_sql_place *place,
                         const stele_sql_letter *letter, stele_error *err);
stele_status sqlite_letters(stele_sql_store *base, const stele_sql_place *place,
                            stele_sql_each_letter *each, void *context, stele_error *err);
stele_status sqlite_places(stele_sql_store *base, stele_sql_each_place *each, void *context,
                           stele_error *err);

/* ---- sqlite_script.c: what the port has ---- */
stele_status sqlite_set_up(stele_sql_store *base, const stele_sql_setup *setup, size_t *at,
                           stele_error *err);
stele_status sqlite_reset(stele_sql_store *base, const stele_sql_reset *reset, size_t *at,
                          stele_error *err);
stele_status sqlite_tear_down(stele_sql_store *base, const stele_sql_setup *teardown, size_t *at,
                              stele_error *err);
stele_status sqlite_prepare(stele_sql_store *base, const stele_sql_query *query, size_t *statement,
                            size_t *at, stele_error *err);

#endif
