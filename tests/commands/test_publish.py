#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`publish`: what becomes an event, what is refused and how that is said, and where an interruption goes on."""

import collections
import os
import re
import signal
import subprocess

from commands import FOLDER, meddle, stele
from programs import case, run_cases, unique, until

TYPES = os.path.join(FOLDER, "schemas/types.avsc")
HEADER = "id,day,price,at,note"
GOOD = "1997-01-18,12.30,2026-01-31T12:00:00Z"


class Aggregate:
    """One aggregate's topic, and what is published to it."""

    def __init__(self, program, partitions=2):
        self.program = program
        self.name = unique("publish")
        program.call("topics", "create", self.name, "--partitions", str(partitions)).exits(0)

    def publish(self, *words, schema=TYPES, key="id", **more):
        return self.program.call("publish", self.name, "--schema", schema, "--key", key, *words, **more)

    def events(self):
        return self.program.call("tail", self.name, "--from", "beginning").exits(0).rows()

    def ids(self):
        return sorted(event["id"] for event in self.events())


def lines(*all_lines):
    return "".join(line + "\n" for line in all_lines)


@case
def each_cell_is_read_by_its_type():
    """CSV cells are read by the field's type; NA and nothing are null; a missing column is its default."""
    with stele() as program:
        of = Aggregate(program)
        path = program.file("good.csv", lines(
            HEADER, f"a,{GOOD},NA", "b,2000-02-29,-0.05,2026-01-31T13:00:00.5+01:00,",
            'c,1969-12-31,99999999.99,1969-12-31T23:59:59.999Z,"said ""no"", twice"'))
        of.publish(path).exits(0).says("good.csv: 3 events published\n")
        data = {event["id"]: event["data"] for event in of.events()}
        assert data == {
            "a": {"id": "a", "day": "1997-01-18", "price": "12.30", "at": "2026-01-31T12:00:00.000Z",
                  "note": None, "count": 7},
            "b": {"id": "b", "day": "2000-02-29", "price": "-0.05", "at": "2026-01-31T12:00:00.500Z",
                  "note": None, "count": 7},
            "c": {"id": "c", "day": "1969-12-31", "price": "99999999.99", "at": "1969-12-31T23:59:59.999Z",
                  "note": 'said "no", twice', "count": 7}}, data


BAD = [  # a line, what is said of it
    ("b,1997-02-30,1.00,2026-01-31T12:00:00Z,", 'day: "1997-02-30" is not a date'),
    ("b,1997-01-18,1.005,2026-01-31T12:00:00Z,", 'price: "1.005" has more than 2 digits after the point'),
    ("b,1997-01-18,123456789.00,2026-01-31T12:00:00Z,", "price: "),
    ("b,1997-01-18,much,2026-01-31T12:00:00Z,", 'price: "much"'),
    ("b,1997-01-18,1.00,yesterday,", 'at: "yesterday" is not a moment such as'),
    ("b,,1.00,2026-01-31T12:00:00Z,", "day: the cell is empty and the field cannot be null"),
    ("b,1997-01-18,1.00", "3 cells, and the header has 5 columns"),
    (f"b,{GOOD},,", "6 cells, and the header has 5 columns"),
    (f",{GOOD},", 'the aggregate id "" is not 1 to 1024 bytes'),
    (f"stele:b,{GOOD},", 'aggregate id "stele:b": the beginning stele: is reserved'),
    (f"{'x' * 1025},{GOOD},", "1 to 1024 bytes"),
    (f"b,{GOOD},{'n' * 1000001}", "larger than"),
]


@case
def a_bad_line_is_reported_and_the_rest_goes_on():
    """Each bad line is reported as FILE:LINE: COLUMN: REASON, the rest goes on, and the exit code is 1."""
    with stele() as program:
        of = Aggregate(program)
        path = program.file("bad.csv", lines(HEADER, f"a,{GOOD},x", *(line for line, _ in BAD), f"z,{GOOD},x"))
        done = of.publish(path).exits(1)
        said = done.err.splitlines()
        assert len(said) == len(BAD) + 1, done.err
        for number, (_, reason) in enumerate(BAD, 3):
            assert said[number - 3].startswith(f"{path}:{number}: "), said[number - 3]
            assert reason in said[number - 3], (reason, said[number - 3])
        assert said[-1] == f"{path}: 2 events published, {len(BAD)} bad lines", said[-1]
        assert of.ids() == ["a", "z"], of.ids()
        summary = of.publish(path, "--json").exits(1).rows()
        assert summary == [{"published": 2, "bad": len(BAD), "failed": 0, "taken": len(BAD) + 2}], summary


