#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`wait`: who has written reads what was written, and is told why not."""

import os
import signal
import sqlite3
import time

from commands import Probe, meddle, stele
from programs import case, run_cases

TABLE = """-- source: {topic}
-- setup
CREATE TABLE numbers (id TEXT PRIMARY KEY, number INTEGER);
-- on probe.Probed
INSERT INTO numbers VALUES (:id, :number);
"""


def table_words(probe):
    """The words with which a program fills t.db."""
    name = f"{probe.name}-sql"
    return ["-o", f"projection.{name}.sql={probe.file('t.sql', TABLE.format(topic=probe.topic))}",
            "-o", f"projection.{name}.store=sqlite:{os.path.join(probe.folder, 't.db')}"]


@case
def rows_are_there_when_wait_returns():
    """After `wait`, a query of the database has the rows of the event, each time."""
    with Probe() as probe:
        store, name, words = os.path.join(probe.folder, "t.db"), f"{probe.name}-sql", table_words(probe)
        with stele() as plain:
            plain.start("run", *words)
            for number in range(5):
                probe.publish({"id": f"a{number}", "number": number})
                plain.call("wait", name, f"{probe.topic}/0/{number}", "--timeout", "60").exits(0)
                connection = sqlite3.connect(store, timeout=20)
                assert connection.execute("SELECT count(*) FROM numbers").fetchone() == (number + 1,)
                connection.close()


@case
def a_fold_is_waited_for_even_before_it_runs():
    """`wait` begins before the worker does, and ends soon after it has come that far."""
    with Probe(partitions=2) as probe:
        probe.publish({"id": "a"}, {"id": "b"}, {"id": "c"})
        places = [row["position"] for id in "abc" for row in probe.call("history", probe.name, id).exits(0).rows()]
        waits = [probe.start("wait", probe.name, place, "--timeout", "60") for place in places]
        worker = probe.worker()
        for each in waits:
            each.ends().exits(0)
        probe.call("wait", probe.group, places[0], "--timeout", "30").exits(0)
        worker.ends(signal.SIGTERM).exits(0)
        probe.call("wait", probe.group, places[0], "--timeout", "2").exits(1).says("and no one runs it")


@case
def a_frozen_worker_is_waited_for():
    """What a worker has not applied is not there: `wait` ends when it wakes up, and not before."""
    with Probe() as probe:
        probe.publish({"id": "a"})
        worker = probe.worker()
        probe.awaits_end()
        worker.signal(signal.SIGSTOP)
        probe.publish({"id": "b"})
        probe.call("wait", probe.name, f"{probe.topic}/0/1", "--timeout", "2").exits(1).says("it is at offset 1")
        worker.signal(signal.SIGCONT)
        probe.call("wait", probe.name, f"{probe.topic}/0/1", "--timeout", "60").exits(0)


@case
def a_new_beginning_is_waited_for():
    """When the tables begin again, what the worker before had applied does not count."""
    with Probe() as probe:
        words = table_words(probe)
        probe.publish({"id": "a"})
        with stele() as plain:
            first = plain.start("run", *words)
            plain.call("wait", f"{probe.name}-sql", f"{probe.topic}/0/0", "--timeout", "60").exits(0)
            first.ends(signal.SIGTERM).exits(0)
            os.remove(os.path.join(probe.folder, "t.db"))
            plain.call("wait", f"{probe.name}-sql", f"{probe.topic}/0/0", "--timeout", "2").exits(1)
            plain.start("run", *words)
            plain.call("wait", f"{probe.name}-sql", f"{probe.topic}/0/0", "--timeout", "60").exits(0)
            connection = sqlite3.connect(os.path.join(probe.folder, "t.db"), timeout=20)
            assert connection.execute("SELECT count(*) FROM numbers").fetchone() == (1,)
            connection.close()


@case
def what_cannot_come_is_said():
    """A position that is none, one past the end, one of no topic, a version that no one runs, no worker at all."""
    with Probe() as probe:
        probe.publish({"id": "a"})
        for wrong in ("7", f"{probe.topic}/0", f"{probe.topic}/0/-1", f"{probe.topic}/x/1"):
            probe.call("wait", probe.name, wrong).exits(2).says("is no position, such as account.events/3/120")
        probe.call("wait", probe.name, f"{probe.topic}/0/1").exits(1).says("ends at offset 1: there is no event at 1")
        probe.call("wait", probe.name, f"{probe.topic}/9/0", "--timeout", "5").exits(1).says(f"{probe.topic}")
        probe.call("wait", probe.name, f"{probe.topic}/0/0", "--timeout", "1").exits(1).says(
            f"no worker has reported on {probe.name} of {probe.topic}/0")
        worker = probe.worker()
        probe.call("wait", f"{probe.name}.v2", f"{probe.topic}/0/0", "--timeout", "1").exits(1).says("no worker has reported")
        probe.call("wait", probe.name, f"{probe.topic}/0/0", "--timeout", "60").exits(0)
        worker.ends(signal.SIGTERM).exits(0)
        probe.publish({"id": "b"})
        probe.call("wait", probe.name, f"{probe.topic}/0/1", "--timeout", "1").exits(1).says(
            f"{probe.group} has not applied {probe.topic}/0/1: it is at offset 1, and no one runs it")


@case
def a_stopped_partition_is_not_waited_for():
    """A partition that needs a person answers at once, with its reason."""
    with Probe(partitions=2) as probe:
        probe.publish(*({"id": f"a{i}"} for i in range(10)))
        probe.worker()
        for partition in range(2):
            probe.awaits_end(partition)
        meddle("put", probe.topic, 0, "a0", "=no event")
        stopped = probe.awaits_state("stopped", "wire format")
        begun = time.monotonic()
        probe.call("wait", probe.name, f"{probe.topic}/0/{stopped['position']}", "--timeout", "60").exits(1).says(
            "it is at offset", "stopped", "wire format")
        assert time.monotonic() - begun < 30


if __name__ == "__main__":
    run_cases(globals())
