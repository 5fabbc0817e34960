/* SPDX-License-Identifier: MIT */
#include "schemas/model.h"

#include "tests/schemas/avro_support.h"

static char *quoted(const char *text)
{
    char *copy = stele_strdup(text);
    for (char *c = copy; *c != '\0'; c++)
        if (*c == '\'') *c = '"';
    return copy;
}

#define RECORD(name, fields)       "{'type':'record','name':'" name "','fields':[" fields "]}"
#define FIELD(name, type)          "{'name':'" name "','type':" type "}"
#define DEFAULT(name, type, value) "{'name':'" name "','type':" type ",'default':" value "}"

static const char *const valid[] = {
    "'string'",
    "{'type':'string'}",
    "['null','int']",
    "['int']",
    "{'type':'array','items':'int'}",
    "{'type':'map','values':['null','bytes']}",
    "{'type':'enum','name':'E','symbols':['A','B'],'default':'B'}",
    "{'type':'enum','name':'E','symbols':[]}",
    "{'type':'enum','name':'E','symbols':['A'],'default':null}",
    "{'type':'fixed','name':'F','size':0}",
    "{'type':'fixed','name':'a.b.F','size':16}",
    "{'type':'record','name':'R','fields':[]}",
    "{'type':'error','name':'R','fields':[]}",
    "{'type':'record','name':'R','namespace':'','fields':[]}",
    "{'type':'record','name':'record','fields':[]}",
    /* Recursion through whatever may be empty. */
    RECORD("R", FIELD("next", "['null','R']")),
    RECORD("R", FIELD("kids", "{'type':'array','items':'R'}")),
    RECORD("R", FIELD("kids", "{'type':'map','values':'R'}")),
    RECORD("A", FIELD("b", RECORD("B", FIELD("a", "['null','A']")))),
    /* A name without a namespace is found from within one. */
    RECORD("R", FIELD("e", "{'type':'enum','name':'E','symbols':['A']}") "," FIELD(
                    "s", RECORD("x.S", FIELD("e", "'E'")))),
    /* Types of the same name in two namespaces. */
    "['null',{'type':'fixed','name':'a.F','size':1},{'type':'fixed','name':'b.F','size':1}]",
    /* Defaults. */
    RECORD("R", DEFAULT("f", "'float'", "1")),
    RECORD("R", DEFAULT("f", "'double'", "'NaN'")),
    RECORD("R", DEFAULT("f", "'bytes'", "'\\u0000\\u00ff'")),
    RECORD("R", DEFAULT("f", "['null','int']", "null")),
    /* 1.12: a union's default may be of any branch. */
    RECORD("R", DEFAULT("f", "['null','int']", "7")),
    RECORD("R", DEFAULT("f", "{'type':'map','values':'int'}", "{'a':1}")),
    /* A record's default may leave out fields that have one. */
    RECORD("R", DEFAULT("f", RECORD("S", DEFAULT("a", "'int'", "1") "," FIELD("b", "'int'")),
                        "{'b':2}")),
    /* Unknown and invalid logical types are ignored, other properties kept. */
    "{'type':'int','logicalType':'no-such-thing'}",
    "{'type':'int','logicalType':7}",
    "{'type':'bytes','logicalType':'decimal'}",
    "{'type':'string','avro.java.string':'String'}",
    "{'type':'record','name':'R','fields':[{'name':'f','type':'int','order':'descending'}]}",
    "{'type':'record','name':'R','fields':[{'name':'f','type':'int','order':'Ignore'}]}",
    "{'type':'bytes','logicalType':'decimal','precision':100000000000000000000}",
    "{'type':'bytes','logicalType':'decimal','precision':1e400,'scale':1e-400}",
    "{'type':'bytes','logicalType':'decimal','precision':4,'scale':4.0}",
    /* What no number of 64 bits holds may be in what is passed over, and in a default. */
    "{'type':'record','name':'R','x-limit':1e400,'y':[-100000000000000000000],'fields':[]}",
    RECORD("R", DEFAULT("f", "'double'", "100000000000000000000")),
    RECORD("R", DEFAULT("f", "'float'", "1e400")),
    /* Half a surrogate pair where no text is made of it. */
    "{'type':'record','name':'R','doc':'\\ud83d','fields':[]}",
    "{'type':'record','name':'R','x':{'\\udc00':1},'fields':[]}",
    /* Comments, as both Javas take them. */
    "/* a licence */\n{'type':'record','name':'R', // a remark\n 'fields':[/**/]} // the end",
    /* A union that no value is of. */
    "[]",
    RECORD("R", FIELD("never", "[]")),
    /* Names. */
    "{'type':'record','name':'a.b.R','namespace':'not a namespace!','fields':[]}",
    "{'type':'record','name':'.R','namespace':7,'fields':[]}",
};

