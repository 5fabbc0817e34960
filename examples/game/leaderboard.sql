-- Who leads, and who has unlocked what, for whoever asks in SQL.
-- projection: leaderboard
-- version: 1
-- source: player.events

-- setup
CREATE TABLE players (
    player TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    matches INTEGER NOT NULL,
    wins INTEGER NOT NULL,
    points INTEGER NOT NULL
);
CREATE INDEX players_by_points ON players (points);
CREATE TABLE achievements (
    player TEXT NOT NULL,
    achievement TEXT NOT NULL,
    unlocked_at TEXT NOT NULL,
    PRIMARY KEY (player, achievement)
);

-- on game.PlayerJoined
INSERT INTO players VALUES (:$key, :name, 0, 0, 0);

-- on game.MatchPlayed
UPDATE players SET matches = matches + 1, wins = wins + :won, points = points + :points WHERE player = :$key;

-- on game.AchievementUnlocked
INSERT INTO achievements VALUES (:$key, :achievement, :$time);

-- teardown
DROP TABLE achievements;
DROP TABLE players;
