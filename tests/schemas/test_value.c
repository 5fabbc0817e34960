/* SPDX-License-Identifier: MIT
 * Owned values and encoding, over values of every type at random. */
#include <stele/codec.h>

#include "tests/schemas/avro_support.h"
#include "tests/schemas/random_value.h"

static const char *const everything =
    "{'type':'record','name':'All','fields':["
    "{'name':'flag','type':'boolean'},{'name':'whole','type':'int'},{'name':'big','type':'long'},"
    "{'name':'nothing','type':'null'},{'name':'real','type':'float'},{'name':'wide','type':'double'"
    "},"
    "{'name':'raw','type':'bytes'},{'name':'text','type':'string'},"
    "{'name':'three','type':{'type':'fixed','name':'Three','size':3}},"
    "{'name':'money','type':{'type':'bytes','logicalType':'decimal','precision':9,'scale':2}},"
    "{'name':'coin','type':{'type':'fixed','name':'Coin','size':4,'logicalType':'decimal','"
    "precision':9}},"
    "{'name':'span','type':{'type':'fixed','name':'Span','size':12,'logicalType':'duration'}},"
    "{'name':'suit','type':{'type':'enum','name':'Suit','symbols':['A','B','C']}},"
    "{'name':'maybe','type':['null','int']},{'name':'perhaps','type':['string','null']},"
    "{'name':'list','type':{'type':'array','items':['null','string']}},"
    "{'name':'table','type':{'type':'map','values':{'type':'array','items':'long'}}},"
    "{'name':'either','type':['null','int','string','Three','All']},"
    "{'name':'next','type':['null','All']}]}";

enum { ROUNDS = 300 };

typedef struct fixture {
    stele_type *type;
    stele_plan *plan;
    stele_arena *arena;
    random_source source;
} fixture;