@case
def a_file_that_is_wrong_throughout_is_not_a_hundred_thousand_lines():
    """The first twenty bad lines are printed, the others are counted by their reason."""
    with stele() as program:
        aggregate = Aggregate(program)
        bad = [f"a{n},not a day {n},1.00,2026-01-31T12:00:00Z," for n in range(30000)]
        path = program.file("bad.csv", lines(HEADER, "good," + GOOD + ",", *bad, "a,b"))
        done = aggregate.publish(path).exits(1)
        said = done.err.splitlines()
        assert len(said) == 24, done.err
        assert said[0].startswith(f"{path}:3: ") and said[19].startswith(f"{path}:22: "), done.err
        done.says(f"{path}: and 29981 more lines:", "  29980 as line 23: ", "  1 as line 30003: 2 cells",
                  f"{path}: 1 event published, 30001 bad lines")
        assert aggregate.ids() == ["good"]


@case
def a_quote_that_is_not_closed_is_one_bad_line():
    """A quote that is not closed costs its own line alone, and the line's number is said once."""
    with stele() as program:
        of = Aggregate(program)
        done = of.publish("--format", "csv", stdin=lines(HEADER, f'"a,{GOOD},', f"b,{GOOD},")).exits(1)
        assert done.err.splitlines()[0] == "standard input:2: a quote is not closed", done.err
        assert of.ids() == ["b"], of.ids()


@case
def strict_publishes_nothing_after_a_bad_line():
    """--strict stops at the first bad line; mended, --skip as it was said publishes each line once."""
    with stele() as program:
        of = Aggregate(program)
        bad = lines(HEADER, f"a,{GOOD},", "b,never", f"c,{GOOD},")
        done = of.publish("--strict", "--format", "csv", stdin=bad).exits(1)
        done.says("standard input:3: ", "1 event published, 1 bad line", "fix that line and continue with --skip 1\n")
        assert of.ids() == ["a"], of.ids()
        mended = lines(HEADER, f"a,{GOOD},", f"b,{GOOD},", f"c,{GOOD},")
        of.publish("--strict", "--skip", "1", "--format", "csv", stdin=mended).exits(0)
        assert of.ids() == ["a", "b", "c"], of.ids()


@case
def skipped_lines_are_not_looked_at():
    """--skip passes over as many records, bad ones too; more than there are is no failure."""
    with stele() as program:
        of = Aggregate(program)
        text = lines(HEADER, "bad", f"b,{GOOD},", f"c,{GOOD},")
        of.publish("--skip", "2", "--format", "csv", stdin=text).exits(0).says("1 event published")
        of.publish("--skip", "9", "--format", "csv", stdin=text).exits(0).says("0 events published")
        assert of.ids() == ["c"], of.ids()


@case
def json_lines_are_the_plain_form():
    """JSON lines are read in the plain form; what is wrong in one is said with its line."""
    good = '{"id": "%s", "day": "1997-01-18", "price": "1.00", "at": "2026-01-31T12:00:00Z", "note": "n"}'
    with stele() as program:
        of = Aggregate(program)
        done = of.publish(stdin=lines(good % "a", "", "no JSON", '{"id": "x"}', good.replace("note", "notes") % "y",
                                      "[]", good % "z")).exits(1)
        said = done.err.splitlines()
        for number, (line, reason) in enumerate([(3, "not JSON"), (4, "day: missing, and the field has no default"),
                                                 (5, 'no field "notes"'), (6, "")]):
            assert said[number].startswith(f"standard input:{line}: ") and reason in said[number], said
        assert of.ids() == ["a", "z"], of.ids()
        path = program.file("events.json", good % "file")  # without a newline at its end
        of.publish(path).exits(0)
        assert of.ids() == ["a", "file", "z"], of.ids()


@case
def what_cannot_begin_is_said_at_once():
    """A wrong header, file, schema, key or topic is said before anything is published, with exit code 1."""
    with stele() as program:
        of = Aggregate(program)
        good = program.file("good.csv", lines(HEADER, f"a,{GOOD},"))
        for text, reason in [("", "the file is empty: its first line must name the columns"),
                             ("id,day,day\n", "the header has the column day twice"),
                             ("id,dai\n", 'the header\'s column 2 is "dai", and commands.Types has no such field'),
                             ("id,day\n", "the header has no column price, and the field has no default")]:
            path = program.file("header.csv", text)
            of.publish(path).exits(1).says(f"{path}: {reason}")
        of.publish("none.csv").exits(1).says("none.csv: No such file or directory")
        of.publish(good, schema="none.avsc").exits(1).says("none.avsc: No such file or directory")
        of.publish("/tmp", "--format", "json").exits(1).says("/tmp: cannot be read: Is a directory")
        of.publish(good, key="idd").exits(1).says("--key idd: commands.Types has no such field; did you mean id?")
        text = program.file("text.avsc", '"string"')
        of.publish(good, schema=text).exits(1).says(f"{text}: an event is a record, and this is of type string")
        of.publish(good, key="day").exits(1).says("--key day: the field must be a string that is never null")
        of.publish(good, key="note").exits(1).says("--key note: the field must be a string that is never null")
        assert of.events() == []
        nobody = unique("nobody")
        program.call("publish", nobody, "--schema", TYPES, "--key", "id", good, timeout=15).exits(1).says(
            f"there is no topic {nobody}.events: stele topics create {nobody} makes it")


