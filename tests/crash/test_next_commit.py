#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A transaction whose end was lost, and an owner that commits the next one of the same id: what hung is committed
with it, where both have been. An owner that has more to write relies on that. A commit elsewhere does nothing to it.

usage: test_next_commit.py PROGRAM ONE_COMMIT"""

import subprocess
import sys

import harness
from harness import say, until
from test_hanging import Wire

ID = "owned.events-0"
EVENTS, SNAPSHOTS = "owned.events", "other.events"


def main():
    broker = harness.Broker("next", "transaction.partition.verification.enable=false")
    shop = harness.Shop(sys.argv[1], broker.address)
    with harness.played_on(broker, shop):
        for aggregate in ("owned", "other"):
            shop.call("topics", "create", aggregate, "--partitions", "1")
        wire = Wire(broker.address, ID)
        wire.find_coordinator()
        producer, epoch = until("a producer id", 30, wire.producer_id)
        wire.produce(producer, epoch, b"hangs", b"committed, as its owner heard", EVENTS)
        done = subprocess.run([sys.argv[2], broker.address, ID, EVENTS, SNAPSHOTS], text=True, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            "committed a snapshot", "readers see no event", "committed an event",
            f"{EVENTS} hangs", f"{EVENTS} next", f"{SNAPSHOTS} next"], done.stdout
        say("a commit of the same id ended what hung, as committed, and only where it went")


if __name__ == "__main__":
    main()
