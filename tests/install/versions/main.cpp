// SPDX-License-Identifier: MIT
#include "purchase.h"
#include "v1_purchase.h"

#include <cstdio>

int main()
{
    v1_shop_purchase old = {};
    shop_purchase purchase = {};
    stele_text_set(&old.id, stele_text("7"));
    purchase.id = old.id.data[0] - '0';
    v1_shop_purchase_clear(&old);
    std::printf("%s %d\n", shop_purchase_type.name, static_cast<int>(purchase.id));
}
