#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Commands go by way of their topic to the accounts of examples/bank, while their owners are killed and the broker is,
and while calls come beside them. Each command has one effect, or one dead letter, and the totals agree.

usage: test_queue.py BANK SENDER [--commands N] [--accounts N] [--instances N] [--partitions N]"""

import argparse
import collections
import json
import os
import signal
import subprocess
import time

import harness
from hammer import Faults, Instance
from harness import end, say, until

TOO_MUCH = 1000000000
TOPIC = "aggregate.account.commands=topic"


def parse_arguments():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("sender")
    arguments.add_argument("--commands", type=int, default=5000)
    arguments.add_argument("--accounts", type=int, default=20)
    arguments.add_argument("--instances", type=int, default=2)
    arguments.add_argument("--partitions", type=int, default=4)
    return arguments.parse_args()


class Blows(Faults):
    """Owners and the broker are killed for as long as someone sends."""

    def __init__(self, random, instances, broker, sender):
        super().__init__(random, instances, broker, 0)
        self.sender = sender

    def left(self):
        return 1 if self.sender.poll() is None else 0

    def play(self):
        planned = [self.kill, self.kill_broker, self.kill]
        while planned or self.left() > 0:
            self.rest(self.random.uniform(1, 4))
            fault = planned.pop(0) if planned else self.random.choice([self.kill, self.freeze, self.end])
            self.counts[fault.__name__] += 1
            fault()
        self.rest(1)


def wanted(arguments):
    """Amounts of what is done and of what is refused, by their numbers."""
    numbers = range(arguments.accounts, arguments.accounts + arguments.commands)
    return ({number for number in numbers if number % 7 != 0},
            {TOO_MUCH + number for number in numbers if number % 7 == 0})


def events_of(shop):
    return shop.lines("tail", "account", "--from", "beginning")


def letters_of(shop):
    return [json.loads(line) for line in shop.call("dlq", "list", "account").stdout.splitlines()]


def all_done(arguments, shop):
    done, refused = wanted(arguments)
    deposits = sum(event["type"] == "bank.MoneyDeposited" for event in events_of(shop))
    letters = {letter["data"]["amount_cents"] for letter in letters_of(shop)}
    return deposits >= len(done) and len(letters) >= len(refused)


def check(arguments, shop):
    done, refused = wanted(arguments)
    deposits = collections.Counter(event["data"]["amount_cents"] for event in events_of(shop)
                                   if event["type"] == "bank.MoneyDeposited")
    assert set(deposits) == done, f"lost: {sorted(done - set(deposits))[:5]}, none's: {sorted(set(deposits) - done)[:5]}"
    doubled = [amount for amount, times in deposits.items() if times > 1]
    assert not doubled, f"doubled: {doubled[:5]}"
    # One that is sent twice and refused is decided on twice: each record has its own.
    letters = {letter["data"]["amount_cents"] for letter in letters_of(shop)}
    assert letters == refused, f"{sorted(letters ^ refused)[:5]}"
    positions = collections.Counter(letter["command"] for letter in letters_of(shop))
    assert max(positions.values()) == 1, positions.most_common(3)
    check_order(arguments, shop)
    states = shop.lines("state", "account", "--all")
    assert sum(row["state"]["balance_cents"] for row in states) == sum(done)
    say(f"{len(done)} commands are done once, {len(refused)} are dead letters, and the totals agree")


def check_order(arguments, shop):
    """One sender: the numbers of an account's deposits ascend."""
    last = {}
    for event in sorted(events_of(shop), key=lambda event: (event["id"], event["version"])):
        if event["type"] == "bank.MoneyDeposited":
            assert event["data"]["amount_cents"] > last.get(event["id"], 0), f"{event['id']}: not in the order of the topic"
            last[event["id"]] = event["data"]["amount_cents"]
    assert len(last) == arguments.accounts


def play(arguments, chance, broker, shop):
    shop.call("topics", "create", "account", "--partitions", str(arguments.partitions))
    instances = [Instance(shop, f"bank{i}") for i in range(arguments.instances)]
    for instance in instances:
        instance.start()
    until("there is a topic of commands", 60, lambda: "account.commands:" in shop.call("topics", "describe", "account").stdout)
    with open(os.path.join(shop.folder, "sender.log"), "wb") as messages:
        sender = subprocess.Popen([arguments.sender, str(arguments.accounts), str(arguments.commands)], env=shop.env,
                                  stderr=messages)
    shop.processes.append(sender)
    began = time.monotonic()
    blows = Blows(chance, instances, broker, sender)
    blows.play()
    assert sender.wait(timeout=120) == 0, "the sender has failed"
    say(f"all is sent after {time.monotonic() - began:.0f} s; faults: {dict(blows.counts)}")
    until("all commands are carried out", 120, lambda: all_done(arguments, shop))
    for instance in instances:
        assert end(instance.process, signal.SIGTERM) == 0, f"{instance.name} does not end in order"
    check(arguments, shop)
    shop.call("audit", "account")
    shop.call("snapshots", "verify", "account")


def main():
    arguments = parse_arguments()
    chance = harness.seeded()
    broker = harness.Broker("queue")
    shop = harness.Shop(arguments.program, broker.address, ["kafka.session.timeout.ms=6000", TOPIC])
    with harness.played_on(broker, shop):
        play(arguments, chance, broker, shop)


if __name__ == "__main__":
    main()
