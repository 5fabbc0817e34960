/* SPDX-License-Identifier: MIT
 * schemas/json_write.c and json_read.c: both forms, as golden text, round trips and refusals. */
#include "tests/support/test.h"

#include <math.h>

#include "kinds.h"
#include "shared_cart.h"

#include "core/alloc.h"
#include "schemas/scopes.h"
#include "tests/schemas/random_value.h"

static stele_type *type_of(const char *text)
{
    STELE_AUTO(stele_schema) schema = NULL;
    stele_type *type;
    stele_error err;
    if (stele_schema_parse(stele_text(text), NULL, &schema, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(stele_type_new(schema, &type, NULL), STELE_OK);
    return type;
}

/* A record R with one field f of this type. */
static stele_type *type_with(const char *field_type, const char *rest)
{
    STELE_AUTO(char)
    text = stele_strdup_format("{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"n\",\"fields\":"
                               "[{\"name\":\"f\",\"type\":%s%s}]}",
                               field_type, rest);
    return type_of(text);
}

/* The value of {"f": …} in one form, written in the other; NULL and the error's text if refused. */
static char *convert(const stele_type *type, const char *value, stele_json_form from,
                     stele_json_form to, stele_error *err)
{
    STELE_AUTO(char) text = stele_strdup_format("{\"f\":%s}", value);
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    STELE_AUTO(uint8_t) record = stele_alloc(type->layout->size);
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    if (stele_json_read(type, stele_text(text), from, NULL, record, arena, err) < 0) return NULL;
    if (stele_json_write(type, record, to, &out, err) < 0) return NULL;
    return stele_strndup((const char *)out.data + 5, out.size - 6);
}

#define DECIMAL(p, s)                                                                              \
    "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":" #p ",\"scale\":" #s "}"
#define LOGICAL(type, logical) "{\"type\":\"" type "\",\"logicalType\":\"" logical "\"}"
#define FIXED(size)            "{\"type\":\"fixed\",\"name\":\"F\",\"size\":" #size "}"

/* The Avro form is what Avro Java 1.11.4's JsonEncoder writes for the same value. */
static const struct {
    const char *type;
    const char *avro;
    const char *plain;
} values[] = {
    {"\"null\"", "null", "null"},
    {"\"boolean\"", "true", "true"},
    {"\"int\"", "-2147483648", "-2147483648"},
    {"\"long\"", "9223372036854775807", "9223372036854775807"},
    {"\"long\"", "9007199254740993", "9007199254740993"},
    {"\"float\"", "0.1", "0.1"},
    {"\"float\"", "16777216.0", "16777216.0"},
    {"\"double\"", "0.1", "0.1"},
    {"\"double\"", "1.0", "1.0"},
    {"\"double\"", "-0.0", "-0.0"},
    {"\"double\"", "5e-324", "5e-324"},
    {"\"double\"", "\"NaN\"", "\"NaN\""},
    {"\"double\"", "\"Infinity\"", "\"Infinity\""},
    {"\"float\"", "\"-Infinity\"", "\"-Infinity\""},
    {"\"string\"", "\"\"", "\"\""},
    {"\"string\"", "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001F\x7f\xc3\xa9\xe2\x82\xac\"",
     "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001F\x7f\xc3\xa9\xe2\x82\xac\""},
    {"\"bytes\"", "\"\"", "\"\""},
    {"\"bytes\"", "\"\\u0000a\xc2\x80\xc3\xbf\"", "\"AGGA/w==\""},
    {"\"bytes\"", "\"ab\"", "\"YWI=\""},
    {FIXED(3), "\"abc\"", "\"YWJj\""},
    {FIXED(0), "\"\"", "\"\""},
    {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", "\"B\"", "\"B\""},
    {"{\"type\":\"array\",\"items\":\"int\"}", "[1,2,3]", "[1,2,3]"},
    {"{\"type\":\"array\",\"items\":\"int\"}", "[]", "[]"},
    {"{\"type\":\"array\",\"items\":[\"null\",\"int\"]}", "[{\"int\":1},null]", "[1,null]"},
    {"{\"type\":\"map\",\"values\":\"long\"}", "{\"b\":1,\"a\":2}", "{\"b\":1,\"a\":2}"},
    {"{\"type\":\"map\",\"values\":[\"string\",\"null\"]}", "{\"a\":{\"string\":\"x\"},\"b\":null}",
     "{\"a\":\"x\",\"b\":null}"},
    {"[\"null\",\"string\"]", "null", "null"},
    {"[\"null\",\"string\"]", "{\"string\":\"x\"}", "\"x\""},
    {"[\"string\",\"null\"]", "{\"string\":\"x\"}", "\"x\""},
    {"[\"null\"," FIXED(1) "]", "{\"n.F\":\"x\"}", "\"eA==\""},
    {"[\"null\",{\"type\":\"record\",\"name\":\"S\",\"fields\":[]}]", "{\"n.S\":{}}", "{}"},
    {"[\"null\",\"n.R\"]", "{\"n.R\":{\"f\":null}}", "{\"f\":null}"},
    {"[\"boolean\",\"long\",\"string\",{\"type\":\"array\",\"items\":\"int\"}]", "{\"long\":5}",
     "5"},
    {"[\"boolean\",\"long\",\"string\",{\"type\":\"array\",\"items\":\"int\"}]", "{\"array\":[1]}",
     "[1]"},
    {"[\"boolean\",\"long\",\"string\"]", "{\"boolean\":false}", "false"},
    {"[\"null\",\"int\",\"long\"]", "{\"int\":5}", "{\"int\":5}"},
    {"[\"null\",\"int\",\"long\"]", "null", "null"},
    {"[\"string\",\"bytes\"]", "{\"bytes\":\"x\"}", "{\"bytes\":\"eA==\"}"},
    {"[\"string\"]", "{\"string\":\"x\"}", "\"x\""},
    {"[\"null\",\"double\",\"string\"]", "{\"string\":\"NaN\"}", "\"NaN\""},
    {"[\"null\",\"double\",\"string\"]", "{\"double\":\"NaN\"}", "{\"double\":\"NaN\"}"},
    {"[\"null\",\"double\",\"string\"]", "{\"double\":0.5}", "0.5"},
    {"[\"null\",\"double\",\"boolean\"]", "{\"double\":\"NaN\"}", "\"NaN\""},
    {"[\"null\",\"double\"]", "{\"double\":\"-Infinity\"}", "\"-Infinity\""},
    {"[\"float\",\"bytes\"]", "{\"float\":\"Infinity\"}", "{\"float\":\"Infinity\"}"},
    {"[\"float\",\"string\",{\"type\":\"map\",\"values\":\"int\"}]", "{\"float\":0.5}",
     "{\"float\":0.5}"},
    {DECIMAL(10, 2), "\"\\\"\xc2\xa4\"", "\"88.68\""},
    {DECIMAL(10, 2), "\"\xc3\xbf\"", "\"-0.01\""},
    {DECIMAL(10, 2), "\"\\u0000\"", "\"0.00\""},
    {DECIMAL(40, 2), "\"\\u0001\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\"",
     "\"184467440737095516.16\""},
    {DECIMAL(40, 2), "\"\xc3\xbf\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\"",
     "\"-184467440737095516.16\""},
    {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":3,\"logicalType\":\"decimal\",\"precision\":5,"
     "\"scale\":1}",
     "\"\xc3\xbf\xc3\xbf\xc3\xbf\"", "\"-0.1\""},
    {LOGICAL("int", "date"), "19844", "\"2024-05-01\""},
    {LOGICAL("int", "date"), "-1", "\"1969-12-31\""},
    {LOGICAL("int", "time-millis"), "34215250", "\"09:30:15.250\""},
    {LOGICAL("long", "time-micros"), "34215250001", "\"09:30:15.250001\""},
    {LOGICAL("long", "timestamp-millis"), "1714555815250", "\"2024-05-01T09:30:15.250Z\""},
    {LOGICAL("long", "timestamp-micros"), "1714555815250001", "\"2024-05-01T09:30:15.250001Z\""},
    {LOGICAL("long", "timestamp-nanos"), "-1", "\"1969-12-31T23:59:59.999999999Z\""},
    {LOGICAL("long", "local-timestamp-millis"), "0", "\"1970-01-01T00:00:00.000\""},
    {LOGICAL("string", "uuid"), "\"not checked\"", "\"not checked\""},
    {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":12,\"logicalType\":\"duration\"}",
     "\"\\u0001\\u0000\\u0000\\u0000\\u0002\\u0000\\u0000\\u0000\\u0003\\u0004\\u0000\\u0000\"",
     "\"P1M2DT1.027S\""},
    {LOGICAL("long", "no-such-type"), "7", "7"},
};

static void values_have_the_text_of_each_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        STELE_AUTO(stele_type) type = type_with(values[i].type, "");
        stele_error err;
        STELE_AUTO(char)
        avro = convert(type, values[i].avro, STELE_JSON_AVRO, STELE_JSON_AVRO, &err);
        if (avro == NULL) fail_msg("case %zu: %s", i, err.text);
        assert_string_equal(avro, values[i].avro);
        STELE_AUTO(char)
        plain = convert(type, values[i].avro, STELE_JSON_AVRO, STELE_JSON_PLAIN, &err);
        if (plain == NULL) fail_msg("case %zu: %s", i, err.text);
        assert_string_equal(plain, values[i].plain);
        STELE_AUTO(char)
        back = convert(type, values[i].plain, STELE_JSON_PLAIN, STELE_JSON_AVRO, &err);
        if (back == NULL) fail_msg("case %zu: %s", i, err.text);
        assert_string_equal(back, values[i].avro);
    }
}

