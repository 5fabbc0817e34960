# SPDX-License-Identifier: MIT
"""What the crash tests share: a broker of their own, the shop's processes, and what the file says that
every total must be. Nothing here sleeps to wait for a state: it asks until a deadline."""

import collections
import contextlib
import csv
import decimal
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from programs import ROOT, Broker, Postgres, Redis, end, say, until  # noqa: E402,F401

DATA = os.path.join(ROOT, "examples/shop/data/cdnow_sample.csv")
SCHEMA = os.path.join(ROOT, "examples/shop/schemas/purchase.avsc")


def seeded():
    """A random source whose seed is printed; STELE_SEED repeats a run."""
    seed = int(os.environ.get("STELE_SEED") or random.SystemRandom().randrange(1 << 31))
    say(f"seed {seed} (STELE_SEED={seed} repeats this run)")
    return random.Random(seed)


class Shop:
    """The example's program against one broker."""

    def __init__(self, program, address, overrides=()):
        self.program = program
        self.address = address
        self.overrides = [word for override in overrides for word in ("-o", override)]
        self.env = dict(os.environ, STELE_KAFKA=address)
        self._temporary = tempfile.TemporaryDirectory(prefix="stele-crash-")
        self.folder = self._temporary.name
        self.processes = []

    def start(self, *words, log=None, **more):
        """A process that goes on; its messages go to a file of the run's folder."""
        path = os.path.join(self.folder, log or "messages.log")
        with open(path, "ab") as messages:
            process = subprocess.Popen([self.program, *words, *self.overrides], env=self.env,
                                       stdin=subprocess.DEVNULL, stderr=messages, **more)
        self.processes.append(process)
        return process

    def kill_all(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()

    def worker(self, name, *words):
        return self.start("run", "-o", f"worker.instance={name}", *words, log=f"worker-{name}.log")

    def call(self, *words, check=True, **more):
        done = subprocess.run([self.program, *words, *self.overrides], env=self.env, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=180, **more)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(words)}: exit {done.returncode}: {done.stderr.strip()}")
        return done

    def lines(self, *words):
        return [json.loads(line) for line in self.call(*words, "--json").stdout.splitlines()]

    def status(self, projection="customers"):
        done = self.call("status", projection, "--json", check=False)
        return [json.loads(line) for line in done.stdout.splitlines()] if done.returncode in (0, 3) else []

    def caught_up(self, partitions, projection="customers"):
        rows = self.status(projection)
        return len(rows) == partitions and all(
            row["state"] == "running" and row["lag"] == 0 for row in rows)

    def show_logs(self):
        for name in sorted(name for name in os.listdir(self.folder) if name.endswith(".log")):
            with open(os.path.join(self.folder, name), errors="replace") as log:
                tail = log.readlines()[-12:]
            print(f"--- {name}\n{''.join(tail)}", file=sys.stderr)


def publish_words(shop, first, last):
    """The command that publishes these lines of the file."""
    part = os.path.join(shop.folder, "part.csv")
    with open(DATA) as source, open(part, "w") as target:
        lines = source.readlines()
        target.writelines([lines[0], *lines[1 + first:1 + last]])
    return ("publish", "customer", "--schema", SCHEMA, "--key", "customer_id", "--format", "csv",
            "--timeout", "120", part)  # a broker that was killed may be long in coming back


@contextlib.contextmanager
def played_on(broker, shop):
    """Whatever happens within: no process stays, and what failed comes with the logs."""
    try:
        yield
        print("1 passed, 0 failed")
    except BaseException:
        shop.show_logs()
        raise
    finally:
        shop.kill_all()
        broker.stop()


def file_lines():
    with open(DATA, newline="") as file:
        return list(csv.DictReader(file))


def file_totals():
    """What the file says of each customer, in the form that `state --json` prints."""
    totals = {}
    for line in file_lines():
        one = totals.setdefault(line["customer_id"], {
            "purchases": 0, "quantity": 0, "total": decimal.Decimal("0.00"),
            "first_day": line["ordered_on"], "last_day": line["ordered_on"]})
        one["purchases"] += 1
        one["quantity"] += int(line["quantity"])
        one["total"] += decimal.Decimal(line["amount"])
        one["first_day"] = min(one["first_day"], line["ordered_on"])
        one["last_day"] = max(one["last_day"], line["ordered_on"])
    return {key: dict(one, total=str(one["total"])) for key, one in totals.items()}


def check_log(shop):
    """The log holds every line of the file once."""
    events = shop.lines("tail", "customer", "--from", "beginning")
    kept = collections.Counter(
        (e["data"]["customer_id"], e["data"]["ordered_on"], e["data"]["quantity"],
         decimal.Decimal(e["data"]["amount"])) for e in events)
    wanted = collections.Counter(
        (line["customer_id"], line["ordered_on"], int(line["quantity"]),
         decimal.Decimal(line["amount"])) for line in file_lines())
    assert kept == wanted, (f"lost: {list((wanted - kept).items())[:5]}, "
                            f"doubled: {list((kept - wanted).items())[:5]}")
    assert len({e["event_id"] for e in events}) == len(events), "an event id stands twice"
    return len(events)


def check_states(shop, projection="customers"):
    """Every state is what the file says; none is missing, none is more."""
    states = {row["id"]: row for row in shop.lines("state", projection, "--all")}
    wanted = file_totals()
    assert states.keys() == wanted.keys(), f"{len(states)} states, the file has {len(wanted)}"
    for key, row in states.items():
        assert row["state"] == wanted[key], f"{key}: {row['state']}, the file says {wanted[key]}"
        assert row["version"] == wanted[key]["purchases"], f"{key}: version {row['version']}"
    return len(states)


def check_snapshots(shop, projection="customers"):
    """Snapshots are to the byte what a replay of the log makes, and all of it; checkpoint and group offset
    stand at the log's end. Only after the workers have ended in good order."""
    rows = check_snapshots_of(shop, len(file_lines()), projection)
    assert sum(row["aggregates"] for row in rows) == len(file_totals()), rows


def check_snapshots_of(shop, events, projection="customers"):
    said = shop.call("snapshots", "verify", projection).stderr
    assert f"a replay of {events} events: 0 differences" in said, said
    rows = shop.lines("snapshots", "list", projection)
    for row in rows:
        assert row["checkpoint"] == row["log_end"] == row["group_offset"], row
    return rows


def served_states(shop, partitions, projection):
    """The states that a worker serves which has just started, once it is at the log's end: id -> (state, version)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    worker = shop.worker("serves", "-o", f"http.listen=127.0.0.1:{port}")
    until("it has all partitions, with no lag", 60, lambda: shop.caught_up(partitions, projection) and all(
        row["instance"] == "serves" for row in shop.status(projection)))
    states, path = {}, f"/projections/{projection}?limit=500"
    while path:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            page = json.loads(answer.read())
        states.update((one["id"], (one["data"], one["version"])) for one in page["states"])
        path = page.get("next")
    assert end(worker, signal.SIGTERM) == 0, "the worker that serves does not end in order"
    return states
