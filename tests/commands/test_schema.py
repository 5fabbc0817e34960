#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The schema commands on files: exit codes, findings, forms. No broker is asked."""

import hashlib
import os

from commands import NOWHERE, PROBED, stele
from programs import case, run_cases

OLD = '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}'
WIDER = '''{"type": "record", "name": "R", "doc": "wider", "fields": [{"name": "a", "type": "long"},
           {"name": "b", "type": "string", "default": "x"}]}'''
NARROWER = '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}, {"name": "c", "type": "int"}]}'


def with_files(program, **schemas):
    return [program.file(f"{name}.avsc", text) for name, text in schemas.items()]


@case
def check_says_what_breaks():
    """schema check exits with 0 if compatible, else 3 with a line for each finding, also as JSON."""
    with stele(NOWHERE) as program:
        old, wider, narrower = with_files(program, old=OLD, wider=WIDER, narrower=NARROWER)
        program.call("schema", "check", old, wider).exits(0).says("compatible (BACKWARD)")
        found = program.call("schema", "check", old, wider, "--mode", "full").exits(3)
        assert found.out != "", found.out
        found = program.call("schema", "check", old, narrower, "--json").exits(3).rows()
        assert len(found) == 2 and all(row["text"] and row["kind"] for row in found), found
        program.call("schema", "check", old, "none.avsc").exits(1).says("none.avsc: No such file")
        program.call("schema", "check", old, wider, "--mode", "odd").exits(2).says("--mode odd: expected one of none, backward")


@case
def an_empty_registry_is_called_empty():
    """schema list of a registry without subjects says so, and prints no rows."""
    with stele(NOWHERE) as program:
        folder = os.path.join(os.path.dirname(program.file("beside", "")), "registry")
        os.mkdir(folder)
        done = program.call("schema", "list", "-o", f"registry.url=dir:{folder}").exits(0).says("the registry has no subjects")
        assert done.out == "", done.out


@case
def canonical_and_fingerprint():
    """schema canonical prints the Parsing Canonical Form, schema fingerprint its CRC-64-AVRO or SHA-256."""
    canonical = '{"name":"R","type":"record","fields":[{"name":"a","type":"int"}]}'
    with stele(NOWHERE) as program:
        old, number = with_files(program, old=OLD, number='"int"')
        assert program.call("schema", "canonical", old).exits(0).out == canonical + "\n"
        sha256 = program.call("schema", "fingerprint", old, "--algorithm", "sha256").exits(0).out
        assert sha256 == hashlib.sha256(canonical.encode()).hexdigest() + "\n"
        # Apache Avro's own test data: share/test/data/schema-tests.txt
        assert program.call("schema", "fingerprint", number).exits(0).out == "7275d51a3f395c8f\n"
        assert program.call("schema", "fingerprint", number, "--decimal").exits(0).out == "8247732601305521295\n"
        program.call("schema", "fingerprint", number, "--algorithm", "sha256", "--decimal").exits(2)


@case
def bad_schemas_are_named():
    """A file that is no schema is refused with its name and the reason."""
    bad = {"json": "{", "type": '"nothing"', "twice": '{"type": "record", "name": "R", "fields": '
           '[{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]}'}
    with stele(NOWHERE) as program:
        for path in with_files(program, **bad):
            done = program.call("schema", "canonical", path).exits(1).says(path)
            assert done.out == "" and done.err.count("\n") == 1, done.err


@case
def named_types_come_with_files():
    """--with brings the named types that a schema refers to."""
    with stele(NOWHERE) as program:
        inner, outer = with_files(
            program, inner='{"type": "fixed", "name": "x.Id", "size": 2}',
            outer='{"type": "record", "name": "x.Outer", "fields": [{"name": "id", "type": "x.Id"}]}')
        program.call("schema", "canonical", outer).exits(1).says("x.Id")
        program.call("schema", "canonical", outer, "--with", inner).exits(0).prints('"name":"x.Id"')


@case
def convert_reads_as_another():
    """schema convert prints what the reader sees; a datum that cannot be read has its line, and exit 1."""
    with stele(NOWHERE) as program:
        old, wider, narrower = with_files(program, old=OLD, wider=WIDER, narrower=NARROWER)
        both = ["--writer", old, "--reader", wider]
        assert program.call("schema", "convert", *both, stdin="0a\n").exits(0).out == '{"a":5,"b":"x"}\n'
        assert program.call("schema", "convert", *both, "--from", "json", "--to", "hex",
                            stdin='{"a": 5}\n').exits(0).out == "0a0278\n"
        lines = program.call("schema", "convert", *both, stdin="0a\nzz\n80\n0c\n").exits(1).out.splitlines()
        assert lines[0] == '{"a":5,"b":"x"}' and lines[3] == '{"a":6,"b":"x"}', lines
        assert lines[1].startswith("error: ") and lines[2].startswith("error: "), lines
        done = program.call("schema", "convert", "--writer", old, "--reader", narrower, stdin="0a\n").exits(1)
        assert "error" in done.out + done.err, done.out


@case
def generate_writes_c():
    """schema generate writes a header and a source into the folder that it is given."""
    with stele(NOWHERE) as program:
        folder = os.path.join(program.folder, "gen")
        os.mkdir(folder)
        program.call("schema", "generate", PROBED, "-o", folder).exits(0)
        assert sorted(os.listdir(folder)) == ["probed.c", "probed.h"], os.listdir(folder)
        with open(os.path.join(folder, "probed.h")) as header:
            assert "probe_probed" in header.read()
        deep = os.path.join(program.folder, "not yet", "there")
        program.call("schema", "generate", PROBED, "-o", deep).exits(0)
        assert sorted(os.listdir(deep)) == ["probed.c", "probed.h"], os.listdir(deep)
        below = os.path.join(folder, "probed.h", "x")
        program.call("schema", "generate", PROBED, "-o", below).exits(1).says(below, "Not a directory")
        array = os.path.join(program.folder, "array.avsc")
        with open(array, "w") as file:
            file.write('{"type": "array", "items": "int"}')
        program.call("schema", "generate", array, "-o", folder).exits(1).says(
            f"{array}: code is generated for a record")


if __name__ == "__main__":
    run_cases(globals())
