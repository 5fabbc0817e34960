/* SPDX-License-Identifier: MIT
 * The SQL port's contract on LMDB, as far as states of folds need it; and what is LMDB's own. */
#include "sql_cases.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/alloc.h"
#include "stores/lmdb_internal.h"
#include "tests/support/temporary.h"

typedef struct file_stage {
    temporary folder;
    char path[300];
} file_stage;

static stele_sql_store *connect_to(const char *path)
{
    return stele_lmdb_store_new(stele_runtime_system(), path);
}

static stele_sql_store *connect_store(void *self)
{
    return connect_to(((file_stage *)self)->path);
}

static stele_sql_store *open_at(const char *path)
{
    stele_error err;
    stele_sql_store *store = connect_to(path);
    if (stele_sql_store_open(store, &err) < 0) fail_msg("%s", err.text);
    return store;
}

static size_t prepare(stele_sql_store *store, const char *text)
{
    stele_error err;
    size_t statement = 0, at = 0;
    if (stele_sql_store_prepare(store, &(stele_sql_query){.text = text}, &statement, &at, &err) < 0)
        fail_msg("%s", err.text);
    return statement;
}

/* ---- reading ---- */

typedef struct found_rows {
    int count;
    char first[8];
    size_t value_size; /* of the last */
    stele_buffer last;
} found_rows;

static void add_row(void *context, const stele_sql_value *values, size_t count)
{
    found_rows *found = context;
    assert_int_equal(values[0].kind, STELE_SQL_TEXT);
    if (found->count++ == 0)
        snprintf(found->first, sizeof found->first, "%.*s", (int)values[0].as.bytes.size,
                 (const char *)values[0].as.bytes.data);
    if (count > 1 && values[1].kind >= STELE_SQL_TEXT) found->value_size = values[1].as.bytes.size;
    stele_buffer_reset(&found->last);
    stele_buffer_append(&found->last, values[0].as.bytes);
}

/* All rows, a page at a time. Release `last`. */
static found_rows read_all(stele_sql_store *store, int64_t partition)
{
    size_t scan = prepare(store, "SCAN sums");
    found_rows found = {0};
    stele_error err;
    stele_sql_value values[2] = {{.kind = STELE_SQL_INTEGER, .as.integer = partition}};
    for (int before = -1; before < found.count;) {
        STELE_AUTO_VALUE(stele_buffer) after = {0};
        stele_buffer_append(&after, stele_buffer_view(&found.last));
        if (found.count > 0)
            values[1] =
                (stele_sql_value){.kind = STELE_SQL_TEXT, .as.bytes = stele_buffer_view(&after)};
        before = found.count;
        if (stele_sql_store_read(store, scan, values, 2, add_row, &found, &err) < 0)
            fail_msg("%s", err.text);
    }
    return found;
}

static int count_rows(void *self)
{
    STELE_AUTO(stele_sql_store) store = open_at(((file_stage *)self)->path);
    found_rows found = read_all(store, 1);
    stele_buffer_clear(&found.last);
    return found.count;
}

/* ---- stages and scenes ---- */

static sql_stage begin(void)
{
    file_stage *made = stele_alloc(sizeof *made);
    made->folder = temporary_folder();
    snprintf(made->path, sizeof made->path, "%s/t.lmdb", made->folder.path);
    return (sql_stage){
        .self = made, .connect = connect_store, .count = count_rows, .has_no_sql = true};
}

static void end(void *self)
{
    file_stage *made = self;
    char old[320];
    snprintf(old, sizeof old, "%s.old", made->path);
    unlink(made->path);
    unlink(old);
    assert_int_equal(rmdir(made->folder.path), 0); /* there are no other files */
    free(made);
}

typedef struct scene {
    sql_stage stage;
    const char *path;
    stele_sql_store *store;
    size_t put;
    int64_t term;
} scene;

static const stele_sql_place place = {"sums.v1", {"account.events", 1}};
static const stele_sql_setup setup = {"sums", 1, "states of account.events"};

