/* SPDX-License-Identifier: MIT
 * What a cart and an order allow, and what not. No broker is needed. */
#include <stele/stele_test.h>

#include <stdio.h>

#include "add_item.h"
#include "cancel_order.h"
#include "check_out.h"
#include "checked_out.h"
#include "item_added.h"
#include "item_removed.h"
#include "order_cancelled.h"
#include "order_paid.h"
#include "order_placed.h"
#include "order_shipped.h"
#include "orders.h"
#include "pay_order.h"
#include "place_order.h"
#include "remove_item.h"
#include "ship_order.h"

/* ---- cart ---- */

static void given_item(stele_test *test, const char *sku, int32_t quantity)
{
    stele_test_given(
        test, "c1", &shop_item_added_type,
        &(shop_item_added){
            .item = {.sku = stele_text(sku), .quantity = quantity, .price_cents = 250}});
}

static void when_added(stele_test *test, const char *sku, int32_t quantity)
{
    stele_test_when(
        test, "c1", &shop_add_item_type,
        &(shop_add_item){
            .item = {.sku = stele_text(sku), .quantity = quantity, .price_cents = 200}});
}

static int articles_go_in_and_out(void)
{
    stele_test *test = stele_test_aggregate(&cart);
    given_item(test, "tea", 2);

    when_added(test, "tea", 1);
    stele_test_then_event_json(
        test, &shop_item_added_type,
        "{\"item\": {\"sku\": \"tea\", \"quantity\": 1, \"price_cents\": 200}}");
    stele_test_then_json(
        test, "c1", "{\"items\": [{\"sku\": \"tea\", \"quantity\": 3, \"price_cents\": 200}]}");

    stele_test_when_json(test, "c1", &shop_remove_item_type, "{\"sku\": \"tea\"}");
    stele_test_then_event_json(test, &shop_item_removed_type, "{\"sku\": \"tea\"}");
    stele_test_when_json(test, "c1", &shop_remove_item_type, "{\"sku\": \"tea\"}");
    stele_test_then_nothing(test);
    stele_test_then_json(test, "c1", "{}");
    return stele_test_end(test);
}

static int a_cart_has_its_limits(void)
{
    stele_test *test = stele_test_aggregate(&cart);
    given_item(test, "tea", 999);
    when_added(test, "tea", 2);
    stele_test_then_rejected(test, "invalid_quantity");
    when_added(test, "milk", 0);
    stele_test_then_rejected(test, "invalid_quantity");
    when_added(test, "", 1);
    stele_test_then_rejected(test, "invalid_item");

    for (int i = 1; i < 100; i++) {
        char sku[8];
        snprintf(sku, sizeof sku, "s%d", i);
        given_item(test, sku, 1);
    }
    when_added(test, "milk", 1);
    stele_test_then_rejected(test, "cart_full");
    when_added(test, "s1", 1);
    return stele_test_end(test);
}

static int a_cart_is_checked_out_once(void)
{
    stele_test *test = stele_test_aggregate(&cart);
    stele_test_when_json(test, "c1", &shop_check_out_type, "{\"order_id\": \"o1\"}");
    stele_test_then_rejected(test, "cart_empty");

    given_item(test, "tea", 2);
    stele_test_when_json(test, "c1", &shop_check_out_type, "{\"order_id\": \"o1\"}");
    stele_test_then_event_json(test, &shop_checked_out_type,
                               "{\"order_id\": \"o1\", \"items\": [{\"sku\": \"tea\","
                               " \"quantity\": 2, \"price_cents\": 250}]}");

    stele_test_when_json(test, "c1", &shop_check_out_type, "{\"order_id\": \"o2\"}");
    stele_test_then_rejected(test, "checked_out");
    when_added(test, "milk", 1);
    stele_test_then_rejected(test, "checked_out");
    return stele_test_end(test);
}

/* ---- order ---- */

#define PLACE                                                                                      \
    "{\"customer\": {\"id\": \"u1\", \"name\": \"Ada\"}, \"items\": ["                             \
    "{\"sku\": \"tea\", \"quantity\": 2, \"price_cents\": 250},"                                   \
    "{\"sku\": \"milk\", \"quantity\": 1, \"price_cents\": 99}]}"

static void given_placed(stele_test *test)
{
    stele_test_given(test, "o1", &shop_order_placed_type,
                     &(shop_order_placed){.order_id = stele_text("o1"), .total_cents = 599});
}

