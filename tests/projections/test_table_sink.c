/* SPDX-License-Identifier: MIT
 * The state sink's contract in tables: of SQLite, of LMDB, of a PostgreSQL and a Redis of the
 * test's own, and of the database in memory; and what those who read the table see. */
#include "tests/stores/sink_cases.h"

#include <unistd.h>

#include "core/alloc.h"
#include "projections/table_sink.h"
#include "registry/wire.h"
#include "stores/memory_sql.h"
#ifdef STELE_POSTGRES
#include "tests/support/postgres.h"
#endif
#ifdef STELE_REDIS
#include "tests/support/redis.h"
#endif
#include "tests/support/temporary.h"

static const stele_aggregate account = {.name = "account"};
static const stele_projection balances = {
    .name = "balances", .version = 1, .source = &account, .state = &test_account_type};
enum { SCHEMA = 7, PARTITION = 2, PARTITIONS = 4 };

/* What the cases run in: a URL, or the database in memory. */
static const char *kind;

typedef struct rig {
    char url[600];
    temporary folder;
    stele_memory_database *memory;
    stele_state_table *table;
    stele_sql_desk *desk;
    stele_sql_guest *guest;
    stele_sink *sink;
    atomic_int rings;
} rig;

static stele_sql_store *connect_store(rig *of)
{
    stele_sql_store *store;
    stele_error err;
    if (of->memory != NULL) return stele_memory_sql_new(of->memory);
    if (stele_sql_store_new(stele_runtime_system(), of->url, &store, &err) < 0)
        fail_msg("%s", err.text);
    return store;
}

static void open_desk(rig *of)
{
    stele_error err;
    if (stele_state_table_new(&balances, &sink_companion, stele_sql_dialect_of(of->url), &of->table,
                              &err) < 0)
        fail_msg("%s", err.text);
    of->desk = stele_sql_desk_open(stele_runtime_system(), connect_store(of));
    if (stele_sql_desk_admit(of->desk, stele_state_table_file(of->table), &of->guest, &err) < 0)
        fail_msg("%s", err.text);
}

static void close_desk(rig *of)
{
    stele_sql_desk_close(of->desk);
    stele_state_table_free(of->table);
}

static rig *rig_new(void)
{
    rig *of = stele_alloc(sizeof *of);
    if (strcmp(kind, "memory") == 0) of->memory = stele_memory_database_new(stele_runtime_system());
    if (strcmp(kind, "sqlite") == 0) {
        of->folder = temporary_folder();
        snprintf(of->url, sizeof of->url, "sqlite:%s/t.db", of->folder.path);
    }
    if (strcmp(kind, "lmdb") == 0) {
        of->folder = temporary_folder();
        snprintf(of->url, sizeof of->url, "lmdb:%s/t.db", of->folder.path);
    }
#ifdef STELE_POSTGRES
    if (strcmp(kind, "postgres") == 0) {
        static int number;
        char text[80];
        snprintf(text, sizeof text, "CREATE SCHEMA t%d", ++number);
        postgres_run(postgres_conninfo, text);
        snprintf(of->url, sizeof of->url, "postgres:%s options=-csearch_path=t%d",
                 postgres_conninfo, number);
    }
#endif
#ifdef STELE_REDIS
    if (strcmp(kind, "redis") == 0) {
        redis_empty();
        snprintf(of->url, sizeof of->url, "redis:%s", redis_server);
    }
#endif
    open_desk(of);
    return of;
}

static void rig_free(rig *of)
{
    close_desk(of);
    stele_memory_database_free(of->memory);
    if (of->folder.path[0] != '\0') {
        char path[300];
        snprintf(path, sizeof path, "%s/t.db", of->folder.path);
        unlink(path);
        rmdir(of->folder.path);
    }
    free(of);
}

static void ring(void *context)
{
    atomic_fetch_add(&((rig *)context)->rings, 1);
}

static stele_sql_caller caller_of(rig *of)
{
    return (stele_sql_caller){of->guest, {"account.events", PARTITION}, ring, of};
}

/* The answer to a request; the desk's thread gives it. */
static stele_sql_answer await(stele_sql_request *request, stele_sql_parcel **parcel)
{
    stele_sql_answer answer;
    while (!stele_sql_request_take(&request, &answer, parcel))
        stele_sleep_ms(stele_runtime_system(), 1); /* between two questions */
    if (answer.error.status < 0) fail_msg("%s", answer.error.text);
    return answer;
}

static stele_sql_claim claim(rig *of)
{
    stele_sql_caller caller = caller_of(of);
    return await(stele_sql_desk_claim(of->desk, &caller, PARTITIONS, "genesis"), NULL).claim;
}

