#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A broker that forgets transactional ids after seconds instead of seven days, under an idle worker."""

import time

from commands import Probe
from programs import Broker, say, until

FORGETFUL = ("transactional.id.expiration.ms=2000", "transaction.remove.expired.transaction.cleanup.interval.ms=500",
             "producer.id.expiration.ms=2000", "producer.id.expiration.check.interval.ms=500")
IDLE_S = 8  # until the broker has certainly forgotten


def snapshots(probe):
    """How many there are; none, too, while the worker has not made their topic."""
    listed = probe.call("snapshots", "list", probe.name, "--json")
    return sum(row["aggregates"] for row in listed.rows()) if listed.code == 0 else 0


def main():
    broker = Broker("expired", *FORGETFUL)
    try:
        with Probe(address=broker.address) as probe:
            worker = probe.worker()
            probe.publish({"id": "a", "number": 1, "pause_ms": 0, "grow": 0})
            until("the first snapshot is there", 40, lambda: snapshots(probe) == 1)
            time.sleep(IDLE_S)  # nothing tells from outside that the id is forgotten
            said = worker.err.count("\n")

            probe.publish({"id": "b", "number": 2, "pause_ms": 0, "grow": 0})

            until("the second snapshot is there", 40, lambda: snapshots(probe) == 2)
            lines = worker.err.splitlines()[said:]
            assert len(lines) < 8, "\n".join(lines)
            assert not any("level=error" in line for line in lines), "\n".join(lines)
            worker.ends(15, seconds=20).exits(0)
            say("ok     a forgotten transactional id costs one new writer, and few words")
    finally:
        broker.stop()


if __name__ == "__main__":
    main()