static void schemas_that_are_valid_are_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(valid); i++) {
        STELE_AUTO(stele_schema) schema = schema_of(valid[i]);
        assert_non_null(schema);
    }
}

/* Each with what the message says; the name and the line come before it. */
static const struct {
    const char *text;
    const char *message;
} invalid[] = {
    {"", "not JSON"},
    {"{", "not JSON"},
    {"{'type':'int','type':'int'}", "the name \"type\" is there twice"},
    {"7", "a type is a name, an object or an array of types"},
    {"null", "a type is a name, an object or an array of types"},
    {"'Unknown'", "no type is called \"Unknown\" here"},
    {"{}", "a type has no \"type\""},
    {"{'type':{'type':'int'}}", "\"type\" is not a name"},
    {"{'type':'Unknown'}", "no type is called \"Unknown\" here"},
    {"{'type':'array'}", "this array has no \"items\""},
    {"{'type':'map'}", "this map has no \"values\""},
    {"{'type':'fixed','name':'F'}", "no \"size\""},
    {"{'type':'fixed','name':'F','size':-1}", "no \"size\""},
    {"{'type':'fixed','name':'F','size':1.5}", "no \"size\""},
    {"{'type':'fixed','name':'F','size':4294967296}", "no \"size\""},
    {"{'type':'fixed','size':1}", "this fixed has no \"name\""},
    {"{'type':'fixed','name':7,'size':1}", "the \"name\" of this fixed is no string"},
    {"{'type':'fixed','name':'a\\u0000b','size':1}", "the \"name\" of this fixed is no string"},
    {"{'type':'enum','name':'E'}", "no array of \"symbols\""},
    {"{'type':'enum','name':'E','symbols':['A','B','A']}", "has the symbol A twice"},
    {"{'type':'enum','name':'E','symbols':['A-B']}", "\"A-B\" cannot be a symbol of E"},
    {"{'type':'enum','name':'E','symbols':['A','']}", "\"\" cannot be a symbol of E"},
    {"{'type':'enum','name':'E','symbols':[7]}", "what is no string cannot be a symbol of E"},
    {"{'type':'enum','name':'E','symbols':['A'],'default':'B'}", "is not one of its symbols"},
    {"{'type':'record','name':'R'}", "no array of \"fields\""},
    {"{'type':'record','name':'R','fields':['int']}", "a field is an object"},
    {"{'type':'record','name':'R','fields':[{'name':'f'}]}", "this field has no \"type\""},
    {"{'type':'record','name':'R','fields':[{'type':'int'}]}", "a field is an object with"},
    {RECORD("R", FIELD("1a", "'int'")), "\"1a\" cannot be the name of a field"},
    {"{'type':'record','name':'R','fields':[{'name':'a.b','type':'int'}]}",
     "\"a.b\" cannot be the name of a field"},
    {"{'type':'record','name':'R','fields':[{'name':'f','type':'int'},{'name':'f','type':'int'}]}",
     "R has two fields called f"},
    {"{'type':'record','name':'R','fields':[{'name':'f','type':'int','order':'up'}]}",
     "\"order\" is ascending, descending or ignore"},
    {"{'type':'record','name':'R','fields':[{'name':'f','type':'int','aliases':'g'}]}",
     "\"aliases\" is not an array of names"},
    {"{'type':'record','name':'R','aliases':['Fine','a b','.a.b'],'fields':[]}",
     "\"a b\" cannot be an alias"},
    {"{'type':'record','name':'R','aliases':['.a.b'],'fields':[]}", "\".a.b\" cannot be an alias"},
    {"{'type':'record','name':'R','aliases':[null],'fields':[]}", "no string cannot be an alias"},
    {"{'type':'record','name':'R','fields':[{'name':'f','type':'int','aliases':['ok','my "
     "favourite']}]}",
     "f: \"my favourite\" cannot be an alias"},
    {"{'type':'record','name':'R','fields':[{'name':'f','type':'int','aliases':['.g']}]}",
     "f: \".g\" cannot be an alias"},
    {"{'type':'record','name':'.','fields':[]}", "\".\" cannot be the name of a type"},
    {"{'type':'record','name':'.a.R','fields':[]}", "\".a.R\" cannot be the name of a type"},
    {"{'type':'record','name':'..R','fields':[]}", "\"..R\" cannot be the name of a type"},
    {"{'type':'record','name':'.int','fields':[]}", "int is the name of a primitive type"},
    {"'.int'", "no type is called \".int\" here"},
    {RECORD("a.R", FIELD("f", "'.R'")), "f: no type is called \".R\" here"},
    {"{'type':'record','name':'int','fields':[]}", "int is the name of a primitive type"},
    {"{'type':'record','name':'x.string','fields':[]}", "x.string is the name of a primitive type"},
    {"{'type':'record','name':'a..b','fields':[]}", "\"a..b\" cannot be the name of a type"},
    {"{'type':'record','name':'R','namespace':'a-b','fields':[]}",
     "the namespace \"a-b\" of \"R\" is not"},
    {"{'type':'record','name':'R','namespace':'.a','fields':[]}", "the namespace \".a\" of"},
    {"{'type':'record','name':'R','namespace':7,'fields':[]}",
     "the namespace \"7\" of \"R\" is not"},
    {"['null',{'type':'fixed','name':'F','size':1},{'type':'fixed','name':'F','size':1}]",
     "F is defined already"},
    {"['null',['int']]", "a union directly within a union"},
    {"['int','string','int']", "two branches of this union are int"},
    {"[{'type':'array','items':'int'},{'type':'array','items':'long'}]",
     "two branches of this union are array"},
    {RECORD("R", FIELD("f", "'R'")), "the field f makes every R contain another one without end"},
    {RECORD("R", FIELD("f", "['R']")), "the field f makes every R contain another one without end"},
    {"{'type':'record','name':'A','fields':[{'name':'x','type':['null',{'type':'record','name':'B',"
     "'fields':[{'name':'a','type':'A'}]}]},{'name':'y','type':'B'}]}",
     "without end"},
    /* Defaults. */
    {RECORD("R", DEFAULT("f", "'int'", "'1'")),
     "the default of the field f of R: not a value of type int"},
    {RECORD("R", DEFAULT("f", "'int'", "1.0")), "not a value of type int"},
    {RECORD("R", DEFAULT("f", "'int'", "2147483648")), "2147483648\" is out of range of an int"},
    {RECORD("R", DEFAULT("f", "'long'", "9223372036854775808")), "is out of range of a long"},
    {RECORD("R", DEFAULT("f", "'string'", "'\\ud83d'")), "half a surrogate pair"},
    {RECORD("R", DEFAULT("f", "{'type':'map','values':'int'}", "{'\\ud83d':1}")),
     "half a surrogate pair"},
    {RECORD("R", DEFAULT("f", "[]", "null")), "a union without branches has no values"},
    {"/* no end", "a comment without its end"},
    {"{'type':'fixed','name':'F','size':100000000000000000000}", "no \"size\""},
    {RECORD("R", DEFAULT("f", "'int'", "null")), "not a value of type int"},
    {RECORD("R", DEFAULT("f", "['null','int']", "'x'")), "it fits no branch of the union"},
    {RECORD("R", DEFAULT("f", "'bytes'", "'\\u0100'")), "characters up to"},
    {RECORD("R", DEFAULT("f", "{'type':'fixed','name':'F','size':2}", "'a'")),
     "1 bytes, but F has 2"},
    {RECORD("R", DEFAULT("f", "{'type':'enum','name':'E','symbols':['A']}", "'B'")),
     "not a symbol of E"},
    {"{'type':'record','name':'R','fields':[{'name':'f','type':{'type':'record','name':'S','fields'"
     ":[{'name':'a','type':'int'}]},'default':{}}]}",
     "it lacks the field a of S"},
    {RECORD("R", DEFAULT("f", "{'type':'array','items':'int'}", "[1,'x']")),
     "not a value of type int"},
    /* A default that stands for itself. */
    {RECORD("R", DEFAULT("f", "['R','null']", "{}")), "too large"},
};

