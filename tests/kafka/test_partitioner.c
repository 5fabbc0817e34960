/* SPDX-License-Identifier: MIT
 * Keys go where Java's clients send them. */
#include "kafka/partitioner.h"

#include "tests/support/test.h"

/* The values of Kafka's own UtilsTest.testMurmur2, their sign bit taken away as the partitioner
 * does. */
static void hashes_are_those_of_the_java_client(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int32_t hash;
    } cases[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int32_t partition = stele_log_partition_of(stele_text(cases[i].key), INT32_MAX);

        assert_int_equal(partition, (cases[i].hash & INT32_MAX) % INT32_MAX);
    }
}

static void one_partition_takes_every_key(void **state)
{
    (void)state;
    assert_int_equal(stele_log_partition_of(stele_text(""), 1), 0);
    assert_int_equal(stele_log_partition_of(stele_text("anything"), 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_the_java_client),
        cmocka_unit_test(one_partition_takes_every_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
