#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shop's balances as a table of PostgreSQL, with SIGKILL to workers and to the database while purchases are published: every
total in the table is that of the file, which never saw Kafka.

usage: test_states_table.py SHOP [--rounds N]"""

import argparse
import contextlib
import decimal
import signal
import subprocess

import harness
from harness import Postgres, end, say, until

PARTITIONS = 4


class Server:
    """A PostgreSQL of the test's own."""

    def __init__(self):
        self.postgres = Postgres("states")

    def close(self):
        self.postgres.stop()

    def states(self):
        rows = self.postgres.ask("SELECT stele_id, purchases, quantity, total, first_day, last_day, stele_version FROM customers")
        return {row[0]: row[1:] for row in rows}


def wanted():
    return {key: (str(one["purchases"]), str(one["quantity"]), str(decimal.Decimal(one["total"]).quantize(decimal.Decimal("0.01"))),
                  one["first_day"], one["last_day"], str(one["purchases"])) for key, one in harness.file_totals().items()}


def play(shop, server, rounds, random):
    workers = [shop.worker(f"w{i}-0") for i in range(3)]
    lines = len(harness.file_lines())
    for number in range(1, rounds + 1):
        first, last = lines * (number - 1) // rounds, lines * number // rounds
        publisher = shop.start(*harness.publish_words(shop, first, last), log="publish.log")
        victim = random.randrange(len(workers))
        try:
            workers[victim].wait(timeout=random.uniform(0.2, 3))  # the random moment; a worker that ends by itself is a fault
            raise AssertionError("a worker ended by itself")
        except subprocess.TimeoutExpired:
            pass
        say(f"round {number}: SIGKILL to worker {victim} and to the database")
        workers[victim].kill()
        server.postgres.kill()
        workers[victim].wait()
        server.postgres.start()
        workers[victim] = shop.worker(f"w{victim}-{number}")
        assert publisher.wait(timeout=300) == 0, "publish failed"
    until("the table is that of the file", 120, lambda: server.states() == wanted())
    until("all partitions running with no lag", 60, lambda: shop.caught_up(PARTITIONS))
    return workers


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments = arguments.parse_args()
    random = harness.seeded()
    broker = harness.Broker("states")
    server = Server()
    shop = harness.Shop(arguments.program, broker.address, [
        f"projection.customers.store=postgres:{server.postgres.conninfo}", "projection.customers.snapshot_interval_ms=200"])
    with contextlib.closing(server), harness.played_on(broker, shop):
        shop.call("topics", "create", "customer", "--partitions", str(PARTITIONS))
        workers = play(shop, server, arguments.rounds, random)
        say(f"{len(wanted())} states are what the file says")
        for worker in workers:
            code = end(worker, signal.SIGTERM)
            assert code == 0, f"a worker ended with {code} after SIGTERM"
        assert server.states() == wanted()


if __name__ == "__main__":
    main()
