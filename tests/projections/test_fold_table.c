/* SPDX-License-Identifier: MIT
 * A fold whose states are in a table, of the database in memory: rows are what a replay makes,
 * whichever call fails, and a worker goes on from them. */
#include "bank.h"

#include <inttypes.h>

#include "kafka/partitioner.h"
#include "stores/memory_sql.h"
#include "tests/support/test.h"

typedef struct rig {
    bank *bank;
    stele_memory_database *database;
    stele_state_table *table;
    stele_sql_desk *desk;
    stele_fold_table place;
} rig;

static void open_desk(rig *own)
{
    stele_error err;
    if (stele_state_table_new(&bank_balances, NULL, STELE_SQL_SQLITE, &own->table, &err) < 0)
        fail_msg("%s", err.text);
    own->desk = stele_sql_desk_open(stele_runtime_system(), stele_memory_sql_new(own->database));
    own->place = (stele_fold_table){own->table, own->desk};
}

static void close_desk(rig *own)
{
    stele_sql_desk_close(own->desk);
    stele_state_table_free(own->table);
}

static rig *rig_new(int32_t partitions)
{
    rig *own = stele_alloc(sizeof *own);
    own->bank = bank_new(partitions);
    own->database = stele_memory_database_new(stele_runtime_system());
    open_desk(own);
    return own;
}

static void rig_free(rig *own)
{
    close_desk(own);
    stele_memory_database_free(own->database);
    bank_free(own->bank);
    free(own);
}

static teller_options options_of(const rig *own)
{
    return (teller_options){
        .table = &own->place, .snapshot_interval_ms = 100, .transaction_snapshots = 3};
}

static bool is_last(rig *own, size_t index, stele_bytes id)
{
    for (size_t i = index + 1; i < stele_memory_database_count(own->database); i++)
        if (stele_bytes_equal(stele_memory_database_row(own->database, i).values[0].as.bytes, id))
            return false;
    return true;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What the table has, in the form of bank_replay. Caller frees. */
static char *table_of(rig *own)
{
    char *lines[100];
    size_t count = 0;
    for (size_t i = 0; i < stele_memory_database_count(own->database); i++) {
        stele_memory_row row = stele_memory_database_row(own->database, i);
        stele_bytes id = row.values[0].as.bytes;
        if (!is_last(own, i, id)) continue;
        stele_buffer text = {0};
        stele_buffer_format(&text, "%d/%.*s v%" PRId64 " o%" PRId64 " ",
                            (int)row.values[1].as.integer, (int)id.size, (const char *)id.data,
                            row.values[2].as.integer, row.values[3].as.integer);
        if (row.values[5].kind == STELE_SQL_NULL) {
            assert_int_equal(row.values[4].as.integer, 1);
            stele_buffer_format(&text, "tombstone");
        }
        for (size_t k = 5; row.values[5].kind != STELE_SQL_NULL && k < row.values[5].as.bytes.size;
             k++)
            stele_buffer_format(&text, "%02x", row.values[5].as.bytes.data[k]);
        lines[count++] = stele_strdup(stele_buffer_text(&text));
        stele_buffer_clear(&text);
    }
    qsort(lines, count, sizeof *lines, compare);
    stele_buffer all = {0};
    for (size_t i = 0; i < count; i++) {
        stele_buffer_format(&all, "%s\n", lines[i]);
        free(lines[i]);
    }
    char *text = stele_strdup(stele_buffer_text(&all));
    stele_buffer_clear(&all);
    return text;
}

static void assert_table(rig *own)
{
    STELE_AUTO(char) found = table_of(own);
    STELE_AUTO(char) replayed = bank_replay(own->bank, &bank_balances);
    assert_string_equal(found, replayed);
}

/* Seven accounts of the partition, twelve deposits. */
static void add_events(rig *own, int32_t partition, int32_t partitions)
{
    char ids[7][16];
    for (int i = 0, count = 0; count < 7; i++) {
        snprintf(ids[count], sizeof ids[count], "a%d", i);
        if (stele_log_partition_of(stele_text(ids[count]), partitions) == partition) count++;
    }
    for (int i = 0; i < 12; i++)
        bank_deposit(own->bank, partition, ids[i % 7], i, "x");
}

/* Turns until all below that offset is in the table, and Kafka's tools see it. */
static void await_written(rig *own, teller *worker, int32_t partition, int64_t position)
{
    for (int i = 0; bank_group_offset(own->bank, partition) != position; i++) {
        if (i > 100000) fail_msg("not written: %s", teller_reason(worker, partition));
        teller_turn(worker);
    }
}

/* A worker that runs until all is written. */
static void run_to(rig *own, int64_t position)
{
    teller worker = teller_open(own->bank, options_of(own));
    await_written(own, &worker, 0, position);
    teller_close(&worker);
}

/* ---- cases ---- */

static void rows_are_the_states_of_a_replay(void **state)
{
    (void)state;
    rig *own = rig_new(2);
    add_events(own, 0, 2);
    add_events(own, 1, 2);
    teller worker = teller_open(own->bank, options_of(own));
    await_written(own, &worker, 0, 12);
    await_written(own, &worker, 1, 12);
    teller_close(&worker);

    assert_table(own);
    stele_memory_row row = stele_memory_database_row(own->database, 0);
    assert_int_equal(row.count, 6 + 3);
    assert_non_null(strstr(row.text, "INSERT INTO \"balances\" (\"stele_id\", "));
    assert_int_equal(row.values[6].kind, STELE_SQL_INTEGER); /* balance, owner, memos */
    assert_int_equal(row.values[7].kind, STELE_SQL_TEXT);
    assert_int_equal(row.values[8].as.bytes.data[0], '{');
    rig_free(own);
}

static void a_worker_goes_on_from_the_table(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    add_events(own, 0, 1);
    run_to(own, 12);
    size_t before = stele_memory_database_count(own->database);
    close_desk(own);
    open_desk(own);
    bank_deposit(own->bank, 0, "a3", 5, "y");

    run_to(own, 13);

    assert_table(own);
    assert_int_equal(stele_memory_database_count(own->database), before + 1); /* what has changed */
    rig_free(own);
}

/* Other producers write it; it is an id like any other, and the first one of all. */
static void an_id_that_is_empty_is_read_back(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    add_events(own, 0, 1);
    bank_deposit(own->bank, 0, "", 7, "nobody");
    run_to(own, 13);
    close_desk(own);
    open_desk(own);
    bank_deposit(own->bank, 0, "", 5, "nobody");

    run_to(own, 14);

    assert_table(own);
    rig_free(own);
}

static void what_is_finished_is_known_for_ever(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    add_events(own, 0, 1);
    bank_close(own->bank, 0, "a1");
    run_to(own, 13);
    assert_table(own);
    bank_deposit(own->bank, 0, "a1", 5, "y");

    STELE_AUTO(char) reason = bank_run_to_stop(own->bank, options_of(own), 0);

    assert_non_null(strstr(reason, "finished"));
    rig_free(own);
}

static void nothing_is_lost_or_doubled_whichever_call_fails(void **state)
{
    (void)state;
    static const stele_memory_fault faults[] = {
        STELE_MEMORY_SQL_REFUSED, STELE_MEMORY_SQL_LOST_BEFORE, STELE_MEMORY_SQL_LOST_AFTER};
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        for (uint64_t nth = 1; nth <= 30; nth++) {
            rig *own = rig_new(1);
            add_events(own, 0, 1);
            stele_memory_database_fail(own->database, nth, faults[i]);
            run_to(own, 12);
            bank_deposit(own->bank, 0, "a3", 5, "y");
            run_to(own, 13);
            assert_table(own);
            rig_free(own);
        }
    }
}