/* What is read although it is not how it would be written. */
static const struct {
    const char *type;
    stele_json_form form;
    const char *text;
    const char *avro;
} lenient[] = {
    {"\"int\"", STELE_JSON_AVRO, "5.0", "5"},
    {"\"double\"", STELE_JSON_AVRO, "5", "5.0"},
    {"\"double\"", STELE_JSON_PLAIN, "1e2", "100.0"},
    {"\"string\"", STELE_JSON_AVRO, "\"\\u00e9\"", "\"\xc3\xa9\""},
    {LOGICAL("int", "date"), STELE_JSON_PLAIN, "19844", "19844"},
    {LOGICAL("long", "timestamp-millis"), STELE_JSON_PLAIN, "\"2024-05-01T11:30:15.25+02:00\"",
     "1714555815250"},
    {DECIMAL(10, 2), STELE_JSON_PLAIN, "88.68", "\"\\\"\xc2\xa4\""},
    {DECIMAL(10, 2), STELE_JSON_PLAIN, "\"88.680\"", "\"\\\"\xc2\xa4\""},
    {DECIMAL(10, 2), STELE_JSON_PLAIN, "-1", "\"\xc2\x9c\""},
    {DECIMAL(30, 2), STELE_JSON_PLAIN, "\"-0\"", "\"\\u0000\""},
};

