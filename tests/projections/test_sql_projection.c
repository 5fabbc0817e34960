/* SPDX-License-Identifier: MIT
 * A SQL projection over the bank's events, into a database in memory that fails where it is told
 * to, and into SQLite. */
#include "bank.h"

#include <inttypes.h>

#include "projections/orders.h"
#include "projections/sql_projection.h"
#include "registry/wire.h"
#include "stores/memory_sql.h"
#include "tests/support/temporary.h"

enum { ASK_MS = 10000 };

static const char balances_sql[] =
    "-- projection: balances\n"
    "-- source: account.events\n"
    "-- setup\n"
    "CREATE TABLE moves (place TEXT PRIMARY KEY, id, amount, memo);\n"
    "-- on test.Deposited\n"
    "INSERT INTO moves VALUES (:$position, :$key, :amount, :memo);\n"
    "-- on test.Named\n"
    "INSERT INTO moves VALUES (:$position, :$key, NULL, :owner);\n"
    "-- on test.Closed\n"
    "-- on test.Noted\n"
    "-- teardown\n"
    "DROP TABLE moves;\n";

typedef struct rig {
    bank *bank;
    stele_memory_database *database; /* NULL: SQLite */
    temporary file;                  /* of the SQL */
    temporary store;                 /* of SQLite, a folder; path "" if there is none */
    stele_sql_desk *desk;
    stele_sql_program *program;
    stele_sql_projection *sql;
    teller worker;
    size_t commit_rows;
} rig;

static rig *rig_new(int32_t partitions)
{
    rig *own = stele_alloc(sizeof *own);
    own->bank = bank_new(partitions);
    return own;
}

static void rig_unload(rig *own)
{
    if (own->worker.worker != NULL) teller_close(&own->worker);
    stele_sql_projection_close(own->sql);
    stele_sql_desk_close(own->desk);
    stele_sql_program_free(own->program);
    if (own->file.path[0] != '\0') temporary_clear(&own->file);
    own->sql = NULL;
    own->desk = NULL;
    own->program = NULL;
    own->file.path[0] = '\0';
}

static void rig_free(rig *own)
{
    rig_unload(own);
    stele_memory_database_free(own->database);
    bank_free(own->bank);
    free(own);
}

static stele_sql_store *connect_store(rig *own)
{
    if (own->store.path[0] != '\0') {
        stele_sql_store *store;
        STELE_AUTO(char) url = stele_strdup_format("sqlite:%s/t.db", own->store.path);
        assert_int_equal(stele_sql_store_new(stele_runtime_system(), url, &store, NULL), STELE_OK);
        return store;
    }
    if (own->database == NULL) own->database = stele_memory_database_new(stele_runtime_system());
    return stele_memory_sql_new(own->database);
}

static stele_status try_to_load(rig *own, const char *text, bool ignore_others, stele_error *err)
{
    own->file = temporary_write(text, strlen(text));
    own->desk = stele_sql_desk_open(stele_runtime_system(), connect_store(own));
    stele_sql_program_options options = {.name = "balances",
                                         .file = own->file.path,
                                         .ignore_others = ignore_others,
                                         .registry = own->bank->registry,
                                         .desk = own->desk};
    stele_status status = stele_sql_program_open(&options, &own->program, err);
    return status < 0 ? status : stele_sql_program_load(own->program, ASK_MS, err);
}

static void load(rig *own, const char *text, bool ignore_others)
{
    stele_error err;
    if (try_to_load(own, text, ignore_others, &err) < 0) fail_msg("%s", err.text);
}

static void begin_work(rig *own)
{
    own->sql = stele_sql_projection_open(
        &(stele_sql_projection_options){.program = own->program, .commit_rows = own->commit_rows});
    own->worker =
        teller_open(own->bank, (teller_options){.ops = &stele_sql_tasks, .self = own->sql});
}