@case
def an_incompatible_schema_is_refused():
    """A schema that cannot read what stands under its name is refused, and nothing is published."""
    with stele() as program:
        of = Aggregate(program)
        schema = '{"type": "record", "name": "Changed", "fields": [{"name": "id", "type": "string"}%s]}'
        first = program.file("first.avsc", schema % "")
        second = program.file("second.avsc", schema % ', {"name": "more", "type": "int"}')
        of.publish(schema=first, stdin='{"id": "a"}\n').exits(0)
        of.publish(schema=second, stdin='{"id": "b", "more": 1}\n').exits(1).says("more")
        assert of.ids() == ["a"], of.ids()


@case
def headers_can_make_a_cloud_event():
    """--headers cloudevents: history, tail and the event's id are the same."""
    with stele() as program:
        of = Aggregate(program)
        path = program.file("good.csv", lines(HEADER, f"a,{GOOD},"))
        of.publish(path, "--headers", "cloudevents").exits(0)
        of.publish(path).exits(0)
        first, second = of.events()
        assert first["type"] == second["type"] == "commands.Types" and first["data"] == second["data"]
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", first["event_id"])
        assert first["event_id"] != second["event_id"]


def interrupted(of, words, count):
    """A publication that reads a pipe, is interrupted after so many lines, and says where to go on."""
    running = of.program.start("publish", of.name, "--schema", TYPES, "--key", "id", *words, stdin=subprocess.PIPE)
    header = [HEADER] if words[-1] == "csv" else []
    running.process.stdin.write(lines(*header, *(of.line(n) for n in range(count))).encode())
    running.process.stdin.flush()
    until("some of it is in the log", 40, lambda: len(of.events()) >= 1)
    done = running.ends(signal.SIGINT).exits(1).says("interrupted")
    return int(re.search(r"continue with --skip (\d+)\n", done.err).group(1))


def goes_on_after_an_interruption(format_name, make_line):
    with stele() as program:
        of = Aggregate(program)
        of.line = make_line
        taken = interrupted(of, ["--format", format_name], 3000)
        assert 0 < taken <= 3000, taken
        assert len(of.events()) == taken, (len(of.events()), taken)
        header = [HEADER] if format_name == "csv" else []
        everything = lines(*header, *(make_line(n) for n in range(5000)))
        of.publish("--format", format_name, "--skip", str(taken), stdin=everything).exits(0)
        counts = collections.Counter(of.ids())
        assert counts == {f"a{n}": 1 for n in range(5000)}, counts.most_common(3)


@case
def an_interrupted_csv_goes_on():
    """Ctrl-C in the middle of a CSV flushes and says --skip N, with which each line is there once."""
    goes_on_after_an_interruption("csv", lambda n: f"a{n},{GOOD},")


@case
def an_interrupted_json_goes_on():
    """Ctrl-C in the middle of JSON lines flushes and says --skip N, with which each line is there once."""
    goes_on_after_an_interruption("json", lambda n: '{"id": "a%d", "day": "1997-01-18", "price": "1.00", '
                                  '"at": "2026-01-31T12:00:00Z", "note": null}' % n)


@case
def a_topic_with_a_smaller_limit_refuses():
    """What the topic alone refuses, by its max.message.bytes, is named line by line: the rest is there."""
    with stele() as program:
        of = Aggregate(program, partitions=1)
        meddle("set", f"{of.name}.events", "max.message.bytes", 1000, "retention.ms", -1)
        text = lines(HEADER, f"a2,{GOOD},", f"a3,{GOOD},{os.urandom(4000).hex()}", f"a4,{GOOD},")
        done = of.publish("--format", "csv", stdin=text).exits(1).says("too large")
        refused = re.findall(r"^standard input:(\d+): not taken: ", done.err, re.MULTILINE)
        assert refused == ["3"], done.err
        assert of.ids() == ["a2", "a4"], (of.ids(), done.err)


@case
def a_topic_with_a_smaller_limit_takes_many_that_fit():
    """Records that fit a topic's max.message.bytes each are taken, though together they are larger."""
    with stele() as program:
        of = Aggregate(program, partitions=1)
        meddle("set", f"{of.name}.events", "max.message.bytes", 20000, "retention.ms", -1)
        text = lines(HEADER, *(f"a{n},{GOOD},{os.urandom(500).hex()}" for n in range(1000)))
        of.publish("--format", "csv", stdin=text).exits(0).says("1000 events published")
        assert [event["id"] for event in of.events()] == [f"a{n}" for n in range(1000)]


if __name__ == "__main__":
    run_cases(globals())
