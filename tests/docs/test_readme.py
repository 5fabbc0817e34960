#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the README tells its reader to type is typed, on a real broker of the test's own."""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from programs import ROOT, Broker, say  # noqa: E402


def block_with(text):
    """The README's block of shell in which that stands."""
    with open(os.path.join(ROOT, "README.md")) as file:
        blocks = re.findall(r"```sh\n(.*?)```", file.read(), re.DOTALL)
    found = [block for block in blocks if text in block]
    assert len(found) == 1, f"{len(found)} blocks of the README have {text!r}"
    return found[0]


def type_in(block, program, address):
    """The block as a shell reads it; the worker that it leaves in the background is ended in good order."""
    env = dict(os.environ, STELE_KAFKA=address, PATH=f"{os.path.dirname(program)}:{os.environ['PATH']}")
    script = f"set -e\n{block}\nkill -TERM %1\nwait %1\n"
    return subprocess.run(["bash", "-m", "-c", script], cwd=ROOT, env=env, text=True, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def main():
    block = block_with("users topics create user")
    broker = Broker("readme")
    try:
        done = type_in(block, os.environ["STELE_USERS"], broker.address)
    finally:
        broker.stop()
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    promised = json.loads(re.search(r"# (\{.*\})", block).group(1).replace("…,", ""))
    state = next(row for row in rows if "state" in row)
    assert {key: state[key] for key in promised} == promised, state
    say("ok     the state is the one that the README promises")
    event = next(row for row in rows if "event_id" in row)
    assert event["data"] == {"id": "u1", "name": "Ada"}, event
    say("ok     the history is what was published")
    for wanted in ("created user.events", "2 events published", "worker ended"):
        assert wanted in done.stderr, done.stderr
    say("ok     every command did what its comment says, and ended with 0")
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