static void set_up(scene *own)
{
    stele_error err;
    size_t at = 0;
    stele_sql_claim found;
    if (stele_sql_store_setup(own->store, &setup, &at, &err) < 0) fail_msg("%s", err.text);
    own->put = prepare(own->store, "PUT sums");
    if (stele_sql_store_claim(own->store, &place, 4, "", &found, &err) < 0)
        fail_msg("%s", err.text);
    own->term = found.term;
}

static int begin_scene(void **state)
{
    scene *own = stele_alloc(sizeof *own);
    own->stage = begin();
    own->path = ((file_stage *)own->stage.self)->path;
    own->store = open_at(own->path);
    set_up(own);
    *state = own;
    return 0;
}

static int end_scene(void **state)
{
    scene *own = *state;
    stele_sql_store_free(own->store);
    end(own->stage.self);
    free(own);
    return 0;
}

static stele_status begin_at(scene *own, int64_t from, int64_t to, stele_error *err)
{
    stele_mark mark = {.position = to, .last_offset = to - 1};
    return stele_sql_store_begin(own->store, &place, own->term, from, &mark, err);
}

static stele_status put(scene *own, stele_bytes id, stele_bytes value, stele_error *err)
{
    const stele_sql_value values[] = {{.kind = STELE_SQL_TEXT, .as.bytes = id},
                                      {.kind = STELE_SQL_INTEGER, .as.integer = 1},
                                      {.kind = STELE_SQL_BYTES, .as.bytes = value}};
    return stele_sql_store_execute(own->store, own->put, values, 3, err);
}

