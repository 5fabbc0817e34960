/* SPDX-License-Identifier: MIT
 * The listing of docs/testing.md, with the projection that it speaks of; it passes. */
#include <stele/projection.h>

#include "balance.h"
#include "deposited.h"
#include "withdrawn.h"

static stele_status book(void *state, int64_t cents)
{
    bank_balance *balance = state;
    balance->cents += cents;
    balance->bookings++;
    return STELE_OK;
}

static stele_status apply_deposited(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    (void)event, (void)err;
    return book(state, ((const bank_deposited *)data)->cents);
}

static stele_status apply_withdrawn(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    (void)event, (void)err;
    return book(state, -((const bank_withdrawn *)data)->cents);
}

static const stele_aggregate account = {
    .name = "account",
    .events = (const stele_type *const[]){&bank_deposited_type, &bank_withdrawn_type, NULL},
};

static const stele_projection balances = {
    .name = "balances",
    .version = 1,
    .source = &account,
    .state = &bank_balance_type,
    .handlers = (const stele_handler[]){{&bank_deposited_type, apply_deposited},
                                        {&bank_withdrawn_type, apply_withdrawn},
                                        {NULL, NULL}},
};

#include "testing.inc"
