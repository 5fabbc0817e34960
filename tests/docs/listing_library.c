/* SPDX-License-Identifier: MIT
 * The listings of docs/library.md: what the projection in them makes of an event. */
#include <stele/stele.h>
#include <stele/stele_test.h>

#include <inttypes.h>
#include <stdio.h>

#include "balance.h"
#include "deposited.h"
#include "withdrawn.h"

static const stele_aggregate account = {
    .name = "account",
    .events = (const stele_type *const[]){&bank_deposited_type, &bank_withdrawn_type, NULL},
};

#include "library.inc"

int main(void)
{
    /* These want a broker: tests/cli/test_run.c and tests/consumer/test_find.c call the same. */
    (void)run_workers, (void)print_balance, (void)find_unpublished;
    stele_test *test = stele_test_projection(&balances);
    stele_test_given(test, "ann", &bank_withdrawn_type, &(bank_withdrawn){.cents = 200});
    stele_test_then(test, "ann", &(bank_balance){.cents = -250});
    return stele_test_end(test);
}
