/* SPDX-License-Identifier: MIT
 * What makes transfers go on: when one of them has come to a stage, an account is told to move
 * money; when an account has done so, or refused, the transfer hears of it. */
#include "bank.h"

#include "money_moved.h"
#include "move_money.h"
#include "move_refused.h"
#include "report_move.h"
#include "transfer_moved.h"

static stele_status on_transfer(const void *data, stele_reaction *reaction, stele_error *err)
{
    const bank_transfer_moved *moved = data;
    const stele_bytes id = reaction->event->aggregate_id;
    bank_move_money step = {.transfer = id, .amount_cents = moved->amount_cents};
    switch (moved->stage) {
    case BANK_TRANSFER_STAGE_REQUESTED:
        step.amount_cents = -moved->amount_cents;
        return stele_react_send(reaction, &account, moved->from, &bank_move_money_type, &step, err);
    case BANK_TRANSFER_STAGE_SENT:
        return stele_react_send(reaction, &account, moved->to, &bank_move_money_type, &step, err);
    case BANK_TRANSFER_STAGE_RETURNING:
        step.back = true;
        return stele_react_send(reaction, &account, moved->from, &bank_move_money_type, &step, err);
    default:
        return STELE_OK;
    }
}

static stele_status on_moved(const void *data, stele_reaction *reaction, stele_error *err)
{
    const bank_money_moved *moved = data;
    return stele_react_send(reaction, &transfer, moved->transfer, &bank_report_move_type,
                            &(bank_report_move){.amount_cents = moved->amount_cents}, err);
}

static stele_status on_refused(const void *data, stele_reaction *reaction, stele_error *err)
{
    const bank_move_refused *refused = data;
    return stele_react_send(reaction, &transfer, refused->transfer, &bank_report_move_type,
                            &(bank_report_move){.reason = refused->reason}, err);
}

const stele_reactions transfers = {
    .name = "transfers",
    .sources = (const stele_aggregate *const[]){&transfer, &account, NULL},
    .targets = (const stele_aggregate *const[]){&account, &transfer, NULL},
    .rules =
        (const stele_rule[]){
            {&bank_transfer_moved_type, on_transfer},
            {&bank_money_moved_type, on_moved},
            {&bank_move_refused_type, on_refused},
            {NULL, NULL},
        },
};
