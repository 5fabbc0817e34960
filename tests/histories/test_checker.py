#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The checker on histories made by hand: each fault is planted in one that is clean, and is found under its name;
the clean one passes."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from checker import VERDICTS, Avro, Checker, Record, id_follows  # noqa: E402
from programs import case, run_cases  # noqa: E402

SCHEMAS = [{"id": number, "schema": {"type": "record", "name": name, "namespace": "bank", "fields": fields}}
           for number, name, fields in (
               (1, "AccountCreated", [{"name": "owner", "type": "string"}]),
               (2, "MoneyDeposited", [{"name": "amount_cents", "type": "long"}]),
               (3, "MoneyWithdrawn", [{"name": "amount_cents", "type": "long"}]))]


def zigzag(number):
    number = number << 1 ^ number >> 63
    out = b""
    while number > 0x7f:
        out += bytes([number & 0x7f | 0x80])
        number >>= 7
    return out + bytes([number])


def wire(schema, payload):
    return (b"\0" + schema.to_bytes(4, "big") + payload).hex()


class World:
    """A log of one partition and the clients that were there. What a test does to it is the fault."""

    def __init__(self):
        self.now = 0
        self.lines = []       # of the topic
        self.hidden = []      # what was aborted
        self.operations = []
        self.versions = {}
        self.commands = 0

    def append(self, key, command, schema=2, payload=None, amount=0, version=None, event_id=None, visible=True):
        version = version or self.versions.get(key, 0) + 1
        event_id = event_id or f"0190a1b2-c3d4-7e5f-8a9b-{len(self.lines) + len(self.hidden) + 1:08x}0000"
        line = {"partition": 0, "offset": len(self.lines) + len(self.hidden), "key": key,
                "headers": {"ce_id": event_id, "ce_aggregateversion": str(version), "ce_causationid": command},
                "value": wire(schema, zigzag(amount) if payload is None else payload)}
        (self.lines if visible else self.hidden).append(line)
        if visible:
            self.versions[key] = max(version, self.versions.get(key, 0))
        return line

    def tell(self, command, line=None, key="a", outcome="ok", client=0, took=1, events=None, **more):
        """What a client was told, by default of the event that was appended last."""
        began, self.now = self.now, self.now + took
        operation = {"client": client, "start_ns": began, "end_ns": self.now, "aggregate": key, "command": command,
                     "command_id": f"c{self.commands}", "expected": None, "outcome": outcome, "delta": 0}
        if line is not None:
            headers = line["headers"]
            operation.update(version=int(headers["ce_aggregateversion"]), command_id=headers["ce_causationid"],
                             position=f"account.events/0/{line['offset']}", events=[headers["ce_id"]])
        operation.update(more)
        if events is not None:
            operation["events"] = events
        self.operations.append(operation)
        self.now += 1
        return operation

    def deposit(self, amount=5, key="a", **more):
        self.commands += 1
        line = self.append(key, f"c{self.commands}", amount=amount)
        return self.tell("DepositMoney", line, key, delta=amount, **more)

    def read(self, version, balance, key="a", **more):
        return self.tell("read", key=key, version=version, balance=balance, command_id=None, **more)

    def verdicts(self):
        committed = [Record(line) for line in self.lines]
        everything = committed + [Record(line) for line in self.hidden]
        return Checker(self.operations, committed, everything, Avro(SCHEMAS)).check()

    def has(self, *names):
        found = self.verdicts()
        assert {each.name for each in found} == set(names), found
        return self


def busy():
    """A world in which everything is as promised, and most things happen."""
    world = World()
    world.commands += 1
    line = world.append("a", "c1", 1, zigzag(3) + b"ann")
    world.tell("CreateAccount", line, expected=0)
    for amount in range(1, 20):
        world.deposit(amount, "a" if amount % 3 else "b", client=amount % 4)
    world.read(world.versions["a"], sum(n for n in range(1, 20) if n % 3))
    world.commands += 1
    world.tell("WithdrawMoney", outcome="rejected", delta=-1000)
    world.commands += 1
    world.tell("DepositMoney", outcome="conflict", version=world.versions["a"], expected=3, delta=5)
    world.commands += 1  # no one knows, and it was done: told when it is sent again
    line = world.append("a", f"c{world.commands}", amount=7)
    world.tell("DepositMoney", outcome="unknown", delta=7)
    world.deposit(1)
    world.tell("DepositMoney", line, delta=7, repeated=True)
    world.commands += 1  # no one knows, and it was not done
    world.append("a", f"c{world.commands}", amount=9, visible=False)
    world.tell("DepositMoney", outcome="unknown", delta=9)
    world.commands += 1  # no one knows, and it was done
    world.append("b", f"c{world.commands}", amount=11)
    world.tell("DepositMoney", key="b", outcome="unknown", delta=11)
    world.commands += 1  # two events of one decision
    first = world.append("a", f"c{world.commands}", amount=2, event_id="0190a1b2-c3d4-7e5f-8a9b-0123456789ff")
    last = world.append("a", f"c{world.commands}", amount=3, event_id="0190a1b2-c3d4-7e5f-8a9b-012345678a00")
    world.tell("DepositMoney", last, delta=5, expected=int(first["headers"]["ce_aggregateversion"]) - 1,
               events=[each["headers"]["ce_id"] for each in (first, last)])
    world.commands += 1  # accepted, and nothing changed
    world.tell("DepositMoney", version=world.versions["a"], events=[])
    return world


