/* SPDX-License-Identifier: MIT
 * Runs the cases of the contract and sees that none is left out. */
#include "log_contract.h"

const contract_subject *subject;
stele_log *the_log;

typedef struct contract_case {
    const char *name;
    void (*run)(void);
} contract_case;

#define NAME_CASE(name) {#name, name},
static const contract_case cases[] = {LOG_CONTRACT(NAME_CASE)};

static size_t finished;

enum { SETTLE_MS = 5000 };

static void run_case(void **state)
{
    const contract_case *it = *state;
    it->run();
    finished++;
}

int run_log_contract(const contract_subject *tested)
{
    struct CMUnitTest tests[COUNT_OF(cases)];
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        tests[i] = (struct CMUnitTest){
            .name = cases[i].name, .test_func = run_case, .initial_state = (void *)&cases[i]};
    /* For people who look into one case; what is left out then still fails the run. */
    cmocka_set_test_filter(getenv("STELE_CASE"));
    subject = tested;
    the_log = tested->open();
    int failed = cmocka_run_group_tests_name("log contract", tests, NULL, NULL);
    stele_log_free(the_log);
    printf("%zu of %zu cases have run to their end\n", finished, COUNT_OF(cases));
    return failed == 0 && finished == COUNT_OF(cases) ? 0 : 1;
}

/* ---- what the cases share ---- */

stele_log_producer *open_plain(const char *topic)
{
    return open_producer(the_log, NULL, topic);
}

stele_log_reader *open_reader(const char *topic, stele_isolation isolation)
{
    stele_log_reader *reader = NULL;
    stele_log_reader_options options = {.isolation = isolation};
    MUST(stele_log_reader_open(the_log, &options, &reader, &err));
    MUST(stele_log_reader_start(reader, (stele_partition){topic, 0}, 0, &err));
    return reader;
}

void read_to(stele_log_reader *reader, int64_t end)
{
    for (stele_batch batch = {0}; !batch.at_end || batch.next_offset < end;) {
        stele_log_batch_release(&batch);
        batch = next_batch(reader);
        if (batch.at_end && batch.next_offset == end) {
            stele_log_batch_release(&batch);
            return;
        }
    }
}

stele_batch next_batch(stele_log_reader *reader)
{
    stele_batch batch = {0};
    MUST(stele_log_reader_next(reader, PATIENCE_MS, &batch, &err));
    if (batch.status != STELE_OK) fail_msg("%s", batch.error.text);
    return batch;
}

void expect_end(stele_log_reader *reader, int64_t next_offset)
{
    stele_batch batch = next_batch(reader);
    assert_true(batch.at_end);
    assert_int_equal(batch.count, 0);
    assert_int_equal(batch.next_offset, next_offset);
    stele_log_batch_release(&batch);
}

void expect_failure(stele_log_reader *reader, stele_status status)
{
    stele_batch batch = {0};
    do {
        stele_log_batch_release(&batch);
        MUST(stele_log_reader_next(reader, PATIENCE_MS, &batch, &err));
    } while (batch.status == STELE_OK);
    if (batch.status != status) fail_msg("%s", batch.error.text);
    assert_int_equal(batch.error.status, status);
    assert_int_equal(batch.count, 0);
    stele_log_batch_release(&batch);
    assert_int_equal(stele_log_reader_next(reader, 0, &batch, &err), STELE_E_TIMED_OUT);
}

void expect_texts(const char *topic, stele_isolation isolation, const char *texts)
{
    char *read = NULL;
    for (int64_t until = now_ms() + SETTLE_MS;;) {
        read = read_texts(the_log, topic, isolation);
        if (strcmp(read, texts) == 0 || now_ms() > until) break;
        free(read);
    }
    assert_string_equal(read, texts);
    free(read);
}

void expect_bounds(const char *topic, stele_isolation isolation, int64_t start, int64_t end)
{
    int64_t found_start = -1;
    int64_t found_end = -1;
    for (int64_t until = now_ms() + SETTLE_MS; now_ms() < until;) {
        stele_status status = stele_log_bounds(the_log, (stele_partition){topic, 0}, isolation,
                                               PATIENCE_MS, &found_start, &found_end, &err);
        if (status < 0 && err.next != STELE_NEXT_RETRY) fail_msg("%s", err.text);
        if (found_start == start && found_end == end) return;
    }
    fail_msg("%lld to %lld, not %lld to %lld", (long long)found_start, (long long)found_end,
             (long long)start, (long long)end);
}
