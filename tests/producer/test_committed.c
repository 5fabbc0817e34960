/* SPDX-License-Identifier: MIT
 * What a writer committed last, and whether it is seen: on the log in memory. */
#include "producer/committed.h"

#include "kafka/memory_log.h"
#include "producer/transaction.h"
#include "tests/support/test.h"

enum { WAIT_MS = 1000, EVERYWHERE = STELE_COMMITTED_FOLLOWED | STELE_COMMITTED_ELSEWHERE };
#define TOPIC "balances.v1.snapshots"

typedef struct world {
    stele_log *log;
    stele_log_producer *producer;
    stele_monitor monitor;
    stele_committed committed;
} world;

static void begin_following(world *of, stele_partition follows)
{
    stele_error err;
    assert_int_equal(stele_log_memory_new(NULL, &of->log, &err), STELE_OK);
    stele_log_topic_options topic = {.name = TOPIC, .partitions = 2};
    assert_int_equal(stele_log_topic_create(of->log, &topic, WAIT_MS, &err), STELE_OK);
    stele_log_producer_options producer = {.transactional_id = "balances.v1-account.events-0"};
    assert_int_equal(stele_log_producer_open(of->log, &producer, &of->producer, &err), STELE_OK);
    assert_int_equal(stele_log_producer_init(of->producer, TOPIC, WAIT_MS, &err), STELE_OK);
    stele_monitor_init(&of->monitor, stele_log_runtime(of->log));
    stele_committed_init(&of->committed, of->log, NULL, &follows, &of->monitor);
}

static void begin(world *of)
{
    begin_following(of, (stele_partition){NULL, 0});
}

static void end(world *of)
{
    stele_committed_clear(&of->committed);
    stele_monitor_clear(&of->monitor);
    stele_log_producer_close(of->producer);
    stele_log_free(of->log);
}

static void put(stele_transaction *transaction, int32_t partition, int64_t offset)
{
    stele_transaction_put(transaction, (stele_partition){TOPIC, partition}, stele_text("key"),
                          stele_text("value"), NULL, 0);
    transaction->records[transaction->count - 1].offset = offset;
}

static int set(world *of, const stele_transaction *transaction)
{
    stele_monitor_lock(&of->monitor);
    int where = stele_committed_add(&of->committed, transaction);
    stele_monitor_unlock(&of->monitor);
    return where;
}

/* One record, committed at offset 0 of partition 0. */
static void commit_one(world *of)
{
    stele_error err;
    STELE_AUTO(stele_transaction) transaction = stele_transaction_new();
    put(transaction, 0, 0);
    assert_int_equal(stele_log_producer_begin(of->producer, &err), STELE_OK);
    stele_log_entry entry = stele_transaction_entry(transaction, 0);
    assert_int_equal(stele_log_producer_put(of->producer, &entry, &err), STELE_OK);
    assert_int_equal(stele_log_producer_commit(of->producer, WAIT_MS, &err), STELE_OK);
    set(of, transaction);
}

static void nothing_committed_is_nothing_in_doubt(void **state)
{
    (void)state;
    world of;
    begin(&of);
    stele_error err;

    assert_true(stele_committed_is_visible(&of.committed));
    assert_false(stele_committed_is_in_doubt(&of.committed));
    assert_int_equal(stele_committed_check_places(&of.committed, EVERYWHERE, WAIT_MS, &err),
                     STELE_OK);
    assert_int_equal(stele_committed_check_offset(&of.committed, WAIT_MS, &err), STELE_OK);
    end(&of);
}

static void nothing_is_in_doubt_once_the_last_record_of_each_partition_is_seen(void **state)
{
    (void)state;
    world of;
    begin(&of);
    STELE_AUTO(stele_transaction) transaction = stele_transaction_new();
    put(transaction, 0, 5);
    put(transaction, 1, 8);
    put(transaction, 0, 6);
    assert_int_equal(set(&of, transaction), STELE_COMMITTED_ELSEWHERE);

    const struct {
        stele_partition partition;
        int64_t offset;
        bool is_in_doubt;
    } words[] = {{{TOPIC, 1}, 9, true},
                 {{TOPIC, 0}, 6, true}, /* the last one is at 6, and is not below */
                 {{"account.events", 0}, 7, true},
                 {{TOPIC, 0}, 7, false}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        stele_committed_see(&of.committed, words[i].partition, words[i].offset);
        assert_int_equal(stele_committed_is_in_doubt(&of.committed), words[i].is_in_doubt);
    }
    end(&of);
}

static void what_goes_elsewhere_leaves_in_doubt_what_was_not_seen(void **state)
{
    (void)state;
    world of;
    begin(&of);
    STELE_AUTO(stele_transaction) first = stele_transaction_new();
    put(first, 0, 5);
    set(&of, first);
    STELE_AUTO(stele_transaction) second = stele_transaction_new();
    put(second, 1, 8);
    set(&of, second);

    stele_committed_see(&of.committed, (stele_partition){TOPIC, 1}, 9);
    assert_true(stele_committed_is_in_doubt(&of.committed));
    stele_committed_see(&of.committed, (stele_partition){TOPIC, 0}, 6);

    assert_false(stele_committed_is_in_doubt(&of.committed));
    end(&of);
}

