/* SPDX-License-Identifier: MIT
 * Given these events, then this state; without a broker. */
#include <stele/stele_test.h>

#include "account.h"
#include "deposited.h"
#include "withdrawn.h"

int main(void)
{
    stele_test *test = stele_test_projection(&balances);

    stele_test_given(test, "a1", &bank_deposited_type, &(bank_deposited){.cents = 500});
    stele_test_given(test, "a1", &bank_withdrawn_type, &(bank_withdrawn){.cents = 120});
    stele_test_then_json(test, "a1", "{\"cents\": 380, \"bookings\": 2}");
    stele_test_then_none(test, "a2");

    return stele_test_end(test);
}
