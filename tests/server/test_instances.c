/* SPDX-License-Identifier: MIT
 * Two instances of a program on one log in memory, with real HTTP between them: whichever is
 * called, the owner decides. */
#include "aggregates/dispatch.h"
#include "core/alloc.h"
#include "kafka/memory_log.h"
#include "registry/client.h"
#include "server/aggregate_writer.h"
#include "server/http_problem.h"
#include "server/http_server.h"
#include "tests/aggregates/account.h"
#include "tests/aggregates/ledger.h"
#include "tests/support/test.h"

enum { PARTITIONS = 4, ACCOUNTS = 16, WAIT_MS = 60000, ASK_MS = 10000, CALLERS = 4, CALLS = 25 };

#define EVENTS "account.events"

/* ---- instances ---- */

typedef struct instance {
    stele_client *client;
    stele_listener listener;
    stele_dispatch *dispatch;
    stele_writer *writer;
    stele_serving_writer *serving;
    stele_feeds *feeds;
    stele_aggregate_api *api;
    stele_http_api routes;
    stele_http_server *server;
    stele_thread thread;
    atomic_bool stop;
} instance;

typedef struct stage {
    stele_log *log;
    stele_aggregate table;
    instance *instances[2];
} stage;

static void must(stele_status status, const stele_error *err)
{
    if (status < 0) fail_msg("%s", err->text);
}

static void run_writer(void *context)
{
    instance *self = context;
    if (stele_writer_run(self->writer, &self->stop, NULL) == STELE_E_STOPPED)
        stele_writer_pass_on(self->writer, &self->stop);
}

static void serve(instance *self)
{
    stele_error err = {0};
    self->serving = stele_serving_writer_new(self->writer, stele_dispatch_table(self->dispatch));
    const stele_served_aggregate served = stele_serving_writer_port(self->serving);
    self->feeds = stele_feeds_new(&(stele_feeds_options){
        .log = stele_client_log(self->client), .registry = stele_client_registry(self->client)});
    const stele_aggregate_api_options options = {.name = "bank",
                                                 .aggregates = &served,
                                                 .count = 1,
                                                 .log = stele_client_log(self->client),
                                                 .registry = stele_client_registry(self->client),
                                                 .feeds = self->feeds};
    must(stele_aggregate_api_new(&options, &self->api, &err), &err);
    self->routes = stele_aggregate_api_routes(self->api);
    const stele_http_server_options how = {.listener = &self->listener,
                                           .apis = &self->routes,
                                           .api_count = 1,
                                           .refuse = stele_http_problem_refuse};
    must(stele_http_server_open(&how, &self->server, &err), &err);
}

static instance *start(stage *s)
{
    stele_error err = {0};
    instance *self = stele_alloc(sizeof *self);
    stele_forwarding *forwarding;
    must(stele_client_open_on(s->log, NULL, "bank", &self->client, &err), &err);
    must(stele_listen("127.0.0.1:0", &self->listener, &err), &err);
    must(stele_dispatch_open(s->log, self->listener.address, &self->dispatch, &err), &err);
    must(stele_dispatch_add(self->dispatch, &s->table, &forwarding, &err), &err);
    const stele_writer_options options = {.aggregate = &s->table};
    const stele_writer_setting setting = {.address = self->listener.address,
                                          .forwarder = stele_forwarding_port(forwarding)};
    must(stele_writer_new(self->client, &options, &setting, &self->writer, &err), &err);
    stele_forwarding_bind(forwarding, self->writer);
    serve(self);
    assert_int_equal(
        stele_thread_start(stele_runtime_system(), &self->thread, "instance", run_writer, self), 0);
    return self;
}

static void end(instance *self)
{
    if (self == NULL) return;
    atomic_store(&self->stop, true);
    stele_thread_join(self->thread);
    stele_dispatch_stop(self->dispatch);
    stele_http_server_close(self->server, 1000);
    stele_writer_close(self->writer);
    stele_dispatch_close(self->dispatch);
    stele_aggregate_api_free(self->api);
    stele_feeds_free(self->feeds);
    stele_serving_writer_free(self->serving);
    stele_client_close(self->client);
    free(self);
}

