/* SPDX-License-Identifier: MIT
 * Scripts and statements of a SQL file in SQLite: run and prepared, with the place of what is
 * wrong.
 */
#include "stores/sqlite_internal.h"

#include <string.h>

#include "core/alloc.h"

/* Where in `text` SQLite found what it complains of, if it says so; else where the statement
 * begins. */
static size_t find_mistake(const sqlite_store *self, const char *text, const char *statement)
{
    int offset = sqlite3_error_offset(self->db);
    if (offset < 0) offset = (int)strspn(statement, " \t\r\n");
    return (size_t)(statement - text) + (size_t)offset;
}

static stele_status explain(const sqlite_store *self, stele_error *err)
{
    if ((sqlite3_errcode(self->db) & 0xff) == SQLITE_AUTH) return stele_sql_fail_forbidden(err);
    return sqlite_fail(self, err);
}

static stele_status compile(sqlite_store *self, const char *text, const char *statement,
                            sqlite3_stmt **out, const char **rest, size_t *at, stele_error *err)
{
    self->is_foreign = true;
    int code = sqlite3_prepare_v3(self->db, statement, -1, SQLITE_PREPARE_PERSISTENT, out, rest);
    self->is_foreign = false;
    if (code == SQLITE_OK) return STELE_OK;
    *at = find_mistake(self, text, statement);
    return explain(self, err);
}

static stele_status run_script(sqlite_store *self, const char *script, size_t *at, stele_error *err)
{
    const char *rest = script;
    while (*rest != '\0') {
        sqlite3_stmt *statement = NULL;
        const char *begin = rest;
        stele_status status = compile(self, script, begin, &statement, &rest, at, err);
        if (status == STELE_OK && statement != NULL &&
            (status = sqlite_run_foreign(self, statement, err)) < 0 && err != NULL &&
            err->next == STELE_NEXT_STOP)
            *at = find_mistake(self, script, begin);
        sqlite3_finalize(statement);
        if (status < 0) return status;
    }
    return STELE_OK;
}

/* @param version  0: the projection is not there */
static stele_status find_projection(sqlite_store *self, const char *projection, int *version,
                                    int64_t *setup, stele_error *err)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(
            self->db, "SELECT version, setup FROM main.stele_projections WHERE projection = ?1", -1,
            &statement, NULL) != SQLITE_OK)
        return sqlite_fail(self, err);
    sqlite3_bind_text(statement, 1, projection, -1, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    *version = code == SQLITE_ROW ? sqlite3_column_int(statement, 0) : 0;
    *setup = code == SQLITE_ROW ? sqlite3_column_int64(statement, 1) : 0;
    stele_status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? STELE_OK : sqlite_fail(self, err);
    sqlite3_finalize(statement);
    return status;
}

static int64_t hash_of(const stele_sql_setup *setup)
{
    return stele_sql_script_hash(stele_text(setup->script), STELE_SQL_SQLITE);
}

static stele_status run_with(sqlite_store *self, const char *text, const stele_sql_setup *of,
                             stele_error *err)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(self->db, text, -1, &statement, NULL) != SQLITE_OK)
        return sqlite_fail(self, err);
    sqlite3_bind_text(statement, 1, of->projection, -1, SQLITE_STATIC);
    if (sqlite3_bind_parameter_count(statement) > 1) {
        sqlite3_bind_int(statement, 2, of->version);
        if (sqlite3_bind_parameter_count(statement) > 2)
            sqlite3_bind_int64(statement, 3, hash_of(of));
    }
    stele_status status = sqlite_run(self, statement, err);
    sqlite3_finalize(statement);
    return status;
}

/* Begin a transaction, and find the projection in it. */
static stele_status begin_with(sqlite_store *self, const char *projection, int *version,
                               int64_t *setup, stele_error *err)
{
    stele_status status = sqlite_begin_own(self, err);
    if (status < 0) return status;
    status = find_projection(self, projection, version, setup, err);
    return status < 0 ? sqlite_undo(self, status) : STELE_OK;
}

stele_status sqlite_set_up(stele_sql_store *base, const stele_sql_setup *setup, size_t *at,
                           stele_error *err)
{
    sqlite_store *self = (sqlite_store *)base;
    int version;
    int64_t hash;
    stele_status status = begin_with(self, setup->projection, &version, &hash, err);
    if (status < 0) return status;
    if (version != 0) {
        sqlite_roll_back(base);
        if (version == setup->version && hash == hash_of(setup)) return STELE_OK;
        return stele_sql_fail_setup(err, self->path, setup, version);
    }
    status = run_script(self, setup->script, at, err);
    if (status == STELE_OK)
        status =
            run_with(self, "INSERT INTO main.stele_projections VALUES (?1, ?2, ?3)", setup, err);
    return status < 0 ? sqlite_undo(self, status) : sqlite_commit(base, err);
}

