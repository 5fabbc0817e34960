/* SPDX-License-Identifier: MIT
 * Bytes that are strange, wrong or hostile. */
#include <stele/codec.h>

#include "tests/schemas/avro_support.h"

#define ARRAY(items)         "{'type':'array','items':" items "}"
#define MAP(values)          "{'type':'map','values':" values "}"
#define RECORD(name, fields) "{'type':'record','name':'" name "','fields':[" fields "]}"
#define SAME(type)           type, type

static const conversion numbers[] = {
    {"one byte", SAME("'long'"), "01", "01"},
    {"two bytes", SAME("'long'"), "8001", "8001"},
    {"the specification's examples: 0", SAME("'int'"), "00", "00"},
    {"-1", SAME("'int'"), "01", "01"},
    {"1", SAME("'int'"), "02", "02"},
    {"-64", SAME("'int'"), "7f", "7f"},
    {"64", SAME("'int'"), "8001", "8001"},
    {"the largest int", SAME("'int'"), "feffffff0f", "feffffff0f"},
    {"the smallest int", SAME("'int'"), "ffffffff0f", "ffffffff0f"},
    {"an int of 33 bits", SAME("'int'"), "feffffff1f", "error: a number that is not an int"},
    {"an int with six bytes", SAME("'int'"), "ffffffffff01", "error: a number that is not an int"},
    {"the largest long", SAME("'long'"), "feffffffffffffffff01", "feffffffffffffffff01"},
    {"the smallest long", SAME("'long'"), "ffffffffffffffffff01", "ffffffffffffffffff01"},
    {"a long of 65 bits", SAME("'long'"), "ffffffffffffffffff02",
     "error: a number that is not a long"},
    {"a long with eleven bytes", SAME("'long'"), "ffffffffffffffffffff01",
     "error: a number that is not a long"},
    {"a number that is longer than it must be is that number", SAME("'long'"), "8000", "00"},
    {"cut off", SAME("'long'"), "80", "error: a long is cut off by the end"},
    {"no bytes", SAME("'int'"), "", "error: an int is cut off by the end"},
    {"boolean", SAME("'boolean'"), "01", "01"},
    {"a boolean of 2", SAME("'boolean'"), "02", "error: boolean that is 2, neither 0 nor 1"},
    {"float cut off", SAME("'float'"), "000000", "error: float of 4 bytes, 3 left"},
    {"double cut off", SAME("'double'"), "00000000000000", "error: double of 8 bytes, 7 left"},
    {"every NaN is one", SAME("'float'"), "0100c0ff", "0000c07f"},
    {"every NaN is one, double", SAME("'double'"), "010000000000f8ff", "000000000000f87f"},
    {"minus zero stays", SAME("'double'"), "0000000000000080", "0000000000000080"},
    {"what is left behind", SAME("'int'"), "0200", "error: 1 bytes are left behind the datum"},
    {"null has no bytes", SAME("'null'"), "", ""},
};

static void numbers_are_read_strictly(void **state)
{
    (void)state;
    check_conversions(numbers, COUNT_OF(numbers));
}

