#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`export`, `import`, `topics copy`: what another tool for Avro reads of a file, what comes back of it, and that no event
is lost, doubled or put out of order, whatever comes between."""

import collections
import json
import os
import re
import signal
import subprocess
import threading

from commands import FOLDER, meddle, stele
from programs import ROOT, Broker, Program, case, run_cases, unique, until, with_packages
from test_past import partition_of, varint

with_packages(os.path.join(FOLDER, "fastavro.txt"))
import fastavro  # noqa: E402

PAID = '{"type": "record", "name": "Paid", "namespace": "shop", "fields": [{"name": "id", "type": "string"}, ' \
       '{"name": "cents", "type": "long"}%s]}'
NOTE = ', {"name": "note", "type": "string", "default": ""}'


class Topic:
    """A topic of events whose name no one else uses."""

    def __init__(self, program, partitions):
        self.program, self.partitions = program, partitions
        self.name = unique("moving")
        self.events = f"{self.name}.events"
        self.address = program.env["STELE_KAFKA"]
        program.call("topics", "create", self.name, "--partitions", str(partitions)).exits(0)

    def publish(self, *lines, more=""):
        schema = self.program.file(unique("paid"), PAID % more)
        text = "".join(json.dumps(line) + "\n" for line in lines)
        self.program.call("publish", self.name, "--schema", schema, "--key", "id", stdin=text).exits(0)

    def fill(self, count, keys=500):
        self.publish(*({"id": f"k{n % keys}", "cents": n} for n in range(count)))

    def put(self, key, version, cents=1, event_id=None):
        """An event as a writer appends it; the schema is the one that was published last."""
        rows = self.program.call("schema", "list", f"{self.events}-shop.Paid", "--json").exits(0).rows()
        value = b"\0" + rows[-1]["id"].to_bytes(4, "big") + varint(len(key)) + key.encode() + varint(cents)
        meddle("put", self.events, partition_of(key, self.partitions), "=" + key, value.hex(),
               f"ce_id={event_id or unique('id')}", f"ce_aggregateversion={version}", address=self.address)

    def export(self, *words, code=0):
        path = os.path.join(self.program.folder, unique("file") + ".avro")
        return path, self.program.call("export", self.name, "--to", path, *words).exits(code)

    def records(self, *words):
        path, _ = self.export(*words)
        return read(path)

    def audited(self):
        self.program.call("audit", self.name).exits(0)


def read(path):
    with open(path, "rb") as file:
        return list(fastavro.reader(file))


def content(records):
    """Each key's events in order, without what a place makes of them."""
    kept = collections.defaultdict(list)
    for each in records:
        kept[each["key"]].append((each["time"], each["type"], each["data"],
                                  [(header["name"], header["value"]) for header in each["headers"]]))
    return kept


def bring(program, path, topic, code=0, *words):
    return program.call("import", path, "--to", topic.name, *words).exits(code)


@case
def another_tool_reads_all_that_a_record_has():
    """fastavro reads key, time, headers and the event itself; two versions of it; tombstones; what is no event as bytes."""
    with stele() as program:
        of = Topic(program, 2)
        of.publish({"id": "a", "cents": 5})
        of.publish({"id": "d", "cents": 7, "note": "n"}, more=NOTE)
        meddle("put", of.events, 0, "=a", "-", "x=1", "x=2", "none=")
        meddle("put", of.events, 1, "-", "=junk")
        path, done = of.export(code=3)
        done.says(f"{path}: 4 events of {of.events}", "1 of them are not what their schema says", f"{of.events}/1/1")
        with open(path, "rb") as file:
            reader = fastavro.reader(file)
            a, tombstone, d, junk = list(reader)
            head = reader.metadata
        assert (a["partition"], a["offset"], a["key"], a["type"]) == (0, 0, b"a", "shop.Paid"), a
        assert a["data"] == {"id": "a", "cents": 5} and [each["name"] for each in a["headers"]] == ["ce_id"], a
        assert d["data"] == {"id": "d", "cents": 7, "note": "n"} and d["schema"] != a["schema"], d
        assert tombstone["data"] is None and tombstone["key"] == b"a" and tombstone["type"] is None, tombstone
        assert [tuple(each.values()) for each in tombstone["headers"]] == [("x", b"1"), ("x", b"2"), ("none", b"")]
        assert junk["data"] == b"junk" and junk["key"] is None and junk["schema"] is None, junk
        assert head["stele.topic"] == of.events and head["stele.events"] == "4", head
        ranges = json.loads(head["stele.ranges"])
        assert all(int(each.pop("hash")) for each in ranges), head
        assert ranges == [{"partition": n, "from": 0, "until": 2, "last": 1} for n in range(2)], head
        schemas = {each["id"]: json.loads(each["schema"]) for each in json.loads(head["stele.schemas"])}
        assert schemas[a["schema"]] == json.loads(PAID % "") and schemas[d["schema"]] == json.loads(PAID % NOTE)


