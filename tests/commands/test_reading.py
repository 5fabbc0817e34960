#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is read back: topics, history, tail, state, snapshots, status, the registry's commands."""

import json
import signal
import time

from commands import PROBED, Probe, meddle, stele
from programs import case, run_cases, unique, until


def numbers(events):
    return [event["data"]["number"] for event in events]


@case
def topics_have_the_right_settings():
    """topics create makes a topic that keeps its events; describe says what differs, with exit code 3."""
    with stele() as program:
        name = unique("topic")
        done = program.call("topics", "create", name, "--partitions", "3").exits(0)
        done.says(f"created {name}.events with 3 partitions; their number is forever")
        program.call("topics", "create", name).exits(1).says(
            f"{name}.events exists already: stele topics describe {name} shows it")
        done = program.call("topics", "describe", name).exits(0)
        assert done.out == f"{name}.events: 3 partitions, replication 1\n", done.out
        rows = program.call("topics", "describe", name, "--json").exits(0).rows()
        assert rows == [{"topic": f"{name}.events", "partitions": 3, "replication": 1, "differences": {}}], rows
        meddle("set", f"{name}.events", "retention.ms", 1000, "cleanup.policy", "compact")
        program.call("topics", "describe", name).exits(3).prints(
            "retention.ms = 1000, wanted -1", "cleanup.policy = compact, wanted delete")
        rows = program.call("topics", "describe", name, "--json").exits(3).rows()
        assert rows[0]["differences"]["retention.ms"] == {"is": "1000", "wanted": "-1"}, rows
        program.call("topics", "describe", f"{name}x").exits(1).says(f"stele topics create {name}x makes it")
        program.call("topics", "create", "no good").exits(1).says("no good.events")
        program.call("topics", "create", name + "r", "--replication", "7").exits(1).says("7")


@case
def topics_are_deleted_with_what_was_made_of_them():
    """topics delete takes the snapshots of the application's projections with it, and wants --yes."""
    with Probe() as probe:
        probe.publish({"id": "a"})
        worker = probe.worker()
        probe.awaits_end()
        worker.ends(signal.SIGTERM).exits(0)
        probe.call("topics", "delete", probe.name).exits(2).says("--yes")
        probe.call("topics", "delete", probe.name, "--yes").exits(0).says(
            f"deleted {probe.topic}", f"deleted {probe.snapshots}")
        until("the topic is gone", 20, lambda: probe.call("topics", "describe", probe.name).code == 1)
        probe.call("topics", "delete", probe.name, "--yes").exits(1).says(f"there is no topic {probe.topic}")


@case
def history_is_one_aggregate_in_order():
    """history prints the events of one aggregate, counted from 1; none is a failure that names it."""
    with Probe(partitions=3) as probe:
        probe.publish(*({"id": f"a{n % 5}", "number": n} for n in range(50)))
        events = probe.call("history", probe.name, "a3").exits(0).rows()
        assert numbers(events) == list(range(3, 50, 5)), events
        assert [event["version"] for event in events] == list(range(1, 11)), events
        assert list(events[0]) == ["type", "event_id", "id", "version", "time", "position", "data"], events[0]
        assert events[0]["type"] == "probe.Probed" and events[0]["id"] == "a3", events[0]
        probe.call("history", probe.name, "nobody").exits(1).says(f"{probe.topic} has no event of \"nobody\"")


@case
def tail_prints_the_last_ones():
    """tail prints the last 10, or --lines, or all from the beginning, an offset or a time on."""
    with Probe() as probe:
        assert probe.call("tail", probe.name).exits(0).out == ""
        probe.publish(*({"id": "a", "number": n} for n in range(30)))
        tail = lambda *words: probe.call("tail", probe.name, *words).exits(0).rows()
        assert numbers(tail()) == list(range(20, 30))
        assert numbers(tail("-n", "3")) == [27, 28, 29]
        events = tail("--from", "beginning")
        assert numbers(events) == list(range(30))
        assert [event["position"] for event in events] == [f"{probe.topic}/0/{n}" for n in range(30)]
        assert numbers(tail("--from", "25")) == list(range(25, 30))
        assert numbers(tail("--from", "1000")) == []
        probe.publish({"id": "a", "number": 30})
        last = tail("-n", "1")[0]["time"]
        assert numbers(tail("--from", last))[-1] == 30
        assert len(tail("--from", "2020-01-01T00:00:00Z")) == 31
        assert tail("--from", "2100-01-01T00:00:00Z") == []


