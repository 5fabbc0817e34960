/* SPDX-License-Identifier: MIT
 * Layouts made at run time against what the C compiler lays out. */
#include <stele/type.h>

#include <stdalign.h>

#include "tests/schemas/avro_support.h"

/* Every type, in an order that needs padding. */
static const char *const kinds =
    "{'type':'record','name':'Kinds','fields':["
    "{'name':'flag','type':'boolean'},{'name':'whole','type':'int'},{'name':'small','type':'"
    "boolean'},"
    "{'name':'big','type':'long'},{'name':'nothing','type':'null'},{'name':'real','type':'float'},"
    "{'name':'wide','type':'double'},{'name':'raw','type':'bytes'},{'name':'text','type':'string'},"
    "{'name':'three','type':{'type':'fixed','name':'Three','size':3}},"
    "{'name':'none','type':{'type':'fixed','name':'None','size':0}},"
    "{'name':'span','type':{'type':'fixed','name':'Span','size':12,'logicalType':'duration'}},"
    "{'name':'money','type':{'type':'bytes','logicalType':'decimal','precision':18,'scale':2}},"
    "{'name':'huge','type':{'type':'bytes','logicalType':'decimal','precision':19}},"
    "{'name':'suit','type':{'type':'enum','name':'Suit','symbols':['A','B']}},"
    "{'name':'maybe','type':['null','int']},{'name':'perhaps','type':['string','null']},"
    "{'name':'list','type':{'type':'array','items':['null','int']}},"
    "{'name':'table','type':{'type':'map','values':'boolean'}},"
    "{'name':'inner','type':{'type':'record','name':'Inner','fields':[{'name':'a','type':'boolean'}"
    ","
    "{'name':'b','type':'long'}]}},"
    "{'name':'empty','type':{'type':'record','name':'Empty','fields':[]}},"
    "{'name':'either','type':['null','boolean','Inner','string','Kinds']},"
    "{'name':'next','type':['null','Kinds']}]}";

typedef struct inner {
    bool a;
    int64_t b;
} inner;

typedef struct empty {
    uint8_t empty;
} empty;

typedef struct list_item {
    bool has_value;
    int32_t value;
} list_item;

typedef struct table_entry {
    stele_bytes key;
    bool value;
} table_entry;

typedef struct either {
    int32_t branch;
    union {
        bool boolean;
        inner inner;
        stele_bytes string;
        struct kinds *kinds;
    } as;
} either;

typedef struct kinds {
    bool flag;
    int32_t whole;
    bool small;
    int64_t big;
    uint8_t nothing;
    float real;
    double wide;
    stele_bytes raw;
    stele_bytes text;
    uint8_t three[3];
    uint8_t none[1];
    stele_duration span;
    int64_t money;
    stele_bytes huge;
    int32_t suit;
    bool has_maybe;
    int32_t maybe;
    bool has_perhaps;
    stele_bytes perhaps;
    stele_array list;
    stele_map table;
    inner inner;
    empty empty;
    either either;
    bool has_next;
    struct kinds *next;
} kinds_struct;

static const stele_member *member_of(const stele_type *type, const char *name)
{
    for (uint32_t i = 0; i < type->layout->count; i++) {
        if (strcmp(type->layout->members[i].name, name) == 0) return &type->layout->members[i];
    }
    fail_msg("no member %s", name);
    return NULL;
}

