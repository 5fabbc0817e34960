#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One event in a hundred cannot be applied, half of them for a while, half for ever. Three workers set them aside while they
are killed, end and come back; people order redrives meanwhile. In the end each event is in its state, in order, or was
discarded.

With --store the states are a table, or in LMDB or Redis, and the letters in the same database; with --sql a file of SQL keeps the table, whose
triggers refuse events.

usage: test_poison.py PROGRAM [--store sqlite|postgres|lmdb|redis] [--sql] [--events N] [--shelves N] [--partitions N] [--seconds N]"""

import argparse
import contextlib
import json
import os
import signal
import sqlite3
import time

import harness
from harness import end, say, until

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "schemas/put.avsc")
SETTINGS = ["projection.shelves.on_failure=park", "projection.shelves.snapshot_interval_ms=500",
            "kafka.session.timeout.ms=6000"]

TABLE = """-- source: shelf.events
-- setup
CREATE TABLE shelves (id text PRIMARY KEY, value bigint NOT NULL, events bigint NOT NULL);
CREATE TABLE sick (is_sick integer NOT NULL);
INSERT INTO sick VALUES (1);
{trigger}
-- on poison.Put
INSERT INTO seen VALUES (:sick);
INSERT INTO shelves AS s VALUES (:id, :number % 1000000007, 1)
ON CONFLICT (id) DO UPDATE SET value = (s.value * 31 + excluded.value) % 1000000007, events = s.events + 1;
"""

TRIGGERS = {
    "sqlite": """CREATE TABLE seen (sick text);
CREATE TRIGGER refuse BEFORE INSERT ON seen
WHEN NEW.sick = 'FOR_EVER' OR (NEW.sick = 'FOR_A_WHILE' AND EXISTS (SELECT 1 FROM sick WHERE is_sick = 1))
BEGIN SELECT RAISE(ABORT, 'it is sick'); END;""",
    "postgres": """CREATE TABLE seen (sick text);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
