#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shop's balances in a file of LMDB that three workers share, with SIGKILL to workers, and with workers that are frozen for so long
that others take their partitions, while purchases are published. Whoever starts on that file in the end serves what the file of
purchases says, which is also what a replay of the log makes.

usage: test_states_lmdb.py SHOP [--rounds N]"""

import argparse
import os
import re
import signal
import time

import harness
from harness import end, say, until

PARTITIONS = 4
SESSION_MS = 6000


def befall(shop, workers, number, random):
    """One worker is killed and another one starts; or it is frozen until its partitions have gone, and comes back."""
    victim = random.randrange(len(workers))
    time.sleep(random.uniform(0.2, 3))  # the random moment
    assert workers[victim].poll() is None, "a worker ended by itself"
    if number % 2 == 0:
        say(f"round {number}: worker {victim} is frozen for longer than its session")
        workers[victim].send_signal(signal.SIGSTOP)
        time.sleep(SESSION_MS / 1000 + 3)
        workers[victim].send_signal(signal.SIGCONT)
    else:
        say(f"round {number}: SIGKILL to worker {victim}")
        workers[victim].kill()
        workers[victim].wait()
        workers[victim] = shop.worker(f"w{victim}-{number}")


def play(shop, rounds, random):
    workers = [shop.worker(f"w{i}-0") for i in range(3)]
    lines = len(harness.file_lines())
    for number in range(1, rounds + 1):
        first, last = lines * (number - 1) // rounds, lines * number // rounds
        publisher = shop.start(*harness.publish_words(shop, first, last), log="publish.log")
        befall(shop, workers, number, random)
        assert publisher.wait(timeout=300) == 0, "publish failed"
    until("all partitions running with no lag", 120, lambda: shop.caught_up(PARTITIONS))
    for worker in workers:
        code = end(worker, signal.SIGTERM)
        assert code == 0, f"a worker ended with {code} after SIGTERM"


def log_of(shop):
    with open(os.path.join(shop.folder, "worker-serves.log")) as log:
        return log.read()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments = arguments.parse_args()
    random = harness.seeded()
    broker = harness.Broker("states-lmdb")
    shop = harness.Shop(arguments.program, broker.address, [
        "projection.customers.snapshot_interval_ms=200", f"kafka.session.timeout.ms={SESSION_MS}"])
    shop.overrides += ["-o", f"projection.customers.store=lmdb:{os.path.join(shop.folder, 'customers.lmdb')}"]
    with harness.played_on(broker, shop):
        shop.call("topics", "create", "customer", "--partitions", str(PARTITIONS))
        play(shop, arguments.rounds, random)
        served = harness.served_states(shop, PARTITIONS, "customers")
        began = [int(found) for found in re.findall(r"message=running .* position=(\d+)", log_of(shop))]
        ended = sorted(row["position"] for row in shop.status())  # which is behind a transaction's marker
        assert len(began) == PARTITIONS and all(0 <= y - x <= 1 for x, y in zip(sorted(began), ended)), \
            f"it read the log from {began} to {ended}"
        wanted = {key: (one, one["purchases"]) for key, one in harness.file_totals().items()}
        assert served == wanted, f"{len(served)} states, {len(wanted)} wanted"
        harness.check_states(shop)
        say(f"{len(served)} states of the file are what a replay makes")


if __name__ == "__main__":
    main()
