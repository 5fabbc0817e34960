/* SPDX-License-Identifier: MIT
 * The listing of docs/generated-code.md, called once. */
#include <stele/projection.h>

#include "cart.h"
#include "item_added.h"

#include "generated-code.inc"

int main(void)
{
    shop_cart cart = {0};
    const uint8_t sku[] = "s1", owner[] = "ann";
    shop_item_added added = {.item = {.sku = {sku, 2}}};
    stele_event event = {.aggregate_id = {owner, 3}};
    int status = apply_added(&cart, &added, &event, NULL);
    int wrong = status != STELE_OK || cart.items.count != 1 || cart.stock.count != 1 ||
                cart.owner.size != 3;
    shop_cart_clear(&cart);
    return wrong;
}