/* Load it, catch up, close: as a worker that runs while nothing happens. */
static void run_once(rig *own, const char *text)
{
    load(own, text, false);
    begin_work(own);
    teller_catch_up(&own->worker);
    rig_unload(own);
}

/* Why a worker's partition stops. Caller frees. */
static char *run_to_stop(rig *own, const char *text, bool ignore_others, int32_t partition)
{
    load(own, text, ignore_others);
    begin_work(own);
    teller_until(&own->worker, partition, STELE_STATE_STOPPED);
    char *reason = stele_strdup(teller_reason(&own->worker, partition));
    rig_unload(own);
    return reason;
}

/* What is in the database in memory: the values of each row, without the statements. */
static char *rows_of(rig *own)
{
    stele_buffer out = {0};
    for (size_t i = 0; i < stele_memory_database_count(own->database); i++) {
        stele_memory_row row = stele_memory_database_row(own->database, i);
        for (size_t k = 0; k < row.count; k++) {
            const stele_sql_value *value = &row.values[k];
            if (k > 0) stele_buffer_push(&out, ' ');
            if (value->kind == STELE_SQL_INTEGER)
                stele_buffer_format(&out, "%" PRId64, value->as.integer);
            else if (value->kind == STELE_SQL_TEXT)
                stele_buffer_append(&out, value->as.bytes);
            else
                stele_buffer_format(&out, "kind %d", (int)value->kind);
        }
        stele_buffer_push(&out, '\n');
    }
    char *text = stele_strdup(stele_buffer_text(&out));
    stele_buffer_clear(&out);
    return text;
}

/* Each event of a partition is a row once, in its order. */
static void assert_rows_once(rig *own, int32_t partition, int events)
{
    STELE_AUTO(char) rows = rows_of(own);
    const char *at = rows;
    for (int i = 0; i < events; i++) {
        STELE_AUTO(char)
        place = stele_strdup_format(BANK_EVENTS "/%d/%d ", (int)partition, i);
        const char *found = strstr(at, place);
        if (found == NULL) fail_msg("%s is not there, or out of order:\n%s", place, rows);
        at = found + 1;
        assert_null(strstr(at, place));
    }
}

static void add_deposits(rig *own, const char *id, int count)
{
    for (int i = 0; i < count; i++)
        bank_deposit(own->bank, 0, id, i, "m");
}

/* ---- what is stored ---- */

static void events_become_rows(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    bank_deposit(own->bank, 0, "ann", 5, "first");
    bank_note(own->bank, 0, "ann");
    bank_name(own->bank, 0, "bob", "Bob");
    bank_close(own->bank, 0, "ann");
    bank_deposit(own->bank, 0, "ann", -3, "");

    run_once(own, balances_sql);

    STELE_AUTO(char) rows = rows_of(own);
    assert_string_equal(rows, BANK_EVENTS "/0/0 ann 5 first\n" BANK_EVENTS
                                          "/0/2 bob Bob\n" BANK_EVENTS "/0/4 ann -3 \n");
    rig_free(own);
}

static void the_offset_of_the_group_follows(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    load(own, balances_sql, false);
    begin_work(own);
    add_deposits(own, "ann", 5);
    stele_deadline until = stele_deadline_after(stele_clock_system(), ASK_MS);
    while (bank_group_offset(own->bank, 0) != 5 && !stele_deadline_passed(until))
        teller_turn(&own->worker);

    assert_int_equal(bank_group_offset(own->bank, 0), 5);
    rig_free(own);
}

static void a_worker_goes_on_where_the_last_one_ended(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    add_deposits(own, "ann", 3);
    run_once(own, balances_sql);
    run_once(own, balances_sql);
    add_deposits(own, "ann", 4);

    run_once(own, balances_sql);

    assert_rows_once(own, 0, 7);
    rig_free(own);
}

