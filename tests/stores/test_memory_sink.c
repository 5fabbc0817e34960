/* SPDX-License-Identifier: MIT
 * The sink contract in memory. */
#include "sink_cases.h"

#include "core/alloc.h"
#include "stores/memory_sink.h"

typedef struct shelf {
    stele_memory_store *store;
    stele_sink *sink;
} shelf;

static stele_sink *open_sink(void *self)
{
    shelf *of = self;
    of->sink =
        stele_memory_sink_new(of->store, &test_account_type, &sink_companion, SINK_QUEUE_MAX, 0);
    return of->sink;
}

static void let_go(void *self)
{
    shelf *of = self;
    stele_sink_free(of->sink);
    of->sink = NULL;
}

static bool find(void *self, const char *id, stored *out)
{
    const shelf *of = self;
    stele_stored_state found = {0};
    bool is_there = stele_memory_store_find(of->store, stele_text(id), &found);
    if (!is_there) {
        *out = (stored){.beside = sink_beside_of(found.companion)};
        return false;
    }
    test_account account;
    stele_arena *arena = stele_arena_new();
    assert_int_equal(test_account_type.decode(found.value, &account, arena, NULL), STELE_OK);
    stele_arena_free(arena);
    *out = (stored){account.balance, found.version, found.offset, found.is_finished,
                    sink_beside_of(found.companion)};
    return true;
}

static int64_t position(void *self)
{
    return stele_memory_store_mark(((shelf *)self)->store).position;
}

static sink_stage begin(void)
{
    shelf *made = stele_alloc(sizeof *made);
    made->store = stele_memory_store_new();
    return (sink_stage){.self = made,
                        .open = open_sink,
                        .let_go = let_go,
                        .find = find,
                        .position = position,
                        .has_letters = true};
}

static void end(void *self)
{
    shelf *of = self;
    stele_memory_store_free(of->store);
    free(of);
}

/* ---- what only this one can show at once ---- */

static void a_store_that_cannot_store_now_says_so_and_goes_on(void **state)
{
    (void)state;
    stele_memory_store *store = stele_memory_store_new();
    stele_sink *sink = stele_memory_sink_new(store, &test_account_type, NULL, 0, 0);
    stele_sink_begin(sink, &(stele_mark){.position = 5});
    stele_sink_close(sink);
    bool closed;
    stele_error err;
    stele_memory_store_hold(store, true);
    assert_int_equal(stele_sink_outcome(sink, &closed, &err), STELE_E_UNAVAILABLE);
    assert_int_equal(err.next, STELE_NEXT_RETRY);
    stele_memory_store_hold(store, false);
    assert_int_equal(stele_sink_outcome(sink, &closed, &err), STELE_OK);
    assert_true(closed);
    stele_sink_free(sink);
    stele_memory_store_free(store);
}

static void whoever_opens_a_store_fences_the_one_before(void **state)
{
    (void)state;
    stele_memory_store *store = stele_memory_store_new();
    stele_sink *first = stele_memory_sink_new(store, &test_account_type, NULL, 0, 0);
    stele_sink_begin(first, &(stele_mark){.position = 5});
    stele_sink_close(first);
    stele_sink *second = stele_memory_sink_new(store, &test_account_type, NULL, 0, 0);
    bool closed;
    stele_error err;
    assert_int_equal(stele_sink_outcome(first, &closed, &err), STELE_E_FENCED);
    assert_int_equal(stele_memory_store_mark(store).position, 0);
    stele_sink_free(first);
    stele_sink_free(second);
    stele_memory_store_free(store);
}

static void a_state_that_is_too_large_is_named(void **state)
{
    (void)state;
    stele_memory_store *store = stele_memory_store_new();
    stele_sink *sink = stele_memory_sink_new(store, &test_account_type, NULL, 0, 2);
    test_account account = {.balance = INT64_MAX};
    stele_sink_entry entry = {.id = stele_text("a"), .state = &account, .offset = 8};
    stele_error err;
    stele_sink_begin(sink, &(stele_mark){.position = 5});
    assert_int_equal(stele_sink_put(sink, &entry, &err), STELE_E_LIMIT);
    assert_int_equal(err.next, STELE_NEXT_STOP);
    assert_non_null(strstr(err.text, "the state of \"a\" cannot be stored"));
    stele_sink_free(sink);
    stele_memory_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_that_cannot_store_now_says_so_and_goes_on),
        cmocka_unit_test(whoever_opens_a_store_fences_the_one_before),
        cmocka_unit_test(a_state_that_is_too_large_is_named),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + sink_cases_run(begin, end);
}