@case
def a_file_goes_into_another_cluster_with_another_registry():
    """Events come into an empty cluster with other schema ids: keys, times, headers and order stay, twice adds nothing."""
    other = Broker("moving")
    try:
        with stele() as program, Program(program.path, other.address) as there:
            of = Topic(program, 3)
            of.fill(2000)
            of.publish({"id": "k0", "cents": 1, "note": "n"}, more=NOTE)
            path, _ = of.export("--codec", "null")
            text = there.file("first.avsc", '{"type": "record", "name": "Other", "fields": []}')
            there.call("schema", "register", text, "--subject", "other").exits(0)
            to = Topic(there, 7)
            bring(there, path, to).says(f"{path}: {of.events}: 2001 events added to {to.events}, 0 were there already")
            bring(there, path, to).says(f"0 events added to {to.events}, 2001 were there already")
            if "zstandard" in program.call("export", "--help").out:
                packed, _ = of.export("--codec", "zstandard")
                assert os.path.getsize(packed) < os.path.getsize(path) / 2
                bring(there, packed, to).says(f"0 events added to {to.events}, 2001 were there already")
            records = to.records()
            ids = {each["schema"] for each in records}
            assert len(ids) == 2 and ids != {each["schema"] for each in read(path)}, ids
            assert content(records) == content(read(path))
            assert all(each["partition"] == partition_of(each["key"].decode(), 7) for each in records)
            to.audited()
            to.publish({"id": "k1", "cents": 2, "note": "later"}, more=NOTE)
            assert bring(there, path, to, 0, "--json").rows() == [{"added": 0, "present": 2001}]
            back, _ = to.export()
            bring(program, back, of).says("1 event added", "2001 were there already")
            assert content(of.records()) == content(read(back))
    finally:
        other.stop()


@case
def an_import_that_was_killed_goes_on():
    """Killed again and again, import brings each event once, each key's in order."""
    with stele() as program:
        of, to = Topic(program, 2), Topic(program, 5)
        of.fill(30000)
        path, _ = of.export()
        for kills in range(4):
            before = len(to.records())
            running = program.start("import", path, "--to", to.name)
            until("it has added some", 60, lambda: running.process.poll() is not None or len(to.records()) > before)
            if running.process.poll() is not None:
                break
            running.ends(signal.SIGKILL)
        bring(program, path, to)
        assert content(to.records()) == content(read(path))
        to.audited()


@case
def a_broker_that_is_killed_meanwhile_loses_and_doubles_nothing():
    """The broker dies in the middle of an import, twice: it goes on by itself, or the same command does."""
    own = Broker("moving-killed")
    try:
        with Program(os.environ["STELE_PROGRAM"], own.address) as program:
            of, to = Topic(program, 2), Topic(program, 5)
            of.fill(50000)
            path, _ = of.export()
            for _ in range(2):
                running = program.start("import", path, "--to", to.name)
                until("it has added some", 60, lambda: running.process.poll() is not None or
                      program.call("tail", to.name, "-n", "1").out != "")
                own.kill()
                own.restart()
                assert running.ends(seconds=200).code in (0, 1)
            bring(program, path, to)
            assert content(to.records()) == content(read(path))
            bring(program, path, to).says("0 events added", "50000 were there already")
            to.audited()
    finally:
        own.stop()


