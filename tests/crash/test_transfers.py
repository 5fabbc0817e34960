#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Transfers between the accounts of examples/bank: reactions carry each from step to step, and a timer ends those that
no one answers, while instances are killed, frozen past their session and ended, and the broker is killed. Each
transfer comes to one end, each of its steps is taken once, and no cent is lost or made.

usage: test_transfers.py BANK [--seconds N] [--clients N] [--accounts N] [--instances N] [--partitions N]"""

import argparse
import collections
import random
import signal
import threading
import time

import harness
from hammer import Api, Faults, Instance, Unknown
from harness import end, say, until

FIRST_CENTS = 100000
ENDS = {"DONE", "REFUSED", "RETURNED"}
LONG_MS = 3600000


def parse_arguments():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--seconds", type=int, default=30)
    arguments.add_argument("--clients", type=int, default=4)
    arguments.add_argument("--accounts", type=int, default=20)
    arguments.add_argument("--instances", type=int, default=3)
    arguments.add_argument("--partitions", type=int, default=4)
    return arguments.parse_args()


class Caller:
    """Sends each command, with its id, until it is answered."""

    def __init__(self, chance, ports):
        self.random = chance
        self.apis = [Api(port) for port in ports]

    def execute(self, aggregate, identity, command, arguments):
        while True:
            try:
                status, _, answer = self.random.choice(self.apis).call(
                    "POST", f"/aggregates/{aggregate}/{identity}/commands/{command}", arguments,
                    {"Idempotency-Key": f"{command}-{identity}"})
            except Unknown:
                status = 503
            if status == 200:
                return
            assert status in (429, 500, 502, 503, 504), f"{command} of {identity}: {status}: {answer}"
            time.sleep(self.random.uniform(0.01, 0.2))  # as a caller that is not answered does


class Client(Caller):
    """Requests transfers: most can be made; some are of too much, to no one, or have no time."""

    def __init__(self, number, chance, ports, accounts, stop):
        super().__init__(chance, ports)
        self.number, self.accounts, self.stop = number, accounts, stop
        self.wanted = {}
        self.failure = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            while not self.stop.is_set():
                self.request(f"transfer-{self.number}-{len(self.wanted)}")
                self.stop.wait(self.random.uniform(0.0, 0.1))
        except BaseException as failure:  # told by whoever joins it
            self.failure = failure

    def request(self, identity):
        source, target = self.random.sample(self.accounts, 2)
        kind = self.random.random()
        wanted = {"from": source, "to": target if kind > 0.15 else f"none-{identity}",
                  "amount_cents": FIRST_CENTS * 1000 if kind > 0.9 else self.random.randrange(1, 1000),
                  "within_ms": 1 if 0.8 < kind <= 0.9 else LONG_MS}
        self.wanted[identity] = wanted
        self.execute("transfer", identity, "RequestTransfer", wanted)


def stages(shop):
    return {row["id"]: row["state"]["stage"] for row in shop.lines("state", "transfer", "--all")}


def are_all_over(shop, wanted):
    seen = stages(shop)
    return seen.keys() == wanted.keys() and set(seen.values()) <= ENDS


def steps_of(shop):
    """What each transfer has moved, in no order, and how often it was refused."""
    moved, refused = collections.defaultdict(collections.Counter), collections.Counter()
    for event in shop.lines("tail", "account", "--from", "beginning"):
        if event["type"] == "bank.MoneyMoved":
            moved[event["data"]["transfer"]][event["id"], event["data"]["amount_cents"]] += 1
        elif event["type"] == "bank.MoveRefused":
            refused[event["data"]["transfer"]] += 1
    return moved, refused


def check_steps(shop, wanted):
    moved, refused = steps_of(shop)
    for identity, stage in stages(shop).items():
        of = wanted[identity]
        source, target, cents = of["from"], of["to"], of["amount_cents"]
        expected = {"DONE": {(source, -cents): 1, (target, cents): 1},
                    "RETURNED": {(source, -cents): 1, (source, cents): 1},
                    "REFUSED": {}}[stage]
        assert moved[identity] == expected, f"{identity} is {stage}: {dict(moved[identity])}, expected {expected}"
        assert refused[identity] <= (stage != "DONE"), f"{identity} is {stage}, and was refused {refused[identity]} times"
    assert set(moved) <= set(wanted), f"moved by no one: {sorted(set(moved) - set(wanted))[:5]}"


def check_stages(shop):
    """Each transfer goes through a stage once."""
    seen = collections.Counter((event["id"], event["data"]["stage"])
                               for event in shop.lines("tail", "transfer", "--from", "beginning"))
    twice = [what for what, times in seen.items() if times > 1]
    assert not twice, f"twice: {twice[:5]}"
    counts = collections.Counter(stage for _, stage in seen)
    for stage in (*ENDS, "EXPIRED"):
        assert counts[stage] > 0, f"not one transfer is {stage}: nothing is tried by this"
    return counts


def check(shop, accounts, wanted):
    counts = check_stages(shop)
    check_steps(shop, wanted)
    states = shop.lines("state", "account", "--all")
    total = sum(row["state"]["balance_cents"] for row in states)
    assert total == len(accounts) * FIRST_CENTS, f"{total} cents, of {len(accounts) * FIRST_CENTS}"
    say(f"{len(wanted)} transfers, {dict(counts)}: each step was taken once, and all the money is there")


def play(arguments, chance, broker, shop):
    for aggregate in ("account", "transfer"):
        shop.call("topics", "create", aggregate, "--partitions", str(arguments.partitions))
    instances = [Instance(shop, f"bank{i}") for i in range(arguments.instances)]
    for instance in instances:
        instance.start()
    ports = [instance.port for instance in instances]
    accounts = [f"account-{i:02d}" for i in range(arguments.accounts)]
    caller = Caller(random.Random(chance.getrandbits(64)), ports)
    for account in accounts:
        caller.execute("account", account, "CreateAccount", {"owner": account})
        caller.execute("account", account, "DepositMoney", {"amount_cents": FIRST_CENTS})

    stop = threading.Event()
    clients = [Client(i, random.Random(chance.getrandbits(64)), ports, accounts, stop) for i in range(arguments.clients)]
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
        client.thread.join(timeout=120)
        if client.failure is not None:
            raise client.failure
        assert not client.thread.is_alive(), "a request is not answered"
    say(f"faults: {dict(faults.counts)}")
    wanted = {identity: of for client in clients for identity, of in client.wanted.items()}
    until("all transfers are over", 120, lambda: are_all_over(shop, wanted))
    for instance in instances:
        assert end(instance.process, signal.SIGTERM) == 0, f"{instance.name} does not end in order"
    check(shop, accounts, wanted)
    for aggregate in ("account", "transfer"):
        shop.call("audit", aggregate)
        shop.call("snapshots", "verify", aggregate)
    say("audit and snapshots verify find nothing")


def main():
    arguments = parse_arguments()
    chance = harness.seeded()
    broker = harness.Broker("transfers")
    shop = harness.Shop(arguments.program, broker.address, ["kafka.session.timeout.ms=6000"])
    with harness.played_on(broker, shop):
        play(arguments, chance, broker, shop)


if __name__ == "__main__":
    main()
