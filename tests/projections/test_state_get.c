/* SPDX-License-Identifier: MIT
 * A state asked for in the process whose workers keep it: by fibers in virtual time, so that each
 * seed has other moments at which workers come, go, and lose partitions. Whoever has published to
 * an aggregate alone knows what its state is when it asks. */
#include <stele/stele.h>

#include <inttypes.h>

#include "account.h"
#include "core/clock.h"
#include "core/text.h"
#include "deposited.h"
#include "kafka/memory_log.h"
#include "projections/fold.h"
#include "registry/client.h"
#include "testing/fibers.h"
#include "tests/support/seeds.h"

enum { SEEDS = 30, PARTITIONS = 3, KEEPERS = 2, CUSTOMERS = 3, ROUNDS = 25, WAIT_MS = 60000 };

static stele_status apply_deposited(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    (void)event, (void)err;
    const test_deposited *deposited = data;
    ((test_account *)state)->balance += deposited->amount;
    return deposited->amount == 0 ? STELE_FINISHED : STELE_OK;
}

static const stele_aggregate account = {
    .name = "account", .events = (const stele_type *const[]){&test_deposited_type, NULL}};
static const stele_projection balances = {
    .name = "balances",
    .version = 1,
    .source = &account,
    .state = &test_account_type,
    .handlers = (const stele_handler[]){{&test_deposited_type, apply_deposited}, {NULL, NULL}},
};

typedef struct play {
    uint64_t seed;
    stele_fibers *fibers;
    stele_runtime runtime;
    stele_log *log;
    stele_client *client;
    stele_stream chance;
    int64_t answered; /* calls in which a worker has answered */
} play;

static _Noreturn void end_badly(const play *of, const char *what, const char *text)
{
    fprintf(stderr, "seed %" PRIu64 ": %s: %s\n", of->seed, what, text);
    fflush(stderr);
    _exit(1);
}

static void must(const play *of, const char *what, stele_status status, const stele_error *err)
{
    if (status < 0) end_badly(of, what, err->text);
}

static void note_answer(void *context, int domain, const stele_fact *fact)
{
    (void)domain;
    if (strcmp(fact->what, "answered") == 0) ((play *)context)->answered++;
}

/* ---- workers ---- */

typedef struct keeper {
    play *of;
    atomic_bool stop;
    stele_thread thread;
} keeper;

static void keep(void *context)
{
    keeper *self = context;
    play *of = self->of;
    stele_error err;
    stele_fold *fold;
    stele_worker *worker;
    stele_fold_options options = {.projection = &balances,
                                  .registry = stele_client_registry(of->client),
                                  .snapshot_events = 7,
                                  .post = stele_client_post(of->client)};
    must(of, "fold", stele_fold_open(&options, &fold, &err), &err);
    stele_worker_options how = {.name = stele_fold_group(fold),
                                .topic = stele_fold_topic(fold),
                                .no_status = true,
                                .ops = &stele_fold_tasks,
                                .self = fold};
    must(of, "worker", stele_worker_open(of->log, &how, &worker, &err), &err);
    must(of, "run", stele_worker_run(worker, &self->stop, &err), &err);
    stele_worker_close(worker);
    stele_fold_close(fold);
}

static void start(keeper *self)
{
    atomic_store(&self->stop, false);
    if (stele_thread_start(self->of->runtime, &self->thread, "keeper", keep, self) != 0)
        end_badly(self->of, "thread", "none");
}

static void stop(keeper *self)
{
    atomic_store(&self->stop, true);
    stele_thread_join(self->thread);
}

/* ---- who asks ---- */

typedef struct customer {
    play *of;
    char id[16];
    int64_t balance;
    int64_t version;
    stele_publisher *publisher;
    stele_thread thread;
} customer;

static void publish(customer *self, int64_t amount)
{
    stele_error err;
    test_deposited event = {.amount = amount, .memo = stele_text("m")};
    must(self->of, "publish",
         stele_publisher_publish(self->publisher, stele_text(self->id), &test_deposited_type,
                                 &event, NULL, &err),
         &err);
    must(self->of, "flush", stele_publisher_flush(self->publisher, WAIT_MS, &err), &err);
    self->balance += amount;
    self->version++;
}

