/* SPDX-License-Identifier: MIT
 * kafka/brokers.c: which lists of brokers are taken, and what is said of the others. */
#include "kafka/brokers.h"

#include "core/alloc.h"
#include "tests/support/test.h"

static void a_list_of_brokers_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *text, *protocol, *expected;
    } cases[] = {
        {"localhost:9092", "plaintext", "localhost:9092"},
        {"localhost", "plaintext", "localhost"},
        {"a:1,b:65535", "plaintext", "a:1,b:65535"},
        {" a:1 , b:2\t", "plaintext", "a:1,b:2"},
        {"10.0.0.1:9092", "plaintext", "10.0.0.1:9092"},
        {"[::1]:9092,[2001:db8::17]", "plaintext", "[::1]:9092,[2001:db8::17]"},
        {"kafka_1.my-net.example:9092", "plaintext", "kafka_1.my-net.example:9092"},
        {"ssl://a:9093,SSL://b:9093", "ssl", "a:9093,b:9093"},
        {"SASL_SSL://a:9093", "sasl_ssl", "a:9093"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_error err = {0};
        STELE_AUTO_VALUE(stele_buffer) out = {0};

        if (stele_brokers_parse(cases[i].text, cases[i].protocol, &out, &err) < 0)
            fail_msg("%s", err.text);

        assert_string_equal(stele_buffer_text(&out), cases[i].expected);
    }
}

static void what_is_no_broker_is_refused_with_the_way_out(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "empty"},
        {",", "empty"},
        {",,", "empty"},
        {" ", "empty"},
        {"a:1,", "empty"},
        {",a:1", "empty"},
        {"a:1,,b:2", "empty"},
        {"a:1, ,b:2", "empty"},
        {"http://h:9092", "security.protocol"},
        {"https://h:9092/", "security.protocol"},
        {"kafka://h:9092", "security.protocol"},
        {"://h:9092", "security.protocol"},
        {"a:1,tcp://b:2", "security.protocol"},
        {"ssl://h:9093", "security.protocol"},
        {"h:abc", "65535"},
        {"h:9092x", "65535"},
        {"h:", "65535"},
        {"h:0", "65535"},
        {"h:-1", "65535"},
        {"h:+9092", "65535"},
        {"h: 9092", "65535"},
        {"h:65536", "65535"},
        {"h:99999", "65535"},
        {"h:99999999999999999999", "65535"},
        {"h:9092:9092", "65535"},
        {":9092", "no host"},
        {"h h:9092", "a host has"},
        {"a:1;b:2", "65535"},
        {"a b", "a host has"},
        {"\"h\":9092", "a host has"},
        {"h,b?x", "a host has"},
        {"-h:1", "a host has"},
        {"h:9092/topic", "path"},
        {"user:secret@h:9092", "sasl.username"},
        {"::1", "brackets"},
        {"::1:9092", "brackets"},
        {"fe80::1", "brackets"},
        {"[::1:9092", "not closed"},
        {"[h]:9092", "IPv6"},
        {"[]:9092", "IPv6"},
        {"[::1]9092", "colon"},
        {"[::1]:", "65535"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_error err = {0};
        STELE_AUTO_VALUE(stele_buffer) out = {0};

        if (stele_brokers_parse(cases[i].text, "plaintext", &out, &err) != STELE_E_INVALID)
            fail_msg("taken: %s", cases[i].text);

        assert_int_equal(err.next, STELE_NEXT_STOP);
        if (strstr(err.text, cases[i].says) == NULL) fail_msg("%s", err.text);
        assert_non_null(strstr(err.text, "expected host:port"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_brokers_is_taken),
        cmocka_unit_test(what_is_no_broker_is_refused_with_the_way_out),
    };
    return cmocka_run_group_tests_name("kafka/brokers", tests, NULL, NULL);
}
