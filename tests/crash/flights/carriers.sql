-- Every flight, and totals per carrier.
-- projection: carriers
-- source: flight.events
-- setup
CREATE TABLE flights (
    place TEXT PRIMARY KEY, carrier TEXT NOT NULL, tailnum TEXT NOT NULL, arr_delay INTEGER, distance INTEGER NOT NULL,
    time_hour TEXT NOT NULL
);
CREATE TABLE carriers (
    carrier TEXT PRIMARY KEY, flights INTEGER NOT NULL, arrived INTEGER NOT NULL, late_minutes INTEGER NOT NULL,
    miles INTEGER NOT NULL, first_hour TEXT NOT NULL, last_hour TEXT NOT NULL
);
-- on nyc.Flight
INSERT INTO flights VALUES (:$position, :carrier, :tailnum, :arr_delay, :distance, :time_hour);
INSERT INTO carriers
VALUES (:carrier, 1, :arr_delay IS NOT NULL, coalesce(:arr_delay, 0), :distance, :time_hour, :time_hour)
ON CONFLICT (carrier) DO UPDATE SET
    flights = flights + 1, arrived = arrived + excluded.arrived, late_minutes = late_minutes + excluded.late_minutes,
    miles = miles + excluded.miles, first_hour = min(first_hour, excluded.first_hour),
    last_hour = max(last_hour, excluded.last_hour);
-- teardown
DROP TABLE flights;
DROP TABLE carriers;
