/* SPDX-License-Identifier: MIT */
#include <stele/schema.h>

#include "tests/schemas/avro_support.h"

#define RECORD(name, fields) "{'type':'record','name':'" name "','fields':[" fields "]}"
#define FIELD(name, type)    "{'name':'" name "','type':" type "}"

/* Findings as lines "kind path". */
static void list(void *context, const stele_finding *finding)
{
    stele_buffer_format(context, "%s %s\n", finding->kind, finding->path);
}

/* What a new schema that should read an old one is found to lack; "" is compatible. */
static const struct {
    const char *rule;
    const char *old;
    const char *next;
    const char *findings;
} rows[] = {
    {"the same", "'int'", "'int'", ""},
    {"promotion", "'int'", "'double'", ""},
    {"no promotion", "'double'", "'int'", "TYPE_MISMATCH \n"},
    {"string and bytes", "'string'", "'bytes'", ""},
    {"a field goes", RECORD("R", FIELD("a", "'int'")), RECORD("R", ""), ""},
    {"a field comes with a default", RECORD("R", ""),
     RECORD("R", "{'name':'a','type':'int','default':1}"), ""},
    {"a field comes without", RECORD("R", ""), RECORD("R", FIELD("a", "'int'")),
     "READER_FIELD_MISSING_DEFAULT_VALUE a\n"},
    {"every finding, not the first", RECORD("R", FIELD("c", "'string'")),
     RECORD("R", FIELD("a", "'int'") "," FIELD("b", "'int'") "," FIELD("c", "'int'")),
     "READER_FIELD_MISSING_DEFAULT_VALUE a\nREADER_FIELD_MISSING_DEFAULT_VALUE b\nTYPE_MISMATCH "
     "c\n"},
    {"a field under an alias", RECORD("R", FIELD("old", "'int'")),
     RECORD("R", "{'name':'new','type':'int','aliases':['old']}"), ""},
    {"a field under two", RECORD("R", FIELD("a", "'int'") "," FIELD("b", "'int'")),
     RECORD("R", "{'name':'a','type':'int','aliases':['b']}"), "AMBIGUOUS_FIELD a\n"},
    {"an alias that is the name", RECORD("R", FIELD("a", "'int'")),
     RECORD("R", "{'name':'a','type':'int','aliases':['a','a']}"), ""},
    {"another name", RECORD("A", ""), RECORD("B", ""), "NAME_MISMATCH \n"},
    {"another namespace", RECORD("x.A", ""), RECORD("y.A", ""), ""},
    {"a field under an alias in another namespace", RECORD("x.R", FIELD("old", "'int'")),
     RECORD("y.R", "{'name':'new','type':'int','aliases':['old'],'default':0}"),
     "FIELD_ALIAS_UNUSED new\n"},
    {"a field under an alias, and the record too", RECORD("x.R", FIELD("old", "'int'")),
     "{'type':'record','name':'y.R','aliases':['x.R'],'fields':[{'name':'new','type':'int','"
     "aliases':['old'],'default':0}]}",
     ""},
    {"a field under an alias in another namespace, in a union",
     RECORD("x.O", FIELD("r", "['null'," RECORD("x.R", FIELD("old", "'int'")) "]")),
     RECORD("x.O", FIELD("r", "['null'," RECORD("y.R", "{'name':'new','type':'int','aliases':["
                                                       "'old'],'default':0}") "]")),
     "FIELD_ALIAS_UNUSED r.new\n"},
    {"a field whose old name is given to another", RECORD("R", FIELD("a", "'int'")),
     RECORD("R", "{'name':'b','type':'int','aliases':['a']},{'name':'a','type':'int','default':1}"),
     ""},
    {"an alias of the record", RECORD("A", ""),
     "{'type':'record','name':'B','aliases':['A'],'fields':[]}", ""},
    {"inside", RECORD("R", FIELD("f", "{'type':'array','items':{'type':'map','values':'string'}}")),
     RECORD("R", FIELD("f", "{'type':'array','items':{'type':'map','values':'int'}}")),
     "TYPE_MISMATCH f[]{}\n"},
    {"a symbol goes", "{'type':'enum','name':'E','symbols':['A','B']}",
     "{'type':'enum','name':'E','symbols':['A']}", "MISSING_ENUM_SYMBOLS \n"},
    {"a symbol goes, with a default", "{'type':'enum','name':'E','symbols':['A','B']}",
     "{'type':'enum','name':'E','symbols':['A'],'default':'A'}", ""},
    {"a symbol comes", "{'type':'enum','name':'E','symbols':['A']}",
     "{'type':'enum','name':'E','symbols':['B','A']}", ""},
    {"both name and size", "{'type':'fixed','name':'F','size':1}",
     "{'type':'fixed','name':'G','size':2}", "NAME_MISMATCH \nFIXED_SIZE_MISMATCH \n"},
    {"a branch goes", "['null','int','string']", "['null','int']", "MISSING_UNION_BRANCH \n"},
    {"two branches go", "['null','int','string']", "['null']",
     "MISSING_UNION_BRANCH \nMISSING_UNION_BRANCH \n"},
    {"a branch comes", "['null','int']", "['null','int','string']", ""},
    {"a branch by promotion", "['null','int']", "['null','long']", ""},
    {"T to null|T", "'int'", "['null','int']", ""},
    {"null|T to T", "['null','int']", "'int'", "TYPE_MISMATCH \n"},
    {"no branch", "'string'", "['null','int']", "MISSING_UNION_BRANCH \n"},
    {"recursion: a pair that is being looked at is compatible",
     RECORD("R", FIELD("f", "['null','R']") "," FIELD("v", "'int'")),
     RECORD("R", FIELD("f", "['null','R']") "," FIELD("v", "'string'")), "TYPE_MISMATCH v\n"},
    {"a pair that is met twice is found once",
     RECORD("R", FIELD("a", RECORD("S", FIELD("x", "'int'"))) "," FIELD("b", "'S'")),
     RECORD("R", FIELD("a", RECORD("S", FIELD("x", "'string'"))) "," FIELD("b", "'S'")),
     "TYPE_MISMATCH a.x\n"},
    {"a decimal's scale", "{'type':'bytes','logicalType':'decimal','precision':4,'scale':1}",
     "{'type':'bytes','logicalType':'decimal','precision':4,'scale':2}", "DECIMAL_MISMATCH \n"},
    {"a field of an enum with a default, as in Avro Java", RECORD("R", ""),
     RECORD("R", FIELD("e", "{'type':'enum','name':'E','symbols':['A'],'default':'A'}")),
     "TYPE_MISMATCH e\n"},
};