static stele_sink *open_sink(void *self)
{
    rig *of = self;
    stele_sql_claim claimed = claim(of);
    of->sink = stele_table_sink_new(&(stele_table_sink_options){.table = of->table,
                                                                .desk = of->desk,
                                                                .caller = caller_of(of),
                                                                .clock = stele_clock_system(),
                                                                .schema = SCHEMA,
                                                                .term = claimed.term,
                                                                .mark = claimed.mark,
                                                                .chunk_max = SINK_QUEUE_MAX});
    return of->sink;
}

static void let_go(void *self)
{
    rig *of = self;
    stele_sink_free(of->sink);
    of->sink = NULL;
}

static bool find(void *self, const char *id, stored *out)
{
    rig *of = self;
    stele_bytes after = {0};
    char last[64] = "";
    bool is_there = false;
    *out = (stored){0};
    for (size_t count = 1; count > 0;) {
        stele_sql_caller caller = caller_of(of);
        stele_sql_parcel *parcel = stele_sql_parcel_new(), *found = NULL;
        stele_sql_row row = {.statement = STELE_STATE_TABLE_READ};
        stele_state_table_query(PARTITION, after, parcel->arena, &row.values, &row.count);
        stele_sql_parcel_add_row(parcel, &row);
        await(stele_sql_desk_read(of->desk, &caller, parcel), &found);
        count = found->row_count;
        for (size_t i = 0; i < count; i++) {
            stele_snapshot snapshot;
            assert_true(
                stele_state_table_snapshot(found->rows[i].values, found->rows[i].count, &snapshot));
            snprintf(last, sizeof last, "%.*s", (int)snapshot.id.size,
                     (const char *)snapshot.id.data);
            if (strcmp(last, id) != 0) continue;
            *out = (stored){.version = snapshot.version,
                            .offset = snapshot.offset,
                            .is_finished = snapshot.finished,
                            .beside = sink_beside_of(snapshot.companion)};
            is_there = snapshot.value.data != NULL;
            int32_t schema;
            stele_bytes payload;
            test_account state;
            stele_arena *arena = stele_arena_new();
            if (is_there) {
                assert_true(stele_wire_split(snapshot.value, &schema, &payload));
                assert_int_equal(schema, SCHEMA);
                assert_int_equal(test_account_type.decode(payload, &state, arena, NULL), STELE_OK);
                out->balance = state.balance;
            }
            stele_arena_free(arena);
        }
        after = stele_text(last);
        stele_sql_parcel_free(found);
    }
    return is_there;
}

static void take_position(void *context, const stele_sql_place *place, int64_t position)
{
    if (place->source.index == PARTITION) *(int64_t *)context = position;
}

/* Whoever looks claims nothing: another connection. */
static int64_t position(void *self)
{
    STELE_AUTO(stele_sql_store) store = connect_store(self);
    stele_error err;
    int64_t at = -1;
    if (stele_sql_store_open(store, &err) < 0 ||
        stele_sql_store_places(store, take_position, &at, &err) < 0)
        fail_msg("%s", err.text);
    return at;
}

static sink_stage begin(void)
{
    return (sink_stage){
        .self = rig_new(), .open = open_sink, .let_go = let_go, .find = find, .position = position};
}

static void end(void *self)
{
    rig_free(self);
}

/* ---- what only tables have ---- */

#define MARK(at) (&(stele_mark){.position = (at), .last_offset = (at)-1})

static stele_status put(rig *of, const char *id, int64_t balance, int64_t offset)
{
    test_account state = {.balance = balance, .owner = stele_text("Ann")};
    sink_beside beside = {"b"};
    stele_sink_entry entry = {.id = stele_text(id),
                              .state = &state,
                              .companion = &beside,
                              .version = 1,
                              .offset = offset};
    return stele_sink_put(of->sink, &entry, NULL);
}

static stele_status close_cycle(rig *of, stele_error *err)
{
    bool closed = false;
    stele_status status = STELE_OK;
    stele_sink_close(of->sink);
    while (!closed && (status == STELE_OK || err->next == STELE_NEXT_RETRY))
        status = stele_sink_outcome(of->sink, &closed, err);
    return closed ? STELE_OK : status;
}

static void whoever_claims_a_partition_fences_the_sink_before(void **state)
{
    (void)state;
    rig *of = rig_new();
    stele_error err;
    open_sink(of);
    claim(of);
    stele_sink_begin(of->sink, MARK(5));
    assert_int_equal(put(of, "a", 1, 3), STELE_OK);
    assert_int_equal(close_cycle(of, &err), STELE_E_FENCED);
    let_go(of);
    stored found;
    assert_false(find(of, "a", &found));
    rig_free(of);
}

