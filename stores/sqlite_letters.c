/* SPDX-License-Identifier: MIT
 * Events that were set aside, in SQLite: a table beside that of the positions. */
#include "stores/sqlite_internal.h"

static stele_status remove_letter(sqlite_store *self, const stele_sql_place *place, int64_t offset,
                                  stele_error *err)
{
    sqlite3_stmt *statement = self->own[SQLITE_OWN_REMOVE];
    sqlite_bind_place(statement, 1, place);
    sqlite3_bind_int64(statement, 4, offset);
    return sqlite_run(self, statement, err);
}

stele_status sqlite_keep(stele_sql_store *base, const stele_sql_place *place,
                         const stele_sql_letter *letter, stele_error *err)
{
    sqlite_store *self = (sqlite_store *)base;
    sqlite3_stmt *statement = self->own[SQLITE_OWN_KEEP];
    if (letter->value.data == NULL) return remove_letter(self, place, letter->offset, err);
    sqlite_bind_place(statement, 1, place);
    sqlite3_bind_int64(statement, 4, letter->offset);
    sqlite3_bind_text(statement, 5, letter->id, -1, SQLITE_STATIC); /* NULL is null */
    sqlite3_bind_text(statement, 6, letter->code, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 7, letter->reason, -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 8, letter->attempts);
    sqlite3_bind_text(statement, 9, letter->first_failed_at, -1, SQLITE_STATIC);
    if (sqlite3_bind_blob64(statement, 10, letter->value.data, letter->value.size, SQLITE_STATIC) !=
        SQLITE_OK)
        return sqlite_fail(self, err);
    return sqlite_run(self, statement, err);
}

stele_status sqlite_letters(stele_sql_store *base, const stele_sql_place *place,
                            stele_sql_each_letter *each, void *context, stele_error *err)
{
    sqlite_store *self = (sqlite_store *)base;
    sqlite3_stmt *statement = self->own[SQLITE_OWN_LETTERS];
    int code;
    sqlite_bind_place(statement, 1, place);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        const void *data = sqlite3_column_blob(statement, 1);
        size_t size = (size_t)sqlite3_column_bytes(statement, 1);
        each(context, sqlite3_column_int64(statement, 0),
             stele_bytes_of(data == NULL ? "" : data, size));
    }
    stele_status status = code == SQLITE_DONE ? STELE_OK : sqlite_fail(self, err);
    sqlite3_reset(statement);
    return status;
}

stele_status sqlite_places(stele_sql_store *base, stele_sql_each_place *each, void *context,
                           stele_error *err)
{
    sqlite_store *self = (sqlite_store *)base;
    sqlite3_stmt *statement = self->own[SQLITE_OWN_PLACES];
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        const stele_sql_place place = {
            (const char *)sqlite3_column_text(statement, 0),
            {(const char *)sqlite3_column_text(statement, 1), sqlite3_column_int(statement, 2)}};
        each(context, &place, sqlite3_column_int64(statement, 3));
    }
    stele_status status = code == SQLITE_DONE ? STELE_OK : sqlite_fail(self, err);
    sqlite3_reset(statement);
    return status;
}
