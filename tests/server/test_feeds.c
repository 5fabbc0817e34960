/* SPDX-License-Identifier: MIT
 * Streams of a topic as a client sees them: what was there and what comes, each record once and in
 * order, wherever it begins and however slow it is. The log is one in memory; there is no server:
 * the test takes what a stream has. */
#include "kafka/memory_log.h"
#include "kafka/partitioner.h"
#include "snapshots/format.h"
#include "tests/server/feed_stage.h"
#include "tests/support/shelf.h"

/* ---- what a client has heard ---- */

/* What of its data comes from a partition, as numbers: " 1 2 3". Caller frees. */
static char *cents_of(client *c, int32_t partition)
{
    STELE_AUTO_VALUE(stele_buffer) numbers = {0};
    STELE_AUTO(char) place = stele_strdup_format("\"" EVENTS "/%d/", (int)partition);
    const char *at = stele_buffer_text(&c->heard);
    while ((at = strstr(at, "\"position\":")) != NULL) {
        const char *end = strchr(at, '\n');
        const char *cents = strstr(at, "\"cents\":");
        if (strstr(at, place) != NULL && strstr(at, place) < end && cents != NULL && cents < end)
            stele_buffer_format(&numbers, " %ld", strtol(cents + 8, NULL, 10));
        at = end;
    }
    return stele_strdup(stele_buffer_text(&numbers));
}

static void expect_cents(client *c, int first, int last)
{
    STELE_AUTO_VALUE(stele_buffer) wanted = {0};
    for (int i = first; i <= last; i++)
        stele_buffer_format(&wanted, " %d", i);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        STELE_AUTO(char) got = cents_of(c, i);
        assert_string_equal(got, stele_buffer_text(&wanted));
    }
}

/* A record that is the last of a partition: `hear` waits for it in each. */
static void hear_all(client *c, int64_t cents)
{
    for (int32_t i = 0; i < PARTITIONS; i++) {
        STELE_AUTO(char)
        mark = stele_strdup_format("/%d/%d\",\"data\":{\"cents\":%d,", (int)i,
                                   (int)(2 * (cents - 1)), (int)cents);
        hear(c, mark);
    }
}

static void expect_problem(const client *c, unsigned code, const char *name, const char *part)
{
    if (c->reply.code != code || strstr(c->reply.body, name) == NULL ||
        strstr(c->reply.body, part) == NULL)
        fail_msg("%u %s", c->reply.code, c->reply.body);
}

/* ---- events ---- */

static void what_was_there_and_what_comes_are_one_stream(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    STELE_AUTO_VALUE(client) all = {0};
    STELE_AUTO_VALUE(client) rest = {0};
    stage_open(&s, (stele_feeds_options){0});
    for (int i = 1; i <= 5; i++)
        book(&s, i);
    ask(&s, &all, &events, "/?from=beginning", NULL);
    hear_all(&all, 5);
    ask(&s, &rest, &events, "/?from=end", NULL);

    for (int i = 6; i <= 20; i++)
        book(&s, i);
    hear_all(&all, 20);
    hear_all(&rest, 20);

    assert_memory_equal(all.heard.data, "retry: 1000\nid: 0.0.0\n\n", 23);
    expect_cents(&all, 1, 20);
    expect_cents(&rest, 6, 20);
}

static void it_goes_on_behind_any_of_its_ids(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    STELE_AUTO_VALUE(client) all = {0};
    stage_open(&s, (stele_feeds_options){0});
    for (int i = 1; i <= 4; i++)
        book(&s, i);
    ask(&s, &all, &events, "/?from=beginning", NULL);
    hear_all(&all, 4);

    size_t count = 0;
    for (const char *at = stele_buffer_text(&all.heard); (at = strstr(at, "id: ")) != NULL;
         count++) {
        STELE_AUTO_VALUE(client) again = {0};
        at += 4;
        const char *end = strchr(at, '\n');
        STELE_AUTO(char) last = stele_strndup(at, (size_t)(end - at));
        /* What came up to here, and what comes to the one that goes on, are all of it. */
        stele_buffer_append(&again.heard,
                            stele_bytes_of(all.heard.data, (size_t)(strstr(at, "\n\n") + 2 -
                                                                    (const char *)all.heard.data)));
        ask(&s, &again, &events, "/?from=beginning", last);
        hear_all(&again, 4);
        expect_cents(&again, 1, 4);
    }
    assert_int_equal(count, 13);
}

