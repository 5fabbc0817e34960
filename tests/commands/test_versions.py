#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two versions of a projection at once: making the second one, and giving it to readers."""

import json
import os
import signal
import threading
import urllib.error
import urllib.request

from commands import Probe, broker
from programs import Program, case, run_cases, say, until


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


def address_of(worker):
    """Where it serves HTTP."""
    return until("it listens", 60, lambda: next(
        (word for word in worker.err.replace("=", " ").split() if word.startswith("127.0.0.1:")), None))


def ask(address, path):
    """A state over HTTP: version of the projection, number of events, total."""
    with urllib.request.urlopen(f"http://{address}/projections/{path}", timeout=60) as reply:
        version, events = reply.headers["ETag"].strip('"').lstrip("v").split("-")
        return int(version), int(events), json.load(reply)["total"]


class Reader(threading.Thread):
    """Asks all instances in turn, all the time: each answer has to come, and none may have fewer events than the one before."""

    def __init__(self, addresses, path):
        super().__init__()
        self.addresses, self.path = addresses, path
        self.is_over, self.failure, self.seen, self.count = False, None, [], 0

    def run(self):
        try:
            last = 0
            while not self.is_over:
                version, events, total = ask(self.addresses[self.count % len(self.addresses)], self.path)
                assert events >= last, f"version {version} has {events} events, behind {last}"
                assert total == events * version, (version, events, total)
                last = events
                if not self.seen or self.seen[-1] != version:
                    self.seen.append(version)
                self.count += 1
        except Exception as failure:
            text = failure.read().decode() if isinstance(failure, urllib.error.HTTPError) else ""
            self.failure = f"{failure!r} {text}"

    def ends(self):
        self.is_over = True
        self.join()
        assert self.failure is None, f"after {self.count} answers: {self.failure}"
        return self.seen


class Writer(threading.Thread):
    """Publishes all the time."""

    def __init__(self, probe, ids):
        super().__init__()
        self.probe, self.ids, self.is_over, self.count = probe, ids, False, 0

    def run(self):
        while not self.is_over:
            self.probe.publish(*({"id": self.ids[number % len(self.ids)], "number": 1} for number in range(5000)))
            self.count += 5000


@case
def no_reader_sees_a_gap():
    """Events come all the time; a version is made beside the one that is read, and readers go over to it, and back."""
    with Probe(partitions=2) as probe, second(probe) as next:
        ids = [f"a{number}" for number in range(50)]
        probe.publish(*({"id": id, "number": 1} for id in ids))
        first = probe.worker("-o", "http.listen=127.0.0.1:0")
        probe.awaits_end(0)
        probe.awaits_end(1)
        writer = Writer(probe, ids)
        writer.start()
        reader = None
        try:
            worker = run(next, "-o", "http.listen=127.0.0.1:0")
            reader = Reader([address_of(first), address_of(worker)], f"{probe.name}/a7")
            next.call("rebuild", probe.name, "--version", "2", "--timeout", "120").exits(0)
            reader.start()
            until("it is read", 60, lambda: reader.count > 10 or reader.failure)
            next.call("switch", probe.name, "2", "--timeout", "120").exits(0).prints("is served by version 2")
            count = reader.count
            until("it is read", 60, lambda: reader.count > count + 10 or reader.failure)
            probe.call("switch", probe.name, "1", "--timeout", "120").exits(0).prints("is served by version 1")
            count = reader.count
            until("it is read", 60, lambda: reader.count > count + 10 or reader.failure)
        finally:
            writer.is_over = True
            writer.join()
            seen = reader.ends() if reader is not None and reader.ident else []
        say(f"{writer.count} events, {reader.count} answers, by the versions {seen}")
        assert seen[0] == seen[-1] == 1 and 2 in seen, seen
        worker.ends(signal.SIGTERM).exits(0)
        first.ends(signal.SIGTERM).exits(0)