@case
def tail_follows_until_a_signal():
    """tail --follow goes on with what comes, once each, and SIGTERM ends it with 0."""
    with Probe(partitions=2) as probe:
        probe.publish(*({"id": f"a{n}", "number": n} for n in range(5)))
        follower = probe.start("tail", probe.name, "--follow", "--from", "beginning")
        until("it has the first five", 30, lambda: follower.out.count("\n") == 5)
        probe.publish(*({"id": f"a{n}", "number": n} for n in range(5, 10)))
        until("it has ten", 30, lambda: follower.out.count("\n") == 10)
        rows = follower.ends(signal.SIGTERM, seconds=10).exits(0).rows()
        assert sorted(numbers(rows)) == list(range(10)), rows


@case
def what_cannot_be_read_is_passed_over_by_tail():
    """A record that is no event is said with its position; tail prints the others, history stops."""
    with Probe() as probe:
        probe.publish({"id": "a", "number": 1})
        meddle("put", probe.topic, 0, "=a", "=text")
        probe.publish({"id": "a", "number": 2})
        done = probe.call("tail", probe.name, "--from", "beginning")
        assert numbers(done.rows()) == [1, 2], done.out
        done.says(f"{probe.topic}/0/1: not an event: a value of 4 bytes is not in the wire format")
        probe.call("history", probe.name, "a").exits(1).says(f"{probe.topic}/0/1: ")


def all_states(probe, *words):
    rows = probe.call("state", probe.name, "--all", *words).exits(0).rows()
    return {row["id"]: (row["version"], row["state"]["total"]) for row in rows}


@case
def states_need_no_worker():
    """state folds snapshots and the rest of the log: one, all, sorted; before, between and after snapshots."""
    with Probe(partitions=2) as probe:
        probe.publish(*({"id": f"a{n % 7:02}", "number": n} for n in range(70)))
        wanted = {f"a{k:02}": (10, sum(range(k, 70, 7))) for k in range(7)}
        assert all_states(probe) == wanted
        worker = probe.worker()
        for partition in range(2):
            probe.awaits_end(partition)
        worker.ends(signal.SIGTERM).exits(0)
        assert all_states(probe) == wanted
        probe.publish({"id": "a03", "number": 1000}, {"id": "a99", "number": 5})
        wanted["a03"] = (11, wanted["a03"][1] + 1000)
        wanted["a99"] = (1, 5)
        assert all_states(probe) == wanted
        rows = probe.call("state", probe.name, "--all", "--sort").exits(0).rows()
        assert [row["id"] for row in rows] == sorted(wanted), rows
        probe.call("snapshots", "verify", probe.name).exits(0).says("0 differences")
        probe.call("state", probe.name, "nobody").exits(1).says("nobody")


@case
def states_of_the_past():
    """state --at VERSION and --at TIME say what it was then."""
    with Probe() as probe:
        probe.publish({"id": "a", "number": 1}, {"id": "b", "number": 9}, {"id": "a", "number": 2})
        times = [event["time"] for event in probe.call("tail", probe.name, "--from", "beginning").rows()]
        probe.publish({"id": "a", "number": 4})
        at = lambda when: probe.call("state", probe.name, "a", "--at", when).exits(0).rows()[0]
        assert [(at(str(n))["version"], at(str(n))["state"]["total"]) for n in (1, 2, 3)] == [(1, 1), (2, 3), (3, 7)]
        assert at("2100-01-01T00:00:00Z")["state"]["total"] == 7
        assert at(times[-1])["state"]["total"] in (3, 7)  # published within the same millisecond, perhaps
        probe.call("state", probe.name, "a", "--at", "2020-01-01T00:00:00Z").exits(1).says("a")
        probe.call("state", probe.name, "a", "--at", "9").exits(1).says('"a" has had 3 events, so it has no version 9')
        line, = probe.call("state", probe.name, "a", "--diff", "1", "3", "--json").exits(0).rows()
        assert line == {"id": "a", "from": {"version": 1, "offset": 1}, "to": {"version": 3, "offset": 4},
                        "changes": [{"path": "total", "from": 1, "to": 7}]}, line
        line, = probe.call("state", probe.name, "a", "--diff", "2020-01-01T00:00:00Z", "2", "--json").exits(0).rows()
        assert line["from"]["version"] == 0 and line["changes"][0]["path"] == "", line
        text = lambda *sides: probe.call("state", probe.name, "a", "--diff", *sides).exits(0).out
        assert text("1", "3") == '"a" from version 1 to version 3:\n  total: 1, then 7\n', text("1", "3")
        assert text("2", "2") == '"a" from version 2 to version 2: nothing has changed\n', text("2", "2")
        assert "  the state: nothing, then {" in text("2020-01-01T00:00:00Z", "1")
        probe.call("state", probe.name, "a", "--diff", "1", "9").exits(1).says("it has no version 9")