IF NEW.sick = 'FOR_EVER' OR (NEW.sick = 'FOR_A_WHILE' AND EXISTS (SELECT 1 FROM sick WHERE is_sick = 1)) THEN
RAISE EXCEPTION 'it is sick'; END IF; RETURN NULL; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON seen FOR EACH ROW EXECUTE FUNCTION refuse();"""}


def parse_arguments():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--store", choices=["sqlite", "postgres", "lmdb", "redis"])
    arguments.add_argument("--sql", action="store_true")
    arguments.add_argument("--events", type=int, default=20000)
    arguments.add_argument("--shelves", type=int, default=400)
    arguments.add_argument("--partitions", type=int, default=6)
    arguments.add_argument("--seconds", type=int, default=40)
    return arguments.parse_args()


def draw(arguments, chance):
    """The events, in the order in which they are published."""
    events = []
    for number in range(arguments.events):
        sick = chance.choice(["FOR_A_WHILE", "FOR_EVER"]) if chance.random() < 0.01 else "NO"
        events.append({"id": f"shelf-{chance.randrange(arguments.shelves)}", "number": number, "sick": sick})
    return events


def wanted(events):
    """What the states have to be: a discarded event counts in the version only."""
    states = {}
    for event in events:
        one = states.setdefault(event["id"], {"value": 0, "events": 0, "version": 0})
        one["version"] += 1
        if event["sick"] != "FOR_EVER":
            one["value"] = (one["value"] * 31 + event["number"]) % 1000000007
            one["events"] += 1
    return states


def letters(shop):
    return [json.loads(line) for line in shop.call("dlq", "list", "shelves").stdout.splitlines()]


class Workers:
    """Three of them, to which this and that happens."""

    def __init__(self, shop, chance):
        self.shop = shop
        self.chance = chance
        self.running = [shop.worker(f"worker{i}") for i in range(3)]
        self.counts = {"killed": 0, "ended": 0, "redrives": 0}

    def befall(self):
        which = self.chance.randrange(3)
        if self.chance.random() < 0.7:
            self.running[which].kill()
            self.running[which].wait()
            self.counts["killed"] += 1
        else:
            assert end(self.running[which], signal.SIGTERM) == 0, "a worker does not end in order"
            self.counts["ended"] += 1
        self.running[which] = self.shop.worker(f"worker{which}")

    def end(self):
        for worker in self.running:
            assert end(worker, signal.SIGTERM) == 0, "a worker does not end in order"


def publish(shop, events):
    path = os.path.join(shop.folder, "events.json")
    with open(path, "w") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)
    return shop.start("publish", "shelf", "--schema", SCHEMA, "--key", "id", "--format", "json", path)


def clear(shop, events):
    """Discard what is sick for ever, and try the rest again, until nothing is set aside."""
    by_number = {event["number"]: event for event in events}
    until_time = time.monotonic() + 240
    while True:
        found = [letter for letter in letters(shop) if letter["code"] == "refused"]
        if not found and not letters(shop):
            return
        assert time.monotonic() < until_time, f"{len(found)} are set aside still: {found[:3]}"
        for letter in found:
            if by_number[letter["data"]["number"]]["sick"] == "FOR_EVER":
                shop.call("dlq", "discard", "shelves", letter["position"], "--reason", "it is sick for ever",
                          "--timeout", "1")
        shop.call("dlq", "redrive", "shelves", "--all", "--timeout", "5", check=False)


class Store:
    """Where the states are: snapshots, or a database."""

    def __init__(self, arguments, shop):
        self.kind = arguments.store
        self.partitions = arguments.partitions
        self.sql = arguments.sql
        self.postgres = harness.Postgres("poison") if self.kind == "postgres" else None
        self.redis = harness.Redis("poison") if self.kind == "redis" else None
        self.file = os.path.join(shop.folder, "shelves.db")
        url = f"{self.kind}:{self.file}"
        if self.postgres:
            url = f"postgres:{self.postgres.conninfo}"
        if self.redis:
            url = f"redis:{self.redis.address}"
        if self.kind:
            shop.overrides += ["-o", f"projection.shelves.store={url}"]
        if self.sql:
            path = os.path.join(shop.folder, "shelves.sql")
            with open(path, "w") as file:
                file.write(TABLE.format(trigger=TRIGGERS[self.kind]))
            shop.overrides += ["-o", f"projection.shelves.sql={path}"]

    def ask(self, query):
        if self.postgres:
            return self.postgres.ask(query)
        connection = sqlite3.connect(self.file, timeout=60)
        with connection:
            return connection.execute(query).fetchall()

    def heal(self):
        if self.sql:
            self.ask("UPDATE sick SET is_sick = 0")

    def states(self, shop):
        if not self.kind:
            return {row["id"]: dict(row["state"], version=row["version"]) for row in shop.lines("state", "shelves", "--all")}
        if self.kind in ("lmdb", "redis"):
            return {key: dict(state, version=version)
                    for key, (state, version) in harness.served_states(shop, self.partitions, "shelves").items()}
        if self.sql:
            rows = self.ask("SELECT id, value, events, NULL FROM shelves")
        else:
            rows = self.ask("SELECT stele_id, value, events, stele_version FROM shelves")
        return {key: {"value": int(value), "events": int(count), "version": int(version) if version else None}
                for key, value, count, version in rows}

    def close(self):
        for server in (self.postgres, self.redis):
            if server:
                server.stop()


def check(shop, store, events):
    states = store.states(shop)
    should = wanted(events)
    if store.sql:
        should = {key: dict(one, version=None) for key, one in should.items() if one["events"] > 0}
    wrong = [(key, states.get(key), should[key]) for key in should if states.get(key) != should[key]]
    assert not wrong and states.keys() == should.keys(), f"{len(wrong)} are wrong: {wrong[:3]}"
    sick = sum(event["sick"] == "FOR_EVER" for event in events)
    kept = shop.call("dlq", "list", "shelves", "--code", "discarded").stdout.splitlines()
    assert len(kept) == sick, f"{len(kept)} are discarded, {sick} are sick for ever"
    if not store.kind:
        harness.check_snapshots_of(shop, len(events), "shelves")


def play(arguments, chance, shop, store):
    sick = os.path.join(shop.folder, "sick")
    open(sick, "w").close()
    shop.env["STELE_TEST_SICK"] = sick
    events = draw(arguments, chance)
    shop.call("topics", "create", "shelf", "--partitions", str(arguments.partitions))
    workers = Workers(shop, chance)
    publisher = publish(shop, events)
    ends = time.monotonic() + arguments.seconds
    while time.monotonic() < ends or publisher.poll() is None:
        time.sleep(chance.uniform(1, 4))
        workers.befall()
        if chance.random() < 0.5:
            shop.call("dlq", "redrive", "shelves", "--all", "--timeout", "2", check=False)
            workers.counts["redrives"] += 1
    assert publisher.returncode == 0, "the publisher has failed"
    until("the workers have caught up", 240, lambda: shop.caught_up(arguments.partitions, "shelves"))
    say(f"{len(letters(shop))} of {len(events)} events are set aside; {workers.counts}")
    os.remove(sick)
    store.heal()
    clear(shop, events)
    workers.end()
    check(shop, store, events)
    say(f"{len(events)} events are in their states, in order, or were discarded")


def main():
    arguments = parse_arguments()
    chance = harness.seeded()
    broker = harness.Broker("poison")
    shop = harness.Shop(arguments.program, broker.address, SETTINGS)
    store = Store(arguments, shop)
    with harness.played_on(broker, shop), contextlib.closing(store):
        play(arguments, chance, shop, store)


if __name__ == "__main__":
    main()
