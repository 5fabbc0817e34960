/* SPDX-License-Identifier: MIT
 * The examples of the Avro specification 1.11, by its headings. */
#include "schemas/model.h"

#include <inttypes.h>

#include "tests/schemas/avro_support.h"

#define SAME(type) type, type

/* "Schema Record", "Enums", "Arrays", "Maps", "Fixed", "Names", "Aliases", "Logical Types": each is
 * a schema. */
static const char *const schemas[] = {
    "{'type':'record','name':'LongList','aliases':['LinkedLongs'],'fields':[{'name':'value','type':"
    "'long'},{'name':'next','type':['null','LongList']}]}",
    "{'type':'enum','name':'Suit','symbols':['SPADES','HEARTS','DIAMONDS','CLUBS']}",
    "{'type':'array','items':'string','default':[]}",
    "{'type':'map','values':'long','default':{}}",
    "{'type':'fixed','size':16,'name':'md5'}",
    "{'type':'record','name':'Example','doc':'A simple name (attribute) and no namespace "
    "attribute: use "
    "the null "
    "namespace','fields':[{'name':'inheritNull','type':{'type':'enum','name':'Simple','doc':"
    "'A simple name and no namespace attribute: inherit the null namespace','symbols':['a','b']}},"
    "{'name':'explicitNamespace','type':{'type':'fixed','name':'Simple','namespace':'explicit','"
    "size':"
    "12}},{'name':'fullName','type':{'type':'record','name':'a.full.Name','namespace':'ignored',"
    "'fields':[{'name':'inheritNamespace','type':{'type':'enum','name':'Understanding','doc':'"
    "inherit "
    "a.full','symbols':['d','e']}}]}}]}",
    "{'type':'bytes','logicalType':'decimal','precision':4,'scale':2}",
    "{'type':'string','logicalType':'uuid'}",
    "{'type':'fixed','size':12,'name':'F','logicalType':'duration'}",
    "{'type':'record','name':'test','fields':[{'name':'a','type':'long'},{'name':'b','type':'"
    "string'}]}",
};

static void its_schemas_are_schemas(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(schemas); i++) {
        STELE_AUTO(stele_schema) schema = schema_of(schemas[i]);
        assert_non_null(schema);
    }
}

static void names_are_as_in_its_example(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema) schema = schema_of(schemas[5]);

    const stele_node *example = stele_schema_root(schema);

    assert_string_equal(example->name, "Example");
    assert_string_equal(example->fields[0].type->name, "Simple");
    assert_string_equal(example->fields[1].type->name, "explicit.Simple");
    assert_string_equal(example->fields[2].type->name, "a.full.Name");
    assert_string_equal(example->fields[2].type->fields[0].type->name, "a.full.Understanding");
}

static const conversion encodings[] = {
    {"Binary Encoding, Strings: \"foo\"", SAME("'string'"), "06 66 6f 6f", "06666f6f"},
    {"int: 0", SAME("'int'"), "00", "00"},
    {"int: -1", SAME("'int'"), "01", "01"},
    {"int: 1", SAME("'int'"), "02", "02"},
    {"int: -2", SAME("'int'"), "03", "03"},
    {"int: 2", SAME("'int'"), "04", "04"},
    {"int: -64", SAME("'int'"), "7f", "7f"},
    {"int: 64", SAME("'int'"), "80 01", "8001"},
    {"Records: a is 27, b is \"foo\"",
     SAME("{'type':'record','name':'test','fields':[{'name':'a','type':'long'},{'name':'b','type':'"
          "string'}]}"),
     "36 06 66 6f 6f", "3606666f6f"},
    {"Enums: D of Foo", SAME("{'type':'enum','name':'Foo','symbols':['A','B','C','D']}"), "06",
     "06"},
    {"Arrays: 3 and 27", SAME("{'type':'array','items':'long'}"), "04 06 36 00", "04063600"},
    {"Unions: null", SAME("['null','string']"), "00", "00"},
    {"Unions: \"a\"", SAME("['null','string']"), "02 02 61", "020261"},
};

static void its_data_are_read_and_written(void **state)
{
    (void)state;
    check_conversions(encodings, COUNT_OF(encodings));
}

/* "Aliases": a reader's field x with the alias y reads the writer's y. */
static const conversion aliases[] = {
    {"a record named Foo with an alias Bar",
     "{'type':'record','name':'Foo','fields':[{'name':'x','type':'int'}]}",
     "{'type':'record','name':'Bar','aliases':['Foo'],'fields':[{'name':'y','aliases':['x'],'type':"
     "'int'}]}",
     "02", "02"},
    /* As Avro Java reads it; the check has a finding for it. */
    {"a field's alias, but the record has another namespace",
     "{'type':'record','name':'a.Foo','fields':[{'name':'x','type':'int'}]}",
     "{'type':'record','name':'b.Foo','fields':[{'name':'y','aliases':['x'],'type':'int','default':"
     "7}]}",
     "02", "0e"},
    {"a field's alias, and one of the record",
     "{'type':'record','name':'a.Foo','fields':[{'name':'x','type':'int'}]}",
     "{'type':'record','name':'b.Foo','aliases':['a.Foo'],'fields':[{'name':'y','aliases':['x'],"
     "'type':'int','default':7}]}",
     "02", "02"},
};

static void aliases_rewrite_the_writers_schema(void **state)
{
    (void)state;
    check_conversions(aliases, COUNT_OF(aliases));

    /* "If a type named a.b has aliases of c and x.y, the fully qualified names are a.c and x.y." */
    STELE_AUTO(stele_schema)
    schema = schema_of("{'type':'fixed','name':'a.b','aliases':['c','x.y'],'size':1}");
    assert_string_equal(stele_schema_root(schema)->aliases[0], "a.c");
    assert_string_equal(stele_schema_root(schema)->aliases[1], "x.y");
}

/* "Schema Fingerprints", of the first example above; the number is what Avro Java 1.11.4 gives. */
static void the_fingerprint_of_its_example(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema) schema = schema_of(schemas[0]);

    STELE_AUTO(char) crc = stele_strdup_format("%" PRId64, (int64_t)stele_schema_crc64(schema));

    assert_string_equal(crc, "8943312752287993490");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_schemas_are_schemas),
        cmocka_unit_test(names_are_as_in_its_example),
        cmocka_unit_test(its_data_are_read_and_written),
        cmocka_unit_test(aliases_rewrite_the_writers_schema),
        cmocka_unit_test(the_fingerprint_of_its_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