@case
def a_program_without_the_fold_says_how_far_behind():
    """Without the fold in the program, state prints the last snapshot and how many events it is behind."""
    with Probe() as probe, stele() as program:
        program.call("state", probe.name, "a").exits(1).says("no worker of that projection has written snapshots")
        probe.publish({"id": "a", "number": 1}, {"id": "b", "number": 2})
        worker = probe.worker()
        probe.awaits_end()
        worker.ends(signal.SIGTERM).exits(0)
        probe.publish({"id": "a", "number": 4})
        row, = program.call("state", probe.name, "a").exits(0).rows()
        assert (row["version"], row["state"]["total"], row["behind"]) == (1, 1, 1), row
        assert len(program.call("state", probe.name, "--all").exits(0).rows()) == 2
        program.call("state", probe.name, "a", "--at", "1").exits(1).says("the application's own program")
        program.call("state", probe.name, "a", "--diff", "1", "2").exits(1).says("the application's own program")


@case
def snapshots_are_listed_and_verified():
    """snapshots list counts what stands; verify finds a snapshot that is not what a replay makes, and exits with 3."""
    with Probe() as probe:
        probe.call("snapshots", "list", probe.name).exits(1).says(f"{probe.name}.v<n>.snapshots")
        probe.publish({"id": "a", "number": 1}, {"id": "b", "number": 2})
        worker = probe.worker()
        probe.awaits_end()
        worker.ends(signal.SIGTERM).exits(0)
        probe.call("snapshots", "list", probe.name).exits(0).prints(f"{probe.snapshots} of {probe.topic}", "CHECKPOINT")
        records = probe.call("snapshots", "list", probe.name, "--records").exits(0).rows()
        assert len(records) == 3, records
        probe.call("snapshots", "verify", probe.name).exits(0).says(
            "2 snapshots compared with a replay of 2 events: 0 differences")
        probe.call("snapshots", "verify", probe.name, "--sample", "1").exits(0).says("2 snapshots compared")
        probe.call("snapshots", "verify", probe.name, "--sample", "0").exits(2)
        right = next(record for record in records if record["key"] == "b")
        assert right["value"].endswith("0400"), right  # total 2, and no ballast
        meddle("put", probe.snapshots, 0, "=b", right["value"][:-4] + "0600",
               *(f"{name}={value}" for name, value in right["headers"].items()))
        probe.call("snapshots", "verify", probe.name).exits(3).prints(
            "0  \"b\": the snapshot of version 1 has other bytes than a replay makes", "total: 3, a replay makes 2")
        assert probe.call("snapshots", "verify", probe.name, "--json").exits(3).rows()[0]["changes"] == \
            [{"path": "total", "from": 3, "to": 2}]
        meddle("put", probe.snapshots, 0, "=b", "-")
        done = probe.call("snapshots", "verify", probe.name)
        assert done.code in (1, 3) and "b" in done.out + done.err, done.out + done.err


