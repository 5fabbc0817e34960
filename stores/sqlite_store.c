/* SPDX-License-Identifier: MIT
 * Transactions of SQLite. The file is in write-ahead mode and synced at checkpoints only: after a
 * power cut the last transactions may be gone, rows and position together, and the events are
 * applied again. */
#include "stores/sqlite_internal.h"

#include "core/alloc.h"
#include "core/text.h"

enum {
    BUSY_MS = 1000 /* how long another process may hold the file before that is a reason to wait */
};

static const char *const own_texts[SQLITE_OWN_STATEMENTS] = {
    [SQLITE_OWN_BEGIN] = "BEGIN IMMEDIATE",
    [SQLITE_OWN_COMMIT] = "COMMIT",
    [SQLITE_OWN_ROLLBACK] = "ROLLBACK",
    [SQLITE_OWN_MOVE] =
        "UPDATE main.stele_positions SET next = ?1, last_offset = ?2, last_hash = ?3"
        " WHERE projection = ?4 AND topic = ?5 AND part = ?6 AND next = ?7 AND term = ?8",
    [SQLITE_OWN_CLAIM] = "UPDATE main.stele_positions SET term = term + 1"
                         " WHERE projection = ?1 AND topic = ?2 AND part = ?3",
    [SQLITE_OWN_WHERE] =
        "SELECT term, next, last_offset, last_hash, partitions, genesis"
        " FROM main.stele_positions WHERE projection = ?1 AND topic = ?2 AND part = ?3",
    [SQLITE_OWN_ADD] =
        "INSERT INTO main.stele_positions VALUES (?1, ?2, ?3, ?4, ?5, 0, -1, -1, 0)"
        " ON CONFLICT (projection, topic, part) DO UPDATE SET"
        " partitions = excluded.partitions, genesis = excluded.genesis WHERE next < 0",
    [SQLITE_OWN_COUNT] = "SELECT partitions FROM main.stele_positions"
                         " WHERE projection = ?1 AND topic = ?2 AND next >= 0 LIMIT 1",
    [SQLITE_OWN_KEEP] = "INSERT OR REPLACE INTO main.stele_letters"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [SQLITE_OWN_REMOVE] = "DELETE FROM main.stele_letters WHERE projection = ?1 AND topic = ?2"
                          " AND part = ?3 AND event_offset = ?4",
    [SQLITE_OWN_LETTERS] = "SELECT event_offset, letter FROM main.stele_letters WHERE"
                           " projection = ?1 AND topic = ?2 AND part = ?3 ORDER BY event_offset",
    [SQLITE_OWN_PLACES] = "SELECT projection, topic, part, next FROM main.stele_positions"
                          " ORDER BY projection, topic, part",
};

static const char own_tables[] =
    "CREATE TABLE IF NOT EXISTS main.stele_projections ("
    " projection TEXT PRIMARY KEY, version INTEGER NOT NULL, setup INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS main.stele_positions ("
    " projection TEXT, topic TEXT, part INTEGER, partitions INTEGER NOT NULL,"
    " genesis TEXT NOT NULL, term INTEGER NOT NULL, next INTEGER NOT NULL,"
    " last_offset INTEGER NOT NULL, last_hash INTEGER NOT NULL,"
    " PRIMARY KEY (projection, topic, part)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS main.stele_letters ("
    " projection TEXT, topic TEXT, part INTEGER, event_offset INTEGER, aggregate_id TEXT,"
    " code TEXT NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL,"
    " first_failed_at TEXT NOT NULL, letter BLOB NOT NULL,"
    " PRIMARY KEY (projection, topic, part, event_offset));";

static const stele_sql_store_ops sqlite_ops;

stele_sql_store *stele_sqlite_store_new(const char *path)
{
    sqlite_store *self = stele_alloc(sizeof *self);
    self->base.ops = &sqlite_ops;
    self->path = stele_strdup(path);
    return &self->base;
}

/* ---- failures ---- */

