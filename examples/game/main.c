/* SPDX-License-Identifier: MIT
 * The game's back end: matches come in, achievements come out; the leaderboard is a file of SQL. */
#include "game.h"

int main(int argc, char **argv)
{
    return stele_main(argc, argv,
                      &(stele_app){
                          .name = "game",
                          .aggregates = (const stele_aggregate *const[]){&player, NULL},
                      });
}
