/* SPDX-License-Identifier: MIT
 * An account: what may be done with it, and what has been. */
#include "bank.h"

#include <inttypes.h>

#include "account.h"
#include "account_closed.h"
#include "account_created.h"
#include "close_account.h"
#include "create_account.h"
#include "deposit_money.h"
#include "money_deposited.h"
#include "money_moved.h"
#include "money_withdrawn.h"
#include "move_money.h"
#include "move_refused.h"
#include "withdraw_money.h"

/* ---- what events make of it ---- */

static stele_status apply_created(void *state, const void *data, const stele_event *event,
                                  stele_error *err)
{
    (void)event, (void)err;
    stele_text_set(&((bank_account *)state)->owner, ((const bank_account_created *)data)->owner);
    return STELE_OK;
}

static stele_status apply_deposited(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    (void)event, (void)err;
    ((bank_account *)state)->balance_cents += ((const bank_money_deposited *)data)->amount_cents;
    return STELE_OK;
}

static stele_status apply_withdrawn(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    (void)event, (void)err;
    ((bank_account *)state)->balance_cents -= ((const bank_money_withdrawn *)data)->amount_cents;
    return STELE_OK;
}

static stele_status apply_moved(void *state, const void *data, const stele_event *event,
                                stele_error *err)
{
    (void)event, (void)err;
    ((bank_account *)state)->balance_cents += ((const bank_money_moved *)data)->amount_cents;
    return STELE_OK;
}

static stele_status apply_closed(void *state, const void *data, const stele_event *event,
                                 stele_error *err)
{
    (void)event, (void)err;
    bank_account *own = state;
    own->balance_cents -= ((const bank_account_closed *)data)->amount_cents;
    own->closed = true;
    return STELE_OK;
}

/* ---- what commands may do ---- */

/* It may have refused money before anyone opened it. */
static bool is_there(const bank_account *own)
{
    return own->owner.size > 0;
}

/* What most of them ask first. */
static stele_status check_open(const bank_account *own, stele_decision *decision)
{
    if (!is_there(own))
        return stele_reject(decision, "account_not_found", "There is no such account");
    if (own->closed) return stele_reject(decision, "account_closed", "The account is closed");
    return STELE_OK;
}

static stele_status check_amount(int64_t amount_cents, stele_decision *decision)
{
    if (amount_cents > 0) return STELE_OK;
    return stele_reject(decision, "invalid_amount",
                        "%" PRId64 " cents is no amount: it is to be positive", amount_cents);
}

static stele_status create_account(const void *state, const void *command, stele_decision *decision,
                                   stele_error *err)
{
    (void)err;
    const bank_create_account *wanted = command;
    if (is_there(state))
        return stele_reject(decision, "account_exists", "There is such an account already");
    if (wanted->owner.size == 0)
        return stele_reject(decision, "invalid_owner", "An account has an owner");
    return stele_yield(decision, &bank_account_created_type,
                       &(bank_account_created){.owner = wanted->owner});
}

static stele_status deposit_money(const void *state, const void *command, stele_decision *decision,
                                  stele_error *err)
{
    (void)err;
    const bank_account *own = state;
    const bank_deposit_money *wanted = command;
    stele_status status = check_open(own, decision);
    if (status == STELE_OK) status = check_amount(wanted->amount_cents, decision);
    if (status < 0) return status;
    if (wanted->amount_cents > INT64_MAX - own->balance_cents)
        return stele_reject(decision, "balance_too_large", "No account holds as much as that");
    return stele_yield(decision, &bank_money_deposited_type,
                       &(bank_money_deposited){.amount_cents = wanted->amount_cents});
}

static stele_status withdraw_money(const void *state, const void *command, stele_decision *decision,
                                   stele_error *err)
{
    (void)err;
    const bank_account *own = state;
    const bank_withdraw_money *wanted = command;
    stele_status status = check_open(own, decision);
    if (status == STELE_OK) status = check_amount(wanted->amount_cents, decision);
    if (status < 0) return status;
    if (own->balance_cents < wanted->amount_cents)
        return stele_reject(decision, "insufficient_funds",
                            "Insufficient funds: %" PRId64 " cents are there", own->balance_cents);
    return stele_yield(decision, &bank_money_withdrawn_type,
                       &(bank_money_withdrawn){.amount_cents = wanted->amount_cents});
}

/* Why a step of a transfer is refused; NULL: it is not. What comes back is taken in any case. */
static const char *refusal_of(const bank_account *own, const bank_move_money *wanted)
{
    if (wanted->back) return NULL;
    if (!is_there(own)) return "There is no such account";
    if (own->closed) return "The account is closed";
    if (wanted->amount_cents < 0 && wanted->amount_cents < -own->balance_cents)
        return "Insufficient funds";
    if (wanted->amount_cents > 0 && wanted->amount_cents > INT64_MAX - own->balance_cents)
        return "No account holds as much as that";
    return NULL;
}

/* A no is an event as well: the transfer waits for an answer. */
static stele_status move_money(const void *state, const void *command, stele_decision *decision,
                               stele_error *err)
{
    (void)err;
    const bank_move_money *wanted = command;
    if (!is_bank_id(wanted->transfer) || wanted->amount_cents == 0)
        return stele_reject(decision, "invalid_move", "Which transfer, and how much?");
    const char *refusal = refusal_of(state, wanted);
    if (refusal != NULL)
        return stele_yield(
            decision, &bank_move_refused_type,
            &(bank_move_refused){.transfer = wanted->transfer, .reason = stele_text(refusal)});
    return stele_yield(
        decision, &bank_money_moved_type,
        &(bank_money_moved){.transfer = wanted->transfer, .amount_cents = wanted->amount_cents});
}

static stele_status close_account(const void *state, const void *command, stele_decision *decision,
                                  stele_error *err)
{
    (void)command, (void)err;
    const bank_account *own = state;
    stele_status status = check_open(own, decision);
    if (status < 0) return status;
    return stele_yield(decision, &bank_account_closed_type,
                       &(bank_account_closed){.amount_cents = own->balance_cents});
}

const stele_aggregate account = {
    .name = "account",
    .events = (const stele_type *const[]){&bank_account_created_type, &bank_money_deposited_type,
                                          &bank_money_withdrawn_type, &bank_account_closed_type,
                                          &bank_money_moved_type, &bank_move_refused_type, NULL},
    .version = 1,
    .state = &bank_account_type,
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
    .commands =
        (const stele_command[]){
            {&bank_create_account_type, create_account},
            {&bank_deposit_money_type, deposit_money},
            {&bank_withdraw_money_type, withdraw_money},
            {&bank_close_account_type, close_account},
            {&bank_move_money_type, move_money},
            {NULL, NULL},
        },
};