stele_status sqlite_fail(const sqlite_store *self, stele_error *err)
{
    int code = sqlite3_extended_errcode(self->db);
    const char *said = sqlite3_errmsg(self->db);
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, code,
                                "%s is locked by another program: it has a transaction open",
                                self->path);
    case SQLITE_FULL:
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, code,
                                "%s: the disk is full", self->path);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, code, "%s: %s",
                                self->path, said);
    case SQLITE_NOMEM:
        stele_out_of_memory(0);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return stele_fail_cause(err, STELE_E_FORBIDDEN, STELE_NEXT_STOP, code,
                                "%s: %s: this user needs the right to write the file and its "
                                "folder",
                                self->path, said);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, code,
                                "%s: %s: remove the file, and it is made again from the events",
                                self->path, said);
    default:
        return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, code, "%s", said);
    }
}

/* ---- running ---- */

stele_status sqlite_run(sqlite_store *self, sqlite3_stmt *statement, stele_error *err)
{
    int code;
    do {
        code = sqlite3_step(statement);
    } while (code == SQLITE_ROW);
    stele_status status = code == SQLITE_DONE ? STELE_OK : sqlite_fail(self, err);
    sqlite3_reset(statement);
    return status;
}

/* A statement of a file; SQLite may prepare it again, when tables have changed. */
stele_status sqlite_run_foreign(sqlite_store *self, sqlite3_stmt *statement, stele_error *err)
{
    self->is_foreign = true;
    stele_status status = sqlite_run(self, statement, err);
    self->is_foreign = false;
    return status;
}

static stele_status run_own(sqlite_store *self, sqlite_own which, stele_error *err)
{
    return sqlite_run(self, self->own[which], err);
}

void sqlite_roll_back(stele_sql_store *base)
{
    sqlite_store *self = (sqlite_store *)base;
    if (self->db != NULL && !sqlite3_get_autocommit(self->db))
        run_own(self, SQLITE_OWN_ROLLBACK, NULL);
}

/* Has somebody removed or replaced the file while it was in use? What is written to it then is
 * gone. */
static stele_status check_file(sqlite_store *self, stele_error *err)
{
    int moved = 0;
    sqlite3_file_control(self->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (moved == 0) return STELE_OK;
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_ABORT,
                      "%s was removed or replaced while it was used: it is opened again",
                      self->path);
}

stele_status sqlite_begin_own(sqlite_store *self, stele_error *err)
{
    stele_status status = check_file(self, err);
    return status < 0 ? status : run_own(self, SQLITE_OWN_BEGIN, err);
}

/* A transaction that could not be committed is undone, so that it may be made again. */
stele_status sqlite_commit(stele_sql_store *base, stele_error *err)
{
    sqlite_store *self = (sqlite_store *)base;
    stele_status status = run_own(self, SQLITE_OWN_COMMIT, err);
    if (status < 0) sqlite_roll_back(base);
    return status;
}

/* @return `status`, after what was begun is undone */
stele_status sqlite_undo(sqlite_store *self, stele_status status)
{
    sqlite_roll_back(&self->base);
    return status;
}

/* ---- opening ---- */

static void close_store(stele_sql_store *base)
{
    sqlite_store *self = (sqlite_store *)base;
    sqlite_roll_back(base);
    for (int i = 0; i < SQLITE_OWN_STATEMENTS; i++) {
        sqlite3_finalize(self->own[i]);
        self->own[i] = NULL;
    }
    for (size_t i = 0; i < self->statement_count; i++)
        sqlite3_finalize(self->statements[i]);
    free(self->statements);
    self->statements = NULL;
    self->statement_count = 0;
    sqlite3_close(self->db);
    self->db = NULL;
}

static void free_store(stele_sql_store *base)
{
    sqlite_store *self = (sqlite_store *)base;
    close_store(base);
    free(self->path);
    free(self);
}

static bool is_own_table(const char *name)
{
    return name != NULL && sqlite3_strnicmp(name, "stele_", 6) == 0 &&
           (sqlite3_stricmp(name, "stele_positions") == 0 ||
            sqlite3_stricmp(name, "stele_projections") == 0 ||
            sqlite3_stricmp(name, "stele_letters") == 0);
}

