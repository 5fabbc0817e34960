/* SPDX-License-Identifier: MIT
 * Schema resolution: each rule of the specification as a row, with the datum in hex. */
#include <stele/codec.h>

#include "tests/schemas/avro_support.h"

#define RECORD(name, fields) "{'type':'record','name':'" name "','fields':[" fields "]}"
#define FIELD(name, type)    "{'name':'" name "','type':" type "}"
#define ENUM(name, symbols)  "{'type':'enum','name':'" name "','symbols':[" symbols "]}"
#define FIXED(name, size)    "{'type':'fixed','name':'" name "','size':" size "}"
#define ARRAY(items)         "{'type':'array','items':" items "}"
#define MAP(values)          "{'type':'map','values':" values "}"
#define DECIMAL(digits)      "{'type':'bytes','logicalType':'decimal','precision':" digits "}"

static const conversion promotions[] = {
    {"int to long", "'int'", "'long'", "54", "54"},
    {"int to float", "'int'", "'float'", "54", "00002842"},
    {"int to double", "'int'", "'double'", "54", "0000000000004540"},
    {"long to float", "'long'", "'float'", "01", "000080bf"},
    {"long to double", "'long'", "'double'", "01", "000000000000f0bf"},
    {"float to double", "'float'", "'double'", "0000803f", "000000000000f03f"},
    {"string to bytes", "'string'", "'bytes'", "04 6869", "046869"},
    {"bytes to string", "'bytes'", "'string'", "04 6869", "046869"},
    {"bytes to string, which must be UTF-8", "'bytes'", "'string'", "02 ff",
     "error: string that is not UTF-8: \"\\xff\""},
    {"bytes that are a string become a decimal", "'string'", DECIMAL("4"), "02 61", "0261"},
    {"inside an array", ARRAY("'int'"), ARRAY("'double'"), "02 02 00", "02000000000000f03f00"},
    {"inside a map", MAP("'int'"), MAP("'long'"), "02 0261 02 00", "0202610200"},
    {"inside a union", "['null','int']", "['null','long']", "02 02", "0202"},
    {"not long to int", "'long'", "'int'", "02",
     "error: the writer has long, which int cannot be read from"},
    {"not double to float", "'double'", "'float'", "0000000000000000",
     "error: the writer has double, which float cannot be read from"},
    {"not int to string", "'int'", "'string'", "02",
     "error: the writer has int, which string cannot be read from"},
    {"not boolean to int", "'boolean'", "'int'", "01",
     "error: the writer has boolean, which int cannot be read from"},
    {"not fixed to bytes", FIXED("F", "1"), "'bytes'", "01",
     "error: the writer has fixed F of 1 bytes, which bytes cannot be read from"},
};

static void promotions_are_those_of_the_specification(void **state)
{
    (void)state;
    check_conversions(promotions, COUNT_OF(promotions));
}