static void store_one(scene *own, int64_t from, int64_t to, const char *id)
{
    stele_error err;
    if (begin_at(own, from, to, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(put(own, stele_text(id), stele_text("x"), &err), STELE_OK);
    if (stele_sql_store_commit(own->store, &err) < 0) fail_msg("%s", err.text);
}

static void assert_says(const stele_error *err, stele_next next, const char *text)
{
    if (err->next != next || strstr(err->text, text) == NULL)
        fail_msg("%d: %s", (int)err->next, err->text);
}

/* ---- cases ---- */

static void ids_of_any_length_are_rows_of_their_own(void **state)
{
    scene *own = *state;
    stele_error err;
    char id[2000];
    memset(id, 'a', sizeof id);
    assert_int_equal(begin_at(own, -1, 1, &err), STELE_OK);
    for (size_t size = 0; size < sizeof id; size += 100)
        assert_int_equal(put(own, stele_bytes_of(id, size), stele_text("x"), &err), STELE_OK);
    id[1800] = 'b'; /* behind what fits into a key */
    assert_int_equal(put(own, stele_bytes_of(id, 1900), stele_text("x"), &err), STELE_OK);
    assert_int_equal(put(own, stele_bytes_of(id, 1900), stele_text("y"), &err), STELE_OK);
    assert_int_equal(stele_sql_store_commit(own->store, &err), STELE_OK);

    assert_int_equal(count_rows(own->stage.self), 21);
}

static void rows_are_read_a_page_at_a_time(void **state)
{
    scene *own = *state;
    enum { ROWS = 2 * STELE_LMDB_SCAN_MAX + 500 };
    stele_error err;
    assert_int_equal(begin_at(own, -1, ROWS, &err), STELE_OK);
    for (int i = 0; i < ROWS; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        assert_int_equal(put(own, stele_text(id), stele_text("x"), &err), STELE_OK);
    }
    assert_int_equal(stele_sql_store_commit(own->store, &err), STELE_OK);

    found_rows own_rows = read_all(own->store, 1), others = read_all(own->store, 2);

    assert_int_equal(own_rows.count, ROWS);
    assert_int_equal(others.count, 0);
    stele_buffer_clear(&own_rows.last);
    stele_buffer_clear(&others.last);
}

/* A transaction that is larger than the map: LMDB says so, and the next one has room. */
static void the_map_grows_with_what_is_stored(void **state)
{
    scene *own = *state;
    enum { SIZE = 200 << 10 };
    static uint8_t data[SIZE];
    stele_error err = {0};
    int tries = 0;
    bool stored = false;
    stele_sql_store_close(own->store);
    stele_lmdb_store_set_map(own->store, 1 << 20);
    assert_int_equal(stele_sql_store_open(own->store, &err), STELE_OK);
    set_up(own);
    while (!stored && tries++ < 5) {
        stele_status status = begin_at(own, -1, 1, &err);
        for (int i = 0; i < 8 && status == STELE_OK; i++) {
            char id[8];
            snprintf(id, sizeof id, "%d", i);
            status = put(own, stele_text(id), stele_bytes_of(data, SIZE), &err);
        }
        if (status == STELE_OK) status = stele_sql_store_commit(own->store, &err);
        stored = status == STELE_OK;
        if (!stored) assert_int_equal(err.next, STELE_NEXT_RETRY);
        stele_sql_store_rollback(own->store);
    }
    assert_true(stored);
    assert_true(tries > 1);
    found_rows found = read_all(own->store, 1);
    assert_int_equal(found.count, 8);
    assert_int_equal(found.value_size, SIZE);
    stele_buffer_clear(&found.last);
}

/* Pages that the first has no map for yet. */
static void another_one_that_has_grown_the_file_is_followed(void **state)
{
    scene *own = *state;
    enum { SIZE = 200 << 10, ROWS = 30 };
    static uint8_t data[SIZE];
    stele_error err;
    struct stat stat_of;
    scene other = {.store = open_at(own->path)};
    stele_sql_store_close(own->store);
    stele_lmdb_store_set_map(own->store, 1 << 20);
    assert_int_equal(stele_sql_store_open(own->store, &err), STELE_OK);
    set_up(own);
    store_one(own, -1, 1, "a");
    set_up(&other); /* it has the partition now */
    assert_int_equal(begin_at(&other, 1, 2, &err), STELE_OK);
    for (int i = 0; i < ROWS; i++) {
        char id[8];
        snprintf(id, sizeof id, "b%d", i);
        assert_int_equal(put(&other, stele_text(id), stele_bytes_of(data, SIZE), &err), STELE_OK);
    }
    assert_int_equal(stele_sql_store_commit(other.store, &err), STELE_OK);
    assert_int_equal(stat(own->path, &stat_of), 0);
    assert_true(stat_of.st_size > ROWS * SIZE); /* its map was of a sixth of that */

    assert_int_equal(begin_at(own, 1, 2, &err), STELE_E_FENCED);
    found_rows seen = read_all(own->store, 1);
    assert_int_equal(seen.count, ROWS + 1);
    set_up(own);
    store_one(own, 2, 3, "c");

    found_rows found = read_all(other.store, 1);
    assert_int_equal(found.count, ROWS + 2);
    stele_buffer_clear(&seen.last);
    stele_buffer_clear(&found.last);
    stele_sql_store_free(other.store);
}

static void a_file_that_is_locked_is_waited_for(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    int other = open(own->path, O_RDWR);
    assert_int_equal(flock(other, LOCK_EX), 0);

    assert_int_equal(begin_at(own, -1, 1, &err), STELE_E_UNAVAILABLE);

    assert_says(&err, STELE_NEXT_RETRY, "is locked by another program");
    close(other);
    store_one(own, -1, 1, "a");
}

static void a_full_disk_is_waited_for(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    struct rlimit before, full;
    static uint8_t data[1 << 20];
    store_one(own, -1, 1, "a");
    getrlimit(RLIMIT_FSIZE, &before);
    full = before;
    full.rlim_cur = 256 << 10;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);

    stele_status status = begin_at(own, 1, 2, &err);
    if (status == STELE_OK)
        status = put(own, stele_text("b"), stele_bytes_of(data, sizeof data), &err);
    if (status == STELE_OK) status = stele_sql_store_commit(own->store, &err);
    setrlimit(RLIMIT_FSIZE, &before);

    assert_int_equal(status, STELE_E_UNAVAILABLE);
    assert_says(&err, STELE_NEXT_RETRY, "the disk is full");
    stele_sql_store_rollback(own->store);
    assert_int_equal(count_rows(own->stage.self), 1);
    store_one(own, 1, 2, "b");
    assert_int_equal(count_rows(own->stage.self), 2);
}

static void a_file_that_is_replaced_is_opened_again(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    char old[320];
    snprintf(old, sizeof old, "%s.old", own->path);
    assert_int_equal(rename(own->path, old), 0);

    assert_int_equal(begin_at(own, -1, 1, &err), STELE_E_UNAVAILABLE);

    assert_says(&err, STELE_NEXT_ABORT, "was removed or replaced");
    stele_sql_store_close(own->store);
    assert_int_equal(stele_sql_store_open(own->store, &err), STELE_OK);
    set_up(own);
    store_one(own, -1, 1, "a");
}

static void a_file_that_is_cut_off_is_refused(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    for (int i = 0; i < 20; i++) {
        char id[8];
        snprintf(id, sizeof id, "%d", i);
        store_one(own, i == 0 ? -1 : i, i + 1, id);
    }
    stele_sql_store_close(own->store);
    assert_int_equal(truncate(own->path, (off_t)4 * 4096), 0); /* it uses more pages */

    assert_int_equal(stele_sql_store_open(own->store, &err), STELE_E_INVALID);

    assert_says(&err, STELE_NEXT_STOP, "it is cut off. Remove the file");
}

static void what_it_has_no_right_to_is_named(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    enum { NOBODY = 65534 };
    bool is_root = geteuid() == 0; /* who may write anywhere */
    stele_sql_store_close(own->store);
    assert_int_equal(chmod(((file_stage *)own->stage.self)->folder.path, 0755), 0);
    assert_int_equal(chmod(own->path, 0444), 0);

    if (is_root) assert_int_equal(seteuid(NOBODY), 0);
    stele_status status = stele_sql_store_open(own->store, &err);
    if (is_root) assert_int_equal(seteuid(0), 0);

    assert_int_equal(status, STELE_E_FORBIDDEN);
    assert_says(&err, STELE_NEXT_STOP, "needs the right to write the file");
}

/* Another id in the row, as if its hash were the same. */
static void change_ids(const char *path, uint8_t from, uint8_t to)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_cursor *cursor;
    MDB_val key, value;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 4), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0644), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "states", 0, &dbi), 0);
    assert_int_equal(mdb_cursor_open(txn, dbi, &cursor), 0);
    assert_int_equal(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), 0);
    uint8_t *row = stele_alloc(value.mv_size);
    memcpy(row, value.mv_data, value.mv_size);
    for (size_t i = 0; i < value.mv_size; i++)
        if (row[i] == from) row[i] = to;
    value.mv_data = row;
    assert_int_equal(mdb_cursor_put(cursor, &key, &value, MDB_CURRENT), 0);
    mdb_cursor_close(cursor);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    free(row);
}