/* What a statement of a SQL file may not do: end the transaction that its rows are in, reach other
 * files, or change the positions. */
static int authorize(void *context, int action, const char *first, const char *second,
                     const char *database, const char *trigger)
{
    (void)database, (void)trigger;
    const sqlite_store *self = context;
    if (!self->is_foreign) return SQLITE_OK;
    switch (action) {
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
    case SQLITE_PRAGMA:
        return SQLITE_DENY;
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
    case SQLITE_DROP_TABLE:
    case SQLITE_ALTER_TABLE:
    case SQLITE_CREATE_INDEX:
    case SQLITE_CREATE_TRIGGER:
    case SQLITE_CREATE_TEMP_TRIGGER:
    case SQLITE_CREATE_TEMP_TABLE:
    case SQLITE_CREATE_TEMP_VIEW:
        return is_own_table(first) || is_own_table(second) ? SQLITE_DENY : SQLITE_OK;
    default:
        return SQLITE_OK;
    }
}

/* A database that cannot have a write-ahead log, such as one in memory, says which it has. */
static stele_status set_journal(sqlite_store *self, stele_error *err)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(self->db, "PRAGMA journal_mode = WAL", -1, &statement, NULL) !=
        SQLITE_OK)
        return sqlite_fail(self, err);
    int code = sqlite3_step(statement);
    const char *mode = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    stele_status status = STELE_OK;
    if (mode == NULL)
        status = sqlite_fail(self, err);
    else if (strcmp(mode, "wal") != 0)
        status = stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                            "%s has no write-ahead log (its mode is %s): name a file on a local "
                            "disk",
                            self->path, mode);
    sqlite3_finalize(statement);
    return status;
}