@case
def versions_stay_dense():
    """A version that is missing, another event in a version's place, and events without one are refused with positions."""
    with stele() as program:
        of, to = Topic(program, 2), Topic(program, 3)
        of.publish({"id": "seed", "cents": 1})
        for version in range(1, 6):
            of.put("a", version, cents=version)
            of.put("d", version)
        whole, _ = of.export()
        third = next(each for each in read(whole) if each["key"] == b"a" and each["data"]["cents"] == 3)
        position = f"{of.events}/{third['partition']}/{third['offset']}"
        later, _ = of.export("--from", position)
        done = bring(program, later, to, 1)
        done.says(f'{later}: {position}: version 3 of "a", and {to.events} has it up to version 0: bring those')
        first, _ = of.export("--until", position)
        bring(program, first, to)
        bring(program, later, to)
        assert content(to.records()) == content(read(whole))
        to.audited()
        bring(program, whole, to).says("0 events added", "11 were there already")

        other = Topic(program, 2)
        other.publish({"id": "seed", "cents": 2})
        for version in range(1, 3):
            other.put("a", version, cents=version, event_id=f"0190a1b2-c3d4-7e5f-8a9b-{version:012x}")
        bring(program, whole, other, 1).says('version 1 of "a"', f"{other.events} has it with other events up to version 2")

        forked = Topic(program, 2)
        bring(program, first, forked)
        forked.put("a", 3, cents=99)
        offset = max(each["offset"] for each in forked.records() if each["key"] == b"a")
        done = bring(program, whole, forked, 1)
        done.says(f'{position}: the topic {forked.events} has another event of "a" in its place, at offset {offset}')
        assert len([each for each in forked.records() if each["key"] == b"a"]) == 3


@case
def a_backup_goes_on_after_the_last_part():
    """--after takes what has come since a file was exported; the parts make the topic again."""
    with stele() as program:
        of, to, other = Topic(program, 3), Topic(program, 2), Topic(program, 3)
        of.fill(100)
        first, _ = of.export()
        of.fill(50)
        of.publish({"id": "k0", "cents": 1, "note": "n"}, more=NOTE)
        second, done = of.export("--after", first)
        done.says(f"{second}: 51 events of {of.events}")
        third, done = of.export("--after", second)
        done.says("0 events of")
        for path, count in [(first, 100), (second, 51), (third, 0)]:
            bring(program, path, to).says(f"{count} event")
        assert content(to.records()) == content(of.records())
        other.export("--after", first, code=1)[1].says(f"--after {first}: it is of {of.events}, not of {other.events}")
        of.export("--after", "none.avro", code=1)[1].says("--after none.avro: No such file or directory")
        of_k0, _ = of.export("--key", "k0")
        of.export("--after", of_k0, code=1)[1].says('it has the events of the key "k0" alone')
        of.export("--after", first, "--key", "k0", code=1)[1].says("it has the events of all keys")
        of.export("--after", of_k0, "--key", "k0")[1].says("0 events of")
        program.call("topics", "delete", of.name, "--yes").exits(0)
        program.call("topics", "create", of.name, "--partitions", "3").exits(0)
        of.export("--after", first, code=1)[1].says("which the topic does not have: it was made again; export all of it")
        of.fill(300)  # as long as the one before, and with other events
        of.export("--after", third, code=1)[1].says("is another event than when the file was made: the topic was made again")