static void a_slow_client_gets_all_of_it(void **state)
{
    (void)state;
    enum { LAST = 200 };
    STELE_AUTO_VALUE(stage) s = {0};
    STELE_AUTO_VALUE(client) slow = {0};
    STELE_AUTO_VALUE(client) other = {0};
    stage_open(&s, (stele_feeds_options){.room = 1, .kept_max = 4000});
    ask(&s, &slow, &events, "/?from=end", NULL);
    ask(&s, &other, &events, "/?from=end", NULL);
    for (int i = 1; i <= LAST; i++)
        book(&s, i);
    hear_all(&other, LAST); /* far more than what is kept has come by now */

    hear_all(&slow, LAST);

    expect_cents(&slow, 1, LAST);
    expect_cents(&other, 1, LAST);
}

static void one_id_alone_is_shown(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    STELE_AUTO_VALUE(client) one = {0};
    STELE_AUTO_VALUE(client) again = {0};
    stage_open(&s, (stele_feeds_options){.beat_ms = 50});
    assert_int_equal(stele_log_partition_of(stele_text("f"), PARTITIONS), 0);
    begin(&s);
    put_event(&s, 0, "f", 1);
    put_event(&s, 0, "other", 2);
    commit(&s);
    ask(&s, &one, &events, "/?from=beginning&id=f", NULL);
    hear(&one, "\"cents\":1,");

    begin(&s);
    put_event(&s, 0, "other", 3);
    commit(&s);
    hear(&one, ":\nid: 0@5\n\n"); /* behind what is not shown, too */
    begin(&s);
    put_event(&s, 0, "f", 4);
    commit(&s);
    hear(&one, "\"cents\":4,");

    assert_null(strstr(stele_buffer_text(&one.heard), "other"));
    ask(&s, &again, &events, "/?id=f", "0@1");
    hear(&again, "\"cents\":4,");
    assert_null(strstr(stele_buffer_text(&again.heard), "\"cents\":1,"));
}

static void what_is_not_committed_is_not_shown(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    STELE_AUTO_VALUE(client) c = {0};
    stele_error err = {0};
    stage_open(&s, (stele_feeds_options){0});
    begin(&s);
    put_event(&s, 0, "a", 1);
    must(stele_log_producer_abort(s.producer, ASK_MS, &err), &err);
    ask(&s, &c, &events, "/?from=beginning", NULL);
    begin(&s);
    put_event(&s, 0, "a", 2);
    must(stele_log_producer_abort(s.producer, ASK_MS, &err), &err);
    begin(&s);
    put_event(&s, 0, "a", 3);
    commit(&s);

    hear(&c, "\"cents\":3,");

    STELE_AUTO(char) got = cents_of(&c, 0);
    assert_string_equal(got, " 3");
}

static void what_cannot_be_decoded_is_said_and_the_rest_goes_on(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    STELE_AUTO_VALUE(client) c = {0};
    stage_open(&s, (stele_feeds_options){0});
    begin(&s);
    put(&s, EVENTS, 0, "a", stele_text("no event"), NULL, 0);
    put_event(&s, 0, "a", 2);
    commit(&s);

    ask(&s, &c, &events, "/?from=beginning", NULL);
    hear(&c, "\"cents\":2,");

    assert_non_null(strstr(stele_buffer_text(&c.heard),
                           "event: undecodable\ndata: {\"id\":\"a\",\"position\":\"" EVENTS
                           "/0/0\",\"reason\":\""));
}

static void a_registry_that_is_away_is_waited_for(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    STELE_AUTO_VALUE(client) c = {0};
    stage_open(&s, (stele_feeds_options){.beat_ms = 50});
    shelf_set_away(s.registry, true);
    book(&s, 1);
    ask(&s, &c, &events, "/?from=beginning", NULL);
    hear(&c, ":\n");
    shelf_set_away(s.registry, false);

    hear_all(&c, 1);

    expect_cents(&c, 1, 1);
    assert_null(strstr(stele_buffer_text(&c.heard), "undecodable"));
}

static void a_registry_that_refuses_to_answer_makes_no_event_undecodable(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    STELE_AUTO_VALUE(client) c = {0};
    stage_open(&s, (stele_feeds_options){.beat_ms = 50});
    book(&s, 1);
    shelf_set_forbidden(s.registry, true);
    ask(&s, &c, &events, "/?from=beginning", NULL);
    hear(&c, ":\n");
    shelf_set_forbidden(s.registry, false);

    hear_all(&c, 1);

    expect_cents(&c, 1, 1);
    assert_null(strstr(stele_buffer_text(&c.heard), "undecodable"));
}

