/* SPDX-License-Identifier: MIT
 * An order: placed, paid, shipped, or cancelled before it is shipped. */
#include "orders.h"

#include <inttypes.h>

#include "cancel_order.h"
#include "order.h"
#include "order_cancelled.h"
#include "order_paid.h"
#include "order_placed.h"
#include "order_shipped.h"
#include "pay_order.h"
#include "place_order.h"
#include "ship_order.h"

/* ---- what events make of it ---- */

static stele_status apply_placed(void *state, const void *data, const stele_event *event,
                                 stele_error *err)
{
    (void)event, (void)err;
    shop_order *own = state;
    own->stage = SHOP_STAGE_PLACED;
    own->total_cents = ((const shop_order_placed *)data)->total_cents;
    return STELE_OK;
}

static stele_status apply_paid(void *state, const void *data, const stele_event *event,
                               stele_error *err)
{
    (void)data, (void)event, (void)err;
    ((shop_order *)state)->stage = SHOP_STAGE_PAID;
    return STELE_OK;
}

static stele_status apply_shipped(void *state, const void *data, const stele_event *event,
                                  stele_error *err)
{
    (void)data, (void)event, (void)err;
    ((shop_order *)state)->stage = SHOP_STAGE_SHIPPED;
    return STELE_OK;
}

static stele_status apply_cancelled(void *state, const void *data, const stele_event *event,
                                    stele_error *err)
{
    (void)data, (void)event, (void)err;
    ((shop_order *)state)->stage = SHOP_STAGE_CANCELLED;
    return STELE_OK;
}

/* ---- what commands may do ---- */

/* One code for each stage in which something cannot be done any more, or not yet. */
static stele_status reject_stage(const shop_order *own, stele_decision *decision)
{
    switch (own->stage) {
    case SHOP_STAGE_PLACED:
        return stele_reject(decision, "not_paid", "The order has not been paid");
    case SHOP_STAGE_PAID:
        return stele_reject(decision, "paid", "The order has been paid already");
    case SHOP_STAGE_SHIPPED:
        return stele_reject(decision, "shipped", "The order has been shipped already");
    case SHOP_STAGE_CANCELLED:
        return stele_reject(decision, "cancelled", "The order was cancelled");
    default:
        return stele_reject(decision, "order_not_found", "There is no such order");
    }
}

/* @return false: an item is none, or the sum is too large */
static bool add_up(const shop_place_order *wanted, int64_t *total_cents)
{
    *total_cents = 0;
    for (size_t i = 0; i < wanted->items.count; i++) {
        const shop_item *item = &wanted->items.items[i];
        if (item->quantity <= 0 || item->price_cents < 0) return false;
        if (item->price_cents > (INT64_MAX - *total_cents) / item->quantity) return false;
        *total_cents += item->quantity * item->price_cents;
    }
    return true;
}

static stele_status place_order(const void *state, const void *command, stele_decision *decision,
                                stele_error *err)
{
    (void)state, (void)err;
    const shop_place_order *wanted = command;
    shop_order_placed placed = {.order_id = decision->aggregate_id, .customer = wanted->customer};
    if (decision->version > 0)
        return stele_reject(decision, "order_exists", "There is such an order already");
    if (wanted->items.count == 0)
        return stele_reject(decision, "no_items", "An order has an item at least");
    if (!add_up(wanted, &placed.total_cents))
        return stele_reject(decision, "invalid_item", "An item has a quantity and a price");
    placed.items.count = wanted->items.count;
    placed.items.items = wanted->items.items;
    return stele_yield(decision, &shop_order_placed_type, &placed);
}

static stele_status pay_order(const void *state, const void *command, stele_decision *decision,
                              stele_error *err)
{
    (void)err;
    const shop_order *own = state;
    int64_t amount_cents = ((const shop_pay_order *)command)->amount_cents;
    if (own->stage != SHOP_STAGE_PLACED) return reject_stage(own, decision);
    if (amount_cents != own->total_cents)
        return stele_reject(decision, "wrong_amount", "The order costs %" PRId64 " cents",
                            own->total_cents);
    return stele_yield(
        decision, &shop_order_paid_type,
        &(shop_order_paid){.order_id = decision->aggregate_id, .amount_cents = amount_cents});
}

static stele_status ship_order(const void *state, const void *command, stele_decision *decision,
                               stele_error *err)
{
    (void)err;
    const shop_order *own = state;
    if (own->stage != SHOP_STAGE_PAID) return reject_stage(own, decision);
    return stele_yield(decision, &shop_order_shipped_type,
                       &(shop_order_shipped){.order_id = decision->aggregate_id,
                                             .parcel = ((const shop_ship_order *)command)->parcel});
}

static stele_status cancel_order(const void *state, const void *command, stele_decision *decision,
                                 stele_error *err)
{
    (void)err;
    const shop_order *own = state;
    if (own->stage != SHOP_STAGE_PLACED && own->stage != SHOP_STAGE_PAID)
        return reject_stage(own, decision);
    return stele_yield(decision, &shop_order_cancelled_type,
                       &(shop_order_cancelled){
                           .order_id = decision->aggregate_id,
                           .reason = ((const shop_cancel_order *)command)->reason,
                           .refund_cents = own->stage == SHOP_STAGE_PAID ? own->total_cents : 0});
}

const stele_aggregate order = {
    .name = "order",
    .events =
        (const stele_type *const[]){&shop_order_placed_type, &shop_order_paid_type,
                                    &shop_order_shipped_type, &shop_order_cancelled_type, NULL},
    .version = 1,
    .state = &shop_order_type,
    .handlers =
        (const stele_handler[]){
            {&shop_order_placed_type, apply_placed},
            {&shop_order_paid_type, apply_paid},
            {&shop_order_shipped_type, apply_shipped},
            {&shop_order_cancelled_type, apply_cancelled},
            {NULL, NULL},
        },
    .commands =
        (const stele_command[]){
            {&shop_place_order_type, place_order},
            {&shop_pay_order_type, pay_order},
            {&shop_ship_order_type, ship_order},
            {&shop_cancel_order_type, cancel_order},
            {NULL, NULL},
        },
};