static void two_ids_of_one_hash_are_not_mixed_up(void **state)
{
    scene *own = *state;
    stele_error err;
    char id[1000];
    memset(id, 'q', sizeof id);
    assert_int_equal(begin_at(own, -1, 1, &err), STELE_OK);
    assert_int_equal(put(own, stele_bytes_of(id, sizeof id), stele_text("x"), &err), STELE_OK);
    assert_int_equal(stele_sql_store_commit(own->store, &err), STELE_OK);
    stele_sql_store_close(own->store);
    change_ids(own->path, 'q', 'r');
    assert_int_equal(stele_sql_store_open(own->store, &err), STELE_OK);
    set_up(own);

    assert_int_equal(begin_at(own, 1, 2, &err), STELE_OK);
    assert_int_equal(put(own, stele_bytes_of(id, sizeof id), stele_text("y"), &err),
                     STELE_E_INVALID);

    assert_says(&err, STELE_NEXT_STOP, "and another one have the same hash");
    stele_sql_store_rollback(own->store);
}

/* What the same call would run into again is no reason to wait. */
static void only_what_may_pass_is_waited_for(void **state)
{
    (void)state;
    static const struct {
        int code;
        stele_next next;
    } cases[] = {{ENOSPC, STELE_NEXT_RETRY},         {EIO, STELE_NEXT_RETRY},
                 {ENOMEM, STELE_NEXT_RETRY},         {EMFILE, STELE_NEXT_RETRY},
                 {MDB_MAP_FULL, STELE_NEXT_RETRY},   {MDB_PANIC, STELE_NEXT_ABORT},
                 {ESTALE, STELE_NEXT_ABORT},         {EACCES, STELE_NEXT_STOP},
                 {EINVAL, STELE_NEXT_STOP},          {MDB_TXN_FULL, STELE_NEXT_STOP},
                 {MDB_DBS_FULL, STELE_NEXT_STOP},    {MDB_CURSOR_FULL, STELE_NEXT_STOP},
                 {MDB_PAGE_FULL, STELE_NEXT_STOP},   {MDB_BAD_VALSIZE, STELE_NEXT_STOP},
                 {MDB_BAD_DBI, STELE_NEXT_STOP},     {MDB_CORRUPTED, STELE_NEXT_STOP},
                 {MDB_READERS_FULL, STELE_NEXT_STOP}};
    STELE_AUTO(stele_sql_store) store = connect_to("t.lmdb");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_error err = {0};
        assert_true(lmdb_fail((const lmdb_store *)store, cases[i].code, &err) < 0);
        if (err.next != cases[i].next) fail_msg("%d: %s", cases[i].code, err.text);
        assert_int_equal(err.cause, cases[i].code);
    }
}