@case
def status_is_a_table_or_json():
    """status prints a row for each partition, also of those of which no one has spoken."""
    with Probe(partitions=2) as probe:
        rows = probe.status()
        assert [(row["partition"], row["state"], row["instance"]) for row in rows] == \
            [(0, "unknown", None), (1, "unknown", None)], rows
        probe.call("status", probe.name, "--check").exits(3)
        done = probe.call("status", f"{probe.name}x").exits(0).says(f"no worker has reported on {probe.name}x")
        assert done.out == "" and probe.call("status", f"{probe.name}x", "--json").exits(0).out == ""
        probe.call("status", f"{probe.name}x", "--check").exits(3)
        probe.publish({"id": "a"})
        worker = probe.worker("-o", "worker.instance=the-instance")
        rows = until("both run", 60, lambda: (rows := probe.status()) and len(rows) == 2 and
                     all(row["state"] == "running" for row in rows) and rows)
        assert [row["partition"] for row in rows] == [0, 1], rows
        assert list(rows[0]) == ["projection", "topic", "partition", "instance", "state", "reason", "position",
                                 "end", "lag", "rate", "seconds_left", "state_age_ms", "parked"], rows[0]
        table = probe.call("status", probe.name, "--check").exits(0).out.splitlines()
        assert table[0].split() == ["PROJECTION", "PART", "INSTANCE", "POSITION", "LAG", "EVENTS/S", "LEFT",
                                    "S", "STATE", "SINCE"], table[0]
        assert all("the-instance" in line and "running" in line for line in table[1:3]), table
        assert probe.call("status", probe.group).exits(0).out.count(probe.group) == 2
        worker.ends(signal.SIGTERM).exits(0)


@case
def a_dead_worker_is_found_by_the_check():
    """status --check exits with 3 once no one reports; --instance asks for one worker; forget drops its rows."""
    with Probe(partitions=2) as probe:
        probe.publish({"id": "a"})
        worker = probe.worker("-o", "worker.instance=dies-17")
        until("both run", 60, lambda: all(row["state"] == "running" for row in probe.status()))
        for name in ("dies", "dies-17"):
            done = probe.call("status", probe.name, "--check", "--instance", name).exits(0)
            assert done.out.count("dies-17") == 2, done.out
        probe.call("status", probe.name, "--check", "--instance", "die").exits(0).says("die has no partition")
        probe.call("status", "forget", probe.name).exits(1).says("kept 2 rows", f"{probe.group} is reported on by dies-17")
        probe.call("snapshots", "delete", probe.group, "--yes").exits(1).says("reported on by dies-17")
        probe.call("topics", "delete", probe.name, "--yes").exits(1).says("reported on by dies-17", "--force")
        worker.ends(signal.SIGKILL)
        until("it is missed", 40, lambda: all(row["state"] == "unknown" for row in probe.status()))
        probe.call("status", probe.name, "--check").exits(3)
        probe.call("status", probe.name, "--check", "--instance", "dies").exits(3).prints("last said: running")
        probe.call("status", "forget", probe.group).exits(0).says("dropped 2 rows")
        assert all(row["instance"] is None for row in probe.status())
        probe.call("status", "forget", probe.group).exits(0).says("has no rows")


@case
def one_bad_row_takes_no_other_with_it():
    """An impossible topic, wrong JSON and escape sequences in _stele.status spoil their own row."""
    with Probe() as probe:
        probe.publish({"id": "a"})
        worker = probe.worker()
        probe.awaits_end()
        line = json.dumps({"instance": "evil\x1b[2J\n\u202e", "state": "stopped", "reason": "\x1b]0;x\x07\nfake  row",
                           "position": 1, "rate": 0, "since": "2026-01-01T00:00:00Z",
                           "time": "2026-01-01T00:00:00Z"})
        impossible, gone = f"{probe.name}.v7/no such topic!\x1b[1m/0", f"{probe.group}/{probe.topic}/9"
        meddle("put", "_stele.status", 0, f"={impossible}", f"={line}")
        meddle("put", "_stele.status", 0, f"={gone}", "=not json")
        done = probe.call("status", probe.name).exits(0).prints("running", "this partition is no more", "status forget")
        assert len(done.out.splitlines()) == 4, done.out
        assert all(32 <= ord(c) or c == "\n" for c in done.out) and "\u202e" not in done.out, repr(done.out)
        assert len(probe.call("status", probe.name, "--json").exits(0).rows()) == 3
        probe.call("status", probe.name, "--check").exits(3)
        probe.call("status", "forget", probe.name).exits(0).says("dropped 2 rows", "kept 1 row: ")
        assert len(probe.status()) == 1
        worker.ends(signal.SIGTERM).exits(0)


