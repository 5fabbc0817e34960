#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shop's balances as hashes of a Redis that three workers share, with SIGKILL to workers and to Redis, and with workers and a Redis
that are frozen, while purchases are published. In the end each hash is what the file of purchases says, which never saw Kafka.

usage: test_states_redis.py SHOP [--rounds N]"""

import argparse
import contextlib
import decimal
import signal
import time

import harness
from harness import Redis, end, say, until

PARTITIONS = 4
SESSION_MS = 6000
FIELDS = ("purchases", "quantity", "total", "first_day", "last_day", "stele_version")


def states(server):
    """id -> fields, as whoever reads them has them: through the sets of ids, and without: both name the same."""
    names = server.ask(*(("ZRANGE", f"stele/rows/customers/{i}", "0", "-1") for i in range(PARTITIONS)))
    ids = [name.decode() for one in names for name in one]
    assert len(ids) == len(set(ids)), "an id is in two partitions"
    found = {}
    for first in range(0, len(ids), 500):
        part = ids[first:first + 500]
        rows = server.ask(*(("HMGET", f"customers:{name}", *FIELDS) for name in part))
        found.update((name, tuple(field and field.decode() for field in row)) for name, row in zip(part, rows))
    return found


def wanted():
    return {key: (str(one["purchases"]), str(one["quantity"]), str(decimal.Decimal(one["total"]).quantize(decimal.Decimal("0.01"))),
                  one["first_day"], one["last_day"], str(one["purchases"])) for key, one in harness.file_totals().items()}


def befall(shop, server, workers, number, random):
    victim = random.randrange(len(workers))
    time.sleep(random.uniform(0.2, 3))  # the random moment
    assert workers[victim].poll() is None, "a worker ended by itself"
    if number % 3 == 0:
        say(f"round {number}: worker {victim} is frozen for longer than its session")
        workers[victim].send_signal(signal.SIGSTOP)
        time.sleep(SESSION_MS / 1000 + 3)
        workers[victim].send_signal(signal.SIGCONT)
        return
    say(f"round {number}: SIGKILL to worker {victim}, and Redis is {'killed' if number % 3 == 1 else 'frozen'}")
    workers[victim].kill()
    if number % 3 == 1:
        server.kill()
    else:
        server.pause()
    workers[victim].wait()
    time.sleep(random.uniform(0, 2))
    if number % 3 == 1:
        server.start()
    else:
        server.resume()
    workers[victim] = shop.worker(f"w{victim}-{number}")


def play(shop, server, rounds, random):
    workers = [shop.worker(f"w{i}-0") for i in range(3)]
    lines = len(harness.file_lines())
    for number in range(1, rounds + 1):
        first, last = lines * (number - 1) // rounds, lines * number // rounds
        publisher = shop.start(*harness.publish_words(shop, first, last), log="publish.log")
        befall(shop, server, workers, number, random)
        assert publisher.wait(timeout=300) == 0, "publish failed"
    until("the hashes are what the file says", 120, lambda: states(server) == wanted())
    until("all partitions running with no lag", 60, lambda: shop.caught_up(PARTITIONS))
    return workers


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments = arguments.parse_args()
    random = harness.seeded()
    broker = harness.Broker("states-redis")
    server = Redis("states")
    shop = harness.Shop(arguments.program, broker.address, [
        f"projection.customers.store=redis:{server.address}", "projection.customers.snapshot_interval_ms=200",
        f"kafka.session.timeout.ms={SESSION_MS}"])
    with contextlib.closing(contextlib.ExitStack()) as at_end, harness.played_on(broker, shop):
        at_end.callback(server.stop)
        shop.call("topics", "create", "customer", "--partitions", str(PARTITIONS))
        workers = play(shop, server, arguments.rounds, random)
        for worker in workers:
            code = end(worker, signal.SIGTERM)
            assert code == 0, f"a worker ended with {code} after SIGTERM"
        assert states(server) == wanted()
        served = harness.served_states(shop, PARTITIONS, "customers")
        assert served == {key: (one, one["purchases"]) for key, one in harness.file_totals().items()}, f"{len(served)} are served"
        say(f"{len(served)} states in Redis are what the file says")


if __name__ == "__main__":
    main()
