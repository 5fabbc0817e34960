#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a call of check() for every message format in the product's sources: its place, the room
that the message has, the format, and arguments as long as they can be."""
import pathlib
import re
import sys

FOLDERS = "core schemas kafka registry producer consumer snapshots projections testing server cli"

# Function: which argument is the format, and the room of its text.
ERROR_ROOM = "STELE_ERROR_TEXT_MAX + 1"
FUNCTIONS = {
    "stele_fail": (3, ERROR_ROOM),
    "stele_fail_cause": (4, ERROR_ROOM),
    "stele_parser_fail": (4, ERROR_ROOM),
    "stele_compiler_text": (1, ERROR_ROOM),
    "stele_rest_reply_error": (2, ERROR_ROOM),
    "refuse": (2, "STELE_VALUE_WHY_MAX"),
    "find": (2, "512"),
    "stele_message_format": (2, None),  # the room is looked up where the buffer is declared
}

ARGUMENTS = {
    "s": "long_name", "c": "'c'", "p": "(void *)long_name", "f": "-1e300", "g": "-1e300",
}
INTEGERS = {
    "": ("INT_MIN", "UINT_MAX"), "h": ("INT_MIN", "UINT_MAX"), "hh": ("INT_MIN", "UINT_MAX"),
    "l": ("LONG_MIN", "ULONG_MAX"), "ll": ("LLONG_MIN", "ULLONG_MAX"), "z": ("(ssize_t)-1", "SIZE_MAX"),
    "j": ("INTMAX_MIN", "UINTMAX_MAX"),
}
MACROS = {
    "PRId64": "INT64_MIN", "PRIu64": "UINT64_MAX", "PRIx64": "UINT64_MAX", "PRId32": "INT32_MIN",
    "PRIu32": "UINT32_MAX", "PRIu8": "255", "JSON_INTEGER_FORMAT": None,
}


def arguments_of(text, at):
    """The arguments of the call whose parenthesis opens at `at`."""
    found, depth, start = [], 0, at + 1
    while at < len(text):
        c = text[at]
        if c in "\"'":
            at += 1
            while text[at] != c:
                at += 2 if text[at] == "\\" else 1
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth == 0:
                found.append(text[start:at].strip())
                return found
        elif c == "," and depth == 1:
            found.append(text[start:at].strip())
            start = at + 1
        at += 1
    raise ValueError("a call without an end")


def formats_of(expression):
    """The format, or both of a conditional one; each a run of literals and PRI… macros."""
    token = r'"(?:[^"\\]|\\.)*"|PRI[a-zA-Z0-9]+|JSON_INTEGER_FORMAT'
    if not re.search(r'"', expression):
        return []
    return [run.group(0).strip() for run in
            re.finditer(rf'(?:(?:{token})\s*)+', expression)
            if run.group(0).strip().startswith('"')]


def values_for(format_expression):
    """One argument for each directive of the format."""
    flat = ""
    for token in re.findall(r'"(?:[^"\\]|\\.)*"|PRI\w+|JSON_INTEGER_FORMAT', format_expression):
        flat += token[1:-1] if token[0] == '"' else f"{{{token}}}"
    values = []
    for match in re.finditer(r"%([-+ #0-9*.]*)(hh|h|ll|l|z|j|t)?([a-zA-Z%]|\{(\w+)\})", flat):
        flags, length, kind, macro = match.groups()
        if kind == "%":
            continue
        values += ["LONG" if "." in flags else "1"] * flags.count("*")
        if macro:
            values.append(MACROS[macro])
        elif kind in ARGUMENTS:
            values.append(ARGUMENTS[kind])
        else:
            values.append(INTEGERS[length or ""][kind not in "di"])
    return values


def room_of(source, at, expression):
    name = re.match(r"sizeof \(?([\w.>-]+)", expression)
    if not name:
        return "120"
    member = re.split(r"\.|->", name.group(1))[-1]
    declared = re.findall(rf"char {member}\[(.+?)\];", source[:at]) or ["200"]
    return ERROR_ROOM if "sizeof" in declared[-1] else declared[-1]


def main(root, out):
    lines = []
    for folder in FOLDERS.split():
        for path in sorted((root / folder).glob("*.c")):
            source = path.read_text()
            for match in re.finditer(r"\b(\w+)\(", source):
                if match.group(1) not in FUNCTIONS:
                    continue
                index, room = FUNCTIONS[match.group(1)]
                found = arguments_of(source, match.end() - 1)
                if len(found) <= index:
                    continue
                line = source.count("\n", 0, match.start()) + 1
                where = f"{path.relative_to(root)}:{line}"
                for form in formats_of(found[index]):
                    values = values_for(form)
                    if None in values:
                        continue
                    space = room or room_of(source, match.start(), found[1])
                    form = " ".join(form.split("\n"))
                    lines.append(f'    check({", ".join([f"{chr(34)}{where}{chr(34)}", space, form, *values])});\n')
    out.write_text("".join(lines) + f"    enum {{ FORMATS = {len(lines)} }};\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