@case
def what_is_as_promised_has_no_verdict():
    """A history in which everything is as promised has no verdict."""
    busy().has()


@case
def an_acknowledged_event_that_is_not_there_is_lost():
    """An acknowledged event that is not in the topic is a lost write."""
    world = busy()
    world.deposit()
    world.lines.pop()
    world.has("lost-write", "money")


@case
def an_acknowledged_event_that_was_aborted_is_told_apart():
    """An acknowledged event that was aborted is an aborted read."""
    world = busy()
    world.commands += 1
    line = world.append("a", f"c{world.commands}", amount=5, visible=False)
    world.tell("DepositMoney", line, delta=5)
    world.has("aborted-read", "money")


@case
def a_read_of_what_was_never_there_is_an_aborted_read():
    """A read that shows a version which the aggregate never had is an aborted read."""
    world = busy()
    world.read(world.versions["a"] + 1, 0)
    world.has("aborted-read")


@case
def an_event_id_twice_is_a_duplicate():
    """An event id that is there twice is a duplicate."""
    world = busy()
    told = world.deposit()
    world.commands += 1
    line = world.append("a", f"c{world.commands}", amount=5, event_id=told["events"][0])
    world.tell("DepositMoney", line, delta=5, events=[])
    world.has("duplicate")


@case
def a_command_carried_out_twice_is_a_duplicate():
    """A command that made events in two units is a duplicate, also at once after the first."""
    world = busy()
    told = world.deposit(5)
    world.append("a", told["command_id"], amount=5)
    world.has("duplicate", "money")
    world = busy()
    told = world.deposit(5)
    world.deposit(1)
    world.append("a", told["command_id"], amount=5)
    world.has("duplicate", "money")


@case
def two_events_of_one_version_are_a_fork():
    """Two events of one version are a fork."""
    world = busy()
    told = world.deposit()
    world.commands += 1
    world.append("a", f"c{world.commands}", version=told["version"], amount=4)
    world.tell("DepositMoney", outcome="unknown", delta=4)
    world.has("fork")


@case
def two_answers_of_one_version_are_a_fork():
    """Two commands that were told the same version are a fork, also where nothing is in the topic."""
    world = busy()
    told = world.deposit()
    world.commands += 1
    world.tell("DepositMoney", version=told["version"], events=["0190a1b2-c3d4-7e5f-8a9b-ffffffff0000"],
               position="account.events/0/9999")
    world.has("fork", "lost-write", "stale-read-after-ack")


@case
def a_version_that_is_missing_is_a_gap():
    """Versions that are not dense are a gap, and so is an event without one."""
    world = busy()
    world.versions["a"] += 1
    world.deposit()
    world.has("gap")
    world = busy()
    told = world.deposit()
    del world.lines[-1]["headers"]["ce_aggregateversion"]
    assert told
    assert "gap" in {each.name for each in world.verdicts()}


@case
def less_than_was_told_before_is_stale():
    """A read, a conflict or a write that began after an answer and shows less is stale."""
    for plant in (lambda world, seen: world.read(seen - 1, None),
                  lambda world, seen: world.tell("DepositMoney", outcome="conflict", version=seen - 1, client=9,
                                                 command_id="x")):
        world = busy()
        told = world.deposit(client=8)
        plant(world, told["version"])
        names = {each.name for each in world.verdicts()}
        assert "stale-read-after-ack" in names and names <= {"stale-read-after-ack", "money", "nonmonotonic"}, names
    world = busy()  # at the same time as the answer is no fault
    told = world.deposit(client=8)
    world.tell("DepositMoney", outcome="conflict", version=told["version"] - 1, client=9, command_id="x",
               start_ns=told["start_ns"], end_ns=told["end_ns"] + 5)
    world.has()


