#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Streams over HTTP on a real broker: each event once and in order for a client that goes on where it was, whatever happens to the
instances and to the broker; and a thousand of them cost next to nothing."""

import collections
import http.client
import json
import os
import re
import resource
import signal
import threading
import time

from commands import Probe
from programs import Broker, case, run_cases, until

PARTITIONS = 4
os.environ["ASAN_OPTIONS"] = "quarantine_size_mb=4"  # what is freed is freed: memory is measured


class Serving:
    """One instance."""

    def __init__(self, probe):
        self.running = probe.worker("-o", "http.listen=127.0.0.1:0")
        self.running.awaits("serving HTTP")
        self.port = int(re.search(r"serving HTTP.*address=127\.0\.0\.1:(\d+)", self.running.err).group(1))


class Client:
    """As a browser's EventSource: it takes server-sent events (WHATWG HTML, 9.2), and when its connection ends it goes on behind
    the last id, with whichever instance there is."""

    def __init__(self, ports, path):
        self.ports, self.path = ports, path
        self.last_id = None
        self.events = []  # (name, data)
        self.comments = []
        self.refusals = []  # what was no stream
        self.connections = 0
        self.is_open = True
        self.connection = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.is_open:
            try:
                self.connect(self.ports()[self.connections % len(self.ports())])
            except (OSError, http.client.HTTPException, ValueError, AttributeError):
                pass  # AttributeError: closed by the test meanwhile
            time.sleep(0.05)

    def connect(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.connections += 1
        fields = {"Accept": "text/event-stream"}
        if self.last_id:
            fields["Last-Event-ID"] = self.last_id
        self.connection.request("GET", self.path, headers=fields)
        answer = self.connection.getresponse()
        if answer.status != 200:
            self.refusals.append((answer.status, answer.read().decode()))
            return
        assert answer.getheader("Content-Type") == "text/event-stream"
        name, data, id_buffer = "", [], self.last_id
        for line in answer:
            line = line.decode().rstrip("\n")
            field, _, text = line.partition(":")
            text = text[1:] if text.startswith(" ") else text
            if line == "":  # dispatch: the id counts also where there is no data
                self.last_id = id_buffer
                if data:
                    self.events.append((name or "message", json.loads("\n".join(data))))
                name, data = "", []
            elif field == "":
                self.comments.append(text)
            elif field == "data":
                data.append(text)
            elif field == "event":
                name = text
            elif field == "id":
                id_buffer = text

    def close(self):
        self.is_open = False
        connection, self.connection = self.connection, None
        if connection and connection.sock:
            connection.sock.shutdown(2)
        self.thread.join(10)

    def of(self, id):
        return [data for name, data in list(self.events) if name == "message" and data["id"] == id]


def ask(port, path, **fields):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    client.request("GET", path, headers={name.replace("_", "-"): text for name, text in fields.items()})
    answer = client.getresponse()
    text = answer.read().decode()
    client.close()
    return answer.status, json.loads(text)


IDS = [f"a{index}" for index in range(20)]


def publish_some(probe, first, last):
    """Of each id the numbers from first to last, in order."""
    for number in range(first, last + 1):
        probe.publish(*({"id": id, "number": number} for id in IDS))


def check_events(client, last):
    """Each event once, in order within its id."""
    def has_all():
        return all(len(client.of(id)) >= last for id in IDS)
    try:
        until("all events", 60, has_all)
    except AssertionError as failure:
        raise AssertionError(f"{failure}: {len(client.events)} events, {client.connections} connections, last id {client.last_id}, "
                             f"comments {client.comments[-5:]}, refusals {client.refusals[-3:]}, {client.events[-1:]}") from None
    for id in IDS:
        assert [event["data"]["number"] for event in client.of(id)] == list(range(1, last + 1)), (id, client.of(id))
    assert len(client.events) == len(IDS) * last


def check_changes(client, last):
    """The last state of each is there, and none came behind a newer one."""
    total = sum(range(last + 1))

    def has_all():
        return all(client.of(id) and client.of(id)[-1]["data"]["total"] == total for id in IDS)
    until("the last state of each", 60, has_all)
    for id in IDS:
        versions = [state["version"] for state in client.of(id)]
        assert versions == sorted(versions) and versions[-1] == last, versions


@case
def clients_go_on_at_another_instance():
    """An instance is killed, and two come: streams go on at another with nothing left out, and no event twice."""
    with Probe(partitions=PARTITIONS) as probe:
        serving = [Serving(probe), Serving(probe)]
        gone = []

        def ports():
            return [each.port for each in serving if each not in gone]
        publish_some(probe, 1, 3)
        early = Client(ports, f"/aggregates/{probe.name}/events?from=beginning")
        changes = Client(ports, f"/projections/{probe.name}/changes?from=beginning")
        one = Client(ports, f"/aggregates/{probe.name}/events?from=beginning&id=a7")
        until("the first ones", 60, lambda: len(early.events) >= 20)
        publish_some(probe, 4, 6)
        gone.append(serving[0])
        serving[0].running.signal(signal.SIGKILL)
        publish_some(probe, 7, 9)
        serving.append(Serving(probe))  # a rebalance
        publish_some(probe, 10, 11)
        gone.append(serving[1])
        serving[1].running.signal(signal.SIGTERM)
        publish_some(probe, 12, 14)

        check_events(early, 14)
        check_changes(changes, 14)
        until("the one", 30, lambda: len(one.events) >= 14)
        assert [event["data"]["number"] for _, event in one.events] == list(range(1, 15))
        assert early.connections > 1 and any("the instance ends" in text for text in early.comments + changes.comments + one.comments)
        late = Client(ports, f"/aggregates/{probe.name}/events?from=beginning")
        check_events(late, 14)
        for client in (early, changes, one, late):
            client.close()
        assert serving[1].running.process.wait(60) == 0


@case
def a_broker_that_begins_again_is_waited_for():
    """The broker is killed and begins again: a stream stays open, and goes on."""
    broker = Broker("streams")
    try:
        with Probe(partitions=PARTITIONS, address=broker.address) as probe:
            serving = Serving(probe)
            client = Client(lambda: [serving.port], f"/aggregates/{probe.name}/events?from=beginning")
            publish_some(probe, 1, 2)
            until("the first ones", 60, lambda: len(client.events) == 2 * len(IDS))
            broker.kill()
            broker.start()
            publish_some(probe, 3, 5)
            try:
                check_events(client, 5)
            except AssertionError as failure:
                raise AssertionError(f"{failure}\n{probe.messages()}") from None
            client.close()
    finally:
        broker.stop()


def ticks(process):
    """Processor time of a process, in hundredths of a second."""
    with open(f"/proc/{process.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def threads(process):
    """How many of each name."""
    names = []
    for task in os.listdir(f"/proc/{process.pid}/task"):
        with open(f"/proc/{process.pid}/task/{task}/comm") as file:
            names.append(file.read().strip())
    return collections.Counter(names)


def open_streams(serving, path, count):
    connections = []
    for _ in range(count):
        connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        connections.append((connection, answer))
    return connections


@case
def a_thousand_idle_streams():
    """They have no threads of their own and do nothing, and an event comes to each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    with Probe(partitions=PARTITIONS) as probe:
        serving = Serving(probe)
        for partition in range(PARTITIONS):
            probe.awaits("it is taken", lambda row: row["partition"] == partition and row["state"] == "running")
        path = f"/aggregates/{probe.name}/events?from=end"
        first = open_streams(serving, path, 1)
        probe.publish({"id": "a", "number": 1})
        assert any(line.startswith(b"data:") for line in iter(first[0][1].readline, b""))
        before = threads(serving.running.process)
        idle_ticks = ticks(serving.running.process)
        time.sleep(2)  # what it costs while nothing happens is measured over a while
        idle_ticks = ticks(serving.running.process) - idle_ticks

        others = open_streams(serving, path, 999)
        more = threads(serving.running.process) - before
        assert more.total() < 20, more  # of librdkafka there are some more at times
        busy_ticks = ticks(serving.running.process)
        time.sleep(2)
        busy_ticks = ticks(serving.running.process) - busy_ticks
        assert busy_ticks <= idle_ticks + 60, (idle_ticks, busy_ticks)  # a loop would have 200
        probe.publish({"id": "a", "number": 2})
        for _, answer in first + others:
            data = next(line for line in iter(answer.readline, b"") if line.startswith(b"data:"))
            assert b'"number":2' in data
        for connection, _ in first + others:
            connection.close()
    print(f"{before.total()} threads, processor time in 2 s: {idle_ticks * 10} ms with one, {busy_ticks * 10} ms with 1,000")


