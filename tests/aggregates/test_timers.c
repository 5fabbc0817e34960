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

static void one_that_is_parked_until_some_time_stays_until_then(void **state)
{
    (void)state;
    STELE_AUTO(stele_timers) timers = stele_timers_new(SEED);
    set(timers, "a", 10);
    set(timers, "b", 20);
    set(timers, "c", 30);
    assert_int_equal(stele_timers_parked_until(timers), INT64_MAX);

    stele_timers_park(timers, stele_timers_first(timers), 1000);
    stele_timers_park(timers, stele_timers_first(timers), 500);

    assert_int_equal(first_due(timers), 30);
    assert_int_equal(stele_timers_parked_until(timers), 500);
    stele_timers_unpark(timers, 499);
    assert_int_equal(first_due(timers), 30);
    stele_timers_unpark(timers, 500);
    assert_int_equal(first_due(timers), 20);
    assert_int_equal(stele_timers_parked_until(timers), 1000);
    set(timers, "a", 15); /* what it was held for is over */
    assert_int_equal(first_due(timers), 15);
}

static void one_that_is_parked_comes_back_with_the_others_or_with_its_state(void **state)
{
    (void)state;
    STELE_AUTO(stele_timers) timers = stele_timers_new(SEED);
    set(timers, "a", 10);
    set(timers, "b", 20);
    set(timers, "c", 30);
    for (int i = 0; i < 3; i++)
        stele_timers_park(timers, stele_timers_first(timers), 0);
    assert_null(stele_timers_first(timers));
    assert_int_equal(stele_timers_count(timers), 3);

    set(timers, "a", 0);
    set(timers, "c", 25);
    assert_int_equal(first_due(timers), 25);
    stele_timers_unpark(timers, 0);
    assert_int_equal(first_due(timers), 20);
    assert_int_equal(stele_timers_count(timers), 2);
}

/* ---- against a plain array ---- */

typedef struct plain {
    int64_t due_ms; /* 0: none */
    bool is_parked;
    int64_t until_ns;
} plain;

static int64_t first_of(const plain *all)
{
    int64_t first = INT64_MAX;
    for (int i = 0; i < IDS; i++)
        if (all[i].due_ms > 0 && !all[i].is_parked && all[i].due_ms < first) first = all[i].due_ms;
    return first;
}

static void step(stele_timers *timers, plain *all, stele_random *random)
{
    int which = (int)stele_random_below(random, IDS);
    char id[8];
    snprintf(id, sizeof id, "%d", which);
    int64_t at = stele_random_below(random, 1000);
    stele_timer *found = stele_timers_find(timers, stele_text(id));
    assert_int_equal(found != NULL, all[which].due_ms > 0);
    switch (stele_random_below(random, 8)) {
    case 0:
        stele_timers_unpark(timers, at);
        for (int i = 0; i < IDS; i++)
            all[i].is_parked = all[i].is_parked && all[i].until_ns > at;
        return;
    case 1:
    case 2:
        if (found == NULL) return;
        at = stele_random_below(random, 2) == 0 ? 0 : at;
        stele_timers_park(timers, found, at);
        all[which].is_parked = true;
        all[which].until_ns = at;
        return;
    default:
        set(timers, id, at);
        all[which] = (plain){.due_ms = at};
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
        assert_int_equal(first == NULL ? INT64_MAX : first->due_ms, first_of(all));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_the_one_that_is_due_first),
        cmocka_unit_test(one_that_is_parked_until_some_time_stays_until_then),
        cmocka_unit_test(one_that_is_parked_comes_back_with_the_others_or_with_its_state),
        cmocka_unit_test(the_first_is_what_a_search_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
