#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/moving.md: its commands are typed in order, on two real brokers of the test's own, and its program is run; each
prints what the page says behind it."""

import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
from programs import ROOT, Broker, say, with_packages  # noqa: E402

with_packages(os.path.join(HERE, "../commands/fastavro.txt"))


def listings():
    """Each block that is run, with its kind and what the block behind it promises."""
    with open(os.path.join(ROOT, "docs/moving.md")) as file:
        blocks = re.findall(r"```(\w+)\n(.*?)```", file.read(), re.DOTALL)
    assert len(blocks) % 2 == 0
    for (kind, text), (behind, promised) in zip(blocks[::2], blocks[1::2]):
        assert kind in ("sh", "python") and behind == "text", (kind, behind)
        yield kind, text, promised


def main():
    brokers = [Broker("moving-here"), Broker("moving-there")]
    try:
        with tempfile.TemporaryDirectory(prefix="stele-moving-") as folder:
            os.symlink(os.path.join(ROOT, "examples"), os.path.join(folder, "examples"))
            path = f"{os.path.dirname(os.environ['STELE_PROGRAM'])}:{os.environ['PATH']}"
            env = dict(os.environ, STELE_KAFKA=brokers[0].address, OTHER=brokers[1].address, PATH=path)
            count = 0
            for kind, text, promised in listings():
                words = ["bash", "-ec", text] if kind == "sh" else [sys.executable, "-c", text]
                done = subprocess.run(words, cwd=folder, env=env, text=True, timeout=180,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                assert done.returncode == 0 and done.stdout == promised, f"{text}\nexit {done.returncode}, prints\n{done.stdout}"
                say(f"ok     {text.strip().splitlines()[-1]}")
                count += 1
    finally:
        for broker in brokers:
            broker.stop()
    print(f"{count} passed, 0 failed")


if __name__ == "__main__":
    main()
