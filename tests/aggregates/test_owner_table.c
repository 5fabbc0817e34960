/* SPDX-License-Identifier: MIT
 * The table of owners, on the log in memory. */
#include "aggregates/owner_table.h"

#include <stdatomic.h>

#include "core/alloc.h"
#include "core/names.h"
#include "kafka/memory_log.h"
#include "tests/support/test.h"

enum { ASK_MS = 10000 };

typedef struct desk {
    stele_log *log;
    stele_log_producer *producer;
    stele_owner_table *table;
} desk;

static void desk_open(desk *d)
{
    stele_error err;
    assert_int_equal(stele_log_memory_new(NULL, &d->log, NULL), STELE_OK);
    stele_log_topic_options topic = {.name = "account.events", .partitions = 3};
    assert_int_equal(stele_log_topic_create(d->log, &topic, ASK_MS, &err), STELE_OK);
    stele_log_producer_options options = {.transactional_id = "account.events-0"};
    assert_int_equal(stele_log_producer_open(d->log, &options, &d->producer, &err), STELE_OK);
    assert_int_equal(stele_log_producer_init(d->producer, NULL, ASK_MS, &err), STELE_OK);
    assert_int_equal(stele_owner_table_open(d->log, &d->table, &err), STELE_OK);
}

static void desk_close(desk *d)
{
    stele_owner_table_close(d->table);
    stele_log_producer_close(d->producer);
    stele_log_free(d->log);
}
STELE_VALUE_SCOPE(desk, desk_close);

static stele_deadline soon(void)
{
    return stele_deadline_after(stele_clock_system(), ASK_MS);
}

static void put(desk *d, const char *key, const char *value)
{
    stele_error err;
    const stele_log_entry entry = {
        .partition = {STELE_OWNERS_TOPIC, 0}, .key = stele_text(key), .value = stele_text(value)};
    assert_int_equal(stele_log_producer_put(d->producer, &entry, &err), STELE_OK);
}

/* In a transaction: what is in one that is aborted is no record. */
static void own(desk *d, int32_t partition, int64_t term, bool commits)
{
    stele_owner owner = {.term = term, .instance = "bank", .address = "one:1", .time_ms = 1};
    STELE_AUTO(char) key = stele_owner_key("account.events", partition);
    STELE_AUTO_VALUE(stele_buffer) value = {0};
    stele_error err;
    stele_owner_write(&owner, &value);
    assert_int_equal(stele_log_producer_begin(d->producer, &err), STELE_OK);
    put(d, key, stele_buffer_text(&value));
    put(d, "account.events/1", "{}"); /* no owner's record */
    put(d, "account.events", stele_buffer_text(&value));
    assert_int_equal(commits ? stele_log_producer_commit(d->producer, ASK_MS, &err)
                             : stele_log_producer_abort(d->producer, ASK_MS, &err),
                     STELE_OK);
}

static void await_term(desk *d, int32_t partition, int64_t term)
{
    stele_owner found = {0};
    stele_deadline by = soon();
    while (!stele_owner_table_find(d->table, "account.events", partition, &found) ||
           found.term != term) {
        assert_false(stele_deadline_passed(by));
        stele_sleep_ms(stele_runtime_system(), 1);
    }
    assert_string_equal(found.address, "one:1");
}

static void the_last_record_that_was_committed_counts(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(desk) d = {0};
    stele_owner found;
    stele_error err;
    desk_open(&d);
    assert_int_equal(stele_owners_ensure(d.log, "account.events", ASK_MS, &err), STELE_OK);

    own(&d, 0, 1, true);
    own(&d, 2, 7, true);
    own(&d, 0, 2, true);
    own(&d, 0, 3, false);

    await_term(&d, 0, 2);
    await_term(&d, 2, 7);
    assert_false(stele_owner_table_find(d.table, "account.events", 1, &found));
    assert_false(stele_owner_table_find(d.table, "other.events", 0, &found));
    own(&d, 0, 4, true);
    await_term(&d, 0, 4);
}

static void a_topic_that_does_not_exist_has_no_owners_yet(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(desk) d = {0};
    stele_owner found;
    stele_error err;
    desk_open(&d);

    assert_int_equal(stele_owner_table_await(d.table, soon(), &err), STELE_OK);
    assert_false(stele_owner_table_find(d.table, "account.events", 0, &found));
    assert_int_equal(stele_owners_ensure(d.log, "account.events", ASK_MS, &err), STELE_OK);
    own(&d, 0, 1, true);

    await_term(&d, 0, 1);
}

static void all_that_was_there_is_waited_for(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(desk) d = {0};
    stele_owner found;
    stele_error err;
    desk_open(&d);
    assert_int_equal(stele_owners_ensure(d.log, "account.events", ASK_MS, &err), STELE_OK);
    for (int32_t i = 0; i < 3; i++)
        own(&d, i, i + 1, true);
    stele_owner_table_close(d.table);
    assert_int_equal(stele_owner_table_open(d.log, &d.table, &err), STELE_OK);

    assert_int_equal(stele_owner_table_await(d.table, soon(), &err), STELE_OK);

    for (int32_t i = 0; i < 3; i++) {
        assert_true(stele_owner_table_find(d.table, "account.events", i, &found));
        assert_int_equal(found.term, i + 1);
    }
}

static void count(void *context)
{
    atomic_int *calls = context;
    atomic_fetch_add(calls, 1);
}

static void a_change_is_told(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(desk) d = {0};
    atomic_int calls = 0;
    stele_error err;
    desk_open(&d);
    assert_int_equal(stele_owners_ensure(d.log, "account.events", ASK_MS, &err), STELE_OK);
    stele_owner_table_tell(d.table, count, &calls);

    own(&d, 0, 1, true);
    stele_deadline by = soon();
    while (atomic_load(&calls) == 0)
        assert_false(stele_deadline_passed(by));
    await_term(&d, 0, 1);
    stele_owner_table_tell(d.table, NULL, NULL);
    int before = atomic_load(&calls);
    own(&d, 0, 2, true);
    await_term(&d, 0, 2);

    assert_int_equal(atomic_load(&calls), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_record_that_was_committed_counts),
        cmocka_unit_test(a_topic_that_does_not_exist_has_no_owners_yet),
        cmocka_unit_test(all_that_was_there_is_waited_for),
        cmocka_unit_test(a_change_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