@case
def a_version_that_is_behind_is_not_served():
    """Switching waits for it, and names it; a name means the version that was chosen, which is not dropped."""
    with Probe() as probe, second(probe) as next:
        probe.publish({"id": "a", "number": 1})
        first = probe.worker("-o", "http.listen=127.0.0.1:0")
        probe.awaits_end()
        next.call("switch", probe.name, "2", "--timeout", "5").exits(1).says(
            "nothing was switched", f"{probe.topic}/0 (no worker reports on it)")
        next.call("switch", f"{probe.name}.v2", "2").exits(2).says("has a version")
        next.call("switch", probe.name, "two").exits(2).says("is no version")
        next.call("pause", f"{probe.name}.v2").exits(0)
        worker = run(next, "-o", "http.listen=127.0.0.1:0")
        until("it is paused", 60, lambda: [row["state"] for row in next.call(
            "status", f"{probe.name}.v2", "--json").exits(0).rows()] == ["paused"])
        next.call("switch", probe.name, "2", "--timeout", "60").exits(1).says("nothing was switched", "paused")
        assert ask(address_of(worker), f"{probe.name}/a") == (1, 1, 1), "readers have the version that was there before"
        probe.call("pause", probe.name, "--timeout", "60").exits(0).prints(f"{probe.name}.v1 is paused")
        probe.call("resume", probe.name, "--timeout", "60").exits(0)
        next.call("resume", f"{probe.name}.v2", "--timeout", "60").exits(0)
        next.call("switch", probe.name, "2", "--timeout", "60", "--json").exits(0).prints('"version":2')
        next.call("switch", probe.name, "2", "--timeout", "60").exits(0).prints("is already served by version 2")
        rows = probe.call("status", probe.name, "--json").exits(0).rows()
        assert {row["projection"]: row.get("served", False) for row in rows} == {
            f"{probe.name}.v1": False, f"{probe.name}.v2": True}, rows
        assert ask(address_of(first), f"{probe.name}/a") == (2, 1, 2)
        probe.call("pause", probe.name, "--timeout", "60").exits(0).prints(f"{probe.name}.v2 is paused")
        probe.call("resume", probe.name, "--timeout", "60").exits(0)
        probe.publish({"id": "a", "number": 1})
        probe.call("wait", probe.name, f"{probe.topic}/0/1", "--timeout", "60").exits(0)
        assert ask(address_of(first), f"{probe.name}/a?wait={probe.topic}/0/1") == (2, 2, 4)
        with urllib.request.urlopen(f"http://{address_of(first)}/projections/{probe.name}", timeout=60) as reply:
            assert [state["data"]["total"] for state in json.load(reply)["states"]] == [4]
        first.ends(signal.SIGTERM).exits(0)
        worker.ends(signal.SIGTERM).exits(0)
        probe.call("snapshots", "delete", f"{probe.name}.v2", "--yes").exits(1).says("`switch` to another one first")
        probe.call("snapshots", "delete", f"{probe.name}.v1", "--yes").exits(0)


def refusal(address, path):
    """Why there is no answer; None if there is one."""
    try:
        ask(address, path)
        return None
    except urllib.error.HTTPError as failure:
        return failure.code, json.load(failure)["code"]


@case
def a_version_that_no_one_has_chosen_is_never_served():
    """The workers of the first one are restarted, and the second one is half made meanwhile."""
    with Probe() as probe, second(probe) as next:
        probe.publish({"id": "a", "number": 1})
        first = probe.worker("-o", "http.listen=127.0.0.1:0")
        probe.awaits_end()
        until("it is written down", 60, lambda: [row.get("served") for row in probe.status()] == [True])
        next.call("pause", f"{probe.name}.v2").exits(0)
        worker = run(next, "-o", "http.listen=127.0.0.1:0")
        until("it is paused", 60, lambda: [row["state"] for row in next.call(
            "status", f"{probe.name}.v2", "--json").exits(0).rows()] == ["paused"])
        assert ask(address_of(worker), f"{probe.name}/a") == (1, 1, 1)
        first.ends(signal.SIGTERM).exits(0)
        until("no one of the first version is left", 60, lambda: [
            row["state"] for row in probe.status() if row["projection"] == f"{probe.name}.v1"] == ["unknown"])
        assert refusal(address_of(worker), f"{probe.name}/a") == (503, "unavailable")
        probe.publish({"id": "a", "number": 1})
        first = probe.worker("-o", "http.listen=127.0.0.1:0")
        assert until("it is back", 60, lambda: refusal(address_of(worker), f"{probe.name}/a") is None
                     and ask(address_of(worker), f"{probe.name}/a")) == (1, 2, 2)
        first.ends(signal.SIGTERM).exits(0)
        worker.ends(signal.SIGTERM).exits(0)


