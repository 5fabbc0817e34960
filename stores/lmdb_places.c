/* SPDX-License-Identifier: MIT
 * What LMDB's store keeps of projections and partitions: who has claimed them, where they are, and
 * the events that were set aside. */
#include "stores/lmdb_internal.h"

#include <string.h>

#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"

static const char setup_begins[] = STELE_LMDB_SETUP;

/* ---- keys ---- */

static lmdb_key name_key(const char *name)
{
    lmdb_key key = {.size = 0};
    lmdb_key_add(&key, name, strlen(name));
    return key;
}

static lmdb_key group_key(const char *group)
{
    lmdb_key key = {.size = 0};
    lmdb_key_add_text(&key, group);
    return key;
}

static lmdb_key source_key(const stele_sql_place *place)
{
    lmdb_key key = group_key(place->group);
    lmdb_key_add_text(&key, place->source.topic);
    return key;
}

static lmdb_key place_key(const char *group, stele_partition source)
{
    lmdb_key key = source_key(&(stele_sql_place){group, source});
    lmdb_key_add_number(&key, (uint64_t)source.index, 4);
    return key;
}

static lmdb_key letter_key(const stele_sql_place *place, int64_t offset)
{
    lmdb_key key = place_key(place->group, place->source);
    lmdb_key_add_number(&key, (uint64_t)offset, 8);
    return key;
}

static uint64_t number_at(const uint8_t *bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | bytes[i];
    return number;
}

/* ---- records ---- */

/* @return LMDB's code; MDB_CORRUPTED: what is there has another size */
static int load(lmdb_store *self, lmdb_table table, const lmdb_key *key, void *out, size_t size)
{
    MDB_val at = lmdb_key_val(key), found;
    int code = mdb_get(self->txn, self->tables[table], &at, &found);
    if (code != 0) return code;
    if (found.mv_size != size) return MDB_CORRUPTED;
    memcpy(out, found.mv_data, size);
    return 0;
}

static int store(lmdb_store *self, lmdb_table table, const lmdb_key *key, const void *data,
                 size_t size)
{
    MDB_val at = lmdb_key_val(key), value = lmdb_val(data, size);
    return mdb_put(self->txn, self->tables[table], &at, &value, 0);
}

static int load_position(lmdb_store *self, const lmdb_key *key, lmdb_position *out)
{
    return load(self, LMDB_POSITIONS, key, out, sizeof *out);
}

static int store_position(lmdb_store *self, const lmdb_key *key, const lmdb_position *position)
{
    return store(self, LMDB_POSITIONS, key, position, sizeof *position);
}

/* ---- walking ---- */

/* @return LMDB's code */
typedef int each_record(lmdb_store *self, MDB_val key, MDB_val value, void *context);

/* All whose key begins so, up to one for which `each` does not return 0. @return that; 0 at the end
 */