static void schemas_that_are_not_valid_are_refused_with_the_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(invalid); i++) {
        STELE_AUTO(char) text = quoted(invalid[i].text);
        STELE_AUTO(stele_schema) schema = NULL;
        stele_schema_options options = {.name = "x.avsc"};
        stele_error err = {0};
        stele_status status = stele_schema_parse(stele_text(text), &options, &schema, &err);
        if (status == STELE_OK || strstr(err.text, invalid[i].message) == NULL) {
            fail_msg("%s\n  says     %s\n  expected %s", text, err.text, invalid[i].message);
        }
        assert_null(schema);
        assert_int_equal(err.next, STELE_NEXT_REJECT);
        assert_int_equal(strncmp(err.text, "x.avsc:1: ", 10), 0);
    }
}

static void a_nul_byte_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"type\":\"fixed\",\"name\":\"F\",\"size\":4\0}";
    STELE_AUTO(stele_schema) schema = NULL;
    stele_error err = {0};

    assert_int_equal(stele_schema_parse(stele_bytes_of(text, sizeof text - 1), NULL, &schema, &err),
                     STELE_E_INVALID);
}

static void message_has_name_line_and_path(void **state)
{
    (void)state;
    STELE_AUTO(char)
    text = quoted("{\n"
                  " 'type': 'record', 'name': 'Order',\n"
                  " 'doc': 'with \\'quotes\\', {braces} and\\n[brackets]',\n"
                  " 'fields': [\n"
                  "  {'name': 'id', 'type': 'string'},\n"
                  "  {'name': 'items', 'type': {'type': 'array', 'items':\n"
                  "    {'type': 'record', 'name': 'Item', 'fields': [\n"
                  "      {'name': 'sku', 'type': 'string'},\n"
                  "      {'name': 'price',\n"
                  "       'type': 'Money'}\n"
                  "    ]}}}\n"
                  " ]}");
    STELE_AUTO(stele_schema) schema = NULL;
    stele_schema_options options = {.name = "orders.avsc"};
    stele_error err = {0};

    assert_int_equal(stele_schema_parse(stele_text(text), &options, &schema, &err),
                     STELE_E_INVALID);

    assert_string_equal(
        err.text, "orders.avsc:10: items[].price: no type is called \"Money\" here; define it "
                  "before it is used, or bring the schema that does (--with FILE; \"references\" "
                  "in a registry)");
}

