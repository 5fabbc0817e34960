#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""stele audit on a real broker: a topic that is as it should be, and one that was made by hand with every fault
in it that other tools can make."""

import signal

from commands import NOWHERE, Probe, meddle, stele
from programs import case, run_cases, until
from test_past import partition_of, varint
from test_stop import blocked, stops


class Bad(Probe):
    """A topic of events that no writer has written, with what a writer writes around them."""

    def __init__(self, partitions):
        super().__init__(partitions)
        self.publish({"id": "seed"})  # registers the schema
        rows = self.call("schema", "list", f"{self.topic}-probe.Probed", "--json").exits(0).rows()
        self.schema = rows[-1]["id"].to_bytes(4, "big")
        self.count = 0

    def put(self, key, version=None, event_id=None, command=None, partition=None, value=None, way="put"):
        self.count += 1
        if partition is None:
            partition = partition_of(key, 2)
        if value is None:
            text = (key or "").encode()
            value = (b"\0" + self.schema + varint(len(text)) + text + varint(1) + b"\0\0").hex()
        headers = [f"ce_id={event_id or f'0190a1b2-c3d4-7e5f-8a9b-{self.count:08x}0000'}"]
        headers += [f"ce_aggregateversion={version}"] if version else []
        headers += [f"ce_causationid={command}"] if command else []
        meddle(way, self.topic, partition, "-" if key is None else "=" + key, value, *headers)


def audited(program, name, *words):
    return program.call("audit", name, "--settle", "2", *words, "--json")


@case
def what_was_published_is_clean():
    """audit finds nothing in what publish has written, says so, and exits with 0."""
    with Probe(partitions=2) as probe, stele() as program:
        probe.publish(*({"id": key, "number": n} for n in range(50) for key in "abcdefg"))
        for each in (probe, program):
            done = each.call("audit", probe.name).exits(0)
            assert done.out == "", done.out
            done.says("350 events of 7 aggregates in 2 partitions: 0 findings", "350 events have no version: they are facts")
        probe.call("audit", "nobody").exits(1).says("topics create nobody")
        probe.call("audit", probe.name, "--partition", "7").exits(1).says("has 2 partitions, from 0 on: there is no 7")


@case
def every_fault_is_named_with_its_position():
    """audit names each fault of a topic that was made by hand, and exits with 3."""
    with Bad(2) as probe, stele() as program:
        first = partition_of("seed", 2)
        offset = {0: 0, 1: 0, first: 1}
        wanted = []

        def put(kind, key="a", partition=None, **more):
            place = partition_of(key, 2) if partition is None else partition
            probe.put(key, partition=place, **more)
            if kind:
                wanted.append((f"{probe.topic}/{place}/{offset[place]}", kind))
            offset[place] += 1

        put(None, version=1, command="c1")
        put(None, version=2, command="c2", event_id="0190a1b2-c3d4-7e5f-8a9b-0123456789ab")
        put("fork", version=2, command="z1")
        put("hole", version=5, command="c3")
        put("duplicate-id", version=6, command="c4", event_id="0190a1b2-c3d4-7e5f-8a9b-0123456789ab")
        put("command-twice", version=7, command="c1")
        put("foreign")
        put("wrong-partition", "d", partition=0)
        put("no-key", None, partition=0)
        put("no-value", "b", value="-")
        put("reserved-id", "stele:x", partition=1)
        put("undecodable", "d", value="=junk")
        put("undecodable", "d", value="00000f423f00")
        for each in (probe, program):
            done = audited(each, probe.name).exits(3)
            found = sorted((row["position"], row["kind"]) for row in done.rows())
            assert found == sorted(wanted), (found, sorted(wanted))
            assert all(row["text"] for row in done.rows())
            done.says(f"{len(wanted)} findings (", "2 undecodable", "1 fork")
        line = audited(probe, probe.name, "--limit", "1").exits(3).says("10 more findings are not printed")
        assert len(line.rows()) == 1, line.out
        kinds = {row["kind"] for row in audited(probe, probe.name, "--skip-ids").exits(3).rows()}
        assert kinds == {kind for _, kind in wanted} - {"duplicate-id", "command-twice"}, kinds
        probe.call("audit", probe.name, "--partition", "0").exits(3).prints(f"{probe.topic}/0/", '  fork  "a": version 2 again')


@case
def an_aggregate_that_decides_has_a_state_by_its_name():
    """What a writer's events make of an aggregate is read by its name, also of old; facts among them are foreign."""
    with Bad(2) as probe:
        probe.env["STELE_TEST_DECIDES"] = owned = f"{probe.name}-owned"
        probe.call("topics", "create", owned, "--partitions", "2").exits(0)
        probe.topic = f"{owned}.events"
        for version in (1, 2, 3):
            probe.put("a", version=version, command=f"c{version}")
        row, = probe.call("state", owned, "a").exits(0).rows()
        assert (row["version"], row["state"]["total"]) == (3, 3), row
        row, = probe.call("state", owned, "a", "--at", "2").exits(0).rows()
        assert (row["version"], row["state"]["total"]) == (2, 2), row
        row, = probe.call("state", owned, "a", "--diff", "1", "3", "--json").exits(0).rows()
        assert row["changes"] == [{"path": "total", "from": 1, "to": 3}], row
        audited(probe, owned).exits(0)
        probe.put("b")
        row, = audited(probe, owned).exits(3).rows()
        assert (row["kind"], row["id"]) == ("foreign", "b") and "its writer alone appends to it" in row["text"], row


