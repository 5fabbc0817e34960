/* SPDX-License-Identifier: MIT
 * The bad days of a part only, as the log in memory plays them: a client that is cut off while
 * others go on, a disk that is full while all can be read. */
#include "kafka_test.h"

#include "kafka/memory_log.h"

enum { HERE = 1, THERE = 2 };

typedef struct world {
    stele_manual_clock time;
    stele_manual_clock broker;
    stele_log *log;
    const char *topic;
    const char *other;
    int client; /* who calls */
    int cut;    /* who is cut off */
} world;

static int owner_of(void *context)
{
    return ((world *)context)->client;
}

static bool reaches(void *context, int owner)
{
    return owner != ((world *)context)->cut;
}

static int set_up(void **state)
{
    static world fresh;
    fresh = (world){.client = HERE};
    stele_manual_clock_set(&fresh.time, 1000000);
    stele_manual_clock_set(&fresh.broker, 1000000);
    stele_log_memory_options options = {.runtime = stele_runtime_manual(&fresh.time),
                                        .clock = stele_clock_manual(&fresh.broker),
                                        .owner = owner_of,
                                        .reaches = reaches,
                                        .context = &fresh};
    MUST(stele_log_memory_new(&options, &fresh.log, &err));
    fresh.topic = make_topic(fresh.log, 1);
    fresh.other = make_topic(fresh.log, 1);
    *state = &fresh;
    return 0;
}

static int tear_down(void **state)
{
    stele_log_free(((world *)*state)->log);
    return 0;
}

static void expect_texts(world *w, const char *topic, const char *texts)
{
    char *read = read_texts(w->log, topic, STELE_READ_COMMITTED);
    assert_string_equal(read, texts);
    free(read);
}

/* ---- disks ---- */

static void records_wait_for_room_in_their_order(void **state)
{
    world *w = *state;
    stele_log_producer *producer = open_producer(w->log, NULL, w->topic);
    stele_log_memory_fill_disk(w->log, w->topic, true);
    put_text(producer, w->topic, "a");
    put_text(producer, w->topic, "b");
    MUST_FAIL(stele_log_producer_flush(producer, 0, &err), STELE_E_TIMED_OUT, STELE_NEXT_RETRY);

    stele_log_memory_fill_disk(w->log, w->topic, false);
    put_text(producer, w->topic, "c");

    MUST(stele_log_producer_flush(producer, 0, &err));
    expect_texts(w, w->topic, "a,b,c,");
    stele_log_producer_close(producer);
}

static void a_full_disk_keeps_back_no_other_topic(void **state)
{
    world *w = *state;
    stele_log_producer *producer = open_producer(w->log, NULL, w->topic);
    stele_log_memory_fill_disk(w->log, w->topic, true);

    put_text(producer, w->topic, "a");
    put_text(producer, w->other, "b");

    MUST(stele_log_producer_poll(producer, 0, &err));
    expect_texts(w, w->other, "b,");
    expect_texts(w, w->topic, "");
    stele_log_producer_close(producer);
}

static void a_commit_is_visible_once_its_markers_have_room(void **state)
{
    world *w = *state;
    stele_log_producer *producer = open_producer(w->log, "id", w->topic);
    MUST(stele_log_producer_begin(producer, &err));
    put_text(producer, w->topic, "a");
    stele_log_memory_fill_disk(w->log, w->topic, true);

    MUST(stele_log_producer_commit(producer, 0, &err));
    expect_texts(w, w->topic, "");
    MUST(stele_log_producer_begin(producer, &err));
    put_text(producer, w->other, "b");
    MUST_FAIL(stele_log_producer_flush(producer, 0, &err), STELE_E_TIMED_OUT, STELE_NEXT_RETRY);

    stele_log_memory_fill_disk(w->log, w->topic, false);
    expect_texts(w, w->topic, "a,");
    MUST(stele_log_producer_commit(producer, 0, &err));
    expect_texts(w, w->other, "b,");
    stele_log_producer_close(producer);
}