static void backward_finds_what_avro_java_finds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        STELE_AUTO(stele_schema) old = schema_of(rows[i].old);
        STELE_AUTO(stele_schema) next = schema_of(rows[i].next);
        STELE_AUTO_VALUE(stele_buffer) found = {0};
        const stele_schema *versions[] = {old};
        size_t count =
            stele_schema_check(next, versions, 1, STELE_COMPATIBILITY_BACKWARD, list, &found);
        if (strcmp(stele_buffer_text(&found), rows[i].findings) != 0) {
            fail_msg("%s: found\n%s", rows[i].rule, stele_buffer_text(&found));
        }
        size_t lines = 0;
        for (size_t k = 0; k < found.size; k++)
            lines += found.data[k] == '\n';
        assert_int_equal(count, lines);
    }
}

typedef struct said {
    const char *kind;
    char text[1024];
} said;

static void keep_text(void *context, const stele_finding *finding)
{
    said *kept = context;
    kept->kind = finding->kind;
    snprintf(kept->text, sizeof kept->text, "%s", finding->text);
}

static void the_way_out_of_a_finding_is_one(void **state)
{
    (void)state;
    static const struct {
        const char *old;
        const char *next;
        const char *says;
    } cases[] = {
        /* The branch is there: to add it would not help. */
        {RECORD("M", FIELD("m", "['null'," RECORD("Body", FIELD("a", "'int'")) "]")),
         RECORD("M", FIELD("m", "['null'," RECORD(
                                    "Body", FIELD("a", "'int'") "," FIELD("b", "'int'")) "]")),
         "the branch Body of the union in the new schema does not read that of the old one: b: "
         "field \"b\" of the new schema has no default"},
        {RECORD("Body", FIELD("a", "'int'")), "['null'," RECORD("Body", FIELD("a", "'string'")) "]",
         "the branch Body of the union in the new schema does not read that of the old one: a: the "
         "new schema has string"},
        {"['null',{'type':'array','items':'string'}]", "['null',{'type':'array','items':'int'}]",
         "the branch array of the union in the new schema does not read that of the old one: []: "},
        {"['null','string']", "['null','int']",
         "no branch of the union in the new schema reads the string of the old one; add it"},
        /* An alias without a dot would be in the new namespace. */
        {RECORD("Order", FIELD("amount", "'long'")),
         RECORD("shop.Order", "{'name':'total','type':'long','aliases':['amount'],'default':0}"),
         "add \".Order\" to the aliases of the record"},
        {RECORD("a.Order", FIELD("amount", "'long'")),
         RECORD("Order", "{'name':'total','type':'long','aliases':['amount'],'default':0}"),
         "add \"a.Order\" to the aliases of the record"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        STELE_AUTO(stele_schema) old = schema_of(cases[i].old);
        STELE_AUTO(stele_schema) next = schema_of(cases[i].next);
        const stele_schema *versions[] = {old};
        said found = {0};
        size_t count =
            stele_schema_check(next, versions, 1, STELE_COMPATIBILITY_BACKWARD, keep_text, &found);
        assert_int_equal(count, 1);
        if (strstr(found.text, cases[i].says) == NULL) fail_msg("case %zu: %s", i, found.text);
    }
}

static void the_advice_about_an_alias_leads_to_a_schema_that_works(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema) old = schema_of(RECORD("Order", FIELD("amount", "'long'")));
    STELE_AUTO(stele_schema)
    next = schema_of("{'type':'record','name':'shop.Order','aliases':['.Order'],'fields':["
                     "{'name':'total','type':'long','aliases':['amount'],'default':0}]}");
    STELE_AUTO(stele_type) type = NULL;
    STELE_AUTO(stele_plan) plan = NULL;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    const stele_schema *versions[] = {old};
    int64_t total = 0;
    stele_error err;

    assert_int_equal(
        stele_schema_check(next, versions, 1, STELE_COMPATIBILITY_BACKWARD, NULL, NULL), 0);
    assert_int_equal(stele_type_new(next, &type, &err), STELE_OK);
    assert_int_equal(stele_plan_new(old, type, NULL, &plan, &err), STELE_OK);
    assert_int_equal(stele_plan_decode(plan, stele_bytes_of("\x54", 1), &total, arena, &err),
                     STELE_OK);
    assert_int_equal(total, 42);
}

