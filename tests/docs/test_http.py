#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/http.md: its commands are typed in order, on a real broker of the test's own, and each prints what the page says
behind it, where … is anything."""

import os
import re
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from programs import ROOT, Broker, say  # noqa: E402

MARK = "--- the next one ---"


def listings():
    """Each block of shell, and what it prints: the block behind it, if that is none of shell."""
    with open(os.path.join(ROOT, "docs/http.md")) as file:
        blocks = re.findall(r"```(\w+)\n(.*?)```", file.read(), re.DOTALL)
    for at, (kind, text) in enumerate(blocks):
        if kind != "sh":
            continue
        behind = blocks[at + 1] if at + 1 < len(blocks) else ("sh", "")
        yield text, behind[1] if behind[0] in ("json", "text") else None


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def type_in(texts, address):
    """What each of them prints."""
    port = free_port()
    ready = f"until curl -sfo /dev/null http://127.0.0.1:{port}/openapi.json; do sleep 0.1; done\n"
    script = (f"set -eo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n{texts[0]}{ready}"
              + "".join(f"echo; echo '{MARK}'\n{text}" for text in texts[1:]))
    path = f"{os.path.dirname(os.environ['STELE_BANK'])}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-m", "-c", script.replace("127.0.0.1:8080", f"127.0.0.1:{port}")], text=True,
                          env=dict(os.environ, STELE_KAFKA=address, PATH=path), timeout=180,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout.replace("\r\n", "\n").split(MARK)


def main():
    texts, promised = zip(*listings())
    broker = Broker("http")
    try:
        printed = type_in(texts, broker.address)
    finally:
        broker.stop()
    assert len(printed) == len(texts) and promised[1:].count(None) == 0
    for text, wanted, got in zip(texts[1:], promised[1:], printed[1:]):
        pattern = re.escape(wanted.strip()).replace("…", ".*")
        assert re.fullmatch(pattern, got.strip()), f"{text}\nprints\n{got}\nand the page says\n{wanted}"
        say(f"ok     {text.strip().splitlines()[0]}")
    print(f"{len(texts)} passed, 0 failed")


if __name__ == "__main__":
    main()