static void whoever_takes_over_waits_for_late_markers(void **state)
{
    world *w = *state;
    stele_log_producer *next = NULL;
    stele_log_producer *producer = open_producer(w->log, "id", w->topic);
    stele_log_producer_options options = {.transactional_id = "id"};
    MUST(stele_log_producer_begin(producer, &err));
    put_text(producer, w->topic, "a");
    stele_log_memory_fill_disk(w->log, w->topic, true);
    MUST(stele_log_producer_commit(producer, 0, &err));

    MUST(stele_log_producer_open(w->log, &options, &next, &err));
    MUST_FAIL(stele_log_producer_init(next, w->topic, 0, &err), STELE_E_TIMED_OUT,
              STELE_NEXT_RETRY);

    stele_log_memory_fill_disk(w->log, w->topic, false);
    MUST(stele_log_producer_init(next, w->topic, 0, &err));
    expect_texts(w, w->topic, "a,");
    stele_log_producer_close(producer);
    stele_log_producer_close(next);
}

static void a_full_broker_keeps_back_ends_and_topics(void **state)
{
    world *w = *state;
    stele_log_topic_options options = {.name = "new", .partitions = 1};
    stele_log_producer *producer = open_producer(w->log, "id", w->topic);
    MUST(stele_log_producer_begin(producer, &err));
    put_text(producer, w->topic, "a");
    stele_log_memory_fill_disk(w->log, NULL, true);

    MUST_FAIL(stele_log_producer_commit(producer, 0, &err), STELE_E_TIMED_OUT, STELE_NEXT_RETRY);
    MUST_FAIL(stele_log_topic_create(w->log, &options, 0, &err), STELE_E_TIMED_OUT,
              STELE_NEXT_RETRY);
    stele_manual_clock_advance(&w->time, 60000);

    stele_log_memory_fill_disk(w->log, NULL, false);
    MUST(stele_log_topic_create(w->log, &options, 0, &err));
    MUST_FAIL(stele_log_producer_commit(producer, 0, &err), STELE_E_FENCED, STELE_NEXT_STOP);
    expect_texts(w, w->topic, "");
    stele_log_producer_close(producer);
}

/* ---- the network ---- */

static void who_is_cut_off_hears_and_sends_nothing(void **state)
{
    world *w = *state;
    stele_log_topic topic;
    stele_log_producer *producer = open_producer(w->log, NULL, w->topic);
    w->cut = HERE;
    put_text(producer, w->topic, "a");
    MUST_FAIL(stele_log_producer_flush(producer, 0, &err), STELE_E_TIMED_OUT, STELE_NEXT_RETRY);
    MUST_FAIL(stele_log_topic_describe(w->log, w->topic, 0, &topic, &err), STELE_E_UNAVAILABLE,
              STELE_NEXT_RETRY);
    assert_false(stele_log_is_up(w->log));

    w->client = THERE;
    assert_true(stele_log_is_up(w->log));
    stele_log_producer *other = open_producer(w->log, NULL, w->topic);
    put_text(other, w->topic, "b");
    expect_texts(w, w->topic, "b,");

    w->client = HERE;
    w->cut = 0;
    MUST(stele_log_producer_flush(producer, 0, &err));
    expect_texts(w, w->topic, "b,a,");
    stele_log_producer_close(producer);
    stele_log_producer_close(other);
}

static void join(world *w, counted *it, int client)
{
    w->client = client;
    join_counted(w->log, it, w->topic);
}

static void poll(world *w, counted *it, int client)
{
    w->client = client;
    for (size_t i = 0; i < 4; i++)
        MUST(stele_log_member_poll(it->member, 0, &err));
}

static void a_member_that_is_cut_off_is_lost_and_hears_of_it_later(void **state)
{
    world *w = *state;
    counted a;
    counted b;
    join(w, &a, HERE);
    join(w, &b, THERE);
    poll(w, &a, HERE);
    assert_int_equal(a.owned, 1);

    w->cut = HERE;
    stele_manual_clock_advance(&w->time, 5000);
    poll(w, &a, HERE);
    poll(w, &b, THERE);
    stele_manual_clock_advance(&w->time, 1000);
    poll(w, &b, THERE);
    assert_int_equal(b.owned, 1);
    poll(w, &a, HERE);
    assert_int_equal(a.owned, 1);

    w->cut = 0;
    poll(w, &a, HERE);
    assert_int_equal(a.owned, 0);
    assert_true(a.lost);
    stele_log_member_close(a.member, 0);
    stele_log_member_close(b.member, 0);
}

