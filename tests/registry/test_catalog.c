/* SPDX-License-Identifier: MIT
 * The fold over the registry's records: what is admitted, and what comes of it. */
#include "registry/catalog.h"

#include "core/alloc.h"
#include "tests/support/test.h"

STELE_SCOPE(stele_catalog, stele_catalog_free);

#define GENESIS "{'type':'genesis','format':1,'registry':'01890a5d-ac96-774b-bcce-b302099a8057'}"

/* Apply JSON with ' for " at an offset. @return was it admitted? */
static bool apply(stele_catalog *catalog, int64_t offset, const char *quoted)
{
    stele_error err;
    bool admitted;
    STELE_AUTO(char) json = stele_strdup(quoted);
    for (char *at = json; *at != '\0'; at++) {
        if (*at == '\'') *at = '"';
    }
    assert_int_equal(stele_catalog_apply(catalog, offset, stele_text(json), &admitted, &err), 0);
    assert_int_equal(stele_catalog_was_admitted(catalog, offset), admitted);
    return admitted;
}

static stele_catalog *with_genesis(void)
{
    stele_catalog *catalog = stele_catalog_new();
    assert_true(apply(catalog, 0, GENESIS));
    return catalog;
}

#define SCHEMA(after, subject, text)                                                               \
    "{'type':'schema','after':" after ",'subject':'" subject "','schema':'" text "'}"

static void nothing_is_admitted_before_the_genesis(void **state)
{
    (void)state;
    STELE_AUTO(stele_catalog) catalog = stele_catalog_new();

    assert_false(apply(catalog, 0, SCHEMA("-1", "s", "{}")));
    assert_string_equal(stele_catalog_genesis(catalog), "");
    assert_true(apply(catalog, 1, GENESIS));
    assert_false(apply(catalog, 2, GENESIS));
    assert_string_equal(stele_catalog_genesis(catalog), "01890a5d-ac96-774b-bcce-b302099a8057");
}

static void of_two_writers_that_saw_the_same_the_first_is_admitted(void **state)
{
    (void)state;
    STELE_AUTO(stele_catalog) catalog = with_genesis();

    assert_true(apply(catalog, 3, SCHEMA("-1", "s", "{}")));
    assert_false(apply(catalog, 4, SCHEMA("-1", "s", "[]")));
    assert_true(apply(catalog, 5, SCHEMA("-1", "other", "[]")));
    assert_true(apply(catalog, 6, SCHEMA("3", "s", "[1]")));

    const stele_catalog_subject *subject = stele_catalog_subject_of(catalog, "s");
    assert_int_equal(subject->count, 2);
    assert_int_equal(subject->versions[0].id, 4);
    assert_int_equal(subject->versions[1].id, 7);
    assert_int_equal(subject->last, 6);
}

static void an_id_is_one_more_than_the_offset_of_the_first_with_that_identity(void **state)
{
    (void)state;
    STELE_AUTO(stele_catalog) catalog = with_genesis();

    assert_true(apply(catalog, 10, SCHEMA("-1", "a", "[1, 2]")));
    assert_true(apply(catalog, 11, SCHEMA("-1", "b", "[1,2]")));

    assert_int_equal(stele_catalog_subject_of(catalog, "b")->versions[0].id, 11);
    stele_catalog_schema *schema = stele_catalog_schema_of(catalog, 11);
    assert_string_equal(schema->text, "[1, 2]");
    assert_ptr_equal(stele_catalog_identified(catalog, schema->identity), schema);
    assert_null(stele_catalog_schema_of(catalog, 12));
    assert_ptr_equal(stele_catalog_schema_at(catalog, 0), schema);
    assert_null(stele_catalog_schema_at(catalog, 1));
}