static void a_database_that_is_away_is_waited_for(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    stele_memory_database_set_away(own->database, true);
    teller worker = teller_open(own->bank, options_of(own));
    add_events(own, 0, 1);
    teller_until(&worker, 0, STELE_STATE_WAITING);
    assert_non_null(strstr(teller_reason(&worker, 0), "the database is away"));
    stele_memory_database_set_away(own->database, false);
    teller_catch_up(&worker);
    stele_memory_database_set_away(own->database, true);
    bank_deposit(own->bank, 0, "a3", 5, "y");
    teller_until(&worker, 0, STELE_STATE_WAITING);
    stele_memory_database_set_away(own->database, false);
    await_written(own, &worker, 0, 13);
    teller_close(&worker);
    assert_table(own);
    rig_free(own);
}

static void another_owner_in_the_database_is_given_way(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    teller worker = teller_open(own->bank, options_of(own));
    add_events(own, 0, 1);
    await_written(own, &worker, 0, 12);
    STELE_AUTO(stele_sql_store) other = stele_memory_sql_new(own->database);
    stele_sql_claim found;
    assert_int_equal(stele_sql_store_open(other, NULL), STELE_OK);
    assert_int_equal(stele_sql_store_claim(other, &(stele_sql_place){BANK_GROUP, {BANK_EVENTS, 0}},
                                           1, "", &found, NULL),
                     STELE_OK);
    size_t before = stele_memory_database_count(own->database);
    bank_deposit(own->bank, 0, "a3", 5, "y");

    teller_until(&worker, 0, STELE_STATE_WAITING);

    assert_non_null(strstr(teller_reason(&worker, 0), "another worker has taken its rows"));
    assert_int_equal(stele_memory_database_count(own->database), before);
    await_written(own, &worker, 0, 13); /* a session later no one else owns it */
    teller_close(&worker);
    assert_table(own);
    rig_free(own);
}