static void account_id(int index, char out[16])
{
    snprintf(out, 16, "a%d", index);
}

static int owned_by(const instance *self)
{
    int count = 0;
    for (int32_t i = 0; i < PARTITIONS; i++)
        count += stele_writer_desk_state(self->writer, i) == STELE_DESK_SERVING;
    return count;
}

/* Both own some of the partitions, so that of each account one of the two is the wrong one. */
static void stage_open(stage *s)
{
    stele_error err = {0};
    stele_log_topic_options topic = {.name = EVENTS, .partitions = PARTITIONS};
    must(stele_log_memory_new(NULL, &s->log, &err), &err);
    must(stele_log_topic_create(s->log, &topic, ASK_MS, &err), &err);
    s->table = account_table(NULL);
    s->instances[0] = start(s);
    s->instances[1] = start(s);
    stele_deadline by = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while (owned_by(s->instances[0]) == 0 || owned_by(s->instances[1]) == 0 ||
           owned_by(s->instances[0]) + owned_by(s->instances[1]) < PARTITIONS) {
        assert_false(stele_deadline_passed(by));
        stele_sleep_ms(stele_runtime_system(), 5);
    }
}

static void stage_close(stage *s)
{
    end(s->instances[0]);
    end(s->instances[1]);
    stele_log_free(s->log);
}
STELE_VALUE_SCOPE(stage, stage_close);

/* The one that does not own the account. */
static instance *wrong_one(const stage *s, const char *id)
{
    int32_t partition = stele_writer_partition_of(s->instances[0]->writer, stele_text(id));
    bool is_first =
        stele_writer_desk_state(s->instances[0]->writer, partition) == STELE_DESK_SERVING;
    return s->instances[is_first ? 1 : 0];
}

/* ---- calls ---- */

static stele_status book(instance *at, const char *id, int64_t cents, int64_t expected,
                         const char *command_id, stele_result *result, stele_error *err)
{
    const test_commands_book command = {.cents = cents, .times = 2};
    const stele_call call = {.aggregate_id = stele_text(id),
                             .type = &test_commands_book_type,
                             .command = &command,
                             .expected_version = expected,
                             .command_id = command_id};
    return stele_execute(at->writer, &call, result, err);
}

static int64_t cents_of(const stage *s, const char *id)
{
    ledger found;
    stele_error err;
    must(ledger_read(s->log, EVENTS, PARTITIONS, id,
                     stele_deadline_after(stele_clock_system(), WAIT_MS), &found, &err),
         &err);
    return found.cents;
}

/* ---- tests ---- */

static void a_call_in_the_wrong_instance_is_the_owners(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);

    for (int i = 0; i < ACCOUNTS; i++) {
        char id[16];
        stele_result result, again;
        stele_error err;
        account_id(i, id);
        instance *wrong = wrong_one(&s, id);
        must(book(wrong, id, 5, STELE_EXPECT_NEW, "once", &result, &err), &err);
        assert_int_equal(result.version, 2);
        assert_int_equal(result.event_count, 2);
        assert_string_equal(result.topic, EVENTS);
        assert_int_equal(result.partition,
                         stele_writer_partition_of(wrong->writer, stele_text(id)));
        assert_false(result.repeated);

        for (int j = 0; j < 2; j++) {
            must(book(s.instances[j], id, 5, 0, "once", &again, &err), &err);
            assert_true(again.repeated);
            assert_int_equal(again.version, 2);
            assert_true(again.offset == result.offset);
            assert_string_equal(again.first_event_id, result.first_event_id);
        }
        assert_int_equal(cents_of(&s, id), 10);
    }
}

