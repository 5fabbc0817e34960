/* SPDX-License-Identifier: MIT
 * Accounts: money goes in and out, the balance and the number of bookings come out. */
#include "account.h"

#include "balance.h"
#include "deposited.h"
#include "withdrawn.h"

const stele_aggregate account = {
    .name = "account",
    .events = (const stele_type *const[]){&bank_deposited_type, &bank_withdrawn_type, NULL},
};

static stele_status apply_deposited(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    (void)event, (void)err;
    bank_balance *balance = state;
    const bank_deposited *deposited = data;
    balance->cents += deposited->cents;
    balance->bookings++;
    return STELE_OK;
}

static stele_status apply_withdrawn(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    (void)event, (void)err;
    bank_balance *balance = state;
    const bank_withdrawn *withdrawn = data;
    balance->cents -= withdrawn->cents;
    balance->bookings++;
    return STELE_OK;
}

const stele_projection balances = {
    .name = "balances",
    .version = 1, /* raise it when the functions above change what they mean */
    .source = &account,
    .state = &bank_balance_type,
    .handlers =
        (const stele_handler[]){
            {&bank_deposited_type, apply_deposited},
            {&bank_withdrawn_type, apply_withdrawn},
            {NULL, NULL},
        },
};
