/* SPDX-License-Identifier: MIT
 * Transfers of examples/bank in virtual time: processes with the writers of accounts and transfers
 * and the reactions between them, which are killed and go on. */
#include <stele/generated.h>
#include <stele/writer.h>

#include <inttypes.h>

#include <account.h>
#include "aggregates/reactor.h"
#include "bank.h"
#include "core/alloc.h"
#include "core/runtime.h"
#include "create_account.h"
#include "deposit_money.h"
#include "kafka/bounded_read.h"
#include "kafka/memory_log.h"
#include "registry/client.h"
#include "request_transfer.h"
#include "testing/fibers.h"
#include "tests/support/seeds.h"
#include "transfer.h"

enum { SEEDS = 10, PARTITIONS = 2, SOURCES = 2, WAIT_MS = 120000, STEP_MS = 20, ACCOUNTS = 4 };

typedef struct city {
    uint64_t seed;
    stele_fibers *fibers;
    stele_runtime runtime;
    stele_log *log;
    int domains;
} city;

/* A process. */
typedef struct branch {
    city *of;
    int domain;
    stele_writer *accounts; /* NULL: not opened yet, or closed */
    stele_writer *transfers;
    stele_reactor *reactors[SOURCES];
    stele_worker *workers[SOURCES];
    stele_thread threads[SOURCES];
    atomic_bool stop;
    bool is_closed;
} branch;

static _Noreturn void give_up(const city *of, int line, const char *what, const char *text)
{
    fprintf(stderr, "%s:%d: seed %" PRIu64 ": %s %s\n", __FILE__, line, of->seed, what, text);
    fflush(stderr);
    _exit(1);
}

