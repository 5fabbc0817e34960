// SPDX-License-Identifier: MIT
// Generated headers in C++, several of them with shared types, and what they compile into callers.
#include <string_view>

#include "flag.h"
#include "hostile.h"
#include "kinds.h"
#include "names.h"
#include "shared_added.h"
#include "shared_cart.h"
#include "shared_removed.h"
#include "v1_flag.h"

extern "C" bool stele_test_cpp_cart();

bool stele_test_cpp_cart()
{
    shared_cart cart = {};
    shared_item *item = shared_cart_items_add(&cart.items);
    stele_text_set(&item->sku, stele_text("a"));
    shared_cart_by_sku_add(&cart.by_sku, stele_text("a"))->value.cents = 7;
    cart.state = SHARED_STATE_PAID;
    bool good = cart.items.count == 1 && shared_cart_by_sku_find(&cart.by_sku, stele_text("a")) &&
                shared_state_name(cart.state) == std::string_view("PAID");
    shared_cart_clear(&cart);

    reader_ reader = {};
    reader.deleted__ = true;
    reader.status = STATUS_OPEN_;
    reader.was = reader.status;
    reader.value.children = {};
    return good && status_name(reader.was) == std::string_view("open");
}