static void a_refusal_is_what_the_owner_says(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stele_result result;
    stele_error err;
    stage_open(&s);
    instance *wrong = wrong_one(&s, "a1");
    must(book(wrong, "a1", 5, 0, NULL, &result, &err), &err);

    assert_int_equal(book(wrong, "a1", 5, 7, NULL, &result, &err), STELE_E_CONFLICT);
    assert_int_equal(result.version, 2);
    assert_int_equal(err.next, STELE_NEXT_REJECT);

    assert_int_equal(book(wrong, "a1", -100, 0, NULL, &result, &err), STELE_E_REJECTED);
    assert_string_equal(result.code, "insufficient_funds");
    assert_string_equal(err.text, "Insufficient funds: 10 cents");

    const test_commands_do command = {.what = stele_text("fail")};
    const stele_call call = {
        .aggregate_id = stele_text("a1"), .type = &test_commands_do_type, .command = &command};
    assert_int_equal(stele_execute(wrong->writer, &call, &result, &err), STELE_E_INVALID);
    assert_non_null(strstr(err.text, "no such currency"));
    assert_int_equal(cents_of(&s, "a1"), 10);
}

static void events_and_states_go_the_same_way(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stele_result result;
    stele_error err;
    test_account account = {0};
    int64_t version;
    stage_open(&s);
    instance *wrong = wrong_one(&s, "a1");

    must(stele_writer_load(wrong->writer, stele_text("a1"), 0, &account, &version, &err), &err);
    assert_int_equal(version, 0);

    const test_opened opened = {.owner = stele_text("Ada \"A\" \xc3\xa4")};
    const test_booked booked = {.cents = 40};
    const stele_new_event events[] = {{&test_opened_type, &opened}, {&test_booked_type, &booked}};
    stele_call call = {.aggregate_id = stele_text("a1"),
                       .events = events,
                       .event_count = 2,
                       .expected_version = STELE_EXPECT_NEW};
    must(stele_execute(wrong->writer, &call, &result, &err), &err);
    assert_int_equal(result.version, 2);
    assert_int_equal(stele_execute(wrong->writer, &call, &result, &err), STELE_E_CONFLICT);

    must(stele_writer_load(wrong->writer, stele_text("a1"), 0, &account, &version, &err), &err);
    assert_int_equal(version, 2);
    assert_int_equal(account.cents, 40);
    assert_true(stele_bytes_equal(account.owner, opened.owner));

    const test_closed closed = {0};
    const stele_new_event last = {&test_closed_type, &closed};
    call.events = &last;
    call.event_count = 1;
    call.expected_version = 2;
    must(stele_execute(wrong->writer, &call, &result, &err), &err);
    must(stele_writer_load(wrong->writer, stele_text("a1"), 0, &account, &version, &err), &err);
    assert_int_equal(version, 3);
    assert_int_equal(account.cents, 0); /* its life has ended */
    stele_value_clear(&test_account_type, &account);
}

/* ---- an owner that ends ---- */

typedef struct caller {
    stage *of;
    instance *at;
    int index;
    stele_thread thread;
    stele_error failure;
} caller;

static void call_all(void *context)
{
    caller *self = context;
    for (int i = 0; i < CALLS; i++) {
        char id[16], command_id[32];
        stele_result result;
        account_id((i + self->index) % ACCOUNTS, id);
        snprintf(command_id, sizeof command_id, "%d-%d", self->index, i);
        if (book(self->at, id, 1, 0, command_id, &result, &self->failure) < 0) return;
    }
    self->failure = (stele_error){0};
}

static void callers_see_the_end_of_an_owner_as_latency(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    caller callers[CALLERS];
    stage_open(&s);

    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (caller){.of = &s, .at = s.instances[0], .index = i};
        assert_int_equal(stele_thread_start(stele_runtime_system(), &callers[i].thread, "caller",
                                            call_all, &callers[i]),
                         0);
    }
    end(s.instances[1]);
    s.instances[1] = NULL;

    for (int i = 0; i < CALLERS; i++) {
        stele_thread_join(callers[i].thread);
        if (callers[i].failure.status < 0) fail_msg("%s", callers[i].failure.text);
    }
    int64_t cents = 0;
    for (int i = 0; i < ACCOUNTS; i++) {
        char id[16];
        account_id(i, id);
        cents += cents_of(&s, id);
    }
    assert_int_equal(cents, 2 * CALLERS * CALLS);
}

