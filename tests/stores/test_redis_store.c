/* SPDX-License-Identifier: MIT
 * The SQL port's contract on a Redis of the test's own, as far as states of folds need it; and what
 * is Redis' own. */
#include "sql_cases.h"

#include "core/alloc.h"
#include "core/text.h"
#include "stores/redis_link.h"
#include "stores/redis_store.h"
#include "tests/support/redis.h"

static stele_sql_store *connect_at(const char *address)
{
    stele_sql_store *store;
    stele_error err;
    if (stele_redis_store_new(stele_runtime_system(), address, &store, &err) < 0)
        fail_msg("%s", err.text);
    return store;
}

static stele_sql_store *connect_store(void *self)
{
    (void)self;
    return connect_at(redis_server);
}

static int count_rows(void *self)
{
    (void)self;
    STELE_AUTO(char) count = redis_say("ZCARD stele/rows/sums/1");
    return (int)strtol(count, NULL, 10);
}

static sql_stage begin(void)
{
    redis_empty();
    return (sql_stage){
        .connect = connect_store, .count = count_rows, .has_no_sql = true, .has_fields = true};
}

static void end(void *self)
{
    (void)self;
}

/* ---- scenes ---- */

typedef struct scene {
    stele_sql_store *store;
    size_t put, scan, clear;
    int64_t term;
} scene;

static const stele_sql_place place = {"sums.v1", {"account.events", 1}};
static const stele_sql_setup setup = {"sums", 1, "states of account.events"};

static size_t prepare(stele_sql_store *store, const char *text)
{
    stele_error err;
    size_t statement = 0, at = 0;
    if (stele_sql_store_prepare(store, &(stele_sql_query){.text = text}, &statement, &at, &err) < 0)
        fail_msg("%s", err.text);
    return statement;
}

static void set_up(scene *own)
{
    stele_error err;
    size_t at = 0;
    stele_sql_claim found;
    if (stele_sql_store_open(own->store, &err) < 0 ||
        stele_sql_store_setup(own->store, &setup, &at, &err) < 0)
        fail_msg("%s", err.text);
    own->put = prepare(own->store, "PUT sums stele_id stele_partition stele_version stele_finished "
                                   "stele_state balance ratio open note");
    own->scan = prepare(own->store, "SCAN sums stele_version stele_finished stele_state");
    own->clear = prepare(own->store, "CLEAR sums");
    if (stele_sql_store_claim(own->store, &place, 4, "g", &found, &err) < 0)
        fail_msg("%s", err.text);
    own->term = found.term;
}

static int begin_scene(void **state)
{
    scene *own = stele_alloc(sizeof *own);
    redis_empty();
    own->store = connect_at(redis_server);
    set_up(own);
    *state = own;
    return 0;
}

static int end_scene(void **state)
{
    scene *own = *state;
    stele_sql_store_free(own->store);
    free(own);
    return 0;
}

static stele_status begin_at(scene *own, int64_t from, int64_t to, stele_error *err)
{
    stele_mark mark = {.position = to, .last_offset = to - 1, .last_hash = INT64_MIN};
    return stele_sql_store_begin(own->store, &place, own->term, from, &mark, err);
}

static void put(scene *own, const char *id, const char *note)
{
    const stele_sql_value values[] = {
        {.kind = STELE_SQL_TEXT, .as.bytes = stele_text(id)},
        {.kind = STELE_SQL_INTEGER, .as.integer = 1},
        {.kind = STELE_SQL_INTEGER, .as.integer = 7},
        {.kind = STELE_SQL_BOOLEAN, .as.integer = 1},
        {.kind = STELE_SQL_BYTES, .as.bytes = stele_bytes_of("\0\r\n", 3)},
        {.kind = STELE_SQL_INTEGER, .as.integer = INT64_MAX},
        {.kind = STELE_SQL_REAL, .as.real = 0.1},
        {.kind = STELE_SQL_BOOLEAN, .as.integer = 0},
        {.kind = note == NULL ? STELE_SQL_NULL : STELE_SQL_TEXT,
         .as.bytes = note == NULL ? (stele_bytes){0} : stele_text(note)},
    };
    assert_int_equal(stele_sql_store_execute(own->store, own->put, values, COUNT_OF(values), NULL),
                     STELE_OK);
}

