/* SPDX-License-Identifier: MIT
 * core/arena.c: taking and giving back all at once. */
#include "tests/support/test.h"

#include <stdalign.h>

#include "core/alloc.h"

static void what_is_taken_is_aligned_and_apart(void **state)
{
    (void)state;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    uint8_t *taken[500];

    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        size_t size = i * 7;
        taken[i] = stele_arena_take(arena, size);
        assert_int_equal((uintptr_t)taken[i] % alignof(max_align_t), 0);
        if (size > 0) memset(taken[i], (int)(i & 0xFF), size);
    }

    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        for (size_t at = 0; at < i * 7; at++)
            assert_int_equal(taken[i][at], i & 0xFF);
    }
}

static void nothing_taken_twice_is_two_addresses(void **state)
{
    (void)state;
    STELE_AUTO(stele_arena) arena = stele_arena_new();

    void *first = stele_arena_take(arena, 0);
    void *second = stele_arena_take(arena, 0);

    assert_non_null(first);
    assert_ptr_not_equal(first, second);
}

static void a_reset_gives_the_same_memory_again(void **state)
{
    (void)state;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    void *small = stele_arena_take(arena, 100);
    void *large = stele_arena_take(arena, 3 * 1024 * 1024);
    assert_true(stele_arena_used(arena) >= 3 * 1024 * 1024 + 100);

    stele_arena_reset(arena);

    assert_int_equal(stele_arena_used(arena), 0);
    assert_ptr_equal(stele_arena_take(arena, 100), small);
    assert_ptr_equal(stele_arena_take(arena, 3 * 1024 * 1024), large);
}

static void a_small_kept_block_is_passed_for_a_large_take(void **state)
{
    (void)state;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    stele_arena_take(arena, 100);
    stele_arena_take(arena, 20 * 1024);
    stele_arena_reset(arena);

    stele_arena_take(arena, 100);
    uint8_t *large = stele_arena_take(arena, 5 * 1024 * 1024);
    memset(large, 1, 5 * 1024 * 1024);
    uint8_t *next = stele_arena_take(arena, 64);
    memset(next, 2, 64);

    assert_int_equal(large[5 * 1024 * 1024 - 1], 1);
}

static void a_reset_of_an_empty_arena_is_fine(void **state)
{
    (void)state;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    stele_arena_reset(arena);
    assert_int_equal(stele_arena_used(arena), 0);
    stele_arena_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_aligned_and_apart),
        cmocka_unit_test(nothing_taken_twice_is_two_addresses),
        cmocka_unit_test(a_reset_gives_the_same_memory_again),
        cmocka_unit_test(a_small_kept_block_is_passed_for_a_large_take),
        cmocka_unit_test(a_reset_of_an_empty_arena_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
