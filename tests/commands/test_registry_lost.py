#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The registry's topic is deleted and made again, on a broker of the test's own: no one reads an event by the ids of
another registry, and no one makes another one without being told to."""

import signal
import sys

from commands import Probe, meddle, stele
from programs import Broker, say, until

REGISTRY = "_stele.schemas"
LOST = f"{REGISTRY} does not exist, and ", "holds schema ids of another registry", "registry create --despite-events"
ANOTHER = f"{REGISTRY} was deleted and made again: it is another registry"


def delete_registry(broker):
    meddle("delete", REGISTRY, address=broker.address)


def nobody_makes_another_one(broker, probe):
    lines = '{"id": "a", "number": 9}\n'
    publish = "publish", probe.name, "--schema", "schemas/probed.avsc", "--key", "id", "--format", "json"
    probe.call(*publish, stdin=lines).exits(1).says(*LOST)
    probe.call("schema", "register", "schemas/probed.avsc", "--aggregate", probe.name).exits(1).says(*LOST)
    probe.call("state", probe.name, "--all").exits(1).says(*LOST)
    probe.call("registry", "create").exits(1).says(*LOST)
    say("ok     publish, schema register, state and registry create refuse to begin another registry")


def a_worker_decodes_nothing_by_other_ids(broker, probe):
    worker = probe.worker()
    follower = probe.start("tail", probe.name, "--follow")
    probe.awaits_end()
    until("a checkpoint is there", 30, lambda: probe.call("snapshots", "list", probe.name, "--json").rows()[0]["checkpoint"] > 0)
    delete_registry(broker)
    nobody_makes_another_one(broker, probe)
    with stele(broker.address) as program:
        program.call("registry", "create", "--despite-events").exits(0).prints("created the registry ")
        program.call("registry", "create", "--despite-events").exits(1).says("exists already")
        # The id that the worker knows as the event's schema becomes another one's here.
        program.call("schema", "register", "schemas/types.avsc", "--aggregate", "other").exits(0)
    worker.awaits(ANOTHER)
    probe.publish({"id": "a", "number": 1000})
    probe.awaits_state("stopped", ANOTHER)
    follower.awaits(ANOTHER)
    assert worker.ends(seconds=40).code == 1
    assert '"number":1000' not in follower.out, follower.out
    say("ok     a worker and tail --follow stop before they decode with ids of another registry")


def one_that_starts_says_which(probe):
    worker = probe.worker()
    worker.awaits(f"{probe.group} was written with the schema registry ")
    assert "raise the version" not in worker.err, worker.err
    worker.ends(signal.SIGTERM)
    probe.call("state", probe.name, "--all").exits(3).says("and this is another one")
    say("ok     a worker that starts says that the registry is another one")


def main():
    broker = Broker("registry-lost")
    try:
        with Probe(address=broker.address) as probe:
            probe.publish(*({"id": "a", "number": n} for n in range(1, 4)))
            a_worker_decodes_nothing_by_other_ids(broker, probe)
            one_that_starts_says_which(probe)
    finally:
        broker.stop()


if __name__ == "__main__":
    sys.exit(main())
