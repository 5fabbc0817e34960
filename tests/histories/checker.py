#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Verdicts on what clients of an aggregate's writers were told, in the words of Jepsen's Kafka workload. It
knows the promises and not the product: it reads what the clients wrote down, and the topic as a plain Kafka
client saw it (dump.c), and has nothing else in common with what it judges.

usage: checker.py --topic COMMITTED [--all EVERYTHING] [--schemas SCHEMAS] HISTORY…

HISTORY    JSON lines, one for each call of a client: {"client", "start_ns", "end_ns", "aggregate", "command",
           "command_id", "expected": null (any), 0 (new) or n, "outcome": "ok", "conflict", "rejected" or
           "unknown", and of the answer "version", "position" (of the last event), "events" (their ids),
           "repeated"}; "delta": what it adds to the aggregate's balance. A read has "command": "read", and of the
           answer "version" and "balance". Times are of one monotonic clock.
COMMITTED  what dump.c prints of the topic, read committed; EVERYTHING: read uncommitted.
SCHEMAS    JSON lines {"id", "schema"}: with it amounts are read, and money has to be conserved.

verdicts   lost-write            told that it was written, and it is not there
           duplicate             an event id, or a command, that is there twice
           aborted-read          told or shown what was aborted, or never there
           nonmonotonic          a version or position that goes back
           fork                  two events, or two answers, for one version of an aggregate
           stale-read-after-ack  shown less than someone had been told before
           gap                   versions that are not dense
           wrong-answer          an answer that does not fit the events that it is about
           refused-write         told no, and it was written
           phantom               an event that no one asked for
           money                 amounts that do not fit the commands, a balance below nought or not of its events
It prints a JSON line for each, and a summary; exit 0: there is none, 1: there are some."""

import argparse
import collections
import json
import sys

VERDICTS = ("lost-write", "duplicate", "aborted-read", "nonmonotonic", "fork", "stale-read-after-ack", "gap",
            "wrong-answer", "refused-write", "phantom", "money")
SHOWN = 20  # of each verdict

Verdict = collections.namedtuple("Verdict", "name text")


class Record:
    """A record of the topic."""

    def __init__(self, line):
        headers = line.get("headers", {})
        self.partition, self.offset, self.key = line["partition"], line["offset"], line["key"]
        self.version = int(headers["ce_aggregateversion"]) if "ce_aggregateversion" in headers else None
        self.event_id = headers.get("ce_id")
        self.command = headers.get("ce_causationid")
        self.value = bytes.fromhex(line["value"]) if line.get("value") is not None else None

    def __str__(self):
        return f"{self.partition}/{self.offset}"


class Unit:
    """The events of one decision."""

    def __init__(self, first):
        self.command, self.key, self.records = first.command, first.key, [first]

    def goes_on_with(self, record):
        last = self.records[-1]
        return (record.command == self.command and record.command is not None
                and record.version == (last.version or 0) + 1 and id_follows(last.event_id, record.event_id))

    @property
    def version(self):
        return self.records[-1].version


def id_follows(before, after):
    """The ids of a unit count up in their last 62 bits."""
    if before is None or after is None:
        return False
    one, other = (int(text.replace("-", ""), 16) for text in (before, after))
    low = (1 << 62) - 1
    return other == (one & ~low) | ((one + 1) & low)


# ---- what the events mean ----

class Avro:
    """As much of Avro as the bank's events need: records of strings, longs, ints, booleans, enums and unions."""

    def __init__(self, lines):
        self.schemas = {line["id"]: json.loads(line["schema"]) if isinstance(line["schema"], str) else line["schema"]
                        for line in lines}

    def decode(self, value):
        """The record's name without its namespace, and its fields."""
        schema = self.schemas[int.from_bytes(value[1:5], "big")]
        fields, end = self._read(schema, value, 5)
        assert value[0] == 0 and end == len(value), f"{len(value) - end} bytes are left of {value.hex()}"
        return schema["name"].rpartition(".")[2], fields

    @staticmethod
    def _long(data, at):
        number = shift = 0
        while True:
            byte = data[at]
            at += 1
            number |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return number >> 1 ^ -(number & 1), at

    def _read(self, schema, data, at):
        if isinstance(schema, list):
            branch, at = self._long(data, at)
            return self._read(schema[branch], data, at)
        kind = schema["type"] if isinstance(schema, dict) else schema
        if isinstance(kind, (dict, list)):
            return self._read(kind, data, at)
        if kind == "record":
            fields = {}
            for field in schema["fields"]:
                fields[field["name"]], at = self._read(field["type"], data, at)
            return fields, at
        if kind in ("int", "long"):
            return self._long(data, at)
        if kind == "enum":
            index, at = self._long(data, at)
            return schema["symbols"][index], at
        if kind == "boolean":
            return data[at] != 0, at + 1
        if kind == "null":
            return None, at
        if kind in ("string", "bytes"):
            size, at = self._long(data, at)
            return data[at:at + size].decode(errors="replace"), at + size
        raise ValueError(f"a checker that does not know {kind}")


