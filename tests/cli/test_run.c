/* SPDX-License-Identifier: MIT
 * A program with a main function of its own: it runs the workers of two projections, asks for
 * states and stops. In memory, or with STELE_TEST_BROKER on the broker in STELE_KAFKA. */
#include <stele/stele.h>

#include <pthread.h>
#include <stdatomic.h>

#include "account.h"
#include "aggregates/owners.h"
#include "core/alloc.h"
#include "core/deadline.h"
#include "core/uuid.h"
#include "deposited.h"
#include "kafka/memory_log.h"
#include "registry/client.h"
#include "tests/support/test.h"

enum { WAIT_MS = 60000, EVENTS = 30 };

static atomic_int applied; /* events, by workers and by calls that read the topics */

static stele_status apply_deposited(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    (void)err;
    const int64_t *times = event->context;
    atomic_fetch_add(&applied, 1);
    ((test_account *)state)->balance += ((const test_deposited *)data)->amount * *times;
    return STELE_OK;
}

static stele_status apply_and_end(void *state, const void *data, const stele_event *event,
                                  stele_error *err)
{
    (void)state, (void)event, (void)err;
    return ((const test_deposited *)data)->amount == 0 ? STELE_FINISHED : STELE_OK;
}

static const int64_t once = 1;

typedef struct program {
    stele_log *log; /* NULL: on the broker */
    stele_client *client;
    stele_stop *stop;
    char aggregate_name[64], sums_name[64], ends_name[64];
    stele_aggregate aggregate;
    stele_projection sums, ends;
    const stele_projection *projections[3];
    stele_app app;
    pthread_t thread;
    stele_status status;
    stele_error error;
} program;

static const stele_type *const events[] = {&test_deposited_type, NULL};
static const stele_handler sum_handlers[] = {{&test_deposited_type, apply_deposited}, {NULL, NULL}};
static const stele_handler end_handlers[] = {{&test_deposited_type, apply_and_end}, {NULL, NULL}};

static void client_opened(program *own)
{
    stele_error err;
    stele_status status;
    if (getenv("STELE_TEST_BROKER") == NULL) {
        assert_int_equal(stele_log_memory_new(NULL, &own->log, NULL), STELE_OK);
        status = stele_client_open_on(own->log, NULL, "embedded", &own->client, &err);
    } else {
        status = stele_client_open(&(stele_client_options){.name = "embedded"}, &own->client, &err);
    }
    if (status < 0) fail_msg("%s", err.text);
}

static int program_opened(void **state)
{
    program *own = stele_alloc(sizeof *own);
    client_opened(own);
    stele_uuid_source ids;
    stele_uuid_source_init(&ids, stele_log_runtime(stele_client_log(own->client)));
    stele_uuid id = stele_uuid_source_next(&ids);
    char text[STELE_UUID_TEXT_SIZE + 1];
    stele_uuid_format(&id, text);
    snprintf(own->aggregate_name, sizeof own->aggregate_name, "account-%s", text);
    snprintf(own->sums_name, sizeof own->sums_name, "sums-%s", text);
    snprintf(own->ends_name, sizeof own->ends_name, "ends-%s", text);
    own->aggregate = (stele_aggregate){.name = own->aggregate_name, .events = events};
    own->sums = (stele_projection){.name = own->sums_name,
                                   .version = 1,
                                   .source = &own->aggregate,
                                   .state = &test_account_type,
                                   .handlers = sum_handlers,
                                   .context = &once};
    own->ends = own->sums;
    own->ends.name = own->ends_name;
    own->ends.handlers = end_handlers;
    own->projections[0] = &own->sums;
    own->projections[1] = &own->ends;
    own->app = (stele_app){.name = "embedded", .projections = own->projections};
    own->stop = stele_stop_new();

    STELE_AUTO(char) topic_name = stele_strdup_format("%s.events", own->aggregate_name);
    stele_log_topic_options topic = {.name = topic_name, .partitions = 3};
    assert_int_equal(stele_log_topic_create(stele_client_log(own->client), &topic, WAIT_MS, NULL),
                     STELE_OK);
    *state = own;
    return 0;
}

static int program_closed(void **state)
{
    program *own = *state;
    stele_stop_free(own->stop);
    stele_client_close(own->client);
    stele_log_free(own->log);
    free(own);
    return 0;
}

static void publish(program *own, const char *id, int count, int64_t amount)
{
    stele_error err;
    stele_publisher *publisher;
    stele_publisher_options options = {.aggregate = own->aggregate_name};
    assert_int_equal(stele_publisher_open(own->client, &options, &publisher, NULL), STELE_OK);
    for (int i = 0; i < count; i++) {
        test_deposited event = {.amount = amount, .memo = stele_text("m")};
        if (stele_publisher_publish(publisher, stele_text(id), &test_deposited_type, &event, NULL,
                                    &err) < 0)
            fail_msg("%s", err.text);
    }
    if (stele_publisher_close(publisher, WAIT_MS, &err) < 0) fail_msg("%s", err.text);
}

