#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`run`: why a partition waits, stalls or stops, read back from `status`; and how a worker ends."""

import os
import signal
import time

from commands import NOWHERE, Probe, meddle
from programs import case, run_cases, unique


def stopped_by(probe, reason, *words):
    """A worker whose only partition stops: status and its last words say why, and it exits with 1."""
    instance = unique("worker")
    worker = probe.worker("-o", f"worker.instance={instance}", *words)
    row = probe.awaits("stopped", lambda row: row["state"] == "stopped" and row["instance"] == instance)
    assert reason in row["reason"], row
    done = worker.ends().exits(1)
    done.says("every partition is stopped", reason)
    probe.call("status", probe.name, "--check").exits(3).prints("stopped", reason)
    return row


def with_checkpoint(probe, *events):
    """The probe after a worker has applied events, written its snapshots and ended."""
    probe.publish(*events)
    worker = probe.worker()
    probe.awaits_end()
    worker.ends(signal.SIGTERM).exits(0)
    return probe


@case
def a_worker_applies_and_ends():
    """A worker applies what is there, SIGTERM writes the last snapshot and exits with 0, saying how long."""
    with Probe() as probe:
        probe.publish({"id": "a", "number": 2}, {"id": "a", "number": 3})
        worker = probe.worker("-o", "worker.instance=me", "-o", f"projection.{probe.name}.snapshot_interval_ms=3600000")
        row = probe.awaits_end()
        assert (row["instance"], row["position"], row["reason"]) == ("me", 2, ""), row
        state = probe.call("state", probe.name, "a").exits(0).rows()
        assert state == [{"id": "a", "version": 2, "offset": 2, "state": {"total": 5, "ballast": ""}}], state
        worker.ends(signal.SIGTERM).exits(0).says("worker ended", "duration_ms=")
        rows = probe.call("snapshots", "list", probe.name, "--json").exits(0).rows()
        assert [(r["aggregates"], r["checkpoint"], r["group_offset"]) for r in rows] == [(1, 2, 2)], rows


@case
def log_lines_are_json():
    """worker.log_format=json makes each line of the log a JSON object."""
    import json
    with Probe() as probe:
        worker = probe.worker("-o", "worker.log_format=json")
        worker.awaits('"running"')
        lines = worker.ends(signal.SIGINT).exits(0).err.splitlines()
        assert all(isinstance(json.loads(line), dict) for line in lines), lines
        assert json.loads(lines[-1])["sender"] == os.getpid(), lines[-1]


@case
def a_missing_topic_is_waited_for():
    """A worker whose topic is away says so, waits, and works when it comes; SIGTERM meanwhile exits with 0."""
    with Probe(partitions=0) as probe:
        ended = probe.worker()
        ended.awaits(f"there is no topic {probe.topic}")
        ended.ends(signal.SIGTERM, seconds=10).exits(0)
        worker = probe.worker()
        worker.awaits(f"there is no topic {probe.topic}")
        probe.create(1)
        probe.publish({"id": "a"})
        probe.awaits_end()
        worker.ends(signal.SIGTERM).exits(0)


@case
def a_missing_registry_is_waited_for():
    """A partition whose registry is away waits, and names it; SIGTERM exits with 0."""
    with Probe() as probe:
        worker = probe.worker("-o", f"registry.url=http://{NOWHERE}", "-o", "registry.timeout_ms=500")
        probe.awaits_state("waiting", NOWHERE)
        worker.ends(signal.SIGTERM, seconds=10).exits(0)


@case
def a_dead_broker_does_not_keep_a_worker():
    """With no broker at all a worker waits and says why; SIGTERM exits with 0 at once."""
    with Probe(partitions=0, address=NOWHERE) as probe:
        worker = probe.worker()
        worker.awaits(NOWHERE)
        worker.ends(signal.SIGTERM, seconds=10).exits(0)


