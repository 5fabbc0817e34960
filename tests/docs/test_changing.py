#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/changing-an-event.md: its commands are typed in order, on a real broker of the test's own, and its table is held
against what the check says."""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from programs import ROOT, Broker, Program, say  # noqa: E402

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "changing")
LEVELS = ("BACKWARD", "FORWARD", "FULL")


def page():
    with open(os.path.join(ROOT, "docs/changing-an-event.md")) as file:
        return file.read()


def record(*fields, **more):
    return {"type": "record", "name": "R", "fields": [dict(zip(("name", "type", "default", "aliases"), field))
                                                      for field in fields], **more}


def enum(symbols, **more):
    return record(("e", {"type": "enum", "name": "E", "symbols": list(symbols), **more}))


def aliased(old, new, kind):
    """A field that is renamed with an alias."""
    return record((old, kind)), {"type": "record", "name": "R", "fields": [{"name": new, "type": kind, "aliases": [old]}]}


# For each row of the page's table: what it speaks of, and pairs of schemas with the levels that take them.
ROWS = [
    ("a field is added", [(record(), record(("a", "int", 0)), "BACKWARD FORWARD FULL")]),
    ("a field is removed", [(record(("a", "int")), record(), "BACKWARD"),
                            (record(("a", "int", 0)), record(), "BACKWARD FORWARD FULL")]),
    ("a field gets another name", [(*aliased("a", "b", "int"), "BACKWARD")]),
    ("`int` to `long`", [(record(("a", old)), record(("a", new)), "BACKWARD") for old, new in
                         (("int", "long"), ("int", "float"), ("int", "double"), ("long", "float"), ("long", "double"),
                          ("float", "double"))]),
    ("`string` to `bytes`", [(record(("a", "string")), record(("a", "bytes")), "BACKWARD FORWARD FULL")]),
    ("a field may be null", [(record(("a", "int")), record(("a", ["null", "int"])), "BACKWARD")]),
    ("an enum gets a symbol", [(enum("AB"), enum("ABC"), "BACKWARD"),
                               (enum("AB", default="A"), enum("ABC", default="A"), "BACKWARD FORWARD FULL")]),
    ("an enum loses a symbol", [(enum("AB"), enum("A", default="A"), "BACKWARD FORWARD FULL")]),
    ("another type or unit", [(record(("a", "double")), record(("cents", "long")), ""),
                              (record(("a", ["null", "int"])), record(("a", "int")), "FORWARD")]),
]


def check_table(program):
    """Each row of the table says what the check says."""
    table = re.findall(r"^\| (.*?) \|", page().split("## What a change needs")[1].split("\n## ")[0], re.MULTILINE)
    for what, pairs in ROWS:
        assert any(what in row for row in table), f"the table has no row {what!r}"
        for old, new, levels in pairs:
            files = [program.file(name, json.dumps(schema)) for name, schema in (("old.avsc", old), ("new.avsc", new))]
            taken = [level for level in LEVELS
                     if program.call("schema", "check", *files, "--mode", level.lower()).code == 0]
            assert taken == levels.split(), f"{what}: {old} to {new} is taken at {taken}"
    assert len(table) == len(ROWS) + 2, f"{len(table)} rows"  # the head, and another name
    say("ok     the table says what the check says")


def type_in(address):
    """All that the page tells its reader to type."""
    blocks = re.findall(r"```sh\n(.*?)```", page(), re.DOTALL)
    programs = {os.path.dirname(os.environ[name]) for name in ("STELE_PROGRAM", "STELE_BANK1", "STELE_BANK2")}
    env = dict(os.environ, STELE_KAFKA=address, PATH=":".join([*programs, os.environ["PATH"]]))
    script = "set -eo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n" + "".join(blocks)
    return subprocess.run(["bash", "-m", "-c", script], cwd=FOLDER, env=env, text=True, timeout=180,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def check_story(address):
    done = type_in(address)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert rows[0] == {"account": "ann", "amount": 15.25, "channel": "counter"}, rows[0]
    say("ok     an event of version 1 is read as version 2")
    assert "BACKWARD (the default)" in done.stdout and "refused, as it should be" in done.stdout, done.stdout
    assert "stele schema level" in done.stderr, done.stderr
    say("ok     the registry refuses version 3, and names the way out")
    assert rows[-1]["state"] == {"cents": 1725} and rows[-1]["version"] == 2, rows[-1]
    say("ok     the second version of the projection has all events")
    after = done.stdout[done.stdout.rindex('"cents"'):]
    assert "balances.v2" in after and "balances.v1" not in after, after
    say("ok     the first version is gone")


def main():
    with Program(os.environ["STELE_PROGRAM"], "") as program:
        check_table(program)
    broker = Broker("changing")
    try:
        check_story(broker.address)
    finally:
        broker.stop()
    print("5 passed, 0 failed")


if __name__ == "__main__":
    main()
