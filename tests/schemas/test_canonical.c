/* SPDX-License-Identifier: MIT */
#include "schemas/model.h"

#include <inttypes.h>

#include "tests/schemas/avro_support.h"

/* Each rule of the specification, "Transforming into Parsing Canonical Form", and what Avro Java
 * 1.11.4 makes of the same schema. */
static const struct {
    const char *rule;
    const char *schema;
    const char *form;
    const char *crc64;
} rows[] = {
    {"PRIMITIVES", "{'type':'int'}", "'int'", "7275d51a3f395c8f"},
    {"PRIMITIVES, null", "'null'", "'null'", "63dd24e7cc258f8a"},
    {"PRIMITIVES, boolean", "'boolean'", "'boolean'", "9f42fc78a4d4f764"},
    {"PRIMITIVES, long", "'long'", "'long'", "d054e14493f41db7"},
    {"PRIMITIVES, float", "'float'", "'float'", "4d7c02cb3ea8d790"},
    {"PRIMITIVES, double", "'double'", "'double'", "8e7535c032ab957e"},
    {"PRIMITIVES, bytes", "'bytes'", "'bytes'", "4fc016dac3201965"},
    {"PRIMITIVES, string", "'string'", "'string'", "8f014872634503c7"},
    {"FULLNAMES",
     "{'type':'record','name':'A','namespace':'x','fields':[{'name':'b','type':{'type':'enum',"
     "'name':'B','symbols':['C']}},{'name':'c','type':'B'}]}",
     "{'name':'x.A','type':'record','fields':[{'name':'b','type':{'name':'x.B','type':'enum',"
     "'symbols':['C']}},{'name':'c','type':'x.B'}]}",
     NULL},
    {"STRIP",
     "{'type':'record','name':'A','doc':'d','aliases':['Z'],'x':1,'fields':[{'name':'f','doc':'e',"
     "'type':{'type':'long','logicalType':'timestamp-millis'},'default':1,'order':'ignore',"
     "'aliases':['g']}]}",
     "{'name':'A','type':'record','fields':[{'name':'f','type':'long'}]}", NULL},
    {"ORDER", "{'fields':[],'type':'record','name':'A'}",
     "{'name':'A','type':'record','fields':[]}", NULL},
    {"ORDER, fixed", "{'size':4,'name':'F','type':'fixed'}", "{'name':'F','type':'fixed','size':4}",
     NULL},
    {"ORDER, array and map", "{'items':{'values':'int','type':'map'},'type':'array'}",
     "{'type':'array','items':{'type':'map','values':'int'}}", NULL},
    {"STRINGS", "{'type':'enum','name':'\\u0041','symbols':['\\u0042']}",
     "{'name':'A','type':'enum','symbols':['B']}", NULL},
    {"INTEGERS and WHITESPACE", "{ 'type' : 'fixed' , 'name' : 'F',\n'size' : 16 }",
     "{'name':'F','type':'fixed','size':16}", NULL},
    {"a union", "['null', {'type':'string'}]", "['null','string']", NULL},
    {"an error is a record", "{'type':'error','name':'E','fields':[]}",
     "{'name':'E','type':'record','fields':[]}", NULL},
};

static char *quoted(const char *text)
{
    char *copy = stele_strdup(text);
    for (char *c = copy; *c != '\0'; c++)
        if (*c == '\'') *c = '"';
    return copy;
}

static void canonical_form_follows_each_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        STELE_AUTO(stele_schema) schema = schema_of(rows[i].schema);
        STELE_AUTO_VALUE(stele_buffer) form = {0};
        stele_schema_canonical(schema, &form);
        STELE_AUTO(char) expected = quoted(rows[i].form);
        assert_string_equal(stele_buffer_text(&form), expected);

        /* The form of the form is itself. */
        STELE_AUTO(stele_schema) again = schema_of(expected);
        assert_true(stele_schema_same_canonical(schema, again));
    }
}

static void crc64_is_that_of_avro_java(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].crc64 == NULL) continue;
        STELE_AUTO(stele_schema) schema = schema_of(rows[i].schema);
        STELE_AUTO(char) crc = stele_strdup_format("%016" PRIx64, stele_schema_crc64(schema));
        assert_string_equal(crc, rows[i].crc64);
    }
}

static void sha256_is_that_of_the_canonical_form(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema) schema = schema_of("{'type':'int'}");
    uint8_t digest[32];

    stele_schema_sha256(schema, digest);

    STELE_AUTO_VALUE(stele_buffer) hex = {0};
    put_as_hex(&hex, stele_bytes_of(digest, sizeof digest));
    assert_string_equal(stele_buffer_text(&hex),
                        "3f2b87a9fe7cc9b13835598c3981cd45e3e355309e5090aa0933d7becb6fba45");
}

