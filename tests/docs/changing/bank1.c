/* SPDX-License-Identifier: MIT
 * The program of docs/changing-an-event.md as it was before the change. */
#include <math.h>

#include <stele/stele.h>

#include "balance.h"
#include "deposited.h"

static stele_status apply_deposited(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    bank_balance *balance = state;
    (void)event, (void)err;
    balance->cents += llround(((const bank_deposited *)data)->amount * 100);
    return STELE_OK;
}

static const stele_aggregate account = {
    .name = "account",
    .events = (const stele_type *const[]){&bank_deposited_type, NULL},
};

static const stele_projection balances = {
    .name = "balances",
    .version = 1,
    .source = &account,
    .state = &bank_balance_type,
    .handlers = (const stele_handler[]){{&bank_deposited_type, apply_deposited}, {NULL, NULL}},
};

int main(int argc, char **argv)
{
    return stele_main(argc, argv,
                      &(stele_app){
                          .name = "bank",
                          .aggregates = (const stele_aggregate *const[]){&account, NULL},
                          .projections = (const stele_projection *const[]){&balances, NULL},
                      });
}
