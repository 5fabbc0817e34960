/* SPDX-License-Identifier: MIT
 * From Avro's names to C's: ordinary names stay as they are, and whatever is taken, there is
 * another name that is not. */
#include "tests/support/test.h"

#include "core/alloc.h"
#include "schemas/generate_names.h"

typedef struct example {
    const char *wanted;
    const char *given;
} example;

static void give_all(stele_name_scope scope, const example *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        STELE_AUTO(stele_names) names = stele_names_new(scope);
        STELE_AUTO(char) given = stele_names_give_one(names, NULL, cases[i].wanted);
        assert_string_equal(given, cases[i].given);
        assert_int_equal(stele_names_keeps(names, cases[i].wanted), false);
    }
}

static void types_are_in_snake_case(void **state)
{
    (void)state;
    static const example cases[] = {
        {"shop.OrderPlaced", "shop_order_placed"},
        {"users.UserCreated", "users_user_created"},
        {"HTTPServer", "http_server"},
        {"x.V2Order", "x_v2_order"},
        {"com.example_one.order_placed", "com_example_one_order_placed"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO(char) snake = stele_name_snake(cases[i].wanted);
        assert_string_equal(snake, cases[i].given);
    }
}

static void ordinary_names_are_kept(void **state)
{
    (void)state;
    static const char *const members[] = {"id",   "_id",  "has_note", "type",        "value",
                                          "time", "log",  "a",        "int_",        "placed_at",
                                          "X",    "data", "index",    "posix_spawn", "sun"};
    static const char *const types[] = {"shop_order",      "users_user", "order",
                                        "user_type",       "item",       "SHOP_STATE_PLACED",
                                        "stele_checkpoint"};
    STELE_AUTO(stele_names) of_members = stele_names_new(STELE_NAMES_OF_MEMBERS);
    STELE_AUTO(stele_names) of_file = stele_names_new(STELE_NAMES_OF_FILE);

    for (size_t i = 0; i < COUNT_OF(members); i++)
        assert_true(stele_names_keeps(of_members, members[i]));
    for (size_t i = 0; i < COUNT_OF(types); i++)
        assert_true(stele_names_keeps(of_file, types[i]));
}

static void words_that_are_taken_get_an_underscore(void **state)
{
    (void)state;
    static const example members[] = {
        {"class", "class_"},       {"errno", "errno_"},     {"linux", "linux_"},
        {"SIZE_MAX", "SIZE_MAX_"}, {"int32_t", "int32_t_"}, {"STELE_API", "STELE_API_"},
    };
    static const example types[] = {
        {"time", "time_"},
        {"timeval", "timeval_"},
        {"posix_spawn", "posix_spawn_"},
        {"pid_t", "pid_t_"},
        {"stele_bytes", "stele_bytes_"},
        {"stele_anything", "stele_anything_"},
        {"value", "value_"},
        {"EXIT_FAILURE", "EXIT_FAILURE_"},
        {"STELE_OK", "STELE_OK_"},
        {"has_value", "has_value_"},
    };
    give_all(STELE_NAMES_OF_MEMBERS, members, COUNT_OF(members));
    give_all(STELE_NAMES_OF_FILE, types, COUNT_OF(types));
}

static void reserved_underscores_move_behind(void **state)
{
    (void)state;
    static const example members[] = {
        {"__deleted", "deleted__"}, {"_Id", "Id_"}, {"__1", "x1__"}, {"___", "x___"}};
    static const example types[] = {{"_x", "x_"}, {"__a__b", "a__b__"}, {"_", "x_"}, {"_1", "x1_"}};
    give_all(STELE_NAMES_OF_MEMBERS, members, COUNT_OF(members));
    give_all(STELE_NAMES_OF_FILE, types, COUNT_OF(types));
}

static void the_same_name_again_gets_a_number(void **state)
{
    (void)state;
    static const char *const wanted[] = {"shop_a", "shop_a",    "shop_a_",
                                         "shop_a", "shop_a_2_", "shop_a"};
    static const char *const given[] = {"shop_a",    "shop_a_",    "shop_a__",
                                        "shop_a_2_", "shop_a_2__", "shop_a_3_"};
    STELE_AUTO(stele_names) names = stele_names_new(STELE_NAMES_OF_FILE);
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        STELE_AUTO(char) name = stele_names_give_one(names, NULL, wanted[i]);
        assert_string_equal(name, given[i]);
    }
}

static void a_name_is_free_with_all_its_tails(void **state)
{
    (void)state;
    static const char *const tails[] = {"", "_type", "_clear", NULL};
    STELE_AUTO(stele_names) names = stele_names_new(STELE_NAMES_OF_FILE);
    STELE_AUTO(char) type = stele_names_give_one(names, NULL, "shop_item_type");
    STELE_AUTO(char) item = stele_names_give(names, NULL, "shop_item", tails);
    STELE_AUTO(char) clear = stele_names_give_one(names, NULL, "shop_item__clear");

    assert_string_equal(type, "shop_item_type");
    assert_string_equal(item, "shop_item_");
    assert_string_equal(clear, "shop_item__clear_");
}

static void the_same_key_has_the_same_name(void **state)
{
    (void)state;
    STELE_AUTO(stele_names) names = stele_names_new(STELE_NAMES_OF_FILE);
    STELE_AUTO(char) first = stele_names_give_one(names, "a.b.C", "a_b_c");
    STELE_AUTO(char) other = stele_names_give_one(names, "a_b.c", "a_b_c");
    STELE_AUTO(char) again = stele_names_give_one(names, "a.b.C", "a_b_c");

    assert_string_equal(other, "a_b_c_");
    assert_string_equal(again, first);
}

static void long_names_are_cut_and_stay_apart(void **state)
{
    (void)state;
    STELE_AUTO(stele_names) names = stele_names_new(STELE_NAMES_OF_MEMBERS);
    char one[100000];
    memset(one, 'x', sizeof one);
    one[sizeof one - 1] = '\0';
    char other[sizeof one];
    memcpy(other, one, sizeof one);
    other[sizeof one - 2] = 'y';
    STELE_AUTO(char) first = stele_names_give_one(names, one, one);
    STELE_AUTO(char) second = stele_names_give_one(names, other, other);
    STELE_AUTO(char) again = stele_names_give_one(names, one, one);

    assert_int_equal(strlen(first), 240);
    assert_string_not_equal(first, second);
    assert_string_equal(first, again);
}

static void headers_are_known_in_any_case(void **state)
{
    (void)state;
    assert_true(stele_name_is_header("time"));
    assert_true(stele_name_is_header("Time"));
    assert_true(stele_name_is_header("errno"));
    assert_false(stele_name_is_header("purchase"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_in_snake_case),
        cmocka_unit_test(ordinary_names_are_kept),
        cmocka_unit_test(words_that_are_taken_get_an_underscore),
        cmocka_unit_test(reserved_underscores_move_behind),
        cmocka_unit_test(the_same_name_again_gets_a_number),
        cmocka_unit_test(a_name_is_free_with_all_its_tails),
        cmocka_unit_test(the_same_key_has_the_same_name),
        cmocka_unit_test(long_names_are_cut_and_stay_apart),
        cmocka_unit_test(headers_are_known_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
