/* SPDX-License-Identifier: MIT
 * What the tests of the fenced transaction share: a log in memory, and looks at writer and topic.
 */
#ifndef STELE_TESTS_FENCED_TEST_H
#define STELE_TESTS_FENCED_TEST_H

#include "core/deadline.h"
#include "producer/fenced.h"
#include "tests/support/test.h"

enum { WAIT_MS = 10000 };
#define TOPIC  "balances.v1.snapshots"
#define EVENTS "account.events"

/** A log with those two topics, of two partitions each. */
stele_log *log_with_topics(stele_runtime runtime);

/** A test whose state is such a log. */
int begin_log(void **state);
int end_log(void **state);
#define ON_A_LOG(test) cmocka_unit_test_setup_teardown(test, begin_log, end_log)

void wait_for_state(stele_fenced *fenced, stele_fenced_state state, stele_error *failure);

/** Of one record, for partition 0 of TOPIC. */
stele_transaction *with_record(const char *key, const char *value);

/** The committed values of that partition, a blank behind each. */
void assert_committed(stele_log *log, const char *expected);

#endif