static void transactions_have_a_bounded_size(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    own->commit_rows = 2;
    add_deposits(own, "ann", 100);

    run_once(own, balances_sql);

    assert_rows_once(own, 0, 100);
    rig_free(own);
}

static void the_journal_has_every_event(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    STELE_AUTO(char) text = stele_sql_journal(BANK_EVENTS, STELE_SQL_SQLITE);
    bank_deposit(own->bank, 0, "ann", 5, "first");
    bank_name(own->bank, 0, "bob", "Bob");

    run_once(own, text);

    STELE_AUTO(char) rows = rows_of(own);
    assert_non_null(strstr(rows, "test.Deposited"));
    assert_non_null(strstr(rows, "{\"amount\":5,\"memo\":\"first\"}"));
    assert_non_null(strstr(rows, BANK_EVENTS "/0/1 bob kind 0 test.Named"));
    rig_free(own);
}

/* ---- what fails for a while ---- */

static void a_database_that_is_away_is_waited_for(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    own->commit_rows = 3;
    load(own, balances_sql, false);
    begin_work(own);
    add_deposits(own, "ann", 2);
    teller_catch_up(&own->worker);
    stele_memory_database_set_away(own->database, true);
    add_deposits(own, "ann", 20);

    teller_until(&own->worker, 0, STELE_STATE_WAITING);

    assert_string_equal(teller_reason(&own->worker, 0), "the database is away");
    assert_int_equal(stele_worker_progress(own->worker.worker, 0).position, 2);
    stele_memory_database_set_away(own->database, false);
    teller_catch_up(&own->worker);
    assert_rows_once(own, 0, 22);
    rig_free(own);
}

static void a_database_that_does_not_answer_is_a_reason(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    load(own, balances_sql, false);
    begin_work(own);
    add_deposits(own, "ann", 2);
    teller_catch_up(&own->worker);
    stele_memory_database_hold(own->database, true);
    add_deposits(own, "ann", 2);

    teller_until(&own->worker, 0, STELE_STATE_WAITING);

    assert_non_null(
        strstr(teller_reason(&own->worker, 0), "the database has not answered for 5 s"));
    stele_memory_database_hold(own->database, false);
    teller_catch_up(&own->worker);
    assert_rows_once(own, 0, 4);
    rig_free(own);
}

static void a_claim_waits_for_a_database_that_is_away(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    load(own, balances_sql, false);
    stele_memory_database_set_away(own->database, true);
    add_deposits(own, "ann", 2);
    begin_work(own);

    teller_until(&own->worker, 0, STELE_STATE_WAITING);

    stele_memory_database_set_away(own->database, false);
    teller_catch_up(&own->worker);
    assert_rows_once(own, 0, 2);
    rig_free(own);
}

/* At each call of each transaction, in each way. */
static void nothing_is_lost_or_doubled_whichever_call_fails(void **state)
{
    (void)state;
    static const stele_memory_fault faults[] = {
        STELE_MEMORY_SQL_REFUSED, STELE_MEMORY_SQL_LOST_BEFORE, STELE_MEMORY_SQL_LOST_AFTER};
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        for (uint64_t nth = 1; nth <= 8; nth++) {
            rig *own = rig_new(1);
            load(own, balances_sql, false);
            add_deposits(own, "ann", 3);
            stele_memory_database_fail(own->database, nth, faults[i]);
            begin_work(own);
            teller_catch_up(&own->worker);
            add_deposits(own, "ann", 2);
            teller_catch_up(&own->worker);
            assert_rows_once(own, 0, 5);
            rig_free(own);
        }
    }
}

/* ---- who owns the rows ---- */