static int set_up(void **state)
{
    fixture *f = stele_alloc(sizeof *f);
    stele_error err = {0};
    f->type = type_of(everything);
    f->arena = stele_arena_new();
    f->source.state = 42;
    STELE_AUTO(stele_schema) schema = schema_of(everything);
    assert_int_equal(stele_plan_new(schema, f->type, NULL, &f->plan, &err), STELE_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    stele_plan_free(f->plan);
    stele_type_free(f->type);
    stele_arena_free(f->arena);
    free(f);
    return 0;
}

static void encode(const fixture *f, const void *value, stele_buffer *out)
{
    stele_error err = {0};
    stele_buffer_reset(out);
    if (stele_encode(f->type, value, out, &err) < 0) fail_msg("%s", err.text);
}

static void what_is_encoded_decodes_to_the_same(void **state)
{
    fixture *f = *state;
    STELE_AUTO(uint8_t) value = stele_alloc(f->type->layout->size);
    STELE_AUTO(uint8_t) again = stele_alloc(f->type->layout->size);
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    for (int i = 0; i < ROUNDS; i++) {
        stele_error err = {0};
        random_value(&f->source, f->type, value, f->arena);
        encode(f, value, &bytes);

        stele_status status =
            stele_plan_decode(f->plan, stele_buffer_view(&bytes), again, f->arena, &err);

        if (status < 0) fail_msg("%s", err.text);
        assert_true(stele_value_equal(f->type, value, again));
    }
}

static void a_copy_is_equal_and_owns_itself(void **state)
{
    fixture *f = *state;
    STELE_AUTO(uint8_t) value = stele_alloc(f->type->layout->size);
    STELE_AUTO(uint8_t) copy = stele_alloc(f->type->layout->size);
    STELE_AUTO(uint8_t) second = stele_alloc(f->type->layout->size);
    STELE_AUTO_VALUE(stele_buffer) before = {0};
    STELE_AUTO_VALUE(stele_buffer) after = {0};
    for (int i = 0; i < ROUNDS; i++) {
        random_value(&f->source, f->type, value, f->arena);
        encode(f, value, &before);

        stele_value_copy(f->type, copy, value);
        assert_true(stele_value_equal(f->type, value, copy));
        stele_arena_reset(f->arena); /* the sanitizer finds what still points there */
        encode(f, copy, &after);
        assert_true(stele_bytes_equal(stele_buffer_view(&before), stele_buffer_view(&after)));

        stele_value_copy(f->type, second, copy);
        assert_true(stele_value_equal(f->type, second, copy));
    }
    stele_value_clear(f->type, copy);
    stele_value_clear(f->type, second);
    assert_true(stele_value_equal(f->type, copy, second));
}

static void values_that_differ_are_not_equal(void **state)
{
    fixture *f = *state;
    STELE_AUTO(uint8_t) a = stele_alloc(f->type->layout->size);
    STELE_AUTO(uint8_t) b = stele_alloc(f->type->layout->size);
    STELE_AUTO_VALUE(stele_buffer) one = {0};
    STELE_AUTO_VALUE(stele_buffer) other = {0};
    for (int i = 0; i < ROUNDS; i++) {
        random_value(&f->source, f->type, a, f->arena);
        random_value(&f->source, f->type, b, f->arena);
        encode(f, a, &one);
        encode(f, b, &other);

        bool same = stele_bytes_equal(stele_buffer_view(&one), stele_buffer_view(&other));

        assert_int_equal(stele_value_equal(f->type, a, b), same);
    }
}

static void every_prefix_is_refused(void **state)
{
    fixture *f = *state;
    STELE_AUTO(uint8_t) value = stele_alloc(f->type->layout->size);
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    for (int i = 0; i < 20; i++) {
        random_value(&f->source, f->type, value, f->arena);
        encode(f, value, &bytes);
        for (size_t size = 0; size < bytes.size; size++) {
            /* A copy of that very size, so that reading past its end is found. */
            STELE_AUTO(uint8_t) cut = stele_alloc(size);
            memcpy(cut, bytes.data, size);
            stele_error err = {0};
            assert_int_equal(
                stele_plan_decode(f->plan, stele_bytes_of(cut, size), value, f->arena, &err),
                STELE_E_INVALID);
        }
    }
}

static void all_zero_is_a_value_of_every_type(void **state)
{
    fixture *f = *state;
    STELE_AUTO(uint8_t) zero = stele_alloc(f->type->layout->size);
    STELE_AUTO(uint8_t) decoded = stele_alloc(f->type->layout->size);
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    stele_error err = {0};
    encode(f, zero, &bytes);

    assert_int_equal(stele_plan_decode(f->plan, stele_buffer_view(&bytes), decoded, f->arena, &err),
                     STELE_OK);

    assert_true(stele_value_equal(f->type, zero, decoded));
}

/* A holds B by pointer though it always has one; NULL is the empty B. */
static void a_pointer_that_is_null_is_the_empty_record(void **state)
{
    (void)state;
    const char *text = "{'type':'record','name':'A','fields':[{'name':'b','type':{'type':'record',"
                       "'name':'B','fields':[{'name':'n','type':'int'},{'name':'a','type':['null',"
                       "'A']}]}}]}";
    STELE_AUTO(stele_schema) schema = schema_of(text);
    STELE_AUTO(stele_type) type = type_of(text);
    STELE_AUTO(stele_plan) plan = NULL;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    stele_error err = {0};
    void *zero = NULL;
    void *decoded = NULL;
    void *copy = NULL;
    assert_int_equal(type->layout->size, sizeof(void *));
    assert_int_equal(stele_plan_new(schema, type, NULL, &plan, &err), STELE_OK);
    assert_int_equal(stele_encode(type, &zero, &bytes, &err), STELE_OK);

    assert_int_equal(stele_plan_decode(plan, stele_buffer_view(&bytes), &decoded, arena, &err),
                     STELE_OK);

    assert_non_null(decoded);
    assert_true(stele_value_equal(type, &zero, &decoded));
    assert_true(stele_value_equal(type, &decoded, &zero));
    stele_value_copy(type, &copy, &decoded);
    assert_true(stele_value_equal(type, &copy, &decoded));
    stele_value_clear(type, &copy);
    assert_null(copy);
}

typedef struct entry {
    stele_bytes key;
    int32_t value;
} entry;

static void maps_are_equal_and_encoded_alike_in_any_order(void **state)
{
    (void)state;
    STELE_AUTO(stele_type) type = type_of("{'type':'map','values':'int'}");
    entry one[] = {{stele_text("b"), 1}, {stele_text("a"), 2}, {stele_text("ab"), 3}};
    entry other[] = {{stele_text("ab"), 3}, {stele_text("b"), 1}, {stele_text("a"), 2}};
    stele_map left = {3, one};
    stele_map right = {3, other};
    STELE_AUTO_VALUE(stele_buffer) hex = {0};
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    stele_error err = {0};

    assert_true(stele_value_equal(type, &left, &right));
    assert_int_equal(stele_encode(type, &left, &bytes, &err), STELE_OK);
    put_as_hex(&hex, stele_buffer_view(&bytes));
    assert_string_equal(stele_buffer_text(&hex), "0602610404616206026202"
                                                 "00");
    other[2].value = 7;
    assert_false(stele_value_equal(type, &left, &right));
}

static void text_set_replaces_what_was_there(void **state)
{
    (void)state;
    stele_bytes field = {0};

    stele_text_set(&field, stele_text("one"));
    stele_text_set(&field, field);
    assert_true(stele_bytes_equal(field, stele_text("one")));
    stele_text_set(&field, stele_text(""));

    assert_null(field.data);
    assert_int_equal(field.size, 0);
}

/* Values that do not fit their type, each with what is said about it. */

typedef struct bad {
    const char *schema;
    const void *value;
    stele_status status;
    const char *message;
} bad;

typedef struct linked {
    bool has_next;
    struct linked *next;
} linked;

static void what_does_not_fit_its_type_is_not_encoded(void **state)
{
    (void)state;
    static const int32_t three = 3;
    static const int32_t minus = -1;
    static const int64_t ten_thousand = 10000;
    stele_bytes not_text = stele_bytes_of("\xff", 1);
    entry twice[] = {{stele_text("a"), 1}, {stele_text("a"), 2}};
    stele_map map = {2, twice};
    stele_array texts = {1, &not_text};
    linked loop = {.has_next = true};
    loop.next = &loop;
    const bad rows[] = {
        {"{'type':'enum','name':'E','symbols':['A','B','C']}", &three, STELE_E_INVALID,
         "symbol 3 of E, which has 3"},
        {"{'type':'enum','name':'E','symbols':['A']}", &minus, STELE_E_INVALID,
         "symbol -1 of E, which has 1"},
        {"['null','int','string']", &three, STELE_E_INVALID, "branch 3 of a union of 3"},
        {"{'type':'bytes','logicalType':'decimal','precision':4}", &ten_thousand, STELE_E_INVALID,
         "decimal 10000 has more than 4 digits"},
        {"{'type':'array','items':'string'}", &texts, STELE_E_INVALID,
         "[0]: string that is not UTF-8: \"\\xff\""},
        {"{'type':'map','values':'int'}", &map, STELE_E_INVALID, "a map that holds a key twice"},
        {"{'type':'record','name':'L','fields':[{'name':'next','type':['null','L']}]}", &loop,
         STELE_E_LIMIT, "values are nested more than 64 deep"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        STELE_AUTO(stele_type) type = type_of(rows[i].schema);
        STELE_AUTO_VALUE(stele_buffer) bytes = {0};
        stele_buffer_push(&bytes, 7);
        stele_error err = {0};

        assert_int_equal(stele_encode(type, rows[i].value, &bytes, &err), rows[i].status);

        assert_int_equal(bytes.size, 1);
        assert_int_equal(err.next, STELE_NEXT_REJECT);
        if (strstr(err.text, rows[i].message) == NULL) fail_msg("%s", err.text);
    }
}

/* Where in a value it is: names of fields, indices and keys, but not of branches. */

typedef struct inner_value {
    stele_bytes text;
} inner_value;

typedef struct outer_value {
    int64_t number;
    stele_array list;
    stele_map table;
    struct {
        int32_t branch;
        union {
            inner_value inner;
            stele_bytes string;
        } as;
    } either;
    bool has_maybe;
    inner_value maybe;
} outer_value;

static const char *const outer_schema =
    "{'type':'record','name':'Outer','fields':[{'name':'number','type':'long'},"
    "{'name':'list','type':{'type':'array','items':{'type':'record','name':'Inner','fields':["
    "{'name':'text','type':'string'}]}}},{'name':'table','type':{'type':'map','values':'Inner'}},"
    "{'name':'either','type':['null','Inner','string']},{'name':'maybe','type':['null','Inner']}]}";

typedef struct keyed_inner {
    stele_bytes key;
    inner_value value;
} keyed_inner;

static void what_does_not_fit_is_named_by_its_path(void **state)
{
    (void)state;
    const stele_bytes garbled = stele_bytes_of("\xff", 1);
    inner_value good_and_bad[] = {{stele_text("x")}, {garbled}};
    keyed_inner entries[] = {{stele_text("b"), {garbled}}, {stele_text("a"), {stele_text("x")}}};
    keyed_inner bad_key[] = {{garbled, {stele_text("x")}}};
    const struct {
        outer_value value;
        const char *message;
    } rows[] = {
        {{.list = {2, good_and_bad}}, "list[1].text: string that is not UTF-8: \"\\xff\""},
        {{.table = {2, entries}}, "table.b.text: string that is not UTF-8: \"\\xff\""},
        {{.table = {1, bad_key}}, "table.\\xff: string that is not UTF-8: \"\\xff\""},
        {{.either = {1, {.inner = {garbled}}}}, "either.text: string that is not UTF-8: \"\\xff\""},
        {{.either = {2, {.string = garbled}}}, "either: string that is not UTF-8: \"\\xff\""},
        {{.either = {.branch = -1}}, "either: branch -1 of a union of 3"},
        {{.has_maybe = true, .maybe = {garbled}},
         "maybe.text: string that is not UTF-8: \"\\xff\""},
    };
    STELE_AUTO(stele_type) type = type_of(outer_schema);
    assert_int_equal(type->layout->size, sizeof(outer_value));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        STELE_AUTO_VALUE(stele_buffer) bytes = {0};
        stele_error err = {0};

        assert_int_equal(stele_encode(type, &rows[i].value, &bytes, &err), STELE_E_INVALID);

        assert_string_equal(err.text, rows[i].message);
    }
}

typedef struct tree {
    stele_array kids;
} tree;

enum { TREES = 100000 };

/* A chain of trees, `depth` of them, and its encoding. */
static void grow_chain(tree *trees, size_t depth, stele_buffer *bytes)
{
    stele_buffer_reset(bytes);
    memset(trees, 0, TREES * sizeof *trees);
    for (size_t i = 0; i + 1 < depth; i++) {
        trees[i].kids = (stele_array){1, &trees[i + 1]};
        stele_buffer_push(bytes, 2);
    }
    for (size_t i = 0; i < depth; i++)
        stele_buffer_push(bytes, 0);
}

static void what_is_nested_too_deep_to_be_read_is_not_written(void **state)
{
    (void)state;
    static const char *const schema = "{'type':'record','name':'Tree','fields':[{'name':'kids',"
                                      "'type':{'type':'array','items':'Tree'}}]}";
    static const size_t depths[] = {1, 2, 63, 64, 65, 66, 67, 200, TREES};
    fixture f = {.type = type_of(schema), .arena = stele_arena_new()};
    STELE_AUTO(stele_schema) parsed = schema_of(schema);
    assert_int_equal(stele_plan_new(parsed, f.type, NULL, &f.plan, NULL), STELE_OK);
    tree *trees = stele_alloc(TREES * sizeof *trees);
    STELE_AUTO_VALUE(stele_buffer) wanted = {0};
    for (size_t i = 0; i < COUNT_OF(depths); i++) {
        STELE_AUTO_VALUE(stele_buffer) bytes = {0};
        tree decoded;
        grow_chain(trees, depths[i], &wanted);
        stele_status status =
            stele_plan_decode(f.plan, stele_buffer_view(&wanted), &decoded, f.arena, NULL);
        assert_int_equal(status, depths[i] <= 65 ? STELE_OK : STELE_E_LIMIT);

        assert_int_equal(stele_encode(f.type, trees, &bytes, NULL), status);

        if (status < 0) stele_buffer_reset(&wanted);
        assert_true(stele_bytes_equal(stele_buffer_view(&bytes), stele_buffer_view(&wanted)));
    }
    free(trees);
    stele_plan_free(f.plan);
    stele_type_free(f.type);
    stele_arena_free(f.arena);
}

/* Numbers of every size that a varint has, by their definition: seven bits to a byte. */
static void longs_are_written_in_as_few_bytes_as_they_need(void **state)
{
    (void)state;
    STELE_AUTO(stele_type) type = type_of("'long'");
    STELE_AUTO(stele_type) ints = type_of("'int'");
    for (unsigned bit = 0; bit < 64; bit++) {
        for (uint64_t raw = (UINT64_C(1) << bit) - 1; raw <= (UINT64_C(1) << bit) + 1; raw++) {
            uint8_t wanted[10];
            size_t size = 0;
            for (uint64_t left = raw; size == 0 || left != 0; left >>= 7)
                wanted[size++] = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
            int64_t value = (int64_t)(raw >> 1 ^ (0 - (raw & 1)));
            int32_t small = (int32_t)value;
            STELE_AUTO_VALUE(stele_buffer) bytes = {0};

            assert_int_equal(stele_encode(type, &value, &bytes, NULL), STELE_OK);
            if (small == value)
                assert_int_equal(stele_encode(ints, &small, &bytes, NULL), STELE_OK);

            assert_int_equal(bytes.size, small == value ? 2 * size : size);
            assert_memory_equal(bytes.data, wanted, size);
            assert_memory_equal(bytes.data + bytes.size - size, wanted, size);
        }
    }
}

/* The sanitizer finds what is written past a buffer's end. */
static void a_value_is_written_into_a_buffer_with_any_room_left(void **state)
{
    fixture *f = *state;
    STELE_AUTO(uint8_t) value = stele_alloc(f->type->layout->size);
    STELE_AUTO_VALUE(stele_buffer) wanted = {0};
    for (size_t capacity = 1; capacity < 600; capacity++) {
        stele_arena_reset(f->arena);
        random_value(&f->source, f->type, value, f->arena);
        encode(f, value, &wanted);
        STELE_AUTO_VALUE(stele_buffer)
        bytes = {.data = stele_alloc(capacity), .size = capacity / 2, .capacity = capacity};

        assert_int_equal(stele_encode(f->type, value, &bytes, NULL), STELE_OK);

        assert_int_equal(bytes.size, capacity / 2 + wanted.size);
        assert_memory_equal(bytes.data + capacity / 2, wanted.data, wanted.size);
    }
}

static void many_numbers_are_written_item_by_item(void **state)
{
    (void)state;
    STELE_AUTO(stele_type) type = type_of("{'type':'array','items':'long'}");
    int64_t items[1000];
    for (size_t i = 0; i < COUNT_OF(items); i++)
        items[i] = i % 2 == 0 ? INT64_MIN : 0;
    stele_array array = {COUNT_OF(items), items};
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};

    assert_int_equal(stele_encode(type, &array, &bytes, NULL), STELE_OK);

    assert_int_equal(bytes.size, 2 + 500 * 10 + 500 + 1);
    assert_memory_equal(bytes.data, "\xd0\x0f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\xff", 14);
    assert_int_equal(bytes.data[bytes.size - 1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_encoded_decodes_to_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_is_equal_and_owns_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_that_differ_are_not_equal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_prefix_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_zero_is_a_value_of_every_type, set_up, tear_down),
        cmocka_unit_test(a_pointer_that_is_null_is_the_empty_record),
        cmocka_unit_test(maps_are_equal_and_encoded_alike_in_any_order),
        cmocka_unit_test(text_set_replaces_what_was_there),
        cmocka_unit_test(what_does_not_fit_its_type_is_not_encoded),
        cmocka_unit_test(what_does_not_fit_is_named_by_its_path),
        cmocka_unit_test(what_is_nested_too_deep_to_be_read_is_not_written),
        cmocka_unit_test(longs_are_written_in_as_few_bytes_as_they_need),
        cmocka_unit_test_setup_teardown(a_value_is_written_into_a_buffer_with_any_room_left, set_up,
                                        tear_down),
        cmocka_unit_test(many_numbers_are_written_item_by_item),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
