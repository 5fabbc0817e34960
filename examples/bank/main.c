/* SPDX-License-Identifier: MIT
 * The bank: commands come in, accounts are never overdrawn, and transfers arrive or come back. */
#include "bank.h"

int main(int argc, char **argv)
{
    return stele_main(argc, argv,
                      &(stele_app){
                          .name = "bank",
                          .aggregates = (const stele_aggregate *const[]){&account, &transfer, NULL},
                          .projections = (const stele_projection *const[]){&balances, NULL},
                          .reactions = (const stele_reactions *const[]){&transfers, NULL},
                      });
}
