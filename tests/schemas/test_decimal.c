/* SPDX-License-Identifier: MIT
 * One rule for decimals, wherever one comes from or goes to: at least one byte, and no more digits
 * than the precision. Each case goes over the wire by a plan and by generated code, through JSON in
 * both forms, into CSV's cells and into a default. */
#include "tests/support/test.h"

#include "kinds.h"

#include <stele/codec.h>
#include <stele/json.h>

#include "core/alloc.h"
#include "schemas/big_decimal.h"
#include "schemas/scopes.h"
#include "schemas/text_value.h"
#include "tests/support/random.h"

typedef struct decimal_case {
    unsigned precision;
    const char *text; /* the number */
    bool fits;
} decimal_case;

static const decimal_case cases[] = {
    {1, "0", true},
    {1, "9", true},
    {1, "-9", true},
    {1, "10", false},
    {1, "-10", false},
    {4, "9999", true},
    {4, "10000", false},
    {4, "-10000", false},
    {18, "999999999999999999", true},
    {18, "-999999999999999999", true},
    {18, "1000000000000000000", false},
    {18, "-9223372036854775808", false},
    {18, "9223372036854775807", false},
    {18, "9223372036854775808", false},
    {19, "9999999999999999999", true},
    {19, "-9999999999999999999", true},
    {19, "10000000000000000000", false},
    {19, "-10000000000000000000", false},
    {38, "99999999999999999999999999999999999999", true},
    {38, "-99999999999999999999999999999999999999", true},
    {38, "100000000000000000000000000000000000000", false},
    {38, "-100000000000000000000000000000000000000", false},
    {38, "170141183460469231731687303715884105727", false},
    {39, "170141183460469231731687303715884105727", true},
};

/* A schema of a decimal, as bytes or as a fixed of 20. Caller owns. */
static char *schema_text(unsigned precision, bool fixed)
{
    return stele_strdup_format("{\"type\":\"%s\",\"name\":\"D\",\"size\":20,\"logicalType\":"
                               "\"decimal\",\"precision\":%u}",
                               fixed ? "fixed" : "bytes", precision);
}

static stele_schema *schema_of(const char *text)
{
    stele_schema *schema;
    stele_error err;
    if (stele_schema_parse(stele_text(text), NULL, &schema, &err) < 0) fail_msg("%s", err.text);
    return schema;
}

static stele_type *type_of(unsigned precision, bool fixed)
{
    STELE_AUTO(char) text = schema_text(precision, fixed);
    STELE_AUTO(stele_schema) schema = schema_of(text);
    stele_type *type;
    stele_error err;
    if (stele_type_new(schema, &type, &err) < 0) fail_msg("%s", err.text);
    return type;
}

/* The number's bytes on the wire, by a decimal that is wide enough for all cases. */
static void wire_of(const char *number, bool fixed, stele_buffer *out)
{
    STELE_AUTO(stele_type) type = type_of(45, fixed);
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    STELE_AUTO(char) json = stele_strdup_format("\"%s\"", number);
    uint8_t value[64];
    stele_error err;
    if (stele_json_read(type, stele_text(json), STELE_JSON_PLAIN, NULL, value, arena, &err) < 0 ||
        stele_encode(type, value, out, &err) < 0) {
        fail_msg("%s: %s", number, err.text);
    }
}

static void expect(const decimal_case *each, bool fixed, const char *way, stele_status status,
                   const stele_error *err)
{
    if ((status == STELE_OK) == each->fits) return;
    fail_msg("%s as decimal(%u), %s, %s: %s", each->text, each->precision,
             fixed ? "fixed" : "bytes", way, status == STELE_OK ? "accepted" : err->text);
}