stele_status sqlite_tear_down(stele_sql_store *base, const stele_sql_setup *teardown, size_t *at,
                              stele_error *err)
{
    sqlite_store *self = (sqlite_store *)base;
    int version;
    int64_t hash;
    stele_status status = begin_with(self, teardown->projection, &version, &hash, err);
    if (status < 0) return status;
    if (version == 0) return sqlite_undo(self, STELE_OK);
    status = run_script(self, teardown->script, at, err);
    if (status == STELE_OK)
        status = run_with(self, "DELETE FROM main.stele_projections WHERE projection = ?1",
                          teardown, err);
    if (status == STELE_OK)
        status =
            run_with(self, "DELETE FROM main.stele_positions WHERE projection = ?1 || '.v' || ?2",
                     &(stele_sql_setup){teardown->projection, version, teardown->script}, err);
    if (status == STELE_OK)
        status =
            run_with(self, "DELETE FROM main.stele_letters WHERE projection = ?1 || '.v' || ?2",
                     &(stele_sql_setup){teardown->projection, version, teardown->script}, err);
    return status < 0 ? sqlite_undo(self, status) : sqlite_commit(base, err);
}

/* Terms first: they are what others wait for. */
static stele_status begin_again(sqlite_store *self, const stele_sql_reset *reset, size_t *at,
                                stele_error *err)
{
    size_t ignored = 0;
    stele_status status = run_with(self,
                                   "UPDATE main.stele_positions SET term = term + 1, next = -1,"
                                   " last_offset = -1, last_hash = 0"
                                   " WHERE projection = ?1 || '.v' || ?2",
                                   &reset->setup, err);
    if (status == STELE_OK)
        status =
            run_with(self, "DELETE FROM main.stele_letters WHERE projection = ?1 || '.v' || ?2",
                     &reset->setup, err);
    if (status == STELE_OK) status = run_script(self, reset->teardown, at, err);
    if (status == STELE_OK)
        status = run_with(self, "DELETE FROM main.stele_projections WHERE projection = ?1",
                          &reset->setup, err);
    if (status == STELE_OK) status = run_script(self, reset->setup.script, &ignored, err);
    if (status == STELE_OK)
        status = run_with(self, "INSERT INTO main.stele_projections VALUES (?1, ?2, ?3)",
                          &reset->setup, err);
    return status;
}

static stele_status go_back(sqlite_store *self, const stele_sql_reset *reset, size_t index,
                            stele_error *err)
{
    const stele_sql_return *to = &reset->returns[index];
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(self->db,
                           "UPDATE main.stele_positions SET term = term + 1, next = ?4,"
                           " last_offset = -1, last_hash = 0"
                           " WHERE projection = ?1 AND topic = ?2 AND part = ?3 AND next > ?4",
                           -1, &statement, NULL) != SQLITE_OK)
        return sqlite_fail(self, err);
    sqlite3_bind_text(statement, 1, reset->group, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, to->source.topic, -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 3, to->source.index);
    sqlite3_bind_int64(statement, 4, to->position);
    stele_status status = sqlite_run(self, statement, err);
    sqlite3_finalize(statement);
    return status;
}

stele_status sqlite_reset(stele_sql_store *base, const stele_sql_reset *reset, size_t *at,
                          stele_error *err)
{
    sqlite_store *self = (sqlite_store *)base;
    int version;
    int64_t hash;
    stele_status status = begin_with(self, reset->setup.projection, &version, &hash, err);
    if (status < 0) return status;
    if (version == 0) return sqlite_undo(self, STELE_OK);
    if (version != reset->setup.version ||
        (reset->teardown == NULL && hash != hash_of(&reset->setup))) {
        sqlite_roll_back(base);
        return stele_sql_fail_setup(err, self->path, &reset->setup, version);
    }
    if (reset->teardown != NULL) status = begin_again(self, reset, at, err);
    for (size_t i = 0; reset->teardown == NULL && status == STELE_OK && i < reset->return_count;
         i++)
        status = go_back(self, reset, i, err);
    return status < 0 ? sqlite_undo(self, status) : sqlite_commit(base, err);
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n;")] == '\0';
}

/* SQLite takes values of any type. */
stele_status sqlite_prepare(stele_sql_store *base, const stele_sql_query *query, size_t *statement,
                            size_t *at, stele_error *err)
{
    sqlite_store *self = (sqlite_store *)base;
    sqlite3_stmt *made = NULL;
    const char *rest = "";
    stele_status status = compile(self, query->text, query->text, &made, &rest, at, err);
    if (status < 0) return status;
    if (made == NULL || !is_blank(rest)) {
        sqlite3_finalize(made);
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "this is not one statement");
    }
    int count = sqlite3_bind_parameter_count(made);
    if ((size_t)count > query->parameters) {
        const char *name = sqlite3_bind_parameter_name(made, count);
        stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                   "the parameter %s is none: parameters are written :field",
                   name == NULL ? "?" : name);
        sqlite3_finalize(made);
        return STELE_E_INVALID;
    }
    self->statements =
        stele_realloc_array(self->statements, self->statement_count + 1, sizeof *self->statements);
    self->statements[self->statement_count] = made;
    *statement = self->statement_count++;
    return STELE_OK;
}