static void a_log_that_was_made_again_stops(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    add_events(own, 0, 1);
    run_to(own, 12);
    bank *another = bank_new(1);
    bank_deposit(another, 0, "a1", 5, "y");

    STELE_AUTO(char) reason = bank_run_to_stop(another, options_of(own), 0);

    assert_non_null(strstr(reason, "made again"));
    bank_free(another);
    rig_free(own);
}

static void another_count_of_partitions_stops(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    add_events(own, 0, 1);
    run_to(own, 12);
    bank *another = bank_new(2);
    bank_deposit(another, 1, "a1", 5, "y");

    STELE_AUTO(char) reason = bank_run_to_stop(another, options_of(own), 1);

    assert_non_null(strstr(reason, "had 1 partitions at the position of balances.v1"));
    bank_free(another);
    rig_free(own);
}

/* ---- a worker that ends in its first cycle ---- */

static void take_position(void *context, const stele_sql_place *place, int64_t position)
{
    int64_t *lowest = context;
    (void)place;
    if (position < *lowest) *lowest = position;
}

/* How far the last of its partitions is in the database; -1: nowhere. */
static int64_t position_of(rig *own)
{
    STELE_AUTO(stele_sql_store) store = stele_memory_sql_new(own->database);
    int64_t position = INT64_MAX;
    assert_int_equal(stele_sql_store_places(store, take_position, &position, NULL), STELE_OK);
    return position == INT64_MAX ? -1 : position;
}

/* A worker whose database is away from its nth call on. */
static void run_to_the_nth_call(rig *own, uint64_t nth)
{
    stele_memory_database_fail(own->database, nth, STELE_MEMORY_SQL_AWAY);
    teller_options options = options_of(own);
    options.abrupt = true;
    teller worker = teller_open(own->bank, options);
    while (bank_group_offset(own->bank, 0) != 12 && teller_state(&worker, 0) != STELE_STATE_WAITING)
        teller_turn(&worker);
    teller_close(&worker);
    close_desk(own);
    stele_memory_database_set_away(own->database, false);
    stele_memory_database_fail(own->database, 0, STELE_MEMORY_SQL_AWAY);
    open_desk(own);
}

/* Where nothing says which events rows come from, they are made again: other events with the same
 * offsets may be in the topic. */
static void rows_before_the_first_position_are_made_again(void **state)
{
    (void)state;
    int halves = 0;
    for (uint64_t nth = 1; nth <= 40; nth++) {
        rig *own = rig_new(1);
        add_events(own, 0, 1);
        run_to_the_nth_call(own, nth);
        bool is_half = position_of(own) < 0;
        if (is_half && stele_memory_database_count(own->database) > 0) halves++;
        if (is_half) {
            bank_free(own->bank);
            own->bank = bank_new(1);
            for (int i = 0; i < 12; i++)
                bank_deposit(own->bank, 0, i % 2 == 0 ? "a1" : "new", 100 * i, "another topic");
            run_to(own, 12);
            assert_table(own);
        }
        rig_free(own);
    }
    assert_true(halves > 1);
}

/* ---- another database in the place of the first ---- */

/* A connection that is lost with the second claim; then there is the other database. */
typedef struct swapped {
    stele_sql_store base;
    stele_sql_store *inner;
    stele_memory_database *other;
    int claims;
} swapped;

#define INNER(store) (((swapped *)(store))->inner)

static stele_status open_inner(stele_sql_store *self, stele_error *err)
{
    return stele_sql_store_open(INNER(self), err);
}

static stele_status set_up(stele_sql_store *self, const stele_sql_setup *setup, size_t *at,
                           stele_error *err)
{
    return stele_sql_store_setup(INNER(self), setup, at, err);
}

static stele_status prepare(stele_sql_store *self, const stele_sql_query *query, size_t *statement,
                            size_t *at, stele_error *err)
{
    return stele_sql_store_prepare(INNER(self), query, statement, at, err);
}

static stele_status claim(stele_sql_store *self, const stele_sql_place *place, int32_t partitions,
                          const char *genesis, stele_sql_claim *out, stele_error *err)
{
    swapped *own = (swapped *)self;
    if (++own->claims != 2)
        return stele_sql_store_claim(own->inner, place, partitions, genesis, out, err);
    stele_sql_store_free(own->inner);
    own->inner = stele_memory_sql_new(own->other);
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_ABORT, "it was replaced");
}

static stele_status begin(stele_sql_store *self, const stele_sql_place *place, int64_t term,
                          int64_t from, const stele_mark *to, stele_error *err)
{
    return stele_sql_store_begin(INNER(self), place, term, from, to, err);
}

static stele_status execute(stele_sql_store *self, size_t statement, const stele_sql_value *values,
                            size_t count, stele_error *err)
{
    return stele_sql_store_execute(INNER(self), statement, values, count, err);
}