static const conversion texts[] = {
    {"the specification's example", SAME("'string'"), "06 66 6f 6f", "06666f6f"},
    {"empty", SAME("'string'"), "00", "00"},
    {"cut off", SAME("'string'"), "a201 2020", "error: string of 81 bytes, 2 left"},
    {"of a negative length", SAME("'string'"), "01", "error: string of -1 bytes"},
    {"of a length past all memory", SAME("'string'"), "feffffffffffffffff01",
     "error: string of 9223372036854775807 bytes, 0 left"},
    {"of two-byte characters", SAME("'string'"), "04 c3a9", "04c3a9"},
    {"of four-byte characters", SAME("'string'"), "08 f09f9880", "08f09f9880"},
    {"overlong", SAME("'string'"), "04 c080", "error: string that is not UTF-8: \"\\xc0\\x80\""},
    {"a surrogate", SAME("'string'"), "06 eda080",
     "error: string that is not UTF-8: \"\\xed\\xa0\\x80\""},
    {"past the last character", SAME("'string'"), "08 f4908080",
     "error: string that is not UTF-8: \"\\xf4\\x90\\x80\\x80\""},
    {"bytes are not looked at", SAME("'bytes'"), "04 c080", "04c080"},
    {"a key must be UTF-8 too", SAME(MAP("'int'")), "02 02ff 02 00",
     "error: [0]: string that is not UTF-8: \"\\xff\""},
    {"fixed cut off", SAME("{'type':'fixed','name':'F','size':4}"), "010203",
     "error: fixed of 4 bytes, 3 left"},
    {"decimal of nine bytes", SAME("{'type':'bytes','logicalType':'decimal','precision':4}"),
     "12 010000000000000000", "error: decimal of more than 4 digits, in 9 bytes"},
    {"decimal of nine bytes with a sign in front",
     SAME("{'type':'bytes','logicalType':'decimal','precision':4}"), "12 ffffffffffffffffff",
     "02ff"},
    {"decimal of no bytes", SAME("{'type':'bytes','logicalType':'decimal','precision':4}"), "00",
     "error: decimal without bytes; 0 has one"},
    {"a wide decimal stays bytes", SAME("{'type':'bytes','logicalType':'decimal','precision':20}"),
     "12 010000000000000000", "12010000000000000000"},
};

static void texts_are_bounded_and_utf8(void **state)
{
    (void)state;
    check_conversions(texts, COUNT_OF(texts));
}

static const conversion lists[] = {
    {"the specification's example: array of longs", SAME(ARRAY("'long'")), "04 06 36 00",
     "04063600"},
    {"several blocks", SAME(ARRAY("'long'")), "02 06 02 36 00", "04063600"},
    {"a negative count with its size in bytes", SAME(ARRAY("'long'")), "03 04 06 36 00",
     "04063600"},
    {"blocks of both kinds", SAME(ARRAY("'long'")), "01 02 06 02 36 00", "04063600"},
    {"a map in several blocks", SAME(MAP("'int'")), "01 06 0262 02 02 0261 04 00",
     "0402610402620200"},
    {"of a key twice the last one counts", SAME(MAP("'int'")), "06 0261 02 0262 04 0261 06 00",
     "0402610602620400"},
    {"more items than bytes", SAME(ARRAY("'long'")), "08 02 02", "error: 4 items, 2 bytes left"},
    {"a billion items in six bytes", SAME(ARRAY("'long'")), "80a8d6b907 00",
     "error: 1000000000 items, 1 bytes left"},
    {"a billion nulls", SAME(ARRAY("'null'")), "80a8d6b907 00",
     "error: more than 1000000 items in all"},
    {"a billion empty records", SAME(ARRAY(RECORD("R", ""))), "80a8d6b907 00",
     "error: more than 1000000 items in all"},
    {"a count of -2^63", SAME(ARRAY("'long'")), "ffffffffffffffffff01 00 00",
     "error: a block of -2^63 items"},
    {"a block that is longer than the datum", SAME(ARRAY("'long'")), "03 20 06 36 00",
     "error: block of 16 bytes, 3 left"},
    {"a block of a negative size", SAME(ARRAY("'long'")), "03 01 06 36 00",
     "error: block of -1 bytes, 3 left"},
    {"no end", SAME(ARRAY("'long'")), "02 06", "error: a count of items is cut off by the end"},
    {"symbol past the last one", SAME("{'type':'enum','name':'E','symbols':['A']}"), "02",
     "error: symbol 1 of 1"},
    {"symbol below the first one", SAME("{'type':'enum','name':'E','symbols':['A']}"), "01",
     "error: symbol -1 of 1"},
    {"branch past the last one", SAME("['null','int','string']"), "06", "error: branch 3 of 3"},
    {"branch of null|T", SAME(RECORD("R", "{'name':'f','type':['null','int']}")), "04",
     "error: f: branch 2 of 2"},
};

static void lists_are_bounded(void **state)
{
    (void)state;
    check_conversions(lists, COUNT_OF(lists));
}

