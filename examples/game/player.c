/* SPDX-License-Identifier: MIT
 * A player: joins, plays matches, and unlocks achievements, each of them once. */
#include "game.h"

#include "achievement_unlocked.h"
#include "join.h"
#include "match_played.h"
#include "play_match.h"
#include "player.h"
#include "player_joined.h"

/* ---- what events make of it ---- */

static stele_status apply_joined(void *state, const void *data, const stele_event *event,
                                 stele_error *err)
{
    (void)event, (void)err;
    stele_text_set(&((game_player *)state)->name, ((const game_player_joined *)data)->name);
    return STELE_OK;
}

static stele_status apply_played(void *state, const void *data, const stele_event *event,
                                 stele_error *err)
{
    (void)event, (void)err;
    game_player *own = state;
    const game_match_played *played = data;
    own->points += played->points;
    own->wins += played->won;
    own->streak = played->won ? own->streak + 1 : 0;
    if (own->streak > own->longest_streak) own->longest_streak = own->streak;
    return STELE_OK;
}

/* ---- what commands may do ---- */

static stele_status join(const void *state, const void *command, stele_decision *decision,
                         stele_error *err)
{
    (void)err;
    const game_join *wanted = command;
    if (((const game_player *)state)->name.size > 0)
        return stele_reject(decision, "already_joined", "This player has joined already");
    if (wanted->name.size == 0) return stele_reject(decision, "no_name", "A player has a name");
    return stele_yield(decision, &game_player_joined_type,
                       &(game_player_joined){.name = wanted->name});
}

static stele_status unlock(stele_decision *decision, game_achievement achievement)
{
    return stele_yield(decision, &game_achievement_unlocked_type,
                       &(game_achievement_unlocked){.achievement = achievement});
}

/* The match and what it unlocks are one unit: all of it is stored, or nothing. */
static stele_status play_match(const void *state, const void *command, stele_decision *decision,
                               stele_error *err)
{
    (void)err;
    const game_player *own = state;
    const game_play_match *wanted = command;
    if (own->name.size == 0) return stele_reject(decision, "not_joined", "There is no such player");
    if (wanted->points < 0 || wanted->points > GAME_POINTS_MAX)
        return stele_reject(decision, "invalid_points", "A match brings 0 to %d points",
                            GAME_POINTS_MAX);
    stele_status status = stele_yield(
        decision, &game_match_played_type,
        &(game_match_played){.match = wanted->match, .points = wanted->points, .won = wanted->won});
    if (status == STELE_OK && wanted->won && own->wins == 0)
        status = unlock(decision, GAME_ACHIEVEMENT_FIRST_WIN);
    if (status == STELE_OK && wanted->won && own->streak == GAME_STREAK - 1 &&
        own->longest_streak < GAME_STREAK)
        status = unlock(decision, GAME_ACHIEVEMENT_ON_A_ROLL);
    if (status == STELE_OK && own->points < GAME_VETERAN_POINTS &&
        own->points + wanted->points >= GAME_VETERAN_POINTS)
        status = unlock(decision, GAME_ACHIEVEMENT_VETERAN);
    return status;
}

const stele_aggregate player = {
    .name = "player",
    .events = (const stele_type *const[]){&game_player_joined_type, &game_match_played_type,
                                          &game_achievement_unlocked_type, NULL},
    .version = 1,
    .state = &game_player_type,
    .handlers =
        (const stele_handler[]){
            {&game_player_joined_type, apply_joined},
            {&game_match_played_type, apply_played},
            {&game_achievement_unlocked_type, NULL}, /* nothing is decided by it */
            {NULL, NULL},
        },
    .commands =
        (const stele_command[]){
            {&game_join_type, join},
            {&game_play_match_type, play_match},
            {NULL, NULL},
        },
};
