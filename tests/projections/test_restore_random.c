/* SPDX-License-Identifier: MIT
 * Snapshots topics at random, hostile ones among them, against what the fuzzer's target holds true.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROUNDS = 600, RECORDS = 24, BYTES = 5 };

/* A record as in tests/fuzz/fuzz_restore.c; mostly sound, so that one that is not has company. */
static void put_record(stele_random *random, uint8_t *out)
{
    bool is_checkpoint = stele_random_below(random, 4) == 0;
    bool is_odd = stele_random_below(random, 8) == 0;
    out[0] = (uint8_t)(is_odd ? stele_random_below(random, 256)
                              : (uint32_t)(is_checkpoint ? 1 : 0) | 4 | 16 | 32);
    if (!is_odd && !is_checkpoint && stele_random_below(random, 6) == 0) out[0] &= (uint8_t)~4;
    out[1] = (uint8_t)stele_random_below(random, 4);
    out[2] = (uint8_t)stele_random_below(random, is_checkpoint ? 256 : 12);
    out[3] = (uint8_t)stele_random_below(random, 104);
    out[4] = (uint8_t)(is_checkpoint ? 0 : stele_random_below(random, 8));
}

static void whatever_is_in_a_snapshots_topic_is_taken_or_refused(void **state)
{
    (void)state;
    stele_random random = stele_random_from_environment();
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t bytes[RECORDS * BYTES];
        size_t count = stele_random_below(&random, RECORDS + 1);
        for (size_t i = 0; i < count; i++)
            put_record(&random, bytes + i * BYTES);
        LLVMFuzzerTestOneInput(bytes, count * BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_in_a_snapshots_topic_is_taken_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