static void who_leaves_unheard_is_a_member_until_the_session_ends(void **state)
{
    world *w = *state;
    counted a;
    counted b;
    join(w, &a, HERE);
    w->cut = HERE;
    stele_log_member_close(a.member, 0);
    assert_int_equal(a.owned, 0);

    join(w, &b, THERE);
    poll(w, &b, THERE);
    assert_int_equal(b.owned, 0);

    stele_manual_clock_advance(&w->time, 3000);
    poll(w, &b, THERE);
    stele_manual_clock_advance(&w->time, 3000);
    poll(w, &b, THERE);
    assert_int_equal(b.owned, 1);
    stele_log_member_close(b.member, 0);
}

/* ---- clocks ---- */

static size_t refused;

static void on_delivered(void *context, void *opaque, stele_position position,
                         const stele_error *failure)
{
    (void)context, (void)opaque, (void)position;
    refused += failure != NULL && failure->next == STELE_NEXT_REJECT;
}

static void a_record_far_ahead_of_the_brokers_clock_is_refused(void **state)
{
    world *w = *state;
    stele_log_producer *producer = NULL;
    stele_log_producer_options options = {.delivered = on_delivered};
    MUST(stele_log_producer_open(w->log, &options, &producer, &err));
    refused = 0;

    stele_manual_clock_set(&w->time, 1000000 + 3600000);
    put_text(producer, w->topic, "a");
    stele_manual_clock_set(&w->time, 1000000 + 3600001);
    put_text(producer, w->topic, "b");

    MUST(stele_log_producer_flush(producer, 0, &err));
    assert_int_equal(refused, 1);
    expect_texts(w, w->topic, "a,");
    stele_log_producer_close(producer);
}

/* ---- records that are late ---- */

static void a_late_record_is_in_the_log_after_its_producer_has_died(void **state)
{
    world *w = *state;
    stele_log_producer *producer = open_producer(w->log, NULL, w->topic);
    stele_log_memory_fail_append(w->log, 1, STELE_LOG_MEMORY_DIES_LATE);
    put_text(producer, w->topic, "a");

    MUST_FAIL(stele_log_producer_poll(producer, 0, &err), STELE_E_INTERNAL, STELE_NEXT_STOP);
    stele_log_producer_close(producer);
    stele_manual_clock_advance(&w->time, 99);
    expect_texts(w, w->topic, "");
    stele_manual_clock_advance(&w->time, 1);
    expect_texts(w, w->topic, "a,");
}

static void what_is_under_way_is_lost_with_the_broker(void **state)
{
    world *w = *state;
    stele_log_entry entry = {
        .partition = {w->topic, 0}, .key = stele_text("a"), .value = stele_text("a")};
    stele_log_memory_append_late(w->log, &entry, 100);
    stele_log_memory_set_up(w->log, false);
    stele_manual_clock_advance(&w->time, 100);
    assert_false(stele_log_is_up(w->log));
    stele_log_memory_set_up(w->log, true);
    expect_texts(w, w->topic, "");

    stele_log_memory_append_late(w->log, &entry, 1000); /* freed with the log */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(records_wait_for_room_in_their_order),
        CASE(a_full_disk_keeps_back_no_other_topic),
        CASE(a_commit_is_visible_once_its_markers_have_room),
        CASE(whoever_takes_over_waits_for_late_markers),
        CASE(a_full_broker_keeps_back_ends_and_topics),
        CASE(who_is_cut_off_hears_and_sends_nothing),
        CASE(a_member_that_is_cut_off_is_lost_and_hears_of_it_later),
        CASE(who_leaves_unheard_is_a_member_until_the_session_ends),
        CASE(a_record_far_ahead_of_the_brokers_clock_is_refused),
        CASE(a_late_record_is_in_the_log_after_its_producer_has_died),
        CASE(what_is_under_way_is_lost_with_the_broker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