@case
def a_client_that_takes_nothing_costs_little():
    """A client is sent only what it takes: the memory of the instance stays as it is."""
    with Probe(partitions=PARTITIONS) as probe:
        serving = Serving(probe)
        path = f"/aggregates/{probe.name}/events?from=beginning"
        slow = open_streams(serving, path, 50)

        def resident():
            with open(f"/proc/{serving.running.process.pid}/statm") as file:
                return int(file.read().split()[1]) * resource.getpagesize()
        publish_some(probe, 1, 2)
        quick = Client(lambda: [serving.port], path)
        check_events(quick, 2)
        before = resident()
        lines = [{"id": IDS[index % 20], "number": 3 + index // 20} for index in range(20000)]
        probe.publish(*lines)
        check_events(quick, 1002)
        grown = resident() - before
        assert grown < 150 << 20, grown
        numbers = {id: [] for id in IDS}
        for line in iter(slow[0][1].readline, b""):  # it takes it all now
            if not line.startswith(b"data:"):
                continue
            event = json.loads(line[5:])
            numbers[event["id"]].append(event["data"]["number"])
            if sum(map(len, numbers.values())) == 20 * 1002:
                break
        assert all(each == list(range(1, 1003)) for each in numbers.values())
        quick.close()
        for connection, _ in slow:
            connection.close()


@case
def what_is_no_stream_is_said():
    """Before a stream begins, what is wrong is an answer as any other; ids named as the paths are found still."""
    with Probe() as probe:
        serving = Serving(probe)
        probe.publish({"id": "changes", "number": 7})
        probe.awaits_end()
        changes, events = f"/projections/{probe.name}/changes", f"/aggregates/{probe.name}/events"
        for path, fields, status, code in (
                ("/aggregates/none/events?from=end", {}, 404, "unknown_aggregate"),
                ("/projections/none/changes?from=end", {}, 404, "unknown_projection"),
                (f"{events}?from=then", {}, 400, "bad_request"),
                (f"{events}?from=end&limit=7", {}, 400, "bad_request"),
                (f"{events}?from=end", {"Accept": "application/json"}, 406, "not_acceptable"),
                (events, {"Last_Event_ID": "0.0"}, 400, "bad_request"),
                (events, {"Last_Event_ID": "99"}, 410, "gone"),
                (f"{changes}?from=v7-0", {}, 410, "gone")):
            got, problem = ask(serving.port, path, **fields)
            assert (got, problem["code"]) == (status, code), f"{path}: {got} {problem}"
        status, state = ask(serving.port, changes)
        assert (status, state["total"]) == (200, 7)


if __name__ == "__main__":
    run_cases(globals())