static void over_the_wire(const decimal_case *each, bool fixed)
{
    STELE_AUTO(stele_type) type = type_of(each->precision, fixed);
    STELE_AUTO(char) text = schema_text(each->precision, fixed);
    STELE_AUTO(stele_schema) schema = schema_of(text);
    STELE_AUTO(stele_plan) plan = NULL;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    STELE_AUTO_VALUE(stele_buffer) wire = {0};
    STELE_AUTO_VALUE(stele_buffer) again = {0};
    uint8_t value[64];
    stele_error err = {0};
    wire_of(each->text, fixed, &wire);
    assert_int_equal(stele_plan_new(schema, type, NULL, &plan, &err), STELE_OK);

    stele_status status = stele_plan_decode(plan, stele_buffer_view(&wire), value, arena, &err);

    expect(each, fixed, "read from the wire", status, &err);
    if (status < 0) return;
    assert_int_equal(stele_encode(type, value, &again, &err), STELE_OK);
    assert_true(stele_bytes_equal(stele_buffer_view(&again), stele_buffer_view(&wire)));
    for (int form = STELE_JSON_PLAIN; form <= STELE_JSON_AVRO; form++) {
        STELE_AUTO_VALUE(stele_buffer) json = {0};
        assert_int_equal(stele_json_write(type, value, (stele_json_form)form, &json, &err), 0);
    }
}

static void as_json(const decimal_case *each, bool fixed)
{
    STELE_AUTO(stele_type) type = type_of(each->precision, fixed);
    STELE_AUTO(stele_type) wide = type_of(45, fixed);
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    STELE_AUTO_VALUE(stele_buffer) avro = {0};
    STELE_AUTO(char) quoted = stele_strdup_format("\"%s\"", each->text);
    uint8_t value[64];
    stele_error err = {0};
    const stele_bytes plain[] = {stele_text(quoted), stele_text(each->text)};
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        expect(each, fixed, "plain JSON",
               stele_json_read(type, plain[i], STELE_JSON_PLAIN, NULL, value, arena, &err), &err);
    }
    assert_int_equal(stele_json_read(wide, plain[0], STELE_JSON_PLAIN, NULL, value, arena, &err),
                     STELE_OK);
    assert_int_equal(stele_json_write(wide, value, STELE_JSON_AVRO, &avro, &err), STELE_OK);
    expect(
        each, fixed, "Avro's JSON",
        stele_json_read(type, stele_buffer_view(&avro), STELE_JSON_AVRO, NULL, value, arena, &err),
        &err);
    /* The same bytes as the default of a field. */
    STELE_AUTO(char) inner = schema_text(each->precision, fixed);
    STELE_AUTO(char)
    record = stele_strdup_format("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\","
                                 "\"type\":%s,\"default\":%s}]}",
                                 inner, stele_buffer_text(&avro));
    STELE_AUTO(stele_schema) schema = NULL;
    expect(each, fixed, "default", stele_schema_parse(stele_text(record), NULL, &schema, &err),
           &err);
}

static void a_decimal_has_no_more_digits_than_its_precision_whichever_way_it_comes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (int fixed = 0; fixed <= 1; fixed++) {
            over_the_wire(&cases[i], fixed);
            as_json(&cases[i], fixed);
        }
    }
}

/* What a program puts into the struct itself. */
static void a_decimal_that_is_too_long_in_memory_is_not_written(void **state)
{
    (void)state;
    static const uint8_t long_bytes[20] = {0x7f};
    stele_bytes view = stele_bytes_of(long_bytes, sizeof long_bytes);
    int64_t unscaled = 10000;
    const struct {
        unsigned precision;
        bool fixed;
        const void *value;
    } rows[] = {
        {4, false, &unscaled}, {4, true, &unscaled}, {30, false, &view}, {30, true, long_bytes}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        STELE_AUTO(stele_type) type = type_of(rows[i].precision, rows[i].fixed);
        STELE_AUTO_VALUE(stele_buffer) out = {0};
        stele_error err;
        assert_int_equal(stele_encode(type, rows[i].value, &out, &err), STELE_E_INVALID);
        assert_non_null(strstr(err.text, "digits"));
        for (int form = STELE_JSON_PLAIN; form <= STELE_JSON_AVRO; form++) {
            assert_int_equal(
                stele_json_write(type, rows[i].value, (stele_json_form)form, &out, &err),
                STELE_E_INVALID);
            assert_non_null(strstr(err.text, "digits"));
        }
        assert_int_equal(out.size, 0);
    }
}

