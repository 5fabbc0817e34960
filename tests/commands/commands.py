# SPDX-License-Identifier: MIT
"""The programs that these tests drive, from the environment that CTest sets."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from programs import Program, unique, until  # noqa: E402

FOLDER = os.path.dirname(os.path.abspath(__file__))
PROBED = os.path.join(FOLDER, "schemas/probed.avsc")
NOWHERE = "127.0.0.1:1"  # a port that no one listens on


def broker():
    address = os.environ.get("STELE_KAFKA")
    if not address:
        sys.exit("STELE_KAFKA is not set: scripts/kafka start prints a broker's address")
    return address


def stele(address=None):
    """The program without an application."""
    return Program(os.environ["STELE_PROGRAM"], address or broker())


def meddle(*words, address=None):
    """What another tool does to the broker."""
    subprocess.run([os.environ["STELE_MEDDLE"], address or broker(), *map(str, words)], check=True)


class Probe(Program):
    """The test's own program, with an aggregate and a projection whose name no one else uses."""

    def __init__(self, partitions=1, address=None):
        self.name = unique("probe")
        super().__init__(os.environ["STELE_PROBE"], address or broker(), STELE_TEST_NAME=self.name)
        self.topic = f"{self.name}.events"
        self.group = f"{self.name}.v1"
        self.snapshots = f"{self.name}.v1.snapshots"
        if partitions > 0:
            self.create(partitions)

    def create(self, partitions):
        self.call("topics", "create", self.name, "--partitions", str(partitions)).exits(0)

    def publish(self, *events):
        lines = "".join(json.dumps(event) + "\n" for event in events)
        return self.call("publish", self.name, "--schema", PROBED, "--key", "id", "--format", "json",
                         stdin=lines).exits(0)

    def worker(self, *words):
        return self.start("run", "-o", f"projection.{self.name}.snapshot_interval_ms=200",
                          "-o", "kafka.session.timeout.ms=2000", *words)

    def status(self):
        return self.call("status", self.name, "--json").exits(0).rows()

    def awaits(self, what, question, seconds=60):
        """Until the status has a row for which the question is true; that row."""
        rows = []

        def ask():
            rows[:] = self.status()
            return next((row for row in rows if question(row)), None)
        try:
            return until(what, seconds, ask)
        except AssertionError as failure:
            raise AssertionError(f"{failure}: {rows}\n{self.messages()}") from None

    def awaits_state(self, state, reason, partition=0):
        """Until `status` says that of a partition, with that in the reason."""
        return self.awaits(f"partition {partition} is {state}: {reason}", lambda row:
                           row["partition"] == partition and row["state"] == state
                           and reason in row["reason"])

    def awaits_end(self, partition=0):
        """Until a partition has applied all that there is."""
        return self.awaits(f"partition {partition} has caught up", lambda row:
                           row["partition"] == partition and row["state"] == "running"
                           and row["lag"] == 0 and row["position"] > 0)

    def messages(self):
        return "\n".join(f"--- {' '.join(each.words[1:])}\n{each.err[-2000:]}" for each in self.running)