static void store_one(scene *own, int64_t from, int64_t to, const char *id, const char *note)
{
    stele_error err;
    if (begin_at(own, from, to, &err) < 0) fail_msg("%s", err.text);
    put(own, id, note);
    if (stele_sql_store_commit(own->store, &err) < 0) fail_msg("%s", err.text);
}

static void assert_says(const stele_error *err, stele_next next, const char *text)
{
    if (err->next != next || strstr(err->text, text) == NULL)
        fail_msg("%d: %s", (int)err->next, err->text);
}

static void assert_redis(const char *command, const char *expected)
{
    STELE_AUTO(char) said = redis_say(command);
    if (strcmp(said, expected) != 0) fail_msg("%s: %s", command, said);
}

/* ---- cases ---- */

static void a_state_is_a_hash_of_its_fields(void **state)
{
    scene *own = *state;
    store_one(own, -1, 1, "a", "x");
    assert_redis("HGET sums:a balance", "9223372036854775807");
    assert_redis("HGET sums:a ratio", "0.10000000000000001");
    assert_redis("HGET sums:a open", "false");
    assert_redis("HGET sums:a note", "x");
    assert_redis("HGET sums:a stele_finished", "true");
    assert_redis("HGET stele/position/sums.v1/account.events/1 next", "1");
    assert_redis("HGET stele/position/sums.v1/account.events/1 last_hash", "-9223372036854775808");

    store_one(own, 1, 2, "a", NULL);

    assert_redis("HEXISTS sums:a note", "0");
}

typedef struct found_rows {
    int count;
    stele_buffer last;
} found_rows;

static void add_row(void *context, const stele_sql_value *values, size_t count)
{
    found_rows *found = context;
    found->count++;
    assert_int_equal(count, 4);
    assert_int_equal(values[1].as.integer, 7);
    assert_int_equal(values[2].as.integer, 1);
    assert_memory_equal(values[3].as.bytes.data, "\0\r\n", 3);
    stele_buffer_reset(&found->last);
    stele_buffer_append(&found->last, values[0].as.bytes);
}

static stele_status read_all(scene *own, found_rows *found, stele_error *err)
{
    stele_status status = STELE_OK;
    for (int before = -1; before < found->count && status == STELE_OK;) {
        STELE_AUTO_VALUE(stele_buffer) after = {0};
        stele_sql_value values[2] = {{.kind = STELE_SQL_INTEGER, .as.integer = 1}};
        stele_buffer_append(&after, stele_buffer_view(&found->last));
        if (found->count > 0)
            values[1] =
                (stele_sql_value){.kind = STELE_SQL_TEXT, .as.bytes = stele_buffer_view(&after)};
        before = found->count;
        status = stele_sql_store_read(own->store, own->scan, values, 2, add_row, found, err);
    }
    stele_buffer_clear(&found->last);
    return status;
}

static void rows_are_read_a_page_at_a_time(void **state)
{
    scene *own = *state;
    enum { ROWS = 2 * STELE_REDIS_SCAN_MAX + 500 };
    stele_error err;
    found_rows found = {0};
    assert_int_equal(begin_at(own, -1, ROWS, &err), STELE_OK);
    put(own, "", "an id like any other");
    for (int i = 1; i < ROWS; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        put(own, id, "x");
    }
    assert_int_equal(stele_sql_store_commit(own->store, &err), STELE_OK);

    assert_int_equal(read_all(own, &found, &err), STELE_OK);

    assert_int_equal(found.count, ROWS);
}

static void a_key_that_someone_has_removed_is_named(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    found_rows found = {0};
    store_one(own, -1, 1, "a", "x");
    redis_do("DEL sums:a");

    assert_int_equal(read_all(own, &found, &err), STELE_E_INVALID);

    assert_says(&err, STELE_NEXT_STOP, "the key sums:\"a\" is gone");
}

/* Between the look at the position and the commit. */
static void whoever_claims_in_the_middle_of_a_transaction_fences_it(void **state)
{
    scene *own = *state;
    stele_error err;
    stele_sql_claim found;
    STELE_AUTO(stele_sql_store) other = connect_at(redis_server);
    assert_int_equal(stele_sql_store_open(other, &err), STELE_OK);
    assert_int_equal(begin_at(own, -1, 1, &err), STELE_OK);
    put(own, "a", "x");

    assert_int_equal(stele_sql_store_claim(other, &place, 4, "g", &found, &err), STELE_OK);

    assert_int_equal(stele_sql_store_commit(own->store, &err), STELE_E_FENCED);
    assert_redis("EXISTS sums:a", "0");
    own->term = found.term;
    store_one(own, -1, 1, "a", "y");
}