@case
def a_second_signal_ends_at_once():
    """A second signal ends a worker that is still in its apply function."""
    with Probe() as probe:
        probe.publish({"id": "a"}, {"id": "a", "pause_ms": 30000})
        worker = probe.worker()
        worker.awaits("running")
        probe.awaits("it has begun", lambda row: row["position"] >= 0)
        begun = time.monotonic()
        worker.signal(signal.SIGTERM)  # two of one kind might be handed over as one
        done = worker.ends(signal.SIGINT, seconds=10)
        assert done.code in (128 + signal.SIGTERM, 128 + signal.SIGINT), done.code
        assert time.monotonic() - begun < 10


@case
def a_slow_apply_function_is_a_stall():
    """An apply function that takes too long is stalled, with the position; then it goes on."""
    with Probe() as probe:
        probe.publish({"id": "a"}, {"id": "a", "pause_ms": 12000}, {"id": "a"})
        worker = probe.worker("-o", "worker.stall_timeout_ms=3000")
        row = probe.awaits_state("stalled", "busy with one batch")
        assert f"{probe.topic}/0/" in row["reason"], row
        probe.call("status", probe.name, "--check").exits(3)
        probe.awaits_end()
        probe.call("status", probe.name, "--check").exits(0)
        worker.ends(signal.SIGTERM).exits(0)


@case
def a_stalled_worker_ends_in_good_order():
    """SIGTERM while an apply function is stalled: what it does is ended, written, and the exit code is 0."""
    with Probe() as probe:
        probe.publish({"id": "a"}, {"id": "a", "pause_ms": 8000})
        worker = probe.worker("-o", "worker.stall_timeout_ms=3000")
        probe.awaits_state("stalled", "busy with one batch")
        worker.ends(signal.SIGTERM, seconds=20).exits(0).says("partitions_without_last_snapshot=0")
        row, = probe.call("snapshots", "list", probe.name, "--json").exits(0).rows()
        assert row["checkpoint"] == row["group_offset"] == 2, row


@case
def a_starting_worker_ends_in_good_order():
    """SIGTERM at each step of a start, from the first message on to its snapshots, exits with 0."""
    with Probe(partitions=4) as probe:
        probe.publish(*({"id": f"a{n}"} for n in range(400)))
        for message in ("workers start", "restoring", "running"):
            worker = probe.worker()
            worker.awaits(message)
            worker.ends(signal.SIGTERM, seconds=20).exits(0)
        probe.call("snapshots", "verify", probe.name).exits(0).says("0 differences")


@case
def odd_records_stop_their_partition():
    """No key, no value, no event stop a partition, an unknown schema id lets it wait; the others go on."""
    odd = [("-", "00000000010200", "stopped", "no key"), ("=a", "-", "stopped", "no value"),
           ("=a", "=hello", "stopped", "not in the wire format"),
           ("=a", "007fffffff00", "waiting", "does not know schema id 2147483647")]
    with Probe(partitions=len(odd) + 1) as probe:
        for partition, (key, value, _, _) in enumerate(odd):
            meddle("put", probe.topic, partition, key, value)
        probe.publish(*({"id": f"a{i}"} for i in range(40)))
        worker = probe.worker()
        for partition, (_, _, state, reason) in enumerate(odd):
            row = probe.awaits_state(state, reason, partition)
            assert f"{probe.topic}/{partition}/0" in row["reason"], row
        probe.awaits_end(len(odd))
        worker.ends(signal.SIGTERM).exits(0)


@case
def an_unknown_type_stops_or_is_ignored():
    """An event of an unknown type stops its partition, and is passed over where the projection says so."""
    with Probe() as probe:
        other = probe.file("other.avsc", '{"type": "record", "name": "Other", "fields": '
                                         '[{"name": "id", "type": "string"}]}')
        probe.call("publish", probe.name, "--schema", other, "--key", "id", stdin='{"id": "a"}\n').exits(0)
        probe.publish({"id": "a"})
        row = stopped_by(probe, "Other")
        assert f"{probe.topic}/0/0" in row["reason"], row
        way_out = f"unknown_events = ignore in [projection {probe.name}]"
        assert way_out in row["reason"], row
        ignoring = "-o", f"projection.{probe.name}.unknown_events=ignore"
        worker = probe.worker(*ignoring)
        probe.awaits_end()
        worker.ends(signal.SIGTERM).exits(0)
        probe.call("state", probe.name, "a", "--at", "1").exits(1).says(way_out)
        row, = probe.call("state", probe.name, "a", "--at", "1", *ignoring).exits(0).rows()
        assert row["version"] == 1, row
        probe.call("snapshots", "verify", probe.name, *ignoring).exits(0).says("0 differences")


