/* SPDX-License-Identifier: MIT
 * The account of account.h. */
#include "account.h"

#include <inttypes.h>

#include <stele/generated.h>

/* ---- its fold ---- */

static void init(void *state, const void *context)
{
    if (context != NULL)
        ((test_account *)state)->cents = ((const account_context *)context)->init_cents;
}

static stele_status apply_opened(void *state, const void *data, const stele_event *event,
                                 stele_error *err)
{
    (void)event, (void)err;
    stele_text_set(&((test_account *)state)->owner, ((const test_opened *)data)->owner);
    return STELE_OK;
}

static stele_status apply_booked(void *state, const void *data, const stele_event *event,
                                 stele_error *err)
{
    test_account *account = state;
    const test_booked *booked = data;
    if (event->context != NULL) ((account_context *)event->context)->applied = *event;
    if (booked->cents == 13)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "thirteen brings bad luck");
    account->cents += booked->cents;
    *test_account_bookings_add(&account->bookings) = booked->cents;
    return STELE_OK;
}

static stele_status apply_closed(void *state, const void *data, const stele_event *event,
                                 stele_error *err)
{
    (void)state, (void)data, (void)event, (void)err;
    return STELE_FINISHED;
}

/* ---- its commands ---- */

static stele_status book(const void *state, const void *command, stele_decision *decision,
                         stele_error *err)
{
    (void)err;
    const test_account *account = state;
    const test_commands_book *wanted = command;
    account_context *context = (account_context *)decision->context;
    if (context != NULL) context->last = *decision;
    if (account->cents + wanted->cents < 0)
        return stele_reject(decision, "insufficient_funds", "Insufficient funds: %" PRId64 " cents",
                            account->cents);
    stele_status status = STELE_OK;
    for (int32_t i = 0; i < wanted->times && status == STELE_OK; i++) {
        test_booked booked = {
            .cents = wanted->cents,
            .memos = {.count = wanted->memos.count, .items = wanted->memos.items}};
        status = stele_yield(decision, &test_booked_type, &booked);
    }
    return status;
}

static stele_status do_wrong(stele_bytes what, stele_decision *decision, stele_error *err)
{
    static const stele_type strange = {.name = "test.Strange"};
    if (stele_bytes_equal(what, stele_text("fail")))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "no such currency");
    if (stele_bytes_equal(what, stele_text("wait")))
        return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "the rates are away");
    if (stele_bytes_equal(what, stele_text("bare code"))) return STELE_E_REJECTED;
    if (stele_bytes_equal(what, stele_text("bare failure"))) return STELE_E_LIMIT;
    if (stele_bytes_equal(what, stele_text("finish"))) return STELE_FINISHED;
    if (stele_bytes_equal(what, stele_text("strange")))
        return stele_yield(decision, &strange, &strange);
    if (stele_bytes_equal(what, stele_text("bad code")))
        return stele_reject(decision, "Insufficient funds", "none");
    if (stele_bytes_equal(what, stele_text("not UTF-8")))
        return stele_yield(decision, &test_opened_type,
                           &(test_opened){.owner = stele_text("\xff")});
    return STELE_OK;
}

static stele_status do_it(const void *state, const void *command, stele_decision *decision,
                          stele_error *err)
{
    (void)state;
    stele_bytes what = ((const test_commands_do *)command)->what;
    if (stele_bytes_equal(what, stele_text("go on after a rejection"))) {
        stele_reject(decision, "no", "no");
        return STELE_OK;
    }
    if (stele_bytes_equal(what, stele_text("go on after a bad event"))) {
        stele_yield(decision, NULL, NULL);
        return STELE_OK;
    }
    if (stele_bytes_equal(what, stele_text("yield and reject"))) {
        stele_yield(decision, &test_closed_type, &(test_closed){0});
        return stele_reject(decision, "no.longer-so_2", "no");
    }
    if (stele_bytes_equal(what, stele_text("close")))
        return stele_yield(decision, &test_closed_type, &(test_closed){0});
    return do_wrong(what, decision, err);
}

stele_aggregate account_table(account_context *context)
{
    static const stele_type *const events[] = {&test_opened_type, &test_booked_type,
                                               &test_closed_type, NULL};
    static const stele_handler handlers[] = {{&test_opened_type, apply_opened},
                                             {&test_booked_type, apply_booked},
                                             {&test_closed_type, apply_closed},
                                             {NULL, NULL}};
    static const stele_command commands[] = {
        {&test_commands_book_type, book}, {&test_commands_do_type, do_it}, {NULL, NULL}};
    return (stele_aggregate){.name = "account",
                             .events = events,
                             .version = 1,
                             .state = &test_account_type,
                             .handlers = handlers,
                             .init = init,
                             .commands = commands,
                             .context = context};
}