static void some_other_texts_are_read_as_well(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lenient); i++) {
        STELE_AUTO(stele_type) type = type_with(lenient[i].type, "");
        stele_error err;
        STELE_AUTO(char)
        avro = convert(type, lenient[i].text, lenient[i].form, STELE_JSON_AVRO, &err);
        if (avro == NULL) fail_msg("case %zu: %s", i, err.text);
        assert_string_equal(avro, lenient[i].avro);
    }
}

static const struct {
    const char *type;
    stele_json_form form;
    const char *text;
    const char *error; /* a part of it */
} refused[] = {
    {"\"int\"", STELE_JSON_AVRO, "2147483648", "f: 2147483648 is out of range"},
    {"\"int\"", STELE_JSON_AVRO, "1.5", "f: expected a whole number"},
    {"\"int\"", STELE_JSON_AVRO, "\"1\"", "f: expected a whole number, found a string"},
    {"\"long\"", STELE_JSON_AVRO, "9223372036854775808",
     "f: 9223372036854775808 is out of range of a long"},
    {"\"int\"", STELE_JSON_PLAIN, "-1e400", "f: expected a whole number"},
    {"\"double\"", STELE_JSON_AVRO, "1e400", "f: 1e400 is out of range of a double"},
    {"\"float\"", STELE_JSON_AVRO, "1e39", "out of range of a float"},
    {"\"double\"", STELE_JSON_AVRO, "\"nan\"", "\"NaN\""},
    {"\"boolean\"", STELE_JSON_PLAIN, "1", "true or false"},
    {"\"null\"", STELE_JSON_PLAIN, "0", "expected null"},
    {"\"string\"", STELE_JSON_PLAIN, "null", "expected a string, found null"},
    {"\"string\"", STELE_JSON_PLAIN, "\"\xff\"", "not JSON"},
    {"\"string\"", STELE_JSON_PLAIN, "\"\\ud83d\"", "not UTF-8"},
    {"{\"type\":\"map\",\"values\":\"int\"}", STELE_JSON_PLAIN, "{\"\\ud83d\":1}", "not UTF-8"},
    {"\"bytes\"", STELE_JSON_AVRO, "\"\xe2\x82\xac\"", "past U+00FF"},
    {"\"bytes\"", STELE_JSON_PLAIN, "\"a\"", "not base64"},
    {"\"bytes\"", STELE_JSON_PLAIN, "\"====\"", "not base64"},
    {"\"bytes\"", STELE_JSON_PLAIN, "\"YW!j\"", "not base64"},
    {FIXED(3), STELE_JSON_AVRO, "\"ab\"", "2 bytes, n.F has 3"},
    {FIXED(3), STELE_JSON_PLAIN, "\"YWI=\"", "2 bytes, n.F has 3"},
    {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", STELE_JSON_PLAIN, "\"a\"",
     "f: \"a\" is not a symbol of n.E"},
    {"[\"null\",\"string\"]", STELE_JSON_AVRO, "\"x\"", "f: expected null or {\"string\": "},
    {"[\"null\",\"string\"]", STELE_JSON_AVRO, "{\"int\":1}", "f: expected null or {\"string\": "},
    {"[\"null\",\"string\"]", STELE_JSON_PLAIN, "{\"string\":\"x\"}", "f: expected a string"},
    {"[\"int\",\"string\"]", STELE_JSON_PLAIN, "true", "branch of the union"},
    {"[\"int\",\"long\"]", STELE_JSON_PLAIN, "1", "as {\"type\": "},
    {"{\"type\":\"array\",\"items\":\"int\"}", STELE_JSON_PLAIN, "[1,\"2\"]", "f[1]: expected"},
    {"{\"type\":\"array\",\"items\":\"int\"}", STELE_JSON_PLAIN, "{}", "f: expected an array"},
    {"{\"type\":\"map\",\"values\":\"int\"}", STELE_JSON_PLAIN, "{\"a\":null}", "f.a: expected"},
    {"{\"type\":\"map\",\"values\":\"int\"}", STELE_JSON_PLAIN, "{\"a\":1,\"a\":2}",
     "\"a\" is there twice"},
    {DECIMAL(4, 2), STELE_JSON_PLAIN, "\"123.45\"", "f: "},
    {DECIMAL(4, 2), STELE_JSON_PLAIN, "\"1.234\"", "f: "},
    {DECIMAL(18, 17), STELE_JSON_PLAIN, "1.2345678901234567e-1", "as a string"},
    {DECIMAL(30, 2), STELE_JSON_PLAIN, "\"1.234\"", "f: "},
    {DECIMAL(30, 2), STELE_JSON_PLAIN, "\"12345678901234567890123456789.0\"", "30 digits"},
    {DECIMAL(30, 2), STELE_JSON_PLAIN, "\"1e5\"", "not a number"},
    {DECIMAL(30, 2), STELE_JSON_PLAIN, "\".5\"", "not a number"},
    {DECIMAL(10, 2), STELE_JSON_AVRO, "\"\"", "decimal"},
    {LOGICAL("int", "date"), STELE_JSON_PLAIN, "\"2024-02-30\"", "f: "},
    {LOGICAL("long", "timestamp-millis"), STELE_JSON_PLAIN, "\"2024-05-01T09:30:15\"", "f: "},
    {"\"int\"", STELE_JSON_PLAIN, "1,\"g\":2", "n.R has no field \"g\""},
};

