/* SPDX-License-Identifier: MIT
 * kafka/rdkafka_error.c: librdkafka's word as Stele's. */
#include "kafka_test.h"

#include "kafka/rdkafka_log.h"

static void the_flags_alone_say_what_is_next(void **state)
{
    (void)state;
    static const struct {
        rdkafka_verdict verdict;
        stele_status status;
        stele_next next;
    } cases[] = {
        /* One code comes with different flags. */
        {{RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, .abortable = true},
         STELE_E_UNAVAILABLE,
         STELE_NEXT_ABORT},
        {{RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, .retriable = true},
         STELE_E_UNAVAILABLE,
         STELE_NEXT_RETRY},
        {{RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, .abortable = true},
         STELE_E_NOT_OWNER,
         STELE_NEXT_ABORT},
        {{RD_KAFKA_RESP_ERR__FENCED, .fatal = true}, STELE_E_FENCED, STELE_NEXT_STOP},
        {{RD_KAFKA_RESP_ERR__TIMED_OUT, .abortable = true}, STELE_E_TIMED_OUT, STELE_NEXT_ABORT},
        {{RD_KAFKA_RESP_ERR__TRANSPORT, .retriable = true}, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY},
        /* Several at once: the safest. */
        {{RD_KAFKA_RESP_ERR__FENCED, .fatal = true, .abortable = true, .retriable = true},
         STELE_E_FENCED,
         STELE_NEXT_STOP},
        {{RD_KAFKA_RESP_ERR__TIMED_OUT, .abortable = true, .retriable = true},
         STELE_E_TIMED_OUT,
         STELE_NEXT_ABORT},
        /* No flag: stop, whatever the code. */
        {{.code = RD_KAFKA_RESP_ERR__TRANSPORT}, STELE_E_UNAVAILABLE, STELE_NEXT_STOP},
        {{.code = RD_KAFKA_RESP_ERR__STATE}, STELE_E_INTERNAL, STELE_NEXT_STOP},
        {{.code = (rd_kafka_resp_err_t)9999}, STELE_E_INTERNAL, STELE_NEXT_STOP},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {

        stele_status status = stele_rdkafka_fail(&err, cases[i].verdict, "commit of a-1");

        assert_int_equal(status, cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        assert_int_equal(err.next, cases[i].next);
        assert_int_equal(err.cause, (int)cases[i].verdict.code);
        assert_ptr_equal(strstr(err.text, "commit of a-1: "), err.text);
    }
}

static void no_error_object_is_no_failure(void **state)
{
    (void)state;
    err.status = STELE_E_LIMIT;

    assert_int_equal(stele_rdkafka_fail_error(&err, NULL, "commit"), STELE_OK);

    assert_int_equal(err.status, STELE_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_flags_alone_say_what_is_next),
        cmocka_unit_test(no_error_object_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
