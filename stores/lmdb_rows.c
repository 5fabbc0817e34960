/* SPDX-License-Identifier: MIT
 * Rows in LMDB: their keys, and their values as bytes. */
#include "stores/lmdb_internal.h"

#include <string.h>
#include <xxhash.h>

#include "core/alloc.h"
#include "core/text.h"

/* ---- keys ---- */

void lmdb_key_add(lmdb_key *key, const void *data, size_t size)
{
    size_t left = sizeof key->bytes - key->size;
    if (size > left) size = left;
    if (size > 0) memcpy(key->bytes + key->size, data, size);
    key->size += size;
}

void lmdb_key_add_text(lmdb_key *key, const char *text)
{
    lmdb_key_add(key, text, strlen(text) + 1);
}

void lmdb_key_add_number(lmdb_key *key, uint64_t number, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(number >> (8 * (size - 1 - i)));
    lmdb_key_add(key, bytes, size);
}

MDB_val lmdb_val(const void *data, size_t size)
{
    MDB_val made = {.mv_size = size};
    memcpy(&made.mv_data, &data, sizeof data); /* LMDB writes through none of them */
    return made;
}

MDB_val lmdb_key_val(const lmdb_key *key)
{
    return lmdb_val(key->bytes, key->size);
}

static lmdb_key states_key(const char *projection, int64_t partition)
{
    lmdb_key key = {.size = 0};
    lmdb_key_add_text(&key, projection);
    lmdb_key_add_number(&key, (uint64_t)partition, 4);
    return key;
}

/* An id for which there is no room in a key: as much of it as there is, and a hash of all of it. */
static void add_id(lmdb_key *key, stele_bytes id)
{
    size_t room = sizeof key->bytes - key->size - sizeof(XXH128_canonical_t);
    XXH128_canonical_t hash;
    if (id.size <= room) {
        lmdb_key_add(key, id.data, id.size);
        return;
    }
    XXH128_canonicalFromHash(&hash, XXH3_128bits(id.data, id.size));
    lmdb_key_add(key, id.data, room);
    lmdb_key_add(key, &hash, sizeof hash);
}

static bool begins_with(MDB_val found, const lmdb_key *prefix)
{
    return found.mv_size >= prefix->size && memcmp(found.mv_data, prefix->bytes, prefix->size) == 0;
}