#define CHECK(field)                                                                               \
    do {                                                                                           \
        const stele_member *member = member_of(type, #field);                                      \
        assert_int_equal(member->offset, offsetof(kinds_struct, field));                           \
        if (!member->pointer) {                                                                    \
            assert_int_equal(member->layout->size, sizeof((kinds_struct *)NULL)->field);           \
        }                                                                                          \
    } while (0)

static void layouts_are_those_of_the_compiler(void **state)
{
    (void)state;
    STELE_AUTO(stele_type) type = type_of(kinds);

    assert_int_equal(type->layout->size, sizeof(kinds_struct));
    assert_int_equal(type->layout->align, alignof(kinds_struct));
    CHECK(flag);
    CHECK(whole);
    CHECK(small);
    CHECK(big);
    CHECK(nothing);
    CHECK(real);
    CHECK(wide);
    CHECK(raw);
    CHECK(text);
    CHECK(three);
    CHECK(none);
    CHECK(span);
    CHECK(money);
    CHECK(huge);
    CHECK(suit);
    CHECK(maybe);
    CHECK(perhaps);
    CHECK(list);
    CHECK(table);
    CHECK(inner);
    CHECK(empty);
    CHECK(either);
    CHECK(next);
}

static void optional_members_have_a_flag(void **state)
{
    (void)state;
    STELE_AUTO(stele_type) type = type_of(kinds);

    const stele_member *maybe = member_of(type, "maybe");
    const stele_member *perhaps = member_of(type, "perhaps");

    assert_int_equal(maybe->flag_offset, offsetof(kinds_struct, has_maybe));
    assert_true(maybe->null_first);
    assert_int_equal(perhaps->flag_offset, offsetof(kinds_struct, has_perhaps));
    assert_false(perhaps->null_first);
    assert_int_equal(member_of(type, "whole")->flag_offset, STELE_NO_FLAG);
}

/* What is said again for speed: a value's kind, where nothing but its kind says how it is written.
 */
static void only_what_is_there_in_place_and_in_its_usual_form_is_plain(void **state)
{
    (void)state;
    STELE_AUTO(stele_type) type = type_of(kinds);
    static const struct {
        const char *name;
        stele_kind plain;
    } rows[] = {
        {"flag", STELE_KIND_BOOLEAN}, {"whole", STELE_KIND_INT},    {"big", STELE_KIND_LONG},
        {"real", STELE_KIND_FLOAT},   {"wide", STELE_KIND_DOUBLE},  {"text", STELE_KIND_STRING},
        {"three", STELE_KIND_FIXED},  {"huge", STELE_KIND_NULL},    {"suit", STELE_KIND_ENUM},
        {"list", STELE_KIND_ARRAY},   {"inner", STELE_KIND_RECORD}, {"either", STELE_KIND_UNION},
        {"nothing", STELE_KIND_NULL}, {"span", STELE_KIND_NULL},    {"money", STELE_KIND_NULL},
        {"maybe", STELE_KIND_NULL},   {"perhaps", STELE_KIND_NULL}, {"next", STELE_KIND_NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (member_of(type, rows[i].name)->plain != rows[i].plain) fail_msg("%s", rows[i].name);
    }

    assert_int_equal(member_of(type, "list")->layout->item->plain, STELE_KIND_NULL);
    assert_int_equal(member_of(type, "table")->layout->item->plain, STELE_KIND_BOOLEAN);
    assert_int_equal(member_of(type, "either")->layout->members[0].plain, STELE_KIND_NULL);
    assert_int_equal(member_of(type, "either")->layout->members[3].plain, STELE_KIND_STRING);
    assert_int_equal(member_of(type, "either")->layout->members[4].plain, STELE_KIND_NULL);
}

static void runs_are_of_one_kind_and_not_too_long(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    stele_buffer_format(&text, "{'type':'record','name':'R','fields':[");
    for (int i = 0; i < 20; i++)
        stele_buffer_format(&text, "{'name':'n%d','type':'long'},", i);
    stele_buffer_format(&text, "{'name':'a','type':'int'},{'name':'b','type':['null','int']},"
                               "{'name':'c','type':'int'},{'name':'d','type':'int'}]}");
    STELE_AUTO(stele_type) type = type_of(stele_buffer_text(&text));

    assert_int_equal(member_of(type, "n0")->run, 4);
    assert_int_equal(member_of(type, "n3")->run, 1);
    assert_int_equal(member_of(type, "n4")->run, 16);
    assert_int_equal(member_of(type, "n19")->run, 1);
    assert_int_equal(member_of(type, "a")->run, 1);
    assert_int_equal(member_of(type, "b")->run, 1);
    assert_int_equal(member_of(type, "c")->run, 2);
    assert_int_equal(member_of(type, "d")->run, 1);
}

static void items_and_entries_have_a_stride(void **state)
{
    (void)state;
    STELE_AUTO(stele_type) type = type_of(kinds);

    const stele_layout *list = member_of(type, "list")->layout;
    const stele_layout *table = member_of(type, "table")->layout;

    assert_int_equal(list->stride, sizeof(list_item));
    assert_int_equal(list->item->offset, offsetof(list_item, value));
    assert_int_equal(list->item->flag_offset, offsetof(list_item, has_value));
    assert_int_equal(table->stride, sizeof(table_entry));
    assert_int_equal(table->item->offset, offsetof(table_entry, value));
}

static void branches_lie_behind_the_index(void **state)
{
    (void)state;
    STELE_AUTO(stele_type) type = type_of(kinds);

    const stele_layout *layout = member_of(type, "either")->layout;

    assert_int_equal(layout->count, 5);
    assert_null(layout->members[0].layout);
    assert_string_equal(layout->members[2].name, "Inner");
    for (uint32_t i = 1; i < 5; i++)
        assert_int_equal(layout->members[i].offset, offsetof(either, as));
    assert_true(layout->members[4].pointer);
    assert_false(layout->members[2].pointer);
    assert_ptr_equal(layout->members[4].layout, type->layout);
}

/* Records that contain one another hold pointers both ways, so that their structs do not depend on
 * which of them is read first; through an array nothing has to. */
static void only_records_that_contain_one_another_hold_pointers(void **state)
{
    (void)state;
    STELE_AUTO(stele_type)
    type = type_of(
        "{'type':'record','name':'A','fields':[{'name':'b','type':{'type':'record','name':"
        "'B','fields':[{'name':'a','type':['null','A']},{'name':'v','type':'int'}]}},"
        "{'name':'kids','type':{'type':'array','items':'A'}},{'name':'c','type':{'type':"
        "'record','name':'C','fields':[{'name':'all','type':{'type':'array','items':'C'}}]}}"
        "]}");

    assert_true(member_of(type, "b")->pointer);
    assert_true(member_of(type, "b")->layout->members[0].pointer);
    assert_false(member_of(type, "kids")->layout->item->pointer);
    assert_int_equal(member_of(type, "kids")->layout->stride, type->layout->size);
    assert_false(member_of(type, "c")->pointer);
    assert_false(member_of(type, "c")->layout->members[0].layout->item->pointer);
}

static void a_type_may_be_of_any_kind(void **state)
{
    (void)state;
    static const struct {
        const char *schema;
        size_t size;
    } rows[] = {
        {"'int'", sizeof(int32_t)},
        {"'string'", sizeof(stele_bytes)},
        {"['null','int']", 2 * sizeof(int)},
        {"['null']", sizeof(int32_t)},
        {"{'type':'array','items':'int'}", sizeof(stele_array)},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        STELE_AUTO(stele_type) type = type_of(rows[i].schema);
        assert_int_equal(type->layout->size, rows[i].size);
    }
}

static void a_type_too_large_is_refused(void **state)
{
    (void)state;
    STELE_AUTO(stele_schema) schema = schema_of("{'type':'fixed','name':'F','size':2147483647}");
    STELE_AUTO(stele_type) type = NULL;
    stele_error err = {0};

    assert_int_equal(stele_type_new(schema, &type, &err), STELE_E_LIMIT);
}

static void a_type_has_a_schema_that_needs_no_other(void **state)
{
    (void)state;
    stele_schema *part =
        schema_of("{'type':'record','name':'Part','aliases':['Old'],'fields':[{'name':"
                  "'n','type':['null','int'],'default':null,'doc':'x','y':1e400}]} // Part");
    const stele_schema *with[] = {part, NULL};
    stele_schema_options options = {.with = with};
    STELE_AUTO(stele_schema) whole = NULL;
    stele_error err = {0};
    const char *text = "{\"type\":\"record\",\"name\":\"shop.Whole\",\"fields\":[{\"name\":\"a\","
                       "\"type\":\"Part\"},{\"name\":\"b\",\"type\":\"Part\"}]}";
    assert_int_equal(stele_schema_parse(stele_text(text), &options, &whole, &err), STELE_OK);
    stele_schema_free(part);
    STELE_AUTO(stele_type) type = NULL;
    assert_int_equal(stele_type_new(whole, &type, &err), STELE_OK);

    STELE_AUTO(stele_schema) again = NULL;
    if (stele_schema_parse(stele_text(type->schema), NULL, &again, &err) < 0) {
        fail_msg("%s\n%s", err.text, type->schema);
    }

    assert_true(stele_schema_equal(whole, again));
    assert_non_null(strstr(type->schema, "\"doc\":\"x\",\"y\":1e400}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_are_those_of_the_compiler),
        cmocka_unit_test(optional_members_have_a_flag),
        cmocka_unit_test(only_what_is_there_in_place_and_in_its_usual_form_is_plain),
        cmocka_unit_test(runs_are_of_one_kind_and_not_too_long),
        cmocka_unit_test(items_and_entries_have_a_stride),
        cmocka_unit_test(branches_lie_behind_the_index),
        cmocka_unit_test(only_records_that_contain_one_another_hold_pointers),
        cmocka_unit_test(a_type_may_be_of_any_kind),
        cmocka_unit_test(a_type_too_large_is_refused),
        cmocka_unit_test(a_type_has_a_schema_that_needs_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
