/* SPDX-License-Identifier: MIT
 * The bank: commands come in, and accounts are never overdrawn. */
#include "bank.h"

int main(int argc, char **argv)
{
    return stele_main(argc, argv,
                      &(stele_app){
                          .name = "bank",
                          .aggregates = (const stele_aggregate *const[]){&account, NULL},
                          .projections = (const stele_projection *const[]){&balances, NULL},
                      });
}