static void full_memory_is_waited_for(void **state)
{
    scene *own = *state;
    stele_error err;
    store_one(own, -1, 1, "a", "x");
    redis_do("CONFIG SET maxmemory 1");
    assert_int_equal(begin_at(own, 1, 2, &err), STELE_OK);
    put(own, "b", "y");

    assert_int_equal(stele_sql_store_commit(own->store, &err), STELE_E_UNAVAILABLE);

    assert_says(&err, STELE_NEXT_RETRY, "its memory is full");
    redis_do("CONFIG SET maxmemory 0");
    assert_redis("EXISTS sums:b", "0");
    store_one(own, 1, 2, "b", "y");
}

static void a_server_that_removes_keys_by_itself_is_refused(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    stele_sql_store_close(own->store);
    redis_do("CONFIG SET maxmemory-policy allkeys-lru");

    stele_status status = stele_sql_store_open(own->store, &err);

    redis_do("CONFIG SET maxmemory-policy noeviction");
    assert_int_equal(status, STELE_E_INVALID);
    assert_says(&err, STELE_NEXT_STOP, "set maxmemory-policy noeviction");
}

static void keys_of_another_program_are_left_alone(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    stele_sql_store_close(own->store);
    redis_empty();
    redis_do("SET other 1");

    assert_int_equal(stele_sql_store_open(own->store, &err), STELE_E_CONFLICT);

    assert_says(&err, STELE_NEXT_STOP, "holds keys of another program");
    redis_do("DEL other");
    redis_do("SET stele/format 2");
    assert_int_equal(stele_sql_store_open(own->store, &err), STELE_E_CONFLICT);
    assert_says(&err, STELE_NEXT_STOP, "a newer version of Stele");
}

static void a_database_that_was_emptied_is_opened_again(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    stele_sql_claim found;
    store_one(own, -1, 1, "a", "x");
    redis_empty();

    assert_int_equal(begin_at(own, 1, 2, &err), STELE_E_FENCED);
    assert_int_equal(stele_sql_store_claim(own->store, &place, 4, "g", &found, &err),
                     STELE_E_UNAVAILABLE);

    assert_says(&err, STELE_NEXT_ABORT, "was emptied");
    int64_t before = own->term;
    stele_sql_store_close(own->store);
    set_up(own);
    assert_true(own->term > before); /* whoever has the old one changes nothing */
    store_one(own, -1, 1, "b", "x");
}

/* A replica that is behind takes over, or an older copy is restored. */
static void a_server_that_went_back_fences_whoever_has_seen_more(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    stele_sql_claim found;
    store_one(own, -1, 1, "a", "x");
    store_one(own, 1, 2, "b", "x");
    redis_do("HSET stele/position/sums.v1/account.events/1 next 1");

    assert_int_equal(begin_at(own, 2, 3, &err), STELE_E_FENCED);

    assert_int_equal(stele_sql_store_claim(own->store, &place, 4, "g", &found, &err), STELE_OK);
    assert_int_equal(found.mark.position, 1);
}

static void a_connection_that_is_lost_is_made_again(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    store_one(own, -1, 1, "a", "x");
    redis_call("kill");
    assert_int_equal(begin_at(own, 1, 2, &err), STELE_E_UNAVAILABLE);
    assert_says(&err, STELE_NEXT_ABORT, "the connection was lost");
    stele_sql_store_close(own->store);
    assert_int_equal(stele_sql_store_open(own->store, &err), STELE_E_UNAVAILABLE);
    assert_says(&err, STELE_NEXT_RETRY, "cannot be reached: Connection refused");

    redis_call("start");

    set_up(own); /* it keeps what it has acknowledged */
    store_one(own, 1, 2, "b", "x");
}

