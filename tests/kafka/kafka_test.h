/* SPDX-License-Identifier: MIT
 * What the tests of the log on Kafka share: cmocka, calls that must succeed, topics with names of
 * their own, and a broker that may be killed. */
#ifndef STELE_TESTS_KAFKA_KAFKA_TEST_H
#define STELE_TESTS_KAFKA_KAFKA_TEST_H

#include "kafka/log.h"
#include "tests/support/test.h"

/** Long enough for every answer of a broker that is there. */
enum { PATIENCE_MS = 30000 };

/** What the last call said; the calls in MUST and MUST_FAIL fill it. */
extern stele_error err;

/** The call must succeed; else the test fails with its message. */
#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) < 0) fail_msg("%s: %s", stele_status_name(err.status), err.text);               \
    } while (0)

/** The call must fail with this status and this next. */
#define MUST_FAIL(call, expected_status, expected_next)                                            \
    do {                                                                                           \
        stele_status failed = (call);                                                              \
        if (failed != (expected_status) || err.next != (expected_next))                            \
            fail_msg("%s, next %d: %s", stele_status_name(failed), (int)err.next, err.text);       \
    } while (0)

/** A log on the broker at `address`; NULL: the one in STELE_KAFKA. */
stele_log *open_log(const char *address);

/** A name that no other test and no other run has. Valid until the next 16 calls. */
const char *fresh_name(const char *prefix);

/** A new topic of that many partitions. */
const char *make_topic(stele_log *log, int32_t partitions);

stele_log_producer *open_producer(stele_log *log, const char *transactional_id, const char *topic);

/** Put `text` as key and value into partition 0. */
void put_text(stele_log_producer *producer, const char *topic, const char *text);

/** One transaction with that one record. */
void append(stele_log_producer *producer, const char *topic, const char *text);

/** A member that counts what it owns. */
typedef struct counted {
    stele_log_member *member;
    size_t owned;
    bool lost; /* what was taken from it last */
} counted;

/** Join "group" for one topic, and poll once. Caller closes the member. */
void join_counted(stele_log *log, counted *it, const char *topic);

/** Values of all records of partition 0 up to its end, a comma behind each. Caller owns. */
char *read_texts(stele_log *log, const char *topic, stele_isolation isolation);

/** A broker of the test's own, which it may kill; its address. Stopped with stop_broker. */
const char *start_broker(void);
void stop_broker(void);

/** scripts/kafka COMMAND [OPTION] on that broker; waits until it is done. */
void broker(const char *command, const char *option);

/** Have it answer, however the last test left it: running, paused or killed. */
void revive_broker(void);

/** Where it keeps a file of partition 0 of a topic. Caller owns. */
char *broker_file(const char *topic, const char *name);

/** Milliseconds on the monotonic clock. */
int64_t now_ms(void);

#endif