static stele_status commit(stele_sql_store *self, stele_error *err)
{
    return stele_sql_store_commit(INNER(self), err);
}

/* Whoever has claimed its partition reads nothing before the database is another one. */
static stele_status read_rows(stele_sql_store *self, size_t statement,
                              const stele_sql_value *values, size_t count, stele_sql_each *each,
                              void *context, stele_error *err)
{
    if (((swapped *)self)->claims < 2)
        return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "%s", "");
    return stele_sql_store_read(INNER(self), statement, values, count, each, context, err);
}

static stele_status letters(stele_sql_store *self, const stele_sql_place *place,
                            stele_sql_each_letter *each, void *context, stele_error *err)
{
    return stele_sql_store_letters(INNER(self), place, each, context, err);
}

static void roll_back(stele_sql_store *self)
{
    stele_sql_store_rollback(INNER(self));
}

static void close_inner(stele_sql_store *self)
{
    stele_sql_store_close(INNER(self));
}

static void free_swapped(stele_sql_store *self)
{
    stele_sql_store_free(INNER(self));
    free(self);
}

static stele_sql_store *swapped_new(stele_memory_database *first, stele_memory_database *other)
{
    static const stele_sql_store_ops ops = {.open = open_inner,
                                            .setup = set_up,
                                            .prepare = prepare,
                                            .claim = claim,
                                            .begin = begin,
                                            .execute = execute,
                                            .commit = commit,
                                            .read = read_rows,
                                            .letters = letters,
                                            .rollback = roll_back,
                                            .close = close_inner,
                                            .free = free_swapped};
    swapped *made = stele_alloc(sizeof *made);
    made->base.ops = &ops;
    made->inner = stele_memory_sql_new(first);
    made->other = other;
    return &made->base;
}

static void run_both_to(rig *own, int64_t position)
{
    teller worker = teller_open(own->bank, options_of(own));
    await_written(own, &worker, 0, position);
    await_written(own, &worker, 1, position);
    teller_close(&worker);
}

/* An older copy of its file, for example. What was claimed in the first database does not hold in
 * the second, whose states are of an earlier position. */
static void a_database_that_is_replaced_while_partitions_are_taken_is_claimed_again(void **state)
{
    (void)state;
    rig *own = rig_new(2);
    stele_memory_database *old = own->database;
    add_events(own, 0, 2);
    add_events(own, 1, 2);
    run_both_to(own, 12);
    close_desk(own);
    own->database = stele_memory_database_new(stele_runtime_system());
    open_desk(own);
    add_events(own, 0, 2);
    add_events(own, 1, 2);
    run_both_to(own, 24);
    stele_sql_desk_close(own->desk);
    stele_memory_database *newer = own->database;
    own->database = old;
    own->desk = stele_sql_desk_open(stele_runtime_system(), swapped_new(newer, old));
    own->place.desk = own->desk;

    teller worker = teller_open(own->bank, options_of(own));
    for (int i = 0; position_of(own) != 24; i++) {
        if (i > 100000) fail_msg("not written: %s", teller_reason(&worker, 0));
        teller_turn(&worker);
    }
    teller_close(&worker);

    assert_table(own);
    rig_free(own);
    stele_memory_database_free(newer);
}

static void a_state_that_cannot_be_a_table_is_named(void **state)
{
    (void)state;
    static const stele_member field = {.name = "stele_id", .layout = NULL};
    static const stele_layout layout = {.kind = STELE_KIND_RECORD, .count = 1, .members = &field};
    static const stele_type type = {.name = "t", .layout = &layout};
    stele_projection projection = bank_balances;
    projection.state = &type;
    stele_state_table *table;
    stele_error err;
    assert_int_equal(stele_state_table_new(&projection, NULL, STELE_SQL_SQLITE, &table, &err),
                     STELE_E_INVALID);
    assert_non_null(strstr(err.text, "the field stele_id cannot be a column"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_the_states_of_a_replay),
        cmocka_unit_test(a_worker_goes_on_from_the_table),
        cmocka_unit_test(an_id_that_is_empty_is_read_back),
        cmocka_unit_test(what_is_finished_is_known_for_ever),
        cmocka_unit_test(nothing_is_lost_or_doubled_whichever_call_fails),
        cmocka_unit_test(a_database_that_is_away_is_waited_for),
        cmocka_unit_test(another_owner_in_the_database_is_given_way),
        cmocka_unit_test(a_log_that_was_made_again_stops),
        cmocka_unit_test(another_count_of_partitions_stops),
        cmocka_unit_test(rows_before_the_first_position_are_made_again),
        cmocka_unit_test(a_database_that_is_replaced_while_partitions_are_taken_is_claimed_again),
        cmocka_unit_test(a_state_that_cannot_be_a_table_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
