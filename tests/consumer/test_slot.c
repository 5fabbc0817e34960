/* SPDX-License-Identifier: MIT
 * What a task's failure means for its partition. */
#include "consumer/slot.h"

#include "tests/support/test.h"

static void each_failure_has_one_verdict(void **state)
{
    (void)state;
    static const struct {
        stele_status status;
        stele_next next;
        const char *text;
        slot_verdict verdict;
    } cases[] = {
        {STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "", SLOT_ON_ITS_WAY},
        {STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "no answer yet", SLOT_WAIT},
        {STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "registry is away", SLOT_WAIT},
        {STELE_E_TIMED_OUT, STELE_NEXT_ABORT, "outcome unknown", SLOT_REOPEN},
        {STELE_E_CONFLICT, STELE_NEXT_ABORT, "", SLOT_REOPEN},
        {STELE_E_FENCED, STELE_NEXT_STOP, "another owner", SLOT_GIVE_WAY},
        {STELE_E_FENCED, STELE_NEXT_RETRY, "another owner", SLOT_GIVE_WAY},
        {STELE_E_INVALID, STELE_NEXT_REJECT, "bad bytes", SLOT_GIVE_UP},
        {STELE_E_HOLE, STELE_NEXT_STOP, "events are gone", SLOT_GIVE_UP},
        {STELE_E_INTERNAL, STELE_NEXT_STOP, "", SLOT_GIVE_UP},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        stele_error failure;
        stele_fail(&failure, cases[i].status, cases[i].next, "%s", cases[i].text);
        if (slot_judge(&failure) != cases[i].verdict)
            fail_msg("case %zu: %d", i, (int)slot_judge(&failure));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_failure_has_one_verdict)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
