/* SPDX-License-Identifier: MIT
 * The shop's other program: carts are filled, orders are placed, paid and shipped. */
#include "orders.h"

int main(int argc, char **argv)
{
    return stele_main(argc, argv,
                      &(stele_app){
                          .name = "orders",
                          .aggregates = (const stele_aggregate *const[]){&cart, &order, NULL},
                      });
}
