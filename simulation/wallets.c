/* SPDX-License-Identifier: MIT
 * The aggregate that decides: a wallet, which never holds less than nothing. */
#include "simulation/bank.h"

#include <inttypes.h>

#include "book.h"
#include "booked.h"
#include "reminded.h"
#include "wallet.h"

int64_t sim_wallet_value(int64_t value, int64_t number, int64_t cents)
{
    return (int64_t)(((uint64_t)value * 31 + (uint64_t)number) * 31 + (uint64_t)cents);
}

void sim_wallet_id(int wallet, char id[SIM_ID_SIZE])
{
    snprintf(id, SIM_ID_SIZE, "wallet-%d", wallet);
}

int sim_wallet_of(stele_bytes id)
{
    for (int i = 0; i < bank.wallets; i++) {
        char own[SIM_ID_SIZE];
        sim_wallet_id(i, own);
        if (stele_bytes_equal(stele_text(own), id)) return i;
    }
    return -1;
}

int64_t sim_wallet_due(int64_t due, int64_t number, int64_t time_ms)
{
    if (due != 0 || number % 2 != 0) return due;
    return time_ms + 50 + number * 7919 % 3000;
}

static stele_status apply_booked(void *state, const void *data, const stele_event *event,
                                 stele_error *err)
{
    sim_wallet *wallet = state;
    const sim_booked *booked = data;
    if (wallet->cents + booked->cents < 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "less than nothing");
    wallet->cents += booked->cents;
    wallet->value = sim_wallet_value(wallet->value, booked->number, booked->cents);
    wallet->due = sim_wallet_due(wallet->due, booked->number, event->time_ms);
    return STELE_OK;
}

static stele_status apply_reminded(void *state, const void *data, const stele_event *event,
                                   stele_error *err)
{
    (void)event, (void)err;
    sim_wallet *wallet = state;
    wallet->value = sim_wallet_value(wallet->value, SIM_REMINDED, 0);
    wallet->due = 0;
    (void)data;
    return STELE_OK;
}

static stele_status book(const void *state, const void *command, stele_decision *decision,
                         stele_error *err)
{
    (void)err;
    const sim_wallet *wallet = state;
    const sim_book *wanted = command;
    if (wallet->cents + wanted->cents * wanted->times < 0)
        return stele_reject(decision, "insufficient_funds", "Insufficient funds: %" PRId64 " cents",
                            wallet->cents);
    sim_booked booked = {.number = wanted->number, .cents = wanted->cents};
    stele_status status = STELE_OK;
    for (int32_t i = 0; i < wanted->times && status == STELE_OK; i++)
        status = stele_yield(decision, &sim_booked_type, &booked);
    return status;
}

static int64_t due(const void *state, const void *context)
{
    (void)context;
    return ((const sim_wallet *)state)->due;
}

static stele_status remind(const void *state, const void *command, stele_decision *decision,
                           stele_error *err)
{
    (void)command, (void)err;
    return stele_yield(decision, &sim_reminded_type,
                       &(sim_reminded){.due = ((const sim_wallet *)state)->due});
}

const stele_aggregate sim_wallets = {
    .name = "wallet",
    .events = (const stele_type *const[]){&sim_booked_type, &sim_reminded_type, NULL},
    .version = 1,
    .state = &sim_wallet_type,
    .handlers = (const stele_handler[]){{&sim_booked_type, apply_booked},
                                        {&sim_reminded_type, apply_reminded},
                                        {NULL, NULL}},
    .commands = (const stele_command[]){{&sim_book_type, book}, {NULL, NULL}},
    .remembered = SIM_WALLET_REMEMBERS,
    .due = due,
    .on_due = remind};
