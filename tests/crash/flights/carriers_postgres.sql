-- Every flight, and totals per carrier, in PostgreSQL.
-- projection: carriers
-- source: flight.events
-- setup
CREATE TABLE flights (
    place text PRIMARY KEY, carrier text NOT NULL, tailnum text NOT NULL, arr_delay integer, distance integer NOT NULL,
    time_hour timestamptz NOT NULL
);
CREATE TABLE carriers (
    carrier text PRIMARY KEY, flights bigint NOT NULL, arrived bigint NOT NULL, late_minutes bigint NOT NULL,
    miles bigint NOT NULL, first_hour timestamptz NOT NULL, last_hour timestamptz NOT NULL
);
-- on nyc.Flight
INSERT INTO flights VALUES (:$position, :carrier, :tailnum, :arr_delay, :distance, :time_hour);
INSERT INTO carriers AS c
VALUES (:carrier, 1, (:arr_delay IS NOT NULL)::int, coalesce(:arr_delay, 0), :distance, :time_hour, :time_hour)
ON CONFLICT (carrier) DO UPDATE SET
    flights = c.flights + 1, arrived = c.arrived + excluded.arrived, late_minutes = c.late_minutes + excluded.late_minutes,
    miles = c.miles + excluded.miles, first_hour = least(c.first_hour, excluded.first_hour),
    last_hour = greatest(c.last_hour, excluded.last_hour);
-- teardown
DROP TABLE flights;
DROP TABLE carriers;