@case
def schemas_that_refer_to_others_come_along():
    """A schema with references is one text where it comes to, and its events are read there."""
    shop = os.path.join(ROOT, "examples/shop/schemas")
    with_types = [word for name in ("buyer", "item") for word in ("--with", f"{shop}/{name}.avsc")]
    placed = {"order_id": "o-1", "customer": {"id": "c-1", "name": "Ann"}, "total_cents": 700,
              "items": [{"sku": "a", "quantity": 2, "price_cents": 100}]}
    with stele() as program:
        of, to = Topic(program, 1), Topic(program, 1)
        program.call("publish", of.name, "--schema", f"{shop}/order_placed.avsc", *with_types, "--key", "order_id",
                     stdin=json.dumps(placed)).exits(0)
        path, _ = of.export()
        event, = read(path)
        assert event["data"] == placed and event["type"] == "shop.OrderPlaced", event
        bring(program, path, to)
        row, = program.call("tail", to.name, "--json").exits(0).rows()
        assert row["data"] == placed, row
        text = program.call("schema", "get", f"{to.events}-shop.OrderPlaced").exits(0).out
        assert '"shop.Buyer"' in text and '"shop.Item"' in text, text


@case
def versions_that_do_not_go_together_come_along_once_they_may():
    """Where a level refuses an old version of a schema, the message says how it is taken."""
    with stele() as program:
        of, to = Topic(program, 1), Topic(program, 1)
        of.publish({"id": "a", "cents": 1})
        program.call("schema", "level", f"{of.events}-shop.Paid", "NONE").exits(0)
        of.publish({"id": "a", "cents": 2, "why": 3}, more=', {"name": "why", "type": "int"}')
        path, _ = of.export()
        done = bring(program, path, to, 1).says(f"{to.events}-shop.Paid does not take schema", "why")
        assert to.records() == []
        way_out = re.search(r"stele (schema level \S+ NONE) takes it", done.err).group(1)
        program.call(*way_out.split()).exits(0)
        bring(program, path, to).says("2 events added")
        assert content(to.records()) == content(read(path))


@case
def what_stele_keeps_itself_is_not_written_to():
    """Schemas, owners, states and snapshots are no place for events."""
    with stele() as program:
        of = Topic(program, 1)
        of.fill(1)
        path, _ = of.export()
        for name in ("_stele.schemas", f"{of.name}.v1.snapshots"):
            if not name.startswith("_"):
                meddle("create", name, 1)
            program.call("import", path, "--to", name).exits(1).says(f"{name} is a topic that Stele keeps itself")
            program.call("topics", "copy", of.name, name).exits(1).says(f"{name} is a topic that Stele keeps itself")


@case
def parts_in_the_wrong_order_are_refused():
    """Facts of a later part that are there keep the whole from coming behind them."""
    with stele() as program:
        of, to = Topic(program, 1), Topic(program, 1)
        of.fill(10, keys=1)
        later, _ = of.export("--from", f"{of.events}/0/4")
        bring(program, later, to).says("6 events added")
        whole, _ = of.export()
        bring(program, whole, to, 1).says(f'{of.events}/0/4: this event of "k0" is in {to.events}, and the first one of')
        assert len(to.records()) == 6


@case
def parts_are_chosen_by_position_time_and_key():
    """--from, --until and --key take what they say; what they cannot mean is said."""
    with stele() as program:
        of = Topic(program, 2)
        of.fill(20, keys=4)
        numbers = lambda *words: sorted(each["data"]["cents"] for each in of.records(*words))
        assert numbers() == list(range(20))
        assert numbers("--key", "k1") == list(range(1, 20, 4))
        both = of.records("--from", f"{of.events}/0/3", "--from", f"{of.events}/1/2", "--until", f"{of.events}/1/3")
        assert {(each["partition"], each["offset"]) for each in both if each["partition"] == 1} == {(1, 2)}
        assert min(each["offset"] for each in both if each["partition"] == 0) == 3
        assert numbers("--from", "2100-01-01T00:00:00Z") == [] and numbers("--until", "2000-01-01T00:00:00Z") == []
        assert numbers("--from", "2000-01-01T00:00:00Z", "--until", "2100-01-01T00:00:00Z") == list(range(20))
        for words, text in [(["--from", "soon"], f"--from soon: expected a position like {of.events}/0/1042, or a time"),
                            (["--until", f"{of.events}/2/0"], f"--until {of.events}/2/0: the topic has 2 partitions"),
                            (["--from", "other.events/0/1"], "expected a position like")]:
            of.export(*words, code=1)[1].says(text)