int lmdb_delete_all(lmdb_store *self, lmdb_table table, const lmdb_key *prefix,
                    const lmdb_key *from)
{
    MDB_cursor *cursor;
    MDB_val key = lmdb_key_val(from), value;
    int code = mdb_cursor_open(self->txn, self->tables[table], &cursor);
    if (code != 0) return code;
    code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (code == 0 && begins_with(key, prefix)) {
        code = mdb_cursor_del(cursor, 0);
        if (code == 0) code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

/* ---- values ---- */

static void write_value(stele_buffer *out, const stele_sql_value *value)
{
    uint8_t kind = (uint8_t)value->kind;
    stele_buffer_append(out, stele_bytes_of(&kind, 1));
    if (value->kind == STELE_SQL_NULL) return;
    if (value->kind < STELE_SQL_TEXT) {
        stele_buffer_append(out, stele_bytes_of(&value->as.integer, sizeof value->as.integer));
        return;
    }
    uint64_t size = value->as.bytes.size;
    stele_buffer_append(out, stele_bytes_of(&size, sizeof size));
    stele_buffer_append(out, value->as.bytes);
}

/* @return false: there is no such value */
static bool read_value(stele_bytes *rest, stele_sql_value *out)
{
    const uint8_t *at = rest->data;
    uint64_t number = 0;
    size_t used = 1;
    if (rest->size < 1 || at[0] > STELE_SQL_BYTES) return false;
    *out = (stele_sql_value){.kind = (stele_sql_kind)at[0]};
    if (out->kind != STELE_SQL_NULL) {
        used += sizeof number;
        if (rest->size < used) return false;
        memcpy(&number, at + 1, sizeof number);
    }
    if (out->kind >= STELE_SQL_TEXT) {
        if (number > rest->size - used) return false;
        out->as.bytes = stele_bytes_of(at + used, (size_t)number);
        used += (size_t)number;
    } else {
        memcpy(&out->as.integer, &number, sizeof number);
    }
    *rest = stele_bytes_of(at + used, rest->size - used);
    return true;
}

/* ---- statements ---- */

stele_status lmdb_prepare(stele_sql_store *base, const stele_sql_query *query, size_t *statement,
                          size_t *at, stele_error *err)
{
    static const char *const verbs[LMDB_VERBS] = {"PUT ", "SCAN ", "CLEAR "};
    lmdb_store *self = (lmdb_store *)base;
    int verb = 0;
    (void)at;
    while (verb < LMDB_VERBS && strncmp(query->text, verbs[verb], strlen(verbs[verb])) != 0)
        verb++;
    if (verb == LMDB_VERBS)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "LMDB knows no SQL: it holds states of folds only");
    self->statements =
        stele_realloc_array(self->statements, self->statement_count + 1, sizeof *self->statements);
    self->statements[self->statement_count] =
        (lmdb_statement){(lmdb_verb)verb, stele_strdup(query->text + strlen(verbs[verb]))};
    *statement = self->statement_count++;
    return STELE_OK;
}

/* Is there a row of another id, for whose key the hash is the same? */
static int check_id(lmdb_store *self, const lmdb_key *key, stele_bytes id, bool *is_taken)
{
    stele_sql_value there;
    MDB_val at = lmdb_key_val(key), found;
    int code = mdb_get(self->txn, self->tables[LMDB_STATES], &at, &found);
    if (code != 0) return code == MDB_NOTFOUND ? 0 : code;
    stele_bytes rest = stele_bytes_of(found.mv_data, found.mv_size);
    if (!read_value(&rest, &there) || there.kind != STELE_SQL_TEXT) return MDB_CORRUPTED;
    *is_taken = !stele_bytes_equal(there.as.bytes, id);
    return 0;
}

/* @param is_taken  another id has that key: nothing was changed */
static int put_row(lmdb_store *self, const char *projection, const stele_sql_value *values,
                   size_t count, bool *is_taken)
{
    lmdb_key key = states_key(projection, values[1].as.integer);
    add_id(&key, values[0].as.bytes);
    *is_taken = false;
    int code =
        key.size == sizeof key.bytes ? check_id(self, &key, values[0].as.bytes, is_taken) : 0;
    if (code != 0 || *is_taken) return code;
    stele_buffer_reset(&self->room);
    for (size_t i = 0; i < count; i++)
        if (i != 1) write_value(&self->room, &values[i]);
    stele_bytes row = stele_buffer_view(&self->room);
    MDB_val at = lmdb_key_val(&key), value = lmdb_val(row.data, row.size);
    return mdb_put(self->txn, self->tables[LMDB_STATES], &at, &value, 0);
}

static int clear_rows(lmdb_store *self, const char *projection, const stele_sql_value *values)
{
    lmdb_key own = states_key(projection, values[0].as.integer);
    lmdb_key from = states_key(projection, values[1].as.integer), all = {.size = 0};
    lmdb_key_add_text(&all, projection);
    int code = lmdb_delete_all(self, LMDB_STATES, &own, &own);
    return code == 0 ? lmdb_delete_all(self, LMDB_STATES, &all, &from) : code;
}

stele_status lmdb_execute(stele_sql_store *base, size_t statement, const stele_sql_value *values,
                          size_t count, stele_error *err)
{
    lmdb_store *self = (lmdb_store *)base;
    const lmdb_statement *of = &self->statements[statement];
    bool is_taken = false;
    int code = of->verb == LMDB_CLEAR ? clear_rows(self, of->name, values)
                                      : put_row(self, of->name, values, count, &is_taken);
    if (code == 0 && !is_taken) return STELE_OK;
    base->failed = base->executed - 1;
    if (is_taken)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s: the id %s and another one have the same hash, by which LMDB tells "
                          "long ids apart: keep these states in snapshots, or in a database of SQL",
                          self->path, stele_quote(values[0].as.bytes).text);
    self->needs_map = code == MDB_MAP_FULL;
    return lmdb_fail(self, code, err);
}

/* The rows from that key on. @param prefix  of all of them @param is_behind  but for that key */
static int scan(lmdb_store *self, const lmdb_key *prefix, const lmdb_key *from, bool is_behind,
                stele_sql_each *each, void *context)
{
    enum { VALUES_MAX = 16 };
    MDB_cursor *cursor;
    MDB_val key = lmdb_key_val(from), value;
    int code = mdb_cursor_open(self->txn, self->tables[LMDB_STATES], &cursor);
    if (code != 0) return code;
    code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (code == 0 && is_behind && key.mv_size == from->size && begins_with(key, from))
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    for (int i = 0; code == 0 && i < STELE_LMDB_SCAN_MAX && begins_with(key, prefix); i++) {
        stele_sql_value values[VALUES_MAX];
        size_t count = 0;
        stele_bytes rest = stele_bytes_of(value.mv_data, value.mv_size);
        while (count < VALUES_MAX && read_value(&rest, &values[count]))
            count++;
        if (rest.size > 0) code = MDB_CORRUPTED;
        if (code == 0) each(context, values, count);
        if (code == 0) code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

stele_status lmdb_read(stele_sql_store *base, size_t statement, const stele_sql_value *values,
                       size_t count, stele_sql_each *each, void *context, stele_error *err)
{
    lmdb_store *self = (lmdb_store *)base;
    (void)count;
    stele_status status = lmdb_begin_read(self, err);
    if (status < 0) return status;
    lmdb_key prefix = states_key(self->statements[statement].name, values[0].as.integer);
    lmdb_key from = prefix;
    bool is_behind = values[1].kind == STELE_SQL_TEXT;
    if (is_behind) add_id(&from, values[1].as.bytes);
    int code = scan(self, &prefix, &from, is_behind, each, context);
    if (code != 0) status = lmdb_fail(self, code, err);
    return lmdb_undo(self, status);
}
