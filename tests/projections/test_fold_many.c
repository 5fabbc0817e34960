/* SPDX-License-Identifier: MIT
 * Many partitions in one worker: what is theirs together is asked once, not by each of them. */
#include "bank.h"

#include "kafka/partitioner.h"
#include "tests/support/counted_log.h"

enum { MANY = 32, IDS = 8 * MANY, EACH = 8 /* questions for one partition, at most */ };

static void deposit_everywhere(bank *of)
{
    for (int i = 0; i < IDS; i++) {
        char id[16];
        snprintf(id, sizeof id, "a%d", i);
        bank_deposit(of, stele_log_partition_of(stele_text(id), MANY), id, 1, "x");
    }
}

static void a_new_projection_asks_for_each_partition_not_for_each_pair(void **state)
{
    (void)state;
    bank *of = bank_new(MANY);
    deposit_everywhere(of);
    counted_log *asked = counted_log_begin(of->log, BANK_SNAPSHOTS);

    bank_run(of, (teller_options){.snapshot_events = 1000});

    assert_in_range(atomic_load(&asked->bounds), 1, MANY * EACH);
    assert_in_range(atomic_load(&asked->describes), 1, MANY * EACH);
    bank_free(of);
}

static void so_does_one_that_restores(void **state)
{
    (void)state;
    bank *of = bank_new(MANY);
    deposit_everywhere(of);
    bank_run(of, (teller_options){.snapshot_events = 1000});
    counted_log *asked = counted_log_begin(of->log, BANK_SNAPSHOTS);

    bank_run(of, (teller_options){.snapshot_events = 1000});

    assert_in_range(atomic_load(&asked->bounds), 1, MANY * EACH);
    assert_in_range(atomic_load(&asked->describes), 1, MANY * EACH);
    bank_free(of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_projection_asks_for_each_partition_not_for_each_pair),
        cmocka_unit_test(so_does_one_that_restores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