static void another_owner_in_the_database_is_given_way(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    load(own, balances_sql, false);
    begin_work(own);
    add_deposits(own, "ann", 2);
    teller_catch_up(&own->worker);
    STELE_AUTO(stele_sql_store) other = stele_memory_sql_new(own->database);
    stele_sql_claim found;
    assert_int_equal(stele_sql_store_open(other, NULL), STELE_OK);
    assert_int_equal(stele_sql_store_claim(other, &(stele_sql_place){BANK_GROUP, {BANK_EVENTS, 0}},
                                           1, "", &found, NULL),
                     STELE_OK);
    assert_int_equal(found.mark.position, 2);
    add_deposits(own, "ann", 2);

    teller_until(&own->worker, 0, STELE_STATE_WAITING);

    assert_non_null(strstr(teller_reason(&own->worker, 0), "another worker has taken its rows"));
    assert_int_equal(stele_memory_database_count(own->database), 2);
    teller_catch_up(&own->worker); /* a session later no one else owns it */
    assert_rows_once(own, 0, 4);
    rig_free(own);
}

/* ---- what stops a partition ---- */

static void an_event_without_a_block_stops_with_the_way_out(void **state)
{
    (void)state;
    static const char text[] = "-- source: account.events\n"
                               "-- on test.Deposited\nINSERT INTO t VALUES (:amount)\n";
    rig *own = rig_new(1);
    bank_deposit(own->bank, 0, "ann", 1, "");
    bank_name(own->bank, 0, "ann", "Ann");

    STELE_AUTO(char) reason = run_to_stop(own, text, false, 0);

    assert_non_null(strstr(reason, BANK_EVENTS "/0/1: no block for events of type test.Named"));
    assert_non_null(strstr(reason, "unknown_events = ignore in [projection balances]"));
    rig_free(own);
}

static void events_of_other_types_are_passed_over_by_declaration(void **state)
{
    (void)state;
    static const char text[] = "-- source: account.events\n"
                               "-- on test.Deposited\nINSERT INTO t VALUES (:amount)\n";
    rig *own = rig_new(1);
    bank_name(own->bank, 0, "ann", "Ann");
    bank_deposit(own->bank, 0, "ann", 1, "");
    load(own, text, true);
    begin_work(own);

    teller_catch_up(&own->worker);

    STELE_AUTO(char) rows = rows_of(own);
    assert_string_equal(rows, "1\n");
    rig_free(own);
}

static void what_is_no_event_stops_its_partition(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    bank_append(own->bank, BANK_EVENTS, 0, stele_text("ann"), stele_text("text"), NULL, 0);

    STELE_AUTO(char) reason = run_to_stop(own, balances_sql, false, 0);

    assert_non_null(strstr(reason, BANK_EVENTS "/0/0: "));
    rig_free(own);
}

static void make_log_again(rig *own)
{
    stele_log *log = own->bank->log;
    stele_log_topic_options topic = {.name = BANK_EVENTS, .partitions = 1};
    assert_int_equal(stele_log_topic_delete(log, BANK_EVENTS, ASK_MS, NULL), STELE_OK);
    assert_int_equal(stele_log_topic_create(log, &topic, ASK_MS, NULL), STELE_OK);
}

static void a_log_that_ends_before_the_position_stops(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    add_deposits(own, "ann", 3);
    run_once(own, balances_sql);
    make_log_again(own);
    add_deposits(own, "ann", 1);

    STELE_AUTO(char) reason = run_to_stop(own, balances_sql, false, 0);

    assert_non_null(strstr(reason, "events were lost or the topic was made again"));
    rig_free(own);
}

static void a_log_with_other_events_stops(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    add_deposits(own, "ann", 3);
    run_once(own, balances_sql);
    make_log_again(own);
    add_deposits(own, "bob", 9);

    STELE_AUTO(char) reason = run_to_stop(own, balances_sql, false, 0);

    assert_non_null(strstr(reason, "the log was cut or made again"));
    assert_rows_once(own, 0, 3);
    rig_free(own);
}