static void message_about_a_default_has_its_line(void **state)
{
    (void)state;
    STELE_AUTO(char)
    text = quoted("{'type':'record','name':'R','fields':[\n"
                  "{'name':'a','type':'int','default':1},\n"
                  "{'name':'b','type':'int',\n"
                  "'default':'x'}]}");
    STELE_AUTO(stele_schema) schema = NULL;
    stele_error err = {0};

    stele_schema_parse(stele_text(text), NULL, &schema, &err);

    assert_string_equal(err.text,
                        "schema:4: the default of the field b of R: not a value of type int");
}

static const struct {
    const char *text;
    stele_schema_options options;
    const char *message;
} limited[] = {
    {"'int'", {.text_max = 4}, "a schema of 5 bytes, the limit is 4"},
    {"{'type':'array','items':{'type':'array','items':'int'}}",
     {.depth_max = 2},
     "nested more than 2"},
    {"{'type':'record','name':'R','fields':[{'name':'a','type':'int'},{'name':'b','type':'int'}]}",
     {.nodes_max = 3},
     "more than 3 types and fields"},
};

static void limits_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(limited); i++) {
        STELE_AUTO(char) text = quoted(limited[i].text);
        STELE_AUTO(stele_schema) schema = NULL;
        stele_error err = {0};
        assert_int_equal(stele_schema_parse(stele_text(text), &limited[i].options, &schema, &err),
                         STELE_E_LIMIT);
        assert_non_null(strstr(err.text, limited[i].message));
    }
}