static void check(const customer *self, bool is_finished)
{
    char text[120];
    stele_error err;
    test_account found = {.balance = 99};
    stele_state_info info;
    must(self->of, "state",
         stele_state_get(self->of->client, &balances, stele_text(self->id), WAIT_MS, &found, &info,
                         &err),
         &err);
    snprintf(text, sizeof text,
             "%" PRId64 " after %" PRId64 " events, not %" PRId64 " after %" PRId64, found.balance,
             info.version, self->balance, self->version);
    bool is_right = info.version == self->version && info.finished == is_finished &&
                    found.balance == (is_finished ? 0 : self->balance);
    if (!is_right) end_badly(self->of, self->id, text);
    stele_value_clear(&test_account_type, &found);
}

static void visit(void *context)
{
    customer *self = context;
    play *of = self->of;
    stele_error err;
    stele_publisher_options options = {.aggregate = "account", .linger_ms = STELE_LINGER_NONE};
    must(of, "publisher", stele_publisher_open(of->client, &options, &self->publisher, &err), &err);
    for (int i = 0; i < ROUNDS; i++) {
        publish(self, 1 + stele_stream_below(&of->chance, 9));
        check(self, false);
        stele_sleep_ms(of->runtime, stele_stream_below(&of->chance, 40));
    }
    publish(self, 0);
    check(self, true);
    must(of, "close", stele_publisher_close(self->publisher, WAIT_MS, &err), &err);
}

/* ---- plays ---- */

static void workers_come_and_go(play *of)
{
    keeper keepers[KEEPERS];
    customer customers[CUSTOMERS];
    for (int i = 0; i < KEEPERS; i++) {
        keepers[i] = (keeper){.of = of};
        start(&keepers[i]);
    }
    for (int i = 0; i < CUSTOMERS; i++) {
        customers[i] = (customer){.of = of};
        snprintf(customers[i].id, sizeof customers[i].id, "customer-%d", i);
        if (stele_thread_start(of->runtime, &customers[i].thread, "customer", visit,
                               &customers[i]) != 0)
            end_badly(of, "thread", "none");
    }
    for (int i = 0; i < 6; i++) {
        stele_sleep_ms(of->runtime, 20 + stele_stream_below(&of->chance, 300));
        keeper *one = &keepers[stele_stream_below(&of->chance, KEEPERS)];
        if (stele_stream_once_in(&of->chance, 2)) {
            stele_log_memory_rebalance(of->log, "account.events");
            continue;
        }
        stop(one);
        stele_sleep_ms(of->runtime, stele_stream_below(&of->chance, 100));
        start(one);
    }
    for (int i = 0; i < CUSTOMERS; i++)
        stele_thread_join(customers[i].thread);
    for (int i = 0; i < KEEPERS; i++)
        stop(&keepers[i]);
    if (of->answered == 0) end_badly(of, "workers", "none has answered");
}

/* A worker that has come to rest answers each call, and what it does not know is not there. */
static void a_worker_at_rest_answers_each_call(play *of)
{
    stele_error err;
    keeper one = {.of = of};
    customer ann = {.of = of, .id = "ann"};
    stele_publisher_options options = {.aggregate = "account", .linger_ms = STELE_LINGER_NONE};
    must(of, "publisher", stele_publisher_open(of->client, &options, &ann.publisher, &err), &err);
    start(&one);
    publish(&ann, 5);
    for (int i = 0; of->answered == 0; i++) {
        if (i > 1000) end_badly(of, "worker", "does not answer");
        check(&ann, false);
        stele_sleep_ms(of->runtime, 20);
    }
    int64_t before = of->answered;
    for (int i = 0; i < ROUNDS; i++) {
        publish(&ann, i + 1);
        check(&ann, false);
    }
    if (of->answered != before + ROUNDS) end_badly(of, "worker", "has not answered each call");

    test_account found = {.balance = 99};
    stele_state_info info;
    if (stele_state_get(of->client, &balances, stele_text("eve"), WAIT_MS, &found, &info, &err) !=
            STELE_E_NOT_FOUND ||
        found.balance != 99)
        end_badly(of, "eve", "is there");
    stop(&one);
    check(&ann, false);
    must(of, "close", stele_publisher_close(ann.publisher, WAIT_MS, &err), &err);
}

