/* SPDX-License-Identifier: MIT
 * What a simulation tells the log in memory of its processes, and asks of it. */
#include "kafka_test.h"

#include "kafka/memory_log.h"

enum { SESSION_MS = 6000, ONE = 1, OTHER = 2 };

typedef struct world {
    stele_manual_clock clock;
    stele_log *log;
    const char *topic;
    int owner;  /* of what is opened */
    bool slept; /* the member has */
} world;

static int owner_of(void *context)
{
    return ((world *)context)->owner;
}

static int set_up(void **state)
{
    static world fresh;
    fresh = (world){.owner = ONE};
    stele_log_memory_options options = {
        .runtime = stele_runtime_manual(&fresh.clock), .owner = owner_of, .context = &fresh};
    MUST(stele_log_memory_new(&options, &fresh.log, &err));
    fresh.topic = make_topic(fresh.log, 2);
    *state = &fresh;
    return 0;
}

static int tear_down(void **state)
{
    stele_log_free(((world *)*state)->log);
    return 0;
}

static stele_log_producer *producer_of(world *w, int owner, const char *id)
{
    stele_log_producer *producer;
    stele_log_producer_options options = {.transactional_id = id};
    w->owner = owner;
    MUST(stele_log_producer_open(w->log, &options, &producer, &err));
    MUST(stele_log_producer_init(producer, w->topic, 0, &err));
    return producer;
}

static void count(void *context, const stele_log_group_member *member)
{
    (void)member;
    ++*(size_t *)context;
}

static size_t members_of_group(world *w)
{
    size_t members = 0;
    MUST(stele_log_group_describe(w->log, "group", 0, count, &members, &err));
    return members;
}

static void whoever_fenced_last_holds_the_id(void **state)
{
    world *w = *state;
    stele_log_producer *first = producer_of(w, ONE, "id");
    assert_int_equal(stele_log_memory_holders(w->log, "id", ONE), 1);

    stele_log_producer *second = producer_of(w, OTHER, "id");

    assert_int_equal(stele_log_memory_holders(w->log, "id", ONE), 0);
    assert_int_equal(stele_log_memory_holders(w->log, "id", OTHER), 1);
    assert_int_equal(stele_log_memory_holders(w->log, "id", STELE_LOG_MEMORY_ANYONE), 1);
    assert_int_equal(stele_log_memory_holders(w->log, "none", STELE_LOG_MEMORY_ANYONE), 0);
    assert_string_equal(stele_log_memory_transactional_id(second), "id");
    stele_log_producer_close(first);
    stele_log_producer_close(second);
}

static void producers_of_a_process_that_is_gone_are_forgotten(void **state)
{
    world *w = *state;
    stele_log_producer *left = producer_of(w, ONE, "id");
    stele_log_producer *other = producer_of(w, OTHER, "other");

    stele_log_memory_client_gone(w->log, ONE);

    assert_int_equal(stele_log_memory_holders(w->log, "id", STELE_LOG_MEMORY_ANYONE), 0);
    assert_int_equal(stele_log_memory_holders(w->log, "other", STELE_LOG_MEMORY_ANYONE), 1);
    stele_log_producer_close(other);
    free(left); /* as its process would be */
}

/* Within a poll, where a member is kept however long it lasts: but not if its process sleeps. */
static void fall_asleep_for_a_session(void *context, const stele_partition *partitions,
                                      size_t partition_count)
{
    (void)partitions, (void)partition_count;
    world *w = context;
    if (w->slept) return;
    w->slept = true;
    stele_manual_clock_advance(&w->clock, 2 * SESSION_MS);
    assert_int_equal(members_of_group(w), 1);
    stele_log_memory_client_sleep(w->log, OTHER, true);
    stele_log_memory_client_sleep(w->log, ONE, true);
    stele_manual_clock_advance(&w->clock, SESSION_MS - 1);
    assert_int_equal(members_of_group(w), 1);
    stele_manual_clock_advance(&w->clock, 1);
    assert_int_equal(members_of_group(w), 0);
    stele_log_memory_client_sleep(w->log, ONE, false);
}

static void a_member_whose_process_sleeps_is_lost_and_comes_back(void **state)
{
    world *w = *state;
    stele_log_member *member;
    const char *topics[] = {w->topic, NULL};
    stele_log_member_options options = {
        .group = "group",
        .topics = topics,
        .session_timeout_ms = SESSION_MS,
        .events = {.assigned = fall_asleep_for_a_session, .context = w}};
    MUST(stele_log_member_open(w->log, &options, &member, &err));

    MUST(stele_log_member_poll(member, 0, &err));
    assert_true(w->slept);
    MUST(stele_log_member_poll(member, 0, &err));

    assert_int_equal(members_of_group(w), 1);
    stele_log_member_close(member, 0);
}

static void the_ends_of_a_partition_tell_what_is_open(void **state)
{
    world *w = *state;
    int64_t stable = -1;
    int64_t end = -1;
    stele_log_producer *producer = producer_of(w, ONE, "id");
    stele_log_entry entry = {.partition = {w->topic, 1}, .value = stele_text("a")};
    MUST(stele_log_producer_begin(producer, &err));
    MUST(stele_log_producer_put(producer, &entry, &err));

    stele_log_memory_ends(w->log, (stele_partition){w->topic, 1}, &stable, &end);
    assert_int_equal(stable, 0);
    assert_int_equal(end, 1);

    MUST(stele_log_producer_commit(producer, 0, &err));
    stele_log_memory_ends(w->log, (stele_partition){w->topic, 1}, &stable, &end);
    assert_int_equal(stable, 2);
    assert_int_equal(end, 2);
    stele_log_memory_ends(w->log, (stele_partition){w->topic, 7}, &stable, &end);
    assert_int_equal(end, 0);
    stele_log_producer_close(producer);
}

static void a_fault_that_is_ordered_can_be_taken_back(void **state)
{
    world *w = *state;
    static void (*const orders[])(stele_log *) = {stele_log_memory_lose_markers,
                                                  stele_log_memory_lose_half_the_markers};
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        orders[i](w->log);
        assert_true(stele_log_memory_has_fault(w->log));
        stele_log_memory_forget_faults(w->log);
        assert_false(stele_log_memory_has_fault(w->log));
    }
    stele_log_memory_fail_append(w->log, 1, STELE_LOG_MEMORY_DIES_BEFORE);
    assert_true(stele_log_memory_has_fault(w->log));
    stele_log_memory_forget_faults(w->log);

    stele_log_producer *producer = producer_of(w, ONE, NULL);
    stele_log_entry entry = {.partition = {w->topic, 0}, .value = stele_text("a")};
    MUST(stele_log_producer_put(producer, &entry, &err));
    MUST(stele_log_producer_flush(producer, 0, &err));
    stele_log_producer_close(producer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whoever_fenced_last_holds_the_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(producers_of_a_process_that_is_gone_are_forgotten, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_member_whose_process_sleeps_is_lost_and_comes_back,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_ends_of_a_partition_tell_what_is_open, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_fault_that_is_ordered_can_be_taken_back, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
