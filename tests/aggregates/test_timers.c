/* SPDX-License-Identifier: MIT
 * Which timer is to be looked at next. */
#include "aggregates/timers.h"

#include "tests/support/random.h"
#include "tests/support/test.h"

enum { SEED = 7, IDS = 50, STEPS = 20000 };

static int64_t first_due(const stele_timers *timers)
{
    const stele_timer *first = stele_timers_first(timers);
    return first == NULL ? 0 : first->due_ms;
}

static void set(stele_timers *timers, const char *id, int64_t due_ms)
{
    stele_timers_set(timers, stele_text(id), due_ms);
}

static void the_first_is_the_one_that_is_due_first(void **state)
{
    (void)state;
    STELE_AUTO(stele_timers) timers = stele_timers_new(SEED);
    assert_null(stele_timers_first(timers));

    set(timers, "a", 30);
    set(timers, "b", 10);
    set(timers, "c", 20);

    assert_int_equal(first_due(timers), 10);
    assert_true(
        stele_bytes_equal(stele_timers_id(timers, stele_timers_first(timers)), stele_text("b")));
    set(timers, "b", 40); /* its state has changed */
    assert_int_equal(first_due(timers), 20);
    set(timers, "c", 0);
    assert_int_equal(first_due(timers), 30);
    set(timers, "a", -1);
    set(timers, "b", 0);
    set(timers, "never there", 0);
    assert_null(stele_timers_first(timers));
    assert_int_equal(stele_timers_count(timers), 0);
}

static void one_that_is_held_is_looked_at_later(void **state)
{
    (void)state;
    STELE_AUTO(stele_timers) timers = stele_timers_new(SEED);
    set(timers, "a", 10);
    set(timers, "b", 20);

    stele_timers_hold(timers, stele_timers_first(timers), 1000);

    assert_int_equal(first_due(timers), 20);
    assert_int_equal(stele_timers_find(timers, stele_text("a"))->look_ms, 1000);
    set(timers, "a", 15); /* what it was held for is over */
    assert_int_equal(first_due(timers), 15);
    assert_int_equal(stele_timers_first(timers)->look_ms, 15);
}

static void one_that_is_parked_comes_back_with_the_others_or_with_its_state(void **state)
{
    (void)state;
    STELE_AUTO(stele_timers) timers = stele_timers_new(SEED);
    set(timers, "a", 10);
    set(timers, "b", 20);
    set(timers, "c", 30);
    for (int i = 0; i < 3; i++)
        stele_timers_park(timers, stele_timers_first(timers));
    assert_null(stele_timers_first(timers));
    assert_int_equal(stele_timers_count(timers), 3);

    set(timers, "a", 0);
    set(timers, "c", 25);
    assert_int_equal(first_due(timers), 25);
    stele_timers_unpark(timers);
    assert_int_equal(first_due(timers), 20);
    assert_int_equal(stele_timers_count(timers), 2);
}

/* ---- against a plain array ---- */

typedef struct plain {
    int64_t look_ms; /* 0: none */
    bool is_parked;
} plain;

static int64_t first_of(const plain *all)
{
    int64_t first = INT64_MAX;
    for (int i = 0; i < IDS; i++)
        if (all[i].look_ms > 0 && !all[i].is_parked && all[i].look_ms < first)
            first = all[i].look_ms;
    return first;
}

static void step(stele_timers *timers, plain *all, stele_random *random)
{
    int which = (int)stele_random_below(random, IDS);
    char id[8];
    snprintf(id, sizeof id, "%d", which);
    int64_t at = stele_random_below(random, 1000);
    stele_timer *found = stele_timers_find(timers, stele_text(id));
    assert_int_equal(found != NULL, all[which].look_ms > 0);
    switch (stele_random_below(random, 8)) {
    case 0:
        stele_timers_unpark(timers);
        for (int i = 0; i < IDS; i++)
            all[i].is_parked = false;
        return;
    case 1:
    case 2:
        if (found == NULL) return;
        stele_timers_park(timers, found);
        all[which].is_parked = true;
        return;
    case 3:
        if (found == NULL) return;
        stele_timers_hold(timers, found, at + 1);
        all[which] = (plain){at + 1, false};
        return;
    default:
        set(timers, id, at);
        all[which] = (plain){at, false};
        return;
    }
}

static void the_first_is_what_a_search_finds(void **state)
{
    (void)state;
    stele_random random = stele_random_from_environment();
    STELE_AUTO(stele_timers) timers = stele_timers_new(SEED);
    plain all[IDS] = {0};
    for (int i = 0; i < STEPS; i++) {
        step(timers, all, &random);
        const stele_timer *first = stele_timers_first(timers);
        assert_int_equal(first == NULL ? INT64_MAX : first->look_ms, first_of(all));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_the_one_that_is_due_first),
        cmocka_unit_test(one_that_is_held_is_looked_at_later),
        cmocka_unit_test(one_that_is_parked_comes_back_with_the_others_or_with_its_state),
        cmocka_unit_test(the_first_is_what_a_search_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