static void the_next_one_takes_its_place_where_it_goes(void **state)
{
    (void)state;
    world of;
    begin(&of);
    static const int64_t offsets[] = {5, 8, 2}; /* 2: the topic was made again */
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        STELE_AUTO(stele_transaction) transaction = stele_transaction_new();
        put(transaction, 0, offsets[i]);
        set(&of, transaction);
        stele_committed_see(&of.committed, (stele_partition){TOPIC, 0}, offsets[i]);
        assert_true(stele_committed_is_in_doubt(&of.committed));
    }

    stele_committed_see(&of.committed, (stele_partition){TOPIC, 0}, 3);

    assert_false(stele_committed_is_in_doubt(&of.committed));
    end(&of);
}

static void what_is_followed_is_visible_when_its_owner_says_so(void **state)
{
    (void)state;
    world of;
    begin_following(&of, (stele_partition){TOPIC, 1});
    STELE_AUTO(stele_transaction) both = stele_transaction_new();
    put(both, 0, 5);
    put(both, 1, 8);
    assert_int_equal(set(&of, both), EVERYWHERE);
    assert_false(stele_committed_is_visible(&of.committed));

    stele_committed_see(&of.committed, (stele_partition){TOPIC, 1}, 9);
    assert_true(stele_committed_is_visible(&of.committed));
    assert_true(stele_committed_is_in_doubt(&of.committed));
    stele_committed_see(&of.committed, (stele_partition){TOPIC, 0}, 6);

    assert_false(stele_committed_is_in_doubt(&of.committed));
    end(&of);
}

static void an_owner_that_was_ahead_of_the_answer_need_not_say_it_again(void **state)
{
    (void)state;
    world of;
    begin_following(&of, (stele_partition){TOPIC, 1});
    stele_committed_see(&of.committed, (stele_partition){TOPIC, 1}, 9);
    STELE_AUTO(stele_transaction) seen = stele_transaction_new();
    put(seen, 1, 8);
    STELE_AUTO(stele_transaction) later = stele_transaction_new();
    put(later, 1, 9);

    assert_int_equal(set(&of, seen), STELE_COMMITTED_FOLLOWED);
    assert_true(stele_committed_is_visible(&of.committed));
    set(&of, later);

    assert_false(stele_committed_is_visible(&of.committed));
    end(&of);
}

static void only_what_is_asked_for_is_looked_at(void **state)
{
    (void)state;
    world of;
    begin_following(&of, (stele_partition){TOPIC, 0});
    stele_log_memory_lose_markers(of.log);
    commit_one(&of);
    stele_error err;

    assert_int_equal(
        stele_committed_check_places(&of.committed, STELE_COMMITTED_ELSEWHERE, WAIT_MS, &err),
        STELE_OK);
    assert_int_equal(
        stele_committed_check_places(&of.committed, STELE_COMMITTED_FOLLOWED, WAIT_MS, &err),
        STELE_E_CONFLICT);
    end(&of);
}

static void who_asks_the_log_learns_that_it_is_seen(void **state)
{
    (void)state;
    world of;
    begin(&of);
    commit_one(&of);
    stele_error err;
    assert_true(stele_committed_is_in_doubt(&of.committed));

    assert_int_equal(stele_committed_check_places(&of.committed, EVERYWHERE, WAIT_MS, &err),
                     STELE_OK);

    assert_false(stele_committed_is_in_doubt(&of.committed));
    end(&of);
}

static void who_asks_the_log_learns_where_it_hangs(void **state)
{
    (void)state;
    world of;
    begin(&of);
    stele_log_memory_lose_markers(of.log);
    commit_one(&of);
    stele_error err;

    assert_int_equal(stele_committed_check_places(&of.committed, EVERYWHERE, WAIT_MS, &err),
                     STELE_E_CONFLICT);

    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_non_null(strstr(err.text, TOPIC "/0: "));
    assert_true(stele_committed_is_in_doubt(&of.committed));
    end(&of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_committed_is_nothing_in_doubt),
        cmocka_unit_test(nothing_is_in_doubt_once_the_last_record_of_each_partition_is_seen),
        cmocka_unit_test(what_goes_elsewhere_leaves_in_doubt_what_was_not_seen),
        cmocka_unit_test(the_next_one_takes_its_place_where_it_goes),
        cmocka_unit_test(what_is_followed_is_visible_when_its_owner_says_so),
        cmocka_unit_test(an_owner_that_was_ahead_of_the_answer_need_not_say_it_again),
        cmocka_unit_test(only_what_is_asked_for_is_looked_at),
        cmocka_unit_test(who_asks_the_log_learns_that_it_is_seen),
        cmocka_unit_test(who_asks_the_log_learns_where_it_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