static void a_deletion_for_good_leaves_the_id_and_never_gives_a_number_twice(void **state)
{
    (void)state;
    STELE_AUTO(stele_catalog) catalog = with_genesis();
    assert_true(apply(catalog, 1, SCHEMA("-1", "s", "{}")));

    assert_true(apply(catalog, 2, "{'type':'delete','after':1,'subject':'s','permanent':false}"));
    assert_int_equal(stele_catalog_subject_of(catalog, "s")->versions[0].state,
                     STELE_VERSION_DELETED);
    assert_true(apply(catalog, 3, "{'type':'delete','after':2,'subject':'s','permanent':true}"));
    assert_int_equal(stele_catalog_subject_of(catalog, "s")->versions[0].state, STELE_VERSION_GONE);
    assert_true(apply(catalog, 4, SCHEMA("3", "s", "{}")));

    const stele_catalog_subject *subject = stele_catalog_subject_of(catalog, "s");
    assert_int_equal(subject->count, 2);
    assert_int_equal(subject->versions[1].id, 2);
}

static void what_cannot_be_is_not_admitted_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const cases[] = {
        SCHEMA("-1", "s", "{"),
        "{'type':'schema','after':-1,'subject':'s','schema':'{}','references':"
        "[{'name':'a','subject':'t','version':1,'id':99}]}",
        "{'type':'delete','after':-1,'subject':'s','permanent':true}",
        "{'type':'delete','after':1,'subject':'t','version':2,'permanent':true}",
        "{'type':'config','after':5,'compatibility':'NONE'}",
        "nothing",
    };
    STELE_AUTO(stele_catalog) catalog = with_genesis();
    assert_true(apply(catalog, 1, SCHEMA("-1", "t", "{}")));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_false(apply(catalog, (int64_t)i + 2, cases[i]));
    assert_null(stele_catalog_subject_of(catalog, "s"));
    assert_int_equal(stele_catalog_level(catalog, NULL), STELE_COMPATIBILITY_BACKWARD);
}

static void a_setting_holds_for_the_subject_else_for_all(void **state)
{
    (void)state;
    STELE_AUTO(stele_catalog) catalog = with_genesis();
    assert_int_equal(stele_catalog_mode(catalog, "s"), STELE_MODE_READWRITE);

    assert_true(apply(catalog, 1, "{'type':'config','after':-1,'compatibility':'FULL'}"));
    assert_true(apply(catalog, 2, "{'type':'mode','after':1,'mode':'READONLY'}"));
    assert_true(apply(catalog, 3,
                      "{'type':'config','after':-1,'subject':'s','compatibility':"
                      "'NONE'}"));
    assert_int_equal(stele_catalog_level(catalog, "s"), STELE_COMPATIBILITY_NONE);
    assert_int_equal(stele_catalog_level(catalog, "t"), STELE_COMPATIBILITY_FULL);
    assert_int_equal(stele_catalog_mode(catalog, "s"), STELE_MODE_READONLY);

    assert_true(apply(catalog, 4, "{'type':'config','after':3,'subject':'s'}"));
    assert_int_equal(stele_catalog_level(catalog, "s"), STELE_COMPATIBILITY_FULL);
}

static void a_registry_of_a_later_format_is_not_read(void **state)
{
    (void)state;
    STELE_AUTO(stele_catalog) catalog = stele_catalog_new();
    stele_error err;
    const char *later = "{\"type\":\"genesis\",\"format\":2,\"registry\":"
                        "\"01890a5d-ac96-774b-bcce-b302099a8057\"}";
    assert_int_equal(stele_catalog_apply(catalog, 0, stele_text(later), NULL, &err),
                     STELE_E_INCOMPATIBLE);

    assert_true(apply(catalog, 1, GENESIS));
    assert_int_equal(stele_catalog_apply(catalog, 2, stele_text(later), NULL, &err), STELE_OK);
    assert_false(stele_catalog_was_admitted(catalog, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_admitted_before_the_genesis),
        cmocka_unit_test(of_two_writers_that_saw_the_same_the_first_is_admitted),
        cmocka_unit_test(an_id_is_one_more_than_the_offset_of_the_first_with_that_identity),
        cmocka_unit_test(a_deletion_for_good_leaves_the_id_and_never_gives_a_number_twice),
        cmocka_unit_test(what_cannot_be_is_not_admitted_and_changes_nothing),
        cmocka_unit_test(a_setting_holds_for_the_subject_else_for_all),
        cmocka_unit_test(a_registry_of_a_later_format_is_not_read),
    };
    return cmocka_run_group_tests_name("registry/catalog", tests, NULL, NULL);
}
