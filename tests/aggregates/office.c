/* SPDX-License-Identifier: MIT
 * The office of office.h. */
#include "office.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/alloc.h"
#include "kafka/partitioner.h"
#include "tests/support/seeds.h"

enum { SEEDS = 12, STEP_MS = 5, ASK_MS = 10000 };

#define EVENTS "account.events"

_Noreturn void office_fail(const office *of, const char *file, int line, const char *what,
                           const char *text)
{
    fprintf(stderr, "%s:%d: seed %" PRIu64 ": %s %s\n", file, line, of->seed, what, text);
    fflush(stderr);
    _exit(1);
}

void office_check_equal(const office *of, const char *file, int line, const char *what,
                        int64_t found, int64_t expected)
{
    if (found == expected) return;
    char text[100];
    snprintf(text, sizeof text, "is %" PRId64 ", not %" PRId64, found, expected);
    office_fail(of, file, line, what, text);
}

static void must(const office *of, const char *what, stele_status status, const stele_error *err)
{
    if (status < 0) office_fail(of, __FILE__, __LINE__, what, err->text);
}

/* ---- the play ---- */

/* What is played. */
typedef struct scene {
    void (*play)(office *of);
    size_t message_max_bytes;
} scene;

static void run(const void *context, uint64_t seed)
{
    const scene *what = context;
    office of = {.seed = seed};
    stele_error err;
    of.fibers = stele_fibers_new(&(stele_fibers_options){
        .seed = seed, .switch_one_in = 8, .spurious_one_in = 50, .step_max_ns = 1 << 14});
    of.runtime = stele_fibers_runtime(of.fibers);
    of.table = account_table(&of.context);
    stele_log_memory_options options = {.runtime = of.runtime,
                                        .message_max_bytes = what->message_max_bytes};
    must(&of, "log", stele_log_memory_new(&options, &of.log, &err), &err);
    stele_log_topic_options topic = {.name = EVENTS, .partitions = OFFICE_PARTITIONS};
    must(&of, "topic", stele_log_topic_create(of.log, &topic, ASK_MS, &err), &err);
    what->play(&of);
    _exit(0);
}

void office_play(void (*play)(office *of), size_t message_max_bytes)
{
    play_seeds(SEEDS, run, &(scene){play, message_max_bytes});
}

void office_sleep(const office *of, int ms)
{
    stele_sleep_ms(of->runtime, ms);
}

static stele_deadline patience(const office *of)
{
    return stele_deadline_after(stele_runtime_clock(of->runtime), OFFICE_WAIT_MS);
}

/* ---- instances ---- */

static void live(void *context)
{
    instance *self = context;
    office *of = self->of;
    stele_client *client;
    stele_error err;
    must(of, "client", stele_client_open_on(of->log, NULL, "bank", &client, &err), &err);
    stele_writer_options options = {.aggregate = &of->table,
                                    .acknowledge = self->acknowledge,
                                    .takes_commands = of->takes_commands,
                                    .queue_max = self->queue_max};
    stele_writer *writer;
    must(of, "writer", stele_writer_open(client, &options, &writer, &err), &err);
    self->writer = writer;
    while (!self->is_asked_to_close)
        office_sleep(of, STEP_MS);
    self->writer = NULL;
    stele_writer_close(writer);
    stele_client_close(client);
    self->is_closed = true;
}

instance *office_start_with(office *of, stele_acknowledge acknowledge, int queue_max)
{
    instance *self = stele_alloc(sizeof *self);
    *self = (instance){
        .of = of, .domain = ++of->domains, .acknowledge = acknowledge, .queue_max = queue_max};
    stele_fibers_start(of->fibers, self->domain, "instance", live, self);
    stele_deadline by = patience(of);
    while (self->writer == NULL) {
        OFFICE_CHECK(of, !stele_deadline_passed(by));
        office_sleep(of, 1);
    }
    return self;
}

instance *office_start(office *of)
{
    return office_start_with(of, STELE_ACKNOWLEDGE_CONFIGURED, 0);
}

