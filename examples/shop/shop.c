/* SPDX-License-Identifier: MIT
 * The shop: purchases go in, what each customer has bought comes out. */
#include <stele/stele.h>

#include "customer.h"
#include "purchase.h"

#define TOTAL_MAX INT64_C(999999999999999999) /* decimal(18,2), unscaled */

static const stele_aggregate customer = {
    .name = "customer",
    .events = (const stele_type *const[]){&shop_purchase_type, NULL},
};

/* Events of one customer come in log order, which need not be the order of days. */
static stele_status apply_purchase(void *state, const void *data, const stele_event *event,
                                   stele_error *err)
{
    shop_customer *total = state;
    const shop_purchase *purchase = data;
    if (purchase->amount > TOTAL_MAX - total->total)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP,
                          "customer %.*s has spent more than decimal(18,2) can hold",
                          (int)event->aggregate_id.size, (const char *)event->aggregate_id.data);

    bool first = total->purchases == 0;
    total->purchases++;
    total->quantity += purchase->quantity;
    total->total += purchase->amount;
    if (first || purchase->ordered_on < total->first_day) total->first_day = purchase->ordered_on;
    if (first || purchase->ordered_on > total->last_day) total->last_day = purchase->ordered_on;
    return STELE_OK;
}

static const stele_projection customers = {
    .name = "customers",
    .version = 1,
    .source = &customer,
    .state = &shop_customer_type,
    .handlers = (const stele_handler[]){{&shop_purchase_type, apply_purchase}, {NULL, NULL}},
};

int main(int argc, char **argv)
{
    return stele_main(argc, argv,
                      &(stele_app){
                          .name = "shop",
                          .aggregates = (const stele_aggregate *const[]){&customer, NULL},
                          .projections = (const stele_projection *const[]){&customers, NULL},
                      });
}
