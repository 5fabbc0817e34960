/* SPDX-License-Identifier: MIT
 * What the game's program and its test share. */
#ifndef GAME_H
#define GAME_H

#include <stele/stele.h>

enum { GAME_POINTS_MAX = 1000, GAME_STREAK = 3, GAME_VETERAN_POINTS = 2000 };

extern const stele_aggregate player;

#endif
