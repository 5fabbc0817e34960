/* SPDX-License-Identifier: MIT
 * One log in memory, several threads: worth most under TSan. */
#include "kafka_test.h"

#include <pthread.h>

#include "kafka/memory_log.h"

enum { WRITERS = 3, TRANSACTIONS = 200, EACH = 5 };

typedef struct writer {
    pthread_t thread;
    stele_log *log;
    const char *topic;
    int number;
    bool failed;
} writer;

/* A pair of records in each transaction; every third one is aborted. */
static void *write_all(void *context)
{
    writer *self = context;
    char id[16];
    stele_error failure;
    stele_log_producer *producer = NULL;
    snprintf(id, sizeof id, "writer-%d", self->number);
    stele_log_producer_options options = {.transactional_id = id};
    stele_status status = stele_log_producer_open(self->log, &options, &producer, &failure);
    if (status == STELE_OK) status = stele_log_producer_init(producer, NULL, 0, &failure);
    for (int i = 0; i < TRANSACTIONS && status == STELE_OK; i++) {
        bool aborts = i % 3 == 2;
        stele_log_entry entry = {.partition = {self->topic, 0},
                                 .value = stele_text(aborts ? "aborted" : id)};
        status = stele_log_producer_begin(producer, &failure);
        for (int k = 0; k < EACH && status == STELE_OK; k++)
            status = stele_log_producer_put(producer, &entry, &failure);
        if (status == STELE_OK && aborts) status = stele_log_producer_abort(producer, 0, &failure);
        if (status == STELE_OK && !aborts)
            status = stele_log_producer_commit(producer, 0, &failure);
    }
    self->failed = status < 0;
    stele_log_producer_close(producer);
    return NULL;
}

static void a_reader_sees_all_that_other_threads_commit(void **state)
{
    (void)state;
    stele_log *log = NULL;
    MUST(stele_log_memory_new(NULL, &log, &err));
    const char *topic = make_topic(log, 1);
    stele_log_reader *reader = NULL;
    MUST(stele_log_reader_open(log, NULL, &reader, &err));
    MUST(stele_log_reader_start(reader, (stele_partition){topic, 0}, 0, &err));
    writer writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (writer){.log = log, .topic = topic, .number = i};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_all, &writers[i]), 0);
    }

    int committed = WRITERS * EACH * (TRANSACTIONS - TRANSACTIONS / 3);
    int64_t before = -1;
    for (int seen = 0; seen < committed;) {
        stele_batch batch = {0};
        MUST(stele_log_reader_next(reader, PATIENCE_MS, &batch, &err));
        for (size_t i = 0; i < batch.count; i++, seen++) {
            assert_true(batch.records[i].offset > before);
            assert_false(stele_bytes_equal(batch.records[i].value, stele_text("aborted")));
            before = batch.records[i].offset;
        }
        stele_log_batch_release(&batch);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(writers[i].thread, NULL);
        assert_false(writers[i].failed);
    }
    stele_log_reader_close(reader);
    stele_log_free(log);
}

static void *bring_back(void *log)
{
    stele_log_memory_set_up(log, true);
    return NULL;
}

static void who_waits_for_the_broker_is_woken(void **state)
{
    (void)state;
    stele_log *log = NULL;
    MUST(stele_log_memory_new(NULL, &log, &err));
    const char *topic = make_topic(log, 1);
    stele_log_producer *producer = open_producer(log, NULL, topic);
    stele_log_memory_set_up(log, false);
    put_text(producer, topic, "a");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, bring_back, log), 0);

    MUST(stele_log_producer_flush(producer, PATIENCE_MS, &err));

    pthread_join(thread, NULL);
    stele_log_producer_close(producer);
    stele_log_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_sees_all_that_other_threads_commit),
        cmocka_unit_test(who_waits_for_the_broker_is_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
