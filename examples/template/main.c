/* SPDX-License-Identifier: MIT
 * The program: every command of Stele, with this aggregate and this projection. */
#include "account.h"

int main(int argc, char **argv)
{
    return stele_main(argc, argv,
                      &(stele_app){
                          .name = "bank",
                          .aggregates = (const stele_aggregate *const[]){&account, NULL},
                          .projections = (const stele_projection *const[]){&balances, NULL},
                      });
}
