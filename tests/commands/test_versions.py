#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two versions of a projection at once: making the second one."""

import os
import signal

from commands import Probe, broker
from programs import Program, case, run_cases, until


def second(probe):
    """The program with version 2 of the probe's projection."""
    return Program(os.environ["STELE_PROBE"], broker(), STELE_TEST_NAME=probe.name, STELE_TEST_VERSION="2")


def run(program, *words):
    return program.start("run", "-o", "kafka.session.timeout.ms=2000", *words)


@case
def a_rebuild_ends_when_it_has_what_there_was():
    """It waits for a worker, is held by a pause, goes on after it, and says what it has."""
    with Probe(partitions=2) as probe, second(probe) as next:
        ids = [f"a{number}" for number in range(12)]
        probe.publish(*({"id": id, "number": 1} for id in ids))
        first = probe.worker()
        probe.awaits_end(0)
        probe.awaits_end(1)
        next.call("rebuild", probe.name, "--version", "2", "--timeout", "1").exits(1).says(
            f"no worker of {probe.name}.v2 runs")
        next.call("rebuild", f"{probe.name}.v2", "--version", "3").exits(1).says("another version than --version 3")
        next.call("pause", f"{probe.name}.v2").exits(0)
        worker = run(next)
        until("it is paused", 60, lambda: [row["state"] for row in next.call(
            "status", f"{probe.name}.v2", "--json").exits(0).rows()] == ["paused", "paused"])
        next.call("rebuild", probe.name).exits(1).says("paused", f"resume {probe.name}.v2")
        next.call("resume", f"{probe.name}.v2", "--timeout", "60").exits(0)
        next.call("rebuild", probe.name, "--timeout", "60").exits(0).prints(f"{probe.name}.v2 has all 12 events of 2 partitions")
        done = next.call("rebuild", probe.name, "--json", "--timeout", "60").exits(0).rows()[0]
        assert (done["projection"], done["partitions"], done["events"]) == (f"{probe.name}.v2", 2, 12), done
        worker.ends(signal.SIGTERM).exits(0)
        first.ends(signal.SIGTERM).exits(0)


if __name__ == "__main__":
    run_cases(globals())
