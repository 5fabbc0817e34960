/* SPDX-License-Identifier: MIT
 * A cart: articles go in and out until it is checked out. */
#include "orders.h"

#include "add_item.h"
#include "cart.h"
#include "check_out.h"
#include "checked_out.h"
#include "item_added.h"
#include "item_removed.h"
#include "remove_item.h"

enum { ARTICLES_MAX = 100, QUANTITY_MAX = 1000 };

/* @return its index, or the count of items */
static size_t find(const shop_cart *own, stele_bytes sku)
{
    size_t at = 0;
    while (at < own->items.count && !stele_bytes_equal(own->items.items[at].sku, sku))
        at++;
    return at;
}

static int32_t quantity_of(const shop_cart *own, stele_bytes sku)
{
    size_t at = find(own, sku);
    return at < own->items.count ? own->items.items[at].quantity : 0;
}

/* ---- what events make of it ---- */

static stele_status apply_added(void *state, const void *data, const stele_event *event,
                                stele_error *err)
{
    (void)event, (void)err;
    shop_cart *own = state;
    const shop_item *item = &((const shop_item_added *)data)->item;
    size_t at = find(own, item->sku);
    if (at == own->items.count) {
        shop_item_copy(shop_cart_items_add(&own->items), item);
    } else {
        own->items.items[at].quantity += item->quantity;
        own->items.items[at].price_cents = item->price_cents;
    }
    return STELE_OK;
}

static stele_status apply_removed(void *state, const void *data, const stele_event *event,
                                  stele_error *err)
{
    (void)event, (void)err;
    shop_cart *own = state;
    size_t at = find(own, ((const shop_item_removed *)data)->sku);
    if (at < own->items.count) shop_cart_items_remove(&own->items, at);
    return STELE_OK;
}

static stele_status apply_checked_out(void *state, const void *data, const stele_event *event,
                                      stele_error *err)
{
    (void)data, (void)event, (void)err;
    ((shop_cart *)state)->checked_out = true;
    return STELE_OK;
}

/* ---- what commands may do ---- */

static stele_status check_open(const shop_cart *own, stele_decision *decision)
{
    if (!own->checked_out) return STELE_OK;
    return stele_reject(decision, "checked_out", "The cart has been checked out");
}

static stele_status add_item(const void *state, const void *command, stele_decision *decision,
                             stele_error *err)
{
    (void)err;
    const shop_cart *own = state;
    const shop_item *item = &((const shop_add_item *)command)->item;
    stele_status status = check_open(own, decision);
    if (status < 0) return status;
    if (item->sku.size == 0 || item->price_cents < 0)
        return stele_reject(decision, "invalid_item",
                            "An item has a number, and its price is not negative");
    int32_t there = quantity_of(own, item->sku);
    if (item->quantity <= 0 || item->quantity > QUANTITY_MAX - there)
        return stele_reject(decision, "invalid_quantity", "A cart has 1 to %d of an article",
                            QUANTITY_MAX);
    if (there == 0 && own->items.count == ARTICLES_MAX)
        return stele_reject(decision, "cart_full", "A cart has %d articles at most", ARTICLES_MAX);
    return stele_yield(decision, &shop_item_added_type, &(shop_item_added){.item = *item});
}

static stele_status remove_item(const void *state, const void *command, stele_decision *decision,
                                stele_error *err)
{
    (void)err;
    const shop_cart *own = state;
    stele_bytes sku = ((const shop_remove_item *)command)->sku;
    stele_status status = check_open(own, decision);
    if (status < 0) return status;
    if (quantity_of(own, sku) == 0) return STELE_OK; /* that is how it was to be */
    return stele_yield(decision, &shop_item_removed_type, &(shop_item_removed){.sku = sku});
}

static stele_status check_out(const void *state, const void *command, stele_decision *decision,
                              stele_error *err)
{
    (void)err;
    const shop_cart *own = state;
    stele_status status = check_open(own, decision);
    if (status < 0) return status;
    if (own->items.count == 0) return stele_reject(decision, "cart_empty", "The cart is empty");
    shop_checked_out out = {.order_id = ((const shop_check_out *)command)->order_id};
    out.items.count = own->items.count;
    out.items.items = own->items.items;
    return stele_yield(decision, &shop_checked_out_type, &out);
}

const stele_aggregate cart = {
    .name = "cart",
    .events = (const stele_type *const[]){&shop_item_added_type, &shop_item_removed_type,
                                          &shop_checked_out_type, NULL},
    .version = 1,
    .state = &shop_cart_type,
    .handlers =
        (const stele_handler[]){
            {&shop_item_added_type, apply_added},
            {&shop_item_removed_type, apply_removed},
            {&shop_checked_out_type, apply_checked_out},
            {NULL, NULL},
        },
    .commands =
        (const stele_command[]){
            {&shop_add_item_type, add_item},
            {&shop_remove_item_type, remove_item},
            {&shop_check_out_type, check_out},
            {NULL, NULL},
        },
};