@case
def a_file_is_whole_or_not_there():
    """An export that is interrupted, or cannot write, leaves no file; a file that is there is not written over."""
    with stele() as program:
        of = Topic(program, 1)
        of.fill(30000)
        path = os.path.join(program.folder, "whole.avro")
        running = program.start("export", of.name, "--to", path)
        until("it has begun", 30, lambda: os.path.exists(path + ".part") or running.process.poll() is not None)
        done = running.ends(signal.SIGINT)
        assert done.code == 1 and not os.path.exists(path + ".part") and not os.path.exists(path), done.err
        program.call("export", of.name, "--to", path).exits(0)
        program.call("export", of.name, "--to", path).exits(1).says(f"{path} is there already: give another name")
        program.call("export", of.name, "--to", "/nowhere/x").exits(1).says("/nowhere/x cannot be made: No such file")
        full = subprocess.run(["bash", "-c", 'trap "" XFSZ; ulimit -f 20; exec "$@"', "-", program.path, "export", of.name, "--to",
                               path + "2", "--codec", "null"], env=program.env, capture_output=True, text=True)
        assert full.returncode == 1 and f"{path}2 cannot be written: File too large" in full.stderr, full.stderr
        assert not os.path.exists(path + "2") and not os.path.exists(path + "2.part")
        with open(path, "rb") as file:
            whole = file.read()
        for name, text, said in [("cut", whole[:-1000], "it ends there"), ("none", b"", "is no Avro object container file"),
                                 ("bad", whole[:5000] + b"\0" * 10 + whole[5010:], "the file is damaged")]:
            with open(os.path.join(program.folder, name), "wb") as file:
                file.write(text)
            to = Topic(program, 1)
            bring(program, os.path.join(program.folder, name), to, 1).says(name, said)
            assert to.records() == []
        own = os.path.join(program.folder, "own.avro")
        with open(own, "wb") as file:
            fastavro.writer(file, {"type": "record", "name": "Own", "fields": []}, [{}])
        bring(program, own, to, 1).says("under stele.format is missing: only files that stele export has made")
        bring(program, "none.avro", to, 1).says("none.avro: No such file or directory")
        program.call("import", path, "--to", "nobody").exits(1).says("topics create nobody makes the first")


@case
def a_topic_gets_more_partitions():
    """topics copy keeps each key's order, goes on with what came since, and says where the source has gone on."""
    with stele() as program:
        of, to = Topic(program, 3), Topic(program, 8)
        of.fill(20000)
        program.call("topics", "copy", of.name, to.name).exits(0).says(
            f"{of.events}: 20000 events added to {to.events}, 0 were there already")
        assert content(to.records()) == content(of.records())
        of.fill(300)
        program.call("topics", "copy", of.events, to.events, "--json").exits(0).prints('{"added":300,"present":20000}')
        schema = program.file("paid.avsc", PAID % "")
        publisher = program.start("publish", of.name, "--schema", schema, "--key", "id", stdin=subprocess.PIPE)
        stop = threading.Event()

        def feed():
            for n in range(10 ** 9):
                if stop.is_set():
                    break
                publisher.process.stdin.write(b'{"id": "p%d", "cents": %d}\n' % (n % 500, n))
        feeder = threading.Thread(target=feed)
        feeder.start()
        until("it publishes", 60, lambda: program.call("tail", of.name, "-n", "1").rows()[0]["id"].startswith("p"))
        done = program.call("topics", "copy", of.name, to.name).exits(3)
        stop.set()
        feeder.join()
        publisher.process.stdin.close()
        publisher.ends().exits(0)
        done.says(f"has gone on: copied up to {of.events}/", f"stop what writes to {of.events} and run the same command again")
        program.call("topics", "copy", of.name, to.name).exits(0)
        assert content(to.records()) == content(of.records())
        to.audited()
        program.call("topics", "copy", of.name, of.events).exits(1).says("cannot be copied into itself")
        rows = program.call("schema", "list", f"{to.events}-shop.Paid", "--json").exits(0).rows()
        assert len(rows) == 1, rows


