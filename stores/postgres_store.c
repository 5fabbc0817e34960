/* SPDX-License-Identifier: MIT
 * PostgreSQL's store: where its database is, and its connection. */
#include "stores/postgres_internal.h"

#include "core/alloc.h"

enum { PATIENCE_MS = 45000 /* longer than the server's own limit of a statement */ };

static const char *const own_tables[] = {
    "BEGIN",
    POSTGRES_LOCK,
    "CREATE TABLE IF NOT EXISTS stele_projections ("
    " projection text PRIMARY KEY, version integer NOT NULL, setup bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS stele_positions ("
    " projection text, topic text, part integer, partitions integer NOT NULL,"
    " genesis text NOT NULL, term bigint NOT NULL, next bigint NOT NULL,"
    " last_offset bigint NOT NULL, last_hash bigint NOT NULL,"
    " PRIMARY KEY (projection, topic, part)) WITH (fillfactor = 50)",
    "CREATE TABLE IF NOT EXISTS stele_letters ("
    " projection text, topic text, part integer, event_offset bigint, aggregate_id text,"
    " code text NOT NULL, reason text NOT NULL, attempts integer NOT NULL,"
    " first_failed_at timestamptz NOT NULL, letter bytea NOT NULL,"
    " PRIMARY KEY (projection, topic, part, event_offset))",
    "COMMIT",
    NULL,
};

/* Limits where the user has set none; and the forms in which times become texts. */
static const char settings[] =
    "SELECT set_config(name, value, false) FROM (VALUES"
    " ('statement_timeout', '30s'), ('lock_timeout', '10s')) AS limits (name, value)"
    " WHERE current_setting(name) = '0' UNION ALL"
    " SELECT set_config(name, value, false) FROM (VALUES ('timezone', 'UTC'),"
    " ('datestyle', 'ISO, YMD'), ('intervalstyle', 'iso_8601')) AS forms (name, value)";

static const stele_sql_store_ops postgres_ops;

/* ---- where it is ---- */

static bool is_shown(const char *key)
{
    static const char *const keys[] = {"host", "hostaddr", "port", "dbname", "user"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return false;
}

char *stele_postgres_shown(const char *conninfo)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_buffer_format(&text, "postgres:");
    const char *gap = "";
    for (PQconninfoOption *each = options; each != NULL && each->keyword != NULL; each++) {
        if (each->val == NULL || !is_shown(each->keyword)) continue;
        stele_buffer_format(&text, "%s%s=%s", gap, each->keyword, each->val);
        gap = " ";
    }
    PQconninfoFree(options);
    return stele_strdup(stele_buffer_text(&text));
}

/* What libpq says of a string may quote a password, but not where it does not know a word of it. */
static stele_status check_conninfo(const char *conninfo, stele_error *err)
{
    char *said = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &said);
    stele_status status = STELE_OK;
    bool is_word = said != NULL && (strncmp(said, "invalid connection option", 25) == 0 ||
                                    strncmp(said, "invalid URI query parameter", 27) == 0);
    if (options == NULL)
        status = stele_fail(
            err, STELE_E_INVALID, STELE_NEXT_STOP,
            "what follows postgres: is no connection string (host=… dbname=… user=…) and no "
            "URI of PostgreSQL%s%.*s",
            is_word ? ": " : "", is_word ? (int)strcspn(said, "\n") : 0, is_word ? said : "");
    PQconninfoFree(options);
    PQfreemem(said);
    return status;
}

stele_status stele_postgres_store_new(stele_runtime runtime, const char *conninfo,
                                      stele_sql_store **out, stele_error *err)
{
    stele_status status = check_conninfo(conninfo, err);
    if (status < 0) return status;
    postgres_store *self = stele_alloc(sizeof *self);
    self->base.ops = &postgres_ops;
    self->conninfo = stele_strdup(conninfo);
    self->label = stele_postgres_shown(conninfo);
    self->link = (postgres_link){.runtime = runtime,
                                 .ends = &self->base.ends,
                                 .conninfo = self->conninfo,
                                 .label = self->label,
                                 .patience_ms = PATIENCE_MS};
    *out = &self->base;
    return STELE_OK;
}

void stele_postgres_store_set_patience(stele_sql_store *base, int patience_ms)
{
    ((postgres_store *)base)->link.patience_ms = patience_ms;
}

/* ---- opening ---- */

static void forget_statements(postgres_store *self)
{
    for (size_t i = 0; i < self->statement_count; i++)
        free(self->statements[i].types);
    free(self->statements);
    self->statements = NULL;
    self->statement_count = 0;
}

static void close_store(stele_sql_store *base)
{
    postgres_store *self = (postgres_store *)base;
    self->is_begun = false; /* the server undoes it */
    postgres_link_close(&self->link);
    forget_statements(self);
}

static void free_store(stele_sql_store *base)
{
    postgres_store *self = (postgres_store *)base;
    close_store(base);
    postgres_clear_parameters(&self->parameters);
    free(self->begins);
    free(self->conninfo);
    free(self->label);
    free(self);
}

static stele_status has_tables(postgres_store *self, bool *out, stele_error *err)
{
    PGresult *result;
    stele_status status =
        postgres_send(&self->link,
                      "SELECT 1 FROM pg_tables WHERE schemaname = current_schema()"
                      " AND tablename IN ('stele_positions', 'stele_letters')",
                      err);
    if (status < 0 || (status = postgres_take_last(self, &result, err)) < 0) return status;
    *out = PQntuples(result) == 2;
    PQclear(result);
    return postgres_sync_all(self, err);
}

static stele_status make_tables(postgres_store *self, stele_error *err)
{
    bool is_there = false;
    stele_status status = has_tables(self, &is_there, err);
    if (status < 0 || is_there) return status;
    for (size_t i = 0; own_tables[i] != NULL && status == STELE_OK; i++)
        status = postgres_send(&self->link, own_tables[i], err);
    return status < 0 ? status : postgres_sync_all(self, err);
}

static stele_status open_store(stele_sql_store *base, stele_error *err)
{
    postgres_store *self = (postgres_store *)base;
    stele_status status = postgres_link_open(&self->link, err);
    if (status == STELE_OK) status = postgres_send(&self->link, settings, err);
    if (status == STELE_OK) status = postgres_sync_all(self, err);
    if (status == STELE_OK) status = make_tables(self, err);
    if (status == STELE_OK) status = postgres_prepare_own(self, err);
    if (status < 0) close_store(base);
    self->link.was_open = self->link.was_open || status == STELE_OK;
    return status;
}

static const stele_sql_store_ops postgres_ops = {.open = open_store,
                                                 .setup = postgres_set_up,
                                                 .teardown = postgres_tear_down,
                                                 .reset = postgres_reset,
                                                 .prepare = postgres_prepare,
                                                 .claim = postgres_claim,
                                                 .begin = postgres_begin,
                                                 .execute = postgres_execute,
                                                 .execute_many = postgres_execute_many,
                                                 .commit = postgres_commit,
                                                 .read = postgres_read,
                                                 .keep = postgres_keep,
                                                 .letters = postgres_letters,
                                                 .places = postgres_places,
                                                 .rollback = postgres_roll_back,
                                                 .close = close_store,
                                                 .free = free_store};
