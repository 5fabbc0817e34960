#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare fastavro with what Avro Java made of the same cases, which Stele agrees with.

Reads the lines of Reference.java on standard input. A datum that both can read must give the same
value: fastavro resolves the writer's bytes, and reads the reader's own bytes as they are.

fastavro_check.py < cases.jsonl        exit 77 if fastavro is missing
"""
import binascii
import io
import json
import math
import struct
import sys

try:
    import fastavro
except ImportError:
    print("fastavro is missing: pip install fastavro", file=sys.stderr)
    sys.exit(77)


def plain(schema):
    """Without logical types: fastavro takes the writer's, Avro Java's generic reader none."""
    if isinstance(schema, list):
        return [plain(branch) for branch in schema]
    if isinstance(schema, dict):
        return {key: value if key == "default" else plain(value) for key, value in schema.items() if key != "logicalType"}
    return schema


def same(seen, wanted):
    """Equal, but for what fastavro does otherwise, against the specification:
    - a number that is read as a float or double is not converted, and a union's branch that it could be
      promoted to is taken before one that it matches ("Schema Resolution");
    - defaults stay as they are in JSON: bytes are text, and fields that a record's default leaves out
      are not filled in ("Complex Types", "Records");
    - string and bytes are not converted into one another within unions."""
    if isinstance(seen, bool) or isinstance(wanted, bool):
        return seen is wanted
    if isinstance(seen, (int, float)) and isinstance(wanted, (int, float)):
        if math.isnan(wanted):
            return math.isnan(seen)
        if seen == wanted or (isinstance(seen, float) and seen == float(wanted)):
            return True
        narrow = math.isfinite(seen) and abs(seen) < 3e38
        return narrow and struct.unpack("<f", struct.pack("<f", seen))[0] == wanted
    if isinstance(seen, str) and isinstance(wanted, bytes):
        return wanted in (seen.encode("utf-8"), seen.encode("latin-1", "replace"))
    if isinstance(seen, bytes) and isinstance(wanted, str):
        return seen == wanted.encode("utf-8")
    if isinstance(seen, dict) and isinstance(wanted, dict):
        return seen.keys() <= wanted.keys() and all(same(seen[key], wanted[key]) for key in seen)
    if isinstance(seen, list) and isinstance(wanted, list):
        return len(seen) == len(wanted) and all(same(x, y) for x, y in zip(seen, wanted))
    return seen == wanted


def read(datum, writer, reader=None):
    return fastavro.schemaless_reader(io.BytesIO(binascii.unhexlify(datum)), writer, reader)


def has_relative_alias(schema):
    """An alias without a namespace, of a type that has one: it is in that namespace ("Aliases"), but
    fastavro takes it for a name without one."""
    if isinstance(schema, list):
        return any(has_relative_alias(branch) for branch in schema)
    if not isinstance(schema, dict):
        return False
    if schema.get("namespace") and any("." not in alias for alias in schema.get("aliases", [])):
        return True
    inner = [schema.get("items"), schema.get("values")] + [field["type"] for field in schema.get("fields", [])]
    return any(has_relative_alias(each) for each in inner)


def named_types(schema):
    """Every definition in it. The generator writes the namespace at each."""
    if isinstance(schema, list):
        return [each for branch in schema for each in named_types(branch)]
    if not isinstance(schema, dict):
        return []
    inner = [schema.get("items"), schema.get("values")] + [field["type"] for field in schema.get("fields", [])]
    return ([schema] if "name" in schema else []) + [each for part in inner for each in named_types(part)]


def full_name(schema):
    return f"{schema['namespace']}.{schema['name']}" if schema["namespace"] else schema["name"]


def has_alias_under_another_name(writer, reader):
    """Aliases of fields, in a record that the writer has in another namespace: Avro Java's reader
    applies them by the record's full name only, fastavro wherever the record matches."""
    written = {full_name(each) for each in named_types(writer)}
    for record in named_types(reader):
        names = {full_name(record), *record.get("aliases", [])}
        if any(field.get("aliases") for field in record.get("fields", [])) and not names & written:
            return True
    return False


def compare(case, totals):
    writer, reader = json.loads(case["writer"]), json.loads(case["reader"])
    if has_relative_alias(reader) or has_alias_under_another_name(writer, reader):
        totals["pairs with aliases that fastavro takes otherwise"] += 1
        return
    try:
        writer = fastavro.parse_schema(plain(writer))
        reader = fastavro.parse_schema(plain(reader))
    except Exception:
        totals["schemas that fastavro refuses"] += 1
        return
    for datum, expected in case["data"]:
        if expected.startswith("error: "):
            continue
        try:
            seen = read(datum, writer, reader)
            wanted = read(expected, reader)
        except Exception:
            totals["data that fastavro refuses"] += 1
            continue
        if same(seen, wanted):
            totals["data read alike"] += 1
        else:
            totals["differences"] += 1
            print(f"{case['number']}\t{datum}\tfastavro: {seen}\tAvro Java: {wanted}")


def main():
    totals = dict.fromkeys(
        ["data read alike", "data that fastavro refuses", "schemas that fastavro refuses",
         "pairs with aliases that fastavro takes otherwise", "differences"], 0
    )
    for line in sys.stdin:
        compare(json.loads(line), totals)
    print(", ".join(f"{count} {name}" for name, count in totals.items()), file=sys.stderr)
    return 0 if totals["differences"] == 0 and totals["data read alike"] > 0 else 1


sys.exit(main())