static void what_is_not_of_the_type_is_refused_with_its_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        STELE_AUTO(stele_type) type = type_with(refused[i].type, "");
        stele_error err = {0};
        STELE_AUTO(char)
        text = convert(type, refused[i].text, refused[i].form, STELE_JSON_AVRO, &err);
        if (text != NULL) fail_msg("case %zu was read as %s", i, text);
        assert_int_equal(err.status, STELE_E_INVALID);
        assert_int_equal(err.next, STELE_NEXT_REJECT);
        if (strstr(err.text, refused[i].error) == NULL) fail_msg("case %zu: %s", i, err.text);
    }
}

static const struct {
    const char *type;
    const char *standard;
    const char *plain;
} defaults[] = {
    {"\"int\"", "7", "7"},
    {"\"bytes\"", "\"\\u00ff\"", "\"/w==\""},
    {"[\"null\",\"int\"]", "null", "null"},
    {"[\"int\",\"null\"]", "3", "3"},
    {"[\"null\",\"int\"]", "3", "3"}, /* allowed since 1.12 */
    {"[\"string\",\"int\",\"null\"]", "\"x\"", "\"x\""},
    {"[\"null\",\"int\",\"string\"]", "null", "null"},
    {"{\"type\":\"array\",\"items\":\"int\"}", "[1]", "[1]"},
    {"{\"type\":\"map\",\"values\":\"int\"}", "{\"a\":1}", "{\"a\":1}"},
    {"{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"a\",\"type\":\"int\",\"default\":"
     "1},{\"name\":\"b\",\"type\":\"int\"}]}",
     "{\"b\":2}", "{\"a\":1,\"b\":2}"},
    {LOGICAL("int", "date"), "0", "\"1970-01-01\""},
    {DECIMAL(4, 2), "\"\\u0001\"", "\"0.01\""},
};

