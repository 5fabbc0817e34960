/* SPDX-License-Identifier: MIT
 * Given these matches, when this one is played, then these achievements. No broker is needed. */
#include <stele/stele_test.h>

#include "achievement_unlocked.h"
#include "game.h"
#include "join.h"
#include "match_played.h"
#include "play_match.h"
#include "player_joined.h"

static void given_player(stele_test *test, const char *id)
{
    stele_test_given(test, id, &game_player_joined_type,
                     &(game_player_joined){.name = stele_text("Ada")});
}

static void given_match(stele_test *test, const char *id, int32_t points, bool won)
{
    stele_test_given(test, id, &game_match_played_type,
                     &(game_match_played){.match = stele_text("m"), .points = points, .won = won});
}

static void when_played(stele_test *test, const char *id, int32_t points, bool won)
{
    stele_test_when(test, id, &game_play_match_type,
                    &(game_play_match){.match = stele_text("n"), .points = points, .won = won});
}

static void then_played(stele_test *test, int32_t points, bool won)
{
    stele_test_then_event(
        test, &game_match_played_type,
        &(game_match_played){.match = stele_text("n"), .points = points, .won = won});
}

static void then_unlocked(stele_test *test, game_achievement achievement)
{
    stele_test_then_event(test, &game_achievement_unlocked_type,
                          &(game_achievement_unlocked){.achievement = achievement});
}

static int a_player_joins_once(void)
{
    stele_test *test = stele_test_aggregate(&player);
    stele_test_when_json(test, "p1", &game_join_type, "{\"name\": \"Ada\"}");
    stele_test_then_event_json(test, &game_player_joined_type, "{\"name\": \"Ada\"}");
    stele_test_when_json(test, "p1", &game_join_type, "{\"name\": \"Eve\"}");
    stele_test_then_rejected(test, "already_joined");
    when_played(test, "p2", 10, true);
    stele_test_then_rejected(test, "not_joined");
    return stele_test_end(test);
}

static int the_first_win_is_one_once(void)
{
    stele_test *test = stele_test_aggregate(&player);
    given_player(test, "p1");
    when_played(test, "p1", 10, false);
    then_played(test, 10, false);
    when_played(test, "p1", 20, true);
    then_played(test, 20, true);
    then_unlocked(test, GAME_ACHIEVEMENT_FIRST_WIN);
    when_played(test, "p1", 20, true);
    then_played(test, 20, true);
    return stele_test_end(test);
}

static int three_wins_in_a_row_are_a_roll(void)
{
    stele_test *test = stele_test_aggregate(&player);
    given_player(test, "p1");
    for (int i = 0; i < 2; i++)
        given_match(test, "p1", 1, true);
    when_played(test, "p1", 1, true);
    then_played(test, 1, true);
    then_unlocked(test, GAME_ACHIEVEMENT_ON_A_ROLL);
    when_played(test, "p1", 1, false);
    then_played(test, 1, false);
    for (int i = 0; i < 3; i++) { /* a second roll unlocks nothing */
        when_played(test, "p1", 1, true);
        then_played(test, 1, true);
    }
    return stele_test_end(test);
}

static int a_veteran_has_two_thousand_points(void)
{
    stele_test *test = stele_test_aggregate(&player);
    given_player(test, "p1");
    given_match(test, "p1", 1000, false);
    when_played(test, "p1", 1000, false);
    then_played(test, 1000, false);
    then_unlocked(test, GAME_ACHIEVEMENT_VETERAN);
    when_played(test, "p1", 1001, false);
    stele_test_then_rejected(test, "invalid_points");
    return stele_test_end(test);
}

int main(void)
{
    return a_player_joins_once() | the_first_win_is_one_once() | three_wins_in_a_row_are_a_roll() |
           a_veteran_has_two_thousand_points();
}