static void names_of_other_schemas_are_written_out_where_first_used(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema)
    address = schema_of(
        "{'type':'record','name':'Address','namespace':'shop','fields':[{'name':'city','type':"
        "'string'}]}");
    const stele_schema *with[] = {address, NULL};
    stele_schema_options options = {.with = with};
    STELE_AUTO(char)
    text =
        quoted("{'type':'record','name':'Order','namespace':'shop','fields':[{'name':'to','type':"
               "'Address'},{'name':'from','type':'shop.Address'}]}");
    STELE_AUTO(stele_schema) order = NULL;
    stele_error err = {0};
    assert_int_equal(stele_schema_parse(stele_text(text), &options, &order, &err), STELE_OK);

    STELE_AUTO_VALUE(stele_buffer) form = {0};
    stele_schema_canonical(order, &form);

    STELE_AUTO(char)
    expected = quoted("{'name':'shop.Order','type':'record','fields':[{'name':'to','type':{'name':"
                      "'shop.Address','type':'record','fields':[{'name':'city','type':'string'}]}},"
                      "{'name':'from','type':'shop.Address'}]}");
    assert_string_equal(stele_buffer_text(&form), expected);
}

static const struct {
    const char *a;
    const char *b;
    bool equal;
    bool same_canonical;
} pairs[] = {
    {"'int'", "{'type':'int'}", true, true},
    {"'int'", "'long'", false, false},
    {"'int'", "{'type':'int','logicalType':'date'}", false, true},
    {"'int'", "{'type':'int','logicalType':'nonsense'}", true, true},
    {"{'type':'record','name':'A','fields':[]}",
     "{'type':'record','name':'A','doc':'x','fields':[]}", true, true},
    {"{'type':'record','name':'A','fields':[]}",
     "{'type':'record','name':'A','aliases':['B'],'fields':[]}", false, true},
    {"{'type':'record','name':'A','fields':[{'name':'f','type':'int'}]}",
     "{'type':'record','name':'A','fields':[{'name':'f','type':'int','default':1}]}", false, true},
    {"{'type':'enum','name':'E','symbols':['A']}",
     "{'type':'enum','name':'E','symbols':['A'],'default':'A'}", false, true},
    {"{'type':'record','name':'A','fields':[{'name':'f','type':['null','A']}]}",
     "{'type':'record','name':'A','fields':[{'name':'f','type':['null','A']}]}", true, true},
};

static void equality_sees_what_decoding_sees(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        STELE_AUTO(stele_schema) a = schema_of(pairs[i].a);
        STELE_AUTO(stele_schema) b = schema_of(pairs[i].b);
        assert_int_equal(stele_schema_equal(a, b), pairs[i].equal);
        assert_int_equal(stele_schema_equal(b, a), pairs[i].equal);
        assert_int_equal(stele_schema_same_canonical(a, b), pairs[i].same_canonical);
    }
}

static void single_object_encoding_is_marker_fingerprint_datum(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema) schema = schema_of("'int'");
    STELE_AUTO_VALUE(stele_buffer) message = {0};
    stele_single_object_begin(stele_schema_crc64(schema), &message);
    stele_buffer_push(&message, 0x54);

    STELE_AUTO_VALUE(stele_buffer) hex = {0};
    put_as_hex(&hex, stele_buffer_view(&message));
    assert_string_equal(stele_buffer_text(&hex), "c3018f5c393f1ad5757254");

    uint64_t print = 0;
    stele_bytes datum = {0};
    stele_error err = {0};
    assert_int_equal(stele_single_object_open(stele_buffer_view(&message), &print, &datum, &err),
                     STELE_OK);
    assert_true(print == stele_schema_crc64(schema));
    assert_int_equal(datum.size, 1);
    assert_int_equal(datum.data[0], 0x54);

    message.data[1] = 2;
    assert_int_equal(stele_single_object_open(stele_buffer_view(&message), &print, &datum, &err),
                     STELE_E_INVALID);
    assert_int_equal(stele_single_object_open(stele_bytes_of("\xc3\x01", 2), &print, &datum, &err),
                     STELE_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_form_follows_each_rule),
        cmocka_unit_test(crc64_is_that_of_avro_java),
        cmocka_unit_test(sha256_is_that_of_the_canonical_form),
        cmocka_unit_test(names_of_other_schemas_are_written_out_where_first_used),
        cmocka_unit_test(equality_sees_what_decoding_sees),
        cmocka_unit_test(single_object_encoding_is_marker_fingerprint_datum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
