#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Commands that read a projection's past: what a worker stops at they refuse, and one partition that is stopped
does not take the others with it."""

import signal

from commands import Probe, meddle, stele
from programs import case, run_cases

# Where murmur2 puts these ids in a topic of two partitions.
FIRST = ("a", "b", "c")
SECOND = ("d", "f", "g")


def murmur2(key):
    mask, factor = 0xffffffff, 0x5bd1e995
    value = (0x9747b28c ^ len(key)) & mask
    at = 0
    while len(key) - at >= 4:
        word = int.from_bytes(key[at:at + 4], "little") * factor & mask
        word = (word ^ word >> 24) * factor & mask
        value = (value * factor & mask) ^ word
        at += 4
    rest = key[at:]
    for index in reversed(range(len(rest))):
        value ^= rest[index] << 8 * index
    if rest:
        value = value * factor & mask
    value ^= value >> 13
    value = value * factor & mask
    return value ^ value >> 15


def partition_of(key, count):
    return (murmur2(key.encode()) & 0x7fffffff) % count


def varint(number):
    number = number << 1 ^ number >> 63
    out = b""
    while number > 0x7f:
        out += bytes([number & 0x7f | 0x80])
        number >>= 7
    return out + bytes([number])


def put_event(probe, partition, key, number):
    """An event as a producer with another partitioner writes it."""
    schema, = [row for row in probe.call("schema", "list", f"{probe.topic}-probe.Probed", "--json").exits(0).rows()][-1:]
    value = b"\0" + schema["id"].to_bytes(4, "big") + varint(len(key)) + key.encode() + varint(number) + b"\0\0"
    meddle("put", probe.topic, partition, "=" + key, value.hex())


def runs_once(probe, partitions):
    worker = probe.worker()
    for partition in partitions:
        probe.awaits_end(partition)
    return worker.ends(signal.SIGTERM).exits(0)


@case
def an_event_of_another_partitioner_is_named():
    """A stray event stops its partition in a worker; state, history and tail name it, and go on with the rest."""
    assert [partition_of(key, 2) for key in FIRST + SECOND] == [0, 0, 0, 1, 1, 1]
    with Probe(partitions=2) as probe:
        probe.publish(*({"id": key, "number": 1} for key in FIRST + SECOND))
        put_event(probe, 1, "a", 10)
        stray = f'{probe.topic}/1/3: the key "a" belongs to partition 0 of 2: its producer has another partitioner'
        way_out = "set partitioner=murmur2_random there"

        done = probe.call("state", probe.name, "--all").exits(3).says(f"left out {probe.topic}/1: {stray}", way_out)
        assert sorted(row["id"] for row in done.rows()) == list(FIRST), done.out
        done = probe.call("history", probe.name, "a").exits(3).says(stray, way_out)
        assert [(row["version"], row["data"]["number"]) for row in done.rows()] == [(1, 1)], done.out
        probe.call("history", probe.name, "a", "--one-partition").exits(0)
        assert len(probe.call("tail", probe.name).exits(0).says(stray, way_out).rows()) == 7
        worker = probe.worker()
        probe.awaits_state("stopped", 'the key "a" belongs to partition 0 of 2', 1)
        probe.awaits_end(0)
        worker.ends(signal.SIGTERM)


@case
def history_counts_from_a_snapshot():
    """After a harmless trim of the log history counts on from a snapshot; without one it says that it cannot."""
    with Probe(partitions=2) as probe:
        probe.publish(*({"id": key, "number": n} for n in range(1, 11) for key in ("a", "b", "d")))
        meddle("cut", probe.topic, 0, 12)
        probe.call("history", probe.name, "a").exits(1).says(
            f"{probe.topic}/0 begins at offset 12", "its versions cannot be counted")
        assert len(probe.call("history", probe.name, "d").exits(0).rows()) == 10

    with Probe(partitions=2) as probe:
        probe.publish(*({"id": key, "number": n} for n in range(1, 11) for key in ("a", "b", "d")))
        runs_once(probe, (0, 1))
        meddle("cut", probe.topic, 0, 12)
        versions = lambda key: [row["version"] for row in probe.call("history", probe.name, key).exits(0).rows()]
        assert versions("a") == [7, 8, 9, 10], versions("a")
        assert versions("b") == [7, 8, 9, 10] and versions("d") == list(range(1, 11))
        probe.publish({"id": "a", "number": 99}, {"id": "c", "number": 1})
        assert versions("a") == [7, 8, 9, 10, 11] and versions("c") == [1]
        # Only what is past its checkpoint is a hole.
        assert probe.call("state", probe.name, "a").exits(0).rows()[0]["version"] == 11
        at = lambda when: probe.call("state", probe.name, "a", "--at", when)
        assert at("10").exits(0).rows()[0]["state"]["total"] == 55
        assert at("11").exits(0).rows()[0]["state"]["total"] == 154
        assert at("2100-01-01T00:00:00Z").exits(0).rows()[0]["version"] == 11
        at("4").exits(1).says(f'{probe.topic}/0 begins at offset 12, so what "a" was before its snapshot of version 10')
        at("2020-01-01T00:00:00Z").exits(1).says("before its snapshot of version 10")
        meddle("cut", probe.topic, 0, 20)
        assert versions("a") == [11]
        probe.call("history", probe.name, "b").exits(1).says("has no event of \"b\" any more")
        with stele() as program:  # which has no projection of its own
            rows = program.call("history", probe.name, "a").exits(0).rows()
            assert [row["version"] for row in rows] == [11], rows
        done = probe.call("snapshots", "verify", probe.name).exits(3)
        done.says(f"left out {probe.topic}/0: ", "nothing to compare with", "0 differences")


@case
def what_a_worker_stops_at_is_refused():
    """state and snapshots leave out a partition that a worker would not go on from, and exit with 3."""
    with Probe(partitions=2) as probe, stele() as program:
        probe.publish(*({"id": key, "number": n} for n in range(1, 5) for key in ("a", "d")))
        runs_once(probe, (0, 1))
        probe.publish({"id": "a", "number": 5}, {"id": "a", "number": 6})
        meddle("cut", probe.topic, 0, 5)
        hole = f"{probe.topic}/0 begins at offset 5, past the checkpoint of {probe.group} at 4"
        for reader in (probe, program):
            reader.call("state", probe.name, "a").exits(1).says(hole)
            assert reader.call("state", probe.name, "d").exits(0).rows()[0]["version"] == 4
            done = reader.call("state", probe.name, "--all").exits(3).says(f"left out {probe.topic}/0: {hole}")
            assert [row["id"] for row in done.rows()] == ["d"], done.out
        done = program.call("snapshots", "list", probe.name).exits(3).says(f"left out {probe.topic}/0: {hole}")
        assert len(done.out.splitlines()) == 4, done.out  # the row shows why
        done = probe.call("snapshots", "verify", probe.name).exits(3).says(hole, "1 snapshots compared")


@case
def one_damaged_snapshot_is_one_partition():
    """A damaged snapshot is named with topic, partition and offset; the other partitions are done."""
    with Probe(partitions=2) as probe, stele() as program:
        probe.publish(*({"id": key, "number": n} for n in range(1, 5) for key in ("a", "d")))
        runs_once(probe, (0, 1))
        meddle("put", probe.snapshots, 1, "=d", "=junk!")
        where = f"left out {probe.topic}/1: {probe.snapshots}/1/"
        for reader in (probe, program):
            done = reader.call("state", probe.name, "--all").exits(3).says(where, "without the headers")
            assert [row["id"] for row in done.rows()] == ["a"], done.out
            reader.call("state", probe.name, "a").exits(0)
            reader.call("state", probe.name, "d").exits(1).says(f"{probe.snapshots}/1/")
        program.call("snapshots", "list", probe.name).exits(3).says(where)
        assert len(program.call("snapshots", "list", probe.name, "--records").exits(0).rows()) >= 5
        probe.call("snapshots", "verify", probe.name).exits(3).says(where, "1 snapshots compared")


@case
def another_partition_count_is_refused_by_all():
    """Where keys have moved no state is right, so none is printed."""
    with Probe(partitions=2) as probe, stele() as program:
        probe.publish(*({"id": key, "number": 1} for key in FIRST + SECOND))
        runs_once(probe, (0, 1))
        meddle("widen", probe.topic, 3)
        wrong = f"{probe.snapshots} has 2 partitions and {probe.topic} has 3: they must be equal; delete {probe.snapshots}"
        for words in (("state", probe.name, "--all"), ("state", probe.name, "a"), ("snapshots", "list", probe.name)):
            for reader in (probe, program):
                assert reader.call(*words).exits(1).says(wrong).out == ""
        meddle("widen", probe.snapshots, 3)
        moved = f"{probe.topic} had 2 partitions at the checkpoint of {probe.group} and has 3: keys have moved"
        for reader in (probe, program):
            done = reader.call("state", probe.name, "--all")
            assert done.code in (1, 3) and moved in done.err and done.out == "", done.err


@case
def keys_that_are_not_text_are_told_apart():
    """Two keys that are not UTF-8 are two keys on the screen."""
    with Probe() as probe:
        probe.publish({"id": "a", "number": 1})
        for key in ("ff", "fe"):
            schema = probe.call("schema", "list", f"{probe.topic}-probe.Probed", "--json").exits(0).rows()[-1]["id"]
            meddle("put", probe.topic, 0, key, (b"\0" + schema.to_bytes(4, "big") + b"\x02x\x02\0\0").hex())
        ids = [row["id"] for row in probe.call("state", probe.name, "--all").exits(0).rows()]
        assert sorted(ids) == ["\\xfe", "\\xff", "a"], ids
        ids = [row["id"] for row in probe.call("tail", probe.name).exits(0).rows()]
        assert sorted(ids) == ["\\xfe", "\\xff", "a"], ids


if __name__ == "__main__":
    run_cases(globals())
