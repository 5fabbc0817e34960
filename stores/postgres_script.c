/* SPDX-License-Identifier: MIT
 * Scripts and statements of a SQL file in PostgreSQL: run and prepared, with the place of what is
 * wrong. */
#include "stores/postgres_internal.h"

#include <inttypes.h>
#include <strings.h>

#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"

/* ---- scripts and statements ---- */

/* The bytes of the first `characters` of a text in UTF-8. */
static size_t bytes_of(stele_bytes text, long characters)
{
    size_t at = 0;
    while (characters-- > 0 && at < text.size) {
        size_t size = stele_utf8_size(text, at);
        at += size == 0 ? 1 : size;
    }
    return at;
}

/* @param begin  where in a longer text the statement begins */
static void find_mistake(const PGresult *result, stele_bytes statement, size_t begin, size_t *at)
{
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    long characters = position == NULL ? 0 : strtol(position, NULL, 10) - 1;
    *at = begin + bytes_of(statement, characters);
}

static bool is_own_table(const char *text)
{
    static const char *const names[] = {"stele_positions", "stele_projections", "stele_letters"};
    for (; *text != '\0'; text++)
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            if (strncasecmp(text, names[i], strlen(names[i])) == 0) return true;
    return false;
}

/* What a statement of a SQL file may not do: end the transaction that its rows are in, speak
 * another protocol, or change what holds for all that follow. */
static bool is_forbidden(const char *statement)
{
    static const char *const words[] = {
        "ABORT",    "BEGIN",     "CHECKPOINT", "COMMIT",  "COPY",    "DEALLOCATE",
        "DISCARD",  "END",       "LISTEN",     "PREPARE", "RELEASE", "RESET",
        "ROLLBACK", "SAVEPOINT", "SET",        "START",   "UNLISTEN"};
    size_t size = strspn(statement, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i]) == size && strncasecmp(statement, words[i], size) == 0) return true;
    return is_own_table(statement);
}

/* @param begin  where in the script it begins, for `at` */
static stele_status run_one(postgres_store *self, stele_bytes text, size_t begin, size_t *at,
                            stele_error *err)
{
    STELE_AUTO(char) statement = stele_strndup((const char *)text.data, text.size);
    if (is_forbidden(statement)) {
        *at = begin;
        return stele_sql_fail_forbidden(err);
    }
    PGresult *result = NULL;
    stele_status status = postgres_send(&self->link, statement, err);
    if (status == STELE_OK) status = postgres_send_flush(&self->link, err);
    if (status == STELE_OK) status = postgres_take(&self->link, true, &result, err);
    if (status < 0) return status;
    if (postgres_is_failure(result)) {
        stele_error why;
        status = postgres_fail_result(self->label, result, &why);
        if (why.next == STELE_NEXT_STOP) find_mistake(result, text, begin, at);
        if (err != NULL) *err = why;
    }
    PQclear(result);
    return status;
}

static stele_status run_script(postgres_store *self, const char *script, size_t *at,
                               stele_error *err)
{
    stele_bytes text = stele_text(script);
    stele_status status = STELE_OK;
    size_t begin = 0;
    while (status == STELE_OK &&
           (begin = stele_sql_skip_blanks(text, begin, STELE_SQL_POSTGRES)) < text.size) {
        stele_sql_lexer l = {text, begin, STELE_SQL_POSTGRES};
        stele_sql_token kind;
        size_t end;
        while (stele_sql_lexer_next(&l, &kind, &end) && kind != STELE_SQL_TOKEN_END &&
               kind != STELE_SQL_TOKEN_SEMICOLON)
            continue;
        if (kind != STELE_SQL_TOKEN_SEMICOLON) end = text.size;
        status = run_one(self, stele_bytes_of(script + begin, end - begin), begin, at, err);
        begin = end;
    }
    return status;
}

