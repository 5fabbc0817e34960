/* SPDX-License-Identifier: MIT
 * The same callers on Stele's writer: commands, decided on and carried out. */
#include "append.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <stele/writer.h>

#include "account.h"
#include "deposit.h"
#include "deposited.h"

static stele_status apply_deposited(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    (void)event, (void)err;
    ((bench_account *)state)->cents += ((const bench_deposited *)data)->cents;
    return STELE_OK;
}

static stele_status deposit(const void *state, const void *command, stele_decision *decision,
                            stele_error *err)
{
    (void)err;
    const bench_account *account = state;
    const bench_deposit *wanted = command;
    if (account->cents + wanted->cents < 0)
        return stele_reject(decision, "insufficient_funds", "Insufficient funds");
    return stele_yield(decision, &bench_deposited_type,
                       &(bench_deposited){.cents = wanted->cents, .purpose = wanted->purpose});
}

typedef struct bank bank;

typedef struct caller {
    bank *of;
    double begun;
    char id[16];
    size_t id_size;
} caller;

struct bank {
    stele_writer *writer;
    append_result *result;
    caller *callers;
};

static void on_done(void *context, const stele_result *result, const stele_error *failure);

static void send_next(caller *by)
{
    const bench_deposit command = {.cents = 1, .purpose = stele_text(append_purpose)};
    const stele_call call = {.aggregate_id = stele_bytes_of(by->id, by->id_size),
                             .type = &bench_deposit_type,
                             .command = &command};
    stele_error err;
    by->begun = append_now();
    if (stele_execute_async(by->of->writer, &call, on_done, by, &err) < 0)
        append_die("execute", err.text);
}

static void on_done(void *context, const stele_result *result, const stele_error *failure)
{
    (void)result;
    caller *by = context;
    append_result *to = by->of->result;
    if (failure != NULL) append_die("call", failure->text);
    if (append_answered(to, by->begun))
        send_next(by);
    else
        __atomic_sub_fetch(&to->under_way, 1, __ATOMIC_SEQ_CST);
}

static void wait_for_owner(stele_writer *writer)
{
    bench_account account = {0};
    int64_t version;
    stele_error err;
    if (stele_writer_load(writer, stele_text("a"), 0, &account, &version, &err) < 0)
        append_die("load", err.text);
    stele_value_clear(&bench_account_type, &account);
}

void append_stele(const append_run *run, append_result *result)
{
    char brokers[256];
    const stele_aggregate account = {
        .name = run->aggregate,
        .events = (const stele_type *const[]){&bench_deposited_type, NULL},
        .version = 1,
        .state = &bench_account_type,
        .handlers = (const stele_handler[]){{&bench_deposited_type, apply_deposited}, {NULL, NULL}},
        .commands = (const stele_command[]){{&bench_deposit_type, deposit}, {NULL, NULL}}};
    stele_client *client;
    stele_error err;
    bank of = {.result = result, .callers = calloc((size_t)run->callers, sizeof(caller))};
    snprintf(brokers, sizeof brokers, "kafka.bootstrap.servers=%s", run->brokers);
    const char *const overrides[] = {brokers, NULL};
    stele_writer_options options = {.aggregate = &account};
    if (stele_client_open(&(stele_client_options){.overrides = overrides, .name = "bench"}, &client,
                          &err) < 0 ||
        stele_writer_open(client, &options, &of.writer, &err) < 0)
        append_die("open", err.text);
    wait_for_owner(of.writer);
    result->begin = append_now() + run->warm_up_s;
    result->end = result->begin + run->seconds;
    result->under_way = run->callers;
    for (int i = 0; i < run->callers; i++) {
        caller *by = &of.callers[i];
        by->of = &of;
        by->id_size = (size_t)snprintf(by->id, sizeof by->id, "a-%06d", i * 7919 % ACCOUNTS);
        send_next(by);
    }
    while (__atomic_load_n(&result->under_way, __ATOMIC_SEQ_CST) > 0)
        usleep(10000);
    stele_writer_close(of.writer);
    stele_client_close(client);
    free(of.callers);
}