#define CHECK(of, condition)                                                                       \
    do {                                                                                           \
        if (!(condition)) give_up(of, __LINE__, #condition, "");                                   \
    } while (0)

#define MUST(of, status, err)                                                                      \
    do {                                                                                           \
        if ((status) < 0) give_up(of, __LINE__, #status, (err)->text);                             \
    } while (0)

static void wait_ms(const city *of, int ms)
{
    stele_sleep_ms(of->runtime, ms);
}

/* ---- processes ---- */

static void run_worker(void *context)
{
    stele_error err;
    branch *self = context;
    stele_worker *worker = NULL;
    for (int i = 0; i < SOURCES; i++)
        if (self->workers[i] != NULL && worker == NULL) {
            worker = self->workers[i];
            self->workers[i] = NULL; /* taken */
        }
    if (stele_worker_run(worker, &self->stop, &err) < 0)
        give_up(self->of, __LINE__, "worker", err.text);
    stele_worker_close(worker);
}

static stele_writer *open_writer(branch *self, stele_client *client, const stele_aggregate *of)
{
    stele_error err;
    stele_writer *writer;
    const stele_writer_options options = {.aggregate = of, .takes_commands = true};
    MUST(self->of, stele_writer_open(client, &options, &writer, &err), &err);
    return writer;
}

static void open_reactions(branch *self, stele_client *client)
{
    stele_error err;
    for (size_t i = 0; i < SOURCES; i++) {
        const stele_reactor_options options = {
            .reactions = &transfers, .source = i, .registry = stele_client_registry(client)};
        MUST(self->of, stele_reactor_open(&options, &self->reactors[i], &err), &err);
        const stele_worker_options worker = {.name = stele_reactor_group(self->reactors[i]),
                                             .topic = stele_reactor_topic(self->reactors[i]),
                                             .ops = &stele_reactor_tasks,
                                             .self = self->reactors[i]};
        MUST(self->of, stele_worker_open(self->of->log, &worker, &self->workers[i], &err), &err);
        CHECK(self->of, stele_thread_start(self->of->runtime, &self->threads[i], "reactions",
                                           run_worker, self) == 0);
        while (self->workers[i] != NULL)
            wait_ms(self->of, 1);
    }
}

static void live(void *context)
{
    branch *self = context;
    stele_error err;
    stele_client *client;
    MUST(self->of, stele_client_open_on(self->of->log, NULL, "bank", &client, &err), &err);
    stele_writer *own[] = {open_writer(self, client, &account),
                           open_writer(self, client, &transfer)};
    open_reactions(self, client);
    self->accounts = own[0];
    self->transfers = own[1];
    while (!atomic_load(&self->stop))
        wait_ms(self->of, STEP_MS);
    self->accounts = self->transfers = NULL;
    for (int i = 0; i < SOURCES; i++) {
        stele_thread_join(self->threads[i]);
        stele_reactor_close(self->reactors[i]);
    }
    stele_writer_close(own[0]);
    stele_writer_close(own[1]);
    stele_client_close(client);
    self->is_closed = true;
}

static branch *start(city *of)
{
    branch *self = stele_alloc(sizeof *self);
    self->of = of;
    self->domain = ++of->domains;
    stele_fibers_start(of->fibers, self->domain, "branch", live, self);
    while (self->transfers == NULL)
        wait_ms(of, 1);
    return self;
}

static void end(branch *self)
{
    atomic_store(&self->stop, true);
    for (int ms = 0; !self->is_closed; ms += STEP_MS) {
        CHECK(self->of, ms < WAIT_MS);
        wait_ms(self->of, STEP_MS);
    }
}

static void kill_it(branch *self)
{
    stele_fibers_kill(self->of->fibers, self->domain);
}

/* ---- calls ---- */

static void execute(const city *of, stele_writer *writer, const char *id, const stele_type *type,
                    const void *command)
{
    stele_error err;
    const stele_call call = {.aggregate_id = stele_text(id),
                             .type = type,
                             .command = command,
                             .command_id = id,
                             .timeout_ms = WAIT_MS};
    MUST(of, stele_execute(writer, &call, NULL, &err), &err);
}

static void open_account(branch *at, const char *id, int64_t cents)
{
    const bank_create_account create = {.owner = stele_text(id)};
    execute(at->of, at->accounts, id, &bank_create_account_type, &create);
    if (cents == 0) return;
    stele_error err;
    const bank_deposit_money deposit = {.amount_cents = cents};
    const stele_call call = {.aggregate_id = stele_text(id),
                             .type = &bank_deposit_money_type,
                             .command = &deposit,
                             .timeout_ms = WAIT_MS};
    MUST(at->of, stele_execute(at->accounts, &call, NULL, &err), &err);
}

static void request(branch *at, const char *id, const char *from, const char *to, int64_t cents)
{
    const bank_request_transfer command = {.from = stele_text(from),
                                           .to = stele_text(to),
                                           .amount_cents = cents,
                                           .within_ms = 3600000};
    execute(at->of, at->transfers, id, &bank_request_transfer_type, &command);
}

static int64_t balance(branch *at, const char *id)
{
    stele_error err;
    bank_account found = {0};
    int64_t version;
    MUST(at->of, stele_writer_load(at->accounts, stele_text(id), WAIT_MS, &found, &version, &err),
         &err);
    int64_t cents = found.balance_cents;
    stele_value_clear(&bank_account_type, &found);
    return cents;
}

static bank_transfer_stage stage(branch *at, const char *id)
{
    stele_error err;
    bank_transfer found = {0};
    int64_t version;
    MUST(at->of, stele_writer_load(at->transfers, stele_text(id), WAIT_MS, &found, &version, &err),
         &err);
    bank_transfer_stage now = found.stage;
    stele_value_clear(&bank_transfer_type, &found);
    return now;
}

static bool is_final(bank_transfer_stage of)
{
    return of == BANK_TRANSFER_STAGE_DONE || of == BANK_TRANSFER_STAGE_REFUSED ||
           of == BANK_TRANSFER_STAGE_RETURNED;
}

static bank_transfer_stage await_end(branch *at, const char *id)
{
    bank_transfer_stage now;
    for (int ms = 0; !is_final(now = stage(at, id)); ms += STEP_MS) {
        if (ms >= WAIT_MS) fprintf(stderr, "%s is at %d\n", id, (int)now);
        CHECK(at->of, ms < WAIT_MS);
        wait_ms(at->of, STEP_MS);
    }
    return now;
}

/* ---- the plays ---- */

static void create_topic(const city *of, const char *name)
{
    stele_error err;
    const stele_log_topic_options topic = {.name = name, .partitions = PARTITIONS};
    MUST(of, stele_log_topic_create(of->log, &topic, WAIT_MS, &err), &err);
}

/* What is played. */
typedef struct scene {
    void (*play)(city *of);
} scene;

static void run(const void *context, uint64_t seed)
{
    const scene *what = context;
    stele_error err;
    city of = {.seed = seed};
    of.fibers = stele_fibers_new(&(stele_fibers_options){
        .seed = seed, .switch_one_in = 8, .spurious_one_in = 50, .step_max_ns = 1 << 14});
    of.runtime = stele_fibers_runtime(of.fibers);
    MUST(&of,
         stele_log_memory_new(&(stele_log_memory_options){.runtime = of.runtime}, &of.log, &err),
         &err);
    create_topic(&of, "account.events");
    create_topic(&of, "transfer.events");
    what->play(&of);
    _exit(0);
}

static void play_all(void (*of)(city *of))
{
    play_seeds(SEEDS, run, &(scene){of});
}

static void play_transfers(city *of)
{
    branch *bank = start(of);
    open_account(bank, "ann", 500);
    open_account(bank, "bob", 0);
    request(bank, "t-1", "ann", "bob", 200);
    request(bank, "t-2", "ann", "bob", 301);
    request(bank, "t-3", "ann", "nobody", 100);

    CHECK(of, await_end(bank, "t-1") == BANK_TRANSFER_STAGE_DONE);
    CHECK(of, await_end(bank, "t-3") == BANK_TRANSFER_STAGE_RETURNED ||
                  stage(bank, "t-3") == BANK_TRANSFER_STAGE_REFUSED);
    await_end(bank, "t-2");
    CHECK(of, balance(bank, "ann") + balance(bank, "bob") == 500);
    CHECK(of, balance(bank, "bob") == 200 || balance(bank, "bob") == 501);
    end(bank);
}

static void a_transfer_arrives_or_comes_back(void **state)
{
    (void)state;
    play_all(play_transfers);
}

enum { TRANSFERS = 30 };

static void make_trouble(city *of, branch **bank, int at)
{
    switch (at % 5) {
    case 0:
        kill_it(*bank);
        *bank = start(of);
        break;
    case 1:
        stele_log_memory_lose_markers(of->log);
        break;
    case 2:
        stele_log_memory_fail_append(of->log, 1 + (uint64_t)at % 3, STELE_LOG_MEMORY_REFUSED);
        break;
    case 3:
        stele_log_memory_doubt_commit(of->log, at % 2 == 0 ? STELE_LOG_MEMORY_DONE
                                                           : STELE_LOG_MEMORY_NOT_DONE);
        break;
    default:
        end(*bank);
        *bank = start(of);
        break;
    }
}

static void play_trouble(city *of)
{
    char id[16], from[16], to[16];
    branch *bank = start(of);
    for (int i = 0; i < ACCOUNTS; i++) {
        snprintf(id, sizeof id, "a-%d", i);
        open_account(bank, id, 1000);
    }
    for (int i = 0; i < TRANSFERS; i++) {
        snprintf(id, sizeof id, "t-%d", i);
        snprintf(from, sizeof from, "a-%d", i % ACCOUNTS);
        snprintf(to, sizeof to, i % 7 == 3 ? "nobody" : "a-%d", (i + 1) % ACCOUNTS);
        request(bank, id, from, to, 10 + i);
        wait_ms(of, (int)(of->seed * 37 + (uint64_t)i * 11) % 60);
        if (i % 3 == 2) make_trouble(of, &bank, i / 3 + (int)of->seed);
    }
    int64_t expected[ACCOUNTS] = {1000, 1000, 1000, 1000};
    for (int i = 0; i < TRANSFERS; i++) {
        snprintf(id, sizeof id, "t-%d", i);
        if (await_end(bank, id) != BANK_TRANSFER_STAGE_DONE) continue;
        expected[i % ACCOUNTS] -= 10 + i;
        expected[(i + 1) % ACCOUNTS] += 10 + i;
    }
    for (int i = 0; i < ACCOUNTS; i++) {
        snprintf(id, sizeof id, "a-%d", i);
        CHECK(of, balance(bank, id) == expected[i]);
    }
    end(bank);
}

static void each_is_done_or_undone_once_whatever_dies(void **state)
{
    (void)state;
    play_all(play_trouble);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transfer_arrives_or_comes_back),
        cmocka_unit_test(each_is_done_or_undone_once_whatever_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
