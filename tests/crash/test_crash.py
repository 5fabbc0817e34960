#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SIGKILL at random moments to one of three workers, and to the broker once, while the file is published;
afterwards log, states, snapshots, checkpoints and group offsets agree with one replay, to the byte.

usage: test_crash.py PROGRAM [--rounds N] [--assignment cooperative|eager]"""

import argparse
import signal

import harness
from harness import end, say, until

PARTITIONS = 6


def publish_some(shop, random, done, total):
    """Publish the next part of the file in the background; how far it will be when it ends."""
    upto = min(total, done + random.randrange(total // 8, total // 4))
    return shop.start(*harness.publish_words(shop, done, upto), log="publish.log"), upto


def play_round(shop, broker, workers, random, number, kill_broker):
    """One SIGKILL while the workers are at it; the victim comes back under another name."""
    victim = random.randrange(len(workers))
    delay = random.uniform(0.0, 1.5)
    try:
        workers[victim].wait(timeout=delay)  # the random moment; a worker that ends by itself is a fault
        raise AssertionError("a worker ended by itself")
    except harness.subprocess.TimeoutExpired:
        pass
    say(f"round {number}: SIGKILL to worker {victim} after {delay:.2f} s" +
        (", and to the broker" if kill_broker else ""))
    workers[victim].kill()
    workers[victim].wait()
    if kill_broker:
        broker.kill()
        broker.start()
    workers[victim] = shop.worker(f"w{victim}-{number}")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--assignment", default="cooperative", choices=["cooperative", "eager"])
    arguments = arguments.parse_args()
    random = harness.seeded()
    broker = harness.Broker("crash")
    shop = harness.Shop(arguments.program, broker.address, [
        f"worker.assignment={arguments.assignment}", "projection.customers.snapshot_events=100",
        "projection.customers.snapshot_interval_ms=200"])
    publisher = None
    total = len(harness.file_lines())
    with harness.played_on(broker, shop):
        shop.call("topics", "create", "customer", "--partitions", str(PARTITIONS))
        workers = [shop.worker(f"w{i}-0") for i in range(3)]
        done = 0
        with_broker = random.randrange(arguments.rounds)
        for number in range(arguments.rounds):
            if publisher is None and done < total:
                publisher, done = publish_some(shop, random, done, total)
            play_round(shop, broker, workers, random, number + 1, number == with_broker)
            if publisher is not None and publisher.poll() is not None:
                assert publisher.returncode == 0, "publish failed"
                publisher = None
        while publisher is not None or done < total:
            if publisher is None:
                publisher, done = publish_some(shop, random, done, total)
            assert publisher.wait(timeout=120) == 0, "publish failed"
            publisher = None
        until("all partitions running with no lag", 90, lambda: shop.caught_up(PARTITIONS))
        say(f"the log holds {harness.check_log(shop)} events, each line of the file once")
        say(f"{harness.check_states(shop)} states are what the file says, with workers running")
        for worker in workers:
            code = end(worker, signal.SIGTERM)
            assert code == 0, f"a worker ended with {code} after SIGTERM"
        harness.check_snapshots(shop)
        say("snapshots, checkpoints and group offsets agree with one replay, to the byte")
        harness.check_states(shop)


if __name__ == "__main__":
    main()