static void a_log_that_is_made_again_while_it_is_read_stops(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    load(own, balances_sql, false);
    begin_work(own);
    add_deposits(own, "ann", 3);
    teller_catch_up(&own->worker);
    make_log_again(own);
    add_deposits(own, "bob", 3);

    teller_until(&own->worker, 0, STELE_STATE_STOPPED);

    assert_non_null(strstr(teller_reason(&own->worker, 0), "the log was cut or made again"));
    rig_free(own);
}

static void another_count_of_partitions_stops_all(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    add_deposits(own, "ann", 3);
    run_once(own, balances_sql);
    assert_int_equal(stele_log_memory_partitions_raise(own->bank->log, BANK_EVENTS, 2, NULL),
                     STELE_OK);

    STELE_AUTO(char) reason = run_to_stop(own, balances_sql, false, 1);

    assert_non_null(strstr(reason, "had 1 partitions"));
    rig_free(own);
}

/* ---- what is found at load ---- */

static void a_mistake_in_the_file_is_found_before_it_runs(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"-- projection: others\n-- source: account.events\n-- on test.Named\n",
         "is projection others, and [projection balances] names it"},
        {"-- source: account.events\n\n-- on test.Deposted\nSELECT 1\n",
         ":3: no type test.Deposted is registered for account.events; did you mean "
         "test.Deposited?"},
        {"-- source: account.events\n-- on shop.Unknown\nSELECT 1\n",
         ":2: no type shop.Unknown is registered for account.events: stele schema list"},
        {"-- source: account.events\n-- on test.Deposited\nSELECT 1,\n :amont\n",
         ":4: :amont: test.Deposited has no field \"amont\"; did you mean amount?"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig *own = rig_new(1);
        stele_error err = {0};
        assert_int_equal(try_to_load(own, cases[i].text, false, &err), STELE_E_INVALID);
        assert_int_equal(err.next, STELE_NEXT_STOP);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("says: %s\nwanted: %s", err.text, cases[i].says);
        rig_free(own);
    }
}

static void a_type_of_a_topic_that_no_one_has_published_to_is_waited_for(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    stele_error err = {0};
    assert_int_equal(
        try_to_load(own, "-- source: other.events\n-- on test.Named\nSELECT 1\n", false, &err),
        STELE_E_NOT_FOUND);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    assert_non_null(strstr(err.text, ":2: waiting for a schema of test.Named"));
    rig_free(own);
}

static void a_type_of_one_source_is_known_in_all(void **state)
{
    (void)state;
    rig *own = rig_new(1);
    load(own, "-- source: account.events, other.events\n-- on test.Named\nSELECT :owner\n", false);
    for (size_t i = 0; i < 2; i++) {
        const stele_sql_source *source = stele_sql_program_source(own->program, i);
        assert_string_equal(source->types[0]->name, "test.Named");
        assert_null(source->types[1]);
        assert_false(source->ignored[0]);
        assert_int_equal(source->use_count, 1);
    }
    rig_free(own);
}

static void older_events_have_the_defaults_of_newer_fields(void **state)
{
    (void)state;
    static const char newer[] =
        "{\"type\":\"record\",\"name\":\"Named\",\"namespace\":\"test\",\"fields\":["
        "{\"name\":\"owner\",\"type\":\"string\"},"
        "{\"name\":\"title\",\"type\":\"string\",\"default\":\"none\"}]}";
    rig *own = rig_new(1);
    bank_name(own->bank, 0, "ann", "Ann");
    bank_register(own->bank, newer);

    run_once(own, "-- source: account.events\n-- on test.Named\nSELECT :owner, :title\n");

    STELE_AUTO(char) rows = rows_of(own);
    assert_string_equal(rows, "Ann none\n");
    rig_free(own);
}

/* ---- in SQLite ---- */

