#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The lesson of examples/bank: its listings are in its sources, and what it tells its reader to type is typed, on a
real broker of the test's own; each line prints what the page promises. Then the program is killed and started again."""

import glob
import json
import os
import re
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from programs import ROOT, Broker, say  # noqa: E402

FOLDER = os.path.join(ROOT, "examples/bank")


def content(path):
    with open(path) as file:
        return file.read()


def check_listings(page):
    sources = [content(path) for path in sorted(glob.glob(os.path.join(FOLDER, "*.c")))]
    listings = re.findall(r"```c\n(.*?)```", page, re.DOTALL)
    assert len(listings) >= 3, "the lesson has lost its listings"
    for listing in listings:
        assert any(listing in source for source in sources), f"no source has:\n{listing}"
    say(f"ok     {len(listings)} listings are in the sources")


def promises(block):
    """What its commands print, in order: the members that the page shows."""
    for text in re.findall(r"^[a-z].*# (\{.*\})$", block, re.MULTILINE):
        yield json.loads(text.replace(", …", ""))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def type_in(block, program, address):
    """The block as a shell reads it, in the folder of the tree; the program that it starts is killed and started again."""
    env = dict(os.environ, STELE_KAFKA=address, PATH=f"{os.path.dirname(program)}:{os.environ['PATH']}")
    script = f"set -e\n{block}\nkill -KILL %1\nwait %1 || true\n"
    return subprocess.run(["bash", "-m", "-c", script], cwd=ROOT, env=env, text=True, timeout=180,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def check_rows(done, promised):
    printed = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    # A history is promised by its first line.
    rows = [row for before, row in zip([{}] + printed, printed) if not ("event_id" in before and "event_id" in row)]
    assert len(rows) >= len(promised), f"{done.stdout}{done.stderr}"
    for row, wanted in zip(rows, promised):
        assert {key: row.get(key) for key in wanted} == wanted, f"{row} is not {wanted}:\n{done.stdout}{done.stderr}"


def main():
    page = content(os.path.join(FOLDER, "README.md"))
    check_listings(page)
    program = os.environ["STELE_BANK"]
    port, log = free_port(), os.path.join(os.environ.get("TMPDIR", "/tmp"), f"bank-{os.getpid()}.log")
    block = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL))
    typed = block.replace("127.0.0.1:8080", f"127.0.0.1:{port}").replace("bank.log", log)
    promised = list(promises(block))
    assert len(promised) >= 8, promised
    broker = Broker("bank")
    try:
        done = type_in(typed, program, broker.address)
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
        check_rows(done, promised)
        say(f"ok     {len(promised)} commands print what the lesson promises")

        again = re.sub(r"^(bank topics create|send (ann|bob) CreateAccount|ask debt|send ann .*(500|501)}).*$", "", typed,
                       flags=re.MULTILINE)
        done = type_in(again, program, broker.address)
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
        check_rows(done, [{"version": 3}, {"version": 3}, {"status": 409}, {"balance_cents": 200}])
        say("ok     killed and started again, it repeats no withdrawal and knows the balance")
    finally:
        broker.stop()
        if os.path.exists(log):
            os.remove(log)
    print("3 passed, 0 failed")


if __name__ == "__main__":
    main()