static const conversion records[] = {
    {"fields are matched by name, in any order",
     RECORD("R", FIELD("a", "'int'") "," FIELD("b", "'string'")),
     RECORD("R", FIELD("b", "'string'") "," FIELD("a", "'int'")), "02 0278", "027802"},
    {"a field that the reader lacks is skipped",
     RECORD("R", FIELD("x", ARRAY("['null','string',{'type':'map','values':'double'}]")) "," FIELD(
                     "a", "'int'")),
     RECORD("R", FIELD("a", "'int'")), "06 00 02 0278 04 02 0261 0000000000000000 00 00 04", "04"},
    {"a field that the writer lacks takes its default", RECORD("R", FIELD("a", "'int'")),
     RECORD("R", FIELD("a", "'int'") ",{'name':'b','type':'string','default':'x'}"), "02",
     "020278"},
    {"without a default it is an error", RECORD("R", FIELD("a", "'int'")),
     RECORD("R", FIELD("a", "'int'") "," FIELD("b", "'int'")), "02",
     "error: the writer's record R has no field b, and record R has no default for it"},
    {"null|T without a default is an error too", RECORD("R", ""),
     RECORD("R", FIELD("b", "['null','int']")), "",
     "error: the writer's record R has no field b, and record R has no default for it"},
    {"an error within an array comes with its datum", ARRAY(RECORD("R", "")),
     ARRAY(RECORD("R", FIELD("b", "'int'"))), "00", "00"},
    {"an error within an array, with a datum", ARRAY(RECORD("R", "")),
     ARRAY(RECORD("R", FIELD("b", "'int'"))), "02 00",
     "error: [0]: the writer's record R has no field b, and record R has no default for it"},
    {"a reader's alias of a field", RECORD("R", FIELD("old", "'int'")),
     RECORD("R", "{'name':'new','type':'long','aliases':['older','old']}"), "02", "02"},
    {"an alias is better than a default", RECORD("R", FIELD("old", "'int'")),
     RECORD("R", "{'name':'new','type':'int','aliases':['old'],'default':7}"), "02", "02"},
    {"two fields for one", RECORD("R", FIELD("old", "'int'") "," FIELD("new", "'int'")),
     RECORD("R", "{'name':'new','type':'int','aliases':['old']}"), "02 02",
     "error: the writer has two fields that new of R could be read from; take one of its "
     "aliases out"},
    {"records match whatever their names are, as in Avro Java", RECORD("A", FIELD("a", "'int'")),
     RECORD("B", FIELD("a", "'int'")), "02", "02"},
    {"names match without their namespaces", RECORD("x.R", FIELD("a", "'int'")),
     RECORD("y.R", FIELD("a", "'int'")), "02", "02"},
    {"field aliases need the full name, as in Avro Java", RECORD("x.R", FIELD("a", "'int'")),
     RECORD("y.R", "{'name':'b','type':'int','aliases':['a']}"), "02",
     "error: the writer's record x.R has no field b, and record y.R has no default for it"},
    {"field aliases go with the alias of their record", RECORD("x.R", FIELD("a", "'int'")),
     "{'type':'record','name':'y.S','aliases':['x.R'],'fields':[{'name':'b','type':'int','aliases':"
     "['a']}]}",
     "02", "02"},
    {"no fields", RECORD("R", ""), RECORD("R", ""), "", ""},
    {"recursion by an array, with a field less and one more",
     RECORD("R", FIELD("x", "'string'") "," FIELD("v", "'int'") "," FIELD("kids", ARRAY("'R'"))),
     RECORD("R", FIELD("kids", ARRAY("'R'")) "," FIELD(
                     "v", "'long'") ",{'name':'y','type':'int','default':1}"),
     "0278 02 02 0279 04 00 00", "02000402000202"},
    {"recursion by a union", RECORD("R", FIELD("v", "'int'") "," FIELD("next", "['null','R']")),
     RECORD("R", FIELD("next", "['R','null']") "," FIELD("v", "'long'")), "02 02 04 02 06 00",
     "000002060402"},
    {"recursion that is skipped",
     RECORD("R", FIELD("v", "'int'") "," FIELD("l", RECORD("L", FIELD("next", "['null','L']")))),
     RECORD("R", FIELD("v", "'int'")), "02 02 02 00", "02"},
};

static void records_are_matched_field_by_field(void **state)
{
    (void)state;
    check_conversions(records, COUNT_OF(records));
}

static const conversion enums[] = {
    {"symbols go by name, not by position", ENUM("E", "'A','B','C'"), ENUM("E", "'C','A','B'"),
     "00", "02"},
    {"a symbol in front", ENUM("E", "'B','C'"), ENUM("E", "'A','B','C'"), "02", "04"},
    {"one that the reader lacks", ENUM("E", "'A','B'"), ENUM("E", "'A'"), "02",
     "error: symbol 1 of the writer is none of the reader's, whose enum has no default"},
    {"others are read all the same", ENUM("E", "'A','B'"), ENUM("E", "'A'"), "00", "00"},
    {"the reader's default", ENUM("E", "'A','B'"),
     "{'type':'enum','name':'E','symbols':['X','A'],'default':'X'}", "02", "00"},
    {"the writer's default does not count",
     "{'type':'enum','name':'E','symbols':['A','B'],'default':'A'}", ENUM("E", "'A'"), "02",
     "error: symbol 1 of the writer is none of the reader's, whose enum has no default"},
    {"names without namespaces", ENUM("x.E", "'A'"), ENUM("y.E", "'A'"), "00", "00"},
    {"another name", ENUM("E", "'A'"), ENUM("F", "'A'"), "00",
     "error: the writer has enum E, which enum F cannot be read from"},
    {"an alias", ENUM("E", "'A'"), "{'type':'enum','name':'F','aliases':['E'],'symbols':['A']}",
     "00", "00"},
    {"fixed: name and size", FIXED("x.F", "2"), FIXED("y.F", "2"), "0102", "0102"},
    {"fixed: another size", FIXED("F", "2"), FIXED("F", "3"), "0102",
     "error: the writer has fixed F of 2 bytes, which fixed F of 3 bytes cannot be read from"},
    {"fixed: another name", FIXED("F", "2"), FIXED("G", "2"), "0102",
     "error: the writer has fixed F of 2 bytes, which fixed G of 2 bytes cannot be read from"},
    {"fixed: an alias", FIXED("F", "2"), "{'type':'fixed','name':'G','aliases':['F'],'size':2}",
     "0102", "0102"},
};