@case
def what_someone_else_writes_is_noticed():
    """A transaction that is open in the topic is waited for; one who writes meanwhile is named with the position."""
    with stele() as program:
        of, to = Topic(program, 1), Topic(program, 1)
        of.fill(100000)
        path, _ = of.export()
        meddle("open", to.events, 0, "=x", "-")
        program.call("import", path, "--to", to.name, "--timeout", "3").exits(1).says(f"{to.events}/0")
        to = Topic(program, 1)
        done = None
        for attempt in range(10):
            running = program.start("import", path, "--to", to.name)
            until("it has added some", 60, lambda: running.process.poll() is not None or
                  program.call("tail", to.name, "-n", "1").out != "")
            meddle("put", to.events, 0, "=x", "-")
            done = running.ends(seconds=120)
            if done.code == 1:
                break
            to = Topic(program, 1)
        done.exits(1).says("is not from here: someone else writes to the topic")
        bring(program, path, to)
        assert len([each for each in to.records() if each["key"] != b"x"]) == 100000


class Bank:
    """The bank of the examples on a broker of its own."""

    def __init__(self, address):
        self.program = Program(os.environ["STELE_BANK"], address)

    def run(self):
        running = self.program.start("run", "-o", "http.listen=127.0.0.1:0")
        running.awaits("serving HTTP")
        until("it is known who serves", 60, lambda: "no instance" not in self.program.call(
            "execute", "account", "nobody", "DepositMoney", '{"amount_cents": 1}', "--timeout", "60").err)
        return running

    def execute(self, *words):
        return self.program.call("execute", "account", *words, "--timeout", "60").exits(0)


@case
def an_aggregate_moves_to_more_partitions_and_its_writer_goes_on():
    """A bank's accounts: exported, deleted, made with more partitions and imported, and the next command counts on."""
    own = Broker("moving-bank")
    try:
        bank = Bank(own.address)
        with bank.program as program:
            program.call("topics", "create", "account", "--partitions", "2").exits(0)
            running = bank.run()
            for name in "abcdefgh":
                bank.execute(name, "CreateAccount", json.dumps({"owner": name}))
                for _ in range(5):
                    bank.execute(name, "DepositMoney", '{"amount_cents": 100}')
            path = os.path.join(program.folder, "bank.avro")
            program.call("export", "account", "--to", path).exits(0)
            before = content(read(path))
            program.call("import", path, "--to", "account").exits(1).says("a writer of account runs", "account.writer has 1 member")
            running.ends(signal.SIGTERM).exits(0)
            program.call("import", path, "--to", "account").exits(0).says("0 events added", "48 were there already")
            program.call("topics", "delete", "account", "--yes", "--force").exits(0)
            program.call("topics", "create", "account", "--partitions", "6").exits(0)
            program.call("import", path, "--to", "account").exits(0).says("48 events added")
            program.call("audit", "account").exits(0)
            running = bank.run()
            done = bank.execute("a", "WithdrawMoney", '{"amount_cents": 450}', "--expect", "6")
            assert '"version":7' in done.out.replace(" ", ""), done.out
            running.ends(signal.SIGTERM).exits(0)
            after = content(read_export(program, "account"))
            assert {key: each[:6] for key, each in after.items()} == before and len(after[b"a"]) == 7
            program.call("audit", "account").exits(0)
    finally:
        own.stop()


def read_export(program, name):
    path = os.path.join(program.folder, unique("file"))
    program.call("export", name, "--to", path).exits(0)
    return read(path)


if __name__ == "__main__":
    run_cases(globals(), side_by_side=2)