static const char *const nested =
    "{'type':'record','name':'Order','fields':[{'name':'items','type':{'type':'array','items':"
    "{'type':'record','name':'Item','fields':[{'name':'sku','type':'string'},{'name':'tags','type':"
    "{'type':'map','values':['null','int','string']}}]}}}]}";

static const conversion paths[] = {
    {"a field of an item", NULL, NULL, "04 0261 00 a201 20",
     "error: items[1].sku: string of 81 bytes, 1 left"},
    {"a branch of an entry", NULL, NULL, "02 0261 02 0262 06 00 00",
     "error: items[0].tags.b: branch 3 of 3"},
    {"a key", NULL, NULL, "02 0261 04 0262 00 06 61",
     "error: items[0].tags[1]: string of 3 bytes, 1 left"},
    {"behind blocks", NULL, NULL, "02 0261 00 02 0262 00 02 06 61",
     "error: items[2].sku: string of 3 bytes, 1 left"},
};

static void messages_have_the_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        conversion row = paths[i];
        row.writer = row.reader = nested;
        check_conversions(&row, 1);
    }
}

static void messages_have_the_path_of_what_is_skipped(void **state)
{
    (void)state;
    const conversion row = {"skipped", RECORD("R", "{'name':'a','type':" ARRAY("'string'") "}"),
                            RECORD("R", ""), "04 0261 08 61",
                            "error: a[1]: string of 4 bytes, 1 left"};
    check_conversions(&row, 1);
}

static void skips_jump_over_blocks_by_their_size(void **state)
{
    (void)state;
    const conversion row = {
        "jumped",
        RECORD("R", "{'name':'a','type':" ARRAY("'string'") "},{'name':'b','type':'int'}"),
        RECORD("R", "{'name':'b','type':'int'}"), "03 06 ffffff 00 02", "02"};
    check_conversions(&row, 1);
}

#define LINKED RECORD("L", "{'name':'next','type':['null','L']}")

static void depth_is_limited(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) hex = {0};
    STELE_AUTO_VALUE(stele_buffer) seen = {0};
    for (int i = 0; i < 64; i++)
        stele_buffer_format(&hex, "02");
    stele_buffer_format(&hex, "00");
    assert_int_equal(convert(LINKED, LINKED, stele_buffer_text(&hex), NULL, &seen), STELE_OK);

    stele_buffer_reset(&seen);
    stele_buffer_format(&hex, "00");
    memcpy(hex.data + 128, "0200", 4);
    assert_int_equal(convert(LINKED, LINKED, stele_buffer_text(&hex), NULL, &seen), STELE_E_LIMIT);
    assert_non_null(strstr(stele_buffer_text(&seen), "values are nested more than 64 deep"));

    /* Skipping is limited in the same way. */
    stele_buffer_reset(&seen);
    stele_status status = convert(RECORD("R", "{'name':'l','type':" LINKED "}"), RECORD("R", ""),
                                  stele_buffer_text(&hex), NULL, &seen);
    assert_int_equal(status, STELE_E_LIMIT);
}

static void limits_are_the_callers(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        stele_codec_limits limits;
        const char *message;
    } rows[] = {
        {"06 02 02 02 00", {.items_max = 2}, "error: more than 2 items in all"},
        {"02 02 02 02 02 02 00", {.items_max = 2}, "error: more than 2 items in all"},
        {"06 02 02 02 00",
         {.memory_max = 23},
         "error: its values take more than 23 bytes of memory"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        STELE_AUTO_VALUE(stele_buffer) seen = {0};
        convert(SAME(ARRAY("'long'")), rows[i].hex, &rows[i].limits, &seen);
        assert_string_equal(stele_buffer_text(&seen), rows[i].message);
    }
}