/* Each record holds the one before it: nothing is deep in the text, but a value is. */
static void a_chain_of_records_is_no_nesting(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_buffer_format(&text, "[{\"type\":\"record\",\"name\":\"R0\",\"fields\":[]}");
    for (int i = 1; i < 2000; i++) {
        stele_buffer_format(&text,
                            ",{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":\"f\","
                            "\"type\":\"R%d\"}]}",
                            i, i - 1);
    }
    stele_buffer_format(&text, "]");
    STELE_AUTO(stele_schema) schema = NULL;
    STELE_AUTO(stele_type) type = NULL;
    stele_error err = {0};

    assert_int_equal(stele_schema_parse(stele_buffer_view(&text), NULL, &schema, &err), STELE_OK);
    assert_int_equal(stele_type_new(schema, &type, &err), STELE_OK);
}

static void an_alias_too_long_is_refused(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_buffer_format(&text, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\","
                               "\"type\":\"int\",\"aliases\":[\"");
    for (int i = 0; i < 70000; i++)
        stele_buffer_push(&text, 'a');
    stele_buffer_format(&text, "\"]}]}");
    STELE_AUTO(stele_schema) schema = NULL;
    stele_error err = {0};

    assert_int_equal(stele_schema_parse(stele_buffer_view(&text), NULL, &schema, &err),
                     STELE_E_LIMIT);
    assert_non_null(strstr(err.text, "has 70000 bytes, the limit is 1024"));
}

static void a_name_that_its_namespace_makes_too_long_is_refused_for_that(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_buffer_format(&text,
                        "{\"type\":\"record\",\"name\":\"Order\",\"fields\":[],\"namespace\":\"a");
    for (int i = 0; i < 600; i++)
        stele_buffer_format(&text, ".b");
    stele_buffer_format(&text, "\"}");
    STELE_AUTO(stele_schema) schema = NULL;
    stele_error err = {0};

    assert_int_equal(stele_schema_parse(stele_buffer_view(&text), NULL, &schema, &err),
                     STELE_E_LIMIT);
    assert_non_null(
        strstr(err.text, "has 1207 bytes, the limit is 1024; shorten it or its namespace"));
}

/* Expected are the names that Avro Java 1.11.4 prints. */
static void names_are_full_as_avro_java_makes_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *canonical;
    } rows[] = {
        {"{'type':'fixed','name':'F','namespace':'a','size':1}", "a.F"},
        {"{'type':'fixed','name':'b.F','namespace':'a','size':1}", "b.F"},
        {"{'type':'fixed','name':'b.F','namespace':'not a namespace!','size':1}", "b.F"},
        {"{'type':'fixed','name':'.F','namespace':'a','size':1}", "F"},
        {"{'type':'fixed','name':'F','namespace':null,'size':1}", "F"},
        {"{'type':'fixed','name':'F','namespace':'','size':1}", "F"},
        /* null is no namespace of its own: that around it holds. */
        {RECORD("a.R", FIELD("f", "{'type':'fixed','name':'F','namespace':null,'size':1}")), "a.F"},
        {RECORD("a.R", FIELD("f", "{'type':'fixed','name':'F','namespace':'','size':1}")), "\"F\""},
        {RECORD("a.R", FIELD("f", "{'type':'fixed','name':'.F','size':1}")), "\"F\""},
        {RECORD("a.R", FIELD("f", "{'type':'fixed','name':'.F','size':1}") "," FIELD("g", "'.F'")),
         "{\"name\":\"g\",\"type\":\"F\"}"},
        /* A name with a dot in front is that type, whatever the namespace around it has. */
        {RECORD(
             "a.R",
             FIELD("f", "{'type':'fixed','name':'.F','size':1}") "," FIELD(
                 "h", "{'type':'fixed','name':'F','size':2}") "," FIELD("g",
                                                                        "'.F'") "," FIELD("i",
                                                                                          "'F'")),
         "{\"name\":\"g\",\"type\":\"F\"},{\"name\":\"i\",\"type\":\"a.F\"}"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        STELE_AUTO(stele_schema) schema = schema_of(rows[i].text);
        STELE_AUTO_VALUE(stele_buffer) canonical = {0};
        stele_schema_canonical(schema, &canonical);
        if (strstr(stele_buffer_text(&canonical), rows[i].canonical) == NULL)
            fail_msg("%s: %s", rows[i].text, stele_buffer_text(&canonical));
    }
}

