/* SPDX-License-Identifier: MIT
 * What differs between two JSON texts, by path. */
#include "schemas/json_diff.h"

#include "tests/support/test.h"

static void what_differs_is_named_by_its_path(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *changes;
    } cases[] = {
        {"{\"a\":1,\"b\":[1,2]}", "{\"b\":[1,2],\"a\":1}", "[]"},
        {"{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":3}", "[{\"path\":\"b\",\"from\":2,\"to\":3}]"},
        {"{\"a\":1}", "{\"a\":\"1\"}", "[{\"path\":\"a\",\"from\":1,\"to\":\"1\"}]"},
        {"{\"a\":{\"b\":{\"c\":null}}}", "{\"a\":{\"b\":{\"c\":true}}}",
         "[{\"path\":\"a.b.c\",\"from\":null,\"to\":true}]"},
        {"{\"items\":[{\"sku\":\"x\"},{\"sku\":\"y\"}]}", "{\"items\":[{\"sku\":\"z\"}]}",
         "[{\"path\":\"items[0].sku\",\"from\":\"x\",\"to\":\"z\"},"
         "{\"path\":\"items[1]\",\"from\":{\"sku\":\"y\"}}]"},
        {"{\"m\":{\"p\":1,\"q\":2}}", "{\"m\":{\"q\":2,\"r\":3}}",
         "[{\"path\":\"m.p\",\"from\":1},{\"path\":\"m.r\",\"to\":3}]"},
        {"{\"a\":[]}", "{\"a\":{}}", "[{\"path\":\"a\",\"from\":[],\"to\":{}}]"},
        {"{\"a\":1}", "null", "[{\"path\":\"\",\"from\":{\"a\":1},\"to\":null}]"},
        {"", "{\"a\":1}", "[{\"path\":\"\",\"to\":{\"a\":1}}]"},
        {"", "", "[]"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_buffer out = {0};

        stele_json_diff(stele_text(cases[i].from), stele_text(cases[i].to), &out);

        assert_string_equal(stele_buffer_text(&out), cases[i].changes);
        stele_buffer_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_differs_is_named_by_its_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