#ifdef STELE_SQLITE
static void a_row_that_is_refused_stops_with_file_line_and_position(void **state)
{
    (void)state;
    static const char text[] = "-- source: account.events\n"
                               "-- setup\nCREATE TABLE t (id TEXT PRIMARY KEY, amount);\n"
                               "-- on test.Deposited\n\n"
                               "INSERT INTO t VALUES (:$key, :amount);\n";
    rig *own = rig_new(1);
    own->store = temporary_folder();
    bank_deposit(own->bank, 0, "ann", 1, "");
    bank_deposit(own->bank, 0, "bob", 1, "");
    bank_deposit(own->bank, 0, "ann", 2, "");
    bank_deposit(own->bank, 0, "cid", 2, "");

    STELE_AUTO(char) reason = run_to_stop(own, text, false, 0);

    assert_non_null(strstr(reason, ":6: UNIQUE constraint failed: t.id, at the event " BANK_EVENTS
                                   "/0/2: nothing of it is stored"));
    STELE_AUTO(stele_sql_store) store = connect_store(own);
    stele_sql_claim found;
    assert_int_equal(stele_sql_store_open(store, NULL), STELE_OK);
    assert_int_equal(stele_sql_store_claim(store, &(stele_sql_place){BANK_GROUP, {BANK_EVENTS, 0}},
                                           1, "", &found, NULL),
                     STELE_OK);
    assert_int_equal(found.mark.position, 2); /* what was before it is stored */
    stele_sql_store_close(store);
    STELE_AUTO(char) path = stele_strdup_format("%s/t.db", own->store.path);
    unlink(path);
    rmdir(own->store.path);
    rig_free(own);
}

static void a_statement_that_the_database_refuses_is_found_at_load(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"-- source: account.events\n-- setup\nCREATE TABLE t (a);\n\nCREATE TABEL u (b);\n"
         "-- on test.Named\nSELECT 1\n",
         ":5: near \"TABEL\": syntax error"},
        {"-- source: account.events\n-- on test.Named\nSELECT 1;\nINSERT INTO\n  nowhere\n"
         "VALUES (:owner)\n",
         ":4: no such table: nowhere"},
        {"-- source: account.events\n-- on test.Named\nSELECT :owner,\n  FROM x\n",
         ":4: near \"FROM\": syntax error"},
        {"-- source: account.events\n-- on test.Named\nSELECT @owner\n",
         ":3: parameters are written :field"},
        {"-- source: account.events\n-- on test.Named\nROLLBACK\n",
         ":3: a statement may not begin or end transactions"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig *own = rig_new(1);
        stele_error err = {0};
        own->store = temporary_folder();
        assert_int_equal(try_to_load(own, cases[i].text, false, &err), STELE_E_INVALID);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("says: %s\nwanted: %s", err.text, cases[i].says);
        rig_unload(own);
        STELE_AUTO(char) path = stele_strdup_format("%s/t.db", own->store.path);
        unlink(path);
        rmdir(own->store.path);
        rig_free(own);
    }
}
#endif

#ifdef STELE_SQLITE
/* ---- what is set aside ---- */

static const char least_sql[] =
    "-- projection: balances\n"
    "-- source: account.events\n"
    "-- setup\n"
    "CREATE TABLE moves (place TEXT PRIMARY KEY, id, amount, event_id);\n"
    "CREATE TABLE least (amount);\n"
    "INSERT INTO least VALUES (0);\n"
    "CREATE TRIGGER too_small BEFORE INSERT ON moves WHEN NEW.amount < (SELECT amount FROM least)\n"
    "BEGIN SELECT RAISE(ABORT, 'it is too small'); END;\n"
    "-- on test.Deposited\n"
    "INSERT INTO moves VALUES (:$position, :$key, :amount, :$id);\n"
    "-- on test.Named\n"
    "-- on test.Closed\n"
    "-- on test.Noted\n";

static rig *least_rig(void)
{
    rig *own = rig_new(1);
    own->store = temporary_folder();
    return own;
}

static void least_free(rig *own)
{
    STELE_AUTO(char) path = stele_strdup_format("%s/t.db", own->store.path);
    unlink(path);
    rmdir(own->store.path);
    rig_free(own);
}