static void generated_code_has_the_same_rule(void **state)
{
    (void)state;
    static const uint8_t too_long[20] = {0x7f};
    kinds_everything value = {.flag = false};
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    stele_error err;
    assert_int_equal(stele_encode(&kinds_everything_type, &value, &out, &err), STELE_OK);

    value.price = 10000000000; /* decimal(10, 2) */
    assert_int_equal(stele_encode(&kinds_everything_type, &value, &out, &err), STELE_E_INVALID);
    assert_non_null(strstr(err.text, "price: "));
    value.price = 0;
    value.wide = stele_bytes_of(too_long, sizeof too_long);
    assert_int_equal(stele_encode(&kinds_everything_type, &value, &out, &err), STELE_E_INVALID);
    assert_non_null(strstr(err.text, "wide: "));
    value.wide = stele_bytes_of(NULL, 0);
    memset(value.wide_fixed, 0x7f, sizeof value.wide_fixed);
    assert_int_equal(stele_encode(&kinds_everything_type, &value, &out, &err), STELE_E_INVALID);
    assert_non_null(strstr(err.text, "wide_fixed: "));
}

/* Whatever generated code reads, it can write: a fold never takes what its state cannot hold. */
static void what_is_read_can_be_written(void **state)
{
    (void)state;
    stele_random random = {20261128};
    STELE_AUTO(stele_schema) schema = schema_of(kinds_everything_type.schema);
    STELE_AUTO(stele_plan) fast = NULL;
    STELE_AUTO(stele_plan) slow = NULL;
    stele_type interpreted = kinds_everything_type;
    interpreted.decode = NULL;
    interpreted.encode = NULL;
    stele_error err;
    kinds_everything start = {.flag = false};
    STELE_AUTO_VALUE(stele_buffer) wire = {0};
    assert_int_equal(stele_plan_new(schema, &kinds_everything_type, NULL, &fast, &err), STELE_OK);
    assert_int_equal(stele_plan_new(schema, &interpreted, NULL, &slow, &err), STELE_OK);
    assert_int_equal(stele_encode(&kinds_everything_type, &start, &wire, &err), STELE_OK);
    size_t accepted = 0;
    for (int round = 0; round < 20000; round++) {
        STELE_AUTO(stele_arena) arena = stele_arena_new();
        STELE_AUTO_VALUE(stele_buffer) changed = {0};
        STELE_AUTO_VALUE(stele_buffer) again = {0};
        kinds_everything one, other;
        stele_buffer_append(&changed, stele_buffer_view(&wire));
        changed.data[stele_random_below(&random, 80)] = (uint8_t)stele_random_next(&random);
        stele_bytes data = stele_buffer_view(&changed);
        stele_status quick = stele_plan_decode(fast, data, &one, arena, &err);
        assert_int_equal(quick, stele_plan_decode(slow, data, &other, arena, NULL));
        if (quick < 0) continue;
        accepted++;
        if (stele_encode(&kinds_everything_type, &one, &again, &err) < 0) fail_msg("%s", err.text);
    }
    assert_true(accepted > 100);
}

