/* SPDX-License-Identifier: MIT
 * Records of the topic _stele.schemas: their bytes, and what is refused. */
#include "registry/record.h"

#include "core/alloc.h"
#include "tests/support/test.h"

#define GENESIS "01890a5d-ac96-774b-bcce-b302099a8057"

static void a_record_reads_as_it_was_written(void **state)
{
    (void)state;
    static const char *const golden[] = {
        "{\"type\":\"genesis\",\"format\":1,\"registry\":\"" GENESIS "\"}",
        "{\"type\":\"schema\",\"after\":-1,\"subject\":\"a.events-A\",\"schema\":\"\\\"int\\\"\"}",
        "{\"type\":\"schema\",\"after\":7,\"subject\":\"s\",\"schema\":\"{ }\",\"references\":"
        "[{\"name\":\"shop.A\",\"subject\":\"t\",\"version\":2,\"id\":5}]}",
        "{\"type\":\"config\",\"after\":3,\"compatibility\":\"FULL_TRANSITIVE\"}",
        "{\"type\":\"config\",\"after\":3,\"subject\":\"s\"}",
        "{\"type\":\"mode\",\"after\":3,\"subject\":\"s\",\"mode\":\"READONLY\"}",
        "{\"type\":\"delete\",\"after\":3,\"subject\":\"s\",\"permanent\":false}",
        "{\"type\":\"delete\",\"after\":3,\"subject\":\"s\",\"version\":2,\"permanent\":true}",
    };
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        STELE_AUTO_VALUE(stele_registry_record) record = {0};
        STELE_AUTO_VALUE(stele_buffer) json = {0};
        stele_error err;

        assert_int_equal(stele_registry_record_read(stele_text(golden[i]), &record, &err), 0);
        stele_registry_record_write(&record, &json);

        assert_string_equal(stele_buffer_text(&json), golden[i]);
    }
}

static void what_is_no_record_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"type\":\"other\",\"after\":1}",
        "{\"type\":\"genesis\",\"format\":1,\"registry\":\"x\"}",
        "{\"type\":\"genesis\",\"format\":\"1\",\"registry\":\"" GENESIS "\"}",
        "{\"type\":\"schema\",\"subject\":\"s\",\"schema\":\"{}\"}",
        "{\"type\":\"schema\",\"after\":-2,\"subject\":\"s\",\"schema\":\"{}\"}",
        "{\"type\":\"schema\",\"after\":1.0,\"subject\":\"s\",\"schema\":\"{}\"}",
        "{\"type\":\"schema\",\"after\":1,\"schema\":\"{}\"}",
        "{\"type\":\"schema\",\"after\":1,\"subject\":\"\",\"schema\":\"{}\"}",
        "{\"type\":\"schema\",\"after\":1,\"subject\":\"s\",\"schema\":{}}",
        "{\"type\":\"schema\",\"after\":1,\"subject\":\"s\",\"schema\":\"{}\",\"references\":{}}",
        "{\"type\":\"schema\",\"after\":1,\"subject\":\"s\",\"schema\":\"{}\",\"references\":[{}]}",
        "{\"type\":\"config\",\"after\":1,\"compatibility\":\"SOME\"}",
        "{\"type\":\"mode\",\"after\":1,\"mode\":\"readonly\"}",
        "{\"type\":\"delete\",\"after\":1,\"permanent\":true}",
        "{\"type\":\"delete\",\"after\":1,\"subject\":\"s\",\"permanent\":1}",
        "{\"type\":\"delete\",\"after\":1,\"subject\":\"s\",\"version\":0,\"permanent\":true}",
        "{\"type\":\"delete\",\"after\":1,\"after\":2,\"subject\":\"s\",\"permanent\":true}",
        "{\"type\":\"delete\",\"after\":1,\"subject\":\"s\",\"permanent\":true} x",
        "{\"type\":\"delete\",\"after\":1,\"subject\":\"\\u0000\",\"permanent\":true}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        stele_registry_record record;
        stele_error err;
        assert_int_equal(stele_registry_record_read(stele_text(bad[i]), &record, &err),
                         STELE_E_INVALID);
        assert_int_equal(err.next, STELE_NEXT_REJECT);
    }
    stele_registry_record record;
    assert_int_equal(stele_registry_record_read((stele_bytes){0}, &record, NULL), STELE_E_INVALID);
}

static void a_later_format_stops(void **state)
{
    (void)state;
    stele_registry_record record;
    stele_error err;
    const char *later = "{\"type\":\"genesis\",\"format\":2,\"registry\":\"" GENESIS "\"}";

    assert_int_equal(stele_registry_record_read(stele_text(later), &record, &err),
                     STELE_E_INCOMPATIBLE);
    assert_int_equal(err.next, STELE_NEXT_STOP);
}

static void hex_of(const uint8_t identity[32], char text[65])
{
    for (size_t i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", identity[i]);
}

static void identity_is_of_the_sorted_json_and_the_sorted_references(void **state)
{
    (void)state;
    char b_name[] = "b";
    char a_name[] = "a";
    stele_registry_link two[] = {{b_name, NULL, 1, 258}, {a_name, NULL, 1, 7}};
    stele_registry_link swapped[] = {{a_name, NULL, 1, 7}, {b_name, NULL, 1, 258}};
    uint8_t identity[32];
    char hex[65];

    /* printf '{"a":[1,2],"b":"x"}' | sha256sum */
    assert_int_equal(stele_registry_identity(stele_text(" { \"b\" : \"x\", \"a\":[1,\n2] }"), NULL,
                                             0, identity, NULL),
                     STELE_OK);
    hex_of(identity, hex);
    assert_string_equal(hex, "d0f56dda38d34376527524ddd98f7ec117d5cbfb240f86e11bfb9d2d01a717d9");

    /* printf '"int"a\0\0\0\0\7b\0\0\0\1\2' | sha256sum */
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(stele_registry_identity(stele_text("\"int\""), i == 0 ? two : swapped, 2,
                                                 identity, NULL),
                         STELE_OK);
        hex_of(identity, hex);
        assert_string_equal(hex,
                            "5758ef11ebb95fac1358f74b3c21930e0d8b47273712984330df4a29234d447d");
    }
    assert_int_equal(stele_registry_identity(stele_text("{"), NULL, 0, identity, NULL),
                     STELE_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_reads_as_it_was_written),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(a_later_format_stops),
        cmocka_unit_test(identity_is_of_the_sorted_json_and_the_sorted_references),
    };
    return cmocka_run_group_tests_name("registry/record", tests, NULL, NULL);
}