def delta_of(name, fields):
    """What an event of the bank adds to its account."""
    sign = {"MoneyDeposited": 1, "MoneyWithdrawn": -1, "AccountClosed": -1}.get(name, 0)
    return sign * fields.get("amount_cents", 0)


# ---- the checks ----

class Checker:
    def __init__(self, operations, committed, everything=(), avro=None):
        self.verdicts = []
        self.avro = avro
        self.reads = [o for o in operations if o["command"] == "read"]
        self.writes = [o for o in operations if o["command"] != "read"]
        self.operations = operations
        self.records = sorted(committed, key=lambda r: (r.partition, r.offset))
        self.by_id = {}
        self.by_key = collections.defaultdict(list)
        self.highest = collections.Counter()  # version of each aggregate so far
        self.units = []
        self.by_command = collections.defaultdict(list)
        self.hidden = {r.event_id for r in everything}
        self.attempts = collections.defaultdict(list)
        for operation in self.writes:
            self.attempts[operation["aggregate"], operation["command_id"]].append(operation)

    def say(self, name, text):
        assert name in VERDICTS
        self.verdicts.append(Verdict(name, text))

    def check(self):
        self.read_topic()
        for operation in self.writes:
            {"ok": self.check_ok, "conflict": self.check_refused, "rejected": self.check_refused,
             "unknown": lambda _: None}[operation["outcome"]](operation)
        self.check_claims()
        self.check_phantoms()
        self.check_time()
        self.check_reads()
        if self.avro:
            self.check_money()
        return self.verdicts

    # -- the topic by itself

    def read_topic(self):
        for record in self.records:
            if record.event_id in self.by_id:
                self.say("duplicate", f"the event {record.event_id} is at {self.by_id[record.event_id]} and {record}")
            else:
                self.by_id[record.event_id] = record
            self.check_version(record)
            self.add_to_unit(record)
            self.by_key[record.key].append(record)
        for (key, command), units in self.by_command.items():
            for unit in units[1:]:
                self.say("duplicate", f"the command {command} of {key} made events at {units[0].records[0]} and "
                                      f"{unit.records[0]}")

    def check_version(self, record):
        before = self.by_key[record.key]
        highest = self.highest[record.key]
        self.highest[record.key] = max(highest, record.version or 0)
        if record.version is None:
            self.say("gap", f"{record} of {record.key} has no version")
        elif record.version <= highest:
            self.say("fork", f"{record} of {record.key} is version {record.version}, and version {highest} is before it")
        elif record.version > highest + 1:
            self.say("gap", f"{record} of {record.key} is version {record.version} after version {highest}")
        if before and before[-1].partition != record.partition:
            self.say("nonmonotonic", f"{record.key} is in the partitions {before[-1].partition} and {record.partition}")

    def add_to_unit(self, record):
        before = self.by_key[record.key]
        if before and before[-1].unit.goes_on_with(record):
            record.unit = before[-1].unit
            record.unit.records.append(record)
            return
        record.unit = Unit(record)
        self.units.append(record.unit)
        if record.command is not None:
            self.by_command[record.key, record.command].append(record.unit)

    # -- answers

    def check_ok(self, operation):
        what = describe(operation)
        ids = operation.get("events") or []
        missing = [each for each in ids if each not in self.by_id]
        for each in missing:
            if each in self.hidden:
                self.say("aborted-read", f"{what}: its event {each} was aborted")
            else:
                self.say("lost-write", f"{what}: its event {each} is not in the topic")
        if missing:
            return
        records = [self.by_id[each] for each in ids]
        versions = [record.version for record in records]
        last = operation["version"]
        if versions != list(range(last - len(ids) + 1, last + 1)):
            self.say("wrong-answer", f"{what}: its events have the versions {versions}")
        if any(r.key != operation["aggregate"] or r.command != operation["command_id"] for r in records):
            self.say("wrong-answer", f"{what}: its events are another aggregate's or command's")
        if records and operation.get("position") is not None:
            where = operation["position"].split("/", 1)[1]
            if where != str(records[-1]):
                self.say("wrong-answer", f"{what}: its last event is at {records[-1]}")
        if ids and operation["expected"] is not None and last - len(ids) != operation["expected"]:
            self.say("wrong-answer", f"{what}: it was written after version {last - len(ids)}")

    def check_refused(self, operation):
        """Another attempt whose outcome no one knows may have been carried out after this one was refused."""
        key = operation["aggregate"], operation["command_id"]
        others = {each["outcome"] for each in self.attempts[key] if each is not operation}
        if self.by_command.get(key) and not others & {"unknown", "ok"}:
            self.say("refused-write", f"{describe(operation)}: it is at {self.by_command[key][0].records[0]}")

    def check_claims(self):
        """Two commands that were told one version of an aggregate."""
        claims = {}
        for operation in self.writes:
            if operation["outcome"] != "ok":
                continue
            last, count = operation["version"], len(operation.get("events") or [])
            for version in range(last - count + 1, last + 1):
                first = claims.setdefault((operation["aggregate"], version), operation)
                if first["command_id"] != operation["command_id"]:
                    self.say("fork", f"{describe(operation)}, and {describe(first)}")

    def check_phantoms(self):
        for unit in self.units:
            if (unit.key, unit.command) not in self.attempts:
                self.say("phantom", f"{unit.records[0]} of {unit.key}: no one sent the command {unit.command}")

    # -- in time

    def check_time(self):
        """What began after an answer must not show less than the answer said."""
        for operations in by(self.operations, "aggregate").values():
            self.check_versions_in_time(operations)
        for operations in by(self.operations, "client").values():
            for own in by(operations, "aggregate").values():
                self.check_versions_of_client(own)
        placed = collections.defaultdict(list)
        for operation in self.writes:
            if operation["outcome"] == "ok" and operation.get("position") and not self.is_repeat(operation):
                placed[operation["position"].rpartition("/")[0]].append(operation)
        for operations in placed.values():
            self.check_positions(operations)

    def is_repeat(self, operation):
        """An answer about the past: an earlier attempt may have been the one that was carried out."""
        if operation["command"] == "read":
            return False
        attempts = self.attempts[operation["aggregate"], operation["command_id"]]
        return operation.get("repeated", False) or any(a["start_ns"] < operation["start_ns"] for a in attempts)

    def check_versions_in_time(self, operations):
        known = [o for o in operations if o.get("version") is not None and o["outcome"] != "unknown"]
        ended = sorted(known, key=lambda o: o["end_ns"])
        floor, teller, at = 0, None, 0
        for operation in sorted(known, key=lambda o: o["start_ns"]):
            while at < len(ended) and ended[at]["end_ns"] < operation["start_ns"]:
                if ended[at]["version"] > floor:
                    floor, teller = ended[at]["version"], ended[at]
                at += 1
            is_write = operation["command"] != "read" and operation["outcome"] == "ok"
            if is_write and self.is_repeat(operation):
                continue
            seen = operation["version"] - (len(operation.get("events") or []) if is_write else 0)
            if seen < floor:
                self.say("stale-read-after-ack", f"{describe(operation)}, after {describe(teller)}")

    def check_versions_of_client(self, operations):
        highest = 0
        for operation in sorted(operations, key=lambda o: o["start_ns"]):
            if operation.get("version") is None or self.is_repeat(operation):
                continue
            if operation["version"] < highest:
                self.say("nonmonotonic", f"{describe(operation)}, after the same client had seen version {highest}")
            highest = max(highest, operation["version"])

    def check_positions(self, operations):
        offset = lambda o: int(o["position"].rpartition("/")[2])
        ended = sorted(operations, key=lambda o: o["end_ns"])
        floor, teller, at = -1, None, 0
        for operation in sorted(operations, key=lambda o: o["start_ns"]):
            while at < len(ended) and ended[at]["end_ns"] < operation["start_ns"]:
                if offset(ended[at]) > floor:
                    floor, teller = offset(ended[at]), ended[at]
                at += 1
            if operation.get("events") and offset(operation) <= floor:
                self.say("nonmonotonic", f"{describe(operation)}, after {describe(teller)}")

    def check_reads(self):
        for operation in self.reads:
            if operation["outcome"] != "ok":
                continue
            last = self.highest[operation["aggregate"]]
            if operation["version"] > last:
                self.say("aborted-read", f"{describe(operation)}: it has {last} events")

    # -- money

    def check_money(self):
        balances = {}  # of an aggregate after each version
        for key, records in self.by_key.items():
            balance = 0
            for record in records:
                record.delta = delta_of(*self.avro.decode(record.value))
                balance += record.delta
                balances[key, record.version] = balance
                if balance < 0:
                    self.say("money", f"{record} of {key} leaves a balance of {balance}")
        for operation in self.reads:
            wanted = balances.get((operation["aggregate"], operation.get("version")))
            if operation["outcome"] == "ok" and wanted is not None and operation.get("balance") != wanted:
                self.say("money", f"{describe(operation)}: a balance of {operation.get('balance')}, its events make {wanted}")
        for unit in self.units:
            asked = self.attempts.get((unit.key, unit.command))
            made = sum(record.delta for record in unit.records)
            if asked and asked[0].get("delta") is not None and asked[0]["delta"] != made:
                self.say("money", f"{unit.records[0]} of {unit.key} adds {made}, {describe(asked[0])} asked for "
                                  f"{asked[0]['delta']}")
        self.check_sum()

    def check_sum(self):
        """All that is there is what was told to be there, and what may be."""
        told = open_ended = 0
        for attempts in self.attempts.values():
            outcomes = {each["outcome"] for each in attempts}
            key = attempts[0]["aggregate"], attempts[0]["command_id"]
            if "ok" in outcomes:
                told += attempts[0].get("delta") or 0
            elif "unknown" in outcomes and self.by_command.get(key):
                open_ended += attempts[0].get("delta") or 0
        there = sum(record.delta for record in self.records)
        if there != told + open_ended:
            self.say("money", f"the topic holds {there}, clients were told {told}, and {open_ended} is of commands "
                              f"whose outcome they were not told")


