/* SPDX-License-Identifier: MIT
 * core/table.c: the hash table against a model that cannot be wrong, and at its limits. */
#include "tests/support/allocated.h"
#include "tests/support/test.h"

#include "core/alloc.h"
#include "core/table.h"
#include "tests/support/random.h"

/* The model: key number i is there or not, with a value and, once there, a fixed address. */
enum { MODEL_KEYS = 6000 };

typedef struct model_key {
    uint8_t bytes[300];
    size_t size;
    bool is_there;
    uint64_t value;
    const void *address;
} model_key;

static stele_bytes key_of(const model_key *key)
{
    return stele_bytes_of(key->bytes, key->size);
}

/* Key sizes from 0 up; the number is in the first bytes, so that no two are the same. */
static model_key *make_model(stele_random *random)
{
    model_key *model = stele_alloc_array(MODEL_KEYS, sizeof *model);
    for (uint32_t i = 0; i < MODEL_KEYS; i++) {
        for (size_t at = 0; at < sizeof model[i].bytes; at++) {
            model[i].bytes[at] = (uint8_t)stele_random_below(random, 256);
        }
        memcpy(model[i].bytes, &i, sizeof i);
        model[i].size = i == 0 ? 0 : sizeof i + (size_t)stele_random_below(random, i % 7 ? 8 : 290);
    }
    return model;
}

static void check_walk(const stele_table *table, model_key *model)
{
    size_t expected = 0, seen = 0;
    for (size_t i = 0; i < MODEL_KEYS; i++)
        expected += model[i].is_there;
    assert_int_equal(stele_table_count(table), expected);

    stele_table_cursor cursor = {0};
    for (void *value; (value = stele_table_next(table, &cursor)) != NULL; seen++) {
        stele_bytes key = stele_table_key(table, value);
        uint32_t i = 0;
        memcpy(&i, key.data, key.size < sizeof i ? key.size : sizeof i);
        assert_true(i < MODEL_KEYS && model[i].is_there);
        assert_true(stele_bytes_equal(key, key_of(&model[i])));
        assert_ptr_equal(value, model[i].address);
        assert_int_equal(*(uint64_t *)value, model[i].value);
    }
    assert_int_equal(seen, expected);
}

static void step(stele_table *table, model_key *key, stele_random *random, uint32_t hash_mask)
{
    uint32_t hash = stele_table_hash(table, key_of(key)) & hash_mask;
    switch (stele_random_below(random, 4)) {
    case 0:
    case 1: {
        bool is_new = false;
        uint64_t *value = stele_table_insert_hashed(table, key_of(key), hash, &is_new);
        assert_non_null(value);
        assert_int_equal((uintptr_t)value % 8, 0);
        assert_int_equal(is_new, !key->is_there);
        if (is_new) {
            assert_int_equal(*value, 0);
        } else {
            assert_ptr_equal(value, key->address);
        }
        key->is_there = true;
        key->address = value;
        key->value = *value = stele_random_next(random);
        break;
    }
    case 2:
        assert_int_equal(stele_table_remove_hashed(table, key_of(key), hash), key->is_there);
        key->is_there = false;
        break;
    default: {
        stele_table_prefetch(table, hash);
        stele_table_prefetch_entry(table, hash);
        const uint64_t *value = stele_table_find_hashed(table, key_of(key), hash);
        assert_int_equal(value != NULL, key->is_there);
        if (value != NULL) assert_int_equal(*value, key->value);
    }
    }
}

/* Long probes are slow: where hashes collide there are fewer steps and keys. */
static void run_model(size_t value_size, uint32_t hash_mask, int steps, uint32_t keys)
{
    stele_random random = stele_random_from_environment();
    STELE_AUTO(stele_table) table = stele_table_new(value_size, random.state);
    model_key *model = make_model(&random);

    for (int i = 0; i < steps; i++) {
        step(table, &model[stele_random_below(&random, keys)], &random, hash_mask);
        if (i % (steps / 5) == steps / 5 - 1) check_walk(table, model);
    }
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        uint32_t hash = stele_table_hash(table, key_of(&model[i])) & hash_mask;
        assert_int_equal(stele_table_remove_hashed(table, key_of(&model[i]), hash),
                         model[i].is_there);
    }
    assert_int_equal(stele_table_count(table), 0);
    stele_table_cursor cursor = {0};
    assert_null(stele_table_next(table, &cursor));
    free(model);
}

static void random_operations_agree_with_the_model(void **state)
{
    (void)state;
    run_model(8, UINT32_MAX, 200000, MODEL_KEYS);
    run_model(41, UINT32_MAX, 100000, MODEL_KEYS);
}

static void hashes_that_collide_agree_with_the_model(void **state)
{
    (void)state;
    run_model(16, 0xFFF00000, 30000, MODEL_KEYS); /* the same slot of each segment */
    run_model(16, 0x000003FF, 30000, MODEL_KEYS); /* the same segment */
    run_model(16, 0x80000001, 20000, 2000);       /* four hashes for all */
}