static stele_status connect_file(sqlite_store *self, stele_error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int code = sqlite3_open_v2(self->path, &self->db, flags, NULL);
    if (self->db == NULL) stele_out_of_memory(0);
    sqlite3_extended_result_codes(self->db, 1);
    if (code != SQLITE_OK)
        return stele_fail_cause(err, STELE_E_NOT_FOUND,
                                self->was_open ? STELE_NEXT_RETRY : STELE_NEXT_STOP, code,
                                "%s cannot be made or opened: %s; does its folder exist, and may "
                                "this user write there?",
                                self->path, sqlite3_errmsg(self->db));
    sqlite3_busy_timeout(self->db, BUSY_MS);
    sqlite3_set_authorizer(self->db, authorize, self);
    stele_status status = set_journal(self, err);
    if (status < 0) return status;
    code = sqlite3_exec(self->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
    if (code == SQLITE_OK) code = sqlite3_exec(self->db, own_tables, NULL, NULL, NULL);
    return code == SQLITE_OK ? STELE_OK : sqlite_fail(self, err);
}

static stele_status open_store(stele_sql_store *base, stele_error *err)
{
    sqlite_store *self = (sqlite_store *)base;
    stele_status status = connect_file(self, err);
    for (int i = 0; status == STELE_OK && i < SQLITE_OWN_STATEMENTS; i++)
        if (sqlite3_prepare_v3(self->db, own_texts[i], -1, SQLITE_PREPARE_PERSISTENT, &self->own[i],
                               NULL) != SQLITE_OK)
            status = sqlite_fail(self, err);
    self->was_open = self->was_open || status == STELE_OK;
    if (status < 0) close_store(base);
    return status;
}

void stele_sqlite_store_limit_pages(stele_sql_store *base, int pages)
{
    sqlite_store *self = (sqlite_store *)base;
    STELE_AUTO(char) text = stele_strdup_format("PRAGMA max_page_count = %d", pages);
    sqlite3_exec(self->db, text, NULL, NULL, NULL);
}

/* ---- positions ---- */

void sqlite_bind_place(sqlite3_stmt *statement, int first, const stele_sql_place *place)
{
    sqlite3_bind_text(statement, first, place->group, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, first + 1, place->source.topic, -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, first + 2, place->source.index);
}

static stele_status read_claim(sqlite_store *self, const stele_sql_place *place,
                               stele_sql_claim *out, stele_error *err)
{
    sqlite3_stmt *statement = self->own[SQLITE_OWN_WHERE];
    sqlite_bind_place(statement, 1, place);
    if (sqlite3_step(statement) != SQLITE_ROW) {
        stele_status status = sqlite_fail(self, err);
        sqlite3_reset(statement);
        return status;
    }
    *out = (stele_sql_claim){.term = sqlite3_column_int64(statement, 0),
                             .mark = {.position = sqlite3_column_int64(statement, 1),
                                      .last_offset = sqlite3_column_int64(statement, 2),
                                      .last_hash = sqlite3_column_int64(statement, 3)},
                             .partitions = sqlite3_column_int(statement, 4)};
    const char *genesis = (const char *)sqlite3_column_text(statement, 5);
    snprintf(out->genesis, sizeof out->genesis, "%s", genesis == NULL ? "" : genesis);
    sqlite3_reset(statement);
    return STELE_OK;
}

/* For how many partitions the first of a source was claimed; 0: none was. */
static int32_t find_count(sqlite_store *self, const stele_sql_place *place)
{
    sqlite3_stmt *statement = self->own[SQLITE_OWN_COUNT];
    sqlite3_bind_text(statement, 1, place->group, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, place->source.topic, -1, SQLITE_STATIC);
    int32_t count = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int(statement, 0) : 0;
    sqlite3_reset(statement);
    return count;
}

static stele_status claim(stele_sql_store *base, const stele_sql_place *place, int32_t partitions,
                          const char *genesis, stele_sql_claim *out, stele_error *err)
{
    sqlite_store *self = (sqlite_store *)base;
    stele_sql_claim found = {0};
    stele_status status = sqlite_begin_own(self, err);
    if (status < 0) return status;
    int32_t count = find_count(self, place);
    if (count != 0 && count != partitions) {
        *out = (stele_sql_claim){.mark = {.position = -1, .last_offset = -1}, .partitions = count};
        return sqlite_undo(self, STELE_OK);
    }
    sqlite_bind_place(self->own[SQLITE_OWN_ADD], 1, place);
    sqlite3_bind_int(self->own[SQLITE_OWN_ADD], 4, partitions);
    sqlite3_bind_text(self->own[SQLITE_OWN_ADD], 5, genesis, -1, SQLITE_STATIC);
    sqlite_bind_place(self->own[SQLITE_OWN_CLAIM], 1, place);
    status = run_own(self, SQLITE_OWN_ADD, err);
    if (status == STELE_OK) status = run_own(self, SQLITE_OWN_CLAIM, err);
    if (status == STELE_OK) status = read_claim(self, place, &found, err);
    if (status < 0) return sqlite_undo(self, status);
    if ((status = sqlite_commit(base, err)) < 0) return status;
    *out = found;
    return STELE_OK;
}

static stele_status begin(stele_sql_store *base, const stele_sql_place *place, int64_t term,
                          int64_t from, const stele_mark *to, stele_error *err)
{
    sqlite_store *self = (sqlite_store *)base;
    sqlite3_stmt *move = self->own[SQLITE_OWN_MOVE];
    stele_status status = sqlite_begin_own(self, err);
    if (status < 0) return status;
    sqlite3_bind_int64(move, 1, to->position);
    sqlite3_bind_int64(move, 2, to->last_offset);
    sqlite3_bind_int64(move, 3, to->last_hash);
    sqlite_bind_place(move, 4, place);
    sqlite3_bind_int64(move, 7, from);
    sqlite3_bind_int64(move, 8, term);
    status = sqlite_run(self, move, err);
    if (status < 0) return sqlite_undo(self, status);
    if (sqlite3_changes(self->db) == 1) return STELE_OK;
    sqlite_roll_back(base);
    return stele_sql_fail_fenced(err, self->path, place);
}

/* ---- rows ---- */

/* An empty text is not null. */
static const void *data_of(const stele_sql_value *value)
{
    return value->as.bytes.data == NULL ? (const void *)"" : value->as.bytes.data;
}

/* @return SQLite's code */
static int bind_value(sqlite3_stmt *statement, int number, const stele_sql_value *value)
{
    switch (value->kind) {
    case STELE_SQL_BOOLEAN:
    case STELE_SQL_INTEGER:
        return sqlite3_bind_int64(statement, number, value->as.integer);
    case STELE_SQL_REAL:
        return sqlite3_bind_double(statement, number, value->as.real);
    case STELE_SQL_TEXT:
        return sqlite3_bind_text64(statement, number, data_of(value), value->as.bytes.size,
                                   SQLITE_STATIC, SQLITE_UTF8);
    case STELE_SQL_BYTES:
        return sqlite3_bind_blob64(statement, number, data_of(value), value->as.bytes.size,
                                   SQLITE_STATIC);
    case STELE_SQL_NULL:
        break;
    }
    return sqlite3_bind_null(statement, number);
}

static stele_status bind_all(sqlite3_stmt *statement, const stele_sql_value *values, size_t count,
                             stele_error *err)
{
    for (size_t i = 0; i < count; i++) {
        int code = bind_value(statement, (int)i + 1, &values[i]);
        if (code != SQLITE_OK)
            return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, code,
                                    "the value of parameter %zu: %s", i + 1, sqlite3_errstr(code));
    }
    return STELE_OK;
}