@case
def a_client_that_sees_less_than_before_is_nonmonotonic():
    """A client whose versions go back is told, and so are positions that do."""
    world = busy()
    world.read(5, 12, client=7, start_ns=-9, end_ns=world.now)  # long under way, so it is not stale
    world.read(4, 7, client=7, start_ns=-8, end_ns=world.now + 9)
    world.has("nonmonotonic")
    world = busy()
    first = world.deposit(key="p")
    second = world.deposit(key="q")
    first["start_ns"], first["end_ns"] = second["end_ns"] + 1, second["end_ns"] + 2
    world.has("nonmonotonic")


@case
def an_answer_that_does_not_fit_its_events_is_wrong():
    """A wrong version, position, expected version or aggregate in an answer is named."""
    for change in ({"version": 99}, {"position": "account.events/0/0"}, {"expected": 3}, {"command_id": "c3"}):
        world = busy()
        told = world.deposit()
        told.update(change)
        names = {each.name for each in world.verdicts()}
        assert "wrong-answer" in names, (change, names)


@case
def what_was_refused_and_written_is_named():
    """A command that was refused, and no attempt of it is open, is not in the topic."""
    for outcome in ("conflict", "rejected"):
        world = busy()
        world.commands += 1
        world.append("a", f"c{world.commands}", amount=5)
        world.tell("DepositMoney", outcome=outcome, delta=5)
        assert "refused-write" in {each.name for each in world.verdicts()}
    world = busy()  # an attempt that no one knows the outcome of may be decided later
    world.commands += 1
    world.append("a", f"c{world.commands}", amount=5)
    world.tell("DepositMoney", outcome="unknown", delta=5)
    world.tell("DepositMoney", outcome="rejected", delta=5)
    world.has()


@case
def what_nobody_asked_for_is_a_phantom():
    """An event whose command no one sent is a phantom."""
    world = busy()
    world.append("b", "never-sent", amount=0)
    world.has("phantom")


@case
def money_that_is_made_or_lost_is_named():
    """Amounts that differ from what was asked for, debts, and balances that are not of their events."""
    world = busy()
    world.deposit(5)
    world.lines[-1]["value"] = wire(2, zigzag(6))
    world.has("money")
    world = busy()
    world.commands += 1
    line = world.append("b", f"c{world.commands}", 3, amount=100000)
    world.tell("WithdrawMoney", line, "b", delta=-100000)
    world.has("money")
    world = busy()
    world.read(world.versions["b"], 1, "b")
    world.has("money")


@case
def ids_of_a_unit_count_up():
    """Ids of one unit count up in 62 bits, and no others do."""
    assert id_follows("0190a1b2-c3d4-7e5f-bfff-ffffffffffff", "0190a1b2-c3d4-7e5f-8000-000000000000")
    assert id_follows("0190a1b2-c3d4-7e5f-8a9b-0123456789ff", "0190A1B2-C3D4-7E5F-8A9B-012345678a00")
    assert not id_follows("0190a1b2-c3d4-7e5f-8a9b-0123456789ff", "0190a1b2-c3d4-7e5f-8a9b-0123456789ff")
    assert not id_follows(None, "0190a1b2-c3d4-7e5f-8a9b-0123456789ff")


@case
def the_program_reads_files_and_says_what_it_has_found():
    """checker.py reads histories, topics and schemas, prints verdicts and counts, and exits with 1 for any."""
    with tempfile.TemporaryDirectory(prefix="stele-checker-") as folder:
        def write(name, lines):
            path = os.path.join(folder, name)
            with open(path, "w") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)
            return path
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "checker.py")
        for lose in (False, True):
            world = busy()
            if lose:
                world.deposit()
                world.lines.pop()
            done = subprocess.run(
                [sys.executable, program, "--topic", write("topic", world.lines),
                 "--all", write("all", world.lines + world.hidden), "--schemas", write("schemas", SCHEMAS),
                 write("one", world.operations[::2]), write("two", world.operations[1::2])],
                stdout=subprocess.PIPE, text=True)
            assert done.returncode == lose, done.stdout
            lines = done.stdout.splitlines()
            assert lines[-1].split(",")[0] == f"lost-write {int(lose)}", done.stdout
            assert all(name in lines[-1] for name in VERDICTS)
            assert (json.loads(lines[0])["name"] == "lost-write") if lose else len(lines) == 2, done.stdout


if __name__ == "__main__":
    run_cases(globals())