static void modes_say_who_reads_whom(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema) ints = schema_of("'int'");
    STELE_AUTO(stele_schema) longs = schema_of("'long'");
    STELE_AUTO(stele_schema) doubles = schema_of("'double'");
    const stele_schema *up[] = {ints, longs};      /* doubles read both */
    const stele_schema *down[] = {doubles, longs}; /* both read ints */
    const stele_schema *mixed[] = {doubles, ints}; /* longs read the last only */
    static const struct {
        stele_compatibility mode;
        size_t up, down, mixed;
    } expected[] = {
        {STELE_COMPATIBILITY_NONE, 0, 0, 0},
        {STELE_COMPATIBILITY_BACKWARD, 0, 1, 0},
        {STELE_COMPATIBILITY_FORWARD, 1, 0, 1},
        {STELE_COMPATIBILITY_FULL, 1, 1, 1},
        {STELE_COMPATIBILITY_BACKWARD_TRANSITIVE, 0, 2, 1},
        {STELE_COMPATIBILITY_FORWARD_TRANSITIVE, 2, 0, 1},
        {STELE_COMPATIBILITY_FULL_TRANSITIVE, 2, 2, 2},
    };
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        stele_compatibility mode = expected[i].mode;
        assert_int_equal(stele_schema_check(doubles, up, 2, mode, NULL, NULL), expected[i].up);
        assert_int_equal(stele_schema_check(ints, down, 2, mode, NULL, NULL), expected[i].down);
        assert_int_equal(stele_schema_check(longs, mixed, 2, mode, NULL, NULL), expected[i].mixed);
        assert_int_equal(stele_schema_check(longs, NULL, 0, mode, NULL, NULL), 0);
    }
}