static void given_paid(stele_test *test)
{
    given_placed(test);
    stele_test_given(test, "o1", &shop_order_paid_type,
                     &(shop_order_paid){.order_id = stele_text("o1"), .amount_cents = 599});
}

static void when_paid(stele_test *test, int64_t amount_cents)
{
    stele_test_when(test, "o1", &shop_pay_order_type,
                    &(shop_pay_order){.amount_cents = amount_cents});
}

static void when_shipped(stele_test *test)
{
    stele_test_when_json(test, "o1", &shop_ship_order_type, "{\"parcel\": \"p1\"}");
}

static void when_cancelled(stele_test *test)
{
    stele_test_when_json(test, "o1", &shop_cancel_order_type, "{\"reason\": \"too late\"}");
}

static int an_order_is_placed_paid_and_shipped(void)
{
    stele_test *test = stele_test_aggregate(&order);
    stele_test_when_json(test, "o1", &shop_place_order_type, PLACE);
    stele_test_then_json(test, "o1", "{\"stage\": \"PLACED\", \"total_cents\": 599}");
    when_paid(test, 599);
    stele_test_then_event_json(test, &shop_order_paid_type,
                               "{\"order_id\": \"o1\", \"amount_cents\": 599}");
    when_shipped(test);
    stele_test_then_event_json(test, &shop_order_shipped_type,
                               "{\"order_id\": \"o1\", \"parcel\": \"p1\"}");
    stele_test_then_json(test, "o1", "{\"stage\": \"SHIPPED\", \"total_cents\": 599}");
    return stele_test_end(test);
}

static int an_order_has_items_with_a_sum(void)
{
    stele_test *test = stele_test_aggregate(&order);
    stele_test_when_json(test, "o1", &shop_place_order_type,
                         "{\"customer\": {\"id\": \"u1\", \"name\": \"Ada\"}, \"items\": []}");
    stele_test_then_rejected(test, "no_items");

    shop_item items[] = {{.sku = stele_text("gold"), .quantity = 2, .price_cents = INT64_MAX / 2},
                         {.sku = stele_text("tea"), .quantity = 1, .price_cents = 2}};
    shop_place_order wanted = {.items = {.count = 2, .items = items}};
    stele_test_when(test, "o1", &shop_place_order_type, &wanted);
    stele_test_then_rejected(test, "invalid_item");

    given_placed(test);
    stele_test_when_json(test, "o1", &shop_place_order_type, PLACE);
    stele_test_then_rejected(test, "order_exists");
    return stele_test_end(test);
}

static int it_is_paid_once_and_to_the_cent(void)
{
    stele_test *test = stele_test_aggregate(&order);
    when_paid(test, 599);
    stele_test_then_rejected(test, "order_not_found");
    given_placed(test);
    when_paid(test, 598);
    stele_test_then_rejected(test, "wrong_amount");
    when_shipped(test);
    stele_test_then_rejected(test, "not_paid");
    when_paid(test, 599);
    when_paid(test, 599);
    stele_test_then_rejected(test, "paid");
    return stele_test_end(test);
}

static int it_is_cancelled_until_it_is_shipped(void)
{
    stele_test *test = stele_test_aggregate(&order);
    given_paid(test);
    when_cancelled(test);
    stele_test_then_event_json(
        test, &shop_order_cancelled_type,
        "{\"order_id\": \"o1\", \"reason\": \"too late\", \"refund_cents\": 599}");
    when_shipped(test);
    stele_test_then_rejected(test, "cancelled");
    if (stele_test_end(test) != 0) return 1;

    test = stele_test_aggregate(&order);
    given_placed(test);
    when_cancelled(test);
    stele_test_then_event_json(
        test, &shop_order_cancelled_type,
        "{\"order_id\": \"o1\", \"reason\": \"too late\", \"refund_cents\": 0}");
    if (stele_test_end(test) != 0) return 1;

    test = stele_test_aggregate(&order);
    given_paid(test);
    when_shipped(test);
    when_cancelled(test);
    stele_test_then_rejected(test, "shipped");
    return stele_test_end(test);
}

int main(void)
{
    return articles_go_in_and_out() | a_cart_has_its_limits() | a_cart_is_checked_out_once() |
           an_order_is_placed_paid_and_shipped() | an_order_has_items_with_a_sum() |
           it_is_paid_once_and_to_the_cent() | it_is_cancelled_until_it_is_shipped();
}