/* ---- states ---- */

static void states_are_shown_as_they_are_written(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    STELE_AUTO_VALUE(client) c = {0};
    stage_open(&s, (stele_feeds_options){0});
    begin(&s);
    put_state(&s, 1, "a", 2, 7);
    put(&s, STATES, 1, "stele:checkpoint:" EVENTS "/1", stele_text("…"), NULL, 0);
    commit(&s);
    ask(&s, &c, &states, "/?from=beginning", NULL);
    hear(&c, "id: v3-0.1.0\ndata: {\"id\":\"a\",\"version\":2,\"position\":\"" EVENTS
             "/1/19\",\"data\":{\"cents\":7,\"memos\":[]}}\n\n");
    begin(&s);
    put_state(&s, 1, "a", 3, -1);
    commit(&s);

    hear(&c, "\"version\":3,\"position\":\"" EVENTS "/1/29\",\"data\":null}\n\n");

    assert_null(strstr(stele_buffer_text(&c.heard), "checkpoint"));
}

static void a_slow_client_gets_the_last_state_of_each(void **state)
{
    (void)state;
    enum { LAST = 300 };
    STELE_AUTO_VALUE(stage) s = {0};
    STELE_AUTO_VALUE(client) slow = {0};
    STELE_AUTO_VALUE(client) quick = {0};
    stage_open(&s, (stele_feeds_options){.room = 1});
    ask(&s, &slow, &states, "/?from=end", NULL);
    ask(&s, &quick, &states, "/?from=end", NULL);
    begin(&s);
    put_state(&s, 0, "first", 1, 1);
    commit(&s);
    hear(&quick, "first");
    hear(&slow, "first");
    for (int i = 1; i <= LAST; i++) {
        begin(&s);
        put_state(&s, 0, "a", i, i);
        put_state(&s, 0, "b", i, i);
        commit(&s);
    }
    hear(&quick, "{\"id\":\"b\",\"version\":300,");

    hear(&slow, "{\"id\":\"b\",\"version\":300,");

    const char *heard = stele_buffer_text(&slow.heard);
    assert_non_null(strstr(heard, "{\"id\":\"a\",\"version\":300,"));
    size_t count = 0;
    for (const char *at = heard; (at = strstr(at, "data: ")) != NULL; at++)
        count++;
    assert_true(count < LAST);
}

/* ---- what is refused ---- */

static void what_is_wrong_is_said_before_it_begins(void **state)
{
    (void)state;
    static const stele_feed_subject nothing = {.topic = "none.events"};
    static const stele_feed_subject early = {
        .kind = STELE_FEED_STATES, .topic = "none.v1.snapshots", .events = EVENTS, .version = 1};
    static const struct {
        const stele_feed_subject *subject;
        const char *target, *last;
        unsigned code;
        const char *name, *part;
    } cases[] = {
        {&events, "/?from=then", NULL, 400, "bad_request", "beginning"},
        {&events, "/?from=0.0", NULL, 400, "bad_request", "as many numbers"},
        {&events, "/?from=beginning", "0.0.0.0", 400, "bad_request", "as many numbers"},
        {&events, "/?from=0@0", NULL, 400, "bad_request", "as many numbers"},
        {&events, "/?from=v3-0.0.0", NULL, 400, "bad_request", "another kind"},
        {&events, "/?id=f&from=1@0", NULL, 400, "bad_request", "of the same id"},
        {&events, "/?id=", NULL, 400, "bad_request", "id"},
        {&events, "/?key=a", NULL, 400, "bad_request", "no parameter"},
        {&events, "/?from=0.0.7", NULL, 410, "gone", EVENTS "/2"},
        {&states, "/?from=0.0.0", NULL, 400, "bad_request", "another kind"},
        {&states, "/?from=v2-0.0.0", NULL, 410, "gone", "at version 3"},
        {&nothing, "/?from=end", NULL, 404, "not_found", "none.events"},
        {&early, "/?from=end", NULL, 503, "unavailable", "a worker of the projection makes it"},
    };
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s, (stele_feeds_options){0});
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO_VALUE(client) c = {0};
        ask(&s, &c, cases[i].subject, cases[i].target, cases[i].last);
        expect_problem(&c, cases[i].code, cases[i].name, cases[i].part);
    }
}

