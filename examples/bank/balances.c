/* SPDX-License-Identifier: MIT
 * Beside what decides: a list of the open accounts, for whoever wants to look. */
#include "bank.h"

#include "account_closed.h"
#include "account_created.h"
#include "balance.h"
#include "money_deposited.h"
#include "money_moved.h"
#include "money_withdrawn.h"
#include "move_refused.h"

static stele_status apply_created(void *state, const void *data, const stele_event *event,
                                  stele_error *err)
{
    (void)event, (void)err;
    stele_text_set(&((bank_balance *)state)->owner, ((const bank_account_created *)data)->owner);
    return STELE_OK;
}

static stele_status book(bank_balance *balance, int64_t amount_cents, const stele_event *event)
{
    balance->balance_cents += amount_cents;
    balance->bookings++;
    balance->has_last_booking = true;
    balance->last_booking = event->time_ms;
    return STELE_OK;
}

static stele_status apply_deposited(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    (void)err;
    return book(state, ((const bank_money_deposited *)data)->amount_cents, event);
}

static stele_status apply_withdrawn(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    (void)err;
    return book(state, -((const bank_money_withdrawn *)data)->amount_cents, event);
}

static stele_status apply_moved(void *state, const void *data, const stele_event *event,
                                stele_error *err)
{
    (void)err;
    return book(state, ((const bank_money_moved *)data)->amount_cents, event);
}

/* A closed account is no more in the list. */
static stele_status apply_closed(void *state, const void *data, const stele_event *event,
                                 stele_error *err)
{
    (void)state, (void)data, (void)event, (void)err;
    return STELE_FINISHED;
}

const stele_projection balances = {
    .name = "balances",
    .version = 1,
    .source = &account,
    .state = &bank_balance_type,
    .on_finished =
        STELE_ON_FINISHED_IGNORE, /* a transfer may come back to an account that is closed */
    .handlers =
        (const stele_handler[]){
            {&bank_account_created_type, apply_created},
            {&bank_money_deposited_type, apply_deposited},
            {&bank_money_withdrawn_type, apply_withdrawn},
            {&bank_account_closed_type, apply_closed},
            {&bank_money_moved_type, apply_moved},
            {&bank_move_refused_type, NULL},
            {NULL, NULL},
        },
};