static void an_alias_behind_a_dot_is_of_no_namespace(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema)
    schema = schema_of("{'type':'record','name':'shop.Order','aliases':['.Order','Old','a.B'],"
                       "'fields':[]}");
    const stele_node *root = stele_schema_root(schema);
    assert_int_equal(root->alias_count, 3);
    assert_string_equal(root->aliases[0], "Order");
    assert_string_equal(root->aliases[1], "shop.Old");
    assert_string_equal(root->aliases[2], "a.B");
}

static void half_a_pair_in_a_doc_is_a_character_of_its_own(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema)
    schema = schema_of("{'type':'fixed','name':'F','doc':'a\\ud83db','size':1}");
    assert_string_equal(stele_schema_root(schema)->doc, "a\xef\xbf\xbd"
                                                        "b");
}

static void logical_types_are_known_where_they_fit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        stele_logical logical;
    } rows[] = {
        {"{'type':'int','logicalType':'date'}", STELE_LOGICAL_DATE},
        {"{'type':'long','logicalType':'date'}", STELE_LOGICAL_NONE},
        {"{'type':'int','logicalType':'time-millis'}", STELE_LOGICAL_TIME_MILLIS},
        {"{'type':'long','logicalType':'time-micros'}", STELE_LOGICAL_TIME_MICROS},
        {"{'type':'long','logicalType':'timestamp-millis'}", STELE_LOGICAL_TIMESTAMP_MILLIS},
        {"{'type':'long','logicalType':'timestamp-micros'}", STELE_LOGICAL_TIMESTAMP_MICROS},
        {"{'type':'long','logicalType':'timestamp-nanos'}", STELE_LOGICAL_TIMESTAMP_NANOS},
        {"{'type':'long','logicalType':'local-timestamp-millis'}",
         STELE_LOGICAL_LOCAL_TIMESTAMP_MILLIS},
        {"{'type':'long','logicalType':'local-timestamp-micros'}",
         STELE_LOGICAL_LOCAL_TIMESTAMP_MICROS},
        {"{'type':'long','logicalType':'local-timestamp-nanos'}",
         STELE_LOGICAL_LOCAL_TIMESTAMP_NANOS},
        {"{'type':'string','logicalType':'uuid'}", STELE_LOGICAL_UUID},
        {"{'type':'fixed','name':'F','size':16,'logicalType':'uuid'}", STELE_LOGICAL_UUID},
        {"{'type':'fixed','name':'F','size':15,'logicalType':'uuid'}", STELE_LOGICAL_NONE},
        {"{'type':'fixed','name':'F','size':12,'logicalType':'duration'}", STELE_LOGICAL_DURATION},
        {"{'type':'fixed','name':'F','size':11,'logicalType':'duration'}", STELE_LOGICAL_NONE},
        {"{'type':'bytes','logicalType':'decimal','precision':4}", STELE_LOGICAL_DECIMAL},
        {"{'type':'bytes','logicalType':'decimal','precision':4,'scale':4}", STELE_LOGICAL_DECIMAL},
        {"{'type':'bytes','logicalType':'decimal','precision':4,'scale':5}", STELE_LOGICAL_NONE},
        {"{'type':'bytes','logicalType':'decimal','precision':0}", STELE_LOGICAL_NONE},
        {"{'type':'bytes','logicalType':'decimal','precision':4,'scale':-1}", STELE_LOGICAL_NONE},
        {"{'type':'string','logicalType':'decimal','precision':4}", STELE_LOGICAL_NONE},
        /* floor(log10(2^31 - 1)) = 9 digits fit four bytes. */
        {"{'type':'fixed','name':'F','size':4,'logicalType':'decimal','precision':9}",
         STELE_LOGICAL_DECIMAL},
        {"{'type':'fixed','name':'F','size':4,'logicalType':'decimal','precision':10}",
         STELE_LOGICAL_NONE},
        {"{'type':'fixed','name':'F','size':8,'logicalType':'decimal','precision':18}",
         STELE_LOGICAL_DECIMAL},
        {"{'type':'fixed','name':'F','size':8,'logicalType':'decimal','precision':19}",
         STELE_LOGICAL_NONE},
        {"{'type':'fixed','name':'F','size':0,'logicalType':'decimal','precision':1}",
         STELE_LOGICAL_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        STELE_AUTO(stele_schema) schema = schema_of(rows[i].text);
        if (stele_schema_root(schema)->logical != rows[i].logical) fail_msg("%s", rows[i].text);
    }
}

