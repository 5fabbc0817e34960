/* SPDX-License-Identifier: MIT
 * Puts commands into the topic of the bank's accounts, each with an amount of its own, by which
 * what came of it is known: first an account each, then deposits, and each seventh is a withdrawal
 * of what no one has. What is not confirmed is sent again with its id; every tenth is in any case.
 *
 * usage: queue_sender ACCOUNTS COMMANDS */
#include "examples/bank/bank.h"

#include <stdio.h>
#include <stdlib.h>

#include "create_account.h"
#include "deposit_money.h"
#include "withdraw_money.h"

enum { TOO_MUCH = 1000000000 };

static int fail(const char *what, const stele_error *err)
{
    fprintf(stderr, "queue_sender: %s: %s\n", what, err->text);
    return 1;
}

/* Until it is stored. */
static int send(stele_sender *sender, int number, int accounts, const stele_type *type,
                const void *command)
{
    char id[24], command_id[24];
    stele_error err;
    snprintf(id, sizeof id, "account-%d", number % accounts);
    snprintf(command_id, sizeof command_id, "queued-%d", number);
    const stele_call call = {.aggregate_id = stele_text(id),
                             .type = type,
                             .command = command,
                             .command_id = command_id,
                             .timeout_ms = 5000};
    int times = number % 10 == 0 ? 2 : 1;
    for (int i = 0; i < times;)
        if (stele_send(sender, &call, NULL, &err) == STELE_OK)
            i++;
        else if (err.next != STELE_NEXT_RETRY)
            return fail(command_id, &err);
    return 0;
}

static int send_all(stele_sender *sender, int accounts, int commands)
{
    const bank_create_account create = {.owner = stele_text("Ada")};
    for (int i = 0; i < accounts; i++)
        if (send(sender, i, accounts, &bank_create_account_type, &create) != 0) return 1;
    for (int i = accounts; i < accounts + commands; i++) {
        bool is_too_much = i % 7 == 0;
        const bank_deposit_money deposit = {.amount_cents = i};
        const bank_withdraw_money withdraw = {.amount_cents = TOO_MUCH + i};
        int failed = is_too_much ? send(sender, i, accounts, &bank_withdraw_money_type, &withdraw)
                                 : send(sender, i, accounts, &bank_deposit_money_type, &deposit);
        if (failed != 0) return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    stele_client *client;
    stele_sender *sender;
    stele_error err;
    if (argc != 3) return 2;
    if (stele_client_open(&(stele_client_options){.name = "queue_sender"}, &client, &err) < 0)
        return fail("client", &err);
    if (stele_sender_open(client, &account, &sender, &err) < 0) return fail("sender", &err);
    int failed = send_all(sender, (int)strtol(argv[1], NULL, 10), (int)strtol(argv[2], NULL, 10));
    stele_sender_close(sender);
    stele_client_close(client);
    return failed;
}