static void utf8_check_can_be_switched_off(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema) schema = schema_of("'string'");
    STELE_AUTO(stele_type) type = type_of("'string'");
    STELE_AUTO(stele_plan) plan = NULL;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    stele_codec_limits limits = {.utf8_unchecked = true};
    stele_error err = {0};
    assert_int_equal(stele_plan_new(schema, type, &limits, &plan, &err), STELE_OK);
    stele_bytes value = {0};

    stele_status status =
        stele_plan_decode(plan, stele_bytes_of("\x02\xff", 2), &value, arena, &err);

    assert_int_equal(status, STELE_OK);
    assert_int_equal(value.size, 1);
}

/* A megabyte of blocks of one item each: growing must not copy what is there each time. */
static void many_small_blocks_take_no_longer_than_one(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema) schema = schema_of(ARRAY("'int'"));
    STELE_AUTO(stele_type) type = type_of(ARRAY("'int'"));
    STELE_AUTO(stele_plan) plan = NULL;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    STELE_AUTO_VALUE(stele_buffer) datum = {0};
    stele_error err = {0};
    assert_int_equal(stele_plan_new(schema, type, NULL, &plan, &err), STELE_OK);
    for (int i = 0; i < 500000; i++) {
        stele_buffer_push(&datum, 2);
        stele_buffer_push(&datum, 4);
    }
    stele_buffer_push(&datum, 0);
    stele_array value = {0};

    assert_int_equal(stele_plan_decode(plan, stele_buffer_view(&datum), &value, arena, &err),
                     STELE_OK);

    assert_int_equal(value.count, 500000);
    assert_int_equal(((const int32_t *)value.items)[499999], 2);
    assert_true(stele_arena_used(arena) < (size_t)16 * 1024 * 1024);
}

typedef struct entry {
    stele_bytes key;
    int32_t value;
} entry;

/* A map of two hundred thousand entries, each key there twice, the second time with another value.
 */
static void a_large_map_with_every_key_twice_takes_no_time(void **state)
{
    (void)state;
    enum { KEYS = 100000 };
    STELE_AUTO(stele_schema) schema = schema_of(MAP("'int'"));
    STELE_AUTO(stele_type) type = type_of(MAP("'int'"));
    STELE_AUTO(stele_plan) plan = NULL;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    STELE_AUTO_VALUE(stele_buffer) datum = {0};
    stele_error err = {0};
    assert_int_equal(stele_plan_new(schema, type, NULL, &plan, &err), STELE_OK);
    for (int i = 0; i < 2 * KEYS; i++) {
        if (i % KEYS == 0) put_hex(&datum, "c09a0c"); /* a block of KEYS entries */
        stele_buffer_format(&datum, "\x0ck%05d%c", i % KEYS, i < KEYS ? 2 : 4);
    }
    stele_buffer_push(&datum, 0);
    stele_map value = {0};

    stele_status status = stele_plan_decode(plan, stele_buffer_view(&datum), &value, arena, &err);

    if (status < 0) fail_msg("%s", err.text);
    assert_int_equal(value.count, KEYS);
    const entry *entries = value.entries;
    for (size_t i = 0; i < KEYS; i++)
        assert_int_equal(entries[i].value, 2);
}

static void a_null_view_is_an_empty_datum(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema) schema = schema_of(RECORD("R", ""));
    STELE_AUTO(stele_type) type = type_of(RECORD("R", ""));
    STELE_AUTO(stele_plan) plan = NULL;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    stele_error err = {0};
    assert_int_equal(stele_plan_new(schema, type, NULL, &plan, &err), STELE_OK);
    uint8_t value = 0;

    assert_int_equal(stele_plan_decode(plan, (stele_bytes){0}, &value, arena, &err), STELE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_strictly),
        cmocka_unit_test(texts_are_bounded_and_utf8),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(messages_have_the_path),
        cmocka_unit_test(messages_have_the_path_of_what_is_skipped),
        cmocka_unit_test(skips_jump_over_blocks_by_their_size),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(limits_are_the_callers),
        cmocka_unit_test(utf8_check_can_be_switched_off),
        cmocka_unit_test(many_small_blocks_take_no_longer_than_one),
        cmocka_unit_test(a_large_map_with_every_key_twice_takes_no_time),
        cmocka_unit_test(a_null_view_is_an_empty_datum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