static bool is_refused(stage *s)
{
    STELE_AUTO_VALUE(client) c = {0};
    ask(s, &c, &events, "/?from=end", NULL);
    return c.reply.code == 503;
}

static void streams_of_fewer_partitions_are_ended(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    STELE_AUTO_VALUE(client) before = {0};
    STELE_AUTO_VALUE(client) refused = {0};
    STELE_AUTO_VALUE(client) after = {0};
    stele_error err = {0};
    stage_open(&s, (stele_feeds_options){0});
    book(&s, 1);
    ask(&s, &before, &events, "/?from=beginning", NULL);
    hear_all(&before, 1);
    must(stele_log_memory_partitions_raise(s.log, EVENTS, PARTITIONS + 1, &err), &err);

    ask(&s, &refused, &events, "/?from=beginning", NULL);

    assert_int_equal(refused.reply.code, 503);
    assert_int_equal(refused.reply.retry_after_s, 1);
    hear(&before, "event: end\ndata: {\"reason\":\"" EVENTS
                  " has 4 partitions now, and had 3: begin the stream again\"}\n\n");
    while (is_refused(&s)) {
    }
    ask(&s, &after, &events, "/?from=beginning", NULL);
    hear_all(&after, 1);
}

static void what_is_not_kept_any_more_is_gone(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    STELE_AUTO_VALUE(client) c = {0};
    STELE_AUTO_VALUE(client) again = {0};
    stele_error err = {0};
    stage_open(&s, (stele_feeds_options){0});
    for (int i = 1; i <= 3; i++)
        book(&s, i);
    must(stele_log_memory_delete_records(s.log, (stele_partition){EVENTS, 1}, 4, &err), &err);

    ask(&s, &c, &events, "/?from=2.2.2", NULL);
    expect_problem(&c, 410, "gone", "from=beginning");
    ask(&s, &again, &events, "/?from=beginning", NULL);
    hear_all(&again, 3);
    STELE_AUTO(char) got = cents_of(&again, 1);
    assert_string_equal(got, " 3");
}

static void there_are_no_more_streams_than_the_limit(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    STELE_AUTO_VALUE(client) first = {0};
    STELE_AUTO_VALUE(client) second = {0};
    stage_open(&s, (stele_feeds_options){.streams_max = 1});
    ask(&s, &first, &events, "/?from=end", NULL);
    ask(&s, &second, &events, "/?from=end", NULL);
    expect_problem(&second, 503, "too_many_streams", "limit");
    assert_true(second.reply.retry_after_s > 0);

    stele_http_reply_clear(&first.reply); /* the client goes away */

    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    for (bool is_open = false; !is_open && !stele_deadline_passed(until);) {
        STELE_AUTO_VALUE(client) next = {0};
        ask(&s, &next, &events, "/?from=end", NULL);
        is_open = next.reply.stream != NULL;
        if (!is_open) expect_problem(&next, 503, "too_many_streams", "limit");
    }
    assert_false(stele_deadline_passed(until));
}

static void the_end_of_the_feeds_ends_every_stream(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    STELE_AUTO_VALUE(client) c = {0};
    stage_open(&s, (stele_feeds_options){0});
    ask(&s, &c, &events, "/?from=end", NULL);
    hear(&c, "retry");

    stele_feeds_free(s.feeds);
    s.feeds = NULL;

    hear(&c, "nothing comes any more");
    assert_true(c.is_over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_there_and_what_comes_are_one_stream),
        cmocka_unit_test(it_goes_on_behind_any_of_its_ids),
        cmocka_unit_test(a_slow_client_gets_all_of_it),
        cmocka_unit_test(one_id_alone_is_shown),
        cmocka_unit_test(what_is_not_committed_is_not_shown),
        cmocka_unit_test(what_cannot_be_decoded_is_said_and_the_rest_goes_on),
        cmocka_unit_test(a_registry_that_is_away_is_waited_for),
        cmocka_unit_test(a_registry_that_refuses_to_answer_makes_no_event_undecodable),
        cmocka_unit_test(states_are_shown_as_they_are_written),
        cmocka_unit_test(a_slow_client_gets_the_last_state_of_each),
        cmocka_unit_test(what_is_wrong_is_said_before_it_begins),
        cmocka_unit_test(streams_of_fewer_partitions_are_ended),
        cmocka_unit_test(what_is_not_kept_any_more_is_gone),
        cmocka_unit_test(there_are_no_more_streams_than_the_limit),
        cmocka_unit_test(the_end_of_the_feeds_ends_every_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