@case
def what_a_writer_keeps_is_verified():
    """A writer's snapshots are compared with a replay, and so are the commands beside them."""
    with Bad(2) as probe:
        probe.env["STELE_TEST_DECIDES"] = owned = f"{probe.name}-owned"
        probe.call("topics", "create", owned, "--partitions", "2").exits(0)
        probe.topic, writer, place = f"{owned}.events", f"{owned}.writer", partition_of("a", 2)
        for version in (1, 2, 3):
            probe.put("a", version=version, command=f"c{version}")
        worker = probe.worker()
        until("its writer has applied them", 60, lambda: any(
            row["state"] == "running" and row["position"] == 3
            for row in probe.call("status", writer, "--json").exits(0).rows()))
        worker.ends(signal.SIGTERM).exits(0)
        for name in (owned, writer):
            probe.call("snapshots", "verify", name).exits(0).says("1 snapshots compared", "0 differences")
        row = probe.call("snapshots", "list", writer, "--json").exits(0).rows()[place]
        assert row["checkpoint"] == row["group_offset"] == 3, row
        records = probe.call("snapshots", "list", writer, "--records").exits(0).rows()
        kept, = (record for record in records if record["key"] == "a")
        meddle("put", f"{writer}.v1.snapshots", place, "=a", kept["value"], "stele_version=3", "stele_offset=3", "stele_commands=")
        probe.call("snapshots", "verify", owned).exits(3).prints("the header stele_commands of the snapshot of version 3")


@case
def what_is_open_or_aborted_is_told_apart():
    """Aborted records are counted, a transaction that does not end is named, and a log that was cut."""
    with Bad(2) as probe:
        home = partition_of("a", 2)
        probe.put("a", version=1, command="c1")
        probe.put("a", version=2, command="c2", way="abort")
        probe.put("a", version=2, command="c3")
        audited(probe, probe.name).exits(0).says("1 records of aborted transactions")
        end = {0: 0, 1: 0, partition_of("seed", 2): 1}[home] + 4  # three events and a marker
        probe.put("a", version=3, command="c4", way="open")
        row, = audited(probe, probe.name).exits(3).rows()
        assert (row["position"], row["kind"], row["id"]) == (f"{probe.topic}/{home}/{end}", "hanging", "a"), row
        meddle("cut", probe.topic, home, 1)
        rows = audited(probe, probe.name).exits(3).rows()
        assert [row["kind"] for row in rows] == ["hole", "hanging"], rows
        assert rows[0]["position"] == f"{probe.topic}/{home}/1" and rows[0]["id"] is None, rows


@case
def it_ends_within_a_second():
    """Ctrl-C ends an audit that waits for a transaction within a second."""
    with Bad(2) as probe:
        probe.put("a", version=1, way="open")
        audit = probe.start("audit", probe.name, "--settle", "600")
        blocked(audit.process)
        stops(audit.process, "audit", signal.SIGINT)
        audit.ends().exits(1).says("interrupted")


@case
def nothing_is_said_of_what_was_not_looked_at():
    """Without a broker there is the reason, and no summary of nothing."""
    with stele(NOWHERE) as program:
        failed = program.call("audit", "account", "--timeout", "2").exits(1)
        assert "findings" not in failed.err, failed.err


if __name__ == "__main__":
    run_cases(globals())
