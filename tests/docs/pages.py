# SPDX-License-Identifier: MIT
"""Pages whose commands are typed in order, by one shell, on a real broker of the test's own: each block of shell prints what the block behind
it says, where … is anything. What the first one prints is not looked at: it starts the program."""

import os
import re
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from programs import ROOT, Broker, say  # noqa: E402

MARK = "--- the next one ---"
SQLITE = '''#!/usr/bin/env python3
import sqlite3, sys
for row in sqlite3.connect(sys.argv[1], timeout=20).execute(sys.argv[2]):
    print("|".join(map(str, row)))
'''


def listings(page):
    """Each block of shell, and what it prints: the block behind it, if that is none of shell."""
    with open(os.path.join(ROOT, page)) as file:
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


def type_in(texts, program, address, folder):
    """What each of them prints. What serves HTTP is waited for."""
    port = free_port()
    ready = ""
    if "http.listen" in texts[0]:
        ready = f"until curl -sfo /dev/null http://127.0.0.1:{port}/openapi.json; do sleep 0.1; done\n"
    script = (f"set -eo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n{texts[0]}{ready}"
              + "".join(f"echo; echo '{MARK}'\n{text}" for text in texts[1:]))
    path = f"{os.path.dirname(program)}:{folder}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-m", "-c", script.replace("127.0.0.1:8080", f"127.0.0.1:{port}")], text=True,
                          cwd=folder, env=dict(os.environ, STELE_KAFKA=address, PATH=path), timeout=180,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout.replace("\r\n", "\n").split(MARK)


def check(page, program, name):
    """@param program  the path of the one that the page starts"""
    texts, promised = zip(*listings(page))
    broker = Broker(name)
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(os.path.join(ROOT, "examples"), os.path.join(folder, "examples"))
            with open(os.path.join(folder, "sqlite3"), "w") as file:  # where the real one is not installed
                file.write(SQLITE)
            os.chmod(file.name, 0o755)
            printed = type_in(texts, program, broker.address, folder)
    finally:
        broker.stop()
    assert len(printed) == len(texts) and promised[1:].count(None) == 0
    for text, wanted, got in zip(texts[1:], promised[1:], printed[1:]):
        pattern = re.escape(wanted.strip()).replace("…", ".*")
        assert re.fullmatch(pattern, got.strip()), f"{text}\nprints\n{got}\nand the page says\n{wanted}"
        say(f"ok     {text.strip().splitlines()[0]}")
    print(f"{len(texts)} passed, 0 failed")