/* Another struct under the same name: the worker's state would not fit into it. */
static void a_table_with_another_state_type_is_read_from_the_topics(play *of)
{
    stele_type other = test_account_type;
    stele_projection of_other = balances;
    stele_error err;
    keeper one = {.of = of};
    customer ann = {.of = of, .id = "ann"};
    stele_publisher_options options = {.aggregate = "account", .linger_ms = STELE_LINGER_NONE};
    must(of, "publisher", stele_publisher_open(of->client, &options, &ann.publisher, &err), &err);
    start(&one);
    publish(&ann, 5);
    for (int i = 0; of->answered == 0 && i < 1000; i++) {
        check(&ann, false);
        stele_sleep_ms(of->runtime, 20);
    }
    int64_t before = of->answered;
    of_other.state = &other;
    test_account found = {0};
    must(of, "other",
         stele_state_get(of->client, &of_other, stele_text("ann"), WAIT_MS, &found, NULL, &err),
         &err);
    if (found.balance != 5 || of->answered != before) end_badly(of, "other", "was answered");
    stele_value_clear(&other, &found);
    stop(&one);
    must(of, "close", stele_publisher_close(ann.publisher, WAIT_MS, &err), &err);
}

/* What does not come in time is said, and the next call finds it. */
static void a_worker_that_hears_nothing_is_not_waited_for_longer_than_asked(play *of)
{
    stele_error err;
    keeper one = {.of = of};
    customer ann = {.of = of, .id = "ann"};
    stele_publisher_options options = {.aggregate = "account", .linger_ms = STELE_LINGER_NONE};
    must(of, "publisher", stele_publisher_open(of->client, &options, &ann.publisher, &err), &err);
    start(&one);
    publish(&ann, 5);
    for (int i = 0; of->answered == 0 && i < 1000; i++) {
        check(&ann, false);
        stele_sleep_ms(of->runtime, 20);
    }
    stele_log_memory_set_up(of->log, false);
    int64_t begun_ns = stele_fibers_now_ns(of->fibers);
    test_account found = {.balance = 99};
    if (stele_state_get(of->client, &balances, stele_text("ann"), 500, &found, NULL, &err) >= 0 ||
        err.next != STELE_NEXT_RETRY || found.balance != 99)
        end_badly(of, "a log that is away", "answers");
    if (stele_fibers_now_ns(of->fibers) - begun_ns > INT64_C(2000000000))
        end_badly(of, "the time-out", "is not kept");
    stele_log_memory_set_up(of->log, true);
    check(&ann, false);
    stop(&one);
    must(of, "close", stele_publisher_close(ann.publisher, WAIT_MS, &err), &err);
}

/* ---- seeds ---- */

/* What is played. */
typedef struct scene {
    void (*play)(play *of);
} scene;

static void run(const void *context, uint64_t seed)
{
    const scene *what = context;
    play of = {.seed = seed, .chance = stele_stream_of(seed, 1)};
    stele_error err;
    of.fibers = stele_fibers_new(&(stele_fibers_options){.seed = seed,
                                                         .switch_one_in = 8,
                                                         .spurious_one_in = 50,
                                                         .step_max_ns = 1 << 14,
                                                         .probe = note_answer,
                                                         .context = &of});
    of.runtime = stele_fibers_runtime(of.fibers);
    stele_log_memory_options options = {.runtime = of.runtime};
    must(&of, "log", stele_log_memory_new(&options, &of.log, &err), &err);
    stele_log_topic_options topic = {.name = "account.events", .partitions = PARTITIONS};
    must(&of, "topic", stele_log_topic_create(of.log, &topic, WAIT_MS, &err), &err);
    must(&of, "client", stele_client_open_on(of.log, NULL, "bank", &of.client, &err), &err);
    what->play(&of);
    stele_client_close(of.client);
    _exit(0);
}

static void play_all(void (*of)(play *of))
{
    play_seeds(SEEDS, run, &(scene){of});
}

static void a_state_holds_all_that_was_published_while_workers_come_and_go(void **state)
{
    (void)state;
    play_all(workers_come_and_go);
}

static void a_worker_at_rest_answers(void **state)
{
    (void)state;
    play_all(a_worker_at_rest_answers_each_call);
}

static void another_state_type_is_not_answered_by_the_worker(void **state)
{
    (void)state;
    play_all(a_table_with_another_state_type_is_read_from_the_topics);
}

static void a_call_ends_with_its_time_out(void **state)
{
    (void)state;
    play_all(a_worker_that_hears_nothing_is_not_waited_for_longer_than_asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_holds_all_that_was_published_while_workers_come_and_go),
        cmocka_unit_test(a_worker_at_rest_answers),
        cmocka_unit_test(another_state_type_is_not_answered_by_the_worker),
        cmocka_unit_test(a_call_ends_with_its_time_out),
    };
    return cmocka_run_group_tests_name("projections/state_get", tests, NULL, NULL);
}