static stele_status execute(stele_sql_store *base, size_t statement, const stele_sql_value *values,
                            size_t count, stele_error *err)
{
    sqlite_store *self = (sqlite_store *)base;
    base->failed = base->executed - 1;
    stele_status status = bind_all(self->statements[statement], values, count, err);
    if (status == STELE_OK) status = sqlite_run_foreign(self, self->statements[statement], err);
    if (status == STELE_OK) base->failed = STELE_SQL_NO_STATEMENT;
    return status;
}

static stele_sql_value column(sqlite3_stmt *statement, int index)
{
    int type = sqlite3_column_type(statement, index);
    if (type == SQLITE_INTEGER)
        return (stele_sql_value){.kind = STELE_SQL_INTEGER,
                                 .as.integer = sqlite3_column_int64(statement, index)};
    if (type == SQLITE_NULL) return (stele_sql_value){0};
    const void *data = sqlite3_column_blob(statement, index);
    size_t size = (size_t)sqlite3_column_bytes(statement, index);
    return (stele_sql_value){.kind = type == SQLITE_BLOB ? STELE_SQL_BYTES : STELE_SQL_TEXT,
                             .as.bytes = stele_bytes_of(data == NULL ? "" : data, size)};
}

static stele_status read_rows(stele_sql_store *base, size_t which, const stele_sql_value *values,
                              size_t count, stele_sql_each *each, void *context, stele_error *err)
{
    sqlite_store *self = (sqlite_store *)base;
    sqlite3_stmt *statement = self->statements[which];
    size_t columns = (size_t)sqlite3_column_count(statement);
    stele_status status = bind_all(statement, values, count, err);
    stele_sql_value *row = stele_alloc_array(columns + 1, sizeof *row);
    int code = status == STELE_OK ? SQLITE_ROW : SQLITE_DONE;
    while (code == SQLITE_ROW && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        for (size_t i = 0; i < columns; i++)
            row[i] = column(statement, (int)i);
        each(context, row, columns);
    }
    if (code != SQLITE_DONE) status = sqlite_fail(self, err);
    sqlite3_reset(statement);
    free(row);
    return status;
}

static const stele_sql_store_ops sqlite_ops = {.open = open_store,
                                               .setup = sqlite_set_up,
                                               .teardown = sqlite_tear_down,
                                               .reset = sqlite_reset,
                                               .prepare = sqlite_prepare,
                                               .claim = claim,
                                               .begin = begin,
                                               .execute = execute,
                                               .commit = sqlite_commit,
                                               .read = read_rows,
                                               .keep = sqlite_keep,
                                               .letters = sqlite_letters,
                                               .places = sqlite_places,
                                               .rollback = sqlite_roll_back,
                                               .close = close_store,
                                               .free = free_store};