@case
def a_version_that_cannot_be_asked_is_not_served():
    """Readers ask over HTTP, and the new version has none; where no version has, no one is asked to have it."""
    with Probe() as probe, second(probe) as next:
        probe.publish({"id": "a", "number": 1})
        first = probe.worker("-o", "http.listen=127.0.0.1:0")
        probe.awaits_end()
        worker = run(next)
        next.call("rebuild", probe.name, "--version", "2", "--timeout", "60").exits(0)
        next.call("switch", probe.name, "2", "--timeout", "60").exits(1).says("has no http.listen", "nothing was switched")
        assert ask(address_of(first), f"{probe.name}/a") == (1, 1, 1)
        first.ends(signal.SIGTERM).exits(0)
        first = probe.worker()
        until("it has no address any more", 60, lambda: next.call(
            "switch", probe.name, "2", "--timeout", "60", "--json").code == 0)
        next.call("switch", probe.name, "2", "--timeout", "60").exits(0).says("no worker of").prints("already")
        probe.call("wait", probe.name, f"{probe.topic}/0/0", "--timeout", "60").exits(0)
        first.ends(signal.SIGTERM).exits(0)
        worker.ends(signal.SIGTERM).exits(0)


@case
def a_version_is_dropped_whole():
    """Not while it runs or is read; then all of it, and with the last one what was said of all of them."""
    with Probe() as probe, second(probe) as next:
        probe.publish({"id": "a", "number": 1})
        first = probe.worker("-o", "http.listen=127.0.0.1:0")
        probe.awaits_end()
        until("it is written down", 60, lambda: [row.get("served") for row in probe.status()] == [True])
        probe.call("drop", probe.name, "--yes").exits(2).says("has no version")
        probe.call("drop", probe.group).exits(2).says("--yes")
        probe.call("drop", probe.group, "--yes").exits(1).says("stop its workers first")
        worker = run(next, "-o", "http.listen=127.0.0.1:0")
        next.call("rebuild", probe.name, "--version", "2", "--timeout", "60").exits(0)
        first.ends(signal.SIGTERM).exits(0)
        until("no one of it is left", 60, lambda: "switch" in probe.call("drop", probe.group, "--yes").exits(1).err)
        next.call("switch", probe.name, "2", "--timeout", "60").exits(0)
        probe.call("pause", probe.group).exits(0)
        probe.call("drop", probe.group, "--yes").exits(0).says(
            f"removed topic {probe.snapshots}", f"removed topic {probe.group}.control", f"removed group {probe.group}", "dropped 1 row")
        probe.call("drop", probe.group, "--yes").exits(1).says(f"there is nothing of {probe.group}")
        assert ask(address_of(worker), f"{probe.name}/a") == (2, 1, 2)
        worker.ends(signal.SIGTERM).exits(0)
        until("it is dropped", 60, lambda: next.call("drop", f"{probe.name}.v2", "--yes").code == 0)
        first = probe.worker("-o", "http.listen=127.0.0.1:0")
        probe.awaits_end()
        assert until("it is there again", 60, lambda: refusal(address_of(first), f"{probe.name}/a") is None
                     and ask(address_of(first), f"{probe.name}/a")) == (1, 1, 1)
        first.ends(signal.SIGTERM).exits(0)


@case
def a_version_in_a_database_is_dropped_with_its_tables():
    """Where the configuration names it; what another version has made in another database stays."""
    with Probe() as probe, second(probe) as next:
        probe.publish({"id": "a", "number": 1})
        stores = [("-o", f"projection.{probe.name}.store=sqlite:{probe.folder}/v{number}.db") for number in (1, 2)]
        first, worker = probe.worker(*stores[0]), run(next, *stores[1])
        probe.awaits_end()
        next.call("rebuild", probe.name, "--version", "2", "--timeout", "60").exits(0)
        next.call("switch", probe.name, "2", "--timeout", "60").exits(0)
        first.ends(signal.SIGTERM).exits(0)
        probe.call("drop", probe.group, "--yes", *stores[0]).exits(0).says(f"removed what it made in sqlite:{probe.folder}/v1.db")
        probe.call("drop", probe.group, "--yes", *stores[0])  # finds nothing, or nothing more
        until("the other one is as it was", 60, lambda: [
            row["position"] for row in next.call("status", f"{probe.name}.v2", "--json").exits(0).rows()] == [1])
        worker.ends(signal.SIGTERM).exits(0)


if __name__ == "__main__":
    run_cases(globals())
