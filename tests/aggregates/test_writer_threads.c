/* SPDX-License-Identifier: MIT
 * A writer that is called by many threads of the operating system, on the log in memory: for the
 * sanitizers, which see what fibers cannot do. */
#include <stele/writer.h>

#include "account.h"
#include "core/alloc.h"
#include "kafka/memory_log.h"
#include "ledger.h"
#include "registry/client.h"
#include "tests/support/test.h"

enum { THREADS = 6, CALLS = 60, PARTITIONS = 2, WAIT_MS = 60000 };

typedef struct caller {
    stele_writer *writer;
    stele_thread thread;
    int done;
    int repeated;
    stele_error failure; /* STELE_OK: none */
} caller;

static void call_once(caller *self, int i)
{
    char command_id[32], id[16];
    stele_result result;
    const test_commands_book command = {.cents = 1, .times = 1};
    snprintf(command_id, sizeof command_id, "%d", i); /* each thread sends the same ones */
    snprintf(id, sizeof id, "a%d", i % 5);
    const stele_call call = {.aggregate_id = stele_text(id),
                             .type = &test_commands_book_type,
                             .command = &command,
                             .command_id = command_id,
                             .timeout_ms = WAIT_MS};
    stele_error err;
    if (stele_execute(self->writer, &call, &result, &err) < 0)
        self->failure = err;
    else if (result.repeated)
        self->repeated++;
    else
        self->done++;
}

static void run(void *context)
{
    caller *self = context;
    for (int i = 0; i < CALLS; i++)
        call_once(self, i);
    test_account account = {0};
    int64_t version;
    stele_error err;
    if (stele_writer_load(self->writer, stele_text("a0"), WAIT_MS, &account, &version, &err) < 0)
        self->failure = err;
    stele_value_clear(&test_account_type, &account);
}

static void threads_share_a_writer(void **state)
{
    (void)state;
    stele_log *log;
    stele_client *client;
    stele_writer *writer;
    stele_error err;
    stele_aggregate table = account_table(NULL);
    stele_log_topic_options topic = {.name = "account.events", .partitions = PARTITIONS};
    assert_int_equal(stele_log_memory_new(NULL, &log, NULL), STELE_OK);
    assert_int_equal(stele_log_topic_create(log, &topic, WAIT_MS, NULL), STELE_OK);
    assert_int_equal(stele_client_open_on(log, NULL, "bank", &client, NULL), STELE_OK);
    assert_int_equal(
        stele_writer_open(client, &(stele_writer_options){.aggregate = &table}, &writer, &err),
        STELE_OK);

    caller callers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        callers[i] = (caller){.writer = writer};
        assert_int_equal(stele_thread_start(stele_runtime_system(), &callers[i].thread, "caller",
                                            run, &callers[i]),
                         0);
    }
    int done = 0;
    int repeated = 0;
    for (int i = 0; i < THREADS; i++) {
        stele_thread_join(callers[i].thread);
        if (callers[i].failure.status < 0) fail_msg("%s", callers[i].failure.text);
        done += callers[i].done;
        repeated += callers[i].repeated;
    }
    stele_writer_close(writer);

    assert_int_equal(done, CALLS); /* by whoever was first */
    assert_int_equal(repeated, (THREADS - 1) * CALLS);
    stele_deadline by = stele_deadline_after(stele_clock_system(), WAIT_MS);
    for (int i = 0; i < 5; i++) {
        char id[16];
        ledger found;
        snprintf(id, sizeof id, "a%d", i);
        assert_int_equal(ledger_read(log, "account.events", PARTITIONS, id, by, &found, &err),
                         STELE_OK);
        assert_int_equal(found.count, CALLS / 5);
    }
    stele_client_close(client);
    stele_log_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_share_a_writer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