static void aliases_take_the_namespace_of_their_type(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema)
    schema =
        schema_of("{'type':'record','name':'R','namespace':'x','aliases':['A','y.B'],'fields':[]}");

    const stele_node *node = stele_schema_root(schema);

    assert_int_equal(node->alias_count, 2);
    assert_string_equal(node->aliases[0], "x.A");
    assert_string_equal(node->aliases[1], "y.B");
}

static void an_empty_namespace_is_none_and_is_inherited(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema)
    schema =
        schema_of("{'type':'record','name':'a.R','fields':[{'name':'f','type':{'type':'record',"
                  "'name':'S','namespace':'','fields':[{'name':'g','type':{'type':'fixed',"
                  "'name':'T','size':1}}]}},{'name':'h','type':{'type':'fixed','name':'T','size':"
                  "2}}]}");

    const stele_node *r = stele_schema_root(schema);

    assert_string_equal(r->fields[0].type->name, "S");
    assert_string_equal(r->fields[0].type->fields[0].type->name, "T");
    assert_string_equal(r->fields[1].type->name, "a.T");
}

static void two_schemas_may_bring_the_same_type_but_not_two_of_one_name(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema) one = schema_of("{'type':'fixed','name':'F','size':1}");
    STELE_AUTO(stele_schema) same = schema_of("{'type':'fixed','name':'F','size':1}");
    STELE_AUTO(stele_schema) other = schema_of("{'type':'fixed','name':'F','size':2}");
    const stele_schema *alike[] = {one, same, NULL};
    const stele_schema *unlike[] = {one, other, NULL};
    stele_schema_options options = {.with = alike};
    STELE_AUTO(stele_schema) schema = NULL;
    STELE_AUTO(stele_schema) refused = NULL;
    stele_error err = {0};

    assert_int_equal(stele_schema_parse(stele_text("\"F\""), &options, &schema, &err), STELE_OK);
    options.with = unlike;
    assert_int_equal(stele_schema_parse(stele_text("\"F\""), &options, &refused, &err),
                     STELE_E_INVALID);
}

static void a_schema_outlives_those_that_it_refers_to(void **state)
{
    (void)state;
    stele_schema *one = schema_of("{'type':'fixed','name':'x.F','size':1}");
    const stele_schema *with[] = {one, NULL};
    stele_schema_options options = {.with = with};
    STELE_AUTO(stele_schema) schema = NULL;
    stele_error err = {0};
    assert_int_equal(stele_schema_parse(stele_text("[\"null\",\"x.F\"]"), &options, &schema, &err),
                     STELE_OK);
    stele_schema_free(one);

    STELE_AUTO(stele_schema) again = stele_schema_retain(schema);

    assert_string_equal(stele_schema_root(again)->branches[1]->name, "x.F");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_that_are_valid_are_accepted),
        cmocka_unit_test(schemas_that_are_not_valid_are_refused_with_the_reason),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(message_has_name_line_and_path),
        cmocka_unit_test(message_about_a_default_has_its_line),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(a_chain_of_records_is_no_nesting),
        cmocka_unit_test(an_alias_too_long_is_refused),
        cmocka_unit_test(a_name_that_its_namespace_makes_too_long_is_refused_for_that),
        cmocka_unit_test(names_are_full_as_avro_java_makes_them),
        cmocka_unit_test(an_alias_behind_a_dot_is_of_no_namespace),
        cmocka_unit_test(half_a_pair_in_a_doc_is_a_character_of_its_own),
        cmocka_unit_test(logical_types_are_known_where_they_fit),
        cmocka_unit_test(aliases_take_the_namespace_of_their_type),
        cmocka_unit_test(an_empty_namespace_is_none_and_is_inherited),
        cmocka_unit_test(two_schemas_may_bring_the_same_type_but_not_two_of_one_name),
        cmocka_unit_test(a_schema_outlives_those_that_it_refers_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
