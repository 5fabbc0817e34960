/* SPDX-License-Identifier: MIT
 * Given these events, when this command comes, then these events, or this rejection; and what the
 * list shows. No broker is needed. */
#include <stele/stele_test.h>

#include "account.h"
#include "account_closed.h"
#include "account_created.h"
#include "balance.h"
#include "bank.h"
#include "close_account.h"
#include "create_account.h"
#include "deposit_money.h"
#include "money_deposited.h"
#include "money_moved.h"
#include "money_withdrawn.h"
#include "move_money.h"
#include "move_refused.h"
#include "report_move.h"
#include "request_transfer.h"
#include "transfer.h"
#include "transfer_moved.h"
#include "withdraw_money.h"

static void given_account(stele_test *test, const char *id, int64_t balance_cents)
{
    stele_test_given(test, id, &bank_account_created_type,
                     &(bank_account_created){.owner = stele_text("Ann")});
    stele_test_given(test, id, &bank_money_deposited_type,
                     &(bank_money_deposited){.amount_cents = balance_cents});
}

static void when_withdrawn(stele_test *test, const char *id, int64_t amount_cents)
{
    stele_test_when(test, id, &bank_withdraw_money_type,
                    &(bank_withdraw_money){.amount_cents = amount_cents});
}

static int an_account_is_created_once(void)
{
    stele_test *test = stele_test_aggregate(&account);

    stele_test_when_json(test, "a1", &bank_create_account_type, "{\"owner\": \"Ann\"}");
    stele_test_then_event_json(test, &bank_account_created_type, "{\"owner\": \"Ann\"}");
    stele_test_then_json(test, "a1", "{\"owner\": \"Ann\", \"balance_cents\": 0}");

    stele_test_when_json(test, "a1", &bank_create_account_type, "{\"owner\": \"Bob\"}");
    stele_test_then_rejected(test, "account_exists");
    stele_test_when_json(test, "a2", &bank_create_account_type, "{\"owner\": \"\"}");
    stele_test_then_rejected(test, "invalid_owner");
    return stele_test_end(test);
}

static int money_goes_in_and_out(void)
{
    stele_test *test = stele_test_aggregate(&account);
    given_account(test, "a1", 500);

    stele_test_when(test, "a1", &bank_deposit_money_type,
                    &(bank_deposit_money){.amount_cents = 250});
    stele_test_then_event(test, &bank_money_deposited_type,
                          &(bank_money_deposited){.amount_cents = 250});
    when_withdrawn(test, "a1", 750);
    stele_test_then_event(test, &bank_money_withdrawn_type,
                          &(bank_money_withdrawn){.amount_cents = 750});
    stele_test_then(test, "a1", &(bank_account){.owner = stele_text("Ann")});
    return stele_test_end(test);
}

static int no_account_is_overdrawn(void)
{
    stele_test *test = stele_test_aggregate(&account);
    given_account(test, "a1", 500);

    when_withdrawn(test, "a1", 501);
    stele_test_then_rejected(test, "insufficient_funds");
    stele_test_then_json(test, "a1", "{\"owner\": \"Ann\", \"balance_cents\": 500}");
    return stele_test_end(test);
}

static int an_amount_is_positive_and_has_room(void)
{
    stele_test *test = stele_test_aggregate(&account);
    given_account(test, "a1", 500);

    when_withdrawn(test, "a1", 0);
    stele_test_then_rejected(test, "invalid_amount");
    stele_test_when_json(test, "a1", &bank_deposit_money_type, "{\"amount_cents\": -1}");
    stele_test_then_rejected(test, "invalid_amount");
    stele_test_when(test, "a1", &bank_deposit_money_type,
                    &(bank_deposit_money){.amount_cents = INT64_MAX});
    stele_test_then_rejected(test, "balance_too_large");
    return stele_test_end(test);
}