static void enums_and_fixeds_go_by_name(void **state)
{
    (void)state;
    check_conversions(enums, COUNT_OF(enums));
}

static const conversion unions[] = {
    {"the writer's by the branch that was written", "['int','string']", "'long'", "00 02", "02"},
    {"a branch that does not fit", "['int','string']", "'long'", "02 0278",
     "error: the writer has string, which long cannot be read from"},
    {"no branch fits", "['null','string']", "'long'", "00",
     "error: the writer has string, which long cannot be read from"},
    {"the reader's, an exact match first", "'int'", "['long','int']", "02", "0202"},
    {"else the first by promotion", "'int'", "['string','double','long']", "02",
     "02000000000000f03f"},
    {"none", "'int'", "['null','string']", "02",
     "error: the writer has int, which is none of the 2 branches of the reader's union"},
    {"branches in another order", "['null','string']", "['string','null']", "02 0278", "000278"},
    {"null in another order", "['null','string']", "['string','null']", "00", "02"},
    {"T onto null|T", "'string'", "['null','string']", "0278", "020278"},
    {"null|T onto T", "['null','string']", "'string'", "02 0278", "0278"},
    {"null|T onto T, with null", "['null','string']", "'string'", "00",
     "error: the writer has null, which string cannot be read from"},
    {"a union inside an array", ARRAY("['null','int']"), ARRAY("['long','null']"), "04 00 02 02 00",
     "0402000200"},
    {"a record by its full name",
     "['null'," RECORD("A", FIELD("x", "'int'")) "," RECORD("B", FIELD("x", "'int'")) "]",
     "['null'," RECORD("B", FIELD("x", "'long'")) "," RECORD("A", FIELD("x", "'long'")) "]",
     "02 02", "0402"},
    {"a record by its fields, as in Avro Java", RECORD("A", FIELD("x", "'int'")),
     "['null'," RECORD("B", FIELD("y", "'int'")) "," RECORD("C", FIELD("x", "'int'")) "]", "02",
     "0402"},
    {"a record by its fields, the same short name first", RECORD("A", FIELD("x", "'int'")),
     "['null'," RECORD("C", FIELD("x", "'int'")) "," RECORD("n.A", FIELD("x", "'int'")) "]", "02",
     "0402"},
    {"a union of one branch", "['int']", "'int'", "00 02", "02"},
    {"onto a union of one branch", "'int'", "['int']", "02", "0002"},
    {"unions that are alike go by index", "['int','long']", "['int','long']", "00 02", "0002"},
    {"unions that are not go by the first match", "['int','long']", "['long','int','null']",
     "00 02", "0202"},
    {"an enum within a union goes by its name", "['null'," ENUM("E", "'A','B'") "]",
     "['null'," ENUM("E", "'B','A'") "]", "02 00", "0202"},
};

static void unions_go_by_the_branch(void **state)
{
    (void)state;
    check_conversions(unions, COUNT_OF(unions));
}

#define WITH_DEFAULT(type, value) "{'name':'f','type':" type ",'default':" value "}"
#define EMPTY                     RECORD("R", "")