/* ---- what is stopped ---- */

/* What is no event, for each partition of an instance, or for its first one. */
static int spoil(stage *s, const instance *of, bool all)
{
    stele_log_producer *producer;
    stele_error err;
    int count = 0;
    must(stele_log_producer_open(s->log, &(stele_log_producer_options){0}, &producer, &err), &err);
    for (int32_t i = 0; i < PARTITIONS && (all || count == 0); i++) {
        if (stele_writer_desk_state(of->writer, i) != STELE_DESK_SERVING) continue;
        const stele_log_entry nothing = {.partition = {EVENTS, i}, .key = stele_text("a")};
        must(stele_log_producer_put(producer, &nothing, &err), &err);
        count++;
    }
    must(stele_log_producer_flush(producer, ASK_MS, &err), &err);
    stele_log_producer_close(producer);
    return count;
}

/* How many accounts are refused, each at once and for the same reason, whoever is asked. */
static int count_stopped(const stage *s)
{
    int count = 0;
    for (int i = 0; i < ACCOUNTS; i++) {
        char id[16];
        stele_error errs[2];
        stele_status found[2];
        account_id(i, id);
        for (int j = 0; j < 2; j++) {
            stele_deadline soon = stele_deadline_after(stele_clock_system(), ASK_MS);
            found[j] = book(s->instances[j], id, 5, 0, NULL, NULL, &errs[j]);
            assert_false(stele_deadline_passed(soon));
            if (found[j] < 0 && strstr(errs[j].text, "no value") == NULL)
                fail_msg("%s", errs[j].text);
            assert_true(found[j] == STELE_OK || found[j] == STELE_E_STOPPED);
        }
        assert_int_equal(found[0], found[1]);
        count += found[0] == STELE_E_STOPPED;
    }
    return count;
}

static void await_stopped(const stage *s, int count)
{
    stele_deadline by = stele_deadline_after(stele_clock_system(), WAIT_MS);
    int found;
    do {
        assert_false(stele_deadline_passed(by));
        stele_sleep_ms(stele_runtime_system(), 20);
        found = 0;
        for (int i = 0; i < 2; i++)
            for (int32_t k = 0; k < PARTITIONS; k++)
                found += stele_writer_desk_state(s->instances[i]->writer, k) == STELE_DESK_STOPPED;
    } while (found < count);
}

static void whoever_is_asked_says_at_once_why_a_partition_is_stopped(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    spoil(&s, s.instances[0], false);
    await_stopped(&s, 1);

    assert_in_range(count_stopped(&s), 1, ACCOUNTS - 1);
}

static void an_instance_whose_partitions_are_all_stopped_passes_on_what_others_serve(void **state)
{
    (void)state;
    STELE_AUTO_VALUE(stage) s = {0};
    stage_open(&s);
    int spoilt = spoil(&s, s.instances[0], true);
    stele_deadline by = stele_deadline_after(stele_clock_system(), WAIT_MS);
    while (owned_by(s.instances[0]) > 0) { /* it leaves the group; the other one takes them */
        assert_false(stele_deadline_passed(by));
        stele_sleep_ms(stele_runtime_system(), 5);
    }
    await_stopped(&s, spoilt);

    assert_in_range(count_stopped(&s), 1, ACCOUNTS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_in_the_wrong_instance_is_the_owners),
        cmocka_unit_test(a_refusal_is_what_the_owner_says),
        cmocka_unit_test(events_and_states_go_the_same_way),
        cmocka_unit_test(whoever_is_asked_says_at_once_why_a_partition_is_stopped),
        cmocka_unit_test(an_instance_whose_partitions_are_all_stopped_passes_on_what_others_serve),
        cmocka_unit_test(callers_see_the_end_of_an_owner_as_latency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