static void sql_is_refused(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    size_t statement, at = 0;
    const stele_sql_setup script = {"orders", 1, "CREATE TABLE orders (id TEXT)"};

    assert_int_equal(stele_sql_store_setup(own->store, &script, &at, &err), STELE_E_INVALID);
    assert_says(&err, STELE_NEXT_STOP, "LMDB knows no SQL");
    assert_int_equal(stele_sql_store_prepare(own->store, &(stele_sql_query){.text = "SELECT 1"},
                                             &statement, &at, &err),
                     STELE_E_INVALID);
    assert_says(&err, STELE_NEXT_STOP, "LMDB knows no SQL");
}

static void a_file_of_another_program_is_left_alone(void **state)
{
    (void)state;
    stele_error err = {0};
    temporary file = temporary_write("", 0);
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val key = {1, "k"}, value = {1, "v"};
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, file.path, MDB_NOSUBDIR | MDB_NOLOCK, 0644), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    STELE_AUTO(stele_sql_store) store = connect_to(file.path);

    assert_int_equal(stele_sql_store_open(store, &err), STELE_E_CONFLICT);

    assert_says(&err, STELE_NEXT_STOP, "is an LMDB file of another program");
    temporary_clear(&file);
}

static void what_is_no_lmdb_file_is_named(void **state)
{
    (void)state;
    stele_error err = {0};
    static const char text[8192] = "this is a file of text, and longer than a page of LMDB is";
    temporary file = temporary_write(text, sizeof text);
    STELE_AUTO(stele_sql_store) store = connect_to(file.path);
    assert_int_equal(stele_sql_store_open(store, &err), STELE_E_INVALID);
    assert_says(&err, STELE_NEXT_STOP, "is no LMDB file, or is damaged");
    temporary_clear(&file);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    (void)state;
    stele_error err = {0};
    STELE_AUTO(stele_sql_store) store = connect_to("/nowhere/at/all/t.lmdb");
    assert_int_equal(stele_sql_store_open(store, &err), STELE_E_NOT_FOUND);
    assert_says(&err, STELE_NEXT_STOP, "/nowhere/at/all/t.lmdb");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin_scene, end_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(ids_of_any_length_are_rows_of_their_own),
        CASE(rows_are_read_a_page_at_a_time),
        CASE(the_map_grows_with_what_is_stored),
        CASE(another_one_that_has_grown_the_file_is_followed),
        CASE(a_file_that_is_locked_is_waited_for),
        CASE(a_full_disk_is_waited_for),
        CASE(a_file_that_is_replaced_is_opened_again),
        CASE(a_file_that_is_cut_off_is_refused),
        CASE(what_it_has_no_right_to_is_named),
        CASE(two_ids_of_one_hash_are_not_mixed_up),
        CASE(sql_is_refused),
        cmocka_unit_test(only_what_may_pass_is_waited_for),
        cmocka_unit_test(a_file_of_another_program_is_left_alone),
        cmocka_unit_test(what_is_no_lmdb_file_is_named),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + sql_cases_run(begin, end);
}
