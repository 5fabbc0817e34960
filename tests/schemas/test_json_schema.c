/* SPDX-License-Identifier: MIT
 * JSON Schemas of Avro types. That what json_write.c writes fits them is for tests/server/openapi.
 */
#include "schemas/json_schema.h"

#include "core/alloc.h"
#include "schemas/scopes.h"
#include "tests/support/test.h"

static stele_schema *parse(const char *text)
{
    stele_schema *schema;
    stele_error err = {0};
    if (stele_schema_parse(stele_text(text), NULL, &schema, &err) < 0) fail_msg("%s", err.text);
    return schema;
}

static void expect_schemas(const char *const *texts, const char *expected)
{
    STELE_AUTO(stele_json_schemas) schemas = stele_json_schemas_new("#/s/");
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    for (; *texts != NULL; texts++) {
        STELE_AUTO(stele_schema) schema = parse(*texts);
        assert_non_null(stele_json_schemas_add(schemas, schema));
    }
    stele_json_schemas_write(schemas, &out);
    assert_string_equal(stele_buffer_text(&out), expected);
}

#define FIELD(type) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":" type
#define R(property) "{\"R\":{\"type\":\"object\",\"properties\":{\"a\":" property "},\"required\":"

static void each_kind_is_what_it_is_in_json(void **state)
{
    (void)state;
    static const struct {
        const char *type, *property;
    } cases[] = {
        {"\"null\"", "{\"type\":\"null\"}"},
        {"\"boolean\"", "{\"type\":\"boolean\"}"},
        {"\"int\"", "{\"type\":\"integer\",\"format\":\"int32\"}"},
        {"\"long\"", "{\"type\":\"integer\",\"format\":\"int64\"}"},
        {"\"float\"", "{\"anyOf\":[{\"type\":\"number\",\"format\":\"float\"},"
                      "{\"enum\":[\"NaN\",\"Infinity\",\"-Infinity\"]}]}"},
        {"\"bytes\"", "{\"type\":\"string\",\"contentEncoding\":\"base64\"}"},
        {"\"string\"", "{\"type\":\"string\"}"},
        {"{\"type\":\"string\",\"logicalType\":\"uuid\"}",
         "{\"type\":\"string\",\"format\":\"uuid\"}"},
        {"{\"type\":\"int\",\"logicalType\":\"date\"}",
         "{\"type\":\"string\",\"format\":\"date\"}"},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}",
         "{\"type\":\"string\",\"format\":\"date-time\"}"},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}",
         "{\"type\":\"string\",\"pattern\":\"^[+-]?[0-9]+(\\\\.[0-9]+)?$\"}"},
        {"{\"type\":\"array\",\"items\":\"string\"}",
         "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"},
        {"{\"type\":\"map\",\"values\":\"boolean\"}",
         "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"boolean\"}}"},
        {"[\"null\",\"string\"]", "{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}"},
        {"[\"int\",\"string\"]",
         "{\"anyOf\":[{\"type\":\"integer\",\"format\":\"int32\"},{\"type\":\"string\"}]}"},
        /* Two that look the same are behind their names. */
        {"[\"null\",\"bytes\",\"string\"]",
         "{\"anyOf\":[{\"type\":\"null\"},"
         "{\"type\":\"object\",\"properties\":{\"bytes\":{\"type\":\"string\",\"contentEncoding\":"
         "\"base64\"}},\"required\":[\"bytes\"],\"additionalProperties\":false},"
         "{\"type\":\"object\",\"properties\":{\"string\":{\"type\":\"string\"}},\"required\":"
         "[\"string\"],\"additionalProperties\":false}]}"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO(char) schema = stele_strdup_format(FIELD("%s") "}]}", cases[i].type);
        STELE_AUTO(char)
        expected = stele_strdup_format(R("%s") "[\"a\"],\"additionalProperties\":false}}",
                                       cases[i].property);
        expect_schemas((const char *[]){schema, NULL}, expected);
    }
}

static void a_field_has_its_description_and_its_default(void **state)
{
    (void)state;
    expect_schemas(
        (const char *[]){FIELD("[\"null\",\"long\"],\"default\":null,\"doc\":\"Say "
                               "\\\"a\\\".\"}],\"doc\":\"All.\"}"),
                         NULL},
        R("{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"integer\",\"format\":\"int64\"}],"
          "\"description\":\"Say \\\"a\\\".\",\"default\":null}") "[],\"additionalProperties\":"
                                                                  "false,\"description\":\"All.\"}"
                                                                  "}");
}

static void named_types_refer_to_one_another(void **state)
{
    (void)state;
    expect_schemas((const char *[]){FIELD("[\"null\",\"R\"]}]}"), NULL},
                   R("{\"anyOf\":[{\"type\":\"null\"},{\"$ref\":\"#/s/R\"}]}") "[\"a\"],"
                                                                               "\"additionalPropert"
                                                                               "ies\":false}}");
    expect_schemas((const char *[]){"{\"type\":\"enum\",\"name\":\"x.E\",\"symbols\":[\"A\"]}",
                                    "{\"type\":\"fixed\",\"name\":\"x.F\",\"size\":4}", NULL},
                   "{\"x.E\":{\"type\":\"string\",\"enum\":[\"A\"]},\"x.F\":{\"type\":\"string\","
                   "\"contentEncoding\":\"base64\",\"minLength\":8,\"maxLength\":8}}");
}

static void types_of_one_name_that_differ_have_names_of_their_own(void **state)
{
    (void)state;
    STELE_AUTO(stele_json_schemas) schemas = stele_json_schemas_new("#/s/");
    STELE_AUTO(stele_schema) first = parse(FIELD("\"int\"}]}"));
    STELE_AUTO(stele_schema) same = parse(FIELD("\"int\"}]}"));
    STELE_AUTO(stele_schema) other = parse(FIELD("\"long\"}]}"));

    assert_string_equal(stele_json_schemas_add(schemas, first), "R");
    assert_string_equal(stele_json_schemas_add(schemas, same), "R");
    assert_string_equal(stele_json_schemas_add(schemas, other), "R-2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_what_it_is_in_json),
        cmocka_unit_test(a_field_has_its_description_and_its_default),
        cmocka_unit_test(named_types_refer_to_one_another),
        cmocka_unit_test(types_of_one_name_that_differ_have_names_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
