#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients with expected versions hammer the accounts of examples/bank over HTTP, through any of three instances,
while instances are killed, frozen past their session and ended, and the broker is killed. What the clients were
told is judged by histories/checker.py, which reads the topic with a client of its own; `audit` and
`snapshots verify` have to find nothing, either.

usage: test_hammer.py BANK DUMP [--seconds N] [--clients N] [--accounts N] [--instances N] [--partitions N]"""

import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import harness
from hammer import Api, Client, Faults, Instance, Unknown
from harness import end, say, until

CHECKER = os.path.join(harness.ROOT, "tests/histories/checker.py")
TOPIC = "account.events"


def parse_arguments():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("dump")
    arguments.add_argument("--seconds", type=int, default=60)
    arguments.add_argument("--clients", type=int, default=8)
    arguments.add_argument("--accounts", type=int, default=50)
    arguments.add_argument("--instances", type=int, default=3)
    arguments.add_argument("--partitions", type=int, default=6)
    return arguments.parse_args()


def answers(instances, accounts):
    """Does each instance answer for every account?"""
    for instance in instances:
        instance.check_alive()
    apis = [Api(instance.port) for instance in instances]
    try:
        return all(is_answered(api, account) for api in apis for account in accounts)
    finally:
        for api in apis:
            api.close()


def is_answered(api, account):
    try:
        return api.read(account) is not None
    except Unknown:
        return False


def read_all(client, instances):
    """At the end, through each of them: what they say goes into the history."""
    for instance in instances:
        client.api = Api(instance.port)
        for account in client.accounts:
            client.read(account)


def dump(arguments, broker, shop, isolation):
    path = os.path.join(shop.folder, f"topic-{isolation}.jsonl")
    with open(path, "w") as file:
        subprocess.run([arguments.dump, broker.address, TOPIC, isolation], check=True, stdout=file, timeout=120)
    return path


def schemas(shop):
    """What the ids in the topic mean: asked of the program, which is all that is asked of it here."""
    path = os.path.join(shop.folder, "schemas.jsonl")
    with open(path, "w") as file:
        for subject in shop.lines("schema", "list"):
            for row in shop.lines("schema", "list", subject["subject"]):
                text = shop.call("schema", "get", str(row["id"])).stdout
                file.write(json.dumps({"id": row["id"], "schema": text}) + "\n")
    return path


def judge(arguments, broker, shop, clients):
    histories = [client.file.name for client in clients]
    done = subprocess.run([sys.executable, CHECKER, "--topic", dump(arguments, broker, shop, "committed"),
                           "--all", dump(arguments, broker, shop, "all"), "--schemas", schemas(shop), *histories],
                          stdout=subprocess.PIPE, text=True, timeout=300)
    for line in done.stdout.splitlines():
        say(line)
    assert done.returncode == 0, "there are verdicts"


def check_something_happened(clients, faults):
    total = sum((client.counts for client in clients), collections.Counter())
    reasons = sum((client.reasons for client in clients), collections.Counter())
    say(f"clients were told {dict(total)}, and not told because of {dict(reasons)}; faults: {dict(faults.counts)}")
    for outcome in ("ok", "conflict", "rejected", "unknown"):
        assert total[outcome] > 0, f"not one command was {outcome}: nothing is tried by this"
    assert total["ok"] > 10 * len(clients), total


def hammer(arguments, chance, broker, shop):
    shop.call("topics", "create", "account", "--partitions", str(arguments.partitions))
    instances = [Instance(shop, f"bank{i}") for i in range(arguments.instances)]
    for instance in instances:
        instance.start()
    accounts = [f"account-{i:02d}" for i in range(arguments.accounts)]
    until("all accounts are answered for", 60, lambda: answers(instances, accounts))
    say(f"{len(instances)} instances answer")

    stop = threading.Event()
    ports = [instance.port for instance in instances]
    clients = [Client(i, random.Random(chance.getrandbits(64)), ports, accounts, shop.folder, stop)
               for i in range(arguments.clients)]
    last = Client("last", random.Random(0), ports, accounts, shop.folder, stop)
    faults = Faults(chance, instances, broker, time.monotonic() + arguments.seconds)
    for client in clients:
        client.thread.start()
    try:
        faults.play()
    finally:
        stop.set()
        for instance in instances:
            instance.wake()
    for client in clients:
        client.thread.join(timeout=60)
        if client.failure is not None:
            raise client.failure
    until("all accounts are answered for again", 120, lambda: answers(instances, accounts))
    read_all(last, instances)
    last.file.close()
    check_something_happened(clients, faults)

    for instance in instances:
        assert end(instance.process, signal.SIGTERM) == 0, f"{instance.name} does not end in order"
    judge(arguments, broker, shop, [*clients, last])
    said = shop.call("audit", "account").stderr
    say(said.splitlines()[0])
    shop.call("snapshots", "verify", "account")
    say("audit and snapshots verify find nothing")


def main():
    arguments = parse_arguments()
    chance = harness.seeded()
    broker = harness.Broker("hammer")
    shop = harness.Shop(arguments.program, broker.address, ["kafka.session.timeout.ms=6000"])
    with harness.played_on(broker, shop):
        hammer(arguments, chance, broker, shop)


if __name__ == "__main__":
    main()