static const conversion defaults[] = {
    {"null", EMPTY, RECORD("R", WITH_DEFAULT("'null'", "null")), "", ""},
    {"boolean", EMPTY, RECORD("R", WITH_DEFAULT("'boolean'", "true")), "", "01"},
    {"int", EMPTY, RECORD("R", WITH_DEFAULT("'int'", "-64")), "", "7f"},
    {"long", EMPTY, RECORD("R", WITH_DEFAULT("'long'", "9223372036854775807")), "",
     "feffffffffffffffff01"},
    {"float", EMPTY, RECORD("R", WITH_DEFAULT("'float'", "1")), "", "0000803f"},
    {"double, NaN", EMPTY, RECORD("R", WITH_DEFAULT("'double'", "'NaN'")), "", "000000000000f87f"},
    {"bytes are code points", EMPTY, RECORD("R", WITH_DEFAULT("'bytes'", "'\\u0000\\u00ffA'")), "",
     "0600ff41"},
    {"string", EMPTY, RECORD("R", WITH_DEFAULT("'string'", "'\\u00ff'")), "", "04c3bf"},
    {"fixed", EMPTY, RECORD("R", WITH_DEFAULT(FIXED("F", "2"), "'\\u0001\\u00fe'")), "", "01fe"},
    {"enum", EMPTY, RECORD("R", WITH_DEFAULT(ENUM("E", "'A','B'"), "'B'")), "", "02"},
    {"array", EMPTY, RECORD("R", WITH_DEFAULT(ARRAY("'int'"), "[1,2]")), "", "04020400"},
    {"map", EMPTY, RECORD("R", WITH_DEFAULT(MAP("'int'"), "{'b':1,'a':2}")), "",
     "0402610402620200"},
    {"record, with a default of its own", EMPTY,
     RECORD("R",
            WITH_DEFAULT(RECORD("S", FIELD("a", "'int'") ",{'name':'b','type':'int','default':3}"),
                         "{'a':1}")),
     "", "0206"},
    {"union, first branch", EMPTY, RECORD("R", WITH_DEFAULT("['null','int']", "null")), "", "00"},
    {"union, another branch (1.12)", EMPTY, RECORD("R", WITH_DEFAULT("['null','int']", "1")), "",
     "0202"},
    {"union of three", EMPTY, RECORD("R", WITH_DEFAULT("['string','null','int']", "'x'")), "",
     "000278"},
    {"decimal", EMPTY, RECORD("R", WITH_DEFAULT(DECIMAL("4"), "'\\u0001\\u0000'")), "", "040100"},
    {"a record that recurs", RECORD("R", FIELD("v", "'int'")),
     RECORD("R", FIELD("v", "'int'") "," WITH_DEFAULT("['null','R']", "null")), "02", "0200"},
    {"an array of records that recur", EMPTY,
     RECORD("R", "{'name':'v','type':'int','default':1}," WITH_DEFAULT(ARRAY("'R'"),
                                                                       "[{'v':2,'f':[]}]")),
     "", "0202040000"},
};

static void defaults_of_every_type_are_filled_in(void **state)
{
    (void)state;
    check_conversions(defaults, COUNT_OF(defaults));
}

static const conversion decimals[] = {
    {"the same", DECIMAL("4"), DECIMAL("4"), "02 01", "0201"},
    {"another precision", DECIMAL("4"), DECIMAL("5"), "02 01",
     "error: the writer has bytes decimal(4, 0), which bytes decimal(5, 0) cannot be read from"},
    {"from bytes without a logical type", "'bytes'", DECIMAL("4"), "04 0001", "0201"},
    {"to bytes without a logical type", DECIMAL("4"), "'bytes'", "04 0001", "040001"},
    {"an unknown logical type does not count", "{'type':'int','logicalType':'x'}", "'int'", "02",
     "02"},
    {"logical types do not have to match", "{'type':'int','logicalType':'date'}",
     "{'type':'int','logicalType':'time-millis'}", "02", "02"},
    {"a date is promoted as its int", "{'type':'int','logicalType':'date'}", "'long'", "02", "02"},
};

static void decimals_match_by_scale_and_precision(void **state)
{
    (void)state;
    check_conversions(decimals, COUNT_OF(decimals));
}

/* Sharing: 2 records within each, 60 deep, is a value of 2^60 parts that never comes to be. */
static void schemas_that_would_take_for_ever_are_refused(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_buffer_format(&text,
                        "{'type':'record','name':'Top','fields':[{'name':'r0','type':"
                        "{'type':'record','name':'R0','fields':[{'name':'x','type':'long'}]}}");
    for (int i = 1; i < 60; i++) {
        stele_buffer_format(&text,
                            ",{'name':'r%d','type':['null',{'type':'record','name':'R%d','fields':["
                            "{'name':'a','type':'R%d'},{'name':'b','type':'R%d'}]}]}",
                            i, i, i - 1, i - 1);
    }
    stele_buffer_format(&text, "]}");
    STELE_AUTO(stele_schema) schema = schema_of(stele_buffer_text(&text));
    STELE_AUTO(stele_type) type = NULL;
    stele_error err = {0};

    assert_int_equal(stele_type_new(schema, &type, &err), STELE_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promotions_are_those_of_the_specification),
        cmocka_unit_test(records_are_matched_field_by_field),
        cmocka_unit_test(enums_and_fixeds_go_by_name),
        cmocka_unit_test(unions_go_by_the_branch),
        cmocka_unit_test(defaults_of_every_type_are_filled_in),
        cmocka_unit_test(decimals_match_by_scale_and_precision),
        cmocka_unit_test(schemas_that_would_take_for_ever_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