static void keep_last(void *context, const stele_finding *finding)
{
    stele_buffer_reset(context);
    stele_buffer_format(context, "%zu %d %s", finding->version, finding->forward, finding->text);
}

static void a_finding_says_the_version_the_direction_and_the_way_out(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema) first = schema_of("{'type':'record','name':'R','fields':[]}");
    STELE_AUTO(stele_schema)
    second = schema_of("{'type':'record','name':'R','fields':[{'name':'total','type':'int'}]}");
    const stele_schema *old[] = {second, second};
    STELE_AUTO_VALUE(stele_buffer) text = {0};

    stele_schema_check(first, old, 2, STELE_COMPATIBILITY_FORWARD, keep_last, &text);

    assert_string_equal(stele_buffer_text(&text),
                        "1 1 field \"total\" of the old schema has no default, so the old schema "
                        "cannot read data without it; add a default");
}

/* Unions of many types of one kind, none of which match: each is looked at for each. */
static stele_schema *large_union(char letter)
{
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_buffer_format(&text, "['null'");
    for (int i = 0; i < 5000; i++)
        stele_buffer_format(&text, ",{'type':'fixed','name':'%c%d','size':1}", letter, i);
    stele_buffer_format(&text, "]");
    return schema_of(stele_buffer_text(&text));
}

static void what_takes_too_long_is_a_finding(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema) a = large_union('A');
    STELE_AUTO(stele_schema) again = large_union('A');
    STELE_AUTO(stele_schema) b = large_union('B');
    const stele_schema *old[] = {a};
    STELE_AUTO_VALUE(stele_buffer) found = {0};

    stele_schema_check(b, old, 1, STELE_COMPATIBILITY_BACKWARD, list, &found);

    assert_non_null(strstr(stele_buffer_text(&found), "TOO_COMPLEX \n"));
    assert_int_equal(stele_schema_check(again, old, 1, STELE_COMPATIBILITY_FULL, NULL, NULL), 0);
}

static void modes_are_read_in_any_case(void **state)
{
    (void)state;
    stele_compatibility mode = STELE_COMPATIBILITY_NONE;
    stele_error err = {0};

    assert_int_equal(stele_compatibility_parse(stele_text("full-Transitive"), &mode, &err),
                     STELE_OK);
    assert_int_equal(mode, STELE_COMPATIBILITY_FULL_TRANSITIVE);
    assert_string_equal(stele_compatibility_name(mode), "FULL_TRANSITIVE");
    assert_int_equal(stele_compatibility_parse(stele_text("FUL"), &mode, &err), STELE_E_INVALID);
    assert_non_null(strstr(err.text, "BACKWARD_TRANSITIVE"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backward_finds_what_avro_java_finds),
        cmocka_unit_test(the_way_out_of_a_finding_is_one),
        cmocka_unit_test(the_advice_about_an_alias_leads_to_a_schema_that_works),
        cmocka_unit_test(modes_say_who_reads_whom),
        cmocka_unit_test(a_finding_says_the_version_the_direction_and_the_way_out),
        cmocka_unit_test(what_takes_too_long_is_a_finding),
        cmocka_unit_test(modes_are_read_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
