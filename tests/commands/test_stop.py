#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stop is a stop: each command, in each place where it can hang, ends within a second of the first signal.
(The second signal, which ends a worker at once: test_run.py.)"""

import os
import signal
import socket
import subprocess
import threading
import time

from commands import PROBED, Probe
from programs import Broker, case, run_cases, say, until

LIMIT_S = 2.5  # a second is promised; the rest is for a machine that is busy


class Silence:
    """A listener that accepts and never answers."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                self.open.append(self.socket.accept()[0])
            except OSError:
                return


def is_quiet(process):
    """Does the program wait? It has used no processor time for a while."""
    def used():
        with open(f"/proc/{process.pid}/stat") as file:
            return sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13]))
    before = used()
    time.sleep(0.3)  # the question is what happens in this time
    return used() - before <= 2


def listens(process):
    """Has it begun to handle signals?"""
    with open(f"/proc/{process.pid}/status") as file:
        caught = next(line for line in file if line.startswith("SigCgt:"))
    return int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1


def blocked(process):
    until("it hangs", 30, lambda: process.poll() is not None or (listens(process) and is_quiet(process)))
    assert process.poll() is None, f"{process.args}: ended with {process.returncode} before it was stopped"


def stops(process, name, number=signal.SIGTERM):
    begun = time.monotonic()
    process.send_signal(number)
    try:
        code = process.wait(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"{name}: goes on {LIMIT_S} s after the first signal") from None
    say(f"       {time.monotonic() - begun:4.1f} s, exit {code}: {name}")
    assert code in (0, 1), f"{name}: exit {code}"


class Place:
    """Starts commands that hang, and stops them."""

    def __init__(self, path, env):
        self.path, self.env, self.failures = path, env, []

    def start(self, words, **streams):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **streams}
        return subprocess.Popen([self.path, *words], env=self.env, stderr=subprocess.DEVNULL, **streams)

    def check(self, place, words, **streams):
        name = f"{' '.join(words)}: {place}"
        process = self.start(words, **streams)
        try:
            blocked(process)
            stops(process, name)
        except AssertionError as failure:
            self.failures.append(str(failure))
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()

    def ends(self):
        assert not self.failures, "\n".join(self.failures)


def asking(name, group):
    """Every command that asks a broker; none of them is to run."""
    return [["tail", name], ["tail", name, "--follow"], ["history", name, "a"], ["state", name, "a"],
            ["state", name, "--all"], ["state", name, "a", "--at", "1"], ["status"], ["status", name, "--check"],
            ["status", "forget", name], ["snapshots", "list", name], ["snapshots", "verify", name],
            ["snapshots", "delete", group, "--yes"], ["topics", "create", name], ["topics", "describe"],
            ["topics", "describe", name], ["topics", "delete", name, "--yes"], ["schema", "list"],
            ["schema", "get", "1"], ["schema", "register", PROBED, "--subject", "s"], ["schema", "level", "s"],
            ["publish", name, "--schema", PROBED, "--key", "id", "--format", "json", "LINES"]]


def with_lines(words, path):
    return [path if word == "LINES" else word for word in words]


def lines_of(probe):
    return probe.file("lines.jsonl", '{"id": "a", "number": 1, "pause_ms": 0, "grow": 0}\n' * 10)


@case
def a_broker_that_is_frozen():
    """Every command that asks a broker, while the broker is frozen."""
    broker = Broker("stop")
    try:
        with Probe(address=broker.address) as probe:
            probe.publish({"id": "a"})
            worker = probe.worker()
            probe.awaits_end()
            worker.ends(signal.SIGTERM).exits(0)
            place = Place(probe.path, probe.env)
            follower = place.start(["tail", probe.name, "--follow"])
            blocked(follower)
            broker.pause()
            stops(follower, "tail --follow: the broker froze meanwhile")
            for words in asking(probe.name, probe.group):
                place.check("frozen broker", with_lines(words, lines_of(probe)))
            place.ends()
            broker.resume()
    finally:
        broker.stop()


@case
def what_accepts_and_never_answers():
    """Every command that asks a broker or a registry, where something else listens."""
    with Probe(partitions=0, address="127.0.0.1:1") as probe:
        silence = Silence()
        probe.env["STELE_KAFKA"] = silence.address
        place = Place(probe.path, probe.env)
        for words in asking(probe.name, probe.group):
            place.check("a broker that never answers", with_lines(words, lines_of(probe)))
        place.check("a broker that never answers", ["run", "-o", "worker.drain_timeout_ms=500"])
        registry = ["-o", f"registry.url=http://{silence.address}"]
        for words in (["schema", "list"], ["schema", "get", "1"], ["schema", "level", "s"],
                      ["schema", "register", PROBED, "--subject", "s"]):
            place.check("a registry that never answers", [*words, *registry])
        place.ends()


@case
def what_is_never_written_or_read():
    """Commands that wait for a pipe that no one writes, or that no one reads."""
    with Probe() as probe:
        place = Place(probe.path, probe.env)
        fifo = os.path.join(probe.folder, "fifo")
        os.mkfifo(fifo)
        publish = ["publish", probe.name, "--schema", PROBED, "--key", "id", "--format"]
        for words in ([*publish, "json", fifo], [*publish, "csv", fifo], ["publish", probe.name, "--schema", fifo,
                                                                           "--key", "id"],
                      ["schema", "check", fifo, PROBED], ["schema", "canonical", fifo],
                      ["schema", "generate", fifo, "-o", probe.folder], ["schema", "convert", "--writer", fifo],
                      ["run", "-c", fifo]):
            place.check("a FIFO that no one writes", words)
        for words in ([*publish, "json"], [*publish, "csv"], ["schema", "convert", "--writer", PROBED]):
            reading, writing = os.pipe()
            place.check("standard input that says nothing", words, stdin=reading)
            os.close(reading), os.close(writing)
        probe.publish(*({"id": f"a{n}", "number": n} for n in range(2000)))
        many = probe.file("many.hex", "0261020202\n" * 200000)
        for words in (["tail", probe.name, "--from", "beginning"], ["state", probe.name, "--all"]):
            check_full_pipe(place, words)
        with open(many) as file:
            check_full_pipe(place, ["schema", "convert", "--writer", PROBED], stdin=file)
        place.ends()


def check_full_pipe(place, words, **streams):
    reading, writing = os.pipe()
    place.check("standard output that no one reads", words, stdout=writing, **streams)
    os.close(reading), os.close(writing)


@case
def lines_that_never_end():
    """publish of /dev/zero ends, and says which limit it is."""
    with Probe() as probe:
        for form in ("json", "csv"):
            words = ["publish", probe.name, "--schema", PROBED, "--key", "id", "--format", form, "/dev/zero"]
            probe.call(*words).exits(1).says("limit" if form == "json" else "larger than", "end")


if __name__ == "__main__":
    run_cases(globals())
