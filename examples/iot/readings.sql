-- The last value of each device, and its values by the hour. A reading that comes again adds nothing, one that comes late counts in its
-- own hour, and does not become the last value.
-- projection: readings
-- version: 1
-- source: reading.events

-- setup
CREATE TABLE readings (
    device TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (device, number)
) WITHOUT ROWID;
CREATE TABLE last_values (
    device TEXT PRIMARY KEY,
    celsius REAL NOT NULL,
    taken_at TEXT NOT NULL
);
CREATE TABLE hours (
    device TEXT NOT NULL,
    hour TEXT NOT NULL,
    readings INTEGER NOT NULL,
    celsius_sum REAL NOT NULL,
    celsius_min REAL NOT NULL,
    celsius_max REAL NOT NULL,
    PRIMARY KEY (device, hour)
);

-- on iot.Reading
INSERT INTO readings VALUES (:device, :number) ON CONFLICT DO NOTHING;
-- changes() says whether the statement before has added a row: of one that comes again it has not.
INSERT INTO hours SELECT :device, strftime('%Y-%m-%dT%H:00Z', :taken_at), 1, :celsius, :celsius, :celsius WHERE changes() = 1
ON CONFLICT (device, hour) DO UPDATE SET
    readings = readings + 1,
    celsius_sum = celsius_sum + excluded.celsius_sum,
    celsius_min = min(celsius_min, excluded.celsius_min),
    celsius_max = max(celsius_max, excluded.celsius_max);
INSERT INTO last_values VALUES (:device, :celsius, :taken_at)
ON CONFLICT (device) DO UPDATE SET celsius = excluded.celsius, taken_at = excluded.taken_at
WHERE excluded.taken_at > last_values.taken_at;

-- teardown
DROP TABLE hours;
DROP TABLE last_values;
DROP TABLE readings;
