#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A worker that is stopped with SIGSTOP past its session time-out and continued can write neither snapshot
nor offset: it says so exactly, and log, snapshots and group offsets are the same before and after it wakes,
with and without a second owner.

usage: test_two_owners.py PROGRAM"""

import os
import signal
import sys

import harness
from harness import end, say, until

PARTITIONS = 2
LOST = ('level=warn message="partition lost" worker=customers.v1 topic=customer.events partition={} position={} '
        'reason="this member\'s session was over, another may own it: what was not written is dropped, '
        'its owner applies it again"')


def what_stands(shop):
    """All that a late writer could have changed, as bytes; partitions come in any order."""
    calls = (["tail", "customer", "--from", "beginning"],
             ["snapshots", "list", "customers", "--records"], ["snapshots", "list", "customers"])
    return [sorted(shop.call(*words, "--json").stdout.splitlines()) for words in calls]


def check_same(before, after, what):
    for one, other in zip(before, after):
        more = sorted(set(other) - set(one))
        gone = sorted(set(one) - set(other))
        assert one == other, f"{what}: {len(more)} more, {more[:3]}; {len(gone)} gone, {gone[:3]}"


def owned_by(shop, name):
    """Where the partitions stand, once this worker runs them all and is at their ends: in one answer, for
    two could be of two owners."""
    rows = shop.status()
    ready = len(rows) == PARTITIONS and all(
        row["instance"] == name and row["state"] == "running" and row["lag"] == 0 for row in rows)
    return {row["partition"]: row["position"] for row in rows} if ready else None


def messages(shop, name):
    with open(os.path.join(shop.folder, f"worker-{name}.log")) as log:
        return log.read()


def freeze_with_unwritten_states(shop, name, first_line):
    """A worker that has applied events since its last snapshot, stopped before the next one; and where."""
    worker = shop.worker(name)
    until("it runs", 60, lambda: owned_by(shop, name))
    shop.call(*harness.publish_words(shop, first_line, first_line + 1000))
    positions = until("it has applied what was published", 9, lambda: owned_by(shop, name))
    worker.send_signal(signal.SIGSTOP)
    return worker, positions


def wake(shop, worker, name, positions):
    """Let it go on; it says of each partition that it has lost it, and where it stood."""
    worker.send_signal(signal.SIGCONT)
    for partition, position in positions.items():
        line = LOST.format(partition, position)
        until(f"it says {line!r}", 30, lambda: line in messages(shop, name))
    say(f"woken, it says: {line}")


def with_a_second_owner(shop):
    first, positions = freeze_with_unwritten_states(shop, "first", 0)
    second = shop.worker("second")
    until("the second worker owns all", 60, lambda: owned_by(shop, "second"))
    assert end(second) == 0
    before = what_stands(shop)
    wake(shop, first, "first", positions)
    check_same(before, what_stands(shop), "a worker that woke up late has written")
    first.kill()
    first.wait()
    say("with a second owner: the same bytes before and after it woke")


def without_a_second_owner(shop):
    worker, positions = freeze_with_unwritten_states(shop, "alone", 1000)
    until("its session and its snapshot interval have passed", 60,
          lambda: all(row["state"] == "unknown" for row in shop.status()))
    before = what_stands(shop)
    wake(shop, worker, "alone", positions)
    check_same(before, what_stands(shop), "a worker whose session was over has written")
    until("it has joined again", 60, lambda: shop.caught_up(PARTITIONS))
    assert end(worker) == 0
    harness.check_snapshots_of(shop, 2000)
    say("without one: the same bytes too, and then it joined again")


def main():
    broker = harness.Broker("owners")
    shop = harness.Shop(sys.argv[1], broker.address, [
        "projection.customers.snapshot_events=1000000",
        "projection.customers.snapshot_interval_ms=10000"])
    with harness.played_on(broker, shop):
        shop.call("topics", "create", "customer", "--partitions", str(PARTITIONS))
        with_a_second_owner(shop)
        without_a_second_owner(shop)


if __name__ == "__main__":
    main()