static void no_bytes_are_no_decimal_but_a_value_all_zero_is_0(void **state)
{
    (void)state;
    for (unsigned precision = 4; precision <= 30; precision += 26) {
        STELE_AUTO(stele_type) type = type_of(precision, false);
        STELE_AUTO(char) text = schema_text(precision, false);
        STELE_AUTO(stele_schema) schema = schema_of(text);
        STELE_AUTO(stele_plan) plan = NULL;
        STELE_AUTO(stele_arena) arena = stele_arena_new();
        STELE_AUTO_VALUE(stele_buffer) out = {0};
        uint8_t value[sizeof(stele_bytes)] = {0};
        stele_error err;
        assert_int_equal(stele_plan_new(schema, type, NULL, &plan, &err), STELE_OK);

        assert_int_equal(stele_plan_decode(plan, stele_bytes_of("", 1), value, arena, &err),
                         STELE_E_INVALID);
        assert_string_equal(err.text, "decimal without bytes; 0 has one");
        assert_int_equal(
            stele_json_read(type, stele_text("\"\""), STELE_JSON_AVRO, NULL, value, arena, &err),
            STELE_E_INVALID);
        assert_int_equal(
            stele_json_read(type, stele_text("\"\""), STELE_JSON_PLAIN, NULL, value, arena, &err),
            STELE_E_INVALID);
        memset(value, 0, sizeof value);
        assert_int_equal(stele_encode(type, value, &out, &err), STELE_OK);
        assert_true(stele_bytes_equal(stele_buffer_view(&out), stele_bytes_of("\x02\0", 2)));
        assert_int_equal(stele_plan_decode(plan, stele_buffer_view(&out), value, arena, &err), 0);
        assert_true(stele_value_equal(type, value, (const uint8_t[sizeof(stele_bytes)]){0}));
        stele_buffer_reset(&out);
        memset(value, 0, sizeof value);
        assert_int_equal(stele_json_write(type, value, STELE_JSON_AVRO, &out, &err), STELE_OK);
        assert_string_equal(stele_buffer_text(&out), "\"\\u0000\"");
    }
}

static void cells_have_the_same_rule(void **state)
{
    (void)state;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    kinds_everything value = {.flag = false};
    static const struct {
        const char *field;
        const char *cell;
        bool fits;
    } rows[] = {{"price", "99999999.99", true},
                {"price", "100000000.00", false},
                {"price", "", false},
                {"wide", "999999999999999999999999999.999", true},
                {"wide", "1000000000000000000000000000.000", false},
                {"wide", "", false},
                {"wide_fixed", "-999999999999999999999999999999", true},
                {"wide_fixed", "-1000000000000000000000000000000", false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const stele_member *member =
            stele_text_value_find(&kinds_everything_type, stele_text(rows[i].field));
        stele_error err = {0};
        stele_status status =
            stele_text_value_set(member, stele_text(rows[i].cell), false, &value, arena, &err);
        if ((status == STELE_OK) != rows[i].fits) fail_msg("%s: %s", rows[i].cell, err.text);
    }
}

/* Long ones take no long time: the size decides but near the limit. */
static void the_longest_decimals_are_looked_at_quickly(void **state)
{
    (void)state;
    static uint8_t bytes[STELE_BIG_DECIMAL_SIZE_MAX + 1];
    for (uint32_t precision = 9850; precision < 9880; precision++) {
        memset(bytes, 0x7f, sizeof bytes);
        bool fits = stele_big_decimal_is_valid(stele_bytes_of(bytes, STELE_BIG_DECIMAL_SIZE_MAX),
                                               precision);
        assert_int_equal(fits, precision >= 9864); /* 2^32767 has 9,864 digits */
    }
    assert_false(stele_big_decimal_is_valid(stele_bytes_of(bytes, sizeof bytes), INT32_MAX));
    memset(bytes, 0xff, sizeof bytes);
    assert_true(stele_big_decimal_is_valid(stele_bytes_of(bytes, sizeof bytes), 1)); /* -1 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decimal_has_no_more_digits_than_its_precision_whichever_way_it_comes),
        cmocka_unit_test(a_decimal_that_is_too_long_in_memory_is_not_written),
        cmocka_unit_test(generated_code_has_the_same_rule),
        cmocka_unit_test(what_is_read_can_be_written),
        cmocka_unit_test(no_bytes_are_no_decimal_but_a_value_all_zero_is_0),
        cmocka_unit_test(cells_have_the_same_rule),
        cmocka_unit_test(the_longest_decimals_are_looked_at_quickly),
    };
    return cmocka_run_group_tests_name("schemas/decimal", tests, NULL, NULL);
}