def by(operations, name):
    groups = collections.defaultdict(list)
    for operation in operations:
        groups[operation[name]].append(operation)
    return groups


def describe(operation):
    return (f"{operation['client']}: {operation['command']} {operation.get('command_id', '')} of {operation['aggregate']} "
            f"(expected {operation.get('expected')}): {operation['outcome']}, version {operation.get('version')}, "
            f"at {operation.get('position')}")


def read_lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file if line.strip()]


def summary(checker):
    counts = collections.Counter(verdict.name for verdict in checker.verdicts)
    outcomes = collections.Counter(o["outcome"] for o in checker.writes)
    told = ", ".join(f"{outcomes[name]} {name}" for name in ("ok", "conflict", "rejected", "unknown"))
    return (f"{len(checker.writes)} commands ({told}), {len(checker.reads)} reads, {len(checker.records)} events of "
            f"{len(checker.by_key)} aggregates\n" + ", ".join(f"{name} {counts[name]}" for name in VERDICTS))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--all")
    parser.add_argument("--schemas")
    parser.add_argument("histories", nargs="+")
    arguments = parser.parse_args()
    operations = [line for path in arguments.histories for line in read_lines(path)]
    everything = [Record(line) for line in read_lines(arguments.all)] if arguments.all else []
    avro = Avro(read_lines(arguments.schemas)) if arguments.schemas else None
    checker = Checker(operations, [Record(line) for line in read_lines(arguments.topic)], everything, avro)
    shown = collections.Counter()
    for verdict in checker.check():
        shown[verdict.name] += 1
        if shown[verdict.name] <= SHOWN:
            print(json.dumps(verdict._asdict()))
    print(summary(checker))
    sys.exit(1 if checker.verdicts else 0)


if __name__ == "__main__":
    main()