static void a_password_is_given_and_its_lack_is_named(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    char address[100];
    stele_sql_store_close(own->store);
    redis_do("ACL SETUSER me on >secret ~* +@all");
    redis_do("ACL SETUSER default off");

    stele_status without = stele_sql_store_open(own->store, &err);
    snprintf(address, sizeof address, "//me:secret@%s", redis_server);
    STELE_AUTO(stele_sql_store) other = connect_at(address);
    stele_error ours = {0};
    stele_status with = stele_sql_store_open(other, &ours);
    redisContext *context = redis_connect();
    freeReplyObject(redisCommand(context, "AUTH me secret"));
    freeReplyObject(redisCommand(context, "ACL SETUSER default on nopass"));
    redisFree(context);

    assert_int_equal(without, STELE_E_FORBIDDEN);
    assert_says(&err, STELE_NEXT_STOP, "name the user and the password");
    assert_null(strstr(err.text, "secret"));
    if (with < 0) fail_msg("%s", ours.text);
    snprintf(address, sizeof address, "//me:wrong@%s", redis_server);
    STELE_AUTO(stele_sql_store) third = connect_at(address);
    assert_int_equal(stele_sql_store_open(third, &err), STELE_E_FORBIDDEN);
    assert_null(strstr(err.text, "wrong@"));
}

static void a_database_of_a_number_is_another_one(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    char address[100];
    store_one(own, -1, 1, "a", "x");
    snprintf(address, sizeof address, "%s/3", redis_server);
    scene other = {.store = connect_at(address)};
    set_up(&other);
    store_one(&other, -1, 1, "b", "x");
    assert_redis("EXISTS sums:b", "0");
    stele_sql_store_free(other.store);
    snprintf(address, sizeof address, "%s/99", redis_server);
    STELE_AUTO(stele_sql_store) none = connect_at(address);
    assert_int_equal(stele_sql_store_open(none, &err), STELE_E_NOT_FOUND);
    assert_says(&err, STELE_NEXT_STOP, "no database of that number");
}

static void sql_is_refused(void **state)
{
    scene *own = *state;
    stele_error err = {0};
    size_t statement, at = 0;
    const stele_sql_setup script = {"orders", 1, "CREATE TABLE orders (id TEXT)"};

    assert_int_equal(stele_sql_store_setup(own->store, &script, &at, &err), STELE_E_INVALID);
    assert_says(&err, STELE_NEXT_STOP, "Redis knows no SQL");
    assert_int_equal(stele_sql_store_prepare(own->store, &(stele_sql_query){.text = "SELECT 1"},
                                             &statement, &at, &err),
                     STELE_E_INVALID);
    assert_says(&err, STELE_NEXT_STOP, "Redis knows no SQL");
}

static void only_what_may_pass_is_waited_for(void **state)
{
    (void)state;
    static const struct {
        const char *said;
        stele_next next;
    } cases[] = {
        {"OOM command not allowed when used memory > 'maxmemory'.", STELE_NEXT_RETRY},
        {"LOADING Redis is loading the dataset in memory", STELE_NEXT_RETRY},
        {"MISCONF Redis is configured to save RDB snapshots", STELE_NEXT_RETRY},
        {"NOREPLICAS Not enough good replicas to write.", STELE_NEXT_RETRY},
        {"ERR max number of clients reached", STELE_NEXT_RETRY},
        {"READONLY You can't write against a read only replica.", STELE_NEXT_ABORT},
        {"MASTERDOWN Link with MASTER is down", STELE_NEXT_ABORT},
        {"NOAUTH Authentication required.", STELE_NEXT_STOP},
        {"NOPERM this user has no permissions", STELE_NEXT_STOP},
        {"MOVED 3999 127.0.0.1:6381", STELE_NEXT_STOP},
        {"WRONGTYPE Operation against a key", STELE_NEXT_STOP},
        {"ERR unknown command", STELE_NEXT_STOP},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_error err = {0};
        assert_true(redis_fail("redis:h", cases[i].said, &err) < 0);
        if (err.next != cases[i].next) fail_msg("%s: %s", cases[i].said, err.text);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin_scene, end_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_state_is_a_hash_of_its_fields),
        CASE(rows_are_read_a_page_at_a_time),
        CASE(a_key_that_someone_has_removed_is_named),
        CASE(whoever_claims_in_the_middle_of_a_transaction_fences_it),
        CASE(full_memory_is_waited_for),
        CASE(a_server_that_removes_keys_by_itself_is_refused),
        CASE(keys_of_another_program_are_left_alone),
        CASE(a_database_that_was_emptied_is_opened_again),
        CASE(a_server_that_went_back_fences_whoever_has_seen_more),
        CASE(a_connection_that_is_lost_is_made_again),
        CASE(a_password_is_given_and_its_lack_is_named),
        CASE(a_database_of_a_number_is_another_one),
        CASE(sql_is_refused),
        cmocka_unit_test(only_what_may_pass_is_waited_for),
    };
    redis_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + sql_cases_run(begin, end);
}