@case
def a_hole_stops():
    """Events that were deleted before they were applied stop the partition."""
    with Probe() as probe:
        with_checkpoint(probe, {"id": "a"})
        probe.publish(*({"id": "a"} for _ in range(5)))
        meddle("cut", probe.topic, 0, 4)
        stopped_by(probe, "begins at offset 4, past the checkpoint")


@case
def a_cut_beginning_stops():
    """A log that does not begin at 0 stops a projection without a checkpoint."""
    with Probe() as probe:
        probe.publish({"id": "a"}, {"id": "a"})
        meddle("cut", probe.topic, 0, 1)
        stopped_by(probe, "begins at offset 1")
        probe.awaits_state("unknown", f"last said: stopped: {probe.topic}/0 begins at offset 1")


@case
def an_offset_reset_stops():
    """A group offset that another tool moved stops the partition, and setting it back lets it go on."""
    with Probe() as probe:
        with_checkpoint(probe, {"id": "a"}, {"id": "a"})
        meddle("move", probe.group, probe.topic, 0, 1)
        stopped_by(probe, "offset reset")
        meddle("move", probe.group, probe.topic, 0, 2)
        worker = probe.worker()
        probe.awaits_end()
        worker.ends(signal.SIGTERM).exits(0)


@case
def missing_snapshots_stop():
    """A checkpoint without its snapshots stops the partition, and so do settings that would delete them."""
    with Probe() as probe:
        with_checkpoint(probe, {"id": "a"}, {"id": "b"})
        meddle("set", probe.snapshots, "cleanup.policy", "delete", "min.compaction.lag.ms", 0)
        meddle("cut", probe.snapshots, 0, 1)
        stopped_by(probe, "cleanup.policy=delete")
        meddle("set", probe.snapshots, "cleanup.policy", "compact", "min.compaction.lag.ms", 0)
        stopped_by(probe, "min.compaction.lag.ms=0")
        meddle("set", probe.snapshots, "cleanup.policy", "compact", "min.compaction.lag.ms", 3600000)
        stopped_by(probe, "snapshots are missing")
        probe.call("state", probe.name, "b").exits(1).says("snapshots are missing")


@case
def a_raised_partition_count_stops_all():
    """Partitions that were added stop all of them, while a worker runs and when one starts."""
    with Probe() as probe:
        probe.publish({"id": "a"})
        worker = probe.worker("-o", "kafka.topic.metadata.refresh.interval.ms=1000")
        probe.awaits_end()
        meddle("widen", probe.topic, 2)
        worker.ends(seconds=60).exits(1).says("had 1 partitions", "has 2")
        worker = probe.worker()
        probe.awaits_state("stopped", "keys have moved")
        worker.ends().exits(1).says("keys have moved")


@case
def a_state_too_large_stops():
    """A state that is too large for a record stops its partition at the event that made it so."""
    with Probe() as probe:
        probe.publish({"id": "a"}, {"id": "big", "grow": 2000000})
        row = stopped_by(probe, "too large")
        assert f"{probe.topic}/0/1" in row["reason"] and "big" in row["reason"], row


@case
def silence_is_unknown():
    """A worker that was killed reads as unknown after 15 s, with its last position."""
    with Probe() as probe:
        probe.publish({"id": "a"})
        worker = probe.worker()
        probe.awaits_end()
        worker.signal(signal.SIGKILL)
        row = probe.awaits_state("unknown", "last said: running")
        assert row["position"] == 1, row


if __name__ == "__main__":
    run_cases(globals(), side_by_side=6)