static int an_account_that_is_closed_pays_out_and_takes_no_more(void)
{
    stele_test *test = stele_test_aggregate(&account);
    given_account(test, "a1", 500);

    stele_test_when(test, "a1", &bank_close_account_type, &(bank_close_account){0});
    stele_test_then_event(test, &bank_account_closed_type,
                          &(bank_account_closed){.amount_cents = 500});
    stele_test_then_json(test, "a1",
                         "{\"owner\": \"Ann\", \"balance_cents\": 0, \"closed\": true}");

    when_withdrawn(test, "a1", 1);
    stele_test_then_rejected(test, "account_closed");
    stele_test_when(test, "a1", &bank_close_account_type, &(bank_close_account){0});
    stele_test_then_rejected(test, "account_closed");
    stele_test_when(test, "a2", &bank_close_account_type, &(bank_close_account){0});
    stele_test_then_rejected(test, "account_not_found");
    return stele_test_end(test);
}

static int the_list_shows_open_accounts(void)
{
    stele_test *test = stele_test_projection(&balances);
    given_account(test, "a1", 500);
    stele_test_at(test, 1790000000000);
    stele_test_given_json(test, "a1", &bank_money_withdrawn_type, "{\"amount_cents\": 120}");
    stele_test_then_json(test, "a1",
                         "{\"owner\": \"Ann\", \"balance_cents\": 380, \"bookings\": 2,"
                         " \"last_booking\": \"2026-09-21T14:13:20.000Z\"}");

    stele_test_given_json(test, "a1", &bank_account_closed_type, "{\"amount_cents\": 380}");
    stele_test_then_finished(test, "a1");
    return stele_test_end(test);
}

/* ---- transfers ---- */

#define NOON INT64_C(1795867200000)

static stele_test *test_of_a_transfer(void)
{
    stele_test *test = stele_test_aggregate(&transfer);
    stele_test_at(test, NOON);
    stele_test_when_json(test, "t1", &bank_request_transfer_type,
                         "{\"from\": \"ann\", \"to\": \"bob\", \"amount_cents\": 200}");
    return test;
}

static void when_reported(stele_test *test, int64_t amount_cents, const char *reason)
{
    stele_test_when(
        test, "t1", &bank_report_move_type,
        &(bank_report_move){.amount_cents = amount_cents, .reason = stele_text(reason)});
}

static void then_stage(stele_test *test, bank_transfer_stage stage, const char *reason)
{
    stele_test_then_event(test, &bank_transfer_moved_type,
                          &(bank_transfer_moved){.stage = stage,
                                                 .from = stele_text("ann"),
                                                 .to = stele_text("bob"),
                                                 .amount_cents = 200,
                                                 .reason = stele_text(reason)});
}

static int a_transfer_leaves_and_arrives(void)
{
    stele_test *test = test_of_a_transfer();
    stele_test_then_due(test, "t1", NOON + 60000);

    when_reported(test, -200, "");
    then_stage(test, BANK_TRANSFER_STAGE_SENT, "");
    stele_test_then_due(test, "t1", 0); /* what has left arrives, or comes back */
    when_reported(test, 200, "");
    then_stage(test, BANK_TRANSFER_STAGE_DONE, "");
    when_reported(test, 200, "");
    stele_test_then_nothing(test);
    return stele_test_end(test);
}

static int a_transfer_that_is_refused_comes_back(void)
{
    stele_test *test = test_of_a_transfer();
    when_reported(test, -200, "");
    when_reported(test, 0, "The account is closed");
    then_stage(test, BANK_TRANSFER_STAGE_RETURNING, "The account is closed");
    when_reported(test, 200, "");
    then_stage(test, BANK_TRANSFER_STAGE_RETURNED, "The account is closed");
    return stele_test_end(test);
}

static int a_transfer_that_leaves_too_late_comes_back(void)
{
    stele_test *test = test_of_a_transfer();

    stele_test_when_due(test, "t1");
    then_stage(test, BANK_TRANSFER_STAGE_EXPIRED, "The account did not answer in time");
    when_reported(test, -200, "");
    then_stage(test, BANK_TRANSFER_STAGE_RETURNING, "The account did not answer in time");
    return stele_test_end(test);
}