static void a_field_that_is_missing_takes_its_default_in_the_plain_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(defaults); i++) {
        STELE_AUTO(char) rest = stele_strdup_format(",\"default\":%s", defaults[i].standard);
        STELE_AUTO(stele_type) type = type_with(defaults[i].type, rest);
        STELE_AUTO(stele_arena) arena = stele_arena_new();
        STELE_AUTO(uint8_t) value = stele_alloc(type->layout->size);
        STELE_AUTO_VALUE(stele_buffer) out = {0};
        stele_error err;

        stele_status status =
            stele_json_read(type, stele_text("{}"), STELE_JSON_PLAIN, NULL, value, arena, &err);
        if (status < 0) fail_msg("case %zu: %s", i, err.text);
        assert_int_equal(stele_json_write(type, value, STELE_JSON_PLAIN, &out, NULL), STELE_OK);
        STELE_AUTO(char) wanted = stele_strdup_format("{\"f\":%s}", defaults[i].plain);
        assert_string_equal(stele_buffer_text(&out), wanted);

        assert_int_equal(
            stele_json_read(type, stele_text("{}"), STELE_JSON_AVRO, NULL, value, arena, NULL),
            STELE_E_INVALID);
    }
}

static void a_field_without_default_must_be_there(void **state)
{
    (void)state;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    shared_cart cart;
    stele_error err;

    stele_status status = shared_cart_from_json(
        stele_text("{\"owner\":\"o\",\"items\":[],\"by_sku\":{},\"notes\":[]}"), &cart, arena,
        &err);

    assert_int_equal(status, STELE_E_INVALID);
    assert_string_equal(err.text, "state: missing, and the field has no default");
}

