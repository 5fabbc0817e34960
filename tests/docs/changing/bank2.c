/* SPDX-License-Identifier: MIT
 * The program after the change, from the first listing of docs/changing-an-event.md. */
#include <stele/stele.h>

#include "changing-an-event.1.inc"

int main(int argc, char **argv)
{
    return stele_main(argc, argv,
                      &(stele_app){
                          .name = "bank",
                          .aggregates = (const stele_aggregate *const[]){&account, NULL},
                          .projections = (const stele_projection *const[]){&balances, NULL},
                      });
}