/* @param version  0: the projection is not there */
static stele_status find_projection(postgres_store *self, const char *projection, int *version,
                                    int64_t *setup, stele_error *err)
{
    PGresult *result = NULL;
    stele_status status = postgres_ask_own(self, POSTGRES_FIND, 1, &projection, &result, err);
    if (status < 0) return status;
    bool is_there = PQntuples(result) == 1;
    *version = is_there ? (int)strtol(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    *setup = is_there ? strtoll(PQgetvalue(result, 0, 1), NULL, 10) : 0;
    PQclear(result);
    return STELE_OK;
}

/* Begin a transaction that no other setup is beside, and find the projection in it. */
static stele_status begin_with(postgres_store *self, const char *projection, int *version,
                               int64_t *setup, stele_error *err)
{
    stele_status status = postgres_begin_own(self, err);
    if (status == STELE_OK) status = postgres_send(&self->link, POSTGRES_LOCK, err);
    if (status == STELE_OK) status = find_projection(self, projection, version, setup, err);
    return status < 0 ? postgres_undo(self, status) : STELE_OK;
}

static stele_status remember(postgres_store *self, const stele_sql_setup *setup, int64_t hash,
                             stele_error *err)
{
    char version[16], number[24];
    snprintf(version, sizeof version, "%d", setup->version);
    snprintf(number, sizeof number, "%" PRId64, hash);
    const char *const values[] = {setup->projection, version, number};
    return postgres_send_own(self, POSTGRES_REMEMBER, 3, values, err);
}

stele_status postgres_set_up(stele_sql_store *base, const stele_sql_setup *setup, size_t *at,
                             stele_error *err)
{
    postgres_store *self = (postgres_store *)base;
    int64_t there, hash = stele_sql_script_hash(stele_text(setup->script), STELE_SQL_POSTGRES);
    int version;
    stele_status status = begin_with(self, setup->projection, &version, &there, err);
    if (status < 0) return status;
    if (version != 0) {
        postgres_roll_back(base);
        if (version == setup->version && there == hash) return STELE_OK;
        return stele_sql_fail_setup(err, self->label, setup, version);
    }
    status = run_script(self, setup->script, at, err);
    if (status == STELE_OK) status = remember(self, setup, hash, err);
    return status < 0 ? postgres_undo(self, status) : postgres_commit_own(self, err);
}

stele_status postgres_tear_down(stele_sql_store *base, const stele_sql_setup *teardown, size_t *at,
                                stele_error *err)
{
    postgres_store *self = (postgres_store *)base;
    int version;
    int64_t hash;
    stele_status status = begin_with(self, teardown->projection, &version, &hash, err);
    if (status < 0) return status;
    if (version == 0) return postgres_undo(self, STELE_OK);
    STELE_AUTO(char) group = stele_projection_group(teardown->projection, version);
    status = run_script(self, teardown->script, at, err);
    if (status == STELE_OK)
        status = postgres_send_own(self, POSTGRES_FORGET, 1, &teardown->projection, err);
    if (status == STELE_OK)
        status =
            postgres_send_own(self, POSTGRES_FORGET_POSITIONS, 1, (const char *const *)&group, err);
    if (status == STELE_OK)
        status =
            postgres_send_own(self, POSTGRES_FORGET_LETTERS, 1, (const char *const *)&group, err);
    return status < 0 ? postgres_undo(self, status) : postgres_commit_own(self, err);
}

/* Positions first, as workers do: two who wait for each other would be a deadlock. */
static stele_status begin_again(postgres_store *self, const stele_sql_reset *reset, int64_t hash,
                                size_t *at, stele_error *err)
{
    size_t ignored = 0;
    stele_status status = postgres_send_own(self, POSTGRES_BEGIN_AGAIN, 1, &reset->group, err);
    if (status == STELE_OK)
        status = postgres_send_own(self, POSTGRES_FORGET_LETTERS, 1, &reset->group, err);
    if (status == STELE_OK) status = run_script(self, reset->teardown, at, err);
    if (status == STELE_OK)
        status = postgres_send_own(self, POSTGRES_FORGET, 1, &reset->setup.projection, err);
    if (status == STELE_OK) status = run_script(self, reset->setup.script, &ignored, err);
    return status < 0 ? status : remember(self, &reset->setup, hash, err);
}

static stele_status go_back(postgres_store *self, const stele_sql_reset *reset, size_t index,
                            stele_error *err)
{
    const stele_sql_return *to = &reset->returns[index];
    char part[16], position[24];
    snprintf(part, sizeof part, "%d", (int)to->source.index);
    snprintf(position, sizeof position, "%" PRId64, to->position);
    const char *const values[] = {reset->group, to->source.topic, part, position};
    return postgres_send_own(self, POSTGRES_GO_BACK, 4, values, err);
}

stele_status postgres_reset(stele_sql_store *base, const stele_sql_reset *reset, size_t *at,
                            stele_error *err)
{
    postgres_store *self = (postgres_store *)base;
    const stele_sql_setup *setup = &reset->setup;
    int64_t there, hash = stele_sql_script_hash(stele_text(setup->script), STELE_SQL_POSTGRES);
    int version;
    stele_status status = begin_with(self, setup->projection, &version, &there, err);
    if (status < 0) return status;
    if (version == 0) return postgres_undo(self, STELE_OK);
    if (version != setup->version || (reset->teardown == NULL && there != hash)) {
        postgres_roll_back(base);
        return stele_sql_fail_setup(err, self->label, setup, version);
    }
    if (reset->teardown != NULL) status = begin_again(self, reset, hash, at, err);
    for (size_t i = 0; reset->teardown == NULL && status == STELE_OK && i < reset->return_count;
         i++)
        status = go_back(self, reset, i, err);
    return status < 0 ? postgres_undo(self, status) : postgres_commit_own(self, err);
}

static stele_status send_prepare(postgres_store *self, const char *name,
                                 const stele_sql_query *query, stele_error *err)
{
    Oid *oids = stele_alloc_array(query->parameters + 1, sizeof *oids);
    for (size_t i = 0; i < query->parameters; i++)
        oids[i] = query->takes_arrays ? postgres_array_type(query->types[i])
                                      : postgres_type(query->types[i]);
    stele_status status =
        postgres_send_prepare(&self->link, name, query->text, (int)query->parameters, oids, err);
    free(oids);
    return status < 0 ? status : postgres_send_sync(&self->link, err);
}

static void keep_statement(postgres_store *self, const char *name, const stele_sql_query *query)
{
    self->statements =
        stele_realloc_array(self->statements, self->statement_count + 1, sizeof *self->statements);
    postgres_statement *made = &self->statements[self->statement_count++];
    *made =
        (postgres_statement){.types = stele_alloc_array(query->parameters + 1, sizeof *made->types),
                             .count = query->parameters};
    snprintf(made->name, sizeof made->name, "%s", name);
    for (size_t i = 0; i < query->parameters; i++)
        made->types[i] = query->types[i];
}

stele_status postgres_prepare(stele_sql_store *base, const stele_sql_query *query,
                              size_t *statement, size_t *at, stele_error *err)
{
    postgres_store *self = (postgres_store *)base;
    if (is_forbidden(query->text)) {
        *at = 0;
        return stele_sql_fail_forbidden(err);
    }
    PGresult *result = NULL;
    char name[24];
    snprintf(name, sizeof name, "s%zu", self->statement_count);
    stele_status status = send_prepare(self, name, query, err);
    if (status == STELE_OK) status = postgres_take(&self->link, true, &result, err);
    if (status < 0) return status;
    if (postgres_is_failure(result)) {
        status = postgres_fail_result(self->label, result, err);
        find_mistake(result, stele_text(query->text), 0, at);
    }
    PQclear(result);
    stele_error ignored;
    stele_status end = postgres_take_rest(self, status == STELE_OK ? err : &ignored);
    if (status == STELE_OK) status = end;
    if (status < 0) return status;
    *statement = self->statement_count;
    keep_statement(self, name, query);
    return STELE_OK;
}