static int walk(lmdb_store *self, lmdb_table table, const lmdb_key *prefix, each_record *each,
                void *context)
{
    MDB_cursor *cursor;
    MDB_val key = lmdb_key_val(prefix), value;
    int code = mdb_cursor_open(self->txn, self->tables[table], &cursor);
    if (code != 0) return code;
    code = mdb_cursor_get(cursor, &key, &value, prefix->size == 0 ? MDB_FIRST : MDB_SET_RANGE);
    while (code == 0 && key.mv_size >= prefix->size &&
           memcmp(key.mv_data, prefix->bytes, prefix->size) == 0) {
        code = each(self, key, value, context);
        if (code == 0) code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

/* A position, and its place: views into the key. */
typedef struct found_place {
    stele_sql_place place;
    lmdb_position position;
} found_place;

static bool read_place(MDB_val key, MDB_val value, found_place *out)
{
    const char *text = key.mv_data;
    const char *topic = memchr(text, '\0', key.mv_size);
    if (topic == NULL || value.mv_size != sizeof out->position) return false;
    topic++;
    size_t left = key.mv_size - (size_t)(topic - text);
    const char *end = memchr(topic, '\0', left);
    if (end == NULL || left - (size_t)(end + 1 - topic) != 4) return false;
    out->place = (stele_sql_place){text, {topic, (int32_t)number_at((const uint8_t *)end + 1, 4)}};
    memcpy(&out->position, value.mv_data, sizeof out->position);
    return true;
}

/* ---- projections ---- */

static int64_t hash_of(const stele_sql_setup *setup)
{
    return stele_sql_script_hash(stele_text(setup->script), STELE_SQL_NONE);
}

/* @param out  version 0: it is not there */
static int find_project(lmdb_store *self, const char *name, lmdb_project *out)
{
    lmdb_key key = name_key(name);
    *out = (lmdb_project){0};
    int code = load(self, LMDB_PROJECTIONS, &key, out, sizeof *out);
    return code == MDB_NOTFOUND ? 0 : code;
}

static int store_project(lmdb_store *self, const stele_sql_setup *setup)
{
    lmdb_key key = name_key(setup->projection);
    lmdb_project project = {setup->version, hash_of(setup)};
    return store(self, LMDB_PROJECTIONS, &key, &project, sizeof project);
}

static stele_status check_setup(const stele_sql_setup *setup, stele_error *err)
{
    enum { NAMES_MAX = LMDB_KEY_MAX - 280 }; /* with the topic and numbers */
    if (strncmp(setup->script, setup_begins, sizeof setup_begins - 1) != 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "LMDB knows no SQL: it holds states of folds only; name a database with "
                          "store = sqlite:PATH or postgres:… in [projection %s]",
                          setup->projection);
    if (strlen(setup->projection) > NAMES_MAX)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP,
                          "the name %s is too long for LMDB: it may have %d bytes",
                          setup->projection, NAMES_MAX);
    return STELE_OK;
}

static stele_status end_write(lmdb_store *self, int code, stele_error *err)
{
    if (code == 0) return lmdb_commit(&self->base, err);
    self->needs_map = code == MDB_MAP_FULL;
    return lmdb_undo(self, lmdb_fail(self, code, err));
}

stele_status lmdb_set_up(stele_sql_store *base, const stele_sql_setup *setup, size_t *at,
                         stele_error *err)
{
    lmdb_store *self = (lmdb_store *)base;
    lmdb_project there;
    (void)at;
    stele_status status = check_setup(setup, err);
    if (status < 0 || (status = lmdb_begin_write(self, err)) < 0) return status;
    int code = find_project(self, setup->projection, &there);
    if (code == 0 && there.version != 0) {
        lmdb_roll_back(base);
        if (there.version == setup->version && there.setup == hash_of(setup)) return STELE_OK;
        return stele_sql_fail_setup(err, self->path, setup, (int)there.version);
    }
    if (code == 0) code = store_project(self, setup);
    return end_write(self, code, err);
}

/* The states and letters of a projection. */
static int delete_rows(lmdb_store *self, const char *projection, const char *group)
{
    lmdb_key states = group_key(projection), letters = group_key(group);
    int code = lmdb_delete_all(self, LMDB_STATES, &states, &states);
    return code == 0 ? lmdb_delete_all(self, LMDB_LETTERS, &letters, &letters) : code;
}

stele_status lmdb_tear_down(stele_sql_store *base, const stele_sql_setup *teardown, size_t *at,
                            stele_error *err)
{
    lmdb_store *self = (lmdb_store *)base;
    lmdb_project there;
    (void)at;
    stele_status status = lmdb_begin_write(self, err);
    if (status < 0) return status;
    int code = find_project(self, teardown->projection, &there);
    if (code == 0 && there.version == 0) return lmdb_undo(self, STELE_OK);
    STELE_AUTO(char) group = stele_projection_group(teardown->projection, (int)there.version);
    lmdb_key positions = group_key(group), name = name_key(teardown->projection);
    if (code == 0) code = delete_rows(self, teardown->projection, group);
    if (code == 0) code = lmdb_delete_all(self, LMDB_POSITIONS, &positions, &positions);
    MDB_val key = lmdb_key_val(&name);
    if (code == 0) code = mdb_del(self->txn, self->tables[LMDB_PROJECTIONS], &key, NULL);
    return end_write(self, code, err);
}

/* ---- beginning again ---- */

static int go_back(lmdb_store *self, const lmdb_key *key, int64_t position)
{
    lmdb_position there;
    int code = load_position(self, key, &there);
    if (code != 0 || (position >= 0 && there.next <= position))
        return code == MDB_NOTFOUND ? 0 : code;
    there.term++;
    there.next = position;
    there.last_offset = -1;
    there.last_hash = 0;
    return store_position(self, key, &there);
}

typedef struct place_list {
    lmdb_key *keys;
    size_t count;
} place_list;

static int add_key(lmdb_store *self, MDB_val key, MDB_val value, void *context)
{
    (void)self, (void)value;
    place_list *list = context;
    list->keys = stele_realloc_array(list->keys, list->count + 1, sizeof *list->keys);
    list->keys[list->count] = (lmdb_key){.size = 0};
    lmdb_key_add(&list->keys[list->count++], key.mv_data, key.mv_size);
    return 0;
}

/* Terms first: they are what others wait for. */
static int begin_again(lmdb_store *self, const stele_sql_reset *reset)
{
    place_list list = {0};
    lmdb_key group = group_key(reset->group);
    int code = walk(self, LMDB_POSITIONS, &group, add_key, &list);
    for (size_t i = 0; code == 0 && i < list.count; i++)
        code = go_back(self, &list.keys[i], -1);
    free(list.keys);
    if (code == 0) code = delete_rows(self, reset->setup.projection, reset->group);
    return code == 0 ? store_project(self, &reset->setup) : code;
}

stele_status lmdb_reset(stele_sql_store *base, const stele_sql_reset *reset, size_t *at,
                        stele_error *err)
{
    lmdb_store *self = (lmdb_store *)base;
    lmdb_project there;
    (void)at;
    stele_status status = lmdb_begin_write(self, err);
    if (status < 0) return status;
    int code = find_project(self, reset->setup.projection, &there);
    if (code == 0 && there.version == 0) return lmdb_undo(self, STELE_OK);
    if (code == 0 && (there.version != reset->setup.version ||
                      (reset->teardown == NULL && there.setup != hash_of(&reset->setup)))) {
        lmdb_roll_back(base);
        return stele_sql_fail_setup(err, self->path, &reset->setup, (int)there.version);
    }
    if (code == 0 && reset->teardown != NULL) code = begin_again(self, reset);
    for (size_t i = 0; reset->teardown == NULL && code == 0 && i < reset->return_count; i++) {
        lmdb_key key = place_key(reset->group, reset->returns[i].source);
        code = go_back(self, &key, reset->returns[i].position);
    }
    return end_write(self, code, err);
}

/* ---- positions ---- */

/* For how many partitions the first of a source was stored. */
static int take_count(lmdb_store *self, MDB_val key, MDB_val value, void *context)
{
    found_place found;
    int32_t *count = context;
    (void)self;
    if (!read_place(key, value, &found)) return MDB_CORRUPTED;
    if (found.position.next >= 0) *count = found.position.partitions;
    return 0;
}

static int claim_place(lmdb_store *self, const stele_sql_place *place, int32_t partitions,
                       const char *genesis, stele_sql_claim *out)
{
    lmdb_key key = place_key(place->group, place->source);
    lmdb_position there;
    int code = load_position(self, &key, &there);
    if (code == MDB_NOTFOUND) {
        there = (lmdb_position){.next = -1, .last_offset = -1};
        code = 0;
    }
    if (there.next < 0) {
        there.partitions = partitions;
        memset(there.genesis, 0, sizeof there.genesis);
        snprintf(there.genesis, sizeof there.genesis, "%s", genesis);
    }
    there.term++;
    if (code == 0) code = store_position(self, &key, &there);
    *out = (stele_sql_claim){.term = there.term,
                             .mark = {there.next, there.last_offset, there.last_hash},
                             .partitions = there.partitions};
    there.genesis[sizeof out->genesis - 1] = '\0';
    memcpy(out->genesis, there.genesis, sizeof out->genesis);
    return code;
}

stele_status lmdb_claim(stele_sql_store *base, const stele_sql_place *place, int32_t partitions,
                        const char *genesis, stele_sql_claim *out, stele_error *err)
{
    lmdb_store *self = (lmdb_store *)base;
    stele_sql_claim found;
    int32_t count = 0;
    stele_status status = lmdb_begin_write(self, err);
    if (status < 0) return status;
    lmdb_key source = source_key(place);
    int code = walk(self, LMDB_POSITIONS, &source, take_count, &count);
    if (code == 0 && count != 0 && count != partitions) {
        *out = (stele_sql_claim){.mark = {.position = -1, .last_offset = -1}, .partitions = count};
        return lmdb_undo(self, STELE_OK);
    }
    if (code == 0) code = claim_place(self, place, partitions, genesis, &found);
    if ((status = end_write(self, code, err)) < 0) return status;
    *out = found;
    return STELE_OK;
}

stele_status lmdb_begin(stele_sql_store *base, const stele_sql_place *place, int64_t term,
                        int64_t from, const stele_mark *to, stele_error *err)
{
    lmdb_store *self = (lmdb_store *)base;
    lmdb_position there;
    stele_status status = lmdb_begin_write(self, err);
    if (status < 0) return status;
    lmdb_key key = place_key(place->group, place->source);
    int code = load_position(self, &key, &there);
    if (code == MDB_NOTFOUND || (code == 0 && (there.term != term || there.next != from))) {
        lmdb_roll_back(base);
        return stele_sql_fail_fenced(err, self->path, place);
    }
    there.next = to->position;
    there.last_offset = to->last_offset;
    there.last_hash = to->last_hash;
    if (code == 0) code = store_position(self, &key, &there);
    if (code == 0) return STELE_OK;
    self->needs_map = code == MDB_MAP_FULL;
    return lmdb_undo(self, lmdb_fail(self, code, err));
}

typedef struct place_reader {
    stele_sql_each_place *each;
    void *context;
} place_reader;

static int tell_place(lmdb_store *self, MDB_val key, MDB_val value, void *context)
{
    const place_reader *to = context;
    found_place found;
    (void)self;
    if (!read_place(key, value, &found)) return MDB_CORRUPTED;
    to->each(to->context, &found.place, found.position.next);
    return 0;
}

stele_status lmdb_places(stele_sql_store *base, stele_sql_each_place *each, void *context,
                         stele_error *err)
{
    lmdb_store *self = (lmdb_store *)base;
    place_reader to = {each, context};
    lmdb_key all = {.size = 0};
    stele_status status = lmdb_begin_read(self, err);
    if (status < 0) return status;
    int code = walk(self, LMDB_POSITIONS, &all, tell_place, &to);
    if (code != 0) status = lmdb_fail(self, code, err);
    return lmdb_undo(self, status);
}

/* ---- letters ---- */

stele_status lmdb_keep(stele_sql_store *base, const stele_sql_place *place,
                       const stele_sql_letter *letter, stele_error *err)
{
    lmdb_store *self = (lmdb_store *)base;
    lmdb_key key = letter_key(place, letter->offset);
    MDB_val at = lmdb_key_val(&key), value = lmdb_val(letter->value.data, letter->value.size);
    int code = letter->value.data == NULL
                   ? mdb_del(self->txn, self->tables[LMDB_LETTERS], &at, NULL)
                   : mdb_put(self->txn, self->tables[LMDB_LETTERS], &at, &value, 0);
    if (code == 0 || code == MDB_NOTFOUND) return STELE_OK;
    self->needs_map = code == MDB_MAP_FULL;
    return lmdb_fail(self, code, err);
}

typedef struct letter_reader {
    stele_sql_each_letter *each;
    void *context;
} letter_reader;

static int tell_letter(lmdb_store *self, MDB_val key, MDB_val value, void *context)
{
    const letter_reader *to = context;
    (void)self;
    if (key.mv_size < 8) return MDB_CORRUPTED;
    const uint8_t *offset = (const uint8_t *)key.mv_data + key.mv_size - 8;
    to->each(to->context, (int64_t)number_at(offset, 8),
             stele_bytes_of(value.mv_data, value.mv_size));
    return 0;
}

stele_status lmdb_letters(stele_sql_store *base, const stele_sql_place *place,
                          stele_sql_each_letter *each, void *context, stele_error *err)
{
    lmdb_store *self = (lmdb_store *)base;
    letter_reader to = {each, context};
    stele_status status = lmdb_begin_read(self, err);
    if (status < 0) return status;
    lmdb_key prefix = place_key(place->group, place->source);
    int code = walk(self, LMDB_LETTERS, &prefix, tell_letter, &to);
    if (code != 0) status = lmdb_fail(self, code, err);
    return lmdb_undo(self, status);
}