static void random_values_come_back_from_both_forms(void **state)
{
    (void)state;
    static const stele_type *const types[] = {&kinds_everything_type, &kinds_node_type,
                                              &kinds_chicken_type, &shared_cart_type};
    random_source source = {4};
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    for (int i = 0; i < 2000; i++) {
        const stele_type *type = types[i % 4];
        stele_json_form form = i % 3 == 0 ? STELE_JSON_PLAIN : STELE_JSON_AVRO;
        STELE_AUTO(uint8_t) value = stele_alloc(type->layout->size);
        STELE_AUTO(uint8_t) back = stele_alloc(type->layout->size);
        STELE_AUTO_VALUE(stele_buffer) text = {0};
        stele_error err;
        stele_arena_reset(arena);
        random_value(&source, type, value, arena);

        if (stele_json_write(type, value, form, &text, &err) < 0) fail_msg("%s", err.text);
        if (stele_json_read(type, stele_buffer_view(&text), form, NULL, back, arena, &err) < 0) {
            fail_msg("%s in %s", err.text, stele_buffer_text(&text));
        }

        if (!stele_value_equal(type, value, back)) fail_msg("%s", stele_buffer_text(&text));
    }
}

static void limits_hold(void **state)
{
    (void)state;
    STELE_AUTO(stele_type) list = type_with("{\"type\":\"array\",\"items\":\"long\"}", "");
    STELE_AUTO(stele_type) node = type_with("[\"null\",\"n.R\"]", "");
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    uint8_t value[64];
    stele_error err;
    STELE_AUTO_VALUE(stele_buffer) deep = {0};
    for (int i = 0; i < 100; i++)
        stele_buffer_format(&deep, "{\"f\":");
    stele_buffer_format(&deep, "null");
    for (int i = 0; i < 100; i++)
        stele_buffer_format(&deep, "}");

    assert_int_equal(
        stele_json_read(node, stele_buffer_view(&deep), STELE_JSON_PLAIN, NULL, value, arena, &err),
        STELE_E_LIMIT);
    assert_int_equal(stele_json_read(list, stele_text("{\"f\":[1,2,3]}"), STELE_JSON_PLAIN,
                                     &(stele_codec_limits){.items_max = 2}, value, arena, &err),
                     STELE_E_LIMIT);
    assert_int_equal(stele_json_read(list, stele_text("{\"f\":[1,2,3]}"), STELE_JSON_PLAIN,
                                     &(stele_codec_limits){.memory_max = 16}, value, arena, &err),
                     STELE_E_LIMIT);
    assert_int_equal(err.next, STELE_NEXT_REJECT);
}

static void text_that_is_not_json_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",    "{", "{\"f\":1}x", "{'f':1}",
                                        "[1]", "1", "null",       "{\"f\":1,}"};
    STELE_AUTO(stele_type) type = type_with("\"int\"", "");
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    int32_t value;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(stele_json_read(type, stele_text(texts[i]), STELE_JSON_PLAIN, NULL, &value,
                                         arena, NULL),
                         STELE_E_INVALID);
    }
}

static void a_value_that_does_not_fit_is_not_written(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    kinds_part bad_text = {.name = stele_text("\xc0\x80")};
    shared_cart bad_symbol = {.state = (shared_state)5};
    kinds_everything bad_decimal = {.price = INT64_C(10000000000)};

    assert_int_equal(kinds_part_to_json(&bad_text, &out, NULL), STELE_E_INVALID);
    assert_int_equal(shared_cart_to_json(&bad_symbol, &out, NULL), STELE_E_INVALID);
    assert_int_equal(
        stele_json_write(&kinds_everything_type, &bad_decimal, STELE_JSON_AVRO, &out, NULL),
        STELE_E_INVALID);

    assert_int_equal(out.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_the_text_of_each_form),
        cmocka_unit_test(some_other_texts_are_read_as_well),
        cmocka_unit_test(what_is_not_of_the_type_is_refused_with_its_path),
        cmocka_unit_test(a_field_that_is_missing_takes_its_default_in_the_plain_form),
        cmocka_unit_test(a_field_without_default_must_be_there),
        cmocka_unit_test(random_values_come_back_from_both_forms),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(text_that_is_not_json_is_refused),
        cmocka_unit_test(a_value_that_does_not_fit_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