static int each_stage_tells_an_account_what_to_do(void)
{
    stele_test *test = stele_test_reactions(&transfers);
    bank_transfer_moved moved = {.stage = BANK_TRANSFER_STAGE_REQUESTED,
                                 .from = stele_text("ann"),
                                 .to = stele_text("bob"),
                                 .amount_cents = 200};

    stele_test_given(test, "t1", &bank_transfer_moved_type, &moved);
    stele_test_then_sent(test, &account, "ann", &bank_move_money_type,
                         &(bank_move_money){.transfer = stele_text("t1"), .amount_cents = -200});
    moved.stage = BANK_TRANSFER_STAGE_SENT;
    stele_test_given(test, "t1", &bank_transfer_moved_type, &moved);
    stele_test_then_sent(test, &account, "bob", &bank_move_money_type,
                         &(bank_move_money){.transfer = stele_text("t1"), .amount_cents = 200});
    moved.stage = BANK_TRANSFER_STAGE_RETURNING;
    stele_test_given(test, "t1", &bank_transfer_moved_type, &moved);
    stele_test_then_sent(
        test, &account, "ann", &bank_move_money_type,
        &(bank_move_money){.transfer = stele_text("t1"), .amount_cents = 200, .back = true});
    moved.stage = BANK_TRANSFER_STAGE_DONE;
    stele_test_given(test, "t1", &bank_transfer_moved_type, &moved);
    stele_test_then_sent_nothing(test);
    return stele_test_end(test);
}

static int a_transfer_hears_what_accounts_say(void)
{
    stele_test *test = stele_test_reactions(&transfers);
    stele_test_given_json(test, "ann", &bank_money_moved_type,
                          "{\"transfer\": \"t1\", \"amount_cents\": -200}");
    stele_test_then_sent(test, &transfer, "t1", &bank_report_move_type,
                         &(bank_report_move){.amount_cents = -200});
    stele_test_given_json(test, "bob", &bank_move_refused_type,
                          "{\"transfer\": \"t1\", \"reason\": \"The account is closed\"}");
    stele_test_then_sent(test, &transfer, "t1", &bank_report_move_type,
                         &(bank_report_move){.reason = stele_text("The account is closed")});
    return stele_test_end(test);
}

static int an_account_says_no_to_a_transfer_with_an_event(void)
{
    stele_test *test = stele_test_aggregate(&account);
    given_account(test, "ann", 500);
    stele_test_when_json(test, "ann", &bank_move_money_type,
                         "{\"transfer\": \"t1\", \"amount_cents\": -501}");
    stele_test_then_event_json(test, &bank_move_refused_type,
                               "{\"transfer\": \"t1\", \"reason\": \"Insufficient funds\"}");
    stele_test_when(test, "ann", &bank_close_account_type, &(bank_close_account){0});
    stele_test_when_json(test, "ann", &bank_move_money_type,
                         "{\"transfer\": \"t2\", \"amount_cents\": 100, \"back\": true}");
    stele_test_then_event_json(test, &bank_money_moved_type,
                               "{\"transfer\": \"t2\", \"amount_cents\": 100}");

    stele_test_when_json(test, "new", &bank_move_money_type,
                         "{\"transfer\": \"t3\", \"amount_cents\": 1}");
    stele_test_then_event_json(test, &bank_move_refused_type,
                               "{\"transfer\": \"t3\", \"reason\": \"There is no such account\"}");
    stele_test_when_json(test, "new", &bank_create_account_type, "{\"owner\": \"Eve\"}");
    stele_test_then_event_json(test, &bank_account_created_type, "{\"owner\": \"Eve\"}");
    return stele_test_end(test);
}

int main(void)
{
    return an_account_is_created_once() | money_goes_in_and_out() | no_account_is_overdrawn() |
           an_amount_is_positive_and_has_room() |
           an_account_that_is_closed_pays_out_and_takes_no_more() | the_list_shows_open_accounts() |
           a_transfer_leaves_and_arrives() | a_transfer_that_is_refused_comes_back() |
           a_transfer_that_leaves_too_late_comes_back() | each_stage_tells_an_account_what_to_do() |
           a_transfer_hears_what_accounts_say() | an_account_says_no_to_a_transfer_with_an_event();
}
