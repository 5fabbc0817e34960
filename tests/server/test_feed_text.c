/* SPDX-License-Identifier: MIT
 * Records as text: how long a schema is waited for that the registry does not know. */
#include "core/alloc.h"
#include "registry/wire.h"
#include "server/feed.h"
#include "tests/support/shelf.h"
#include "tests/support/test.h"

enum { MISSING_MS = 5000, GIVEN_UP_MS = 60000, PATIENCE_MS = 30000 };

typedef struct stage {
    stele_manual_clock time;
    stele_registry *registry;
    stele_feed_subject subject;
    stele_feed_teller teller;
} stage;

static void stage_open(stage *s)
{
    s->registry = shelf_new("8d4f3c52-0000-7000-8000-000000000001", stele_runtime_manual(&s->time));
    s->subject = (stele_feed_subject){.topic = "account.events"};
    s->teller = (stele_feed_teller){.subject = &s->subject, .registry = s->registry};
}

static void stage_close(stage *s)
{
    stele_feed_teller_clear(&s->teller);
    stele_registry_close(s->registry);
}
STELE_VALUE_SCOPE(stage, stage_close);

/* @return true: it is told, as one that cannot be decoded */
static bool tell(stage *s, int32_t schema)
{
    STELE_AUTO_VALUE(stele_buffer) value = {0};
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_error err = {0};
    stele_wire_begin(&value, schema);
    stele_record record = {.key = stele_text("a"), .value = stele_buffer_view(&value)};
    stele_batch batch = {.partition = {"account.events", 0}, .records = &record, .count = 1};
    bool is_told = stele_feed_tell(&s->teller, &batch, &record, &text, &err) == STELE_OK;
    if (is_told) assert_non_null(strstr(stele_buffer_text(&text), "event: undecodable\n"));
    if (!is_told) assert_int_equal(err.next, STELE_NEXT_RETRY);
    return is_told;
}

static void pass(stage *s, int64_t ms)
{
    stele_manual_clock_advance(&s->time, ms);
}

static void a_schema_that_is_not_known_is_waited_for_once(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);

    assert_false(tell(&s, 7));
    pass(&s, MISSING_MS - 1);
    assert_false(tell(&s, 7));
    pass(&s, 1);
    assert_true(tell(&s, 7));

    assert_true(tell(&s, 7));
    pass(&s, PATIENCE_MS);
    assert_true(tell(&s, 7));
}

static void of_two_in_turn_each_is_waited_for_once(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    assert_false(tell(&s, 7));
    assert_false(tell(&s, 8));
    pass(&s, MISSING_MS);

    for (int i = 0; i < 10; i++) {
        assert_true(tell(&s, 7));
        assert_true(tell(&s, 8));
    }
}

static void many_that_no_one_knows_are_waited_for_once_in_a_while(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    assert_false(tell(&s, 1000));
    pass(&s, MISSING_MS);
    assert_true(tell(&s, 1000));

    for (int32_t schema = 1001; schema < 2000; schema++)
        assert_true(tell(&s, schema));

    pass(&s, PATIENCE_MS);
    assert_false(tell(&s, 2000));
}

static void what_was_given_up_is_asked_for_again_in_a_while(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    tell(&s, 7);
    pass(&s, MISSING_MS);
    assert_true(tell(&s, 7));

    shelf_set_away(s.registry, true);

    assert_true(tell(&s, 7)); /* without a question */
    pass(&s, GIVEN_UP_MS);
    assert_false(tell(&s, 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schema_that_is_not_known_is_waited_for_once),
        cmocka_unit_test(of_two_in_turn_each_is_waited_for_once),
        cmocka_unit_test(many_that_no_one_knows_are_waited_for_once_in_a_while),
        cmocka_unit_test(what_was_given_up_is_asked_for_again_in_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
