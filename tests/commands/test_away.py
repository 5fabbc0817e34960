#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A broker of the test's own that goes away and comes back, under each kind of command."""

import collections
import signal
import subprocess

from commands import PROBED, Probe
from programs import Broker, say, until


def worker_of(probe, *words):
    worker = probe.worker("-o", "worker.drain_timeout_ms=2000", *words)
    probe.awaits_end()
    return worker


class World:
    """What was begun while the broker was there, for each case to look at when it is away and back."""

    def __init__(self, broker):
        self.broker = broker
        self.going_on = Probe(address=broker.address)
        self.ending = Probe(address=broker.address)
        self.late = Probe(address=broker.address)
        self.publishing = Probe(address=broker.address)
        self.giving_up = Probe(address=broker.address)
        self.probes = [self.going_on, self.ending, self.late, self.publishing, self.giving_up]

    def begin(self):
        self.going_on.publish({"id": "a", "number": 1})
        self.ending.publish({"id": "a", "number": 1})
        self.late.publish({"id": "a", "number": 1})
        self.running = worker_of(self.going_on)
        self.to_end = worker_of(self.ending)
        self.follower = self.going_on.start("tail", self.going_on.name, "--follow", "--from", "beginning")
        until("the follower has the first event", 30, lambda: self.follower.out.count("\n") == 1)
        self.publisher = begin_publishing(self.publishing)
        self.impatient = begin_publishing(self.giving_up, "--timeout", "2")
        feed(self.publisher, 0, 500)
        feed(self.impatient, 0, 1)
        until("some are published", 30, lambda: published(self.publishing) and published(self.giving_up))


def begin_publishing(probe, *words):
    return probe.start("publish", probe.name, "--schema", PROBED, "--key", "id", "--format", "json", *words,
                       stdin=subprocess.PIPE)


def feed(publisher, first, last):
    lines = "".join('{"id": "a%d", "number": %d, "pause_ms": 0, "grow": 0}\n' % (n, n) for n in range(first, last))
    publisher.process.stdin.write(lines.encode())
    publisher.process.stdin.flush()


def published(probe):
    rows = probe.call("tail", probe.name, "--from", "beginning").exits(0).rows()
    return [row["data"]["number"] for row in rows]


def while_away(world):
    say("the broker is killed")
    world.broker.kill()
    world.running.awaits("message=waiting")
    say("ok     a running worker says that it waits")
    feed(world.publisher, 500, 1000)
    done = world.to_end.ends(signal.SIGTERM, seconds=30)
    assert done.code == 0, done.err
    say("ok     SIGTERM ends a worker without a broker within its drain time, with 0")
    world.starting = world.late.worker()
    world.starting.awaits(world.broker.address)
    say("ok     a worker that starts meanwhile says which broker it waits for")
    ended = world.late.worker()
    ended.awaits(world.broker.address)
    ended.ends(signal.SIGTERM, seconds=10).exits(0)
    say("ok     and ends with 0 on SIGTERM")
    world.late.call("status", world.late.name, "--timeout", "1", timeout=20).exits(1).says(world.broker.address)
    done = world.late.call("publish", world.late.name, "--schema", PROBED, "--key", "id", "--timeout", "1",
                           stdin='{"id": "a", "number": 1, "pause_ms": 0, "grow": 0}\n', timeout=20).exits(1)
    done.says(world.broker.address, "0 events published")
    say("ok     commands that run once give up after their time-out")
    feed(world.impatient, 1, 4)
    world.impatient.process.stdin.close()
    done = world.impatient.ends(seconds=20).exits(1).says("1 event published, 3 not taken")
    for line in (2, 3, 4):
        done.says(f"standard input:{line}: not taken: ")
    say("ok     publish gives up after its time-out, and names the lines that were not taken")


def when_back(world):
    say("the broker comes back")
    world.broker.start()
    for probe in (world.going_on, world.late):
        probe.publish({"id": "a", "number": 10})
        row = probe.awaits("it has caught up", lambda row: row["state"] == "running" and row["position"] == 2)
        assert row["reason"] == "", row
        state, = probe.call("state", probe.name, "a").exits(0).rows()
        assert state["state"]["total"] == 11, state
    say("ok     both workers go on by themselves, and their states are right")
    until("the follower has both", 60, lambda: world.follower.out.count("\n") == 2)
    world.follower.ends(signal.SIGTERM).exits(0)
    say("ok     tail --follow goes on, each event once")
    feed(world.publisher, 1000, 1500)
    world.publisher.process.stdin.close()
    world.publisher.ends(seconds=90).exits(0).says("1500 events published")
    assert published(world.giving_up) == [0], published(world.giving_up)
    counts = collections.Counter(published(world.publishing))
    assert counts == {n: 1 for n in range(1500)}, counts.most_common(3)
    say("ok     publish went on over the kill: each line is there once")
    for worker in (world.running, world.starting):
        worker.ends(signal.SIGTERM).exits(0)
    for probe in (world.going_on, world.late):
        probe.call("snapshots", "verify", probe.name).exits(0).says("0 differences")
    say("ok     snapshots are what a replay makes")


def main():
    broker = Broker("away")
    world = World(broker)
    try:
        world.begin()
        while_away(world)
        when_back(world)
        print("1 passed, 0 failed")
    except BaseException:
        for probe in world.probes:
            print(probe.messages())
        raise
    finally:
        for probe in world.probes:
            probe.__exit__()
        broker.stop()


if __name__ == "__main__":
    main()