static void keep_text(void *context, const stele_sql_value *values, size_t count)
{
    (void)count;
    if (values[0].kind == STELE_SQL_TEXT) stele_buffer_append(context, values[0].as.bytes);
}

static void assert_found(rig *own, const char *text, const char *expected)
{
    stele_error err;
    size_t statement, at = 0;
    STELE_AUTO_VALUE(stele_buffer) found = {0};
    STELE_AUTO(stele_sql_store) store = connect_store(own);
    stele_sql_query query = {.text = text};
    if (stele_sql_store_open(store, &err) < 0 ||
        stele_sql_store_prepare(store, &query, &statement, &at, &err) < 0 ||
        stele_sql_store_read(store, statement, NULL, 0, keep_text, &found, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(stele_buffer_text(&found), expected);
}

/* What was too small is not any more: by the setup of another projection. */
static void mend(rig *own)
{
    stele_error err;
    size_t at = 0;
    STELE_AUTO(stele_sql_store) store = connect_store(own);
    stele_sql_setup setup = {"mender", 1, "UPDATE least SET amount = -10;"};
    if (stele_sql_store_open(store, &err) < 0 ||
        stele_sql_store_setup(store, &setup, &at, &err) < 0)
        fail_msg("%s", err.text);
}

static void assert_rows(rig *own, const char *expected)
{
    assert_found(own,
                 "SELECT group_concat(id || amount, ' ')"
                 " FROM (SELECT * FROM moves ORDER BY rowid)",
                 expected);
}

static void assert_letters(rig *own, const char *expected)
{
    assert_found(own,
                 "SELECT group_concat(event_offset || ' ' || aggregate_id || ' ' || code, ', ')"
                 " FROM (SELECT * FROM stele_letters ORDER BY event_offset)",
                 expected);
}

static void order(rig *own, int64_t offset, stele_order_kind kind)
{
    stele_log_topic_options topic = {.name = "balances.v1.control", .partitions = 1};
    stele_status status = stele_log_topic_create(own->bank->log, &topic, ASK_MS, NULL);
    assert_true(status == STELE_OK || status == STELE_E_EXISTS);
    char key[64];
    snprintf(key, sizeof key, BANK_EVENTS "/0/%" PRId64, offset);
    stele_header why = {STELE_ORDER_REASON, stele_text("because")};
    bank_append(own->bank, "balances.v1.control", 0, stele_text(key),
                stele_text(stele_order_kind_name(kind)), &why, 1);
}

static void run_parking(rig *own, bool parks)
{
    load(own, least_sql, false);
    own->sql = stele_sql_projection_open(
        &(stele_sql_projection_options){.program = own->program, .parks = parks});
    own->worker =
        teller_open(own->bank, (teller_options){.ops = &stele_sql_tasks, .self = own->sql});
    teller_catch_up(&own->worker);
    for (int i = 0; i < 300; i++)
        teller_turn(&own->worker);
    rig_unload(own);
}

static void add_some(rig *own)
{
    bank_deposit(own->bank, 0, "a", 1, "");
    bank_deposit(own->bank, 0, "a", -2, "");
    bank_deposit(own->bank, 0, "b", 5, "");
    bank_deposit(own->bank, 0, "a", 4, "");
    bank_deposit(own->bank, 0, "b", 6, "");
}

static void a_row_that_is_refused_is_set_aside_with_all_behind_it(void **state)
{
    (void)state;
    rig *own = least_rig();
    add_some(own);

    run_parking(own, true);

    assert_rows(own, "a1 b5 b6");
    assert_letters(own, "1 a refused, 3 a behind");
    bank_deposit(own->bank, 0, "a", 7, "");
    bank_deposit(own->bank, 0, "b", 8, "");
    run_parking(own, true);
    assert_rows(own, "a1 b5 b6 b8");
    assert_letters(own, "1 a refused, 3 a behind, 5 a behind");
    least_free(own);
}

static void a_redrive_stores_them_in_order(void **state)
{
    (void)state;
    rig *own = least_rig();
    add_some(own);
    run_parking(own, true);
    order(own, 1, STELE_ORDER_REDRIVE);
    run_parking(own, true);
    assert_letters(own, "1 a refused, 3 a behind"); /* it is refused again */

    mend(own);
    order(own, 1, STELE_ORDER_REDRIVE);
    run_parking(own, true);

    assert_rows(own, "a1 b5 b6 a-2 a4");
    assert_letters(own, "");
    least_free(own);
}

static void what_is_discarded_has_no_row(void **state)
{
    (void)state;
    rig *own = least_rig();
    add_some(own);
    run_parking(own, true);

    order(own, 1, STELE_ORDER_DISCARD);
    run_parking(own, true);

    assert_rows(own, "a1 b5 b6 a4");
    assert_letters(own, "1 a discarded");
    least_free(own);
}

/* Also where nothing is set aside by itself; and an event that is none. */
static void an_event_is_set_aside_by_order(void **state)
{
    (void)state;
    rig *own = least_rig();
    add_some(own);
    char *reason = run_to_stop(own, least_sql, false, 0);
    assert_non_null(strstr(reason, "it is too small"));
    assert_non_null(strstr(reason, "`dlq park`"));
    free(reason);
    bank_append(own->bank, BANK_EVENTS, 0, stele_text("c"), stele_text("no event"), NULL, 0);

    order(own, 1, STELE_ORDER_PARK);
    order(own, 5, STELE_ORDER_DISCARD);
    run_parking(own, false);

    assert_rows(own, "a1 b5 b6");
    assert_letters(own, "1 a refused, 3 a behind, 5 c discarded");
    least_free(own);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_become_rows),
        cmocka_unit_test(the_offset_of_the_group_follows),
        cmocka_unit_test(a_worker_goes_on_where_the_last_one_ended),
        cmocka_unit_test(transactions_have_a_bounded_size),
        cmocka_unit_test(the_journal_has_every_event),
        cmocka_unit_test(a_database_that_is_away_is_waited_for),
        cmocka_unit_test(a_database_that_does_not_answer_is_a_reason),
        cmocka_unit_test(a_claim_waits_for_a_database_that_is_away),
        cmocka_unit_test(nothing_is_lost_or_doubled_whichever_call_fails),
        cmocka_unit_test(another_owner_in_the_database_is_given_way),
        cmocka_unit_test(an_event_without_a_block_stops_with_the_way_out),
        cmocka_unit_test(events_of_other_types_are_passed_over_by_declaration),
        cmocka_unit_test(what_is_no_event_stops_its_partition),
        cmocka_unit_test(a_log_that_ends_before_the_position_stops),
        cmocka_unit_test(a_log_with_other_events_stops),
        cmocka_unit_test(a_log_that_is_made_again_while_it_is_read_stops),
        cmocka_unit_test(another_count_of_partitions_stops_all),
        cmocka_unit_test(a_mistake_in_the_file_is_found_before_it_runs),
        cmocka_unit_test(a_type_of_a_topic_that_no_one_has_published_to_is_waited_for),
        cmocka_unit_test(a_type_of_one_source_is_known_in_all),
        cmocka_unit_test(older_events_have_the_defaults_of_newer_fields),
#ifdef STELE_SQLITE
        cmocka_unit_test(a_row_that_is_refused_stops_with_file_line_and_position),
        cmocka_unit_test(a_statement_that_the_database_refuses_is_found_at_load),
        cmocka_unit_test(a_row_that_is_refused_is_set_aside_with_all_behind_it),
        cmocka_unit_test(a_redrive_stores_them_in_order),
        cmocka_unit_test(what_is_discarded_has_no_row),
        cmocka_unit_test(an_event_is_set_aside_by_order),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
