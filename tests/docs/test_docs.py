#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The documentation against the tree: listings, links, commands and their options, reasons and states."""

import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from programs import ROOT, Program, case, run_cases  # noqa: E402

PROGRAM = os.environ["STELE_PROGRAM"]
MODULES = "core schemas kafka registry producer consumer snapshots stores projections aggregates server cli".split()


def pages():
    """All pages that a person reads, by their path in the tree."""
    for pattern in ("*.md", "docs/*.md", "examples/*/README.md"):
        for path in sorted(glob.glob(os.path.join(ROOT, pattern))):
            with open(path) as file:
                yield os.path.relpath(path, ROOT), file.read()


def content(path):
    with open(os.path.join(ROOT, path)) as file:
        return file.read()


@case
def listings_are_the_files_that_they_name():
    """A listing between <!-- path --> and <!-- end --> is that file."""
    found = 0
    for page, text in pages():
        for path, listing in re.findall(r"<!-- (\S+) -->\n```\w*\n(.*?)```\n<!-- end -->", text, re.DOTALL):
            assert listing == content(path), f"{page}: the listing of {path} is not the file"
            found += 1
        assert text.count("<!-- end -->") == len(re.findall(r"<!-- \S+/\S+ -->", text)), f"{page}: a mark without its end"
    assert found >= 2, "the README has lost its listings"


def anchors(text):
    """What a link may point at: headings as GitHub makes anchors of them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


@case
def links_lead_somewhere():
    """A link to a file leads to one that is there, and to a heading that it has."""
    broken = []
    for page, text in pages():
        for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
            if not os.path.exists(os.path.join(ROOT, target)):
                broken.append(f"{page}: {link}: no such file")
            elif anchor and anchor not in anchors(content(target)):
                broken.append(f"{page}: {link}: no such heading")
    assert not broken, "\n".join(broken)


@case
def named_files_are_there():
    """A path of the tree in backticks is there, or a test of that name."""
    folders = {name for name in os.listdir(ROOT) if os.path.isdir(os.path.join(ROOT, name))}
    missing = []
    for page, text in pages():
        for path in re.findall(r"`([\w.-]+/[\w./-]*\w)`", text):
            if re.search(r"[A-Z]{4}", path) and not path.endswith("README.md"):
                continue  # a NAME that the reader is to fill in
            module, _, name = path.partition("/")
            places = (path, f"tests/{module}/test_{name}.c", f"tests/{module}/test_{name}.py")
            if module in folders - {"build"} and not any(os.path.exists(os.path.join(ROOT, at)) for at in places):
                missing.append(f"{page}: {path}")
    assert not missing, "\n".join(missing)


def typed_commands(text):
    """What a page tells its reader to type: in blocks of shell, and in backticks; options included."""
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            yield from re.findall(r"(?:^|[|;&] *)(?:stele|shop|users|probe|bank) ([a-z][^#|;&<]*)", line)
    for code in re.findall(r"`((?:stele|shop|users) [a-z][^`]*)`", text):
        yield code.split(" ", 1)[1]


class Help:
    """The help of each command, asked for once."""

    def __init__(self, program):
        self.program = program
        self.texts = {}

    def of(self, words):
        if words not in self.texts:
            done = self.program.call(*words, "--help")
            self.texts[words] = done.out if done.code == 0 else None
        return self.texts[words]

    def find(self, typed):
        """The help of the command that these words begin with; None if there is no such command."""
        words = typed.split()
        two = self.of(tuple(words[:2])) if len(words) > 1 and not words[1].startswith("-") else None
        if two is not None and two.startswith(f"usage: stele {' '.join(words[:2])} "):
            return two
        return self.of((words[0],))


def complaints(helps, where, typed):
    text = helps.find(typed)
    if text is None:
        yield f"{where}: no command `{typed}`"
        return
    for option in re.findall(r"(?<![\w-])--?[a-z][\w-]*", typed):
        if not re.search(rf"^ +(?:-\w, )?{re.escape(option)}[ ,]|^ +{re.escape(option)}, ", text, re.MULTILINE):
            yield f"{where}: `{typed}`: its help has no {option}"


@case
def commands_are_those_of_the_program():
    """Commands and options in the pages, in examples of the help and in messages are those that there are."""
    wrong = []
    with Program(PROGRAM, "") as program:
        helps = Help(program)
        for page, text in pages():
            for typed in typed_commands(text):
                wrong += complaints(helps, page, typed)
        for line in program.call("--help").out.splitlines():
            if not line.startswith("  "):
                continue
            text = helps.find(line)
            for example in text[text.index("\nexample:"):].splitlines()[2:]:
                for typed in re.findall(r"(?:^ *|\| *)(?:stele|shop) (.*)$", example):
                    wrong += complaints(helps, "--help", typed)
    assert not wrong, "\n".join(wrong)


def messages():
    """All that the sources may say: their string literals, neighbours joined, values as blanks."""
    texts = []
    for module in MODULES:
        for path in sorted(glob.glob(os.path.join(ROOT, module, "*.c"))):
            with open(path) as file:
                source = re.sub(r'"\s*PRI\w+\s*"', "", file.read())
            texts.append(re.sub(r'"\s*"', "", source))
    return re.sub(r"%[-+ #0]*[\d*]*(?:\.[\d*]+)?(?:hh|h|ll|l|z|j)?[a-zA-Z]?", " ", "\n".join(texts))


@case
def reasons_are_those_of_the_sources():
    """Each reason in docs/operating.md is what the sources say."""
    table = content("docs/operating.md").split("## Why a partition stops")[1].split("\n## ")[0]
    said = messages()
    unknown = []
    reasons = [reason for row in re.findall(r"^\| (.*?) \|", table, re.MULTILINE) for reason in re.findall(r"`([^`]+)`", row)]
    assert len(reasons) >= 8, reasons
    for reason in reasons:
        for piece in re.split(r"…|\b[A-Z]\b", reason):
            if piece.strip(" ,:.") and piece.strip(" ") not in said:
                unknown.append(f"{reason!r}: no source says {piece.strip()!r}")
    assert not unknown, "\n".join(unknown)


@case
def states_are_those_of_the_sources():
    """The states in docs/operating.md are all that there are."""
    table = content("docs/operating.md").split("## States of a partition")[1].split("\n## ")[0]
    listed = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    source = content("consumer/status.c").split("state_names[] = {")[1].split("};")[0]
    assert listed == set(re.findall(r'"(\w+)"', source)), listed


@case
def configuration_keys_are_those_of_the_table():
    """Keys that the pages name as section.key are in docs/configuration.md."""
    text = content("docs/configuration.md")
    sections = re.split(r"^## \[(\w+)[^\]]*\]\n", text, flags=re.MULTILINE)[1:]
    keys = {name: set(re.findall(r"^\| `([\w.]+)` \|", body, re.MULTILINE))
            for name, body in zip(sections[::2], sections[1::2])}
    wrong = []
    for page, text in pages():
        for section, key in re.findall(r"`(?:-o )?(worker|registry)\.(\w+)", text):
            if key not in keys[section]:
                wrong.append(f"{page}: {section}.{key}")
    assert not wrong, "\n".join(wrong)


if __name__ == "__main__":
    run_cases(globals())
