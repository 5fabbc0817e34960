#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A worker whose registry goes away: it meets an unknown id, waits, says why in its status, and goes on
when the registry is back, without having lost or doubled an event.

usage: test_away.py STELE SHOP. It has a broker of its own.
"""
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHOP_FOLDER = os.path.join(ROOT, "examples/shop")
STELE, SHOP = map(os.path.abspath, sys.argv[1:3])
LINES = 600
WAIT_S = 60


def until(what, question):
    deadline = time.monotonic() + WAIT_S
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {WAIT_S} s: {what}")
        time.sleep(0.1)  # between two questions, not instead of one


def call(*words, stdin=None):
    done = subprocess.run(words, input=stdin, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, f"{words}: exit {done.returncode}"
    return done.stdout


def serve(port):
    """The registry at a port; 0: any. @return process and port"""
    process = subprocess.Popen([STELE, "registry", "serve", "--listen", f"127.0.0.1:{port}"],
                               stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline().rsplit(":", 1)[1])


def end(process):
    process.send_signal(signal.SIGTERM)
    assert process.wait(40) == 0, process.args


def publish(lines, schema):
    """The registry in Kafka is there all the time; it is HTTP that goes away."""
    call(STELE, "publish", "customer", "--schema", schema, "--key", "customer_id", "--format", "csv", stdin="".join(lines))


def status():
    return [json.loads(line) for line in call(SHOP, "status", "customers", "--json").splitlines()]


def position_sum(rows):
    return sum(row["position"] for row in rows)


def is_caught_up(events):
    rows = status()
    return len(rows) == 2 and all(row["state"] == "running" for row in rows) and position_sum(rows) == events


def waits_for_registry(url):
    rows = [row for row in status() if row["state"] == "waiting"]
    return rows and all(url in row["reason"] for row in rows) and rows


def counts():
    """Purchases by customer, as the projection has them."""
    states = [json.loads(line) for line in call(SHOP, "state", "customers", "--all", "--json").splitlines()]
    return {state["id"]: state["version"] for state in states}


def newer_schema(folder):
    with open(os.path.join(SHOP_FOLDER, "schemas/purchase.avsc")) as file:
        schema = json.load(file)
    schema["fields"].append({"name": "shop", "type": ["null", "string"], "default": None})
    path = os.path.join(folder, "newer.avsc")
    with open(path, "w") as file:
        json.dump(schema, file)
    return path


def scenario(folder):
    with open(os.path.join(SHOP_FOLDER, "data/cdnow_sample.csv")) as file:
        head, *lines = [next(file) for _ in range(LINES + 1)]
    expected = {}
    for row in csv.DictReader([head, *lines]):
        expected[row["customer_id"]] = expected.get(row["customer_id"], 0) + 1
    half = LINES // 2

    call(STELE, "topics", "create", "customer", "--partitions", "2")
    publish([head, *lines[:half]], os.path.join(SHOP_FOLDER, "schemas/purchase.avsc"))
    registry, port = serve(0)
    url = f"http://127.0.0.1:{port}"
    with open(os.path.join(folder, "worker.log"), "w") as log:
        worker = subprocess.Popen([SHOP, "run", "-o", f"registry.url={url}", "-o", "registry.timeout_ms=1000"], stderr=log)
    try:
        until("the first half is applied", lambda: is_caught_up(half))

        end(registry)
        publish([head.strip() + ",shop\n", *[line.strip() + ",web\n" for line in lines[half:]]], newer_schema(folder))
        rows = until("it waits and says why", lambda: waits_for_registry(url))
        assert worker.poll() is None and position_sum(status()) == half, rows

        registry, _ = serve(port)
        until("all is applied", lambda: is_caught_up(LINES))
        end(worker)
        assert counts() == expected
        end(registry)
    except BaseException:
        with open(os.path.join(folder, "worker.log")) as log:
            sys.stderr.write(log.read())
        raise
    finally:
        for process in (worker, registry):
            if process.poll() is None:
                process.kill()
                process.wait()


def main():
    kafka, name = os.path.join(ROOT, "scripts/kafka"), f"away-{os.getpid()}"
    os.environ["STELE_KAFKA"] = call(kafka, "start", "--name", name).strip()
    try:
        with tempfile.TemporaryDirectory(prefix="stele-away-") as folder:
            scenario(folder)
    finally:
        call(kafka, "stop", "--name", name)
    print("ok")


main()