static void a_hash_shared_by_all_keys_costs_no_directory(void **state)
{
    (void)state;
    size_t before = allocated_bytes();
    STELE_AUTO(stele_table) table = stele_table_new(8, 0);

    for (uint32_t i = 0; i < 2000; i++) {
        stele_table_insert_hashed(table, stele_bytes_of(&i, sizeof i), 0xDEADBEEF, NULL);
    }

    assert_int_equal(stele_table_count(table), 2000);
    assert_true(allocated_bytes() - before < 1024 * 1024);
}

static void a_key_of_any_size_up_to_the_limit_is_kept(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 7, 8, 9, 255, 256, 65533, STELE_TABLE_KEY_MAX};
    STELE_AUTO(stele_table) table = stele_table_new(STELE_TABLE_VALUE_MAX, 1);
    STELE_AUTO(char) bytes = stele_alloc(STELE_TABLE_KEY_MAX + 1);

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            void *value = stele_table_insert(table, stele_bytes_of(bytes, sizes[i]), NULL);
            assert_non_null(value);
            memset(value, 0xFF, STELE_TABLE_VALUE_MAX);
            assert_int_equal(stele_table_key(table, value).size, sizes[i]);
        }
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            assert_true(stele_table_remove(table, stele_bytes_of(bytes, sizes[i])));
        }
    }
    assert_null(stele_table_insert(table, stele_bytes_of(bytes, STELE_TABLE_KEY_MAX + 1), NULL));
    assert_null(stele_table_find(table, stele_bytes_of(bytes, STELE_TABLE_KEY_MAX + 1)));
}

static void a_table_without_values_is_a_set(void **state)
{
    (void)state;
    STELE_AUTO(stele_table) table = stele_table_new(0, 0);
    bool is_new = false;

    stele_table_insert(table, stele_text("a"), &is_new);
    assert_true(is_new);
    stele_table_insert(table, stele_text("a"), &is_new);
    assert_false(is_new);

    assert_non_null(stele_table_find(table, stele_text("a")));
    assert_null(stele_table_find(table, stele_text("b")));
}

static void memory_of_removed_keys_is_used_again(void **state)
{
    (void)state;
    STELE_AUTO(stele_table) table = stele_table_new(40, 0);
    for (uint64_t i = 0; i < 20000; i++) {
        stele_table_insert(table, stele_bytes_of(&i, sizeof i), NULL);
    }
    for (uint64_t i = 0; i < 20000; i++) {
        stele_table_remove(table, stele_bytes_of(&i, sizeof i));
    }
    size_t before = allocated_bytes();

    for (uint64_t i = 100000; i < 120000; i++) {
        uint64_t *value = stele_table_insert(table, stele_bytes_of(&i, sizeof i), NULL);
        for (size_t at = 0; at < 5; at++)
            assert_int_equal(value[at], 0);
    }

    assert_in_range(allocated_bytes(), before, before + 64 * 1024);
}

static void a_walk_sees_what_stays_exactly_once(void **state)
{
    (void)state;
    enum { STAYING = 5000 };
    STELE_AUTO(stele_table) table = stele_table_new(8, 0);
    for (uint64_t i = 0; i < STAYING; i++) {
        stele_table_insert(table, stele_bytes_of(&i, sizeof i), NULL);
    }

    size_t seen = 0;
    uint64_t coming = STAYING, going = STAYING;
    stele_table_cursor cursor = {0};
    for (uint64_t *value; (value = stele_table_next(table, &cursor)) != NULL;) {
        uint64_t key;
        memcpy(&key, stele_table_key(table, value).data, sizeof key);
        if (key < STAYING) {
            assert_int_equal(++*value, 1);
            seen++;
        }
        if (coming >= STAYING * 2) continue;
        stele_table_insert(table, stele_bytes_of(&coming, sizeof coming), NULL);
        coming++;
        if (coming % 3 == 0) {
            stele_table_remove(table, stele_bytes_of(&going, sizeof going));
            going++;
        }
    }
    assert_int_equal(seen, STAYING);
}

static void a_million_keys_are_small(void **state)
{
    (void)state;
    size_t before = allocated_bytes();
    STELE_AUTO(stele_table) table = stele_table_new(40, 0);

    for (uint64_t i = 0; i < 1000000; i++) {
        stele_table_insert(table, stele_bytes_of(&i, sizeof i), NULL);
    }

    assert_int_equal(stele_table_count(table), 1000000);
    assert_true(allocated_bytes() - before < 80000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_agree_with_the_model),
        cmocka_unit_test(hashes_that_collide_agree_with_the_model),
        cmocka_unit_test(a_hash_shared_by_all_keys_costs_no_directory),
        cmocka_unit_test(a_key_of_any_size_up_to_the_limit_is_kept),
        cmocka_unit_test(a_table_without_values_is_a_set),
        cmocka_unit_test(memory_of_removed_keys_is_used_again),
        cmocka_unit_test(a_walk_sees_what_stays_exactly_once),
        cmocka_unit_test(a_million_keys_are_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