@case
def a_version_is_retired_whole():
    """snapshots delete takes a version's topic and its rows; it wants a version and --yes."""
    with Probe() as probe:
        probe.publish({"id": "a"})
        worker = probe.worker()
        probe.awaits_end()
        worker.ends(signal.SIGTERM).exits(0)
        probe.call("snapshots", "delete", probe.name, "--yes").exits(2).says(f"{probe.name}.v1")
        probe.call("snapshots", "delete", probe.group).exits(2).says("--yes")
        probe.call("snapshots", "delete", probe.group, "--yes").exits(0).says(
            f"deleted {probe.snapshots}", "dropped 1 row from the status")
        until("the topic is gone", 20, lambda: probe.call("snapshots", "list", probe.name).code == 1)
        probe.call("snapshots", "delete", probe.group, "--yes").exits(1).says(f"there is no topic {probe.snapshots}")
        assert [row["instance"] for row in probe.status()] == [None]


@case
def what_a_writer_keeps_is_its_groups_whatever_its_version():
    """A writer's rows and offsets are those of <aggregate>.writer, its snapshots have a version; all go with the events."""
    with stele() as program:
        name = unique("owned")
        topics = [f"{name}.writer.v{n}.snapshots" for n in (1, 2)]
        program.call("topics", "create", name, "--partitions", "1").exits(0)
        for topic in topics:
            meddle("create", topic, 1)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = json.dumps({"instance": "owner-1", "state": "running", "reason": "", "position": 0, "rate": 0,
                           "since": now, "time": now})
        meddle("put", "_stele.status", 0, f"={name}.writer/{name}.events/0", f"={line}")
        row, = program.call("status", f"{name}.writer", "--json").exits(0).rows()
        assert (row["projection"], row["instance"]) == (f"{name}.writer", "owner-1"), row
        program.call("snapshots", "delete", f"{name}.writer", "--yes").exits(2).says(f"{name}.writer.v1")
        program.call("snapshots", "delete", f"{name}.writer.v2", "--yes").exits(1).says("reported on by owner-1")
        program.call("snapshots", "list", f"{name}.writer").exits(0).prints(topics[1])
        program.call("topics", "delete", name, "--yes", "--force").exits(0).says(*(f"deleted {each}" for each in topics))


@case
def schemas_are_registered_and_read_back():
    """schema register prints an id, the same one again; list and get read it back."""
    with stele() as program:
        aggregate = unique("registered")
        register = lambda: program.call("schema", "register", PROBED, "--aggregate", aggregate).exits(0).out
        number = register()
        assert int(number) > 0 and register() == number
        subject = f"{aggregate}.events-probe.Probed"
        program.call("schema", "list").exits(0).prints(subject)
        program.call("schema", "list", subject).exits(0).prints(number.strip())
        schema = program.call("schema", "get", number.strip()).exits(0).out
        with open(PROBED) as file:
            assert json.loads(schema) == json.load(file), schema
        assert program.call("schema", "get", subject, "1").exits(0).out == schema
        program.call("schema", "get", f"{subject}x").exits(1).says(f"{subject}x")


@case
def a_level_decides_what_is_registered():
    """schema level shows and sets what a subject's versions are checked for, and the refusal names the command."""
    with stele() as program:
        subject = f"{unique('level')}-probe.Probed"
        record = '{"type": "record", "name": "R", "fields": [{"name": "%s", "type": "int"}]}'
        first, other = (program.file(f"{name}.avsc", record % name) for name in ("a", "b"))
        register = lambda path: program.call("schema", "register", path, "--subject", subject)
        assert program.call("schema", "level", subject).exits(0).out == "BACKWARD (the default)\n"
        assert program.call("schema", "level", "--default").exits(0).out == "BACKWARD\n"
        register(first).exits(0)
        register(other).exits(1).says("BACKWARD").says("stele schema level")
        assert program.call("schema", "level", subject, "none").exits(0).out == "NONE\n"
        register(other).exits(0)
        row = program.call("schema", "level", subject, "--json").exits(0).rows()[0]
        assert row == {"subject": subject, "level": "NONE", "default": False}, row
        assert program.call("schema", "level", subject, "default").exits(0).out == "BACKWARD (the default)\n"
        program.call("schema", "level").exits(2).says("expected a SUBJECT, or --default")
        program.call("schema", "level", subject, "BACKWARDS").exits(2).says("BACKWARD_TRANSITIVE").says("default")
        program.call("schema", "level", "--default", subject, "FULL").exits(2).says("leave the SUBJECT out")


if __name__ == "__main__":
    run_cases(globals())
