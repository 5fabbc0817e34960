/* SPDX-License-Identifier: MIT
 * A transfer: a process of its own. It knows how far it has come, and not what is in an account. */
#include "bank.h"

#include <inttypes.h>

#include "report_move.h"
#include "request_transfer.h"
#include "transfer.h"
#include "transfer_moved.h"

enum { WITHIN_MAX_MS = 86400000 };

/* ---- what events make of it ---- */

static stele_status apply_moved(void *state, const void *data, const stele_event *event,
                                stele_error *err)
{
    (void)event, (void)err;
    bank_transfer *own = state;
    const bank_transfer_moved *moved = data;
    own->stage = moved->stage;
    own->amount_cents = moved->amount_cents;
    own->deadline = moved->deadline;
    stele_text_set(&own->from, moved->from);
    stele_text_set(&own->to, moved->to);
    stele_text_set(&own->reason, moved->reason);
    return STELE_OK;
}

/* ---- what commands may do ---- */

/* The event has all that whoever reacts to it needs to know. */
static stele_status move_to(const bank_transfer *own, bank_transfer_stage stage, stele_bytes reason,
                            stele_decision *decision)
{
    return stele_yield(decision, &bank_transfer_moved_type,
                       &(bank_transfer_moved){.stage = stage,
                                              .from = own->from,
                                              .to = own->to,
                                              .amount_cents = own->amount_cents,
                                              .reason = reason});
}

static stele_status request_transfer(const void *state, const void *command,
                                     stele_decision *decision, stele_error *err)
{
    (void)state, (void)err;
    const bank_request_transfer *wanted = command;
    if (decision->version > 0)
        return stele_reject(decision, "transfer_exists", "There is such a transfer already");
    if (wanted->amount_cents <= 0)
        return stele_reject(decision, "invalid_amount",
                            "%" PRId64 " cents is no amount: it is to be positive",
                            wanted->amount_cents);
    if (!is_bank_id(wanted->from) || !is_bank_id(wanted->to))
        return stele_reject(decision, "invalid_account", "From which account, and to which?");
    if (stele_bytes_equal(wanted->from, wanted->to))
        return stele_reject(decision, "same_account", "It is there already");
    if (wanted->within_ms <= 0 || wanted->within_ms > WITHIN_MAX_MS)
        return stele_reject(decision, "invalid_time", "Within 1 ms to a day");
    return stele_yield(decision, &bank_transfer_moved_type,
                       &(bank_transfer_moved){.stage = BANK_TRANSFER_STAGE_REQUESTED,
                                              .from = wanted->from,
                                              .to = wanted->to,
                                              .amount_cents = wanted->amount_cents,
                                              .deadline = decision->time_ms + wanted->within_ms});
}

/* Each stage waits for one thing; what was heard before changes nothing. */
static stele_status report_move(const void *state, const void *command, stele_decision *decision,
                                stele_error *err)
{
    (void)err;
    const bank_transfer *own = state;
    const bank_report_move *heard = command;
    const stele_bytes why = own->reason;
    bool left = heard->amount_cents < 0;
    bool came = heard->amount_cents > 0;
    switch (own->stage) {
    case BANK_TRANSFER_STAGE_REQUESTED:
        if (left) return move_to(own, BANK_TRANSFER_STAGE_SENT, why, decision);
        return came ? STELE_OK : move_to(own, BANK_TRANSFER_STAGE_REFUSED, heard->reason, decision);
    case BANK_TRANSFER_STAGE_SENT:
        if (came) return move_to(own, BANK_TRANSFER_STAGE_DONE, why, decision);
        return left ? STELE_OK
                    : move_to(own, BANK_TRANSFER_STAGE_RETURNING, heard->reason, decision);
    case BANK_TRANSFER_STAGE_EXPIRED: /* it left too late */
        if (left) return move_to(own, BANK_TRANSFER_STAGE_RETURNING, why, decision);
        return came ? STELE_OK : move_to(own, BANK_TRANSFER_STAGE_REFUSED, heard->reason, decision);
    case BANK_TRANSFER_STAGE_RETURNING:
        return came ? move_to(own, BANK_TRANSFER_STAGE_RETURNED, why, decision) : STELE_OK;
    default:
        return STELE_OK;
    }
}

/* ---- its time ---- */

/* Until the money has left. What has left arrives, or comes back, however long that takes. */
static int64_t due(const void *state, const void *context)
{
    (void)context;
    const bank_transfer *own = state;
    return own->stage == BANK_TRANSFER_STAGE_REQUESTED ? own->deadline : 0;
}

static stele_status expire(const void *state, const void *command, stele_decision *decision,
                           stele_error *err)
{
    (void)command, (void)err;
    return move_to(state, BANK_TRANSFER_STAGE_EXPIRED,
                   stele_text("The account did not answer in time"), decision);
}

const stele_aggregate transfer = {
    .name = "transfer",
    .events = (const stele_type *const[]){&bank_transfer_moved_type, NULL},
    .version = 1,
    .state = &bank_transfer_type,
    .handlers = (const stele_handler[]){{&bank_transfer_moved_type, apply_moved}, {NULL, NULL}},
    .commands =
        (const stele_command[]){
            {&bank_request_transfer_type, request_transfer},
            {&bank_report_move_type, report_move},
            {NULL, NULL},
        },
    .due = due,
    .on_due = expire,
};
