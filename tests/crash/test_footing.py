#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a worker rests on, taken away while it runs: its transactional id, which a broker forgets when it was
not used for long, its snapshots topic and the status topic, which somebody deletes. It finds its feet again
by itself, and every state is as if nothing had happened.

usage: test_footing.py PROGRAM"""

import signal
import struct
import sys
import time

import harness
from harness import end, say, until
from test_hanging import SNAPSHOTS, Wire, string

FORGETS_MS = 6000
SETTINGS = (f"transactional.id.expiration.ms={FORGETS_MS}", f"producer.id.expiration.ms={FORGETS_MS}",
            "transaction.remove.expired.transaction.cleanup.interval.ms=1000",
            "producer.id.expiration.check.interval.ms=1000")


def delete_topic(address, name):
    answer = Wire(address).ask(20, 1, struct.pack(">i", 1) + string(name) + struct.pack(">i", 30000))
    error = struct.unpack_from(">h", answer, 4 + 4 + 2 + len(name))[0]
    assert error == 0, f"DeleteTopics of {name}: error {error}"


def is_written(shop):
    """Its checkpoint is at the log's end. While a topic is made again there is none to be read."""
    done = shop.call("snapshots", "list", "customers", "--json", "--timeout", "5", check=False)
    if done.returncode != 0 or not shop.caught_up(1):
        return False
    rows = shop.lines("snapshots", "list", "customers")
    return bool(rows) and all(row["checkpoint"] == row["log_end"] for row in rows)


def log_of(shop):
    with open(f"{shop.folder}/worker-w.log") as log:
        return log.read()


def main():
    broker = harness.Broker("footing", *SETTINGS)
    shop = harness.Shop(sys.argv[1], broker.address)
    total = len(harness.file_lines())
    with harness.played_on(broker, shop):
        shop.call("topics", "create", "customer", "--partitions", "1")
        shop.call(*harness.publish_words(shop, 0, total // 4))
        worker = shop.worker("w", "-o", "projection.customers.snapshot_interval_ms=1000")
        until("the first part is written", 60, lambda: is_written(shop))

        written = time.monotonic()
        until("the broker has forgotten the id", 60, lambda: time.monotonic() > written + 2 * FORGETS_MS / 1000)
        shop.call(*harness.publish_words(shop, total // 4, total // 2))
        until("the second part is written", 60, lambda: is_written(shop))
        assert log_of(shop).count("has forgotten this transactional id") == 1, log_of(shop)
        say("a writer whose id was forgotten is replaced, once")

        delete_topic(broker.address, "_stele.status")
        delete_topic(broker.address, SNAPSHOTS)
        shop.call(*harness.publish_words(shop, total // 2, total))
        until("all is written", 120, lambda: is_written(shop))
        say("topics that were deleted are made again, and filled")

        asked = time.monotonic()
        assert end(worker, signal.SIGTERM) == 0
        assert time.monotonic() < asked + 10
        harness.check_states(shop)
        harness.check_snapshots(shop)


if __name__ == "__main__":
    main()