void office_close(instance *self)
{
    stele_deadline by = patience(self->of);
    self->is_asked_to_close = true;
    while (!self->is_closed) {
        OFFICE_CHECK(self->of, !stele_deadline_passed(by));
        office_sleep(self->of, STEP_MS);
    }
}

void office_kill(instance *self)
{
    stele_fibers_kill(self->of->fibers, self->domain);
    self->writer = NULL;
}

void office_freeze(instance *self, int ms)
{
    stele_fibers_freeze(self->of->fibers, self->domain,
                        stele_fibers_now_ns(self->of->fibers) + (int64_t)ms * 1000000);
}

void office_await_serving(instance *self, const char *id)
{
    office *of = self->of;
    stele_deadline by = patience(of);
    for (;;) {
        int32_t partition = stele_writer_partition_of(self->writer, stele_text(id));
        if (partition >= 0 &&
            stele_writer_desk_state(self->writer, partition) == STELE_DESK_SERVING)
            return;
        OFFICE_CHECK(of, !stele_deadline_passed(by));
        office_sleep(of, 1);
    }
}

/* ---- calls ---- */

stele_call office_booking(const char *id, test_commands_book *command)
{
    return (stele_call){.aggregate_id = stele_text(id),
                        .type = &test_commands_book_type,
                        .command = command,
                        .timeout_ms = OFFICE_WAIT_MS};
}

stele_status office_book(instance *self, const char *id, int64_t cents, int64_t expected,
                         const char *command_id, stele_result *result, stele_error *err)
{
    test_commands_book command = {.cents = cents, .times = 1};
    stele_call call = office_booking(id, &command);
    call.expected_version = expected;
    call.command_id = command_id;
    return stele_execute(self->writer, &call, result, err);
}

static void on_done(void *context, const stele_result *result, const stele_error *failure)
{
    office_call *self = context;
    self->result = *result;
    if (failure != NULL) self->failure = *failure;
    self->status = failure == NULL ? STELE_OK : failure->status;
    self->is_done = true;
}

void office_try(instance *self, office_call *call, const stele_call *what)
{
    stele_error failure;
    *call = (office_call){0};
    if (stele_execute_async(self->writer, what, on_done, call, &failure) < 0)
        on_done(call, &(stele_result){0}, &failure);
}

void office_begin(instance *self, office_call *call, const stele_call *what)
{
    *call = (office_call){0};
    must(self->of, "async", stele_execute_async(self->writer, what, on_done, call, &call->failure),
         &call->failure);
}

void office_await(const office *of, const office_call *call)
{
    stele_deadline by = patience(of);
    while (!call->is_done) {
        OFFICE_CHECK(of, !stele_deadline_passed(by));
        office_sleep(of, 1);
    }
}

int64_t office_load(instance *self, const char *id, int64_t *version)
{
    test_account account = {0};
    stele_error err;
    must(self->of, "load",
         stele_writer_load(self->writer, stele_text(id), 0, &account, version, &err), &err);
    int64_t cents = account.cents;
    stele_value_clear(&test_account_type, &account);
    return cents;
}

/* ---- the log ---- */

void office_spoil(office *of, const char *id)
{
    stele_error err;
    stele_log_producer *producer;
    must(of, "producer",
         stele_log_producer_open(of->log, &(stele_log_producer_options){0}, &producer, &err), &err);
    const stele_log_entry nothing = {
        .partition = {EVENTS, stele_log_partition_of(stele_text(id), OFFICE_PARTITIONS)},
        .key = stele_text(id)};
    must(of, "put", stele_log_producer_put(producer, &nothing, &err), &err);
    must(of, "flush", stele_log_producer_flush(producer, ASK_MS, &err), &err);
    stele_log_producer_close(producer);
}

ledger office_read(office *of, const char *id)
{
    ledger found;
    stele_error err;
    must(of, "read",
         ledger_read(of->log, EVENTS, OFFICE_PARTITIONS, id, patience(of), &found, &err), &err);
    return found;
}