static void a_table_of_another_topic_version_or_schema_is_refused(void **state)
{
    (void)state;
    static const stele_aggregate other = {.name = "other"};
    rig *of = rig_new();
    stele_projection changed[3] = {balances, balances, balances};
    static const char *const says[] = {"the setup of balances is not the one",
                                       "holds version 1 of balances and this is version 2",
                                       "the setup of balances is not the one"};
    changed[0].source = &other;
    changed[1].version = 2;
    for (size_t i = 0; i < 3; i++) {
        stele_state_table *table;
        stele_sql_guest *guest;
        stele_error err = {0};
        const stele_companion *companion = i == 2 ? NULL : &sink_companion; /* a column less */
        assert_int_equal(stele_state_table_new(&changed[i], companion,
                                               stele_sql_dialect_of(of->url), &table, &err),
                         STELE_OK);
        assert_int_equal(
            stele_sql_desk_admit(of->desk, stele_state_table_file(table), &guest, &err),
            STELE_E_CONFLICT);
        assert_int_equal(err.next, STELE_NEXT_STOP);
        if (strstr(err.text, says[i]) == NULL) fail_msg("%s", err.text);
        stele_state_table_free(table);
    }
    rig_free(of);
}

/* Carried out by whoever claims a partition of that number. */
static void run_rows(rig *of, int32_t partition, const char *id)
{
    stele_sql_caller caller = {of->guest, {"account.events", partition}, ring, of};
    stele_sql_claim claimed =
        await(stele_sql_desk_claim(of->desk, &caller, PARTITIONS, "genesis"), NULL).claim;
    stele_sql_parcel *parcel = stele_sql_parcel_new();
    test_account state = {.balance = 1, .owner = stele_text("Ann")};
    sink_beside beside = {"b"};
    stele_sink_entry entry = {.id = stele_text(id == NULL ? "" : id),
                              .state = &state,
                              .companion = &beside,
                              .version = 1,
                              .offset = 3};
    stele_sql_row row = {.statement = STELE_STATE_TABLE_WRITE};
    if (id == NULL) {
        row.statement = STELE_STATE_TABLE_CLEAR;
        stele_state_table_clearing(partition, 4, parcel->arena, &row.values, &row.count);
    } else {
        assert_int_equal(stele_state_table_values(of->table, &entry, partition, SCHEMA, false,
                                                  parcel->arena, &row.values, &row.count, NULL),
                         STELE_OK);
    }
    stele_sql_parcel_add_row(parcel, &row);
    stele_sql_parcel_end_event(parcel, &claimed.mark);
    await(stele_sql_desk_store(of->desk, &caller, claimed.term, claimed.mark.position, parcel),
          &parcel);
    stele_sql_parcel_free(parcel);
}

static size_t count_rows(rig *of, int32_t partition)
{
    stele_sql_caller caller = {of->guest, {"account.events", partition}, ring, of};
    stele_sql_parcel *parcel = stele_sql_parcel_new(), *found = NULL;
    stele_sql_row row = {.statement = STELE_STATE_TABLE_READ};
    stele_state_table_query(partition, (stele_bytes){0}, parcel->arena, &row.values, &row.count);
    stele_sql_parcel_add_row(parcel, &row);
    await(stele_sql_desk_read(of->desk, &caller, parcel), &found);
    size_t count = found->row_count;
    stele_sql_parcel_free(found);
    return count;
}

static void a_partition_is_cleared_and_those_that_are_no_more(void **state)
{
    (void)state;
    static const struct {
        int32_t partition;
        const char *id;
    } rows[] = {{1, "a"}, {2, "b"}, {2, "c"}, {3, "d"}, {4, "e"}, {300, "f"}};
    rig *of = rig_new();
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        run_rows(of, rows[i].partition, rows[i].id);

    run_rows(of, PARTITION, NULL);

    assert_int_equal(count_rows(of, 1), 1);
    assert_int_equal(count_rows(of, PARTITION), 0);
    assert_int_equal(count_rows(of, 3), 1);
    assert_int_equal(count_rows(of, 4), 0);
    assert_int_equal(count_rows(of, 300), 0);
    rig_free(of);
}

static int run_in(const char *which)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_claims_a_partition_fences_the_sink_before),
        cmocka_unit_test(a_table_of_another_topic_version_or_schema_is_refused),
        cmocka_unit_test(a_partition_is_cleared_and_those_that_are_no_more),
    };
    kind = which;
    int failed = cmocka_run_group_tests_name(which, tests, NULL, NULL);
    return failed + sink_cases_run(begin, end);
}

int main(void)
{
    int failed = run_in("memory");
#ifdef STELE_SQLITE
    failed += run_in("sqlite");
#endif
#ifdef STELE_LMDB
    failed += run_in("lmdb");
#endif
#ifdef STELE_POSTGRES
    postgres_start();
    failed += run_in("postgres");
#endif
#ifdef STELE_REDIS
    redis_start();
    failed += run_in("redis");
#endif
    return failed;
}