static void *run(void *argument)
{
    program *own = argument;
    own->status = stele_run(own->client, &own->app, own->stop, &own->error);
    return NULL;
}

/* Until the snapshots of a worker are there: the first write makes the checkpoint. */
static void wait_for_snapshots(program *own, const char *projection)
{
    stele_log *log = stele_client_log(own->client);
    STELE_AUTO(char) topic = stele_strdup_format("%s.v1.snapshots", projection);
    stele_deadline until = stele_deadline_after(stele_log_clock(log), WAIT_MS);
    int64_t records = 0;
    while (records == 0) {
        stele_log_topic found;
        assert_false(stele_deadline_passed(until));
        if (stele_log_topic_describe(log, topic, WAIT_MS, &found, NULL) == STELE_OK) {
            for (int32_t i = 0; i < found.partitions; i++) {
                int64_t first, end;
                stele_partition partition = {topic, i};
                if (stele_log_bounds(log, partition, STELE_READ_COMMITTED, WAIT_MS, &first, &end,
                                     NULL) == STELE_OK)
                    records += end - first;
            }
        }
        if (records == 0) stele_sleep_ms(stele_log_runtime(log), 20); /* between two questions */
    }
}

static void states_are_read_with_and_without_workers(void **state)
{
    program *own = *state;
    test_account account = {.balance = 0};
    stele_state_info info = {0};
    stele_error err = {0};

    publish(own, "ann", EVENTS, 5);
    publish(own, "bob", 1, 0);
    if (stele_state_get(own->client, &own->sums, stele_text("ann"), WAIT_MS, &account, &info,
                        &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(account.balance, EVENTS * 5);
    assert_int_equal(info.version, EVENTS);

    assert_int_equal(pthread_create(&own->thread, NULL, run, own), 0);
    wait_for_snapshots(own, own->sums_name);
    wait_for_snapshots(own, own->ends_name);
    publish(own, "ann", 1, 7);
    if (stele_state_get(own->client, &own->sums, stele_text("ann"), WAIT_MS, &account, &info,
                        &err) < 0)
        fail_msg("%s", err.text);
    stele_stop_ask(own->stop);
    pthread_join(own->thread, NULL);

    if (own->status != STELE_OK) fail_msg("%s", own->error.text);
    assert_int_equal(account.balance, EVENTS * 5 + 7);
    assert_int_equal(info.version, EVENTS + 1);
    stele_value_clear(&test_account_type, &account);
}

/* One more event, and the state with it. @return how often it was applied: by the worker, and again
 * by the call if that has read the topics */
static int publish_and_get(program *own, test_account *account, stele_state_info *info)
{
    stele_error err;
    int before = atomic_load(&applied);
    publish(own, "ann", 1, 1);
    if (stele_state_get(own->client, &own->sums, stele_text("ann"), WAIT_MS, account, info, &err) <
        0)
        fail_msg("%s", err.text);
    return atomic_load(&applied) - before;
}

static void a_worker_of_the_same_client_answers_from_its_memory(void **state)
{
    program *own = *state;
    test_account account = {0};
    stele_state_info info = {0};
    stele_deadline until = stele_deadline_after(stele_clock_system(), WAIT_MS);
    int count = 0;
    own->projections[1] = NULL; /* sums alone */
    assert_int_equal(pthread_create(&own->thread, NULL, run, own), 0);
    for (int in_a_row = 0; in_a_row < 5; count++) { /* before, it is on its way */
        in_a_row = publish_and_get(own, &account, &info) == 1 ? in_a_row + 1 : 0;
        assert_false(stele_deadline_passed(until));
    }

    for (int i = 0; i < EVENTS; i++) {
        assert_int_equal(publish_and_get(own, &account, &info), 1);
        assert_int_equal(account.balance, ++count);
        assert_int_equal(info.version, count);
    }
    stele_stop_ask(own->stop);
    pthread_join(own->thread, NULL);

    if (own->status != STELE_OK) fail_msg("%s", own->error.text);
    stele_value_clear(&test_account_type, &account);
}

static void a_state_of_old_is_read_by_version_or_time(void **state)
{
    program *own = *state;
    const stele_bytes ann = stele_text("ann");
    test_account account = {0};
    stele_state_info info = {0};
    stele_error err = {0};
    publish(own, "ann", EVENTS, 5);

    if (stele_state_at(own->client, &own->sums, ann, (stele_moment){.version = 2}, WAIT_MS,
                       &account, &info, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(account.balance, 10);
    assert_int_equal(info.version, 2);
    if (stele_state_at(own->client, &own->sums, ann,
                       (stele_moment){.time_ms = INT64_C(4102444800000)}, WAIT_MS, &account, &info,
                       &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(info.version, EVENTS);
    assert_int_equal(stele_state_at(own->client, &own->sums, ann, (stele_moment){.time_ms = 1},
                                    WAIT_MS, &account, &info, &err),
                     STELE_E_NOT_FOUND);
    assert_int_equal(stele_state_at(own->client, &own->sums, ann,
                                    (stele_moment){.version = EVENTS + 1}, WAIT_MS, &account, &info,
                                    &err),
                     STELE_E_NOT_FOUND);
    assert_int_equal(stele_state_at(own->client, &own->sums, ann,
                                    (stele_moment){.version = 1, .time_ms = 1}, WAIT_MS, &account,
                                    &info, &err),
                     STELE_E_INVALID);
    stele_value_clear(&test_account_type, &account);
}

static void what_is_finished_or_not_there_is_said(void **state)
{
    program *own = *state;
    test_account account = {.balance = 99};
    stele_state_info info = {0};
    stele_error err = {0};
    publish(own, "bob", 1, 0);

    if (stele_state_get(own->client, &own->ends, stele_text("bob"), WAIT_MS, &account, &info,
                        &err) < 0)
        fail_msg("%s", err.text);
    assert_true(info.finished);
    assert_int_equal(account.balance, 0);
    assert_int_equal(
        stele_state_get(own->client, &own->ends, stele_text("eve"), WAIT_MS, &account, &info, &err),
        STELE_E_NOT_FOUND);
    assert_int_equal(
        stele_state_get(own->client, &own->ends, stele_text(""), WAIT_MS, &account, &info, &err),
        STELE_E_INVALID);
}

static void an_application_without_projections_does_not_run(void **state)
{
    program *own = *state;
    stele_error err;
    const stele_app none = {.name = "nothing"};

    assert_int_equal(stele_run(own->client, &none, own->stop, &err), STELE_E_INVALID);
}

/* Until a writer has said that it owns every partition. */
static void wait_for_owners(program *own, const char *topic)
{
    stele_log *log = stele_client_log(own->client);
    stele_deadline until = stele_deadline_after(stele_log_clock(log), WAIT_MS);
    int64_t terms[3] = {0};
    while (terms[0] < 1 || terms[1] < 1 || terms[2] < 1) {
        assert_false(stele_deadline_passed(until));
        if (stele_owners_read_terms(log, topic, until, terms, 3, NULL) < 0)
            stele_sleep_ms(stele_log_runtime(log), 20); /* there is no such topic yet */
    }
}

static void an_aggregate_that_decides_has_a_writer(void **state)
{
    program *own = *state;
    stele_error err;
    STELE_AUTO(char) topic = stele_strdup_format("%s.events", own->aggregate_name);
    own->aggregate.version = 1;
    own->aggregate.state = &test_account_type;
    own->aggregate.handlers = sum_handlers;
    own->aggregate.context = &once;
    const stele_aggregate *const aggregates[] = {&own->aggregate, NULL};
    own->app = (stele_app){.name = "embedded", .aggregates = aggregates};

    assert_int_equal(pthread_create(&own->thread, NULL, run, own), 0);
    wait_for_owners(own, topic);
    stele_stop_ask(own->stop);
    pthread_join(own->thread, NULL);
    if (own->status != STELE_OK) fail_msg("%s", own->error.text);

    stele_writer *writer; /* of the program's own, while none runs */
    const stele_writer_options options = {.aggregate = &own->aggregate};
    if (stele_writer_open(own->client, &options, &writer, &err) < 0) fail_msg("%s", err.text);
    const test_deposited deposited = {.amount = 5, .memo = stele_text("m")};
    const stele_new_event event = {&test_deposited_type, &deposited};
    const stele_call call = {.aggregate_id = stele_text("ann"), .events = &event, .event_count = 1};
    stele_result result;
    if (stele_execute(writer, &call, &result, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(result.version, 1);
    assert_string_equal(result.topic, topic);
    stele_writer_close(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(states_are_read_with_and_without_workers, program_opened,
                                        program_closed),
        cmocka_unit_test_setup_teardown(a_worker_of_the_same_client_answers_from_its_memory,
                                        program_opened, program_closed),
        cmocka_unit_test_setup_teardown(a_state_of_old_is_read_by_version_or_time, program_opened,
                                        program_closed),
        cmocka_unit_test_setup_teardown(what_is_finished_or_not_there_is_said, program_opened,
                                        program_closed),
        cmocka_unit_test_setup_teardown(an_application_without_projections_does_not_run,
                                        program_opened, program_closed),
        cmocka_unit_test_setup_teardown(an_aggregate_that_decides_has_a_writer, program_opened,
                                        program_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
