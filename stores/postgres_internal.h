/* SPDX-License-Identifier: MIT
 * What the files of PostgreSQL's store share. */
#ifndef STELE_STORES_POSTGRES_INTERNAL_H
#define STELE_STORES_POSTGRES_INTERNAL_H

#include "stores/postgres_error.h"
#include "stores/postgres_link.h"
#include "stores/postgres_store.h"
#include "stores/postgres_value.h"

/* Statements on the store's own tables, prepared when it is opened. */
typedef enum postgres_own {
    POSTGRES_MOVE = 0,
    POSTGRES_CLAIM,
    POSTGRES_ADD,
    POSTGRES_COUNT,
    POSTGRES_EVICT,
    POSTGRES_FIND,
    POSTGRES_REMEMBER,
    POSTGRES_FORGET,
    POSTGRES_FORGET_POSITIONS,
    POSTGRES_FORGET_LETTERS,
    POSTGRES_KEEP,
    POSTGRES_REMOVE,
    POSTGRES_LETTERS,
    POSTGRES_PLACES,
    POSTGRES_BEGIN_AGAIN,
    POSTGRES_GO_BACK,
    POSTGRES_STATEMENTS
} postgres_own;

/* Within a transaction: two workers may come at once. */
#define POSTGRES_LOCK "SELECT pg_advisory_xact_lock(8391162080336405605)"

typedef struct postgres_statement {
    char name[24];
    stele_sql_type *types;
    size_t count;
} postgres_statement;

typedef struct postgres_store {
    stele_sql_store base;
    postgres_link link;
    char *conninfo;
    char *label;
    postgres_statement *statements;
    size_t statement_count;
    postgres_parameters parameters;

    bool is_begun;
    size_t *begins; /* of the transaction's statements: their first rows */
    size_t sent, sent_max;
    size_t answered;     /* of these statements */
    stele_error failure; /* of the first that failed; STELE_OK: none has */
} postgres_store;

/* ---- postgres_transaction.c ---- */

/* Answers up to the end of what was asked. @return the first failure among them */
stele_status postgres_take_rest(postgres_store *self, stele_error *err);
/* The end of what was asked, and its answers. @return the first failure among them */
stele_status postgres_sync_all(postgres_store *self, stele_error *err);
/* The answer of what was asked last, before the end of what belongs together. What was asked before
 * it has gone well then. @param out  caller owns: PQclear */
stele_status postgres_take_last(postgres_store *self, PGresult **out, stele_error *err);
/* Parameters are texts, whose types the server knows from the tables. */
stele_status postgres_send_own(postgres_store *self, postgres_own which, int count,
                               const char *const *values, stele_error *err);
stele_status postgres_ask_own(postgres_store *self, postgres_own which, int count,
                              const char *const *values, PGresult **out, stele_error *err);
/* @return `status`, after what was begun is undone */
stele_status postgres_undo(postgres_store *self, stele_status status);
/* Begin a transaction; what becomes of it is told with the next answer. */
stele_status postgres_begin_own(postgres_store *self, stele_error *err);
stele_status postgres_commit_own(postgres_store *self, stele_error *err);
stele_status postgres_prepare_own(postgres_store *self, stele_error *err);

/* What the port has. */
stele_status postgres_claim(stele_sql_store *base, const stele_sql_place *place, int32_t partitions,
                            const char *genesis, stele_sql_claim *out, stele_error *err);
stele_status postgres_begin(stele_sql_store *base, const stele_sql_place *place, int64_t term,
                            int64_t from, const stele_mark *to, stele_error *err);
stele_status postgres_execute(stele_sql_store *base, size_t statement,
                              const stele_sql_value *values, size_t count, stele_error *err);
stele_status postgres_commit(stele_sql_store *base, stele_error *err);
stele_status postgres_execute_many(stele_sql_store *base, size_t statement,
                                   const stele_sql_value *const *rows, size_t row_count,
                                   size_t count, stele_error *err);
void postgres_roll_back(stele_sql_store *base);
stele_status postgres_read(stele_sql_store *base, size_t statement, const stele_sql_value *values,
                           size_t count, stele_sql_each *each, void *context, stele_error *err);

/* A statement of the transaction goes out. @param row  the first of those that it is about; or
 * STELE_SQL_NO_STATEMENT */
void postgres_count_statement(postgres_store *self, size_t row);

/* ---- postgres_letters.c: likewise ---- */
stele_status postgres_keep(stele_sql_store *base, const stele_sql_place *place,
                           const stele_sql_letter *letter, stele_error *err);
stele_status postgres_letters(stele_sql_store *base, const stele_sql_place *place,
                              stele_sql_each_letter *each, void *context, stele_error *err);
stele_status postgres_places(stele_sql_store *base, stele_sql_each_place *each, void *context,
                             stele_error *err);

/* ---- postgres_script.c: likewise ---- */
stele_status postgres_set_up(stele_sql_store *base, const stele_sql_setup *setup, size_t *at,
                             stele_error *err);
stele_status postgres_reset(stele_sql_store *base, const stele_sql_reset *reset, size_t *at,
                            stele_error *err);
stele_status postgres_tear_down(stele_sql_store *base, const stele_sql_setup *teardown, size_t *at,
                                stele_error *err);
stele_status postgres_prepare(stele_sql_store *base, const stele_sql_query *query,
                              size_t *statement, size_t *at, stele_error *err);

#endif
